# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An answer that is the original, redrawn with drift: the right result is the original itself.

The drift is made by Pillow, not by our own resampling. The pictures are procedural, with the detail of photographs.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image

from gptimage_addon.imaging.touch_up import finish_window, paste_window
from gptimage_addon.worker.practice_pictures import make_picture

SIDE, MARGIN = 768, 40


def scene() -> np.ndarray:
    return make_picture("mossy cobblestone", SIDE + 2 * MARGIN, SIDE + 2 * MARGIN, 3)


def drifted(large: np.ndarray, *, shift: tuple[float, float] = (0, 0), zoom: float = 1.0, gain: float = 1.0,
            gamma: float = 1.0, noise: float = 0.0) -> np.ndarray:
    """The middle of the picture as a model would redraw it: moved by `shift`, enlarged by `zoom`, in other tones."""
    middle = large.shape[1] / 2
    left, top = (middle - SIDE / 2 / zoom - d / zoom for d in shift)
    box = (left, top, left + SIDE / zoom, top + SIDE / zoom)
    moved = [np.asarray(Image.fromarray(large[..., c].astype(np.float32), "F").resize(
        (SIDE, SIDE), Image.Resampling.BICUBIC, box=box)) for c in range(3)]
    levels = 255 * (np.clip(np.stack(moved, axis=2), 0, 255) / 255) ** gamma * gain
    levels = levels + np.random.default_rng(1).normal(0, noise, levels.shape) if noise else levels
    return np.clip(np.round(levels), 0, 255).astype(np.uint8)


def area() -> np.ndarray:
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    return (((x - 380) / 150) ** 2 + ((y - 400) / 120) ** 2 <= 1).astype(np.float32)


def psnr(a: np.ndarray, b: np.ndarray, mask: np.ndarray) -> float:
    error = np.mean((a.astype(float) - b.astype(float))[mask > 0] ** 2)
    return 99.0 if error == 0 else 10 * math.log10(255 ** 2 / error)


@pytest.mark.parametrize(("drift", "at_least"), [
    ({"gain": 0.94, "gamma": 1.06}, 46), ({"shift": (5.3, -3.7)}, 38), ({"zoom": 1.018}, 34),
    ({"shift": (-4.2, 2.6), "zoom": 0.985, "gain": 1.04, "noise": 1.5}, 33),
])
def test_drift_is_undone(drift: dict[str, object], at_least: float) -> None:
    large = scene()
    original = np.ascontiguousarray(large[MARGIN:-MARGIN, MARGIN:-MARGIN])
    answer, mask = drifted(large, **drift), area()
    done = finish_window(original, answer, mask)
    naive = psnr(answer, original, mask)
    assert done.report.aligned and psnr(done.patch, original, mask) >= max(at_least, naive + 4)
    assert np.array_equal(done.patch[mask == 0], original[mask == 0])
    if "shift" in drift and "zoom" not in drift:
        assert np.hypot(*(np.subtract(done.report.shift_px, drift["shift"]))) < 0.2


@pytest.mark.parametrize("kind", ["flat", "new"])
def test_what_is_really_new_stays(kind: str) -> None:
    """New content is no drift: a flat sky says nothing of a shift, and what the mask holds has no say at all."""
    original = np.full((SIDE, SIDE, 3), (120, 150, 200), np.uint8) if kind == "flat" else scene()[MARGIN:-MARGIN, MARGIN:-MARGIN]
    answer, mask = original.copy(), area()
    answer[mask > 0] = make_picture("red brick", SIDE, SIDE, 5)[mask > 0]
    done = finish_window(np.ascontiguousarray(original), answer, mask)
    assert psnr(done.patch, answer, masks_core(mask)) > 34
    assert np.array_equal(done.patch[mask == 0], original[mask == 0])


def masks_core(mask: np.ndarray) -> np.ndarray:
    """The mask without its rim, where the finish may blend."""
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    return mask * ((((x - 380) / 120) ** 2 + ((y - 400) / 90) ** 2) <= 1)


def test_a_patch_changes_its_mask_alone() -> None:
    chance = np.random.default_rng(2)
    picture = chance.integers(0, 255, (90, 120, 4), dtype=np.uint8)
    patch = chance.integers(0, 255, (60, 60, 4), dtype=np.uint8)
    mask = np.zeros((90, 120), np.float32)
    mask[20:40, 70:110] = 0.5
    whole, changed = paste_window(picture, patch, mask, 60, 10)
    assert changed == 0 and np.array_equal(whole[mask == 0], picture[mask == 0])
    assert np.array_equal(whole[20:40, 70:110], patch[10:30, 10:50])
