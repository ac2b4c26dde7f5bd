# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The practice service's side of the wire: routes, answers, streams, and what a Fault does to them."""

from __future__ import annotations

import base64
import io
import json
import secrets
import select
import socket
import time
import typing
import urllib.parse
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from .practice_pictures import encode_picture, make_picture, redraw
from .practice_requests import (
    Asked,
    ReceivedRequest,
    RequestRefusedError,
    SentFile,
    list_models,
    read_body,
    understand,
    usage_of,
)
from ..core.request import Request, parse_size

if typing.TYPE_CHECKING:
    from .practice import PracticeServer

__all__ = ("NO_FAULT", "POLL_S", "Fault", "PracticeHandler", "answer_plainly")

MAX_BODY_BYTES = 256_000_000
POLL_S = 0.02                       # how soon a disconnect or a stop is noticed while waiting
_GENERATIONS, _EDITS, _MODELS = "/v1/images/generations", "/v1/images/edits", "/v1/models"
_FILES, _BATCHES = "/v1/files", "/v1/batches"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong, or differs, with one image request. The fields can be combined.

    Before the request is read:
    - `delay_s`: seconds to wait before anything else.
    - `status`: answer this HTTP status with `body` and `headers` instead of a picture. A dict becomes JSON, a str a
      page of HTML (a proxy's), bytes go as they are; `content_type` overrides.
    - `cut`: close the connection "before_headers", "in_body" (half of it sent) or "in_stream" (after one event).
    - `refuse_stream`: answer 400 if streaming was asked for.

    In an otherwise good answer:
    - `replace_body`: these bytes as `content_type` with status 200 instead of the answer.
    - `as_url`: data[].url instead of b64_json: "absolute", "relative", or a complete URL to hand out as it is. The
      server serves the picture under the path handed out.
    - `drop_usage`: no usage. `data_prefix`: "data:image/png;base64," before the base64.
    - `stream_error`: an error event with this error object instead of the completed event.
    - `truncate_picture`: only the first 60 % of the picture's bytes. `wrong_size`: a picture of this (width, height).
    """

    status: int = 0
    body: dict[str, typing.Any] | str | bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = ""
    delay_s: float = 0.0
    cut: typing.Literal["", "before_headers", "in_body", "in_stream"] = ""
    refuse_stream: bool = False
    replace_body: bytes | None = None
    as_url: str = ""
    drop_usage: bool = False
    data_prefix: bool = False
    stream_error: dict[str, typing.Any] | None = None
    truncate_picture: bool = False
    wrong_size: tuple[int, int] | None = None


NO_FAULT = Fault()


class _ClientGoneError(Exception):
    """The client closed its side while its answer was being made."""


class PracticeHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "GPTImagePractice"
    disable_nagle_algorithm = True
    connection: socket.socket

    def setup(self) -> None:
        super().setup()
        self.practice: PracticeServer = self.server.practice  # type: ignore[attr-defined]

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionError:
            pass                             # between requests a client may leave as it likes

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: stdout and stderr belong to the worker."""

    # --- Routes ---

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        length = self.headers.get("content-length", "")
        if not length.isdigit() or int(length) > MAX_BODY_BYTES:
            status, message = (413, "The request is too large.") if length.isdigit() else (411, "Length required.")
            self.close_connection = True                       # its body is still on the way
            self._send_refusal(RequestRefusedError(message, status=status))
            return
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            self.close_connection = True
            self.practice.count_disconnect()
            return
        self._answer(body)

    def _answer(self, body: bytes) -> None:
        try:
            self._route(body)
        except RequestRefusedError as refusal:
            self._send_refusal(refusal)
        except (_ClientGoneError, ConnectionError):
            self.close_connection = True
            if not self.practice.stopping.is_set():
                self.practice.count_disconnect()

    def _route(self, body: bytes) -> None:
        path = urllib.parse.urlsplit(self.path).path
        headers = {name.lower(): value for name, value in self.headers.items()}
        authorization = headers.pop("authorization", None)
        fields, files, unreadable = {}, (), None
        if self.command == "POST":
            try:
                fields, files = read_body(headers.get("content-type", ""), body)
            except RequestRefusedError as refusal:
                unreadable = refusal
        self.practice.record(ReceivedRequest(self.command, path, headers, authorization is not None, fields, files))

        picture = self.practice.served(path)
        if self.command == "GET" and picture is not None:      # like a file host's link: needs no token
            self._send(200, picture[1], picture[0])
            return
        if not secrets.compare_digest((authorization or "").encode(), f"Bearer {self.practice.token}".encode()):
            raise RequestRefusedError("Incorrect API key provided. The practice service has its own.", status=401,
                                      code="invalid_api_key")
        if self.command == "GET" and path == _MODELS:
            self._send_json(200, {"object": "list", "data": list_models(date.today())})
        elif self.command == "GET" and path.startswith(_MODELS + "/"):
            self._send_json(200, self._find_model(path.removeprefix(_MODELS + "/")))
        elif path.startswith((_FILES, _BATCHES)):
            if unreadable is not None and not path.endswith("/cancel"):
                raise unreadable
            self._send_from_desk(path, fields, files)
        elif self.command == "POST" and path in (_GENERATIONS, _EDITS):
            fault = self.practice.next_fault()
            if not self._fail_early(fault):
                if unreadable is not None:
                    raise unreadable
                is_form = headers.get("content-type", "").startswith("multipart/")
                self._make_pictures(understand(fields, files, edit=path == _EDITS, is_form=is_form), fault)
        else:
            raise RequestRefusedError(f"Invalid URL ({self.command} {path})", status=404, code="unknown_url")

    def _send_from_desk(self, path: str, fields: dict[str, typing.Any], files: tuple[SentFile, ...]) -> None:
        desk = self.practice.desk
        name, _, what = path.removeprefix(_FILES).removeprefix(_BATCHES).lstrip("/").partition("/")
        match self.command, path.startswith(_FILES), bool(name), what:
            case "POST", True, False, "":
                self._send_json(200, desk.upload(fields, files))
            case "GET", True, True, "content":
                self._send(200, desk.content(name), "application/octet-stream")
            case "GET", _, True, "":
                self._send_json(200, desk.facts(name))
            case "POST", False, False, "":
                self._send_json(200, desk.create(fields))
            case "GET", False, False, "":
                self._send_json(200, {"object": "list", "data": desk.batches(), "has_more": False})
            case "POST", False, True, "cancel":
                self._send_json(200, desk.cancel(name))
            case _:
                raise RequestRefusedError(f"Invalid URL ({self.command} {path})", status=404, code="unknown_url")

    @staticmethod
    def _find_model(name: str) -> dict[str, object]:
        for model in list_models(date.today()):
            if model["id"] == name:
                return model
        raise RequestRefusedError(f"The model '{name}' does not exist.", param="model", status=404,
                                  code="model_not_found")

    # --- Pictures ---

    def _fail_early(self, fault: Fault) -> bool:
        """Whether the fault already settled the request."""
        self._wait(fault.delay_s)
        if fault.cut == "before_headers":
            self._cut()
        elif fault.status:
            if isinstance(fault.body, dict):
                body, kind = json.dumps(fault.body).encode(), "application/json"
            elif isinstance(fault.body, str):
                body, kind = fault.body.encode(), "text/html; charset=utf-8"
            else:
                body, kind = fault.body, "application/octet-stream"
            self._send(fault.status, body, fault.content_type or kind, headers=fault.headers)
        return bool(fault.cut == "before_headers" or fault.status)

    def _make_pictures(self, asked: Asked, fault: Fault) -> None:
        if asked.stream and fault.refuse_stream:
            raise RequestRefusedError("Streaming is not supported.", param="stream", code="unsupported_value")
        if fault.replace_body is not None:
            self._wait(self.practice.latency_s)
            self._send(200, fault.replace_body, fault.content_type or "application/octet-stream", headers=fault.headers)
            return
        request, about = asked.request, _about(asked.request)
        usage = {} if fault.drop_usage else {"usage": usage_of(request)}
        seeds = self.practice.next_seeds(request.prompt, request.n)
        if asked.stream:
            self._stream(asked, seeds, about, usage, fault)
            return
        data = []
        for seed in seeds:
            self._wait(self.practice.latency_s)
            data.append(self._hand_over(draw(self.practice, asked, seed, fault)[-1], request.output_format, fault))
        self._wait(0)                        # drawing takes time as well: is anybody still there?
        body = json.dumps({"created": int(time.time()), "data": data, **about, **usage}).encode()
        self._send(200, body, "application/json", headers=fault.headers, cut=bool(fault.cut))

    def _stream(
        self, asked: Asked, seeds: Iterable[int], about: dict[str, str], usage: dict[str, object], fault: Fault,
    ) -> None:
        request = asked.request
        kind = "image_edit" if request.is_edit else "image_generation"
        self._send_head(200, "text/event-stream; charset=utf-8", {**fault.headers, "transfer-encoding": "chunked"})
        for seed in seeds:
            pictures = draw(self.practice, asked, seed, fault)
            for index, picture in enumerate(pictures):
                self._wait(self.practice.latency_s / len(pictures))
                is_last = index == len(pictures) - 1
                if is_last and fault.stream_error is not None:
                    self._send_event("error", {"error": fault.stream_error})
                    self._send_chunk(b"")
                    return
                facts: dict[str, object] = {"created_at": int(time.time()), **about}
                if is_last:
                    facts |= self._hand_over(picture, request.output_format, fault) | usage
                else:
                    facts |= {"b64_json": base64.b64encode(picture).decode(), "partial_image_index": index}
                self._send_event(f"{kind}.{'completed' if is_last else 'partial_image'}", facts,
                                 cut=is_last and fault.cut == "in_body")
                if fault.cut == "in_stream":
                    self._cut()
                if self.close_connection and fault.cut:
                    return
        self._send_chunk(b"")

    def _hand_over(self, picture: bytes, output_format: str, fault: Fault) -> dict[str, str]:
        """What the answer says about one finished picture: its base64, or where to fetch it."""
        mime = f"image/{output_format}"
        if fault.as_url:
            return {"url": self.practice.publish(fault.as_url, mime, picture)}
        prefix = f"data:{mime};base64," if fault.data_prefix else ""
        return {"b64_json": prefix + base64.b64encode(picture).decode()}

    # --- The wire ---

    def _wait(self, seconds: float) -> None:
        """Wait, and notice a client that leaves meanwhile. Looks at least once."""
        deadline = time.monotonic() + seconds
        while True:
            left = deadline - time.monotonic()
            readable, _, _ = select.select([self.connection], [], [], min(max(left, 0.0), POLL_S))
            if readable:
                if not self.connection.recv(1, socket.MSG_PEEK):
                    raise _ClientGoneError
                time.sleep(min(max(left, 0.0), POLL_S))        # the next request waits already: no busy loop
            if self.practice.stopping.is_set():
                raise _ClientGoneError
            if left <= 0:
                return

    def _send_head(self, status: int, content_type: str, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("x-request-id", f"req_practice_{secrets.token_hex(8)}")
        for name, value in headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("connection", "close")
        self.end_headers()

    def _send(
        self, status: int, body: bytes, content_type: str, *, headers: Mapping[str, str] | None = None,
        cut: bool = False,
    ) -> None:
        self._send_head(status, content_type, {"content-length": str(len(body)), **(headers or {})})
        self.wfile.write(body[: len(body) // 2] if cut else body)
        if cut:
            self._cut()

    def _send_json(self, status: int, facts: Mapping[str, object]) -> None:
        self._send(status, json.dumps(facts).encode(), "application/json")

    def _send_refusal(self, refusal: RequestRefusedError) -> None:
        self._send_json(refusal.status, refusal.body)

    def _send_event(self, kind: str, facts: Mapping[str, object], *, cut: bool = False) -> None:
        event = f"event: {kind}\ndata: {json.dumps({'type': kind, **facts})}\n\n".encode()
        self._send_chunk(event, cut=cut)

    def _send_chunk(self, data: bytes, *, cut: bool = False) -> None:
        """One chunk of a chunked body; an empty one ends it."""
        head = f"{len(data):x}\r\n".encode()
        if cut:
            self.wfile.write(head + data[: len(data) // 2])
            self._cut()
        else:
            self.wfile.write(head + data + b"\r\n")

    def _cut(self) -> None:
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass                             # the client was faster


def draw(practice: PracticeServer, asked: Asked, seed: int, fault: Fault) -> list[bytes]:
    """The partial pictures, coarse to fine, and the finished one, encoded."""
    request = asked.request
    if practice.picture is not None:
        pictures = [practice.picture] * (request.partial_images + 1)
    else:
        width, height = fault.wrong_size or parse_size(request.size)
        transparent = request.background == "transparent"
        if asked.picture:
            finished = redraw(_open_picture(asked.picture), request.prompt, _open_mask(asked), seed,
                              size=(width, height), transparent=transparent)
        else:
            finished = make_picture(request.prompt, width, height, seed, transparent=transparent)
        shown = Image.fromarray(finished)
        coarseness = [2 ** (request.partial_images + 1 - i) for i in range(request.partial_images)]
        partials = [np.asarray(shown.filter(ImageFilter.BoxBlur(min(width, height) / 256 * c))) for c in coarseness]
        pictures = [encode_picture(p, request.output_format, request.output_compression)
                    for p in (*partials, finished)]
    if fault.truncate_picture:
        pictures[-1] = pictures[-1][: len(pictures[-1]) * 3 // 5]
    return pictures


def answer_plainly(practice: PracticeServer, fields: dict[str, typing.Any], files: tuple[SentFile, ...], endpoint: str) -> dict[str, typing.Any]:
    """The whole answer to one request of a batch. Raises RequestRefusedError."""
    asked = understand(fields, files, edit=endpoint == _EDITS)
    request = asked.request
    pictures = [draw(practice, asked, seed, NO_FAULT)[-1] for seed in practice.next_seeds(request.prompt, request.n)]
    data = [{"b64_json": base64.b64encode(picture).decode()} for picture in pictures]
    return {"created": int(time.time()), "data": data, **_about(request), "usage": usage_of(request)}


def _about(request: Request) -> dict[str, str]:
    return {
        "size": request.size, "quality": request.quality, "output_format": request.output_format,
        "background": "transparent" if request.background == "transparent" else "opaque",
    }


def _open_picture(data: bytes) -> np.ndarray:
    """The sent picture upright, uint8 (h, w, 3) display RGB. Its alpha is ignored, as the service does."""
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))


def _open_mask(asked: Asked) -> np.ndarray | None:
    """Alpha of the mask, uint8 (h, w), 0 where to change; None without mask. A markup marks by being painted."""
    if not asked.mask and not asked.markup:
        return None
    with Image.open(io.BytesIO(asked.mask or asked.markup)) as overlay:
        alpha = np.asarray(overlay.convert("RGBA"))[:, :, 3]
    return alpha if asked.mask else 255 - alpha
