# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was there before a generated material or world took its place, noted in the file, and back with one click.

By pointers, which Blender itself keeps right through undo, file load and renaming, and which keep what they point to in the
file; the fake user shows that to the artist, and stays when the note is gone.
"""

from __future__ import annotations

from collections.abc import Sequence

import bmesh
import bpy
import numpy as np

from ..core.errors import InputError

__all__ = (
    "active_slot", "has_previous", "note_faces", "note_world", "previous_material", "previous_world", "replace", "restore_previous",
    "restore_world", "set_face_slots", "slot_owner",
)

_PREVIOUS = "gptimage_previous"             # on what holds the slots: for each slot, what we put there and what was there before
_FACES = "gptimage_previous_faces"          # on a mesh: for each slot that we added, the faces that use it and the slots they used
_WORLD = "gptimage_previous_world"          # on a scene


# --- slots ------------------------------------------------------------------------------------------------

def has_previous(obj: bpy.types.Object | None) -> bool:
    """Whether `restore_previous` can do something for the active slot. Cheap; a panel may call it."""
    return obj is not None and (previous_material(obj) is not None or _faces_note(obj) is not None)


def previous_material(obj: bpy.types.Object) -> bpy.types.Material | None:
    """What was in the object's active slot before `assign` or `restore_previous` put there what it holds. Cheap."""
    slot = active_slot(obj)
    return _note(obj, slot)[0] if slot else None


def restore_previous(obj: bpy.types.Object) -> bpy.types.Material:
    """Put the previous material back into the active slot; what was in it is the previous one then. A slot that was made for faces is
    taken away, and they get back what they had. Gives back the material that is there again, or that is taken away.

    Raises InputError if there is none or the faces are others now, RuntimeError if what holds the slot is linked from another file.
    """
    before = previous_material(obj)
    if before is None and _faces_note(obj):
        return _restore_faces(obj)
    if before is None:
        raise InputError(f"{obj.name} has no previous material", field="objects", hint="Choose a material in its slot")
    slot = active_slot(obj)
    if not slot_owner(obj, slot).is_editable:
        raise RuntimeError(f"{obj.name} (linked from another file)")
    _, kept_by_us = _note(obj, slot)
    replace(obj, slot, before)
    if kept_by_us:
        before.use_fake_user = False
    return before


def active_slot(obj: bpy.types.Object) -> bpy.types.MaterialSlot | None:
    return obj.material_slots[obj.active_material_index] if obj.material_slots else None


def slot_owner(obj: bpy.types.Object, slot: bpy.types.MaterialSlot) -> bpy.types.ID:
    """The slot knows whether the material belongs to the object or to its data."""
    return obj if slot.link == 'OBJECT' else obj.data


def replace(obj: bpy.types.Object, slot: bpy.types.MaterialSlot, material: bpy.types.Material) -> None:
    """Fill the slot and note what was there."""
    owner, before = slot_owner(obj, slot), slot.material
    slot.material = material
    if before is None or before == material:
        return
    kept_by_us = before.is_editable and not before.use_fake_user
    if kept_by_us:
        before.use_fake_user = True
    notes = dict(owner.get(_PREVIOUS, {}))
    notes[str(slot.slot_index)] = {"now": material, "before": before, "kept": kept_by_us}
    owner[_PREVIOUS] = notes


def _note(obj: bpy.types.Object, slot: bpy.types.MaterialSlot) -> tuple[bpy.types.Material | None, bool]:
    """(what was in the slot before what we put there, whether we gave that a fake user).

    By the note of the slot's place, or of another place if slots have been moved; none if the slot holds something else now.
    """
    notes = slot_owner(obj, slot).get(_PREVIOUS, {})
    own = str(slot.slot_index)
    for key in sorted(notes.keys(), key=lambda key: key != own):
        note = notes[key]
        if slot.material is not None and note.get("now") == slot.material and note.get("before") is not None:
            return note["before"], bool(note["kept"])
    return None, False


# --- faces ------------------------------------------------------------------------------------------------

