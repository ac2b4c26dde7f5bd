# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inside a real Blender: a turnaround on the axes, and a concept in the shape of the camera."""

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

    # A concept in the camera's shape, on a plane.
    settings.prompt, settings.match_camera, settings.reference_place = "a ruined tower at dusk", True, "plane"
    yield 1.0
    yield from steps.press("VIEW_3D", "gptimage.generate_reference")
    yield from steps.all_landed(120)
    with bpy.context.temp_override(window=lab.window(), area=area, region=region):
        bpy.ops.view3d.view_camera()
    area.spaces.active.shading.type, area.spaces.active.shading.color_type = 'SOLID', 'TEXTURE'
    yield 2.0
    lab.shot("5_concept")


lab.run(run())
