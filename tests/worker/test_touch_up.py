# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A touch-up through the real worker: what is sent of the picture, and that no bit of it changes outside the area.

The server answers with pictures the tests chose, so what comes of them is known.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gptimage_addon.core.request import (
    Finish, Job, JobState, Mark, MaskStyle, PixelKind, Request, SentPicture, Service, ServiceKind,
)
from gptimage_addon.worker.exr import decode_exr
from gptimage_addon.worker.practice import PracticeServer
from gptimage_addon.worker.practice_pictures import make_picture
from gptimage_addon.worker.png16 import decode_png16
from tests.support.pictures import decode, encode
from tests.support.worker_process import WorkerProcess, make_job
from tests.worker.test_files import written as png16

Serve = Callable[..., PracticeServer]
SIZE = 1024, 768                        # of the picture
BOX = (0, 0, 1024, 768)                 # all of it is the window, sent as it is
NEW = (250, 10, 200)                    # the answer's color everywhere


def picture() -> np.ndarray:
    return make_picture("grey stone", *SIZE, 4)


def area(x0: int, y0: int, x1: int, y1: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    mask = np.zeros(size[::-1], np.uint8)
    mask[y0:y1, x0:x1] = 255
    return mask


def npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=False)
    return out.getvalue()


def touch_up(service: Service | str, mask: np.ndarray, source: bytes, suffix: str = ".png", *, marked: bool = False,
             n: int = 1, job_id: str = "", **finish: object) -> tuple[Job, dict[str, bytes]]:
    """A job whose window is the whole picture, at its own scale."""
    height, width = mask.shape
    sent = SentPicture("prepared/window.png", "image/png", width, height)
    overlay = SentPicture(f"prepared/{'markup' if marked else 'mask'}.png", "image/png", width, height)
    request = Request(prompt="ivy", model="gpt-image-2.5-flare", size=f"{width}x{height}", n=n, images=(sent,),
                   **{"markup" if marked else "mask": overlay})
    made = Finish(f"inputs/source{suffix}", "inputs/mask.npy", (0, 0, width, height), (width, height), "wall", **finish)
    job = make_job(service, request=request, job_id=job_id)._replace(kind="touch_up", finish=made)
    return job, {made.source: source, made.mask: npy(mask)}


def answer(color: Sequence[int] = NEW, size: tuple[int, int] = SIZE) -> bytes:
    return encode(np.full((*size[::-1], 3), color, np.uint8))


def result(worker: WorkerProcess, job: Job, inputs: dict[str, bytes]) -> tuple[dict, Path, Path]:
    """(report, the result's file, the job's folder), once the job is done."""
    record = worker.run(job, inputs)
    assert record.state is JobState.DONE and record.result, record.error
    made, folder = record.result.pictures[0], worker.journal.folder(job.id)
    return made.report, folder / made.path, folder


@pytest.fixture
def plain(serve: Serve) -> PracticeServer:
    """Answers with one color, whatever is asked."""
    return serve(picture=answer())


def form(server: PracticeServer) -> dict[str, bytes]:
    return {file.field: file.data for file in server.requests[-1].files}


def test_the_window_and_its_mask_are_sent(worker: WorkerProcess, plain: PracticeServer) -> None:
    mask, shown = area(300, 200, 500, 420), picture()
    job, inputs = touch_up(plain.base_url, mask, encode(shown))
    report, path, _ = result(worker, job, inputs)
    sent = form(plain)
    assert np.array_equal(decode(sent["image[]" if "image[]" in sent else "image"], "RGB"), shown)
    found = decode(sent["mask"])
    assert np.array_equal(found[..., 3] == 0, mask > 0)             # OpenAI: transparent is changed
    assert np.array_equal(found[..., 0] == 255, mask > 0)           # others: white is
    after = decode(path.read_bytes(), "RGB")
    assert report["changed_outside"] == 0
    assert np.array_equal(after[mask == 0], shown[mask == 0])
    assert (np.any(after != shown, axis=2)[mask > 0]).mean() > 0.9


@pytest.mark.parametrize(("style", "field"), [(MaskStyle.WHITE, "mask"), (MaskStyle.MASK_IMAGE, "mask_image")])
def test_a_server_that_reads_masks_its_own_way_gets_them_so(
    worker: WorkerProcess, plain: PracticeServer, style: MaskStyle, field: str,
) -> None:
    mask = area(300, 200, 500, 420)
    service = Service(ServiceKind.COMPATIBLE, plain.base_url, style)
    job, inputs = touch_up(service, mask, encode(picture()))
    worker.run(job, inputs)                 # ours refuses what is no mask of OpenAI's: it is what it was sent that counts
    sent = form(plain)
    assert {"mask", "mask_image"} & set(sent) == {field}
    with Image.open(io.BytesIO(sent[field])) as found:
        assert found.mode == "RGB"
        assert np.array_equal(np.asarray(found)[..., 1] == 255, mask > 0)


