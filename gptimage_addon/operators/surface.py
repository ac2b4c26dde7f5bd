# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes a picture a texture: edges that meet, no baked light, and maps. On this machine for nothing, or healed by the model.

No postponed annotations here: Blender reads those of the operators as properties.
"""

from datetime import UTC, datetime

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty

from .. import blender, imaging, library
from ..blender import images, targets
from ..blender.host import SESSION, host
from ..blender.preferences import read_preferences, read_service
from ..core import pricing
from ..core.errors import GptImageError, InputError
from ..core.prompts import heal_prompt
from ..core.regions import Box
from ..core.request import (
    Finish, FollowUp, Job, Landing, MapKind, PixelKind, Place, Request, Service, ServiceKind, Surface,
)
from .asking import AskOperator
from .plan import PlannedJob, maps_of, parents_of, plan_job, price
from .report import can_start, report
from .settings import RequestSettings, read_settings
from .touch_up import Framing, touch_up_windows, touch_up_words
from .variants import shown_image

__all__ = (
    "KIND", "NO_AXES", "SurfaceSettings", "float_error", "image_words", "instead_of", "plan_healing", "plan_surface", "price_healing",
    "read_surface", "shown_healing", "write_surface",
)

KIND = "texture"                        # its jobs land as textures do
NO_AXES = "none"
HEAL_SHARE = 0.26                       # of the picture's sides: the arms of the cross, as wide as what local tiling has changed
_MAPS = {
    MapKind.NORMAL: ("Normal", "How the surface is inclined, from its height"),
    MapKind.ROUGHNESS: ("Roughness", "How blurred its reflections are, in the range of the material that the prompt names"),
    MapKind.HEIGHT: ("Height", "How high it stands, 16 bits deep"),
    MapKind.AO: ("Ambient Occlusion", "How open it lies to the light around, from its height"),
    MapKind.METALLIC: ("Metallic", "Where it is bare metal"),
    MapKind.EMISSION: ("Emission", "Where it glows"),
}


class SurfaceSettings:
    """Properties of a texture's pixel work. A mixin for the scene's settings and for the operators."""

    tiling: EnumProperty(
        name="Seamless", description="On which axes the picture's edges are made to meet. On this machine, free", default=NO_AXES,
        items=[(NO_AXES, "Off", "Leave the edges as they come"), ("xy", "Both Axes", "Tiles in all directions"),
               ("x", "Horizontal", "Tiles from left to right, as panoramas do"), ("y", "Vertical", "Tiles from top to bottom")])
    even: FloatProperty(
        name="Even Out", description="How much of the slow changes of brightness and color is taken out, which show as a pattern when it tiles",
        default=0.5, min=0.0, max=1.0, subtype='FACTOR')
    delight: FloatProperty(
        name="De-Light", description="How much of the light and shadow in the picture is taken out", default=0.0, min=0.0, max=1.0,
        subtype='FACTOR')
    maps: EnumProperty(
        name="Maps", description="What is made beside the color. On this machine, free", options={'ENUM_FLAG'}, default=set(),
        items=[(str(kind), label, tip, 'NONE', 1 << number) for number, (kind, (label, tip)) in enumerate(_MAPS.items())])
    relief_m: FloatProperty(
        name="Relief", description="From the surface's lowest point to its highest", default=0.02, min=0.0001, soft_max=1.0,
        subtype='DISTANCE')
    displace: BoolProperty(
        name="Displace", description="Let the height move the mesh itself, where that is subdivided, instead of only its shading", default=False)


def read_surface(panel: bpy.types.PropertyGroup, width_m: float, operator: bpy.types.Operator | None = None) -> Surface | None:
    """The pixel work as set, or None if nothing is to be done. What a script has set on the operator counts before the panel's."""
    own = [name for name in SurfaceSettings.__annotations__
           if hasattr(operator, name) and operator.properties.is_property_set(name)]
    tiling, even, delight, maps, relief_m, displace = (
        getattr(operator if name in own else panel, name) for name in SurfaceSettings.__annotations__)
    axes = "" if tiling == NO_AXES else tiling
    kinds = tuple(kind for kind in MapKind if str(kind) in maps)
    if not axes and not delight and not kinds:
        return None
    return Surface(axes, even if axes else 0.0, delight, kinds, width_m or 1.0, relief_m, displace=displace and MapKind.HEIGHT in kinds)


