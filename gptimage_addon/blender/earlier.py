# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Results of the same request that are there already, so that nothing is paid twice."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping

from .. import library
from ..core.errors import InputError
from ..core.fingerprint import content_digest, fingerprint, input_paths
from ..core.request import Job, JobRecord, JobState
from ..core.values import from_json, to_json

__all__ = ("find_earlier", "is_under_way", "with_ids")

log = logging.getLogger(__name__)


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


def with_ids(job: Job, ids: Mapping[str, str]) -> Job:
    """The job with other jobs' ids put in the place of those it names, wherever it names them."""
    text = json.dumps(to_json(job))
    for old, new in ids.items():
        text = text.replace(json.dumps(old), json.dumps(new))
    return from_json(Job, json.loads(text))
