# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A texture's pixel work through the real worker: what tiles, what maps are written, and that nothing is sent for it."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gptimage_addon.core.request import Finish, Job, JobState, MapKind, Request, ResultPicture, SentPicture, Surface
from gptimage_addon.worker.practice import PracticeServer
from gptimage_addon.worker.practice_pictures import make_picture
from tests.support.pictures import decode, encode
from tests.support.worker_process import WorkerProcess, make_job

Serve = Callable[..., PracticeServer]
SIZE = 640, 512


def slope() -> np.ndarray:
    """A wall that grows brighter to the right and does not tile."""
    rows = make_picture("red brick", 704, 640, 3)[37:37 + SIZE[1], 21:21 + SIZE[0]].astype(np.float32)
    return np.clip(rows * np.linspace(0.7, 1.2, SIZE[0])[:, None], 0, 255).astype(np.uint8)


def wrap_step(pixels: np.ndarray, axis: int) -> float:
    """The step over the edge against those inside, along an axis of the array: 1 = no seam."""
    values = pixels.astype(np.float64)
    inside = np.abs(np.diff(values, axis=axis)).mean()
    return float(np.abs(values.take(0, axis) - values.take(-1, axis)).mean() / inside)


def done(worker: WorkerProcess, job: Job, inputs: dict[str, bytes] = {}) -> tuple[ResultPicture, Path]:
    record = worker.run(job, inputs)
    assert record.state is JobState.DONE and record.result, record.error
    return record.result.pictures[0], worker.journal.folder(job.id)


def test_a_texture_tiles_and_has_its_maps(worker: WorkerProcess, serve: Serve) -> None:
    server = serve(picture=encode(slope()))
    maps = (MapKind.NORMAL, MapKind.ROUGHNESS, MapKind.HEIGHT, MapKind.AO)
    job = make_job(server.base_url)._replace(surface=Surface("xy", 0.5, 0.0, maps, 2.0, 0.02))
    picture, folder = done(worker, job)
    color = decode((folder / picture.path).read_bytes(), "RGB")
    assert color.shape == (*SIZE[::-1], 3) and picture.mime == "image/png" and (picture.width_px, picture.height_px) == SIZE
    assert wrap_step(color, 0) < 1.1 and wrap_step(color, 1) < 1.1 < wrap_step(slope(), 1)
    assert picture.report["tiles"] == "xy" and picture.report["tile"]["score"] > 50
    assert set(picture.maps) == {"normal", "roughness", "height", "ao"}
    depths = {kind: (folder / path).read_bytes()[24] for kind, path in picture.maps.items()}        # of the PNG's header
    assert depths == {"normal": 16, "height": 16, "roughness": 8, "ao": 8}
    for path in picture.maps.values():
        with Image.open(io.BytesIO((folder / path).read_bytes())) as image:
            assert image.size == SIZE
    # The answer as it came is kept beside it.
    assert np.array_equal(decode((folder / "results/0.png").read_bytes(), "RGB"), slope())


def test_maps_alone_leave_the_answer_s_bytes(worker: WorkerProcess, serve: Serve) -> None:
    data = encode(slope())
    job = make_job(serve(picture=data).base_url)._replace(surface=Surface(maps=(MapKind.ROUGHNESS,)))
    picture, folder = done(worker, job)
    assert (folder / picture.path).read_bytes() == data and list(picture.maps) == ["roughness"]
    assert picture.report["tiles"] == ""


def test_each_variant_has_its_own(worker: WorkerProcess, serve: Serve) -> None:
    server = serve(picture=encode(slope()))
    job = make_job(server.base_url, n=2)._replace(surface=Surface("x", maps=(MapKind.HEIGHT,)))
    record = worker.run(job)
    assert record.state is JobState.DONE
    files = [path for picture in record.result.pictures for path in (picture.path, *picture.maps.values())]
    assert len(set(files)) == 4 and all((worker.journal.folder(job.id) / path).is_file() for path in files)


def test_a_paid_picture_that_is_too_small_arrives_as_it_came(worker: WorkerProcess, serve: Serve) -> None:
    data = encode(np.full((4, 4, 3), 90, np.uint8))
    job = make_job(serve(picture=data).base_url)._replace(surface=Surface("xy", maps=(MapKind.HEIGHT,)))
    picture, folder = done(worker, job)
    assert (folder / picture.path).read_bytes() == data and picture.report["not_finished"] and picture.maps is None


def test_what_is_worked_on_here_sends_nothing_and_costs_nothing(worker: WorkerProcess, serve: Serve) -> None:
    server = serve()
    job = make_job(server.base_url)._replace(surface=Surface("x", source="inputs/source.png"))
    picture, folder = done(worker, job, {"inputs/source.png": encode(slope())})
    assert not server.requests
    record = worker.records(job.id)[-1]
    assert record.result.cost_usd == 0 and record.result.usage is None and record.attempts == 0 and record.sent_at == 0
    assert wrap_step(decode((folder / picture.path).read_bytes(), "RGB"), 1) < 1.1


def test_a_source_that_is_no_picture_is_told(worker: WorkerProcess, serve: Serve) -> None:
    job = make_job(serve().base_url)._replace(surface=Surface("x", source="inputs/source.png"))
    record = worker.run(job, {"inputs/source.png": b"nothing"})
    assert record.state is JobState.FAILED and record.error


