# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a picture that arrives holds up Blender's window, against writing the same pixels into a bare image.

    python3 scripts/bench/ticks.py --lab PATH/TO/gui [--blender 5.2] [--zip FILE]

The longest turn of the event loop counts, in the main thread's own time on the processor. What Blender itself takes to draw a picture
for the first time, which it decodes and hands to the graphics card then, stands beside it: by a bare image of the same size.
"""

from __future__ import annotations

import statistics
import sys

import common
import window

FRAME_MS, GOAL = 16.7, 1.3


def main() -> int:
    chosen = window.options(__doc__ or "", 3)
    found = window.run(common.CHECKOUT / "tests" / "gui" / "driver_ticks.py", chosen)
    turns = found["turns_ms"]
    idle = statistics.median(turns.pop("idle")["the editors are drawn"])
    print(f"Longest turn of the event loop in Blender {found['blender']}, milliseconds: median (most) of {chosen.rounds}; its editors drawn alone {idle:.1f}")
    for size, rows in turns.items():
        print(f"\n{size}")
        for name, values in rows.items():
            print(f"  {name:48} {statistics.median(values):8.1f} ({max(values):.1f})")
        lands, bare = (statistics.median(rows[name]) for name in ("lands, image", "bare foreach_set"))
        if size == "1024x1024":
            print(f"  above the editors drawn alone: {lands - idle:.1f}, goal <= {FRAME_MS}: {common.verdict(lands - idle <= FRAME_MS)}")
        else:
            shown = statistics.median(rows["lands, replace_slot"])
            way = statistics.median(rows["bare new image and foreach_set, the turn"]) + statistics.median(
                rows["Blender draws the bare image for the first time"])
            print(f"  landed and drawn on the cube, against the bare image written and drawn: {shown / way:.2f}")
            print(f"  against the bare foreach_set: {lands / bare:.2f}, goal <= {GOAL}: {common.verdict(lands / bare <= GOAL)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
