# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures between files and image datablocks, without decoding or encoding any of them ourselves."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import bpy
import numpy as np

from .. import imaging
from ..core.catalog import MAX_IMAGE_BYTES
from ..core.entries import entry_id
from ..core.errors import InputError
from . import compat, view
from .paths import scratch_file

__all__ = (
    "PROVENANCE", "RENDER_RESULT", "SUFFIXES", "adopt_picture", "history_entry", "outside_path", "pack_picture", "picture_bytes", "provenance",
    "set_provenance",
    "saving_as", "show_in_editor", "unchanged_file",
)

PROVENANCE = "gptimage"
RENDER_RESULT = "Render Result"
SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp"}
_MIME = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"RIFF": "image/webp"}


def adopt_picture(path: Path, name: str, *, pack: bool = True, is_data: bool = False) -> bpy.types.Image:
    """A new image datablock of a finished picture file: sRGB, or Non-Color where `is_data`.

    The file's bytes go in as they are, and Blender decodes them when it first draws the image: adopting a
    3840x2160 PNG of 15 MB takes 0.4 times as long as writing its pixels into a new image, and a fiftieth of
    packing those as well (scripts/bench/adopt.py). Packed, the bytes live in the .blend, under a path in which Blender's own
    Unpack would put them. Otherwise the file is copied beside the .blend; an unsaved one has no place, so it is
    packed all the same.
    """
    image = bpy.data.images.new(name, 8, 8)
    relative = f"//textures/{bpy.path.clean_name(image.name)}{path.suffix}"
    try:
        if pack or not bpy.data.is_saved:
            data = path.read_bytes()
            image.filepath_raw = relative       # before packing: the packed file takes over this path, not one of this machine
            image.pack(data=data, data_len=len(data))
            image.source = 'FILE'
        else:
            target = Path(bpy.path.abspath(relative))
            target.parent.mkdir(parents=True, exist_ok=True)
            number = 1
            while target.exists():              # never over an earlier result
                number += 1
                target = target.with_name(f"{bpy.path.clean_name(image.name)}-{number}{path.suffix}")
            target.write_bytes(path.read_bytes())
            image.source = 'FILE'
            image.filepath = bpy.path.relpath(str(target))
    except OSError:
        bpy.data.images.remove(image)           # else an empty image would stay behind
        raise
    image.colorspace_settings.name = "Non-Color" if is_data else "sRGB"
    return image


def pack_picture(name: str, data: bytes, *, is_data: bool = False, image: bpy.types.Image | None = None) -> bpy.types.Image:
    """A PNG file as a new packed image, or as what another image holds from now on. Blender reads it when it is drawn."""
    made = image or bpy.data.images.new(name, 8, 8)
    made.filepath_raw = f"//{bpy.path.clean_name(name)}.png"        # before packing: the packed file takes over this path
    made.pack(data=data, data_len=len(data))
    made.source = 'FILE'
    made.colorspace_settings.name = "Non-Color" if is_data else "sRGB"
    if image:
        image.reload()                          # else what was in memory would still be shown
    return made


def set_provenance(image: bpy.types.Image, facts: Mapping[str, object]) -> None:
    """Note where the image comes from. Numbers and text only; never a key or an address."""
    image[PROVENANCE] = dict(facts)


def provenance(image: bpy.types.Image | None) -> Mapping[str, object]:
    """Where the image comes from; empty for one that is not ours. Cheap; a panel may call it."""
    facts = image.get(PROVENANCE) if image else None
    return facts if hasattr(facts, "to_dict") else {}


def history_entry(image: bpy.types.Image | None) -> str:
    """The name of the image's entry in the history, or "" if it is not a result of ours. Cheap; a panel may call it."""
    facts = provenance(image)
    if "job_id" not in facts:
        return ""
    return entry_id(facts["job_id"], facts.get("result", facts.get("variant", 1) - 1))


def show_in_editor(image: bpy.types.Image, instead_of: Collection[str] = (), *, else_first: bool = True) -> str:
    """Show the image in all open Image Editors that show one of these names, else in the first if `else_first`.

    Gives back where it is, or how to see it, for the report.
    """
    editors = [area for window in bpy.context.window_manager.windows for area in window.screen.areas
               if area.type == 'IMAGE_EDITOR' and area.ui_type == 'IMAGE_EDITOR']
    showing = [area for area in editors if (shown := area.spaces.active.image) and shown.name in instead_of]
    chosen = showing or editors[:1 if else_first else 0]
    for area in chosen:
        view.show_image(area, image)
    if chosen or not else_first:
        return " in the Image Editor" if chosen else ""
    return ". Open an Image Editor to see it"


