# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""GPT Image for Blender: textures, materials, references and exact touch-ups from words.

Importing the package touches neither bpy nor any library: the worker process, which has no Blender, imports it too.
"""

from __future__ import annotations

import gc


def register() -> None:
    collects = gc.isenabled()
    gc.disable()                        # all that is made here stays: to look for garbage in it is time lost
    try:
        from . import registration

        registration.register()
    finally:
        if collects:
            gc.enable()


def unregister() -> None:
    from . import registration

    registration.unregister()
