# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Style sheets: a look that a project keeps, in collections of the .blend, as assets, and as folders.

A sheet is an empty collection with the look as its settings: Blender saves, appends, links and imports it with the pictures that it uses,
and the Asset Browser lists it.

No postponed annotations here: Blender reads those of the classes as properties.
"""

from pathlib import Path

import bpy
from bpy.props import BoolProperty, CollectionProperty, EnumProperty, FloatVectorProperty, IntProperty, PointerProperty, StringProperty

from .. import blender, library
from ..blender import images
from ..blender.paths import scratch_file
from ..core import catalog
from ..core.errors import GptImageError, InputError
from ..core.prompts import ROLES
from ..core.styles import STYLE_FILE, StylePicture, StyleSheet, hex_color, rgb_of
from .references import FREE_ROLE, GPTIMAGE_PG_reference, role_of, shown_reference
from .report import report
from .settings import KEEP

__all__ = ("GPTIMAGE_PG_style", "GPTIMAGE_PG_style_color", "StyleSettings", "find_sheet", "read_sheet", "style_sheets")

CATALOG = "Style Sheets"


class GPTIMAGE_PG_style_color(bpy.types.PropertyGroup):
    """One color of a palette."""

    color: FloatVectorProperty(
        name="Color", description="A color of the palette, as it is shown", subtype='COLOR_GAMMA', size=3, min=0.0, max=1.0, default=(0.5, 0.5, 0.5))


class GPTIMAGE_PG_style(bpy.types.PropertyGroup):
    """A look, on a collection."""

    is_sheet: BoolProperty(name="Is Style Sheet", description="Whether this collection is a style sheet", options={'HIDDEN'})
    words: StringProperty(name="Style", description="Words that are added to each prompt", options={'TEXTEDIT_UPDATE'})
    forbidden: StringProperty(name="Nowhere", description="What must not be in any picture", options={'TEXTEDIT_UPDATE'})
    colors: CollectionProperty(name="Palette", description="The colors of the look", type=GPTIMAGE_PG_style_color)
    references: CollectionProperty(name="References", description="Pictures that are sent along with each request", type=GPTIMAGE_PG_reference)
    reference_index: IntProperty(name="Reference", description="The chosen picture", min=0, options={'SKIP_SAVE'})
    model: EnumProperty(
        name="Model", description="The model that this look is made with", default=KEEP,
        items=[(KEEP, "As Set", "The model that is set"), *((m.id, m.label, f"Always {m.label}") for m in catalog.MODELS.values())])
    quality: EnumProperty(
        name="Quality", description="The quality that this look is made with", default=KEEP,
        items=[(KEEP, "As Set", "The quality that is set"), *((q, q.title(), f"Always {q}") for q in catalog.QUALITIES)])


class StyleSettings:
    """Which sheet is used. A mixin for the scene's settings."""

    style_sheet: PointerProperty(name="Style Sheet", description="The look that the pictures get", type=bpy.types.Collection)
    use_style_sheet: BoolProperty(
        name="Use Style Sheet", description="Give textures, references and touch-ups the look of the style sheet", default=True)


def style_sheets() -> list[bpy.types.Collection]:
    """All style sheets of the file, those of asset libraries that were imported too."""
    return [collection for collection in bpy.data.collections if collection.gptimage_style.is_sheet]


def read_sheet(collection: bpy.types.Collection) -> StyleSheet:
    """The look as a value; its pictures' files are image names."""
    style = collection.gptimage_style
    return StyleSheet(
        collection.name, style.words, style.forbidden, tuple(hex_color(each.color) for each in style.colors),
        "" if style.model == KEEP else style.model, "" if style.quality == KEEP else style.quality,
        tuple(StylePicture(item.image.name, role_of(item)) for item in style.references if item.use and item.image))


# The sheets that `find_sheet` has imported in this session, by their style.json and its time: for all jobs of a job file one.
_imported: dict[tuple[str, int], int] = {}


def find_sheet(name: str) -> bpy.types.Collection:
    """The sheet of that name in the file, or of the folder of that path, which is imported once. Raises InputError."""
    found = next((collection for collection in style_sheets() if collection.name == name), None)
    if found:
        return found
    folder = Path(bpy.path.abspath(name))
    file = folder / STYLE_FILE
    if not file.is_file():
        raise InputError(f"There is no style sheet {name!r}", field="style_sheet", hint="Name one of the file, or a folder with style.json")
    key = str(file.resolve()), file.stat().st_mtime_ns
    known = next((each for each in style_sheets() if each.session_uid == _imported.get(key)), None) or import_sheet(folder)
    _imported[key] = known.session_uid
    return known


def new_sheet(name: str) -> bpy.types.Collection:
    collection = bpy.data.collections.new(name)
    collection.use_fake_user = True             # it is in no scene
    collection.gptimage_style.is_sheet = True
    return collection


