# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The slow light of a photographed surface, told from its colors and taken out of them."""

from __future__ import annotations

import numpy as np

from ..core.errors import InputError
from .color import display_from_linear
from .relief import Wrap, linear_channel, map_float, rgb_of

__all__ = ("delight", "shading_of")

_CELLS = 128                # along the longer side
_BELL = 2.0                 # cells: what is smaller is texture
_WAVES = 6                  # periods of the fastest light along the longer side
_ROUNDS = 5
_OUTLIER = 10.0             # times the usual change: more is no light
_HUE = 0.03                 # log ratio of channels: less between two cells is no other material
_DARK = 3e-4                # linear, added before logarithms


def delight(rgb: np.ndarray, *, strength: float = 1.0, wrap: Wrap = (False, False)) -> np.ndarray:
    """The color map without its baked slow shading, of the same shape and dtype (uint8, uint16 or float32 0..1).

    `rgb` is display-referred (h, w, 3 or 4); the light is divided out in linear light, alpha is kept, and so is the mean
    of each channel in linear light. `strength` 0 gives back the picture bit for bit, 1 takes all of the light out.
    """
    rgb_of(rgb)
    if not 0 <= strength <= 1:
        raise InputError("The strength must lie between 0 and 1", field="strength", hint="1 takes all of the light out")
    out = rgb.copy()
    if strength == 0:
        return out
    # Only the slow modes are kept of the light, so it costs two thin matrices at the full size.
    rows, modes, columns = _fitted(rgb, wrap)
    gain = np.exp((rows @ (modes * -strength) @ columns.T).astype(np.float32))
    alpha = map_float(rgb[..., 3]) if rgb.shape[2] == 4 else None
    for channel in range(3):
        linear = linear_channel(rgb, channel)
        wanted = _mean(linear, alpha)
        linear *= gain
        for _ in range(3):                      # what is brighter than white is cut, which takes from the mean
            now = _mean(linear, alpha)
            if now > 0:
                linear *= np.float32(wanted / now)
            if linear.max() <= 1:
                break
            np.minimum(linear, 1, out=linear)
        out[..., channel] = _encoded(linear, rgb.dtype)
    return out


def shading_of(rgb: np.ndarray, *, wrap: Wrap) -> np.ndarray:
    """The natural logarithm of the slow light, float32 (h, w), that is baked into a color map; its mean is 0.

    A sum of slow waves that fits the changes of log luminance from cell to cell. Changes of hue are changes of material
    and say nothing, and so do changes that are too large for light.

    Sources: Land and McCann, "Lightness and retinex theory", 1971; Grosse and others, "Ground truth dataset and baseline
    evaluations for intrinsic image algorithms", 2009 (color retinex).
    """
    rows, modes, columns = _fitted(rgb_of(rgb), wrap)
    return (rows @ modes @ columns.T).astype(np.float32)


def _mean(values: np.ndarray, alpha: np.ndarray | None) -> float:
    if alpha is None:
        return float(values.mean(dtype=np.float64))
    total = float(alpha.sum(dtype=np.float64))
    return float(np.einsum("ij,ij->", values, alpha, dtype=np.float64)) / total if total else 0.0


def _encoded(linear: np.ndarray, dtype: np.dtype) -> np.ndarray:
    if dtype == np.uint8:
        # By a table of square roots, which is finer than a level everywhere.
        roots = np.arange(65536, dtype=np.float32) / np.float32(65535)
        levels = np.rint(display_from_linear((roots * roots)[:, None])[:, 0] * 255).astype(np.uint8)
        np.sqrt(linear, out=linear)
        linear *= np.float32(65535)
        linear += np.float32(0.5)
        return levels[linear.astype(np.uint16)]
    display = display_from_linear(linear[..., None])[..., 0]
    return np.rint(display * 65535).astype(np.uint16) if dtype == np.uint16 else display


# --- The fit ----------------------------------------------------------------------------------------------

def _fitted(rgb: np.ndarray, wrap: Wrap) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(h, m), (m, n), (w, n): the log of the light is their product."""
    height, width = rgb.shape[:2]
    longer = max(height, width)
    cells, waves = ([min(n, max(1, round(most * n / longer))) for n in (height, width)] for most in (_CELLS, _WAVES))
    cyclic = wrap[1], wrap[0]
    blocks = [_block(*side) for side in zip((height, width), cells, strict=True)]
    down, across = (_averages(n // block, *side) for n, block, *side in zip((height, width), blocks, cells, cyclic, strict=True))
    alpha = map_float(rgb[..., 3]) if rgb.shape[2] == 4 else None
    cover = np.ones(cells) if alpha is None else (down @ _means(alpha, *blocks) @ across.T).astype(np.float64)
    logs = []
    for channel in range(3):
        linear = linear_channel(rgb, channel)
        if alpha is not None:
            linear *= alpha
        logs.append(np.log((down @ _means(linear, *blocks) @ across.T).astype(np.float64) / np.maximum(cover, 1e-6) + _DARK))
    red, green, blue = logs
    light = np.log(0.2126 * np.exp(red) + 0.7152 * np.exp(green) + 0.0722 * np.exp(blue))
    modes = [_mode_count(*side) for side in zip(cells, waves, cyclic, strict=True)]
    found = _solved(light, (red - green, blue - green), cover, *(
        _modes(*side) for side in zip(cells, modes, cyclic, strict=True)), wrap)
    rows, columns = (_modes(*side).astype(np.float32) for side in zip((height, width), modes, cyclic, strict=True))
    return rows, found.astype(np.float32), columns


def _block(pixels: int, cells: int) -> int:
    """So many pixels in a row can be one: an eighth of the bell's sigma or less, which does not change its form."""
    return next((n for n in (4, 2) if pixels % n == 0 and pixels * _BELL >= 8 * n * cells), 1)


