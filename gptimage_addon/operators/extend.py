# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""More of a picture at its sides, and a camera that shows as much.

No postponed annotations here: Blender reads those of the operators as properties.
"""

from collections.abc import Sequence

import bpy
import numpy as np
from bpy.props import IntProperty

from .. import blender, core
from ..blender.images import provenance
from ..blender.preferences import read_preferences, read_service
from ..core.errors import GptImageError, InputError
from ..core.regions import Box, union
from ..core.request import Finish, Landing, Place, Request, Service
from .areas import Shown, read_area, shown_picture
from .asking import AskOperator
from .plan import PlannedJob, Reference
from .references import read_references
from .report import report
from .settings import RequestSettings, read_settings
from .touch_up import Framing, Piece, framing_of, plan_touch_up, read_source, touch_up_windows, touch_up_words

__all__ = ("ExtendSettings", "plan_extension", "shown_extension")

SIDES = ("extend_left", "extend_top", "extend_right", "extend_bottom")


class ExtendSettings:
    """How far a picture is extended. A mixin for the scene's settings and for the operator."""

    extend_left: IntProperty(name="Left", description="Pixels to add at the left", default=0, min=0, soft_max=1024, subtype='PIXEL')
    extend_right: IntProperty(name="Right", description="Pixels to add at the right", default=0, min=0, soft_max=1024, subtype='PIXEL')
    extend_top: IntProperty(name="Top", description="Pixels to add at the top", default=0, min=0, soft_max=1024, subtype='PIXEL')
    extend_bottom: IntProperty(
        name="Bottom", description="Pixels to add at the bottom", default=0, min=0, soft_max=1024, subtype='PIXEL')


def _sides(owner: object) -> tuple[int, ...]:
    return tuple(getattr(owner, side) for side in SIDES)


def _area(size: tuple[int, int], extend: tuple[int, ...]) -> tuple[tuple[int, int], Box]:
    """(the larger picture's size, the box around what is new in it). Raises InputError if nothing is."""
    left, top, right, bottom = extend
    if not any(extend):
        raise InputError("The picture is not extended at any side", field="extend", hint="Add pixels at one side at least")
    width, height = size[0] + left + right, size[1] + top + bottom
    strips = Box(0, 0, left, height), Box(0, 0, width, top), Box(width - right, 0, width, height), Box(0, height - bottom, width, height)
    return (width, height), union([strip for strip, added in zip(strips, extend, strict=True) if added])


def plan_extension(
    words: Request, service: Service, source: "blender.sources.Source", extend: tuple[int, ...], landing: Landing, framing: Framing, *,
    references: Sequence[Reference] = (),
) -> list[PlannedJob]:
    """The job for a picture with so many pixels (left, top, right, bottom) more. Raises InputError, OnlineAccessError."""
    (width, height), box = _area(source.size, extend)
    (window,) = touch_up_windows([box], (width, height), words, service, framing._replace(separate=False))
    left, top, right, bottom = extend
    mask = np.ones((height, width), np.float32)
    mask[top:height - bottom, left:width - right] = 0
    return plan_touch_up(words, service, source, [Piece(mask, window)], landing, references=references, extend=extend)


def shown_extension(context: bpy.types.Context, picture: Shown) -> list[tuple[Request, Finish]]:
    """The panel's words with the size that is sent, and what becomes of the answer. Cheap; a panel may call it. Raises InputError."""
    settings = context.scene.gptimage
    words, extend = read_settings(settings), _sides(settings)
    size, box = _area(picture.size, extend)
    framing = framing_of(read_area(settings))._replace(separate=False)
    (window,) = touch_up_windows([box], size, words, read_service(), framing)
    finish = Finish("", "", tuple(window.box), size, picture.name, extend=extend)
    return [(touch_up_words(words, window), finish)]


class GPTIMAGE_OT_extend_frame(AskOperator, RequestSettings, ExtendSettings, bpy.types.Operator):
    bl_idname = "gptimage.extend_frame"
    bl_label = "Extend Frame"
    bl_description = "Continue the picture at its sides. What there is of it does not change. The prompt may say what comes there"

    def plan(self, context: bpy.types.Context) -> list[PlannedJob]:
        settings, preferences = context.scene.gptimage, read_preferences()
        words = read_settings(settings, self)
        picture = shown_picture(context)
        if picture is None:
            raise InputError("No picture is shown", field="image", hint="Open the render or the image to extend here")
        own = any(self.properties.is_property_set(side) for side in SIDES)
        extend = _sides(self if own else settings)
        source = read_source(context, picture)
        landing = Landing(place=Place.EDITOR, pack=preferences.pack)
        return plan_extension(words, preferences.service, source, extend, landing, framing_of(read_area(settings)),
                              references=read_references(context.scene, touch_up=True))


class GPTIMAGE_OT_match_camera(bpy.types.Operator):
    bl_idname = "gptimage.match_camera"
    bl_label = "Match Camera"
    bl_description = ("Set the scene's resolution, and its camera's focal length and shift, so that a new render shows the larger frame "
                      "with all that was in the old one in its place")
    bl_options = {'REGISTER', 'UNDO'}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        facts = provenance(getattr(context.space_data, "image", None))
        if not (facts.get("of_render") and any(facts.get("extend") or ())):
            cls.poll_message_set("This picture is no extended render")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        image = context.space_data.image
        extend = tuple(provenance(image)["extend"])
        try:
            frame = blender.camera.read_frame(context.scene)
            larger = core.framing.extended(frame, *extend)
            if (larger.width_px, larger.height_px) != tuple(image.size):
                raise InputError(f"The scene's resolution is {frame.width_px} x {frame.height_px} px, the extended picture was made from "
                                 f"{image.size[0] - extend[0] - extend[2]} x {image.size[1] - extend[1] - extend[3]}", field="image",
                                 hint="Set the resolution back first, if it does not match already")
            blender.camera.write_frame(context.scene, larger)
        except GptImageError as error:
            return report(self, error)
        self.report({'INFO'}, f"The camera shows {larger.width_px} x {larger.height_px} px. Render again")
        return {'FINISHED'}


classes = (GPTIMAGE_OT_extend_frame, GPTIMAGE_OT_match_camera)
