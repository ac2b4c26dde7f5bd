# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of pictures that are sent along. Draws state; what lies outside the .blend is not read for it."""

from __future__ import annotations

import bpy

from ..blender.images import outside_path
from ..core import pricing
from ..core.catalog import find_model
from ..core.errors import InputError
from ..operators.references import FREE_ROLE, GPTIMAGE_PG_reference, role_of, shown_reference
from ..operators.settings import read_model
from .panels import Tab
from .status import dollars, draw_wrapped, settings_column

__all__ = ("picture_icon",)

THUMBNAIL = 5.0                         # in buttons' heights


def picture_icon(image: bpy.types.Image | None) -> int:
    """The number of the image's thumbnail, or 0 where that would read a file outside the .blend that is not in memory yet."""
    if image is None or not (image.has_data or outside_path(image) is None) or image.type == 'RENDER_RESULT':
        return 0
    return bpy.types.UILayout.icon(image)


class GPTIMAGE_UL_references(bpy.types.UIList):
    def draw_item(
        self, context: bpy.types.Context, layout: bpy.types.UILayout, data: bpy.types.PropertyGroup, item: GPTIMAGE_PG_reference,
        icon: int, active_data: bpy.types.PropertyGroup, active_property: str, index: int = 0,
    ) -> None:
        row = layout.row(align=True)
        row.prop(item, "use", text="")
        number = picture_icon(item.image)
        name = item.image.name if item.image else "Choose an image"
        if number:
            row.label(text=name, icon_value=number, translate=False)
        else:
            row.label(text=name, icon='IMAGE_DATA' if item.image else 'ERROR', translate=False)
        sub = row.row()
        sub.alignment = 'RIGHT'
        sub.label(text="Own Words" if item.role == FREE_ROLE else item.role.title(), translate=False)


class _References(Tab):
    bl_label = "References"
    bl_options = {'DEFAULT_CLOSED'}

    def draw_header(self, context: bpy.types.Context) -> None:
        self.layout.prop(context.scene.gptimage, "use_references", text="")

    def draw_header_preset(self, context: bpy.types.Context) -> None:
        items = context.scene.gptimage.references
        if items:
            self.layout.label(text=f"{sum(item.use for item in items)} of {len(items)}", translate=False)

    def draw(self, context: bpy.types.Context) -> None:
        layout, settings = self.layout, context.scene.gptimage
        layout.active = settings.use_references
        if not settings.references:
            draw_wrapped(layout, "Pictures that go along with textures, references and touch-ups", 'INFO')
        column = _draw_list(layout, settings, "")
        column.operator_menu_enum("gptimage.add_reference", "source", text="", icon='ADD')
        column.operator("gptimage.remove_reference", text="", icon='REMOVE')
        column.operator("gptimage.move_reference", text="", icon='TRIA_UP').step = -1
        column.operator("gptimage.move_reference", text="", icon='TRIA_DOWN').step = 1
        if 0 <= settings.reference_index < len(settings.references):
            _draw_item(layout, settings, settings.references[settings.reference_index])


def _draw_item(layout: bpy.types.UILayout, settings: bpy.types.PropertyGroup, item: GPTIMAGE_PG_reference) -> None:
    column = settings_column(layout)
    column.prop(item, "image")
    column.prop(item, "role")
    column.prop(item, "words", text="Words", placeholder="What to look at")
    if item.image is None:
        return
    if number := picture_icon(item.image):
        column.template_icon(number, scale=THUMBNAIL)
    if "gptimage_capture" in item.image:
        layout.operator("gptimage.take_again", icon='FILE_REFRESH')
    column = layout.column(align=True)
    if path := outside_path(item.image):
        draw_wrapped(column, str(path), 'FILE_IMAGE')
    try:
        sent = shown_reference(item.image, role_of(item), settings.id_data).sent(0)
    except InputError as error:
        draw_wrapped(column, error.message if not path else "Not read yet, so its price is not known", 'INFO')
        column.operator("gptimage.read_references", icon='FILE_REFRESH')
        return
    model = read_model(settings)
    price = f", {dollars(pricing.picture_usd(sent.width_px, sent.height_px, model))}" if find_model(model) else ""
    column.label(text=f"Sent as {sent.width_px} x {sent.height_px} px{price}", icon='EXPORT', translate=False)


