# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was spent as a picture: a bar a day, its parts the models."""

from __future__ import annotations

import io
import math
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta

from PIL import Image, ImageDraw, ImageFont

from ..core.request import ServiceKind
from ..library.wallet import Entry

__all__ = ("axis_step", "draw_chart", "spent_by_day")

SIZE_PX = (1600, 900)
MARGINS_PX = (110, 190, 50, 90)         # left, top, right, bottom
BACKGROUND, GRID, TEXT, FAINT = "#1f1f1f", "#3a3a3a", "#e6e6e6", "#9a9a9a"
# Okabe and Ito's colors, which people with color blindness tell apart (https://jfly.uni-koeln.de/color/).
COLORS = ("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442", "#0072b2", "#d55e00")
LINES = 4                               # of the grid, at least


def spent_by_day(entries: Sequence[Entry], last: date, days: int) -> dict[str, list[float]]:
    """US dollars by model and day, the dearest model first; the days end with `last`. What cost nothing is not there."""
    first = last - timedelta(days=days - 1)
    found: dict[str, list[float]] = defaultdict(lambda: [0.0] * days)
    for entry in entries:
        day = (date.fromtimestamp(entry.at) - first).days
        if 0 <= day < days and entry.counted_usd:
            found[entry.model][day] += entry.counted_usd
    return dict(sorted(found.items(), key=lambda item: -sum(item[1])))


def axis_step(most: float) -> float:
    """The distance of the grid's lines: 1, 2 or 5 of a power of ten, with four to ten lines up to `most`."""
    power = 10.0 ** math.floor(math.log10(most / LINES))
    return max(power * factor for factor in (1, 2, 5) if power * factor <= most / LINES * (1 + 1e-9))


def draw_chart(entries: Sequence[Entry], last: date, days: int) -> bytes:
    """A PNG file of the chart. Practice is shown only where nothing else was spent, and says so."""
    paid = spent_by_day([entry for entry in entries if entry.service is not ServiceKind.PRACTICE], last, days)
    spent = paid or spent_by_day([entry for entry in entries if entry.service is ServiceKind.PRACTICE], last, days)
    image = Image.new("RGB", SIZE_PX, BACKGROUND)
    draw = ImageDraw.Draw(image)
    first = last - timedelta(days=days - 1)
    total = sum(map(sum, spent.values()))
    what = "Spent" if paid or not spent else "Practice would have cost"
    draw.text((MARGINS_PX[0], 40), f"{what} {_dollars(total)}", TEXT, _font(44), "lt")
    began = f"{_day(first)} {first.year}" if first.year != last.year else _day(first)
    draw.text((SIZE_PX[0] - MARGINS_PX[2], 58), f"{began} to {_day(last)} {last.year}", FAINT, _font(26), "rt")
    _draw_legend(draw, spent)
    _draw_bars(draw, spent, first, days)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def _draw_legend(draw: ImageDraw.ImageDraw, spent: dict[str, list[float]]) -> None:
    x, y = MARGINS_PX[0], 112
    for number, (model, usd) in enumerate(spent.items()):
        text = f"{model}  {_dollars(sum(usd))}"
        width = draw.textlength(text, _font(24)) + 70
        if x > MARGINS_PX[0] and x + width > SIZE_PX[0] - MARGINS_PX[2]:
            x, y = MARGINS_PX[0], y + 34
        draw.rectangle((x, y, x + 22, y + 22), COLORS[number % len(COLORS)])
        draw.text((x + 34, y + 11), text, TEXT, _font(24), "lm")
        x += width


def _draw_bars(draw: ImageDraw.ImageDraw, spent: dict[str, list[float]], first: date, days: int) -> None:
    left, top, right, bottom = MARGINS_PX[0], MARGINS_PX[1], SIZE_PX[0] - MARGINS_PX[2], SIZE_PX[1] - MARGINS_PX[3]
    most = max(map(sum, zip(*spent.values(), strict=True)), default=0.0) or 1.0
    step = axis_step(most)
    scale = (bottom - top) / (math.ceil(most / step - 1e-9) * step)
    digits = max(2, math.ceil(-math.log10(step)))
    for line in range(math.ceil(most / step - 1e-9) + 1):
        y = round(bottom - line * step * scale)
        draw.line((left, y, right, y), GRID, 2)
        draw.text((left - 16, y), f"${line * step:.{digits}f}", FAINT, _font(22), "rm")
    every = math.ceil(days / 10)
    for day in range(days):
        x0, x1 = (round(left + (right - left) * (day + side) / days) for side in (0.15, 0.85))
        base = 0.0
        for number, usd in enumerate(spent.values()):
            if usd[day]:
                y0, y1 = round(bottom - (base + usd[day]) * scale), round(bottom - base * scale)
                draw.rectangle((x0, min(y0, y1 - 1), max(x0, x1 - 1), y1 - 1), COLORS[number % len(COLORS)])
                base += usd[day]
        if (days - 1 - day) % every == 0:
            draw.text(((x0 + x1) / 2, bottom + 18), _day(first + timedelta(days=day)), FAINT, _font(22), "mt")
    if not spent:
        draw.text(((left + right) / 2, (top + bottom) / 2), "Nothing was spent in these days", FAINT, _font(32), "mm")


def _dollars(usd: float) -> str:
    return f"${usd:.4f}" if 0 < usd < 0.1 else f"${usd:.2f}"


def _day(day: date) -> str:
    return f"{day.day} {('Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec')[day.month - 1]}"


def _font(size_px: int) -> ImageFont.FreeTypeFont:
    return ImageFont.load_default(size_px)      # the one that Pillow brings
