# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker's two pipes to the host, each served by a thread, so that neither side ever waits for the other."""

from __future__ import annotations

import asyncio
import queue
import threading
from typing import BinaryIO

from ..core import protocol
from ..core.protocol import Message

__all__ = ("Inbox", "Outbox")


class Outbox:
    """Messages to the host. A busy host must not hold up the jobs, so `put` never blocks."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="outbox", daemon=True)
        self._thread.start()

    def put(self, message: Message) -> None:
        self._lines.put(protocol.encode(message))

    def close(self, timeout_s: float = 2.0) -> None:
        self._lines.put(None)
        self._thread.join(timeout_s)

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                self._pipe.write(line)
                self._pipe.flush()
            except (OSError, ValueError):
                return                          # the host is gone; what it would hear is in the journal


class Inbox:
    """Lines from the host. Not every system can wait for a pipe and a socket at once, so a thread reads."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe

    def first_line(self) -> bytes:
        """The first line, b"" if the host is gone. Blocks; call before `listen`."""
        return self._pipe.readline()

    def listen(self) -> asyncio.Queue[bytes | None]:
        """All further lines, None at the end, in a queue of the running event loop."""
        loop, lines = asyncio.get_running_loop(), asyncio.Queue[bytes | None]()

        def read() -> None:
            try:
                for line in self._pipe:
                    loop.call_soon_threadsafe(lines.put_nowait, line)
                loop.call_soon_threadsafe(lines.put_nowait, None)
            except (OSError, ValueError, RuntimeError):
                return                          # the pipe broke, or the loop ended first

        threading.Thread(target=read, name="inbox", daemon=True).start()
        return lines
