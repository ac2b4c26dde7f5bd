# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One job from its folder to its result, every step on disk before the next."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import nullcontext
from typing import TypeVar
from pathlib import Path

from ..core import pricing
from ..core.errors import (
    AnswerError, CancelledError, GptImageError, InputError, OnlineAccessError, RateLimitError, Repair, UncertainError, WorkerError,
)
from ..core.request import Job, JobRecord, JobState, Result, ResultPicture, ServiceKind
from ..library.durations import Durations
from ..library.journal import AnswerHead, Journal, write_atomic
from .accounts import Accounts
from .answer import Answer, Event, EventReader, decode_base64, read_answer, read_events
from .asked_maps import write_asked_map
from .batches import Batches
from .client import Client, OpenAnswer
from .codec import EXTENSIONS, picture_type
from .finish import write_cut, write_pictures
from .lettering import prepare_lettering, write_lettered
from .material import check_material, export_material
from .pictures import prepare_references
from .keeping import AnswerFile
from .labels import label_files
from .retry import retry_delay_s
from .sheet import write_sheet
from .surface import write_surfaces
from .touch_up import prepare_touch_up, write_touch_ups
from .thumbnails import small_picture
from .turns import Gate, Turns
from .views import write_views

__all__ = ("JobRunner",)

log = logging.getLogger(__name__)

# Some servers leave the connection open after a stream's last event.
END_GRACE_S = 2.0
DISK_RETRY_S = 1.0
LEAVING_S = 20.0
T = TypeVar("T")


