# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the practice service's surfaces are made of: noise, cells, lines, and mixing of colors.

Planes are float32 (h, w); a surface is its three color planes (display sRGB, about 0..1) and its height plane
(0 deep, 1 high). Lengths are in units of a thousandth of the shorter edge, so that a picture shows the same
thing at every size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

__all__ = (
    "RGB", "Frame", "Look", "Plane", "Surface", "cells", "darker", "fbm", "grain", "lines", "mix", "resize", "ridges",
    "step", "times", "tint", "vary",
)

Plane = np.ndarray
RGB = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Frame:
    """What is drawn on: its size in pixels and where randomness comes from."""

    width_px: int
    height_px: int
    rng: np.random.Generator

    @property
    def unit(self) -> float:
        """Pixels per unit of length."""
        return min(self.width_px, self.height_px) / 1000

    @property
    def x(self) -> Plane:
        """Pixel centers as float32 (1, w), in pixels."""
        return np.arange(self.width_px, dtype=np.float32)[None, :] + 0.5

    @property
    def y(self) -> Plane:
        """Pixel centers as float32 (h, 1), in pixels."""
        return np.arange(self.height_px, dtype=np.float32)[:, None] + 0.5


@dataclass(frozen=True, slots=True)
class Look:
    """What the words ask for: all of them, and the colors among them in order."""

    words: frozenset[str]
    colors: tuple[RGB, ...] = ()
    hue_seed: int = 0

    def color(self, usual: RGB, index: int = 0) -> RGB:
        """The color asked for, a little toward the material's own: a red brick is not painted red."""
        if len(self.colors) <= index:
            return usual
        r, g, b = (0.78 * asked + 0.22 * own for asked, own in zip(self.colors[index], usual, strict=True))
        return r, g, b

    def has(self, *words: str) -> bool:
        return not self.words.isdisjoint(words)


@dataclass(slots=True)
class Surface:
    """Color planes and height of something. `joints` tells whether the deep parts are joints where things gather."""

    rgb: list[Plane]
    height: Plane
    relief: float = 0.25
    joints: bool = True


# --- Noise ------------------------------------------------------------------------------------------------

def resize(plane: Plane, width: int, height: int, how: Image.Resampling = Image.Resampling.BICUBIC) -> Plane:
    """A float32 plane at another size."""
    return np.asarray(Image.fromarray(plane).resize((width, height), how))


def fbm(
    frame: Frame, cell: float, octaves: int = 5, gain: float = 0.55, stretch_x: float = 1.0, stretch_y: float = 1.0,
) -> Plane:
    """Fractal noise of mean 0 and deviation 1, whose coarsest features are `cell` units, stretched along an axis."""
    rng, grid = frame.rng, None
    size_px = cell * frame.unit
    for octave in range(octaves):
        columns = int(frame.width_px / (size_px * stretch_x)) + 3
        rows = int(frame.height_px / (size_px * stretch_y)) + 3
        columns, rows = min(columns, frame.width_px), min(rows, frame.height_px)
        layer = rng.standard_normal((rows, columns), dtype=np.float32)
        layer *= gain ** octave
        grid = layer if grid is None else resize(grid, columns, rows) + layer
        size_px /= 2
        if size_px * min(stretch_x, stretch_y) < 1.0:
            break
    noise = resize(grid, frame.width_px, frame.height_px).copy()
    sample = noise[::5, ::5]
    noise -= sample.mean()
    noise /= sample.std() + 1e-6
    return noise


def grain(frame: Frame) -> Plane:
    """White noise, one value per pixel, deviation 1; softer on large pictures, where one pixel is no longer a grain."""
    if frame.unit < 1.5:
        return frame.rng.standard_normal((frame.height_px, frame.width_px), dtype=np.float32)
    return fbm(frame, 1000 / 1024, 1)


