# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real worker process, driven by tests the way blender/process.py drives it, but without bpy."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import threading
import time
import typing
from collections.abc import Callable, Mapping
from pathlib import Path

from gptimage_addon.core import protocol
from gptimage_addon.core.protocol import Message
from gptimage_addon.core.request import Job, JobRecord, JobState, Landing, Place, Request, Service, ServiceKind
from gptimage_addon.library.journal import Journal
from tests.support.forked_worker import start

__all__ = ("CHECKOUT", "KEY", "WorkerProcess", "make_job", "wait_until", "worker_environment")

CHECKOUT = Path(__file__).resolve().parent.parent.parent
# The key every worker here finds in its environment, and the token of the servers that tests start.
KEY = "sk-marked-8b1f6f0c2d4e4a7b9c33-test-key"
TIMEOUT_S = 20.0
_numbers = itertools.count()


def worker_environment(home: Path, **changes: str | None) -> dict[str, str]:
    """What blender/process.py leaves of the environment, with a home of its own. None takes a variable out."""
    env = {name: value for name, value in os.environ.items() if name == "PYTHONPYCACHEPREFIX" or not (
           name.startswith(("PYTHON", "OPENAI_")) or name.lower().endswith("_proxy"))}
    env |= {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "config"), "OPENAI_API_KEY": KEY,
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
    for name, value in changes.items():
        if value is None:
            env.pop(name, None)
        else:
            env[name] = value
    return env


def make_job(
    service: Service | str, *, request: Request | None = None, job_id: str = "", deadline_s: float = 60.0,
    **wanted: object,
) -> Job:
    """A small job. `service` may be a base URL of a compatible server; `wanted` are fields of its Request."""
    if isinstance(service, str):
        service = Service(ServiceKind.COMPATIBLE, service)
    if request is None:
        request = Request(**{"prompt": "red brick", "model": "gpt-image-2.5-flare", **wanted})
    return Job(id=job_id or f"job-{next(_numbers):04d}", kind="texture", prompt=request.prompt,
               request=request, service=service, landing=Landing(place=Place.IMAGE),
               deadline_s=deadline_s)


def wait_until(condition: Callable[[], object], timeout_s: float = TIMEOUT_S) -> None:
    """Return as soon as the condition holds; fail the test if it does not in time."""
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


class WorkerProcess:
    """A running worker. Its messages are collected in `messages` by a thread; its log is DATA/worker.log."""

    def __init__(
        self, data_dir: Path, env: Mapping[str, str], *, hello: protocol.Hello | bytes | None = None,
        concurrency: int = 4, latency_s: float = 0.0, python_args: tuple[str, ...] = (),
        script: Path = CHECKOUT / "gptimage_addon" / "worker" / "__main__.py", cwd: Path | None = None,
        prefix: tuple[str, ...] = (),
    ) -> None:
        data_dir.mkdir(parents=True, exist_ok=True)
        self.journal = Journal(data_dir)
        self.log_path = data_dir / "worker.log"
        with open(self.log_path, "ab") as log:
            self._process = start(
                [*prefix, sys.executable, "-s", "-P", *python_args, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=log, env=dict(env), cwd=cwd or data_dir)
        self.messages: list[Message] = []
        self._heard = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        first = hello or protocol.Hello(protocol.PROTOCOL, str(data_dir), concurrency, latency_s)
        self.write(first if isinstance(first, bytes) else protocol.encode(first))

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            message = protocol.decode(line)
            with self._heard:
                self.messages.append(message)
                self._heard.notify_all()
        with self._heard:
            self._ended = True
            self._heard.notify_all()

    # --- saying -------------------------------------------------------------------------------------------

    @property
    def pid(self) -> int:
        return self._process.pid

    def write(self, line: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line)
        self._process.stdin.flush()

    def send(self, message: Message) -> None:
        self.write(protocol.encode(message))

    def submit(self, job: Job, inputs: Mapping[str, bytes] = {}, *, online: bool = False) -> str:
        """Write the job to the journal, as the host does, and give it to the worker."""
        self.journal.create(job, inputs)
        self.send(protocol.Submit(job.id, online))
        return job.id

    def submit_all(self, *jobs: Job) -> None:
        """As the host does it with jobs that belong together: all are in the journal before the first is given to the worker."""
        for job in jobs:
            self.journal.create(job)
        for job in jobs:
            self.send(protocol.Submit(job.id))

    # --- hearing ------------------------------------------------------------------------------------------

    def wait_for(self, found: Callable[[Message], bool], timeout_s: float = TIMEOUT_S, *, after: int = 0) -> Message:
        """The first message, of those that have come or will, for which `found` is true. Skips the first `after`."""
        seen = after
        end = time.monotonic() + timeout_s
        with self._heard:
            while True:
                for message in self.messages[seen:]:
                    if found(message):
                        return message
                seen = len(self.messages)
                left = end - time.monotonic()
                if self._ended or left <= 0 or not self._heard.wait(left):
                    ended = "ended" if self._ended else f"said nothing more in {timeout_s} s"
                    raise AssertionError(f"the worker {ended}. Heard: {self.messages[-5:]}\n{self.log()}")

    def wait_for_type(self, kind: type, timeout_s: float = TIMEOUT_S) -> typing.Any:
        return self.wait_for(lambda message: isinstance(message, kind), timeout_s)

    def wait_state(self, job_id: str, *states: JobState, timeout_s: float = TIMEOUT_S) -> JobRecord:
        """The job's record once it is in one of the states; without any, in a final one."""
        def is_it(message: Message) -> bool:
            if not isinstance(message, protocol.RecordChanged) or message.record.job_id != job_id:
                return False
            return message.record.state in states if states else message.record.state.is_final
        return typing.cast("protocol.RecordChanged", self.wait_for(is_it, timeout_s)).record

    def records(self, job_id: str) -> list[JobRecord]:
        with self._heard:
            return [m.record for m in self.messages
                    if isinstance(m, protocol.RecordChanged) and m.record.job_id == job_id]

    def run(self, job: Job, inputs: Mapping[str, bytes] = {}, *, online: bool = False) -> JobRecord:
        """Submit the job and wait for its end."""
        return self.wait_state(self.submit(job, inputs, online=online))

    def recover(self) -> dict[str, JobRecord]:
        """Ask for what earlier workers left, and give what was reported."""
        before = len(self.messages)
        self.send(protocol.Recover())
        self.wait_for(lambda message: isinstance(message, protocol.RecoveryDone), after=before)
        with self._heard:
            return {m.record.job_id: m.record for m in self.messages[before:] if isinstance(m, protocol.Recovered)}

    def log(self) -> str:
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    # --- ending -------------------------------------------------------------------------------------------

    def kill(self) -> None:
        """End it as a crash would: SIGKILL, nothing is cleaned up."""
        self._process.kill()
        self._collect()

    def close_stdin(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()

    def wait_end(self, timeout_s: float = TIMEOUT_S) -> int:
        """Its exit status once it has ended by itself."""
        self._process.wait(timeout_s)
        self._collect()
        return self._process.returncode

    def close(self) -> int:
        self.close_stdin()
        return self.wait_end()

    def _collect(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.wait(TIMEOUT_S)
        self._reader.join(TIMEOUT_S)
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            pass                            # something was still on its way to a worker that is gone
        self._process.stdout.close()

    def end(self) -> None:
        """For fixtures: gone afterwards, whatever the test did."""
        if self._process.returncode is None:
            self._process.kill()
            self._collect()
