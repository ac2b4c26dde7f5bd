# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The history's database: what is found, that nothing is lost with it, two on one folder, damage, versions."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gptimage_addon.core.entries import COUNT_LIMIT, Entry, Notes, Query, entry_id, split_entry_id
from gptimage_addon.core.errors import InputError, WorkerError
from gptimage_addon.core.request import (
    Finish, Job, JobRecord, JobState, Landing, Place, Request, Result, ResultPicture, Service, ServiceKind, Target,
)
from gptimage_addon.library import history as history_module
from gptimage_addon.library.history import History, is_damaged, write_notes
from gptimage_addon.library.journal import Journal

CHECKOUT = Path(__file__).resolve().parent.parent.parent


def job(
    name: str, prompt: str = "red brick", *, n: int = 1, kind: str = "texture", model: str = "gpt-image-2.5-flare", created: str = "2026-01-01T00:00:00+00:00",
    objects: tuple[str, ...] = (), blend: str = "", service: ServiceKind = ServiceKind.OPENAI, **more: object,
) -> Job:
    return Job(name, kind, prompt, Request(f"A picture of {prompt}", model, n=n), Service(service),
               Landing(Place.IMAGE, tuple(Target("Object", each) for each in objects), blend=blend), created=created, **more)


def done(job: Job, usd: float | None = 0.02) -> JobRecord:
    pictures = tuple(ResultPicture(f"results/{i}.png", "image/png", 64, 32) for i in range(job.request.n))
    return JobRecord(job.id, JobState.DONE, result=Result(pictures, cost_usd=usd, seconds=3.0))


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path)


@pytest.fixture
def open_history(tmp_path: Path) -> Iterator[Callable[[], History]]:
    opened: list[History] = []

    def start() -> History:
        opened.append(History(tmp_path))
        return opened[-1]

    yield start
    for each in opened:
        each.close()


@pytest.fixture(params=["fts5", "scan"])
def history(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, open_history: Callable[[], History]) -> History:
    """Both ways of finding words: what one finds the other must find."""
    if request.param == "scan":
        monkeypatch.setattr(history_module, "_has_fts5", lambda database: False)
    found = open_history()
    assert found.has_words == (request.param == "fts5"), "this Python's SQLite has no FTS5"
    return found


def keep(journal: Journal, history: History, *jobs: Job, usd: float | None = 0.02) -> None:
    for each in jobs:
        journal.create(each)
        journal.write_record(done(each, usd))
        history.settle(each, done(each, usd), journal)


def found(history: History, words: str = "", **more: object) -> list[str]:
    return [entry.id for entry in history.search(Query(words, **more)).entries]


def test_all_that_is_told_of_a_picture(journal: Journal, history: History) -> None:
    wanted = job("a", "Ivy on the wall", n=2, kind="touch_up", objects=("Wall", "Wall"), blend="/projects/castle/shot 3.blend",
                 finish=Finish("s.png", "m.npy", (0, 0, 8, 8), (8, 8), "Render Result"), parents=("z:1",), camera="Camera", frame=7)
    keep(journal, history, wanted, usd=0.05)
    entry = history.search(Query()).entries[-1]
    assert history_module.entries_of(wanted._replace(kind="check"), done(wanted)) == []
    assert entry == Entry(
        "a:0", "touch_up", "Ivy on the wall", "gpt-image-2.5-flare", "1024x1024", "medium", ServiceKind.OPENAI, "2026-01-01T00:00:00+00:00",
        "jobs/a/results/0.png", 64, 32, 0.025, 3.0, "", ("Wall",), ("z:1",), "a", True, "/projects/castle/shot 3.blend", "castle",
        "Camera", 7)
    assert history.related("z:1") == ["z:1", "a:0", "a:1"] and found(history, related="z:1") == ["a:1", "a:0"]
    keep(journal, history, job("z", n=2, created="2025-01-01T00:00:00+00:00"))
    assert found(history, related="a:0") == ["a:0", "z:1"] and found(history, "wall", related="a:0") == ["a:0"]
    assert history.entries(["a:1", "gone:0"])[0].path == "jobs/a/results/1.png"


