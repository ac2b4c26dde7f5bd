# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inside a real Blender: the headless run as Blender's own command, with the installed extension and its wheels."""

import json
import subprocess
from pathlib import Path

import bpy
import lab


def run():
    folder = Path(bpy.app.tempdir, "command")
    folder.mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "in.blend"), copy=True)
    jobs = {"version": 1, "defaults": {"quality": "low"}, "jobs": [
        {"id": "wall", "kind": "texture", "prompt": "red brick", "objects": ["Cube"], "save": str(folder / "wall.png")},
        {"id": "sky", "kind": "reference", "prompt": "a lighthouse", "place": "camera"}]}
    (folder / "jobs.json").write_text(json.dumps(jobs))

    def command(*arguments):
        return subprocess.run(
            [bpy.app.binary_path, "--background", str(folder / "in.blend"), "--command", "gptimage", "run", *arguments],
            capture_output=True, text=True, timeout=100)

    priced = command(str(folder / "jobs.json"), "--dry-run")
    assert priced.returncode == 0, priced
    assert [json.loads(line)["state"] for line in priced.stdout.splitlines()] == ["planned"] * 2, priced.stdout
    yield 0.1
    done = command(str(folder / "jobs.json"), "--save", str(folder / "out.blend"), "--data", str(folder / "data"))
    lab.say(done.stdout, done.stderr)
    assert done.returncode == 0, done
    lines = {line["id"]: line for line in map(json.loads, done.stdout.splitlines())}
    assert {line["state"] for line in lines.values()} == {"done"} and len(lines) == 2
    assert (folder / "wall.png").stat().st_size > 10_000
    yield 0.1
    # A key is asked for before anything is sent, and going online is not assumed.
    assert command(str(folder / "jobs.json"), "--service", "openai").returncode == 3
    assert command(str(folder / "no.json")).returncode == 2
    yield 0.1
    bpy.ops.wm.open_mainfile(filepath=str(folder / "out.blend"))
    yield 1.0
    material = bpy.data.objects["Cube"].active_material
    assert material.name == "Red Brick" and material.node_tree.nodes["GPT Image"].image.packed_file
    assert bpy.context.scene.camera.data.background_images[0].image.name.startswith("A Lighthouse")
    lab.shot("1_opened")


lab.run(run())
