# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What drawing all our panels of an editor costs, in a real Blender with its window, against an empty panel beside them.

    python3 scripts/bench/draw.py --lab PATH/TO/gui [--blender 5.2] [--zip FILE]

The launcher (see its -h) starts Blender on a virtual screen with the built zip in it and runs draw_driver.py there.
"""

from __future__ import annotations

import sys

import common
import window

GOAL_US = 1000.0


def main() -> int:
    chosen = window.options(__doc__ or "", 200)
    found = window.run(common.HERE / "draw_driver.py", chosen)
    print(f"Panel.draw in Blender {found['blender']}, microseconds: median (most), {chosen.rounds} redraws each")
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
