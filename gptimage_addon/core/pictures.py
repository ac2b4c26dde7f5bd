# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the head of a picture file tells, without decoding it."""

from __future__ import annotations

import struct
from typing import NamedTuple

__all__ = ("PictureHead", "read_head")

_PNG = b"\x89PNG\r\n\x1a\n"
# Frames of a JPEG file that hold its size: SOF0 to SOF15 without DHT, JPG and DAC (ITU-T T.81, table B.1).
_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BARE = frozenset({0x01, *range(0xD0, 0xD9)})           # markers without a length


class PictureHead(NamedTuple):
    """Kind and size of a file. `may_be_clear` where it can hold transparency; `is_plain` is 8 bits a channel."""

    mime: str
    width_px: int
    height_px: int
    may_be_clear: bool = False
    is_plain: bool = True


def read_head(data: bytes) -> PictureHead | None:
    """The head of a PNG, JPEG or WebP file; None for any other, or one whose head is cut short."""
    try:
        if data.startswith(_PNG):
            width, height, depth, color = struct.unpack_from(">IIBB", data, 16)
            clear = color in (4, 6) or b"tRNS" in data[:data.find(b"IDAT")]
            return PictureHead("image/png", width, height, clear, depth <= 8)
        if data.startswith(b"\xff\xd8\xff"):
            return _jpeg(data)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp(data)
    except (struct.error, IndexError):
        pass
    return None


def _jpeg(data: bytes) -> PictureHead | None:
    at = 2
    while True:
        while data[at + 1] == 0xFF:             # fill bytes
            at += 1
        marker = data[at + 1]
        if data[at] != 0xFF or marker == 0xD9:
            return None
        if marker in _BARE:
            at += 2
            continue
        length, = struct.unpack_from(">H", data, at + 2)
        if marker in _SIZES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return PictureHead("image/jpeg", width, height)
        at += 2 + length


def _webp(data: bytes) -> PictureHead | None:
    """By the container's specification, https://developers.google.com/speed/webp/docs/riff_container."""
    kind = data[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(data[at:at + 3], "little") + 1 for at in (24, 27))
        return PictureHead("image/webp", width, height, bool(data[20] & 0x10))
    if kind == b"VP8L":
        bits, = struct.unpack_from("<I", data, 21)
        return PictureHead("image/webp", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1))
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return PictureHead("image/webp", width & 0x3FFF, height & 0x3FFF)
    return None
