# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Textures that are there are changed: where the selected faces show them, or as a whole, as a variant; what tiled still tiles."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np
import pytest

from gptimage_addon.blender.compat import enable_nodes
from gptimage_addon.blender.host import host
from gptimage_addon.blender.images import provenance
from gptimage_addon.blender.masks import picture_transform
from gptimage_addon.blender.materials import picture_node, shown_node
from gptimage_addon.core.errors import InputError
from gptimage_addon.core.request import Landing, Place, Service
from gptimage_addon.operators.edit_texture import faces_mask, plan_edit
from gptimage_addon.operators.plan import maps_of
from gptimage_addon.worker.practice_pictures import make_picture
from tests.support.pictures import encode
from tests.support.scenes import WORDS, done, editor, image_of, pixels_of, select


@pytest.fixture
def floor(tmp_path: Path) -> bpy.types.Object:
    """A plane of four faces, each a quarter of the UV map, with a material of the artist's own."""
    bpy.ops.mesh.primitive_grid_add(x_subdivisions=2, y_subdivisions=2)
    obj = bpy.context.object
    material = bpy.data.materials.new("Own")
    tree = enable_nodes(material)
    (tmp_path / "floor.png").write_bytes(encode(make_picture("grey stone", 512, 512, 2)))
    node = tree.nodes.new("ShaderNodeTexImage")
    node.image = bpy.data.images.load(str(tmp_path / "floor.png"))
    tree.links.new(node.outputs["Color"], tree.nodes["Principled BSDF"].inputs["Base Color"])
    obj.data.materials.append(material)
    select_faces(obj, lambda center: center.x > 0 and center.y > 0)
    return obj


def select_faces(obj: bpy.types.Object, wanted: Callable[[object], bool]) -> None:
    for part in (obj.data.vertices, obj.data.edges):
        part.foreach_set("select", [False] * len(part))
    for face in obj.data.polygons:
        face.select = wanted(face.center)


def test_what_the_selected_faces_show_is_changed_and_nothing_else(floor: bpy.types.Object) -> None:
    before = shown_node(floor.active_material).image
    with editor('VIEW_3D'):
        view = done("edit_texture", prompt="green moss", quality="low")
    after = shown_node(floor.active_material).image
    assert after == image_of(view) != before and after.size[:] == before.size[:] and before.use_fake_user
    changed = np.any(pixels_of(before) != pixels_of(after), axis=2)
    assert changed[:256, 256:].mean() > 0.95 and not changed[256:].any() and not changed[:, :255].any()
    report = view.record.result.pictures[0].report
    assert report["changed_outside"] == 0 and "tile" in report
    # It stands beside the picture it was made from, though that is the artist's own.
    assert [provenance(image)["variant"] for image in (before, after)] == [1, 2]
    with editor('VIEW_3D'):
        assert bpy.ops.gptimage.step_variant(step=1) == {'FINISHED'}
        assert shown_node(floor.active_material).image == before
        bpy.ops.gptimage.step_variant(step=-1)
    assert shown_node(floor.active_material).image == after


def test_a_texture_that_tiles_still_does_when_faces_over_its_edge_are_changed(cube: bpy.types.Object) -> None:
    first = image_of(done("generate_texture", prompt="red brick", size="1024x1024", quality="low", tiling="xy", even=0.0, maps={"height"},
                          scale_m=0.0, relief_m=0.07))
    # A face over the corner of the picture: it comes in again at all four.
    uvs = cube.data.uv_layers.active.uv
    top = next(face for face in cube.data.polygons if face.normal.z > 0.9)
    for loop, corner in zip(top.loop_indices, ((-0.2, -0.2), (0.2, -0.2), (0.2, 0.2), (-0.2, 0.2)), strict=True):
        uvs[loop].vector = corner
    select_faces(cube, lambda center: center.z > 0.9)
    with editor('VIEW_3D'):
        view = done("edit_texture", prompt="green moss", quality="low")
    image = image_of(view)
    assert view.job.finish.offset and picture_node(cube.active_material).image == image
    before, after = pixels_of(first)[..., :3], pixels_of(image)[..., :3]
    changed = np.any(before != after, axis=2)
    assert not changed[220:800].any() and not changed[:, 220:800].any()
    corners = [changed[y:y + 200, x:x + 200].mean() for y in (0, 824) for x in (0, 824)]
    assert min(corners) > 0.9
    # The edges meet where new meets new.
    for axis in (0, 1):
        lines = after.swapaxes(0, axis)[:, np.r_[0:190, 834:1024]]
        assert np.abs(lines[0] - lines[-1]).mean() < 1.3 * np.abs(np.diff(lines[:190], axis=0)).mean()
    assert provenance(image)["tiles"] == "xy" and provenance(image)["prompt"] == "red brick with green moss"
    # Its maps are made again, as deep as they were.
    assert set(maps_of(image)) == {"height"} and view.job.surface.relief_m == pytest.approx(0.07)


