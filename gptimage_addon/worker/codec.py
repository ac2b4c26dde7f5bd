# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Picture files known by their bytes, not by what the service called them."""

from __future__ import annotations

import io
import warnings

from PIL import Image, UnidentifiedImageError

from ..core.errors import AnswerError

__all__ = ("EXTENSIONS", "check_picture", "picture_type")

EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}
# The largest picture the API makes has 8.3 megapixels; a compatible server may make more. Beyond this a small
# file is meant to fill the memory.
MAX_PIXELS = 100_000_000


def picture_type(data: bytes) -> str:
    """The MIME type by the magic bytes, or ""."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return ""


def check_picture(data: bytes) -> tuple[str, int, int]:
    """(MIME type, width, height) of a whole and sane picture file.

    Raises AnswerError for bytes that are no picture, are cut short, or unpack to too many pixels. A PNG is
    checked by its checksums, without unpacking it; the others have none and are decoded.
    """
    mime = picture_type(data)
    if not mime:
        raise AnswerError("The service answered with something that is not a picture")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)      # our own limit is below
            picture = Image.open(io.BytesIO(data), formats=(EXTENSIONS[mime].replace("jpg", "jpeg"),))
        width, height = picture.size
        if width * height > MAX_PIXELS:
            raise AnswerError(f"The service answered with a picture of {width}x{height} pixels, too large to open")
        if mime == "image/png":
            picture.verify()
            if not data.rstrip(b"\0").endswith(b"IEND\xaeB`\x82"):
                raise AnswerError("The picture was cut off on its way")
        else:
            picture.load()
    except Image.DecompressionBombError as error:
        raise AnswerError("The service answered with a picture too large to open") from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, IndexError) as error:      # the last: a PNG without pixels
        raise AnswerError("The picture was cut off or damaged on its way") from error
    return mime, width, height
