# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's room: built bare, and rendered once the textures are on it. Run by scripts/demo.py with bpy.

    python demo_scene.py build ROOM.blend
    python demo_scene.py render ROOM.blend PICTURE.png --picture IMAGE
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

import bpy

import bmesh  # isort: skip (Blender's modules can be found once bpy is loaded)
from mathutils import Vector  # isort: skip

WIDTH_PX, HEIGHT_PX, SAMPLES = 960, 540, 20
# What the sliders of a Principled BSDF say and a picture cannot: (metallic, roughness).
FINISH = {"Ball": (1.0, 0.34), "Floor": (0.0, 0.38), "Plinth": (0.0, 0.22), "Vase": (0.0, 0.12), "Wall": (0.0, 0.85),
          "Pouf": (0.0, 0.9)}

Point = tuple[float, float, float]


# --- Meshes -----------------------------------------------------------------------------------------------

def _add(name: str, mesh: bmesh.types.BMesh, at: Point = (0, 0, 0), *, smooth: bool = False) -> bpy.types.Object:
    data = bpy.data.meshes.new(name)
    for face in mesh.faces:
        face.smooth = smooth
    mesh.to_mesh(data)
    mesh.free()
    obj = bpy.data.objects.new(name, data)
    obj.location = at
    bpy.context.scene.collection.objects.link(obj)
    return obj


def _sheet(name: str, corners: Sequence[Point], repeat_m: float = 0.0) -> bpy.types.Object:
    """A flat quad. Its UV map, if it gets one, repeats every `repeat_m`, the pictures' width along the second edge."""
    mesh = bmesh.new()
    face = mesh.faces.new([mesh.verts.new(corner) for corner in corners])
    if repeat_m:
        uv = mesh.loops.layers.uv.new("UVMap")
        wide, high = (Vector(corners[2]) - Vector(corners[1])).length, (Vector(corners[1]) - Vector(corners[0])).length
        for loop, (u, v) in zip(face.loops, ((0, 0), (0, high), (wide, high), (wide, 0)), strict=True):
            loop[uv].uv = u / repeat_m, v / repeat_m
    return _add(name, mesh)


def _box(name: str, size: Point, at: Point, bevel_m: float = 0.0) -> bpy.types.Object:
    """A box without a UV map; `at` is the middle of its foot."""
    mesh = bmesh.new()
    bmesh.ops.create_cube(mesh, size=1.0)
    bmesh.ops.scale(mesh, vec=size, verts=mesh.verts)
    bmesh.ops.translate(mesh, vec=(0, 0, size[2] / 2), verts=mesh.verts)
    if bevel_m:
        bmesh.ops.bevel(mesh, geom=mesh.edges[:], offset=bevel_m, segments=3, profile=0.5, affect='EDGES')
    return _add(name, mesh, at)


def _pouf(name: str, size: Point, at: Point) -> bpy.types.Object:
    """A soft cube: every side has the whole picture, and bulges."""
    mesh = bmesh.new()
    bmesh.ops.create_cube(mesh, size=2.0)
    uv = mesh.loops.layers.uv.new("UVMap")
    for face in mesh.faces:
        for loop, corner in zip(face.loops, ((0, 0), (1, 0), (1, 1), (0, 1)), strict=True):
            loop[uv].uv = corner
    bmesh.ops.subdivide_edges(mesh, edges=mesh.edges[:], cuts=9, use_grid_fill=True)
    for vertex in mesh.verts:
        cube, ball = vertex.co.copy(), vertex.co.normalized() * 1.18
        vertex.co = cube.lerp(ball, 0.34)
        vertex.co.x, vertex.co.y, vertex.co.z = (vertex.co[i] * size[i] / 2 for i in range(3))
    lowest = min(vertex.co.z for vertex in mesh.verts)
    bmesh.ops.translate(mesh, vec=(0, 0, -lowest), verts=mesh.verts)
    obj = _add(name, mesh, at, smooth=True)
    obj.modifiers.new("Smooth", 'SUBSURF').render_levels = 2
    return obj


