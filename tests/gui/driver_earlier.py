# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inside a real Blender: a texture with a picture, and a touch-up, once more; the menu offers the earlier result."""

import os
import sys

import bpy
import lab

sys.path.insert(0, os.path.dirname(__file__))
import steps  # noqa: E402


def run():
    host = steps.host()
    settings = bpy.context.scene.gptimage
    settings.quality = "low"
    style = bpy.data.images.new("Style", 256, 256)
    style.generated_type = 'COLOR_GRID'
    style.pack()
    sys.modules[f"{steps.PACKAGE}.operators.references"].add_image(settings, style)
    yield from lab.open_tab("VIEW_3D", "GPT Image")
    yield from steps.type_prompt("VIEW_3D", "painted tiles")
    yield from steps.press("VIEW_3D", "gptimage.generate_texture")
    yield from steps.all_landed()
    bpy.data.objects["Cube"].data.materials.clear()

    yield from steps.press("VIEW_3D", "gptimage.generate_texture")
    yield 1.5
    lab.shot("1_asked_before")
    yield from lab.key("Return")
    yield from lab.until(lambda: any(view.reused for view in host.jobs.values()), 10)
    yield from steps.all_landed()
    lab.shot("2_earlier")
    assert len(list(host.journal.jobs_dir.iterdir())) == 1 and bpy.data.objects["Cube"].active_material

    settings.use_references, settings.prompt, settings.area = False, "", "whole"
    lab.area("VIEW_3D").ui_type = "IMAGE_EDITOR"
    lab.area("IMAGE_EDITOR").spaces.active.image = style
    yield 1.0
    yield from lab.open_tab("IMAGE_EDITOR", "GPT Image")
    yield from steps.type_prompt("IMAGE_EDITOR", "a tiled wall")
    yield from steps.press("IMAGE_EDITOR", "gptimage.touch_up")
    yield from steps.all_landed()
    yield from steps.press("IMAGE_EDITOR", "gptimage.discard_variants", fx=0.75)
    yield 1.0
    assert lab.area("IMAGE_EDITOR").spaces.active.image == style
    yield from steps.press("IMAGE_EDITOR", "gptimage.touch_up")
    yield 1.5
    lab.shot("3_filled_before")
    yield from lab.key("Return")
    yield from lab.until(lambda: list(host.jobs.values())[-1].reused, 10)
    yield from steps.all_landed()
    lab.shot("4_earlier")
    assert len(list(host.journal.jobs_dir.iterdir())) == 2 and lab.area("IMAGE_EDITOR").spaces.active.image != style


lab.run(run())
