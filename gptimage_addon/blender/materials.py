# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Principled materials from pictures, and how they reach an object's slots."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import bpy

from ..core.errors import InputError
from . import compat, material_nodes
from .material_nodes import BOX_BLEND, MAPS, PICTURE_NODE
from .previous import active_slot, note_faces, replace, set_face_slots, slot_owner
from .scale import FaceShape, box_repeat, fit_to_shape, has_uv_map

__all__ = (
    "FINDINGS", "PICTURE_NODE", "assign", "box_repeat", "fit_to_faces", "has_uv_map", "make_material", "needs_subdivision", "picture_node",
    "selected_faces", "shown_node", "subdivide", "swap_pictures",
)

FINDINGS = "gptimage_findings"      # on a material that was checked: what was found, sentences by "map problem"
_SHOWN_FACES, _RENDERED_FACES = 30_000, 500_000         # of a mesh subdivided for displacement
_MOST_LEVELS = 8


def make_material(
    name: str, image: bpy.types.Image, *, maps: Mapping[str, bpy.types.Image] | None = None,
    box_repeat: tuple[float, float, float] | None = None, box_aspect: float = 1.0, uv_repeat: tuple[float, float] | None = None,
    alpha: str = "", relief_m: float = 0.0, displace: bool = False,
) -> bpy.types.Material:
    """A new material: Texture Coordinate, Mapping, an Image Texture for the color and each map, Principled BSDF.

    With `box_repeat` (lengths in object space) the pictures are projected from the six sides and repeat so, with their width /
    height `box_aspect` from above and below as well; else they follow the UV map, repeated `uv_repeat` times in its unit. `alpha`
    connects the color's transparency: "blend" as it is, "clip" all or nothing, at one half. `maps` are of MAPS: "ao", "metallic",
    "roughness", "normal" (OpenGL, tangent space), "emission", "height". A height of 0 to 1 is `relief_m` metres deep: as
    displacement if `displace`, which needs a subdivided mesh; else as bump where no normal map can be. A box projection can have
    none, so "normal" is left out there. Raises InputError with the field `maps`.
    """
    maps = _known(maps)
    material = bpy.data.materials.new(name)
    tree = compat.enable_nodes(material)
    nodes, links = tree.nodes, tree.links
    principled = material_nodes.principled_of(tree)
    principled.location = (-60, 300)
    tree.get_output_node('ALL').location = (260, 300)

    coordinate = nodes.new("ShaderNodeTexCoord")
    mapping = nodes.new("ShaderNodeMapping")
    picture = nodes.new("ShaderNodeTexImage")
    picture.name = PICTURE_NODE
    picture.label = "Color"
    picture.image = image
    if box_repeat is None:
        if uv_repeat:
            mapping.inputs["Scale"].default_value = (*uv_repeat, 1.0)
        links.new(coordinate.outputs["UV"], mapping.inputs["Vector"])
    else:
        mapping.inputs["Scale"].default_value = tuple(1 / length for length in box_repeat)
        # The object's middle is the picture's middle.
        mapping.inputs["Location"].default_value = (0.5, 0.5, 0.5)
        picture.projection = 'BOX'
        picture.projection_blend = BOX_BLEND
        place = coordinate.outputs["Object"]
        if abs(box_aspect - 1) > 1e-3:
            place = material_nodes.add_box_aspect(tree, coordinate, box_aspect)
        links.new(place, mapping.inputs["Vector"])
    links.new(mapping.outputs["Vector"], picture.inputs["Vector"])
    links.new(picture.outputs["Color"], principled.inputs["Base Color"])
    if alpha:
        _connect_alpha(material, picture, principled, alpha)
    _set_maps(material, maps, relief_m, displace)
    material_nodes.arrange(tree)
    return material


