# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bars for seamless pictures, on photographs that do not tile; and the score by closed forms.

What is measured here is measured by numpy and scipy alone, never by `wrap_score`. Detail is what is left of a picture
without its Gaussian blur of 1.5 px; the healed band is all within 10 % of the side from the wrap line, where the seams
may lie. Photographs differ from place to place: the band must keep 95 % of what the rest has or of what the source had in
the same band, whichever is less; and for things, the least step is 0.85 of the source's own near its edges.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import pytest
from scipy import ndimage
from skimage.feature import match_template
from tests.support.drift import photograph

from gptimage_addon.core.errors import InputError
from gptimage_addon.imaging.map_checks import check_tiling
from gptimage_addon.imaging.tile import cross_mask, make_seamless, rolled, unrolled, wrap_score

TEXTURES = ("brick", "grass", "gravel")
THINGS = ("coffee", "astronaut", "chelsea", "rocket", "retina", "immunohistochemistry")
# Nothing was tuned by these. The picture of the moon has each pixel four times: its steps are nothing or twice the usual one,
# so the bar on steps means something only when one of four is taken.
HELD_OUT = ("camera", "coins", "hubble_deep_field", "moon", "motorcycle")
PHOTOGRAPHS = TEXTURES + THINGS + HELD_OUT


def _photograph(name: str) -> np.ndarray:
    return np.ascontiguousarray(photograph(name, 512)[::2, ::2]) if name == "moon" else photograph(name, 512)


def _lines(picture: np.ndarray, axis: str) -> np.ndarray:
    """float64, the axis second."""
    levels = picture.astype(np.float64)
    return levels if axis == "x" else levels.swapaxes(0, 1)


def _steps(picture: np.ndarray, axis: str) -> np.ndarray:
    """Mean absolute steps along the axis; the last is the one across the wrap line."""
    lines = _lines(picture, axis)
    return abs(np.roll(lines, -1, 1) - lines).mean((0, 2))


def _step_ratio(picture: np.ndarray, axis: str) -> float:
    steps = _steps(picture, axis)
    return float(steps[-1] / steps[:-1].mean())


def _band_and_rest(picture: np.ndarray, axis: str, mode: str) -> tuple[float, float]:
    """Mean high-pass energy within 10 % of the side from the wrap line, and elsewhere."""
    levels = _lines(picture, axis)
    energy = np.square(levels - ndimage.gaussian_filter(levels, (1.5, 1.5, 0), mode=mode)).mean((0, 2))
    near = round(0.1 * len(energy))
    return float(np.concatenate((energy[:near], energy[-near:])).mean()), float(energy[near:-near].mean())


def _ramp(height: int, width: int, top: float) -> np.ndarray:
    return np.broadcast_to(np.linspace(0, top, width, dtype=np.float32)[None, :, None], (height, width, 3)).copy()


