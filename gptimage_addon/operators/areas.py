# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The area of a touch-up: what the panel's settings name, what it is made of, and the operator that makes masks.

No postponed annotations here: Blender reads those of the operators as properties.
"""

from functools import lru_cache
from typing import NamedTuple

import bpy
import numpy as np
from bpy.props import (
    BoolProperty, EnumProperty, FloatProperty, IntProperty, PointerProperty,
)

from .. import blender
from ..blender import view
from ..blender.images import RENDER_RESULT
from ..core.errors import GptImageError, InputError
from ..core.regions import CONTEXT, MINIMUM_PX, Box, empty_area_error
from ..imaging import masks
from .report import report

__all__ = (
    "AreaChoice", "AreaSettings", "MaskSettings", "Shown", "area_boxes", "area_islands", "combine_mask", "editor_strokes", "read_area",
    "read_islands", "shown_picture",
)

COMBINE_ITEMS = [
    ("replace", "Replace", "Only the new area", 'SELECT_SET', 0), ("add", "Add", "The new area too", 'SELECT_EXTEND', 1),
    ("subtract", "Subtract", "Without the new area", 'SELECT_SUBTRACT', 2),
    ("intersect", "Intersect", "Only where both are", 'SELECT_INTERSECT', 3),
]
SOURCE_ITEMS = [
    ("objects", "Selected Objects", "The selected objects as the scene's camera sees them, without what hides them", 'OBJECT_DATA', 0),
    ("faces", "Selected Faces", "The selected faces: as the camera sees them for a render, else where they lie in UV space", 'FACESEL', 1),
    ("material", "Material", "All that shows a material in the camera's view", 'MATERIAL', 2),
    ("vertex_group", "Vertex Group", "The active vertex group of the active object as the camera sees it", 'GROUP_VERTEX', 3),
    ("depth", "Depth Range", "All that lies between two distances from the camera", 'DRIVER_DISTANCE', 4),
    ("annotation", "Annotation", "Around each annotation stroke of this editor, as with a lasso", 'GREASEPENCIL', 5),
    ("border", "Render Border", "The scene's render border", 'SELECT_SET', 6),
    ("alpha", "Picture's Alpha", "Where the picture is opaque", 'IMAGE_ALPHA', 7),
    ("invert", "Inverted Mask", "All but the mask there is", 'CLIPUV_DEHLT', 8),
]
_GROWN = ("objects", "faces", "material", "vertex_group")
_ISLANDS = "gptimage_islands"       # on a mask image: the boxes of its islands, for the panel
_MOST_ISLANDS = 8                   # speckles are no islands to ask for one by one


class AreaSettings:
    """Properties of the area. A mixin for the scene's settings and for the operator that sends it."""

    area: EnumProperty(
        name="Area", description="What to change", default="border",
        items=[("border", "Render Border", "The scene's render border, drawn with Ctrl+B in the 3D Viewport or here"),
               ("mask", "Mask", "The white of a mask image, made from the selection, drawn or painted"),
               ("whole", "Whole Picture", "All of the picture may change")])
    grow_px: IntProperty(
        name="Grow", description="Pixels to widen the area by, or to shrink it by if negative", default=0,
        soft_min=-100, soft_max=100, subtype='PIXEL')
    feather_px: IntProperty(
        name="Feather", description="Width of the soft edge, inside the area. Outside nothing changes", default=8,
        min=0, soft_max=200, subtype='PIXEL')
    context: FloatProperty(
        name="Context", description="How much of the picture around the area the model sees, as a share of the area",
        default=CONTEXT, min=0.0, soft_max=1.0, subtype='FACTOR')
    send_whole: BoolProperty(
        name="Send Whole Picture", description="Send all of the picture, not only the area and what is around it", default=False)
    separate: BoolProperty(
        name="One Request Each", description="Ask for each island of the mask by itself: finer where they lie far apart",
        default=False)
    use_marks: BoolProperty(
        name="Send Marks", description="Send the annotation strokes and notes over the picture as instructions, instead of the area. "
        "Only the area changes all the same")


