# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A camera's frame made larger: what it already shows stays where it is, pixel for pixel, and more comes at the sides.

The rules are those of Blender's BKE_camera_params_compute_viewplane (source/blender/blenkernel/intern/camera.cc).
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ("Frame", "extended")


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
