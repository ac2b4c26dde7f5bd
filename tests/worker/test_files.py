# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Picture files of more than 8 bits: nothing of them may be lost. The PNG oracle is written out from the standard here."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image

from gptimage_addon.imaging.png import encode_png
from gptimage_addon.worker.exr import decode_exr, encode_exr
from gptimage_addon.worker.files import read_picture
from gptimage_addon.worker.png16 import decode_png16, is_png16

COLOR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}


def predicted(kind: int, left: int, up: int, corner: int) -> int:
    """What a filter takes off a byte (W3C PNG, 9.2 to 9.4)."""
    if kind == 3:
        return (left + up) // 2
    if kind == 4:
        estimate = left + up - corner
        return min((abs(estimate - left), 0, left), (abs(estimate - up), 1, up), (abs(estimate - corner), 2, corner))[2]
    return (0, left, up)[kind]


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def written(pixels: np.ndarray, *, interlace: int = 0) -> bytes:
    """A PNG of 16 bits in which every filter is used in turn, its data in two pieces, beside chunks that say something else."""
    height, width, channels = pixels.shape
    rows = pixels.astype(">u2").tobytes()
    stride, step = 2 * channels * width, 2 * channels
    lines, above = bytearray(), bytes(stride)
    for y in range(height):
        row, kind = rows[y * stride:(y + 1) * stride], y % 5
        lines.append(kind)
        for i, byte in enumerate(row):
            left, corner = (row[i - step], above[i - step]) if i >= step else (0, 0)
            lines.append((byte - predicted(kind, left, above[i], corner)) % 256)
        above = row

    data = zlib.compress(bytes(lines))
    header = struct.pack(">IIBBBBB", width, height, 16, COLOR_TYPES[channels], 0, 0, interlace)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"tEXt", b"Title\0IDAT") + chunk(b"IDAT", data[:20])
            + chunk(b"IDAT", data[20:]) + chunk(b"IEND", b""))


def test_a_damaged_animation_is_no_picture() -> None:
    """Its checksums are sound."""
    png = encode_png(np.zeros((4, 4, 3), np.uint8))
    data = png[:33] + chunk(b"acTL", struct.pack(">II", 2, 0)) + chunk(b"fcTL", struct.pack(">7I", 0, 4, 4, 0, 0, 1, 0)[:26]) + png[33:-12] \
        + chunk(b"fdAT", struct.pack(">I", 7)) + png[-12:]
    with pytest.raises((OSError, ValueError)):
        read_picture(data)


def test_no_more_is_unpacked_than_a_picture_has() -> None:
    header = struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(300_000_000), 1)) + chunk(b"IEND", b"")
    tracemalloc.start()
    try:
        assert read_picture(data)[0].shape == (1, 1, 3)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def random_pixels(height: int, width: int, channels: int) -> np.ndarray:
    return np.random.default_rng(channels).integers(0, 65536, (height, width, channels)).astype(np.uint16)


@pytest.mark.parametrize("channels", [3, 4])
def test_every_filter_of_a_16_bit_png_is_read(channels: int) -> None:
    pixels = random_pixels(23, 17, channels)
    data = written(pixels)
    assert is_png16(data)
    assert np.array_equal(decode_png16(data), pixels)


def test_gray_becomes_color() -> None:
    gray = random_pixels(11, 13, 2)
    found = decode_png16(written(gray))
    assert all(np.array_equal(found[..., c], gray[..., 0]) for c in range(3)) and np.array_equal(found[..., 3], gray[..., 1])
    assert decode_png16(written(gray[..., :1])).shape == (11, 13, 3)


@pytest.mark.parametrize("channels", [3, 4])
def test_what_is_written_is_read_back(channels: int) -> None:
    pixels = random_pixels(40, 31, channels)
    data = encode_png(pixels)
    assert is_png16(data) and np.array_equal(decode_png16(data), pixels)


@pytest.mark.parametrize(("channels", "mode"), [(0, "L"), (2, "LA"), (3, "RGB"), (4, "RGBA")])
def test_8_bits_are_written_as_pillow_reads_them(channels: int, mode: str) -> None:
    pixels = random_pixels(37, 22, channels or 1).astype(np.uint8)
    pixels = pixels if channels else pixels[..., 0]
    with Image.open(io.BytesIO(encode_png(pixels))) as found:
        assert found.mode == mode and np.array_equal(np.asarray(found), pixels)


def test_a_profile_is_written_as_pillow_reads_it() -> None:
    pixels, profile = random_pixels(9, 14, 3).astype(np.uint8), bytes(range(256)) * 9
    found, kept = read_picture(encode_png(pixels, profile))
    assert kept == profile and np.array_equal(found, pixels)
    assert read_picture(encode_png(pixels))[1] is None


def test_what_is_no_such_png_is_told() -> None:
    assert not is_png16(b"\x89PNG\r\n\x1a\n") and not is_png16(b"\xff\xd8\xff" + bytes(40))
    with pytest.raises(ValueError, match="interlaced"):
        decode_png16(written(random_pixels(4, 4, 3), interlace=1))
    data = written(random_pixels(9, 9, 3))
    with pytest.raises(ValueError, match="damaged"):
        decode_png16(data[:80] + b"\0\1\2\3" + data[84:])


def test_floats_go_to_an_exr_and_back() -> None:
    pixels = np.random.default_rng(5).normal(0, 9, (21, 34, 4)).astype(np.float32)
    pixels[0, :4, 0] = np.inf, -0.0, 1e-42, 3e38
    found = decode_exr(encode_exr(pixels))
    assert found.dtype == np.float32 and np.array_equal(found.view(np.uint32), pixels.view(np.uint32))
