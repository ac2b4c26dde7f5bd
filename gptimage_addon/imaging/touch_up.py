# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a model's answer to the finished window: align, match, blend; and the window back into the picture.

Models take the mask as advice and draw the whole frame anew: moved by some pixels, a little larger or smaller, in
another tone. Outside the area the original says what all that was; inside it is undone. The answer is resampled once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.errors import InputError
from .align import Alignment, align
from .blend import FEATHER_PX, compose, count_changed, feather, membrane, seam
from .color import LUMA_DISPLAY
from .match import Tone, block_means, fit_field, fit_sharpness, fit_tone, no_tone, sharpen
from .resample import Box, Field, Warp, halve, prefilter, sample, spread

__all__ = ("Finished", "TouchUpReport", "finish_window", "paste_window")

_WORKING_PX = 640_000           # pixels of the pictures that all is measured in: half the size for larger windows
_MARGIN_PX = 3                  # what models change just outside the mask is no measure of their drift
_BLOCK = 4
_FILM_CELL = 8
_BEYOND = 16.0                  # levels that a tone may push over the end of the range
_RING_PX = 16                   # around the area, where the sharpness is measured


@dataclass(frozen=True, slots=True)
class TouchUpReport:
    """What the model had done to the picture, and what is left of it. All values are JSON's by `asdict`.

    `shift_px` and `scale`: how the answer lay against the original, about the window's middle; positive is right and
    down. `gain`: what the answer's contrast was multiplied by, a channel each. `seam`: levels of 255 that the step
    across the mask's edge is above the original's; new content has steps of its own. `changed_outside`: pixels, counted
    in the result. Where `aligned` is False the answer was pasted as it came, and `why` says what was the matter.
    """

    shift_px: tuple[float, float]
    scale: float
    gain: tuple[float, float, float]
    seam: float
    changed_outside: int
    aligned: bool
    why: str


@dataclass(frozen=True, slots=True, eq=False)
class Finished:
    """`patch` is the window, finished, in the original's type; `alpha` float32 how much of it is new."""

    patch: np.ndarray
    alpha: np.ndarray
    report: TouchUpReport


def finish_window(
    original: np.ndarray, answer: np.ndarray, mask: np.ndarray, *, drift: bool = True, feathered: bool = True,
) -> Finished:
    """The window with the answer's content in the mask's area and, bit for bit, the original's everywhere else.

    `original` is display-referred uint8, uint16 or float (h, w, 3 or 4), `answer` uint8 of the same height and width,
    `mask` float (h, w), 0..1, 1 = change. The original's alpha channel stays. Raises InputError.
    """
    _check(original, answer, mask)
    # Sums of floats are rounded in the order in which they lie in memory: the same pixels are to give the same result.
    original, answer, mask = (np.ascontiguousarray(array) for array in (original, answer[..., :3], mask))
    mask = np.clip(np.nan_to_num(mask.astype(np.float32, copy=False)), 0, 1)
    found = _measured(original, answer, mask, drift)
    alpha, patch, edge, box = mask, original.copy(), 0.0, _box(mask)
    if box:
        if feathered:
            alpha = mask.copy()
            wide = _grown(box, 2 * FEATHER_PX, mask.shape)
            alpha[wide] = feather(mask[wide])
        area = (slice(box[1], box[3]), slice(box[0], box[2]))
        patch[area] = compose(original[area], _redone(original, answer, mask, found, box), alpha[area])
        around = _grown(box, 1, mask.shape)
        edge = seam(_levels(original[around]), _levels(patch[around]), mask[around])
    report = TouchUpReport(
        shift_px=found.warp.shift_px, scale=found.warp.scale, gain=found.gain, seam=edge,
        changed_outside=count_changed(original, patch, mask), aligned=found.aligned, why=found.why)
    return Finished(patch, alpha, report)


