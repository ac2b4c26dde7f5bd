# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words for the prompt field: templates to fill in, and prompts of earlier pictures.

No postponed annotations here: Blender reads those of the operators as properties.
"""

import bpy
from bpy.props import CollectionProperty, EnumProperty, StringProperty

from .. import core, library
from ..blender.preferences import read_preferences
from ..core.errors import GptImageError, InputError
from .report import report

__all__ = ()

RECENT = 200
# Blender keeps no reference to the texts of a list that a function makes: they must live as long as it is shown.
_recent: list[tuple[str, str, str]] = []


class GPTIMAGE_OT_prompt_menu(bpy.types.Operator):
    bl_idname = "gptimage.prompt_menu"
    bl_label = "Prompts"
    bl_description = "Fill in a template, find an earlier prompt, or keep this one as a template"
    bl_options = {'INTERNAL'}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        try:
            data_dir = read_preferences().jobs_dir
            templates = library.templates.all_templates(data_dir)
            own = {template.name for template in library.templates.own_templates(data_dir)}
        except GptImageError as error:
            return report(self, error)

        def draw(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
            layout = menu.layout
            layout.operator_context = 'INVOKE_DEFAULT'
            layout.operator("gptimage.search_prompts", icon='VIEWZOOM')
            layout.separator()
            for template in templates:
                icon = 'USER' if template.name in own else 'TEXT'
                layout.operator("gptimage.use_template", text=template.name, icon=icon, translate=False).name = template.name
            layout.separator()
            layout.operator("gptimage.save_template", icon='ADD')
            if own:
                layout.operator("gptimage.remove_template", icon='REMOVE')

        context.window_manager.popup_menu(draw, title="Prompts", icon='TEXT')
        return {'FINISHED'}


class GPTIMAGE_PG_field(bpy.types.PropertyGroup):
    """One field of a template; its name is the field's."""

    value: StringProperty(name="Value", description="What stands in this field of the template")


class GPTIMAGE_OT_use_template(bpy.types.Operator):
    bl_idname = "gptimage.use_template"
    bl_label = "Use Template"
    bl_description = "Fill in this template and make it the prompt"
    bl_options = {'REGISTER', 'UNDO'}

    name: StringProperty(name="Name", description="Name of the template")
    fields: CollectionProperty(name="Fields", description="What stands in the template's fields", type=GPTIMAGE_PG_field, options={'SKIP_SAVE'})

    def _text(self) -> str:
        found = next((each for each in library.templates.all_templates(read_preferences().jobs_dir) if each.name == self.name), None)
        if found is None:
            raise InputError(f"There is no template {self.name!r}", field="name", hint="Choose one from the menu")
        return found.text

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        try:
            for name, value in core.templates.fields_of(self._text()):
                field = self.fields.add()
                field.name, field.value = name, value
        except GptImageError as error:
            return report(self, error)
        return context.window_manager.invoke_props_dialog(self, width=420) if self.fields else self.execute(context)

    def draw(self, context: bpy.types.Context) -> None:
        column = self.layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        for field in self.fields:
            column.prop(field, "value", text=field.name.title(), translate=False)

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            prompt = core.templates.fill(self._text(), {field.name: field.value for field in self.fields})
        except GptImageError as error:
            return report(self, error)
        _write_prompt(context, prompt)
        return {'FINISHED'}


class GPTIMAGE_OT_save_template(bpy.types.Operator):
    bl_idname = "gptimage.save_template"
    bl_label = "Save as Template"
    bl_description = "Keep the prompt as a template of your own. Write <name: what stands there> for a field to fill in"

    name: StringProperty(name="Name", description="Name of the template")
    text: StringProperty(name="Prompt", description="The prompt, with its fields")

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self.text = self.text or context.scene.gptimage.prompt
        return context.window_manager.invoke_props_dialog(self, width=420)

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            kept = core.templates.PromptTemplate(self.name.strip(), self.text.strip() or context.scene.gptimage.prompt.strip())
            if not kept.name or not kept.text:
                raise InputError("The template has no name or no prompt", field="name", hint="Give it both")
            _replace_own(kept.name, kept)
        except GptImageError as error:
            return report(self, error)
        self.report({'INFO'}, f"Kept the template {kept.name}")
        return {'FINISHED'}


class GPTIMAGE_OT_remove_template(bpy.types.Operator):
    bl_idname = "gptimage.remove_template"
    bl_label = "Remove Template"
    bl_description = "Remove a template of your own. Those that come along stay"

    name: StringProperty(name="Name", description="Name of the template")

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_props_dialog(self)

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            if self.name not in {each.name for each in library.templates.own_templates(read_preferences().jobs_dir)}:
                raise InputError(f"You have no template {self.name!r}", field="name", hint="Write its name as the menu shows it")
            _replace_own(self.name)
        except GptImageError as error:
            return report(self, error)
        return {'FINISHED'}


class GPTIMAGE_OT_search_prompts(bpy.types.Operator):
    bl_idname = "gptimage.search_prompts"
    bl_label = "Search Earlier Prompts"
    bl_description = "Find a prompt of an earlier picture by its words, and make it the prompt"
    bl_options = {'REGISTER', 'UNDO'}
    bl_property = "prompt"

    prompt: EnumProperty(name="Prompt", description="The earlier prompt", items=lambda self, context: _recent, options={'SKIP_SAVE'})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        prompts = library.history.recent_prompts(read_preferences().jobs_dir, RECENT)
        _recent[:] = [(prompt, prompt, "") for prompt in prompts]
        if not _recent:
            self.report({'INFO'}, "There are no earlier prompts yet")
            return {'CANCELLED'}
        context.window_manager.invoke_search_popup(self)
        return {'FINISHED'}

    def execute(self, context: bpy.types.Context) -> set[str]:
        _write_prompt(context, self.prompt)
        return {'FINISHED'}


def _write_prompt(context: bpy.types.Context, prompt: str) -> None:
    settings = context.scene.gptimage
    settings.prompt, settings.use_text = prompt, False
    if context.area:
        context.area.tag_redraw()


def _replace_own(name: str, kept: "core.templates.PromptTemplate | None" = None) -> None:
    """The artist's templates without the one of that name, and with the kept one at the end."""
    data_dir = read_preferences().jobs_dir
    others = tuple(each for each in library.templates.own_templates(data_dir) if each.name.casefold() != name.casefold())
    library.templates.write_templates(data_dir, (*others, *((kept,) if kept else ())))


classes = (
    GPTIMAGE_PG_field, GPTIMAGE_OT_prompt_menu, GPTIMAGE_OT_use_template, GPTIMAGE_OT_save_template, GPTIMAGE_OT_remove_template,
    GPTIMAGE_OT_search_prompts,
)
