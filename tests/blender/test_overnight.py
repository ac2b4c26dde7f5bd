# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Batches from Blender and headless: half the price, sent once, collected later, also by another process."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import bpy
import pytest

from gptimage_addon.blender.host import host
from gptimage_addon.core.errors import QuotaError
from gptimage_addon.core.request import JobState, Service
from gptimage_addon.library.journal import Journal
from gptimage_addon.worker.practice import PracticeServer
from tests.support.runs import job_file, run_here, run_process
from tests.support.scenes import compatible, job_folders, plan_for, pump_until

SMALL = {"prompt": "red brick", "size": "1024x640", "quality": "low", "texture_place": "image"}


def test_what_is_sent_overnight_costs_half_and_lands(cube: bpy.types.Object) -> None:
    assert bpy.ops.gptimage.generate_texture(**SMALL | {"texture_place": "replace_slot"}, batch=True) == {'FINISHED'}
    assert bpy.ops.gptimage.generate_texture(**SMALL) == {'FINISHED'}
    batched, plain = host.jobs.values()
    assert batched.job.estimate_usd == pytest.approx(plain.job.estimate_usd / 2)
    assert bpy.ops.gptimage.wait(timeout_s=60) == {'FINISHED'}
    assert batched.record.state is JobState.DONE and batched.record.batch, batched.record
    assert batched.record.result.cost_usd == pytest.approx(plain.record.result.cost_usd / 2)
    assert cube.active_material.name == "Red Brick"


def test_what_waits_is_sent_overnight_instead_and_once() -> None:
    host.pause(True)
    for prompt in ("red brick", "blue tiles"):
        assert bpy.ops.gptimage.generate_texture(**SMALL | {"prompt": prompt}) == {'FINISHED'}
    old = list(host.jobs)
    host.wait(0.5)
    assert bpy.ops.gptimage.send_overnight() == {'FINISHED'}
    host.pause(False)
    assert bpy.ops.gptimage.wait(timeout_s=60) == {'FINISHED'}
    assert not set(old) & set(host.jobs)
    views = list(host.jobs.values())
    assert {view.job.prompt for view in views} == {"red brick", "blue tiles"}
    assert all(view.record.state is JobState.DONE and view.landed.images for view in views)
    assert len({view.record.batch for view in views}) == 1
    assert [host.journal.read_record(job_id).state for job_id in old] == [JobState.CANCELLED] * 2


def test_what_has_left_meanwhile_stays_as_it_is(server: PracticeServer) -> None:
    """The button was pressed while it still waited, and it left before the helper heard of it."""
    server.latency_s = 2.0
    view = host.submit(plan_for(compatible(server), prompt="wall").job)
    while not [request for request in server.requests if request.method == "POST"]:
        host._worker.wait_readable(0.05)        # nothing is heard: for this Blender it waits
    assert view.is_waiting and bpy.ops.gptimage.send_overnight() == {'FINISHED'}
    pump_until(lambda: not host.is_busy)
    assert list(host.jobs.values()) == [view] and view.landed and not view.instead
    assert len([request for request in server.requests if request.method == "POST"]) == 1


def test_what_others_are_made_from_is_not_sent_overnight() -> None:
    host.pause(True)
    assert bpy.ops.gptimage.generate_turnaround(prompt="a knight", quality="low", views={"front", "right"}, one_sheet=False) == {'FINISHED'}
    assert len(host.jobs) > 1 and not bpy.ops.gptimage.send_overnight.poll()
    plain = plan_for(Service(), prompt="wall").job
    host.submit(plain)
    assert bpy.ops.gptimage.send_overnight() == {'FINISHED'}
    assert [job_id for job_id, view in host.jobs.items() if view.instead] == [plain.id]


def test_what_is_called_back_is_sent_overnight_also_when_the_helper_dies_meanwhile() -> None:
    host.pause(True)
    assert bpy.ops.gptimage.generate_texture(**SMALL) == {'FINISHED'}
    (old,) = host.jobs.values()
    pump_until(lambda: host.is_ready and host.journal.read_record(old.job.id).worker)
    os.kill(host.worker_pid, signal.SIGSTOP)
    assert bpy.ops.gptimage.send_overnight() == {'FINISHED'}
    os.kill(host.worker_pid, signal.SIGKILL)
    host.paused = False
    pump_until(lambda: not host.is_busy)
    (view,) = host.jobs.values()
    assert view.job.request.batch and view.landed and host.journal.read_record(old.job.id).state is JobState.CANCELLED


