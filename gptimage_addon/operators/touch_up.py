# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A touch-up: an area of a picture, words for what belongs there, and only that changed.

No postponed annotations here: Blender reads those of the operators as properties.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import bpy
import numpy as np
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, PointerProperty

from ..blender import images
from ..blender.host import Landed, host
from ..blender.masks import annotation_strokes, image_channels, objects_coverage, write_mask
from ..blender.preferences import read_preferences
from ..core.errors import GptImageError, InputError
from ..core.prompts import touch_up_prompt
from ..core.regions import CONTEXT, FREE_RULES, OPENAI_RULES, Box, Window, edit_cost, plan_window
from ..core.request import Finish, Generate, Job, JobRecord, Landing, Place, Service, ServiceKind
from ..imaging import masks
from .plan import PlannedJob, Reference, adopt_results, plan_job, settle_images
from .report import can_start, report
from .settings import RequestSettings, read_settings

__all__ = (
    "Shown", "Source", "TouchUpSettings", "land_touch_up", "plan_touch_up", "shown_area", "shown_finish", "shown_picture",
    "touch_up_window",
)

KIND = "touch_up"


@dataclass(frozen=True, slots=True)
class Source:
    """The picture to change: its file's bytes in display colors, its size, and the image's name."""

    data: bytes
    mime: str
    width_px: int
    height_px: int
    name: str


def touch_up_window(
    bounds: Box, picture_size: tuple[int, int], words: Generate, service: Service, *, context: float = CONTEXT,
) -> Window:
    """What is sent of a picture to change what is in the bounds. Cheap; a panel may call it."""
    return _window(bounds, picture_size, words.model, words.quality, service.kind, context)


@lru_cache(maxsize=16)          # planning takes some 20 ms
def _window(
    bounds: Box, picture_size: tuple[int, int], model: str, quality: str, kind: ServiceKind, context: float,
) -> Window:
    if kind is ServiceKind.COMPATIBLE:
        return plan_window(bounds, picture_size, context=context, rules=FREE_RULES)
    return plan_window(bounds, picture_size, context=context, rules=OPENAI_RULES, cost=edit_cost(model, quality))


def _sized(words: Generate, window: Window) -> Generate:
    """The words with the window's size, in the format that loses nothing."""
    return replace(words, size="{}x{}".format(*window.size), output_format="png", output_compression=None)


def _finish(window: Window, mime: str, parent: str) -> Finish:
    return Finish(f"inputs/source.{mime.partition('/')[2]}", "inputs/mask.npy", tuple(window.box),
                  (window.picture_width_px, window.picture_height_px), parent)


def plan_touch_up(
    words: Generate, service: Service, source: Source, mask: np.ndarray, landing: Landing, *,
    context: float = CONTEXT, references: Sequence[Reference] = (),
) -> PlannedJob:
    """The job for a touch-up. `mask` is float32 (h, w), 1 = change; the words' size is not used.

    Raises InputError, for an empty mask too, and OnlineAccessError.
    """
    picture_size = (source.width_px, source.height_px)
    if mask.shape != picture_size[::-1]:
        raise InputError(f"The mask has {mask.shape[1]}x{mask.shape[0]} pixels, the picture {source.width_px}x{source.height_px}",
                         field="mask", hint="Make the mask from this picture")
    area = np.round(mask * 255).astype(np.uint8)
    bounds = masks.require_bounds(area)
    window = touch_up_window(bounds, picture_size, words, service, context=context)
    finish = _finish(window, source.mime, source.name)
    planned = plan_job(KIND, _sized(words, window), touch_up_prompt, service, landing, references, finish)
    planned.inputs[finish.source] = source.data
    planned.inputs[finish.mask] = _npy(area)
    return planned


def _npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=False)
    return out.getvalue()


def land_touch_up(job: Job, record: JobRecord, folder: Path) -> Landed:
    """Make the finished pictures images beside the original, and show the first in its place. One undo step."""
    made = adopt_results(job, record, folder)
    where = _show(made[0], job.finish.parent) if job.landing.place is Place.EDITOR and job.finish else ""
    return settle_images(made, job, where)