def _set_role(item: GPTIMAGE_PG_reference, role: str) -> None:
    name, _, more = role.partition(":")
    known = name.strip() in ROLES
    item.role, item.words = (name.strip(), more.strip()) if known else (FREE_ROLE, role)


# --- folders ----------------------------------------------------------------------------------------------

def export_sheet(collection: bpy.types.Collection, folder: Path, scene: bpy.types.Scene) -> Path:
    """Write the sheet as a folder of that name: style.json and its pictures. Raises InputError."""
    sheet = read_sheet(collection)
    pictures, files = [], {}
    for number, picture in enumerate(sheet.pictures, 1):
        image = bpy.data.images[picture.file]
        shown_reference(image, "", scene)       # no file that the artist has not looked at
        data, mime = images.picture_bytes(image, field="references")
        file = f"{number:02d} {bpy.path.clean_name(picture.file)}".removesuffix(images.SUFFIXES[mime]) + images.SUFFIXES[mime]
        files[file] = data
        pictures.append(picture._replace(file=file, name=picture.file))
    target = folder / bpy.path.clean_name(sheet.name)
    library.styles.write_style(target, sheet._replace(pictures=tuple(pictures)), files)
    return target


def import_sheet(folder: Path) -> bpy.types.Collection:
    """The sheet of such a folder, its pictures packed. Raises InputError."""
    sheet = library.styles.read_style(folder)
    collection = new_sheet(sheet.name)
    style = collection.gptimage_style
    style.words, style.forbidden = sheet.words, sheet.forbidden
    style.model = sheet.model if sheet.model in catalog.MODELS else KEEP
    style.quality = sheet.quality if sheet.quality in catalog.QUALITIES else KEEP
    for color in sheet.colors:
        style.colors.add().color = rgb_of(color)
    for picture in sheet.pictures:
        image = bpy.data.images.load(str(folder / picture.file))
        image.name = picture.name or image.name
        image.pack()
        item = style.references.add()
        item.image = image
        _set_role(item, picture.role)
    return collection


# --- the operators ----------------------------------------------------------------------------------------

_items: list[tuple[str, str, str]] = []         # Blender does not keep the texts of a list that changes


def _sheets(self: object, context: bpy.types.Context) -> list[tuple[str, str, str]]:
    _items[:] = [(sheet.name, sheet.name, sheet.gptimage_style.words) for sheet in style_sheets()] \
        or [("", "None Yet", "There is no style sheet yet")]
    return _items


class GPTIMAGE_OT_use_style_sheet(bpy.types.Operator):
    bl_idname = "gptimage.use_style_sheet"
    bl_label = "Use Style Sheet"
    bl_description = "Choose the look that the pictures get"
    bl_options = {'REGISTER', 'UNDO'}

    sheet: EnumProperty(name="Style Sheet", description="A style sheet of this file", items=_sheets)

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.gptimage
        settings.style_sheet, settings.use_style_sheet = bpy.data.collections.get(self.sheet), True
        return {'FINISHED'}


class GPTIMAGE_OT_new_style_sheet(bpy.types.Operator):
    bl_idname = "gptimage.new_style_sheet"
    bl_label = "New Style Sheet"
    bl_description = "Make a style sheet and move the references that are on into it"
    bl_options = {'REGISTER', 'UNDO'}

    name: StringProperty(name="Name", description="What the look is called", default="Style Sheet")

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.gptimage
        sheet = new_sheet(self.name)
        for index in reversed([i for i, item in enumerate(settings.references) if item.use]):
            moved, item = settings.references[index], sheet.gptimage_style.references.add()
            item.image, item.role, item.words = moved.image, moved.role, moved.words
            sheet.gptimage_style.references.move(len(sheet.gptimage_style.references) - 1, 0)
            settings.references.remove(index)
        settings.style_sheet, settings.use_style_sheet = sheet, True
        return {'FINISHED'}


class _OnSheet:
    """Operators on the style sheet that is used. A mixin."""

    bl_options = {'REGISTER', 'UNDO'}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.scene.gptimage.style_sheet is None:
            cls.poll_message_set("No style sheet is chosen")
            return False
        return True


class GPTIMAGE_OT_leave_style_sheet(_OnSheet, bpy.types.Operator):
    bl_idname = "gptimage.leave_style_sheet"
    bl_label = "Leave Style Sheet"
    bl_description = "Use no style sheet any more. It stays in the file"

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.scene.gptimage.style_sheet = None
        return {'FINISHED'}


