# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Budgets from the preferences to the worker, and what the artist sees of them."""

from __future__ import annotations

import csv
import time
import types
from pathlib import Path

import bpy
import pytest

from gptimage_addon.blender import budget
from gptimage_addon.blender.budget import SESSION
from gptimage_addon.blender.host import JobView, host
from gptimage_addon.blender.preferences import Preferences
from gptimage_addon.core.errors import QuotaError, Repair
from gptimage_addon.core.prompts import texture_prompt
from gptimage_addon.core.pricing import Limits, Spending, Usage
from gptimage_addon.core.request import JobState, Service, ServiceKind
from gptimage_addon.library.wallet import Entry, EntryState, Wallet
from gptimage_addon.ui import sets, status
from gptimage_addon.worker.practice import PracticeServer
from tests.support.layout import Layout
from tests.support.scenes import compatible, editor, job_folders, pixels_of, plan_for, pump_until

PRICE = 0.25


def prefer(monkeypatch: pytest.MonkeyPatch, **facts: object) -> None:
    found = Preferences(**facts)
    for module in (budget, status):
        monkeypatch.setattr(module, "read_preferences", lambda: found)
    for module in (status, sets):
        monkeypatch.setattr(module, "read_service", lambda: found.service)


def submit(server: PracticeServer, price: float | None = PRICE) -> JobView:
    return host.submit(plan_for(compatible(server)).job._replace(estimate_usd=price))


def elsewhere(data_dir: Path, usd: float, **facts: object) -> None:
    """What another Blender on this data folder has in flight."""
    data_dir.mkdir(exist_ok=True)
    wallet = Wallet(data_dir)
    if not wallet.is_sound():
        wallet.rebuild([])
    wallet.write(Entry(**{"job_id": f"other-{usd}", "at": time.time(), "kind": "texture", "service": ServiceKind.OPENAI, "model": "m",
                          "size": "1024x1024", "quality": "low", "estimate_usd": usd, "session": "other", **facts}))


def test_what_does_not_fit_is_refused_before_it_is_queued(
    monkeypatch: pytest.MonkeyPatch, server: PracticeServer, unsent: None, tmp_path: Path,
) -> None:
    prefer(monkeypatch, budgets=Limits(day_usd=4 * PRICE))
    submit(server)
    submit(server)
    elsewhere(tmp_path / "data", PRICE)
    submit(server)                              # one in flight elsewhere, two that wait here: the fourth still fits
    with pytest.raises(QuotaError, match=r"cost \$0.25, and of the day's budget of \$1.00 \$0.00 is left") as told:
        submit(server)
    assert told.value.repair is Repair.RAISE_BUDGET and len(host.jobs) == 3 == len(job_folders(tmp_path / "data"))
    submit(server, None)                        # a server whose prices are its own
    host.submit(plan_for(Service()).job)        # practice
    prefer(monkeypatch, budgets=Limits(day_usd=4 * PRICE), stop_at_budget=False)
    submit(server)


def test_the_worker_has_the_last_word(monkeypatch: pytest.MonkeyPatch, server: PracticeServer) -> None:
    """What the host could not know when it was queued is refused before it is sent, and tells how to go on."""
    prefer(monkeypatch, budgets=Limits(blend_usd=PRICE))
    monkeypatch.setattr(host.budget, "check", lambda jobs, waiting: None)
    views = [submit(server) for _ in range(3)]
    pump_until(lambda: not host.is_busy)
    refused = [view for view in views if view.record.state is JobState.FAILED]
    assert len(refused) == 2 and len([r for r in server.requests if r.method == "POST"]) == 1
    assert all(isinstance(view.error, QuotaError) and view.error.repair is Repair.RAISE_BUDGET for view in refused)
    prefer(monkeypatch, budgets=Limits())
    host.apply_budgets()
    again = host.retry(refused[0].job.id)
    pump_until(lambda: again.landed)


