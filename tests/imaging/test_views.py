# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a subject stands, and where a sheet is cut, on pictures drawn here whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from gptimage_addon.imaging.views import cut_views, subject_box, subject_mask


def sheet(boxes: list[tuple[int, int, int, int]], size: tuple[int, int] = (900, 300), noise: float = 3.0) -> np.ndarray:
    """Dark boxes before a backdrop that grows lighter to the right and darker to the floor, with noise: uint8 (h, w, 3)."""
    width, height = size
    rng = np.random.default_rng(4)
    wall = 205 + np.linspace(0, 30, width)[None, :] - np.linspace(0, 60, height)[:, None]
    picture = np.repeat(wall[:, :, None], 3, axis=2) + rng.normal(0, noise, (height, width, 1))
    for x0, y0, x1, y1 in boxes:
        picture[y0:y1, x0:x1] = (60, 90, 40)
    return np.clip(picture, 0, 255).astype(np.uint8)


def test_the_subject_is_found_to_the_pixel_before_a_lit_wall() -> None:
    assert subject_box(subject_mask(sheet([(310, 40, 520, 270)]))) == (310, 40, 520, 270)


def test_a_speck_is_no_subject() -> None:
    picture = sheet([(310, 40, 520, 270)])
    picture[5, 700] = 0
    assert subject_box(subject_mask(picture)) == (310, 40, 520, 270)


def test_transparency_tells_the_subject() -> None:
    picture = np.zeros((100, 80, 4), np.uint8)
    picture[20:90, 10:30] = (255, 255, 255, 255)
    assert subject_box(subject_mask(picture)) == (10, 20, 30, 90)


def test_a_picture_without_a_subject_is_all_of_it() -> None:
    assert subject_box(subject_mask(np.full((60, 90, 3), 128, np.uint8))) == (0, 0, 90, 60)


@pytest.mark.parametrize("boxes", [
    [(60, 30, 240, 270), (370, 30, 480, 270), (660, 30, 840, 270)],
    [(5, 30, 340, 270), (360, 30, 560, 270), (590, 30, 890, 270)],       # out of their columns
])
def test_cuts_lie_between_the_views(boxes: list[tuple[int, int, int, int]]) -> None:
    cuts = cut_views(subject_mask(sheet(boxes)), 3)
    assert cuts[0][0] == 0 and cuts[-1][1] == 900
    assert [stop for _, stop in cuts[:-1]] == [start for start, _ in cuts[1:]]
    for (left, right), (x0, _, x1, _) in zip(cuts, boxes, strict=True):
        assert left <= x0 and x1 <= right
    for (_, cut), before, after in zip(cuts[:-1], boxes[:-1], boxes[1:], strict=True):
        assert abs(cut - (before[2] + after[0]) / 2) <= 1          # in the middle of the gap


@pytest.mark.parametrize("count", [2, 3, 4, 8])
@pytest.mark.parametrize("side", [slice(0, 0), slice(0, 20), slice(880, 900)])
def test_a_sheet_is_cut_even_where_most_of_it_is_empty(count: int, side: slice) -> None:
    """A gap that is far wider than a view leads no cut away from its place."""
    mask = np.zeros((300, 900), bool)
    mask[:, side] = True
    cuts = cut_views(mask, count)
    assert [cuts[0][0], *(stop for _, stop in cuts)] == [0, *(900 * index // count for index in range(1, count)), 900]


def test_a_cut_stays_near_its_place_where_the_gap_does_not() -> None:
    mask = np.zeros((300, 900), bool)
    mask[:, 100:300] = True                     # the one view that was drawn; the gap right of it has its middle at 600
    cuts = cut_views(mask, 4)
    assert [round(stop / 225) for _, stop in cuts] == [1, 2, 3, 4]
    assert all(right > left for left, right in cuts)
