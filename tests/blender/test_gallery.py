# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The history inside Blender: what is noted of a job for it, and the gallery, with a real worker."""

from __future__ import annotations

import datetime
import json
import time
import types
import zipfile
from pathlib import Path

import bpy
import pytest

from gptimage_addon.blender import compat
from gptimage_addon.blender.host import JobView, host
from gptimage_addon.blender.images import history_entry, provenance
from gptimage_addon.core.entries import Query
from gptimage_addon.core.request import JobState, Landing, MapKind, Place, Service, ServiceKind, Surface
from gptimage_addon.core.values import to_json
from gptimage_addon.library.history import History
from gptimage_addon.operators.gallery import read_query
from gptimage_addon.operators.gallery_apply import apply_entry, held_against_history
from gptimage_addon.operators.lettering import read_lettering
from gptimage_addon.operators.plan import Reference, plan_job
from gptimage_addon.operators.reference import plan_reference, shown_words
from gptimage_addon.operators.settings import read_settings
from gptimage_addon.operators.surface import plan_surface
from gptimage_addon.operators.texture import plan_texture
from tests.support.pictures import encode, quarters
from tests.support.scenes import editor, finished, image_of, plan_for, select


@pytest.fixture
def red_and_blue() -> tuple[JobView, JobView]:
    """Two jobs that are done and in the journal: a brick of two variants, and a reference that never landed."""
    large = quarters().repeat(8, axis=0).repeat(8, axis=1)      # enough to be made to tile
    brick = finished(plan_for(Service(), prompt="weathered red brick", n=2), [encode(large), encode(large[::-1])])
    host.land(brick)
    sea = finished(plan_job("reference", plan_for(Service()).job.request._replace(prompt="blue sea"), lambda words, roles=(): words, Service(),
                            Landing(Place.EDITOR)))
    for view in (brick, sea):
        host.journal.write_record(view.record)
        del host.jobs[view.job.id]      # else waiting would land the reference
    return brick, sea


def search(words: str = "", **settings: object) -> list[str]:
    """The entries a search finds, by the operator and the worker."""
    for name, value in settings.items():
        setattr(bpy.context.window_manager.gptimage, f"gallery_{name}", value)
    asked("search_history", words=words)
    return [entry.id for entry in host.gallery.page.entries]


def asked(operator: str, **settings: object) -> None:
    assert getattr(bpy.ops.gptimage, operator)(**settings) == {'FINISHED'}
    assert host.wait(20.0) and host.gallery.error is None, host.gallery.error


@pytest.fixture
def indexed(red_and_blue: tuple[JobView, JobView]) -> tuple[JobView, JobView]:
    """The same, in the history."""
    history = History(host.journal.data_dir)
    for view in red_and_blue:
        history.settle(view.job, view.record, host.journal)
    history.close()
    return red_and_blue


def test_a_job_notes_camera_frame_and_what_it_is_made_from() -> None:
    bpy.context.scene.frame_current = 7
    first = finished(plan_for(Service(), n=2))
    host.land(first)
    assert (first.job.camera, first.job.frame, first.job.parents) == ("Camera", 7, ())
    second = image_of(first, 1)
    assert history_entry(second) == f"{first.job.id}:1"
    assert history_entry(bpy.data.images.new("x", 8, 8)) == history_entry(None) == ""
    made = plan_surface(second, Surface("xy"), Landing(Place.INSTEAD)).job
    assert made.parents == (f"{first.job.id}:1",)
    bpy.context.scene.camera = None
    assert plan_for(Service()).job.camera == ""


def test_a_search_is_answered_by_the_worker_with_thumbnails(indexed: tuple[JobView, JobView]) -> None:
    brick, sea = indexed
    assert len(search()) == 3
    assert search("red bri") == [f"{brick.job.id}:1", f"{brick.job.id}:0"]
    for entry in host.gallery.page.entries:
        assert (host.journal.data_dir / entry.thumbnail).is_file() and entry.thumbnail in host.gallery._previews
    before = host.gallery._previews
    assert search("sea") == [f"{sea.job.id}:0"]
    assert host.gallery._previews is not before and len(host.gallery._previews) == 1, "thumbnails of another page are kept"
    assert host.gallery.entry(f"{brick.job.id}:0") is None


