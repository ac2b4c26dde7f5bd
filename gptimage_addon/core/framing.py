# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A camera's frame made larger: what it already shows stays where it is, pixel for pixel, and more comes at the sides.

The rules are those of Blender's BKE_camera_params_compute_viewplane (source/blender/blenkernel/intern/camera.cc).
"""

from __future__ import annotations

import math
from typing import NamedTuple

from .catalog import EDGE_STEP_PX, MAX_EDGE_PX, MAX_PIXELS, MAX_RATIO, MIN_PIXELS
from .errors import InputError

__all__ = ("Concept", "Frame", "concept_sizes", "extended")


class Frame(NamedTuple):
    """What decides on a camera's view plane. `zoom` is the focal length in mm, or 1 / orthographic scale.

    `sensor_fit` is 'AUTO', 'HORIZONTAL' or 'VERTICAL'; `pixel_aspect` is height over width of a pixel's shape in the
    render settings (pixel_aspect_y / pixel_aspect_x); the shifts are in shares of the side that fits.
    """

    width_px: int
    height_px: int
    pixel_aspect: float
    sensor_fit: str
    zoom: float
    shift_x: float
    shift_y: float

    @property
    def fitting_px(self) -> float:
        """The length, in widths of pixels, that the sensor spans."""
        height = self.height_px * self.pixel_aspect
        if self.sensor_fit == 'AUTO':
            return self.width_px if self.width_px >= height else height
        return self.width_px if self.sensor_fit == 'HORIZONTAL' else height


def extended(frame: Frame, left: int, top: int, right: int, bottom: int) -> Frame:
    """The frame with so many pixels more at its sides (fewer where negative)."""
    larger = frame._replace(width_px=frame.width_px + left + right, height_px=frame.height_px + top + bottom)
    before, after = frame.fitting_px, larger.fitting_px
    return larger._replace(
        zoom=frame.zoom * before / after,
        shift_x=(frame.shift_x * before + (right - left) / 2) / after,
        shift_y=(frame.shift_y * before + frame.pixel_aspect * (top - bottom) / 2) / after)


class Concept(NamedTuple):
    """What is asked of the service for a picture of a camera's frame, and the part in its middle that is the frame."""

    width_px: int
    height_px: int
    frame_width_px: int
    frame_height_px: int

    @property
    def size(self) -> str:
        return f"{self.width_px}x{self.height_px}"


def concept_sizes(frame: Frame) -> Concept:
    """The request for a picture in the exact shape of the frame: as large as the frame, as far as the service makes that.

    The side that the sensor spans is asked for as it is; the other one is a little longer, to a length that the service makes, so that
    the same camera at the request's size sees the frame and some more on both sides of it. Raises InputError for a frame more than
    three times as long as it is wide.
    """
    width, height = frame.width_px, frame.height_px * frame.pixel_aspect
    spans_width = frame.fitting_px == frame.width_px
    ratio = height / width if spans_width else width / height           # of the other side to the one that the sensor spans
    if not 1 / MAX_RATIO <= ratio <= MAX_RATIO:
        raise InputError(f"The camera's frame, {frame.width_px} x {frame.height_px} px, is too long", field="size",
                         hint="The service makes pictures up to three times as long as wide. Change the resolution")

    def other(spanned: int) -> int:
        return math.ceil(spanned * ratio / EDGE_STEP_PX - 1e-9) * EDGE_STEP_PX

    def fits(spanned: int) -> bool:
        sides = spanned, other(spanned)
        return max(sides) <= MAX_EDGE_PX and max(sides) <= MAX_RATIO * min(sides) and MIN_PIXELS <= sides[0] * sides[1] <= MAX_PIXELS

    wanted = width if spans_width else height
    spanned = min((step * EDGE_STEP_PX for step in range(1, MAX_EDGE_PX // EDGE_STEP_PX + 1) if fits(step * EDGE_STEP_PX)),
                  key=lambda length: abs(length - wanted), default=0)
    if not spanned:
        raise InputError("The service makes no picture in the shape of the camera's frame", field="size", hint="Change the resolution a little")
    sides = (spanned, other(spanned), spanned, round(spanned * ratio))
    return Concept(*sides) if spans_width else Concept(sides[1], sides[0], sides[3], sides[2])
