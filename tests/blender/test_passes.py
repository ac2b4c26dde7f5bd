# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scene as data: against Blender's ray casts through the middle of each pixel, its own Object Index pass, and closed forms."""

from __future__ import annotations

import json
import os
from pathlib import Path

import bpy
import numpy as np
import pytest
from mathutils import Vector

from gptimage_addon.blender import capture, compat, passes
from gptimage_addon.blender.sources import present_source
from gptimage_addon.core.errors import InputError
from gptimage_addon.operators import headless
from gptimage_addon.operators.captures import take
from gptimage_addon.operators.references import shown_references
from gptimage_addon.worker.practice import PracticeServer
from tests.support.pictures import decode

WIDTH, HEIGHT = 96, 60


@pytest.fixture
def scene() -> bpy.types.Scene:
    """A cube, a sphere that hides a part of it, a plane behind, an object that is off; seen from aslant by a shifted lens."""
    found = bpy.context.scene
    found.render.engine = 'CYCLES'
    found.render.resolution_x, found.render.resolution_y, found.render.pixel_aspect_y = WIDTH, HEIGHT // 2, 2.0
    bpy.ops.mesh.primitive_ico_sphere_add(radius=0.7, subdivisions=3, location=(1.6, -1.0, 0.8))
    bpy.context.object.name = "Sphäre"
    bpy.ops.mesh.primitive_plane_add(size=30, location=(0, 0, -1.0))
    bpy.context.object.name = "Ground"
    bpy.ops.mesh.primitive_cube_add(location=(0, -3, 2))
    bpy.context.object.name, bpy.context.object.hide_render = "Off", True
    found.camera.data.shift_x, found.camera.data.shift_y = 0.1, 0.05
    found.camera.data.dof.use_dof, found.camera.data.dof.aperture_fstop = True, 0.1
    return found


