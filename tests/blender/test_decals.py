# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decals: where they lie, measured in the world, what they show, and what of the scene they leave alone."""

from __future__ import annotations

import math
from pathlib import Path

import bpy
import numpy as np
import pytest
from mathutils import Euler, Vector
from mathutils.bvhtree import BVHTree

from gptimage_addon.blender.decals import make_decal, spot_near, spot_on_faces
from gptimage_addon.blender.host import JobView, host
from gptimage_addon.blender.materials import picture_node
from gptimage_addon.core.request import Place, Service
from gptimage_addon.operators.decal import decal_refusal, plan_decal
from tests.support.scenes import WORDS, finished, image_of, pixels_of, select

ABOVE = 0.004                   # of the width


@pytest.fixture
def picture() -> bpy.types.Image:
    """Twice as wide as high: red in the left half, blue in the right, the lower half clear."""
    image = bpy.data.images.new("Sign", 16, 8, alpha=True)
    rgba = np.zeros((8, 16, 4), np.float32)
    rgba[:, :8, 0] = rgba[:, 8:, 2] = 1.0
    rgba[4:, :, 3] = 1.0                                # rows from the bottom
    image.pixels.foreach_set(rgba.ravel())
    image.pack()
    return image


def world_points(obj: bpy.types.Object) -> np.ndarray:
    """The vertices of the object as it is shown, in the world: (n, 3)."""
    bpy.context.view_layer.update()
    found = obj.evaluated_get(bpy.context.evaluated_depsgraph_get())
    return np.array([found.matrix_world @ vertex.co for vertex in found.data.vertices])


def corner_at(obj: bpy.types.Object, u: float, v: float) -> np.ndarray:
    """Where the picture's place (u, v), from its bottom left, is in the world."""
    layer = obj.data.uv_layers[0].uv
    loop = min(range(len(layer)), key=lambda each: (layer[each].vector - Vector((u, v))).length)
    return world_points(obj)[obj.data.loops[loop].vertex_index]


def test_a_flat_decal_lies_on_a_turned_and_stretched_box(cube: bpy.types.Object, picture: bpy.types.Image) -> None:
    """Against the closed form: the middle above the surface, sides along the world's up and across, in metres."""
    cube.location, cube.rotation_euler, cube.scale = (3, -2, 1), Euler((0.3, 0.2, 0.7)), (2.0, 0.5, 1.3)
    bpy.context.view_layer.update()
    turn = cube.matrix_world.to_quaternion()
    normal = np.array(turn @ Vector((1, 0, 0)))
    face = np.array(cube.location) + 2.0 * normal                       # the middle of the side at the box's own +X
    away = face + 0.4 * normal + 0.1 * np.array(turn @ Vector((0, 1, 0)))
    decal = spot_near(cube, away)._replace(width_m=0.6, conform=False)
    made = make_decal(cube, picture, decal, "Sign")
    up = np.array((0, 0, 1)) - normal * normal[2]
    up /= np.linalg.norm(up)
    middle = away - 0.4 * normal + ABOVE * 0.6 * normal
    across = np.cross(up, normal)
    for u, v in ((0, 0), (1, 0), (1, 1), (0, 1)):
        expected = middle + (u - 0.5) * 0.6 * across + (v - 0.5) * 0.3 * up
        assert np.allclose(corner_at(made, u, v), expected, atol=2e-6), (u, v)
    assert made.name == "Sign Decal" and made.parent == cube and not made.modifiers and len(made.data.polygons) == 1
    assert np.allclose(np.array(made.matrix_world.to_3x3() @ made.data.polygons[0].normal), normal, atol=1e-6)
    # It moves with the box.
    before = world_points(made)
    cube.location.x += 1.5
    assert np.allclose(world_points(made) - before, (1.5, 0, 0), atol=2e-6)


@pytest.mark.parametrize("scale", [(-1, 1, 1), (1, -2, 1), (-9, -9, -9)])
def test_on_a_mirrored_object_it_faces_outward(cube: bpy.types.Object, picture: bpy.types.Image, scale: tuple[float, ...]) -> None:
    """Mirroring turns the order of a face's corners around, not its front."""
    cube.scale = scale
    bpy.context.view_layer.update()
    side = abs(scale[1])
    for spot in (spot_near(cube, (0.1, -5, 0.2)), spot_on_faces(cube, [p.index for p in cube.data.polygons if p.normal.y * scale[1] < -0.9])):
        made = make_decal(cube, picture, spot._replace(width_m=0.5), "Sign")
        assert np.allclose(world_points(made)[:, 1], -side - ABOVE * 0.5, atol=2e-4)
        assert corner_at(made, 1, 0)[0] - corner_at(made, 0, 0)[0] > 0.49           # to be read from outside


