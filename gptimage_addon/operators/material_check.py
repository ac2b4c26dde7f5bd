# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of a material: what is wrong with its pictures, whoever made them, and what mends it. On this machine, for nothing.

No postponed annotations here: Blender reads those of the operators as properties.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import bpy
from bpy.props import BoolProperty, StringProperty

from .. import blender, library
from ..blender import images, materials, targets
from ..blender.host import SESSION, Landed, host
from ..blender.material_nodes import MAPS, color_node, set_color_space, texture_group
from ..blender.materials import FINDINGS
from ..blender.preferences import read_preferences
from ..core.errors import GptImageError, InputError
from ..core.request import Job, JobRecord, Landing, Place, Request, Service, Surface
from .plan import PlannedJob
from .report import push_undo, report

__all__ = ("COLOR", "FIXES", "checked_material", "findings_of", "is_grouped", "local_job", "picture_files", "plan_check")

KIND = "check"
COLOR = "color"
WRONG_SPACE, NO_PIXELS = "wrong_space", "no_pixels"
# What mends a problem here, by the words on its button. For what is not among them, the sentence must do.
FIXES = {
    WRONG_SPACE: "Set Color Space", "wrong_size": "Resize", "clipped": "Derive Again", "wrap": "Derive Again", "not_unit": "Normalize",
    "not_integrable": "Make Consistent", "flipped_green": "Flip Green", "shading_left": "De-Light",
    "albedo_too_dark": "Fit to Range", "albedo_too_bright": "Fit to Range",
}


def checked_material(context: bpy.types.Context) -> bpy.types.Material | None:
    """The material that the check is for here: the Shader Editor's, else the active object's active one. Cheap."""
    space = context.space_data
    if space and space.type == 'NODE_EDITOR':
        return space.id if isinstance(space.id, bpy.types.Material) else None
    return context.object.active_material if context.object else None


def is_grouped(material: bpy.types.Material) -> bool:
    """Whether the material's pictures are in a node group. Cheap; a panel may call it."""
    return texture_group(material.node_tree) is not None


def findings_of(material: bpy.types.Material) -> Mapping[str, str] | None:
    """What the last check has found, by "map problem"; None if there was none. Cheap; a panel may call it."""
    return material.get(FINDINGS)


def plan_check(material: bpy.types.Material, mend: str = "") -> PlannedJob:
    """The job that checks the material's pictures, and mends one finding. Nothing is sent or paid. Raises InputError."""
    if not material.is_editable:
        raise InputError(f"{material.name} is linked from another file", field="material", hint="Make it local first")
    nodes = blender.material_pictures.material_pictures(material)
    if COLOR not in nodes:
        raise InputError(f"No picture gives {material.name} its color", field="material", hint="Wire an Image Texture to Base Color")
    # A map without pixels is told as a finding.
    files, inputs = picture_files({role: node.image for role, node in nodes.items() if role == COLOR or all(node.image.size)})
    color, panel = nodes[COLOR].image, bpy.context.scene.gptimage
    facts = images.provenance(color)
    surface = Surface(
        source=files.pop(COLOR), given=files, mend=mend, directx=blender.material_pictures.is_directx(material),
        wraps=str(facts.get("tiles", "")), width_m=panel.scale_m or 1.0, relief_m=panel.relief_m)
    landing = Landing(place=Place.IMAGE, targets=(targets.note_target("Material", material),), pack=read_preferences().pack)
    # The words tell the kind of material, and the artist what the job does.
    does = FIXES[mend.partition(" ")[2]] if mend else "Check"
    return PlannedJob(local_job(KIND, f"{does} {facts.get('prompt') or material.name}", color, surface, landing), inputs)


def picture_files(pictures: Mapping[str, bpy.types.Image]) -> tuple[dict[str, str], dict[str, bytes]]:
    """(the input file of each role, the files' bytes) of pictures that a local job works on. Raises InputError."""
    files, inputs = {}, {}
    for role, image in pictures.items():
        source = blender.sources.image_source(image)
        files[role] = f"inputs/{role}{source.suffix}"
        inputs[files[role]] = source.data
    return files, inputs


