# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The session's queue, with a real worker that is killed, stopped, or cannot start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import bpy
import pytest

from gptimage_addon.blender.host import MAX_RESTARTS, JobView, host
from gptimage_addon.core.errors import InputError, UncertainError, WorkerError
from gptimage_addon.core.request import JobState, Landing, Place
from gptimage_addon.library.journal import Journal
from gptimage_addon.operators.texture import texture_targets
from gptimage_addon.worker.practice import Fault, PracticeServer
from tests.support.scenes import compatible, image_of, plan_for, pump_until

LONG_S = 60.0                           # far longer than any test: such a request is in flight until it is killed


def submit(server: PracticeServer, prompt: str, **words: object) -> JobView:
    return host.submit(plan_for(compatible(server), prompt=prompt, **words).job)


def kill_worker() -> None:
    assert host.worker_pid is not None
    os.kill(host.worker_pid, signal.SIGKILL)


def times_sent(server: PracticeServer) -> Counter[str]:
    """How often each prompt has arrived, by its first words after the template's."""
    return Counter(str(request.fields["prompt"]).removeprefix("A flat texture map of ").partition(".")[0]
                   for request in server.requests if request.method == "POST")


def server_with(monkeypatch: pytest.MonkeyPatch, *script: Fault | None, latency_s: float = 0.0) -> PracticeServer:
    running = PracticeServer(script=script, latency_s=latency_s)
    monkeypatch.setenv("OPENAI_API_KEY", running.token)
    return running


def test_a_job_goes_through_its_states_and_lands(server: PracticeServer, cube: bpy.types.Object) -> None:
    view = host.submit(plan_for(compatible(server), Landing(
        place=Place.REPLACE_SLOT, targets=texture_targets([cube]))).job)
    seen = [view.record.state]

    def is_landed() -> bool:
        if view.record.state is not seen[-1]:
            seen.append(view.record.state)
        return view.landed is not None

    pump_until(is_landed)
    order = list(JobState)
    assert seen == sorted(seen, key=order.index) and seen[0] is JobState.QUEUED and seen[-1] is JobState.DONE
    assert cube.active_material.name == "Weathered Red Brick" and not host.is_busy
    assert host.journal.is_applied(view.job.id)


def test_killed_with_jobs_in_flight_and_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four are sent at once by default: the others wait. Those go to a new worker, the sent ones are never sent again."""
    with server_with(monkeypatch, *[Fault(delay_s=LONG_S)] * 4) as server:
        views = [submit(server, f"wall {i}") for i in range(6)]
        pump_until(lambda: len(times_sent(server)) == 4)
        pump_until(lambda: sum(view.record.state is JobState.SENDING for view in views) == 4)
        first_pid = host.worker_pid
        sent = set(times_sent(server))
        kill_worker()
        pump_until(lambda: not host.is_busy, 30.0)
        assert host.worker_pid != first_pid
        for view in views:
            if view.job.prompt in sent:
                assert view.record.state is JobState.UNCERTAIN and isinstance(view.error, UncertainError)
                assert view.landed is None
            else:
                assert view.record.state is JobState.DONE and view.landed.complete
        assert times_sent(server) == Counter({f"wall {i}": 1 for i in range(6)})
        assert host.trouble is None


def test_killed_while_receiving(monkeypatch: pytest.MonkeyPatch) -> None:
    with server_with(monkeypatch, latency_s=8.0) as server:
        view = submit(server, "wall", partial_images=3)
        pump_until(lambda: view.record.state is JobState.RECEIVING)
        kill_worker()
        pump_until(lambda: not host.is_busy)
        assert view.record.state is JobState.UNCERTAIN and isinstance(view.error, UncertainError)
        assert times_sent(server) == {"wall": 1}


def test_killed_while_finishing(server: PracticeServer) -> None:
    """What is paid and on disk becomes a picture all the same, without being asked for again."""
    view = submit(server, "wall", size="2880x2880")
    pump_until(lambda: view.record.state is JobState.FINISHING, 60.0)
    kill_worker()
    pump_until(lambda: not host.is_busy, 60.0)
    assert view.record.state is JobState.DONE and view.landed.complete
    assert tuple(image_of(view).size) == (2880, 2880)
    assert times_sent(server) == {"wall": 1}


def test_killed_before_it_is_ready(server: PracticeServer) -> None:
    """A worker that does not come up is not started over and over; a retry gets a new one."""
    view = submit(server, "wall")
    kill_worker()
    pump_until(lambda: not host.is_busy)
    assert view.record.state is JobState.FAILED and isinstance(view.error, WorkerError)
    assert isinstance(host.trouble, WorkerError) and host.worker_pid is None
    assert times_sent(server) == {}
    assert bpy.ops.gptimage.retry_job(job_id=view.job.id) == {'FINISHED'}
    pump_until(lambda: not host.is_busy)
    (again,) = host.jobs.values()
    assert again.job.id != view.job.id and again.landed.complete and host.trouble is None
    assert times_sent(server) == {"wall": 1}


def test_a_worker_that_dies_again_and_again_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The job is sent four times at most if it is not sent at all: here each worker dies with it waiting."""
    with server_with(monkeypatch, *[Fault(delay_s=LONG_S)] * 20) as server:
        for i in range(4):
            submit(server, f"busy {i}")
        waiting = submit(server, "waiting")
        killed = []
        while host.is_busy:
            pump_until(lambda: not host.is_busy or (host._ready and host.worker_pid not in killed))
            if host.is_busy:
                killed.append(host.worker_pid)
                kill_worker()
        assert len(killed) == 1 + MAX_RESTARTS
        assert waiting.record.state is JobState.FAILED and "ended unexpectedly" in waiting.error.message
        assert host.trouble is not None and host.worker_pid is None
        assert max(times_sent(server).values(), default=0) <= 1


