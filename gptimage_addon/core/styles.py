# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Style sheets: one look for many pictures. How it is told in words, and its form as JSON beside its pictures."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import NamedTuple

from .errors import InputError
from .values import from_json, to_json

__all__ = ("STYLE_FILE", "StylePicture", "StyleSheet", "hex_color", "rgb_of", "style_from_json", "style_to_json", "style_words")

VERSION = 1
STYLE_FILE = "style.json"


class StylePicture(NamedTuple):
    """A picture of the sheet: its file's bare name, in the folder of the sheet, and its role."""

    file: str
    role: str = ""
    name: str = ""


class StyleSheet(NamedTuple):
    """A look. `colors` are display colors such as "#1f2a33"; an empty model or quality leaves what is set."""

    name: str
    words: str = ""
    forbidden: str = ""
    colors: tuple[str, ...] = ()
    model: str = ""
    quality: str = ""
    pictures: tuple[StylePicture, ...] = ()


def style_words(words: str, forbidden: str, colors: Sequence[str]) -> str:
    """What a style sheet adds to a prompt; "" for none."""
    parts = []
    if words.strip():
        parts.append(f"Style: {words.strip().rstrip('.')}.")
    if colors:
        parts.append(f"Palette: {', '.join(colors)}.")
    if forbidden.strip():
        parts.append(f"Nowhere in the picture: {forbidden.strip().rstrip('.')}.")
    return " ".join(parts)


def hex_color(rgb_display: Sequence[float]) -> str:
    """(r, g, b) in display values 0..1 as "#rrggbb"."""
    return "#" + "".join(f"{round(255 * min(max(part, 0.0), 1.0)):02x}" for part in rgb_display[:3])


def rgb_of(color: str) -> tuple[float, float, float]:
    """The inverse of `hex_color`. Raises InputError for what is no such color."""
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", color):
        raise InputError(f"{color!r} is no color", field="colors", hint='Write it like "#1f2a33"')
    red, green, blue = (int(color[at:at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue


def style_to_json(sheet: StyleSheet) -> str:
    """The sheet's file."""
    return json.dumps({"version": VERSION, **to_json(sheet)}, indent=1, ensure_ascii=False)


def style_from_json(text: str) -> StyleSheet:
    """The sheet of a file. Raises InputError for what is none, and for pictures that are not in its own folder."""
    try:
        facts = json.loads(text)
    except ValueError as error:
        raise InputError(f"{STYLE_FILE} is no JSON: {error}", field="style_sheet", hint="Export the style sheet again") from error
    if not isinstance(facts, dict) or facts.pop("version", None) != VERSION:
        raise InputError(f"{STYLE_FILE} is no style sheet of this version", field="style_sheet", hint="Export it again, or update the extension")
    sheet = from_json(StyleSheet, facts, "style_sheet")
    for picture in sheet.pictures:
        # A sheet may come from anywhere: it must not name files elsewhere on this machine.
        if not picture.file or picture.file in (".", "..") or re.search(r"[/\\:\0]", picture.file):
            raise InputError(f"{picture.file!r} is no file beside {STYLE_FILE}", field="style_sheet.pictures",
                             hint="A style sheet's pictures lie in its own folder")
    for color in sheet.colors:
        rgb_of(color)
    return sheet