@pytest.mark.parametrize("axes", ["x", "y", "xy"])
def test_healing_changes_what_lies_about_the_seams_and_nothing_else(worker: WorkerProcess, serve: Serve, axes: str) -> None:
    shown = make_picture("red brick", 1024, 1024, 3)
    server = serve(picture=encode(np.full((1024, 1024, 3), (10, 200, 90), np.uint8)))
    cross = np.zeros((1024, 1024), np.uint8)
    if "x" in axes:
        cross[:, 380:644] = 255
    if "y" in axes:
        cross[380:644] = 255
    sent, overlay = (SentPicture(f"prepared/{name}.png", "image/png", 1024, 1024) for name in ("window", "mask"))
    request = Request(prompt="brick", model="gpt-image-2.5-flare", size="1024x1024", images=(sent,), mask=overlay)
    finish = Finish("inputs/source.png", "inputs/mask.npy", (0, 0, 1024, 1024), (1024, 1024), "wall", rolled=axes)
    job = make_job(server.base_url, request=request)._replace(finish=finish, surface=Surface(maps=(MapKind.NORMAL,), wraps=axes))
    mask = io.BytesIO()
    np.save(mask, cross)
    picture, folder = done(worker, job, {finish.source: encode(shown), finish.mask: mask.getvalue()})
    shift = tuple(-512 if axis in axes else 0 for axis in "yx")
    form = {file.field: file.data for file in server.requests[-1].files}
    window = decode(form["image[]" if "image[]" in form else "image"], "RGB")
    # The seams lie in the middle of what is sent, and are closed as far as that goes here.
    assert np.array_equal(window[cross == 0], np.roll(shown, shift, (0, 1))[cross == 0])
    changed = np.any(decode((folder / picture.path).read_bytes(), "RGB") != shown, axis=2)
    healed = np.roll(cross, shift, (0, 1)) > 0
    assert not changed[~healed].any() and changed[healed].mean() > 0.9
    assert picture.report["changed_outside"] == 0 and picture.report["tiles"] == axes and list(picture.maps) == ["normal"]


# --- cut out of its background ----------------------------------------------------------------------------

def island() -> np.ndarray:
    """A disk of bricks on magenta, off the middle."""
    y, x = np.mgrid[:SIZE[1], :SIZE[0]]
    alpha = np.clip(120.5 - np.hypot(x - 400, y - 200), 0, 1)[..., None]
    return (make_picture("red brick", *SIZE, 3) * alpha + np.array((255, 0, 255)) * (1 - alpha) + 0.5).astype(np.uint8)


def test_a_subject_on_a_flat_background_is_cut_out_and_cropped(worker: WorkerProcess, serve: Serve) -> None:
    job = make_job(serve(picture=encode(island())).base_url)._replace(surface=Surface(cut_out=True))
    picture, folder = done(worker, job)
    rgba = decode((folder / picture.path).read_bytes())
    assert (picture.width_px, picture.height_px) == rgba.shape[1::-1] and picture.mime == "image/png"
    assert abs(picture.width_px - 245) <= 2 and abs(picture.height_px - 245) <= 2
    area = rgba[..., 3].sum() / 255
    assert abs(area / (np.pi * 120.0 ** 2) - 1) < 0.005
    assert picture.report == {"background": "#ff00ff"} and picture.maps is None
    assert np.array_equal(decode((folder / "results/0.png").read_bytes(), "RGB"), island())


def test_what_is_transparent_already_is_only_cropped(worker: WorkerProcess, serve: Serve) -> None:
    rgba = np.zeros((*SIZE[::-1], 4), np.uint8)
    rgba[100:300, 200:400] = (200, 100, 50, 255)
    rgba[150:160, 250:260, 3] = 90
    job = make_job(serve(picture=encode(rgba)).base_url)._replace(surface=Surface(cut_out=True))
    picture, folder = done(worker, job)
    assert np.array_equal(decode((folder / picture.path).read_bytes())[2:-2, 2:-2], rgba[100:300, 200:400])
    assert picture.report == {"background": "transparent"}


def test_variants_are_cropped_alike(worker: WorkerProcess, serve: Serve) -> None:
    """So that one can take another's place on its mesh. The practice service draws another island for each."""
    server = serve(picture=None)
    job = make_job(server.base_url, n=2, size="1024x640", background="transparent", prompt="rusty steel")._replace(surface=Surface(cut_out=True))
    record = worker.run(job)
    assert record.state is JobState.DONE, record.error
    one, two = (decode((worker.journal.folder(job.id) / picture.path).read_bytes())[..., 3] for picture in record.result.pictures)
    assert one.shape == two.shape and not np.array_equal(one, two)
    seen = (one > 8) | (two > 8)
    assert seen[2].any() and seen[-3].any() and seen[:, 2].any() and seen[:, -3].any() and not seen[:2].any()


def test_a_paid_picture_without_a_flat_background_arrives_as_it_came(worker: WorkerProcess, serve: Serve) -> None:
    data = encode(make_picture("a lighthouse at dusk", *SIZE, 1))
    picture, folder = done(worker, make_job(serve(picture=data).base_url)._replace(surface=Surface(cut_out=True)))
    assert (folder / picture.path).read_bytes() == data and "not flat" in picture.report["not_finished"]
