# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The helper's start, until it has answered its first question: with what Python compiled at an earlier start, against compiling all of it.

Blender unpacks an extension's wheels without bytecode, so the first start after an installation compiles everything.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import common

ROUNDS = 7
GOAL = 0.6


def main() -> int:
    common.in_environment()
    with tempfile.TemporaryDirectory(prefix="gptimage-bench-") as folder:
        root = Path(folder)
        kept, compiled = common.in_turns(
            ROUNDS,
            lambda: _start(root, PYTHONPYCACHEPREFIX=str(root / "kept")),
            lambda: _start(root, PYTHONPYCACHEPREFIX=str(root / "none"), PYTHONDONTWRITEBYTECODE="1"))
    print(f"The helper's start, {ROUNDS} processes each")
    return 0 if common.compare(("bytecode kept", kept), ("everything compiled", compiled), GOAL) else 1


def _start(root: Path, **variables: str) -> float:
    from tests.support import worker_process

    worker_process.start = subprocess.Popen         # the tests fork theirs
    started = time.perf_counter()
    worker = worker_process.WorkerProcess(root / "data", worker_process.worker_environment(root, **variables))
    worker.recover()
    seconds = time.perf_counter() - started
    worker.close()
    return seconds


if __name__ == "__main__":
    sys.exit(main())
