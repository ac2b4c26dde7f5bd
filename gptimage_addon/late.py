# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules that are imported when they are first used, so that Blender's start does not wait for them.

What is needed neither to register nor to draw: the pixel work, the masks' renders, the journal, the worker's pipes.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from types import ModuleType

__all__ = ("late_modules",)


def late_modules(package: str, *names: str) -> Callable[[str], ModuleType]:
    """The package's `__getattr__`: its modules of these names are imported when they are reached as `package.name`.

    Source: PEP 562. `from package import name` would import at once.
    """
    def load(name: str) -> ModuleType:
        if name not in names:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return import_module(f"{package}.{name}")

    return load
