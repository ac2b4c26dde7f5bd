# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Panels for what has landed in the scene, and for several pictures at once: a subject from all sides, a list of prompts, a grid of settings to
compare."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import bpy

from ..blender.images import provenance
from ..blender.preferences import read_service
from ..core import pricing
from ..core.errors import InputError
from ..core.prompts import reference_prompt
from ..core.request import Service
from ..core.sets import Wanted
from ..operators.references import shown_references
from ..operators.sets import cell_key, priced, shown_cells, shown_grid, shown_list
from ..operators.settings import read_settings
from ..operators.turnaround import shown_turnaround, turnaround_requests
from .panels import Tab
from .status import (
    Asked, destination, dollars, draw_button, draw_limits, draw_refusal, draw_sheet_button, draw_wrapped, price_text, settings_column,
)

__all__ = ()


Cells = Sequence[tuple[Wanted, pricing.Price | None, str, bool]]
# So many cells are told one by one; of a larger grid only the sum.
CELLS_SHOWN = 40


def draw_total(
    layout: bpy.types.UILayout, name: str, found: Callable[[Service], tuple[pricing.Price, Sequence[Asked]]], settings: bpy.types.PropertyGroup,
) -> str:
    """What several requests cost together and where they go, or why they cannot be sent: then that is returned, else ""."""
    service = read_service()
    try:
        total, asked = found(service)
    except InputError as error:
        return draw_refusal(layout.column(align=True), error, settings)
    column = layout.column(align=True)
    row = column.row()
    row.label(text=price_text(total, service), translate=False)
    draw_sheet_button(row, name, asked, service)
    many = "1 request" if len(asked) == 1 else f"{len(asked)} requests"
    column.label(text=f"{many}, {destination(asked[0].words, service)}", translate=False)
    sizes = {each.words.size for each in asked}
    if len(sizes) == 1:
        column.label(text=f"{sizes.pop().replace('x', ' x ')} px", translate=False)
    # What only a single picture has.
    if alone := [name for name, is_on in (("lettering", settings.use_letters), ("the camera's shape", settings.match_camera)) if is_on]:
        draw_wrapped(column, f"Without {' and '.join(alone)}", 'INFO')
    return draw_limits(column, [each.words.model for each in asked], service, total)


class GPTIMAGE_PT_landed(Tab, bpy.types.Panel):
    bl_label = "Landed Pictures"
    bl_space_type = 'VIEW_3D'
    bl_parent_id = "GPTIMAGE_PT_reference"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return _empty(context) is not None or bool(_backgrounds(context))

    def draw(self, context: bpy.types.Context) -> None:
        layout, empty = self.layout, _empty(context)
        layout.use_property_split = True
        layout.use_property_decorate = False
        for background in _backgrounds(context):
            column = layout.column()
            column.label(text=background.image.name, icon='CAMERA_DATA', translate=False)
            column.prop(background, "alpha", slider=True)
            column.prop(background, "display_depth", expand=True)
            column.prop(background, "frame_method")
        if empty:
            column = layout.column()
            column.label(text=empty.name, icon='EMPTY_DATA', translate=False)
            column.prop(empty, "use_empty_image_alpha", text="See Through")
            sub = column.column()
            sub.active = empty.use_empty_image_alpha
            sub.prop(empty, "color", index=3, text="Opacity", slider=True)
            column.prop(empty, "empty_image_depth", text="Depth", expand=True)
            column.operator("gptimage.align_to_camera", icon='CON_CAMERASOLVER')


def _empty(context: bpy.types.Context) -> bpy.types.Object | None:
    """The active object, if it is an image empty of ours."""
    obj = context.object
    return obj if obj and obj.type == 'EMPTY' and provenance(obj.data) else None


def _backgrounds(context: bpy.types.Context) -> list[bpy.types.CameraBackgroundImage]:
    """The backgrounds of the scene's camera that are ours."""
    camera = context.scene.camera
    if camera is None or camera.type != 'CAMERA' or not camera.data.show_background_images:
        return []
    return [background for background in camera.data.background_images if provenance(background.image)]


