# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings in the scene and the state of the window manager.

None has an update callback: Blender 4.2 as a module keeps those of property groups for ever, and crashes at its end.

No postponed annotations here: Blender reads those of the classes as properties.
"""

import bpy
from bpy.props import FloatProperty, IntProperty, PointerProperty, StringProperty

from ..operators.areas import AreaSettings, MaskSettings
from ..operators.decal import DecalSettings
from ..operators.extend import ExtendSettings
from ..operators.gallery import GallerySettings
from ..operators.lettering import LetteringChoices
from ..operators.marks import GPTIMAGE_PG_note, MarkSettings
from ..operators.reference import ReferenceSettings
from ..operators.references import GPTIMAGE_PG_reference, ReferenceList
from ..operators.sets import GridChoices
from ..operators.settings import PanelSettings
from ..operators.style_sheets import GPTIMAGE_PG_style, GPTIMAGE_PG_style_color, StyleSettings
from ..operators.surface import SurfaceSettings
from ..operators.texture import TextureSettings
from ..operators.touch_up import TouchUpLandings
from ..operators.turnaround import TurnaroundSettings

__all__ = ()


class GPTIMAGE_PG_scene(
    PanelSettings, TextureSettings, SurfaceSettings, ReferenceSettings, AreaSettings, MaskSettings, TouchUpLandings, MarkSettings, ExtendSettings,
    TurnaroundSettings, DecalSettings, ReferenceList, StyleSettings, GridChoices, LetteringChoices,
    bpy.types.PropertyGroup,
):
    """What is saved with the file: words and settings. Never a key, never a service's address."""


class GPTIMAGE_PG_window_manager(GallerySettings, bpy.types.PropertyGroup):
    """What lasts as long as Blender runs."""

    first_job: IntProperty(
        name="First Job", description="How far the queue is scrolled", default=0, min=0, options={'SKIP_SAVE'})
    staged: StringProperty(name="Staged", description="Name of the touch-up's image that waits to be accepted")
    before: StringProperty(name="Before", description="Name of the image that the touch-up is compared with; empty while it is not")
    wipe: FloatProperty(
        name="Wipe", description="How much of the picture, from the left, shows what was before", default=0.5, min=0.0, max=1.0,
        subtype='FACTOR')


classes = (GPTIMAGE_PG_note, GPTIMAGE_PG_reference, GPTIMAGE_PG_style_color, GPTIMAGE_PG_style, GPTIMAGE_PG_scene, GPTIMAGE_PG_window_manager)


def register() -> None:
    bpy.types.Scene.gptimage = PointerProperty(type=GPTIMAGE_PG_scene)
    bpy.types.WindowManager.gptimage = PointerProperty(type=GPTIMAGE_PG_window_manager)


def unregister() -> None:
    del bpy.types.WindowManager.gptimage
    del bpy.types.Scene.gptimage
