# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the model moved the picture to: shift and zoom, then a slow bend, from what lies outside the area only.

From coarse to fine, each step compares the original with the answer in small cells. A cell says how it would have to
move (least squares over its pixels, its mean left out, so that tone does not matter) and how sure that is; all cells
together say shift and zoom, or, with a prior for slowness, the bend. Pixels and cells that the model drew anew do not
fit and lose their say.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .match import block_means, fit_tone, mad
from .resample import Warp, empty_field, halve, prefilter, sample, solve_field, spread

__all__ = ("Alignment", "align")

_CELL = 16                      # pixels of a level
_LEAST_PX = 4 * _CELL ** 2      # of a level, outside the area
_FAR_PX, _FAR_ZOOM = 40, 0.1    # the largest shift and zoom that are searched for
_FAR_LEVELS = 40.0              # a tone farther off is something else
_NEAR_PX = 3.0                  # a shift that no pattern can have feigned
_PIECE_PX = 256                 # of a level, to find out whether the picture repeats itself
_COARSEST_PX = 64               # the longer side, at least
_LARGE_PX = 150_000             # of a level
_USUAL_SHIFT_PX, _USUAL_ZOOM = 12.0, 0.03
_USUAL_BEND_PX = 3.0, 2.0, 1.0         # of a node of the bend, of neighbors' difference, of that one's
_SAMPLES = 4_000                # are enough for a tone that is only to help the alignment
_GRAIN = 16.0                   # errors of neighboring pixels are alike: so many pixels count as one
_UNSETTLED_PX = 0.5             # of a level: what an alignment may still lack
_TEXTURE = 2.0                  # levels: a cell with less contrast says nothing
_ALIKE = 0.5                    # correlation of a cell whose content is the same
_SURE = 0.9                     # below that, all shifts are tried
_AGREED = 0.4                   # the share of cells with alike content, below which there is no agreement


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """`aligned` is False where original and answer do not agree; the warp then leaves the answer where it is."""

    warp: Warp
    aligned: bool
    why: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class _Level:
    original: np.ndarray        # float32 luma, 0..255
    answer: np.ndarray
    weight: np.ndarray          # float32, 1 outside the area
    factor: int
    spline: bool = False        # the answer as `prefilter` leaves it: slower, and right to a hundredth of a pixel


@dataclass(frozen=True, slots=True, eq=False)
class _Cells:
    """What the cells of a level say; displacements in full pixels. (n, ...)"""

    x: np.ndarray
    y: np.ndarray
    evidence: np.ndarray        # (n, 2, 2), per square pixel, in units of the noise
    pull: np.ndarray            # (n, 2): evidence @ (further displacement)


def align(original: np.ndarray, answer: np.ndarray, weight: np.ndarray, factor: int, size_px: tuple[int, int]) -> Alignment:
    """The warp of full pixels that takes the original to the answer.

    Both are float32 luma (h, w), 0 to 255, `factor` coarser than the window of `size_px`; `weight` is 1 where they
    show the same by right and 0 in the area.
    """
    identity = Warp(*size_px)
    levels = [_Level(original, answer, _shrunk(weight), factor)]
    while max(levels[-1].original.shape) >= 2 * _COARSEST_PX and min(levels[-1].original.shape) >= 2 * _CELL:
        last = levels[-1]
        levels.append(_Level(halve(last.original), halve(last.answer),
                             (halve(last.weight) > 0.999).astype(np.float32), last.factor * 2))
    if levels[0].weight.sum() < _LEAST_PX:
        return Alignment(identity, False, "there is too little outside the area to compare with")
    coarser = levels[min(1, len(levels) - 1)]
    if _textured(coarser.original, coarser.weight) < 0.02:
        apart = (original - answer)[levels[0].weight > 0]
        if _textured(coarser.answer, coarser.weight) < 0.15 and abs(float(np.median(apart))) < _FAR_LEVELS:
            return Alignment(identity, True, "the surroundings are too flat to show a shift; left in place")
        return Alignment(identity, False, "the answer's surroundings show something else than the picture's")
    warp = _placed([level for level in levels if level.weight.sum() >= _LEAST_PX], identity)
    finest, half = _match_luma(levels[0], warp), _match_luma(coarser, warp)
    judge = half if _is_large(finest) else finest
    if _is_better(judge, warp, identity):
        warp = _moved(warp, _cells(_exact(finest), warp))
    else:
        warp = identity
    if _agreement(half, warp) < _AGREED:
        return Alignment(identity, False, "the answer's surroundings do not show the same as the picture's")
    # Drawn less exactly, a bend that brings pixels to fall on pixels would look better for its sharpness alone.
    judge = _exact(judge)
    bent = _bent(half, _bent(half, warp))
    if _is_better(judge, bent, warp, by=0.05):
        bent = _bent(finest, bent) if _is_large(finest) else _bent(finest, _bent(finest, bent))
        if _is_better(judge, bent, warp, by=0.05):
            warp = bent
    return Alignment(warp, True)


