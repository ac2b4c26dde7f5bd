# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a texture goes beside whole objects: faces, the world, lights, brushes; back again; and into the Asset Browser."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest

from gptimage_addon.blender.host import JobView, host
from gptimage_addon.blender.materials import picture_node
from gptimage_addon.blender.targets import note_target
from gptimage_addon.core.errors import InputError
from gptimage_addon.core.request import Landing, Place, Service
from gptimage_addon.operators import texture
from gptimage_addon.operators.fit import fitting_size
from gptimage_addon.operators.texture import plan_texture
from tests.support.scenes import WORDS, image_of, select


def start(**properties: object) -> JobView:
    before = set(host.jobs)
    asked = {"prompt": "red brick", "size": "1024x640", "quality": "low", **properties}
    assert bpy.ops.gptimage.generate_texture(**asked) == {'FINISHED'}
    (job_id,) = set(host.jobs) - before
    return host.jobs[job_id]


def land(view: JobView) -> JobView:
    assert bpy.ops.gptimage.wait(timeout_s=60) == {'FINISHED'}
    assert view.error is None, view.record
    return view


def select_faces(obj: bpy.types.Object, *faces: int) -> None:
    obj.data.polygons.foreach_set("select", [polygon.index in faces for polygon in obj.data.polygons])


def indices(obj: bpy.types.Object) -> list[int]:
    return [polygon.material_index for polygon in obj.data.polygons]


# --- faces ------------------------------------------------------------------------------------------------

def test_the_faces_are_those_that_were_selected_when_it_was_asked_for(cube: bpy.types.Object) -> None:
    cube.data.materials[0] = bpy.data.materials.new("Old")
    select_faces(cube, 1, 3, 4)
    view = start(texture_place="faces")
    assert view.job.landing.targets[0].detail == "6:1-1,3-4"
    select_faces(cube, 0, 2)                # the artist goes on
    assert land(view).landed.complete
    assert [slot.material.name for slot in cube.material_slots] == ["Old", "Red Brick"]
    assert indices(cube) == [0, 1, 0, 1, 1, 0]


def test_faces_are_taken_in_edit_mode(cube: bpy.types.Object) -> None:
    bpy.context.tool_settings.mesh_select_mode = (False, False, True)
    select_faces(cube, 5)
    bpy.ops.object.mode_set(mode='EDIT')
    view = start(texture_place="faces")
    bpy.ops.mesh.select_all(action='SELECT')
    assert land(view).landed.complete
    bpy.ops.object.mode_set(mode='OBJECT')
    assert indices(cube) == [0, 0, 0, 0, 0, 1]


def test_faces_of_a_mesh_that_has_changed_are_left_alone(cube: bpy.types.Object) -> None:
    select_faces(cube, 1)
    view = start(texture_place="faces")
    bpy.ops.object.mode_set(mode='EDIT')
    bpy.ops.mesh.select_all(action='SELECT')
    bpy.ops.mesh.subdivide()
    bpy.ops.object.mode_set(mode='OBJECT')
    landed = land(view).landed
    assert not landed.complete and "faces of Cube" in landed.message
    assert set(indices(cube)) == {0} and image_of(view).use_fake_user


def test_a_picture_is_laid_once_over_the_faces(cube: bpy.types.Object) -> None:
    select_faces(cube, 2)
    cube.scale = (1.0, 1.0, 0.5)            # the sides become twice as wide as high
    bpy.context.view_layer.update()
    settings = bpy.context.scene.gptimage
    settings.size_preset = "SQUARE"
    assert bpy.ops.gptimage.size_from_faces() == {'FINISHED'}
    width, height = settings.custom_size
    assert width / height == pytest.approx(2.0, rel=0.03) and width * height == pytest.approx(1024 * 1024, rel=0.05)
    assert settings.texture_place == "faces" and settings.fit_faces
    land(start(texture_place="faces", fit_faces=True, size=f"{width}x{height}"))
    material = cube.material_slots[-1].material
    mapping = next(node for node in material.node_tree.nodes if node.bl_idname == "ShaderNodeMapping")
    scale, place, turn = (mapping.inputs[name].default_value for name in ("Scale", "Location", "Rotation"))
    uvs = [cube.data.uv_layers.active.uv[loop].vector for loop in cube.data.polygons[2].loop_indices]
    from mathutils import Euler, Vector

    corners = [Euler(turn).to_matrix() @ Vector((u * scale[0], v * scale[1], 0)) + Vector(place) for u, v in uvs]
    assert sorted((round(abs(x)), round(abs(y))) for x, y, _ in corners) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert all(abs(each - round(each)) < 1e-4 for x, y, _ in corners for each in (x, y))


