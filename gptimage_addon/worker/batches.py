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
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from pathlib import Path
from typing import NamedTuple

from ..core.errors import AnswerError, CancelledError, GptImageError, UncertainError, error_from_answer
from ..core.request import Job, SentPicture, Service
from ..library.batches import BatchFiles, BatchRecord
from ..library.journal import AnswerHead, Journal, new_job_id
from .client import Client, request_fields

__all__ = ("Batches", "batch_body", "split_lines")

GATHER_S, LOCAL_GATHER_S = 2.0, 0.3     # so long nothing more may come before a batch is sent
POLL_S, POLL_GROWTH, MAX_POLL_S = 5.0, 1.5, 600.0
LOCAL_POLL_S, LOCAL_MAX_POLL_S = 0.2, 2.0
# What the service takes in one batch.
MAX_LINES, MAX_BYTES = 50_000, 200_000_000
ENDED = ("completed", "failed", "expired", "cancelled")

log = logging.getLogger(__name__)
Answered = tuple[AnswerHead, bytes]


class Joined(NamedTuple):
    """One job on its way: `sent` notes that it leaves, in the batch of that name; `tell` how far the batch is."""

    job: Job
    client: Client
    sent: Callable[[str], Awaitable[None]]
    tell: Callable[[str], Awaitable[None]]
    answer: asyncio.Future[Answered]