def test_a_picture_is_varied_as_a_whole_and_still_tiles(cube: bpy.types.Object) -> None:
    first = image_of(done("generate_texture", prompt="red brick", size="1024x640", quality="low", n=2, tiling="x", even=0.0))
    with editor('VIEW_3D'):
        view = done("vary_texture", prompt="more worn and mossy", quality="low", tiling="none", maps={"roughness"})
    image = image_of(view)
    request, facts = view.job.request, provenance(image)
    assert request.mask is None and "more worn and mossy" in request.prompt and (request.images[0].width_px, request.images[0].height_px) == (1024, 640)
    assert facts["prompt"] == "red brick, more worn and mossy"
    assert facts["tiles"] == "x" and (facts["variant"], facts["variants"]) == (3, 3) and provenance(first)["variants"] == 3
    assert picture_node(cube.active_material).image == image and set(maps_of(image)) == {"roughness"} and not maps_of(first)
    before, after = (pixels_of(each)[..., :3] for each in (first, image))
    assert np.abs(before - after).mean() > 0.02 and np.corrcoef(before[::9, ::9].ravel(), after[::9, ::9].ravel())[0, 1] > 0.5
    assert np.abs(after[:, 0] - after[:, -1]).mean() < 1.3 * np.abs(np.diff(after, axis=1)).mean()
    # In the Image Editor too, and for the image alone.
    with editor('IMAGE_EDITOR', image=first):
        alone = image_of(done("vary_texture", prompt="blue", quality="low", tiling="none", maps=set(), place="image"))
        assert bpy.context.space_data.image == first
    assert provenance(alone)["variants"] == 4 and picture_node(cube.active_material).image == image


def test_no_face_selected_means_all_of_it(floor: bpy.types.Object, unsent: None) -> None:
    select_faces(floor, lambda center: False)
    image = shown_node(floor.active_material).image
    assert faces_mask(floor, image) is None
    with editor('VIEW_3D'):
        assert bpy.ops.gptimage.edit_texture(prompt="moss") == {'FINISHED'}
    (view,) = host.jobs.values()
    assert view.job.finish.whole and view.job.request.size == "816x816"


def test_faces_are_found_through_the_mapping(floor: bpy.types.Object) -> None:
    node = shown_node(floor.active_material)
    tree = floor.active_material.node_tree
    mapping, coordinate = tree.nodes.new("ShaderNodeMapping"), tree.nodes.new("ShaderNodeTexCoord")
    tree.links.new(mapping.outputs["Vector"], node.inputs["Vector"])
    with pytest.raises(InputError, match="UV map"):
        picture_transform(node)
    tree.links.new(coordinate.outputs["UV"], mapping.inputs["Vector"])
    # The quarter from (0.5, 0.5) to (1, 1) halved, turned left and moved by (0.5, 0): from (0, 0.25) to (0.25, 0.5).
    mapping.inputs["Scale"].default_value = (0.5, 0.5, 1)
    mapping.inputs["Rotation"].default_value = (0, 0, math.pi / 2)
    mapping.inputs["Location"].default_value = (0.5, 0, 0)
    mask = faces_mask(floor, node.image)
    assert mask[256 + 2:384 - 2, 2:126].all() and mask.mean() == pytest.approx(1 / 16, rel=0.02)
    tree.links.new(coordinate.outputs["Object"], mapping.inputs["Vector"])
    with pytest.raises(InputError, match="UV map"):
        faces_mask(floor, node.image)


def test_a_part_costs_no_more_than_the_whole_that_the_panel_shows(floor: bpy.types.Object) -> None:
    image = shown_node(floor.active_material).image
    landing = Landing(place=Place.INSTEAD)
    part = plan_edit(WORDS, Service(), image, faces_mask(floor, image), landing)
    whole = plan_edit(WORDS, Service(), image, None, landing)
    assert 0 < part.job.estimate_usd <= whole.job.estimate_usd * 1.02       # the words differ


def test_what_cannot_be_changed_is_refused(floor: bpy.types.Object) -> None:
    with editor('VIEW_3D'):
        for properties, message in (({"image": "Nobody"}, "no image 'Nobody'"), ({"prompt": " ", "faces": False}, "prompt is empty")):
            with pytest.raises(RuntimeError, match=message):
                bpy.ops.gptimage.edit_texture(**properties)
        floats = bpy.data.images.new("Floats", 256, 256, float_buffer=True)
        with pytest.raises(RuntimeError, match="holds floats"):
            bpy.ops.gptimage.edit_texture(prompt="moss", image=floats.name, faces=False)
        select()
        with pytest.raises(RuntimeError, match="No texture is shown"):
            bpy.ops.gptimage.vary_texture(prompt="moss")
    assert not host.jobs
