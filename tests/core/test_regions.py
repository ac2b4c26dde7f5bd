# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is sent of a picture: always a size OpenAI makes, never stretched, and exactly mapped back."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from gptimage_addon.core import pricing
from gptimage_addon.core.errors import InputError
from gptimage_addon.core.regions import (
    FREE_RULES, OPENAI_RULES, Box, SizeRules, Window, crop, edit_cost, plan_window, plan_windows, reflect, restore)
from gptimage_addon.core.values import from_json, to_json

UHD = (3840, 2160)
MODELS = {
    "gpt-image-2.5-flare": ("low", "medium", "high", "xhigh", "max"),
    "gpt-image-2.6-sunburst": ("low", "medium", "high", "xhigh", "max"),
    "gpt-image-2": ("low", "medium", "high"),
}


def openai_makes(width: int, height: int) -> bool:
    """The rules as OpenAI's guide states them."""
    return (width % 16 == 0 and height % 16 == 0 and max(width, height) <= 3840
            and 655_360 <= width * height <= 8_294_400 and max(width, height) / min(width, height) <= 3)


def random_length(rng: random.Random, least: int = 1) -> int:
    """As many small ones as large ones."""
    return round(math.exp(rng.uniform(math.log(least), math.log(6000))))


def random_case(rng: random.Random, smallest: int = 1) -> tuple[Box, tuple[int, int]]:
    width, height = random_length(rng, smallest), random_length(rng, smallest)
    x0, y0 = rng.randrange(width), rng.randrange(height)
    if rng.random() < 0.3:      # at a border
        x0, y0 = rng.choice((0, x0)), rng.choice((0, y0))
    x1, y1 = x0 + min(random_length(rng), width - x0), y0 + min(random_length(rng), height - y0)
    return Box(x0, y0, x1, y1), (width, height)


def check_window(window: Window, area: Box, picture: tuple[int, int]) -> None:
    box, (width, height) = window.box, window.size
    assert width * box.height == height * box.width                     # the same shape, in whole numbers
    assert math.isclose(height / box.height, window.scale, rel_tol=1e-12)
    assert box.x0 <= area.x0 and box.y0 <= area.y0 and area.x1 <= box.x1 and area.y1 <= box.y1
    # Beyond the picture only where the picture is too small, and then on both sides alike.
    for start, stop, length in ((box.x0, box.x1, picture[0]), (box.y0, box.y1, picture[1])):
        if stop - start <= length:
            assert 0 <= start and stop <= length
        else:
            assert start <= 0 and stop >= length and abs(-start - (stop - length)) <= 1
    seen, inner = window.visible, window.visible_in_crop
    assert (seen.width, seen.height) == (min(box.width, picture[0]), min(box.height, picture[1]))
    assert (inner.x0 + box.x0, inner.y0 + box.y0, inner.width, inner.height) == (
        seen.x0, seen.y0, seen.width, seen.height)


@pytest.mark.parametrize(("whole", "priced"), [(False, False), (True, False), (False, True)])
def test_random_areas_of_random_pictures(whole: bool, priced: bool) -> None:
    rng = random.Random(20261122)
    cost = edit_cost("gpt-image-2.5-flare", "high") if priced else None
    scales = set()
    for _ in range(700):
        area, picture = random_case(rng)
        window = plan_window(area, picture, whole=whole, cost=cost, context=rng.choice((0, 0.125, 0.5)),
                             minimum_px=rng.choice((0, 64, 300)))
        assert openai_makes(*window.size)
        check_window(window, Box(0, 0, *picture) if whole else area, picture)
        scales.add((window.scale > 1) - (window.scale < 1))
        # There and back, for corners of both frames and points between.
        for _ in range(4):
            x, y = rng.uniform(-10, picture[0] + 10), rng.uniform(-10, picture[1] + 10)
            there = window.to_request(x, y)
            assert window.to_picture(*there) == pytest.approx((x, y), rel=0, abs=1e-6)
            assert there == pytest.approx(((x - window.offset[0]) * window.scale, (y - window.offset[1]) * window.scale))
        assert window.to_picture(0, 0) == window.offset
        assert window.to_request(window.box.x1, window.box.y1) == pytest.approx(window.size, rel=0, abs=1e-6)
    assert scales == {-1, 0, 1}         # the cases were of all kinds


