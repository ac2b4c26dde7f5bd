# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract of the headless run: lines, exit status, files."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest

from gptimage_addon.worker.practice import PracticeServer
from tests.support.pictures import decode, quarters, write
from tests.support.runs import job_file, run_here, run_process
from tests.support.scenes import job_folders

# --- jobs that are done -----------------------------------------------------------------------------------

def test_a_run_on_the_practice_service(checkout: Path, tmp_path: Path) -> None:
    scene = tmp_path / "in.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(scene), check_existing=False)
    untouched = scene.read_bytes()
    jobs = job_file(
        tmp_path,
        {"id": "wall", "kind": "texture", "prompt": "red brick", "objects": ["Cube"], "save": str(tmp_path / "out" / "wall.png")},
        {"id": "sky", "kind": "texture", "prompt": "blue tiles", "n": 2, "output_format": "jpeg", "save": str(tmp_path / "sky.jpg")},
        {"id": "hero", "kind": "reference", "prompt": "a castle", "place": "empty", "quality": "medium"},
        {"id": "back", "kind": "reference", "prompt": "a valley", "place": "camera"},
    )
    out, data = tmp_path / "out.blend", tmp_path / "data"
    run = run_process(checkout, jobs, "--blend", scene, "--save", out, "--data", data)
    assert run.status == 0, run.stderr
    assert set(run.lines) == {"wall", "sky", "hero", "back"}
    for line in run.lines.values():
        assert line["state"] == "done" and line["error"] is None
        assert line["cost_usd"] == 0.0 and line["report"]["practice"] is True and line["report"]["complete"] is True
        assert line["report"]["would_have_cost_usd"] > 0
    # OpenAI's own table for 1024x640: 107 tokens for low, 239 for medium.
    assert run.lines["wall"]["usage"]["output_tokens"] == 107
    assert run.lines["sky"]["usage"]["output_tokens"] == 2 * 107
    assert run.lines["hero"]["usage"]["output_tokens"] == 239

    assert run.lines["wall"]["files"] == [str(tmp_path / "out" / "wall.png")]
    assert run.lines["sky"]["files"] == [str(tmp_path / "sky-1.jpg"), str(tmp_path / "sky-2.jpg")]
    assert len(run.lines["sky"]["images"]) == 2
    (kept,) = run.lines["hero"]["files"]
    assert data in Path(kept).parents
    for name in ("wall", "sky", "hero", "back"):
        for file in run.lines[name]["files"]:
            assert decode(Path(file).read_bytes(), "RGB").shape == (640, 1024, 3)
    assert Path(run.lines["sky"]["files"][0]).read_bytes()[:3] == b"\xff\xd8\xff"

    assert scene.read_bytes() == untouched
    bpy.ops.wm.open_mainfile(filepath=str(out))
    for line in run.lines.values():
        for name in line["images"]:
            assert bpy.data.images[name].packed_file is not None
    assert bpy.data.objects["Cube"].active_material.name == "Red Brick"
    (empty,) = [obj for obj in bpy.data.objects if obj.type == 'EMPTY']
    assert [empty.data.name] == run.lines["hero"]["images"]
    assert [b.image.name for b in bpy.context.scene.camera.data.background_images] == run.lines["back"]["images"]


