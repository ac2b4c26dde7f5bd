# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures in a node group: the material looks the same, groups are exchanged as they are wired, and all that finds pictures finds them."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest

from gptimage_addon.blender import material_nodes, materials
from gptimage_addon.blender.host import JobView, host
from gptimage_addon.blender.material_pictures import material_pictures, replace_picture
from gptimage_addon.blender.materials import assign, make_material, picture_node, swap_pictures
from gptimage_addon.blender.targets import note_target
from gptimage_addon.blender.texture_group import make_texture_group
from gptimage_addon.core.errors import InputError
from gptimage_addon.core.request import Landing, MapKind, Place, Service, Surface
from gptimage_addon.operators.plan import maps_of
from gptimage_addon.operators.texture import plan_texture
from tests.support.renders import float_image, render_linear, sun
from tests.support.scenes import WORDS, editor, image_of

ROLES = ("ao", "metallic", "roughness", "normal", "emission")


def pattern(name: str, seed: int, **channels: float) -> bpy.types.Image:
    values = np.random.default_rng(seed).uniform(0.2, 0.8, (8, 8, 3))
    if name == "normal":
        values[..., :2], values[..., 2] = 0.4 + 0.2 * values[..., :2], 0.95
    return float_image(f"{name} {seed}", values)


def textured(seed: int, roles: tuple[str, ...] = ROLES) -> bpy.types.Material:
    maps = {role: pattern(role, seed * 10 + number) for number, role in enumerate(roles)}
    return make_material(f"Texture {seed}", pattern("color", seed), maps=maps, uv_repeat=(2.0, 3.0), alpha=True)


@pytest.fixture
def plane() -> bpy.types.Object:
    bpy.ops.mesh.primitive_plane_add(size=2.0)
    return bpy.context.object


def shown(tmp_path: Path, plane: bpy.types.Object, material: bpy.types.Material) -> np.ndarray:
    plane.data.materials.clear()
    assign(plane, material, append=False)
    light = sun((0.4, -0.3, 0.8))
    bpy.context.scene.cycles.seed = 3
    rows = render_linear(tmp_path, [plane, light])
    bpy.data.objects.remove(light)
    return rows


def group_of(material: bpy.types.Material) -> bpy.types.ShaderNodeGroup:
    node = material_nodes.texture_group(material.node_tree)
    assert node is not None
    return node


def wires(material: bpy.types.Material) -> set[tuple[str, str, bool]]:
    """What the group feeds, and whether it is muted."""
    return {(link.from_socket.name, link.to_node.name, link.is_muted) for link in material.node_tree.links if link.from_node == group_of(material)}


@pytest.mark.parametrize("roles", [(), ROLES, ("height",), ("normal", "height", "ao")])
def test_a_material_looks_the_same_with_its_pictures_in_a_group(
    tmp_path: Path, plane: bpy.types.Object, roles: tuple[str, ...],
) -> None:
    material = textured(1, roles)
    before = shown(tmp_path, plane, material)
    pictures = {role: node.image for role, node in material_pictures(material).items()}
    muted = {link.to_node.name for link in material.node_tree.links if link.is_muted}
    group = make_texture_group(material)
    assert np.array_equal(shown(tmp_path, plane, material), before) and before.std() > 0.05
    assert {role: node.image for role, node in material_pictures(material).items()} == pictures
    assert {link.to_node.name for link in material.node_tree.links if link.is_muted} == muted
    assert not any(node.bl_idname == "ShaderNodeTexImage" for node in material.node_tree.nodes)
    assert picture_node(material).id_data == group
    with pytest.raises(InputError):
        make_texture_group(material)


def test_groups_are_exchanged_as_they_are_wired(tmp_path: Path, plane: bpy.types.Object) -> None:
    """As Blender's own menu in the node does it; what the other texture has no map for is as if there were none."""
    one, two, plain = textured(1), textured(2), textured(3, ())
    looks = {material: shown(tmp_path, plane, material) for material in (two, plain)}
    for material in (one, two, plain):
        make_texture_group(material)
    before = wires(one)
    assert len(before) >= len(ROLES) + 2
    for other in (plain, two):
        group_of(one).node_tree = group_of(other).node_tree
        assert wires(one) == before
        found = shown(tmp_path, plane, one)
        assert np.abs(found - looks[other]).max() < 1e-4, other.name
    assert picture_node(one).image == picture_node(two).image


