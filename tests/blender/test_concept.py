# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures in the camera's exact shape. The oracles are Blender's own renders and its own projection."""

from __future__ import annotations

import json
import random
from pathlib import Path

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Vector

from gptimage_addon.blender.camera import read_frame
from gptimage_addon.blender.capture import capture_camera
from gptimage_addon.blender.host import host
from gptimage_addon.core.catalog import nearest_legal_size
from gptimage_addon.core.errors import InputError
from gptimage_addon.core.framing import concept_sizes
from gptimage_addon.core.pricing import sent_size
from tests.support.pictures import decode
from tests.support.runs import job_file, run_here


@pytest.mark.parametrize("fit", ["AUTO", "HORIZONTAL", "VERTICAL"])
def test_what_the_cut_shows_is_what_the_render_shows(fit: str) -> None:
    """For any frame: the same points lie at the same places, within a pixel of the render."""
    chance = random.Random(fit)
    scene = bpy.context.scene
    camera, render = scene.camera.data, scene.render
    camera.sensor_fit, camera.shift_x, camera.shift_y = fit, 0.1, -0.05
    points = [Vector((x, y, z)) for x in (-1.0, 1.0) for y in (-1.0, 1.0) for z in (-1.0, 1.0)]
    for _ in range(40):
        width, height = chance.randrange(400, 4000), chance.randrange(400, 4000)
        if not 1 / 2.9 < width / height < 2.9:
            continue
        render.resolution_x, render.resolution_y, render.resolution_percentage = width, height, 100
        bpy.context.view_layer.update()
        seen = [world_to_camera_view(scene, scene.camera, point) for point in points]
        concept = concept_sizes(read_frame(scene))
        assert nearest_legal_size(concept.width_px, concept.height_px) == (concept.width_px, concept.height_px)
        frame = concept.frame_width_px, concept.frame_height_px
        # Its shape, mapped to the render's size, is off by a pixel at most.
        assert abs(frame[1] * width / frame[0] - height) <= 1.0 or abs(frame[0] * height / frame[1] - width) <= 1.0
        render.resolution_x, render.resolution_y = concept.width_px, concept.height_px
        bpy.context.view_layer.update()
        left, top = (concept.width_px - frame[0]) // 2, (concept.height_px - frame[1]) // 2
        for was, point in zip(seen, points, strict=True):
            now = world_to_camera_view(scene, scene.camera, point)
            x = (now.x * concept.width_px - left) / frame[0] * width
            y = ((1 - now.y) * concept.height_px - top) / frame[1] * height
            scale = max(width / frame[0], 1.0)
            assert abs(x - was.x * width) <= scale and abs(y - (1 - was.y) * height) <= scale


def test_a_frame_that_the_service_cannot_make_is_refused() -> None:
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y = 4000, 1000
    with pytest.raises(InputError) as caught:
        concept_sizes(read_frame(scene))
    assert caught.value.field == "size" and caught.value.hint


def test_the_view_that_is_sent_and_cut_is_the_render(tmp_path: Path) -> None:
    scene = bpy.context.scene
    scene.render.engine = 'BLENDER_WORKBENCH'
    scene.render.resolution_x, scene.render.resolution_y = 1920, 1080
    concept = concept_sizes(read_frame(scene))
    assert (concept.size, concept.frame_width_px, concept.frame_height_px) == ("1920x1088", 1920, 1080)
    sent = decode(capture_camera(scene, scene.camera, concept.width_px, concept.height_px), "RGB")
    scene.render.filepath = str(tmp_path / "render.png")
    bpy.ops.render.render(write_still=True)
    rendered = decode((tmp_path / "render.png").read_bytes(), "RGB").astype(int)
    assert np.mean(np.abs(sent[4:1084].astype(int) - rendered) > 2) < 0.001


@pytest.mark.parametrize("place", ["camera", "plane", "image"])
def test_a_concept_lands_in_the_cameras_shape(place: str) -> None:
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y = 1000, 750
    assert bpy.ops.gptimage.generate_reference(prompt="a castle", quality="low", match_camera=True, reference_place=place) == {'FINISHED'}
    assert bpy.ops.gptimage.wait(timeout_s=60) == {'FINISHED'}
    (view,) = host.jobs.values()
    image = bpy.data.images[view.landed.images[0]]
    width, height = image.size
    assert abs(width * 750 / 1000 - height) <= 1 and view.landed.complete
    if place == "plane":
        plane = bpy.data.objects[image.name]
        bpy.context.view_layer.update()
        corners = [world_to_camera_view(scene, scene.camera, plane.matrix_world @ vertex.co) for vertex in plane.data.vertices]
        for (x, y), corner, loop in zip(((0, 0), (1, 0), (1, 1), (0, 1)), corners, plane.data.uv_layers[0].data, strict=True):
            assert (corner.x, corner.y) == pytest.approx((x, y), abs=1e-4) and tuple(loop.uv) == (x, y)
        cube = bpy.data.objects["Cube"]
        behind = max(world_to_camera_view(scene, scene.camera, cube.matrix_world @ Vector(corner)).z for corner in cube.bound_box)
        assert min(corner.z for corner in corners) > behind


