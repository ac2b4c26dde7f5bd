# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every row of api.md's error table through the real worker: what is sent again, what never, and what is told.

The oracle for "sent again" is the server's own list of requests.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

import pytest

from gptimage_addon.core.request import JobState
from gptimage_addon.library.wallet import EntryState, Wallet
from gptimage_addon.worker.practice import Fault, PracticeServer
from tests.support.services import PlainServer, answer_json, make_png, send
from tests.support.worker_process import WorkerProcess, make_job, wait_until

Serve = Callable[..., PracticeServer]
SOON = {"retry-after-ms": "20"}


def said(
    message: str = "", kind: str | None = None, code: str | None = None, param: str | None = None,
    **more: object,
) -> dict:
    return {"error": {"message": message, "type": kind, "param": param, "code": code, **more}}


# (status, body, type of our error, repair)
NEVER_AGAIN = {
    "moderation": (400, said("Rejected.", "image_generation_user_error", "moderation_blocked",
                             moderation_details={"moderation_stage": "output", "categories": ["violence"]}),
                   "RefusedError", ""),
    "moderation that speaks of streams": (
        400, said("A mountain stream was rejected.", "image_generation_user_error", "moderation_blocked"),
        "RefusedError", ""),
    "billing limit": (400, said("Billing hard limit.", "billing_limit_user_error", "billing_hard_limit_reached"),
                      "QuotaError", "OPEN_BILLING"),
    "mask": (400, said("mask size does not match image size", "image_generation_user_error",
                       "invalid_mask_image_format"), "InputError", ""),
    "mimetype": (400, said("unsupported mimetype", "invalid_request_error", "unsupported_file_mimetype", "image"),
                 "InputError", ""),
    "transparency": (400, said("Transparent background is not supported for this model.",
                               "image_generation_user_error"), "InputError", ""),
    "size": (400, said("Invalid size", "invalid_request_error", "invalid_value", "size"), "InputError", ""),
    "a field that speaks of streams": (
        400, said("Invalid value: 'stream' is no quality", "invalid_request_error", "invalid_value", "quality"),
        "InputError", ""),
    "validation": (422, {"detail": [{"msg": "field required"}]}, "InputError", ""),
    "key": (401, said("Incorrect API key provided", "invalid_request_error", "invalid_api_key"),
            "KeyMissingError", "OPEN_KEY_SETTINGS"),
    "verification": (403, said("Your organization must be verified to use the model `gpt-image-2.5-flare`."),
                     "AccessError", "OPEN_VERIFICATION"),
    "country": (403, said("Country not supported", "request_forbidden", "unsupported_country_region_territory"),
                "AccessError", ""),
    "model": (404, said("The model does not exist", "invalid_request_error", "model_not_found"), "AccessError", ""),
    "too large": (413, "<html>413 Request Entity Too Large</html>", "InputError", ""),
    "credit": (429, said("No credit", "insufficient_quota", "credit_balance_exhausted"), "QuotaError", "OPEN_BILLING"),
    "organization spend": (429, said("", None, "organization_spend_limit_exceeded"), "QuotaError", "OPEN_BILLING"),
    "project spend": (429, said("", None, "project_spend_limit_exceeded"), "QuotaError", "OPEN_BILLING"),
    "organization usage": (429, said("", None, "organization_usage_limit_exceeded"), "QuotaError", "OPEN_BILLING"),
    "old quota": (429, said("You exceeded your quota", "insufficient_quota", "insufficient_quota"),
                  "QuotaError", "OPEN_BILLING"),
    "payment required": (402, said("Pay first"), "QuotaError", "OPEN_BILLING"),
}
AGAIN = {
    "timeout": (408, said("Request timeout")),
    "conflict": (409, said("Conflict")),
    "rate limit": (429, said("Rate limit", "requests", "rate_limit_exceeded")),
    "slow down": (429, said("Slow down", "rate_limit_error", "slow_down")),
    "server error": (500, said("The server had an error", "server_error")),
    "bad gateway": (502, "<html><h1>502 Bad Gateway</h1></html>"),
    "overloaded": (503, said("Overloaded", "service_unavailable_error", "server_is_overloaded")),
    "service's own timeout": (504, said("Timed out", "server_error")),
}


