# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The practice service: OpenAI's image endpoints on this machine, with procedural pictures, for nothing.

The same paths, checks, errors, streaming events and usage numbers as the real service, so that everything can
be tried without a key. Faults can be scripted, so that everything that goes wrong can be tried as well.

    with PracticeServer() as server:
        client = openai.OpenAI(base_url=server.base_url, api_key=server.token)

On its own: python -m gptimage_addon.worker.practice --port N --token-file FILE [--latency SECONDS]
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import socket
import socketserver
import sys
import tempfile
import threading
import typing
import urllib.parse
from collections import Counter, deque
from collections.abc import Iterable
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path

from .practice_batches import BatchDesk
from .practice_http import NO_FAULT, POLL_S, Fault, PracticeHandler, answer_plainly
from .practice_requests import ReceivedRequest

__all__ = ("Fault", "PracticeServer")


class PracticeServer:
    """The service as an object: start, use `base_url` and `token`, stop. A context manager does both.

    `latency_s` is how long each picture takes, in seconds (spread over the partial ones when streaming).
    `picture` holds the bytes to answer with instead of a procedural picture. `script` gives one Fault, or None to
    behave, per image request in order of arrival; after its end everything works. `requests` lists what arrived
    (with every uploaded byte: a server that runs for hours sets `keep_requests` to False), `disconnects` counts
    clients that left before their answer was complete. Any thread may read them. Files and batches are kept in `folder`, or end with it.
    """

    def __init__(
        self, *, port: int = 0, token: str | None = None, latency_s: float = 0.0,
        script: Iterable[Fault | None] = (), picture: bytes | None = None, keep_requests: bool = True,
        folder: Path | None = None,
    ) -> None:
        self.token = secrets.token_urlsafe(24) if token is None else token
        self.latency_s = latency_s
        self.picture = picture
        self.keep_requests = keep_requests
        self.requests: list[ReceivedRequest] = []
        self.disconnects = 0
        self.stopping = threading.Event()
        self._script = deque(script)
        self._served: dict[str, tuple[str, bytes]] = {}        # path -> mime, picture
        self._times_asked: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._own_folder = None if folder else tempfile.TemporaryDirectory(prefix="gptimage-practice-")
        self.desk = BatchDesk(folder or Path(self._own_folder.name), partial(answer_plainly, self), self.stopping, latency_s)
        self._http = _HTTPServer(("127.0.0.1", port), self)
        self._thread: threading.Thread | None = None

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    @property
    def base_url(self) -> str:
        return f"{self.origin}/v1"

    def start(self) -> None:
        """Answer from now on, in threads of this process."""
        self._thread = threading.Thread(target=self._http.serve_forever, args=(POLL_S,), name="practice", daemon=True)
        self._thread.start()
        self.desk.start()

    def stop(self) -> None:
        """Close every connection and the port. Returns when all threads are done, or after a few seconds."""
        self.stopping.set()
        if self._thread is not None:
            self._http.shutdown()
            self._thread.join()
            self._thread = None
        self._http.server_close()
        self._http.close_connections()
        self.desk.stop()
        if self._own_folder:
            self._own_folder.cleanup()

    def __enter__(self) -> PracticeServer:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    # What the handler threads share.

    def record(self, request: ReceivedRequest) -> None:
        if self.keep_requests:
            with self._lock:
                self.requests.append(request)

    def count_disconnect(self) -> None:
        with self._lock:
            self.disconnects += 1

    def next_fault(self) -> Fault:
        with self._lock:
            return (self._script.popleft() if self._script else None) or NO_FAULT

    def next_seeds(self, prompt: str, n: int) -> range:
        """Seeds for n pictures: the k-th picture of a prompt is always the same, whatever else is asked meanwhile."""
        with self._lock:
            first = self._times_asked[prompt]
            self._times_asked[prompt] += n
            return range(first, first + n)

    def publish(self, where: str, mime: str, picture: bytes) -> str:
        """The URL to hand out for a picture, which is served from now on. `where` is Fault.as_url."""
        with self._lock:
            path = f"/pictures/{len(self._served)}.{mime.partition('/')[2]}"
            url = {"relative": path, "absolute": self.origin + path}.get(where, where)
            self._served[urllib.parse.urlsplit(url).path] = mime, picture
            return url

    def served(self, path: str) -> tuple[str, bytes] | None:
        with self._lock:
            return self._served.get(path)


class _HTTPServer(ThreadingHTTPServer):
    """Knows its open connections, so that stopping does not wait for idle clients."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], practice: PracticeServer) -> None:
        self.practice = practice
        self._open: set[socket.socket] = set()
        self._changed = threading.Condition()
        super().__init__(address, PracticeHandler)

    def server_bind(self) -> None:
        """As HTTPServer does, but without asking a name server for our own name: that can take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def process_request(self, request: typing.Any, client_address: typing.Any) -> None:
        with self._changed:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: typing.Any) -> None:
        super().shutdown_request(request)
        with self._changed:
            self._open.discard(request)
            self._changed.notify_all()

    def close_connections(self) -> None:
        with self._changed:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)      # wakes the thread that reads from it
                except OSError:
                    pass                                       # already gone: that is what was wanted
            self._changed.wait_for(lambda: not self._open, timeout=5.0)


def read_token(path: Path) -> str:
    """The token in the file, which is made with a random one, readable by its owner only, if it is missing."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        token = path.read_text(encoding="utf-8").strip()
        if not token:
            raise SystemExit(f"{path} is empty: write a token into it, or delete it") from None
        return token
    token = secrets.token_urlsafe(24)
    with open(handle, "w", encoding="utf-8") as file:
        file.write(token + "\n")
    return token


def main(argv: list[str] | None = None) -> int:
    """Serve until interrupted. Prints one JSON line with the base URL when ready."""
    parser = argparse.ArgumentParser(prog="python -m gptimage_addon.worker.practice", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: any free one)")
    parser.add_argument("--token-file", type=Path, required=True, help="holds the token; made if missing")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds each picture takes")
    options = parser.parse_args(argv)
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    server = PracticeServer(port=options.port, token=read_token(options.token_file), latency_s=options.latency,
                            keep_requests=False)
    with server:
        print(json.dumps({"base_url": server.base_url}), flush=True)
        while not over.wait(0.5):            # on Windows an untimed wait would not see the signal
            pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