def test_a_job_that_ends_is_in_the_gallery() -> None:
    host.gallery.search(Query())
    assert host.wait(20.0) and host.gallery.page.entries == ()
    host.gallery._old = False
    view = host.submit(plan_for(Service()).job)
    assert host.wait(30.0) and view.landed
    end = time.monotonic() + 20.0
    while not host.gallery._old and time.monotonic() < end:     # the worker says so by itself
        host.pump()
        time.sleep(0.01)
    assert search("brick") == [f"{view.job.id}:0"]


def test_what_is_set_is_what_is_searched() -> None:
    settings = bpy.context.window_manager.gptimage
    assert read_query(bpy.context) == Query(page_size=12)
    settings.gallery_words, settings.gallery_kind, settings.gallery_model = "ivy", "touch_up", " gpt-image-2 "
    settings.gallery_object, settings.gallery_starred, settings.gallery_page = "Wall", True, 3
    settings.gallery_use_price, settings.gallery_usd_from, settings.gallery_usd_to = True, 0.05, 0.5
    settings.gallery_period, settings.gallery_since, settings.gallery_until = "CUSTOM", "2026-02-28", "2026-02-28"
    query = read_query(bpy.context)
    midnight = datetime.datetime(2026, 2, 28).timestamp()
    assert query == Query("ivy", "touch_up", "gpt-image-2", "Wall", "", midnight, datetime.datetime(2026, 3, 1).timestamp(), 0.05, 0.5, True, "", 3, 12)
    settings.gallery_since = settings.gallery_until = "next week"
    assert read_query(bpy.context)[5:7] == (0.0, 0.0)
    settings.gallery_period = "7"
    today = datetime.datetime.combine(datetime.date.today(), datetime.time())
    assert read_query(bpy.context).since_s == (today - datetime.timedelta(days=6)).timestamp()
    bpy.ops.gptimage.clear_search()
    assert read_query(bpy.context) == Query(page_size=12)


def test_star_and_tags_are_kept_in_the_jobs_folder(indexed: tuple[JobView, JobView]) -> None:
    brick, _ = indexed
    name = f"{brick.job.id}:1"
    search("brick")
    asked("star_entry", entry=name)
    asked("tag_entry", entry=name, tags=" hero, wall,,hero ")
    assert search("hero") == [name] and search(starred=True) == [name]
    assert host.gallery.page.entries[0].tags == ("hero", "wall")
    assert json.loads((host.journal.folder(brick.job.id) / "notes.json").read_bytes()) == {"1": {"star": True, "tags": ["hero", "wall"]}}
    asked("star_entry", entry=name)
    assert search("hero", starred=False) == [name] and not host.gallery.page.entries[0].star


BACK = pytest.mark.parametrize("way", ["restore_settings", "copy_job"])


def bring_back(way: str, view: JobView) -> None:
    """The job's settings into the panel, from the history or from the queue."""
    host.journal.write_record(view.record)
    named = {"entry": f"{view.job.id}:0"} if way == "restore_settings" else {"job_id": view.job.id}
    assert getattr(bpy.ops.gptimage, way)(**named) == {'FINISHED'}


@BACK
def test_settings_come_back_exactly(way: str) -> None:
    panel = bpy.context.scene.gptimage
    wanted = {"prompt": "old oak", "model": "CUSTOM", "custom_model": "my-model", "quality": "high", "n": 3, "background": "transparent",
              "output_format": "webp", "output_compression": 70, "moderation": "low", "partial_images": 2, "size_preset": "CUSTOM",
              "custom_size": (1040, 1056), "tiling": "x", "even": 0.25, "delight": 0.5, "maps": {"normal", "height"}, "relief_m": 0.125,
              "displace": True,
              "scale_m": 2.5, "texture_place": "append_slot", "share_material": False, "asset": True, "alpha": "clip",
              "prefix": "oil painting,", "suffix": "at dusk", "input_fidelity": "high", "batch": True}
    for name, value in wanted.items():
        setattr(panel, name, value)
    words = read_settings(panel)
    landing = Landing(Place.APPEND_SLOT, share_material=False, scale_m=2.5, asset=True, alpha="clip")
    sent = [Reference("Look", 8, 8, "style", encode(quarters()))]
    surface = Surface("x", 0.25, 0.5, (MapKind.NORMAL, MapKind.HEIGHT), 2.5, 0.125, displace=True)
    planned = plan_texture(words, Service(ServiceKind.COMPATIBLE, "http://127.0.0.1:1/v1"), landing, sent, surface)
    view = finished(planned)
    for name in wanted:
        panel.property_unset(name)
    bring_back(way, view)
    assert read_settings(panel) == words
    for name, value in wanted.items():
        found = getattr(panel, name)
        assert (tuple(found) if name == "custom_size" else found) == value, name
    plain = finished(plan_texture(words._replace(input_fidelity="", prefix="", suffix=""), planned.job.service, Landing(Place.IMAGE), sent))
    bring_back(way, plain)
    assert (panel.prefix, panel.suffix, panel.input_fidelity, panel.tiling, panel.delight, panel.maps) == ("", "", "auto", "none", 0.0, set())