@pytest.mark.parametrize(("service", "told", "estimate", "usd"), [
    (ServiceKind.OPENAI, 0.03, 0.04, 0.03), (ServiceKind.OPENAI, None, 0.04, 0.04), (ServiceKind.COMPATIBLE, None, None, None),
    (ServiceKind.PRACTICE, 0.03, 0.04, 0.0)])
def test_what_a_picture_cost(journal: Journal, history: History, service: ServiceKind, told: float | None, estimate: float | None,
                             usd: float | None) -> None:
    keep(journal, history, job("a", service=service, estimate_usd=estimate), usd=told)
    assert history.search(Query()).entries[0].usd == usd


def test_words(journal: Journal, history: History) -> None:
    keep(journal, history, job("a", "Weathered red-brick wall"), job("b", "Größe: ÉCLAIR, 50% off_white"), job("c", "赤いレンガの壁"),
         job("d", "plain", objects=("Kirchturm",), blend="C:\\shots\\abbey\\tower.blend"))
    history.remove(["zzz:0"])
    for words, ids in {
        "brick": ["a:0"], "BRI": ["a:0"], "wall brick": ["a:0"], "wall plaster": [], "größe": ["b:0"], "GRÖSSE": ["b:0"], "50%": ["b:0"],
        "off white": ["b:0"], "レンガ": ["c:0"], "壁": ["c:0"], "kirch": ["d:0"], "abbey tower": ["d:0"], "red-brick": ["a:0"],
        "\"*' OR NEAR(": [], "!!": ["d:0", "c:0", "b:0", "a:0"], "facets : brick": [], "   ": ["d:0", "c:0", "b:0", "a:0"],
    }.items():
        assert sorted(found(history, words)) == sorted(ids), words


def test_accents_are_no_hurdle(journal: Journal, open_history: Callable[[], History]) -> None:
    history = open_history()
    keep(journal, history, job("a", "ÉCLAIR"))
    assert found(history, "eclair") == found(history, "e\u0301clair") == ["a:0"]


def test_filters(journal: Journal, history: History) -> None:
    keep(journal, history, job("a", "brick", kind="texture", objects=("Wall", "Roof 1"), created="2026-01-01T12:00:00+00:00"), usd=0.01)
    keep(journal, history, job("b", "brick", kind="reference", model="gpt-image-2", blend="/p/x.blend", created="2026-02-01T12:00:00+00:00"), usd=0.2)
    keep(journal, history, job("c", "moss", kind="texture", created="2026-03-01T12:00:00+00:00"), usd=None)
    january, march = 1767225600.0, 1772323200.0             # `date -u -d 2026-01-01 +%s`, 2026-03-01
    for query, ids in {
        Query(): "cba", Query(kind="texture"): "ca", Query(kind="text"): "", Query(model="gpt-image-2"): "b", Query("brick", kind="texture"): "a",
        Query(object_name="Wall"): "a", Query(object_name="Roof 1"): "a", Query(object_name="Roof"): "", Query(blend="/p/x.blend"): "b",
        Query(since_s=january, until_s=march): "ba", Query(since_s=march): "c", Query(until_s=january): "", Query("bri", since_s=january + 86400): "b",
        Query(usd_from=0.05): "b", Query(usd_to=0.05): "a", Query("brick", usd_from=0.005, usd_to=0.05): "a", Query(starred=True): "",
    }.items():
        page = history.search(query)
        assert ("".join(entry.job_id for entry in page.entries), page.count) == (ids, len(ids)), query


def test_pages_newest_first(journal: Journal, history: History) -> None:
    history.add(entry for i in range(1100) for entry in history_module.entries_of(
        job(f"{i:04d}", created="2026-01-01T00:00:00+00:00" if i < 1000 else "2025-01-01T00:00:00+00:00"), done(job("x"))))
    assert history.search(Query(page_size=3)).count == COUNT_LIMIT
    assert found(history, page_size=3) == ["0999:0", "0998:0", "0997:0"]
    assert found(history, "brick", page_size=3, page=1) == ["0996:0", "0995:0", "0994:0"]
    assert found(history, "brick", page_size=100, page=11) == []
    everything = [name for page in range(90) for name in found(history, "brick", page_size=13, page=page)]      # over where the count ends
    assert everything == [f"{i:04d}:0" for i in (*range(999, -1, -1), *range(1099, 999, -1))]
    assert [entry.id for entry in history.all_entries()][:2] == ["1000:0", "1001:0"]
    assert len(list(history.all_entries(before_s=1760000000.0))) == 100


