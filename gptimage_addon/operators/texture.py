# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words to a texture, and to a material on the selected objects.

No postponed annotations here: Blender reads those of the operator as properties.
"""

from collections.abc import Collection, Sequence
from pathlib import Path

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, StringProperty

from .. import blender, imaging
from ..blender import images, material_nodes, materials, previous, scale, targets
from ..blender.host import Landed, host
from ..blender.preferences import read_preferences
from ..core.errors import GptImageError, InputError
from ..core.prompts import name_from_prompt, texture_prompt
from ..core.request import Job, JobRecord, Landing, MapKind, Place, Request, ResultPicture, Service, Surface, Target, parse_size
from .asked_maps import plan_follow_ups, price_follow_up
from .asking import AskOperator
from .plan import PlannedJob, Reference, adopt_results, maps_of, plan_job, settle_images
from .references import read_references
from .report import report, sentence
from .settings import RequestSettings, read_settings
from .surface import KIND, SurfaceSettings, read_surface
from .variants import join_variants

__all__ = (
    "ON_OBJECTS", "PLACES", "TextureSettings", "active_picture_node", "catalog_of", "land_texture", "plan_texture", "texture_landing",
    "texture_targets",
)

PLACES = (
    ("replace_slot", "Replace Material", "Put a new material into the active slot of each selected object"),
    ("append_slot", "New Slot", "Add a slot with the new material to each selected object"),
    ("faces", "Selected Faces", "Give the faces that are selected now a slot of their own with the new material"),
    ("world", "World", "Make it the background of a new world, as a panorama twice as wide as high"),
    ("light", "Active Light", "Let the active spot or area light throw it. Seen in Cycles"),
    ("brush", "Brush Texture", "Give the brush for texture painting this texture"),
    ("stencil", "Brush Stencil", "Give the brush for texture painting this texture as a stencil"),
    ("image", "Image Only", "Make the image and leave the scene as it is"),
)
ON_OBJECTS = {"replace_slot", "append_slot", "faces"}


class TextureSettings:
    """Properties of a texture, beside those of every request. A mixin like RequestSettings."""

    texture_place: EnumProperty(
        name="Apply To", description="What to do with the finished texture", items=PLACES, default="replace_slot")
    share_material: BoolProperty(
        name="Share Material", description="Give all selected objects one material, not one each", default=True)
    scale_m: FloatProperty(
        name="Repeat Width", description="Width of one repeat in the real world: by the UV map where that can tell, else projected from six sides. "
        "0 leaves the UV map as it is, and fits the picture to objects that have none",
        default=0.0, min=0.0, soft_max=100.0, subtype='DISTANCE')
    fit_faces: BoolProperty(
        name="Fit to Faces", description="Lay the picture once, upright, over the selected faces, instead of repeating it", default=False)
    asset: BoolProperty(
        name="Mark as Asset", description="List the new material in the Asset Browser, in the catalog of its kind", default=False)
    alpha: EnumProperty(
        name="Alpha", description="How the material shows a color with a transparent background", default="blend",
        items=[("blend", "Blend", "As transparent as the picture is"), ("clip", "Clip", "All or nothing: for leaves and fences, without sorting")])


def texture_targets(objects: Sequence[bpy.types.Object], faces: bool = False) -> tuple[Target, ...]:
    """The objects among these that can hold a material. Raises InputError if none can."""
    holders = [obj for obj in objects if targets.can_hold_material(obj)]
    if not holders:
        raise InputError("No selected object can hold a material", field="objects",
                         hint="Select a mesh, curve or text, or choose Image Only")
    if not faces:
        return tuple(targets.note_target("Object", obj) for obj in holders)
    found = []
    for obj in objects:
        selected = materials.selected_faces(obj) if obj.type == 'MESH' else []
        if not selected:
            raise InputError(f"{obj.name} has no selected faces", field="faces", hint="Select faces in Edit Mode")
        found.append(targets.note_faces(obj, selected))
    return tuple(found)


def texture_landing(context: bpy.types.Context, place: str, **more: object) -> Landing:
    """Where the panel's place is now. Raises InputError."""
    if place == "faces":
        objects = context.objects_in_mode if context.mode == 'EDIT_MESH' else context.selected_objects
        return Landing(Place.APPEND_SLOT, texture_targets(objects, faces=True), faces=True, **more)
    if place in ON_OBJECTS:
        return Landing(Place(place), texture_targets(context.selected_objects), **more)
    if place == "world":
        return Landing(Place.WORLD, (targets.note_target("Scene", context.scene),), **more)
    if place == "light":
        light = context.object.data if context.object and context.object.type == 'LIGHT' else None
        if light is None or light.type not in {'SPOT', 'AREA'}:
            raise InputError("The active object is no spot or area light", field="texture_place", hint="Select one")
        return Landing(Place.LIGHT, (targets.note_target("Light", light),), **more)
    if place in ("brush", "stencil"):
        brush = context.tool_settings.image_paint.brush
        if brush is None:
            raise InputError("No brush is active for texture painting", field="texture_place", hint="Choose one in Texture Paint mode")
        return Landing(Place(place), (targets.note_target("Brush", brush),), **more)
    return Landing(Place.IMAGE, **more)


