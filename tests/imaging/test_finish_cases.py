# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the finish must not "correct", and surroundings that say little, nothing, or something else."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage
from tests.support.drift import Drift, blob, drifts, photograph, psnr_db, redraw, step_above_truth

from gptimage_addon.imaging.touch_up import finish_window

SIDE = 512


def core(mask: np.ndarray, px: int = 8) -> np.ndarray:
    """The mask without its rim, where the finish blends."""
    return ndimage.distance_transform_edt(mask > 0) > px


def tiled(name: str, height_px: int, width_px: int) -> np.ndarray:
    rows = photograph(name)
    return rows[np.arange(height_px) % len(rows)][:, np.arange(width_px) % rows.shape[1]]


def with_new(original: np.ndarray, mask: np.ndarray, name: str) -> np.ndarray:
    """What the artist is to get: the original with another photograph in the mask's place."""
    return np.where(mask[..., None] > 0, tiled(name, *mask.shape), original)


def detail(rgb: np.ndarray, where: np.ndarray) -> float:
    """The power of what a pixel is above its surroundings."""
    levels = rgb.astype(np.float64)
    return float(((levels - ndimage.gaussian_filter(levels, (1.5, 1.5, 0)))[where] ** 2).mean())


def unchanged_outside(patch: np.ndarray, original: np.ndarray, mask: np.ndarray) -> bool:
    return patch[mask == 0].tobytes() == original[mask == 0].tobytes()


# --- New content ------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("kind", "least_db"), [("tone", 50.0), ("shift", 42.0), ("all", 38.0), ("uneven", 32.0)])
@pytest.mark.parametrize(("name", "new"), [("astronaut", "coffee"), ("chelsea", "gravel"), ("gravel", "retina")])
def test_new_content_keeps_its_colors_its_detail_and_its_place(name: str, new: str, kind: str, least_db: float) -> None:
    original = photograph(name)
    mask = blob(*original.shape[:2], 1, 0.25)
    wanted = with_new(original, mask, new)
    answer = redraw(wanted, drifts(kind, 3)[2])
    done = finish_window(original, answer, mask)
    inner = core(mask)
    assert done.report.aligned and unchanged_outside(done.patch, original, mask)
    assert psnr_db(done.patch, wanted, inner) >= least_db
    assert done.patch[inner].mean(0) == pytest.approx(wanted[inner].mean(0), abs=1.5)
    # Noise that the model added may stay: it is not told from detail.
    least, most = detail(wanted, inner), max(detail(wanted, inner), detail(answer, inner))
    assert 0.85 * least <= detail(done.patch, inner) <= 1.15 * most


