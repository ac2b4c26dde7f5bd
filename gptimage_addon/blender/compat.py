# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between Blender 4.2 and 5.2. The only place that asks for the version."""

from __future__ import annotations

import bpy

__all__ = ("STILL_MEDIA", "enable_nodes")

# What a scene's output settings need before they can be set to a picture format: from 5.0 on a video scene has no such.
STILL_MEDIA = {"media_type": 'IMAGE'} if bpy.app.version >= (5, 0, 0) else {}


def enable_nodes(material: bpy.types.Material) -> bpy.types.NodeTree:
    """The material's node tree. From 5.0 on every material has one, and setting `use_nodes` warns."""
    if bpy.app.version < (5, 0, 0):
        material.use_nodes = True
    return material.node_tree


def annotation(space: bpy.types.SpaceImageEditor) -> bpy.types.ID | None:
    """The annotation drawn in an Image Editor. 5.0 took it out of the grease pencils."""
    return space.grease_pencil if bpy.app.version < (5, 0, 0) else space.annotation
