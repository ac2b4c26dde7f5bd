# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inside a real Blender: a touch-up of a picture in the Image Editor, from a lasso drawn with the mouse to the accepted variant."""

import os
import sys
import tempfile

import bpy
import lab
import numpy as np

sys.path.insert(0, os.path.dirname(__file__))
import steps  # noqa: E402

SIZE = (1536, 1024)
LASSO = [(0.30, 0.45), (0.36, 0.38), (0.44, 0.36), (0.52, 0.42), (0.54, 0.52), (0.48, 0.62), (0.38, 0.63), (0.31, 0.56), (0.30, 0.47)]
STROKE = [(0.20, 0.20), (0.28, 0.24), (0.36, 0.20)]


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


def space():
    return lab.area("IMAGE_EDITOR").spaces.active


def settings():
    return bpy.context.scene.gptimage


def area_pixels():
    return pixels(settings().mask)[..., 0] > 0


def place():
    """Where the picture lies in its region."""
    view = lab.region(lab.area("IMAGE_EDITOR")).view2d
    return [*view.view_to_region(0, 0, clip=False), *view.view_to_region(1, 1, clip=False)]


def run():
    image, actions = source(), []
    before = pixels(image)
    lab.area("VIEW_3D").ui_type = "IMAGE_EDITOR"
    space().image = image
    settings().n = 2
    yield 1.0
    yield from lab.open_tab("IMAGE_EDITOR", "GPT Image")
    with lab.context("IMAGE_EDITOR"):
        bpy.ops.image.view_all(fit_view=True)
    yield 1.5

    # The area: a lasso, drawn with the mouse.
    yield from steps.press("IMAGE_EDITOR", "draw_area(shape='lasso'", fx=0.5)
    yield 0.5
    yield from steps.drag("IMAGE_EDITOR", LASSO)
    yield from lab.until(lambda: settings().mask)
    yield 1.0
    lab.shot("1_area")
    mask, shown = area_pixels(), place()
    assert settings().area == "mask" and 0.02 < mask.mean() < 0.2, mask.mean()

    # From here to the end three actions: type, Fill, Accept.
    yield from steps.type_prompt("IMAGE_EDITOR", "ivy on the wall")
    actions.append("type")
    lab.shot("2_typed")
    yield from steps.press("IMAGE_EDITOR", "gptimage.touch_up")
    actions.append("fill")
    yield from steps.all_landed()
    first = space().image
    lab.shot("3_filled")
    assert first != image and first.name.startswith(image.name), first
    assert np.abs(np.subtract(place(), shown)).max() <= 3, (place(), shown)     # the view has not jumped

    yield from steps.press("IMAGE_EDITOR", "gptimage.step_variant", fx=0.83)
    yield 1.0
    second = space().image
    lab.shot("4_variant")
    assert second not in (first, image) and np.abs(np.subtract(place(), shown)).max() <= 3
    for variant in (first, second):
        after = pixels(variant)
        assert (after[~mask] == before[~mask]).all(), "the picture has changed outside the area"
        assert (after[mask] != before[mask]).any(), "nothing has changed"
    assert (pixels(first) != pixels(second)).any(), "the variants are the same"

    # What was before, up to the wipe, which the mouse drags.
    yield from steps.press("IMAGE_EDITOR", "gptimage.compare", fx=0.25)
    yield 1.0
    x, y = yield from lab.find_button("IMAGE_EDITOR", "wipe", fx=0.75)
    yield 0.5
    yield from lab.drag([(x, y), (x - 8, y), (x - 20, y), (x - 40, y), (x - 50, y)], pause=0.5)
    yield 1.0
    lab.shot("5_wipe")
    manager = bpy.context.window_manager.gptimage
    assert manager.before == image.name and manager.wipe != 0.5, (manager.before, manager.wipe)

    kept, gone = second.name, first.name
    yield from steps.press("IMAGE_EDITOR", "gptimage.accept_variant", fx=0.25)
    actions.append("accept")
    yield 1.0
    lab.shot("6_accepted")
    assert space().image.name == kept and gone not in bpy.data.images and image.name in bpy.data.images
    assert not settings().show_area and not manager.before
    assert actions == ["type", "fill", "accept"]

    yield from lab.move(*lab.region_point(lab.region(lab.area("IMAGE_EDITOR")), 0.3, 0.3))
    yield from lab.key("ctrl+z")
    yield 1.5
    assert gone in bpy.data.images and space().image.name == kept
    lab.shot("7_undone")
    yield from steps.press("IMAGE_EDITOR", "gptimage.discard_variants", fx=0.75)
    yield 1.0
    assert {kept, gone}.isdisjoint(bpy.data.images.keys()) and space().image.name.startswith("wall")

    # Painted: the brush adds to the lasso; undone, the lasso is what it was.
    yield from steps.press("IMAGE_EDITOR", "draw_area(shape='brush'", fx=0.57)
    yield 0.5
    yield from steps.drag("IMAGE_EDITOR", STROKE)
    yield 0.5
    yield from lab.key("Return")
    yield 1.0
    lab.shot("8_painted")
    painted = area_pixels()
    assert (painted & ~mask).sum() > 2000 and (mask & ~painted).sum() == 0
    yield from lab.move(*lab.region_point(lab.region(lab.area("IMAGE_EDITOR")), 0.3, 0.3))
    yield from lab.key("ctrl+z")
    yield 1.5
    assert (area_pixels() == mask).all()

    # Another area, around an annotation.
    yield from annotate()
    settings().mask_source = 'annotation'
    yield 1.0
    yield from steps.press("IMAGE_EDITOR", "make_mask(source='annotation'", fx=0.82)
    yield 1.5
    lab.shot("9_annotation")
    drawn = area_pixels()
    assert 0.01 < drawn.mean() < 0.2 and (drawn & ~mask).any() and (mask & ~drawn).any(), drawn.mean()


def annotate():
    """An annotation around something, with the tool and the mouse."""
    with lab.context("IMAGE_EDITOR"):
        bpy.ops.wm.tool_set_by_id(name="builtin.annotate")
    yield from steps.drag("IMAGE_EDITOR", [(x + 0.08, y + 0.1) for x, y in LASSO])
    yield 0.5


lab.run(run())
