# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs that are sent together in a batch: made within a day, at half price.

What waits is gathered, uploaded as one file a service and endpoint, and looked after until it is done. Each job gets the answer
that it would have got alone. A batch outlives its worker: its name is on disk before it is asked for, and with the service.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import mimetypes
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

from ..core.errors import AnswerError, CancelledError, GptImageError, InputError, TransientError, UncertainError, WorkerError, error_from_answer
from ..core.request import Job, SentPicture, Service
from ..library.batches import BatchFiles, BatchRecord
from ..library.journal import AnswerHead, Journal, new_job_id
from .client import MAX_ANSWER_BYTES, BatchState, Client, request_fields
from .retry import retry_delay_s

__all__ = ("Batches", "batch_body", "split_lines")

GATHER_S, LOCAL_GATHER_S = 2.0, 0.3     # so long nothing more may come before a batch is sent
POLL_S, POLL_GROWTH, MAX_POLL_S = 5.0, 1.5, 600.0
LOCAL_POLL_S, LOCAL_MAX_POLL_S = 0.2, 2.0
TRYING_S = 600.0                        # so long a service that asks for a pause is tried again before a batch is made
LEAVING_S = 20.0
SEARCHES = 4                            # for a batch whose answer was lost: the service may list it a little later
# What the service takes in one batch.
MAX_LINES, MAX_BYTES = 50_000, 200_000_000
ENDED = ("completed", "failed", "expired", "cancelled")

log = logging.getLogger(__name__)
T = TypeVar("T")


class Joined(NamedTuple):
    """One job on its way: `sent` notes that it leaves, in the batch of that name; `tell` says how far the batch is.

    `left` is set when nobody waits for the answer any more, or it has been kept.
    """

    job: Job
    client: Callable[[], Awaitable[Client]]
    sent: Callable[[str], Awaitable[None]]
    tell: Callable[[str], None]
    answer: asyncio.Future[tuple[AnswerHead, bytes]]
    left: asyncio.Event


class Batch:
    """One batch in hand. `jobs` are those that wait for its answers; `stirred` is set when the last of them has gone, or to ask at once."""

    def __init__(self, record: BatchRecord, jobs: Iterable[Joined]) -> None:
        self.record = record
        self.jobs = {joined.job.id: joined for joined in jobs}
        self.client = next(iter(self.jobs.values())).client
        self.stirred = asyncio.Event()


