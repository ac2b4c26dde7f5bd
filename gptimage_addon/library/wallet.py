# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was spent: one row a request that was sent, in DATA/wallet.sqlite.

The worker reserves a row right before it sends, with the price that is expected, and settles it when it is known what
came of it. Both are transactions, so what is spent and in flight is one number for all Blenders on the data folder. The
host only reads. A connection lives no longer than its question: a file that had to be made anew is nobody's open file.
SQLite's rollback journal, not its write-ahead log: that needs memory which the machines of a farm, on one folder, do not share.
"""

from __future__ import annotations

import csv
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from ..core.errors import GptImageError
from ..core.pricing import Limits, Spending, Usage, check_limits, estimate
from ..core.request import Job, ServiceKind

__all__ = ("Entry", "EntryState", "Step", "Wallet", "WalletError", "changing", "entry_for", "period_starts", "reserving")

BUSY_S = 10.0                           # how long another Blender may hold the file
READ_BUSY_S = 0.2                       # the host does not wait
# What SQLite says of a file without our tables, one that is broken, and one that is no database.
DAMAGED = (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class WalletError(Exception):
    """The wallet cannot be read or written: damaged, locked, of a newer version, or on a disk that takes nothing."""


class EntryState(StrEnum):
    """What came of a request, as far as money goes."""

    OPEN = "open"                       # on its way: its estimate counts
    PAID = "paid"                       # answered: what the service told counts, else the estimate
    ASSUMED = "assumed"                 # perhaps billed, and the service did not tell: the estimate counts
    FREE = "free"                       # refused before anything was made: nothing counts


class Entry(NamedTuple):
    """One request that was sent. `at` is in seconds since the epoch, `usage` the tokens as billed, None while not known.

    `session` names the Blender session, `blend` the path of its file ("" while it was not saved), `target` the objects
    or the image it was for, `fingerprint` what was asked. Prices are in US dollars, None where a server's prices are not known.
    """

    job_id: str
    at: float
    kind: str
    service: ServiceKind
    model: str
    size: str
    quality: str
    n: int = 1
    state: EntryState = EntryState.OPEN
    estimate_usd: float | None = None
    actual_usd: float | None = None
    usage: Usage | None = None
    blend: str = ""
    target: str = ""
    session: str = ""
    fingerprint: str = ""

    @property
    def counted_usd(self) -> float:
        """What the request counts for in sums; 0 where nothing is known."""
        if self.state is EntryState.FREE:
            return 0.0
        return self.actual_usd if self.actual_usd is not None else self.estimate_usd or 0.0


def entry_for(job: Job, at: float, fingerprint: str = "") -> Entry:
    """The row of a job that is sent at `at`: as expected, still open."""
    expected = job.estimate_usd
    if expected is None:
        price = estimate(job.request, job.service.kind)
        expected = price.usd if price.known else None
    target = job.finish.parent if job.finish else ", ".join(each.name for each in job.landing.targets)
    request = job.request
    return Entry(job.id, at, job.kind, job.service.kind, request.model, request.size, request.quality, request.n,
                 estimate_usd=expected, blend=job.landing.blend, target=target, session=job.landing.session, fingerprint=fingerprint)


def period_starts(now: float) -> tuple[float, float]:
    """When the day and the month of `now` began on this machine's clock, in seconds since the epoch."""
    local = time.localtime(now)
    day = time.mktime((local.tm_year, local.tm_mon, local.tm_mday, 0, 0, 0, 0, 0, -1))
    month = time.mktime((local.tm_year, local.tm_mon, 1, 0, 0, 0, 0, 0, -1))
    return day, month


