# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The panels for touch-ups, in the Image Editor and in the 3D Viewport's camera view. They read state; they never change it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import bpy

from ..blender import compositor
from ..blender.images import provenance
from ..core.errors import InputError
from ..core.regions import Box
from ..core.request import Finish, Request
from ..operators.areas import area_boxes, area_islands, read_area, shown_picture
from ..operators.extend import shown_extension
from ..operators.report import sentence
from ..operators.touch_up import shown_requests, touch_up_template
from ..operators.variants import staged_image
from .panels import Tab, draw_compare, draw_prompt, draw_settings, draw_variants
from .status import dollars, draw_button, draw_price, draw_wrapped, settings_column

__all__ = ("touch_up_plan",)

SHAPES = {"box": 'SELECT_SET', "lasso": 'GREASEPENCIL', "brush": 'BRUSH_DATA'}
Requests = list[tuple[Request, Finish]]


def touch_up_plan(context: bpy.types.Context) -> tuple[tuple[Box, ...], Requests]:
    """The boxes of what may change, and what is sent for them. Raises InputError."""
    picture = shown_picture(context)
    assert picture is not None
    settings = context.scene.gptimage
    choice = read_area(settings)
    boxes = area_boxes(context.scene, picture, choice)
    return boxes, shown_requests(settings, picture, boxes, choice)


