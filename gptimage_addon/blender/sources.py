# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures to touch up or to send along, as they are: files byte for byte, else the pixels that Blender has, not converted."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import NamedTuple

import bpy
import numpy as np

from ..core.errors import InputError
from ..core.pictures import read_head
from ..core.request import PixelKind
from . import compat, images
from .masks import image_channels
from .paths import scratch_file

__all__ = ("Source", "file_source", "image_source", "npy_bytes", "present_source", "render_source")


class Source(NamedTuple):
    """A picture to change or to send. `data` is a PNG, JPEG or WebP file, or a NumPy file of RGBA as `pixels` says.

    `has_alpha` is False where the fourth channel is no coverage. `is_render` tells that it shows the scene's render.
    """

    data: bytes
    suffix: str
    width_px: int
    height_px: int
    name: str
    pixels: PixelKind = PixelKind.DISPLAY
    has_alpha: bool = True
    is_render: bool = False

    @property
    def size(self) -> tuple[int, int]:
        return self.width_px, self.height_px


def render_source(scene: bpy.types.Scene) -> Source:
    """The Render Result's active slot as the scene's view shows it, 8 bits a channel. Raises InputError if there is none."""
    result = bpy.data.images.get(images.RENDER_RESULT)
    try:
        if result is None:
            raise RuntimeError("nothing was rendered")
        return _viewed_source(result, scene)._replace(is_render=True)
    except (RuntimeError, OSError) as error:
        raise InputError("There is no Render Result", field="image", hint="Render the scene first") from error


def _viewed_source(image: bpy.types.Image, scene: bpy.types.Scene) -> Source:
    """The image through the scene's view. Raises RuntimeError, OSError."""
    with images.saving_as(scene, file_format='PNG', color_mode='RGBA', color_depth='8'), scratch_file(".png") as path:
        image.save_render(str(path), scene=scene)
        data = path.read_bytes()
    width, height = struct.unpack(">II", data[16:24])       # of the PNG's header
    return Source(data, ".png", width, height, image.name)


def image_source(image: bpy.types.Image, *, field: str = "image") -> Source:
    """An image datablock. Floats stay floats, and unsaved paint is in it. Raises InputError naming the field."""
    if image.source in {'TILED', 'MOVIE', 'SEQUENCE'}:
        what = {'TILED': "a UDIM image", 'MOVIE': "a movie", 'SEQUENCE': "an image sequence"}[image.source]
        raise InputError(f"{image.name} is {what}, not one picture", field=field,
                         hint="Open one tile as an image" if image.source == 'TILED' else "Open one frame as an image")
    is_render = bool(images.provenance(image).get("of_render", False))
    if file := images.unchanged_file(image):
        data, mime = file
        head = read_head(data)                  # of the file as it is now, which Blender may have read earlier
        size = (head.width_px, head.height_px) if head else image.size
        return Source(data, images.SUFFIXES[mime], *size, image.name, has_alpha=_has_alpha(image), is_render=is_render)
    return _pixels_source(image, field)._replace(is_render=is_render)


def _has_alpha(image: bpy.types.Image) -> bool:
    return image.alpha_mode in {'STRAIGHT', 'PREMUL'} and not image.colorspace_settings.is_data


def _pixels_source(image: bpy.types.Image, field: str) -> Source:
    pixels = image_channels(image, field=field)
    if pixels.shape[2] < 4:
        rgb = pixels if pixels.shape[2] == 3 else np.repeat(pixels[..., :1], 3, axis=2)
        pixels = np.concatenate((rgb, np.ones_like(rgb[..., :1])), axis=2)
    kind = PixelKind.DISPLAY
    if image.is_float:
        kind = PixelKind.DATA if image.colorspace_settings.is_data else PixelKind.LINEAR
        if kind is PixelKind.LINEAR and (space := compat.working_space()) != "Linear Rec.709":
            raise InputError(f"The float image {image.name} cannot be shown from the working space {space}", field=field,
                             hint="Save it as a 16-bit PNG and use that")
    else:
        pixels = np.rint(pixels * 255).astype(np.uint8)
    return Source(npy_bytes(pixels), ".npy", *image.size, image.name, kind, _has_alpha(image))