def test_other_pictures_come_into_the_group_with_their_maps() -> None:
    material = textured(1, ("roughness", "normal"))
    make_texture_group(material)
    color, maps = pattern("color", 5), {role: pattern(role, 50) for role in ("ao", "metallic", "roughness")}
    swap_pictures(material, color, maps, relief_m=0.02)
    tree = material.node_tree
    assert picture_node(material).image == color
    assert {role: node.image for role, node in material_pictures(material).items()} == maps | {"color": color}
    assert material_nodes.map_node(tree, "metallic").id_data == group_of(material).node_tree
    assert material_nodes.map_node(tree, "normal") is not None and "normal" not in material_pictures(material)      # muted
    swap_pictures(material, color, {"normal": pattern("normal", 60)})
    assert set(material_pictures(material)) == {"color", "normal"}


def test_a_group_that_comes_from_another_material_gets_its_wires_when_pictures_are_swapped() -> None:
    plain, full = textured(1, ()), textured(2, ("roughness", "ao"))
    for material in (plain, full):
        make_texture_group(material)
    group_of(plain).node_tree = group_of(full).node_tree
    assert set(material_pictures(plain)) == {"color"}
    images = {role: node.image for role, node in material_pictures(full).items()}
    swap_pictures(plain, images.pop("color"), images)
    assert set(material_pictures(plain)) == {"color", "roughness", "ao"}


def test_a_picture_is_replaced_inside_a_group() -> None:
    material = textured(1, ("roughness",))
    make_texture_group(material)
    old, new = material_pictures(material)["roughness"].image, pattern("roughness", 9)
    replace_picture(material, old, new)
    assert material_pictures(material)["roughness"].image == new and old.use_fake_user


def done(view: JobView) -> bpy.types.Image:
    assert bpy.ops.gptimage.wait(timeout_s=120) == {'FINISHED'}
    assert view.error is None and view.landed.complete, view.record
    return image_of(view)


def newest() -> JobView:
    return list(host.jobs.values())[-1]


def test_variants_finishing_and_the_node_go_on(cube: bpy.types.Object) -> None:
    """Through the operators: one material's group is in another material too."""
    bpy.ops.gptimage.generate_texture(prompt="grey stone", size="1024x640", quality="low", n=2, maps={"height"})
    first = done(newest())
    material = cube.active_material
    with editor('VIEW_3D'):
        assert bpy.ops.gptimage.make_node_group(asset=True) == {'FINISHED'}
        assert not bpy.ops.gptimage.make_node_group.poll()
    group = group_of(material).node_tree
    assert group.asset_data and "stone" in group.asset_data.tags
    twin = material.copy()
    twin.use_fake_user = True

    with editor('VIEW_3D'):
        assert bpy.ops.gptimage.step_variant(step=1) == {'FINISHED'}
    second = picture_node(material).image
    assert second != first and material_pictures(material)["height"].image in maps_of(second).values()
    assert picture_node(twin).image == second
    with editor('VIEW_3D'):
        bpy.ops.gptimage.step_variant(step=-1)
        assert bpy.ops.gptimage.finish_texture(tiling="x", maps={"roughness"}) == {'FINISHED'}
    finished = done(newest())
    for each in (material, twin):
        assert picture_node(each).image == finished and set(material_pictures(each)) == {"color", "roughness"}, each.name

    landing = Landing(place=Place.NODE, targets=(note_target("Material", material, group_of(material).name),))
    planned = plan_texture(WORDS, Service(), landing, surface=Surface(maps=(MapKind.NORMAL,)))
    host.submit(planned.job, planned.inputs)
    assert done(newest()) == picture_node(material).image
    assert set(material_pictures(material)) == {"color", "normal"} and picture_node(material).id_data == group


def test_files_with_plain_nodes_are_as_they_were(cube: bpy.types.Object) -> None:
    material = cube.active_material = textured(1, ("roughness",))
    assert picture_node(material).id_data == material.node_tree and material_nodes.texture_group(material.node_tree) is None
    # A group of the artist's own under that name is none of ours.
    node = material.node_tree.nodes.new("ShaderNodeGroup")
    node.name = material_nodes.TEXTURE_GROUP
    node.node_tree = bpy.data.node_groups.new("Own", "ShaderNodeTree")
    assert picture_node(material).id_data == material.node_tree
    material.node_tree.nodes.remove(picture_node(material))
    assert picture_node(material) is None and materials.shown_node(material) is None
    with editor('VIEW_3D'):
        assert not bpy.ops.gptimage.make_node_group.poll()
