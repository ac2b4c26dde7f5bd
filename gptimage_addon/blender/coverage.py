# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is seen through the scene's camera, as masks: float32 (h, w), rows from the top, 1 = change.

Depth of field and motion blur are as in the scene. Fog and smoke, which have no surface, hide nothing; nor does
grease pencil, which Blender draws over the render. Every function blocks until it is rendered, leaves the scene and
its pictures as they were, and raises InputError(field="mask") where there is nothing to see.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import bpy
import numpy as np

from ..core.errors import InputError
from . import compat
from .mask_scene import render_coverage
from .view import camera_of

__all__ = (
    "cryptomatte_id", "depth_coverage", "faces_coverage", "material_coverage", "objects_coverage", "rendered_objects", "vertex_group_coverage",
)

_AREA = "gptimage_area"         # the attribute that carries an area through the modifiers
_BRINGS_MATERIALS = frozenset({'BOOLEAN', 'NODES', 'PARTICLE_INSTANCE', 'PARTICLE_SYSTEM'})
_UNSEEN = frozenset({'CAMERA', 'GPENCIL', 'GREASEPENCIL', 'LIGHT', 'LIGHT_PROBE', 'SPEAKER'})


def objects_coverage(
    scene: bpy.types.Scene, objects: Iterable[bpy.types.Object], width_px: int, height_px: int,
) -> np.ndarray:
    """How much of each pixel of the scene's camera view the objects cover, with all that hides them taken off.

    An empty that instances a collection, and an object with particles, cover what they instance. An object that
    is a holdout or a shadow catcher covers what it cuts out, and fog what it veils.
    """
    rendered = set().union(*rendered_objects(scene))
    wanted = rendered & set(objects)
    if not wanted:
        raise InputError("None of the objects is visible in renders", field="mask", hint="Select visible objects")
    with ExitStack() as made:
        seen = [_plain(obj, made) if obj.is_holdout or obj.is_shadow_catcher else obj for obj in wanted]
        mask = render_coverage(scene, seen, _without_fog(rendered - wanted), width_px, height_px)
    return _something(mask, "The camera does not see the objects", "Select objects that are in the picture and not hidden")


def material_coverage(
    scene: bpy.types.Scene, materials: Iterable[bpy.types.Material], width_px: int, height_px: int,
) -> np.ndarray:
    """How much of each pixel of the scene's camera view shows one of the materials, on whatever object.

    By Cryptomatte, which knows materials by name only. Two of the same name, from different files, are told apart
    where no object has both. Volumes have no coverage.
    """
    wanted = set(materials)
    if not wanted:
        raise InputError("No material is chosen", field="mask", hint="Choose one")
    names = {material.name for material in wanted}
    shown, cut = map(_without_fog, rendered_objects(scene))
    others = {obj for obj in shown if wanted.isdisjoint(_materials(obj)) and _has_only_its_materials(obj)}
    mask = render_coverage(scene, shown - others, cut | others, width_px, height_px,
                           output=partial(_materials_as_output, names=names))
    told = ", ".join(sorted(names))
    return _something(mask, f"The camera sees nothing of {told}", "Choose a material that is in the picture")


def faces_coverage(
    scene: bpy.types.Scene, objects: Iterable[bpy.types.Object], width_px: int, height_px: int,
) -> np.ndarray:
    """How much of each pixel of the scene's camera view the selected faces of the meshes cover.

    In Object Mode too: the selection that Edit Mode has left. Modifiers carry it along, to a mirrored half for
    example; what a modifier instances and hair are not part of it, and hide it.
    """
    bpy.ops.ed.flush_edits()
    rendered = set().union(*rendered_objects(scene))
    wanted = {obj for obj in rendered & set(objects) if obj.type == 'MESH' and _selected_faces(obj.data).any()}
    if not wanted:
        raise InputError("No face is selected on a visible mesh", field="mask", hint="Select faces in Edit Mode")
    with ExitStack() as made:
        holdout = _weighted_material(made, by_area=False)
        seen, rest = [], set()
        for obj in wanted:
            stand_in = _plain(obj, made, has_own_mesh=True)
            stand_in.data.attributes.new(_AREA, 'BOOLEAN', 'FACE').data.foreach_set("value", _selected_faces(stand_in.data))
            rest |= _take_off_instances(stand_in, made)
            _add_last_modifier(stand_in, _faces_tree(holdout, made))
            seen.append(stand_in)
        mask = render_coverage(scene, seen, _without_fog(rendered - wanted) | rest, width_px, height_px)
    return _something(mask, "The camera does not see the selected faces", "Select faces that are in the picture")


