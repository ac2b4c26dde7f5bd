# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Materials with maps: their nodes, what Cycles makes of them, other pictures in them, the material before."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import bpy
import numpy as np
import pytest

from gptimage_addon.blender import materials
from gptimage_addon.blender.materials import assign, make_material, swap_pictures
from gptimage_addon.blender.previous import previous_material, restore_previous
from gptimage_addon.core.errors import InputError
from tests.support.renders import add_object, float_image, render_linear, sun

ROLES = ("normal", "roughness", "height", "ao", "metallic", "emission")
DATA = ("normal", "roughness", "height", "ao", "metallic")
TO_SUN = np.array((0.5, 0.2, 0.8)) / np.linalg.norm((0.5, 0.2, 0.8))
ALBEDO = 0.8
RELIEF_M = 0.6
# Of a ramp that rises by RELIEF_M along the 2 m of a plane's U; tangent space, OpenGL.
RAMP_NORMAL = np.array((-RELIEF_M / 2, 0.0, 1.0)) / np.hypot(RELIEF_M / 2, 1.0)
# Node sizes as Blender 5.2 draws them at a resolution scale of 1 (read off Node.dimensions in its window), in its units.
DRAWN = {
    "ShaderNodeTexCoord": (140, 246), "ShaderNodeMapping": (140, 432), "ShaderNodeTexImage": (240, 256),
    "ShaderNodeNormalMap": (160, 204), "ShaderNodeBump": (140, 195), "ShaderNodeMix": (140, 231),
    "ShaderNodeGroup": (140, 170), "ShaderNodeDisplacement": (140, 172),
    "ShaderNodeBsdfPrincipled": (240, 375), "ShaderNodeOutputMaterial": (140, 149),
}


def flat_image(name: str, *rgb: float) -> bpy.types.Image:
    return float_image(name, np.full((8, 8, 3), rgb))


def ramp_image() -> bpy.types.Image:
    """0 to 1 along U; linear interpolation gives the values between the pixels' middles exactly."""
    return float_image("ramp", np.tile(((np.arange(64) + 0.5) / 64)[None, :, None], (64, 1, 3)))


def white() -> bpy.types.Image:
    return flat_image("white", ALBEDO, ALBEDO, ALBEDO)


def new_maps(*roles: str) -> dict[str, bpy.types.Image]:
    return {role: bpy.data.images.new(role, 8, 8) for role in roles}


def normal_image() -> bpy.types.Image:
    return flat_image("ramp normal", *(RAMP_NORMAL + 1) / 2)


def into(material: bpy.types.Material, socket: str, node: str = "ShaderNodeBsdfPrincipled") -> bpy.types.NodeLink | None:
    """The link that counts at this socket."""
    (owner,) = (each for each in material.node_tree.nodes if each.bl_idname == node)
    links = [link for link in owner.inputs[socket].links if not link.is_muted]
    return links[0] if links else None


def pictures(material: bpy.types.Material) -> dict[str, bpy.types.ShaderNodeTexImage]:
    return {node.label: node for node in material.node_tree.nodes if node.bl_idname == "ShaderNodeTexImage"}


# --- the node graph ---------------------------------------------------------------------------------------

def test_one_mapping_feeds_all_pictures() -> None:
    material = make_material("all", white(), maps=new_maps(*ROLES), uv_repeat=(4.0, 2.5), alpha="blend", relief_m=0.02)
    tree = material.node_tree
    (mapping,) = (node for node in tree.nodes if node.bl_idname == "ShaderNodeMapping")
    assert tuple(mapping.inputs["Scale"].default_value) == (4.0, 2.5, 1.0)
    assert mapping.inputs["Vector"].links[0].from_socket.name == "UV"
    found = pictures(material)
    assert set(found) == {"Color", "Normal", "Roughness", "Height", "Ambient Occlusion", "Metallic", "Emission"}
    assert all(node.inputs["Vector"].links[0].from_node == mapping for node in found.values())
    assert materials.picture_node(material) == found["Color"]
    assert into(material, "Alpha").from_node == found["Color"]
    assert into(material, "Base Color").from_node.blend_type == 'MULTIPLY'
    assert into(material, "Roughness").from_node == found["Roughness"]
    assert into(material, "Metallic").from_node == found["Metallic"]
    assert into(material, "Emission Color").from_node == found["Emission"]
    assert into(material, "Normal").from_node.bl_idname == "ShaderNodeNormalMap"


