# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nodes of our materials: an Image Texture for each map, what it needs to reach the Principled BSDF, and their order.

Plain nodes at first: Blender bakes to, paints on and shows in Solid view the Image Texture nodes of the material itself, and an
artist finds them there. An artist who wants to exchange whole textures puts them into a node group (texture_group.py); what is
here finds them there too. Swapping to other pictures sets the images of the nodes, found by their names.
"""

from __future__ import annotations

from typing import NamedTuple

import bpy

__all__ = (
    "MAPS", "PICTURE_NODE", "TEXTURE_GROUP", "add_box_aspect", "add_bump", "add_map", "arrange", "color_node", "displace", "is_bump",
    "is_displaced", "is_wired", "map_node", "output_of", "picture_in", "principled_of", "set_color_space", "set_live", "set_picture",
    "texture_group", "vector_input",
)

PICTURE_NODE = "GPT Image"      # the name of the Image Texture node of the color, by which it is found again
TEXTURE_GROUP = "GPT Image Texture"     # the name of the node of a group that holds them all
BOX_BLEND = 0.2


class Map(NamedTuple):
    """How a map reaches the Principled BSDF. `socket` is empty where a node of its own comes between."""

    label: str
    socket: str
    is_data: bool = True


# From the top of the node editor to the bottom.
MAPS = {
    "ao": Map("Ambient Occlusion", ""),
    "metallic": Map("Metallic", "Metallic"),
    "roughness": Map("Roughness", "Roughness"),
    "normal": Map("Normal", ""),
    "emission": Map("Emission", "Emission Color", is_data=False),
    "height": Map("Height", ""),
}
_PICTURES, _COORDINATES, _SURFACE = "GPT Image Pictures", "GPT Image Coordinates", "GPT Image Surface"
_FRAMES = {_COORDINATES: "Coordinates", _PICTURES: "Pictures", _SURFACE: "Surface"}
_MULTIPLY, _NORMAL_MAP, _BUMP, _DISPLACEMENT = (
    "GPT Image Occlusion", "GPT Image Normal Map", "GPT Image Bump", "GPT Image Displacement")
_BESIDE = {"ao": (_MULTIPLY,), "normal": (_NORMAL_MAP,), "height": (_BUMP, _DISPLACEMENT)}
_ASPECT = "GPT Image Box Aspect"
# Columns, from the Principled BSDF to the left, and the distance of the rows.
_SURFACE_X, _PICTURES_X, _MAPPING_X, _ASPECT_X, _COORDINATE_X = -260, -600, -840, -1020, -1200
_ROW, _LOW_ROW, _CHAINED = 300, 240, 200
_BORDER, _HEADING = 30, 40
# Blender knows the height of a node only once it has drawn it. As 5.2 draws them; other versions draw them lower.
_HEIGHTS = {"ShaderNodeMapping": 435}
_HEIGHT = 260


def texture_group(tree: bpy.types.NodeTree) -> bpy.types.ShaderNodeGroup | None:
    """The node of the group that holds the material's pictures, if one does. Cheap."""
    node = None if PICTURE_NODE in tree.nodes else tree.nodes.get(TEXTURE_GROUP)
    is_ours = node and node.bl_idname == "ShaderNodeGroup" and node.node_tree and PICTURE_NODE in node.node_tree.nodes
    return node if is_ours else None


def _home(tree: bpy.types.NodeTree) -> bpy.types.NodeTree:
    """The tree that the pictures are in."""
    group = texture_group(tree)
    return group.node_tree if group else tree


def color_node(tree: bpy.types.NodeTree | None) -> bpy.types.ShaderNodeTexImage | None:
    """The node that holds the color. Cheap."""
    node = _home(tree).nodes.get(PICTURE_NODE) if tree else None
    return node if node and node.bl_idname == "ShaderNodeTexImage" else None


def map_node(tree: bpy.types.NodeTree, role: str) -> bpy.types.ShaderNodeTexImage | None:
    """The node that holds a map of MAPS."""
    node = _home(tree).nodes.get(f"{PICTURE_NODE} {MAPS[role].label}")
    return node if node and node.bl_idname == "ShaderNodeTexImage" else None


