# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decals: a mesh of its own with its own material, lying a little above the surface of an object, so wide in metres.

Places are kept in the object's own space, so that they stay where they are on it while the picture is made.
"""

from __future__ import annotations

from collections.abc import Sequence

import bpy
import numpy as np
from mathutils import Matrix, Vector

from ..core.errors import InputError
from ..core.request import Decal
from . import materials
from .scale import front_of, triangles_of, up_on

__all__ = ("make_decal", "spot_near", "spot_on_faces")

_ABOVE = 0.004                  # of the width: as high it lies, for chords of a curved surface not to show through it
_SEGMENTS = 64                  # of the longer side of one that follows the surface


def spot_on_faces(obj: bpy.types.Object, faces: Sequence[int]) -> Decal:
    """The middle of a mesh's faces and the way they face, for a decal. Raises InputError with the field `faces`."""
    surface = triangles_of(obj, faces) if faces else None
    if surface is None or not surface.areas.sum():
        raise InputError(f"{obj.name} has no selected faces with an area", field="faces",
                         hint="Select faces, or leave Edit Mode to use the 3D cursor")
    middle = (surface.corners.mean(axis=1) * surface.areas[:, None]).sum(axis=0) / surface.areas.sum()
    point, _ = _nearest(surface.corners, middle)
    return _spot(obj, point, _outward(obj, front_of(surface)))


def spot_near(obj: bpy.types.Object, point: Sequence[float], normal: Sequence[float] = ()) -> Decal:
    """The point of a mesh as it is shown, modifiers and all, that is nearest to a point of the world, for a decal.

    It faces away from the surface there, or along `normal`. Raises InputError with the field `object`.
    """
    surface = triangles_of(obj.evaluated_get(bpy.context.evaluated_depsgraph_get()), ())
    if surface is None or not surface.areas.sum():
        raise InputError(f"{obj.name} has no faces", field="object", hint="Choose a mesh with faces")
    corners = surface.corners[surface.areas > 0]
    found, index = _nearest(corners, np.asarray(point, np.float64))
    a, b, c = corners[index]
    return _spot(obj, found, np.asarray(normal, np.float64) if len(normal) else _outward(obj, np.cross(b - a, c - a)))


def _outward(obj: bpy.types.Object, normal: np.ndarray) -> np.ndarray:
    """A normal by the order of corners in the world, which mirroring turns around."""
    return normal if obj.matrix_world.determinant() >= 0 else -normal


def _spot(obj: bpy.types.Object, point: np.ndarray, normal: np.ndarray) -> Decal:
    """What is told in the world, in the object's own space. Normals are turned back by the transposed matrix."""
    matrix = obj.matrix_world
    own = (matrix.to_3x3().transposed() @ Vector(normal)).normalized()
    return Decal(tuple(matrix.inverted_safe() @ Vector(point)), tuple(own), 0.0)


def _nearest(corners: np.ndarray, point: np.ndarray) -> tuple[np.ndarray, int]:
    """(the point of triangles (n, 3, 3) that is nearest to a point, the triangle's index)."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    normals = np.cross(b - a, c - a)
    squares = np.maximum((normals ** 2).sum(1), 1e-300)
    height = ((point - a) * normals).sum(1) / squares
    inside = np.ones(len(corners), bool)
    found = point - height[:, None] * normals
    best = np.full(len(corners), np.inf)
    on_edges = np.empty_like(a)
    for start, end in ((a, b), (b, c), (c, a)):
        side = end - start
        inside &= (np.cross(side, found - start) * normals).sum(1) >= 0
        share = np.clip(((point - start) * side).sum(1) / np.maximum((side ** 2).sum(1), 1e-300), 0, 1)
        on_edge = start + share[:, None] * side
        away = ((point - on_edge) ** 2).sum(1)
        on_edges[away < best] = on_edge[away < best]
        best = np.minimum(best, away)
    found = np.where(inside[:, None], found, on_edges)
    index = int(((found - point) ** 2).sum(1).argmin())
    return found[index], index


# --- the mesh ---------------------------------------------------------------------------------------------

def make_decal(obj: bpy.types.Object, image: bpy.types.Image, decal: Decal, name: str) -> bpy.types.Object:
    """A new object called "NAME Decal" that lies upright on `obj` and moves with it, as wide as the decal says.

    A plane, or a grid that is shrinkwrapped to a mesh. It casts no shadow: what it shows belongs to the surface.
    """
    name = f"{name} Decal"
    width, height = decal.width_m, decal.width_m * image.size[1] / image.size[0]
    mesh = _grid(name, width, height, _SEGMENTS if decal.conform else 1)
    made = bpy.data.objects.new(name, mesh)
    material = materials.make_material(name, image, alpha="blend")
    materials.picture_node(material).extension = 'CLIP'         # else opposite edges would mix
    material.use_transparency_overlap = False
    mesh.materials.append(material)
    made.visible_shadow = False

    editable = [collection for collection in obj.users_collection if collection.is_editable]
    for collection in editable or [bpy.context.scene.collection]:
        collection.objects.link(made)
    matrix = obj.matrix_world
    turned = matrix.inverted_safe().to_3x3().transposed() @ Vector(decal.normal)
    normal = np.array(turned.normalized())
    up = up_on(normal)
    above = _ABOVE * width
    frame = Matrix((np.cross(up, normal), up, normal)).transposed().to_4x4()
    frame.translation = matrix @ Vector(decal.location) + Vector(normal) * above
    made.parent = obj
    # Takes all of the object's scale and shear away: the decal's own metres are the world's.
    made.matrix_parent_inverse = matrix.inverted_safe()
    made.matrix_basis = frame
    if decal.conform and obj.type == 'MESH':
        wrap = made.modifiers.new("Shrinkwrap", 'SHRINKWRAP')
        wrap.target = obj
        # Toward the nearest point: it wraps around what is round, and what reaches beyond an edge ends there.
        wrap.wrap_method, wrap.wrap_mode = 'NEAREST_SURFACEPOINT', 'ABOVE_SURFACE'
        # Measured in the object's own space, along a normal whose length in the world is 1 / |turned|.
        wrap.offset = above * turned.length
    return made


def _grid(name: str, width_m: float, height_m: float, segments: int) -> bpy.types.Mesh:
    """A flat mesh around its origin, facing +Z, with a UV map over all of it; about square cells, so many on the longer side."""
    longer = max(width_m, height_m)
    columns, rows = (max(1, round(segments * side / longer)) for side in (width_m, height_m))
    x, y = np.meshgrid(np.linspace(0, 1, columns + 1), np.linspace(0, 1, rows + 1))
    shares = np.stack((x.ravel(), y.ravel()), axis=1)
    points = np.zeros((len(shares), 3))
    points[:, :2] = (shares - 0.5) * (width_m, height_m)
    first = (np.arange(rows)[:, None] * (columns + 1) + np.arange(columns)).ravel()
    faces = np.stack((first, first + 1, first + columns + 2, first + columns + 1), axis=1)
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(points.tolist(), [], faces.tolist())
    layer = mesh.uv_layers.new(name="UVMap")
    layer.uv.foreach_set("vector", shares[faces.ravel()].astype(np.float32).ravel())
    mesh.polygons.foreach_set("use_smooth", np.full(len(faces), segments > 1))
    mesh.update()
    return mesh
