# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures in worlds, lights and brushes, as Cycles shows them, and what was there before."""

from __future__ import annotations

import math
from pathlib import Path

import bpy
import numpy as np
import pytest

from gptimage_addon.blender.compat import enable_light_nodes, enable_nodes
from gptimage_addon.blender.placing import set_brush_texture, set_light, set_world
from gptimage_addon.core.errors import InputError
from tests.support.renders import add_object, float_image, render_linear

# Linear colors of a picture's quarters: bottom left, bottom right, top left, top right.
QUARTERS = ((0.1, 0.2, 0.8), (0.8, 0.7, 0.1), (0.8, 0.1, 0.1), (0.1, 0.7, 0.2))


def quarters() -> bpy.types.Image:
    rows = np.array(QUARTERS).reshape(2, 2, 3)
    return float_image("quarters", rows.repeat(32, axis=0).repeat(32, axis=1))


def graph(tree: bpy.types.NodeTree) -> set[tuple[str, ...]]:
    return {(link.from_node.name, link.from_socket.identifier, link.to_node.name, link.to_socket.identifier)
            for link in tree.links} | {(node.name,) for node in tree.nodes}


# --- the world --------------------------------------------------------------------------------------------

def test_a_panorama_surrounds_the_scene_upright(tmp_path: Path) -> None:
    """In a mirror that sends the view just above, and just below, the horizon."""
    scene = bpy.context.scene
    old = scene.world
    rows = np.zeros((64, 128, 3))
    rows[32:, :, 2] = 1.0                           # blue above the horizon
    world = set_world(scene, float_image("panorama", rows))
    assert scene.world == world and old.use_fake_user and old.name in bpy.data.worlds
    bpy.ops.mesh.primitive_plane_add(size=2.0)
    mirror = bpy.context.object
    material = bpy.data.materials.new("mirror")
    principled = enable_nodes(material).nodes["Principled BSDF"]
    principled.inputs["Metallic"].default_value, principled.inputs["Roughness"].default_value = 1.0, 0.0
    principled.inputs["Base Color"].default_value = (1, 1, 1, 1)
    mirror.data.materials.append(material)
    for tilt, sees_blue in ((math.radians(40), True), (math.radians(50), False)):     # the view goes 80, 100 degrees off +Z
        mirror.rotation_euler = (tilt, 0, 0)
        found = render_linear(tmp_path, [mirror], keep_world=True, bounces=1)[32, 32]
        assert (found[2] > 0.9) == sees_blue and (found[2] < 0.1) == (not sees_blue)


def test_a_world_is_replaced_not_changed() -> None:
    scene = bpy.context.scene
    old = scene.world
    before = graph(old.node_tree)
    first = set_world(scene, bpy.data.images.new("one", 8, 4))
    second = set_world(scene, bpy.data.images.new("two", 8, 4))
    assert graph(old.node_tree) == before and first.use_fake_user and scene.world == second
    scene.world = None
    assert set_world(scene, bpy.data.images.new("three", 8, 4)) == scene.world


# --- lights -----------------------------------------------------------------------------------------------

def matte_wall() -> bpy.types.Object:
    """4 m, in the XY plane, white and without gloss."""
    bpy.ops.mesh.primitive_plane_add(size=4.0)
    material = bpy.data.materials.new("matte")
    principled = enable_nodes(material).nodes["Principled BSDF"]
    principled.inputs["Base Color"].default_value = (1, 1, 1, 1)
    principled.inputs["Specular IOR Level"].default_value = 0.0
    bpy.context.object.data.materials.append(material)
    return bpy.context.object


def hues(rows: np.ndarray) -> np.ndarray:
    """Colors without their brightness."""
    return rows / rows.max(axis=-1, keepdims=True)


