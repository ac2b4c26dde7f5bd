# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Letters are set where they belong, as large as fit, and laid over without changing a pixel beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from gptimage_addon.core.errors import InputError
from gptimage_addon.core.prompts import lettered_prompt
from gptimage_addon.core.request import JobState, Lettering, Request, ResultPicture, SentPicture, Service
from gptimage_addon.worker.lettering import set_letters, write_lettered
from tests.support.worker_process import WorkerProcess, make_job

SIZE = (640, 480)
BOX = (0.25, 0.5, 0.75, 0.75)           # 160..480 across, 120..240 from the top


def letters(*lines: str, folder: Path, **more: object) -> np.ndarray:
    return set_letters(Lettering(lines, **{"box": BOX, **more}), SIZE, folder)


def bounds(mask: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


@pytest.mark.parametrize("lines", [("BAKERY",), ("Open", "9 to 5"), ("i",), ("A long line of words on a sign",)])
def test_letters_fill_their_box_and_stay_inside(lines: tuple[str, ...], tmp_path: Path) -> None:
    x0, y0, x1, y1 = bounds(letters(*lines, folder=tmp_path))
    assert 159 <= x0 and x1 <= 481 and 119 <= y0 and y1 <= 241
    assert x1 - x0 > 0.9 * 320 or y1 - y0 > 0.8 * 120           # one side is used
    assert abs((x0 + x1) / 2 - 320) <= 3 and abs((y0 + y1) / 2 - 180) <= 3


def test_lines_are_aligned(tmp_path: Path) -> None:
    left = letters("I", "WWWWWW", folder=tmp_path, align="left")
    right = letters("I", "WWWWWW", folder=tmp_path, align="right")
    assert bounds(left[:180])[0] < 240 and bounds(right[:180])[2] > 400


def test_it_is_the_text_that_is_set(tmp_path: Path) -> None:
    """As the font's own drawing of the line says."""
    found = letters("Hb", folder=tmp_path, box=(0.0, 0.0, 1.0, 1.0))
    x0, y0, x1, y1 = bounds(found)
    for pixels in range(100, 700):
        layer = Image.new("L", (1200, 1200))
        ImageDraw.Draw(layer).text((200, 200), "Hb", 255, ImageFont.load_default(pixels))
        own = np.asarray(layer.crop(layer.getbbox()), int)
        if own.shape == (y1 - y0, x1 - x0):
            assert np.mean(np.abs(found[y0:y1, x0:x1].astype(int) - own)) < 1
            return
    raise AssertionError("no size of the font gives these letters")


def test_a_letter_that_the_font_lacks_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="木") as caught:
        letters("Bar 木", folder=tmp_path)
    assert caught.value.field == "lettering.font" and caught.value.hint


def test_a_box_too_small_to_read_in_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        letters("far too long a text for that", folder=tmp_path, box=(0.1, 0.1, 0.12, 0.12))
    assert caught.value.field == "lettering.box"


def test_a_font_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "font").write_bytes(b"no font")
    with pytest.raises(InputError) as caught:
        letters("A", folder=tmp_path, font="font")
    assert caught.value.field == "lettering.font"


@pytest.mark.parametrize(("blend", "expected"), [("normal", (1.0, 0.0, 0.5)), ("multiply", (0.5, 0.0, 0.25)), ("screen", (1.0, 0.25, 0.75))])
def test_letters_are_laid_over_by_the_blend_and_nothing_else_changes(blend: str, expected: tuple[float, ...], tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    below = rng.integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
    below[120:240, 160:480] = (128, 64, 128)
    (tmp_path / "results").mkdir()
    Image.fromarray(below).save(tmp_path / "results" / "0.png")
    lettering = Lettering(("BAKERY",), BOX, color=(1.0, 0.0, 0.5), overlay=True, blend=blend)
    (made,) = write_lettered((ResultPicture("results/0.png", "image/png", *SIZE),), lettering, tmp_path)
    result = np.asarray(Image.open(tmp_path / made.path))
    covered = letters("BAKERY", folder=tmp_path)
    np.testing.assert_array_equal(result[covered == 0], below[covered == 0])
    full = result[covered == 255].astype(float) / 255
    np.testing.assert_allclose(full, np.broadcast_to(expected, full.shape), atol=1.5 / 255)
    assert made.report["lettering"] == [int(edge) for edge in bounds(covered)]
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "results" / "0.png")), below)      # the answer's own stays


def test_a_paid_picture_arrives_without_its_letters_where_they_cannot_be_set(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    Image.new("RGB", (40, 20)).save(tmp_path / "results" / "0.png")         # a server of one's own may make another size
    picture = ResultPicture("results/0.png", "image/png", 40, 20, {"tiles": "x"})
    (made,) = write_lettered((picture,), Lettering(("far too long a text for that",), BOX, overlay=True), tmp_path)
    assert made.path == picture.path and made.report["tiles"] == "x" and "too small" in made.report["not_finished"]


def test_a_job_sends_its_letters_and_lays_them_over(worker: WorkerProcess) -> None:
    lettering = Lettering(("BAKERY", "since 1901"), overlay=True, color=(0.0, 0.0, 0.0))
    sent = SentPicture("prepared/lettering.png", "image/png", 1024, 640, "lettering")
    prompt = lettered_prompt("a shop sign", lines=lettering.lines, roles=("lettering",))
    assert '"BAKERY" / "since 1901"' in prompt
    job = make_job("", request=Request(prompt, "gpt-image-2.5-flare", size="1024x640", images=(sent,)))
    record = worker.run(job._replace(service=Service(), lettering=lettering))
    assert record.state is JobState.DONE, record.error
    folder = worker.journal.folder(job.id)
    page = np.asarray(Image.open(folder / sent.path))
    assert page.shape == (640, 1024, 3) and page[0, 0].tolist() == [255, 255, 255] and page.min() == 0
    (picture,) = record.result.pictures
    assert picture.path == "results/0-lettered.png"
    result = np.asarray(Image.open(folder / picture.path))[..., :3]
    assert (result[page[..., 0] == 0] == 0).all()               # exactly the letters that were set


def test_letters_that_cannot_be_set_cost_nothing(worker: WorkerProcess) -> None:
    sent = SentPicture("prepared/lettering.png", "image/png", 1024, 640, "lettering")
    job = make_job("", request=Request("a sign", "gpt-image-2.5-flare", size="1024x640", images=(sent,)))
    record = worker.run(job._replace(service=Service(), lettering=Lettering(("木",))))
    assert record.state is JobState.FAILED and not record.sent_at and "木" in record.error["message"]