# Each step leads from the version before it to the next; the first makes the file.
MIGRATIONS = (
    """
    CREATE TABLE entries (
        job_id TEXT PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL, service TEXT NOT NULL, model TEXT NOT NULL,
        size TEXT NOT NULL, quality TEXT NOT NULL, n INTEGER NOT NULL, state TEXT NOT NULL, estimate_usd REAL,
        actual_usd REAL, text_in INTEGER, image_in INTEGER, image_out INTEGER, blend TEXT NOT NULL, target TEXT NOT NULL,
        session TEXT NOT NULL);
    CREATE INDEX entries_at ON entries (at);
    CREATE INDEX entries_blend ON entries (blend);
    CREATE INDEX entries_session ON entries (session);
    CREATE INDEX entries_open ON entries (state) WHERE state = 'open';
    """,
    """
    ALTER TABLE entries ADD COLUMN fingerprint TEXT NOT NULL DEFAULT '';
    CREATE INDEX entries_fingerprint ON entries (fingerprint);
    DROP INDEX entries_at;
    DROP INDEX entries_blend;
    DROP INDEX entries_session;
    CREATE INDEX entries_at ON entries (at, service, state, actual_usd, estimate_usd, job_id);
    CREATE INDEX entries_blend ON entries (blend, session, service, state, actual_usd, estimate_usd, job_id);
    CREATE INDEX entries_session ON entries (session, service, state, actual_usd, estimate_usd, job_id);
    """,                                # sums are read from the indexes alone
)
COLUMNS = ("job_id", "at", "kind", "service", "model", "size", "quality", "n", "state", "estimate_usd", "actual_usd",
           "text_in", "image_in", "image_out", "blend", "target", "session", "fingerprint")
CSV_COLUMNS = (*COLUMNS[:1], *COLUMNS[2:11], "counted_usd", *COLUMNS[11:16])
SELECT = f"SELECT {', '.join(COLUMNS)} FROM entries"
WRITE = f"INSERT OR REPLACE INTO entries ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
COUNTED = "SUM(CASE state WHEN 'free' THEN 0 ELSE COALESCE(actual_usd, estimate_usd, 0) END)"


def _row(entry: Entry) -> tuple[object, ...]:
    facts = entry._asdict() | (entry.usage or Usage(None, None, None))._asdict()        # type: ignore[arg-type]
    return tuple(str(facts[name]) if isinstance(facts[name], StrEnum) else facts[name] for name in COLUMNS)


def _entry(row: tuple) -> Entry:
    facts = dict(zip(COLUMNS, row, strict=True))
    tokens = [facts.pop(name) for name in Usage._fields]
    usage = None if None in tokens else Usage(*tokens)
    return Entry(**facts | {"service": ServiceKind(facts["service"]), "state": EntryState(facts["state"]), "usage": usage})


def _cell(value: object) -> object:
    """A value as a table takes it: names that a spreadsheet would take for a formula are marked as text."""
    if isinstance(value, float):
        return f"{value:.6f}"
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@") else value


Step = Callable[[sqlite3.Connection], None]


def reserving(entry: Entry, limits: Limits) -> Step:
    """The step that writes the row of a request that is to be sent, unless it would break a limit: then it raises QuotaError.

    What others have in flight counts, and nobody else reserves in the meantime.
    """
    def step(db: sqlite3.Connection) -> None:
        if entry.service is not ServiceKind.PRACTICE and limits != Limits():
            spent = _spending(db, entry.blend, entry.session, entry.at, but=entry.job_id)
            check_limits(limits, spent, entry.estimate_usd or 0.0)
        db.execute(WRITE, _row(entry))

    return step


def changing(job_id: str, change: Callable[[Entry | None], Entry | None]) -> Step:
    """The step that writes what `change` makes of a request's row. None, given or made, is no row."""
    def step(db: sqlite3.Connection) -> None:
        found = db.execute(f"{SELECT} WHERE job_id = ?", (job_id,)).fetchone()
        before = _entry(found) if found else None
        after = change(before)
        if after is None:
            db.execute("DELETE FROM entries WHERE job_id = ?", (job_id,))
        elif after != before:
            db.execute(WRITE, _row(after))

    return step


