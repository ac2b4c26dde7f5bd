# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The history at work: kept up by the worker beside its jobs, one step at a time, never in a job's way."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from ..core import protocol
from ..core.entries import Entry, Notes, Page, Query, split_entry_id
from ..core.errors import GptImageError, InputError, WorkerError
from ..core.request import Job, JobRecord
from ..library import space
from ..library.history import History, is_damaged, read_notes, write_notes
from ..library.journal import Journal
from .exchange import Taken, export_entries, import_entries
from .thumbnails import write_thumbnail, write_thumbnails

__all__ = ("Gallery",)

log = logging.getLogger(__name__)

T = TypeVar("T")


class Gallery:
    """One worker's hand on the history of its data folder. All database work is done in a thread, one piece after the other."""

    def __init__(self, journal: Journal, say: Callable[[protocol.Message], None]) -> None:
        self._journal = journal
        self._say = say
        self._history: History | None = None
        self._turn = asyncio.Lock()
        self._pictures = asyncio.Lock()         # a large one fills 100 MB when it is opened
        self._again: asyncio.Task[None] | None = None       # fills a database that had to be made anew
        self._renewed = self._closing = False

    def stop(self) -> None:
        """Look for no more that is not known: the next session's `sync` finds it."""
        self._closing = True

    async def close(self) -> None:
        """Leave the database in order."""
        self.stop()
        if self._again:
            await self._again
        async with self._turn:
            if self._history:
                await asyncio.to_thread(self._history.close)
                self._history = None

    async def settle(self, job_id: str) -> None:
        """Note a job that is done, with its thumbnails. A history that cannot be written never harms a job: the next `sync` finds it."""
        def read() -> tuple[Job, JobRecord]:
            job, record = self._journal.read_job(job_id), self._journal.read_record(job_id)
            if record.result:
                write_thumbnails(self._journal.folder(job_id), record.result.pictures)
            return job, record

        try:
            async with self._pictures:
                job, record = await asyncio.to_thread(read)
            await self._do(lambda history: history.settle(job, record, self._journal))
            self._say(protocol.HistoryChanged())
        except (OSError, ValueError, InputError, WorkerError) as error:
            log.warning("job %s is not in the history yet: %s", job_id, error)

    async def sync(self) -> None:
        """Note the journal's jobs that the database does not know: after a crash, and all of them for a new one."""
        try:
            steps = await self._do(lambda history: history.sync(self._journal))
            while not self._closing and (found := await self._do(lambda _: next(steps, None))) is not None:
                if found:
                    self._say(protocol.HistoryChanged())
        except WorkerError as error:
            log.warning("the history is not complete: %s", error)

    # --- what the host asks -------------------------------------------------------------------------------

    async def search(self, query: Query) -> None:
        """Answer with the page, in which all have their thumbnails."""
        try:
            page = await self._do(lambda history: history.search(query))
            page = page._replace(entries=tuple([await self._with_thumbnail(entry) for entry in page.entries]))
            self._say(protocol.Found(page))
        except GptImageError as error:
            self._say(protocol.Found(Page(query), error.to_dict()))

    async def _with_thumbnail(self, entry: Entry) -> Entry:
        """Made now for what was found in the journal, or had lost its file."""
        if entry.thumbnail and (self._journal.data_dir / entry.thumbnail).is_file():
            return entry
        job_id, number = split_entry_id(entry.id)
        async with self._pictures:
            name = await asyncio.to_thread(write_thumbnail, self._journal.folder(job_id), number, self._journal.data_dir / entry.path)
        if entry.thumbnail == (f"jobs/{job_id}/{name}" if name else ""):
            return entry
        made = entry._replace(thumbnail=f"jobs/{job_id}/{name}" if name else "")
        await self._do(lambda history: history.add([made]))
        return made

    async def note(self, question: protocol.NoteEntries) -> None:
        """Set star or tags: in the jobs' folders first, then in the database."""
        def work(history: History) -> None:
            for entry in history.entries(question.entries):
                job_id, number = split_entry_id(entry.id)
                notes = read_notes(self._journal, job_id)
                star = entry.star if question.star is None else question.star
                tags = entry.tags if question.tags is None else question.tags
                write_notes(self._journal, job_id, notes | {number: Notes(star, tags)})
                history.add([entry._replace(star=star, tags=tags)])
        await self._answer(work, lambda _: "")

    async def measure(self, question: protocol.MeasureEntries) -> None:
        try:
            ids, kept = await self._do(lambda history: self._meant(history, question.entries, question.before_s))
            found = await asyncio.to_thread(space.measure, self._journal, ids)
            self._say(protocol.Measured(question, *found, kept))
        except (OSError, GptImageError) as error:
            self._say(protocol.Measured(question, error=_told(error).to_dict()))

    async def delete(self, question: protocol.DeleteEntries) -> None:
        def work(history: History) -> space.Space:
            return space.delete(history, self._journal, self._meant(history, question.entries, question.before_s)[0])
        await self._answer(work, lambda freed: f"Deleted {freed.count} picture{'s' * (freed.count != 1)}, {freed.size_bytes / 1e6:.1f} MB are free")

    async def export(self, ids: tuple[str, ...], path: str) -> None:
        def work(_: History) -> int:
            return export_entries(self._journal, ids, Path(path))
        await self._answer(work, lambda count: f"{count} picture{'s' * (count != 1)} written to {Path(path).name}")

    async def take_in(self, path: str) -> None:
        def work(history: History) -> Taken:
            taken = import_entries(self._journal, Path(path))
            for job_id in taken.jobs:
                history.settle(self._journal.read_job(job_id), self._journal.read_record(job_id), self._journal)
            return taken
        await self._answer(work, lambda taken: f"{taken.pictures} picture{'s' * (taken.pictures != 1)} imported"
                           + (f", {taken.known} job{'s were' if taken.known > 1 else ' was'} here already" if taken.known else ""))

    def _meant(self, history: History, ids: tuple[str, ...], before_s: float) -> tuple[list[str], int]:
        return space.expired(history, self._journal, before_s) if before_s else (list(ids), 0)

    async def _answer(self, work: Callable[[History], T], told: Callable[[T], str]) -> None:
        """Do what changes the history, and tell that it is done, or why not."""
        try:
            done = await self._do(work)
        except (OSError, GptImageError) as error:
            self._say(protocol.HistoryDone(error=_told(error).to_dict()))
        else:
            self._say(protocol.HistoryDone(told(done)))
        self._say(protocol.HistoryChanged())

    # --- the database -------------------------------------------------------------------------------------

    async def _do(self, work: Callable[[History], T]) -> T:
        """Database work, when its turn comes. Raises WorkerError if the database cannot be used."""
        async with self._turn:
            done = await asyncio.to_thread(self._try, work)
            renewed, self._renewed = self._renewed, False
        if renewed:
            self._again = asyncio.ensure_future(self.sync())
        return done

    def _try(self, work: Callable[[History], T]) -> T:
        try:
            try:
                return work(self._open())
            except sqlite3.Error as error:
                if not is_damaged(error):
                    raise
            log.warning("the history is damaged and is made again from the jobs' folders")
            if self._history:
                self._history.close()
            self._history = History.renewed(self._journal.data_dir)
            self._renewed = True
            return work(self._history)
        except (sqlite3.Error, OSError) as error:
            raise WorkerError(f"The history cannot be used: {error}", hint="Look whether the data folder can be written, "
                              "and has space. Jobs are not affected") from error

    def _open(self) -> History:
        if self._history is None:
            self._history = History(self._journal.data_dir)
        return self._history


def _told(error: OSError | GptImageError) -> GptImageError:
    if isinstance(error, GptImageError):
        return error
    return WorkerError(f"A file of the history cannot be used: {error}", hint="Look whether the data folder can be written")
