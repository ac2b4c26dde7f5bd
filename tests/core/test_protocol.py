# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages between host and worker: one line of JSON each, read strictly."""

from __future__ import annotations

import json
import typing

import pytest

from gptimage_addon.core import protocol
from gptimage_addon.core.entries import Entry, Page, Query
from gptimage_addon.core.errors import InputError, QuotaError
from gptimage_addon.core.pricing import Limits
from gptimage_addon.core.request import JobRecord, JobState, Result, ResultPicture, Service, ServiceKind

SERVICE = Service(ServiceKind.COMPATIBLE, "http://localhost:1/v1")
RECORD = JobRecord(
    job_id="j", state=JobState.DONE, worker="1-a", attempts=2, sent_at=1.5, ended_at=2.5, partials=("a.png",),
    note="größe\n",
    result=Result(pictures=(ResultPicture("results/0.png", "image/png", 16, 32),), usage={"output_tokens": 3},
        cost_usd=.1))
ENTRY = Entry("a:0", "texture", "größe", "m", "16x32", "low", ServiceKind.OPENAI, "2026-01-01T00:00:00+00:00", "jobs/a/results/0.png", 16, 32,
              usd=0.5, objects=("Wall",), frame=7, tags=("x",))
MESSAGES = [
    protocol.Hello(1, "/data"), protocol.Hello(1, "/größe 漢字", 16, 1.5), protocol.Configure(7),
    protocol.Submit("j", True),
    protocol.Pause(True), protocol.Arrange(("k", "j")), protocol.Pace(SERVICE, 2, 1.5),
    protocol.Cancel("j"), protocol.Stop("j"), protocol.Recover(), protocol.Recover(True), protocol.AskKey(SERVICE),
    protocol.StoreKey(SERVICE, "sk\n"),
    protocol.CheckConnection(SERVICE, True), protocol.Ready(1, "1-a", "3.11.7", "3.54.0", "13.0.0"),
    protocol.RecordChanged(RECORD), protocol.Recovered(RECORD), protocol.RecoveryDone(),
    protocol.KeyState(SERVICE, "file", "abcd", QuotaError("x").to_dict()),
    protocol.ConnectionChecked(SERVICE, (protocol.ModelInfo("m", "2026-12-01"), protocol.ModelInfo("n"))),
    protocol.SetLimits(Limits(day_usd=1.5, session_usd=.25)), protocol.WalletState("größe"), protocol.DrawChart(30),
    protocol.ChartDrawn("/größe.png"), protocol.ChartDrawn(error=QuotaError("x").to_dict()),
    protocol.Search(Query("größe", usd_from=0.5, starred=True)), protocol.NoteEntries(("a:0",), star=False), protocol.NoteEntries((), tags=("x",)),
    protocol.MeasureEntries(("a:0",), 1.5), protocol.DeleteEntries(before_s=2.5), protocol.ExportEntries(("a:0",), "/größe.zip"),
    protocol.ImportEntries("/x.zip"), protocol.Found(Page(Query(), (ENTRY,), 1)), protocol.Found(Page(Query()), QuotaError("x").to_dict()),
    protocol.Measured(protocol.MeasureEntries(("a:0",)), 1, 2**40, 1, 3), protocol.HistoryDone("größe"), protocol.HistoryChanged(),
    protocol.Trouble(QuotaError("x").to_dict()),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: type(m).__name__)
def test_a_message_is_one_line_and_comes_back_the_same(message: protocol.Message) -> None:
    line = protocol.encode(message)
    assert line.endswith(b"\n") and line.count(b"\n") == 1 and line.isascii()
    assert json.loads(line)["message"] == type(message).__name__
    assert protocol.decode(line) == message


def test_every_kind_of_message_is_met_here() -> None:
    assert {type(m) for m in MESSAGES} == set(typing.get_args(protocol.Message))


@pytest.mark.parametrize("line", [
    b"", b"\n", b"null", b"7", b"[]", b'"Hello"', b"{}", b'{"message": 1}', b'{"message": []}', b'{"message": {}}',
    b'{"message": null}', b'{"message": "to_json"}', b'{"message": "JobRecord", "job_id": "1"}',
    b'{"message": "Cancel"}',
    b'{"message": "Cancel", "job_id": 7}', b'{"message": "Cancel", "job_id": "j", "more": 1}', b"\xff\xfe",
    b'{"message": "Cancel", "job_id": "' + b"x" * 1_000_001 + b'"}',
], ids=lambda line: line[:40].decode("latin-1"))
def test_anything_else_is_refused(line: bytes) -> None:
    with pytest.raises((ValueError, InputError)):
        protocol.decode(line)


def test_no_message_of_the_worker_can_hold_a_key() -> None:
    """A key crosses once, from the host; of what comes back only the tail tells which it is."""
    fields = {name for kind in typing.get_args(protocol.Message) for name in kind._fields}
    holders = {kind for kind in typing.get_args(protocol.Message) if "key" in kind._fields}
    assert holders == {protocol.StoreKey} and "token" not in fields
