# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Masks against closed forms and brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gptimage_addon.core.errors import InputError
from gptimage_addon.core.regions import Box
from gptimage_addon.imaging import masks

SIZE = (120, 80)


def disc(radius: float) -> np.ndarray:
    y, x = np.mgrid[0:80, 0:120]
    return ((x - 60) ** 2 + (y - 40) ** 2 <= radius ** 2).astype(np.float32)


def test_a_border_counts_from_the_bottom_left() -> None:
    mask = masks.from_border(0.25, 0.5, 0.5, 0.75, SIZE)
    assert masks.bounds(mask) == Box(30, 20, 60, 40) and mask.sum() == 30 * 20


def test_a_polygon_covers_its_area() -> None:
    points = [(10.5, 7.25), (90.0, 20.5), (60.75, 70.0)]
    (ax, ay), (bx, by), (cx, cy) = points
    area = abs((bx - ax) * (cy - ay) - (cx - ax) * (by - ay)) / 2
    assert masks.from_polygon(points, SIZE).sum() == pytest.approx(area, rel=2e-3)


def test_growing_is_the_euclidean_distance() -> None:
    mask = np.zeros((40, 50), np.float32)
    mask[12, 20] = mask[30:33, 33:40] = 1
    y, x = np.mgrid[0:40, 0:50]
    inside = np.argwhere(mask > 0)
    distance = np.sqrt(((y[..., None] - inside[:, 0]) ** 2 + (x[..., None] - inside[:, 1]) ** 2).min(axis=-1))
    for px in (1, 2.5, 7):
        assert np.array_equal(masks.grow(mask, px) > 0, distance <= px)
    assert masks.grow(disc(15), 10).sum() == pytest.approx(math.pi * 25 ** 2, rel=0.02)
    assert masks.grow(disc(25), -10).sum() == pytest.approx(math.pi * 15 ** 2, rel=0.05)


def test_a_feather_never_leaves_the_mask() -> None:
    mask = disc(25)
    soft = masks.feather(mask, 8)
    assert np.array_equal(soft > 0, mask > 0) and (soft <= mask).all()
    assert soft[40, 60] == 1 and 0 < soft[40, 85] < 0.5


def test_sets() -> None:
    a, b = masks.from_border(0, 0, 0.5, 1, SIZE), masks.from_border(0.25, 0, 1, 1, SIZE)
    assert masks.add(a, b).sum() == 120 * 80 and masks.intersect(a, b).sum() == 30 * 80
    assert masks.subtract(a, b).sum() == 30 * 80 and masks.invert(a).sum() == 60 * 80


def test_alpha_says_edit_where_the_mask_is() -> None:
    sent = masks.to_alpha_mask(masks.from_border(0, 0.5, 0.5, 1, SIZE))
    assert sent.shape == (80, 120, 4) and sent.dtype == np.uint8
    assert (sent[:40, :60, 3] == 0).all() and (sent[40:, :, 3] == 255).all()
    assert (sent[:40, :60, :3] == 255).all() and (sent[40:, :, :3] == 0).all()


def test_islands_and_nothing() -> None:
    mask = np.zeros((80, 120), np.float32)
    mask[5:10, 5:10] = mask[50:60, 90:100] = 1
    assert masks.islands(mask) == [Box(5, 5, 10, 10), Box(90, 50, 100, 60)]
    with pytest.raises(InputError) as told:
        masks.require_bounds(np.zeros((4, 4), np.float32))
    assert told.value.field == "mask"
