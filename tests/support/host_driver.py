# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Blender session that submits one job and works on until it is killed: DATA_DIR BASE_URL."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import bpy

import gptimage_addon
from gptimage_addon.blender.host import host
from gptimage_addon.core.request import Service, ServiceKind
from tests.support.scenes import plan_for

if __name__ == "__main__":
    bpy.ops.wm.read_factory_settings()
    gptimage_addon.register()
    host.data_dir = Path(sys.argv[1])
    view = host.submit(plan_for(Service(ServiceKind.COMPATIBLE, sys.argv[2])).job)
    while True:
        host.pump()
        if view.record.sent_at:
            print(view.job.id, flush=True)
        time.sleep(0.02)
