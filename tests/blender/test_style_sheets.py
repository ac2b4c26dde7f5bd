# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Style sheets: what they add to each request, and that they survive saving, appending, the asset library and a folder."""

from __future__ import annotations

import json
import os
from pathlib import Path

import bpy
import numpy as np
import pytest

from gptimage_addon.blender.assets import append_to_library
from gptimage_addon.blender.host import host
from gptimage_addon.core.errors import InputError
from gptimage_addon.core.request import Request
from gptimage_addon.operators import headless, references
from gptimage_addon.operators.references import add_image, shown_references
from gptimage_addon.operators.settings import read_settings
from gptimage_addon.operators.style_sheets import find_sheet, read_sheet, style_sheets
from gptimage_addon.worker.practice import PracticeServer
from tests.support.pictures import decode, write
from tests.support.scenes import editor

COLORS = {"Moss": (10, 90, 20), "Oak": (120, 80, 40)}


def make_sheet(tmp_path: Path) -> bpy.types.Collection:
    """A sheet of two pictures, one of them a file outside the .blend, made as an artist does it."""
    settings = bpy.context.scene.gptimage
    for name, role in (("Moss", "style"), ("Oak", "material")):
        image = bpy.data.images.load(str(write(tmp_path / f"{name}.png", np.full((48, 64, 3), COLORS[name], np.uint8))))
        image.name = name
        add_image(settings, image, role)
    bpy.data.images["Moss"].pack()
    settings.references[0].words = "its light"
    assert bpy.ops.gptimage.new_style_sheet(name="Forest") == {'FINISHED'}
    style = settings.style_sheet.gptimage_style
    style.words, style.forbidden, style.model, style.quality = "gouache on paper", "people", "gpt-image-2", "high"
    for color in ((0.0, 0.5, 1.0), (1.0, 1.0, 1.0)):
        bpy.ops.gptimage.edit_style_colors()
        style.colors[-1].color = color
    bpy.ops.gptimage.edit_style_colors()
    bpy.ops.gptimage.edit_style_colors(remove=2)
    return settings.style_sheet


LOOK = ("Forest", "gouache on paper", "people", ("#0080ff", "#ffffff"), "gpt-image-2", "high")
ADDED = "Style: gouache on paper. Palette: #0080ff, #ffffff. Nowhere in the picture: people."


def assert_whole(sheet: bpy.types.Collection) -> None:
    """The look and its pictures are what `make_sheet` made, inside this file."""
    found = read_sheet(sheet)
    assert found[:6] == LOOK
    assert [picture.role for picture in found.pictures] == ["style: its light", "material"]
    for picture, color in zip(found.pictures, COLORS.values(), strict=True):
        packed = bpy.data.images[picture.file].packed_file
        assert packed is not None and (decode(bytes(packed.data), "RGB") == color).all()


def test_a_sheet_goes_with_textures_references_and_touch_ups_by_one_switch(tmp_path: Path, cube: bpy.types.Object, unsent: None) -> None:
    scene = bpy.context.scene
    make_sheet(tmp_path)
    assert not scene.gptimage.references
    scene.gptimage.model, scene.gptimage.quality, scene.gptimage.area = "gpt-image-2.5-flare", "low", "whole"
    wall = bpy.data.images.new("Wall", 1024, 1024)

    def start() -> list[Request]:
        before = set(host.jobs)
        bpy.ops.gptimage.generate_reference(prompt="a castle", reference_place="image")
        bpy.ops.gptimage.generate_texture(prompt="brick")
        with editor('IMAGE_EDITOR', image=wall):
            bpy.ops.gptimage.touch_up(prompt="ivy")
            bpy.ops.gptimage.heal_seams(prompt="brick")
        return [view.job.request for name, view in host.jobs.items() if name not in before]

    *styled, healed = start()
    for request, own in zip(styled, (0, 0, 1), strict=True):
        assert request.prompt.endswith("\n" + ADDED) and (request.model, request.quality) == ("gpt-image-2", "high")
        assert [picture.role for picture in request.images[own:]] == ["style: its light", "material"]
    assert all(view.job.prompt in ("a castle", "brick", "ivy") for view in host.jobs.values())      # the artist's words stay their own
    assert ADDED not in healed.prompt and len(healed.images) == 1
    scene.gptimage.use_style_sheet = False
    for request in start():
        assert ADDED not in request.prompt and request.model == "gpt-image-2.5-flare" and len(request.images) < 2
    scene.gptimage.use_style_sheet = True
    bpy.ops.gptimage.generate_reference(prompt="a castle", reference_place="image", model="gpt-image-2.5-sunburst")
    assert list(host.jobs.values())[-1].job.request.model == "gpt-image-2.5-sunburst"               # what a script says counts first


def test_an_empty_prompt_stays_empty(tmp_path: Path) -> None:
    make_sheet(tmp_path)
    with pytest.raises(RuntimeError, match="The prompt is empty"):
        bpy.ops.gptimage.generate_reference(prompt=" ")


def test_pictures_move_between_the_list_and_the_sheet(tmp_path: Path) -> None:
    settings = bpy.context.scene.gptimage
    style = make_sheet(tmp_path).gptimage_style
    assert bpy.ops.gptimage.move_to_style_sheet(to_list=True) == {'FINISHED'}
    assert [item.image.name for item in settings.references] == ["Moss"] and [item.image.name for item in style.references] == ["Oak"]
    assert [reference.name for reference in shown_references(settings)] == ["Moss", "Oak"]          # the list's own come first
    assert bpy.ops.gptimage.move_to_style_sheet() == {'FINISHED'}
    assert [(item.image.name, item.words) for item in style.references] == [("Oak", ""), ("Moss", "its light")]
    assert bpy.ops.gptimage.leave_style_sheet() == {'FINISHED'} and style_sheets() and not shown_references(settings)
    assert bpy.ops.gptimage.use_style_sheet(sheet="Forest") == {'FINISHED'} and len(shown_references(settings)) == 2


