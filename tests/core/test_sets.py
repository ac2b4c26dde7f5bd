# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists, choices and grids become requests, in the order an artist reads them."""

from __future__ import annotations

import pytest

from gptimage_addon.core.errors import InputError
from gptimage_addon.core.request import Request
from gptimage_addon.core.sets import expand, grid, read_prompts, set_of

WORDS = Request("a door", "gpt-image-2.5-flare")


@pytest.mark.parametrize(("prompt", "found"), [
    ("a door", ("a door",)),
    ("a {red|blue} door", ("a red door", "a blue door")),
    ("{a|b} {1|2}", ("a 1", "a 2", "b 1", "b 2")),
    ("a {very|} old door", ("a very old door", "a old door")),
    ("a {door}", ("a {door}",)),
    ("", ("",)),
])
def test_choices_in_a_prompt(prompt: str, found: tuple[str, ...]) -> None:
    assert expand(prompt) == found


def test_too_many_choices_are_refused_before_they_are_made() -> None:
    with pytest.raises(InputError) as caught:
        expand("{a|b|c|d}" * 20)
    assert caught.value.field == "prompt" and "100" in caught.value.hint


def test_lists_and_tables_of_prompts() -> None:
    assert read_prompts("a door\n\n# not this\n  a window  \n") == (("a door", ""), ("a window", ""))
    table = 'Name,Prompt\nfront,"a door, red"\n,a window\n'
    assert read_prompts(table) == (("a door, red", "front"), ("a window", ""))
    assert read_prompts("prompt\n") == (("prompt", ""),)          # a list of one word


@pytest.mark.parametrize("text", ["", "# only a note\n", "name,prompt\na,\n", "x\n" * 101])
def test_lists_that_are_none(text: str) -> None:
    with pytest.raises(InputError) as caught:
        read_prompts(text)
    assert caught.value.field == "prompts" and caught.value.hint


def test_pictures_of_a_set_are_named_by_the_rule() -> None:
    made = set_of((("a red door", ""), ("a window", "Fenster")), WORDS._replace(n=4), rule="{set} {number:03} {words}", title="House")
    assert [each.name for each in made] == ["House 001 A Red Door", "Fenster"]
    assert [each.words.prompt for each in made] == ["a red door", "a window"]
    assert all(each.words.n == 1 and each.words.model == WORDS.model for each in made)


@pytest.mark.parametrize("rule", ["{nobody}", "{", "{number:q}", "{words.prompt.x}", "{0}"])
def test_a_rule_that_makes_no_name(rule: str) -> None:
    with pytest.raises(InputError) as caught:
        set_of((("a", ""),), WORDS, rule=rule)
    assert caught.value.field == "name_rule" and "{number}" in caught.value.hint


def test_a_grid_is_every_combination_in_the_order_of_its_axes() -> None:
    cells = grid(WORDS._replace(prompt="a {red|blue} door", n=3), qualities=("high", "low"), sizes=("1024x1024", "1536x1024"))
    assert [(c.words.prompt, c.words.size, c.words.quality) for c in cells] == [
        (f"a {color} door", size, quality) for color in ("red", "blue") for size in ("1024x1024", "1536x1024") for quality in ("low", "high")]
    assert all(cell.words.n == 1 for cell in cells)
    assert cells[0].caption == ("a red door", "GPT Image 2.5 Flare, low, 1024 x 1024")
    assert [cell.label for cell in cells[:4]] == ["red, 1024 x 1024, low", "red, 1024 x 1024, high", "red, 1536 x 1024, low", "red, 1536 x 1024, high"]
    assert grid(WORDS)[0].words == WORDS and grid(WORDS)[0].label == WORDS.quality


def test_a_grid_beyond_measure_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        grid(WORDS._replace(prompt="{1|2|3|4|5|6|7|8|9|10}{1|2|3}"), qualities=("low", "medium", "high", "max"))
    assert caught.value.field == "grid"
