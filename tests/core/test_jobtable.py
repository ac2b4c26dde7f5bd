# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables as job files: what artists type into a spreadsheet, and what is wrong with it."""

from __future__ import annotations

import pytest

from gptimage_addon.core.errors import InputError
from gptimage_addon.core.jobfile import MaskSpec, ReferenceSpec, read_jobfile
from gptimage_addon.core.jobtable import read_table
from gptimage_addon.core.request import MapKind


def test_a_line_is_a_job() -> None:
    wall, sky, ivy = read_jobfile(read_table(
        'id,kind,prompt,n,objects,maps,seamless,scale_m,references,mask,image\r\n'
        'wall,texture,"brick, red",2,Wall; Roof,normal;height,true,1.5,"a.png;b.png",,\r\n'
        '\r\n'
        ',reference,"a sky\nat dusk",,,,,,"[{""image"": ""Sky"", ""role"": ""mood""}]",,\r\n'
        'ivy,touch_up,ivy,,,,,,,"{""border"": [0, 0, 0.5, 1]}",Render Result\r\n'))
    assert (wall.id, wall.prompt, wall.n, wall.objects, wall.scale_m) == ("wall", "brick, red", 2, ("Wall", "Roof"), 1.5)
    assert wall.seamless == "xy" and wall.maps == (MapKind.NORMAL, MapKind.HEIGHT)
    assert wall.references == (ReferenceSpec(path="a.png"), ReferenceSpec(path="b.png"))
    assert sky.id.startswith("line-") and sky.prompt == "a sky\nat dusk" and sky.references == (ReferenceSpec(image="Sky", role="mood"),)
    assert sky.n == 1 and ivy.mask == MaskSpec(border=(0, 0, .5, 1)) and ivy.image == "Render Result"


def test_excels_other_comma() -> None:
    (job,) = read_jobfile(read_table('id;kind;prompt;objects;faces\na;texture;red, rough brick;"Wall;Roof";TRUE\n'))
    assert job.prompt == "red, rough brick" and job.objects == ("Wall", "Roof") and job.faces is True


@pytest.mark.parametrize("seamless", ["x", "xy", "false", ""])
def test_axes_are_words_or_truths(seamless: str) -> None:
    (job,) = read_jobfile(read_table(f"kind,prompt,seamless\ntexture,brick,{seamless}\n"))
    assert job.seamless == {"false": ""}.get(seamless, seamless)


def test_words_that_look_like_numbers_stay_words() -> None:
    (job,) = read_jobfile(read_table("id,kind,prompt\n7,texture,1984\n"))
    assert (job.id, job.prompt) == ("7", "1984")


@pytest.mark.parametrize(("text", "field"), [
    ("", "line 1"), ("id,prompt\n1,x\n", "line 1"), ("kind,prompt,prompt\ntexture,a,b\n", "line 1"),
    ("kind,prompt\ntexture,a,b\n", "line 2"), ("kind,prompt\ntexture,a\ntexture\n", "line 3"),
    ('kind,prompt\ntexture,"a" b\n', "line 2"),
])
def test_what_is_no_table(text: str, field: str) -> None:
    with pytest.raises(InputError) as told:
        read_table(text)
    assert told.value.field == field and told.value.hint


@pytest.mark.parametrize(("head", "cell", "field"), [
    ("n", "two", "jobs[0].n"), ("quality,widht", "low,3", "jobs[0].widht"), ("faces", "yes", "jobs[0].faces"), ("scale_m", "1 m", "jobs[0].scale_m"),
])
def test_what_a_cell_must_not_hold(head: str, cell: str, field: str) -> None:
    with pytest.raises(InputError) as told:
        read_jobfile(read_table(f"kind,prompt,{head}\ntexture,a,{cell}\n"))
    assert told.value.field == field
