# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import uuid
from pathlib import Path

import bpy
import numpy as np
import pytest

from gptimage_addon.blender.assets import CATALOG_FILE, append_to_library, mark_as_asset
from gptimage_addon.blender.images import adopt_picture
from gptimage_addon.blender.materials import make_material, picture_node
from tests.support.pictures import QUARTERS, quarters, write

UNASSIGNED = str(uuid.UUID(int=0))
# A file of Blender's own, shortened: comments, an unknown later version line, catalogs with and without simple names.
BLENDERS = """# This is an Asset Catalog Definition file for Blender.

VERSION 1

2f5c5a1e-3d0b-4b83-9f2a-6a6a1a1f4d10:Props:Props
8d3d9a2b-7e51-4d6e-8c13-0b0a3a2e4c55:GPT Image/Wood:GPT Image-Wood
"""


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """The folder of the open file."""
    folder = tmp_path / "project"
    folder.mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "scene.blend"), check_existing=False)
    return folder


@pytest.fixture
def material(tmp_path: Path) -> bpy.types.Material:
    return make_material("Bricks", adopt_picture(write(tmp_path / "bricks.png"), "Bricks"))


@pytest.fixture
def group() -> bpy.types.NodeTree:
    """An asset whose preview takes no time: there is none."""
    return bpy.data.node_groups.new("Bricks", "ShaderNodeTree")


def catalogs(folder: Path) -> dict[str, str]:
    """Path to UUID, read as the file's own header describes it."""
    lines = [line for line in (folder / CATALOG_FILE).read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
    assert lines[0] == "VERSION 1"
    found = {}
    for line in lines[1:]:
        known, path, simple = line.split(":")
        assert str(uuid.UUID(known)) == known and simple == path.replace("/", "-") and path not in found
        found[path] = known
    return found


def preview_of(datablock: bpy.types.ID) -> np.ndarray:
    """float RGBA, rows from the bottom."""
    width, height = datablock.preview.image_size
    return np.array(datablock.preview.image_pixels_float[:]).reshape(height, width, 4)


# --- marking ----------------------------------------------------------------------------------------------

def test_an_asset_carries_what_it_was_made_from(saved: Path, group: bpy.types.NodeTree) -> None:
    found = mark_as_asset(group, catalog="Bricks", tags=["red", "brick", "red"], description="weathered red brick",
                          author="Someone")
    data = group.asset_data
    assert found == saved / CATALOG_FILE and data.catalog_id == catalogs(saved)["GPT Image/Bricks"]
    assert [tag.name for tag in data.tags] == ["red", "brick"]
    assert data.description == "weathered red brick" and data.author == "Someone"
    mark_as_asset(group, catalog="Walls", tags=["old"], description="again")
    assert [tag.name for tag in data.tags] == ["old"] and data.description == "again"
    assert data.catalog_id == catalogs(saved)["GPT Image/Walls"]
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=str(saved / "scene.blend"))
    assert bpy.data.node_groups["Bricks"].asset_data.catalog_id == catalogs(saved)["GPT Image/Walls"]


def test_a_catalog_has_the_same_uuid_everywhere(saved: Path, group: bpy.types.NodeTree) -> None:
    mark_as_asset(group, catalog="Bricks")
    known = group.asset_data.catalog_id
    (saved / CATALOG_FILE).unlink()
    mark_as_asset(group, catalog="Walls")
    assert group.asset_data.catalog_id != known
    mark_as_asset(group, catalog=" Bricks/ ")
    assert group.asset_data.catalog_id == known


@pytest.mark.parametrize("ending", ["", "# no line end after this"])
def test_catalogs_that_are_there_stay(saved: Path, group: bpy.types.NodeTree, ending: str) -> None:
    (saved / CATALOG_FILE).write_text(BLENDERS + ending, encoding="utf-8")
    mark_as_asset(group, catalog="Wood")
    assert group.asset_data.catalog_id == "8d3d9a2b-7e51-4d6e-8c13-0b0a3a2e4c55"
    assert (saved / CATALOG_FILE).read_text(encoding="utf-8") == BLENDERS + ending
    mark_as_asset(group, catalog="Stone/Cobbles: old")
    assert (saved / CATALOG_FILE).read_text(encoding="utf-8").startswith(BLENDERS + ending)
    assert set(catalogs(saved)) == {"Props", "GPT Image/Wood", "GPT Image/Stone/Cobbles- old"}
    assert [path.name for path in saved.iterdir() if path.suffix == ".part"] == []


def test_a_file_inside_an_asset_library_uses_the_librarys_catalogs(tmp_path: Path, group: bpy.types.NodeTree) -> None:
    library, nested = tmp_path / "library", tmp_path / "library" / "materials" / "2026"
    nested.mkdir(parents=True)
    libraries = bpy.context.preferences.filepaths.asset_libraries
    before = len(libraries)
    bpy.ops.preferences.asset_library_add(directory=str(library))
    try:
        bpy.ops.wm.save_as_mainfile(filepath=str(nested / "scene.blend"), check_existing=False)
        assert mark_as_asset(group, catalog="Bricks") == library / CATALOG_FILE
    finally:
        bpy.ops.preferences.asset_library_remove(index=len(libraries) - 1)
    assert len(libraries) == before


