# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogue against api.md, section 1, as literals: what is refused, for which field, and what is offered."""

from __future__ import annotations

import itertools
import math
import random
import re
from datetime import date

import pytest

from gptimage_addon.core.catalog import (
    DEFAULT_MODEL, MODELS, RETIRED, SIZE_PRESETS, check_request, deadline_s, find_model, nearest_legal_size,
    shutdown_notice,
)
from gptimage_addon.core.errors import InputError
from gptimage_addon.core.request import Request, SentPicture, ServiceKind

FLARE_25, FLARE_26, TWO = "gpt-image-2.5-flare", "gpt-image-2.6-flare", "gpt-image-2"
TODAY = date(2026, 11, 22)
PICTURE = SentPicture("inputs/0.png", "image/png", 1024, 640)
GOOD = Request(prompt="red brick", model=FLARE_25)
GOOD_EDIT = Request(prompt="moss", model=FLARE_25, images=(PICTURE,))

FIVE = ("low", "medium", "high", "xhigh", "max")
# model: (qualities, transparent, markup, complexity)
TABLE = {
    "gpt-image-2.6-flare": (FIVE, True, True, True), "gpt-image-2.6-sunburst": (FIVE, True, True, True),
    "gpt-image-2.5-flare": (FIVE, True, True, False), "gpt-image-2.5-sunburst": (FIVE, True, True, False),
    "gpt-image-2": (("low", "medium", "high"), False, False, False),
}
SNAPSHOTS = {
    "gpt-image-2.5-flare-2026-09-08": "gpt-image-2.5-flare",
    "gpt-image-2.5-sunburst-2026-09-08": "gpt-image-2.5-sunburst",
    "gpt-image-2-2026-04-21": "gpt-image-2",
}
LAST_DAYS = {
    "gpt-image-1.5": "2026-12-01", "gpt-image-1-mini": "2026-12-01", "chatgpt-image-latest": "2026-12-01",
    "gpt-image-1": "2026-10-23", "dall-e-2": "2026-05-12", "dall-e-3": "2026-05-12",
}


def refused(request: Request, service: ServiceKind = ServiceKind.OPENAI) -> InputError:
    with pytest.raises(InputError) as told:
        check_request(request, service, today=TODAY)  # type: ignore[arg-type]
    assert told.value.message and told.value.hint
    return told.value


def passes(request: Request, service: ServiceKind = ServiceKind.OPENAI) -> bool:
    check_request(request, service, today=TODAY)  # type: ignore[arg-type]
    return True


# --- Models -----------------------------------------------------------------------------------------------

def test_the_models_are_those_of_the_table() -> None:
    assert {m.id: (m.qualities, m.transparent, m.markup, m.complexity) for m in MODELS.values()} == TABLE
    assert {name: find_model(name).id for name in SNAPSHOTS} == SNAPSHOTS  # type: ignore[union-attr]
    assert not any(m.input_fidelity or m.shutdown for m in MODELS.values())
    assert {m.id for m in MODELS.values() if m.price_known} == {name for name in TABLE if "2.6" not in name}


def test_the_default_has_a_price_that_can_be_told() -> None:
    assert DEFAULT_MODEL == FLARE_25 and MODELS[DEFAULT_MODEL].price_known


@pytest.mark.parametrize("name", [*TABLE, *SNAPSHOTS])
@pytest.mark.parametrize("quality", [*FIVE, "auto", "hd", "standard", ""])
def test_qualities(name: str, quality: str) -> None:
    legal = TABLE[SNAPSHOTS.get(name, name)][0]
    request = GOOD._replace(model=name, quality=quality)
    if quality in legal:
        assert passes(request)
    else:
        error = refused(request)
        assert error.field == "quality" and all(q in error.hint for q in legal)


@pytest.mark.parametrize(("name", "background", "form"), [*itertools.product(
    TABLE, ("auto", "opaque", "transparent"), ("png", "jpeg", "webp"))])
def test_transparency(name: str, background: str, form: str) -> None:
    request = GOOD._replace(model=name, background=background, output_format=form)
    if background != "transparent" or (TABLE[name][1] and form != "jpeg"):
        assert passes(request)
    elif not TABLE[name][1]:
        error = refused(request)
        assert error.field == "background" and "opaque" in error.hint and FLARE_25 in error.hint
    else:
        error = refused(request)
        assert error.field == "output_format" and "png" in error.hint and "webp" in error.hint


