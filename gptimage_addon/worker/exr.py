# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Float pictures as OpenEXR files, the one format in which Blender reads back the very same floats.

Scan lines, 32-bit floats, not compressed: nothing is lost, and a library for it would be larger than all of ours.
The layout is that of "OpenEXR File Layout" (openexr.com), version 2, single part.
"""

from __future__ import annotations

import struct

import numpy as np

__all__ = ("decode_exr", "encode_exr")

_MAGIC, _VERSION = 20000630, 2
_CHANNELS = "ABGR"                              # in alphabetical order
_FLOAT, _NOT_COMPRESSED, _INCREASING_Y = 2, 0, 0


def encode_exr(rgba_linear: np.ndarray) -> bytes:
    """The file of a picture: float32 (h, w, 4), first row on top, premultiplied."""
    height, width, _ = rgba_linear.shape
    header = _header(width, height)
    lines = np.empty(height, _lines(width))
    lines["y"] = np.arange(height)
    lines["size"] = lines["pixels"][0].nbytes
    lines["pixels"] = rgba_linear[..., ::-1].swapaxes(1, 2)
    offsets = len(header) + 8 * height + np.arange(height, dtype="<u8") * lines.itemsize
    return header + offsets.tobytes() + lines.tobytes()


def decode_exr(data: bytes) -> np.ndarray:
    """The picture of a file of `encode_exr`. Raises ValueError for any other."""
    window = data.index(b"dataWindow\0box2i\0") + 21
    if len(data) < window + 16:
        raise ValueError("An OpenEXR file that is cut off")
    _, _, right, bottom = struct.unpack_from("<4i", data, window)
    width, height = right + 1, bottom + 1
    header = _header(width, height)
    if min(width, height) < 1 or not data.startswith(header) or len(data) != len(header) + height * (16 + 4 * len(_CHANNELS) * width):
        raise ValueError("An OpenEXR file that is cut off, or of another program")
    lines = np.frombuffer(data, _lines(width), height, len(header) + 8 * height)
    return np.ascontiguousarray(lines["pixels"].swapaxes(1, 2)[..., ::-1])


def _lines(width: int) -> np.dtype:
    return np.dtype([("y", "<i4"), ("size", "<i4"), ("pixels", "<f4", (len(_CHANNELS), width))])


def _header(width: int, height: int) -> bytes:
    channels = b"".join(name.encode() + b"\0" + struct.pack("<iB3xii", _FLOAT, 0, 1, 1) for name in _CHANNELS) + b"\0"
    window = struct.pack("<4i", 0, 0, width - 1, height - 1)
    return struct.pack("<ii", _MAGIC, _VERSION) + b"".join(
        f"{name}\0{kind}\0".encode() + struct.pack("<i", len(value)) + value for name, kind, value in (
            ("channels", "chlist", channels), ("compression", "compression", bytes([_NOT_COMPRESSED])),
            ("dataWindow", "box2i", window), ("displayWindow", "box2i", window),
            ("lineOrder", "lineOrder", bytes([_INCREASING_Y])), ("pixelAspectRatio", "float", struct.pack("<f", 1)),
            ("screenWindowCenter", "v2f", struct.pack("<2f", 0, 0)), ("screenWindowWidth", "float", struct.pack("<f", 1)),
        )) + b"\0"