@pytest.mark.parametrize(("shape", "size", "px_per_m", "expected"), [
    ((2.0, 2.0), "1024x1024", 0.0, (1024, 1024)), ((2.0, 1.0), "1024x1024", 0.0, (1456, 720)),
    ((2.0, 1.0), "1024x1024", 1024.0, (2048, 1024)), ((1.0, 9.0), "1024x1024", 0.0, (592, 1776)),
])
def test_sizes_that_fit(shape: tuple[float, float], size: str, px_per_m: float, expected: tuple[int, int]) -> None:
    assert fitting_size(*shape, size, px_per_m) == expected


def test_nothing_selected_is_refused_before_anything_is_sent(cube: bpy.types.Object) -> None:
    select_faces(cube)
    with pytest.raises(RuntimeError, match="no selected faces"):
        start(texture_place="faces")
    with pytest.raises(RuntimeError, match="no selected faces"):
        bpy.ops.gptimage.size_from_faces()
    for place, message in (("light", "no spot or area light"),):
        with pytest.raises(RuntimeError, match=message):
            start(texture_place=place)
    assert not host.jobs


# --- back -------------------------------------------------------------------------------------------------

def test_the_previous_material_is_one_click_away(cube: bpy.types.Object) -> None:
    old = cube.data.materials[0] = bpy.data.materials.new("Old")
    assert not bpy.ops.gptimage.previous_material.poll()
    land(start())
    new = cube.active_material
    assert new != old and old.use_fake_user and bpy.ops.gptimage.previous_material.poll()
    assert bpy.ops.gptimage.previous_material() == {'FINISHED'}
    assert cube.active_material == old and new.name in bpy.data.materials


@pytest.mark.parametrize("mode", ['OBJECT', 'EDIT'])
def test_faces_get_back_what_they_had(cube: bpy.types.Object, mode: str, tmp_path: Path) -> None:
    """Twice, over each other; the second one first, after saving and loading too."""
    old, other = (bpy.data.materials.new(name) for name in ("Old", "Other"))
    cube.data.materials[0] = old
    cube.data.materials.append(other)
    cube.data.polygons[3].material_index = 1
    first = [0, 0, 0, 1, 0, 0]
    bpy.context.tool_settings.mesh_select_mode = (False, False, True)
    for faces in ((1, 3, 4), (4, 5)):
        select_faces(cube, *faces)
        bpy.ops.object.mode_set(mode=mode)
        land(start(texture_place="faces"))
        bpy.ops.object.mode_set(mode='OBJECT')
    assert indices(cube) == [0, 2, 0, 2, 3, 3]
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "saved.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "saved.blend"))
    cube = bpy.data.objects["Cube"]
    cube.active_material_index = 2              # its faces are others now: the second texture took one
    with pytest.raises(RuntimeError, match="others than it was made for. Select the faces in Edit Mode"):
        bpy.ops.gptimage.previous_material()
    cube.active_material_index = 3
    for expected, count in (([0, 2, 0, 2, 2, 0], 3), (first, 2)):
        bpy.ops.object.mode_set(mode=mode)
        material = cube.active_material
        assert bpy.ops.gptimage.previous_material() == {'FINISHED'}
        bpy.ops.object.mode_set(mode='OBJECT')
        assert indices(cube) == expected and len(cube.material_slots) == count and material.use_fake_user
        cube.active_material_index = count - 1
    assert [slot.material.name for slot in cube.material_slots] == ["Old", "Other"]
    assert not bpy.ops.gptimage.previous_material.poll()


def test_faces_of_a_mesh_without_materials_have_none_again(cube: bpy.types.Object) -> None:
    cube.data.materials.clear()
    select_faces(cube, 2)
    land(start(texture_place="faces"))
    assert indices(cube) == [0, 0, 1, 0, 0, 0]
    assert bpy.ops.gptimage.previous_material() == {'FINISHED'}
    assert indices(cube) == [0] * 6 and not cube.data.materials


def test_a_slot_in_the_middle_stays(cube: bpy.types.Object) -> None:
    """What comes after it would move."""
    cube.data.materials[0] = bpy.data.materials.new("Old")
    select_faces(cube, 2)
    land(start(texture_place="faces"))
    cube.data.materials.append(bpy.data.materials.new("Later"))
    cube.data.polygons[0].material_index = 2
    assert bpy.ops.gptimage.previous_material() == {'FINISHED'}
    assert indices(cube) == [2, 0, 0, 0, 0, 0] and len(cube.material_slots) == 3


