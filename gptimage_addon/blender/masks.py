# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Masks out of the scene and its images: float32 (h, w), rows from the top, 1 = change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import bpy
import numpy as np

from ..core.errors import InputError
from . import compat
from .paths import scratch_file

__all__ = ("annotation_strokes", "image_channels", "objects_coverage", "write_mask")

SAMPLES = 16                # of the silhouettes' edges


def image_channels(image: bpy.types.Image) -> np.ndarray:
    """The image's pixels, (h, w, channels) float32, rows from the top; display values for byte images."""
    width, height = image.size
    if not width or not height:
        raise InputError(f"The image {image.name} has no pixels", field="mask", hint="Check that its file exists")
    flat = np.empty(width * height * image.channels, np.float32)
    image.pixels.foreach_get(flat)
    return flat.reshape(height, width, image.channels)[::-1]


def write_mask(image: bpy.types.Image | None, name: str, mask: np.ndarray) -> bpy.types.Image:
    """The mask as an image, white = change, in `image` if it is given. Packed when the file is saved, as any painted one."""
    height, width = mask.shape
    if image is None:
        image = bpy.data.images.new(name, width, height)
        image.colorspace_settings.name = "Non-Color"
    pixels = np.ones((height, width, 4), np.float32)
    pixels[..., :3] = mask[::-1, :, None]
    image.pixels.foreach_set(pixels.ravel())
    image.update()
    image.pack()
    return image


def annotation_strokes(space: bpy.types.SpaceImageEditor) -> list[np.ndarray]:
    """The annotation strokes drawn in the Image Editor: for each its points (n, 2), fractions from the picture's bottom left."""
    annotation = compat.annotation(space)
    strokes = []
    for layer in annotation.layers if annotation else ():
        if layer.annotation_hide or layer.active_frame is None:
            continue
        for stroke in layer.active_frame.strokes:
            points = np.empty(len(stroke.points) * 3, np.float32)
            stroke.points.foreach_get("co", points)
            if len(stroke.points) > 2:
                strokes.append(points.reshape(-1, 3)[:, :2])
    return strokes


def objects_coverage(
    scene: bpy.types.Scene, objects: Iterable[bpy.types.Object], width_px: int, height_px: int,
) -> np.ndarray:
    """How much of each pixel of the scene's camera view the objects cover, with all that hides them taken off.

    Rendered by Cycles in a scene of its own, in which the objects keep their modifiers, instances, hair and
    see-through materials, and all else only holds them out. Nothing of the artist's scene is changed. Blocks.
    """
    wanted = set(objects) & _rendered_objects(scene.view_layers[0].layer_collection)
    if not wanted:
        raise InputError("None of the objects is visible in renders", field="mask", hint="Select visible objects")
    if scene.camera is None:
        raise InputError("The scene has no camera", field="mask", hint="Add one: the mask is what it sees")
    with _silhouette_scene(scene, wanted, width_px, height_px) as copy, scratch_file(".png") as path:
        copy.render.filepath = str(path)
        bpy.ops.render.render(write_still=True, scene=copy.name)
        picture = bpy.data.images.load(str(path))
        try:
            picture.colorspace_settings.name = "Non-Color"
            picture.alpha_mode = 'STRAIGHT'
            return np.ascontiguousarray(image_channels(picture)[:, :, 3])
        finally:
            bpy.data.images.remove(picture)


@contextmanager
def _silhouette_scene(
    scene: bpy.types.Scene, wanted: set[bpy.types.Object], width_px: int, height_px: int,
) -> Iterator[bpy.types.Scene]:
    copy = bpy.data.scenes.new("GPT Image Mask")
    shown, holding = (bpy.data.collections.new(f"GPT Image {name}") for name in ("Mask", "Holdout"))
    try:
        copy.frame_set(scene.frame_current, subframe=scene.frame_subframe)
        copy.camera = scene.camera
        for name in ("resolution_x", "resolution_y", "pixel_aspect_x", "pixel_aspect_y"):
            setattr(copy.render, name, getattr(scene.render, name))
        copy.render.resolution_x, copy.render.resolution_y = width_px, height_px
        copy.render.resolution_percentage = 100
        copy.render.engine = 'CYCLES'
        copy.cycles.samples = SAMPLES
        copy.cycles.use_denoising = False
        copy.cycles.use_adaptive_sampling = False
        copy.render.film_transparent = True
        copy.render.use_compositing = copy.render.use_sequencer = False
        copy.view_settings.view_transform = 'Raw'
        image = copy.render.image_settings
        image.file_format, image.color_mode, image.color_depth = 'PNG', 'RGBA', '16'
        copy.collection.children.link(shown)
        copy.collection.children.link(holding)
        for obj in _rendered_objects(scene.view_layers[0].layer_collection):
            (shown if obj in wanted else holding).objects.link(obj)
        copy.view_layers[0].layer_collection.children[holding.name].holdout = True
        yield copy
    finally:
        bpy.data.scenes.remove(copy)
        for collection in (shown, holding):
            bpy.data.collections.remove(collection)


def _rendered_objects(layer: bpy.types.LayerCollection) -> set[bpy.types.Object]:
    """The objects that a render shows: those of collections that are neither excluded nor hidden in renders."""
    found: set[bpy.types.Object] = set()
    if not layer.exclude and not layer.collection.hide_render:
        found.update(obj for obj in layer.collection.objects if not obj.hide_render)
        for child in layer.children:
            found |= _rendered_objects(child)
    return found
