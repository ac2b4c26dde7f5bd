# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture whose edges meet, so that it can be laid beside itself; how well they do; and the way to have a model do it.

Axes are "xy", "x" or "y": along x the left edge meets the right one. The wrap line lies between the last column (row) and
the first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.errors import InputError
from .color import LUMA_DISPLAY
from .tile_strip import heal, put_levels, shrink, shrink_factor, to_levels

__all__ = ("SMALLEST_PX", "WrapScore", "cross_mask", "make_seamless", "meeting_axes", "rolled", "unrolled", "wrap_score")

SMALLEST_PX = 64        # a side

_DEGREE = 4             # of the polynomials that slow gradients are made of; half as many harmonics where it wraps
_MEETS = 1.15           # steps across the wrap line against those inside: up to here the edges meet already
_NEAR, _EXCUSED = 0.06, 1.5     # edges so near to the wrap line, of the side, excuse one there that is so much stronger
_PARTS = 8              # of a wrap line, each judged by itself
_BAND = 0.05            # of the side: how far from the wrap line the healed band is taken to reach


# --- Seamless ---------------------------------------------------------------------------------------------

def make_seamless(picture: np.ndarray, axes: str, *, level: float = 0.0) -> np.ndarray:
    """The picture, its edges meeting on the axes; same shape and type.

    `picture` is (h, w, 3 or 4) display color: uint8, uint16, or float32 with 1 for white; alpha is one more channel.
    `level`, 0 to 1, takes out that share of the slow gradients that would show as a pattern when tiled; those along an
    axis that is not asked for stay. An axis whose edges meet already is left as it is. Else, and without leveling, only
    pixels within an eighth of the side from its edges change, and the mean color stays.
    """
    _check(picture, axes)
    if picture.dtype not in (np.uint8, np.uint16, np.float32):
        raise InputError(f"Pictures of {picture.dtype} cannot be made seamless", field="picture",
                         hint="Use 8 or 16 bits a channel, or float32")
    if not 0.0 <= level <= 1.0:
        raise InputError(f"Leveling takes out 0 to 1 of the gradients, not {level:g}", field="level",
                         hint="Choose a value from 0 to 1")
    out = picture.copy()
    meets = {axis: _meets(_across(out, axis)) for axis in axes}
    if level > 0:
        field = _slow_field(shrink(out, shrink_factor(*out.shape[:2])), axes, meets)
        _take_out(out, field, meets, level)
    if "y" in axes and not meets["y"]:
        moved = heal(_across(out, "y"), _across(picture, "y"), closed=meets.get("x", False), others_too="x" in axes and not meets["x"])
    else:
        moved = 0
    if "x" in axes and not meets["x"]:
        heal(out, picture, closed="y" in axes, gap_px=moved + 2 if moved else 0)
    return out


def meeting_axes(picture: np.ndarray) -> str:
    """The axes, of "xy", on which the edges of a picture meet as they are. `picture` as for `make_seamless`; none for a small one."""
    if min(picture.shape[:2]) < SMALLEST_PX:
        return ""
    _check(picture, "xy")
    return "".join(axis for axis in "xy" if _meets(_across(picture, axis)))


def _check(picture: np.ndarray, axes: str) -> None:
    _check_axes(axes)
    if picture.ndim != 3 or picture.shape[2] not in (3, 4):
        raise InputError("The picture must have 3 or 4 channels", field="picture", hint="Convert it to RGB or RGBA")
    if min(picture.shape[:2]) < SMALLEST_PX:
        raise InputError(f"A picture of {picture.shape[1]} x {picture.shape[0]} pixels is too small to be tiled",
                         field="picture", hint=f"Use one of at least {SMALLEST_PX} x {SMALLEST_PX} pixels")
    if picture.dtype.kind == "f" and not np.isfinite(picture).all():
        raise InputError("The picture has infinite or undefined pixels", field="picture", hint="Replace them first")


