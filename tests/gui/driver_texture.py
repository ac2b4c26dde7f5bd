# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inside a real Blender: a texture on the practice service, from typing to the material, undone and redone."""

import os
import sys

import bpy
import lab

sys.path.insert(0, os.path.dirname(__file__))
import steps  # noqa: E402


def run():
    host = steps.host()
    cube = bpy.data.objects["Cube"]
    cube.data.materials.clear()
    bpy.context.scene.gptimage.n = 2
    bpy.context.scene.gptimage.scale_m = 2.0
    view = lab.area("VIEW_3D").spaces.active
    view.shading.color_type = 'TEXTURE'
    view.region_3d.view_distance = 5.0
    bpy.ops.ed.undo_push(message="before")

    yield from lab.open_tab("VIEW_3D", "GPT Image")
    yield 1.0
    lab.shot("1_tab")
    yield from steps.type_prompt("VIEW_3D", "weathered red brick")
    yield 0.5
    lab.shot("2_prompt")

    yield from steps.press("VIEW_3D", "gptimage.generate_texture")
    yield from lab.until(lambda: any(view.record.sent_at for view in host.jobs.values()), 20)
    yield 0.3
    lab.shot("3_busy")
    yield from steps.all_landed()
    lab.shot("4_done")
    material = cube.active_material
    assert material and material.name == "Weathered Red Brick", material
    image = material.node_tree.nodes["GPT Image"].image
    assert tuple(image.size) == (1024, 1024) and image.packed_file, image
    lab.say("landed", [view.landed.message for view in host.jobs.values()])

    yield from steps.press("VIEW_3D", "gptimage.step_variant", fx=0.83)
    yield 1.0
    assert material.node_tree.nodes["GPT Image"].image["gptimage"]["variant"] == 2
    lab.shot("5_variant")

    # One undo step for the variant, one for the arrival; a redo brings it back.
    yield from lab.move(*lab.region_point(lab.region(lab.area("VIEW_3D")), 0.4, 0.4))
    yield from lab.key("ctrl+z")
    yield 1.0
    yield from lab.key("ctrl+z")
    yield 1.0
    assert bpy.data.objects["Cube"].active_material is None, "undo did not take the material away"
    yield from lab.key("ctrl+shift+z")
    yield 1.0
    assert bpy.data.objects["Cube"].active_material, "redo did not bring the material back"
    lab.shot("6_redone")


lab.run(run())