@BACK
@pytest.mark.parametrize("text", ["", "BAKERY\nsince 1901"])
def test_lettering_and_the_cameras_shape_come_back(way: str, text: str) -> None:
    panel = bpy.context.scene.gptimage
    font = bpy.data.fonts.load(str(next(path for path in sorted(Path(bpy.utils.system_resource('DATAFILES', path="fonts")).iterdir())
                                        if path.suffix in {".ttf", ".otf", ".woff2"} and path.stem != "Inter")))
    wanted = {"prompt": "a sign", "quality": "low", "reference_place": "plane", "match_camera": True, "use_letters": True, "letters": "BAKERY",
              "letters_align": "left", "letters_overlay": True, "letters_blend": "multiply", "letters_font": font.name}
    for name, value in wanted.items():
        setattr(panel, name, value)
    panel.letters_box, panel.letters_color = (0.125, 0.25, 0.5, 0.75), (0.5, 0.25, 1.0)
    if text:
        panel.letters_text = bpy.data.texts.new("Sign")
        panel.letters_text.from_string(text)
    size = panel.size_preset = "LANDSCAPE"
    assert bpy.ops.gptimage.generate_reference() == {'FINISHED'}
    view, = host.jobs.values()
    assert host.wait(60.0)
    lettering, shown = read_lettering(panel), shown_words(panel, bpy.context.scene)
    for name in (*wanted, "letters_box", "letters_color", "letters_text"):
        panel.property_unset(name)
    bring_back(way, view)
    assert read_lettering(panel) == lettering == view.job.lettering and shown_words(panel, bpy.context.scene) == shown
    assert {name: getattr(panel, name) for name in wanted} == wanted and panel.size_preset == size
    plain = finished(plan_reference(read_settings(panel), Service(), Landing(Place.CAMERA)))
    bring_back(way, plain)
    assert (panel.use_letters, panel.match_camera, panel.reference_place) == (False, False, "camera")


@BACK
def test_a_style_sheet_of_another_look_is_not_used_for_what_came_back(way: str) -> None:
    panel = bpy.context.scene.gptimage
    panel.prompt, panel.quality = "old oak", "high"
    plain = finished(plan_texture(read_settings(panel), Service(), Landing(Place.IMAGE)))
    assert bpy.ops.gptimage.new_style_sheet() == {'FINISHED'}
    style = panel.style_sheet.gptimage_style
    style.words, panel.use_style_sheet = "woodcut", True
    styled = finished(plan_texture(read_settings(panel), Service(), Landing(Place.IMAGE)))
    bring_back(way, styled)
    assert panel.use_style_sheet and read_settings(panel).style
    bring_back(way, plain)
    assert not panel.use_style_sheet and read_settings(panel) == plain.job.request._replace(prompt="old oak")


def test_one_variant_is_applied_to_what_is_selected_now(red_and_blue: tuple[JobView, JobView], cube: bpy.types.Object) -> None:
    brick, _ = red_and_blue
    bpy.ops.mesh.primitive_plane_add()
    plane = bpy.context.object
    select(plane)
    name = f"{brick.job.id}:1"
    assert bpy.ops.gptimage.apply_entry(entry=name) == {'FINISHED'}
    image = plane.active_material.node_tree.nodes["GPT Image"].image
    assert history_entry(image) == name and provenance(image)["variant"] == 2
    assert image.packed_file.data == (host.journal.folder(brick.job.id) / "results/1.png").read_bytes()
    assert cube.active_material is None or cube.active_material != plane.active_material
    select()
    with pytest.raises(RuntimeError, match="No selected object"):
        bpy.ops.gptimage.apply_entry(entry=name)


