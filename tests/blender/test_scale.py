# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures at their size in the world: UV densities, repeats, the shape of faces. Blender's renders are the judge."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import bmesh
import bpy
import numpy as np
import pytest
from mathutils import Matrix, Vector

from gptimage_addon.blender import scale
from gptimage_addon.blender.materials import assign, fit_to_faces, make_material
from gptimage_addon.core.errors import InputError
from tests.support.renders import add_object, float_image, render_linear

# Linear colors of a picture's quarters, rows from the bottom: bottom left, bottom right, top left, top right.
QUARTERS = np.array([[(0.1, 0.2, 0.8), (0.8, 0.7, 0.1)], [(0.8, 0.1, 0.1), (0.1, 0.7, 0.2)]])


def quarters() -> bpy.types.Image:
    return float_image("quarters", QUARTERS.repeat(16, axis=0).repeat(16, axis=1))


def new_mesh(points: Sequence[Sequence[float]], faces: Sequence[Sequence[int]],
             uvs: Sequence[Sequence[float]] | None = None) -> bpy.types.Object:
    """A mesh; `uvs` of its loops."""
    mesh = bpy.data.meshes.new("Made")
    mesh.from_pydata(points, [], faces)
    if uvs is not None:
        mesh.uv_layers.new().uv.foreach_set("vector", np.array(uvs, np.float32).ravel())
    return add_object("Made", mesh)


def wall(width_m: float, height_m: float, uvs: Sequence[Sequence[float]] | None = None) -> bpy.types.Object:
    """A wall that faces -Y; loops from its bottom left, counterclockwise."""
    x, z = width_m / 2, height_m / 2
    return new_mesh([(-x, 0, -z), (x, 0, -z), (x, 0, z), (-x, 0, z)], [(0, 1, 2, 3)], uvs)


SQUARE = ((0, 0), (1, 0), (1, 1), (0, 1))


def color_of(obj: bpy.types.Object, tmp_path: Path, **view: object) -> np.ndarray:
    """A render of the object's color, whatever the light."""
    tree = obj.active_material.node_tree
    emission = tree.nodes.new("ShaderNodeEmission")
    picture = tree.nodes["GPT Image"]
    picture.interpolation = 'Closest'
    picture.projection_blend = 0.0
    tree.links.new(picture.outputs["Color"], emission.inputs["Color"])
    tree.links.new(emission.outputs["Emission"], tree.get_output_node('ALL').inputs["Surface"])
    return render_linear(tmp_path, [obj], **view)


