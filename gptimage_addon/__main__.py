# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""python -m gptimage_addon run JOBS.json: the headless run with Blender as a Python module."""

from __future__ import annotations

import os
import sys


def main() -> int:
    # Before Blender: with OCIO in the environment 5.2 tells of it on stdout while it is imported.
    lines = os.dup(1)
    os.dup2(2, 1)
    try:
        import bpy
    except ImportError:
        print("gptimage: Blender's Python module is missing. Install bpy, or use blender --command gptimage",
              file=sys.stderr)
        return 2
    from . import registration
    from .operators import headless

    bpy.ops.wm.read_factory_settings()
    registration.register()
    try:
        return headless.main(sys.argv[1:], lines)
    finally:
        registration.unregister()


if __name__ == "__main__":
    sys.exit(main())
