# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole materials as Cycles shows them, against renders that are kept in tests/data: one set of numbers for all Blenders.

What is kept was looked at, and is written anew by `python tests/blender/test_material_renders.py` in Blender's Python.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import bpy
import numpy as np
import pytest

from gptimage_addon.blender import assets, scale
from gptimage_addon.blender.materials import assign, make_material
from tests.support.renders import float_image, render_linear, sun

KEPT = Path(__file__).resolve().parents[1] / "data" / "material_renders.json"
SAMPLES, BLOCK_PX = 64, 4           # means of 4 x 4 pixels: where in a pixel a sample falls differs from version to version
# Linear light, of 1 for white, that all may be off in the mean, and a single one at most. Measured: 4.5, 5.0 and 5.2 differ by less
# than 0.001 everywhere; 4.2, whose bump is another where light grazes, by 0.0006, 0.0013 and 0.0038 in the mean, and by 0.052.
MEAN, MOST = {"plane": 0.001, "sphere": 0.002, "box": 0.005}, 0.06
ALBEDO = (0.6, 0.35, 0.2)


class Maps(NamedTuple):
    color: bpy.types.Image
    normal: bpy.types.Image
    roughness: bpy.types.Image
    ao: bpy.types.Image
    metallic: bpy.types.Image
    height: bpy.types.Image


def maps(width: int = 96, height: int = 64) -> Maps:
    """A closed form of everything: a waved surface, redder where it is high, rough on the left, open at the top, metal in a disc."""
    x, y = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    wave = 0.5 + 0.25 * (np.sin(4 * np.pi * x) + np.sin(2 * np.pi * y + 1))
    steep = 0.35
    slopes = steep * np.cos(4 * np.pi * x), steep * np.cos(2 * np.pi * y + 1)
    normals = np.dstack([-slopes[0], -slopes[1], np.ones_like(x)])
    normals /= np.linalg.norm(normals, axis=2, keepdims=True)

    def gray(values: np.ndarray) -> np.ndarray:
        return np.repeat(values[..., None], 3, axis=2)

    return Maps(
        float_image("color", gray(0.4 + 0.6 * wave) * ALBEDO), float_image("normal", (normals + 1) / 2),
        float_image("roughness", gray(0.25 + 0.5 * x)), float_image("ao", gray(0.5 + 0.5 * y)),
        float_image("metallic", gray((np.hypot(x - 0.5, (y - 0.5) * height / width) < 0.2).astype(float))),
        float_image("height", gray(wave)))


def made(used: Maps, **settings: object) -> bpy.types.Material:
    roles = {name: getattr(used, name) for name in ("normal", "roughness", "ao", "metallic")}
    return make_material("Whole", used.color, maps=roles | settings.pop("maps", {}), relief_m=0.05, **settings)


def plane(material: bpy.types.Material | None = None) -> list[bpy.types.Object]:
    """2 m, three by two repeats."""
    bpy.ops.mesh.primitive_plane_add(size=2.0)
    obj = bpy.context.object
    repeat = scale.uv_repeat(obj, 2 / 3, aspect=1.5)
    assign(obj, material or made(maps(), uv_repeat=repeat), append=False)
    return [obj, sun((0.5, -0.3, 0.8)), sun((-0.2, 0.1, 1.0))]


def sphere(material: bpy.types.Material | None = None) -> list[bpy.types.Object]:
    """By its UV map."""
    bpy.ops.mesh.primitive_uv_sphere_add(radius=0.95, segments=64, ring_count=32)
    bpy.ops.object.shade_smooth()
    obj = bpy.context.object
    obj.rotation_euler = (1.2, 0.3, 0.0)
    assign(obj, material or made(maps(), uv_repeat=(4.0, 2.0)), append=False)
    return [obj, sun((0.5, -0.3, 0.8))]


def box(material: bpy.types.Material | None = None) -> list[bpy.types.Object]:
    """Projected on a scaled, turned cube of which three sides are seen; bump from the height."""
    bpy.ops.mesh.primitive_cube_add(size=1.0)
    obj = bpy.context.object
    obj.data.uv_layers.remove(obj.data.uv_layers[0])
    obj.scale, obj.rotation_euler = (1.4, 0.7, 1.0), (0.6, -0.5, 0.4)
    bpy.context.view_layer.update()
    used = maps()
    repeat = scale.box_repeat(obj, 0.6, aspect=1.5)
    assign(obj, material or made(used, maps={"height": used.height}, box_repeat=repeat, box_aspect=1.5), append=False)
    return [obj, sun((0.5, -0.3, 0.8)), sun((-0.6, -0.5, 0.4))]


