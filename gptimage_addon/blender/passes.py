# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scene's camera sees, as data to send along: depth, normals, objects told by their color; and the UV layout of a mesh.

What is told of a pixel is what lies at its middle. All is rendered beside the scene, which stays as it was; every function
blocks until that is done, and raises InputError.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial

import bpy
import numpy as np

from ..core.errors import InputError
from ..imaging.masks import from_triangles
from . import compat
from .coverage import cryptomatte_id, rendered_objects
from .mask_scene import render_output

__all__ = ("COLORS", "depth_pass", "depth_picture", "ids_picture", "normal_pass", "normal_picture", "objects_pass", "uv_picture")

NOTHING_M = 1e9                         # from here on Blender means that there is nothing
PAPER, INSIDE, EDGE = 255, 200, 40      # of the UV layout
# Colors that are told apart at a glance, and their names in words: K. Kelly, "Twenty-Two Colors of Maximum Contrast" (1965), without black and white.
COLORS = {
    "yellow": (243, 195, 0), "purple": (135, 86, 146), "orange": (243, 132, 0), "light blue": (161, 202, 241), "red": (190, 0, 50),
    "buff": (194, 178, 128), "gray": (132, 132, 130), "green": (0, 136, 86), "pink": (230, 143, 172), "blue": (0, 103, 165),
    "salmon": (249, 147, 121), "violet": (96, 78, 151), "golden": (246, 166, 0), "magenta": (179, 68, 108), "lemon": (220, 211, 0),
    "brown": (136, 45, 23), "lime": (141, 182, 0), "chestnut": (101, 69, 34), "vermilion": (226, 88, 34), "olive": (43, 61, 38),
}


def depth_pass(scene: bpy.types.Scene, camera: bpy.types.Object, width_px: int, height_px: int) -> np.ndarray:
    """Metres along the camera's view, float32 (h, w); infinite where there is nothing."""
    found = _pass(scene, camera, width_px, height_px, "Depth")[..., 0]
    return np.where(found < NOTHING_M, found, np.float32(np.inf))


def normal_pass(scene: bpy.types.Scene, camera: bpy.types.Object, width_px: int, height_px: int) -> np.ndarray:
    """Where the surfaces face, float32 (h, w, 3), of length 1: right, up and towards the camera. 0 where there is nothing."""
    world = _pass(scene, camera, width_px, height_px, "Normal")[..., :3]
    to_camera = np.array(camera.matrix_world.normalized().to_3x3().inverted(), np.float32)
    return world @ to_camera.T


def objects_pass(
    scene: bpy.types.Scene, camera: bpy.types.Object, width_px: int, height_px: int,
) -> tuple[np.ndarray, list[bpy.types.Object]]:
    """(which object is seen, int (h, w), -1 for none; the objects that are seen, largest first). Instances count as their object."""
    number = _pass(scene, camera, width_px, height_px, "CryptoObject00")[..., 0]
    sizes = {obj: np.count_nonzero(number == np.float32(cryptomatte_id(obj.name))) for obj in _objects(scene)}
    seen = sorted((obj for obj, size in sizes.items() if size), key=lambda obj: (-sizes[obj], obj.name))
    found = np.full(number.shape, -1)
    for index, obj in enumerate(seen):
        found[number == np.float32(cryptomatte_id(obj.name))] = index
    return found, seen


def _objects(scene: bpy.types.Scene) -> set[bpy.types.Object]:
    shown, cut = rendered_objects(scene)
    return {obj for obj in shown | cut if obj.type != 'VOLUME'}


def _pass(scene: bpy.types.Scene, camera: bpy.types.Object, width_px: int, height_px: int, name: str) -> np.ndarray:
    lens = camera.data.copy()
    sharp = camera.copy()
    try:
        lens.animation_data_clear()
        lens.dof.use_dof = False
        sharp.data = lens
        return render_output(scene, _objects(scene), width_px, height_px, camera=sharp, output=partial(_as_output, name=name))
    finally:
        bpy.data.objects.remove(sharp)
        bpy.data.cameras.remove(lens)


