# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What enabling the extension costs at Blender's start, against an extension that does nothing, and against its skeleton.

The skeleton has as many modules and classes of the same kinds, and nothing in them: what the division into files and the
number of buttons and panels cost by themselves. All lie in the same repository of a Blender that has never been used, and
are enabled as Blender's start does it, each in a fresh process with its byte code already written.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import common

ROUNDS = 15
GOAL_MS = 10.0
REPOSITORY = "user_default"
# Of classes, with the letters that Blender wants in their names; the others count as the last.
KINDS = {"Operator": "OT", "Panel": "PT", "Menu": "MT", "UIList": "UL", "PropertyGroup": "PG"}

ENABLE = """
import json, sys, time
import bpy, addon_utils
known = set(sys.modules)
started = time.perf_counter()
# As at start: one refresh for all extensions has been done before.
module = addon_utils.enable(sys.argv[1], default_set=True, persistent=True, refresh_handled=True)
seconds = time.perf_counter() - started
assert module is not None and addon_utils.check(sys.argv[1])[1], "not enabled"
ours = [name for name in sys.modules if name.startswith(sys.argv[1])]
kinds = json.loads(sys.argv[2])
classes = [next((kind for kind in kinds if issubclass(cls, getattr(bpy.types, kind))), "PropertyGroup")
           for each in getattr(sys.modules.get(sys.argv[1] + ".registration"), "MODULES", ()) for cls in getattr(each, "classes", ())]
heavy = sorted({name.partition(".")[0] for name in sys.modules} & {"openai", "PIL", "httpx2", "pydantic", "asyncio"})
new = len(set(sys.modules) - known)
print("facts", json.dumps({"seconds": seconds, "modules": new, "ours": sorted(ours), "heavy": heavy, "classes": classes}))
"""

SKELETON = '''"""Has modules and classes with nothing in them."""

import importlib

import bpy

letters = {kinds}
made = []


def register():
    for name in {modules}:
        importlib.import_module(name, __package__)
    for number, kind in enumerate({classes}):
        facts = {{"bl_label": "Skeleton", "draw": lambda self, context: None}}
        if kind == "Operator":
            facts["bl_idname"] = f"skeleton.deed_{{number}}"
        if kind == "Panel":
            facts |= {{"bl_space_type": 'VIEW_3D', "bl_region_type": 'UI'}}
        cls = type(f"SKELETON_{{letters[kind]}}_{{number}}", (getattr(bpy.types, kind),), facts)
        bpy.utils.register_class(cls)
        made.append(cls)


def unregister():
    while made:
        bpy.utils.unregister_class(made.pop())
'''
EMPTY = '''"""Does nothing."""


def register():
    pass


def unregister():
    pass
'''
MANIFEST = """schema_version = "1.0.0"
id = "empty"
version = "1.0.0"
name = "Empty"
tagline = "Does nothing"
maintainer = "Nobody"
type = "add-on"
blender_version_min = "4.2.0"
license = ["SPDX:GPL-3.0-or-later"]
"""


def main() -> None:
    common.in_environment()
    with tempfile.TemporaryDirectory(prefix="gptimage-bench-") as folder:
        home = Path(folder)
        repository = home / "extensions" / REPOSITORY
        shutil.copytree(common.CHECKOUT / "gptimage_addon", repository / "gptimage_addon",
                        ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copyfile(common.CHECKOUT / "blender_manifest.toml",
                        repository / "gptimage_addon" / "blender_manifest.toml")
        facts: dict[str, dict[str, Any]] = {}

        def enable(name: str) -> float:
            facts[name] = _enable(home, f"bl_ext.{REPOSITORY}.{name}")
            return float(str(facts[name]["seconds"]))

        enable("gptimage_addon")
        _write(repository / "empty", EMPTY)
        _write(repository / "skeleton", SKELETON.format(
            modules=_copy_modules(repository, facts["gptimage_addon"]["ours"]), classes=facts["gptimage_addon"]["classes"], kinds=KINDS))
        ours, empty, skeleton = common.in_turns(
            ROUNDS, *(lambda name=name: enable(name) for name in ("gptimage_addon", "empty", "skeleton")))
    print(f"Enabling: import and register, {ROUNDS} fresh processes each")
    print(f"  gptimage_addon    {common.told(ours)}, {len(facts['gptimage_addon']['ours'])} modules of its own, "
          f"{facts['gptimage_addon']['modules']} in all, {len(facts['gptimage_addon']['classes'])} classes")
    print(f"  empty extension   {common.told(empty)}")
    print(f"  its skeleton      {common.told(skeleton)}, ratio {statistics.median(ours) / statistics.median(skeleton):.2f}")
    more_ms = (statistics.median(ours) - statistics.median(empty)) * 1000
    print(f"  difference {more_ms:.2f} ms, goal <= {GOAL_MS:.0f} ms: {common.verdict(more_ms <= GOAL_MS)}")
    heavy = facts["gptimage_addon"]["heavy"]
    print(f"  of openai, PIL, httpx2, pydantic, asyncio in sys.modules: {', '.join(map(str, heavy)) or 'none'}, "
          f"goal none of openai and PIL: {common.verdict(not {'openai', 'PIL'} & set(heavy))}")


def _write(folder: Path, source: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "__init__.py").write_text(source, encoding="utf-8")
    (folder / "blender_manifest.toml").write_text(MANIFEST.replace("empty", folder.name), encoding="utf-8")


def _copy_modules(repository: Path, names: Sequence[str]) -> list[str]:
    """Empty files for the modules of ours; their names as the skeleton imports them."""
    root = repository / "gptimage_addon"
    relative = [name.partition("gptimage_addon.")[2].replace(".", "/") for name in names if "gptimage_addon." in name]
    for each in relative:
        target = repository / "skeleton" / (f"{each}/__init__.py" if (root / each).is_dir() else f"{each}.py")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("", encoding="utf-8")
    return ["." + each.replace("/", ".") for each in relative]


def _enable(home: Path, module: str) -> dict[str, Any]:
    variables = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run([sys.executable, "-I", "-c", ENABLE, module, json.dumps(list(KINDS))], cwd=home, capture_output=True, text=True,
                          env=variables | {"BLENDER_USER_RESOURCES": str(home)}, check=False)
    for line in done.stdout.splitlines():
        if line.startswith("facts "):
            found: dict[str, Any] = json.loads(line.removeprefix("facts "))
            return found
    sys.exit(f"{module} was not enabled:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    main()
