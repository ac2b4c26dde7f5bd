# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What enabling the extension costs at Blender's start, against an extension that does nothing.

Both lie in the same repository of a Blender that has never been used, and are enabled as Blender's start does it,
each in a fresh process with its byte code already written.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import common

ROUNDS = 15
GOAL_MS = 10.0
REPOSITORY = "user_default"

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
heavy = sorted({name.partition(".")[0] for name in sys.modules} & {"openai", "PIL", "httpx2", "pydantic", "asyncio"})
new = len(set(sys.modules) - known)
print("facts", json.dumps({"seconds": seconds, "modules": new, "ours": len(ours), "heavy": heavy}))
"""

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
        (repository / "empty").mkdir()
        (repository / "empty" / "__init__.py").write_text(EMPTY, encoding="utf-8")
        (repository / "empty" / "blender_manifest.toml").write_text(MANIFEST, encoding="utf-8")

        facts: dict[str, dict[str, object]] = {}

        def enable(name: str) -> float:
            facts[name] = _enable(home, f"bl_ext.{REPOSITORY}.{name}")
            return float(str(facts[name]["seconds"]))

        ours, empty = common.in_turns(ROUNDS, lambda: enable("gptimage_addon"), lambda: enable("empty"))
    print(f"Enabling: import and register, {ROUNDS} fresh processes each")
    print(f"  gptimage_addon    {common.told(ours)}, {facts['gptimage_addon']['ours']} modules of its own, "
          f"{facts['gptimage_addon']['modules']} in all")
    print(f"  empty extension   {common.told(empty)}")
    more_ms = (statistics.median(ours) - statistics.median(empty)) * 1000
    print(f"  difference {more_ms:.2f} ms, goal <= {GOAL_MS:.0f} ms: {common.verdict(more_ms <= GOAL_MS)}")
    heavy = facts["gptimage_addon"]["heavy"]
    print(f"  of openai, PIL, httpx2, pydantic, asyncio in sys.modules: {', '.join(map(str, heavy)) or 'none'}, "
          f"goal none of openai and PIL: {common.verdict(not {'openai', 'PIL'} & set(heavy))}")


def _enable(home: Path, module: str) -> dict[str, object]:
    variables = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run([sys.executable, "-I", "-c", ENABLE, module], cwd=home, capture_output=True, text=True,
                          env=variables | {"BLENDER_USER_RESOURCES": str(home)}, check=False)
    for line in done.stdout.splitlines():
        if line.startswith("facts "):
            found: dict[str, object] = json.loads(line.removeprefix("facts "))
            return found
    sys.exit(f"{module} was not enabled:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    main()
