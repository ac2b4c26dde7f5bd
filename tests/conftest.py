# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What all tests share."""

from __future__ import annotations

import importlib
import importlib.util
import os
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).resolve().parent
# Some hundred processes are started: what one has compiled the others need not.
os.environ["PYTHONPYCACHEPREFIX"] = str(HERE.parent / "build" / "bytecode")
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


# The rooms whose files have the longest tests come first, so that no process has one left when the other has nothing more to do.
ROOMS = ("package", "worker", "imaging", "blender", "core", "library", "gui")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks by folder, so that no file can forget: tests/blender needs bpy, tests/gui a window."""
    items.sort(key=lambda item: ROOMS.index(item.path.relative_to(HERE).parts[0]))
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


@pytest.fixture(scope="session")
def build_script(checkout: Path) -> ModuleType:
    """scripts/build.py as a module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(checkout / "scripts"))
        return importlib.import_module("build")


@pytest.fixture(scope="session")
def extension_tool() -> Path:
    """Blender's own extension tool, from the Blender that the tests run with. Does not import bpy."""
    spec = importlib.util.find_spec("bpy")
    assert spec and spec.origin, "the bpy module is not installed: start the tests with scripts/test.py"
    (tool,) = Path(spec.origin).parent.glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py")
    return tool


@pytest.fixture(scope="session")
def built_zip(build_script: ModuleType, extension_tool: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The extension as an artist on Linux gets it. Its wheels come from the package registry once, then from build/."""
    folder = tmp_path_factory.mktemp("build")
    (path,) = build_script.build(["linux-x64"], extension_tool, build_dir=folder, dist=folder / "dist")
    assert isinstance(path, Path)
    return path
