# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Headless textures of which the model is asked a second time: their seams, their maps, changes of pictures that are there."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest

from gptimage_addon.blender.compat import enable_nodes
from gptimage_addon.blender.masks import uv_faces_mask
from gptimage_addon.blender.materials import shown_node
from gptimage_addon.worker.files import read_picture
from gptimage_addon.worker.practice_pictures import make_picture
from tests.support.pictures import encode
from tests.support.runs import job_file, run_here
from tests.support.scenes import job_folders


def pixels(path: str) -> np.ndarray:
    return read_picture(Path(path).read_bytes())[0].astype(np.int16)


def test_seams_are_healed_after_a_texture_is_made_and_of_a_picture_that_is_there(tmp_path: Path) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "in.blend"), check_existing=False)
    wall = make_picture("red brick", 1024, 640, 3)
    (tmp_path / "wall.png").write_bytes(encode(wall))
    jobs = job_file(
        tmp_path,
        {"id": "new", "kind": "texture", "prompt": "grey stone", "objects": ["Cube"], "n": 2, "heal": "x", "maps": ["height"],
         "save": str(tmp_path / "stone.png")},
        {"id": "old", "kind": "texture", "image": str(tmp_path / "wall.png"), "heal": True},
        {"id": "here", "kind": "texture", "image": str(tmp_path / "wall.png"), "seamless": True, "even": 0.0})
    arguments = (jobs, "--blend", tmp_path / "in.blend", "--data", tmp_path / "data", "--save", tmp_path / "out.blend")
    planned = run_here(tmp_path, *arguments, "--dry-run")
    run = run_here(tmp_path, *arguments)
    assert run.status == planned.status == 0, run.stderr
    # What was told before is what it came to: of two pictures and an edit of each.
    assert run.lines["new"]["usage"] and len(run.lines["new"]["usage"]) == 3
    for name in ("new", "old"):
        told, cost = planned.lines[name]["report"]["estimate_usd"], run.lines[name]["report"]["would_have_cost_usd"]
        assert abs(told - cost) < 1e-9 and cost > 0
    assert planned.lines["here"]["report"]["estimate_usd"] == 0 == run.lines["here"]["cost_usd"]

    new = run.lines["new"]
    assert new["files"] == [str(tmp_path / name) for name in ("stone-1.png", "stone-2.png", "stone-1-height.png", "stone-2-height.png")]
    assert new["report"]["tiles"] == "x" and new["report"]["changed_outside"] == 0 and len(new["report"]["jobs"]) == 3
    first, _ = (next((tmp_path / "data" / "jobs" / job / "results").glob("0.png")) for job in new["report"]["jobs"][:2])
    before, healed = pixels(str(first)), pixels(new["files"][0])
    changed = np.any(before != healed, axis=2).mean(axis=0)
    assert changed[:40].mean() > 0.5 and changed[300:700].max() == 0
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "out.blend"))
    nodes = bpy.data.objects["Cube"].active_material.node_tree.nodes
    assert new["images"][0] in {node.image.name for node in nodes if node.bl_idname == "ShaderNodeTexImage"}

    middle = slice(200, -200), slice(300, -300)
    for name in ("old", "here"):
        (file,) = run.lines[name]["files"]
        made = pixels(file)
        assert np.array_equal(made[middle], wall[middle]) and not np.array_equal(made, wall)
        assert run.lines[name]["report"]["tiles"] == "xy"
        for axis in (0, 1):
            step = np.abs(made.take(0, axis) - made.take(-1, axis)).mean()
            assert step < 1.3 * np.abs(np.diff(made, axis=axis)).mean()
    assert run.lines["old"]["report"]["would_have_cost_usd"] > 0


def test_the_texture_of_an_object_is_changed_where_its_selected_faces_show_it(tmp_path: Path) -> None:
    cube = bpy.data.objects["Cube"]
    (tmp_path / "wall.png").write_bytes(encode(make_picture("red brick", 512, 512, 3)))
    tree = enable_nodes(cube.active_material)
    node = tree.nodes.new("ShaderNodeTexImage")
    node.image = bpy.data.images.load(str(tmp_path / "wall.png"))
    node.image.pack()
    tree.links.new(node.outputs["Color"], tree.nodes["Principled BSDF"].inputs["Base Color"])
    for part in (cube.data.vertices, cube.data.edges, cube.data.polygons):
        part.foreach_set("select", [False] * len(part))
    cube.data.polygons[0].select = True
    mask = uv_faces_mask(cube, 512, 512) > 0
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "in.blend"), check_existing=False)
    jobs = job_file(
        tmp_path,
        {"id": "part", "kind": "edit_texture", "object": "Cube", "prompt": "green moss", "save": str(tmp_path / "part.png")},
        {"id": "alone", "kind": "edit_texture", "image": "wall.png", "prompt": "more worn", "place": "image"})
    arguments = (jobs, "--blend", tmp_path / "in.blend", "--data", tmp_path / "data", "--save", tmp_path / "out.blend")
    planned = run_here(tmp_path, *arguments, "--dry-run")
    run = run_here(tmp_path, *arguments)
    assert run.status == planned.status == 0, run.stderr
    for name in ("part", "alone"):
        assert abs(planned.lines[name]["report"]["estimate_usd"] - run.lines[name]["report"]["would_have_cost_usd"]) < 1e-9
    before, after = pixels(str(tmp_path / "wall.png")), pixels(str(tmp_path / "part.png"))
    changed = np.any(before != after, axis=2)
    assert not changed[~mask].any() and changed[mask].mean() > 0.9 and run.lines["part"]["report"]["changed_outside"] == 0
    assert np.any(before != pixels(run.lines["alone"]["files"][0]), axis=2).mean() > 0.9
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "out.blend"))
    assert shown_node(bpy.data.objects["Cube"].active_material).image.name == run.lines["part"]["images"][0]
    assert set(run.lines["alone"]["images"]) < set(bpy.data.images.keys())


