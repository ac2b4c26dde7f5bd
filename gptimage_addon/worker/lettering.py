# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Letters that must be exact: set by us, sent as a picture, and where wanted laid over the result."""

from __future__ import annotations

import io
import unicodedata
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, features

from ..core.errors import InputError
from ..core.request import Lettering, Request, ResultPicture
from ..library.journal import write_atomic
from .files import read_picture, write_png

__all__ = ("prepare_lettering", "set_letters", "write_lettered")

SENT = "prepared/lettering.png"
LEADING = 1.15                          # from one base line to the next, in heights of the font's own line
# Letters of these directions are set from right to left (Unicode Standard Annex #9).
_RIGHT_TO_LEFT = {"R", "AL", "RLE", "RLO", "RLI"}


def prepare_lettering(lettering: Lettering, request: Request, folder: Path) -> None:
    """Write the picture that is sent: the letters in black on white, where they belong. Raises InputError."""
    sent = next(picture for picture in request.images if picture.path == SENT)
    letters = set_letters(lettering, (sent.width_px, sent.height_px), folder)
    (folder / SENT).parent.mkdir(exist_ok=True)
    write_atomic(folder / SENT, write_png(np.repeat(255 - letters[..., None], 3, axis=2)))


def set_letters(lettering: Lettering, size: tuple[int, int], folder: Path) -> np.ndarray:
    """How much of each pixel the letters cover, uint8 (h, w), 255 = all of it: as large as fit into their box.

    Raises InputError for a font that cannot be read or lacks letters, for writing that needs a library this system lacks, and
    for a box too small to read in.
    """
    text = "\n".join(lettering.lines)
    _check_direction(text)
    width, height = size
    x0, y0, x1, y1 = lettering.box[0] * width, (1 - lettering.box[3]) * height, lettering.box[2] * width, (1 - lettering.box[1]) * height
    file = (folder / lettering.font).read_bytes() if lettering.font else b""
    draw = ImageDraw.Draw(Image.new("L", (1, 1)))
    _check_letters(_font(file, 64), lettering.lines)

    def fits(pixels: int) -> bool:
        left, top, right, bottom = _measure(draw, text, _font(file, pixels), pixels, lettering.align)
        return right - left <= x1 - x0 and bottom - top <= y1 - y0

    low, high = 0, max(2, int(2 * height))
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    if low < 6:
        raise InputError("The lettering's box is too small for its text", field="lettering.box", hint="Make it larger, or write less")
    font = _font(file, low)
    left, top, right, bottom = _measure(draw, text, font, low, lettering.align)
    # Set on a sheet with room around it, then moved by what is really inked: fonts' own measures have their bearings in them.
    sheet = Image.new("L", (int(right - left) + 2 * low, int(bottom - top) + 2 * low))
    ImageDraw.Draw(sheet).multiline_text((low - left, low - top), text, 255, font, align=lettering.align, spacing=_spacing(low))
    ink = sheet.crop(sheet.getbbox())
    free_x, free_y = (x1 - x0) - ink.width, (y1 - y0) - ink.height
    layer = Image.new("L", size)
    layer.paste(ink, (round(x0 + {"left": 0.0, "center": free_x / 2, "right": free_x}[lettering.align]), round(y0 + free_y / 2)))
    return np.asarray(layer)


def write_lettered(pictures: tuple[ResultPicture, ...], lettering: Lettering, folder: Path) -> tuple[ResultPicture, ...]:
    """The pictures with the letters laid over them in display colors, in files of their own: outside the letters no pixel changes.

    The report's `lettering` tells where the letters are, (x0, y0, x1, y1) in pixels from the top left, or `not_finished` why the
    picture stays as it came.
    """
    made = []
    for picture in pictures:
        path = folder / picture.path
        pixels, profile = read_picture(path.read_bytes())
        try:
            letters = set_letters(lettering, (pixels.shape[1], pixels.shape[0]), folder)
        except InputError as error:             # it is paid: it arrives as it came, and says why
            made.append(picture._replace(report={**(picture.report or {}), "not_finished": f"The letters are not laid over it. {error.message}"}))
            continue
        result = pixels.copy()
        result[..., :3] = _blended(pixels[..., :3], letters, lettering)
        file = path.with_name(f"{path.stem}-lettered.png")
        write_atomic(file, write_png(result, profile))
        rows, columns = np.flatnonzero(letters.any(axis=1)), np.flatnonzero(letters.any(axis=0))
        box = [int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1]
        made.append(picture._replace(path=file.relative_to(folder).as_posix(), mime="image/png", report={**(picture.report or {}), "lettering": box}))
    return tuple(made)


def _blended(rgb: np.ndarray, letters: np.ndarray, lettering: Lettering) -> np.ndarray:
    """uint8 or uint16 display RGB (h, w, 3) with the letters' color mixed in as far as they cover it.

    Source of multiply and screen: W3C Compositing and Blending Level 1, sections 9.1.2 and 9.1.3.
    """
    full = np.float32(np.iinfo(rgb.dtype).max)
    below, color = rgb.astype(np.float32) / full, np.asarray(lettering.color, np.float32)
    above = {"normal": lambda: np.broadcast_to(color, below.shape), "multiply": lambda: below * color,
             "screen": lambda: 1 - (1 - below) * (1 - color)}[lettering.blend]()
    share = letters[..., None].astype(np.float32) / 255
    mixed = below + (above - below) * share
    return np.where(letters[..., None] == 0, rgb, np.clip(mixed * full + 0.5, 0, full).astype(rgb.dtype))


def _font(file: bytes, pixels: int) -> ImageFont.FreeTypeFont:
    if not file:
        return ImageFont.load_default(pixels)
    try:
        return ImageFont.truetype(io.BytesIO(file), pixels)
    except OSError as error:
        raise InputError("The font cannot be read", field="lettering.font", hint="Use a TrueType or OpenType font file") from error


def _spacing(pixels: int) -> float:
    return (LEADING - 1) * pixels


def _measure(draw: ImageDraw.ImageDraw, text: str, font: ImageFont.FreeTypeFont, pixels: int, align: str) -> tuple[float, float, float, float]:
    return draw.multiline_textbbox((0, 0), text, font, align=align, spacing=_spacing(pixels))


def _check_direction(text: str) -> None:
    if any(unicodedata.bidirectional(letter) in _RIGHT_TO_LEFT for letter in text) and not (features.check("raqm") and features.check("fribidi")):
        raise InputError("Writing from right to left needs the library FriBiDi, which this system lacks", field="lettering.lines",
                         hint="Install it (libfribidi), or send a picture of the letters as a reference")


def _check_letters(font: ImageFont.FreeTypeFont, lines: tuple[str, ...]) -> None:
    """Raise InputError for letters that the font draws as its sign for a missing one."""
    missing = bytes(font.getmask("\U0010fffe"))
    lacking = [letter for letter in dict.fromkeys("".join(lines)) if not letter.isspace() and unicodedata.category(letter)[0] not in "CM"
               and bytes(font.getmask(letter)) == missing]
    if lacking:
        raise InputError(f"The font has no {' '.join(lacking[:8])}", field="lettering.font", hint="Choose a font that has these letters")
