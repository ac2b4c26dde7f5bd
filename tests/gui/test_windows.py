# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The built zip in real Blender windows, driven by mouse and keyboard.

Needs a launcher that installs a zip, starts Blender on a virtual screen and runs a driver in it:
BLENDER_LAB=PATH/gui python3 scripts/test.py tests/gui. Its screenshots are kept where GUI_SHOTS says.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
LAUNCHER = os.environ.get("BLENDER_LAB", "")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not LAUNCHER, reason="no launcher of a Blender with its window is given (BLENDER_LAB)"),
]


@pytest.mark.parametrize("version", ["4.3", "5.2"])
@pytest.mark.parametrize("driver", sorted(HERE.glob("driver_*.py")), ids=lambda path: path.stem.removeprefix("driver_"))
def test_driver(driver: Path, version: str, built_zip: Path, tmp_path: Path) -> None:
    shots = Path(os.environ.get("GUI_SHOTS") or tmp_path) / version / driver.stem
    shots.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [LAUNCHER, "-e", str(built_zip), "-o", str(shots), "-t", "240", version, str(driver)],
        capture_output=True, text=True, timeout=400, check=False)
    log = (shots / "blender.log").read_text(errors="replace") if (shots / "blender.log").exists() else ""
    assert done.returncode == 0, done.stdout + done.stderr + log[-4000:]
    assert "Traceback" not in log, log[-4000:]      # a panel that raises while drawing only prints
    assert list(shots.glob("*.png")), "the driver took no screenshot"
