# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers that stand ready at once: real processes with pipes of their own, forked from one that has imported what each imports first.

Importing takes the processor a second, and the tests start some hundred workers. Whatever is about the start itself, and every
process that a test starts from outside, starts the worker as Blender does.
"""

from __future__ import annotations

import functools
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

__all__ = ("start",)

SCRIPT = Path(__file__).resolve().parent.parent.parent / "gptimage_addon" / "worker" / "__main__.py"
MOST_BYTES = 100_000                    # of an environment


def start(
    command: Sequence[str], *, stdin: int, stdout: int, stderr: IO[bytes], env: Mapping[str, str], cwd: Path, creationflags: int = 0,
) -> subprocess.Popen[bytes] | ForkedWorker:
    """subprocess.Popen for a worker, with pipes for stdin and stdout; one that is started as usual, with our libraries, is forked."""
    if list(command) == [sys.executable, "-s", "-P", str(SCRIPT)] and "PYTHONPATH" not in env:
        return ForkedWorker(stderr, env, cwd)
    return subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=stderr, env=env, cwd=cwd, creationflags=creationflags)


class ForkedWorker:
    """What of subprocess.Popen is used of a worker."""

    def __init__(self, stderr: IO[bytes], env: Mapping[str, str], cwd: Path) -> None:
        ours, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)        # what is told is never read as one
        stdin, to_worker = os.pipe()
        from_worker, stdout = os.pipe()
        order = json.dumps({"env": dict(env), "cwd": str(cwd)}).encode()
        socket.send_fds(_parent()[0], [order], [stdin, stdout, stderr.fileno(), theirs.fileno()])
        for handle in (stdin, stdout):
            os.close(handle)
        theirs.close()
        self._told = ours
        self.stdin, self.stdout = open(to_worker, "wb"), open(from_worker, "rb")
        self.returncode: int | None = None
        self.pid = int(ours.recv(16))

    def poll(self) -> int | None:
        try:
            return self.wait(0.0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """The exit status, negative for a signal. Raises subprocess.TimeoutExpired."""
        if self.returncode is None:
            self._told.settimeout(timeout)
            try:
                self.returncode = int(self._told.recv(16))
            except (BlockingIOError, TimeoutError):
                raise subprocess.TimeoutExpired(str(SCRIPT), timeout or 0.0) from None
            self._told.close()
        return self.returncode

    def kill(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)


@functools.cache
def _parent() -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """The process that the workers are forked from, and the way to it. It ends with us."""
    ours, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
    with theirs:
        return ours, subprocess.Popen([sys.executable, "-s", "-P", __file__, str(theirs.fileno())], pass_fds=[theirs.fileno()])


def _serve(orders: socket.socket) -> int:
    """Fork a worker for each order until no more can come; in a worker, its exit status."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)       # who waits for a worker tells its end, and nobody waits for that one
    while True:
        order, handles, _, _ = socket.recv_fds(orders, MOST_BYTES, 4)
        if not order:
            return 0
        if os.fork() == 0:
            orders.close()
            return _watch(json.loads(order), handles)
        for handle in handles:
            os.close(handle)


def _watch(order: Mapping[str, object], handles: list[int]) -> int:
    """Fork the worker, tell its number, and when it has ended how."""
    from gptimage_addon.worker.main import main

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    stdin, stdout, stderr, told = handles
    worker = os.fork()
    if worker:
        for handle in (0, 1, stdin, stdout, stderr):
            os.close(handle)
        with socket.socket(fileno=told) as connection:
            connection.sendall(str(worker).encode())
            _, status = os.waitpid(worker, 0)
            try:
                connection.sendall(str(os.waitstatus_to_exitcode(status)).encode())
            except OSError:
                pass                        # nobody asks any more
        os._exit(0)
    for number, handle in enumerate((stdin, stdout, stderr)):
        os.dup2(handle, number)
    for handle in handles:
        os.close(handle)
    os.environ.clear()
    os.environ.update(order["env"])
    os.chdir(str(order["cwd"]))
    return main()


if __name__ == "__main__":
    import runpy

    runpy.run_path(str(SCRIPT))["load_package"]()
    import gptimage_addon.worker.session  # noqa: F401

    with socket.socket(fileno=int(sys.argv[1])) as connection:
        sys.exit(_serve(connection))
