# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finished PNG files tell prompt and job, read by Pillow; pixels, answers, the service's own words and signed files stay."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from gptimage_addon.core.request import JobState, MapKind, ResultPicture, Surface
from gptimage_addon.imaging.png import encode_png, with_texts, without_label
from gptimage_addon.worker.answer import read_answer
from gptimage_addon.worker.files import read_picture
from gptimage_addon.worker.labels import label_files
from gptimage_addon.worker.practice import PracticeServer
from tests.support.services import make_png
from tests.support.worker_process import WorkerProcess, make_job

PROMPT = "größer 漢字, \N{BRICK}\nred"


def texts_of(path: Path) -> dict[str, str]:
    with Image.open(path) as picture:
        picture.load()
        return dict(picture.text)


def labelled(data: bytes, folder: Path) -> bytes:
    """The file after it is labelled as a job's only result."""
    (folder / "results").mkdir(exist_ok=True)
    (folder / "results/0.png").write_bytes(data)
    job = make_job("http://127.0.0.1:1/v1", job_id="j")._replace(prompt=PROMPT)
    label_files(job, (ResultPicture("results/0.png", "image/png", 32, 16),), folder)
    return (folder / "results/0.png").read_bytes()


@pytest.mark.parametrize("data", [make_png(), make_png(color=(1, 2, 3, 4)), encode_png(np.arange(600, dtype=np.uint16).reshape(10, 20, 3) * 99)])
def test_the_words_are_in_and_nothing_else_changes(data: bytes, tmp_path: Path) -> None:
    found = labelled(data, tmp_path)
    texts = texts_of(tmp_path / "results/0.png")
    assert texts["Description"] == PROMPT and json.loads(texts["gptimage"])["entry"] == "j:0"
    np.testing.assert_array_equal(read_picture(found)[0], read_picture(data)[0])
    assert found.startswith(data[:33]) and found.endswith(data[33:])        # only between the header and the rest
    assert without_label(found) == data and without_label(data) is data
    assert labelled(found, tmp_path) == found


def test_what_the_service_told_stays(tmp_path: Path) -> None:
    told, out = PngInfo(), io.BytesIO()
    told.add_text("Description", "by the service")
    told.add_itxt("Comment", "größe", zip=True)
    Image.new("RGB", (8, 8)).save(out, "PNG", pnginfo=told)
    found = labelled(out.getvalue(), tmp_path)
    texts = texts_of(tmp_path / "results/0.png")
    assert (texts["Description"], texts["Comment"]) == ("by the service", "größe") and "gptimage" in texts
    assert texts_of_bytes(without_label(found)) == {"Description": "by the service", "Comment": "größe"}


def texts_of_bytes(data: bytes) -> dict[str, str]:
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
        return dict(picture.text)


def test_signed_and_other_files_stay_as_they_are(tmp_path: Path) -> None:
    signature = struct.pack(">I", 4) + b"caBX" + b"c2pa" + struct.pack(">I", zlib.crc32(b"caBXc2pa"))
    signed = make_png()[:33] + signature + make_png()[33:]
    assert labelled(signed, tmp_path) == signed
    for other in (b"", b"\xff\xd8\xff\xe0 no PNG", b"\x89PNG\r\n\x1a\n"):
        assert with_texts(other, {"a": "b"}) == without_label(other) == other
    mine = with_texts(make_png(), {"Description": "somebody's own"})
    assert without_label(mine) == mine


def test_a_job_that_wants_it_has_its_files_labelled_and_its_answer_whole(start_worker: Callable[..., WorkerProcess], serve: Callable[..., PracticeServer]) -> None:
    picture = encode_png(np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    server, worker = serve(picture=picture), start_worker()
    plain, wanted = make_job(server.base_url), make_job(server.base_url)._replace(label_files=True, surface=Surface(maps=(MapKind.HEIGHT,)))
    for job in (plain, wanted):
        record = worker.run(job)
        assert record.state is JobState.DONE
        folder = worker.journal.folder(job.id)
        result = record.result.pictures[0]
        assert ("gptimage" in texts_of(folder / result.path)) == job.label_files
        assert without_label((folder / result.path).read_bytes()) == picture
        for name in (result.maps or {}).values():
            assert json.loads(texts_of(folder / name)["gptimage"])["entry"] == f"{job.id}:0"
        head, raw = worker.journal.read_answer(job.id)
        assert read_answer(raw, head.content_type).pictures == [picture]