@pytest.mark.parametrize("name", TABLE)
def test_complexity_and_markup_by_model(name: str) -> None:
    for value in ("low", "medium", "high"):
        request = GOOD._replace(model=name, complexity=value)
        if TABLE[name][3]:
            assert passes(request)
        else:
            error = refused(request)
            assert error.field == "complexity" and FLARE_26 in error.hint
    markup = GOOD_EDIT._replace(model=name, markup=PICTURE)
    if TABLE[name][2]:
        assert passes(markup)
    else:
        assert refused(markup).field == "markup" and FLARE_25 in refused(markup).hint
    for fidelity in ("low", "high"):
        assert refused(GOOD_EDIT._replace(model=name, input_fidelity=fidelity)).field == "input_fidelity"


@pytest.mark.parametrize("name", LAST_DAYS)
def test_a_retired_name_tells_its_last_day_and_its_successor(name: str) -> None:
    assert RETIRED[name] == date.fromisoformat(LAST_DAYS[name])
    error = refused(GOOD._replace(model=name))
    assert error.field == "model"
    assert LAST_DAYS[name] in error.message and FLARE_25 in error.message
    assert ("shuts down on" if LAST_DAYS[name] > "2026-11-22" else "shut down on") in error.message
    assert "compatible server" in error.hint
    assert passes(GOOD._replace(model=name), ServiceKind.COMPATIBLE)


def test_an_unknown_model_lists_the_known() -> None:
    error = refused(GOOD._replace(model="gpt-image-9"))
    assert error.field == "model" and all(name in error.hint for name in TABLE)


def test_a_shutdown_the_service_tells_is_passed_on() -> None:
    assert shutdown_notice(FLARE_25, TODAY) == ""
    notice = shutdown_notice(FLARE_25, TODAY, date(2027, 3, 1))
    assert "2027-03-01" in notice and "shuts down" in notice
    assert "shut down" in shutdown_notice("gpt-image-1.5", date(2026, 12, 1))


# --- Sizes ------------------------------------------------------------------------------------------------

def by_the_rules(width: int, height: int) -> bool:
    """The size rules of api.md, written a second time and differently."""
    return (
        not (width | height) & 15 and 655_360 <= width * height <= 8_294_400 and width <= 3840 and height <= 3840
        and width <= 3 * height and height <= 3 * width)


@pytest.mark.parametrize(("asked", "nearest"), [
    ("512x512", "816x816"), ("1920x1080", "1920x1088"), ("4096x4096", "2880x2880"), ("768x768", "816x816"),
    ("800x800", "816x816"), ("1x1", "816x816"), ("256x256", "816x816"), ("1000x1000", "1008x1008"),
    ("7680x4320", "3840x2160"), ("8000x8000", "2880x2880"), ("1024x1025", "1024x1024"),
])
def test_an_illegal_size_is_refused_with_the_nearest(asked: str, nearest: str) -> None:
    error = refused(GOOD._replace(size=asked))
    assert error.field == "size" and error.hint.endswith(nearest)
    assert passes(GOOD._replace(size=nearest))


@pytest.mark.parametrize("size", [
    "1024x1024", "1536x1024", "1024x1536", "1024x640", "640x1024", "816x816", "1280x720", "1920x1088", "2048x2048",
    "2560x1440", "2880x2880", "3840x2160", "2160x3840", "3840x1280", "1536x512",
])
def test_a_legal_size_passes_and_is_its_own_nearest(size: str) -> None:
    width, height = map(int, size.split("x"))
    assert passes(GOOD._replace(size=size)) and nearest_legal_size(width, height) == (width, height)


def test_every_size_between_passes_or_is_refused_by_the_rules() -> None:
    chance = random.Random(7)
    some = [(chance.randrange(1, 4200), chance.randrange(1, 4200)) for _ in range(1500)]
    some += [(16 * chance.randrange(1, 260), 16 * chance.randrange(1, 260)) for _ in range(1500)]
    legal = 0
    for width, height in some:
        request = GOOD._replace(size=f"{width}x{height}")
        if by_the_rules(width, height):
            legal += passes(request)
        else:
            assert refused(request).field == "size"
    assert 300 < legal < 2700                   # both kinds were met often