def _show(image: bpy.types.Image, parent: str) -> str:
    """Show the image where its parent is shown; the artist may have turned to another picture in another editor."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            space = area.spaces.active
            if area.type == 'IMAGE_EDITOR' and space.image and space.image.name == parent:
                space.image = image
                return " in the Image Editor"
    return images.show_in_editor(image)


# --- what is on the panel ---------------------------------------------------------------------------------

COMBINE_ITEMS = [
    ("replace", "Replace", "Only the new area", 'SELECT_SET', 0), ("add", "Add", "The new area too", 'SELECT_EXTEND', 1),
    ("subtract", "Subtract", "Without the new area", 'SELECT_SUBTRACT', 2),
    ("intersect", "Intersect", "Only where both are", 'SELECT_INTERSECT', 3),
]


class TouchUpSettings:
    """Properties of a touch-up, beside those of every request. A mixin like RequestSettings."""

    area: EnumProperty(
        name="Area", description="What to change", default="border",
        items=[("border", "Render Border", "The scene's render border, drawn with Ctrl+B in the 3D Viewport or here"),
               ("mask", "Mask", "The white of a mask image, made from the selection or painted")])
    mask: PointerProperty(
        name="Mask", description="Image whose white is changed. It can be painted on", type=bpy.types.Image)
    grow_px: IntProperty(
        name="Grow", description="Pixels to widen the area by, or to shrink it by if negative", default=0,
        soft_min=-100, soft_max=100, subtype='PIXEL')
    feather_px: IntProperty(
        name="Feather", description="Width of the soft edge, inside the area. Outside nothing changes", default=8,
        min=0, soft_max=200, subtype='PIXEL')
    context: FloatProperty(
        name="Context", description="How much of the picture around the area the model sees, as a share of the area",
        default=CONTEXT, min=0.0, soft_max=1.0, subtype='FACTOR')
    mask_combine: EnumProperty(
        name="Combine", description="What becomes of the mask there is when another is made", default="replace",
        items=COMBINE_ITEMS)
    show_area: BoolProperty(
        name="Show Area", description="Draw the area over the picture, and a frame around what is sent", default=True)


_BOUNDS = "gptimage_bounds"         # on a mask image: the box of its white, for the panel


@dataclass(frozen=True, slots=True)
class Shown:
    """The picture that an Image Editor shows, by what a panel may know: name and size, no pixels."""

    name: str
    size: tuple[int, int]


def shown_picture(context: bpy.types.Context) -> Shown | None:
    """The picture of this Image Editor, or None. Cheap; a panel may call it."""
    image = getattr(context.space_data, "image", None)
    if image is None:
        return None
    if image.type == 'RENDER_RESULT':
        render = context.scene.render
        share = render.resolution_percentage / 100
        return Shown(image.name, (int(render.resolution_x * share), int(render.resolution_y * share)))
    return Shown(image.name, tuple(image.size)) if all(image.size) else None


@lru_cache(maxsize=16)
def _border_bounds(border: tuple[float, ...], size: tuple[int, int]) -> Box | None:
    return masks.bounds(masks.from_border(*border, size))


def _border(scene: bpy.types.Scene) -> tuple[float, ...]:
    render = scene.render
    return render.border_min_x, render.border_min_y, render.border_max_x, render.border_max_y


def shown_area(context: bpy.types.Context, picture: Shown) -> Box:
    """The box of the area that the panel's settings name. Cheap; a panel may call it. Raises InputError if there is none."""
    settings = context.scene.gptimage
    if settings.area == "border":
        render = context.scene.render
        bounds = _border_bounds(_border(context.scene), picture.size) if render.use_border else None
        if bounds is None:
            raise InputError("There is no render border", field="area",
                             hint="Draw one with Ctrl+B in the 3D Viewport's camera view")
    else:
        if settings.mask is None:
            raise InputError("There is no mask", field="mask", hint="Make one from the selection, or choose an image")
        if tuple(settings.mask.size) != picture.size:
            raise InputError("The mask does not have the picture's size", field="mask", hint="Make it again")
        stored = settings.mask.get(_BOUNDS)
        bounds = Box(*stored) if stored else Box(0, 0, *picture.size)
    grown = settings.grow_px
    return Box(max(bounds.x0 - grown, 0), max(bounds.y0 - grown, 0),
               min(bounds.x1 + grown, picture.size[0]), min(bounds.y1 + grown, picture.size[1]))


def shown_finish(context: bpy.types.Context, picture: Shown, area: Box) -> tuple[Generate, Finish]:
    """The panel's words with the size that is sent, and what becomes of the answer: what `price` asks for.

    Cheap; a panel may call it. Raises InputError.
    """
    settings = context.scene.gptimage
    words = read_settings(settings)
    window = touch_up_window(area, picture.size, words, read_preferences().service, context=settings.context)
    return _sized(words, window), _finish(window, "image/png", picture.name)


def _area_mask(context: bpy.types.Context, size: tuple[int, int]) -> np.ndarray:
    settings = context.scene.gptimage
    if settings.area == "border":
        mask = masks.from_border(*_border(context.scene), size)
    else:
        mask = masks.from_image(image_channels(settings.mask))
    mask = masks.grow(mask, settings.grow_px) if settings.grow_px else mask
    return masks.feather(mask, settings.feather_px) if settings.feather_px else mask