def test_references_and_views_are_sent_in_order_with_their_words(checkout: Path, tmp_path: Path) -> None:
    file_rows = quarters(64, 32)
    packed_rows = quarters(32, 32)[:, ::-1].copy()
    source = write(tmp_path / "mood.jpg", file_rows, "JPEG")
    scene = bpy.context.scene
    packed = bpy.data.images.load(str(write(tmp_path / "plan.png", packed_rows)))
    packed.pack()
    packed.use_fake_user = True
    (tmp_path / "plan.png").unlink()
    # A view whose picture is known: a red world, nothing else.
    scene.render.engine = 'CYCLES'
    scene.cycles.samples, scene.cycles.use_denoising = 1, False
    scene.view_settings.view_transform = 'Standard'
    scene.world.node_tree.nodes["Background"].inputs["Color"].default_value = (1.0, 0.0, 0.0, 1.0)
    scene.world.node_tree.nodes["Background"].inputs["Strength"].default_value = 1.0
    for obj in scene.objects:
        obj.hide_render = obj.type != 'CAMERA'
    blend = tmp_path / "in.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(blend), check_existing=False)

    jobs = job_file(
        tmp_path,
        {"id": "both", "kind": "texture", "prompt": "oak planks", "objects": [], "references": [
            {"path": str(source), "role": "the mood"}, {"image": packed.name, "role": "the layout"}]},
        {"id": "view", "kind": "reference", "prompt": "a hall", "from_view": "Camera",
         "references": [{"path": str(source)}]},
        {"id": "refused", "kind": "texture", "prompt": "a forbidden thing"},
    )
    with PracticeServer() as server:
        run = run_process(checkout, jobs, "--blend", blend, "--service", server.base_url + "/", "--data", tmp_path / "data",
                          OPENAI_API_KEY=server.token)
    assert run.status == 1, run.stderr                      # one was refused: the others are there all the same
    assert [run.lines[name]["state"] for name in ("both", "view", "refused")] == ["done", "done", "failed"]
    assert run.lines["refused"]["error"]["type"] == "RefusedError" and run.lines["refused"]["files"] == []
    assert run.lines["both"]["cost_usd"] is None            # a server of one's own has its own prices
    asked = {str(r.fields["prompt"]).partition("\n")[0]: r for r in server.requests}
    assert len(server.requests) == 3

    both = next(r for words, r in asked.items() if "oak planks" in words)
    assert both.path.endswith("/images/edits")
    assert [file.mime for file in both.files] == ["image/jpeg", "image/png"]
    assert both.files[0].data == source.read_bytes()
    assert (decode(both.files[1].data, "RGB") == packed_rows).all()
    assert "1. the mood; 2. the layout" in both.fields["prompt"]

    view = asked["a hall"]
    assert [file.mime for file in view.files] == ["image/png", "image/jpeg"]
    rendered = decode(view.files[0].data, "RGB")
    assert rendered.shape == (640, 1024, 3)
    assert np.abs(rendered.astype(int) - (255, 0, 0)).max() <= 2        # Blender dithers
    assert "1. the layout: " in view.fields["prompt"] and "this is the view of the scene" in view.fields["prompt"]
    assert "2. reference" in view.fields["prompt"]


def test_a_captured_view_leaves_the_scene_as_it_was(tmp_path: Path) -> None:
    from gptimage_addon.blender.capture import capture_camera

    scene = bpy.context.scene
    render, image = scene.render, scene.render.image_settings
    render.engine = 'CYCLES'
    scene.cycles.samples, scene.cycles.use_denoising = 1, False
    other = bpy.data.objects.new("Other", bpy.data.cameras.new("Other"))
    scene.collection.objects.link(other)
    render.resolution_x, render.resolution_y, render.resolution_percentage = 333, 77, 40
    render.use_border, render.use_multiview, render.filepath = True, True, "//frames/shot_"

    def state() -> dict[str, object]:
        owners = {"render": render, "image": image}
        return {f"{name}.{p.identifier}": getattr(owner, p.identifier) for name, owner in owners.items()
                for p in owner.bl_rna.properties if p.type in ('BOOLEAN', 'INT', 'FLOAT', 'STRING', 'ENUM')
                and not getattr(p, "is_array", False) and not p.is_readonly} | {"camera": scene.camera.name}

    formats = [{"file_format": 'FFMPEG'}, {"file_format": 'OPEN_EXR', "color_mode": 'RGB', "color_depth": '32'}]
    if "media_type" in image.bl_rna.properties:
        formats[0] = {"media_type": 'VIDEO', **formats[0]}
    for settings in reversed(formats):
        for name, value in settings.items():
            setattr(image, name, value)
        before = state()
        rows = decode(capture_camera(scene, other, 64, 48))
        assert rows.shape == (48, 64, 4)
        assert state() == before


# --- runs that do nothing ---------------------------------------------------------------------------------

GOOD = {"id": "a", "kind": "texture", "prompt": "brick"}
BAD_JOBS = {
    "unknown field": ({**GOOD, "colour": "red"}, "jobs[0].colour"),
    "unknown kind": ({**GOOD, "kind": "sound"}, "jobs[0].kind"),
    "missing prompt": ({"id": "a", "kind": "texture"}, "jobs[0].prompt"),
    "empty prompt": ({**GOOD, "prompt": " "}, "jobs[0].prompt"),
    "illegal size": ({**GOOD, "size": "512x512"}, "jobs[0].size"),
    "unknown object": ({**GOOD, "objects": ["Nobody"]}, "jobs[0].objects"),
    "wrong type": ({**GOOD, "n": "two"}, "jobs[0].n"),
    "too many": ({**GOOD, "n": 11}, "jobs[0].n"),
    "retired model": ({**GOOD, "model": "dall-e-3"}, "jobs[0].model"),
    "missing reference": ({**GOOD, "references": [{"path": "/nowhere/a.png"}]}, "jobs[0].references[0]"),
    "unknown image": ({**GOOD, "references": [{"image": "Nobody"}]}, "jobs[0].references[0]"),
    "unknown camera": ({**GOOD, "kind": "reference", "from_view": "Cube"}, "jobs[0].from_view"),
    "unknown place": ({**GOOD, "kind": "reference", "place": "wall"}, "jobs[0].place"),
    "texture field on a reference": ({**GOOD, "kind": "reference", "objects": ["Cube"]}, "jobs[0].objects"),
    "save with another ending": ({**GOOD, "save": "a.jpg"}, "jobs[0].save"),
    "no camera": ({**GOOD, "kind": "reference", "place": "camera"}, "jobs[0].place"),
}


