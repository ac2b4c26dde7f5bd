# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of a job's inputs: as they are kept, as the artist sees them, and as they are sent."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from ..core.errors import InputError
from ..core.request import PixelKind, Request
from ..imaging.color import display_from_linear, linear_from_display
from ..library.journal import write_atomic
from .exr import encode_exr
from .files import read_picture, write_png

__all__ = ("Source", "prepare_references", "read_source", "resized")

WHITE = 1.0                             # what cut-out pictures stand on


class Source(NamedTuple):
    """The picture as it is kept, (h, w, 3 or 4): uint8 or uint16 display colors, or float32 as `pixels` says."""

    picture: np.ndarray
    pixels: PixelKind
    has_alpha: bool
    profile: bytes | None = None                # its ICC profile, which Pillow would drop

    def display(self, part: np.ndarray) -> np.ndarray:
        """A part of the picture in display colors: as it is, or floats 0..1; without a channel that is no coverage."""
        if not self.has_alpha:
            part = part[..., :3]
        if self.pixels is PixelKind.DISPLAY:
            return part
        return display_from_linear(part, is_data=self.pixels is PixelKind.DATA)

    def kept(self, part_display: np.ndarray, part: np.ndarray) -> np.ndarray:
        """The inverse of `display`; channels it has left out are taken from `part`."""
        if self.pixels is not PixelKind.DISPLAY:
            part_display = linear_from_display(part_display, is_data=self.pixels is PixelKind.DATA)
        return np.concatenate((part_display, part[..., part_display.shape[2]:]), axis=2)

    def encode(self, picture: np.ndarray) -> tuple[str, str, bytes]:
        """(file ending, MIME type, file) of a picture of the same kind. Nothing of it is lost."""
        if picture.dtype == np.float32:
            return ".exr", "image/x-exr", encode_exr(picture)
        return ".png", "image/png", write_png(picture, self.profile)

    def shown(self, part: np.ndarray, background: float = 0.0) -> np.ndarray:
        """uint8 RGB of a part of the picture as the artist sees it, on a background of that grey 0..1.

        Models read the colors under transparent pixels too, so none are left there.
        """
        view = self.display(part)
        if view.dtype == np.uint8 and view.shape[2] == 3:
            return view
        full = np.float32({np.dtype(np.uint8): 255.0, np.dtype(np.uint16): 65535.0}.get(view.dtype, 1.0))
        rgb = view[..., :3].astype(np.float32) / full
        if view.shape[2] == 4:
            alpha = view[..., 3:] / full
            rgb = rgb * alpha + np.float32(background) * (1 - alpha)
        return (np.clip(rgb, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)


def read_source(path: Path, pixels: PixelKind, has_alpha: bool) -> Source:
    """The picture of a job's input file: a NumPy array, PNG, JPEG or WebP. Raises InputError naming "image"."""
    try:
        if path.suffix == ".npy":
            return Source(np.load(path, allow_pickle=False), pixels, has_alpha)
        picture, profile = read_picture(path.read_bytes())
        return Source(picture, PixelKind.DISPLAY, has_alpha, profile)
    except (UnidentifiedImageError, OSError, ValueError) as error:
        raise InputError("The picture cannot be read", field="image", hint="Save it as PNG and use the file") from error


def resized(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """uint8 pixels at another size (width, height)."""
    if (pixels.shape[1], pixels.shape[0]) == size:
        return pixels
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))


def prepare_references(request: Request, folder: Path) -> None:
    """Write the pictures that are sent along and are not what their files are: smaller, opaque, of 8 bits. Raises InputError."""
    for picture in request.images:
        if not picture.source:
            continue
        try:
            source = read_source(folder / picture.source, picture.pixels, picture.has_alpha)
        except InputError as error:
            raise InputError(f"The reference {picture.name} cannot be read", field="references", hint=error.hint) from error
        shown = resized(source.shown(source.picture, WHITE), (picture.width_px, picture.height_px))
        target = folder / picture.path
        target.parent.mkdir(exist_ok=True)
        write_atomic(target, write_png(shown))
