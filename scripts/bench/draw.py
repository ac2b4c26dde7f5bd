# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What drawing all our panels of an editor costs, in a real Blender with its window, against an empty panel beside them.

    python3 scripts/bench/draw.py --lab PATH/TO/gui [--blender 5.2] [--zip FILE]

The launcher (see its -h) starts Blender on a virtual screen with the built zip in it and runs draw_driver.py there.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import common

GOAL_US = 1000.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lab", type=Path, required=True, metavar="PATH/gui",
                        help="launcher of a Blender with a window")
    parser.add_argument("--blender", default="5.2", metavar="X.Y", help="as the launcher knows it (default: 5.2)")
    parser.add_argument("--zip", type=Path, help="the built extension (default: the newest in dist/)")
    parser.add_argument("--redraws", type=int, default=200)
    options = parser.parse_args()
    found_zips = (common.CHECKOUT / "dist").glob("gptimage_addon-*linux_x64.zip")
    zips = sorted(found_zips, key=lambda path: path.stat().st_mtime)
    if not options.zip and not zips:
        sys.exit("There is no zip in dist/: python3 scripts/build.py --platform linux-x64")
    with tempfile.TemporaryDirectory(prefix="gptimage-bench-") as folder:
        command = [options.lab, "-e", options.zip or zips[-1], "-o", folder, "-t", "300", options.blender,
                   common.HERE / "draw_driver.py", options.redraws]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
        facts = Path(folder, "draw.json")
        if done.returncode or not facts.exists():
            sys.exit(f"{done.stdout}{done.stderr}\nThe driver ended with status {done.returncode}")
        found = json.loads(facts.read_text(encoding="utf-8"))
    print(f"Panel.draw in Blender {found['blender']}, microseconds: median (most), {options.redraws} redraws each")
    for jobs, editors in found["times_us"].items():
        print(f"\n{jobs} jobs in the queue")
        for editor, panels in editors.items():
            for name, (median, most, calls) in sorted(panels.items(), key=lambda item: item[0] == "empty panel"):
                print(f"  {editor:13} {name:26} {median:8.0f} ({most:.0f}), {calls} calls")
            own = sum(median for name, (median, _, _) in panels.items() if name != "empty panel")
            print(f"  {editor:13} {'one redraw, all unfolded':26} {own:8.0f}, "
                  f"goal <= {GOAL_US:.0f}: {common.verdict(own <= GOAL_US)}")
        missing = sorted(set(found["panels"]) - {name for panels in editors.values() for name in panels})
        if missing:
            print(f"  never drawn: {', '.join(missing)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