def picture_in(node: bpy.types.Node | None) -> bpy.types.Node | None:
    """The node that holds the picture which a node stands for: itself, or that of the color in our group. Cheap."""
    if node and node.bl_idname == "ShaderNodeGroup" and node.node_tree:
        return color_node(node.node_tree)
    return node if node and hasattr(node, "image") else None


def output_of(tree: bpy.types.NodeTree, role: str) -> bpy.types.NodeSocket:
    """Where the material has the picture of a role, "color" or one of MAPS, that there is a node for."""
    group = texture_group(tree)
    if group:
        return group.outputs[MAPS[role].label if role in MAPS else "Color"]
    return (map_node(tree, role) if role in MAPS else color_node(tree)).outputs["Color"]


def vector_input(tree: bpy.types.NodeTree) -> bpy.types.NodeSocket:
    """Where the pictures are told their place."""
    return (texture_group(tree) or color_node(tree)).inputs["Vector"]


def principled_of(tree: bpy.types.NodeTree) -> bpy.types.Node | None:
    return next((node for node in tree.nodes if node.bl_idname == "ShaderNodeBsdfPrincipled"), None)


def add_map(material: bpy.types.Material, role: str, image: bpy.types.Image, *, relief_m: float, displace: bool) -> None:
    """Give the material a node for a map that it has none for, fed like its color, and wire it.

    A socket that something else feeds stays as it is. The value of each socket is what it should be without the map, so a
    muted link takes the map off.
    """
    tree = material.node_tree
    links, principled = tree.links, principled_of(tree)
    set_picture(map_node(tree, role) or _add_picture(tree, role), image, is_data=MAPS[role].is_data)
    found = output_of(tree, role)
    if found.is_linked:
        return                                  # of a group, for what another texture had
    if role == "ao":
        _multiply(tree, output_of(tree, "color"), found)
    elif role == "height":
        _wire_height(material, found, relief_m, displace)
    elif role == "normal":
        between = _new(tree, "ShaderNodeNormalMap", _NORMAL_MAP, "Normal Map")
        links.new(found, between.inputs["Color"])
        bump = tree.nodes.get(_BUMP)
        _link_if_free(tree, between.outputs["Normal"], (bump or principled).inputs["Normal"])
    else:
        if role == "emission" and not principled.inputs["Emission Color"].is_linked:
            # Without the map nothing glows.
            principled.inputs["Emission Color"].default_value = (0.0, 0.0, 0.0, 1.0)
            principled.inputs["Emission Strength"].default_value = 1.0
        _link_if_free(tree, found, principled.inputs[MAPS[role].socket])


def is_wired(tree: bpy.types.NodeTree, role: str) -> bool:
    """Whether there is a node for the map, and the material uses it or did: a link of it may be muted."""
    return map_node(tree, role) is not None and (texture_group(tree) is None or output_of(tree, role).is_linked)


def _add_picture(tree: bpy.types.NodeTree, role: str) -> bpy.types.ShaderNodeTexImage:
    """A node for a map, with the settings and the place of the color's; in a group with its output."""
    color, home = color_node(tree), _home(tree)
    node = home.nodes.new("ShaderNodeTexImage")
    node.name = f"{PICTURE_NODE} {MAPS[role].label}"
    node.label = MAPS[role].label
    for setting in ("projection", "projection_blend", "interpolation", "extension"):
        setattr(node, setting, getattr(color, setting))
    for link in color.inputs["Vector"].links:
        home.links.new(link.from_socket, node.inputs["Vector"])
    if home != tree:
        end = next(each for each in home.nodes if each.bl_idname == "NodeGroupOutput")
        home.links.new(node.outputs["Color"], end.inputs[MAPS[role].label])
        node.location = (color.location.x, min(each.location.y for each in home.nodes) - _ROW)
    return node


def set_picture(node: bpy.types.ShaderNodeTexImage, image: bpy.types.Image, *, is_data: bool) -> None:
    """Show an image in the node; a map of data is Non-Color."""
    if is_data and not image.colorspace_settings.is_data:
        set_color_space(image, "Non-Color")
    node.image = image


