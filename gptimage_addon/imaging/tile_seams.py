# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A strip of new content let into an old one: the seams that show least, and what is left of the step at them faded out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

__all__ = ("Strip", "cheapest_ways", "cut_costs", "find_seams", "joined", "slow_fade")

_EDGE = 24.0            # levels: steps beyond are edges of things, which stay edges
_ROWS = 64              # lines at a time: few enough to stay in the cache
_STILL = 0.02           # levels: the mean color of the strip stays that near to what it was


@dataclass(frozen=True, slots=True)
class Strip:
    """Around the wrap line: the seams lie between `gap` and `half` pixels from it, and fade out within `depth` of them."""

    half: int
    gap: int
    depth: int

    @property
    def zones(self) -> np.ndarray:
        """(2, places): where the left and the right seam may lie: before that pixel, counted from the wrap line."""
        places = np.arange(self.gap, self.half)
        return np.stack((-places[::-1], places))

    @property
    def across(self) -> np.ndarray:
        """All pixels that may change, counted from the wrap line."""
        reach = self.half + self.depth
        return np.arange(-reach, reach)


# --- The seams ------------------------------------------------------------------------------------------------

def cut_costs(error: np.ndarray, strip: Strip) -> np.ndarray:
    """(lines, 2, places): what a cut before each place costs: the error of the pixels on both sides of it."""
    at = strip.zones - strip.across[0]
    return error[:, at - 1] + error[:, at]


