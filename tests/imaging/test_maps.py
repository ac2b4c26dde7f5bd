# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The maps derived from a color map: closed forms, photographs of scikit-image, and surfaces whose light is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from tests.support.drift import photograph

from gptimage_addon.core.errors import InputError
from gptimage_addon.imaging.color import display_from_linear, linear_from_display
from gptimage_addon.imaging.maps import (
    MAPS, ROUGHNESS_RANGES, ambient_occlusion, check_maps, decode_normal, delight, derive_height, derive_maps, emission,
    encode_normal, height_from_normal, kind_from_prompt, metallic, normal_from_height, roughness,
)

BOTH, NEITHER = (True, True), (False, False)
PHOTOGRAPHS = ("gravel", "brick", "coffee", "chelsea", "retina")
SIZE = {"width_m": 2.0, "relief_m": 0.03}


def periodic(name: str, side_px: int = 160) -> np.ndarray:
    """A photograph and its mirror images: it tiles exactly."""
    part = photograph(name)[40:40 + side_px, 40:40 + side_px + 24]
    part = np.concatenate((part, part[::-1]))
    return np.concatenate((part, part[:, ::-1]), 1)


def noise(shape: tuple[int, int], shortest_px: float, wrap: tuple[bool, bool] = BOTH, seed: int = 0) -> np.ndarray:
    """A random height 0..1 without waves shorter than that."""
    rng = np.random.default_rng(seed)
    rows, columns = (n if cyclic else 2 * n for n, cyclic in zip(shape, (wrap[1], wrap[0]), strict=True))
    wave = np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.rfftfreq(columns))
    power = np.where((wave > 0) & (wave <= 1 / shortest_px), 1 / np.maximum(wave, 1e-9), 0)
    spectrum = power * np.exp(2j * np.pi * rng.random(wave.shape))
    out = np.fft.irfft2(spectrum, s=(rows, columns))[:shape[0], :shape[1]]
    return ((out - out.min()) / np.ptp(out)).astype(np.float32)


def gray(linear: np.ndarray) -> np.ndarray:
    """uint8 RGB of a linear gray."""
    return np.rint(display_from_linear(np.repeat(linear[..., None], 3, 2)) * 255).astype(np.uint8)


# --- Edges ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["gravel", "coffee"])
@pytest.mark.parametrize(("roll", "wrap"), [((1, 1), BOTH), ((37, 101), BOTH), ((160, 3), BOTH),
                                            ((0, 57), (True, False)), ((91, 0), (False, True))])
def test_maps_of_a_rolled_picture_are_the_rolled_maps(
    name: str, roll: tuple[int, int], wrap: tuple[bool, bool],
) -> None:
    color = periodic(name)
    rolled = np.roll(color, roll, (0, 1))
    for prompt in ("brick", "rusty metal"):
        plain = derive_maps(color, MAPS, prompt=prompt, wrap=wrap, **SIZE)
        moved = derive_maps(rolled, MAPS, prompt=prompt, wrap=wrap, **SIZE)
        assert tuple(plain) == MAPS
        for key, pixels in plain.items():
            off = abs(moved[key].astype(np.int64) - np.roll(pixels, roll, (0, 1)))
            assert off.max() <= 1, key
    off = abs(delight(rolled, wrap=wrap).astype(int) - np.roll(delight(color, wrap=wrap), roll, (0, 1)))
    assert off.max() <= 1


def edge_step(pixels: np.ndarray, axis: int) -> float:
    lines = np.moveaxis(pixels.astype(np.float64), axis, 0)
    return float(abs(lines[0] - lines[-1]).mean() / abs(np.diff(lines, axis=0)).mean())


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_maps_meet_at_the_edges_as_the_color_does(name: str) -> None:
    """Photographs do not tile: a map must not make more of it than the color does."""
    color = photograph(name)
    maps = derive_maps(color, ("height", "normal", "roughness", "ao"), prompt=name, wrap=BOTH, **SIZE)
    for axis in (0, 1):
        for key, pixels in maps.items():
            assert edge_step(pixels, axis) <= edge_step(color, axis), (key, axis)


