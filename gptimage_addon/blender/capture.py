# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of the scene, to send along. The scene is left as it was."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager

import bpy
import numpy as np

from ..core.errors import InputError
from ..core.pricing import sent_size
from . import compat
from .images import saving_as
from .mask_scene import collection_of, forget_render, render_slots_kept, scene_copy, show_only
from .paths import scratch_file

__all__ = ("capture_camera", "capture_viewport", "image_editor")

CLAY_SAMPLES = 32


def capture_camera(
    scene: bpy.types.Scene, camera: bpy.types.Object, width_px: int, height_px: int, *, clay: bool = False,
    only: Collection[bpy.types.Object] | None = None,
) -> bytes:
    """A PNG of the camera's view with the scene's own render engine, light and view transform. Blocks until rendered.

    `clay` gives all one matt light material, by Cycles; with `only` nothing but these objects is seen, and the background is
    transparent. The render that was made last stays the Render Result. Raises InputError.
    """
    if bpy.app.is_job_running('RENDER'):
        raise InputError("A render is running", field="camera", hint="Wait until it is done")
    bpy.ops.ed.flush_edits()
    with ExitStack() as made:
        made.enter_context(bpy.context.temp_override(area=None))
        copy = made.enter_context(scene_copy(scene, camera))
        made.enter_context(render_slots_kept(scene, copy))
        if only is not None:
            lights = {obj for obj in scene.objects if obj.type in {'LIGHT', 'LIGHT_PROBE'} and not obj.hide_render}
            show_only(copy, made.enter_context(collection_of({*only, *lights})))
            copy.render.film_transparent, copy.render.use_compositing = True, False
        if clay:
            _make_clay(copy, made)
        render = copy.render
        render.resolution_x, render.resolution_y, render.resolution_percentage = width_px, height_px, 100
        render.pixel_aspect_x = render.pixel_aspect_y = 1.0
        render.use_border = render.use_multiview = render.use_sequencer = False
        path = made.enter_context(scratch_file(".png"))
        made.enter_context(saving_as(copy, file_format='PNG', color_mode='RGB' if only is None else 'RGBA', color_depth='8'))
        render.filepath = str(path)
        try:
            bpy.ops.render.render(write_still=True, scene=copy.name)
            data = path.read_bytes()
        except (RuntimeError, OSError) as error:
            raise InputError(f"The view of {camera.name} cannot be rendered: {error}", field="from_view") from error
        forget_render(copy)
        return data


def _make_clay(copy: bpy.types.Scene, made: ExitStack) -> None:
    material = bpy.data.materials.new("GPT Image Clay")
    made.callback(bpy.data.materials.remove, material)
    tree = compat.enable_nodes(material)
    tree.nodes.clear()
    surface = tree.nodes.new("ShaderNodeBsdfDiffuse")
    surface.inputs["Color"].default_value = (0.6, 0.6, 0.6, 1.0)
    tree.links.new(surface.outputs[0], tree.nodes.new("ShaderNodeOutputMaterial").inputs["Surface"])
    copy.render.engine = 'CYCLES'
    copy.render.use_compositing = False
    copy.cycles.samples, copy.cycles.use_denoising = CLAY_SAMPLES, False
    for layer in copy.view_layers:
        layer.material_override = material


def capture_viewport(context: bpy.types.Context, shading: str = "") -> np.ndarray:
    """What a 3D Viewport shows, without overlays, uint8 RGB (h, w, 3), rows from the top, at the size to send it at.

    `shading` is one of Blender's shading types instead of its own. Raises InputError where there is none, or no GPU.
    """
    import gpu

    areas = [context.area, *(area for window in context.window_manager.windows for area in window.screen.areas)]
    area = next((area for area in areas if area and area.type == 'VIEW_3D'), None)
    if area is None or bpy.app.background:
        raise InputError("There is no 3D Viewport", field="source", hint="Open one, or take the camera's view")
    space, region = area.spaces.active, next(region for region in area.regions if region.type == 'WINDOW')
    width, height = sent_size(region.width, region.height)
    before = space.shading.type, space.overlay.show_overlays
    offscreen = gpu.types.GPUOffScreen(width, height)
    try:
        space.shading.type, space.overlay.show_overlays = shading or before[0], False
        view = space.region_3d
        offscreen.draw_view3d(context.scene, context.view_layer, space, region, view.view_matrix, view.window_matrix, do_color_management=True)
        with offscreen.bind():
            buffer = gpu.state.active_framebuffer_get().read_color(0, 0, width, height, 4, 0, 'UBYTE')
    finally:
        space.shading.type, space.overlay.show_overlays = before
        offscreen.free()
    return np.asarray(buffer, np.uint8).reshape(height, width, 4)[::-1, :, :3]


@contextmanager
def image_editor(context: bpy.types.Context) -> Iterator[None]:
    """An Image Editor as the context, for operators that want one: an open one, or this area for the moment. It shows what it did."""
    areas = [area for window in context.window_manager.windows for area in window.screen.areas]
    area = next((area for area in areas if area.type == 'IMAGE_EDITOR'), None) or context.area or (areas[0] if areas else None)
    if area is None:
        raise RuntimeError("there is no window")
    kind, area.type = area.ui_type, 'IMAGE_EDITOR'
    space = area.spaces.active
    image = space.image
    try:
        window = next(window for window in context.window_manager.windows if area in window.screen.areas.values())
        with context.temp_override(window=window, screen=window.screen, area=area, region=area.regions[0]):
            yield
    finally:
        space.image = image
        area.ui_type = kind
