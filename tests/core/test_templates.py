# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from gptimage_addon.core.errors import InputError
from gptimage_addon.core.templates import SHIPPED, fields_of, fill, templates_from_json, templates_to_json


def test_fields_are_found_once_in_order_with_what_stands_there_at_first() -> None:
    assert fields_of("a <thing: door> of <material:oak>, the <thing> is <state>") == (("thing", "door"), ("material", "oak"), ("state", ""))
    assert fields_of("a < b and {red|blue}") == ()


def test_fields_are_filled_in_and_an_empty_one_leaves_no_gap() -> None:
    text = "a <thing: door> of <material: oak>, <detail: worn>"
    assert fill(text, {}) == "a door of oak, worn"
    assert fill(text, {"thing": "chair", "material": "pine", "detail": ""}) == "a chair of pine"
    assert fill("<a: x>, <b>, <c: y>", {}) == "x, y"
    assert fill("a {red|blue} <thing>", {"thing": "door"}) == "a {red|blue} door"


def test_templates_go_to_a_file_and_back() -> None:
    assert templates_from_json(templates_to_json(SHIPPED)) == SHIPPED


@pytest.mark.parametrize("text", ["", "[]", '{"templates": [{"name": "a"}]}', '{"templates": 3}'])
def test_a_file_that_holds_none(text: str) -> None:
    with pytest.raises(InputError) as caught:
        templates_from_json(text)
    assert caught.value.field == "filepath" and caught.value.hint


def test_those_that_come_along_make_sense() -> None:
    assert len({template.name for template in SHIPPED}) == len(SHIPPED)
    for template in SHIPPED:
        filled = fill(template.text, {})
        assert filled and "<" not in filled and ">" not in filled and fields_of(template.text)