def test_data_is_non_color_and_colors_are_not() -> None:
    maps = new_maps(*ROLES)
    color = bpy.data.images.new("color", 8, 8)
    make_material("all", color, maps=maps)
    assert {role for role, image in maps.items() if image.colorspace_settings.name == "Non-Color"} == set(DATA)
    assert color.colorspace_settings.name == maps["emission"].colorspace_settings.name == "sRGB"


def test_unsaved_pixels_of_a_map_survive_its_new_color_space() -> None:
    image = bpy.data.images.new("painted", 4, 4)
    image.pixels.foreach_set(np.full(64, 0.25, np.float32))
    make_material("x", white(), maps={"roughness": image})
    assert image.colorspace_settings.name == "Non-Color"
    assert image.pixels[0] == pytest.approx(0.25, abs=1 / 255)


def test_displacement_is_to_scale_and_its_middle_stays() -> None:
    material = make_material("x", white(), maps=new_maps("height"), relief_m=0.05, displace=True)
    node = into(material, "Displacement", "ShaderNodeOutputMaterial").from_node
    assert node.inputs["Midlevel"].default_value == 0.5 and node.inputs["Scale"].default_value == pytest.approx(0.05)
    assert material.displacement_method == 'BOTH'
    assert make_material("y", white(), maps=new_maps("height"), relief_m=0.05).displacement_method == 'BUMP'


@pytest.mark.parametrize("roles", [("height",), ("normal", "height")])
def test_a_height_that_was_bump_or_off_displaces_when_it_is_told_to(roles: tuple[str, ...]) -> None:
    material = make_material("x", white(), maps=new_maps(*roles), relief_m=0.02)
    assert into(material, "Displacement", "ShaderNodeOutputMaterial") is None
    materials.swap_pictures(material, white(), new_maps(*roles), relief_m=0.05, displace=True)
    node = into(material, "Displacement", "ShaderNodeOutputMaterial").from_node
    assert node.inputs["Height"].links[0].from_node.label == "Height" and material.displacement_method == 'BOTH'
    assert into(material, "Normal") is None                 # the displacement brings it
    materials.swap_pictures(material, white(), new_maps(*roles), relief_m=0.05)          # as the artist has made it
    assert into(material, "Displacement", "ShaderNodeOutputMaterial").from_node == node


def test_a_displaced_mesh_gets_the_faces_it_needs(cube: bpy.types.Object) -> None:
    assert not materials.needs_subdivision(cube)
    cube.active_material = make_material("x", white(), maps=new_maps("height"), relief_m=0.05, displace=True)
    assert materials.needs_subdivision(cube)
    bpy.context.view_layer.objects.active = cube
    assert bpy.ops.gptimage.subdivide() == {'FINISHED'}
    assert not materials.needs_subdivision(cube)
    modifier = cube.modifiers[-1]
    assert modifier.subdivision_type == 'SIMPLE' and 6 * 4 ** modifier.render_levels <= 500_000 < 6 * 4 ** (modifier.render_levels + 1)
    dense = add_object("Dense", bpy.data.meshes.new("Dense"))
    dense.data.from_pydata([(x, y, 0) for y in range(201) for x in range(201)], [],
                           [(y * 201 + x, y * 201 + x + 1, y * 201 + x + 202, y * 201 + x + 201) for y in range(200) for x in range(200)])
    assert materials.subdivide(dense, bpy.context.scene).levels == 1


def test_an_unknown_map_is_refused_before_a_material_is_made() -> None:
    before = len(bpy.data.materials)
    with pytest.raises(InputError) as refused:
        make_material("x", white(), maps=new_maps("specular"))
    assert refused.value.field == "maps" and len(bpy.data.materials) == before


# --- the order of the nodes -------------------------------------------------------------------------------

