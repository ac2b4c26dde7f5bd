# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variants of a result where one of them is shown: step through them, compare, accept one or discard them all.

No postponed annotations here: Blender reads those of the operator as properties.
"""

from collections.abc import Iterable, Mapping

import bpy
from bpy.props import EnumProperty, IntProperty

from ..blender import compositor, material_nodes, materials, view
from ..blender.host import host
from ..blender.images import PROVENANCE, RENDER_RESULT, adopt_picture, provenance
from ..core.errors import GptImageError, InputError
from .plan import maps_of
from .report import report

__all__ = (
    "add_to_compositor", "compared_image", "image_before", "job_images", "join_variants", "number_variants", "remove_staged", "shown_image",
    "staged_image", "staged_variants", "variant_group", "variant_holder", "variants_beside",
)

_READ = "gptimage_before"           # on an image that was read only to be compared with


def variant_holder(context: bpy.types.Context) -> tuple[object, str] | None:
    """(owner, attribute) of what shows one of our images here, or None. Reads state only; a panel may call it.

    The Image Editor's image, the Shader Editor's active node, and in the 3D Viewport the active empty or the
    picture of the active object's active material; in its camera view the touch-up that waits.
    """
    space = context.space_data
    holder: tuple[object, str] | None = None
    if space and space.type == 'IMAGE_EDITOR':
        holder = space, "image"
    elif space and space.type == 'NODE_EDITOR':
        node = material_nodes.picture_in(space.edit_tree.nodes.active) if space.edit_tree else None
        holder = (node, "image") if node else None
    elif (obj := context.object) and obj.type == 'EMPTY':
        holder = obj, "data"
    elif obj and (node := materials.shown_node(obj.active_material)):
        holder = node, "image"
    image = getattr(*holder) if holder else None
    return holder if isinstance(image, bpy.types.Image) and "variants" in provenance(image) else None


def shown_image(context: bpy.types.Context) -> bpy.types.Image | None:
    """The picture that is worked on here: the Image Editor's, the active node's, or the active material's texture. Cheap."""
    space = context.space_data
    image = None
    if space and space.type == 'IMAGE_EDITOR':
        image = space.image
    elif space and space.type == 'NODE_EDITOR':
        image = getattr(material_nodes.picture_in(space.edit_tree.nodes.active) if space.edit_tree else None, "image", None)
    elif context.object and (node := materials.shown_node(context.object.active_material)):
        image = node.image
    return image if image and image.source in {'FILE', 'GENERATED'} else None


class GPTIMAGE_OT_step_variant(bpy.types.Operator):
    bl_idname = "gptimage.step_variant"
    bl_label = "Step Variant"
    bl_description = "Show the next or previous variant of this result"
    bl_options = {'REGISTER', 'UNDO'}

    step: IntProperty(name="Step", description="How many variants forward, or back if negative", default=1)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if variant_holder(context) is None and staged_image(context) is None:
            cls.poll_message_set("No generated image is shown here")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        holder = variant_holder(context)
        shown = staged_image(context) or (getattr(*holder) if holder else None)
        if shown is None:
            return {'CANCELLED'}
        facts = provenance(shown)
        siblings = staged_variants(facts["variants_of"]) if _is_staged(shown) else variants_beside(shown)
        variants = {provenance(image)["variant"]: image for image in siblings}
        order = sorted(variants)
        position = order.index(provenance(shown)["variant"])
        wanted = variants[order[(position + self.step) % len(order)]]
        if _is_staged(shown):
            _show_staged(context, wanted, shown)
        else:
            _show_variant(*holder, wanted)
        for image in _unused([shown]):
            image.use_fake_user = True          # stays in the file, for stepping back
        return {'FINISHED'}


def _show_variant(owner: object, attribute: str, wanted: bpy.types.Image) -> None:
    """Show the variant there; in materials of ours, which can share a group, with its maps."""
    for material in bpy.data.materials:
        if (node := materials.picture_node(material)) and node == owner:
            try:
                materials.swap_pictures(material, wanted, maps_of(wanted))
            except InputError:                  # its nodes are others now: the picture alone
                break
    setattr(owner, attribute, wanted)


