# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inside a real Blender: a texture over two UDIM tiles, whose price is told before anything is sent."""

import os
import sys

import bpy
import lab

sys.path.insert(0, os.path.dirname(__file__))
import steps  # noqa: E402


def run():
    cube, settings = bpy.data.objects["Cube"], bpy.context.scene.gptimage
    space = lab.area("VIEW_3D").spaces.active
    space.shading.type, space.shading.color_type = 'SOLID', 'TEXTURE'
    space.region_3d.view_distance = 6.0
    steps.unfold("GPTIMAGE_PT_tiles")
    yield from lab.open_tab("VIEW_3D", "GPT Image")
    yield 1.0
    settings.quality = "low"
    # Half of the faces lie on the second tile.
    uvs = cube.data.uv_layers[0].uv
    for loop in range(12, 24):
        uvs[loop].vector.x += 1
    settings.prompt = "mossy cobblestone"
    yield 1.0
    yield from steps.press("VIEW_3D", "gptimage.generate_tiles")
    yield 1.5
    lab.shot("1_asked")
    assert len(steps.host().jobs) == 0, "nothing is sent before it was confirmed"
    yield from lab.key("Return")
    yield from lab.until(lambda: len(steps.host().jobs) == 2, 10)
    yield from steps.all_landed(120)
    image = bpy.data.objects["Cube"].active_material.node_tree.nodes["GPT Image"].image
    assert image.source == 'TILED' and [tile.number for tile in image.tiles] == [1001, 1002], image
    lab.shot("2_tiles")


lab.run(run())
