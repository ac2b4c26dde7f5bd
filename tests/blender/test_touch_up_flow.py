# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A touch-up by its operators, from the editor's picture to what was accepted, on the practice service."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np
import pytest

from gptimage_addon.blender import compositor
from gptimage_addon.blender.host import host
from gptimage_addon.blender.images import provenance
from gptimage_addon.blender.masks import write_mask
from gptimage_addon.worker.practice_pictures import make_picture
from tests.support.pictures import write
from tests.support.scenes import editor, pixels_of

SIZE = 960, 720


@pytest.fixture
def wall(tmp_path: Path) -> bpy.types.Image:
    """A picture file of the size, as an image."""
    return bpy.data.images.load(str(write(tmp_path / "wall.png", make_picture("grey stone", *SIZE, 2))))


@pytest.fixture(autouse=True)
def settings() -> Iterator[bpy.types.PropertyGroup]:
    found = bpy.context.scene.gptimage
    found.prompt, found.quality = "ivy", "low"
    yield found


def mask_of(*boxes: tuple[int, int, int, int], size: tuple[int, int] = SIZE) -> np.ndarray:
    mask = np.zeros(size[::-1], np.float32)
    for x0, y0, x1, y1 in boxes:
        mask[y0:y1, x0:x1] = 1
    return mask


def set_mask(mask: np.ndarray) -> np.ndarray:
    """Make the panel's mask, as it says; the pixels that may change."""
    found = bpy.context.scene.gptimage
    found.mask = write_mask("Mask", mask)
    found.area = "mask"
    assert bpy.ops.gptimage.read_mask() == {'FINISHED'}
    return mask > 0


def fill(image: bpy.types.Image, **more: object) -> bpy.types.Image:
    """Press Fill in an editor that shows the image; what is shown when all is done."""
    with editor('IMAGE_EDITOR', image=image):
        assert bpy.ops.gptimage.touch_up(**more) == {'FINISHED'}
        assert bpy.ops.gptimage.wait(timeout_s=60) == {'FINISHED'}
        assert all(view.landed and view.landed.complete for view in host.jobs.values()), [view.record.error for view in host.jobs.values()]
        return bpy.context.space_data.image


def check_only_the_area_changed(before: bpy.types.Image, after: bpy.types.Image, area: np.ndarray) -> None:
    one, other = pixels_of(before), pixels_of(after)
    differs = np.any(one.view(np.uint32) != other.view(np.uint32), axis=2)
    assert not differs[~area].any() and differs[area].mean() > 0.5


def in_editor(image: bpy.types.Image, name: str, **facts: object) -> bpy.types.Image | None:
    """Call an operator where the image is shown; what is shown then."""
    with editor('IMAGE_EDITOR', image=image):
        assert getattr(bpy.ops.gptimage, name)(**facts) == {'FINISHED'}
        return bpy.context.space_data.image


def test_only_the_area_changes_and_the_original_stays(wall: bpy.types.Image) -> None:
    area = set_mask(mask_of((300, 200, 600, 500)))
    done = fill(wall)
    assert done != wall and provenance(done)["parent"] == wall.name and provenance(done)["prompt"] == "ivy"
    check_only_the_area_changed(wall, done, area)
    kept = in_editor(done, "accept_variant")
    assert kept == done and provenance(done)["accepted"] and not bpy.context.scene.gptimage.show_area
    # Continued from there: the next one's picture is this one.
    area = set_mask(mask_of((100, 100, 200, 700)))
    again = fill(done)
    assert provenance(again)["parent"] == done.name
    check_only_the_area_changed(done, again, area)


def test_painted_pixels_that_no_file_has_are_touched_up(wall: bpy.types.Image) -> None:
    flat = np.ascontiguousarray(pixels_of(wall)[::-1]).ravel()
    flat[:40_000:4] = 1.0
    wall.pixels.foreach_set(flat)
    assert wall.is_dirty
    area = set_mask(mask_of((300, 200, 600, 500)))
    check_only_the_area_changed(wall, fill(wall), area)
    assert wall.is_dirty


@pytest.mark.parametrize("space", ["Linear Rec.709", "Non-Color"])
def test_a_float_image_keeps_its_floats(wall: bpy.types.Image, space: str) -> None:
    rows = pixels_of(wall)[::-1].copy()
    rows[:50, :50, :3] = 12.5                   # brighter than white
    image = bpy.data.images.new("Light", *SIZE, alpha=True, float_buffer=True, is_data=space == "Non-Color")
    assert image.colorspace_settings.name == space
    image.pixels.foreach_set(rows.ravel())
    area = set_mask(mask_of((300, 200, 600, 500)))
    done = fill(image)
    assert done.is_float and done.colorspace_settings.name == space
    check_only_the_area_changed(image, done, area)
    assert 0 <= pixels_of(done)[area].min() and pixels_of(done)[area].max() <= 1


