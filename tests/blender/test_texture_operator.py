# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import bpy
import numpy as np
import pytest

from gptimage_addon.blender.host import JobView, host
from gptimage_addon.blender.images import provenance
from gptimage_addon.blender.materials import picture_node
from gptimage_addon.core.request import Landing, Place, Request, Service
from gptimage_addon.operators.texture import texture_targets
from tests.support.pictures import decode
from tests.support.scenes import finished, image_of, job_folders, pixels_of, plan_for, select


def generate(**properties: object) -> JobView:
    """The job that the operator has started."""
    before = set(host.jobs)
    assert bpy.ops.gptimage.generate_texture(**properties) == {'FINISHED'}
    (job_id,) = set(host.jobs) - before
    return host.jobs[job_id]


def refused(**properties: object) -> str:
    """What the operator says instead of starting a job."""
    with pytest.raises(RuntimeError) as told:
        bpy.ops.gptimage.generate_texture(**properties)
    assert not host.jobs and host.worker_pid is None
    return str(told.value)


def test_words_become_a_material_on_the_selected_objects(cube: bpy.types.Object, tmp_path: Path) -> None:
    bpy.ops.mesh.primitive_uv_sphere_add(location=(4, 0, 0))
    sphere = bpy.context.object
    select(cube, sphere)
    other = bpy.data.objects["Light"]
    # A price from OpenAI's own table: 439 tokens at 30 USD a million, and a few words at 5.
    view = generate(prompt="weathered red brick, mossy", quality="medium", size="1024x1024", model="gpt-image-2.5-flare")
    assert 0 < view.job.estimate_usd - 439 * 30e-6 < 100 * 5e-6
    assert bpy.ops.gptimage.wait(timeout_s=60) == {'FINISHED'}
    assert view.error is None and view.landed.complete, view.record

    material = cube.active_material
    assert material == sphere.active_material and material.name == "Weathered Red Brick Mossy"
    image = picture_node(material).image
    assert image == image_of(view) and image.name == "Weathered Red Brick Mossy (Practice)"
    assert tuple(image.size) == (1024, 1024)
    assert other.type == 'LIGHT' and not other.material_slots
    (result,) = (tmp_path / "data" / "jobs" / view.job.id / "results").iterdir()
    assert bytes(image.packed_file.data) == result.read_bytes()
    expected = decode(result.read_bytes()).astype(float)
    assert np.abs(pixels_of(image) * 255 - expected).max() < 0.6
    # "red brick": whatever the pattern, the picture is more red than green or blue.
    assert expected[..., 0].mean() > expected[..., 1].mean() + 20

    facts = provenance(image)
    assert facts["prompt"] == "weathered red brick, mossy" and facts["job_id"] == view.job.id
    assert (facts["model"], facts["quality"], facts["size"]) == ("gpt-image-2.5-flare", "medium", "1024x1024")
    assert facts["cost_usd"] == 0.0 and facts["service"] == "practice" and facts["parent"] == ""
    assert (facts["variant"], facts["variants"]) == (1, 1)
    assert abs((datetime.now(UTC) - datetime.fromisoformat(facts["date"])).total_seconds()) < 120


# Every setting, with a value that is neither the default nor the panel's, and the panel's own.
SETTINGS = {
    "prompt": ("blue tiles", "from the panel"), "model": ("gpt-image-2.6-flare", "gpt-image-2.5-sunburst"),
    "quality": ("low", "max"), "n": (3, 2), "background": ("opaque", "transparent"),
    "output_format": ("jpeg", "webp"), "output_compression": (40, 60), "moderation": ("low", "auto"),
    "partial_images": (2, 1), "size": ("1536x1024", "2048x2048"),
}
CUSTOM = {"custom_model": ("sd-turbo", "")}


@pytest.fixture
def panel() -> bpy.types.PropertyGroup:
    settings = bpy.context.scene.gptimage
    for name, (_, value) in SETTINGS.items():
        if name != "size":
            setattr(settings, name, value)
    settings.size_preset = "SQUARE_2K"
    return settings


def request_of(view: JobView) -> dict[str, object]:
    """What is asked, with the artist's own words as prompt."""
    assert isinstance(view.job.request, Request)
    facts = {name: getattr(view.job.request, name) for name in SETTINGS}
    return {**facts, "prompt": view.job.prompt}


