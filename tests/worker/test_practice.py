# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The practice service from outside: through the openai SDK, and over plain HTTP where the SDK would hide things."""

from __future__ import annotations

import base64
import http.client
import io
import json
import os
import random
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import numpy as np
import openai
import pytest
from PIL import Image

from gptimage_addon.core import catalog
from gptimage_addon.worker.practice import Fault, PracticeServer
from gptimage_addon.worker.practice_requests import list_models, read_body

MODEL = "gpt-image-2.5-flare"
TINY = b"\x89PNG tiny"


def png(width: int = 1024, height: int = 1024, mode: str = "RGB", color: object = None) -> bytes:
    file = io.BytesIO()
    Image.new(mode, (width, height), color or (128,) * len(mode)).save(file, "PNG")
    return file.getvalue()


def mask(width: int = 1024, height: int = 1024) -> bytes:
    return png(width, height, "RGBA", (0, 0, 0, 0))


@pytest.fixture
def serve() -> Iterator[Callable[..., PracticeServer]]:
    servers = []

    def start(*script: Fault | None, picture: bytes | None = TINY, **options: object) -> PracticeServer:
        server = PracticeServer(script=script, picture=picture, **options)
        server.start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.stop()


def client_of(server: PracticeServer) -> openai.OpenAI:
    return openai.OpenAI(base_url=server.base_url, api_key=server.token, max_retries=0, timeout=20)


def post(server: PracticeServer, body: object, path: str = "/v1/images/generations", token: str | None = None,
         content_type: str = "application/json") -> tuple[int, dict[str, str], bytes]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(server.origin + path, data, {
        "Authorization": f"Bearer {server.token if token is None else token}", "Content-Type": content_type})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read()


def ask(server: PracticeServer, **more: object) -> tuple[int, dict[str, object]]:
    usual = {"prompt": "brick", "model": MODEL, "quality": "medium", "size": "1024x1024"}
    status, _, body = post(server, {**usual, **more})
    return status, json.loads(body)


def wait_until(condition: Callable[[], bool], timeout_s: float = 5.0) -> bool:
    end = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < end:
        time.sleep(0.005)
    return condition()


# --- Good answers -----------------------------------------------------------------------------------------

def test_generate_gives_a_picture_of_the_size_and_the_usage_of_the_price_table(serve) -> None:
    server = serve(picture=None)
    with client_of(server) as client:
        answer = client.images.generate(prompt="red brick", model=MODEL, size="1024x640", quality="medium")
    with Image.open(io.BytesIO(base64.b64decode(answer.data[0].b64_json))) as picture:
        assert picture.format == "PNG" and picture.size == (1024, 640) and picture.mode == "RGB"
    assert (answer.size, answer.quality) == ("1024x640", "medium")
    assert (answer.output_format, answer.background) == ("png", "opaque")
    assert answer.usage.output_tokens == 239
    assert answer._request_id.startswith("req_practice_")


@pytest.mark.parametrize(("model", "size", "quality", "n", "tokens"), [
    (MODEL, "1024x1024", "medium", 1, 439), (MODEL, "1024x1024", "medium", 3, 1317),
    (MODEL, "1024x1024", "max", 1, 7024),
    ("gpt-image-2", "1024x1024", "medium", 1, 1756), (MODEL, "3840x2160", "high", 1, 3336),
    ("gpt-image-2.6-flare", "1024x1024", "low", 1, 784),
])
def test_output_tokens_are_those_of_the_price_table(serve, model, size, quality, n, tokens) -> None:
    status, answer = ask(serve(), model=model, size=size, quality=quality, n=n)
    assert status == 200 and len(answer["data"]) == n
    usage = answer["usage"]
    assert usage["output_tokens"] == usage["output_tokens_details"]["image_tokens"] == tokens
    assert usage["total_tokens"] == usage["input_tokens"] + tokens
    assert usage["output_tokens_details"]["text_tokens"] == usage["input_tokens_details"]["image_tokens"] == 0


