# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a model redraws a picture it was to keep: moved, zoomed, retoned, bent, noisy, in 8 bits.

The answer is the original itself, redrawn with known drift, so the perfect touch-up is the original. Resampled by
scipy's order-5 splines or by Pillow's Lanczos, never by our own kernel.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace

import numpy as np
import skimage.data
from PIL import Image
from scipy import ndimage, optimize

__all__ = (
    "BARS_DB", "PHOTOGRAPHS", "Drift", "blob", "drifts", "mean_tone_paste", "naive_paste", "photograph", "psnr_db",
    "redraw", "redraw_by_pillow", "similarity_paste", "slow_noise", "step_above_truth",
)

# Photographs that scikit-image's wheel carries.
PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket", "motorcycle", "retina", "gravel", "brick")

# Mean PSNR inside the mask that a touch-up must reach.
BARS_DB = {"tone": 50.0, "shift": 50.0, "zoom": 47.0, "all": 43.0, "uneven": 30.0}


@dataclass(frozen=True, slots=True)
class Drift:
    """`shift_px` and `zoom` about the middle; `bend_px` the most a slow field moves a pixel; `tone` its slow gain."""

    shift_px: tuple[float, float] = (0.0, 0.0)
    zoom: float = 1.0
    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
    gamma: float = 1.0
    bend_px: float = 0.0
    tone: float = 0.0
    noise: float = 0.0
    # How slow the fields are: the width of the blur that makes them, as a share of the picture's shorter side.
    slowness: float = 0.2
    seed: int = 0


def drifts(kind: str, count: int) -> list[Drift]:
    """That many random drifts of one kind, always the same ones."""
    rng = np.random.default_rng(zlib.crc32(kind.encode()))
    found = []
    for number in range(count):
        angle, reach = rng.uniform(0, 2 * np.pi), rng.uniform(1.0, 8.0)
        shift = (float(reach * np.cos(angle)), float(reach * np.sin(angle)))
        zoom = float(1 + rng.choice((-1, 1)) * rng.uniform(0.005, 0.025))
        gain = tuple(float(g) for g in rng.uniform(0.94, 1.06, 3))
        drift = Drift(seed=number)
        if kind in ("tone", "all"):
            drift = replace(drift, gain=gain, gamma=1.06)
        if kind in ("shift", "all", "uneven"):
            drift = replace(drift, shift_px=shift)
        if kind in ("zoom", "all"):
            drift = replace(drift, zoom=zoom)
        if kind == "all":
            drift = replace(drift, noise=1.5)
        if kind == "uneven":
            drift = replace(drift, bend_px=1.5, tone=0.02, noise=3.0)
        found.append(drift)
    return found


