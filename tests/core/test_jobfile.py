# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""JOBS.json is read strictly: whatever is wrong is refused by the name of its field."""

from __future__ import annotations

import typing

import pytest

from gptimage_addon.core.errors import InputError
from gptimage_addon.core.jobfile import (
    DecalSpec, EditTextureSpec, MaskSpec, ReferenceJobSpec, ReferenceSpec, TextureSpec, TouchUpSpec, read_jobfile)
from gptimage_addon.core.presets import SHIPPED, Preset
from gptimage_addon.core.request import MapKind, Request, Surface

TEXTURE = {"id": "a", "kind": "texture", "prompt": "red brick"}
REFERENCE = {"id": "b", "kind": "reference", "prompt": "a chair"}
TOUCH_UP = {"id": "c", "kind": "touch_up", "image": "Render Result", "mask": {"border": [0.1, 0.2, 0.5, 0.9]}}
MASKS = [
    {"border": [0, 0, 1, 0.5]}, {"polygon": [[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]]}, {"objects": ["Cube", "Light"]}, {"faces": "Cube"},
    {"material": "Brick"}, {"vertex_group": ["Cube", "Top"]}, {"depth": [1, 4.5]}, {"image": "mask.png"}, {"alpha": True},
    {"whole": True},
]


def document(*jobs: object, **more: object) -> dict[str, typing.Any]:
    return {"version": 1, "jobs": list(jobs), **more}


def refused(facts: object) -> InputError:
    with pytest.raises(InputError) as told:
        read_jobfile(facts)
    assert told.value.message
    return told.value


def test_a_small_file_gets_the_usual_settings() -> None:
    (spec,) = read_jobfile(document(TEXTURE))
    assert isinstance(spec, TextureSpec)
    assert (spec.model, spec.size, spec.quality, spec.n, spec.output_format) == (
        "gpt-image-2.5-flare", "1024x1024", "medium", 1, "png")
    assert (spec.objects, spec.faces, spec.scale_m, spec.asset, spec.references, spec.save) == ((), False, 0.0, False,
        (), "")
    assert spec.words == Request(prompt="red brick", model="gpt-image-2.5-flare")


def test_every_field_of_the_contract_is_read() -> None:
    common = {"model": "gpt-image-2", "size": "2048x1024", "quality": "high", "background": "opaque",
        "output_format": "jpeg",
              "output_compression": 80, "moderation": "low", "n": 3, "save": "out/x.JPG",
              "references": [{"path": "a.png", "role": "style"}, {"image": "Sketch"}]}
    texture, reference = read_jobfile(document(
        TEXTURE | common | {"objects": ["A", "B"], "faces": True, "scale_m": 2, "asset": True},
        REFERENCE | common | {"place": "camera", "from_view": "Camera"}))
    assert isinstance(texture, TextureSpec) and isinstance(reference, ReferenceJobSpec)
    assert (texture.objects, texture.faces, texture.scale_m, texture.asset) == (("A", "B"), True, 2.0, True)
    assert (reference.place, reference.from_view) == ("camera", "Camera")
    for spec in (texture, reference):
        assert spec.references == (ReferenceSpec("a.png", "", "style"), ReferenceSpec("", "Sketch"))
        assert spec.words == Request(prompt=spec.prompt, model="gpt-image-2", size="2048x1024", quality="high", n=3,
                                      background="opaque", output_format="jpeg", output_compression=80,
                                      moderation="low")


def test_defaults_reach_the_jobs_that_know_them_and_jobs_win() -> None:
    texture, reference = read_jobfile(document(
        TEXTURE, REFERENCE | {"size": "1536x1024"}, defaults={"size": "2048x2048", "objects": ["A"], "place": "empty"}))
    assert (texture.size, reference.size) == ("2048x2048", "1536x1024")
    assert typing.cast(TextureSpec, texture).objects == ("A",)
    assert typing.cast(ReferenceJobSpec, reference).place == "empty"
    (spec,) = read_jobfile(document({"id": "x"}, defaults={"kind": "texture", "prompt": "p"}))
    assert spec.prompt == "p"


@pytest.mark.parametrize(("facts", "field"), [
    (None, ""), ([], ""), ("x", ""), ({}, "version"), ({"version": 2, "jobs": [TEXTURE]}, "version"),
    ({"version": "1", "jobs": [TEXTURE]}, "version"), ({"version": True, "jobs": [TEXTURE]}, "version"),
    ({"version": 1}, "jobs"), (document(), "jobs"), ({"version": 1, "jobs": {}}, "jobs"),
    ({"version": 1, "jobs": "x"}, "jobs"),
    (document(TEXTURE, job=1), "job"), (document(TEXTURE, defaults=[]), "defaults"),
    (document(TEXTURE, defaults=None), "defaults"),
    (document(TEXTURE, defaults={"colour": 1}), "defaults.colour"), (document("x"), "jobs[0]"),
    (document(TEXTURE, None), "jobs[1]"),
])
def test_the_file_itself(facts: object, field: str) -> None:
    assert refused(facts).field == field