def test_variants_are_stepped_more_are_asked_for_and_one_is_kept(wall: bpy.types.Image) -> None:
    set_mask(mask_of((300, 200, 600, 500)))
    first = fill(wall, n=2)
    second = in_editor(first, "step_variant", step=1)
    assert [provenance(image)["variant"] for image in (first, second)] == [1, 2] and second != first
    with editor('IMAGE_EDITOR', image=second):
        assert bpy.ops.gptimage.more_variants() == {'FINISHED'}
        assert bpy.ops.gptimage.wait(timeout_s=60) == {'FINISHED'}
        third = bpy.context.space_data.image
    assert {image.name: (provenance(image)["variant"], provenance(image)["variants"]) for image in bpy.data.images
            if provenance(image)} == {first.name: (1, 4), second.name: (2, 4), third.name: (3, 4),
                                      f"{wall.name} Touch-Up (Practice).003": (4, 4)}
    assert not np.array_equal(pixels_of(third), pixels_of(first))
    assert in_editor(third, "step_variant", step=2) == first                # around
    in_editor(third, "accept_variant")
    assert [image.name for image in bpy.data.images if provenance(image)] == [third.name]


@pytest.mark.parametrize(("combine", "boxes"), [
    ("replace", [(480, 0, 960, 720)]), ("add", [(400, 100, 600, 300), (480, 0, 960, 720)]), ("subtract", [(400, 100, 480, 300)]),
    ("intersect", [(480, 100, 600, 300)]),
])
def test_a_new_area_joins_the_mask_there_is(
    wall: bpy.types.Image, settings: bpy.types.PropertyGroup, combine: str, boxes: list[tuple[int, int, int, int]],
) -> None:
    set_mask(mask_of((400, 100, 600, 300)))
    settings.feather_px = 0
    scene = bpy.context.scene
    scene.render.border_min_x, scene.render.border_max_x, scene.render.border_min_y, scene.render.border_max_y = 0.5, 1, 0, 1
    in_editor(wall, "make_mask", source="border", combine=combine)
    assert np.array_equal(pixels_of(settings.mask)[..., 0] > 0.5, mask_of(*boxes) > 0)


def test_a_script_sets_the_area_on_the_operator(wall: bpy.types.Image, settings: bpy.types.PropertyGroup) -> None:
    image = write_mask("By Script", mask_of((300, 200, 600, 500)))
    done = fill(wall, area="mask", mask=image.name, feather_px=0, grow_px=4, context=0.3)
    check_only_the_area_changed(wall, done, mask_of((296, 196, 604, 504)) > 0)
    assert settings.area == "border" and settings.mask is None
    with editor('IMAGE_EDITOR', image=wall), pytest.raises(RuntimeError, match="no image 'gone'"):
        bpy.ops.gptimage.touch_up(area="mask", mask="gone")


def test_discarding_shows_the_picture_from_before(wall: bpy.types.Image) -> None:
    set_mask(mask_of((300, 200, 600, 500)))
    done = fill(wall)
    assert in_editor(done, "discard_variants") == wall
    assert not [image for image in bpy.data.images if provenance(image)]


def test_islands_are_asked_for_each_and_come_together(wall: bpy.types.Image, settings: bpy.types.PropertyGroup) -> None:
    area = set_mask(mask_of((50, 50, 150, 150), (800, 560, 900, 700)))
    settings.separate = True
    done = fill(wall)
    assert len(host.jobs) == 2
    sizes = [view.job.request.size for view in host.jobs.values()]
    assert all(int(size.split("x")[0]) <= 960 for size in sizes)
    check_only_the_area_changed(wall, done, area)
    differs = np.any(pixels_of(wall) != pixels_of(done), axis=2)
    assert differs[50:150, 50:150].mean() > 0.5 and differs[560:700, 800:900].mean() > 0.5
    assert [image.name for image in bpy.data.images if provenance(image)] == [done.name]


