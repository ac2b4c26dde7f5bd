# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of the scene, to send along. The scene is left as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import bpy

from ..core.errors import InputError
from .images import saving_as
from .paths import scratch_file

__all__ = ("capture_camera", "image_editor")


def capture_camera(scene: bpy.types.Scene, camera: bpy.types.Object, width_px: int, height_px: int) -> bytes:
    """A PNG of the camera's view with the scene's own render engine and view transform. Blocks until rendered."""
    render = scene.render
    changed = [
        (scene, "camera", camera), (render, "resolution_x", width_px), (render, "resolution_y", height_px),
        (render, "resolution_percentage", 100), (render, "use_border", False),
        (render, "use_multiview", False), (render, "use_sequencer", False), (render, "filepath", ""),
    ]
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in changed]
    with saving_as(scene, file_format='PNG', color_mode='RGB', color_depth='8'), scratch_file(".png") as path:
        try:
            for owner, name, value in changed:
                setattr(owner, name, value)
            render.filepath = str(path)
            bpy.ops.render.render(write_still=True, scene=scene.name)
            return path.read_bytes()
        except RuntimeError as error:
            raise InputError(f"The view of {camera.name} cannot be rendered: {error}", field="from_view") from error
        finally:
            for owner, name, value in before:
                setattr(owner, name, value)


@contextmanager
def image_editor(context: bpy.types.Context) -> Iterator[None]:
    """An Image Editor as the context, for operators that want one: an open one, or this area for the moment. It shows what it did."""
    areas = [area for window in context.window_manager.windows for area in window.screen.areas]
    area = next((area for area in areas if area.type == 'IMAGE_EDITOR'), None) or context.area or (areas[0] if areas else None)
    if area is None:
        raise RuntimeError("there is no window")
    kind, area.type = area.ui_type, 'IMAGE_EDITOR'
    space = area.spaces.active
    image = space.image
    try:
        window = next(window for window in context.window_manager.windows if area in window.screen.areas.values())
        with context.temp_override(window=window, screen=window.screen, area=area, region=area.regions[0]):
            yield
    finally:
        space.image = image
        area.ui_type = kind
