# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pixel work around a touch-up: the window that is sent, and the picture that comes of the answer."""

from __future__ import annotations

import io
from dataclasses import asdict
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from ..core.errors import AnswerError, InputError
from ..core.regions import Box, Window, crop
from ..core.request import Edit, Finish, ResultPicture, parse_size
from ..imaging import masks
from ..imaging.touch_up import finish_window, paste_window
from ..library.journal import write_atomic
from .codec import check_picture

__all__ = ("prepare_touch_up", "write_touch_ups")

PNG_LEVEL = 4           # a third of the time of Pillow's own level, for files a few percent larger


def _window(request: Edit, finish: Finish) -> Window:
    return Window(Box(*finish.box), *parse_size(request.size), *finish.picture_px)


def _read(finish: Finish, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """(picture uint8 (h, w, 3 or 4), mask float32 (h, w) in 0..1) of the job."""
    try:
        with Image.open(folder / finish.source) as source:
            if source.mode not in ("RGB", "RGBA"):
                source = source.convert("RGBA" if "A" in source.getbands() or "transparency" in source.info else "RGB")
            picture = np.asarray(source)
    except (UnidentifiedImageError, OSError, ValueError) as error:
        raise InputError("The picture cannot be read", field="image", hint="Save it as PNG and use the file") from error
    mask = np.load(folder / finish.mask, allow_pickle=False).astype(np.float32) / 255
    if picture.shape[:2] != mask.shape or mask.shape != (finish.picture_px[1], finish.picture_px[0]):
        raise InputError("The picture and the mask do not have the same size", field="mask", hint="Make the mask again")
    return picture, mask


def _png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", compress_level=PNG_LEVEL)
    return out.getvalue()


def _resized(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    if (pixels.shape[1], pixels.shape[0]) == size:
        return pixels
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))


def prepare_touch_up(request: Edit, finish: Finish, folder: Path) -> None:
    """Write the pictures that are sent: the window, without transparency, and its mask. Raises InputError."""
    picture, mask = _read(finish, folder)
    window = _window(request, finish)
    assert request.mask is not None
    # Models read the colors under transparent pixels as well: what is sent shows what the artist sees, on black.
    view = picture[..., :3]
    if picture.shape[2] == 4:
        view = (view * (picture[..., 3:] / 255.0) + 0.5).astype(np.uint8)
    area = np.round(crop(mask, window) * 255).astype(np.uint8)
    sent = {
        request.images[0].path: _resized(crop(view, window), window.size),
        request.mask.path: masks.to_alpha_mask(_resized(area, window.size).astype(np.float32) / 255),
    }
    for path, pixels in sent.items():
        (folder / path).parent.mkdir(exist_ok=True)
        write_atomic(folder / path, _png(pixels))


def write_touch_ups(answers: list[bytes], request: Edit, finish: Finish, folder: Path) -> tuple[ResultPicture, ...]:
    """The finished pictures of the answers: the source with nothing changed but the mask's area.

    What is reported as changed outside is counted in the file that was written. Raises AnswerError if no answer is usable.
    """
    picture, mask = _read(finish, folder)
    window = _window(request, finish)
    results = folder / "results"
    results.mkdir(exist_ok=True)
    finished: list[ResultPicture] = []
    trouble: AnswerError | None = None
    for data in answers:
        try:
            check_picture(data)
        except AnswerError as error:
            trouble = error
            continue
        with Image.open(io.BytesIO(data)) as image:
            answer = _resized(np.asarray(image.convert("RGB")), (window.box.width, window.box.height))
        done = finish_window(crop(picture, window), answer, crop(mask, window))
        whole, _ = paste_window(picture, done.patch, mask, *window.offset)
        path = results / f"{len(finished)}.png"
        write_atomic(path, _png(whole))
        with Image.open(path) as written:
            outside = np.any(np.asarray(written) != picture, axis=2) & (mask == 0)
        report = {**asdict(done.report), "changed_outside": int(np.count_nonzero(outside))}
        finished.append(ResultPicture(path.relative_to(folder).as_posix(), "image/png", picture.shape[1], picture.shape[0],
                                      report))
    if not finished:
        raise trouble or AnswerError("The service's answer holds no picture")
    return tuple(finished)
