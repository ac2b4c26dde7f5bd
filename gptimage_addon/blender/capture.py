# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of the scene, to send along. The scene is left as it was."""

from __future__ import annotations

import tempfile
from pathlib import Path

import bpy

from ..core.errors import InputError

__all__ = ("capture_camera",)


def capture_camera(scene: bpy.types.Scene, camera: bpy.types.Object, width_px: int, height_px: int) -> bytes:
    """A PNG of the camera's view with the scene's own render engine and view transform. Blocks until rendered."""
    render, image = scene.render, scene.render.image_settings
    changed = [
        (scene, "camera", camera), (render, "resolution_x", width_px), (render, "resolution_y", height_px),
        (render, "resolution_percentage", 100), (render, "use_border", False), (image, "file_format", 'PNG'),
        (image, "color_mode", 'RGB'), (image, "color_depth", '8'),
    ]
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in changed]
    before.append((render, "filepath", render.filepath))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "view.png")
        try:
            for owner, name, value in changed:
                setattr(owner, name, value)
            render.filepath = str(path)
            bpy.ops.render.render(write_still=True, scene=scene.name)
            return path.read_bytes()
        except RuntimeError as error:
            raise InputError(f"The view of {camera.name} cannot be rendered: {error}", field="from_view") from error
        finally:
            # The format first: which modes and depths are legal depends on it.
            for owner, name, value in sorted(before, key=lambda item: item[1] != "file_format"):
                setattr(owner, name, value)
