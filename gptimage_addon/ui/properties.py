# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings in the scene and the state of the window manager.

No postponed annotations here: Blender reads those of the classes as properties.
"""

import bpy
from bpy.props import IntProperty, PointerProperty

from ..operators.reference import ReferenceSettings
from ..operators.settings import PanelSettings
from ..operators.texture import TextureSettings
from ..operators.touch_up import TouchUpSettings

__all__ = ()


class GPTIMAGE_PG_scene(PanelSettings, TextureSettings, ReferenceSettings, TouchUpSettings, bpy.types.PropertyGroup):
    """What is saved with the file: words and settings. Never a key, never a service's address."""


class GPTIMAGE_PG_window_manager(bpy.types.PropertyGroup):
    """What lasts as long as Blender runs."""

    first_job: IntProperty(
        name="First Job", description="How far the queue is scrolled", default=0, min=0, options={'SKIP_SAVE'})


classes = (GPTIMAGE_PG_scene, GPTIMAGE_PG_window_manager)


def register() -> None:
    bpy.types.Scene.gptimage = PointerProperty(type=GPTIMAGE_PG_scene)
    bpy.types.WindowManager.gptimage = PointerProperty(type=GPTIMAGE_PG_window_manager)


def unregister() -> None:
    del bpy.types.WindowManager.gptimage
    del bpy.types.Scene.gptimage
