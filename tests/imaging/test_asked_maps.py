# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Maps that a model drew: known ones of known surfaces, moved, zoomed, retoned and with noise by scipy, come back to their places."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy import ndimage

from gptimage_addon.core.errors import InputError
from gptimage_addon.imaging.asked_maps import finish_map, register_map
from gptimage_addon.imaging.maps import check_maps
from gptimage_addon.imaging.tile import make_seamless
from gptimage_addon.worker.practice_noise import Frame, Look
from gptimage_addon.worker.practice_pictures import _light, _to_bytes
from gptimage_addon.worker.practice_surfaces import SURFACES
from tests.support.drift import Drift, drifts, redraw

SIDE = 512
BOTH = (True, True)


@cache
def surface(name: str) -> tuple[np.ndarray, np.ndarray]:
    """(color, true height) uint8: the color has a grain and an albedo of its own, and no tone in common with the height."""
    made = SURFACES[name](Frame(SIDE, SIDE, np.random.default_rng(1)), Look(frozenset([name])))
    low, high = np.percentile(made.height, (0.5, 99.5))
    return _to_bytes(_light(made)), (np.clip((made.height - low) / (high - low), 0, 1) * 255).astype(np.uint8)


def gray(plane: np.ndarray) -> np.ndarray:
    return np.repeat(plane[..., None], 3, 2)


def alike(one: np.ndarray, other: np.ndarray) -> float:
    inner = np.s_[40:-40, 40:-40]
    return float(np.corrcoef(one[inner].ravel(), other[inner].ravel())[0, 1])


def seen_px(height: np.ndarray, off_px: np.ndarray) -> float:
    """How far the height's edges are off by that shift. Along the strokes of brushed metal nothing shows a shift."""
    down, across = np.gradient(ndimage.gaussian_filter(height.astype(np.float64), 1))
    return float(np.sqrt(((across * off_px[0] + down * off_px[1]) ** 2).mean() / (across ** 2 + down ** 2).mean()))


@pytest.mark.parametrize("name", ["brick", "wood", "gravel", "fabric", "metal"])
def test_a_map_comes_back_to_its_color_s_place(name: str) -> None:
    color, height = surface(name)
    likeness = []
    for drift in drifts("all", 7):                          # up to 7 px, 2 %, another gain, gamma and noise
        answer = redraw(gray(height), drift)
        found = register_map(color, answer)
        assert found.aligned and found.levels.shape == (SIDE, SIDE, 1)
        # The light from the upper left, which the color shows and the height does not, moves its edges by a quarter of a pixel.
        assert seen_px(height, np.subtract(found.shift_px, drift.shift_px)) < 0.33
        assert abs(found.scale - drift.zoom) * SIDE / 2 < 0.3
        before, after = alike(answer[..., 0], height), alike(found.levels[..., 0], height)
        assert 1 - after < 0.2 * (1 - before)
        likeness.append(after)
    assert min(likeness) > 0.965 and np.mean(likeness) > 0.97


def test_a_map_that_is_dark_where_the_color_is_bright_comes_back_too() -> None:
    color, height = surface("stone")
    drift = Drift(shift_px=(5.0, -6.0), zoom=1.015)
    found = register_map(color.astype(np.uint16) * 257, redraw(gray(255 - height), drift))
    assert found.aligned and np.abs(np.subtract(found.shift_px, drift.shift_px)).max() < 0.7


def test_glows_keep_their_colors() -> None:
    rng = np.random.default_rng(2)
    spots = ndimage.gaussian_filter(rng.random((SIDE, SIDE)), 6)
    spots = (spots > np.quantile(spots, 0.96))[..., None]
    color = np.where(spots, np.uint8([250, 160, 40]), (60 + 30 * rng.random((SIDE, SIDE, 1))).astype(np.uint8))
    truth = np.where(spots, np.uint8([250, 160, 40]), np.uint8([0, 0, 0]))
    found = register_map(color, redraw(truth, Drift(shift_px=(-6.0, 4.0), zoom=0.99, noise=1.5)), gray=False)
    glow = finish_map("emission", found.levels, wrap=(False, False))
    assert found.aligned and glow.shape == truth.shape and glow.dtype == np.uint8
    core = ndimage.binary_erosion(spots[..., 0], iterations=3)
    dark = ~ndimage.binary_dilation(spots[..., 0], iterations=3)
    assert np.abs(glow[core].mean(0) - (250, 160, 40)).max() < 6 and (glow[dark] == 0).mean() > 0.99