def cheapest_ways(costs: np.ndarray, start: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Cheapest ways down (lines, n, places) that move by at most one place a line: (lines, n), and their costs (n,).

    With `start`, a place for each of n, they begin there and end within one place of it.
    """
    lines, count, width = costs.shape
    sums = np.full((lines, count, width + 2), np.inf, np.float32)
    sums[0, :, 1:-1] = costs[0]
    if start is not None:
        sums[0, :, 1:-1][np.arange(width) != start[:, None]] = np.inf
    left, middle, right = (sums[..., k:width + k] for k in range(3))
    spare = np.empty((count, width), np.float32)
    for before, above, after, here, cost in zip(left, middle, right, middle[1:], costs[1:], strict=False):
        np.minimum(before, above, out=spare)
        np.minimum(spare, after, out=spare)
        np.add(spare, cost, out=here)
    last = middle[-1]
    if start is not None:
        last = np.where(abs(np.arange(width) - start[:, None]) <= 1, last, np.inf)
    each = np.arange(count)
    places = np.empty((lines, count), np.intp)
    places[-1] = at = last.argmin(1)
    total = last[each, at]
    turns = ((right < middle) & (right < left)).view(np.int8) - ((left <= middle) & (left <= right)).view(np.int8)
    turns = turns.reshape(lines, -1)
    first = each * width
    for k in range(lines - 2, -1, -1):
        at = at + turns[k].take(first + at)
        places[k] = at
    return places, total


def find_seams(old: np.ndarray, new: np.ndarray, strip: Strip, near: np.ndarray | None) -> np.ndarray:
    """(lines, 2): before which pixel of the strip, counted from its first one, the new content begins and ends.

    With `near` the seams are closed: they cross the first line about there, and meet their own ends.
    """
    error = np.empty(old.shape[:2], np.float32)
    for begin in range(0, len(old), _ROWS):
        differs = old[begin:begin + _ROWS] - new[begin:begin + _ROWS]
        differs *= differs
        part = error[begin:begin + _ROWS]
        np.add(differs[..., 0], differs[..., 1], out=part)
        for channel in range(2, old.shape[2]):
            part += differs[..., channel]
    start = None if near is None else abs(strip.zones - near[:, None]).argmin(1)
    found, _ = cheapest_ways(cut_costs(error, strip), start)
    return strip.zones[[0, 1], found] - strip.across[0]


def joined(
    old: np.ndarray, new: np.ndarray, seams: np.ndarray, strip: Strip, closed: bool, *, clips: bool,
) -> np.ndarray:
    """Old outside the seams, new between them, the rest of the step at each faded out to both sides; the mean is old's.

    In the memory of `new`. With `clips` the levels are 0 to 255.
    """
    height, width, channels = old.shape
    each = np.arange(height)[:, None]
    away = np.arange(strip.depth)
    fades = []
    for at in seams.T[..., None]:
        pair = at + np.array([-1, 0])
        step = (new[each, pair] - old[each, pair]).mean(1)
        step /= np.sqrt(1 + np.square(step / _EDGE))
        # Across the seam the new content goes on where the old one ends, each coming half the way.
        fades.append(_along(step / 2, lambda rates: _membrane(rates, strip.depth), closed))
    out = new
    # Of each value of a pixel the same, which is far faster than a third dimension.
    values = np.repeat(np.arange(width, dtype=np.int32), channels)

    # What the mean is mended by: from nothing at the seams to a plateau, of each value.
    most = strip.half // 2
    widths = seams[:, 1] - seams[:, 0] - 1
    total = float(np.where(widths <= 2 * most, widths * widths // 4, most * (widths - most)).sum())

    def weights(rows: slice) -> np.ndarray:
        begin, end = seams[rows].astype(np.int32).T[..., None]
        return np.clip(np.minimum(values - begin, end - 1 - values), 0, most).astype(np.float32)

    moved = np.zeros(channels)
    strips = [slice(start, start + _ROWS) for start in range(0, height, _ROWS)]
    for rows in strips:
        part, before = out[rows], old[rows]
        begin, end = seams[rows].astype(np.int32).T[..., None]
        np.copyto(part.reshape(len(part), -1), before.reshape(len(part), -1), where=(values < begin) | (values >= end))
        row = np.arange(len(part))[:, None]
        for at, fade, side in zip((begin, end), fades, (1, -1), strict=True):
            part[row, at - 1 - away] += fade[rows] * np.float32(side)
            part[row, at + away] -= fade[rows] * np.float32(side)
        moved += (part - before).sum(0).sum(0, dtype=np.float64)
    for _ in range(4):                          # what is cut at black and white moves the mean once more
        by = np.tile(moved / max(total, 1.0), width).astype(np.float32)
        moved = np.zeros(channels)
        for rows in strips:
            part = out[rows].reshape(-1, width * channels)
            part -= weights(rows) * by
            if clips:
                np.clip(part, 0, 255, out=part)
                moved += (out[rows] - old[rows]).sum(0).sum(0, dtype=np.float64)
        if abs(moved).max() <= _STILL * height * width:
            break
    return out


# --- Fades ------------------------------------------------------------------------------------------------

def slow_fade(step: np.ndarray, depth: int, closed: bool) -> np.ndarray:
    """(lines, depth, channels): halves of steps (lines, channels), fading out as slowly as each of their waves is long."""
    def falls(rates: np.ndarray) -> np.ndarray:
        reach = depth / np.sqrt(1 + np.square(rates[:, None] * depth / np.pi))
        return 0.5 + 0.5 * np.cos(np.pi * np.minimum((np.arange(depth) + 0.5) / reach, 1))

    return _along(step / 2, falls, closed)


def _membrane(rates: np.ndarray, depth: int) -> np.ndarray:
    """(rates, depth): a screened one that is held at its side."""
    place = np.arange(depth)
    return np.exp(-np.sqrt(rates ** 2 + (2.0 / depth) ** 2)[:, None] * place) * (1 - place / depth)


def _along(step: np.ndarray, falls: Callable[[np.ndarray], np.ndarray], closed: bool) -> np.ndarray:
    """(lines, depth, channels) of steps (lines, channels), each wave of them falling as `falls` says of its radians a line."""
    source = step if closed else np.concatenate((step, step[::-1]))
    shares = falls(2 * np.pi * np.fft.rfftfreq(len(source)))
    found = np.fft.irfft(shares[..., None] * np.fft.rfft(source, axis=0)[:, None], len(source), axis=0)
    return found[:len(step)].astype(np.float32)
