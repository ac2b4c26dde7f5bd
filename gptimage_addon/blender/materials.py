# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Principled materials from pictures, and how they reach an object's slots."""

from __future__ import annotations

from collections.abc import Sequence

import bmesh
import bpy

from . import compat

__all__ = ("PICTURE_NODE", "assign", "box_repeat", "has_uv_map", "make_material", "picture_node", "selected_faces")

PICTURE_NODE = "GPT Image"          # the name of the Image Texture node, by which it is found again
BOX_BLEND = 0.2


def has_uv_map(obj: bpy.types.Object) -> bool:
    """Whether UV coordinates exist. Curves and text have their own."""
    if obj.type == 'MESH':
        return len(obj.data.uv_layers) > 0
    return obj.type in {'CURVE', 'SURFACE', 'FONT'}


def box_repeat(obj: bpy.types.Object, scale_m: float) -> tuple[float, float, float]:
    """Length of one repeat along the object's own axes: `scale_m` metres in the world, or if 0 its longest side."""
    if scale_m:
        scale = obj.matrix_world.to_scale()
        return tuple(round(scale_m / (abs(s) or 1.0), 6) for s in scale)
    longest = max(obj.bound_box[6][i] - obj.bound_box[0][i] for i in range(3))
    return (longest or 1.0,) * 3


def make_material(
    name: str, image: bpy.types.Image, *, box_repeat: tuple[float, float, float] | None = None, alpha: bool = False,
) -> bpy.types.Material:
    """A new material: Texture Coordinate, Mapping, Image Texture, Principled BSDF.

    With `box_repeat` (lengths in object space) the picture is projected from the six sides and repeats so, else
    it follows the UV map. `alpha` connects the picture's transparency.
    """
    material = bpy.data.materials.new(name)
    tree = compat.enable_nodes(material)
    nodes, links = tree.nodes, tree.links
    principled = next(node for node in nodes if node.bl_idname == "ShaderNodeBsdfPrincipled")
    output = next(node for node in nodes if node.bl_idname == "ShaderNodeOutputMaterial")

    coordinate = nodes.new("ShaderNodeTexCoord")
    mapping = nodes.new("ShaderNodeMapping")
    picture = nodes.new("ShaderNodeTexImage")
    picture.name = picture.label = PICTURE_NODE
    picture.image = image
    for node, x in ((coordinate, -900), (mapping, -680), (picture, -400), (principled, -60), (output, 260)):
        node.location = (x, 300)

    if box_repeat is None:
        links.new(coordinate.outputs["UV"], mapping.inputs["Vector"])
    else:
        mapping.inputs["Scale"].default_value = tuple(1 / length for length in box_repeat)
        # The object's middle is the picture's middle.
        mapping.inputs["Location"].default_value = (0.5, 0.5, 0.5)
        picture.projection = 'BOX'
        picture.projection_blend = BOX_BLEND
        links.new(coordinate.outputs["Object"], mapping.inputs["Vector"])
    links.new(mapping.outputs["Vector"], picture.inputs["Vector"])
    links.new(picture.outputs["Color"], principled.inputs["Base Color"])
    if alpha:
        links.new(picture.outputs["Alpha"], principled.inputs["Alpha"])
    return material


def picture_node(material: bpy.types.Material | None) -> bpy.types.ShaderNodeTexImage | None:
    """The node of a material that holds our picture. Cheap; a panel may call it."""
    tree = material.node_tree if material else None
    node = tree.nodes.get(PICTURE_NODE) if tree else None
    return node if node and node.bl_idname == "ShaderNodeTexImage" else None


def selected_faces(obj: bpy.types.Object) -> list[int]:
    """Indices of the selected faces, in Edit Mode as well."""
    if obj.mode == 'EDIT':
        obj.update_from_editmode()
    return [polygon.index for polygon in obj.data.polygons if polygon.select]


def assign(obj: bpy.types.Object, material: bpy.types.Material, *, append: bool, faces: Sequence[int] = ()) -> None:
    """Put the material in the object's active slot, or in a new one; `faces` then use that slot.

    Raises RuntimeError if what holds the slot is linked from another file.
    """
    data = obj.data
    slot = obj.material_slots[obj.active_material_index] if not append and obj.material_slots else None
    # The slot knows whether the material belongs to the object or to its data.
    owner = obj if slot and slot.link == 'OBJECT' else data
    if not owner.is_editable or not obj.is_editable:
        raise RuntimeError(f"{obj.name} (linked from another file)")
    if slot:
        slot.material = material
        return
    if faces and not data.materials:
        data.materials.append(None)         # for the other faces, which would show the new material too
    data.materials.append(material)
    index = len(data.materials) - 1
    obj.active_material_index = index
    if faces and obj.mode == 'EDIT':
        mesh = bmesh.from_edit_mesh(data)
        mesh.faces.ensure_lookup_table()
        for face in faces:
            mesh.faces[face].material_index = index
        bmesh.update_edit_mesh(data, loop_triangles=False)
    else:
        for face in faces:
            data.polygons[face].material_index = index
