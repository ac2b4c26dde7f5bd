# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers and services for the tests of the worker process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from gptimage_addon.worker.practice import Fault, PracticeServer
from tests.support.services import PlainServer, make_png
from tests.support.worker_process import KEY, WorkerProcess, worker_environment


@pytest.fixture(scope="session")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerProcess]:
    """One worker for all tests that leave it as it was: starting one takes seconds."""
    home = tmp_path_factory.mktemp("home")
    process = WorkerProcess(home / "data", worker_environment(home), concurrency=8)
    yield process
    process.end()


@pytest.fixture
def start_worker(tmp_path: Path) -> Iterator[Callable[..., WorkerProcess]]:
    """Starts workers of the test's own, all on the same data folder."""
    processes: list[WorkerProcess] = []

    def start(
        env: dict[str, str | None] | None = None, *, data_dir: Path | None = None,
        **options: object,
    ) -> WorkerProcess:
        process = WorkerProcess(data_dir or tmp_path / "data", worker_environment(tmp_path, **(env or {})), **options)
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.end()


@pytest.fixture
def serve() -> Iterator[Callable[..., PracticeServer]]:
    """Starts the practice service as somebody's compatible server, with faults by script."""
    servers: list[PracticeServer] = []

    def start(*script: Fault | None, picture: bytes | None = make_png(), **options: object) -> PracticeServer:
        server = PracticeServer(script=script, picture=picture, **{"token": KEY, **options})
        server.start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def serve_plain() -> Iterator[Callable[..., PlainServer]]:
    """Starts servers whose answers the test writes itself."""
    servers: list[PlainServer] = []

    def start(handle: Callable[[BaseHTTPRequestHandler, bytes], None]) -> PlainServer:
        servers.append(PlainServer(handle))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()
