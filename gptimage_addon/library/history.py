# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every finished picture, found again in a moment among a hundred thousand: a database beside the journal.

    DATA/history.sqlite           made by the workers from the jobs' folders, and made again when it is gone or damaged
    DATA/jobs/ID/notes.json       star and tags of the job's pictures, by the worker
    DATA/jobs/ID/thumbs/          small pictures for the gallery, by the worker

The folders are the truth: nothing is only in the database. An entry's row has the time as its number, so the newest come
first without sorting, and a range of dates is a range of rows. Words are found by SQLite's FTS5; all Blender builds we
know have it, and without it they are found by a scan of the texts (slower, by letters anywhere in a word).

Not for two threads at once. Its methods raise sqlite3.Error; `is_damaged` tells when `History.renewed` is the cure.
"""

from __future__ import annotations

import json
import re
import sqlite3
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from ..core.entries import COUNT_LIMIT, Entry, Notes, Page, Query, entries_of, split_entry_id
from ..core.errors import InputError, WorkerError
from ..core.request import Job, JobRecord, JobState
from ..core.values import from_json, to_json
from .journal import Journal, write_atomic

__all__ = ("History", "is_damaged", "read_notes", "recent_prompts", "thumbnails_of", "write_notes")

BUSY_S = 10.0
CACHE_KB = 8000                     # what SQLite may keep in memory
SYNC_JOBS = 200                     # looked at in one step of `sync`
_PER_S = 1_000_000                  # rows for the pictures of one second

# From an empty file, step by step; the file's user_version counts those that were done.
MIGRATIONS = ("""
    CREATE TABLE entries (id INTEGER PRIMARY KEY, job_id TEXT NOT NULL, picture INTEGER NOT NULL, usd REAL, UNIQUE (job_id, picture));
    CREATE INDEX entries_by_usd ON entries (usd);
    CREATE TABLE texts (id INTEGER PRIMARY KEY, text TEXT NOT NULL, facets TEXT NOT NULL, entry TEXT NOT NULL);
    CREATE TABLE links (parent TEXT NOT NULL, child TEXT NOT NULL, PRIMARY KEY (parent, child)) WITHOUT ROWID;
    CREATE INDEX links_by_child ON links (child);
    CREATE TABLE settled (job_id TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE stale (words INTEGER NOT NULL);
""",)
_WORDS = """CREATE VIRTUAL TABLE words USING fts5(text, facets, content='texts', content_rowid='id', prefix='1 2 3',
                                                 tokenize="unicode61 remove_diacritics 2")"""
# Chinese and Japanese are written without spaces: each of their signs counts as a word.
_SIGNS = re.compile("([\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])")


def is_damaged(error: sqlite3.Error) -> bool:
    """Whether the file is no sound database, so that it is to be made again."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _has_fts5(database: sqlite3.Connection) -> bool:
    try:
        database.execute("CREATE VIRTUAL TABLE temp.probe USING fts5(x)")
        database.execute("DROP TABLE temp.probe")
    except sqlite3.OperationalError:            # no such module
        return False
    return True


class History:
    """The database of one data folder. Opening it makes it where there is none; `sync` fills it.

    Raises WorkerError for one that a later version has written.
    """

    def __init__(self, data_dir: str | Path) -> None:
        self.path = Path(data_dir) / "history.sqlite"
        self._database = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        with ExitStack() as on_failure:
            on_failure.callback(self._database.close)
            self._open()
            on_failure.pop_all()

    def _open(self) -> None:
        run = self._database.execute
        run(f"PRAGMA cache_size = -{CACHE_KB}")
        try:
            run("PRAGMA journal_mode = WAL")    # readers and one writer side by side; where the disk cannot, it stays as it is
        except sqlite3.OperationalError:        # another Blender is opening it in this moment
            pass
        run("PRAGMA synchronous = NORMAL")
        self.has_words = _has_fts5(self._database)
        with self._change():
            version, = run("PRAGMA user_version").fetchone()
            if version > len(MIGRATIONS):
                raise WorkerError("The history was written by a later version of the extension",
                                  hint="Update the extension. Jobs go on, and their pictures are in the data folder")
            for number, step in enumerate(MIGRATIONS[version:], version + 1):
                for statement in step.split(";"):
                    run(statement)
                run(f"PRAGMA user_version = {number}")
            self._open_words()

    def _open_words(self) -> None:
        run = self._database.execute
        exists = run("SELECT 1 FROM sqlite_master WHERE name = 'words'").fetchone()
        if self.has_words and not exists:
            run(_WORDS)
        if self.has_words and (not exists or run("SELECT 1 FROM stale").fetchone()):
            run("INSERT INTO words (words) VALUES ('rebuild')")
            run("DELETE FROM stale")

    @classmethod
    def renewed(cls, data_dir: str | Path) -> History:
        """A fresh one in the place of one that is damaged; `sync` fills it. Raises OSError if the old one cannot be removed."""
        for ending in ("", "-wal", "-shm"):
            (Path(data_dir) / f"history.sqlite{ending}").unlink(missing_ok=True)
        return cls(data_dir)

    def close(self) -> None:
        self._database.close()

    @contextmanager
    def _change(self) -> Iterator[None]:
        """One transaction. It waits for those of other Blenders."""
        self._database.execute("BEGIN IMMEDIATE")
        with self._database:                    # commits, or rolls back
            yield

    # --- filling ------------------------------------------------------------------------------------------

    def add(self, entries: Iterable[Entry]) -> None:
        """Put entries in, in the place of older ones of the same pictures."""
        with self._change():
            for entry in entries:
                self._put(entry)

    def _put(self, entry: Entry) -> None:
        run = self._database.execute
        job_id, number = split_entry_id(entry.id)
        known = run("SELECT id FROM entries WHERE job_id = ? AND picture = ?", (job_id, number)).fetchone()
        if known:
            row, = known
            self._take(row)
        else:
            first = int(_seconds(entry.created)) * _PER_S
            row, = run("SELECT coalesce(max(id) + 1, ?) FROM entries WHERE id >= ? AND id < ?", (first, first, first + _PER_S)).fetchone()
        text, facets = _text(entry), " ".join(_facets(entry))
        run("INSERT OR REPLACE INTO entries (id, job_id, picture, usd) VALUES (?, ?, ?, ?)", (row, job_id, number, entry.usd))
        run("INSERT INTO texts (id, text, facets, entry) VALUES (?, ?, ?, ?)",
            (row, text, facets, json.dumps(to_json(entry), ensure_ascii=False)))
        if self.has_words:
            run("INSERT INTO words (rowid, text, facets) VALUES (?, ?, ?)", (row, text, facets))
        self._note_stale()
        for parent in entry.parents:
            run("INSERT OR IGNORE INTO links (parent, child) VALUES (?, ?)", (parent, entry.id))

    def _take(self, row: int) -> None:
        """Take the row's texts out of all tables; the row itself stays."""
        run = self._database.execute
        if self.has_words:                      # which needs to be told what was there
            run("INSERT INTO words (words, rowid, text, facets) SELECT 'delete', id, text, facets FROM texts WHERE id = ?", (row,))
        run("DELETE FROM texts WHERE id = ?", (row,))
        self._note_stale()

    def _note_stale(self) -> None:
        if not self.has_words:                  # another Blender that has FTS5 must know that its words are not all
            self._database.execute("INSERT INTO stale SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM stale)")

    def remove(self, ids: Iterable[str]) -> None:
        """Take entries out. The files are the caller's."""
        run = self._database.execute
        with self._change():
            for name in ids:
                job_id, number = split_entry_id(name)
                for row, in run("SELECT id FROM entries WHERE job_id = ? AND picture = ?", (job_id, number)).fetchall():
                    self._take(row)
                    run("DELETE FROM entries WHERE id = ?", (row,))
                run("DELETE FROM links WHERE child = ?", (name,))

    def settle(self, job: Job, record: JobRecord, journal: Journal) -> list[Entry]:
        """Note a job that has come to its end, with all its pictures. Gives their entries."""
        entries = entries_of(job, record, read_notes(journal, job.id), thumbnails_of(journal, job.id))
        with self._change():
            for entry in entries:
                self._put(entry)
            self._database.execute("INSERT OR IGNORE INTO settled (job_id) VALUES (?)", (job.id,))
        return entries

    def sync(self, journal: Journal) -> Iterator[list[tuple[Job, JobRecord]]]:
        """Note the journal's jobs that were done without the database's knowledge; all of them for a new one.

        Step by step, so that others get their turn: each step gives the jobs that it found done.
        """
        names = journal.job_ids()
        for start in range(0, len(names), SYNC_JOBS):
            batch = names[start:start + SYNC_JOBS]
            marks = ", ".join("?" * len(batch))
            known = {name for name, in self._database.execute(f"SELECT job_id FROM settled WHERE job_id IN ({marks})", batch)}
            done = []
            for name in batch:
                if name in known:
                    continue
                try:
                    record = journal.read_record(name)
                    job = journal.read_job(name) if record.state is JobState.DONE else None
                except (OSError, ValueError, InputError):
                    continue                    # unreadable or from another version: the journal leaves it too
                if job and job.id == name:
                    self.settle(job, record, journal)
                    done.append((job, record))
                elif record.state in (JobState.FAILED, JobState.CANCELLED):
                    self._database.execute("INSERT OR IGNORE INTO settled (job_id) VALUES (?)", (name,))
            yield done

    # --- asking -------------------------------------------------------------------------------------------

    def search(self, query: Query) -> Page:
        """The entries that fit, newest first."""
        source, where, values = self._plan(query)
        run, size = self._database.execute, max(1, query.page_size)
        start = max(0, query.page) * size

        def rows(limit: int, offset: int = 0) -> list[int]:
            found = run(f"SELECT {source}.rowid FROM {source} {where} ORDER BY {source}.rowid DESC LIMIT ? OFFSET ?", (*values, limit, offset))
            return [row for row, in found]

        counted = rows(COUNT_LIMIT + size)      # one walk for the page and the count, as far as both go
        shown = counted[start:start + size] if start < COUNT_LIMIT else rows(size, start)
        entries = run(f"SELECT entry FROM texts WHERE id IN ({', '.join(map(str, shown))}) ORDER BY id DESC")
        return Page(query, tuple(from_json(Entry, json.loads(text)) for text, in entries), min(len(counted), COUNT_LIMIT))

    def _plan(self, query: Query) -> tuple[str, str, list[object]]:
        """(table, WHERE clause, its values) of a query: the narrowest table that can answer it."""
        words = _words(query.words)
        facets = [*_facet("k", query.kind), *_facet("m", query.model), *_facet("o", query.object_name), *_facet("b", query.blend),
                  *_facet("s", "1" if query.starred else "")]
        source, clauses, values = "entries", [], []
        if (words or facets) and self.has_words:
            source = "words"
            clauses.append("words MATCH ?")
            values.append(" AND ".join([*(f'text : "{word}" *' for word in words), *(f'facets : "{facet}"' for facet in facets)]))
        elif words or facets:
            source = "texts"
            for word in words:
                clauses.append("text LIKE ? ESCAPE '\\'")
                values.append("%{}%".format(re.sub(r"([\\%_])", r"\\\1", word)))
            for facet in facets:
                clauses.append("' ' || facets || ' ' LIKE ?")
                values.append(f"% {facet} %")
        if query.related:
            rows = [str(row) for other in self.related(query.related) for row, in self._database.execute(
                "SELECT id FROM entries WHERE job_id = ? AND picture = ?", split_entry_id(other))]
            clauses.append(f"{source}.rowid IN ({', '.join(rows)})")
        if query.since_s or query.until_s:
            clauses.append(f"{source}.rowid BETWEEN ? AND ?")
            values += [int(query.since_s * _PER_S), int(query.until_s * _PER_S) if query.until_s else 2**62]
        if query.usd_from is not None or query.usd_to is not None:
            clauses.append("usd BETWEEN ? AND ?" if source == "entries" else
                           f"EXISTS (SELECT 1 FROM entries WHERE id = {source}.rowid AND usd BETWEEN ? AND ?)")
            values += [query.usd_from or 0.0, 1e9 if query.usd_to is None else query.usd_to]
        return source, f"WHERE {' AND '.join(clauses)}" if clauses else "", values

    def entries(self, ids: Sequence[str]) -> list[Entry]:
        """The entries of these names, as far as there are any."""
        found = []
        for name in ids:
            rows = self._database.execute("SELECT entry FROM texts JOIN entries USING (id) WHERE job_id = ? AND picture = ?",
                                          split_entry_id(name))
            found += [from_json(Entry, json.loads(text)) for text, in rows]
        return found

    def related(self, name: str) -> list[str]:
        """The names of an entry, of those it was made from, and of those that were made from it."""
        found = self._database.execute("SELECT parent FROM links WHERE child = ? UNION SELECT child FROM links WHERE parent = ?", (name, name))
        return [name, *(other for other, in found)]

    def all_entries(self, before_s: float = 0.0) -> Iterator[Entry]:
        """All entries, oldest first; with a time only those before it."""
        limit = int(before_s * _PER_S) if before_s else 2**62
        last = -1
        while rows := self._database.execute("SELECT id, entry FROM texts WHERE id > ? AND id < ? ORDER BY id LIMIT 500",
                                             (last, limit)).fetchall():
            for last, text in rows:
                yield from_json(Entry, json.loads(text))


def _seconds(created: str) -> float:
    """Seconds since the epoch of an ISO time; 0 for what is none."""
    try:
        time = datetime.fromisoformat(created)
        return max(0.0, (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return 0.0


def _normal(text: str) -> str:
    return " ".join(_SIGNS.sub(r" \1 ", unicodedata.normalize("NFKC", text).casefold()).split())


def _words(text: str) -> list[str]:
    """The words of a search, each of letters and digits alone where it is looked for: as FTS5 would cut them."""
    return [_normal(word) for word in re.sub(r"[\W_]+", " ", unicodedata.normalize("NFKC", text)).split()]


def _text(entry: Entry) -> str:
    file = entry.blend.replace("\\", "/").rpartition("/")[2].removesuffix(".blend")
    return _normal("\n".join((entry.prompt, *entry.objects, *entry.tags, entry.project, file, entry.model, entry.kind)))


def _facet(letter: str, value: str) -> list[str]:
    """A value as one word that no text holds, or none for an empty one."""
    return [letter + value.encode("utf-8", "surrogatepass").hex()] if value else []


def _facets(entry: Entry) -> list[str]:
    objects = [facet for name in entry.objects for facet in _facet("o", name)]
    return [*_facet("k", entry.kind), *_facet("m", entry.model), *objects, *_facet("b", entry.blend), *_facet("s", "1" if entry.star else "")]


# --- what lies beside the results in a job's folder -------------------------------------------------------

def recent_prompts(data_dir: str | Path, count: int) -> list[str]:
    """The prompts of the latest pictures, each once, newest first. Changes nothing; none where there is no history, or it is broken."""
    try:
        database = sqlite3.connect(f"{(Path(data_dir) / 'history.sqlite').absolute().as_uri()}?mode=ro", uri=True, timeout=0.2)
    except sqlite3.Error:
        return []
    try:
        rows = database.execute("SELECT json_extract(entry, '$.prompt') FROM texts ORDER BY id DESC LIMIT ?", (count * 10,))
        return list(dict.fromkeys(prompt for prompt, in rows if prompt))[:count]
    except sqlite3.Error:
        return []
    finally:
        database.close()


def read_notes(journal: Journal, job_id: str) -> dict[int, Notes]:
    """What the artist noted on the job's pictures, by their numbers."""
    try:
        facts = json.loads((journal.folder(job_id) / "notes.json").read_bytes())
        return {int(number): from_json(Notes, note) for number, note in facts.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, InputError):
        return {}                               # not ours, or of another version: the picture counts more


def write_notes(journal: Journal, job_id: str, notes: dict[int, Notes]) -> None:
    data = json.dumps({str(number): to_json(note) for number, note in notes.items()}).encode()
    write_atomic(journal.folder(job_id) / "notes.json", data, durable=False)


def thumbnails_of(journal: Journal, job_id: str) -> dict[int, str]:
    """The thumbnails that there are, relative to the data folder, by the numbers of their pictures."""
    found = {}
    for path in journal.folder(job_id).glob("thumbs/*"):
        if path.stem.isascii() and path.stem.isdigit() and path.suffix in (".jpg", ".png"):
            found[int(path.stem)] = path.relative_to(journal.data_dir).as_posix()
    return found
