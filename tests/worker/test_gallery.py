# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The history as the worker keeps it: what is done is found, with its thumbnail, whatever became of the database."""

from __future__ import annotations

import io
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gptimage_addon.core.entries import Query
from gptimage_addon.core.request import JobState, ResultPicture
from gptimage_addon.imaging.png import encode_png
from gptimage_addon.library.history import History
from gptimage_addon.worker.exr import encode_exr
from gptimage_addon.worker.practice import Fault, PracticeServer
from gptimage_addon.worker.thumbnails import thumbnail, write_thumbnails
from tests.support.services import make_png
from tests.support.worker_process import WorkerProcess, make_job, wait_until


def found(data_dir: Path) -> dict[str, str]:
    """The thumbnails by the names of the entries. Nothing while the database is damaged."""
    try:
        history = History(data_dir)
    except sqlite3.Error:
        return {}
    try:
        return {entry.id: entry.thumbnail for entry in history.search(Query("brick", page_size=100)).entries}
    finally:
        history.close()


def test_what_is_done_is_in_the_history(start_worker: Callable[..., WorkerProcess], serve: Callable[..., PracticeServer], tmp_path: Path) -> None:
    server, worker = serve(None, Fault(status=400), picture=make_png(600, 300, (200, 60, 30))), start_worker()
    two = worker.run(make_job(server.base_url, n=2, job_id="two"))
    refused = worker.run(make_job(server.base_url, job_id="refused"))
    assert (two.state, refused.state) == (JobState.DONE, JobState.FAILED)
    assert worker.close() == 0
    thumbnails = found(tmp_path / "data")
    assert thumbnails == {"two:1": "jobs/two/thumbs/1.jpg", "two:0": "jobs/two/thumbs/0.jpg"}
    with Image.open(tmp_path / "data" / thumbnails["two:0"]) as small:
        assert small.size == (256, 128) and np.abs(np.asarray(small, int) - (200, 60, 30)).max() < 8


@pytest.mark.parametrize("damage", [None, b"no database", b""])
def test_a_database_that_is_gone_or_damaged_is_made_again(
    start_worker: Callable[..., WorkerProcess], serve: Callable[..., PracticeServer], tmp_path: Path, damage: bytes | None,
) -> None:
    server, worker = serve(), start_worker()
    worker.run(make_job(server.base_url, job_id="before"))
    worker.close()
    path = tmp_path / "data" / "history.sqlite"
    path.unlink() if damage is None else path.write_bytes(damage)
    worker = start_worker()
    worker.run(make_job(server.base_url, job_id="after"))
    worker.recover()
    wait_until(lambda: set(found(tmp_path / "data")) == {"before:0", "after:0"})


def test_a_history_that_cannot_be_written_harms_no_job(start_worker: Callable[..., WorkerProcess], serve: Callable[..., PracticeServer], tmp_path: Path) -> None:
    (tmp_path / "data" / "history.sqlite").mkdir(parents=True)
    server, worker = serve(), start_worker()
    assert worker.run(make_job(server.base_url)).state is JobState.DONE
    assert worker.close() == 0
    assert "not in the history" in worker.log()


def test_what_a_dead_worker_left_joins_when_it_is_finished(start_worker: Callable[..., WorkerProcess], serve: Callable[..., PracticeServer], tmp_path: Path) -> None:
    server, worker = serve(), start_worker()
    worker.run(make_job(server.base_url, job_id="left"))
    worker.close()
    record = worker.journal.read_record("left")
    worker.journal.write_record(record._replace(state=JobState.FINISHING, result=None))         # as if it had died before the last step
    (tmp_path / "data" / "history.sqlite").unlink()
    shutil.rmtree(worker.journal.folder("left") / "thumbs")
    worker = start_worker()
    assert worker.recover()["left"].state is JobState.DONE
    worker.close()
    assert found(tmp_path / "data") == {"left:0": "jobs/left/thumbs/0.jpg"}


@pytest.mark.parametrize(("kind", "data", "ending", "color"), [
    ("8 bits", make_png(512, 256, (10, 200, 90)), ".jpg", (10, 200, 90)),
    ("alpha", make_png(512, 256, (10, 200, 90, 128)), ".png", (10, 200, 90, 128)),
    ("no alpha in it", make_png(512, 256, (10, 200, 90, 255)), ".jpg", (10, 200, 90)),
    ("16 bits", encode_png(np.full((256, 512, 3), (10 * 257, 200 * 257, 90 * 257), np.uint16)), ".jpg", (10, 200, 90)),
    # 0.2158605 linear is 0.5019608 (128 of 255) in sRGB by IEC 61966-2-1.
    ("floats", encode_exr(np.tile(np.float32([0.2158605, 4.0, 0.0, 1.0]), (256, 512, 1))), ".jpg", (128, 255, 0)),
], ids=lambda value: value if isinstance(value, str) else "")
def test_thumbnails_of_all_that_results_are(kind: str, data: bytes, ending: str, color: tuple[int, ...]) -> None:
    found, file = thumbnail(data)
    with Image.open(io.BytesIO(file)) as small:
        assert (found, small.size) == (ending, (256, 128))
        assert np.abs(np.asarray(small, int) - color).max() <= 4
    assert len(file) < 60_000


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_thumbnails_of_compressed_pictures(kind: str) -> None:
    out = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").resize((1024, 2048)).save(out, kind)
    with Image.open(io.BytesIO(thumbnail(out.getvalue())[1])) as small:
        assert small.size == (128, 256)
        rows = np.asarray(small.convert("L"), int)[:, 64]
        assert np.abs(rows - np.linspace(0, 255, 256)).max() < 8


def test_a_picture_that_is_gone_or_broken_gets_none(tmp_path: Path) -> None:
    (tmp_path / "ok.png").write_bytes(make_png())
    (tmp_path / "broken.png").write_bytes(make_png()[:40])
    write_thumbnails(tmp_path, [ResultPicture(name, "image/png", 32, 16) for name in ("broken.png", "gone.png", "ok.png")])
    assert [path.name for path in (tmp_path / "thumbs").iterdir()] == ["2.jpg"]
