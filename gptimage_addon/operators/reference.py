# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words to a reference picture: in an Image Editor, on an empty, or behind the camera.

No postponed annotations here: Blender reads those of the operator as properties.
"""

from collections.abc import Sequence
from pathlib import Path

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty

from .. import blender, core
from ..blender import images, targets
from ..blender.host import Landed, host
from ..blender.preferences import read_preferences
from ..core.errors import InputError
from ..core.request import Job, JobRecord, Landing, Lettering, Place, Request, Service, Target
from .asking import AskOperator
from .lettering import LetteringSettings, font_file, lettered, read_lettering
from .plan import PlannedJob, Reference, adopt_results, plan_job, settle_images
from .references import read_references
from .report import report
from .settings import RequestSettings, read_settings

__all__ = ("ReferenceSettings", "camera_target", "land_reference", "plan_reference", "shown_words")

KIND = "reference"


class ReferenceSettings:
    """Properties of a reference, beside those of every request. A mixin like RequestSettings."""

    reference_place: EnumProperty(
        name="Show In", description="Where to show the finished picture", default="editor",
        items=[("editor", "Image Editor", "Show it in an open Image Editor"),
               ("empty", "Empty", "Put it on an image empty at the 3D cursor"),
               ("camera", "Camera", "Make it a background image of the scene's camera"),
               ("plane", "Plane", "Put it on a plane that fills the camera's frame, behind all that is seen"),
               ("image", "Image Only", "Make the image and leave the scene as it is")])
    match_camera: BoolProperty(
        name="Camera's Shape", description="Make the picture in the exact shape of the camera's frame, instead of the size above", default=False)


def camera_target(scene: bpy.types.Scene) -> tuple[Target, ...]:
    """The scene's camera as a target. Raises InputError if it has none."""
    if scene.camera is None or scene.camera.type != 'CAMERA':
        raise InputError("The scene has no camera", field="place", hint="Add one, or show the picture elsewhere")
    return (targets.note_target("Object", scene.camera),)


def plan_reference(
    words: Request, service: Service, landing: Landing, references: Sequence[Reference] = (), lettering: Lettering | None = None, font: bytes = b"",
    frame_px: tuple[int, ...] = (),
) -> PlannedJob:
    """The job for a reference picture; `font` is the file that the lettering names, to `frame_px` the result is cut.

    Raises InputError, OnlineAccessError.
    """
    template, letters = lettered(lettering, words.size)
    planned = plan_job(KIND, words, template, service, landing, [*references, *letters], lettering=lettering, frame_px=frame_px)
    if lettering and lettering.font:
        planned.inputs[lettering.font] = font
    return planned


# --- the result -------------------------------------------------------------------------------------------

def land_reference(job: Job, record: JobRecord, folder: Path) -> Landed:
    """Make the images and show the first where it was meant for. One undo step."""
    made = adopt_results(job, record, folder)
    show = {Place.EDITOR: _show_in_editor, Place.EMPTY: _show_on_empty, Place.CAMERA: _show_behind_camera, Place.PLANE: _show_on_plane}
    where, complete = show[job.landing.place](job, made[0]) if job.landing.place in show else ("", True)
    return settle_images(made, job, where, complete=complete)


def _show_in_editor(job: Job, image: bpy.types.Image) -> tuple[str, bool]:
    return images.show_in_editor(image), True


def _show_on_empty(job: Job, image: bpy.types.Image) -> tuple[str, bool]:
    scene = bpy.context.scene
    empty = bpy.data.objects.new(image.name, None)
    empty.empty_display_type = 'IMAGE'
    empty.data = image
    # Upright and facing the front view, one metre on its longer side's scale, as a dropped image would be.
    empty.rotation_euler = (1.5707963, 0.0, 0.0)
    empty.location = scene.cursor.location
    empty.empty_display_size = 2.0
    scene.collection.objects.link(empty)
    return f" on the empty {empty.name}", True


def _show_behind_camera(job: Job, image: bpy.types.Image) -> tuple[str, bool]:
    camera = targets.find_target(job.landing.targets[0], job.landing) if job.landing.targets else None
    if camera is None or camera.type != 'CAMERA':
        return ". Kept as an image only: the camera is gone", False
    camera.data.show_background_images = True
    background = camera.data.background_images.new()
    background.image = image
    return f" behind {camera.name}", True


def _show_on_plane(job: Job, image: bpy.types.Image) -> tuple[str, bool]:
    camera = targets.find_target(job.landing.targets[0], job.landing) if job.landing.targets else None
    if camera is None or camera.type != 'CAMERA':
        return ". Kept as an image only: the camera is gone", False
    return f" on the plane {blender.concept.add_plane(bpy.context.scene, camera, image).name}", True


def shown_words(panel: ReferenceSettings, scene: bpy.types.Scene, operator: bpy.types.Operator | None = None) -> tuple[Request, tuple[int, ...]]:
    """The settings as a request, and what its picture is cut to: nothing, or the camera's frame. Cheap; a panel may call it. Raises InputError."""
    words = read_settings(panel, operator)
    own = operator is not None and operator.properties.is_property_set("match_camera")
    if not (operator if own else panel).match_camera:
        return words, ()
    concept = core.framing.concept_sizes(blender.camera.read_frame(scene))
    return words._replace(size=concept.size), (concept.frame_width_px, concept.frame_height_px)


# --- the operator -----------------------------------------------------------------------------------------

class GPTIMAGE_OT_generate_reference(AskOperator, RequestSettings, ReferenceSettings, LetteringSettings, bpy.types.Operator):
    bl_idname = "gptimage.generate_reference"
    bl_label = "Generate Reference"
    bl_description = "Make a reference picture from the prompt. Blender stays usable meanwhile"
    told_by_panel = True

    size: StringProperty(name="Size", description="Size of the picture, as WIDTHxHEIGHT", options={'SKIP_SAVE'})

    def plan(self, context: bpy.types.Context) -> list[PlannedJob]:
        panel = context.scene.gptimage
        preferences = read_preferences()
        own = self.properties.is_property_set("reference_place")
        place = Place((self if own else panel).reference_place)
        landing = Landing(place=place, pack=preferences.pack,
                          targets=camera_target(context.scene) if place in (Place.CAMERA, Place.PLANE) else ())
        lettering = read_lettering(panel, self)
        own_font = self.properties.is_property_set("letters_font")
        font = font_file((self if own_font else panel).letters_font) if lettering else b""
        words, frame_px = shown_words(panel, context.scene, self)
        return [plan_reference(words, preferences.service, landing, read_references(context.scene), lettering, font, frame_px)]


class GPTIMAGE_OT_align_to_camera(bpy.types.Operator):
    bl_idname = "gptimage.align_to_camera"
    bl_label = "Align to Camera"
    bl_description = "Put this picture where it fills the camera's frame, behind all that the camera sees"
    bl_options = {'REGISTER', 'UNDO'}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        obj, camera = context.object, context.scene.camera
        cls.poll_message_set("Select an image empty, in a scene with a camera")
        return bool(obj and obj.type == 'EMPTY' and obj.data and camera and camera.type == 'CAMERA')

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            blender.concept.align_empty(context.scene, context.scene.camera, context.object)
        except InputError as error:
            return report(self, error)
        return {'FINISHED'}


classes = (GPTIMAGE_OT_generate_reference, GPTIMAGE_OT_align_to_camera)


def register() -> None:
    host.landings[KIND] = land_reference


def unregister() -> None:
    host.landings.pop(KIND, None)
