# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Results of the same request that are there already, so that nothing is paid twice."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence

from .. import library
from ..core.errors import InputError
from ..core.fingerprint import content_digest, fingerprint, input_paths
from ..core.request import Job, JobRecord, JobState
from .job_view import JobView

__all__ = ("find_earlier", "in_place", "is_under_way", "latest_results", "match_earlier")

log = logging.getLogger(__name__)

OTHERS_S = 0.1                          # how often a job in another worker's hands is looked at


def find_earlier(journal: library.journal.Journal, job: Job, inputs: Mapping[str, bytes]) -> list[tuple[Job, JobRecord]]:
    """The jobs that asked for the same, oldest first: those with a result, those on their way, and those that are uncertain.

    Reads files and the wallet: not for drawing. Nothing where the wallet cannot be read.
    """
    if job.is_local:
        return []
    try:
        asked = fingerprint(job, {path: content_digest(inputs[path]) for path in input_paths(job)})
        entries = library.wallet.Wallet(journal.data_dir).asked_before(asked)
    except (KeyError, library.wallet.WalletError) as error:
        log.warning("earlier results are not looked for: %s", error)
        return []
    found = []
    for entry in entries:
        try:
            earlier, record = journal.read_job(entry.job_id), journal.read_record(entry.job_id)
        except (OSError, ValueError, InputError):
            continue                            # its folder is gone
        if record.stopped:
            continue                            # an unfinished picture is not what was asked for
        if journal.has_result(record) or record.state is JobState.UNCERTAIN or not (record.state.is_final or record.is_unsent):
            found.append((earlier, record))
    return found


def is_under_way(journal: library.journal.Journal, record: JobRecord) -> bool:
    """Whether a living worker has the job in hand."""
    return not record.state.is_final and bool(record.worker) and library.journal.WorkerLock.is_held(journal.data_dir, record.worker)


def match_earlier(
    journal: library.journal.Journal, jobs: Sequence[tuple[Job, Mapping[str, bytes]]], views: Mapping[str, JobView], *,
    pump: Callable[[], None] | None = None,
) -> list[tuple[Job, JobRecord] | None]:
    """For each of the jobs, which belong together, the earlier one that takes its place; each does so once.

    None of the session's own `views` does, but what it has recovered. One on its way counts, and with `pump`, which is called meanwhile,
    is waited for, unless it is in a batch: of that the result comes when it comes.
    """
    found: list[tuple[Job, JobRecord] | None] = []
    for job, inputs in jobs:
        # What is made from others of them was made from those that take their places.
        ids = in_place(jobs, found)
        found.append(_match_one(journal, job.with_others(ids), inputs, set(ids.values()), views, pump))
    return found


def latest_results(
    journal: library.journal.Journal, jobs: Sequence[tuple[Job, Mapping[str, bytes]]],
) -> list[tuple[Job, JobRecord] | None]:
    """For each of the jobs, which belong together, the latest earlier one that has a result; each counts once."""
    found: list[tuple[Job, JobRecord] | None] = []
    for job, inputs in jobs:
        ids = in_place(jobs, found)
        results = [(earlier, record) for earlier, record in find_earlier(journal, job.with_others(ids), inputs)
                   if journal.has_result(record) and earlier.id not in ids.values()]
        found.append(results[-1] if results else None)
    return found


def _match_one(
    journal: library.journal.Journal, job: Job, inputs: Mapping[str, bytes], taken: set[str], views: Mapping[str, JobView],
    pump: Callable[[], None] | None,
) -> tuple[Job, JobRecord] | None:
    uncertain = None
    for earlier, record in find_earlier(journal, job, inputs):
        known = views.get(earlier.id)
        if earlier.id in taken or (known and not known.recovered):
            continue
        while pump and not record.batch and is_under_way(journal, record):
            pump()
            time.sleep(OTHERS_S)
            record = journal.read_record(earlier.id)
        looked_after = known and record.batch and not record.state.is_final         # by our helper, though its name may not be there yet
        if looked_after or is_under_way(journal, record) or journal.has_result(record):
            return earlier, record
        if record.state is JobState.UNCERTAIN:
            uncertain = uncertain or (earlier, record)
    return uncertain


def in_place(jobs: Sequence[tuple[Job, Mapping[str, bytes]]], found: Sequence[tuple[Job, JobRecord] | None]) -> dict[str, str]:
    """The ids of the jobs whose places earlier ones take, and theirs. What was not looked for yet is not in `found`."""
    return {job.id: earlier[0].id for (job, _), earlier in zip(jobs, found, strict=False) if earlier}
