# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stepping through the variants of a result where one of them is shown.

No postponed annotations here: Blender reads those of the operator as properties.
"""

import bpy
from bpy.props import IntProperty

from ..blender.images import provenance
from ..blender.materials import picture_node

__all__ = ("variant_holder",)


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
        job_id = provenance(shown)["job_id"]
        variants = {facts["variant"]: image for image in bpy.data.images
                    if (facts := provenance(image)).get("job_id") == job_id}
        order = sorted(variants)
        position = order.index(provenance(shown)["variant"])
        setattr(*holder, variants[order[(position + self.step) % len(order)]])
        if shown.users == 0:                    # a fake user counts as one
            shown.use_fake_user = True          # stays in the file, for stepping back
        return {'FINISHED'}


classes = (GPTIMAGE_OT_step_variant,)
