# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import math
from pathlib import Path

import bmesh
import bpy
import numpy as np
import pytest

from gptimage_addon.blender import materials
from gptimage_addon.blender.host import JobView, host
from gptimage_addon.blender.targets import note_target
from gptimage_addon.core.errors import InputError
from gptimage_addon.core.request import Landing, Place, Service, Target
from gptimage_addon.operators.texture import texture_targets
from tests.support.pictures import QUARTERS, decode
from tests.support.scenes import finished, image_of, plan_for


def land(
    *objects: bpy.types.Object, place: Place = Place.REPLACE_SLOT, targets: tuple[Target, ...] = (),
    words: dict[str, object] | None = None, **facts: object,
) -> JobView:
    """A finished job for these objects, landed."""
    faces = bool(facts.get("faces"))
    landing = Landing(place=place, targets=targets or texture_targets(objects, faces), **facts)
    view = finished(plan_for(Service(), landing, **(words or {})))
    host.land(view)
    return view


def new_mesh(name: str = "Sheet", *, uv: bool = True, material: bpy.types.Material | None = None) -> bpy.types.Object:
    """Three square faces side by side, each 2 m, in the XY plane."""
    mesh = bpy.data.meshes.new(name)
    points = [(x, y, 0.0) for x in (-3, -1, 1, 3) for y in (-1, 1)]
    mesh.from_pydata(points, [], [(0, 2, 3, 1), (2, 4, 5, 3), (4, 6, 7, 5)])
    if uv:
        mesh.uv_layers.new()
    if material:
        mesh.materials.append(material)
    return new_object(name, mesh)


def new_object(name: str, data: bpy.types.ID) -> bpy.types.Object:
    obj = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(obj)
    bpy.context.view_layer.update()
    return obj


def wires(material: bpy.types.Material) -> set[tuple[str, str, str, str]]:
    return {(link.from_node.bl_idname, link.from_socket.name, link.to_node.bl_idname, link.to_socket.name)
            for link in material.node_tree.links}


def picture_of(obj: bpy.types.Object) -> bpy.types.ShaderNodeTexImage:
    node = materials.picture_node(obj.active_material)
    assert node is not None
    return node


def mapping_of(obj: bpy.types.Object) -> bpy.types.ShaderNodeMapping:
    return next(node for node in obj.active_material.node_tree.nodes if node.bl_idname == "ShaderNodeMapping")


# --- the node graph ---------------------------------------------------------------------------------------

def test_the_graph_follows_the_uv_map(cube: bpy.types.Object) -> None:
    view = land(cube)
    material = cube.active_material
    assert material.name == "Weathered Red Brick"
    assert wires(material) == {
        ("ShaderNodeTexCoord", "UV", "ShaderNodeMapping", "Vector"),
        ("ShaderNodeMapping", "Vector", "ShaderNodeTexImage", "Vector"),
        ("ShaderNodeTexImage", "Color", "ShaderNodeBsdfPrincipled", "Base Color"),
        ("ShaderNodeBsdfPrincipled", "BSDF", "ShaderNodeOutputMaterial", "Surface"),
    }
    assert picture_of(cube).image == image_of(view)
    assert picture_of(cube).projection == 'FLAT' and picture_of(cube).extension == 'REPEAT'
    assert view.landed.complete and view.landed.message == "Weathered Red Brick (Practice) is ready on 1 object"


def test_a_transparent_picture_is_wired_to_alpha(cube: bpy.types.Object) -> None:
    land(cube, words={"background": "transparent"})
    assert ("ShaderNodeTexImage", "Alpha", "ShaderNodeBsdfPrincipled", "Alpha") in wires(cube.active_material)


def test_without_a_uv_map_the_picture_is_projected_from_six_sides() -> None:
    sheet = new_mesh(uv=False)
    land(sheet)
    assert ("ShaderNodeTexCoord", "Object", "ShaderNodeGroup", "Vector") in wires(sheet.active_material)
    assert ("ShaderNodeGroup", "Vector", "ShaderNodeMapping", "Vector") in wires(sheet.active_material)
    assert picture_of(sheet).projection == 'BOX' and 0 < picture_of(sheet).projection_blend < 1
    # It fits the longest side, 6 m: object coordinates -3 to 3 become 0 to 1.
    scale, place = mapping_of(sheet).inputs["Scale"].default_value, mapping_of(sheet).inputs["Location"].default_value
    assert mapping_of(sheet).vector_type == 'POINT'                     # place + scale * coordinate
    assert place[0] - 3 * scale[0] == pytest.approx(0.0, abs=1e-6)
    assert place[0] + 3 * scale[0] == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("scale", [(1.0, 1.0, 1.0), (2.0, 2.0, 2.0), (2.0, 0.5, -4.0)])