class MaskSettings:
    """The panel's own: its mask, and how new ones are made. A mixin for the scene's settings."""

    mask: PointerProperty(
        name="Mask", description="Image whose white is changed. It has a name, can be painted on and used again",
        type=bpy.types.Image)
    mask_source: EnumProperty(
        name="Make From", description="What a new mask is made of", default="objects", items=SOURCE_ITEMS)
    mask_combine: EnumProperty(
        name="Combine", description="What becomes of the mask there is when another is made", default="replace",
        items=COMBINE_ITEMS)
    mask_material: PointerProperty(
        name="Material", description="The material whose surfaces are changed", type=bpy.types.Material)
    depth_near: FloatProperty(
        name="From", description="Distance from the camera where the area begins", default=0.0, min=0.0, subtype='DISTANCE')
    depth_far: FloatProperty(
        name="To", description="Distance from the camera where the area ends", default=10.0, min=0.0, subtype='DISTANCE')
    show_area: BoolProperty(
        name="Show Area", description="Draw the area over the picture, and a frame around what is sent", default=True)


class AreaChoice(NamedTuple):
    """The settings of an area as a value, for one call: the mask is Blender's own image."""

    area: str
    grow_px: int
    feather_px: int
    context: float
    send_whole: bool
    separate: bool
    use_marks: bool
    mask: bpy.types.Image | None


def read_area(panel: bpy.types.PropertyGroup, operator: bpy.types.Operator | None = None) -> AreaChoice:
    """The panel's area; what a script has set on the operator counts. Raises InputError for a mask that is not there."""
    def chosen(name: str) -> object:
        return getattr(operator if operator and operator.properties.is_property_set(name) else panel, name)

    mask = chosen("mask")
    if isinstance(mask, str):                   # an operator names it
        if mask not in bpy.data.images:
            raise InputError(f"There is no image {mask!r}", field="mask", hint="Name the mask's image")
        mask = bpy.data.images[mask]
        _note_islands(mask, masks.from_image(blender.masks.image_channels(mask)))
    return AreaChoice(*(chosen(name) for name in AreaSettings.__annotations__), mask)


class Shown(NamedTuple):
    """The picture that an editor shows, by what a panel may know: name and size, no pixels."""

    name: str
    size: tuple[int, int]


# --- what is on the panel ---------------------------------------------------------------------------------

def shown_picture(context: bpy.types.Context) -> Shown | None:
    """The picture of this Image Editor, or the render in a 3D Viewport's camera view. Cheap; a panel may call it."""
    space = context.space_data
    if space.type == 'VIEW_3D':
        in_camera = space.region_3d is not None and space.region_3d.view_perspective == 'CAMERA'
        return Shown(RENDER_RESULT, _render_size(context.scene)) if in_camera and context.scene.camera else None
    image = getattr(space, "image", None)
    if image is None:
        return None
    if image.type == 'RENDER_RESULT':
        return Shown(image.name, _render_size(context.scene))
    return Shown(image.name, tuple(image.size)) if all(image.size) else None


def _render_size(scene: bpy.types.Scene) -> tuple[int, int]:
    share = scene.render.resolution_percentage / 100
    return int(scene.render.resolution_x * share), int(scene.render.resolution_y * share)


def scene_border(scene: bpy.types.Scene) -> tuple[float, ...]:
    render = scene.render
    return render.border_min_x, render.border_min_y, render.border_max_x, render.border_max_y


@lru_cache(maxsize=16)
def _border_bounds(border: tuple[float, ...], size: tuple[int, int]) -> Box | None:
    return masks.bounds(masks.from_border(*border, size))


def area_islands(scene: bpy.types.Scene, picture: Shown, choice: AreaChoice) -> tuple[Box, ...]:
    """The boxes of the area's islands, not grown. Cheap; a panel may call it. Raises InputError if there is no area."""
    if choice.area == "whole":
        return (Box(0, 0, *picture.size),)
    if choice.area == "border":
        bounds = _border_bounds(scene_border(scene), picture.size) if scene.render.use_border else None
        if bounds is None:
            raise InputError("There is no render border", field="area",
                             hint="Draw one with Ctrl+B in the 3D Viewport's camera view")
        return (bounds,)
    if choice.mask is None:
        raise InputError("There is no mask", field="mask", hint="Make one from the selection, draw one, or choose an image")
    if tuple(choice.mask.size) != picture.size:
        raise InputError("The mask does not have the picture's size", field="mask", hint="Make it again")
    numbers = choice.mask.get(_ISLANDS)
    if numbers is None:
        raise InputError("The mask has not been read", field="mask", hint="Press Read Mask, beside it")
    if not len(numbers):
        raise empty_area_error()
    return tuple(Box(*numbers[i:i + 4]) for i in range(0, len(numbers), 4))


