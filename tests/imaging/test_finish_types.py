# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The finish on pictures of every depth, with alpha, with values that are no color; and the window set into the picture."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
from tests.support.drift import blob, drifts, photograph, psnr_db, redraw

from gptimage_addon.core.errors import InputError
from gptimage_addon.imaging.touch_up import Finished, finish_window, paste_window

ORIGINAL = photograph("coffee")[:, :400]
ANSWER = redraw(ORIGINAL, drifts("all", 2)[1])
MASK = blob(*ORIGINAL.shape[:2], 0)
FULL = {"uint8": 255, "uint16": 65535, "float32": 1.0, "float64": 1.0}


@pytest.fixture(scope="module")
def eight_bit() -> Finished:
    return finish_window(ORIGINAL, ANSWER, MASK)


def deeper(dtype: str) -> np.ndarray:
    """The original with bits below its own."""
    rng = np.random.default_rng(0)
    levels = ORIGINAL + (rng.uniform(-0.45, 0.45, ORIGINAL.shape) if dtype != "uint8" else 0)
    values = np.clip(levels / 255, 0, 1) * FULL[dtype]
    return (np.rint(values) if dtype.startswith("u") else values).astype(dtype)


def same_bits(one: np.ndarray, other: np.ndarray, where: np.ndarray) -> bool:
    return one.dtype == other.dtype and one[where].tobytes() == other[where].tobytes()


@pytest.mark.parametrize("dtype", FULL)
@pytest.mark.parametrize("channels", [3, 4])
def test_the_result_has_the_pictures_depth_and_its_bits_outside(eight_bit: Finished, dtype: str, channels: int) -> None:
    original = deeper(dtype)
    if channels == 4:
        alpha = np.random.default_rng(1).uniform(0.1, 1, MASK.shape) * FULL[dtype]
        original = np.dstack([original, alpha.astype(dtype)])
    before = original.copy()
    done = finish_window(original, ANSWER, MASK)
    assert same_bits(original, before, np.ones_like(MASK, bool))            # the caller's own is not written to
    assert same_bits(done.patch, original, MASK == 0) and done.report.changed_outside == 0
    if channels == 4:
        assert same_bits(done.patch[..., 3], original[..., 3], MASK >= 0)
    levels = done.patch[..., :3].astype(np.float64) / FULL[dtype] * 255
    assert abs(levels - eight_bit.patch)[MASK > 0].max() <= 1.5
    assert abs(levels - ORIGINAL)[MASK > 0].mean() <= 2.0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_values_that_are_no_color_stay_outside_and_do_no_harm_inside(dtype: str) -> None:
    original = deeper(dtype)
    rng = np.random.default_rng(3)
    spots = rng.random(MASK.shape) < 0.02
    odd = np.array([np.nan, np.inf, -np.inf, 1e30, -5.0, 37.0, -0.0], dtype)
    payload = np.array([0x7FF8_0000_DEAD_BEEF], np.uint64).view(np.float64).astype(dtype)       # a NaN that says something
    odd = np.append(odd, payload)
    original[spots] = odd[rng.integers(0, len(odd), spots.sum())][:, None]
    done = finish_window(original, ANSWER, MASK)
    assert same_bits(done.patch, original, MASK == 0) and done.report.changed_outside == 0
    assert done.report.aligned and done.report.shift_px == pytest.approx(drifts("all", 2)[1].shift_px, abs=0.05)
    opaque = done.alpha == 1
    assert psnr_db(done.patch[..., :3] * 255, ORIGINAL, opaque & (done.patch.max(2) <= 1)) >= 38.0
    assert np.isfinite(done.patch[MASK > 0]).all() and done.patch[opaque].max() <= 1 and done.patch[opaque].min() >= 0


def test_a_picture_of_nothing_but_nan_is_touched_up_all_the_same() -> None:
    original = np.full_like(deeper("float32"), np.nan)
    done = finish_window(original, ANSWER, MASK)
    assert same_bits(done.patch, original, MASK == 0) and np.isfinite(done.patch[MASK > 0]).all()
    assert not done.report.aligned and json.loads(json.dumps(asdict(done.report), allow_nan=False))


def test_floats_brighter_than_white_stay_so_outside() -> None:
    original = deeper("float32") * 4
    done = finish_window(original, ANSWER, MASK)
    assert same_bits(done.patch, original, MASK == 0) and done.patch[done.alpha == 1].max() <= 1


