# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a raw answer to finished picture files. Runs outside the event loop: it works on whole pictures."""

from __future__ import annotations

from pathlib import Path

from ..core.errors import AnswerError
from ..core.request import ResultPicture
from ..library.journal import write_atomic
from .codec import EXTENSIONS, check_picture
from .files import read_picture, write_png

__all__ = ("write_cut", "write_pictures")


def write_pictures(pictures: list[bytes], folder: Path) -> tuple[ResultPicture, ...]:
    """Check the picture files and put them, byte for byte, into the job's results folder.

    Raises AnswerError if none is usable; a bad one among good ones is left out, its bytes stay in the answer.
    """
    results = folder / "results"
    results.mkdir(exist_ok=True)
    finished: list[ResultPicture] = []
    trouble: AnswerError | None = None
    for data in pictures:
        try:
            mime, width, height = check_picture(data)
        except AnswerError as error:
            trouble = error
            continue
        path = results / f"{len(finished)}.{EXTENSIONS[mime]}"
        write_atomic(path, data)
        finished.append(ResultPicture(path.relative_to(folder).as_posix(), mime, width, height))
    if not finished:
        raise trouble or AnswerError("The service's answer holds no picture")
    return tuple(finished)


def write_cut(pictures: tuple[ResultPicture, ...], frame_px: tuple[int, ...], folder: Path) -> tuple[ResultPicture, ...]:
    """The pictures cut to that width and height about their middle, in files of their own; what is smaller is left as it is. No pixel changes."""
    width, height = frame_px
    made = []
    for picture in pictures:
        if picture.width_px < width or picture.height_px < height:
            made.append(picture)                # a server of one's own may make another size
            continue
        path = folder / picture.path
        pixels, profile = read_picture(path.read_bytes())
        left, top = (picture.width_px - width) // 2, (picture.height_px - height) // 2
        file = path.with_name(f"{path.stem}-frame.png")
        write_atomic(file, write_png(pixels[top:top + height, left:left + width], profile))
        made.append(picture._replace(path=file.relative_to(folder).as_posix(), mime="image/png", width_px=width, height_px=height))
    return tuple(made)
