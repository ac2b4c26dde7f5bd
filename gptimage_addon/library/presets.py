# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The artist's own presets, in a file of the data folder."""

from __future__ import annotations

from pathlib import Path

from ..core.errors import InputError
from ..core.presets import SHIPPED, Preset, presets_from_json, presets_to_json
from .journal import write_atomic

__all__ = ("all_presets", "own_presets", "read_presets", "write_own", "write_presets")

FILE = "presets.json"


def read_presets(path: Path) -> tuple[Preset, ...]:
    """The presets of a file. Raises InputError for one that cannot be read or is none."""
    try:
        return presets_from_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read", field="filepath", hint="Check the path") from error


def write_presets(path: Path, presets: tuple[Preset, ...]) -> None:
    """Write a file of presets. Raises InputError where that cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, presets_to_json(presets).encode())
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}", field="filepath", hint="Choose another folder") from error


def own_presets(data_dir: Path) -> tuple[Preset, ...]:
    """The artist's own; none where there is no file yet. Raises InputError for a broken one."""
    path = data_dir / FILE
    return read_presets(path) if path.exists() else ()


def all_presets(data_dir: Path) -> tuple[Preset, ...]:
    """The artist's own, and those that come along whose names they have not taken. By name."""
    own = own_presets(data_dir)
    taken = {preset.name.casefold() for preset in own}
    return tuple(sorted((*own, *(preset for preset in SHIPPED if preset.name.casefold() not in taken)), key=lambda preset: preset.name.casefold()))


def write_own(data_dir: Path, presets: tuple[Preset, ...]) -> None:
    """Make these the artist's own. Raises InputError."""
    write_presets(data_dir / FILE, presets)