def test_what_is_transparent_is_no_surrounding() -> None:
    """Models are shown nothing there, and draw anything."""
    original, answer = np.dstack([ORIGINAL, np.full_like(ORIGINAL[..., 0], 255)]), ANSWER.copy()
    original[:, :100, 3] = 0
    answer[:, :100] = np.random.default_rng(0).integers(0, 256, answer[:, :100].shape)
    done = finish_window(original, answer, MASK)
    assert psnr_db(done.patch[..., :3], ORIGINAL, (MASK > 0) & (original[..., 3] > 0)) >= 40.0
    assert np.array_equal(done.patch[..., 3], original[..., 3])
    original[..., 3] = 0
    assert not finish_window(original, ANSWER, MASK).report.aligned


def test_the_report_is_json_and_has_the_fields_of_the_contract(eight_bit: Finished) -> None:
    told = json.loads(json.dumps(asdict(eight_bit.report), allow_nan=False))
    assert {"changed_outside", "shift_px", "scale", "gain", "seam"} <= told.keys()
    assert len(told["shift_px"]) == 2 and len(told["gain"]) == 3 and told["changed_outside"] == 0


@pytest.mark.parametrize("mask", [np.zeros_like(MASK), np.full_like(MASK, np.nan)], ids=["empty", "nan"])
def test_an_empty_mask_changes_nothing(mask: np.ndarray) -> None:
    done = finish_window(ORIGINAL, ANSWER, mask)
    assert np.array_equal(done.patch, ORIGINAL) and not done.alpha.any() and done.report.seam == 0.0


def test_arrays_may_lie_in_memory_as_they_like(eight_bit: Finished) -> None:
    arrays = [np.asfortranarray(a) for a in (ORIGINAL, ANSWER, MASK.astype(np.float64))]
    for array in arrays:
        array.setflags(write=False)
    assert np.array_equal(finish_window(*arrays).patch, eight_bit.patch)
    assert np.array_equal(finish_window(ORIGINAL, ANSWER, MASK > 0).patch, eight_bit.patch)


def test_place_and_feather_can_be_left_out(eight_bit: Finished) -> None:
    still = finish_window(ORIGINAL, ANSWER, MASK, drift=False).report
    assert (still.shift_px, still.scale) == ((0.0, 0.0), 1.0)
    hard = finish_window(ORIGINAL, ANSWER, MASK, feathered=False)
    assert np.array_equal(hard.alpha, MASK) and eight_bit.alpha.sum() < MASK.sum()
    assert psnr_db(hard.patch, ORIGINAL, MASK > 0) >= 40.0


@pytest.mark.parametrize(("arrays", "field"), [
    ((ORIGINAL[..., 0], ANSWER, MASK), "image"), ((ORIGINAL.astype(np.int32), ANSWER, MASK), "image"),
    ((ORIGINAL, ANSWER[1:], MASK), "answer"), ((ORIGINAL, ANSWER / 255, MASK), "answer"),
    ((ORIGINAL, ANSWER, MASK[1:]), "mask"),
])
def test_what_does_not_fit_together_is_refused(arrays: tuple[np.ndarray, ...], field: str) -> None:
    with pytest.raises(InputError) as caught:
        finish_window(*arrays)
    assert caught.value.field == field


# --- Into the picture -------------------------------------------------------------------------------------

@pytest.mark.parametrize("dtype", FULL)
@pytest.mark.parametrize(
    "at", [(60, 10), (-20, -15), (90, 50), (500, 500)], ids=["inside", "top left", "bottom right", "beside"])
@pytest.mark.parametrize("whose", ["picture", "patch"])
def test_a_patch_changes_its_mask_alone(dtype: str, at: tuple[int, int], whose: str) -> None:
    chance = np.random.default_rng(2)
    picture, patch = (chance.integers(0, 255, (*size, 4)).astype(dtype) for size in ((90, 120), (60, 60)))
    x, y = at
    mask = np.where(chance.random((90, 120) if whose == "picture" else (60, 60)) < 0.5, 0.5, 0).astype(np.float32)
    whole, changed = paste_window(picture, patch, mask, x, y)
    wanted = picture.copy()
    for row in range(max(y, 0), min(y + 60, 90)):
        for column in range(max(x, 0), min(x + 60, 120)):
            if (mask[row, column] if whose == "picture" else mask[row - y, column - x]) > 0:
                wanted[row, column] = patch[row - y, column - x]
    assert changed == 0 and whole.dtype == picture.dtype and whole.tobytes() == wanted.tobytes()


def test_a_patch_of_another_kind_is_refused() -> None:
    picture, mask = np.zeros((9, 9, 3), np.uint8), np.ones((9, 9), np.float32)
    for patch, area, field in (
        (np.zeros((9, 9, 4), np.uint8), mask, "image"), (np.zeros((9, 9, 3), np.uint16), mask, "image"),
        (np.zeros((4, 4, 3), np.uint8), mask[:5], "mask"),
    ):
        with pytest.raises(InputError) as caught:
            paste_window(picture, patch, area, 0, 0)
        assert caught.value.field == field
