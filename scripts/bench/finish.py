# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The finish of a touch-up: how near it comes to the original, and what it costs in a 3840x2160 picture.

Quality: photographs redrawn with known drift, against three other ways to paste. Cost: seconds, and as a ratio to one
decode and one encode of the picture by Pillow; memory of a process that does nothing else, above one that only imports.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import common
import environment
from test import TOOLS              # scripts/test.py, which lies beside the folder of the benches

if TYPE_CHECKING:
    from gptimage_addon.core.request import Finish, Request

ROUNDS = 7
GOAL_S, GOAL_MB = 1.0, 1000.0
PICTURE_PX, BOX = (3840, 2160), (1100, 560, 2636, 1584)             # a window of 1536x1024
KINDS = ("all", "uneven")
DRIFTS = 3                          # a photograph


def main() -> None:
    try:
        environment.python_for(extras=TOOLS)        # scipy and the photographs, for the drift
    except environment.UnfitError as error:
        sys.exit(str(error))
    common.in_environment()
    if len(sys.argv) > 1:
        step, *arguments = sys.argv[1:]
        {"quality": _quality, "prepare": _prepare, "time": _time, "memory": _memory}[step](*arguments)
        return
    # Each step in a process of its own: on Linux a child's peak memory is not less than what its parent held.
    _child("quality")
    with tempfile.TemporaryDirectory(prefix="gptimage-bench-") as folder:
        _child("prepare", folder)
        _child("time", folder)
        base = float(_child("memory", folder, "nothing", told=False))
        print("Peak memory of a process of its own, above one that only imports")
        for what in ("finish", "step"):
            mb = float(_child("memory", folder, what, told=False)) - base
            print(f"  {_NAMES[what]:48} {mb:6.0f} MB" + (
                f", goal <= {GOAL_MB:.0f}: {common.verdict(mb <= GOAL_MB)}" if what == "finish" else ""))


_NAMES = {"finish": "finish_window + paste_window", "step": "worker's whole step (write_touch_ups)"}


def _child(*arguments: str, told: bool = True) -> str:
    done = subprocess.run([sys.executable, __file__, *arguments], stdout=subprocess.PIPE, text=True, check=True)
    if told and done.stdout:
        print(done.stdout, flush=True)
    return done.stdout


# --- Quality ----------------------------------------------------------------------------------------------

