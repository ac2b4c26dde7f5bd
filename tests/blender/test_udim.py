# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Textures over UDIM tiles: which there are, that they meet, what their files are called, and what happens when one is missing."""

from __future__ import annotations

import types
from pathlib import Path

import bpy
import numpy as np
import pytest

from gptimage_addon.blender.host import JobView, host
from gptimage_addon.blender.images import provenance
from gptimage_addon.blender.materials import picture_node
from gptimage_addon.blender import udim as udim_images
from gptimage_addon.blender.udim import tile_files, tiles_of, tiles_there
from gptimage_addon.core.errors import InputError, QuotaError
from gptimage_addon.core.request import JobState, Service, ServiceKind
from gptimage_addon.core.jobfile import ReferenceSpec, TextureSpec
from gptimage_addon.operators import udim
from gptimage_addon.operators.job_plans import plan_line
from gptimage_addon.operators.references import add_image
from gptimage_addon.operators.udim import landing_for, missing_tiles, plan_tiles, shown_tiles, tiled_image
from gptimage_addon.worker.practice import PracticeServer
from tests.support.pictures import decode, encode
from tests.support.scenes import WORDS, compatible, finished, pump_until, select

SIZE = "816x816"                # the smallest square that is made


def panels(*places: tuple[float, float]) -> bpy.types.Object:
    """A selected mesh with one square face for each (column, row), whose UV island fills that tile."""
    points, faces, uvs = [], [], []
    for index, (column, row) in enumerate(places):
        corners = [(column + u, row + v) for u, v in ((0, 0), (1, 0), (1, 1), (0, 1))]
        faces.append(tuple(range(4 * index, 4 * index + 4)))
        points += [(u, 0.0, v) for u, v in corners]
        uvs += corners
    mesh = bpy.data.meshes.new("Panels")
    mesh.from_pydata(points, [], faces)
    mesh.uv_layers.new().uv.foreach_set("vector", np.array(uvs, np.float32).ravel())
    obj = bpy.data.objects.new("Panels", mesh)
    bpy.context.scene.collection.objects.link(obj)
    select(obj)
    return obj


def generate(**properties: object) -> list[JobView]:
    before = set(host.jobs)
    wanted = {"prompt": "weathered red brick", "quality": "low", "size": SIZE}
    assert bpy.ops.gptimage.generate_tiles(**wanted | properties) == {'FINISHED'}
    return [view for job_id, view in host.jobs.items() if job_id not in before]


def landed(views: list[JobView]) -> bpy.types.Image:
    assert bpy.ops.gptimage.wait(timeout_s=120) == {'FINISHED'}
    assert all(view.error is None and view.landed.complete for view in views), [view.record for view in views]
    (name,) = {name for view in views for name in view.landed.images}
    return bpy.data.images[name]


def pictures(image: bpy.types.Image) -> dict[int, np.ndarray]:
    return {number: decode(data, "RGB").astype(np.float64) for number, data in tile_files(image).items()}


def step_ratios(tiles: dict[int, np.ndarray]) -> dict[tuple[int, int], float]:
    """For each pair of tiles that share an edge: the mean step over it against the steps beside it."""
    found = {}
    for number, tile in tiles.items():
        for other, lines in ((number + 1, lambda one, two: np.concatenate((one[:, -9:], two[:, :9]), axis=1)),
                             (number + 10, lambda one, two: np.concatenate((two[-9:], one[:9]), axis=0).swapaxes(0, 1))):
            if other in tiles:
                steps = abs(np.diff(lines(tile, tiles[other]), axis=1)).mean(axis=(0, 2))
                found[number, other] = float(steps[8] / np.delete(steps, 8).mean())
    return found


def test_tiles_are_those_the_uv_map_uses() -> None:
    assert tiles_of([panels((0, 0), (1, 0), (0, 1), (9, 99))]) == (1001, 1002, 1011, 2000)
    assert tiles_of([panels((0.5, 0.0))]) == (1001, 1002)               # an island over an edge
    obj = panels((2, 0))
    bpy.ops.object.mode_set(mode='EDIT')
    assert tiles_of([obj]) == (1003,)
    bpy.ops.object.mode_set(mode='OBJECT')
    for wrong in ((-1, 0), (10, 0), (0, -0.5)):
        with pytest.raises(InputError, match="leaves the tiles"):
            tiles_of([panels(wrong)])
    obj.data.uv_layers.remove(obj.data.uv_layers[0])
    with pytest.raises(InputError, match="has no UV map"):
        tiles_of([obj])


