# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scene as references: what its camera or a viewport sees, depth, normals, objects by color, the UV layout. Nothing of it changes."""

from __future__ import annotations

from typing import NamedTuple

import bpy

from .. import blender, core
from ..blender import images
from ..core.errors import InputError
from ..core.pricing import sent_size
from ..imaging.png import encode_png
from .references import FREE_ROLE, GPTIMAGE_PG_reference

__all__ = ("CAPTURE", "Taken", "put_into", "take")

CAPTURE = "gptimage_capture"                    # on an image: what it was taken of
_SHADINGS = {"viewport": "", "solid": 'SOLID', "material": 'MATERIAL', "rendered": 'RENDERED'}
_NORMAL_WORDS = ("a normal map of the view: red is right, green is up, blue is towards the viewer. Keep this relief and layout; "
                 "do not show the map itself")
_IDS_WORDS = "a map of what is where, each thing in one flat color: {legend}. Keep each in its place and outline; do not show these colors"
_UV_WORDS = ("the UV layout of {name}: the texture is laid out so. Gray is what is seen of it, dark lines are its edges. Paint each part where "
             "its island lies; do not show the layout itself")


class Taken(NamedTuple):
    """A picture of the scene: its PNG file, and what the model is told. `role` is a name of `prompts.ROLES`, or words where `is_words`."""

    name: str
    data: bytes
    width_px: int
    height_px: int
    role: str
    is_words: bool = False


def take(context: bpy.types.Context, kind: str, match_camera: bool) -> Taken:
    """The scene in that way, at the size to send it at. "uv:NAME" is an object's. Blocks. Raises InputError.

    With `match_camera` it is for a picture in the camera's shape.
    """
    scene = context.scene
    kind, _, name = kind.partition(":")
    if kind in _SHADINGS:
        rows = blender.capture.capture_viewport(context, _SHADINGS[kind])
        name = "Viewport" if kind == "viewport" else f"Viewport {kind.title()}"
        return Taken(name, encode_png(rows), rows.shape[1], rows.shape[0], "layout")
    if kind == "uv":
        obj = bpy.data.objects.get(name) if name else context.object
        if obj is None:
            raise InputError(f"There is no object {name!r}" if name else "No object is active", field="source", hint="Choose a mesh")
        rows = blender.passes.uv_picture(obj)
        return Taken(f"UV of {obj.name}", encode_png(rows), rows.shape[1], rows.shape[0], _UV_WORDS.format(name=obj.name), True)
    camera = scene.camera
    if camera is None or camera.type != 'CAMERA':
        raise InputError("The scene has no camera", field="source", hint="Add one, or take the viewport")
    width, height = _size(scene, match_camera)
    if kind == "depth":
        return _data(f"Depth of {camera.name}", blender.passes.depth_picture(blender.passes.depth_pass(scene, camera, width, height)), "depth")
    if kind == "normal":
        rows = blender.passes.normal_picture(blender.passes.normal_pass(scene, camera, width, height))
        return _data(f"Normals of {camera.name}", rows, _NORMAL_WORDS, True)
    if kind == "ids":
        rows, legend = blender.passes.ids_picture(*blender.passes.objects_pass(scene, camera, width, height))
        return _data(f"Objects of {camera.name}", rows, _IDS_WORDS.format(legend=legend), True)
    if kind not in ("camera", "clay", "selected"):
        raise InputError(f"There is no view {kind!r}", field="source", hint="Use camera, clay, selected, depth, normal, ids or uv")
    only = context.selected_objects if kind == "selected" else None
    if only is not None and not only:
        raise InputError("No object is selected", field="source", hint="Select what is to be seen")
    data = blender.capture.capture_camera(scene, camera, width, height, clay=kind == "clay", only=only)
    return Taken(f"{kind.title()} of {camera.name}" if kind != "camera" else camera.name, data, width, height, "subject" if only else "layout")


def _data(name: str, rows: object, role: str, is_words: bool = False) -> Taken:
    return Taken(name, encode_png(rows), rows.shape[1], rows.shape[0], role, is_words)


def _size(scene: bpy.types.Scene, match_camera: bool) -> tuple[int, int]:
    render = scene.render
    if match_camera:                            # with the margin that is cut off the answer
        concept = core.framing.concept_sizes(blender.camera.read_frame(scene))
        return sent_size(concept.width_px, concept.height_px)
    return sent_size(render.resolution_x, max(1, round(render.resolution_y * render.pixel_aspect_y / render.pixel_aspect_x)))


def put_into(item: GPTIMAGE_PG_reference, taken: Taken, kind: str) -> None:
    """Let the item show what was taken. Words of the artist's own stay where its role has a name."""
    old = item.image if item.image and CAPTURE in item.image else None
    item.image = images.pack_picture(taken.name, taken.data, image=old)
    item.image[CAPTURE] = kind
    if taken.is_words:
        item.role, item.words = FREE_ROLE, taken.role
    elif old is None:
        item.role = taken.role
