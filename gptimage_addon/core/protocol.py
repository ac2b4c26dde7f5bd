# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the host (Blender) and the worker say to each other: one JSON object a line, both ways.

The host starts with Hello and waits for Ready before it submits anything. Jobs themselves go through the
journal's folders: a message only names them. A key crosses once, in StoreKey, when the artist enters it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from .request import JobRecord, Service, from_json, to_json

__all__ = (
    "AskKey", "Cancel", "CheckConnection", "Configure", "ConnectionChecked", "Hello", "KeyState", "Message",
    "ModelInfo", "PROTOCOL", "Ready", "RecordChanged", "Recover", "Recovered", "RecoveryDone",
    "StoreKey", "Submit", "Trouble", "decode", "encode",
)

PROTOCOL = 1
MAX_LINE_BYTES = 1_000_000


# --- host to worker ---------------------------------------------------------------------------------------

@dataclass(frozen=True, slots=True)
class Hello:
    """The first line. `practice_latency_s` is how long a practice picture takes."""

    protocol: int
    data_dir: str
    concurrency: int = 4
    practice_latency_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Configure:
    concurrency: int


@dataclass(frozen=True, slots=True)
class Submit:
    """Do a job whose folder the host has written. `online` is whether addresses off this machine are allowed."""

    job_id: str
    online: bool = False


@dataclass(frozen=True, slots=True)
class Cancel:
    job_id: str


@dataclass(frozen=True, slots=True)
class Recover:
    """Look for jobs that dead workers left, finish what was received, and report them.

    `online` is whether a picture of theirs may be fetched from off this machine.
    """

    online: bool = False


@dataclass(frozen=True, slots=True)
class AskKey:
    service: Service


@dataclass(frozen=True, slots=True)
class StoreKey:
    """Keep a key for the service; an empty one forgets it."""

    service: Service
    key: str


@dataclass(frozen=True, slots=True)
class CheckConnection:
    """List the service's models. Costs nothing."""

    service: Service
    online: bool = False


# --- worker to host ---------------------------------------------------------------------------------------

@dataclass(frozen=True, slots=True)
class Ready:
    protocol: int
    worker: str
    python: str
    openai: str
    pillow: str


@dataclass(frozen=True, slots=True)
class RecordChanged:
    record: JobRecord


@dataclass(frozen=True, slots=True)
class Recovered:
    """A job of an earlier session whose result waits, that was never sent, or that is uncertain."""

    record: JobRecord


@dataclass(frozen=True, slots=True)
class RecoveryDone:
    """All jobs of earlier sessions have been looked at."""


@dataclass(frozen=True, slots=True)
class KeyState:
    """Where the service's key is: "environment", "keychain", "file" or "" for nowhere. `tail` is its last 4 letters."""

    service: Service
    source: str
    tail: str = ""
    error: dict | None = None


@dataclass(frozen=True, slots=True)
class ModelInfo:
    id: str
    shutdown: str = ""


@dataclass(frozen=True, slots=True)
class ConnectionChecked:
    service: Service
    models: tuple[ModelInfo, ...] = ()
    error: dict | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    """The worker itself cannot go on, or could not read a message."""

    error: dict


Message = (
    Hello | Configure | Submit | Cancel | Recover | AskKey | StoreKey | CheckConnection
    | Ready | RecordChanged | Recovered | RecoveryDone | KeyState | ConnectionChecked | Trouble
)
_KINDS = {kind.__name__: kind for kind in (
    Hello, Configure, Submit, Cancel, Recover, AskKey, StoreKey, CheckConnection,
    Ready, RecordChanged, Recovered, RecoveryDone, KeyState, ConnectionChecked, Trouble,
)}


def encode(message: Message) -> bytes:
    """The message as one line."""
    return json.dumps({"message": type(message).__name__, **to_json(message)}, ensure_ascii=True).encode() + b"\n"


def decode(line: bytes) -> Message:
    """The message of one line. Raises InputError or ValueError for anything else."""
    if len(line) > MAX_LINE_BYTES:
        raise ValueError("the line is too long")
    facts = json.loads(line)
    name = facts.pop("message", "") if isinstance(facts, dict) else ""
    if not isinstance(name, str) or name not in _KINDS:
        raise ValueError(f"unknown message {name!r}")
    return from_json(_KINDS[name], facts, name)
