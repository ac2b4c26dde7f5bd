# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Seamless pictures: how well their edges meet against two simpler ways, and what it costs.

Quality: photographs that do not tile, measured by numpy and scipy. Cost: seconds of a process on one core, and the
memory of one that does nothing else, above one that only imports and holds the picture.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from typing import Any

import common
import environment
from test import TOOLS              # scripts/test.py, which lies beside the folder of the benches

ROUNDS = 5
PHOTOGRAPHS = ("brick", "grass", "gravel", "coffee", "astronaut", "chelsea", "rocket", "retina", "immunohistochemistry")
SIZES = ((1024, 1024), (2048, 2048), (3840, 2160))
GOAL_S, GOAL_MB, GOAL_PX = 0.7, 400.0, 2048 * 2048          # in proportion for other sizes


def main() -> None:
    try:
        environment.python_for(extras=TOOLS)        # scipy and the photographs
    except environment.UnfitError as error:
        sys.exit(str(error))
    common.in_environment()
    if len(sys.argv) > 1:
        step, *arguments = sys.argv[1:]
        {"quality": _quality, "prepare": _prepare, "cost": _cost}[step](*arguments)
        return
    _child("quality")
    print(f"make_seamless on both axes, 8 bits, one core, {ROUNDS} rounds; wrap_score; peak memory")
    with tempfile.TemporaryDirectory(prefix="gptimage-bench-") as folder:
        for width_px, height_px in SIZES:
            path = f"{folder}/{width_px}x{height_px}.npy"
            _child("prepare", path, str(width_px), str(height_px))
            _child("cost", path)


def _child(*arguments: str) -> None:
    """Each step in a process of its own: its peak memory is its own."""
    one_core = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    subprocess.run([sys.executable, __file__, *arguments], check=True, env={**os.environ, **one_core})


# --- Quality ----------------------------------------------------------------------------------------------

def _crossfade(picture: Any) -> Any:
    """The picture and itself moved by half, faded into each other near the edges."""
    import numpy as np

    out = picture.astype(np.float64)
    for axis in (0, 1):
        count = out.shape[axis]
        share = np.clip(1 - np.minimum(np.arange(count), count - 1 - np.arange(count)) / (0.1 * count), 0, 1)
        share = share.reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        out = out * (1 - share) + np.roll(out, count // 2, axis) * share
    return np.rint(out).astype(np.uint8)


def _quality() -> None:
    import numpy as np
    from scipy import ndimage

    from gptimage_addon.imaging.tile import make_seamless
    from tests.support.drift import photograph

    def step_ratio(levels: Any, axis: int) -> float:
        steps = abs(np.roll(levels, -1, axis) - levels)
        return float(steps.take(-1, axis).mean() / steps.take(range(levels.shape[axis] - 1), axis).mean())

    def detail(levels: Any) -> tuple[float, float]:
        energy = np.square(levels - ndimage.gaussian_filter(levels, (1.5, 1.5, 0), mode="mirror")).mean(2)
        rows, columns = (np.minimum(np.arange(n), n - 1 - np.arange(n)) < 0.1 * n for n in energy.shape)
        near = rows[:, None] | columns
        return float(energy[near].mean()), float(energy[~near].mean())

    ways = {"plain": lambda picture: picture, "cross-fade": _crossfade, "local": lambda picture: make_seamless(picture, "xy")}
    print("Wrap step / inner step, detail in the band / the rest's (the source's in that band), mean color moved in levels")
    for name in PHOTOGRAPHS:
        source = photograph(name, 512)
        for way, make in ways.items():
            levels = make(source).astype(np.float64)
            (band, rest), (before, _) = detail(levels), detail(source.astype(np.float64))
            step_x, step_y = step_ratio(levels, 1), step_ratio(levels, 0)
            moved = float(abs(levels.mean((0, 1)) - source.mean((0, 1))).max())
            told = ""
            if way == "local":
                met = max(step_x, step_y) <= 1.05 and band >= 0.95 * min(rest, before) and moved <= 1
                told = f"   goal: {common.verdict(met)}"
            print(f"  {name:22}{way:12} step {step_x:6.2f} / {step_y:6.2f}   detail {band / rest:5.2f} ({band / before:5.2f})"
                  f"   moved {moved:5.2f}{told}")
    print()


# --- Cost -------------------------------------------------------------------------------------------------

def _prepare(path: str, width: str, height: str) -> None:
    """A picture that does not tile."""
    import io

    import numpy as np
    from PIL import Image

    with Image.open(io.BytesIO(common.sample_png(int(width), int(height)))) as image:
        picture = np.asarray(image.convert("RGB"))
    ramp = (np.arange(int(width)) * 24 // int(width))[None, :, None]
    np.save(path, np.minimum(picture + ramp, 255).astype(np.uint8))


def _cost(path: str) -> None:
    import numpy as np

    from gptimage_addon.imaging.tile import make_seamless, wrap_score

    picture = np.load(path)
    height_px, width_px = picture.shape[:2]
    unit = 1 if sys.platform == "darwin" else 1024          # getrusage counts in bytes there, in kB elsewhere
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    made = make_seamless(picture, "xy", level=1.0)
    wrap_score(made)
    mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit / 1e6
    plain, leveled, score = common.in_turns(
        ROUNDS, lambda: common.timed(lambda: make_seamless(picture, "xy")),
        lambda: common.timed(lambda: make_seamless(picture, "xy", level=1.0)),
        lambda: common.timed(lambda: wrap_score(made)))
    share = width_px * height_px / GOAL_PX
    met_s, met_mb = statistics.median(plain) <= GOAL_S * share, mb <= GOAL_MB * share
    print(f"  {width_px}x{height_px}")
    print(f"    seamless               {common.told(plain)}, goal <= {GOAL_S * share:.2f} s: {common.verdict(met_s)}")
    print(f"    seamless and leveled   {common.told(leveled)}")
    print(f"    wrap_score             {common.told(score)}")
    print(f"    memory                 {mb:9.0f} MB, goal <= {GOAL_MB * share:.0f}: {common.verdict(met_mb)}", flush=True)


if __name__ == "__main__":
    main()
