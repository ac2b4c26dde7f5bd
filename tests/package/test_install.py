# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The built zip in a Blender that has never seen us."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

# Runs in a process of its own: Blender's user folder is chosen when bpy is imported.
INSTALL = """
import json, sys
import bpy
import addon_utils  # bpy makes it importable

NAME = "bl_ext.user_default.gptimage_addon"
bpy.ops.extensions.package_install_files(filepath=sys.argv[1], repo="user_default", enable_on_install=True)
facts = {
    "enabled": NAME in bpy.context.preferences.addons,
    "operator": hasattr(bpy.types, "GPTIMAGE_OT_generate_texture"),
    "scene": hasattr(bpy.types.Scene, "gptimage"),
    "loaded": sorted({"openai", "PIL", "keyring", "httpx2", "pydantic"} & set(sys.modules)),
}
# Not by the preferences' operator: Blender removes the wheels of a disabled extension, and another test needs them.
addon_utils.disable(NAME, default_set=False)
facts["after"] = [
    addon_utils.check(NAME)[1],
    hasattr(bpy.types, "GPTIMAGE_OT_generate_texture"),
    hasattr(bpy.types.Scene, "gptimage"),
]
print("facts " + json.dumps(facts))
"""


# A texture of the practice service, from the installed extension.
RUN = """
import bpy
import addon_utils

assert addon_utils.enable("bl_ext.user_default.gptimage_addon", default_set=True)
bpy.context.scene.gptimage.prompt = "red brick"
bpy.context.scene.gptimage.quality = "low"
print(bpy.ops.gptimage.generate_texture(), bpy.ops.gptimage.wait(timeout_s=90), [image.name for image in bpy.data.images if "gptimage" in image])
"""

pytestmark = [
    pytest.mark.bpy,
    pytest.mark.skipif(sys.platform != "linux", reason="the zip that the tests build is for linux-x64"),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder that has never seen Blender; its folder "user" is Blender's."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def variables(home: Path) -> dict[str, str]:
    known = {name: value for name, value in os.environ.items() if name != "PYTHONPYCACHEPREFIX"}
    return known | {"BLENDER_USER_RESOURCES": str(home / "user"), "HOME": str(home)}


@pytest.fixture(scope="module")
def installed(built_zip: Path, home: Path, variables: dict[str, str]) -> str:
    """What Blender said while it installed, enabled and disabled the zip."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", INSTALL, str(built_zip)],
        env=variables, cwd=home, capture_output=True, text=True, timeout=180, check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_blender_installs_enables_and_disables_the_zip(installed: str) -> None:
    (facts,) = [json.loads(line.removeprefix("facts ")) for line in installed.splitlines() if line.startswith("facts ")]
    assert facts == {"enabled": True, "operator": True, "scene": True, "loaded": [], "after": [False, False, False]}
    assert "Traceback" not in installed and "olicy violation" not in installed, installed


def test_the_wheels_alone_serve_the_worker(installed: str, home: Path, variables: dict[str, str]) -> None:
    """Blender's unpacked wheels, and nothing of this environment, bring all that the worker imports."""
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    (wheels,) = home.glob(f"user/extensions/.local/lib/{python}/site-packages")
    # -S: no site-packages, so that an import can only come from the wheels.
    check = "import openai, PIL.Image, keyring.backends.SecretService, platformdirs, httpx2; print(openai.__file__)"
    done = subprocess.run(
        [sys.executable, "-S", "-c", check], env=variables | {"PYTHONPATH": str(wheels)},
        cwd=home, capture_output=True, text=True, timeout=60, check=False,
    )
    assert done.returncode == 0 and done.stdout.startswith(str(wheels)), done.stdout + done.stderr


def test_what_the_worker_compiles_is_kept(installed: str, home: Path, variables: dict[str, str]) -> None:
    """Blender unpacks wheels without bytecode: compiled at each start, the helper would start a third as fast."""
    kept: list[dict[Path, int]] = []
    for path in (home / "user" / "extensions").rglob("*.pyc"):          # other processes have used the wheels before
        path.unlink()
    for _ in range(2):
        done = subprocess.run([sys.executable, "-I", "-c", RUN], env=variables, cwd=home, capture_output=True, text=True, timeout=180, check=False)
        assert done.returncode == 0 and "{'FINISHED'} {'FINISHED'} ['" in done.stdout, done.stdout + done.stderr
        kept.append({path: path.stat().st_mtime_ns for path in (home / "user" / "extensions").rglob("*.pyc")})
    names = {path.as_posix().partition("/site-packages/")[2].partition("/")[0] for path in kept[0]}
    assert {"openai", "PIL", "pydantic"} <= names and any("/gptimage_addon/worker/" in path.as_posix() for path in kept[0])
    assert kept[0] == kept[1], "the second start compiles nothing"