@pytest.mark.parametrize("width_m", [0.5, 3.0])
def test_scale_m_is_the_width_of_a_repeat_in_the_world(
    cube: bpy.types.Object, scale: tuple[float, ...], width_m: float,
) -> None:
    cube.data.uv_layers.remove(cube.data.uv_layers[0])
    cube.scale = scale
    cube.rotation_euler = (0.3, 0.7, 1.1)
    bpy.context.view_layer.update()
    land(cube, scale_m=width_m)
    assert picture_of(cube).projection == 'BOX'
    # One world metre along an axis is 1 / |scale| in object space; a repeat is one unit of the mapped vector, and the picture is 2:1.
    for factor, own, length_m in zip(
            mapping_of(cube).inputs["Scale"].default_value, scale, (width_m, width_m, width_m / 2), strict=True):
        assert factor * length_m / abs(own) == pytest.approx(1.0, rel=1e-4)


@pytest.mark.parametrize(("scale", "uv_unit_m"), [((1.0, 1.0, 1.0), 8.0), ((3.0, 3.0, 3.0), 24.0)])
def test_scale_m_is_told_by_the_uv_map_where_that_can(cube: bpy.types.Object, scale: tuple[float, ...], uv_unit_m: float) -> None:
    cube.scale = scale                      # its sides of 2 m have a quarter of the UV map each
    bpy.context.view_layer.update()
    land(cube, scale_m=0.5)
    assert picture_of(cube).projection == 'FLAT'
    picture = picture_of(cube).image
    along_u, along_v, _ = mapping_of(cube).inputs["Scale"].default_value
    assert along_u == pytest.approx(uv_unit_m / 0.5) and along_v == pytest.approx(along_u * picture.size[0] / picture.size[1])


def test_sides_of_unlike_density_are_projected(cube: bpy.types.Object) -> None:
    cube.scale = (2.0, 0.5, -4.0)
    bpy.context.view_layer.update()
    land(cube, scale_m=0.5)
    assert picture_of(cube).projection == 'BOX'


# --- slots ------------------------------------------------------------------------------------------------

def test_replace_changes_the_active_slot_and_keeps_the_others() -> None:
    old = [bpy.data.materials.new(f"old {i}") for i in range(3)]
    sheet = new_mesh(material=old[0])
    for material in old[1:]:
        sheet.data.materials.append(material)
    sheet.active_material_index = 1
    sheet.data.polygons.foreach_set("material_index", [0, 1, 2])
    land(sheet)
    found = [slot.material for slot in sheet.material_slots]
    assert found[0] == old[0] and found[2] == old[2]
    assert found[1].name == "Weathered Red Brick"
    assert [p.material_index for p in sheet.data.polygons] == [0, 1, 2]


def test_append_adds_a_slot_and_keeps_the_faces() -> None:
    old = bpy.data.materials.new("old")
    sheet = new_mesh(material=old)
    land(sheet, place=Place.APPEND_SLOT)
    assert [slot.material.name for slot in sheet.material_slots] == ["old", "Weathered Red Brick"]
    assert sheet.active_material_index == 1
    assert [p.material_index for p in sheet.data.polygons] == [0, 0, 0]


@pytest.mark.parametrize("place", [Place.REPLACE_SLOT, Place.APPEND_SLOT])
def test_an_object_without_slots_gets_one(place: Place) -> None:
    sheet = new_mesh()
    land(sheet, place=place)
    assert [slot.material.name for slot in sheet.material_slots] == ["Weathered Red Brick"]


def test_an_empty_slot_is_filled() -> None:
    sheet = new_mesh()
    sheet.data.materials.append(None)
    land(sheet)
    assert [slot.material.name for slot in sheet.material_slots] == ["Weathered Red Brick"]


def test_a_slot_that_belongs_to_the_object_stays_the_objects() -> None:
    own, meshs = bpy.data.materials.new("own"), bpy.data.materials.new("mesh's")
    sheet = new_mesh(material=meshs)
    sheet.material_slots[0].link = 'OBJECT'
    sheet.material_slots[0].material = own
    twin = new_object("Twin", sheet.data)
    land(sheet)
    assert sheet.material_slots[0].link == 'OBJECT'
    assert sheet.material_slots[0].material.name == "Weathered Red Brick"
    assert sheet.data.materials[0] == meshs and twin.material_slots[0].material == meshs


