# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import subprocess
import sys
import types
from pathlib import Path

import bpy
import pytest

import gptimage_addon
from gptimage_addon import registration
from gptimage_addon.blender.host import host
from gptimage_addon.core.request import Service
from gptimage_addon.operators import command
from tests.support.scenes import plan_for


def snapshot() -> dict[str, object]:
    """All that registering could leave behind in Blender."""
    drawn = {name: len(getattr(getattr(bpy.types, name).draw, "_draw_funcs", ()))
             for name in dir(bpy.types) if hasattr(getattr(bpy.types, name), "draw")}
    return {
        "types": set(dir(bpy.types)),
        "operators": set(dir(bpy.ops.gptimage)),
        "properties": {name: set(getattr(bpy.types, name).bl_rna.properties.keys())
                       for name in ("Scene", "WindowManager", "Image", "Object", "Material", "Screen")},
        "handlers": {name: len(getattr(bpy.app.handlers, name)) for name in dir(bpy.app.handlers)
                     if isinstance(getattr(bpy.app.handlers, name), list)},
        "timer": bpy.app.timers.is_registered(host._tick),
        "menus": drawn,
        # Blender keeps a command's function, and has no list of them.
        "command": sys.getrefcount(command._run),
        "landings": set(host.landings),
        "modules": {name for name in sys.modules if not name.startswith("gptimage_addon")},
    }


def test_register_and_unregister_leave_nothing_behind() -> None:
    while_registered = snapshot()
    gptimage_addon.unregister()
    before = snapshot()
    for _ in range(3):
        gptimage_addon.register()
        assert snapshot() == while_registered
        gptimage_addon.unregister()
        assert snapshot() == before

    assert "generate_texture" in while_registered["operators"] and not before["operators"]
    assert "gptimage" in while_registered["properties"]["Scene"]
    assert "gptimage" not in before["properties"]["Scene"] | before["properties"]["WindowManager"]
    assert while_registered["command"] == before["command"] + 1
    assert {name for name in before["types"] if "gptimage" in name.lower()} == set()


@pytest.mark.parametrize("where", range(len(registration.MODULES) + 1))
def test_a_failure_in_the_middle_undoes_everything(monkeypatch: pytest.MonkeyPatch, where: int) -> None:
    gptimage_addon.unregister()
    before = snapshot()

    def fail() -> None:
        raise RuntimeError("injected")

    class GPTIMAGE_OT_injected(bpy.types.Operator):
        bl_idname = "gptimage.injected"
        bl_label = "Injected"

    broken = types.SimpleNamespace(__name__="broken", classes=(GPTIMAGE_OT_injected,), register=fail)
    modules = list(registration.MODULES)
    modules.insert(where, broken)
    with monkeypatch.context() as patch:
        patch.setattr(registration, "MODULES", tuple(modules))
        with pytest.raises(RuntimeError, match="injected"):
            gptimage_addon.register()
    assert snapshot() == before
    gptimage_addon.register()                   # and nothing is in the way of a second try


def test_a_failing_step_does_not_keep_the_rest_registered(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
) -> None:
    registered = snapshot()
    gptimage_addon.unregister()
    before = snapshot()

    def fail() -> None:
        raise RuntimeError("injected")

    with monkeypatch.context() as patch:
        patch.setattr(registration, "MODULES", (*registration.MODULES, types.SimpleNamespace(__name__="x", unregister=fail)))
        gptimage_addon.register()
        gptimage_addon.unregister()
    assert snapshot() == before
    assert "injected" in caplog.text
    gptimage_addon.register()
    assert snapshot() == registered


def test_unregister_ends_the_worker_and_forgets_the_jobs() -> None:
    """The journal has them; a queue that nothing serves would wait forever after the next register."""
    host.submit(plan_for(Service()).job)
    worker = host._worker
    assert worker is not None and host.is_busy
    gptimage_addon.unregister()
    assert worker.wait(20.0), "the worker lives on"
    assert not host.jobs and not host.is_busy and host.worker_pid is None
    gptimage_addon.register()
    assert bpy.ops.gptimage.wait(timeout_s=5.0) == {'FINISHED'}


IMPORT_ONLY = """
import sys
import gptimage_addon, gptimage_addon.core.request, gptimage_addon.library.journal, gptimage_addon.worker
assert "bpy" not in sys.modules, "importing the package imports bpy"
"""
# Blender's own modules come first: what is new afterwards is ours.
REGISTERED = """
import sys
import bpy
bpy.ops.wm.read_factory_settings()
known = set(sys.modules)
import gptimage_addon
gptimage_addon.register()
late = {"blender.coverage", "blender.mask_scene", "blender.sources", "blender.process", "blender.assets", "blender.placing",
        "core.protocol", "core.framing", "library.journal", "imaging.tile", "imaging.maps"}
early = {name for name in sys.modules if name.startswith("gptimage_addon.") and name.partition(".")[2] in late}
assert not early, f"registering imports {early}"
new = {name.partition(".")[0] for name in set(sys.modules) - known} - sys.stdlib_module_names
gptimage_addon.unregister()
heavy = {"openai", "PIL", "keyring", "platformdirs", "httpx2", "pydantic"} & set(sys.modules)
assert not heavy, f"registering imports {heavy}"
new = {name for name in new if "cython" not in name}        # numpy 1 brings parts of it
assert new <= {"gptimage_addon", "bmesh", "_bmesh", "bpy_types", "gpu_extras", "numpy"}, f"registering imports {new}"
"""


@pytest.mark.parametrize("script", [IMPORT_ONLY, REGISTERED], ids=["import", "register"])
def test_nothing_heavy_is_imported(checkout: Path, script: str) -> None:
    done = subprocess.run([sys.executable, "-c", script], cwd=checkout, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
