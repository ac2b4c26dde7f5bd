# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Style sheets as folders: style.json and the pictures beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..core.errors import InputError
from ..core.styles import STYLE_FILE, StyleSheet, style_from_json, style_to_json
from .journal import write_atomic

__all__ = ("read_style", "write_style")


def read_style(folder: Path) -> StyleSheet:
    """The sheet of a folder, all its pictures there. Raises InputError."""
    path = folder / STYLE_FILE
    try:
        sheet = style_from_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read", field="style_sheet", hint="Choose the folder of a style sheet") from error
    missing = next((folder / picture.file for picture in sheet.pictures if not (folder / picture.file).is_file()), None)
    if missing:
        raise InputError(f"There is no file {missing}", field="style_sheet", hint="Export the style sheet again")
    return sheet


def write_style(folder: Path, sheet: StyleSheet, pictures: Mapping[str, bytes]) -> None:
    """Write the sheet, the pictures first. Raises InputError where that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in {**pictures, STYLE_FILE: style_to_json(sheet).encode()}.items():
            write_atomic(folder / name, data, durable=False)
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error.strerror}", field="style_sheet", hint="Choose another folder") from error