def vertex_group_coverage(
    scene: bpy.types.Scene, obj: bpy.types.Object, group: str, width_px: int, height_px: int,
) -> np.ndarray:
    """How much of each pixel of the scene's camera view the mesh covers, times the weight of the vertex group there.

    Modifiers carry the weights along. Materials do not count: all of the mesh's surface is taken as opaque.
    """
    bpy.ops.ed.flush_edits()
    rendered = set().union(*rendered_objects(scene))
    if obj.type != 'MESH' or group not in obj.vertex_groups:
        raise InputError(f"{obj.name} has no vertex group {group!r}", field="mask", hint="Choose one of the object's")
    if obj not in rendered:
        raise InputError(f"{obj.name} is not visible in renders", field="mask", hint="Choose a visible object")
    with ExitStack() as made:
        stand_in = _plain(obj, made)
        rest = _take_off_instances(stand_in, made)
        _add_last_modifier(stand_in, _weights_tree(group, _weighted_material(made, by_area=True), made))
        mask = render_coverage(scene, [stand_in], _without_fog(rendered - {obj}) | rest, width_px, height_px)
    return _something(mask, f"The camera sees nothing of the vertex group {group!r}",
                      "Choose one with weights on what is in the picture")


def depth_coverage(
    scene: bpy.types.Scene, near_m: float, far_m: float, width_px: int, height_px: int,
) -> np.ndarray:
    """How much of each pixel of the scene's camera view shows something from `near_m` to `far_m` away from the camera.

    The distance, in the scene's units, is along the camera's view, as in Blender's Depth pass; that of a panoramic
    camera from its center. Nothing is seen beyond the camera's clip end.
    """
    if not 0 <= near_m < far_m:
        raise InputError("The depth range is empty", field="mask", hint="Near is 0 or more, and far is larger")
    shown, cut = map(_without_fog, rendered_objects(scene))
    with ExitStack() as made:
        lens = camera_of(scene).data.copy()
        made.callback(bpy.data.cameras.remove, lens)
        lens.animation_data_clear()             # the clip end is not to be moved back
        camera = camera_of(scene).copy()
        made.callback(bpy.data.objects.remove, camera)
        camera.data = lens

        def nearer(distance_m: float) -> np.ndarray:
            """What is seen where all that is farther is cut off, as it would be if nothing were behind."""
            lens.clip_end = min(distance_m, clip_end)
            return render_coverage(scene, shown, cut, width_px, height_px, camera=camera, crop=False)

        clip_end = lens.clip_end
        mask = nearer(far_m) if far_m > lens.clip_start else np.zeros((height_px, width_px), np.float32)
        if near_m > lens.clip_start:
            # Same samples: what is in front is taken off to the last bit.
            mask = np.clip(mask - nearer(near_m), 0, 1)
    return _something(mask, f"The camera sees nothing from {near_m:g} to {far_m:g} m", "Widen the range")


def _something(mask: np.ndarray, message: str, hint: str) -> np.ndarray:
    if not mask.any():
        raise InputError(message, field="mask", hint=hint)
    return mask


# --- what there is to see ---------------------------------------------------------------------------------


def rendered_objects(scene: bpy.types.Scene) -> tuple[set[bpy.types.Object], set[bpy.types.Object]]:
    """The objects that a render of the scene shows, and those it only cuts out, of all its view layers together."""
    shown: set[bpy.types.Object] = set()
    cut: set[bpy.types.Object] = set()
    unhidden = {obj for obj in _unhidden(scene.collection) if obj.type not in _UNSEEN}
    for layer in _rendered_layers(scene):
        # In this order: asking for a flag brings the layer's objects up to date.
        holdouts = {obj for obj in unhidden if obj.holdout_get(view_layer=layer)}
        found = {obj for obj in unhidden & set(layer.objects) if not obj.indirect_only_get(view_layer=layer)}
        shown |= found - holdouts
        cut |= found & holdouts
    return shown, cut - shown


def _rendered_layers(scene: bpy.types.Scene) -> list[bpy.types.ViewLayer]:
    if scene.render.use_single_layer and scene == bpy.context.scene and not bpy.app.background:
        return [bpy.context.view_layer]
    return [layer for layer in scene.view_layers if layer.use]


def _unhidden(collection: bpy.types.Collection) -> set[bpy.types.Object]:
    """The objects of the collection and those below it that are not hidden in renders, whatever a view layer excludes."""
    if collection.hide_render:
        return set()
    found = {obj for obj in collection.objects if not obj.hide_render}
    return found.union(*map(_unhidden, collection.children))


def _without_fog(objects: set[bpy.types.Object]) -> set[bpy.types.Object]:
    """Those with a surface. What has only a volume would not cut as a holdout, but scatter light as before."""
    return {obj for obj in objects if obj.type != 'VOLUME'
            and not (_materials(obj) and all(map(_is_volume, _materials(obj))))}


def _materials(obj: bpy.types.Object) -> list[bpy.types.Material]:
    return [slot.material for slot in obj.material_slots if slot.material]