def box(node: bpy.types.Node) -> tuple[float, float, float, float]:
    """(left, bottom, right, top) in the tree."""
    width, height = (node.width, node.height) if node.bl_idname == "NodeFrame" else DRAWN[node.bl_idname]
    x, y = node.location
    owner = node.parent
    while owner:
        x, y = x + owner.location.x, y + owner.location.y
        owner = owner.parent
    if hasattr(node, "location_absolute"):
        assert tuple(node.location_absolute) == pytest.approx((x, y))
    return x, y - height, x + width, y


def overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def assert_tidy(tree: bpy.types.NodeTree) -> None:
    nodes = [node for node in tree.nodes if node.bl_idname != "NodeFrame"]
    frames = [node for node in tree.nodes if node.bl_idname == "NodeFrame"]
    for group in (nodes, frames):
        for one, other in combinations(group, 2):
            assert not overlap(box(one), box(other)), f"{one.name} over {other.name}"
    for node in nodes:
        inside = [frame for frame in frames if overlap(box(node), box(frame))]
        assert inside == ([node.parent] if node.parent else []), node.name
        if node.parent:
            (left, bottom, right, top), outer = box(node), box(node.parent)
            assert outer[0] < left and outer[1] < bottom and right < outer[2] and top < outer[3], node.name
    for link in tree.links:
        assert box(link.from_node)[2] < box(link.to_node)[0], f"{link.from_node.name} is not left of {link.to_node.name}"
    for frame in frames:
        assert frame.label and any(node.parent == frame for node in nodes)


@pytest.mark.parametrize("roles", [(), ROLES, ("height",), ("normal", "height"), ("ao",), ("roughness", "emission")])
@pytest.mark.parametrize("settings", [{}, {"box_repeat": (1.0, 1.0, 1.0), "box_aspect": 2.0}, {"displace": True, "alpha": True}])
def test_the_nodes_are_tidy(roles: tuple[str, ...], settings: dict[str, object]) -> None:
    assert_tidy(make_material("x", white(), maps=new_maps(*roles), **settings).node_tree)


def test_the_nodes_are_tidy_after_maps_were_added() -> None:
    material = make_material("x", white(), maps=new_maps("roughness"))
    swap_pictures(material, white(), new_maps(*ROLES))
    assert_tidy(material.node_tree)


@pytest.mark.parametrize("first", [("height",), ("normal",), ("normal", "height")])
def test_the_nodes_are_tidy_when_bump_and_displacement_come_later(first: tuple[str, ...]) -> None:
    material = make_material("x", white(), maps=new_maps(*first), relief_m=0.02)
    for maps in (("height",), ("ao", "height", "normal")):
        swap_pictures(material, white(), new_maps(*maps), relief_m=0.02)
        assert_tidy(material.node_tree)
    swap_pictures(material, white(), new_maps("height"), relief_m=0.02, displace=True)
    assert_tidy(material.node_tree)


# --- what Cycles makes of the maps ------------------------------------------------------------------------

def shown(tmp_path: Path, obj: bpy.types.Object, material: bpy.types.Material, **view: object) -> np.ndarray:
    """The middle of the object with this material under a sun, without gloss."""
    principled = next(node for node in material.node_tree.nodes if node.bl_idname == "ShaderNodeBsdfPrincipled")
    principled.inputs["Specular IOR Level"].default_value = 0.0
    material.cycles.use_bump_map_correction = False     # it softens the light on steep bumps: Lambert's law has no such
    assign(obj, material, append=False)
    rows = render_linear(tmp_path, [obj, sun(view.pop("to_sun", TO_SUN))], **view)
    return rows[20:44, 20:44]


@pytest.fixture
def plane() -> bpy.types.Object:
    """2 m, one picture over it."""
    bpy.ops.mesh.primitive_plane_add(size=2.0)
    return bpy.context.object


@pytest.fixture
def grid() -> bpy.types.Object:
    """Such a plane of 32 by 32 faces, smooth: Blender before 5.0 counts a displacement twice on flat faces."""
    bpy.ops.mesh.primitive_grid_add(size=2.0, x_subdivisions=32, y_subdivisions=32)
    bpy.ops.object.shade_smooth()
    return bpy.context.object