def plan_texture(
    words: Request, service: Service, landing: Landing, references: Sequence[Reference] = (), surface: Surface | None = None,
    heal: str = "", asked: Collection[MapKind] = (),
) -> PlannedJob:
    """The job for a texture, with the pixel work that follows; then the model heals the seams of the axes `heal`, and draws maps.

    Raises InputError, OnlineAccessError.
    """
    follow_up = price_follow_up(words, service, parse_size(words.size), heal, asked)
    return plan_job(KIND, words, texture_prompt, service, landing, references, surface=surface, follow_up=follow_up)


# --- the result -------------------------------------------------------------------------------------------

def land_texture(job: Job, record: JobRecord, folder: Path) -> Landed:
    """Make the images and the materials, and put them where they were meant for. One undo step."""
    made = adopt_results(job, record, folder)
    missing: list[str] = []
    where = ""
    if job.landing.variants_of and (parent := targets.find_target(job.landing.targets[0], job.landing)):
        join_variants(parent, made)
    if job.landing.place is Place.INSTEAD:
        where = _land_instead(job, made[0], missing)
    elif job.landing.place is Place.NODE:
        if _land_on_node(job, made[0], missing):
            where = " in its node"
    elif job.landing.place in _PLACING:
        where = _land_by_placing(job, made[0], missing)
    elif job.landing.place in (Place.REPLACE_SLOT, Place.APPEND_SLOT):
        count = _land_on_objects(job, made[0], record.result.pictures[job.landing.only or 0], folder, missing)
        where = f" on {count} object{'s' * (count > 1)}" if count else ""
    if missing:
        where += f". Kept as an image for what is gone: {', '.join(missing)}"
    reports = (picture.report or {} for picture in record.result.pictures)
    undone = next((facts["not_finished"] for facts in reports if "not_finished" in facts), "")
    if undone:
        where += f". Neither tiling nor maps: {undone}"
    return settle_images(made, job, where, complete=not missing and not undone)


def _land_on_node(job: Job, image: bpy.types.Image, missing: list[str]) -> bool:
    target = job.landing.targets[0]
    owner = targets.find_target(target, job.landing)
    tree = owner if isinstance(owner, bpy.types.NodeTree) else getattr(owner, "node_tree", None)
    node = material_nodes.picture_in(tree.nodes.get(target.detail)) if tree else None
    if node is None:
        missing.append(f"node {target.detail} of {target.name}")
        return False
    if isinstance(owner, bpy.types.Material) and node == materials.picture_node(owner):
        _show_in(owner, image, job)
    else:
        node.image = image
    return True


def _show_in(material: bpy.types.Material, image: bpy.types.Image, job: Job) -> None:
    """The picture and its maps in a material of ours; where that cannot take maps, because its nodes are others now, the picture."""
    try:
        materials.swap_pictures(material, image, maps_of(image), **_relief(job))
    except InputError:
        materials.picture_node(material).image = image


def _relief(job: Job) -> dict[str, object]:
    """How the material takes the height."""
    return {"relief_m": job.surface.relief_m, "displace": job.surface.displace} if job.surface else {}


_PLACING = {Place.WORLD: " as the world's background", Place.LIGHT: " in its light", Place.BRUSH: " on its brush",
            Place.STENCIL: " as its brush's stencil"}


def _land_by_placing(job: Job, image: bpy.types.Image, missing: list[str]) -> str:
    target, place, placing = job.landing.targets[0], job.landing.place, blender.placing
    owner = targets.find_target(target, job.landing)
    if owner is None:
        missing.append(target.name)
        return ""
    try:
        if place is Place.WORLD:
            placing.set_world(owner, image)
        elif place is Place.LIGHT:
            placing.set_light(owner, image)
        else:
            placing.set_brush_texture(owner, image, stencil=place is Place.STENCIL)
    except (InputError, RuntimeError) as error:
        missing.append(error.message if isinstance(error, InputError) else str(error))
        return ""
    return _PLACING[place]


