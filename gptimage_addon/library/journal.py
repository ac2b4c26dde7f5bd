# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Durable jobs: one folder each, written before money is spent and after every step.

    DATA/jobs/ID/request.json     the Job, by the host, before it is submitted
    DATA/jobs/ID/inputs/          the pictures that are sent, by the host
    DATA/jobs/ID/applied.json     that the result reached the scene or was dismissed, by the host
    DATA/jobs/ID/record.json      the JobRecord, by the worker: one a line, the last whole one counts
    DATA/jobs/ID/answer.raw       the service's answer, byte for byte, by the worker, on disk before it is decoded
    DATA/jobs/ID/answer.json      its status and type, by the worker
    DATA/jobs/ID/results/         the finished pictures, by the worker
    DATA/workers/NAME.lock        locked while that worker lives

Each file has one writer. Those that hold state are replaced as a whole, so a reader never sees half of one. A record changes five
times within seconds, so it is added to instead: no name changes while others read it, which Windows refuses, and a folder of files
that come and go makes each new one slower (on ext4, a fifth of the helper's time with sixty jobs in the line).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from ..core.errors import InputError
from ..core.fingerprint import content_digest, fingerprint, input_paths
from ..core.request import Job, JobRecord, JobState
from ..core.values import from_json, to_json

__all__ = ("AnswerHead", "Journal", "WorkerLock", "new_job_id", "write_atomic")

JOURNAL_VERSION = 1
# A job without a record that is younger than this may be on its way to another Blender's worker.
UNRECORDED_GRACE_S = 30.0


def new_job_id() -> str:
    """A name for a job that sorts by time and cannot be guessed or met twice."""
    return time.strftime("%Y%m%d-%H%M%S-", time.gmtime()) + os.urandom(4).hex()


def write_atomic(path: Path, data: bytes, *, durable: bool = True, mode: int = 0o666) -> None:
    """Replace the file as a whole. With `durable` it has reached the disk, name and all, on return."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), mode)
    try:
        with open(handle, "wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(part, path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    if durable:
        _sync_folder(path.parent)


def _remove_folder(folder: Path) -> None:
    """Remove what there is of a folder; what cannot be removed stays."""
    for path in (*sorted(folder.rglob("*"), reverse=True), folder):
        try:
            path.rmdir() if path.is_dir() else path.unlink()
        except OSError:
            continue


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":                 # Windows has no handle for a folder; its journal keeps names
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class AnswerHead(NamedTuple):
    """What came before the answer's body."""

    status: int
    content_type: str = ""
    request_id: str = ""


class Journal:
    """The folder of all jobs. Opening it touches nothing; the first job makes the folders."""

    def __init__(self, data_dir: str | Path) -> None:
        self.data_dir = Path(data_dir)
        self.jobs_dir = self.data_dir / "jobs"

    def folder(self, job_id: str) -> Path:
        return self.jobs_dir / job_id

    # --- the host's files ---------------------------------------------------------------------------------

    def create(self, job: Job, inputs: Mapping[str, bytes] = {}) -> Path:
        """Write a new job and its input pictures to disk. Raises InputError(field="data_dir") if that fails."""
        folder = self.folder(job.id)
        made = False
        try:
            folder.mkdir(parents=True)
            made = True
            for name, data in inputs.items():
                target = folder / name
                target.parent.mkdir(exist_ok=True)
                write_atomic(target, data)
            facts = {"version": JOURNAL_VERSION, **to_json(job)}
            write_atomic(folder / "request.json", json.dumps(facts, indent=1).encode())
            _sync_folder(self.jobs_dir)
        except OSError as error:
            if made:                            # a job is there as a whole or not at all
                _remove_folder(folder)
            raise InputError(f"The job cannot be written to {self.data_dir}: {error.strerror or error}", field="data_dir",
                             hint="Nothing was sent. Free some space there, or choose another data folder in "
                                  "Preferences") from error
        return folder

    def mark_applied(self, job_id: str, facts: Mapping[str, object]) -> None:
        """Note that the result reached the scene, or was dismissed, so that it is not offered again."""
        write_atomic(self.folder(job_id) / "applied.json", json.dumps(dict(facts)).encode(), durable=False)

    # --- the worker's files -------------------------------------------------------------------------------

    def write_record(self, record: JobRecord, *, durable: bool = True) -> None:
        """Add it to the job's records. With `durable` it has reached the disk, name and all, on return."""
        folder = self.folder(record.job_id)
        with open(folder / "record.json", "ab") as file:
            # First the end of a line: a full disk may have cut off the one before.
            file.write(b"\n" + json.dumps(to_json(record)).encode())
            file.flush()
            if durable:
                os.fsync(file.fileno())
        if durable:
            _sync_folder(folder)

    def write_head(self, job_id: str, head: AnswerHead, *, durable: bool = True) -> None:
        write_atomic(self.folder(job_id) / "answer.json", json.dumps(to_json(head)).encode(), durable=durable)

    def sync_head(self, job_id: str) -> None:
        """Bring a head that was not written durable to the disk, and with it the names of all that is in the folder."""
        folder = self.folder(job_id)
        with open(folder / "answer.json", "r+b") as file:
            os.fsync(file.fileno())
        _sync_folder(folder)

    def answer_path(self, job_id: str) -> Path:
        return self.folder(job_id) / "answer.raw"

    # --- reading ------------------------------------------------------------------------------------------

    def read_job(self, job_id: str) -> Job:
        facts = json.loads((self.folder(job_id) / "request.json").read_bytes())
        version = facts.pop("version", None) if isinstance(facts, dict) else None
        if version != JOURNAL_VERSION:
            raise InputError(f"The job {job_id} was written by another version", field="version",
                             hint="Update the extension. The job's folder is left as it is")
        return from_json(Job, facts)

    def fingerprint(self, job: Job) -> str:
        """The job's `core.fingerprint`. Raises OSError where an input is gone."""
        folder = self.folder(job.id)
        return fingerprint(job, {path: content_digest((folder / path).read_bytes()) for path in input_paths(job)})

    def has_result(self, record: JobRecord) -> bool:
        """Whether the job is done and all its files are still there."""
        if record.state is not JobState.DONE or record.result is None:
            return False
        folder = self.folder(record.job_id)
        files = [path for picture in record.result.pictures for path in (picture.path, picture.patch, *(picture.maps or {}).values())]
        return all((folder / path).is_file() for path in files if path)

    def read_record(self, job_id: str) -> JobRecord:
        """The job's record; that of a waiting job when no worker has had it yet."""
        try:
            raw = (self.folder(job_id) / "record.json").read_bytes()
        except FileNotFoundError:
            return JobRecord(job_id=job_id)
        found = _last_whole(raw)
        return JobRecord(job_id=job_id) if found is None else from_json(JobRecord, found)

    def read_answer(self, job_id: str) -> tuple[AnswerHead, bytes] | None:
        """The raw answer as far as it came, or None."""
        try:
            head = json.loads((self.folder(job_id) / "answer.json").read_bytes())
            return from_json(AnswerHead, head), self.answer_path(job_id).read_bytes()
        except FileNotFoundError:
            return None

    def is_applied(self, job_id: str) -> bool:
        return (self.folder(job_id) / "applied.json").exists()

    def job_ids(self) -> list[str]:
        """All jobs, oldest first."""
        try:
            return sorted(entry.name for entry in os.scandir(self.jobs_dir) if entry.is_dir())
        except FileNotFoundError:
            return []

    def left_over(self) -> Iterator[tuple[Job, JobRecord]]:
        """Jobs of earlier sessions that are not settled: neither applied nor failed nor in a living worker's hands."""
        now = time.time()
        for job_id in self.job_ids():
            if self.is_applied(job_id):
                continue
            try:
                written = (self.folder(job_id) / "request.json").stat().st_mtime
                job, record = self.read_job(job_id), self.read_record(job_id)
            except (OSError, ValueError, InputError):
                continue                # unreadable or from another version: left as it is for someone who can
            if record.worker:
                if WorkerLock.is_held(self.data_dir, record.worker):
                    continue
            elif abs(now - written) < UNRECORDED_GRACE_S:      # a clock that was set back hides none for long
                continue
            if record.state in ("failed", "cancelled"):
                continue
            yield job, record


def _last_whole(raw: bytes) -> object:
    """The last JSON object of a file with one a line: the line after it may be cut off, filled with zeros, or just being written.

    None where the first was cut off, and nothing can have been sent. Older folders hold a single one, over many lines; so does what was imported.
    """
    for line in (each.rstrip(b"\0") for each in reversed(raw.split(b"\n"))):
        if line.startswith(b"{") and line.endswith(b"}"):
            try:
                return json.loads(line)
            except ValueError:
                continue
    return None if raw[:1] in (b"", b"\n", b"\0") else json.loads(raw)


class WorkerLock:
    """A file lock that tells other workers on the same data folder that this one lives. The system drops it at death."""

    def __init__(self, data_dir: str | Path, name: str) -> None:
        self.name = name
        self.path = Path(data_dir) / "workers" / f"{name}.lock"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(self.path, "a+b")
        if not _try_lock(self._file.fileno()):
            self._file.close()
            raise OSError(f"{self.path} is locked")

    def release(self) -> None:
        self._file.close()
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> WorkerLock:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.release()

    @staticmethod
    def is_held(data_dir: str | Path, name: str) -> bool:
        path = Path(data_dir) / "workers" / f"{name}.lock"
        try:
            with open(path, "r+b") as file:
                return not _try_lock(file.fileno())
        except FileNotFoundError:
            return False


def _try_lock(handle: int) -> bool:
    """Lock the open file for this process; False if another has it."""
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
