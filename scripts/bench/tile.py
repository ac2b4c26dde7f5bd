# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Seamless pictures: how well their edges meet against two simpler ways and the model's, and what it costs.

Quality: photographs that do not tile, measured by numpy and scipy; those after the line were held out, nothing was tuned by them.
Healed is what a headless run gives at the practice service: there the figures are those of what it drew across the wrap lines, and
the finish's own are how far its edge steps, in levels, and how many pixels changed outside. Cost: seconds of a process on one core, and the
memory of one that does nothing else, above one that only imports and holds the picture.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import common
import environment
from test import TOOLS              # scripts/test.py, which lies beside the folder of the benches

ROUNDS = 5
PHOTOGRAPHS = ("brick", "grass", "gravel", "coffee", "astronaut", "chelsea", "rocket", "retina", "immunohistochemistry")
# Of those held out in the tests the moon is not here: it has each pixel four times, which no measure of steps is made for.
HELD_OUT = ("camera", "coins", "hubble_deep_field", "motorcycle")
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
    with tempfile.TemporaryDirectory(prefix="gptimage-bench-") as folder:
        _child("quality", folder)
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


def _healed(folder: Path) -> dict[str, tuple[Path, dict[str, Any]]]:
    """The pictures of the folder, healed by a headless run at the practice service, and the reports."""
    jobs = [{"id": path.stem, "kind": "texture", "image": str(path), "heal": True} for path in sorted(folder.glob("*.png"))]
    file = folder / "jobs.json"
    file.write_text(json.dumps({"version": 1, "jobs": jobs}), encoding="utf-8")
    command = [sys.executable, "-m", "gptimage_addon", "run", str(file), "--service", "practice", "--data", str(folder / "data")]
    done = subprocess.run(command, cwd=common.CHECKOUT, stdout=subprocess.PIPE, text=True, check=True)
    results = [json.loads(line) for line in done.stdout.splitlines()]
    return {found["id"]: (Path(found["files"][0]), found["report"]) for found in results}


def _quality(folder: str) -> None:
    import numpy as np
    from PIL import Image
    from scipy import ndimage

    from gptimage_addon.imaging.tile import make_seamless, wrap_score
    from tests.support.drift import photograph

    for name in PHOTOGRAPHS + HELD_OUT:
        Image.fromarray(photograph(name, 512)).save(Path(folder, f"{name}.png"))
    files = _healed(Path(folder))

    def step_ratio(levels: Any, axis: int) -> float:
        steps = abs(np.roll(levels, -1, axis) - levels)
        return float(steps.take(-1, axis).mean() / steps.take(range(levels.shape[axis] - 1), axis).mean())

    def detail(levels: Any) -> tuple[float, float]:
        energy = np.square(levels - ndimage.gaussian_filter(levels, (1.5, 1.5, 0), mode="mirror")).mean(2)
        rows, columns = (np.minimum(np.arange(n), n - 1 - np.arange(n)) < 0.1 * n for n in energy.shape)
        near = rows[:, None] | columns
        return float(energy[near].mean()), float(energy[~near].mean())

    print("Wrap step / inner step on x and y, high-pass energy in the band / the rest's (the source's in that band), mean color moved")
    print("in levels, repetition: the highest peak of the autocorrelation")
    for name in PHOTOGRAPHS + HELD_OUT:
        if name == HELD_OUT[0]:
            print("  " + "-" * 100)
        source = photograph(name, 512)
        file, report = files[name]
        with Image.open(file) as image:
            healed = np.asarray(image.convert("RGB"))
        ways = {"plain": source, "cross-fade": _crossfade(source), "local": make_seamless(source, "xy"), "healed": healed}
        for way, picture in ways.items():
            levels = picture.astype(np.float64)
            again = wrap_score(picture).repetition
            (band, rest), (before, _) = detail(levels), detail(source.astype(np.float64))
            step_x, step_y = step_ratio(levels, 1), step_ratio(levels, 0)
            moved = float(abs(levels.mean((0, 1)) - source.mean((0, 1))).max())
            told = ""
            if way == "local":
                met = max(step_x, step_y) <= 1.05 and band >= 0.95 * min(rest, before) and moved <= 1
                told = f"   goal: {common.verdict(met)}"
            if way == "healed":
                told = f"   seam {report['seam']:.2f}, changed outside {report['changed_outside']}"
            print(f"  {name:22}{way:12} step {step_x:6.2f} / {step_y:6.2f}   detail {band / rest:5.2f} ({band / before:5.2f})"
                  f"   moved {moved:5.2f}   repetition {again:4.2f}{told}")
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
