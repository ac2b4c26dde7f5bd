# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the material check finds is gone when it is mended, and nothing else has changed."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import color as skcolor

from gptimage_addon.core.errors import InputError
from gptimage_addon.imaging.map_mends import mended, within_albedo
from gptimage_addon.imaging.maps import check_maps, decode_normal, derive_maps, encode_normal
from gptimage_addon.worker.practice_pictures import make_picture

TILES = (True, True)
SIZE = {"prompt": "grey stone", "wrap": TILES, "width_m": 1.0, "relief_m": 0.03}


@pytest.fixture(scope="module")
def color() -> np.ndarray:
    return make_picture("grey stone", 192, 128, 3)


@pytest.fixture(scope="module")
def maps(color: np.ndarray) -> dict[str, np.ndarray]:
    return derive_maps(color, ("normal", "height", "roughness"), **SIZE)


def problems(color: np.ndarray, maps: dict[str, np.ndarray]) -> set[tuple[str, str]]:
    return {(found.map, found.problem) for found in check_maps(color, maps, wrap=TILES) if found.map != "color"}


def mend(name: str, problem: str, color: np.ndarray, broken: np.ndarray) -> np.ndarray:
    assert (name, problem) in problems(color, {name: broken})
    out = mended(name, problem, color, {name: broken}, **SIZE)
    assert out.dtype == broken.dtype and (name, problem) not in problems(color, {name: out})
    return out


def test_a_flipped_normal_map_is_flipped_back_bit_for_bit(color: np.ndarray, maps: dict[str, np.ndarray]) -> None:
    broken = maps["normal"].copy()
    broken[..., 1] = 65535 - broken[..., 1]
    assert np.array_equal(mend("normal", "flipped_green", color, broken), maps["normal"])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_short_normals_get_their_length_and_keep_their_direction(color: np.ndarray, maps: dict[str, np.ndarray], dtype: type) -> None:
    sound = decode_normal(maps["normal"])
    broken = encode_normal(sound * np.float32(0.8), dtype=dtype)
    broken[5, 5] = np.iinfo(dtype).max // 2                 # says nothing
    out = decode_normal(mend("normal", "not_unit", color, broken))
    assert abs(np.linalg.norm(out, axis=2) - 1).max() < 2 / 255 and np.allclose(out[5, 5], (0, 0, 1), atol=0.01)
    out[5, 5] = sound[5, 5]
    cosine = np.clip((out * sound).sum(axis=2) / np.linalg.norm(out, axis=2) / np.linalg.norm(sound, axis=2), -1, 1)
    assert np.degrees(np.arccos(cosine)).max() < (1.0 if dtype == np.uint8 else 0.05)


def test_normals_of_no_surface_become_those_of_the_nearest(color: np.ndarray) -> None:
    """Slopes are a gradient and a rotation, at right angles to each other (Helmholtz): the rotation goes."""
    y, x = (np.arange(count) * 2 * np.pi / count for count in color.shape[:2])
    gradient = 0.3 * np.cos(3 * x)[None, :] * np.sin(2 * y)[:, None], 0.2 * np.sin(3 * x)[None, :] * np.cos(2 * y)[:, None]
    # The height is sin(3x) sin(2y), the rotation that of cos(4x) cos(4y); pixels are square, so y's waves are shorter by 2/3.
    gradient = gradient[0], gradient[1] * (192 / 128)
    rotation = -0.4 * np.cos(4 * x)[None, :] * np.sin(4 * y)[:, None] * (192 / 128), 0.4 * np.sin(4 * x)[None, :] * np.cos(4 * y)[:, None]

    def normals(dx: np.ndarray, drow: np.ndarray) -> np.ndarray:
        vector = np.dstack([-dx, drow, np.ones_like(dx)])
        return encode_normal((vector / np.linalg.norm(vector, axis=2, keepdims=True)).astype(np.float32), dtype=np.uint16)

    out = decode_normal(mend("normal", "not_integrable", color, normals(*(g + r for g, r in zip(gradient, rotation, strict=True)))))
    assert np.abs(out - decode_normal(normals(*gradient))).max() < 0.02


@pytest.mark.parametrize("name", ["height", "roughness"])
def test_what_is_clipped_is_derived_again(color: np.ndarray, maps: dict[str, np.ndarray], name: str) -> None:
    full = np.iinfo(maps[name].dtype).max
    low, high = np.quantile(maps[name], (0.1, 0.9))
    broken = np.clip((maps[name] - low) / (high - low) * full, 0, full).astype(maps[name].dtype)
    assert np.array_equal(mend(name, "clipped", color, broken), maps[name])


def test_colors_beyond_what_surfaces_reflect_are_laid_into_that_range() -> None:
    ramp = np.tile(np.linspace(0, 255, 256).astype(np.uint8)[None, :, None], (64, 1, 4))
    out = within_albedo(ramp)
    # An outside oracle for the curve: skimage's conversion to XYZ.
    luminance = skcolor.rgb2xyz(out[..., :3])[..., 1]
    assert np.array_equal(out[..., 3], ramp[..., 3]) and luminance.min() >= 0.0195 and luminance.max() <= 0.905
    assert (np.diff(out[0, :, 0].astype(int)) >= 0).all()
    middle = skcolor.rgb2xyz(ramp[..., :3])[..., 1]
    assert np.abs(luminance - (0.02 + 0.88 * middle)).max() < 0.005
    black = np.zeros((64, 64, 3), np.uint8)
    assert {found.problem for found in check_maps(black, {}, wrap=TILES)} == {"albedo_too_dark"}
    assert not check_maps(mended("color", "albedo_too_dark", black, {}, **SIZE), {}, wrap=TILES)


def test_what_cannot_be_mended_is_refused(color: np.ndarray, maps: dict[str, np.ndarray]) -> None:
    with pytest.raises(InputError) as refused:
        mended("normal", "wrong_size", color, maps, **SIZE)
    assert refused.value.field == "mend"
