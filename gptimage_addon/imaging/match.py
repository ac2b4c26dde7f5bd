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

__all__ = ("Sharpness", "Tone", "block_means", "fit_field", "fit_sharpness", "fit_tone", "mad", "no_tone", "sharpen")

# How much of each correction is usual, in levels: see `_features`.
_USUAL = np.array([6.0, 15.0, 20.0, 15.0, 15.0])
_USUAL_MIX = 12.0               # a channel's share in another's, as when the model takes saturation away
_USUAL_SLOW = 3.0               # of the tone from place to place, which is not the curve's to explain
_WAVES = 4                      # half waves of that along a side
_GRAIN = 3.0                    # levels: what is wrong with a block's mean, for neighbors are wrong together
_ROUNDS = 6
_CLIPPED = 254.0
_SAMPLES = 5_000                # are enough
_SAYING = 2_000                 # as many as these say, for neighbors are wrong together
_LINES = 16                     # at a time: few enough to stay in the cache


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


def no_tone(channels: int) -> Tone:
    """The one that changes nothing."""
    return Tone(np.tile(np.arange(256.0), (channels, 1)), np.eye(channels))


def _features(levels: np.ndarray) -> np.ndarray:
    """(n, 5): the corrections that a curve is made of, for levels 0 to 255. Gamma is the last, to the first order.

    All but the offset leave black black: gain, a bend and a double bend in between, and gamma.
    """
    x = np.clip(levels, 0.0, 255.0) / 255.0
    arch = x * (1 - x)
    return np.stack([np.ones_like(x), x, arch, arch * (1 - 2 * x), x * np.log(np.maximum(x, 1e-6))], -1)


def _slopes(levels: np.ndarray) -> np.ndarray:
    """The features' change per level."""
    x = np.clip(levels, 0.0, 255.0) / 255.0
    return np.stack([0 * x, 0 * x + 1, 1 - 2 * x, 1 - 6 * x + 6 * x * x, 1 + np.log(np.maximum(x, 1e-3))], -1) / 255.0