@pytest.mark.parametrize("roles", [("normal",), ("height",), ("normal", "height")])
def test_a_slope_is_lit_like_a_slope(tmp_path: Path, plane: bpy.types.Object, roles: tuple[str, ...]) -> None:
    """Lambert's cosine law, with the ramp's own normal; from the map, from the height, and from both not twice."""
    made = {"normal": normal_image(), "height": ramp_image()}
    material = make_material("x", white(), maps={role: made[role] for role in roles}, relief_m=RELIEF_M)
    found = shown(tmp_path, plane, material)
    assert np.abs(found - ALBEDO * RAMP_NORMAL @ TO_SUN).max() < 1e-3
    assert ALBEDO * abs(RAMP_NORMAL @ TO_SUN - TO_SUN[2]) > 0.1         # a flat one would look different


def test_a_height_alone_takes_the_place_of_a_normal_map(tmp_path: Path, plane: bpy.types.Object) -> None:
    """A texture with both, or with a normal map only, is followed by one that has a height only, and by one that has both again."""
    flat, made = flat_image("flat", 0.5, 0.5, 1.0), {"normal": normal_image(), "height": ramp_image()}
    for first in ({"normal": flat}, {"normal": flat, "height": ramp_image()}):
        material = make_material("x", white(), maps=first, relief_m=RELIEF_M)
        for maps in ({"height": made["height"]}, made, {"normal": made["normal"]}):
            swap_pictures(material, white(), maps, relief_m=RELIEF_M)
            assert np.abs(shown(tmp_path, plane, material) - ALBEDO * RAMP_NORMAL @ TO_SUN).max() < 1e-3, (set(first), set(maps))


@pytest.mark.parametrize("roles", [("height",), ("normal", "height")])
@pytest.mark.parametrize("name", ["plane", "grid"])
def test_a_displaced_slope_is_lit_once(
    tmp_path: Path, request: pytest.FixtureRequest, name: str, roles: tuple[str, ...],
) -> None:
    made = {"normal": normal_image(), "height": ramp_image()}
    material = make_material("x", white(), maps={role: made[role] for role in roles}, relief_m=RELIEF_M, displace=True)
    found = shown(tmp_path, request.getfixturevalue(name), material)
    assert np.abs(found - ALBEDO * RAMP_NORMAL @ TO_SUN).max() < 1e-3


def test_a_tangent_along_v_points_up(tmp_path: Path, plane: bpy.types.Object) -> None:
    """OpenGL: green is +V."""
    normal = np.array((0.0, 0.6, 0.8))
    found = shown(tmp_path, plane, make_material("x", white(), maps={"normal": flat_image("n", *(normal + 1) / 2)}))
    assert np.abs(found - ALBEDO * normal @ TO_SUN).max() < 1e-3


@pytest.mark.parametrize(("towards", "right"), [((0, 1, 0), (1, 0, 0)), ((0, -1, 0), (-1, 0, 0)), ((1, 0, 0), (0, -1, 0)),
                                                ((-1, 0, 0), (0, 1, 0))])
def test_a_box_projections_relief_is_right_on_all_walls(
    tmp_path: Path, cube: bpy.types.Object, towards: tuple[int, ...], right: tuple[int, ...],
) -> None:
    """Where a tangent-space normal map would be turned wrongly: the ramp, seen on a wall, rises to its picture's right."""
    outwards, right = -np.array(towards), np.array(right)
    material = make_material("x", white(), maps={"height": ramp_image(), "normal": normal_image()}, relief_m=RELIEF_M,
                             box_repeat=(2.0, 2.0, 2.0))
    assert "Normal" not in pictures(material)
    to_sun = outwards + 0.5 * right + np.array((0, 0, 0.3))
    to_sun /= np.linalg.norm(to_sun)
    found = shown(tmp_path, cube, material, towards=towards, to_sun=to_sun)
    slope = np.hypot(RELIEF_M / 2, 1.0)
    lit = [ALBEDO * (outwards - sign * RELIEF_M / 2 * right) / slope @ to_sun for sign in (1, -1)]
    # Blender mirrors the picture on two of the sides.
    assert min(np.abs(found - each).max() for each in lit) < 2e-3