def step(plane: Plane, low: float, high: float) -> Plane:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((plane - low) * (1.0 / (high - low)), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def cells(
    frame: Frame, cell: float, jitter: float = 0.8, warp: float = 0.0, aspect: float = 1.0,
) -> tuple[Plane, Plane, np.ndarray, int]:
    """Worley cells `cell` units wide: distance to the cell's center, distance to its border (both in units),
    the cell's number (int32) and how many numbers there are. `aspect` widens them, `warp` (units) bends borders.

    Worked out at half size: distances are smooth, and borders are drawn from them at full size.
    """
    width, height = (frame.width_px + 1) // 2, (frame.height_px + 1) // 2
    scale = 2 / (cell * frame.unit)
    x = np.broadcast_to((np.arange(width, dtype=np.float32) + 0.5)[None, :] * (scale / aspect), (height, width))
    y = np.broadcast_to((np.arange(height, dtype=np.float32) + 0.5)[:, None] * scale, (height, width))
    half = Frame(width, height, frame.rng)
    if warp:
        x = x + fbm(half, cell / 2, 3) * (warp / cell)
        y = y + fbm(half, cell / 2, 3) * (warp / cell)
    column, row = np.floor(x).astype(np.int32), np.floor(y).astype(np.int32)
    pad = 4
    columns, rows = int(width * scale / aspect) + 2 * pad + 2, int(height * scale) + 2 * pad + 2
    count = columns * rows
    point_x = ((frame.rng.random((rows, columns), dtype=np.float32) - 0.5) * jitter + 0.5
               + np.arange(columns, dtype=np.float32)[None, :] - pad).ravel()
    point_y = ((frame.rng.random((rows, columns), dtype=np.float32) - 0.5) * jitter + 0.5
               + np.arange(rows, dtype=np.float32)[:, None] - pad).ravel()
    first = np.full((height, width), 99.0, np.float32)
    second = first.copy()
    nearest = np.zeros((height, width), np.int32)
    base = np.clip(row + pad, 1, rows - 2) * columns + np.clip(column + pad, 1, columns - 2)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            number = base + (dy * columns + dx)
            away_x, away_y = point_x[number] - x, point_y[number] - y
            away = away_x * away_x + away_y * away_y
            closer = away < first
            np.minimum(second, np.maximum(first, away), out=second)
            np.minimum(first, away, out=first)
            np.copyto(nearest, number, where=closer)
    first, second = np.sqrt(first), np.sqrt(second)
    size = frame.width_px, frame.height_px
    number = np.repeat(np.repeat(nearest, 2, axis=0), 2, axis=1)[: size[1], : size[0]]
    return resize(first, *size) * cell, resize(second - first, *size) * (cell / 2), number, count


def ridges(noise: Plane, width: float) -> Plane:
    """1 along the noise's zero lines, falling to 0 within `width`: veins, cracks, creases."""
    return np.clip(1.0 - np.abs(noise) * (1.0 / width), 0.0, 1.0)


def lines(frame: Frame, noise: Plane, width: float) -> Plane:
    """1 along the noise's zero lines, falling to 0 within `width` units, the same width everywhere."""
    slope = np.full_like(noise, 1e-3)
    slope[1:, 1:] += np.hypot(noise[1:, 1:] - noise[:-1, 1:], noise[1:, 1:] - noise[1:, :-1])
    return np.clip(1.0 - np.abs(noise) / (slope * np.float32(width * frame.unit)), 0.0, 1.0)


# --- Color ------------------------------------------------------------------------------------------------

def tint(color: RGB, value: Plane) -> list[Plane]:
    """A color times a brightness plane."""
    return [value * np.float32(c) for c in color]


def mix(rgb: list[Plane], over: list[Plane] | RGB, mask: Plane) -> list[Plane]:
    """`over` laid on `rgb` where the mask is 1."""
    return [under + (top - under) * mask for under, top in zip(rgb, over, strict=True)]


def vary(frame: Frame, count: int, number: np.ndarray, value: float, hue: float) -> list[Plane]:
    """Per-piece color factors, three planes about 1: brightness by `value`, warm to cool by `hue`."""
    brightness = 1 + value * np.clip(frame.rng.standard_normal(count, dtype=np.float32), -2, 2)
    warmth = hue * np.clip(frame.rng.standard_normal(count, dtype=np.float32), -2, 2)
    return [np.take(brightness * (1 + warmth * k), number) for k in (0.6, 0.0, -0.8)]


def times(rgb: list[Plane], factors: list[Plane] | Plane) -> list[Plane]:
    if isinstance(factors, list):
        return [plane * factor for plane, factor in zip(rgb, factors, strict=True)]
    return [plane * factors for plane in rgb]


def darker(color: RGB, by: float) -> RGB:
    return color[0] * by, color[1] * by, color[2] * by
