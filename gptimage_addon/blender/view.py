# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture's place in an editor, and what is drawn over it there: in fractions of the picture, from its bottom left."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import bpy
import numpy as np

from ..core.errors import InputError
from . import compat

__all__ = (
    "Frame", "Stroke", "annotation_strokes", "camera_frame", "camera_of", "is_covered", "picture_frame", "show_image", "view_strokes",
    "window_region",
)


# --- the picture in an editor -------------------------------------------------------------------------------

class Frame(NamedTuple):
    """Where a picture lies in a region: its bottom left and top right corners, in pixels of the region."""

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def width(self) -> float:
        return self.x1 - self.x0

    def point(self, fraction_x: float, fraction_y: float) -> tuple[float, float]:
        """The region's point at fractions of the picture from its bottom left."""
        return self.x0 + fraction_x * (self.x1 - self.x0), self.y0 + fraction_y * (self.y1 - self.y0)

    def fraction(self, x: float, y: float) -> tuple[float, float]:
        """The inverse of `point`."""
        return (x - self.x0) / (self.x1 - self.x0), (y - self.y0) / (self.y1 - self.y0)


def camera_of(scene: bpy.types.Scene) -> bpy.types.Object:
    """The scene's camera. Raises InputError(field="mask") if there is none."""
    if scene.camera is None or scene.camera.type != 'CAMERA':
        raise InputError("The scene has no camera", field="mask", hint="Add one: the mask is what it sees")
    return scene.camera


def camera_frame(
    scene: bpy.types.Scene, region: bpy.types.Region, region_3d: bpy.types.RegionView3D,
) -> Frame:
    """Where what the scene's camera sees lies in the region. Cheap, for drawing.

    The picture fills it linearly. Raises InputError(field="mask") where the 3D Viewport does not look through a camera.
    """
    from bpy_extras.view3d_utils import location_3d_to_region_2d        # not needed to register

    camera = camera_of(scene)
    if region_3d.view_perspective != 'CAMERA':
        raise InputError("The 3D Viewport does not look through the camera", field="mask", hint="Press Numpad 0 over it")
    matrix = camera.matrix_world.normalized()
    x, y = zip(*(location_3d_to_region_2d(region, region_3d, matrix @ corner)
                 for corner in camera.data.view_frame(scene=scene)), strict=True)
    return Frame(min(x), min(y), max(x), max(y))


def picture_frame(
    scene: bpy.types.Scene, area_type: str, region: bpy.types.Region, region_data: bpy.types.RegionView3D | None,
) -> Frame | None:
    """Where the picture of an Image Editor, or the frame of a 3D Viewport's camera, lies in the region. Cheap; drawing may call it."""
    if area_type == 'VIEW_3D':
        in_camera = region_data is not None and region_data.view_perspective == 'CAMERA' and scene.camera is not None
        return camera_frame(scene, region, region_data) if in_camera else None
    to_region = region.view2d.view_to_region        # the view's 0 to 1 spans the picture
    (x0, y0), (x1, y1) = to_region(0.0, 0.0, clip=False), to_region(1.0, 1.0, clip=False)
    return Frame(x0, y0, x1, y1)


def show_image(area: bpy.types.Area, image: bpy.types.Image | None) -> None:
    """Show an image in an Image Editor, as large and where the one before was.

    From 5.0 on the editor remembers its zoom for each image, and a new one begins in the middle at 100 %. What it will do it
    only knows when it has drawn once, so that is put right a moment later.
    """
    space = area.spaces.active
    region, _ = window_region(area)
    had = space.image is not None
    frame, zoom = picture_frame(bpy.context.scene, area.type, region, None), space.zoom[0]
    space.image = image
    if had and image is not None and not bpy.app.background:
        bpy.app.timers.register(lambda: _keep_view(area.as_pointer(), image.name_full, frame, zoom), first_interval=0.05)


def _keep_view(area_pointer: int, name: str, frame: Frame, zoom: float) -> None:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            space = area.spaces.active
            if area.as_pointer() != area_pointer or area.type != 'IMAGE_EDITOR' or not space.image or space.image.name_full != name:
                continue
            region, _ = window_region(area)
            now, now_zoom = picture_frame(window.scene, area.type, region, None), space.zoom[0]
            if max(abs(a - b) for a, b in zip(now, frame, strict=True)) < 2:
                return
            # How far the picture is off the region's middle, in its own pixels: that is what panning changes.
            off = [((size - (high - low)) / 2 - low) / scale for seen, scale in ((now, now_zoom), (frame, zoom)) for size, low, high in
                   ((region.width, seen.x0, seen.x1), (region.height, seen.y0, seen.y1))]
            with bpy.context.temp_override(window=window, area=area, region=region):
                bpy.ops.image.view_zoom_ratio(ratio=zoom)
                bpy.ops.image.view_pan(offset=(off[2] - off[0], off[3] - off[1]))