def _turned(name: str, profile: Sequence[tuple[float, float]], at: Point, around: float) -> bpy.types.Object:
    """A profile of (radius, height) turned on a wheel; the picture goes `around` times round it."""
    sides = 64
    mesh = bmesh.new()
    uv = mesh.loops.layers.uv.new("UVMap")
    rings = [
        [mesh.verts.new((radius * math.cos(angle), radius * math.sin(angle), height))
         for angle in (turn * math.tau / sides for turn in range(sides))]
        for radius, height in profile
    ]
    along = [0.0]
    for (r0, z0), (r1, z1) in zip(profile, profile[1:], strict=False):
        along.append(along[-1] + math.hypot(r1 - r0, z1 - z0))
    round_m = math.tau * max(radius for radius, _ in profile) / around
    for i, (below, above) in enumerate(zip(rings, rings[1:], strict=False)):
        for turn in range(sides):
            to = (turn + 1) % sides
            face = mesh.faces.new((below[turn], below[to], above[to], above[turn]))
            spots = ((turn, i), (turn + 1, i), (turn + 1, i + 1), (turn, i + 1))
            for loop, (step, ring) in zip(face.loops, spots, strict=True):
                loop[uv].uv = step / sides * around, along[ring] / round_m
    obj = _add(name, mesh, at, smooth=True)
    obj.modifiers.new("Smooth", 'SUBSURF').render_levels = 2
    return obj


def _ball(name: str, radius: float, at: Point) -> bpy.types.Object:
    mesh = bmesh.new()
    mesh.loops.layers.uv.new("UVMap")
    bmesh.ops.create_uvsphere(mesh, u_segments=64, v_segments=32, radius=radius, calc_uvs=True)
    return _add(name, mesh, at, smooth=True)


def _material(name: str, color: tuple[float, float, float], roughness: float) -> bpy.types.Material:
    material = bpy.data.materials.new(name)
    if material.node_tree is None:              # Blender 4 makes the nodes when told to
        material.use_nodes = True
    shader = _shader(material)
    shader.inputs["Base Color"].default_value = (*color, 1.0)
    shader.inputs["Roughness"].default_value = roughness
    return material


def _shader(material: bpy.types.Material) -> bpy.types.ShaderNode:
    return next(node for node in material.node_tree.nodes if node.bl_idname == "ShaderNodeBsdfPrincipled")


# --- The room ---------------------------------------------------------------------------------------------

