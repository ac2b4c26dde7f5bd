# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The history: search it, note, delete, export and import what was found. Back into the file it comes by `gallery_apply`.

No postponed annotations here: Blender reads those of the operators as properties.
"""

from datetime import datetime, timedelta

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from .. import core
from ..blender.host import host
from ..blender.preferences import read_preferences
from ..core.errors import GptImageError, InputError
from .files import FileOperator
from .report import report
from .settings import CUSTOM

__all__ = ("EntryOperator", "GallerySettings", "PAGE_SIZE", "read_query")

PAGE_SIZE = 12
KINDS = [("ALL", "All Kinds", "Whatever was made"), ("texture", "Textures", "Pictures for materials"),
         ("reference", "References", "Pictures to look at"), ("touch_up", "Touch-Ups", "Renders and images of which an area was changed"),
         ("turnaround", "Turnarounds", "One subject from several sides"), ("sheet", "Contact Sheets", "Sets and grids at a glance")]
PERIODS = [("ALL", "Any Time", "From the beginning"), ("1", "Today", "Since midnight"), ("7", "7 Days", "The last seven days"),
           ("30", "30 Days", "The last thirty days"), ("365", "A Year", "The last year"), (CUSTOM, "Dates", "Between two dates")]


class GallerySettings:
    """What is searched for. A mixin for the window manager's state: none of it is saved."""

    gallery_words: StringProperty(
        name="Search", description="Beginnings of words of the prompt, the objects, the tags, the file or its folder", options={'TEXTEDIT_UPDATE'})
    gallery_kind: EnumProperty(name="Kind", description="What it was made as", items=KINDS, default="ALL")
    gallery_model: StringProperty(name="Model", description="The model's whole name; empty for all")
    gallery_object: StringProperty(name="Object", description="The whole name of an object it was made for; empty for all")
    gallery_period: EnumProperty(name="Made", description="When it was made", items=PERIODS, default="ALL")
    gallery_since: StringProperty(name="From", description="The first day, as YYYY-MM-DD; empty for the beginning")
    gallery_until: StringProperty(name="To", description="The last day, as YYYY-MM-DD; empty for today")
    gallery_use_price: BoolProperty(name="Price", description="Only pictures whose price lies between these", default=False)
    gallery_usd_from: FloatProperty(name="From", description="US dollars a picture cost at least", default=0.0, min=0.0, precision=3)
    gallery_usd_to: FloatProperty(name="To", description="US dollars a picture cost at most", default=1.0, min=0.0, precision=3)
    gallery_starred: BoolProperty(name="Starred", description="Only those with a star", default=False)
    gallery_here: BoolProperty(name="This File", description="Only what was made for this .blend file", default=False)
    gallery_related: StringProperty(name="Related", description="The entry whose relatives are shown; empty for all")
    gallery_page: IntProperty(name="Page", description="Which page of what was found", default=0, min=0)
    compared: StringProperty(name="Compared", description="Name of the image that a picture of the history is compared with; empty while none is")
    gallery_entry: StringProperty(name="Selected", description="The entry whose facts are shown")


def read_query(context: bpy.types.Context) -> "core.entries.Query":
    """The search as it is set. A date that is none counts as not set. Cheap."""
    settings = context.window_manager.gptimage
    since, until = _period(settings)
    priced = settings.gallery_use_price
    return core.entries.Query(
        settings.gallery_words, "" if settings.gallery_kind == "ALL" else settings.gallery_kind, settings.gallery_model.strip(),
        settings.gallery_object, bpy.data.filepath if settings.gallery_here else "", since, until,
        round(settings.gallery_usd_from, 6) if priced else None, round(settings.gallery_usd_to, 6) if priced else None,
        settings.gallery_starred, settings.gallery_related, settings.gallery_page, PAGE_SIZE)


def _period(settings: bpy.types.PropertyGroup) -> tuple[float, float]:
    """(since, until) in seconds since the epoch, by this machine's days; 0 for open."""
    midnight = datetime.now().replace(hour=0, minute=0, second=0, microsecond=0)
    if settings.gallery_period == CUSTOM:
        return _day(settings.gallery_since), _day(settings.gallery_until, after=1)
    if settings.gallery_period == "ALL":
        return 0.0, 0.0
    return (midnight - timedelta(days=int(settings.gallery_period) - 1)).timestamp(), 0.0


def _day(text: str, after: int = 0) -> float:
    try:
        return max(0.0, (datetime.strptime(text.strip(), "%Y-%m-%d") + timedelta(days=after)).timestamp())
    except (ValueError, OverflowError, OSError):
        return 0.0