@pytest.mark.parametrize(("job", "more", "field"), [
    (TEXTURE, {"kind": None}, "kind"), (TEXTURE, {"kind": "Texture"}, "kind"), (TEXTURE, {"kind": []}, "kind"),
    (TEXTURE, {"kind": {}}, "kind"), (TEXTURE, {"kind": 1}, "kind"),
    (TEXTURE, {"colour": "red"}, "colour"), (TEXTURE, {"place": "image"}, "place"), (TEXTURE, {"key": "sk"}, "key"),
    (REFERENCE, {"objects": ["A"]}, "objects"), (REFERENCE, {"place": "moon"}, "place"),
    (REFERENCE, {"place": 3}, "place"),
    (TEXTURE, {"prompt": 7}, "prompt"), (TEXTURE, {"n": "2"}, "n"), (TEXTURE, {"n": True}, "n"),
    (TEXTURE, {"size": 1024}, "size"),
    (TEXTURE, {"output_compression": "80"}, "output_compression"), (TEXTURE, {"objects": "Cube"}, "objects"),
    (TEXTURE, {"objects": [1]}, "objects[0]"), (TEXTURE, {"faces": 1}, "faces"), (TEXTURE, {"faces": True}, "objects"),
    (TEXTURE, {"scale_m": "2"}, "scale_m"), (TEXTURE, {"references": {}}, "references"),
    (TEXTURE, {"references": [{}]}, "references[0]"),
    (TEXTURE, {"references": [{"path": "a", "image": "b"}]}, "references[0]"),
    (TEXTURE, {"references": [{"path": "a"}, {"path": "b", "url": "c"}]}, "references[1].url"),
    (TEXTURE, {"seamless": "z"}, "seamless"), (TEXTURE, {"seamless": 1}, "seamless"), (TEXTURE, {"even": 2}, "even"),
    (TEXTURE, {"delight": -0.1}, "delight"), (TEXTURE, {"maps": ["gloss"]}, "maps[0]"), (TEXTURE, {"relief_m": 0}, "relief_m"),
    (TEXTURE, {"displace": True, "maps": ["normal"]}, "displace"),
    (TEXTURE, {"preset": "no such"}, "preset"), (TEXTURE, {"preset": 3}, "preset"),
    (TEXTURE, {"seamless": "x", "output_format": "jpeg", "save": "x.jpg"}, "save"),
    (TEXTURE, {"save": "x.jpg"}, "save"), (TEXTURE, {"save": "x"}, "save"),
    (TEXTURE, {"udim": True}, "objects"), (TEXTURE, {"udim": 1, "objects": ["A"]}, "udim"),
    (TEXTURE, {"udim": True, "objects": ["A"], "n": 2}, "n"), (TEXTURE, {"udim": True, "objects": ["A"], "seamless": True}, "seamless"),
    (TEXTURE, {"udim": True, "objects": ["A"], "continue_from": "B"}, "continue_from"),
    (TEXTURE, {"decal": {}}, "decal.object"), (TEXTURE, {"decal": "Wall"}, "decal"), (TEXTURE, {"decal": {"object": "A", "size": 1}}, "decal.size"),
    (TEXTURE, {"decal": {"object": "A", "location": [1, 2]}}, "decal.location"), (TEXTURE, {"decal": {"object": "A", "width_m": 0}}, "decal.width_m"),
    (TEXTURE, {"decal": {"object": "A", "normal": [0, 0, 1]}}, "decal.normal"),
    (TEXTURE, {"decal": {"object": "A", "location": [0, 0, 0], "normal": [0, 0, 0]}}, "decal.normal"),
    (TEXTURE, {"decal": {"object": "A"}, "objects": ["A"]}, "objects"), (TEXTURE, {"decal": {"object": "A"}, "maps": ["ao"]}, "maps"),
    (TEXTURE, {"decal": {"object": "A"}, "output_format": "jpeg", "save": "x.jpg"}, "save"),
    (TEXTURE, {"save": "x.png", "output_format": "webp"}, "save"),
])
def test_a_job(job: dict[str, object], more: dict[str, object], field: str) -> None:
    assert refused(document(TEXTURE | {"id": "first"}, job | more)).field == f"jobs[1].{field}"


@pytest.mark.parametrize("missing", ["id", "kind", "prompt"])
def test_what_a_job_must_have(missing: str) -> None:
    assert refused(document({k: v for k, v in TEXTURE.items() if k != missing})).field == f"jobs[0].{missing}"


