# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What drawing all our panels of an editor costs, in a real Blender with its window, against an empty panel beside them
and, for each of their labels, buttons and fields, against Blender's own panels of Properties > Output, which are Python as well.

    python3 scripts/bench/draw.py --lab PATH/TO/gui [--blender 5.2] [--zip FILE]

The launcher (see its -h) starts Blender on a virtual screen with the built zip in it and runs draw_driver.py there.
"""

from __future__ import annotations

import sys

import common
import window

GOAL_US = 1000.0


def _told(editor: str, panels: dict[str, list[float]]) -> tuple[float, int]:
    """Print each panel, and give the sum of their medians and of their items."""
    for name, (median, most, calls, items) in sorted(panels.items(), key=lambda each: each[0] == "empty panel"):
        print(f"  {editor:13} {name:34} {median:6.0f} ({most:.0f}), {calls} calls, {items} items")
    drawn = [each for name, each in panels.items() if name != "empty panel"]
    return sum(each[0] for each in drawn), sum(each[3] for each in drawn)


def main() -> int:
    chosen = window.options(__doc__ or "", 200)
    found = window.run(common.HERE / "draw_driver.py", chosen)
    print(f"Panel.draw in Blender {found['blender']}, microseconds: median (most), {chosen.rounds} redraws each")
    own, own_items = _told("Blender", found["own_us"])
    print(f"  Blender       Properties > Output                {own:6.0f}, {own_items} items, {own / own_items:.1f} each")
    for jobs, editors in found["times_us"].items():
        print(f"\n{jobs} jobs in the queue")
        for editor, panels in editors.items():
            ours, our_items = _told(editor, panels)
            each = ours / our_items
            print(f"  {editor:13} one redraw, all unfolded           {ours:6.0f}, goal <= {GOAL_US:.0f}: {common.verdict(ours <= GOAL_US)}; "
                  f"{our_items} items, {each:.1f} each, ratio to Blender's {each * own_items / own:.2f}")
        missing = sorted(set(found["panels"]) - {name for panels in editors.values() for name in panels})
        if missing:
            print(f"  never drawn: {', '.join(missing)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
