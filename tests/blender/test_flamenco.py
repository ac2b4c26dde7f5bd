# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Flamenco job type: compiled in a JavaScript engine against a stand-in of the Manager's author API, its commands run for real."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import bpy
import dukpy
import pytest

from gptimage_addon.worker.practice import PracticeServer

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "flamenco" / "gptimage_pictures.js"
# What Flamenco 3's Manager offers to a job type, as far as this one may use it, with the Manager's own refusals.
MANAGER = """
function need(value, what) { if (typeof value !== "string" || !value.trim()) throw what + " is required"; return value; }
class AuthoredTask {
    constructor(name, type) { this.name = need(name, "name"); this.type = need(type, "type"); this.commands = []; this.dependencies = []; }
    addCommand(command) { if (!(command instanceof AuthoredCommand)) throw "no command"; this.commands.push(command); }
    addDependency(task) { if (!(task instanceof AuthoredTask)) throw "no task"; this.dependencies.push(task); }
}
class AuthoredCommand { constructor(name, parameters) { this.name = need(name, "name"); this.parameters = parameters; } }
const author = { Task: (name, type) => new AuthoredTask(name, type), Command: (name, parameters) => new AuthoredCommand(name, parameters) };
function frameChunker(range, size) {
    const frames = new Set();
    for (const part of need(range, "range").split(",")) {
        const texts = part.replace("..", "-").split("-");
        if (!texts.every(text => /^ *[0-9]+ *$/.test(text))) throw "invalid range";
        const ends = texts.map(text => parseInt(text));
        for (let frame = ends[0]; frame <= ends[ends.length - 1]; frame++) frames.add(frame);
    }
    const sorted = [...frames].sort((a, b) => a - b), chunks = [];
    for (let i = 0; i < sorted.length; i += size) {
        const runs = [];
        for (const frame of sorted.slice(i, i + size)) {
            const run = runs[runs.length - 1];
            if (run && run[1] + 1 === frame) run[1] = frame; else runs.push([frame, frame]);
        }
        chunks.push(runs.map(([a, b]) => a === b ? `${a}` : b === a + 1 ? `${a},${b}` : `${a}-${b}`).join(","));
    }
    return chunks;
}
const job = { settings: dukpy.settings, tasks: [], addTask(task) { if (!(task instanceof AuthoredTask)) throw "no task"; this.tasks.push(task); } };
"""
RESULT = """
compileJob(job);
({ type: JOB_TYPE, tasks: job.tasks.map(task => ({
    name: task.name, type: task.type, after: task.dependencies.map(other => job.tasks.indexOf(other)), commands: task.commands })) });
"""
# Blender's command line as far as the job type uses it.
BLENDER = """
import sys
from gptimage_addon import __main__
words = sys.argv[1:]
assert words.pop(0) == "--background"
blend = words.pop(0)
online = ["--online-mode"] if words[0] == "--online-mode" and words.pop(0) else []
assert words[:3] == ["--command", "gptimage", "run"]
sys.argv[1:] = [*words[2:], "--blend", blend, *online]
sys.exit(__main__.main())
"""
DEFAULTS = {"jobs_file": "/farm/jobs.json", "data_folder": "/farm/data", "blendfile": "/farm/scene.blend"}


def compiled(**settings: object) -> dict:
    script = SCRIPT.read_text(encoding="utf-8")
    defaults = {entry["key"]: entry["default"] for entry in job_type()["settings"] if "default" in entry}
    return dukpy.evaljs([MANAGER, script, RESULT], settings=defaults | DEFAULTS | settings)


def job_type() -> dict:
    return dukpy.evaljs([SCRIPT.read_text(encoding="utf-8"), "(JOB_TYPE);"])


def value_of(task: dict, option: str) -> str:
    arguments = task["commands"][0]["parameters"]["args"]
    return arguments[arguments.index(option) + 1]


def test_the_settings_are_those_flamenco_knows() -> None:
    found = job_type()
    assert found["label"]
    for entry in found["settings"]:
        assert set(entry) <= {"key", "type", "subtype", "required", "default", "description", "visible", "propargs", "eval", "evalInfo", "editable"}
        assert entry["type"] in {"string", "int32", "float", "bool"} and entry["description"] and ("default" in entry or entry["required"])
        assert entry["visible"] in {"visible", "hidden", "submission", "web"} and entry.get("subtype", "file_path") in {"file_path", "dir_path"}