def test_edit_reads_the_form_of_the_sdk_and_counts_each_picture(serve) -> None:
    server = serve()
    with client_of(server) as client:
        answer = client.images.edit(
            image=[("a.png", png(1536, 1024), "image/png"), ("b.png", png(1280, 720), "image/png")],
            mask=("m.png", mask(1536, 1024), "image/png"), prompt="größer\nzwei", model=MODEL, size="1536x1024",
            quality="low", n=2, extra_body={"moderation": "low"})
    assert len(answer.data) == 2
    assert answer.usage.input_tokens_details.image_tokens == 1536 + 920
    assert answer.usage.output_tokens == 158 * 2
    received = server.requests[0]
    assert received.fields == {"prompt": "größer\nzwei", "model": MODEL, "size": "1536x1024", "quality": "low",
                               "n": "2", "moderation": "low"}
    assert [(f.field, f.filename, f.mime) for f in received.files] == [
        ("image[]", "a.png", "image/png"), ("image[]", "b.png", "image/png"), ("mask", "m.png", "image/png")]
    assert received.files[2].data == mask(1536, 1024)
    assert received.has_authorization and server.token not in repr(received)


def test_one_picture_is_sent_as_image_and_markup_works(serve) -> None:
    server = serve(picture=None)
    markup = np.zeros((640, 1024, 4), np.uint8)
    markup[100:200, 100:300] = (255, 0, 0, 255)
    file = io.BytesIO()
    Image.fromarray(markup).save(file, "PNG")
    with client_of(server) as client:
        answer = client.images.edit(image=("a.png", png(1024, 640), "image/png"), prompt="grass", model=MODEL,
                                    markup=("k.png", file.getvalue(), "image/png"), size="1024x640", quality="low")
    assert [f.field for f in server.requests[0].files] == ["image", "markup"]
    with Image.open(io.BytesIO(base64.b64decode(answer.data[0].b64_json))) as picture:
        pixels = np.asarray(picture, np.float32)
    assert np.abs(pixels[120:180, 130:270] - 128).mean() > 25
    assert np.abs(pixels[400:, 500:] - 128).mean() < 12


def test_json_edit_with_data_urls(serve) -> None:
    server = serve()
    url = "data:image/png;base64," + base64.b64encode(png()).decode()
    body = {"prompt": "x", "model": MODEL, "quality": "low", "images": [{"image_url": url}], "size": "1024x1024",
            "mask": {"image_url": "data:image/png;base64," + base64.b64encode(mask()).decode()}}
    status, _, answer = post(server, body, "/v1/images/edits")
    assert status == 200 and json.loads(answer)["usage"]["input_tokens_details"]["image_tokens"] == 1024
    assert [f.field for f in server.requests[0].files] == ["image[]", "mask"]
    body["images"] = [{"image_url": "https://example.com/a.png"}]
    assert post(server, body, "/v1/images/edits")[0] == 400


@pytest.mark.parametrize(("output_format", "found"), [("png", "PNG"), ("jpeg", "JPEG"), ("webp", "WEBP")])
def test_formats(serve, output_format, found) -> None:
    _, answer = ask(serve(picture=None), output_format=output_format)
    with Image.open(io.BytesIO(base64.b64decode(answer["data"][0]["b64_json"]))) as picture:
        assert picture.format == found


def test_compression_and_transparency(serve) -> None:
    server = serve(picture=None)
    sizes = [len(ask(server, output_format="jpeg", output_compression=c)[1]["data"][0]["b64_json"]) for c in (95, 30)]
    assert sizes[0] > 2 * sizes[1]
    _, answer = ask(server, background="transparent")
    assert answer["background"] == "transparent"
    with Image.open(io.BytesIO(base64.b64decode(answer["data"][0]["b64_json"]))) as picture:
        assert picture.mode == "RGBA" and picture.getextrema()[3] == (0, 255)


def test_models_with_their_last_days(serve) -> None:
    with client_of(serve()) as client:
        found = {model.id: model.model_extra["shutdown_date"] if model.model_extra else model.shutdown_date
                 for model in client.models.list()}
        assert client.models.retrieve(MODEL).id == MODEL
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve("dall-e-2")
    assert set(catalog.MODELS) <= set(found)
    listed = {m["id"]: m["shutdown_date"] for m in list_models(date(2026, 11, 22))}
    assert listed["gpt-image-1.5"] == "2026-12-01" and listed[MODEL] is None and "dall-e-2" not in listed


def test_each_picture_of_a_prompt_differs_and_a_new_server_repeats_them(serve) -> None:
    first, second = serve(picture=None), serve(picture=None)
    size = {"size": "1024x640", "n": 2}
    pictures = [d["b64_json"] for _ in range(2) for d in ask(first, **size)[1]["data"]]
    assert len(set(pictures)) == 4
    assert [d["b64_json"] for d in ask(second, **size)[1]["data"]] == pictures[:2]


# --- Streaming --------------------------------------------------------------------------------------------