def area_boxes(scene: bpy.types.Scene, picture: Shown, choice: AreaChoice) -> tuple[Box, ...]:
    """`area_islands` as far as they may change: grown or shrunk."""
    grown = choice.grow_px if choice.area != "whole" else 0
    width, height = picture.size
    boxes = [Box(max(x0 - grown, 0), max(y0 - grown, 0), min(x1 + grown, width), min(y1 + grown, height))
             for x0, y0, x1, y1 in area_islands(scene, picture, choice)]
    boxes = [box for box in boxes if box.width > 0 and box.height > 0]
    if not boxes:
        raise empty_area_error()
    return tuple(boxes)


# --- reading it -------------------------------------------------------------------------------------------

def read_islands(scene: bpy.types.Scene, picture: Shown, choice: AreaChoice) -> list[np.ndarray]:
    """The area's islands as masks, float32 (h, w), grown and feathered: one for each box of `area_islands`.

    Raises InputError if the mask has changed since the panel last looked, which then looks anew.
    """
    if choice.area == "whole":
        return [np.ones(picture.size[::-1], np.float32)]
    if choice.area == "mask":
        mask = masks.from_image(blender.masks.image_channels(choice.mask))
        told = list(choice.mask[_ISLANDS])
        numbers = _note_islands(choice.mask, mask)
        if told != list(choice.mask[_ISLANDS]):
            raise InputError("The mask has changed, and the price with it", field="mask",
                             hint="Look at the panel and press the button again")
        found = [np.where(numbers == i, mask, np.float32(0)) for i in range(1, len(told) // 4 + 1)]
    else:
        found = [masks.from_border(*scene_border(scene), picture.size)]
    if choice.grow_px:
        found = [masks.grow(mask, choice.grow_px) for mask in found]
    if choice.feather_px:
        found = [masks.feather(mask, choice.feather_px) for mask in found]
    return found


def _note_islands(image: bpy.types.Image, mask: np.ndarray) -> np.ndarray:
    """Keep the boxes of the mask's islands with its image, and give back which pixel is of which, from 1: int32 (h, w)."""
    numbers, boxes = masks.label(mask, MINIMUM_PX)
    if len(boxes) > _MOST_ISLANDS:
        numbers, boxes = (mask > 0).astype(np.int32), [masks.require_bounds(mask)]
    image[_ISLANDS] = [edge for box in boxes for edge in box]
    return numbers


# --- making masks -----------------------------------------------------------------------------------------

def combine_mask(context: bpy.types.Context, picture: Shown, mask: np.ndarray, combine: str) -> None:
    """Make the mask the panel's own, together with the one there is. Raises InputError if nothing is left of it."""
    settings = context.scene.gptimage
    old = _present_mask(settings, picture)
    if combine != "replace" and old is not None:
        mask = getattr(masks, combine)(old, mask)
    masks.require_bounds(mask)
    # A new image, so that undo brings the old one back; that one stays if the artist has named it or uses it elsewhere.
    before, name = settings.mask, f"{picture.name} Mask"
    settings.mask = None
    if before is not None and _ISLANDS in before and before.name.startswith(name) and not before.users:
        bpy.data.images.remove(before)
    image = blender.masks.write_mask(name, mask)
    _note_islands(image, mask)
    settings.mask = image
    settings.area = "mask"
    settings.show_area = True


def _present_mask(settings: bpy.types.PropertyGroup, picture: Shown) -> np.ndarray | None:
    if settings.mask is None or tuple(settings.mask.size) != picture.size:
        return None
    return masks.from_image(blender.masks.image_channels(settings.mask))


def editor_strokes(context: bpy.types.Context) -> list[view.Stroke]:
    """The annotation strokes of this editor, their points as fractions of the picture from its bottom left."""
    if context.space_data.type == 'VIEW_3D':
        return view.view_strokes(context.scene)
    return view.annotation_strokes(context.space_data)


class GPTIMAGE_OT_make_mask(bpy.types.Operator):
    bl_idname = "gptimage.make_mask"
    bl_label = "Make Mask"
    bl_description = "Make a mask for the shown picture, or change the one there is"
    bl_options = {'REGISTER', 'UNDO'}

    source: EnumProperty(name="From", description="What the new area is made of", default="objects", items=SOURCE_ITEMS)
    combine: EnumProperty(
        name="Combine", description="What becomes of the mask there is", default="replace", items=COMBINE_ITEMS)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.space_data is None or shown_picture(context) is None:
            cls.poll_message_set("No picture is shown here. Open one, or look through the camera")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        picture = shown_picture(context)
        assert picture is not None
        try:
            mask = self._new(context, picture)
            if self.source in _GROWN:           # so that the soft edge lies around it, and nothing of it is left
                mask = masks.grow(mask, context.scene.gptimage.feather_px)
            combine_mask(context, picture, mask, "replace" if self.source == "invert" else self.combine)
        except GptImageError as error:
            return report(self, error)
        return {'FINISHED'}

    def _new(self, context: bpy.types.Context, picture: Shown) -> np.ndarray:
        scene, settings, size = context.scene, context.scene.gptimage, picture.size
        match self.source:
            case "objects":
                return blender.coverage.objects_coverage(scene, context.selected_objects, *size)
            case "faces":
                if picture.name == RENDER_RESULT:
                    return blender.coverage.faces_coverage(scene, context.objects_in_mode or context.selected_objects, *size)
                return blender.masks.uv_faces_mask(context.object, *size)
            case "material":
                if settings.mask_material is None:
                    raise InputError("No material is chosen", field="mask", hint="Choose one below Make From")
                return blender.coverage.material_coverage(scene, [settings.mask_material], *size)
            case "vertex_group":
                group = context.object.vertex_groups.active if context.object and context.object.type == 'MESH' else None
                if group is None:
                    raise InputError("The active object has no vertex group", field="mask", hint="Make one active in its data properties")
                return blender.coverage.vertex_group_coverage(scene, context.object, group.name, *size)
            case "depth":
                return blender.coverage.depth_coverage(scene, settings.depth_near, settings.depth_far, *size)
            case "border":
                return masks.from_border(*scene_border(scene), size)
            case "alpha":
                image = getattr(context.space_data, "image", None)
                if image is None or image.type == 'RENDER_RESULT':
                    raise InputError("The render's alpha cannot be read here", field="mask",
                                     hint="Use the objects instead, or touch up a saved picture")
                return masks.from_alpha(blender.masks.image_channels(image))
            case "invert":
                old = _present_mask(settings, picture)
                if old is None:
                    raise InputError("There is no mask to invert", field="mask", hint="Make one first")
                return masks.invert(old)
        mask = np.zeros(size[::-1], np.float32)
        for stroke in editor_strokes(context):
            if len(stroke.points) > 2:
                mask = masks.add(mask, masks.from_polygon(masks.from_fractions(stroke.points, size), size))
        if not mask.any():
            raise InputError("There is no annotation here", field="mask", hint="Draw around the area with the Annotate tool")
        return mask


class GPTIMAGE_OT_read_mask(bpy.types.Operator):
    bl_idname = "gptimage.read_mask"
    bl_label = "Read Mask"
    bl_description = "Look where the mask is white: after choosing another image, or painting on it"
    bl_options = {'REGISTER', 'UNDO'}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.scene.gptimage.mask is None:
            cls.poll_message_set("No mask is chosen")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        image = context.scene.gptimage.mask
        try:
            mask = masks.from_image(blender.masks.image_channels(image))
            masks.require_bounds(mask)
        except GptImageError as error:
            return report(self, error)
        _note_islands(image, mask)
        return {'FINISHED'}


classes = (GPTIMAGE_OT_make_mask, GPTIMAGE_OT_read_mask)
