# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inside a real Blender: a preset, a face chosen by mouse, a texture with maps on it, an asset, and the picture tiled."""

import os
import sys

import bpy
import lab

sys.path.insert(0, os.path.dirname(__file__))
import steps  # noqa: E402


def run():
    cube, settings = bpy.data.objects["Cube"], bpy.context.scene.gptimage
    bpy.ops.wm.save_as_mainfile(filepath=os.path.join(bpy.app.tempdir, "wall.blend"))
    space = lab.area("VIEW_3D").spaces.active
    space.shading.type, space.shading.color_type = 'SOLID', 'TEXTURE'
    space.region_3d.view_distance = 6.0
    yield from lab.open_tab("VIEW_3D", "GPT Image")
    yield 1.0

    yield from steps.press("VIEW_3D", "gptimage.choose_preset", fx=0.83)
    yield 1.0
    lab.shot("1_presets")
    yield from lab.key("Escape")
    with bpy.context.temp_override(window=lab.window(), area=lab.area("VIEW_3D")):
        assert bpy.ops.gptimage.apply_preset(name="Brick Wall") == {'FINISHED'}
    settings.quality, settings.asset, settings.texture_place = "low", True, "faces"

    # The face that is nearest, by mouse.
    yield from lab.move(*lab.region_point(lab.region(lab.area("VIEW_3D")), 0.3, 0.5))
    yield from lab.key("Tab")
    yield 0.5
    bpy.context.tool_settings.mesh_select_mode = (False, False, True)
    bpy.ops.mesh.select_all(action='DESELECT')
    yield 0.5
    yield from lab.click(*lab.region_point(lab.region(lab.area("VIEW_3D")), 0.5, 0.42))
    yield 0.5
    cube.update_from_editmode()
    chosen = [polygon.index for polygon in cube.data.polygons if polygon.select]
    assert len(chosen) == 1, chosen
    lab.shot("2_face")
    yield from steps.press("VIEW_3D", "gptimage.generate_texture")
    yield from steps.all_landed(120)
    yield from lab.move(*lab.region_point(lab.region(lab.area("VIEW_3D")), 0.3, 0.5))
    yield from lab.key("Tab")
    yield 1.0
    assert len(cube.material_slots) == 2 and [p.index for p in cube.data.polygons if p.material_index == 1] == chosen
    material = cube.material_slots[1].material
    images = {node.image.name for node in material.node_tree.nodes if getattr(node, "image", None)}
    lab.say("images", sorted(images))
    assert len(images) >= 4 and material.asset_data, images
    lab.shot("3_on_the_face")

    # The nodes, as the artist finds them.
    area = lab.area("VIEW_3D")
    area.ui_type = 'ShaderNodeTree'
    yield 1.0
    with bpy.context.temp_override(window=lab.window(), area=area, region=lab.region(area)):
        bpy.ops.node.view_all()
    yield 1.0
    lab.shot("4_nodes")

    # How it tiles.
    area.ui_type = 'IMAGE_EDITOR'
    area.spaces.active.image = material.node_tree.nodes["GPT Image"].image
    area.spaces.active.show_repeat = True
    yield from lab.open_tab("IMAGE_EDITOR", "GPT Image")
    with bpy.context.temp_override(window=lab.window(), area=area, region=lab.region(area)):
        bpy.ops.image.view_zoom_ratio(ratio=0.25)
    # Touch-Up is folded, Surface below it unfolded: their headers are the first two rows.
    for row_px in (steps.HEADER_PX, steps.HEADER_PX + steps.FOLDED_PX):
        yield from steps.click_header("IMAGE_EDITOR", row_px)
    lab.shot("5_tiled")
    yield from steps.press("IMAGE_EDITOR", "gptimage.heal_seams")
    yield from steps.all_landed(120)
    healed = area.spaces.active.image
    assert healed["gptimage"]["tiles"] == "xy" and healed == material.node_tree.nodes["GPT Image"].image, healed
    lab.shot("5_healed")

    # The asset in its browser.
    area.ui_type = 'ASSETS'
    yield 1.0
    area.spaces.active.params.asset_library_reference = 'LOCAL'
    yield 3.0
    lab.shot("6_asset")
    area.spaces.active.activate_asset_by_id(material)
    yield 1.0
    with bpy.context.temp_override(window=lab.window(), area=area, region=lab.region(area)):
        assert bpy.ops.gptimage.add_reference(source="asset") == {'FINISHED'}
    picture = settings.references[0].image
    assert picture.name.startswith(material.name) and picture.size[0] >= 128, (picture, tuple(picture.size))


lab.run(run())
