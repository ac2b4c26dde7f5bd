# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs in a batch, through the real worker and the practice service's own files and batches."""

from __future__ import annotations

import asyncio
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from gptimage_addon.core import protocol
from gptimage_addon.core.pricing import estimate
from gptimage_addon.core.errors import GptImageError, InputError, WorkerError
from gptimage_addon.core.request import Job, JobRecord, JobState, Request, SentPicture, Service, ServiceKind
from gptimage_addon.library.batches import BatchFiles, BatchRecord
from gptimage_addon.library.journal import AnswerHead, Journal
from gptimage_addon.library.wallet import EntryState, Wallet
from gptimage_addon.worker import batches as batches_module
from gptimage_addon.worker.batches import Batches, split_lines
from gptimage_addon.worker.client import BatchState, Client
from gptimage_addon.worker.practice import PracticeServer
from tests.support.services import PlainServer, make_png, send
from tests.support.worker_process import WorkerProcess, make_job, wait_until

Serve = Callable[..., PracticeServer]
ServePlain = Callable[..., PlainServer]
StartWorker = Callable[..., WorkerProcess]
MODEL = "gpt-image-2.5-flare"
PNG = make_png(64, 64)


def batched(service: Service | str, prompt: str = "red brick", **more: object) -> Job:
    return make_job(service if isinstance(service, str) else "", request=Request(prompt, MODEL, "1024x640", "low", batch=True, **more))._replace(
        **({} if isinstance(service, str) else {"service": service}))


def of_kind(server: PracticeServer, path: str) -> list[object]:
    return [request for request in server.requests if request.method == "POST" and request.path == path]


def test_what_comes_together_goes_in_one_batch_and_each_gets_its_own_answer(worker: WorkerProcess, serve: Serve) -> None:
    server = serve(picture=None)
    jobs = [batched(server.base_url, prompt) for prompt in ("red brick", "blue tiles", "moss")]
    for job in jobs:
        worker.submit(job)
    records = [worker.wait_state(job.id) for job in jobs]
    assert [record.state for record in records] == [JobState.DONE] * 3, [record.error for record in records]
    assert len(of_kind(server, "/v1/batches")) == 1 and not of_kind(server, "/v1/images/generations")
    (upload,) = of_kind(server, "/v1/files")
    lines = {line["custom_id"]: line for line in map(json.loads, upload.files[0].data.splitlines())}
    assert set(lines) == {job.id for job in jobs}
    assert lines[jobs[1].id]["body"] == {"model": MODEL, "prompt": "blue tiles", "size": "1024x640", "quality": "low", "output_format": "png"}
    pictures = [(worker.journal.folder(job.id) / "results/0.png").read_bytes() for job in jobs]
    assert len(set(pictures)) == 3
    # The answer is on disk as it would have come alone, and what came back beside the batch.
    body = json.loads(worker.journal.answer_path(jobs[0].id).read_bytes())
    assert body["usage"]["output_tokens"] == 107
    name = worker.journal.read_record(jobs[0].id).batch
    output = worker.journal.data_dir / "batches" / f"{name}-output.jsonl"
    assert len(output.read_bytes().splitlines()) == 3


def test_a_batch_costs_half_in_the_estimate_in_the_result_and_in_the_wallet(worker: WorkerProcess) -> None:
    job, plain = batched(Service()), make_job("", request=Request("red brick", MODEL, "1024x640", "low"))._replace(service=Service())
    price = estimate(job.request, ServiceKind.OPENAI)
    assert price.usd == pytest.approx(estimate(plain.request, ServiceKind.OPENAI).usd / 2)
    record, other = worker.run(job._replace(estimate_usd=price.usd)), worker.run(plain)
    assert record.result.cost_usd == pytest.approx(other.result.cost_usd / 2)
    assert Wallet(worker.journal.data_dir).entry(job.id).usage == Wallet(worker.journal.data_dir).entry(plain.id).usage


