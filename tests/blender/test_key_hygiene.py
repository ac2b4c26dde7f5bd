# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""After a full run with marked keys, a search finds them nowhere but where they belong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gptimage_addon.worker.practice import PracticeServer

IN_ENVIRONMENT = "sk-marked-environment-7f3a91c2"
ENTERED = "sk-marked-entered-5be04d18"
MARK = b"sk-marked"

# A session as an artist has it: the add-on enabled, so that its preferences are in the user's preferences file.
SESSION = """
import sys
from pathlib import Path
import bpy

bpy.ops.wm.read_factory_settings()
assert bpy.ops.preferences.addon_enable(module="gptimage_addon") == {'FINISHED'}
from gptimage_addon.blender.host import host
from gptimage_addon.blender.preferences import read_preferences

home, base_url, entered = Path(sys.argv[1]), sys.argv[2], sys.stdin.readline().strip()
preferences = bpy.context.preferences.addons["gptimage_addon"].preferences
preferences.service, preferences.base_url, preferences.data_dir = 'COMPATIBLE', base_url, str(home / "data")
assert bpy.ops.gptimage.store_key('EXEC_DEFAULT', key=entered) == {'FINISHED'}
assert host.wait(30.0)
state = host.keys[read_preferences().service]
assert bpy.ops.gptimage.generate_texture(prompt="red brick", quality="low", size="1024x640") == {'FINISHED'}
print("running", flush=True)
assert sys.stdin.readline()
assert bpy.ops.gptimage.wait(timeout_s=60) == {'FINISHED'}
(view,) = host.jobs.values()
assert view.landed and view.landed.complete, view.record
assert bpy.ops.gptimage.test_connection() == {'FINISHED'}
assert host.wait(30.0) and host.connection.error is None
bpy.ops.wm.save_as_mainfile(filepath=str(home / "scene.blend"), check_existing=False)
bpy.ops.wm.save_userpref()
remembered = bpy.context.window_manager.operator_properties_last("gptimage.store_key")
assert not (remembered and remembered.key), "Blender remembers the key as the operator's last value"
print("source", state.source, flush=True)
worker = host.stop()
assert worker.wait(20.0)
bpy.ops.preferences.addon_disable(module="gptimage_addon")
"""


def command_lines() -> list[bytes]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found.append((entry / "cmdline").read_bytes())
            except OSError:
                pass                    # it has ended meanwhile
    return found


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs /proc for the list of processes")
@pytest.mark.parametrize("source", ["environment", "file"])
def test_a_key_is_found_nowhere(checkout: Path, tmp_path: Path, source: str) -> None:
    """Once with a key in the environment beside the entered one, once without a keychain, when a file has to do."""
    home = tmp_path / "home"
    home.mkdir()
    key = IN_ENVIRONMENT if source == "environment" else ENTERED
    env = {name: value for name, value in os.environ.items() if name != "OPENAI_API_KEY"}
    env |= {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "config"), "BLENDER_USER_RESOURCES": str(home / "blender"),
            "TMPDIR": str(tmp_path / "temp"), "PYTHONPATH": str(checkout),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
    (tmp_path / "temp").mkdir()
    if source == "environment":
        env["OPENAI_API_KEY"] = IN_ENVIRONMENT
        env["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
    with PracticeServer(token=key, latency_s=0.5) as server:
        session = subprocess.Popen([sys.executable, "-c", SESSION, str(home), server.base_url], cwd=home, env=env, text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        with session:
            session.stdin.write(ENTERED + "\n")
            session.stdin.flush()
            said = session.stdout.readline()
            while said and said != "running\n":
                said = session.stdout.readline()
            lines = command_lines()
            out, err = session.communicate("go on\n", timeout=90)
        assert session.returncode == 0, err
        assert any(request.has_authorization for request in server.requests)
    assert f"source {source}" in out
    assert any(b"worker/__main__.py" in line and str(checkout).encode() in line for line in lines), "the list has no worker"
    assert not [line for line in lines if MARK in line]
    assert MARK.decode() not in out + err

    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    names = {path.name for path in files}
    assert {"scene.blend", "userpref.blend", "request.json", "answer.raw", "worker.log"} <= names
    holders = [path for path in files if MARK in path.read_bytes()]
    # The one that was entered is kept where only its owner can read it, as there is no keychain; the other nowhere.
    (keys,) = holders
    assert keys.name == "keys.json" and home / "config" in keys.parents
    assert list(json.loads(keys.read_bytes()).values()) == [ENTERED]
    assert keys.stat().st_mode & 0o077 == 0, "others can read it"
