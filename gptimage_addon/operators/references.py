# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pictures that are sent along: a list in the scene, each with its role, and what is read of it when something is sent.

No postponed annotations here: Blender reads those of the classes as properties.
"""

from pathlib import Path

import bpy
from bpy.props import BoolProperty, CollectionProperty, EnumProperty, IntProperty, PointerProperty, StringProperty

from .. import blender, operators
from ..blender import images
from ..core.catalog import MAX_IMAGES
from ..core.errors import GptImageError, InputError
from ..core.prompts import CONTINUED, FIRST, ROLES
from ..imaging.png import encode_png
from .plan import Reference, chain_of
from .report import report
from .settings import used_style
from .variants import shown_image, variant_holder

__all__ = (
    "FREE_ROLE", "GPTIMAGE_PG_reference", "ReferenceList", "add_image", "first_of", "load_reference", "read_references", "read_series",
    "role_of", "sends_pictures", "shown_reference", "shown_references",
)

FREE_ROLE = "words"
_TIPS = {
    "style": "Its medium, light and mood are taken over, not what it shows", "palette": "Its colors are used. Costs least",
    "subject": "The very same thing or person is shown", "material": "The surface is made of what it shows",
    "composition": "The picture is framed and arranged like it", "depth": "It is a depth map, light is near: the layout in space is kept",
    "lettering": "It shows letters, black on white, that the picture is to bear at this place",
    "layout": "What is where is kept; look and material are placeholders",
}
SOURCES = (
    ("image", "Image", "An image of this file, chosen in the list"),
    ("file", "Files...", "Pictures from files. Any format that Blender reads"),
    ("shown", "Shown Image", "The image that is shown here: in the Image Editor, or in the active object's material"),
    ("render", "Render Result", "The render, as it is shown when the request is sent"),
    ("asset", "Asset Browser", "The preview of the asset that is chosen in an open Asset Browser"),
    ("clipboard", "Clipboard", "The picture on the clipboard, as a new image"),
)
# Of the scene, taken now.
CAPTURES = (
    ("viewport", "Viewport", "What the 3D Viewport shows, without its overlays"),
    ("solid", "Viewport, Solid", "The 3D Viewport in Solid shading"),
    ("material", "Viewport, Material Preview", "The 3D Viewport in Material Preview"),
    ("rendered", "Viewport, Rendered", "The 3D Viewport in Rendered shading"),
    ("camera", "Camera View", "What the camera sees, rendered as the scene is"),
    ("clay", "Camera View, Clay", "What the camera sees, all of one matt material"),
    ("selected", "Camera View, Selected Only", "What the camera sees of the selected objects, on a clean background"),
    ("depth", "Depth", "How far all is that the camera sees: near is light"),
    ("normal", "Normals", "Where the surfaces face that the camera sees"),
    ("ids", "Objects", "Each object that the camera sees in a color of its own. The model is told which is which"),
    ("uv", "UV Layout", "The UV map of the active object"),
)


class GPTIMAGE_PG_reference(bpy.types.PropertyGroup):
    """One picture to send along. Without Python properties of its own: Blender 4.2 as a module crashes at its end over them."""

    image: PointerProperty(name="Image", description="The picture to send. Of movies and sequences the present frame", type=bpy.types.Image)
    use: BoolProperty(name="Send", description="Send this picture along", default=True)
    role: EnumProperty(
        name="Role", description="What the picture is sent for. The model is told in words", default="style",
        items=[(name, name.title(), _TIPS[name]) for name in ROLES] + [(FREE_ROLE, "Own Words", "Only your own words tell what it is for")])
    words: StringProperty(name="Words", description="What the model is told about this picture")


class ReferenceList:
    """The list in the scene's settings. A mixin like RequestSettings."""

    references: CollectionProperty(name="References", description="Pictures that are sent along", type=GPTIMAGE_PG_reference)
    reference_index: IntProperty(name="Reference", description="The picture that is shown below the list", min=0, options={'SKIP_SAVE'})
    continued: PointerProperty(name="Continues", description="The result that the next picture goes on from", type=bpy.types.Image)
    continued_first: PointerProperty(
        name="First", description="The first picture of its series, which goes along so that nothing drifts away from it", type=bpy.types.Image)
    use_references: BoolProperty(
        name="Send References", description="Send the pictures that are on along with textures, references and touch-ups", default=True)


# --- what is sent -----------------------------------------------------------------------------------------

def role_of(item: GPTIMAGE_PG_reference) -> str:
    """The role as requests have it: a name of `ROLES`, with more words after a colon, or words."""
    words = item.words.strip()
    return words if item.role == FREE_ROLE else f"{item.role}: {words}" if words else item.role