def test_transparent_pixels_are_sent_as_they_look_and_stay(worker: WorkerProcess, plain: PracticeServer) -> None:
    rgba = np.dstack((picture(), np.full(SIZE[::-1], 255, np.uint8)))
    rgba[:, :100, 3] = 0
    rgba[:, 100:200, 3] = 128
    mask = area(300, 200, 500, 420)
    job, inputs = touch_up(plain.base_url, mask, encode(rgba))
    _, path, _ = result(worker, job, inputs)
    sent = form(plain)
    seen = decode(sent["image[]" if "image[]" in sent else "image"], "RGB").astype(int)
    assert (seen[:, :100] == 0).all()
    assert np.abs(seen[:, 100:200] - rgba[:, 100:200, :3] * (128 / 255)).max() <= 1
    after = decode(path.read_bytes())
    assert np.array_equal(after[mask == 0], rgba[mask == 0]) and np.array_equal(after[..., 3], rgba[..., 3])


def test_a_channel_that_is_no_coverage_hides_nothing(worker: WorkerProcess, plain: PracticeServer) -> None:
    rgba = np.dstack((picture(), np.zeros(SIZE[::-1], np.uint8)))
    mask = area(300, 200, 500, 420)
    job, inputs = touch_up(plain.base_url, mask, encode(rgba), has_alpha=False)
    _, path, _ = result(worker, job, inputs)
    sent = form(plain)
    assert np.array_equal(decode(sent["image[]" if "image[]" in sent else "image"], "RGB"), rgba[..., :3])
    after = decode(path.read_bytes())
    assert np.array_equal(after[mask == 0], rgba[mask == 0]) and (after[..., 3] == 0).all()
    assert np.any(after != rgba, axis=2)[mask > 0].mean() > 0.9


@pytest.mark.parametrize("channels", [3, 4])
def test_16_bits_stay_16_bits(worker: WorkerProcess, serve: Serve, channels: int) -> None:
    size = (896, 736)
    values = make_picture("grey stone", *size, 4).astype(np.uint16) * 257
    values += np.random.default_rng(1).integers(0, 200, values.shape).astype(np.uint16)
    if channels == 4:
        values = np.dstack((values, np.full(size[::-1], 65535, np.uint16)))
    server = serve(picture=answer(size=size))
    mask = area(300, 200, 400, 300, size)
    job, inputs = touch_up(server.base_url, mask, png16(values))
    report, path, _ = result(worker, job, inputs)
    after = decode_png16(path.read_bytes())
    assert after.dtype == np.uint16 and after.shape == values.shape
    assert np.array_equal(after[mask == 0], values[mask == 0]) and report["changed_outside"] == 0
    assert np.any(after != values, axis=2)[mask > 0].mean() > 0.9


@pytest.mark.parametrize("kind", [PixelKind.LINEAR, PixelKind.DATA])
def test_floats_keep_their_bits_and_what_is_new_is_converted(worker: WorkerProcess, serve: Serve, kind: PixelKind) -> None:
    display = picture() / np.float32(255)
    linear = np.where(display <= 0.04045, display / 12.92, ((display + 0.055) / 1.055) ** 2.4)
    values = np.dstack((display if kind is PixelKind.DATA else linear, np.ones(SIZE[::-1]))).astype(np.float32)
    values[:50, :50, :3] = 40.0, 7.5, 0.0                           # brighter than any screen
    mask = area(300, 200, 500, 420)
    drawn = picture()
    drawn[:50, :50] = 255, 255, 0
    server = serve(picture=encode(np.where(mask[..., None] > 0, np.uint8(NEW), drawn)))     # the model's answer, without drift
    job, inputs = touch_up(server.base_url, mask, npy(values), ".npy", pixels=kind)
    report, path, _ = result(worker, job, inputs)
    sent = form(server)
    seen = decode(sent["image[]" if "image[]" in sent else "image"], "RGB").astype(int)
    assert np.abs(seen[60:] - picture()[60:].astype(int)).max() <= 1
    assert (seen[:50, :50, :2] == 255).all()
    assert path.suffix == ".exr"
    after = decode_exr(path.read_bytes())
    outside = mask == 0
    assert np.array_equal(after[outside].view(np.uint32), values[outside].view(np.uint32)) and report["changed_outside"] == 0
    middle = after[310, 400, :3]
    expected = np.array(NEW) / 255
    if kind is PixelKind.LINEAR:
        expected = np.where(expected <= 0.04045, expected / 12.92, ((expected + 0.055) / 1.055) ** 2.4)
    assert np.abs(middle - expected).max() < 0.02