def test_occlusion_is_multiplied_over_the_color(tmp_path: Path, plane: bpy.types.Object) -> None:
    found = shown(tmp_path, plane, make_material("x", white(), maps={"ao": flat_image("ao", 0.5, 0.5, 0.5)}))
    assert np.abs(found - 0.5 * ALBEDO * TO_SUN[2]).max() < 1e-4


def test_emission_glows_and_metal_does_not_scatter(tmp_path: Path, plane: bpy.types.Object) -> None:
    found = shown(tmp_path, plane, make_material("x", white(), maps={
        "emission": flat_image("glow", 0.1, 0.2, 0.3), "metallic": flat_image("metal", 1.0, 1.0, 1.0),
        "roughness": flat_image("rough", 0.0, 0.0, 0.0)}))
    assert np.abs(found - (0.1, 0.2, 0.3)).max() < 1e-4         # a mirror shows the black around it


def test_a_sphere_is_lit_like_a_sphere(tmp_path: Path) -> None:
    """A flat normal map leaves the smooth normals; the picture's repeats follow the UV map of Blender's own sphere."""
    bpy.ops.mesh.primitive_uv_sphere_add(radius=1.0, segments=128, ring_count=64)
    bpy.ops.object.shade_smooth()
    sphere = bpy.context.object
    repeats = 8                                                         # dark and light halves around the equator
    stripes = np.zeros((64, 64, 3))
    stripes[:, :32] = ALBEDO
    material = make_material("x", float_image("stripes", stripes), uv_repeat=(repeats, 1.0), maps={
        "normal": flat_image("flat", 0.5, 0.5, 1.0), "height": flat_image("level", 0.5, 0.5, 0.5)}, relief_m=0.1)
    material.node_tree.nodes["GPT Image"].interpolation = 'Closest'
    principled = next(node for node in material.node_tree.nodes if node.bl_idname == "ShaderNodeBsdfPrincipled")
    principled.inputs["Specular IOR Level"].default_value = 0.0
    assign(sphere, material, append=False)
    to_sun = np.array((0.3, -0.8, 0.5)) / np.linalg.norm((0.3, -0.8, 0.5))
    rows = render_linear(tmp_path, [sphere, sun(to_sun)], towards=(0, 1, 0))
    at = (np.arange(64) + 0.5) / 32 - 1
    x, z = np.meshgrid(at, at)
    inside = x ** 2 + z ** 2 < 0.8
    y = -np.sqrt(np.where(inside, 1 - x ** 2 - z ** 2, 1))
    lambert = np.maximum(x * to_sun[0] + y * to_sun[1] + z * to_sun[2], 0)
    u = (np.arctan2(y, x) / (2 * np.pi) + 0.5) % 1                      # Blender's sphere: U goes round from -X
    phase = (u * repeats) % 1
    sharp = inside & (np.abs((phase + 0.25) % 0.5 - 0.25) > 0.06)       # off the stripes' edges
    expected = np.where(phase < 0.5, ALBEDO, 0.0) * lambert
    error = np.abs(rows[:, :, 0] - expected)[sharp]
    assert np.count_nonzero(sharp) > 1000 and np.count_nonzero(expected[sharp]) > 400
    assert error.mean() < 3e-3 and np.percentile(error, 99) < 0.02


# --- other pictures in the same material ------------------------------------------------------------------

def wires(material: bpy.types.Material) -> set[tuple[str, ...]]:
    return {(link.from_node.name, link.from_socket.identifier, link.to_node.name, link.to_socket.identifier)
            for link in material.node_tree.links}


