# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inside a real Blender: pictures are made, found by a typed word, picked by a click, applied to another object, starred, deleted."""

import os
import sys

import bpy
import lab

sys.path.insert(0, os.path.dirname(__file__))
import steps  # noqa: E402

PROMPTS = ("weathered red brick", "oak planks", "mossy cobblestone", "rusty iron plate")


def shown(gallery):
    return sorted(entry.prompt for entry in gallery.page.entries) if gallery.page else []


def run():
    host, cube, settings = steps.host(), bpy.data.objects["Cube"], bpy.context.scene.gptimage
    gallery, search = host.gallery, bpy.context.window_manager.gptimage
    cube.data.materials.clear()
    lab.area("VIEW_3D").spaces.active.shading.color_type = 'TEXTURE'
    settings.quality = "low"
    settings.texture_place = "image"
    for prompt in PROMPTS:
        with bpy.context.temp_override(window=bpy.context.window_manager.windows[0], area=lab.area("VIEW_3D")):
            bpy.ops.gptimage.generate_texture(prompt=prompt)
    yield from steps.all_landed()
    settings.texture_place = "replace_slot"

    steps.unfold("GPTIMAGE_PT_gallery", first=True)
    yield from lab.open_tab("VIEW_3D", "GPT Image")
    yield 1.0
    lab.shot("1_closed")
    yield from steps.press("VIEW_3D", "gptimage.search_history", fx=0.4)
    yield from lab.until(lambda: shown(gallery) == sorted(PROMPTS), 30)
    yield 2.0
    lab.shot("2_all")

    region = lab.region(lab.area("VIEW_3D"), "UI")
    x, y = lab.screen_point(region.x + region.width * 0.3, region.y + region.height)
    yield from lab.click(x, y + steps.PROMPT_BELOW_TOP_PX)
    yield 0.5
    yield from lab.type_text("brick")
    yield from lab.key("Return")
    yield from lab.until(lambda: shown(gallery) == ["weathered red brick"], 15)
    yield 1.5
    lab.shot("3_found")

    yield from steps.press("VIEW_3D", "gptimage.pick_entry", fx=0.2)
    yield from lab.until(lambda: search.gallery_entry, 5)
    yield 1.0
    lab.shot("4_picked")
    yield from steps.press("VIEW_3D", "gptimage.apply_entry", fx=0.3)
    yield from lab.until(lambda: cube.active_material, 10)
    assert cube.active_material.name == "Weathered Red Brick", cube.active_material
    yield 1.5
    lab.shot("5_applied")
    # Onto another object, by a click on it: the cube is hidden, a ball lies in the middle of the view.
    cube.hide_set(True)
    bpy.ops.mesh.primitive_uv_sphere_add()
    ball = bpy.context.object
    ball.select_set(False)
    yield 0.5
    yield from steps.press("VIEW_3D", "gptimage.click_onto", fx=0.8)
    yield 0.5
    yield from lab.click(*lab.region_point(lab.region(lab.area("VIEW_3D")), 0.5, 0.5))
    yield from lab.until(lambda: ball.active_material, 10)
    assert ball.select_get() and ball.active_material.name.startswith("Weathered Red Brick"), ball.active_material
    yield 1.0
    lab.shot("5_clicked")
    bpy.data.objects.remove(ball)
    cube.hide_set(False)
    bpy.context.view_layer.objects.active = cube
    settings.prompt = "something else"
    bpy.ops.gptimage.restore_settings()         # looking for a button by hovering takes a slow machine half a minute
    assert settings.prompt == "weathered red brick"

    entry = gallery.page.entries[0]
    bpy.ops.gptimage.star_entry(entry=entry.id)
    yield from lab.until(lambda: gallery.page.entries and gallery.page.entries[0].star, 10)
    bpy.ops.gptimage.measure_entry()
    yield from lab.until(lambda: gallery.space, 10)
    yield 1.0
    lab.shot("6_measured")
    bpy.ops.gptimage.delete_measured()
    yield from lab.until(lambda: gallery.page and not gallery.page.entries, 15)
    assert not host.journal.folder(entry.job_id).exists()
    yield 1.0
    lab.shot("7_deleted")
    bpy.ops.gptimage.clear_search()
    yield from lab.until(lambda: len(shown(gallery)) == len(PROMPTS) - 1, 15)
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[0], area=lab.area("VIEW_3D"), region=lab.region(lab.area("VIEW_3D"))):
        bpy.ops.gptimage.show_gallery('INVOKE_DEFAULT')
    yield 2.5
    lab.shot("8_larger")
    search.gallery_words = "oak"                # the popup follows what comes while it is open
    yield from lab.until(lambda: shown(gallery) == ["oak planks"], 15)
    yield 1.5
    lab.shot("9_larger_found")
    yield from lab.key("Escape")
    yield from lab.move(200, 500)
    yield 1.0
    search.gallery_words = ""                   # and nothing asks for it when it is closed
    yield from lab.until(lambda: len(shown(gallery)) == len(PROMPTS) - 1, 15)
    yield 1.0
    lab.shot("10_popup_closed")

    names = [entry.id for entry in gallery.page.entries]
    area = lab.area("VIEW_3D")
    area.ui_type = "IMAGE_EDITOR"
    steps.unfold("GPTIMAGE_PT_image_gallery", first=True)
    yield 1.0
    yield from lab.open_tab("IMAGE_EDITOR", "GPT Image")
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[0], area=area, region=lab.region(area)):
        bpy.ops.gptimage.open_entry(entry=names[0])
        bpy.ops.gptimage.compare_entry(entry=names[1])
    search.gallery_entry = names[1]
    yield 2.0
    lab.shot("11_compared")


lab.run(run())