# --- Height -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", PHOTOGRAPHS)
@pytest.mark.parametrize("prompt", ["stone", "brick"])
def test_no_map_clips_and_the_height_spans_its_range(name: str, prompt: str) -> None:
    maps = derive_maps(photograph(name), MAPS[:4], prompt=prompt, wrap=NEITHER, **SIZE)
    for key, full in (("height", 65535), ("roughness", 255)):
        assert (maps[key] == 0).mean() <= 0.005 and (maps[key] == full).mean() <= 0.005
    assert (maps["ao"] == 0).mean() <= 0.005
    assert np.diff(np.percentile(maps["height"], [0.5, 99.5])) >= 0.85 * 65535
    low, high = ROUGHNESS_RANGES[prompt]
    assert maps["roughness"].min() >= low * 255 - 0.5 and maps["roughness"].max() <= high * 255 + 0.5


def bricks(light: np.ndarray | float = 1.0) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Red, gray and pale bricks with dark joints 8 pixels wide and a crack of 2, all grainy; linear. And where what is."""
    rng = np.random.default_rng(5)
    rows, columns = np.mgrid[:512, :512]
    course = rows // 64
    place = (columns + 64 * (course % 2)) % 512
    kind = (place // 128 + course) % 3
    albedo = np.array([[0.40, 0.10, 0.07], [0.22, 0.22, 0.22], [0.45, 0.42, 0.36]])[kind]
    joint = (rows % 64 < 8) | (place % 128 < 8)
    crack = (abs(columns - 250 - 40 * np.sin(rows / 60)) < 1.5) & ~joint
    albedo[joint], albedo[crack] = 0.05, 0.03
    albedo *= np.exp(0.05 * rng.normal(size=(512, 512, 1)))
    inner = ndimage.binary_erosion(~(joint | crack), iterations=8)
    where = {"joint": ndimage.binary_erosion(joint, iterations=2), "crack": crack} | {
        color: inner & (kind == number) for number, color in enumerate(("red", "gray", "pale"))}
    display = display_from_linear((albedo * np.asarray(light)[..., None]).astype(np.float32))
    return np.rint(display * 255).astype(np.uint8), where


def test_joints_and_cracks_are_low_and_another_albedo_is_no_step() -> None:
    color, where = bricks()
    height = derive_height(color, wrap=BOTH)
    level = {name: float(np.median(height[mask])) for name, mask in where.items()}
    tops = [level[name] for name in ("red", "gray", "pale")]
    copied = {name: float(np.median(color[mask])) / 255 for name, mask in where.items()}
    assert copied["pale"] - copied["red"] >= 0.2                        # what copying the brightness would make of it
    assert max(tops) - min(tops) <= 0.02
    assert level["joint"] <= min(tops) - 0.3
    assert level["crack"] <= min(tops) - 0.05


def test_slow_light_makes_no_height() -> None:
    rows, columns = np.mgrid[:512, :512] / 512
    light = np.exp(0.8 * (columns - 0.5) + 0.4 * np.cos(np.pi * rows))
    plain, lit = (derive_height(bricks(of)[0], wrap=NEITHER) for of in (1.0, light * 0.7))
    assert np.corrcoef(plain.ravel(), lit.ravel())[0, 1] >= 0.99
    slow = ndimage.gaussian_filter(lit - plain, 60)
    assert np.ptp(slow) <= 0.03


def test_bright_joints_of_bricks_are_deep() -> None:
    color, where = bricks()
    color[where["joint"]] = 230
    for prompt, deep in (("old red bricks", True), ("something", False)):
        height = derive_maps(color, ["height"], prompt=prompt, wrap=BOTH, **SIZE)["height"] / 65535
        assert (np.median(height[where["joint"]]) < np.median(height[where["gray"]]) - 0.3) == deep


def test_a_flat_color_is_a_flat_surface() -> None:
    maps = derive_maps(np.full((40, 60, 3), 128, np.uint8), MAPS, prompt="", wrap=BOTH, **SIZE)
    assert np.ptp(maps["height"]) == 0 and (maps["ao"] == 255).all() and (maps["emission"] == 0).all()
    assert (abs(maps["normal"].astype(int) - (32768, 32768, 65535)) <= 1).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (2, 3), (5, 200), (33, 17)])
@pytest.mark.parametrize("wrap", [BOTH, NEITHER])
def test_small_and_narrow_pictures(shape: tuple[int, int], wrap: tuple[bool, bool]) -> None:
    color = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    for key, pixels in derive_maps(color, MAPS, prompt="", wrap=wrap, **SIZE).items():
        assert pixels.shape[:2] == shape, key
    assert delight(color, wrap=wrap).shape == color.shape


def test_depth_and_alpha_of_the_color_do_not_matter() -> None:
    color = photograph("gravel", 128)
    plain = derive_height(color, wrap=BOTH)
    floats = color.astype(np.float32) / np.float32(255)
    for deeper in (color.astype(np.uint16) * 257, floats, np.dstack([color, color[..., :1]])):
        assert abs(derive_height(deeper, wrap=BOTH) - plain).max() <= 1e-3


# --- Normals ----------------------------------------------------------------------------------------------

def analytic(slope_x: np.ndarray, slope_row: np.ndarray) -> np.ndarray:
    """Unit normals, Y up, of slopes that are numbers: metres a metre."""
    normals = np.stack([-slope_x, slope_row, np.ones_like(slope_x)], -1)
    return normals / np.linalg.norm(normals, axis=-1, keepdims=True)


@pytest.mark.parametrize(("shape", "waves"), [((128, 128), (3, 5)), ((96, 240), (7, 11)), ((160, 64), (20, 8))])
def test_normals_of_sine_bumps(shape: tuple[int, int], waves: tuple[int, int]) -> None:
    """Down to a wavelength of 8 pixels."""
    height, width = shape
    rows, columns = np.mgrid[:height, :width]
    down, across = 2 * np.pi * waves[0] / height, 2 * np.pi * waves[1] / width
    bumps = 0.5 + 0.25 * np.sin(down * rows) + 0.25 * np.cos(across * columns)
    width_m, relief_m = 1.5, 0.02
    steep = relief_m / (width_m / width)
    expected = analytic(-0.25 * across * np.sin(across * columns) * steep, 0.25 * down * np.cos(down * rows) * steep)
    normals = normal_from_height(bumps.astype(np.float32), relief_m=relief_m, width_m=width_m, wrap=BOTH)
    assert normals.dtype == np.float32 and abs(normals - expected).max() <= 0.003
    assert abs(np.linalg.norm(normals, axis=-1) - 1).max() <= 1e-6
    for dtype, full in ((np.uint8, 255), (np.uint16, 65535)):
        pixels = encode_normal(normals, dtype=dtype)
        assert pixels.dtype == dtype
        assert abs(pixels - (expected * 0.5 + 0.5) * full).max() <= 0.5 + 0.0015 * full
        directx = encode_normal(normals, directx=True, dtype=dtype)
        assert np.array_equal(directx[..., ::2], pixels[..., ::2])
        assert np.array_equal(directx[..., 1], full - pixels[..., 1])


@pytest.mark.parametrize("wrap", [BOTH, NEITHER])
def test_normals_of_a_hemisphere(wrap: tuple[bool, bool]) -> None:
    radius, width = 60, 200
    rows, columns = np.mgrid[:150, :width] - np.array([75, 90])[:, None, None]
    away = np.hypot(rows, columns)
    ball = np.sqrt(np.maximum(radius ** 2 - away ** 2, 0))
    width_m = 0.5
    normals = normal_from_height((ball / radius).astype(np.float32), relief_m=radius * width_m / width, width_m=width_m,
                                 wrap=wrap)
    inside = away < radius - 8                     # at its rim it is a wall
    exact = np.stack([columns, -rows, ball], -1) / radius
    assert abs(normals - exact)[inside].max() <= 0.01
    assert (normals[away > radius + 4] == (0, 0, 1)).all()


def test_normals_of_a_ramp_reach_to_the_edge() -> None:
    rows, columns = np.mgrid[:50, :80]
    for ramp, slope in ((columns / 79, (80 / 79 * 0.3 / 2.0, 0.0)), (rows / 49, (0.0, 80 / 49 * 0.3 / 2.0))):
        normals = normal_from_height(ramp.astype(np.float32), relief_m=0.3, width_m=2.0, wrap=NEITHER)
        assert abs(normals - analytic(np.float64(slope[0]), np.float64(slope[1]))).max() <= 1e-4
    # Light from the right falls on what rises to the left, light from above the picture on what rises down it.
    assert normals[..., 1].min() > 0


@pytest.mark.parametrize(("shape", "wrap"), [((128, 128), BOTH), ((96, 250), BOTH), ((130, 90), (True, False)),
                                             ((130, 90), (False, True)), ((101, 140), NEITHER)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_normals_are_integrable_back_to_the_height(
    shape: tuple[int, int], wrap: tuple[bool, bool], dtype: type,
) -> None:
    size = {"relief_m": 0.05, "width_m": 1.0, "wrap": wrap}
    height = noise(shape, 8.0, wrap)
    pixels = encode_normal(normal_from_height(height, **size), dtype=dtype)
    found = height_from_normal(decode_normal(pixels), **size)
    off = (found - found.mean()) - (height - height.mean())
    assert np.sqrt(np.mean(off ** 2)) <= 0.02 * height.std()
    lengths = np.linalg.norm(decode_normal(pixels), axis=-1)
    # Three rounded numbers: 8 bits alone are worth the square root of 3.
    assert abs(lengths - 1).max() <= (np.sqrt(3) if dtype == np.uint8 else 1) / 255


@pytest.mark.parametrize("wavelength_px", [8, 10, 16, 64])
def test_single_waves_come_back_from_exact_normals(wavelength_px: int) -> None:
    rows, columns = np.mgrid[:320, :640]
    turn = 2 * np.pi / wavelength_px
    height = 0.5 + 0.5 * np.sin(turn * (columns * 0 + rows))
    steep = 0.01 * 640
    normals = analytic(0 * rows, 0.5 * turn * np.cos(turn * rows) * steep)
    found = height_from_normal(normals.astype(np.float32), relief_m=0.01, width_m=1.0, wrap=BOTH)
    assert np.sqrt(np.mean((found - found.mean() - (height - height.mean())) ** 2)) <= 1e-4


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_normals_of_photographs_are_those_of_their_height(name: str) -> None:
    size = {"relief_m": 0.02, "width_m": 1.0, "wrap": BOTH}
    maps = derive_maps(periodic(name), ["height", "normal"], prompt="", **size)
    normals = decode_normal(maps["normal"])
    assert abs(np.linalg.norm(normals, axis=-1) - 1).max() <= 1 / 255
    height = maps["height"] / 65535
    found = height_from_normal(normals, **size)
    found, height = (ndimage.gaussian_filter(part - part.mean(), 3, mode="wrap") for part in (found, height))
    assert np.sqrt(np.mean((found - height) ** 2)) <= 0.02 * height.std()


# --- Openness ---------------------------------------------------------------------------------------------

@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("depth_px", [8, 16, 30])
def test_openness_of_a_groove(depth_px: int, turned: bool) -> None:
    """An endless V: from its wall the sky is what lies between the wall itself and the other rim (crossed strings)."""
    half, width = 20, 160
    columns = np.arange(width) - width / 2
    profile = np.minimum(abs(columns) / half, 1.0)
    height = np.tile(profile, (width, 1)).astype(np.float32)
    size = {"relief_m": depth_px / width, "width_m": 1.0, "wrap": BOTH}
    found = ambient_occlusion(height.T.copy() if turned else height, **size)
    found = found.T if turned else found
    inside = (abs(columns) > 2) & (abs(columns) < half - 2)
    u = abs(columns[inside])
    rim = np.arctan2(depth_px * (1 - u / half), half + u)
    exact = (np.sin(np.pi / 2 - rim - np.arctan(depth_px / half)) + 1) / 2
    assert abs(found[40:-40][:, inside] - exact).max() <= 0.05
    assert found[:, :width // 2 - half - 4].min() >= 0.999             # flat land beside it


def test_openness_of_a_slope_and_a_plane_is_whole() -> None:
    ramp = np.tile(np.linspace(0, 1, 200, dtype=np.float32), (100, 1))
    for relief_m in (0.0, 0.1, 0.5, 1.0):
        found = ambient_occlusion(ramp, relief_m=relief_m, width_m=1.0, wrap=NEITHER)
        assert abs(found[:, 80:-4] - 1).max() <= 0.01           # beyond its foot it is mirrored, and rises again


def marched(height_px: np.ndarray, row: float, column: float, normal: np.ndarray) -> float:
    """The part of 4000 cosine-weighted rays that leave a wrapping surface, by small steps."""
    rng = np.random.default_rng(int(row * 1000 + column))
    turn, share = 2 * np.pi * rng.random(4000), rng.random(4000)
    local = np.stack([np.sqrt(share) * np.cos(turn), np.sqrt(share) * np.sin(turn), np.sqrt(1 - share)], -1)
    side = np.cross(normal, [0.0, 1.0, 0.0])
    side /= np.linalg.norm(side)
    ray = local @ np.stack([side, np.cross(normal, side), normal])       # x, y (down the rows), z
    at = ndimage.map_coordinates(height_px, [[row], [column]], order=1, mode="grid-wrap")[0]
    free = ray[:, 2] > 0
    for distance in np.arange(0.7, 60, 0.35):
        x, y, z = column + ray[:, 0] * distance, row + ray[:, 1] * distance, at + ray[:, 2] * distance
        free &= z + 0.02 >= ndimage.map_coordinates(height_px, [y, x], order=1, mode="grid-wrap")
    return float(free.mean())


@pytest.mark.parametrize("relief_px", [10.0, 20.0])
def test_openness_against_rays(relief_px: float) -> None:
    shape = (96, 96)
    height = noise(shape, 14.0, seed=3)
    size = {"relief_m": relief_px / 96, "width_m": 1.0, "wrap": BOTH}
    found, normals = ambient_occlusion(height, **size), normal_from_height(height, **size)
    rng = np.random.default_rng(1)
    places = rng.integers(0, 96, (60, 2))
    exact = np.array([marched(height * relief_px, r, c, normals[r, c] * (1, -1, 1)) for r, c in places])
    ours = found[places[:, 0], places[:, 1]]
    assert exact.std() >= 0.03                                          # it is not just flat
    assert abs(ours - exact).mean() <= 0.02 and abs(ours - exact).max() <= 0.08
    assert np.corrcoef(ours, exact)[0, 1] >= 0.95


# --- Light taken out --------------------------------------------------------------------------------------

def lights(shape: tuple[int, int], wrap: tuple[bool, bool]) -> dict[str, np.ndarray]:
    """Logs of slow light."""
    y, x = np.mgrid[:shape[0], :shape[1]] / np.reshape(shape, (2, 1, 1))
    if wrap == BOTH:
        return {"wave": 0.3 * np.sin(2 * np.pi * x + 1) + 0.2 * np.cos(2 * np.pi * (x - y)),
                "spots": 0.35 * np.sin(4 * np.pi * x) * np.cos(2 * np.pi * y)}
    return {"ramp": 0.9 * (x - 0.5) - 0.4 * (y - 0.5), "vignette": -1.2 * ((x - 0.5) ** 2 + (y - 0.4) ** 2),
            "shadow": -0.5 / (1 + np.exp((x + 0.3 * y - 0.6) * 14))}


def details(*colors: np.ndarray) -> list[float]:
    """High-pass energy of the channels' logarithms, which light and white balance leave as they are, where 8 bits are fine
    enough for it in all of the pictures.
    """
    linear = [linear_from_display(color / np.float32(255)) for color in colors]
    seen = ndimage.minimum_filter(np.min(linear, 0), (7, 7, 1)) > 0.02
    logs = [np.log(np.maximum(part, 1e-3)) for part in linear]
    return [float(np.square((part - ndimage.gaussian_filter(part, (4, 4, 0)))[seen]).mean()) for part in logs]


@pytest.mark.parametrize("name", ["gravel", "brick", "coffee", "chelsea"])
@pytest.mark.parametrize("light", ["ramp", "vignette", "shadow", "wave", "spots"])
def test_slow_light_is_taken_out_and_the_detail_stays(name: str, light: str) -> None:
    wrap = BOTH if light in ("wave", "spots") else NEITHER
    original = periodic(name) if wrap == BOTH else photograph(name)
    slow = lights(original.shape[:2], wrap)[light]
    # The photograph has light and dark places of its own: what is asked is what becomes of the light that was added.
    linear = linear_from_display(original / np.float32(255)) * 0.6
    lit = np.rint(display_from_linear((linear * np.exp(slow)[..., None]).astype(np.float32)) * 255).astype(np.uint8)
    plain = np.rint(display_from_linear(linear) * 255).astype(np.uint8)
    done, done_plain = delight(lit, wrap=wrap), delight(plain, wrap=wrap)

    def log(color: np.ndarray) -> np.ndarray:
        return np.log(linear_from_display(color / np.float32(255)) @ (0.2126, 0.7152, 0.0722) + 1e-3)

    def amount(one: np.ndarray, other: np.ndarray) -> float:
        """How much of the light is in the difference of two pictures: 1 is all of it."""
        centered = slow - slow.mean()
        return float((centered * (log(one) - log(other))).sum() / (centered ** 2).sum())

    assert amount(lit, plain) >= 0.8
    assert abs(amount(done, done_plain)) <= 0.1 * amount(lit, plain)
    if name in ("gravel", "brick"):                 # textures: nothing else in them goes with the light
        before, after = (abs(np.corrcoef(slow.ravel(), log(color).ravel())[0, 1]) for color in (lit, done))
        assert after <= 0.1 * before
    kept, whole = details(done, plain)
    assert kept == pytest.approx(whole, rel=0.05)
    means = [linear_from_display(color / np.float32(255)).mean((0, 1)) for color in (lit, done)]
    assert abs(means[0] - means[1]).max() <= 0.5 / 255


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [3, 4])
def test_a_picture_keeps_its_depth_and_alpha_when_its_light_is_taken_out(dtype: type, channels: int) -> None:
    full = 1.0 if dtype == np.float32 else np.iinfo(dtype).max
    color = photograph("coffee", 200).astype(np.float64) / 255 * full
    if channels == 4:
        color = np.dstack([color, np.random.default_rng(0).random(color.shape[:2]) * full])
    color = color.astype(dtype)
    before = color.copy()
    assert delight(color, strength=0).tobytes() == color.tobytes()
    done = delight(color)
    assert done.dtype == dtype and done.shape == color.shape and np.array_equal(color, before)
    assert done[..., 3:].tobytes() == color[..., 3:].tobytes()
    eight = delight(photograph("coffee", 200))
    if channels == 3:
        assert abs(done / full * 255 - eight).max() <= 1.0
    half = delight(color, strength=0.5)
    assert abs(half.astype(float) - color).mean() < abs(done.astype(float) - color).mean()


def test_another_albedo_is_not_taken_for_light() -> None:
    """Half of the picture is red brick, half gray stone: they keep their difference."""
    rng = np.random.default_rng(0)
    albedo = np.full((256, 256, 3), (0.35, 0.08, 0.06))
    albedo[:, 128:] = 0.3
    albedo *= np.exp(0.1 * rng.normal(size=(256, 256, 1)))
    color = np.rint(display_from_linear(albedo.astype(np.float32)) * 255).astype(np.uint8)
    done = delight(color)
    for half in (np.s_[:, :120], np.s_[:, 136:]):
        assert abs(done[half].mean((0, 1)) - color[half].mean((0, 1))).max() <= 3


# --- The other maps ---------------------------------------------------------------------------------------

@pytest.mark.parametrize(("prompt", "kind"), [
    ("Mossy cobblestone, 2 m wide", "stone"), ("weathered red brick wall with moss", "brick"), ("rusty steel plate", "metal"),
    ("old oak planks", "wood"), ("blue denim", "fabric"), ("glazed azulejo tiles", "tiles"), ("human skin, pores", "skin"),
    ("forest floor", "ground"), ("fresh lawn", "grass"), ("rough white plaster", "plaster"), ("window pane of glass", "glass"),
    ("concrete covered with ivy", "concrete"), ("", "default"), ("something odd", "default"), ("rust", "metal"),
    ("sandstone", "stone"), ("black rubber", "plastic"),
])
def test_the_kind_of_material_is_read_from_the_prompt(prompt: str, kind: str) -> None:
    assert kind_from_prompt(prompt) == kind


@pytest.mark.parametrize("kind", ROUGHNESS_RANGES)
def test_roughness_stays_in_the_range_of_its_kind_and_uses_it(kind: str) -> None:
    low, high = ROUGHNESS_RANGES[kind]
    found = roughness(photograph("gravel"), kind=kind, wrap=BOTH)
    assert found.dtype == np.float32 and low <= found.min() and found.max() <= high
    assert np.diff(np.percentile(found, [1, 99])) >= 0.2 * (high - low)


def test_grain_is_rough_and_smooth_is_not() -> None:
    rng = np.random.default_rng(0)
    linear = np.full((256, 256), 0.3, np.float32)
    linear[:, 128:] *= np.exp(0.2 * rng.normal(size=(256, 128)))
    found = roughness(gray(linear), kind="default", wrap=NEITHER)
    assert found[:, 140:].mean() >= found[:, :116].mean() + 0.1


def test_metal_is_metallic_but_for_its_rust() -> None:
    color = np.empty((8, 32, 3), np.uint8)
    for n, rgb in enumerate(((190, 190, 195), (255, 215, 140), (240, 160, 135), (120, 55, 25))):    # steel, gold, copper, rust
        color[:, 8 * n:8 * n + 8] = rgb
    found = metallic(color, kind="metal")
    assert (found[:, :24] >= 0.95).all() and (found[:, 24:] <= 0.05).all()
    assert not metallic(color, kind="stone").any()


def test_only_what_is_much_brighter_than_the_rest_glows() -> None:
    color = np.full((64, 64, 3), 40, np.uint8)
    color[20:28, 20:28] = (60, 220, 255)
    found = emission(color)
    assert found.dtype == np.float32 and abs(found[24, 24] - np.array([60, 220, 255]) / 255).max() <= 1e-6
    found[20:28, 20:28] = 0
    assert not found.any()
    assert not emission(np.full((64, 64, 3), 240, np.uint8)).any()


# --- Bad input --------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("call", "field"), [
    (lambda c, h: derive_maps(c, ["albedo"], prompt="", wrap=BOTH, **SIZE), "maps"),
    (lambda c, h: derive_maps(c[..., 0], ["height"], prompt="", wrap=BOTH, **SIZE), "rgb"),
    (lambda c, h: delight(c.astype(np.float64)), "rgb"),
    (lambda c, h: delight(c, strength=1.5), "strength"),
    (lambda c, h: roughness(c, kind="cheese", wrap=BOTH), "kind"),
    (lambda c, h: normal_from_height(c, relief_m=0.1, width_m=1.0, wrap=BOTH), "height"),
    (lambda c, h: normal_from_height(h, relief_m=-0.1, width_m=1.0, wrap=BOTH), "relief_m"),
    (lambda c, h: ambient_occlusion(h, relief_m=0.1, width_m=0.0, wrap=BOTH), "width_m"),
    (lambda c, h: derive_maps(c, ["normal"], prompt="", wrap=BOTH, width_m=float("nan"), relief_m=0.1), "width_m"),
    (lambda c, h: encode_normal(c / 255.0, dtype=np.float32), "dtype"),
])
def test_bad_input_is_told_with_its_cure(call: object, field: str) -> None:
    with pytest.raises(InputError) as caught:
        call(np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.float32))
    assert caught.value.field == field and caught.value.hint and not caught.value.message.endswith(".")


# --- The check list ---------------------------------------------------------------------------------------

def problems(color: np.ndarray, maps: dict[str, np.ndarray], wrap: tuple[bool, bool] = BOTH) -> list[tuple[str, str]]:
    found = check_maps(color, maps, wrap=wrap)
    for finding in found:
        assert finding.message and not finding.message.endswith(".") and np.isfinite(finding.value)
    return [(finding.map, finding.problem) for finding in found]


@pytest.mark.parametrize("name", ["gravel", "brick", "chelsea"])
def test_nothing_is_wrong_with_derived_maps(name: str) -> None:
    color = delight(periodic(name), wrap=BOTH)
    maps = derive_maps(color, MAPS, prompt=name, wrap=BOTH, **SIZE)
    assert problems(color, maps) == []
    maps["normal"] = encode_normal(decode_normal(maps["normal"]))
    assert problems(color, maps) == []                                  # nor in 8 bits


def test_each_problem_is_found() -> None:
    color = delight(periodic("gravel"), wrap=BOTH)
    maps = derive_maps(color, MAPS[:4], prompt="gravel", wrap=BOTH, **SIZE)
    normal = maps["normal"]
    height = maps["height"].astype(np.float64)
    seam = np.linspace(0, 20000, color.shape[1])
    other = derive_maps(periodic("brick")[:, ::-1].swapaxes(0, 1)[:320, :320], ["normal"], prompt="", wrap=BOTH, **SIZE)
    mixed = normal[:320, :320].copy()
    mixed[..., 1] = other["normal"][..., 1]
    flipped = normal.copy()
    flipped[..., 1] = 65535 - flipped[..., 1]
    for key, pixels, problem in (
        ("height", maps["height"][:-1], "wrong_size"),
        ("height", np.clip(height * 1.5 - 16000, 0, 65535).astype(np.uint16), "clipped"),
        ("height", (height * 0.6 + seam).astype(np.uint16), "wrap"),
        ("normal", (normal * 0.9).astype(np.uint16), "not_unit"),
        ("normal", flipped, "flipped_green"),
    ):
        assert (key, problem) in problems(color, {key: pixels}), problem
    assert ("normal", "not_integrable") in problems(color[:320, :320], {"normal": mixed}, NEITHER)
    linear = linear_from_display(color / np.float32(255))
    for changed, problem in (
        (linear * 0.05, "albedo_too_dark"), (linear * 0 + 0.95, "albedo_too_bright"),
        (linear * np.exp(lights(color.shape[:2], BOTH)["wave"])[..., None] * 0.7, "shading_left"),
    ):
        pixels = np.rint(display_from_linear(changed.astype(np.float32)) * 255).astype(np.uint8)
        assert ("color", problem) in problems(pixels, {}), problem
