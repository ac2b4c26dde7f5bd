# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that are begun again, limited or cut into pieces: what a farm does. The oracle of what was paid is the server's own list."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import bpy
import numpy as np
import pytest

from gptimage_addon.blender.host import host
from gptimage_addon.core.pricing import Price, Usage
from gptimage_addon.operators import headless, plan
from gptimage_addon.worker.practice import Fault, PracticeServer
from tests.support.pictures import decode, encode
from tests.support.runs import Run, job_file, run_here, stdout_in

BRICK = {"kind": "texture", "prompt": "weathered red brick"}
REFUSED = Fault(status=400, body={"error": {"code": "moderation_blocked", "message": "No"}})


def sent(server: PracticeServer) -> int:
    return len([request for request in server.requests if request.method == "POST"])


def run(tmp_path: Path, server: PracticeServer, jobs: Path, *options: object) -> Run:
    return run_here(tmp_path, jobs, "--service", server.base_url, "--data", tmp_path / "data", *options)


@pytest.fixture
def quarter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every request of a compatible server costs 25 cents."""
    monkeypatch.setattr(plan.pricing, "estimate", lambda request, kind: Price(0.25, Usage(), True, True))


def test_what_was_made_is_not_paid_again(server: PracticeServer, tmp_path: Path) -> None:
    wall = tmp_path / "wall.png"
    entries = [{"id": "wall", "save": str(wall), **BRICK}, {"id": "another", **BRICK}, {"id": "two", "kind": "reference", "prompt": "a sky", "n": 2}]
    jobs = job_file(tmp_path, *entries)
    first = run(tmp_path, server, jobs)
    assert first.status == 0 and sent(server) == 3 and not any(line["report"]["reused"] for line in first.lines.values())
    picture = wall.read_bytes()
    wall.unlink()

    host.reset()
    second = run(tmp_path, server, jobs)
    assert second.status == 0 and sent(server) == 3
    assert wall.read_bytes() == picture                 # two jobs that ask for the same have two pictures, and each its own again
    for name, line in second.lines.items():
        assert line["state"] == "done" and line["report"]["reused"] and line["cost_usd"] == 0 and line["usage"] is None
        assert line["report"]["job"] == first.lines[name]["report"]["job"] and len(line["images"]) == len(first.lines[name]["images"])

    host.reset()
    assert [line["report"]["reused"] for line in run(tmp_path, server, jobs, "--dry-run").lines.values()] == [True] * 3
    more = job_file(tmp_path, *entries, {"id": "third", **BRICK})       # each earlier result is one line's
    planned = run(tmp_path, server, more, "--dry-run").lines
    assert [line["report"]["reused"] for line in planned.values()] == [True] * 3 + [False] and sent(server) == 3
    changed = job_file(tmp_path, {**entries[0], "quality": "medium"}, *entries[1:])
    third = run(tmp_path, server, changed)
    assert sent(server) == 4 and [line["report"]["reused"] for line in third.lines.values()].count(False) == 1

    host.reset()
    assert run(tmp_path, server, jobs, "--again").status == 0 and sent(server) == 7


def test_what_is_uncertain_is_told_and_not_sent(server: PracticeServer, tmp_path: Path) -> None:
    server._script.append(Fault(status=504, body="<html>"))
    jobs = job_file(tmp_path, {"id": "wall", **BRICK})
    for _ in range(2):
        line = run(tmp_path, server, jobs).lines["wall"]
        assert line["state"] == "uncertain" and "--again" in line["error"]["hint"] and sent(server) == 1
        host.reset()
    assert run(tmp_path, server, jobs, "--again").lines["wall"]["state"] == "done" and sent(server) == 2
    host.reset()
    assert run(tmp_path, server, jobs).lines["wall"]["state"] == "done" and sent(server) == 2


def test_what_a_killed_run_has_under_way_is_waited_for(server: PracticeServer, checkout: Path, tmp_path: Path) -> None:
    server._script.append(Fault(delay_s=3.0))
    driver = subprocess.Popen([sys.executable, "-m", "tests.support.host_driver", str(tmp_path / "data"), server.base_url], cwd=checkout,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    with driver:
        job_id = next(line for line in iter(driver.stdout.readline, b"") if line.startswith(b"20")).decode().strip()
        driver.kill()
    line = run(tmp_path, server, job_file(tmp_path, {"id": "wall", **BRICK})).lines["wall"]
    assert line["state"] == "done" and line["report"]["job"] == job_id and line["report"]["reused"] and sent(server) == 1


def test_a_run_goes_on_with_its_file(server: PracticeServer, tmp_path: Path) -> None:
    scene, out = tmp_path / "in.blend", tmp_path / "out.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(scene), check_existing=False)
    jobs = job_file(tmp_path, {"id": "wall", "objects": ["Cube"], **BRICK}, {"id": "sky", "kind": "reference", "prompt": "a sky"})
    server._script.extend([None, REFUSED])
    first = run(tmp_path, server, jobs, "--blend", scene, "--save", out, "--concurrency", "1")
    assert first.status == 1 and [first.lines[name]["state"] for name in ("wall", "sky")] == ["done", "failed"]
    for _ in range(2):
        host.reset()
        again = run(tmp_path, server, jobs, "--blend", scene, "--save", out, "--resume")
        assert again.status == 0 and again.lines["wall"]["images"] == first.lines["wall"]["images"] and sent(server) == 3
        assert len([each for each in bpy.data.images if each.get("gptimage")]) == 2 and len(bpy.data.objects["Cube"].material_slots) == 1


def test_what_follows_a_texture_is_not_paid_again_either(server: PracticeServer, tmp_path: Path) -> None:
    scene, out = tmp_path / "in.blend", tmp_path / "out.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(scene), check_existing=False)
    jobs = job_file(tmp_path, {"id": "wall", "objects": ["Cube"], "heal": "x", "maps": ["normal"], "maps_from": "model", **BRICK})
    first = run(tmp_path, server, jobs, "--blend", scene, "--save", out).lines["wall"]
    assert first["state"] == "done" and sent(server) == 3 and len(first["files"]) == 2
    for options in ((), ("--resume",)):
        host.reset()
        again = run(tmp_path, server, jobs, "--blend", scene, "--save", out, *options).lines["wall"]
        assert again["state"] == "done" and again["files"] == first["files"] and sent(server) == 3, options
    assert len([each for each in bpy.data.images if each.get("gptimage")]) == 3         # as made, healed, and the normals


def test_a_budget_stops_what_does_not_fit(server: PracticeServer, quarter: None, tmp_path: Path) -> None:
    jobs = job_file(tmp_path, *({"id": str(i), "kind": "reference", "prompt": f"sky {i}"} for i in range(4)))
    first = run(tmp_path, server, jobs, "--budget", "0.60")
    assert first.status == 1 and sent(server) == 2
    assert [first.lines[str(i)]["state"] for i in range(4)] == ["done", "done", "failed", "failed"]
    error = first.lines["3"]["error"]
    assert error["type"] == "QuotaError" and "of the run's budget of $0.60 $0.10 is left" in error["message"] and "--budget" in error["hint"]
    assert first.lines["3"]["cost_usd"] == 0 and "0.25" in str(first.lines["3"]["report"]["estimate_usd"])
    assert host.budget.run_usd is None


def test_what_was_spent_is_told(server: PracticeServer, quarter: None, tmp_path: Path) -> None:
    assert spending(tmp_path) == (0, [{"day_usd": 0, "month_usd": 0}])
    run(tmp_path, server, job_file(tmp_path, {"id": "a", **BRICK}))
    table = tmp_path / "out.csv"
    assert spending(tmp_path, "--csv", table) == (0, [{"day_usd": 0.25, "month_usd": 0.25, "rows": 1}])
    assert table.read_text(encoding="utf-8-sig").splitlines()[1].split(",")[2] == "texture"
    assert spending(tmp_path, "--csv", tmp_path / "none" / "out.csv")[0] == 2


def spending(tmp_path: Path, *options: object) -> tuple[int, list[dict]]:
    with stdout_in(tmp_path / "stdout"):
        status = headless.main(["spending", "--data", str(tmp_path / "data"), *map(str, options)])
    return status, [json.loads(line) for line in (tmp_path / "stdout").read_text().splitlines()]


def test_a_table_and_a_part_of_it(server: PracticeServer, tmp_path: Path) -> None:
    table = tmp_path / "jobs.csv"
    table.write_text("id,kind,prompt,size,quality\n" + "".join(f"{i},texture,brick {i},1024x640,low\n" for i in range(1, 6)))
    assert list(run(tmp_path, server, table, "--only", "2-3,5", "--dry-run").lines) == ["2", "3", "5"]
    assert list(run(tmp_path, server, table, "--dry-run").lines) == ["1", "2", "3", "4", "5"]
    found = run(tmp_path, server, table, "--only", "9")
    assert found.status == 2 and "--only: The file has 5 jobs" in found.stderr
    table.write_text(table.read_text() + "6,texture,,1024x640,low\n")
    assert "line 7.prompt: " in run(tmp_path, server, table).stderr and not sent(server)
    table.write_text("id,kind,prompt,size\n1,texture,a,1024x640,low\n")
    assert "line 2: " in run(tmp_path, server, table).stderr
    for options in (("--budget", "-1"), ("--budget", "much"), ("--concurrency", "0"), ("--only", "0-2"), ("--only", "a"), ("--only", "5-3")):
        assert run(tmp_path, server, table, *options).status == 2


def test_lines_are_json_whatever_happens(server: PracticeServer, quarter: None, tmp_path: Path) -> None:
    """Each job of the file has one line, also where the budget is used up before the first."""
    jobs = job_file(tmp_path, {"id": "a", **BRICK})
    found = run(tmp_path, server, jobs, "--budget", "0")
    assert [json.loads(line)["state"] for line in found.stdout.splitlines()] == ["failed"] and not sent(server)


def test_equal_jobs_of_one_line_have_each_their_own_picture_again(server: PracticeServer, tmp_path: Path) -> None:
    jobs = job_file(tmp_path, {"id": "doors", "kind": "reference", "prompt": "Doors", "prompts": ["a red door", "a red door"]})
    first = run(tmp_path, server, jobs).lines["doors"]
    host.reset()
    again = run(tmp_path, server, jobs).lines["doors"]
    assert again["state"] == "done" and again["report"]["reused"] and sent(server) == 2
    assert sorted(again["report"]["jobs"][:2]) == sorted(first["report"]["jobs"][:2])
    host.reset()
    more = job_file(tmp_path, {"id": "doors", "kind": "reference", "prompt": "Doors", "prompts": ["a red door"] * 3})
    assert run(tmp_path, server, more).lines["doors"]["state"] == "done" and sent(server) == 3


def test_what_is_made_from_other_jobs_is_recognized_with_them(server: PracticeServer, tmp_path: Path) -> None:
    jobs = job_file(tmp_path, {"id": "knight", "kind": "reference", "prompt": "a knight", "turnaround": ["front", "right"], "one_sheet": False})
    assert run(tmp_path, server, jobs).status == 0 and sent(server) == 2
    host.reset()
    planned = run(tmp_path, server, jobs, "--dry-run").lines["knight"]
    assert planned["report"]["reused"] and planned["report"]["estimate_usd"] == 0
    host.reset()
    assert run(tmp_path, server, jobs).lines["knight"]["report"]["reused"] and sent(server) == 2


@pytest.mark.parametrize("script", [[REFUSED], [None, REFUSED]])
def test_a_touch_up_of_which_half_failed_has_all_islands_in_the_end(server: PracticeServer, tmp_path: Path, script: list[Fault | None]) -> None:
    picture, out = np.full((640, 2200, 3), 128, np.uint8), tmp_path / "out.png"
    (tmp_path / "in.png").write_bytes(encode(picture))
    mask = np.zeros((640, 2200), np.uint8)
    mask[:, :1030] = mask[:, -1030:] = 255      # each as large as the service makes pictures
    (tmp_path / "mask.png").write_bytes(encode(mask))
    jobs = job_file(tmp_path, {"id": "wall", "kind": "touch_up", "prompt": "a red door", "image": str(tmp_path / "in.png"), "separate": True,
                               "context": 0, "mask": {"image": str(tmp_path / "mask.png")}, "save": str(out)}, defaults={"quality": "low"})
    server._script.extend(script)
    assert run(tmp_path, server, jobs, "--concurrency", "1").status == 1 and sent(server) == 2
    host.reset()
    again = run(tmp_path, server, jobs)
    assert again.status == 0 and sent(server) == 3, again.stdout
    changed = np.abs(decode(out.read_bytes())[..., :3].astype(int) - 128).max(axis=2) > 8
    assert changed[:, :1100].any() and changed[:, 1100:].any()


def test_an_earlier_touch_up_lands_for_the_image_that_asks(server: PracticeServer, tmp_path: Path) -> None:
    """The picture counts, not its name."""
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(encode(np.full((640, 1024, 3), 128, np.uint8)))
        host.reset()
        jobs = job_file(tmp_path, {"id": "wall", "kind": "touch_up", "prompt": "a red door", "image": str(tmp_path / name),
                                   "mask": {"whole": True}}, defaults={"quality": "low"})
        (image,) = run(tmp_path, server, jobs).lines["wall"]["images"]
        assert bpy.data.images[image]["gptimage"]["parent"] == Path(name).stem
    assert sent(server) == 1


def test_what_is_made_one_after_another_is_refused_before_a_batch_is_sent(server: PracticeServer, tmp_path: Path) -> None:
    jobs = job_file(tmp_path, {"id": "wall", **BRICK}, {"id": "knight", "kind": "reference", "prompt": "a knight", "turnaround": ["front", "right"],
                                                        "one_sheet": False})
    found = run(tmp_path, server, jobs, "--batch")
    assert found.status == 2 and found.stderr.startswith("gptimage: jobs[1].turnaround: ") and not sent(server)
    assert run(tmp_path, server, jobs, "--batch", "--only", "1").status == 0


def test_a_contact_sheet_is_a_png_beside_jpegs(server: PracticeServer, tmp_path: Path) -> None:
    jobs = job_file(tmp_path, {"id": "doors", "kind": "reference", "prompt": "Doors", "prompts": ["a red door", "a blue door"], "output_format": "jpeg",
                               "save": str(tmp_path / "doors.jpeg")})
    files = run(tmp_path, server, jobs).lines["doors"]["files"]
    assert [Path(path).name for path in files] == ["doors-1.jpeg", "doors-2.jpeg", "doors-3.png"]
    assert [Path(path).read_bytes()[:2] for path in files] == [b"\xff\xd8", b"\xff\xd8", b"\x89P"]
