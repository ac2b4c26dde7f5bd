# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The frame of the scene's camera, read and set."""

from __future__ import annotations

import bpy

from ..core.errors import InputError
from ..core.framing import Frame

__all__ = ("read_frame", "write_frame")


def _camera(obj: bpy.types.Object | None) -> bpy.types.Camera:
    """Raises InputError for what is no camera, or one that has no view plane."""
    if obj is None or obj.type != 'CAMERA':
        raise InputError("The scene has no camera", field="camera", hint="Add one")
    if obj.data.type not in {'PERSP', 'ORTHO'}:
        raise InputError(f"{obj.name} is panoramic: its frame has no sides", field="camera", hint="Use another camera")
    return obj.data


def read_frame(scene: bpy.types.Scene, obj: bpy.types.Object | None = None) -> Frame:
    """The frame that a render by this camera has, or by the scene's. Raises InputError."""
    camera, render = _camera(obj or scene.camera), scene.render
    share = render.resolution_percentage / 100
    zoom = camera.lens if camera.type == 'PERSP' else 1 / camera.ortho_scale
    return Frame(int(render.resolution_x * share), int(render.resolution_y * share), render.pixel_aspect_y / render.pixel_aspect_x,
                 camera.sensor_fit, zoom, camera.shift_x, camera.shift_y)


def write_frame(scene: bpy.types.Scene, frame: Frame) -> None:
    """Make the next render have that frame. Raises InputError."""
    camera, render = _camera(scene.camera), scene.render
    if not camera.is_editable:
        raise InputError(f"{scene.camera.name} is linked from another file", field="camera", hint="Make it local first")
    render.resolution_percentage = 100          # a share of the new size need not be whole pixels
    render.resolution_x, render.resolution_y = frame.width_px, frame.height_px
    if camera.type == 'PERSP':
        camera.lens = frame.zoom
    else:
        camera.ortho_scale = 1 / frame.zoom
    camera.shift_x, camera.shift_y = frame.shift_x, frame.shift_y
