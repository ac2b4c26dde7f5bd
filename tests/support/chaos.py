# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random jobs, random faults of the server, random deaths of the worker and its host; and what must hold all the same.

A seed decides all that is random. The oracle is the server's own book: what arrived, what of it may have been billed, and which answers it has
sent to their last byte.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from gptimage_addon.core import protocol
from gptimage_addon.core.request import Job, JobRecord, JobState
from gptimage_addon.core.values import to_json
from gptimage_addon.library.history import History
from gptimage_addon.library.journal import Journal
from gptimage_addon.library.wallet import EntryState, Wallet

from .services import PlainServer, answer_json, make_png, send
from .worker_process import WorkerProcess, make_job, wait_until, worker_environment

__all__ = ("Chaos",)

PRICE = 0.25
SETTLE_S = 40.0
CHECKOUT = Path(__file__).resolve().parents[2]
ENDS = ("worker killed", "host killed", "nothing", "worker killed", "nothing")
# Refused before anything was made: these alone may be asked for again by themselves.
FREE = {
    "rate limit": (429, {"code": "rate_limit_exceeded"}), "slow down": (429, {"code": "slow_down"}), "failed": (500, {"message": "x"}),
    "overloaded": (503, {"code": "server_is_overloaded"}), "refused": (400, {"code": "invalid_value", "param": "size"}),
    "no credit": (429, {"code": "insufficient_quota", "type": "insufficient_quota"}),
}
LOST = ("cut before the head", "cut in the body", "gateway", "moderated", "broken picture")
USAGE = {"input_tokens": 10, "output_tokens": 100, "input_tokens_details": {"text_tokens": 10, "image_tokens": 0}}


