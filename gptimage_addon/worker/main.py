# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker's handshake, before anything slow or missing is imported, and its life until stdin closes."""

from __future__ import annotations

import asyncio
import gc
import importlib.metadata
import logging
import os
import platform
import secrets
import sys
from concurrent.futures import ThreadPoolExecutor

from ..core import protocol
from ..core.errors import InputError, WorkerError
from ..library.journal import WorkerLock
from .pipes import Inbox, Outbox

__all__ = ("main",)

# The oldest versions this was tried with. Another extension can bring an older one: the highest that any asks for wins.
DISK_THREADS = 32
NEEDED = {"openai": (3, 54), "pillow": (11, 0), "keyring": (25, 0), "platformdirs": (4, 0)}


def missing_part() -> WorkerError | None:
    """What keeps the worker from working: a library that is absent or too old."""
    for name, oldest in NEEDED.items():
        wanted = ".".join(map(str, oldest))
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            return WorkerError(
                f"The library {name} ({wanted} or later) is missing", field=name,
                hint=f"Install the extension's zip for this system and Python {platform.python_version()}, "
                     "then restart Blender")
        if tuple(int(part) for part in found.split(".")[:2] if part.isdigit()) < oldest:
            return WorkerError(
                f"The library {name} {found} is too old, {wanted} or later is needed", field=name,
                hint="Restart Blender. If that does not help, another extension brings the old one: disable it")
    return None


def main() -> int:
    """Serve one host. Exit status 0 after a normal end, 1 when the handshake failed."""
    # What a library prints must not get between the messages.
    pipe_out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(name)s: %(message)s")
    outbox, inbox = Outbox(pipe_out), Inbox(sys.stdin.buffer)
    lock = None
    try:
        hello = protocol.decode(inbox.first_line())
        if not isinstance(hello, protocol.Hello) or hello.protocol != protocol.PROTOCOL:
            raise ValueError("another version of the extension asked")
        problem = missing_part()
        if problem is None:
            lock = WorkerLock(hello.data_dir, f"{os.getpid()}-{secrets.token_hex(4)}")
    except (ValueError, InputError) as error:   # InputError: a field of Hello that we do not know
        problem = WorkerError(f"The helper does not fit this Blender session: {error}", hint="Restart Blender")
    except OSError as error:
        problem = WorkerError(f"The data folder cannot be used: {error}",
                              hint="Choose another data folder in Preferences")
    if lock is None:
        outbox.put(protocol.Trouble(problem.to_dict()))
        outbox.close()
        return 1
    with lock:
        version = importlib.metadata.version
        outbox.put(protocol.Ready(protocol.PROTOCOL, lock.name, platform.python_version(), version("openai"),
                                  version("pillow")))
        try:
            asyncio.run(_serve(hello, inbox, outbox, lock.name))
            status = 0
        except ImportError as error:
            outbox.put(protocol.Trouble(WorkerError(
                f"A library of the extension does not work here ({error})", field=error.name or "",
                hint="Reinstall the extension's zip for this system, then restart Blender").to_dict()))
            status = 1
    outbox.close()
    return status


async def _serve(hello: protocol.Hello, inbox: Inbox, outbox: Outbox, name: str) -> None:
    gc.disable()
    from .session import Session                # here because it imports openai, which takes a second or two

    gc.freeze()                                 # all of it stays: each look for garbage in it takes 60 ms, those at Python's end 200
    gc.enable()
    # The threads mostly wait for the disk, and a disk syncs many files in the time of one.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(DISK_THREADS, "disk"))
    lines = inbox.listen()                      # after the import: Python cannot end while its thread reads
    session = Session(hello, outbox, name)
    while (line := await lines.get()) is not None:
        try:
            session.handle(protocol.decode(line))
        except (ValueError, InputError) as error:       # one bad message must not end the jobs in hand
            outbox.put(protocol.Trouble(WorkerError(f"The helper could not follow ({error})").to_dict()))
    await session.close()
