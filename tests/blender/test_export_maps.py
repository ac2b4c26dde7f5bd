# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Color and maps as files for other programs, through the real worker, read back by Pillow and by Blender."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest
from PIL import Image

from gptimage_addon.blender import materials
from gptimage_addon.blender.host import JobView, host
from gptimage_addon.blender.materials import make_material, picture_node
from gptimage_addon.operators.plan import maps_of
from tests.support.pictures import encode, quarters
from tests.support.scenes import editor, pixels_of


def export(where: str, folder: Path, image: bpy.types.Image | None = None, **settings: object) -> JobView:
    before = set(host.jobs)
    with editor(where, **({"image": image} if image else {})):
        assert bpy.ops.gptimage.export_maps(directory=str(folder), **settings) == {'FINISHED'}
    assert bpy.ops.gptimage.wait(timeout_s=60) == {'FINISHED'}
    (job_id,) = set(host.jobs) - before
    view = host.jobs[job_id]
    assert view.error is None and view.record.attempts == 0, view.record
    return view


def read(path: Path) -> tuple[str, np.ndarray]:
    with Image.open(path) as picture:
        return picture.mode, np.asarray(picture)


def loaded(path: Path) -> np.ndarray:
    """As Blender reads it, without any color: 0..1, rows from the top."""
    image = bpy.data.images.load(str(path))
    image.colorspace_settings.name = "Non-Color"
    return pixels_of(image)


def test_a_material_is_written_as_other_programs_want_it(cube: bpy.types.Object, tmp_path: Path) -> None:
    """Made here, with a displacement: its normal map, which that stands in for, is written all the same."""
    assert bpy.ops.gptimage.generate_texture(
        prompt="red brick", size="1024x640", quality="low", maps={"normal", "height", "roughness", "ao"}, displace=True) == {'FINISHED'}
    assert bpy.ops.gptimage.wait(timeout_s=120) == {'FINISHED'}
    color = picture_node(cube.active_material).image
    maps = maps_of(color)
    folder = tmp_path / "made" / "here"
    view = export('VIEW_3D', folder, normals="directx")
    assert view.landed.complete and "5 files" in view.landed.message
    names = {"BaseColor", "NormalDX", "Roughness", "Height", "AmbientOcclusion"}
    assert {path.name for path in folder.iterdir()} == {f"Red_Brick_{name}.png" for name in names}
    assert np.array_equal(loaded(folder / "Red_Brick_BaseColor.png")[..., :3], pixels_of(color)[..., :3])
    mode, height = read(folder / "Red_Brick_Height.png")
    assert mode.startswith("I") and len(np.unique(height)) > 1000               # 16 bits in one channel
    assert np.abs(height / 65535 - pixels_of(maps["height"])[..., 0]).max() < 1e-4
    assert read(folder / "Red_Brick_Roughness.png")[0] == "L"
    ours, theirs = pixels_of(maps["normal"])[..., :3], loaded(folder / "Red_Brick_NormalDX.png")[..., :3]
    assert np.abs(theirs[..., 1] - (1 - ours[..., 1])).max() < 1e-4 < np.abs(ours[..., 1] - 0.5).max()
    assert np.abs(theirs[..., ::2] - ours[..., ::2]).max() < 1e-4

    # Nothing is written over unless it is told to; all names get the same number.
    before = (folder / "Red_Brick_BaseColor.png").stat().st_mtime_ns
    export('IMAGE_EDITOR', folder, color)
    export('VIEW_3D', folder)
    assert {path.name for path in folder.iterdir() if "Normal" in path.name} == {
        "Red_Brick_NormalDX.png", "Red_Brick-2_NormalGL.png", f"{bpy.path.clean_name(color.name)}_NormalGL.png"}
    assert (folder / "Red_Brick-2_BaseColor.png").exists() and (folder / "Red_Brick_BaseColor.png").stat().st_mtime_ns == before
    count = len(list(folder.iterdir()))
    export('VIEW_3D', folder, normals="directx", overwrite=True)
    assert len(list(folder.iterdir())) == count and (folder / "Red_Brick_BaseColor.png").stat().st_mtime_ns != before


def test_painted_pixels_and_floats_are_written_as_they_are(cube: bpy.types.Object, tmp_path: Path) -> None:
    """A color of 8 bits painted and not saved, and a height of floats: no file has either."""
    color = bpy.data.images.new("Painted", 32, 16)
    rgba = np.dstack([quarters() / 255, np.ones((16, 32))]).astype(np.float32)
    color.pixels.foreach_set(rgba[::-1].ravel())
    height = bpy.data.images.new("Deep", 32, 16, float_buffer=True, is_data=True)
    ramp = np.tile(np.linspace(0, 1, 32, dtype=np.float32)[None, :, None], (16, 1, 4))
    height.pixels.foreach_set(ramp.ravel())
    cube.active_material = make_material("Own", color, maps={"height": height}, relief_m=0.02)
    export('VIEW_3D', tmp_path)
    assert np.array_equal(read(tmp_path / "Own_BaseColor.png")[1][..., :3], quarters())
    assert np.abs(read(tmp_path / "Own_Height.png")[1] / 65535 - ramp[..., 0]).max() <= 0.5 / 65535 + 1e-7


def test_shallow_heights_and_grays_become_one_channel(cube: bpy.types.Object, tmp_path: Path) -> None:
    paths = {name: tmp_path / f"{name}.png" for name in ("color", "height")}
    paths["color"].write_bytes(encode(quarters()))
    Image.fromarray(quarters()[..., 0]).save(paths["height"])
    color, height = (bpy.data.images.load(str(path)) for path in paths.values())
    cube.active_material = make_material("Gray", color, maps={"height": height})
    export('VIEW_3D', tmp_path / "out")
    mode, deep = read(tmp_path / "out" / "Gray_Height.png")
    assert mode.startswith("I") and np.array_equal(deep, quarters()[..., 0].astype(int) * 257)


def test_what_cannot_be_exported_is_refused(cube: bpy.types.Object, tmp_path: Path) -> None:
    with editor('VIEW_3D'), pytest.raises(RuntimeError, match="No pictures|no pictures"):
        bpy.ops.gptimage.export_maps(directory=str(tmp_path))
    cube.active_material = materials.make_material("x", bpy.data.images.new("x", 8, 8))
    file = tmp_path / "file"
    file.write_bytes(b"")
    for directory, message in (("", "No folder is chosen"), (str(file / "below"), "Choose another folder")):
        with editor('VIEW_3D'), pytest.raises(RuntimeError, match=message):
            bpy.ops.gptimage.export_maps(directory=directory)
    assert not host.jobs