def set_color_space(image: bpy.types.Image, name: str) -> None:
    """Changing it reads the image again: what was painted would be lost, so that is packed before."""
    if image.is_dirty:
        image.pack()
    image.colorspace_settings.name = name


def is_bump(tree: bpy.types.NodeTree) -> bool:
    """Whether a height is there as bump, and so tells the same as a normal map."""
    return _BUMP in tree.nodes


def is_displaced(material: bpy.types.Material) -> bool:
    """Whether a height of ours displaces the mesh."""
    node = material.node_tree.nodes.get(_DISPLACEMENT)
    return bool(node) and material.displacement_method != 'BUMP' and any(
        not link.is_muted for link in node.outputs["Displacement"].links)


def displace(material: bpy.types.Material, relief_m: float) -> None:
    """Let the height that the material has a node for move the mesh, instead of being bump only."""
    tree = material.node_tree
    _wire_displacement(material, output_of(tree, "height"), relief_m)
    for link in tree.nodes[_DISPLACEMENT].outputs["Displacement"].links:
        link.is_muted = False
    if bump := tree.nodes.get(_BUMP):
        for link in bump.outputs["Normal"].links:
            link.is_muted = True                # the displacement brings its own
    # The mesh moves as far as it is subdivided, the rest of the height is bump.
    # (Before 5.0 Cycles adds that bump to the displaced faces' own slope where they are not shaded smooth.)
    material.displacement_method = 'BOTH'


def set_live(tree: bpy.types.NodeTree, role: str, live: bool) -> None:
    """Let a map count or not: a link on its way is muted, and then the socket's own value, which is neutral, counts."""
    # Without its color a Normal Map node gives the plain normal, and with that takes away the bump of a displacement.
    node = tree.nodes.get(_NORMAL_MAP) if role == "normal" else None
    for socket in node.outputs if node else (output_of(tree, role),):
        for link in socket.links:
            link.is_muted = not live


# --- box projection ---------------------------------------------------------------------------------------

def add_box_aspect(tree: bpy.types.NodeTree, coordinate: bpy.types.Node, aspect: float) -> bpy.types.NodeSocket:
    """Coordinates of an object for the box projection of pictures whose width / height is `aspect`.

    Blender shows X of an object along the picture's width on its walls, and along its height from above and below. There it is
    made longer here, by the rule that the projection has itself: the axis to which the normal is nearest.
    Source: Blender, intern/cycles/kernel/svm/image.h, svm_node_tex_image_box.
    """
    node = _new(tree, "ShaderNodeGroup", _ASPECT, "Box Aspect")
    node.node_tree = _aspect_group()
    node.inputs["Aspect"].default_value = aspect
    tree.links.new(coordinate.outputs["Object"], node.inputs["Vector"])
    tree.links.new(coordinate.outputs["Normal"], node.inputs["Normal"])
    return node.outputs["Vector"]


def _aspect_group() -> bpy.types.NodeTree:
    group = bpy.data.node_groups.get(_ASPECT)
    if group and group.bl_idname == "ShaderNodeTree" and group.interface.items_tree.get("Aspect"):
        return group
    group = bpy.data.node_groups.new(_ASPECT, "ShaderNodeTree")
    for name, kind in (("Vector", "NodeSocketVector"), ("Normal", "NodeSocketVector"), ("Aspect", "NodeSocketFloat")):
        group.interface.new_socket(name, in_out='INPUT', socket_type=kind)
    group.interface.new_socket("Vector", in_out='OUTPUT', socket_type="NodeSocketVector")
    row: list[bpy.types.Node] = []

    def add(kind: str, *inputs: object, **settings: object) -> bpy.types.Node:
        """A node right of the last one; its inputs in order, each a socket or a value."""
        node = group.nodes.new(kind)
        node.location = (200 * len(row), 0)
        for name, value in settings.items():
            setattr(node, name, value)
        for socket, given in zip(node.inputs, inputs, strict=False):
            if isinstance(given, bpy.types.NodeSocket):
                group.links.new(given, socket)
            else:
                socket.default_value = given
        row.append(node)
        return node

    start = add("NodeGroupInput")
    away = add("ShaderNodeVectorMath", start.outputs["Normal"], operation='ABSOLUTE')
    axes = add("ShaderNodeSeparateXYZ", away.outputs[0])
    level = add("ShaderNodeMath", axes.outputs[0], axes.outputs[1], operation='MAXIMUM')
    above = add("ShaderNodeMath", axes.outputs[2], level.outputs[0], operation='GREATER_THAN')
    more = add("ShaderNodeMath", start.outputs["Aspect"], 1.0, operation='SUBTRACT')
    along = add("ShaderNodeMath", above.outputs[0], more.outputs[0], 1.0, operation='MULTIPLY_ADD')
    scale = add("ShaderNodeCombineXYZ", along.outputs[0], 1.0, 1.0)
    scaled = add("ShaderNodeVectorMath", start.outputs["Vector"], scale.outputs[0], operation='MULTIPLY')
    add("NodeGroupOutput", scaled.outputs[0])
    return group


