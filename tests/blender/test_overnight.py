# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Batches from Blender and headless: half the price, sent once, collected later, also by another process."""

from __future__ import annotations

from pathlib import Path

import bpy
import pytest

from gptimage_addon.blender.host import host
from gptimage_addon.core.request import JobState
from tests.support.runs import job_file, run_here, run_process

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


def test_batches_are_sent_or_collected(tmp_path: Path) -> None:
    run = run_here(tmp_path, job_file(tmp_path, {"id": "a", "kind": "texture", "prompt": "red brick"}), "--batch", "--collect")
    assert run.status == 2 and run.stderr.startswith("gptimage: --collect")