@pytest.mark.parametrize("place", [Place.REPLACE_SLOT, Place.APPEND_SLOT])
def test_objects_that_share_their_mesh_get_one_slot(place: Place) -> None:
    sheet = new_mesh(material=bpy.data.materials.new("old"))
    twin = new_object("Twin", sheet.data)
    view = land(sheet, twin, place=place)
    assert len(sheet.data.materials) == (1 if place is Place.REPLACE_SLOT else 2)
    assert sheet.material_slots[-1].material == twin.material_slots[-1].material
    assert view.landed.message.endswith("on 2 objects")


def test_many_objects_share_one_material_unless_asked_otherwise() -> None:
    sheets = [new_mesh(f"Sheet {i}") for i in range(4)]
    before = len(bpy.data.materials)
    view = land(*sheets)
    assert len({sheet.active_material for sheet in sheets}) == 1
    assert len(bpy.data.materials) == before + 1

    view = land(*sheets, share_material=False)
    assert len({sheet.active_material for sheet in sheets}) == 4
    assert {picture_of(sheet).image for sheet in sheets} == {image_of(view)}
    assert len(bpy.data.images) - len(bpy.data.images.keys()) == 0


def test_what_needs_another_projection_gets_its_own_material() -> None:
    mapped, plain = new_mesh("Mapped"), new_mesh("Plain", uv=False)
    view = land(mapped, plain)
    assert picture_of(mapped).projection == 'FLAT' and picture_of(plain).projection == 'BOX'
    assert picture_of(mapped).image == picture_of(plain).image == image_of(view)


def test_an_asset_is_marked(cube: bpy.types.Object) -> None:
    land(cube, asset=True)
    assert cube.active_material.asset_data is not None


# --- faces ------------------------------------------------------------------------------------------------

def test_selected_faces_in_object_mode() -> None:
    sheet = new_mesh(material=bpy.data.materials.new("old"))
    sheet.data.polygons.foreach_set("select", [False, True, True])
    land(sheet, faces=True)
    assert [p.material_index for p in sheet.data.polygons] == [0, 1, 1]


def test_selected_faces_in_edit_mode() -> None:
    sheet = new_mesh(material=bpy.data.materials.new("old"))
    bpy.context.view_layer.objects.active = sheet
    bpy.ops.object.mode_set(mode='EDIT')
    mesh = bmesh.from_edit_mesh(sheet.data)
    mesh.faces.ensure_lookup_table()
    for face in mesh.faces:       # known to Edit Mode only
        face.select_set(False)
    mesh.faces[2].select_set(True)
    land(sheet, faces=True)
    assert [face.material_index for face in bmesh.from_edit_mesh(sheet.data).faces] == [0, 0, 1]
    bpy.ops.object.mode_set(mode='OBJECT')
    assert [p.material_index for p in sheet.data.polygons] == [0, 0, 1]
    assert [slot.material.name for slot in sheet.material_slots] == ["old", "Weathered Red Brick"]


def test_faces_of_an_object_without_slots() -> None:
    sheet = new_mesh()
    sheet.data.polygons.foreach_set("select", [True, False, False])
    land(sheet, faces=True)
    assert sheet.material_slots[sheet.data.polygons[0].material_index].material.name == "Weathered Red Brick"
    other = sheet.data.polygons[1].material_index
    assert sheet.material_slots[other].material is None, "a face that was not selected has the texture"


def test_no_selected_faces_is_refused_before_anything_is_sent() -> None:
    sheet = new_mesh()
    sheet.data.polygons.foreach_set("select", [False, False, False])
    with pytest.raises(InputError) as refused:
        texture_targets([sheet], faces=True)
    assert refused.value.field == "faces" and sheet.name in refused.value.message


# --- kinds of objects -------------------------------------------------------------------------------------

def test_curves_and_texts_follow_their_own_coordinates() -> None:
    curve = new_object("Curve", bpy.data.curves.new("Curve", 'CURVE'))
    text = new_object("Text", bpy.data.curves.new("Text", 'FONT'))
    view = land(curve, text)
    for obj in (curve, text):
        assert obj.active_material.name == "Weathered Red Brick"
        assert picture_of(obj).projection == 'FLAT'
    assert view.landed.complete


def test_objects_that_hold_no_material_are_left_out() -> None:
    sheet, lamp = new_mesh(), bpy.data.objects["Light"]
    assert [target.name for target in texture_targets([lamp, sheet])] == ["Sheet"]
    with pytest.raises(InputError) as refused:
        texture_targets([lamp, bpy.data.objects["Camera"]])
    assert refused.value.field == "objects"