@pytest.mark.parametrize("kind", ["shift", "all", "uneven"])
def test_surroundings_that_are_drawn_anew_in_part_are_not_followed(kind: str) -> None:
    """A third of the frame shows something else; the rest still says where everything is."""
    original = photograph("coffee", SIDE)
    mask = blob(*original.shape[:2], 1, 0.1)
    wanted = with_new(original, mask, "chelsea")
    drawn = wanted.copy()
    drawn[:, :SIDE // 3] = tiled("gravel", *mask.shape)[:, :SIDE // 3]
    done = finish_window(original, redraw(drawn, drifts(kind, 2)[1]), mask)
    assert done.report.aligned
    assert psnr_db(done.patch, wanted, core(mask)) >= {"shift": 42.0, "all": 40.0, "uneven": 30.0}[kind]


@pytest.mark.parametrize("name", ["coffee", "gravel", "brick", "grass"])
def test_texture_that_is_drawn_anew_everywhere_is_neither_smoothed_nor_flattened(name: str) -> None:
    """As models redraw grass or gravel: as rough as before, but no stone is the same."""
    original = photograph(name)
    mask = blob(*original.shape[:2], 0)
    shapes = ndimage.gaussian_filter(original.astype(np.float64), (2, 2, 0))
    redrawn = np.clip(np.rint(shapes + np.roll(original - shapes, (37, 53), (0, 1))), 0, 255).astype(np.uint8)
    drift = Drift(shift_px=(2.4, -1.6), gain=(0.97, 1.02, 1.0))
    done = finish_window(original, redraw(redrawn, drift), mask)
    inner = core(mask)
    assert done.report.aligned and np.hypot(*np.subtract(done.report.shift_px, drift.shift_px)) <= 0.2
    assert done.patch[inner].mean(0) == pytest.approx(redrawn[inner].mean(0), abs=2.5)
    # What lost contrast all around may get back what the original had, and no more.
    assert (done.patch[inner].std(0) >= 0.97 * redrawn[inner].std(0)).all()
    assert (done.patch[inner].std(0) <= 1.02 * original[inner].std(0)).all()
    assert detail(done.patch, inner) >= 0.75 * detail(redrawn, inner)


# --- Little to go by --------------------------------------------------------------------------------------

@pytest.mark.parametrize(
    "half", [np.s_[:, :SIDE // 2], np.s_[SIDE // 2:], np.s_[24:-24, 24:-24]], ids=["left", "bottom", "all but a rim"])
def test_half_of_the_frame_or_more_may_be_masked(half: tuple[slice, ...]) -> None:
    original = photograph("astronaut")
    mask = np.zeros(original.shape[:2], np.float32)
    mask[half] = 1
    drift = drifts("all", 1)[0]
    done = finish_window(original, redraw(original, drift), mask)
    shown = np.zeros(mask.shape, bool)
    shown[14:-14, 14:-14] = True                # what moved out of the answer is not in it
    assert np.hypot(*np.subtract(done.report.shift_px, drift.shift_px)) <= 0.05
    assert psnr_db(done.patch, original, (mask > 0) & shown) >= 40.0
    assert unchanged_outside(done.patch, original, mask)


def test_where_the_whole_frame_is_masked_the_answer_is_taken_as_it_is() -> None:
    original, answer = photograph("coffee"), tiled("chelsea", *photograph("coffee").shape[:2])
    done = finish_window(original, answer, np.ones(original.shape[:2], np.float32))
    assert not done.report.aligned and "too little" in done.report.why
    assert np.array_equal(done.patch, answer)


def sky(noise: float) -> np.ndarray:
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    levels = np.stack([120 + 40 * y, 150 + 30 * y, 200 + 20 * y], -1)
    return np.rint(levels + np.random.default_rng(0).normal(0, noise, levels.shape)).astype(np.uint8)


@pytest.mark.parametrize("noise", [0.0, 1.5])
def test_a_flat_sky_tells_tones_but_no_shift(noise: float) -> None:
    """It knows its own levels only: the others, of what is new, come out nearer as a rule and never farther off."""
    original, mask = sky(noise), blob(SIDE, SIDE, 0)
    wanted, better_db = with_new(original, mask, "astronaut"), []
    for drift in drifts("tone", 6):
        answer = redraw(wanted, drift)
        done = finish_window(original, answer, mask)
        assert done.report.aligned and "flat" in done.report.why
        assert done.report.shift_px == (0.0, 0.0) and done.report.scale == 1.0
        better_db.append(psnr_db(done.patch, wanted, core(mask)) - psnr_db(answer, wanted, core(mask)))
    assert min(better_db) >= -0.5 and np.mean(better_db) >= 5.0


@pytest.mark.parametrize("kind", ["shift", "all", "uneven"])
@pytest.mark.parametrize("new", ["astronaut", "coffee"])
def test_one_color_around_does_not_take_the_colors_of_what_is_new(new: str, kind: str) -> None:
    """Slow stains and what has moved over the mask's edge are no reason to make everything that one color."""
    original, mask = np.full((SIDE, SIDE, 3), (120, 150, 200), np.uint8), blob(SIDE, SIDE, 0)
    wanted = with_new(original, mask, new)
    done = finish_window(original, redraw(wanted, drifts(kind, 2)[1]), mask)
    inner = core(mask)
    assert done.patch[inner].astype(np.float64).std(0) == pytest.approx(wanted[inner].astype(np.float64).std(0), rel=0.08)
    assert done.patch[inner].mean(0) == pytest.approx(wanted[inner].mean(0), abs=8.0)
    assert unchanged_outside(done.patch, original, mask)


@pytest.mark.parametrize("level", [0, 100, 128, 255])
def test_one_color_on_one_color(level: int) -> None:
    """A tone that is a little off is brought back; black or white for grey is another picture and stays."""
    original, mask = np.full((200, 300, 3), 100, np.uint8), blob(200, 300, 0)
    done = finish_window(original, np.full_like(original, level), mask)
    assert done.report.aligned == (level in (100, 128))
    assert np.all(done.patch[core(mask)] == (100 if done.report.aligned else level))


# --- Patterns and edges -----------------------------------------------------------------------------------

def bricks(height_px: int, width_px: int) -> np.ndarray:
    """A wall that repeats itself to the bit."""
    y, x = np.mgrid[:SIDE, :SIDE]
    x = (x + (y // height_px % 2) * (width_px // 2)) % width_px
    y = y % height_px
    levels = np.where((x < 3) | (y < 3), 190, 110) + (x * 7 + y * 13) % 17
    return np.rint(ndimage.gaussian_filter(levels[..., None] * np.array([1, 0.7, 0.6]), (0.7, 0.7, 0))).astype(np.uint8)


@pytest.mark.parametrize("brick_px", [(24, 48), (12, 24)])
@pytest.mark.parametrize("drift", [
    Drift(), Drift(shift_px=(3.3, -2.1)), Drift(shift_px=(6.6, -4.5)), Drift(zoom=1.015),
    Drift((2.0, 1.5), gain=(1.03, 0.97, 1.0), noise=1.5),
], ids=["still", "shift", "far", "zoom", "noise"])
def test_a_pattern_does_not_jump_by_a_period(brick_px: tuple[int, int], drift: Drift) -> None:
    original, mask = bricks(*brick_px), blob(SIDE, SIDE, 0)
    done = finish_window(original, redraw(with_new(original, mask, "astronaut"), drift), mask)
    assert np.hypot(*np.subtract(done.report.shift_px, drift.shift_px)) <= 0.05
    assert done.report.scale == pytest.approx(drift.zoom, abs=1e-3)


def polygons(seed: int) -> np.ndarray:
    """As a render without light: flat colors, antialiased edges, no noise."""
    rng = np.random.default_rng(seed)
    large = Image.new("RGB", (2560, 2048), tuple(int(v) for v in rng.integers(60, 220, 3)))
    pen = ImageDraw.Draw(large)
    for _ in range(25):
        middle, reach = rng.uniform(0, 1, 2) * (2560, 2048), rng.uniform(80, 600)
        angles = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 7)))
        corners = [(middle[0] + reach * np.cos(a), middle[1] + reach * np.sin(a)) for a in angles]
        pen.polygon(corners, fill=tuple(int(v) for v in rng.integers(20, 240, 3)))
    return np.asarray(large.resize((640, 512), Image.Resampling.BOX))


@pytest.mark.parametrize(("kind", "least_db"), [("shift", 52.0), ("zoom", 50.0), ("all", 43.0), ("uneven", 37.0)])
def test_hard_edges_on_flat_colors_are_aligned_as_well_as_texture(kind: str, least_db: float) -> None:
    found = []
    for seed in (0, 2):
        original, mask, drift = polygons(seed), blob(512, 640, seed), drifts(kind, 3)[2]
        done = finish_window(original, redraw(original, drift), mask)
        found.append(psnr_db(done.patch, original, mask > 0))
        if kind != "uneven":
            assert np.hypot(*np.subtract(done.report.shift_px, drift.shift_px)) <= 0.02
    assert np.mean(found) >= least_db


# --- Shapes -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("crop", [np.s_[:, 180:346], np.s_[200:366]], ids=["portrait", "panorama"])
@pytest.mark.parametrize(("kind", "least_db"), [("tone", 50.0), ("shift", 41.0), ("all", 40.0)])
def test_portraits_and_panoramas(crop: tuple[slice, ...], kind: str, least_db: float) -> None:
    original = np.ascontiguousarray(photograph("motorcycle")[crop])
    mask = blob(*original.shape[:2], 0, 0.12)
    done = finish_window(original, redraw(original, drifts(kind, 3)[2]), mask)
    assert psnr_db(done.patch, original, mask > 0) >= least_db
    assert step_above_truth(done.patch, original, mask) <= 0.5 and unchanged_outside(done.patch, original, mask)


def islands() -> np.ndarray:
    """Five discs, the least of them smaller than a feather."""
    y, x = np.mgrid[:SIDE, :SIDE]
    discs = ((90, 90, 50), (400, 120, 60), (250, 380, 70), (450, 450, 20), (60, 420, 3))
    return np.any([np.hypot(x - cx, y - cy) < r for cy, cx, r in discs], axis=0).astype(np.float32)


def soft() -> np.ndarray:
    mask = ndimage.gaussian_filter(blob(SIDE, SIDE, 0), 12)
    return np.where(mask < 1 / 255, 0, mask).astype(np.float32)


def at_the_border() -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), np.float32)
    mask[:60] = mask[-150:, -150:] = 1
    return mask


@pytest.mark.parametrize("mask", [islands(), soft(), at_the_border()], ids=["islands", "soft", "border"])
def test_masks_of_all_kinds(mask: np.ndarray) -> None:
    original = photograph("astronaut", SIDE)
    answer = redraw(original, drifts("all", 3)[2])
    done = finish_window(original, answer, mask)
    shown = np.zeros(mask.shape, bool)
    shown[14:-14, 14:-14] = True
    assert psnr_db(done.patch, original, (mask > 0) & shown) >= 42.0
    assert step_above_truth(done.patch, original, mask * shown) <= 0.5 and unchanged_outside(done.patch, original, mask)
    # The feather never leaves the mask, and all of the area is reached, the smallest island's middle too.
    assert np.all(done.alpha <= mask) and ndimage.maximum(done.alpha, *ndimage.label(mask > 0)) == pytest.approx(mask.max())
    assert done.alpha[core(mask)] == pytest.approx(mask[core(mask)])


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (8, 8), (1, 600), (40, 30), (64, 512)])
def test_windows_of_any_size(size: tuple[int, int]) -> None:
    """Whether there is enough to align or not."""
    original = np.ascontiguousarray(photograph("chelsea")[100:100 + size[0], :size[1]])
    original = np.ascontiguousarray(np.pad(original, ((0, 0), (0, size[1] - original.shape[1]), (0, 0)), "reflect"))
    mask = np.zeros(size, np.float32)
    mask[size[0] // 3:size[0] // 2 + 1, size[1] // 3:size[1] // 2 + 1] = 1
    done = finish_window(original, original, mask)
    assert np.array_equal(done.patch, original) and done.report.aligned == (size == (64, 512))


# --- Something else ---------------------------------------------------------------------------------------

def elsewhere(kind: str, original: np.ndarray) -> np.ndarray:
    match kind:
        case "another photograph":
            return tiled("motorcycle", *original.shape[:2])
        case "noise":
            return np.random.default_rng(0).integers(0, 256, original.shape, dtype=np.uint8)
        case "black":
            return np.zeros_like(original)
        case "mirrored":
            return original[:, ::-1].copy()
        case "negative":
            return 255 - original
        case "turned":
            return ndimage.rotate(original, 15, reshape=False, order=1, mode="mirror")
        case _:
            return np.roll(original, (60, -60), (0, 1))


@pytest.mark.parametrize("kind", ["another photograph", "noise", "black", "mirrored", "negative", "turned", "far away"])
def test_an_answer_that_shows_something_else_is_pasted_as_it_came_and_says_so(kind: str) -> None:
    original = photograph("coffee")
    answer, mask = elsewhere(kind, original), blob(*original.shape[:2], 0)
    done = finish_window(original, answer, mask)
    report = done.report
    assert not report.aligned and report.why
    assert (report.shift_px, report.scale, report.gain) == ((0.0, 0.0), 1.0, (1.0, 1.0, 1.0))
    assert np.array_equal(done.patch[core(mask)], answer[core(mask)]) and unchanged_outside(done.patch, original, mask)


def test_a_photograph_on_a_plain_ground_is_something_else() -> None:
    original, mask = np.full((SIDE, SIDE, 3), 100, np.uint8), blob(SIDE, SIDE, 0)
    answer = photograph("astronaut", SIDE)
    done = finish_window(original, answer, mask)
    assert not done.report.aligned and done.report.why and np.array_equal(done.patch[core(mask)], answer[core(mask)])
