# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The maps of a material from its color map: seconds on one core, and memory of a process that does nothing else, above
one that only imports. The light taken out, and the check list, beside them.
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
        {"prepare": _prepare, "time": _time, "memory": _memory}[step](*arguments)
        return
    with tempfile.TemporaryDirectory(prefix="gptimage-bench-") as folder:
        for width, height in SIZES:
            # Each step in a process of its own: on Linux a child's peak memory is not less than what its parent held.
            path = str(Path(folder, f"{width}x{height}.npy"))
            _child("prepare", path, str(width), str(height))
            print(f"{width}x{height}, {ROUNDS} rounds")
            judged = (width, height) == JUDGED
            base = float(_child("memory", path, "nothing"))
            for name, label in STEPS.items():
                seconds = [float(part) for part in _child("time", path, name).split()]
                mb = float(_child("memory", path, name)) - base
                aim = ""
                if judged and name == "maps":
                    met = common.verdict(statistics.median(seconds) <= GOAL_S), common.verdict(mb <= GOAL_MB)
                    aim = f", goal <= {GOAL_S} s: {met[0]}, <= {GOAL_MB:.0f} MB: {met[1]}"
                print(f"  {label:32} {common.told(seconds)}, {mb:5.0f} MB{aim}", flush=True)


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
        np.save(path, np.asarray(image.convert("RGB")))


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

    color = np.load(path)
    if name == "check":
        check_maps(color, _step(color, "maps"), wrap=(True, True))
    elif name != "nothing":
        _step(color, name)
    unit = 1 if sys.platform == "darwin" else 1024          # getrusage counts in bytes there, in kB elsewhere
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6)


if __name__ == "__main__":
    main()
