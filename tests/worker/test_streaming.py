# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Streams, the way back to plain requests, cancellation, and many jobs at once, through the real worker."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

import pytest

from gptimage_addon.core.protocol import Cancel, RecordChanged, Stop
from gptimage_addon.core.request import JobState, Service, ServiceKind
from gptimage_addon.worker.practice import Fault, PracticeServer
from tests.support.services import PlainServer, answer_json, make_png, png_size, send
from tests.support.worker_process import WorkerProcess, make_job, wait_until

Serve = Callable[..., PracticeServer]
ServePlain = Callable[..., PlainServer]


def begin_stream(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("content-type", "text/event-stream")
    handler.send_header("transfer-encoding", "chunked")
    handler.end_headers()


def send_chunk(handler: BaseHTTPRequestHandler, data: bytes) -> None:
    handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))


def event(kind: str, picture: bytes, **more: object) -> bytes:
    facts = {"type": f"image_generation.{kind}", "b64_json": base64.b64encode(picture).decode(), **more}
    return f"event: image_generation.{kind}\ndata: {json.dumps(facts)}\n\n".encode()


# --- Partial pictures -------------------------------------------------------------------------------------

@pytest.mark.parametrize("partials", [0, 1, 2, 3])
def test_partial_pictures_become_files_on_the_way(worker: WorkerProcess, serve: Serve, partials: int) -> None:
    server = serve()
    record = worker.run(make_job(server.base_url, partial_images=partials))
    assert record.state is JobState.DONE and record.result
    folder = worker.journal.folder(record.job_id)
    assert record.partials == tuple(f"partial-{i}.png" for i in range(partials))
    assert all((folder / name).read_bytes() == server.picture for name in record.partials)
    # Each was told as it came, while the answer was still being received.
    told = [len(r.partials) for r in worker.records(record.job_id) if r.state is JobState.RECEIVING]
    assert sorted(set(told)) == list(range(partials + 1))
    fields = server.requests[0].fields
    assert fields["stream"] is True and fields.get("partial_images", 0) == partials
    assert len(server.requests) == 1


