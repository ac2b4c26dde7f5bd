# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hundreds of rounds of random jobs, faults and deaths: python3 scripts/bench/chaos.py [--rounds 300] [--seed 100]

A broken promise is told with its seed; tests/support/chaos.py says what is promised.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import common

ROUNDS_A_SEED = 10                      # on one data folder
BLENDER_EACH = 5


def main() -> int:
    common.in_environment()
    from tests.support.chaos import Chaos

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--seed", type=int, default=100, help="the first of the seeds")
    options = parser.parse_args()
    counts: Counter[str] = Counter()
    broken = []
    started = time.monotonic()
    for number in range(0, options.rounds, ROUNDS_A_SEED):
        seed = options.seed + number // ROUNDS_A_SEED
        with tempfile.TemporaryDirectory(prefix="gptimage-chaos-") as root:
            chaos = Chaos(seed, Path(root))
            try:
                for round_number in range(min(ROUNDS_A_SEED, options.rounds - number)):
                    # A real Blender takes seconds to start: now and then.
                    chaos.run_in_blender() if round_number % BLENDER_EACH == 0 else chaos.run()
                    counts["rounds"] += 1
            except AssertionError as error:
                broken.append(f"seed {seed}: {error}")
            finally:
                try:
                    chaos.close()
                except AssertionError as error:
                    broken.append(f"seed {seed}, at the end: {error}")
            counts += chaos.counts
    for line in broken:
        print(line)
    print(f"  {', '.join(f'{count} {name}' for name, count in counts.items())}, in {time.monotonic() - started:.0f} s")
    print(f"  promises broken: {len(broken)}, goal 0: {common.verdict(not broken)}")
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