def _placed(levels: list[_Level], identity: Warp) -> Warp:
    """Shift and zoom: from coarse to fine; where that does not fit, from all shifts at once; the least that fits as well."""
    warp = _from_coarse(levels, identity)
    half = _match_luma(levels[min(1, len(levels) - 1)], warp)
    if _agreement(half, warp) < _SURE:
        other = _settled(levels[0], _searched(levels[0], identity))
        if _is_better(levels[0], other, warp, by=0.03):
            warp, half = other, _match_luma(half, other)
    if _length(warp.shift_px) > _NEAR_PX and (nearer := _nearer(levels[0], warp)):
        judge = half if _is_large(levels[0]) else _match_luma(levels[0], warp)
        nearer = _settled(judge, nearer)
        if not _is_better(judge, warp, nearer, by=0.2):
            warp = _settled(levels[0], nearer)
    return warp


def _exact(level: _Level) -> _Level:
    """As sharp between the pixels as on them."""
    return replace(level, answer=prefilter(level.answer[..., None])[..., 0], spline=True)


def _is_large(level: _Level) -> bool:
    """Whether a coarser level is as good where it is only to be told which of two warps fits, or nearly so."""
    return level.original.size > _LARGE_PX


def _from_coarse(levels: list[_Level], identity: Warp) -> Warp:
    """Shift and zoom, each level starting from what the coarser one found."""
    warp = _start(levels[-1], identity)
    for level in reversed(levels[1:]):
        # What repeats itself misleads the coarse levels: each finer one may start anew from no movement at all.
        still = _settled(level, identity)
        warp = still if warp is identity else _settled(level, warp)
        if warp is not still and not _is_better(level, warp, still, by=0.03):
            warp = still
    large = _is_large(levels[0])
    if len(levels) == 1 or not _is_better(levels[1 if large else 0], warp, identity):
        return _settled(levels[0], identity)
    return _settled(levels[0], warp, 2 if large else 5)


# --- Levels -----------------------------------------------------------------------------------------------

def _shrunk(weight: np.ndarray) -> np.ndarray:
    """The surroundings less their outermost pixel: the gradient there looks into the area."""
    sure = weight > 0.999
    inner = sure.copy()
    inner[1:] &= sure[:-1]
    inner[:-1] &= sure[1:]
    inner[:, 1:] &= sure[:, :-1]
    inner[:, :-1] &= sure[:, 1:]
    return inner.astype(np.float32)


def _seen(level: _Level, warp: Warp) -> np.ndarray:
    """The answer in the original's place."""
    height, width = level.original.shape
    return sample(level.answer, warp, (0, 0, width, height), level.factor, level.spline)