def test_stream_of_a_generation(serve) -> None:
    with client_of(serve(picture=None)) as client:
        events = list(client.images.generate(prompt="oak planks", model=MODEL, size="1024x1024", quality="medium",
                                             stream=True, partial_images=2))
    assert [e.type for e in events] == ["image_generation.partial_image"] * 2 + ["image_generation.completed"]
    assert [e.partial_image_index for e in events[:2]] == [0, 1]
    assert events[2].usage.output_tokens == 439 + 200
    assert {(e.size, e.quality, e.background, e.output_format) for e in events} == {
        ("1024x1024", "medium", "opaque", "png")}
    pictures = [np.asarray(Image.open(io.BytesIO(base64.b64decode(e.b64_json))), np.float32) for e in events]
    misses = [np.abs(p - pictures[2]).mean() for p in pictures]
    assert misses[0] > misses[1] > misses[2] == 0


def test_stream_of_edits(serve) -> None:
    with client_of(serve()) as client:
        events = list(client.images.edit(image=("a.png", png(), "image/png"), prompt="x", model=MODEL, n=2,
                                         size="1024x1024", quality="low", stream=True, partial_images=1))
    assert [e.type for e in events] == ["image_edit.partial_image", "image_edit.completed"] * 2


# --- Checks -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("more", "status", "param", "code"), [
    ({"size": "512x512"}, 400, "size", "invalid_value"),
    ({"size": "1920x1080"}, 400, "size", "invalid_value"),
    ({"quality": "ultra"}, 400, "quality", "invalid_value"),
    ({"quality": "xhigh", "model": "gpt-image-2"}, 400, "quality", "invalid_value"),
    ({"n": 11}, 400, "n", "invalid_value"),
    ({"n": "2"}, 400, "n", "invalid_type"),
    ({"n": 1.5}, 400, "n", "invalid_type"),
    ({"prompt": 3}, 400, "prompt", "invalid_type"),
    ({"prompt": None}, 400, "prompt", "missing_required_parameter"),
    ({"model": None}, 400, "model", "missing_required_parameter"),
    ({"model": "gpt-image-9"}, 404, "model", "model_not_found"),
    ({"model": "gpt-image-1"}, 404, "model", "model_not_found"),
    ({"response_format": "b64_json"}, 400, "response_format", "unknown_parameter"),
    ({"input_fidelity": "high"}, 400, "input_fidelity", "unknown_parameter"),
    ({"complexity": "low"}, 400, "complexity", "invalid_value"),
    ({"background": "transparent", "output_format": "jpeg"}, 400, "output_format", "invalid_value"),
    ({"output_compression": 80}, 400, "output_compression", "invalid_value"),
    ({"partial_images": 4, "stream": True}, 400, "partial_images", "invalid_value"),
    ({"quality": "auto", "size": "auto"}, 200, None, None),
])
def test_what_openai_refuses_is_refused(serve, more, status, param, code) -> None:
    found, answer = ask(serve(), **more)
    error = answer.get("error", {"param": None, "code": None})
    assert (found, error["param"], error["code"]) == (status, param, code)
    if status != 200:
        assert error["type"] == "invalid_request_error" and error["message"]


def test_refusals_of_the_service(serve) -> None:
    server = serve()
    _, answer = ask(server, background="transparent", model="gpt-image-2")
    assert answer["error"]["type"] == "image_generation_user_error"
    assert answer["error"]["message"] == "Transparent background is not supported for this model."
    status, answer = ask(server, prompt="a Forbidden city")
    assert status == 400 and answer["error"]["code"] == "moderation_blocked"
    assert answer["error"]["moderation_details"] == {"moderation_stage": "input", "categories": ["violence"]}


@pytest.mark.parametrize(("files", "param", "code"), [
    ({"image": b"bytes without a type"}, "image", "unsupported_file_mimetype"),
    ({"image": ("a.png", b"no picture", "image/png")}, "image", "invalid_image_file"),
    ({"mask": ("m.png", mask(512, 512), "image/png")}, "mask", "invalid_mask_image_format"),
    ({"mask": ("m.png", png(), "image/png")}, "mask", "invalid_mask_image_format"),
    ({"markup": ("k.png", png(mode="RGBA", color=(0, 0, 0, 255)), "image/png")}, "markup", "invalid_image_file"),
    ({"markup": ("k.png", mask(512, 512), "image/png")}, "markup", "invalid_value"),
    ({"mask": ("m.png", mask(), "image/png"), "markup": ("k.png", mask(), "image/png")}, "markup", "invalid_value"),
    ({"input_fidelity": "high"}, "input_fidelity", "invalid_value"),
])
def test_pictures_that_openai_refuses(serve, files, param, code) -> None:
    arguments = {"image": ("a.png", png(), "image/png"), "prompt": "x", "model": MODEL, "size": "1024x1024",
                 "quality": "low", **files}
    with client_of(serve()) as client, pytest.raises(openai.BadRequestError) as caught:
        client.images.edit(**arguments)
    assert (caught.value.param, caught.value.code) == (param, code)


