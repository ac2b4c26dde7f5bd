# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inside a real Blender: how long pictures that land hold up the window. With a number of rounds scripts/bench/ticks.py runs it and tells the figures."""

import json
import os
import sys
import time
from pathlib import Path

import bpy
import lab
import numpy as np

sys.path.insert(0, os.path.dirname(__file__))
import steps  # noqa: E402

ROUNDS = int(lab.ARGS[0]) if lab.ARGS else 1
SIZES = ("1024x1024", "3840x2160")
REST_S = 1.5                            # until what was set has been drawn


def _bare(size):
    """A new image with the pixels written into it, and how long the writing alone took, in milliseconds."""
    width, height = map(int, size.split("x"))
    pixels = np.random.default_rng(1).random(width * height * 4, np.float32)
    image = bpy.data.images.new("bare", width, height)
    began = time.thread_time()
    image.pixels.foreach_set(pixels)
    return image, (time.thread_time() - began) * 1000


def _longest(watch):
    return watch.taken()[2]


def run():
    host = steps.host()
    host.practice_latency_s = 1.0
    view = lab.area("VIEW_3D").spaces.active
    view.shading.color_type = 'TEXTURE'
    cube = bpy.data.objects["Cube"]
    materials = sys.modules[f"{steps.PACKAGE}.blender.materials"]
    notice = sys.modules[f"{steps.PACKAGE}.blender.notice"]
    watch = steps.Watch()
    found = {}

    def ask(size, place):
        with bpy.context.temp_override(window=lab.window(), area=lab.area("VIEW_3D"), region=lab.region(lab.area("VIEW_3D"))):
            bpy.ops.gptimage.generate_texture(prompt=f"mossy stone {len(host.jobs)}", size=size, quality="low", texture_place=place)

    def note(size, name, value):
        found.setdefault(size, {}).setdefault(name, []).append(value)

    def landed(size, place):
        ask(size, place)
        yield 0.5                       # the click is the artist's own
        watch.taken()
        yield from lab.until(lambda: all(view.landed for view in host.jobs.values()), 120)
        yield REST_S
        note(size, f"lands, {place}", _longest(watch))

    lands = []
    land = host.land

    def timed(view):
        began = time.thread_time()
        land(view)
        lands.append((time.thread_time() - began) * 1000)

    host.land = timed
    ask("1024x1024", "replace_slot")    # the helper is started, and the cube's texture drawn for the first time
    yield from lab.until(lambda: all(view.landed for view in host.jobs.values()), 120)
    yield from lab.open_tab("VIEW_3D", "GPT Image")
    yield 2.0
    for _ in range(5):                  # what it takes Blender to draw its editors, on whatever draws them here
        watch.taken()
        notice.redraw()
        yield REST_S
        note("idle", "the editors are drawn", _longest(watch))
    for size in SIZES:
        for _ in range(ROUNDS):
            for place in ("image", "replace_slot"):
                lands.clear()
                yield from landed(size, place)
                note(size, f"of this the landing, {place}", max(lands))
            watch.taken()
            image, written = _bare(size)
            yield REST_S
            note(size, "bare foreach_set", written)
            note(size, "bare new image and foreach_set, the turn", _longest(watch))
            watch.taken()
            materials.picture_node(cube.active_material).image = image
            yield REST_S
            note(size, "Blender draws the bare image for the first time", _longest(watch))
    assert all(view.landed.complete for view in host.jobs.values())
    watch.shot("1_landed")
    lab.say(found)
    Path(lab.OUT, "facts.json").write_text(json.dumps({"blender": bpy.app.version_string, "turns_ms": found}))


lab.run(run())
