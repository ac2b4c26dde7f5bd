# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a finished PNG file tells of itself, wherever it is copied: its prompt, and the job that made it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from ..core.entries import entry_id
from ..core.request import Job, ResultPicture
from ..imaging.png import LABEL, with_texts
from ..library.journal import write_atomic

__all__ = ("label_files",)


def label_files(job: Job, pictures: Iterable[ResultPicture], folder: Path) -> None:
    """Write the job's words and id into the pictures' PNG files, and into those of their maps and patches.

    What the service has told there stays, and a signed file stays as it is (`imaging.png.with_texts`). The answer itself is
    another file. Raises OSError.
    """
    for number, picture in enumerate(pictures):
        facts = {"entry": entry_id(job.id, number), "kind": job.kind, "model": job.request.model, "quality": job.request.quality,
                 "service": str(job.service.kind), "created": job.created}
        texts = dict(zip(LABEL, (json.dumps(facts), job.prompt, "GPT Image for Blender"), strict=True))
        for name in (picture.path, picture.patch, *(picture.maps or {}).values()):
            path = folder / name
            if path.suffix != ".png":
                continue
            data = path.read_bytes()
            labelled = with_texts(data, texts)
            if labelled is not data:
                write_atomic(path, labelled)