def _in_answer(level: _Level, warp: Warp) -> np.ndarray:
    """(h, w) weight, 0 too where the answer does not reach."""
    height, width = level.original.shape
    off = (level.factor - 1) / 2
    slack = 1.0 if warp.bend is None else 1.0 + float(abs(warp.bend.nodes).max()) / level.factor
    x = (warp.line_x(np.arange(width) * level.factor + off) - off) / level.factor
    y = (warp.line_y(np.arange(height) * level.factor + off) - off) / level.factor
    inside_x, inside_y = (x >= slack) & (x <= width - 1 - slack), (y >= slack) & (y <= height - 1 - slack)
    return level.weight * (inside_y[:, None] & inside_x[None])


def _match_luma(level: _Level, warp: Warp) -> _Level:
    """The level with the answer's tone made the original's, roughly: by a curve where they fit already, else by contrast."""
    seen = _seen(level, warp)
    size = 4 if min(seen.shape) >= 128 else 2
    full = block_means(_in_answer(level, warp), size) > 0.999
    original, answer = (block_means(p, size)[full] for p in (level.original, seen))
    if len(original) < 64:
        return level
    step = len(original) // _SAMPLES + 1
    original, answer = original[::step], answer[::step]
    wide_original, wide_answer = float(original.std()) + 1, float(answer.std()) + 1
    alike = float(np.mean((original - original.mean()) * (answer - answer.mean()))) / (wide_original * wide_answer)
    if alike > 0.8:
        tone = fit_tone(original[:, None], answer[:, None], np.ones(len(original)))
        return replace(level, answer=tone.apply(level.answer[..., None])[..., 0])
    gain = np.float32(np.clip(wide_original / wide_answer, 0.5, 2.0))
    return replace(level, answer=(level.answer - answer.mean()) * gain + original.mean())


# --- Cells ------------------------------------------------------------------------------------------------

def _cells(level: _Level, warp: Warp) -> _Cells:
    seen = _seen(level, warp)
    weight = _in_answer(level, warp)
    size = _CELL if min(seen.shape) >= 6 * _CELL else _CELL // 2
    rows, columns = seen.shape[0] // size, seen.shape[1] // size
    cut = (slice(0, rows * size), slice(0, columns * size))
    seen, original, weight = seen[cut], level.original[cut], weight[cut]
    both = seen + original
    slope_x, slope_y = np.zeros_like(both), np.zeros_like(both)
    slope_x[:, 1:-1] = (both[:, 2:] - both[:, :-2]) * np.float32(0.25)
    slope_y[1:-1] = (both[2:] - both[:-2]) * np.float32(0.25)
    error = seen - original
    count = block_means(weight, size)
    mean = block_means(error * weight, size) / np.maximum(count, 1e-3)
    error -= np.repeat(np.repeat(mean, size, 0), size, 1)
    noise = max(mad(error[::2, ::2][weight[::2, ::2] > 0]), 0.3)
    # What is there without any texture or movement: second differences know little else.
    rough = error[::2, 2:] - 2 * error[::2, 1:-1] + error[::2, :-2]
    grain = min(mad(rough[weight[::2, 1:-1] > 0]) / 6 ** 0.5, noise)
    # What does not fit at all was drawn anew; it has no say (Geman and McClure). Where all else is flat and without
    # noise, an edge that is a little out of place fits none the less.
    fit = np.square(error)
    fit /= (np.square(slope_x) + np.square(slope_y)) * np.float32(_UNSETTLED_PX ** 2) + np.float32(9 * noise ** 2)
    fit += 1
    weight = weight / (fit * fit)
    weighted_x, weighted_y = weight * slope_x, weight * slope_y
    total = np.maximum(block_means(weight, size), 1e-6)
    sum_x, sum_y, sum_e = (block_means(p, size) for p in (weighted_x, weighted_y, weight * error))
    area = size * size
    evidence = np.empty((rows, columns, 2, 2))
    evidence[..., 0, 0] = block_means(weighted_x * slope_x, size) - sum_x ** 2 / total
    evidence[..., 1, 1] = block_means(weighted_y * slope_y, size) - sum_y ** 2 / total
    evidence[..., 0, 1] = evidence[..., 1, 0] = block_means(weighted_x * slope_y, size) - sum_x * sum_y / total
    pull = np.stack([block_means(weighted_x * error, size) - sum_x * sum_e / total,
                     block_means(weighted_y * error, size) - sum_y * sum_e / total], -1).astype(np.float64)
    # Noise has slopes of its own, which say nothing.
    for axis in (0, 1):
        evidence[..., axis, axis] = np.maximum(evidence[..., axis, axis] - total * grain ** 2 / 8, 0)
    bound = np.sqrt(evidence[..., 0, 0] * evidence[..., 1, 1]) * 0.99
    evidence[..., 0, 1] = evidence[..., 1, 0] = np.clip(evidence[..., 0, 1], -bound, bound)
    unit = area / (_GRAIN * (noise ** 2 + 0.25))
    x, y = (np.arange(n) * size + (size - 1) / 2 for n in (columns, rows))
    full_x, full_y = (p * level.factor + (level.factor - 1) / 2 for p in (x, y))
    keep = count > 0.1
    grid_x, grid_y = np.broadcast_to(full_x, keep.shape), np.broadcast_to(full_y[:, None], keep.shape)
    return _Cells(grid_x[keep], grid_y[keep], evidence[keep] * (unit / level.factor ** 2),
                  pull[keep] * (-unit / level.factor))


