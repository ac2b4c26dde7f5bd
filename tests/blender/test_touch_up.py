# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Touch-ups from a job file: the mask that is sent, and a picture in which nothing else has changed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import bpy
import numpy as np
import pytest
from PIL import Image

from gptimage_addon.blender.coverage import objects_coverage
from gptimage_addon.worker.practice_pictures import make_picture


def run(checkout: Path, tmp_path: Path, *jobs: dict[str, object]) -> tuple[int, list[dict], str]:
    path = tmp_path / "jobs.json"
    path.write_text(json.dumps({"version": 1, "defaults": {"quality": "low"}, "jobs": list(jobs)}))
    done = subprocess.run(
        [sys.executable, "-m", "gptimage_addon", "run", str(path), "--data", str(tmp_path / "data")],
        cwd=checkout, capture_output=True, text=True, timeout=120)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_only_the_mask_changes(checkout: Path, tmp_path: Path) -> None:
    picture = make_picture("grey stone", 1200, 900, 1)
    source, alpha = tmp_path / "wall.png", tmp_path / "alpha.png"
    Image.fromarray(picture).save(source)
    seen = np.dstack((picture, np.full(picture.shape[:2], 255, np.uint8)))
    seen[:, :100, 3] = 60
    Image.fromarray(seen).save(alpha)
    white = np.zeros((900, 1200), np.uint8)
    white[100:200, 900:1100] = 255
    Image.fromarray(white).save(tmp_path / "mask.png")
    shared = {"kind": "touch_up", "prompt": "ivy"}
    jobs = [
        {**shared, "id": "border", "image": str(source), "mask": {"border": [0.5, 0.5, 0.75, 0.9]}, "feather": 6, "n": 2},
        {**shared, "id": "lasso", "image": str(alpha), "mask": {"polygon": [[0.1, 0.1], [0.3, 0.1], [0.2, 0.4]]}},
        {**shared, "id": "white", "image": str(source), "mask": {"image": str(tmp_path / "mask.png")}, "grow": 5, "prompt": ""},
    ]
    status, lines, said = run(checkout, tmp_path, *({**job, "save": str(tmp_path / f"{job['id']}.png")} for job in jobs))
    assert status == 0, said
    found = {line["id"]: line for line in lines}
    rows, columns = np.mgrid[0:900, 0:1200]
    inside = {                  # rows from the top; the fractions count from the bottom left
        "border": (rows >= 90) & (rows < 450) & (columns >= 600) & (columns < 900),
        "lasso": (rows > 535) & (rows < 815) & (columns > 115) & (columns < 365),
        "white": (rows >= 95) & (rows < 205) & (columns >= 895) & (columns < 1105),
    }
    for name, area in inside.items():
        line = found[name]
        assert {"changed_outside", "shift_px", "scale", "gain", "seam"} <= set(line["report"])
        assert line["report"]["changed_outside"] == 0
        before = seen if name == "lasso" else picture
        assert len(line["files"]) == (2 if name == "border" else 1)
        for file in line["files"]:
            with Image.open(file) as written:
                after = np.asarray(written)
            assert after.shape == before.shape
            differs = np.any(after != before, axis=2)
            assert differs[area].mean() > 0.3 and not differs[~area].any(), name
    # What went out: a legal size, the mask transparent where the picture may change and opaque elsewhere.
    folders = list((tmp_path / "data" / "jobs").iterdir())
    assert len(folders) == 3
    for folder in folders:
        with Image.open(folder / "prepared" / "window.png") as window, Image.open(folder / "prepared" / "mask.png") as mask:
            assert window.size == mask.size and window.mode == "RGB" and window.width * window.height >= 655_360
            hole = np.asarray(mask)[..., 3] < 128
        assert 0 < hole.mean() < 0.6


def test_an_empty_mask_is_refused_before_anything_is_written(checkout: Path, tmp_path: Path) -> None:
    Image.fromarray(make_picture("grey stone", 320, 200, 1)).save(tmp_path / "wall.png")
    status, lines, said = run(checkout, tmp_path, {
        "id": "a", "kind": "touch_up", "image": str(tmp_path / "wall.png"), "mask": {"border": [0.5, 0.5, 0.5, 0.9]}})
    assert status == 2 and not lines and "jobs[0].mask" in said
    assert not (tmp_path / "data" / "jobs").exists()


def test_objects_are_masked_as_the_camera_sees_them() -> None:
    """An upright camera 10 m wide: a square of 4 m covers 0.16 of a square view, one of 2 m in front takes 0.04 away."""
    scene = bpy.context.scene
    for obj in list(scene.objects):
        bpy.data.objects.remove(obj)
    bpy.ops.mesh.primitive_plane_add(size=4)
    wanted = bpy.context.object
    bpy.ops.mesh.primitive_plane_add(size=2, location=(0, 0, 1))
    bpy.ops.object.camera_add(location=(0, 0, 10))
    camera = scene.camera = bpy.context.object
    camera.data.type, camera.data.ortho_scale = 'ORTHO', 10
    before = (len(bpy.data.scenes), len(bpy.data.collections), scene.render.engine, len(scene.objects), scene.name,
              bpy.context.scene.name)
    mask = objects_coverage(scene, [wanted], 200, 200)
    assert mask.shape == (200, 200) and mask.mean() == pytest.approx(0.16 - 0.04, abs=0.002)
    assert mask[100, 70] == 1 and mask[100, 100] == 0 and mask[10, 10] == 0
    assert before == (len(bpy.data.scenes), len(bpy.data.collections), scene.render.engine, len(scene.objects), scene.name,
                      bpy.context.scene.name)
