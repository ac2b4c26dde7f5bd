# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker killed at each state, and what the next one makes of it: nothing paid is lost, nothing is paid twice."""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from gptimage_addon.core.protocol import Submit
from gptimage_addon.core.request import JobRecord, JobState
from gptimage_addon.library.journal import WorkerLock
from gptimage_addon.library.wallet import Wallet
from gptimage_addon.worker.practice import Fault, PracticeServer
from tests.support.services import PlainServer, answer_json, make_png, send
from tests.support.worker_process import WorkerProcess, make_job, wait_until

StartWorker = Callable[..., WorkerProcess]
ServePlain = Callable[..., PlainServer]
PICTURE = make_png()


def stream_event(kind: str, **facts: object) -> bytes:
    data = f"data: {json.dumps({'type': kind, **facts})}\n\n".encode()
    return b"%x\r\n%s\r\n" % (len(data), data)


class HoldingService:
    """Holds each job, named in its prompt, at one state until `let_go`."""

    def __init__(self, serve_plain: ServePlain) -> None:
        self.let_go = threading.Event()
        self.server = serve_plain(self._handle)

    def sent(self) -> int:
        return sum(method == "POST" for method, *_ in self.server.seen)

    def _handle(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        if handler.command == "GET":
            self._hold(handler)
            send(handler, PICTURE, "image/png")
            return
        match json.loads(body)["prompt"]:
            case "sending":
                self._hold(handler)
                send(handler, answer_json(PICTURE))
            case "finishing":
                send(handler, json.dumps({"data": [{"url": "/picture.png"}]}).encode())
            case "failed":
                send(handler, b'{"error": {"code": "invalid_value"}}', status=400)
            case "waiting" if not self.let_go.is_set():
                send(handler, b'{"error": {"code": "slow_down"}}', status=429, retry_after="25")
            case "receiving":
                self._stream(handler, stream_event("image_generation.partial_image", b64_json="AAAA"))
            case "received":
                # A whole answer whose connection stays open: all is there but its end.
                body = answer_json(PICTURE)
                self._stream(handler, b"%x\r\n%s\r\n" % (len(body), body), "application/json")
            case "blocked":
                self._stream(handler, stream_event("error", error={"code": "moderation_blocked", "message": "No"}))
            case _:
                send(handler, answer_json(PICTURE))

    def _stream(self, handler: BaseHTTPRequestHandler, chunk: bytes, content_type: str = "text/event-stream") -> None:
        handler.send_response(200)
        handler.send_header("content-type", content_type)
        handler.send_header("transfer-encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(chunk)
        handler.wfile.flush()
        self._hold(handler)
        handler.close_connection = True

    def _hold(self, handler: BaseHTTPRequestHandler) -> None:
        self.let_go.wait(30)


PRICE = 0.25


def counted(worker: WorkerProcess) -> float:
    """In units of a request's price, what the wallet says was spent or is in flight."""
    return sum(entry.counted_usd for entry in Wallet(worker.journal.data_dir).entries()) / PRICE


def on_disk(worker: WorkerProcess, job_id: str) -> JobRecord:
    return worker.journal.read_record(job_id)


def test_killed_at_each_state(start_worker: StartWorker, serve_plain: ServePlain) -> None:
    service = HoldingService(serve_plain)
    base_url = service.server.base_url
    first = start_worker(concurrency=5)              # a job that is being finished takes nobody's turn

    def submit(name: str) -> None:
        first.submit(make_job(base_url, job_id=name, prompt=name)._replace(estimate_usd=PRICE))

    for name in ("done", "failed"):
        submit(name)
        first.wait_state(name)
    for name in ("sending", "receiving", "finishing", "blocked", "received"):
        submit(name)
    wait_until(lambda: service.sent() == 7)
    submit("waiting")                               # the last: after it the service wants a pause
    wait_until(lambda: service.sent() == 8)
    submit("queued")
    first.wait_state("queued", JobState.QUEUED)
    wait_until(lambda: on_disk(first, "finishing").state is JobState.FINISHING and on_disk(first, "waiting").note)
    for name in ("receiving", "blocked", "received"):
        wait_until(lambda name=name: on_disk(first, name).state is JobState.RECEIVING
                   and first.journal.answer_path(name).stat().st_size > 0)

    # While the first lives, nobody takes its jobs: neither to recover nor to send.
    second = start_worker()
    assert second.recover() == {}
    for name in ("sending", "queued", "waiting"):
        second.send(Submit(name))
        assert second.wait_state(name, JobState.SENDING, JobState.QUEUED).worker == on_disk(first, name).worker
    assert second.journal.read_record("finishing").worker != ""

    assert {name: on_disk(first, name).state for name in ("sending", "receiving", "finishing", "waiting",
        "queued")} == {
        "sending": JobState.SENDING, "receiving": JobState.RECEIVING, "finishing": JobState.FINISHING,
        "waiting": JobState.SENDING, "queued": JobState.QUEUED}
    # Of the nine all but the refused and the queued one count: what waits for its next attempt is still reserved.
    assert counted(second) == 7
    first.kill()
    service.let_go.set()
    sent = service.sent()
    found = second.recover()
    # What the service worked on, and no more: it refused "failed" and "waiting", and "queued" never left.
    assert counted(second) == sent - 2 == 6
    assert {entry.job_id for entry in Wallet(second.journal.data_dir).entries() if entry.counted_usd} == {
        "done", "finishing", "received", "sending", "receiving", "blocked"}
    assert {name: record.state for name, record in found.items()} == {
        "done": JobState.DONE, "finishing": JobState.DONE, "received": JobState.DONE,
        "sending": JobState.UNCERTAIN, "receiving": JobState.UNCERTAIN, "blocked": JobState.FAILED,
        "waiting": JobState.QUEUED, "queued": JobState.QUEUED}
    assert service.sent() == sent == 8                   # recovery asks for nothing that costs
    for name in ("done", "finishing", "received"):
        assert on_disk(second, name).result == found[name].result
        assert (second.journal.folder(name) / "results" / "0.png").read_bytes() == PICTURE
    for name in ("sending", "receiving"):
        assert on_disk(second, name).state is JobState.UNCERTAIN
        assert found[name].error and found[name].error["type"] == "UncertainError"  # type: ignore[index]
    assert found["blocked"].error and found["blocked"].error["type"] == "RefusedError"

    # What is uncertain or done is not sent however often it is submitted; what never left is, once.
    for name in ("sending", "receiving", "done", "finishing"):
        second.send(Submit(name))
        assert second.wait_state(name).state is found[name].state
    assert service.sent() == sent
    for name in ("queued", "waiting"):
        second.send(Submit(name))
        assert second.wait_state(name).state is JobState.DONE
    assert service.sent() == sent + 2 and counted(second) == 8

    # The third session is told again of what was not applied, and of nothing else.
    second.journal.mark_applied("done", {"images": ["A"]})
    second.kill()
    third = start_worker()
    assert set(third.recover()) == {"finishing", "received", "sending", "receiving", "queued", "waiting"}
    assert service.sent() == sent + 2 and counted(third) == 8


def test_when_the_host_goes_what_was_sent_is_finished_and_the_rest_waits(
    start_worker: StartWorker, serve: Callable[..., PracticeServer],
) -> None:
    server = serve(Fault(delay_s=0.8), latency_s=0)
    worker = start_worker(concurrency=1)
    sent = worker.submit(make_job(server.base_url, job_id="sent"))
    wait_until(lambda: server.requests)
    waits = worker.submit(make_job(server.base_url, job_id="waits"))
    worker.wait_state(waits, JobState.QUEUED)
    assert worker.close() == 0
    assert on_disk(worker, sent).state is JobState.DONE
    assert (worker.journal.folder(sent) / "results" / "0.png").read_bytes() == PICTURE
    assert on_disk(worker, waits).is_unsent and on_disk(worker, waits).state is JobState.QUEUED
    assert len(server.requests) == 1 and server.disconnects == 0
    assert not list((worker.journal.data_dir / "workers").iterdir())
    assert worker.log() == ""
    found = start_worker().recover()
    assert {name: record.state for name, record in found.items()} == {"sent": JobState.DONE, "waits": JobState.QUEUED}


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace to see the order of system calls")
def test_every_step_is_on_disk_before_the_next(
    start_worker: StartWorker, serve: Callable[..., PracticeServer], tmp_path: Path,
) -> None:
    """That it is sent is synced before the connection, the raw answer before a picture is made of it."""
    trace = tmp_path / "trace"
    server = serve()
    calls = "trace=fsync,rename,connect,sendto,openat"
    worker = start_worker(prefix=("strace", "-f", "-y", "-qq", "--seccomp-bpf", "-o", str(trace), "-e", calls))
    worker.run(make_job(server.base_url, job_id="watched"))
    assert worker.close() == 0
    folder = str(worker.journal.folder("watched"))
    steps = {
        "queued": r'openat\(.*"%s/record\.json", .*O_APPEND' % re.escape(folder),
        "record synced": r"fsync\(\d+<%s/record\.json>\)" % re.escape(folder),
        "name synced": r"fsync\(\d+<%s>\)" % re.escape(folder),
        "connected": r"connect\(.*htons\(%s\)" % server.origin.rpartition(":")[2],
        "answer synced": r"fsync\(\d+<%s/answer\.raw>\)" % re.escape(folder),
        "head synced": r"fsync\(\d+<%s/answer\.json>\)" % re.escape(folder),
        "names synced": r"fsync\(\d+<%s>\)" % re.escape(folder),
        "result written": r'openat\(.*"%s/results/0\.png' % re.escape(folder),
        "result synced": r"fsync\(\d+<%s/results/0\.png\S*\.part>\)" % re.escape(folder),
    }
    lines = trace.read_text(errors="replace").splitlines()
    position = 0
    for name, pattern in steps.items():
        found = next((i for i in range(position, len(lines)) if re.search(pattern, lines[i])), None)
        assert found is not None, f"{name} did not happen, or too early"
        position = found + 1
    # And none of them began before the one in front of it had ended.
    text = "\n".join(lines)
    assert re.search(steps["result written"], text).start() > re.search(steps["answer synced"],
        text).start()  # type: ignore[union-attr]
    assert re.search(steps["connected"], text).start() > re.search(steps["record synced"],
        text).start()  # type: ignore[union-attr]


def test_a_job_that_cannot_be_read_holds_up_no_other(start_worker: StartWorker, serve: Callable[..., PracticeServer]) -> None:
    worker = start_worker()
    good = b'{"status": 200, "content_type": "application/json"}'
    for name, head in (("a-broken", b"{no json"), ("a-locked", good), ("b-whole", good)):
        job = make_job("http://127.0.0.1:9/v1", job_id=name)
        folder = worker.journal.create(job)
        (folder / "answer.raw").write_bytes(answer_json(PICTURE))
        (folder / "answer.json").write_bytes(head)
        worker.journal.write_record(JobRecord(name, JobState.RECEIVING, worker="gone", attempts=1, sent_at=1.0))
    worker.journal.answer_path("a-locked").unlink()
    worker.journal.answer_path("a-locked").mkdir()
    found = worker.recover()
    assert found["b-whole"].state is JobState.DONE
    assert found["a-broken"].state is on_disk(worker, "a-broken").state is JobState.UNCERTAIN
    assert worker.journal.answer_path("a-broken").read_bytes() == answer_json(PICTURE)
    assert "a-broken" in worker.log()
    assert on_disk(worker, "a-locked").state is JobState.RECEIVING, "a drive that hiccups may give it back"


def test_a_lock_tells_of_the_living_worker_only(start_worker: StartWorker) -> None:
    from gptimage_addon.core.protocol import Ready

    worker = start_worker()
    name = worker.wait_for_type(Ready).worker
    assert WorkerLock.is_held(worker.journal.data_dir, name)
    worker.kill()
    assert not WorkerLock.is_held(worker.journal.data_dir, name)
