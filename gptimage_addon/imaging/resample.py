# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Smooth fields over a picture, and a picture drawn anew along one.

A pixel's coordinates are those of its middle: the top left pixel is (0, 0). Displacements are in pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

__all__ = ("Box", "Field", "Warp", "halve", "prefilter", "sample", "solve_field", "spread")

# x0, y0, x1, y1; the last ones excluded.
Box = tuple[int, int, int, int]

_LINES = 16                 # at a time: few enough to stay in the cache


# --- Smooth fields ----------------------------------------------------------------------------------------

@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """A slow function of the place: cubic B-splines on a coarse grid over the picture.

    `nodes` is (rows, columns, values). The grid reaches one node beyond the picture on each side.
    """

    nodes: np.ndarray
    width_px: int
    height_px: int

    def basis_x(self, x: np.ndarray) -> np.ndarray:
        """(len(x), columns): what each column of nodes gives to a place."""
        return _spline_basis((x + 0.5) / self.width_px, self.nodes.shape[1])

    def basis_y(self, y: np.ndarray) -> np.ndarray:
        return _spline_basis((y + 0.5) / self.height_px, self.nodes.shape[0])

    def at(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """(len(y), len(x), values) on the grid that the coordinates span."""
        return _on_grid(self.basis_y(y), self.nodes, self.basis_x(x))


def _on_grid(rows: np.ndarray, nodes: np.ndarray, columns: np.ndarray) -> np.ndarray:
    count = nodes.shape[2]
    half = np.tensordot(rows, nodes, 1)                                  # (y, node columns, values)
    out = np.empty((len(rows), len(columns), count), np.float32)
    for value in range(count):
        out[..., value] = half[..., value].astype(np.float32) @ columns.T.astype(np.float32)
    return out


def _spline_basis(share: np.ndarray, count: int) -> np.ndarray:
    """Cubic B-splines at 0..1 of a side. Outside, the value at the side goes on."""
    place = np.clip(np.asarray(share, np.float64), 0.0, 1.0) * (count - 3)
    first = np.minimum(place.astype(np.intp), count - 4)
    t = place - first
    weights = np.stack([(1 - t) ** 3, 3 * t ** 3 - 6 * t ** 2 + 4, -3 * t ** 3 + 3 * t ** 2 + 3 * t + 1, t ** 3], 1) / 6
    out = np.zeros((len(place), count))
    out[np.arange(len(place))[:, None], first[:, None] + np.arange(4)] = weights
    return out


def empty_field(width_px: int, height_px: int, values: int, intervals: int) -> Field:
    """All zero, with so many grid intervals on the longer side."""
    longer = max(width_px, height_px)
    rows, columns = (max(3, round(intervals * side / longer)) + 3 for side in (height_px, width_px))
    return Field(np.zeros((rows, columns, values)), width_px, height_px)


@lru_cache(maxsize=8)
def _roughness(rows: int, columns: int, flat: float, tilt: float, bend: float) -> np.ndarray:
    """What a field is held back by: its size, its slope and its curvature, each against its usual amount."""
    def differences(count: int, order: int) -> np.ndarray:
        return np.diff(np.eye(count), order, axis=0)

    def gram(matrix: np.ndarray) -> np.ndarray:
        return matrix.T @ matrix

    eye_y, eye_x = np.eye(rows), np.eye(columns)
    slope_y, slope_x = gram(differences(rows, 1)), gram(differences(columns, 1))
    curve_y, curve_x = gram(differences(rows, 2)), gram(differences(columns, 2))
    out = np.kron(curve_y, eye_x) + np.kron(eye_y, curve_x) + 2 * np.kron(slope_y, slope_x)
    out *= bend ** -2
    out += (np.kron(slope_y, eye_x) + np.kron(eye_y, slope_x)) * tilt ** -2
    out[np.diag_indices(len(out))] += flat ** -2
    return out


def solve_field(
    field: Field, x: np.ndarray, y: np.ndarray, evidence: np.ndarray, pull: np.ndarray,
    flat: float, tilt: float, bend: float,
) -> Field:
    """The likeliest field where measurements at (x, y) say: evidence @ value = pull, in units of their variance.

    `evidence` is (n, k, k), symmetric, or (n,) for all k values alike; `pull` is (n, k). `flat`, `tilt` and `bend` are
    the usual size, difference and second difference of neighboring nodes: they carry the field on to where nothing is
    measured.
    """
    rows, columns, count = field.nodes.shape
    nodes = rows * columns
    basis = (field.basis_y(y)[:, :, None] * field.basis_x(x)[:, None, :]).reshape(len(x), nodes)
    prior = _roughness(rows, columns, flat, tilt, bend)
    if evidence.ndim == 1:
        matrix = (basis * evidence[:, None]).T @ basis + prior
        return Field(np.linalg.solve(matrix, basis.T @ pull).reshape(rows, columns, count), field.width_px, field.height_px)
    matrix = np.zeros((count, nodes, count, nodes))
    for i in range(count):
        for j in range(i, count):
            block = (basis * evidence[:, i, j, None]).T @ basis
            matrix[i, :, j] = block + prior if i == j else block
            matrix[j, :, i] = matrix[i, :, j].T
    right = (basis.T @ pull).T.reshape(-1)
    found = np.linalg.solve(matrix.reshape(count * nodes, count * nodes), right).reshape(count, rows, columns)
    return Field(np.moveaxis(found, 0, 2).copy(), field.width_px, field.height_px)


# --- Coarser pictures -------------------------------------------------------------------------------------

def halve(image: np.ndarray) -> np.ndarray:
    """Half as large, float32, by weights 1 3 3 1. Pixel i of it lies at 2 i + 0.5; an odd last row or column goes."""
    rows, columns = image.shape[0] // 2, image.shape[1] // 2
    planes = image[:, :2 * columns].reshape(len(image), 2 * columns, -1)
    out = np.empty((rows, columns, planes.shape[2]), np.float32)
    near = np.arange(-1, 2 * rows + 1).clip(0, 2 * rows - 1)
    for start in range(0, rows, 2 * _LINES):
        stop = min(start + 2 * _LINES, rows)
        lines = planes[near[2 * start:2 * stop + 2]].astype(np.float32, copy=False)
        lines = _folded(lines[1:-1:2], lines[2:-1:2], lines[:-2:2], lines[3::2])
        wide = np.empty((stop - start, 2 * columns + 2), np.float32)
        for plane in range(planes.shape[2]):     # numpy is slow at strides with three values after each
            wide[:, 1:-1] = lines[..., plane]
            wide[:, 0], wide[:, -1] = wide[:, 1], wide[:, -2]
            out[start:stop, :, plane] = _folded(wide[:, 1:-1:2], wide[:, 2:-1:2], wide[:, :-2:2], wide[:, 3::2])
    return out.reshape(rows, columns, *image.shape[2:])


def _folded(even: np.ndarray, odd: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    out = even + odd
    out *= np.float32(3)
    out += before
    out += after
    out *= np.float32(0.125)
    return out


def spread(grid: np.ndarray, height_px: int, width_px: int, cell: float) -> np.ndarray:
    """Values of cells of so many pixels, linear between the cells' middles."""
    rows, columns = (_linear_basis((np.arange(n) + 0.5) / cell - 0.5, c) for n, c in
                     ((height_px, grid.shape[0]), (width_px, grid.shape[1])))
    flat = grid[..., None] if grid.ndim == 2 else grid
    out = _on_grid(rows, flat, columns)
    return out[..., 0] if grid.ndim == 2 else out


def _linear_basis(place: np.ndarray, count: int) -> np.ndarray:
    place = np.clip(place, 0, count - 1)
    first = np.minimum(place.astype(np.intp), max(count - 2, 0))
    out = np.zeros((len(place), count))
    line = np.arange(len(place))
    out[line, first] = 1 - (place - first)
    out[line, np.minimum(first + 1, count - 1)] += place - first
    return out


# --- Drawing anew -----------------------------------------------------------------------------------------

@dataclass(frozen=True, slots=True, eq=False)
class Warp:
    """Where in the answer lies what is at p in the original: c + scale (p - c) + shift + bend(p), c the middle."""

    width_px: int
    height_px: int
    shift_px: tuple[float, float] = (0.0, 0.0)
    scale: float = 1.0
    bend: Field | None = None                   # values: x, y

    @property
    def middle(self) -> tuple[float, float]:
        return (self.width_px - 1) / 2, (self.height_px - 1) / 2

    def line_x(self, x: np.ndarray) -> np.ndarray:
        """Without the bend, which alone mixes the axes."""
        return self.middle[0] + self.scale * (x - self.middle[0]) + self.shift_px[0]

    def line_y(self, y: np.ndarray) -> np.ndarray:
        return self.middle[1] + self.scale * (y - self.middle[1]) + self.shift_px[1]

    def unline_x(self, x: np.ndarray) -> np.ndarray:
        return self.middle[0] + (x - self.middle[0] - self.shift_px[0]) / self.scale


_STEPS = 1024               # of a pixel: finer than any of our estimates


def _cubic(t: np.ndarray) -> list[np.ndarray]:
    """Catmull-Rom: four pixels, needs no prefilter."""
    return [((2 - t) * t - 1) * t / 2, ((3 * t - 5) * t * t + 2) / 2, ((4 - 3 * t) * t + 1) * t / 2, (t - 1) * t * t / 2]


def _quintic(t: np.ndarray) -> list[np.ndarray]:
    """B-spline of order 5: six coefficients."""
    def spline(x: np.ndarray) -> np.ndarray:
        x = abs(x)
        near = 11 / 20 - x ** 2 / 2 + x ** 4 / 4 - x ** 5 / 12
        mid = 17 / 40 + 5 * x / 8 - 7 * x ** 2 / 4 + 5 * x ** 3 / 4 - 3 * x ** 4 / 8 + x ** 5 / 24
        far = (3 - x) ** 5 / 120
        return np.where(x <= 1, near, np.where(x <= 2, mid, np.where(x <= 3, far, 0.0)))
    return [spline(t + 2 - k) for k in range(6)]


@lru_cache(maxsize=2)
def _weights(taps: int) -> np.ndarray:
    t = np.arange(_STEPS + 1) / _STEPS
    return np.stack({4: _cubic, 6: _quintic}[taps](t)).astype(np.float32)


_POLES = (-0.430575347099973791, -0.0430962882032646537)        # of the order-5 B-spline


def prefilter(image: np.ndarray) -> np.ndarray:
    """The coefficients of the order-5 B-spline through the pixels, mirrored at the sides. float32 (h, w, c)."""
    out = np.ascontiguousarray(image, np.float32)
    for _ in (0, 1):
        out = np.ascontiguousarray(out.swapaxes(0, 1))          # each axis in its turn is the first, its lines contiguous
        _prefilter_rows(out.reshape(len(out), -1))
    return out


def _prefilter_rows(lines: np.ndarray) -> None:
    """In place, along the first axis."""
    count = len(lines)
    if count < 2:
        return
    gain = np.float32(np.prod([(1 - z) * (1 - 1 / z) for z in _POLES]))
    lines *= gain
    spare = np.empty_like(lines[0])
    for pole in _POLES:
        z = np.float32(pole)
        # Mirrored without repeating the first line, as far back as float32 can tell.
        reach = min(count, 24)
        lines[0] += sum((lines[k] * np.float32(pole ** k) for k in range(1, reach)), np.zeros_like(lines[0]))
        for k in range(1, count):
            np.multiply(lines[k - 1], z, out=spare)
            lines[k] += spare
        lines[-1] = np.float32(pole / (pole * pole - 1)) * (lines[-1] + z * lines[-2])
        for k in range(count - 2, -1, -1):
            np.subtract(lines[k + 1], lines[k], out=lines[k])
            lines[k] *= z


def _mirror(index: np.ndarray, count: int) -> np.ndarray:
    """Indices beyond the sides as those of the mirrored picture."""
    if count == 1:
        return np.zeros_like(index)
    if index.size and index.min() >= 0 and index.max() < count:
        return index
    period = 2 * (count - 1)
    index = np.abs(index) % period
    return np.minimum(index, period - index)


def _split(place: np.ndarray, taps: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """First pixel, and the weights of all taps, of places between pixels."""
    whole = np.floor(place)
    fraction = ((place - whole) * _STEPS + 0.5).astype(np.intp)
    return whole.astype(np.intp) - (taps // 2 - 1), [line.take(fraction) for line in _weights(taps)]


def sample(image: np.ndarray, warp: Warp, box: Box, factor: int = 1, spline: bool = False) -> np.ndarray:
    """The answer seen at the original's places: float32 of the box's size.

    `image` is (h, w) or (h, w, c) float32; with `spline` it holds `prefilter`'s coefficients, and the picture is
    as sharp as it was. `factor` tells how much coarser than the warp's picture it is; the box is in its own pixels.
    """
    taps = 6 if spline else 4
    flat = image.ndim == 2
    source = image[..., None] if flat else image
    to_full, to_own = _levels(factor)
    x, y = to_full(np.arange(box[0], box[2], dtype=np.float64)), to_full(np.arange(box[1], box[3], dtype=np.float64))
    if warp.bend is None:
        half = _draw_lines(source, to_own(warp.line_y(y)), taps).swapaxes(0, 1)
        out = np.ascontiguousarray(_draw_lines(half, to_own(warp.line_x(x)), taps).swapaxes(0, 1))
    else:
        out = _draw_bent(source, warp, x, y, to_own, factor, taps)
    return out[..., 0] if flat else out


_Map = Callable[[np.ndarray], np.ndarray]


def _levels(factor: int) -> tuple[_Map, _Map]:
    """From the coordinates of a picture that is `factor` coarser to the full ones, and back."""
    off = (factor - 1) / 2
    return (lambda p: p * factor + off), (lambda p: (p - off) / factor)


def _draw_lines(source: np.ndarray, place: np.ndarray, taps: int) -> np.ndarray:
    """Lines of the source at places between lines."""
    first, weights = _split(place, taps)
    index = _mirror(first[:, None] + np.arange(taps), len(source))
    low = int(index.min())
    source = np.ascontiguousarray(source[low:int(index.max()) + 1])
    lines = source.reshape(len(source), -1)
    index = index - low
    out = np.empty((len(place), lines.shape[1]), np.float32)
    for start in range(0, len(place), _LINES):
        part = slice(start, start + _LINES)
        total = lines[index[part, 0]] * weights[0][part, None]
        for tap in range(1, taps):
            total += lines[index[part, tap]] * weights[tap][part, None]
        out[part] = total
    return out.reshape(len(place), *source.shape[1:])


def _draw_bent(
    source: np.ndarray, warp: Warp, x: np.ndarray, y: np.ndarray, to_own: _Map, factor: int, taps: int,
) -> np.ndarray:
    """First down the columns of the answer, then along the rows of the original: twelve pixels instead of 36."""
    assert warp.bend is not None
    height, width, count = source.shape
    rows = warp.bend.basis_y(y)
    bend_x = warp.bend.nodes[..., :1]
    # The columns of the answer that are needed, and the original's x that each of them is at, bend left aside.
    along = to_own(warp.line_x(x))
    reach = float(abs(bend_x).max()) / factor + taps
    column = np.arange(int(np.floor(along[0] - reach)), int(np.ceil(along[-1] + reach)) + 1)
    to_full, _ = _levels(factor)
    at = warp.unline_x(to_full(column.astype(np.float64)))
    moved = _on_grid(rows, warp.bend.nodes, warp.bend.basis_x(at))
    # There the original's x is off by the bend itself, and the bend down the column with it: the first order of that.
    slope = _on_grid(rows, warp.bend.nodes[..., 1:], warp.bend.basis_x(at + 1)) - moved[..., 1:]
    down = moved[..., 1] - slope[..., 0] * moved[..., 0] / np.float32(warp.scale)
    own = _mirror(column, width)[None]
    straight = to_own(warp.line_y(y))
    over = _on_grid(rows, bend_x, warp.bend.basis_x(x))[..., 0] / np.float32(factor)
    out = np.empty((len(y), len(x), count), np.float32)
    planes = [np.ascontiguousarray(source[..., c]).reshape(-1) for c in range(count)]
    for start in range(0, len(y), _LINES):
        part = slice(start, start + _LINES)
        first, weights = _split(straight[part, None] + down[part] / np.float32(factor), taps)
        half = _gather(planes, first, weights, height, width, own)
        first, weights = _split(along[None] + over[part] - column[0], taps)
        line = (np.arange(len(first)) * len(column))[:, None]
        drawn = _gather([plane.reshape(-1) for plane in half], first, weights, len(column), 1, line)
        for channel, plane in enumerate(drawn):
            out[part, :, channel] = plane
    return out


def _gather(
    planes: list[np.ndarray], first: np.ndarray, weights: list[np.ndarray], count: int, stride: int, base: np.ndarray,
) -> list[np.ndarray]:
    """For each plane the sum over taps of weight times the pixel at base + index * stride, mirrored at `count`."""
    inside = first.min() >= 0 and first.max() + len(weights) <= count
    start = first * stride + base if inside else first
    out: list[np.ndarray] = []
    for tap, weight in enumerate(weights):
        index = start + tap * stride if inside else _mirror(first + tap, count) * stride + base
        for channel, plane in enumerate(planes):
            pixels = plane.take(index)
            pixels *= weight
            if tap:
                out[channel] += pixels
            else:
                out.append(pixels)
    return out
