# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Maps that a model has drawn of a color map: brought into the color's place, into their range, and to wrap where the color does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.errors import InputError
from .align import align
from .color import LUMA_DISPLAY
from .relief import Wrap, binomial
from .resample import Warp, halve, prefilter, sample

__all__ = ("ASKED", "RegisteredMap", "finish_map", "register_map")

ASKED = ("height", "roughness", "metallic", "emission")        # normals and occlusion follow from the height

_WORKING_PX = 640_000       # pixels of the pictures that are compared: half the size for larger ones, as touch-ups do
_EVEN = 2.5                 # levels: what deviates less is the grain of a map without shapes
_EDGES = 48.0               # levels that usual edges have in what is compared
_LIFT = 0.3                 # so much of the usual edges, and as many levels, count as none
_CLIPPED = 0.002            # of a height's pixels, at each end of its range
_ENDS = 0.004               # of another map's pixels that may be at an end
_MARGIN = 0.02              # of the range, if more are
_FLAT = 3 / 255             # a height with less between its ends is a plane: the rest is noise
_OFF = 0.05                 # darker is black in a map that is mostly black; as far from white is white
_REACH = 0.25               # of the side: how far from the edge what is to make it meet is felt


@dataclass(frozen=True, slots=True, eq=False)
class RegisteredMap:
    """`levels` are float32, 0..255, (h, w, 3 or 1), in the color's place; how they lay there is in pixels, as `TouchUpReport` has it.

    Where `aligned` is False they are where the model drew them, and `why` says what was the matter.
    """

    levels: np.ndarray
    shift_px: tuple[float, float]
    scale: float
    aligned: bool
    why: str


def register_map(color: np.ndarray, answer: np.ndarray, *, gray: bool = True) -> RegisteredMap:
    """A map as the model has drawn it, where the color map is.

    `color` is display-referred uint8, uint16 or float32 (h, w, 3 or 4), `answer` uint8 (h, w, 3), the model's picture of the same
    shapes, moved, zoomed and bent a little. The two have no tone in common, only edges: compared is how strong these are against those
    around, whichever side of them is the brighter one. Raises InputError.
    """
    height, width = color.shape[:2]
    if answer.shape != (height, width, 3) or answer.dtype != np.uint8:
        raise InputError("The map has not the size of the color", field="answer")
    full = np.float32(255 / np.iinfo(color.dtype).max) if color.dtype.kind == "u" else np.float32(255)
    planes = [(color[..., :3] * full) @ LUMA_DISPLAY, answer.astype(np.float32) @ LUMA_DISPLAY]
    if float(planes[1].std()) < _EVEN:
        return RegisteredMap((planes[1][..., None] if gray else answer.astype(np.float32)), (0.0, 0.0), 1.0, True, "the map is even; left in place")
    edges, factor = [_edges(plane) for plane in planes], 1
    while edges[0].size > _WORKING_PX:
        edges, factor = [halve(plane) for plane in edges], factor * 2
    found = align(edges[0], edges[1], np.ones_like(edges[0]), factor, (width, height))
    drawn = planes[1][..., None] if gray else answer.astype(np.float32)
    if found.warp.shift_px != (0.0, 0.0) or found.warp.scale != 1.0 or found.warp.bend is not None:
        drawn = np.clip(sample(prefilter(drawn), found.warp, (0, 0, width, height), spline=True), 0, 255)
    return RegisteredMap(drawn, _of(found.warp), found.warp.scale, found.aligned, found.why)


def _of(warp: Warp) -> tuple[float, float]:
    return float(warp.shift_px[0]), float(warp.shift_px[1])


def _edges(plane: np.ndarray) -> np.ndarray:
    """How strong the edges of some pixels' width are, against those around: float32 levels, 0..255, _EDGES the usual ones."""
    mirrored = False, False
    fine = binomial(plane, (1, 1), mirrored)
    fine -= binomial(plane, (1, 2, 4), mirrored)
    fine = binomial(abs(fine), (1, 1), mirrored)
    around = binomial(fine, (1, 2, 4, 8, 16), mirrored)
    around += np.float32(_LIFT * float(around.mean(dtype=np.float64)) + _LIFT)
    fine /= around
    return np.clip(fine * np.float32(_EDGES), 0, 255)


