# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Materials into the artist's asset libraries, for other files.

No postponed annotations here: Blender reads those of the operator as properties.
"""

from pathlib import Path

import bpy
from bpy.props import EnumProperty

from .. import blender
from ..blender import materials
from ..blender.images import provenance
from .texture import catalog_of

__all__ = ()

_items: list[tuple[str, str, str]] = []         # Blender does not keep the texts of a list that changes


def _libraries(self: object, context: bpy.types.Context) -> list[tuple[str, str, str]]:
    _items[:] = [(library.name, library.name, library.path) for library in context.preferences.filepaths.asset_libraries if library.path]
    return _items


class GPTIMAGE_OT_copy_to_library(bpy.types.Operator):
    bl_idname = "gptimage.copy_to_library"
    bl_label = "Copy to Asset Library"
    bl_description = "Write the active material, with all its pictures, into an asset library: a file of its own there"
    bl_property = "library"

    library: EnumProperty(name="Library", description="The asset library, of those in the preferences", items=_libraries)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        material = context.object.active_material if context.object else None
        if material is None or material.asset_data is None or materials.picture_node(material) is None:
            cls.poll_message_set("The active material is no generated asset. Generate one with Mark as Asset on")
            return False
        if not _libraries(cls, context):
            cls.poll_message_set("There is no asset library. Add one in Preferences > File Paths")
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        context.window_manager.invoke_search_popup(self)
        return {'RUNNING_MODAL'}

    def execute(self, context: bpy.types.Context) -> set[str]:
        material = context.object.active_material
        library = context.preferences.filepaths.asset_libraries[self.library]
        catalog = catalog_of(str(provenance(materials.picture_node(material).image).get("prompt", "")))
        try:
            path = blender.assets.append_to_library(material, Path(bpy.path.abspath(library.path)), catalog=catalog)
        except OSError as error:
            self.report({'ERROR'}, f"{library.name} cannot be written: {error.strerror or error}. Check its folder in the preferences")
            return {'CANCELLED'}
        self.report({'INFO'}, f"{material.name} is in {library.name}: {path.name}")
        return {'FINISHED'}


classes = (GPTIMAGE_OT_copy_to_library,)
