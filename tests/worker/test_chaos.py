# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Twenty rounds of chaos; scripts/bench/chaos.py plays hundreds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.chaos import Chaos


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_lost_and_nothing_paid_twice(seed: int, tmp_path: Path) -> None:
    chaos = Chaos(seed, tmp_path)
    try:
        for _ in range(9):
            chaos.run()
        chaos.run_in_blender()
    finally:
        chaos.close()
    assert all(chaos.counts[what] for what in ("worker killed", "host killed", "Blender killed", "done"))