def local_job(kind: str, prompt: str, color: bpy.types.Image, surface: Surface, landing: Landing) -> Job:
    """A job for which nothing is sent or paid."""
    return Job(
        id=library.journal.new_job_id(), kind=kind, prompt=prompt, request=Request(prompt="", model="", size="{}x{}".format(*color.size)),
        service=Service(), landing=landing._replace(session=SESSION, blend=bpy.data.filepath), surface=surface,
        created=datetime.now(UTC).isoformat(timespec="seconds"), estimate_usd=0.0)


def _in_the_file(material: bpy.types.Material) -> dict[str, str]:
    """What is wrong that no pixel need be looked at for."""
    found = {}
    for role, node in blender.material_pictures.material_pictures(material).items():
        name = MAPS[role].label.lower() if role in MAPS else COLOR
        if not all(node.image.size):
            found[f"{role} {NO_PIXELS}"] = f"{node.image.name}, the {name} map, has no pixels: its file may be missing"
        elif wanted := blender.material_pictures.wrong_color_space(role, node.image):
            found[f"{role} {WRONG_SPACE}"] = (
                f"{node.image.name}, the {name} map, is read as {node.image.colorspace_settings.name}, not as {wanted}")
    return found


# --- the result -------------------------------------------------------------------------------------------

def land_check(job: Job, record: JobRecord, folder: Path) -> Landed:
    """Note what was found on the material; show what was mended in it. One undo step."""
    assert record.result is not None and job.surface is not None
    target, picture = job.landing.targets[0], record.result.pictures[0]
    material = targets.find_target(target, job.landing)
    if material is None or not material.is_editable:
        return Landed((), f"{target.name}, which was checked, is gone", complete=False)
    told = picture.report or {}
    role, made = told.get("mended", ""), ()
    nodes = blender.material_pictures.material_pictures(material)
    if role in nodes:
        old = nodes[role].image
        new = images.adopt_picture(folder / picture.path, old.name, pack=job.landing.pack, is_data=role in MAPS and MAPS[role].is_data)
        if facts := images.provenance(old):
            images.set_provenance(new, {**facts.to_dict(), "parent": old.name})
            old[images.PROVENANCE]["replaced"] = True
        new.use_fake_user = old.use_fake_user
        blender.material_pictures.replace_picture(material, old, new)
        made = (new.name,)
    found = {f"{each['map']} {each['problem']}": each["message"] for each in told["findings"]}
    material[FINDINGS] = _in_the_file(material) | found
    push_undo(f"{FIXES[job.surface.mend.partition(' ')[2]]}: {material.name}" if made else f"Check Material: {material.name}")
    count = len(material[FINDINGS])
    left = f"{count} finding{'s' * (count != 1)}" if count else "nothing to mend"
    gone = ". What was to be mended was not there any more" if job.surface.mend and not made else ""
    return Landed(made, f"{material.name}: {left}{gone}")


# --- the operators ----------------------------------------------------------------------------------------

