# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long pictures took, so that the time that is left can be told: DATA/durations.json, by the workers."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

from ..core.request import Job
from .journal import write_atomic

__all__ = ("Durations",)

KEPT = 15               # of the newest of each kind: a service becomes faster and slower with the months
MAX_KINDS = 200


class Durations:
    """The newest durations of each service, model, size, quality and number of pictures. Only an estimate hangs on it, so what cannot be read or
    written is done without. What is added is in the file once it was saved."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / "durations.json"
        self._unsaved: list[tuple[str, float]] = []
        try:
            for left in data_dir.glob(f"{self._path.name}.*.part"):        # by a helper that died while it wrote
                left.unlink(missing_ok=True)
        except OSError:                         # another one writes it just now
            pass
        self._known = self._read()

    def expected_s(self, job: Job) -> float:
        """The median of what such jobs took, from sending to the last byte, in seconds; 0 if there was none yet."""
        return statistics.median(self._known.get(_kind(job)) or (0.0,))

    def add(self, job: Job, seconds: float) -> None:
        self._unsaved.append((_kind(job), round(seconds, 2)))
        _add(self._known, *self._unsaved[-1])

    def save(self) -> None:
        """Write what was added, beside what other workers have written meanwhile."""
        added, self._unsaved = self._unsaved, []
        if not added:
            return
        known = self._read()
        for kind, seconds in added:
            _add(known, kind, seconds)
        try:
            write_atomic(self._path, json.dumps(known).encode(), durable=False)
        except OSError:
            pass
        self._known = known

    def _read(self) -> dict[str, list[float]]:
        try:
            found = json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            return {}
        if not isinstance(found, dict):
            return {}
        return {kind: took for kind, took in found.items()
                if isinstance(took, list) and all(isinstance(each, int | float) and each >= 0 for each in took)}


def _add(known: dict[str, list[float]], kind: str, seconds: float) -> None:
    known[kind] = [*known.pop(kind, ()), seconds][-KEPT:]           # the last used comes last
    while len(known) > MAX_KINDS:
        del known[next(iter(known))]


def _kind(job: Job) -> str:
    request, service = job.request, job.service
    return " ".join(map(str, (service.kind, service.base_url, request.model, request.size, request.quality, request.n,
                              "edit" if request.is_edit else "generate")))