def build() -> None:
    """Everything but the textures. The wall and the plinth have no UV map: they get box projection."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    _sheet("Wall", ((-4, 0, 0), (-4, 0, 3.4), (4, 0, 3.4), (4, 0, 0)))
    # The planks run towards the wall.
    _sheet("Floor", ((-4, 0, 0), (4, 0, 0), (4, -7, 0), (-4, -7, 0)), repeat_m=2.1)
    white = _material("Paint", (0.62, 0.58, 0.52), 0.5)
    skirting = _box("Skirting", (8, 0.03, 0.14), (0, -0.015, 0), 0.006)
    skirting.data.materials.append(white)

    _box("Plinth", (0.52, 0.52, 0.86), (-0.42, -0.85, 0), 0.012)
    _ball("Ball", 0.27, (-0.42, -0.85, 1.13))
    _pouf("Pouf", (0.74, 0.74, 0.5), (0.82, -0.86, 0)).rotation_euler.z = math.radians(28)
    vase = ((0.0, 0.0), (0.1, 0.0), (0.115, 0.02), (0.17, 0.14), (0.195, 0.27), (0.175, 0.39), (0.11, 0.5),
            (0.068, 0.57), (0.066, 0.62), (0.094, 0.68), (0.09, 0.683), (0.058, 0.62), (0.058, 0.55))
    _turned("Vase", vase, (-1.32, -0.62, 0), around=2)
    _hang_frame()
    _light()

    camera = bpy.data.cameras.new("Camera")
    camera.lens = 38
    obj = bpy.data.objects.new("Camera", camera)
    obj.location = (0.8, -4.95, 1.42)
    _look_at(obj, (-0.1, -0.4, 0.88))
    bpy.context.scene.collection.objects.link(obj)
    bpy.context.scene.camera = obj


def _hang_frame() -> None:
    """An empty picture frame on the wall, 3 to 2. The canvas waits for its picture."""
    x, z, wide, high, bar = 0.74, 1.6, 0.96, 0.64, 0.04
    dark = _material("Frame", (0.035, 0.026, 0.02), 0.35)
    for name, size, at in (
        ("Frame Top", (wide + 2 * bar, 0.05, bar), (x, -0.025, z + high / 2)),
        ("Frame Bottom", (wide + 2 * bar, 0.05, bar), (x, -0.025, z - high / 2 - bar)),
        ("Frame Left", (bar, 0.05, high), (x - wide / 2 - bar / 2, -0.025, z - high / 2)),
        ("Frame Right", (bar, 0.05, high), (x + wide / 2 + bar / 2, -0.025, z - high / 2)),
    ):
        _box(name, size, at, 0.006).data.materials.append(dark)
    left, right, low, top = x - wide / 2, x + wide / 2, z - high / 2, z + high / 2
    canvas = _sheet("Canvas", ((left, -0.02, low), (left, -0.02, top), (right, -0.02, top), (right, -0.02, low)))
    mesh = bmesh.new()
    mesh.from_mesh(canvas.data)
    uv = mesh.loops.layers.uv.new("UVMap")
    for face in mesh.faces:
        for loop, corner in zip(face.loops, ((0, 0), (0, 1), (1, 1), (1, 0)), strict=True):
            loop[uv].uv = corner
    mesh.to_mesh(canvas.data)
    mesh.free()
    material = _material("Canvas", (0.8, 0.78, 0.72), 0.6)
    canvas.data.materials.append(material)


def _light() -> None:
    """Late sun through a window on the left that is not seen, sky from everywhere, a soft lamp from the front."""
    def lamp(name: str, kind: str, at: Point, to: Point, color: Point, energy: float) -> bpy.types.Light:
        light = bpy.data.lights.new(name, kind)
        light.color, light.energy = color, energy
        obj = bpy.data.objects.new(name, light)
        obj.location = at
        _look_at(obj, to)
        bpy.context.scene.collection.objects.link(obj)
        return light

    sun_at, sun_to = (-3.9, -4.2, 3.2), (0.0, -0.35, 0.72)
    lamp("Sun", 'SUN', sun_at, sun_to, (1.0, 0.87, 0.71), 7.0).angle = math.radians(0.35)
    fill = lamp("Fill", 'AREA', (2.9, -4.6, 2.7), (0, -0.6, 0.7), (0.78, 0.87, 1.0), 70.0)
    fill.size = 2.6
    _window(Vector(sun_at), Vector(sun_to))
    world = bpy.data.worlds.new("World")
    bpy.context.scene.world = world
    if world.node_tree is None:
        world.use_nodes = True
    background = next(node for node in world.node_tree.nodes if node.bl_idname == "ShaderNodeBackground")
    background.inputs["Color"].default_value = (0.55, 0.66, 0.86, 1.0)
    background.inputs["Strength"].default_value = 0.5


def _window(sun: Vector, to: Vector) -> None:
    """Four boards and a cross before the sun; only their shadow shows."""
    wide, high, bar, board = 1.75, 1.75, 0.06, 6.0
    parts = (
        ((0, high / 2 + board / 2), (2 * board + wide, board)), ((0, -high / 2 - board / 2), (2 * board + wide, board)),
        ((-wide / 2 - board / 2, 0), (board, high)), ((wide / 2 + board / 2, 0), (board, high)),
        ((0.1, 0), (bar, high)), ((0, 0.42), (wide, bar)),
    )
    mesh = bmesh.new()
    for (x, y), (w, h) in parts:
        corners = ((-1, -1), (1, -1), (1, 1), (-1, 1))
        mesh.faces.new([mesh.verts.new((x + i * w / 2, y + j * h / 2, 0)) for i, j in corners])
    window = _add("Window", mesh, tuple(sun.lerp(to, 0.18)))
    window.rotation_euler = (to - sun).to_track_quat('-Z', 'Y').to_euler()
    # It shades the sun, and neither shows nor darkens the room.
    for kind in ("camera", "diffuse", "glossy", "transmission"):
        setattr(window, f"visible_{kind}", False)


def _look_at(obj: bpy.types.Object, to: Point) -> None:
    obj.rotation_euler = (Vector(to) - Vector(obj.location)).to_track_quat('-Z', 'Y').to_euler()


# --- The render -------------------------------------------------------------------------------------------

def finish(picture: str) -> None:
    """What an artist does after the textures came: hang the picture, set shine and metal."""
    for name, (metallic, roughness) in FINISH.items():
        material = bpy.data.objects[name].active_material
        if material:                            # none where its job failed: the room is rendered all the same
            _shader(material).inputs["Metallic"].default_value = metallic
            _shader(material).inputs["Roughness"].default_value = roughness
    image = bpy.data.images.get(picture)
    if image:
        tree = bpy.data.materials["Canvas"].node_tree
        node = tree.nodes.new("ShaderNodeTexImage")
        node.image = image
        node.location = (-360, 300)
        tree.links.new(node.outputs["Color"], _shader(bpy.data.materials["Canvas"]).inputs["Base Color"])


def render(path: Path) -> None:
    """Render with Cycles on the processor."""
    scene = bpy.context.scene
    scene.render.engine = 'CYCLES'
    scene.cycles.device = 'CPU'
    scene.cycles.samples = SAMPLES
    # Two cores do it in some 20 seconds: light bounces once for real, and the denoiser need not be its best.
    scene.cycles.max_bounces = 4
    scene.cycles.use_fast_gi = True
    scene.cycles.fast_gi_method = 'REPLACE'
    scene.cycles.ao_bounces_render = 1
    scene.cycles.use_denoising = _can_denoise()
    scene.cycles.denoising_quality = 'FAST'
    scene.cycles.denoising_prefilter = 'FAST'
    scene.render.resolution_x, scene.render.resolution_y = WIDTH_PX, HEIGHT_PX
    scene.render.resolution_percentage = 100
    scene.view_settings.look = 'AgX - Base Contrast'
    scene.view_settings.exposure = 0.45
    scene.render.image_settings.file_format = 'PNG'
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)


def _can_denoise() -> bool:
    """Whether this build has a denoiser. Asked for without one, some builds refuse to render."""
    try:
        import _cycles
    except ImportError:
        return False
    return bool(getattr(_cycles, "with_openimagedenoise", False))


def _save(path: Path) -> None:
    bpy.context.preferences.filepaths.save_version = 0
    bpy.ops.wm.save_as_mainfile(filepath=str(path), compress=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build").add_argument("blend", type=Path)
    rendering = commands.add_parser("render")
    rendering.add_argument("blend", type=Path)
    rendering.add_argument("png", type=Path)
    rendering.add_argument("--picture", default="", help="name of the image for the frame")
    options = parser.parse_args()
    if options.command == "build":
        build()
        _save(options.blend.resolve())
        return
    bpy.ops.wm.open_mainfile(filepath=str(options.blend.resolve()))
    finish(options.picture)
    render(options.png.resolve())
    bpy.context.scene.render.filepath = "//"    # no path of this machine stays in the file
    _save(options.blend.resolve())


if __name__ == "__main__":
    main()
