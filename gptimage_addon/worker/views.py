# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Views of one subject: a sheet cut into them, and where in each picture the subject stands."""

from __future__ import annotations

from pathlib import Path

from ..core.request import ResultPicture
from ..imaging.views import cut_views, subject_box, subject_mask
from ..library.journal import write_atomic
from .files import read_picture, write_png

__all__ = ("write_views",)


def write_views(pictures: tuple[ResultPicture, ...], views: tuple[str, ...], folder: Path) -> tuple[ResultPicture, ...]:
    """The views of each picture, in their order. The report tells each one's name (`view`) and where the subject stands
    (`subject`, x0, y0, x1, y1 in pixels from the top left).

    A picture of one view keeps its file; a sheet's columns are written beside it, no pixel changed.
    """
    made = []
    for picture in pictures:
        path = folder / picture.path
        pixels, profile = read_picture(path.read_bytes())
        mask = subject_mask(pixels)
        for index, (view, (left, right)) in enumerate(zip(views, cut_views(mask, len(views)), strict=True)):
            part = picture
            if len(views) > 1:
                file = path.with_name(f"{path.stem}-{index}-{view}.png")
                write_atomic(file, write_png(pixels[:, left:right], profile))
                part = ResultPicture(file.relative_to(folder).as_posix(), "image/png", right - left, pixels.shape[0])
            box = subject_box(mask[:, left:right])
            made.append(part._replace(report={**(part.report or {}), "view": view, "subject": list(box)}))
    return tuple(made)