def file_source(path: Path, *, field: str = "image") -> Source:
    """A picture file of any format that Blender reads. Raises InputError naming the field."""
    if not path.is_file():
        raise InputError(f"There is no image {str(path)!r}", field=field, hint="Name an image of the file, or a path")
    try:
        image = bpy.data.images.load(str(path.resolve()))
    except RuntimeError as error:
        raise InputError(f"{path} cannot be read: {error}", field=field, hint="Check that it is a picture") from error
    try:
        return image_source(image, field=field)._replace(name=path.stem)
    finally:
        bpy.data.images.remove(image)


# --- as it is shown now -----------------------------------------------------------------------------------

def present_source(image: bpy.types.Image, scene: bpy.types.Scene, *, field: str = "references") -> Source:
    """The image as it is shown now: of movies and sequences the scene's frame, of a render its active slot.

    Raises InputError naming the field: for UDIM images, and for a file that is not there, which is named.
    """
    if image.type == 'RENDER_RESULT':
        return render_source(scene)
    if image.source in {'SEQUENCE', 'MOVIE'}:
        return _frame_source(image, scene, field)
    if path := images.outside_path(image):
        if not image.has_data and not path.is_file():
            raise InputError(f"{image.name}: there is no file {path}", field=field,
                             hint="Find it with File > External Data > Find Missing Files, or leave the picture out")
    if image.is_float and image.use_view_as_render and not image.colorspace_settings.is_data:
        try:
            return _viewed_source(image, scene)
        except (RuntimeError, OSError) as error:
            raise InputError(f"The image {image.name} cannot be read: {error}", field=field, hint="Save it as PNG and use that") from error
    return image_source(image, field=field)


def _frame_source(image: bpy.types.Image, scene: bpy.types.Scene, field: str) -> Source:
    """The frame of a movie or a sequence. Blender decodes it for whoever asks by an image user: here a texture of our own."""
    texture = bpy.data.textures.new("GPT Image Frame", 'IMAGE')
    try:
        texture.image = image
        user = texture.image_user
        user.frame_current = _present_frame(image, scene)
        path = Path(image.filepath_from_user(image_user=user))
        if not image.packed_file and not path.is_file():
            raise InputError(f"{image.name}: there is no file {path}", field=field, hint="Go to another frame, or leave the picture out")
        if image.source == 'SEQUENCE':
            return file_source(path, field=field)._replace(name=image.name)
        texture.evaluate((0.0, 0.0, 0.0))               # from now on the image's pixels are this frame's
    finally:
        bpy.data.textures.remove(texture)
    return _pixels_source(image, field)


def _present_frame(image: bpy.types.Image, scene: bpy.types.Scene) -> int:
    """The number of the frame that is shown now, by the settings of an editor or a node that shows the image.

    The rule is Blender's BKE_image_user_frame_get (source/blender/blenkernel/intern/image.cc).
    """
    editors = (area.spaces.active for window in bpy.context.window_manager.windows for area in window.screen.areas
               if area.type == 'IMAGE_EDITOR')
    nodes = (node for material in bpy.data.materials if material.node_tree for node in material.node_tree.nodes
             if node.bl_idname in {"ShaderNodeTexImage", "ShaderNodeTexEnvironment"})
    user = next((owner.image_user for owner in (*editors, *nodes) if owner.image == image), None)
    start, offset, length, cyclic = 1, 0, image.frame_duration if image.source == 'MOVIE' else 0, False
    if user:
        start, offset, length, cyclic = user.frame_start, user.frame_offset, user.frame_duration, user.use_cyclic
    frame = scene.frame_current - start + 1
    if length:
        frame = (frame - 1) % length + 1 if cyclic else min(max(frame, 1), length)
    return frame + offset


def npy_bytes(array: np.ndarray) -> bytes:
    """A NumPy file of the array."""
    out = io.BytesIO()
    np.save(out, array, allow_pickle=False)
    return out.getvalue()