def test_an_edit_needs_a_picture(serve) -> None:
    status, _, body = post(serve(), {"prompt": "x", "model": MODEL, "quality": "low"}, "/v1/images/edits")
    assert status == 400 and json.loads(body)["error"]["param"] == "image"


def test_token_path_and_body_errors(serve) -> None:
    server = serve()
    status, headers, body = post(server, {}, token="wrong")
    assert status == 401 and json.loads(body)["error"]["code"] == "invalid_api_key" and headers["x-request-id"]
    assert post(server, {}, "/v1/chat/completions")[0] == 404
    assert post(server, b"{", "/v1/images/generations")[0] == 400
    assert post(server, b"x", "/v1/images/generations", content_type="text/plain")[0] == 400
    assert server.requests[0].has_authorization


def test_a_form_keeps_every_byte(serve) -> None:
    rng = random.Random(5)
    for length in range(60):
        data = bytes(rng.choice((0, 10, 13, 45, 98, 200, 255)) for _ in range(length))
        body = (b'--b\r\nContent-Disposition: form-data; name="image"; filename="\xc3\xa4.png"\r\n'
                b"Content-Type: image/png\r\n\r\n" + data + b"\r\n--b--\r\n")
        _, files = read_body("multipart/form-data; boundary=b", body)
        assert files[0].data == data and files[0].mime == "image/png"


# --- Faults -----------------------------------------------------------------------------------------------

def test_scripted_statuses_come_in_order_and_then_all_is_well(serve) -> None:
    server = serve(
        Fault(status=429, body={"error": {"code": "rate_limit_exceeded"}}, headers={"retry-after": "7"}),
        None, Fault(status=502, body="<html>Bad gateway</html>"))
    status, headers, _ = post(server, {})
    assert status == 429 and headers["retry-after"] == "7" and headers["content-type"] == "application/json"
    assert ask(server)[0] == 200
    status, headers, body = post(server, {})
    assert status == 502 and body.startswith(b"<html>") and headers["content-type"].startswith("text/html")
    assert ask(server)[0] == 200


@pytest.mark.parametrize("cut", ["before_headers", "in_body"])
def test_cut_connections(serve, cut) -> None:
    with client_of(serve(Fault(cut=cut))) as client, pytest.raises(openai.APIConnectionError):
        client.images.generate(prompt="x", model=MODEL)


def test_cut_streams(serve) -> None:
    server = serve(Fault(cut="in_stream"), Fault(cut="in_body"))
    for seen in (1, 3):
        with client_of(server) as client:
            events = []
            with pytest.raises(openai.APIConnectionError):
                for event in client.images.generate(prompt="x", model=MODEL, stream=True, partial_images=3):
                    events.append(event)
        assert len(events) == seen and {e.type for e in events} == {"image_generation.partial_image"}


def test_replaced_body_and_prefix_and_missing_usage(serve) -> None:
    server = serve(Fault(replace_body=b"\x00\x01", content_type="image/png"), Fault(data_prefix=True, drop_usage=True))
    status, headers, body = post(server, {"prompt": "x", "model": MODEL})
    assert (status, headers["content-type"], body) == (200, "image/png", b"\x00\x01")
    _, answer = ask(server)
    assert answer["data"][0]["b64_json"] == "data:image/png;base64," + base64.b64encode(TINY).decode()
    assert "usage" not in answer


@pytest.mark.parametrize("where", ["absolute", "relative"])
def test_pictures_by_url(serve, where) -> None:
    server = serve(Fault(as_url=where))
    _, answer = ask(server)
    url = answer["data"][0]["url"]
    assert set(answer["data"][0]) == {"url"} and url.startswith("/" if where == "relative" else server.origin)
    with urllib.request.urlopen(server.origin + url if where == "relative" else url) as picture:
        assert picture.read() == TINY and picture.headers["content-type"] == "image/png"
    assert not server.requests[-1].has_authorization


