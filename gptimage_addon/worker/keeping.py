# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service's raw answer on its way to the disk, byte for byte. It is paid: a disk that takes nothing must not cost it."""

from __future__ import annotations

import os
from typing import BinaryIO

from ..library.journal import AnswerHead, Journal, write_atomic

__all__ = ("AnswerFile",)


class AnswerFile:
    """Written as it comes, and held in memory until `keep` has seen it on the disk. Only `keep` tells of errors."""

    def __init__(self, journal: Journal, job_id: str, head: AnswerHead) -> None:
        self.head = head
        self._journal = journal
        self._job_id = job_id
        self._raw = bytearray()
        self._file: BinaryIO | None = None      # None once the disk has refused something

    @property
    def raw(self) -> bytes:
        """What has come so far, until it is kept."""
        return bytes(self._raw)

    @property
    def is_taken(self) -> bool:
        """Whether the disk has taken all that came, synced or not."""
        return self._file is not None

    def begin(self) -> None:
        """Make the file, and the head beside it."""
        try:
            self._file = open(self._journal.answer_path(self._job_id), "wb")
            self._journal.write_head(self._job_id, self.head, durable=False)
        except OSError:
            self._give_up()

    def write(self, chunk: bytes) -> None:
        self._raw += chunk
        if self._file:
            try:
                self._file.write(chunk)
                self._file.flush()              # what our own death must not take along
            except OSError:
                self._give_up()

    def sync(self) -> None:
        """Bring to the disk what has come so far, as far as it takes it. Ends the writing."""
        if self._file and not self._file.closed:
            try:
                os.fsync(self._file.fileno())
                self._file.close()
                self._journal.sync_head(self._job_id)
            except OSError:
                self._give_up()

    def keep(self) -> None:
        """On return the answer is on the disk, whole and synced, with its head. Raises OSError, and can be tried again."""
        self.sync()
        path = self._journal.answer_path(self._job_id)
        if self._file is None or not path.exists() or path.stat().st_size != len(self._raw):
            write_atomic(path, bytes(self._raw))
            self._journal.write_head(self._job_id, self.head)
        self._raw.clear()

    def _give_up(self) -> None:
        if self._file:
            try:
                self._file.close()
            except OSError:
                pass                            # what it still held is in memory
        self._file = None
