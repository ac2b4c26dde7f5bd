# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the history back into the file: a picture's settings, and the picture itself onto what is selected or clicked.

No postponed annotations here: Blender reads those of the operators as properties.
"""

import bpy

from .. import core
from ..blender import images, targets, view
from ..blender.host import SESSION, JobView, Landed, host
from ..blender.preferences import read_preferences
from ..core.errors import GptImageError, InputError
from ..core.request import Job, Landing, Place
from .gallery import EntryOperator
from .reference import camera_target
from .report import push_undo, report
from .restore import restore_settings
from .texture import ON_OBJECTS, active_picture_node, texture_landing

__all__ = ("apply_entry", "held_against_history")


def _read(name: str) -> tuple[Job, JobView, int]:
    """The entry's job as it was, and as a row of the queue; the number of the picture. Raises InputError if its folder is gone."""
    job_id, number = core.entries.split_entry_id(name)
    job = host.read_job(job_id)
    try:
        record = host.journal.read_record(job_id)
    except (OSError, ValueError) as error:
        raise InputError("The job's record cannot be read", field="entry", hint="Look into the job's folder") from error
    if record.result is None or number >= len(record.result.pictures):
        raise InputError("The job has no such picture", field="entry", hint="Delete the entry")
    return job, JobView(job, record), number


class GPTIMAGE_OT_restore_settings(EntryOperator, bpy.types.Operator):
    bl_idname = "gptimage.restore_settings"
    bl_label = "Restore Settings"
    bl_description = "Set the panel to the words and settings that this picture was made with"
    bl_options = {'REGISTER', 'UNDO'}

    def act(self, context: bpy.types.Context, name: str) -> None:
        job, _, _ = _read(name)
        restore_settings(context.scene.gptimage, job)
        self.report({'INFO'}, "The panel is set as it was for this picture")


class GPTIMAGE_OT_apply_entry(EntryOperator, bpy.types.Operator):
    bl_idname = "gptimage.apply_entry"
    bl_label = "Apply Again"
    bl_description = ("Bring this picture into the file once more, free: onto the active Image Texture node or the selected empty; else a texture "
                      "to the selected objects, a reference to where the panel says")

    def act(self, context: bpy.types.Context, name: str) -> None:
        landed = apply_entry(context, name)
        self.report({'INFO'} if landed.complete else {'WARNING'}, landed.message)


def apply_entry(context: bpy.types.Context, name: str, *, only_image: bool = False, as_texture: bool = False) -> Landed:
    """Land one picture of the history on what is selected now, as one undo step. `as_texture` takes any kind for a texture's picture.

    Raises InputError, WorkerError.
    """
    job, row, number = _read(name)
    if as_texture:
        job = job._replace(kind="texture")
    holder = None if only_image else _holder(context, job)
    here = Landing(Place.IMAGE, pack=read_preferences().pack) if only_image or holder else _landing_here(context, job)
    landing = here if here.session else here._replace(session=SESSION, blend=bpy.data.filepath)
    one = job.kind != "turnaround"              # whose sides belong together
    row.job = job._replace(landing=landing._replace(only=number if one else None))
    landed = host.land(row)
    if holder and landed.images:
        image = bpy.data.images[landed.images[0]]
        if isinstance(holder, bpy.types.Object):
            holder.empty_display_type, holder.data = 'IMAGE', image
        else:
            holder.image = image
        push_undo(f"GPT Image: {image.name}")
        landed = landed._replace(message=f"{image.name} is on {holder.name}")
    return landed


def _holder(context: bpy.types.Context, job: Job) -> bpy.types.Object | bpy.types.Node | None:
    """What takes any picture as it is: the active Image Texture node, or the active empty where no object could take a texture."""
    if active_picture_node(context):
        return context.space_data.edit_tree.nodes.active if job.kind != "texture" else None     # a texture has maps, too
    empty = context.object
    if empty is None or empty.type != 'EMPTY' or not empty.select_get():
        return None
    return None if job.kind == "texture" and any(targets.can_hold_material(obj) for obj in context.selected_objects) else empty


def _landing_here(context: bpy.types.Context, job: Job) -> Landing:
    """Where the panel and the selection say. What belongs to one picture, such as a touch-up, goes where it was meant for."""
    panel, pack = context.scene.gptimage, read_preferences().pack
    if job.kind == "texture":
        if node := active_picture_node(context):
            return Landing(Place.NODE, (node,), pack=pack)
        return texture_landing(context, panel.texture_place, share_material=panel.share_material, scale_m=panel.scale_m,
                               fit=panel.fit_faces and panel.texture_place == "faces", asset=panel.asset and panel.texture_place in ON_OBJECTS,
                               alpha=panel.alpha, pack=pack)
    if job.kind == "reference":
        place = Place(panel.reference_place)
        return Landing(place, camera_target(context.scene) if place in (Place.CAMERA, Place.PLANE) else (), pack=pack)
    return job.landing._replace(pack=pack)