def test_a_sheet_survives_saving_appending_and_the_asset_library(tmp_path: Path) -> None:
    make_sheet(tmp_path)
    project, library = str(tmp_path / "project.blend"), tmp_path / "library"
    bpy.ops.wm.save_as_mainfile(filepath=project, check_existing=False)
    assert bpy.ops.gptimage.mark_style_sheet() == {'FINISHED'}         # packs what lies outside
    for path in tmp_path.glob("*.png"):
        path.unlink()
    bpy.ops.wm.save_mainfile()

    bpy.ops.wm.open_mainfile(filepath=project)
    sheet = bpy.context.scene.gptimage.style_sheet
    assert_whole(sheet)
    assert sheet.asset_data.description == "gouache on paper" and tuple(sheet.preview.image_size) != (0, 0)
    asset = append_to_library(sheet, library)
    bpy.ops.wm.read_factory_settings()
    bpy.ops.wm.append(directory=f"{project}/Collection/", filename="Forest")
    assert_whole(bpy.data.collections["Forest"])
    bpy.ops.wm.read_factory_settings()
    with bpy.data.libraries.load(str(asset), link=False, assets_only=True) as (inside, wanted):     # as the Asset Browser imports
        assert inside.collections == ["Forest"]
        wanted.collections = inside.collections
    assert [found.name for found in style_sheets()] == ["Forest"]
    assert_whole(bpy.data.collections["Forest"])
    bpy.context.scene.gptimage.style_sheet = bpy.data.collections["Forest"]
    bpy.context.scene.gptimage.prompt = "a castle"
    assert read_settings(bpy.context.scene.gptimage).style == ADDED


def test_a_sheet_goes_through_a_folder(tmp_path: Path) -> None:
    make_sheet(tmp_path)
    assert bpy.ops.gptimage.export_style_sheet(directory=str(tmp_path / "out")) == {'FINISHED'}
    folder = tmp_path / "out" / "Forest"
    assert sorted(path.name for path in folder.iterdir()) == ["01 Moss.png", "02 Oak.png", "style.json"]
    bpy.ops.wm.read_factory_settings()
    assert bpy.ops.gptimage.import_style_sheet(directory=str(folder)) == {'FINISHED'}
    assert_whole(bpy.context.scene.gptimage.style_sheet)
    (folder / "02 Oak.png").unlink()
    with pytest.raises(RuntimeError, match="There is no file .*02 Oak.png"):
        bpy.ops.gptimage.import_style_sheet(directory=str(folder))
    assert len(style_sheets()) == 1


def test_a_headless_job_takes_the_look(tmp_path: Path, server: PracticeServer) -> None:
    make_sheet(tmp_path)
    bpy.ops.gptimage.export_style_sheet(directory=str(tmp_path))
    blend = tmp_path / "in.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(blend), check_existing=False)
    job = {"kind": "reference", "size": "1024x640"}
    jobs = tmp_path / "jobs.json"
    jobs.write_text(json.dumps({"version": 1, "defaults": {"style_sheet": "Forest", "quality": "low"}, "jobs": [
        {"id": "a", "prompt": "a castle", "style": "at dusk", **job}, {"id": "b", "prompt": "a tower", "model": "gpt-image-2.5-flare", "quality": "medium", **job},
        {"id": "c", "prompt": "a gate", "style_sheet": str(tmp_path / "Forest"), **job}, {"id": "d", "prompt": "a wall", "style_sheet": "", **job},
        {"id": "e", "prompt": "a bridge", "style_sheet": str(tmp_path / "Forest"), **job},
    ]}))
    lines = os.open(tmp_path / "lines", os.O_WRONLY | os.O_CREAT)         # the run closes it
    assert headless.main(["run", str(jobs), "--blend", str(blend), "--service", server.base_url, "--data", str(tmp_path / "data")], lines) == 0
    asked = {str(request.fields["prompt"]).partition("\n")[0]: request for request in server.requests}
    told = {words: (request.fields["model"], request.fields["quality"], len(request.files)) for words, request in asked.items()}
    assert told == {"a castle": ("gpt-image-2", "high", 2), "a tower": ("gpt-image-2.5-flare", "medium", 2), "a gate": ("gpt-image-2", "high", 2),
                    "a wall": ("gpt-image-2.5-flare", "low", 0), "a bridge": ("gpt-image-2", "high", 2)}
    assert len(style_sheets()) == 2             # the file's, and the folder's once
    assert str(asked["a castle"].fields["prompt"]).endswith("\nat dusk " + ADDED)
    assert [(decode(file.data, "RGB")[0, 0] == color).all() for file, color in zip(asked["a gate"].files, COLORS.values(), strict=True)] == [True] * 2
    with pytest.raises(InputError, match="There is no style sheet 'Nobody'"):
        find_sheet("Nobody")


def test_a_stranger_s_sheet_packs_and_exports_no_file_that_was_not_looked_at(tmp_path: Path) -> None:
    make_sheet(tmp_path)
    references._read_files.clear()                              # as in a new session
    for start in (bpy.ops.gptimage.mark_style_sheet, lambda: bpy.ops.gptimage.export_style_sheet(directory=str(tmp_path / "out"))):
        with pytest.raises(RuntimeError, match="Oak has not been read yet: .*Oak.png"):
            start()
    assert bpy.data.images["Oak"].packed_file is None and not (tmp_path / "out").exists()
    assert bpy.ops.gptimage.read_references() == {'FINISHED'} and bpy.ops.gptimage.mark_style_sheet() == {'FINISHED'}
