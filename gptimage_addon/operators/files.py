# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the operators have in common that read or write a file which the artist chooses.

No postponed annotations here: Blender reads those of the operator as properties.
"""

from pathlib import Path

import bpy
from bpy.props import StringProperty

from ..core.errors import InputError

__all__ = ("FileOperator",)


class FileOperator:
    """An operator on one file; pressed as a button, it has it chosen. A mixin. Which files are listed its `filter_glob` says."""

    filepath: StringProperty(name="File", description="The file to read or write", subtype='FILE_PATH', options={'SKIP_SAVE'})

    file_name = ""                          # what is proposed

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self.filepath = self.filepath or self.file_name
        context.window_manager.fileselect_add(self)
        return {'RUNNING_MODAL'}

    @property
    def path(self) -> Path:
        """Where the file is. Raises InputError if none is named."""
        if not self.filepath:
            raise InputError("No file is named", field="filepath", hint="Choose one")
        return Path(bpy.path.abspath(self.filepath)).absolute()
