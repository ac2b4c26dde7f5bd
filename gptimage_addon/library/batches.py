# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Batches that were given to a service, one file each: DATA/batches/NAME.json, and what came back beside it.

Written before the batch is asked for, so that after a crash it is found again by its name, which the service keeps with it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from ..core.errors import InputError
from ..core.request import Service
from ..core.values import from_json, to_json
from .journal import write_atomic

__all__ = ("BatchFiles", "BatchRecord")


class BatchRecord(NamedTuple):
    """One batch: where it was sent, whose jobs are in it, and the service's own name for it, "" until that is known."""

    name: str
    service: Service
    endpoint: str
    job_ids: tuple[str, ...]
    batch_id: str = ""


class BatchFiles:
    """The batches of a data folder. The worker that has the jobs is their only writer."""

    def __init__(self, data_dir: str | Path) -> None:
        self.folder = Path(data_dir) / "batches"

    def write(self, record: BatchRecord) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomic(self.folder / f"{record.name}.json", json.dumps(to_json(record), indent=1).encode())

    def read(self, name: str) -> BatchRecord:
        """Raises InputError where it is gone or unreadable."""
        try:
            return from_json(BatchRecord, json.loads((self.folder / f"{name}.json").read_bytes()))
        except (OSError, ValueError) as error:
            raise InputError(f"The batch {name} cannot be read: {error}", field="batch", hint="Look into the data folder") from error

    def answer_path(self, name: str, kind: str) -> Path:
        """The file of what came back: `kind` is "output" or "errors"."""
        return self.folder / f"{name}-{kind}.jsonl"

    def files(self, name: str) -> list[Path]:
        """All that there is of a batch: its record, what came back, what was cut off on its way."""
        return sorted(self.folder.glob(f"{name}[.-]*"))