def test_tiles_meet_and_survive_a_reload(tmp_path: Path) -> None:
    obj, numbers = panels((0, 1), (0, 0), (1, 0), (1, 1)), (1001, 1002, 1011, 1012)
    views = generate()
    assert tuple(view.job.landing.tile.number for view in views) == numbers
    assert abs(sum(view.job.estimate_usd for view in views) - shown_tiles(WORDS._replace(size=SIZE), Service(), numbers).usd) < 1e-9
    image = landed(views)
    assert image.source == 'TILED' and tiles_there(image) == numbers and missing_tiles(image) == ()
    assert tiled_image(obj) == image and picture_node(obj.active_material).image == image
    names = [each.filepath for each in sorted(image.packed_files, key=lambda each: each.tile_number)]
    assert names == [f"//textures/Weathered_Red_Brick__Practice_.{number}.png" for number in numbers]
    before = pictures(image)
    assert all(tile.shape == (816, 816, 3) and tile.std() > 10 for tile in before.values())
    ratios = step_ratios(before)
    assert len(ratios) == 4 and max(ratios.values()) < 1.5, ratios
    # As two pictures of their own they would not: the same measure over edges that do not belong together.
    assert min(step_ratios({1001: before[1001], 1002: before[1002][:, ::-1]}).values()) > 2
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "tiles.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "tiles.blend"))
    image = tiled_image(bpy.data.objects["Panels"])
    after = pictures(image)
    assert after.keys() == before.keys() and all(np.array_equal(after[number], before[number]) for number in before)
    assert all(tuple(tile.size) == (816, 816) for tile in image.tiles)
    assert provenance(image)["prompt"] == "weathered red brick" and list(provenance(image)["wanted"]) == list(numbers)


def small_tiles(obj: bpy.types.Object, numbers: tuple[int, ...], colors: list[tuple[int, int, int]] = [], *, pack: bool = True) -> list[JobView]:
    """Tiles that are done and wait to be landed: small pictures of one color each."""
    planned = plan_tiles(WORDS._replace(size=SIZE), Service(), landing_for([obj], WORDS, pack=pack), numbers)
    colors = colors or [(90, 60, 30)] * len(numbers)
    return [finished(each, [encode(np.full((16, 16, 3), color, np.uint8))]) for each, color in zip(planned, colors, strict=True)]


def test_each_tile_is_where_its_uvs_are(tmp_path: Path) -> None:
    """Blender's own render of the mesh shows each tile's color in its place: rows go up, as those of the UV map."""
    obj = panels((0, 0), (1, 0), (0, 1), (1, 1))
    colors = [(200, 30, 20), (20, 180, 40), (30, 60, 210), (230, 220, 40)]
    views = small_tiles(obj, (1001, 1002, 1011, 1012), colors)
    host.pump()
    assert [view.landed.complete for view in views] == [True] * 4 and tiles_there(tiled_image(obj)) == (1001, 1002, 1011, 1012)
    scene = bpy.context.scene
    for other in [each for each in scene.objects if each != obj]:
        bpy.data.objects.remove(other)
    tree = obj.active_material.node_tree
    emission = tree.nodes.new("ShaderNodeEmission")
    tree.links.new(picture_node(obj.active_material).outputs["Color"], emission.inputs["Color"])
    tree.links.new(emission.outputs[0], tree.get_output_node('ALL').inputs["Surface"])
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location, camera.rotation_euler = (1, -3, 1), (np.pi / 2, 0, 0)
    camera.data.type, camera.data.ortho_scale = 'ORTHO', 2.0
    scene.collection.objects.link(camera)
    scene.camera, scene.world = camera, None
    scene.render.engine, scene.cycles.samples, scene.cycles.use_denoising = 'CYCLES', 1, False
    scene.render.resolution_x = scene.render.resolution_y = 32
    scene.view_settings.view_transform = 'Standard'
    scene.render.image_settings.file_format, scene.render.filepath = 'PNG', str(tmp_path / "render.png")
    bpy.ops.render.render(write_still=True)
    shown = decode((tmp_path / "render.png").read_bytes(), "RGB").astype(int)
    for color, part in zip(colors, (shown[18:30, 2:14], shown[18:30, 18:30], shown[2:14, 2:14], shown[2:14, 18:30]), strict=True):
        assert abs(part - color).max() <= 2, color


