# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the benches share: the environment they run in, and how a comparison is told.

Two ways are always timed in turns within one run, on whatever else the machine does meanwhile, and told as the
ratio of their medians: a time by itself says little about another machine.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent.parent
sys.path[:0] = [str(CHECKOUT), str(HERE.parent)]

import environment  # noqa: E402  (it lies beside the folder of the benches)

# So that no other package's warm-up is taken for ours, and none of ours for the checkout's.
sys.dont_write_bytecode = True


def in_environment() -> None:
    """Go on only in the environment with Blender; anywhere else, run this script again there and end."""
    try:
        python = environment.python_for()
    except environment.UnfitError as error:
        sys.exit(str(error))
    if Path(sys.prefix).resolve() == python.parent.parent.resolve():
        return
    sys.exit(subprocess.run([str(python), *sys.argv], check=False).returncode)


def told(times_s: Sequence[float]) -> str:
    """Median (least to most), in milliseconds."""
    low, middle, high = (f"{value * 1000:.2f}" for value in (min(times_s), statistics.median(times_s), max(times_s)))
    return f"{middle:>9} ms ({low} .. {high})"


def compare(ours: tuple[str, Sequence[float]], other: tuple[str, Sequence[float]], goal: float) -> bool:
    """Print both and the ratio of their medians against the goal. True if it is met."""
    width = max(len(ours[0]), len(other[0]))
    for label, times_s in (ours, other):
        print(f"  {label:{width}} {told(times_s)}")
    ratio = statistics.median(ours[1]) / statistics.median(other[1])
    pairs = sorted(a / b for a, b in zip(ours[1], other[1], strict=True))
    print(f"  ratio {ratio:.2f} (single rounds {pairs[0]:.2f} .. {pairs[-1]:.2f}), "
          f"goal <= {goal}: {verdict(ratio <= goal)}")
    return ratio <= goal


def verdict(met: bool) -> str:
    return "met" if met else "MISSED"


def timed(step: Callable[[], object]) -> float:
    """Seconds that the step takes."""
    started = time.perf_counter()
    step()
    return time.perf_counter() - started


def in_turns(rounds: int, *steps: Callable[[], float]) -> list[list[float]]:
    """What each step returns in each round; the first round warms up and is not counted."""
    found: list[list[float]] = [[] for _ in steps]
    for number in range(rounds + 1):
        for times_s, step in zip(found, steps, strict=True):
            seconds = step()
            if number:
                times_s.append(seconds)
    return found


def sample_png(width_px: int, height_px: int) -> bytes:
    """A PNG with the entropy of a real texture: about 2 bytes a pixel. Drawn once a machine."""
    path = CHECKOUT / "build" / "bench" / f"sample-{width_px}x{height_px}.png"
    if not path.exists():
        from gptimage_addon.core.prompts import texture_prompt
        from gptimage_addon.worker.practice_pictures import encode_picture, make_picture

        path.parent.mkdir(parents=True, exist_ok=True)
        prompt = texture_prompt("weathered red brick wall with moss")
        path.write_bytes(encode_picture(make_picture(prompt, width_px, height_px, 0), "png"))
    return path.read_bytes()


@contextmanager
def server(picture: Path, latency_s: float = 0.0) -> Iterator[str]:
    """The base URL of a practice service in a process of its own, which answers with that picture; key "none"."""
    command = [sys.executable, str(HERE / "server.py"), str(picture), str(latency_s)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.stdin.close()               # it ends with us


@contextmanager
def session(concurrency: int) -> Iterator[Any]:
    """The host of a headless session, its worker started and warm, its jobs in a folder that goes away."""
    import bpy

    from gptimage_addon import registration
    from gptimage_addon.blender.host import host

    bpy.ops.wm.read_factory_settings(use_empty=True)
    registration.register()
    with tempfile.TemporaryDirectory(prefix="gptimage-bench-") as folder:
        host.data_dir = Path(folder)
        host.recover()
        host.wait(60.0)
        host.configure(concurrency)
        try:
            yield host
        finally:
            worker = host.stop()
            if worker:
                worker.wait(10.0)
            registration.unregister()
