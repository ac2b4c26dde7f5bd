# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The canvas of a UDIM tile: its neighbors where they lie, and what goes on from their edges in between."""

from __future__ import annotations

import numpy as np
import pytest

from gptimage_addon.core.udim import canvas_of
from gptimage_addon.imaging.udim import put_together

SIDE = 64


def ground(column: int, row: int) -> np.ndarray:
    """A tile of one wide smooth picture: uint8 (h, w, 3), rows from the top."""
    x = column * SIDE + np.arange(SIDE) + 0.5
    y = row * SIDE + SIDE - 0.5 - np.arange(SIDE)
    wave = np.sin(x[None] / 37) + np.cos(y[:, None] / 29)
    return np.stack((128 + 50 * wave, 128 - 40 * wave, np.broadcast_to(100 + x[None] / 4, wave.shape)), axis=2).astype(np.uint8)


@pytest.mark.parametrize("places", [
    [(-1, 0)], [(0, -1)], [(-1, 0), (0, -1), (-1, -1)], [(-1, 0), (0, -1)], [(-1, 0), (1, 0), (0, 1), (0, -1), (1, 1)]])
def test_neighbors_lie_where_they_are_and_their_edges_go_on(places: list[tuple[int, int]]) -> None:
    width, height, box = canvas_of((SIDE, SIDE), [place for place in places if 0 in place])
    picture, mask = put_together({place: ground(*place) for place in places}, (width, height), box)
    assert picture.shape == (height, width, 3) and picture.dtype == np.uint8 and mask.shape == (height, width)
    assert (mask[box.slices] == 1).all()
    # Against the whole picture, pixel by pixel, wherever the mask says that it is known.
    x, y = np.arange(width) - box.x0, box.y1 - 1 - np.arange(height)            # from the tile's corner at the bottom left
    whole = np.concatenate([np.concatenate([ground(column, row) for column in (-1, 0, 1)], axis=1) for row in (1, 0, -1)])
    true = whole[2 * SIDE - 1 - y][:, SIDE + x]
    assert np.array_equal(picture[mask == 0], true[mask == 0]) and (mask == 0).sum() >= SIDE * SIDE // 4
    # No step at any known edge of the tile.
    for (column, row) in places:
        if row == 0:
            edge = box.x0 if column < 0 else box.x1
            across = picture[box.y0:box.y1, edge].astype(int) - picture[box.y0:box.y1, edge - 1]
        elif column == 0:
            edge = box.y1 if row < 0 else box.y0
            across = picture[edge, box.x0:box.x1].astype(int) - picture[edge - 1, box.x0:box.x1]
        else:
            continue
        # But for the corners, where another edge is as near.
        assert not across[2:-2].any(), (column, row)
    assert picture.reshape(-1, 3).any(axis=1).all()             # nothing is left black
