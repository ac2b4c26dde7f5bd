# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is sent for what the artist wrote, and the names made from it."""

from __future__ import annotations

import random

import pytest

from gptimage_addon.core.prompts import (
    ROLES, backdrop_of, decal_on_backdrop_prompt, decal_prompt, edit_texture_prompt, extend_prompt, heal_prompt, markup_prompt,
    name_from_prompt, reference_prompt, texture_prompt, touch_up_prompt, vary_texture_prompt)


@pytest.mark.parametrize("words",
    ["weathered red brick", "  mossy stone. ", "größe 漢字", "a {words} {0} % s", "two\nlines"])
def test_a_textures_prompt_holds_the_words_and_the_craft(words: str) -> None:
    prompt = texture_prompt(words)
    assert words.strip().rstrip(".") in prompt and prompt.count(words.strip().rstrip(".")) == 1
    for must in ("Seen straight on", "no perspective", "diffuse", "no highlights", "fills the whole frame",
        "no lettering"):
        assert must in prompt
    assert ".." not in prompt


def test_a_references_prompt_is_the_artists_own() -> None:
    assert reference_prompt("  a lighthouse at dusk.\n") == "a lighthouse at dusk."


@pytest.mark.parametrize("make", [decal_prompt, decal_on_backdrop_prompt])
@pytest.mark.parametrize("words", ["a rusty warning sign", "  blood splatter. ", "größe 漢字", "a {words} {0} % s"])
def test_a_decal_s_prompt_says_what_is_around_it(make, words: str) -> None:
    prompt = make(words)
    assert prompt.count(words.strip().rstrip(".")) == 1 and "stands alone" in prompt and ".." not in prompt
    assert ("transparent" in prompt) == (make is decal_prompt) and ("flat, uniform, pure magenta (#FF00FF)" in prompt) == (make is not decal_prompt)
    assert make("  ") == ""


@pytest.mark.parametrize(("words", "name"), [
    ("graffiti", "magenta"), ("a pink flower", "green"), ("Purple flowers on green vines", "blue"), ("moss", "magenta"), ("greenhouse", "magenta"),
])
def test_a_backdrop_is_in_no_hue_of_the_words(words: str, name: str) -> None:
    assert backdrop_of(words)[0] == name


@pytest.mark.parametrize("make", [texture_prompt, reference_prompt, vary_texture_prompt])
def test_roles_are_told_in_order(make) -> None:
    plain = make("brick")
    assert make("brick", roles=()) == make("brick", roles=("", "")) == plain
    told = make("brick", roles=("the mood", "", "the camera's view"))
    assert told == f"{plain}\nThe pictures given are, in order: 1. the mood; 2. reference; 3. the camera's view."


def test_roles_with_a_name_are_told_in_words() -> None:
    for name, words in ROLES.items():
        assert name in words and reference_prompt("brick", roles=("x", name)).endswith(f"1. x; 2. {words}.")
        assert reference_prompt("brick", roles=(f"{name}: the red one",)).endswith(f"1. {words}. In particular: the red one.")
    assert reference_prompt("brick", roles=("stylish: yes",)).endswith("1. stylish: yes.")


@pytest.mark.parametrize("make", [touch_up_prompt, markup_prompt, extend_prompt, heal_prompt, edit_texture_prompt])
@pytest.mark.parametrize("words", ["ivy on the wall.", "", "  "])
def test_a_touch_up_s_prompt_holds_the_words_and_what_must_stay(make, words: str) -> None:
    prompt = make(words, roles=("the picture to change", "the mood"))
    assert words.strip().rstrip(".") in prompt and ".." not in prompt and ": ." not in prompt
    assert "stays exactly as it is" in prompt and "first picture" in prompt
    assert prompt.endswith("\nThe pictures given are, in order: 1. the picture to change; 2. the mood.")


def test_no_words_remove_or_go_on() -> None:
    assert touch_up_prompt("").startswith("Remove what is in the marked area")
    assert "Remove what is in its marked area" in edit_texture_prompt("") and vary_texture_prompt(" ") == ""
    assert "ivy" not in markup_prompt("") and "say." in markup_prompt("")
    assert "at its sides." in extend_prompt("")


@pytest.mark.parametrize(("words", "name"), [
    ("weathered red brick", "Weathered Red Brick"), ("", "GPT Image"), (" \n", "GPT Image"), ("!!! ???", "GPT Image"),
    ("o'neill's semi-gloss paint", "O'neill's Semi-gloss Paint"), ("größe über alles", "Größe Über Alles"),
    ("NASA-style HULL plating", "NASA-style HULL Plating"), ("brick, wet; cold", "Brick Wet Cold"),
    ("one two three four five six seven eight nine ten", "One Two Three Four Five Six Seven Eight"),
    ("x" * 60, "GPT Image"), ("漢" * 14, "GPT Image"),
])
def test_names(words: str, name: str) -> None:
    assert name_from_prompt(words) == name


def test_names_fit_and_are_never_empty() -> None:
    chance = random.Random(3)
    letters = "abc xyz  äöü漢字🧱'-_.,\n\t\0\"\\/"
    for _ in range(2000):
        words = "".join(chance.choice(letters) for _ in range(chance.randrange(80)))
        name = name_from_prompt(words)
        assert 1 <= len(name.encode()) <= 40 and name == name.strip() and "\n" not in name and "\0" not in name
