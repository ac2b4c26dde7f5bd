# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks by folder, so that no file can forget: tests/blender needs bpy, tests/gui a window."""
    for item in items:
        room = item.path.relative_to(HERE).parts[0]
        if room == "blender":
            item.add_marker(pytest.mark.bpy)
        elif room == "gui":
            item.add_marker(pytest.mark.gui)


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The root of the checkout: manifest, package, scripts."""
    return HERE.parent
