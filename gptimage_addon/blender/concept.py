# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures that fill a camera's frame: on a plane, or on an image empty."""

from __future__ import annotations

import bpy
from mathutils import Vector

from ..core.errors import InputError
from . import compat

__all__ = ("add_plane", "align_empty")

BEHIND = 1.02                           # beyond what is farthest, as a factor
ALONE_M = 10.0                          # in front of a camera that sees nothing


def _corners(scene: bpy.types.Scene, camera: bpy.types.Object, depth_m: float) -> list[Vector]:
    """The frame's corners at that depth in the camera's own space, counter-clockwise from the bottom left."""
    corners = camera.data.view_frame(scene=scene)
    if camera.data.type != 'ORTHO':
        corners = [corner * (depth_m / -corner.z) for corner in corners]
    xs, ys = [corner.x for corner in corners], [corner.y for corner in corners]
    return [Vector((x, y, -depth_m)) for x, y in ((min(xs), min(ys)), (max(xs), min(ys)), (max(xs), max(ys)), (min(xs), max(ys)))]


def _depth_m(scene: bpy.types.Scene, camera: bpy.types.Object, apart_from: bpy.types.Object | None = None) -> float:
    """A depth behind all that is seen by the camera, but before its far end."""
    into = camera.matrix_world.normalized().inverted()
    depths = [-(into @ (obj.matrix_world @ Vector(corner))).z for obj in scene.objects
              if obj.type in {'MESH', 'CURVE', 'SURFACE', 'META', 'FONT', 'CURVES', 'POINTCLOUD'} and obj is not apart_from and not obj.hide_render
              for corner in obj.bound_box]
    depth = max((depth for depth in depths if depth > 0), default=ALONE_M / BEHIND) * BEHIND
    return min(max(depth, camera.data.clip_start * BEHIND), camera.data.clip_end / BEHIND)


def add_plane(scene: bpy.types.Scene, camera: bpy.types.Object, image: bpy.types.Image) -> bpy.types.Object:
    """A plane behind all that the camera sees, which fills its frame, shows the picture as it is, and moves with the camera."""
    mesh = bpy.data.meshes.new(image.name)
    mesh.from_pydata([tuple(corner) for corner in _corners(scene, camera, _depth_m(scene, camera))], [], [(0, 1, 2, 3)])
    layer = mesh.uv_layers.new(name="UVMap")
    for loop, uv in zip(layer.data, ((0, 0), (1, 0), (1, 1), (0, 1)), strict=True):
        loop.uv = uv
    mesh.materials.append(_unlit(image))
    plane = bpy.data.objects.new(image.name, mesh)
    plane.parent = camera
    # A camera's own scale does not scale what it sees.
    plane.matrix_parent_inverse = camera.matrix_world.inverted() @ camera.matrix_world.normalized()
    plane.visible_diffuse = plane.visible_glossy = plane.visible_transmission = plane.visible_shadow = plane.visible_volume_scatter = False
    scene.collection.objects.link(plane)
    return plane


def _unlit(image: bpy.types.Image) -> bpy.types.Material:
    material = bpy.data.materials.new(image.name)
    tree = compat.enable_nodes(material)
    tree.nodes.clear()
    picture, light, output = (tree.nodes.new(kind) for kind in ("ShaderNodeTexImage", "ShaderNodeEmission", "ShaderNodeOutputMaterial"))
    picture.image, picture.extension = image, 'EXTEND'
    picture.location, light.location = (-480, 0), (-180, 0)
    tree.links.new(picture.outputs["Color"], light.inputs["Color"])
    tree.links.new(light.outputs[0], output.inputs["Surface"])
    return material


def align_empty(scene: bpy.types.Scene, camera: bpy.types.Object, empty: bpy.types.Object) -> None:
    """Put an image empty where it fills the camera's frame, behind all that is seen. Its picture keeps its shape.

    Raises InputError for a picture without pixels.
    """
    corners = _corners(scene, camera, _depth_m(scene, camera, empty))
    low, high = corners[0], corners[2]
    width, height = empty.data.size
    if not width or not height:
        raise InputError(f"{empty.data.name} has no pixels", field="image", hint="Check that its file is there")
    frame = high - low
    # As large as it must be to leave nothing of the frame bare.
    empty.empty_display_size = max(frame.x, frame.y * width / height) * max(1.0, height / width)
    empty.empty_image_offset = (-0.5, -0.5)
    matrix = camera.matrix_world.normalized()
    matrix.translation = matrix @ ((low + high) / 2)
    empty.matrix_world = matrix