class GPTIMAGE_OT_click_onto(EntryOperator, bpy.types.Operator):
    bl_idname = "gptimage.click_onto"
    bl_label = "Click Onto"
    bl_description = "Then click an object, an empty or an Image Texture node: it gets this picture"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self.entry = self.entry or context.window_manager.gptimage.gallery_entry
        try:
            _read(self.entry)
        except GptImageError as error:
            return report(self, error)
        context.window.cursor_modal_set('EYEDROPPER')
        context.workspace.status_text_set("Click an object, an empty or an Image Texture node    Esc: Cancel")
        context.window_manager.modal_handler_add(self)
        return {'RUNNING_MODAL'}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.type in {'ESC', 'RIGHTMOUSE'}:
            return self._end(context, {'CANCELLED'})
        if event.type != 'LEFTMOUSE' or event.value != 'PRESS':
            return {'PASS_THROUGH'}
        area = next((area for area in context.screen.areas if area.x <= event.mouse_x < area.x + area.width
                     and area.y <= event.mouse_y < area.y + area.height), None)
        if area is None or area.type not in {'VIEW_3D', 'NODE_EDITOR'} or view.is_covered(area, event.mouse_x, event.mouse_y):
            self._end(context, set())
            return {'CANCELLED', 'PASS_THROUGH'}        # a click elsewhere is meant for what is there
        region, _ = view.window_region(area)
        self._end(context, set())
        with context.temp_override(area=area, region=region, space_data=area.spaces.active):
            return self.drop(bpy.context, (event.mouse_x - region.x, event.mouse_y - region.y))

    def _end(self, context: bpy.types.Context, result: set[str]) -> set[str]:
        context.window.cursor_modal_restore()
        context.workspace.status_text_set(None)
        return result

    def drop(self, context: bpy.types.Context, place: tuple[int, int]) -> set[str]:
        """Select what lies there, and give it the picture."""
        try:
            if context.area.type == 'NODE_EDITOR':
                bpy.ops.node.select(location=place, deselect_all=True)
                if active_picture_node(context) is None:
                    raise InputError("No Image Texture node was clicked", field="entry", hint="Press Click Onto again, then click one")
            else:
                if context.mode != 'OBJECT':
                    raise InputError("Objects cannot be clicked in this mode", field="entry",
                                     hint="Use Object Mode, or select faces and press Apply Again")
                bpy.ops.view3d.select(location=place, deselect_all=True)
                if not context.selected_objects:
                    raise InputError("No object was clicked", field="entry", hint="Press Click Onto again, then click one")
            landed = apply_entry(context, self.entry, as_texture=context.area.type == 'VIEW_3D' and context.object.type != 'EMPTY')
        except GptImageError as error:
            return report(self, error)
        self.report({'INFO'} if landed.complete else {'WARNING'}, landed.message)
        return {'FINISHED'}


class GPTIMAGE_OT_open_entry(EntryOperator, bpy.types.Operator):
    bl_idname = "gptimage.open_entry"
    bl_label = "Open as Image"
    bl_description = "Make it an image of this file, and show it in an open Image Editor"

    def act(self, context: bpy.types.Context, name: str) -> None:
        image = _as_image(context, name)
        self.report({'INFO'}, f"{image.name} is in this file{images.show_in_editor(image)}")


def _as_image(context: bpy.types.Context, name: str) -> bpy.types.Image:
    """The entry's image in this file; made if there is none."""
    image = next((image for image in bpy.data.images if images.history_entry(image) == name), None)
    if image is None:
        landed = apply_entry(context, name, only_image=True)
        made = [bpy.data.images[each] for each in landed.images]
        image = next((each for each in made if images.history_entry(each) == name), made[0])
    return image


def held_against_history(context: bpy.types.Context) -> bpy.types.Image | None:
    """The Image Editor's picture while one of the history is compared with it, or None. Reads state only; a panel may call it."""
    image = getattr(context.space_data, "image", None)
    return image if image and context.space_data.type == 'IMAGE_EDITOR' and image.name == context.window_manager.gptimage.compared else None


class GPTIMAGE_OT_compare_entry(EntryOperator, bpy.types.Operator):
    bl_idname = "gptimage.compare_entry"
    bl_label = "Compare"
    bl_description = "Draw this picture over the left part of the one that an Image Editor shows, up to the wipe. Press again to stop"

    def act(self, context: bpy.types.Context, name: str) -> None:
        settings = context.window_manager.gptimage
        if settings.compared:
            settings.compared = settings.before = ""
        else:
            editors = [area for area in context.screen.areas if area.type == 'IMAGE_EDITOR' and area.spaces.active.image]
            area = context.area if context.area in editors else next(iter(editors), None)
            shown = area.spaces.active.image if area else None
            if shown is None or shown.name == images.RENDER_RESULT:
                raise InputError("No Image Editor shows a picture to compare with", field="entry",
                                 hint="Show the other one there: Open as Image does")
            image = _as_image(context, name)
            if image == shown:
                raise InputError("This is the picture that the Image Editor shows", field="entry", hint="Select another one to compare with it")
            settings.before, settings.compared = image.name, shown.name
        for area in context.screen.areas:
            area.tag_redraw()


classes = (
    GPTIMAGE_OT_restore_settings, GPTIMAGE_OT_apply_entry, GPTIMAGE_OT_click_onto, GPTIMAGE_OT_open_entry, GPTIMAGE_OT_compare_entry,
)
