# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tab "GPT Image" in the sidebars. Panels read state; they never change it."""

from __future__ import annotations

from typing import Any

import bpy

from ..blender import materials, previous
from ..blender.images import history_entry, provenance
from ..blender.preferences import read_service
from ..core.errors import InputError
from ..core.prompts import heal_prompt, texture_prompt
from ..core.request import ServiceKind
from ..operators.decal import decal_refusal, decal_request
from ..operators.final import final_price, is_draft
from ..operators.lettering import lettered, read_lettering
from ..operators.material_check import FIXES, checked_material, findings_of, is_grouped
from ..operators.reference import shown_words
from ..operators.report import sentence
from ..operators.settings import CUSTOM, KEEP, read_settings, used_style
from ..operators.surface import NO_AXES, read_surface, shown_healing
from ..operators.texture import ON_OBJECTS, active_picture_node
from ..operators.udim import missing_tiles, shown_tiles, tiled_image
from ..operators.variants import compared_image, image_before, shown_image, staged_image, variant_holder
from .queue import draw_queue
from .status import dollars, draw_ask, draw_button, draw_price, draw_wrapped, price_text, settings_column

__all__ = ("OnTexture", "Tab", "draw_check", "draw_compare", "draw_prompt", "draw_settings", "draw_surface", "draw_variants")


def draw_compare(row: bpy.types.UILayout, context: bpy.types.Context, image: bpy.types.Image) -> None:
    """The switch that lays what was before over the image, and how far."""
    compares = image_before(context, image) is not None
    row.operator("gptimage.compare", icon='MOD_MIRROR', depress=compares)
    if compares:
        row.prop(context.window_manager.gptimage, "wipe", text="", slider=True)


class Tab:
    bl_category = "GPT Image"
    bl_region_type = 'UI'


class OnTexture(Tab):
    """A panel where a texture is shown."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return shown_image(context) is not None


def draw_prompt(
    layout: bpy.types.UILayout, settings: bpy.types.PropertyGroup, placeholder: str = "Weathered red brick", *, presets: bool = False,
) -> None:
    row = layout.row(align=True)
    if settings.use_text:
        row.prop(settings, "text", text="")
    else:
        row.prop(settings, "prompt", text="", placeholder=placeholder)
        row.operator("gptimage.prompt_menu", text="", icon='DOWNARROW_HLT')
    row.prop(settings, "use_text", text="", icon='TEXT', toggle=True)
    if presets:
        row.operator("gptimage.choose_preset", text="", icon='PRESET')


def draw_settings(
    layout: bpy.types.UILayout, settings: bpy.types.PropertyGroup, *, size: bool = True,
) -> bpy.types.UILayout:
    column = settings_column(layout)
    style = used_style(settings)
    _draw_setting(column, settings, style, "model")
    if settings.model == CUSTOM and not (style and style.model != KEEP):
        column.prop(settings, "custom_model")
    if size:
        column.prop(settings, "size_preset")
    if size and settings.size_preset == CUSTOM:
        column.prop(settings, "custom_size", text="Pixels")
    _draw_setting(column, settings, style, "quality")
    column.prop(settings, "n")
    return column


def _draw_setting(
    column: bpy.types.UILayout, settings: bpy.types.PropertyGroup, style: bpy.types.PropertyGroup | None, name: str,
) -> None:
    """A setting, or what the style sheet has instead of it."""
    if style and getattr(style, name) != KEEP:
        row = column.row()
        row.prop(style, name)
        row.label(text="", icon='BRUSHES_ALL')
    else:
        column.prop(settings, name)


class _MoreSettings(Tab):
    bl_label = "More Settings"
    bl_options = {'DEFAULT_CLOSED'}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        settings = context.scene.gptimage
        layout.prop(settings, "prefix")
        layout.prop(settings, "suffix")
        layout.prop(settings, "background")
        layout.prop(settings, "output_format")
        if settings.output_format != 'png':
            layout.prop(settings, "output_compression", slider=True)
        layout.prop(settings, "moderation")
        if settings.model == CUSTOM:
            layout.prop(settings, "input_fidelity")
        layout.prop(settings, "batch")
        if not settings.batch:
            layout.prop(settings, "partial_images")


class _Surface(Tab):
    bl_label = "Surface"
    bl_options = {'DEFAULT_CLOSED'}

    def draw(self, context: bpy.types.Context) -> None:
        draw_surface(self.layout, context.scene.gptimage)


def draw_surface(layout: bpy.types.UILayout, settings: bpy.types.PropertyGroup) -> None:
    """What is done with a texture's pixels on this machine."""
    column = settings_column(layout)
    column.prop(settings, "tiling")
    if settings.tiling != NO_AXES:
        column.prop(settings, "even", slider=True)
    column.prop(settings, "delight", slider=True)
    column.prop(settings, "maps")
    if settings.maps:
        column.prop(settings, "relief_m")
    if "height" in settings.maps:
        column.prop(settings, "displace")