def test_a_spot_throws_the_picture_upright_over_its_cone(tmp_path: Path) -> None:
    light = bpy.data.lights.new("Spot", 'SPOT')
    light.energy, light.shadow_soft_size, light.spot_size, light.spot_blend = 1000.0, 0.0, math.radians(60), 0.0
    spot = add_object("Spot", light)
    spot.location = (0, 0, 3.0)
    set_light(light, quarters())
    rows = render_linear(tmp_path, [matte_wall(), spot], width_m=4.0)
    # The cone's radius on the wall is 3 m * tan 30 = 1.73 m: 28 of 64 pixels. Its square reaches into the cone's corners.
    for (y, x), color in zip([(22, 22), (22, 42), (42, 22), (42, 42)], QUARTERS, strict=True):
        assert np.allclose(hues(rows[y - 6:y + 6, x - 6:x + 6]), np.array(color) / max(color), atol=0.02), (y, x)
    assert rows[32, 1:3].max() < 1e-6


def test_a_spots_picture_follows_its_cone(tmp_path: Path) -> None:
    """The picture ends where the cone does: its left edge is as far out at each angle."""
    stripe = np.zeros((64, 64, 3))
    stripe[:, :8] = 1.0                             # the leftmost eighth
    wall = matte_wall()
    for angle in (30, 60):
        light = bpy.data.lights.new("Spot", 'SPOT')
        light.energy, light.shadow_soft_size, light.spot_blend = 1000.0, 0.0, 0.0
        light.spot_size = math.radians(angle)
        spot = add_object("Spot", light)
        spot.location = (0, 0, 3.0)
        set_light(light, float_image("stripe", stripe)).interpolation = 'Closest'
        lit = render_linear(tmp_path, [wall, spot], width_m=4.0)[32, :, 0] > 0.01
        radius = 3.0 * math.tan(light.spot_size / 2) * 16       # in pixels
        found = np.flatnonzero(lit)
        assert found[0] == pytest.approx(32 - radius, abs=1.5) and found[-1] == pytest.approx(32 - radius * 0.75, abs=1.5)


def test_an_area_light_shows_the_picture(tmp_path: Path) -> None:
    """Looking into it, its +Y up: the picture can be read."""
    light = bpy.data.lights.new("Area", 'AREA')
    light.energy, light.size = 10.0, 2.0
    area = add_object("Area", light)
    area.rotation_euler = (0, math.pi, 0)           # it shines up, at the camera
    area.visible_camera = True
    set_light(light, quarters())
    rows = render_linear(tmp_path, [area], width_m=2.0)
    for (y, x), color in zip([(16, 16), (16, 48), (48, 16), (48, 48)], QUARTERS, strict=True):
        assert np.allclose(hues(rows[y, x]), np.array(color) / max(color), atol=0.02), (y, x)


def test_a_lights_own_nodes_stay() -> None:
    light = bpy.data.lights.new("Spot", 'SPOT')
    tree = enable_light_nodes(light)
    falloff = tree.nodes.new("ShaderNodeLightFalloff")
    tree.links.new(falloff.outputs[0], tree.nodes["Emission"].inputs["Strength"])
    before = graph(tree)
    own = tree.get_output_node('ALL')
    set_light(light, quarters())
    assert before <= graph(tree) and tree.get_output_node('ALL') != own
    after = graph(tree)
    other = bpy.data.images.new("other", 8, 8)
    assert set_light(light, other).image == other and graph(tree) == after
    own.is_active_output = True
    assert tree.get_output_node('ALL') == own, "one click brings it back"


def test_a_light_that_cannot_show_a_picture_is_refused() -> None:
    light = bpy.data.lights.new("Sun", 'SUN')
    with pytest.raises(InputError) as refused:
        set_light(light, quarters())
    assert refused.value.field == "light" and (light.node_tree is None or "GPT Image" not in light.node_tree.nodes)


# --- brushes ----------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("stencil", "mode"), [(True, 'STENCIL'), (False, 'TILED')])
def test_a_brush_paints_with_the_picture(stencil: bool, mode: str) -> None:
    brush = bpy.data.brushes.new("Brush", mode='TEXTURE_PAINT')
    old = brush.texture = bpy.data.textures.new("old", 'CLOUDS')
    image = quarters()
    set_brush_texture(brush, image, stencil=stencil)
    assert brush.texture.image == image and brush.texture_slot.map_mode == mode
    assert old.use_fake_user and old.name in bpy.data.textures
