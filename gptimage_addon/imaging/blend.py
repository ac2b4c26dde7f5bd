# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The finished pixels set into the original so that no edge shows and nothing outside the area changes."""

from __future__ import annotations

import numpy as np

from .match import block_means, mad
from .resample import spread

__all__ = ("compose", "count_changed", "feather", "membrane", "seam")

FEATHER_PX = 5
_GRAIN = 4.0            # errors of neighboring pixels are alike: so many pixels count as one


def feather(mask: np.ndarray, width_px: int = FEATHER_PX) -> np.ndarray:
    """How much of the new picture shows, 0..1: the mask, its steep edges made ramps that lie inside it.

    Nowhere more than 0 where the mask is 0; a mask that is soft already stays; the middle of what is thinner than two
    ramps is as opaque as the mask has it. At the window's sides there is no ramp.
    """
    alpha = mask.astype(np.float32)
    near = alpha.copy()
    rise = np.float32(1 / width_px)
    for step in range(width_px - 1):
        # Squares and diamonds in turn make octagons, near enough to circles.
        low = _least(alpha, corners=step % 2 == 1)
        low += rise
        np.minimum(alpha, low, out=alpha)
    if not alpha.any():
        return near
    top, wanted = alpha, near
    for step in range(width_px - 1):
        top, wanted = _most(top, step % 2 == 1), _most(wanted, step % 2 == 1)
    thin = (top < wanted - 1e-6) & (near > 0)
    alpha[thin] *= (wanted[thin] / np.maximum(top[thin], 1e-6))
    return np.minimum(alpha, near)


def _least(image: np.ndarray, corners: bool) -> np.ndarray:
    """The least of a pixel and its 4 or 8 neighbors."""
    return -_most(-image, corners)


def _most(image: np.ndarray, corners: bool) -> np.ndarray:
    rows = image.copy()
    np.maximum(rows[1:], image[:-1], out=rows[1:])
    np.maximum(rows[:-1], image[1:], out=rows[:-1])
    source, out = (rows, rows.copy()) if corners else (image, rows)
    np.maximum(out[:, 1:], source[:, :-1], out=out[:, 1:])
    np.maximum(out[:, :-1], source[:, 1:], out=out[:, :-1])
    return out


def membrane(
    residual: np.ndarray, weight: np.ndarray, cell: int = 8, tension: float = 0.35,
) -> np.ndarray:
    """What the original is above the answer at the area's edge, carried into it like a soap film: (rows, columns, c).

    `residual` is (h, w, c) and `weight` (h, w) is 0 where it is unknown. The cells of the result have `cell` pixels.
    """
    known = residual[::3, ::3][weight[::3, ::3] > 0]
    scale = np.array([max(mad(known[:, c]), 0.3) for c in range(residual.shape[2])], np.float32)
    fit = residual * (1 / (3 * scale))
    fit *= fit
    sure = weight / (1 + np.maximum(np.maximum(fit[..., 0], fit[..., 1]), fit[..., 2])) ** 2
    pad = [(0, -n % cell) for n in weight.shape]
    count = block_means(np.pad(sure, pad), cell) * cell * cell
    mean = block_means(np.pad(residual * sure[..., None], [*pad, (0, 0)]), cell) * cell * cell
    mean /= np.maximum(count, 1e-6)[..., None]
    # A cell's mean is off by its share of the noise; `tension` is what neighboring cells usually differ by.
    trust = (count * (tension / float(scale.max())) ** 2 / _GRAIN)[..., None]
    return _film(mean, trust.astype(np.float64))


def _film(wanted: np.ndarray, trust: np.ndarray) -> np.ndarray:
    """The smoothest values that keep near the wanted ones: (trust + Laplace) v = trust wanted, by conjugate gradients."""
    rows, columns = wanted.shape[:2]
    degree = np.zeros((rows, columns, 1))
    degree[1:] += 1
    degree[:-1] += 1
    degree[:, 1:] += 1
    degree[:, :-1] += 1
    diagonal = trust + degree + 1e-4            # the last: far from all that is known, no correction

    def apply(value: np.ndarray) -> np.ndarray:
        out = diagonal * value
        out[1:] -= value[:-1]
        out[:-1] -= value[1:]
        out[:, 1:] -= value[:, :-1]
        out[:, :-1] -= value[:, 1:]
        return out

    right = trust * wanted
    value = _pyramid_fill(wanted.astype(np.float64), trust)
    left = right - apply(value)
    search = left / diagonal
    energy = (left * search).sum((0, 1))
    enough = 1e-6 * ((right / diagonal) * right).sum((0, 1)) + 1e-12
    for _ in range(200):
        if (energy <= enough).all():
            break
        image = apply(search)
        step = energy / np.maximum((search * image).sum((0, 1)), 1e-30)
        value += step * search
        left -= step * image
        ready = left / diagonal
        new = (left * ready).sum((0, 1))
        search = ready + new / np.maximum(energy, 1e-30) * search
        energy = new
    return value


