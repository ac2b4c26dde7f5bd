# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instructions on a picture: annotation strokes and written notes, sent as a drawing over it.

No postponed annotations here: Blender reads those of the classes as properties.
"""

import bpy
from bpy.props import CollectionProperty, FloatProperty, IntProperty, StringProperty

from ..core.request import Mark
from ..imaging import masks
from .areas import Shown, editor_strokes

__all__ = ("GPTIMAGE_PG_note", "MarkSettings", "read_marks")

NOTE_COLOR = (0.9, 0.05, 0.05)


class GPTIMAGE_PG_note(bpy.types.PropertyGroup):
    """One note: where it begins, as fractions of the picture from its bottom left."""

    text: StringProperty(name="Note", description="What is to be done here", options={'TEXTEDIT_UPDATE'})
    x: FloatProperty(name="X", description="Where the note begins, as a share of the picture's width", default=0.5)
    y: FloatProperty(name="Y", description="Where the note begins, as a share of the picture's height", default=0.5)


class MarkSettings:
    """Properties of marks. A mixin for the scene's settings."""

    notes: CollectionProperty(type=GPTIMAGE_PG_note)


def read_marks(context: bpy.types.Context, picture: Shown) -> tuple[Mark, ...]:
    """The annotation strokes of this editor and the notes, in pixels of the picture from its top left."""
    lines = [(stroke.points, stroke.color, "") for stroke in editor_strokes(context)]
    notes = [([(note.x, note.y)], NOTE_COLOR, note.text.strip()) for note in context.scene.gptimage.notes]
    return tuple(
        Mark(tuple(map(tuple, masks.from_fractions(points, picture.size).tolist())), tuple(color), text)
        for points, color, text in (*lines, *(note for note in notes if note[2])))


class GPTIMAGE_OT_remove_note(bpy.types.Operator):
    bl_idname = "gptimage.remove_note"
    bl_label = "Remove Note"
    bl_description = "Take this note off the picture"
    bl_options = {'INTERNAL', 'UNDO'}

    index: IntProperty(name="Index", description="Which note", options={'SKIP_SAVE'})

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.scene.gptimage.notes.remove(self.index)
        return {'FINISHED'}


classes = (GPTIMAGE_OT_remove_note,)
