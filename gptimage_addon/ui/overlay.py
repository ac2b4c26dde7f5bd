# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is drawn over the picture: the area of a touch-up, a frame around what is sent, its price, and what was before.

In Image Editors, and in the camera view of 3D Viewports. Reads state only.
"""

from __future__ import annotations

from functools import lru_cache

import blf
import bpy
import gpu
from gpu_extras.batch import batch_for_shader

from ..blender import compat, view
from ..blender.images import provenance
from ..blender.preferences import read_service
from ..core.errors import InputError
from ..core.regions import Box
from ..operators.areas import shown_picture
from ..operators.gallery_apply import held_against_history
from ..operators.pointing import Drawn, drawn
from ..operators.references import shown_references
from ..operators.touch_up import touch_up_template
from ..operators.variants import compared_image, image_before, staged_image
from .panels import Tab
from .status import find_price, price_text
from .touch_up import touch_up_plan

__all__ = ()

TINT = (1.0, 0.15, 0.1, 0.35)
AREA = (1.0, 0.3, 0.2, 1.0)
WINDOW = (1.0, 1.0, 1.0, 0.9)
SHADOW = (0.0, 0.0, 0.0, 0.5)
NOTE = (1.0, 0.2, 0.15, 1.0)
TEXT_PX = 12

Points = tuple[tuple[float, float], ...]
_handlers: list[tuple[type[bpy.types.Space], object]] = []


def _draw() -> None:
    context = bpy.context
    picture = shown_picture(context)
    frame = view.picture_frame(context.scene, context.area.type, context.region, context.region_data) if picture else None
    if picture is None or frame is None:
        return
    gpu.state.blend_set('ALPHA')
    staged = compared_image(context)
    if staged and (staged_image(context) or image_before(context, staged)):
        _draw_staged(context, staged, frame)
    elif other := held_against_history(context):
        _draw_staged(context, other, frame)
    elif _is_shown(context):
        _draw_area(context, _Canvas(frame, picture.size))
    if shape := drawn(context.area):
        _draw_shape(shape)
    gpu.state.blend_set('NONE')


def _is_shown(context: bpy.types.Context) -> bool:
    """Whether the artist is about to touch up: our tab is in front."""
    return context.scene.gptimage.show_area and context.space_data.show_region_ui and any(
        region.type == 'UI' and region.active_panel_category == Tab.bl_category for region in context.area.regions)


class _Canvas:
    """A picture as it lies in a region."""

    def __init__(self, frame: view.Frame, size: tuple[int, int]) -> None:
        self.frame = frame
        self.size = size

    def corners(self, box: Box) -> Points:
        """A box of the picture's pixels in the region, from its top left corner around."""
        width, height = self.size
        x0, y0 = self.frame.point(box.x0 / width, 1 - box.y0 / height)
        x1, y1 = self.frame.point(box.x1 / width, 1 - box.y1 / height)
        return (x0, y0), (x1, y0), (x1, y1), (x0, y1)


# --- the area ---------------------------------------------------------------------------------------------

def _draw_area(context: bpy.types.Context, canvas: _Canvas) -> None:
    settings = context.scene.gptimage
    if settings.use_marks:
        for note in settings.notes:
            _write(canvas.frame.point(note.x, note.y), note.text or "…", NOTE)
    try:
        boxes, requests = touch_up_plan(context)
    except InputError:                          # the panel tells it
        return
    if settings.area == "mask":
        _tint_mask(settings.mask, canvas.corners(Box(0, 0, *canvas.size)))
    else:
        for box in boxes:
            _tint(canvas.corners(box))
    for box in boxes:
        _outline(canvas.corners(box), AREA)
    template, service = touch_up_template(marked=settings.use_marks), read_service()
    for words, finish in requests:
        corners = canvas.corners(Box(*finish.box))
        _outline(corners, WINDOW)
        text = words.size.replace("x", " x ") + " px"
        try:
            text += ", " + price_text(find_price([(words, finish)], template, service, shown_references(settings, touch_up=True)), service)
        except InputError:                      # such as an empty prompt: the size is told all the same
            pass
        x, y = corners[3]
        _write((x, y - 1.6 * _text_px()), text, WINDOW)


def _draw_shape(shape: Drawn) -> None:
    if shape.shape == "box" and len(shape.points) == 2:
        (x0, y0), (x1, y1) = shape.points
        corners = (x0, y0), (x1, y0), (x1, y1), (x0, y1)
        _tint(corners)
        _outline(corners, AREA)
    elif shape.width_px:
        points = shape.points if len(shape.points) > 1 else (shape.points[0], (shape.points[0][0] + 0.1, shape.points[0][1]))
        _lines(points, ((shape.width_px, TINT),))
    elif len(shape.points) > 1:
        _outline(shape.points, AREA)