def test_an_unsaved_file_has_no_catalogs_until_it_is_saved(tmp_path: Path, group: bpy.types.NodeTree) -> None:
    assert mark_as_asset(group, catalog="Bricks") is None
    assert group.asset_data and group.asset_data.catalog_id != UNASSIGNED
    known = group.asset_data.catalog_id
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"), check_existing=False)
    assert mark_as_asset(group, catalog="Bricks") == tmp_path / CATALOG_FILE
    assert catalogs(tmp_path) == {"GPT Image/Bricks": known}


def test_a_catalog_file_that_cannot_be_written_is_told(saved: Path, group: bpy.types.NodeTree) -> None:
    (saved / CATALOG_FILE).mkdir()
    assert mark_as_asset(group, catalog="Bricks") is None and group.asset_data


# --- previews ---------------------------------------------------------------------------------------------

def test_a_materials_preview_is_rendered_on_the_sphere(saved: Path) -> None:
    """A red picture: the sphere in the middle is red. The scene's engine is as before."""
    image = bpy.data.images.new("Red", 8, 8)
    image.pixels.foreach_set(np.tile((0.8, 0.02, 0.02, 1.0), 64).astype(np.float32))
    image.pack()
    engine = bpy.context.scene.render.engine
    red = make_material("Red", image)
    mark_as_asset(red, catalog="Plain", preview_picture=write(saved / "quarters.png"))
    found = preview_of(red)
    middle = found[found.shape[0] * 3 // 8:found.shape[0] * 5 // 8, found.shape[1] * 3 // 8:found.shape[1] * 5 // 8]
    red_part, green_part, blue_part = middle[:, :, :3].mean(axis=(0, 1))
    assert red_part > 0.3 and max(green_part, blue_part) < 0.5 * red_part
    assert bpy.context.scene.render.engine == engine


def test_what_renders_nothing_shows_the_picture(saved: Path) -> None:
    """A node group has no sphere."""
    group = bpy.data.node_groups.new("Group", "ShaderNodeTree")
    images = len(bpy.data.images)
    mark_as_asset(group, catalog="Groups", preview_picture=write(saved / "quarters.png", quarters(64, 32)))
    found = preview_of(group)
    assert found.shape == (128, 256, 4) and len(bpy.data.images) == images
    for (y, x), color in zip([(96, 64), (96, 192), (32, 64), (32, 192)], QUARTERS, strict=True):
        assert np.abs(found[y, x, :3] * 255 - color).max() <= 1
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=str(saved / "scene.blend"))
    assert preview_of(bpy.data.node_groups["Group"]).shape == (128, 256, 4)


# --- libraries --------------------------------------------------------------------------------------------

def names_in(path: Path, kind: str = "materials") -> list[str]:
    with bpy.data.libraries.load(str(path), assets_only=True) as (inside, _):
        return list(getattr(inside, kind))


def test_a_library_gets_a_file_for_each_asset(tmp_path: Path, saved: Path, material: bpy.types.Material) -> None:
    library = tmp_path / "library"
    mark_as_asset(material, catalog="Bricks", tags=["red"], description="weathered red brick")
    own = material.asset_data.catalog_id
    library.mkdir()
    (library / CATALOG_FILE).write_text(BLENDERS.replace("Wood", "Bricks"), encoding="utf-8")
    first = append_to_library(material, library, catalog="Bricks")
    assert first == library / "Bricks.blend" and names_in(first) == ["Bricks"]
    before = first.read_bytes()
    second = append_to_library(material, library, catalog="Bricks")
    assert second == library / "Bricks-2.blend" and first.read_bytes() == before
    assert append_to_library(material, first) == library / "Bricks-3.blend" and first.read_bytes() == before
    assert {path.name for path in library.iterdir()} == {CATALOG_FILE, "Bricks.blend", "Bricks-2.blend", "Bricks-3.blend"}
    assert material.asset_data.catalog_id == own, "the material of this file stays in this file's catalog"

    bpy.ops.wm.read_homefile(use_empty=True)
    with bpy.data.libraries.load(str(first), link=True) as (_, wanted):
        wanted.materials = ["Bricks"]
    found = bpy.data.materials["Bricks"]
    assert found.asset_data.catalog_id == catalogs(library)["GPT Image/Bricks"] != own
    assert found.asset_data.description == "weathered red brick" and [tag.name for tag in found.asset_data.tags] == ["red"]
    assert found.preview is not None and np.array(found.preview.image_pixels_float[:]).any()
    assert picture_node(found).image.packed_file is not None


def test_a_library_that_cannot_be_written_is_an_error(tmp_path: Path, group: bpy.types.NodeTree) -> None:
    blocked = tmp_path / "a file"
    blocked.write_bytes(b"")
    with pytest.raises(OSError):
        append_to_library(group, blocked / "library")