def test_an_entry_that_changes_is_found_by_what_it_is_now(journal: Journal, history: History) -> None:
    keep(journal, history, job("a"), job("b", "green brick"))
    entry, = history.entries(["a:0"])
    history.add([entry._replace(star=True, tags=("hero shot",))])
    assert found(history, starred=True) == found(history, "hero") == ["a:0"]
    history.add([entry])
    assert found(history, starred=True) == found(history, "hero") == []
    history.remove(["a:0"])
    assert found(history, "brick") == found(history) == ["b:0"] and history.entries(["a:0"]) == []


def test_notes_and_thumbnails_outlive_the_database(tmp_path: Path, journal: Journal, history: History) -> None:
    keep(journal, history, job("a", n=2))
    write_notes(journal, "a", {1: Notes(True, ("hero",))})
    (tmp_path / "jobs/a/thumbs").mkdir()
    (tmp_path / "jobs/a/thumbs/0.jpg").write_bytes(b"x")
    history.close()
    again = History.renewed(tmp_path)
    try:
        assert found(again) == []
        assert [[job.id for job, _ in step] for step in again.sync(journal)] == [["a"]]
        assert found(again, "hero", starred=True) == ["a:1"] and again.entries(["a:0"])[0].thumbnail == "jobs/a/thumbs/0.jpg"
    finally:
        again.close()


def test_sync_finds_what_was_done_without_it_and_only_that(journal: Journal, history: History) -> None:
    keep(journal, history, job("a"))
    states = {"b": JobState.DONE, "c": JobState.FAILED, "d": JobState.UNCERTAIN, "e": JobState.RECEIVING, "f": JobState.QUEUED}
    for name, state in states.items():
        journal.create(job(name))
        journal.write_record(done(job(name))._replace(state=state) if state is JobState.DONE else JobRecord(name, state))
    (journal.jobs_dir / "junk").mkdir()
    (journal.folder("f") / "request.json").write_text("{")
    assert [job.id for step in history.sync(journal) for job, _ in step] == ["b"]
    assert [job.id for step in history.sync(journal) for job, _ in step] == []
    journal.write_record(done(job("e")))
    assert [job.id for step in history.sync(journal) for job, _ in step] == ["e"]
    assert sorted(found(history)) == ["a:0", "b:0", "e:0"]


def test_two_blenders_on_one_folder(journal: Journal, open_history: Callable[[], History]) -> None:
    """Processes, not threads: each writes what the others read, and none is turned away."""
    script = """
import sys
from gptimage_addon.core.entries import Query
from gptimage_addon.library.history import History
from tests.library.test_history import done, job, history_module
history = History(sys.argv[1])
for i in range(60):
    history.add(history_module.entries_of(job(f"{sys.argv[2]}{i}"), done(job("x"))))
    assert f"{sys.argv[2]}{i}:0" in {e.id for e in history.search(Query("brick", page_size=500)).entries}
history.close()
"""
    running = [subprocess.Popen([sys.executable, "-c", script, str(journal.data_dir), name], cwd=CHECKOUT, stderr=subprocess.PIPE) for name in "xyz"]
    assert [each.communicate(timeout=60)[1] for each in running] == [b"", b"", b""]
    page = open_history().search(Query("brick", page_size=500))
    assert {entry.id for entry in page.entries} == {f"{name}{i}:0" for name in "xyz" for i in range(60)}
    assert page.count == 180