class _OnPicture(Tab):
    """A panel where a picture is shown that can be touched up."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return shown_picture(context) is not None


class _TouchUp(_OnPicture):
    bl_label = "Touch-Up"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        if staged := staged_image(context):
            _draw_staged(layout, context, staged)
            return
        settings = context.scene.gptimage
        draw_prompt(layout, settings, "Ivy on the wall")
        _draw_area(layout, context)
        draw_settings(layout, settings, size=False)
        template = touch_up_template(marked=settings.use_marks)
        refusal, requests = _draw_plan(layout, context, lambda column: _told(column, *touch_up_plan(context)), template)
        removes = not settings.use_marks and bool(requests) and not requests[0][0].prompt.strip()
        if removes:
            draw_wrapped(layout, "No prompt: removes it", 'INFO')
        draw_button(layout, "gptimage.touch_up", refusal, text="Remove" if removes else "Fill", icon='BRUSH_DATA')


def _told(layout: bpy.types.UILayout, boxes: Sequence[Box], requests: Requests) -> Requests:
    areas = f"{boxes[0].width} x {boxes[0].height} px" if len(boxes) == 1 else f"{len(boxes)} islands"
    sizes = ", ".join(words.size.replace("x", " x ") for words, _ in requests)
    draw_wrapped(layout, f"{areas}, sends {sizes}")
    return requests


def _draw_plan(
    layout: bpy.types.UILayout, context: bpy.types.Context, plan: Callable[[bpy.types.UILayout], Requests],
    template: Callable[..., str],
) -> tuple[str, Requests]:
    """Say what is sent and what it costs; return why it cannot be sent, if so, and the requests."""
    column = layout.column(align=True)
    try:
        requests = plan(column)
    except InputError as error:
        draw_wrapped(column, error.message, 'INFO')
        draw_wrapped(column, error.hint, 'BLANK1' if error.hint else 'NONE')
        return sentence(error), []
    return draw_price(column, context.scene.gptimage, template, requests), requests


def _draw_area(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    settings = context.scene.gptimage
    column = settings_column(layout)
    row = column.row(align=True)
    row.prop(settings, "area")
    row.prop(settings, "show_area", text="", icon='HIDE_OFF' if settings.show_area else 'HIDE_ON')
    if settings.area == "mask":
        row = column.row(align=True)
        row.prop(settings, "mask")
        row.operator("gptimage.read_mask", text="", icon='FILE_REFRESH')
    row = _labelled(column, "Draw Mask")
    for shape, icon in SHAPES.items():
        row.operator("gptimage.draw_area", text="", icon=icon).shape = shape
    row.prop(settings, "mask_combine", text="", icon_only=True)
    row = _labelled(column, "Make Mask")
    row.prop(settings, "mask_source", text="")
    button = row.operator("gptimage.make_mask", text="", icon='ADD')
    button.source, button.combine = settings.mask_source, settings.mask_combine
    if settings.mask_source == "material":
        column.prop(settings, "mask_material")
    elif settings.mask_source == "depth":
        sub = column.column(align=True)
        sub.prop(settings, "depth_near")
        sub.prop(settings, "depth_far")
    if settings.area != "whole":
        column.prop(settings, "grow_px")
        column.prop(settings, "feather_px")
        row = column.row(align=True)
        sub = row.row(align=True)
        sub.active = not settings.send_whole
        sub.prop(settings, "context", slider=True)
        row.prop(settings, "send_whole", text="", icon='FULLSCREEN_ENTER')
    if settings.area == "mask" and _has_islands(context):
        column.prop(settings, "separate")


def _has_islands(context: bpy.types.Context) -> bool:
    try:
        return len(area_islands(context.scene, shown_picture(context), read_area(context.scene.gptimage))) > 1
    except InputError:
        return False


def _labelled(column: bpy.types.UILayout, text: str) -> bpy.types.UILayout:
    """A row of buttons with a label where the settings have theirs."""
    split = column.split(factor=0.4)            # where the settings' own split is
    split.use_property_split = False
    name = split.row()
    name.alignment = 'RIGHT'
    name.label(text=text)
    return split.row(align=True)


def _draw_staged(layout: bpy.types.UILayout, context: bpy.types.Context, image: bpy.types.Image) -> None:
    """The touch-up that waits: its variants, what was before, and what becomes of it."""
    settings, facts = context.scene.gptimage, provenance(image)
    draw_wrapped(layout, str(facts.get("prompt")) or "Removed", 'TEXT')
    column = layout.column(align=True)
    draw_variants(column, context, image)
    row = column.row(align=True)
    draw_compare(row, context, image)
    price = f" ({dollars(facts['estimate_usd'])})" if facts.get("estimate_usd") and facts.get("service") != "practice" else ""
    column.operator("gptimage.more_variants", text=f"More Variants{price}", icon='ADD')
    column = layout.column(align=True)
    if not any(facts.get("extend") or ()):
        column.prop(settings, "render_landing" if facts.get("of_render") else "texture_landing", text="")
    row = column.row(align=True)
    row.scale_y = 1.4
    row.operator("gptimage.accept_variant", icon='CHECKMARK')
    row.operator("gptimage.discard_variants", icon='X')


class _BeforeFill(_OnPicture):
    """A part of the settings: out of sight while a touch-up waits."""

    bl_options = {'DEFAULT_CLOSED'}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return super().poll(context) and staged_image(context) is None


class _Marks(_BeforeFill):
    bl_label = "Marks"

    def draw_header(self, context: bpy.types.Context) -> None:
        self.layout.prop(context.scene.gptimage, "use_marks", text="")

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        settings = context.scene.gptimage
        layout.active = settings.use_marks
        draw_wrapped(layout, "Annotation strokes and notes go along as instructions; only the area changes", 'INFO')
        for index, note in enumerate(settings.notes):
            row = layout.row(align=True)
            row.prop(note, "text", text="", placeholder="Make this door red")
            row.operator("gptimage.remove_note", text="", icon='X').index = index
        layout.operator("gptimage.add_note", icon='ADD')


class _Extend(_BeforeFill):
    bl_label = "Extend Frame"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        settings = context.scene.gptimage
        column = settings_column(layout, align=True)
        for side in ("left", "right", "top", "bottom"):
            column.prop(settings, f"extend_{side}")
        template = touch_up_template(extended=True)
        refusal, _ = _draw_plan(layout, context, lambda column: _told_extension(column, context), template)
        draw_button(layout, "gptimage.extend_frame", refusal, icon='FULLSCREEN_ENTER')
        if any(provenance(getattr(context.space_data, "image", None)).get("extend") or ()):
            layout.operator("gptimage.match_camera", icon='CAMERA_DATA')


def _told_extension(layout: bpy.types.UILayout, context: bpy.types.Context) -> Requests:
    picture = shown_picture(context)
    assert picture is not None
    requests = shown_extension(context, picture)
    words, finish = requests[0]
    draw_wrapped(layout, "{} x {} px, sends ".format(*finish.picture_px) + words.size.replace("x", " x "))
    return requests


class _Layers(Tab):
    bl_label = "Compositor Layers"
    bl_options = {'DEFAULT_CLOSED'}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bool(compositor.layers(context.scene))

    def draw(self, context: bpy.types.Context) -> None:
        for layer in reversed(compositor.layers(context.scene)):        # the topmost first
            row = self.layout.row(align=True)
            row.prop(layer.node, "mute", text="", icon='HIDE_ON' if layer.node.mute else 'HIDE_OFF', emboss=False, invert_checkbox=True)
            row.label(text=layer.label, translate=False)
            row.prop(layer.mix, "default_value", text="", slider=True)
            row.operator("gptimage.remove_layer", text="", icon='X', emboss=False).name = layer.name


class GPTIMAGE_PT_touch_up(_TouchUp, bpy.types.Panel):
    bl_space_type = 'IMAGE_EDITOR'


class GPTIMAGE_PT_marks(_Marks, bpy.types.Panel):
    bl_parent_id = "GPTIMAGE_PT_touch_up"
    bl_space_type = 'IMAGE_EDITOR'


class GPTIMAGE_PT_extend(_Extend, bpy.types.Panel):
    bl_parent_id = "GPTIMAGE_PT_touch_up"
    bl_space_type = 'IMAGE_EDITOR'


class GPTIMAGE_PT_layers(_Layers, bpy.types.Panel):
    bl_parent_id = "GPTIMAGE_PT_touch_up"
    bl_space_type = 'IMAGE_EDITOR'


class GPTIMAGE_PT_view_touch_up(_TouchUp, bpy.types.Panel):
    bl_space_type = 'VIEW_3D'
    bl_order = 0                                # first: it is there only while the camera view shows a render


class GPTIMAGE_PT_view_marks(_Marks, bpy.types.Panel):
    bl_parent_id = "GPTIMAGE_PT_view_touch_up"
    bl_space_type = 'VIEW_3D'


class GPTIMAGE_PT_view_extend(_Extend, bpy.types.Panel):
    bl_parent_id = "GPTIMAGE_PT_view_touch_up"
    bl_space_type = 'VIEW_3D'


class GPTIMAGE_PT_view_layers(_Layers, bpy.types.Panel):
    bl_parent_id = "GPTIMAGE_PT_view_touch_up"
    bl_space_type = 'VIEW_3D'


classes = (
    GPTIMAGE_PT_touch_up, GPTIMAGE_PT_marks, GPTIMAGE_PT_extend, GPTIMAGE_PT_layers,
    GPTIMAGE_PT_view_touch_up, GPTIMAGE_PT_view_marks, GPTIMAGE_PT_view_extend, GPTIMAGE_PT_view_layers,
)
