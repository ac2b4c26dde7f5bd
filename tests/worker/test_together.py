# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs that are made from others: they wait, take their pictures, and are not sent where there is none."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable

import numpy as np
from PIL import Image

from gptimage_addon.core import protocol
from gptimage_addon.core.prompts import sheet_prompt
from gptimage_addon.core.request import Cell, Job, JobState, Landing, Place, Request, SentPicture, Service, Sheet
from gptimage_addon.worker.practice import Fault, PracticeServer
from tests.support.services import make_png
from tests.support.worker_process import WorkerProcess, make_job

Serve = Callable[..., PracticeServer]
MODEL = "gpt-image-2.5-flare"


def after(job: Job, base_url: str) -> Job:
    """An edit of the first result of another job."""
    sent = SentPicture("prepared/0.png", "image/png", 32, 16, "the front", of=job.id)
    return make_job(base_url, request=Request("the back", MODEL, images=(sent,)))


def test_what_builds_on_another_waits_for_its_picture_and_sends_it(worker: WorkerProcess, serve: Serve) -> None:
    server = serve(picture=make_png(color=(10, 200, 30)), latency_s=0.3)
    first = make_job(server.base_url)
    second = after(first, server.base_url)
    worker.submit_all(second, first)            # before the first: it must wait all the same
    assert worker.wait_state(second.id).state is JobState.DONE
    assert [request.path.rpartition("/")[2] for request in server.requests] == ["generations", "edits"]
    result = worker.journal.folder(first.id) / "results" / "0.png"
    (sent,) = server.requests[1].files
    assert hashlib.sha256(sent.data).digest() == hashlib.sha256(result.read_bytes()).digest()


def test_without_the_picture_it_builds_on_nothing_is_sent(worker: WorkerProcess, serve: Serve) -> None:
    server = serve(Fault(status=400, body={"error": {"message": "no", "code": "moderation_blocked"}}))
    first = make_job(server.base_url)
    second = after(first, server.base_url)
    worker.submit(first)
    record = worker.run(second)
    assert record.state is JobState.FAILED and not record.sent_at
    assert "builds on" in record.error["message"]
    assert len(server.requests) == 1


def test_what_waits_for_another_can_be_cancelled(worker: WorkerProcess, serve: Serve) -> None:
    server = serve(latency_s=1.0)
    first = make_job(server.base_url)
    second = after(first, server.base_url)
    worker.submit(first)
    worker.submit(second)
    worker.wait_state(first.id, JobState.SENDING, JobState.RECEIVING)
    worker.send(protocol.Cancel(second.id))
    assert worker.wait_state(second.id).state is JobState.CANCELLED
    assert worker.wait_state(first.id).state is JobState.DONE
    assert len(server.requests) == 1


def test_a_contact_sheet_shows_each_job_in_its_cell_and_why_one_is_missing(worker: WorkerProcess, serve: Serve) -> None:
    colors = [(200, 30, 30), (30, 200, 30)]
    jobs = [make_job(serve(picture=make_png(64, 64, color)).base_url) for color in colors]
    bad = make_job(serve(Fault(status=400, body={"error": {"message": "no", "code": "moderation_blocked"}})).base_url)
    cells = tuple(Cell(job.id, (f"number {index}",)) for index, job in enumerate((*jobs, bad)))
    sheet = Job(id="sheet-1", kind="sheet", prompt="Set", request=Request("Set", MODEL), service=Service(),
                landing=Landing(Place.IMAGE), sheet=Sheet(cells, 2, "Set"))
    worker.submit_all(sheet, *jobs, bad)        # it is the first of all
    record = worker.wait_state(sheet.id)
    assert record.state is JobState.DONE and not record.sent_at and record.result.cost_usd == 0.0
    (picture,) = record.result.pictures
    pixels = np.asarray(Image.open(io.BytesIO((worker.journal.folder(sheet.id) / picture.path).read_bytes())))
    assert pixels.shape[1::-1] == (picture.width_px, picture.height_px)
    assert picture.report["jobs"] == [job.id for job in (*jobs, bad)]
    centers = [pixels[(y0 + y1) // 2, (x0 + x1) // 2] for x0, y0, x1, y1 in picture.report["cells"]]
    np.testing.assert_allclose(centers[:2], colors, atol=2)
    assert max(centers[2]) < 60                 # empty
    rows = [box[1] for box in picture.report["cells"]]
    assert rows[0] == rows[1] < rows[2]


def test_a_turnaround_sheet_is_cut_and_no_pixel_is_lost(worker: WorkerProcess) -> None:
    views = ("front", "right", "top")
    request = Request(sheet_prompt("a small blue robot", views), MODEL, size="1536x1024")
    job = make_job("", request=request)._replace(service=Service(), views=views)
    record = worker.run(job)
    assert record.state is JobState.DONE
    folder = worker.journal.folder(job.id)
    parts = [np.asarray(Image.open(folder / picture.path)) for picture in record.result.pictures]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), np.asarray(Image.open(folder / "results" / "0.png")))
    assert [picture.report["view"] for picture in record.result.pictures] == list(views)
    heights = [picture.report["subject"][3] - picture.report["subject"][1] for picture in record.result.pictures]
    assert abs(heights[0] - heights[1]) <= 2 and heights[2] < heights[0]
