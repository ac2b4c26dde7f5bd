# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wallet: sums that hold for all Blenders on a data folder, in a file that may be old, new, locked or damaged."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest

import gptimage_addon.library.wallet as wallet_module
from gptimage_addon.core.errors import QuotaError, Repair
from gptimage_addon.core.pricing import Limits, Spending, Usage
from gptimage_addon.core.request import Job, Landing, Place, Request, Service, ServiceKind, Target
from gptimage_addon.library.wallet import MIGRATIONS, Entry, EntryState, Wallet, WalletError, changing, entry_for, period_starts, reserving

CHECKOUT = Path(__file__).resolve().parent.parent.parent
NOON = datetime(2026, 11, 25, 12).timestamp()
DAY_S = 86_400.0
NONE = Limits()


def entry(job_id: str, usd: float | None = .25, at: float = NOON, **facts: object) -> Entry:
    return Entry(**{"job_id": job_id, "at": at, "kind": "texture", "service": ServiceKind.OPENAI, "model": "m", "size": "1024x1024",
                    "quality": "low", "estimate_usd": usd, **facts})


@pytest.fixture
def wallet(tmp_path: Path) -> Wallet:
    made = Wallet(tmp_path)
    assert made.rebuild([]) is None
    return made


def today(wallet: Wallet, **facts: str) -> float:
    return wallet.spending(now=NOON, **facts).day_usd


# --- what counts ------------------------------------------------------------------------------------------

def test_opening_touches_nothing(tmp_path: Path) -> None:
    assert Wallet(tmp_path / "data").spending() == Spending()
    assert not (tmp_path / "data").exists()


def test_a_row_comes_back_as_it_was(wallet: Wallet) -> None:
    whole = entry("a", state=EntryState.PAID, actual_usd=.2, usage=Usage(1, 2, 3), n=4, blend="/größe.blend", target="Cube", session="s")
    unknown = entry("b", None, at=NOON + 1, service=ServiceKind.COMPATIBLE)
    for each in (whole, unknown):
        wallet.write(each)
    assert wallet.entries() == [whole, unknown] and wallet.entries(NOON + 1) == [unknown]
    assert wallet.entry("a") == whole and wallet.entry("c") is None
    assert wallet.open_entries() == [unknown]


def test_what_counts(wallet: Wallet) -> None:
    wallet.write(entry("in flight"))
    assert today(wallet) == .25
    for name, state, actual, sum_usd in (("paid", EntryState.PAID, .125, .375), ("paid, not told", EntryState.PAID, None, .625),
                                         ("uncertain", EntryState.ASSUMED, None, .875), ("refused", EntryState.FREE, None, .875)):
        wallet.write(entry(name, state=state, actual_usd=actual))
        assert today(wallet) == sum_usd, name
    wallet.write(entry("practice", service=ServiceKind.PRACTICE))
    wallet.write(entry("own server", None, service=ServiceKind.COMPATIBLE))
    assert today(wallet) == .875 == sum(each.counted_usd for each in wallet.entries() if each.service == "openai")
    wallet.change("in flight", lambda _: None)
    assert today(wallet) == .625


def test_days_and_months_are_those_of_the_local_clock(wallet: Wallet) -> None:
    midnight, first = datetime(2026, 11, 25).timestamp(), datetime(2026, 11, 1).timestamp()
    assert period_starts(NOON) == (midnight, first) == period_starts(midnight + 1)
    for i, at in enumerate((first - 1, first, midnight - 1, midnight, NOON)):
        wallet.write(entry(str(i), 2.0 ** i, at=at))
    found = wallet.spending(now=NOON)
    assert (found.day_usd, found.month_usd) == (8 + 16, 2 + 4 + 8 + 16)


def test_files_and_sessions(wallet: Wallet) -> None:
    wallet.write(entry("a", 1, at=NOON - 90 * DAY_S, blend="/a.blend", session="s"))
    wallet.write(entry("b", 2, blend="/b.blend", session="s"))
    wallet.write(entry("c", 4, session="s"))
    wallet.write(entry("d", 8, session="t"))
    assert wallet.spending("/a.blend", "s", NOON)[2:] == (1, 7)
    assert wallet.spending("/a.blend", "t", NOON)[2:] == (1, 8)
    assert wallet.spending("", "s", NOON)[2:] == (4, 7)          # files that were never saved are not one


def test_a_row_tells_what_its_job_was_for() -> None:
    landing = Landing(Place.REPLACE_SLOT, (Target("OBJECT", "Wall"), Target("OBJECT", "Roof")), session="s", blend="/a.blend")
    request = Request("bricks", "gpt-image-2.5-flare", quality="high", n=2)
    job = Job("j", "texture", "bricks", request, Service(ServiceKind.OPENAI), landing, estimate_usd=.5)
    found = entry_for(job, NOON)
    assert found.target == "Wall, Roof" and (found.blend, found.session, found.n) == ("/a.blend", "s", 2)
    assert (found.estimate_usd, found.state, found.counted_usd) == (.5, EntryState.OPEN, .5)
    # Two pictures of 1756 tokens for $30 a million, by OpenAI's calculator, and some words.
    assert entry_for(job._replace(estimate_usd=None), NOON).estimate_usd == pytest.approx(2 * 1756 * 30e-6, abs=1e-3)
    own = job._replace(estimate_usd=None, service=Service(ServiceKind.COMPATIBLE, "http://localhost/v1"))
    assert entry_for(own, NOON).estimate_usd is None