def write_surface(panel: bpy.types.PropertyGroup, surface: Surface | None) -> None:
    """Set the panel to this pixel work, or to none: the way back of `read_surface`."""
    if surface is None:
        panel.tiling, panel.delight, panel.maps = NO_AXES, 0.0, set()
        return
    panel.tiling, panel.delight, panel.relief_m = surface.axes or NO_AXES, surface.delight, surface.relief_m
    if surface.axes:
        panel.even = surface.even
    panel.maps, panel.displace = {str(kind) for kind in surface.maps}, surface.displace


# --- on a picture that is there already -------------------------------------------------------------------

def plan_surface(image: bpy.types.Image, surface: Surface, landing: Landing, follow_up: FollowUp | None = None) -> PlannedJob:
    """The job that does the pixel work on an image. Nothing is sent or paid. Raises InputError for one of floats or without pixels."""
    file = images.unchanged_file(image)
    if file is None and image.is_float:
        raise float_error(image)
    data, mime = file or images.picture_bytes(image, field="image")
    source = f"inputs/source{images.SUFFIXES[mime]}"
    facts = images.provenance(image)
    landing = instead_of(image, landing)
    job = Job(
        id=library.journal.new_job_id(), kind=KIND, prompt=str(facts.get("prompt") or image.name),
        request=Request(prompt="", model=str(facts.get("model", "")), size="{}x{}".format(*image.size), quality=str(facts.get("quality", ""))),
        service=Service(ServiceKind(facts.get("service", ServiceKind.OPENAI))), landing=landing,
        surface=surface._replace(source=source, wraps=str(facts.get("tiles", ""))),
        created=datetime.now(UTC).isoformat(timespec="seconds"), estimate_usd=0.0, parents=parents_of(landing),
        label_files=read_preferences().label_files, follow_up=follow_up)
    return PlannedJob(job, {source: data})


def float_error(image: bpy.types.Image) -> InputError:
    """What to raise for an image of floats where a texture is needed."""
    return InputError(f"{image.name} holds floats, a texture's colors are of 8 or 16 bits", field="image",
                      hint="Save it as a 16-bit PNG and use that")


def instead_of(image: bpy.types.Image, landing: Landing) -> Landing:
    """The landing in the image's place."""
    return landing._replace(place=Place.INSTEAD, targets=(targets.note_target("Image", image),), session=SESSION,
                            blend=bpy.data.filepath)


def _heal_request(words: Request, service: Service, name: str, size: tuple[int, int], axes: str) -> tuple[Request, Finish]:
    """What is sent to have the seams of a picture of that size healed, and what becomes of it."""
    whole = Box(0, 0, *size)
    window, = touch_up_windows((whole,), size, words, service, Framing(whole=True))
    finish = Finish("", "inputs/mask.npy", tuple(window.box), size, name, rolled=axes)
    return touch_up_words(words, window)._replace(style=""), finish          # the surface goes on as it is


def price_healing(words: Request, service: Service, size: tuple[int, int], axes: str) -> pricing.Price:
    """What it costs to heal one picture of that size. Raises InputError."""
    request, finish = _heal_request(words._replace(n=1, partial_images=0), service, "", size, axes)
    return price(request, heal_prompt, service, finish=finish)


def plan_healing(
    image: bpy.types.Image, words: Request, service: Service, axes: str, surface: Surface | None, landing: Landing,
    follow_up: FollowUp | None = None,
) -> PlannedJob:
    """The job that has the model draw anew what lies about an image's seams, and nothing else. Maps are made of the result.

    Raises InputError, OnlineAccessError.
    """
    source = blender.sources.image_source(image)
    if source.pixels is not PixelKind.DISPLAY:
        raise float_error(image)
    request, finish = _heal_request(words, service, image.name, source.size, axes)
    finish = finish._replace(source=f"inputs/source{source.suffix}", pixels=source.pixels, has_alpha=source.has_alpha)
    planned = plan_job(KIND, request, heal_prompt, service, instead_of(image, landing), finish=finish, follow_up=follow_up)
    mask = imaging.tile.cross_mask(source.height_px, source.width_px, axes, HEAL_SHARE)
    planned.inputs[finish.source] = source.data
    planned.inputs[finish.mask] = blender.sources.npy_bytes((mask * 255 + 0.5).astype("uint8"))
    surface = surface or Surface()
    return planned._replace(job=planned.job._replace(surface=surface._replace(axes="", delight=0.0, wraps=axes)))