def test_what_cannot_be_sent_overnight_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    host.pause(True)
    assert bpy.ops.gptimage.generate_texture(**SMALL) == {'FINISHED'}
    (old,) = host.jobs.values()

    def refuse(*_: object) -> None:
        raise QuotaError("The budget of the day is used up")

    monkeypatch.setattr(host.budget, "check", refuse)
    assert bpy.ops.gptimage.send_overnight() == {'FINISHED'}
    pump_until(lambda: not host.is_busy)
    assert list(host.jobs.values()) == [old] and old.record.state is JobState.CANCELLED and "budget" in host.trouble.message


def test_a_job_without_its_folder_is_not_sent_overnight() -> None:
    host.pause(True)
    assert bpy.ops.gptimage.generate_texture(**SMALL) == {'FINISHED'}
    (old,) = host.jobs.values()
    pump_until(lambda: host.is_ready and host.journal.read_record(old.job.id).worker)
    shutil.rmtree(host.journal.folder(old.job.id))
    with pytest.raises(RuntimeError, match="The job's folder is gone"):
        bpy.ops.gptimage.send_overnight()
    assert not old.instead


def test_a_file_is_sent_overnight_and_collected_by_another_process(checkout: Path, tmp_path: Path) -> None:
    jobs = job_file(tmp_path, {"id": "a", "kind": "texture", "prompt": "red brick", "save": str(tmp_path / "a.png")},
                    {"id": "b", "kind": "texture", "prompt": "blue tiles", "objects": ["Cube"]})
    data = tmp_path / "data"
    nothing = run_here(tmp_path, jobs, "--data", data, "--collect")
    assert nothing.status == 1 and nothing.lines["a"]["error"]["field"] == "--collect" and not (data / "jobs").exists()
    host.reset()
    sent = run_process(checkout, jobs, "--data", data, "--batch")
    assert sent.status == 0, sent.stderr
    assert {line["state"] for line in sent.lines.values()} <= {"sending", "receiving", "finishing", "done"}
    assert len(sent.lines["a"]["report"]["batches"]) == 1
    out = tmp_path / "out.blend"
    found = run_process(checkout, jobs, "--data", data, "--collect", "--save", out)
    assert found.status == 0, found.stderr
    assert {line["state"] for line in found.lines.values()} == {"done"}
    assert found.lines["a"]["files"] == [str(tmp_path / "a.png")]
    assert found.lines["a"]["report"]["batches"] == sent.lines["a"]["report"]["batches"]
    assert found.lines["a"]["report"]["would_have_cost_usd"] > 0
    assert len(list((data / "batches").glob("*-output.jsonl"))) == 1 and len(list((data / "jobs").iterdir())) == 2
    bpy.ops.wm.open_mainfile(filepath=str(out))
    assert bpy.data.objects["Cube"].active_material.name == "Blue Tiles"


def test_a_batch_that_another_helper_looks_after_is_awaited(checkout: Path, tmp_path: Path, server: PracticeServer) -> None:
    server.latency_s = server.desk._latency_s = 4.0
    jobs = job_file(tmp_path, {"id": "a", "kind": "texture", "prompt": "red brick", "batch": True})
    data = tmp_path / "data"
    with subprocess.Popen([sys.executable, "-m", "gptimage_addon", "run", jobs, "--data", data, "--service", server.base_url], cwd=checkout,
                          env=os.environ | {"OPENAI_API_KEY": server.token}, stdout=subprocess.DEVNULL) as other:
        pump_until(lambda: any(record.batch for record in map(Journal(data).read_record, job_folders(data))))
        found = run_here(tmp_path, jobs, "--data", data, "--service", server.base_url, "--collect")
        assert other.wait(30) == 0
    assert found.status == 0 and found.lines["a"]["state"] == "done" and found.lines["a"]["images"], found.stdout
    assert len([request for request in server.requests if request.path.endswith("/batches")]) == 1


def test_batches_are_sent_or_collected(tmp_path: Path) -> None:
    run = run_here(tmp_path, job_file(tmp_path, {"id": "a", "kind": "texture", "prompt": "red brick"}), "--batch", "--collect")
    assert run.status == 2 and run.stderr.startswith("gptimage: --collect")