def test_url_of_another_host(serve) -> None:
    url = "http://files.invalid/elsewhere/a.png"
    server = serve(Fault(as_url=url))
    assert ask(server)[1]["data"] == [{"url": url}]
    with urllib.request.urlopen(server.origin + "/elsewhere/a.png") as picture:
        assert picture.read() == TINY


def test_stream_error_and_refused_stream(serve) -> None:
    error = {"message": "no", "type": "image_generation_user_error", "code": "moderation_blocked", "param": None}
    server = serve(Fault(stream_error=error), Fault(refuse_stream=True), Fault(refuse_stream=True))
    with client_of(server) as client:
        with pytest.raises(openai.APIError) as caught:
            list(client.images.generate(prompt="x", model=MODEL, stream=True, partial_images=1))
        assert caught.value.code == "moderation_blocked"
        with pytest.raises(openai.BadRequestError):
            client.images.generate(prompt="x", model=MODEL, stream=True)
        assert client.images.generate(prompt="x", model=MODEL).data


def test_damaged_pictures(serve) -> None:
    server = serve(Fault(truncate_picture=True), Fault(wrong_size=(320, 200)), picture=None)
    broken = base64.b64decode(ask(server)[1]["data"][0]["b64_json"])
    with pytest.raises(OSError), Image.open(io.BytesIO(broken)) as picture:
        picture.load()
    with Image.open(io.BytesIO(base64.b64decode(ask(server)[1]["data"][0]["b64_json"]))) as picture:
        assert picture.size == (320, 200)


# --- Time and ends ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("script", [(), (Fault(delay_s=30),)])
def test_a_client_that_leaves_is_noticed(serve, script) -> None:
    server = serve(*script, latency_s=0 if script else 30)
    body = json.dumps({"prompt": "x", "model": MODEL}).encode()
    connection = http.client.HTTPConnection("127.0.0.1", int(server.origin.rpartition(":")[2]))
    connection.request("POST", "/v1/images/generations", body,
                       {"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"})
    assert wait_until(lambda: len(server.requests) == 1)
    assert server.disconnects == 0
    connection.sock.shutdown(socket.SHUT_RDWR)
    connection.close()
    assert wait_until(lambda: server.disconnects == 1)


def test_latency_is_spread_over_the_stream(serve) -> None:
    server = serve(latency_s=0.4)
    times = [time.monotonic()]
    with client_of(server) as client:
        for _ in client.images.generate(prompt="x", model=MODEL, stream=True, partial_images=1):
            times.append(time.monotonic())
    assert times[1] - times[0] >= 0.2 and times[2] - times[1] >= 0.15


def test_stopping_ends_waiting_and_idle_connections() -> None:
    with PracticeServer(latency_s=60, picture=TINY) as server:
        waiting = socket.create_connection(("127.0.0.1", int(server.origin.rpartition(":")[2])))
        body = json.dumps({"prompt": "x", "model": MODEL}).encode()
        waiting.sendall(b"POST /v1/images/generations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                        b"Authorization: Bearer " + server.token.encode()
                        + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        assert wait_until(lambda: len(server.requests) == 1)
        start = time.monotonic()
    assert time.monotonic() - start < 2 and server.disconnects == 0
    waiting.close()


def test_connections_are_kept_alive(serve) -> None:
    server = serve()
    connection = http.client.HTTPConnection("127.0.0.1", int(server.origin.rpartition(":")[2]))
    ports = set()
    for _ in range(3):
        connection.request("GET", "/v1/models", headers={"Authorization": f"Bearer {server.token}"})
        ports.add(connection.sock.getsockname()[1])
        assert connection.getresponse().read()
    connection.close()
    assert len(ports) == 1 and server.disconnects == 0


def test_a_long_running_server_keeps_no_uploads(serve) -> None:
    server = serve(keep_requests=False)
    assert ask(server)[0] == 200 and server.requests == []


def test_on_its_own(tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    root = Path(__file__).resolve().parents[2]
    process = subprocess.Popen(
        [sys.executable, "-m", "gptimage_addon.worker.practice", "--token-file", str(token_file)], cwd=root,
        stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        base_url = json.loads(line)["base_url"]
        token = token_file.read_text().strip()
        assert token and token not in line
        if os.name == "posix":
            assert stat.S_IMODE(token_file.stat().st_mode) == 0o600
        with openai.OpenAI(base_url=base_url, api_key=token, max_retries=0) as client:
            assert client.models.list().data
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0 or os.name != "posix"
        process.stdout.close()
