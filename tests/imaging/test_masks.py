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


def clipped_area(triangle: np.ndarray, x: int, y: int) -> float:
    """The area of a triangle inside a pixel: cut at each of its four sides (Sutherland and Hodgman)."""
    corners = [tuple(corner) for corner in triangle]
    for axis, bound, sign in ((0, x, 1), (0, x + 1, -1), (1, y, 1), (1, y + 1, -1)):
        kept: list[tuple[float, float]] = []
        for a, b in zip(corners, corners[1:] + corners[:1], strict=True):
            inside_a, inside_b = (sign * (point[axis] - bound) for point in (a, b))
            if inside_a >= 0:
                kept.append(a)
            if inside_a * inside_b < 0:
                t = inside_a / (inside_a - inside_b)
                kept.append((a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])))
        corners = kept
    return abs(sum(a[0] * b[1] - a[1] * b[0] for a, b in zip(corners, corners[1:] + corners[:1], strict=True))) / 2


def test_triangles_take_each_pixel_they_touch() -> None:
    rng = np.random.default_rng(3)
    size = (24, 18)
    for scale in (0.3, 3, 8):
        centers = rng.uniform((6, 5), (18, 13), (40, 1, 2))
        # Moved in rather than cut off at the edges, which would leave some without area.
        for triangle in size - np.abs(size - np.abs(centers + rng.normal(0, scale, (40, 3, 2)))):
            mask = masks.from_triangles(triangle[None], size)
            area = np.array([[clipped_area(triangle, x, y) for x in range(24)] for y in range(18)])
            assert mask.dtype == np.float32 and set(np.unique(mask)) <= {0, 1}
            assert (mask[area > 1e-2] == 1).all() and (mask[area == 0] == 0).all(), triangle


def test_triangles_on_pixel_borders_take_no_more() -> None:
    square = np.array([[(4, 2), (12, 2), (12, 7)], [(4, 2), (12, 7), (4, 7)]], np.float64)
    mask = masks.from_triangles(square, SIZE)
    assert masks.bounds(mask) == Box(4, 2, 12, 7) and mask.sum() == 40
    assert np.array_equal(masks.from_triangles(square + 1e-5, SIZE), mask)
    assert masks.from_triangles(np.zeros((0, 3, 2)), SIZE).sum() == 0


def test_triangles_without_area_take_the_pixels_they_lie_on() -> None:
    def boxed(*corners: tuple[float, float]) -> tuple[Box | None, float]:
        mask = masks.from_triangles(np.array([corners]), SIZE)
        return masks.bounds(mask), mask.sum()

    assert boxed((3.5, 4.5), (3.5, 4.5), (3.5, 4.5)) == (Box(3, 4, 4, 5), 1)
    assert boxed((3, 4), (3, 4), (3, 4)) == (Box(3, 4, 4, 5), 1)
    assert boxed((9.5, 4.5), (3.5, 4.5), (6.5, 4.5)) == (Box(3, 4, 10, 5), 7)
    assert boxed((6.5, 4.9996), (3.5, 4.9999), (9.5, 4.9997)) == (Box(3, 4, 10, 5), 7)
    assert boxed((3.5, 4.5), (3.5, 9.5), (3.5, 6.5)) == (Box(3, 4, 4, 10), 6)


def test_triangles_come_in_again_at_the_other_side() -> None:
    rng = np.random.default_rng(4)
    corners = rng.uniform(0, 60, (30, 1, 2)) + rng.normal(0, 15, (30, 3, 2))
    width, height = 32, 20
    large = masks.from_triangles(corners + (5 * width, 5 * height), (20 * width, 20 * height))
    folded = large.reshape(20, height, 20, width).max(axis=(0, 2))
    for shift in ((0, 0), (-3 * width, 7 * height)):
        for part in (corners[:3], corners):
            expected = folded if part is corners else masks.from_triangles(
                part + (5 * width, 5 * height), (20 * width, 20 * height)).reshape(20, height, 20, width).max(axis=(0, 2))
            assert np.array_equal(masks.from_triangles(part + shift, (width, height)), expected)
    huge = np.array([[(-1e6, -1e6), (1e6, -1e6), (0, 1e6)]])
    assert masks.from_triangles(huge, SIZE).all()
    with pytest.raises(InputError):
        masks.from_triangles(np.full((1, 3, 2), np.nan), SIZE)


def test_alpha_is_a_mask() -> None:
    image = np.zeros((4, 5, 4), np.float32)
    image[1, 2] = 0.25, 0.25, 0.25, 0.5         # premultiplied: the color has no say
    image[2, 3, 3] = 2
    mask = masks.from_alpha(image)
    assert mask[1, 2] == 0.5 and mask[2, 3] == 1 and mask.sum() == 1.5
    assert masks.from_alpha(np.full((2, 2, 2), 255, np.uint8)).all()
    for opaque in (np.ones((4, 5, 3), np.float32), np.ones((4, 5), np.float32)):
        with pytest.raises(InputError, match="no alpha"):
            masks.from_alpha(opaque)


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
