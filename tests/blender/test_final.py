# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draft, then final: what is sent for the chosen draft, where it lands, and what is saved."""

from __future__ import annotations

import re

import bpy
import pytest

from gptimage_addon.blender.host import host
from gptimage_addon.blender.images import provenance
from gptimage_addon.core.request import Landing, Lettering, Place, Service, ServiceKind
from gptimage_addon.operators.final import drafted_image, final_price, plan_final
from gptimage_addon.operators.lettering import FONT_FILE
from gptimage_addon.operators.reference import plan_reference
from gptimage_addon.operators.texture import texture_targets
from gptimage_addon.ui import panels
from gptimage_addon.worker.practice import PracticeServer
from tests.support.layout import Layout
from tests.support.pictures import encode, quarters
from tests.support.scenes import WORDS, compatible, editor, finished, plan_for, pump_until

OPENAI = Service(ServiceKind.OPENAI)


def drafted(cube: bpy.types.Object, service: Service = Service(), **words: object) -> bpy.types.Image:
    """Four drafts on the cube, the third of them chosen."""
    pictures = [encode(quarters(1024, 640)) + bytes(i) for i in range(4)]
    view = finished(plan_for(service, Landing(Place.REPLACE_SLOT, texture_targets([cube])), n=4, **words), pictures)
    view.record = view.record._replace(result=view.record.result._replace(
        pictures=tuple(picture._replace(width_px=1024, height_px=640) for picture in view.record.result.pictures)))
    host.journal.write_record(view.record)
    host.pump()
    bpy.ops.gptimage.step_variant(step=2)
    image = drafted_image(bpy.context)
    assert provenance(image)["variant"] == 3
    return image


def test_the_chosen_draft_is_made_anew_at_a_higher_quality(cube: bpy.types.Object, server: PracticeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    service = compatible(server)
    draft = drafted(cube, service, prompt="oak planks")
    monkeypatch.setattr("gptimage_addon.operators.final.read_service", lambda: service)
    before = cube.active_material
    assert bpy.ops.gptimage.make_final() == {'FINISHED'}
    pump_until(lambda: all(view.landed for view in host.jobs.values()))
    (request,) = server.requests
    assert request.path.endswith("/edits") and request.fields["quality"] == "high" and request.fields["size"] == "1024x640"
    assert str(request.fields.get("n", "1")) == "1" and "is a draft" in request.fields["prompt"] and "oak planks" in request.fields["prompt"]
    (sent,) = request.files
    assert sent.data == (host.journal.folder(provenance(draft)["job_id"]) / "results" / "2.png").read_bytes()
    assert cube.active_material != before and len(cube.material_slots) == 1
    assert provenance(drafted_image(bpy.context, "max"))["quality"] == "high" and drafted_image(bpy.context) is None
    with pytest.raises(RuntimeError, match="has this quality already"):
        bpy.ops.gptimage.make_final()


def test_what_it_costs_and_saves(cube: bpy.types.Object) -> None:
    facts = provenance(drafted(cube))
    found, saved = final_price(facts, OPENAI)
    planned = plan_final(drafted_image(bpy.context), Service(), "high")
    assert planned.job.request.quality == "high" and planned.job.estimate_usd == pytest.approx(found.usd, rel=.02)
    # By README's table and api.md: 1024x640 costs 107 tokens low and 958 high, $30 a million; the draft goes along for 1024x640 / 32² tokens at $8.
    low, high, sent = 107 * 30e-6, 958 * 30e-6, 32 * 20 * 8e-6
    assert found.usd == pytest.approx(high + sent, rel=.05)
    assert saved == pytest.approx(4 * high - 4 * low - high - sent, rel=.05)


def test_the_panel_offers_it_for_drafts_only(cube: bpy.types.Object) -> None:
    def shown() -> Layout:
        layout = Layout()
        with editor('VIEW_3D'):
            panels.draw_variants(layout, bpy.context)
        return layout

    assert "gptimage.make_final" not in dict(shown().buttons)
    image = drafted(cube)
    found = shown()
    assert "gptimage.make_final" in dict(found.buttons) and re.search(r"Saves \$0\.\d+ against 4 at high", found.text)
    image["gptimage"]["quality"] = "high"
    assert "gptimage.make_final" not in dict(shown().buttons) and drafted_image(bpy.context) is None
    image["gptimage"]["quality"], image["gptimage"]["kind"] = "low", "touch_up"
    assert "gptimage.make_final" not in dict(shown().buttons)


def test_a_draft_whose_folder_is_gone_is_told(cube: bpy.types.Object) -> None:
    drafted(cube)["gptimage"]["job_id"] = "nobody"
    with pytest.raises(RuntimeError, match="The draft's folder is gone"):
        bpy.ops.gptimage.make_final()
    assert host.worker_pid is None


def test_the_final_is_asked_for_as_its_draft_was_and_now(cube: bpy.types.Object) -> None:
    """Not overnight, though the drafts were; with the project's words in the price."""
    image = drafted(cube, prefix="Pixel art of", suffix="for a game", style="Bright colors.", batch=True)
    planned = plan_final(image, Service(), "high")
    assert not planned.job.request.batch and "Pixel art of weathered red brick for a game" in planned.job.request.prompt
    found, _ = final_price(provenance(image), Service())
    assert found.usd == planned.job.estimate_usd


def test_the_final_of_letters_and_of_a_camera_s_shape_has_them_too() -> None:
    lettering = Lettering(("Fisch & Brot",), font=FONT_FILE)
    words = WORDS._replace(prompt="a shop sign", size="1024x768")
    view = finished(plan_reference(words, Service(), Landing(Place.IMAGE), (), lettering, b"a font", (1000, 760)), [encode(quarters(1000, 760))])
    view.record = view.record._replace(result=view.record.result._replace(
        pictures=tuple(picture._replace(width_px=1000, height_px=760) for picture in view.record.result.pictures)))
    host.journal.write_record(view.record)
    host.pump()
    image = bpy.data.images[view.landed.images[0]]
    planned = plan_final(image, Service(), "high")
    job = planned.job
    assert job.lettering == lettering and job.frame_px == (1000, 760) and job.request.size == "1024x768" and planned.inputs[FONT_FILE] == b"a font"
    assert '"Fisch & Brot"' in job.request.prompt and [picture.role.partition(":")[0] for picture in job.request.images] == ["", "lettering"]
    found, _ = final_price(provenance(image), Service())
    assert found.usd == job.estimate_usd