def test_what_fails_leaves_the_rest_and_is_made_later(tmp_path: Path) -> None:
    obj = panels((0, 0), (1, 0), (2, 0))
    host.pause(True)
    views = generate()
    pump_until(lambda: host.is_ready)
    host.cancel(views[1].job.id)
    pump_until(lambda: views[1].record.state is JobState.CANCELLED)
    host.pause(False)
    assert bpy.ops.gptimage.wait(timeout_s=60) == {'FINISHED'}
    # The third would go on from the second: nothing was sent for it.
    assert [view.record.state for view in views] == [JobState.DONE, JobState.CANCELLED, JobState.FAILED]
    assert "Nothing was sent" in views[2].error.hint and not views[2].record.sent_at
    image = tiled_image(obj)
    assert tiles_there(image) == (1001,) and missing_tiles(image) == (1002, 1003)
    first = tile_files(image)[1001]
    # In another session, from the file alone.
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "tiles.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "tiles.blend"))
    select(bpy.data.objects["Panels"])
    more = generate(only_missing=True, prompt="something else", size="1024x1024")
    assert [view.job.landing.tile.number for view in more] == [1002, 1003]
    assert {view.job.prompt for view in more} == {"weathered red brick"}
    image = landed(more)
    assert image == tiled_image(bpy.data.objects["Panels"]) and tiles_there(image) == (1001, 1002, 1003) and missing_tiles(image) == ()
    assert tile_files(image)[1001] == first and max(step_ratios(pictures(image)).values()) < 1.5
    with pytest.raises(RuntimeError, match="has all its tiles"):
        generate(only_missing=True)


def test_a_gap_between_tiles_is_filled_to_both_sides() -> None:
    obj = panels((0, 0), (2, 0))
    views = generate()
    # No tile is beside the other: it is shown the first, to look like it.
    assert views[1].job.finish is None and views[1].job.after == (views[0].job.id,)
    image = landed(views)
    facts = dict(provenance(image))
    image["gptimage"] = facts | {"wanted": [1001, 1002, 1003]}
    image = landed(generate(only_missing=True))
    assert image == tiled_image(obj) and max(step_ratios(pictures(image)).values()) < 1.5 and len(step_ratios(pictures(image))) == 2


def test_unpacked_tiles_lie_beside_the_file(tmp_path: Path) -> None:
    obj = panels((0, 0), (1, 0))
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "tiles.blend"))
    (tmp_path / "textures").mkdir()
    (tmp_path / "textures" / "Weathered_Red_Brick__Practice_.1001.png").write_bytes(b"an earlier one")
    small_tiles(obj, (1001, 1002), pack=False)
    host.pump()
    image = tiled_image(obj)
    names = {"Weathered_Red_Brick__Practice_.1001.png", *(f"Weathered_Red_Brick__Practice_-2.{number}.png" for number in (1001, 1002))}
    assert {path.name for path in (tmp_path / "textures").iterdir()} == names and not image.packed_files
    assert image.filepath == "//textures/Weathered_Red_Brick__Practice_-2.<UDIM>.png"
    assert (tmp_path / "textures" / "Weathered_Red_Brick__Practice_.1001.png").read_bytes() == b"an earlier one"
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "tiles.blend"))
    assert [tuple(tile.size) for tile in tiled_image(bpy.data.objects["Panels"]).tiles] == [(16, 16)] * 2


def test_without_its_objects_the_tiles_arrive() -> None:
    obj = panels((0, 0), (1, 0))
    views = small_tiles(obj, (1001, 1002))
    bpy.data.objects.remove(obj)
    host.pump()
    (image,) = [image for image in bpy.data.images if image.source == 'TILED']
    assert tiles_there(image) == (1001, 1002) and image.use_fake_user
    assert not views[0].landed.complete and "Kept as an image for what is gone: Panels" in views[0].landed.message
    assert not any(material.name.startswith("Weathered") for material in bpy.data.materials)


