# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small pictures for the gallery, beside the results they show."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from ..core.request import ResultPicture
from ..imaging.color import display_from_linear
from ..library.journal import write_atomic
from .exr import decode_exr
from .files import read_picture

__all__ = ("THUMBNAIL_PX", "small_picture", "thumbnail", "write_thumbnail", "write_thumbnails")

log = logging.getLogger(__name__)

SMALL_PX = 512                      # what Blender reads within a frame, and enough for what is not finished
THUMBNAIL_PX = 256                  # of the longer side: what Blender's own previews have


def write_thumbnails(folder: Path, pictures: Iterable[ResultPicture]) -> None:
    """One for each picture of a job's folder."""
    for number, picture in enumerate(pictures):
        write_thumbnail(folder, number, folder / picture.path)


def write_thumbnail(folder: Path, number: int, picture: Path) -> str:
    """Make that of a picture of a job's folder: thumbs/NUMBER.jpg, or .png where there is alpha. Gives that name.

    A picture that is gone or broken has none: "".
    """
    try:
        ending, data = thumbnail(picture.read_bytes())
        (folder / "thumbs").mkdir(exist_ok=True)
        write_atomic(folder / "thumbs" / f"{number}{ending}", data, durable=False)
    except (OSError, ValueError) as error:
        log.warning("no thumbnail of %s: %s", picture, error)
        return ""
    return f"thumbs/{number}{ending}"


def thumbnail(data: bytes) -> tuple[str, bytes]:
    """(ending, file) of a small JPEG, or PNG for a picture with transparent parts.

    Takes PNG, JPEG and WebP, and OpenEXR as this add-on writes it. Raises OSError, ValueError for anything else.
    """
    small = _opened(data)
    small.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX), reducing_gap=2.0)
    out = io.BytesIO()
    if small.mode == "RGBA" and small.getextrema()[3][0] < 255:
        small.save(out, "PNG")
        return ".png", out.getvalue()
    small.convert("RGB").save(out, "JPEG", quality=85)
    return ".jpg", out.getvalue()


def small_picture(data: bytes) -> bytes:
    """The PNG file of a picture's small copy. Raises OSError, ValueError for what is none."""
    small = _opened(data)
    small.thumbnail((SMALL_PX, SMALL_PX), reducing_gap=2.0)
    out = io.BytesIO()
    small.save(out, "PNG", compress_level=1)
    return out.getvalue()


def _opened(data: bytes) -> Image.Image:
    if data.startswith(b"\x76\x2f\x31\x01"):            # OpenEXR: as a standard view shows it, above 1 is white
        pixels = display_from_linear(decode_exr(data))
        return Image.fromarray((np.clip(pixels, 0, 1) * 255 + 0.5).astype(np.uint8))
    if data.startswith(b"\xff\xd8"):
        picture = Image.open(io.BytesIO(data))
        picture.draft("RGB", (2 * THUMBNAIL_PX, 2 * THUMBNAIL_PX))      # decodes an eighth of a large one
        return picture.convert("RGB")
    pixels, _ = read_picture(data)
    return Image.fromarray((pixels >> 8).astype(np.uint8) if pixels.dtype == np.uint16 else pixels)