# --- touch-ups: staged until accepted or discarded ----------------------------------------------------------

def staged_image(context: bpy.types.Context) -> bpy.types.Image | None:
    """The touch-up that waits to be accepted here, or None. Reads state only; a panel may call it.

    In an Image Editor the one it shows, in a 3D Viewport's camera view that of the render.
    """
    space = context.space_data
    if space and space.type == 'VIEW_3D':
        image = bpy.data.images.get(context.window_manager.gptimage.staged)
        return image if _is_staged(image) and provenance(image).get("of_render") else None
    image = getattr(space, "image", None)
    return image if _is_staged(image) else None


def compared_image(context: bpy.types.Context) -> bpy.types.Image | None:
    """The image here that can be compared with the one before it: the touch-up that waits, or a texture that took another one's place.

    Reads state only; a panel may call it.
    """
    if staged := staged_image(context):
        return staged
    space = context.space_data
    image = space.image if space and space.type == 'IMAGE_EDITOR' else None
    before = bpy.data.images.get(provenance(image).get("parent") or "")
    return image if before and before != image and tuple(before.size) == tuple(image.size) else None


def image_before(context: bpy.types.Context, image: bpy.types.Image) -> bpy.types.Image | None:
    """What the image is compared with now, or None. Reads state only; a panel may call it."""
    state = context.window_manager.gptimage
    before = bpy.data.images.get(state.before)
    wanted = before and (before.name == provenance(image).get("parent") or _READ in before or image.name == state.compared)
    return before if wanted else None


def _is_staged(image: bpy.types.Image | None) -> bool:
    facts = provenance(image)
    return facts.get("kind") == "touch_up" and not facts.get("accepted")


def job_images(job_id: str) -> list[bpy.types.Image]:
    """The images of a job, without those that a mended one stands for."""
    return [image for image in bpy.data.images if provenance(image).get("job_id") == job_id and not provenance(image).get("replaced")]


def variant_group(facts: Mapping[str, object]) -> str:
    """What the variants of a result have in common: the id of their first job; empty for an image that is not ours."""
    return str(facts.get("variants_of") or facts.get("job_id") or "")


def variants_beside(image: bpy.types.Image) -> list[bpy.types.Image]:
    """The variants that the image is one of, itself too, in their order. Without those that wait to be accepted."""
    group = variant_group(provenance(image))
    found = [each for each in bpy.data.images if group and variant_group(provenance(each)) == group and not _is_staged(each)]
    return sorted(found, key=lambda each: provenance(each).get("variant", 1))


def join_variants(parent: bpy.types.Image, made: list[bpy.types.Image]) -> None:
    """Make new images, which name its group, variants beside the image they were made from; that may be the artist's own."""
    group = provenance(made[0])["variants_of"]
    if not variant_group(provenance(parent)):
        parent[PROVENANCE] = {**dict(provenance(parent).items()), "variants_of": group}
    if variant_group(provenance(parent)) == group:
        number_variants([*(image for image in variants_beside(parent) if image not in made), *made])


def staged_variants(job_id: str) -> list[bpy.types.Image]:
    """The images that wait as variants of a job, in their order."""
    found = [image for image in bpy.data.images if _is_staged(image) and provenance(image).get("variants_of") == job_id]
    return sorted(found, key=lambda image: provenance(image)["variant"])


def number_variants(images: list[bpy.types.Image]) -> None:
    """Note on each which of how many variants it is."""
    for number, image in enumerate(images, 1):
        image[PROVENANCE]["variant"], image[PROVENANCE]["variants"] = number, len(images)


def _editors(context: bpy.types.Context) -> list[bpy.types.Area]:
    return [area for window in context.window_manager.windows for area in window.screen.areas if area.type == 'IMAGE_EDITOR']


