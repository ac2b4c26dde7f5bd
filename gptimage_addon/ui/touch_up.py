# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel for touch-ups in the Image Editor's tab. It reads state; it never changes it."""

from __future__ import annotations

import bpy

from ..core.errors import InputError
from ..core.prompts import touch_up_prompt
from ..operators.report import sentence
from ..operators.touch_up import shown_area, shown_finish, shown_picture
from ..operators.variants import staged_image
from .panels import Tab, draw_prompt, draw_settings, draw_variants
from .status import draw_button, draw_price, draw_wrapped

__all__ = ()

# The sources of a mask, and the icons of their buttons.
SOURCES = {"objects": 'OBJECT_DATA', "annotation": 'GREASEPENCIL', "border": 'SELECT_SET', "invert": 'IMAGE_ALPHA'}


class GPTIMAGE_PT_touch_up(Tab, bpy.types.Panel):
    bl_label = "Touch-Up"
    bl_space_type = 'IMAGE_EDITOR'

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return shown_picture(context) is not None

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        settings = context.scene.gptimage
        draw_prompt(layout, settings, "Ivy on the wall")
        _draw_area(layout, settings)
        draw_settings(layout, settings, size=False)
        refusal, verb = _draw_plan(layout, context)
        staged = staged_image(context)
        if staged:
            refusal = "This touch-up waits. Accept or discard it first"
        draw_button(layout, "gptimage.touch_up", refusal, text=verb, icon='BRUSH_DATA')
        if staged:
            column = layout.column(align=True)
            draw_variants(column, context)
            row = column.row(align=True)
            row.scale_y = 1.4
            row.operator("gptimage.accept_variant", icon='CHECKMARK')
            row.operator("gptimage.discard_variants", icon='X')


def _draw_area(layout: bpy.types.UILayout, settings: bpy.types.PropertyGroup) -> None:
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    row = column.row(align=True)
    row.prop(settings, "area")
    row.prop(settings, "show_area", text="", icon='HIDE_OFF' if settings.show_area else 'HIDE_ON')
    if settings.area == "mask":
        column.prop(settings, "mask")
    split = column.split(factor=0.4)            # where the settings' own split is
    split.use_property_split = False
    name = split.row()
    name.alignment = 'RIGHT'
    name.label(text="Make Mask")
    row = split.row(align=True)
    for source, icon in SOURCES.items():
        button = row.operator("gptimage.make_mask", text="", icon=icon)
        button.source, button.combine = source, settings.mask_combine
    row.prop(settings, "mask_combine", text="", icon_only=True)
    column.prop(settings, "grow_px")
    column.prop(settings, "feather_px")
    column.prop(settings, "context", slider=True)


def _draw_plan(layout: bpy.types.UILayout, context: bpy.types.Context) -> tuple[str, str]:
    """Say what is changed, what is sent and what it costs; return why it cannot be sent, if so, and what it does."""
    picture = shown_picture(context)
    assert picture is not None
    try:
        area = shown_area(context, picture)
        touch_up = shown_finish(context, picture, area)
    except InputError as error:
        column = layout.column(align=True)
        draw_wrapped(column, error.message, 'INFO')
        draw_wrapped(column, error.hint, 'BLANK1')
        return sentence(error), "Fill"
    column = layout.column(align=True)
    words, _ = touch_up
    column.label(text=f"{area.width} x {area.height} px, sends {words.size.replace('x', ' x ')}", translate=False)
    refusal = draw_price(column, context.scene.gptimage, touch_up_prompt, touch_up)
    if words.prompt.strip():
        return refusal, "Fill"
    draw_wrapped(column, "No prompt: removes it", 'INFO')
    return refusal, "Remove"


classes = (GPTIMAGE_PT_touch_up,)