SCENES: dict[str, Callable[..., list[bpy.types.Object]]] = {"plane": plane, "sphere": sphere, "box": box}
WIDTHS_M = {"plane": 2.0, "sphere": 1.7, "box": 1.2}


def shown(tmp_path: Path, name: str, objects: list[bpy.types.Object]) -> np.ndarray:
    """Means of the blocks, (16, 16, 3), rows from the bottom."""
    cycles = bpy.context.scene.cycles
    cycles.seed, cycles.sampling_pattern = 7, "TABULATED_SOBOL"
    rows = render_linear(tmp_path, objects, width_m=WIDTHS_M[name], samples=SAMPLES)
    count = len(rows) // BLOCK_PX
    return rows.reshape(count, BLOCK_PX, count, BLOCK_PX, 3).mean(axis=(1, 3))


def kept(name: str) -> np.ndarray:
    return np.array(json.loads(KEPT.read_text(encoding="utf-8"))[name]).reshape(16, 16, 3) / 1000


def off(found: np.ndarray, name: str) -> tuple[float, float]:
    """(mean, greatest) distance from what is kept."""
    distance = np.abs(found - kept(name))
    return float(distance.mean()), float(distance.max())


@pytest.mark.parametrize("name", SCENES)
def test_a_material_looks_as_it_did(tmp_path: Path, name: str) -> None:
    found = shown(tmp_path, name, SCENES[name]())
    mean, most = off(found, name)
    assert mean < MEAN[name] and most < MOST, (mean, most)
    assert found.std() > 0.05               # there is something to see


def test_an_asset_looks_as_it_did_in_the_file_it_comes_to(tmp_path: Path) -> None:
    objects = plane()
    material = objects[0].active_material
    material.asset_mark()
    library = assets.append_to_library(material, tmp_path)
    bpy.ops.wm.read_factory_settings()
    with bpy.data.libraries.load(str(library)) as (source, target):
        target.materials = source.materials
    mean, most = off(shown(tmp_path, "plane", plane(target.materials[0])), "plane")
    assert mean < MEAN["plane"] and most < MOST, (mean, most)


def flip_green(material: bpy.types.Material) -> None:
    image = material.node_tree.nodes["GPT Image Normal"].image
    pixels = np.empty(image.size[0] * image.size[1] * 4, np.float32)
    image.pixels.foreach_get(pixels)
    pixels[1::4] = 1 - pixels[1::4]
    image.pixels.foreach_set(pixels)


def without(label: str) -> Callable[[bpy.types.Material], None]:
    def cut(material: bpy.types.Material) -> None:
        for link in list(material.node_tree.nodes[f"GPT Image {label}"].outputs["Color"].links):
            material.node_tree.links.remove(link)
    return cut


def wider(material: bpy.types.Material) -> None:
    mapping = next(node for node in material.node_tree.nodes if node.bl_idname == "ShaderNodeMapping")
    mapping.inputs["Scale"].default_value[0] *= 1.1


def square(material: bpy.types.Material) -> None:
    """As if the picture's shape were not kept from above."""
    material.node_tree.nodes["GPT Image Box Aspect"].inputs["Aspect"].default_value = 1.0


@pytest.mark.parametrize(("name", "spoil"), [
    ("plane", flip_green), ("sphere", flip_green), *(("plane", without(label)) for label in ("Roughness", "Ambient Occlusion", "Metallic")),
    ("box", without("Height")), ("box", square), ("plane", wider), ("box", wider),
], ids=lambda value: getattr(value, "__name__", value))
def test_what_is_kept_tells_when_something_is_wrong(tmp_path: Path, name: str, spoil: Callable[[bpy.types.Material], None]) -> None:
    objects = SCENES[name]()
    spoil(objects[0].active_material)
    mean, _ = off(shown(tmp_path, name, objects), name)
    assert mean > 2 * MEAN[name]


if __name__ == "__main__":
    import sys
    import tempfile

    told = {}
    for scene_name, make in SCENES.items():
        bpy.ops.wm.read_factory_settings()
        with tempfile.TemporaryDirectory() as folder:
            told[scene_name] = np.rint(shown(Path(folder), scene_name, make()) * 1000).astype(int).ravel().tolist()
    Path(sys.argv[1] if len(sys.argv) > 1 else KEPT).write_text(json.dumps(told) + "\n", encoding="utf-8")
