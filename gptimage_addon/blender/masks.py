# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Masks from images and UV maps, and as images: float32 (h, w), rows from the top, 1 = change."""

from __future__ import annotations

import bpy
import numpy as np

from ..core.errors import InputError
from ..imaging.masks import from_triangles
from ..imaging.png import encode_png
from .images import pack_picture

__all__ = ("image_channels", "picture_transform", "uv_faces_mask", "write_mask")


def image_channels(image: bpy.types.Image, *, field: str = "mask") -> np.ndarray:
    """The image's pixels, (h, w, channels) float32, rows from the top; display values for byte images.

    The fourth channel is an alpha that the file has: not one that Blender adds, or is told to ignore.
    """
    width, height = image.size
    if width * height * image.channels == 0:
        raise InputError(f"The image {image.name} has no pixels", field=field, hint="Check that its file exists")
    flat = np.empty(width * height * image.channels, np.float32)
    image.pixels.foreach_get(flat)
    pixels = flat.reshape(height, width, image.channels)[::-1]
    stored_channels = image.depth // (32 if image.is_float else 8)      # Blender adds up to four
    has_alpha = stored_channels in (2, 4) and image.alpha_mode != 'NONE'
    return pixels if has_alpha or image.channels < 4 else pixels[:, :, :3]


def write_mask(name: str, mask: np.ndarray) -> bpy.types.Image:
    """The mask as a new packed image, white = change. It can be painted on, and is saved with the file.

    As a PNG of one channel, which is written in a few hundredths of a second also in 4K; Blender reads it when it is drawn.
    """
    return pack_picture(name, encode_png((mask * 255 + 0.5).astype(np.uint8)), is_data=True)


def picture_transform(node: bpy.types.ShaderNodeTexImage) -> np.ndarray:
    """From a place in the UV map, (u, v, 1), to one in the picture of a node, (2, 3): what a Mapping before it does.

    Raises InputError naming "mask" where the picture does not follow the UV map.
    """
    error = InputError(f"{node.image.name if node.image else 'The picture'} is not laid on by the UV map alone", field="mask",
                       hint="Deselect all faces to change the whole picture")
    if node.projection != 'FLAT':
        raise error
    matrix = np.eye(2, 3)
    vector = node.inputs["Vector"]
    if vector.is_linked and vector.links[0].from_node.bl_idname == "ShaderNodeMapping":
        mapping = vector.links[0].from_node
        settings = [mapping.inputs[name] for name in ("Location", "Rotation", "Scale")]
        if mapping.vector_type != 'POINT' or any(each.is_linked for each in settings):
            raise error
        location, rotation, scale = (each.default_value for each in settings)
        turn = np.array(rotation.to_matrix()) @ np.diag(scale)         # the Blender manual's order: scaled, turned, moved
        matrix = np.column_stack((turn[:2, :2], location[:2]))
        vector = mapping.inputs["Vector"]
    if vector.is_linked:
        source = vector.links[0]
        if source.from_node.bl_idname != "ShaderNodeUVMap" and source.from_socket.name != "UV":
            raise error
    elif node.inputs["Vector"].is_linked:       # an unlinked Mapping gives one place for all
        raise error
    return matrix


def uv_faces_mask(obj: bpy.types.Object, width_px: int, height_px: int, transform: np.ndarray | None = None) -> np.ndarray:
    """The pixels of a texture that the selected faces of the mesh use, by its active UV map: all that they touch, whole.

    `transform` (2, 3) leads from the UV map to the picture, if it is not the same. In Object Mode too: the selection that Edit
    Mode has left. Faces beyond the texture's edge come in again at the other side, as textures repeat.
    """
    if obj.type != 'MESH':
        raise InputError(f"{obj.name} is no mesh", field="mask", hint="Choose a mesh")
    bpy.ops.ed.flush_edits()
    # In Edit Mode the mesh gives no UVs, its copy does.
    mesh = obj.data.copy() if obj.data.is_editmode else obj.data
    try:
        layer = mesh.uv_layers.active
        if layer is None:
            raise InputError(f"{obj.name} has no UV map", field="mask", hint="Unwrap it in Edit Mode")
        selected = np.empty(len(mesh.polygons), bool)
        mesh.polygons.foreach_get("select", selected)
        if not selected.any():
            raise InputError(f"No face of {obj.name} is selected", field="mask", hint="Select faces in Edit Mode")
        mesh.calc_loop_triangles()
        polygon = np.empty(len(mesh.loop_triangles), np.int32)
        mesh.loop_triangles.foreach_get("polygon_index", polygon)
        loops = np.empty(len(polygon) * 3, np.int32)
        mesh.loop_triangles.foreach_get("loops", loops)
        uv = np.empty(len(mesh.loops) * 2, np.float32)
        layer.uv.foreach_get("vector", uv)
    finally:
        if mesh != obj.data:
            bpy.data.meshes.remove(mesh)
    corners = uv.reshape(-1, 2)[loops.reshape(-1, 3)[selected[polygon]]]
    if transform is not None:
        corners = corners @ transform[:, :2].T + transform[:, 2]
    points = np.stack((corners[..., 0] * width_px, (1 - corners[..., 1]) * height_px), axis=-1)
    return from_triangles(points, (width_px, height_px))