# --- wires ------------------------------------------------------------------------------------------------

def _new(tree: bpy.types.NodeTree, kind: str, name: str, label: str) -> bpy.types.Node:
    node = tree.nodes.new(kind)
    node.name, node.label = name, label
    return node


def _link_if_free(tree: bpy.types.NodeTree, source: bpy.types.NodeSocket, target: bpy.types.NodeSocket) -> None:
    if not target.is_linked:
        tree.links.new(source, target)


def _multiply(tree: bpy.types.NodeTree, color: bpy.types.NodeSocket, occlusion: bpy.types.NodeSocket) -> None:
    """Multiply the color by the occlusion, wherever it goes."""
    mix = _new(tree, "ShaderNodeMix", _MULTIPLY, "Multiply Occlusion")
    mix.data_type, mix.blend_type = 'RGBA', 'MULTIPLY'
    sockets = {socket.identifier: socket for socket in (*mix.inputs, *mix.outputs)}
    sockets["Factor_Float"].default_value = 1.0
    sockets["B_Color"].default_value = (1.0, 1.0, 1.0, 1.0)
    fed = [link.to_socket for link in color.links]
    tree.links.new(color, sockets["A_Color"])
    tree.links.new(occlusion, sockets["B_Color"])
    for target in fed:
        tree.links.new(sockets["Result_Color"], target)


def _wire_height(material: bpy.types.Material, height: bpy.types.NodeSocket, relief_m: float, wants_displacement: bool) -> None:
    """Bump from the height, or displacement.

    A normal map holds directions along a UV map's U and V. A box projection has no such: on each side of the object it
    would have to be turned differently, and where sides blend the mean of their colors is no normal at all. The Bump node
    knows nothing of tangents, it compares heights at neighboring points in the world, so it is right on every side.
    With UVs the normal map, where there is one, already has the height's detail; the displacement is wired but off then.
    """
    tree = material.node_tree
    normal = principled_of(tree).inputs["Normal"]
    if wants_displacement:
        displace(material, relief_m)
    elif normal.is_linked:
        _wire_displacement(material, height, relief_m)
    else:
        add_bump(material, relief_m)


def add_bump(material: bpy.types.Material, relief_m: float) -> None:
    """Let the height count as bump, on top of our normal map if there is one. What an artist has wired to the normal stays."""
    tree = material.node_tree
    normal = principled_of(tree).inputs["Normal"]
    before = next((link.from_socket for link in normal.links), None)
    if before and before.node.name != _NORMAL_MAP:
        return
    displacement = tree.nodes.get(_DISPLACEMENT)
    node = _new(tree, "ShaderNodeBump", _BUMP, "Bump")
    node.inputs["Strength"].default_value = 1.0
    node.inputs["Distance"].default_value = relief_m or (displacement.inputs["Scale"].default_value if displacement else 0.0)
    tree.links.new(output_of(tree, "height"), node.inputs["Height"])
    if before:
        tree.links.new(before, node.inputs["Normal"])
    tree.links.new(node.outputs["Normal"], normal)