def paste_window(picture: np.ndarray, patch: np.ndarray, mask: np.ndarray, x: int, y: int) -> tuple[np.ndarray, int]:
    """The picture with the patch's pixels where the mask is above 0, and how many others differ from the picture.

    The patch's top left pixel is the picture's (x, y); what lies beyond the picture is left out. `mask` is the
    picture's or the patch's size. Types must be the same: no bit outside is to pass through a conversion.
    """
    if picture.dtype != patch.dtype or picture.ndim != 3 or picture.shape[2:] != patch.shape[2:]:
        raise InputError("The picture and its touched-up part are not of one kind", field="image")
    height, width = picture.shape[:2]
    if mask.shape not in ((height, width), patch.shape[:2]):
        raise InputError("The mask has not the size of the picture", field="mask")
    x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + patch.shape[1], width), min(y + patch.shape[0], height)
    out = picture.copy()
    if x0 >= x1 or y0 >= y1:
        return out, 0
    inner, there = (slice(y0 - y, y1 - y), slice(x0 - x, x1 - x)), (slice(y0, y1), slice(x0, x1))
    area = mask[inner] if mask.shape == patch.shape[:2] else mask[there]
    np.copyto(out[there], patch[inner], where=(area > 0)[..., None])
    whole = np.zeros((height, width), area.dtype)
    whole[there] = area
    return out, count_changed(picture, out, whole)


# --- Steps ------------------------------------------------------------------------------------------------

@dataclass(frozen=True, slots=True, eq=False)
class _Drift:
    """All that is to be undone. `slow` is the tone's gain from place to place, `film` what is then left at the edge."""

    warp: Warp
    aligned: bool
    why: str
    tone: Tone
    gain: tuple[float, float, float]
    slow: Field | None
    film: np.ndarray | None
    film_px: int                    # of a cell of it


def _measured(original: np.ndarray, answer: np.ndarray, mask: np.ndarray, drift: bool) -> _Drift:
    height, width = mask.shape
    factor = 1
    outside = _outside(mask, original)
    original, answer = _levels(original), answer.astype(np.float32)
    while original.shape[0] * original.shape[1] > _WORKING_PX:
        original, answer = halve(original), halve(answer)
        outside = (halve(outside) > 0.999).astype(np.float32)
        factor *= 2
    found = Alignment(Warp(width, height), True)
    if drift:
        found = align(original @ LUMA_DISPLAY, answer @ LUMA_DISPLAY, outside, factor, (width, height))
    warp = found.warp
    seen = sample(answer, warp, (0, 0, outside.shape[1], outside.shape[0]), factor)
    weight = outside * _reached(warp, outside.shape, factor)
    tone, samples = _tone(original, seen, weight, found.aligned)
    gain, slow, film = (1.0, 1.0, 1.0), None, None
    if found.aligned:
        gain = _gain(tone, samples)
    if drift and found.aligned:             # what does not show the same has no tone in common, place by place
        seen = tone.apply(seen)
        slow = _tone_field(original, seen, weight, factor, (width, height))
        if slow is not None:
            seen *= 1 + slow.at(*(np.arange(n) * factor + (factor - 1) / 2 for n in (seen.shape[1], seen.shape[0])))
        film = membrane(original - seen, weight, _FILM_CELL)
    return _Drift(warp, found.aligned, found.why, tone, gain, slow, film, _FILM_CELL * factor)


def _redone(original: np.ndarray, answer: np.ndarray, mask: np.ndarray, found: _Drift, box: Box) -> np.ndarray:
    """float32 levels of the box: the answer with the drift undone."""
    levels = _redrawn(answer, found.warp, found.tone, box) if _is_still(found.warp) else _sharp(
        original, answer, mask, found.warp, found.tone, box)
    x, y = np.arange(box[0], box[2]), np.arange(box[1], box[3])
    if found.slow is not None:
        levels *= 1 + found.slow.at(x, y)
    if found.film is not None:
        levels += spread(found.film, box[3], box[2], found.film_px)[box[1]:, box[0]:]
    return levels


def _check(original: np.ndarray, answer: np.ndarray, mask: np.ndarray) -> None:
    depths = (np.uint8, np.uint16, np.float32, np.float64)
    if original.dtype not in depths or original.ndim != 3 or original.shape[2] not in (3, 4):
        raise InputError("The picture must be 8-bit, 16-bit or float, in color", field="image")
    if answer.dtype != np.uint8 or answer.ndim != 3 or answer.shape[2] not in (3, 4):
        raise InputError("The answer must be an 8-bit color picture", field="answer")
    if answer.shape[:2] != original.shape[:2]:
        raise InputError("The answer has not the size of the window", field="answer")
    if mask.shape != original.shape[:2]:
        raise InputError("The mask has not the size of the window", field="mask")


