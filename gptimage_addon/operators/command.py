# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""blender --command gptimage: the headless run as Blender's own command."""

from __future__ import annotations

from collections.abc import Sequence

import bpy

__all__ = ()

_command: object = None


def _run(arguments: Sequence[str]) -> int:
    from . import headless      # only now: an artist's Blender never needs it, and it doubles the time to register

    return headless.main(arguments)


def register() -> None:
    global _command
    _command = bpy.utils.register_cli_command("gptimage", _run)


def unregister() -> None:
    global _command
    bpy.utils.unregister_cli_command(_command)
    _command = None