def _draw_list(layout: bpy.types.UILayout, owner: bpy.types.PropertyGroup, name: str) -> bpy.types.UILayout:
    """The list; gives back the column for its buttons."""
    row = layout.row()
    row.template_list("GPTIMAGE_UL_references", name, owner, "references", owner, "reference_index", rows=3)
    return row.column(align=True)


class _StyleSheet(Tab):
    bl_label = "Style Sheet"
    bl_options = {'DEFAULT_CLOSED'}

    def draw_header(self, context: bpy.types.Context) -> None:
        self.layout.prop(context.scene.gptimage, "use_style_sheet", text="")

    def draw(self, context: bpy.types.Context) -> None:
        layout, settings = self.layout, context.scene.gptimage
        sheet = settings.style_sheet
        row = layout.row(align=True)
        if sheet:
            row.operator_menu_enum("gptimage.use_style_sheet", "sheet", text="", icon='BRUSHES_ALL')
            row.prop(sheet, "name", text="")
            row.operator("gptimage.mark_style_sheet", text="", icon='ASSET_MANAGER')
            row.operator("gptimage.export_style_sheet", text="", icon='EXPORT')
        else:
            row.operator_menu_enum("gptimage.use_style_sheet", "sheet", text="Choose", icon='BRUSHES_ALL')
            row.operator("gptimage.new_style_sheet", text="New", icon='ADD')
        row.operator("gptimage.import_style_sheet", text="", icon='IMPORT')
        if sheet:
            row.operator("gptimage.leave_style_sheet", text="", icon='X')
            column = layout.column()
            column.active = settings.use_style_sheet
            _draw_style(column, sheet.gptimage_style)


def _draw_style(layout: bpy.types.UILayout, style: bpy.types.PropertyGroup) -> None:
    column = settings_column(layout)
    column.prop(style, "words", placeholder="Gouache on rough paper")
    column.prop(style, "forbidden", placeholder="People, lettering")
    column.prop(style, "model")
    column.prop(style, "quality")
    layout.label(text="Palette")
    flow = layout.grid_flow(row_major=True, columns=4, even_columns=True, align=True)
    for index, each in enumerate(style.colors):
        cell = flow.row(align=True)
        cell.prop(each, "color", text="")
        cell.operator("gptimage.edit_style_colors", text="", icon='X').remove = index
    flow.operator("gptimage.edit_style_colors", text="", icon='ADD')
    column = _draw_list(layout, style, "style")
    column.operator("gptimage.move_to_style_sheet", text="", icon='TRIA_DOWN_BAR')
    column.operator("gptimage.move_to_style_sheet", text="", icon='TRIA_UP_BAR').to_list = True


class GPTIMAGE_PT_view_references(_References, bpy.types.Panel):
    bl_space_type = 'VIEW_3D'
    bl_order = 2


class GPTIMAGE_PT_image_references(_References, bpy.types.Panel):
    bl_space_type = 'IMAGE_EDITOR'


class GPTIMAGE_PT_node_references(_References, bpy.types.Panel):
    bl_space_type = 'NODE_EDITOR'

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return context.space_data.tree_type == 'ShaderNodeTree'


class GPTIMAGE_PT_view_style_sheet(_StyleSheet, bpy.types.Panel):
    bl_parent_id = "GPTIMAGE_PT_view_references"
    bl_space_type = 'VIEW_3D'


class GPTIMAGE_PT_image_style_sheet(_StyleSheet, bpy.types.Panel):
    bl_parent_id = "GPTIMAGE_PT_image_references"
    bl_space_type = 'IMAGE_EDITOR'


class GPTIMAGE_PT_node_style_sheet(_StyleSheet, bpy.types.Panel):
    bl_parent_id = "GPTIMAGE_PT_node_references"
    bl_space_type = 'NODE_EDITOR'


classes = (
    GPTIMAGE_UL_references, GPTIMAGE_PT_view_references, GPTIMAGE_PT_view_style_sheet, GPTIMAGE_PT_image_references,
    GPTIMAGE_PT_image_style_sheet, GPTIMAGE_PT_node_references, GPTIMAGE_PT_node_style_sheet,
)
