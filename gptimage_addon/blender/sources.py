# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures to touch up, as they are: files byte for byte, else the pixels that Blender has, none of them converted."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import NamedTuple

import bpy
import numpy as np

from ..core.errors import InputError
from ..core.request import PixelKind
from . import compat, images
from .masks import image_channels
from .paths import scratch_file

__all__ = ("Source", "file_source", "image_source", "npy_bytes", "render_source")


class Source(NamedTuple):
    """A picture to change. `data` is a PNG, JPEG or WebP file, or a NumPy file of RGBA as `pixels` says.

    `has_alpha` is False where the fourth channel is no coverage. `is_render` tells that it shows the scene's render.
    """

    data: bytes
    suffix: str
    width_px: int
    height_px: int
    name: str
    pixels: PixelKind = PixelKind.DISPLAY
    has_alpha: bool = True
    is_render: bool = False

    @property
    def size(self) -> tuple[int, int]:
        return self.width_px, self.height_px


def render_source(scene: bpy.types.Scene) -> Source:
    """The Render Result's active slot as the scene's view shows it, 8 bits a channel. Raises InputError if there is none."""
    result = bpy.data.images.get(images.RENDER_RESULT)
    with images.saving_as(scene, file_format='PNG', color_mode='RGBA', color_depth='8'), scratch_file(".png") as path:
        try:
            if result is None:
                raise RuntimeError("nothing was rendered")
            result.save_render(str(path), scene=scene)
            data = path.read_bytes()
        except (RuntimeError, OSError) as error:
            raise InputError("There is no Render Result", field="image", hint="Render the scene first") from error
    width, height = struct.unpack(">II", data[16:24])       # of the PNG's header
    return Source(data, ".png", width, height, images.RENDER_RESULT, is_render=True)


def image_source(image: bpy.types.Image) -> Source:
    """An image datablock. Floats stay floats, and unsaved paint is in it. Raises InputError naming "image"."""
    if image.source in {'TILED', 'MOVIE', 'SEQUENCE'}:
        what = {'TILED': "UDIM images", 'MOVIE': "Movies", 'SEQUENCE': "Image sequences"}[image.source]
        raise InputError(f"{what} cannot be touched up", field="image",
                         hint="Open one tile as an image" if image.source == 'TILED' else "Open one frame as an image")
    has_alpha = image.alpha_mode in {'STRAIGHT', 'PREMUL'} and not image.colorspace_settings.is_data
    is_render = bool(images.provenance(image).get("of_render", False))
    if file := images.unchanged_file(image):
        data, mime = file
        return Source(data, images.SUFFIXES[mime], *image.size, image.name, has_alpha=has_alpha, is_render=is_render)
    pixels = image_channels(image, field="image")
    if pixels.shape[2] < 4:
        rgb = pixels if pixels.shape[2] == 3 else np.repeat(pixels[..., :1], 3, axis=2)
        pixels = np.concatenate((rgb, np.ones_like(rgb[..., :1])), axis=2)
    kind = PixelKind.DISPLAY
    if image.is_float:
        kind = PixelKind.DATA if image.colorspace_settings.is_data else PixelKind.LINEAR
        if kind is PixelKind.LINEAR and (space := compat.working_space()) != "Linear Rec.709":
            raise InputError(f"The float image {image.name} cannot be shown from the working space {space}", field="image",
                             hint="Save it as a 16-bit PNG and touch that up")
    else:
        pixels = np.rint(pixels * 255).astype(np.uint8)
    return Source(npy_bytes(pixels), ".npy", *image.size, image.name, kind, has_alpha, is_render)


def file_source(path: Path) -> Source:
    """A picture file of any format that Blender reads. Raises InputError naming "image"."""
    if not path.is_file():
        raise InputError(f"There is no image {str(path)!r}", field="image", hint="Name an image of the file, or a path")
    try:
        image = bpy.data.images.load(str(path.resolve()))
    except RuntimeError as error:
        raise InputError(f"{path} cannot be read: {error}", field="image", hint="Check that it is a picture") from error
    try:
        return image_source(image)._replace(name=path.stem)
    finally:
        bpy.data.images.remove(image)


def npy_bytes(array: np.ndarray) -> bytes:
    """A NumPy file of the array."""
    out = io.BytesIO()
    np.save(out, array, allow_pickle=False)
    return out.getvalue()
