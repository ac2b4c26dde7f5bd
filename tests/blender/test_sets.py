# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets and grids: what is asked for, how it is named, and the contact sheet that gives settings back."""

from __future__ import annotations

from pathlib import Path

import bpy
import pytest

from gptimage_addon.blender.host import JobView, host
from gptimage_addon.blender.images import provenance
from gptimage_addon.core.request import JobState, Service
from gptimage_addon.operators.sets import cell_key, shown_cells, shown_grid
from tests.support.pictures import decode
from tests.support.runs import job_file, run_here

SMALL = "1024x640"


def done() -> list[JobView]:
    assert bpy.ops.gptimage.wait(timeout_s=120) == {'FINISHED'}
    return list(host.jobs.values())


def test_a_list_becomes_named_pictures_and_a_sheet() -> None:
    assert bpy.ops.gptimage.generate_set(prompts="red brick\nblue tiles\nmoss", name_rule="Prop {number:02} {words}", size=SMALL, quality="low") == {'FINISHED'}
    *pictures, sheet = done()
    assert [view.landed.images[0] for view in pictures] == [
        "Prop 01 Red Brick (Practice)", "Prop 02 Blue Tiles (Practice)", "Prop 03 Moss (Practice)"]
    image = bpy.data.images[sheet.landed.images[0]]
    assert image.name.startswith("Set Sheet") and not sheet.record.sent_at
    facts = provenance(image)
    assert facts["jobs"].split() == [view.job.id for view in pictures] and len(facts["cells"]) == 12
    # In the cell lies the job's own picture, shrunk: its mean is that picture's.
    shown = decode(bytes(image.packed_file.data), "RGB")
    x0, y0, x1, y1 = (int(edge) for edge in list(facts["cells"])[:4])
    height = (x1 - x0) * 640 // 1024
    middle = (y0 + y1) // 2
    picture = decode(bytes(bpy.data.images[pictures[0].landed.images[0]].packed_file.data), "RGB")
    cell = shown[middle - height // 2 + 4: middle + height // 2 - 4, x0 + 4: x1 - 4]
    assert abs(cell.mean(axis=(0, 1)) - picture.mean(axis=(0, 1))).max() < 3


def test_a_scripts_settings_count_for_the_panels_list_too() -> None:
    panel = bpy.context.scene.gptimage
    panel.quality, panel.name_rule, panel.set_text = "high", "{set} {number}", bpy.data.texts.new("Props")
    panel.set_text.from_string("red brick\nmoss")
    assert bpy.ops.gptimage.generate_set(size=SMALL, quality="low", name_rule="Prop {number}") == {'FINISHED'}
    first, second, _ = (view.job for view in done())
    assert [(job.request.size, job.request.quality, job.landing.name) for job in (first, second)] == [(SMALL, "low", "Prop 1"), (SMALL, "low", "Prop 2")]
    assert first.prompt == "red brick"


def test_a_grid_asks_for_the_chosen_cells_alone() -> None:
    settings = bpy.context.scene.gptimage
    settings.prompt, settings.size_preset, settings.custom_size = "a {red|blue} castle", 'CUSTOM', (1024, 640)
    settings.grid_qualities = {"low", "medium"}
    cells = shown_cells(settings, Service())
    assert len(cells) == 4 and all(is_chosen for *_, is_chosen in cells)
    assert bpy.ops.gptimage.toggle_cell(key=cell_key(cells[1][0])) == {'FINISHED'}
    assert len(shown_grid(settings, Service())) == 3
    assert bpy.ops.gptimage.generate_grid() == {'FINISHED'}
    *pictures, sheet = done()
    assert [(view.job.prompt, view.job.request.quality) for view in pictures] == [
        ("a red castle", "low"), ("a blue castle", "low"), ("a blue castle", "medium")]
    assert sheet.record.state is JobState.DONE
    assert bpy.ops.gptimage.toggle_cell(key=cell_key(cells[1][0])) == {'FINISHED'}
    assert len(shown_grid(settings, Service())) == 4


def test_a_cell_that_cannot_be_made_is_not_asked_for() -> None:
    settings = bpy.context.scene.gptimage
    settings.prompt, settings.grid_models, settings.grid_qualities = "a castle", {"gpt-image-2", "gpt-image-2.5-flare"}, {"low", "max"}
    states = {(each.words.model, each.words.quality): (found is not None, is_chosen, why)
              for each, found, why, is_chosen in shown_cells(settings, Service())}
    assert states["gpt-image-2.5-flare", "max"] == (True, True, "")
    possible, chosen, why = states["gpt-image-2", "max"]                # it has no such quality
    assert not possible and not chosen and why
    assert len(shown_grid(settings, Service())) == 3


def test_a_cell_gives_its_settings_back() -> None:
    assert bpy.ops.gptimage.generate_grid(prompt="a {red|blue} castle", grid_qualities={"low"}, size=SMALL) == {'FINISHED'}
    *_, sheet = done()
    settings = bpy.context.scene.gptimage
    settings.prompt, settings.quality = "something else", "high"
    window = bpy.context.window_manager.windows[0]
    area = window.screen.areas[0]
    area.ui_type = 'IMAGE_EDITOR'
    area.spaces.active.image = bpy.data.images[sheet.landed.images[0]]
    with bpy.context.temp_override(window=window, area=area, region=area.regions[-1]):
        assert bpy.ops.gptimage.take_cell(cell=1) == {'FINISHED'}
        with pytest.raises(RuntimeError, match="no such cell"):
            bpy.ops.gptimage.take_cell(cell=2)
    assert (settings.prompt, settings.quality, tuple(settings.custom_size)) == ("a blue castle", "low", (1024, 640))


def test_a_set_that_is_sent_again_has_a_sheet_of_the_new_pictures() -> None:
    assert bpy.ops.gptimage.generate_set(prompts="red brick\nblue tiles", size=SMALL, quality="low") == {'FINISHED'}
    old = list(host.jobs)
    again = host.retry_all(old)
    new = [view.job.id for view in again]
    assert not set(new) & set(old)
    assert [cell.job_id for cell in again[-1].job.sheet.cells] == new[:-1]
    assert bpy.ops.gptimage.wait(timeout_s=120) == {'FINISHED'}
    assert again[-1].record.state is JobState.DONE


def test_headless_sets_and_grids(tmp_path: Path) -> None:
    jobs = job_file(
        tmp_path, {"id": "props", "kind": "reference", "prompt": "Props", "prompts": ["a chair", "a table"], "save": str(tmp_path / "prop.png")},
        {"id": "grid", "kind": "reference", "prompt": "a {red|blue} castle", "grid": {"qualities": ["low", "medium"]}})
    run = run_here(tmp_path, jobs, "--data", tmp_path / "data")
    assert run.status == 0, run.stderr
    assert run.lines["props"]["files"] == [str(tmp_path / f"prop-{number}.png") for number in (1, 2, 3)]      # and the sheet
    assert len(run.lines["grid"]["images"]) == 5
    assert [usage["output_tokens"] for usage in run.lines["grid"]["usage"]] == [107, 239, 107, 239]


@pytest.mark.parametrize(("more", "field"), [
    ({"grid": {"colors": ["red"]}}, "jobs[0].grid.colors"), ({"grid": {}, "turnaround": ["front"]}, "jobs[0].grid"),
    ({"prompts": ["a"], "place": "empty"}, "jobs[0].place"), ({"grid": {}, "n": 2}, "jobs[0].n"),
    ({"prompts": ["a"], "name_rule": "{nobody}"}, "jobs[0].name_rule"), ({"grid": {"qualities": ["best"]}}, "jobs[0].quality"),
])
def test_headless_refusals_name_the_field(more: dict[str, object], field: str, tmp_path: Path) -> None:
    run = run_here(tmp_path, job_file(tmp_path, {"id": "a", "kind": "reference", "prompt": "a robot", **more}), "--data", tmp_path / "data")
    assert run.status == 2 and run.stderr.startswith(f"gptimage: {field}"), run.stderr
