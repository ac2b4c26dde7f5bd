# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The practice service's batches by themselves: what stops them, and what may not."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from gptimage_addon.worker import practice_batches
from gptimage_addon.worker.practice_batches import BatchDesk, Facts
from gptimage_addon.worker.practice_requests import SentFile
from tests.support.worker_process import wait_until

LINE = json.dumps({"custom_id": "a", "method": "POST", "url": "/v1/images/generations",
                   "body": {"model": "gpt-image-2.5-flare", "prompt": "moss"}}).encode()


@pytest.fixture
def stopping() -> threading.Event:
    return threading.Event()


@pytest.fixture
def desk(tmp_path: Path, stopping: threading.Event) -> BatchDesk:
    return BatchDesk(tmp_path, lambda *_: {"data": []}, stopping, 0.0)


def ask(desk: BatchDesk) -> Facts:
    file = desk.upload({"purpose": "batch"}, (SentFile("file", "a.jsonl", "application/jsonl", LINE),))
    return desk.create({"endpoint": "/v1/images/generations", "completion_window": "24h", "input_file_id": file["id"]})


def test_stopped_between_two_looks_it_ends(desk: BatchDesk, stopping: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stop comes just after the last look at it and just before what was told is forgotten."""
    batch = ask(desk)
    wait_until(lambda: desk.facts(batch["id"])["status"] == "completed")
    clear = desk._changed.clear

    def stopped_first() -> None:
        stopping.set()
        desk._changed.set()                     # as `stop` does, which then waits for the thread
        clear()

    monkeypatch.setattr(desk._changed, "clear", stopped_first)
    desk._changed.set()                         # looks once more
    desk._thread.join(5)
    assert not desk._thread.is_alive()


def test_a_batch_whose_file_is_gone_fails_and_the_next_one_is_made(desk: BatchDesk, stopping: threading.Event, tmp_path: Path) -> None:
    held = desk._lock
    with held:                                  # nothing is begun meanwhile
        first = ask(desk)
        (tmp_path / first["input_file_id"]).unlink()
    second = ask(desk)
    wait_until(lambda: desk.facts(second["id"])["status"] == "completed")
    assert desk.facts(first["id"])["status"] == "failed"
    stopping.set()
    desk.stop()


def test_a_disk_that_takes_nothing_is_waited_for(
    desk: BatchDesk, stopping: threading.Event, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(practice_batches, "RETRY_S", 0.01)
    write, full = practice_batches.write_atomic, threading.Event()
    tried = []

    def refuse(path: Path, data: bytes, **more: bool) -> None:
        if full.is_set() and b"in_progress" in data:
            tried.append(path)
            raise OSError("No space left on device")
        write(path, data, **more)

    monkeypatch.setattr(practice_batches, "write_atomic", refuse)
    full.set()
    batch = ask(desk)
    wait_until(lambda: len(tried) > 1)
    full.clear()
    wait_until(lambda: desk.facts(batch["id"])["status"] == "completed")
    stopping.set()
    desk.stop()
