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
from .masks import grow
from .match import block_means, mad
from .resample import spread

__all__ = ("CutOut", "cropped", "cut_out", "has_transparency")

_FLAT = 40.0                # levels that a flat background may differ from its middle
_FLAT_SHARE = 0.6           # of the picture's border must be background
_NEAR = 6.0                 # levels that a pixel of the background may be off, or as much as its noise
_EVERY = 7                  # of its pixels are enough to fit it
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
    color = rgb[..., :3].astype(np.float32)
    background, middle = _background(color)
    key, key_background = _key(color, middle), _key(background, middle)
    if float(np.median(key_background)) >= _HUE:
        first = 1 - key / key_background
    else:                                       # white, gray or black: only how unlike it is tells
        key, key_background = -abs(color - background).max(axis=2), np.zeros_like(key)
        first = -key / _UNLIKE
    first = np.clip(first, 0, 1)
    sure = _sure(first)
    weak = np.maximum(first, 0.25)[..., None]
    unmixed = np.clip(background + (color - background) / weak, 0, 255)
    unmixed[sure] = color[sure]
    weights = np.where(sure, np.float32(1), np.float32(_UNSURE) * np.maximum(first - _FAINT, 0) ** 4)
    near = _carried(np.concatenate((unmixed, np.where(sure, key, np.minimum(key, 0))[..., None]), axis=2), weights)
    subject, key_subject = near[..., :3], np.minimum(near[..., 3], 0)
    if float(np.median(key_background)) >= _HUE:
        alpha = (key_background - key) / (key_background - key_subject)
    else:
        toward = subject - background
        alpha = ((color - background) * toward).sum(axis=2) / np.maximum((toward * toward).sum(axis=2), _UNLIKE ** 2)
    alpha = np.clip((alpha - _NOISE) / (1 - 2 * _NOISE), 0, 1)
    alpha[sure] = 1
    solved = np.clip(background + (color - background) / np.maximum(alpha, 0.05)[..., None], 0, 255)
    # What is nearly all background tells little of its own color.
    own = np.clip((alpha - 0.1) / 0.5, 0, 1)[..., None]
    out = np.empty((*rgb.shape[:2], 4), np.uint8)
    out[..., :3] = np.clip(subject + (solved - subject) * own + 0.5, 0, 255)
    out[..., 3] = alpha * 255 + 0.5
    return CutOut(out, tuple(int(round(float(level))) for level in middle))


def cropped(rgba: np.ndarray) -> np.ndarray:
    """The part of a picture, uint8 (h, w, 4), that is not transparent, with a transparent margin of some pixels.

    Single stray pixels do not count. Raises InputError with the field `background` if it is transparent all over.
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
    part = rgba[y0 + rows[0]:y0 + rows[-1] + 1, x0 + columns[0]:x0 + columns[-1] + 1]
    out = np.pad(part, ((_MARGIN_PX, _MARGIN_PX), (_MARGIN_PX, _MARGIN_PX), (0, 0)), mode="edge")
    for side in (slice(None, _MARGIN_PX), slice(-_MARGIN_PX, None)):
        out[side, :, 3] = 0
        out[:, side, 3] = 0
    return out


# --- Steps ------------------------------------------------------------------------------------------------

def _background(color: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(the background's color at each pixel, (h, w, 3), its middle (3,)).

    Models draw it a little darker toward the corners. That is a quadratic function of the place, from the border first, then from
    all that is near it: anything more supple would take faint parts of the subject for background.
    """
    height, width = color.shape[:2]
    wide = max(4, min(height, width) // 64)
    y, x = (((np.arange(side, dtype=np.float32) + 0.5) / side * 2 - 1) for side in (height, width))
    border = np.ones((height, width), bool)
    border[wide:-wide, wide:-wide] = False
    middle = np.median(color[border], axis=0)
    there = border & (abs(color - middle).max(axis=2) <= _FLAT)
    if there.sum() < _FLAT_SHARE * border.sum():
        raise InputError("The picture's background is not flat: nothing can be cut out", field="background",
                         hint="Ask again, or use a model that makes transparency")
    field = color
    for limit in (2 * _NEAR, _NEAR, 0.0):
        rows, columns = (each[::_EVERY] for each in np.nonzero(there))
        terms = _quadratic(y[rows], x[columns])
        weights, *_ = np.linalg.lstsq(terms, color[rows, columns].astype(np.float64), rcond=None)
        noise = mad((color[rows, columns] - terms @ weights).ravel())
        field = np.stack([_surface(y, x, weights[:, channel]) for channel in range(3)], axis=2)
        if limit:
            there = abs(color - field).max(axis=2) <= max(limit, 4 * noise)
    return field, middle


def _quadratic(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    return np.stack((np.ones_like(x), x, y, x * x, x * y, y * y), axis=1)


def _surface(y: np.ndarray, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The quadratic function on the grid, float32 (h, w)."""
    one, by_x, by_y, by_xx, by_xy, by_yy = weights.astype(np.float32)
    return (one + by_y * y + by_yy * y * y)[:, None] + (by_x * x + by_xx * x * x)[None] + by_xy * y[:, None] * x[None]


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


def _carried(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The values (h, w, n) by their weights (h, w), each place by what is near it, and by what is farther where that is all."""
    height, width = weights.shape
    total = np.concatenate((values * weights[..., None], weights[..., None]), axis=2)
    out, level, cell, share = total.copy(), total, 1, 1.0
    while max(level.shape[:2]) > 1:
        level = block_means(np.pad(level, [*((0, side % 2) for side in level.shape[:2]), (0, 0)]), 2)
        cell, share = cell * 2, share * _FARTHER
        out += spread(level, height, width, cell) * np.float32(share)
    return out[..., :-1] / np.maximum(out[..., -1:], 1e-30)