def _show_staged(context: bpy.types.Context, image: bpy.types.Image | None, instead_of: bpy.types.Image) -> None:
    """Show an image wherever another one waits."""
    for area in _editors(context):
        if area.spaces.active.image == instead_of:
            view.show_image(area, image)
    if context.window_manager.gptimage.staged == instead_of.name:
        context.window_manager.gptimage.staged = image.name if _is_staged(image) else ""


def _unused(images: Iterable[bpy.types.Image]) -> list[bpy.types.Image]:
    """Those that no datablock uses and no Image Editor shows.

    Their count of users does not tell: an Image Editor is still counted when it has gone on to another image.
    """
    images = list(images)
    shown = {area.spaces.active.image for screen in bpy.data.screens for area in screen.areas
             if area.type == 'IMAGE_EDITOR'}
    users = bpy.data.user_map(subset=images)
    return [image for image in images if image not in shown and not users[image]]


def remove_staged(images: Iterable[bpy.types.Image]) -> None:
    """Remove those of the images that nothing uses. What was accepted stays."""
    bpy.data.batch_remove(_unused(image for image in images if not provenance(image).get("accepted")))


class _Staged:
    """Operators on the touch-up that is shown. A mixin."""

    bl_options = {'REGISTER', 'UNDO'}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.space_data is None or staged_image(context) is None:
            cls.poll_message_set("No touch-up waits here to be accepted")
            return False
        return True


class GPTIMAGE_OT_accept_variant(_Staged, bpy.types.Operator):
    bl_idname = "gptimage.accept_variant"
    bl_label = "Accept"
    bl_description = "Keep the variant that is shown, and remove the others from this file. The job's folder keeps them"

    landing: EnumProperty(
        name="Accept As", description="Where the touch-up goes. As the panel says if a script does not tell", options={'SKIP_SAVE'},
        items=[("image", "New Image", "An image of its own"),
               ("compositor", "Compositor Layer", "A layer over the render in the compositor"),
               ("everywhere", "Replace Everywhere", "In the old image's place wherever that is used"),
               ("node", "Active Node", "Only in the active Image Texture node")])

    def execute(self, context: bpy.types.Context) -> set[str]:
        image = staged_image(context)
        if image is None:
            return {'CANCELLED'}
        settings = context.scene.gptimage
        is_render = provenance(image).get("of_render")
        landing = settings.render_landing if is_render else settings.texture_landing
        if self.properties.is_property_set("landing"):
            landing = self.landing
        try:
            if landing == "compositor":
                add_to_compositor(context.scene, image)
                self.report({'INFO'}, "Added to the compositor. The next render shows it")
            elif landing == "everywhere":
                _replace_everywhere(image)
            elif landing == "node":
                _replace_in_node(context, image)
        except GptImageError as error:
            if landing != "compositor":         # nothing was done yet: the artist can choose again
                return report(self, error)
            self.report({'WARNING'}, f"Kept as an image: {error.message}. {error.hint}")
        image[PROVENANCE]["accepted"] = True
        _stop_comparing(context)
        if context.window_manager.gptimage.staged == image.name:
            context.window_manager.gptimage.staged = ""
        remove_staged(staged_variants(provenance(image)["variants_of"]))
        image.use_fake_user = True              # it was paid for: never lost because no editor shows it
        settings.show_area = False
        return {'FINISHED'}


def add_to_compositor(scene: bpy.types.Scene, image: bpy.types.Image) -> None:
    """Lay a touch-up over the scene's render. Raises InputError where that cannot show what the image shows."""
    facts = provenance(image)
    if not facts.get("of_render"):
        raise InputError("Only touch-ups of the render can be layers of the compositor", field="layer", hint="Use a new image")
    if facts.get("extend"):
        raise InputError("A larger frame is no layer over the render", field="layer",
                         hint="Use Match Camera and render again, or keep the image")
    path = host.journal.folder(facts["job_id"]) / f"results/{facts['result']}-patch.png"
    try:
        patch = adopt_picture(path, f"{image.name} Layer")
    except OSError as error:
        raise InputError("The layer's file is gone from the job's folder", field="layer", hint="Keep the image") from error
    compositor.add_layer(scene, patch, image.name)