def test_the_previous_world_is_one_click_away(cube: bpy.types.Object) -> None:
    scene, old = bpy.context.scene, bpy.context.scene.world
    assert not bpy.ops.gptimage.previous_world.poll()
    land(start(texture_place="world", size="2048x1024"))
    new = scene.world
    for now, before in ((old, new), (new, old)):
        assert bpy.ops.gptimage.previous_world() == {'FINISHED'}
        assert scene.world == now and before.use_fake_user and before.name in bpy.data.worlds
    assert not new.use_fake_user
    scene.world = bpy.data.worlds.new("Own")        # the artist has gone on
    assert not bpy.ops.gptimage.previous_world.poll()


# --- elsewhere --------------------------------------------------------------------------------------------

def test_a_panorama_is_the_world_s_background(cube: bpy.types.Object) -> None:
    before = bpy.context.scene.world
    view = land(start(texture_place="world", size="2048x1024"))
    assert view.landed.complete and bpy.context.scene.world != before and before.use_fake_user
    images = {getattr(node, "image", None) for node in bpy.context.scene.world.node_tree.nodes}
    assert image_of(view) in images


def test_the_active_light_throws_it(cube: bpy.types.Object) -> None:
    bpy.ops.object.light_add(type='SPOT')
    light = bpy.context.object
    view = start(texture_place="light")
    select(cube)
    assert land(view).landed.complete
    assert image_of(view) in {getattr(node, "image", None) for node in light.data.node_tree.nodes}


@pytest.mark.parametrize("place", [Place.BRUSH, Place.STENCIL])
def test_a_brush_for_painting_has_it(place: Place) -> None:
    brush = bpy.data.brushes.new("Draw", mode='TEXTURE_PAINT')
    planned = plan_texture(WORDS, Service(), Landing(place, (note_target("Brush", brush),)))
    host.submit(planned.job, planned.inputs)
    view = land(host.jobs[planned.job.id])
    assert view.landed.complete and brush.texture.image == image_of(view)
    assert brush.texture_slot.map_mode == {Place.BRUSH: 'TILED', Place.STENCIL: 'STENCIL'}[place]


def test_the_brush_is_that_for_texture_painting(cube: bpy.types.Object) -> None:
    """In background none is active from 4.3 on, where brushes are assets; so the context is a stand-in."""
    brush = bpy.data.brushes.new("Draw", mode='TEXTURE_PAINT')
    for active in (brush, None):
        painting = SimpleNamespace(image_paint=SimpleNamespace(brush=active))
        context = SimpleNamespace(tool_settings=painting, scene=bpy.context.scene, object=cube)
        if active:
            assert texture.texture_landing(context, "brush").targets[0].name == brush.name         # 4.2 has one of that name already
        else:
            with pytest.raises(InputError, match="No brush is active"):
                texture.texture_landing(context, "brush")


def test_a_material_becomes_an_asset_in_its_catalog(cube: bpy.types.Object, tmp_path: Path) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "wall.blend"))
    land(start(prompt="mossy red brick wall", asset=True))
    material = bpy.data.objects["Cube"].active_material
    facts = material.asset_data
    assert {tag.name for tag in facts.tags} == {"mossy", "red", "brick", "wall"} and "mossy red brick wall" in facts.description
    catalogs = (tmp_path / "blender_assets.cats.txt").read_text()
    assert f"{facts.catalog_id}:GPT Image/Brick:" in catalogs
    assert picture_node(material) and material.preview is not None and material.preview.image_size[0] > 0


def test_an_asset_is_copied_into_a_library_with_its_pictures(cube: bpy.types.Object, tmp_path: Path) -> None:
    libraries = bpy.context.preferences.filepaths.asset_libraries
    for library in list(libraries):
        libraries.remove(library)
    land(start(asset=True, maps={"normal"}))
    assert not bpy.ops.gptimage.copy_to_library.poll()          # there is no library
    (tmp_path / "library").mkdir()
    libraries.new(name="Ours", directory=str(tmp_path / "library"))
    try:
        assert bpy.ops.gptimage.copy_to_library(library="Ours") == {'FINISHED'}
        assert bpy.ops.gptimage.copy_to_library(library="Ours") == {'FINISHED'}      # beside the first
    finally:
        libraries.remove(libraries["Ours"])
    files = sorted(path.name for path in (tmp_path / "library").glob("*.blend"))
    assert files == ["Red Brick-2.blend", "Red Brick.blend"]
    assert ":GPT Image/Brick:" in (tmp_path / "library" / "blender_assets.cats.txt").read_text()
    with bpy.data.libraries.load(str(tmp_path / "library" / "Red Brick.blend"), assets_only=True) as (inside, wanted):
        assert inside.materials == ["Red Brick"]
        wanted.materials = inside.materials
    images = {node.image for node in wanted.materials[0].node_tree.nodes if getattr(node, "image", None)}
    assert len(images) == 2 and all(image.packed_file for image in images)
