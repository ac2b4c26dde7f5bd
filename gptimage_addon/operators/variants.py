# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variants of a result where one of them is shown: step through them, accept one or discard them all.

No postponed annotations here: Blender reads those of the operator as properties.
"""

from collections.abc import Iterable

import bpy
from bpy.props import IntProperty

from ..blender.images import PROVENANCE, provenance
from ..blender.materials import picture_node

__all__ = ("staged_image", "variant_holder")


def variant_holder(context: bpy.types.Context) -> tuple[object, str] | None:
    """(owner, attribute) of what shows one of our images here, or None. Reads state only; a panel may call it.

    The Image Editor's image, the Shader Editor's active node, and in the 3D Viewport the active empty or the
    picture of the active object's active material.
    """
    space = context.space_data
    holder: tuple[object, str] | None = None
    if space and space.type == 'IMAGE_EDITOR':
        holder = space, "image"
    elif space and space.type == 'NODE_EDITOR':
        node = space.edit_tree.nodes.active if space.edit_tree else None
        holder = (node, "image") if node and hasattr(node, "image") else None
    elif context.object and context.object.type == 'EMPTY':
        holder = context.object, "data"
    elif context.object and (node := picture_node(context.object.active_material)):
        holder = node, "image"
    image = getattr(*holder) if holder else None
    return holder if isinstance(image, bpy.types.Image) and "variants" in provenance(image) else None


class GPTIMAGE_OT_step_variant(bpy.types.Operator):
    bl_idname = "gptimage.step_variant"
    bl_label = "Step Variant"
    bl_description = "Show the next or previous variant of this result"
    bl_options = {'REGISTER', 'UNDO'}

    step: IntProperty(name="Step", description="How many variants forward, or back if negative", default=1)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if variant_holder(context) is None:
            cls.poll_message_set("No generated image is shown here")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        holder = variant_holder(context)
        if holder is None:
            return {'CANCELLED'}
        shown = getattr(*holder)
        variants = {provenance(image)["variant"]: image for image in _siblings(shown)}
        order = sorted(variants)
        position = order.index(provenance(shown)["variant"])
        setattr(*holder, variants[order[(position + self.step) % len(order)]])
        for image in _unused([shown]):
            image.use_fake_user = True          # stays in the file, for stepping back
        return {'FINISHED'}


# --- touch-ups: staged until accepted or discarded ----------------------------------------------------------

def staged_image(context: bpy.types.Context) -> bpy.types.Image | None:
    """The touch-up that this Image Editor shows, if it waits to be accepted. Reads state only; a panel may call it."""
    image = getattr(context.space_data, "image", None)
    facts = provenance(image)
    return image if facts.get("kind") == "touch_up" and not facts.get("accepted") else None


def _siblings(image: bpy.types.Image) -> list[bpy.types.Image]:
    """The images of the same job, with this one."""
    job_id = provenance(image)["job_id"]
    return [each for each in bpy.data.images if provenance(each).get("job_id") == job_id]


def _unused(images: Iterable[bpy.types.Image]) -> list[bpy.types.Image]:
    """Those that no datablock uses and no Image Editor shows.

    Their count of users does not tell: an Image Editor is still counted when it has gone on to another image.
    """
    images = list(images)
    shown = {area.spaces.active.image for screen in bpy.data.screens for area in screen.areas
             if area.type == 'IMAGE_EDITOR'}
    users = bpy.data.user_map(subset=images)
    return [image for image in images if image not in shown and not users[image]]


def _remove_staged(job: Iterable[bpy.types.Image]) -> None:
    """Remove those of a job's images that nothing uses. What was accepted stays."""
    bpy.data.batch_remove(_unused(image for image in job if not provenance(image).get("accepted")))


class _Staged:
    """Operators on the touch-up that is shown. A mixin."""

    bl_options = {'REGISTER', 'UNDO'}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if staged_image(context) is None:
            cls.poll_message_set("No touch-up waits here to be accepted")
            return False
        return True


class GPTIMAGE_OT_accept_variant(_Staged, bpy.types.Operator):
    bl_idname = "gptimage.accept_variant"
    bl_label = "Accept"
    bl_description = "Keep the variant that is shown, and remove the others from this file. The job's folder keeps them"

    def execute(self, context: bpy.types.Context) -> set[str]:
        image = staged_image(context)
        if image is None:
            return {'CANCELLED'}
        image[PROVENANCE]["accepted"] = True
        _remove_staged(_siblings(image))
        image.use_fake_user = True              # it was paid for: never lost because no editor shows it
        context.scene.gptimage.show_area = False
        return {'FINISHED'}


class GPTIMAGE_OT_discard_variants(_Staged, bpy.types.Operator):
    bl_idname = "gptimage.discard_variants"
    bl_label = "Discard"
    bl_description = "Show the picture from before again, and remove all variants from this file. The job's folder keeps them"

    def execute(self, context: bpy.types.Context) -> set[str]:
        image = staged_image(context)
        if image is None:
            return {'CANCELLED'}
        context.space_data.image = bpy.data.images.get(provenance(image)["parent"])
        _remove_staged(_siblings(image))
        return {'FINISHED'}


classes = (GPTIMAGE_OT_step_variant, GPTIMAGE_OT_accept_variant, GPTIMAGE_OT_discard_variants)
