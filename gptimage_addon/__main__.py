# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""python -m gptimage_addon run JOBS.json: the headless run with Blender as a Python module."""

from __future__ import annotations

import sys


def main() -> int:
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
        return headless.main(sys.argv[1:])
    finally:
        registration.unregister()


if __name__ == "__main__":
    sys.exit(main())