@pytest.mark.parametrize(("face_normal", "up"), [((0, -1, 0), (0, 0, 1)), ((0, 0, 1), (0, 1, 0)), ((0, 0, -1), (0, 1, 0))])
def test_it_stands_upright_on_the_selected_faces(
    cube: bpy.types.Object, picture: bpy.types.Image, face_normal: tuple[float, ...], up: tuple[float, ...],
) -> None:
    (face,) = (polygon.index for polygon in cube.data.polygons if (polygon.normal - Vector(face_normal)).length < 1e-4)
    made = make_decal(cube, picture, spot_on_faces(cube, [face])._replace(width_m=1.0, conform=False), "Sign")
    assert np.allclose(corner_at(made, 0, 1) - corner_at(made, 0, 0), np.array(up) * 0.5, atol=1e-6)
    assert np.allclose(world_points(made).mean(0), np.array(face_normal) * (1 + ABOVE), atol=1e-6)


@pytest.mark.parametrize("smooth", [False, True])
def test_one_that_conforms_keeps_its_distance_from_a_sphere(picture: bpy.types.Image, smooth: bool) -> None:
    radius = 1.5
    bpy.ops.mesh.primitive_uv_sphere_add(radius=radius, segments=256, ring_count=128, location=(1, 2, 3))
    ball = bpy.context.object
    if smooth:
        bpy.ops.object.shade_smooth()
    direction = np.array((0.6, -0.64, 0.48))
    made = make_decal(ball, picture, spot_near(ball, np.array((1, 2, 3)) + 5 * direction)._replace(width_m=1.0), "Sign")
    assert made.modifiers[0].type == 'SHRINKWRAP'
    points = world_points(made) - (1, 2, 3)
    heights = np.linalg.norm(points, axis=1) - radius
    sagitta = radius * (1 - math.cos(math.pi / 256)) * 2                # of the ball's facets on both axes
    assert abs(heights - ABOVE).max() < sagitta + 1e-5, (heights.min(), heights.max())
    # The nearest points of the flat one: an arc of twice the angle that half the width is seen under from the ball's middle.
    left, right = (corner_at(made, u, 0.5) - (1, 2, 3) for u in (0, 1))
    angle = math.acos(left @ right / np.linalg.norm(left) / np.linalg.norm(right))
    assert abs(angle - 2 * math.atan(0.5 / (radius + ABOVE))) < 0.01
    assert np.allclose(points.mean(0) / np.linalg.norm(points.mean(0)), direction, atol=0.01)


def test_one_that_conforms_lies_right_on_a_stretched_object(picture: bpy.types.Image) -> None:
    """Measured by another nearest-point search, in the world: nowhere in the surface, nowhere far above."""
    bpy.ops.mesh.primitive_uv_sphere_add(segments=128, ring_count=64, location=(0, 0, 2))
    egg = bpy.context.object
    egg.scale, egg.rotation_euler = (2.5, 0.8, 1.2), Euler((0.4, 0.9, 0.2))
    bpy.context.view_layer.update()
    made = make_decal(egg, picture, spot_near(egg, (0.5, -4, 2.4))._replace(width_m=0.5), "Sign")
    tree = BVHTree.FromPolygons([egg.matrix_world @ vertex.co for vertex in egg.data.vertices], [p.vertices[:] for p in egg.data.polygons])
    heights = []
    for point in world_points(made):
        near, normal, _, _ = tree.find_nearest(point)
        heights.append((Vector(point) - near).dot(normal))
    assert min(heights) > 0.7 * ABOVE * 0.5 and max(heights) < 1.4 * ABOVE * 0.5, (min(heights), max(heights))


def test_the_place_is_found_on_the_mesh_as_it_is_shown(cube: bpy.types.Object) -> None:
    cube.modifiers.new("Array", 'ARRAY').relative_offset_displace[0] = 3.0
    spot = spot_near(cube, (6.2, -3.0, 0.3))
    assert np.allclose(spot.location, (6.2, -1.0, 0.3), atol=1e-5) and np.allclose(spot.normal, (0, -1, 0), atol=1e-6)
    # Beyond an edge it is the nearest point of the edge.
    assert np.allclose(spot_near(cube, (-3, -3, 0.2)).location, (-1, -1, 0.2), atol=1e-5)


# --- the operator -----------------------------------------------------------------------------------------

def generate(**properties: object) -> JobView:
    before = set(host.jobs)
    assert bpy.ops.gptimage.generate_decal(**{"quality": "low", "size": "1024x640", **properties}) == {'FINISHED'}
    (job_id,) = set(host.jobs) - before
    return host.jobs[job_id]