# --- limits -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("limits", "whose"), [
    (Limits(day_usd=1), "day"), (Limits(month_usd=1), "month"), (Limits(blend_usd=1), "file"), (Limits(session_usd=1), "run"),
])
def test_a_limit_is_kept_to_the_cent(wallet: Wallet, limits: Limits, whose: str) -> None:
    facts = {"blend": "/a.blend", "session": "s"}
    for i in range(10):
        wallet.reserve(entry(str(i), .1, **facts), limits)
    with pytest.raises(QuotaError, match=f"cost \\$0.0100, and of the {whose}'s budget of \\$1.00 \\$0.00 is left") as told:
        wallet.reserve(entry("more", .01, **facts), limits)
    assert told.value.repair is Repair.RAISE_BUDGET and wallet.entry("more") is None
    wallet.reserve(entry("9", .1, **facts), limits)               # the same job again: it counts once
    wallet.reserve(entry("free", 0.0, **facts), limits)
    wallet.reserve(entry("practice", 9.0, service=ServiceKind.PRACTICE, **facts), limits)
    wallet.write(entry("0", .1, state=EntryState.FREE, **facts))
    wallet.reserve(entry("more", .01, **facts), limits)
    if whose != "day":
        return
    wallet.reserve(entry("tomorrow", 1.0, at=NOON + DAY_S, **facts), limits)


def test_what_is_dearer_than_the_whole_budget(wallet: Wallet) -> None:
    wallet.write(entry("before the limit was set", 5))
    with pytest.raises(QuotaError, match=r"cost \$0.25, and of the day's budget of \$2.00 \$0.00 is left"):
        wallet.reserve(entry("a"), Limits(day_usd=2))


RESERVER = """
import sys
import gptimage_addon.library.wallet as wallet_module
from gptimage_addon.core.errors import QuotaError
from gptimage_addon.core.pricing import Limits
from gptimage_addon.core.request import ServiceKind
from gptimage_addon.library.wallet import Entry, Wallet
wallet, got = Wallet(sys.argv[1]), 0
print("ready", flush=True)
sys.stdin.readline()
for i in range(40):
    try:
        wallet.reserve(Entry(f"{sys.argv[2]}-{i}", float(sys.argv[3]), "texture", ServiceKind.OPENAI, "m", "1x1", "low", estimate_usd=.1),
                       Limits(day_usd=5))
        got += 1
    except QuotaError:
        pass
print(got)
"""


