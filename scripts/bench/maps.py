# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The surface of a texture: seconds, and memory of a process that does nothing else, above one that only imports.

First all of it, with and without its files: the picture made seamless on both axes, its six maps, the score and the check. What is
done in memory alone takes one core; the worker's whole step reads the picture and writes seven PNG files with two threads. Each
stands beside what one decode and encode of the same PNG takes in Pillow, in turns. Then the maps by themselves, on one core.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import common

ROUNDS = 5
SIZES = ((1024, 1024), (2048, 2048), (3840, 2160))
JUDGED = (2048, 2048)
GOAL_S, GOAL_MB = 0.8, 400.0
SURFACE_S, SURFACE_MB = 1.5, 600.0
SURFACES = {"step": "the worker's step, with its files", "pixels": "seamless and six maps in memory"}
STEPS = {
    "maps": "height, normal, roughness, ao", "height": "height alone", "normal": "height and normal", "ao": "height and ao",
    "delight": "light taken out", "check": "check list of four maps",
}
_WANTED = {"maps": ("height", "normal", "roughness", "ao"), "height": ("height",), "normal": ("height", "normal"),
           "ao": ("height", "ao")}
_ONE_CORE = {name: "1" for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")}


def main() -> None:
    common.in_environment()
    if len(sys.argv) > 1:
        step, *arguments = sys.argv[1:]
        {"prepare": _prepare, "time": _time, "memory": _memory, "surface": _surface}[step](*arguments)
        return
    with tempfile.TemporaryDirectory(prefix="gptimage-bench-") as folder:
        for width, height in SIZES:
            # Each step in a process of its own: on Linux a child's peak memory is not less than what its parent held.
            path = str(Path(folder, f"{width}x{height}.npy"))
            _child("prepare", path, str(width), str(height))
            print(f"{width}x{height}, {ROUNDS} rounds")
            judged = (width, height) == JUDGED
            base = float(_child("memory", path, "nothing"))
            found = {name: [float(part) for part in line.split()] for name, line in zip(
                (*SURFACES, "pillow"), _child("surface", path).splitlines(), strict=True)}
            usual = statistics.median(found["pillow"])
            for name, label in SURFACES.items():
                mb, middle = float(_child("memory", path, name)) - base, statistics.median(found[name])
                aim = ""
                if judged:
                    met = common.verdict(middle <= SURFACE_S), common.verdict(mb <= SURFACE_MB)
                    aim = f", goal <= {SURFACE_S} s: {met[0]}, <= {SURFACE_MB:.0f} MB: {met[1]}"
                print(f"  {label:36} {common.told(found[name])}, {middle / usual:.2f} of Pillow's, {mb:5.0f} MB{aim}", flush=True)
            print(f"  {'decode + encode by Pillow':36} {common.told(found['pillow'])}")
            for name, label in STEPS.items():
                seconds = [float(part) for part in _child("time", path, name).split()]
                mb = float(_child("memory", path, name)) - base
                aim = ""
                if judged and name == "maps":
                    met = common.verdict(statistics.median(seconds) <= GOAL_S), common.verdict(mb <= GOAL_MB)
                    aim = f", goal <= {GOAL_S} s: {met[0]}, <= {GOAL_MB:.0f} MB: {met[1]}"
                print(f"  {label:36} {common.told(seconds)}, {mb:5.0f} MB{aim}", flush=True)


def _child(*arguments: str) -> str:
    done = subprocess.run([sys.executable, __file__, *arguments], stdout=subprocess.PIPE, text=True, check=True,
                          env={**os.environ, **_ONE_CORE})
    return done.stdout


def _prepare(path: str, width: str, height: str) -> None:
    """A color map with the detail of a real one."""
    import io

    import numpy as np
    from PIL import Image

    with Image.open(io.BytesIO(common.sample_png(int(width), int(height)))) as image:
        picture = np.asarray(image.convert("RGB"))
    np.save(path, picture)
    # One that does not tile.
    ramp = (np.arange(int(width)) * 24 // int(width))[None, :, None]
    Image.fromarray(np.minimum(picture + ramp, 255).astype(np.uint8)).save(f"{path}.png", compress_level=1)


def _write(path: str) -> None:
    """The worker's step: all of a result's files."""
    from gptimage_addon.core.request import ResultPicture, Surface
    from gptimage_addon.imaging.maps import MAPS
    from gptimage_addon.worker.surface import write_surfaces

    file = Path(path + ".png")
    surface = Surface(axes="xy", maps=MAPS, width_m=2.0, relief_m=0.03)
    write_surfaces((ResultPicture(file.name, "image/png", 0, 0),), surface, "mossy stone", file.parent)


def _pixels(picture: Any) -> None:
    from gptimage_addon.imaging.maps import MAPS, derive_maps
    from gptimage_addon.imaging.tile import make_seamless

    derive_maps(make_seamless(picture, "xy"), MAPS, prompt="mossy stone", wrap=(True, True), width_m=2.0, relief_m=0.03)


def _surface(path: str) -> None:
    """Print the seconds of each round: a line for the worker's step, for what is done in memory, and for Pillow."""
    import io

    import numpy as np
    from PIL import Image

    from gptimage_addon.imaging.png import LEVEL, RUNS

    data = Path(path + ".png").read_bytes()
    with Image.open(io.BytesIO(data)) as image:
        picture = np.asarray(image)

    def yardstick() -> None:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            image.save(io.BytesIO(), "PNG", compress_level=LEVEL, compress_type=RUNS)

    for seconds in common.in_turns(ROUNDS, *(
            lambda step=step: common.timed(step) for step in (lambda: _write(path), lambda: _pixels(picture), yardstick))):
        print(*seconds)


def _step(color: Any, name: str) -> Any:
    from gptimage_addon.imaging import maps

    if name == "delight":
        return maps.delight(color, wrap=(True, True))
    return maps.derive_maps(color, _WANTED[name], prompt="mossy stone", wrap=(True, True), width_m=2.0, relief_m=0.03)


def _time(path: str, name: str) -> None:
    import numpy as np

    from gptimage_addon.imaging.maps import check_maps

    color = np.load(path)
    found = _step(color, "maps") if name == "check" else {}
    for number in range(ROUNDS + 1):
        seconds = common.timed(lambda: check_maps(color, found, wrap=(True, True)) if found else _step(color, name))
        if number:                              # the first warms up
            print(seconds)


def _memory(path: str, name: str) -> None:
    """Print the peak in MB of a process that loads the color map, and does this."""
    import numpy as np

    from gptimage_addon.imaging.maps import check_maps

    import gptimage_addon.worker.surface  # noqa: F401  (what it imports is no work)

    color = None if name in ("nothing", "step") else np.load(path)
    if name == "step":
        _write(path)
    elif name == "pixels":
        _pixels(color)
    elif name == "check":
        check_maps(color, _step(color, "maps"), wrap=(True, True))
    elif name != "nothing":
        _step(color, name)
    unit = 1 if sys.platform == "darwin" else 1024          # getrusage counts in bytes there, in kB elsewhere
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6)


if __name__ == "__main__":
    main()