@pytest.mark.parametrize(("model", "background"), [("gpt-image-2.5-flare", "transparent"), ("gpt-image-2", "#fb05fb")])
def test_words_become_a_decal_at_the_cursor(cube: bpy.types.Object, model: str, background: str) -> None:
    """By the model's own transparency, and cut out of a flat background where the model has none: alike."""
    select(cube)
    bpy.context.scene.cursor.location = (0.2, -3, 0.4)
    objects = set(bpy.data.objects)
    view = generate(prompt="rusty steel plate", model=model, decal_width_m=0.8, decal_conform=False, output_format="jpeg")
    assert view.job.request.output_format == "png" and view.job.landing.place is Place.DECAL
    assert (view.job.request.background == "transparent") == (background == "transparent")
    assert ("#FF00FF" in view.job.request.prompt) == (background != "transparent")
    assert bpy.ops.gptimage.wait(timeout_s=60) == {'FINISHED'}
    assert view.error is None and view.landed.complete, view.record
    told = view.record.result.pictures[0].report["background"]
    assert told == background or all(abs(int(told[i:i + 2], 16) - int(background[i:i + 2], 16)) < 6 for i in (1, 3, 5)), told
    (made,) = set(bpy.data.objects) - objects
    image = image_of(view)
    assert made.name == "Rusty Steel Plate Decal" and made.parent == cube
    assert picture_node(made.active_material).image == image and image.packed_file
    # The practice service's island takes about three quarters of the frame: cropped to it, with two pixels around.
    width, height = image.size
    assert 640 < width < 1000 and 400 < height < 640
    alpha = pixels_of(image)[..., 3]
    assert not alpha[:2].any() and not alpha[:, -2:].any() and alpha[2:5].any() and alpha[:, 2:5].any()
    assert alpha[height // 2, width // 2] == 1.0
    assert np.allclose(np.ptp(world_points(made), axis=0)[[0, 2]], (0.8, 0.8 * height / width), atol=1e-4)
    assert bpy.context.object == cube and cube.select_get() and not made.select_get()
    assert not made.hide_select and made.visible_camera and not made.visible_shadow


def test_both_ways_cut_the_same(cube: bpy.types.Object) -> None:
    """The practice service draws the same island on its backdrop as in its alpha."""
    select(cube)
    views = [generate(prompt="gray concrete", model=model) for model in ("gpt-image-2.5-flare", "gpt-image-2")]
    assert bpy.ops.gptimage.wait(timeout_s=60) == {'FINISHED'}
    true, solved = (pixels_of(image_of(view)) for view in views)
    assert abs(np.array(true.shape) - solved.shape).max() <= 2
    rows, columns = (min(each) for each in zip(true.shape[:2], solved.shape[:2], strict=True))
    assert abs(true[:rows, :columns, 3] - solved[:rows, :columns, 3]).mean() < 0.01


def test_on_selected_faces_in_edit_mode(cube: bpy.types.Object) -> None:
    select(cube)
    bpy.context.scene.cursor.location = (0, 0, 9)               # does not count
    bpy.ops.object.mode_set(mode='EDIT')
    bpy.ops.mesh.select_all(action='DESELECT')
    assert "no selected faces" in decal_refusal(bpy.context)
    with pytest.raises(RuntimeError, match="no selected faces. Select faces, or leave Edit Mode"):
        generate(prompt="a sign")
    bpy.ops.object.mode_set(mode='OBJECT')
    for polygon in cube.data.polygons:
        polygon.select = polygon.normal.x > 0.9
    bpy.ops.object.mode_set(mode='EDIT')
    assert decal_refusal(bpy.context) == ""
    view = generate(prompt="a sign")
    assert np.allclose(view.job.landing.decal.location, (1, 0, 0), atol=1e-6)
    assert np.allclose(view.job.landing.decal.normal, (1, 0, 0), atol=1e-6)
    assert bpy.ops.gptimage.wait(timeout_s=60) == {'FINISHED'} and view.landed.complete
    bpy.ops.object.mode_set(mode='OBJECT')
    assert view.job.landing.decal.conform
    made = next(obj for obj in bpy.data.objects if obj.name.endswith("Decal"))
    assert world_points(made)[:, 0].min() > 1.0


def test_where_there_is_no_mesh_it_says_so(cube: bpy.types.Object) -> None:
    select(bpy.data.objects["Light"])
    assert decal_refusal(bpy.context) == "The active object is no mesh. Select the mesh that the decal is for"
    with pytest.raises(RuntimeError, match="is no mesh. Select the mesh"):
        generate(prompt="a sign")
    assert not host.jobs


def test_without_its_object_the_picture_arrives(cube: bpy.types.Object) -> None:
    select(cube)
    view = generate(prompt="a sign")
    bpy.data.objects.remove(cube)
    assert bpy.ops.gptimage.wait(timeout_s=60) == {'FINISHED'}
    assert not view.landed.complete and "Kept as an image for what is gone: Cube" in view.landed.message
    assert image_of(view).use_fake_user and not any(obj.name.endswith("Decal") for obj in bpy.data.objects)


def test_the_first_variant_that_was_cut_out_is_laid(cube: bpy.types.Object) -> None:
    planned = plan_decal(WORDS._replace(n=2), Service(), cube, spot_near(cube, (0, -3, 0))._replace(width_m=0.5))
    view = finished(planned)
    first, second = view.record.result.pictures
    bad = first._replace(report={"not_finished": "The picture's background is not flat"})
    view.record = view.record._replace(result=view.record.result._replace(pictures=(bad, second)))
    host.pump()
    made = next(obj for obj in bpy.data.objects if obj.name.endswith("Decal"))
    assert picture_node(made.active_material).image == image_of(view, 1) and image_of(view, 0).use_fake_user
    # With none the pictures arrive, and say why.
    view = finished(plan_decal(WORDS, Service(), cube, spot_near(cube, (0, -3, 0))._replace(width_m=0.5)))
    view.record = view.record._replace(result=view.record.result._replace(pictures=(bad,)))
    host.pump()
    assert not view.landed.complete and view.landed.message.endswith("Kept as an image: The picture's background is not flat")
    assert sum(obj.name.startswith("Weathered Red Brick Decal") for obj in bpy.data.objects) == 1


# --- in the picture ---------------------------------------------------------------------------------------

def render(tmp_path: Path) -> np.ndarray:
    """float32 (64, 64, 4) linear, rows from the top, by Cycles: direct light of one direction, so that no sample is random."""
    scene = bpy.context.scene
    scene.render.engine = 'CYCLES'
    scene.render.resolution_x = scene.render.resolution_y = 64
    scene.cycles.samples, scene.cycles.max_bounces, scene.cycles.use_denoising = 1, 0, False
    scene.cycles.pixel_filter_type, scene.cycles.filter_width = 'BOX', 0.01
    scene.render.image_settings.file_format, scene.render.image_settings.color_depth = 'OPEN_EXR', '32'
    scene.render.filepath = str(tmp_path / "render.exr")
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(scene.render.filepath, check_existing=False)
    found = np.array(image.pixels[:]).reshape(64, 64, 4)[::-1]
    bpy.data.images.remove(image)
    return found


def test_the_render_shows_the_decal_and_around_it_the_surface_unchanged(picture: bpy.types.Image, tmp_path: Path) -> None:
    """Where alpha is 0, and beside the decal: no shadow, no darkening, no edge of it."""
    scene = bpy.context.scene
    bpy.data.batch_remove(list(scene.objects))
    scene.world = None
    bpy.ops.mesh.primitive_plane_add(size=4)
    floor = bpy.context.object
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location, camera.data.type, camera.data.ortho_scale = (0, 0, 5), 'ORTHO', 2.0
    sun = bpy.data.objects.new("Sun", bpy.data.lights.new("Sun", 'SUN'))
    sun.rotation_euler, sun.data.angle, sun.data.energy = (1.3, 0.0, 0.4), 0.0, 3.0        # low: a shadow would fall far
    for obj in (camera, sun):
        scene.collection.objects.link(obj)
    scene.camera = camera
    before = render(tmp_path)
    decal = spot_near(floor, (0, 0, 1))._replace(width_m=1.0, conform=False)
    made = make_decal(floor, picture, decal, "Sign")
    after = render(tmp_path)
    changed = abs(after - before).max(axis=2) > 1e-6
    # 1 m of 2 m is 32 of 64 pixels, half a metre 16; the upper half of it shows, up is +Y: rows 24 to 32.
    expected = np.zeros((64, 64), bool)
    expected[24:32, 16:48] = True
    soft = np.zeros((64, 64), bool)                      # a texel is 2 px wide: so far filtering reaches
    soft[22:34, 14:50] = True
    assert changed[26:30, 18:46].all() and not changed[~soft].any(), np.argwhere(changed & ~soft)[:5]
    left, right = after[28, 20], after[28, 43]
    assert left[0] > 5 * left[2] and right[2] > 5 * right[0]
    made.visible_shadow = True                          # it is that which keeps the rest as it was
    made.location.z += 0.2
    assert (abs(render(tmp_path) - before).max(axis=2) > 1e-3)[~soft].any()
