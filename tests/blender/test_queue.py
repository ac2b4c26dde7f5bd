# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an artist does with a queue of many jobs, with a real worker and a server that lists what arrives."""

from __future__ import annotations

import os
import signal
import types

import bpy
import numpy as np
import pytest

from gptimage_addon.blender.host import JobView, host
from gptimage_addon.core import protocol
from gptimage_addon.core.errors import AnswerError, QuotaError, RefusedError, UncertainError, WorkerError
from gptimage_addon.core.request import JobState, Landing, MapKind, Place, Service, ServiceKind, Surface
from gptimage_addon.operators.texture import plan_texture, texture_targets
from gptimage_addon.ui import queue, status
from gptimage_addon.worker.practice import Fault, PracticeServer
from tests.support.layout import Layout
from tests.support.pictures import decode
from tests.support.scenes import WORDS, compatible, plan_for, pump_until

LONG_S = 60.0


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch):
    """A server whose first four pictures never come."""
    with PracticeServer(script=[Fault(delay_s=LONG_S)] * 4) as running:
        monkeypatch.setenv("OPENAI_API_KEY", running.token)
        yield running


def submit(server: PracticeServer, *prompts: str) -> list[JobView]:
    return [host.submit(plan_for(compatible(server), prompt=prompt).job) for prompt in prompts]


def arrived(server: PracticeServer) -> list[str]:
    """The prompts' first words after the template's, in the order in which they came."""
    return [str(request.fields["prompt"]).removeprefix("A flat texture map of ").partition(".")[0]
            for request in server.requests if request.method == "POST"]


def settle(view: JobView, state: JobState, **facts: object) -> JobView:
    view.record = view.record._replace(state=state, **facts)
    return view


def stored(prompt: str = "wall", **facts: object) -> JobView:
    """A job that no worker has, in the list."""
    planned = plan_for(Service(ServiceKind.COMPATIBLE, "http://127.0.0.1:9/v1"), prompt=prompt)
    job = planned.job._replace(estimate_usd=0.1)
    host.journal.create(job)
    view = host.jobs[job.id] = JobView(job, host.journal.read_record(job.id))
    view.record = view.record._replace(**facts)
    return view


def draw_queue() -> Layout:
    layout = Layout()
    queue.draw_queue(layout, bpy.context.window_manager)
    return layout


@pytest.fixture(autouse=True)
def measures(monkeypatch: pytest.MonkeyPatch) -> None:
    context = types.SimpleNamespace(region=types.SimpleNamespace(width=300),
                                    preferences=types.SimpleNamespace(system=types.SimpleNamespace(ui_scale=1.0)))
    monkeypatch.setattr(status, "bpy", types.SimpleNamespace(context=context, types=bpy.types))


def test_a_paused_queue_is_sent_in_the_order_that_it_was_given(server: PracticeServer) -> None:
    assert bpy.ops.gptimage.pause_queue() == {'FINISHED'}
    host.configure(1)
    names = ["one", "two", "three", "four"]
    by_name = dict(zip(names, submit(server, *names), strict=True))
    pump_until(lambda: host.is_ready)
    assert all(view.is_waiting for view in by_name.values())
    shown = draw_queue()
    assert "4 waiting" in shown.text and "Paused" in shown.text
    assert [text for text in shown.texts if text in ("Next", "Number 4 in the line")] == ["Next", "Number 4 in the line"]

    for name, to in (("four", 'FRONT'), ("one", 'DOWN'), ("three", 'UP')):
        assert bpy.ops.gptimage.move_job(job_id=by_name[name].job.id, to=to) == {'FINISHED'}
    assert [view.job.prompt for view in host.jobs.values()] == ["four", "two", "three", "one"]
    bpy.ops.gptimage.move_job(job_id=by_name["two"].job.id, to='BACK')
    # Whatever becomes of the worker: another one is told the same.
    killed = host.worker_pid
    os.kill(killed, signal.SIGKILL)
    pump_until(lambda: host.worker_pid not in (killed, None) and host.is_ready)
    assert host.paused and arrived(server) == []
    host.configure(1)
    assert bpy.ops.gptimage.pause_queue(pause=False) == {'FINISHED'}
    pump_until(lambda: not host.is_busy)
    assert arrived(server) == ["four", "three", "one", "two"] and all(view.landed for view in by_name.values())
    with pytest.raises(RuntimeError, match="not waiting any more"):
        bpy.ops.gptimage.move_job(job_id=by_name["two"].job.id)


