# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""PNG files of 16 bits a channel, which Pillow reads with 8.

PNG filters work on bytes, each with the byte of the same rank in the pixels before and above (W3C, "Portable Network
Graphics", 9.2). So the bytes of one rank are a gray 8-bit picture of their own, and those Pillow reads.
"""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image

from ..imaging.png import COLOR_TYPES, SIGNATURE, chunks, png_file

__all__ = ("decode_png16", "is_png16")

_CHANNELS = {color_type: channels for channels, color_type in COLOR_TYPES.items()}


def is_png16(data: bytes) -> bool:
    return data.startswith(SIGNATURE) and len(data) > 28 and data[24] == 16


def decode_png16(data: bytes) -> np.ndarray:
    """uint16 (h, w, 3), or (h, w, 4) if there is alpha. Raises ValueError for what is no such picture, or interlaced."""
    width, height, _, color_type, _, _, interlace = struct.unpack(">IIBBBBB", data[16:29])
    if interlace or color_type not in _CHANNELS:
        raise ValueError("an interlaced PNG of 16 bits a channel")
    ranks = 2 * _CHANNELS[color_type]
    packed = b"".join(data[begin:end] for kind, begin, end in chunks(data) if kind == b"IDAT")
    try:
        # No more than the picture has, however much was packed.
        lines = np.frombuffer(zlib.decompressobj().decompress(packed, height * (1 + ranks * width)), np.uint8).reshape(height, 1 + ranks * width)
    except zlib.error as error:
        raise ValueError("a damaged PNG") from error
    pixels = np.empty((height, width, ranks), np.uint8)
    for rank in range(ranks):
        gray = np.concatenate((lines[:, :1], lines[:, 1 + rank::ranks]), axis=1)
        with Image.open(io.BytesIO(png_file(width, height, 8, 0, gray.tobytes(), 0)), formats=("png",)) as picture:
            pixels[..., rank] = np.asarray(picture)
    values = pixels.view(">u2").astype(np.uint16)
    if values.shape[2] < 3:                     # gray, or gray and alpha
        values = np.concatenate((*[values[..., :1]] * 3, values[..., 1:]), axis=2)
    return values
