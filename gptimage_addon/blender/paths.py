# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things lie on this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy

__all__ = ("PACKAGE_DIR", "ROOT", "default_data_dir", "scratch_file", "wheels_dir")

# The package's full name: bl_ext.REPOSITORY.gptimage_addon when installed, gptimage_addon from a checkout.
ROOT = __package__.rpartition(".")[0]
PACKAGE_DIR = Path(__file__).resolve().parent.parent


def default_data_dir() -> Path:
    """The folder of the jobs, in Blender's user path for this extension. Survives upgrades."""
    if ROOT.startswith("bl_ext."):
        found = bpy.utils.extension_path_user(ROOT)
    else:
        found = bpy.utils.user_resource("DATAFILES", path="gptimage_addon")
    return Path(found) if found else Path.home() / "gptimage_addon"


def wheels_dir() -> Path | None:
    """Where Blender unpacks the extensions' wheels for its Python, or None when there are none.

    The place is Blender's own rule (scripts/modules/addon_utils.py). Asking the import system instead could
    find another extension's copy.
    """
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    found = Path(bpy.utils.user_resource("EXTENSIONS"), ".local", "lib", version, "site-packages")
    return found if found.is_dir() else None


@contextmanager
def scratch_file(ending: str) -> Iterator[Path]:
    """A path in Blender's folder for this session, for a file that Blender writes; gone afterwards."""
    path = Path(bpy.app.tempdir, f"gptimage-{os.urandom(6).hex()}{ending}")
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