def mad(values: np.ndarray) -> float:
    """A standard deviation that outliers do not move."""
    values = values[::max(1, len(values) // 8_000)]
    return float(1.4826 * np.median(abs(values - np.median(values)))) if values.size else 0.0


def block_means(image: np.ndarray, size: int) -> np.ndarray:
    """Means of blocks of size x size pixels; what is left over at the right and the bottom goes."""
    rows, columns = image.shape[0] // size, image.shape[1] // size
    image = image[:rows * size, :columns * size]
    down = image.reshape(rows, size, *image.shape[1:]).sum(1)
    total = down.reshape(rows, columns, size, *image.shape[2:]).sum(2)
    return total / np.float32(size * size)


def fit_tone(
    original: np.ndarray, answer: np.ndarray, weight: np.ndarray, own: float = 0.5, place: np.ndarray | None = None,
) -> Tone:
    """The tone that fits samples (n, channels) best, not led by outliers.

    `weight` (n,) is how much each says; samples at the ends of the range say nothing, they may be clipped. `own` is the
    answer's share in what does not fit; the rest is the original's, as where texture was drawn anew. With `place` (n, 2),
    0 to 1, a tone that drifts slowly over the picture is told from the curve: else a flat wall, brighter on one side,
    would want a curve that makes all levels one.
    """
    channels = original.shape[1]
    inside = ((answer < _CLIPPED - 1) & (answer > 0.5) & (original < _CLIPPED) & (original > 0.5)).all(1)
    usable = np.flatnonzero(inside & (weight > 0))
    usable = usable[::max(1, len(usable) // _SAMPLES)]
    original, answer, weight = original[usable].astype(np.float64), answer[usable].astype(np.float64), weight[usable]
    if len(original) < 8:
        return no_tone(channels)
    every = np.arange(256.0)
    waves = np.zeros((len(usable), 0)) if place is None else _waves(place[usable])
    curves, mix = np.empty((channels, 256)), np.eye(channels)
    trust = weight / _GRAIN ** 2 * min(1.0, _SAYING / len(original))
    for channel in range(channels):
        others = [c for c in range(channels) if c != channel]
        columns = np.concatenate([_features(answer[:, channel]), (answer[:, others] - answer[:, [channel]]) / 255.0,
                                  waves * (answer[:, [channel]] / 128.0)], 1)
        slopes = np.concatenate([_slopes(answer[:, channel]), np.full((len(answer), len(others)), -1 / 255.0), 0 * waves], 1)
        usual = np.concatenate([_USUAL, np.full(len(others), _USUAL_MIX), np.full(waves.shape[1], _USUAL_SLOW)])
        wanted = original[:, channel] - answer[:, channel]
        # A start that outliers cannot lead far: the middle of all.
        left = wanted - np.median(wanted)
        found = np.zeros(columns.shape[1])
        for _ in range(_ROUNDS):
            sure = trust / (1 + (left / (3 * max(mad(left), 0.25))) ** 2) ** 2
            noise = own * float((sure * left ** 2).sum() / sure.sum())
            found = _solve(columns * usual, slopes * usual, sure, wanted, noise, len(others)) * usual
            left = wanted - columns @ found
        curves[channel] = every + _features(every) @ found[:5]
        for other, share in zip(others, found[5:5 + len(others)], strict=True):
            mix[channel, other] = share / 255.0
            mix[channel, channel] -= share / 255.0
    # The mixture acts on curved levels, the fit mixed plain ones: a difference of the second order.
    return Tone(np.maximum.accumulate(curves, axis=1), mix)


def _waves(place: np.ndarray) -> np.ndarray:
    """(n, 15): slow functions of the place, none of them constant."""
    x, y = (np.cos(np.pi * np.arange(_WAVES) * place[:, [axis]]) for axis in (0, 1))
    return (x[:, :, None] * y[:, None, :]).reshape(len(place), -1)[:, 1:]


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
    for at in range(5, 5 + others):
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


@dataclass(frozen=True, slots=True, eq=False)
class Sharpness:
    """A filter to be added to the answer: weights (2, 4), down and across, of a pixel and its neighbors one to three
    pixels away, and the weight of the four that touch it by a corner.
    """

    lines: np.ndarray
    corners: float


def fit_sharpness(original: np.ndarray, answer: np.ndarray, where: np.ndarray) -> Sharpness | None:
    """What brings the answer's sharpness to the original's, as seen at `where`; None where there is too little to tell.

    Drawing anew takes the finest detail away, and noise adds some.
    """
    inner = where.copy()
    for edge in (inner[:3], inner[-3:], inner[:, :3], inner[:, -3:]):
        edge[...] = False
    rows, columns = np.nonzero(inner)
    if len(rows) < 2000:
        return None
    step = max(1, len(rows) // (3 * _SAMPLES))
    rows, columns = rows[::step], columns[::step]

    def around(picture: np.ndarray, dy: int, dx: int) -> np.ndarray:
        return picture[rows + dy, columns + dx] + picture[rows - dy, columns - dx]

    middle = answer[rows, columns]
    lines = [[middle] + [around(answer, k * dy, k * dx) for k in (1, 2, 3)] for dy, dx in ((1, 0), (0, 1))]
    parts = [sum(part * np.float32(c) for part, c in zip(line, binomial, strict=True))
             for line in lines for binomial in _BINOMIALS]
    parts.append(4 * middle - 2 * (lines[0][1] + lines[1][1]) + around(answer, 1, 1) + around(answer, 1, -1))
    features = np.stack([part.ravel() for part in parts], 1).astype(np.float64)
    wanted = (original[rows, columns] - middle).ravel().astype(np.float64)
    wide = max(8 * mad(wanted), 20.0)
    sure = (1 + (wanted / wide) ** 2) ** -2.0
    matrix = (features * sure[:, None]).T @ features
    matrix += np.diag(0.01 * np.diag(matrix) + 1e-6) * 0.01
    found = np.linalg.solve(matrix, features.T @ (sure * wanted))
    # Texture that was drawn anew, as rough but not the same, would be smoothed away: noise may be, which shows in the power.
    rough = [sum(mad((picture[rows, columns] * 20 + sum(around(picture, k * dy, k * dx) * c for k, c in
                                                        ((1, -15), (2, 6), (3, -1)))).ravel()) ** 2
                 for dy, dx in ((1, 0), (0, 1))) for picture in (original, answer)]
    softest = float(np.clip(rough[0] / max(rough[1], 1e-6), _SOFTEST, _SOFTER))
    # The response at every frequency is 1 + f(down) + g(across) + c down across.
    wave = 2 - 2 * np.cos(np.linspace(0, np.pi, 17))
    down, across = (sum(k * wave ** (n + 1) for n, k in enumerate(line)) for line in found[:6].reshape(2, 3))
    response = down[:, None] + across + found[6] * wave[:, None] * wave
    # Where both axes are finest there is noise alone: what was drawn anew shows along the axes.
    least, most = float(min(response[0].min(), response[:, 0].min())), float(response.max())
    found *= min(1.0, (softest - 1) / least if least < 0 else 1.0, (_SHARPEST - 1) / most if most > 0 else 1.0)
    weights = found[:6].reshape(2, 3) @ np.array(_BINOMIALS)
    weights[:, :2] += found[6] * np.array([2, -2])
    return Sharpness(weights.astype(np.float32), float(found[6]))


def sharpen(levels: np.ndarray, filters: Sharpness) -> np.ndarray:
    """float32 levels (h, w, c) with the filter added; the outermost three pixels stay."""
    out = levels.copy()
    height, width = levels.shape[:2]
    lines, corners = filters.lines, np.float32(filters.corners)
    for start in range(3, height - 3, _LINES):
        stop = min(start + _LINES, height - 3)
        middle = out[start:stop, 3:-3]
        middle *= 1 + lines[0, 0] + lines[1, 0]
        for k in (1, 2, 3):
            above, below = levels[start - k:stop - k, 3:-3], levels[start + k:stop + k, 3:-3]
            middle += lines[0, k] * (above + below)
            middle += lines[1, k] * (levels[start:stop, 3 - k:width - 3 - k] + levels[start:stop, 3 + k:width - 3 + k])
        above, below = levels[start - 1:stop - 1], levels[start + 1:stop + 1]
        middle += corners * ((above[:, 2:-4] + above[:, 4:-2]) + (below[:, 2:-4] + below[:, 4:-2]))
    return out
