# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A disk that takes nothing, and a data folder that is gone: before sending nothing is sent, after that nothing paid is lost."""

from __future__ import annotations

import asyncio
import errno
import resource
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import numpy as np
import pytest

from gptimage_addon.core.protocol import Cancel, RecordChanged, Submit
from gptimage_addon.core.request import Job, JobRecord, JobState, Request
from gptimage_addon.library.durations import Durations
from gptimage_addon.library.journal import Journal
from gptimage_addon.worker import runner as runner_module
from gptimage_addon.worker.accounts import Accounts
from gptimage_addon.worker.practice import Fault, PracticeServer
from gptimage_addon.worker.runner import JobRunner
from gptimage_addon.worker.turns import Turns
from tests.support.pictures import encode
from tests.support.services import PlainServer, answer_json, make_png
from tests.support.worker_process import WorkerProcess, make_job, wait_until

Serve = Callable[..., PracticeServer]
# Noise does not pack: some 120 kB, too large for what the disk takes here.
LARGE = encode(np.random.default_rng(1).integers(0, 256, (200, 200, 3), np.uint8))


@contextmanager
def disk_that_takes(worker: WorkerProcess, size: int) -> Iterator[None]:
    """No file of the worker may be larger: as a full disk would, writing stops there."""
    usual = resource.prlimit(worker.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (size, usual[1]))
    try:
        yield
    finally:
        resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, usual)


def wait_for_note(worker: WorkerProcess, job_id: str) -> JobRecord:
    found = worker.wait_for(lambda m: isinstance(m, RecordChanged) and m.record.job_id == job_id and "takes no files" in m.record.note)
    return found.record         # type: ignore[union-attr]


@pytest.mark.parametrize("wanted", [{"n": 1}, {"n": 2}], ids=["streamed", "plain"])
def test_an_answer_waits_in_memory_until_the_disk_takes_it(
    start_worker: Callable[..., WorkerProcess], serve: Serve, wanted: dict[str, int],
) -> None:
    # With databases of its own: those of many jobs are larger than what the disk takes here.
    server, worker = serve(picture=LARGE), start_worker()
    with disk_that_takes(worker, 50_000):
        job_id = worker.submit(make_job(server.base_url, **wanted))
        record = wait_for_note(worker, job_id)
        assert not record.state.is_final and "Free some space" in record.note
        assert worker.journal.answer_path(job_id).stat().st_size <= 50_000
    record = worker.wait_state(job_id)
    assert record.state is JobState.DONE and record.note == "" and len(record.result.pictures) == wanted["n"]
    folder = worker.journal.folder(job_id)
    assert all((folder / picture.path).read_bytes() == LARGE for picture in record.result.pictures)
    _, raw = worker.journal.read_answer(job_id)
    assert len(raw) > 4 / 3 * len(LARGE), "the answer itself is whole as well"
    assert len(server.requests) == 1


def test_nothing_is_sent_from_a_full_disk(worker: WorkerProcess, serve: Serve) -> None:
    server = serve()
    with disk_that_takes(worker, 0):
        record = worker.run(make_job(server.base_url))
        assert record.state is JobState.FAILED and record.error and record.sent_at == 0.0
    assert server.requests == [] and worker.journal.read_record(record.job_id).is_unsent


def test_a_result_that_cannot_be_written_is_tried_again(worker: WorkerProcess, serve: Serve) -> None:
    server = serve(Fault(delay_s=0.3))
    job_id = worker.submit(make_job(server.base_url))
    wait_until(lambda: server.requests)
    in_the_way = worker.journal.folder(job_id) / "results"
    in_the_way.write_text("no folder")
    assert wait_for_note(worker, job_id).state is JobState.FINISHING
    in_the_way.unlink()
    assert worker.wait_state(job_id).state is JobState.DONE
    assert (in_the_way / "0.png").read_bytes() == make_png()


@pytest.mark.parametrize("comes_back", ["whole", "empty"])
def test_a_data_folder_that_vanishes_is_waited_for(
    start_worker: Callable[..., WorkerProcess], serve: Serve, tmp_path: Path, comes_back: str,
) -> None:
    """A network drive that is gone for a while, or a folder that somebody has cleared out."""
    server = serve(Fault(delay_s=0.5))
    worker = start_worker()
    job_id = worker.submit(make_job(server.base_url))
    wait_until(lambda: server.requests)
    away = tmp_path / "away"
    worker.journal.data_dir.rename(away)
    wait_for_note(worker, job_id)
    if comes_back == "whole":
        away.rename(worker.journal.data_dir)
    else:
        worker.journal.folder(job_id).mkdir(parents=True)
    record = worker.wait_state(job_id)
    assert record.state is JobState.DONE
    assert (worker.journal.folder(job_id) / "results" / "0.png").read_bytes() == make_png()
    assert worker.journal.read_answer(job_id) is not None and len(server.requests) == 1
    shutil.rmtree(away, ignore_errors=True)


def test_an_answer_that_waits_for_the_disk_holds_up_the_line(start_worker: Callable[..., WorkerProcess], serve: Serve) -> None:
    """What is sent from a full disk would fail, and the next after it."""
    server, worker = serve(picture=LARGE), start_worker(concurrency=1)
    with disk_that_takes(worker, 50_000):
        first, second = (worker.submit(make_job(server.base_url)) for _ in range(2))
        wait_for_note(worker, first)
        time.sleep(0.3)                                 # whoever were let through would be at the service by now
        assert len(server.requests) == 1 and worker.records(second)[-1].state is JobState.QUEUED
    assert worker.wait_state(first).state is worker.wait_state(second).state is JobState.DONE