def _levels(pixels: np.ndarray) -> np.ndarray:
    """float32 color levels, 0 to 255, of any type."""
    color = pixels[..., :3]
    if color.dtype == np.uint8:
        return color.astype(np.float32)
    if color.dtype == np.uint16:
        return color * np.float32(1 / 257)
    return np.clip(np.nan_to_num(color.astype(np.float32, copy=False), posinf=1.0, neginf=0.0), 0, 1) * np.float32(255)


def _outside(mask: np.ndarray, original: np.ndarray) -> np.ndarray:
    """float32, 1 where the answer should be as the original is: some way from the mask, and not transparent."""
    inside = mask > 0
    for _ in range(_MARGIN_PX):
        grown = inside.copy()
        grown[1:] |= inside[:-1]
        grown[:-1] |= inside[1:]
        grown[:, 1:] |= inside[:, :-1]
        grown[:, :-1] |= inside[:, 1:]
        inside = grown
    outside = ~inside
    if original.shape[2] == 4:
        outside &= original[..., 3] > 0
    return outside.astype(np.float32)


def _reached(warp: Warp, shape: tuple[int, int], factor: int) -> np.ndarray:
    """Which pixels of the original the answer shows at all."""
    slack = 2.0 * factor + (0.0 if warp.bend is None else float(abs(warp.bend.nodes).max()))
    x, y = (np.arange(n) * factor + (factor - 1) / 2 for n in (shape[1], shape[0]))
    inside = [(line >= slack) & (line <= size - 1 - slack) for line, size in
              ((warp.line_x(x), warp.width_px), (warp.line_y(y), warp.height_px))]
    return (inside[1][:, None] & inside[0][None]).astype(np.float32)


def _tone(
    original: np.ndarray, seen: np.ndarray, weight: np.ndarray, aligned: bool,
) -> tuple[Tone, np.ndarray]:
    """The tone, and the samples (n, 3) of the answer that it comes from."""
    full = block_means(weight, _BLOCK) > 0.999
    pairs = [block_means(p, _BLOCK)[full] for p in (original, seen)]
    if not aligned:
        return no_tone(3), pairs[1]
    lumas = [p @ LUMA_DISPLAY for p in (original, seen)]
    rough = [float(np.median(part)) if len(part) else 0.0 for part in (_scatter(luma)[full] for luma in lumas)]
    scatter = _scatter(lumas[0] - lumas[1])[full]
    sure = 4.0 / (4.0 + scatter)
    rows, columns = np.nonzero(full)
    place = np.stack([columns / full.shape[1], rows / full.shape[0]], 1)
    tone = fit_tone(pairs[0], pairs[1], sure, max(0.5, rough[1] / max(sum(rough), 1e-3)), place)
    # Where the answer is at the end of the range, its curve cannot know what was beyond; the surroundings do, on average,
    # if they show the same.
    for end, at in ((255, seen > 254.5), (0, seen < 0.5)):
        for channel in range(3):
            there = original[..., channel][at[..., channel] & (weight > 0)]
            near = abs(there - tone.curves[channel, end]) < _BEYOND
            if int(near.sum()) >= 200 and near.mean() > 0.5:
                tone.curves[channel, end] = float(np.median(there[near]))
    return tone, pairs[1]


def _scatter(image: np.ndarray) -> np.ndarray:
    """The variance in each block."""
    return np.maximum(block_means(image ** 2, _BLOCK) - block_means(image, _BLOCK) ** 2, 0)


