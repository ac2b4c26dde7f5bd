# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture in which a UDIM tile is made: strips of its neighbors around it, and in its place what goes on from their edges."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..core.regions import Box

__all__ = ("put_together",)


def put_together(
    around: Mapping[tuple[int, int], np.ndarray], size: tuple[int, int], box: Box,
) -> tuple[np.ndarray, np.ndarray]:
    """(uint8 (h, w, 3) picture of that width and height, mask float32 (h, w): 1 where it is not known).

    `around` are the tiles beside the one in the box, uint8 and as large as that, by (columns to the right, rows up). In the
    box, and in corners without a tile, they are mirrored at the edge that is nearest: no step anywhere along their edges.
    """
    width, height = size
    picture, known = np.zeros((height, width, 3), np.uint8), np.zeros((height, width), bool)
    for (column, row), tile in around.items():
        _paste(picture, known, tile, box, column, row)
    mask = np.where(known, np.float32(0), np.float32(1))
    beside = [place for place in around if 0 in place]
    _fill(picture, {place: around[place] for place in beside}, box)
    for column in (-1, 1):
        for row in (-1, 1):
            # From the strip beside it, mirrored up or down; without one from that above or below, mirrored sideways.
            side = next((place for place in ((column, 0), (0, row)) if place in around), None)
            if side and (column, row) not in around:
                tile = around[side]
                _paste(picture, known, tile[::-1] if side[0] else tile[:, ::-1], box, column, row)
    return picture, mask


def _paste(picture: np.ndarray, known: np.ndarray, tile: np.ndarray, box: Box, column: int, row: int) -> None:
    """Put a tile where it lies, as far as that is in the picture."""
    left, top = box.x0 + column * box.width, box.y0 - row * box.height
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + box.width, picture.shape[1]), min(top + box.height, picture.shape[0])
    if x0 < x1 and y0 < y1:
        picture[y0:y1, x0:x1] = tile[y0 - top:y1 - top, x0 - left:x1 - left]
        known[y0:y1, x0:x1] = True


def _fill(picture: np.ndarray, beside: Mapping[tuple[int, int], np.ndarray], box: Box) -> None:
    """Fill the box: each pixel from the tile whose edge is nearest, mirrored at that."""
    y, x = np.mgrid[:box.height, :box.width].astype(np.float32)
    away = {(-1, 0): x / box.width, (1, 0): 1 - (x + 1) / box.width, (0, 1): y / box.height, (0, -1): 1 - (y + 1) / box.height}
    nearest = np.full((box.height, box.width), np.inf, np.float32)
    inside = picture[box.slices]
    for place, tile in beside.items():
        nearer = away[place] < nearest
        mirrored = tile[:, ::-1] if place[0] else tile[::-1]
        np.copyto(inside, mirrored, where=nearer[..., None])
        np.minimum(nearest, away[place], out=nearest)