def test_a_stopped_worker_does_not_stop_blender(server: PracticeServer) -> None:
    view = submit(server, "wall 1")
    pump_until(lambda: view.landed is not None)
    pid = host.worker_pid
    os.kill(pid, signal.SIGSTOP)

    def too_late(*_: object) -> None:
        raise AssertionError("it blocks")

    before = signal.signal(signal.SIGALRM, too_late)
    signal.alarm(20)
    try:
        second = submit(server, "wall 2")
        for _ in range(4000):                   # more than the pipe holds
            host.configure(4)
        host.pump()
        assert second.is_active
        assert bpy.ops.gptimage.wait(timeout_s=0.2) == {'CANCELLED'}
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        os.kill(pid, signal.SIGCONT)
    pump_until(lambda: second.landed is not None)
    assert host.worker_pid == pid


def test_a_job_is_cancelled_at_once_even_before_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    with server_with(monkeypatch, Fault(delay_s=LONG_S)) as server:
        view = submit(server, "wall")
        assert bpy.ops.gptimage.cancel_job(job_id=view.job.id) == {'FINISHED'}
        pump_until(lambda: not host.is_busy)
        assert view.record.state is JobState.CANCELLED and "Nothing was charged" in view.error.message
        assert times_sent(server) == {}


def test_a_job_is_cancelled_in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    with server_with(monkeypatch, latency_s=LONG_S) as server:
        view = submit(server, "wall")
        pump_until(lambda: view.record.state is JobState.SENDING and times_sent(server))
        assert bpy.ops.gptimage.cancel_job(job_id=view.job.id) == {'FINISHED'}
        pump_until(lambda: not host.is_busy)
        assert view.record.state is JobState.CANCELLED and "may still be charged" in view.error.message
        pump_until(lambda: server.disconnects == 1)


def test_what_is_done_with_jobs_that_are_not_there() -> None:
    for operator in ("cancel_job", "retry_job", "dismiss_job", "apply_result"):
        with pytest.raises(RuntimeError, match="There is no job 'nobody'"):
            getattr(bpy.ops.gptimage, operator)(job_id="nobody")
    assert host.worker_pid is None