def _tone_field(
    original: np.ndarray, seen: np.ndarray, weight: np.ndarray, factor: int, size: tuple[int, int],
) -> Field | None:
    """The slow gain that is left when the tone is matched, a channel each."""
    cell = 16
    count = block_means(weight, cell)
    keep = count > 0.2
    if not keep.any():
        return None
    total = np.maximum(count, 1e-3)[..., None]
    left = block_means((original - seen) * weight[..., None], cell) / total
    level = block_means(seen * weight[..., None], cell) / total
    rows, columns = keep.shape
    x = np.broadcast_to((np.arange(columns) * cell + (cell - 1) / 2) * factor + (factor - 1) / 2, keep.shape)
    y = np.broadcast_to(((np.arange(rows) * cell + (cell - 1) / 2) * factor + (factor - 1) / 2)[:, None], keep.shape)
    return fit_field(left[keep], level[keep], 16 * count[keep], x[keep], y[keep], *size)


def _box(alpha: np.ndarray) -> Box | None:
    rows, columns = np.flatnonzero(alpha.any(1)), np.flatnonzero(alpha.any(0))
    return (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1) if len(rows) else None


def _grown(box: Box, by: int, shape: tuple[int, int]) -> tuple[slice, slice]:
    return (slice(max(box[1] - by, 0), min(box[3] + by, shape[0])), slice(max(box[0] - by, 0), min(box[2] + by, shape[1])))


def _redrawn(answer: np.ndarray, warp: Warp, tone: Tone, box: Box) -> np.ndarray:
    """float32 levels of the box, in the original's place and tone."""
    height, width = answer.shape[:2]
    # Only what the box needs: its own place in the answer and as much around it as the spline can feel.
    far = 24 + (0 if warp.bend is None else int(abs(warp.bend.nodes).max()) + 1)
    x = warp.line_x(np.array([box[0], box[2]], np.float64))
    y = warp.line_y(np.array([box[1], box[3]], np.float64))
    left, right = (int(np.clip(v, 0, width)) for v in (np.floor(x[0]) - far, np.ceil(x[1]) + far))
    top, bottom = (int(np.clip(v, 0, height)) for v in (np.floor(y[0]) - far, np.ceil(y[1]) + far))
    if right - left < 2 or bottom - top < 2:
        left, top, right, bottom = 0, 0, width, height
    toned = tone.apply(answer[top:bottom, left:right])
    if _is_still(warp):
        return np.ascontiguousarray(toned[box[1] - top:box[3] - top, box[0] - left:box[2] - left])
    whole = np.zeros((height, width, 3), np.float32)
    whole[top:bottom, left:right] = prefilter(toned)
    return sample(whole, warp, box, spline=True)


def _sharp(
    original: np.ndarray, answer: np.ndarray, mask: np.ndarray, warp: Warp, tone: Tone, box: Box,
) -> np.ndarray:
    """As `_redrawn`, and as sharp as the original is around the area."""
    wide = _grown(box, _RING_PX, mask.shape)
    levels = _redrawn(answer, warp, tone, (wide[1].start, wide[0].start, wide[1].stop, wide[0].stop))
    ring = _outside(mask[wide], original[wide]) * _reached(warp, mask.shape, 1)[wide] > 0
    filters = fit_sharpness(_levels(original[wide]), levels, ring)
    left, top = box[0] - wide[1].start, box[1] - wide[0].start
    if filters is None:
        return levels[top:top + box[3] - box[1], left:left + box[2] - box[0]]
    near = _grown((left, top, left + box[2] - box[0], top + box[3] - box[1]), 3, levels.shape[:2])
    left, top = left - near[1].start, top - near[0].start
    return sharpen(levels[near], filters)[top:top + box[3] - box[1], left:left + box[2] - box[0]]


def _is_still(warp: Warp) -> bool:
    return warp.bend is None and warp.shift_px == (0.0, 0.0) and warp.scale == 1.0


def _gain(tone: Tone, answer: np.ndarray) -> tuple[float, float, float]:
    """What the tone does to the contrast of samples (n, 3), a channel each: for the report only."""
    gains = [1.0, 1.0, 1.0]
    for channel, (before, after) in enumerate(zip(answer.T, tone.apply(answer).T, strict=True)):
        if before.size and before.std() > 1:                    # else there is but one level
            gains[channel] = float(np.cov(before, after, bias=True)[0, 1] / before.var(dtype=np.float64))
    return gains[0], gains[1], gains[2]
