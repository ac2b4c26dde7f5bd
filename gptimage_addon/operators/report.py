# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How operators tell the artist what happened."""

from __future__ import annotations

import bpy

from ..blender.online import check_online
from ..blender.preferences import read_service
from ..core.errors import GptImageError

__all__ = ("REFUSAL", "can_start", "push_undo", "report", "sentence")

# A panel puts the reason why its button is disabled into the context under this name; scripts have none.
REFUSAL = "gptimage_refusal"


def can_start(operator: type[bpy.types.Operator], context: bpy.types.Context) -> bool:
    """The poll of operators that send something: where it is False, the button's tooltip says why."""
    refusal = getattr(context, REFUSAL, "")
    try:
        check_online(read_service())
    except GptImageError as error:
        refusal = sentence(error)
    if refusal:
        operator.poll_message_set(refusal)
    return not refusal


def sentence(error: GptImageError) -> str:
    """The error as one line: what happened, and the cure."""
    return f"{error.message}. {error.hint}" if error.hint else error.message


def report(operator: bpy.types.Operator, error: GptImageError) -> set[str]:
    """Show the error, and end the operator as cancelled."""
    operator.report({'ERROR'}, sentence(error))
    return {'CANCELLED'}


def push_undo(message: str) -> None:
    """One undo step for what a timer has changed. Background mode keeps no undo."""
    if bpy.app.background:
        return
    manager = bpy.context.window_manager
    if not manager.windows:
        return
    with bpy.context.temp_override(window=manager.windows[0]):
        bpy.ops.ed.undo_push(message=message)
