# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Datablocks as assets: their catalog, tags, description and preview, and copies of them in asset libraries."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import bpy
import numpy as np

from ..core.errors import InputError

__all__ = ("CATALOG_FILE", "append_to_library", "chosen_asset", "mark_as_asset", "preview_of")

CATALOG_FILE = "blender_assets.cats.txt"
CATALOGS = "GPT Image"          # all our catalogs are in this one
PREVIEW_PX = 256

# A catalog's UUID follows from its path, so that all files and machines agree on it.
_NAMESPACE = uuid.UUID("6b2f1c1e-52a7-5e0b-9a44-0c6d1f7f3b92")
# As Blender writes it (source/blender/asset_system/intern/asset_catalog_definition_file.cc).
_HEADER = """\
# This is an Asset Catalog Definition file for Blender.
#
# Empty lines and lines starting with `#` will be ignored.
# The first non-ignored line should be the version indicator.
# Other lines are of the format "UUID:catalog/path/for/assets:simple catalog name"

VERSION 1

"""


def mark_as_asset(
    datablock: bpy.types.ID, *, catalog: str, tags: Sequence[str] = (), description: str = "", author: str = "",
    preview_picture: Path | None = None, render_preview: bool = True,
) -> Path | None:
    """Mark as an asset in the catalog "GPT Image/<catalog>", with a preview; what it had before is replaced.

    The preview is rendered: a material's on Blender's preview sphere. In background mode at once and by Cycles, else by a
    job of Blender's own that ends later. It takes seconds. Where nothing is rendered, or not to be, `preview_picture` is shown.
    Gives back the catalog file in which the catalog is now, or None where there can be none, because the .blend is not
    saved yet or its folder is read-only: then the asset shows as Unassigned. Marking again after saving mends that.
    """
    datablock.asset_mark()
    data = datablock.asset_data
    data.description, data.author = description, author
    while data.tags:
        data.tags.remove(data.tags[0])
    for tag in tags:
        data.tags.new(tag, skip_if_exists=True)
    path, data.catalog_id = None, str(_stable_id(catalog))
    if bpy.data.is_saved:
        try:
            path, data.catalog_id = _enter_catalog(_library_root(Path(bpy.data.filepath)), catalog)
        except OSError:
            path = None
    if render_preview:
        _make_preview(datablock, preview_picture)
    elif preview_picture:
        _show_picture(datablock, preview_picture)
    return path


def append_to_library(datablock: bpy.types.ID, path: Path, *, catalog: str = "") -> Path:
    """Write a copy of the datablock, with all that it uses, into an asset library, and give back its file.

    One file for each asset: Blender can write a file as a whole only, so adding to one would mean to load all that is in it
    and to lose what does not come along. `path` is a folder, or the .blend wanted; where that exists, the new file stands
    beside it with a number. `catalog` is entered in the library's catalogs too. Raises OSError where nothing can be written.
    """
    if path.suffix.lower() == ".blend":
        folder, stem = path.parent, path.stem
    else:
        folder, stem = path, bpy.path.clean_name(datablock.name, replace=" ").strip() or "Asset"
    folder.mkdir(parents=True, exist_ok=True)
    target, number = folder / f"{stem}.blend", 1
    while target.exists():
        number += 1
        target = folder / f"{stem}-{number}.blend"
    # Under another name first: a library that is browsed meanwhile never shows half a file.
    half = target.with_name(f".{target.name}.part")
    before = datablock.asset_data.catalog_id if datablock.asset_data else ""
    try:
        if catalog and datablock.asset_data:
            _, datablock.asset_data.catalog_id = _enter_catalog(_library_root(target), catalog)
        bpy.data.libraries.write(str(half), {datablock}, path_remap='RELATIVE_ALL', fake_user=True, compress=True)
        half.replace(target)
    except RuntimeError as error:
        raise OSError(f"{target} cannot be written: {error}") from error
    finally:
        half.unlink(missing_ok=True)
        if before:
            datablock.asset_data.catalog_id = before
    return target


# --- catalogs ---------------------------------------------------------------------------------------------

def _full_path(catalog: str) -> str:
    """The catalog's path as Blender keeps it: no empty parts, none of the characters that it uses itself."""
    parts = [part.strip() for part in catalog.replace(":", "-").replace("\\", "-").replace("\n", " ").split("/")]
    return "/".join([CATALOGS, *filter(None, parts)])


def _stable_id(catalog: str) -> uuid.UUID:
    return uuid.uuid5(_NAMESPACE, _full_path(catalog))


def _library_root(blend: Path) -> Path:
    """Where Blender looks for a file's catalogs: in the asset library of the preferences that it lies in, else in its folder."""
    libraries = bpy.context.preferences.filepaths.asset_libraries
    roots = [Path(bpy.path.abspath(each.path)).resolve() for each in libraries if each.path]
    parents = blend.resolve().parents
    return max((root for root in roots if root in parents), key=lambda root: len(root.parts), default=blend.parent)


