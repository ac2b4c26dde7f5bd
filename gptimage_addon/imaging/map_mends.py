# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the material check finds, mended: a color map or a map without it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..core.errors import InputError
from .color import display_from_linear
from .delight import delight
from .map_checks import ALBEDO
from .maps import derive_maps
from .relief import Wrap, decode_normal, encode_normal, height_from_normal, linear_channel, normal_from_height

__all__ = ("mended", "within_albedo")


def mended(
    name: str, problem: str, color: np.ndarray, maps: Mapping[str, np.ndarray], *, wrap: Wrap, prompt: str, width_m: float, relief_m: float,
) -> np.ndarray:
    """The "color" or a map without a problem that `check_maps` has found, in pixels of its own depth.

    What is lost for good, in clipped maps and in those that do not meet at the edges, is derived from the color once more; the
    sizes are those of `derive_maps`. Raises InputError with the field `mend` for a problem that needs another cure.
    """
    if name == "color":
        if problem == "shading_left":
            return delight(color, strength=1.0, wrap=wrap)
        if problem in ("albedo_too_dark", "albedo_too_bright"):
            return within_albedo(color)
    elif problem in ("clipped", "wrap"):
        return derive_maps(color[..., :3], (name,), prompt=prompt, wrap=wrap, width_m=width_m, relief_m=relief_m)[name]
    elif problem == "flipped_green":
        out = maps[name].copy()
        full = np.iinfo(out.dtype).max if out.dtype.kind == "u" else 1
        out[..., 1] = full - out[..., 1]
        return out
    elif problem == "not_unit":
        normals = decode_normal(maps[name])
        # Where a map says nothing at all, the surface is flat.
        normals[(normals * normals).sum(axis=2) < 0.01] = 0, 0, 1
        normals /= np.sqrt((normals * normals).sum(axis=2, keepdims=True))
        return encode_normal(normals, dtype=maps[name].dtype)
    elif problem == "not_integrable":
        size = {"relief_m": relief_m, "width_m": width_m, "wrap": wrap}
        return encode_normal(normal_from_height(height_from_normal(decode_normal(maps[name]), **size), **size), dtype=maps[name].dtype)
    raise InputError(f"{problem} of the {name} map cannot be mended", field="mend", hint="Choose another image")


def within_albedo(color: np.ndarray) -> np.ndarray:
    """The color map (h, w, 3 or 4), display-referred, with the linear range 0 to 1 laid into that of ALBEDO. Nothing is clipped.

    A straight line, so the middle stays where it is: what reflects 18 % then reflects 17.8 %.
    """
    out = color.copy()
    full = np.iinfo(color.dtype).max if color.dtype.kind == "u" else 1
    low, high = ALBEDO
    for channel in range(3):
        linear = linear_channel(color, channel) * np.float32(high - low) + np.float32(low)
        shown = display_from_linear(linear[..., None])[..., 0] * np.float32(full)
        out[..., channel] = np.rint(shown) if color.dtype.kind == "u" else shown
    return out