class _Queue(Tab):
    bl_label = "Queue"

    def draw(self, context: bpy.types.Context) -> None:
        draw_queue(self.layout, context.window_manager)


def draw_variants(layout: bpy.types.UILayout, context: bpy.types.Context, image: bpy.types.Image | None = None) -> None:
    """Arrows through the variants of an image: the one given, or what is shown here."""
    holder = variant_holder(context)
    facts = provenance(image or (getattr(*holder) if holder else None))
    if facts.get("variants", 1) > 1:
        row = layout.row(align=True)
        row.operator("gptimage.step_variant", text="", icon='TRIA_LEFT').step = -1
        row.label(text=f"Variant {facts['variant']} of {facts['variants']}")
        row.operator("gptimage.step_variant", text="", icon='TRIA_RIGHT').step = 1
    if image or not holder:
        return
    shown = getattr(*holder)
    if is_draft(shown):
        _draw_final(layout, shown)
    if "job_id" in facts and context.scene.gptimage.continued != shown:
        layout.operator("gptimage.continue_result", icon='LINKED')


def _draw_final(layout: bpy.types.UILayout, image: bpy.types.Image) -> None:
    """What the finished picture of a draft costs and what that saves, and the button."""
    facts, service = provenance(image), read_service()
    try:
        found, saved_usd = final_price(facts, service)
    except InputError:
        return                                  # another service's model, or a size it does not make
    column = layout.column(align=True)
    price = "free" if service.kind is ServiceKind.PRACTICE else dollars(found.usd) if found.known else "see your server"
    column.label(text=f"From this draft, at high: {price}", translate=False)
    if saved_usd > 0 and found.known:
        column.label(text=f"Saves {dollars(saved_usd)} against {facts['variants']} at high", translate=False)
    draw_button(column, "gptimage.make_final", "", icon='IMAGE_REFERENCE')


