# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures that are still being made: seen in the queue and, if wanted, in the scene, until the finished one takes their place.

What is put into the scene carries in itself whose it is and what was there before, as pointers that Blender keeps right through
undo, saving and renaming. So it can always be taken out again, and what was there is not lost if the file is saved meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import bpy

from ..core.prompts import name_from_prompt
from ..core.request import Job, Place
from . import view

__all__ = ("Icons", "hide", "in_slot", "show", "show_instead", "shown_image")

OF_JOB = "gptimage_unfinished"          # on what is put into the scene: the job's id
_BEFORE = "gptimage_before"             # on the same: what was in its place


class Icons:
    """Pictures as icons. Blender reads their files when it first draws them, in a thread of its own."""

    def __init__(self) -> None:
        import bpy.utils.previews               # not needed to register

        self._pictures = bpy.utils.previews.new()

    def load(self, path: Path) -> int:
        """The icon's number, for `template_icon`."""
        name = str(path)
        picture = self._pictures.get(name) or self._pictures.load(name, name, 'IMAGE')
        return picture.icon_id

    def clear(self) -> None:
        self._pictures.clear()

    def close(self) -> None:
        bpy.utils.previews.remove(self._pictures)


def shown_image(job: Job) -> bpy.types.Image | None:
    """The image that shows the job's unfinished picture, if there is one."""
    return next((image for image in bpy.data.images if image.get(OF_JOB) == job.id), None)


def show(job: Job, path: Path) -> bpy.types.Image | None:
    """Show the file in an Image Editor: in that of a reference, else in one that is empty.

    The file is not packed and not copied, only read when it is drawn. The image is given back the first time, for the materials.
    """
    image = shown_image(job)
    if image is not None:
        image.filepath_raw = str(path)
        image.reload()
        return None
    # Not images.load: that reads the file here and now.
    image = bpy.data.images.new(f"{name_from_prompt(job.prompt)} (Unfinished)", 8, 8)
    image.filepath_raw = str(path)
    image.source = 'FILE'
    image[OF_JOB] = job.id
    editors = [area for window in bpy.context.window_manager.windows for area in window.screen.areas
               if area.type == 'IMAGE_EDITOR' and area.ui_type == 'IMAGE_EDITOR']
    empty = [area for area in editors if area.spaces.active.image is None]
    for area in (editors if job.landing.place is Place.EDITOR else empty)[:1]:
        if area.spaces.active.image:
            image[_BEFORE] = area.spaces.active.image
        view.show_image(area, image)
    return image


def show_instead(area: bpy.types.Area, names: Sequence[str]) -> None:
    """Show the first of these images in an editor that has shown the unfinished one, unless it shows another by now."""
    image = bpy.data.images.get(names[0]) if names else None
    if image and area.type == 'IMAGE_EDITOR' and area.spaces.active.image is None:
        view.show_image(area, image)


def in_slot(job: Job, obj: bpy.types.Object, material: bpy.types.Material) -> None:
    """Show a material of the job's in the object's active slot, or in a first slot, which stays empty after `hide`."""
    material[OF_JOB] = job.id
    if not obj.material_slots:
        obj.data.materials.append(material)
        return
    slot = obj.material_slots[obj.active_material_index]
    if slot.material:
        material[_BEFORE] = slot.material
    slot.material = material


def hide(job: Job) -> list[bpy.types.Area]:
    """Take the job's unfinished picture out of the scene again. Gives back the Image Editors that showed it."""
    image = shown_image(job)
    if image is None:
        return []
    areas = [area for window in bpy.context.window_manager.windows for area in window.screen.areas
             if area.type == 'IMAGE_EDITOR' and area.spaces.active.image == image]
    for material in [each for each in bpy.data.materials if each.get(OF_JOB) == job.id]:
        if before := material.get(_BEFORE):
            material.user_remap(before)
        bpy.data.materials.remove(material)
    if before := image.get(_BEFORE):
        image.user_remap(before)
    bpy.data.images.remove(image)
    return areas
