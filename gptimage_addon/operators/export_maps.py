# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A material's color and maps as files for other programs, named so that these know them. On this machine, for nothing.

No postponed annotations here: Blender reads those of the operator as properties.
"""

import os
from pathlib import Path

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty

from .. import blender
from ..blender.host import Landed, host
from ..blender.materials import picture_node
from ..core.errors import GptImageError, InputError
from ..core.request import Job, JobRecord, Landing, Place, Surface
from .material_check import COLOR, checked_material, local_job, picture_files
from .plan import PlannedJob, maps_of
from .report import report
from .variants import shown_image

__all__ = ("plan_export",)

KIND = "export"
# What the files end on: the words by which game engines and other programs sort them in.
_NAMES = {COLOR: "BaseColor", "normal": "Normal", "roughness": "Roughness", "height": "Height", "ao": "AmbientOcclusion",
          "metallic": "Metallic", "emission": "Emission"}
_NORMALS = {"opengl": "NormalGL", "directx": "NormalDX"}


def _pictures(context: bpy.types.Context) -> tuple[str, dict[str, bpy.types.Image], bool]:
    """(name, images by role, whether the normals' green points down) of what is shown here. Raises InputError if nothing is."""
    space = context.space_data
    material = None if space and space.type == 'IMAGE_EDITOR' else checked_material(context)
    if material and material.node_tree:
        found = {role: node.image for role, node in blender.material_pictures.material_pictures(material).items()}
        if COLOR in found:
            # A normal map that a displacement stands in for is one, too.
            ours = picture_node(material)
            more = maps_of(found[COLOR]) if ours and ours.image == found[COLOR] else {}
            return material.name, more | found, blender.material_pictures.is_directx(material)
    image = shown_image(context)
    if image is None:
        raise InputError("There are no pictures to export here", field="directory",
                         hint="Show an image, or select an object with a textured material")
    return Path(image.name).stem, {COLOR: image} | maps_of(image), False


def plan_export(
    name: str, pictures: dict[str, bpy.types.Image], folder: Path, normals: str, *, directx: bool = False, overwrite: bool = False,
) -> PlannedJob:
    """The job that writes the images, by "color" and the kinds of maps, into a folder. Raises InputError.

    `normals` says how the others want them, "opengl" or "directx"; `directx` how they are.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder} cannot be made: {error.strerror}", field="directory", hint="Choose another folder") from error
    if not os.access(folder, os.W_OK):
        raise InputError(f"{folder} cannot be written to", field="directory", hint="Choose another folder")
    files, inputs = picture_files(pictures)
    surface = Surface(source=files.pop(COLOR), given=files, directx=directx, export=normals)
    landing = Landing(place=Place.FOLDER, name=name, folder=str(folder), overwrite=overwrite)
    return PlannedJob(local_job(KIND, f"Export {name}", pictures[COLOR], surface, landing), inputs)


def land_export(job: Job, record: JobRecord, folder: Path) -> Landed:
    """Copy the files to where they are wanted, all under one new number if names are taken that must stay."""
    import shutil                               # not needed to register

    assert record.result is not None and job.surface is not None
    picture, base = record.result.pictures[0], bpy.path.clean_name(job.landing.name)
    named = {**_NAMES, "normal": _NORMALS[job.surface.export]}
    files = {named[kind]: folder / path for kind, path in {COLOR: picture.path, **(picture.maps or {})}.items()}
    target, number = Path(job.landing.folder), 1

    def place(suffix: str) -> Path:
        return target / f"{base}{f'-{number}' if number > 1 else ''}_{suffix}.png"

    try:
        while not job.landing.overwrite and any(place(suffix).exists() for suffix in files):
            number += 1
        for suffix, path in files.items():
            shutil.copyfile(path, place(suffix))
    except OSError as error:
        return Landed((), f"{target} cannot be written: {error.strerror}. The files are in {folder / 'results'}", complete=False)
    return Landed((), f"{len(files)} file{'s' * (len(files) > 1)} in {target}")


class GPTIMAGE_OT_export_maps(bpy.types.Operator):
    bl_idname = "gptimage.export_maps"
    bl_label = "Export Maps"
    bl_description = "Write the color and the maps of what is shown here as PNG files for other programs, height with 16 bits"

    directory: StringProperty(name="Folder", description="Folder that the files go to", subtype='DIR_PATH')
    normals: EnumProperty(
        name="Normals", description="How the other program reads normal maps", default="opengl",
        items=[("opengl", "OpenGL", "Green points up, as in Blender, Unity and Godot"),
               ("directx", "DirectX", "Green points down, as in Unreal Engine and 3ds Max")])
    overwrite: BoolProperty(
        name="Overwrite", description="Replace files of the same names, instead of numbering the new ones", default=False)
    filter_folder: BoolProperty(default=True, options={'HIDDEN'}, description="Show folders")

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if shown_image(context) is None and checked_material(context) is None:
            cls.poll_message_set("No image or material is shown here. Show an image, or select an object with a textured material")
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {'RUNNING_MODAL'}

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            if not self.directory:
                raise InputError("No folder is chosen", field="directory", hint="Choose one")
            name, pictures, directx = _pictures(context)
            folder = Path(bpy.path.abspath(self.directory))
            planned = plan_export(name, pictures, folder, self.normals, directx=directx, overwrite=self.overwrite)
            host.submit(planned.job, planned.inputs)
        except GptImageError as error:
            return report(self, error)
        return {'FINISHED'}


classes = (GPTIMAGE_OT_export_maps,)


def register() -> None:
    host.landings[KIND] = land_export


def unregister() -> None:
    host.landings.pop(KIND, None)
