# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prompts with fields to fill in: "a <thing: door> of <material: oak>". Some come along, as examples of each kind of work."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from .errors import InputError

__all__ = ("PromptTemplate", "SHIPPED", "fields_of", "fill", "templates_from_json", "templates_to_json")

_FIELD = re.compile(r"<([^<>:]+)(?::([^<>]*))?>")


class PromptTemplate(NamedTuple):
    """A prompt to fill in, and the name it is found by."""

    name: str
    text: str


SHIPPED = (
    PromptTemplate("Surface", "<age: weathered> <material: red brick>, <detail: mortar crumbling in places>"),
    PromptTemplate("Ground", "<ground: forest floor> with <cover: fallen leaves and twigs>, <weather: damp after rain>"),
    PromptTemplate("Fabric", "<weave: coarse linen> in <color: faded indigo>, <pattern: a small woven check>"),
    PromptTemplate("Decal", "<sign: a round warning sign>, <print: screen-printed>, <wear: scratched and sun-bleached>"),
    PromptTemplate("Prop Sheet", "<prop: a brass desk lamp>, product photograph, <angle: three-quarter view>, plain gray background, soft even light"),
    PromptTemplate("Character", "<who: an old lighthouse keeper>, <clothes: in an oilskin coat>, full figure, <mood: calm and tired>"),
    PromptTemplate("Environment", "<place: a harbor village> at <time: dusk>, <mood: quiet, lights in the windows>, wide shot"),
    PromptTemplate("Sign", "<sign: a wooden shop sign> on <wall: a lime-washed wall>, <light: late afternoon sun>"),
    PromptTemplate("Concept From Block-Out", "<scene: an abandoned greenhouse>, <look: overgrown, morning mist>, in the layout of the first picture"),
    PromptTemplate("Fill", "<thing: an iron lantern>, <state: lit>, matching the light around it"),
    PromptTemplate("Compare Colors", "<thing: a front door> painted {deep green|oxblood red|navy blue}"),
)


def fields_of(text: str) -> tuple[tuple[str, str], ...]:
    """(name, what stands there at first) of each field of a template, each once, in order."""
    found: dict[str, str] = {}
    for name, default in _FIELD.findall(text):
        found.setdefault(name.strip(), default.strip())
    return tuple(found.items())


def fill(text: str, values: Mapping[str, str]) -> str:
    """The prompt with the fields' values in their places; a field without one keeps what stands there at first."""
    def value(found: re.Match[str]) -> str:
        return values.get(found[1].strip(), (found[2] or "").strip())

    filled = " ".join(_FIELD.sub(value, text).split())
    return re.sub(r"(?:\s*,)+", ",", filled).strip(" ,")        # of a field that was left empty no comma stays


def templates_to_json(templates: Iterable[PromptTemplate]) -> str:
    return json.dumps({"version": 1, "templates": [template._asdict() for template in templates]}, indent=1, ensure_ascii=False) + "\n"


def templates_from_json(text: str) -> tuple[PromptTemplate, ...]:
    """The templates of a file. Raises InputError for what is none."""
    try:
        facts = json.loads(text)
        return tuple(PromptTemplate(str(entry["name"]), str(entry["text"])) for entry in facts["templates"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError("The file holds no prompt templates", field="filepath", hint="Remove it, or mend it") from error