@pytest.mark.parametrize("row", NEVER_AGAIN)
def test_is_told_and_never_sent_again(worker: WorkerProcess, serve: Serve, row: str) -> None:
    status, body, kind, repair = NEVER_AGAIN[row]
    server = serve(Fault(status=status, body=body, headers=SOON))
    record = worker.run(make_job(server.base_url))
    assert record.state is JobState.FAILED and record.error
    assert (record.error["type"], record.error["repair"]) == (kind, repair)
    assert record.error["status"] == status and record.error["request_id"].startswith("req_practice_")
    assert not record.error["retryable"]
    assert len(server.requests) == record.attempts == 1


@pytest.mark.parametrize("row", AGAIN)
def test_is_sent_again_until_it_works(worker: WorkerProcess, serve: Serve, row: str) -> None:
    status, body = AGAIN[row]
    fault = Fault(status=status, body=body, headers=SOON)
    server = serve(fault, fault)
    record = worker.run(make_job(server.base_url))
    assert record.state is JobState.DONE and record.error is None
    assert len(server.requests) == record.attempts == 3


def test_gives_up_after_the_fifth_attempt(worker: WorkerProcess, serve: Serve) -> None:
    server = serve(*[Fault(status=500, body=said("Broken"), headers=SOON)] * 9)
    record = worker.run(make_job(server.base_url))
    assert record.state is JobState.FAILED and record.error and record.error["type"] == "TransientError"
    assert len(server.requests) == 5


@pytest.mark.parametrize(("headers", "least_s"), [
    ({"retry-after-ms": "400"}, 0.4), ({"retry-after": "1"}, 1.0),
    ({"retry-after-ms": "250", "retry-after": "30"}, 0.25),
])
def test_retry_after_is_obeyed(
    worker: WorkerProcess, serve_plain: Callable[..., PlainServer], headers: dict[str, str], least_s: float,
) -> None:
    def handle(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        if len(server.seen) == 1:
            send(handler, json.dumps(said("Slow down", code="slow_down")).encode(), status=429, **headers)
        else:
            send(handler, answer_json(make_png()))

    server = serve_plain(handle)
    assert worker.run(make_job(server.base_url)).state is JobState.DONE
    waited_s = server.seen[1][3] - server.seen[0][3]
    assert least_s <= waited_s < least_s + 0.5


def test_a_pause_longer_than_the_deadline_is_not_waited_for(worker: WorkerProcess, serve: Serve) -> None:
    server = serve(Fault(status=429, body=said("Wait", code="rate_limit_exceeded"), headers={"retry-after": "90"}))
    started = time.monotonic()
    record = worker.run(make_job(server.base_url, deadline_s=30))
    assert time.monotonic() - started < 5
    assert record.state is JobState.FAILED and record.error and record.error["retry_after_s"] == 90
    assert len(server.requests) == 1


def test_the_wait_before_the_next_attempt_is_told(worker: WorkerProcess, serve: Serve) -> None:
    server = serve(Fault(status=503, body=said("Overloaded"), headers={"retry-after-ms": "30"}))
    record = worker.run(make_job(server.base_url))
    waiting = [r for r in worker.records(record.job_id) if r.note]
    assert [(r.state, r.sent_at, r.attempts) for r in waiting] == [(JobState.SENDING, 0.0, 1)]
    assert "overloaded" in waiting[0].note and "Attempt 2" in waiting[0].note
    assert record.note == ""


# --- Lost connections: perhaps paid, so never sent again --------------------------------------------------

@pytest.mark.parametrize(("fault", "wanted"), [
    (Fault(cut="before_headers"), {}), (Fault(cut="in_body"), {"n": 2}), (Fault(cut="in_body"), {}),
    (Fault(cut="in_stream"), {"partial_images": 2}),
    (Fault(status=504, body="<html>504 Gateway Time-out</html>", headers=SOON), {}),
    (Fault(status=524, body="<html>A timeout occurred</html>", headers=SOON), {}),
], ids=["before headers", "in a plain body", "in the only event", "between events", "504 of a gateway", "524"])
def test_a_lost_answer_is_uncertain_and_never_asked_for_again(
    worker: WorkerProcess, serve: Serve, fault: Fault, wanted: dict[str, int],
) -> None:
    server = serve(fault)
    record = worker.run(make_job(server.base_url, **wanted))
    assert record.state is JobState.UNCERTAIN
    assert record.error and record.error["type"] == "UncertainError" and not record.error["retryable"]
    assert len(server.requests) == record.attempts == 1


def test_a_whole_picture_counts_although_the_connection_broke_after_it(worker: WorkerProcess, serve: Serve) -> None:
    server = serve(Fault(cut="in_stream"))              # cut after the first event, which without partials is the last
    record = worker.run(make_job(server.base_url))
    assert record.state is JobState.DONE and record.result
    folder = worker.journal.folder(record.job_id)
    assert (folder / record.result.pictures[0].path).read_bytes() == server.picture
    assert len(server.requests) == 1


def test_past_the_deadline_is_uncertain_and_the_connection_is_closed(worker: WorkerProcess, serve: Serve) -> None:
    server = serve(Fault(delay_s=30))
    started = time.monotonic()
    record = worker.run(make_job(server.base_url, deadline_s=0.5))
    assert 0.5 <= time.monotonic() - started < 5
    assert record.state is JobState.UNCERTAIN and record.error and record.error["type"] == "UncertainError"
    end = time.monotonic() + 5
    while not server.disconnects and time.monotonic() < end:
        time.sleep(0.01)
    assert server.disconnects == 1 and len(server.requests) == 1


def test_refused_connections_are_tried_again_then_failed(worker: WorkerProcess) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))                   # bound but not listening: every connection is refused
        record = worker.run(make_job(f"http://127.0.0.1:{unused.getsockname()[1]}/v1", deadline_s=1.9))
    assert record.state is JobState.FAILED and record.error and record.error["type"] == "TransientError"
    # After 0.5 s and 1 s (less up to a quarter of each) the next delay, 2 s, is past the deadline.
    assert record.attempts == 3