def test_a_reference_goes_onto_the_selected_empty(red_and_blue: tuple[JobView, JobView]) -> None:
    _, sea = red_and_blue
    bpy.ops.object.empty_add()
    empty = bpy.context.object
    assert bpy.ops.gptimage.apply_entry(entry=f"{sea.job.id}:0") == {'FINISHED'}
    assert empty.empty_display_type == 'IMAGE' and history_entry(empty.data) == f"{sea.job.id}:0"
    assert len([obj for obj in bpy.data.objects if obj.type == 'EMPTY']) == 1


def test_it_is_applied_as_the_panel_says(red_and_blue: tuple[JobView, JobView], cube: bpy.types.Object) -> None:
    """A reference on a plane before the camera; a transparent texture clipped."""
    brick, sea = red_and_blue
    panel = bpy.context.scene.gptimage
    panel.reference_place, panel.alpha = "plane", "clip"
    select()
    landed = apply_entry(bpy.context, f"{sea.job.id}:0")
    assert landed.complete and "on the plane" in landed.message
    job = brick.job._replace(request=brick.job.request._replace(background="transparent"))
    (host.journal.folder(job.id) / "request.json").write_text(json.dumps({"version": 1, **to_json(job)}))
    select(cube)
    apply_entry(bpy.context, f"{job.id}:0")
    names = {node.operation for node in cube.active_material.node_tree.nodes if node.bl_idname == "ShaderNodeMath"}
    assert 'GREATER_THAN' in names


def test_the_active_node_takes_any_picture(red_and_blue: tuple[JobView, JobView], cube: bpy.types.Object) -> None:
    brick, sea = red_and_blue
    material = bpy.data.materials.new("Wall")
    node = compat.enable_nodes(material).nodes.new("ShaderNodeTexImage")
    material.node_tree.nodes.active = node
    cube.active_material = material
    # A Shader Editor as it is with a window: without one it has no tree to edit.
    space = types.SimpleNamespace(edit_tree=material.node_tree, id=material)
    context = types.SimpleNamespace(space_data=space, object=cube, scene=bpy.context.scene, selected_objects=[])
    for view in (sea, brick):
        assert apply_entry(context, f"{view.job.id}:0").complete
        assert history_entry(node.image) == f"{view.job.id}:0"


def test_a_texture_goes_onto_an_empty_if_nothing_else_is_selected(red_and_blue: tuple[JobView, JobView], cube: bpy.types.Object) -> None:
    brick, _ = red_and_blue
    bpy.ops.object.empty_add()
    empty = bpy.context.object
    assert bpy.ops.gptimage.apply_entry(entry=f"{brick.job.id}:0") == {'FINISHED'} and history_entry(empty.data) == f"{brick.job.id}:0"
    select(empty, cube)
    empty.data = None
    assert bpy.ops.gptimage.apply_entry(entry=f"{brick.job.id}:1") == {'FINISHED'} and empty.data is None
    assert history_entry(cube.active_material.node_tree.nodes["GPT Image"].image) == f"{brick.job.id}:1"


def test_opening_shows_the_image_that_is_there_already(red_and_blue: tuple[JobView, JobView]) -> None:
    brick, sea = red_and_blue
    count = len(bpy.data.images)
    with editor('IMAGE_EDITOR'):
        bpy.ops.gptimage.open_entry(entry=f"{brick.job.id}:1")
        assert bpy.context.space_data.image == image_of(brick, 1) and len(bpy.data.images) == count
        bpy.ops.gptimage.open_entry(entry=f"{sea.job.id}:0")
        assert history_entry(bpy.context.space_data.image) == f"{sea.job.id}:0" and len(bpy.data.images) == count + 1


