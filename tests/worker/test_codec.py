# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures are known by their bytes. PNGs here are written by the specification, not by the decoder under test."""

from __future__ import annotations

import io
import struct
import warnings
import zlib

import pytest
from PIL import Image

from gptimage_addon.core.errors import AnswerError
from gptimage_addon.worker.codec import check_picture, picture_type
from tests.support.services import make_png


def encoded(format: str, size: tuple[int, int] = (40, 24), **options: object) -> bytes:
    file = io.BytesIO()
    Image.effect_noise(size, 60).convert("RGB").save(file, format, **options)
    return file.getvalue()


@pytest.mark.parametrize(("data", "mime"), [
    (b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff\xdb", "image/jpeg"), (b"RIFF\x10\0\0\0WEBP", "image/webp"),
    (b"", ""), (b"\x89PNG", ""), (b"GIF89a", ""), (b"RIFF\x10\0\0\0WAVE", ""), (b"<svg xmlns=", ""), (b"BM", ""),
    (b"%PDF-1.7", ""),
])
def test_a_type_is_told_by_the_first_bytes(data: bytes, mime: str) -> None:
    assert picture_type(data) == mime


@pytest.mark.parametrize(("data", "found"), [
    (make_png(33, 17), ("image/png", 33, 17)), (make_png(1, 900, (1, 2, 3, 4)), ("image/png", 1, 900)),
    (make_png(3840, 2160), ("image/png", 3840, 2160)), (encoded("JPEG"), ("image/jpeg", 40, 24)),
    (encoded("JPEG", progressive=True), ("image/jpeg", 40, 24)), (encoded("WEBP"), ("image/webp", 40, 24)),
    (encoded("WEBP", lossless=True), ("image/webp", 40, 24)),
])
def test_a_whole_picture_passes(data: bytes, found: tuple[str, int, int]) -> None:
    assert check_picture(data) == found


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_no_cut_picture_passes(format: str) -> None:
    data = encoded(format)
    # JPEG and WebP decoders fill in what little misses at the very end: those bytes hold no picture any more.
    ends = range(0, len(data)) if format == "PNG" else range(0, len(data) - 64, 7)
    for end in ends:
        with pytest.raises(AnswerError):
            check_picture(data[:end])


def test_no_flipped_bit_in_a_png_passes() -> None:
    data = make_png(5, 4)
    # All but the length of the empty last chunk, which says nothing about the picture.
    for place in (*range(8, len(data) - 12), *range(len(data) - 8, len(data))):
        for bit in range(8):
            damaged = bytearray(data)
            damaged[place] ^= 1 << bit
            with pytest.raises(AnswerError):
                check_picture(bytes(damaged))


def test_a_png_without_pixels_is_refused() -> None:
    png = make_png()
    with pytest.raises(AnswerError):
        check_picture(png[:33] + png[-12:])


@pytest.mark.parametrize("claim", [(60000, 60000), (11000, 10000), (2**31 - 1, 2**31 - 1), (10001, 10000)])
def test_a_picture_that_would_fill_the_memory_is_refused_unopened(claim: tuple[int, int]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(AnswerError):
            check_picture(make_png(claim=claim))


def test_the_largest_that_is_allowed_is_opened() -> None:
    assert check_picture(make_png(claim=(10000, 10000))) == ("image/png", 10000, 10000)


def test_a_bomb_hidden_in_a_text_chunk_is_refused() -> None:
    png = make_png()
    text = b"comment\0\0" + zlib.compress(b"\0" * 200_000_000, 9)
    chunk = struct.pack(">I", len(text)) + b"zTXt" + text + struct.pack(">I", zlib.crc32(b"zTXt" + text))
    try:
        found = check_picture(png[:33] + chunk + png[33:])
    except AnswerError:
        return
    assert found == ("image/png", 32, 16)       # read without unpacking the comment is as good
