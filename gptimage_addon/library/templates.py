# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The artist's own prompt templates, in a file of the data folder."""

from __future__ import annotations

from pathlib import Path

from ..core.errors import InputError
from ..core.templates import SHIPPED, PromptTemplate, templates_from_json, templates_to_json
from .journal import write_atomic

__all__ = ("all_templates", "own_templates", "write_templates")

FILE = "templates.json"


def own_templates(data_dir: Path) -> tuple[PromptTemplate, ...]:
    """The artist's own; none where there is no file yet. Raises InputError for a broken one."""
    path = data_dir / FILE
    try:
        return templates_from_json(path.read_text(encoding="utf-8")) if path.exists() else ()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read", field="filepath", hint="Remove it, or mend it") from error


def all_templates(data_dir: Path) -> tuple[PromptTemplate, ...]:
    """The artist's own first, then those that come along whose names they have not taken."""
    own = own_templates(data_dir)
    taken = {template.name.casefold() for template in own}
    return (*own, *(template for template in SHIPPED if template.name.casefold() not in taken))


def write_templates(data_dir: Path, templates: tuple[PromptTemplate, ...]) -> None:
    """Make these the artist's own. Raises InputError where they cannot be written."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        write_atomic(data_dir / FILE, templates_to_json(templates).encode())
    except OSError as error:
        raise InputError(f"The templates cannot be written to {data_dir}: {error.strerror}", field="data_dir",
                         hint="Choose another data folder in Preferences") from error