def test_an_answer_that_waits_for_the_disk_is_too_late_to_cancel(start_worker: Callable[..., WorkerProcess], serve: Serve) -> None:
    """It is paid, and only in memory."""
    server, worker = serve(picture=LARGE), start_worker()
    with disk_that_takes(worker, 50_000):
        job_id = worker.submit(make_job(server.base_url, n=2))
        wait_for_note(worker, job_id)
        worker.send(Cancel(job_id))
    assert worker.wait_state(job_id).state is JobState.DONE


def test_a_whole_answer_whose_end_is_lost_on_a_full_disk_is_kept(
    start_worker: Callable[..., WorkerProcess], serve_plain: Callable[..., PlainServer],
) -> None:
    lose = threading.Event()

    def handle(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        body = answer_json(LARGE, LARGE)
        handler.send_response(200)
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", str(len(body) + 1))
        handler.end_headers()
        handler.wfile.write(body)
        handler.wfile.flush()
        lose.wait(20)
        handler.close_connection = True

    server, worker = serve_plain(handle), start_worker()
    with disk_that_takes(worker, 50_000):
        job_id = worker.submit(make_job(server.base_url, n=2))
        worker.wait_state(job_id, JobState.RECEIVING)
        threading.Event().wait(0.3)             # so that all of it has come
        lose.set()
        wait_for_note(worker, job_id)
    record = worker.wait_state(job_id)
    assert record.state is JobState.DONE and len(record.result.pictures) == 2


def in_batch(base_url: str) -> Job:
    return make_job(base_url, request=Request("red brick", "gpt-image-2.5-flare", "1024x640", "low", batch=True))


def test_a_batch_waits_until_the_disk_takes_its_answers(start_worker: Callable[..., WorkerProcess], serve: Serve) -> None:
    server, worker = serve(picture=LARGE), start_worker()
    with disk_that_takes(worker, 50_000):
        job_id = worker.submit(in_batch(server.base_url))
        assert wait_for_note(worker, job_id).state is JobState.SENDING
        assert not list((worker.journal.data_dir / "batches").glob("*.part")), "no room is held meanwhile"
    assert worker.wait_state(job_id).state is JobState.DONE


def test_an_answer_from_a_batch_waits_until_its_folder_takes_it(start_worker: Callable[..., WorkerProcess], serve: Serve) -> None:
    server, worker = serve(picture=make_png()), start_worker()
    job = in_batch(server.base_url)
    worker.journal.create(job)
    in_the_way = worker.journal.answer_path(job.id)
    in_the_way.mkdir()
    worker.send(Submit(job.id))
    assert wait_for_note(worker, job.id).state is JobState.SENDING
    worker.send(Cancel(job.id))
    in_the_way.rmdir()
    assert worker.wait_state(job.id).state is JobState.DONE


def test_a_batch_is_not_ended_by_what_it_cannot_note(start_worker: Callable[..., WorkerProcess], serve: Serve) -> None:
    server, worker = serve(picture=make_png(), latency_s=0.5), start_worker()
    jobs = [in_batch(server.base_url) for _ in range(3)]
    for job in jobs:
        worker.submit(job)
    wait_until(lambda: any(request.method == "GET" for request in server.requests))
    with disk_that_takes(worker, 0):
        wait_until(lambda: any("1 done" in record.note for record in worker.records(jobs[0].id)))
        threading.Event().wait(0.3)
    assert [worker.wait_state(job.id).state for job in jobs] == [JobState.DONE] * 3


class FullDisk(Journal):
    """Takes no record of one state."""

    def __init__(self, data_dir: Path, state: JobState) -> None:
        super().__init__(data_dir)
        self.state = state

    def write_record(self, record: JobRecord, *, durable: bool = True) -> None:
        if record.state is self.state:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().write_record(record, durable=durable)


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.SENDING])
def test_what_cannot_be_noted_is_not_sent(tmp_path: Path, state: JobState) -> None:
    """The disk is full at that very step. In this process, so that it can be."""
    journal = FullDisk(tmp_path, state)
    job = make_job("http://127.0.0.1:9/v1")
    journal.create(job)

    class Unused:
        def send(self, *_: object) -> None:
            raise AssertionError("it was sent")

    async def client(_: object) -> Unused:
        return Unused()

    async def run() -> JobRecord:
        runner = JobRunner(
            journal, JobRecord(job.id, worker="me"), online=False, client=client, tell=lambda _: None, turns=Turns(1), pixel_work=asyncio.Lock(),
            accounts=Accounts(journal, lambda _: None), durations=Durations(tmp_path), end_of=None, batches=None)
        await runner.run()
        return runner.record

    record = asyncio.run(run())
    assert record.state is JobState.FAILED and record.sent_at == 0.0 and record.attempts == 0
    assert "No space left" in record.error["message"] or "cannot be used" in record.error["message"]
    assert journal.read_record(job.id).state is JobState.FAILED


def test_a_disk_that_stays_full_is_left_once_the_host_has_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner_module, "LEAVING_S", 0.0)
    monkeypatch.setattr(runner_module, "DISK_RETRY_S", 0.01)

    def write() -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    async def run() -> list[str]:
        told: list[str] = []
        runner = JobRunner(
            Journal(tmp_path), JobRecord("job"), online=False, client=None, tell=lambda record: told.append(record.note),
            turns=Turns(1), pixel_work=asyncio.Lock(), accounts=None, durations=None, end_of=None, batches=None)
        waiting = asyncio.ensure_future(runner._written(write))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        runner.leave()
        with pytest.raises(OSError, match="Read-only"):
            await waiting
        return told

    (note,) = asyncio.run(run())
    assert "Read-only file system" in note