def test_other_pictures_leave_the_artists_work(tmp_path: Path) -> None:
    material = make_material("x", white(), maps=new_maps(*ROLES), relief_m=0.02)
    tree = material.node_tree
    ramp = tree.nodes.new("ShaderNodeValToRGB")                         # the artist's own, between map and shader
    link = into(material, "Roughness")
    tree.links.new(link.from_socket, ramp.inputs["Fac"])
    tree.links.new(ramp.outputs["Color"], next(
        node for node in tree.nodes if node.bl_idname == "ShaderNodeBsdfPrincipled").inputs["Roughness"])
    pictures(material)["Normal"].location = (-2000, 77)
    before = wires(material), {node.name: tuple(node.location) for node in tree.nodes}
    color, maps = bpy.data.images.new("other", 8, 8), new_maps(*ROLES)
    swap_pictures(material, color, maps)
    assert (wires(material), {node.name: tuple(node.location) for node in tree.nodes}) == before
    assert materials.picture_node(material).image == color
    assert {label: node.image for label, node in pictures(material).items()} == {
        "Color": color, "Normal": maps["normal"], "Roughness": maps["roughness"], "Height": maps["height"],
        "Ambient Occlusion": maps["ao"], "Metallic": maps["metallic"], "Emission": maps["emission"]}
    assert all(maps[role].colorspace_settings.is_data for role in DATA)


def test_maps_that_are_missing_do_not_count_until_they_are_back(tmp_path: Path, plane: bpy.types.Object) -> None:
    maps = {"normal": normal_image(), "height": ramp_image(), "ao": flat_image("ao", 0.5, 0.5, 0.5),
            "metallic": flat_image("metal", 1.0, 1.0, 1.0), "emission": flat_image("glow", 0.1, 0.2, 0.3),
            "roughness": flat_image("rough", 0.3, 0.3, 0.3)}
    material = make_material("x", white(), maps=maps, relief_m=RELIEF_M)
    swap_pictures(material, white())
    assert np.abs(shown(tmp_path, plane, material) - ALBEDO * TO_SUN[2]).max() < 1e-4
    swap_pictures(material, white(), {"normal": maps["normal"]})
    assert np.abs(shown(tmp_path, plane, material) - ALBEDO * RAMP_NORMAL @ TO_SUN).max() < 1e-3
    swap_pictures(material, white(), maps)
    assert np.abs(shown(tmp_path, plane, material) - (0.1, 0.2, 0.3)).max() < 0.2       # metal with a broad gloss
    muted = [link.to_node.bl_idname for link in material.node_tree.links if link.is_muted]
    assert muted == ["ShaderNodeOutputMaterial"], "only the displacement, which is off"


@pytest.mark.parametrize("name", ["plane", "grid"])
def test_a_displacement_without_its_height_moves_nothing(
    tmp_path: Path, request: pytest.FixtureRequest, name: str,
) -> None:
    material = make_material("x", white(), maps={"height": ramp_image()}, relief_m=RELIEF_M, displace=True)
    swap_pictures(material, white())
    assert np.abs(shown(tmp_path, request.getfixturevalue(name), material) - ALBEDO * TO_SUN[2]).max() < 1e-4


def test_a_normal_map_takes_the_place_of_bump_and_gives_it_back(tmp_path: Path, plane: bpy.types.Object) -> None:
    maps = {"normal": normal_image(), "height": ramp_image()}
    material = make_material("x", white(), maps={"height": maps["height"]}, relief_m=RELIEF_M)
    for given in (maps, {"height": maps["height"]}, {"normal": maps["normal"]}, maps):
        swap_pictures(material, white(), given)
        assert np.abs(shown(tmp_path, plane, material) - ALBEDO * RAMP_NORMAL @ TO_SUN).max() < 1e-3


def old_material() -> bpy.types.Material:
    """As the add-on made them before there were maps: no frames, no names but the picture's."""
    material = make_material("old", white())
    tree = material.node_tree
    for node in [each for each in tree.nodes if each.bl_idname == "NodeFrame"]:
        tree.nodes.remove(node)
    for node, x in zip(("Texture Coordinate", "Mapping", "GPT Image", "Principled BSDF", "Material Output"),
                       (-900, -680, -400, -60, 260), strict=True):
        tree.nodes[node].location = (x, 300)
    return material


def test_a_material_from_before_maps_takes_them() -> None:
    material = old_material()
    swap_pictures(material, white(), new_maps(*ROLES), relief_m=0.02)
    assert_tidy(material.node_tree)
    assert into(material, "Normal") and into(material, "Roughness") and into(material, "Metallic")


