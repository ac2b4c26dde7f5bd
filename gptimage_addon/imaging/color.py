# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Between what Blender calculates with and what is shown: scene-linear Rec.709, and display sRGB.

The curves are those of IEC 61966-2-1. No view transform is in them: this is the Standard view.
"""

from __future__ import annotations

import numpy as np

__all__ = ("LUMA_DISPLAY", "LUMINANCE_LINEAR", "display_from_linear", "linear_from_display")

# How bright the parts of a color are: of display values by ITU-R BT.601, of linear ones by BT.709.
LUMA_DISPLAY = np.array([0.299, 0.587, 0.114], np.float32)
LUMINANCE_LINEAR = np.array([0.2126, 0.7152, 0.0722], np.float32)


def display_from_linear(pixels_linear: np.ndarray, *, is_data: bool = False) -> np.ndarray:
    """Straight display colors, float32 0..1, of linear floats (..., 3), or (..., 4) with premultiplied alpha.

    With `is_data` the numbers are no colors and only clipped. What is brighter than white becomes white.
    """
    rgb = np.nan_to_num(pixels_linear[..., :3].astype(np.float32, copy=False), posinf=1e6, neginf=0.0)
    alpha = np.clip(np.nan_to_num(pixels_linear[..., 3:].astype(np.float32, copy=False)), 0, 1)
    if alpha.shape[-1]:
        rgb = np.divide(rgb, alpha, out=np.zeros_like(rgb), where=alpha > 0)
    rgb = np.clip(rgb, 0, 1)
    if not is_data:
        rgb = np.where(rgb <= 0.0031308, rgb * np.float32(12.92),
                       np.float32(1.055) * rgb ** np.float32(1 / 2.4) - np.float32(0.055))
    return np.concatenate((rgb, alpha), axis=-1)


def linear_from_display(pixels_display: np.ndarray, *, is_data: bool = False) -> np.ndarray:
    """Linear floats of straight display colors, 0..1: the inverse of `display_from_linear`."""
    rgb = pixels_display[..., :3].astype(np.float32, copy=False)
    if not is_data:
        rgb = np.where(rgb <= 0.04045, rgb / np.float32(12.92),
                       ((rgb + np.float32(0.055)) / np.float32(1.055)) ** np.float32(2.4))
    alpha = pixels_display[..., 3:].astype(np.float32, copy=False)
    return np.concatenate((rgb * alpha if alpha.shape[-1] else rgb, alpha), axis=-1)