def _source(context: bpy.types.Context) -> Source:
    image = getattr(context.space_data, "image", None)
    if image is None:
        raise InputError("No picture is shown", field="image", hint="Open the render or the image to change here")
    if image.type == 'RENDER_RESULT':
        data, width, height = images.render_result_bytes(context.scene)
        return Source(data, "image/png", width, height, image.name)
    if image.source == 'TILED':
        raise InputError("UDIM images cannot be touched up", field="image", hint="Open one tile as an image")
    data, mime = images.picture_bytes(image, field="image")
    return Source(data, mime, image.size[0], image.size[1], image.name)


# --- operators --------------------------------------------------------------------------------------------

class GPTIMAGE_OT_touch_up(RequestSettings, bpy.types.Operator):
    bl_idname = "gptimage.touch_up"
    bl_label = "Fill"
    bl_description = "Change the area of this picture, and nothing else. Without a prompt what is in it is removed"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return can_start(cls, context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            settings, preferences = context.scene.gptimage, read_preferences()
            words = read_settings(settings, self)
            picture = shown_picture(context)
            if picture is None:
                raise InputError("No picture is shown", field="image", hint="Open the render or the image to change here")
            told = shown_area(context, picture)
            source = _source(context)
            size = (source.width_px, source.height_px)
            mask = _area_mask(context, size)
            bounds = masks.require_bounds(mask)
            if settings.area == "mask" and bounds != told:
                # Painted on since the panel was drawn: nothing is sent that was not shown.
                _note_bounds(settings.mask, masks.from_image(image_channels(settings.mask)))
                if touch_up_window(shown_area(context, picture), size, words, preferences.service,
                                   context=settings.context) != touch_up_window(
                                       told, size, words, preferences.service, context=settings.context):
                    raise InputError("The mask has changed, and the price with it", field="mask",
                                     hint="Look at the panel and press Fill again")
            landing = Landing(place=Place.EDITOR, pack=preferences.pack)
            planned = plan_touch_up(words, preferences.service, source, mask, landing, context=settings.context)
            host.submit(planned.job, planned.inputs)
        except GptImageError as error:
            return report(self, error)
        return {'FINISHED'}


def _note_bounds(image: bpy.types.Image, mask: np.ndarray) -> None:
    bounds = masks.bounds(mask)
    image[_BOUNDS] = list(bounds) if bounds else [0, 0, 0, 0]


class GPTIMAGE_OT_make_mask(bpy.types.Operator):
    bl_idname = "gptimage.make_mask"
    bl_label = "Make Mask"
    bl_description = "Make a mask for the shown picture, or change the one there is"
    bl_options = {'REGISTER', 'UNDO'}

    source: EnumProperty(
        name="From", description="What the new area is made of", default="objects",
        items=[("objects", "Selected Objects", "As the scene's camera sees them, without what hides them"),
               ("annotation", "Annotation", "Around each annotation stroke of this editor, as with a lasso"),
               ("border", "Render Border", "The scene's render border"),
               ("invert", "Inverted", "Everything but the mask there is")])
    combine: EnumProperty(
        name="Combine", description="What becomes of the mask there is", default="replace",
        items=COMBINE_ITEMS)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if shown_picture(context) is None:
            cls.poll_message_set("No picture is shown here")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.gptimage
        picture = shown_picture(context)
        assert picture is not None
        try:
            old = None
            if settings.mask and tuple(settings.mask.size) == picture.size:
                old = masks.from_image(image_channels(settings.mask))
            mask = self._new(context, picture, old)
            if self.combine != "replace" and self.source != "invert" and old is not None:
                mask = getattr(masks, self.combine)(old, mask)
            masks.require_bounds(mask)
            settings.mask = write_mask(settings.mask if old is not None else None, f"{picture.name} Mask", mask)
            _note_bounds(settings.mask, mask)
            settings.area = "mask"
            settings.show_area = True
        except GptImageError as error:
            return report(self, error)
        return {'FINISHED'}

    def _new(self, context: bpy.types.Context, picture: Shown, old: np.ndarray | None) -> np.ndarray:
        if self.source == "objects":
            return objects_coverage(context.scene, context.selected_objects, *picture.size)
        if self.source == "border":
            return masks.from_border(*_border(context.scene), picture.size)
        if self.source == "invert":
            if old is None:
                raise InputError("There is no mask to invert", field="mask", hint="Make one first")
            return masks.invert(old)
        strokes = annotation_strokes(context.space_data)
        if not strokes:
            raise InputError("There is no annotation here", field="mask", hint="Draw around the area with the Annotate tool")
        mask = np.zeros(picture.size[::-1], np.float32)
        for points in strokes:
            mask = masks.add(mask, masks.from_polygon(masks.from_fractions(points, picture.size), picture.size))
        return mask


classes = (GPTIMAGE_OT_touch_up, GPTIMAGE_OT_make_mask)


def register() -> None:
    host.landings[KIND] = land_touch_up


def unregister() -> None:
    host.landings.pop(KIND, None)