class _OnMaterial:
    """Operators on the material that is shown. A mixin."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if checked_material(context) is None:
            cls.poll_message_set("There is no active material here. Select an object with one")
            return False
        return True


class GPTIMAGE_OT_check_material(_OnMaterial, bpy.types.Operator):
    bl_idname = "gptimage.check_material"
    bl_label = "Check Material"
    bl_description = "See whether the active material's color and maps are sound: color spaces, range, sizes, normals, baked light. " \
        "On this machine, free"

    def execute(self, context: bpy.types.Context) -> set[str]:
        material = checked_material(context)
        assert material is not None             # by the poll
        try:
            planned = plan_check(material)
            host.submit(planned.job, planned.inputs)
        except GptImageError as error:
            return report(self, error)
        return {'FINISHED'}


class GPTIMAGE_OT_mend_material(_OnMaterial, bpy.types.Operator):
    bl_idname = "gptimage.mend_material"
    bl_label = "Mend"
    bl_description = "Mend this in the active material. The image that was there stays in the file"

    finding: StringProperty(name="Finding", description="What is mended, as the check names it: a map and a problem", options={'SKIP_SAVE'})

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        return _TIPS.get(properties.finding.partition(" ")[2], "")

    def execute(self, context: bpy.types.Context) -> set[str]:
        material = checked_material(context)
        assert material is not None             # by the poll
        role, _, problem = self.finding.partition(" ")
        try:
            if self.finding not in (findings_of(material) or ()) or problem not in FIXES:
                raise InputError(f"{material.name} has no finding {self.finding!r} that can be mended", field="finding",
                                 hint="Check the material again")
            if problem == WRONG_SPACE:
                self._set_color_space(material, role)
            else:
                planned = plan_check(material, self.finding)
                host.submit(planned.job, planned.inputs)
        except GptImageError as error:
            return report(self, error)
        return {'FINISHED'}

    def _set_color_space(self, material: bpy.types.Material, role: str) -> None:
        node = blender.material_pictures.material_pictures(material).get(role)
        wanted = blender.material_pictures.wrong_color_space(role, node.image) if node else ""
        if wanted:
            set_color_space(node.image, wanted)
        del material[FINDINGS][self.finding]
        push_undo(f"{FIXES[WRONG_SPACE]}: {material.name}")


class GPTIMAGE_OT_make_node_group(bpy.types.Operator):
    bl_idname = "gptimage.make_node_group"
    bl_label = "Make Node Group"
    bl_description = "Put the pictures of the active material into a node group, which can be exchanged for another texture's as it is wired"
    bl_options = {'REGISTER', 'UNDO'}

    asset: BoolProperty(name="Mark as Asset", description="List the group in the Asset Browser, in the catalog Node Groups", default=False)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        material = checked_material(context)
        if materials.picture_node(material) is None or is_grouped(material):
            cls.poll_message_set("The active material has no generated pictures outside a group")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            group = blender.texture_group.make_texture_group(checked_material(context))
        except GptImageError as error:
            return report(self, error)
        if self.asset:
            color = color_node(group).image
            words = str(images.provenance(color).get("prompt") or group.name)
            blender.assets.mark_as_asset(group, catalog="Node Groups", tags=list(dict.fromkeys(words.lower().split())), description=words,
                                         author="GPT Image")
        return {'FINISHED'}


class GPTIMAGE_OT_subdivide(bpy.types.Operator):
    bl_idname = "gptimage.subdivide"
    bl_label = "Add Subdivision"
    bl_description = "Subdivide the active mesh without changing its shape, so that its material's height can move it"
    bl_options = {'REGISTER', 'UNDO'}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.object is None or context.object.type != 'MESH':
            cls.poll_message_set("The active object is no mesh. Select one")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            materials.subdivide(context.object, context.scene)
        except GptImageError as error:
            return report(self, error)
        return {'FINISHED'}


_TIPS = {
    WRONG_SPACE: "Read data as Non-Color and color as sRGB",
    "wrong_size": "Bring the map to the size of the color",
    "clipped": "Make the map of the color once more. The image that was there stays in the file",
    "wrap": "Make the map of the color once more, so that it tiles where the color does. The image that was there stays in the file",
    "not_unit": "Make all normals of length 1. The image that was there stays in the file",
    "not_integrable": "Make the normals those of the surface that comes nearest to them. The image that was there stays in the file",
    "flipped_green": "Turn the normals from DirectX to OpenGL, as Blender has it. The image that was there stays in the file",
    "shading_left": "Take the light and shadow out of the color. The image that was there stays in the file",
    "albedo_too_dark": "Lay the colors into what real surfaces reflect. The image that was there stays in the file",
    "albedo_too_bright": "Lay the colors into what real surfaces reflect. The image that was there stays in the file",
}

classes = (GPTIMAGE_OT_check_material, GPTIMAGE_OT_mend_material, GPTIMAGE_OT_make_node_group, GPTIMAGE_OT_subdivide)


def register() -> None:
    host.landings[KIND] = land_check


def unregister() -> None:
    host.landings.pop(KIND, None)