def test_partial_pictures_are_there_while_the_service_still_works(
    worker: WorkerProcess,
    serve_plain: ServePlain,
) -> None:
    go_on = threading.Event()
    half, whole = make_png(color=(9, 9, 9)), make_png()

    def handle(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        begin_stream(handler)
        send_chunk(handler, event("partial_image", half, partial_image_index=0))
        assert go_on.wait(20)
        send_chunk(handler, event("completed", whole))
        send_chunk(handler, b"")

    job = make_job(serve_plain(handle).base_url, partial_images=1)
    worker.submit(job)
    record = worker.wait_for(lambda m: getattr(m, "record",
        None) is not None and m.record.job_id == job.id  # type: ignore[union-attr]
                             and bool(m.record.partials)).record  # type: ignore[union-attr]
    assert record.state is JobState.RECEIVING
    assert (worker.journal.folder(job.id) / "partial-0.png").read_bytes() == half
    go_on.set()
    done = worker.wait_state(job.id)
    assert done.state is JobState.DONE and done.result
    assert (worker.journal.folder(job.id) / done.result.pictures[0].path).read_bytes() == whole


def test_a_stream_that_is_left_open_after_its_last_event_ends(worker: WorkerProcess, serve_plain: ServePlain) -> None:
    let_go = threading.Event()

    def handle(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        begin_stream(handler)
        send_chunk(handler, event("completed", make_png()))
        let_go.wait(30)
        handler.close_connection = True

    job = make_job(serve_plain(handle).base_url)
    worker.submit(job)
    try:
        assert worker.wait_state(job.id, timeout_s=10).state is JobState.DONE
    finally:
        let_go.set()


def test_a_practice_picture_is_streamed_too(worker: WorkerProcess) -> None:
    record = worker.run(make_job(Service(), size="1024x640", quality="low", partial_images=1))
    assert record.state is JobState.DONE and record.result and len(record.partials) == 1
    picture = record.result.pictures[0]
    data = (worker.journal.folder(record.job_id) / picture.path).read_bytes()
    assert png_size(data) == (picture.width_px, picture.height_px) == (1024, 640)
    # api.md: 107 tokens at low, 100 for the partial one, 30 USD per million; the few words cost next to nothing.
    assert record.result.usage and record.result.usage["output_tokens"] == 207
    assert record.result.cost_usd == pytest.approx(207 * 30e-6, abs=0.0002)


# --- Plain requests ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("n", [2, 10])
def test_variants_are_asked_for_plainly(worker: WorkerProcess, serve: Serve, n: int) -> None:
    server = serve()
    record = worker.run(make_job(server.base_url, n=n))
    assert record.state is JobState.DONE and record.result
    assert [p.path for p in record.result.pictures] == [f"results/{i}.png" for i in range(n)]
    (request,) = server.requests
    assert "stream" not in request.fields and request.fields["n"] == n


@pytest.mark.parametrize("refusal", [
    Fault(refuse_stream=True),
    Fault(status=400, body={"error": {"message": "Streaming is not supported for this model", "param": "stream"}}),
    Fault(status=405, body="<h1>no streams here</h1>"),
    Fault(status=422, body={"detail": [{"loc": ["body", "stream"], "msg": "stream: extra fields not permitted"}]}),
    Fault(status=400, body={"error": "stream is not supported"}),
], ids=["scripted", "400", "405", "422", "text"])
def test_a_refused_stream_is_asked_for_plainly_and_remembered(
    worker: WorkerProcess, serve: Serve,
    refusal: Fault,
) -> None:
    server = serve(refusal)
    assert worker.run(make_job(server.base_url, partial_images=2)).state is JobState.DONE
    assert [r.fields.get("stream", False) for r in server.requests] == [True, False]
    assert "partial_images" not in server.requests[1].fields
    assert worker.run(make_job(server.base_url)).state is JobState.DONE
    assert [r.fields.get("stream", False) for r in server.requests] == [True, False, False]


def test_a_service_that_answers_a_stream_plainly_is_understood(worker: WorkerProcess, serve: Serve) -> None:
    server = serve(Fault(replace_body=answer_json(make_png()), content_type="application/json"))
    assert worker.run(make_job(server.base_url)).state is JobState.DONE
    assert len(server.requests) == 1


# --- Cancelling -------------------------------------------------------------------------------------------

def test_cancelling_in_flight_closes_the_connection(worker: WorkerProcess, serve: Serve) -> None:
    server = serve(Fault(delay_s=30))
    job_id = worker.submit(make_job(server.base_url))
    wait_until(lambda: server.requests)
    worker.send(Cancel(job_id))
    record = worker.wait_state(job_id)
    assert record.state is JobState.CANCELLED and record.error and "may still be charged" in record.error["message"]
    wait_until(lambda: server.disconnects == 1, 5)
    assert len(server.requests) == 1


def test_cancelling_while_partial_pictures_come_closes_the_connection(worker: WorkerProcess, serve: Serve) -> None:
    server = serve(latency_s=20)
    # The first of many partial pictures comes after 5 s: receiving begins with the head, at once.
    job_id = worker.submit(make_job(server.base_url, partial_images=3))
    worker.wait_state(job_id, JobState.RECEIVING)
    worker.send(Cancel(job_id))
    assert worker.wait_state(job_id).state is JobState.CANCELLED
    wait_until(lambda: server.disconnects == 1, 5)


def test_stopping_takes_the_last_partial_picture(worker: WorkerProcess, serve: Serve) -> None:
    server = serve(latency_s=20, picture=None)
    job_id = worker.submit(make_job(server.base_url, partial_images=3, quality="low", size="1024x640"))
    worker.send(Stop(job_id))                            # before there is one nothing happens
    worker.wait_for(lambda m: isinstance(m, RecordChanged) and m.record.job_id == job_id and m.record.partials)
    worker.send(Stop(job_id))
    record = worker.wait_state(job_id)
    assert record.state is JobState.DONE and record.stopped and record.result and record.error is None
    folder = worker.journal.folder(job_id)
    (picture,) = record.result.pictures
    assert (folder / picture.path).read_bytes() == (folder / record.partials[-1]).read_bytes()
    assert record.result.usage is None and record.result.cost_usd is None
    wait_until(lambda: server.disconnects == 1, 5)
    assert len(server.requests) == 1


def test_the_time_that_a_picture_takes_is_learned(worker: WorkerProcess, serve: Serve) -> None:
    server = serve(latency_s=0.3)
    first, second = (worker.run(make_job(server.base_url)) for _ in range(2))
    assert first.expected_s == 0.0 and first.result
    assert 0.3 <= second.expected_s == pytest.approx(first.result.seconds, abs=0.01)


def test_cancelling_between_attempts_says_that_nothing_was_charged(worker: WorkerProcess, serve: Serve) -> None:
    server = serve(Fault(status=429, body={"error": {"code": "slow_down"}}, headers={"retry-after": "30"}))
    job_id = worker.submit(make_job(server.base_url))
    wait_until(lambda: any(r.note for r in worker.records(job_id)))
    worker.send(Cancel(job_id))
    record = worker.wait_state(job_id)
    assert record.state is JobState.CANCELLED and record.error and "Nothing was charged" in record.error["message"]
    assert len(server.requests) == 1


def test_a_cancelled_job_leaves_the_others_alone(worker: WorkerProcess, serve: Serve) -> None:
    server = serve(Fault(delay_s=0.4), Fault(delay_s=0.4))
    first, second = (worker.submit(make_job(server.base_url)) for _ in range(2))
    wait_until(lambda: len(server.requests) == 2)
    worker.send(Cancel(first))
    assert worker.wait_state(first).state is JobState.CANCELLED
    assert worker.wait_state(second).state is JobState.DONE


def test_cancelling_what_is_unknown_or_done_changes_nothing(worker: WorkerProcess, serve: Serve) -> None:
    record = worker.run(make_job(serve().base_url))
    worker.send(Cancel(record.job_id))
    worker.send(Cancel("never heard of"))
    assert worker.run(make_job(serve().base_url)).state is JobState.DONE
    assert worker.journal.read_record(record.job_id).state is JobState.DONE


# --- Side by side -----------------------------------------------------------------------------------------

def test_the_same_job_submitted_again_is_sent_once(worker: WorkerProcess, serve: Serve) -> None:
    from gptimage_addon.core.protocol import Submit

    server = serve(Fault(delay_s=0.2))
    job = make_job(server.base_url)
    worker.submit(job)
    for _ in range(5):
        worker.send(Submit(job.id))
    assert worker.wait_state(job.id).state is JobState.DONE
    heard = len(worker.records(job.id))
    worker.send(Submit(job.id))                          # and when it is done long since
    wait_until(lambda: len(worker.records(job.id)) > heard)
    assert worker.records(job.id)[-1].state is JobState.DONE
    assert len(server.requests) == 1


def test_64_jobs_go_side_by_side_and_no_more_than_allowed(
    start_worker: Callable[..., WorkerProcess], serve_plain: ServePlain,
) -> None:
    """The limit is used to the full and never passed, counted by the server; a queued job can be cancelled unsent."""
    from gptimage_addon.core.protocol import Configure

    body = answer_json(make_png())
    let_go = threading.Event()

    def handle(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        let_go.wait(20)
        time.sleep(0.02)
        send(handler, body)

    server = serve_plain(handle)
    worker = start_worker(concurrency=4)
    jobs = [worker.submit(make_job(server.base_url)) for _ in range(64)]
    wait_until(lambda: len(server.seen) == 4)
    worker.send(Cancel(jobs[-1]))
    record = worker.wait_state(jobs[-1])
    assert record.state is JobState.CANCELLED and record.sent_at == record.attempts == 0
    assert record.error and "Nothing was charged" in record.error["message"]
    assert len(server.seen) == server.most_at_once == 4
    worker.send(Configure(16))
    wait_until(lambda: server.most_at_once == 16)
    let_go.set()
    assert {worker.wait_state(job_id).state for job_id in jobs[:-1]} == {JobState.DONE}
    assert server.most_at_once == 16 and len(server.seen) == 63


def test_each_service_has_its_own_connection_and_address(worker: WorkerProcess, serve: Serve) -> None:
    servers = [serve(), serve()]
    jobs = [worker.submit(make_job(s.base_url)) for s in servers]
    assert all(worker.wait_state(j).state is JobState.DONE for j in jobs)
    assert [len(s.requests) for s in servers] == [1, 1]
    assert all(r.has_authorization and r.path == "/v1/images/generations" for s in servers for r in s.requests)


def test_a_proxy_of_the_environment_does_not_get_what_stays_on_this_machine(
    start_worker: Callable[..., WorkerProcess], serve_plain: ServePlain, serve: Serve,
) -> None:
    proxy = serve_plain(lambda handler, _: send(handler, b"", status=502))
    worker = start_worker({"HTTP_PROXY": proxy.origin, "http_proxy": proxy.origin, "ALL_PROXY": proxy.origin})
    practice = worker.submit(make_job(Service(ServiceKind.PRACTICE), quality="low"))
    own = worker.submit(make_job(serve().base_url))
    assert worker.wait_state(practice).state is JobState.DONE
    assert worker.wait_state(own).state is JobState.DONE
    assert proxy.seen == []
