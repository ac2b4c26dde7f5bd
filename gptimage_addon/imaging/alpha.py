# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies on a flat background, cut out of it: how opaque each pixel is, and its color without the background's.

A pixel is C = a F + (1 - a) B, in display values, as pictures are drawn. One picture does not tell both a and F. But how much
of the background's hue is in a color, its key k, mixes as colors do: k(C) = a k(F) + (1 - a) k(B), and for a background in a
hue that the subject has not, k(F) is known well enough from the opaque pixels near by: then a is known, whatever else the
subject shows, and F with it. (k is the color difference of Vlahos, US patent 3158477: for green, G - max(R, B).)

A second picture of the same on another background would tell a exactly, if it were the same: models draw a picture anew when
they edit it, and what does not lie where it was to a tenth of a pixel is a worse guess than this one. It would cost twice.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..core.errors import InputError
from ..core.regions import Box
from .masks import grow
from .match import block_means, mad

__all__ = ("CutOut", "cropped", "cut_out", "has_transparency", "visible_box")

_FLAT = 40.0                # levels that a flat background may differ from its middle
_FLAT_SHARE = 0.6           # of the picture's border must be background
_NEAR = 6.0                 # levels that a pixel of the background may be off, or as much as its noise
_EVERY = 5                  # of the picture's pixels on each axis are enough to fit it
_HUE = 80.0                 # levels of key that a background must have to be told by its hue
_UNLIKE = 96.0              # levels away from a background without hue that count as opaque
_NOISE = 0.02               # of an alpha: below it is nothing, and that much below 1 is all
_SURE = 0.97
_EDGE_SHARE = 1 / 400       # of the shorter side: how wide edges are drawn, at most
_FARTHER = 1 / 8            # what a color counts at twice the distance
_FAINT = 0.1                # of an alpha: below it a pixel tells nothing of the subject's color
_UNSURE = 1e-3              # what the color of a pixel counts that may hold some of the background
_EMPTY = 8 / 255            # alpha that is nothing to see, for the bounds
_MARGIN_PX = 2
_STRIP = 128                # rows that are worked on at once; an even number
_LARGE = 2_500_000          # pixels from which on the subject's colors are carried on in cells of two


class CutOut(NamedTuple):
    """`rgba` is uint8 display colors with straight alpha; under transparent pixels lies the color of the nearest opaque ones."""

    rgba: np.ndarray
    background: tuple[int, int, int]


def has_transparency(picture: np.ndarray) -> bool:
    """Whether a picture, uint8 or uint16 (h, w, 3 or 4), has an alpha that shows something through."""
    return picture.shape[2] == 4 and bool((picture[..., 3] < np.iinfo(picture.dtype).max * 0.5).any())


def cut_out(rgb: np.ndarray) -> CutOut:
    """The subject of a picture, uint8 (h, w, 3 or 4) display colors, without its flat background.

    Raises InputError with the field `background` where the picture has none.
    """
    background = _fit_background(rgb)
    height, width = rgb.shape[:2]
    strips = [slice(y, min(y + _STRIP, height)) for y in range(0, height, _STRIP)]      # what is as large as the picture takes memory
    first = np.concatenate([background.parts(rgb, rows)[2] for rows in strips])
    sure = _sure(first)
    factor = 1 if height * width < _LARGE else 2
    grid = np.concatenate([_samples(*background.parts(rgb, rows)[:2], first[rows], sure[rows], background, rows, factor) for rows in strips])
    grid = _carried(grid)
    out = np.empty((height, width, 4), np.uint8)
    for rows in strips:
        color, key, _ = background.parts(rgb, rows)
        near = _enlarged(grid, rows, width, factor)
        out[rows] = _solved(color, key, sure[rows], near, background, rows)
    return CutOut(out, tuple(int(round(float(level))) for level in background.middle))


def visible_box(rgba: np.ndarray) -> Box:
    """The box around what can be seen of a picture, uint8 (h, w, 4). Single stray pixels do not count.

    Raises InputError with the field `background` if it is transparent all over.
    """
    height, width = rgba.shape[:2]
    alpha = rgba[..., 3].astype(np.float32) / 255
    blocks = block_means(np.pad(alpha, [(0, -side % 4) for side in alpha.shape]), 4) > 2 * _EMPTY
    if not blocks.any():
        raise InputError("The picture is transparent all over", field="background", hint="Ask again, in other words")
    (y0, y1), (x0, x1) = ((int(line[0]) * 4, int(line[-1]) * 4 + 4) for line in (np.flatnonzero(blocks.any(axis=side)) for side in (1, 0)))
    # Of the blocks at the edges, and of faint ones beside them, as much as can be seen.
    y0, x0, y1, x1 = max(y0 - 4, 0), max(x0 - 4, 0), min(y1 + 4, height), min(x1 + 4, width)
    seen = alpha[y0:y1, x0:x1] > _EMPTY
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    return Box(x0 + int(columns[0]), y0 + int(rows[0]), x0 + int(columns[-1]) + 1, y0 + int(rows[-1]) + 1)


