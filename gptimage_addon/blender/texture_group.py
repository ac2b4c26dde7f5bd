# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pictures of a material in a node group, which can be exchanged for that of another texture without wiring anything.

All these groups have the same sockets in the same order: Blender keeps the links of a group node by them when it gets another
group. What a texture has no map for is as if it had none.
"""

from __future__ import annotations

import bpy

from ..core.errors import InputError
from . import material_nodes
from .material_nodes import MAPS, PICTURE_NODE, TEXTURE_GROUP

__all__ = ("make_texture_group",)

_FLOATS = {"metallic", "roughness", "height"}
# What the sockets give without a map: of the Principled BSDF as it is new, a flat normal, the middle of the height.
_NEUTRAL = {"ao": (1.0, 1.0, 1.0, 1.0), "metallic": 0.0, "roughness": 0.5, "normal": (0.5, 0.5, 1.0, 1.0), "emission": (0.0, 0.0, 0.0, 1.0),
            "height": 0.5}
_SETTINGS = ("image", "projection", "projection_blend", "interpolation", "extension", "name", "label")


def make_texture_group(material: bpy.types.Material) -> bpy.types.ShaderNodeTree:
    """Put the material's pictures into a new group, in their place; wires, muted ones too, stay. Raises InputError(field="material")."""
    tree = material.node_tree
    color = material_nodes.color_node(tree) if tree else None
    if color is None or material_nodes.texture_group(tree):
        hint = "Generate a texture for it first" if color is None else "Choose another group in its node"
        raise InputError(f"{material.name} has no pictures of ours outside a group", field="material", hint=hint)
    if not material.is_editable:
        raise InputError(f"{material.name} is linked from another file", field="material", hint="Make it local first")
    group = bpy.data.node_groups.new(material.name, "ShaderNodeTree")
    group.interface.new_socket("Vector", in_out='INPUT', socket_type="NodeSocketVector")
    group.interface.new_socket("Color", in_out='OUTPUT', socket_type="NodeSocketColor")
    group.interface.new_socket("Alpha", in_out='OUTPUT', socket_type="NodeSocketFloat")
    for role, fact in MAPS.items():
        kind = "NodeSocketFloat" if role in _FLOATS else "NodeSocketColor"
        group.interface.new_socket(fact.label, in_out='OUTPUT', socket_type=kind)
    start, end = group.nodes.new("NodeGroupInput"), group.nodes.new("NodeGroupOutput")
    start.location, end.location = (-250, 0), (400, 0)
    old = {"Color": color} | {fact.label: node for role, fact in MAPS.items() if (node := material_nodes.map_node(tree, role))}
    row = 0
    for label, node in old.items():
        copy = group.nodes.new("ShaderNodeTexImage")
        for setting in _SETTINGS:
            setattr(copy, setting, getattr(node, setting))
        copy.location = (0, row)
        row -= 300
        group.links.new(start.outputs["Vector"], copy.inputs["Vector"])
        group.links.new(copy.outputs["Color"], end.inputs[label])
    group.links.new(group.nodes[PICTURE_NODE].outputs["Alpha"], end.inputs["Alpha"])
    for role, fact in MAPS.items():
        if fact.label not in old:
            constant = group.nodes.new("ShaderNodeValue" if role in _FLOATS else "ShaderNodeRGB")
            constant.label, constant.location = f"No {fact.label}", (0, row)
            constant.outputs[0].default_value = _NEUTRAL[role]
            group.links.new(constant.outputs[0], end.inputs[fact.label])
            row -= 220 if role not in _FLOATS else 120

    node = tree.nodes.new("ShaderNodeGroup")
    node.name, node.label, node.node_tree = TEXTURE_GROUP, "Texture", group
    places = [link.from_socket for link in color.inputs["Vector"].links]
    wires = [(label if socket.name == "Color" else "Alpha", link.to_socket, link.is_muted)
             for label, each in old.items() for socket in each.outputs if socket.name == "Color" or label == "Color" for link in socket.links]
    frame = color.parent
    for each in old.values():
        tree.nodes.remove(each)
    for place in places:
        tree.links.new(place, node.inputs["Vector"])
    for label, target, muted in wires:
        tree.links.new(node.outputs[label], target).is_muted = muted
    node.parent = frame
    material_nodes.arrange(tree)
    tree.nodes.active = node
    return group