# What belongs to the panel alone: other forms of a setting, how masks are made, what is drawn, where touch-ups go once accepted; and
# what stands in the file for all that is made in it, which a script sets there: its pictures, style sheet, words before and after
# every prompt, lettering that is written, and what a grid leaves out.
PANEL_ONLY = {"use_text", "text", "size_preset", "custom_size", "mask_source", "mask_combine", "mask_material", "depth_near", "depth_far",
              "show_area", "render_landing", "texture_landing", "notes", "references", "reference_index", "use_references",
              "continued", "continued_first", "style_sheet", "use_style_sheet", "prefix", "suffix", "use_letters", "letters_text",
              "grid_left_out", "set_text"}


def test_every_setting_is_an_operator_property() -> None:
    """A property that is added to one side only would be a setting a script cannot set."""
    def known(name: str) -> set[str]:
        return set(getattr(bpy.ops.gptimage, name).get_rna_type().properties.keys()) - {"rna_type"}

    shared = {*SETTINGS, *CUSTOM, "batch", "input_fidelity"} - {"size"}
    surface = {"tiling", "even", "delight", "maps", "relief_m", "displace"}
    own = {"generate_texture": {"texture_place", "share_material", "scale_m", "fit_faces", "asset", "alpha", *surface},
           "generate_reference": {"reference_place", "match_camera", "letters", "letters_font", "letters_align", "letters_box", "letters_overlay",
                                  "letters_color", "letters_blend"},
           "generate_grid": {"grid_models", "grid_qualities", "grid_sizes"}, "generate_set": {"name_rule"},
           "generate_decal": {"decal_width_m", "decal_conform"}, "generate_turnaround": {"views", "one_sheet", "height_m"},
           "touch_up": {"area", "mask", "grow_px", "feather_px", "context", "send_whole", "separate", "use_marks"},
           "extend_frame": {"extend_left", "extend_top", "extend_right", "extend_bottom"}}
    panel = set(bpy.types.Scene.bl_rna.properties["gptimage"].fixed_type.properties.keys()) - {"rna_type", "name"}
    assert panel - PANEL_ONLY == shared.union(*own.values())
    for name, settings in own.items():
        assert known(name) - {"size", "node", "earlier", "prompts"} == shared | settings, name
    # What starts from a picture that is there, or from what a scene lacks, has no panel of its own.
    assert known("edit_texture") == shared | {"image", "place", "faces", "earlier"}
    assert known("vary_texture") == shared | {"image", "place", "earlier", *surface}
    assert known("generate_tiles") == shared | {"size", "only_missing", "earlier"}
    assert known("heal_seams") == shared | surface | {"earlier"}


def test_the_panel_is_the_default(unsent: None, panel: bpy.types.PropertyGroup, cube: bpy.types.Object) -> None:
    view = generate()
    assert request_of(view) == {name: value for name, (_, value) in SETTINGS.items()}
    assert [target.name for target in view.job.landing.targets] == ["Cube"]
    assert view.job.request.prompt.startswith("A flat texture map of from the panel.")


def test_a_property_that_is_set_counts(unsent: None, panel: bpy.types.PropertyGroup, cube: bpy.types.Object) -> None:
    """Each alone: the others stay the panel's. A script's value does not change the panel, nor the next call."""
    views = []
    for name, (value, _) in SETTINGS.items():
        more = {"background": "auto"} if value == "jpeg" else {}      # JPEG holds no transparency
        view = generate(**{name: value}, **more)
        expected = {other: mine for other, (_, mine) in SETTINGS.items()} | more | {name: value}
        assert request_of(view) == expected, name
        views.append(view)
    assert request_of(generate()) == {name: value for name, (_, value) in SETTINGS.items()}
    for name, (_, value) in SETTINGS.items():
        assert name == "size" or getattr(panel, name) == value


def test_a_scripts_values_are_not_remembered_for_the_button(unsent: None, cube: bpy.types.Object) -> None:
    """Blender would fill the next press of the panel's button with them, over what the panel shows."""
    generate(prompt="brick", n=2, quality="low", texture_place="image")
    remembered = bpy.context.window_manager.operator_properties_last("gptimage.generate_texture")
    names = [name for name in remembered.bl_rna.properties.keys() if name != "rna_type"]
    assert [name for name in names if remembered.is_property_set(name)] == []