def test_a_mask_that_was_painted_on_meanwhile_is_shown_before_it_is_paid(wall: bpy.types.Image, settings: bpy.types.PropertyGroup) -> None:
    set_mask(mask_of((50, 50, 150, 150)))
    rows = np.ones((*SIZE[::-1], 4), np.float32)
    rows[..., :3] = mask_of((300, 200, 600, 500))[::-1, :, None]
    settings.mask.pixels.foreach_set(rows.ravel())
    with editor('IMAGE_EDITOR', image=wall), pytest.raises(RuntimeError, match="mask has changed"):
        bpy.ops.gptimage.touch_up()
    assert not host.jobs
    done = fill(wall)
    check_only_the_area_changed(wall, done, mask_of((300, 200, 600, 500)) > 0)


def test_an_image_that_is_no_mask_of_ours_is_read_first(wall: bpy.types.Image, settings: bpy.types.PropertyGroup) -> None:
    settings.mask, settings.area = write_mask("Mask", mask_of((50, 50, 150, 150))), "mask"
    with editor('IMAGE_EDITOR', image=wall), pytest.raises(RuntimeError, match="has not been read"):
        bpy.ops.gptimage.touch_up()
    settings.mask = write_mask("Black", mask_of())
    with pytest.raises(RuntimeError, match="area is empty"):
        bpy.ops.gptimage.read_mask()


def test_the_whole_picture_may_change(wall: bpy.types.Image, settings: bpy.types.PropertyGroup) -> None:
    settings.area = "whole"
    check_only_the_area_changed(wall, fill(wall), np.ones(SIZE[::-1], bool))


def test_an_accepted_texture_takes_the_old_one_s_place(wall: bpy.types.Image, cube: bpy.types.Object) -> None:
    material = bpy.data.materials.new("Wall")
    if material.node_tree is None:
        material.use_nodes = True
    nodes = [material.node_tree.nodes.new("ShaderNodeTexImage") for _ in "ab"]
    for node in nodes:
        node.image = wall
    cube.active_material = material
    set_mask(mask_of((300, 200, 600, 500)))
    done = fill(wall)
    with editor('IMAGE_EDITOR', image=done):
        material.node_tree.nodes.active = None
        with pytest.raises(RuntimeError, match="does not show"):
            bpy.ops.gptimage.accept_variant(landing="node")
        material.node_tree.nodes.active = nodes[1]
        assert bpy.ops.gptimage.accept_variant(landing="node") == {'FINISHED'}
    assert [node.image for node in nodes] == [wall, done]
    again = fill(done)
    in_editor(again, "accept_variant", landing="everywhere")
    assert [node.image for node in nodes] == [wall, again] and done.use_fake_user


@pytest.mark.parametrize(("kind", "said"), [('TILED', "UDIM"), ('SEQUENCE', "sequence")])
def test_what_cannot_be_touched_up_is_refused_with_a_reason(
    wall: bpy.types.Image, kind: str, said: str, settings: bpy.types.PropertyGroup,
) -> None:
    if kind == 'TILED':
        wall = bpy.data.images.new("Tiles", *SIZE, tiled=True)
    else:
        wall.source = kind
    settings.area = "whole"
    with editor('IMAGE_EDITOR', image=wall), pytest.raises(RuntimeError, match=said):
        bpy.ops.gptimage.touch_up()
    assert not host.jobs


def test_a_picture_is_extended(wall: bpy.types.Image, settings: bpy.types.PropertyGroup) -> None:
    with editor('IMAGE_EDITOR', image=wall):
        with pytest.raises(RuntimeError, match="not extended at any side"):
            bpy.ops.gptimage.extend_frame()
        assert bpy.ops.gptimage.extend_frame(extend_left=64, extend_bottom=32) == {'FINISHED'}
        assert bpy.ops.gptimage.wait(timeout_s=60) == {'FINISHED'}
        done = bpy.context.space_data.image
    assert tuple(done.size) == (SIZE[0] + 64, SIZE[1] + 32)
    assert np.array_equal(pixels_of(done)[:SIZE[1], 64:], pixels_of(wall))
    assert list(provenance(done)["extend"]) == [64, 0, 0, 32]
    with editor('IMAGE_EDITOR', image=done):
        assert not bpy.ops.gptimage.match_camera.poll()         # it is no render


# --- renders ----------------------------------------------------------------------------------------------

@pytest.fixture
def render(cube: bpy.types.Object) -> bpy.types.Image:
    """A small render of the factory scene, in the Render Result."""
    scene = bpy.context.scene
    scene.render.engine = 'CYCLES'
    scene.cycles.samples, scene.cycles.use_denoising = 4, False
    scene.render.resolution_x, scene.render.resolution_y = SIZE
    scene.render.resolution_percentage = 100
    bpy.ops.render.render()
    return bpy.data.images["Render Result"]