def _has_only_its_materials(obj: bpy.types.Object) -> bool:
    """Whether nothing that is seen of the object can have a material that is not in its slots."""
    return not obj.is_instancer and not any(modifier.type in _BRINGS_MATERIALS for modifier in obj.modifiers)


def _is_volume(material: bpy.types.Material) -> bool:
    output = material.node_tree.get_output_node('CYCLES') if material.node_tree else None
    return bool(output and output.inputs["Volume"].is_linked and not output.inputs["Surface"].is_linked)


def _selected_faces(mesh: bpy.types.Mesh) -> np.ndarray:
    selected = np.empty(len(mesh.polygons), bool)
    mesh.polygons.foreach_get("select", selected)
    return selected


# --- stand-ins --------------------------------------------------------------------------------------------


def _plain(obj: bpy.types.Object, made: ExitStack, *, has_own_mesh: bool = False) -> bpy.types.Object:
    """A copy of the object that is rendered like any other."""
    if obj.rigid_body:
        # Copying it would make its simulation start anew. What it is now needs no simulation.
        depsgraph = bpy.context.evaluated_depsgraph_get()
        evaluated = obj.evaluated_get(depsgraph)
        mesh = bpy.data.meshes.new_from_object(evaluated, preserve_all_data_layers=True, depsgraph=depsgraph)
        copy = bpy.data.objects.new(obj.name, mesh)
        copy.matrix_world = evaluated.matrix_world
    else:
        mesh = obj.data.copy() if has_own_mesh else None
        copy = obj.copy()
        copy.is_holdout = copy.is_shadow_catcher = False
        if mesh:
            copy.data = mesh
    if mesh:
        made.callback(bpy.data.meshes.remove, mesh)
    made.callback(bpy.data.objects.remove, copy)
    return copy


def _take_off_instances(stand_in: bpy.types.Object, made: ExitStack) -> set[bpy.types.Object]:
    """What the object has beside its surface (instances, hair), as other objects. Its particles are removed."""
    if not any(modifier.type in {'NODES', 'PARTICLE_SYSTEM'} for modifier in stand_in.modifiers):
        return set()
    rest = _plain(stand_in, made)
    _add_last_modifier(rest, _instances_tree(made))
    for modifier in [each for each in stand_in.modifiers if each.type == 'PARTICLE_SYSTEM']:
        stand_in.modifiers.remove(modifier)
    return {rest}


def _add_last_modifier(obj: bpy.types.Object, tree: bpy.types.NodeTree) -> None:
    obj.modifiers.new(_AREA, 'NODES').node_group = tree


def _faces_tree(holdout: bpy.types.Material, made: ExitStack) -> bpy.types.NodeTree:
    """Only the faces of the area keep their material."""
    tree, mesh, output = _mesh_tree(made)
    area = _add(tree, "GeometryNodeInputNamedAttribute", data_type='BOOLEAN')
    area.inputs["Name"].default_value = _AREA
    inverted = _add(tree, "FunctionNodeBooleanMath", operation='NOT')
    painted = _add(tree, "GeometryNodeSetMaterial")
    painted.inputs["Material"].default_value = holdout
    tree.links.new(_first_output(area), inverted.inputs[0])
    tree.links.new(inverted.outputs[0], painted.inputs["Selection"])
    tree.links.new(mesh, painted.inputs["Geometry"])
    tree.links.new(painted.outputs[0], output)
    return tree


def _weights_tree(group: str, weighted: bpy.types.Material, made: ExitStack) -> bpy.types.NodeTree:
    """The group's weights where a material can read them: Cycles has no access to vertex groups."""
    tree, mesh, output = _mesh_tree(made)
    weights = _add(tree, "GeometryNodeInputNamedAttribute", data_type='FLOAT')
    weights.inputs["Name"].default_value = group
    stored = _add(tree, "GeometryNodeStoreNamedAttribute", data_type='FLOAT', domain='POINT')
    stored.inputs["Name"].default_value = _AREA
    painted = _add(tree, "GeometryNodeSetMaterial")
    painted.inputs["Material"].default_value = weighted
    value = next(socket for socket in stored.inputs if socket.name == "Value" and socket.enabled)
    tree.links.new(_first_output(weights), value)
    tree.links.new(mesh, stored.inputs["Geometry"])
    tree.links.new(stored.outputs[0], painted.inputs["Geometry"])
    tree.links.new(painted.outputs[0], output)
    return tree


def _instances_tree(made: ExitStack) -> bpy.types.NodeTree:
    """All but the mesh."""
    tree, mesh, output = _mesh_tree(made)
    joined = _add(tree, "GeometryNodeJoinGeometry")
    for socket in mesh.node.outputs:
        if socket != mesh:
            tree.links.new(socket, joined.inputs[0])
    tree.links.new(joined.outputs[0], output)
    return tree


