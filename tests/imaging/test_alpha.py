# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Subjects cut out of flat backgrounds, against composites whose alpha is known because it made them."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from gptimage_addon.core.errors import InputError
from gptimage_addon.imaging.alpha import cropped, cut_out, has_transparency, visible_box
from gptimage_addon.worker.practice_pictures import make_picture

SIDE = 512
MAGENTA, GREEN, BLUE = (255, 0, 255), (0, 255, 0), (0, 0, 255)


def shapes(soft_px: float) -> np.ndarray:
    """float32 (h, w): a ring, a triangle, lettering, and lines from half a pixel wide, drawn large by Pillow and reduced."""
    unit = SIDE * 4 / 1000
    drawn = Image.new("L", (SIDE * 4, SIDE * 4))
    draw = ImageDraw.Draw(drawn)
    draw.ellipse([each * unit for each in (150, 200, 600, 650)], fill=255)
    draw.ellipse([each * unit for each in (280, 330, 430, 480)], fill=0)
    draw.polygon([(each[0] * unit, each[1] * unit) for each in ((150, 900), (400, 680), (560, 900))], fill=255)
    for line in range(12):
        draw.line([(620 * unit, (200 + line * 50) * unit), (900 * unit, (240 + line * 50) * unit)], fill=255, width=2 + 2 * line)
    draw.text((100 * unit, 80 * unit), "No Parking 42", font=ImageFont.load_default(90 * unit), fill=255)
    small = drawn.resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(small.filter(ImageFilter.GaussianBlur(soft_px)) if soft_px else small, np.float32) / 255


def composite(words: str, background: tuple[int, int, int], soft_px: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(uint8 picture, its subject's colors, its alpha): the background grainy, and darker toward the corners, as models draw it."""
    subject = make_picture(f"A flat texture map of {words}. Seen straight on", SIDE, SIDE, 3).astype(np.float32)
    alpha = shapes(soft_px)[..., None]
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE - 0.5
    flat = np.array(background, np.float32) * (1 - 0.05 * (x ** 2 + y ** 2))[..., None]
    grain = np.random.default_rng(5).normal(0, 1.5, (SIDE, SIDE, 1))
    return np.clip(alpha * subject + (1 - alpha) * flat + grain + 0.5, 0, 255).astype(np.uint8), subject, alpha


# Mean error of alpha where an edge is, and levels that the edge is off on black and on white.
@pytest.mark.parametrize(("words", "background", "soft_px", "alpha_bar", "halo_bar"), [
    ("gray concrete", MAGENTA, 0.0, 0.025, 4), ("gray concrete", GREEN, 1.0, 0.02, 4), ("gray concrete", GREEN, 8.0, 0.025, 5),
    ("weathered red brick", MAGENTA, 1.0, 0.03, 5), ("weathered red brick", MAGENTA, 8.0, 0.03, 6), ("oak planks", MAGENTA, 1.0, 0.05, 9),
    ("blue tiles", MAGENTA, 1.0, 0.045, 8), ("moss", MAGENTA, 1.0, 0.06, 10), ("moss", BLUE, 1.0, 0.06, 10),
])
def test_alpha_and_colors_are_those_of_the_composite(
    words: str, background: tuple[int, int, int], soft_px: float, alpha_bar: float, halo_bar: float,
) -> None:
    picture, subject, alpha = composite(words, background, soft_px)
    cut = cut_out(picture)
    assert cut.rgba.dtype == np.uint8 and cut.rgba.shape == (SIDE, SIDE, 4)
    found, edge = cut.rgba[..., 3:].astype(np.float32) / 255, ((alpha > 0) & (alpha < 1))[..., 0]
    assert abs(found - alpha)[edge].mean() < alpha_bar
    assert abs(found - alpha)[alpha == 0].mean() < 1e-3 and abs(found - alpha)[alpha == 1].mean() < 2e-3
    for behind in (0.0, 255.0):
        true = subject * alpha + (1 - alpha) * behind
        halo = abs(cut.rgba[..., :3] * found + (1 - found) * behind - true)[edge].mean()
        as_it_came = abs(picture - true)[edge].mean()
        assert halo < halo_bar < as_it_came / 3, (halo, as_it_came)


def test_nothing_of_the_background_is_left_in_the_colors() -> None:
    """Also where it is transparent: filtering mixes those colors in."""
    picture, _, alpha = composite("gray concrete", MAGENTA, 1.0)
    rgb = cut_out(picture).rgba[..., :3].astype(np.float32)
    key = np.minimum(rgb[..., 0], rgb[..., 2]) - rgb[..., 1]
    before = np.minimum(picture[..., 0], picture[..., 2]).astype(np.float32) - picture[..., 1]
    assert np.percentile(key, 99.9) < 12 < 200 < np.percentile(before, 50)


def test_a_white_background_tells_less_and_still_leaves_nothing_around() -> None:
    picture, _, alpha = composite("gray concrete", (255, 255, 255), 1.0)
    found = cut_out(picture).rgba[..., 3:] / 255
    assert abs(found - alpha)[alpha == 0].mean() < 2e-3 and abs(found - alpha)[alpha == 1].mean() < 0.01


def test_a_picture_without_a_flat_background_is_refused() -> None:
    with pytest.raises(InputError) as refused:
        cut_out(make_picture("a lighthouse at dusk", SIDE, SIDE, 1))
    assert refused.value.field == "background" and refused.value.hint


def test_the_crop_holds_all_that_is_seen_and_a_clear_margin() -> None:
    rgba = np.zeros((200, 300, 4), np.uint8)
    rgba[50:120, 61:200] = (10, 20, 30, 255)
    rgba[49, 61:200, 3] = rgba[50:120, 60, 3] = 40              # soft
    rgba[5, 290, 3] = 255                                       # a stray pixel
    assert visible_box(rgba) == (60, 49, 200, 120)
    out = cropped(rgba, visible_box(rgba))
    assert out.shape == (71 + 4, 140 + 4, 4)
    assert np.array_equal(out[2:-2, 2:-2], rgba[49:120, 60:200])
    assert not out[:2, :, 3].any() and not out[-2:, :, 3].any() and not out[:, :2, 3].any() and not out[:, -2:, 3].any()
    assert (out[-2:, 3:-2, :3] == (10, 20, 30)).all()           # what is clear has the color beside it
    with pytest.raises(InputError, match="transparent all over"):
        visible_box(rgba * np.uint8(0))


def test_transparency_is_told_by_what_shows_through() -> None:
    rgba = np.full((8, 8, 4), 255, np.uint8)
    assert not has_transparency(rgba) and not has_transparency(rgba[..., :3])
    rgba[0, 0, 3] = 250                 # a model's noise
    assert not has_transparency(rgba)
    rgba[0, 0, 3] = 0
    assert has_transparency(rgba)
