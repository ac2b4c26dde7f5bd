# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What services answer, good and bad, through the real worker: the bytes are kept whatever they are."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

import pytest

from gptimage_addon.core.request import JobState
from gptimage_addon.worker.practice import Fault, PracticeServer
from tests.support.services import PlainServer, answer_json, make_png, png_size, send
from tests.support.worker_process import KEY, WorkerProcess, make_job

Serve = Callable[..., PracticeServer]
ServePlain = Callable[..., PlainServer]
PICTURE = make_png()
JPEG_HEAD = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def done_with(worker: WorkerProcess, record: object, *pictures: bytes) -> bool:
    folder = worker.journal.folder(record.job_id)  # type: ignore[attr-defined]
    assert record.state is JobState.DONE, record  # type: ignore[attr-defined]
    kept = [(folder / p.path).read_bytes() for p in record.result.pictures]  # type: ignore[attr-defined]
    return kept == list(pictures)


# --- Forms of a good answer -------------------------------------------------------------------------------

@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("fault", [
    Fault(), Fault(data_prefix=True), Fault(as_url="absolute"), Fault(as_url="relative"), Fault(drop_usage=True),
], ids=["base64", "data prefix", "absolute url", "relative url", "no usage"])
def test_a_picture_arrives_byte_for_byte(worker: WorkerProcess, serve: Serve, fault: Fault, n: int) -> None:
    server = serve(fault)
    record = worker.run(make_job(server.base_url, n=n))
    assert done_with(worker, record, *[PICTURE] * n)
    assert record.result and (record.result.pictures[0].width_px,
        record.result.pictures[0].height_px) == png_size(PICTURE)
    assert record.result.pictures[0].mime == "image/png"
    assert (record.result.usage is None) == fault.drop_usage
    assert record.result.cost_usd is None                # a compatible server's prices are its own
    assert record.result.request_id.startswith("req_practice_")


def test_the_key_goes_along_to_the_services_own_address_only(worker: WorkerProcess, serve: Serve) -> None:
    port = free_port()
    server = serve(Fault(as_url="absolute"), Fault(as_url=f"http://localhost:{port}/elsewhere.png"), port=port)
    for _ in range(2):
        assert done_with(worker, worker.run(make_job(server.base_url)), PICTURE)
    fetched = [r for r in server.requests if r.method == "GET"]
    assert [(r.headers["host"], r.has_authorization) for r in fetched] == [
        (f"127.0.0.1:{port}", True), (f"localhost:{port}", False)]


