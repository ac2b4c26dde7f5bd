# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inside a real Blender: a touch-up of a render in the camera view, from the render border to a layer of the compositor."""

import os
import sys
import tempfile

import bpy
import lab
import numpy as np

sys.path.insert(0, os.path.dirname(__file__))
import steps  # noqa: E402

SIZE = (960, 640)
CORNERS = [(0.36, 0.42), (0.50, 0.55), (0.66, 0.68)]


def saved():
    """8-bit values of the Render Result as the scene's view shows it, rows from the bottom."""
    path = os.path.join(tempfile.gettempdir(), "saved.png")
    bpy.data.images["Render Result"].save_render(path, scene=bpy.context.scene)
    picture = bpy.data.images.load(path)
    flat = np.empty(SIZE[0] * SIZE[1] * 4, np.float32)
    picture.pixels.foreach_get(flat)
    bpy.data.images.remove(picture)
    return np.rint(flat.reshape(SIZE[1], SIZE[0], 4) * 255).astype(int)


def pixels(image):
    flat = np.empty(image.size[0] * image.size[1] * 4, np.float32)
    image.pixels.foreach_get(flat)
    return np.rint(flat.reshape(image.size[1], image.size[0], 4) * 255).astype(int)


def make_scene():
    scene = bpy.context.scene
    scene.render.engine = 'CYCLES'
    scene.cycles.samples, scene.cycles.use_denoising = 8, False
    scene.render.resolution_x, scene.render.resolution_y = SIZE
    # A window's compositor runs again whenever Blender likes, and by default with less precision than in a render.
    scene.render.compositor_precision = 'FULL'
    material = bpy.data.materials.new("Clay")
    if material.node_tree is None:
        material.use_nodes = True
    material.node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value = (0.8, 0.1, 0.05, 1)
    cube = bpy.data.objects["Cube"]
    cube.active_material = material
    bpy.ops.mesh.primitive_plane_add(size=20, location=(0, 0, -1))
    bpy.data.objects["Plane"].select_set(False)
    cube.select_set(True)
    bpy.context.view_layer.objects.active = cube
    lab.area("VIEW_3D").spaces.active.region_3d.view_perspective = 'CAMERA'
    bpy.ops.render.render()
    return scene


def settings():
    return bpy.context.scene.gptimage


def run():
    scene = make_scene()
    before = saved()
    settings().prompt, settings().n = "ivy on the wall", 2
    # Only what this is about: the panel above is long.
    yield 1.0
    yield from lab.open_tab("VIEW_3D", "GPT Image")
    yield 1.0

    # The render border, with Ctrl+B and the mouse.
    region = lab.region(lab.area("VIEW_3D"))
    points = [lab.region_point(region, *point) for point in CORNERS]
    yield from lab.move(*points[0])
    yield from lab.key("ctrl+b")
    yield 0.3
    yield from lab.drag(points, pause=0.3)
    yield 1.0
    assert scene.render.use_border
    lab.shot("1_border")
    box = [int(np.float32(edge) * np.float32(SIZE[i % 2])) for i, edge in enumerate((
        scene.render.border_min_x, scene.render.border_min_y, scene.render.border_max_x, scene.render.border_max_y))]
    area = np.zeros(SIZE[::-1], bool)
    area[box[1]:box[3], box[0]:box[2]] = True
    assert 0.02 < area.mean() < 0.4, area.mean()

    yield from steps.press("VIEW_3D", "gptimage.touch_up")
    yield from steps.all_landed()
    lab.shot("2_filled")
    staged = bpy.data.images[bpy.context.window_manager.gptimage.staged]
    first = pixels(staged)
    assert (first[~area] == before[~area]).all() and (first[area] != before[area]).any()
    yield from steps.press("VIEW_3D", "gptimage.step_variant", fx=0.83)
    yield 1.0
    yield from steps.press("VIEW_3D", "gptimage.compare", fx=0.25)
    yield 1.0
    lab.shot("3_compared")
    kept = bpy.data.images[bpy.context.window_manager.gptimage.staged]
    assert kept != staged
    accepted = pixels(kept)

    settings().render_landing = 'compositor'
    yield 0.5
    yield from steps.press("VIEW_3D", "gptimage.accept_variant", fx=0.25)
    yield 2.0
    assert not bpy.context.window_manager.gptimage.staged and not [
        image for image in bpy.data.images if image.name.endswith("Before")]
    scene.render.use_border = False
    bpy.ops.render.render()
    lab.area("VIEW_3D").ui_type = "IMAGE_EDITOR"
    lab.area("IMAGE_EDITOR").spaces.active.image = bpy.data.images["Render Result"]
    yield 1.0
    yield from lab.open_tab("IMAGE_EDITOR", "GPT Image")
    yield 1.5
    lab.shot("4_rendered_again")
    after = saved()
    assert (after[~area] == before[~area]).all(), "the render has changed outside"
    assert np.abs(after - accepted)[area].mean() <= 1, np.abs(after - accepted)[area].mean()

    # A mask of the cube: the render that is looked at stays.
    settings().show_area = True
    settings().mask_source = 'objects'
    yield 0.5
    yield from steps.press("IMAGE_EDITOR", "make_mask(source='objects'", fx=0.82)
    yield from lab.until(lambda: settings().mask, 60)
    yield 1.0
    lab.shot("5_objects")
    assert (saved() == after).all(), "the mask's render took the picture's place"
    assert 0.05 < (pixels(settings().mask)[..., 0] > 127).mean() < 0.3

    # One step back: the mask is gone.
    with lab.context("IMAGE_EDITOR"):
        bpy.ops.ed.undo()
    yield 1.0
    assert settings().mask is None


lab.run(run())