class Wallet:
    """The rows of one data folder. Every method may raise WalletError; opening the object touches nothing."""

    def __init__(self, data_dir: str | Path) -> None:
        self.path = Path(data_dir) / "wallet.sqlite"

    # --- the worker's part --------------------------------------------------------------------------------

    def reserve(self, entry: Entry, limits: Limits) -> None:
        """`reserving` alone. Raises QuotaError over a limit."""
        self._do(reserving(entry, limits))

    def change(self, job_id: str, change: Callable[[Entry | None], Entry | None]) -> None:
        """`changing` alone."""
        self._do(changing(job_id, change))

    def write(self, entry: Entry) -> None:
        """Write a row, or write it over."""
        self.change(entry.job_id, lambda _: entry)

    def _do(self, step: Step) -> None:
        (refusal,) = self.do_all([step])
        if refusal:
            raise refusal

    def do_all(self, steps: Sequence[Step]) -> list[GptImageError | None]:
        """Do steps in one transaction; on return all of them are on the disk. What refused one has written nothing and is given back."""
        refusals: list[GptImageError | None] = []
        with self._writing() as db:
            for step in steps:
                try:
                    step(db)
                    refusals.append(None)
                except GptImageError as error:
                    refusals.append(error)
        return refusals

    def open_entries(self) -> list[Entry]:
        """The rows of requests of which it is not known what came of them."""
        return self._select("WHERE state = 'open' ORDER BY at")

    def is_sound(self) -> bool:
        """Whether the file is there and whole. Raises WalletError where that cannot be told: locked, or of a newer version."""
        try:
            if not self.path.stat().st_size:
                return False
            with self._writing() as db:
                db.execute(f"{SELECT} LIMIT 1")
                return db.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise WalletError(str(error)) from error
        except WalletError as error:
            if getattr(error.__cause__, "sqlite_errorcode", 0) & 0xFF in DAMAGED:
                return False
            raise

    def rebuild(self, entries: Iterable[Entry]) -> Path | None:
        """Make the file anew of these rows; what was there is put aside and its path given back.

        The file appears as a whole, so a crash on the way leaves none, and the next start begins again. The caller keeps
        others from doing the same.
        """
        fresh = self.path.with_name("wallet.new.sqlite")
        try:
            for ending in ("", "-journal", "-wal", "-shm"):
                Path(f"{fresh}{ending}").unlink(missing_ok=True)
            db = sqlite3.connect(fresh, isolation_level=None)
            try:
                db.execute("PRAGMA synchronous=FULL")
                _migrate(db)
                db.execute("BEGIN")
                with db:
                    db.executemany(WRITE, map(_row, entries))
            finally:
                db.close()
            damaged = None
            if self.path.exists():
                damaged = self.path.with_name(f"wallet.damaged-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.sqlite")
                os.replace(self.path, damaged)
            # SQLite would play a log that was left into the new file.
            for ending in ("-wal", "-shm", "-journal"):
                Path(f"{self.path}{ending}").unlink(missing_ok=True)
            os.replace(fresh, self.path)
        except (OSError, sqlite3.Error) as error:
            raise WalletError(str(error)) from error
        return damaged

    # --- everybody's --------------------------------------------------------------------------------------

    def entry(self, job_id: str) -> Entry | None:
        found = self._select("WHERE job_id = ?", job_id)
        return found[0] if found else None

    def entries(self, since: float = 0.0) -> list[Entry]:
        """All rows from `since` on, oldest first."""
        return self._select("WHERE at >= ? ORDER BY at", since)

    def asked_before(self, fingerprint: str) -> list[Entry]:
        """The requests of the same content that were not refused, oldest first."""
        return self._select("WHERE fingerprint = ? AND state <> 'free' ORDER BY at", fingerprint) if self.path.exists() else []

    def answered(self, most: int) -> dict[str, tuple[str, float]]:
        """Of the latest answered requests, by fingerprint, the job's id and the time. Nothing where there is no wallet yet."""
        if not self.path.exists():
            return {}
        with self._reading() as db:
            found = db.execute("SELECT fingerprint, job_id, at FROM entries WHERE state = 'paid' AND fingerprint <> '' "
                               "ORDER BY at DESC LIMIT ?", (most,))
            return {fingerprint: (job_id, at) for fingerprint, job_id, at in reversed(found.fetchall())}

    def spending(self, blend: str = "", session: str = "", now: float | None = None) -> Spending:
        """What counts today, this month, for a file and in a session, practice apart. Nothing where there is no wallet yet."""
        if not self.path.exists():
            return Spending()
        with self._reading() as db:
            return _spending(db, blend, session, time.time() if now is None else now)

    def export_csv(self, path: Path) -> int:
        """Write all rows, oldest first, as a table with a header, and give their number. Raises OSError for the path.

        `counted_usd` is what the row adds to the sums: nothing for practice.
        """
        rows = self.entries() if self.path.exists() else []
        with open(path, "w", encoding="utf-8-sig", newline="") as file:          # the mark tells Excel that it is UTF-8
            table = csv.writer(file)
            table.writerow(("time", *CSV_COLUMNS))
            for entry in rows:
                facts = entry._asdict() | (entry.usage or Usage(None, None, None))._asdict()      # type: ignore[arg-type]
                facts["counted_usd"] = 0.0 if entry.service is ServiceKind.PRACTICE else entry.counted_usd
                when = datetime.fromtimestamp(entry.at).astimezone().isoformat(timespec="seconds")
                table.writerow((when, *(_cell(facts[name]) for name in CSV_COLUMNS)))
        return len(rows)

    def _select(self, where: str, *values: object) -> list[Entry]:
        with self._reading() as db:
            return [_entry(row) for row in db.execute(f"{SELECT} {where}", values)]

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with _connected(self.path, "ro", READ_BUSY_S) as db:
            if db.execute("PRAGMA user_version").fetchone()[0] != len(MIGRATIONS):
                raise WalletError("it was written by another version")
            yield db

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A connection in a transaction that nobody else writes beside."""
        with _connected(self.path, "rw", BUSY_S) as db:
            # FULL: what is reserved is on the disk before the request leaves.
            # PERSIST: the journal's file stays, emptied, and need not be made and removed for each row.
            db.execute("PRAGMA journal_mode=PERSIST")
            db.execute("PRAGMA synchronous=FULL")
            _migrate(db)
            db.execute("BEGIN IMMEDIATE")
            with db:                            # commits, or undoes what was raised in it
                yield db


@contextmanager
def _connected(path: Path, mode: str, busy_s: float) -> Iterator[sqlite3.Connection]:
    try:
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=busy_s, isolation_level=None)
        try:
            yield db
        finally:
            db.close()
    except (OSError, ValueError, sqlite3.Error) as error:       # ValueError: a row that holds what no version writes
        raise WalletError(str(error)) from error


def _migrate(db: sqlite3.Connection) -> None:
    """Bring a file of an earlier version, or an empty one, to this one, in steps that happen as a whole."""
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        raise WalletError("it was written by a newer version of the extension")
    while version < len(MIGRATIONS):
        db.execute("BEGIN IMMEDIATE")
        with db:
            version = db.execute("PRAGMA user_version").fetchone()[0]           # another may have been faster
            if version < len(MIGRATIONS):
                for statement in MIGRATIONS[version].split(";"):
                    db.execute(statement)
                version += 1
                db.execute(f"PRAGMA user_version = {version}")


def _spending(db: sqlite3.Connection, blend: str, session: str, now: float, but: str = "") -> Spending:
    day, month = period_starts(now)
    # A file that was never saved is only known by its session.
    own, value = ("blend = ?", blend) if blend else ("blend = '' AND session = ?", session)

    def total(where: str, *values: object) -> float:
        found = db.execute(f"SELECT {COUNTED} FROM entries WHERE {where} AND service <> 'practice' AND job_id <> ?", (*values, but))
        return found.fetchone()[0] or 0.0

    return Spending(total("at >= ?", day), total("at >= ?", month), total(own, value), total("session = ?", session))