def test_a_redirect_takes_no_key_along_and_is_not_followed_offline(
    worker: WorkerProcess,
    serve_plain: ServePlain,
) -> None:
    def handle(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        if handler.command == "POST":
            send(handler, json.dumps({"data": [{"url": "/moved.png"}]}).encode())
        elif handler.path == "/moved.png":
            send(handler, b"", status=302, location=f"http://localhost:{server.port}/there.png")
        else:
            send(handler, PICTURE, "image/png")

    server = serve_plain(handle)
    record = worker.run(make_job(server.base_url), online=True)
    assert done_with(worker, record, PICTURE)
    gets = [(path, KEY in headers.get("authorization", "")) for method, path, headers,
        _ in server.seen if method == "GET"]
    assert gets == [("/moved.png", True), ("/there.png", False)]
    offline = worker.run(make_job(server.base_url), online=False)
    assert offline.state is JobState.FAILED and offline.error and offline.error["type"] == "AnswerError"
    assert [path for _, path, _, _ in server.seen][-1] == "/moved.png"


@pytest.mark.parametrize("url", [
    "http://[oops/x.png", "file:///etc/hostname", "http://localhost:99999/x.png", "ftp://localhost/x.png",
])
def test_an_address_that_cannot_be_fetched_is_an_error_that_keeps_the_answer(
    worker: WorkerProcess, serve: Serve, url: str,
) -> None:
    body = json.dumps({"data": [{"url": url}]}).encode()
    server = serve(Fault(replace_body=body, content_type="application/json"))
    record = worker.run(make_job(server.base_url))
    assert record.state is JobState.FAILED and record.error and record.error["type"] == "AnswerError"
    assert worker.journal.answer_path(record.job_id).read_bytes() == body
    assert [r.method for r in server.requests] == ["POST"]


def test_a_picture_off_this_machine_needs_permission(worker: WorkerProcess, serve: Serve) -> None:
    body = json.dumps({"data": [{"url": "http://192.0.2.1/x.png"}]}).encode()
    record = worker.run(make_job(serve(Fault(replace_body=body, content_type="application/json")).base_url))
    assert record.state is JobState.FAILED and record.error and record.error["repair"] == "ALLOW_ONLINE"
    assert worker.journal.answer_path(record.job_id).read_bytes() == body
    # It is paid and made: a later session, which may go online, is to find it waiting.
    assert worker.journal.read_record(record.job_id).state is JobState.FINISHING


def test_a_picture_that_is_gone_is_not_asked_for_again(worker: WorkerProcess, serve: Serve) -> None:
    body = json.dumps({"data": [{"url": "/never/there.png"}]}).encode()
    server = serve(Fault(replace_body=body, content_type="application/json"))
    record = worker.run(make_job(server.base_url))
    assert record.state is JobState.FAILED and record.error and record.error["type"] == "AnswerError"
    assert [r.method for r in server.requests] == ["POST", "GET"]


def test_one_bad_picture_does_not_take_the_good_ones_along(worker: WorkerProcess, serve: Serve) -> None:
    server = serve(Fault(replace_body=answer_json(b"no picture", PICTURE), content_type="application/json"))
    assert done_with(worker, worker.run(make_job(server.base_url, n=2)), PICTURE)


# --- Answers that hold no usable picture ------------------------------------------------------------------

BAD_BODIES = {
    "not a picture": answer_json(b"<svg/>"),
    "cut off": answer_json(PICTURE[: len(PICTURE) * 3 // 5]),
    "cut off before its last chunk": answer_json(PICTURE[:-12]),
    "damaged": answer_json(PICTURE[:50] + bytes([PICTURE[50] ^ 1]) + PICTURE[51:]),
    "claims 60000x60000": answer_json(make_png(claim=(60000, 60000))),
    "claims 11000x10000": answer_json(make_png(claim=(11000, 10000))),
    "a JPEG's head alone": answer_json(JPEG_HEAD),
    "a WEBP's head alone": answer_json(b"RIFF\x24\x00\x00\x00WEBPVP8 "),
    "broken base64": b'{"data": [{"b64_json": "abcde"}]}',
    "an empty list": b'{"created": 1, "data": []}',
    "nothing": b"",
    "half of JSON": answer_json(PICTURE)[:-40],
    "a list": b"[1, 2]",
    "odd shapes": b'{"data": [null, 3, {"b64_json": 7}, {"url": null}], "usage": [1]}',
}


@pytest.mark.parametrize("name", BAD_BODIES)
def test_an_unusable_answer_is_an_error_that_keeps_the_bytes(worker: WorkerProcess, serve: Serve, name: str) -> None:
    body = BAD_BODIES[name]
    server = serve(Fault(replace_body=body, content_type="application/json"))
    record = worker.run(make_job(server.base_url))
    assert record.state is JobState.FAILED and record.error and record.error["type"] == "AnswerError"
    assert worker.journal.answer_path(record.job_id).read_bytes() == body
    assert not list((worker.journal.folder(record.job_id) / "results").glob("*")) and len(server.requests) == 1


@pytest.mark.parametrize(("content_type", "body"), [
    ("image/png", PICTURE), ("text/html", b"<html>Sign in to the hotel's network</html>"),
    ("application/octet-stream", b"\x00\x01\x02"), ("text/event-stream", b"data: [DONE]\n\n"),
    ("text/event-stream", b"data: not json\n\n"),
])
def test_an_answer_of_another_type_keeps_its_bytes(
    worker: WorkerProcess, serve: Serve, content_type: str, body: bytes,
) -> None:
    record = worker.run(make_job(serve(Fault(replace_body=body, content_type=content_type)).base_url))
    assert record.state is JobState.FAILED and record.error and record.error["type"] == "AnswerError"
    found = worker.journal.read_answer(record.job_id)
    assert found and found[0].content_type == content_type and found[1] == body


@pytest.mark.parametrize("content_type", ["text/plain", "application/json; charset=utf-8", ""])
def test_a_good_answer_of_a_wrong_type_is_understood(
    worker: WorkerProcess, serve_plain: ServePlain,
    content_type: str,
) -> None:
    server = serve_plain(lambda handler, _: send(handler, answer_json(PICTURE), content_type))
    assert done_with(worker, worker.run(make_job(server.base_url)), PICTURE)


def test_a_truncated_picture_of_the_practice_service_is_kept(worker: WorkerProcess, serve: Serve) -> None:
    server = serve(Fault(truncate_picture=True))
    record = worker.run(make_job(server.base_url, n=2))
    assert record.state is JobState.FAILED and record.error and record.error["type"] == "AnswerError"
    kept = json.loads(worker.journal.answer_path(record.job_id).read_bytes())
    assert [base64.b64decode(item["b64_json"]) for item in kept["data"]] == [PICTURE[: len(PICTURE) * 3 // 5]] * 2


@pytest.mark.parametrize(("usage", "kept"), [
    ('{"input_tokens": 0, "output_tokens": 0}', {"input_tokens": 0, "output_tokens": 0}), ("null", None),
    ('"none"', None),
    ('{"output_tokens": "439"}', {"output_tokens": "439"}),
    ('{"output_tokens": 1e999}', {"output_tokens": float("inf")}),
])
def test_odd_usage_does_not_cost_the_picture(
    worker: WorkerProcess, serve: Serve, usage: str, kept: dict[str, object] | None,
) -> None:
    body = answer_json(PICTURE)[:-1] + f', "usage": {usage}}}'.encode()
    record = worker.run(make_job(serve(Fault(replace_body=body, content_type="application/json")).base_url))
    assert done_with(worker, record, PICTURE)
    assert record.result and record.result.usage == kept


# --- Errors inside a stream -------------------------------------------------------------------------------

@pytest.mark.parametrize(("error", "kind"), [
    ({"code": "moderation_blocked", "type": "image_generation_user_error", "message": "Blocked",
      "moderation_details": {"moderation_stage": "output", "categories": ["sexual", "violence"]}}, "RefusedError"),
    ({"code": "insufficient_quota", "message": "No credit"}, "QuotaError"),
    ({"code": "server_error", "message": "Something went wrong"}, "GptImageError"),
])
def test_an_error_event_ends_the_job_and_is_never_sent_again(
    worker: WorkerProcess, serve: Serve, error: dict[str, object], kind: str,
) -> None:
    server = serve(Fault(stream_error=error))
    record = worker.run(make_job(server.base_url, partial_images=1))
    assert record.state is JobState.FAILED and record.error and record.error["type"] == kind
    assert record.error["message"].endswith(str(error["message"]))
    assert record.error["request_id"].startswith("req_practice_")
    if kind == "RefusedError":
        assert record.error["categories"] == ["sexual", "violence"]
    assert len(server.requests) == 1 and len(record.partials) == 1
    assert b"partial_image" in worker.journal.answer_path(record.job_id).read_bytes()
