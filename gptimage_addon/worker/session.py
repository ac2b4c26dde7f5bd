# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that one worker has in hand: jobs side by side, one client a service, the practice service."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine

from ..core import protocol
from ..core.addresses import OPENAI_URL
from ..core.errors import GptImageError, InputError, KeyMissingError, WorkerError
from ..core.protocol import Message
from ..core.request import Job, JobRecord, JobState, Service, ServiceKind
from ..library.durations import Durations
from ..library.journal import Journal, WorkerLock
from ..library.wallet import WalletError
from . import keys
from .accounts import Accounts
from .batches import Batches
from .client import Client
from .gallery import Gallery
from .pipes import Outbox
from .practice import PracticeServer
from .runner import JobRunner
from .turns import Turns

__all__ = ("Session",)

log = logging.getLogger(__name__)

OTHERS_S = 0.25


class Session:
    """One host's worker from its first message to its end."""

    def __init__(self, hello: protocol.Hello, outbox: Outbox, name: str) -> None:
        self.name = name
        self.journal = Journal(hello.data_dir)
        self.accounts = Accounts(self.journal, lambda trouble: outbox.put(protocol.WalletState(trouble)))
        self._hello = hello
        self._outbox = outbox
        self._turns = Turns(hello.concurrency, outbox.put)
        self._runners: dict[str, tuple[JobRunner, asyncio.Task[None]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._clients: dict[Service, Client] = {}
        self._client_lock = asyncio.Lock()
        self._pixel_work = asyncio.Lock()
        self._practice: PracticeServer | None = None
        self._batches = Batches(self.journal)
        self._gallery = Gallery(self.journal, outbox.put)
        self._durations = Durations(self.journal.data_dir)
        self._closing = False

    def handle(self, message: Message) -> None:
        """Begin what the host asks for."""
        match message:
            case protocol.Submit(job_id, online):
                self._submit(job_id, online)
            case protocol.Cancel(job_id, only_unsent):
                if job_id in self._runners:
                    self._runners[job_id][0].cancel(only_unsent=only_unsent)
            case protocol.Stop(job_id):
                if job_id in self._runners:
                    self._runners[job_id][0].stop()
            case protocol.Configure(concurrency):
                self._turns.resize(concurrency)
            case protocol.Pause(paused):
                self._turns.pause(paused)
                self._batches.pause(paused)
            case protocol.Arrange(job_ids):
                self._turns.arrange(job_ids)
            case protocol.SetLimits(limits):
                self.accounts.limits = limits
            case protocol.DrawChart(days):
                self._start(self._draw_chart(days))
            case protocol.Recover(online):
                self._start(self._recover(online))
                self._start(self._gallery.sync())
            case protocol.AskKey(service):
                self._start(self._tell_key(service))
            case protocol.StoreKey(service, key):
                self._start(self._store_key(service, key))
            case protocol.CheckConnection(service, online):
                self._start(self._check(service, online))
            case protocol.Search(query):
                self._start(self._gallery.search(query))
            case protocol.NoteEntries():
                self._start(self._gallery.note(message))
            case protocol.MeasureEntries():
                self._start(self._gallery.measure(message))
            case protocol.DeleteEntries():
                self._start(self._gallery.delete(message))
            case protocol.ExportEntries(entries, path):
                self._start(self._gallery.export(entries, path))
            case protocol.ImportEntries(path):
                self._start(self._gallery.take_in(path))
            case _:
                raise ValueError(f"a host does not say {type(message).__name__}")

    async def close(self) -> None:
        """The host is gone: leave what was not sent for the next session, finish and journal what was."""
        self._closing = True
        for runner, _ in self._runners.values():
            if not runner.record.sent_at or runner.record.batch:
                runner.abandon()
            runner.leave()
        await self._batches.close()
        await asyncio.gather(*(task for _, task in self._runners.values()), return_exceptions=True)
        self._gallery.stop()
        while self._tasks:                      # a job that was recovered goes into the history
            await asyncio.wait(self._tasks)     # gather would let no callback run where all have ended (Python 3.12)
        await self._gallery.close()
        await self._save_durations()
        for client in self._clients.values():
            await client.close()
        if self._practice is not None:
            self._practice.stop()

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(self._guard(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guard(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except Exception as error:              # border: whoever waits for an answer must hear that none comes
            log.exception("message")
            self._outbox.put(protocol.Trouble(WorkerError(f"The helper could not follow ({error})").to_dict()))

    # --- jobs ---------------------------------------------------------------------------------------------

    def _submit(self, job_id: str, online: bool) -> None:
        if job_id in self._runners:
            return
        runner = self._runner(JobRecord(job_id=job_id, worker=self.name), online, self._tell)
        is_near = self._turns.expect(job_id)    # the line is that in which they were submitted
        task = asyncio.ensure_future(self._guard_job(runner, self._run(runner, is_near)))
        self._runners[job_id] = runner, task
        task.add_done_callback(lambda _: self._ended(job_id))

    def _ended(self, job_id: str) -> None:
        del self._runners[job_id]
        self._turns.forget(job_id)
        if not self._runners:
            self._start(self._save_durations())

    async def _save_durations(self) -> None:
        await asyncio.to_thread(self._durations.save)

    def _runner(self, record: JobRecord, online: bool, tell: Callable[[JobRecord], None]) -> JobRunner:
        runner = JobRunner(
            self.journal, record, online=online, client=lambda job: self._client(job.service, runner.online), tell=tell, turns=self._turns,
            pixel_work=self._pixel_work, accounts=self.accounts, durations=self._durations, end_of=self._end_of, batches=self._batches)
        return runner

    async def _end_of(self, job_id: str) -> JobRecord:
        """The record of a job once it has ended. Raises InputError if its folder is gone."""
        while True:
            if job_id in self._runners:
                await asyncio.wait({self._runners[job_id][1]})
            elif not self.journal.folder(job_id).is_dir():
                raise InputError("A job that this one is made from is gone", field="images", hint="Make the request again")
            record = await asyncio.to_thread(self.journal.read_record, job_id)
            if record.state.is_final:
                return record
            await asyncio.sleep(OTHERS_S)       # in the hands of another worker, or being recovered

    async def _guard_job(self, runner: JobRunner, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except Exception as error:              # border: one job's bug must not end the others
            log.exception("job %s", runner.record.job_id)
            await runner.give_up(error)

    async def _run(self, runner: JobRunner, is_near: bool) -> None:
        if not is_near:                         # to read it now would hold up those who go before it
            await self._turns.calm()
        known = await asyncio.to_thread(self.journal.read_record, runner.record.job_id)
        taken = known.worker not in ("", self.name) and WorkerLock.is_held(self.journal.data_dir, known.worker)
        if taken or not known.is_unsent:        # whoever asks twice: a job is sent once
            self._tell(known)
            return
        await runner.run()
        self._keep(runner.record)

    def _keep(self, record: JobRecord) -> None:
        """Into the history, beside whatever else goes on."""
        async def settle() -> None:
            await self._turns.calm()
            await self._gallery.settle(record.job_id)

        if record.state is JobState.DONE:
            self._start(settle())

    def _tell(self, record: JobRecord) -> None:
        self._outbox.put(protocol.RecordChanged(record))

    async def _recover(self, online: bool) -> None:
        try:
            for job, record in await asyncio.to_thread(lambda: list(self.journal.left_over())):
                await self._recover_one(job, record, online)
            self._batches.ask_now()
            await asyncio.to_thread(self.accounts.reconcile)
        finally:                                # the host waits for it
            self._outbox.put(protocol.RecoveryDone())

    async def _recover_one(self, job: Job, record: JobRecord, online: bool) -> None:
        if record.batch and record.state is JobState.SENDING:
            self._follow(job, record, online)
        elif job.id not in self._runners:
            runner = self._runner(record._replace(worker=self.name), online, lambda _: None)
            await self._guard_job(runner, runner.recover(job))
            if record.state is not JobState.DONE:
                self._keep(runner.record)
            self._outbox.put(protocol.Recovered(runner.record))

    def _follow(self, job: Job, record: JobRecord, online: bool) -> None:
        """Look after a job that an earlier worker has sent in a batch."""
        if job.id in self._runners:
            self._runners[job.id][0].online = online            # it may have waited for that
            return
        if self._closing:                       # the next session does it
            return
        runner = self._runner(record._replace(worker=self.name), online, self._tell)
        self._outbox.put(protocol.Recovered(runner.record))

        async def follow() -> None:
            await runner.follow(job)
            self._keep(runner.record)

        task = asyncio.ensure_future(self._guard_job(runner, follow()))
        self._runners[job.id] = runner, task
        task.add_done_callback(lambda _: self._ended(job.id))

    async def _draw_chart(self, days: int) -> None:
        try:
            path = await asyncio.to_thread(self.accounts.draw_chart, days)
        except (WalletError, OSError) as error:
            trouble = WorkerError(f"What was spent cannot be drawn: {error}", hint="Look into the data folder")
            self._outbox.put(protocol.ChartDrawn(error=trouble.to_dict()))
        else:
            self._outbox.put(protocol.ChartDrawn(str(path)))

    # --- services -----------------------------------------------------------------------------------------

    async def _client(self, service: Service, online: bool) -> Client:
        """The service's client. Raises KeyMissingError, OnlineAccessError, InputError for an address that is none."""
        async with self._client_lock:
            if service not in self._clients:
                base_url, key = service.base_url, ""
                if service.kind is ServiceKind.PRACTICE:
                    server = await asyncio.to_thread(self._practice_server)
                    base_url, key = server.base_url, server.token
                else:
                    try:
                        key, _ = await asyncio.to_thread(keys.find_key, service)
                    except OSError as error:
                        raise _unreadable(error) from error
                if service.kind is ServiceKind.OPENAI:
                    base_url = OPENAI_URL
                    if not key:
                        raise KeyMissingError("There is no API key yet")
                self._clients[service] = Client(service, base_url, key)
            client = self._clients[service]
        client.require_online(online)
        return client

    def _practice_server(self) -> PracticeServer:
        if self._practice is None:
            self._practice = PracticeServer(
                latency_s=self._hello.practice_latency_s, keep_requests=False, folder=self.journal.data_dir / "practice")
            self._practice.start()
        return self._practice

    async def _tell_key(self, service: Service) -> None:
        try:
            key, source = await asyncio.to_thread(keys.find_key, service)
        except OSError as error:
            self._outbox.put(protocol.KeyState(service, "", error=_unreadable(error).to_dict()))
            return
        self._outbox.put(protocol.KeyState(service, source, key[-4:] if len(key) > 12 else ""))

    async def _store_key(self, service: Service, key: str) -> None:
        try:
            await asyncio.to_thread(keys.store_key, service, key.strip())
        except OSError as error:
            trouble = WorkerError(f"The key cannot be kept: {error.strerror or error}",
                                  hint="Set the environment variable OPENAI_API_KEY instead")
            self._outbox.put(protocol.KeyState(service, "", error=trouble.to_dict()))
            return
        async with self._client_lock:           # the next request uses the new key; running ones keep theirs
            self._clients.pop(service, None)
        self._batches.ask_now()
        await self._tell_key(service)

    async def _check(self, service: Service, online: bool) -> None:
        try:
            models = await (await self._client(service, online)).models()
        except GptImageError as error:
            self._outbox.put(protocol.ConnectionChecked(service, error=error.to_dict()))
        else:
            self._outbox.put(protocol.ConnectionChecked(service, tuple(models)))


def _unreadable(error: OSError) -> KeyMissingError:
    return KeyMissingError(f"The file of keys cannot be read: {error.strerror or error}",
                           hint="Enter the key anew, or set the environment variable OPENAI_API_KEY")
