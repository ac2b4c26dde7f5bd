# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The panels that have the model change a texture that is there, or draw its maps. They read state; they never change it."""

from __future__ import annotations

import bpy

from ..blender.preferences import read_service
from ..core.errors import InputError
from ..core.prompts import edit_texture_prompt, map_prompt, vary_texture_prompt
from ..core.request import MapKind
from ..operators.asked_maps import asked_maps, shown_map
from ..operators.edit_texture import shown_edit
from ..operators.plan import MAP_LABELS
from ..operators.report import sentence
from ..operators.variants import shown_image
from .panels import OnTexture
from .status import dollars, draw_button, draw_price, find_price, settings_column

__all__ = ()


class _Change(OnTexture):
    bl_label = "Change Texture"
    bl_options = {'DEFAULT_CLOSED'}

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


class _Maps(OnTexture):
    bl_label = "Maps by the Model"
    bl_options = {'DEFAULT_CLOSED'}

    def draw(self, context: bpy.types.Context) -> None:
        layout, settings, image = self.layout, context.scene.gptimage, shown_image(context)
        column = settings_column(layout)
        column.prop(settings, "maps")
        column.prop(settings, "relief_m")
        wanted = asked_maps([kind for kind in MapKind if str(kind) in settings.maps])
        refusal = "" if wanted else "No maps are chosen. Choose them above"
        service = read_service()
        column = layout.column(align=True)
        column.label(text=image.name, icon='IMAGE_DATA', translate=False)
        try:
            requests = {kind: shown_map(settings, image, kind) for kind in wanted}
            for kind, given in wanted.items():
                others = [name for name in map(_label, given) if name != _label(kind)]
                follows = f", with {' and '.join(others)}" if others else ""
                found = find_price([requests[kind]], map_prompt, service)
                column.label(text=f"{_label(kind)}: {dollars(found.usd) if found.known else 'see your server'}{follows}", translate=False)
            if wanted:
                refusal = draw_price(layout, settings, map_prompt, list(requests.values()), alone=True)
        except InputError as error:             # of what is sent, before there is a price
            refusal = sentence(error)
        draw_button(layout, "gptimage.ask_maps", refusal, icon='TEXTURE')


def _label(kind: MapKind) -> str:
    return MAP_LABELS.get(kind) or kind.title()


class GPTIMAGE_PT_texture_maps(_Maps, bpy.types.Panel):
    bl_parent_id = "GPTIMAGE_PT_texture"
    bl_space_type = 'VIEW_3D'


class GPTIMAGE_PT_image_maps(_Maps, bpy.types.Panel):
    bl_parent_id = "GPTIMAGE_PT_image_surface"
    bl_space_type = 'IMAGE_EDITOR'


class GPTIMAGE_PT_texture_change(_Change, bpy.types.Panel):
    bl_parent_id = "GPTIMAGE_PT_texture"
    bl_space_type = 'VIEW_3D'


class GPTIMAGE_PT_image_change(_Change, bpy.types.Panel):
    bl_parent_id = "GPTIMAGE_PT_image_surface"
    bl_space_type = 'IMAGE_EDITOR'


classes = (GPTIMAGE_PT_texture_change, GPTIMAGE_PT_texture_maps, GPTIMAGE_PT_image_change, GPTIMAGE_PT_image_maps)