@pytest.mark.parametrize("name", ["brick", "wood"])
def test_a_map_wraps_where_its_color_does_and_only_there(name: str) -> None:
    color, height = surface(name)
    color, height = make_seamless(color, "xy"), make_seamless(gray(height), "xy")[..., 0]
    found = register_map(color, redraw(gray(height), drifts("all", 3)[0]))

    def step(plane: np.ndarray, axis: int) -> float:
        plane = plane.astype(np.float64)
        return np.abs(plane.take(0, axis) - plane.take(-1, axis)).mean() / np.abs(np.diff(plane, axis=axis)).mean()

    drawn = found.levels[..., 0]
    made = finish_map("height", found.levels, wrap=BOTH)
    assert max(step(drawn, axis) for axis in (0, 1)) > 2
    assert not [finding for finding in check_maps(color, {"height": made}, wrap=BOTH) if finding.map == "height"]
    assert all(step(made, axis) < max(1.3, 0.5 * step(drawn, axis)) for axis in (0, 1))
    # Half way in nothing was done for that.
    free = finish_map("height", found.levels, wrap=(False, False))
    middle = np.s_[SIDE // 3:-SIDE // 3, SIDE // 3:-SIDE // 3]
    assert alike(made[middle], free[middle]) > 0.999
    one = finish_map("height", found.levels, wrap=(True, False))
    assert step(one, 1) < max(1.3, 0.5 * step(drawn, 1)) and step(one, 0) > 0.8 * step(free, 0)


def test_heights_use_all_of_16_bits_and_clip_next_to_nothing() -> None:
    _, height = surface("stone")
    levels = (80 + height * 0.3).astype(np.uint8).astype(np.float32)[..., None]     # a dull answer
    made = finish_map("height", levels, wrap=BOTH)
    assert made.dtype == np.uint16 and made.shape == (SIDE, SIDE)
    assert (made == 0).mean() < 0.005 and (made == 65535).mean() < 0.005 and np.ptp(made) == 65535
    assert len(np.unique(made)) > 5000                      # of 78 levels


def test_what_is_even_stays_even() -> None:
    color, _ = surface("stone")
    noise = np.random.default_rng(3).normal(0, 1.3, (SIDE, SIDE, 1))
    for level, kind, expected in ((128, "height", (32768, 32768)), (5, "metallic", (0, 0)), (250, "metallic", (255, 255)), (178, "roughness", (172, 184))):
        found = register_map(color, np.repeat(np.clip(level + noise, 0, 255), 3, 2).astype(np.uint8))
        assert found.aligned and found.shift_px == (0.0, 0.0)
        made = finish_map(kind, found.levels, wrap=BOTH)
        assert expected[0] <= np.percentile(made, 1) and np.percentile(made, 99) <= expected[1]


def test_roughness_that_is_cut_off_is_taken_from_the_ends() -> None:
    _, height = surface("stone")
    levels = np.clip(height.astype(np.float32) * 1.6, 0, 255)[..., None]
    assert (levels == 255).mean() > 0.1
    made = finish_map("roughness", levels, wrap=BOTH)
    assert made.max() < 255 and made.min() >= 0 and not check_maps(surface("stone")[0], {"roughness": made}, wrap=BOTH)[1:]
    fine = np.clip(height * 0.5 + 60, 0, 255).astype(np.float32)[..., None]
    assert np.abs(finish_map("roughness", fine, wrap=(False, False)) - fine[..., 0]).mean() < 2.0       # smoothed a little


def test_a_map_of_something_else_is_told() -> None:
    color, _ = surface("stone")
    found = register_map(color, redraw(gray(surface("wood")[1]), Drift()))
    assert not found.aligned and found.why and found.shift_px == (0.0, 0.0)


def test_what_cannot_be_read_is_refused() -> None:
    color, height = surface("stone")
    with pytest.raises(InputError, match="size"):
        register_map(color, gray(height)[:-1])
    with pytest.raises(InputError, match="normal"):
        finish_map("normal", np.zeros((64, 64, 1), np.float32), wrap=BOTH)
