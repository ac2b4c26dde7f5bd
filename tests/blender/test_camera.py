# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A larger frame shows what the old one did, pixel for pixel. The oracle is Blender's own projection."""

from __future__ import annotations

import random

import bpy
import pytest
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Vector

from gptimage_addon.blender.camera import read_frame, write_frame
from gptimage_addon.core.errors import InputError
from gptimage_addon.core.framing import extended

POINTS = [Vector((x, y, z)) for x in (-1.0, 0.3, 1.7) for y in (-2.0, 0.5) for z in (-0.4, 1.1)]


def pixels(scene: bpy.types.Scene) -> list[tuple[float, float]]:
    """Where the render shows the points, from its top left."""
    bpy.context.view_layer.update()
    share = scene.render.resolution_percentage / 100
    width, height = int(scene.render.resolution_x * share), int(scene.render.resolution_y * share)
    seen = [world_to_camera_view(scene, scene.camera, point) for point in POINTS]
    return [(point.x * width, (1 - point.y) * height) for point in seen]


@pytest.mark.parametrize("kind", ["PERSP", "ORTHO"])
@pytest.mark.parametrize("fit", ["AUTO", "HORIZONTAL", "VERTICAL"])
def test_what_was_seen_stays_in_its_place(kind: str, fit: str) -> None:
    chance = random.Random(f"{kind}{fit}")
    scene = bpy.context.scene
    camera, render = scene.camera.data, scene.render
    camera.type, camera.sensor_fit = kind, fit
    turned = 0
    for _ in range(25):
        render.resolution_x, render.resolution_y = chance.randrange(64, 900, 4), chance.randrange(64, 900, 4)
        render.resolution_percentage = chance.choice((100, 50, 75))
        render.pixel_aspect_x, render.pixel_aspect_y = chance.choice(((1, 1), (1.5, 1), (1, 2)))
        camera.lens, camera.ortho_scale = chance.uniform(18, 120), chance.uniform(2, 12)
        camera.shift_x, camera.shift_y = chance.uniform(-0.4, 0.4), chance.uniform(-0.4, 0.4)
        camera.sensor_width, camera.sensor_height = chance.uniform(20, 40), chance.uniform(15, 40)
        before = pixels(scene)
        extend = [chance.randrange(0, 500) for _ in range(4)]
        left, top, right, bottom = extend
        frame = read_frame(scene)
        larger = extended(frame, *extend)
        assert (larger.width_px, larger.height_px) == (frame.width_px + left + right, frame.height_px + top + bottom)
        write_frame(scene, larger)
        assert (render.resolution_x, render.resolution_y) == (larger.width_px, larger.height_px)
        for (x, y), after in zip(before, pixels(scene), strict=True):
            assert after == pytest.approx((x + left, y + top), abs=0.02)        # Blender's floats
        turned += (frame.width_px >= frame.height_px) != (larger.width_px >= larger.height_px)
    assert turned               # some frames became upright or level, where AUTO fits the other side


def test_a_camera_without_a_frame_is_refused() -> None:
    scene = bpy.context.scene
    scene.camera.data.type = 'PANO'
    with pytest.raises(InputError, match="panoramic"):
        read_frame(scene)
    scene.camera = None
    with pytest.raises(InputError) as caught:
        read_frame(scene)
    assert caught.value.field == "camera" and caught.value.hint