def _pyramid_fill(wanted: np.ndarray, trust: np.ndarray) -> np.ndarray:
    """Unknown cells from ever coarser means: where the film starts from."""
    sure = np.minimum(trust, 1.0)
    if min(wanted.shape[:2]) < 4:
        mean = (wanted * sure).sum((0, 1)) / np.maximum(sure.sum(), 1e-9)
        return np.where(sure > 0, sure * wanted + (1 - sure) * mean, mean)
    pad = [(0, n % 2) for n in wanted.shape[:2]]
    sum_sure = block_means(np.pad(sure, [*pad, (0, 0)]), 2)
    coarse = block_means(np.pad(wanted * sure, [*pad, (0, 0)]), 2) / np.maximum(sum_sure, 1e-9)
    filled = spread(_pyramid_fill(coarse, sum_sure * 4), *wanted.shape[:2], 2.0)
    return sure * wanted + (1 - sure) * filled


def compose(original: np.ndarray, levels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """The original's pixels with new color levels (h, w, 3), 0 to 255, mixed in by alpha; in the original's type.

    Where alpha is 0 the original's bits stay, whatever they say; its alpha channel stays everywhere.
    """
    out = original.copy()
    full = {"u1": 255.0, "u2": 65535.0}.get(original.dtype.str[1:], 1.0)
    where = alpha > 0
    for channel in range(3):
        old = original[..., channel]
        new = np.clip(levels[..., channel], 0.0, 255.0).astype(np.float64 if original.dtype.itemsize == 8 else np.float32)
        new *= new.dtype.type(full / 255.0)
        if original.dtype.kind == "f":
            old = np.where(np.isfinite(old), old, new)          # nothing can be mixed with the others
            # Not old + share * (new - old): bright floats would swallow the new ones.
            mixed = old * (1 - alpha) + new * alpha
        else:
            mixed = np.rint(old + (new - old) * alpha)
        np.copyto(out[..., channel], mixed, where=where, casting="unsafe")
    return out


def seam(original: np.ndarray, finished: np.ndarray, mask: np.ndarray) -> float:
    """Levels (h, w, 3) of both: how much more the finished picture jumps across the mask's edge than the original."""
    inside = mask > 0
    more = []
    for axis in (0, 1):
        low = (slice(None, -1), slice(None)) if axis == 0 else (slice(None), slice(None, -1))
        high = (slice(1, None), slice(None)) if axis == 0 else (slice(None), slice(1, None))
        across = inside[low] != inside[high]
        if across.any():
            steps = [abs(p[high][across] - p[low][across]).mean(0) for p in (finished, original)]
            more.append((float((steps[0] - steps[1]).max()), int(across.sum())))
    total = sum(count for _, count in more)
    return max(0.0, sum(step * count for step, count in more) / total) if total else 0.0


def count_changed(picture: np.ndarray, finished: np.ndarray, mask: np.ndarray) -> int:
    """How many pixels outside the mask do not have the picture's bits."""
    differs = _bits(picture) != _bits(finished)
    rows = np.flatnonzero(differs.any((1, 2)))      # rows with no change at all are most of a large picture
    if not len(rows):
        return 0
    part = slice(int(rows[0]), int(rows[-1]) + 1)
    changed = differs[part, :, 0]
    for channel in range(1, picture.shape[2]):
        changed = changed | differs[part, :, channel]
    return int(np.count_nonzero(changed & (mask[part] == 0)))


def _bits(pixels: np.ndarray) -> np.ndarray:
    """As whole numbers, for NaN is not NaN."""
    return pixels.view(np.dtype(f"u{pixels.dtype.itemsize}")) if pixels.dtype.kind == "f" else pixels