def _parent(image: bpy.types.Image) -> bpy.types.Image:
    parent = bpy.data.images.get(provenance(image)["parent"])
    if parent is None or parent.name == RENDER_RESULT:
        raise InputError("The image this was made from is gone", field="landing", hint="Accept it as a new image")
    return parent


def _replace_everywhere(image: bpy.types.Image) -> None:
    parent = _parent(image)
    parent.user_remap(image)
    parent.use_fake_user = True                 # one click back


def _replace_in_node(context: bpy.types.Context, image: bpy.types.Image) -> None:
    parent = _parent(image)
    material = context.object.active_material if context.object else None
    node = material.node_tree.nodes.active if material and material.node_tree else None
    if getattr(node, "image", None) != parent:
        raise InputError(f"The active node of the active object's material does not show {parent.name}", field="landing",
                         hint="Select that Image Texture node in the Shader Editor, or accept it as a new image")
    node.image = image
    parent.use_fake_user = parent.users == 0


class GPTIMAGE_OT_discard_variants(_Staged, bpy.types.Operator):
    bl_idname = "gptimage.discard_variants"
    bl_label = "Discard"
    bl_description = "Show the picture from before again, and remove all variants from this file. The job's folder keeps them"

    def execute(self, context: bpy.types.Context) -> set[str]:
        image = staged_image(context)
        if image is None:
            return {'CANCELLED'}
        _stop_comparing(context)
        _show_staged(context, bpy.data.images.get(provenance(image)["parent"]), image)
        remove_staged(staged_variants(provenance(image)["variants_of"]))
        return {'FINISHED'}


class GPTIMAGE_OT_more_variants(_Staged, bpy.types.Operator):
    bl_idname = "gptimage.more_variants"
    bl_label = "More Variants"
    bl_description = "Ask for the same once more, for the same price. What comes joins the variants that wait"
    bl_options = {'REGISTER'}

    def execute(self, context: bpy.types.Context) -> set[str]:
        image = staged_image(context)
        if image is None:
            return {'CANCELLED'}
        facts = provenance(image)
        try:
            host.repeat(facts["job_id"], variants_of=facts["variants_of"])
        except GptImageError as error:
            return report(self, error)
        return {'FINISHED'}


# --- before and after -------------------------------------------------------------------------------------

class GPTIMAGE_OT_compare(bpy.types.Operator):
    bl_idname = "gptimage.compare"
    bl_label = "Compare"
    bl_description = "Draw the picture from before over the left part, up to the wipe"
    bl_options = {'INTERNAL'}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.space_data is None or compared_image(context) is None:
            cls.poll_message_set("Nothing here took the place of another image of its size")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        image = compared_image(context)
        if image is None:
            return {'CANCELLED'}
        context.area.tag_redraw()
        shown = image_before(context, image)
        _stop_comparing(context)
        if shown:
            return {'FINISHED'}
        facts = provenance(image)
        before = bpy.data.images.get(facts["parent"])
        if before is None or before.name == RENDER_RESULT:      # a render has no pixels to draw: the file that was made of it has
            path = next(host.journal.folder(facts["job_id"]).glob("inputs/source.*"), None)
            if path is None:
                self.report({'WARNING'}, "The picture from before is gone from the job's folder")
                return {'CANCELLED'}
            before = bpy.data.images.load(str(path))
            before.name = f"{image.name} Before"
            before[_READ] = True
        context.window_manager.gptimage.before = before.name
        return {'FINISHED'}


def _stop_comparing(context: bpy.types.Context) -> None:
    before = bpy.data.images.get(context.window_manager.gptimage.before)
    context.window_manager.gptimage.before = ""
    if before is not None and _READ in before:
        bpy.data.images.remove(before)


classes = (
    GPTIMAGE_OT_step_variant, GPTIMAGE_OT_accept_variant, GPTIMAGE_OT_discard_variants, GPTIMAGE_OT_more_variants,
    GPTIMAGE_OT_compare,
)