def _mesh_tree(made: ExitStack) -> tuple[bpy.types.NodeTree, bpy.types.NodeSocket, bpy.types.NodeSocket]:
    """Geometry nodes for a modifier: the mesh alone of what comes in, and where the result goes."""
    tree = bpy.data.node_groups.new(_AREA, "GeometryNodeTree")
    made.callback(bpy.data.node_groups.remove, tree)
    for direction in ('INPUT', 'OUTPUT'):
        tree.interface.new_socket("Geometry", in_out=direction, socket_type="NodeSocketGeometry")
    parts = _add(tree, "GeometryNodeSeparateComponents")
    tree.links.new(_add(tree, "NodeGroupInput").outputs[0], parts.inputs[0])
    return tree, parts.outputs["Mesh"], _add(tree, "NodeGroupOutput").inputs[0]


def _add(tree: bpy.types.NodeTree, kind: str, **settings: object) -> bpy.types.Node:
    node = tree.nodes.new(kind)
    for name, value in settings.items():
        setattr(node, name, value)
    return node


def _first_output(node: bpy.types.Node) -> bpy.types.NodeSocket:
    """A node may have an output of each type, of which those of the others are off."""
    return next(socket for socket in node.outputs if socket.enabled)


def _weighted_material(made: ExitStack, *, by_area: bool) -> bpy.types.Material:
    """A material that holds out: all, or what the attribute leaves of 1."""
    material = bpy.data.materials.new(_AREA)
    made.callback(bpy.data.materials.remove, material)
    tree = compat.enable_nodes(material)
    tree.nodes.clear()
    result = _add(tree, "ShaderNodeHoldout").outputs[0]
    if by_area:
        mix = _add(tree, "ShaderNodeMixShader")
        tree.links.new(_add(tree, "ShaderNodeAttribute", attribute_name=_AREA).outputs["Fac"], mix.inputs[0])
        tree.links.new(result, mix.inputs[1])
        tree.links.new(_add(tree, "ShaderNodeEmission").outputs[0], mix.inputs[2])
        result = mix.outputs[0]
    tree.links.new(result, _add(tree, "ShaderNodeOutputMaterial").inputs["Surface"])
    return material


# --- Cryptomatte ------------------------------------------------------------------------------------------


@contextmanager
def _materials_as_output(copy: bpy.types.Scene, names: Iterable[str]) -> Iterator[None]:
    """Let the scene's compositor give out the materials' coverage as alpha."""
    layer = copy.view_layers[0]
    layer.use_pass_cryptomatte_material = True
    tree, output = compat.empty_compositor(copy)
    try:
        # In 5.x a new node leaves a user behind with the scene it is made in: not the artist's.
        with bpy.context.temp_override(scene=copy):
            matte = _add(tree, "CompositorNodeCryptomatteV2", source='RENDER', scene=copy)
        matte.layer_name = f"{layer.name}.CryptoMaterial"
        # As numbers: names are separated by commas here.
        matte.matte_id = ",".join(f"<{cryptomatte_id(name):.9g}>" for name in names)
        color = _add(tree, "CompositorNodeCombineColor")
        tree.links.new(matte.outputs["Matte"], color.inputs["Alpha"])
        tree.links.new(color.outputs[0], output)
        copy.render.use_compositing = True
        yield
    finally:
        if not tree.is_embedded_data:
            bpy.data.node_groups.remove(tree)


def cryptomatte_id(name: str) -> float:
    """The number of a name: its MurmurHash3 (32 bits, seed 0), as a float that is made neither subnormal nor infinite.

    Cryptomatte specification 1.2.0, https://github.com/Psyop/Cryptomatte, "Appendix: Hashing" and "ID to float conversion".
    """
    def mix(block: int) -> int:
        block = block * 0xCC9E2D51 & 0xFFFFFFFF
        return (block << 15 | block >> 17) * 0x1B873593 & 0xFFFFFFFF

    data = name.encode()
    whole = len(data) // 4 * 4
    number = 0
    for (block,) in struct.iter_unpack("<I", data[:whole]):
        number ^= mix(block)
        number = ((number << 13 | number >> 19) * 5 + 0xE6546B64) & 0xFFFFFFFF
    number ^= mix(int.from_bytes(data[whole:], "little")) ^ len(data)
    number = (number ^ number >> 16) * 0x85EBCA6B & 0xFFFFFFFF
    number = (number ^ number >> 13) * 0xC2B2AE35 & 0xFFFFFFFF
    number ^= number >> 16
    exponent = min(max(number >> 23 & 0xFF, 1), 254)
    return float(struct.unpack("<f", struct.pack("<I", number & 0x807FFFFF | exponent << 23))[0])
