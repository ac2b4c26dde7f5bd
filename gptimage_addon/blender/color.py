# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From display colors back to scene-linear light: the scene's view, inverted.

Blender's own inverses of its views ("AgX Base sRGB" and so on) are coarse tables for some of them: photographs come back
up to 3.5 of 255 levels off on average under Khronos PBR Neutral. And they know nothing of the look, exposure, gamma,
curves and white balance that the view has besides. So they are only the first guess here, which is then improved
against what the view really shows.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np

from . import compat
from .images import saving_as
from .paths import scratch_file

__all__ = ("invert_view", "view_alterations", "view_space")

_ROW_PX = 1024              # of the pictures that colors pass through Blender in


def view_space(scene: bpy.types.Scene) -> str:
    """The image color space nearest to the inverse of the scene's view; "sRGB" where Blender has none of its own."""
    view = scene.view_settings.view_transform
    known = bpy.types.ColorManagedInputColorspaceSettings.bl_rna.properties["name"].enum_items
    return next((name for name in (f"{view} sRGB", f"{view} Base sRGB", view) if name in known), "sRGB")


def view_alterations(scene: bpy.types.Scene) -> list[str]:
    """What the scene's view does besides its view transform, in words."""
    view = scene.view_settings
    return [words for words, present in (
        (f"the look {view.look}", view.look != 'None'),
        ("exposure", view.exposure != 0.0),
        ("gamma", view.gamma != 1.0),
        ("curves", view.use_curve_mapping),
        ("white balance", getattr(view, "use_white_balance", False)),       # from 4.3 on
        (f"the display {scene.display_settings.display_device}", scene.display_settings.display_device != 'sRGB'),
    ) if present]