@pytest.mark.parametrize("place", [Place.REPLACE_SLOT, Place.APPEND_SLOT])
def test_a_linked_object_is_reported_and_the_picture_kept(tmp_path: Path, place: Place) -> None:
    library = tmp_path / "library.blend"
    bpy.data.libraries.write(str(library), {bpy.data.objects["Cube"]})
    bpy.ops.wm.read_homefile(use_empty=True)
    with bpy.data.libraries.load(str(library), link=True) as (_, wanted):
        wanted.objects = ["Cube"]
    cube = bpy.data.objects["Cube"]
    bpy.context.scene.collection.objects.link(cube)
    sheet = new_mesh(material=bpy.data.materials.new("old"))
    view = land(cube, sheet, place=place)
    assert not view.landed.complete and "Cube" in view.landed.message
    assert sheet.active_material.name == "Weathered Red Brick"
    assert [slot.material.name for slot in cube.material_slots] == ["Material"]

    # With nothing else to take it the picture must survive saving all the same.
    view = land(cube, place=place)
    assert image_of(view).use_fake_user or image_of(view).users > 0
    name = image_of(view).name
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"), check_existing=False)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    assert bpy.data.images[name].packed_file is not None


def test_linked_mesh_data_is_reported_unless_the_slot_is_the_objects(tmp_path: Path) -> None:
    library = tmp_path / "library.blend"
    bpy.data.libraries.write(str(library), {bpy.data.objects["Cube"].data})
    bpy.ops.wm.read_homefile(use_empty=True)
    with bpy.data.libraries.load(str(library), link=True) as (_, wanted):
        wanted.meshes = ["Cube"]
    cube = new_object("Local", bpy.data.meshes["Cube"])
    assert not land(cube).landed.complete
    cube.material_slots[0].link = 'OBJECT'
    assert land(cube).landed.complete
    assert cube.material_slots[0].material.name == "Weathered Red Brick"


# --- to a node --------------------------------------------------------------------------------------------

def test_the_picture_goes_to_the_node_it_was_meant_for(cube: bpy.types.Object) -> None:
    tree = cube.active_material.node_tree
    node, other = tree.nodes.new("ShaderNodeTexImage"), tree.nodes.new("ShaderNodeTexImage")
    target = note_target("Material", cube.active_material, node.name)
    cube.active_material.name = "Renamed Meanwhile"
    materials_before = len(bpy.data.materials)
    view = land(place=Place.NODE, targets=(target,))
    assert node.image == image_of(view) and other.image is None
    assert view.landed.complete and len(bpy.data.materials) == materials_before


def test_the_picture_goes_to_a_node_of_a_group_and_of_the_world() -> None:
    group = bpy.data.node_groups.new("Group", "ShaderNodeTree")
    inside = group.nodes.new("ShaderNodeTexImage")
    view = land(place=Place.NODE, targets=(note_target("NodeGroup", group, inside.name),))
    assert inside.image == image_of(view)
    world = bpy.context.scene.world
    sky = world.node_tree.nodes.new("ShaderNodeTexEnvironment")
    view = land(place=Place.NODE, targets=(note_target("World", world, sky.name),))
    assert sky.image == image_of(view)


def test_the_picture_of_a_deleted_node_is_kept(cube: bpy.types.Object) -> None:
    tree = cube.active_material.node_tree
    node = tree.nodes.new("ShaderNodeTexImage")
    target = note_target("Material", cube.active_material, node.name)
    tree.nodes.remove(node)
    view = land(place=Place.NODE, targets=(target,))
    assert not view.landed.complete and target.detail in view.landed.message
    assert image_of(view).use_fake_user


# --- what a renderer sees ---------------------------------------------------------------------------------

def render_plane(tmp_path: Path, plane: bpy.types.Object, *, from_front: bool = False) -> np.ndarray:
    """The plane, 2 m wide, filling a 64 px Cycles render from straight above or from the front, in display colors."""
    scene = bpy.context.scene
    camera = new_object("Above", bpy.data.cameras.new("Above"))
    camera.data.type, camera.data.ortho_scale = 'ORTHO', 2.0
    camera.location = (0.0, -5.0, 0.0) if from_front else (0.0, 0.0, 5.0)
    camera.rotation_euler = (math.pi / 2, 0.0, 0.0) if from_front else (0.0, 0.0, 0.0)
    scene.camera = camera
    render = scene.render
    render.engine = 'CYCLES'
    scene.cycles.samples, scene.cycles.use_denoising = 4, False
    render.resolution_x = render.resolution_y = 64
    render.resolution_percentage = 100
    scene.view_settings.view_transform = 'Standard'
    # Seen as it is, whatever the light: the Principled's color as emission.
    principled = next(n for n in plane.active_material.node_tree.nodes if n.bl_idname == "ShaderNodeBsdfPrincipled")
    links = plane.active_material.node_tree.links
    links.new(picture_of(plane).outputs["Color"], principled.inputs["Emission Color"])
    principled.inputs["Emission Strength"].default_value = 1.0
    links.remove(principled.inputs["Base Color"].links[0])
    principled.inputs["Base Color"].default_value = (0.0, 0.0, 0.0, 1.0)
    principled.inputs["Specular IOR Level"].default_value = 0.0
    for obj in scene.objects:
        obj.hide_render = obj not in (plane, camera)
    render.filepath = str(tmp_path / "render.png")
    bpy.ops.render.render(write_still=True)
    return decode((tmp_path / "render.png").read_bytes(), "RGB").astype(int)


