# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the maps of a material, as numbers and sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .delight import shading_of
from .relief import Wrap, binomial, decode_normal, gradients, luminance, map_float, rgb_of, slopes_of
from .tile import WrapScore

__all__ = ("ALBEDO", "Finding", "check_maps", "check_tiling")

# Linear: from coal (0.02 to 0.04) to fresh snow (0.8 to 0.9), as charts for physically based shading have it:
# Lagarde, "Feeding a physically based shading model", 2011; Adobe, "The PBR guide", part 2 (sRGB 30 or 50 to 240).
ALBEDO = (0.02, 0.9)
_ALBEDO_SHARE = 0.05        # of the pixels may lie beyond
_CLIPPED_SHARE = 0.005      # of the pixels may be at an end of the range
_UNIT = 2 / 255             # a normal's length may be off; 8 bits alone make it off by 1.7
_CURL = 0.5                 # of what the slopes' changes are: 1 where they have nothing to do with each other
_SHADING = 0.15             # the usual log of the slow light: 15 %
_STEP = 1.5                 # how much worse than the color's a step across the edge may be
_EDGE = 1.5                 # times the usual step inside: what steps more across the wrap line is seen
_POOR = 0.75                # of the rest's detail: less about the seams is a blur
_PATTERN = 40.0             # levels of slow changes: more shows as a pattern when the picture repeats
_SMALL = 16                 # pixels: below, nothing can be said


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with a map.

    `map` is "color" or the name of a map, `problem` a stable id: "wrong_size", "clipped", "not_unit", "not_integrable",
    "flipped_green", "albedo_too_dark", "albedo_too_bright", "shading_left" or "wrap". `message` is a sentence without its
    final period, `value` the number in it.
    """

    map: str
    problem: str
    message: str
    value: float


def check_tiling(score: WrapScore, axes: str) -> tuple[Finding, ...]:
    """What shows when a picture of that score is repeated along the axes: "edges", "blurred_seams" or "pattern", of the color."""
    found = []
    step = max(score.step_x if axis == "x" else score.step_y for axis in axes) if axes else 0.0
    if step > _EDGE:
        found.append(Finding("color", "edges", f"The edges do not meet: the step there is {step:.1f} times the usual one", step))
    if axes and score.detail < _POOR:
        found.append(Finding("color", "blurred_seams", f"About the seams is {score.detail:.0%} of the detail that the rest has",
                             score.detail))
    if axes and score.gradient > _PATTERN:
        found.append(Finding("color", "pattern", f"Slow changes of {score.gradient:.0f} levels show as a pattern when it repeats",
                             score.gradient))
    return tuple(found)


def check_maps(color: np.ndarray, maps: Mapping[str, np.ndarray], *, wrap: Wrap) -> tuple[Finding, ...]:
    """All that is wrong with a display-referred color map (h, w, 3 or 4) and the maps that belong to it.

    Maps are as `derive_maps` makes them, or as a model's answers are read: uint8, uint16, or float32 0..1. A map of a wrong
    size is not looked at any further.
    """
    found = _check_color(rgb_of(color), wrap)
    sizes = [_edge_step(map_float(color[..., :3]), axis)[0] for axis in (0, 1)] if maps else []
    for name, pixels in maps.items():
        if pixels.shape[:2] != color.shape[:2]:
            height, width = pixels.shape[:2]
            found.append(Finding(name, "wrong_size", f"The {name} map is {width}x{height} pixels, the color map "
                                 f"{color.shape[1]}x{color.shape[0]}", width / color.shape[1]))
            continue
        found += _check_range(name, pixels)
        if name == "normal":
            found += _check_normal(decode_normal(pixels), wrap)
        found += _check_edges(name, pixels, wrap, sizes)
    return tuple(found)


def _check_color(color: np.ndarray, wrap: Wrap) -> list[Finding]:
    found = []
    tone = luminance(color)
    # Transparent pixels have no color.
    seen = np.ones(tone.shape, bool) if color.shape[2] == 3 else map_float(color[..., 3]) > 0.5
    count = max(int(seen.sum()), 1)
    dark, bright = (float((beyond & seen).sum()) / count for beyond in (tone < ALBEDO[0], tone > ALBEDO[1]))
    if dark > _ALBEDO_SHARE:
        found.append(Finding("color", "albedo_too_dark", f"{dark:.0%} of the color map is darker than coal", dark))
    if bright > _ALBEDO_SHARE:
        found.append(Finding("color", "albedo_too_bright", f"{bright:.0%} of the color map is brighter than fresh snow",
                             bright))
    if min(tone.shape) >= _SMALL:
        light = float(np.sqrt(np.mean(np.square(shading_of(color, wrap=wrap)), dtype=np.float64)))
        if light > _SHADING:
            found.append(Finding("color", "shading_left", f"Light baked into the color map varies by {light:.0%}", light))
    return found


def _check_range(name: str, pixels: np.ndarray) -> list[Finding]:
    if name not in ("height", "roughness", "ao"):           # the others are at their ends by nature
        return []
    full = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 1.0
    shares = [("lowest", float((pixels <= 0).mean()))]
    if name != "ao":                                        # 1 is a plane
        shares.append(("highest", float((pixels >= full).mean())))
    return [Finding(name, "clipped", f"{share:.1%} of the {name} map is clipped at the {end} value", share)
            for end, share in shares if share > _CLIPPED_SHARE]


def _check_normal(normals: np.ndarray, wrap: Wrap) -> list[Finding]:
    found = []
    off = abs(np.sqrt(np.einsum("ijk,ijk->ij", normals, normals)) - 1)
    share = float((off > _UNIT).mean())
    if share > _CLIPPED_SHARE:
        found.append(Finding("normal", "not_unit", f"{share:.1%} of the normals are not of length 1", share))
    if min(off.shape) < _SMALL:
        return found
    # Slightly smoothed, or what 8 bits round away would count.
    x, y = (binomial(part, (1, 2), wrap) for part in slopes_of(normals))
    x_by_y, y_by_x = gradients(x, wrap)[1], gradients(y, wrap)[0]
    whole = float(np.square(x_by_y).sum(dtype=np.float64) + np.square(y_by_x).sum(dtype=np.float64))
    noise = (1 / 255) ** 2 / 16 * off.size
    if whole <= noise:                          # as good as flat
        return found
    # d/drow of d/dx must be d/dx of d/drow; with green the wrong way round they are opposite.
    curl, flipped = (float(np.sqrt(np.square(x_by_y + sign * y_by_x).sum(dtype=np.float64) / whole)) for sign in (-1, 1))
    if flipped < _CURL and flipped < 0.5 * curl:
        found.append(Finding("normal", "flipped_green", "The normal map's green points down, as DirectX has it", curl))
    elif curl > _CURL:
        found.append(Finding("normal", "not_integrable", "The normals are those of no surface: their slopes contradict "
                             f"each other by {curl:.0%}", curl))
    return found


def _edge_step(pixels: np.ndarray, axis: int) -> tuple[float, float, float]:
    """(step across the edge over the usual one inside, the step, the largest one inside) along rows (0) or columns (1)."""
    steps = [float(abs(pixels.take(n + 1, axis) - pixels.take(n, axis)).mean(dtype=np.float64))
             for n in range(pixels.shape[axis] - 1)]
    across = float(abs(pixels.take(0, axis) - pixels.take(-1, axis)).mean(dtype=np.float64))
    usual = max(float(np.mean(steps)), 1e-6) if steps else 1.0
    return across / usual, across, max(steps, default=0.0)


def _check_edges(name: str, pixels: np.ndarray, wrap: Wrap, of_color: list[float]) -> list[Finding]:
    found = []
    values = map_float(pixels)
    for axis, (cyclic, edges) in enumerate(((wrap[1], "top and bottom"), (wrap[0], "left and right"))):
        if cyclic:
            ratio, across, largest = _edge_step(values, axis)
            # The color may have an edge just there, as a joint.
            if ratio > _STEP * max(1.0, of_color[axis]) and across > largest:
                found.append(Finding(name, "wrap", f"The {name} map does not meet at {edges}: the step there is "
                                     f"{ratio:.1f} times the usual one", ratio))
    return found
