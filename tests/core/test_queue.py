# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups of jobs take turns."""

from __future__ import annotations

import random

import pytest

from gptimage_addon.core.queue import take_turns


def line_of(*groups: str) -> list[tuple[str, str]]:
    """Jobs named by their group and place in it."""
    return [(f"{group}{groups[:index].count(group) + 1}", group) for index, group in enumerate(groups)]


@pytest.mark.parametrize(("waiting", "new", "line"), [
    ("", "x y", "x y"),
    ("a", "x", "a1 x"),
    ("aaa", "x", "a1 x a2 a3"),
    ("aaa", "x y z w", "a1 x a2 y a3 z w"),
    ("abab", "x y", "a1 b1 x a2 b2 y"),
    ("abc", "x y", "a1 b1 c1 x y"),             # each was asked for alone: who came first goes first
    ("baaa", "x", "b1 a1 x a2 a3"),
])
def test_new_jobs_take_their_turn(waiting: str, new: str, line: str) -> None:
    assert take_turns(line_of(*waiting), new.split()) == line.split()


@pytest.mark.parametrize("seed", range(50))
def test_nobody_is_lost_or_overtaken_by_more_than_one_of_each_later_group(seed: int) -> None:
    chance = random.Random(seed)
    waiting: list[tuple[str, str]] = []
    for number in range(chance.randint(1, 6)):
        size = chance.randint(1, 12)
        new = [f"{number}.{index}" for index in range(size)]
        group_of = dict(waiting) | {job: str(number) for job in new}
        line = take_turns(waiting, new)
        assert sorted(line) == sorted(group_of)
        assert [job for job in line if job in dict(waiting)] == [job for job, _ in waiting] and [job for job in line if job in new] == new
        for group in {group for _, group in waiting}:   # before the k-th of a group stand less than k of the new one
            for place, job in enumerate([job for job, each in waiting if each == group], 1):
                assert sum(other in new for other in line[:line.index(job)]) < place
        waiting = [(job, group_of[job]) for job in line]
        for _ in range(chance.randint(0, 3)):           # some are sent
            waiting = waiting[1:]
