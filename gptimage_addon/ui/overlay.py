# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The area of a touch-up drawn over the Image Editor's picture, and a frame around what is sent. Reads state only."""

from __future__ import annotations

from functools import lru_cache

import bpy
import gpu
from gpu_extras.batch import batch_for_shader

from ..core.errors import InputError
from ..core.regions import Box
from ..operators.touch_up import Shown, shown_area, shown_finish, shown_picture
from ..operators.variants import staged_image
from .panels import Tab

__all__ = ()

TINT = (1.0, 0.15, 0.1, 0.35)
AREA = (1.0, 0.3, 0.2, 1.0)
WINDOW = (1.0, 1.0, 1.0, 0.9)
SHADOW = (0.0, 0.0, 0.0, 0.5)

Corners = tuple[tuple[float, float], ...]
_handlers: list[object] = []


def _is_shown(context: bpy.types.Context) -> bool:
    """Whether the artist is about to touch up: our tab is in front, and no result waits to be judged."""
    return (
        context.scene.gptimage.show_area and context.space_data.show_region_ui and staged_image(context) is None
        and any(region.type == 'UI' and region.active_panel_category == Tab.bl_category for region in context.area.regions)
    )


def _draw() -> None:
    context = bpy.context
    picture = shown_picture(context) if _is_shown(context) else None
    if picture is None:
        return
    try:
        area = shown_area(context, picture)
        _, finish = shown_finish(context, picture, area)
    except InputError:                          # the panel tells it
        return
    settings = context.scene.gptimage
    gpu.state.blend_set('ALPHA')
    if settings.area == "mask":
        _tint_mask(settings.mask, _corners(context, picture, Box(0, 0, *picture.size)))
    else:
        _tint_box(_corners(context, picture, area))
    _outline(_corners(context, picture, Box(*finish.box)), WINDOW)
    _outline(_corners(context, picture, area), AREA)
    gpu.state.blend_set('NONE')


def _corners(context: bpy.types.Context, picture: Shown, box: Box) -> Corners:
    """The box's corners in the region, from the top left around. The view's 0 to 1 spans the picture, from the bottom."""
    (width, height), to_region = picture.size, context.region.view2d.view_to_region
    x0, y0 = to_region(box.x0 / width, 1 - box.y0 / height, clip=False)
    x1, y1 = to_region(box.x1 / width, 1 - box.y1 / height, clip=False)
    return (x0, y0), (x1, y0), (x1, y1), (x0, y1)


def _outline(corners: Corners, color: tuple[float, ...]) -> None:
    shader = gpu.shader.from_builtin('POLYLINE_UNIFORM_COLOR')
    batch = batch_for_shader(shader, 'LINE_STRIP', {"pos": [(x, y, 0.0) for x, y in (*corners, corners[0])]})
    shader.uniform_float("viewportSize", gpu.state.viewport_get()[2:])
    pixel = bpy.context.preferences.system.pixel_size
    for width, tone in ((3.0, SHADOW), (1.0, color)):       # seen on bright pictures and on dark ones
        shader.uniform_float("lineWidth", width * pixel)
        shader.uniform_float("color", tone)
        batch.draw(shader)


def _tint_box(corners: Corners) -> None:
    shader = gpu.shader.from_builtin('UNIFORM_COLOR')
    batch = batch_for_shader(shader, 'TRIS', {"pos": corners}, indices=((0, 1, 2), (0, 2, 3)))
    shader.uniform_float("color", TINT)
    batch.draw(shader)


def _tint_mask(mask: bpy.types.Image, corners: Corners) -> None:
    shader = _mask_shader()
    batch = batch_for_shader(
        shader, 'TRIS', {"pos": corners, "uv": ((0, 1), (1, 1), (1, 0), (0, 0))}, indices=((0, 1, 2), (0, 2, 3)))
    shader.uniform_float("matrix", gpu.matrix.get_projection_matrix() @ gpu.matrix.get_model_view_matrix())
    shader.uniform_float("color", TINT)
    shader.uniform_sampler("mask", gpu.texture.from_image(mask))
    batch.draw(shader)


@lru_cache(maxsize=1)
def _mask_shader() -> gpu.types.GPUShader:
    """A color as strong as the mask is white. Only where Blender draws: in background mode there is no GPU."""
    passed = gpu.types.GPUStageInterfaceInfo("gptimage_mask")
    passed.smooth('VEC2', "place")
    info = gpu.types.GPUShaderCreateInfo()
    info.push_constant('MAT4', "matrix")
    info.push_constant('VEC4', "color")
    info.sampler(0, 'FLOAT_2D', "mask")
    info.vertex_in(0, 'VEC2', "pos")
    info.vertex_in(1, 'VEC2', "uv")
    info.vertex_out(passed)
    info.fragment_out(0, 'VEC4', "tint")
    info.vertex_source("void main() { place = uv; gl_Position = matrix * vec4(pos, 0.0, 1.0); }")
    info.fragment_source(
        "void main() { tint = vec4(color.rgb, color.a * dot(texture(mask, place).rgb, vec3(0.2126, 0.7152, 0.0722))); }")
    return gpu.shader.create_from_info(info)


def register() -> None:
    _handlers.append(bpy.types.SpaceImageEditor.draw_handler_add(_draw, (), 'WINDOW', 'POST_PIXEL'))


def unregister() -> None:
    while _handlers:
        bpy.types.SpaceImageEditor.draw_handler_remove(_handlers.pop(), 'WINDOW')
    _mask_shader.cache_clear()
