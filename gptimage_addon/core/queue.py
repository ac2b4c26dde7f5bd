# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order in which jobs are sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

__all__ = ("take_turns",)


def take_turns(waiting: Sequence[tuple[str, str]], new: Sequence[str]) -> list[str]:
    """The line of jobs when `new` ones, which go together, join those that wait: (job, group) each, in the order of the line.

    Groups take turns: the first new one goes before all that stand second in their groups or later, the second before all third ones,
    and so on. So one picture does not wait for sixty that were asked for before it, and what waits keeps its order.
    """
    places: Counter[str] = Counter()
    line: list[tuple[int, str]] = []
    for job, group in waiting:
        places[group] += 1
        line.append((places[group], job))
    for number, job in enumerate(new, 1):
        at = next((index for index, (place, _) in enumerate(line) if place > number), len(line))
        line.insert(at, (number, job))
    return [job for _, job in line]
