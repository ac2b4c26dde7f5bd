# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Views on empties, measured in scene units with the empties' own matrices."""

from __future__ import annotations

from pathlib import Path

import bpy
import pytest
from mathutils import Vector

from gptimage_addon.blender.host import JobView, host
from gptimage_addon.blender.images import provenance
from gptimage_addon.core.request import JobState
from tests.support.runs import job_file, run_here

ROUND = 5e-6
# What the right and the up of a picture are in the world, in Blender's view of that name.
SEEN = {"front": ((1, 0, 0), (0, 0, 1)), "right": ((0, 1, 0), (0, 0, 1)), "back": ((-1, 0, 0), (0, 0, 1)),
        "left": ((0, -1, 0), (0, 0, 1)), "top": ((1, 0, 0), (0, 1, 0))}


def generate(**properties: object) -> list[JobView]:
    before = set(host.jobs)
    assert bpy.ops.gptimage.generate_turnaround(prompt="a small blue robot", quality="low", **properties) == {'FINISHED'}
    assert bpy.ops.gptimage.wait(timeout_s=120) == {'FINISHED'}
    return [view for job_id, view in host.jobs.items() if job_id not in before]


def on_picture(empty: bpy.types.Object, x: float, y: float) -> Vector:
    """Where a pixel's corner (from the top left) of an image empty lies in the world.

    Source: overlay_images.cc, OVERLAY_empty_image: the longer side is empty_display_size, the offset in shares of the sides.
    """
    width, height = empty.data.size
    scale = empty.empty_display_size / max(width, height)
    offset = empty.empty_image_offset
    local = Vector(((x / width + offset[0]) * width * scale, (1 - y / height + offset[1]) * height * scale, 0.0))
    return empty.matrix_world @ local


def check(empties: list[bpy.types.Object], height_m: float) -> None:
    for empty in empties:
        facts = provenance(empty.data)
        right, up = SEEN[facts["view"]]
        turn = empty.matrix_world.to_3x3()
        assert (turn @ Vector((1, 0, 0)) - Vector(right)).length < ROUND
        assert (turn @ Vector((0, 1, 0)) - Vector(up)).length < ROUND
        x0, y0, x1, y1 = facts["subject"]
        foot, head = on_picture(empty, (x0 + x1) / 2, y1), on_picture(empty, (x0 + x1) / 2, y0)
        if facts["view"] == "top":
            assert (foot + head).length < 1e-4              # its middle in the middle
            continue
        assert abs(foot.z) < 1e-4 and abs(head.z - height_m) < 1e-4
        assert abs(foot.dot(Vector(right))) < 1e-4           # on the axis


@pytest.mark.parametrize("one_sheet", [True, False])
def test_views_stand_on_the_axes_at_one_scale(one_sheet: bool) -> None:
    views = {"front", "right", "back", "top"}
    jobs = generate(views=views, one_sheet=one_sheet, height_m=2.5)
    assert [view.record.state for view in jobs] == [JobState.DONE] * (1 if one_sheet else 4)
    (collection,) = (each for each in bpy.data.collections if "Turnaround" in each.name)
    empties = list(collection.objects)
    assert {provenance(empty.data)["view"] for empty in empties} == views
    bpy.context.view_layer.update()
    check(empties, 2.5)
    # From above it is as wide as from the front.
    widths = {}
    for empty in empties:
        x0, y0, x1, _ = provenance(empty.data)["subject"]
        widths[provenance(empty.data)["view"]] = (on_picture(empty, x1, y0) - on_picture(empty, x0, y0)).length
    assert abs(widths["top"] - widths["front"]) < 1e-4


def test_views_of_their_own_are_made_with_the_first_as_reference() -> None:
    jobs = generate(views={"front", "back"}, one_sheet=False, size="1024x1536")
    first, second = (view.job for view in jobs)
    assert not first.after and second.after == (first.id,)
    (sent,) = second.request.images
    assert (host.journal.folder(second.id) / sent.path).read_bytes() == (host.journal.folder(first.id) / "results/0.png").read_bytes()
    assert "from the front" in first.request.prompt and "from behind" in second.request.prompt
    assert "1. the first view of the same subject" in second.request.prompt


def test_no_view_is_refused_with_its_cure() -> None:
    with pytest.raises(RuntimeError, match="Choose at least one side"):
        bpy.ops.gptimage.generate_turnaround(prompt="a robot", views=set())
    assert not host.jobs


def test_headless_turnarounds_count_every_view(tmp_path: Path) -> None:
    job = {"kind": "reference", "prompt": "a small blue robot", "quality": "low"}
    jobs = job_file(tmp_path, {**job, "id": "sheet", "turnaround": ["back", "front"], "save": str(tmp_path / "robot.png")},
                    {**job, "id": "each", "turnaround": ["front", "right"], "one_sheet": False, "place": "image"})
    run = run_here(tmp_path, jobs, "--data", tmp_path / "data")
    assert run.status == 0, run.stderr
    assert run.lines["sheet"]["files"] == [str(tmp_path / "robot-1.png"), str(tmp_path / "robot-2.png")]
    assert len(run.lines["sheet"]["images"]) == 2 and len(run.lines["each"]["files"]) == 2
    assert run.lines["each"]["usage"][1]["input_tokens_details"]["image_tokens"] > 0       # the first view was sent along
    (collection,) = (each for each in bpy.data.collections if "Turnaround" in each.name)
    assert {provenance(empty.data)["view"] for empty in collection.objects} == {"front", "back"}


@pytest.mark.parametrize(("more", "field"), [
    ({"turnaround": ["below"]}, "jobs[0].views"), ({"turnaround": ["front"], "place": "camera"}, "jobs[0].place"),
    ({"place": "axes"}, "jobs[0].place"), ({"turnaround": ["front"], "height_m": 0}, "jobs[0].height_m"),
    ({"turnaround": ["front"], "n": 2}, "jobs[0].n"), ({"turnaround": ["front"], "output_format": "jpeg"}, "jobs[0].output_format"),
])
def test_what_makes_no_sense_is_refused_before_anything_is_sent(more: dict[str, object], field: str, tmp_path: Path) -> None:
    run = run_here(tmp_path, job_file(tmp_path, {"id": "a", "kind": "reference", "prompt": "a robot", **more}), "--data", tmp_path / "data")
    assert run.status == 2 and run.stderr.startswith(f"gptimage: {field}")
    assert not host.jobs
