# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One subject from several sides: where it stands in a picture, and where a sheet of several views is cut."""

from __future__ import annotations

import numpy as np

__all__ = ("cut_views", "subject_box", "subject_mask")

# How far from the background's color a pixel is the subject's: above the noise and the soft shade of a drawn backdrop.
CONTRAST = 28
# How far from the even place a cut may lie, as a share of a view's width.
REACH = 0.3


def subject_mask(picture: np.ndarray) -> np.ndarray:
    """Which pixels are the subject's: bool (h, w) of uint8 display RGB or RGBA (h, w, 3 or 4).

    Where the picture is transparent there is none of it. Else the backdrop is what is seen at the picture's left and right
    edges: in each row, the color between theirs, so that a floor and a lit wall are backdrop too.
    """
    if picture.shape[2] == 4 and picture[..., 3].min() < 128:
        return picture[..., 3] >= 128
    rgb = picture[..., :3].astype(np.int16)
    edge = max(1, picture.shape[1] // 256)
    left, right = np.median(rgb[:, :edge], axis=1), np.median(rgb[:, -edge:], axis=1)
    across = np.linspace(0, 1, picture.shape[1], dtype=np.float32)[None, :, None]
    backdrop = left[:, None] * (1 - across) + right[:, None] * across
    return np.abs(rgb - backdrop).max(axis=2) > CONTRAST


def subject_box(mask: np.ndarray) -> tuple[int, int, int, int]:
    """(x0, y0, x1, y1) of the subject in pixels from the top left; the whole picture where there is none.

    Rows and columns with less than a two-hundredth of the fullest one's pixels are specks, not the subject.
    """
    bounds = []
    for axis in (0, 1):
        counts = np.count_nonzero(mask, axis=axis)
        found = np.flatnonzero(counts > counts.max(initial=0) / 200)
        bounds.append((int(found[0]), int(found[-1]) + 1) if found.size else (0, counts.size))
    (x0, x1), (y0, y1) = bounds
    return x0, y0, x1, y1


def cut_views(mask: np.ndarray, count: int) -> list[tuple[int, int]]:
    """The columns (from, to) of each of `count` views side by side: all of the sheet's, each once.

    Each cut lies in the middle of the emptiest gap near its even place, as far as that is near; where all is as empty, at the even place.
    """
    width = mask.shape[1]
    filled = np.count_nonzero(mask, axis=0)
    cuts = [0]
    for index in range(1, count):
        even, reach = width * index / count, width / count * REACH
        low, high = max(cuts[-1] + 1, int(even - reach)), min(width, int(even + reach) + 1)
        emptiest = filled[low:high].min()
        columns = np.flatnonzero(filled <= emptiest)
        gaps = [gap for gap in np.split(columns, np.flatnonzero(np.diff(columns) > 1) + 1) if low <= gap[-1] and gap[0] < high]
        # The widest; of equals the one whose middle is nearest to the even place.
        best = max(gaps, key=lambda gap: (gap.size, -abs(gap.mean() - even)))
        middle = even if best[0] <= low and best[-1] >= high - 1 else best[best.size // 2]
        cuts.append(min(max(low, int(middle)), high - 1))
    return list(zip(cuts, [*cuts[1:], width], strict=True))