def finish_map(kind: str, levels: np.ndarray, *, wrap: Wrap) -> np.ndarray:
    """The map of that kind, one of ASKED, as files have it: uint16 (h, w) for height, uint8 (h, w), or (h, w, 3) for emission.

    `levels` are those of `register_map`. On the axes of `wrap` (x, y) its edges then meet, by a correction that is smooth along and
    across them. A height uses its whole range; of no other map more than 0.5 % of the pixels are at an end, but for metal and glow,
    which are what they are there.
    """
    if kind not in ASKED:
        raise InputError(f"The model is not asked for a map named {kind}", field="maps", hint=f"Use {', '.join(ASKED)}")
    values = levels * np.float32(1 / 255)
    planes = [_met(np.ascontiguousarray(values[..., channel]), wrap) for channel in range(values.shape[2])]
    if kind == "height":
        # 8 bits make terraces of slow slopes, and grain of noise.
        plane = binomial(planes[0], (1, 1), wrap)
        low, high = np.percentile(plane[::2, ::2], (100 * _CLIPPED, 100 * (1 - _CLIPPED)))
        if high - low < _FLAT:
            return np.full(plane.shape, 32768, np.uint16)
        return (np.clip((plane - np.float32(low)) * np.float32(1 / (high - low)), 0, 1) * np.float32(65535) + np.float32(0.5)).astype(np.uint16)
    if kind == "roughness":
        out = np.clip(binomial(planes[0], (1,), wrap), 0, 1)
        at_ends = max(float((out <= 0.5 / 255).mean()), float((out >= 1 - 0.5 / 255).mean())) > _ENDS
        return _bytes(out * np.float32(1 - 2 * _MARGIN) + np.float32(_MARGIN) if at_ends else out)
    if kind == "metallic":
        return _bytes((planes[0] - np.float32(_OFF)) * np.float32(1 / (1 - 2 * _OFF)))
    glow = np.dstack(planes)
    glow *= np.clip((glow.max(2, keepdims=True) - np.float32(_OFF)) * np.float32(1 / _OFF), 0, 1)
    return _bytes(glow)


def _bytes(values: np.ndarray) -> np.ndarray:
    return (np.clip(values, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)


def _met(plane: np.ndarray, wrap: Wrap) -> np.ndarray:
    """The plane, its edges meeting on the axes of `wrap` (x, y)."""
    for axis, cyclic in ((1, wrap[0]), (0, wrap[1])):
        if cyclic:
            lines = plane if axis == 1 else plane.T
            plane = _joined(lines, along=wrap[1] if axis == 1 else wrap[0])
            plane = plane if axis == 1 else np.ascontiguousarray(plane.T)
    return plane


def _joined(lines: np.ndarray, *, along: bool) -> np.ndarray:
    """Lines whose ends meet, (h, w): half of the step between them is added and taken away at each, less with the distance.

    A wave along the edge fades as it would in a film spanned over the picture (Laplace's equation: by exp(-2 pi x / its length)), a
    constant step to nothing at `_REACH`. `along`: whether the edges themselves wrap.
    """
    height, width = lines.shape
    near, far = lines[:, :3].mean(1, dtype=np.float64), lines[:, -3:].mean(1, dtype=np.float64)
    step = far - near                                   # grain is no step: means of three
    period = step if along else np.concatenate((step, step[::-1]))
    waves = np.fft.rfft(period)
    reach = max(2, int(width * _REACH))
    x = np.arange(reach) + 0.5
    fade = (1 + np.cos(np.pi * x / reach)) / 2
    rate = 2 * np.pi * np.arange(len(waves)) / len(period)
    film = np.fft.irfft(waves[:, None] * np.exp(-rate[:, None] * x) * fade, len(period), axis=0)[:height] / 2
    out = lines.copy()
    out[:, :reach] += film.astype(np.float32)
    out[:, width - reach:] -= film[:, ::-1].astype(np.float32)
    return out
