# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inside a real Blender: the material check, its list, a finding mended and undone, the subdivision for a displacement, maps exported."""

import os
import sys

import bpy
import lab
import numpy as np

sys.path.insert(0, os.path.dirname(__file__))
import steps  # noqa: E402


def findings(material):
    found = material.get("gptimage_findings")
    return None if found is None else set(found.keys())


def picture(material, label):
    return material.node_tree.nodes[f"GPT Image {label}"]


def group_picture(obj, label):
    return obj.active_material.node_tree.nodes["GPT Image Texture"].node_tree.nodes[f"GPT Image {label}"]


def run():
    cube, settings = bpy.data.objects["Cube"], bpy.context.scene.gptimage
    space = lab.area("VIEW_3D").spaces.active
    space.shading.type, space.shading.color_type = 'SOLID', 'TEXTURE'
    space.region_3d.view_distance = 6.0
    yield from lab.open_tab("VIEW_3D", "GPT Image")
    yield 1.0
    settings.prompt, settings.maps, settings.displace = "red brick", {"normal", "roughness", "height"}, True
    with bpy.context.temp_override(window=lab.window(), area=lab.area("VIEW_3D")):
        assert bpy.ops.gptimage.generate_texture(size="1024x640", quality="low") == {'FINISHED'}
    yield from steps.all_landed(90)
    material = cube.active_material

    # As if it had come from elsewhere: a normal map for DirectX, and roughness read as a color.
    normal, rough = picture(material, "Normal").image, picture(material, "Roughness").image
    rough.colorspace_settings.name = "sRGB"
    pixels = np.empty(normal.size[0] * normal.size[1] * 4, np.float32)
    normal.pixels.foreach_get(pixels)
    pixels[1::4] = 1 - pixels[1::4]
    normal.pixels.foreach_set(pixels)
    normal.update()
    material.displacement_method = 'BUMP'           # the normal map counts
    for link in material.node_tree.links:
        link.is_muted = link.to_socket.name == "Displacement"
    bpy.ops.ed.undo_push(message="Downloaded")
    yield 0.5

    yield from steps.press("VIEW_3D", "gptimage.check_material", fx=0.4)
    yield from steps.all_landed(60)
    lab.shot("1_findings")
    told = findings(material)
    lab.say("findings", sorted(told))
    assert {"normal flipped_green", "roughness wrong_space"} <= told, told

    # The first line's button: one undo step.
    first = list(material["gptimage_findings"].keys())
    yield from steps.press("VIEW_3D", "gptimage.mend_material")
    yield from steps.all_landed(60)
    left = findings(cube.active_material)
    assert left == told - {first[0]}, left
    yield from lab.move(*lab.region_point(lab.region(lab.area("VIEW_3D")), 0.3, 0.5))
    yield from lab.key("ctrl+z")
    yield 1.0
    assert findings(cube.active_material) == told, findings(cube.active_material)
    yield from lab.key("ctrl+shift+z")
    yield 1.0
    assert findings(cube.active_material) == left

    for _ in range(len(left)):
        count = len(findings(cube.active_material))
        try:
            yield from steps.press("VIEW_3D", "gptimage.mend_material")
        except LookupError:
            break
        yield from steps.all_landed(60)
        assert len(findings(cube.active_material)) < count
    lab.shot("2_mended")
    material = cube.active_material
    lab.say("left", sorted(findings(material)))
    assert not {"normal flipped_green", "roughness wrong_space"} & findings(material), findings(material)

    # Displaced: the mesh is too coarse, and the button cures that.
    for link in material.node_tree.links:
        link.is_muted = False
    material.displacement_method = 'BOTH'
    lab.area("VIEW_3D").tag_redraw()
    yield 1.0
    lab.shot("3_coarse")
    yield from steps.press("VIEW_3D", "gptimage.subdivide")
    yield 1.0
    assert cube.modifiers and cube.modifiers[-1].type == 'SUBSURF'

    with bpy.context.temp_override(window=lab.window(), area=lab.area("VIEW_3D"), region=lab.region(lab.area("VIEW_3D"))):
        assert bpy.ops.gptimage.export_maps(directory=os.path.join(bpy.app.tempdir, "maps"), normals="directx") == {'FINISHED'}
    yield from steps.all_landed(60)
    assert len(os.listdir(os.path.join(bpy.app.tempdir, "maps"))) == 4

    # The same in the Shader Editor.
    area = lab.area("VIEW_3D")
    area.ui_type = 'ShaderNodeTree'
    yield from lab.open_tab("NODE_EDITOR", "GPT Image")
    yield 1.0
    with bpy.context.temp_override(window=lab.window(), area=area, region=lab.region(area)):
        assert bpy.ops.gptimage.check_material() == {'FINISHED'}
    yield from steps.all_landed(60)
    lab.shot("4_in_the_shader_editor")

    # Its pictures in a group; with the nodes as the artist finds them.
    yield from steps.press("NODE_EDITOR", "gptimage.make_node_group")
    yield 1.0
    with bpy.context.temp_override(window=lab.window(), area=area, region=lab.region(area)):
        bpy.ops.node.view_all()
    yield 1.0
    lab.shot("5_group")
    group = cube.active_material.node_tree.nodes["GPT Image Texture"]
    assert cube.active_material.node_tree.nodes.active == group
    yield from lab.move(*lab.region_point(lab.region(area), 0.3, 0.5))
    yield from lab.key("ctrl+z")
    yield 1.0
    assert "GPT Image" in cube.active_material.node_tree.nodes
    with bpy.context.temp_override(window=lab.window(), area=area, region=lab.region(area)):
        assert bpy.ops.gptimage.make_node_group(asset=True) == {'FINISHED'}
    yield 3.0

    # What was mended, beside what it was.
    mended = group_picture(cube, "Normal").image
    area.ui_type = 'IMAGE_EDITOR'
    area.spaces.active.image = mended
    yield from lab.open_tab("IMAGE_EDITOR", "GPT Image")
    with bpy.context.temp_override(window=lab.window(), area=area, region=lab.region(area)):
        bpy.ops.image.view_all(fit_view=True)
        assert bpy.ops.gptimage.compare() == {'FINISHED'}
    yield 1.5
    lab.shot("6_before_and_after")          # both as bright: the Image Editor shows data as linear light, and so does the wipe
    area.ui_type = 'ShaderNodeTree'
    yield 1.0

    # Where its files go, and for whom.
    with bpy.context.temp_override(window=lab.window(), area=area, region=lab.region(area)):
        bpy.ops.gptimage.export_maps('INVOKE_DEFAULT')
    yield 3.0
    lab.shot("7_export")


lab.run(run())