class Batches:
    """The batches of one worker."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._files = BatchFiles(journal.data_dir)
        self._waiting: dict[tuple[Service, str], list[Joined]] = {}
        self._timers: dict[tuple[Service, str], asyncio.TimerHandle] = {}
        self._open: dict[str, Batch] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._making: set[asyncio.Task[None]] = set()           # those of them that ask for a new batch
        self._closing = False
        self._going = asyncio.Event()           # not set while nothing is to be sent
        self._going.set()

    async def answer(
        self, job: Job, client: Callable[[], Awaitable[Client]], sent: Callable[[str], Awaitable[None]], tell: Callable[[str], None],
        keep: Callable[[AnswerHead, bytes], Awaitable[None]], *, name: str = "",
    ) -> None:
        """Until the answer to a job has come, with the batch of that `name` or with a new one, and `keep` has it on the disk.

        Cancelling it takes the job out; the last one that leaves a batch cancels it with the service. Raises the service's error for
        this job, and UncertainError where it may be paid. What keeps a batch that is with the service from being asked for is told and
        waited for.
        """
        joined = Joined(job, client, sent, tell, asyncio.get_running_loop().create_future(), asyncio.Event())
        if name:
            self._rejoin(name, joined)
        else:
            self._gather(joined)
        try:
            await keep(*await joined.answer)
        finally:
            self._leave(joined)

    def pause(self, paused: bool) -> None:
        """Send no batch, or go on. What is with a service is looked after all the same."""
        if paused:
            self._going.clear()
        else:
            self._going.set()
            for key in self._waiting.keys() - self._timers.keys():
                self._set_timer(key)

    def ask_now(self) -> None:
        """Wait no longer with the next look at what is with a service."""
        for batch in self._open.values():
            batch.stirred.set()

    async def close(self) -> None:
        """Look after nothing any more. What is with a service stays there; whether it has a new batch is waited for."""
        self._closing = True
        for timer in self._timers.values():
            timer.cancel()
        if self._making:
            await asyncio.wait(self._making, timeout=LEAVING_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _gather(self, joined: Joined) -> None:
        key = joined.job.service, _endpoint(joined.job)
        self._waiting.setdefault(key, []).append(joined)
        self._set_timer(key)

    def _set_timer(self, key: tuple[Service, str]) -> None:
        if key in self._timers:
            self._timers[key].cancel()
        self._timers[key] = asyncio.get_running_loop().call_later(LOCAL_GATHER_S if key[0].is_local else GATHER_S, self._depart, key)

    def _depart(self, key: tuple[Service, str]) -> None:
        del self._timers[key]
        if self._going.is_set():                # else the end of the pause sets the timer anew
            ready = [joined for joined in self._waiting.pop(key, []) if not joined.answer.done()]
            if ready:
                self._start(self._send(key, ready), ready, WorkerError)

    def _rejoin(self, name: str, joined: Joined) -> None:
        if name in self._open:
            self._open[name].jobs[joined.job.id] = joined
        else:
            self._tend(Batch(BatchRecord(name, joined.job.service, _endpoint(joined.job), (joined.job.id,)), [joined]), self._resume)

    def _leave(self, joined: Joined) -> None:
        joined.left.set()
        for jobs in self._waiting.values():
            if joined in jobs:
                jobs.remove(joined)
        for name, batch in list(self._open.items()):
            if batch.jobs.pop(joined.job.id, None) and not batch.jobs:
                del self._open[name]
                batch.stirred.set()

    def _start(self, work: Coroutine[None, None, None], concerned: Iterable[Joined], failure: type[GptImageError]) -> None:
        """Do the work beside all else. If it fails, those who are concerned by then hear it, of what nobody foresaw as that `failure`."""
        if self._closing:
            work.close()
            return

        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            error = None if task.cancelled() else task.exception()
            if isinstance(error, GptImageError):
                _fail(concerned, error)
            elif error:                         # whoever waits for a batch must hear that nobody looks after it
                log.error("batch", exc_info=error)
                _fail(concerned, failure(f"The helper failed on this batch ({type(error).__name__}: {error})"))

        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(ended)

    def _tend(self, batch: Batch, work: Callable[[Batch], Coroutine[None, None, None]]) -> None:
        """Have a batch that is, or may be, with the service in hand while the work on it goes on."""
        self._open[batch.record.name] = batch

        async def tended() -> None:
            try:
                await work(batch)
            finally:                            # who joins from now on begins anew
                if self._open.get(batch.record.name) is batch:
                    del self._open[batch.record.name]

        self._start(tended(), batch.jobs.values(), UncertainError)

    # --- sending --------------------------------------------------------------------------------------------

    async def _send(self, key: tuple[Service, str], ready: list[Joined]) -> None:
        service, endpoint = key
        client = await ready[0].client()
        uploaded: dict[str, str] = {}

        async def upload(folder: Path, picture: SentPicture) -> str:
            try:
                data = await asyncio.to_thread((folder / picture.path).read_bytes)
            except OSError as error:
                raise InputError(f"A picture to send cannot be read: {error}", field="images",
                                 hint="Nothing was sent. Start the job anew") from error
            digest = hashlib.sha256(data).hexdigest()
            if digest not in uploaded:          # a style that goes along with sixty pictures is sent once
                ending = mimetypes.guess_extension(picture.mime) or ".png"
                uploaded[digest] = await _tried(
                    lambda: client.upload(f"{digest[:16]}{ending}", data, picture.mime, purpose="vision"))
            return uploaded[digest]

        lines: list[tuple[Joined, bytes]] = []
        for joined in ready:
            request, folder = joined.job.request, self._journal.folder(joined.job.id)
            sent = [*request.images, *(each for each in (request.mask, request.markup) if each)]
            try:
                ids = {picture.path: await upload(folder, picture) for picture in sent if not joined.answer.done()}
            except GptImageError as error:      # the others go without it
                _fail([joined], error)
            if not joined.answer.done():
                line = {"custom_id": joined.job.id, "method": "POST", "url": endpoint, "body": batch_body(joined.job, ids)}
                lines.append((joined, json.dumps(line).encode() + b"\n"))
        for part in split_lines(lines):
            self._start(self._send_part(service, endpoint, part, client), [joined for joined, _ in part], WorkerError)

    async def _send_part(self, service: Service, endpoint: str, part: list[tuple[Joined, bytes]], client: Client) -> None:
        name = new_job_id()
        while True:
            await self._going.wait()
            part = [(joined, line) for joined, line in part if not joined.answer.done()]
            if not part:
                return
            data = b"".join(line for _, line in part)
            file_id = await _tried(lambda: client.upload(f"{name}.jsonl", data, "application/jsonl", purpose="batch"))
            await self._going.wait()
            record = BatchRecord(name, service, endpoint, tuple(joined.job.id for joined, _ in part))
            try:
                await asyncio.to_thread(self._files.write, record)
            except OSError as error:
                raise WorkerError(f"Nothing was sent, for the batch cannot be written down ({error.strerror or error})",
                                  hint="Free some space in the data folder, or choose another one in Preferences, and retry") from error
            for joined, _ in part:              # from here on each may be made, and paid
                try:
                    if not joined.answer.done():
                        await joined.sent(name)
                except GptImageError as error:
                    _fail([joined], error)
            if not any(joined.answer.done() for joined, _ in part):
                break                           # else the file has a line that is wanted no more
        self._tend(Batch(record, [joined for joined, _ in part]), lambda batch: self._begin(batch, file_id, client))

    async def _begin(self, batch: Batch, file_id: str, client: Client) -> None:
        making = asyncio.current_task()
        self._making.add(making)
        try:
            await self._note(batch, await self._create(batch, file_id, client))
        finally:
            self._making.discard(making)
        if not self._closing:
            await self._look_after(batch)

    async def _create(self, batch: Batch, file_id: str, client: Client) -> str:
        """The service's id of the new batch, "" where its answer was lost: then it may be there all the same. Raises what refuses it."""
        attempt, name, end = 0, batch.record.name, asyncio.get_running_loop().time() + TRYING_S
        while True:
            attempt += 1
            try:
                found = await client.find_batch(name) if attempt > 1 else ""
                return found or await client.create_batch(file_id, batch.record.endpoint, name)
            except UncertainError:
                return ""
            except GptImageError as error:
                delay_s = retry_delay_s(error, attempt, end - asyncio.get_running_loop().time())
                if delay_s is None or not batch.jobs:
                    raise
                await asyncio.sleep(delay_s)

    async def _resume(self, batch: Batch) -> None:
        try:
            batch.record = await asyncio.to_thread(self._files.read, batch.record.name)
        except InputError as error:
            log.warning("it is looked for by its name: %s", error)
        await self._look_after(batch)

    async def _note(self, batch: Batch, batch_id: str) -> None:
        """Write down under which id the service has it; without that it is found by its name."""
        batch.record = batch.record._replace(batch_id=batch_id)
        try:
            await asyncio.to_thread(self._files.write, batch.record)
        except OSError as error:
            log.warning("batch %s: %s", batch.record.name, error)

    # --- looking after it -----------------------------------------------------------------------------------

    async def _look_after(self, batch: Batch) -> None:
        """Until the batch has ended and each of its jobs here has its answer, or all of them have gone.

        Nothing that is in the way ends it, be it the network, a key or the disk: the batch is made, and paid, all the same.
        """
        record = batch.record
        delay_s, most_s = (LOCAL_POLL_S, LOCAL_MAX_POLL_S) if record.service.is_local else (POLL_S, MAX_POLL_S)
        told, searches = "", 0
        while batch.jobs:
            batch.stirred.clear()
            try:
                client = await batch.client()
                if batch.record.batch_id:
                    state = await client.batch(batch.record.batch_id)
                    if state.status in ENDED:
                        await self._bring(batch, client, state)
                        return
                    text = f"In a batch of {len(batch.record.job_ids)}" + (f", {state.done} done" if state.done else "")
                else:
                    text = "Looking for the batch, whose making was not confirmed"
                    found, searches = await client.find_batch(record.name), searches + 1
                    if found:
                        await self._note(batch, found)
                        continue
                    if searches == SEARCHES:
                        _fail(batch.jobs.values(), UncertainError(
                            "The connection was lost while this batch was being made, and the service lists none of its name"))
                        return
            except AnswerError as error:        # more than a batch can be
                raise UncertainError(error.message) from error
            except GptImageError as error:
                text = f"In a batch that cannot be asked for now, and is asked for again: {error.message}"
            except OSError as error:
                text = f"In a batch that is paid, but {self._journal.data_dir} takes no files ({error.strerror or error}). It is tried again"
            if text != told:
                told = text
                for joined in batch.jobs.values():
                    joined.tell(text)
            try:
                async with asyncio.timeout(delay_s):
                    await batch.stirred.wait()
            except TimeoutError:
                delay_s = min(delay_s * POLL_GROWTH, most_s)
        await self._call_off(batch)

    async def _call_off(self, batch: Batch) -> None:
        try:
            client = await batch.client()
            batch_id = batch.record.batch_id or await _tried(lambda: client.find_batch(batch.record.name))
            if batch_id:
                await _tried(lambda: client.cancel_batch(batch_id))
        except GptImageError as error:
            log.warning("batch %s cannot be cancelled: %s", batch.record.name, error)

    async def _bring(self, batch: Batch, client: Client, state: BatchState) -> None:
        """Hand out the answers of a batch that has ended, also to those who join meanwhile."""
        paths = []
        for kind, file_id in (("output", state.output_file_id), ("errors", state.error_file_id)):
            if file_id:
                paths.append(self._files.answer_path(batch.record.name, kind))
                if not paths[-1].exists():
                    await client.download(file_id, paths[-1], MAX_ANSWER_BYTES * max(len(batch.record.job_ids), len(batch.jobs)))
        while waiting := _unanswered(batch.jobs.values()):
            for path in paths:
                await self._hand_out(batch, path)
            _fail(waiting, _left_out(state.status, state.error))

    async def _hand_out(self, batch: Batch, path: Path) -> None:
        """The lines of a file of answers to those who wait for them. A line may hold ten pictures: the next one waits until it is kept."""
        with open(path, "rb") as file:
            while line := await asyncio.to_thread(file.readline, MAX_ANSWER_BYTES):
                answer = _read_line(line)
                joined = batch.jobs.get(answer[0]) if answer else None
                if joined and not joined.answer.done():
                    _, head, body, error = answer
                    joined.answer.set_exception(error) if error else joined.answer.set_result((head, body))
                    await joined.left.wait()


