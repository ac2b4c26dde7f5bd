# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures that are still being made, in the scene: they come, change, and leave it as it was."""

from __future__ import annotations

import bpy
import pytest

from gptimage_addon.blender import host as host_module
from gptimage_addon.blender import unfinished
from gptimage_addon.blender.host import JobView, host
from gptimage_addon.core.request import JobState, Landing, Place
from gptimage_addon.operators.texture import texture_targets
from gptimage_addon.worker.practice import PracticeServer
from tests.support.scenes import compatible, editor, plan_for, pump_until


@pytest.fixture
def streaming(monkeypatch: pytest.MonkeyPatch):
    """A server that sends an unfinished picture every quarter of a second, to a Blender that wants to see them."""
    with PracticeServer(latency_s=1.0) as running:
        monkeypatch.setenv("OPENAI_API_KEY", running.token)
        found = host_module.read_preferences()
        monkeypatch.setattr(host_module, "read_preferences", lambda: found._replace(show_unfinished=True))
        monkeypatch.setattr(host_module, "UNFINISHED_EVERY_S", 0.0)
        yield running


def submit(server: PracticeServer, landing: Landing | None = None) -> JobView:
    return host.submit(plan_for(compatible(server), landing, partial_images=3).job)


def left_overs() -> list[str]:
    return [each.name for each in (*bpy.data.images, *bpy.data.materials) if unfinished.OF_JOB in each]


def test_a_texture_is_seen_on_the_object_while_it_is_made(streaming: PracticeServer, cube: bpy.types.Object) -> None:
    before = bpy.data.materials.new("Before")
    cube.data.materials.clear()
    cube.data.materials.append(before)
    view = submit(streaming, Landing(Place.REPLACE_SLOT, texture_targets([cube])))
    pump_until(lambda: unfinished.shown_image(view.job))
    image, material = unfinished.shown_image(view.job), cube.active_material
    folder = host.journal.folder(view.job.id)
    assert material != before and material.name.endswith("(Unfinished)")
    assert material.node_tree.nodes["GPT Image"].image == image and before.users == 1, "saving would keep what was there"
    assert image.filepath_raw == str(folder / "shown-0.png") and tuple(image.size) == (512, 320), "small enough to be read within a frame"
    pump_until(lambda: image.filepath_raw != str(folder / "shown-0.png"))
    assert len(left_overs()) == 2, "it is the same image"
    pump_until(lambda: view.landed)
    assert cube.active_material.name == "Weathered Red Brick" and not left_overs() and before.name in bpy.data.materials
    assert bpy.ops.gptimage.previous_material() == {'FINISHED'}
    assert cube.active_material == before


def test_cancelling_leaves_the_scene_as_it_was(streaming: PracticeServer, cube: bpy.types.Object) -> None:
    streaming.latency_s = 20.0
    before = cube.active_material
    images, materials = set(bpy.data.images), set(bpy.data.materials)
    view = submit(streaming, Landing(Place.REPLACE_SLOT, texture_targets([cube])))
    pump_until(lambda: left_overs())
    assert cube.active_material != before
    host.cancel(view.job.id)
    pump_until(lambda: view.record.state is JobState.CANCELLED)
    assert cube.active_material == before and len(cube.material_slots) == 1 and set(bpy.data.images) == images and set(bpy.data.materials) == materials


def test_a_reference_is_seen_in_the_image_editor(streaming: PracticeServer) -> None:
    other = bpy.data.images.new("Other", 8, 8)
    with editor('IMAGE_EDITOR', image=other):
        space = bpy.context.space_data
        view = submit(streaming, Landing(Place.EDITOR))
        pump_until(lambda: unfinished.shown_image(view.job))
        assert space.image == unfinished.shown_image(view.job)
        host.cancel(view.job.id)
        pump_until(lambda: not host.is_busy)
        assert space.image == other and not left_overs()

        space.image = None
        view = submit(streaming)
        pump_until(lambda: unfinished.shown_image(view.job))
        assert space.image == unfinished.shown_image(view.job)
        pump_until(lambda: view.landed)
        assert space.image == bpy.data.images[view.landed.images[0]] and not left_overs()


def test_who_does_not_want_it_sees_nothing_in_the_scene(server: PracticeServer, cube: bpy.types.Object) -> None:
    server.latency_s = 0.4
    view = submit(server, Landing(Place.REPLACE_SLOT, texture_targets([cube])))
    seen = []
    pump_until(lambda: seen.append(left_overs()) or view.landed)
    assert view.record.partials and not any(seen)
