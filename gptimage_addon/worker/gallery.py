# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The history at work: kept up by the worker beside its jobs, one step at a time, never in a job's way."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from typing import TypeVar

from ..core.errors import InputError, WorkerError
from ..library.history import History, is_damaged
from ..library.journal import Journal
from .thumbnails import write_thumbnails

__all__ = ("Gallery",)

log = logging.getLogger(__name__)

T = TypeVar("T")


class Gallery:
    """One worker's hand on the history of its data folder. All database work is done in a thread, one piece after the other."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
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
        try:
            job, record = await asyncio.to_thread(lambda: (self._journal.read_job(job_id), self._journal.read_record(job_id)))
            if record.result:
                async with self._pictures:
                    await asyncio.to_thread(write_thumbnails, self._journal.folder(job_id), record.result.pictures)
            await self._do(lambda history: history.settle(job, record, self._journal))
        except (OSError, ValueError, InputError, WorkerError) as error:
            log.warning("job %s is not in the history yet: %s", job_id, error)

    async def sync(self) -> None:
        """Note the journal's jobs that the database does not know: after a crash, and all of them for a new one."""
        try:
            steps = await self._do(lambda history: history.sync(self._journal))
            while not self._closing and await self._do(lambda _: next(steps, None)) is not None:
                pass
        except WorkerError as error:
            log.warning("the history is not complete: %s", error)

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