def _quality() -> None:
    import numpy as np

    from gptimage_addon.imaging.touch_up import finish_window
    from tests.support import drift

    ways = {
        "ours": lambda *window: finish_window(*window).patch,
        "similarity + gain": drift.similarity_paste,
        "mean tone, feathered": drift.mean_tone_paste,
        "naive": drift.naive_paste,
    }
    count = DRIFTS * len(drift.PHOTOGRAPHS)
    print(f"PSNR inside the mask in dB (lowest), mean of {count} windows: {DRIFTS} drifts on each photograph")
    print(f"  {'':8}" + "".join(f"{way:>24}" for way in ways) + f"{'step above truth':>24}")
    for kind, bar_db in drift.BARS_DB.items():
        found: dict[str, list[float]] = {way: [] for way in ways}
        steps: list[float] = []
        for number, drawn in enumerate(drift.drifts(kind, count)):
            original = drift.photograph(drift.PHOTOGRAPHS[number // DRIFTS])
            answer, mask = drift.redraw(original, drawn), drift.blob(*original.shape[:2], number)
            for way, paste in ways.items():
                pasted = paste(original, answer, mask)
                found[way].append(drift.psnr_db(pasted, original, mask > 0))
                if way == "ours":
                    steps.append(drift.step_above_truth(pasted, original, mask))
                    assert np.array_equal(pasted[mask == 0], original[mask == 0])
        cells = "".join(f"{f'{np.mean(db):.1f} ({min(db):.1f})':>24}" for db in found.values())
        worst = f"{np.mean(steps):.2f} (most {max(steps):.2f})"
        print(f"  {kind:8}{cells}{worst:>24}   goal >= {bar_db:.0f}: {common.verdict(np.mean(found['ours']) >= bar_db)}, "
              f"step <= 0.5: {common.verdict(max(steps) <= 0.5)}")


# --- Cost -------------------------------------------------------------------------------------------------

def _prepare(folder: str) -> None:
    """The picture and its mask as a job has them, and an answer to each kind of drift."""
    import numpy as np
    from PIL import Image

    from tests.support import drift

    path = Path(folder)
    (path / "picture.png").write_bytes(common.sample_png(*PICTURE_PX))
    with Image.open(path / "picture.png") as image:
        window = np.asarray(image.convert("RGB").crop(BOX))
    area = drift.blob(*window.shape[:2], 0, 0.25)
    mask = np.zeros(PICTURE_PX[::-1], np.uint8)
    mask[BOX[1]:BOX[3], BOX[0]:BOX[2]] = 255 * area
    np.save(path / "mask.npy", mask)
    for kind in KINDS:
        answer = drift.redraw(window, drift.drifts(kind, 1)[0])
        Image.fromarray(answer).save(path / f"{kind}.png", compress_level=1)


def _load(folder: str, kind: str) -> tuple[Any, Any, Any]:
    """(picture, mask, answer) as arrays."""
    import numpy as np
    from PIL import Image

    found = []
    for name in ("picture.png", f"{kind}.png"):
        with Image.open(Path(folder, name)) as image:
            found.append(np.asarray(image.convert("RGB")))
    return found[0], np.load(Path(folder, "mask.npy")).astype(np.float32) / 255, found[1]


def _finish(picture: Any, mask: Any, answer: Any) -> None:
    from gptimage_addon.imaging.touch_up import finish_window, paste_window

    x0, y0, x1, y1 = BOX
    done = finish_window(picture[y0:y1, x0:x1], answer, mask[y0:y1, x0:x1])
    whole, changed = paste_window(picture, done.patch, mask, x0, y0)
    assert done.report.aligned and changed == 0 and whole.shape == picture.shape


def _request() -> tuple[Request, Finish]:
    from gptimage_addon.core.request import Finish, Request

    request = Request(prompt="ivy", model="gpt-image-2.5-flare", size=f"{BOX[2] - BOX[0]}x{BOX[3] - BOX[1]}")
    return request, Finish("picture.png", "mask.npy", BOX, PICTURE_PX)


def _step(folder: str, kind: str) -> None:
    from gptimage_addon.library.journal import Journal
    from gptimage_addon.worker.touch_up import write_touch_ups

    found = write_touch_ups([Path(folder, f"{kind}.png").read_bytes()], *_request(), Path(folder), Journal(folder))
    assert found[0].report["aligned"] and found[0].report["changed_outside"] == 0


def _time(folder: str) -> None:
    import io

    from PIL import Image

    from gptimage_addon.imaging.png import LEVEL, RUNS

    data = Path(folder, "picture.png").read_bytes()

    def yardstick() -> None:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            image.save(io.BytesIO(), "PNG", compress_level=LEVEL, compress_type=RUNS)

    loaded = {kind: _load(folder, kind) for kind in KINDS}
    steps = [lambda kind=kind: common.timed(lambda: _finish(*loaded[kind])) for kind in KINDS]
    steps.append(lambda: common.timed(lambda: _step(folder, "uneven")))
    *finishes, whole, pillow = common.in_turns(ROUNDS, *steps, lambda: common.timed(yardstick))
    size = f"{BOX[2] - BOX[0]}x{BOX[3] - BOX[1]}"
    print(f"A window of {size} in a picture of {PICTURE_PX[0]}x{PICTURE_PX[1]}, {ROUNDS} rounds")
    labels = [f"{_NAMES['finish']}, {kind}" for kind in KINDS] + [f"{_NAMES['step']}, uneven"]
    for label, seconds in zip(labels, [*finishes, whole], strict=True):
        middle = statistics.median(seconds)
        aim = "" if seconds is whole else f", goal <= {GOAL_S:.0f} s: {common.verdict(middle <= GOAL_S)}"
        print(f"  {label:48} {common.told(seconds)}, {middle / statistics.median(pillow):.2f} of Pillow's{aim}")
    print(f"  {'decode + encode of the picture by Pillow':48} {common.told(pillow)}")


def _memory(folder: str, what: str) -> None:
    """Print the peak in MB of a process that does this and nothing else."""
    import gptimage_addon.worker.touch_up  # noqa: F401

    if what == "finish":
        _finish(*_load(folder, "uneven"))
    elif what == "step":
        _step(folder, "uneven")
    unit = 1 if sys.platform == "darwin" else 1024          # getrusage counts in bytes there, in kB elsewhere
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6)


if __name__ == "__main__":
    main()