def photograph(name: str, side_px: int = 448) -> np.ndarray:
    """uint8 RGB rows from the top: the middle, up to so many pixels a side."""
    rows = skimage.data.stereo_motorcycle()[0] if name == "motorcycle" else getattr(skimage.data, name)()
    if name == "retina":                        # its lit part
        rows = rows[320:1020, 320:1020]
    rows = np.repeat(rows[..., None], 3, 2) if rows.ndim == 2 else rows[..., :3]
    top, left = (max(0, (n - side_px) // 2) for n in rows.shape[:2])
    return np.ascontiguousarray(rows[top:top + side_px, left:left + side_px])


def blob(height_px: int, width_px: int, seed: int, share: float = 0.18) -> np.ndarray:
    """A hard mask of one shape about the middle, that share of the window: ellipse, box or lobed outline by turns."""
    rng = np.random.default_rng(seed + 100)
    y, x = np.mgrid[:height_px, :width_px].astype(np.float64)
    x = (x - width_px * rng.uniform(0.42, 0.58)) / width_px
    y = (y - height_px * rng.uniform(0.42, 0.58)) / height_px
    stretch = rng.uniform(0.75, 1.33)
    x, y = x * stretch, y / stretch
    kind = seed % 3
    if kind == 0:
        inside = np.hypot(x, y) < np.sqrt(share / np.pi)
    elif kind == 1:
        inside = np.maximum(abs(x), abs(y)) < np.sqrt(share) / 2
    else:
        angle = np.arctan2(y, x)
        inside = np.hypot(x, y) < np.sqrt(share / np.pi) * (1 + 0.2 * np.cos(3 * angle + 1) + 0.1 * np.sin(5 * angle))
    return inside.astype(np.float32)


def slow_noise(rng: np.random.Generator, height_px: int, width_px: int, slowness: float) -> np.ndarray:
    """A smooth random field whose greatest value is 1: blurred noise, made on a grid of an eighth of the blur's width."""
    step = slowness * min(height_px, width_px) / 8
    margin = 16                                 # two widths, where the blur sees the grid's end
    rows, columns = (int(np.ceil(n / step)) + 2 * margin for n in (height_px, width_px))
    grid = ndimage.gaussian_filter(rng.standard_normal((rows, columns)), 8)
    place = np.meshgrid(*(margin + np.arange(n) / step for n in (height_px, width_px)), indexing="ij")
    field = ndimage.map_coordinates(grid, place, order=3)
    return field / abs(field).max()


def redraw(rgb: np.ndarray, drift: Drift) -> np.ndarray:
    """The uint8 answer: what lies at p in the original lies at c + zoom (p - c) + shift + bend(p) in it."""
    height, width = rgb.shape[:2]
    rng = np.random.default_rng(drift.seed)
    source = rgb.astype(np.float64)
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    if drift.bend_px:
        bends = [drift.bend_px * slow_noise(rng, height, width, drift.slowness) for _ in "xy"]
        y, x = np.mgrid[:height, :width].astype(np.float64)
        from_x, from_y = x, y
        for _ in range(6):                      # p = c + (q - c - shift - bend(p)) / zoom, by repetition
            bend_x, bend_y = (ndimage.map_coordinates(b, (from_y, from_x), order=1, mode="nearest") for b in bends)
            from_x = middle_x + (x - middle_x - drift.shift_px[0] - bend_x) / drift.zoom
            from_y = middle_y + (y - middle_y - drift.shift_px[1] - bend_y) / drift.zoom
        source = np.stack([
            ndimage.map_coordinates(source[..., c], (from_y, from_x), order=5, mode="mirror") for c in range(3)], -1)
    elif drift.shift_px != (0.0, 0.0) or drift.zoom != 1.0:
        start = [middle - (middle + shift) / drift.zoom for middle, shift in
                 zip((middle_y, middle_x), drift.shift_px[::-1], strict=True)]
        source = np.stack([ndimage.affine_transform(
            source[..., c], (1 / drift.zoom,) * 2, start, order=5, mode="mirror") for c in range(3)], -1)
    return _retone(source, drift, rng)


def redraw_by_pillow(rgb: np.ndarray, drift: Drift, margin_px: int) -> tuple[np.ndarray, np.ndarray]:
    """(original, answer) of the picture's middle, a margin smaller on each side, moved and zoomed by Pillow's Lanczos."""
    height, width = rgb.shape[0] - 2 * margin_px, rgb.shape[1] - 2 * margin_px
    left = margin_px + width / 2 - (width / 2 + drift.shift_px[0]) / drift.zoom
    top = margin_px + height / 2 - (height / 2 + drift.shift_px[1]) / drift.zoom
    box = (left, top, left + width / drift.zoom, top + height / drift.zoom)
    source = np.asarray(Image.fromarray(rgb).resize((width, height), Image.Resampling.LANCZOS, box))
    original = rgb[margin_px:margin_px + height, margin_px:margin_px + width]
    return original.copy(), _retone(source.astype(np.float64), drift, np.random.default_rng(drift.seed))


def _retone(source: np.ndarray, drift: Drift, rng: np.random.Generator) -> np.ndarray:
    values = 255 * (np.clip(source, 0, 255) / 255) ** drift.gamma * np.array(drift.gain)
    if drift.tone:
        values *= 1 + drift.tone * slow_noise(rng, *values.shape[:2], drift.slowness)[..., None]
    if drift.noise:
        values += rng.normal(0, drift.noise, values.shape)
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def psnr_db(rgb: np.ndarray, truth: np.ndarray, where: np.ndarray) -> float:
    """Of 8-bit pictures, over the pixels `where`; 99 at most."""
    squares = (rgb[where].astype(np.float64) - truth[where].astype(np.float64)) ** 2
    return 99.0 if not squares.any() else float(10 * np.log10(255 ** 2 / squares.mean()))


def step_above_truth(rgb: np.ndarray, truth: np.ndarray, mask: np.ndarray, band_px: int = 6) -> float:
    """The seam, in levels: how much more the picture jumps across the mask's edge than the truth does.

    The greater of two: single steps between neighbors across the edge, mean of their sizes; and the signed error of a
    band just inside the edge, averaged along pieces of it, root mean square over the pieces.
    """
    inside = mask > 0
    more = []
    for axis in (0, 1):
        across = np.diff(inside, axis=axis)
        if across.any():
            more.append([abs(np.diff(p.astype(np.float64), axis=axis))[across].mean(0) for p in (rgb, truth)])
    steps = np.mean([(ours - theirs).max() for ours, theirs in more]) if more else 0.0
    band = inside & (ndimage.distance_transform_edt(inside) <= band_px)
    height, width = inside.shape
    piece = (np.arange(height)[:, None] // 48) * 1000 + np.arange(width)[None] // 48
    _, number = np.unique(piece[band], return_inverse=True)
    error = (rgb.astype(np.float64) - truth.astype(np.float64))[band]
    counts = np.bincount(number)
    enough = counts >= 100
    means = np.stack([np.bincount(number, error[:, c]) / counts for c in range(3)], -1)[enough]
    return float(max(steps, np.sqrt((means ** 2).mean()) if len(means) else 0.0))


def naive_paste(original: np.ndarray, answer: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return np.where(mask[..., None] > 0, answer, original)


def mean_tone_paste(original: np.ndarray, answer: np.ndarray, mask: np.ndarray, feather_px: float = 8.0) -> np.ndarray:
    """As peers do it: the means made equal on a ring around the mask, then a feathered paste."""
    inside = mask > 0
    ring = ndimage.binary_dilation(inside, iterations=24) & ~inside
    gain = original[ring].mean(0) / np.maximum(answer[ring].mean(0), 1.0)
    alpha = np.clip(ndimage.distance_transform_edt(inside) / feather_px, 0, 1)[..., None]
    return np.clip(np.rint(original * (1 - alpha) + answer * gain * alpha), 0, 255).astype(np.uint8)


def similarity_paste(original: np.ndarray, answer: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """What a careful script would do: shift and zoom by least squares outside the mask, then a gain a channel."""
    height, width = mask.shape
    outside = ~ndimage.binary_dilation(mask > 0, iterations=3)
    outside[[0, -1]] = outside[:, [0, -1]] = False
    rows, columns = np.nonzero(outside)
    step = max(1, len(rows) // 20_000)
    rows, columns = rows[::step], columns[::step]
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2

    def place(found: np.ndarray, y: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        zoom = 1 + found[2] / 100
        return middle_y + zoom * (y - middle_y) + found[1], middle_x + zoom * (x - middle_x) + found[0]

    found = np.zeros(3)
    for blur in (8.0, 3.0, 1.0):
        target, source = (ndimage.gaussian_filter(p.mean(2, dtype=np.float64), blur) for p in (original, answer))
        source *= target[outside].mean() / max(source[outside].mean(), 1.0)

        def left(way: np.ndarray, target: np.ndarray = target, source: np.ndarray = source) -> np.ndarray:
            seen = ndimage.map_coordinates(source, place(way, rows, columns), order=1, mode="mirror")
            return seen - target[rows, columns]

        found = optimize.least_squares(left, found, loss="soft_l1", f_scale=4.0).x
    grid = place(found, *np.mgrid[:height, :width].astype(np.float64))
    seen = np.stack([ndimage.map_coordinates(answer[..., c].astype(np.float64), grid, order=3, mode="mirror")
                     for c in range(3)], -1)
    gain = original[outside].mean(0) / np.maximum(seen[outside].mean(0), 1.0)
    return np.where(mask[..., None] > 0, np.clip(np.rint(seen * gain), 0, 255), original).astype(np.uint8)
