# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A texture that is there, changed by the model: where the selected faces show it, or drawn once more with a change.

No postponed annotations here: Blender reads those of the operators as properties.
"""

from collections.abc import Sequence
from typing import NamedTuple

import bpy
import numpy as np
from bpy.props import BoolProperty, EnumProperty, StringProperty

from .. import blender
from ..blender import images, materials
from ..blender.host import host
from ..blender.preferences import read_preferences, read_service
from ..core.errors import InputError
from ..core.prompts import edit_texture_prompt, vary_texture_prompt
from ..core.regions import Box, Window, edit_cost
from ..core.request import Finish, Landing, MapKind, PixelKind, Place, Request, Service, ServiceKind, Surface
from ..imaging import masks
from .asking import AskOperator
from .plan import PlannedJob, Reference, maps_of, plan_job
from .references import read_references
from .settings import RequestSettings, read_settings
from .surface import SurfaceSettings, float_error, instead_of, read_surface
from .texture import land_texture
from .touch_up import Framing, touch_up_windows, touch_up_words
from .variants import shown_image, variant_group

__all__ = ("KIND", "faces_mask", "object_texture", "plan_edit", "shown_edit")

KIND = "edit_texture"


class Edit(NamedTuple):
    """What of a picture is changed: the `mask`, float32 (h, w), of the picture rolled by `offset` pixels (x, y), in a window of that.

    Without a mask it is all of the picture.
    """

    window: Window
    mask: np.ndarray | None = None
    offset: tuple[int, int] = (0, 0)


# --- planning ---------------------------------------------------------------------------------------------

def object_texture(obj: bpy.types.Object | None, name: str = "") -> bpy.types.Image:
    """The texture of the object's active material, or the image of that name. Raises InputError naming "object" or "image"."""
    if name:
        if name not in bpy.data.images:
            raise InputError(f"There is no image {name!r}", field="image", hint="Check the name in the .blend file")
        return bpy.data.images[name]
    node = materials.shown_node(obj.active_material) if obj else None
    if node is None:
        raise InputError(f"The active material of {obj.name if obj else 'nothing'} shows no texture", field="object",
                         hint="Name the image, or select its Image Texture node in the Shader Editor")
    return node.image


def faces_mask(obj: bpy.types.Object | None, image: bpy.types.Image) -> np.ndarray | None:
    """The pixels of the image that the object's selected faces show, float32 (h, w); None if they show all of it or none is selected.

    Raises InputError naming "mask".
    """
    if obj is None or obj.type != 'MESH' or not materials.selected_faces(obj):
        return None
    nodes = (node for slot in obj.material_slots if slot.material and slot.material.node_tree for node in slot.material.node_tree.nodes
             if node.bl_idname == "ShaderNodeTexImage" and node.image == image)
    node = next(nodes, None)
    transform = blender.masks.picture_transform(node) if node else None
    mask = blender.masks.uv_faces_mask(obj, *image.size, transform)
    return None if mask.all() else mask


def _plan_area(mask: np.ndarray | None, size: tuple[int, int], tiles: str, words: Request, service: Service) -> Edit:
    """What is sent to change that of a picture. Where it tiles and the area goes over its edge, it is rolled until it does not."""
    whole, = touch_up_windows((Box(0, 0, *size),), size, words, service, Framing(whole=True))
    if mask is None:
        return Edit(whole)
    offset = tuple(_to_edge(mask.any(axis=0 if axis == "x" else 1)) if axis in tiles else 0 for axis in "xy")
    mask = np.roll(mask, offset[::-1], (0, 1))
    window, = touch_up_windows((masks.require_bounds(mask),), size, words, service, Framing())
    if service.kind is not ServiceKind.COMPATIBLE:
        cost = edit_cost(words.model, words.quality)
        if cost(*window.size) > cost(*whole.size):      # the panel has told the price of the whole
            window = whole
    return Edit(window, mask, offset)


