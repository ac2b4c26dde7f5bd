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
    steps.unfold("GPTIMAGE_PT_image_references", "GPTIMAGE_PT_image_style_sheet")
    outside = os.path.join(bpy.app.tempdir, "mood board.png")
    saved = picture("saved", (0.2, 0.5, 0.9), (2400, 1350))
    saved.file_format = 'PNG'
    saved.save(filepath=outside)
    bpy.data.images.remove(saved)
    scene = bpy.context.scene
    scene.render.engine, scene.cycles.samples, scene.cycles.use_denoising = 'CYCLES', 4, False
    with bpy.context.temp_override(window=lab.window(), area=lab.area("VIEW_3D")):
        for source in ("viewport", "material", "depth", "ids", "selected"):
            assert bpy.ops.gptimage.add_reference(source=source) == {'FINISHED'}, source
    for item in settings.references:
        image = item.image
        rows = np.empty(image.size[0] * image.size[1] * 4, np.float32)
        image.pixels.foreach_get(rows)
        lab.say(image.name, tuple(image.size), rows.reshape(-1, 4).mean(axis=0).round(3).tolist(), rows.reshape(-1, 4).std(axis=0).round(3).tolist())
        assert rows.reshape(-1, 4)[:, :3].std() > 0.01, image.name
        item.use = False
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
    settings.references[-1].words = "the soft light"
    settings.prompt, settings.quality = "a gate in a garden wall", "low"
    yield from steps.click_header("IMAGE_EDITOR", steps.HEADER_PX)                       # Touch-Up is folded
    yield 1.5
    lab.shot("1_list")
    x, y = yield from lab.find_button("IMAGE_EDITOR", "gptimage.show_sent", fx=0.83)
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
    for index in range(5):
        settings.reference_index = index
        lab.area("IMAGE_EDITOR").spaces.active.image = settings.references[index].image
        yield 1.0
        lab.shot(f"4_scene_{index}")
    for item in settings.references[:5]:
        item.use = True
    with bpy.context.temp_override(window=lab.window(), area=lab.area("IMAGE_EDITOR")):
        bpy.ops.gptimage.new_style_sheet(name="Garden")
        bpy.ops.gptimage.edit_style_colors()
        bpy.ops.gptimage.edit_style_colors()
        bpy.ops.gptimage.mark_style_sheet()
    style = settings.style_sheet.gptimage_style
    style.words, style.forbidden, style.quality = "gouache on rough paper", "people", "high"
    style.colors[0].color, style.colors[1].color = (0.1, 0.4, 0.2), (0.8, 0.5, 0.1)
    yield 1.5
    region = lab.region(lab.area("IMAGE_EDITOR"), "UI")
    for _ in range(12):
        yield from lab.click(*lab.region_point(region, 0.4, 0.5), button=5)         # the wheel
    yield 1.0
    lab.shot("5_style_sheet")
    for _ in range(14):
        yield from lab.click(*lab.region_point(region, 0.4, 0.5), button=4)
    x, y = yield from lab.find_button("IMAGE_EDITOR", "gptimage.show_sent", fx=0.83)
    yield from lab.click(x, y)
    yield 1.5
    lab.shot("6_sheet_with_style")


lab.run(run())
