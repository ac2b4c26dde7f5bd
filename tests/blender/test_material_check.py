# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The material check, through the real worker, of materials that nobody told us about, and what mends them."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest

from gptimage_addon.blender import compat
from gptimage_addon.blender.host import JobView, host
from gptimage_addon.blender.images import provenance
from gptimage_addon.blender.material_pictures import material_pictures
from gptimage_addon.blender.materials import picture_node
from gptimage_addon.core.request import MapKind, Surface
from gptimage_addon.core.values import from_json, to_json
from gptimage_addon.imaging.maps import derive_maps
from gptimage_addon.imaging.png import encode_png
from gptimage_addon.operators.material_check import findings_of
from gptimage_addon.operators.plan import maps_of
from gptimage_addon.worker.practice_pictures import make_picture
from tests.support.pictures import encode
from tests.support.scenes import editor, pixels_of

SIZE = {"prompt": "red brick", "wrap": (True, True), "width_m": 1.0, "relief_m": 0.02}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, bpy.types.Image]:
    """A color map and sound maps of it, as an artist may have downloaded them."""
    color = make_picture("red brick", 256, 192, 3)
    pictures = {"color": encode(color)} | {
        name: encode_png(pixels) for name, pixels in derive_maps(color, ("normal", "height", "roughness", "ao"), **SIZE).items()}
    images = {}
    for name, data in pictures.items():
        path = tmp_path / f"wall_{name}.png"
        path.write_bytes(data)
        images[name] = bpy.data.images.load(str(path))
        images[name].colorspace_settings.name = "sRGB" if name == "color" else "Non-Color"
    return images


@pytest.fixture
def wall(cube: bpy.types.Object, files: dict[str, bpy.types.Image]) -> bpy.types.Material:
    """A material of the artist's own making, with nothing of ours in it."""
    material = cube.active_material = bpy.data.materials.new("Red Brick")
    tree = compat.enable_nodes(material)
    principled = next(node for node in tree.nodes if node.bl_idname == "ShaderNodeBsdfPrincipled")
    nodes = {name: tree.nodes.new("ShaderNodeTexImage") for name in files}
    for name, image in files.items():
        nodes[name].image = image
    mix, normal = tree.nodes.new("ShaderNodeMix"), tree.nodes.new("ShaderNodeNormalMap")
    displacement = tree.nodes.new("ShaderNodeDisplacement")
    mix.data_type, mix.blend_type = 'RGBA', 'MULTIPLY'
    for source, target in (
            (nodes["color"].outputs["Color"], mix.inputs[6]), (nodes["ao"].outputs["Color"], mix.inputs[7]),
            (mix.outputs[2], principled.inputs["Base Color"]), (nodes["roughness"].outputs["Color"], principled.inputs["Roughness"]),
            (nodes["normal"].outputs["Color"], normal.inputs["Color"]), (normal.outputs["Normal"], principled.inputs["Normal"]),
            (nodes["height"].outputs["Color"], displacement.inputs["Height"]),
            (displacement.outputs["Displacement"], tree.get_output_node('ALL').inputs["Displacement"])):
        tree.links.new(source, target)
    return material


def run(operator: str, **properties: object) -> JobView | None:
    before = set(host.jobs)
    with editor('VIEW_3D'):
        assert getattr(bpy.ops.gptimage, operator)(**properties) == {'FINISHED'}
    assert bpy.ops.gptimage.wait(timeout_s=60) == {'FINISHED'}
    made = [host.jobs[job_id] for job_id in set(host.jobs) - before]
    assert all(view.error is None and view.landed.complete for view in made), [view.record for view in made]
    return made[0] if made else None


def found(material: bpy.types.Material) -> set[str]:
    findings = findings_of(material)
    assert findings is not None
    return {key for key in findings.keys() if not key.startswith("color shading")}


def rewrite(image: bpy.types.Image, pixels: np.ndarray) -> None:
    """Give the image another file, as when it was downloaded so. Rows from the top, 0..1."""
    levels = np.rint(np.clip(pixels[..., :3], 0, 1) * 255).astype(np.uint8)
    Path(image.filepath).write_bytes(encode_png(levels))
    image.reload()


def test_pictures_are_known_by_what_they_feed(wall: bpy.types.Material, files: dict[str, bpy.types.Image]) -> None:
    assert {role: node.image for role, node in material_pictures(wall).items()} == files
    for link in wall.node_tree.links:
        if link.from_node.bl_idname == "ShaderNodeNormalMap":
            link.is_muted = True
    assert set(material_pictures(wall)) == set(files) - {"normal"}


def test_a_sound_material_has_nothing_to_mend(wall: bpy.types.Material) -> None:
    view = run("check_material")
    assert found(wall) == set() and view.record.result.cost_usd == 0 and view.record.attempts == 0
    assert not view.landed.images


