# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a file's head tells, against files that Pillow wrote."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from gptimage_addon.core.pictures import PictureHead, read_head


def written(mode: str, kind: str, size: tuple[int, int] = (333, 77), **how: object) -> bytes:
    file = io.BytesIO()
    Image.new(mode, size).save(file, kind, **how)
    return file.getvalue()


@pytest.mark.parametrize(("data", "mime", "clear", "plain"), [
    (written("RGB", "PNG"), "image/png", False, True), (written("RGBA", "PNG"), "image/png", True, True),
    (written("L", "PNG"), "image/png", False, True), (written("I;16", "PNG"), "image/png", False, False),
    (written("P", "PNG", transparency=0), "image/png", True, True), (written("P", "PNG"), "image/png", False, True),
    (written("RGB", "JPEG"), "image/jpeg", False, True), (written("L", "JPEG", progressive=True), "image/jpeg", False, True),
    (written("RGB", "JPEG", exif=b"Exif\0\0" + b"\xff\xc0" * 200), "image/jpeg", False, True),
    (written("RGB", "WEBP"), "image/webp", False, True), (written("RGB", "WEBP", lossless=True), "image/webp", False, True),
    (written("RGBA", "WEBP"), "image/webp", True, True), (written("RGBA", "WEBP", lossless=True), "image/webp", True, True),
    (written("RGB", "WEBP", exif=b"Exif\0\0ab"), "image/webp", False, True),
])
def test_the_head(data: bytes, mime: str, clear: bool, plain: bool) -> None:
    found = read_head(data)
    with Image.open(io.BytesIO(data)) as seen:
        assert found is not None and (found.mime, found.width_px, found.height_px, found.is_plain) == (mime, *seen.size, plain)
    # A fully opaque picture may be told as one that can be clear, never the other way round.
    assert found.may_be_clear >= clear


def test_an_opaque_file_without_alpha_is_not_clear() -> None:
    assert read_head(written("RGB", "PNG")) == PictureHead("image/png", 333, 77)


@pytest.mark.parametrize("data", [b"", b"x" * 64, b"BM" + bytes(60), b"RIFF\0\0\0\0WEBPJUNK" + bytes(40), written("RGB", "TIFF")])
def test_what_is_no_such_picture(data: bytes) -> None:
    assert read_head(data) is None


def test_heads_that_are_cut_short_are_none() -> None:
    for kind in ("PNG", "JPEG", "WEBP"):
        data = written("RGB", kind)
        for length in range(20):
            assert read_head(data[:length]) is None