def _to_edge(used: np.ndarray) -> int:
    """How far to roll a line of pixels so that the middle of its longest stretch that is not used lies at its ends; 0 if they are not used."""
    if used.all() or not (used[0] or used[-1]):
        return 0
    free = np.flatnonzero(~used)
    runs = np.split(free, np.flatnonzero(np.diff(free) > 1) + 1)
    longest = max(runs, key=len)
    return -int(longest[len(longest) // 2]) % len(used)


def plan_edit(
    words: Request, service: Service, image: bpy.types.Image, mask: np.ndarray | None, landing: Landing, *,
    surface: Surface | None = None, references: Sequence[Reference] = (),
) -> PlannedJob:
    """The job that changes an image where the mask, float32 (h, w), says, or all of it. The words' size is not used.

    Where the image tiles, the result does. Without a `surface` the maps are made again that the image has. The result is a variant
    beside the image, in whose place it lands unless the landing is for the image alone. Raises InputError, OnlineAccessError.
    """
    source = blender.sources.image_source(image)
    if source.pixels is not PixelKind.DISPLAY:
        raise float_error(image)
    facts = images.provenance(image)
    edit = _plan_area(mask, source.size, str(facts.get("tiles", "")), words, service)
    finish = _finish(image.name, edit)._replace(
        source=f"inputs/source{source.suffix}", pixels=source.pixels, has_alpha=source.has_alpha, tiles=str(facts.get("tiles", "")))
    if surface is None:
        found = maps_of(image)
        surface = Surface(maps=tuple(kind for kind in MapKind if kind in found), width_m=facts.get("width_m", 1.0),
                          relief_m=facts.get("relief_m", 0.02))
    place = landing.place
    landing = instead_of(image, landing)._replace(place=place)
    template = vary_texture_prompt if finish.whole else edit_texture_prompt
    planned = plan_job(KIND, touch_up_words(words, edit.window), template, service, landing, references, finish, surface)
    group = variant_group(facts) or planned.job.id
    planned = planned._replace(job=planned.job._replace(
        prompt=_told(str(facts.get("prompt", "")), planned.job.prompt, finish.whole), landing=planned.job.landing._replace(variants_of=group)))
    planned.inputs[finish.source] = source.data
    if edit.mask is not None:
        planned.inputs[finish.mask] = blender.sources.npy_bytes(np.round(edit.mask * 255).astype(np.uint8))
    return planned


def _told(before: str, words: str, whole: bool) -> str:
    """What the changed picture shows, for those who ask later: what it showed before, and the change."""
    return (", " if whole else " with ").join(part for part in (before, words) if part)


def _finish(parent: str, edit: Edit) -> Finish:
    window = edit.window
    return Finish("", "inputs/mask.npy" if edit.mask is not None else "", tuple(window.box), (window.picture_width_px, window.picture_height_px),
                  parent,
                  offset=edit.offset if any(edit.offset) else (), whole=edit.mask is None, keeps_tiling=True)


def shown_edit(settings: bpy.types.PropertyGroup, image: bpy.types.Image) -> tuple[Request, Finish]:
    """The panel's words as what is sent to vary the image; to edit a part of it costs at most that. Cheap; a panel may call it.

    Raises InputError.
    """
    words = read_settings(settings)
    edit = _plan_area(None, tuple(image.size), "", words, read_service())
    return touch_up_words(words, edit.window), _finish(image.name, edit)


# --- the operators ----------------------------------------------------------------------------------------

class _OnTexture(AskOperator):
    """Operators on a texture that is there. A mixin."""

    image: StringProperty(name="Image", description="Name of the image; without one, what is shown here", options={'SKIP_SAVE'})
    place: EnumProperty(
        name="Result", description="Where the result goes", default="instead", options={'SKIP_SAVE'},
        items=[("instead", "In Its Place", "In all materials and Image Editors that show the old picture, which stays as a variant"),
               ("image", "Image Only", "Make the image and leave the scene as it is")])

    def plan(self, context: bpy.types.Context) -> list[PlannedJob]:
        preferences, panel = read_preferences(), context.scene.gptimage
        image = object_texture(context.object, self.image) if self.image else shown_image(context)
        if image is None:
            raise InputError("No texture is shown here", field="image",
                             hint="Select an object whose material has one, or open it in the Image Editor")
        landing = Landing(place=Place(self.place), scale_m=panel.scale_m, pack=preferences.pack)
        return [self.plan_change(context, image, read_settings(panel, self), preferences.service, landing)]


class GPTIMAGE_OT_edit_texture(_OnTexture, RequestSettings, bpy.types.Operator):
    bl_idname = "gptimage.edit_texture"
    bl_label = "Edit Texture"
    bl_description = "Change the texture where the selected faces show it, and nothing else of it; all of it if none is selected"

    faces: BoolProperty(name="Selected Faces", description="Change only what the selected faces show", default=True, options={'SKIP_SAVE'})

    def plan_change(self, context: bpy.types.Context, image: bpy.types.Image, words: Request, service: Service, landing: Landing) -> PlannedJob:
        mask = faces_mask(context.object, image) if self.faces else None
        return plan_edit(words, service, image, mask, landing, references=read_references(context.scene, touch_up=True))


class GPTIMAGE_OT_vary_texture(_OnTexture, RequestSettings, SurfaceSettings, bpy.types.Operator):
    bl_idname = "gptimage.vary_texture"
    bl_label = "Vary Texture"
    bl_description = "Draw the texture once more, with the change that the prompt tells. Seams and maps as set under Surface"

    def plan_change(self, context: bpy.types.Context, image: bpy.types.Image, words: Request, service: Service, landing: Landing) -> PlannedJob:
        surface = read_surface(context.scene.gptimage, landing.scale_m, self) or Surface()
        return plan_edit(words, service, image, None, landing, surface=surface, references=read_references(context.scene, touch_up=True))


classes = (GPTIMAGE_OT_edit_texture, GPTIMAGE_OT_vary_texture)


def register() -> None:
    host.landings[KIND] = land_texture


def unregister() -> None:
    host.landings.pop(KIND, None)
