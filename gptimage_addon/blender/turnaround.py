# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Views of one subject as image empties along the axes, all at one scale."""

from __future__ import annotations

import math
from collections.abc import Sequence

import bpy

from .images import provenance

__all__ = ("place_views",)

# Turned so that the picture is seen upright in Blender's view of that name, and the axis that it stands back on.
_TURNS = {
    "front": ((math.pi / 2, 0.0, 0.0), (0.0, 1.0, 0.0)),
    "right": ((math.pi / 2, 0.0, math.pi / 2), (-1.0, 0.0, 0.0)),
    "back": ((math.pi / 2, 0.0, math.pi), (0.0, -1.0, 0.0)),
    "left": ((math.pi / 2, 0.0, -math.pi / 2), (1.0, 0.0, 0.0)),
    "top": ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
}
_GROUP = "gptimage_turnaround"


def place_views(
    scene: bpy.types.Scene, views: Sequence[bpy.types.Image], name: str, group: str, height_m: float,
) -> bpy.types.Collection:
    """Stand the views on the axes, in the collection of their group, which is made where there is none yet.

    The subject is `height_m` metres tall in each upright view, its feet on the ground and its middle on the axis; from above it is
    as wide as from the front. The empties stand behind what is modelled, and show in orthographic views along their axis alone.
    """
    collection = next((each for each in bpy.data.collections if each.get(_GROUP) == group), None)
    if collection is None:
        collection = bpy.data.collections.new(name)
        collection[_GROUP] = group
        scene.collection.children.link(collection)
    for image in views:
        facts = provenance(image)
        view, (x0, y0, x1, y1) = facts["view"], facts["subject"]
        width, height = (int(side) for side in facts["size"].split("x"))
        turn, back = _TURNS[view]
        empty = bpy.data.objects.new(image.name, None)
        empty.empty_display_type = 'IMAGE'
        empty.data = image
        empty.rotation_euler = turn
        empty.location = [part * height_m for part in back]
        scale = _front_width_m(collection, height_m) / (x1 - x0) if view == "top" else height_m / (y1 - y0)
        empty.empty_display_size = scale * max(width, height)       # its longer side
        empty.empty_image_offset = (-(x0 + x1) / 2 / width, -(1 - (y0 + y1) / 2 / height) if view == "top" else -(1 - y1 / height))
        empty.empty_image_side = 'FRONT'
        empty.empty_image_depth = 'BACK'
        empty.use_empty_image_alpha = True
        empty.color[3] = 0.6
        empty.show_empty_image_perspective = False
        empty.show_empty_image_only_axis_aligned = True
        collection.objects.link(empty)
    return collection


def _front_width_m(collection: bpy.types.Collection, height_m: float) -> float:
    """How wide the subject is from the front or the back; as wide as tall where neither is there."""
    for empty in collection.objects:
        facts = provenance(empty.data) if empty.type == 'EMPTY' else {}
        if facts.get("view") in {"front", "back"}:
            x0, y0, x1, y1 = facts["subject"]
            return (x1 - x0) / (y1 - y0) * height_m
    return height_m
