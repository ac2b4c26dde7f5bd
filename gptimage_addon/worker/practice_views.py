# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Views of one subject that the practice service draws: a plain toy of the words, the same from every side.

Sizes are in thousandths of the subject's height, x to the right of the picture, y up from where it stands.
"""

from __future__ import annotations

import re

import numpy as np
from PIL import Image, ImageDraw

from .practice_noise import RGB

__all__ = ("draw_views", "read_views")

BACKDROP = (226, 226, 228)
FINE = 3                        # drawn that much larger, then made smaller: soft edges
_SHEET = re.compile(r"^A turnaround sheet of (.+?): the same subject \d+ times side by side in equal columns, from left to right (.+?)\. ", re.DOTALL)
_VIEW = re.compile(r"^One orthographic view of (.+?): (.+?)\. ", re.DOTALL)
_SIDES = (("from above", "top"), ("from behind", "back"), ("facing left", "right"), ("facing right", "left"), ("front", "front"))


def read_views(prompt: str) -> tuple[str, tuple[str, ...]] | None:
    """(the subject's words, the views that are asked for), or None where the prompt asks for no view."""
    if found := (_SHEET.match(prompt) or _VIEW.match(prompt)):
        told = found[2].split(", then ")
        return found[1].lower(), tuple(next((view for words, view in _SIDES if words in text), "front") for text in told)
    return None


def draw_views(views: tuple[str, ...], width_px: int, height_px: int, color: RGB, rng: np.random.Generator) -> np.ndarray:
    """The subject from these sides, side by side: uint8 (h, w, 3) display sRGB. The same `rng` gives the same subject."""
    figure = _Figure(color, rng)
    sheet = Image.new("RGB", (width_px, height_px), BACKDROP)
    column = width_px // len(views)
    tall = round(min(height_px * 0.8, column * 0.9 / figure.widest * 1000))
    for index, view in enumerate(views):
        wide = round(tall * figure.widest / 1000)
        layer = figure.draw(view, tall, wide)
        x = round(width_px * (index + 0.5) / len(views) - wide / 2)
        y = (height_px - layer.height) // 2 if view == "top" else round(height_px * 0.9) - tall
        sheet.paste(layer, (x, y), layer)
    return np.asarray(sheet)


class _Figure:
    """A body, a head with eyes and a nose, arms and feet: enough to tell front, side, back and top apart."""

    def __init__(self, color: RGB, rng: np.random.Generator) -> None:
        self.body = tuple(int(255 * part) for part in color)
        self.dark = tuple(int(160 * part) for part in color)
        self.skin = tuple(int(part) for part in rng.uniform(150, 230, 3))
        self.wide = float(rng.uniform(330, 480))        # of the body, from the front
        self.deep = self.wide * float(rng.uniform(0.5, 0.75))
        self.neck = float(rng.uniform(600, 680))
        self.head = (1000 - self.neck) / 2
        self.arm = float(rng.uniform(60, 90))
        self.widest = self.wide + 2 * self.arm + 4

    def draw(self, view: str, tall: int, wide: int) -> Image.Image:
        """The figure on nothing, that many pixels high and wide; from above as deep as it is."""
        if view == "top":
            return self._top(tall, wide)
        layer = Image.new("RGBA", (wide * FINE, tall * FINE))
        draw = ImageDraw.Draw(layer)
        scale, middle = tall * FINE / 1000, wide * FINE / 2

        def box(x0: float, y0: float, x1: float, y1: float) -> tuple[float, float, float, float]:
            return middle + x0 * scale, (1000 - y1) * scale, middle + x1 * scale, (1000 - y0) * scale

        ahead = {"right": -1.0, "left": 1.0}.get(view, 0.0)         # where a view from the side looks to
        half = (self.deep if ahead else self.wide) / 2
        foot = half * 0.8
        if not ahead:
            for side in (-1, 1):
                x0, x1 = sorted((side * half, side * (half + self.arm)))
                draw.rounded_rectangle(box(x0, 240, x1, self.neck - 40), self.arm * scale / 2, self.dark)
        draw.rounded_rectangle(box(-half, 60, half, self.neck), half * scale / 2, self.body)
        if ahead:
            draw.rounded_rectangle(box(-self.arm / 2, 240, self.arm / 2, self.neck - 40), self.arm * scale / 2, self.dark)
            heel, toe = sorted((-foot * 0.4 * ahead, foot * 1.1 * ahead))
            draw.rectangle(box(heel, 0, toe, 70), self.dark)
        else:
            for side in (-1, 1):
                x0, x1 = sorted((side * foot * 0.2, side * foot))
                draw.rectangle(box(x0, 0, x1, 70), self.dark)
        middle_head = self.neck + self.head
        draw.ellipse(box(-self.head, self.neck, self.head, 1000), self.skin)
        if view == "front":
            for side in (-1, 1):
                x = side * self.head * 0.38
                draw.ellipse(box(x - 18, middle_head + 10, x + 18, middle_head + 46), (30, 30, 34))
            draw.ellipse(box(-22, middle_head - 40, 22, middle_head + 4), self.dark)
        elif ahead:
            x = ahead * self.head * 0.62
            draw.ellipse(box(x - 14, middle_head + 10, x + 14, middle_head + 46), (30, 30, 34))
            x = ahead * self.head * 0.93
            draw.ellipse(box(x - 26, middle_head - 40, x + 26, middle_head + 4), self.dark)
        return layer.resize((wide, tall), Image.Resampling.BOX)

    def _top(self, tall: int, wide: int) -> Image.Image:
        scale = tall * FINE / 1000
        deep = max(self.deep, 2 * self.head) + 60
        layer = Image.new("RGBA", (wide * FINE, round(deep * scale)))
        draw = ImageDraw.Draw(layer)
        x, y = layer.width / 2, layer.height / 2

        def box(half_x: float, half_y: float, down: float = 0.0) -> tuple[float, float, float, float]:
            return x - half_x * scale, y + (down - half_y) * scale, x + half_x * scale, y + (down + half_y) * scale

        draw.rounded_rectangle(box(self.wide / 2 + self.arm, self.arm / 2), self.arm * scale / 2, self.dark)
        draw.rounded_rectangle(box(self.wide / 2, self.deep / 2), self.deep * scale / 4, self.body)
        draw.ellipse(box(self.head, self.head), self.skin)
        draw.ellipse(box(22, 26, self.head * 0.93), self.dark)      # the nose: it looks down the picture
        return layer.resize((wide, max(1, layer.height // FINE)), Image.Resampling.BOX)
