# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between Blender 4.2 and 5.2. The only place that asks for the version."""

from __future__ import annotations

import bpy

__all__ = (
    "IMAGE_SHADER", "STILL_MEDIA", "annotation", "compositor", "compositor_outputs", "compositor_switches", "drop_compositor",
    "empty_compositor", "enable_light_nodes", "enable_nodes", "fit_to_render", "make_compositor", "make_output",
    "multiply_colors", "replace_alpha", "sequencer_strips", "subdivide_adaptively", "working_space",
)

# What a scene's output settings need before they can be set to a picture format: from 5.0 on a video scene has no such.
STILL_MEDIA = {"media_type": 'IMAGE'} if bpy.app.version >= (5, 0, 0) else {}
# The built-in shader that draws an image's texture over an editor as the image looks: from 5.0 on a texture is in linear colors.
IMAGE_SHADER = 'IMAGE_SCENE_LINEAR_TO_REC709_SRGB' if bpy.app.version >= (5, 0, 0) else 'IMAGE'


def enable_nodes(owner: bpy.types.Material | bpy.types.World) -> bpy.types.NodeTree:
    """The node tree of a material or world. From 5.0 on every one has one, and setting `use_nodes` warns."""
    if bpy.app.version < (5, 0, 0):
        owner.use_nodes = True
    return owner.node_tree


def enable_light_nodes(light: bpy.types.Light) -> bpy.types.NodeTree:
    """The node tree of a light. In 5.2 every one has one, and setting `use_nodes` warns."""
    if bpy.app.version < (5, 2, 0):
        light.use_nodes = True
    return light.node_tree


def subdivide_adaptively(scene: bpy.types.Scene, obj: bpy.types.Object, modifier: bpy.types.SubsurfModifier) -> bool:
    """Let Cycles subdivide as finely as the view asks for. Before 5.0 only with its experimental features on. Whether it does."""
    if bpy.app.version >= (5, 0, 0):
        modifier.use_adaptive_subdivision = True
        return True
    if scene.render.engine != 'CYCLES' or scene.cycles.feature_set != 'EXPERIMENTAL':
        return False
    obj.cycles.use_adaptive_subdivision = True
    return True


def annotation(owner: bpy.types.SpaceImageEditor | bpy.types.Scene) -> bpy.types.ID | None:
    """The annotation drawn in an Image Editor, or in the 3D Viewports of a scene. 5.0 took it out of the grease pencils."""
    return owner.grease_pencil if bpy.app.version < (5, 0, 0) else owner.annotation


def working_space() -> str:
    """The image color space of scene-linear light. From 5.0 on each file has its own."""
    return "Linear Rec.709" if bpy.app.version < (5, 0, 0) else bpy.data.colorspace.working_space


def sequencer_strips(scene: bpy.types.Scene) -> list[bpy.types.bpy_struct]:
    """The strips that stand in for the scene's render. 4.4 named them strips."""
    editor = scene.sequence_editor
    if editor is None or not scene.render.use_sequencer:
        return []
    return [strip for strip in (editor.sequences if bpy.app.version < (4, 4, 0) else editor.strips)
            if not strip.mute and strip.type != 'SOUND']


# --- the compositor: a tree inside the scene before 5.0, and then one that scenes can share --------------------

def compositor(scene: bpy.types.Scene) -> bpy.types.NodeTree | None:
    """The nodes of the scene's compositor, on or off."""
    return scene.node_tree if bpy.app.version < (5, 0, 0) else scene.compositing_node_group


def compositor_switches(scene: bpy.types.Scene) -> tuple[tuple[bpy.types.bpy_struct, str], ...]:
    """(owner, property) of all that must be on for the compositor to do anything."""
    switches = ((scene.render, "use_compositing"),)
    return (*switches, (scene, "use_nodes")) if bpy.app.version < (5, 0, 0) else switches


def make_compositor(scene: bpy.types.Scene) -> bpy.types.NodeTree:
    """An empty compositor for a scene that has none."""
    if bpy.app.version < (5, 0, 0):
        scene.use_nodes = True                  # brings Blender's default nodes
        scene.node_tree.nodes.clear()
        return scene.node_tree
    scene.compositing_node_group = bpy.data.node_groups.new("Compositor Nodes", 'CompositorNodeTree')
    return scene.compositing_node_group


