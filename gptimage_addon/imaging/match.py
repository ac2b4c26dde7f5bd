# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The answer's tone made that of the original, as measured outside the area.

All values are display-referred levels, 0 to 255. Everything is a sum of small corrections with a usual size: what the
surroundings do not tell, as the highlights of a flat grey sky, stays as the model made it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .resample import Field, empty_field, solve_field

__all__ = ("Tone", "block_means", "fit_field", "fit_sharpness", "fit_tone", "mad", "sharpen", "shift_tone")

# How much of each correction is usual, in levels: offset, slope, the two curvatures, gamma's own curve.
_USUAL = np.array([20.0, 20.0, 6.0, 2.0, 15.0])
_USUAL_MIX = 12.0               # a channel's share in another's, as when the model takes saturation away
_GRAIN = 3.0                    # levels: what is wrong with a block's mean, for neighbors are wrong together
_ROUNDS = 6
_CLIPPED = 254.0
_FAR = 16.0                     # levels, where nothing but the middle is known
_SAMPLES = 15_000               # are enough


@dataclass(frozen=True, slots=True, eq=False)
class Tone:
    """What gives the original's levels from the answer's: a curve a channel, then the channels' mixture.

    `curves` is (channels, 256); `mix` (channels, channels) with rows that sum to 1.
    """

    curves: np.ndarray
    mix: np.ndarray

    def apply(self, levels: np.ndarray) -> np.ndarray:
        """float32 levels of uint8 or float levels (..., channels)."""
        if levels.dtype == np.uint8:
            out = np.empty(levels.shape, np.float32)
            for channel, curve in enumerate(self.curves.astype(np.float32)):
                np.take(curve, levels[..., channel], out=out[..., channel], mode="clip")
        else:
            fine = np.linspace(0.0, 255.0, 255 * 16 + 1)
            index = np.clip(levels * 16 + 0.5, 0, len(fine) - 1).astype(np.intp)
            out = np.stack([np.interp(fine, np.arange(256), curve).astype(np.float32)[index[..., channel]]
                            for channel, curve in enumerate(self.curves)], -1)
        if not np.array_equal(self.mix, np.eye(len(self.mix))):
            out = out @ self.mix.T.astype(np.float32)
        return out


def _features(levels: np.ndarray) -> np.ndarray:
    """(n, 5): the corrections that a curve is made of, for levels 0 to 255. Gamma is the last, to the first order."""
    x = np.clip(levels, 0.0, 255.0) / 255.0
    t = 2 * x - 1
    return np.stack([np.ones_like(t), t, 1.5 * t * t - 0.5, (2.5 * t * t - 1.5) * t, x * np.log(np.maximum(x, 1e-6))], -1)


def _slopes(levels: np.ndarray) -> np.ndarray:
    """The features' change per level."""
    x = np.clip(levels, 0.0, 255.0) / 255.0
    t = 2 * x - 1
    return np.stack([0 * t, 0 * t + 2, 6 * t, 15 * t * t - 3, 1 + np.log(np.maximum(x, 1e-3))], -1) / 255.0