def test_processes_that_reserve_at_once_cannot_exceed_a_budget(wallet: Wallet) -> None:
    others = [subprocess.Popen([sys.executable, "-c", RESERVER, str(wallet.path.parent), str(i), str(NOON)], cwd=CHECKOUT,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for i in range(3)]
    for other in others:
        assert other.stdout.readline() == "ready\n"
    for other in others:                                          # now, all together
        other.stdin.write("\n")
        other.stdin.flush()
    got = [int(other.communicate()[0]) for other in others]
    assert sum(got) == 50 == len(wallet.entries())                # 120 asked, $5.00 hold 50
    assert today(wallet) == pytest.approx(5.0)


def changes(wallet: Wallet) -> int:
    """How many transactions have changed the file. Source: SQLite's file format, 1.3, the counter at offset 24."""
    return int.from_bytes(wallet.path.read_bytes()[24:28], "big")


def test_steps_are_done_in_one_transaction_and_refused_one_by_one(wallet: Wallet) -> None:
    before = changes(wallet)
    told = wallet.do_all([reserving(entry(str(i), .1), Limits(day_usd=1)) for i in range(24)])
    assert told[:10] == [None] * 10 and all(isinstance(each, QuotaError) for each in told[10:]) and len(told) == 24
    assert len(wallet.entries()) == 10 and today(wallet) == pytest.approx(1.0) and changes(wallet) == before + 1
    wallet.do_all([changing(str(i), lambda row: row._replace(state=EntryState.FREE) if row.job_id < "5" else None) for i in range(10)])
    assert [each.job_id for each in wallet.entries()] == list("01234") and changes(wallet) == before + 2


# --- the file ---------------------------------------------------------------------------------------------

def test_a_reservation_survives_the_death_of_its_process(wallet: Wallet) -> None:
    code = RESERVER.replace("    except QuotaError:", "        import os; os.kill(os.getpid(), 9)\n    except QuotaError:")
    other = subprocess.run([sys.executable, "-c", code, str(wallet.path.parent), "x", str(NOON)], cwd=CHECKOUT, input="\n", text=True,
                           capture_output=True, check=False)
    assert other.returncode == -9
    assert [each.job_id for each in wallet.open_entries()] == ["x-0"] and wallet.is_sound()


@pytest.mark.parametrize("content", [
    None, b"", b"no database at all" * 100, b"SQLite format 3\0" + os.urandom(8000),
], ids=["missing", "empty", "text", "noise"])
def test_a_damaged_file_is_told_and_made_anew(tmp_path: Path, content: bytes | None) -> None:
    wallet = Wallet(tmp_path)
    if content is not None:
        wallet.path.write_bytes(content)
    assert not wallet.is_sound()
    damaged = wallet.rebuild([entry("a"), entry("b")])
    assert wallet.is_sound() and [each.job_id for each in wallet.entries()] == ["a", "b"]
    if content is None:
        assert damaged is None
    else:
        assert damaged.read_bytes() == content


def test_a_page_gone_bad_and_a_log_that_was_left(wallet: Wallet) -> None:
    for i in range(300):
        wallet.write(entry(f"{i:04d}"))
    data = bytearray(wallet.path.read_bytes())
    data[4096:] = os.urandom(len(data) - 4096)
    for ending in ("-journal", "-wal"):
        Path(f"{wallet.path}{ending}").write_bytes(os.urandom(5000))
    wallet.path.write_bytes(data)
    assert not wallet.is_sound()
    wallet.rebuild([entry("new")])
    assert [each.job_id for each in wallet.entries()] == ["new"] and wallet.is_sound()
    assert sorted(path.name for path in wallet.path.parent.iterdir() if "damaged" not in path.name) == ["wallet.sqlite"]


def test_a_locked_file_is_not_damaged(wallet: Wallet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gptimage_addon.library.wallet.BUSY_S", 0.05)
    other = sqlite3.connect(wallet.path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(WalletError, match="locked"):
        wallet.is_sound()
    with pytest.raises(WalletError, match="locked"):
        wallet.reserve(entry("a"), NONE)
    other.execute("ROLLBACK")
    other.close()
    wallet.reserve(entry("a"), NONE)


def test_a_file_of_the_first_version_is_brought_up(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "wallet.sqlite")
    db.executescript(FIRST_VERSION)
    db.close()
    wallet = Wallet(tmp_path)
    assert wallet.is_sound()
    assert [(each.job_id, each.counted_usd, each.usage, each.target) for each in wallet.entries()] == [
        ("old", .2, Usage(1, 2, 3), "Cube"), ("open", .25, None, "")]
    wallet.reserve(entry("new"), NONE)
    with sqlite3.connect(wallet.path) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    db.close()


# What the first version wrote, kept as it was.
FIRST_VERSION = """
CREATE TABLE entries (
    job_id TEXT PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL, service TEXT NOT NULL, model TEXT NOT NULL,
    size TEXT NOT NULL, quality TEXT NOT NULL, n INTEGER NOT NULL, state TEXT NOT NULL, estimate_usd REAL,
    actual_usd REAL, text_in INTEGER, image_in INTEGER, image_out INTEGER, blend TEXT NOT NULL, target TEXT NOT NULL,
    session TEXT NOT NULL);
CREATE INDEX entries_at ON entries (at);
CREATE INDEX entries_blend ON entries (blend);
CREATE INDEX entries_session ON entries (session);
CREATE INDEX entries_open ON entries (state) WHERE state = 'open';
INSERT INTO entries VALUES ('old', 1.5, 'texture', 'openai', 'm', '1024x1024', 'low', 1, 'paid', 0.25, 0.2, 1, 2, 3, '/a.blend', 'Cube', 's');
INSERT INTO entries VALUES ('open', 2.5, 'texture', 'openai', 'm', '1024x1024', 'low', 1, 'open', 0.25, NULL, NULL, NULL, NULL, '', '', 's');
PRAGMA user_version = 1;
"""


def test_a_file_of_a_newer_version_is_left_alone(wallet: Wallet) -> None:
    wallet.write(entry("a"))
    with sqlite3.connect(wallet.path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    for act in (wallet.is_sound, wallet.entries, wallet.spending, lambda: wallet.reserve(entry("b"), NONE)):
        with pytest.raises(WalletError, match="version"):
            act()


def test_many_rows_take_no_time(wallet: Wallet) -> None:
    """The sums of a hundred thousand rows read indexes, not the table."""
    asked: list[str] = []
    with sqlite3.connect(wallet.path) as db:
        db.set_trace_callback(asked.append)
        for blend in ("/a.blend", ""):
            wallet_module._spending(db, blend, "s", NOON)
        db.set_trace_callback(None)
        sums = [statement for statement in asked if "SUM" in statement]
        assert len(sums) == 8
        for statement in sums:
            assert "USING COVERING INDEX" in db.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()[0][3]
    db.close()


def test_the_clock_of_a_row_is_its_sending(wallet: Wallet) -> None:
    """What was sent yesterday and is answered today is yesterday's."""
    wallet.reserve(entry("a", at=time.time() - DAY_S * 2), NONE)
    wallet.write(wallet.entry("a")._replace(state=EntryState.PAID, actual_usd=1.0))
    assert wallet.spending().day_usd == 0
