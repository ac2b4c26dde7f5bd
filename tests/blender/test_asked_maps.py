# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Maps that are asked of the model: a job each, shown with their color, and never lost, whatever becomes of it."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest

from gptimage_addon.blender.host import JobView, host
from gptimage_addon.blender.images import provenance
from gptimage_addon.core.request import JobState, MapKind, Place, Service, Surface
from gptimage_addon.operators.asked_maps import asked_maps, plan_maps, price_follow_up
from gptimage_addon.operators.plan import maps_of
from gptimage_addon.worker.practice import Fault, PracticeServer
from gptimage_addon.worker.practice_pictures import make_picture
from tests.support.pictures import encode
from tests.support.scenes import WORDS, compatible, done, editor, finished, image_of, pixels_of, plan_for, pump_until


def ask(**properties: object) -> list[JobView]:
    before = set(host.jobs)
    with editor('VIEW_3D'):
        assert bpy.ops.gptimage.ask_maps(quality="low", **properties) == {'FINISHED'}
    assert bpy.ops.gptimage.wait(timeout_s=120) == {'FINISHED'}
    return [view for job_id, view in host.jobs.items() if job_id not in before]


def test_of_what_follows_from_a_height_only_that_is_asked_for() -> None:
    assert asked_maps([MapKind.AO, MapKind.ROUGHNESS, MapKind.NORMAL]) == {
        MapKind.HEIGHT: (MapKind.NORMAL, MapKind.AO), MapKind.ROUGHNESS: (MapKind.ROUGHNESS,)}
    assert asked_maps([MapKind.HEIGHT]) == {MapKind.HEIGHT: (MapKind.HEIGHT,)} and asked_maps([]) == {}


def test_maps_from_the_model_take_the_derived_ones_places(cube: bpy.types.Object) -> None:
    color = image_of(done("generate_texture", prompt="grey stone", size="1024x640", quality="low", tiling="x", maps={"normal", "roughness"}))
    derived = maps_of(color)
    bpy.context.scene.gptimage.relief_m = 0.04
    views = ask(maps={"normal", "height"})
    (view,) = views
    assert view.landed.complete and view.job.estimate_usd > 0 and view.job.request.mask is None
    assert "height map of this surface" in view.job.request.prompt and "grey stone" in view.job.request.prompt
    assert view.job.prompt == "Height map of grey stone"
    report = view.record.result.pictures[0].report
    assert report["aligned"] and report["tiles"] == "x" and report["findings"] == [] and max(map(abs, report["shift_px"])) <= 4.5
    maps = maps_of(color)
    assert set(maps) == {"normal", "height", "roughness"} and maps["roughness"] == derived["roughness"]
    assert maps["normal"] != derived["normal"] and derived["normal"].name in bpy.data.images
    shown = {node.name.removeprefix("GPT Image ").lower(): node.image for node in cube.active_material.node_tree.nodes
             if node.bl_idname == "ShaderNodeTexImage" and node.image}
    assert shown["normal"] == maps["normal"] and shown["height"] == maps["height"] and shown["gpt image"] == color
    # The normals are those of the height, of length 1, as deep as the panel has it.
    height, normal = pixels_of(maps["height"])[..., 0], pixels_of(maps["normal"])[..., :3] * 2 - 1
    assert np.abs(np.linalg.norm(normal, axis=2) - 1).max() <= 1 / 255
    slope = np.gradient(height, axis=1)[:, 2:-2] * 0.04 * 1024
    found = (-normal[..., 0] / normal[..., 2])[:, 2:-2]
    assert np.corrcoef(slope.ravel(), found.ravel())[0, 1] > 0.95
    steps = np.abs(np.diff(height, axis=1)).mean()
    assert np.abs(height[:, 0] - height[:, -1]).mean() < 1.3 * steps


def test_maps_of_a_picture_of_the_artist_s_own(tmp_path: Path) -> None:
    (tmp_path / "wall.png").write_bytes(encode(make_picture("red brick", 1000, 600, 3)))
    wall = bpy.data.images.load(str(tmp_path / "wall.png"))
    before = pixels_of(wall).copy()
    with editor('IMAGE_EDITOR', image=wall):
        assert bpy.ops.gptimage.ask_maps(quality="low", maps={"roughness"}) == {'FINISHED'}
        assert bpy.ops.gptimage.wait(timeout_s=120) == {'FINISHED'}
    assert set(maps_of(wall)) == {"roughness"} and tuple(maps_of(wall)["roughness"].size) == (1000, 600)
    assert np.array_equal(pixels_of(wall), before) and maps_of(wall)["roughness"].colorspace_settings.name == "Non-Color"
    assert "variants" not in provenance(wall) and "job_id" not in provenance(wall)