def _wire_displacement(material: bpy.types.Material, height: bpy.types.NodeSocket, relief_m: float) -> None:
    """A Displacement node for the height, if there is none yet, off."""
    tree = material.node_tree
    node = tree.nodes.get(_DISPLACEMENT)
    if node is None:
        node = _new(tree, "ShaderNodeDisplacement", _DISPLACEMENT, "Displacement")
        node.inputs["Height"].default_value = node.inputs["Midlevel"].default_value = 0.5
        node.inputs["Scale"].default_value = relief_m
        tree.links.new(height, node.inputs["Height"])
    output = tree.get_output_node('ALL') or tree.nodes.new("ShaderNodeOutputMaterial")
    if not output.inputs["Displacement"].is_linked:
        tree.links.new(node.outputs["Displacement"], output.inputs["Displacement"]).is_muted = True


# --- order ------------------------------------------------------------------------------------------------

def arrange(tree: bpy.types.NodeTree) -> None:
    """Put our nodes in columns, links from left to right, before the Principled BSDF, and frames around them."""
    color, principled = color_node(tree), principled_of(tree)
    x, y = _absolute(principled) if principled else (-60, 300)
    # A normal map that feeds the bump is a column before it, and with it what is before that.
    bump = tree.nodes.get(_BUMP)
    left = x - _CHAINED if bump and bump.inputs["Normal"].is_linked else x
    columns: dict[str, list[tuple[bpy.types.Node, float, float]]] = {frame: [] for frame in _FRAMES}
    group = texture_group(tree)
    columns[_PICTURES].append((group or color, left + _PICTURES_X, y))
    row = y
    beside = [(tree.nodes.get(_MULTIPLY), x, y)]
    for role in MAPS:
        node = map_node(tree, role)
        if node:
            row -= _ROW
            if not group:
                columns[_PICTURES].append((node, left + _PICTURES_X, row))
            near = [each for name in _BESIDE.get(role, ()) if role != "ao" and (each := tree.nodes.get(name))]
            beside += [(each, left if role == "normal" else x, row - number * _LOW_ROW) for number, each in enumerate(near)]
    columns[_SURFACE] += [(node, at_x + _SURFACE_X, at_y) for node, at_x, at_y in beside if node]
    mapping = _fed_by(group or color, "ShaderNodeMapping")
    aspect = _fed_by(mapping, "ShaderNodeGroup")
    coordinate = _fed_by(aspect or mapping, "ShaderNodeTexCoord")
    places = (mapping, _MAPPING_X), (aspect, _ASPECT_X), (coordinate, _COORDINATE_X if aspect else _ASPECT_X)
    columns[_COORDINATES] += [(node, left + at, y) for node, at in places if node]
    for name, placed in columns.items():
        if placed:
            _frame(tree, name, placed)


def _fed_by(node: bpy.types.Node | None, kind: str) -> bpy.types.Node | None:
    links = node.inputs["Vector"].links if node and "Vector" in node.inputs else ()
    return links[0].from_node if links and links[0].from_node.bl_idname == kind else None


def _absolute(node: bpy.types.Node) -> tuple[float, float]:
    x, y = node.location
    while node.parent:
        node = node.parent
        x, y = x + node.location.x, y + node.location.y
    return x, y


def _frame(tree: bpy.types.NodeTree, name: str, placed: list[tuple[bpy.types.Node, float, float]]) -> None:
    """A frame around nodes at their places, as Blender makes it when it draws it: a file made in background is drawn later."""
    frame = tree.nodes.get(name) or _new(tree, "NodeFrame", name, _FRAMES[name])
    left, right = min(x for _, x, _ in placed), max(x + node.width for node, x, _ in placed)
    top, bottom = max(y for _, _, y in placed), min(y - _HEIGHTS.get(node.bl_idname, _HEIGHT) for node, _, y in placed)
    frame.location = (left - _BORDER, top + _HEADING)
    frame.width, frame.height = right - left + 2 * _BORDER, top - bottom + _HEADING + _BORDER
    for node, x, y in placed:
        node.parent = frame
        node.location = (x - frame.location.x, y - frame.location.y)
