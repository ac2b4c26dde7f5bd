# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One job as this Blender session sees it: how far it has come, and what became of it in the scene."""

from __future__ import annotations

import time
from typing import NamedTuple

from .. import core
from ..core.errors import GptImageError, KeyMissingError, QuotaError, RateLimitError, TransientError, error_from_dict
from ..core.request import Job, JobRecord, JobState

__all__ = ("JobView", "Landed")

# What says that nothing was made, or nothing sent: sending such jobs again costs once.
UNBILLED = (RateLimitError, TransientError, QuotaError, KeyMissingError)


class Landed(NamedTuple):
    """What landing a result did: the images made, the sentence to show, and whether all targets were found."""

    images: tuple[str, ...]
    message: str
    complete: bool = True


class JobView:
    """One row of the queue. `recovered` marks a job of an earlier session, `followed` are the jobs that its landing has started."""

    def __init__(self, job: Job, record: JobRecord, landed: Landed | None = None, recovered: bool = False) -> None:
        self.job = job
        self.record = record
        self.landed = landed
        self.recovered = recovered
        self.followed: list[JobView] = []
        self.workspace = ""             # where the artist was who asked for it
        self.group = job.id             # the first of those that were asked for together
        self._sent = 0.0                # by the monotonic clock
        self.instead: tuple[Job, dict[str, bytes]] | None = None       # what is sent in its place once it is cancelled
        self.reused = False                     # the result of an earlier job, which costs nothing now
        self.collected = False                  # of a batch that nobody has been told of yet
        self.elsewhere = False                  # in a batch that another Blender's helper looks after
        self.cancelled: core.protocol.Cancel | None = None     # what the helper was told, for one that takes its place

    @property
    def error(self) -> GptImageError | None:
        return error_from_dict(self.record.error) if self.record.error else None

    @property
    def seconds_since_sent(self) -> float:
        """By a clock that no change of the system's time moves; for a job of this session."""
        return time.monotonic() - self._sent if self._sent else 0.0

    def follow(self, record: JobRecord) -> None:
        """Take over what the worker says of the job."""
        if record.sent_at != self.record.sent_at:
            self._sent = time.monotonic() if record.sent_at else 0.0
        self.record = record

    @property
    def is_waiting(self) -> bool:
        """Whether it stands in the line: nothing of it is at the service."""
        return self.is_active and self.record.is_unsent

    @property
    def can_be_sent_free(self) -> bool:
        """Whether it is settled and was never billed, so that sending it again pays no second time."""
        if self.is_active or self.landed:
            return False
        state, error = self.record.state, self.error
        return self.record.is_unsent or (state is JobState.FAILED and (not self.record.sent_at or isinstance(error, UNBILLED)))

    @property
    def is_active(self) -> bool:
        """Whether something is still to come of it by itself."""
        if self.recovered:
            return False
        return not self.record.state.is_final or (self.record.state is JobState.DONE and self.landed is None)