@pytest.mark.parametrize(("job", "field"), [({"heal": "x"}, "heal"), ({"maps": ["ao"], "maps_from": "model"}, "maps_from")])
def test_a_batch_is_followed_by_nothing(tmp_path: Path, job: dict[str, object], field: str) -> None:
    run = run_here(tmp_path, job_file(tmp_path, {"id": "a", "kind": "texture", "prompt": "brick", **job}), "--data", tmp_path / "data", "--batch")
    assert run.status == 2 and f"gptimage: jobs[0].{field}: " in run.stderr and job_folders(tmp_path / "data") == []


@pytest.mark.parametrize(("job", "field"), [
    ({"object": "Nobody"}, "object"), ({"object": "Camera"}, "object"), ({"object": "Cube"}, "object"), ({"image": "Nobody"}, "image"),
    ({"object": "Cube", "image": "Blank"}, "prompt"),
])
def test_textures_that_cannot_be_changed(tmp_path: Path, job: dict[str, object], field: str) -> None:
    bpy.data.images.new("Blank", 64, 64).use_fake_user = True
    for face in bpy.data.objects["Cube"].data.polygons:
        face.select = False
    run = run_here(tmp_path, job_file(tmp_path, {"id": "a", "kind": "edit_texture", **job}), "--data", tmp_path / "data")
    assert run.status == 2 and f"gptimage: jobs[0].{field}: " in run.stderr and job_folders(tmp_path / "data") == []


def test_maps_are_asked_of_the_model(tmp_path: Path) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "in.blend"), check_existing=False)
    (tmp_path / "wall.png").write_bytes(encode(make_picture("red brick", 1024, 640, 3)))
    jobs = job_file(
        tmp_path,
        {"id": "new", "kind": "texture", "prompt": "grey stone", "objects": ["Cube"], "seamless": "x", "heal": "x", "maps_from": "model",
         "maps": ["normal", "roughness", "ao"], "save": str(tmp_path / "stone.png")},
        {"id": "old", "kind": "texture", "image": str(tmp_path / "wall.png"), "maps_from": "model", "maps": ["height", "metallic"],
         "save": str(tmp_path / "wall-maps.png")},
        {"id": "both", "kind": "texture", "image": str(tmp_path / "wall.png"), "seamless": "x", "maps_from": "model", "maps": ["roughness"]})
    arguments = (jobs, "--blend", tmp_path / "in.blend", "--data", tmp_path / "data", "--save", tmp_path / "out.blend")
    planned = run_here(tmp_path, *arguments, "--dry-run")
    run = run_here(tmp_path, *arguments)
    assert run.status == planned.status == 0, run.stderr
    for name, edits in (("new", 4), ("old", 2), ("both", 1)):               # of height normals and occlusion come
        line = run.lines[name]
        assert abs(planned.lines[name]["report"]["estimate_usd"] - line["report"]["would_have_cost_usd"]) < 1e-9
        assert len(line["usage"] if isinstance(line["usage"], list) else [line["usage"]]) == edits
        for kind, report in line["report"]["maps"].items():
            assert report["aligned"] and report["findings"] == [], (kind, report)
    assert run.lines["new"]["files"] == [str(tmp_path / f"stone{name}.png") for name in ("", "-normal", "-ao", "-roughness")]
    assert run.lines["old"]["files"] == [str(tmp_path / f"wall-maps-{name}.png") for name in ("height", "metallic")]
    assert run.lines["new"]["report"]["tiles"] == "x" and len(run.lines["both"]["files"]) == 2
    assert pixels(str(tmp_path / "stone-normal.png")).shape == (640, 1024, 3)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "out.blend"))
    nodes = {node.name for node in bpy.data.objects["Cube"].active_material.node_tree.nodes}
    assert {"GPT Image", "GPT Image Normal", "GPT Image Roughness", "GPT Image Ambient Occlusion"} <= nodes