async def _tried(call: Callable[[], Awaitable[T]]) -> T:
    """What a call gives that may be made twice, for it makes no picture: tried again where that may help."""
    attempt, end = 0, asyncio.get_running_loop().time() + TRYING_S
    while True:
        attempt += 1
        try:
            return await call()
        except GptImageError as error:
            trouble = TransientError(error.message) if isinstance(error, UncertainError) else error
            delay_s = retry_delay_s(trouble, attempt, end - asyncio.get_running_loop().time())
            if delay_s is None:
                raise trouble from error
            await asyncio.sleep(delay_s)


def split_lines(lines: list[tuple[Joined, bytes]], *, most: int = MAX_LINES, most_bytes: int = MAX_BYTES) -> Iterator[list[tuple[Joined, bytes]]]:
    """The lines in as few parts as the service takes, in order."""
    part: list[tuple[Joined, bytes]] = []
    size = 0
    for joined, line in lines:
        if part and (len(part) == most or size + len(line) > most_bytes):
            yield part
            part, size = [], 0
        part.append((joined, line))
        size += len(line)
    if part:
        yield part


def batch_body(job: Job, ids: dict[str, str]) -> dict[str, object]:
    """The JSON form of a request: pictures are told by the ids of their files, by their paths."""
    fields = request_fields(job.request._replace(images=(), mask=None, markup=None, input_fidelity=""), Path(), False)
    body = {**fields, **fields.pop("extra_body", {})}
    body.pop("extra_body", None)
    request = job.request
    if request.is_edit:
        body["images"] = [{"file_id": ids[picture.path]} for picture in request.images]
        body |= {name: {"file_id": ids[picture.path]} for name, picture in (("mask", request.mask), ("markup", request.markup)) if picture}
        if request.input_fidelity:
            body["input_fidelity"] = request.input_fidelity
    return body


