# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Things of the scene that a result is meant for: noted when the job is made, found again when it is done.

A reference to a datablock dies on undo and file load, so none is kept.
"""

from __future__ import annotations

from collections.abc import Sequence

import bpy

from ..core.errors import InputError
from ..core.request import Landing, Target
from .host import SESSION

__all__ = ("can_hold_material", "find_target", "note_faces", "note_target", "noted_faces", "tree_owner")

_COLLECTIONS = {
    "Object": "objects", "Material": "materials", "World": "worlds", "Light": "lights", "NodeGroup": "node_groups",
    "Image": "images", "Scene": "scenes",
    "Brush": "brushes",
}
_WITH_MATERIALS = {"MESH", "CURVE", "SURFACE", "FONT", "META", "CURVES", "POINTCLOUD", "VOLUME"}


def note_target(kind: str, datablock: bpy.types.ID, detail: str = "") -> Target:
    return Target(kind, datablock.name_full, datablock.session_uid, detail)


def note_faces(obj: bpy.types.Object, faces: Sequence[int]) -> Target:
    """The object, with these faces of its mesh, in ascending order, as long as that has as many. Noted as "count:first-last,…"."""
    runs: list[list[int]] = []
    for face in faces:
        if runs and face == runs[-1][1] + 1:
            runs[-1][1] = face
        else:
            runs.append([face, face])
    told = ",".join(f"{first}-{last}" for first, last in runs)
    return note_target("Object", obj, f"{len(obj.data.polygons)}:{told}")


def noted_faces(target: Target, obj: bpy.types.Object) -> list[int]:
    """The faces that were noted with the object. Raises InputError if its mesh has others now."""
    count, _, faces = target.detail.partition(":")
    if obj.mode == 'EDIT':
        obj.update_from_editmode()
    if not faces or len(obj.data.polygons) != int(count):
        raise InputError(f"the faces of {obj.name}", field="faces", hint="Apply the image to the faces by hand")
    runs = (run.split("-") for run in faces.split(","))
    return [face for first, last in runs for face in range(int(first), int(last) + 1)]


def find_target(target: Target, landing: Landing) -> bpy.types.ID | None:
    """The datablock a job was meant for, or None if it is gone.

    In the Blender session that made the job its session_uid tells it, whatever it is called now, after undo too.
    In another one, or after the file was opened again, its name does if it is the same file.
    """
    datablocks = getattr(bpy.data, _COLLECTIONS[target.id_type])
    if landing.session == SESSION:
        found = next((block for block in datablocks if block.session_uid == target.session_uid), None)
        if found is not None:
            return found
    if landing.blend and landing.blend == bpy.data.filepath:
        return next((block for block in datablocks if block.name_full == target.name), None)
    return None


def can_hold_material(obj: bpy.types.Object) -> bool:
    return obj.type in _WITH_MATERIALS


def tree_owner(tree: bpy.types.NodeTree, context: bpy.types.Context) -> tuple[str, bpy.types.ID] | None:
    """(kind, datablock) that a shader node tree belongs to: a group is its own, the others are parts of their owner."""
    if not tree.is_embedded_data:
        return "NodeGroup", tree
    owner = getattr(context.space_data, "id", None)
    kind = type(owner).__name__ if owner else ""
    kind = "Light" if isinstance(owner, bpy.types.Light) else kind
    return (kind, owner) if kind in _COLLECTIONS else None