def test_the_nearest_size_is_legal_and_final_and_of_the_same_shape() -> None:
    chance = random.Random(8)
    for _ in range(4000):
        width, height = (int(math.exp(chance.uniform(0, math.log(20_000)))) for _ in range(2))
        near = nearest_legal_size(width, height)
        assert by_the_rules(*near), (width, height, near)
        assert nearest_legal_size(*near) == near
        asked = min(max(width / height, 1 / 3), 3)
        assert abs(math.log(near[0] / near[1] / asked)) < 0.04, (width, height, near)


def test_the_nearest_size_is_the_nearest_of_all() -> None:
    """Against every legal size there is, by the shape and number of pixels it should have."""
    legal = [(w, h) for w in range(16, 3841, 16) for h in range(16, 3841, 16) if by_the_rules(w, h)]
    chance = random.Random(9)
    for _ in range(25):
        width, height = chance.randrange(200, 5000), chance.randrange(200, 5000)
        ratio = min(max(width / height, 1 / 3), 3)
        pixels = min(max(width * height, 655_360), 8_294_400)
        ideal = (math.sqrt(pixels * ratio), math.sqrt(pixels / ratio))
        shrink = min(1, 3840 / max(ideal))
        ideal = (ideal[0] * shrink, ideal[1] * shrink)

        def distance(wh: tuple[int, int], ideal: tuple[float, float] = ideal) -> float:
            return abs(math.log(wh[0] / ideal[0])) + abs(math.log(wh[1] / ideal[1]))

        if not by_the_rules(width, height):
            assert distance(nearest_legal_size(width, height)) == pytest.approx(min(map(distance, legal)), abs=1e-9)


@pytest.mark.parametrize("size", [
    "", "auto", "1024", "x", "1024x", "x1024", "0x1024", "-1024x1024", "1024x1024x2", "1024×1024", "١٠٢٤x١٠٢٤",
    "1e3x1e3",
    "1024.0x1024", "1024 x 1024", "²x2", "9" * 5000 + "x16", "nan",
])
@pytest.mark.parametrize("service", tuple(ServiceKind))
def test_what_is_no_size_is_refused_everywhere(size: str, service: ServiceKind) -> None:
    assert refused(GOOD._replace(size=size), service).field == "size"


@pytest.mark.parametrize("size", ["1024X1024", " 1024x1024", "1024x1024\n", "01024x1024"])
def test_a_size_that_would_go_out_written_oddly_is_refused(size: str) -> None:
    """The service reads WIDTHxHEIGHT and nothing else, and the text is sent as it is."""
    error = refused(GOOD._replace(size=size))
    assert error.field == "size" and "1024x1024" in error.hint


def test_huge_sizes_have_a_nearest_too() -> None:
    assert refused(GOOD._replace(size="999999999x1")).hint.endswith("3840x1280")


def test_presets_are_legal() -> None:
    assert all(passes(GOOD._replace(size=size)) for _, size in SIZE_PRESETS.values())
    assert {"1024x1024", "1536x1024", "1024x1536"} <= {size for _, size in SIZE_PRESETS.values()}


@pytest.mark.parametrize(("size", "seconds"), [
    ("1024x1024", 360), ("2560x1440", 360), ("2576x1440", 600), ("2048x2048", 600), ("3840x2160", 600),
])
def test_deadlines(size: str, seconds: float) -> None:
    assert deadline_s(size) == seconds


# --- Other fields -----------------------------------------------------------------------------------------

