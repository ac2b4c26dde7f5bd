# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lettering from the panel, from a script and headless: what is sent, in which order, with which font."""

from __future__ import annotations

from pathlib import Path

import bpy
import pytest

from gptimage_addon.blender.host import host
from gptimage_addon.core.request import JobState
from gptimage_addon.worker.practice import PracticeServer
from tests.support.pictures import decode
from tests.support.runs import job_file, run_here

SMALL = {"prompt": "a shop sign", "size": "1024x640", "quality": "low"}


def font() -> bpy.types.VectorFont:
    """A font that Blender brings along, loaded as an artist's own."""
    folder = Path(bpy.utils.system_resource('DATAFILES', path="fonts"))
    return bpy.data.fonts.load(str(next(path for path in sorted(folder.iterdir()) if path.suffix in {".ttf", ".otf", ".woff2"})))


def test_the_panel_is_the_default_and_the_text_its_lines() -> None:
    settings = bpy.context.scene.gptimage
    settings.use_letters, settings.letters_box = True, (0.0, 0.0, 1.0, 0.5)
    settings.letters_text = bpy.data.texts.new("Sign")
    settings.letters_text.write("BAKERY\nsince 1901\n")
    assert bpy.ops.gptimage.generate_reference(**SMALL) == {'FINISHED'}
    (view,) = host.jobs.values()
    assert view.job.lettering.lines == ("BAKERY", "since 1901") and view.job.lettering.box == (0.0, 0.0, 1.0, 0.5)
    assert '"BAKERY" / "since 1901"' in view.job.request.prompt
    assert view.job.prompt == "a shop sign"                     # the artist's own words are kept
    assert bpy.ops.gptimage.wait(timeout_s=60) == {'FINISHED'}
    assert view.record.state is JobState.DONE, view.record.error
    page = decode((host.journal.folder(view.job.id) / "prepared/lettering.png").read_bytes(), "L")
    assert page[:320].min() == 255 and page[320:].min() == 0    # in the lower half, as the place says


def test_a_font_of_the_file_goes_into_the_job() -> None:
    chosen = font()
    assert bpy.ops.gptimage.generate_reference(**SMALL, letters="Open", letters_font=chosen.name, letters_overlay=True) == {'FINISHED'}
    assert bpy.ops.gptimage.wait(timeout_s=60) == {'FINISHED'}
    (view,) = host.jobs.values()
    assert view.record.state is JobState.DONE, view.record.error
    file = host.journal.folder(view.job.id) / view.job.lettering.font
    assert file.read_bytes() == Path(bpy.path.abspath(chosen.filepath)).read_bytes()
    assert view.record.result.pictures[0].report["lettering"]


def test_a_script_can_ask_for_the_interfaces_font() -> None:
    chosen = font()
    bpy.context.scene.gptimage.letters_font = chosen.name
    assert bpy.ops.gptimage.generate_reference(**SMALL, letters="Open") == {'FINISHED'}
    assert bpy.ops.gptimage.generate_reference(**SMALL, letters="Open", letters_font="") == {'FINISHED'}
    panels, scripts = ((host.journal.folder(view.job.id) / view.job.lettering.font).read_bytes() for view in host.jobs.values())
    assert panels == Path(bpy.path.abspath(chosen.filepath)).read_bytes() != scripts


@pytest.mark.parametrize(("more", "words"), [
    ({"letters": " "}, "Write it, or turn Lettering off"), ({"letters": "A", "letters_font": "Nobody"}, "no font 'Nobody'"),
    ({"letters": "A", "letters_box": (0.5, 0.5, 0.4, 0.6)}, "no box in the picture"),
])
def test_lettering_that_makes_no_sense_is_refused(more: dict[str, object], words: str) -> None:
    with pytest.raises(RuntimeError, match=words):
        bpy.ops.gptimage.generate_reference(**SMALL, **more)
    assert not host.jobs


def test_headless_letters_are_the_last_picture_sent(server: PracticeServer, tmp_path: Path) -> None:
    source = tmp_path / "style.png"
    image = bpy.data.images.new("Style", 64, 64)
    image.filepath_raw, image.file_format = str(source), 'PNG'
    image.save()
    job = {"id": "sign", "kind": "reference", "prompt": "a shop sign", "references": [{"path": str(source), "role": "style"}],
           "lettering": {"lines": ["Fisch & Brot", "täglich"], "overlay": True, "color": [1, 1, 1]}, "save": str(tmp_path / "sign.png")}
    run = run_here(tmp_path, job_file(tmp_path, job), "--data", tmp_path / "data", "--service", server.base_url)
    assert run.status == 0, run.stderr
    (request,) = server.requests
    first, second = request.files
    assert decode(second.data, "L").min() == 0 and decode(second.data, "L").shape == (640, 1024)
    assert "2. the lettering, black on white" in request.fields["prompt"] and '"Fisch & Brot" / "täglich"' in request.fields["prompt"]
    letters = decode(second.data, "L") == 0
    result = decode((tmp_path / "sign.png").read_bytes(), "RGB")
    assert (result[letters] == 255).all()
    assert len(run.lines["sign"]["report"]["lettering"]) == 4


@pytest.mark.parametrize(("more", "field"), [
    ({"lettering": {"lines": []}}, "jobs[0].lettering.lines"), ({"lettering": {"lines": ["A"], "blend": "glow"}}, "jobs[0].lettering.blend"),
    ({"lettering": {"lines": ["A"], "font": "/nowhere.ttf"}}, "jobs[0].lettering.font"),
    ({"lettering": {"lines": ["A"]}, "grid": {}}, "jobs[0].lettering"),
    ({"lettering": {"lines": ["A"], "overlay": True}, "output_format": "jpeg"}, "jobs[0].output_format"),
])
def test_headless_refusals_name_the_field(more: dict[str, object], field: str, tmp_path: Path) -> None:
    run = run_here(tmp_path, job_file(tmp_path, {"id": "a", "kind": "reference", "prompt": "a sign", **more}), "--data", tmp_path / "data")
    assert run.status == 2 and run.stderr.startswith(f"gptimage: {field}"), run.stderr
