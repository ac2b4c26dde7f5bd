# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The maps of a material, derived from its color map on this machine. Color maps are display-referred, rows from the top."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

import numpy as np

from ..core.errors import InputError
from .delight import delight
from .map_checks import Finding, check_maps
from .relief import (
    Surface, Wrap, ambient_occlusion, decode_normal, derive_height, encode_normal, height_from_normal, linear_channel,
    linear_of, map_float, normal_from_height, rgb_of, surface_of,
)

__all__ = (
    "MAPS", "ROUGHNESS_RANGES", "Finding", "ambient_occlusion", "check_maps", "decode_normal", "delight", "derive_height",
    "derive_maps", "each_map", "emission", "encode_normal", "height_from_normal", "kind_from_prompt", "metallic", "normal_from_height",
    "roughness",
)

MAPS = ("height", "normal", "roughness", "ao", "metallic", "emission")

# Of the Principled BSDF's roughness, by kind of material: what is usual for it, dry and worn a little.
ROUGHNESS_RANGES: dict[str, tuple[float, float]] = {
    "stone": (0.60, 0.95), "brick": (0.70, 0.95), "concrete": (0.60, 0.95), "plaster": (0.70, 0.95), "ground": (0.75, 0.98),
    "grass": (0.55, 0.90), "wood": (0.40, 0.80), "fabric": (0.70, 0.98), "leather": (0.35, 0.70), "paper": (0.70, 0.95),
    "metal": (0.15, 0.60), "tiles": (0.10, 0.45), "glass": (0.02, 0.20), "plastic": (0.25, 0.60), "skin": (0.35, 0.65),
    "default": (0.40, 0.90),
}

_JOINTED = frozenset({"brick", "tiles"})

_WORDS = {
    "brick": "brick bricks brickwork masonry",
    "concrete": "concrete cement asphalt tarmac",
    "tiles": "tile tiles tiled ceramic porcelain glazed mosaic azulejo",
    "glass": "glass window windowpane ice crystal",
    "plaster": "plaster stucco drywall plasterboard render adobe clay",
    "metal": "metal metallic steel iron copper brass bronze aluminum aluminium gold golden silver chrome rust "
             "rusty rusted tin zinc",
    "wood": "wood wooden plank planks timber oak pine walnut mahogany parquet bark plywood bamboo",
    "fabric": "fabric cloth textile cotton linen wool woolen denim silk velvet canvas carpet rug knit knitted felt burlap",
    "leather": "leather hide suede",
    "paper": "paper cardboard wallpaper parchment",
    "skin": "skin flesh",
    "plastic": "plastic rubber vinyl acrylic",
    "grass": "grass lawn moss mossy leaf leaves foliage ivy hedge",
    "ground": "ground soil dirt earth mud sand sandy gravel forest snow path desert pebbles",
    "stone": "stone stones rock rocks rocky cobble cobbles cobblestone cobblestones marble granite slate limestone "
             "sandstone basalt flagstone flagstones pavement cliff",
}
_KIND_OF = {word: kind for kind, words in _WORDS.items() for word in words.split()}
# Words that more often tell what lies on a material than what it is.
_WEAK = frozenset("moss mossy ivy rust rusty rusted leaf leaves dirt mud sand sandy snow render window gold golden silver "
                  "glazed clay earth path forest desert".split())


def kind_from_prompt(prompt: str) -> str:
    """The kind of material, a key of ROUGHNESS_RANGES, by the words of a prompt: the last that names one.

    "Mossy cobblestone" is stone, "leather on wood" wood; what is named after "with" or "and" only lies on it.
    """
    words = re.findall(r"[a-z]+", prompt.lower())
    ends = [n for n, word in enumerate(words) if word in ("with", "and", "covered", "under", "beside")]
    for part in (words[:ends[0]] if ends else words, words):
        for weak in (False, True):
            found = [_KIND_OF[word] for word in part if word in _KIND_OF and (word in _WEAK) is weak]
            if found:
                return found[-1]
    return "default"


# --- Single maps ------------------------------------------------------------------------------------------

def _range(kind: str) -> tuple[float, float]:
    if kind not in ROUGHNESS_RANGES:
        raise InputError(f"There is no kind of material named {kind}", field="kind",
                         hint=f"Use one of {', '.join(ROUGHNESS_RANGES)}")
    return ROUGHNESS_RANGES[kind]


def roughness(rgb: np.ndarray, *, kind: str, wrap: Wrap) -> np.ndarray:
    """Roughness of the Principled BSDF, float32 (h, w), within the range of the material's kind.

    A guess: rough where the color is grainy, and where it lies deep, since what stands out is worn smooth.
    """
    _range(kind)
    return _roughness(surface_of(rgb, wrap=wrap, jointed=kind in _JOINTED), kind)