def _check_axes(axes: str) -> None:
    if axes not in ("xy", "x", "y"):
        raise InputError(f"Unknown axes {axes!r}", field="axes", hint="Use xy, x or y")


def _across(picture: np.ndarray, axis: str) -> np.ndarray:
    """A view whose second dimension is the axis."""
    return picture if axis == "x" else picture.swapaxes(0, 1)


def _meets(lines: np.ndarray) -> bool:
    """Whether the second dimension's ends meet: means of ever larger blocks step across the wrap line as they do inside."""
    width = lines.shape[1]
    for size in (1, 4, 16):
        if size * 2 * _PARTS > len(lines) or size * 4 > width:
            break
        places = np.unique(np.linspace(size, width - size, 25).astype(int))
        inside = np.array([_block_steps(lines, int(place), size) for place in places])
        usual = np.median(inside, 0)
        scatter = 1.48 * np.median(abs(inside - usual), 0)
        # Where the wrap line lies on a joint or an edge of things, another one is near.
        near = max(round(_NEAR * width) // size, 3) * size
        most = np.max([_steps_between(part, size).max(1) for part in (lines[:, :near], lines[:, -near:])], 0)
        limit = np.minimum(np.maximum(_MEETS * usual, usual + 4 * scatter), _EXCUSED * most)
        if (_block_steps(lines, width, size) > limit + 0.05).any():
            return False
    return True


def _block_steps(lines: np.ndarray, place: int, size: int) -> np.ndarray:
    """Mean step in levels between the blocks before and after a place: along all of it, and in its worst part."""
    return _steps_between(lines[:, place - size:place + size] if place < lines.shape[1] else lines[:, np.arange(-size, size)], size)[:, 0]


def _steps_between(lines: np.ndarray, size: int) -> np.ndarray:
    """(2, places): mean steps in levels between all blocks of whole ones: along all of each place, and in its worst part."""
    rows, columns, channels = len(lines) // size, lines.shape[1] // size, lines.shape[2]
    sums = np.zeros((rows, columns, channels), np.float32)
    for down in range(size):
        line = to_levels(lines[down:rows * size:size])
        for across in range(size):
            sums += line[:, across::size]
    step = abs(np.diff(sums, axis=1)).mean(2) / np.float32(size * size)
    return np.array([step.mean(0), np.max([part.mean(0) for part in np.array_split(step, _PARTS)], 0)])


# --- Slow gradients ---------------------------------------------------------------------------------------

def _slow_basis(count: int, wraps: bool) -> np.ndarray:
    """(count, n), the first column constant: harmonics where the picture wraps, else Legendre's polynomials."""
    place = (np.arange(count) + 0.5) / count
    if not wraps:
        return np.polynomial.legendre.legvander(2 * place - 1, _DEGREE)
    turns = 2 * np.pi * place[:, None] * np.arange(1, _DEGREE // 2 + 1)
    return np.concatenate((np.ones((count, 1)), np.cos(turns), np.sin(turns)), 1)


def _slow_field(coarse: np.ndarray, axes: str, meets: dict[str, bool]) -> np.ndarray:
    """How the levels vary slowly along the axes: coefficients (y, x, channels) of the two bases."""
    rows, columns = (_slow_basis(n, meets.get(axis, False)) for n, axis in zip(coarse.shape[:2], "yx", strict=True))
    right = np.einsum("yxc,mx->ymc", coarse, np.linalg.pinv(columns), optimize=True)
    field = np.einsum("ny,ymc->nmc", np.linalg.pinv(rows), right, optimize=True)
    field[0, 0] = 0                     # the mean color
    if "y" not in axes:
        field[:, 0] = 0                 # what is the same all along x
    if "x" not in axes:
        field[0] = 0
    return field


def _take_out(picture: np.ndarray, field: np.ndarray, meets: dict[str, bool], level: float) -> None:
    height, width = picture.shape[:2]
    rows = _slow_basis(height, meets.get("y", False)).astype(np.float32)
    columns = _slow_basis(width, meets.get("x", False))
    right = np.einsum("nmc,xm->nxc", field * level, columns, optimize=True).astype(np.float32)
    for start in range(0, height, 64):
        part = picture[start:start + 64]
        levels = to_levels(part)
        levels -= (rows[start:start + 64] @ right.reshape(len(right), -1)).reshape(part.shape)
        put_levels(part, levels)


# --- How well it tiles ------------------------------------------------------------------------------------

@dataclass(frozen=True, slots=True)
class WrapScore:
    """How well a picture tiles. All values are JSON's by `asdict`.

    `step_x`, `step_y`: mean absolute step across the wrap line, divided by that between neighboring columns or rows
    inside: 1 is as inside, far more an edge, far less a blur. Both are measured whatever the axes.
    `detail`: energy of second differences within 5 % of the side from the wrap lines of the axes, divided by the rest's;
    no difference reaches across the wrap line.
    `gradient`: levels of 255 from the lowest to the highest of what varies slowly along the axes, in the worst channel.
    `repetition`: the highest peak of the brightness's circular autocorrelation farther than a 16th of the sides from
    zero, slow gradients left out: 0 for noise, 1 for a picture that repeats itself.
    `score`: 100 * edge * detail * gradient, each 0 to 1: edge is that of the worse axis, 1 for steps of 0.9 to 1.05,
    falling evenly to 0 at steps of 0 and 2.05; detail is min(1, detail / 0.95); gradient is 1 up to 8 levels, falling
    evenly to 0 at 255. Repetition does not count: bricks repeat themselves.
    """

    step_x: float
    step_y: float
    detail: float
    gradient: float
    repetition: float
    score: float


def wrap_score(picture: np.ndarray, axes: str = "xy") -> WrapScore:
    """How well the picture tiles along the axes. `picture` as for `make_seamless`; alpha does not count."""
    _check(picture, axes)
    color = picture[..., :3]
    height, width = picture.shape[:2]
    steps = {axis: _step_ratio(_across(color, axis)) for axis in "xy"}
    coarse = shrink(color, shrink_factor(height, width))
    meets = {axis: _meets(_across(color, axis)) for axis in axes}
    detail = _detail_ratio(color, axes)
    field = _slow_field(coarse, axes, meets)
    rows, columns = (_slow_basis(n, meets.get(axis, False)) for n, axis in zip(coarse.shape[:2], "yx", strict=True))
    slow = np.einsum("yn,nmc,xm->yxc", rows, field, columns, optimize=True)
    gradient = float(np.ptp(slow, axis=(0, 1)).max())
    edge = min(np.interp(steps[axis], (0.0, 0.9, 1.05, 2.05), (0.0, 1.0, 1.0, 0.0)) for axis in axes)
    score = 100 * edge * min(1.0, detail / 0.95) * np.interp(gradient, (8.0, 255.0), (1.0, 0.0))
    return WrapScore(
        step_x=steps["x"], step_y=steps["y"], detail=detail, gradient=gradient,
        repetition=_repetition((coarse - slow) @ LUMA_DISPLAY), score=float(score))


_ROWS = 128             # at a time


def _step_ratio(lines: np.ndarray) -> float:
    inside = 0.0
    height, width = lines.shape[:2]
    # Whole lines in the order of the memory, whichever dimension that is.
    if lines.strides[0] > lines.strides[1]:
        for start in range(0, height, _ROWS):
            part = to_levels(lines[start:start + _ROWS])
            inside += float(abs(np.diff(part, axis=1)).sum(dtype=np.float64))
    else:
        for start in range(0, width - 1, _ROWS):
            part = to_levels(lines[:, start:start + _ROWS + 1].swapaxes(0, 1))
            inside += float(abs(np.diff(part, axis=0)).sum(dtype=np.float64))
    inside /= width - 1
    across = float(abs(to_levels(lines[:, 0]) - to_levels(lines[:, -1])).sum(dtype=np.float64))
    return across / inside if inside > 0 else 1.0


def _detail_ratio(picture: np.ndarray, axes: str) -> float:
    """Second differences near the wrap lines against the others."""
    height, width = picture.shape[:2]
    near_y, near_x = (
        np.minimum(np.arange(n), n - 1 - np.arange(n))[1:-1] < (max(2, round(_BAND * n)) if axis in axes else 0)
        for n, axis in ((height, "y"), (width, "x")))
    energy, count = np.zeros(2), np.zeros(2)
    for start in range(0, height - 2, _ROWS):
        part = to_levels(picture[start:start + _ROWS + 2])
        second = 4 * part[1:-1, 1:-1]
        for other in (part[:-2, 1:-1], part[2:, 1:-1], part[1:-1, :-2], part[1:-1, 2:]):
            second -= other
        second *= second
        square = second[..., 0] + second[..., 1]
        square += second[..., 2]
        near = near_y[start:start + len(square), None] | near_x
        for k, where in enumerate((near, ~near)):
            energy[k] += square.sum(where=where, dtype=np.float64)
            count[k] += np.count_nonzero(where)
    mean = energy / count
    return float(mean[0] / mean[1]) if mean[1] > 0 else 1.0


def _repetition(image: np.ndarray) -> float:
    image = image - image.mean()
    power = abs(np.fft.rfft2(image)) ** 2
    like = np.fft.irfft2(power, image.shape)
    if like[0, 0] <= 1e-6 * image.size:
        return 0.0
    like /= like[0, 0]
    peak = np.ones(like.shape, bool)
    for axis in (0, 1):
        for by in (1, -1):
            peak &= like >= np.roll(like, by, axis) - 1e-9
    away_y, away_x = (np.minimum(np.arange(n), n - np.arange(n)) > n / 16 for n in like.shape)
    peak &= away_y[:, None] | away_x
    return float(np.clip(like.max(where=peak, initial=0.0), 0.0, 1.0))


# --- Healed by a model ------------------------------------------------------------------------------------

def rolled(picture: np.ndarray, axes: str) -> np.ndarray:
    """The picture moved by half its size along the axes, so that the wrap lines lie in the middle, as a cross."""
    _check_axes(axes)
    return np.roll(picture, [picture.shape["yx".index(axis)] // 2 for axis in axes], ["yx".index(axis) for axis in axes])


def unrolled(picture: np.ndarray, axes: str) -> np.ndarray:
    """The picture that was `rolled`, bit for bit."""
    _check_axes(axes)
    return np.roll(picture, [-(picture.shape["yx".index(axis)] // 2) for axis in axes], ["yx".index(axis) for axis in axes])


def cross_mask(height_px: int, width_px: int, axes: str, share: float = 0.2) -> np.ndarray:
    """The area of a rolled picture that a model is to heal: float32 (h, w), 1 inside, 0 outside.

    An arm over each wrap line of the axes, `share` of the side wide. On two axes no arm reaches the border: the border's
    pixels met their counterparts before, and would not after each end was drawn by itself. So both wraps stay as they
    are, bit for bit, and at the ends of the arms (a 50th of the side each) the wrap line stays unhealed: roll the
    picture that `make_seamless` gave, in which nothing shows there. On one axis the arm goes on to both borders, which
    nothing need meet.
    """
    _check_axes(axes)
    if not 0.0 < share < 1.0:
        raise InputError(f"An arm takes a share of 0 to 1 of the side, not {share:g}", field="share",
                         hint="Choose a value between 0 and 1")
    mask = np.zeros((height_px, width_px), np.float32)
    end_y, end_x = (max(2, round(n / 50)) if axes == "xy" else 0 for n in (height_px, width_px))
    for axis, size in (("x", width_px), ("y", height_px)):
        if axis in axes:
            half = max(1, round(share * size / 2))
            arm = slice(max(0, size // 2 - half), size // 2 + half)
            if axis == "x":
                mask[end_y:height_px - end_y, arm] = 1
            else:
                mask[arm, end_x:width_px - end_x] = 1
    return mask
