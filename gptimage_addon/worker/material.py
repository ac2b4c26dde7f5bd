# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A material's pictures, whoever made them: checked, one of them mended, or written for other programs."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
from PIL import Image

from ..core.errors import AnswerError
from ..core.request import ResultPicture, Surface
from ..imaging.color import display_from_linear
from ..imaging.map_mends import mended
from ..imaging.maps import check_maps, decode_normal, encode_normal
from ..imaging.png import encode_png
from ..imaging.relief import Wrap
from ..imaging.tile import SMALLEST_PX, wrap_score
from ..library.journal import write_atomic
from .codec import check_picture
from .files import read_picture, write_png

__all__ = ("check_material", "export_material")

_EDGE = 8               # pixels that a resized map looks beyond its edges
_COLORS = ("color", "emission")
_MEETS = 1.15           # the step over an edge against those inside, up to which a picture tiles


def check_material(surface: Surface, prompt: str, folder: Path) -> ResultPicture:
    """What is wrong with the source and the maps that are given, as `findings` of the report.

    Where the surface wants a finding mended that is there, the picture is the map without it, `mended` its kind, and the findings
    are those of then. Else it is the source. Raises AnswerError for a file that is no picture, InputError for what cannot be mended.
    """
    color, profile = _read(folder / surface.source, "color")
    maps = {kind: _read(folder / path, kind)[0][..., :3] for kind, path in (surface.given or {}).items()}
    if surface.directx and "normal" in maps:
        maps["normal"] = _turned(maps["normal"])
    wrap = _wrap(color, surface)
    findings = check_maps(color, maps, wrap=wrap)
    kind, _, problem = surface.mend.partition(" ")
    path, done = folder / surface.source, ""
    if any((found.map, found.problem) == (kind, problem) for found in findings):
        if problem == "wrong_size":
            pixels = _resized(kind, maps[kind], color.shape[:2], wrap)
        else:
            pixels = mended(kind, problem, color, maps, wrap=wrap, prompt=prompt, width_m=surface.width_m, relief_m=surface.relief_m)
        if pixels.ndim == 2:
            pixels = pixels[..., None].repeat(3, axis=2)
        path, done = folder / "results" / f"{kind}.png", kind
        path.parent.mkdir(exist_ok=True)
        as_meant = _turned(pixels) if surface.directx and kind == "normal" else pixels
        write_atomic(path, write_png(as_meant, profile if kind == "color" else None))
        color = pixels if kind == "color" else color
        maps |= {} if kind == "color" else {kind: pixels}
        findings = check_maps(color, maps, wrap=wrap)
    height, width = (maps[done] if done in maps else color).shape[:2]
    told = [asdict(found) for found in findings]
    for each in told:
        if surface.directx and each["problem"] == "flipped_green":
            each["message"] = "The normal map's green points up, as OpenGL has it, but its node reads it as DirectX"
    report = {"findings": told, "mended": done}
    return ResultPicture(path.relative_to(folder).as_posix(), "image/png", width, height, report)


def export_material(surface: Surface, folder: Path) -> ResultPicture:
    """The source and the maps that are given as PNG files for other programs: data in one channel, height always 16 bits deep.

    Raises AnswerError for a file that is no picture.
    """
    results = folder / "results"
    results.mkdir(exist_ok=True)
    files, size = {}, (0, 0)
    for kind, path in {**(surface.given or {}), "color": surface.source}.items():
        pixels, profile = _read(folder / path, kind)
        if kind == "normal":
            pixels = pixels[..., :3]
            if surface.directx != (surface.export == "directx"):
                pixels = _turned(pixels)
        elif kind not in _COLORS:
            pixels = np.ascontiguousarray(pixels[..., 0])
            if kind == "height" and pixels.dtype == np.uint8:
                pixels = pixels.astype(np.uint16) * 257
        data = encode_png(pixels) if pixels.ndim == 2 else write_png(pixels, profile if kind in _COLORS else None)
        write_atomic(results / f"{kind}.png", data)
        files[kind], size = f"results/{kind}.png", pixels.shape[1::-1]
    return ResultPicture(files.pop("color"), "image/png", *size, maps=files)


def _read(path: Path, kind: str) -> tuple[np.ndarray, bytes | None]:
    """As `read_picture`. The floats that Blender has of a picture, light or data by the kind of map, come as 16 bits."""
    if path.suffix == ".npy":
        pixels = np.load(path, allow_pickle=False)
        if pixels.dtype == np.uint8:
            return pixels, None
        shown = display_from_linear(pixels, is_data=kind not in _COLORS)
        return np.rint(shown * 65535).astype(np.uint16), None
    data = path.read_bytes()
    try:
        check_picture(data)
        return read_picture(data)
    except (AnswerError, ValueError, OSError) as error:
        raise AnswerError(f"The {kind} map is no picture that can be read: {error}", hint="Save it as PNG") from error


def _turned(normals: np.ndarray) -> np.ndarray:
    """Pixels of normals from DirectX to OpenGL, or back."""
    out = normals.copy()
    out[..., 1] = np.iinfo(out.dtype).max - out[..., 1]
    return out


def _wrap(color: np.ndarray, surface: Surface) -> Wrap:
    """On which axes the material tiles: as is known, else where the color's edges meet."""
    if surface.wraps or min(color.shape[:2]) < SMALLEST_PX:
        return "x" in surface.wraps, "y" in surface.wraps
    score = wrap_score(color)
    return score.step_x <= _MEETS, score.step_y <= _MEETS


def _resized(kind: str, pixels: np.ndarray, size: tuple[int, int], wrap: Wrap) -> np.ndarray:
    """The map at (height, width), across its edges where it wraps; normals are of length 1 again."""
    full = np.iinfo(pixels.dtype).max
    height, width = pixels.shape[:2]
    rows, columns = (min(_EDGE, side) for side in (height, width))
    wide = np.pad(pixels, ((rows, rows), (0, 0), (0, 0)), mode="wrap" if wrap[1] else "edge")
    wide = np.pad(wide, ((0, 0), (columns, columns), (0, 0)), mode="wrap" if wrap[0] else "edge")
    box = (columns, rows, columns + width, rows + height)
    channels = [np.asarray(Image.fromarray(wide[..., each].astype(np.float32)).resize(size[::-1], Image.Resampling.BICUBIC, box=box))
                for each in range(3)]
    out = np.rint(np.clip(np.stack(channels, axis=2), 0, full)).astype(pixels.dtype)
    return _unit(out) if kind == "normal" else out


def _unit(pixels: np.ndarray) -> np.ndarray:
    normals = decode_normal(pixels)
    normals /= np.maximum(np.sqrt((normals * normals).sum(axis=2, keepdims=True)), np.float32(1e-3))
    return encode_normal(normals, dtype=pixels.dtype)