def _roughness(surface: Surface, kind: str) -> np.ndarray:
    low, high = _range(kind)
    usual = max(float(surface.grain.mean(dtype=np.float64)), 1e-4)
    out = surface.grain + np.float32(usual)
    np.divide(surface.grain, out, out=out)                  # 0.5 where the grain is usual
    out *= np.float32(0.6 * (high - low))
    out -= surface.height * np.float32(0.4 * (high - low))
    out += np.float32(low + 0.4 * (high - low))
    return np.clip(out, low, high, out=out)


def metallic(rgb: np.ndarray, *, kind: str) -> np.ndarray:
    """Metalness, float32 (h, w): 0 but for the kind "metal", where it is 1 except in rust, by its color."""
    _range(kind)
    rgb_of(rgb)
    if kind != "metal":
        return np.zeros(rgb.shape[:2], np.float32)
    red, green, blue = (linear_channel(rgb, channel) for channel in range(3))
    # Rust is dark, and much redder than copper or gold, which are bright.
    rust = _smoothstep(red - 2 * np.maximum(green, blue), 0.0, 0.05)
    rust *= _smoothstep(red + green + blue, 0.9, 0.5)
    return 1 - rust


def emission(rgb: np.ndarray) -> np.ndarray:
    """What glows, display-referred float32 (h, w, 3): by its color alone what is much brighter than the rest; else black."""
    red, green, blue = (rgb_of(rgb)[..., channel] for channel in range(3))
    brightest = linear_of(np.fmax(np.fmax(red, green), blue))
    least = max(0.3, 2.5 * float(brightest.mean(dtype=np.float64)))
    out = np.zeros((*brightest.shape, 3), np.float32)
    for row in np.flatnonzero(brightest.max(1) > least):
        mask = _smoothstep(brightest[row], least, 1.5 * least)
        out[row] = np.clip(map_float(rgb[row, :, :3]), 0, 1) * mask[:, None]
    return out


def _smoothstep(values: np.ndarray, start: float, stop: float) -> np.ndarray:
    t = np.clip((values - np.float32(start)) * np.float32(1 / (stop - start)), 0, 1)
    return t * t * (3 - 2 * t)


# --- All of them ------------------------------------------------------------------------------------------

def derive_maps(
    rgb: np.ndarray, wanted: Collection[str], *, prompt: str, wrap: Wrap, width_m: float, relief_m: float,
) -> dict[str, np.ndarray]:
    """All that `each_map` makes, in the order of MAPS."""
    found = dict(each_map(rgb, wanted, prompt=prompt, wrap=wrap, width_m=width_m, relief_m=relief_m))
    return {name: found[name] for name in MAPS if name in found}


def each_map(
    rgb: np.ndarray, wanted: Collection[str], *, prompt: str, wrap: Wrap, width_m: float, relief_m: float,
) -> Iterator[tuple[str, np.ndarray]]:
    """One after the other the wanted maps of MAPS, ready for files, of a display-referred color map (h, w, 3 or 4).

    Height is uint16 (h, w), normal uint16 (h, w, 3) OpenGL, roughness, ao and metallic uint8 (h, w): all data. Emission is
    uint8 (h, w, 3), display-referred. The surface is `width_m` metres wide and from its lowest to its highest point
    `relief_m` metres; it is computed once, as by `derive_height`, but that bright joints of bricks and tiles are deep.
    """
    unknown = [name for name in wanted if name not in MAPS]
    if unknown:
        raise InputError(f"There is no map named {unknown[0]}", field="maps", hint=f"Use {', '.join(MAPS)}")
    rgb_of(rgb)
    kind = kind_from_prompt(prompt)
    size = {"relief_m": relief_m, "width_m": width_m, "wrap": wrap}
    if not {"height", "normal", "roughness", "ao"}.isdisjoint(wanted):
        surface = surface_of(rgb, wrap=wrap, jointed=kind in _JOINTED)
        if "roughness" in wanted:
            yield "roughness", _bytes(_roughness(surface, kind))
        height = surface.height
        del surface
        if "height" in wanted:
            yield "height", (height * np.float32(65535) + np.float32(0.5)).astype(np.uint16)
        if "normal" in wanted:
            yield "normal", encode_normal(normal_from_height(height, **size), dtype=np.uint16)
        if "ao" in wanted:
            yield "ao", _bytes(ambient_occlusion(height, **size))
        del height
    if "metallic" in wanted:
        yield "metallic", _bytes(metallic(rgb, kind=kind))
    if "emission" in wanted:
        yield "emission", _bytes(emission(rgb))


def _bytes(values: np.ndarray) -> np.ndarray:
    out = np.empty(values.shape, np.uint8)
    for row in range(0, len(values), 64):
        part = values[row:row + 64] * np.float32(255)
        part += np.float32(0.5)
        out[row:row + 64] = part
    return out