def _land_instead(job: Job, image: bpy.types.Image, missing: list[str]) -> str:
    """In all materials that show the picture it was made from, and in the Image Editors."""
    target = job.landing.targets[0]
    parent = targets.find_target(target, job.landing)
    if parent is None:
        missing.append(target.name)
        return ""
    nodes = [(material, materials.picture_node(material)) for material in bpy.data.materials]
    for material in [material for material, node in nodes if node and node.image == parent]:       # they can share a group
        _show_in(material, image, job)
    for material in bpy.data.materials:
        for other in material.node_tree.nodes if material.node_tree and material.is_editable else ():
            if other.bl_idname == "ShaderNodeTexImage" and other.image == parent:
                other.image = image
    parent.use_fake_user = True                 # one click back
    return images.show_in_editor(image, (parent.name,), else_first=False)


def _land_on_objects(job: Job, image: bpy.types.Image, picture: ResultPicture, folder: Path, missing: list[str]) -> int:
    landing = job.landing
    aspect = picture.width_px / picture.height_px       # to ask the image would have Blender read it here and now
    made: dict[object, bpy.types.Material] = {}
    filled = set()              # (data, material) with a new slot already: objects can share their mesh
    count = 0
    for target in landing.targets:
        obj = targets.find_target(target, landing)
        if obj is None:
            missing.append(target.name)
            continue
        try:
            faces = targets.noted_faces(target, obj) if landing.faces else ()
        except InputError as error:
            missing.append(error.message)
            continue
        boxed, repeat = _repeat(obj, landing, faces, aspect)
        shared = landing.share_material and not landing.fit
        key = (boxed, repeat if landing.scale_m else None) if shared else target
        if key not in made:
            made[key] = materials.make_material(
                name_from_prompt(job.prompt), image, maps=maps_of(image), **{"box_repeat" if boxed else "uv_repeat": repeat}, box_aspect=aspect,
                alpha=landing.alpha if job.request.background == "transparent" else "", **_relief(job))
        append = landing.place is Place.APPEND_SLOT or landing.faces
        try:
            if landing.fit and faces:
                _fit(made[key], obj, faces)
            if not append or (obj.data, made[key]) not in filled:
                materials.assign(obj, made[key], append=append, faces=faces)
                filled.add((obj.data, made[key]))
            count += 1
        except RuntimeError as error:
            missing.append(str(error))
    for material in made.values():
        if material.users == 0:         # no object took it; with it would go the picture, when the file is saved
            bpy.data.materials.remove(material)
        elif landing.asset:
            _mark(material, job, image, folder / picture.path)
    return count


def _repeat(
    obj: bpy.types.Object, landing: Landing, faces: Sequence[int], aspect: float,
) -> tuple[bool, tuple[float, ...] | None]:
    """(whether it is projected, how it repeats): where the UV map cannot give the picture its width in metres, or there is none, it is
    projected in object space."""
    boxed, repeat = not scale.has_uv_map(obj), None
    if landing.scale_m and not boxed and not landing.fit:
        repeat = scale.uv_repeat(obj, landing.scale_m, faces, aspect=aspect)
        boxed = repeat is None
    return boxed, scale.box_repeat(obj, landing.scale_m, aspect=aspect) if boxed else repeat


def preview_texture(job: Job, image: bpy.types.Image) -> None:
    """Show a picture that is still being made on the objects whose material it is going to replace."""
    if job.landing.place is not Place.REPLACE_SLOT:
        return
    width_px, height_px = parse_size(job.request.size)      # to ask the image would have Blender read it here and now
    aspect = width_px / height_px
    for obj in filter(None, (targets.find_target(target, job.landing) for target in job.landing.targets)):
        if obj.is_editable and obj.data.is_editable:
            boxed, repeat = _repeat(obj, job.landing, (), aspect)
            material = materials.make_material(
                image.name, image, **{"box_repeat" if boxed else "uv_repeat": repeat}, box_aspect=aspect)
            blender.unfinished.in_slot(job, obj, material)


def catalog_of(prompt: str) -> str:
    """The name of the catalog for what the words describe, below "GPT Image"."""
    kind = imaging.maps.kind_from_prompt(prompt)
    return "Textures" if kind == "default" else kind.title()


def _fit(material: bpy.types.Material, obj: bpy.types.Object, faces: Sequence[int]) -> None:
    """Lay the picture over the faces' part of the UV map; without one it stays projected."""
    shape = scale.face_shape(obj, faces)
    if shape.uv_bounds:
        materials.fit_to_faces(material, shape)


