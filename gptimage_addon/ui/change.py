# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The panels that have the model change a texture that is there. They read state; they never change it."""

from __future__ import annotations

import bpy

from ..core.errors import InputError
from ..core.prompts import edit_texture_prompt, vary_texture_prompt
from ..operators.edit_texture import shown_edit
from ..operators.report import sentence
from ..operators.variants import shown_image
from .panels import Tab
from .status import draw_button, draw_price

__all__ = ()


class _Change(Tab):
    bl_label = "Change Texture"
    bl_options = {'DEFAULT_CLOSED'}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return shown_image(context) is not None

    def draw(self, context: bpy.types.Context) -> None:
        layout, settings, image = self.layout, context.scene.gptimage, shown_image(context)
        layout.label(text=image.name, icon='IMAGE_DATA', translate=False)
        refusal, wordless = "", ""
        faces = context.space_data.type == 'VIEW_3D'            # where they are selected
        try:
            shown = shown_edit(settings, image)
            if not shown[0].prompt.strip():
                wordless = "The prompt is empty. Say what is to be different"
            refusal = draw_price(layout, settings, edit_texture_prompt if wordless and faces else vary_texture_prompt, [shown])
        except InputError as error:             # of what is sent, before there is a price
            refusal = sentence(error)
        if faces:
            layout.label(text="Selected faces alone: at most that")
            draw_button(layout, "gptimage.edit_texture", refusal, icon='FACESEL')
        draw_button(layout, "gptimage.vary_texture", refusal or wordless, icon='DUPLICATE')


class GPTIMAGE_PT_texture_change(_Change, bpy.types.Panel):
    bl_parent_id = "GPTIMAGE_PT_texture"
    bl_space_type = 'VIEW_3D'


class GPTIMAGE_PT_image_change(_Change, bpy.types.Panel):
    bl_parent_id = "GPTIMAGE_PT_image_surface"
    bl_space_type = 'IMAGE_EDITOR'


classes = (GPTIMAGE_PT_texture_change, GPTIMAGE_PT_image_change)