def test_edits_go_by_file_and_a_picture_of_several_is_uploaded_once(worker: WorkerProcess, serve: Serve) -> None:
    server = serve(picture=None)
    style = SentPicture("inputs/0.png", "image/png", 64, 64, "style")
    jobs = [batched(server.base_url, prompt, images=(style,)) for prompt in ("a chair", "a table")]
    for job in jobs:
        worker.submit(job, {"inputs/0.png": PNG})
    assert [worker.wait_state(job.id).state for job in jobs] == [JobState.DONE] * 2
    pictures = [request for request in of_kind(server, "/v1/files") if request.fields["purpose"] == "vision"]
    assert len(pictures) == 1 and pictures[0].files[0].data == PNG
    (lines,) = (request.files[0].data for request in of_kind(server, "/v1/files") if request.fields["purpose"] == "batch")
    bodies = [json.loads(line)["body"] for line in lines.splitlines()]
    assert all(list(body["images"][0]) == ["file_id"] for body in bodies) and bodies[0]["images"] == bodies[1]["images"]


def test_one_that_is_refused_does_not_hold_up_the_others(worker: WorkerProcess) -> None:
    good, bad = batched(Service()), batched(Service(), "a forbidden picture")
    for job in (good, bad):
        worker.submit(job)
    assert worker.wait_state(good.id).state is JobState.DONE
    record = worker.wait_state(bad.id)
    assert record.state is JobState.FAILED and record.error["type"] == "RefusedError" and record.error["categories"] == ["violence"]


@pytest.mark.parametrize("when", ["in the batch", "after the answer"])
def test_a_batch_outlives_its_worker_and_is_never_sent_twice(
    when: str, start_worker: Callable[..., WorkerProcess], serve: Serve,
) -> None:
    server = serve(picture=PNG, latency_s=1.5 if when == "in the batch" else 0.0)
    first = start_worker()
    job = batched(server.base_url)
    first.submit(job)
    wait_until(lambda: of_kind(server, "/v1/batches"))
    if when == "after the answer":
        wait_until(lambda: list((first.journal.data_dir / "batches").glob("*-output.jsonl")))
    first.kill()
    second = start_worker()
    found = second.recover()
    record = found[job.id] if found[job.id].state.is_final else second.wait_state(job.id)
    assert record.state is JobState.DONE, record
    assert len(of_kind(server, "/v1/batches")) == 1


def test_a_worker_that_is_let_go_leaves_its_batch_with_the_service(start_worker: Callable[..., WorkerProcess]) -> None:
    """On the practice service, whose process ends too: its batches are on disk."""
    first = start_worker(latency_s=1.0)
    job = batched(Service())
    first.submit(job)
    wait_until(lambda: first.records(job.id) and first.records(job.id)[-1].batch)
    assert first.close() == 0
    assert first.journal.read_record(job.id).state is JobState.SENDING
    second = start_worker()
    assert second.recover()[job.id].state is JobState.SENDING
    assert second.wait_state(job.id).state is JobState.DONE


def test_cancelling_all_of_a_batch_cancels_it_with_the_service(worker: WorkerProcess, serve: Serve) -> None:
    server = serve(picture=PNG, latency_s=2.0)
    jobs = [batched(server.base_url), batched(server.base_url, "moss")]
    for job in jobs:
        worker.submit(job)
    wait_until(lambda: all(worker.records(job.id) and worker.records(job.id)[-1].batch for job in jobs))
    wait_until(lambda: of_kind(server, "/v1/batches"))
    worker.send(protocol.Cancel(jobs[0].id))
    assert worker.wait_state(jobs[0].id).state is JobState.CANCELLED
    assert not any(request.path.endswith("/cancel") for request in server.requests)        # the other one is still wanted
    worker.send(protocol.Cancel(jobs[1].id))
    assert worker.wait_state(jobs[1].id).state is JobState.CANCELLED
    wait_until(lambda: any(request.path.endswith("/cancel") for request in server.requests))


def test_what_waits_for_a_batch_can_be_cancelled_for_nothing(worker: WorkerProcess, serve: Serve) -> None:
    server = serve(picture=PNG)
    job = batched(server.base_url)
    worker.submit(job)
    worker.wait_state(job.id, JobState.SENDING)
    worker.send(protocol.Cancel(job.id))
    record = worker.wait_state(job.id)
    assert record.state is JobState.CANCELLED and not record.sent_at and "Nothing was charged" in record.error["message"]


def test_batches_are_split_where_the_service_wants_it() -> None:
    lines = [(number, b"x" * size) for number, size in enumerate((10, 10, 10, 50, 10))]
    assert [[number for number, _ in part] for part in split_lines(lines, most=2, most_bytes=1000)] == [[0, 1], [2, 3], [4]]
    assert [[number for number, _ in part] for part in split_lines(lines, most=50, most_bytes=30)] == [[0, 1, 2], [3], [4]]
    assert list(split_lines([])) == []