def shown_healing(settings: bpy.types.PropertyGroup, image: bpy.types.Image) -> tuple[Request, Finish]:
    """The panel's words as what is sent to heal the image that is shown. Cheap; a panel may call it. Raises InputError."""
    words = _heal_words(settings, image)
    return _heal_request(words, read_service(), image.name, tuple(image.size), _heal_axes(settings))


def _heal_words(settings: bpy.types.PropertyGroup, image: bpy.types.Image, operator: bpy.types.Operator | None = None) -> Request:
    """The panel's words; the prompt is that of the image, if it has one, and a script does not tell another."""
    words = read_settings(settings, operator)
    own = operator is not None and operator.properties.is_property_set("prompt")
    return words if own else image_words(words._replace(prompt=str(images.provenance(image).get("prompt") or words.prompt)), image)


def image_words(words: Request, image: bpy.types.Image) -> Request:
    """The words; without any, those that the image was made from, or its name."""
    return words if words.prompt.strip() else words._replace(prompt=str(images.provenance(image).get("prompt") or image.name))


def _heal_axes(settings: bpy.types.PropertyGroup | bpy.types.Operator) -> str:
    return "xy" if settings.tiling == NO_AXES else settings.tiling


def _with_its_maps(surface: Surface | None, image: bpy.types.Image, operator: bpy.types.Operator) -> Surface | None:
    """The pixel work, and with it the maps that the image has already: its color changes, and they with it. A script's own are all."""
    if operator.properties.is_property_set("maps"):
        return surface
    facts, has = images.provenance(image), maps_of(image)
    if not has:
        return surface
    surface = surface or Surface()
    if not surface.maps:                        # the panel tells no size of theirs
        surface = surface._replace(width_m=facts.get("width_m", surface.width_m), relief_m=facts.get("relief_m", surface.relief_m))
    return surface._replace(maps=tuple(kind for kind in MapKind if kind in surface.maps or str(kind) in has))


# --- the operators ----------------------------------------------------------------------------------------

class _OnImage:
    """Operators on the picture that is shown. A mixin."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if shown_image(context) is None:
            cls.poll_message_set("No image is shown here. Show one in the Image Editor, or select an object with a generated material")
            return False
        return True


class GPTIMAGE_OT_finish_texture(_OnImage, SurfaceSettings, bpy.types.Operator):
    bl_idname = "gptimage.finish_texture"
    bl_label = "Finish Texture"
    bl_description = "Make the image that is shown tile, free it of its light and make its maps, as set above. On this machine, free"

    scale_m: FloatProperty(name="Repeat Width", description="Width of the picture in the real world", default=0.0, min=0.0,
                           subtype='DISTANCE', options={'SKIP_SAVE'})

    def execute(self, context: bpy.types.Context) -> set[str]:
        panel = context.scene.gptimage
        image = shown_image(context)
        assert image is not None                # by the poll
        scale_m = self.scale_m if self.properties.is_property_set("scale_m") else panel.scale_m
        try:
            surface = read_surface(panel, scale_m, self)
            if surface is None:
                raise InputError("There is nothing to do", field="maps", hint="Turn Seamless or De-Light on, or choose maps")
            surface = _with_its_maps(surface, image, self)
            planned = plan_surface(image, surface, Landing(place=Place.INSTEAD, scale_m=scale_m, pack=read_preferences().pack))
            host.submit(planned.job, planned.inputs)
        except GptImageError as error:
            return report(self, error)
        return {'FINISHED'}


class GPTIMAGE_OT_heal_seams(_OnImage, AskOperator, RequestSettings, SurfaceSettings, bpy.types.Operator):
    bl_idname = "gptimage.heal_seams"
    bl_label = "Heal Seams"
    bl_description = "Have the model draw anew what lies about the seams of the image that is shown, and nothing else. Costs one edit"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return super().poll(context) and can_start(cls, context)

    def plan(self, context: bpy.types.Context) -> list[PlannedJob]:
        panel, preferences = context.scene.gptimage, read_preferences()
        image = shown_image(context)
        assert image is not None                # by the poll
        surface = _with_its_maps(read_surface(panel, panel.scale_m, self), image, self)
        axes = _heal_axes(self if self.properties.is_property_set("tiling") else panel)
        words = _heal_words(panel, image, self)
        landing = Landing(place=Place.INSTEAD, scale_m=panel.scale_m, pack=preferences.pack)
        return [plan_healing(image, words, preferences.service, axes, surface, landing)]


classes = (GPTIMAGE_OT_finish_texture, GPTIMAGE_OT_heal_seams)
