# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bars of a touch-up: an answer that is the original, redrawn with drift, so the right result is the original itself.

Photographs, resampling and fields come from scikit-image and scipy. Each kind of drift is drawn 16 times, two other
drifts on each of eight photographs, each under another mask; scripts/bench/finish.py has more.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from tests.support.drift import (
    BARS_DB, PHOTOGRAPHS, Drift, blob, drifts, mean_tone_paste, naive_paste, photograph, psnr_db, redraw, redraw_by_pillow,
    step_above_truth,
)

from gptimage_addon.imaging.touch_up import Finished, finish_window

# By how much more than the better of the two pastes of peers, on average.
BETTER_BY_DB = {"tone": 12.0, "shift": 20.0, "zoom": 15.0, "all": 18.0, "uneven": 14.0}


class Case(NamedTuple):
    """One window, redrawn and finished."""

    original: np.ndarray
    answer: np.ndarray
    mask: np.ndarray
    drift: Drift
    done: Finished

    def psnr_db(self, rgb: np.ndarray) -> float:
        return psnr_db(rgb, self.original, self.mask > 0)


@pytest.fixture(scope="module", params=tuple(BARS_DB))
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def cases(kind: str) -> list[Case]:
    found = []
    for number, drift in enumerate(drifts(kind, 2 * len(PHOTOGRAPHS))):
        original = photograph(PHOTOGRAPHS[number // 2])
        answer, mask = redraw(original, drift), blob(*original.shape[:2], number)
        found.append(Case(original, answer, mask, drift, finish_window(original, answer, mask)))
    return found


def test_inside_the_mask_the_original_comes_back(kind: str, cases: list[Case]) -> None:
    assert np.mean([case.psnr_db(case.done.patch) for case in cases]) >= BARS_DB[kind]


def test_no_window_shows_a_step_at_the_edge_of_the_mask(cases: list[Case]) -> None:
    """The bar holds for each single window, and for the worse of both measures of a step."""
    assert max(step_above_truth(case.done.patch, case.original, case.mask) for case in cases) <= 0.5


def test_outside_the_mask_not_a_pixel_changes(cases: list[Case]) -> None:
    for case in cases:
        outside = case.mask == 0
        assert np.array_equal(case.done.patch[outside], case.original[outside])
        assert case.done.report.changed_outside == 0


def test_pasting_as_peers_do_is_far_behind(kind: str, cases: list[Case]) -> None:
    ours, naive, toned = (np.mean([case.psnr_db(paste(case)) for case in cases]) for paste in (
        lambda case: case.done.patch,
        lambda case: naive_paste(case.original, case.answer, case.mask),
        lambda case: mean_tone_paste(case.original, case.answer, case.mask)))
    assert ours >= max(naive, toned) + BETTER_BY_DB[kind]


def test_the_drift_that_is_reported_is_the_one_that_was_drawn(kind: str, cases: list[Case]) -> None:
    for case in cases:
        report, drift = case.done.report, case.drift
        assert report.aligned and report.why == ""
        if kind != "uneven":                    # whose fields have a shift and a zoom of their own
            assert np.hypot(*np.subtract(report.shift_px, drift.shift_px)) <= 0.05
            assert report.scale == pytest.approx(drift.zoom, abs=2e-4)
            # The inverse of the gain, and gamma's slope besides, which is 1.06 at most.
            assert np.multiply(report.gain, drift.gain) == pytest.approx(1.0, abs=0.06)


@pytest.mark.parametrize(("drift", "bar_db"), [
    (Drift(shift_px=(3.3, -2.1)), 48.0), (Drift(zoom=0.982), 42.0),
    (Drift((-4.2, 2.6), 1.012, (0.97, 1.02, 1.04), 1.06, noise=1.5, seed=5), 41.0),
])
def test_a_redraw_by_another_resampling_is_undone_too(drift: Drift, bar_db: float) -> None:
    """By Pillow's Lanczos, which leaves less of the finest detail than splines do: the bars are lower."""
    found = []
    for number, name in enumerate(("coffee", "chelsea", "motorcycle")):
        original, answer = redraw_by_pillow(photograph(name), drift, 24)
        mask = blob(*original.shape[:2], number)
        found.append(psnr_db(finish_window(original, answer, mask).patch, original, mask > 0))
    assert np.mean(found) >= bar_db
