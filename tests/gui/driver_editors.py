# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inside a real Blender: a reference in the Image Editor, a texture to a node in the Shader Editor, the preferences."""

import os
import sys

import bpy
import lab

sys.path.insert(0, os.path.dirname(__file__))
import steps  # noqa: E402


def run():
    host = steps.host()
    area = lab.area("VIEW_3D")
    area.ui_type = "IMAGE_EDITOR"
    yield 1.0
    yield from lab.open_tab("IMAGE_EDITOR", "GPT Image")
    yield 0.5
    yield from steps.type_prompt("IMAGE_EDITOR", "a lighthouse at dusk")
    yield from steps.press("IMAGE_EDITOR", "gptimage.generate_reference")
    yield from steps.all_landed()
    lab.shot("1_image_editor")
    shown = lab.area("IMAGE_EDITOR").spaces.active.image
    assert shown and shown.name.startswith("A Lighthouse At Dusk"), shown

    material = bpy.data.materials.new("Wall")
    if material.node_tree is None:
        material.use_nodes = True
    node = material.node_tree.nodes.new("ShaderNodeTexImage")
    node.location = (-320, 280)
    material.node_tree.links.new(node.outputs["Color"], material.node_tree.nodes["Principled BSDF"].inputs["Base Color"])
    material.node_tree.nodes.active = node
    bpy.data.objects["Cube"].active_material = material
    bpy.context.view_layer.objects.active = bpy.data.objects["Cube"]
    area = lab.area("IMAGE_EDITOR")
    area.ui_type = "ShaderNodeTree"
    yield 1.5
    yield from lab.open_tab("NODE_EDITOR", "GPT Image")
    yield 0.5
    yield from steps.type_prompt("NODE_EDITOR", "oak planks")
    yield from steps.press("NODE_EDITOR", "gptimage.generate_texture")
    yield from steps.all_landed()
    lab.shot("2_shader_editor")
    assert node.image and node.image.name.startswith("Oak Planks"), node.image

    # OpenAI without a key and without online access: the panel refuses, the preferences say the cure.
    preferences = bpy.context.preferences.addons[steps.PACKAGE].preferences
    preferences.service = 'OPENAI'
    yield 1.0
    lab.shot("3_refused")
    bpy.ops.gptimage.repair(action='OPEN_KEY_SETTINGS')
    yield 2.0
    lab.shot("4_preferences")
    bpy.context.preferences.system.use_online_access = True
    host.ask_key(steps.sys.modules[f"{steps.PACKAGE}.blender.preferences"].read_preferences().service)
    yield 2.0
    lab.shot("5_preferences_online")


lab.run(run())
