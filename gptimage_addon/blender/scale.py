# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How large a picture is on a surface: metres in the world per unit of the UV map, and the shape of faces."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import bpy
import numpy as np

from ..core.errors import InputError

__all__ = ("FaceShape", "box_repeat", "face_shape", "fit_to_shape", "front_of", "has_uv_map", "triangles_of", "up_on", "uv_density", "uv_repeat")

# Beyond these a UV map says nothing of a picture's size in the world, and a projection does better.
USABLE_SHARE = 0.5              # of the surface must have UVs with an area
EVEN_SHARE = 0.75               # of it must have a density near the median
DENSITY_SPREAD = 2.0            # near: within this factor on both axes
MAX_LAYERS = 8                  # of the map on itself: a box has 6 sides; faces that all show the same have hundreds
_DEGENERATE = 1e-12             # UV area of a triangle that shows less than a pixel of any picture
_PROBES = 64
_LEVEL = 0.99                   # cosine of the slope up to which a surface is a floor
_PLANAR = 0.02                  # a vertex may be off the plane by this part of the faces' size


class FaceShape(NamedTuple):
    """The upright rectangle around some faces, as seen from their front.

    `uv_bounds` is (u0, v0, u1, v1) of their UVs, None for planar faces without. `up` is the quarter turn, in radians
    counterclockwise in the UV map, from +V to what is up in the world: width and height are along the rectangle's own
    right and up, so a picture of that aspect fits whatever `up` is. Without UVs it is 0.
    """

    width_m: float
    height_m: float
    uv_bounds: tuple[float, float, float, float] | None
    up: float


def has_uv_map(obj: bpy.types.Object) -> bool:
    """Whether UV coordinates exist. Curves and text have their own."""
    if obj.type == 'MESH':
        return len(obj.data.uv_layers) > 0
    return obj.type in {'CURVE', 'SURFACE', 'FONT'}


def box_repeat(obj: bpy.types.Object, scale_m: float, *, aspect: float = 1.0) -> tuple[float, float, float]:
    """Length of one repeat along the object's own axes: `scale_m` metres in the world, or if 0 its longest side there.

    `aspect` is the picture's width / height: upright on the walls, it is that much lower along Z.
    """
    scale = [abs(each) or 1.0 for each in obj.matrix_world.to_scale()]
    if not scale_m:
        corners = np.array(obj.bound_box)
        scale_m = float((np.ptp(corners, axis=0) * scale).max()) or 1.0
    return tuple(round(length / each, 6) for length, each in zip((scale_m, scale_m, scale_m / aspect), scale, strict=True))


def uv_density(obj: bpy.types.Object, faces: Sequence[int] = ()) -> tuple[float, float] | None:
    """(metres per UV unit along U, along V) of a mesh in the world: the median by area, of all faces if none are given.

    None where the UV map cannot give a picture a size: there is none, most of the surface has no UV area, the density
    differs too much from place to place, or too many faces show the same part of it.
    """
    surface = triangles_of(obj, faces)
    if surface is None or surface.uvs is None:
        return None
    along_u, along_v, good = surface.per_uv()
    weights = surface.areas * good
    total = surface.areas.sum()
    if not total or weights.sum() < USABLE_SHARE * total:
        return None
    density = _weighted_median(along_u, weights), _weighted_median(along_v, weights)
    with np.errstate(divide='ignore'):
        off = [np.abs(np.log(found / middle)) for found, middle in zip((along_u, along_v), density, strict=True)]
    near = good & (np.maximum(*off) <= math.log(DENSITY_SPREAD) + 1e-6)
    if surface.areas[near].sum() < EVEN_SHARE * total or _layers(surface.uvs[good]) > MAX_LAYERS:
        return None
    return density


def uv_repeat(
    obj: bpy.types.Object, scale_m: float, faces: Sequence[int] = (), *, aspect: float = 1.0,
) -> tuple[float, float] | None:
    """The Mapping's scale with which one repeat is `scale_m` metres wide in the world, or None as for `uv_density`.

    `aspect` is the picture's width / height, which its repeats then have.
    """
    density = uv_density(obj, faces)
    return (density[0] / scale_m, density[1] / scale_m * aspect) if density else None


