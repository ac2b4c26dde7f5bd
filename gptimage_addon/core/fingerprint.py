# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether two jobs ask for the same: what is sent, to whom, and what is done with the answer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from .request import Job, SentPicture
from .values import to_json

__all__ = ("content_digest", "fingerprint", "input_paths")

PREPARED = "prepared/"                  # what the worker makes of the inputs
# The fields of a job on which its pictures do not depend, or only by what is in the others.
IGNORED = frozenset({"id", "kind", "prompt", "landing", "created", "estimate_usd", "estimate_exact", "deadline_s", "follow_up", "parents", "chain",
                     "camera", "frame", "label_files"})


def input_paths(job: Job) -> tuple[str, ...]:
    """The files in the job's folder on which its result depends."""
    request = job.request
    pictures = [picture for picture in (*request.images, request.mask, request.markup) if picture and not picture.of]
    found = [path for picture in pictures if not (path := picture.source or picture.path).startswith(PREPARED)]
    if job.finish:
        found += [path for path in (job.finish.source, job.finish.mask) if path] + [tile.path for tile in job.finish.around if not tile.of]
    if job.surface and job.surface.source:
        found.append(job.surface.source)
    if job.lettering and job.lettering.font:
        found.append(job.lettering.font)
    return tuple(dict.fromkeys(found))


def content_digest(data: bytes) -> str:
    """What stands for a file's content."""
    return hashlib.sha256(data).hexdigest()


def fingerprint(job: Job, digests: Mapping[str, str]) -> str:
    """The same for jobs that ask for the same: 32 hexadecimal digits.

    Neither names, dates and prices count nor how soon they come and where they go; what is made from another job counts by
    that job's id. `digests` are those of the job's `input_paths`, for the files' names tell nothing. Raises KeyError for one
    that is missing.
    """
    def by_content(picture: SentPicture | None) -> SentPicture | None:
        if picture is None:
            return None
        picture = picture._replace(name="")
        if picture.source:
            return picture._replace(path="", source=digests[picture.source])
        is_made = picture.of or picture.path.startswith(PREPARED)
        return picture if is_made else picture._replace(path=digests[picture.path])

    request = job.request._replace(images=tuple(map(by_content, job.request.images)), mask=by_content(job.request.mask),
                                   markup=by_content(job.request.markup), batch=False)
    finish, surface, lettering = job.finish, job.surface, job.lettering
    if finish:
        around = tuple(tile if tile.of else tile._replace(path=digests[tile.path]) for tile in finish.around)
        source, mask = (digests[path] if path else "" for path in (finish.source, finish.mask))
        finish = finish._replace(source=source, mask=mask, parent="", beside=(), around=around)
    if surface and surface.source:
        surface = surface._replace(source=digests[surface.source])
    if lettering and lettering.font:
        lettering = lettering._replace(font=digests[lettering.font])
    facts = to_json(job._replace(request=request, finish=finish, surface=surface, lettering=lettering))
    text = json.dumps({name: value for name, value in facts.items() if name not in IGNORED}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