def _tile(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Gray noise that tiles: float64 around 0, features of some pixels."""
    noise = np.random.default_rng(seed).normal(size=(height, width, 3))
    noise = ndimage.gaussian_filter(noise, (1.5, 1.5, 0), mode="wrap") - ndimage.gaussian_filter(noise, (8, 8, 0), mode="wrap")
    return noise / noise.std()


# --- Photographs ------------------------------------------------------------------------------------------

@pytest.fixture(scope="module", params=PHOTOGRAPHS)
def pair(request: pytest.FixtureRequest) -> tuple[str, np.ndarray, np.ndarray]:
    source = _photograph(request.param)
    return request.param, source, make_seamless(source, "xy")


@pytest.mark.parametrize("axis", ["x", "y"])
def test_a_photograph_steps_across_the_wrap_as_it_does_inside(
    pair: tuple[str, np.ndarray, np.ndarray], axis: str,
) -> None:
    name, source, made = pair
    assert _step_ratio(source, axis) > 1.3          # or it would prove nothing
    steps = _steps(source, axis)[:-1]
    near = round(0.1 * len(steps))
    own = np.concatenate((steps[:near], steps[-near:])).mean() / steps.mean()
    assert (0.9 if name in TEXTURES else 0.85 * min(1.0, own)) <= _step_ratio(made, axis) <= 1.05


@pytest.mark.parametrize("axis", ["x", "y"])
def test_the_healed_band_is_as_rich_in_detail_as_the_rest(
    pair: tuple[str, np.ndarray, np.ndarray], axis: str,
) -> None:
    _, source, made = pair
    band, rest = _band_and_rest(made, axis, "wrap")
    before, _ = _band_and_rest(source, axis, "mirror")
    assert band >= 0.95 * min(rest, before)


def test_the_mean_color_stays(pair: tuple[str, np.ndarray, np.ndarray]) -> None:
    _, source, made = pair
    assert abs(made.mean((0, 1)) - source.mean((0, 1))).max() <= 1.0


def test_the_inner_part_is_not_touched(pair: tuple[str, np.ndarray, np.ndarray]) -> None:
    _, source, made = pair
    height, width = source.shape[:2]
    inner = (slice(height // 7, -(height // 7)), slice(width // 7, -(width // 7)))
    assert np.array_equal(made[inner], source[inner])


@pytest.mark.parametrize("name", ["grass", "gravel"])
def test_nothing_is_seen_double(name: str) -> None:
    """Windows around the wrap lines are found in the source as they are. A mix of two contents is found nowhere."""
    source = _photograph(name)
    made = make_seamless(source, "xy")

    def found(picture: np.ndarray) -> list[float]:
        middle = np.roll(picture[..., 0], (256, 256), (0, 1)).astype(np.float64)
        places = [(row, column) for row in range(40, 440, 40) for column in (248,)] + [(248, c) for c in range(40, 440, 40)]
        return [float(match_template(source[..., 0].astype(np.float64), middle[r:r + 12, c:c + 12]).max()) for r, c in places]

    faded = source.astype(np.float64)
    for axis in (0, 1):
        share = np.clip(1 - abs(np.arange(512) + 0.5 - 256) / 256 * 5, 0, 1)        # of the other copy, at the middle
        share = np.roll(share, 256).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        faded = faded * (1 - share / 2) + np.roll(faded, 256, axis) * share / 2
    assert np.median(found(made)) > 0.98
    assert np.mean(np.array(found(made)) > 0.9) >= 0.8
    assert np.median(found(faded)) < 0.9


# --- Axes, sizes, types -----------------------------------------------------------------------------------

@pytest.mark.parametrize(("axis", "other"), [("x", "y"), ("y", "x")])
def test_one_axis_is_made_to_meet_and_the_other_left(axis: str, other: str) -> None:
    source = _photograph("gravel")
    made = make_seamless(source, axis)
    assert 0.9 <= _step_ratio(made, axis) <= 1.05
    assert _step_ratio(made, other) > 0.8 * _step_ratio(source, other)
    lines, before = (picture if axis == "x" else picture.swapaxes(0, 1) for picture in (made, source))
    assert np.array_equal(lines[:, 75:-75], before[:, 75:-75])


@pytest.mark.parametrize("size", [(64, 64), (65, 99), (401, 233), (96, 384), (511, 509), (64, 200)])
def test_small_odd_and_long_pictures_meet(size: tuple[int, int]) -> None:
    source = np.ascontiguousarray(_photograph("gravel")[:size[0], :size[1]])
    made = make_seamless(source, "xy")
    assert made.shape == source.shape and made.dtype == source.dtype
    for axis in "xy":
        assert 0.8 <= _step_ratio(made, axis) <= 1.15
    assert abs(made.mean((0, 1)) - source.mean((0, 1))).max() <= 1.0


def test_alpha_wraps_as_colors_do() -> None:
    source = _photograph("grass")                   # transparent where it is dark, as leaves are cut out
    soft = ndimage.gaussian_filter(source[..., :1].astype(float), (1, 1, 0))
    alpha = np.clip(4 * (soft - 100), 0, 255).astype(np.uint8)
    made = make_seamless(np.concatenate((source, alpha), 2), "xy")
    for axis in "xy":
        assert _step_ratio(np.concatenate((source, alpha), 2)[..., 3:], axis) > 1.5
        assert 0.9 <= _step_ratio(made[..., 3:], axis) <= 1.1
    assert abs(made.mean((0, 1))[3] - alpha.mean()) <= 1.0


@pytest.mark.parametrize("kind", [np.uint16, np.float32])
def test_other_types_come_out_as_8_bits_do(kind: type) -> None:
    source = _photograph("grass")
    full = 65535 if kind is np.uint16 else np.float32(1)
    made = make_seamless((source.astype(np.float64) / 255 * full).astype(kind), "xy")
    assert made.dtype == kind
    assert abs(made.astype(np.float64) / float(full) * 255 - make_seamless(source, "xy")).mean() < 0.5
    for axis in "xy":
        assert 0.9 <= _step_ratio(made, axis) <= 1.05


def test_float_pictures_are_not_clipped() -> None:
    source = _photograph("gravel").astype(np.float32) / 255 * 3 - 0.5
    made = make_seamless(source, "xy")
    assert made.max() > 1.2 and made.min() < -0.1


def test_the_picture_given_stays_as_it_was_and_the_result_is_the_same_again() -> None:
    source = _photograph("brick")
    before = source.copy()
    made = make_seamless(source, "xy", level=0.5)
    assert np.array_equal(source, before)
    assert np.array_equal(made, make_seamless(source, "xy", level=0.5))


def test_a_picture_that_tiles_is_left_alone() -> None:
    source = np.clip(128 + 30 * _tile(256, 320), 0, 255).astype(np.uint8)
    assert np.array_equal(make_seamless(source, "xy"), source)
    made = make_seamless(_photograph("grass"), "xy")
    again = make_seamless(made, "xy")
    assert np.mean(again != made) < 0.01


def test_a_step_that_only_slow_colors_make_is_healed() -> None:
    """Strong noise hides it from the steps of single pixels, and from nobody's eyes."""
    noise = np.random.default_rng(3).normal(size=(256, 256, 3)) * 20
    source = np.clip(90 + noise + _ramp(256, 256, 40), 0, 255).astype(np.uint8)
    made = make_seamless(source, "x").astype(float)
    sides = [made[:, part].mean() for part in (slice(None, 6), slice(-6, None))]
    assert abs(source[:, :6].mean() - source[:, -6:].mean()) > 35
    assert abs(sides[0] - sides[1]) < 8


def test_where_only_slow_colors_step_no_content_is_replaced() -> None:
    rng = np.random.default_rng(8)
    ramp = _ramp(300, 340, 40) + _ramp(340, 300, 30).swapaxes(0, 1)
    source = np.rint(90 + ramp + rng.normal(size=(300, 340, 3)) * 5).astype(np.uint8)
    made = make_seamless(source, "xy").astype(np.float64)
    changed = made - source
    high = changed - ndimage.gaussian_filter(changed, (3, 3, 0), mode="wrap")
    inner = (slice(8, -8), slice(8, -8))                   # at the wrap lines the change itself has its step
    assert abs(high[inner]).max() < 2.5
    for axis in "xy":
        assert _step_ratio(source, axis) > 5
        assert 0.9 <= _step_ratio(made, axis) <= 1.1


def test_smooth_ends_that_differ_are_healed_whatever_the_middle_is_like() -> None:
    """Strong edges inside do not make one at the wrap line usual."""
    place = np.linspace(-4, 4, 400)[None, :, None]
    fade = np.clip(3.2 - abs(place), 0, 1) * (1 + np.sin(8 * place))
    noise = ndimage.gaussian_filter(np.random.default_rng(6).normal(size=(320, 400, 3)), (2, 2, 0)) * 150
    source = np.clip(110 + _ramp(320, 400, 12) + fade * noise, 0, 255).astype(np.uint8)
    made = make_seamless(source, "x")
    assert abs(source[:, 0].astype(float) - source[:, -1]).mean() > 10
    assert abs(made[:, 0].astype(float) - made[:, -1]).mean() < 1.5


def test_a_constant_picture_stays() -> None:
    source = np.full((80, 90, 3), 77, np.uint8)
    assert np.array_equal(make_seamless(source, "xy", level=1.0), source)


# --- Leveling ---------------------------------------------------------------------------------------------

def _gradient(height: int, width: int) -> np.ndarray:
    """Levels, different in each channel, mean 0: a tilt, a dome and a twist."""
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    field = np.stack((24 * x, 18 * y - 9 * x, 15 * (1 - x * x - y * y) + 8 * x * y), 2)
    return field - field.mean((0, 1))


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_leveling_takes_out_that_share_of_a_known_gradient(level: float) -> None:
    detail = 120 + 12 * _tile(300, 360)
    gradient = _gradient(300, 360)
    source = np.rint(detail + gradient).astype(np.uint8)
    made = make_seamless(source, "xy", level=level).astype(np.float64)
    inner = (slice(60, -60), slice(60, -60))
    left = made[inner] - detail[inner]
    assert np.sqrt(np.mean(np.square(left - (1 - level) * gradient[inner]))) < 1.0
    assert abs(made.mean((0, 1)) - source.mean((0, 1))).max() <= 1.0


def test_leveling_leaves_the_detail() -> None:
    detail = 120 + 12 * _tile(300, 360)
    source = np.rint(detail + _gradient(300, 360)).astype(np.uint8)
    inner = (slice(60, -60), slice(60, -60))
    high, before = (
        (image - ndimage.gaussian_filter(image, (2, 2, 0)))[inner]
        for image in (make_seamless(source, "xy", level=1.0).astype(np.float64), source.astype(np.float64)))
    assert np.corrcoef(high.ravel(), before.ravel())[0, 1] > 0.998
    assert high.std() == pytest.approx(before.std(), rel=0.005)


def test_leveling_one_axis_keeps_the_gradient_along_the_other() -> None:
    source = np.rint(110 + 8 * _tile(200, 300) + _ramp(200, 300, 40) + _ramp(300, 200, 50).swapaxes(0, 1)).astype(np.uint8)
    made = make_seamless(source, "x", level=1.0).astype(np.float64)
    assert abs(made[:, 60:80].mean() - made[:, -80:-60].mean()) < 2.0
    assert made[-10:].mean() - made[:10].mean() == pytest.approx(source[-10:].mean() - source[:10].mean(), abs=1.5)


def test_leveling_a_picture_that_tiles_lets_it_tile() -> None:
    wave = 20 * np.sin(2 * np.pi * (np.arange(320) + 0.5) / 320)[None, :, None]
    source = np.rint(128 + 10 * _tile(256, 320) + wave).astype(np.uint8)
    made = make_seamless(source, "xy", level=1.0)
    assert abs(made.astype(float) - (source - wave)).max() < 2.0
    for axis in "xy":
        assert _step_ratio(made, axis) == pytest.approx(1.0, abs=0.1)


# --- Unusable input ---------------------------------------------------------------------------------------

@pytest.mark.parametrize(("change", "field"), [
    (lambda p: make_seamless(p[:63], "xy"), "picture"),
    (lambda p: make_seamless(p[:, :63], "y"), "picture"),
    (lambda p: make_seamless(p[..., 0], "xy"), "picture"),
    (lambda p: make_seamless(p[..., :2], "xy"), "picture"),
    (lambda p: make_seamless(p.astype(np.float64), "xy"), "picture"),
    (lambda p: make_seamless(np.full((64, 64, 3), np.nan, np.float32), "xy"), "picture"),
    (lambda p: make_seamless(p, "z"), "axes"),
    (lambda p: make_seamless(p, ""), "axes"),
    (lambda p: make_seamless(p, "xy", level=1.5), "level"),
    (lambda p: make_seamless(p, "xy", level=float("nan")), "level"),
    (lambda p: wrap_score(p[:20]), "picture"),
    (lambda p: wrap_score(p, "yx"), "axes"),
    (lambda p: rolled(p, "w"), "axes"),
    (lambda p: cross_mask(64, 64, "xy", 0.0), "share"),
])
def test_unusable_input_names_its_field(change: Callable[[np.ndarray], object], field: str) -> None:
    with pytest.raises(InputError) as error:
        change(np.zeros((64, 64, 3), np.uint8))
    assert error.value.field == field and error.value.hint and not error.value.message.endswith(".")


# --- The score --------------------------------------------------------------------------------------------

def _waves(phase: float) -> np.ndarray:
    """float32: 8 waves down and 6 across, the wrap lines at that phase of both."""
    turn = 2 * np.pi * (np.arange(480) + 0.5)[:, None, None] / 480
    wave = 0.5 + 0.2 * np.sin(8 * turn + phase) + 0.2 * np.sin(6 * turn.swapaxes(0, 1) + phase)
    return np.repeat(wave, 3, 2).astype(np.float32)


def test_a_periodic_sine_scores_as_perfect() -> None:
    """The mean of a sine's steps is 2/pi of its steepest one: there the wrap lines are put."""
    score = wrap_score(_waves(float(np.arccos(2 / np.pi))))
    assert score.step_x == pytest.approx(1.0, abs=0.02) and score.step_y == pytest.approx(1.0, abs=0.02)
    assert score.gradient < 1.0 and score.repetition == pytest.approx(1.0, abs=0.02)
    assert wrap_score(_waves(0.0)).step_x == pytest.approx(np.pi / 2, rel=0.02)


def test_noise_that_tiles_scores_as_perfect() -> None:
    noise = np.clip(128 + 30 * _tile(512, 512), 0, 255).astype(np.uint8)
    score = wrap_score(noise)
    assert score.score > 95
    assert score.step_x == pytest.approx(1.0, abs=0.1) and score.step_y == pytest.approx(1.0, abs=0.1)
    assert score.detail == pytest.approx(1.0, abs=0.1)
    assert score.gradient < 4 and score.repetition < 0.1


def test_a_ramp_scores_as_the_worst() -> None:
    score = wrap_score(_ramp(128, 256, 1.0), "x")
    assert score.step_x == pytest.approx(255, rel=1e-3)
    assert score.gradient == pytest.approx(255, rel=0.01)
    assert score.step_y == 1.0                     # nothing steps along y, nor across its wrap
    assert score.score == 0


def test_repetition_is_found() -> None:
    single = _tile(64, 128)
    repeated = np.clip(128 + 25 * np.tile(single, (4, 2, 1)), 0, 255).astype(np.uint8)
    assert wrap_score(repeated).repetition > 0.99
    half = np.clip(128 + 25 * (np.tile(single, (4, 2, 1)) + _tile(256, 256, 5)), 0, 255).astype(np.uint8)
    assert wrap_score(half).repetition == pytest.approx(0.5, abs=0.05)


def test_a_blurred_band_is_told_by_the_detail() -> None:
    noise = 128 + 25 * _tile(256, 256)
    blurred = ndimage.gaussian_filter(noise, (3, 3, 0), mode="wrap")
    noise[:, :13], noise[:, -13:] = blurred[:, :13], blurred[:, -13:]
    score = wrap_score(noise.astype(np.uint8), "x")
    assert score.detail < 0.2 and score.step_x < 0.6
    assert score.score < 20
    assert wrap_score(noise.astype(np.uint8), "y").detail > 0.9


def test_the_score_agrees_with_the_steps_measured_here() -> None:
    for name in ("brick", "rocket"):
        source = _photograph(name)
        score = wrap_score(source)
        assert score.step_x == pytest.approx(_step_ratio(source, "x"), rel=1e-4)
        assert score.step_y == pytest.approx(_step_ratio(source, "y"), rel=1e-4)


@pytest.mark.parametrize("name", TEXTURES)
def test_made_seamless_a_texture_scores_far_better(name: str) -> None:
    source = _photograph(name)
    assert wrap_score(source).score < 20
    assert wrap_score(make_seamless(source, "xy", level=1.0)).score > 85


def test_what_shows_when_it_is_repeated_is_told() -> None:
    def problems(picture: np.ndarray, axes: str) -> list[str]:
        found = check_tiling(wrap_score(picture, axes or "xy"), axes)
        assert all(finding.message and not finding.message.endswith(".") for finding in found)
        return [finding.problem for finding in found]

    noise = 128 + 20 * _tile(256, 256)
    slow = noise + 30 * np.sin(2 * np.pi * np.arange(256) / 256)[None, :, None]
    blurred = noise.copy()
    soft = ndimage.gaussian_filter(noise, (1.2, 1.2, 0), mode="wrap")
    blurred[:, :13], blurred[:, -13:] = soft[:, :13], soft[:, -13:]
    assert problems(noise.astype(np.uint8), "xy") == []
    assert problems(slow.astype(np.uint8), "xy") == ["pattern"]
    assert problems(blurred.astype(np.uint8), "x") == ["blurred_seams"]
    assert "edges" in problems(_photograph("coffee"), "x") and problems(_photograph("coffee"), "") == []


def test_the_score_is_json_and_the_same_for_all_types() -> None:
    source = _photograph("coffee")
    found = json.loads(json.dumps(asdict(wrap_score(source))))
    assert set(found) == {"step_x", "step_y", "detail", "gradient", "repetition", "score"}
    other = asdict(wrap_score(source.astype(np.uint16) * 257))
    assert all(other[key] == pytest.approx(found[key], rel=1e-4) for key in found)


def test_a_constant_picture_tiles() -> None:
    score = wrap_score(np.full((64, 64, 4), 9, np.uint8))
    assert (score.step_x, score.step_y, score.detail, score.repetition) == (1.0, 1.0, 1.0, 0.0)
    assert score.score == pytest.approx(100)


# --- For a model ------------------------------------------------------------------------------------------

@pytest.mark.parametrize("axes", ["xy", "x", "y"])
@pytest.mark.parametrize("size", [(64, 80), (65, 81), (65, 80)])
def test_unrolled_is_the_exact_inverse(axes: str, size: tuple[int, int]) -> None:
    picture = np.random.default_rng(1).integers(0, 255, (*size, 4), np.uint8)
    moved = rolled(picture, axes)
    assert np.array_equal(unrolled(moved, axes), picture)
    height, width = size
    row, column = height // 2 if "y" in axes else 0, width // 2 if "x" in axes else 0
    assert np.array_equal(moved[row, column], picture[0, 0])


@pytest.mark.parametrize("size", [(300, 400), (301, 399)])
def test_the_cross_covers_the_wrap_lines_and_no_border(size: tuple[int, int]) -> None:
    height, width = size
    mask = cross_mask(height, width, "xy", 0.2)
    assert mask.dtype == np.float32 and mask.shape == size and set(np.unique(mask)) == {0, 1}
    assert not mask[[0, -1]].any() and not mask[:, [0, -1]].any()
    # The lines between the two middle pixels, but for the ends of the arms.
    assert mask[height // 2 - 1:height // 2 + 1, 10:-10].all() and mask[10:-10, width // 2 - 1:width // 2 + 1].all()
    assert mask[20].sum() == pytest.approx(0.2 * width, abs=1) and mask[:, 20].sum() == pytest.approx(0.2 * height, abs=1)


def test_an_arm_of_one_axis_reaches_both_borders() -> None:
    mask = cross_mask(100, 200, "x", 0.1)
    assert mask[:, 90:110].all() and mask.sum() == 100 * 20
    assert np.array_equal(cross_mask(200, 100, "y", 0.1), mask.T)


def test_what_is_drawn_in_the_cross_leaves_both_wraps_as_they_were() -> None:
    source = make_seamless(_photograph("gravel"), "xy")
    turned = rolled(source, "xy")
    drawn = np.where(cross_mask(*source.shape[:2], "xy")[..., None] > 0, 255 - turned, turned)
    edges = [(0, slice(None)), (-1, slice(None)), (slice(None), 0), (slice(None), -1)]
    assert all(np.array_equal(drawn[edge], turned[edge]) for edge in edges)
    assert not np.array_equal(unrolled(drawn, "xy")[0], source[0])