def test_what_is_wrong_is_told_and_mended(wall: bpy.types.Material, files: dict[str, bpy.types.Image]) -> None:
    normal, rough, height = (files[name] for name in ("normal", "roughness", "height"))
    sound = {name: pixels_of(image) for name, image in files.items()}
    flipped = sound["normal"].copy()
    flipped[..., 1] = 1 - flipped[..., 1]
    rewrite(normal, flipped)
    rewrite(rough, sound["roughness"][::2, ::2])
    rewrite(height, sound["height"] * 3 - 1.5)
    files["ao"].colorspace_settings.name, files["color"].colorspace_settings.name = "sRGB", "Non-Color"
    run("check_material")
    expected = {"normal flipped_green", "roughness wrong_size", "height clipped", "ao wrong_space", "color wrong_space"}
    assert found(wall) == expected
    assert "wall_ao.png" in findings_of(wall)["ao wrong_space"]

    for mended in ("ao wrong_space", "color wrong_space"):
        assert run("mend_material", finding=mended) is None         # at once
        expected.remove(mended)
        assert found(wall) == expected
    assert files["ao"].colorspace_settings.name == "Non-Color" and files["color"].colorspace_settings.name == "sRGB"

    for mended, old in (("normal flipped_green", normal), ("roughness wrong_size", rough), ("height clipped", height)):
        view = run("mend_material", finding=mended)
        expected.remove(mended)
        assert found(wall) == expected, view.record.result
        image = bpy.data.images[view.landed.images[0]]
        role = mended.split()[0]
        assert material_pictures(wall)[role].image == image and image.colorspace_settings.name == "Non-Color"
        assert old.use_fake_user and old.name in bpy.data.images
        wanted = sound[role][..., :3]
        # Three quarters of the pixels were thrown away: what comes back is blurred. The height is told without tiling.
        near = {"roughness": 0.03, "height": 0.01, "normal": 0.5 / 255}
        assert np.abs(pixels_of(image)[..., :3] - wanted).mean() < near[role], role
    with editor('VIEW_3D'), pytest.raises(RuntimeError, match="Check the material again"):
        bpy.ops.gptimage.mend_material(finding="height clipped")


def test_what_was_mended_by_hand_meanwhile_stays(wall: bpy.types.Material, files: dict[str, bpy.types.Image]) -> None:
    sound = pixels_of(files["normal"])
    flipped = sound.copy()
    flipped[..., 1] = 1 - flipped[..., 1]
    rewrite(files["normal"], flipped)
    run("check_material")
    rewrite(files["normal"], sound)
    view = run("mend_material", finding="normal flipped_green")
    assert material_pictures(wall)["normal"].image == files["normal"] and found(wall) == set()
    assert "was not there any more" in view.landed.message and not view.landed.images


def test_a_missing_file_is_a_finding(wall: bpy.types.Material, files: dict[str, bpy.types.Image]) -> None:
    Path(files["ao"].filepath).unlink()
    files["ao"].reload()
    run("check_material")
    assert found(wall) == {"ao no_pixels"}


def test_a_mended_map_is_the_picture_s_map(cube: bpy.types.Object) -> None:
    """Of materials of ours: stepping through variants and the maps of a picture go on with what was mended."""
    with editor('VIEW_3D'):
        bpy.ops.gptimage.generate_texture(prompt="red brick", size="1024x640", quality="low", n=2, maps={"height", "normal"})
    bpy.ops.gptimage.wait(timeout_s=120)
    material = cube.active_material
    color = picture_node(material).image
    old = maps_of(color)["normal"]
    flipped = pixels_of(old).copy()
    flipped[..., 1] = 1 - flipped[..., 1]
    old.pixels.foreach_set(flipped[::-1].ravel())
    run("check_material")
    assert "normal flipped_green" in found(material)
    new = bpy.data.images[run("mend_material", finding="normal flipped_green").landed.images[0]]
    assert maps_of(color)["normal"] == new != old and provenance(new)["map"] == "normal"
    assert bytes(new.packed_file.data)[24] == 16            # of the PNG's header: as deep as it was, though no file held what was painted
    with editor('VIEW_3D'):
        bpy.ops.gptimage.step_variant(step=1)
        assert findings_of(material) is None                # they were those of another picture
        bpy.ops.gptimage.step_variant(step=-1)
    assert material_pictures(material)["normal"].image == new


def test_what_cannot_be_checked_is_refused(wall: bpy.types.Material, cube: bpy.types.Object) -> None:
    for link in list(wall.node_tree.links):
        wall.node_tree.links.remove(link)
    with editor('VIEW_3D'), pytest.raises(RuntimeError, match="Wire an Image Texture to Base Color"):
        bpy.ops.gptimage.check_material()
    cube.active_material = None
    with editor('VIEW_3D'):
        assert not bpy.ops.gptimage.check_material.poll()
    assert not host.jobs


def test_the_job_goes_to_json_and_back() -> None:
    surface = Surface(source="a", given={"normal": "b"}, mend="normal flipped_green", maps=(MapKind.AO,))
    assert from_json(Surface, to_json(surface)) == surface
