# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The line of jobs: in order, paused, rearranged, and slowed by a service that has enough. The server's own list is the oracle."""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from gptimage_addon.core.protocol import Arrange, Cancel, Configure, Pace, Pause, RecordChanged
from gptimage_addon.core.request import JobState, Service, ServiceKind
from gptimage_addon.worker import turns as turns_module
from gptimage_addon.worker.turns import Turns
from tests.support.services import PlainServer, answer_json, make_png, send
from tests.support.worker_process import WorkerProcess, make_job, wait_until

StartWorker = Callable[..., WorkerProcess]
ServePlain = Callable[..., PlainServer]
ANSWER = answer_json(make_png())


class NamingService:
    """Answers when it is let go, and lists the words of what came in the order in which it came."""

    def __init__(self, serve_plain: ServePlain, refusals: int = 0, retry_after_ms: int = 0) -> None:
        self.came: list[str] = []
        self.times: list[float] = []
        self.refusals = refusals
        self.retry_after_ms = retry_after_ms
        self.let_go = threading.Event()
        self.let_go.set()
        self.server = serve_plain(self._handle)

    def _handle(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        self.came.append(json.loads(body)["prompt"])
        self.times.append(time.monotonic())
        if self.refusals:
            self.refusals -= 1
            more = {"retry_after_ms": str(self.retry_after_ms)} if self.retry_after_ms else {}
            send(handler, b'{"error": {"code": "rate_limit_exceeded"}}', status=429, **more)
            return
        self.let_go.wait(20)
        send(handler, ANSWER)

    def job(self, name: str):
        return make_job(self.server.base_url, job_id=name, prompt=name)


@contextmanager
def holding(service: NamingService) -> Iterator[None]:
    service.let_go.clear()
    yield
    service.let_go.set()


def test_a_paused_queue_sends_nothing_and_finishes_what_was_sent(start_worker: StartWorker, serve_plain: ServePlain) -> None:
    service = NamingService(serve_plain)
    worker = start_worker(concurrency=1)
    with holding(service):
        worker.submit(service.job("sent"))
        wait_until(lambda: service.came == ["sent"])
        worker.send(Pause(True))
        for name in ("a", "b"):
            worker.submit(service.job(name))
            worker.wait_state(name, JobState.QUEUED)
    assert worker.wait_state("sent").state is JobState.DONE
    worker.send(Cancel("a"))                            # also what waits in a paused queue can be cancelled
    assert worker.wait_state("a").state is JobState.CANCELLED
    assert service.came == ["sent"] and worker.journal.read_record("b").is_unsent
    worker.send(Pause(False))
    assert worker.wait_state("b").state is JobState.DONE
    assert service.came == ["sent", "b"]


def test_jobs_are_sent_as_they_were_submitted(start_worker: StartWorker, serve_plain: ServePlain) -> None:
    """Also where their files are read in another order: many at once, from the first moment of the worker on."""
    service = NamingService(serve_plain)
    worker = start_worker(concurrency=1)
    names = [f"job {number}" for number in range(12)]
    for name in names:
        worker.submit(service.job(name))
    for name in names:
        assert worker.wait_state(name).state is JobState.DONE
    assert service.came == names


def test_the_line_can_be_rearranged_while_it_waits(start_worker: StartWorker, serve_plain: ServePlain) -> None:
    service = NamingService(serve_plain)
    worker = start_worker(concurrency=1)
    worker.send(Pause(True))
    for name in "abcde":
        worker.submit(service.job(name))
    worker.wait_state("e", JobState.QUEUED)
    worker.send(Arrange(("d", "nobody", "b", "d", "a")))        # c and e stay in their places
    worker.submit(service.job("f"))
    worker.wait_state("f", JobState.QUEUED)
    worker.send(Pause(False))
    for name in "abcdef":
        assert worker.wait_state(name).state is JobState.DONE
    assert service.came == ["d", "b", "c", "a", "e", "f"]


def test_a_pause_that_the_service_asks_for_holds_for_all(start_worker: StartWorker, serve_plain: ServePlain) -> None:
    """After one refusal nobody is sent before the pause is over, then half as many, and who was refused keeps its place."""
    service = NamingService(serve_plain, refusals=1, retry_after_ms=700)
    worker = start_worker(concurrency=1)
    names = [f"job {number}" for number in range(4)]
    worker.submit(service.job(names[0]))
    wait_until(lambda: service.came)
    for name in names[1:]:
        worker.submit(service.job(name))
        worker.wait_state(name, JobState.QUEUED)
    for name in names:
        assert worker.wait_state(name).state is JobState.DONE
    assert service.came == ["job 0", *names]
    assert service.times[1] - service.times[0] >= 0.7
    pace = worker.wait_for_type(Pace)
    assert (pace.service, pace.allowed) == (Service(ServiceKind.COMPATIBLE, service.server.base_url), 1)
    assert 0.5 < pace.pause_s <= 0.7


def test_a_long_queue_gets_through_a_service_with_a_limit(start_worker: StartWorker, serve_plain: ServePlain) -> None:
    """A service that takes two at a time refuses the others: no job fails, and the worker learns to send fewer."""
    lock, at_once, refused, taken = threading.Lock(), [0], [], []

    def handle(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        with lock:
            full = at_once[0] >= 2
            at_once[0] += not full
        if full:
            refused.append(time.monotonic())
            send(handler, b'{"error": {"code": "slow_down"}}', status=429, retry_after_ms="30")
            return
        time.sleep(0.03)
        with lock:
            at_once[0] -= 1
            taken.append(json.loads(body)["prompt"])
        send(handler, ANSWER)

    server = serve_plain(handle)
    worker = start_worker(concurrency=16)
    names = [f"job {number}" for number in range(40)]
    for name in names:
        worker.submit(make_job(server.base_url, job_id=name, prompt=name))
    assert {worker.wait_state(name).state for name in names} == {JobState.DONE}
    assert sorted(taken) == sorted(names), "each is made once"
    # Sending 16 again and again would have each refused some five times.
    assert 1 <= len(refused) <= 60
    assert min(m.allowed for m in worker.messages if isinstance(m, Pace)) <= 2


def test_a_service_that_wants_a_pause_holds_up_no_other(start_worker: StartWorker, serve_plain: ServePlain) -> None:
    slow, other = NamingService(serve_plain, refusals=1, retry_after_ms=20_000), NamingService(serve_plain)
    worker = start_worker(concurrency=1)
    worker.submit(slow.job("slow"))
    worker.wait_for_type(Pace)
    for name in ("behind", "also"):
        worker.submit(slow.job(name))
    assert worker.run(other.job("other")).state is JobState.DONE
    assert slow.came == ["slow"]
    worker.send(Pause(False))                           # the artist does not want to wait any longer
    assert worker.wait_state("also").state is JobState.DONE
    assert slow.came == ["slow", "slow", "behind", "also"]


def test_what_is_sent_at_once_comes_back_by_one_a_round() -> None:
    """After a refusal with 8 at once: 4, and 4 answers later 5, 5 later 6. In closed form, without a worker."""
    told: list[int] = []
    turns = Turns(8, lambda pace: told.append(pace.allowed))
    gate = turns.gate(Service())

    async def answer(count: int) -> None:
        for number in range(count):
            async with gate.turn(f"more {number}"):
                await asyncio.sleep(0)

    async def run() -> None:
        async def refused(number: int) -> None:
            async with gate.turn(f"job {number}"):
                await asyncio.sleep(0.01)
                gate.slow(0.0, 0.01)

        await asyncio.gather(*(refused(number) for number in range(8)))     # on their way together: that counts once
        assert told[-1] == 4
        await answer(4)
        assert told[-1] == 5
        await answer(5)
        assert told[-1] == 6
        await answer(40)
        assert told[-1] == 8
        turns.resize(3)
        assert await most_at_once(12) == 3

    async def most_at_once(count: int) -> int:
        now = most = 0

        async def one(number: int) -> None:
            nonlocal now, most
            async with gate.turn(f"again {number}"):
                now += 1
                most = max(most, now)
                await asyncio.sleep(0.001)
                now -= 1

        await asyncio.gather(*(one(number) for number in range(count)))
        return most

    asyncio.run(run())


def test_who_leaves_the_line_takes_no_turn_along() -> None:
    async def run() -> None:
        gate = Turns(1).gate(Service())

        async def hold(name: str) -> str:
            async with gate.turn(name):
                await asyncio.sleep(0.001)
                return name

        first, second, third = (asyncio.ensure_future(hold(name)) for name in ("a", "b", "c"))
        await asyncio.sleep(0)
        second.cancel()
        assert await first == "a" and await asyncio.wait_for(third, 5) == "c"
        # Cancelled in the very moment in which its turn came.
        fourth, fifth = (asyncio.ensure_future(hold(name)) for name in ("d", "e"))
        await asyncio.sleep(0)
        fourth.cancel()
        assert await asyncio.wait_for(fifth, 5) == "e"
        with pytest.raises(asyncio.CancelledError):
            await second

    asyncio.run(run())


def test_configure_lets_more_through_although_the_service_asked_for_less(start_worker: StartWorker, serve_plain: ServePlain) -> None:
    service = NamingService(serve_plain, refusals=2, retry_after_ms=1)
    worker = start_worker(concurrency=2)
    with holding(service):
        for name in "abcd":
            worker.submit(service.job(name))
        wait_until(lambda: len(service.came) == 3)              # two refused, one again
        worker.send(Configure(3))
        wait_until(lambda: len(service.came) == 5)
    for name in "abcd":
        assert worker.wait_state(name).state is JobState.DONE


def test_the_next_request_leaves_before_the_answer_is_worked_on(start_worker: StartWorker, serve_plain: ServePlain) -> None:
    """The service need not wait for what can be done while it draws."""
    worker, service = start_worker(concurrency=1), NamingService(serve_plain)
    names = [f"job {number}" for number in range(7)]
    worker.submit_all(*map(service.job, names))
    for name in names:
        worker.wait_state(name)
    told = [(message.record.job_id, message.record.state) for message in worker.messages if isinstance(message, RecordChanged)]
    left = [told.index((after, JobState.SENDING)) < told.index((before, JobState.FINISHING)) for before, after in itertools.pairwise(names)]
    waited_s = [after - before for before, after in itertools.pairwise(service.times)]
    assert all(first or waited > turns_module.CALM_S for first, waited in zip(left, waited_s, strict=True))


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace to make a disk slow")
def test_the_next_request_leaves_while_the_answer_is_synced(start_worker: StartWorker, serve_plain: ServePlain, tmp_path: Path) -> None:
    service, synced_after_s = NamingService(serve_plain), 2
    answer = tmp_path / "data" / "jobs" / "a" / "answer.raw"
    worker = start_worker(concurrency=1, prefix=("strace", "-f", "-qq", "--seccomp-bpf", "-o", str(tmp_path / "trace"), "-P", str(answer),
                                                 "-e", "trace=fsync", "-e", f"inject=fsync:delay_enter={synced_after_s * 1_000_000}"))
    with holding(service):
        worker.submit_all(*map(service.job, "ab"))
        wait_until(lambda: service.came)
        answered = time.monotonic()
    wait_until(lambda: len(service.came) == 2)
    assert service.times[1] - answered < synced_after_s
    assert worker.wait_state("b").state is worker.wait_state("a").state is JobState.DONE
    assert "fsync(" in (tmp_path / "trace").read_text() and worker.close() == 0


def test_who_stands_back_is_not_read_while_another_leaves(start_worker: StartWorker, serve_plain: ServePlain) -> None:
    worker, service = start_worker(concurrency=1), NamingService(serve_plain)
    worker.run(service.job("makes the wallet"))
    worker.recover()                                    # answered after that job has left the line
    with closing(sqlite3.connect(worker.journal.data_dir / "wallet.sqlite", isolation_level=None)) as wallet:
        wallet.execute("BEGIN EXCLUSIVE")               # nobody leaves without having reserved
        worker.submit_all(*map(service.job, "abcde"))
        worker.wait_state("a", JobState.QUEUED)
        time.sleep(0.05)
        wallet.execute("COMMIT")
    for name in "abcde":
        assert worker.wait_state(name).state is JobState.DONE
    told = [(message.record.job_id, message.record.state) for message in worker.messages if isinstance(message, RecordChanged)]
    assert all(told.index((name, JobState.QUEUED)) > told.index(("a", JobState.SENDING)) for name in "bcde")


def test_work_waits_for_what_leaves_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns_module, "CALM_S", 60.0)

    async def run() -> None:
        turns, done = Turns(2), []

        async def work(name: str) -> None:
            await turns.calm()
            done.append(name)

        async with turns.gate(Service()).turn("a"), turns.gate(Service()).turn("b"):
            waiting = asyncio.ensure_future(work("finish"))
            turns.left("a")
            await asyncio.sleep(0)
            assert not done, "b has not left yet"
            turns.left("b")
            await waiting
            monkeypatch.setattr(turns_module, "CALM_S", 0.05)
            turns.leaves("b")                   # and never does
            await asyncio.wait_for(work("finish after all"), 5)
        await asyncio.wait_for(work("nobody is left"), 5)
        assert done == ["finish", "finish after all", "nobody is left"]

    asyncio.run(run())
