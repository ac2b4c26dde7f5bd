# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the drivers share: actions of an artist in our panels, by real mouse and keyboard."""

import statistics
import sys
import time

import bpy
import lab

PACKAGE = "bl_ext.user_default.gptimage_addon"
PROMPT_BELOW_TOP_PX = 27


def host():
    return sys.modules[f"{PACKAGE}.blender.host"].host


def type_prompt(kind, words):
    """Type into the prompt field: the first row below the first panel's header.

    It is not looked for by hovering: Blender 4.3 does not report a text field of an extension.
    """
    region = lab.region(lab.area(kind), "UI")
    x, y = lab.screen_point(region.x + region.width * 0.4, region.y + region.height)
    yield from lab.click(x, y + PROMPT_BELOW_TOP_PX)
    yield 0.5
    yield from lab.key("ctrl+a")
    yield from lab.type_text(words)
    yield from lab.key("Return")
    yield from lab.until(lambda: bpy.context.scene.gptimage.prompt == words, 5)


def press(kind, operator, fx=0.5):
    x, y = yield from lab.find_button(kind, operator, fx=fx)
    yield from lab.click(x, y)


def drag(kind, fractions, pause=0.15):
    """Drag the mouse over an editor, through points that are fractions of its region."""
    region = lab.region(lab.area(kind))
    points = [lab.region_point(region, *point) for point in fractions]
    yield from lab.move(*points[0])
    yield 0.3
    yield from lab.drag(points, pause=pause)


def all_landed(seconds=90):
    yield from lab.until(lambda: host().jobs and all(view.landed for view in host().jobs.values()), seconds)
    yield 1.5


STEP_PX = 14                            # large buttons are found in strides
HEADER_PX, FOLDED_PX = -4, 28           # from what Blender calls the region's top to the first header, and from a folded panel's to the next


def click_header(kind, row_px):
    """Fold or unfold the panel whose header is so far below the region's top."""
    region = lab.region(lab.area(kind), "UI")
    x, y = lab.screen_point(region.x + region.width * 0.3, region.y + region.height)
    yield from lab.click(x, y + row_px)
    yield 0.8


def scroll(kind, ticks):
    """Turn the wheel over the sidebar, down."""
    region = lab.region(lab.area(kind), "UI")
    at = lab.region_point(region, 0.5, 0.5)
    yield from lab.move(*at)
    for _ in range(ticks):
        yield from lab.click(*at, button=5)
    yield 1.0


def unfold_below(kind, above, wanted, headers=7):
    """Unfold the folded panel, below the button of the operator `above`, that has the operator `wanted`: looked for one by one."""
    x, y = yield from lab.find_button(kind, above, step=STEP_PX)
    for number in range(headers):
        at = y + 34 + number * FOLDED_PX
        yield from lab.click(x - 60, at)
        yield 0.8
        try:
            yield from lab.find_button(kind, wanted, step=STEP_PX)
            return
        except LookupError:
            yield from lab.click(x - 60, at)
            yield 0.8
    raise LookupError(f"no panel with {wanted!r} below {above!r}")


def unfold(*names, first=False):
    """Let panels be open when the tab is first drawn, and `first` in it or in their parent: they lie too low for their headers to be looked for."""
    for name in names:
        panel = getattr(bpy.types, name)
        bpy.utils.unregister_class(panel)
        panel.bl_options = set()
        if first:
            panel.bl_order = -1
        bpy.utils.register_class(panel)


class Watch:
    """What the main thread works between two turns of the window's event loop, in milliseconds.

    Its own time on the processor, not the time of day: that would tell what else this machine does.
    """

    def __init__(self):
        self.turns = []
        self.last = time.thread_time()
        bpy.app.timers.register(self.tick, persistent=True)

    def shot(self, name):
        """A screenshot, whose own work does not count."""
        self.tick()
        lab.shot(name)
        self.last = time.thread_time()

    def tick(self):
        now = time.thread_time()
        self.turns.append((now - self.last) * 1000)
        self.last = now
        return 0.004

    def taken(self):
        """(median, 99th of 100, longest) of the turns since the last call."""
        self.tick()
        found = sorted(self.turns)
        self.turns.clear()
        return statistics.median(found), found[int(len(found) * 0.99)], found[-1]