class JobRunner:
    """Runs one job. `client` gives the service's client when the job's turn comes; `tell` gets each new record.

    `pixel_work` is held while a touch-up is finished: it takes hundreds of megabytes, and islands of one touch-up build on
    each other. `end_of` waits for another job and gives its record.
    """

    def __init__(
        self, journal: Journal, record: JobRecord, *, client: Callable[[Job], Awaitable[Client]],
        tell: Callable[[JobRecord], None], online: bool, turns: Turns, pixel_work: asyncio.Lock, accounts: Accounts, durations: Durations,
        end_of: Callable[[str], Awaitable[JobRecord]], batches: Batches,
    ) -> None:
        self.journal = journal
        self.record = record
        self.folder = journal.folder(record.job_id)
        self._client = client
        self._tell = tell
        self.online = online
        self._turns = turns
        self._pixel_work = pixel_work
        self._accounts = accounts
        self._durations = durations
        self._end_of = end_of
        self._batches = batches
        self._job: Job | None = None                        # once it has been read
        self._heard: tuple[AnswerHead, list[Event]] | None = None
        self._abandoned = False
        self._cancelled = False
        self._stopped = False
        self._sent = 0.0                        # by the monotonic clock
        self._answer: AnswerFile | None = None
        self._leave_at: float | None = None     # the same, once the host has gone
        self._task: asyncio.Task[None] | None = None        # while the job can be cancelled
        self._record_file = threading.Lock()    # who is cancelled may still be writing it

    def cancel(self, *, only_unsent: bool = False) -> None:
        """End the job as cancelled: at once when it waits or is at the service, else when it comes to run."""
        if only_unsent and not self.record.is_unsent:
            return
        self._cancelled = True
        if self._task:
            self._task.cancel()

    def stop(self) -> None:
        """End the stream, and take the last unfinished picture as the result. Does nothing before there is one."""
        if self._task and self.record.partials:
            self._stopped = True
            self._task.cancel()

    def abandon(self) -> None:
        """Stop, and leave the job as it is, for a later session to offer again."""
        self._abandoned = True
        self.cancel()

    async def run(self) -> None:
        """Do the job when its turn comes. Never raises for what happened to the job: its record says it.

        Cancelling closes the connection and ends the job as cancelled. Once the answer is whole, it is finished
        all the same: it is paid.
        """
        await self._settle(self._do())

    async def follow(self, job: Job) -> None:
        """Go on with a job that is in a batch, which another worker has sent."""
        self._job = job
        await self._settle(self._go_on(job))

    async def _go_on(self, job: Job) -> float:
        if self._cancelled:
            raise asyncio.CancelledError
        try:
            await self._move(JobState.SENDING, durable=False)   # from here on other workers know whose job this is
        except OSError as error:
            log.warning("job %s: %s", job.id, error)            # it is with the service all the same
        return await self._ask_in_batch(job, self.record.batch)

    async def _do(self) -> float:
        if self._cancelled:
            raise asyncio.CancelledError
        # The first of all: from here on other workers know whose job this is.
        job = self._job = await self._move(JobState.QUEUED, durable=False, then=lambda: self.journal.read_job(self.record.job_id))
        if job.is_local or job.after or job.request.batch:
            self._turns.step_aside(job.id)
        await self._wait_for_others(job)
        if job.is_local:
            return 0.0
        return await (self._ask_in_batch(job) if job.request.batch else self._ask(job, self._turns.gate(job.service)))

    async def _settle(self, work: Coroutine[None, None, float]) -> None:
        """Do the work that brings the answer, and see to what comes of it."""
        try:
            self._task = asyncio.current_task()
            seconds = await work
        except asyncio.CancelledError:
            self._task, job = None, self._job
            if self._abandoned:
                return
            if job and await self._is_whole(job):           # it came in the same moment
                await self._settle(self._take_whole(time.monotonic() - self._sent))
                return
            if job and self._stopped and not self._cancelled:
                self.record = self.record._replace(stopped=True)
                await self.finish(job, time.monotonic() - self._sent)
                return
            sent = self.record.sent_at > 0
            error = CancelledError("Cancelled after it had been sent. It may still be charged" if sent
                                   else "Cancelled before it was sent. Nothing was charged")
            await self._end(JobState.CANCELLED, error)
            return
        except UncertainError as error:
            await self._end(JobState.UNCERTAIN, error)
            return
        except GptImageError as error:
            await self._end(JobState.FAILED, error)
            return
        except OSError as error:
            if self._abandoned:                 # the batch's answers stay on the disk
                return
            if self.record.sent_at:
                await self._end(JobState.UNCERTAIN, UncertainError(f"The answer could not be written: {error}"))
            else:
                await self._end(JobState.FAILED, WorkerError(f"The job's folder cannot be used: {error}"))
            return
        self._task = None                       # it is paid and here: too late to cancel
        assert self._job is not None
        await self.finish(self._job, seconds)

    async def _take_whole(self, seconds: float) -> float:
        await self._keep()
        return seconds

    async def _wait_for_others(self, job: Job) -> None:
        """Until the jobs that this one is made from have ended, and their pictures lie in its folder. Raises InputError."""
        records = {job_id: await self._end_of(job_id) for job_id in job.after}
        for sent in (*job.request.images, *(job.finish.around if job.finish else ())):
            if not sent.of:
                continue
            result = records[sent.of].result
            if result is None:
                raise InputError("The picture that this one builds on was not made", field="images",
                                 hint="Nothing was sent. Make the first picture again, and this one with it")
            source, target = self.journal.folder(sent.of) / result.pictures[0].path, self.folder / sent.path
            target.parent.mkdir(exist_ok=True)
            await asyncio.to_thread(_copy, source, target)

    async def _ask(self, job: Job, gate: Gate) -> float:
        """Send, wait and try again where that is safe, until the whole answer is on disk. Returns the seconds it took.

        The job's deadline is for its requests and the pauses after them, not for the time in the line.
        """
        left_s, attempt = job.deadline_s, 0
        while True:
            attempt += 1
            async with gate.turn(job.id):
                began = time.monotonic()
                try:
                    async with asyncio.timeout(left_s):
                        seconds = await self._send(job, attempt)
                    if not (self._answer and self._answer.is_taken):
                        await self._keep()      # a full disk holds up those who wait
                        return seconds
                    delay_s = None
                except TimeoutError as error:
                    if self.record.sent_at:
                        raise UncertainError(f"No answer within {job.deadline_s:.0f} seconds") from error
                    raise WorkerError(f"The service could not be reached within {job.deadline_s:.0f} seconds") from error
                except GptImageError as error:
                    took_s = time.monotonic() - began
                    if isinstance(error, UncertainError) and await self._is_whole(job):
                        await self._keep()
                        return took_s
                    left_s -= took_s
                    delay_s = retry_delay_s(error, attempt, left_s)
                    asks_for_pause = isinstance(error, RateLimitError)
                    if asks_for_pause:
                        gate.slow((error.retry_after_s or 0.0) if delay_s is None else delay_s, took_s)
                    if delay_s is None or self.record.state is not JobState.SENDING:
                        raise
                    # Nothing was made, so nothing of it is "sent" any more.
                    await self._move(JobState.SENDING, sent_at=0.0,
                                     note=f"{error.message}. Attempt {attempt + 1} in {delay_s:.0f} s")
            if delay_s is None:                 # no turn is held for syncing: the service need not stand idle meanwhile
                await self._keep()
                return seconds
            left_s -= delay_s
            if not asks_for_pause:              # else all wait, at the gate
                await asyncio.sleep(delay_s)

    async def _ask_in_batch(self, job: Job, name: str = "") -> float:
        """Until the answer from a batch is on disk: a new one, or that of `name`, where the job is already. Returns the seconds it took."""
        if not name:
            await self._client(job)             # without one nothing is gathered
            await self._prepare(job)
            await self._reserve(job)
            await self._move(JobState.SENDING, attempts=1, note="Gathered with others into a batch")

        async def sent(batch: str) -> None:
            await self._leaves(batch=batch)

        def tell(text: str) -> None:
            if self.record.state is JobState.SENDING:
                self._note(text)

        async def keep(head: AnswerHead, body: bytes) -> None:
            self._task = None                   # it is paid and here: too late to cancel

            def write() -> None:
                write_atomic(self.journal.answer_path(job.id), body)
                self.journal.write_head(job.id, head)

            await self._written(write)
            await self._move(JobState.RECEIVING, durable=False, note="")

        await self._batches.answer(job, lambda: self._client(job), sent, tell, keep, name=name)
        return time.time() - self.record.sent_at

    async def _prepare(self, job: Job) -> None:
        """Make the pictures that are sent. Raises InputError."""
        def make() -> None:
            prepare_references(job.request, self.folder)
            if job.lettering:
                prepare_lettering(job.lettering, job.request, self.folder)
            if job.finish:
                prepare_touch_up(job.request, job.finish, self.folder, job.service.mask)

        if job.request.is_edit:
            await asyncio.to_thread(make)

    async def _send(self, job: Job, attempt: int) -> float:
        """One request and its answer, which then has come whole and can be kept. Returns the seconds it took."""
        client = await self._client(job)
        if attempt == 1:
            if job.request.is_edit:
                self._turns.left(job.id)        # not yet: its pictures may take seconds to make
            await self._prepare(job)
            self._turns.leaves(job.id)
        await self._reserve(job)
        await self._leaves(attempts=attempt, note="", expected_s=self._durations.expected_s(job))
        self._turns.left(job.id)
        self._sent = time.monotonic()
        whole = False
        try:
            async with client.send(job.request, self.folder) as answer:
                await self._receive(answer)
            whole = True
        finally:
            if self._answer and not whole:      # what came before a lost connection is kept as well
                await asyncio.to_thread(self._answer.sync)
        return time.monotonic() - self._sent

    async def _leaves(self, **facts: object) -> None:
        """Write down that the job is on its way from here on. Raises WorkerError where that cannot be: then it is not."""
        unsent = self.record
        try:
            await self._move(JobState.SENDING, sent_at=time.time(), **facts)
        except OSError as error:
            if not self.record.state.is_final:  # cancelled meanwhile
                self.record = unsent
            raise WorkerError(f"Nothing was sent, for {self.journal.data_dir} takes no files ({error.strerror or error})", repair=Repair.NONE,
                              hint="Free some space there, or choose another data folder in Preferences, and retry") from error

    async def _keep(self) -> None:
        """On return the whole answer is on the disk. It is paid and here: too late to cancel."""
        assert self._answer is not None
        self._task = None
        await self._written(self._answer.keep)

    async def _reserve(self, job: Job) -> None:
        """Count the price. Who is cancelled meanwhile waits for it: a row that is written after its job has ended stays open."""
        reserving = asyncio.ensure_future(asyncio.to_thread(self._accounts.reserve, job))
        try:
            await asyncio.shield(reserving)
        except asyncio.CancelledError:
            await asyncio.wait([reserving])
            raise

    async def _receive(self, answer: OpenAnswer) -> None:
        """Take the answer as it comes, and write it as far as the disk takes it. On return it has come whole."""
        reader = EventReader() if answer.streams else None
        heard: list[Event] = []
        file = self._answer = AnswerFile(self.journal, self.record.job_id, answer.head)
        await self._move(JobState.RECEIVING, durable=False, then=file.begin)
        try:
            async with asyncio.timeout(None) as patience:
                async for chunk in answer.chunks:
                    file.write(chunk)
                    for event in reader.feed(chunk) if reader else ():
                        if event.name.endswith("partial_image"):
                            await self._show_partial(event)
                            continue
                        heard.append(event)
                        if event.name.endswith(".completed"):
                            patience.reschedule(asyncio.get_running_loop().time() + END_GRACE_S)
        except TimeoutError:
            if not patience.expired():
                raise
        self._heard = answer.head, heard

    async def _written(self, write: Callable[[], T]) -> T:
        """The result of `write`. While the disk takes nothing it is said and tried again: what is worked on is paid.

        Raises the OSError once the host has gone and waiting has had no use.
        """
        noted = False
        while True:
            try:
                made = await asyncio.to_thread(write)
            except OSError as error:
                if self._leave_at is not None and time.monotonic() > self._leave_at:
                    raise
                if not noted:
                    noted = True
                    self._note(f"The picture is here and paid, but {self.journal.data_dir} takes no files ({error.strerror or error}). "
                               "Free some space, or bring the folder back: it is tried again every second")
                await asyncio.sleep(DISK_RETRY_S)
                continue
            if noted:
                self._note("")
            return made

    def _note(self, text: str) -> None:
        """Say it without the disk."""
        self.record = self.record._replace(note=text)
        self._tell(self.record)

    def leave(self) -> None:
        """The host has gone: what is on its way is finished, but a disk that takes nothing is waited for no longer than a moment."""
        self._leave_at = time.monotonic() + LEAVING_S

    async def _is_whole(self, job: Job) -> bool:
        """Whether all pictures came before the connection was lost: then nothing is missing but its end."""
        if self._answer is None or self.record.state is not JobState.RECEIVING:
            return False
        head, raw = self._answer.head, self._answer.raw             # the disk may have taken less of it
        try:
            answer = await asyncio.to_thread(read_answer, raw, head.content_type, request_id=head.request_id, model=job.request.model)
        except GptImageError:
            return False
        return len(answer.pictures) >= job.request.n

    async def _show_partial(self, event: Event) -> None:
        try:
            data = decode_base64(str((event.facts or {}).get("b64_json", "")))
        except AnswerError:
            return                              # only a preview
        mime = picture_type(data)
        if mime:
            number = len(self.record.partials)
            path = self.folder / f"partial-{number}.{EXTENSIONS[mime]}"

            def write() -> None:
                write_atomic(self.folder / f"shown-{number}.png", small_picture(data), durable=False)
                write_atomic(path, data, durable=False)

            try:
                await asyncio.to_thread(write)
            except (OSError, ValueError):
                return
            await self._move(JobState.RECEIVING, durable=False, partials=(*self.record.partials, path.name))

    async def finish(self, job: Job, seconds: float) -> None:
        """From the answer on disk to the result. Asks nothing of the service, so it can be done again at any time."""
        await self._turns.calm()
        await self._move(JobState.FINISHING, durable=self.record.stopped)
        async with self._pixel_work if job.finish or job.surface else nullcontext():
            await self._finish(job, seconds)

    async def _finish(self, job: Job, seconds: float) -> None:
        try:
            head, answer = await asyncio.to_thread(self._read_and_count, job)
            pictures = [
                item if isinstance(item, bytes) else await (await self._client(job)).fetch(item, online=self.online)
                for item in answer.pictures
            ]
            started = time.monotonic()
            finished = await self._written(lambda: self._write(job, pictures))
            if job.is_local:
                seconds = time.monotonic() - started
        except OnlineAccessError as error:
            # Paid, made, and only to be fetched: on disk the job stays, so that a later session offers it again.
            self.record = self.record.moved(JobState.FAILED, error=error.to_dict(), ended_at=time.time())
            self._tell(self.record)
            return
        except GptImageError as error:
            await self._end(JobState.FAILED, error)
            return
        except OSError as error:                # the job's folder stays as it is: a later session finishes it
            trouble = AnswerError(f"The picture could not be written: {error}", hint="Recover Results tries again")
            self.record = self.record.moved(JobState.FAILED, error=trouble.to_dict(), ended_at=time.time())
            self._tell(self.record)
            return
        account = pricing.account(answer.usage, batch=job.request.batch) if job.service.kind is not ServiceKind.COMPATIBLE else None
        cost_usd = 0.0 if job.is_local else account[1] if account else None
        result = Result(pictures=finished, usage=answer.usage, cost_usd=cost_usd,
                        request_id=head.request_id, seconds=round(seconds, 3))
        if seconds and not job.is_local and not job.request.batch and not self.record.stopped:
            self._durations.add(job, seconds)
        await self._move(JobState.DONE, result=result, ended_at=time.time(), error=None, note="")

    def _write(self, job: Job, pictures: list[bytes]) -> tuple[ResultPicture, ...]:
        if job.surface and job.surface.given is not None:
            if job.surface.export:
                return (export_material(job.surface, self.folder),)
            return (check_material(job.surface, job.prompt, self.folder),)
        if job.sheet:
            return (write_sheet(job.sheet, self.folder, self.journal),)
        if job.surface and job.surface.asked:
            return (write_asked_map(pictures, job, self.folder),)
        if job.finish:
            assert job.request.is_edit
            made = write_touch_ups(pictures, job.request, job.finish, self.folder, self.journal)
        else:
            made = write_pictures(pictures, self.folder)
        if job.frame_px:
            made = write_cut(made, job.frame_px, self.folder)
        if job.lettering and job.lettering.overlay:
            made = write_lettered(made, job.lettering, self.folder)
        if job.views:
            made = write_views(made, job.views, self.folder)
        if job.surface:
            made = write_surfaces(made, job.surface, job.prompt, self.folder)
        if job.label_files:
            label_files(job, made, self.folder)
        return made

    def _read_and_count(self, job: Job) -> tuple[AnswerHead, Answer]:
        head, answer = self._read(job)
        if not job.is_local:
            self._accounts.settle_paid(job, answer.usage)
        return head, answer

    def _read(self, job: Job) -> tuple[AnswerHead, Answer]:
        if job.sheet:
            return AnswerHead(200), Answer([])
        if job.is_local:
            return AnswerHead(200), Answer([(self.folder / job.surface.source).read_bytes()])
        if self._heard and self._heard[1]:      # what is on disk now, without reading it once more
            head, events = self._heard
            return head, read_events(events, request_id=head.request_id, model=job.request.model)
        found = self.journal.read_answer(self.record.job_id)
        if found is not None and self.record.stopped:
            return found[0], Answer([(self.folder / self.record.partials[-1]).read_bytes()])
        if found is None:
            raise AnswerError("The answer is not in the job's folder any more")
        head, raw = found
        return head, read_answer(raw, head.content_type, request_id=head.request_id, model=job.request.model)

    async def recover(self, job: Job) -> None:
        """Settle a job that a dead worker left.

        A whole answer is finished; what was in flight without one is uncertain, and never sent again by itself.
        """
        self._job = job
        state = self.record.state
        if self.record.is_unsent:
            self.record = JobRecord(job_id=job.id)
            await asyncio.to_thread(self._accounts.settle, job, self.record)
        elif state in (JobState.RECEIVING, JobState.FINISHING, JobState.SENDING):
            try:
                await asyncio.to_thread(self._read, job)
            except GptImageError as error:
                if state is JobState.FINISHING or not isinstance(error, AnswerError):
                    await self._end(JobState.FAILED, error)
                else:
                    await self._end(JobState.UNCERTAIN, UncertainError(
                        "Blender or its helper stopped while this request was on its way"))
            else:
                await self.finish(job, 0.0)

    async def give_up(self, error: Exception) -> None:
        """End the job that something nobody foresaw has stopped. What has come of it is kept."""
        what = f"({type(error).__name__}: {error})"
        sent = self.record.sent_at > 0
        state, trouble = (JobState.UNCERTAIN if sent else JobState.FAILED), WorkerError(f"The helper failed on this job {what}")
        if self._job is None or isinstance(error, OSError):     # its folder cannot be used: there it stays as it is
            self.record = self.record._replace(state=state, error=trouble.to_dict())
            self._tell(self.record)
        elif self.record.state is JobState.FINISHING:
            await self._end(JobState.FAILED, AnswerError(f"The picture could not be finished {what}"))
        elif not self.record.state.is_final:
            await self._end(state, trouble)

    async def _end(self, state: JobState, error: GptImageError) -> None:
        await self._move(state, error=error.to_dict(), ended_at=time.time(), note="")
        if self._job and not self._job.is_local:
            await asyncio.to_thread(self._accounts.settle, self._job, self.record)

    async def _move(self, state: JobState, *, durable: bool = True, then: Callable[[], T] = lambda: None, **facts: object) -> T:
        """Bring the job to its next state: on the disk, then to the host. Gives what `then` does after it, in the same thread."""
        self.record = self.record.moved(state, **facts)

        def write() -> T:
            try:
                self._write_record(durable)
            except OSError:
                if state in (JobState.QUEUED, JobState.SENDING):    # nothing is sent that is not on the disk
                    raise
            return then()

        made = await asyncio.to_thread(write)
        self._tell(self.record)
        return made

    def _write_record(self, durable: bool) -> None:
        with self._record_file:                 # the last one to write it writes the latest
            self.journal.write_record(self.record, durable=durable)


def _copy(source: Path, target: Path) -> None:
    write_atomic(target, source.read_bytes())
