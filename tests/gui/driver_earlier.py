# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inside a real Blender: a request with a picture once more; the menu offers the earlier result."""

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


lab.run(run())
