# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words to a decal: a picture cut out of its background, on a mesh of its own that lies on an object.

No postponed annotations here: Blender reads those of the operator as properties.
"""

from collections.abc import Sequence
from pathlib import Path

import bpy
from bpy.props import BoolProperty, FloatProperty, StringProperty

from .. import blender
from ..blender import materials, targets
from ..blender.host import Landed, host
from ..blender.preferences import read_preferences
from ..core.catalog import find_model
from ..core.errors import InputError
from ..core.prompts import decal_on_backdrop_prompt, decal_prompt, name_from_prompt
from ..core.request import Decal, Job, JobRecord, Landing, Place, Request, Service, Surface
from .asking import AskOperator
from .plan import PlannedJob, Reference, Template, adopt_results, plan_job, settle_images
from .references import read_references
from .report import sentence
from .settings import RequestSettings, read_settings

__all__ = ("DecalSettings", "decal_refusal", "decal_request", "plan_decal")

KIND = "decal"


class DecalSettings:
    """Properties of a decal, beside those of every request. A mixin like RequestSettings."""

    decal_width_m: FloatProperty(
        name="Width", description="Width of what is cut out, in the real world", default=0.5, min=0.001, soft_max=10.0, subtype='DISTANCE')
    decal_conform: BoolProperty(
        name="Follow Surface", description="Lay it on the surface's shape with a Shrinkwrap modifier, instead of flat", default=True)


def decal_request(words: Request) -> tuple[Request, Template]:
    """The words with the background that the model can make, and the prompt's template. Cheap; a panel may call it."""
    model = find_model(words.model)
    if model and model.transparent:
        jpeg = words.output_format == "jpeg"
        plain = {"output_format": "png", "output_compression": None} if jpeg else {}
        return words._replace(background="transparent", **plain), decal_prompt
    # What a compatible server's model makes of "transparent" nobody knows; a flat background can be asked for everywhere.
    return words._replace(background="auto", output_format="png", output_compression=None), decal_on_backdrop_prompt


def _decal_object(obj: bpy.types.Object | None) -> bpy.types.Object:
    """What a decal can lie on. Raises InputError."""
    if obj is None or obj.type != 'MESH':
        raise InputError("The active object is no mesh", field="object", hint="Select the mesh that the decal is for")
    if obj.mode == 'EDIT' and not obj.data.total_face_sel:
        raise InputError(f"{obj.name} has no selected faces", field="faces", hint="Select faces, or leave Edit Mode to use the 3D cursor")
    return obj


def decal_refusal(context: bpy.types.Context) -> str:
    """Why there is no place for a decal now, and the cure, or "". Cheap; a panel may call it."""
    try:
        _decal_object(context.object)
    except InputError as error:
        return sentence(error)
    return ""


def plan_decal(
    words: Request, service: Service, obj: bpy.types.Object, decal: Decal, references: Sequence[Reference] = (), *, pack: bool = True,
) -> PlannedJob:
    """The job for a decal at a place on an object. Raises InputError, OnlineAccessError."""
    request, template = decal_request(words)
    landing = Landing(Place.DECAL, (targets.note_target("Object", obj),), pack=pack, decal=decal)
    return plan_job(KIND, request, template, service, landing, references, surface=Surface(cut_out=True))


# --- the result -------------------------------------------------------------------------------------------

def land_decal(job: Job, record: JobRecord, folder: Path) -> Landed:
    """Make the images, and of the first that could be cut out a decal on its object. One undo step."""
    made = adopt_results(job, record, folder)
    obj = targets.find_target(job.landing.targets[0], job.landing)
    undone = [(picture.report or {}).get("not_finished") for picture in record.result.pictures]
    if None not in undone:
        return settle_images(made, job, f". Kept as an image: {undone[0]}", complete=False)
    if obj is None or not obj.users_collection:         # the last: deleted, and only kept for undo
        return settle_images(made, job, f". Kept as an image for what is gone: {job.landing.targets[0].name}", complete=False)
    blender.decals.make_decal(obj, made[undone.index(None)], job.landing.decal, name_from_prompt(job.prompt))
    return settle_images(made, job, f" on {obj.name}")


# --- the operator -----------------------------------------------------------------------------------------

class GPTIMAGE_OT_generate_decal(AskOperator, RequestSettings, DecalSettings, bpy.types.Operator):
    bl_idname = "gptimage.generate_decal"
    bl_label = "Generate Decal"
    bl_description = ("Make a picture cut out of its background, on a mesh of its own: on the selected faces in Edit Mode, else where the active "
                      "object is nearest to the 3D cursor")

    size: StringProperty(name="Size", description="Size of the picture, as WIDTHxHEIGHT", options={'SKIP_SAVE'})

    def plan(self, context: bpy.types.Context) -> list[PlannedJob]:
        panel, preferences = context.scene.gptimage, read_preferences()
        width_m, conform = (
            getattr(self if self.properties.is_property_set(name) else panel, name) for name in DecalSettings.__annotations__)
        words = read_settings(panel, self)
        obj = _decal_object(context.object)
        if obj.mode == 'EDIT':
            spot = blender.decals.spot_on_faces(obj, materials.selected_faces(obj))
        else:
            spot = blender.decals.spot_near(obj, context.scene.cursor.location)
        decal = spot._replace(width_m=width_m, conform=conform)
        return [plan_decal(words, preferences.service, obj, decal, read_references(context.scene, touch_up=True), pack=preferences.pack)]


classes = (GPTIMAGE_OT_generate_decal,)


def register() -> None:
    host.landings[KIND] = land_decal


def unregister() -> None:
    host.landings.pop(KIND, None)
