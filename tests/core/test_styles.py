# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Style sheets as words and as JSON."""

from __future__ import annotations

import json

import pytest

from gptimage_addon.core.errors import InputError
from gptimage_addon.core.styles import StylePicture, StyleSheet, hex_color, rgb_of, style_from_json, style_to_json, style_words

SHEET = StyleSheet("Größe 漢字", "gouache", "people, text", ("#1f2a33", "#ffffff"), "gpt-image-2", "high",
                   (StylePicture("01 a.png", "style: its lines", "a"), StylePicture("02 b.jpg")))


def test_a_sheet_goes_to_json_and_back() -> None:
    assert style_from_json(style_to_json(SHEET)) == SHEET
    assert style_from_json(style_to_json(StyleSheet("x"))) == StyleSheet("x")


def test_words() -> None:
    assert style_words("gouache. ", "people", ["#1f2a33", "#ffffff"]) == "Style: gouache. Palette: #1f2a33, #ffffff. Nowhere in the picture: people."
    assert style_words("", " ", []) == ""


def test_colors() -> None:
    assert hex_color((0.0, 0.5, 1.2)) == "#0080ff" and rgb_of("#0080FF") == (0.0, 128 / 255, 1.0)
    for wrong in ("0080ff", "#0080f", "#0080fg", "#0080ff0"):
        with pytest.raises(InputError):
            rgb_of(wrong)


@pytest.mark.parametrize("file", ["../a.png", "/etc/a.png", "b/a.png", "..", "", "C:a.png", "b\\a.png", "a\0.png"])
def test_a_sheet_names_no_file_outside_its_folder(file: str) -> None:
    facts = json.loads(style_to_json(SHEET))
    facts["pictures"][0]["file"] = file
    with pytest.raises(InputError, match="no file beside style.json"):
        style_from_json(json.dumps(facts))


@pytest.mark.parametrize("facts", ["{", "[]", {"version": 2, "name": "x"}, {"name": "x"}, {"version": 1}, {"version": 1, "name": "x", "seed": 1},
                                   {"version": 1, "name": "x", "colors": ["red"]}])
def test_what_is_no_style_sheet(facts: object) -> None:
    with pytest.raises(InputError):
        style_from_json(facts if isinstance(facts, str) else json.dumps(facts))
