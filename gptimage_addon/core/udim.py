# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""UDIM tiles: their numbers, what lies beside what, and the picture in which one is made with its neighbors as context.

A tile is a square of the UV map. Its number is 1001 + column + 10 row, ten columns to a row, rows upward.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from .catalog import EDGE_STEP_PX
from .regions import Box

__all__ = ("COLUMNS", "Canvas", "FIRST", "ROWS", "SIDES", "canvas_of", "file_name", "neighbors", "number_of", "place_of")

FIRST, COLUMNS, ROWS = 1001, 10, 100
STRIP_SHARE = 1 / 4             # of a tile's side: so much of each neighbor the model sees
# (column, row) to the right and up.
SIDES = ((-1, 0), (1, 0), (0, -1), (0, 1))
_CORNERS = ((-1, -1), (1, -1), (-1, 1), (1, 1))


def number_of(column: int, row: int) -> int:
    """The tile's number. Columns are 0 to 9."""
    return FIRST + column + COLUMNS * row


def place_of(number: int) -> tuple[int, int]:
    """(column, row) of a tile."""
    row, column = divmod(number - FIRST, COLUMNS)
    return column, row


def neighbors(number: int, there: Collection[int]) -> dict[tuple[int, int], int]:
    """Which of the tiles that are there lie beside this one: (column, row) from it -> number.

    Those at its corners count where a tile beside them is there as well.
    """
    column, row = place_of(number)

    def at(right: int, up: int) -> int | None:
        inside = 0 <= column + right < COLUMNS and 0 <= row + up < ROWS
        found = number_of(column + right, row + up) if inside else None
        return found if found in there else None

    found = {side: tile for side in SIDES if (tile := at(*side))}
    found |= {corner: tile for corner in _CORNERS if (tile := at(*corner)) and ((corner[0], 0) in found or (0, corner[1]) in found)}
    return found


class Canvas(NamedTuple):
    """A picture of a tile and strips of its neighbors, and where in it the tile is. In pixels from the top left."""

    width_px: int
    height_px: int
    box: Box


def canvas_of(tile_px: tuple[int, int], sides: Collection[tuple[int, int]]) -> Canvas:
    """The canvas for a tile of that size with strips on those sides."""
    strips = [max(EDGE_STEP_PX, round(length * STRIP_SHARE / EDGE_STEP_PX) * EDGE_STEP_PX) for length in tile_px]
    left, right, below, above = (strips[0 if column else 1] * ((column, row) in sides) for column, row in SIDES)
    width, height = tile_px
    return Canvas(width + left + right, height + above + below, Box(left, above, left + width, above + height))


def file_name(stem: str, number: int, suffix: str = ".png") -> str:
    """NAME.1001.png, the name that all programs know the tile by."""
    return f"{stem}.{number}{suffix}"
