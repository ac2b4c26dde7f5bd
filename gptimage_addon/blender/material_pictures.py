# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pictures a material shows, whoever has wired it: told by what they feed."""

from __future__ import annotations

import re
from collections.abc import Iterator

import bpy

from . import compat
from .material_nodes import MAPS, PICTURE_NODE, principled_of

__all__ = ("COLOR", "is_directx", "material_pictures", "replace_picture", "wrong_color_space")

COLOR = "color"
_OCCLUSION = re.compile(r"(^|[^a-z])ao([^a-z]|$)|occl", re.IGNORECASE)
_OWN_OCCLUSION = f"{PICTURE_NODE} {MAPS['ao'].label}"


def material_pictures(material: bpy.types.Material) -> dict[str, bpy.types.ShaderNodeTexImage]:
    """The Image Texture nodes with an image that count, by "color" or a name of MAPS; the first where several do."""
    tree = material.node_tree
    principled = principled_of(tree) if tree else None
    if principled is None:
        return {}
    found: dict[str, bpy.types.ShaderNodeTexImage] = {}
    for node in _pictures_before(principled.inputs["Base Color"]):
        is_occlusion = node.name == _OWN_OCCLUSION or any(
            _OCCLUSION.search(text) for text in (node.name, node.label, node.image.name))
        found.setdefault("ao" if is_occlusion else COLOR, node)
    for role, fact in MAPS.items():
        if fact.socket:
            _note(found, role, principled.inputs[fact.socket])
    _note_normal(found, principled.inputs["Normal"])
    output = tree.get_output_node('ALL')
    if output:
        _note(found, "height", output.inputs["Displacement"])
    return {role: found[role] for role in (COLOR, *MAPS) if role in found}


def is_directx(material: bpy.types.Material) -> bool:
    """Whether the material reads its normal map with green downwards: nodes can tell so from 5.2 on."""
    principled = principled_of(material.node_tree)
    return any(node.bl_idname == "ShaderNodeNormalMap" and getattr(node, "convention", "") == 'DIRECTX'
               for node in _nodes_before(principled.inputs["Normal"]))


def _note(found: dict[str, bpy.types.ShaderNodeTexImage], role: str, socket: bpy.types.NodeSocket) -> None:
    node = next(_pictures_before(socket), None)
    if node:
        found.setdefault(role, node)


def _note_normal(found: dict[str, bpy.types.ShaderNodeTexImage], socket: bpy.types.NodeSocket) -> None:
    """Of normals, a Normal Map node tells which are directions, a Bump node which are heights."""
    for node in _nodes_before(socket):
        if node.bl_idname == "ShaderNodeNormalMap":
            _note(found, "normal", node.inputs["Color"])
        elif node.bl_idname == "ShaderNodeBump":
            _note(found, "height", node.inputs["Height"])


def _pictures_before(socket: bpy.types.NodeSocket) -> Iterator[bpy.types.ShaderNodeTexImage]:
    return (node for node in _nodes_before(socket) if node.bl_idname == "ShaderNodeTexImage" and node.image)


def _nodes_before(socket: bpy.types.NodeSocket) -> Iterator[bpy.types.Node]:
    """All nodes that feed a socket, through links that count and into groups; those that are nearer first."""
    waiting, seen = [socket], set()
    while waiting:
        for link in waiting.pop(0).links:
            node = link.from_node
            # The outputs of a group come from different nodes in it.
            key = link.from_socket if node.bl_idname == "ShaderNodeGroup" else node
            if link.is_muted or key in seen:
                continue
            seen.add(key)
            yield node
            inside = node.node_tree.nodes if node.bl_idname == "ShaderNodeGroup" and node.node_tree else ()
            waiting += [socket for end in inside if end.bl_idname == "NodeGroupOutput" and end.is_active_output
                        for socket in end.inputs if socket.identifier == link.from_socket.identifier]
            waiting += node.inputs


def replace_picture(material: bpy.types.Material, old: bpy.types.Image, new: bpy.types.Image) -> None:
    """Show another image in all nodes of the material that show this one. The old one stays in the file."""
    waiting, seen = [material.node_tree], set()
    while waiting:
        tree = waiting.pop()
        seen.add(tree)
        for node in tree.nodes:
            if node.bl_idname == "ShaderNodeTexImage" and node.image == old:
                node.image = new
            elif node.bl_idname == "ShaderNodeGroup" and node.node_tree and node.node_tree not in seen and node.node_tree.is_editable:
                waiting.append(node.node_tree)
    old.use_fake_user = True


def wrong_color_space(role: str, image: bpy.types.Image) -> str:
    """The color space that the image of a role should have, or "" if it has a fit one."""
    space = image.colorspace_settings
    if role in MAPS and MAPS[role].is_data:
        # Floats in the scene's own light are taken as they are, too.
        return "" if space.is_data or (image.is_float and space.name == compat.working_space()) else "Non-Color"
    return "sRGB" if space.is_data or (not image.is_float and space.name == compat.working_space()) else ""
