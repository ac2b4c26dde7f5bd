# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The practice pictures: the same for the same words, different for different ones, and drifting when edited."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from gptimage_addon.core.prompts import MAP_VALUES, map_prompt, reference_prompt, texture_prompt, vary_texture_prompt
from gptimage_addon.imaging.asked_maps import register_map
from gptimage_addon.worker.practice_pictures import encode_picture, make_picture, redraw
from gptimage_addon.worker.practice_surfaces import SURFACES

SIZE = (512, 384)


def texture(words: str, seed: int = 0, size: tuple[int, int] = SIZE) -> np.ndarray:
    return make_picture(texture_prompt(words), *size, seed)


def mean(picture: np.ndarray) -> np.ndarray:
    return picture[:, :, :3].reshape(-1, 3).mean(axis=0)


def test_same_words_size_and_seed_give_the_same_picture() -> None:
    assert np.array_equal(texture("red brick"), texture("red brick"))
    assert not np.array_equal(texture("red brick"), texture("red brick", seed=1))
    assert not np.array_equal(texture("red brick"), texture("red bricks, old"))


@pytest.mark.parametrize("word", sorted({drawer: word for word, drawer in SURFACES.items()}.values()))
@pytest.mark.parametrize("size", [(320, 200), (200, 600)])
def test_every_surface_fills_the_frame_with_detail(word: str, size: tuple[int, int]) -> None:
    picture = texture(word, size=size)
    assert picture.shape == (size[1], size[0], 3) and picture.dtype == np.uint8
    thirds = [part.std() for row in np.array_split(picture, 3) for part in np.array_split(row, 3, axis=1)]
    assert min(thirds) > 1.0
    assert 20 < mean(picture).mean() < 245


def test_color_words_color() -> None:
    red, blue = mean(texture("red brick")), mean(texture("blue brick"))
    assert red[0] - red[2] > 40 and blue[2] - blue[0] > 5
    assert mean(texture("black leather")).mean() < 70 < 180 < mean(texture("white marble")).mean()


def test_the_words_of_the_template_do_not_color_or_light() -> None:
    """It speaks of light, shadow and background; only the artist's words count."""
    assert np.array_equal(texture("oak planks"), make_picture("oak planks", *SIZE, 0))
    with_roles = texture_prompt("Oak Planks", roles=("style", ""))
    assert np.array_equal(make_picture(with_roles, *SIZE, 0), texture("oak planks"))


def test_brick_has_courses_of_mortar() -> None:
    gray = texture("red brick", size=(1024, 1024)).astype(np.float32)
    redness = (gray[:, :, 0] - gray[:, :, 2]).mean(axis=1)               # mortar is less red than brick
    spectrum = np.abs(np.fft.rfft(redness - redness.mean()))
    courses = int(spectrum[:40].argmax())
    assert 10 <= courses <= 18
    assert spectrum[courses] > 4 * np.median(spectrum[1:40])


@pytest.mark.parametrize("adjective", ["weathered", "mossy", "wet", "cracked", "rusty", "snowy", "dark"])
def test_adjectives_change_the_picture(adjective: str) -> None:
    plain, changed = (make_picture(texture_prompt(w), *SIZE, 3) for w in ("stone", f"{adjective} stone"))
    assert plain.shape == changed.shape
    darker = {"wet", "dark"}
    if adjective in darker:
        assert mean(changed).mean() < mean(plain).mean() - 8
    if adjective == "mossy":
        assert mean(changed)[1] - mean(changed)[2] > mean(plain)[1] - mean(plain)[2] + 8


def test_unknown_words_make_a_surface_in_the_template_and_a_scene_outside() -> None:
    surface, scene = texture("zorgon"), make_picture(reference_prompt("a zorgon"), *SIZE, 0)
    rows = [picture.astype(np.float32).mean(axis=1) for picture in (surface, scene)]
    sky, ground = rows[1][:60].mean(axis=0), rows[1][-30:].mean(axis=0)
    assert sky[2] > ground[2] + 40                                        # a scene has its light above
    assert mean(texture("gloop")).tolist() != mean(texture("zorgon")).tolist()


@pytest.mark.parametrize("words", [
    "a lighthouse at dusk", "a robot character", "a wooden house by a lake", "a tree at night",
])
def test_scenes_at_any_shape(words: str) -> None:
    for size in ((640, 256), (256, 640)):
        assert make_picture(words, *size, 0).shape == (size[1], size[0], 3)


def test_pictures_above_the_drawing_limit_have_their_size() -> None:
    assert make_picture("clouds", 3840, 2160, 0).shape == (2160, 3840, 3)


def test_transparent_pictures_have_a_cut_out() -> None:
    picture = make_picture(texture_prompt("moss"), *SIZE, 0, transparent=True)
    alpha = picture[:, :, 3]
    assert picture.shape == (384, 512, 4) and alpha[192, 256] == 255
    assert not alpha[0].any() and not alpha[:, 0].any() and 0.2 < (alpha > 127).mean() < 0.8


# --- Edits ------------------------------------------------------------------------------------------------

def scene() -> np.ndarray:
    return make_picture("weathered stone", 640, 512, 0)


