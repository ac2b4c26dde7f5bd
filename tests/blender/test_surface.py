# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a prompt to a material that tiles and has its maps; the same for pictures that are there already; presets."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest

from gptimage_addon.blender.host import host
from gptimage_addon.blender.images import provenance
from gptimage_addon.blender.material_pictures import material_pictures
from gptimage_addon.blender.materials import needs_subdivision, picture_node
from gptimage_addon.blender.targets import note_target
from gptimage_addon.core.request import Landing, MapKind, Place, Service, Surface
from gptimage_addon.imaging.png import encode_png
from gptimage_addon.operators.plan import maps_of
from gptimage_addon.operators.variants import image_before
from gptimage_addon.operators.texture import plan_texture
from gptimage_addon.worker.files import read_picture
from gptimage_addon.worker.practice_pictures import make_picture
from tests.support.pictures import encode
from tests.support.scenes import WORDS, done, editor, image_of, pixels_of, select


def images_in(material: bpy.types.Material) -> dict[str, str]:
    """The images of a material's nodes, and their color spaces."""
    return {node.image.name: node.image.colorspace_settings.name for node in material.node_tree.nodes
            if node.bl_idname == "ShaderNodeTexImage" and node.image}


@pytest.fixture
def wall(tmp_path: Path) -> bpy.types.Image:
    """A picture of the artist's own."""
    path = tmp_path / "wall.png"
    path.write_bytes(encode(make_picture("red brick", 704, 576, 3)[31:, 17:]))
    return bpy.data.images.load(str(path))


def test_words_become_a_material_that_tiles_with_its_maps(cube: bpy.types.Object) -> None:
    view = done("generate_texture", prompt="red brick", size="1024x1024", quality="low", tiling="xy", maps={"normal", "roughness", "height"},
                scale_m=2.0, relief_m=0.03)
    image = image_of(view)
    assert view.job.surface.width_m == 2.0 and view.job.surface.relief_m == pytest.approx(0.03)
    mapping = next(node for node in cube.active_material.node_tree.nodes if node.bl_idname == "ShaderNodeMapping")
    # A side of the cube has a quarter of the UV map: 8 metres a UV unit.
    assert tuple(mapping.inputs["Scale"].default_value) == pytest.approx((4.0, 4.0, 1.0))
    assert images_in(cube.active_material) == {
        "Red Brick (Practice)": "sRGB", "Red Brick (Practice) Normal": "Non-Color", "Red Brick (Practice) Roughness": "Non-Color",
        "Red Brick (Practice) Height": "Non-Color"}
    assert view.landed.images == (image.name,)              # the maps are the picture's, not results of their own
    facts = provenance(image)
    assert facts["tiles"] == "xy" and 50 < facts["tile_score"] <= 100
    assert 0 <= facts["tile_gradient"] <= 255 and 0 <= facts["tile_repetition"] <= 1
    maps = maps_of(image)
    assert set(maps) == {"normal", "roughness", "height"} and all(tuple(each.size) == (1024, 1024) for each in maps.values())
    normals = pixels_of(maps["normal"])[..., :3] * 2 - 1
    assert np.abs(np.linalg.norm(normals, axis=2) - 1).max() <= 1 / 255
    assert 0.7 < normals[..., 2].mean() < 1


def test_a_height_that_displaces_says_what_the_mesh_needs(cube: bpy.types.Object) -> None:
    done("generate_texture", prompt="red brick", size="1024x640", quality="low", maps={"normal", "height"}, displace=True)
    assert cube.active_material.displacement_method == 'BOTH' and needs_subdivision(cube)
    with editor('VIEW_3D'):
        assert bpy.ops.gptimage.subdivide() == {'FINISHED'}
    assert not needs_subdivision(cube)
    done("generate_texture", prompt="red brick", size="1024x640", quality="low", maps={"normal"}, displace=True)       # by no height
    assert cube.active_material.displacement_method == 'BUMP'


def test_the_maps_go_with_the_variant_that_is_shown(cube: bpy.types.Object) -> None:
    done("generate_texture", prompt="grey stone", size="1024x640", quality="low", n=2, maps={"height"})
    material = cube.active_material
    first = images_in(material)
    with editor('VIEW_3D'):
        assert bpy.ops.gptimage.step_variant(step=1) == {'FINISHED'}
    second = images_in(material)
    assert len(second) == 2 and not set(first) & set(second)
    assert set(maps_of(picture_node(material).image).values()) == {bpy.data.images[name] for name in second if "Height" in name}
    with editor('VIEW_3D'):
        bpy.ops.gptimage.step_variant(step=1)
    assert images_in(material) == first


def test_maps_are_there_after_saving_and_loading(cube: bpy.types.Object, tmp_path: Path) -> None:
    done("generate_texture", prompt="grey stone", size="1024x640", quality="low", n=2, maps={"height", "ao"})
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "saved.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "saved.blend"))
    image = picture_node(bpy.data.objects["Cube"].active_material).image
    assert set(maps_of(image)) == {"height", "ao"}
    other = next(each for each in bpy.data.images if provenance(each).get("variant") == 2 and "job_id" in provenance(each))
    assert set(maps_of(other)) == {"height", "ao"} and not set(maps_of(other).values()) & set(maps_of(image).values())


