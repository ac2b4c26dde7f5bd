# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recipes for textures: choose one, keep one's own, share them as files.

No postponed annotations here: Blender reads those of the operators as properties.
"""


import bpy
from bpy.props import StringProperty

from .. import core, library
from ..blender.preferences import read_preferences
from ..core import catalog
from ..core.errors import GptImageError, InputError
from ..core.prompts import name_from_prompt
from ..core.request import MapKind
from .files import FileOperator
from .report import report
from .settings import CUSTOM, read_settings, write_size
from .surface import NO_AXES

__all__ = ()


class GPTIMAGE_OT_choose_preset(bpy.types.Operator):
    bl_idname = "gptimage.choose_preset"
    bl_label = "Presets"
    bl_description = "Choose a recipe for a texture: its words, size, tiling, maps and scale"
    bl_options = {'INTERNAL'}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        try:
            data_dir = read_preferences().jobs_dir
            presets = library.presets.all_presets(data_dir)
            own = {preset.name for preset in library.presets.own_presets(data_dir)}
        except GptImageError as error:
            return report(self, error)

        def draw(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
            flow = menu.layout.grid_flow(row_major=False, columns=2, even_columns=True)
            for preset in presets:
                icon = 'USER' if preset.name in own else 'MATERIAL'
                flow.operator("gptimage.apply_preset", text=preset.name, icon=icon, translate=False).name = preset.name
            menu.layout.separator()
            menu.layout.operator_context = 'INVOKE_DEFAULT'
            for name in ("save_preset", "remove_preset", "import_presets", "export_presets"):
                menu.layout.operator(f"gptimage.{name}")

        context.window_manager.popup_menu(draw, title="Texture Presets", icon='PRESET')
        return {'FINISHED'}


class GPTIMAGE_OT_apply_preset(bpy.types.Operator):
    bl_idname = "gptimage.apply_preset"
    bl_label = "Apply Preset"
    bl_description = "Set the words, size, tiling, maps and scale of this recipe"
    bl_options = {'REGISTER', 'UNDO'}

    name: StringProperty(name="Name", description="Name of the preset")

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.gptimage
        try:
            preset = core.presets.find_preset(self.name, library.presets.all_presets(read_preferences().jobs_dir))
            if preset.size:
                write_size(settings, preset.size)
        except GptImageError as error:
            return report(self, error)
        if preset.prompt:
            settings.prompt, settings.use_text = preset.prompt, False
        if preset.model in catalog.MODELS:
            settings.model = preset.model
        elif preset.model:
            settings.model, settings.custom_model = CUSTOM, preset.model
        if preset.quality in catalog.QUALITIES:
            settings.quality = preset.quality
        settings.tiling = preset.seamless or NO_AXES
        settings.even, settings.delight = preset.even, preset.delight
        settings.maps = {str(kind) for kind in preset.maps}
        settings.scale_m, settings.relief_m = preset.scale_m, preset.relief_m
        return {'FINISHED'}


class GPTIMAGE_OT_save_preset(bpy.types.Operator):
    bl_idname = "gptimage.save_preset"
    bl_label = "Save Preset"
    bl_description = "Keep the panel's settings as a preset of your own. One of the same name is replaced"

    name: StringProperty(name="Name", description="Name of the preset")

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self.name = self.name or name_from_prompt(context.scene.gptimage.prompt)
        return context.window_manager.invoke_props_dialog(self)

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.gptimage
        try:
            if not self.name.strip():
                raise InputError("The preset has no name", field="name", hint="Give it one")
            words = read_settings(settings)
            kept = core.presets.Preset(
                self.name.strip(), words.prompt, words.model, words.size, words.quality,
                "" if settings.tiling == NO_AXES else settings.tiling, round(settings.even, 4), round(settings.delight, 4),
                tuple(kind for kind in MapKind if str(kind) in settings.maps), round(settings.scale_m, 6), round(settings.relief_m, 6))
            _replace_own(kept.name, kept)
        except GptImageError as error:
            return report(self, error)
        self.report({'INFO'}, f"Kept the preset {kept.name}")
        return {'FINISHED'}


class GPTIMAGE_OT_remove_preset(bpy.types.Operator):
    bl_idname = "gptimage.remove_preset"
    bl_label = "Remove Preset"
    bl_description = "Remove a preset of your own. Those that come along stay"

    name: StringProperty(name="Name", description="Name of the preset")

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_props_dialog(self)

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            own = library.presets.own_presets(read_preferences().jobs_dir)
            _replace_own(core.presets.find_preset(self.name, own).name)
        except GptImageError as error:
            return report(self, error)
        return {'FINISHED'}


def _replace_own(name: str, *kept: object) -> None:
    """The artist's own presets without that one, and with these."""
    data_dir = read_preferences().jobs_dir
    others = (preset for preset in library.presets.own_presets(data_dir) if preset.name.casefold() != name.casefold())
    library.presets.write_own(data_dir, (*others, *kept))


class _PresetFile(FileOperator):
    """Operators on a file of presets. A mixin."""

    file_name = "presets.json"
    filter_glob: StringProperty(name="Filter", description="Which files are shown", default="*.json", options={'HIDDEN'})


class GPTIMAGE_OT_export_presets(_PresetFile, bpy.types.Operator):
    bl_idname = "gptimage.export_presets"
    bl_label = "Export Presets"
    bl_description = "Write your own presets into a JSON file"

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            own = library.presets.own_presets(read_preferences().jobs_dir)
            if not own:
                raise InputError("There are no presets of your own", field="presets", hint="Save one first")
            library.presets.write_presets(self.path, own)
        except GptImageError as error:
            return report(self, error)
        return {'FINISHED'}


class GPTIMAGE_OT_import_presets(_PresetFile, bpy.types.Operator):
    bl_idname = "gptimage.import_presets"
    bl_label = "Import Presets"
    bl_description = "Add the presets of a JSON file to your own. Those of the same names are replaced"

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            found = library.presets.read_presets(self.path)
            for preset in found:
                _replace_own(preset.name, preset)
        except GptImageError as error:
            return report(self, error)
        self.report({'INFO'}, f"Added {len(found)} preset{'s' * (len(found) != 1)}")
        return {'FINISHED'}


classes = (
    GPTIMAGE_OT_choose_preset, GPTIMAGE_OT_apply_preset, GPTIMAGE_OT_save_preset, GPTIMAGE_OT_remove_preset,
    GPTIMAGE_OT_export_presets, GPTIMAGE_OT_import_presets,
)
