# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inside a real Blender: a turnaround on the axes, and a grid of settings whose cell is clicked."""

import os
import sys

import bpy
import lab

sys.path.insert(0, os.path.dirname(__file__))
import steps  # noqa: E402


def run():
    settings = bpy.context.scene.gptimage
    settings.prompt, settings.quality = "a small blue robot", "low"
    bpy.data.objects.remove(bpy.data.objects["Cube"])
    area = lab.area("VIEW_3D")
    yield from lab.open_tab("VIEW_3D", "GPT Image")
    yield 0.5
    yield from steps.click_header("VIEW_3D", steps.HEADER_PX)                            # Texture is folded,
    yield from steps.click_header("VIEW_3D", steps.HEADER_PX + steps.FOLDED_PX)          # Reference unfolded
    yield from steps.unfold_below("VIEW_3D", "gptimage.generate_reference", "gptimage.generate_turnaround")
    lab.shot("1_turnaround_panel")
    yield from steps.press("VIEW_3D", "gptimage.generate_turnaround")
    yield from steps.all_landed(120)
    collection = next(each for each in bpy.data.collections if "Turnaround" in each.name)
    assert len(collection.objects) == 3, list(collection.objects)
    region = lab.region(area)
    for number, axis in enumerate(("FRONT", "RIGHT", "BACK"), 2):
        with bpy.context.temp_override(window=lab.window(), area=area, region=region):
            bpy.ops.view3d.view_axis(type=axis)
            area.spaces.active.region_3d.view_distance = 6.0
            area.spaces.active.region_3d.view_location = (0, 0, 0.9)
        yield 1.5
        lab.shot(f"{number}_{axis.lower()}")

    area.ui_type = 'IMAGE_EDITOR'
    settings.prompt, settings.size_preset = "a {red|blue} castle at dusk", 'LANDSCAPE'
    settings.grid_qualities = {"low", "medium"}
    yield 1.0
    yield from lab.open_tab("IMAGE_EDITOR", "GPT Image")
    yield 0.5
    yield from steps.unfold_below("IMAGE_EDITOR", "gptimage.generate_reference", "gptimage.generate_grid")
    lab.shot("5_playground_panel")
    yield from steps.press("IMAGE_EDITOR", "gptimage.generate_grid")
    yield from steps.all_landed(120)
    image = area.spaces.active.image
    assert "cells" in image["gptimage"], image
    with bpy.context.temp_override(window=lab.window(), area=area, region=lab.region(area)):
        bpy.ops.image.view_all()
    yield 1.0
    lab.shot("6_grid")
    settings.prompt = "something else"
    yield from steps.click_header("IMAGE_EDITOR", steps.HEADER_PX)                       # Touch-Up, which comes with a picture, is folded
    yield from steps.press("IMAGE_EDITOR", "gptimage.take_cell")
    yield 1.0
    region = lab.region(area)
    x0, y0, x1, y1 = list(image["gptimage"]["cells"])[8:12]
    point = region.view2d.view_to_region((x0 + x1) / 2 / image.size[0], 1 - (y0 + y1) / 2 / image.size[1], clip=False)
    yield from lab.click(*lab.screen_point(region.x + point[0], region.y + point[1]))
    yield from lab.until(lambda: settings.prompt == "a blue castle at dusk", 10)
    assert settings.quality == "low", settings.quality
    lab.shot("7_taken")


lab.run(run())