def test_a_runs_own_limit(server: PracticeServer, monkeypatch: pytest.MonkeyPatch, unsent: None, tmp_path: Path) -> None:
    monkeypatch.setattr(host.budget, "run_usd", 2 * PRICE)
    elsewhere(tmp_path / "data", 50.0)
    submit(server)
    submit(server)
    with pytest.raises(QuotaError, match="of the run's budget") as told:
        submit(server)
    assert "--budget" in told.value.hint


def test_the_panel_looks_at_the_wallet_between_drawings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    prefer(monkeypatch, budgets=Limits(day_usd=10))
    monkeypatch.setattr(host.budget, "spending", Spending())
    elsewhere(tmp_path / "data", 2.0)
    assert host.budget._look() == budget.LOOK_S and host.budget.spending.day_usd == 2
    elsewhere(tmp_path / "data", 3.0, session=SESSION)
    host.budget._look()
    assert host.budget.spending == Spending(5, 5, 3, 3)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    elsewhere(tmp_path / "data", 4.0, blend=str(tmp_path / "a.blend"))
    host.budget._look()
    assert host.budget.spending == Spending(9, 9, 4, 3)


def draw_price(monkeypatch: pytest.MonkeyPatch, *spent: object, **facts: object) -> tuple[str, Layout]:
    prepare(monkeypatch, *spent, **facts)
    layout = Layout()
    return status.draw_price(layout, bpy.context.scene.gptimage, texture_prompt), layout


def draw_panel(panel: type[bpy.types.Panel]) -> Layout:
    layout = Layout()
    panel.draw(types.SimpleNamespace(layout=layout), types.SimpleNamespace(scene=bpy.context.scene, space_data=types.SimpleNamespace(image=None)))
    return layout


def prepare(monkeypatch: pytest.MonkeyPatch, spent: Spending, kind: ServiceKind = ServiceKind.OPENAI, **facts: object) -> None:
    prefer(monkeypatch, service=Service(kind), **facts)
    monkeypatch.setattr(host.budget, "spending", spent)
    context = types.SimpleNamespace(region=types.SimpleNamespace(width=300),
                                    preferences=types.SimpleNamespace(system=types.SimpleNamespace(ui_scale=1.0)))
    monkeypatch.setattr(status, "bpy", types.SimpleNamespace(context=context, types=bpy.types))
    bpy.context.preferences.system.use_online_access = True
    panel = bpy.context.scene.gptimage
    panel.prompt, panel.quality = "bricks", "high"              # 5.3 cents, by the table in README


def test_the_panel_tells_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    refusal, layout = draw_price(monkeypatch, Spending(2, 90), budgets=Limits(day_usd=10, month_usd=100))
    assert not refusal and "$8.00 left of $10.00 for today" in layout.text
    refusal, layout = draw_price(monkeypatch, Spending(2, 98.5), budgets=Limits(day_usd=10, month_usd=100))
    assert not refusal and "$1.50 left of $100.00 for this month" in layout.text
    refusal, layout = draw_price(monkeypatch, Spending(2, 99.96), budgets=Limits(day_usd=10, month_usd=100))
    assert "of the month's budget of $100.00 $0.0400 is left" in refusal and "gptimage.repair" in dict(layout.buttons)
    refusal, layout = draw_price(monkeypatch, Spending(12), budgets=Limits(day_usd=10), stop_at_budget=False)
    assert not refusal and "$2.00 over $10.00 for today" in layout.text
    refusal, layout = draw_price(monkeypatch, Spending(12), ServiceKind.PRACTICE, budgets=Limits(day_usd=10))
    assert not refusal and "for today" not in layout.text


@pytest.mark.parametrize(("shown", "text"), [
    (sets.GPTIMAGE_PT_playground, "2 requests"), (sets.GPTIMAGE_PT_image_set, "2 requests"), (sets.GPTIMAGE_PT_turnaround, "1 request")])