def _endpoint(job: Job) -> str:
    return "/v1/images/edits" if job.request.is_edit else "/v1/images/generations"


def _unanswered(jobs: Iterable[Joined]) -> list[Joined]:
    return [joined for joined in jobs if not joined.answer.done()]


def _fail(concerned: Iterable[Joined], error: GptImageError) -> None:
    for joined in _unanswered(concerned):
        joined.answer.set_exception(error)


def _left_out(status: str, said: str) -> GptImageError:
    """Why a job of a batch that has ended has no answer."""
    if status == "expired":
        return CancelledError("The batch expired before this picture was made. Nothing was charged for it")
    if status == "cancelled":
        return CancelledError("The batch was cancelled before this picture was made. Nothing was charged for it")
    return AnswerError(f"The service could not do the batch{': ' + said if said else ''}", hint="Nothing was charged for it")


def _read_line(line: bytes) -> tuple[str, AnswerHead, bytes, GptImageError | None] | None:
    """(job id, head, body, error) of a line of answers; None for one that is unreadable."""
    try:
        facts = json.loads(line)
        job_id, error = str(facts["custom_id"]), facts.get("error")
    except (ValueError, KeyError, AttributeError, TypeError):
        return None
    response = facts.get("response") if isinstance(facts.get("response"), dict) else {}
    code, request_id = response.get("status_code"), str(response.get("request_id") or "")
    status = code if isinstance(code, int) else 0
    body = response.get("body")
    head = AnswerHead(status, "application/json", request_id)
    if error or status >= 400:
        said = body if isinstance(body, dict) and body else {"error": error}
        return job_id, head, b"", error_from_answer(status, said, request_id=request_id)
    return job_id, head, json.dumps(body).encode(), None
