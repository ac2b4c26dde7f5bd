# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import bpy
import pytest
from mathutils import Vector

from gptimage_addon.blender.host import JobView, host
from gptimage_addon.blender.images import provenance
from gptimage_addon.core.request import Landing, Place, Service
from gptimage_addon.operators.reference import camera_target, plan_reference
from tests.support.scenes import WORDS, finished, image_of


def generate(**properties: object) -> JobView:
    before = set(host.jobs)
    assert bpy.ops.gptimage.generate_reference(**properties) == {'FINISHED'}
    (job_id,) = set(host.jobs) - before
    return host.jobs[job_id]


def done_reference(place: Place) -> JobView:
    """A reference job that is done and waits to be landed."""
    targets = camera_target(bpy.context.scene) if place is Place.CAMERA else ()
    return finished(plan_reference(WORDS, Service(), Landing(place=place, targets=targets)))


def test_words_become_pictures_where_they_are_wanted() -> None:
    scene = bpy.context.scene
    camera = scene.camera
    objects = set(bpy.data.objects)
    scene.cursor.location = (1.0, 2.0, 3.0)
    views = {place: generate(prompt="a castle", quality="low", reference_place=place, size="1024x640")
             for place in ("image", "empty", "camera", "editor")}
    assert bpy.ops.gptimage.wait(timeout_s=60) == {'FINISHED'}
    for place, view in views.items():
        image = image_of(view)
        assert view.landed.complete and tuple(image.size) == (1024, 640), place
        assert view.job.request.prompt == "a castle"            # a reference gets the artist's own words
        assert provenance(image)["kind"] == "reference"
        assert image.use_fake_user == (place in ("image", "editor"))
    (empty,) = set(bpy.data.objects) - objects
    assert empty.type == 'EMPTY' and empty.empty_display_type == 'IMAGE'
    assert empty.data == image_of(views["empty"])
    assert tuple(empty.location) == (1.0, 2.0, 3.0) and empty.name in bpy.context.view_layer.objects
    # Its picture's up is the world's up, and it faces who looks from the front.
    turn = empty.rotation_euler.to_matrix()
    assert (turn @ Vector((0, 1, 0)) - Vector((0, 0, 1))).length < 1e-5
    assert (turn @ Vector((0, 0, 1)) - Vector((0, -1, 0))).length < 1e-5
    (background,) = camera.data.background_images
    assert background.image == image_of(views["camera"]) and camera.data.show_background_images


def test_the_panel_is_the_default(unsent: None) -> None:
    settings = bpy.context.scene.gptimage
    settings.prompt, settings.quality, settings.reference_place = "a tower", "high", "empty"
    view = generate()
    assert (view.job.prompt, view.job.request.quality) == ("a tower", "high")
    assert view.job.landing.place is Place.EMPTY
    assert generate(reference_place="image").job.landing.place is Place.IMAGE


def test_a_scripts_values_are_not_remembered_for_the_button(unsent: None) -> None:
    generate(prompt="a castle", quality="low", reference_place="image")
    remembered = bpy.context.window_manager.operator_properties_last("gptimage.generate_reference")
    names = [name for name in remembered.bl_rna.properties.keys() if name != "rna_type"]
    assert [name for name in names if remembered.is_property_set(name)] == []


def test_without_a_camera_the_cure_is_told() -> None:
    bpy.context.scene.camera = None
    with pytest.raises(RuntimeError, match="no camera. Add one, or show the picture elsewhere"):
        bpy.ops.gptimage.generate_reference(prompt="a castle", reference_place="camera")
    bpy.context.scene.camera = bpy.data.objects["Cube"]         # a look-through object is no camera
    with pytest.raises(RuntimeError, match="no camera"):
        bpy.ops.gptimage.generate_reference(prompt="a castle", reference_place="camera")
    assert not host.jobs


def test_an_empty_prompt_is_refused() -> None:
    with pytest.raises(RuntimeError, match="prompt is empty. Say what the picture should show"):
        bpy.ops.gptimage.generate_reference(reference_place="image")
    assert not host.jobs and host.worker_pid is None


def test_the_picture_of_a_deleted_camera_is_kept() -> None:
    view = done_reference(Place.CAMERA)
    bpy.data.objects.remove(bpy.context.scene.camera)
    host.pump()
    assert not view.landed.complete and "camera is gone" in view.landed.message
    assert image_of(view).use_fake_user


def test_a_second_camera_picture_leaves_the_first() -> None:
    camera = bpy.context.scene.camera
    first, second = done_reference(Place.CAMERA), done_reference(Place.CAMERA)
    host.pump()
    assert [entry.image for entry in camera.data.background_images] == [image_of(first), image_of(second)]
