# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loopback servers and pictures that owe nothing to the code under test."""

from __future__ import annotations

import base64
import json
import struct
import threading
import time
import zlib
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ("PlainServer", "answer_json", "make_png", "png_size", "send")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def make_png(
    width: int = 32, height: int = 16, color: tuple[int, ...] = (200, 60, 30), *,
    claim: tuple[int, int] = (0, 0),
) -> bytes:
    """A PNG file by the specification, one color; with 4 values RGBA. `claim` lies about its size in the header."""
    head = struct.pack(">IIBBBBB", *(claim if claim[0] else (width, height)), 8, 6 if len(color) == 4 else 2, 0, 0, 0)
    rows = (b"\0" + bytes(color) * width) * height
    return (b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b""))


def png_size(data: bytes) -> tuple[int, int]:
    """Width and height from the header."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n" and data[12:16] == b"IHDR"
    return struct.unpack(">II", data[16:24])


def answer_json(*pictures: bytes, **more: object) -> bytes:
    """The body of a good plain answer."""
    return json.dumps({"created": 1, "data": [{"b64_json": base64.b64encode(p).decode()} for p in pictures],
        **more}).encode()


class PlainServer:
    """An HTTP server whose every answer is made by the test: `handle(handler, body)` writes it.

    `seen` holds (method, path, lower-case headers, time) of what came; `most_at_once` how many requests were in
    hand at the same time.
    """

    def __init__(self, handle: Callable[[BaseHTTPRequestHandler, bytes], None]) -> None:
        self.seen: list[tuple[str, str, dict[str, str], float]] = []
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", "0")))
                headers = {name.lower(): value for name, value in self.headers.items()}
                with outer._lock:
                    outer.seen.append((self.command, self.path, headers, time.monotonic()))
                    outer._at_once += 1
                    outer.most_at_once = max(outer.most_at_once, outer._at_once)
                try:
                    handle(self, body)
                    self.wfile.flush()
                except ConnectionError:
                    self.close_connection = True        # the worker was killed or left: tests want that
                finally:
                    with outer._lock:
                        outer._at_once -= 1

            do_GET = do_POST

            def log_message(self, format: str, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request: object, client_address: object) -> None:
                pass                        # a connection reset between two requests

        self._http = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return self._http.server_address[1]

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        return f"{self.origin}/v1"

    def stop(self) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


def send(
    handler: BaseHTTPRequestHandler, body: bytes, content_type: str = "application/json", status: int = 200,
    **headers: str,
) -> None:
    """A whole answer."""
    handler.send_response(status)
    handler.send_header("content-type", content_type)
    handler.send_header("content-length", str(len(body)))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)
