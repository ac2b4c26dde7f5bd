# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the host (Blender) and the worker say to each other: one JSON object a line, both ways.

The host starts with Hello and waits for Ready before it submits anything. Jobs themselves go through the
journal's folders: a message only names them. A key crosses once, in StoreKey, when the artist enters it.

Named tuples, not dataclasses like the values they carry: Python takes a millisecond to make a dataclass, and all
of this is imported when Blender starts.
"""

from __future__ import annotations

import json
from typing import NamedTuple, get_args

from .entries import Page, Query
from .pricing import Limits
from .request import JobRecord, Service
from .values import from_json, to_json

__all__ = (
    "Arrange", "AskKey", "Cancel", "ChartDrawn", "CheckConnection", "Configure", "ConnectionChecked", "DeleteEntries", "DrawChart",
    "ExportEntries", "Found", "Hello", "HistoryChanged", "HistoryDone", "ImportEntries", "KeyState", "MeasureEntries", "Measured",
    "Message", "ModelInfo", "NoteEntries", "PROTOCOL", "Pace", "Pause", "Ready", "RecordChanged", "Recover", "Recovered", "RecoveryDone",
    "Search", "SetLimits", "Stop", "StoreKey", "Submit", "Trouble", "WalletState", "decode", "encode",
)

PROTOCOL = 1
MAX_LINE_BYTES = 1_000_000


# --- host to worker ---------------------------------------------------------------------------------------

class Hello(NamedTuple):
    """The first line. `practice_latency_s` is how long a practice picture takes."""

    protocol: int
    data_dir: str
    concurrency: int = 4
    practice_latency_s: float = 0.0


class Configure(NamedTuple):
    """How many requests may be at one service at once, from now on."""

    concurrency: int


class Pause(NamedTuple):
    """Send nothing more, or go on. What was sent is received and finished all the same."""

    paused: bool


class Arrange(NamedTuple):
    """Send these jobs, as far as they wait, in this order."""

    job_ids: tuple[str, ...]


class SetLimits(NamedTuple):
    """What may be spent, from now on."""

    limits: Limits


class Submit(NamedTuple):
    """Do a job whose folder the host has written. `online` is whether addresses off this machine are allowed."""

    job_id: str
    online: bool = False


class Cancel(NamedTuple):
    """Stop a job; with `only_unsent`, only if nothing of it has left yet."""

    job_id: str
    only_unsent: bool = False


class Stop(NamedTuple):
    """Stop a job whose picture is being streamed, and take the last unfinished one as its result."""

    job_id: str


class Recover(NamedTuple):
    """Look for jobs that dead workers left, finish what was received, and report them.

    `online` is whether a picture of theirs may be fetched from off this machine.
    """

    online: bool = False


class AskKey(NamedTuple):
    """Where is the service's key? Answered by KeyState."""

    service: Service


class StoreKey(NamedTuple):
    """Keep a key for the service; an empty one forgets it."""

    service: Service
    key: str


class CheckConnection(NamedTuple):
    """List the service's models. Costs nothing."""

    service: Service
    online: bool = False


class DrawChart(NamedTuple):
    """Draw what was spent in so many days, up to today. Answered by ChartDrawn."""

    days: int


class Search(NamedTuple):
    """Look into the history. Answered by Found."""

    query: Query


class NoteEntries(NamedTuple):
    """Set the star or the tags of entries; None leaves them. Answered by HistoryDone."""

    entries: tuple[str, ...]
    star: bool | None = None
    tags: tuple[str, ...] | None = None


class MeasureEntries(NamedTuple):
    """How much space would deleting free? Of these entries, or with a time of all older ones that have no star and are in a file.

    Answered by Measured.
    """

    entries: tuple[str, ...] = ()
    before_s: float = 0.0


class DeleteEntries(NamedTuple):
    """Delete what MeasureEntries has measured, with all files. Answered by HistoryDone."""

    entries: tuple[str, ...] = ()
    before_s: float = 0.0


class ExportEntries(NamedTuple):
    """Write entries, with their pictures, into a zip file. Answered by HistoryDone."""

    entries: tuple[str, ...]
    path: str


class ImportEntries(NamedTuple):
    """Take in the entries of such a file. Answered by HistoryDone."""

    path: str


# --- worker to host ---------------------------------------------------------------------------------------

class Ready(NamedTuple):
    protocol: int
    worker: str
    python: str
    openai: str
    pillow: str


class RecordChanged(NamedTuple):
    record: JobRecord


class Pace(NamedTuple):
    """The service asked for a pause, or bears more again: `allowed` requests at once, none for `pause_s` seconds."""

    service: Service
    allowed: int
    pause_s: float = 0.0


class Recovered(NamedTuple):
    """A job of an earlier session whose result waits, that was never sent, or that is uncertain."""

    record: JobRecord


class RecoveryDone(NamedTuple):
    """All jobs of earlier sessions have been looked at."""


class KeyState(NamedTuple):
    """Where the service's key is: "environment", "keychain", "file" or "" for nowhere. `tail` is its last 4 letters."""

    service: Service
    source: str
    tail: str = ""
    error: dict | None = None


class ModelInfo(NamedTuple):
    id: str
    shutdown: str = ""


class ConnectionChecked(NamedTuple):
    service: Service
    models: tuple[ModelInfo, ...] = ()
    error: dict | None = None


class ChartDrawn(NamedTuple):
    """The picture's file, or why there is none."""

    path: str = ""
    error: dict | None = None


class Found(NamedTuple):
    """The page that was asked for, or the error that there is none."""

    page: Page
    error: dict | None = None


class Measured(NamedTuple):
    """What deleting would free. `unlanded` of the entries never reached a file; `kept` are spared for that reason."""

    question: MeasureEntries
    count: int = 0
    size_bytes: int = 0
    unlanded: int = 0
    kept: int = 0
    error: dict | None = None


class HistoryDone(NamedTuple):
    """What was asked for is done: `told` says what, as a sentence. Or the error that it is not."""

    told: str = ""
    error: dict | None = None


class HistoryChanged(NamedTuple):
    """Pictures have come or changed: what is shown of the history may be old. Nobody asked for it."""


class WalletState(NamedTuple):
    """What is wrong with the record of what was spent, as a sentence."""

    trouble: str


class Trouble(NamedTuple):
    """The worker itself cannot go on, or could not read a message."""

    error: dict


Message = (
    Hello | Configure | Pause | Arrange | Submit | Cancel | Stop | Recover | AskKey | StoreKey | CheckConnection | SetLimits | DrawChart
    | Search | NoteEntries | MeasureEntries | DeleteEntries | ExportEntries | ImportEntries
    | Ready | RecordChanged | Pace | Recovered | RecoveryDone | KeyState | ConnectionChecked | ChartDrawn | WalletState | Trouble
    | Found | Measured | HistoryDone | HistoryChanged
)
_KINDS = {kind.__name__: kind for kind in get_args(Message)}


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
