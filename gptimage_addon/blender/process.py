# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker process and its two pipes, which never make Blender wait."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from pathlib import Path

from ..core import protocol
from ..core.protocol import Message
from . import paths

__all__ = ("WorkerProcess",)

LOG_LIMIT_BYTES = 1_000_000


class WorkerProcess:
    """A running worker. Main thread only; no call blocks."""

    def __init__(self, data_dir: Path) -> None:
        data_dir.mkdir(parents=True, exist_ok=True)
        log_path = data_dir / "worker.log"
        fresh = log_path.exists() and log_path.stat().st_size > LOG_LIMIT_BYTES
        with open(log_path, "wb" if fresh else "ab") as log:
            self._process = subprocess.Popen(
                # -s and -P keep the user's own packages and the script's folder off the module path.
                [sys.executable, "-s", "-P", str(paths.PACKAGE_DIR / "worker" / "__main__.py")],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=_environment(), cwd=data_dir,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0))
        assert self._process.stdin is not None and self._process.stdout is not None
        self._in = self._process.stdin.fileno()
        self._out = self._process.stdout.fileno()
        for pipe in (self._in, self._out):
            _make_non_blocking(pipe)
        self._unsent = bytearray()
        self._unread = bytearray()
        self._ended = False

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, message: Message) -> None:
        """Queue a message and write what the pipe takes now."""
        self._unsent += protocol.encode(message)
        self.flush()

    def flush(self) -> None:
        while self._unsent:
            try:
                written = os.write(self._in, self._unsent)
            except BlockingIOError:
                return
            except OSError:                     # the worker is gone; `receive` tells
                self._unsent.clear()
                return
            if written <= 0:                    # Windows' way of saying the pipe is full
                return
            del self._unsent[:written]

    def receive(self) -> list[Message] | None:
        """The messages that have come, in order; None once the worker has ended and all was read."""
        self.flush()
        while not self._ended:
            try:
                chunk = os.read(self._out, 65536)
            except BlockingIOError:
                break
            except OSError as error:
                if _is_empty_pipe(error):
                    break
                chunk = b""
            self._ended = not chunk
            self._unread += chunk
        messages = []
        while (end := self._unread.find(b"\n")) >= 0:
            messages.append(protocol.decode(bytes(self._unread[:end])))
            del self._unread[:end + 1]
        return None if self._ended and not messages else messages

    def wait_readable(self, timeout_s: float) -> None:
        """Sleep until there is something to receive, or the time is over. For background mode, where nothing else runs."""
        if sys.platform == "win32":         # select knows no pipes there
            time.sleep(min(timeout_s, 0.002))
        else:
            select.select([self._out], [], [], timeout_s)

    def close(self) -> None:
        """Close stdin: the worker finishes and journals what was sent, then ends by itself."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.poll()                    # collects an ended process

    def wait(self, timeout_s: float) -> bool:
        """Wait for the end after `close`; False if it takes longer. For background mode and tests."""
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True


def _environment() -> dict[str, str]:
    """Our environment, with nothing in it that changes where Python or the SDK look.

    Python may keep what it compiles, where the artist's environment says or else beside the sources: Blender unpacks the wheels without
    bytecode, and compiling them takes longer than all the rest of the start.
    """
    env = {name: value for name, value in os.environ.items()
           if not name.startswith("PYTHON") or name in ("PYTHON_KEYRING_BACKEND", "PYTHONPYCACHEPREFIX")}
    for name in ("OPENAI_BASE_URL", "OPENAI_LOG", "OPENAI_CUSTOM_HEADERS"):
        env.pop(name, None)
    wheels = paths.wheels_dir()
    if wheels:
        env["PYTHONPATH"] = str(wheels)
    return env


def _make_non_blocking(handle: int) -> None:
    if sys.platform != "win32":
        os.set_blocking(handle, False)
        return
    # os.set_blocking knows pipes on Windows only from Python 3.12 on.
    import ctypes
    import msvcrt
    from ctypes import wintypes

    nowait = wintypes.DWORD(1)                  # PIPE_NOWAIT
    set_state = ctypes.windll.kernel32.SetNamedPipeHandleState
    set_state.argtypes = (wintypes.HANDLE, wintypes.LPDWORD, wintypes.LPDWORD, wintypes.LPDWORD)
    if not set_state(msvcrt.get_osfhandle(handle), ctypes.byref(nowait), None, None):
        raise ctypes.WinError()


def _is_empty_pipe(error: OSError) -> bool:
    """Windows reports an empty non-blocking pipe as error 232, which C's read turns into EINVAL."""
    return sys.platform == "win32" and (error.winerror == 232 or error.errno == 22)