def test_ids_are_there_once() -> None:
    assert refused(document(TEXTURE, REFERENCE, TEXTURE)).field == "jobs[2].id"


def test_a_default_that_changes_cannot_have_is_for_the_others() -> None:
    changes = [{"id": "b", "kind": "touch_up", "prompt": "a door", "image": "wall.png", "mask": {"whole": True}},
               {"id": "c", "kind": "edit_texture", "prompt": "moss", "image": "wall.png"}]
    specs = read_jobfile(document(TEXTURE, *changes, defaults={"continue_from": "Wall"}))
    assert [spec.continue_from for spec in specs] == ["Wall", "", ""]


@pytest.mark.parametrize("more", [{"seamless": False}, {"maps": []}])
def test_what_asks_for_nothing_new_passes(more: dict[str, object]) -> None:
    assert len(read_jobfile(document(TEXTURE | more))) == 1


def test_a_texture_s_pixel_work_is_read() -> None:
    more = {"seamless": True, "even": 0.25, "delight": 1, "maps": ["normal", "height"], "scale_m": 2, "relief_m": 0.05, "displace": True}
    both, one, none, maps = (spec.surface for spec in read_jobfile(document(
        TEXTURE | more, TEXTURE | {"id": "2", "seamless": "x"}, TEXTURE | {"id": "3", "scale_m": 2},
        TEXTURE | {"id": "4", "maps": ["ao"], "output_format": "jpeg", "save": "x.jpg"})))
    assert both == Surface("xy", 0.25, 1.0, (MapKind.NORMAL, MapKind.HEIGHT), 2.0, 0.05, displace=True)
    assert one == Surface("x", 0.5) and none is None and maps == Surface(maps=(MapKind.AO,))


def test_a_decal_is_cut_out() -> None:
    (spec,) = read_jobfile(document(TEXTURE | {"decal": {"object": "Wall", "width_m": 1, "location": [1, 2, 3.5]}, "save": "x.png"}))
    assert spec.decal == DecalSpec(object="Wall", width_m=1.0, location=(1, 2, 3.5)) and spec.decal.conform
    assert spec.surface == Surface(cut_out=True)


def test_a_preset_says_what_the_job_does_not() -> None:
    jobs = document({"id": "a", "kind": "texture", "preset": "brick wall", "scale_m": 3},
                    {"id": "b", "kind": "texture", "preset": "Own", "prompt": "moss"},
                    defaults={"size": "2048x2048", "quality": "high"})
    brick, own = read_jobfile(jobs, (*SHIPPED, Preset("Own", "stone", size="512x2048", seamless="", maps=())))
    assert "brick" in brick.prompt and brick.seamless == "xy" and MapKind.NORMAL in brick.maps
    assert (brick.scale_m, brick.size, brick.quality) == (3.0, "2048x2048", "high")
    assert (own.prompt, own.size, own.surface) == ("moss", "512x2048", None)


def test_reading_changes_nothing_of_the_document() -> None:
    facts = document(TEXTURE | {"maps": []}, defaults={"size": "2048x2048"})
    before = repr(facts)
    read_jobfile(facts)
    assert repr(facts) == before


# --- touch-ups --------------------------------------------------------------------------------------------

@pytest.mark.parametrize("mask", MASKS, ids=lambda mask: next(iter(mask)))
def test_a_touch_up_s_mask_is_given_in_any_one_way(mask: dict[str, object]) -> None:
    (spec,) = read_jobfile(document(TOUCH_UP | {"mask": mask, "grow": -2, "feather": 3, "separate": True, "layer": "compositor"}))
    assert isinstance(spec, TouchUpSpec) and spec.prompt == ""
    (way,) = mask
    given = {name: getattr(spec.mask, name) for name in MaskSpec.__dataclass_fields__ if getattr(spec.mask, name)}
    assert list(given) == [way]
    assert (spec.grow, spec.feather, spec.separate, spec.layer) == (-2, 3, True, "compositor")


def test_a_touch_up_extends_a_picture_instead() -> None:
    facts = {name: value for name, value in TOUCH_UP.items() if name != "mask"} | {"extend": [0, 10, 20, 0], "save": "x.exr"}
    (spec,) = read_jobfile(document(facts))
    assert typing.cast(TouchUpSpec, spec).extend == (0, 10, 20, 0)


