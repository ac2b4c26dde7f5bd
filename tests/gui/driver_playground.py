# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inside a real Blender: a grid of settings on a contact sheet, whose cell is clicked."""

import os
import sys

import bpy
import lab

sys.path.insert(0, os.path.dirname(__file__))
import steps  # noqa: E402


def run():
    settings, area = bpy.context.scene.gptimage, lab.area("VIEW_3D")
    area.ui_type = 'IMAGE_EDITOR'
    settings.prompt, settings.size_preset, settings.quality = "a {red|blue} castle at dusk", 'LANDSCAPE', "low"
    settings.grid_qualities = {"low", "medium"}
    yield 1.0
    yield from lab.open_tab("IMAGE_EDITOR", "GPT Image")
    yield 0.5
    yield from steps.unfold_below("IMAGE_EDITOR", "gptimage.generate_reference", "grid_qualities")
    lab.shot("1_panel")
    yield from steps.scroll("IMAGE_EDITOR", 12)
    yield from steps.press("IMAGE_EDITOR", "gptimage.generate_grid")
    yield from steps.all_landed(120)
    image = area.spaces.active.image
    assert "cells" in image["gptimage"], image
    with bpy.context.temp_override(window=lab.window(), area=area, region=lab.region(area)):
        bpy.ops.image.view_all()
    yield 1.0
    lab.shot("2_grid")
    settings.prompt = "something else"
    yield from steps.click_header("IMAGE_EDITOR", steps.HEADER_PX)                       # Touch-Up, which comes with a picture, is folded
    yield from steps.scroll("IMAGE_EDITOR", 12)
    yield from steps.press("IMAGE_EDITOR", "gptimage.take_cell")
    yield 1.0
    region = lab.region(area)
    x0, y0, x1, y1 = list(image["gptimage"]["cells"])[8:12]
    point = region.view2d.view_to_region((x0 + x1) / 2 / image.size[0], 1 - (y0 + y1) / 2 / image.size[1], clip=False)
    yield from lab.click(*lab.screen_point(region.x + point[0], region.y + point[1]))
    yield from lab.until(lambda: settings.prompt == "a blue castle at dusk", 10)
    assert settings.quality == "low", settings.quality
    lab.shot("3_taken")


lab.run(run())
