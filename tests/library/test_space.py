# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Freeing space: told before, exactly, and nothing goes that is not meant."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gptimage_addon.core.entries import Query
from gptimage_addon.core.errors import InputError
from gptimage_addon.core.request import JobState, Service
from gptimage_addon.library.batches import BatchFiles, BatchRecord
from gptimage_addon.library.history import History, write_notes
from gptimage_addon.library.history import Notes
from gptimage_addon.library.journal import Journal
from gptimage_addon.library.space import Space, delete, expired, measure
from tests.library.test_history import done, job

DAY_S = 86400.0
# `date -u -d 2026-01-10 +%s`
TENTH = 1768003200.0


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path)


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    history = History(tmp_path)
    yield history
    history.close()


def keep(journal: Journal, history: History, name: str, *, n: int = 1, created: str = "2026-01-01T00:00:00+00:00", applied: bool = True) -> None:
    wanted = job(name, n=n, created=created)
    journal.create(wanted, {"inputs/0.png": b"i" * 1000})
    folder = journal.folder(name)
    for place in ("results", "thumbs"):
        (folder / place).mkdir()
        for number in range(n):
            (folder / place / f"{number}.{'png' if place == 'results' else 'jpg'}").write_bytes(b"p" * 100)
    journal.write_record(done(wanted))
    if applied:
        journal.mark_applied(name, {})
    history.settle(wanted, done(wanted), journal)


def disk(journal: Journal) -> int:
    """Bytes of all files below the jobs, by the system's own walk."""
    return sum(os.path.getsize(os.path.join(folder, name)) for folder, _, names in os.walk(journal.jobs_dir) for name in names)


def names(history: History) -> list[str]:
    return sorted(entry.id for entry in history.search(Query(page_size=100)).entries)


def test_the_last_picture_takes_the_folder_along(journal: Journal, history: History) -> None:
    keep(journal, history, "a")
    keep(journal, history, "b", applied=False)
    before = disk(journal)
    told = measure(journal, ["a:0", "b:0"])
    assert told == Space(2, before, 1)
    assert delete(history, journal, ["b:0"]) == Space(1, before - disk(journal), 1)
    assert not journal.folder("b").exists() and names(history) == ["a:0"]
    assert [step for step in history.sync(journal) if step] == []


def test_one_of_three_takes_only_its_own_files(journal: Journal, history: History) -> None:
    keep(journal, history, "a", n=3)
    write_notes(journal, "a", {0: Notes(star=True)})
    assert measure(journal, ["a:1"]) == delete(history, journal, ["a:1"]) == Space(1, 200, 0)
    assert sorted(path.name for path in journal.folder("a").glob("*/*")) == ["0.jpg", "0.png", "0.png", "2.jpg", "2.png"]
    assert names(history) == ["a:0", "a:2"] and journal.read_job("a").id == "a"
    history.close()
    again = History.renewed(journal.data_dir)       # and it stays deleted when the database is made anew
    try:
        list(again.sync(journal))
        assert names(again) == ["a:0", "a:2"] and again.entries(["a:0"])[0].star
        delete(again, journal, ["a:0", "a:2"])
        assert not journal.folder("a").exists() and names(again) == []
    finally:
        again.close()


def test_by_age_what_has_a_star_or_never_reached_a_file_stays(journal: Journal, history: History) -> None:
    keep(journal, history, "old")
    keep(journal, history, "starred")
    keep(journal, history, "unlanded", applied=False)
    keep(journal, history, "new", created="2026-01-10T00:00:00+00:00")
    entry, = history.entries(["starred:0"])
    history.add([entry._replace(star=True)])
    assert expired(history, journal, TENTH) == (["old:0"], 1)
    assert expired(history, journal, TENTH - 20 * DAY_S) == ([], 0)


def test_what_is_gone_already_frees_nothing(journal: Journal, history: History) -> None:
    keep(journal, history, "a")
    for path in sorted(journal.folder("a").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    journal.folder("a").rmdir()
    assert measure(journal, ["a:0"]) == delete(history, journal, ["a:0"]) == Space(1, 0, 1)
    assert names(history) == []


@pytest.mark.parametrize("name", ["..:0", "../x:0", "a/../../x:0", "/etc:0", ".:0"])
def test_a_name_cannot_lead_out_of_the_data_folder(journal: Journal, history: History, name: str, tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(InputError):
        delete(history, journal, [name])
    assert (tmp_path / "x").is_dir()


def test_what_came_with_a_batch_goes_when_no_job_needs_it(journal: Journal, history: History) -> None:
    """Told before, once, however many of its jobs go; what belongs to another batch stays."""
    batches = BatchFiles(journal.data_dir)
    for name in ("a", "b", "c"):
        keep(journal, history, name)
        journal.write_record(journal.read_record(name)._replace(batch="x1"))
    for name, jobs in (("x1", ("a", "b", "c", "gone")), ("x10", ("d",))):
        batches.write(BatchRecord(name, Service(), "/v1/images/generations", jobs))
        batches.answer_path(name, "output").write_bytes(b"l" * 5000)
    before = [path.name for path in batches.folder.iterdir()]
    waits = journal.read_record("b")
    for state in (JobState.SENDING, JobState.UNCERTAIN):        # its answer is in the batch's file alone
        journal.write_record(waits._replace(state=state))
        assert measure(journal, ["a:0"]).size_bytes < 5000
    delete(history, journal, ["c:0"])
    assert sorted(path.name for path in batches.folder.iterdir()) == sorted(before)
    journal.write_record(waits)
    of_batch = sum(path.stat().st_size for path in batches.files("x1"))
    told = measure(journal, ["a:0", "b:0"])
    assert told.size_bytes == disk(journal) + of_batch > 5000
    assert delete(history, journal, ["a:0", "b:0"]) == told
    assert sorted(path.name for path in batches.folder.iterdir()) == ["x10-output.jsonl", "x10.json"]


def test_what_came_with_a_batch_goes_with_one_of_several_pictures(journal: Journal, history: History) -> None:
    keep(journal, history, "a", n=2)
    journal.write_record(journal.read_record("a")._replace(batch="x"))
    batches = BatchFiles(journal.data_dir)
    batches.write(BatchRecord("x", Service(), "/v1/images/generations", ("a",)))
    batches.answer_path("x", "output").write_bytes(b"l" * 5000)
    assert measure(journal, ["a:1"]) == delete(history, journal, ["a:1"])
    assert batches.files("x") == [] and names(history) == ["a:0"]