def quarter_at(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The picture's color at texture coordinates, repeating."""
    return QUARTERS[(np.floor(y * 2) % 2).astype(int), (np.floor(x * 2) % 2).astype(int)]


def assert_same(found: np.ndarray, expected: np.ndarray) -> None:
    """All but the pixels that lie on an edge: a sample falls anywhere in its pixel."""
    wrong = np.abs(found - expected).max(axis=2) > 0.01
    assert wrong.mean() < 0.13
    inner = np.ones_like(wrong)
    for shift in (-1, 1):
        for axis in (0, 1):
            inner &= (np.roll(expected, shift, axis) == expected).all(axis=2)
    assert inner.mean() > 0.5 and not (wrong & inner).any()


# --- UV density -------------------------------------------------------------------------------------------

@pytest.mark.parametrize("own", [(1, 1, 1), (2.0, 3.0, 0.5), (-2.0, 1.0, 4.0)])
def test_density_is_metres_in_the_world(own: tuple[float, ...]) -> None:
    obj = wall(3.0, 2.0, [(0, 0), (1.5, 0), (1.5, 0.5), (0, 0.5)])      # 2 m per U, 4 m per V
    obj.scale = own
    obj.rotation_euler = (0.3, 0.8, 1.2)
    bpy.context.view_layer.update()
    assert scale.uv_density(obj) == pytest.approx((2.0 * abs(own[0]), 4.0 * abs(own[2])), rel=1e-5)


def test_density_follows_a_parents_scale() -> None:
    obj = wall(2.0, 2.0, SQUARE)
    obj.parent = add_object("Parent", None)
    obj.parent.scale = (3.0, 1.0, 2.0)
    bpy.context.view_layer.update()
    assert scale.uv_density(obj) == pytest.approx((6.0, 4.0), rel=1e-5)


def test_density_is_the_median_by_area() -> None:
    """Half a square metre at 1 m per unit does not outvote four at 2 m."""
    obj = new_mesh([(0, 0, 0), (2, 0, 0), (2, 2, 0), (0, 2, 0), (2.5, 0, 0), (2.5, 1, 0), (2, 1, 0)],
                   [(0, 1, 2, 3), (1, 4, 5, 6)], [*SQUARE, (2, 0), (2.5, 0), (2.5, 1), (2, 1)])
    assert scale.uv_density(obj) == pytest.approx((2.0, 2.0))
    assert scale.uv_density(obj, faces=[1]) == pytest.approx((1.0, 1.0))


def test_blenders_own_unwraps_have_a_density(cube: bpy.types.Object) -> None:
    assert scale.uv_density(cube) == pytest.approx((8.0, 8.0), rel=1e-4)        # six sides of 2 m, each a quarter wide
    bpy.ops.mesh.primitive_plane_add(size=3.0)
    assert scale.uv_density(bpy.context.object) == pytest.approx((3.0, 3.0))
    bpy.ops.mesh.primitive_cylinder_add(radius=1.0, depth=2.0, vertices=64)
    assert scale.uv_density(bpy.context.object) is not None


def test_density_in_edit_mode_is_that_of_the_edited_mesh() -> None:
    obj = wall(2.0, 2.0, SQUARE)
    bpy.context.view_layer.objects.active = obj
    bpy.ops.object.mode_set(mode='EDIT')
    mesh = bmesh.from_edit_mesh(obj.data)
    bmesh.ops.scale(mesh, vec=(2, 2, 2), verts=mesh.verts)
    assert scale.uv_density(obj) == pytest.approx((4.0, 4.0))
    bpy.ops.object.mode_set(mode='OBJECT')


@pytest.mark.parametrize("uvs", [None, [(0.5, 0.5)] * 4, [(0, 0), (1, 0), (1, 0), (0, 0)], [(0, 0), (1, 1), (2, 2), (3, 3)]])
def test_degenerate_uvs_have_no_density(uvs: Sequence[Sequence[float]] | None) -> None:
    assert scale.uv_density(wall(2.0, 2.0, uvs)) is None


def strips(widths: Sequence[float]) -> bpy.types.Object:
    """Faces of 1 m height side by side that all show the whole picture."""
    x = np.concatenate([[0.0], np.cumsum(widths)])
    points = [(float(at), 0.0, float(z)) for at in x for z in (0, 1)]
    faces = [(2 * i, 2 * i + 2, 2 * i + 3, 2 * i + 1) for i in range(len(widths))]
    return new_mesh(points, faces, [uv for _ in widths for uv in SQUARE])


def test_faces_that_each_show_all_of_the_picture_have_no_density() -> None:
    assert scale.uv_density(strips([0.1] * 100)) is None                # Unwrap > Reset on a grid
    assert scale.uv_density(strips([1.0] * 6)) == pytest.approx((1.0, 1.0))     # as the sides of a box may
    assert scale.uv_density(strips([4.0, 1.5, 1.5, 0.6, 0.6, 0.6])) is None  # no one size


@pytest.mark.parametrize("own", [(1, 1, 1), (2.0, 1.0, 0.5)])
def test_a_repeat_by_uv_is_as_wide_as_asked(tmp_path: Path, own: tuple[float, ...]) -> None:
    obj = wall(4.0, 4.0, [(0.1, 0.2), (2.1, 0.2), (2.1, 0.7), (0.1, 0.7)])
    obj.scale = own
    bpy.context.view_layer.update()
    width_m, aspect = 1.25, 2.5
    assign(obj, make_material("x", quarters(), uv_repeat=scale.uv_repeat(obj, width_m, aspect=aspect)), append=False)
    rows = color_of(obj, tmp_path, towards=(0, 1, 0), width_m=2.0)
    at = (np.arange(64) + 0.5) / 32 - 1
    x, z = np.meshgrid(at, at)
    left, bottom = -2.0 * own[0], -2.0 * own[2]
    start = np.array((0.1, 0.2)) * scale.uv_repeat(obj, width_m, aspect=aspect)     # the texture's place at the corner
    assert_same(rows, quarter_at((x - left) / width_m + start[0], (z - bottom) / (width_m / aspect) + start[1]))


def test_without_a_density_there_is_no_repeat_by_uv() -> None:
    assert scale.uv_repeat(wall(2.0, 2.0), 1.0) is None
    curve = add_object("Curve", bpy.data.curves.new("Curve", 'CURVE'))
    assert scale.uv_repeat(curve, 1.0) is None


# --- box projection ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("own", [(1, 1, 1), (2.0, 2.0, 2.0), (1.5, 3.0, 0.75)])
@pytest.mark.parametrize("towards", [(0, 1, 0), (-1, 0, 0)])
def test_a_box_projections_repeat_is_as_wide_as_asked_on_scaled_objects(
    tmp_path: Path, cube: bpy.types.Object, own: tuple[float, ...], towards: tuple[int, ...],
) -> None:
    cube.scale = own
    bpy.context.view_layer.update()
    width_m = 0.8
    assign(cube, make_material("x", quarters(), box_repeat=scale.box_repeat(cube, width_m)), append=False)
    rows = color_of(cube, tmp_path, towards=towards, width_m=1.2)
    at = ((np.arange(64) + 0.5) / 32 - 1) * 0.6
    x, z = np.meshgrid(at, at)              # both walls show the picture upright, their middle is its middle
    assert_same(rows, quarter_at(x / width_m + 0.5, z / width_m + 0.5))


def test_a_box_projection_on_the_floor_of_a_scaled_object(tmp_path: Path, cube: bpy.types.Object) -> None:
    """Seen from above, Blender turns the picture by a quarter; the repeats stay square in the world."""
    cube.scale = (3.0, 0.9, 1.0)
    bpy.context.view_layer.update()
    width_m = 0.8
    assign(cube, make_material("x", quarters(), box_repeat=scale.box_repeat(cube, width_m)), append=False)
    rows = color_of(cube, tmp_path, width_m=1.2)
    at = ((np.arange(64) + 0.5) / 32 - 1) * 0.6
    x, y = np.meshgrid(at, at)
    assert_same(rows, quarter_at(-y / width_m + 0.5, x / width_m + 0.5))


@pytest.mark.parametrize("aspect", [2.0, 0.75])
@pytest.mark.parametrize("towards", [(0, 1, 0), (-1, 0, 0), (0, 0, -1)])
def test_a_box_projected_picture_keeps_its_shape_on_all_sides(
    tmp_path: Path, cube: bpy.types.Object, towards: tuple[int, ...], aspect: float,
) -> None:
    cube.scale = (3.0, 1.5, 0.75)
    bpy.context.view_layer.update()
    width_m = 0.8
    repeat = scale.box_repeat(cube, width_m, aspect=aspect)
    assign(cube, make_material("x", quarters(), box_repeat=repeat, box_aspect=aspect), append=False)
    rows = color_of(cube, tmp_path, towards=towards, width_m=1.2)
    at = ((np.arange(64) + 0.5) / 32 - 1) * 0.6
    right, up = np.meshgrid(at, at)
    if towards[2]:                          # a quarter turned
        right, up = -up, right
    assert_same(rows, quarter_at(right / width_m + 0.5, up / width_m * aspect + 0.5))


def test_a_round_object_shows_each_side_in_its_shape(tmp_path: Path) -> None:
    """On a sphere, where Blender chooses the side by the normal: all around its middle, and from above."""
    bpy.ops.mesh.primitive_uv_sphere_add(radius=2.0, segments=96, ring_count=48)
    bpy.ops.object.shade_smooth()
    sphere, aspect, width_m = bpy.context.object, 2.0, 0.8
    repeat = scale.box_repeat(sphere, width_m, aspect=aspect)
    assign(sphere, make_material("x", quarters(), box_repeat=repeat, box_aspect=aspect), append=False)
    at = ((np.arange(64) + 0.5) / 32 - 1) * 1.1          # within 45 degrees of the view
    right, up = np.meshgrid(at, at)
    inside = np.hypot(right, up) < 1.05
    for towards in ((0, 1, 0), (0, 0, -1)):
        rows = color_of(sphere, tmp_path, towards=towards, width_m=2.2)
        u, v = (-up, right) if towards[2] else (right, up)
        expected = quarter_at(u / width_m + 0.5, v / width_m * aspect + 0.5)
        assert (np.abs(rows - expected).max(axis=2)[inside] < 0.01).mean() > 0.87


def test_a_sheared_objects_axes_are_measured_in_the_world(cube: bpy.types.Object) -> None:
    parent = add_object("Parent", None)
    parent.scale = (3.0, 1.0, 1.0)
    cube.parent, cube.rotation_euler = parent, (0, 0, math.pi / 4)
    bpy.context.view_layer.update()
    ends = [cube.matrix_world @ Vector(axis) - cube.matrix_world.translation for axis in Matrix.Identity(3)]
    for length, end in zip(scale.box_repeat(cube, 0.5), ends, strict=True):
        assert length * end.length == pytest.approx(0.5, rel=1e-4)


def test_the_longest_side_is_that_in_the_world(cube: bpy.types.Object) -> None:
    cube.scale = (0.5, 4.0, 1.0)                                        # 1 x 8 x 2 m
    bpy.context.view_layer.update()
    assert scale.box_repeat(cube, 0.0) == pytest.approx((16.0, 2.0, 8.0))


# --- the shape of faces -----------------------------------------------------------------------------------

def turned(uvs: Sequence[Sequence[float]], quarters_ccw: int) -> list[tuple[float, float]]:
    """UVs turned counterclockwise about the map's middle."""
    turn = {0: lambda u, v: (u, v), 1: lambda u, v: (1 - v, u), 2: lambda u, v: (1 - u, 1 - v), 3: lambda u, v: (v, 1 - u)}
    return [turn[quarters_ccw](u, v) for u, v in uvs]


@pytest.mark.parametrize("turn", [0, 1, 2, 3])
@pytest.mark.parametrize("own", [(1, 1, 1), (2.0, 1.0, 0.5)])
def test_a_picture_stands_upright_on_faces_whose_uvs_do_not(tmp_path: Path, turn: int, own: tuple[float, ...]) -> None:
    obj = wall(1.5, 1.0, turned([(0.2, 0.3), (0.6, 0.3), (0.6, 0.9), (0.2, 0.9)], turn))
    obj.scale = own
    bpy.context.view_layer.update()
    shape = scale.face_shape(obj, [0])
    assert (shape.width_m, shape.height_m) == pytest.approx((1.5 * own[0], 1.0 * own[2]), rel=1e-5)
    assert shape.up == pytest.approx(turn * math.pi / 2)
    assert shape.uv_bounds == pytest.approx(
        {0: (0.2, 0.3, 0.6, 0.9), 1: (0.1, 0.2, 0.7, 0.6), 2: (0.4, 0.1, 0.8, 0.7), 3: (0.3, 0.4, 0.9, 0.8)}[turn])
    material = make_material("x", quarters())
    fit_to_faces(material, shape)
    assign(obj, material, append=False)
    rows = color_of(obj, tmp_path, towards=(0, 1, 0), width_m=3.2)
    at = ((np.arange(64) + 0.5) / 32 - 1) * 1.6
    x, z = np.meshgrid(at / shape.width_m + 0.5, at / shape.height_m + 0.5)
    inside = (x > 0) & (x < 1) & (z > 0) & (z < 1)
    assert_same(rows, np.where(inside[:, :, None], quarter_at(x, z), 0.0))


def test_flat_faces_without_uvs_are_measured_along_the_horizon() -> None:
    obj = wall(1.5, 1.0)
    obj.rotation_euler = (0, 0, 0.7)
    bpy.context.view_layer.update()
    shape = scale.face_shape(obj, [0])
    assert (shape.width_m, shape.height_m) == pytest.approx((1.5, 1.0), rel=1e-5)
    assert shape.uv_bounds is None and shape.up == 0.0


def test_a_floors_up_is_north() -> None:
    obj = new_mesh([(-2, -1, 0), (2, -1, 0), (2, 1, 0), (-2, 1, 0)], [(0, 1, 2, 3)])
    assert tuple(scale.face_shape(obj, [0]))[:2] == pytest.approx((4.0, 2.0))
    obj.data.uv_layers.new().uv.foreach_set("vector", np.array(turned(SQUARE, 1), np.float32).ravel())
    shape = scale.face_shape(obj, [0])
    assert (shape.width_m, shape.height_m, shape.up) == pytest.approx((4.0, 2.0, math.pi / 2))


def test_bent_faces_without_uvs_and_no_faces_are_refused(cube: bpy.types.Object) -> None:
    cube.data.uv_layers.remove(cube.data.uv_layers[0])
    for faces in ([0, 1, 2], []):
        with pytest.raises(InputError) as refused:
            scale.face_shape(cube, faces)
        assert refused.value.field == "faces"