def face_shape(obj: bpy.types.Object, faces: Sequence[int]) -> FaceShape:
    """The shape of a mesh's faces in metres: of their UVs' bounds, or of flat faces without UVs.

    Raises InputError with the field `faces`.
    """
    surface = triangles_of(obj, faces) if faces else None
    if surface is None or not surface.areas.sum():
        raise InputError(f"{obj.name} has no selected faces with an area", field="faces", hint="Select faces in Edit Mode")
    if surface.uvs is not None and surface.per_uv()[2].any():
        return _shape_in_uvs(surface)
    return _shape_in_plane(surface, obj.name)


def fit_to_shape(shape: FaceShape) -> tuple[tuple[float, float], float, tuple[float, float]]:
    """(location, rotation, scale) of a Mapping that lays a picture once, upright, over a shape with UV bounds.

    The Mapping, of the type Point, scales first, then rotates, then moves (Blender manual, Mapping Node).
    """
    u0, v0, u1, v1 = shape.uv_bounds
    turns = round(shape.up / (math.pi / 2)) % 4
    scale = 1 / (u1 - u0), 1 / (v1 - v0)
    # The bounds' corner (0, 0) after the turn by -up, then into the square from 0 to 1.
    x, y = -u0 * scale[0], -v0 * scale[1]
    location = ((x, y), (y, 1 - x), (1 - x, 1 - y), (1 - y, x))[turns]
    return location, -turns * math.pi / 2, scale


# --- the surface ------------------------------------------------------------------------------------------

class _Surface(NamedTuple):
    """Triangles of a mesh, float64: corners (n, 3, 3) in metres in the world, UVs (n, 3, 2) or None, areas (n,) in m²."""

    corners: np.ndarray
    uvs: np.ndarray | None
    areas: np.ndarray

    def gradients(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(dP/du (n, 3), dP/dv (n, 3), whether the UVs have an area (n,)). Zero where they have none."""
        e1, e2 = self.corners[:, 1] - self.corners[:, 0], self.corners[:, 2] - self.corners[:, 0]
        t1, t2 = self.uvs[:, 1] - self.uvs[:, 0], self.uvs[:, 2] - self.uvs[:, 0]
        determinant = t1[:, 0] * t2[:, 1] - t1[:, 1] * t2[:, 0]
        # A sliver in the map is as good as nothing: compared with its own sides too.
        sides = np.maximum((t1 ** 2).sum(1), (t2 ** 2).sum(1))
        good = np.abs(determinant) > np.maximum(_DEGENERATE, 1e-6 * sides)
        inverse = np.where(good, 1 / np.where(good, determinant, 1), 0)[:, None]
        return (e1 * t2[:, 1:] - e2 * t1[:, 1:]) * inverse, (e2 * t1[:, :1] - e1 * t2[:, :1]) * inverse, good

    def per_uv(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(metres per U (n,), metres per V (n,), whether the UVs have an area (n,))."""
        along_u, along_v, good = self.gradients()
        return np.linalg.norm(along_u, axis=1), np.linalg.norm(along_v, axis=1), good


def triangles_of(obj: bpy.types.Object, faces: Sequence[int]) -> _Surface | None:
    """The mesh's triangles, those of the faces only if any are given. None without."""
    if obj.type != 'MESH':
        return None
    if obj.mode != 'EDIT':
        return _triangles(obj.data, np.array(obj.matrix_world), faces)
    obj.update_from_editmode()
    try:            # the UVs of a mesh in Edit Mode cannot be read, those of its copy can
        return _triangles(obj.to_mesh(), np.array(obj.matrix_world), faces)
    finally:
        obj.to_mesh_clear()


def _triangles(mesh: bpy.types.Mesh, matrix: np.ndarray, faces: Sequence[int]) -> _Surface | None:
    mesh.calc_loop_triangles()
    count = len(mesh.loop_triangles)
    if not count:
        return None
    loops, points = np.empty(count * 3, np.int32), np.empty(count * 3, np.int32)
    mesh.loop_triangles.foreach_get("loops", loops)
    mesh.loop_triangles.foreach_get("vertices", points)
    keep = slice(None)
    if len(faces):
        polygons = np.empty(count, np.int32)
        mesh.loop_triangles.foreach_get("polygon_index", polygons)
        keep = np.isin(polygons, np.asarray(faces))
    own = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", own)
    world = own.reshape(-1, 3).astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3]
    corners = world[points.reshape(-1, 3)[keep]]
    uvs = None
    rendered = next((layer for layer in mesh.uv_layers if layer.active_render), None)
    if rendered:
        flat = np.empty(len(mesh.loops) * 2, np.float32)
        rendered.uv.foreach_get("vector", flat)
        uvs = flat.reshape(-1, 2).astype(np.float64)[loops.reshape(-1, 3)[keep]]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return _Surface(corners, uvs, np.linalg.norm(normals, axis=1) / 2)