def test_places_and_ways(cube: bpy.types.Object) -> None:
    views = [
        generate(prompt="brick", quality="low", size="1024x640", texture_place="append_slot", scale_m=2.0),
        generate(prompt="brick", quality="low", size="1024x640", texture_place="image"),
        generate(prompt="brick", quality="low", size="1024x640", share_material=False),
    ]
    landings = [view.job.landing for view in views]
    assert [landing.place for landing in landings] == [Place.APPEND_SLOT, Place.IMAGE, Place.REPLACE_SLOT]
    assert [landing.scale_m for landing in landings] == [2.0, 0.0, 0.0]
    assert [landing.share_material for landing in landings] == [True, True, False]
    assert all(landing.pack for landing in landings) and landings[1].targets == ()
    assert bpy.ops.gptimage.wait(timeout_s=60) == {'FINISHED'}
    assert image_of(views[1]).use_fake_user, "an image that nothing uses would be gone after saving"
    assert len(cube.material_slots) == 2


def test_a_custom_size_and_a_long_text_from_the_panel(unsent: None, cube: bpy.types.Object) -> None:
    settings = bpy.context.scene.gptimage
    settings.size_preset, settings.custom_size = "CUSTOM", (1280, 720)
    settings.use_text = True
    settings.text = bpy.data.texts.new("Words")
    settings.text.write("slate roof\nwith moss")
    settings.prompt = "not this"
    view = generate()
    assert view.job.request.size == "1280x720" and view.job.prompt == "slate roof\nwith moss"
    assert generate(prompt="this").job.prompt == "this"


def test_what_cannot_be_sent_is_refused_and_nothing_starts(cube: bpy.types.Object, tmp_path: Path) -> None:
    assert "prompt is empty" in refused()
    assert "prompt is empty" in refused(prompt="   ")
    assert "816x816" in refused(prompt="brick", size="512x512")         # the smallest legal square
    assert "1920x1088" in refused(prompt="brick", size="1920x1080")
    assert "not a size" in refused(prompt="brick", size="large")
    assert "transparency" in refused(prompt="brick", output_format="jpeg", background="transparent")
    assert "model" in refused(prompt="brick", model="CUSTOM", custom_model="").lower()
    assert "No Image Texture node" in refused(prompt="brick", node=True)
    bpy.context.scene.gptimage.use_text = True
    assert "No Text is chosen" in refused()
    select(bpy.data.objects["Light"])
    assert "Image Only" in refused(prompt="brick")
    select()
    assert "Image Only" in refused(prompt="brick")
    assert job_folders(tmp_path / "data") == []


def test_variants_are_stepped_through_and_wrap(cube: bpy.types.Object, tmp_path: Path) -> None:
    view = generate(prompt="grey stone", quality="low", n=3, size="1024x640")
    assert bpy.ops.gptimage.wait(timeout_s=60) == {'FINISHED'}
    assert view.landed.message == "Grey Stone: 3 variants are ready on 1 object"
    made = [bpy.data.images[name] for name in view.landed.images]
    assert len({bytes(image.packed_file.data) for image in made}) == 3
    assert [provenance(image)["variant"] for image in made] == [1, 2, 3]

    def shown() -> bpy.types.Image:
        return picture_node(cube.active_material).image

    assert shown() == made[0]
    for expected in (made[1], made[2], made[0]):
        assert bpy.ops.gptimage.step_variant(step=1) == {'FINISHED'}
        assert shown() == expected
    for expected in (made[2], made[1]):
        bpy.ops.gptimage.step_variant(step=-1)
        assert shown() == expected
    # None is lost by stepping and saving, whichever is shown.
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"), check_existing=False)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    assert {image.name for image in bpy.data.images if provenance(image)} == set(view.landed.images)


def test_without_a_generated_picture_there_is_nothing_to_step(cube: bpy.types.Object) -> None:
    assert not bpy.ops.gptimage.step_variant.poll()
    with pytest.raises(RuntimeError, match="No generated image"):
        bpy.ops.gptimage.step_variant()


# --- what happens meanwhile -------------------------------------------------------------------------------