def test_neighbors_are_sent_with_the_mask_of_what_is_new(server: PracticeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(udim, "read_service", lambda: compatible(server))
    panels((0, 0), (1, 0))
    image = landed(generate())
    assert max(step_ratios(pictures(image)).values()) < 1.5
    first, second = server.requests
    assert first.path.endswith("/generations") and second.path.endswith("/edits")
    files = {file.field.removesuffix("[]"): file.data for file in second.files}
    sent, mask = decode(files["image"], "RGB"), decode(files["mask"])
    assert sent.shape == (816, 1024, 3) and mask.shape[:2] == (816, 1024)
    assert np.array_equal(sent[:, :208], pictures(image)[1001][:, -208:])
    assert (mask[:, :200, 3] == 255).all() and (mask[:, 216:, 3] == 0).all()
    assert "a flat texture map of weathered red brick" in second.fields["prompt"]
    # Where what was asked before is not asked again, as in headless runs, its tiles make up the image.
    host.reset()
    monkeypatch.setattr(host, "reuses", True)
    again = landed(generate())
    assert len(server.requests) == 2 and again != image and tile_files(again) == tile_files(image) and missing_tiles(again) == ()


def test_a_budget_covers_all_tiles_or_none(unsent: None, monkeypatch: pytest.MonkeyPatch) -> None:
    obj, words, service = panels((0, 0), (1, 0), (0, 1)), WORDS._replace(size=SIZE), Service(ServiceKind.OPENAI)
    monkeypatch.setattr(bpy.context.preferences.system, "use_online_access", True)
    planned = plan_tiles(words, service, landing_for([obj], words), (1001, 1002, 1011))
    price = shown_tiles(words, service, (1001, 1002, 1011)).usd
    # OpenAI's table: 816 x 816 at low is 16 * 16 * (2e6 + 665856) / 4e6 = 171 tokens; the tiles beside it are larger, and sent along.
    assert price > 3 * 171 * 30e-6
    monkeypatch.setattr(host.budget, "run_usd", 0.95 * price)
    with pytest.raises(QuotaError):
        host.submit_all(planned)
    assert not host.jobs
    monkeypatch.setattr(host.budget, "run_usd", 1.01 * price)
    assert len(host.submit_all(planned)) == 3


def test_where_there_is_no_mesh_it_says_so() -> None:
    select(bpy.data.objects["Light"])
    with pytest.raises(RuntimeError, match="No selected object is a mesh. Select meshes"):
        generate()
    with pytest.raises(RuntimeError, match="shows no tiles that were generated. Use Generate Tiles"):
        generate(only_missing=True)
    assert not host.jobs


@pytest.mark.parametrize("pack", [True, False])
def test_what_was_painted_on_a_tile_stays_when_another_arrives(tmp_path: Path, pack: bool) -> None:
    obj = panels((0, 0), (1, 0))
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "tiles.blend"))
    small_tiles(obj, (1001,), pack=pack)
    host.pump()
    image = tiled_image(obj)
    image.pixels.foreach_set(np.tile(np.float32((0, 0, 1, 1)), 16 * 16))
    assert image.is_dirty
    udim_images.set_tile(image, 1002, encode(np.full((16, 16, 3), 200, np.uint8)), name="", pack=pack)
    found = pictures(image)
    assert found[1001][8, 8].tolist() == [0, 0, 255] and found[1002][8, 8].tolist() == [200] * 3
    assert image.filepath.startswith("//textures/") and all(each.filepath.startswith("//textures/") for each in image.packed_files)


def test_that_no_references_go_along_is_told() -> None:
    told: list[str] = []
    window_manager = types.SimpleNamespace(invoke_confirm=lambda operator, event, *, message, **words: told.append(message))
    context = types.SimpleNamespace(scene=bpy.context.scene, window_manager=window_manager)
    landing = landing_for([panels((0, 0), (1, 0))], WORDS, pack=True)
    offered: list[bool] = [False, False, True]
    button = types.SimpleNamespace(_read=lambda context: (WORDS, landing, landing.tile.wanted, {}), offers=lambda planned: offered.pop(0),
                                   offer=lambda context: told.append(button.ask_again))
    image = bpy.data.images.new("Moss", 64, 64)
    for wanted in (False, True):
        if wanted:
            add_image(bpy.context.scene.gptimage, image)
        udim.GPTIMAGE_OT_generate_tiles.invoke(button, context, None)
    assert ["references are not sent" in message for message in told] == [False, True]
    assert udim.GPTIMAGE_OT_generate_tiles.invoke(button, context, None) == {'CANCELLED'}          # made before: that is offered, with the price
    assert told[2].startswith("Ask Again, for nothing (it would have cost $0.0") and told[1].startswith("1001, 1002, ")

    obj = panels((0, 0))
    with pytest.raises(InputError, match="Tiles have no references") as refused:        # as a style sheet adds them
        plan_line(TextureSpec(id="a", kind="texture", prompt="moss", objects=(obj.name,), udim=True, references=(ReferenceSpec(image="Moss"),)), Service())
    assert refused.value.field == "style_sheet"