class Batches:
    """The batches of one worker."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._files = BatchFiles(journal.data_dir)
        self._waiting: dict[tuple[Service, str], list[Joined]] = {}
        self._timers: dict[tuple[Service, str], asyncio.TimerHandle] = {}
        self._open: dict[str, dict[str, Joined]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False

    async def answer(
        self, job: Job, client: Client, sent: Callable[[str], Awaitable[None]], tell: Callable[[str], Awaitable[None]], *, name: str = "",
    ) -> Answered:
        """The answer to a job, which comes with the batch of that `name`, or with a new one. Cancelling it takes the job out.

        The last one that leaves a batch cancels it with the service. Raises the service's error for this job.
        """
        joined = Joined(job, client, sent, tell, asyncio.get_running_loop().create_future())
        if name:
            self._rejoin(name, joined)
        else:
            self._gather(joined)
        try:
            return await joined.answer
        finally:
            self._leave(joined)

    async def close(self) -> None:
        """Look after nothing any more. What is with a service stays there."""
        self._closing = True
        for timer in self._timers.values():
            timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _gather(self, joined: Joined) -> None:
        key = joined.job.service, _endpoint(joined.job)
        self._waiting.setdefault(key, []).append(joined)
        if key in self._timers:
            self._timers[key].cancel()
        wait_s = LOCAL_GATHER_S if joined.job.service.is_local else GATHER_S
        self._timers[key] = asyncio.get_running_loop().call_later(wait_s, self._depart, key)

    def _depart(self, key: tuple[Service, str]) -> None:
        del self._timers[key]
        ready = [joined for joined in self._waiting.pop(key, []) if not joined.answer.done()]
        if ready:
            self._start(self._send(key, ready), ready)

    def _rejoin(self, name: str, joined: Joined) -> None:
        known = self._open.setdefault(name, {})
        known[joined.job.id] = joined
        if len(known) == 1:
            self._start(self._resume(name), lambda: list(self._open.get(name, {}).values()))

    def _leave(self, joined: Joined) -> None:
        for jobs in self._waiting.values():
            if joined in jobs:
                jobs.remove(joined)
        for name, jobs in list(self._open.items()):
            if jobs.pop(joined.job.id, None) and not jobs:
                del self._open[name]
                if not joined.answer.done() or joined.answer.cancelled():
                    self._start(self._call_off(name, joined.client), [])

    def _start(self, work: Coroutine[None, None, None], concerned: list[Joined] | Callable[[], list[Joined]]) -> None:
        if self._closing:
            work.close()
            return

        async def guarded() -> None:
            try:
                await work
            except GptImageError as error:
                _fail(concerned() if callable(concerned) else concerned, error)
            except OSError as error:
                _fail(concerned() if callable(concerned) else concerned, UncertainError(f"The batch could not be written down: {error}"))

        task = asyncio.ensure_future(guarded())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- sending --------------------------------------------------------------------------------------------

    async def _send(self, key: tuple[Service, str], ready: list[Joined]) -> None:
        service, endpoint = key
        client = ready[0].client
        uploaded: dict[str, str] = {}

        async def upload(folder: Path, picture: SentPicture) -> str:
            data = await asyncio.to_thread((folder / picture.path).read_bytes)
            digest = hashlib.sha256(data).hexdigest()
            if digest not in uploaded:          # a style that goes along with sixty pictures is sent once
                ending = mimetypes.guess_extension(picture.mime) or ".png"
                uploaded[digest] = await client.upload(f"{digest[:16]}{ending}", data, picture.mime, purpose="vision")
            return uploaded[digest]

        lines: list[tuple[Joined, bytes]] = []
        for joined in ready:
            request, folder = joined.job.request, self._journal.folder(joined.job.id)
            sent = [*request.images, *(each for each in (request.mask, request.markup) if each)]
            ids = {picture.path: await upload(folder, picture) for picture in sent}
            line = {"custom_id": joined.job.id, "method": "POST", "url": endpoint, "body": batch_body(joined.job, ids)}
            lines.append((joined, json.dumps(line).encode() + b"\n"))
        for part in split_lines(lines):
            await self._send_part(service, endpoint, part, client)

    async def _send_part(self, service: Service, endpoint: str, part: list[tuple[Joined, bytes]], client: Client) -> None:
        name = new_job_id()
        part = [(joined, line) for joined, line in part if not joined.answer.done()]
        if not part:
            return
        file_id = await client.upload(f"{name}.jsonl", b"".join(line for _, line in part), "application/jsonl", purpose="batch")
        record = BatchRecord(name, service, endpoint, tuple(joined.job.id for joined, _ in part))
        await asyncio.to_thread(self._files.write, record)
        self._open[name] = {joined.job.id: joined for joined, _ in part}
        for joined, _ in part:                  # from here on each may be made, and paid
            await joined.sent(name)
        try:
            batch_id = await client.create_batch(file_id, endpoint, name)
        except UncertainError:                  # the connection was lost: it may be there all the same
            batch_id = await client.find_batch(name)
            if not batch_id:
                raise
        record = record._replace(batch_id=batch_id)
        await asyncio.to_thread(self._files.write, record)
        self._start(self._follow(record, client), lambda: list(self._open.get(name, {}).values()))

    async def _resume(self, name: str) -> None:
        await asyncio.sleep(0)                  # the others of the same batch join first
        client = next(iter(self._open[name].values())).client
        record = await asyncio.to_thread(self._files.read, name)
        if not record.batch_id:
            found = await client.find_batch(name)
            if not found:
                raise UncertainError("The helper stopped while this batch was being made, and the service lists none of its name")
            record = record._replace(batch_id=found)
            await asyncio.to_thread(self._files.write, record)
        await self._follow(record, client)

    async def _call_off(self, name: str, client: Client) -> None:
        try:
            record = await asyncio.to_thread(self._files.read, name)
            if record.batch_id:
                await client.cancel_batch(record.batch_id)
        except GptImageError as error:
            log.warning("batch %s cannot be cancelled: %s", name, error)

    # --- looking after it -----------------------------------------------------------------------------------

    async def _follow(self, record: BatchRecord, client: Client) -> None:
        """Until the batch has ended and each of its jobs here has its answer."""
        delay, most = (LOCAL_POLL_S, LOCAL_MAX_POLL_S) if record.service.is_local else (POLL_S, MAX_POLL_S)
        told = -1
        while True:
            try:
                state = await client.batch(record.batch_id)
            except GptImageError as error:
                if not (error.retryable or isinstance(error, UncertainError)):
                    raise
                state = None                    # it is made all the same: ask again later
            if state and state.status in ENDED:
                break
            if state and state.done != told:
                told = state.done
                for joined in list(self._open.get(record.name, {}).values()):
                    await joined.tell(f"In a batch of {len(record.job_ids)}, {told} done" if told else f"In a batch of {len(record.job_ids)}")
            await asyncio.sleep(delay)
            delay = min(delay * POLL_GROWTH, most)
        for kind, file_id in (("output", state.output_file_id), ("errors", state.error_file_id)):
            path = self._files.answer_path(record.name, kind)
            if file_id and not path.exists():
                await client.download(file_id, path)
            if file_id:
                await self._hand_out(record.name, path)
        for joined in list(self._open.get(record.name, {}).values()):
            if not joined.answer.done():
                joined.answer.set_exception(_left_out(state.status, state.error))

    async def _hand_out(self, name: str, path: Path) -> None:
        """The lines of a file of answers to those who wait for them."""
        with open(path, "rb") as file:          # a line may hold ten pictures: one at a time
            while line := await asyncio.to_thread(file.readline):
                answer = _read_line(line)
                joined = self._open.get(name, {}).get(answer[0]) if answer else None
                if joined and not joined.answer.done():
                    _, head, body, error = answer
                    joined.answer.set_exception(error) if error else joined.answer.set_result((head, body))
                    await asyncio.sleep(0)


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


def _fail(concerned: list[Joined], error: GptImageError) -> None:
    for joined in concerned:
        if not joined.answer.done():
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
        job_id, response, error = str(facts["custom_id"]), facts.get("response") or {}, facts.get("error")
    except (ValueError, KeyError, AttributeError, TypeError):
        return None
    status, request_id = int(response.get("status_code") or 0), str(response.get("request_id") or "")
    body = response.get("body")
    head = AnswerHead(status, "application/json", request_id)
    if error or status >= 400:
        said = body if isinstance(body, dict) and body else {"error": error}
        return job_id, head, b"", error_from_answer(status, said, request_id=request_id)
    return job_id, head, json.dumps(body).encode(), None