OTHERS = {
    "png": SentPicture("m", "image/png", 1024, 640), "larger": SentPicture("m", "image/png", 1024, 656),
    "jpeg": SentPicture("m", "image/jpeg", 1024, 640), "gif": SentPicture("m", "image/gif", 1024, 640),
}
EVERYWHERE = [
    ({"prompt": ""}, "prompt"), ({"prompt": " \n"}, "prompt"), ({"model": ""}, "model"), ({"n": 0}, "n"),
    ({"n": 11}, "n"),
    ({"n": -1}, "n"), ({"partial_images": 4}, "partial_images"), ({"partial_images": -1}, "partial_images"),
    ({"output_compression": 101, "output_format": "jpeg"}, "output_compression"),
    ({"output_compression": -1, "output_format": "webp"}, "output_compression"),
]
EVERYWHERE_EDIT = [
    ({"images": (), "mask": PICTURE}, "images"), ({"mask": PICTURE, "markup": PICTURE}, "markup"), ({"mask": OTHERS["larger"]}, "mask"),
    ({"markup": OTHERS["larger"]}, "markup"),
]
OPENAI = [
    ({"prompt": "x" * 32_001}, "prompt"), ({"output_format": "gif"}, "output_format"),
    ({"output_format": "svg"}, "output_format"),
    ({"output_format": "bmp"}, "output_format"), ({"background": "blue"}, "background"),
    ({"moderation": "none"}, "moderation"),
    ({"output_compression": 50}, "output_compression"), ({"model": FLARE_26, "complexity": "extreme"}, "complexity"),
]
OPENAI_EDIT = [
    ({"images": (PICTURE,) * 17}, "images"), ({"images": (PICTURE, OTHERS["gif"])}, "images"),
    ({"mask": OTHERS["jpeg"]}, "mask"),
    ({"markup": OTHERS["jpeg"]}, "markup"),
]


@pytest.mark.parametrize(("facts", "field"), EVERYWHERE)
@pytest.mark.parametrize("service", tuple(ServiceKind))
def test_what_no_server_takes(facts: dict[str, object], field: str, service: ServiceKind) -> None:
    assert refused(GOOD._replace(**facts), service).field == field
    assert refused(GOOD_EDIT._replace(**facts), service).field == field


@pytest.mark.parametrize(("facts", "field"), EVERYWHERE_EDIT)
@pytest.mark.parametrize("service", tuple(ServiceKind))
def test_which_edit_no_server_takes(facts: dict[str, object], field: str, service: ServiceKind) -> None:
    assert refused(GOOD_EDIT._replace(**facts), service).field == field


@pytest.mark.parametrize(("facts", "field"), OPENAI + OPENAI_EDIT)
def test_what_openai_refuses_and_others_may_take(facts: dict[str, object], field: str) -> None:
    for request in (GOOD, GOOD_EDIT):
        if not request.is_edit and set(facts) & {"images", "mask", "markup"}:
            continue
        asked = request._replace(**facts)
        for service in (ServiceKind.OPENAI, ServiceKind.PRACTICE):
            assert refused(asked, service).field == field
        assert passes(asked, ServiceKind.COMPATIBLE)


@pytest.mark.parametrize("facts", [
    {"prompt": "x" * 32_000}, {"n": 10}, {"partial_images": 3}, {"moderation": "low"},
    {"output_format": "jpeg", "output_compression": 0}, {"output_format": "webp", "output_compression": 100},
])
def test_the_limits_themselves_pass(facts: dict[str, object]) -> None:
    assert passes(GOOD._replace(**facts)) and passes(GOOD_EDIT._replace(**facts))


def test_edits_at_the_limits_pass() -> None:
    for facts in ({"images": (PICTURE,) * 16}, {"mask": PICTURE}, {"images": (OTHERS["jpeg"], OTHERS["png"])},
                  {"images": (SentPicture("a", "image/webp", 5, 7),)}):
        assert passes(GOOD_EDIT._replace(**facts))


@pytest.mark.parametrize("facts", [
    {"size": "512x512"}, {"size": "1x1"}, {"size": "9999x7"}, {"quality": "auto"}, {"quality": "ultra"},
    {"model": "sdxl"},
    {"output_format": "tiff"}, {"background": "blue"}, {"moderation": "off"}, {"complexity": "x"},
    {"output_compression": 5},
])
def test_a_compatible_server_decides_for_itself(facts: dict[str, object]) -> None:
    assert passes(GOOD._replace(**facts), ServiceKind.COMPATIBLE)


def test_a_hint_names_a_value_that_passes() -> None:
    """Follow the hint, and the request is legal."""
    for width, height in ((512, 512), (1920, 1080), (5000, 100), (33, 4000)):
        hint = refused(GOOD._replace(size=f"{width}x{height}")).hint
        assert passes(GOOD._replace(size=re.findall(r"\d+x\d+", hint)[-1]))
    for name in TABLE:
        hint = refused(GOOD._replace(model=name, quality="auto")).hint
        assert all(passes(GOOD._replace(model=name, quality=q)) for q in hint.removeprefix("Use ").split(" or "))