def _connect_alpha(material: bpy.types.Material, picture: bpy.types.Node, principled: bpy.types.Node, alpha: str) -> None:
    links, seen = material.node_tree.links, picture.outputs["Alpha"]
    if alpha == "clip":
        clip = material.node_tree.nodes.new("ShaderNodeMath")
        clip.label, clip.operation = "Alpha Clip", 'GREATER_THAN'
        clip.inputs[1].default_value = 0.5
        links.new(seen, clip.inputs[0])
        seen = clip.outputs[0]
    links.new(seen, principled.inputs["Alpha"])
    # Eevee sorts what is blended, and casts no shadow of its holes where it does; all or nothing needs no sorting.
    material.surface_render_method = 'DITHERED' if alpha == "clip" else 'BLENDED'


def swap_pictures(
    material: bpy.types.Material, image: bpy.types.Image, maps: Mapping[str, bpy.types.Image] | None = None, *,
    relief_m: float = 0.0, displace: bool = False,
) -> None:
    """Show other pictures in a material of ours: its nodes, wires and settings stay as the artist has made them.

    Maps that it has no node for get one, with `relief_m` and `displace` as for `make_material`; those that are not given
    are muted until they are again. Raises InputError with the field `maps` before anything is changed.
    """
    maps = _known(maps)
    tree = material.node_tree
    picture = picture_node(material)
    if picture is None:
        raise InputError(f"{material.name} has no node {PICTURE_NODE!r}", field="maps", hint="Make a new material")
    if maps and not material_nodes.principled_of(tree):
        raise InputError(f"{material.name} has no Principled BSDF for the maps", field="maps", hint="Make a new material")
    if not picture.id_data.is_editable:
        raise InputError(f"The pictures of {material.name} are linked from another file", field="maps", hint="Make it local first")
    picture.image = image
    material.pop(FINDINGS, None)            # they are those of other pictures
    if _set_maps(material, maps, relief_m, displace):
        material_nodes.arrange(tree)


def fit_to_faces(material: bpy.types.Material, shape: FaceShape) -> None:
    """Lay the material's pictures once, upright, over the UV bounds of some faces."""
    for link in material_nodes.vector_input(material.node_tree).links:
        mapping = link.from_node
        (x, y), rotation, scale = fit_to_shape(shape)
        mapping.vector_type = 'POINT'
        mapping.inputs["Location"].default_value = (x, y, 0.0)
        mapping.inputs["Rotation"].default_value = (0.0, 0.0, rotation)
        mapping.inputs["Scale"].default_value = (*scale, 1.0)


def picture_node(material: bpy.types.Material | None) -> bpy.types.ShaderNodeTexImage | None:
    """The node of a material that holds our picture, the color. Cheap; a panel may call it."""
    return material_nodes.color_node(material.node_tree) if material else None


def shown_node(material: bpy.types.Material | None) -> bpy.types.ShaderNodeTexImage | None:
    """The node of any material whose picture is its texture: the active one if that holds colors, ours, or what colors the Principled BSDF.

    Cheap; a panel may call it.
    """
    tree = material.node_tree if material else None
    if tree is None:
        return None
    # One after the other: Blender walks over all of a tree's links to find those of a socket.
    for find in (lambda tree: tree.nodes.active, material_nodes.color_node, _base_color_node):
        node = find(tree)
        if node and node.bl_idname == "ShaderNodeTexImage" and node.image and not node.image.colorspace_settings.is_data:
            return node
    return None


def _base_color_node(tree: bpy.types.NodeTree) -> bpy.types.Node | None:
    """What colors the Principled BSDF."""
    shader = material_nodes.principled_of(tree)
    links = shader.inputs["Base Color"].links if shader else ()
    return links[0].from_node if links else None


def _known(maps: Mapping[str, bpy.types.Image] | None) -> dict[str, bpy.types.Image]:
    """The maps in the order in which they are wired: the normal map takes the place of the height's bump."""
    if unknown := set(maps or ()) - set(MAPS):
        raise InputError(f"Unknown map {min(unknown)!r}", field="maps", hint=f"One of {', '.join(MAPS)}")
    return {role: maps[role] for role in MAPS if role in maps} if maps else {}


