# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture of just the shape that some faces have: a poster, a door, a sign.

No postponed annotations here: Blender reads those of the operator as properties.
"""

import math

import bpy
from bpy.props import FloatProperty

from ..blender import materials, scale
from ..core import catalog
from ..core.errors import GptImageError, InputError
from ..core.request import parse_size
from .report import report
from .settings import CUSTOM

__all__ = ("fitting_size",)


def fitting_size(width_m: float, height_m: float, size: str, px_per_m: float = 0.0) -> tuple[int, int]:
    """The legal size that has the shape's aspect, with as many pixels as `size` or, if given, as the texel density asks for."""
    width, height = parse_size(size)
    wanted_px = width_m * height_m * px_per_m ** 2 if px_per_m else width * height
    aspect = width_m / height_m
    return catalog.nearest_legal_size(round(math.sqrt(wanted_px * aspect)), round(math.sqrt(wanted_px / aspect)))


class GPTIMAGE_OT_size_from_faces(bpy.types.Operator):
    bl_idname = "gptimage.size_from_faces"
    bl_label = "Size From Faces"
    bl_description = "Ask for a picture of the shape that the selected faces have, and lay it once, upright, over them"
    bl_options = {'REGISTER', 'UNDO'}

    px_per_m: FloatProperty(
        name="Texel Density", description="Pixels a metre. 0 keeps the number of pixels of the size that is set", default=0.0, min=0.0,
        soft_max=4096.0)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.object is None or context.object.type != 'MESH':
            cls.poll_message_set("The active object is no mesh")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings, obj = context.scene.gptimage, context.object
        try:
            faces = materials.selected_faces(obj)
            if not faces:
                raise InputError(f"{obj.name} has no selected faces", field="faces", hint="Select faces in Edit Mode")
            shape = scale.face_shape(obj, faces)
            size = ("{}x{}".format(*settings.custom_size) if settings.size_preset == CUSTOM
                    else catalog.SIZE_PRESETS[settings.size_preset][1])
            width, height = fitting_size(shape.width_m, shape.height_m, size, self.px_per_m)
        except GptImageError as error:
            return report(self, error)
        settings.size_preset, settings.custom_size = CUSTOM, (width, height)
        settings.texture_place, settings.fit_faces = "faces", True
        self.report({'INFO'}, f"{shape.width_m:.2f} x {shape.height_m:.2f} m: {width} x {height} pixels")
        return {'FINISHED'}


classes = (GPTIMAGE_OT_size_from_faces,)
