# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the panels show, as far as it can be known without a window. How it looks is for tests/gui."""

from __future__ import annotations

import inspect
import time
import types

import bpy
import pytest

from gptimage_addon import blender, core, imaging, late, library
from gptimage_addon.blender.host import JobView, host
from gptimage_addon.blender.images import set_provenance
from gptimage_addon.blender.materials import FINDINGS, picture_node
from gptimage_addon.core.errors import KeyMissingError, QuotaError, RateLimitError, Repair, WorkerError
from gptimage_addon.core.protocol import ConnectionChecked, KeyState, ModelInfo
from gptimage_addon.core.request import JobState, Landing, Place, Service, ServiceKind
from gptimage_addon.operators.report import REFUSAL
from gptimage_addon.operators.texture import texture_targets
from gptimage_addon.ui import change, gallery, panels, references, status, touch_up
from tests.support.layout import Layout
from tests.support.scenes import editor, finished, plan_for, select

PANELS = (*touch_up.classes, *panels.classes, *change.classes,
          *(cls for cls in (*references.classes, *gallery.classes) if issubclass(cls, bpy.types.Panel)))


@pytest.fixture(autouse=True)
def measures(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sidebar of 300 pixels: without a screen its width is 1 and Blender's interface scale 0."""
    context = types.SimpleNamespace(region=types.SimpleNamespace(width=300),
                                    preferences=types.SimpleNamespace(system=types.SimpleNamespace(ui_scale=1.0)))
    monkeypatch.setattr(status, "bpy", types.SimpleNamespace(context=context, types=bpy.types))


def draw(cls: type[bpy.types.Panel], **space: object) -> Layout:
    """What the panel shows in its own editor, or nothing where it is hidden."""
    layout = Layout()
    with editor(cls.bl_space_type, **space):
        if not hasattr(cls, "poll") or cls.poll(bpy.context):
            cls.draw(types.SimpleNamespace(
                layout=layout, **{name: getattr(cls, name) for name in vars(cls) if name.startswith("_draw_")}), bpy.context)
    return layout


def named(name: str) -> type[bpy.types.Panel]:
    return next(cls for cls in PANELS if cls.__name__ == name)


def show_all(image: bpy.types.Image | None, tree: bpy.types.NodeTree | None) -> dict[str, Layout]:
    spaces = {'VIEW_3D': {}, 'IMAGE_EDITOR': {"image": image}, 'NODE_EDITOR': {"pin": tree is not None, "node_tree": tree}}
    return {cls.__name__: draw(cls, **spaces[cls.bl_space_type]) for cls in PANELS}


def view_in(state: JobState, **facts: object) -> JobView:
    planned = plan_for(Service(), prompt=f"a {state} wall", partial_images=2)
    view = host.jobs[planned.job.id] = JobView(planned.job, host.journal.read_record(planned.job.id)._replace(
        state=state, **facts))
    return view


def test_every_panel_draws_in_an_empty_scene(cube: bpy.types.Object) -> None:
    shown = show_all(None, None)
    assert "No jobs yet" in shown["GPTIMAGE_PT_queue"].text
    assert shown["GPTIMAGE_PT_image_origin"].text == ""             # hidden: the picture is not ours
    bpy.ops.wm.read_homefile(use_empty=True)
    show_all(None, None)


def test_drawing_loads_no_module(cube: bpy.types.Object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that load when they are used: as if none had been yet."""
    done = finished(plan_for(Service(), Landing(place=Place.REPLACE_SLOT, targets=texture_targets([cube])), n=2))
    host.pump()
    image = bpy.data.images[done.landed.images[0]]
    for package in (blender, core, imaging, library):
        for name in inspect.getclosurevars(package.__getattr__).nonlocals["names"]:
            monkeypatch.delattr(package, name, raising=False)

    def load(name: str) -> None:
        raise AssertionError(f"drawing loads {name}")

    monkeypatch.setattr(late, "import_module", load)
    bpy.context.scene.gptimage.area, bpy.context.scene.gptimage.use_marks = "whole", True
    show_all(image, cube.active_material.node_tree)
    with pytest.raises(AssertionError, match="drawing loads"):
        _ = blender.coverage


def test_every_panel_draws_with_jobs_in_every_state_and_a_result(cube: bpy.types.Object) -> None:
    done = finished(plan_for(Service(), Landing(place=Place.REPLACE_SLOT, targets=texture_targets([cube])), n=2))
    host.pump()
    image = bpy.data.images[done.landed.images[0]]
    for state in JobState:
        error = QuotaError("No credit is left", request_id="req_1").to_dict() if state is JobState.FAILED else None
        view_in(state, sent_at=0.0 if state is JobState.QUEUED else time.time() - 5, error=error, partials=("a",))
    view_in(JobState.DONE).recovered = True
    view_in(JobState.QUEUED, note="Too many requests. Attempt 2 in 4 s")
    host.trouble = WorkerError("The helper process ended unexpectedly")
    node = picture_node(cube.active_material)
    cube.active_material.node_tree.nodes.active = node
    shown = show_all(image, cube.active_material.node_tree)
    assert "The helper process ended unexpectedly" in shown["GPTIMAGE_PT_queue"].text
    origin = shown["GPTIMAGE_PT_image_origin"].text
    assert "weathered red brick" in origin and "Practice picture, free" in origin
    for name in ("GPTIMAGE_PT_texture", "GPTIMAGE_PT_image", "GPTIMAGE_PT_node"):
        assert "Variant 1 of 2" in shown[name].text, name
        steps = [button.step for idname, button in shown[name].buttons if idname == "gptimage.step_variant"]
        assert sorted(steps) == [-1, 1]
    (start,) = [b for idname, b in shown["GPTIMAGE_PT_node"].buttons if idname == "gptimage.generate_texture"]
    assert start.node is True


@pytest.mark.parametrize("state", JobState)
def test_each_state_offers_what_can_be_done(state: JobState) -> None:
    view_in(state, sent_at=time.time())
    queue = draw(named("GPTIMAGE_PT_queue"))
    offered = {name for name, _ in queue.buttons} - {"gptimage.recover_results"}
    if state is JobState.DONE or not state.is_final:        # done and not landed yet is still under way
        assert offered == {"gptimage.cancel_job", "gptimage.cancel_all", "gptimage.pause_queue"}
    else:
        assert offered == {"gptimage.retry_job", "gptimage.dismiss_job"}


@pytest.mark.parametrize(("error", "action"), [
    (KeyMissingError("no key"), "OPEN_KEY_SETTINGS"), (RateLimitError("too fast"), None),
    *((WorkerError("x", repair=repair), str(repair)) for repair in Repair if repair),
])
def test_an_error_has_its_repair_button(error: WorkerError, action: str | None) -> None:
    layout = Layout()
    with editor('VIEW_3D'):
        status.draw_error(layout, error)
    assert error.message in layout.text
    assert [str(button.action) for _, button in layout.buttons] == ([action] if action else [])


@pytest.mark.parametrize(("words", "line"), [
    # OpenAI's own table: 1024x1024 at medium $0.0132, at high $0.0527; the prompt's words come on top.
    ({"quality": "medium"}, "Free. Would have cost $0.0136"), ({"quality": "high"}, "Free. Would have cost $0.0531"),
    ({"quality": "medium", "n": 10}, "Free. Would have cost $0.13"),
    ({"model": "gpt-image-2.6-flare"}, "Free. Would have cost about $0.0531 (estimate)"),
    ({"prompt": ""}, "Write a prompt to see the price"),
    ({"size_preset": "CUSTOM", "custom_size": (512, 512)}, "512x512 is not a size the service makes"),
])
def test_the_price_line(cube: bpy.types.Object, words: dict[str, object], line: str) -> None:
    settings = bpy.context.scene.gptimage
    for name, value in ({"prompt": "brick"} | words).items():
        setattr(settings, name, value)
    layout = draw(named("GPTIMAGE_PT_texture"))
    assert line in layout.text
    can_send = line.startswith("Free")
    assert (layout.strings[REFUSAL] == "") == can_send
    assert ("made locally" in layout.text) == can_send


def test_the_texture_panel_says_where_the_picture_goes(cube: bpy.types.Object) -> None:
    settings = bpy.context.scene.gptimage
    settings.prompt = "brick"
    assert not "box projection" in draw(named("GPTIMAGE_PT_texture")).text
    cube.data.uv_layers.remove(cube.data.uv_layers[0])
    assert "Cube has no UV map: box projection" in draw(named("GPTIMAGE_PT_texture")).text
    select()
    nothing = draw(named("GPTIMAGE_PT_texture"))
    assert "No object is selected" in nothing.strings[REFUSAL]
    settings.texture_place = "image"
    assert draw(named("GPTIMAGE_PT_texture")).strings[REFUSAL] == ""


def test_the_touch_up_panel_says_what_is_changed_and_what_it_costs(cube: bpy.types.Object) -> None:
    scene, image = bpy.context.scene, bpy.data.images.new("Wall", 1536, 1024)
    shown = draw(named("GPTIMAGE_PT_touch_up"), image=image)
    assert "There is no render border" in shown.text and "There is no render border" in shown.strings[REFUSAL]
    scene.render.use_border = True
    scene.render.border_min_x, scene.render.border_max_x = 0.25, 0.5
    scene.render.border_min_y, scene.render.border_max_y = 0.25, 0.75
    shown = draw(named("GPTIMAGE_PT_touch_up"), image=image)
    assert "384 x 512 px, sends " in shown.text and "Free. Would have cost $0.0" in shown.text
    assert "No prompt: removes it" in shown.text and shown.strings[REFUSAL] == ""
    scene.gptimage.prompt = "ivy on the wall"
    assert "No prompt" not in draw(named("GPTIMAGE_PT_touch_up"), image=image).text


def test_a_touch_up_waits_to_be_accepted(cube: bpy.types.Object) -> None:
    parent = bpy.data.images.new("Wall", 64, 64)
    variants = [bpy.data.images.new("Wall Touch-Up", 64, 64) for _ in range(3)]
    for number, image in enumerate(variants, 1):
        set_provenance(image, {"job_id": "j", "kind": "touch_up", "parent": "Wall", "variants_of": "j",
                               "variant": number, "variants": 3})
    cube["keeps"] = variants[2]
    shown = draw(named("GPTIMAGE_PT_touch_up"), image=variants[0])
    assert "Variant 1 of 3" in shown.text
    assert {name for name, _ in shown.buttons} == {
        "gptimage.step_variant", "gptimage.compare", "gptimage.more_variants", "gptimage.accept_variant", "gptimage.discard_variants"}
    with editor('IMAGE_EDITOR', image=variants[0]):
        assert bpy.ops.gptimage.step_variant(step=1) == {'FINISHED'}
        assert bpy.ops.gptimage.accept_variant() == {'FINISHED'}
        assert bpy.context.space_data.image == variants[1]
        with pytest.raises(RuntimeError, match="No touch-up waits here"):
            bpy.ops.gptimage.accept_variant()
    # The third is used by something else; the first, which the editor has left, is not.
    assert [name for name in bpy.data.images.keys() if name.startswith("Wall")] == [
        "Wall", "Wall Touch-Up.001", "Wall Touch-Up.002"]
    assert not bpy.context.scene.gptimage.show_area

    with editor('IMAGE_EDITOR', image=variants[2]):
        assert bpy.ops.gptimage.discard_variants() == {'FINISHED'}
        assert bpy.context.space_data.image == parent
    assert {"Wall Touch-Up.001", "Wall Touch-Up.002"} <= set(bpy.data.images.keys()), "accepted, or used"


def test_what_the_material_check_found_has_its_buttons(cube: bpy.types.Object) -> None:
    material = cube.active_material

    def mends(text: str) -> list[str]:
        shown = draw(named("GPTIMAGE_PT_texture"))
        assert text in shown.text and "gptimage.check_material" in {idname for idname, _ in shown.buttons}
        return [button.finding for idname, button in shown.buttons if idname == "gptimage.mend_material"]

    assert mends("") == []
    material[FINDINGS] = {}
    assert mends("Checked: nothing to mend") == []
    material[FINDINGS] = {"normal flipped_green": "The normal map's green points down", "ao no_pixels": "The file may be missing"}
    assert mends("green points down") == ["normal flipped_green"]


@pytest.mark.parametrize("kind", ServiceKind)
@pytest.mark.parametrize("source", [None, "environment", "keychain", "file", ""])
def test_the_preferences_draw(kind: ServiceKind, source: str | None) -> None:
    service = Service(kind, "http://127.0.0.1:8080/v1" if kind is ServiceKind.COMPATIBLE else "")
    addon = bpy.context.preferences.addons.new()        # as enabling does, which would register once more
    addon.module = "gptimage_addon"
    stored = addon.preferences
    stored.service = kind.upper()
    if source is not None:
        host.keys[service] = KeyState(service, source, "91c2")
        host.connection = ConnectionChecked(service, (ModelInfo("gpt-image-2.5-flare"), ModelInfo("gpt-image-1.5", "2026-12-01")))
    layout = Layout()
    class Drawn:
        """The stored preferences with this layout, which Blender sets only while it draws."""

        def __getattr__(self, name: str) -> object:
            return layout if name == "layout" else getattr(stored, name)

    with editor('VIEW_3D'):
        type(stored).draw(Drawn(), bpy.context)
    bpy.context.preferences.addons.remove(addon)
    buttons = {name for name, _ in layout.buttons}
    if kind is ServiceKind.PRACTICE:
        assert buttons == {"gptimage.show_spending", "gptimage.export_spending"} and "costs nothing" in layout.text
        return
    assert {"gptimage.store_key", "gptimage.test_connection"} <= buttons
    assert ("gptimage.forget_key" in buttons) == (source in ("keychain", "file"))
    if source is not None:
        assert "2026-12-01" in layout.text


def test_every_operator_has_a_sentence_and_a_title() -> None:
    for name in dir(bpy.ops.gptimage):
        rna = getattr(bpy.ops.gptimage, name).get_rna_type()
        assert rna.description and not rna.description.endswith(".")
        words = [word for word in rna.name.split() if len(word) > 3]
        assert all(word[0].isupper() for word in words), rna.name
        for prop in rna.properties:
            assert prop.identifier == "rna_type" or prop.description, f"{name}.{prop.identifier}"


def test_the_gallery_shows_its_page_and_what_can_be_done() -> None:
    assert [idname for idname, _ in draw(named("GPTIMAGE_PT_gallery")).buttons] == ["gptimage.search_history"]
    entry = core.entries.Entry(
        "a:0", "touch_up", "ivy on the old wall", "gpt-image-2.5-flare", "1024x1024", "high", ServiceKind.OPENAI, "2026-03-01T12:00:00+00:00",
        "jobs/a/results/0.png", 1024, 768, 0.0534, objects=("Wall",), blend="/p/castle/shot.blend", project="castle", camera="Camera", frame=7,
        tags=("hero",), star=True)
    query = core.entries.Query(page=1, page_size=12)
    entries = tuple(entry._replace(id=f"a:{number}") for number in range(12))
    host.gallery.page = core.entries.Page(query, entries, 100)
    state = bpy.context.window_manager.gptimage
    state.gallery_page = 1
    shown = draw(named("GPTIMAGE_PT_gallery"))
    assert "13 to 24 of 100" in shown.text
    assert [button.page for idname, button in shown.buttons if idname == "gptimage.search_history"] == [0, 2]
    assert sum(idname == "gptimage.pick_entry" for idname, _ in shown.buttons) == 12
    assert not any(idname == "gptimage.apply_entry" for idname, _ in shown.buttons)
    state.gallery_entry = "a:3"
    host.gallery.space = core.protocol.Measured(core.protocol.MeasureEntries(("a:3",)), 1, 4_321_000, unlanded=1)
    shown = draw(named("GPTIMAGE_PT_image_gallery"))
    assert "ivy on the old wall" in shown.text and "1024 x 768, $0.0534" in shown.text
    for told in ("For: Wall", "castle/shot.blend", "Camera, frame 7", "hero", "1 picture, 4.3 MB", "never reached a file"):
        assert told in shown.text, told
    doing = {idname for idname, button in shown.buttons if getattr(button, "entry", "") == "a:3"}
    assert {"gptimage.apply_entry", "gptimage.restore_settings", "gptimage.open_entry", "gptimage.measure_entry"} <= doing
    assert sum(idname == "gptimage.delete_measured" for idname, _ in shown.buttons) == 2
    host.gallery.page = core.entries.Page(query._replace(words="zebra", page=0))
    assert "Nothing fits this search" in draw(named("GPTIMAGE_PT_gallery")).text