# --- a service and a network that fail ------------------------------------------------------------------------------


class Faulty:
    """The way to a practice server on which calls are lost: `faults` of a call, such as "POST /v1/batches", one for each time.

    A fault is an HTTP status, "cut" (nothing arrives), "lost" (it arrives, the answer does not), or an event to wait for first.
    """

    def __init__(self, serve_plain: ServePlain, practice: PracticeServer) -> None:
        self.faults: dict[str, list[int | str | threading.Event]] = {}
        self.calls: list[str] = []
        self._practice = practice
        self._lock = threading.Lock()
        self.base_url = serve_plain(self._handle).base_url

    def _handle(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        call = f"{handler.command} {handler.path.partition('?')[0]}"
        with self._lock:
            self.calls.append(call)
            name = next((name for name in self.faults if call == name or (name.endswith("*") and call.startswith(name[:-1]))), "")
            fault = self.faults[name].pop(0) if self.faults.get(name) else None
        if fault == "cut":
            raise ConnectionError
        if isinstance(fault, int):
            send(handler, b'{"error": {"message": "on purpose"}}', status=fault)
            return
        if isinstance(fault, threading.Event):
            assert fault.wait(20)
        headers = {name: value for name, value in handler.headers.items() if name.lower() in ("authorization", "content-type")}
        wanted = urllib.request.Request(self._practice.origin + handler.path, body or None, headers, method=handler.command)
        try:
            with urllib.request.urlopen(wanted) as answer:
                status, kind, data = answer.status, answer.headers["content-type"], answer.read()
        except urllib.error.HTTPError as error:
            status, kind, data = error.code, "application/json", error.read()
        if fault == "lost":
            raise ConnectionError
        send(handler, data, kind, status)


@pytest.fixture
def faulty(serve: Serve, serve_plain: ServePlain) -> Faulty:
    return Faulty(serve_plain, serve(picture=PNG))


def test_a_batch_is_asked_for_until_it_is_told_and_fetched_until_it_is_here(worker: WorkerProcess, faulty: Faulty) -> None:
    faulty.faults = {"GET /v1/batches/*": [401, 500, "cut", 404], "GET /v1/files/*": ["cut", 403, 503]}
    job = batched(faulty.base_url)
    record = worker.run(job)
    assert record.state is JobState.DONE, record.error
    assert not faulty.faults["GET /v1/batches/*"] and not faulty.faults["GET /v1/files/*"]
    assert any("asked for again: The service did not accept the API key" in record.note for record in worker.records(job.id))
    assert record.note == "" and faulty.calls.count("POST /v1/batches") == 1


@pytest.mark.parametrize("search", [[], ["cut", 500, 401]], ids=["", "and it cannot be looked for at once"])
def test_a_batch_whose_answer_was_lost_is_found_by_its_name(worker: WorkerProcess, faulty: Faulty, search: list[int | str]) -> None:
    faulty.faults = {"POST /v1/batches": ["lost"], "GET /v1/batches": search}
    record = worker.run(batched(faulty.base_url))
    assert record.state is JobState.DONE, record.error
    assert faulty.calls.count("POST /v1/batches") == 1 and not search


def test_a_batch_that_is_nowhere_is_uncertain_and_counts(worker: WorkerProcess, faulty: Faulty) -> None:
    faulty.faults = {"POST /v1/batches": ["cut"]}
    job = batched(faulty.base_url)._replace(estimate_usd=0.25)
    record = worker.run(job)
    assert record.state is JobState.UNCERTAIN and "lists none of its name" in record.error["message"]
    wait_until(lambda: Wallet(worker.journal.data_dir).entry(job.id).state is EntryState.ASSUMED)


def test_a_batch_that_is_refused_costs_nothing(worker: WorkerProcess, faulty: Faulty) -> None:
    faulty.faults = {"POST /v1/batches": [400]}
    job = batched(faulty.base_url)._replace(estimate_usd=0.25)
    record = worker.run(job)
    assert record.state is JobState.FAILED and record.error["type"] == "InputError"
    wait_until(lambda: Wallet(worker.journal.data_dir).entry(job.id).state is EntryState.FREE)


def test_a_service_that_asks_for_a_pause_gets_one_and_then_one_batch(worker: WorkerProcess, faulty: Faulty) -> None:
    faulty.faults = {"POST /v1/batches": [429, 503], "POST /v1/files": ["cut", 500]}
    record = worker.run(batched(faulty.base_url))
    assert record.state is JobState.DONE, record.error
    assert faulty.calls.count("POST /v1/batches") == 3 and faulty.calls.count("POST /v1/files") == 3


def test_a_job_whose_picture_is_gone_or_refused_holds_up_no_other(worker: WorkerProcess, faulty: Faulty) -> None:
    picture = SentPicture("inputs/0.png", "image/png", 64, 64, "style")
    refused, gone, good = (batched(faulty.base_url, prompt, images=(picture,)) for prompt in ("first", "second", "third"))
    faulty.faults = {"POST /v1/files": [400]}
    worker.submit(refused, {"inputs/0.png": PNG})
    worker.wait_state(refused.id, JobState.SENDING)
    worker.submit(gone, {"inputs/0.png": make_png(32, 32)})
    worker.wait_state(gone.id, JobState.SENDING)
    worker.submit(good, {"inputs/0.png": make_png(48, 48)})
    (worker.journal.folder(gone.id) / "inputs/0.png").unlink()
    assert worker.wait_state(good.id).state is JobState.DONE
    for job in (refused, gone):
        record = worker.wait_state(job.id)
        assert record.state is JobState.FAILED and not record.sent_at and record.error["type"] == "InputError"


def test_who_is_cancelled_while_pictures_go_up_is_not_in_the_batch(worker: WorkerProcess, faulty: Faulty) -> None:
    go_on = threading.Event()
    faulty.faults = {"POST /v1/files": [go_on]}
    first, second = batched(faulty.base_url, "one"), batched(faulty.base_url, "two")
    for job in (first, second):
        worker.submit(job)
    wait_until(lambda: faulty.calls)
    worker.send(protocol.Cancel(first.id))
    record = worker.wait_state(first.id)
    assert record.state is JobState.CANCELLED and not record.sent_at
    go_on.set()
    assert worker.wait_state(second.id).state is JobState.DONE
    made = BatchFiles(worker.journal.data_dir).read(worker.journal.read_record(second.id).batch)
    assert made.job_ids == (second.id,)
    uploads = of_kind(faulty._practice, "/v1/files")
    assert [json.loads(line)["custom_id"] for line in uploads[-1].files[0].data.splitlines()] == [second.id]


def test_all_that_are_cancelled_while_their_batch_is_made_cancel_it(worker: WorkerProcess, faulty: Faulty) -> None:
    go_on = threading.Event()
    faulty.faults = {"POST /v1/batches": [go_on]}
    jobs = [batched(faulty.base_url), batched(faulty.base_url, "moss")]
    for job in jobs:
        worker.submit(job)
    wait_until(lambda: "POST /v1/batches" in faulty.calls)
    for job in jobs:
        worker.send(protocol.Cancel(job.id))
        assert worker.wait_state(job.id).state is JobState.CANCELLED
    go_on.set()
    wait_until(lambda: any(call.endswith("/cancel") for call in faulty.calls))


def test_a_worker_that_is_let_go_while_a_batch_is_made_notes_it_first(start_worker: StartWorker, faulty: Faulty) -> None:
    """As a headless run does that ends once all is sent."""
    go_on = threading.Event()
    faulty.faults = {"POST /v1/batches": [go_on]}
    worker = start_worker()
    job = batched(faulty.base_url)
    worker.submit(job)
    wait_until(lambda: "POST /v1/batches" in faulty.calls)
    worker.close_stdin()
    threading.Event().wait(0.3)
    go_on.set()
    assert worker.wait_end() == 0
    record = worker.journal.read_record(job.id)
    assert record.state is JobState.SENDING and BatchFiles(worker.journal.data_dir).read(record.batch).batch_id
    assert not any(call.endswith("/cancel") for call in faulty.calls)
    second = start_worker()
    second.recover()
    assert second.wait_state(job.id).state is JobState.DONE


def test_while_the_queue_is_paused_no_batch_leaves(worker: WorkerProcess, serve: Serve) -> None:
    server = serve(picture=PNG)
    worker.send(protocol.Pause(True))
    try:
        jobs = [batched(server.base_url), batched(server.base_url, "moss")]
        for job in jobs:
            worker.submit(job)
            worker.wait_state(job.id, JobState.SENDING)
            threading.Event().wait(2 * batches_module.LOCAL_GATHER_S)
        assert server.requests == []
    finally:
        worker.send(protocol.Pause(False))
    assert [worker.wait_state(job.id).state for job in jobs] == [JobState.DONE] * 2
    assert len(of_kind(server, "/v1/batches")) == 1


@pytest.mark.parametrize("lacking", ["key", "network"])
def test_a_batch_of_an_earlier_session_stays_while_its_service_may_not_be_asked(lacking: str, start_worker: StartWorker) -> None:
    """It is paid: neither a missing key nor Blender offline may end its jobs."""
    worker = start_worker({"OPENAI_API_KEY": None if lacking == "key" else "sk-none"})
    job = batched(Service(ServiceKind.OPENAI))
    worker.journal.create(job)
    worker.journal.write_record(JobRecord(job.id, JobState.SENDING, worker="gone", attempts=1, sent_at=1.0, batch="it"))
    BatchFiles(worker.journal.data_dir).write(BatchRecord("it", job.service, "/v1/images/generations", (job.id,), "batch_1"))
    assert worker.recover()[job.id].state is JobState.SENDING
    wait_until(lambda: any("cannot be asked for now" in record.note for record in worker.records(job.id)))
    if lacking == "key":                        # entered now, it is tried at once
        worker.send(protocol.StoreKey(job.service, "sk-entered-later"))
        wait_until(lambda: any("may not go online" in record.note for record in worker.records(job.id)), 3.0)
    assert worker.journal.read_record(job.id).state is JobState.SENDING
    assert all(record.state is JobState.SENDING for record in worker.records(job.id))
    assert worker.close() == 0
    assert worker.journal.read_record(job.id).state is JobState.SENDING


# --- the batches alone, with a service of the test's own --------------------------------------------------------------


class Stub:
    """A client whose batch is done at once. `lines` are those of its answers."""

    def __init__(self, lines: list[bytes]) -> None:
        self.lines = lines
        self.made: list[str] = []
        self.uploaded: list[bytes] = []
        self.refused: set[int] = set()          # of the uploads

    async def upload(self, name: str, data: bytes, mime: str, *, purpose: str) -> str:
        self.uploaded.append(data)
        if len(self.uploaded) - 1 in self.refused:
            raise InputError("too large", field="file")
        return f"file-{len(self.uploaded)}"

    async def create_batch(self, file_id: str, endpoint: str, name: str) -> str:
        self.made.append(name)
        return f"batch-{len(self.made)}"

    async def find_batch(self, name: str) -> str:
        return "found" if name in self.made else ""

    async def batch(self, batch_id: str) -> BatchState:
        return BatchState("completed", 1, "output")

    async def cancel_batch(self, batch_id: str) -> None:
        self.made.append(f"cancelled {batch_id}")

    async def download(self, file_id: str, path: Path, limit: int) -> None:
        path.write_bytes(b"\n".join(self.lines) + b"\n")


def answer_line(job_id: str, **more: object) -> bytes:
    return json.dumps({"custom_id": job_id, "response": {"status_code": 200, "body": {"for": job_id}}, **more}).encode()


async def wait_for(batches: Batches, job: Job, client: Stub, *, name: str = "", sent: Callable[[str], Awaitable[None]] | None = None,
                   kept: Callable[[], Awaitable[None]] | None = None) -> object:
    """What comes of a job in a batch: the answer's body, or the error."""
    found: list[bytes] = []

    async def note(_: str) -> None:
        pass

    async def keep(head: AnswerHead, body: bytes) -> None:
        if kept:
            await kept()
        found.append(body)

    async def give() -> Client:
        return client       # type: ignore[return-value]

    try:
        await batches.answer(job, give, sent or note, lambda _: None, keep, name=name)
    except GptImageError as error:
        return error
    return json.loads(found[0])["for"]


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Batches:
    monkeypatch.setattr(batches_module, "LOCAL_GATHER_S", 0.05)
    return Batches(Journal(tmp_path))


def test_who_joins_while_the_answers_are_handed_out_gets_his_own(alone: Batches) -> None:
    jobs = [batched(Service(), str(number)) for number in range(3)]
    client = Stub([answer_line(job.id) for job in jobs])
    alone._files.write(BatchRecord("it", Service(), "/v1/images/generations", tuple(job.id for job in jobs), "batch-1"))

    async def run() -> list[object]:
        late: list[asyncio.Future[object]] = []

        async def kept() -> None:               # the line of the first has passed by now
            late.append(asyncio.ensure_future(wait_for(alone, jobs[0], client, name="it")))
            await asyncio.sleep(0.05)

        second = await wait_for(alone, jobs[1], client, name="it", kept=kept)
        found = [second, await asyncio.wait_for(late[0], 5), await asyncio.wait_for(wait_for(alone, jobs[2], client, name="it"), 5)]
        await alone.close()
        return found

    assert asyncio.run(run()) == [jobs[1].id, jobs[0].id, jobs[2].id]


def test_a_part_that_is_refused_leaves_the_other_part_alone(alone: Batches, monkeypatch: pytest.MonkeyPatch) -> None:
    split = batches_module.split_lines
    monkeypatch.setattr(batches_module, "split_lines", lambda lines: split(lines, most=1))
    jobs = [batched(Service(), "a"), batched(Service(), "b")]
    client = Stub([answer_line(job.id) for job in jobs])
    client.refused = {1}

    async def run() -> list[object]:
        found = await asyncio.wait_for(asyncio.gather(*(wait_for(alone, job, client) for job in jobs)), 5)
        await alone.close()
        return found

    first, second = asyncio.run(run())
    assert first == jobs[0].id and isinstance(second, InputError)


def test_one_that_cannot_be_written_down_holds_up_no_other(alone: Batches) -> None:
    """Neither a known trouble of its own nor one that nobody foresaw may leave the others waiting."""
    jobs = [batched(Service(), "a"), batched(Service(), "b")]
    client = Stub([answer_line(job.id) for job in jobs])

    async def refuse(_: str) -> None:
        raise WorkerError("the disk is full")

    async def fail(_: str) -> None:
        raise ValueError("a bug")

    async def run() -> tuple[list[object], list[object]]:
        refused = await asyncio.wait_for(asyncio.gather(wait_for(alone, jobs[0], client, sent=refuse), wait_for(alone, jobs[1], client)), 5)
        failed = await asyncio.wait_for(asyncio.gather(wait_for(alone, jobs[0], client, sent=fail), wait_for(alone, jobs[1], client)), 5)
        await alone.close()
        return refused, failed

    (bad, good), failed = asyncio.run(run())
    assert isinstance(bad, WorkerError) and good == jobs[1].id
    assert [json.loads(line)["custom_id"] for line in client.uploaded[1].splitlines()] == [jobs[1].id]
    assert all(isinstance(error, WorkerError) and "a bug" in error.message for error in failed)


@pytest.mark.parametrize("response", ["nonsense", [1], {"status_code": "x", "body": {}}, None])
def test_an_answer_that_is_none_holds_up_no_other(alone: Batches, response: object) -> None:
    jobs = [batched(Service(), "a"), batched(Service(), "b")]
    client = Stub([b"[]", b"no json", json.dumps({"custom_id": [1]}).encode(), answer_line(jobs[0].id, response=response), answer_line(jobs[1].id)])

    async def run() -> list[object]:
        found = await asyncio.wait_for(asyncio.gather(*(wait_for(alone, job, client) for job in jobs), return_exceptions=True), 5)
        await alone.close()
        return found

    assert asyncio.run(run())[1] == jobs[1].id


def test_a_batch_whose_file_is_lost_is_found_by_its_name(alone: Batches) -> None:
    job = batched(Service())
    client = Stub([answer_line(job.id)])
    client.made = ["it"]

    async def run() -> object:
        found = await asyncio.wait_for(wait_for(alone, job, client, name="it"), 5)
        await alone.close()
        return found

    assert asyncio.run(run()) == job.id


def test_more_than_a_batch_can_be_is_not_taken(serve_plain: ServePlain, tmp_path: Path) -> None:
    server = serve_plain(lambda handler, _: send(handler, b"x" * 3000, "application/octet-stream"))

    async def run() -> None:
        client = Client(Service(ServiceKind.COMPATIBLE, server.base_url), server.base_url, "")
        await client.download("f", tmp_path / "whole", 3000)
        with pytest.raises(GptImageError):
            await client.download("f", tmp_path / "too-large", 2999)
        await client.close()

    asyncio.run(run())
    assert [path.name for path in tmp_path.iterdir()] == ["whole"] and (tmp_path / "whole").read_bytes() == b"x" * 3000