def test_several_pictures_are_told_as_one_is(monkeypatch: pytest.MonkeyPatch, shown: type[bpy.types.Panel], text: str) -> None:
    """Where they go, what is left of the budget, and that they do not fit: on the panel, before the button."""
    panel = bpy.context.scene.gptimage
    panel.grid_qualities, panel.set_text = {"low", "high"}, bpy.data.texts.new("Props")
    panel.set_text.from_string("red brick\nmoss")
    prepare(monkeypatch, Spending(2), budgets=Limits(day_usd=10))
    layout = draw_panel(shown)
    assert f"{text}, sent to OpenAI" in layout.text and "$8.00 left of $10.00 for today" in layout.text
    assert f"{'3072' if text == '1 request' else '1024'} x 1024 px" in layout.text and "Without" not in layout.text
    panel.match_camera = panel.use_letters = True
    assert "Without lettering and the camera's shape" in draw_panel(shown).text.replace("\n", " ")
    item = panel.references.add()
    item.image = bpy.data.images.new("Look", 8, 8)
    item.image.source, item.image.filepath = 'FILE', "//none.png"
    assert "gptimage.read_references" in dict(draw_panel(shown).buttons)        # the cure
    panel.references.clear()
    prepare(monkeypatch, Spending(9.99), budgets=Limits(day_usd=10))
    layout = draw_panel(shown)
    assert "of the day's budget of $10.00" in layout.text and "gptimage.repair" in dict(layout.buttons)
    bpy.context.preferences.system.use_online_access = False
    layout = draw_panel(shown)
    assert "without online access" in layout.text


def test_spending_as_a_table(tmp_path: Path) -> None:
    target = tmp_path / "out.csv"

    def table() -> list[dict[str, str]]:
        with open(target, encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))

    assert bpy.ops.gptimage.export_spending(filepath=str(target)) == {'FINISHED'}
    assert table() == []
    elsewhere(tmp_path / "data", .5, state=EntryState.PAID, actual_usd=.25, usage=Usage(1, 2, 3), target="=HYPERLINK(1)", blend="/größe, x.blend")
    elsewhere(tmp_path / "data", .75, service=ServiceKind.PRACTICE, at=time.time() + 1)
    assert bpy.ops.gptimage.export_spending(filepath=str(target)) == {'FINISHED'}
    first, second = table()
    assert (first["estimate_usd"], first["actual_usd"], first["counted_usd"], first["image_out"]) == ("0.500000", "0.250000", "0.250000", "3")
    assert first["target"] == "'=HYPERLINK(1)" and first["blend"] == "/größe, x.blend" and first["state"] == "paid"
    assert abs(time.time() - time.mktime(time.strptime(first["time"][:19], "%Y-%m-%dT%H:%M:%S"))) < 60
    assert (second["service"], second["counted_usd"], second["image_out"]) == ("practice", "0.000000", "")
    with pytest.raises(RuntimeError, match="cannot be written"):
        bpy.ops.gptimage.export_spending(filepath=str(tmp_path / "none" / "x.csv"))


def test_spending_as_a_picture(tmp_path: Path) -> None:
    elsewhere(tmp_path / "data", 2.0)
    with editor('IMAGE_EDITOR'):
        assert bpy.ops.gptimage.show_spending(days=7) == {'FINISHED'}
        assert host.wait(20.0)
        (image,) = [each for each in bpy.data.images if each.name.startswith("GPT Image")]
        assert bpy.context.space_data.image == image and tuple(image.size) == (1600, 900)
        # One bar, today's: high on the right; the days before are empty.
        pixels = pixels_of(image)[..., :3]
        colored = (pixels.max(axis=-1) - pixels.min(axis=-1) > .2)[200:810]
        columns = colored.any(axis=0).nonzero()[0]
        assert columns.size and columns.min() > 110 + 6 / 7 * 1440 and colored[:, columns.mean().astype(int)].mean() > .9
        bpy.ops.gptimage.show_spending(days=7)
        assert host.wait(20.0)
        (again,) = [each for each in bpy.data.images if each.name.startswith("GPT Image")]
        assert bpy.context.space_data.image == again
