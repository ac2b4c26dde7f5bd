# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""UDIM images: which tiles a UV map uses, and tiles as files of an image, packed or beside the .blend."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import bpy
import numpy as np

from ..core.errors import InputError
from ..core.udim import COLUMNS, ROWS, file_name, number_of
from .images import provenance
from .scale import triangles_of

__all__ = ("find_image", "set_tile", "tile_files", "tiles_of", "tiles_there")

_EDGE = 1e-4                    # of a tile: an island that ends at its edge is not in the next one
_LEAST = 1e-12                  # UV area of a triangle that shows something
SET = "udim"                    # in the image's provenance: the name of its set of tiles


def tiles_of(objects: Sequence[bpy.types.Object]) -> tuple[int, ...]:
    """The numbers of the tiles that the objects' UV maps use, ascending.

    Raises InputError with the field `objects`, also for a UV map that leaves the tiles.
    """
    found: set[int] = set()
    for obj in objects:
        surface = triangles_of(obj, ())
        if surface is None or surface.uvs is None:
            raise InputError(f"{obj.name} has no UV map", field="objects", hint="Unwrap it, and lay its islands on tiles")
        side, other = surface.uvs[:, 1] - surface.uvs[:, 0], surface.uvs[:, 2] - surface.uvs[:, 0]
        uvs = surface.uvs[np.abs(side[:, 0] * other[:, 1] - side[:, 1] * other[:, 0]) > _LEAST]
        if not len(uvs):
            raise InputError(f"The UV map of {obj.name} has no area", field="objects", hint="Unwrap it, and lay its islands on tiles")
        first = np.floor(uvs.min(axis=1) + _EDGE).astype(int)
        last = np.maximum(np.ceil(uvs.max(axis=1) - _EDGE).astype(int) - 1, first)
        if first.min() < 0 or last[:, 0].max() >= COLUMNS or last[:, 1].max() >= ROWS:
            raise InputError(f"The UV map of {obj.name} leaves the tiles", field="objects",
                             hint=f"Move its islands to between 0 and {COLUMNS} across, and from 0 up")
        for u0, v0, u1, v1 in np.unique(np.concatenate((first, last), axis=1), axis=0).tolist():
            found |= {number_of(column, row) for column in range(u0, u1 + 1) for row in range(v0, v1 + 1)}
    return tuple(sorted(found))


def find_image(name: str) -> bpy.types.Image | None:
    """The image that holds the set of tiles of that name."""
    return next((image for image in bpy.data.images if image.source == 'TILED' and provenance(image).get(SET) == name), None)


def tiles_there(image: bpy.types.Image) -> tuple[int, ...]:
    """The numbers of the image's tiles. Cheap; a panel may call it."""
    return tuple(sorted(tile.number for tile in image.tiles))


def tile_files(image: bpy.types.Image) -> dict[int, bytes]:
    """The files of the image's tiles, packed or on disk. A tile without a file is left out."""
    found = {each.tile_number: bytes(each.packed_file.data) for each in image.packed_files if each.packed_file}
    for number in tiles_there(image):
        path = _path(image, number)
        if number not in found and path.is_file():
            found[number] = path.read_bytes()
    return found


def _path(image: bpy.types.Image, number: int) -> Path:
    return Path(bpy.path.abspath(image.filepath.replace("<UDIM>", str(number)), library=image.library))


def set_tile(image: bpy.types.Image | None, number: int, data: bytes, *, name: str, pack: bool) -> bpy.types.Image:
    """Put a file into the image as its tile of that number; into a new image called `name` if there is none.

    The files are called NAME.1001.png and so on: packed, or in a folder beside the .blend as `adopt_picture` has it.
    What was painted on the others is saved first, where they are kept: a new tile is seen only when all are read anew.
    """
    if image and image.is_dirty:
        if image.packed_files:
            image.pack()
        else:
            image.save()
    files = tile_files(image) if image else {}
    if image is None:
        image = bpy.data.images.new(name, 8, 8, tiled=True)
        image.tiles[0].number = number
        image.colorspace_settings.name = "sRGB"
    elif number not in tiles_there(image):
        image.tiles.new(tile_number=number)
    files[number] = data
    if image.packed_files or not image.filepath:
        beside = not pack and bpy.data.is_saved and not image.packed_files
        stem = _free_stem(image) if not image.filepath else Path(image.filepath).name.partition(".")[0]
        relative = f"//textures/{stem}.<UDIM>.png"
        if not beside:
            _pack(image, files, stem, relative)
            return image
        image.filepath_raw = relative
    _write(_path(image, number), data)
    image.reload()                              # until then a new tile is an empty one
    return image


def _free_stem(image: bpy.types.Image) -> str:
    """A name for the image's files that no file beside the .blend has."""
    stem = bpy.path.clean_name(image.name)
    folder, number, found = Path(bpy.path.abspath("//textures")), 1, stem
    while bpy.data.is_saved and any(folder.glob(f"{found}.[0-9][0-9][0-9][0-9].png")):
        number += 1
        found = f"{stem}-{number}"
    return found


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _pack(image: bpy.types.Image, files: dict[int, bytes], stem: str, relative: str) -> None:
    """Pack all tiles. Blender reads each from its file, so they are all written for it; the paths kept are not those of this machine."""
    import shutil                               # not needed to register

    folder = Path(bpy.app.tempdir, f"gptimage-{os.urandom(6).hex()}")
    try:
        for number, data in files.items():
            _write(folder / file_name(stem, number), data)
        image.filepath_raw = str(folder / f"{stem}.<UDIM>.png")
        for each in image.packed_files:
            each.filepath = str(folder / file_name(stem, each.tile_number))
        image.reload()                          # until then a new tile is an empty one
        image.pack()
    finally:
        image.filepath_raw = relative
        shutil.rmtree(folder, ignore_errors=True)
    for each in image.packed_files:
        each.filepath = relative.replace("<UDIM>", str(each.tile_number))