def _moved(warp: Warp, cells: _Cells) -> Warp:
    """Shift and zoom bettered by one step."""
    x, y = cells.x - warp.middle[0], cells.y - warp.middle[1]
    ways = np.zeros((len(x), 2, 3))
    ways[:, 0, 0] = ways[:, 1, 1] = 1
    ways[:, 0, 2], ways[:, 1, 2] = x, y
    matrix = np.einsum("nik,nij,njl->kl", ways, cells.evidence, ways, optimize=True)
    right = np.einsum("nik,ni->k", ways, cells.pull)
    usual = np.array([_USUAL_SHIFT_PX, _USUAL_SHIFT_PX, _USUAL_ZOOM])
    now = np.array([*warp.shift_px, warp.scale - 1])
    matrix += np.diag(usual ** -2.0)
    step = np.linalg.solve(matrix, right - now / usual ** 2)
    return replace(warp, shift_px=(warp.shift_px[0] + float(step[0]), warp.shift_px[1] + float(step[1])),
                   scale=warp.scale + float(step[2]))


def _settled(level: _Level, warp: Warp, steps: int = 5) -> Warp:
    """Shift and zoom that the level is content with; where they run away, those it began with."""
    start = warp
    matched = _match_luma(level, warp)
    for _ in range(steps):
        moved = _moved(warp, _cells(matched, warp))
        step = max(abs(moved.shift_px[0] - warp.shift_px[0]), abs(moved.shift_px[1] - warp.shift_px[1]),
                   abs(moved.scale - warp.scale) * max(warp.width_px, warp.height_px) / 2) / level.factor
        warp = moved
        if step < 0.01:
            break
    return warp if _length(warp.shift_px) <= _FAR_PX and abs(warp.scale - 1) <= _FAR_ZOOM else start


