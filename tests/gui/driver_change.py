# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inside a real Blender: a texture is changed on a face, varied, and gets maps that the model has drawn."""

import os
import sys

import bpy
import lab

sys.path.insert(0, os.path.dirname(__file__))
import steps  # noqa: E402


def color():
    return bpy.data.objects["Cube"].active_material.node_tree.nodes["GPT Image"].image


def run():
    settings = bpy.context.scene.gptimage
    steps.unfold("GPTIMAGE_PT_texture_change", "GPTIMAGE_PT_texture_maps", first=True)
    space = lab.area("VIEW_3D").spaces.active
    space.shading.type, space.shading.color_type = 'SOLID', 'TEXTURE'
    space.region_3d.view_distance = 6.0
    with bpy.context.temp_override(window=lab.window(), area=lab.area("VIEW_3D")):
        assert bpy.ops.gptimage.generate_texture(prompt="red brick", size="1024x1024", quality="low", tiling="xy") == {'FINISHED'}
    yield from steps.all_landed(90)
    yield from lab.open_tab("VIEW_3D", "GPT Image")
    settings.prompt, settings.quality, settings.maps = "thick green moss", "low", {"normal", "height", "roughness"}
    yield 1.0

    # The nearest face, by mouse.
    yield from lab.move(*lab.region_point(lab.region(lab.area("VIEW_3D")), 0.3, 0.5))
    yield from lab.key("Tab")
    yield 0.5
    bpy.context.tool_settings.mesh_select_mode = (False, False, True)
    bpy.ops.mesh.select_all(action='DESELECT')
    yield 0.5
    yield from lab.click(*lab.region_point(lab.region(lab.area("VIEW_3D")), 0.5, 0.42))
    yield 0.5
    lab.shot("1_face")
    first = color()
    yield from steps.press("VIEW_3D", "gptimage.edit_texture")
    yield from steps.all_landed(120)
    changed = color()
    assert changed != first and changed["gptimage"]["tiles"] == "xy" and changed["gptimage"]["variants"] == 2, changed
    yield from lab.move(*lab.region_point(lab.region(lab.area("VIEW_3D")), 0.3, 0.5))
    yield from lab.key("Tab")
    yield 1.0
    lab.shot("2_changed")

    settings.prompt = "more worn and dusty"
    yield 0.5
    yield from steps.press("VIEW_3D", "gptimage.vary_texture")
    yield from steps.all_landed(120)
    assert color()["gptimage"]["variant"] == 3
    lab.shot("3_varied")
    before = color()
    x, y = lab.region_point(lab.region(lab.area("VIEW_3D"), "UI"), 0.5, 0.5)
    yield from lab.play("mousemove", x, y, "sleep", 0.3, "click", "--repeat", 30, "--delay", 30, 5)
    yield 1.0
    lab.shot("4_prices")
    yield from steps.press("VIEW_3D", "gptimage.ask_maps")
    yield 0.3
    lab.shot("5_asked")
    yield from steps.all_landed(120)
    nodes = bpy.data.objects["Cube"].active_material.node_tree.nodes
    shown = {name: nodes[f"GPT Image {name}"].image["gptimage"] for name in ("Normal", "Height", "Roughness")}
    assert all("asked_by" in facts for facts in shown.values()), shown
    assert color() == before
    lab.shot("6_maps")


lab.run(run())
