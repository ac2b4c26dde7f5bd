# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Touch-ups as layers over the render, in the scene's compositor.

One node group stands before the compositor's output. Each layer in it lays an image over what comes from below: scene-linear
light that the scene's view shows as the accepted colors, opaque where the touch-up could change something and
transparent elsewhere. There the render's own floats go through, bit for bit. The render's alpha stays everywhere, as in the
accepted picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import bpy
import numpy as np

from ..core.errors import InputError
from . import compat
from .color import invert_view, view_alterations
from .images import saving_as
from .paths import scratch_file

__all__ = ("GROUP_NAME", "Layer", "add_layer", "layers", "remove_layer")

GROUP_NAME = "GPT Image Touch-Ups"
MAX_DIFFERENCE = 1 / 255        # on average, between the accepted colors and what the view can show of them

_MARK = "gptimage_touch_ups"    # on our node group and on the nodes of its layers, whatever they are renamed to
_END = "gptimage_end"           # on the node of the group that the highest layer goes to
_MADE = "gptimage_made"         # on what we had to add to the artist's compositor besides
_FED_BY = "gptimage_fed_by"     # on a group node before an output that nothing was linked to: the node that feeds it
_SWITCHED = "gptimage_switched"     # on the node group: the switches of the compositor that were off
_PLAIN_NODES = {
    'CompositorNodeComposite', 'CompositorNodeViewer', 'NodeFrame', 'NodeGroupInput', 'NodeGroupOutput', 'NodeReroute',
}
_ADVICE = "or let the touch-up land as an image"


class Layer(NamedTuple):
    """What a panel shows of a layer. `name` is its own in the scene's group."""

    name: str
    label: str
    node: bpy.types.Node            # `mute` turns the layer off
    mix: bpy.types.NodeSocket       # `default_value`: 0 the render, 1 the touch-up
    image: bpy.types.Image | None


# --- the layers ---------------------------------------------------------------------------------------------

def layers(scene: bpy.types.Scene) -> list[Layer]:
    """The scene's layers, from the lowest to the highest. Cheap; a panel may call it."""
    group = _group(scene)
    return [_layer(node) for node in _layer_nodes(group)] if group else []


def add_layer(scene: bpy.types.Scene, patch: bpy.types.Image, name: str) -> Layer:
    """Lay a touch-up over the scene's render, above the layers there are.

    `patch` has the render's size and 8 bits: the accepted display colors, with alpha 1 where the touch-up could change
    something and 0 elsewhere. It becomes a scene-linear image, packed as OpenEXR. The scene's compositor is made, and
    switched on, where that changes nothing else. Raises InputError with the field `layer` before anything is changed.
    """
    _require_compositor(scene)
    _require_fit(scene, patch)
    _make_linear(scene, patch)
    group = _own_group(scene) or _insert_group(scene)
    nodes, links = group.nodes, group.links
    over = nodes.new('CompositorNodeAlphaOver')
    over.name = name
    over.label = over.name              # Blender keeps names apart
    over[_MARK] = True
    picture = nodes.new('CompositorNodeImage')
    picture.image = patch
    top = picture.outputs[0]
    if not _is_cropped(scene):          # a crop of the render moves with its border, and 4.2 scales it to garbage
        scale = nodes.new('CompositorNodeScale')
        scale.label = "Fit to Render"
        compat.fit_to_render(scale)
        links.new(top, scale.inputs[0])
        top = scale.outputs[0]
    product, color, factor = compat.multiply_colors(group)
    product.node.label = "Keep Transparency"
    links.new(top, color)
    links.new(_alpha(group), factor)
    background, foreground = _color_inputs(over)
    end = _end(group).inputs[0]
    for under in [link.from_socket for link in end.links]:
        links.new(under, background)
    links.new(product, foreground)
    links.new(over.outputs[0], end)
    _arrange(group)
    return _layer(over)


def remove_layer(scene: bpy.types.Scene, name: str) -> None:
    """Take a layer out; its image stays in the file. With the last one goes the group, and all that was made for it."""
    over = _require_layer(scene, name)
    group = over.id_data
    background, foreground = _color_inputs(over)
    for under in [link.from_socket for link in background.links]:
        for above in [link.to_socket for link in over.outputs[0].links]:
            group.links.new(under, above)
    for node in [over, *_upstream(foreground)]:
        if node == over or not any(socket.is_linked for socket in node.outputs):
            group.nodes.remove(node)
    if _layer_nodes(group):
        _arrange(group)
    else:
        _take_out(scene, group)