@pytest.mark.parametrize(("job", "field"), BAD_JOBS.values(), ids=BAD_JOBS.keys())
@pytest.mark.parametrize("dry", [True, False])
def test_unusable_input_names_the_field_and_sends_nothing(
    tmp_path: Path, job: dict[str, object], field: str, dry: bool,
) -> None:
    bpy.context.scene.camera = None
    run = run_here(tmp_path, job_file(tmp_path, job), "--data", tmp_path / "data", *["--dry-run"] * dry)
    assert run.status == 2
    assert run.stdout == "" and f"gptimage: {field}: " in run.stderr
    assert job_folders(tmp_path / "data") == []


@pytest.mark.parametrize(("text", "field"), [
    ("{", "JOBS.json"), ("[]", ""), ('{"version": 2, "jobs": []}', "version"), ('{"version": 1, "jobs": []}', "jobs"),
    ('{"version": 1, "job": []}', "job"), ('{"version": 1, "defaults": {"seed": 1}, "jobs": [{}]}', "defaults.seed"),
])
def test_an_unusable_job_file(tmp_path: Path, text: str, field: str) -> None:
    path = tmp_path / "jobs.json"
    path.write_text(text)
    run = run_here(tmp_path, path)
    assert run.status == 2 and run.stdout == "" and f"gptimage: {field}" in run.stderr


def test_files_that_are_not_there_or_no_blend(tmp_path: Path) -> None:
    assert run_here(tmp_path, tmp_path / "none.json").status == 2
    jobs = job_file(tmp_path, GOOD)
    missing = run_here(tmp_path, jobs, "--blend", tmp_path / "none.blend")
    assert missing.status == 2 and "--blend" in missing.stderr
    (tmp_path / "bad.blend").write_text("this is no .blend file")
    bad = run_here(tmp_path, jobs, "--blend", tmp_path / "bad.blend")
    assert bad.status == 2 and "--blend" in bad.stderr
    (tmp_path / "file").write_text("")
    nowhere = run_here(tmp_path, jobs, "--save", tmp_path / "file" / "out.blend", "--data", tmp_path / "data")
    assert nowhere.status == 2 and "--save" in nowhere.stderr, "told before anything is paid"
    assert job_folders(tmp_path / "data") == []


def test_a_wrong_command_line(tmp_path: Path) -> None:
    assert run_here(tmp_path, job_file(tmp_path, GOOD), "--frobnicate").status == 2
    assert run_here(tmp_path).status == 2


def test_a_dry_run_checks_and_prices_and_does_nothing_else(tmp_path: Path) -> None:
    jobs = job_file(tmp_path, {**GOOD, "size": "1024x1024", "quality": "high", "n": 2, "save": str(tmp_path / "a.png")},
                    {"id": "b", "kind": "reference", "prompt": "a castle", "model": "gpt-image-2.6-flare"})
    with PracticeServer() as server:
        run = run_here(tmp_path, jobs, "--dry-run", "--save", tmp_path / "out.blend", "--data", tmp_path / "data")
        elsewhere = run_here(tmp_path, jobs, "--dry-run", "--service", server.base_url, "--data", tmp_path / "data")
        assert server.requests == []
    assert run.status == elsewhere.status == 0
    assert [line["state"] for line in run.lines.values()] == ["planned", "planned"]
    report = run.lines["a"]["report"]
    # 1756 tokens for 1024x1024 at high in OpenAI's table.
    assert report["estimate_exact"] and 0 < report["estimate_usd"] - 2 * 1756 * 30e-6 < 100 * 5e-6
    assert not run.lines["b"]["report"]["estimate_exact"]
    assert run.lines["a"]["cost_usd"] == 0.0 and elsewhere.lines["a"]["cost_usd"] is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["jobs.json", "stdout"]


def test_without_permission_or_key_nothing_is_sent(tmp_path: Path) -> None:
    jobs, data = job_file(tmp_path, GOOD), tmp_path / "data"
    for service in ("openai", "https://images.example.com/v1"):
        offline = run_here(tmp_path, jobs, "--service", service, "--data", data)
        assert offline.status == 3 and "--online-mode" in offline.stderr and offline.stdout == ""
        assert not data.exists()
    assert run_here(tmp_path, jobs, "--service", "images.example.com", "--data", data).status == 2
    keyless = run_here(tmp_path, jobs, "--service", "openai", "--online-mode", "--data", data)
    assert keyless.status == 3 and "OPENAI_API_KEY" in keyless.stderr and keyless.stdout == ""
    assert job_folders(data) == []


