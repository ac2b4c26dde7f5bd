# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an artist notices of the jobs without being interrupted: redrawn panels, a line in the status bar."""

from __future__ import annotations

import bpy

__all__ = ("redraw", "tell", "workspace_name")

NOTICE_S = 6.0
_EDITORS = {"VIEW_3D", "IMAGE_EDITOR", "NODE_EDITOR", "PREFERENCES"}


def redraw(*, all_regions: bool = True) -> None:
    """Draw our panels again, and with `all_regions` what is drawn over the pictures too. Reads the window list only; cheap.

    Without, the 3D Viewport's scene is not drawn again, only sidebars and headers.
    """
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type not in _EDITORS:
                continue
            if all_regions or area.type == "PREFERENCES":
                area.tag_redraw()
                continue
            for region in area.regions:
                if region.type in {'UI', 'HEADER'}:
                    region.tag_redraw()


def workspace_name() -> str:
    """The workspace that the artist looks at; "" in background mode."""
    window = bpy.context.window or next(iter(bpy.context.window_manager.windows), None)
    return window.workspace.name if window else ""


def tell(text: str, workspace: str) -> None:
    """Say for some seconds in the status bar what has happened, in windows that show another workspace than this."""
    if bpy.app.background:
        return
    for window in bpy.context.window_manager.windows:
        if window.workspace.name != workspace:
            _set_status(window, text)
            bpy.app.timers.register(lambda pointer=window.as_pointer(): _end_status(pointer), first_interval=NOTICE_S)


def _set_status(window: bpy.types.Window, text: str | None) -> None:
    with bpy.context.temp_override(window=window):
        window.workspace.status_text_set(text)


def _end_status(pointer: int) -> None:
    window = next((each for each in bpy.context.window_manager.windows if each.as_pointer() == pointer), None)
    if window:
        _set_status(window, None)
