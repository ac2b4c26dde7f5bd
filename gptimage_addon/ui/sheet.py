# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What will be sent, on a sheet to read before the button is pressed: the requests that the panel has priced, made as the button makes them.

No postponed annotations here: Blender reads those of the operator as properties.
"""

from collections.abc import Sequence

import bpy
from bpy.props import StringProperty

from ..core import pricing
from ..core.addresses import OPENAI_URL
from ..core.catalog import find_model
from ..core.prompts import is_named
from ..core.request import Request, SentPicture, Service, ServiceKind
from ..operators.plan import Reference, make_request
from .references import picture_icon
from .status import dollars, draw_wrapped, find_price, price_text, priced

__all__ = ()

WIDTH_PX, FITS = 560, 88                # of the sheet, and the letters in one of its lines
THUMBNAIL = 2.6
MOST = 4                                # requests that are shown in full
ONE_COLUMN = 6                          # pictures; more stand in two


class GPTIMAGE_OT_show_sent(bpy.types.Operator):
    bl_idname = "gptimage.show_sent"
    bl_label = "What Will Be Sent"
    bl_description = "Read the whole request before it is sent: each picture, the full prompt, where it goes and what it costs. Sends nothing"
    bl_options = {'INTERNAL'}

    place: StringProperty(name="Place", description="Where the price was shown", options={'SKIP_SAVE', 'HIDDEN'})

    def execute(self, context: bpy.types.Context) -> set[str]:
        return {'FINISHED'}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_popup(self, width=WIDTH_PX)

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.label(text=self.bl_label, icon='EXPORT')
        shown = priced.get(self.place)
        if shown is None:
            draw_wrapped(layout, "The panel shows no price now. Change what it refuses, then open this sheet beside the price", 'ERROR', fits=FITS)
            return
        asked, service = shown
        for words, finish, template, references in asked[:MOST]:
            request, _ = make_request(words, template, references, finish)
            _draw_request(layout.box(), request, references, service)
        if len(asked) > MOST:
            layout.label(text=f"And {len(asked) - MOST} more of the kind", icon='BLANK1')
        found = pricing.together([find_price([(each.words, each.finish)], each.template, service, each.references) for each in asked])
        layout.label(text=price_text(found, service), icon='BLANK1', translate=False)


def _draw_request(box: bpy.types.UILayout, request: Request, references: Sequence[Reference], service: Service) -> None:
    column = box.column(align=True)
    draw_wrapped(column, f"To: {_address(service, request)}", 'URL', fits=FITS)
    many = f"{request.n} x " if request.n > 1 else ""
    facts = [request.model, f"{many}{request.size.replace('x', ' x ')} px", f"quality {request.quality}", request.output_format.upper()]
    facts += [f"{name} {value}" for name, value in (("background", request.background), ("moderation", request.moderation)) if value != "auto"]
    facts += ["in a batch"] * request.batch
    facts += [f"{name} {value}" for name, value in (("complexity", request.complexity), ("input fidelity", request.input_fidelity)) if value]
    draw_wrapped(column, ", ".join(facts), 'SETTINGS', fits=FITS)
    known = find_model(request.model) is not None and service.kind is not ServiceKind.COMPATIBLE
    own = len(request.images) - len(references)             # a touch-up's window comes first
    many = len(request.images) > ONE_COLUMN
    rows = box.column_flow(columns=2) if many else box.column()
    for number, picture in enumerate(request.images):
        path = references[number - own].path if number >= own else ""
        _draw_picture(rows, number + 1, picture, path, request.model if known else "", narrow=many)
    for name, overlay in (("mask", request.mask), ("marks", request.markup)):
        if overlay:
            box.label(text=f"With the {name}, {overlay.width_px} x {overlay.height_px} px", icon='MOD_MASK', translate=False)
    column = box.column(align=True)
    column.scale_y = 0.8
    for index, line in enumerate(request.prompt.splitlines()):
        draw_wrapped(column, line, 'TEXT' if index == 0 else 'BLANK1', fits=FITS)


def _draw_picture(layout: bpy.types.UILayout, number: int, picture: SentPicture, path: str, model: str, *, narrow: bool) -> None:
    split = layout.split(factor=0.26 if narrow else 0.13)
    row = split.row()
    if icon := picture_icon(bpy.data.images.get(picture.name)):
        row.template_icon(icon, scale=THUMBNAIL)
    else:
        row.label(text="", icon='IMAGE_DATA')
    column = split.column(align=True)
    column.scale_y = 0.8
    role = picture.role if is_named(picture.role) else "own words"
    column.label(text=f"{number}. {picture.name}" + (f", {role}" if picture.role else ""), translate=False)
    price = f", {dollars(pricing.picture_usd(picture.width_px, picture.height_px, model))}" if model else ""
    column.label(text=f"{picture.width_px} x {picture.height_px} px{price}", translate=False)
    draw_wrapped(column, path or "In this .blend", fits=FITS // 2 - 16 if narrow else FITS - 14)


def _address(service: Service, request: Request) -> str:
    end = "images/edits" if request.is_edit else "images/generations"
    if service.kind is ServiceKind.PRACTICE:
        return "the practice service on this machine. Nothing leaves it"
    base = OPENAI_URL if service.kind is ServiceKind.OPENAI else service.base_url
    return f"{base.rstrip('/')}/{end}, with your API key"


classes = (GPTIMAGE_OT_show_sent,)