def test_a_server_that_refuses_the_key_means_status_3(
    server: PracticeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong")
    run = run_here(tmp_path, job_file(tmp_path, GOOD), "--service", server.base_url, "--data", tmp_path / "data")
    assert run.status == 3 and run.lines["a"]["error"]["type"] == "KeyMissingError"


def test_a_picture_that_cannot_be_saved_is_a_failed_job_and_its_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    run = run_here(tmp_path, job_file(tmp_path, {**GOOD, "save": str(tmp_path / "file" / "a.png")}), "--data", tmp_path / "data")
    assert run.status == 1 and run.lines["a"]["files"] == [] and str(tmp_path / "data") in run.stderr


# --- decals -----------------------------------------------------------------------------------------------

def test_a_decal_lands_where_the_job_says(tmp_path: Path, addon: object) -> None:
    bpy.data.objects["Cube"].scale = (2, 1, 1)
    bpy.context.view_layer.update()
    decal = {"object": "Cube", "width_m": 0.25, "location": [1.5, -4, 0.5], "conform": False}
    jobs = job_file(tmp_path, {**GOOD, "decal": decal, "save": str(tmp_path / "sign.png")},
                    {**GOOD, "id": "b", "prompt": "a sign", "decal": {**decal, "normal": [0, -1, 1]}, "model": "gpt-image-2"})
    run = run_here(tmp_path, jobs, "--data", tmp_path / "data")
    assert run.status == 0, run.stderr
    assert run.lines["a"]["report"]["background"] == "transparent" and run.lines["b"]["report"]["background"].startswith("#")
    height, width = decode((tmp_path / "sign.png").read_bytes()).shape[:2]
    bpy.context.view_layer.update()
    flat, tilted = (bpy.data.objects[name] for name in ("Brick Decal", "A Sign Decal"))
    assert np.allclose(flat.matrix_world.translation, (1.5, -1.001, 0.5), atol=1e-5) and np.allclose(flat.matrix_world.to_scale(), 1, atol=1e-6)
    assert np.allclose(flat.dimensions, (0.25, 0.25 * height / width, 0), atol=1e-6)
    assert np.allclose(tilted.matrix_world.col[2][:3], (0, -0.5 ** 0.5, 0.5 ** 0.5), atol=1e-6)


@pytest.mark.parametrize(("decal", "field"), [
    ({"object": "Nobody"}, "decal.object"), ({"object": "Light"}, "decal.object"), ({"object": "Cube"}, "decal.location"),
])
def test_a_decal_without_a_place_is_refused(tmp_path: Path, decal: dict[str, object], field: str) -> None:
    for polygon in bpy.data.objects["Cube"].data.polygons:
        polygon.select = False
    run = run_here(tmp_path, job_file(tmp_path, {**GOOD, "decal": decal}), "--data", tmp_path / "data")
    assert run.status == 2 and f"gptimage: jobs[0].{field}: " in run.stderr and job_folders(tmp_path / "data") == []


# --- UDIM tiles -------------------------------------------------------------------------------------------

def test_tiles_are_saved_by_the_names_all_programs_know(tmp_path: Path, addon: object) -> None:
    cube = bpy.data.objects["Cube"]
    uvs = cube.data.uv_layers[0].uv
    for loop in range(12, 24):
        uvs[loop].vector.x += 1
    jobs = job_file(tmp_path, {**GOOD, "udim": True, "objects": ["Cube"], "size": "816x816", "save": str(tmp_path / "wall.png")})
    dry = run_here(tmp_path, jobs, "--dry-run", "--data", tmp_path / "data")
    assert dry.status == 0 and job_folders(tmp_path / "data") == []
    run = run_here(tmp_path, jobs, "--data", tmp_path / "data")
    assert run.status == 0, run.stderr
    line = run.lines["a"]
    assert line["files"] == [str(tmp_path / f"wall.{number}.png") for number in (1001, 1002)]
    assert abs(line["report"]["would_have_cost_usd"] - dry.lines["a"]["report"]["estimate_usd"]) < 1e-6
    (name,) = line["images"]
    image = bpy.data.images[name]
    assert image.source == 'TILED' and cube.active_material.node_tree.nodes["GPT Image"].image == image
    packed = {each.tile_number: bytes(each.packed_file.data) for each in image.packed_files}
    assert packed == {number: (tmp_path / f"wall.{number}.png").read_bytes() for number in (1001, 1002)}
    for loop in range(12, 24):
        uvs[loop].vector.x += 20
    beyond = run_here(tmp_path, jobs, "--data", tmp_path / "data")
    assert beyond.status == 2 and "gptimage: jobs[0].objects: The UV map of Cube leaves the tiles" in beyond.stderr
