# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small renders in Cycles, as scene-linear floats: what Blender itself makes of a material or a light."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import bpy
import numpy as np
from mathutils import Vector

__all__ = ("add_object", "float_image", "render_linear", "sun")


def add_object(name: str, data: bpy.types.ID | None) -> bpy.types.Object:
    obj = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(obj)
    bpy.context.view_layer.update()
    return obj


def float_image(name: str, rgb: np.ndarray) -> bpy.types.Image:
    """A float image of linear colors or data, (h, w, 3) rows from the bottom."""
    height, width = rgb.shape[:2]
    image = bpy.data.images.new(name, width, height, float_buffer=True, is_data=True)
    image.pixels.foreach_set(np.dstack([rgb, np.ones((height, width))]).astype(np.float32).ravel())
    image.pack()
    return image


def sun(direction: Sequence[float]) -> bpy.types.Object:
    """A sun in this direction, without size or shadows: a white diffuse surface that faces it has radiance 1."""
    light = bpy.data.lights.new("Sun", 'SUN')
    light.energy, light.angle, light.use_shadow = math.pi, 0.0, False
    obj = add_object("Sun", light)
    obj.rotation_mode = 'QUATERNION'
    obj.rotation_quaternion = Vector(direction).to_track_quat('Z', 'Y')
    return obj


def render_linear(
    tmp_path: Path, shown: Sequence[bpy.types.Object], *, width_m: float = 2.0, size_px: int = 64, samples: int = 1,
    towards: Sequence[float] = (0.0, 0.0, -1.0), keep_world: bool = False, bounces: int = 0,
) -> np.ndarray:
    """What an orthographic camera sees of these objects only, float64 (h, w, 3), rows from the bottom.

    It looks `towards` the origin, on floors with +Y up and on walls with +Z. Without `bounces` light comes from lights only.
    """
    scene = bpy.context.scene
    camera = add_object("Seen From", bpy.data.cameras.new("Seen From"))
    camera.data.type, camera.data.ortho_scale = 'ORTHO', width_m
    camera.location = -10.0 * Vector(towards).normalized()
    camera.rotation_mode = 'QUATERNION'
    camera.rotation_quaternion = Vector(towards).to_track_quat('-Z', 'Y')
    scene.camera = camera
    scene.render.engine = 'CYCLES'
    scene.cycles.samples, scene.cycles.use_denoising, scene.cycles.use_adaptive_sampling = samples, False, False
    scene.cycles.max_bounces = bounces
    # A box filter of one pixel: the middle of a pixel counts, not its neighbors.
    scene.cycles.pixel_filter_type = 'BOX'
    scene.render.resolution_x = scene.render.resolution_y = size_px
    scene.render.resolution_percentage = 100
    if not keep_world:
        scene.world = None
    for obj in scene.objects:
        obj.hide_render = obj not in (*shown, camera)
    settings = scene.render.image_settings
    settings.file_format, settings.color_depth, settings.color_mode = 'OPEN_EXR', '32', 'RGB'
    path = tmp_path / "render.exr"
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(str(path))
    rgba = np.empty(size_px * size_px * image.channels, np.float32)
    image.pixels.foreach_get(rgba)
    bpy.data.images.remove(image)
    bpy.data.objects.remove(camera)
    return rgba.reshape(size_px, size_px, -1)[:, :, :3].astype(np.float64)
