# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several requests at once: prompts with choices, lists of prompts, and grids of settings."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from typing import NamedTuple

from .catalog import MODELS, QUALITIES
from .errors import InputError
from .prompts import name_from_prompt
from .request import Request, parse_size

__all__ = ("MOST", "NAME_RULE", "Wanted", "expand", "grid", "read_prompts", "set_of")

# More would be a mistake of the keyboard, not a wish.
MOST = 100
_CHOICE = re.compile(r"\{([^{}]*\|[^{}]*)\}")
_FIELDS = ("number", "words", "set")
NAME_RULE = "{number:02} {words}"


class Wanted(NamedTuple):
    """One picture of several: its words and settings, what it is called, and what a contact sheet says below it.

    `label` tells it from the others of a grid: what it alone has.
    """

    words: Request
    name: str = ""
    caption: tuple[str, ...] = ()
    label: str = ""


def expand(prompt: str) -> tuple[str, ...]:
    """The prompts that "a {red|blue} door" stands for, in order: each choice with each. Raises InputError for too many.

    A prompt without choices is itself; braces without a bar stay as they are.
    """
    return tuple(text for text, _ in _expanded(prompt))


def _expanded(prompt: str) -> list[tuple[str, str]]:
    """(prompt, what was chosen for it) of each that a prompt stands for. Raises InputError for too many."""
    parts = _CHOICE.split(prompt)           # text and choices in turns
    choices = [part.split("|") if index % 2 else [part] for index, part in enumerate(parts)]
    count = math.prod(map(len, choices))
    if count > MOST:
        raise InputError(f"The choices in the prompt stand for {count} prompts", field="prompt", hint=f"Use {MOST} at most")
    return [(" ".join("".join(words).split()), " ".join(word.strip() or "-" for word in words[1::2])) for words in itertools.product(*choices)]


def read_prompts(text: str) -> tuple[tuple[str, str], ...]:
    """(prompt, name) of each line of a list, or of a CSV table with a column `prompt` and, if wanted, `name`.

    Empty lines and lines that begin with # are left out; a name may be "". Raises InputError(field="prompts").
    """
    import csv                                  # not needed to register

    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if lines and "prompt" in (head := [cell.strip().lower() for cell in next(csv.reader(lines[:1]))]) and len(lines) > 1:
        rows = list(csv.DictReader(lines[1:], fieldnames=head))
        found = tuple(((row["prompt"] or "").strip(), (row.get("name") or "").strip()) for row in rows)
        for number, (prompt, _) in enumerate(found, 1):
            if not prompt:
                raise InputError(f"Row {number} of the table has no prompt", field="prompts", hint="Write one, or take the row out")
    else:
        found = tuple((line.strip(), "") for line in lines)
    if not found:
        raise InputError("The list has no prompts", field="prompts", hint="Write one a line")
    if len(found) > MOST:
        raise InputError(f"The list has {len(found)} prompts", field="prompts", hint=f"Use {MOST} at most")
    return found


def set_of(prompts: Sequence[tuple[str, str]], words: Request, *, rule: str = NAME_RULE, title: str = "Set") -> tuple[Wanted, ...]:
    """One picture for each prompt with the same settings, named by the rule where it has no name of its own.

    The rule's fields are {number}, {words} and {set}, with Python's format after a colon. Raises InputError(field="name_rule").
    """
    made = []
    for number, (prompt, name) in enumerate(prompts, 1):
        try:
            name = name or rule.format(number=number, words=name_from_prompt(prompt), set=title)
        except (KeyError, IndexError, ValueError, AttributeError) as error:
            raise InputError(f"The rule {rule!r} makes no name", field="name_rule",
                             hint=f"Use {', '.join(f'{{{field}}}' for field in _FIELDS)}, such as {NAME_RULE}") from error
        made.append(Wanted(words._replace(prompt=prompt, n=1), name.strip() or name_from_prompt(prompt), (name, prompt)))
    return tuple(made)


def grid(
    words: Request, *, qualities: Sequence[str] = (), sizes: Sequence[str] = (), models: Sequence[str] = (),
) -> tuple[Wanted, ...]:
    """Every combination of the prompt's choices, models, sizes and qualities, in this order; an empty axis is the words' own.

    Qualities are in the catalogue's order, whatever the order given. Raises InputError.
    """
    for size in sizes:
        parse_size(size)
    prompts = _expanded(words.prompt)
    ordered = [quality for quality in QUALITIES if quality in qualities] + [quality for quality in qualities if quality not in QUALITIES]
    axes = (prompts, tuple(models) or (words.model,), tuple(sizes) or (words.size,), ordered or (words.quality,))
    count = math.prod(map(len, axes))
    if count > MOST:
        raise InputError(f"The grid has {count} pictures", field="grid", hint=f"Use {MOST} at most")
    made = []
    for (prompt, chosen), model, size, quality in itertools.product(*axes):
        name, shape = MODELS[model].label if model in MODELS else model, size.replace("x", " x ")
        caption = (*((prompt,) if len(prompts) > 1 else ()), f"{name}, {quality}, {shape}")
        alone = [text for text, axis in zip((chosen, name, shape, quality), axes, strict=True) if len(axis) > 1]
        made.append(Wanted(words._replace(prompt=prompt, model=model, size=size, quality=quality, n=1), "", caption, ", ".join(alone) or quality))
    return tuple(made)