def test_one_picture_does_not_wait_for_all_that_were_asked_for_before(server: PracticeServer) -> None:
    host.pause(True)
    service = compatible(server)
    planned = [plan_for(service, prompt=prompt) for prompt in ("set 1", "set 2", "set 3", "set 4")]
    host.submit_all(planned)
    host.submit_all([plan_for(service, prompt=prompt) for prompt in ("other 1", "other 2")])
    (moved,) = submit(server, "one more")
    assert [view.job.prompt for view in host.jobs.values()] == ["set 1", "other 1", "one more", "set 2", "other 2", "set 3", "set 4"]
    host.move(moved.job.id, 100)                # what the artist says counts
    submit(server, "last")
    expected = ["set 1", "other 1", "last", "set 2", "other 2", "set 3", "set 4", "one more"]
    assert [view.job.prompt for view in host.jobs.values()] == expected
    host.configure(1)
    pump_until(lambda: host.is_ready)
    host.pause(False)
    pump_until(lambda: not host.is_busy)
    assert arrived(server) == expected


def test_the_order_reaches_the_service(server: PracticeServer) -> None:
    host.pause(True)
    views = submit(server, "one", "two", "three")
    host.configure(1)
    pump_until(lambda: host.is_ready)
    host.move(views[2].job.id, -100)
    # The line is known to the worker once it has every job in hand.
    pump_until(lambda: all(host.journal.read_record(view.job.id).worker for view in views))
    host.pause(False)
    pump_until(lambda: not host.is_busy)
    assert arrived(server) == ["three", "one", "two"]


def test_cancel_all_tells_what_may_still_cost(slow: PracticeServer) -> None:
    assert not bpy.ops.gptimage.cancel_all.poll()
    views = submit(slow, *(f"wall {number}" for number in range(7)))
    pump_until(lambda: sum(bool(view.record.sent_at) for view in views) == 4 and len(arrived(slow)) == 4)
    words = bpy.types.GPTIMAGE_OT_cancel_all._words()
    assert words == "4 sent already may still be charged (price not known); 3 waiting cost nothing"
    assert bpy.ops.gptimage.cancel_all() == {'FINISHED'}
    pump_until(lambda: not host.is_busy)
    assert [view.record.state for view in views] == [JobState.CANCELLED] * 7
    assert sum("Nothing was charged" in view.error.message for view in views) == 3
    assert len(arrived(slow)) == 4
    assert "7 cancelled" in draw_queue().text
    assert bpy.ops.gptimage.dismiss_done() == {'FINISHED'} and not host.jobs


def test_what_was_never_paid_is_sent_again_together_and_nothing_else(server: PracticeServer) -> None:
    sent = {"sent_at": 5.0}
    free = [stored("never sent"), stored("no credit", state=JobState.FAILED, error=QuotaError("x").to_dict(), **sent),
            stored("no helper", state=JobState.FAILED, error=WorkerError("x").to_dict())]
    free[0].recovered = True
    paid = [stored("lost", state=JobState.UNCERTAIN, error=UncertainError("x").to_dict(), **sent),
            stored("broken", state=JobState.FAILED, error=AnswerError("x").to_dict(), **sent),
            stored("refused", state=JobState.FAILED, error=RefusedError("x").to_dict(), **sent),
            stored("cancelled", state=JobState.CANCELLED, **sent), stored("done", state=JobState.DONE, **sent)]
    for view in paid:
        view.recovered = True
    assert [view.job.prompt for view in host.jobs.values() if view.can_be_sent_free] == [view.job.prompt for view in free]
    host.pause(True)
    assert bpy.ops.gptimage.retry_all() == {'FINISHED'}
    again = list(host.jobs.values())[len(paid):]
    assert [view.job.prompt for view in again] == ["never sent", "no credit", "no helper"]
    assert {view.job.id for view in again}.isdisjoint(view.job.id for view in free) and all(view.is_waiting for view in again)
    assert not bpy.ops.gptimage.retry_all.poll()
    assert all(host.journal.is_applied(view.job.id) for view in free), "offered once, under their new names"
    host.cancel_all()
    pump_until(lambda: not host.is_busy)


