# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures where no slot takes them: the world, a light, a brush. What was there before stays in the file."""

from __future__ import annotations

import math

import bpy

from ..core.errors import InputError
from . import compat
from .material_nodes import PICTURE_NODE
from .previous import note_world

__all__ = ("set_brush_texture", "set_light", "set_world")

_OUTPUT = f"{PICTURE_NODE} Output"


def set_world(scene: bpy.types.Scene, image: bpy.types.Image) -> bpy.types.World:
    """A new world for the scene with a 2:1 panorama as its background. `previous.restore_world` brings the old one back.

    Raises RuntimeError if the scene is linked from another file.
    """
    if not scene.is_editable:
        raise RuntimeError(f"{scene.name} (linked from another file)")
    world = bpy.data.worlds.new(image.name)
    tree = compat.enable_nodes(world)
    nodes, links = tree.nodes, tree.links
    background = next((node for node in nodes if node.bl_idname == "ShaderNodeBackground"), None)
    output = tree.get_output_node('ALL') or nodes.new("ShaderNodeOutputWorld")
    if background is None:
        background = nodes.new("ShaderNodeBackground")
        links.new(background.outputs["Background"], output.inputs["Surface"])
    background.inputs["Strength"].default_value = 1.0
    coordinate, mapping, picture = (nodes.new(kind) for kind in (
        "ShaderNodeTexCoord", "ShaderNodeMapping", "ShaderNodeTexEnvironment"))
    picture.name = PICTURE_NODE
    picture.label = "Panorama"
    picture.image = image
    # By its rotation about Z the artist turns the panorama.
    links.new(coordinate.outputs["Generated"], mapping.inputs["Vector"])
    links.new(mapping.outputs["Vector"], picture.inputs["Vector"])
    links.new(picture.outputs["Color"], background.inputs["Color"])
    for node, x in ((coordinate, -780), (mapping, -580), (picture, -360), (background, -60), (output, 160)):
        node.location = (x, 300)
    note_world(scene, world)
    return world


def set_light(light: bpy.types.Light, image: bpy.types.Image) -> bpy.types.ShaderNodeTexImage:
    """Let a spot throw the picture (a gobo), or an area light show it. In Cycles: EEVEE does not use the nodes of lights.

    The picture fills a spot's cone. The light's own nodes stay as they are, beside ours: making their Light Output the
    active one brings them back. Raises InputError with the field `light` for other lights, RuntimeError for a linked one.
    """
    if light.type not in {'SPOT', 'AREA'}:
        raise InputError(f"{light.name} is neither a spot nor an area light", field="light", hint="Change its type")
    if not light.is_editable:
        raise RuntimeError(f"{light.name} (linked from another file)")
    tree = compat.enable_light_nodes(light)
    picture = tree.nodes.get(PICTURE_NODE)
    output = tree.nodes.get(_OUTPUT)
    if not (picture and output and picture.bl_idname == "ShaderNodeTexImage"):
        picture, output = _light_nodes(tree, is_spot=light.type == 'SPOT')
    picture.image = image
    cone = tree.nodes.get(f"{PICTURE_NODE} Cone")
    if cone and light.type == 'SPOT':
        # The screen at Z = -1, where the cone is 2 tan(half its angle) wide, becomes the picture.
        cone.inputs["Scale"].default_value = -0.5 / math.tan(light.spot_size / 2)
    for node in tree.nodes:
        if node.bl_idname == "ShaderNodeOutputLight":
            node.is_active_output = node == output
    return picture


def _light_nodes(tree: bpy.types.NodeTree, *, is_spot: bool) -> tuple[bpy.types.Node, bpy.types.Node]:
    """(picture, output) of new nodes below all others."""
    nodes, links = tree.nodes, tree.links
    bottom = min((node.location.y for node in nodes), default=600) - 300
    row: list[bpy.types.Node] = []

    def add(kind: str, label: str = "", **settings: object) -> bpy.types.Node:
        node = nodes.new(kind)
        node.location = ((row[-1].location.x + row[-1].width + 60) if row else 0, bottom)
        node.label = label
        for name, value in settings.items():
            setattr(node, name, value)
        row.append(node)
        return node

    coordinate = add("ShaderNodeTexCoord")
    if is_spot:
        # In its own space a spot shines along -Z; divided by its Z a direction is a place on a screen at distance 1.
        separate = add("ShaderNodeSeparateXYZ")
        links.new(coordinate.outputs["Normal"], separate.inputs[0])
        divided = [add("ShaderNodeMath", operation='DIVIDE') for _ in "xy"]
        divided[1].location = (divided[0].location.x, bottom - 180)
        screen = add("ShaderNodeCombineXYZ")
        for axis, node in enumerate(divided):
            links.new(separate.outputs[axis], node.inputs[0])
            links.new(separate.outputs[2], node.inputs[1])
            links.new(node.outputs[0], screen.inputs[axis])
        scale = add("ShaderNodeVectorMath", "Cone", operation='SCALE')
        scale.name = f"{PICTURE_NODE} Cone"
        links.new(screen.outputs[0], scale.inputs[0])
        middle = add("ShaderNodeVectorMath", "Middle", operation='ADD')
        middle.inputs[1].default_value = (0.5, 0.5, 0.0)
        links.new(scale.outputs[0], middle.inputs[0])
        vector = middle.outputs[0]
    else:
        # An area light's UVs are those seen from behind it; as a screen it is looked at from the front.
        mirror = add("ShaderNodeMapping", "Seen from the Front")
        mirror.inputs["Location"].default_value, mirror.inputs["Scale"].default_value = (1.0, 0.0, 0.0), (-1.0, 1.0, 1.0)
        links.new(coordinate.outputs["UV"], mirror.inputs["Vector"])
        vector = mirror.outputs["Vector"]
    picture = add("ShaderNodeTexImage", "Light Texture", name=PICTURE_NODE)
    if is_spot:
        picture.extension = 'CLIP'          # dark beside the picture
    emission = add("ShaderNodeEmission")
    output = add("ShaderNodeOutputLight", name=_OUTPUT)
    links.new(vector, picture.inputs["Vector"])
    links.new(picture.outputs["Color"], emission.inputs["Color"])
    links.new(emission.outputs["Emission"], output.inputs["Surface"])
    return picture, output


def set_brush_texture(brush: bpy.types.Brush, image: bpy.types.Image, *, stencil: bool) -> bpy.types.ImageTexture:
    """Give a brush the picture as its texture: as a stencil or tiled. The old texture is kept with a fake user."""
    before = brush.texture
    if before and before.is_editable:
        before.use_fake_user = True
    texture = bpy.data.textures.new(image.name, 'IMAGE')
    texture.image = image
    brush.texture = texture
    brush.texture_slot.map_mode = 'STENCIL' if stencil else 'TILED'
    return texture