def _weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    order = np.argsort(values)
    middle = np.searchsorted(np.cumsum(weights[order]), weights.sum() / 2)
    return float(values[order][middle])


def _layers(uvs: np.ndarray) -> float:
    """How many triangles lie over each other at the middle half of the map's area, from probes all over it."""
    a, b, c = uvs[:, 0], uvs[:, 1], uvs[:, 2]
    doubled = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    steps = np.cumsum(np.abs(doubled))
    probes = np.searchsorted(steps, (np.arange(_PROBES) + 0.5) / _PROBES * steps[-1])
    (low_u, low_v), (high_u, high_v) = (np.ascontiguousarray(ends(uvs, axis=1).T) for ends in (np.min, np.max))
    found = []
    for point in uvs[probes].mean(axis=1):
        near = np.flatnonzero((low_u <= point[0]) & (high_u >= point[0]) & (low_v <= point[1]) & (high_v >= point[1]))
        inside = np.ones(len(near), bool)
        for start, end in ((a, b), (b, c), (c, a)):
            side, there = end[near] - start[near], point - start[near]
            inside &= (side[:, 0] * there[:, 1] - side[:, 1] * there[:, 0]) * doubled[near] >= 0
        found.append(np.count_nonzero(inside))
    return float(np.median(found))


# --- the shape of faces -----------------------------------------------------------------------------------

def up_on(normal: np.ndarray) -> np.ndarray:
    """The direction on a surface that is up in the world; on floors and ceilings, north (+Y)."""
    axis = np.array((0.0, 1.0, 0.0) if abs(normal[2]) > _LEVEL else (0.0, 0.0, 1.0))
    up = axis - normal * (normal @ axis)
    return up / np.linalg.norm(up)


def front_of(surface: _Surface) -> np.ndarray:
    """The mean normal, by area."""
    corners = surface.corners
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]).sum(axis=0)
    length = np.linalg.norm(normal)
    return normal / length if length > 1e-9 * surface.areas.sum() else np.array((0.0, 0.0, 1.0))


def _shape_in_uvs(surface: _Surface) -> FaceShape:
    along_u, along_v, good = surface.gradients()
    weights = surface.areas * good
    per_u, per_v = (_weighted_median(np.linalg.norm(each, axis=1), weights) for each in (along_u, along_v))
    up = up_on(front_of(surface))
    # How fast one gets up in the world along U and along V: the picture's up is the axis that gains most.
    rise = [float((each @ up * weights).sum()) for each in (along_u, along_v)]
    if abs(rise[1]) >= abs(rise[0]):
        turns = 0 if rise[1] >= 0 else 2
    else:
        turns = 3 if rise[0] >= 0 else 1
    (u0, v0), (u1, v1) = surface.uvs[good].min(axis=(0, 1)), surface.uvs[good].max(axis=(0, 1))
    sides = (u1 - u0) * per_u, (v1 - v0) * per_v
    width, height = sides if turns % 2 == 0 else sides[::-1]
    return FaceShape(float(width), float(height), (float(u0), float(v0), float(u1), float(v1)), turns * math.pi / 2)


def _shape_in_plane(surface: _Surface, name: str) -> FaceShape:
    normal = front_of(surface)
    up = up_on(normal)
    points = surface.corners.reshape(-1, 3)
    width, height = np.ptp(points @ np.cross(up, normal)), np.ptp(points @ up)
    if np.ptp(points @ normal) > _PLANAR * max(width, height):
        raise InputError(f"The faces of {name} are not flat and have no UV map", field="faces",
                         hint="Unwrap them, or select faces in one plane")
    return FaceShape(float(width), float(height), None, 0.0)