def test_two_pictures_are_compared_in_the_image_editor(red_and_blue: tuple[JobView, JobView]) -> None:
    brick, sea = red_and_blue
    settings = bpy.context.window_manager.gptimage
    with pytest.raises(RuntimeError, match="No Image Editor"):
        bpy.ops.gptimage.compare_entry(entry=f"{sea.job.id}:0")
    with editor('IMAGE_EDITOR', image=image_of(brick)):
        with pytest.raises(RuntimeError, match="Select another"):
            bpy.ops.gptimage.compare_entry(entry=f"{brick.job.id}:0")
        bpy.ops.gptimage.compare_entry(entry=f"{sea.job.id}:0")
        assert held_against_history(bpy.context) == image_of(brick)
        assert history_entry(bpy.data.images[settings.before]) == f"{sea.job.id}:0"
        bpy.context.space_data.image = image_of(brick, 1)
        assert held_against_history(bpy.context) is None
        bpy.ops.gptimage.compare_entry(entry=f"{sea.job.id}:0")
        assert settings.compared == settings.before == ""


def test_deleting_tells_first_and_then_deletes(indexed: tuple[JobView, JobView]) -> None:
    brick, sea = indexed
    search("sea")
    with pytest.raises(RuntimeError, match="Nothing was measured"):
        bpy.ops.gptimage.delete_measured()
    asked("measure_entry", entry=f"{sea.job.id}:0")
    folder = host.journal.folder(sea.job.id)
    space = host.gallery.space
    assert (space.count, space.unlanded) == (1, 1)
    assert space.size_bytes == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    asked("delete_measured", keep=True)
    assert folder.exists() and host.gallery.space is None
    asked("measure_entry", entry=f"{sea.job.id}:0")
    asked("delete_measured")
    assert not folder.exists() and host.gallery.told.startswith("Deleted 1 picture")
    assert len(search()) == 2 and image_of(brick)
    asked("measure_old")
    assert host.gallery.space.count == 0            # nothing is as old


@pytest.mark.parametrize("operator", ["apply_entry", "restore_settings", "open_entry", "open_entry_folder"])
@pytest.mark.parametrize(("entry", "told"), [("", "no entry"), ("x", "no entry"), ("gone:0", "folder is gone")])
def test_what_is_not_there_is_told(operator: str, entry: str, told: str) -> None:
    with pytest.raises(RuntimeError, match=told):
        getattr(bpy.ops.gptimage, operator)(entry=entry)


def test_out_to_a_file_and_in_on_another_machine(indexed: tuple[JobView, JobView], tmp_path: Path) -> None:
    brick, sea = indexed
    search()
    with pytest.raises(RuntimeError, match="No file"):
        bpy.ops.gptimage.export_history()
    asked("export_history", filepath=str(tmp_path / "page.zip"))
    assert host.gallery.told == "3 pictures written to page.zip"
    with zipfile.ZipFile(tmp_path / "page.zip") as file:
        assert f"jobs/{sea.job.id}/results/0.png" in file.namelist()
    worker = host.reset()
    assert worker.wait(20.0)
    host.data_dir = tmp_path / "other"
    asked("import_history", filepath=str(tmp_path / "page.zip"))
    assert host.gallery.told == "3 pictures imported"
    assert len(search()) == 3 and not host.jobs
    (tmp_path / "bad.zip").write_bytes(b"no")
    bpy.ops.gptimage.import_history(filepath=str(tmp_path / "bad.zip"))
    assert host.wait(20.0) and "no sound zip" in host.gallery.error.message


def test_relatives(indexed: tuple[JobView, JobView]) -> None:
    brick, _ = indexed
    child = plan_surface(image_of(brick, 1), Surface("xy"), Landing(Place.INSTEAD))
    host.submit(child.job, child.inputs)
    assert host.wait(60.0)
    search(words="brick")
    asked("related_entries", entry=f"{brick.job.id}:1")
    end = time.monotonic() + 20.0
    while len(host.gallery.page.entries) < 2 and time.monotonic() < end:        # it comes a moment after the job is done
        asked("related_entries", entry=f"{brick.job.id}:1")
    assert {entry.id for entry in host.gallery.page.entries} == {f"{brick.job.id}:1", f"{child.job.id}:0"}


def test_a_later_version_of_the_history_is_told() -> None:
    history = History(_made(host.journal.data_dir))
    history._database.execute("PRAGMA user_version = 99")
    history.close()
    bpy.ops.gptimage.search_history()
    assert host.wait(20.0)
    assert "later version" in host.gallery.error.message and host.gallery.error.hint
    view = host.submit(plan_for(Service()).job)
    assert host.wait(30.0) and view.record.state is JobState.DONE


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