def test_a_socket_that_the_artist_feeds_stays_so() -> None:
    material = make_material("x", white())
    tree = material.node_tree
    noise = tree.nodes.new("ShaderNodeTexNoise")
    for socket in ("Roughness", "Normal"):
        tree.links.new(noise.outputs[0], tree.nodes["Principled BSDF"].inputs[socket])
    swap_pictures(material, white(), new_maps("roughness", "normal", "height"))
    assert into(material, "Roughness").from_node == into(material, "Normal").from_node == noise
    assert set(pictures(material)) == {"Color", "Roughness", "Normal", "Height"}


def test_what_is_no_material_of_ours_is_refused(cube: bpy.types.Object) -> None:
    with pytest.raises(InputError) as refused:
        swap_pictures(cube.active_material, white())
    assert refused.value.field == "maps"


# --- the material before ----------------------------------------------------------------------------------

def test_the_replaced_material_is_kept_and_one_call_away(cube: bpy.types.Object) -> None:
    old, new = cube.active_material, make_material("new", white())
    nodes = [node.name for node in old.node_tree.nodes]
    assert previous_material(cube) is None
    assign(cube, new, append=False)
    assert old.use_fake_user and previous_material(cube) == old and cube.active_material == new
    old.name = "renamed meanwhile"
    assert restore_previous(cube) == old
    assert cube.active_material == old and [node.name for node in old.node_tree.nodes] == nodes
    assert not old.use_fake_user, "it was given one by us"
    # And forth again.
    assert new.use_fake_user and restore_previous(cube) == new and previous_material(cube) == old


def test_an_artists_fake_user_stays(cube: bpy.types.Object) -> None:
    old = cube.active_material
    old.use_fake_user = True
    assign(cube, make_material("new", white()), append=False)
    restore_previous(cube)
    assert old.use_fake_user


def test_the_replaced_material_survives_file_and_undo(cube: bpy.types.Object, tmp_path: Path) -> None:
    bpy.ops.ed.undo_push(message="before")
    assign(cube, make_material("new", white()), append=False)
    bpy.ops.ed.undo_push(message="assigned")
    bpy.ops.ed.undo()
    assert bpy.data.objects["Cube"].active_material.name == "Material"
    assert previous_material(bpy.data.objects["Cube"]) is None
    bpy.ops.ed.redo()
    assert previous_material(bpy.data.objects["Cube"]).name == "Material"
    path = str(tmp_path / "scene.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path, check_existing=False)
    bpy.ops.wm.open_mainfile(filepath=path)
    restored = restore_previous(bpy.data.objects["Cube"])
    assert restored.name == "Material" and bpy.data.objects["Cube"].active_material == restored


def test_each_slot_has_its_own_and_moved_slots_keep_it(cube: bpy.types.Object) -> None:
    old = [bpy.data.materials.new(f"old {i}") for i in range(2)]
    new = [make_material(f"new {i}", white()) for i in range(2)]
    cube.data.materials.clear()
    for material in old:
        cube.data.materials.append(material)
    for index, material in enumerate(new):
        cube.active_material_index = index
        assign(cube, material, append=False)
    cube.active_material_index = 0
    assert previous_material(cube) == old[0]
    cube.data.materials.pop(index=0)
    assert previous_material(cube) == old[1]
    cube.active_material = bpy.data.materials.new("the artist's choice")
    assert previous_material(cube) is None


def test_slots_of_the_object_and_of_the_mesh_are_told_apart(cube: bpy.types.Object) -> None:
    twin = add_object("Twin", cube.data)
    slot = cube.material_slots[0]
    slot.link = 'OBJECT'
    slot.material = own = bpy.data.materials.new("own")
    assign(cube, make_material("new", white()), append=False)
    assert previous_material(cube) == own and previous_material(twin) is None


def test_no_previous_material_is_refused(cube: bpy.types.Object) -> None:
    assign(cube, make_material("new", white()), append=True)
    assert previous_material(cube) is None, "a new slot replaces nothing"
    with pytest.raises(InputError) as refused:
        restore_previous(cube)
    assert refused.value.field == "objects"
