# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inside a real Blender: a compatible server set up as an artist would, its key typed into the dialog, then a failure and a retry."""

import json
import os
import subprocess
import sys
from pathlib import Path

import bpy
import lab

sys.path.insert(0, os.path.dirname(__file__))
import steps  # noqa: E402

TOKEN = "sk-typed-by-the-artist-1234"


def practice_server(folder):
    """The practice service as a process of its own: here it plays somebody's compatible server."""
    paths = sys.modules[f"{steps.PACKAGE}.blender.paths"]
    folder.mkdir()
    (folder / "token").write_text(TOKEN)
    server = subprocess.Popen(
        [sys.executable, "-m", "gptimage_addon.worker.practice", "--port", "0", "--token-file", str(folder / "token")],
        stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": f"{paths.PACKAGE_DIR.parent}:{paths.wheels_dir()}"})
    return server, json.loads(server.stdout.readline())["base_url"]


def run():
    host = steps.host()
    server, base_url = practice_server(Path(bpy.app.tempdir, "server"))
    preferences = bpy.context.preferences.addons[steps.PACKAGE].preferences
    preferences.service = 'COMPATIBLE'
    preferences.base_url = base_url
    area = lab.area("VIEW_3D")
    yield from lab.open_tab("VIEW_3D", "GPT Image")
    yield 0.5

    # Without the key the server refuses; the queue says why and offers the settings.
    yield from steps.type_prompt("VIEW_3D", "oak planks")
    yield from steps.press("VIEW_3D", "gptimage.generate_texture")
    yield from lab.until(lambda: any(view.record.state.is_final for view in host.jobs.values()), 60)
    yield 1.0
    lab.shot("1_refused")
    (view,) = host.jobs.values()
    assert view.record.state == "failed" and view.error.repair == "OPEN_KEY_SETTINGS", view.record
    assert not bpy.data.images.get("Oak Planks")

    area.ui_type = "PREFERENCES"
    bpy.context.preferences.active_section = 'ADDONS'
    bpy.ops.preferences.addon_expand(module=steps.PACKAGE)
    bpy.context.window_manager.addon_search = "GPT Image"
    yield 2.0
    x, y = yield from lab.find_button("PREFERENCES", "gptimage.store_key", where="WINDOW", fx=0.8)
    yield from lab.click(x, y)
    yield 1.0
    lab.shot("2_dialog")
    yield from lab.type_text(TOKEN)
    yield from lab.key("Return")
    yield 0.5
    lab.shot("3_typed")
    yield from lab.key("Return")
    yield from lab.until(lambda: any(state.source for state in host.keys.values()), 20)
    x, y = yield from lab.find_button("PREFERENCES", "gptimage.test_connection", where="WINDOW")
    yield from lab.click(x, y)
    yield from lab.until(lambda: host.connection is not None, 20)
    yield 1.0
    lab.shot("4_connected")
    assert host.connection.models and not host.connection.error, host.connection

    lab.area("PREFERENCES").ui_type = "VIEW_3D"
    yield 1.0
    yield from lab.open_tab("VIEW_3D", "GPT Image")
    yield 0.5
    yield from steps.press("VIEW_3D", "gptimage.retry_job", fx=0.66)
    yield from steps.all_landed()
    lab.shot("5_retried")
    assert bpy.data.objects["Cube"].active_material.name.startswith("Oak Planks")
    server.kill()


lab.run(run())
