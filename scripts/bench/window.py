# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Benches that need a Blender with its window: started by a launcher, on a virtual screen, with the built zip in it."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import common

__all__ = ("options", "run")


def options(text: str, rounds: int) -> argparse.Namespace:
    """The command line of such a bench, which does `rounds` of its work unless told else."""
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lab", type=Path, required=True, metavar="PATH/gui", help="launcher of a Blender with a window")
    parser.add_argument("--blender", default="5.2", metavar="X.Y", help="as the launcher knows it (default: 5.2)")
    parser.add_argument("--zip", type=Path, help="the built extension (default: the newest in dist/)")
    parser.add_argument("--rounds", type=int, default=rounds)
    return parser.parse_args()


def run(driver: Path, chosen: argparse.Namespace) -> Any:
    """What the driver has written as facts.json into its output folder."""
    zips = sorted((common.CHECKOUT / "dist").glob("gptimage_addon-*linux_x64.zip"), key=lambda path: path.stat().st_mtime)
    if not chosen.zip and not zips:
        sys.exit("There is no zip in dist/: python3 scripts/build.py --platform linux-x64")
    with tempfile.TemporaryDirectory(prefix="gptimage-bench-") as folder:
        command = [chosen.lab, "-e", chosen.zip or zips[-1], "-o", folder, "-t", "300", chosen.blender, driver, chosen.rounds]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
        facts = Path(folder, "facts.json")
        if done.returncode or not facts.exists():
            sys.exit(f"{done.stdout}{done.stderr}\nThe driver ended with status {done.returncode}")
        return json.loads(facts.read_text(encoding="utf-8"))
