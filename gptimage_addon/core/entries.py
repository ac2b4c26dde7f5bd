# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the history tells of a picture, and what can be asked of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from .errors import InputError
from .request import Job, JobRecord, ServiceKind

__all__ = ("COUNT_LIMIT", "Entry", "Notes", "Page", "Query", "entries_of", "entry_id", "split_entry_id")

# How far the entries that fit are counted: "1000 or more" is all that an artist needs to know.
COUNT_LIMIT = 1000
# Jobs whose files are for something that is there already, and are no pictures of their own.
NO_PICTURES = ("check", "export")
# Of the longest prompts this much is shown; the job's own file has them whole.
PROMPT_SHOWN = 500


class Entry(NamedTuple):
    """One finished picture. `id` names its job and its number there; paths are relative to the data folder.

    `usd` is what this picture cost, or was estimated to where the service does not tell (0 on the practice service, None
    for unknown prices). `created` is an ISO 8601 time in UTC. `objects` are the names it was made for, `parents` the entries
    of the pictures it was made from; `group` is the job whose variants it belongs to.
    """

    id: str
    kind: str
    prompt: str
    model: str
    size: str
    quality: str
    service: ServiceKind
    created: str
    path: str
    width_px: int
    height_px: int
    usd: float | None = None
    seconds: float = 0.0
    thumbnail: str = ""
    objects: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    group: str = ""
    has_mask: bool = False
    blend: str = ""
    project: str = ""
    camera: str = ""
    frame: int | None = None
    star: bool = False
    tags: tuple[str, ...] = ()

    @property
    def job_id(self) -> str:
        return split_entry_id(self.id)[0]


class Notes(NamedTuple):
    """What the artist noted on a picture. Kept in the job's folder, so that it outlives the database."""

    star: bool = False
    tags: tuple[str, ...] = ()
    deleted: bool = False


class Query(NamedTuple):
    """Which entries are wanted: all that is told must fit.

    `words` are beginnings of words of the prompt, the objects, the tags, the file and the project. `related` wants an entry with
    those it was made from, and those made from it. Times are seconds since the epoch, 0 for any; prices are US dollars, both ends
    included.
    """

    words: str = ""
    kind: str = ""
    model: str = ""
    object_name: str = ""
    blend: str = ""
    since_s: float = 0.0
    until_s: float = 0.0
    usd_from: float | None = None
    usd_to: float | None = None
    starred: bool = False
    related: str = ""
    page: int = 0
    page_size: int = 12


class Page(NamedTuple):
    """The answer: newest first. `count` is how many fit, at most COUNT_LIMIT."""

    query: Query
    entries: tuple[Entry, ...] = ()
    count: int = 0


def entry_id(job_id: str, picture: int) -> str:
    """The name of a job's picture in the history."""
    return f"{job_id}:{picture}"


def split_entry_id(name: str) -> tuple[str, int]:
    """(job id, number of the picture). Raises InputError for what names no entry."""
    job_id, colon, number = name.rpartition(":")
    if not colon or not job_id or not number.isascii() or not number.isdigit():
        raise InputError(f"{name!r} is no entry of the history", field="entry", hint="Choose one in the gallery")
    return job_id, int(number)


def entries_of(job: Job, record: JobRecord, notes: dict[int, Notes] = {}, thumbnails: dict[int, str] = {}) -> list[Entry]:
    """The entries of a job that is done; none for any other. `thumbnails` are paths, like `notes` by the picture's number."""
    result = record.result
    if result is None or job.kind in NO_PICTURES:
        return []
    usd = 0.0 if job.service.kind is ServiceKind.PRACTICE else result.cost_usd if result.cost_usd is not None else job.estimate_usd
    created = datetime.fromtimestamp(record.ended_at, UTC).isoformat(timespec="seconds") if record.ended_at else job.created
    folder, _, file = job.landing.blend.replace("\\", "/").rpartition("/")
    found = []
    for number, picture in enumerate(result.pictures):
        noted = notes.get(number, Notes())
        if noted.deleted:
            continue
        found.append(Entry(
            id=entry_id(job.id, number), kind=job.kind, prompt=job.prompt[:PROMPT_SHOWN], model=job.request.model, size=job.request.size,
            quality=job.request.quality, service=job.service.kind, created=created, path=f"jobs/{job.id}/{picture.path}",
            width_px=picture.width_px, height_px=picture.height_px, usd=None if usd is None else round(usd / len(result.pictures), 6),
            seconds=result.seconds, thumbnail=thumbnails.get(number, ""),
            objects=tuple(dict.fromkeys(target.name for target in job.landing.targets)),
            parents=job.parents, group=job.landing.variants_of or job.id, has_mask=job.finish is not None, blend=job.landing.blend,
            project=folder.rpartition("/")[2] if file else "", camera=job.camera, frame=job.frame, star=noted.star, tags=noted.tags))
    return found
