# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pixel work around a touch-up: the window that is sent, and the picture that comes of the answer."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..core.errors import AnswerError, InputError
from ..core.regions import Box, Window, crop
from ..core.request import Finish, JobState, Mark, MaskStyle, PixelKind, Request, ResultPicture, parse_size
from ..imaging import masks
from ..imaging.tile import make_seamless, meeting_axes, rolled, unrolled
from ..imaging.touch_up import finish_window, paste_window
from ..imaging.udim import put_together
from ..library.journal import Journal, write_atomic
from .codec import check_picture
from .exr import decode_exr
from .files import read_picture, write_png
from .pictures import Source, read_source, resized

__all__ = ("prepare_touch_up", "window_of", "write_touch_ups")

# Of a mark, as shares of the window's longer side: what a person sees at a glance.
LINE_SHARE, NOTE_SHARE = 1 / 160, 1 / 32


def window_of(request: Request, finish: Finish) -> Window:
    """What is sent of the picture."""
    return Window(Box(*finish.box), *parse_size(request.size), *finish.picture_px)


def _read(finish: Finish, folder: Path) -> tuple[Source, np.ndarray]:
    """The job's picture, with what extends it, and its mask: float32 (h, w), 0..1."""
    if finish.around:
        return _read_around(finish, folder)
    source = read_source(folder / finish.source, finish.pixels, finish.has_alpha)
    if finish.whole:
        mask = np.ones(source.picture.shape[:2], np.float32)
    else:
        mask = np.load(folder / finish.mask, allow_pickle=False).astype(np.float32) / 255
    if finish.extend:
        left, top, right, bottom = finish.extend
        pads = ((top, bottom), (left, right), (0, 0))
        source = source._replace(picture=np.pad(source.picture, pads, mode="symmetric"))
    if finish.offset:
        source = source._replace(picture=_moved(source.picture, finish.offset))
    if finish.rolled:
        picture = source.picture
        if source.pixels is PixelKind.DISPLAY:          # the seams' outer ends are not the model's to heal: its picture would not meet there
            picture = make_seamless(picture, finish.rolled)
        source = source._replace(picture=rolled(picture, finish.rolled))
    if source.picture.shape[:2] != mask.shape or mask.shape != (finish.picture_px[1], finish.picture_px[0]):
        raise InputError("The picture and the mask do not have the same size", field="mask", hint="Make the mask again")
    return source, mask


def _read_around(finish: Finish, folder: Path) -> tuple[Source, np.ndarray]:
    """The picture of a tile's neighbors, and the mask of what is not known in it."""
    box, around = Box(*finish.tile), {}
    for each in finish.around:
        tile = read_source(folder / each.path, PixelKind.DISPLAY, has_alpha=False)
        around[each.column, each.row] = resized(tile.shown(tile.picture), (box.width, box.height))
    picture, mask = put_together(around, (finish.picture_px[0], finish.picture_px[1]), box)
    return Source(picture, PixelKind.DISPLAY, has_alpha=False), mask


def _moved(picture: np.ndarray, offset: tuple[int, ...]) -> np.ndarray:
    """The picture rolled by (x, y) pixels."""
    return np.roll(picture, offset[::-1], (0, 1))


# --- before it is sent --------------------------------------------------------------------------------------

def prepare_touch_up(request: Request, finish: Finish, folder: Path, style: MaskStyle) -> None:
    """Write the pictures that are sent: the window, without transparency, and its mask or marks. Raises InputError."""
    source, mask = _read(finish, folder)
    window = window_of(request, finish)
    sent = {request.images[0].path: resized(source.shown(crop(source.picture, window)), window.size)}
    if request.mask:
        area = resized(np.round(crop(mask, window) * 255).astype(np.uint8), window.size).astype(np.float32) / 255
        rgba = masks.to_alpha_mask(area)
        sent[request.mask.path] = rgba if style is MaskStyle.ALPHA else np.ascontiguousarray(rgba[..., :3])
    if request.markup:
        sent[request.markup.path] = _draw_marks(finish.marks, window)
    for path, pixels in sent.items():
        (folder / path).parent.mkdir(exist_ok=True)
        write_atomic(folder / path, write_png(pixels))