def ray_casts(scene: bpy.types.Scene) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(depth, normal towards the camera's axes, object's name) by Blender's ray caster, at the pixels' middles."""
    off = bpy.data.objects["Off"]
    off.hide_set(True)
    camera, graph = scene.camera, bpy.context.evaluated_depsgraph_get()
    matrix = camera.matrix_world.normalized()
    corners = camera.data.view_frame(scene=scene)
    low, high = Vector(map(min, *corners)), Vector(map(max, *corners))
    depth, normal, name = np.full((HEIGHT, WIDTH), np.inf), np.zeros((HEIGHT, WIDTH, 3)), np.full((HEIGHT, WIDTH), "", object)
    for row in range(HEIGHT):
        for column in range(WIDTH):
            x = low.x + (high.x - low.x) * (column + 0.5) / WIDTH
            y = high.y - (high.y - low.y) * (row + 0.5) / HEIGHT
            ray = matrix.to_3x3() @ Vector((x, y, low.z)).normalized()
            hit, place, facing, _, obj, _ = scene.ray_cast(graph, matrix.translation, ray)
            if hit:
                depth[row, column] = -(matrix.inverted() @ place).z
                normal[row, column] = matrix.to_3x3().inverted() @ facing
                name[row, column] = obj.name
    off.hide_set(False)
    return depth, normal, name


def state(scene: bpy.types.Scene) -> object:
    kinds = ("scenes", "objects", "cameras", "collections", "node_groups", "materials", "images")
    return {kind: [each.name for each in getattr(bpy.data, kind)] for kind in kinds}, scene.camera.data.dof.use_dof, scene.view_layers[0].use_pass_z, \
        scene.render.resolution_x, scene.render.engine


def test_depth_normals_and_objects_are_what_rays_find(scene: bpy.types.Scene) -> None:
    bpy.data.images.get("Viewer Node") and bpy.data.images.remove(bpy.data.images["Viewer Node"])
    before = state(scene)
    depth = passes.depth_pass(scene, scene.camera, WIDTH, HEIGHT)
    normal = passes.normal_pass(scene, scene.camera, WIDTH, HEIGHT)
    index, objects = passes.objects_pass(scene, scene.camera, WIDTH, HEIGHT)
    assert state(scene) == before
    cast_depth, cast_normal, cast_name = ray_casts(scene)
    names = np.array([*(obj.name for obj in objects), ""], object)[index]
    same = names == cast_name
    assert np.count_nonzero(~same) <= 4                         # a ray on an edge may take either side
    assert {"Cube", "Sphäre", "Ground"} == {obj.name for obj in objects}
    assert (np.isinf(depth) == np.isinf(cast_depth))[same].all()
    there = same & np.isfinite(depth)
    # Cycles aims up to a 200th of a pixel beside its middle: on a surface seen from aslant that is another depth.
    assert np.abs(depth[there] / cast_depth[there] - 1).max() < 2e-4
    assert (np.abs(normal - cast_normal).max(axis=2)[there] < 1e-3).mean() > 0.99       # edges between a sphere's facets


def test_objects_are_those_of_blenders_own_index_pass(scene: bpy.types.Scene, tmp_path: Path) -> None:
    index, objects = passes.objects_pass(scene, scene.camera, WIDTH, HEIGHT)
    for number, obj in enumerate(objects):
        obj.pass_index = number + 1
    layer = scene.view_layers[0]
    layer.use_pass_object_index = True
    tree, output = compat.empty_compositor(scene)
    node = tree.nodes.new("CompositorNodeRLayers")
    tree.links.new(next(socket for socket in node.outputs if socket.enabled and socket.name in ("IndexOB", "Object Index")), output)
    scene.camera.data.dof.use_dof = False
    scene.cycles.samples, scene.cycles.pixel_filter_type, scene.cycles.filter_width, scene.cycles.use_denoising = 1, 'BOX', 0.01, False
    scene.render.resolution_y, scene.render.pixel_aspect_y = HEIGHT, 1.0
    settings = scene.render.image_settings
    for name, value in (*compat.STILL_MEDIA.items(), ("file_format", 'OPEN_EXR'), ("color_depth", '32')):
        setattr(settings, name, value)
    scene.render.filepath = f"{tmp_path}/own.exr"
    bpy.ops.render.render(write_still=True)
    own = bpy.data.images.load(scene.render.filepath)
    pixels = np.empty(WIDTH * HEIGHT * own.channels, np.float32)
    own.pixels.foreach_get(pixels)
    assert np.array_equal(pixels.reshape(HEIGHT, WIDTH, -1)[::-1, :, 0], index + 1)


def test_pictures_of_passes() -> None:
    depth = np.float32([[2.0, 4.0, 6.0, np.inf]])
    assert passes.depth_picture(depth)[..., 0].tolist() == [[255, 144, 32, 0]]
    assert (passes.depth_picture(np.float32([[3.0, 3.0]])) >= 32).all()
    normal = np.float32([[(0, 0, 1), (1, 0, 0), (0, -1, 0), (0, 0, 0)]])
    assert passes.normal_picture(normal).tolist() == [[[128, 128, 255], [255, 128, 128], [128, 0, 128], [128, 128, 255]]]
    picture, legend = passes.ids_picture(np.array([[0, 1, -1]]), [bpy.data.objects["Cube"], bpy.data.objects["Light"]])
    assert legend == "yellow is Cube, purple is Light"
    assert picture.tolist() == [[[243, 195, 0], [135, 86, 146], [0, 0, 0]]]
    with pytest.raises(InputError, match="sees nothing"):
        passes.depth_picture(np.full((2, 2), np.inf))


def test_the_uv_layout_has_islands_and_edges() -> None:
    mesh = bpy.data.meshes.new("Quad")
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)], [], [(0, 1, 2, 3)])
    layer = mesh.uv_layers.new()
    for corner, place in enumerate(((0.25, 0.5), (0.75, 0.5), (0.75, 1.0), (0.25, 1.0))):        # the upper middle
        layer.uv[corner].vector = place
    obj = bpy.data.objects.new("Quad", mesh)
    bpy.context.scene.collection.objects.link(obj)
    picture = passes.uv_picture(obj, 64)[..., 0]
    assert (picture[5:28, 20:44] == passes.INSIDE).all() and (picture[36:] == passes.PAPER).all() and (picture[:, :14] == passes.PAPER).all()
    assert (picture[32, 17:47] == passes.EDGE).all() and (picture[2:30, 16] == passes.EDGE).all()
    with pytest.raises(InputError, match="no UV map"):
        passes.uv_picture(bpy.context.scene.camera)


def test_captures_are_references_with_words(scene: bpy.types.Scene) -> None:
    scene.cycles.samples, scene.cycles.use_denoising = 1, False
    bpy.ops.render.render()
    settings, cube = scene.gptimage, bpy.data.objects["Cube"]
    bpy.context.view_layer.objects.active = cube
    for obj in scene.objects:
        obj.select_set(obj == cube)
    before = set(bpy.data.objects), set(bpy.data.scenes), set(bpy.data.materials), set(bpy.data.collections)
    for source in ("camera", "clay", "selected", "depth", "normal", "ids", "uv"):
        assert bpy.ops.gptimage.add_reference(source=source) == {'FINISHED'}
    assert (set(bpy.data.objects), set(bpy.data.scenes), set(bpy.data.materials), set(bpy.data.collections)) == before
    shown = shown_references(settings)
    assert [reference.role.partition(":")[0] for reference in shown[:4]] == ["layout", "layout", "subject", "depth"]
    assert {reference.role for reference in shown if "yellow is Ground, " in reference.role} == {shown[5].role} and "purple is Cube" in shown[5].role
    assert all((reference.width_px, reference.height_px) == (WIDTH, HEIGHT) for reference in shown[:6])
    pictures = [decode(present_source(item.image, scene).data) for item in settings.references]
    selected = pictures[2]
    assert selected[0, 0, 3] == 0 and 0.02 < (selected[..., 3] == 255).mean() < 0.5         # nothing but the cube
    assert all(picture[..., 3].min() == 255 for index, picture in enumerate(pictures) if index != 2)

    # Once more, when something has moved: into the same image.
    settings.reference_index, count = 3, len(bpy.data.images)
    bpy.data.objects["Ground"].hide_render = True
    assert bpy.ops.gptimage.take_again() == {'FINISHED'}
    assert len(bpy.data.images) == count and len(settings.references) == 7
    again = decode(present_source(settings.references[3].image, scene).data)
    floor = (pictures[5][..., :3] == (243, 195, 0)).all(2)
    assert 0.1 < floor.mean() < 0.9 and (pictures[3][floor, 0] > 0).all() and (again[floor, 0] == 0).all()
    with pytest.raises(RuntimeError, match="no 3D Viewport"):
        bpy.ops.gptimage.add_reference(source="viewport")
    with pytest.raises(InputError, match="no 3D Viewport"):
        capture.capture_viewport(bpy.context)


def test_views_are_references_of_a_job_file(scene: bpy.types.Scene, tmp_path: Path, server: PracticeServer) -> None:
    blend, jobs = tmp_path / "in.blend", tmp_path / "jobs.json"
    bpy.ops.wm.save_as_mainfile(filepath=str(blend), check_existing=False)
    jobs.write_text(json.dumps({"version": 1, "jobs": [
        {"id": "a", "kind": "reference", "prompt": "a hall", "size": "1024x640", "quality": "low",
         "references": [{"view": "depth"}, {"view": "ids"}, {"view": "uv:Cube", "role": "the unwrapped cube"}]}]}))
    lines = os.open(tmp_path / "lines", os.O_WRONLY | os.O_CREAT)         # the run closes it
    assert headless.main(["run", str(jobs), "--blend", str(blend), "--service", server.base_url, "--data", str(tmp_path / "data")], lines) == 0
    (request,) = server.requests
    depth, ids, uv = (decode(file.data, "RGB") for file in request.files)
    assert depth.shape == ids.shape == (HEIGHT, WIDTH, 3) and uv.shape == (1024, 1024, 3)
    assert set(map(tuple, ids.reshape(-1, 3))) <= {*list(passes.COLORS.values())[:3], (0, 0, 0)}
    prompt = str(request.fields["prompt"])
    assert "1. a depth map" in prompt and "yellow is Ground, purple is Cube, orange is Sphäre" in prompt and "3. the unwrapped cube." in prompt
    with pytest.raises(InputError, match="There is no view 'front'"):
        take(bpy.context, "front", False)