def test_a_job_s_settings_come_back_into_the_panel(cube: bpy.types.Object) -> None:
    """They are those that plan the same request again."""
    from gptimage_addon.operators.settings import read_settings
    from gptimage_addon.operators.surface import read_surface

    words = WORDS._replace(prompt="mossy planks", quality="high", n=3, background="opaque", output_format="webp", output_compression=70,
                           moderation="low", partial_images=2, size="1280x720", model="gpt-image-2")
    surface = Surface("x", 0.25, 0.75, (MapKind.NORMAL, MapKind.AO), 1.0, 0.5)
    landing = Landing(Place.APPEND_SLOT, texture_targets([cube]))
    job = plan_texture(words, Service(), landing, surface=surface).job
    host.jobs[job.id] = settle(JobView(job, host.journal.read_record(job.id)), JobState.FAILED)
    panel = bpy.context.scene.gptimage
    panel.use_text = True
    assert bpy.ops.gptimage.copy_job(job_id=job.id) == {'FINISHED'}
    assert read_settings(panel) == words and panel.texture_place == "append_slot"
    found = read_surface(panel, 1.0)
    assert (found.axes, found.maps) == ("x", surface.maps)
    assert (found.even, found.delight, found.relief_m) == pytest.approx((0.25, 0.75, 0.5))

    other = job._replace(id="other", request=job.request._replace(model="my-model", quality="whatever", size="512x512"), surface=None)
    host.jobs["other"] = settle(JobView(other, host.journal.read_record(job.id)), JobState.FAILED)
    assert bpy.ops.gptimage.copy_job(job_id="other") == {'FINISHED'}
    assert read_settings(panel) == words._replace(model="my-model", size="512x512")


def test_stop_here_keeps_the_unfinished_picture(monkeypatch: pytest.MonkeyPatch, cube: bpy.types.Object) -> None:
    """It lands as the result would, is marked, and costs what was shown at most."""
    with PracticeServer(latency_s=8.0) as running:
        monkeypatch.setenv("OPENAI_API_KEY", running.token)
        view = host.submit(plan_for(compatible(running), Landing(Place.REPLACE_SLOT, texture_targets([cube])), partial_images=3).job)
        with pytest.raises(RuntimeError, match="no unfinished picture"):
            bpy.ops.gptimage.stop_job(job_id=view.job.id)
        pump_until(lambda: view.record.partials)
        assert "gptimage.stop_job" in {name for name, _ in draw_queue().buttons}
        assert bpy.ops.gptimage.stop_job(job_id=view.job.id) == {'FINISHED'}
        pump_until(lambda: view.landed)
        assert view.record.state is JobState.DONE and view.record.stopped and view.landed.complete
        image = bpy.data.images[view.landed.images[0]]
        assert image.name.endswith("(Unfinished)") and image["gptimage"]["unfinished"]
        folder = host.journal.folder(view.job.id)
        shown = decode((folder / view.record.partials[-1]).read_bytes())
        assert np.array_equal(decode(bytes(image.packed_file.data)), shown)
        assert cube.active_material.name == "Weathered Red Brick"
        assert "what was made is charged" in draw_queue().text
        pump_until(lambda: running.disconnects == 1)
        assert len(arrived(running)) == 1