def _means(values: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Of blocks of so many rows and columns; the picture is made of whole ones."""
    for block in (rows, columns):
        if block > 1:
            total = values[::block] + values[1::block]
            for k in range(2, block):
                total += values[k::block]
            total *= np.float32(1 / block)
            values = total
        values = values.T
    return values


def _averages(pixels: int, cells: int, cyclic: bool) -> np.ndarray:
    """(cells, pixels): weights of a bell around the middle of each cell.

    It is wider than a cell, so that it hardly matters where on the picture the cells happen to lie.
    """
    place = (np.arange(pixels) + 0.5) * cells / pixels
    middle = np.arange(cells)[:, None] + 0.5
    images = [place + turn * cells for turn in (-1, 0, 1)] if cyclic else [place, -place, 2 * cells - place]
    out = sum(np.exp(-0.5 * ((image - middle) / _BELL) ** 2) for image in images)
    return (out / out.sum(1, keepdims=True)).astype(np.float32)


def _mode_count(cells: int, waves: int, cyclic: bool) -> int:
    return 1 + 2 * min(waves, (cells - 1) // 2) if cyclic else 1 + min(2 * waves, cells - 1)


def _modes(count: int, modes: int, cyclic: bool) -> np.ndarray:
    """(count, modes): a constant, then slow waves that wrap, or that are mirrored at the sides."""
    turn = 2 * np.pi * (np.arange(count) + 0.5) / count
    if not cyclic:
        return np.cos(np.outer(turn / 2, np.arange(modes)))
    waves = np.outer(turn, np.arange(1, modes // 2 + 1))
    return np.concatenate((np.ones((count, 1)), np.cos(waves), np.sin(waves)), 1)


def _steps(values: np.ndarray, axis: int, cyclic: bool) -> np.ndarray:
    """Changes from each cell to the next."""
    after = np.roll(values, -1, axis) - values
    return after if cyclic else np.delete(after, -1, axis)


def _solved(
    light: np.ndarray, hues: tuple[np.ndarray, np.ndarray], cover: np.ndarray,
    basis_y: np.ndarray, basis_x: np.ndarray, wrap: Wrap,
) -> np.ndarray:
    """(modes down, modes across) of the light, by weighted least squares; the constant is 0."""
    sides = []                                  # of each axis: changes, weights, basis down, basis across
    for axis, cyclic in ((0, wrap[1]), (1, wrap[0])):
        change = _steps(light, axis, cyclic)
        hue = sum(abs(_steps(values, axis, cyclic)) for values in hues)
        usual = 3 * float(np.median(hue)) if hue.size else 0.0
        sure = 1 / (1 + (hue / max(_HUE, usual)) ** 2)
        other = np.roll(cover, -1, axis) if cyclic else np.delete(np.roll(cover, -1, axis), -1, axis)
        own = cover if cyclic else np.delete(cover, -1, axis)
        sure *= np.minimum(own, other)
        down = _steps(basis_y, 0, cyclic) if axis == 0 else basis_y
        across = _steps(basis_x, 0, cyclic) if axis == 1 else basis_x
        sides.append((change, sure, down, across))
    shape = basis_y.shape[1], basis_x.shape[1]
    count = shape[0] * shape[1]
    found = np.zeros(count)
    if count == 1:
        return found.reshape(shape)
    for _ in range(_ROUNDS):
        matrix, right = np.zeros((count, count)), np.zeros(count)
        left = [change - down @ found.reshape(shape) @ across.T for change, _, down, across in sides]
        spread = _OUTLIER * 1.4826 * float(np.median(np.concatenate([abs(part).ravel() for part in left]))) + 1e-6
        for (change, sure, down, across), rest in zip(sides, left, strict=True):
            weight = sure / (1 + (rest / spread) ** 2)
            pairs_y = (down[:, :, None] * down[:, None]).reshape(len(down), shape[0] ** 2)
            pairs_x = (across[:, :, None] * across[:, None]).reshape(len(across), shape[1] ** 2)
            block = (pairs_y.T @ weight @ pairs_x).reshape(shape[0], shape[0], shape[1], shape[1])
            matrix += block.transpose(0, 2, 1, 3).reshape(count, count)
            right += (down.T @ (weight * change) @ across).reshape(-1)
        matrix[np.diag_indices(count)] += 1e-6 * max(float(np.trace(matrix)) / count, 1e-12)
        found = np.linalg.solve(matrix, right)
    found[0] = 0
    return found.reshape(shape)