def draw_check(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The button that checks the material that is shown, and a line for each finding, with the button that mends it."""
    material = checked_material(context)
    if material is None or material.node_tree is None:
        return
    row = layout.row(align=True)
    row.operator("gptimage.check_material", icon='CHECKMARK')
    row.operator("gptimage.export_maps", text="", icon='EXPORT')
    findings = findings_of(material)
    if findings is None:
        return
    if not findings:
        layout.label(text="Checked: nothing to mend", icon='CHECKBOX_HLT')
        return
    box = layout.box()
    for key, message in findings.items():
        column = box.column(align=True)
        draw_wrapped(column, message, 'ERROR')
        if label := FIXES.get(key.partition(" ")[2]):
            column.operator("gptimage.mend_material", text=label).finding = key


# --- 3D Viewport ------------------------------------------------------------------------------------------

class GPTIMAGE_PT_texture(Tab, bpy.types.Panel):
    bl_label = "Texture"
    bl_space_type = 'VIEW_3D'
    bl_order = 1

    def draw(self, context: bpy.types.Context) -> None:
        layout, settings, obj = self.layout, context.scene.gptimage, context.object
        draw_prompt(layout, settings, presets=True)
        column = draw_settings(layout, settings)
        column.prop(settings, "texture_place")
        if settings.texture_place in ON_OBJECTS:
            if len(context.selected_objects) > 1:
                column.prop(settings, "share_material")
            if settings.texture_place == "faces":
                row = column.row(align=True)
                row.prop(settings, "fit_faces")
                row.operator("gptimage.size_from_faces", text="", icon='FULLSCREEN_EXIT')
            if not (settings.fit_faces and settings.texture_place == "faces"):
                column.prop(settings, "scale_m")
            column.prop(settings, "asset")
            if settings.background == "transparent":
                column.prop(settings, "alpha", expand=True)
        refusal = draw_price(layout, settings, texture_prompt) or self._draw_targets(layout, context, settings)
        draw_ask(layout, "gptimage.generate_texture", refusal, settings, texture_prompt, surface=read_surface(settings, settings.scale_m),
                 text="Generate Texture", icon='TEXTURE')
        draw_variants(layout, context)
        if previous.has_previous(obj):
            layout.operator("gptimage.previous_material", icon='LOOP_BACK')
        if settings.texture_place == "world" and previous.previous_world(context.scene):
            layout.operator("gptimage.previous_world", icon='LOOP_BACK')
        material = obj.active_material if obj else None
        if material and material.asset_data and materials.picture_node(material):
            layout.operator("gptimage.copy_to_library", icon='ASSET_MANAGER')
        if materials.needs_subdivision(obj):
            layout.label(text="The height moves only a fine mesh", icon='INFO')
            layout.operator("gptimage.subdivide", icon='MOD_SUBSURF')
        draw_check(layout, context)

    @staticmethod
    def _draw_targets(layout: bpy.types.UILayout, context: bpy.types.Context, settings: bpy.types.PropertyGroup) -> str:
        """Say how the picture will sit on the objects; return why it cannot."""
        if settings.texture_place not in ON_OBJECTS:
            return ""
        obj = context.object
        if not context.selected_objects:
            layout.label(text="Select the objects it is for", icon='INFO')
            return "No object is selected. Select the objects the texture is for, or choose Image Only"
        if obj and obj.type == 'MESH' and not obj.data.uv_layers and not settings.scale_m:
            layout.label(text=f"{obj.name} has no UV map: box projection", icon='INFO', translate=False)
        return ""


class GPTIMAGE_PT_texture_surface(_Surface, bpy.types.Panel):
    bl_parent_id = "GPTIMAGE_PT_texture"
    bl_space_type = 'VIEW_3D'


class GPTIMAGE_PT_decal(Tab, bpy.types.Panel):
    bl_label = "Decal"
    bl_parent_id = "GPTIMAGE_PT_texture"
    bl_space_type = 'VIEW_3D'
    bl_options = {'DEFAULT_CLOSED'}

    def draw(self, context: bpy.types.Context) -> None:
        layout, settings = self.layout, context.scene.gptimage
        column = settings_column(layout)
        column.prop(settings, "decal_width_m")
        column.prop(settings, "decal_conform")
        try:
            request, template = decal_request(read_settings(settings))
        except InputError as error:             # of the words, before there is a price
            refusal = sentence(error)
        else:
            refusal = draw_price(layout, settings, template, [(request, None)]) or decal_refusal(context)
        if not refusal:
            where = "On the selected faces" if context.object.mode == 'EDIT' else "Nearest to the 3D cursor"
            layout.label(text=where, icon='INFO')
        draw_button(layout, "gptimage.generate_decal", refusal, icon='MOD_SHRINKWRAP')


class GPTIMAGE_PT_tiles(Tab, bpy.types.Panel):
    bl_label = "UDIM Tiles"
    bl_parent_id = "GPTIMAGE_PT_texture"
    bl_space_type = 'VIEW_3D'
    bl_options = {'DEFAULT_CLOSED'}

    def draw(self, context: bpy.types.Context) -> None:
        layout, settings, service = self.layout, context.scene.gptimage, read_service()
        if image := tiled_image(context.object):
            there, missing = len(image.tiles), missing_tiles(image)
            layout.label(text=f"{there} of {there + len(missing)} tiles: {image.name}", icon='IMAGE_DATA', translate=False)
            if missing:
                row = layout.row()
                row.operator("gptimage.generate_tiles", text=f"Make {len(missing)} Missing", icon='FILE_REFRESH').only_missing = True
        refusal = ""
        try:
            found = shown_tiles(read_settings(settings), service, (1001,))
        except InputError as error:
            refusal = sentence(error)
        else:
            layout.label(text=price_text(found, service), translate=False)
            layout.label(text="A tile; the sum is told first", icon='INFO')
        if not any(obj.type == 'MESH' for obj in context.selected_objects):
            refusal = refusal or "No mesh is selected. Select meshes whose UV islands lie on tiles"
        draw_button(layout, "gptimage.generate_tiles", refusal, text="Generate Tiles...", icon='UV')


class GPTIMAGE_PT_texture_more(_MoreSettings, bpy.types.Panel):
    bl_parent_id = "GPTIMAGE_PT_texture"
    bl_space_type = 'VIEW_3D'


class GPTIMAGE_PT_reference(Tab, bpy.types.Panel):
    bl_label = "Reference"
    bl_space_type = 'VIEW_3D'
    bl_order = 2
    bl_options = {'DEFAULT_CLOSED'}

    def draw(self, context: bpy.types.Context) -> None:
        _draw_reference(self.layout, context)


class _Lettering(Tab):
    bl_label = "Lettering"
    bl_options = {'DEFAULT_CLOSED'}

    def draw_header(self, context: bpy.types.Context) -> None:
        self.layout.prop(context.scene.gptimage, "use_letters", text="")

    def draw(self, context: bpy.types.Context) -> None:
        layout, settings = self.layout, context.scene.gptimage
        layout.active = settings.use_letters
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(settings, "letters_text")
        if settings.letters_text is None:
            layout.prop(settings, "letters", placeholder="Bakery")
        layout.prop_search(settings, "letters_font", bpy.data, "fonts")
        layout.prop(settings, "letters_align")
        layout.prop(settings, "letters_box")
        layout.prop(settings, "letters_overlay")
        if settings.letters_overlay:
            layout.prop(settings, "letters_color")
            layout.prop(settings, "letters_blend")


class GPTIMAGE_PT_reference_lettering(_Lettering, bpy.types.Panel):
    bl_parent_id = "GPTIMAGE_PT_reference"
    bl_space_type = 'VIEW_3D'


class GPTIMAGE_PT_reference_more(_MoreSettings, bpy.types.Panel):
    bl_parent_id = "GPTIMAGE_PT_reference"
    bl_space_type = 'VIEW_3D'


class GPTIMAGE_PT_queue(_Queue, bpy.types.Panel):
    bl_space_type = 'VIEW_3D'
    bl_order = 3


def _draw_reference(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    settings = context.scene.gptimage
    draw_prompt(layout, settings)
    column = draw_settings(layout, settings)
    column.prop(settings, "match_camera")
    column.prop(settings, "reference_place")
    template, letters = None, ()
    try:
        words, _ = shown_words(settings, context.scene)
        template, letters = lettered(read_lettering(settings), words.size)
        refusal = draw_price(layout, settings, template, own=letters, words=words)
    except InputError as error:
        refusal = sentence(error)
        draw_wrapped(layout, refusal, 'INFO')
    draw_ask(layout, "gptimage.generate_reference", refusal, settings, None if letters or settings.match_camera else template,
             text="Generate Reference", icon='IMAGE_REFERENCE')


# --- Image Editor -----------------------------------------------------------------------------------------

class GPTIMAGE_PT_image(Tab, bpy.types.Panel):
    bl_label = "Reference"
    bl_space_type = 'IMAGE_EDITOR'

    def draw(self, context: bpy.types.Context) -> None:
        _draw_reference(self.layout, context)
        if provenance(context.space_data.image).get("kind") != "touch_up":      # those are in the panel above
            draw_variants(self.layout, context)


class GPTIMAGE_PT_image_lettering(_Lettering, bpy.types.Panel):
    bl_parent_id = "GPTIMAGE_PT_image"
    bl_space_type = 'IMAGE_EDITOR'


class GPTIMAGE_PT_image_more(_MoreSettings, bpy.types.Panel):
    bl_parent_id = "GPTIMAGE_PT_image"
    bl_space_type = 'IMAGE_EDITOR'


class GPTIMAGE_PT_image_surface(OnTexture, bpy.types.Panel):
    bl_label = "Surface"
    bl_space_type = 'IMAGE_EDITOR'
    bl_options = {'DEFAULT_CLOSED'}

    def draw(self, context: bpy.types.Context) -> None:
        layout, settings, image = self.layout, context.scene.gptimage, shown_image(context)
        facts = provenance(image)
        if "tile_score" in facts:
            axes = {"xy": "Tiles on both axes", "x": "Tiles horizontally", "y": "Tiles vertically"}.get(facts["tiles"], "Edges do not meet")
            layout.label(text=f"{axes}: {facts['tile_score']:.0f} of 100", icon='TEXTURE')
            if "tile_repetition" in facts:
                layout.label(text=f"{facts['tile_gradient']:.0f} levels of slow changes", icon='BLANK1')
                layout.label(text=f"{facts['tile_repetition']:.0%} repetition", icon='BLANK1')
        for key, message in facts.get("findings", {}).items():
            _draw_finding(layout.column(align=True), key, message, facts)
        layout.prop(context.space_data, "show_repeat", text="Tile Preview", toggle=True, icon='MESH_GRID')
        if compared_image(context) and not staged_image(context):           # those are in the panel above
            draw_compare(layout.row(align=True), context, image)
        draw_surface(layout, settings)
        row = layout.row(align=True)
        row.operator("gptimage.finish_texture", icon='SHADING_TEXTURE')
        row.operator("gptimage.export_maps", text="", icon='EXPORT')
        try:
            refusal = draw_price(layout, settings, heal_prompt, [shown_healing(settings, image)], alone=True)
        except InputError as error:             # of what is sent, before there is a price
            refusal = sentence(error)
        draw_button(layout, "gptimage.heal_seams", refusal, icon='BRUSH_DATA')


# What the material check can mend here: the label, and the setting of Finish Texture that does it.
_FIXES = {"shading_left": ("De-Light", "delight", 1.0), "pattern": ("Even Out", "even", 1.0)}


def _draw_finding(column: bpy.types.UILayout, key: str, message: str, facts: dict[str, Any]) -> None:
    draw_wrapped(column, message, 'ERROR')
    if fix := _FIXES.get(key.partition(" ")[2]):
        label, name, value = fix
        button = column.operator("gptimage.finish_texture", text=label)
        setattr(button, name, value)
        if name == "even":                      # it is done along the axes on which the picture tiles
            button.tiling = facts["tiles"]


class GPTIMAGE_PT_image_origin(Tab, bpy.types.Panel):
    bl_label = "Origin"
    bl_space_type = 'IMAGE_EDITOR'
    bl_options = {'DEFAULT_CLOSED'}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return "job_id" in provenance(context.space_data.image)

    def draw(self, context: bpy.types.Context) -> None:
        facts = provenance(context.space_data.image)
        column = self.layout.column(align=True)
        column.label(text=str(facts.get("prompt", "")), icon='TEXT', translate=False)
        column.label(text=f"{facts.get('model')}, {facts.get('quality')}, {facts.get('size')}", icon='BLANK1', translate=False)
        practice = facts.get("service") == "practice"
        column.label(text="Practice picture, free" if practice else f"Cost ${facts.get('cost_usd', 0):.4f}", icon='BLANK1')
        column.operator("gptimage.related_entries", text="Show in History", icon='LINKED').entry = history_entry(context.space_data.image)


class GPTIMAGE_PT_image_queue(_Queue, bpy.types.Panel):
    bl_space_type = 'IMAGE_EDITOR'
    bl_order = 3


# --- Shader Editor ----------------------------------------------------------------------------------------

class GPTIMAGE_PT_node(Tab, bpy.types.Panel):
    bl_label = "Texture"
    bl_space_type = 'NODE_EDITOR'

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return context.space_data.tree_type == 'ShaderNodeTree'

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        settings = context.scene.gptimage
        draw_prompt(layout, settings, presets=True)
        draw_settings(layout, settings)
        refusal = draw_price(layout, settings, texture_prompt)
        if not refusal and active_picture_node(context) is None:
            layout.label(text="Select an Image Texture node", icon='INFO')
            refusal = "No Image Texture node is active. Select one"
        for button in draw_ask(layout, "gptimage.generate_texture", refusal, settings, texture_prompt,
                               surface=read_surface(settings, settings.scale_m), text="Generate to Active Node", icon='NODE_TEXTURE'):
            button.node = True
        draw_variants(layout, context)
        draw_check(layout, context)
        material = checked_material(context)
        if materials.picture_node(material) and not is_grouped(material):
            layout.operator("gptimage.make_node_group", icon='NODETREE')


class GPTIMAGE_PT_node_surface(_Surface, bpy.types.Panel):
    bl_parent_id = "GPTIMAGE_PT_node"
    bl_space_type = 'NODE_EDITOR'


class GPTIMAGE_PT_node_more(_MoreSettings, bpy.types.Panel):
    bl_parent_id = "GPTIMAGE_PT_node"
    bl_space_type = 'NODE_EDITOR'


class GPTIMAGE_PT_node_queue(_Queue, bpy.types.Panel):
    bl_space_type = 'NODE_EDITOR'
    bl_order = 3
    poll = GPTIMAGE_PT_node.poll


classes = (
    GPTIMAGE_PT_texture, GPTIMAGE_PT_texture_surface, GPTIMAGE_PT_decal, GPTIMAGE_PT_tiles, GPTIMAGE_PT_texture_more,
    GPTIMAGE_PT_reference, GPTIMAGE_PT_reference_lettering, GPTIMAGE_PT_reference_more,
    GPTIMAGE_PT_queue,
    GPTIMAGE_PT_image_surface, GPTIMAGE_PT_image, GPTIMAGE_PT_image_lettering, GPTIMAGE_PT_image_more, GPTIMAGE_PT_image_origin,
    GPTIMAGE_PT_image_queue,
    GPTIMAGE_PT_node, GPTIMAGE_PT_node_surface, GPTIMAGE_PT_node_more, GPTIMAGE_PT_node_queue,
)