def window_region(area: bpy.types.Area) -> tuple[bpy.types.Region | None, bpy.types.RegionView3D | None]:
    """The region of an editor in which its picture is, and for a 3D Viewport its view."""
    region = next((region for region in area.regions if region.type == 'WINDOW'), None)
    return region, getattr(area.spaces.active, "region_3d", None)


def is_covered(area: bpy.types.Area, x: int, y: int) -> bool:
    """Whether a sidebar, header or toolbar lies over a point of the window."""
    return any(region.type != 'WINDOW' and region.x <= x < region.x + region.width and region.y <= y < region.y + region.height
               and region.width > 1 and region.height > 1 for region in area.regions)


# --- annotations ------------------------------------------------------------------------------------------

class Stroke(NamedTuple):
    """An annotation stroke: points (n, 2) as fractions of the picture from its bottom left, and its color (display)."""

    points: np.ndarray
    color: tuple[float, ...]


def annotation_strokes(space: bpy.types.SpaceImageEditor) -> list[Stroke]:
    """The annotation strokes drawn in the Image Editor."""
    return [Stroke(points[:, :2], color)
            for _, color, points in _strokes(compat.annotation(space), bpy.context.scene.frame_current)]


def view_strokes(scene: bpy.types.Scene) -> list[Stroke]:
    """The annotation strokes of the 3D Viewport as the scene's camera sees them.

    Strokes on something (the 3D cursor's depth, a surface) are looked at from the camera; points behind it are left
    out. Strokes on the view are stored as percentages of the picture that the 3D Viewport framed. Raises InputError.
    """
    camera_of(scene)
    strokes = [Stroke(_fractions_of_view(scene, points) if _is_on_view(scene, stroke, points) else _seen_from_camera(scene, points), color)
               for stroke, color, points in _strokes(compat.annotation(scene), scene.frame_current)]
    return [stroke for stroke in strokes if len(stroke.points)]


def _strokes(
    annotation: bpy.types.ID | None, frame: int,
) -> Iterator[tuple[bpy.types.bpy_struct, tuple[float, ...], np.ndarray]]:
    """The strokes that are shown at the frame, with their colors and points (n, 3)."""
    for layer in annotation.layers if annotation else ():
        # Not the layer's active frame: Blender knows that only once it has drawn it.
        begun = [drawn for drawn in layer.frames if drawn.frame_number <= frame]
        if layer.annotation_hide or not begun:
            continue
        for stroke in max(begun, key=lambda drawn: drawn.frame_number).strokes:
            points = np.empty(len(stroke.points) * 3, np.float32)
            stroke.points.foreach_get("co", points)
            yield stroke, tuple(layer.color), points.reshape(-1, 3)


def _is_on_view(scene: bpy.types.Scene, stroke: bpy.types.bpy_struct, points: np.ndarray) -> bool:
    """Whether the stroke was drawn on the view, not on something in the scene. 4.3 to 5.1 do not tell.

    Points on the view have no depth at all. Those in the scene can only lie at 0 to the last bit where they were
    drawn from straight above: then the tool's setting decides.
    """
    if hasattr(stroke, "display_mode"):
        return stroke.display_mode != '3DSPACE'
    is_upright = bool(np.allclose(scene.camera.matrix_world.normalized().col[2][:2], 0, atol=1e-5))
    return not points[:, 2].any() and (not is_upright or scene.tool_settings.annotation_stroke_placement_view3d == 'VIEW')


def _fractions_of_view(scene: bpy.types.Scene, points: np.ndarray) -> np.ndarray:
    """Blender draws them in the frame that the camera would have without shift."""
    low, high = _frame(scene)
    lens = scene.camera.data
    size = high - low
    # Both shifts are shares of the longer side, or of the side that the sensor is fit to.
    fit = {'HORIZONTAL': size[0], 'VERTICAL': size[1]}.get(lens.sensor_fit, size.max())
    return points[:, :2] / 100 - np.array((lens.shift_x, lens.shift_y)) * fit / size


def _seen_from_camera(scene: bpy.types.Scene, points: np.ndarray) -> np.ndarray:
    low, high = _frame(scene)
    to_camera = np.array(scene.camera.matrix_world.normalized().inverted())
    seen = points @ to_camera[:3, :3].T + to_camera[:3, 3]
    depth = -seen[:, 2:]
    seen, depth = seen[depth[:, 0] > 0], depth[depth[:, 0] > 0]
    flat = seen[:, :2] if scene.camera.data.type == 'ORTHO' else seen[:, :2] / depth
    return (flat - low) / (high - low)


def _frame(scene: bpy.types.Scene) -> tuple[np.ndarray, np.ndarray]:
    """The lowest and the highest (x, y) that the camera sees: at a distance of 1, if that matters."""
    lens = scene.camera.data
    corners = np.array(lens.view_frame(scene=scene))
    if lens.type != 'ORTHO':
        corners /= -corners[:, 2:]
    return corners[:, :2].min(axis=0), corners[:, :2].max(axis=0)