def test_an_empty_is_aligned_to_the_camera() -> None:
    scene = bpy.context.scene
    scene.camera.data.shift_x = 0.2
    image = bpy.data.images.new("Wide", 400, 100)
    empty = bpy.data.objects.new("Wide", None)
    empty.empty_display_type, empty.data = 'IMAGE', image
    scene.collection.objects.link(empty)
    bpy.context.view_layer.objects.active = empty
    assert bpy.ops.gptimage.align_to_camera() == {'FINISHED'}
    bpy.context.view_layer.update()
    scale = empty.empty_display_size / 400
    corners = [empty.matrix_world @ Vector((x * 400 * scale, y * 100 * scale, 0)) for x, y in ((-0.5, -0.5), (0.5, 0.5))]
    low, high = (world_to_camera_view(scene, scene.camera, corner) for corner in corners)
    # It is as high as the frame, and reaches beyond its sides as far on the left as on the right.
    assert (low.y, high.y) == pytest.approx((0, 1), abs=1e-4)
    assert low.x < 0 < 1 < high.x and low.x + high.x == pytest.approx(1, abs=1e-4)


def test_an_empty_without_pixels_is_refused() -> None:
    image = bpy.data.images.new("Gone", 8, 8)
    image.source, image.filepath = 'FILE', "//gone.png"
    empty = bpy.data.objects.new("Gone", None)
    empty.empty_display_type, empty.data = 'IMAGE', image
    bpy.context.scene.collection.objects.link(empty)
    bpy.context.view_layer.objects.active = empty
    with pytest.raises(RuntimeError, match="Gone has no pixels. Check that its file is there"):
        bpy.ops.gptimage.align_to_camera()


def test_a_view_of_a_job_is_as_that_job_wants_it(tmp_path: Path) -> None:
    """Not as the panel of the file it is made with."""
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y = 650, 370
    concept = concept_sizes(read_frame(scene))
    jobs = job_file(tmp_path, *({"id": name, "kind": "reference", "prompt": name, "match_camera": name == "cut", "quality": "low",
                                 "size": "1024x640", "references": [{"view": "depth"}]} for name in ("cut", "plain")))
    for in_panel in (False, True):
        scene.gptimage.match_camera = in_panel
        data = tmp_path / f"data {in_panel}"
        run = run_here(tmp_path, jobs, "--data", data)
        assert run.status == 0, run.stderr
        found = {job["prompt"]: job["request"]["images"][0] for job in map(json.loads, (path.read_bytes() for path in data.glob("jobs/*/request.json")))}
        assert {name: (sent["width_px"], sent["height_px"]) for name, sent in found.items()} == {
            "cut": sent_size(concept.width_px, concept.height_px), "plain": sent_size(650, 370)}


def test_headless_concepts(tmp_path: Path) -> None:
    bpy.context.scene.render.resolution_x, bpy.context.scene.render.resolution_y = 640, 360
    bpy.context.scene.render.engine = 'BLENDER_WORKBENCH'
    job = {"id": "a", "kind": "reference", "prompt": "a castle", "match_camera": True, "from_view": "Camera", "place": "plane",
           "save": str(tmp_path / "a.png")}
    run = run_here(tmp_path, job_file(tmp_path, job), "--data", tmp_path / "data")
    assert run.status == 0, run.stderr
    height, width = decode((tmp_path / "a.png").read_bytes(), "RGB").shape[:2]
    assert abs(width * 9 / 16 - height) <= 1
    for more, field in (({"turnaround": ["front"]}, "jobs[0].match_camera"), ({"output_format": "jpeg"}, "jobs[0].output_format")):
        refused = run_here(tmp_path, job_file(tmp_path, {**job, "save": "", **more}), "--data", tmp_path / "data")
        assert refused.status == 2 and refused.stderr.startswith(f"gptimage: {field}"), refused.stderr