def test_sixty_jobs_are_a_page_and_counts() -> None:
    for number in range(60):
        view = stored(f"wall {number}")
        if number < 3:
            settle(view, JobState.RECEIVING, sent_at=1.0)
        elif number < 10:
            settle(view, JobState.FAILED, error=RefusedError("no").to_dict())
    shown = draw_queue()
    assert "3 running, 50 waiting, 7 failed" in shown.text
    names = [text for text in shown.texts if text.startswith("Wall")]
    assert names == [f"Wall {number}" for number in (0, 1, 2, 10, 11, 12, 13, 14)]
    bpy.context.window_manager.gptimage.first_job = 1000
    assert [text for text in draw_queue().texts if text.startswith("Wall")] == [
        f"Wall {number}" for number in (59, 9, 8, 7, 6, 5, 4, 3)]
    bpy.context.window_manager.gptimage.first_job = 0


def test_the_pace_of_a_service_is_told(server: PracticeServer) -> None:
    view = stored()
    host._hear(protocol.Pace(view.job.service, 2, 30.0))
    assert "The service asks for a pause: 30 s" in draw_queue().text
    host._hear(protocol.Pace(view.job.service, 3, 0.0))
    assert "3 at once: the service asked for fewer" in draw_queue().text


def test_progress_is_what_has_come_and_the_time_that_such_jobs_took() -> None:
    view = stored("wall")
    view.job = view.job._replace(request=view.job.request._replace(partial_images=3), deadline_s=100.0)
    record = view.record
    steps = [
        (record._replace(state=JobState.SENDING, sent_at=1.0), 10.0, (0.1, "Sent, 10 s")),
        (record._replace(state=JobState.SENDING, sent_at=1.0, expected_s=40.0), 10.0, (0.25, "Sent, about 30 s left")),
        (record._replace(state=JobState.RECEIVING, sent_at=1.0, partials=("a",), expected_s=40.0), 20.0, (0.5, "Preview 1 of 3, about 20 s left")),
        (record._replace(state=JobState.RECEIVING, sent_at=1.0, partials=("a", "b", "c"), expected_s=40.0), 50.0,
         (0.95, "Preview 3 of 3, 50 s, usually 40 s")),
        (record._replace(state=JobState.RECEIVING, sent_at=1.0, expected_s=400.0), 100.0, (0.25, "Receiving, about 5 min left")),
        (record._replace(state=JobState.FINISHING, sent_at=1.0, expected_s=40.0), 30.0, (1.0, "Received, finishing")),
    ]
    for record, elapsed, (factor, text) in steps:
        view.follow(record)
        view._sent -= elapsed
        assert queue.progress(view) == (pytest.approx(factor, abs=0.01), text)
        view.follow(record._replace(sent_at=0.0))
        assert view.seconds_since_sent == 0.0


def test_the_header_has_one_line_while_jobs_run() -> None:
    def header() -> str:
        layout = Layout()
        queue.draw_status(types.SimpleNamespace(layout=layout), bpy.context)
        return layout.text.strip()

    assert header() == ""
    stored("one"), stored("two")
    assert header() == "GPT Image: 2 waiting"
    stored("three", state=JobState.RECEIVING, sent_at=1.0)
    stored("four", state=JobState.FAILED)
    assert header() == "GPT Image: 1 running, 2 waiting"
    host.pause(True)
    assert header() == "GPT Image: 1 running, 2 paused"
    for name in queue.HEADERS:
        assert queue.draw_status in getattr(bpy.types, name).draw._draw_funcs


def test_the_menus_draw() -> None:
    waits, failed = stored(), stored(state=JobState.FAILED)
    for view, moves in ((waits, 4), (failed, 0)):
        layout = Layout()
        context = types.SimpleNamespace(**{queue.JOB: view.job.id})
        queue.GPTIMAGE_MT_job.draw(types.SimpleNamespace(layout=layout), context)
        assert [name for name, _ in layout.buttons].count("gptimage.move_job") == moves
        assert all(button.job_id == view.job.id for _, button in layout.buttons)
    layout = Layout()
    queue.GPTIMAGE_MT_queue.draw(types.SimpleNamespace(layout=layout), bpy.context)
    assert {"gptimage.retry_all", "gptimage.dismiss_done"} <= {name for name, _ in layout.buttons}
