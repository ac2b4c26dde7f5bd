# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inside a real Blender: pictures that are sent along, the sheet of what will be sent, and a picture made with them."""

import os
import sys

import bpy
import lab
import numpy as np

sys.path.insert(0, os.path.dirname(__file__))
import steps  # noqa: E402


HEADER_PX = -4                          # from what Blender calls the region's top to the first header


def picture(name, color, size=(640, 400)):
    image = bpy.data.images.new(name, *size)
    rows = np.ones((size[1], size[0], 4), np.float32)
    rows[..., :3] = color
    rows[size[1] // 3:, : size[0] // 2, :3] *= 0.4
    image.pixels.foreach_set(rows.ravel())
    image.update()
    image.pack()
    return image


def run():
    settings = bpy.context.scene.gptimage
    # Unfolded from the first: where its header is cannot be told.
    panel = bpy.types.GPTIMAGE_PT_image_references
    bpy.utils.unregister_class(panel)
    panel.bl_options = set()
    bpy.utils.register_class(panel)
    outside = os.path.join(bpy.app.tempdir, "mood board.png")
    saved = picture("saved", (0.2, 0.5, 0.9), (2400, 1350))
    saved.file_format = 'PNG'
    saved.save(filepath=outside)
    bpy.data.images.remove(saved)
    lab.area("VIEW_3D").ui_type = "IMAGE_EDITOR"
    yield 1.0
    lab.area("IMAGE_EDITOR").spaces.active.image = picture("Stone Wall", (0.6, 0.55, 0.5))
    yield from lab.open_tab("IMAGE_EDITOR", "GPT Image")
    yield 0.5
    with bpy.context.temp_override(window=lab.window(), area=lab.area("IMAGE_EDITOR")):
        bpy.ops.gptimage.add_reference(source="shown", role="material")
        picture("Autumn", (0.8, 0.4, 0.1))
        bpy.ops.gptimage.add_reference(source="image", image="Autumn", role="palette")
        bpy.ops.gptimage.add_reference(source="file", directory=os.path.dirname(outside), files=[{"name": os.path.basename(outside)}])
    settings.references[2].words = "the soft light"
    settings.prompt, settings.quality = "a gate in a garden wall", "low"
    region = lab.region(lab.area("IMAGE_EDITOR"), "UI")
    x, y = lab.screen_point(region.x + region.width * 0.3, region.y + region.height)
    yield from lab.click(x, y + HEADER_PX)              # folds Touch-Up
    yield 1.5
    lab.shot("1_list")
    x, y = yield from lab.find_button("IMAGE_EDITOR", "gptimage.show_sent", fx=0.93)
    yield from lab.click(x, y)
    yield 1.5
    lab.shot("2_sheet")
    yield from lab.key("Escape")
    yield 0.5
    yield from steps.press("IMAGE_EDITOR", "gptimage.generate_reference")
    yield from steps.all_landed()
    (view,) = steps.host().jobs.values()
    assert [p.role for p in view.job.request.images] == ["material", "palette", "style: the soft light"], view.job.request.images
    lab.shot("3_made")


lab.run(run())