def assert_upright(rows: np.ndarray) -> None:
    assert rows.shape == (64, 64, 3)
    for (y, x), color in zip([(16, 16), (16, 48), (48, 16), (48, 48)], QUARTERS, strict=True):
        found = rows[y - 4:y + 4, x - 4:x + 4].mean(axis=(0, 1))
        assert math.dist(found, color) < 6, f"at {x}, {y}"


def test_a_render_shows_the_picture_the_right_way_up(tmp_path: Path) -> None:
    bpy.ops.mesh.primitive_plane_add(size=2.0)
    plane = bpy.context.object
    land(plane)
    assert_upright(render_plane(tmp_path, plane))


def test_a_projected_wall_shows_the_picture_the_right_way_up(tmp_path: Path) -> None:
    """On a wall: seen from above, Blender turns a box projection by 90 degrees."""
    mesh = bpy.data.meshes.new("Wall")
    mesh.from_pydata([(-1, 0, -0.5), (1, 0, -0.5), (1, 0, 0.5), (-1, 0, 0.5)], [], [(0, 1, 2, 3)])
    wall = new_object("Wall", mesh)
    land(wall)
    assert picture_of(wall).projection == 'BOX'
    # 2 m by 1 m, as the picture is: the middle half of the frame.
    assert_upright(render_plane(tmp_path, wall, from_front=True)[16:48].repeat(2, axis=0))


def test_a_render_shows_as_many_repeats_as_scale_m_says(tmp_path: Path) -> None:
    bpy.ops.mesh.primitive_plane_add(size=1.0)
    plane = bpy.context.object
    plane.scale = (2.0, 2.0, 2.0)
    bpy.context.view_layer.update()
    land(plane, scale_m=0.5)
    rows = render_plane(tmp_path, plane)
    # 2 m at 0.5 m a repeat: four repeats of 16 px, each left and right half of another color.
    is_red = rows[2, :, 0] > 125
    assert np.count_nonzero(is_red[1:] != is_red[:-1]) in (7, 8)        # the edge of the frame may fall on one
    assert np.median(np.abs(rows - np.roll(rows, 16, axis=1))) < 3
    assert np.median(np.abs(rows - np.roll(rows, 8, axis=1))) > 60


@pytest.mark.parametrize(("alpha", "expected"), [("blend", 0.4), ("clip", 0.0), ("clip", 1.0)])
def test_a_transparent_color_is_blended_or_clipped(alpha: str, expected: float, tmp_path: Path) -> None:
    """Rendered by Cycles before a transparent film: what the plane covers of it."""
    image = bpy.data.images.new("Leaf", 4, 4, alpha=True)
    image.pixels.foreach_set([0.5, 0.5, 0.5, {0.0: 0.4, 1.0: 0.6}.get(expected, expected)] * 16)
    material = materials.make_material("Leaf", image, alpha=alpha)
    assert material.surface_render_method == ('BLENDED' if alpha == "blend" else 'DITHERED')
    scene = bpy.context.scene
    bpy.data.objects.remove(bpy.data.objects["Cube"])
    bpy.ops.mesh.primitive_plane_add(size=20, location=(0, 0, 0))
    bpy.context.object.data.materials.append(material)
    scene.render.engine, scene.cycles.samples, scene.cycles.use_denoising = 'CYCLES', 256, False
    scene.render.resolution_x = scene.render.resolution_y = 8
    scene.render.film_transparent = True
    scene.render.filepath = str(tmp_path / "leaf.png")
    scene.render.image_settings.color_mode = 'RGBA'
    bpy.ops.render.render(write_still=True)
    covered = decode((tmp_path / "leaf.png").read_bytes(), "RGBA")[2:6, 2:6, 3].mean() / 255
    assert abs(covered - expected) < 0.05