def mad(values: np.ndarray) -> float:
    """A standard deviation that outliers do not move."""
    values = values[::max(1, len(values) // 20_000)]
    return float(1.4826 * np.median(abs(values - np.median(values)))) if values.size else 0.0


def block_means(image: np.ndarray, size: int) -> np.ndarray:
    """Means of blocks of size x size pixels; what is left over at the right and the bottom goes."""
    rows, columns = image.shape[0] // size, image.shape[1] // size
    image = image[:rows * size, :columns * size]
    down = image.reshape(rows, size, *image.shape[1:]).sum(1)
    total = down.reshape(rows, columns, size, *image.shape[2:]).sum(2)
    return total / np.float32(size * size)


def shift_tone(original: np.ndarray, answer: np.ndarray) -> Tone:
    """The little that can be said where samples (n, channels) do not show the same: the middle of each channel."""
    every, eye = np.arange(256.0), np.eye(original.shape[1])
    if not len(original):
        return Tone(np.tile(every, (len(eye), 1)), eye)
    apart = np.clip(np.median(original, axis=0) - np.median(answer, axis=0), -_FAR, _FAR)
    return Tone(np.clip(every + apart[:, None], 0, 255), eye)


def fit_tone(original: np.ndarray, answer: np.ndarray, weight: np.ndarray, noise: float) -> Tone:
    """The tone that fits samples (n, channels) best, not led by outliers.

    `weight` (n,) is how much each says, `noise` the variance of the answer's samples; samples at the ends of the range
    say nothing, they may be clipped.
    """
    channels = original.shape[1]
    inside = ((answer < _CLIPPED - 1) & (answer > 0.5) & (original < _CLIPPED) & (original > 0.5)).all(1)
    usable = np.flatnonzero(inside & (weight > 0))
    usable = usable[::max(1, len(usable) // _SAMPLES)]
    original, answer, weight = original[usable].astype(np.float64), answer[usable].astype(np.float64), weight[usable]
    every = np.arange(256.0)
    if len(original) < 8:
        return Tone(np.tile(every, (channels, 1)), np.eye(channels))
    curves, mix = np.empty((channels, 256)), np.eye(channels)
    trust = weight / _GRAIN ** 2
    for channel in range(channels):
        others = [c for c in range(channels) if c != channel]
        columns = np.concatenate([_features(answer[:, channel]), (answer[:, others] - answer[:, [channel]]) / 255.0], 1)
        slopes = np.concatenate([_slopes(answer[:, channel]), np.full((len(answer), len(others)), -1 / 255.0)], 1)
        usual = np.concatenate([_USUAL, np.full(len(others), _USUAL_MIX)])
        wanted = original[:, channel] - answer[:, channel]
        # A start that outliers cannot lead far: the middle of all.
        left = wanted - np.median(wanted)
        found = np.zeros(columns.shape[1])
        for _ in range(_ROUNDS):
            sure = trust / (1 + (left / (3 * max(mad(left), 0.25))) ** 2) ** 2
            found = _solve(columns * usual, slopes * usual, sure, wanted, noise, len(others)) * usual
            left = wanted - columns @ found
        curves[channel] = every + _features(every) @ found[:5]
        for other, share in zip(others, found[5:], strict=True):
            mix[channel, other] = share / 255.0
            mix[channel, channel] -= share / 255.0
    # The mixture acts on curved levels, the fit mixed plain ones: a difference of the second order.
    return Tone(np.maximum.accumulate(curves, axis=1), mix)


def _solve(
    columns: np.ndarray, slopes: np.ndarray, sure: np.ndarray, wanted: np.ndarray, noise: float, others: int,
) -> np.ndarray:
    """Least squares with a prior of 1 for each unknown, and with noise in the columns themselves.

    Noise makes a flat sky look as if it had levels of all kinds, all of them wrong by as much as they differ. What it
    adds to the equations is known and taken off; a direction that was little else says nothing.
    """
    matrix = (columns * sure[:, None]).T @ columns
    right = columns.T @ (sure * wanted)
    added = (slopes * sure[:, None]).T @ slopes
    for other in range(others):
        at = len(matrix) - others + other
        added[at, at] += sure.sum() * (slopes[0, at]) ** 2       # the other channel's own noise
    matrix -= noise * added
    right += noise * (slopes.T @ sure)
    size, ways = np.linalg.eigh(matrix)
    heard = size > noise * np.einsum("iw,ij,jw->w", ways, added, ways)
    return ways[:, heard] @ ((ways[:, heard].T @ right) / (size[heard] + 1))


def fit_field(
    residual: np.ndarray, levels: np.ndarray, weight: np.ndarray, x: np.ndarray, y: np.ndarray,
    width_px: int, height_px: int,
) -> Field:
    """The slow gain (values: channels) that explains residuals = gain * levels of samples (n, channels) at (x, y)."""
    channels = residual.shape[1]
    field = empty_field(width_px, height_px, channels, 9)
    nodes = np.empty_like(field.nodes)
    for channel in range(channels):
        level, left = levels[:, channel].astype(np.float64), residual[:, channel].astype(np.float64)
        now = left
        for _ in range(3):
            spread = max(mad(now), 0.25)
            sure = weight / (1 + (now / (3 * spread)) ** 2) ** 2 / _GRAIN ** 2
            one = empty_field(width_px, height_px, 1, 9)
            one = solve_field(one, x, y, sure * level ** 2, (sure * level * left)[:, None], 0.05, 0.01, 0.005)
            now = left - level * _values_at(one, x, y)[:, 0]
        nodes[..., channel] = one.nodes[..., 0]
    return Field(nodes, width_px, height_px)


def _values_at(field: Field, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(n, values) at single places."""
    rows, columns = field.basis_y(y), field.basis_x(x)
    return np.einsum("nr,rcv,nc->nv", rows, field.nodes, columns, optimize=True)


# --- Sharpness --------------------------------------------------------------------------------------------

_SOFTEST, _SHARPEST = 0.3, 6.0          # what the filters together may do to any frequency
_SOFTER = 0.9                           # what they may take away though the answer is no rougher than the original
_BINOMIALS = ((2, -1, 0, 0), (6, -4, 1, 0), (20, -15, 6, -1))  # differences of order 2, 4, 6: the middle, then outwards


def fit_sharpness(original: np.ndarray, answer: np.ndarray, where: np.ndarray) -> np.ndarray:
    """(2, 4): a filter down and one across that bring the answer's sharpness to the original's, as seen at `where`.

    Drawing anew takes the finest detail away, and noise adds some. Row: weight of a pixel, then of its neighbors one
    to three pixels away. Both are to be added to the answer. All zero where there is too little to tell.
    """
    none = np.zeros((2, 4), np.float32)
    inner = where.copy()
    for edge in (inner[:3], inner[-3:], inner[:, :3], inner[:, -3:]):
        edge[...] = False
    rows, columns = np.nonzero(inner)
    if len(rows) < 2000:
        return none
    step = max(1, len(rows) // (2 * _SAMPLES))
    rows, columns = rows[::step], columns[::step]
    around = [[answer[rows, columns]] + [answer[rows + k * dy, columns + k * dx] + answer[rows - k * dy, columns - k * dx]
                                         for k in (1, 2, 3)] for dy, dx in ((1, 0), (0, 1))]
    features = np.stack([sum(part * np.float32(c) for part, c in zip(line, binomial, strict=True)).ravel()
                         for line in around for binomial in _BINOMIALS], 1).astype(np.float64)
    wanted = (original[rows, columns] - answer[rows, columns]).ravel().astype(np.float64)
    wide = max(8 * mad(wanted), 20.0)
    sure = (1 + (wanted / wide) ** 2) ** -2.0
    matrix = (features * sure[:, None]).T @ features
    matrix += np.diag(0.01 * np.diag(matrix) + 1e-6) * 0.01
    found = np.linalg.solve(matrix, features.T @ (sure * wanted)).reshape(2, 3)
    # Texture that was drawn anew, as rough but not the same, would be smoothed away: noise may be, and it shows in the power.
    rough = [sum(mad((picture[rows, columns] * 20 + sum((picture[rows + k * dy, columns + k * dx]
                      + picture[rows - k * dy, columns - k * dx]) * c for k, c in ((1, -15), (2, 6), (3, -1)))).ravel()) ** 2
                 for dy, dx in ((1, 0), (0, 1))) for picture in (original, answer)]
    softest = float(np.clip(rough[0] / max(rough[1], 1e-6), _SOFTEST, _SOFTER))
    # The response at every frequency is 1 + f(down) + g(across).
    wave = 2 - 2 * np.cos(np.linspace(0, np.pi, 17))
    down, across = (sum(k * wave ** (n + 1) for n, k in enumerate(line)) for line in found)
    least, most = float(down.min() + across.min()), float(down.max() + across.max())
    share = min(1.0, (softest - 1) / least if least < 0 else 1.0, (_SHARPEST - 1) / most if most > 0 else 1.0)
    return (share * found @ np.array(_BINOMIALS)).astype(np.float32)


def sharpen(levels: np.ndarray, filters: np.ndarray) -> np.ndarray:
    """float32 levels (h, w, c) with both filters added; the outermost three pixels stay."""
    if not filters.any() or min(levels.shape[:2]) < 7:
        return levels
    inner = (slice(3, -3), slice(3, -3))
    out = levels.copy()
    middle = out[inner]
    middle *= 1 + filters[0, 0] + filters[1, 0]
    height, width = levels.shape[:2]
    for k in (1, 2, 3):
        middle += filters[0, k] * (levels[3 - k:height - 3 - k, 3:-3] + levels[3 + k:height - 3 + k, 3:-3])
        middle += filters[1, k] * (levels[3:-3, 3 - k:width - 3 - k] + levels[3:-3, 3 + k:width - 3 + k])
    return out
