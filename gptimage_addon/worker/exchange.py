# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries of the history as a zip file, for another machine: out of the jobs' folders and into them.

    history.json                  which version this is
    jobs/ID/request.json          the job, without the service's address and without where its .blend lies
    jobs/ID/record.json           its result
    jobs/ID/notes.json            star and tags
    jobs/ID/results/NAME          the pictures

A file from somewhere else is not trusted: every name, number and size is checked before anything is written, nothing is
written outside the folders of the new jobs, and what comes in is never sent anywhere.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
import zipfile
import zlib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from ..core.entries import Notes, entries_of, split_entry_id
from ..core.errors import AnswerError, InputError
from ..core.fingerprint import input_paths
from ..core.request import Job, JobRecord, JobState
from ..core.values import from_json, to_json
from ..library.history import read_notes
from ..library.journal import JOURNAL_VERSION, Journal, write_atomic
from .codec import check_picture
from .exr import decode_exr, encode_exr

__all__ = ("Taken", "export_entries", "import_entries")

VERSION = 1
MAX_FILES = 200_000
MAX_FACTS_BYTES = 4_000_000
MAX_PICTURE_BYTES = 300_000_000
# Pictures hardly shrink: what unpacks to far more than it is was made to fill the disk.
MAX_RATIO, SMALL_BYTES = 20, 50_000_000
_JOB = r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}"
_FILE = r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}\.(?:png|jpg|jpeg|webp|exr)"
_NAME = re.compile(rf"jobs/({_JOB})/(request\.json|record\.json|notes\.json|results/{_FILE})")
_RESULT = re.compile(rf"results/{_FILE}")
_INPUT = re.compile(r"(?:inputs|prepared)/[0-9A-Za-z][0-9A-Za-z_-]{0,63}(?:\.[0-9a-z]{1,8})?|")
_EXR = b"\x76\x2f\x31\x01"
# No number of ours is larger, and no time is later: a second of the year 5138.
MAX_NUMBER = 100_000_000_000
# No import of another worker on the same folder takes longer.
STAGE_S = 86_400.0


class Taken(NamedTuple):
    """What came in: the jobs, how many pictures they have, and how many jobs were here already."""

    jobs: tuple[str, ...]
    pictures: int
    known: int


# --- out --------------------------------------------------------------------------------------------------

def export_entries(journal: Journal, ids: Sequence[str], path: Path) -> int:
    """Write the pictures' jobs into a zip file, each with those of its pictures that are meant. Gives the number of pictures.

    Raises OSError, InputError for a job that cannot be read.
    """
    chosen: dict[str, set[int]] = {}
    for name in ids:
        job_id, number = split_entry_id(name)
        chosen.setdefault(job_id, set()).add(number)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as file:
            file.writestr("history.json", json.dumps({"version": VERSION}))
            count = sum(_export_job(file, journal, job_id, numbers) for job_id, numbers in chosen.items())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return count


def _export_job(file: zipfile.ZipFile, journal: Journal, job_id: str, numbers: set[int]) -> int:
    folder = journal.folder(job_id)
    try:
        job, record = journal.read_job(job_id), journal.read_record(job_id)
    except ValueError as error:
        raise InputError(f"The job {job_id} cannot be read", field="entry", hint="Delete its entry, or leave it out") from error
    if record.result is None:
        return 0
    notes = {number: to_json(note) for number, note in read_notes(journal, job_id).items()}
    notes |= {number: {"deleted": True} for number in range(len(record.result.pictures)) if number not in numbers}
    facts = {"request": {"version": JOURNAL_VERSION, **to_json(_without_places(job))}, "record": to_json(_bare(record)),
             "notes": {str(number): note for number, note in notes.items()}}
    for name, fact in facts.items():
        file.writestr(f"jobs/{job_id}/{name}.json", json.dumps(fact, indent=1))
    pictures = [picture for number, picture in enumerate(record.result.pictures) if number in numbers]
    for picture in pictures:
        for name in (picture.path, picture.patch, *(picture.maps or {}).values()):
            if _RESULT.fullmatch(name) and (folder / name).is_file():
                file.write(folder / name, f"jobs/{job_id}/{name}")
    return len(pictures)


def _without_places(job: Job) -> Job:
    """The job without what tells of this machine: its .blend's path but the last two parts, a server's address, where files went."""
    blend = "/".join(job.landing.blend.replace("\\", "/").split("/")[-2:])
    return job._replace(service=job.service._replace(base_url=""),
                        landing=job.landing._replace(blend=blend, session="", folder=""))