def note_faces(obj: bpy.types.Object, index: int, faces: Sequence[int], *, slots: int) -> None:
    """Note which slots the faces use that are about to use the slot `index`, of a mesh that had so many `slots` before."""
    data = obj.data
    used = _face_slots(obj)
    notes = dict(data.get(_FACES, {}))
    notes[str(index)] = {"now": data.materials[index], "count": len(used), "slots": slots, "faces": [int(face) for face in faces],
                         "before": [int(used[face]) for face in faces]}
    data[_FACES] = notes


def _faces_note(obj: bpy.types.Object) -> object | None:
    """The note of the faces that got the active slot, if that still holds what it was made for. Cheap."""
    if obj.type != 'MESH' or not obj.material_slots:
        return None
    note = obj.data.get(_FACES, {}).get(str(obj.active_material_index))
    return note if note and note.get("now") is not None and note["now"] == obj.active_material else None


def _restore_faces(obj: bpy.types.Object) -> bpy.types.Material:
    """Give the faces of the active slot back to the slots they used before, and take the slot away where it is the last.

    Raises InputError where other faces use it now.
    """
    data, index, note = obj.data, obj.active_material_index, _faces_note(obj)
    faces, before, material = list(note["faces"]), list(note["before"]), note["now"]
    used = _face_slots(obj)
    if len(used) != note["count"] or not np.array_equal(np.flatnonzero(used == index), np.sort(faces)) or max(before) >= len(data.materials):
        raise InputError(f"The faces of {obj.name} with {material.name} are others than it was made for", field="faces",
                         hint="Select the faces in Edit Mode, choose a slot, and press Assign in the Material tab")
    material.use_fake_user = True               # it stays in the file
    set_face_slots(obj, faces, before)
    notes = {key: each.to_dict() for key, each in data[_FACES].items() if key != str(index)}
    if index == len(data.materials) - 1:
        while len(data.materials) > note["slots"]:
            data.materials.pop()
        obj.active_material_index = min(max(before), max(len(data.materials) - 1, 0))
    if notes:
        data[_FACES] = notes
    else:
        del data[_FACES]
    return material


def _face_slots(obj: bpy.types.Object) -> np.ndarray:
    """The slot of each face, int32 (faces,), in Edit Mode as well."""
    if obj.mode == 'EDIT':
        obj.update_from_editmode()
    found = np.empty(len(obj.data.polygons), np.int32)
    obj.data.polygons.foreach_get("material_index", found)
    return found


def set_face_slots(obj: bpy.types.Object, faces: Sequence[int], slots: Sequence[int]) -> None:
    """Let each of the faces use a slot, in Edit Mode as well."""
    if obj.mode == 'EDIT':
        mesh = bmesh.from_edit_mesh(obj.data)
        mesh.faces.ensure_lookup_table()
        for face, slot in zip(faces, slots, strict=True):
            mesh.faces[face].material_index = slot
        bmesh.update_edit_mesh(obj.data, loop_triangles=False)
    else:
        for face, slot in zip(faces, slots, strict=True):
            obj.data.polygons[face].material_index = slot


# --- the world --------------------------------------------------------------------------------------------

def note_world(scene: bpy.types.Scene, world: bpy.types.World) -> None:
    """Make this the scene's world, and note the one that it has."""
    before = scene.world
    scene.world = world
    if before is None or before == world:
        return
    kept_by_us = before.is_editable and not before.use_fake_user
    if kept_by_us:
        before.use_fake_user = True
    scene[_WORLD] = {"now": world, "before": before, "kept": kept_by_us}


def previous_world(scene: bpy.types.Scene) -> bpy.types.World | None:
    """What the scene's world was before the one that we gave it, if it still has that. Cheap; a panel may call it."""
    note = scene.get(_WORLD)
    return note.get("before") if note and scene.world is not None and note.get("now") == scene.world else None


def restore_world(scene: bpy.types.Scene) -> bpy.types.World:
    """Give the scene its previous world back; the one it has is the previous one then. Raises InputError if there is none."""
    before = previous_world(scene)
    if before is None:
        raise InputError(f"{scene.name} has no previous world", field="world", hint="Choose one in the World tab")
    if not scene.is_editable:
        raise InputError(f"{scene.name} is linked from another file", field="world", hint="Make it local first")
    kept_by_us = bool(scene[_WORLD]["kept"])
    note_world(scene, before)
    if kept_by_us:
        before.use_fake_user = False
    return before
