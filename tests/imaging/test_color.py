# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Linear and display colors, against values of IEC 61966-2-1 worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from gptimage_addon.imaging.color import display_from_linear, linear_from_display


@pytest.mark.parametrize(("linear", "display"), [
    (0.0, 0.0), (0.0031308, 0.04045), (0.18, 0.4613561), (0.5, 0.7353569), (1.0, 1.0), (16.0, 1.0), (-0.5, 0.0),
    (np.inf, 1.0), (np.nan, 0.0),
])
def test_the_curve(linear: float, display: float) -> None:
    assert display_from_linear(np.full((1, 1, 3), linear, np.float32)) == pytest.approx(display, abs=2e-6)


def test_alpha_is_taken_out_and_put_back() -> None:
    pixel = np.float32([[[0.25, 0.09, 0.0, 0.5]]])              # 0.5, 0.18 and 0, half covered
    display = display_from_linear(pixel)
    assert display[0, 0] == pytest.approx((0.7353569, 0.4613561, 0.0, 0.5), abs=2e-6)
    assert linear_from_display(display) == pytest.approx(pixel, abs=1e-6)
    assert (display_from_linear(np.zeros((2, 2, 4), np.float32)) == 0).all()


def test_there_and_back() -> None:
    display = np.random.default_rng(1).random((40, 50, 4), np.float32)
    assert np.abs(display_from_linear(linear_from_display(display)) - display)[display[..., 3] > 0.01].max() < 1e-5
    data = np.random.default_rng(2).random((4, 5, 3), np.float32)
    assert np.array_equal(linear_from_display(display_from_linear(data, is_data=True), is_data=True), data)