def test_islands_come_together_whichever_is_done_first(worker: WorkerProcess, serve: Serve) -> None:
    shown, masks = picture(), [area(100, 100, 300, 300), area(600, 400, 900, 700)]
    colors = [(250, 10, 200), (20, 240, 30)]
    ids = ["island-a", "island-b"]
    for name, mask, color in zip(ids, masks, colors, strict=True):
        server = serve(picture=answer(color))
        other = tuple(each for each in ids if each != name)
        job, inputs = touch_up(server.base_url, mask, encode(shown), job_id=name, beside=other)
        report, path, _ = result(worker, job, inputs)
        assert report["changed_outside"] == 0
    last = decode(path.read_bytes(), "RGB")
    both = (masks[0] > 0) | (masks[1] > 0)
    assert np.array_equal(last[~both], shown[~both])
    assert all(np.any(last != shown, axis=2)[mask > 0].mean() > 0.9 for mask in masks)
    first = decode((worker.journal.folder("island-a") / "results" / "0.png").read_bytes(), "RGB")
    assert np.array_equal(first[masks[0] > 0], last[masks[0] > 0])
    assert np.array_equal(first[masks[1] > 0], shown[masks[1] > 0])


def test_an_island_whose_neighbor_never_came_stands_alone(worker: WorkerProcess, plain: PracticeServer) -> None:
    job, inputs = touch_up(plain.base_url, area(300, 200, 500, 420), encode(picture()), beside=("never-was",))
    report, _, _ = result(worker, job, inputs)
    assert report["changed_outside"] == 0


def test_a_layer_s_patch_is_the_result_where_it_may_have_changed(worker: WorkerProcess, plain: PracticeServer) -> None:
    mask = area(300, 200, 500, 420)
    mask[200:420, 300:310] = 40                                     # a soft edge
    job, inputs = touch_up(plain.base_url, mask, encode(picture()), layered=True)
    record = worker.run(job, inputs)
    made, folder = record.result.pictures[0], worker.journal.folder(job.id)
    patch, whole = decode((folder / made.patch).read_bytes()), decode((folder / made.path).read_bytes(), "RGB")
    assert np.array_equal(patch[..., 3], np.where(mask > 0, 255, 0))
    assert np.array_equal(patch[mask > 0][:, :3], whole[mask > 0]) and (patch[mask == 0] == 0).all()


def test_a_picture_is_extended_and_stays_itself(worker: WorkerProcess, serve: Serve) -> None:
    shown = picture()
    left, top, right, bottom = 96, 0, 32, 48
    size = (SIZE[0] + left + right, SIZE[1] + top + bottom)
    mask = area(0, 0, *size, size)
    mask[top:top + SIZE[1], left:left + SIZE[0]] = 0
    server = serve(picture=answer(size=size))
    job, inputs = touch_up(server.base_url, mask, encode(shown), extend=(left, top, right, bottom))
    report, path, _ = result(worker, job, inputs)
    after = decode(path.read_bytes(), "RGB")
    assert after.shape[1::-1] == size and report["changed_outside"] == 0
    assert np.array_equal(after[top:top + SIZE[1], left:left + SIZE[0]], shown)
    sent = form(server)
    seen = decode(sent["image[]" if "image[]" in sent else "image"], "RGB")
    assert seen.shape[1::-1] == size                                # mirrored at its sides
    assert np.array_equal(seen[:SIZE[1], :left], shown[:, :left][:, ::-1])


def test_marks_go_out_as_a_drawing_on_nothing(worker: WorkerProcess, plain: PracticeServer) -> None:
    mask = area(300, 200, 500, 420)
    marks = (Mark(((310.0, 210.0), (480.0, 400.0)), (1.0, 0.0, 0.0)), Mark(((420.0, 700.0),), (0.0, 0.0, 1.0), "a red door here, and a sign"),
             Mark(((20.0, 20.0),), (0.0, 1.0, 0.0)))
    job, inputs = touch_up(plain.base_url, mask, encode(picture()), marked=True, marks=marks)
    report, path, _ = result(worker, job, inputs)
    sent = form(plain)
    assert "mask" not in sent
    drawn = decode(sent["markup"])
    assert drawn.shape[1::-1] == SIZE
    assert 0.001 < (drawn[..., 3] > 0).mean() < 0.2                 # lines on nothing
    assert tuple(drawn[305, 395]) == (255, 0, 0, 255) and tuple(drawn[20, 20]) == (0, 255, 0, 255)
    assert (drawn[690:760, 400:, 2] > 200).any()                    # the note's letters
    # The area is held by us: elsewhere nothing changes, whatever the marks made the model do.
    after = decode(path.read_bytes(), "RGB")
    assert np.array_equal(after[mask == 0], picture()[mask == 0]) and report["changed_outside"] == 0


def test_a_profile_stays_with_the_picture(worker: WorkerProcess, plain: PracticeServer) -> None:
    out = io.BytesIO()
    Image.fromarray(picture()).save(out, "PNG", icc_profile=b"some profile")
    job, inputs = touch_up(plain.base_url, area(300, 200, 500, 420), out.getvalue())
    _, path, _ = result(worker, job, inputs)
    with Image.open(path) as found:
        assert found.info["icc_profile"] == b"some profile"