class _Server:
    """Does to each request what its prompt says, and keeps the book."""

    def __init__(self) -> None:
        self.arrived: Counter[str] = Counter()
        self.billable: Counter[str] = Counter()
        self.whole: set[str] = set()            # jobs whose answer was sent to the last byte
        self._lock = threading.Lock()
        self.plain = PlainServer(self._handle)

    @staticmethod
    def picture(job_id: str) -> bytes:
        """Another one for each job."""
        return make_png(color=tuple(random.Random(job_id).randbytes(3)))

    def _handle(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        fields = json.loads(body)
        plan = json.loads(fields["prompt"])
        job_id = plan["id"]
        with self._lock:
            number = self.arrived[job_id]
            self.arrived[job_id] += 1
            fault = plan["faults"][min(number, len(plan["faults"]) - 1)]
            self.billable[job_id] += fault not in FREE
        time.sleep(plan["delay_s"] * 0.5)
        if fault in FREE:
            status, error = FREE[fault]
            send(handler, json.dumps({"error": error}).encode(), status=status, retry_after_ms="20")
            return
        if fault == "cut before the head":
            self._cut(handler)
            return
        if fault == "gateway":
            time.sleep(plan["delay_s"] * 0.5)
            send(handler, b"<html>", "text/html", status=504)
            return
        picture = self.picture(job_id)
        shown = picture[:40] if fault == "broken picture" else picture
        if fields.get("stream"):
            self._stream(handler, shown, plan, fault)
        else:
            time.sleep(plan["delay_s"] * 0.5)
            answer = answer_json(*[shown] * fields.get("n", 1), usage=USAGE)
            if fault == "moderated":
                answer = b'{"error": {"code": "moderation_blocked"}}'
            if fault == "cut in the body":
                self._head(handler, "application/json", {"content-length": str(len(answer))})
                handler.wfile.write(answer[:len(answer) // 2])
                self._cut(handler)
                return
            send(handler, answer)
        handler.wfile.flush()
        if fault == "answered":
            with self._lock:
                self.whole.add(job_id)

    def _stream(self, handler: BaseHTTPRequestHandler, picture: bytes, plan: dict, fault: str) -> None:
        self._head(handler, "text/event-stream", {"transfer-encoding": "chunked"})
        encoded = base64.b64encode(picture).decode()
        events = [{"type": "image_generation.partial_image", "b64_json": encoded, "partial_image_index": 0}]
        if fault == "moderated":
            events.append({"type": "error", "error": {"code": "moderation_blocked"}})
        elif fault != "cut in the body":
            events.append({"type": "image_generation.completed", "b64_json": encoded, "usage": USAGE})
        for event in events:
            data = f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            handler.wfile.flush()
            time.sleep(plan["delay_s"] * 0.5)
        if fault == "cut in the body":
            self._cut(handler)
        else:
            handler.wfile.write(b"0\r\n\r\n")

    @staticmethod
    def _head(handler: BaseHTTPRequestHandler, content_type: str, headers: dict[str, str]) -> None:
        handler.send_response(200)
        handler.send_header("content-type", content_type)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()

    @staticmethod
    def _cut(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.flush()
        handler.close_connection = True
        handler.connection.shutdown(socket.SHUT_RDWR)


class Chaos:
    """Rounds on one data folder below `root`, which must be empty. `run` plays one and raises AssertionError if a promise was broken."""

    def __init__(self, seed: int, root: Path) -> None:
        self.seed = seed
        self.root = root
        self.counts: Counter[str] = Counter()       # of what happened, for the report
        self._random = random.Random(seed)
        self._server = _Server()
        self._journal = Journal(root / "data")
        self._numbers = itertools.count()
        self._worker: WorkerProcess | None = None
        self._pids: list[int] = []
        self._ends: list[str] = []                  # still to come before each comes again
        self._jobs: list[str] = []                  # of this round
        self._died: set[str] = set()                # of those, what died with its worker
        self._interrupted: set[str] = set()         # what the artist cancelled or stopped

    # --- a round ------------------------------------------------------------------------------------------

    def run(self) -> None:
        """One round: jobs, deaths, the end of all jobs, and what must hold then."""
        self._jobs, self._died, self._interrupted = [], set(), set()
        worker = self._worker or self._start()
        leaving: list[WorkerProcess] = []
        for _ in range(self._random.randint(4, 8)):
            self._submit(worker)
        for _ in range(self._random.randint(0, 4)):
            time.sleep(self._random.uniform(0.0, 0.12))
            self._meddle(worker)
        self._ends = self._ends or self._random.sample(ENDS, len(ENDS))
        end = self._ends.pop()
        time.sleep(self._random.uniform(0.0, 0.25))
        self.counts[end] += 1
        if end == "worker killed":
            worker.kill()
            self._died = {job_id for job_id in self._jobs if not self._record(job_id).state.is_final}
            worker = self._start()
        elif end == "host killed":
            worker.close_stdin()                    # as its death does: the worker goes on with what was sent
            leaving.append(worker)
            worker = self._start()
            worker.recover()                        # two on one data folder
            for job_id in self._jobs:
                worker.send(protocol.Submit(job_id))
            leaving.pop().wait_end(SETTLE_S)
        worker.send(protocol.Pause(False))
        self._settle(worker)
        self._check(worker)

    def run_in_blender(self) -> None:
        """A round in a real Blender, which is killed while it asks, lands or saves; another opens its file, with what can still be had."""
        if self._worker:
            assert self._worker.close() == 0, "the last worker did not end well"
        self._jobs, self._died, self._interrupted = [], set(), set()
        first = self._blender([self._new_job() for _ in range(self._random.randint(4, 8))])
        self._pids.append(next(int(line) for line in first.stdout if line.strip().isdigit()))       # Blender prints too
        time.sleep(self._random.uniform(0.0, 1.2))
        first.kill()                                # its helper goes on with what was sent
        first.communicate()
        self.counts["Blender killed"] += 1
        wait_until(lambda: not _is_alive(self._pids[-1]), SETTLE_S)
        worker = self._start()
        self._settle(worker)
        self._check(worker)
        assert worker.close() == 0, "the worker did not end well"
        self._worker = None
        second = self._blender([])
        told, errors = second.communicate(timeout=SETTLE_S * 2)
        assert second.returncode == 0, f"seed {self.seed}: the file or what was left of it did not open\n{told}\n{errors[-3000:]}"
        facts = json.loads(told.splitlines()[-1])
        assert not facts["busy"]
        done = {job_id for job_id in self._jobs if self._record(job_id).state is JobState.DONE}
        held: Counter[str] = Counter()
        for job_id, data in facts["pictures"]:
            held[job_id] += 1
            assert base64.b64decode(data) == self._server.picture(job_id), self._told("another picture is in the file", self._record(job_id))
        for job_id in done:
            wanted = self._record(job_id).result.pictures
            # Applied and not yet saved when Blender died: the file lacks it, and the history has it.
            assert held[job_id] in (0, len(wanted)), self._told("not all pictures of a job are in the file", self._record(job_id))
            assert held[job_id] or self._journal.is_applied(job_id), self._told("a picture was not offered again", self._record(job_id))
        history = History(self._journal.data_dir)
        try:
            missing = done - {entry.job_id for entry in history.all_entries()}
        finally:
            history.close()
        assert not missing, self._told("not in the history", *map(self._record, missing))

    def _blender(self, jobs: list[Job]) -> subprocess.Popen[str]:
        session = subprocess.Popen(
            [sys.executable, "-m", "tests.support.blender_session", str(self._journal.data_dir), str(self._journal.data_dir / "scene.blend")],
            cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=worker_environment(self.root / "blender"))
        assert session.stdin is not None
        session.stdin.write(json.dumps([to_json(job) for job in jobs]))
        session.stdin.close()
        session.stdin = None
        return session

    def close(self) -> None:
        """End all, and see that nothing is left of it."""
        if self._worker:
            assert self._worker.close() == 0, "the last worker did not end well"
            self._worker = None
        self._server.plain.stop()
        left = [pid for pid in self._pids if _is_alive(pid)]
        assert not left, f"workers live on: {left}"
        outside = {path.name for path in self.root.iterdir()} - {"data", "blender"}      # Blender has its own settings and caches
        assert not outside, f"files outside the data folder: {outside}"

    def _start(self) -> WorkerProcess:
        environment = worker_environment(self.root)
        self._worker = WorkerProcess(self._journal.data_dir, environment, concurrency=self._random.choice([1, 2, 4]))
        self._pids.append(self._worker.pid)
        return self._worker

    def _submit(self, worker: WorkerProcess) -> None:
        worker.submit(self._new_job())

    def _new_job(self) -> Job:
        job_id = f"job-{self.seed}-{next(self._numbers):05d}"
        chance = self._random.random()
        faults = [self._random.choice(list(FREE)) for _ in range(self._random.choice([0, 0, 1, 2]))]
        faults.append(self._random.choice(LOST) if chance < 0.25 else "answered")
        plan = {"id": job_id, "faults": faults, "delay_s": round(self._random.uniform(0.0, 0.2), 3)}
        wanted = {"n": 2} if self._random.random() < 0.3 else {"partial_images": 1}
        job = make_job(self._server.plain.base_url, job_id=job_id, prompt=json.dumps(plan), **wanted)
        self._jobs.append(job_id)
        self.counts["jobs"] += 1
        return job._replace(estimate_usd=PRICE)

    def _meddle(self, worker: WorkerProcess) -> None:
        job_id = self._random.choice(self._jobs)
        match self._random.choice(["cancel", "stop", "pause", "arrange", "twice", "resize", "resume"]):
            case "cancel":
                self._interrupted.add(job_id)
                worker.send(protocol.Cancel(job_id))
            case "stop":
                self._interrupted.add(job_id)
                worker.send(protocol.Stop(job_id))
            case "pause":
                worker.send(protocol.Pause(True))
            case "resume":
                worker.send(protocol.Pause(False))
            case "arrange":
                worker.send(protocol.Arrange(tuple(self._random.sample(self._jobs, len(self._jobs)))))
            case "twice":
                worker.send(protocol.Submit(job_id))
            case "resize":
                worker.send(protocol.Configure(self._random.randint(1, 8)))

    def _settle(self, worker: WorkerProcess) -> None:
        """What a Blender does after a start: it asks what is left, sends what was never sent, and waits."""
        worker.recover()
        end = time.monotonic() + SETTLE_S
        while True:
            records = [self._record(job_id) for job_id in self._jobs]
            open_jobs = [record for record in records if not record.state.is_final]
            if not open_jobs:
                return
            assert time.monotonic() < end, self._told("these did not end", *open_jobs)
            for record in open_jobs:
                if record.is_unsent:
                    worker.send(protocol.Submit(record.job_id))
            time.sleep(0.05)

    # --- what must hold -----------------------------------------------------------------------------------

    def _check(self, worker: WorkerProcess) -> None:
        server = self._server
        for job_id in self._jobs:
            record = self._record(job_id)
            self.counts[str(record.state)] += 1
            assert server.billable[job_id] <= 1, self._told("sent again although it may have been billed", record)
            folder = self._journal.folder(job_id)
            raw = self._journal.answer_path(job_id)
            if job_id in server.whole and job_id not in self._interrupted:
                on_disk = raw.exists() and base64.b64encode(server.picture(job_id)) in raw.read_bytes()
                # What a killed worker had not read from its socket is gone with it.
                assert on_disk or job_id in self._died, self._told("an answer that was sent whole is not on disk", record)
                if job_id not in self._died:
                    assert record.state is JobState.DONE, self._told("an answer that was sent whole is no result", record)
            if server.billable[job_id] and job_id not in self._died | self._interrupted and self._plan(job_id)["faults"][-1] == "answered":
                assert record.state is JobState.DONE, self._told("nothing went wrong with it, and it is no result", record)
            if record.state is JobState.DONE:
                assert record.result and record.result.pictures, self._told("done without a result", record)
                for picture in record.result.pictures:
                    assert (folder / picture.path).read_bytes() == server.picture(job_id), self._told("another picture", record)
            if record.state in (JobState.QUEUED, JobState.FAILED) and not server.billable[job_id]:
                assert not record.result
            if record.state is JobState.UNCERTAIN:
                assert record.error and record.error["type"] == "UncertainError", self._told("uncertain without saying so", record)
        self._check_wallet(worker)
        broken = [line for line in worker.log().splitlines() if "Traceback" in line]
        assert not broken, f"seed {self.seed}: the worker stumbled\n{worker.log()[-3000:]}"

    def _check_wallet(self, worker: WorkerProcess) -> None:
        """The wallet counts what the server may have billed, and besides only what never arrived but may have."""
        def counted() -> dict[str, EntryState]:
            return {entry.job_id: entry.state for entry in Wallet(self._journal.data_dir).entries() if entry.job_id in set(self._jobs)}

        wait_until(lambda: EntryState.OPEN not in counted().values(), SETTLE_S)
        paid = {job_id for job_id, state in counted().items() if state is not EntryState.FREE}
        billed = {job_id for job_id in self._jobs if self._server.billable[job_id]}
        assert billed <= paid, self._told("billed and not in the wallet", *map(self._record, billed - paid))
        for record in map(self._record, paid - billed):
            assert record.state in (JobState.UNCERTAIN, JobState.CANCELLED), self._told("in the wallet and never billed", record)

    def _plan(self, job_id: str) -> dict:
        return json.loads(self._journal.read_job(job_id).prompt)

    def _record(self, job_id: str) -> JobRecord:
        return self._journal.read_record(job_id)

    def _told(self, what: str, *records: JobRecord) -> str:
        facts = "\n".join(f"{record}\n  arrived {self._server.arrived[record.job_id]}, billable {self._server.billable[record.job_id]}, "
                          f"died {record.job_id in self._died}, plan {self._plan(record.job_id)}" for record in records)
        return f"seed {self.seed}: {what}\n{facts}\n{self._worker.log()[-2000:] if self._worker else ''}"


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
