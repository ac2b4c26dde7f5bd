# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is registered with Blender, in order; undone in reverse; all of it or nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import ModuleType

import bpy

from .operators import (
    areas,
    asked_maps,
    assets,
    command,
    export_maps,
    decal,
    edit_texture,
    extend,
    final,
    fit,
    gallery,
    gallery_apply,
    jobs,
    layers,
    marks,
    material_check,
    pointing,
    presets,
    prompts,
    reference,
    references,
    sets,
    setup,
    spending,
    style_sheets,
    surface,
    texture,
    touch_up,
    turnaround,
    udim,
    variants,
)
from .ui import (
    change,
    overlay,
    panels,
    preferences,
    properties,
    queue,
    sheet,
)
from .ui import gallery as gallery_panel
from .ui import references as references_panel
from .ui import sets as sets_panel
from .ui import touch_up as touch_up_panel

__all__ = ("register", "unregister")

log = logging.getLogger(__name__)

# A panel comes after those it is folded into.
MODULES: tuple[ModuleType, ...] = (
    preferences,
    properties,
    texture,
    surface,
    edit_texture,
    asked_maps,
    material_check,
    export_maps,
    fit,
    decal,
    udim,
    assets,
    reference,
    references,
    style_sheets,
    turnaround,
    sets,
    presets,
    prompts,
    gallery,
    gallery_apply,
    areas,
    pointing,
    marks,
    touch_up,
    extend,
    variants,
    final,
    layers,
    jobs,
    spending,
    setup,
    command,
    queue,
    touch_up_panel,
    panels,
    change,
    gallery_panel,
    references_panel,
    sets_panel,
    sheet,
    overlay,
)
_undo: list[Callable[[], None]] = []


def register() -> None:
    """Register everything. If a step fails, the steps before it are undone and the error goes on."""
    try:
        for module in MODULES:
            for cls in getattr(module, "classes", ()):
                bpy.utils.register_class(cls)
                _undo.append(lambda cls=cls: bpy.utils.unregister_class(cls))
            if hasattr(module, "register"):
                module.register()
            if hasattr(module, "unregister"):
                _undo.append(module.unregister)
    except BaseException:
        unregister()
        raise


def unregister() -> None:
    """Undo what was registered, last first. A step that fails is logged and does not keep the others."""
    while _undo:
        step = _undo.pop()
        try:
            step()
        except Exception:               # border: Blender must get rid of the rest
            log.exception("unregister")
