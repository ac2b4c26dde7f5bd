# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""PNG files of the kinds that neither Pillow nor Blender writes for us: 16 bits a channel, and masks in a moment.

After the W3C recommendation "Portable Network Graphics".
"""

from __future__ import annotations

import struct
import zlib

import numpy as np

__all__ = ("COLOR_TYPES", "LEVEL", "RUNS", "SIGNATURE", "encode_png", "png_file")

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}          # by the number of channels
# How zlib packs filtered pixels fastest: in half the time of its level 4, no larger for photographs, renders and masks.
LEVEL, RUNS = 1, zlib.Z_RLE
_UP = 2                                         # the filter: less the byte above


def encode_png(pixels: np.ndarray, profile: bytes | None = None) -> bytes:
    """The file of uint8 or uint16 pixels (h, w) or (h, w, channels), gray or color, with alpha or without, and an ICC profile."""
    height, width = pixels.shape[:2]
    rows = pixels.astype(">u2").view(np.uint8) if pixels.dtype == np.uint16 else pixels
    rows = rows.reshape(height, -1)
    lines = np.empty((height, 1 + rows.shape[1]), np.uint8)
    lines[:, 0] = _UP
    lines[:1, 1:] = rows[:1]
    np.subtract(rows[1:], rows[:-1], out=lines[1:, 1:])
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    return png_file(width, height, 8 * pixels.dtype.itemsize, COLOR_TYPES[channels], lines.tobytes(), profile=profile)


def png_file(width: int, height: int, depth: int, color_type: int, lines: bytes, level: int = LEVEL, profile: bytes | None = None) -> bytes:
    """The file of lines that are filtered already, each with its filter's number in front."""
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, 0)
    packer = zlib.compressobj(level, strategy=RUNS)
    packed = packer.compress(lines) + packer.flush()
    color = chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(profile)) if profile else b""
    return SIGNATURE + chunk(b"IHDR", header) + color + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
