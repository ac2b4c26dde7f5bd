# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The space that results take, and freeing it. By the worker, whose files they are."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from ..core.entries import Notes, split_entry_id
from ..core.errors import InputError
from ..core.request import JobRecord, JobState
from .batches import BatchFiles
from .history import History, read_notes, write_notes
from .journal import Journal

__all__ = ("Space", "delete", "expired", "measure")


class Space(NamedTuple):
    """What entries take: how many there are, bytes on disk, and how many of them never reached a file."""

    count: int
    size_bytes: int
    unlanded: int


def expired(history: History, journal: Journal, before_s: float) -> tuple[list[str], int]:
    """The entries older than that time without a star that have reached a file, or were dismissed; and how many are spared
    because they have not: they may be all that the artist has of them.
    """
    found, spared = [], 0
    for entry in history.all_entries(before_s):
        if not entry.star:
            if journal.is_applied(entry.job_id):
                found.append(entry.id)
            else:
                spared += 1
    return found, spared


def measure(journal: Journal, ids: Iterable[str]) -> Space:
    """What deleting these entries would free."""
    count = size = unlanded = 0
    for job_id, numbers, files in _what_goes(journal, ids):
        count += len(numbers)
        size += sum(_size(path) for path in files)
        if not journal.is_applied(job_id):
            unlanded += len(numbers)
    return Space(count, size, unlanded)


def delete(history: History, journal: Journal, ids: Iterable[str]) -> Space:
    """Delete the entries' pictures, and the folders of jobs of which none is left: request, inputs and answer too. What came with
    their batches goes as soon as every job of the batch has its own answer.

    The files go first: what a crash leaves is an entry that can be deleted again, never a file nobody knows of. Raises OSError.
    """
    count = size = unlanded = 0
    for job_id, numbers, files in _what_goes(journal, ids):
        folder = journal.folder(job_id)
        unlanded += 0 if journal.is_applied(job_id) else len(numbers)
        size += sum(_size(path) for path in files)
        if folder not in files and folder.is_dir():
            notes = read_notes(journal, job_id)
            write_notes(journal, job_id, notes | {number: Notes(deleted=True) for number in numbers})
        for path in files:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        history.remove(f"{job_id}:{number}" for number in numbers)
        count += len(numbers)
    return Space(count, size, unlanded)


def _what_goes(journal: Journal, ids: Iterable[str]) -> Iterator[tuple[str, list[int], list[Path]]]:
    """By jobs: which of its pictures are meant, and what goes with them. The job's whole folder if no picture stays."""
    names = sorted({split_entry_id(name) for name in ids})
    batches: set[str] = set()
    for job_id, group in groupby(names, lambda name: name[0]):
        folder = journal.folder(job_id)
        if folder.parent != journal.jobs_dir or folder.name != job_id or job_id.startswith("."):
            raise InputError(f"{job_id!r} is no job", field="entry", hint="Choose one in the gallery")
        numbers = [number for _, number in group]
        try:
            record = journal.read_record(job_id)
        except (OSError, ValueError, InputError):
            record = JobRecord(job_id)
        pictures = record.result.pictures if record.result else ()
        shared = [] if record.batch in batches else _files_of_batch(journal, record.batch)
        batches.add(record.batch)
        gone = {number for number, note in read_notes(journal, job_id).items() if note.deleted}
        if not set(range(len(pictures))) - gone - set(numbers):
            yield job_id, numbers, ([folder] if folder.is_dir() else []) + shared
            continue
        files = shared
        for number in numbers:
            if number < len(pictures):
                picture = pictures[number]
                named = [picture.path, picture.patch, *(picture.maps or {}).values(), f"thumbs/{number}.jpg", f"thumbs/{number}.png"]
                files += [folder / name for name in named if name and ".." not in name.split("/") and (folder / name).is_file()]
        yield job_id, numbers, files


def _files_of_batch(journal: Journal, name: str) -> list[Path]:
    """What there is of a batch, where none of its jobs needs it any more."""
    batches = BatchFiles(journal.data_dir)
    try:
        job_ids = batches.read(name).job_ids if name else ()
        ended = all(journal.read_record(job_id).state in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)
                    for job_id in job_ids if journal.folder(job_id).exists())
    except (OSError, ValueError, InputError):       # gone already, or not ours
        return []
    return batches.files(name) if job_ids and ended else []


def _size(path: Path) -> int:
    """Bytes of a file, or of all in a folder."""
    return sum(each.stat().st_size for each in path.rglob("*") if each.is_file()) if path.is_dir() else path.stat().st_size