def test_a_server_that_comes_up_meanwhile_gets_the_job(worker: WorkerProcess, serve: Serve) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        job_id = worker.submit(make_job(f"http://127.0.0.1:{port}/v1"))
        worker.wait_for(lambda m: getattr(getattr(m, "record", None), "job_id",
            "") == job_id and bool(m.record.note))  # type: ignore[union-attr]
    server = serve(port=port)
    assert worker.wait_state(job_id).state is JobState.DONE
    assert len(server.requests) == 1


# --- Before anything is sent ------------------------------------------------------------------------------

def test_a_missing_input_picture_fails_and_nothing_is_sent(worker: WorkerProcess, serve: Serve) -> None:
    from gptimage_addon.core.request import Request, SentPicture

    server = serve()
    edit = Request(prompt="moss", model="gpt-image-2.5-flare",
        images=(SentPicture("inputs/0.png", "image/png", 1024, 1024),))
    record = worker.run(make_job(server.base_url, request=edit))
    assert record.state is JobState.FAILED and record.error
    assert (record.error["type"], record.error["field"]) == ("InputError", "images")
    assert server.requests == []


@pytest.mark.parametrize("base_url", ["ftp://localhost/v1", "http://[oops/v1", "http://localhost:99999/v1"])
def test_an_address_that_is_none_fails_and_says_so(worker: WorkerProcess, base_url: str) -> None:
    record = worker.run(make_job(base_url, deadline_s=3), online=True)
    assert record.state is JobState.FAILED and record.error
    assert (record.error["type"], record.error["field"]) == ("InputError", "service")


def test_off_this_machine_needs_permission(worker: WorkerProcess) -> None:
    record = worker.run(make_job("http://192.0.2.1:9/v1"), online=False)
    assert record.state is JobState.FAILED and record.error and record.sent_at == 0
    assert (record.error["type"], record.error["repair"]) == ("OnlineAccessError", "ALLOW_ONLINE")


def test_an_unreadable_job_fails_alone(worker: WorkerProcess, serve: Serve) -> None:
    from gptimage_addon.core.protocol import Submit

    worker.journal.folder("torn").mkdir(parents=True)
    (worker.journal.folder("torn") / "request.json").write_bytes(b'{"version": 1, "id": ')
    worker.send(Submit("torn"))
    assert worker.wait_state("torn").state is JobState.FAILED
    assert worker.run(make_job(serve().base_url)).state is JobState.DONE


def test_what_nobody_foresaw_in_the_pixel_work_ends_the_job_and_keeps_the_answer(worker: WorkerProcess, serve: Serve) -> None:
    job = make_job(serve().base_url)._replace(frame_px=(1,), estimate_usd=0.25)           # a frame of one side is a bug's
    record = worker.run(job)
    assert record.state is JobState.FAILED and record.error["type"] == "AnswerError"
    wait_until(lambda: worker.journal.read_record(job.id).state is JobState.FAILED)
    assert worker.journal.read_answer(job.id) is not None
    assert Wallet(worker.journal.data_dir).entry(job.id).state is EntryState.PAID
