# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inside a real Blender: a decal at the 3D cursor and on a chosen face, taken back in one step each."""

import os
import sys

import bpy
import lab

sys.path.insert(0, os.path.dirname(__file__))
import steps  # noqa: E402


def decals():
    return [obj for obj in bpy.data.objects if " Decal" in obj.name]


def run():
    cube, settings = bpy.data.objects["Cube"], bpy.context.scene.gptimage
    space = lab.area("VIEW_3D").spaces.active
    space.shading.type, space.shading.color_type = 'SOLID', 'TEXTURE'
    space.region_3d.view_distance = 6.0
    steps.unfold("GPTIMAGE_PT_decal")
    yield from lab.open_tab("VIEW_3D", "GPT Image")
    yield 1.0
    settings.prompt, settings.quality, settings.decal_width_m = "rusty steel plate", "low", 1.2
    bpy.context.scene.cursor.location = (0.2, -3, 0.1)
    bpy.context.view_layer.objects.active = cube
    bpy.ops.ed.undo_push(message="Before")
    lab.shot("1_panel")
    yield from steps.press("VIEW_3D", "gptimage.generate_decal")
    yield from steps.all_landed(90)
    (decal,) = decals()
    assert decal.parent == cube and decal.modifiers[0].target == cube
    lab.shot("2_decal")
    yield from lab.move(*lab.region_point(lab.region(lab.area("VIEW_3D")), 0.3, 0.5))
    yield from lab.key("ctrl+z")
    yield 1.0
    assert not decals(), "one step takes it back"
    yield from lab.key("ctrl+shift+z")
    yield 1.0
    assert len(decals()) == 1

    # In Edit Mode on a face, and taken back.
    yield from lab.key("Tab")
    yield 0.5
    bpy.ops.mesh.select_all(action='DESELECT')
    bpy.context.tool_settings.mesh_select_mode = (False, False, True)
    yield from lab.click(*lab.region_point(lab.region(lab.area("VIEW_3D")), 0.55, 0.42))
    yield 0.5
    yield from steps.press("VIEW_3D", "gptimage.generate_decal")
    yield 1.5
    lab.shot("3_asked_before")          # the same once more, elsewhere: what was made is offered, and Return takes it
    yield from lab.key("Return")
    yield from lab.until(lambda: any(view.reused for view in steps.host().jobs.values()), 10)
    yield from steps.all_landed(90)
    lab.shot("4_edit_mode")
    lab.say("decals", [obj.name for obj in decals()])
    assert len(decals()) == 2 and len(list(steps.host().journal.jobs_dir.iterdir())) == 1
    yield from lab.move(*lab.region_point(lab.region(lab.area("VIEW_3D")), 0.3, 0.5))
    yield from lab.key("ctrl+z")
    yield 1.0
    assert len(decals()) == 1 and bpy.context.mode == 'EDIT_MESH', "one step takes it back, and leaves the mode as it was"


lab.run(run())