def test_retry_sends_the_same_again_as_a_new_job(monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = {"error": {"message": "no", "type": "image_generation_user_error", "code": "moderation_blocked", "param": None}}
    with server_with(monkeypatch, Fault(status=400, body=blocked)) as server:
        view = submit(server, "wall")
        pump_until(lambda: not host.is_busy)
        assert view.record.state is JobState.FAILED
        with pytest.raises(RuntimeError, match="no result"):
            bpy.ops.gptimage.apply_result(job_id=view.job.id)
        assert bpy.ops.gptimage.retry_job(job_id=view.job.id) == {'FINISHED'}
        (again,) = host.jobs.values()
        assert again.job.id != view.job.id
        assert (again.job.request, again.job.landing) == (view.job.request, view.job.landing)
        pump_until(lambda: again.landed is not None)
        assert host.journal.folder(view.job.id).is_dir(), "the old job's folder is history"


# --- another session --------------------------------------------------------------------------------------

def in_killed_session(
    checkout: Path, data_dir: Path, server: PracticeServer, meanwhile: Callable[[], None] = lambda: None,
) -> str:
    """The id of a job whose Blender was killed while the job was in flight."""
    driver = subprocess.Popen([sys.executable, "-m", "tests.support.host_driver", str(data_dir), server.base_url],
                              cwd=checkout, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    with driver:
        assert driver.stdout is not None
        try:
            job_id = next(line for line in iter(driver.stdout.readline, b"") if line.startswith(b"20")).decode().strip()
            meanwhile()
        finally:
            driver.kill()
    return job_id


def wait_for_the_other_workers_end(data_dir: Path) -> None:
    end = time.monotonic() + 20
    while list((data_dir / "workers").glob("*.lock")):
        assert time.monotonic() < end, "the killed session's worker lives on"
        time.sleep(0.02)


def test_what_a_killed_blender_had_asked_for_is_recovered(
    monkeypatch: pytest.MonkeyPatch, checkout: Path, tmp_path: Path,
) -> None:
    data_dir = tmp_path / "data"
    with server_with(monkeypatch, latency_s=2.0) as server:
        job_id = in_killed_session(checkout, data_dir, server)
        wait_for_the_other_workers_end(data_dir)
        assert Journal(data_dir).read_record(job_id).state is JobState.DONE, "the worker must finish what was paid"

        assert bpy.ops.gptimage.recover_results() == {'FINISHED'}
        assert bpy.ops.gptimage.wait(timeout_s=20) == {'FINISHED'}
        view = host.jobs[job_id]
        assert view.recovered and view.record.state is JobState.DONE
        assert view.landed is None and not view.is_active, "it must not push itself into another file"
        assert bpy.ops.gptimage.apply_result(job_id=job_id) == {'FINISHED'}
        assert tuple(image_of(view).size) == (1024, 640) and not view.recovered
        assert times_sent(server) == {"weathered red brick": 1}

        # Settled: the next session is not offered it again.
        worker = host.reset()
        assert worker.wait(20.0)
        bpy.ops.gptimage.recover_results()
        assert bpy.ops.gptimage.wait(timeout_s=20) == {'FINISHED'}
        assert not host.jobs


def test_what_died_with_its_worker_is_uncertain_until_dismissed(
    monkeypatch: pytest.MonkeyPatch, checkout: Path, tmp_path: Path,
) -> None:
    data_dir = tmp_path / "data"

    def kill_its_worker() -> None:
        end = time.monotonic() + 20
        while not server.requests:
            assert time.monotonic() < end, "the request did not arrive"
            time.sleep(0.02)
        (lock,) = (data_dir / "workers").glob("*.lock")
        os.kill(int(lock.name.partition("-")[0]), signal.SIGKILL)

    with server_with(monkeypatch, Fault(delay_s=LONG_S)) as server:
        job_id = in_killed_session(checkout, data_dir, server, kill_its_worker)
        host.recover()
        assert host.wait(20.0)
        view = host.jobs[job_id]
        assert view.recovered and view.record.state is JobState.UNCERTAIN and isinstance(view.error, UncertainError)
        assert len(server.requests) == 1
        assert bpy.ops.gptimage.dismiss_job(job_id=job_id) == {'FINISHED'}
        assert not host.jobs and host.journal.folder(job_id).is_dir()
        worker = host.reset()
        assert worker.wait(20.0)
        host.recover()
        assert host.wait(20.0) and not host.jobs


def test_a_running_job_cannot_be_dismissed(monkeypatch: pytest.MonkeyPatch) -> None:
    with server_with(monkeypatch, latency_s=LONG_S) as server:
        view = submit(server, "wall")
        pump_until(lambda: times_sent(server))
        bpy.ops.gptimage.dismiss_job(job_id=view.job.id)
        assert host.jobs == {view.job.id: view} and not host.journal.is_applied(view.job.id)
        host.cancel(view.job.id)
        pump_until(lambda: not host.is_busy)


# --- a worker that cannot start ---------------------------------------------------------------------------

def test_a_data_folder_that_cannot_be_written_is_told_before_anything_is_sent(
    server: PracticeServer, tmp_path: Path,
) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(InputError) as told:
        submit(server, "wall")
    assert told.value.field == "data_dir" and str(tmp_path / "data") in told.value.message
    assert not host.jobs and host.worker_pid is None
    with pytest.raises(WorkerError):
        host.recover()


def test_a_worker_that_reports_trouble_is_not_started_again(server: PracticeServer, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "workers").write_text("no folder")
    view = submit(server, "wall")
    pump_until(lambda: not host.is_busy)
    assert view.record.state is JobState.FAILED
    assert "data folder cannot be used" in view.error.message and view.error.hint
    assert host.trouble.message == view.error.message and host.worker_pid is None
    host.pump()
    assert host.worker_pid is None and times_sent(server) == {}

    (tmp_path / "data" / "workers").unlink()
    host.retry(view.job.id)
    pump_until(lambda: not host.is_busy)
    assert host.trouble is None and times_sent(server) == {"wall": 1}


def test_an_answer_that_a_gone_worker_owed_is_not_waited_for(server: PracticeServer) -> None:
    host.check_connection(compatible(server))
    assert host.is_busy
    worker = host.stop()
    assert not host.is_busy and host.wait(0.0)
    assert worker.wait(20.0)


def test_the_connection_is_checked_without_cost(server: PracticeServer) -> None:
    host.check_connection(compatible(server))
    assert host.wait(20.0)
    assert host.connection.error is None
    assert "gpt-image-2.5-flare" in {model.id for model in host.connection.models}
    assert [request.method for request in server.requests] == ["GET"]
