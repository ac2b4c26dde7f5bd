# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The touch-ups that lie over the render in the compositor.

No postponed annotations here: Blender reads those of the operators as properties.
"""

import bpy
from bpy.props import StringProperty

from ..blender import compositor

__all__ = ()


class GPTIMAGE_OT_remove_layer(bpy.types.Operator):
    bl_idname = "gptimage.remove_layer"
    bl_label = "Remove Layer"
    bl_description = "Take this touch-up off the compositor. Its image stays in the file"
    bl_options = {'REGISTER', 'UNDO', 'INTERNAL'}

    name: StringProperty(name="Layer", description="The layer's name", options={'SKIP_SAVE'})

    def execute(self, context: bpy.types.Context) -> set[str]:
        compositor.remove_layer(context.scene, self.name)
        return {'FINISHED'}


classes = (GPTIMAGE_OT_remove_layer,)
