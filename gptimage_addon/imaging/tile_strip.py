# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The edges of a picture made to meet by a strip of its own content, cut in along the seams that show least.

Here a picture's `lines` run across the wrap line: their two ends, the second dimension's, are to meet. Another strip of
the picture is laid over the wrap line and cut along one seam on each side (A. Efros, W. Freeman: Image Quilting, 2001;
V. Kwatra et al.: Graphcut Textures, 2003). It lends its detail only: slow colors stay those of the place (P. Burt,
E. Adelson: A Multiresolution Spline, 1983), and what is left of a step at a seam fades out to both sides like a membrane
(P. Perez et al.: Poisson Image Editing, 2003). Nothing is ever a mix of two contents.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from .tile_seams import Strip, cheapest_ways, cut_costs, find_seams, joined, slow_fade

__all__ = ("full_value", "heal", "put_levels", "shrink", "shrink_factor", "to_levels")

_HALF = 0.1             # of the side: the seams lie no farther from the wrap line
_SEARCH_PX = 256        # side of the picture in which the strip is searched for
_CANDIDATES = 32
_FINE = 16              # of them are looked at in all pixels
_SAMPLE_PX = 2 ** 18    # in so many the usual steps and detail are measured
_TRIALS_PX = 4_000_000  # so many pixels of pictures are cut, until one's steps and detail are right
_ENOUGH = 0.02          # steps off by no more than a third of that are as good as right
_BOOST = 1.25           # the most that a strip's detail is multiplied by
_ROWS = 64              # lines at a time: few enough to stay in the cache
_BLUR = (0.12, 0.235, 0.29)     # outermost to middle, about a Gaussian of 1.3 pixels: what it takes away is detail
_SLOW = 1.2             # times the steps near the ends: where more is left without the slow colors, content does not meet


# --- Levels -----------------------------------------------------------------------------------------------

def full_value(pixels: np.ndarray) -> float:
    """What white is in pixels of that type."""
    return {"u1": 255.0, "u2": 65535.0}.get(pixels.dtype.str[1:], 1.0)


def to_levels(pixels: np.ndarray) -> np.ndarray:
    """float32, 255 for white."""
    # Of a turned view the pixels are turned first, where they are smaller.
    return np.ascontiguousarray(pixels) * np.float32(255.0 / full_value(pixels))


def put_levels(pixels: np.ndarray, levels: np.ndarray) -> None:
    """Write levels into pixels of any type, in place."""
    for start in range(0, len(levels), _ROWS):
        part = levels[start:start + _ROWS] * np.float32(full_value(pixels) / 255.0)
        if pixels.dtype.kind == "u":
            np.rint(part, out=part)
            np.clip(part, 0, full_value(pixels), out=part)
            part = part.astype(pixels.dtype)        # turned where it is smaller, as above
        pixels[start:start + _ROWS] = part


def shrink_factor(height_px: int, width_px: int) -> int:
    return max(1, round((height_px * width_px) ** 0.5 / _SEARCH_PX))