# --- results ----------------------------------------------------------------------------------------------

def _draw_staged(context: bpy.types.Context, image: bpy.types.Image, frame: view.Frame) -> None:
    """In the camera view the touch-up itself; over it, left of the wipe, what was before."""
    whole = frame.point(0, 0), frame.point(1, 1)
    if context.area.type == 'VIEW_3D':
        _draw_image(image, *whole, 0.0, 1.0)
    before = image_before(context, image)
    if before is None:
        return
    left, top, right, bottom = provenance(image).get("extend") or (0, 0, 0, 0)
    width, height = image.size
    (x0, y0), (x1, y1) = frame.point(left / width, bottom / height), frame.point(1 - right / width, 1 - top / height)
    wipe = frame.point(context.window_manager.gptimage.wipe, 0)[0]
    share = min(max((wipe - x0) / (x1 - x0), 0.0), 1.0)
    if share:
        _draw_image(before, (x0, y0), (x0 + share * (x1 - x0), y1), 0.0, share)
    (_, low), (_, high) = whole
    _lines(((wipe, low), (wipe, high)), ((3.0, SHADOW), (1.0, WINDOW)))


def _draw_image(
    image: bpy.types.Image, low: tuple[float, float], high: tuple[float, float], u0: float, u1: float,
) -> None:
    """Columns u0 to u1 of an image, 0..1, between two corners of the region, as the image itself looks."""
    (x0, y0), (x1, y1) = low, high
    shader = gpu.shader.from_builtin(compat.IMAGE_SHADER)
    batch = batch_for_shader(shader, 'TRI_FAN', {
        "pos": ((x0, y0), (x1, y0), (x1, y1), (x0, y1)), "texCoord": ((u0, 0), (u1, 0), (u1, 1), (u0, 1))})
    shader.uniform_sampler("image", gpu.texture.from_image(image))
    gpu.state.blend_set('ALPHA_PREMULT')
    batch.draw(shader)
    gpu.state.blend_set('ALPHA')


# --- drawing ----------------------------------------------------------------------------------------------

def _outline(corners: Points, color: tuple[float, ...]) -> None:
    """A closed line that is seen on bright pictures and on dark ones."""
    _lines((*corners, corners[0]), ((3.0, SHADOW), (1.0, color)))


def _lines(points: Points, strokes: tuple[tuple[float, tuple[float, ...]], ...]) -> None:
    shader = gpu.shader.from_builtin('POLYLINE_UNIFORM_COLOR')
    batch = batch_for_shader(shader, 'LINE_STRIP', {"pos": [(x, y, 0.0) for x, y in points]})
    shader.uniform_float("viewportSize", gpu.state.viewport_get()[2:])
    pixel = bpy.context.preferences.system.pixel_size
    for width, color in strokes:
        shader.uniform_float("lineWidth", width * pixel)
        shader.uniform_float("color", color)
        batch.draw(shader)


def _tint(corners: Points) -> None:
    shader = gpu.shader.from_builtin('UNIFORM_COLOR')
    batch = batch_for_shader(shader, 'TRIS', {"pos": corners}, indices=((0, 1, 2), (0, 2, 3)))
    shader.uniform_float("color", TINT)
    batch.draw(shader)


def _text_px() -> float:
    return TEXT_PX * bpy.context.preferences.system.ui_scale


def _write(point: tuple[float, float], text: str, color: tuple[float, ...]) -> None:
    font = 0
    blf.size(font, _text_px())
    blf.enable(font, blf.SHADOW)
    blf.shadow(font, 5, 0.0, 0.0, 0.0, 1.0)
    blf.color(font, *color)
    margin = 0.6 * _text_px()                   # what is written stays in sight
    blf.position(font, max(point[0], margin), max(point[1], margin), 0)
    blf.draw(font, text)
    blf.disable(font, blf.SHADOW)


def _tint_mask(mask: bpy.types.Image, corners: Points) -> None:
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
    for space in (bpy.types.SpaceImageEditor, bpy.types.SpaceView3D):
        _handlers.append((space, space.draw_handler_add(_draw, (), 'WINDOW', 'POST_PIXEL')))


def unregister() -> None:
    while _handlers:
        space, handler = _handlers.pop()
        space.draw_handler_remove(handler, 'WINDOW')
    _mask_shader.cache_clear()
