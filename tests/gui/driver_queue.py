# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inside a real Blender: a queue of eight with pictures that are seen being made; paused, resumed, cancelled. Prints how long the window stood still."""

import os
import statistics
import sys
import time

import bpy
import lab

sys.path.insert(0, os.path.dirname(__file__))
import steps  # noqa: E402

JOBS = 8
landings = []
shows = []
draws = []


def timed(owner, name, into):
    inner = getattr(owner, name)

    def wrapper(*given):
        began = time.thread_time()
        try:
            return inner(*given)
        finally:
            into.append((time.thread_time() - began) * 1000)

    setattr(owner, name, wrapper)


def submit(count, place):
    with bpy.context.temp_override(window=lab.window(), area=lab.area("VIEW_3D"), region=lab.region(lab.area("VIEW_3D"))):
        for _ in range(count):
            bpy.ops.gptimage.generate_texture(prompt=f"mossy stone {len(steps.host().jobs)}", partial_images=2, quality="low", texture_place=place)


def running(host):
    return [view for view in host.jobs.values() if view.is_active and not view.is_waiting]


def run():
    host = steps.host()
    host.practice_latency_s = 15.0
    preferences = bpy.context.preferences.addons[steps.PACKAGE].preferences
    preferences.show_unfinished, preferences.concurrency = True, 3
    view = lab.area("VIEW_3D").spaces.active
    view.shading.color_type = 'TEXTURE'
    cube = bpy.data.objects["Cube"]
    before = cube.active_material
    yield from lab.open_tab("VIEW_3D", "GPT Image")
    yield 1.0

    # The large panel above the queue is closed, so that more of it is in sight.
    region = lab.region(lab.area("VIEW_3D"), "UI")
    x, y = lab.screen_point(region.x + 40, region.y + region.height)
    yield from lab.click(x, y - 3)
    yield 1.0

    # What redrawing the sidebars and headers costs by itself, on whatever else this machine does.
    notice = sys.modules[f"{steps.PACKAGE}.blender.notice"]
    watch = steps.Watch()
    yield 0.5
    watch.taken()
    for _ in range(10):
        notice.redraw(all_regions=False)
        yield 0.5
    idle = watch.taken()
    lab.say("idle: median %.1f ms, 99 %% below %.1f ms, longest %.1f ms" % idle)
    timed(host, "land", landings)
    timed(host, "_show_unfinished", shows)
    timed(sys.modules[f"{steps.PACKAGE}.ui.panels"], "draw_queue", draws)

    submit(1, "replace_slot")
    submit(JOBS - 1, "image")
    assert len(host.jobs) == JOBS
    yield 0.5
    watch.taken()                            # asking for eight at once, and starting the helper, is the artist's own click
    yield from lab.until(lambda: sum(bool(view.record.partials) for view in running(host)) >= 2, 60)
    yield 0.7
    bpy.ops.gptimage.pause_queue()          # looking for the button would take longer than a picture
    watch.shot("1_running")
    assert cube.active_material != before, "the unfinished picture is not on the object"
    assert "(Unfinished)" in cube.active_material.name, cube.active_material
    yield from lab.until(lambda: not running(host), 60)
    yield 1.0
    watch.shot("2_paused")
    waiting = [view for view in host.jobs.values() if view.is_waiting]
    assert waiting and cube.active_material.name.startswith("Mossy Stone 0"), cube.active_material
    worst = sorted(watch.turns)[-6:]
    busy = watch.taken()
    lab.say("the longest turns: " + ", ".join(f"{each:.0f}" for each in worst) + " ms")
    lab.say("jobs run, %d landed: median %.1f ms, 99 %% below %.1f ms, longest %.1f ms" % (len(landings), *busy))
    lab.say("landing a picture of 1024x1024: median %.1f ms, longest %.1f ms" % (statistics.median(landings), max(landings)))
    lab.say("longest look for unfinished pictures: %.1f ms" % max(shows))

    # The menu of one that waits, then the last one is sent first.
    last = waiting[-1]
    with bpy.context.temp_override(window=lab.window(), area=lab.area("VIEW_3D")):
        bpy.ops.gptimage.move_job(job_id=last.job.id, to='FRONT')
    yield from steps.press("VIEW_3D", "gptimage.pause_queue", fx=0.3)
    yield from lab.until(lambda: len(running(host)) >= 3, 30)
    assert last in running(host), "the one that was moved to the front was not sent"
    yield from lab.until(lambda: last.record.partials, 30)
    bpy.ops.gptimage.stop_job(job_id=last.job.id)
    yield from lab.until(lambda: last.landed, 30)
    bpy.ops.gptimage.pause_queue()
    yield 1.0
    lab.shot("3_stopped")
    yield from steps.press("VIEW_3D", "gptimage.cancel_all", fx=0.7)
    yield 1.0
    lab.shot("4_cancel_all")
    yield from lab.key("Return")
    yield from lab.until(lambda: not host.is_busy, 30)
    yield 1.0
    lab.shot("5_cancelled")
    states = [str(view.record.state) for view in host.jobs.values()]
    assert "cancelled" in states and states.count("done") >= 3 and last.record.stopped, states
    lab.say("drawing the queue: median %.2f ms, longest %.1f ms" % (statistics.median(draws), max(draws)))
    lab.say("states", states)


lab.run(run())
