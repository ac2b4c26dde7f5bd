# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal: nothing half written, nothing written where it cannot be, and whose a job is."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gptimage_addon.core.errors import InputError
from gptimage_addon.core.request import (
    Job, JobRecord, JobState, Landing, Place, Request, Result, ResultPicture, SentPicture, Service,
)
from gptimage_addon.core.values import to_json
from gptimage_addon.library import journal as journal_module
from gptimage_addon.library.journal import AnswerHead, Journal, WorkerLock, new_job_id, write_atomic

CHECKOUT = Path(__file__).resolve().parent.parent.parent
INPUTS = {"inputs/0.png": b"\x89PNG one", "inputs/mask.png": b"\x89PNG two\0\r\n"}


def job(job_id: str = "20261122-100000-aa") -> Job:
    edit = Request(prompt="größe", model="m", images=(SentPicture("inputs/0.png", "image/png", 16, 16),))
    return Job(id=job_id, kind="texture", prompt="g", request=edit, service=Service(),
        landing=Landing(place=Place.IMAGE),
               created="2026-11-22T10:00:00+00:00", estimate_usd=.0132)


@contextmanager
def python(code: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that runs `code` and is gone afterwards."""
    process = subprocess.Popen([sys.executable, "-c", code, *arguments], cwd=CHECKOUT, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def snapshot(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


# --- Writing and reading ----------------------------------------------------------------------------------

def test_opening_touches_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "data")
    assert journal.job_ids() == [] and list(journal.left_over()) == []
    assert not (tmp_path / "data").exists()


def test_a_job_is_written_with_its_inputs_and_read_back(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "data")
    folder = journal.create(job(), INPUTS)
    assert folder == tmp_path / "data" / "jobs" / job().id
    assert {k: v for k, v in snapshot(folder).items() if k != "request.json"} == INPUTS
    assert journal.read_job(job().id) == job()
    assert json.loads((folder / "request.json").read_text())["version"] == 1
    assert journal.read_record(job().id) == JobRecord(job_id=job().id)
    assert journal.read_answer(job().id) is None and not journal.is_applied(job().id)
    assert not list(tmp_path.rglob("*.part"))


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.create(job())
    record = JobRecord(
        job_id=job().id, state=JobState.DONE, worker="7-a", attempts=3, sent_at=1.25, ended_at=9.5, partials=("p.png",),
        result=Result(pictures=(ResultPicture("results/0.png", "image/png", 16, 16),), usage={"a": 1}, cost_usd=.5))
    for durable in (True, False):
        journal.write_record(record, durable=durable)
        assert journal.read_record(job().id) == record


def test_the_last_whole_record_counts(tmp_path: Path) -> None:
    """A full disk or a power cut takes off the end of a file, at any byte: what was before it stands, and what is written next counts."""
    journal = Journal(tmp_path)
    path = journal.create(job()) / "record.json"
    sending, done = (JobRecord(job_id=job().id, state=state, worker="7-a", note='"}\n{') for state in (JobState.SENDING, JobState.DONE))
    journal.write_record(sending)
    before = path.stat()
    journal.write_record(done)
    whole = path.read_bytes()
    assert path.stat().st_ino == before.st_ino and whole.startswith(b"\n{") and sorted(each.name for each in path.parent.iterdir()) == [
        "record.json", "request.json"]
    for length in range(before.st_size, len(whole)):
        path.write_bytes(whole[:length])
        assert journal.read_record(job().id) == sending
        path.write_bytes(whole[:length] + b"\0" * (len(whole) - length))           # as ext4 and NTFS leave what they had no time for
        assert journal.read_record(job().id) == sending
        journal.write_record(done)
        assert journal.read_record(job().id) == done


def test_an_older_record_is_gone_on_with(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    path = journal.create(job()) / "record.json"
    old = JobRecord(job_id=job().id, state=JobState.DONE, result=Result(pictures=(ResultPicture("results/0.png", "image/png", 1, 1),)))
    path.write_text(json.dumps(to_json(old), indent=1))
    assert journal.read_record(job().id) == old
    journal.write_record(old._replace(worker="new"))
    assert journal.read_record(job().id) == old._replace(worker="new")


def test_an_answer_is_read_byte_for_byte(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.create(job())
    raw = bytes(range(256)) * 40
    journal.write_head(job().id, AnswerHead(200, "application/json", "req_1"))
    assert journal.read_answer(job().id) is None         # the head alone is no answer
    journal.answer_path(job().id).write_bytes(raw)
    assert journal.read_answer(job().id) == (AnswerHead(200, "application/json", "req_1"), raw)


def test_a_job_of_another_version_is_left_alone(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    path = journal.create(job()) / "request.json"
    path.write_text(path.read_text().replace('"version": 1', '"version": 2'))
    before = path.read_bytes()
    with pytest.raises(InputError) as told:
        journal.read_job(job().id)
    assert told.value.field == "version"
    os.utime(path, (0, 0))
    assert list(journal.left_over()) == [] and path.read_bytes() == before


def test_jobs_are_listed_oldest_first(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for job_id in ("20261122-100000-bb", "20251231-235959-ff", "20261122-100000-aa"):
        journal.create(job(job_id))
    (tmp_path / "jobs" / "a file").write_bytes(b"")
    assert journal.job_ids() == ["20251231-235959-ff", "20261122-100000-aa", "20261122-100000-bb"]


def test_job_ids_sort_by_time_and_never_meet() -> None:
    ids = [new_job_id() for _ in range(2000)]
    assert len(set(ids)) == 2000 and all(re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{8}", i) for i in ids)
    assert ids[0][:15] <= time.strftime("%Y%m%d-%H%M%S", time.gmtime())


def test_a_job_is_created_once(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.create(job(), INPUTS)
    before = snapshot(tmp_path)
    with pytest.raises(InputError):
        journal.create(job()._replace(prompt="another"), {})
    assert snapshot(tmp_path) == before


# --- Where nothing can be written -------------------------------------------------------------------------

def test_an_unusable_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError) as told:
        Journal(tmp_path / "file" / "data").create(job(), INPUTS)
    assert told.value.field == "data_dir" and "Nothing was sent" in told.value.hint
    assert str(tmp_path / "file" / "data") in told.value.message


@pytest.mark.parametrize("limit", [0, 100, 5_000])
def test_a_full_disk_is_told_and_leaves_nothing_half_written(tmp_path: Path, limit: int) -> None:
    """Files may not grow past `limit` bytes: at 0 not even the first, at 5,000 the second picture does not fit."""
    code = """
import json, resource, sys
sys.path.insert(0, ".")
from gptimage_addon.library.journal import Journal
from gptimage_addon.core.errors import InputError
from gptimage_addon.core.request import Job
from gptimage_addon.core.values import from_json
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
facts = json.loads(sys.stdin.readline())
try:
    Journal(sys.argv[1]).create(from_json(Job, facts), {"inputs/0.png": b"x" * 50, "inputs/1.png": b"x" * 9000})
except InputError as error:
    print(error.field)
"""
    from gptimage_addon.core.values import to_json

    with python(code, str(tmp_path), str(limit)) as process:
        out, _ = process.communicate(json.dumps(to_json(job())) + "\n", timeout=20)
    assert out == "data_dir\n"
    assert Journal(tmp_path).job_ids() == [] and snapshot(tmp_path) == {}


def test_an_input_outside_what_can_be_made_leaves_nothing_either(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        Journal(tmp_path).create(job(), {"inputs/0.png": b"x", "too/deep/1.png": b"x"})
    assert snapshot(tmp_path) == {} and Journal(tmp_path).job_ids() == []


def test_a_write_that_fails_leaves_the_old_file_and_no_part(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):
        write_atomic(tmp_path / "folder", b"new")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder"]


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    contents = [letter.encode() * 300_000 for letter in "ab"]
    write_atomic(path, contents[0])
    over = threading.Event()

    def write() -> None:
        while not over.is_set():
            for content in contents:
                write_atomic(path, content, durable=False)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert {path.read_bytes() in contents for _ in range(400)} == {True}
    finally:
        over.set()
        writer.join()


def test_a_private_file_is_private_from_the_start(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        write_atomic(tmp_path / "keys.json", b"{}", mode=0o600)
    finally:
        os.umask(old)
    assert (tmp_path / "keys.json").stat().st_mode & 0o777 == 0o600


# --- Locks ------------------------------------------------------------------------------------------------

HOLD = """
import sys
sys.path.insert(0, ".")
from gptimage_addon.library.journal import WorkerLock
lock = WorkerLock(sys.argv[1], sys.argv[2])
print("held", flush=True)
sys.stdin.readline()
lock.release()
print("released", flush=True)
sys.stdin.readline()
"""


def test_a_lock_is_held_until_its_process_is_killed(tmp_path: Path) -> None:
    assert not WorkerLock.is_held(tmp_path, "w")
    with python(HOLD, str(tmp_path), "w") as process:
        assert process.stdout and process.stdout.readline() == "held\n"
        assert WorkerLock.is_held(tmp_path, "w") and not WorkerLock.is_held(tmp_path, "other")
        assert WorkerLock.is_held(tmp_path, "w")         # asking does not free it
        with pytest.raises(OSError):
            WorkerLock(tmp_path, "w")
        process.kill()
        process.wait()
        assert (tmp_path / "workers" / "w.lock").exists() and not WorkerLock.is_held(tmp_path, "w")


def test_a_released_lock_is_free_and_its_file_gone(tmp_path: Path) -> None:
    with python(HOLD, str(tmp_path), "w") as process:
        assert process.stdout and process.stdin and process.stdout.readline() == "held\n"
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "released\n"
        assert not WorkerLock.is_held(tmp_path, "w") and not list((tmp_path / "workers").iterdir())


def test_a_lock_of_ones_own_process_counts_as_held(tmp_path: Path) -> None:
    with WorkerLock(tmp_path, "w") as lock:
        assert lock.name == "w" and WorkerLock.is_held(tmp_path, "w")
    assert not WorkerLock.is_held(tmp_path, "w")


# --- What earlier sessions left ---------------------------------------------------------------------------

def left(journal: Journal) -> set[tuple[str, JobState]]:
    return {(found.id, record.state) for found, record in journal.left_over()}


@pytest.mark.parametrize("state", tuple(JobState))
def test_what_a_dead_worker_left(tmp_path: Path, state: JobState) -> None:
    journal = Journal(tmp_path)
    journal.create(job("j"))
    journal.write_record(JobRecord(job_id="j", state=state, worker="dead", sent_at=5.0))
    settled = state in (JobState.FAILED, JobState.CANCELLED)
    assert left(journal) == (set() if settled else {("j", state)})
    with WorkerLock(tmp_path, "dead"):                  # it lives after all
        assert left(journal) == set()
    journal.mark_applied("j", {"images": ["A"]})
    assert left(journal) == set() and journal.is_applied("j")


def test_a_job_nobody_had_is_left_over_after_a_while(tmp_path: Path) -> None:
    """Just written, it may be on its way to another Blender's worker."""
    journal = Journal(tmp_path)
    request = journal.create(job("j")) / "request.json"
    assert left(journal) == set()
    for age_s, found in ((20, set()), (40, {("j", JobState.QUEUED)})):
        os.utime(request, (time.time() - age_s,) * 2)
        assert left(journal) == found


def test_torn_folders_do_not_hide_the_others(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for name in ("a", "b", "c", "d", "e", "f", "good"):
        journal.create(job(name))
        journal.write_record(JobRecord(job_id=name, state=JobState.DONE, worker="dead"))
    (journal.folder("a") / "request.json").write_bytes(b'{"version": 1')
    (journal.folder("b") / "request.json").unlink()
    (journal.folder("c") / "record.json").write_bytes(b"\xff\xfe")
    (journal.folder("d") / "record.json").write_text('{"job_id": "d", "error": []}')
    (journal.folder("e") / "record.json").write_text('{"job_id": "e", "state": "dreaming"}')
    (journal.folder("f") / "request.json").write_text("[]")
    before = snapshot(tmp_path)
    assert left(journal) == {("good", JobState.DONE)} and snapshot(tmp_path) == before


# --- an older journal, and steps of the disk that fail ----------------------------------------------------

OLD = json.loads(Path(__file__).with_name("journal_1.json").read_bytes())


def test_the_journal_of_version_1_is_read(tmp_path: Path) -> None:
    """Folders as 0.1.0 has written them, kept as they are: whoever changes a value must go on reading these."""
    lay_down(OLD, tmp_path)
    journal = Journal(tmp_path)
    texture, touch_up, reference, received, lost, waiting = (journal.read_job(job_id) for job_id in journal.job_ids())
    assert (texture.prompt, texture.request.n, texture.service.kind) == ("weathered red brick", 2, "openai")
    assert texture.landing.targets[0].name == "Cube" and texture.landing.scale_m == 2.0 and texture.estimate_usd == 0.1054
    assert texture.surface.axes == "xy" and texture.surface.maps == ("normal", "roughness")
    assert touch_up.finish.box == (10, 20, 522, 340) and touch_up.finish.pixels == "linear" and touch_up.finish.layered
    assert touch_up.finish.marks[0].text == "moss here" and touch_up.request.markup.path == "prepared/markup.png"
    assert reference.service == ("compatible", "http://127.0.0.1:9/v1", "white") and reference.request.output_compression == 70
    assert reference.estimate_usd is None and not reference.estimate_exact
    records = [journal.read_record(job.id) for job in (texture, touch_up, reference, received, lost, waiting)]
    assert [record.state for record in records] == ["done", "uncertain", "failed", "receiving", "sending", "queued"]
    done = records[0].result
    assert done.cost_usd == 0.0527 and done.pictures[0].maps == {"normal": "results/0-normal.png"} and done.pictures[0].report["tiles"] == "xy"
    assert records[1].error["type"] == "UncertainError" and records[2].error["categories"] == ["violence"]
    head, raw = journal.read_answer(received.id)
    assert head == AnswerHead(200, "application/json", "req_3") and json.loads(raw)["usage"]["output_tokens"] == 1756
    for job_id in journal.job_ids():                # else they are too new for a job that nobody has had
        os.utime(tmp_path / "jobs" / job_id / "request.json", (1e9, 1e9))
    assert [job.id for job, _ in journal.left_over()] == [job.id for job in (texture, touch_up, received, lost, waiting)]


def lay_down(jobs: dict[str, dict[str, object]], data_dir: Path) -> None:
    for job_id, files in jobs.items():
        folder = data_dir / "jobs" / job_id
        folder.mkdir(parents=True)
        for name, content in files.items():
            (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO], ids=errno.errorcode.get)
@pytest.mark.parametrize("step", ["open", "write", "flush", "fsync", "replace", "fsync of the folder"])
def test_each_step_of_a_write_can_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, number: int) -> None:
    """The error is told; there is the old file or the new one, whole, and nothing else."""
    path = tmp_path / "record.json"
    path.write_bytes(b"old")

    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    class Failing(io.BufferedWriter):
        write = fail if step == "write" else io.BufferedWriter.write
        flush = fail if step == "flush" else io.BufferedWriter.flush

    synced = []

    def fsync(handle: int) -> None:
        synced.append(handle)
        if step == "fsync" or (step == "fsync of the folder" and len(synced) == 2):
            fail()

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fsync)
        if step in ("open", "replace"):
            patched.setattr(os, step, fail)
        if step in ("write", "flush"):
            patched.setattr(journal_module, "open", lambda handle, mode: Failing(io.FileIO(handle, mode)), raising=False)
        with pytest.raises(OSError) as told:
            write_atomic(path, b"new")
    assert told.value.errno == number
    assert path.read_bytes() == (b"new" if step == "fsync of the folder" else b"old")
    assert [each.name for each in tmp_path.iterdir()] == ["record.json"]
    write_atomic(path, b"newer")
    assert path.read_bytes() == b"newer"


def test_a_clock_that_jumps_hides_no_job(tmp_path: Path) -> None:
    """Set back by a year: a job that nobody has had is offered all the same."""
    journal = Journal(tmp_path)
    journal.create(job())
    in_a_year = time.time() + 365 * 86400
    os.utime(tmp_path / "jobs" / job().id / "request.json", (in_a_year, in_a_year))
    assert [found.id for found, _ in journal.left_over()] == [job().id]