def _layer(node: bpy.types.Node) -> Layer:
    picture = _picture(node)
    return Layer(node.name, node.label or node.name, node, _mix(node), picture.image if picture else None)


def _layer_nodes(group: bpy.types.NodeTree) -> list[bpy.types.Node]:
    return [node for node in group.nodes if _MARK in node]


def _require_layer(scene: bpy.types.Scene, name: str) -> bpy.types.Node:
    """The layer's node, in a group that is the scene's own."""
    if name not in (layer.name for layer in layers(scene)):
        raise InputError(f"There is no layer {name!r}", field="layer", hint="Choose one of the scene's compositor")
    return _own_group(scene).nodes[name]


def _mix(node: bpy.types.Node) -> bpy.types.NodeSocket:
    return next(socket for socket in node.inputs if socket.identifier == "Fac")


def _color_inputs(node: bpy.types.Node) -> tuple[bpy.types.NodeSocket, bpy.types.NodeSocket]:
    """(background, foreground) of an Alpha Over node."""
    background, foreground = (socket for socket in node.inputs if socket.type == 'RGBA')
    return background, foreground


def _upstream(socket: bpy.types.NodeSocket) -> list[bpy.types.Node]:
    """The nodes that a socket's value comes through, by each one's first linked input."""
    found: list[bpy.types.Node] = []
    while socket.is_linked and (node := socket.links[0].from_node) not in found:
        found.append(node)
        socket = next((each for each in node.inputs if each.is_linked), socket)
    return found


def _picture(node: bpy.types.Node) -> bpy.types.Node | None:
    return next((each for each in _upstream(_color_inputs(node)[1]) if each.bl_idname == 'CompositorNodeImage'), None)


def _end(group: bpy.types.NodeTree) -> bpy.types.Node:
    return next(node for node in group.nodes if _END in node)


def _alpha(group: bpy.types.NodeTree) -> bpy.types.NodeSocket:
    """The alpha of the render that comes into the group."""
    return _end(group).inputs["Alpha"].links[0].from_socket


def _arrange(group: bpy.types.NodeTree) -> None:
    """Layers go from left to right, with the images that they lay over below them."""
    x = 0
    for over in _layer_nodes(group):
        for depth, node in enumerate(_upstream(_color_inputs(over)[1])):
            node.location = (x, -220 * (depth + 1))
        x += 260
        over.location = (x, 0)
    _end(group).location = (x + 260, 0)
    next(node for node in group.nodes if node.bl_idname == 'NodeGroupOutput').location = (x + 520, 0)


# --- the group in the scene's compositor ----------------------------------------------------------------------

def _nodes_of_group(tree: bpy.types.NodeTree | None) -> Iterator[tuple[bpy.types.NodeTree, bpy.types.Node]]:
    """(tree, node) of our group, also where the artist has grouped it with other nodes."""
    for node in tree.nodes if tree else ():
        inner = node.node_tree if node.bl_idname == 'CompositorNodeGroup' else None
        if inner and _MARK in inner:
            yield tree, node
        elif inner:
            yield from _nodes_of_group(inner)


def _group(scene: bpy.types.Scene) -> bpy.types.NodeTree | None:
    return next((node.node_tree for _, node in _nodes_of_group(compat.compositor(scene))), None)


def _own_group(scene: bpy.types.Scene) -> bpy.types.NodeTree | None:
    """The scene's group if it has one; from then on a copy where another scene uses it too, or a library brings it."""
    placed = list(_nodes_of_group(compat.compositor(scene)))
    if not placed:
        return None
    group = placed[0][1].node_tree
    if group.library or bpy.data.user_map(subset=[group])[group] - {tree.id_data for tree, _ in placed} - {scene}:
        copy = group.copy()
        for _, node in placed:
            if node.node_tree == group:
                node.node_tree = copy
        return copy
    return group