@pytest.mark.parametrize("damage", ["text", "middle"])
def test_a_damaged_database_is_told_and_made_again(tmp_path: Path, journal: Journal, open_history: Callable[[], History], damage: str) -> None:
    history = open_history()
    keep(journal, history, *(job(f"{i:03d}") for i in range(60)))
    history.close()
    path = tmp_path / "history.sqlite"
    data = bytearray(path.read_bytes())
    if damage == "text":
        data = bytearray(b"this is no database at all" * 100)
    else:
        data[4096:-4096] = b"\xff" * (len(data) - 8192)
    path.write_bytes(data)
    with pytest.raises(sqlite3.DatabaseError) as caught:
        broken = open_history()
        for _ in broken.sync(journal):
            pass
        broken.search(Query("brick"))
        list(broken.all_entries())
    assert is_damaged(caught.value)
    again = History.renewed(tmp_path)
    try:
        assert sum(len(step) for step in again.sync(journal)) == 60
        assert again.search(Query("brick")).count == 60
    finally:
        again.close()


def test_a_busy_database_is_not_damaged(open_history: Callable[[], History], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_module, "BUSY_S", 0.01)
    one, other = open_history(), open_history()
    with one._change(), pytest.raises(sqlite3.OperationalError) as caught:
        other.remove(["a:0"])
    assert not is_damaged(caught.value)


def test_an_older_version_is_brought_up_to_date(journal: Journal, open_history: Callable[[], History], monkeypatch: pytest.MonkeyPatch) -> None:
    old = open_history()
    keep(journal, old, job("a"))
    old.close()
    monkeypatch.setattr(history_module, "MIGRATIONS", (*history_module.MIGRATIONS, "ALTER TABLE entries ADD COLUMN note TEXT; UPDATE entries SET note = 'new'"))
    new = open_history()
    assert new._database.execute("SELECT job_id, note FROM entries").fetchall() == [("a", "new")]
    assert found(new, "brick") == ["a:0"] and found(open_history(), "brick") == ["a:0"]
    assert new._database.execute("PRAGMA user_version").fetchone() == (2,)


def test_a_migration_that_fails_leaves_the_old_one(journal: Journal, open_history: Callable[[], History], monkeypatch: pytest.MonkeyPatch) -> None:
    old = open_history()
    keep(journal, old, job("a"))
    old.close()
    with monkeypatch.context() as patch:
        patch.setattr(history_module, "MIGRATIONS", (*history_module.MIGRATIONS, "DELETE FROM entries; SELECT nothing FROM nowhere"))
        with pytest.raises(sqlite3.OperationalError):
            open_history()
    assert found(open_history(), "brick") == ["a:0"]


def test_a_later_version_is_left_alone(tmp_path: Path, journal: Journal, open_history: Callable[[], History]) -> None:
    history = open_history()
    keep(journal, history, job("a"))
    history._database.execute("PRAGMA user_version = 99")
    history.close()
    before = (tmp_path / "history.sqlite").read_bytes()
    with pytest.raises(WorkerError, match="later version"):
        open_history()
    assert (tmp_path / "history.sqlite").read_bytes() == before


def test_a_blender_without_fts5_leaves_words_that_one_with_it_finds(journal: Journal, open_history: Callable[[], History], monkeypatch: pytest.MonkeyPatch) -> None:
    keep(journal, open_history(), job("a", "old brick"), job("b", "old stone"))
    with monkeypatch.context() as patch:
        patch.setattr(history_module, "_has_fts5", lambda database: False)
        without = open_history()
        keep(journal, without, job("c", "new brick"))
        without.remove(["b:0"])
        without.close()
    assert sorted(found(open_history(), "brick")) == ["a:0", "c:0"] and found(open_history(), "old") == ["a:0"]


@pytest.mark.parametrize("name", ["", "a", ":0", "a:", "a:x", "a:-1", "a:²"])
def test_what_names_no_entry(name: str) -> None:
    with pytest.raises(InputError):
        split_entry_id(name)
    assert split_entry_id(entry_id("a:b", 3)) == ("a:b", 3)


def test_earlier_prompts_are_read_by_a_relative_path_too(journal: Journal, history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(journal, history, job("a", "red brick"), job("b", "ivy", created="2026-01-02T00:00:00+00:00"))
    monkeypatch.chdir(journal.data_dir.parent)
    assert history_module.recent_prompts(journal.data_dir.name, 5) == ["ivy", "red brick"]
