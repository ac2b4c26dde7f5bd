# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Blender that opens its file, takes what earlier sessions left, asks for jobs, and saves whenever pictures have landed: DATA_DIR BLEND.

The jobs come as JSON on stdin. It prints the process of its helper as soon as all are submitted, and at the end, if it lives so long, which
pictures the file holds. It may be killed at any moment.
"""

from __future__ import annotations

import base64
import json
import sys
import time
from pathlib import Path

import bpy

import gptimage_addon
from gptimage_addon.blender.host import host
from gptimage_addon.blender.images import provenance
from gptimage_addon.core.request import Job, JobState
from gptimage_addon.core.values import from_json

PATIENCE_S = 60.0

if __name__ == "__main__":
    data_dir, blend = map(Path, sys.argv[1:3])
    bpy.ops.wm.read_factory_settings()
    gptimage_addon.register()
    if blend.exists():
        bpy.ops.wm.open_mainfile(filepath=str(blend))
    host.data_dir = data_dir
    host.recover()
    host.submit_all([(from_json(Job, facts), {}) for facts in json.load(sys.stdin)])
    print(host.worker_pid, flush=True)
    saved: set[str] = set()
    end = time.monotonic() + PATIENCE_S
    while host.is_busy and time.monotonic() < end:
        host.pump()
        for view in host.jobs.values():
            if view.recovered and view.record.state is JobState.DONE:
                host.land(view)
        landed = {job_id for job_id, view in host.jobs.items() if view.landed}
        if landed - saved:
            bpy.ops.wm.save_as_mainfile(filepath=str(blend))
            saved = landed
        time.sleep(0.02)
    pictures = [(provenance(image)["job_id"], base64.b64encode(image.packed_file.data).decode())
                for image in bpy.data.images if "job_id" in provenance(image)]
    print(json.dumps({"pictures": pictures, "busy": host.is_busy}), flush=True)
    worker = host.reset()
    assert worker is None or worker.wait(PATIENCE_S)
    gptimage_addon.unregister()