def _insert_group(scene: bpy.types.Scene) -> bpy.types.NodeTree:
    group = _new_group()
    tree = compat.compositor(scene)
    group[_SWITCHED] = " ".join(key for owner, key in compat.compositor_switches(scene) if not getattr(owner, key))
    if tree is None:
        tree = compat.make_compositor(scene)
        tree[_MADE] = True
    for owner, key in compat.compositor_switches(scene):
        if key in group[_SWITCHED]:
            setattr(owner, key, True)
    sockets, _ = compat.compositor_outputs(tree)
    if not sockets:
        made = compat.make_output(tree)
        if made:
            made[_MADE] = True
            made.location = (400, 0)
        sockets, _ = compat.compositor_outputs(tree)
    for socket in [each for each in sockets if each.links] or sockets[:1]:
        _insert_node(scene, tree, group, socket)
    return group


def _new_group() -> bpy.types.NodeTree:
    """A group without layers: what comes in goes out."""
    group = bpy.data.node_groups.new(GROUP_NAME, 'CompositorNodeTree')
    group[_MARK] = True
    for in_out in ('INPUT', 'OUTPUT'):
        group.interface.new_socket("Image", in_out=in_out, socket_type='NodeSocketColor')
    render, parts, end, output = (group.nodes.new(kind) for kind in (
        'NodeGroupInput', 'CompositorNodeSeparateColor', 'CompositorNodeSetAlpha', 'NodeGroupOutput'))
    end[_END] = True
    end.label = "Keep Transparency"
    compat.replace_alpha(end)
    for one, other in ((render.outputs[0], parts.inputs[0]), (render.outputs[0], end.inputs[0]),
                       (parts.outputs["Alpha"], end.inputs["Alpha"]), (end.outputs[0], output.inputs[0])):
        group.links.new(one, other)
    parts.location = (0, 180)
    return group


def _insert_node(
    scene: bpy.types.Scene, tree: bpy.types.NodeTree, group: bpy.types.NodeTree, socket: bpy.types.NodeSocket,
) -> None:
    """Put the group in the link that ends in this socket of an output."""
    node = tree.nodes.new('CompositorNodeGroup')
    node.node_tree = group
    node.width = 200
    node.parent = socket.node.parent
    node.location = socket.node.location.x - 240, socket.node.location.y + (0 if _has_room(socket) else 160)
    if socket.links:
        source, is_muted = socket.links[0].from_socket, socket.links[0].is_muted
    else:
        source, is_muted = _render_layers(scene, tree).outputs[0], False
        node[_FED_BY] = source.node.name
    tree.links.new(source, node.inputs[0]).is_muted = is_muted
    tree.links.new(node.outputs[0], socket)


def _has_room(socket: bpy.types.NodeSocket) -> bool:
    before = socket.links[0].from_node if socket.links else None
    return before is None or before.parent != socket.node.parent or (
        socket.node.location.x - before.location.x - before.width >= 280)


def _render_layers(scene: bpy.types.Scene, tree: bpy.types.NodeTree) -> bpy.types.Node:
    for node in tree.nodes:
        if node.bl_idname == 'CompositorNodeRLayers' and node.scene == scene and not node.mute:
            return node
    node = tree.nodes.new('CompositorNodeRLayers')
    node.scene = scene
    node[_MADE] = True
    node.location = (-200, 0)
    return node


def _take_out(scene: bpy.types.Scene, group: bpy.types.NodeTree) -> None:
    for tree, node in list(_nodes_of_group(compat.compositor(scene))):
        for link in list(node.inputs[0].links):
            if node.get(_FED_BY) != link.from_node.name:
                for above in [each.to_socket for each in node.outputs[0].links]:
                    tree.links.new(link.from_socket, above).is_muted = link.is_muted
        tree.nodes.remove(node)
        for made in [each for each in tree.nodes if _MADE in each]:
            if not any(socket.is_linked for socket in (*made.inputs, *made.outputs)):
                tree.nodes.remove(made)
    for owner, key in compat.compositor_switches(scene):
        if key in group[_SWITCHED]:
            setattr(owner, key, False)
    bpy.data.node_groups.remove(group)
    tree = compat.compositor(scene)
    if _MADE in tree and not tree.nodes:
        compat.drop_compositor(scene)


# --- what cannot be done --------------------------------------------------------------------------------------

def _refused(message: str, hint: str) -> InputError:
    return InputError(message, field="layer", hint=f"{hint}, {_ADVICE}")


