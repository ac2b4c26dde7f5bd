# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A UDIM tile through the real worker: a server that continues one wide picture, redrawn as models do, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import skimage.data
from PIL import Image

from gptimage_addon.core.request import Finish, Job, JobState, Neighbor, Request, SentPicture
from gptimage_addon.core.udim import canvas_of
from gptimage_addon.worker.practice import PracticeServer
from tests.support.drift import Drift, redraw
from tests.support.pictures import decode, encode
from tests.support.worker_process import WorkerProcess, make_job

Serve = Callable[..., PracticeServer]
SIDE = 816                      # the smallest square that is made
# Two by two tiles.
TRUTH = np.asarray(Image.fromarray(skimage.data.astronaut()[..., :3]).resize((2 * SIDE, 2 * SIDE), Image.Resampling.BICUBIC))


def tile(column: int, row: int) -> np.ndarray:
    return TRUTH[(1 - row) * SIDE:(2 - row) * SIDE, column * SIDE:(column + 1) * SIDE]


def psnr_db(one: np.ndarray, other: np.ndarray) -> float:
    return float(10 * np.log10(255 ** 2 / np.mean((one.astype(np.float64) - other) ** 2)))


def make(service: str, around: dict[tuple[int, int], str], job_id: str = "") -> tuple[Job, tuple[int, int, int, int]]:
    """The job for the tile with these neighbors, by their jobs' names or "" for a file; and its canvas in the truth, for column 1 row 1."""
    canvas = canvas_of((SIDE, SIDE), [place for place in around if 0 in place])
    size = canvas.width_px, canvas.height_px
    beside = tuple(Neighbor(*place, f"{'prepared' if of else 'inputs'}/tile{index}.png", of) for index, (place, of) in enumerate(around.items()))
    finish = Finish("", "", (0, 0, *size), size, has_alpha=False, around=beside, tile=tuple(canvas.box))
    sent = SentPicture("prepared/window.png", "image/png", *size)
    request = Request("brick", "gpt-image-2.5-flare", "{}x{}".format(*size), images=(sent,),
                      mask=SentPicture("prepared/mask.png", "image/png", *size))
    job = make_job(service, request=request, job_id=job_id)._replace(kind="udim", finish=finish)
    return job, (SIDE - canvas.box.x0, 0, 2 * SIDE, SIDE + size[1] - canvas.box.y1)


def test_a_tile_meets_its_neighbors_though_the_model_drifts(worker: WorkerProcess, serve: Serve) -> None:
    """The perfect tile is the truth: shift, zoom and tone of the whole answer are undone by what is known beside it."""
    around = {(-1, 0): "", (0, -1): "", (-1, -1): ""}
    _, (x0, y0, x1, y1) = make("http://localhost", around)
    canvas = TRUTH[y0:y1, x0:x1]
    drift = Drift(shift_px=(2.6, -1.7), zoom=1.008, gain=(1.04, 0.97, 1.02), noise=1.0)
    server = serve(picture=encode(redraw(canvas, drift)))
    job, _ = make(server.base_url, around)
    places = [(1 + column, 1 + row) for column, row in around]
    record = worker.run(job, {each.path: encode(tile(*place)) for each, place in zip(job.finish.around, places, strict=True)})
    assert record.state is JobState.DONE, record.error
    (picture,) = record.result.pictures
    made = decode((worker.journal.folder(job.id) / picture.path).read_bytes(), "RGB")
    assert made.shape == (SIDE, SIDE, 3) and (picture.width_px, picture.height_px) == (SIDE, SIDE) and picture.report["aligned"]
    assert psnr_db(made, tile(1, 1)) > 43 > psnr_db(redraw(canvas, drift)[:SIDE, -SIDE:], tile(1, 1)) + 15
    # The step over both edges is not above the truth's, and beside it the truth goes on.
    for mine, beside, true in ((made, tile(0, 1)[:, -1], tile(1, 1)), (made[::-1].swapaxes(0, 1), tile(1, 0)[0], tile(1, 1)[::-1].swapaxes(0, 1))):
        step, expected = (abs(each[:, 0].astype(float) - beside).mean() for each in (mine, true))
        assert step < expected + 0.5, (step, expected)
        assert abs(mine[:, :8].astype(float) - true[:, :8]).mean() < 4.0
    # What was sent: the neighbors where they lie, the rest asked for.
    files = {file.field.removesuffix("[]"): file.data for file in server.requests[-1].files}
    shown, mask = decode(files["image"], "RGB"), decode(files["mask"])[..., 3]
    known = np.ones(shown.shape[:2], bool)
    known[:SIDE, -SIDE:] = False
    assert np.array_equal(shown[known], canvas[known]) and np.array_equal(mask > 0, known)


def test_a_tile_waits_for_the_job_it_goes_on_from(worker: WorkerProcess, serve: Serve) -> None:
    first = make_job(serve(picture=encode(tile(0, 1))).base_url, request=Request("brick", "gpt-image-2.5-flare", f"{SIDE}x{SIDE}"))
    _, (x0, y0, x1, y1) = make("http://localhost", {(-1, 0): first.id})
    job, _ = make(serve(picture=encode(TRUTH[y0:y1, x0:x1])).base_url, {(-1, 0): first.id})
    assert job.after == (first.id,) and job.with_others({first.id: "other"}).after == ("other",)
    worker.submit_all(job, first)               # before the first: it must wait all the same
    record = worker.wait_state(job.id)
    assert record.state is JobState.DONE, record.error
    made = decode((worker.journal.folder(job.id) / record.result.pictures[0].path).read_bytes(), "RGB")
    assert psnr_db(made, tile(1, 1)) > 40


def test_a_tile_whose_neighbor_failed_is_not_sent(worker: WorkerProcess, serve: Serve) -> None:
    server = serve(picture=b"no picture")
    first = make_job(server.base_url, request=Request("brick", "gpt-image-2.5-flare", f"{SIDE}x{SIDE}"))
    job, _ = make(server.base_url, {(-1, 0): first.id})
    worker.submit(first)
    worker.submit(job)
    record = worker.wait_state(job.id)
    assert record.state is JobState.FAILED and not record.sent_at and "Nothing was sent" in record.error["hint"]
    assert len(server.requests) == 1