def _enter_catalog(root: Path, catalog: str) -> tuple[Path, str]:
    """(the folder's catalog file, the catalog's UUID in it); entered if it is not there. All other lines stay."""
    file, path = root / CATALOG_FILE, _full_path(catalog)
    text = file.read_bytes().decode(errors="surrogateescape") if file.exists() else _HEADER
    for line in text.splitlines():
        fields = line.split(":")
        if not line.startswith("#") and len(fields) >= 2 and fields[1] == path:
            return file, fields[0].strip()
    known = str(_stable_id(catalog))
    line = f"{known}:{path}:{path.replace('/', '-')}\n"
    half = file.with_name(f".{file.name}.part")
    try:
        half.write_bytes((text + ("" if text.endswith("\n") else "\n") + line).encode(errors="surrogateescape"))
        os.replace(half, file)
    finally:
        half.unlink(missing_ok=True)
    return file, known


# --- previews ---------------------------------------------------------------------------------------------

def _make_preview(datablock: bpy.types.ID, picture: Path | None) -> None:
    if not bpy.app.background:
        datablock.asset_generate_preview()
        return
    with _cycles():
        datablock.asset_generate_preview()
    if picture and not _has_preview(datablock):
        _show_picture(datablock, picture)


@contextmanager
def _cycles() -> Iterator[None]:
    """Previews are rendered by the scene's engine; in background there may be no GPU for EEVEE."""
    render = bpy.context.scene.render
    before = render.engine
    try:
        try:
            render.engine = 'CYCLES'
        except TypeError:               # the artist has turned Cycles off
            pass
        yield
    finally:
        render.engine = before


def _has_preview(datablock: bpy.types.ID) -> bool:
    preview = datablock.preview
    if preview is None or not preview.image_size[0]:
        return False
    width, height = preview.image_size
    pixels = np.empty(width * height * 4, np.float32)
    preview.image_pixels_float.foreach_get(pixels)
    return bool(pixels[3::4].any())


def _show_picture(datablock: bpy.types.ID, path: Path) -> None:
    """The picture as preview, its longer side PREVIEW_PX."""
    image = bpy.data.images.load(str(path))
    try:
        width, height = image.size
        if not width or not height:
            return
        factor = PREVIEW_PX / max(width, height)
        width, height = max(1, round(width * factor)), max(1, round(height * factor))
        image.scale(width, height)
        rgba = np.ones((height * width, 4), np.float32)
        pixels = np.empty(height * width * image.channels, np.float32)
        image.pixels.foreach_get(pixels)
        rgba[:, :image.channels] = pixels.reshape(-1, image.channels)
        preview = datablock.preview_ensure()
        preview.image_size = (width, height)
        preview.image_pixels_float.foreach_set(rgba.ravel())
    finally:
        bpy.data.images.remove(image)


# --- the Asset Browser's choice ---------------------------------------------------------------------------

_COLLECTIONS = {'MATERIAL': "materials", 'OBJECT': "objects", 'COLLECTION': "collections", 'WORLD': "worlds", 'NODETREE': "node_groups"}


def chosen_asset(context: bpy.types.Context) -> tuple[str, np.ndarray]:
    """(name, picture) of the asset that is active in an open Asset Browser: its preview, uint8 RGBA (h, w, 4), rows from the top.

    One of another file is linked for that moment. Raises InputError where none is chosen, or it has no preview.
    """
    area = next((area for window in context.window_manager.windows for area in window.screen.areas if area.ui_type == 'ASSETS'), None)
    if area is None:
        raise InputError("No Asset Browser is open", field="source", hint="Open one and choose an asset there")
    region = next(region for region in area.regions if region.type == 'WINDOW')
    window = next(window for window in context.window_manager.windows if area in window.screen.areas.values())
    with context.temp_override(window=window, area=area, region=region):
        asset = getattr(bpy.context, "asset", None)
        if asset is None:
            raise InputError("No asset is chosen", field="source", hint="Click one in the Asset Browser")
        name, id_type, path = asset.name, asset.id_type, asset.full_library_path
        if asset.local_id:
            return name, preview_of(asset.local_id)
    if id_type not in _COLLECTIONS:
        raise InputError(f"The asset {name} has no picture that can be read", field="source", hint="Choose a material, an object or a collection")
    known = set(bpy.data.libraries)
    try:
        with bpy.data.libraries.load(path, link=True, assets_only=True) as (_, wanted):
            setattr(wanted, _COLLECTIONS[id_type], [name])
        return name, preview_of(getattr(wanted, _COLLECTIONS[id_type])[0])
    except OSError as error:
        raise InputError(f"The asset's file cannot be read: {path}", field="source", hint="Check the asset library") from error
    finally:
        for library in set(bpy.data.libraries) - known:
            bpy.data.libraries.remove(library)


def preview_of(datablock: bpy.types.ID | None) -> np.ndarray:
    """The datablock's preview, uint8 RGBA (h, w, 4), straight alpha, rows from the top. Raises InputError if it has none."""
    preview = datablock.preview if datablock else None
    width, height = preview.image_size if preview else (0, 0)
    if not width or not height:
        raise InputError("The asset has no preview", field="source", hint="Generate one in the Asset Browser")
    pixels = np.empty(width * height * 4, np.float32)
    preview.image_pixels_float.foreach_get(pixels)
    return np.clip(pixels.reshape(height, width, 4)[::-1] * 255 + 0.5, 0, 255).astype(np.uint8)