def _require_compositor(scene: bpy.types.Scene) -> None:
    """Refuse where a layer would not show, or where it would change more than its area."""
    tree = compat.compositor(scene)
    if scene.library or (tree and tree.library):
        raise _refused("The scene's compositor is linked from a library", "Make it local")
    sharing = [each.name for each in bpy.data.scenes if each != scene and tree and compat.compositor(each) == tree]
    if sharing:
        raise _refused(f"The scene {sharing[0]} has the same compositor, and would be touched up as well",
                       "Make it a single user in this scene")
    if compat.sequencer_strips(scene):
        raise _refused("What is rendered is the sequencer, not the compositor",
                       "Turn off Sequencer in the Output properties")
    if tree is None:
        return
    if compat.compositor_outputs(tree)[1]:
        raise _refused("The compositor's output is muted", "Unmute it and render again")
    if not all(getattr(owner, key) for owner, key in compat.compositor_switches(scene)) and not all(
            node.mute or node.bl_idname in _PLAIN_NODES
            or (node.bl_idname == 'CompositorNodeRLayers' and node.scene == scene) for node in tree.nodes):
        raise _refused("The compositor is off, and turning it on would change the whole render",
                       "Turn it on and render again")


def _is_cropped(scene: bpy.types.Scene) -> bool:
    return scene.render.use_border and scene.render.use_crop_to_border


def _require_fit(scene: bpy.types.Scene, patch: bpy.types.Image) -> None:
    render = scene.render
    width, height = (
        length * render.resolution_percentage // 100 for length in (render.resolution_x, render.resolution_y))
    if _is_cropped(scene):
        width = int(render.border_max_x * width) - int(render.border_min_x * width)
        height = int(render.border_max_y * height) - int(render.border_min_y * height)
        fits = abs(patch.size[0] - width) <= 1 and abs(patch.size[1] - height) <= 1        # as Blender may round
    else:
        fits = abs(patch.size[0] * height - patch.size[1] * width) < max(width, height)    # one shape at any percentage
    if not fits:
        raise _refused(f"The touch-up has {patch.size[0]} x {patch.size[1]} pixels, the render {width} x {height}",
                       "Set the resolution back")


# --- the patch ------------------------------------------------------------------------------------------------

def _make_linear(scene: bpy.types.Scene, patch: bpy.types.Image) -> None:
    """Turn the patch from display colors, 8 bits, straight alpha, to scene-linear ones, half floats, premultiplied."""
    width, height = patch.size
    if patch.is_float:
        raise _refused(f"The image {patch.name} has more than 8 bits", "Save it as an 8-bit PNG")
    rgba = np.empty(width * height * 4, np.float32)
    patch.pixels.foreach_get(rgba)
    rgba = rgba.reshape(-1, 4)
    inside = rgba[:, 3] > 0.5
    if not inside.any():
        raise _refused("The touch-up is empty", "Select an area")
    levels = np.rint(rgba[inside, :3] * 255).astype(np.uint32)
    codes, place, count = np.unique(levels @ np.uint32((65536, 256, 1)), return_inverse=True, return_counts=True)
    colors_display = np.stack((codes >> 16, codes >> 8 & 255, codes & 255), axis=1) / 255
    colors_linear, difference = invert_view(scene, colors_display)
    mean = difference.mean(axis=1) @ count / count.sum()
    if mean > MAX_DIFFERENCE:
        view, altered = scene.view_settings.view_transform, view_alterations(scene)
        view = f"{view} with {', '.join(altered)}" if altered else view
        raise _refused(f"{view} cannot show these colors: they would be {mean * 255:.1f} of 255 levels off on average",
                       "Choose another view transform or look")
    rgba[:] = 0.0
    rgba[inside, :3], rgba[inside, 3] = colors_linear[place], 1.0
    image = bpy.data.images.new(patch.name, width, height, alpha=True, float_buffer=True)
    try:
        image.colorspace_settings.name = compat.working_space()
        image.pixels.foreach_set(rgba.ravel())
        with saving_as(scene, file_format='OPEN_EXR', color_mode='RGBA', color_depth='16', exr_codec='ZIP'), \
                scratch_file(".exr") as path:
            image.save_render(str(path), scene=scene)
            data = path.read_bytes()
    finally:
        bpy.data.images.remove(image)
    patch.filepath_raw = f"//textures/{bpy.path.clean_name(patch.name)}.exr"      # where Blender would unpack it
    patch.pack(data=data, data_len=len(data))
    patch.source = 'FILE'
    patch.alpha_mode = 'PREMUL'
    patch.colorspace_settings.name = compat.working_space()