def saved(scene: bpy.types.Scene, path: Path) -> np.ndarray:
    """What the scene's view shows of the Render Result, 8 bits a channel."""
    scene.render.image_settings.file_format, scene.render.image_settings.color_mode = 'PNG', 'RGBA'
    bpy.data.images["Render Result"].save_render(str(path), scene=scene)
    picture = bpy.data.images.load(str(path))
    found = np.rint(pixels_of(picture) * 255).astype(int)
    bpy.data.images.remove(picture)
    return found


def test_a_render_s_touch_up_is_a_layer_that_survives_rendering(render: bpy.types.Image, cube: bpy.types.Object, tmp_path: Path) -> None:
    scene = bpy.context.scene
    before = saved(scene, tmp_path / "before.png")
    area = set_mask(mask_of((400, 250, 600, 450)))
    done = fill(render)
    assert provenance(done)["of_render"]
    accepted = np.rint(pixels_of(done) * 255).astype(int)
    assert np.array_equal(accepted[~area], before[~area])
    in_editor(done, "accept_variant", landing="compositor")
    (layer,) = compositor.layers(scene)
    assert layer.label == done.name and done.name in bpy.data.images
    bpy.ops.render.render()
    after = saved(scene, tmp_path / "after.png")
    assert np.array_equal(after[~area], before[~area])
    assert np.abs(after - accepted)[area].mean() <= 1
    with editor('IMAGE_EDITOR', image=render):
        assert bpy.ops.gptimage.remove_layer(name=layer.name) == {'FINISHED'}
    assert not compositor.layers(scene)
    bpy.ops.render.render()
    assert np.array_equal(saved(scene, tmp_path / "plain.png"), before)


def test_the_slot_that_is_shown_is_touched_up(render: bpy.types.Image, cube: bpy.types.Object, tmp_path: Path) -> None:
    scene, slots = bpy.context.scene, render.render_slots
    shown = [saved(scene, tmp_path / "0.png")]
    slots.active_index = 1
    cube.hide_render = True
    bpy.ops.render.render()
    shown.append(saved(scene, tmp_path / "1.png"))
    assert not np.array_equal(*shown)
    area = set_mask(mask_of((400, 250, 600, 450)))
    for index in (0, 1):
        slots.active_index = index
        done = np.rint(pixels_of(fill(render)) * 255).astype(int)
        assert np.array_equal(done[~area], shown[index][~area]) and not np.array_equal(done[area], shown[index][area])


def test_a_render_that_is_not_the_scene_s_size_any_more_is_refused(render: bpy.types.Image, settings: bpy.types.PropertyGroup) -> None:
    settings.area = "whole"
    bpy.context.scene.render.resolution_x = 640
    with editor('IMAGE_EDITOR', image=render), pytest.raises(RuntimeError, match="Render again"):
        bpy.ops.gptimage.touch_up()
    assert not host.jobs


def test_the_camera_shows_what_an_extended_render_shows(render: bpy.types.Image, tmp_path: Path) -> None:
    scene = bpy.context.scene
    before = saved(scene, tmp_path / "before.png")
    with editor('IMAGE_EDITOR', image=render):
        assert bpy.ops.gptimage.extend_frame(extend_right=96, extend_top=48) == {'FINISHED'}
        assert bpy.ops.gptimage.wait(timeout_s=60) == {'FINISHED'}
        done = bpy.context.space_data.image
    assert np.array_equal(np.rint(pixels_of(done) * 255).astype(int)[48:, :SIZE[0]], before)
    in_editor(done, "accept_variant")
    in_editor(done, "match_camera")
    assert (scene.render.resolution_x, scene.render.resolution_y) == tuple(done.size)
    bpy.ops.render.render()
    larger = saved(scene, tmp_path / "larger.png")[48:, :SIZE[0], :3]
    # Other samples fall on each pixel: what must be the same is the picture.
    assert np.abs(larger - before[..., :3]).mean() < 2.5
    shifted = np.abs(larger[:, 2:] - before[:, :-2, :3]).mean()
    assert np.abs(larger - before[..., :3]).mean() < shifted
    with editor('IMAGE_EDITOR', image=done), pytest.raises(RuntimeError, match="resolution"):
        bpy.ops.gptimage.match_camera()
