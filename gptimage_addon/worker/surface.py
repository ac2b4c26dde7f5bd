# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pixel work of a texture: its picture made to tile and freed of shading, its maps, and what is said of them."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import InputError
from ..core.regions import Box, union
from ..core.request import ResultPicture, Surface
from ..imaging.alpha import cropped, cut_out, has_transparency, visible_box
from ..imaging.map_checks import check_tiling
from ..imaging.maps import MAPS, check_maps, delight, each_map
from ..imaging.tile import make_seamless, wrap_score
from ..library.journal import write_atomic
from .files import read_picture, write_png

__all__ = ("write_surfaces",)


def write_surfaces(
    pictures: tuple[ResultPicture, ...], surface: Surface, prompt: str, folder: Path,
) -> tuple[ResultPicture, ...]:
    """The pictures with the surface's work done, and the files of their maps beside them.

    A picture that needs no change keeps its file. The report gets `tile` (`imaging.tile.WrapScore`, on the axes that
    tile, or on both) and `findings` of the material check, of what is cut out `background` ("transparent" or "#rrggbb"), or
    `not_finished` says why the picture stays as it came. `prompt` tells the kind of material. Raises InputError where nothing was paid.
    """
    if surface.cut_out:
        return _write_cut_outs(pictures, folder)
    made = []
    with ThreadPoolExecutor(2, "surface") as threads:
        for picture in pictures:
            try:
                made.append(_write_surface(picture, surface, prompt, folder, threads))
            except InputError as error:
                if surface.source:
                    raise
                # It is paid: the picture arrives as it came, and says what could not be done.
                made.append(picture._replace(report={**(picture.report or {}), "not_finished": error.message}))
    return tuple(made)


def _write_surface(
    picture: ResultPicture, surface: Surface, prompt: str, folder: Path, threads: ThreadPoolExecutor,
) -> ResultPicture:
    path = folder / picture.path
    source, profile = read_picture(path.read_bytes())
    color = source
    tiles = "".join(axis for axis in "xy" if axis in surface.axes + surface.wraps + (picture.report or {}).get("tiles", ""))
    wrap = "x" in tiles, "y" in tiles
    if surface.delight:
        color = delight(color, strength=surface.delight, wrap=("x" in surface.wraps, "y" in surface.wraps))
    if surface.axes:
        color = make_seamless(color, surface.axes, level=surface.even)
    rgb = color[..., :3]

    def write_map(kind: str, pixels: np.ndarray) -> tuple[str, str]:
        file = path.with_name(f"{path.stem}-{kind}.png")
        write_atomic(file, write_png(pixels))
        return kind, file.relative_to(folder).as_posix()

    def write_maps() -> list[Future[tuple[str, str]]]:
        """Each is packed and written while the next one is made."""
        maps = each_map(rgb, surface.maps, prompt=prompt, wrap=wrap, width_m=surface.width_m, relief_m=surface.relief_m)
        return [threads.submit(write_map, kind, pixels) for kind, pixels in maps]

    started: list[Future[Any]] = []
    if color is not source:
        path = path.with_name(f"{path.stem}-surface.png")       # the answer's own picture stays
        picture = picture._replace(path=path.relative_to(folder).as_posix(), mime="image/png")
    writing = threads.submit(write_maps)
    if color is not source:
        started.append(threads.submit(lambda: write_atomic(path, write_png(color, profile))))
    # Of the color alone: maps that were derived from it here are sound as they are made, and checking them takes as long again.
    found = threads.submit(check_maps, rgb, {}, wrap=wrap)
    score = threads.submit(wrap_score, rgb, tiles or "xy")
    files = dict(done.result() for done in writing.result())
    for done in started:
        done.result()
    report = {**(picture.report or {}), "tile": asdict(score.result()), "tiles": tiles,
              "findings": [asdict(finding) for finding in (*check_tiling(score.result(), tiles), *found.result())]}
    return picture._replace(report=report, maps={name: files[name] for name in MAPS if name in files} or None)


def _write_cut_outs(pictures: tuple[ResultPicture, ...], folder: Path) -> tuple[ResultPicture, ...]:
    """The subjects without what is around them. Variants are of one size, around all of them: one can take another's place."""
    cut: dict[int, tuple[np.ndarray, str, Box]] = {}
    made = list(pictures)
    for number, picture in enumerate(pictures):
        try:
            rgba, background = _cut_out(folder / picture.path)
            cut[number] = rgba, background, visible_box(rgba)
        except InputError as error:             # it is paid: it arrives as it came, and says why
            made[number] = picture._replace(report={**(picture.report or {}), "not_finished": error.message})
    for number, (rgba, background, _) in cut.items():
        around = union([box for other, _, box in cut.values() if other.shape == rgba.shape])
        color, path = cropped(rgba, around), folder / pictures[number].path
        path = path.with_name(f"{path.stem}-cut-out.png")           # the answer's own picture stays
        write_atomic(path, write_png(color))
        made[number] = pictures[number]._replace(
            path=path.relative_to(folder).as_posix(), mime="image/png", width_px=color.shape[1], height_px=color.shape[0],
            report={**(pictures[number].report or {}), "background": background})
    return tuple(made)


def _cut_out(path: Path) -> tuple[np.ndarray, str]:
    """(uint8 (h, w, 4), what was around the subject: "transparent" or a color as "#rrggbb"). Raises InputError."""
    color, _ = read_picture(path.read_bytes())
    if color.dtype == np.uint16:
        color = (color / np.float32(257) + np.float32(0.5)).astype(np.uint8)
    if has_transparency(color):
        return color, "transparent"
    cut = cut_out(color)
    return cut.rgba, "#{:02x}{:02x}{:02x}".format(*cut.background)