def test_nothing_paid_is_lost_when_the_color_is_gone(cube: bpy.types.Object) -> None:
    color = image_of(done("generate_texture", prompt="grey stone", size="1024x640", quality="low"))
    (planned,) = plan_maps(color, [MapKind.HEIGHT], WORDS, Service(), Surface())
    view = host.submit(planned.job, planned.inputs)
    bpy.data.images.remove(color)
    assert bpy.ops.gptimage.wait(timeout_s=60) == {'FINISHED'}
    assert not view.landed.complete and "is gone: kept as images" in view.landed.message
    assert image_of(view).use_fake_user and image_of(view).packed_file


def test_one_map_is_cancelled_and_the_other_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wall.png").write_bytes(encode(make_picture("red brick", 1024, 640, 3)))
    color = bpy.data.images.load(str(tmp_path / "wall.png"))
    with PracticeServer(script=[Fault(delay_s=60.0)]) as server:
        monkeypatch.setenv("OPENAI_API_KEY", server.token)
        first, second = plan_maps(color, [MapKind.HEIGHT, MapKind.ROUGHNESS], WORDS, compatible(server), Surface())
        slow = host.submit(first.job, first.inputs)
        pump_until(lambda: slow.record.sent_at and server.requests)
        other = host.submit(second.job, second.inputs)
        host.cancel(slow.job.id)
        pump_until(lambda: not host.is_busy, 60.0)
    assert slow.record.state is JobState.CANCELLED and other.record.state is JobState.DONE and set(maps_of(color)) == {"roughness"}


def test_what_cannot_be_asked_is_refused_before_anything_is_paid(cube: bpy.types.Object, unsent: None) -> None:
    with editor('VIEW_3D'):
        assert not bpy.ops.gptimage.ask_maps.poll()
    view = finished(plan_for(Service()), [encode(make_picture("stone", 256, 256, 1))])
    host.pump()
    with editor('IMAGE_EDITOR', image=image_of(view)), pytest.raises(RuntimeError, match="No maps are chosen"):
        bpy.ops.gptimage.ask_maps(maps=set())
    floats = bpy.data.images.new("Floats", 256, 256, float_buffer=True)
    with editor('IMAGE_EDITOR', image=floats), pytest.raises(RuntimeError, match="holds floats"):
        bpy.ops.gptimage.ask_maps(maps={"height"})
    assert len(host.jobs) == 1


def test_a_map_s_job_says_all_that_it_depends_on(unsent: None) -> None:
    view = finished(plan_for(Service()), [encode(make_picture("stone", 1024, 640, 1))])
    host.pump()
    height, metal = plan_maps(image_of(view), [MapKind.AO, MapKind.METALLIC], WORDS, Service(), Surface(width_m=2.0, relief_m=0.1))
    assert [planned.job.surface.asked for planned in (height, metal)] == ["height", "metallic"]
    surface = height.job.surface
    assert (surface.maps, surface.width_m, surface.relief_m) == ((MapKind.AO,), 2.0, 0.1) and height.job.finish.whole
    assert height.job.landing.place is Place.IMAGE and height.job.landing.targets[0].name == image_of(view).name
    assert set(height.inputs) == {height.job.finish.source} and height.job.request.n == 1


def test_the_project_s_words_are_not_for_maps(unsent: None) -> None:
    view = finished(plan_for(Service()), [encode(make_picture("stone", 1024, 640, 1))])
    host.pump()
    words = WORDS._replace(prompt="stone", prefix="Pixel art", suffix="for a game", style="Bright colors.")
    (planned,) = plan_maps(image_of(view), [MapKind.HEIGHT], words, Service(), Surface())
    assert "height map of this surface" in planned.job.request.prompt
    assert not any(each in planned.job.request.prompt for each in ("Pixel art", "game", "Bright"))


def test_what_follows_a_picture_from_a_batch_is_told_at_its_own_price() -> None:
    size = (1024, 640)
    now, batch = (price_follow_up(WORDS._replace(batch=batch, prefix="Pixel art"), Service(), size, "xy", [MapKind.HEIGHT]) for batch in (False, True))
    assert batch == now and now.estimate_usd > 0 and not now.words.batch