def test_a_picture_of_the_artist_s_own_is_finished_for_nothing(wall: bpy.types.Image) -> None:
    before = pixels_of(wall)
    with editor('IMAGE_EDITOR', image=wall):
        view = done("finish_texture", tiling="xy", even=0.0, maps={"roughness"})
        shown = bpy.context.space_data.image
    assert shown == image_of(view) != wall and shown.name == "wall.png.001"
    assert view.record.result.cost_usd == 0 and view.record.attempts == 0
    assert np.array_equal(pixels_of(wall), before) and wall.use_fake_user
    assert set(maps_of(shown)) == {"roughness"} and "(Practice)" not in shown.name
    after = pixels_of(shown)[..., :3]
    for axis in (0, 1):
        assert np.abs(after.take(0, axis) - after.take(-1, axis)).mean() < 1.1 * np.abs(np.diff(after, axis=axis)).mean()


def test_before_and_after_are_compared(wall: bpy.types.Image) -> None:
    manager = bpy.context.window_manager.gptimage
    with editor('IMAGE_EDITOR', image=wall):
        assert not bpy.ops.gptimage.compare.poll()
        finished = image_of(done("finish_texture", tiling="none", delight=1.0, maps=set()))
        assert bpy.context.space_data.image == finished and bpy.ops.gptimage.compare() == {'FINISHED'}
        assert manager.before == wall.name and image_before(bpy.context, finished) == wall
        assert image_before(bpy.context, wall) is None              # nothing is drawn over another image
        assert bpy.ops.gptimage.compare() == {'FINISHED'}
        assert manager.before == "" and image_before(bpy.context, finished) is None
        # Left on while another texture comes to be compared: that is with its own.
        bpy.ops.gptimage.compare()
        again = image_of(done("finish_texture", tiling="x", even=0.0, maps=set()))
        assert bpy.context.space_data.image == again and image_before(bpy.context, again) is None
        assert bpy.ops.gptimage.compare() == {'FINISHED'} and image_before(bpy.context, again) == finished


def test_what_is_finished_takes_the_old_picture_s_place_in_materials(cube: bpy.types.Object) -> None:
    first = image_of(done("generate_texture", prompt="red brick", size="1024x640", quality="low"))
    material = cube.active_material
    with editor('VIEW_3D'):
        view = done("finish_texture", tiling="x", maps={"normal"})
    assert cube.active_material == material and picture_node(material).image == image_of(view)
    assert len(images_in(material)) == 2 and first.use_fake_user
    facts = provenance(image_of(view))
    assert facts["prompt"] == "red brick" and facts["cost_usd"] == 0 and facts["service"] == "practice"
    # What tiles already is known to, when only maps are asked for.
    with editor('VIEW_3D'):
        again = done("finish_texture", tiling="none", maps={"height"})
    assert again.job.surface.wraps == "x" and provenance(image_of(again))["tiles"] == "x"


def test_the_maps_that_a_picture_has_are_made_anew_with_it(cube: bpy.types.Object) -> None:
    """The panel names none: what its button mends must not take them off the material."""
    done("generate_texture", prompt="red brick", size="1024x640", quality="low", maps={"normal", "roughness"}, relief_m=0.05)
    material = cube.active_material
    for operator, settings in (("finish_texture", {"delight": 1.0}), ("heal_seams", {"tiling": "x", "quality": "low"})):
        with editor('VIEW_3D'):
            image = image_of(done(operator, **settings))
        maps = maps_of(image)
        assert provenance(image)["relief_m"] == pytest.approx(0.05)
        assert set(maps) == {"normal", "roughness"} and {node.image for node in material_pictures(material).values()} == {image, *maps.values()}
    with editor('VIEW_3D'):
        assert maps_of(image_of(done("finish_texture", tiling="x", maps={"height"}))).keys() == {"height"}       # a script's own


def test_seams_are_healed_by_the_model_and_only_they_change(cube: bpy.types.Object) -> None:
    first = image_of(done("generate_texture", prompt="red brick", size="1024x1024", quality="low"))
    before = pixels_of(first)
    with editor('VIEW_3D'):
        view = done("heal_seams", tiling="xy", quality="low", maps={"height"})
    healed = image_of(view)
    assert view.job.estimate_usd > 0 and view.record.attempts == 1
    assert view.record.result.pictures[0].report["changed_outside"] == 0
    changed = np.any(pixels_of(healed) != before, axis=2)
    assert changed[:80].any() and changed[-80:].any() and changed[:, :80].any() and not changed[300:700, 300:700].any()
    assert picture_node(cube.active_material).image == healed and set(maps_of(healed)) == {"height"}
    assert provenance(healed)["tiles"] == "xy"


