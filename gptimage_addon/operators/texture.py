# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words to a texture, and to a material on the selected objects.

No postponed annotations here: Blender reads those of the operator as properties.
"""

from collections.abc import Sequence
from pathlib import Path

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, StringProperty

from .. import blender
from ..blender import targets
from ..blender.host import Landed, host
from ..blender.preferences import read_preferences
from ..core.errors import GptImageError, InputError
from ..core.prompts import name_from_prompt, texture_prompt
from ..core.request import Job, JobRecord, Landing, Place, Request, Service, Target
from .plan import PlannedJob, Reference, adopt_results, plan_job, settle_images
from .report import can_start, report
from .settings import RequestSettings, read_settings

__all__ = ("TextureSettings", "active_picture_node", "land_texture", "plan_texture", "texture_targets")

KIND = "texture"

PLACES = (
    ("replace_slot", "Replace Material", "Put a new material into the active slot of each selected object"),
    ("append_slot", "New Slot", "Add a slot with the new material to each selected object"),
    ("image", "Image Only", "Make the image and leave the scene as it is"),
)


class TextureSettings:
    """Properties of a texture, beside those of every request. A mixin like RequestSettings."""

    texture_place: EnumProperty(
        name="Apply To", description="What to do with the finished texture", items=PLACES, default="replace_slot")
    share_material: BoolProperty(
        name="Share Material", description="Give all selected objects one material, not one each", default=True)
    scale_m: FloatProperty(
        name="Repeat Width", description="Width of one repeat in the real world, projected from six sides. "
        "0 uses the UV map, or fits the picture to objects that have none",
        default=0.0, min=0.0, soft_max=100.0, subtype='DISTANCE')


def texture_targets(objects: Sequence[bpy.types.Object], faces: bool = False) -> tuple[Target, ...]:
    """The objects among these that can hold a material. Raises InputError if none can."""
    found = tuple(targets.note_target("Object", obj) for obj in objects if targets.can_hold_material(obj))
    if not found:
        raise InputError("No selected object can hold a material", field="objects",
                         hint="Select a mesh, curve or text, or choose Image Only")
    if faces:
        for obj in objects:
            if obj.type != 'MESH' or not blender.materials.selected_faces(obj):
                raise InputError(f"{obj.name} has no selected faces", field="faces", hint="Select faces in Edit Mode")
    return found


def plan_texture(
    words: Request, service: Service, landing: Landing, references: Sequence[Reference] = (),
) -> PlannedJob:
    """The job for a texture. Raises InputError, OnlineAccessError."""
    return plan_job(KIND, words, texture_prompt, service, landing, references)


# --- the result -------------------------------------------------------------------------------------------

def land_texture(job: Job, record: JobRecord, folder: Path) -> Landed:
    """Make the images and the materials, and put them where they were meant for. One undo step."""
    made = adopt_results(job, record, folder)
    missing: list[str] = []
    where = ""
    if job.landing.place is Place.NODE:
        if _land_on_node(job, made[0], missing):
            where = " in its node"
    elif job.landing.place in (Place.REPLACE_SLOT, Place.APPEND_SLOT):
        count = _land_on_objects(job, made[0], missing)
        where = f" on {count} object{'s' * (count > 1)}" if count else ""
    if missing:
        where += f". Kept as an image for what is gone: {', '.join(missing)}"
    return settle_images(made, job, where, complete=not missing)


def _land_on_node(job: Job, image: bpy.types.Image, missing: list[str]) -> bool:
    target = job.landing.targets[0]
    owner = targets.find_target(target, job.landing)
    tree = owner if isinstance(owner, bpy.types.NodeTree) else getattr(owner, "node_tree", None)
    node = tree.nodes.get(target.detail) if tree else None
    if node is None or not hasattr(node, "image"):
        missing.append(f"node {target.detail} of {target.name}")
        return False
    node.image = image
    return True


def _land_on_objects(job: Job, image: bpy.types.Image, missing: list[str]) -> int:
    landing = job.landing
    made: dict[object, bpy.types.Material] = {}
    filled = set()              # (data, material) with a new slot already: objects can share their mesh
    count = 0
    for target in landing.targets:
        obj = targets.find_target(target, landing)
        if obj is None:
            missing.append(target.name)
            continue
        # Without a UV map, or with a width in metres asked for, the picture is projected in object space.
        boxed = not blender.materials.has_uv_map(obj) or landing.scale_m > 0
        repeat = blender.materials.box_repeat(obj, landing.scale_m) if boxed else None
        key = (repeat if landing.scale_m else boxed) if landing.share_material else target
        if key not in made:
            made[key] = blender.materials.make_material(
                name_from_prompt(job.prompt), image, box_repeat=repeat, alpha=job.request.background == "transparent")
            if landing.asset:
                made[key].asset_mark()
        append = landing.place is Place.APPEND_SLOT or landing.faces
        try:
            if not append or (obj.data, made[key]) not in filled:
                faces = blender.materials.selected_faces(obj) if landing.faces else ()
                blender.materials.assign(obj, made[key], append=append, faces=faces)
                filled.add((obj.data, made[key]))
            count += 1
        except RuntimeError as error:
            missing.append(str(error))
    for material in made.values():
        if material.users == 0:         # no object took it; with it would go the picture, when the file is saved
            bpy.data.materials.remove(material)
    return count


# --- the operator -----------------------------------------------------------------------------------------

class GPTIMAGE_OT_generate_texture(RequestSettings, TextureSettings, bpy.types.Operator):
    bl_idname = "gptimage.generate_texture"
    bl_label = "Generate Texture"
    bl_description = "Make a texture from the prompt and put it on the selected objects. Blender stays usable meanwhile"

    size: StringProperty(name="Size", description="Size of the picture, as WIDTHxHEIGHT", options={'SKIP_SAVE'})
    node: BoolProperty(
        name="To Active Node", description="Only set the image of the active Image Texture node",
        options={'SKIP_SAVE'})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return can_start(cls, context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            panel = context.scene.gptimage
            preferences = read_preferences()
            words = read_settings(panel, self)
            own = self.properties.is_property_set
            place, share, scale = (
                getattr(self if own(name) else panel, name) for name in TextureSettings.__annotations__)
            if self.node:
                target = active_picture_node(context)
                if target is None:
                    raise InputError("No Image Texture node is active", field="node",
                                     hint="Select one in the Shader Editor")
                landing = Landing(place=Place.NODE, targets=(target,), pack=preferences.pack)
            else:
                landing = Landing(
                    place=Place(place), share_material=share, scale_m=scale, pack=preferences.pack,
                    targets=() if place == "image" else texture_targets(context.selected_objects))
            planned = plan_texture(words, preferences.service, landing)
            host.submit(planned.job, planned.inputs)
        except GptImageError as error:
            return report(self, error)
        return {'FINISHED'}


def active_picture_node(context: bpy.types.Context) -> Target | None:
    """The active Image Texture node of the Shader Editor, or None. Cheap; a panel may call it."""
    tree = getattr(context.space_data, "edit_tree", None)
    node = tree.nodes.active if tree else None
    owner = targets.tree_owner(tree, context) if tree else None
    if owner is None or node is None or node.bl_idname not in {"ShaderNodeTexImage", "ShaderNodeTexEnvironment"}:
        return None
    return targets.note_target(owner[0], owner[1], node.name)


classes = (GPTIMAGE_OT_generate_texture,)


def register() -> None:
    host.landings[KIND] = land_texture


def unregister() -> None:
    host.landings.pop(KIND, None)
