# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Picture files for tests, written and read by Pillow: a decoder that is neither ours nor Blender's."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

__all__ = ("QUARTERS", "decode", "encode", "quarters", "write")

# Display colors by place: top left, top right, bottom left, bottom right. No two alike, so a mirrored picture shows.
QUARTERS = ((200, 30, 20), (20, 180, 40), (30, 60, 210), (230, 220, 40))


def quarters(width_px: int = 32, height_px: int = 16) -> np.ndarray:
    """uint8 RGB rows from the top, one color a quarter."""
    rows = np.zeros((height_px, width_px, 3), np.uint8)
    middle_x, middle_y = width_px // 2, height_px // 2
    rows[:middle_y, :middle_x], rows[:middle_y, middle_x:] = QUARTERS[0], QUARTERS[1]
    rows[middle_y:, :middle_x], rows[middle_y:, middle_x:] = QUARTERS[2], QUARTERS[3]
    return rows


def encode(rows: np.ndarray, kind: str = "PNG") -> bytes:
    """A picture file of uint8 rows from the top. WebP without loss."""
    file = io.BytesIO()
    Image.fromarray(rows).save(file, kind, **({"lossless": True} if kind == "WEBP" else {}))
    return file.getvalue()


def write(path: Path, rows: np.ndarray | None = None, kind: str = "PNG") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode(quarters() if rows is None else rows, kind))
    return path


def decode(data: bytes, mode: str = "RGBA") -> np.ndarray:
    """uint8 rows from the top."""
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture.convert(mode))
