# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a raw answer to finished picture files. Runs outside the event loop: it works on whole pictures."""

from __future__ import annotations

from pathlib import Path

from ..core.errors import AnswerError
from ..core.request import ResultPicture
from ..library.journal import write_atomic
from .codec import EXTENSIONS, check_picture

__all__ = ("write_pictures",)


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