def shrink(picture: np.ndarray, factor: int) -> np.ndarray:
    """Means of blocks in levels, float32; what is left over at the right and the bottom goes."""
    if picture.strides[0] < picture.strides[1]:     # in the order of the memory
        return np.ascontiguousarray(shrink(picture.swapaxes(0, 1), factor).swapaxes(0, 1))
    rows, columns = (n // factor for n in picture.shape[:2])
    picture = picture[:rows * factor, :columns * factor]
    # Whole lines first, in the narrowest type that holds the sum: the picture is read once.
    kind = {"u1": np.uint16, "u2": np.uint32}.get(picture.dtype.str[1:], np.float32)
    down = picture[::factor].astype(kind)
    for k in range(1, factor):
        down += picture[k::factor]
    total = down[:, ::factor].astype(np.float32)
    for k in range(1, factor):
        total += down[:, k::factor]
    total *= np.float32(255.0 / full_value(picture) / factor ** 2)
    return total


# --- The strip --------------------------------------------------------------------------------------------

@dataclass(frozen=True, slots=True)
class _Source:
    """The strip's new content is that at x + shift, y + move; its detail times `gain`."""

    shift: int
    move: int
    gain: float
    near: np.ndarray        # (2,) where the seams cross the first line, counted from the wrap line


def _half(side_px: int) -> int:
    return max(10, round(_HALF * side_px))


def heal(
    lines: np.ndarray, source: np.ndarray, *, closed: bool, others_too: bool = False, gap_px: int = 0,
) -> int:
    """Let the second dimension's ends meet, in place; with as much detail as the `source` has there, which was not healed yet.

    `closed`: the first dimension's ends do, and go on doing so. `others_too`: they will be made to afterwards, with a
    `gap_px` of what is returned. Pixels less than `gap_px` from the wrap line are replaced in any case.
    """
    height, width = lines.shape[:2]
    half = _half(width)
    strip = Strip(half, max(2, half // 5, gap_px), max(4, half // 4))
    factor = shrink_factor(height, width)
    coarse = shrink(lines, factor)
    low = _low_pass(coarse, half / 2 / factor, closed)
    # Moved along itself, an open strip has its own wrap line within it: where the other axis replaces all.
    reach = height if closed else _half(height) // 2 if others_too else 0
    # What will be replaced along the other axis is no measure.
    stays = slice(_half(height) // 3, -(_half(height) // 3)) if others_too else slice(None)
    steps = abs(np.diff(coarse, axis=1)).mean((1, 2))
    kept = slice(stays.start // factor, stays.stop // factor or None) if others_too else stays
    usual = _Usual.of(lines[stays], source[stays], strip, float((steps.mean() + 1e-6) / (steps[kept].mean() + 1e-6)))
    across = strip.across
    crossing = _Crossing.of(lines, source, strip, usual) if closed else None
    if not gap_px and _fade_slow(lines, stays, strip, usual, closed):
        return 0
    old = np.concatenate((to_levels(lines[:, across[0]:]), to_levels(lines[:, :-across[0]])), 1)

    def tried(source: _Source) -> tuple[float, float, _Source, np.ndarray]:
        new = _content(lines, low, across, source)
        seams = find_seams(old, new, strip, source.near if closed else None)
        found = joined(old, new, seams, strip, closed, clips=lines.dtype.kind == "u")
        off, poorer = usual.misfit(found[stays], strip, closed)
        if crossing:
            poorer = max(poorer, crossing.poorer(found, strip))
        return 3 * off + max(0.0, poorer - 1), poorer, source, found

    best = None
    trials = int(np.clip(_TRIALS_PX // (height * width), 2, _CANDIDATES))
    for source in _best_sources(lines, coarse, low, strip, factor, closed, reach, usual, trials)[:trials]:
        trial = tried(source)
        if best is None or trial[0] < best[0]:
            best = trial
        if trial[0] <= _ENOUGH and trial[1] <= 1:
            break
    assert best is not None
    if best[1] > 1:                             # poorer in detail than was thought
        gain = min(_BOOST, best[2].gain * best[1] ** 0.5)
        trial = tried(replace(best[2], gain=gain))
        best = min(best, trial, key=lambda found: found[0])
    _, _, source, found = best
    put_levels(lines[:, across[0]:], found[:, :-across[0]])
    put_levels(lines[:, :-across[0]], found[:, -across[0]:])
    return min(source.move, height - source.move)


def _fade_slow(lines: np.ndarray, stays: slice, strip: Strip, usual: _Usual, closed: bool) -> bool:
    """Fade out the step at the wrap line, in place, if slow colors make all of it: then no content need be replaced."""
    step = to_levels(lines[:, -1]) - to_levels(lines[:, 0])
    slow = _low_pass_lines(step, strip.half / 4, closed)
    left, inside, own = float(abs(step - slow)[stays].mean()), usual.inside, usual.at_ends(usual.steps)
    if left > _SLOW * own or _excess(left / inside, own / inside) > 0.02:
        return False
    fade = slow_fade(slow, strip.half + strip.depth, closed)
    for part, levels in ((lines[:, :fade.shape[1]], fade), (lines[:, -fade.shape[1]:], -fade[:, ::-1])):
        put_levels(part, to_levels(part) + levels)
    return True


def _low_pass_lines(values: np.ndarray, sigma: float, closed: bool) -> np.ndarray:
    """Values (lines, channels) blurred along the lines."""
    if closed:
        source = values
    else:
        source = np.concatenate((values, values[::-1]))
    passes = np.exp(-2 * (np.pi * sigma * np.fft.rfftfreq(len(source))) ** 2)
    found = np.fft.irfft(np.fft.rfft(source, axis=0) * passes[:, None], len(source), axis=0)
    return found[:len(values)].astype(np.float32)


def _low_pass(image: np.ndarray, sigma: float, closed: bool) -> np.ndarray:
    """Blurred by a Gaussian: around the wrap along x, and along y where that is closed, else mirrored at its ends."""
    down, across = _gaussian(len(image), sigma, closed), _gaussian(image.shape[1], sigma, True)
    out = (down @ image.reshape(len(image), -1)).reshape(image.shape)
    return np.ascontiguousarray((out.swapaxes(1, 2) @ across).swapaxes(1, 2))


def _gaussian(count: int, sigma: float, closed: bool) -> np.ndarray:
    """The blur as a matrix (count, count)."""
    turns = count if closed else 2 * count
    bell = np.fft.irfft(np.exp(-2 * (np.pi * sigma * np.fft.rfftfreq(turns)) ** 2), turns)
    place = np.arange(count)
    out = bell[(place[:, None] - place) % turns]
    if not closed:
        out = out + bell[(place[:, None] + place + 1) % turns]
    return out.astype(np.float32)


def _around(image: np.ndarray, place: np.ndarray, count: int, axis: int) -> np.ndarray:
    """A coarse image read between its pixels along an axis that has `count` places and wraps."""
    place = (place + 0.5) * (image.shape[axis] / count) - 0.5
    first = np.floor(place).astype(np.intp)
    share = (place - first).astype(np.float32).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
    out, after = (image.take((first + k) % image.shape[axis], axis) for k in (0, 1))
    after -= out
    after *= share
    out += after
    return out


def _content(lines: np.ndarray, low: np.ndarray, across: np.ndarray, source: _Source) -> np.ndarray:
    """The source's detail on the slow colors of the strip, at the pixels `across`: (h, len(across), channels) levels."""
    height, width = lines.shape[:2]
    there = _around(low, across + source.shift, width, 1)
    there *= np.float32(source.gain)
    here = _around(low, across, width, 1)
    columns = slice(across[0] + source.shift, across[-1] + 1 + source.shift)
    new = np.empty((height, len(across), lines.shape[2]), np.float32)
    for start in range(0, height, _ROWS):
        rows = np.arange(start, min(start + _ROWS, height))
        moved = (rows + source.move) % height
        if moved[-1] - moved[0] == len(rows) - 1:
            part = to_levels(lines[moved[0]:moved[-1] + 1, columns])
        else:
            part = to_levels(lines[moved, columns])
        if source.gain != 1:
            part *= np.float32(source.gain)
        part += _around(here, rows, height, 0)
        np.subtract(part, _around(there, rows + source.move, height, 0), out=new[start:start + _ROWS])
    return new


# --- Which content ----------------------------------------------------------------------------------------

def _best_sources(
    lines: np.ndarray, coarse: np.ndarray, low: np.ndarray, strip: Strip, factor: int, closed: bool, reach: int,
    usual: _Usual, trials: int,
) -> list[_Source]:
    """Best first, the content whose seams show least, with steps and detail at the wrap line like the picture's own.

    First by the difference in the zones of the seams, for all shifts and moves; then by the cheapest seams.
    """
    height, width = lines.shape[:2]
    rows, columns = coarse.shape[:2]
    detail = coarse - low
    small = Strip(max(3, strip.half // factor), max(1, -(-strip.gap // factor)), 0)
    # Not so near to the wrap line that the strip would lie beside what it is a copy of.
    shifts = np.arange(-(-2 * strip.half // factor), (width - 2 * strip.half) // factor + 1)
    gains = usual.gains(shifts * factor)
    near = shifts[:, None] * factor + np.arange(-_nearby(strip, factor), _nearby(strip, factor) + 1)
    near = np.clip(near, 2 * strip.half, width - 2 * strip.half)
    worse = _rarely(gains) * usual.worse(usual.steps[near], near).min(1)
    differs = _differences(detail, small, shifts) * worse[:, None]
    differs[:, np.minimum(np.arange(rows), rows - np.arange(rows)) * factor > reach] = np.inf

    moves = differs.argmin(1)
    least = differs[np.arange(len(shifts)), moves]
    size = max(1, small.half // 4)                  # of neighbors one is enough
    order = np.array([k + least[k:k + size].argmin() for k in range(0, len(shifts), size)])
    order = order[least[order].argsort()][:_CANDIDATES]
    costs = []
    for k in order:
        other = np.roll(detail[:, small.across + shifts[k]], -int(moves[k]), 0)
        costs.append(cut_costs(np.square(detail[:, small.across % columns] - other).sum(2), small))
    places, totals = cheapest_ways(np.concatenate(costs, 1))
    places = places[0].reshape(-1, 2)
    totals = totals.reshape(-1, 2).sum(1) * _rarely(gains[order]) + 1e-6
    fine = _Fine.of(lines, low, strip, factor, usual)
    found = []
    for rank in totals.argsort()[:max(_FINE, trials)]:
        k = order[rank]
        gain = float(np.clip(gains[k], 1.0, _BOOST))
        shift, worse_x = fine.shift(int(shifts[k]) * factor, int(moves[k]) * factor, gain)
        move, worse_y = int(moves[k]) * factor, 1.0
        if closed:
            move, worse_y = fine.move(shift, move)
        source = _Source(shift, move % height, gain, small.zones[[0, 1], places[rank]] * factor)
        found.append((totals[rank] * worse_x * worse_y, source))
    return [source for _, source in sorted(found, key=lambda pair: pair[0])]


def _nearby(strip: Strip, factor: int) -> int:
    """How far a shift may be from the one that was found among coarse ones: a change of distance that nobody sees."""
    return max(factor, strip.half // 8)


def _differences(detail: np.ndarray, strip: Strip, shifts: np.ndarray) -> np.ndarray:
    """(shifts, moves): squared difference in the zones of the seams, by correlation."""
    offsets = np.arange(-strip.half, strip.half)
    zone = offsets[(offsets < -strip.gap) | (offsets >= strip.gap)]
    template = np.zeros_like(detail)
    template[:, zone] = detail[:, zone]
    spectra = [np.fft.rfft2(image, axes=(0, 1)) for image in (template, detail)]
    match = np.fft.irfft2((np.conj(spectra[0]) * spectra[1]).sum(2), detail.shape[:2])
    square = np.square(detail).sum((0, 2))
    there = np.array([square[zone + shift].sum() for shift in shifts])
    return np.maximum(there[:, None] + square[zone].sum() - 2 * match[:, shifts].T, 0)


@dataclass(frozen=True, slots=True, eq=False)
class _Usual:
    """Of each column: mean steps to the one before, and between its own pixels; high-pass energy. From a sample of lines.

    And what will be usual when the strip's content came from elsewhere: about `width` columns of it.
    """

    steps: np.ndarray
    down: np.ndarray
    energy: np.ndarray
    width: int
    half: int
    every: int
    end: np.ndarray
    before: float           # energy near the ends in what was not healed yet
    whole: float            # what the steps inside are in all lines, over those of these

    @classmethod
    def of(cls, lines: np.ndarray, source: np.ndarray, strip: Strip, whole: float) -> _Usual:
        every = max(1, lines.shape[0] * lines.shape[1] // _SAMPLE_PX)
        end = abs(to_levels(lines[0]) - to_levels(lines[-1])).mean(1)
        near = np.concatenate([_profiles(part, every, to_levels)[2] for part in (source[:, :strip.half], source[:, -strip.half:])])
        return cls(*_profiles(lines, every, to_levels), (strip.half + strip.gap) // 2 * 2, strip.half, every, end,
                   float(near.mean()), whole)

    @property
    def inside(self) -> float:
        return float(self.steps.mean()) + 1e-6

    def misfit(self, joined: np.ndarray, strip: Strip, closed: bool) -> tuple[float, float]:
        """By what share the steps of a strip (h, pixels `across`, channels) are off, 0 if not; and what the energy of its
        detail would have to be multiplied by to be as usual."""
        steps, down, energy = _profiles(joined, self.every)
        middle, near = -strip.across[0], slice(strip.depth, -strip.depth)

        def mean(profile: np.ndarray, new: np.ndarray) -> float:
            return float((profile[strip.half:-strip.half].sum() + new[near].sum()) / len(profile)) + 1e-6

        across, inside = float(abs(joined[:, middle] - joined[:, middle - 1]).mean()), mean(self.steps, steps)
        off = max(_excess(across / inside / by, self.at_ends(self.steps) / inside) for by in {1.0, self.whole})
        if closed:
            end = abs(joined[0] - joined[-1]).mean(1)
            inside = mean(self.down, down)
            # That wrap was healed already: little of what it has may go.
            off += _excess(mean(self.end, end) / inside, 1.05 * float(self.end.mean()) / inside)
        wanted = min(float(self.energy[strip.half:-strip.half].mean()), self.before)
        return off, 0.97 * wanted / (float(energy[near].mean()) + 1e-6)

    def gains(self, shifts: np.ndarray) -> np.ndarray:
        """What the detail of each source must be multiplied by to have the energy of the ends, or of the rest if less."""
        wanted = np.minimum(self._after(self.energy, shifts), self.at_ends(self.energy))
        return np.sqrt((wanted + 1e-6) / (self._there(self.energy, shifts) + 1e-6))

    def worse(self, steps: np.ndarray, shifts: np.ndarray) -> np.ndarray:
        """What a cost is multiplied by for steps across the wrap line, with content of these shifts."""
        mean = self._after(self.steps, shifts) + 1e-6
        return _unlike(steps / mean, np.minimum(1.0, self.at_ends(self.steps) / mean))

    def down_after(self, shift: int) -> float:
        return float(self._after(self.down, np.array(shift)))

    def _there(self, profile: np.ndarray, shifts: np.ndarray) -> np.ndarray:
        sums = np.concatenate(([0.0], profile.cumsum(dtype=np.float64)))
        return (sums[shifts + self.width // 2] - sums[shifts - self.width // 2]) / self.width

    def at_ends(self, profile: np.ndarray) -> float:
        return float(np.concatenate((profile[:self.half], profile[-self.half:])).mean())

    def _after(self, profile: np.ndarray, shifts: np.ndarray) -> np.ndarray:
        near = self.width // 2
        lost = float(np.concatenate((profile[:near], profile[-near:])).mean())
        return float(profile.mean()) + self.width / len(profile) * (self._there(profile, shifts) - lost)


@dataclass(frozen=True, slots=True, eq=False)
class _Crossing:
    """Detail within `half` lines of the other wrap line, which the strip crosses: what is wanted, and what lies beside it."""

    half: int
    width: int
    wanted: float
    beside: float           # summed over the columns, over the width

    @classmethod
    def of(cls, lines: np.ndarray, source: np.ndarray, strip: Strip, usual: _Usual) -> _Crossing:
        half = _half(len(lines))
        now, before = (_energy_at_ends(part, half, to_levels) for part in (lines, source))
        rest = (usual.energy.mean() * len(lines) - now.mean() * 2 * half) / (len(lines) - 2 * half)
        beside = now[strip.half + strip.depth:-strip.half - strip.depth].sum() / len(now)
        return cls(half, len(now), 0.97 * min(float(rest), float(before.mean())), float(beside))

    def poorer(self, joined: np.ndarray, strip: Strip) -> float:
        """What the energy of the detail there would have to be multiplied by, with this strip."""
        return self.wanted / (self.beside + float(_energy_at_ends(joined, self.half).sum()) / self.width + 1e-6)


def _energy_at_ends(
    lines: np.ndarray, half: int, levels: Callable[[np.ndarray], np.ndarray] = np.asarray,
) -> np.ndarray:
    """Of each column: high-pass energy in the first and the last lines."""
    every = max(1, 2 * half * lines.shape[1] // _SAMPLE_PX)
    first, last = (_profiles(part, every, levels)[2] for part in (lines[:half], lines[-half:]))
    return (first + last) / 2


def _profiles(
    lines: np.ndarray, every: int, levels: Callable[[np.ndarray], np.ndarray] = np.asarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each column: mean steps to the one before, steps between its own pixels, and high-pass energy."""
    steps, down, energy = (np.zeros((lines.shape[1], lines.shape[2])) for _ in range(3))
    end = len(lines) - 4
    outer, inner, own = (np.float32(weight) for weight in _BLUR)
    for start in range(0, end, 16 * every):
        near = [levels(lines[start + k:min(start + 16 * every, end) + k:every]) for k in range(5)]
        middle = near[2]
        steps[1:] += abs(np.diff(middle, axis=1)).sum(0)
        down += abs(middle - near[1]).sum(0)
        blurred = own * middle + inner * (near[1] + near[3]) + outer * (near[0] + near[4])
        high = middle[:, 2:-2] - own * blurred[:, 2:-2]
        high -= inner * (blurred[:, 1:-3] + blurred[:, 3:-1])
        high -= outer * (blurred[:, :-4] + blurred[:, 4:])
        high *= high
        energy[2:-2] += high.sum(0)
    steps[0], energy[:2], energy[-2:] = steps[1], energy[2], energy[-3]
    count = -(-end // every)
    return steps.mean(1) / count, down.mean(1) / count, energy.mean(1) / count


def _excess(step: float, own: float) -> float:
    """By how much a step is farther from 1, or from the `own` one that was usual there, than nobody sees."""
    return max(0.0, step - 1.035) + max(0.0, 0.935 * min(1.0, own) - step)


def _unlike(step: np.ndarray, least: np.ndarray | float) -> np.ndarray:
    return 1 + 40 * np.maximum(0, step - 1.01) + 40 * np.maximum(0, 0.96 * least - step)


def _rarely(gains: np.ndarray) -> np.ndarray:
    """What a cost is multiplied by, so that a source with far less detail is taken where there is no other."""
    return 1 + 4 * np.maximum(gains - 1, 0) + 80 * np.maximum(gains - _BOOST, 0)


@dataclass(frozen=True, slots=True, eq=False)
class _Fine:
    """Looks at all pixels for what was found among coarse ones; of lines, of some of them, and of what these have here."""

    lines: np.ndarray
    low: np.ndarray
    strip: Strip
    factor: int
    usual: _Usual
    rows: np.ndarray
    step: np.ndarray        # of the slow colors, across the wrap line
    zone: np.ndarray
    beside: np.ndarray      # levels in the zone

    @classmethod
    def of(cls, lines: np.ndarray, low: np.ndarray, strip: Strip, factor: int, usual: _Usual) -> _Fine:
        height, width = lines.shape[:2]
        rows = np.arange(0, height, max(1, height // 512))
        step = _around(np.diff(_around(low, np.array([-1, 0]), width, 1), axis=1), rows, height, 0)
        zone = strip.zones[:, ::max(1, strip.half // 16)].reshape(-1)
        return cls(lines, low, strip, factor, usual, rows, step, zone, to_levels(lines[np.ix_(rows, zone % width)]))

    def shift(self, shift: int, move: int, gain: float) -> tuple[int, float]:
        """The shift nearby whose step across the wrap line is most like the usual one, and what its cost is multiplied by."""
        height, width = self.lines.shape[:2]
        half, reach = self.strip.half, _nearby(self.strip, self.factor)
        first, last = max(2 * half, shift - reach), min(width - 2 * half, shift + reach)
        columns = np.arange(first - 1, last + 1)
        levels = to_levels(self.lines[(self.rows + move) % height, columns[0]:columns[-1] + 1])
        slow = np.diff(_around(self.low, columns, width, 1), axis=1)
        there = np.diff(levels, axis=1)
        there -= _around(slow, self.rows + move, height, 0)
        there *= np.float32(gain)
        there += self.step
        steps = abs(there).mean(0).mean(1)
        worse = self.usual.worse(steps, columns[1:]) + 0.02 * abs(columns[1:] - shift) / reach
        best = int(worse.argmin())
        return first + best, float(worse[best])

    def move(self, shift: int, move: int) -> tuple[int, float]:
        """The move nearby that fits best, and what a cost is multiplied by for steps across the other wrap line, which the
        strip crosses."""
        lines, strip = self.lines, self.strip
        height, width = lines.shape[:2]
        there = to_levels(lines[:, self.zone + shift])
        moves = np.arange(move - self.factor, move + self.factor + 1)
        fits = np.array([np.square(self.beside - there[(self.rows + k) % height]).mean() for k in moves]) + 1e-6

        whole = self.usual.end
        middle = np.arange(-(strip.half + strip.gap) // 2, (strip.half + strip.gap) // 2)
        new = to_levels(lines[np.arange(moves[0] - 1, moves[-1] + 1)[:, None] % height, middle + shift])
        ends = whole.sum() - whole[middle].sum() + abs(np.diff(new, axis=0)).mean(2).sum(1)
        inside = self.usual.down_after(shift)
        worse = _unlike(ends / width / (inside + 1e-6), min(1.0, whole.mean() / (inside + 1e-6)))
        best = int((fits * worse).argmin())
        return int(moves[best]), float(worse[best])
