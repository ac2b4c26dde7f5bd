# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every test here gets a factory-fresh Blender with the add-on registered, and leaves nothing of it behind."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest

import gptimage_addon
from gptimage_addon.blender import process
from gptimage_addon.blender.host import Host, host
from gptimage_addon.worker.practice import PracticeServer
from tests.support import forked_worker


@pytest.fixture(autouse=True)
def addon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """The registered add-on's host, with a data folder of its own and no key anywhere."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(process, "subprocess", SimpleNamespace(**vars(subprocess) | {"Popen": forked_worker.start}))
    bpy.ops.wm.read_factory_settings()
    gptimage_addon.register()
    host.data_dir = tmp_path / "data"
    host.practice_latency_s = 0.0
    yield host
    host.reset()
    # A class that is left registered can crash Blender at exit.
    gptimage_addon.unregister()
    host.data_dir = None
    assert all(worker.wait(20.0) for worker in host._leaving), "a worker did not end"
    host._leaving.clear()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[PracticeServer]:
    """A service on this machine that lists what it is sent. Its token is the key in the environment."""
    with PracticeServer() as running:
        monkeypatch.setenv("OPENAI_API_KEY", running.token)
        yield running


@pytest.fixture
def cube() -> bpy.types.Object:
    """The factory scene's cube: 2 m, with a UV map and one slot; selected and active."""
    return bpy.data.objects["Cube"]


@pytest.fixture
def unsent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs reach the queue and the journal and go no further: for tests of what would be sent."""
    monkeypatch.setattr(host, "_give", lambda view: None)