def planned_for(cube: bpy.types.Object) -> JobView:
    """A job for the cube that is done and waits to be landed."""
    view = finished(plan_for(Service(), Landing(place=Place.REPLACE_SLOT, targets=texture_targets([cube]))))
    assert view.is_active
    return view


def test_a_renamed_object_gets_its_picture(cube: bpy.types.Object) -> None:
    view = planned_for(cube)
    cube.name = "Wall"
    decoy = bpy.data.objects.new("Cube", cube.data.copy())
    host.pump()
    assert view.landed.complete and cube.active_material.name == "Weathered Red Brick"
    assert decoy.active_material.name == "Material"


def test_a_deleted_objects_picture_arrives_with_a_message(cube: bpy.types.Object) -> None:
    view = planned_for(cube)
    bpy.data.objects.remove(cube)
    host.pump()
    assert not view.landed.complete
    assert view.landed.message == "Weathered Red Brick (Practice) is ready. Kept as an image for what is gone: Cube"
    assert image_of(view).use_fake_user and "Weathered Red Brick" not in bpy.data.materials


def test_some_deleted_some_not(cube: bpy.types.Object) -> None:
    bpy.ops.mesh.primitive_plane_add()
    plane = bpy.context.object
    view = finished(plan_for(Service(), Landing(place=Place.REPLACE_SLOT, targets=texture_targets([plane, cube]))))
    bpy.data.objects.remove(plane)
    host.pump()
    assert not view.landed.complete and view.landed.message.endswith("on 1 object. Kept as an image for what is gone: Plane")
    assert cube.active_material.name == "Weathered Red Brick"


def test_another_file_gets_the_picture_but_not_the_material(cube: bpy.types.Object) -> None:
    """Its Cube has the same name: it is not the one."""
    view = planned_for(cube)
    bpy.ops.wm.read_homefile()
    host.pump()
    assert bpy.data.objects["Cube"].active_material.name == "Material"
    assert not view.landed.complete and image_of(view).use_fake_user


def test_the_same_file_opened_again_gets_the_material(cube: bpy.types.Object, tmp_path: Path) -> None:
    blend = str(tmp_path / "scene.blend")
    bpy.ops.wm.save_as_mainfile(filepath=blend, check_existing=False)
    view = planned_for(cube)
    bpy.ops.wm.open_mainfile(filepath=blend)
    host.pump()
    assert view.landed.complete, view.landed
    assert bpy.data.objects["Cube"].active_material.name == "Weathered Red Brick"


def test_a_file_is_opened_while_the_worker_works(cube: bpy.types.Object) -> None:
    view = generate(prompt="brick", quality="low", size="1024x640")
    bpy.ops.wm.read_homefile()
    assert bpy.ops.gptimage.wait(timeout_s=60) == {'FINISHED'}
    assert not view.landed.complete and image_of(view).packed_file


def test_a_result_can_be_applied_again(cube: bpy.types.Object) -> None:
    view = planned_for(cube)
    host.pump()
    first = image_of(view)
    cube.active_material = None
    assert bpy.ops.gptimage.apply_result(job_id=view.job.id) == {'FINISHED'}
    assert picture_node(cube.active_material).image == image_of(view) != first


def test_a_landing_that_fails_is_not_tried_at_every_tick(
    cube: bpy.types.Object, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
) -> None:
    view, other = planned_for(cube), finished(plan_for(Service()))
    landings, calls = dict(host.landings), []

    def fail(*facts: object) -> None:
        calls.append(facts)
        raise KeyError("no such socket")

    monkeypatch.setattr(host, "landings", {"texture": lambda job, *rest: (
        fail() if job.id == view.job.id else landings["texture"](job, *rest))})
    assert host.wait(5.0)
    host.pump()
    assert len(calls) == 1 and not view.landed.complete and not view.is_active
    assert "no such socket" in caplog.text
    assert other.landed.complete, "one job's trouble keeps the next from its place"


def test_a_result_whose_file_is_gone_is_told(cube: bpy.types.Object, tmp_path: Path) -> None:
    view = planned_for(cube)
    (tmp_path / "data" / "jobs" / view.job.id / "results" / "0.png").unlink()
    before = set(bpy.data.images.keys())
    assert host.wait(5.0)
    assert not view.landed.complete and "cannot be read" in view.landed.message
    assert set(bpy.data.images.keys()) == before
