# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A render by Cycles that shows nothing but where some objects are, beside the artist's scene and its pictures.

Rendered is a copy of the scene with collections of its own: what is wanted is shown, all else only holds it out, and
the alpha of the transparent film is the coverage. So the alpha of materials, modifiers, instances and hair count as
in a render, and no color management has a say. Nothing of the artist's data is touched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import bpy
import numpy as np

from ..core.errors import InputError
from ..core.regions import Box
from ..imaging.masks import bounds
from . import compat
from .images import saving_as
from .masks import image_channels
from .paths import scratch_file
from .view import camera_of

__all__ = ("collection_of", "forget_render", "render_coverage", "render_output", "render_slots_kept", "scene_copy", "show_only")

# Of the silhouettes' edges. Where much is to be rendered fewer, to some 6 million in all.
MIN_SAMPLES, MAX_SAMPLES, ALL_SAMPLES = 4, 16, 6 << 20
PREVIEW = 4                     # times smaller is the render that tells where something is to be seen


def render_coverage(
    scene: bpy.types.Scene, shown: Iterable[bpy.types.Object], held: Iterable[bpy.types.Object],
    width_px: int, height_px: int, *, camera: bpy.types.Object | None = None, crop: bool = True,
    output: Callable[[bpy.types.Scene], AbstractContextManager[None]] = nullcontext,
) -> np.ndarray:
    """How much of each pixel the shown objects cover, where the held ones leave them to be seen. Blocks. Raises InputError.

    With `crop` only the box is rendered in which a smaller render sees one of the shown ones with nothing in front:
    for objects that may be small in the picture. `output` may make the scene give out another alpha than its own.
    """
    crop = crop and min(width_px, height_px) >= 16 * PREVIEW       # Blender renders 4 pixels at least
    camera = camera or camera_of(scene)
    _require_cycles(scene)
    bpy.ops.ed.flush_edits()
    # Without an area: from a 3D Viewport with a camera of its own Blender would render through that one.
    with (bpy.context.temp_override(area=None), _mask_scene(scene, camera, shown) as copy,
          collection_of(held) as holding, render_slots_kept(scene, copy)):
        mask = np.zeros((height_px, width_px), np.float32)
        box = bounds(_render(copy, -(-width_px // PREVIEW), -(-height_px // PREVIEW))) if crop else None
        if box or not crop:
            if box:
                _set_border(copy, box)
            copy.collection.children.link(holding)
            copy.view_layers[0].layer_collection.children[holding.name].holdout = True
            with output(copy):
                mask = _render(copy, width_px, height_px)
        forget_render(copy)
        return mask


def render_output(
    scene: bpy.types.Scene, shown: Iterable[bpy.types.Object], width_px: int, height_px: int, *, camera: bpy.types.Object,
    output: Callable[[bpy.types.Scene], AbstractContextManager[None]],
) -> np.ndarray:
    """What `output` lets the scene give out of these objects, float32 (h, w, 4): what lies at the middle of each pixel, nothing mixed.

    The pixels are square. Blocks. Raises InputError.
    """
    _require_cycles(scene)
    bpy.ops.ed.flush_edits()
    with (bpy.context.temp_override(area=None), _mask_scene(scene, camera, shown) as copy, render_slots_kept(scene, copy)):
        copy.cycles.pixel_filter_type, copy.cycles.filter_width = 'BOX', 0.01
        copy.render.use_motion_blur = False
        copy.render.pixel_aspect_x = copy.render.pixel_aspect_y = 1.0
        copy.render.image_settings.color_depth = '32'
        with output(copy):
            found = _render_channels(copy, width_px, height_px, 1)
        forget_render(copy)
        return found


def _require_cycles(scene: bpy.types.Scene) -> None:
    if not hasattr(scene, "cycles"):
        raise InputError("Masks and passes are rendered by Cycles, and it is off", field="mask",
                         hint="Enable Cycles Render Engine in Preferences, Add-ons")
    if bpy.app.is_job_running('RENDER'):
        raise InputError("A render is running", field="mask", hint="Wait until it is done")


def _set_border(copy: bpy.types.Scene, box: Box) -> None:
    """Render only the box of the picture that is rendered now, and two of its pixels around it."""
    render = copy.render
    width, height = render.resolution_x, render.resolution_y
    render.use_border = True
    render.border_min_x, render.border_max_x = (box.x0 - 2) / width, (box.x1 + 2) / width
    render.border_min_y, render.border_max_y = 1 - (box.y1 + 2) / height, 1 - (box.y0 - 2) / height


def _render(copy: bpy.types.Scene, width_px: int, height_px: int) -> np.ndarray:
    """The alpha of the scene's render."""
    render = copy.render
    samples = ALL_SAMPLES / (width_px * height_px)
    if render.use_border:
        samples /= (render.border_max_x - render.border_min_x) * (render.border_max_y - render.border_min_y)
    is_soft = render.use_motion_blur or copy.camera.data.dof.use_dof
    samples = MAX_SAMPLES if is_soft else min(max(int(samples), MIN_SAMPLES), MAX_SAMPLES)
    return np.clip(_render_channels(copy, width_px, height_px, samples)[:, :, 3], 0, 1)


def _render_channels(copy: bpy.types.Scene, width_px: int, height_px: int, samples: int) -> np.ndarray:
    """The scene's render, float32 (h, w, 4)."""
    render = copy.render
    render.resolution_x, render.resolution_y = width_px, height_px
    copy.cycles.samples = samples
    with scratch_file(".exr") as path:
        render.filepath = str(path)
        try:
            bpy.ops.render.render(write_still=True, scene=copy.name)
            picture = bpy.data.images.load(str(path))
        except RuntimeError as error:
            raise InputError(f"The mask cannot be rendered: {error}", field="mask",
                             hint="Render the scene with Cycles to see why") from error
        try:
            return image_channels(picture)
        finally:
            bpy.data.images.remove(picture)


@contextmanager
def scene_copy(scene: bpy.types.Scene, camera: bpy.types.Object) -> Iterator[bpy.types.Scene]:
    """A copy of the scene to render from that camera: for its frame and simulations, with the objects themselves."""
    copy = scene.copy()
    try:
        copy.name = "GPT Image Mask"
        copy.animation_data_clear()             # what is set here is not to be moved back
        copy.timeline_markers.clear()           # they can change the camera
        if copy.rigidbody_world:
            # A copy's simulation starts anew, if it is not said to be baked.
            with bpy.context.temp_override(scene=copy, point_cache=copy.rigidbody_world.point_cache):
                bpy.ops.ptcache.bake_from_cache()
        copy.camera = camera
        yield copy
    finally:
        bpy.data.scenes.remove(copy)


def show_only(copy: bpy.types.Scene, collection: bpy.types.Collection) -> None:
    """Let the copy of a scene have one view layer, and in it only what the collection has."""
    layer = copy.view_layers.new("GPT Image Mask")
    for other in [each for each in copy.view_layers if each != layer]:
        copy.view_layers.remove(other)
    for child in list(copy.collection.children):
        copy.collection.children.unlink(child)
    for obj in list(copy.collection.objects):
        copy.collection.objects.unlink(obj)
    copy.collection.children.link(collection)


@contextmanager
def _mask_scene(
    scene: bpy.types.Scene, camera: bpy.types.Object, shown: Iterable[bpy.types.Object],
) -> Iterator[bpy.types.Scene]:
    """A copy of the scene, with its Cycles settings, with these objects alone and no light."""
    with scene_copy(scene, camera) as copy, collection_of(shown) as collection:
        copy.world = None
        show_only(copy, collection)
        _set_up_render(copy)
        yield copy


@contextmanager
def collection_of(objects: Iterable[bpy.types.Object]) -> Iterator[bpy.types.Collection]:
    """A collection of our own for the moment, with these objects."""
    collection = bpy.data.collections.new("GPT Image Mask")
    try:
        for obj in objects:
            collection.objects.link(obj)
        yield collection
    finally:
        bpy.data.collections.remove(collection)


def _set_up_render(copy: bpy.types.Scene) -> None:
    render, cycles, image = copy.render, copy.cycles, copy.render.image_settings
    # With Workbench the scene's own render has no such blur.
    render.use_motion_blur = render.use_motion_blur and render.engine != 'BLENDER_WORKBENCH'
    render.engine = 'CYCLES'
    render.resolution_percentage = 100
    render.film_transparent = render.use_overwrite = True
    render.compositor_device = 'CPU'
    copy.view_layers[0].use_pass_z = False
    for name in ("use_border", "use_crop_to_border", "use_compositing", "use_sequencer", "use_freestyle", "use_stamp",
                 "use_multiview", "use_persistent_data"):
        setattr(render, name, False)
    cycles.time_limit = cycles.max_bounces = cycles.sample_offset = 0
    for name in ("use_adaptive_sampling", "use_denoising", "use_guiding", "use_light_tree", "use_auto_tile",
                 "use_sample_subset", "film_transparent_glass", "debug_use_spatial_splits"):
        if hasattr(cycles, name):
            setattr(cycles, name, False)
    # OpenEXR takes no time for a view transform or for packing.
    for name, value in (*compat.STILL_MEDIA.items(), ("file_format", 'OPEN_EXR'), ("color_mode", 'RGBA'),
                        ("color_depth", '16'), ("exr_codec", 'NONE')):
        setattr(image, name, value)


def forget_render(copy: bpy.types.Scene) -> None:
    """Render a few pixels of nothing: Blender keeps the last render of a scene, even of one that is removed."""
    copy.render.resolution_x = copy.render.resolution_y = 4
    copy.render.use_border = copy.render.use_compositing = False
    for child in list(copy.collection.children):
        copy.collection.children.unlink(child)
    bpy.ops.render.render(scene=copy.name)


@contextmanager
def render_slots_kept(scene: bpy.types.Scene, copy: bpy.types.Scene) -> Iterator[None]:
    """Let the copy be rendered without losing a picture in the Render Result's slots, or making that image if there is none.

    Each scene's last render is its own. But when another scene is rendered Blender lets it appear in the slot that is
    shown then, and drops what that slot held. So for the time of the render the slot of the last render is shown.
    """
    before = set(bpy.data.images)
    result = next((image for image in before if image.type == 'RENDER_RESULT'), None)
    active = result.render_slots.active_index if result else 0
    try:
        if result and len(result.render_slots) > 1:
            result.render_slots.active_index = _last_rendered_slot(result, scene, copy)
        yield
    finally:
        if result:
            result.render_slots.active_index = active
        for image in set(bpy.data.images) - before:
            bpy.data.images.remove(image)


def _last_rendered_slot(result: bpy.types.Image, scene: bpy.types.Scene, copy: bpy.types.Scene) -> int:
    """The slot of the last render: the only one that shows to each scene its own. If neither has one, an empty slot."""
    active = result.render_slots.active_index
    empty = []
    for index in sorted(range(len(result.render_slots)), key=lambda each: each != active):
        result.render_slots.active_index = index
        own = _slot_picture(result, scene)
        if own != _slot_picture(result, copy):
            return index
        if own is None:
            empty.append(index)
    return empty[0]


def _slot_picture(result: bpy.types.Image, scene: bpy.types.Scene) -> bytes | None:
    """The picture that the slot shows to the scene, or None: Blender tells of it only by saving it. BMP has no date."""
    with saving_as(scene, file_format='BMP', color_mode='RGB', color_depth='8'), scratch_file(".bmp") as path:
        try:
            result.save_render(str(path), scene=scene)
            return path.read_bytes()
        except RuntimeError:
            return None