@contextmanager
def _as_output(copy: bpy.types.Scene, name: str) -> Iterator[None]:
    """Let the scene's compositor give out a pass as its picture."""
    layer = copy.view_layers[0]
    layer.use_pass_z, layer.use_pass_normal, layer.use_pass_cryptomatte_object = True, True, True
    tree, output = compat.empty_compositor(copy)
    try:
        with bpy.context.temp_override(scene=copy):
            layers = tree.nodes.new("CompositorNodeRLayers")
        layers.scene = copy
        layers.layer = layer.name
        tree.links.new(layers.outputs[name], output)
        copy.render.use_compositing = True
        yield
    finally:
        if not tree.is_embedded_data:
            bpy.data.node_groups.remove(tree)


# --- as pictures: uint8 (h, w, 3) ---------------------------------------------------------------------------

def depth_picture(depth_m: np.ndarray) -> np.ndarray:
    """Near is white, far is dark, evenly between what is nearest and what is farthest; black where there is nothing. Raises InputError."""
    there = np.isfinite(depth_m)
    if not there.any():
        raise InputError("The camera sees nothing", field="camera", hint="Point it at something that is shown in renders")
    near, far = depth_m[there].min(), depth_m[there].max()
    share = (far - np.where(there, depth_m, far)) / max(far - near, 1e-6)
    grey = np.where(there, np.rint(32 + 223 * share), 0).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def normal_picture(normal: np.ndarray) -> np.ndarray:
    """Red is right, green is up, blue is towards the camera, from -1 to 1; where there is nothing, it faces the camera."""
    there = np.any(normal != 0, axis=2, keepdims=True)
    facing = np.where(there, normal, np.float32((0, 0, 1)))
    return np.rint((np.clip(facing, -1, 1) + 1) * 127.5).astype(np.uint8)


def ids_picture(index: np.ndarray, objects: Iterable[bpy.types.Object]) -> tuple[np.ndarray, str]:
    """(a flat color for each object, black for none; the legend in words). Of many objects the smallest share the last color."""
    names = list(objects)
    if not names:
        raise InputError("The camera sees nothing", field="camera", hint="Point it at something that is shown in renders")
    palette = np.array([*COLORS.values(), (0, 0, 0)], np.uint8)
    picture = palette[np.where(index < 0, len(COLORS), np.minimum(index, len(COLORS) - 1))]
    words = list(COLORS)
    told = [f"{words[min(number, len(words) - 1)]} is {obj.name}" for number, obj in enumerate(names)]
    return picture, ", ".join(told)


def uv_picture(obj: bpy.types.Object, side_px: int = 1024) -> np.ndarray:
    """The active UV map of a mesh: its islands gray, its edges dark, on white. Raises InputError."""
    if obj.type != 'MESH' or not obj.data.uv_layers.active:
        raise InputError(f"{obj.name} has no UV map", field="object", hint="Unwrap it in Edit Mode")
    bpy.ops.ed.flush_edits()
    mesh = obj.data.copy() if obj.data.is_editmode else obj.data        # in Edit Mode the mesh gives no UVs, its copy does
    try:
        uv = np.empty(len(mesh.loops) * 2, np.float32)
        mesh.uv_layers.active.uv.foreach_get("vector", uv)
        mesh.calc_loop_triangles()
        loops = np.empty(len(mesh.loop_triangles) * 3, np.int32)
        mesh.loop_triangles.foreach_get("loops", loops)
        start, total = np.empty(len(mesh.polygons), np.int32), np.empty(len(mesh.polygons), np.int32)
        mesh.polygons.foreach_get("loop_start", start)
        mesh.polygons.foreach_get("loop_total", total)
    finally:
        if mesh != obj.data:
            bpy.data.meshes.remove(mesh)
    points = uv.reshape(-1, 2) * (1, -1) * side_px + (0, side_px)
    inside = from_triangles(points[loops].reshape(-1, 3, 2), (side_px, side_px)) > 0
    picture = np.where(inside, INSIDE, PAPER).astype(np.uint8)
    # Each loop to the next of its polygon, in steps of half a pixel.
    following = np.arange(len(points)) + 1
    following[start + total - 1] = start
    steps = max(2, int(np.abs(points[following] - points).max() * 2) + 2) if len(points) else 2
    for share in np.linspace(0, 1, min(steps, 4 * side_px), dtype=np.float32):
        column, row = np.floor(points + (points[following] - points) * share).astype(int).T
        kept = (column >= 0) & (column < side_px) & (row >= 0) & (row < side_px)
        picture[row[kept], column[kept]] = EDGE
    return np.repeat(picture[..., None], 3, axis=2)
