# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pixel work of a texture: its picture made to tile and freed of shading, its maps, and what is said of them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path


from ..core.errors import InputError
from ..core.request import ResultPicture, Surface
from ..imaging.maps import check_maps, delight, derive_maps
from ..imaging.png import encode_png
from ..imaging.tile import make_seamless, wrap_score
from ..library.journal import write_atomic
from .files import read_picture, write_png

__all__ = ("write_surfaces",)


def write_surfaces(
    pictures: tuple[ResultPicture, ...], surface: Surface, prompt: str, folder: Path,
) -> tuple[ResultPicture, ...]:
    """The pictures with the surface's work done, and the files of their maps beside them.

    A picture that needs no change keeps its file. The report gets `tile` (`imaging.tile.WrapScore`, on the axes that
    tile, or on both) and `findings` of the material check, or `not_finished` says why the picture stays as it came. `prompt`
    tells the kind of material. Raises InputError where nothing was paid.
    """
    made = []
    for picture in pictures:
        try:
            made.append(_write_surface(picture, surface, prompt, folder))
        except InputError as error:
            if surface.source:
                raise
            # It is paid: the picture arrives as it came, and says what could not be done.
            made.append(picture._replace(report={**(picture.report or {}), "not_finished": error.message}))
    return tuple(made)


def _write_surface(picture: ResultPicture, surface: Surface, prompt: str, folder: Path) -> ResultPicture:
    path = folder / picture.path
    source, profile = read_picture(path.read_bytes())
    color = source
    tiles = "".join(axis for axis in "xy" if axis in surface.axes + surface.wraps)
    wrap = "x" in tiles, "y" in tiles
    if surface.delight:
        color = delight(color, strength=surface.delight, wrap=("x" in surface.wraps, "y" in surface.wraps))
    if surface.axes:
        color = make_seamless(color, surface.axes, level=surface.even)
    if color is not source:
        path = path.with_name(f"{path.stem}-surface.png")       # the answer's own picture stays
        write_atomic(path, write_png(color, profile))
        picture = picture._replace(path=path.relative_to(folder).as_posix(), mime="image/png")
    rgb = color[..., :3]
    maps = derive_maps(rgb, surface.maps, prompt=prompt, wrap=wrap, width_m=surface.width_m, relief_m=surface.relief_m)
    files = {}
    for kind, pixels in maps.items():
        file = path.with_name(f"{path.stem}-{kind}.png")
        write_atomic(file, encode_png(pixels))
        files[str(kind)] = file.relative_to(folder).as_posix()
    # Of the color alone: maps that were derived from it here are sound as they are made, and checking them takes as long again.
    findings = [asdict(finding) for finding in check_maps(rgb, {}, wrap=wrap)]
    report = {**(picture.report or {}), "tile": asdict(wrap_score(rgb, tiles or "xy")), "tiles": tiles, "findings": findings}
    return picture._replace(report=report, maps=files or None)

