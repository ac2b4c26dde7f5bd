# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inside a real Blender: a decal on a chosen face, taken back and laid again, and a texture over two UDIM tiles."""

import os
import sys

import bpy
import lab

sys.path.insert(0, os.path.dirname(__file__))
import steps  # noqa: E402


def decals():
    return [obj for obj in bpy.data.objects if " Decal" in obj.name]


def unfold(*names):
    """Let sub-panels be open when the tab is first drawn: they lie too low for their headers to be looked for."""
    panels = sys.modules[f"{steps.PACKAGE}.ui.panels"]
    for name in names:
        cls = getattr(panels, name)
        bpy.utils.unregister_class(cls)
        cls.bl_options = set()
        bpy.utils.register_class(cls)


def run():
    cube, settings = bpy.data.objects["Cube"], bpy.context.scene.gptimage
    space = lab.area("VIEW_3D").spaces.active
    space.shading.type, space.shading.color_type = 'SOLID', 'TEXTURE'
    space.region_3d.view_distance = 6.0
    unfold("GPTIMAGE_PT_decal", "GPTIMAGE_PT_tiles")
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
    yield from steps.all_landed(90)
    lab.shot("2_edit_mode")
    lab.say("decals", [obj.name for obj in decals()])
    assert len(decals()) == 2
    yield from lab.move(*lab.region_point(lab.region(lab.area("VIEW_3D")), 0.3, 0.5))
    yield from lab.key("ctrl+z")
    yield 1.0
    lab.say("after undo", [obj.name for obj in decals()], bpy.context.mode)
    yield from lab.key("Tab")
    yield 1.0

    # In Material Preview, where the alpha shows.
    lab.area("VIEW_3D").spaces.active.shading.type = 'MATERIAL'
    yield 20.0
    lab.shot("3_material_preview")
    lab.area("VIEW_3D").spaces.active.shading.type = 'SOLID'

    # Two tiles: half of the faces on the second one.
    cube = bpy.data.objects["Cube"]
    uvs = cube.data.uv_layers[0].uv
    for loop in range(12, 24):
        uvs[loop].vector.x += 1
    settings = bpy.context.scene.gptimage
    settings.prompt = "mossy cobblestone"
    yield 1.0
    yield from steps.press("VIEW_3D", "gptimage.generate_tiles")
    yield 1.5
    lab.shot("4_tiles_asked")
    assert len(steps.host().jobs) == 2, "nothing is sent before it was confirmed"
    yield from lab.key("Return")
    yield from lab.until(lambda: len(steps.host().jobs) == 4, 10)
    yield from steps.all_landed(120)
    image = bpy.data.objects["Cube"].active_material.node_tree.nodes["GPT Image"].image
    assert image.source == 'TILED' and [tile.number for tile in image.tiles] == [1001, 1002], image
    lab.shot("5_tiles")


lab.run(run())