def cropped(rgba: np.ndarray, box: Box) -> np.ndarray:
    """That part of a picture, uint8 (h, w, 4), with a transparent margin of some pixels."""
    part = rgba[box.slices]
    out = np.pad(part, ((_MARGIN_PX, _MARGIN_PX), (_MARGIN_PX, _MARGIN_PX), (0, 0)), mode="edge")
    for side in (slice(None, _MARGIN_PX), slice(-_MARGIN_PX, None)):
        out[side, :, 3] = 0
        out[:, side, 3] = 0
    return out


# --- Steps ------------------------------------------------------------------------------------------------

class _Background(NamedTuple):
    """The color of the background at each place: `weights` (6, 3) of a quadratic function of it. `middle` (3,) is the usual one."""

    weights: np.ndarray
    middle: np.ndarray
    height_px: int
    width_px: int

    @property
    def has_hue(self) -> bool:
        """Whether its hue tells it; else, white, gray or black, only how unlike it something is does."""
        return float(_key(self.middle[None, None], self.middle)[0, 0]) >= _HUE

    def at(self, rows: slice) -> np.ndarray:
        """float32 (rows, w, 3)."""
        y, x = _places(self.height_px)[rows], _places(self.width_px)
        out = np.empty((len(y), len(x), 3), np.float32)
        for channel, (one, by_x, by_y, by_xx, by_xy, by_yy) in enumerate(self.weights.astype(np.float32).T):
            out[..., channel] = (one + by_y * y + by_yy * y * y)[:, None] + (by_x * x + by_xx * x * x)[None] + by_xy * y[:, None] * x[None]
        return out

    def key_at(self, rows: slice) -> np.ndarray:
        """Its own key, float32 (rows, w)."""
        flat = self.at(rows)
        return _key(flat, self.middle) if self.has_hue else np.zeros(flat.shape[:2], np.float32)

    def parts(self, rgb: np.ndarray, rows: slice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of some rows of the picture the colors, their key, and how opaque they are as far as that alone tells: float32."""
        color = rgb[rows, :, :3].astype(np.float32)
        if self.has_hue:
            key = _key(color, self.middle)
            return color, key, np.clip(1 - key / self.key_at(rows), 0, 1)
        key = -abs(color - self.at(rows)).max(axis=2)
        return color, key, np.clip(-key / _UNLIKE, 0, 1)


def _places(length: int) -> np.ndarray:
    """Where pixels are on a side, -1 to 1."""
    return (np.arange(length, dtype=np.float32) + 0.5) / length * 2 - 1


def _fit_background(rgb: np.ndarray) -> _Background:
    """The background, from the border first, then from all that is near it.

    Models draw it a little darker toward the corners: anything more supple than a quadratic function of the place would take faint
    parts of the subject for background.
    """
    height, width = rgb.shape[:2]
    y, x = _places(height), _places(width)
    wide = max(4, min(height, width) // 64)
    border = np.ones((height, width), bool)
    border[wide:-wide, wide:-wide] = False
    edge = rgb[border][:, :3].astype(np.float32)
    middle = np.median(edge, axis=0)
    flat = abs(edge - middle).max(axis=1) <= _FLAT
    if flat.mean() < _FLAT_SHARE:
        raise InputError("The picture's background is not flat: nothing can be cut out", field="background",
                         hint="Ask again, or use a model that makes transparency")
    # A grid over all, and all of the border.
    rows, columns = (np.concatenate(each) for each in zip(
        (each[flat] for each in np.nonzero(border)), (each.ravel() for each in np.mgrid[:height:_EVERY, :width:_EVERY]), strict=True))
    color, terms = rgb[rows, columns, :3].astype(np.float64), _quadratic(y[rows], x[columns])
    there = np.zeros(len(rows), bool)
    there[:flat.sum()] = True
    for limit in (2 * _NEAR, _NEAR, 0.0):
        weights, *_ = np.linalg.lstsq(terms[there], color[there], rcond=None)
        off = color - terms @ weights
        there = abs(off).max(axis=1) <= max(limit, 4 * mad(off[there].ravel()))
    return _Background(weights, middle, height, width)


def _quadratic(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    return np.stack((np.ones_like(x), x, y, x * x, x * y, y * y), axis=1).astype(np.float64)


def _key(color: np.ndarray, background: np.ndarray) -> np.ndarray:
    """How much of the background's hue is in colors (h, w, 3): the least of its strong channels above the most of the others."""
    strong = background > (background.max() + background.min()) / 2
    if strong.all() or not strong.any():
        return np.zeros(color.shape[:2], np.float32)
    return color[..., strong].min(axis=2) - color[..., ~strong].max(axis=2)


def _sure(first: np.ndarray) -> np.ndarray:
    """Where the subject is opaque, bool: nothing of the background in it, and an edge's width away from where there is."""
    edge_px = max(2.0, round(min(first.shape) * _EDGE_SHARE) + 1.0)
    mixed = grow((first < _SURE - 0.1).astype(np.float32), edge_px) > 0.5
    return (first >= _SURE) & ~mixed


def _samples(
    color: np.ndarray, key: np.ndarray, first: np.ndarray, sure: np.ndarray, background: _Background, rows: slice, factor: int,
) -> np.ndarray:
    """What rows tell of the subject: colors and key times a weight, and the weight, (rows, w, 5), in cells of so many pixels."""
    flat = background.at(rows)
    unmixed = np.clip(flat + (color - flat) / np.maximum(first, 0.25)[..., None], 0, 255)
    unmixed[sure] = color[sure]
    weights = np.where(sure, np.float32(1), np.float32(_UNSURE) * np.maximum(first - _FAINT, 0) ** 4)[..., None]
    found = np.concatenate((unmixed * weights, np.where(sure, key, np.minimum(key, 0))[..., None] * weights, weights), axis=2)
    return found if factor == 1 else block_means(np.pad(found, [*((0, -side % factor) for side in found.shape[:2]), (0, 0)]), factor)


def _carried(samples: np.ndarray) -> np.ndarray:
    """The values of samples (h, w, n), the last of which is their weight: each place by what is near it, and by what is farther where
    that is all."""
    levels = [samples]
    while max(levels[-1].shape[:2]) > 1:
        level = levels[-1]
        levels.append(block_means(np.pad(level, [*((0, side % 2) for side in level.shape[:2]), (0, 0)]), 2))
    out = levels.pop()
    while levels:
        level = levels.pop()
        out = _doubled(out)[:level.shape[0], :level.shape[1]] * np.float32(_FARTHER) + level
    return out[..., :-1] / np.maximum(out[..., -1:], 1e-30)


def _doubled(grid: np.ndarray) -> np.ndarray:
    """Twice as large, linear between the cells' middles."""
    for axis in (0, 1):
        grid = np.moveaxis(grid, axis, 0)
        out = np.empty((2 * len(grid), *grid.shape[1:]), np.float32)
        out[::2] = out[1::2] = grid * np.float32(0.75)
        out[2::2] += grid[:-1] * np.float32(0.25)
        out[1:-1:2] += grid[1:] * np.float32(0.25)
        out[0] += grid[0] * np.float32(0.25)
        out[-1] += grid[-1] * np.float32(0.25)
        grid = np.moveaxis(out, 0, axis)
    return grid


def _enlarged(grid: np.ndarray, rows: slice, width: int, factor: int) -> np.ndarray:
    """Rows of the picture out of a grid of cells of so many pixels."""
    if factor == 1:
        return grid[rows]
    first = max(rows.start // 2 - 1, 0)
    return _doubled(grid[first:-(-rows.stop // 2) + 1])[rows.start - 2 * first:rows.stop - 2 * first, :width]


def _solved(color: np.ndarray, key: np.ndarray, sure: np.ndarray, near: np.ndarray, background: _Background, rows: slice) -> np.ndarray:
    """uint8 RGBA of rows, from what is near: the subject's color and its key."""
    flat, subject = background.at(rows), near[..., :3]
    if background.has_hue:
        key_background = background.key_at(rows)
        alpha = (key_background - key) / (key_background - np.minimum(near[..., 3], 0))
    else:
        toward = subject - flat
        alpha = ((color - flat) * toward).sum(axis=2) / np.maximum((toward * toward).sum(axis=2), _UNLIKE ** 2)
    alpha = np.clip((alpha - _NOISE) / (1 - 2 * _NOISE), 0, 1)
    alpha[sure] = 1
    solved = np.clip(flat + (color - flat) / np.maximum(alpha, 0.05)[..., None], 0, 255)
    # What is nearly all background tells little of its own color.
    own = np.clip((alpha - 0.1) / 0.5, 0, 1)[..., None]
    out = np.empty((*alpha.shape, 4), np.uint8)
    out[..., :3] = np.clip(subject + (solved - subject) * own + 0.5, 0, 255)
    out[..., 3] = alpha * 255 + 0.5
    return out