def _bent(level: _Level, warp: Warp) -> Warp:
    """The bend estimated anew, from where the present one leads to."""
    cells = _cells(level, warp)
    field = warp.bend or empty_field(warp.width_px, warp.height_px, 2, 9)
    now = np.einsum("nr,rcv,nc->nv", field.basis_y(cells.y), field.nodes, field.basis_x(cells.x), optimize=True)
    pull = cells.pull + np.einsum("nij,nj->ni", cells.evidence, now)
    size = np.trace(cells.evidence, axis1=1, axis2=2)
    sure = np.ones(len(size))
    for _ in range(3):
        found = solve_field(field, cells.x, cells.y, cells.evidence * sure[:, None, None], pull * sure[:, None],
                            *_USUAL_BEND_PX)
        there = np.einsum("nr,rcv,nc->nv", field.basis_y(cells.y), found.nodes, field.basis_x(cells.x), optimize=True)
        # How far, in pixels, a cell would like to be elsewhere.
        left = pull - np.einsum("nij,nj->ni", cells.evidence, there)
        far = np.linalg.norm(left, axis=1) / np.maximum(size, 1e-9)
        sure = 1 / (1 + (far / 0.7) ** 2) ** 2
    return replace(warp, bend=found)


# --- Judgement --------------------------------------------------------------------------------------------

def _start(level: _Level, identity: Warp) -> Warp:
    """The best of many shifts and zooms at the coarsest level; the identity unless another is clearly better."""
    height, width = level.original.shape
    reach = 3
    weight = level.weight[reach:-reach, reach:-reach]
    if weight.sum() < 64:
        return identity
    original = level.original[reach:-reach, reach:-reach]

    def centered(picture: np.ndarray) -> np.ndarray:
        return (picture - (picture * weight).sum() / weight.sum()) * weight

    target = centered(original)
    norm = float(np.sqrt((target ** 2).sum())) + 1e-6
    best: list[tuple[float, float, Warp]] = []
    for zoom in (1.0, 0.985, 1.015, 0.97, 1.03, 0.95, 1.05):
        zoomed = replace(identity, scale=zoom)
        seen = _seen(level, zoomed)
        for dy in range(-reach, reach + 1):
            for dx in range(-reach, reach + 1):
                there = centered(seen[reach + dy:height - reach + dy, reach + dx:width - reach + dx])
                score = float((there * target).sum()) / norm / (float(np.sqrt((there ** 2).sum())) + 1e-6)
                away = 0.004 * float(np.hypot(dx, dy)) + 0.25 * abs(zoom - 1)
                warp = replace(zoomed, shift_px=(dx * level.factor * zoom, dy * level.factor * zoom))
                best.append((score - away, away, warp))
    still = best[reach * (2 * reach + 1) + reach]
    top = max(best, key=lambda entry: entry[0])
    return top[2] if top[0] > still[0] + 0.01 else identity


def _searched(level: _Level, identity: Warp) -> Warp:
    """The least of the shifts along which the pictures are most alike, tried all at once: for what repeats itself."""
    found = _peaks(level.original, level.answer, level.weight, _FAR_PX / level.factor, 0.2)
    return replace(identity, shift_px=_scaled(min(found, key=_length, default=(0.0, 0.0)), level.factor))


def _nearer(level: _Level, warp: Warp) -> Warp | None:
    """The least movement that a picture which repeats itself cannot tell from this one; None if there is no less."""
    ends = slice(0, _PIECE_PX), slice(-_PIECE_PX, None)
    corners = [(y, x) for y in ends for x in ends]
    corner = max(corners, key=lambda at: float(level.weight[at].sum()))
    piece, weight = level.original[corner], level.weight[corner]
    steps = _peaks(piece, piece, weight, _FAR_PX / level.factor, 0.1)
    others = [_scaled(step, level.factor) for step in steps]
    others = [(warp.shift_px[0] - x, warp.shift_px[1] - y) for x, y in others]
    least = min(others, key=_length, default=warp.shift_px)
    return replace(warp, shift_px=least) if _length(least) < 0.95 * _length(warp.shift_px) else None


def _length(way: tuple[float, float]) -> float:
    return float(np.hypot(*way))


def _scaled(way: tuple[float, float], by: float) -> tuple[float, float]:
    return way[0] * by, way[1] * by