def test_an_edit_redraws_everything_and_puts_the_content_inside_the_mask() -> None:
    picture = scene()
    alpha = np.full((512, 640), 255, np.uint8)
    alpha[150:350, 200:450] = 0
    drawn = redraw(picture, texture_prompt("red brick"), alpha, 7)
    assert drawn.shape == picture.shape and drawn.dtype == np.uint8
    inside, outside = drawn[180:320, 230:420], drawn[:120]
    assert mean(inside)[0] - mean(inside)[2] > 40
    assert abs(mean(outside)[0] - mean(outside)[2]) < 25
    assert not np.array_equal(drawn[:100], picture[:100])                  # drifted, as real models drift
    assert np.array_equal(drawn, redraw(picture, texture_prompt("red brick"), alpha, 7))


@pytest.mark.parametrize("seed", range(8))
def test_the_drift_is_small(seed: int) -> None:
    """Measured by phase correlation: a few pixels, a few percent."""
    picture = scene()
    drawn = redraw(picture, "grass", np.full((512, 640), 255, np.uint8), seed)
    assert 0.93 < mean(drawn).mean() / mean(picture).mean() < 1.07
    middle = (slice(192, 320), slice(256, 384))
    a, b = (np.fft.fft2(p[middle].mean(axis=2) - p[middle].mean()) for p in (picture, drawn))
    peak = np.fft.ifft2(a * np.conj(b) / (np.abs(a * b) + 1e-6)).real
    shift = [(int(i) + 64) % 128 - 64 for i in np.unravel_index(peak.argmax(), peak.shape)]
    assert max(map(abs, shift)) <= 5
    assert not np.array_equal(drawn, picture)


def test_removal_fills_from_the_surroundings() -> None:
    picture = np.full((300, 400, 3), (90, 140, 200), np.uint8)
    picture[100:200, 150:250] = (250, 20, 20)
    alpha = np.full((300, 400), 255, np.uint8)
    alpha[80:220, 130:270] = 0
    drawn = redraw(picture, "Remove the red box", alpha, 0)
    assert np.abs(mean(drawn[110:190, 160:240]) - (90, 140, 200)).max() < 16


def test_an_edit_without_mask_blends_and_resizes() -> None:
    picture = np.full((300, 300, 3), 128, np.uint8)
    drawn = redraw(picture, texture_prompt("red brick"), None, 0, size=(480, 320))
    assert drawn.shape == (320, 480, 3)
    assert 15 < mean(drawn)[0] - mean(drawn)[2] < 90
    assert redraw(np.dstack((picture, picture[:, :, :1])), "x", None, 0, transparent=True).shape == (300, 300, 4)


def test_a_variation_is_the_same_surface_changed_as_the_words_say() -> None:
    picture = texture("red stone")

    def alike(other: np.ndarray) -> float:
        small = [np.asarray(Image.fromarray(part).convert("L").resize((64, 48))).ravel() for part in (picture, other)]
        return float(np.corrcoef(*small)[0, 1])

    worn, blue = (redraw(picture, vary_texture_prompt(words), None, 0) for words in ("more worn and dirty", "blue instead of red"))
    assert alike(worn) > 0.55 and alike(blue) > 0.55 and alike(texture("red stone", seed=5)) < 0.45
    assert np.abs(mean(worn) - mean(picture)).max() > 5
    assert mean(picture)[0] > mean(picture)[2] + 20 and mean(blue)[2] > mean(blue)[0]


@pytest.mark.parametrize("kind", sorted(MAP_VALUES))
def test_a_map_is_gray_and_shows_the_surface_a_little_moved(kind: str) -> None:
    picture = texture("red brick", size=(640, 640))
    drawn = redraw(picture, map_prompt(f"{kind}: red brick"), None, 0)
    assert drawn.shape == picture.shape
    if kind in ("metallic", "emission"):                # no metal, nothing that glows
        assert np.percentile(drawn, 99) < 30 and redraw(picture, map_prompt("metallic: steel plate"), None, 0).mean() > 200
        return
    assert np.array_equal(drawn[..., 0], drawn[..., 1]) and np.ptp(drawn) > 60
    found = register_map(picture, drawn)
    assert found.aligned and max(map(abs, found.shift_px)) <= 4.6 and abs(found.scale - 1) <= 0.016
    assert max(map(abs, found.shift_px)) > 0.5 or abs(found.scale - 1) > 0.001


# --- Files ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("output_format", "found"), [("png", "PNG"), ("jpeg", "JPEG"), ("webp", "WEBP")])
@pytest.mark.parametrize("channels", [3, 4])
def test_encoding(output_format: str, found: str, channels: int) -> None:
    picture = make_picture("water", 200, 100, 0, transparent=channels == 4)
    data = encode_picture(picture, output_format, None if output_format == "png" else 90)
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == found and image.size == (200, 100)
        assert len(image.getbands()) == (3 if output_format == "jpeg" else channels)
        back = np.asarray(image.convert("RGB"), np.float32)
    if output_format == "png":
        assert np.array_equal(back, picture[:, :, :3])
    else:
        assert np.abs(back - picture[:, :, :3])[40:60, 80:120].mean() < 12
