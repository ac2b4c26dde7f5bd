# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The window that is sent of a picture: legal, around the area, never stretched, and exact to map back."""

from __future__ import annotations

import random

import numpy as np
import pytest

from gptimage_addon.core import pricing
from gptimage_addon.core.regions import OPENAI_RULES, Box, crop, edit_cost, plan_window


def cases(count: int):
    chance = random.Random(7)
    for _ in range(count):
        width, height = chance.randint(40, 5000), chance.randint(40, 5000)
        x0, y0 = chance.randrange(width - 1), chance.randrange(height - 1)
        yield (width, height), Box(x0, y0, chance.randint(x0 + 1, width), chance.randint(y0 + 1, height))


@pytest.mark.parametrize("whole", [False, True])
def test_every_window_is_legal_unstretched_and_holds_its_area(whole: bool) -> None:
    for size, bounds in cases(1500):
        window = plan_window(bounds, size, whole=whole)
        width, height = window.size
        assert width % 16 == height % 16 == 0 and max(width, height) <= 3840, (size, bounds)
        assert 655_360 <= width * height <= 8_294_400 and max(width, height) <= 3 * min(width, height)
        box = window.box
        assert width * box.height == height * box.width         # one factor on both axes
        assert box.x0 <= bounds.x0 and box.y0 <= bounds.y0 and box.x1 >= bounds.x1 and box.y1 >= bounds.y1


def test_points_come_back_where_they_were() -> None:
    chance = random.Random(8)
    for size, bounds in cases(500):
        window = plan_window(bounds, size)
        x, y = chance.uniform(0, size[0]), chance.uniform(0, size[1])
        back = window.to_picture(*window.to_request(x, y))
        assert back == pytest.approx((x, y), abs=1e-6)


def test_a_crop_is_the_picture_mirrored_at_its_borders() -> None:
    chance = np.random.default_rng(9)
    for size, bounds in cases(60):
        size = (min(size[0], 700), min(size[1], 700))
        bounds = Box(min(bounds.x0, size[0] - 1), min(bounds.y0, size[1] - 1), min(max(bounds.x1, 1), size[0]), min(bounds.y1, size[1]))
        if bounds.x1 <= bounds.x0 or bounds.y1 <= bounds.y0:
            continue
        picture = chance.integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
        window = plan_window(bounds, size)
        found = crop(picture, window)
        assert found.shape == (window.box.height, window.box.width, 3)
        seen, inner = window.visible, window.visible_in_crop
        assert np.array_equal(found[inner.slices], picture[seen.slices])


def test_an_area_of_a_tenth_costs_at_most_a_third_of_the_whole() -> None:
    size = (3840, 2160)
    for model, quality in (("gpt-image-2.5-flare", "low"), ("gpt-image-2.5-flare", "high"), ("gpt-image-2", "high")):
        cost = edit_cost(model, quality)
        for bounds in (Box(1200, 700, 2415, 1383), Box(0, 0, 1215, 683), Box(2600, 100, 3290, 1300)):
            width, height = plan_window(bounds, size, cost=cost).size
            tokens = pricing.output_tokens(model, quality, f"{width}x{height}")
            whole = pricing.output_tokens(model, quality, "3840x2160")
            part = tokens * 30e-6 + pricing.input_image_tokens(width, height, model) * 8e-6
            assert part <= (whole * 30e-6 + pricing.input_image_tokens(*size, model) * 8e-6) / 3, (model, quality, bounds)


def test_native_scale_where_it_is_legal() -> None:
    window = plan_window(Box(500, 400, 1100, 900), (1920, 1080), rules=OPENAI_RULES)
    assert window.is_native and window.scale == 1