class GPTIMAGE_PT_turnaround(Tab, bpy.types.Panel):
    bl_label = "Turnaround"
    bl_space_type = 'VIEW_3D'
    bl_parent_id = "GPTIMAGE_PT_reference"
    bl_options = {'DEFAULT_CLOSED'}

    def draw(self, context: bpy.types.Context) -> None:
        layout, settings = self.layout, context.scene.gptimage
        layout.row(align=True).prop(settings, "views")
        column = settings_column(layout)
        column.prop(settings, "one_sheet")
        column.prop(settings, "height_m")

        def total(service: Service) -> tuple[pricing.Price, Sequence[Asked]]:
            words, references = read_settings(settings), shown_references(settings)
            found, _ = shown_turnaround(words, frozenset(settings.views), settings.one_sheet, service, references)
            return found, [Asked(each, None, template, (*own, *references))
                           for each, template, own in turnaround_requests(words, tuple(settings.views), settings.one_sheet)]

        refusal = draw_total(layout, "turnaround", total, settings)
        draw_button(layout, "gptimage.generate_turnaround", refusal, icon='EMPTY_AXIS')


def _draw_grid(layout: bpy.types.UILayout, settings: bpy.types.PropertyGroup) -> None:
    column = layout.column()
    column.label(text="Compare. Also {red|blue} in words", translate=False)
    for name, columns in (("grid_qualities", 3), ("grid_models", 1), ("grid_sizes", 2)):
        column.grid_flow(row_major=True, columns=columns, align=True).prop(settings, name)

    def total(service: Service) -> tuple[pricing.Price, Sequence[Asked]]:
        cells = shown_cells(settings, service)
        if len(cells) <= CELLS_SHOWN:
            _draw_cells(layout, cells)
        chosen = shown_grid(settings, service)
        references = shown_references(settings)
        return priced(chosen, service, references), [Asked(each.words, None, reference_prompt, references) for each in chosen]

    refusal = draw_total(layout, "grid", total, settings)
    draw_button(layout, "gptimage.generate_grid", refusal, icon='MESH_GRID')


def _draw_cells(layout: bpy.types.UILayout, cells: Cells) -> None:
    column = layout.column(align=True)
    for wanted, found, why, is_chosen in cells:
        row = column.row(align=True)
        row.enabled = found is not None
        price = why if found is None else dollars(found.usd) if found.known else ""
        row.operator("gptimage.toggle_cell", text=f"{wanted.label}   {price}", depress=is_chosen, translate=False,
                     icon='CHECKBOX_HLT' if is_chosen else 'CHECKBOX_DEHLT').key = cell_key(wanted)


class GPTIMAGE_PT_playground(Tab, bpy.types.Panel):
    bl_label = "Playground"
    bl_space_type = 'IMAGE_EDITOR'
    bl_parent_id = "GPTIMAGE_PT_image"
    bl_options = {'DEFAULT_CLOSED'}

    def draw(self, context: bpy.types.Context) -> None:
        _draw_grid(self.layout, context.scene.gptimage)
        if "cells" in provenance(context.space_data.image):
            self.layout.operator("gptimage.take_cell", icon='EYEDROPPER')


class _Set(Tab):
    bl_label = "Set"
    bl_options = {'DEFAULT_CLOSED'}

    def draw(self, context: bpy.types.Context) -> None:
        layout, settings = self.layout, context.scene.gptimage
        column = settings_column(layout)
        column.prop(settings, "set_text")
        column.prop(settings, "name_rule")

        def total(service: Service) -> tuple[pricing.Price, Sequence[Asked]]:
            wanted, references = shown_list(settings), shown_references(settings)
            return priced(wanted, service, references), [Asked(each.words, None, reference_prompt, references) for each in wanted]

        draw_button(layout, "gptimage.generate_set", draw_total(layout, "set", total, settings), icon='RENDERLAYERS')


class GPTIMAGE_PT_set(_Set, bpy.types.Panel):
    bl_space_type = 'VIEW_3D'
    bl_parent_id = "GPTIMAGE_PT_reference"


class GPTIMAGE_PT_image_set(_Set, bpy.types.Panel):
    bl_space_type = 'IMAGE_EDITOR'
    bl_parent_id = "GPTIMAGE_PT_image"


classes = (GPTIMAGE_PT_landed, GPTIMAGE_PT_turnaround, GPTIMAGE_PT_set, GPTIMAGE_PT_playground, GPTIMAGE_PT_image_set)
