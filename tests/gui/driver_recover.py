# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inside a real Blender: the helper is killed while a request is on its way; the job is uncertain, and sent again only when asked."""

import os
import signal
import sys

import bpy
import lab

sys.path.insert(0, os.path.dirname(__file__))
import steps  # noqa: E402


def run():
    host = steps.host()
    host.practice_latency_s = 6.0
    settings = bpy.context.scene.gptimage
    settings.prompt, settings.quality = "oak planks", "low"
    yield from lab.open_tab("VIEW_3D", "GPT Image")
    yield 0.5
    yield from steps.press("VIEW_3D", "gptimage.generate_texture")
    yield from lab.until(lambda: host.jobs and next(iter(host.jobs.values())).record.sent_at, 60)
    yield 1.0
    os.kill(host.worker_pid, signal.SIGKILL)
    yield from lab.until(lambda: next(iter(host.jobs.values())).record.state == "uncertain", 60)
    yield 1.0
    lab.shot("1_uncertain")
    assert not bpy.data.objects["Cube"].active_material.name.startswith("Oak")

    # A later session finds it again; it is not sent by itself.
    (job_id,) = host.jobs
    host.reset()
    yield 1.0
    yield from steps.press("VIEW_3D", "gptimage.recover_results")
    yield from lab.until(lambda: job_id in host.jobs, 60)
    yield 1.0
    lab.shot("2_recovered")
    assert host.jobs[job_id].record.state == "uncertain", host.jobs[job_id].record
    host.practice_latency_s = 0.5
    with bpy.context.temp_override(window=lab.window(), area=lab.area("VIEW_3D")):
        bpy.ops.gptimage.retry_job('INVOKE_DEFAULT', job_id=job_id)
    yield 1.0
    lab.shot("3_asked")
    yield from lab.key("Return")
    yield from lab.until(lambda: any(view.landed for view in host.jobs.values()), 90)
    yield 1.0
    assert bpy.data.objects["Cube"].active_material.name.startswith("Oak Planks")
    lab.shot("4_done")


lab.run(run())
