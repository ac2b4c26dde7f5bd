# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Picture files to pixels and back, losing neither depth nor ICC profile."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from ..imaging.png import encode_png as write_png
from .png16 import decode_png16, is_png16

__all__ = ("read_picture", "write_png")


def read_picture(data: bytes) -> tuple[np.ndarray, bytes | None]:
    """(pixels, ICC profile) of a PNG, JPEG or WebP file: uint8, or uint16 of a PNG, (h, w, 3 or 4).

    Raises OSError, ValueError for what is none.
    """
    if is_png16(data):
        return decode_png16(data), None
    try:
        with Image.open(io.BytesIO(data)) as source:
            profile = source.info.get("icc_profile")
            if source.mode not in ("RGB", "RGBA"):
                source = source.convert("RGBA" if "A" in source.getbands() or "transparency" in source.info else "RGB")
            return np.asarray(source), profile
    except SyntaxError as error:                # Pillow's word for a damaged PNG
        raise ValueError("a damaged picture") from error