def test_a_node_of_a_material_of_ours_gets_the_maps_too(cube: bpy.types.Object) -> None:
    done("generate_texture", prompt="red brick", size="1024x640", quality="low")
    material = cube.active_material

    def to_node() -> bpy.types.Image:
        landing = Landing(place=Place.NODE, targets=(note_target("Material", material, picture_node(material).name),))
        planned = plan_texture(WORDS, Service(), landing, surface=Surface(maps=(MapKind.NORMAL,)))
        host.submit(planned.job, planned.inputs)
        assert bpy.ops.gptimage.wait(timeout_s=60) == {'FINISHED'}
        assert host.jobs[planned.job.id].landed.complete
        return image_of(host.jobs[planned.job.id])

    assert to_node() == picture_node(material).image and len(images_in(material)) == 2
    # Without the shader that the maps belong to, the picture is all that can be shown.
    tree = material.node_tree
    tree.nodes.remove(next(node for node in tree.nodes if node.bl_idname == "ShaderNodeBsdfPrincipled"))
    assert to_node() == picture_node(material).image


@pytest.mark.parametrize("operator", ["finish_texture", "heal_seams"])
def test_floats_are_refused_before_anything_is_done(operator: str) -> None:
    image = bpy.data.images.new("Floats", 256, 256, float_buffer=True)
    with editor('IMAGE_EDITOR', image=image), pytest.raises(RuntimeError, match="Floats holds floats"):
        getattr(bpy.ops.gptimage, operator)(tiling="xy")
    assert not host.jobs


def test_what_there_is_nothing_to_do_for_is_refused(wall: bpy.types.Image) -> None:
    with editor('IMAGE_EDITOR', image=wall), pytest.raises(RuntimeError, match="nothing to do"):
        bpy.ops.gptimage.finish_texture(tiling="none", maps=set(), delight=0.0)
    with editor('IMAGE_EDITOR', image=None):
        assert not bpy.ops.gptimage.finish_texture.poll() and not bpy.ops.gptimage.heal_seams.poll()
    assert not host.jobs


def test_sixteen_bits_stay(tmp_path: Path) -> None:
    path = tmp_path / "deep.png"
    levels = make_picture("red brick", 640, 512, 3)[20:, 30:].astype(np.uint16) * 257 + 3
    path.write_bytes(encode_png(levels))
    image = bpy.data.images.load(str(path))
    with editor('IMAGE_EDITOR', image=image):
        view = done("finish_texture", tiling="x", even=0.0, maps=set())
    data = bytes(image_of(view).packed_file.data)
    assert data[24] == 16                   # of the PNG's header
    pixels, _ = read_picture(data)
    kept = slice(100, -100)                 # only what is near the edges changes
    assert pixels.dtype == np.uint16 and np.array_equal(pixels[:, kept], levels[:, kept])


# --- presets ----------------------------------------------------------------------------------------------

@pytest.fixture
def settings() -> bpy.types.PropertyGroup:
    return bpy.context.scene.gptimage


def test_a_preset_sets_the_panel(settings: bpy.types.PropertyGroup) -> None:
    settings.quality, settings.size_preset = "low", "SQUARE_2K"
    assert bpy.ops.gptimage.apply_preset(name="Brick Wall") == {'FINISHED'}
    assert "brick" in settings.prompt and settings.tiling == "xy" and settings.scale_m == pytest.approx(1.6)
    assert {"normal", "height"} <= settings.maps and (settings.quality, settings.size_preset) == ("low", "SQUARE_2K")
    assert bpy.ops.gptimage.apply_preset(name="Panorama Sky") == {'FINISHED'}
    assert settings.tiling == "x" and settings.maps == set() and settings.size_preset != "SQUARE_2K"
    with pytest.raises(RuntimeError, match="no preset 'Nothing'"):
        bpy.ops.gptimage.apply_preset(name="Nothing")


def test_own_presets_are_kept_shared_and_removed(settings: bpy.types.PropertyGroup, tmp_path: Path) -> None:
    settings.prompt, settings.tiling, settings.scale_m, settings.maps = "wet clay", "y", 0.75, {"ao"}
    assert bpy.ops.gptimage.save_preset(name="Clay") == {'FINISHED'}
    bpy.ops.gptimage.apply_preset(name="Sand")
    bpy.ops.gptimage.apply_preset(name="clay")
    assert (settings.prompt, settings.tiling, settings.scale_m, settings.maps) == ("wet clay", "y", 0.75, {"ao"})
    file = str(tmp_path / "shared.json")
    assert bpy.ops.gptimage.export_presets(filepath=file) == {'FINISHED'}
    assert bpy.ops.gptimage.remove_preset(name="Clay") == {'FINISHED'}
    for operator, name in (("apply_preset", "Clay"), ("remove_preset", "Sand")):        # what comes along stays
        with pytest.raises(RuntimeError, match="no preset"):
            getattr(bpy.ops.gptimage, operator)(name=name)
    assert bpy.ops.gptimage.import_presets(filepath=file) == {'FINISHED'}
    settings.prompt = ""
    bpy.ops.gptimage.apply_preset(name="Clay")
    assert settings.prompt == "wet clay"
    select()