def invert_view(scene: bpy.types.Scene, rgb_display: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(rgb_linear, difference): scene-linear colors that the scene's view shows as these display colors.

    All are (n, 3) float32, display values 0 to 1. `difference` is how far the shown color is from the wished one, per
    channel: near 0 but where the view cannot show it at all, such as a pure red under AgX; then this is the nearest that
    the solver found. Takes some microseconds a color, so ask for each only once.
    """
    guess = _decoded(rgb_display, view_space(scene)) * np.float32(2.0 ** -scene.view_settings.exposure)
    with saving_as(scene, file_format='TIFF', color_mode='RGB', color_depth='16', tiff_codec='NONE'), \
            scratch_file(".tif") as path:
        return _solve(lambda rgb_linear: _shown(scene, rgb_linear, path), rgb_display.astype(np.float32), guess)


def _shown(scene: bpy.types.Scene, rgb_linear: np.ndarray, path: Path) -> np.ndarray:
    """Display colors that the scene's view makes of scene-linear ones, with 16 bits, by way of a file."""
    image = _strip(rgb_linear, compat.working_space())
    try:
        image.save_render(str(path), scene=scene)
    finally:
        bpy.data.images.remove(image)
    image = bpy.data.images.load(str(path))
    try:
        image.colorspace_settings.name = "Non-Color"
        return _colors(image, len(rgb_linear))
    finally:
        bpy.data.images.remove(image)


def _decoded(rgb_display: np.ndarray, space: str) -> np.ndarray:
    """Scene-linear colors of display ones, by Blender's image color space."""
    image = _strip(rgb_display, "Non-Color")
    try:
        image.pack()
        image.colorspace_settings.name = space          # reads the packed values again, as colors of that space
        return _colors(image, len(rgb_display))
    finally:
        bpy.data.images.remove(image)


def _strip(rgb: np.ndarray, space: str) -> bpy.types.Image:
    """A float image with these values of the color space, row by row."""
    height = -(-len(rgb) // _ROW_PX)
    rgba = np.ones((height * _ROW_PX, 4), np.float32)
    rgba[:len(rgb), :3] = rgb
    image = bpy.data.images.new("GPT Image Colors", _ROW_PX, height, alpha=True, float_buffer=True)
    image.colorspace_settings.name = space          # before the pixels: it empties the image
    image.pixels.foreach_set(rgba.ravel())
    return image


def _colors(image: bpy.types.Image, count: int) -> np.ndarray:
    flat = np.empty(image.size[0] * image.size[1] * image.channels, np.float32)
    image.pixels.foreach_get(flat)
    return flat.reshape(-1, image.channels)[:count, :3]


# --- the solver -------------------------------------------------------------------------------------------

_KNEE = np.float32(2.0 ** -10)  # linear light below it, logarithmic above: what views are even in
_LIGHT = (-16.0, 16384.0)   # colors outside sRGB's gamut are partly negative
_FAR = 4 / 255              # from here on the guess is first tried at other exposures
_BRACKET = (-2, -1, 1, 2)   # stops
_CLOSE = 0.3 / 255          # rounds to the same 8-bit value
_NUDGE = np.float32(0.05)   # about a twentieth of a stop, well above the 16 bits' rounding
_STRIDE = 3.0
_STEPS = 10
_DAMPING = 0.01
_LEAST_DAMPING = 1e-4       # where the view shows a direction as nothing, there must be some left to solve for
_STUCK = 1e3                # reached when nothing came of five steps


def _solve(
    show: Callable[[np.ndarray], np.ndarray], target: np.ndarray, guess: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """(light, difference): light (n, 3) that `show` turns into the target (n, 3) as nearly as can be found from the guess.

    Levenberg's and Marquardt's method for each color by itself, with slopes by differences: `show` is a black box, in which
    tables are interpolated. Never worse than the guess.
    """
    low, high = np.arcsinh(np.float32(_LIGHT) / _KNEE)
    axes = np.eye(3, dtype=np.float32)

    def light(place: np.ndarray) -> np.ndarray:
        return _KNEE * np.sinh(place)

    def place_of(wanted: np.ndarray) -> np.ndarray:
        return np.arcsinh(wanted / _KNEE).clip(low, high)

    at = place_of(guess)
    shown = show(light(at))
    error = np.square(shown - target).sum(axis=1)

    def move(rows: np.ndarray, to: np.ndarray) -> np.ndarray:
        """Take the new places where they are better; which are."""
        found = show(light(to))
        found_error = np.square(found - target[rows]).sum(axis=1)
        better = found_error < error[rows]
        moved = rows[better]
        at[moved], shown[moved], error[moved] = to[better], found[better], found_error[better]
        return better

    rows = np.flatnonzero(np.abs(shown - target).max(axis=1) > _FAR)
    if rows.size:
        for stops in _BRACKET:
            move(rows, place_of(guess[rows] * np.float32(2.0 ** stops)))
    damping = np.full(len(at), _DAMPING, np.float32)
    for _ in range(_STEPS):
        rows = np.flatnonzero((np.abs(shown - target).max(axis=1) > _CLOSE) & (damping < _STUCK))
        if not rows.size:
            break
        probes = at[rows] + _NUDGE * axes[:, None]                                          # (axis, color, channel)
        slope = (show(light(probes.reshape(-1, 3))).reshape(probes.shape) - shown[rows]) / _NUDGE
        normal = np.einsum("anc,bnc->nab", slope, slope)
        spread = np.trace(normal, axis1=1, axis2=2) / 3 + 1e-6
        normal += (damping[rows] * spread)[:, None, None] * axes
        pull = np.einsum("anc,nc->na", slope, target[rows] - shown[rows])
        step = np.linalg.solve(normal, pull[:, :, None])[:, :, 0].clip(-_STRIDE, _STRIDE)
        better = move(rows, (at[rows] + step).clip(low, high))
        damping[rows] = np.maximum(damping[rows] * np.where(better, np.float32(0.1), np.float32(10)), _LEAST_DAMPING)
    return light(at), np.abs(shown - target)