class GPTIMAGE_OT_edit_style_colors(_OnSheet, bpy.types.Operator):
    bl_idname = "gptimage.edit_style_colors"
    bl_label = "Edit Palette"
    bl_description = "Add a color to the palette, or take one off it"

    remove: IntProperty(name="Remove", description="Which color to take off; below 0 one is added", default=-1, options={'SKIP_SAVE'})

    def execute(self, context: bpy.types.Context) -> set[str]:
        colors = context.scene.gptimage.style_sheet.gptimage_style.colors
        if self.remove < 0:
            colors.add()
        else:
            colors.remove(self.remove)
        return {'FINISHED'}


class GPTIMAGE_OT_move_to_style_sheet(_OnSheet, bpy.types.Operator):
    bl_idname = "gptimage.move_to_style_sheet"
    bl_label = "Move Between List and Sheet"
    bl_description = "Move a picture from the references into the style sheet, or back"

    to_list: BoolProperty(name="Back", description="From the style sheet into the references", options={'SKIP_SAVE'})

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.gptimage
        style = settings.style_sheet.gptimage_style
        source, target = (style, settings) if self.to_list else (settings, style)
        if not 0 <= source.reference_index < len(source.references):
            return {'CANCELLED'}
        moved, item = source.references[source.reference_index], target.references.add()
        item.image, item.role, item.words, item.use = moved.image, moved.role, moved.words, moved.use
        source.references.remove(source.reference_index)
        source.reference_index = max(0, source.reference_index - 1)
        target.reference_index = len(target.references) - 1
        return {'FINISHED'}


class GPTIMAGE_OT_mark_style_sheet(_OnSheet, bpy.types.Operator):
    bl_idname = "gptimage.mark_style_sheet"
    bl_label = "Mark as Asset"
    bl_description = "List the style sheet in the Asset Browser. Its pictures are packed into this file, so that they come along"

    def execute(self, context: bpy.types.Context) -> set[str]:
        sheet = context.scene.gptimage.style_sheet
        pictures = [item.image for item in sheet.gptimage_style.references if item.image]
        try:
            for image in pictures:
                _pack(image, context.scene)
            with scratch_file(".png") as path:
                if pictures:
                    path.write_bytes(images.picture_bytes(pictures[0])[0])
                blender.assets.mark_as_asset(sheet, catalog=CATALOG, tags=["style"], description=sheet.gptimage_style.words, author="GPT Image",
                                             preview_picture=path if pictures else None, render_preview=False)
        except GptImageError as error:
            return report(self, error)
        return {'FINISHED'}


def _pack(image: bpy.types.Image, scene: bpy.types.Scene) -> None:
    shown_reference(image, "", scene)           # no file that the artist has not looked at
    if image.packed_file or image.type == 'RENDER_RESULT':
        return
    try:
        image.pack()
    except RuntimeError as error:
        raise InputError(f"{image.name} cannot be packed: {error}", field="references", hint="Check that its file is there") from error


class _StyleFolder:
    """Operators on the folder of a style sheet. A mixin."""

    directory: StringProperty(name="Folder", description="A folder", subtype='DIR_PATH', options={'SKIP_SAVE'})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {'RUNNING_MODAL'}


class GPTIMAGE_OT_export_style_sheet(_OnSheet, _StyleFolder, bpy.types.Operator):
    bl_idname = "gptimage.export_style_sheet"
    bl_label = "Export Style Sheet"
    bl_description = "Write the style sheet as a folder of its name: its pictures, and style.json"

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            target = export_sheet(context.scene.gptimage.style_sheet, Path(bpy.path.abspath(self.directory)), context.scene)
        except GptImageError as error:
            return report(self, error)
        self.report({'INFO'}, f"The style sheet is in {target}")
        return {'FINISHED'}


class GPTIMAGE_OT_import_style_sheet(_StyleFolder, bpy.types.Operator):
    bl_idname = "gptimage.import_style_sheet"
    bl_label = "Import Style Sheet"
    bl_description = "Add the style sheet of a folder, and use it"
    bl_options = {'REGISTER', 'UNDO'}

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.gptimage
        try:
            settings.style_sheet = import_sheet(Path(bpy.path.abspath(self.directory)))
        except GptImageError as error:
            return report(self, error)
        settings.use_style_sheet = True
        return {'FINISHED'}


classes = (
    GPTIMAGE_OT_use_style_sheet, GPTIMAGE_OT_new_style_sheet, GPTIMAGE_OT_leave_style_sheet, GPTIMAGE_OT_edit_style_colors,
    GPTIMAGE_OT_move_to_style_sheet, GPTIMAGE_OT_mark_style_sheet, GPTIMAGE_OT_export_style_sheet, GPTIMAGE_OT_import_style_sheet,
)


def register() -> None:
    bpy.types.Collection.gptimage_style = PointerProperty(type=GPTIMAGE_PG_style)


def unregister() -> None:
    del bpy.types.Collection.gptimage_style