def _draw_marks(marks: tuple[Mark, ...], window: Window) -> np.ndarray:
    """uint8 RGBA of the request's size: lines and notes on nothing."""
    picture = Image.new("RGBA", window.size)
    draw = ImageDraw.Draw(picture)
    longest = max(window.size)
    width, font = max(2, round(longest * LINE_SHARE)), ImageFont.load_default(max(14, round(longest * NOTE_SHARE)))
    for mark in marks:
        color = tuple(round(255 * min(max(part, 0.0), 1.0)) for part in mark.color)
        points = [window.to_request(*point) for point in mark.points]
        if mark.text:
            x, y = points[0]
            # Always in the picture, whatever it is written near.
            _, _, right, bottom = draw.textbbox((x, y), mark.text, font=font)
            x, y = max(0.0, x - max(0.0, right + 4 - window.width_px)), max(0.0, y - max(0.0, bottom + 4 - window.height_px))
            draw.text((x, y), mark.text, fill=(*color, 255), font=font, stroke_width=max(1, width // 3), stroke_fill="white")
        elif len(points) == 1:
            (x, y), = points
            draw.ellipse((x - width, y - width, x + width, y + width), fill=(*color, 255))
        else:
            draw.line(points, fill=(*color, 255), width=width, joint="curve")
    return np.asarray(picture)


# --- what came of it ----------------------------------------------------------------------------------------

def write_touch_ups(
    answers: list[bytes], request: Request, finish: Finish, folder: Path, journal: Journal,
) -> tuple[ResultPicture, ...]:
    """The finished pictures of the answers: the source with nothing changed but the mask's area.

    The areas of the touch-up's other islands are those of their own results, as far as these are done. What is reported as
    changed outside is counted in the file that was written. Raises AnswerError if no answer is usable.
    """
    source, mask = _read(finish, folder)
    window = window_of(request, finish)
    islands = list(_done_beside(finish, journal))
    changed = np.logical_or.reduce([mask > 0, *(area for area, _ in islands)])
    kept = Box(*finish.tile).slices if finish.tile else (slice(None), slice(None))
    results = folder / "results"
    results.mkdir(exist_ok=True)
    finished: list[ResultPicture] = []
    trouble: AnswerError | None = None
    part, area = crop(source.picture, window), crop(mask, window)
    view = source.display(part)
    for data in answers:
        try:
            check_picture(data)
        except AnswerError as error:
            trouble = error
            continue
        with Image.open(io.BytesIO(data)) as image:
            answer = resized(np.asarray(image.convert("RGB")), (window.box.width, window.box.height))
        done = finish_window(view, answer, area)
        whole, _ = paste_window(source.picture, source.kept(done.patch, part), mask, *window.offset)
        for island, pictures in islands:
            other = pictures[min(len(finished), len(pictures) - 1)]
            np.copyto(whole, _read_result(other), where=island[..., None] & (mask == 0)[..., None])
        if finish.rolled:
            whole = unrolled(whole, finish.rolled)
        if finish.offset:
            whole = _moved(whole, (-finish.offset[0], -finish.offset[1]))
        report = asdict(done.report)
        if finish.keeps_tiling:
            report["tiles"] = _keep_tiling(whole, source.picture, mask, finish)
        whole = whole[kept]
        ending, mime, file = source.encode(whole)
        path = results / f"{len(finished)}{ending}"
        write_atomic(path, file)
        written = _read_result(path)
        if finish.rolled:
            written = rolled(written, finish.rolled)
        elif finish.offset:
            written = _moved(written, finish.offset)
        report["changed_outside"] = int(np.count_nonzero(_differs(written, source.picture[kept]) & ~changed[kept]))
        patch = ""
        if finish.layered and whole.dtype == np.uint8:
            patch = f"results/{len(finished)}-patch.png"
            write_atomic(folder / patch, write_png(_patch(whole, changed)))
        finished.append(ResultPicture(path.relative_to(folder).as_posix(), mime, whole.shape[1], whole.shape[0], report, patch))
    if not finished:
        raise trouble or AnswerError("The service's answer holds no picture")
    return tuple(finished)


def _keep_tiling(whole: np.ndarray, source: np.ndarray, mask: np.ndarray, finish: Finish) -> str:
    """Make the changed picture's edges meet, in place and in the mask, on the axes on which the source's do. Gives back these axes.

    The source and the mask are rolled by the offset, the picture is not. Where the mask does not reach the edges they still meet.
    """
    axes = finish.tiles or meeting_axes(_moved(source, (-finish.offset[0], -finish.offset[1])) if finish.offset else source)
    edges = {"x": mask[:, ::mask.shape[1] - 1], "y": mask[::mask.shape[0] - 1]}
    if undone := "".join(axis for axis in axes if edges[axis].any()):
        area = _moved(mask, (-finish.offset[0], -finish.offset[1])) if finish.offset else mask
        np.copyto(whole, make_seamless(whole, undone), where=(area > 0)[..., None])
    return axes


def _done_beside(finish: Finish, journal: Journal) -> Iterator[tuple[np.ndarray, list[Path]]]:
    """Of each other island that is done: where it is, bool (h, w), and the files of its variants."""
    for job_id in finish.beside:
        try:
            record, other = journal.read_record(job_id), journal.read_job(job_id).finish
            if record.state is not JobState.DONE or record.result is None or other is None:
                continue
            folder = journal.folder(job_id)
            area = np.load(folder / other.mask, allow_pickle=False) > 0
            yield area, [folder / picture.path for picture in record.result.pictures]
        except (OSError, ValueError, InputError):
            continue                            # never sent, or its folder is gone: this island stands alone


def _read_result(path: Path) -> np.ndarray:
    """The pixels of a result of ours, as they were given to `encode`."""
    data = path.read_bytes()
    if path.suffix == ".exr":
        return decode_exr(data)
    return read_picture(data)[0]


def _differs(picture: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Where the bits are not the same, bool (h, w)."""
    one, two = (part.view(np.uint32) if part.dtype == np.float32 else part for part in (picture, other))
    return np.any(one != two, axis=2)


def _patch(whole: np.ndarray, changed: np.ndarray) -> np.ndarray:
    """uint8 RGBA: opaque where the picture may have changed. Its soft edges are in its colors already."""
    rgba = np.zeros((*changed.shape, 4), np.uint8)
    np.copyto(rgba[..., :3], whole[..., :3], where=changed[..., None])
    rgba[..., 3] = np.where(changed, np.uint8(255), np.uint8(0))
    return rgba
