# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""UDIM numbers by the convention, what lies beside what, and the canvas a tile is made in."""

from __future__ import annotations

import pytest

from gptimage_addon.core.regions import OPENAI_RULES
from gptimage_addon.core.udim import canvas_of, file_name, neighbors, number_of, place_of


@pytest.mark.parametrize(("number", "place"), [(1001, (0, 0)), (1002, (1, 0)), (1010, (9, 0)), (1011, (0, 1)), (1025, (4, 2)), (2000, (9, 99))])
def test_numbers(number: int, place: tuple[int, int]) -> None:
    assert place_of(number) == place and number_of(*place) == number


def test_what_lies_beside_a_tile() -> None:
    there = {1001, 1002, 1003, 1010, 1011, 1021}
    assert neighbors(1012, there) == {(-1, 0): 1011, (0, -1): 1002, (-1, -1): 1001, (1, -1): 1003, (-1, 1): 1021}
    assert neighbors(1001, there) == {(1, 0): 1002, (0, 1): 1011}
    # A row ends at column 9, and a corner alone is nothing beside it.
    assert neighbors(1011, {1010, 1020}) == {} and neighbors(1020, {1010, 1011}) == {(0, -1): 1010}
    assert neighbors(1012, {1001}) == {} and neighbors(1012, {1023, 1013}) == {(1, 0): 1013, (1, 1): 1023}


@pytest.mark.parametrize("sides", [{(-1, 0)}, {(-1, 0), (0, -1)}, {(-1, 0), (1, 0), (0, -1), (0, 1)}])
@pytest.mark.parametrize("size", [(1024, 1024), (2048, 2048), (1536, 1024)])
def test_a_canvas_is_a_size_that_is_made(size: tuple[int, int], sides: set[tuple[int, int]]) -> None:
    width, height, box = canvas_of(size, sides)
    assert (box.width, box.height) == size
    assert (box.x0 > 0, width > box.x1, height > box.y1, box.y0 > 0) == tuple(side in sides for side in ((-1, 0), (1, 0), (0, -1), (0, 1)))
    # Strips of a quarter; the rows of the picture are from the top, those of the tiles from the bottom.
    assert box.x0 in (0, size[0] // 4) and height - box.y1 in (0, size[1] // 4)
    assert OPENAI_RULES.allows(width, height) or width * height > OPENAI_RULES.max_pixels


def test_file_names() -> None:
    assert file_name("wall", 1011) == "wall.1011.png"