def _bare(record: JobRecord) -> JobRecord:
    """Only what the history needs of it."""
    return JobRecord(record.job_id, record.state, sent_at=record.sent_at, ended_at=record.ended_at, result=record.result)


# --- in ---------------------------------------------------------------------------------------------------

def import_entries(journal: Journal, path: Path) -> Taken:
    """Take in the jobs of a zip file. Jobs that are here already stay as they are.

    Raises InputError, before anything is written, for a file that is not one of `export_entries`, and OSError.
    """
    try:
        with zipfile.ZipFile(path) as file:
            jobs = _checked(file, path)
            known = [job_id for job_id in jobs if journal.folder(job_id).exists()]
            taken = {job_id: _read_job(file, job_id, names) for job_id, names in jobs.items() if job_id not in known}
            _write_jobs(file, journal, taken, jobs)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, UnicodeDecodeError, RuntimeError) as error:
        raise _refused(f"{path.name} is no sound zip file ({error})") from error
    pictures = sum(len(record.result.pictures) - sum(note.deleted for note in notes.values())
                   for _, record, notes in taken.values() if record.result)
    return Taken(tuple(taken), pictures, len(known))


def _refused(why: str) -> InputError:
    return InputError(why, field="filepath", hint="Nothing was imported. Choose a file that Export History has written")


def _checked(file: zipfile.ZipFile, path: Path) -> dict[str, list[str]]:
    """The names of each job's files, once all are found to be harmless."""
    infos = file.infolist()
    if len(infos) > MAX_FILES:
        raise _refused(f"{path.name} holds {len(infos)} files")
    jobs: dict[str, list[str]] = {}
    seen = set()
    for info in infos:
        # As it stands in the file: on Windows zipfile reads "\\" as "/".
        name = info.orig_filename
        found = _NAME.fullmatch(name)
        if name.casefold() in seen or (not found and name != "history.json"):
            raise _refused(f"{path.name} holds {name[:100]!r}, which is none of ours")
        seen.add(name.casefold())
        limit = MAX_FACTS_BYTES if name.endswith(".json") else MAX_PICTURE_BYTES
        if info.flag_bits & 1 or info.file_size > limit:
            raise _refused(f"{name} in {path.name} is encrypted or too large")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise _refused(f"{name} in {path.name} is packed as no export is")
        if found:
            jobs.setdefault(found[1], []).append(name)
    if "history.json" not in seen or _facts(file, "history.json").get("version") != VERSION:
        raise _refused(f"{path.name} was not written by this version's Export History")
    total = sum(info.file_size for info in infos)
    if total > SMALL_BYTES and total > MAX_RATIO * path.stat().st_size:
        raise _refused(f"{path.name} unpacks to {total / 1e6:.0f} MB")
    return jobs


def _facts(file: zipfile.ZipFile, name: str) -> dict:
    try:
        facts = json.loads(_bytes(file, name), parse_float=_number, parse_int=lambda text: int(_number(text)), parse_constant=_number)
        json.dumps(facts, ensure_ascii=False).encode()          # half of a sign can be written nowhere
    except (KeyError, ValueError, RecursionError) as error:
        raise _refused(f"{name} is missing or cannot be read") from error
    if not isinstance(facts, dict):
        raise _refused(f"{name} cannot be read")
    return facts


def _number(text: str) -> float:
    number = float(text)
    if not abs(number) < MAX_NUMBER:            # what is no number neither
        raise ValueError(text)
    return number


def _bytes(file: zipfile.ZipFile, name: str) -> bytes:
    """The file's bytes, never more than it said it has."""
    size = file.getinfo(name).file_size
    with file.open(name) as stream:
        data = stream.read(size + 1)
    if len(data) != size:
        raise _refused(f"{name} is not as large as it says")
    return data


