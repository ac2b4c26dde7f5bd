# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The chart of what was spent: its numbers, and bars as high as they must be."""

from __future__ import annotations

import io
import math
from datetime import date, datetime

import numpy as np
import pytest
from PIL import Image, ImageColor

from gptimage_addon.core.request import ServiceKind
from gptimage_addon.library.wallet import Entry, EntryState
from gptimage_addon.worker.chart import COLORS, axis_step, draw_chart, spent_by_day

LAST = date(2026, 3, 2)


def entry(day: date, usd: float, model: str = "a", **facts: object) -> Entry:
    at = datetime(day.year, day.month, day.day, 23, 59).timestamp()
    return Entry(**{"job_id": "j", "at": at, "kind": "texture", "service": ServiceKind.OPENAI, "model": model, "size": "1024x1024",
                    "quality": "low", "state": EntryState.PAID, "actual_usd": usd, **facts})


def test_days_and_models() -> None:
    entries = [entry(LAST, 1.0), entry(LAST, 2.0), entry(date(2026, 2, 28), 4.0, "b"), entry(date(2026, 2, 27), 99.0),
               entry(date(2026, 3, 3), 99.0), entry(LAST, 9.0, "c", state=EntryState.FREE)]
    assert list(spent_by_day(entries, LAST, 3).items()) == [("b", [4.0, 0.0, 0.0]), ("a", [0.0, 0.0, 3.0])]
    assert spent_by_day([], LAST, 3) == {}


@pytest.mark.parametrize("most", [.003, .0999, .1, .4, 1, 3.99, 4, 7, 10, 12345])
def test_the_grid_has_round_steps_and_a_handful_of_lines(most: float) -> None:
    step = axis_step(most)
    lead = step / 10 ** math.floor(math.log10(step) + 1e-9)
    assert any(lead == pytest.approx(factor) for factor in (1, 2, 5))
    assert 4 <= round(most / step, 6) <= 10


def area(picture: np.ndarray, color: str) -> int:
    """Pixels of a color below the legend."""
    return int((picture[180:] == ImageColor.getrgb(color)).all(axis=-1).sum())


def chart(entries: list[Entry], days: int = 10) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(draw_chart(entries, LAST, days))).convert("RGB")).astype(int)


def test_bars_are_as_high_as_what_was_spent() -> None:
    picture = chart([entry(LAST, 3.0, "a"), entry(LAST, 1.0, "b"), entry(date(2026, 2, 25), 2.0, "a")])
    assert area(picture, COLORS[0]) / area(picture, COLORS[1]) == pytest.approx(5.0, rel=.02)
    assert area(picture, COLORS[2]) == 0
    bar = (picture[180:] == ImageColor.getrgb(COLORS[1])).all(axis=-1).any(axis=0).nonzero()[0]
    assert bar.max() - bar.min() + 1 == pytest.approx(.7 * 144, abs=2)           # 1440 px for ten days


def test_practice_is_drawn_only_without_real_spending() -> None:
    practice = entry(LAST, 5.0, "p", service=ServiceKind.PRACTICE)
    assert area(chart([practice]), COLORS[0]) > 10_000
    assert np.array_equal(chart([practice, entry(LAST, 1.0)]), chart([entry(LAST, 1.0)]))
    assert area(chart([]), COLORS[0]) == 0