# The files outside the .blend that the artist has added or had read in this session, and their sizes. Not kept in the .blend: from
# there a stranger's could have any file of this machine read and sent.
_read_files: dict[str, tuple[int, int]] = {}


def _size(image: bpy.types.Image, scene: bpy.types.Scene) -> tuple[int, int]:
    """The picture's size, without reading a file outside the .blend. Raises InputError where that would be needed."""
    if image.type == 'RENDER_RESULT':           # has no size of its own before it is drawn
        render = scene.render
        return tuple(side * render.resolution_percentage // 100 for side in (render.resolution_x, render.resolution_y))
    path = images.outside_path(image)
    if path and str(path) not in _read_files:
        raise InputError(f"The reference {image.name} has not been read yet: {path}", field="references", hint="Press Read Pictures")
    in_memory = image.has_data and image.source != 'SEQUENCE'       # each of whose frames is a file
    return tuple(image.size) if in_memory or not path else _read_files[str(path)]


def _read_file(image: bpy.types.Image, scene: bpy.types.Scene) -> bool:
    """Look at the image's file, if it has one outside the .blend: from now on it may be shown, priced and sent. Whether it is there."""
    path = images.outside_path(image)
    if path is None:
        return image.type == 'RENDER_RESULT' or all(image.size)
    size = tuple(image.size)
    if image.source == 'SEQUENCE':
        try:
            size = blender.sources.present_source(image, scene).size
        except InputError:
            size = (0, 0)
    _read_files[str(path)] = size
    return all(size)


def _wanted(settings: ReferenceList, touch_up: bool) -> list[tuple[bpy.types.Image | None, str]]:
    """The pictures that go along, in order, with their roles: the series that is continued, the list, and the style sheet's."""
    series = [] if touch_up else [(settings.continued_first, FIRST), (settings.continued, CONTINUED)]
    style = used_style(settings)
    items = [*(settings.references if settings.use_references else ()), *(style.references if style else ())]
    return [pair for pair in series if pair[0]] + [(item.image, role_of(item)) for item in items if item.use]


def sends_pictures(settings: ReferenceList) -> bool:
    """Whether pictures are to go along with textures and references. Cheap."""
    return bool(_wanted(settings, False))


def shown_references(settings: ReferenceList, *, touch_up: bool = False) -> tuple[Reference, ...]:
    """The pictures that would be sent along, without their data. Reads no file; a panel may call it. Raises InputError.

    A touch-up continues its own picture and no other.
    """
    return tuple(shown_reference(image, role, settings.id_data) for image, role in _wanted(settings, touch_up))


def shown_reference(image: bpy.types.Image | None, role: str, scene: bpy.types.Scene) -> Reference:
    """One picture as it would be sent, without its data. Reads no file; a panel may call it. Raises InputError."""
    if image is None:
        raise InputError("A reference has no picture", field="references", hint="Choose its image, turn it off, or remove it")
    size, path = _size(image, scene), images.outside_path(image)
    if not all(size):
        raise InputError(f"The reference {image.name} has no pixels" + (f": {path}" if path else ""), field="references",
                         hint="Check that its file is there, turn it off, or remove it")
    return Reference(image.name, *size, role, path=str(path or ""), chain=chain_of(image))


def load_reference(source: "blender.sources.Source", role: str = "", *, path: str = "", chain: tuple[str, ...] = ()) -> Reference:
    """A picture that was read, with its role."""
    return Reference(source.name, source.width_px, source.height_px, role, source.data, source.suffix, source.pixels, source.has_alpha, path,
                     chain=chain)


def read_references(scene: bpy.types.Scene, *, touch_up: bool = False) -> tuple[Reference, ...]:
    """The pictures that are sent along, read now. Raises InputError, also where one is not of the size that was shown."""
    settings = scene.gptimage
    return tuple(_read(image, expected, scene) for (image, _), expected in zip(
        _wanted(settings, touch_up), shown_references(settings, touch_up=touch_up), strict=True))


def _read(image: bpy.types.Image, expected: Reference, scene: bpy.types.Scene) -> Reference:
    source = blender.sources.present_source(image, scene)
    if source.size == (expected.width_px, expected.height_px):
        return load_reference(source, expected.role, path=expected.path, chain=expected.chain)
    if image.type == 'RENDER_RESULT':
        raise InputError(f"The render has {source.width_px} x {source.height_px} px, the scene's resolution is "
                         f"{expected.width_px} x {expected.height_px}", field="references", hint="Render again, or set it back")
    image.reload()
    _read_file(image, scene)
    raise InputError(f"The reference {image.name} has {source.width_px} x {source.height_px} px now, and its price has changed",
                     field="references", hint="Look at the price, and press the button again")


# --- the list ---------------------------------------------------------------------------------------------

def add_image(settings: ReferenceList, image: bpy.types.Image | None, role: str = "style") -> GPTIMAGE_PG_reference:
    """A new item at the list's end, which becomes the active one. Raises InputError if the list is full."""
    if len(settings.references) >= MAX_IMAGES:
        raise InputError(f"At most {MAX_IMAGES} pictures can be sent at once", field="references", hint="Remove one first")
    item = settings.references.add()
    item.image, item.role = image, role
    settings.reference_index = len(settings.references) - 1
    if image:
        _read_file(image, settings.id_data)
    return item


class GPTIMAGE_OT_add_reference(bpy.types.Operator):
    bl_idname = "gptimage.add_reference"
    bl_label = "Add Reference"
    bl_description = "Add a picture that is sent along"
    bl_options = {'REGISTER', 'UNDO'}

    source: EnumProperty(name="Source", description="Where the picture comes from", items=SOURCES + CAPTURES, default="image")
    image: StringProperty(name="Image", description="Name of the image", options={'SKIP_SAVE'})
    role: EnumProperty(name="Role", description="What the picture is sent for", items=[(name, name.title(), _TIPS[name]) for name in ROLES])
    directory: StringProperty(name="Directory", description="Folder of the files", subtype='DIR_PATH', options={'SKIP_SAVE', 'HIDDEN'})
    files: CollectionProperty(name="Files", description="Names of the files", type=bpy.types.OperatorFileListElement, options={'SKIP_SAVE', 'HIDDEN'})
    filter_image: BoolProperty(name="Show Images", description="Show images in the file browser", default=True, options={'HIDDEN'})
    filter_movie: BoolProperty(name="Show Movies", description="Show movies in the file browser", default=True, options={'HIDDEN'})
    filter_folder: BoolProperty(name="Show Folders", description="Show folders in the file browser", default=True, options={'HIDDEN'})

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        return next(tip for name, _, tip in SOURCES + CAPTURES if name == properties.source)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if self.source == "file" and not self.files:
            context.window_manager.fileselect_add(self)
            return {'RUNNING_MODAL'}
        return self.execute(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.gptimage
        try:
            if any(self.source == name for name, _, _ in CAPTURES):
                taken = operators.captures.take(context, self.source, settings.match_camera)
                operators.captures.put_into(add_image(settings, None), taken, self.source)
                return {'FINISHED'}
            for image in self._images(context):
                add_image(settings, image, self.role)
        except GptImageError as error:
            return report(self, error)
        return {'FINISHED'}

    def _images(self, context: bpy.types.Context) -> list[bpy.types.Image | None]:
        if self.source == "file":
            return [_load(Path(self.directory, file.name)) for file in self.files if file.name]
        if self.source == "shown":
            image = getattr(context.space_data, "image", None) or shown_image(context)
            if image is None:
                raise InputError("No image is shown here", field="source", hint="Show one in the Image Editor, or choose another source")
            return [image]
        if self.source == "render":
            image = bpy.data.images.get(images.RENDER_RESULT)
            if image is None:
                raise InputError("There is no Render Result", field="source", hint="Render the scene first")
            return [image]
        if self.source == "asset":
            name, rows = blender.assets.chosen_asset(context)
            return [images.pack_picture(name, encode_png(rows))]
        if self.source == "clipboard":
            return [_paste(context)]
        if self.image and self.image not in bpy.data.images:
            raise InputError(f"There is no image {self.image!r}", field="image", hint="Check its name")
        return [bpy.data.images.get(self.image)]


def _load(path: Path) -> bpy.types.Image:
    try:
        return bpy.data.images.load(str(path), check_existing=True)
    except RuntimeError as error:
        raise InputError(f"{path} cannot be read", field="files", hint="Check that it is a picture") from error


def _paste(context: bpy.types.Context) -> bpy.types.Image:
    """The clipboard's picture as a packed image. Raises InputError if there is none, or Blender cannot get at it."""
    before = set(bpy.data.images)
    try:
        with blender.capture.image_editor(context):
            bpy.ops.image.clipboard_paste()
    except RuntimeError as error:
        raise InputError("There is no picture on the clipboard that Blender can read", field="source",
                         hint="Copy one, or save it and use its file") from error
    image = next(iter(set(bpy.data.images) - before), None)
    if image is None:
        raise InputError("There is no picture on the clipboard", field="source", hint="Copy one, or save it and use its file")
    image.pack()
    return image


class _OnList:
    """Operators on the list's active item. A mixin."""

    bl_options = {'REGISTER', 'UNDO'}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        settings = context.scene.gptimage
        if not 0 <= settings.reference_index < len(settings.references):
            cls.poll_message_set("No reference is chosen in the list")
            return False
        return True


class GPTIMAGE_OT_remove_reference(_OnList, bpy.types.Operator):
    bl_idname = "gptimage.remove_reference"
    bl_label = "Remove Reference"
    bl_description = "Take the active picture off the list. The image stays"

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.gptimage
        settings.references.remove(settings.reference_index)
        settings.reference_index = max(0, min(settings.reference_index, len(settings.references) - 1))
        return {'FINISHED'}


class GPTIMAGE_OT_move_reference(_OnList, bpy.types.Operator):
    bl_idname = "gptimage.move_reference"
    bl_label = "Move Reference"
    bl_description = "Change the order in which the pictures are sent"

    step: IntProperty(name="Step", description="How many places down, or up if negative", default=1)

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.gptimage
        to = min(max(settings.reference_index + self.step, 0), len(settings.references) - 1)
        settings.references.move(settings.reference_index, to)
        settings.reference_index = to
        return {'FINISHED'}


class GPTIMAGE_OT_take_again(_OnList, bpy.types.Operator):
    bl_idname = "gptimage.take_again"
    bl_label = "Take Again"
    bl_description = "Take the active picture of the scene once more, as that is now"

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.gptimage
        item = settings.references[settings.reference_index]
        try:
            kind = item.image.get(operators.captures.CAPTURE) if item.image else None
            if not kind:
                raise InputError("This picture was not taken of the scene", field="references", hint="Choose one that was")
            operators.captures.put_into(item, operators.captures.take(context, kind, settings.match_camera), kind)
        except GptImageError as error:
            return report(self, error)
        return {'FINISHED'}


class GPTIMAGE_OT_read_references(bpy.types.Operator):
    bl_idname = "gptimage.read_references"
    bl_label = "Read Pictures"
    bl_description = "Look at the pictures' files, to show them and their prices. Files outside this .blend are not read before"

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene = context.scene
        wanted = [image for image, _ in _wanted(scene.gptimage, touch_up=False) if image]
        missing = [str(images.outside_path(image) or image.name) for image in wanted if not _read_file(image, scene)]
        if missing:
            self.report({'WARNING'}, f"Cannot be read: {', '.join(missing)}")
        return {'FINISHED'}


# --- series -----------------------------------------------------------------------------------------------

class GPTIMAGE_OT_continue_result(bpy.types.Operator):
    bl_idname = "gptimage.continue_result"
    bl_label = "Continue From This"
    bl_description = ("Send this result along with the next pictures, and the first picture of its series, so that who or what it shows stays "
                      "the same")
    bl_options = {'REGISTER', 'UNDO'}

    image: StringProperty(name="Image", description="Name of the image. Without one, the one that is shown", options={'SKIP_SAVE'})
    stop: BoolProperty(name="Stop", description="Continue nothing any more", options={'SKIP_SAVE'})

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        return "Continue nothing any more" if properties.stop else cls.bl_description

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.gptimage
        if self.stop:
            settings.continued = settings.continued_first = None
            return {'FINISHED'}
        holder = variant_holder(context)
        image = bpy.data.images.get(self.image) if self.image else getattr(*holder) if holder else None
        chain = chain_of(image)
        try:
            if image is None or not chain:
                raise InputError("This is no generated picture", field="image", hint="Show a result in the Image Editor, or add a reference")
        except GptImageError as error:
            return report(self, error)
        settings.continued = image
        first = first_of(chain)
        settings.continued_first = first if first != image else None
        for each in (first, image):
            if each:
                _read_file(each, context.scene)
        if first is None:
            self.report({'WARNING'}, "The first picture of the series is not in this file any more: only this one goes along")
        return {'FINISHED'}


def read_series(image: bpy.types.Image, scene: bpy.types.Scene, *, field: str = "continue_from") -> list[Reference]:
    """The pictures that continue a result: the first of its series, if that is another and in this file, and itself. Raises InputError."""
    chain = chain_of(image)
    if not chain:
        raise InputError(f"{image.name} is no generated picture", field=field, hint="Name a result, or use it as a reference")
    first = first_of(chain)
    pictures = [(first, FIRST)] * (first not in (None, image)) + [(image, CONTINUED)]
    return [load_reference(blender.sources.present_source(each, scene, field=field), role, chain=chain_of(each)) for each, role in pictures]


def first_of(chain: tuple[str, ...]) -> bpy.types.Image | None:
    """The image of the series' first result, if it is in this file."""
    return next((image for image in bpy.data.images if images.history_entry(image) == chain[0]), None)


classes = (
    GPTIMAGE_OT_continue_result, GPTIMAGE_OT_add_reference, GPTIMAGE_OT_remove_reference, GPTIMAGE_OT_move_reference, GPTIMAGE_OT_take_again,
    GPTIMAGE_OT_read_references,
)