def _mark(material: bpy.types.Material, job: Job, image: bpy.types.Image, picture: Path) -> None:
    """In the Asset Browser, in the catalog of its kind, found by its words."""
    words = name_from_prompt(job.prompt).lower().split()
    facts = images.provenance(image)
    cost = f", ${facts['cost_usd']:.4f}" if facts["cost_usd"] else ""
    blender.assets.mark_as_asset(
        material, catalog=catalog_of(job.prompt), tags=list(dict.fromkeys(words)),
        description=f"{job.prompt} ({facts['model']}{cost})", author="GPT Image", preview_picture=picture)


# --- the operator -----------------------------------------------------------------------------------------

class GPTIMAGE_OT_generate_texture(AskOperator, RequestSettings, TextureSettings, SurfaceSettings, bpy.types.Operator):
    bl_idname = "gptimage.generate_texture"
    bl_label = "Generate Texture"
    bl_description = "Make a texture from the prompt and put it on the selected objects. Blender stays usable meanwhile"
    told_by_panel = True

    size: StringProperty(name="Size", description="Size of the picture, as WIDTHxHEIGHT", options={'SKIP_SAVE'})
    node: BoolProperty(
        name="To Active Node", description="Only set the image of the active Image Texture node",
        options={'SKIP_SAVE'})

    def plan(self, context: bpy.types.Context) -> list[PlannedJob]:
        panel = context.scene.gptimage
        preferences = read_preferences()
        words = read_settings(panel, self)
        own = self.properties.is_property_set
        place, share, scale_m, fit, asset, alpha = (
            getattr(self if own(name) else panel, name) for name in TextureSettings.__annotations__)
        if self.node:
            target = active_picture_node(context)
            if target is None:
                raise InputError("No Image Texture node is active", field="node",
                                 hint="Select one in the Shader Editor")
            landing = Landing(place=Place.NODE, targets=(target,), pack=preferences.pack)
        else:
            landing = texture_landing(context, place, share_material=share, scale_m=scale_m, fit=fit and place == "faces", asset=asset, alpha=alpha,
                                      pack=preferences.pack)
        return [plan_texture(words, preferences.service, landing, read_references(context.scene), surface=read_surface(panel, scale_m, self))]


class GPTIMAGE_OT_previous_material(bpy.types.Operator):
    bl_idname = "gptimage.previous_material"
    bl_label = "Previous Material"
    bl_description = "Put back what the active slot, or the faces it was made for, had before a generated material took its place"
    bl_options = {'REGISTER', 'UNDO'}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not previous.has_previous(context.object):
            cls.poll_message_set("The active slot holds no generated material that took another one's place")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            previous.restore_previous(context.object)
        except (InputError, RuntimeError) as error:
            self.report({'ERROR'}, sentence(error) if isinstance(error, InputError) else str(error))
            return {'CANCELLED'}
        return {'FINISHED'}


class GPTIMAGE_OT_previous_world(bpy.types.Operator):
    bl_idname = "gptimage.previous_world"
    bl_label = "Previous World"
    bl_description = "Put back the world that the scene had before a generated one took its place"
    bl_options = {'REGISTER', 'UNDO'}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if previous.previous_world(context.scene) is None:
            cls.poll_message_set("The scene has no generated world that took another one's place")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            previous.restore_world(context.scene)
        except GptImageError as error:
            return report(self, error)
        return {'FINISHED'}


def active_picture_node(context: bpy.types.Context) -> Target | None:
    """The active Image Texture node of the Shader Editor, or None. Cheap; a panel may call it."""
    tree = getattr(context.space_data, "edit_tree", None)
    node = tree.nodes.active if tree else None
    owner = targets.tree_owner(tree, context) if tree else None
    if owner is None or node is None:
        return None
    if node.bl_idname not in {"ShaderNodeTexImage", "ShaderNodeTexEnvironment"} and node != material_nodes.texture_group(tree):
        return None
    return targets.note_target(owner[0], owner[1], node.name)


classes = (GPTIMAGE_OT_generate_texture, GPTIMAGE_OT_previous_material, GPTIMAGE_OT_previous_world)


def register() -> None:
    host.landings[KIND] = land_texture
    host.follow_ups[KIND] = plan_follow_ups
    host.previews[KIND] = preview_texture


def unregister() -> None:
    host.landings.pop(KIND, None)
    host.follow_ups.pop(KIND, None)
    host.previews.pop(KIND, None)