def test_a_window_keeps_the_picture_s_scale_wherever_a_legal_crop_of_it_holds_the_context() -> None:
    rng = random.Random(7)
    native = 0
    for _ in range(500):
        area, picture = random_case(rng, smallest=600)
        window = plan_window(area, picture, context=0, minimum_px=64)
        wide = min(area.x1 + 64, picture[0]) - max(area.x0 - 64, 0)
        high = min(area.y1 + 64, picture[1]) - max(area.y0 - 64, 0)
        # One size that surely holds all: the edges rounded up, and lengthened to what is asked at least.
        size = max(-(-wide // 16) * 16, 816), max(-(-high // 16) * 16, 816)
        if openai_makes(*size) and size[0] <= picture[0] and size[1] <= picture[1]:
            native += 1
            assert window.scale == 1 and window.is_native
            assert window.visible == window.box                         # picture, nothing mirrored
            assert window.box.width * window.box.height <= size[0] * size[1] * 1.3
    assert native > 200


@pytest.mark.parametrize(("area", "picture", "size", "box"), [
    # A small area in the middle: the smallest square there is, at the picture's own scale.
    (Box(950, 530, 970, 550), (1920, 1080), (816, 816), Box(552, 132, 1368, 948)),
    # In a corner: moved into the picture.
    (Box(0, 0, 20, 20), (1920, 1080), (816, 816), Box(0, 0, 816, 816)),
    (Box(1900, 1060, 1920, 1080), (1920, 1080), (816, 816), Box(1104, 264, 1920, 1080)),
    # Too small by 16 pixels: mirrored. Far too small: enlarged.
    (Box(0, 0, 20, 20), (800, 800), (816, 816), Box(-8, -8, 808, 808)),
    (Box(0, 0, 20, 20), (512, 512), (816, 816), Box(0, 0, 512, 512)),
])
def test_small_areas(area: Box, picture: tuple[int, int], size: tuple[int, int], box: Box) -> None:
    window = plan_window(area, picture)
    assert (window.size, window.box) == (size, box)


@pytest.mark.parametrize(("picture", "size", "box"), [
    ((1024, 1024), (1024, 1024), Box(0, 0, 1024, 1024)),
    ((3840, 2160), (3840, 2160), Box(0, 0, 3840, 2160)),
    ((1920, 1080), (1920, 1088), Box(0, -4, 1920, 1084)),        # eight rows are mirrored, nothing is resampled
    ((7680, 4320), (3840, 2160), Box(0, 0, 7680, 4320)),         # reduced to a half
    ((256, 256), (816, 816), Box(0, 0, 256, 256)),
    ((3000, 500), (3008, 1008), Box(-4, -254, 3004, 754)),       # broader than 3:1: only mirroring can hold it
])
def test_whole_pictures(picture: tuple[int, int], size: tuple[int, int], box: Box) -> None:
    window = plan_window(Box(0, 0, 10, 10), picture, whole=True)
    assert (window.size, window.box) == (size, box)


def test_context_is_a_share_of_the_diagonal_and_at_least_so_many_pixels() -> None:
    area = Box(1500, 800, 2100, 1600)                            # a diagonal of 1000
    box = plan_window(area, (4000, 3000), context=0.25, minimum_px=10).box
    assert box.x0 <= 1250 and box.y0 <= 550 and box.x1 >= 2350 and box.y1 >= 1850
    assert box.width < 1100 + 32 and box.height < 1300 + 32
    box = plan_window(area, (4000, 3000), context=0.001, minimum_px=100).box
    assert box.x0 <= 1400 and box.y0 <= 700 and box.x1 >= 2200 and box.y1 >= 1700
    assert box.width < 800 + 32 and box.height < 1000 + 32
    # A large area is not robbed of its context because it must be reduced.
    box = plan_window(Box(1000, 1000, 7000, 5000), (8000, 8000), context=0.1, minimum_px=0).box
    assert box.x0 <= 1000 - 721 and box.x1 >= 7000 + 721 and box.y0 <= 1000 - 721 and box.y1 >= 5000 + 721


def test_the_area_is_in_the_middle_where_the_picture_allows() -> None:
    window = plan_window(Box(1000, 700, 1100, 900), (4000, 3000))
    assert window.box.x0 + window.box.x1 == pytest.approx(2100, abs=1)
    assert window.box.y0 + window.box.y1 == pytest.approx(1600, abs=1)


@pytest.mark.parametrize("area", [Box(5, 5, 5, 9), Box(9, 5, 5, 9), Box(100, 0, 120, 20), Box(-9, -9, 0, 0)])
def test_an_empty_area_is_refused(area: Box) -> None:
    with pytest.raises(InputError) as caught:
        plan_window(area, (100, 100))
    assert caught.value.field == "mask" and caught.value.hint
    with pytest.raises(InputError):
        plan_windows([Box(0, 0, 9, 9), area], (100, 100), separate=False)
    with pytest.raises(InputError):
        plan_windows([], (100, 100))


# --- Price ------------------------------------------------------------------------------------------------


def usd(model: str, quality: str, size: tuple[int, int]) -> float:
    """Answer and picture sent, at 30 and 8 USD a million tokens."""
    answer = pricing.output_tokens(model, quality, f"{size[0]}x{size[1]}")
    return (30 * answer + 8 * pricing.input_image_tokens(*size, model)) / 1e6


def test_the_price_of_a_size() -> None:
    # Tokens from OpenAI's calculator and a measured input: 865 and 1508, 1756 and 1024.
    assert edit_cost("gpt-image-2.5-flare", "medium")(3840, 2160) == pytest.approx((865 * 30 + 1508 * 8) / 1e6)
    assert edit_cost("gpt-image-2.5-flare", "high")(1024, 1024) == pytest.approx((1756 * 30 + 1024 * 8) / 1e6)


@pytest.mark.parametrize(("model", "quality"), [(m, q) for m, qualities in MODELS.items() for q in qualities])
def test_a_tenth_of_a_4k_render_costs_at_most_a_third_of_the_whole(model: str, quality: str) -> None:
    rng = random.Random(model + quality)
    whole = usd(model, quality, UHD)
    for shape in (1 / 4, 1 / 2, 9 / 16, 1, 4 / 3, 16 / 9, 2, 4, 16):
        width = min(round(math.sqrt(829_440 * shape)), 3840)
        height = min(829_440 // width, 2160)
        assert width * height > 0.0995 * 3840 * 2160
        x0, y0 = rng.randint(0, 3840 - width), rng.randint(0, 2160 - height)
        area = Box(x0, y0, x0 + width, y0 + height)
        window = plan_window(area, UHD, cost=edit_cost(model, quality))
        assert openai_makes(*window.size)
        check_window(window, area, UHD)
        assert usd(model, quality, window.size) <= whole / 3
        # The price is not paid in context: an eighth of the diagonal stays, as far as 95 % of the picture reach.
        pad = math.hypot(width, height) / 8
        assert window.box.width >= min(width + pad, 0.95 * 3840) - 1
        assert window.box.height >= min(height + pad, 0.95 * 2160) - 1
        assert window.scale > 0.33


def test_a_price_limit_takes_no_more_scale_than_it_needs() -> None:
    # At 2.5's highest quality a tenth of the frame fits at native scale, in a longer window.
    area = Box(1000, 600, 2214, 1283)
    window = plan_window(area, UHD, cost=edit_cost("gpt-image-2.5-flare", "max"))
    assert window.is_native and window.visible == window.box
    # A small area is native at each quality.
    for model, qualities in MODELS.items():
        for quality in qualities:
            assert plan_window(Box(1000, 600, 1100, 700), UHD, cost=edit_cost(model, quality)).is_native


def test_no_price_limit_where_none_can_be_kept_or_none_was_asked() -> None:
    area = Box(1000, 600, 2214, 1283)
    assert plan_window(area, UHD).is_native
    assert plan_window(area, UHD, cost=lambda w, h: 1.0) == plan_window(area, UHD)
    half = Box(0, 0, 1920, 2160)
    assert plan_window(half, UHD, cost=edit_cost("gpt-image-2.5-flare", "medium")) == plan_window(half, UHD)
    small = Box(500, 300, 1100, 700)
    assert plan_window(small, (1920, 1080), cost=edit_cost("gpt-image-2.5-flare", "low")).is_native


def test_islands_are_one_request_or_one_each_whichever_is_cheaper() -> None:
    cost = edit_cost("gpt-image-2.5-flare", "high")
    near = [Box(1000, 1000, 1100, 1100), Box(1200, 1000, 1300, 1100)]
    far = [Box(100, 100, 200, 200), Box(3600, 1900, 3700, 2000)]
    for boxes, count in ((near, 1), (far, 2)):
        windows = plan_windows(boxes, UHD, cost=cost)
        together, each = (plan_windows(boxes, UHD, cost=cost, separate=s) for s in (False, True))
        assert (len(windows), len(together), len(each)) == (count, 1, 2)
        assert windows == (together if count == 1 else each)
        assert sum(usd("gpt-image-2.5-flare", "high", w.size) for w in windows) <= min(
            sum(usd("gpt-image-2.5-flare", "high", w.size) for w in other) for other in (together, each))
        for window, box in zip(each, boxes, strict=True):
            check_window(window, box, UHD)
        for box in boxes:
            check_window(together[0], box, UHD)
        assert len(plan_windows(boxes, UHD)) == count           # by pixels, without a price
    # Far apart, but so many that the whole is cheaper.
    many = [Box(x, y, x + 50, y + 50) for x in range(50, 3800, 400) for y in (100, 1000, 2000)]
    assert len(plan_windows(many, UHD, cost=cost)) == 1
    assert len(plan_windows(many[:1], UHD, cost=cost, separate=True)) == 1


# --- Other rules ------------------------------------------------------------------------------------------


def test_a_compatible_server_may_be_sent_smaller_and_longer_pictures() -> None:
    rng = random.Random(3)
    for _ in range(300):
        area, picture = random_case(rng)
        window = plan_window(area, picture, rules=FREE_RULES)
        check_window(window, area, picture)
        assert window.width_px % 16 == 0 and window.height_px % 16 == 0 and FREE_RULES.allows(*window.size)
    assert plan_window(Box(900, 500, 920, 520), (1920, 1080), rules=FREE_RULES).size == (512, 512)
    assert plan_window(Box(0, 0, 9, 9), (768, 768), whole=True, rules=FREE_RULES).size == (768, 768)
    long = plan_window(Box(0, 0, 9, 9), (3200, 320), whole=True, rules=FREE_RULES)
    assert (long.size, long.box) == ((3200, 320), Box(0, 0, 3200, 320))
    # A server with rules of its own.
    own = SizeRules(64, 1024, 512 * 512, 1024 * 1024, 2.0)
    window = plan_window(Box(0, 0, 3000, 500), (3000, 2000), rules=own)
    assert window.width_px % 64 == 0 == window.height_px % 64 and max(window.size) <= 1024


def test_the_openai_rules_are_openai_s() -> None:
    rng = random.Random(5)
    for _ in range(3000):
        width, height = (rng.choice((rng.randint(1, 250) * 16, rng.randint(1, 4000))) for _ in range(2))
        assert OPENAI_RULES.allows(width, height) == openai_makes(width, height)


# --- Pixels -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [1, 2, 3, 7])
def test_mirrored_indices_are_those_of_numpy_s_symmetric_padding(length: int) -> None:
    padded = np.pad(np.arange(length), 40, mode="symmetric")
    for start in range(-40, length):
        np.testing.assert_array_equal(reflect(start, length + 40, length), padded[start + 40:])
    assert reflect(-3, 4, 3).tolist() == [2, 1, 0, 0, 1, 2, 2]


def window_at(box: Box, picture: tuple[int, int]) -> Window:
    return Window(box, box.width * 16, box.height * 16, *picture)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [(), (1,), (3,), (4,)])
def test_a_crop_is_a_cut_of_the_mirrored_picture(dtype: type, channels: tuple[int, ...]) -> None:
    rng = np.random.default_rng(11)
    for _ in range(40):
        height, width = rng.integers(1, 40, 2).tolist()
        picture = (rng.random((height, width, *channels)) * 255).astype(dtype)
        before = picture.copy()
        x0, y0 = rng.integers(-90, 39, 2).tolist()
        x1, y1 = x0 + int(rng.integers(1, 150)), y0 + int(rng.integers(1, 150))
        pads = [(200, 200), (200, 200)] + [(0, 0)] * len(channels)
        expected = np.pad(picture, pads, mode="symmetric")[200 + y0:200 + y1, 200 + x0:200 + x1]
        found = crop(picture, window_at(Box(x0, y0, x1, y1), (width, height)))
        assert found.dtype == dtype and found.flags.c_contiguous and not np.shares_memory(found, picture)
        np.testing.assert_array_equal(found, expected)
        found[...] = 0
        np.testing.assert_array_equal(picture, before)


def test_what_was_cropped_and_put_back_is_the_picture_and_only_the_window_changes() -> None:
    rng = random.Random(13)
    noise = np.random.default_rng(13)
    mirrored = 0
    for _ in range(60):
        width, height = rng.randint(20, 1500), rng.randint(20, 1500)
        area = Box(x := rng.randrange(width), y := rng.randrange(height),
                   rng.randint(x + 1, width), rng.randint(y + 1, height))
        picture = noise.integers(0, 256, (height, width, 3), dtype=np.uint8)
        window = plan_window(area, (width, height))
        mirrored += window.visible != window.box
        patch = crop(picture, window)
        assert patch.shape == (window.box.height, window.box.width, 3)
        np.testing.assert_array_equal(restore(picture, patch, window), picture)
        changed = restore(picture, 255 - patch, window)
        expected = picture.copy()
        inside = np.s_[max(window.box.y0, 0):window.box.y1, max(window.box.x0, 0):window.box.x1]
        expected[inside] = 255 - picture[inside]
        np.testing.assert_array_equal(changed, expected)
    assert mirrored > 5


def test_a_window_of_another_picture_is_refused() -> None:
    window = plan_window(Box(0, 0, 9, 9), (1000, 900))
    with pytest.raises(ValueError, match="1000x900"):
        crop(np.zeros((1000, 900, 3)), window)
    with pytest.raises(ValueError, match="1000x900"):
        restore(np.zeros((1000, 900, 3)), np.zeros((816, 816, 3)), window)


def test_a_window_is_a_frozen_value_that_survives_json() -> None:
    window = plan_window(Box(-5, 3, 9, 9), (1000, 900))
    assert from_json(Window, to_json(window)) == window and hash(window) is not None
    with pytest.raises(AttributeError):
        window.width_px = 3      # type: ignore[misc]