class GPTIMAGE_OT_search_history(bpy.types.Operator):
    bl_idname = "gptimage.search_history"
    bl_label = "Search History"
    bl_description = "Show every picture that was made, newest first, or those that fit the search"
    bl_options = {'INTERNAL'}

    words: StringProperty(name="Search", description="Beginnings of words to look for", options={'SKIP_SAVE'})
    page: IntProperty(name="Page", description="Which page, from 0", default=0, min=0, options={'SKIP_SAVE'})

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.window_manager.gptimage
        if self.properties.is_property_set("words"):
            settings.gallery_words, settings.gallery_page = self.words, 0
        if self.properties.is_property_set("page"):
            settings.gallery_page = self.page
        try:
            host.gallery.search(read_query(context))
        except GptImageError as error:
            return report(self, error)
        return {'FINISHED'}


class GPTIMAGE_OT_clear_search(bpy.types.Operator):
    bl_idname = "gptimage.clear_search"
    bl_label = "Clear Search"
    bl_description = "Show all again"
    bl_options = {'INTERNAL'}

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.window_manager.gptimage
        for name in GallerySettings.__annotations__:
            if name not in ("gallery_entry", "compared"):
                settings.property_unset(name)
        return {'FINISHED'}


class EntryOperator:
    """An operator on one entry: the one named, else the selected one. A mixin."""

    bl_options = {'INTERNAL'}
    entry: StringProperty(name="Entry", description="The entry's name; empty for the selected one", options={'SKIP_SAVE'})

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            name = self.entry or context.window_manager.gptimage.gallery_entry
            core.entries.split_entry_id(name)
            self.act(context, name)
        except GptImageError as error:
            return report(self, error)
        return {'FINISHED'}


class GPTIMAGE_OT_pick_entry(EntryOperator, bpy.types.Operator):
    bl_idname = "gptimage.pick_entry"
    bl_label = "Select"
    bl_description = "Show this picture's facts, and what can be done with it"

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        found = host.gallery.entry(properties.entry)
        return found.prompt if found else cls.bl_description

    def act(self, context: bpy.types.Context, name: str) -> None:
        context.window_manager.gptimage.gallery_entry = name


class GPTIMAGE_OT_related_entries(EntryOperator, bpy.types.Operator):
    bl_idname = "gptimage.related_entries"
    bl_label = "Related"
    bl_description = "Show this picture, those it was made from, and those that were made from it"

    def act(self, context: bpy.types.Context, name: str) -> None:
        bpy.ops.gptimage.clear_search()
        context.window_manager.gptimage.gallery_related = name
        host.gallery.search(read_query(context))


class GPTIMAGE_OT_star_entry(EntryOperator, bpy.types.Operator):
    bl_idname = "gptimage.star_entry"
    bl_label = "Star"
    bl_description = "Give it a star, or take it away. What has a star is never freed by age"

    def act(self, context: bpy.types.Context, name: str) -> None:
        found = host.gallery.entry(name)
        host.gallery.ask(core.protocol.NoteEntries((name,), star=not (found and found.star)))


class GPTIMAGE_OT_tag_entry(EntryOperator, bpy.types.Operator):
    bl_idname = "gptimage.tag_entry"
    bl_label = "Tags"
    bl_description = "Words to find it by, with commas between"

    tags: StringProperty(name="Tags", description="Words to find it by, with commas between")

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        found = host.gallery.entry(self.entry or context.window_manager.gptimage.gallery_entry)
        self.tags = ", ".join(found.tags) if found else ""
        return context.window_manager.invoke_props_dialog(self)

    def act(self, context: bpy.types.Context, name: str) -> None:
        host.gallery.ask(core.protocol.NoteEntries((name,), tags=tuple(dict.fromkeys(tag for each in self.tags.split(",") if (tag := each.strip())))))


class GPTIMAGE_OT_open_entry_folder(EntryOperator, bpy.types.Operator):
    bl_idname = "gptimage.open_entry_folder"
    bl_label = "Open Folder"
    bl_description = "Show the job's folder, with its pictures, its request and its answer, in the system's file browser"

    def act(self, context: bpy.types.Context, name: str) -> None:
        folder = host.journal.folder(core.entries.split_entry_id(name)[0])
        if not folder.is_dir():
            raise InputError("The job's folder is gone", field="entry", hint="Delete the entry")
        bpy.ops.wm.path_open(filepath=str(folder))


