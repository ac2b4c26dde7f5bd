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
        for _ in range(10):
            chaos.run()
    finally:
        chaos.close()
    assert chaos.counts["worker killed"] and chaos.counts["host killed"] and chaos.counts["done"]