def drop_compositor(scene: bpy.types.Scene) -> None:
    """Undo `make_compositor`. Before 5.0 a scene keeps the tree, switched off."""
    if bpy.app.version >= (5, 0, 0):
        tree, scene.compositing_node_group = scene.compositing_node_group, None
        if not tree.users:
            bpy.data.node_groups.remove(tree)


def compositor_outputs(tree: bpy.types.NodeTree) -> tuple[list[bpy.types.NodeSocket], bool]:
    """The sockets of a compositor that hold its picture, and whether there are output nodes that are switched off.

    Before 5.0 a muted output is off, and which of several is the active one cannot be read.
    """
    if bpy.app.version < (5, 0, 0):
        nodes = [node for node in tree.nodes if node.bl_idname == 'CompositorNodeComposite']
        found = [node for node in nodes if not node.mute]
    else:
        nodes = [node for node in tree.nodes if node.bl_idname == 'NodeGroupOutput']
        found = [node for node in nodes if node.is_active_output]
    pictures = [next((socket for socket in node.inputs if socket.type == 'RGBA'), None) for node in found]
    return [socket for socket in pictures if socket], bool(nodes) and not found


def make_output(tree: bpy.types.NodeTree) -> bpy.types.Node | None:
    """Give a compositor what it lacks to hold a picture; the output node, if that had to be made."""
    if bpy.app.version < (5, 0, 0):
        return tree.nodes.new('CompositorNodeComposite')
    if not any(item.item_type == 'SOCKET' and item.in_out == 'OUTPUT' and item.socket_type == 'NodeSocketColor'
               for item in tree.interface.items_tree):
        tree.interface.new_socket("Image", in_out='OUTPUT', socket_type='NodeSocketColor')
    return None if compositor_outputs(tree)[0] else tree.nodes.new('NodeGroupOutput')


def fit_to_render(scale: bpy.types.Node) -> None:
    """Let a compositor's Scale node stretch its image to the render's size; bit for bit the same at equal size."""
    if bpy.app.version < (5, 0, 0):
        scale.space, scale.frame_method = 'RENDER_SIZE', 'STRETCH'
    else:
        scale.inputs["Type"].default_value, scale.inputs["Frame Type"].default_value = "Render Size", "Stretch"


def replace_alpha(set_alpha: bpy.types.Node) -> None:
    """Let a compositor's Set Alpha node leave the colors as they are."""
    if bpy.app.version < (5, 0, 0):
        set_alpha.mode = 'REPLACE_ALPHA'
    else:
        set_alpha.inputs["Type"].default_value = "Replace Alpha"


def multiply_colors(tree: bpy.types.NodeTree) -> tuple[bpy.types.NodeSocket, bpy.types.NodeSocket, bpy.types.NodeSocket]:
    """(product, color, factor) of a new compositor node. The color's alpha stays."""
    if bpy.app.version < (5, 0, 0):
        node = tree.nodes.new('CompositorNodeMixRGB')
        node.blend_type = 'MULTIPLY'
        return node.outputs[0], node.inputs[1], node.inputs[2]
    node = tree.nodes.new('ShaderNodeMix')
    node.data_type, node.blend_type = 'RGBA', 'MULTIPLY'
    inputs = {socket.identifier: socket for socket in node.inputs}
    inputs["Factor_Float"].default_value = 1.0
    product = next(socket for socket in node.outputs if socket.identifier == "Result_Color")
    return product, inputs["A_Color"], inputs["B_Color"]


def empty_compositor(scene: bpy.types.Scene) -> tuple[bpy.types.NodeTree, bpy.types.NodeSocket]:
    """A compositor without nodes for a scene of our own, and the socket of what it gives out.

    From 5.0 on it is a node group, to be removed after the scene; before, a part of the scene.
    """
    if bpy.app.version < (5, 0, 0):
        scene.use_nodes = True
        scene.node_tree.nodes.clear()
        return scene.node_tree, scene.node_tree.nodes.new("CompositorNodeComposite").inputs["Image"]
    tree = scene.compositing_node_group = bpy.data.node_groups.new(scene.name, "CompositorNodeTree")
    tree.interface.new_socket("Image", in_out='OUTPUT', socket_type="NodeSocketColor")
    return tree, tree.nodes.new("NodeGroupOutput").inputs["Image"]