# --- space ------------------------------------------------------------------------------------------------

class GPTIMAGE_OT_measure_entry(EntryOperator, bpy.types.Operator):
    bl_idname = "gptimage.measure_entry"
    bl_label = "Delete"
    bl_description = "See how much space deleting this picture frees, and whether it ever reached a file. Deletes nothing yet"

    def act(self, context: bpy.types.Context, name: str) -> None:
        host.gallery.ask(core.protocol.MeasureEntries((name,)))


class GPTIMAGE_OT_measure_old(bpy.types.Operator):
    bl_idname = "gptimage.measure_old"
    bl_label = "Free Space"
    bl_description = ("See how much space the pictures take that are older than the preferences say, without a star, and in a file. "
                      "Deletes nothing yet")
    bl_options = {'INTERNAL'}

    def execute(self, context: bpy.types.Context) -> set[str]:
        midnight = datetime.now().replace(hour=0, minute=0, second=0, microsecond=0)
        try:
            host.gallery.ask(core.protocol.MeasureEntries(before_s=(midnight - timedelta(days=read_preferences().keep_days)).timestamp()))
        except GptImageError as error:
            return report(self, error)
        return {'FINISHED'}


class GPTIMAGE_OT_delete_measured(bpy.types.Operator):
    bl_idname = "gptimage.delete_measured"
    bl_label = "Delete"
    bl_description = "Delete what was measured, with all files in the data folder. Images in .blend files stay. This cannot be undone"
    bl_options = {'INTERNAL'}

    keep: BoolProperty(name="Keep", description="Delete nothing", default=False, options={'SKIP_SAVE'})

    def execute(self, context: bpy.types.Context) -> set[str]:
        space = host.gallery.space
        try:
            if space is None or space.error:
                raise InputError("Nothing was measured", field="entry", hint="Press Delete or Free Space first")
            if self.keep:
                host.gallery.space = None
            else:
                host.gallery.ask(core.protocol.DeleteEntries(space.question.entries, space.question.before_s))
        except GptImageError as error:
            return report(self, error)
        return {'FINISHED'}


# --- to other machines ------------------------------------------------------------------------------------

class _HistoryFile(FileOperator):
    """Operators on a zip file of entries. A mixin."""

    bl_options = {'INTERNAL'}
    file_name = "gptimage_history.zip"
    filter_glob: StringProperty(name="Kind of File", description="Which files are listed", default="*.zip", options={'HIDDEN'})

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            host.gallery.ask(self.message(context, str(self.path)))
        except GptImageError as error:
            return report(self, error)
        return {'FINISHED'}


class GPTIMAGE_OT_export_history(_HistoryFile, bpy.types.Operator):
    bl_idname = "gptimage.export_history"
    bl_label = "Export"
    bl_description = "Write the page that is shown, or the selected entry alone, into a zip file: pictures, words, settings, tags"

    only_selected: BoolProperty(name="Selected Only", description="Only the selected entry, not the page", default=False)

    def message(self, context: bpy.types.Context, path: str) -> "core.protocol.Message":
        page, selected = host.gallery.page, context.window_manager.gptimage.gallery_entry
        ids = (selected,) if self.only_selected and selected else tuple(entry.id for entry in page.entries) if page else ()
        if not ids:
            raise InputError("Nothing is shown to export", field="entry", hint="Search the history first")
        return core.protocol.ExportEntries(ids, path)


class GPTIMAGE_OT_import_history(_HistoryFile, bpy.types.Operator):
    bl_idname = "gptimage.import_history"
    bl_label = "Import"
    bl_description = "Take in the pictures of a zip file that Export has written. What is here already stays as it is"

    def message(self, context: bpy.types.Context, path: str) -> "core.protocol.Message":
        return core.protocol.ImportEntries(path)


classes = (
    GPTIMAGE_OT_search_history, GPTIMAGE_OT_clear_search, GPTIMAGE_OT_pick_entry, GPTIMAGE_OT_star_entry, GPTIMAGE_OT_tag_entry,
    GPTIMAGE_OT_related_entries, GPTIMAGE_OT_open_entry_folder, GPTIMAGE_OT_measure_entry, GPTIMAGE_OT_measure_old,
    GPTIMAGE_OT_delete_measured, GPTIMAGE_OT_export_history, GPTIMAGE_OT_import_history,
)


def register() -> None:
    host.gallery.wanted = lambda: read_query(bpy.context)


def unregister() -> None:
    host.gallery.wanted = None