@contextmanager
def saving_as(scene: bpy.types.Scene, **wanted: object) -> Iterator[None]:
    """What the scene saves meanwhile is of this format and has the scene's own view. `file_format` comes first."""
    settings = scene.render.image_settings
    # In this order: which formats are legal depends on the media type, which modes and depths on the format.
    wanted = {**compat.STILL_MEDIA, **wanted, "color_management": 'FOLLOW_SCENE'}
    before = {name: getattr(settings, name) for name in wanted}
    try:
        for name, value in wanted.items():
            setattr(settings, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(settings, name, value)


def picture_bytes(source: bpy.types.Image | Path, *, field: str = "references") -> tuple[bytes, str]:
    """(file bytes, MIME type) of a picture to send, as PNG, JPEG or WebP.

    A file or an unchanged packed image is sent as it is; what exists only as pixels, or in another format, is
    written as PNG by Blender, in display colors. Raises InputError naming `field`.
    """
    name = source.name
    if isinstance(source, Path):
        try:
            data = source.read_bytes()
        except OSError as error:
            raise InputError(f"{source} cannot be read", field=field, hint="Check the path") from error
        mime = _mime(data)
        if not mime:
            raise InputError(f"{name} is no PNG, JPEG or WebP picture", field=field, hint="Save it as PNG")
    else:
        data, mime = _image_bytes(source, field)
    data = imaging.png.without_label(data)      # words of another picture are nobody's business where this one goes
    if len(data) > MAX_IMAGE_BYTES:
        raise InputError(f"{name} has {len(data) / 1e6:.0f} MB", field=field, hint="Use a picture below 50 MB")
    return data, mime


def _mime(data: bytes) -> str:
    return next((mime for magic, mime in _MIME.items() if data.startswith(magic)), "")


def outside_path(image: bpy.types.Image) -> Path | None:
    """The file outside the .blend that the image is read from, if it is. Reads nothing; a panel may call it."""
    if image.source not in {'FILE', 'SEQUENCE', 'MOVIE'} or image.packed_file or not image.filepath:
        return None
    return Path(bpy.path.abspath(image.filepath, library=image.library))


def unchanged_file(image: bpy.types.Image) -> tuple[bytes, str] | None:
    """(bytes, MIME type) of the PNG, JPEG or WebP file that the image is, or None if it has been painted on or is another."""
    if image.is_dirty or image.source != 'FILE':
        return None
    if image.packed_file:
        data = bytes(image.packed_file.data)
    else:
        path = outside_path(image)
        data = path.read_bytes() if path and path.is_file() else b""
    mime = _mime(data)
    return (data, mime) if mime else None


def _image_bytes(image: bpy.types.Image, field: str) -> tuple[bytes, str]:
    if not image.is_float and (file := unchanged_file(image)):
        return file
    width, height = image.size
    if width * height * image.channels == 0:
        raise InputError(f"The image {image.name} has no pixels", field=field, hint="Check that its file exists")
    # Into an image of our own: a copy of the datablock has no unsaved pixels, and saving the artist's image
    # would mark it as saved and give it another path.
    pixels = np.empty((height * width, image.channels), np.float32)
    image.pixels.foreach_get(pixels.ravel())
    rgba = np.ones((height * width, 4), np.float32)
    if image.channels < 3:
        rgba[:, :3] = pixels[:, :1]
    else:
        rgba[:, :image.channels] = pixels
    if image.is_float:
        rgba = imaging.color.display_from_linear(rgba, is_data=image.colorspace_settings.is_data)
    with scratch_file(".png") as path:
        own = bpy.data.images.new(image.name, width, height, alpha=True)
        try:
            own.pixels.foreach_set(rgba.ravel())
            own.file_format = 'PNG'
            own.save(filepath=str(path))
            return path.read_bytes(), "image/png"
        except RuntimeError as error:
            raise InputError(f"The image {image.name} cannot be read: {error}", field=field,
                             hint="Save it as PNG and choose the file") from error
        finally:
            bpy.data.images.remove(own)