def _peaks(
    first: np.ndarray, second: np.ndarray, weight: np.ndarray, reach_px: float, slack: float,
) -> list[tuple[float, float]]:
    """(x, y) in pixels of all shifts along which both are alike, nearly as much as along the best."""
    height, width = first.shape
    reach = int(min(reach_px, min(height, width) / 4))
    shape = tuple(1 << int(np.ceil(np.log2(n + 2 * reach))) for n in (height, width))
    plain = [picture - spread(block_means(picture * weight, _CELL) / np.maximum(block_means(weight, _CELL), 1e-3),
                              height, width, _CELL) for picture in (first, second)]

    def spectrum(image: np.ndarray) -> np.ndarray:
        return np.fft.rfft2(image, shape)

    def together(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        near = np.roll(np.fft.irfft2(one.conj() * other, shape), (reach, reach), (0, 1))
        return near[:2 * reach + 1, :2 * reach + 1]

    seen = spectrum(weight)
    alike = together(spectrum(plain[0] * weight), spectrum(plain[1] * weight))
    alike /= np.sqrt(np.maximum(together(spectrum(plain[0] ** 2 * weight), seen), 1)
                     * np.maximum(together(seen, spectrum(plain[1] ** 2 * weight)), 1))
    around = np.pad(alike, 1, constant_values=-1.0)
    peak = alike >= alike.max() - slack         # between two pixels a peak looks lower than it is
    for y, x in ((0, 1), (1, 0), (1, 2), (2, 1)):
        peak &= alike >= around[y:y + alike.shape[0], x:x + alike.shape[1]]
    rows, columns = np.nonzero(peak)
    return [(float(x - reach), float(y - reach)) for y, x in zip(rows, columns, strict=True)]


def _is_better(level: _Level, warp: Warp, other: Warp, by: float = 0.0) -> bool:
    """Whether the answer fits better along the warp, by that share, by what both leave over in the same pixels."""
    weight = _in_answer(level, warp) * _in_answer(level, other)
    if not weight.any():
        return False
    left = []
    for way in (warp, other):
        error = _seen(level, way) - level.original
        mean = spread(block_means(error * weight, _CELL) / np.maximum(block_means(weight, _CELL), 1e-3),
                      *error.shape, _CELL)
        left.append(abs(error - mean)[weight > 0])
    scale = 2 * max(min(float(np.median(part)) for part in left), 0.25 * min(float(part.std()) for part in left), 0.3)
    costs = [float(np.mean(part ** 2 / (scale ** 2 + part ** 2))) for part in left]
    return costs[0] < costs[1] * (1 - by)


def _textured(image: np.ndarray, weight: np.ndarray) -> float:
    """The share of the cells outside the area with some contrast."""
    size = _CELL // 2
    count = block_means(weight, size)
    total = np.maximum(count, 1e-3)
    variance = block_means(image ** 2 * weight, size) / total - (block_means(image * weight, size) / total) ** 2
    cells = count > 0.5
    return float((variance[cells] > _TEXTURE ** 2).mean()) if cells.any() else 0.0


def _agreement(level: _Level, warp: Warp) -> float:
    """The share of the textured cells outside the area in which both show the same."""
    seen = _seen(level, warp)
    weight = _in_answer(level, warp)
    original = level.original
    size = _CELL
    count = block_means(weight, size)
    cells = count > 0.3
    if not cells.any():
        return 0.0
    total = np.maximum(count, 1e-3)
    mean_s, mean_o = block_means(seen * weight, size) / total, block_means(original * weight, size) / total
    var_s = block_means(seen ** 2 * weight, size) / total - mean_s ** 2
    var_o = block_means(original ** 2 * weight, size) / total - mean_o ** 2
    both = block_means(seen * original * weight, size) / total - mean_s * mean_o
    cells &= np.maximum(var_o, var_s) > _TEXTURE ** 2
    if not cells.any():
        return 1.0
    alike = both[cells] / np.sqrt(np.maximum(var_s[cells] * var_o[cells], 1e-6))
    return float((alike > _ALIKE).mean())
