# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker's bookkeeping: what is reserved before a request leaves, settled after, and told anew from the jobs' folders."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from ..core import pricing
from ..core.errors import AnswerError, GptImageError, InputError, RefusedError
from ..core.request import Job, JobRecord, JobState, ServiceKind
from ..library.journal import Journal, WorkerLock, write_atomic
from ..library.wallet import Entry, EntryState, Step, Wallet, WalletError, changing, entry_for, reserving
from .answer import read_answer
from .chart import draw_chart

__all__ = ("Accounts",)

log = logging.getLogger(__name__)

REBUILD_S = 120.0                       # how long another worker may take to make the wallet anew


class Accounts:
    """The wallet of a data folder, for one worker. Methods block: call them in a thread.

    `limits` are those of the host's preferences. `tell` gets a sentence when something is wrong with the wallet, and ""
    when it is well again: after an answer has come nothing of it may stop the job.
    """

    def __init__(self, journal: Journal, tell: Callable[[str], None]) -> None:
        self.limits = pricing.Limits()
        self._journal = journal
        self._wallet = Wallet(journal.data_dir)
        self._tell = tell
        self._opened = False
        self._lock = threading.Lock()
        self._steps: deque[tuple[Step, Future[None]]] = deque()
        self._one_writes = threading.Lock()

    def reserve(self, job: Job) -> None:
        """Count a request before it is sent. Raises QuotaError over a limit, InputError where it cannot be written down."""
        try:
            entry = self._new_entry(job, time.time())
            self._open()
            try:
                self._write(reserving(entry, self.limits))
            except WalletError:                 # damaged since: it can be made anew
                self._opened = False
                self._open()
                self._write(reserving(entry, self.limits))
        except (WalletError, OSError) as error:
            if job.service.kind is ServiceKind.PRACTICE:
                log.warning("practice job %s is not in the wallet: %s", job.id, error)
                return
            raise InputError(f"The price cannot be written to {self._wallet.path}: {error}", field="data_dir",
                             hint="Nothing was sent. Free some space there, or choose another data folder in Preferences") from error

    def settle_paid(self, job: Job, usage: object) -> None:
        """An answer has come, with the service's count of tokens or None."""
        self._settle(job.id, lambda entry: _paid(entry or self._new_entry(job, time.time()), usage, job))

    def settle(self, job: Job, record: JobRecord) -> None:
        """A job has ended, or is to be sent later: count what it may have cost, unless the service has told that."""
        def change(entry: Entry | None) -> Entry | None:
            if entry and entry.state is EntryState.PAID:
                return entry
            return self._as_it_went(entry or self._new_entry(job, record.sent_at), job, record)

        self._settle(job.id, change)

    def reconcile(self) -> None:
        """Settle what dead workers, and writes that failed, have left open."""
        try:
            self._open()
            for entry in self._wallet.open_entries():
                try:
                    job, record = self._journal.read_job(entry.job_id), self._journal.read_record(entry.job_id)
                except (OSError, ValueError, InputError):
                    self._wallet.write(entry._replace(state=EntryState.ASSUMED))        # its folder is gone
                    continue
                if record.state.is_final or not (record.worker and WorkerLock.is_held(self._journal.data_dir, record.worker)):
                    after = self._as_it_went(entry, job, record)
                    self._wallet.change(entry.job_id, lambda _, after=after: after)
        except (WalletError, OSError) as error:
            self._report(error)

    def draw_chart(self, days: int) -> Path:
        """The file of a chart of the last days. Raises WalletError, OSError."""
        self._open()
        path = self._journal.data_dir / "spending.png"
        write_atomic(path, draw_chart(self._wallet.entries(time.time() - (days + 1) * 86_400), date.today(), days), durable=False)
        return path

    def _settle(self, job_id: str, change: Callable[[Entry | None], Entry | None]) -> None:
        try:
            self._open()
            self._write(changing(job_id, change))
        except (WalletError, OSError) as error:
            self._report(error)

    def _write(self, step: Step) -> None:
        """Do a step in a transaction together with those of other threads that have gathered while one was being written.

        A queue of sixty jobs so does not wait for the disk sixty times. On return the step is on the disk. Raises what it refuses.
        """
        done: Future[None] = Future()
        self._steps.append((step, done))
        with self._one_writes:
            together = [self._steps.popleft() for _ in range(len(self._steps))]
            refusals: list[Exception | None] = []
            try:
                refusals += self._wallet.do_all([each for each, _ in together]) if together else []
            except WalletError as error:
                refusals += [error] * len(together)
            finally:                            # nobody waits for what a fault in another's step has kept from being written
                refusals += [WalletError("it was to be written with a row that cannot be")] * (len(together) - len(refusals))
                for (_, each), refusal in zip(together, refusals, strict=True):
                    each.set_exception(refusal) if refusal else each.set_result(None)
        done.result()

    def _new_entry(self, job: Job, at: float) -> Entry:
        try:
            return entry_for(job, at, self._journal.fingerprint(job))
        except OSError:                         # an input is gone: nobody can ask for the same
            return entry_for(job, at)

    def _report(self, error: Exception) -> None:
        log.warning("wallet: %s", error)
        self._opened = False
        self._tell(f"What was spent could not be written down ({error}). The next start of the helper tries again")

    def _open(self) -> None:
        """Make sure the wallet is there and whole; a missing or damaged one is made anew from the jobs' folders."""
        with self._lock:
            if self._opened:
                return
            if not self._wallet.is_sound():
                with _alone(self._journal):
                    if not self._wallet.is_sound():         # another worker may have been faster
                        self._rebuild()
            self._opened = True

    def _rebuild(self) -> None:
        unreadable: list[str] = []
        damaged = self._wallet.rebuild(self._entries_of_folders(unreadable))
        text = f"The record of what was spent was damaged and has been made anew. The old file is {damaged.name}" if damaged else ""
        if unreadable:
            text = (f"{text}. " if text else "") + f"{len(unreadable)} jobs are not counted, for their folders cannot be read: " \
                   + ", ".join(unreadable[:3])
        if text:
            log.warning("wallet: %s", text)
            self._tell(text)

    def _entries_of_folders(self, unreadable: list[str]) -> Iterator[Entry]:
        for job_id in self._journal.job_ids():
            try:
                job, record = self._journal.read_job(job_id), self._journal.read_record(job_id)
                at = record.sent_at or record.ended_at or (self._journal.folder(job_id) / "request.json").stat().st_mtime
                # What is done without a request was asked and paid for by somebody else, and imported.
                foreign = record.state is JobState.DONE and not record.attempts
                entry = None if job.is_local or foreign else self._as_it_went(self._new_entry(job, at), job, record)
            except (OSError, ValueError, InputError):
                unreadable.append(job_id)
                continue
            if entry:
                yield entry

    def _as_it_went(self, entry: Entry, job: Job, record: JobRecord) -> Entry | None:
        """The row after what the job's folder tells; None when nothing was ever sent."""
        state = record.state
        if state is JobState.DONE:
            return _paid(entry, record.result.usage if record.result else None, job)
        assumed = EntryState.ASSUMED if state.is_final else EntryState.OPEN
        try:
            found = self._journal.read_answer(job.id)
            if found:
                head, raw = found
                return _paid(entry, read_answer(raw, head.content_type, model=job.request.model).usage, job)
        except (AnswerError, RefusedError, ValueError):     # one that is cut off, or damaged; a picture that was made and then held back
            return entry._replace(state=assumed)
        except GptImageError:
            return entry._replace(state=EntryState.FREE)
        if state is JobState.FAILED or not record.sent_at:
            return entry._replace(state=EntryState.FREE) if record.attempts else None
        return entry._replace(state=assumed)


@contextmanager
def _alone(journal: Journal) -> Iterator[None]:
    """Keep other workers from making the wallet anew. Raises OSError if one takes too long."""
    end = time.monotonic() + REBUILD_S
    while True:
        try:
            lock = WorkerLock(journal.data_dir, "wallet")
            break
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
    with lock:
        yield


def _paid(entry: Entry, usage: object, job: Job) -> Entry:
    """The row of an answered request. A compatible server's prices are its own: its estimate, if there is one, counts."""
    account = pricing.account(usage, batch=job.request.batch)
    if account is None:
        return entry._replace(state=EntryState.PAID)
    tokens, usd = account
    known = entry.service is not ServiceKind.COMPATIBLE
    return entry._replace(state=EntryState.PAID, usage=tokens, actual_usd=usd if known else None)
