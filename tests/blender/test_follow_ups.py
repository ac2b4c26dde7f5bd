# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked for about a texture as soon as it has landed: shown and reserved before, asked for once, or not at all."""

from __future__ import annotations

import bpy
import pytest

from gptimage_addon.blender.host import host
from gptimage_addon.core.errors import QuotaError
from gptimage_addon.core.request import Job, JobState, Landing, Place, Service, ServiceKind
from gptimage_addon.core.values import from_json, to_json
from gptimage_addon.operators.plan import PlannedJob
from gptimage_addon.operators.texture import plan_texture
from gptimage_addon.worker.practice import Fault, PracticeServer
from gptimage_addon.worker.practice_pictures import make_picture
from tests.support.pictures import encode
from tests.support.scenes import WORDS, compatible, finished, pump_until


def to_heal(service: Service, **words: object) -> PlannedJob:
    return plan_texture(WORDS._replace(**words), service, Landing(place=Place.IMAGE), heal="xy")


def wall() -> bytes:
    return encode(make_picture("red brick", 1024, 640, 3))


def test_the_price_of_what_follows_is_shown_and_kept() -> None:
    one, two = to_heal(Service()).job, to_heal(Service(), n=2).job
    assert one.shown_usd > 1.5 * one.estimate_usd and two.follow_up.estimate_usd == pytest.approx(2 * one.follow_up.estimate_usd)
    assert to_heal(Service(ServiceKind.COMPATIBLE, "http://127.0.0.1:1")).job.shown_usd is None
    assert from_json(Job, to_json(two)) == two


def test_each_variant_is_followed_and_only_when_it_lands_by_itself(unsent: None) -> None:
    landed = finished(to_heal(Service(), n=2), [wall(), wall()])
    host.pump()
    assert len(landed.followed) == 2 and len(host.jobs) == 3
    for view, image in zip(landed.followed, landed.landed.images, strict=True):
        assert view.job.finish.rolled == "xy" and view.job.landing.targets[0].name == image
    # Applied by hand, now or in a later session: nobody has seen a price.
    host.land(landed)
    host.pump()
    assert len(host.jobs) == 3
    old = finished(to_heal(Service()), [wall()])
    old.recovered = True
    host.pump()
    host.land(old)
    assert len(host.jobs) == 4 and not old.followed


@pytest.mark.parametrize("end", ["failed", "cancelled"])
def test_nothing_follows_what_did_not_come(end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    script = [] if end == "failed" else [Fault(delay_s=60.0)]
    with PracticeServer(script=script) as running:
        monkeypatch.setenv("OPENAI_API_KEY", running.token)
        view = host.submit(to_heal(compatible(running), prompt="a forbidden wall" if end == "failed" else "brick").job)
        if end == "cancelled":
            pump_until(lambda: view.record.state is JobState.SENDING and running.requests)
            host.cancel(view.job.id)
        pump_until(lambda: not host.is_busy, 60.0)
        assert view.record.state == end and not view.followed and len(host.jobs) == 1


def test_the_budget_covers_what_follows(monkeypatch: pytest.MonkeyPatch, unsent: None) -> None:
    paid = to_heal(Service()).job._replace(service=Service(ServiceKind.OPENAI))

    monkeypatch.setattr(host.budget, "run_usd", paid.estimate_usd * 1.1)
    with pytest.raises(QuotaError):
        host.submit(paid)
    monkeypatch.setattr(host.budget, "run_usd", paid.shown_usd * 1.01)
    view = host.submit(paid)
    for sent_at in (0.0, 1.0):                      # the first one's edit is reserved, also when its own price is in the wallet
        view.record = view.record._replace(sent_at=sent_at)
        with pytest.raises(QuotaError):
            host.submit(paid._replace(id=f"{paid.id}x", estimate_usd=paid.estimate_usd * (1 + sent_at)))


def test_what_can_no_longer_be_asked_for_is_told(unsent: None, monkeypatch: pytest.MonkeyPatch) -> None:
    view = finished(to_heal(Service()), [wall()])
    bpy.context.preferences.system.use_online_access = False
    view.job = view.job._replace(follow_up=view.job.follow_up._replace(service=Service(ServiceKind.OPENAI)))
    host.pump()
    assert view.landed.images and not view.landed.complete and "not asked for" in view.landed.message


def test_a_fault_in_what_follows_leaves_what_has_landed(unsent: None, monkeypatch: pytest.MonkeyPatch) -> None:
    view = finished(to_heal(Service()), [wall()])
    monkeypatch.setitem(host.follow_ups, view.job.kind, lambda job, landed: 1 / 0)
    host.pump()
    assert view.landed.images and not view.landed.complete and "not asked for" in view.landed.message