@pytest.mark.parametrize(("jobs", "chunk", "parts"), [
    ("1-60", 25, ["1-25", "26-50", "51-60"]), ("3, 5-10", 4, ["3,5-7", "8-10"]), ("7", 10, ["7"]), ("1-4", 2, ["1,2", "3,4"]),
])
def test_every_job_is_in_one_task(jobs: str, chunk: int, parts: list[str]) -> None:
    tasks = compiled(jobs=jobs, chunk_size=chunk)["tasks"]
    assert [value_of(task, "--only") for task in tasks] == parts and len({task["name"] for task in tasks}) == len(tasks)
    assert all([command["name"] for command in task["commands"]] == ["exec"] for task in tasks)


@pytest.mark.parametrize("lanes", [1, 2, 3, 50])
def test_no_more_tasks_run_at_once_than_are_allowed(lanes: int) -> None:
    """Played as the Manager does it: whatever may start, starts; the first that started ends first."""
    tasks = compiled(jobs="1-20", chunk_size=2, tasks_at_once=lanes)["tasks"]
    done: set[int] = set()
    running: list[int] = []
    most = 0
    while len(done) < len(tasks):
        running += [i for i, task in enumerate(tasks) if i not in done and i not in running and set(task["after"]) <= done]
        most = max(most, len(running))
        done.add(running.pop(0))
    assert most == min(lanes, 10)


@pytest.mark.parametrize(("budget", "chunks", "share"), [(6.0, 3, "2.0000"), (1.0, 3, "0.3333"), (0.0, 3, None)])
def test_the_budget_is_shared(budget: float, chunks: int, share: str | None) -> None:
    tasks = compiled(jobs=f"1-{chunks}", chunk_size=1, budget=budget, service="openai")["tasks"]
    if share is None:
        assert not any("--budget" in task["commands"][0]["parameters"]["args"] for task in tasks)
    else:
        assert {value_of(task, "--budget") for task in tasks} == {share} and float(share) * chunks <= budget


@pytest.mark.parametrize("settings", [{"jobs": ""}, {"jobs": "a-b"}, {"chunk_size": 0}, {"tasks_at_once": 0}, {"budget": -1.0}])
def test_what_cannot_be_is_refused_when_it_is_submitted(settings: dict) -> None:
    with pytest.raises(dukpy.JSRuntimeError):
        compiled(**settings)


def test_its_commands_make_the_pictures_and_a_requeue_costs_nothing(server: PracticeServer, checkout: Path, tmp_path: Path) -> None:
    scene, blender = tmp_path / "scene.blend", tmp_path / "blender.py"
    bpy.ops.wm.save_as_mainfile(filepath=str(scene), check_existing=False)
    blender.write_text(BLENDER)
    jobs = tmp_path / "jobs.json"
    jobs.write_text(json.dumps({"version": 1, "defaults": {"kind": "texture", "size": "1024x640", "quality": "low"}, "jobs": [
        {"id": str(i), "prompt": f"brick {i}", "save": str(tmp_path / "out" / f"{i}.png")} for i in (1, 2, 3)]}))
    tasks = compiled(jobs="1-3", chunk_size=2, jobs_file=str(jobs), data_folder=str(tmp_path / "data"), blendfile=str(scene),
                     service=server.base_url, budget=1.0)["tasks"]

    def run(task: dict) -> list[str]:
        (command,) = task["commands"]
        exe = {"{blender}": [sys.executable, str(blender)]}[command["parameters"]["exe"]]
        done = subprocess.run([*exe, *command["parameters"]["args"]], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(checkout)},
                              capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return [line["id"] for line in map(json.loads, done.stdout.splitlines())]

    for _ in range(2):
        assert sorted(run(tasks[0])) == ["1", "2"] and len(server.requests) == 2
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["1.png", "2.png"]
        (tmp_path / "out" / "1.png").unlink()
