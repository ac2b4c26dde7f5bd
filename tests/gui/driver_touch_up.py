# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inside a real Blender: a touch-up of a picture in the Image Editor, from the area to the accepted variant."""

import os
import sys
import tempfile

import bpy
import lab
import numpy as np

sys.path.insert(0, os.path.dirname(__file__))
import steps  # noqa: E402

SIZE = (1536, 1024)
BORDER = (0.25, 0.375, 0.5625, 0.75)    # left, bottom, right, top, all between two pixels


def pixels(image):
    """8-bit values, rows from the bottom."""
    flat = np.empty(image.size[0] * image.size[1] * 4, np.float32)
    image.pixels.foreach_get(flat)
    return np.rint(flat.reshape(image.size[1], image.size[0], 4) * 255).astype(np.uint8)


def source():
    """A picture with something to see, as a file."""
    made = bpy.data.images.new("Wall", *SIZE)
    made.generated_type = 'COLOR_GRID'
    path = os.path.join(tempfile.gettempdir(), "wall.png")
    made.file_format = 'PNG'
    made.save(filepath=path)
    bpy.data.images.remove(made)
    return bpy.data.images.load(path)


def inside():
    mask = np.zeros(SIZE[::-1], bool)
    left, bottom, right, top = (round(share * SIZE[i % 2]) for i, share in enumerate(BORDER))
    mask[bottom:top, left:right] = True
    return mask


def run():
    image, mask, actions = source(), inside(), []
    before = pixels(image)
    area = lab.area("VIEW_3D")
    area.ui_type = "IMAGE_EDITOR"
    space = lab.area("IMAGE_EDITOR").spaces.active
    space.image = image
    render = bpy.context.scene.render
    render.use_border = True
    render.border_min_x, render.border_min_y, render.border_max_x, render.border_max_y = BORDER
    bpy.context.scene.gptimage.n = 2
    yield 1.0
    yield from lab.open_tab("IMAGE_EDITOR", "GPT Image")
    with lab.context("IMAGE_EDITOR"):
        bpy.ops.image.view_all(fit_view=True)
    yield 1.5
    lab.shot("1_area")

    yield from steps.type_prompt("IMAGE_EDITOR", "ivy on the wall")
    actions.append("type")
    lab.shot("2_typed")
    yield from steps.press("IMAGE_EDITOR", "gptimage.touch_up")
    actions.append("fill")
    yield from steps.all_landed()
    first = space.image
    lab.shot("3_filled")
    assert first != image and first.name.startswith(image.name), first
    yield from steps.press("IMAGE_EDITOR", "gptimage.step_variant", fx=0.83)
    second = space.image
    yield 1.0
    lab.shot("4_variant")
    assert second not in (first, image)
    for variant in (first, second):
        after = pixels(variant)
        assert (after[~mask] == before[~mask]).all(), "the picture has changed outside the area"
        assert (after[mask] != before[mask]).any(), "nothing has changed"
    assert (pixels(first) != pixels(second)).any(), "the variants are the same"

    kept, gone = second.name, first.name
    yield from steps.press("IMAGE_EDITOR", "gptimage.accept_variant", fx=0.25)
    actions.append("accept")
    yield 1.0
    lab.shot("5_accepted")
    assert space.image.name == kept and gone not in bpy.data.images and image.name in bpy.data.images
    assert not bpy.context.scene.gptimage.show_area
    assert actions == ["type", "fill", "accept"]

    x, y = lab.region_point(lab.region(lab.area("IMAGE_EDITOR")), 0.3, 0.3)
    yield from lab.move(x, y)
    yield from lab.key("ctrl+z")
    yield 1.5
    assert gone in bpy.data.images and lab.area("IMAGE_EDITOR").spaces.active.image.name == kept
    lab.shot("6_undone")

    # All of it discarded; then another area, with a lasso.
    yield from steps.press("IMAGE_EDITOR", "gptimage.discard_variants", fx=0.75)
    yield 1.0
    assert {kept, gone}.isdisjoint(bpy.data.images.keys())
    space = lab.area("IMAGE_EDITOR").spaces.active
    assert space.image.name.startswith("wall"), space.image
    yield from lasso()
    yield from steps.press("IMAGE_EDITOR", "make_mask(source='annotation'", fx=0.49)
    yield 1.5
    lab.shot("7_lasso")
    settings = bpy.context.scene.gptimage
    assert settings.area == "mask" and settings.show_area, settings.area
    drawn = pixels(settings.mask)[..., 0] > 127
    assert 0.02 < drawn.mean() < 0.3, drawn.mean()
    assert (drawn & ~mask).any() and (mask & ~drawn).any(), "this is the border, not the lasso"


def lasso():
    """An annotation around something, with the tool and the mouse."""
    with lab.context("IMAGE_EDITOR"):
        bpy.ops.wm.tool_set_by_id(name="builtin.annotate")
    region = lab.region(lab.area("IMAGE_EDITOR"))
    around = [(0.40, 0.45), (0.50, 0.40), (0.60, 0.47), (0.58, 0.60), (0.47, 0.64), (0.40, 0.55), (0.40, 0.46)]
    yield from lab.move(*lab.region_point(region, *around[0]))
    yield from lab.drag([lab.region_point(region, *point) for point in around], pause=0.15)
    yield 0.5


lab.run(run())
