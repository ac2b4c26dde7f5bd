# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Searching a history of 100,000 pictures, against a scan of the same texts with LIKE, in turns.

The goal is 50 ms for each search, at the 95th percentile. The memory is the most that a process takes that has searched, beyond one
that has only opened the database (Linux).
"""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import common

ENTRIES, ROUNDS, GOAL_MS = 100_000, 20, 50.0
FIRST_S, STEP_S = 1_700_000_000, 600
WORDS = ("weathered red brick wall moss stone oak planks rusty metal plate copper gold marble tile floor roof thatch linen cotton leather bark "
         "grass gravel sand snow ice lava slate granite concrete plaster paint peeling old new clean dirty wet dry rough smooth night dusk dawn "
         "lighthouse castle village street harbor forest meadow mountain river cloud storm portrait hero robot dragon knight sword shield").split()


def _entry(number: int, rng: random.Random) -> object:
    from gptimage_addon.core.entries import Entry
    from gptimage_addon.core.request import ServiceKind

    created = datetime.fromtimestamp(FIRST_S + number * STEP_S, UTC).isoformat()
    words = " ".join(rng.choices(WORDS, k=rng.randint(6, 60)))
    words += f" nr{number}" if number % 1000 == 0 else ""
    job = f"20260101-{number:08d}"
    return Entry(f"{job}:0", rng.choice(("texture", "reference", "touch_up", "edit_texture")), words, rng.choice(("gpt-image-2.5-flare", "gpt-image-2")),
                 "1024x1024", "medium", ServiceKind.OPENAI, created, f"jobs/{job}/results/0.png", 1024, 1024, round(rng.uniform(0.005, 0.4), 4), 12.0,
                 f"jobs/{job}/thumbs/0.jpg", (f"Object {rng.randint(0, 400)}",), blend=f"/projects/p{rng.randint(0, 30)}/shot{rng.randint(0, 99)}.blend",
                 project=f"p{rng.randint(0, 30)}", star=rng.random() < 0.02)


def main() -> int:
    common.in_environment()
    from gptimage_addon.core.entries import Query
    from gptimage_addon.library.history import History

    if sys.argv[1:]:
        return _searched(Path(sys.argv[1]), History, Query)
    with tempfile.TemporaryDirectory(prefix="gptimage-bench-") as folder:
        history, rng = History(folder), random.Random(1)
        started = time.perf_counter()
        for first in range(0, ENTRIES, 5000):
            history.add(_entry(number, rng) for number in range(first, first + 5000))
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
        print(f"{ENTRIES} entries written in {time.perf_counter() - started:.0f} s, {size / 1e6:.0f} MB")
        met = _times(history, Query)
        history.close()
        opened, searched = (int(subprocess.run([sys.executable, __file__, folder, how], capture_output=True, text=True, check=True).stdout)
                            for how in ("open", "search"))
        print(f"memory: {searched - opened} KB for searching, beyond {opened} KB of a process that opened it")
    return 0 if met else 1


def _queries(Query: type) -> dict[str, object]:
    return {
        "nothing (the newest)": Query(), "the last page": Query(page=ENTRIES // 12), "a common word": Query("brick"), "a beginning": Query("ro"),
        "one letter": Query("s"), "three words": Query("old castle moss"), "a rare word": Query("nr42000"), "no such word": Query("zebra"),
        "deep in a common word": Query("brick", page=2000), "kind and model": Query(kind="texture", model="gpt-image-2"),
        "starred": Query(starred=True), "an object": Query("brick", object_name="Object 7"),
        "a month": Query("castle", since_s=FIRST_S + 2e7, until_s=FIRST_S + 2.26e7),
        "dear": Query(usd_from=0.39), "word and price": Query("dragon", usd_from=0.2, usd_to=0.21), "word, no such price": Query("brick", usd_from=5.0),
    }


def _times(history: object, Query: type) -> bool:
    print(f"{'':24}{'p50':>9}{'p95':>9}   {'LIKE':>9}   ratio")
    met = True
    for name, query in _queries(Query).items():
        ours, scan = common.in_turns(ROUNDS, lambda: common.timed(lambda: history.search(query)), lambda: common.timed(_scan(history, query)))
        middle, worst = statistics.median(ours) * 1000, sorted(ours)[int(len(ours) * 0.95) - 1] * 1000
        other = statistics.median(scan) * 1000
        met = met and worst <= GOAL_MS
        print(f"{name:24}{middle:>6.2f} ms{worst:>6.2f} ms   {other:>6.1f} ms   {middle / other:.3f}")
    print(f"goal: p95 <= {GOAL_MS:.0f} ms each: {common.verdict(met)}")
    return met


def _scan(history: object, query: object) -> Callable[[], object]:
    """The plain way: every row is looked at until a page is full, newest first, and all of them for the count."""
    words = query.words.split()
    clause = " AND ".join(["text LIKE ?"] * len(words) + ["id BETWEEN ? AND ?"])
    values = [*(f"%{word}%" for word in words), int(query.since_s * 1e6), int(query.until_s * 1e6) or 2**62]
    rows = history._database
    return lambda: (rows.execute(f"SELECT entry FROM texts WHERE {clause} ORDER BY id DESC LIMIT 12 OFFSET {query.page * 12}", values).fetchall(),
                    rows.execute(f"SELECT count(*) FROM texts WHERE {clause}", values).fetchall())


def _searched(folder: Path, History: type, Query: type) -> int:
    history = History(folder)
    if sys.argv[2] == "search":
        for query in _queries(Query).values():
            history.search(query)
    print(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
    history.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