@pytest.mark.parametrize(("more", "field"), [
    ({"mask": {}}, "mask"), ({"mask": {"border": [0, 0, 1, 1], "alpha": True}}, "mask"), ({"mask": {"circle": 3}}, "mask.circle"),
    ({"mask": {"border": [0, 0, 1]}}, "mask.border"), ({"mask": {"polygon": [[0, 0], [1, 1]]}}, "mask.polygon"),
    ({"mask": {"polygon": [[0, 0, 0], [1, 1, 0], [0, 1, 0]]}}, "mask.polygon"), ({"mask": {"vertex_group": ["Cube"]}}, "mask.vertex_group"),
    ({"mask": {"depth": [3, 1]}}, "mask.depth"), ({"mask": {"depth": [1]}}, "mask.depth"), ({"mask": {"faces": 3}}, "mask.faces"),
    ({"size": "1024x1024"}, "size"), ({"output_format": "webp"}, "output_format"), ({"layer": "moon"}, "layer"),
    ({"feather": -1}, "feather"), ({"context": -0.1}, "context"), ({"save": "x.jpg"}, "save"), ({"objects": ["Cube"]}, "objects"),
    ({"extend": [0, 10, 20, 0]}, "extend"), ({"mask": {}, "extend": [0, 0, 0, 0]}, "extend"), ({"mask": {}, "extend": [1, 2]}, "extend"),
    ({"mask": {}, "extend": [-1, 2, 0, 0]}, "extend"), ({"mask": {}, "extend": [1, 0, 0, 0], "layer": "compositor"}, "extend"),
])
def test_a_touch_up(more: dict[str, object], field: str) -> None:
    assert refused(document(TOUCH_UP | more)).field == f"jobs[0].{field}"


def test_maps_from_the_model() -> None:
    (spec,) = read_jobfile(document({**TEXTURE, "maps": ["normal", "roughness"], "maps_from": "model", "seamless": True}))
    assert spec.asked == (MapKind.NORMAL, MapKind.ROUGHNESS) and spec.surface.maps == () and spec.surface.axes == "xy"
    (spec,) = read_jobfile(document({**TEXTURE, "maps": ["normal"]}))
    assert spec.asked == () and spec.surface.maps == (MapKind.NORMAL,)
    assert refused(document({**TEXTURE, "maps_from": "me"})).field == "jobs[0].maps_from"


def test_seams_to_be_healed() -> None:
    for told, axes in ((True, "xy"), (False, ""), ("y", "y")):
        (spec,) = read_jobfile(document({**TEXTURE, "heal": told}))
        assert spec.heal == axes
    (spec,) = read_jobfile(document({"id": "a", "kind": "texture", "image": "Wall", "heal": True}, defaults={"size": "1024x640", "n": 2}))
    assert (spec.image, spec.prompt, spec.heal) == ("Wall", "", "xy")


@pytest.mark.parametrize(("facts", "field"), [
    ({**TEXTURE, "heal": "z"}, "heal"), ({**TEXTURE, "heal": True, "output_format": "jpeg", "save": "a.jpg"}, "save"),
    ({"id": "a", "kind": "texture", "image": "Wall"}, "image"), ({"id": "a", "kind": "texture", "heal": True}, "prompt"),
    ({**TEXTURE, "image": "Wall", "heal": True, "objects": ["Cube"]}, "objects"),
    ({**TEXTURE, "image": "Wall", "heal": True, "size": "1024x1024"}, "size"),
])
def test_what_cannot_be_healed(facts: dict[str, object], field: str) -> None:
    assert refused(document(facts)).field == f"jobs[0].{field}"


EDIT = {"id": "a", "kind": "edit_texture"}


def test_changes_of_textures() -> None:
    specs = read_jobfile(document(
        {**EDIT, "object": "Wall", "prompt": "a crack"}, {**EDIT, "id": "b", "image": "Brick", "place": "image", "n": 2},
        defaults={"size": "1024x640", "output_format": "jpeg", "maps": ["height"]}))
    assert all(isinstance(spec, EditTextureSpec) and spec.size == "" and spec.output_format == "png" for spec in specs)
    assert [(spec.object, spec.image, spec.place, spec.prompt) for spec in specs] == [
        ("Wall", "", "instead", "a crack"), ("", "Brick", "image", "")]


@pytest.mark.parametrize(("facts", "field"), [
    (EDIT, "object"), ({**EDIT, "object": "Wall", "place": "camera"}, "place"), ({**EDIT, "object": "Wall", "size": "1024x640"}, "size"),
    ({**EDIT, "object": "Wall", "output_format": "webp"}, "output_format"), ({**EDIT, "object": "Wall", "save": "a.jpg"}, "save"),
    ({**EDIT, "object": ["Wall"]}, "object"), ({**EDIT, "object": "Wall", "mask": {"whole": True}}, "mask"),
])
def test_changes_of_textures_that_cannot_be(facts: dict[str, object], field: str) -> None:
    assert refused(document(facts)).field == f"jobs[0].{field}"
