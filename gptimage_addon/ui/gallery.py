# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The history as a gallery: in the sidebar, and larger in a window of its own. Reads state only.

Blender's interface cannot have pictures dragged out of a panel: a click selects one, and a button puts it onto what is selected.
"""

from __future__ import annotations

from datetime import datetime

import bpy

from ..blender.host import host
from ..core.entries import COUNT_LIMIT, Entry, Page, Query
from ..core.request import ServiceKind
from ..operators.gallery import PAGE_SIZE
from .panels import GPTIMAGE_PT_node, Tab
from .status import dollars, draw_error, draw_wrapped, settings_column, sidebar_px

__all__ = ()

CELL_PX = 92                    # as wide as a thumbnail in the sidebar should at least be
PROMPT_LETTERS = 220
MB = 1_000_000


def _draw_gallery(layout: bpy.types.UILayout, context: bpy.types.Context, columns: int, scale: float) -> None:
    settings, gallery = context.window_manager.gptimage, host.gallery
    if gallery.page is None:
        layout.operator("gptimage.search_history", text="Show History", icon='IMAGE_REFERENCE')
        if gallery.error:
            draw_error(layout, gallery.error)
        return
    row = layout.row(align=True)
    row.prop(settings, "gallery_words", text="", icon='VIEWZOOM', placeholder="Search")
    row.prop(settings, "gallery_starred", text="", icon='SOLO_ON', toggle=True)
    row.popover("GPTIMAGE_PT_gallery_filter", text="", icon='FILTER')
    if not _is_everything(gallery.page):
        row.operator("gptimage.clear_search", text="", icon='LOOP_BACK')
    _draw_page(layout, settings, columns, scale)
    if gallery.error:
        draw_error(layout, gallery.error)
    elif gallery.told:
        draw_wrapped(layout, gallery.told, 'INFO')
    if selected := gallery.entry(settings.gallery_entry):
        _draw_entry(layout.box(), selected)
    if gallery.space and not gallery.space.error:
        _draw_space(layout.box().column(align=True), gallery.space)


def _draw_page(layout: bpy.types.UILayout, settings: bpy.types.PropertyGroup, columns: int, scale: float) -> None:
    page = host.gallery.page
    if not page.entries:
        layout.label(text="No pictures yet" if _is_everything(page) else "Nothing fits this search", icon='INFO')
    grid = layout.grid_flow(row_major=True, columns=columns, even_columns=True, even_rows=True, align=False)
    for entry in page.entries:
        cell = grid.column(align=True)
        icon = host.gallery.icon(entry)
        if icon:
            cell.template_icon(icon_value=icon, scale=scale)
        else:
            cell.label(text="No picture", icon='GHOST_DISABLED')
        row = cell.row(align=True)
        row.operator("gptimage.pick_entry", text=entry.prompt[:24] or entry.kind, translate=False,
                     depress=entry.id == settings.gallery_entry).entry = entry.id
        row.operator("gptimage.star_entry", text="", icon='SOLO_ON' if entry.star else 'SOLO_OFF').entry = entry.id
    row = layout.row(align=True)
    arrow = row.row(align=True)
    arrow.enabled = settings.gallery_page > 0
    arrow.operator("gptimage.search_history", text="", icon='TRIA_LEFT').page = max(0, settings.gallery_page - 1)
    row.label(text=_where(page), translate=False)
    arrow = row.row(align=True)
    arrow.enabled = len(page.entries) == PAGE_SIZE and (page.count == COUNT_LIMIT or (settings.gallery_page + 1) * PAGE_SIZE < page.count)
    arrow.operator("gptimage.search_history", text="", icon='TRIA_RIGHT').page = settings.gallery_page + 1
    row.menu("GPTIMAGE_MT_gallery", text="", icon='DOWNARROW_HLT')


def _is_everything(page: Page) -> bool:
    """Whether nothing in particular was looked for."""
    return page.query._replace(page=0) == Query(page_size=PAGE_SIZE)


def _where(page: Page) -> str:
    if not page.entries:
        return "0"
    first = page.query.page * PAGE_SIZE + 1
    count = f"{COUNT_LIMIT} or more" if page.count == COUNT_LIMIT else str(page.count)
    return f"{first} to {first + len(page.entries) - 1} of {count}"


def _draw_space(column: bpy.types.UILayout, space: object) -> None:
    """What deleting would free, and the two ways on."""
    many = f"{space.count} picture{'s' * (space.count != 1)}"
    column.label(text=f"{many}, {space.size_bytes / MB:.1f} MB", icon='TRASH', translate=False)
    if space.unlanded:
        draw_wrapped(column, "It never reached a file: this may be all there is of it" if space.count == 1
                     else f"{space.unlanded} of them never reached a file: this may be all there is of them", 'ERROR')
    if space.kept:
        draw_wrapped(column, f"{space.kept} more are as old, and stay: they never reached a file", 'INFO')
    row = column.row(align=True)
    if space.count:
        row.operator("gptimage.delete_measured", text=f"Delete {many}", icon='TRASH')
    row.operator("gptimage.delete_measured", text="Keep").keep = True


def _draw_entry(box: bpy.types.UILayout, entry: Entry) -> None:
    column = box.column(align=True)
    prompt = entry.prompt if len(entry.prompt) <= PROMPT_LETTERS else f"{entry.prompt[:PROMPT_LETTERS]} …"
    draw_wrapped(column, prompt, 'TEXT')
    if entry.model:
        column.label(text=f"{entry.model}, {entry.quality}", icon='BLANK1', translate=False)
    made = datetime.fromisoformat(entry.created).astimezone() if entry.created else None
    column.label(text=f"{entry.width_px} x {entry.height_px}, {_price(entry)}", icon='BLANK1', translate=False)
    if made:
        column.label(text=f"{made:%Y-%m-%d %H:%M}", icon='BLANK1', translate=False)
    file = entry.blend.replace("\\", "/").rpartition("/")[2]
    facts = {"For": ", ".join(entry.objects), "File": "/".join(part for part in (entry.project, file) if part),
             "Camera": f"{entry.camera}, frame {entry.frame}" if entry.camera and entry.kind == "touch_up" else "", "Tags": ", ".join(entry.tags)}
    for name, fact in facts.items():
        if fact:
            draw_wrapped(column, f"{name}: {fact}", 'BLANK1')
    column = box.column(align=True)
    row = column.row(align=True)
    row.operator("gptimage.apply_entry", icon='IMPORT').entry = entry.id
    row.operator("gptimage.click_onto", icon='EYEDROPPER').entry = entry.id
    column.operator("gptimage.restore_settings", icon='LOOP_BACK').entry = entry.id
    row = column.row(align=True)
    row.operator("gptimage.open_entry", icon='IMAGE_DATA').entry = entry.id
    row.operator("gptimage.open_entry_folder", icon='FILE_FOLDER').entry = entry.id
    row = column.row(align=True)
    row.operator("gptimage.related_entries", icon='LINKED').entry = entry.id
    state = bpy.context.window_manager.gptimage
    row.operator("gptimage.compare_entry", icon='MOD_MIRROR', depress=bool(state.compared)).entry = entry.id
    if state.compared:
        column.prop(state, "wipe", slider=True)
    row = column.row(align=True)
    row.operator("gptimage.tag_entry", icon='BOOKMARKS').entry = entry.id
    row.operator("gptimage.measure_entry", icon='TRASH').entry = entry.id


def _price(entry: Entry) -> str:
    if entry.service is ServiceKind.PRACTICE:
        return "practice, free"
    return "price not told" if entry.usd is None else "free" if entry.usd == 0 else dollars(entry.usd)


class GPTIMAGE_MT_gallery(bpy.types.Menu):
    bl_label = "History"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.operator_context = 'INVOKE_DEFAULT'
        layout.operator("gptimage.export_history", text="Export Page", icon='EXPORT').only_selected = False
        layout.operator("gptimage.export_history", text="Export Selected", icon='BLANK1').only_selected = True
        layout.operator("gptimage.import_history", icon='IMPORT')
        layout.separator()
        layout.operator("gptimage.measure_old", icon='TRASH')


class GPTIMAGE_PT_gallery_filter(Tab, bpy.types.Panel):
    bl_label = "Filter"
    bl_space_type = 'VIEW_3D'
    bl_region_type = 'HEADER'
    bl_category = ""
    bl_options = {'INSTANCED'}
    bl_ui_units_x = 13

    def draw(self, context: bpy.types.Context) -> None:
        settings = context.window_manager.gptimage
        column = settings_column(self.layout)
        column.prop(settings, "gallery_kind")
        column.prop(settings, "gallery_period")
        if settings.gallery_period == "CUSTOM":
            column.prop(settings, "gallery_since", placeholder="YYYY-MM-DD")
            column.prop(settings, "gallery_until", placeholder="YYYY-MM-DD")
        column.prop(settings, "gallery_model", placeholder="gpt-image-2.5-flare")
        column.prop_search(settings, "gallery_object", bpy.data, "objects", results_are_suggestions=True)
        column.prop(settings, "gallery_here")
        row = column.row(heading="Price")
        row.prop(settings, "gallery_use_price", text="")
        sub = row.row(align=True)
        sub.active = settings.gallery_use_price
        sub.prop(settings, "gallery_usd_from", text="")
        sub.prop(settings, "gallery_usd_to", text="")


class _Gallery(Tab):
    bl_label = "History"
    bl_options = {'DEFAULT_CLOSED'}

    def draw_header_preset(self, context: bpy.types.Context) -> None:
        self.layout.operator("gptimage.show_gallery", text="", icon='WINDOW', emboss=False)

    def draw(self, context: bpy.types.Context) -> None:
        _draw_gallery(self.layout, context, max(1, min(6, int(sidebar_px() / CELL_PX))), 4.2)


class GPTIMAGE_PT_gallery(_Gallery, bpy.types.Panel):
    bl_space_type = 'VIEW_3D'
    bl_order = 4


class GPTIMAGE_PT_image_gallery(_Gallery, bpy.types.Panel):
    bl_space_type = 'IMAGE_EDITOR'


class GPTIMAGE_PT_node_gallery(_Gallery, bpy.types.Panel):
    bl_space_type = 'NODE_EDITOR'
    poll = GPTIMAGE_PT_node.poll


class GPTIMAGE_OT_show_gallery(bpy.types.Operator):
    bl_idname = "gptimage.show_gallery"
    bl_label = "GPT Image History"
    bl_description = "Show the history larger"
    bl_options = {'INTERNAL'}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if host.gallery.page is None:
            bpy.ops.gptimage.search_history()
        return context.window_manager.invoke_popup(self, width=int(760))

    def draw(self, context: bpy.types.Context) -> None:
        host.gallery.follow(self, getattr(context, "region_popup", None))
        _draw_gallery(self.layout, context, 4, 8.5)

    def execute(self, context: bpy.types.Context) -> set[str]:
        return {'FINISHED'}


classes = (
    GPTIMAGE_MT_gallery, GPTIMAGE_PT_gallery_filter, GPTIMAGE_PT_gallery, GPTIMAGE_PT_image_gallery, GPTIMAGE_PT_node_gallery,
    GPTIMAGE_OT_show_gallery,
)