def _read_job(file: zipfile.ZipFile, job_id: str, names: Sequence[str]) -> tuple[Job, JobRecord, dict[int, Notes]]:
    """A job's facts, checked: what they name are files of its own folder."""
    facts = _facts(file, f"jobs/{job_id}/request.json")
    try:
        if facts.pop("version", None) != JOURNAL_VERSION:
            raise _refused(f"The job {job_id} was written by another version")
        job, record = from_json(Job, facts, "job"), from_json(JobRecord, _facts(file, f"jobs/{job_id}/record.json"), "record")
    except InputError as error:
        raise _refused(f"The job {job_id} cannot be read: {error.message}") from error
    if job.id != job_id or record.job_id != job_id or record.state is not JobState.DONE or record.result is None:
        raise _refused(f"The job {job_id} has no result")
    request, around = job.request, job.finish.around if job.finish else ()
    pictures = [picture for picture in (*request.images, request.mask, request.markup) if picture]
    inputs = [*input_paths(job), *(each.path for each in (*pictures, *around)), *(job.surface.given or {} if job.surface else {}).values()]
    if not all(isinstance(name, str) and _INPUT.fullmatch(name) for name in inputs):
        raise _refused(f"The job {job_id} names files outside its folder")
    notes = _read_notes(file, job_id) if f"jobs/{job_id}/notes.json" in names else {}
    for number, picture in enumerate(record.result.pictures):
        results = [name for name in (picture.path, picture.patch, *(picture.maps or {}).values()) if name]
        if not all(isinstance(name, str) and _RESULT.fullmatch(name) for name in results):
            raise _refused(f"The job {job_id} names files outside its folder")
        if not notes.get(number, Notes()).deleted and f"jobs/{job_id}/{picture.path}" not in names:
            raise _refused(f"The picture {picture.path} of {job_id} is missing")
        if min(picture.width_px, picture.height_px) < 1:
            raise _refused(f"The picture {picture.path} of {job_id} has no size")
    _check_times(job, record, notes)
    return _without_places(job), _bare(record), notes


def _read_notes(file: zipfile.ZipFile, job_id: str) -> dict[int, Notes]:
    try:
        return {int(number): from_json(Notes, note, number) for number, note in _facts(file, f"jobs/{job_id}/notes.json").items()}
    except (ValueError, InputError) as error:
        raise _refused(f"The notes of {job_id} cannot be read") from error


def _check_times(job: Job, record: JobRecord, notes: dict[int, Notes]) -> None:
    """That each entry has a time which can be sorted and shown."""
    try:
        if all(0 < datetime.fromisoformat(entry.created).timestamp() < MAX_NUMBER for entry in entries_of(job, record, notes)):
            return
    except (ValueError, OverflowError, OSError):
        pass
    raise _refused(f"The job {job.id} has no time")


def _write_jobs(
    file: zipfile.ZipFile, journal: Journal, taken: dict[str, tuple[Job, JobRecord, dict[int, Notes]]], names: dict[str, list[str]],
) -> None:
    """The jobs' folders: beside their place first, and moved there when all of them are whole."""
    stage = journal.data_dir / f"import.{os.getpid()}"
    shutil.rmtree(stage, ignore_errors=True)
    _clear_stages(journal.data_dir)
    try:
        for job_id, (job, record, notes) in taken.items():
            folder = stage / job_id
            (folder / "results").mkdir(parents=True)
            for name in names[job_id]:
                if "/results/" in name:
                    data = _bytes(file, name)
                    _check_picture(data)
                    (folder / name.removeprefix(f"jobs/{job_id}/")).write_bytes(data)
            facts = {"request": {"version": JOURNAL_VERSION, **to_json(job)}, "record": to_json(record),
                     "notes": {str(number): to_json(note) for number, note in notes.items()},
                     "applied": {"imported": True}}
            for name, fact in facts.items():
                write_atomic(folder / f"{name}.json", json.dumps(fact, indent=1).encode(), durable=False)
        journal.jobs_dir.mkdir(parents=True, exist_ok=True)
        for job_id in taken:
            os.rename(stage / job_id, journal.folder(job_id))
    except AnswerError as error:
        raise _refused(f"A picture is damaged: {error.message}") from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _clear_stages(data_dir: Path) -> None:
    """Remove what helpers have left that died on the way."""
    for left in data_dir.glob("import.*"):
        try:
            if time.time() - left.stat().st_mtime > STAGE_S:
                shutil.rmtree(left)
        except OSError:                         # another one has just done it, or it cannot be
            continue


def _check_picture(data: bytes) -> None:
    """Raise AnswerError for what is no sound picture. Of OpenEXR only files of our own are."""
    if not data.startswith(_EXR):
        check_picture(data)
        return
    try:
        sound = encode_exr(decode_exr(data)) == data
    except ValueError as error:
        raise AnswerError(str(error)) from error
    if not sound:
        raise AnswerError("An OpenEXR file that this extension has not written")