def _set_maps(material: bpy.types.Material, maps: Mapping[str, bpy.types.Image], relief_m: float, displace: bool) -> bool:
    """Show these maps and mute all others. Whether a node had to be added."""
    tree = material.node_tree
    boxed = picture_node(material).projection == 'BOX'
    missing = [role for role in maps if not material_nodes.is_wired(tree, role) and not (boxed and role == "normal")]
    for role in missing:
        material_nodes.add_map(material, role, maps[role], relief_m=relief_m, displace=displace)
    if displace and "height" in maps and not material_nodes.is_displaced(material):
        material_nodes.displace(material, relief_m)
        missing.append("displacement")
    counted = set(maps)
    if not boxed and {"normal", "height"} <= counted:
        # The same detail must not count twice: the displacement brings its own bump.
        if material_nodes.is_displaced(material):
            counted.remove("normal")
        elif material_nodes.is_bump(tree):
            counted.remove("height")
    elif not boxed and "height" in counted and not material_nodes.is_bump(tree) and not material_nodes.is_displaced(material):
        # Beside a normal map it had none to do, and that is not there now.
        material_nodes.add_bump(material, relief_m)
        missing.append("bump")
    for role, fact in MAPS.items():
        if node := material_nodes.map_node(tree, role):
            if role in maps:
                material_nodes.set_picture(node, maps[role], is_data=fact.is_data)
            material_nodes.set_live(tree, role, role in counted)
    return bool(missing)


def needs_subdivision(obj: bpy.types.Object | None) -> bool:
    """Whether the active material displaces a mesh that nothing subdivides. Cheap; a panel may call it."""
    material = obj.active_material if obj and obj.type == 'MESH' else None
    return bool(material and material.node_tree) and material_nodes.is_displaced(material) and not any(
        modifier.type in {'SUBSURF', 'MULTIRES', 'NODES', 'REMESH'} for modifier in obj.modifiers)


def subdivide(obj: bpy.types.Object, scene: bpy.types.Scene) -> bpy.types.SubsurfModifier:
    """Give a mesh a Subdivision Surface that keeps its shape, fine enough for a displacement, and adaptive where Blender has that.

    Raises InputError with the field `objects` if the object is linked from another file.
    """
    if not obj.is_editable:
        raise InputError(f"{obj.name} is linked from another file", field="objects", hint="Make it local first")
    modifier = obj.modifiers.new("Displacement", 'SUBSURF')
    modifier.subdivision_type = 'SIMPLE'
    # Each level has four times the faces.
    faces = max(len(obj.data.polygons), 1)
    modifier.levels, modifier.render_levels = (
        min(_MOST_LEVELS, max(1, int(math.log(limit / faces, 4)))) for limit in (_SHOWN_FACES, _RENDERED_FACES))
    compat.subdivide_adaptively(scene, obj, modifier)
    return modifier


# --- slots ------------------------------------------------------------------------------------------------

def selected_faces(obj: bpy.types.Object) -> list[int]:
    """Indices of the selected faces, in Edit Mode as well."""
    if obj.mode == 'EDIT':
        obj.update_from_editmode()
    return [polygon.index for polygon in obj.data.polygons if polygon.select]


def assign(obj: bpy.types.Object, material: bpy.types.Material, *, append: bool, faces: Sequence[int] = ()) -> None:
    """Put the material in the object's active slot, or in a new one; `faces` then use that slot.

    What was there is kept: `previous.restore_previous` brings it back. Raises RuntimeError if what holds the
    slot is linked from another file.
    """
    data = obj.data
    slot = active_slot(obj) if not append else None
    owner = slot_owner(obj, slot) if slot else data
    if not owner.is_editable or not obj.is_editable:
        raise RuntimeError(f"{obj.name} (linked from another file)")
    if slot:
        replace(obj, slot, material)
        return
    before = len(data.materials)
    if faces and not data.materials:
        data.materials.append(None)         # for the other faces, which would show the new material too
    data.materials.append(material)
    index = len(data.materials) - 1
    obj.active_material_index = index
    if faces:
        note_faces(obj, index, faces, slots=before)
        set_face_slots(obj, faces, [index] * len(faces))
