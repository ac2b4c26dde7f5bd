# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recipes for textures: those that come along can all be sent, and files of them are read strictly."""

from __future__ import annotations

import json

import pytest

from gptimage_addon.core import catalog
from gptimage_addon.core.errors import InputError
from gptimage_addon.core.presets import SHIPPED, Preset, find_preset, presets_from_json, presets_to_json
from gptimage_addon.core.request import MapKind, Request, ServiceKind


@pytest.mark.parametrize("preset", SHIPPED, ids=lambda preset: preset.name)
def test_what_comes_along_can_be_sent(preset: Preset) -> None:
    request = Request(prompt=preset.prompt, model=preset.model or catalog.DEFAULT_MODEL, size=preset.size or "1024x1024")
    catalog.check_request(request, ServiceKind.OPENAI)
    assert preset.prompt and preset.seamless in ("", "x", "y", "xy") and preset.relief_m > 0
    assert preset.scale_m == 0 or 0 < preset.relief_m < preset.scale_m / 10


def test_about_twenty_come_along_each_under_its_own_name() -> None:
    names = [preset.name.casefold() for preset in SHIPPED]
    assert len(names) >= 20 and len(set(names)) == len(names) and names[:-1] == sorted(names[:-1])


def test_a_file_of_presets_gives_them_back() -> None:
    own = (Preset("Mine", "wet clay", "gpt-image-2", "2048x1024", "high", "x", 0.1, 0.9, (MapKind.AO,), 1.5, 0.3), Preset("Plain"))
    assert presets_from_json(presets_to_json(own)) == own
    assert presets_from_json(presets_to_json(SHIPPED)) == SHIPPED


@pytest.mark.parametrize(("text", "field"), [
    ("", "presets"), ("[]", "version"), ('{"version": 2, "presets": []}', "version"), ('{"version": 1}', "version"),
    ('{"version": 1, "presets": [{"prompt": "x"}]}', "presets[0].name"),
    ('{"version": 1, "presets": [{"name": " "}]}', "presets[0].name"),
    ('{"version": 1, "presets": [{"name": "a"}, {"name": "b", "maps": ["gloss"]}]}', "presets[1].maps[0]"),
    ('{"version": 1, "presets": [{"name": "a", "seamless": "diagonal"}]}', "presets[0].seamless"),
    ('{"version": 1, "presets": [{"name": "a", "color": "red"}]}', "presets[0].color"),
])
def test_what_is_wrong_is_named(text: str, field: str) -> None:
    with pytest.raises(InputError) as told:
        presets_from_json(text)
    assert told.value.field == field and told.value.message


def test_names_are_found_whatever_their_case() -> None:
    assert find_preset(" brick WALL ").name == "Brick Wall"
    with pytest.raises(InputError, match="no preset 'Bricks'") as told:
        find_preset("Bricks")
    assert told.value.field == "preset" and "Brick Wall" in told.value.hint
    assert json.loads(presets_to_json([Preset("Mauerwerk ü")]))["presets"][0] == {"name": "Mauerwerk ü"}
