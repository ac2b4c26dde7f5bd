# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A map that the model was asked for: from its answer to the files of the map and of those that follow from it."""

from __future__ import annotations

import io
from dataclasses import asdict
from pathlib import Path

import numpy as np
from PIL import Image

from ..core.errors import AnswerError
from ..core.request import Job, MapKind, ResultPicture
from ..imaging.asked_maps import finish_map, register_map
from ..imaging.map_checks import check_maps
from ..imaging.relief import ambient_occlusion, encode_normal, normal_from_height
from ..imaging.tile import meeting_axes
from ..library.journal import write_atomic
from .codec import check_picture
from .files import write_png
from .pictures import read_source, resized
from .touch_up import window_of

__all__ = ("write_asked_map",)


def write_asked_map(answers: list[bytes], job: Job, folder: Path) -> ResultPicture:
    """The map of the job's source that the first answer shows, in its place, with what else the surface wants of a height.

    The report tells `aligned`, `why`, `shift_px` and `scale` of how the model had drawn it, the axes `tiles` on which it wraps, and
    `findings` of the map check. Raises AnswerError if the answer is no picture, InputError if the source cannot be read.
    """
    assert job.finish is not None and job.surface is not None
    kind, surface = job.surface.asked, job.surface
    if not answers:
        raise AnswerError("The service's answer holds no picture")
    check_picture(answers[0])
    color = read_source(folder / job.finish.source, job.finish.pixels, job.finish.has_alpha).picture
    tiles = surface.wraps or meeting_axes(color)
    wrap = "x" in tiles, "y" in tiles
    # What was sent beyond the source's borders goes.
    window = window_of(job.request, job.finish)
    with Image.open(io.BytesIO(answers[0])) as image:
        drawn = resized(np.asarray(image.convert("RGB")), (window.box.width, window.box.height))
    x, y = window.offset
    drawn = np.ascontiguousarray(drawn[-y:-y + color.shape[0], -x:-x + color.shape[1]])
    found = register_map(color, drawn, gray=kind != MapKind.EMISSION)
    made = {kind: finish_map(kind, found.levels, wrap=wrap)}
    checked = check_maps(color, made, wrap=wrap)
    if kind == MapKind.HEIGHT:
        height, size = made[kind] * np.float32(1 / 65535), {"relief_m": surface.relief_m, "width_m": surface.width_m, "wrap": wrap}
        if MapKind.NORMAL in surface.maps:
            made[MapKind.NORMAL] = encode_normal(normal_from_height(height, **size), dtype=np.uint16)
        if MapKind.AO in surface.maps:
            made[MapKind.AO] = (ambient_occlusion(height, **size) * np.float32(255) + np.float32(0.5)).astype(np.uint8)
    (folder / "results").mkdir(exist_ok=True)
    for name, pixels in made.items():
        write_atomic(folder / f"results/0-{name}.png", write_png(pixels))
    report = {"aligned": found.aligned, "why": found.why, "shift_px": found.shift_px, "scale": found.scale, "tiles": tiles,
              "findings": [asdict(finding) for finding in checked if finding.map != "color"]}
    return ResultPicture(f"results/0-{kind}.png", "image/png", color.shape[1], color.shape[0], report,
                         maps={str(name): f"results/0-{name}.png" for name in made if name in surface.maps})
