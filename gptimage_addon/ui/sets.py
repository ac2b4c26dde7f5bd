# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Panels for several pictures at once: a subject from all sides."""

from __future__ import annotations

import bpy

from ..blender.preferences import read_preferences
from ..core import pricing
from ..core.errors import InputError
from ..operators.report import sentence
from ..operators.settings import read_settings
from ..operators.turnaround import shown_turnaround
from .panels import Tab
from .status import draw_button, price_text

__all__ = ()


def draw_total(layout: bpy.types.UILayout, found: pricing.Price, count: int) -> None:
    """What several requests cost together."""
    text = price_text(found, read_preferences().service)
    layout.label(text=f"{text}, {count} requests" if count > 1 else text, translate=False)


class GPTIMAGE_PT_turnaround(Tab, bpy.types.Panel):
    bl_label = "Turnaround"
    bl_space_type = 'VIEW_3D'
    bl_parent_id = "GPTIMAGE_PT_reference"
    bl_options = {'DEFAULT_CLOSED'}

    def draw(self, context: bpy.types.Context) -> None:
        layout, settings = self.layout, context.scene.gptimage
        layout.row(align=True).prop(settings, "views")
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(settings, "one_sheet")
        column.prop(settings, "height_m")
        refusal = ""
        try:
            found, count = shown_turnaround(read_settings(settings), frozenset(settings.views), settings.one_sheet, read_preferences().service)
            draw_total(layout, found, count)
        except InputError as error:
            refusal = sentence(error)
            layout.label(text="Write a prompt to see the price" if error.field == "prompt" and not settings.prompt else error.message,
                         icon='INFO', translate=False)
        draw_button(layout, "gptimage.generate_turnaround", refusal, icon='EMPTY_AXIS')


classes = (GPTIMAGE_PT_turnaround,)
