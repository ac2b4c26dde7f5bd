# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs as values: to JSON and back without loss, strict reading, and the steps a job may take."""

from __future__ import annotations

import enum
import json
import random
import types
import typing

import pytest

from gptimage_addon.core.errors import InputError
from gptimage_addon.core.request import (
    Job, JobRecord, JobState, Landing, Place, Request, Result, SentPicture, Service, ServiceKind,
    Target, parse_size,
)
from gptimage_addon.core.values import from_json, to_json

TEXTS = ["", "red brick", "größe 漢字 🧱", 'quote " back \\ slash', "line\nbreak\t\0", "\u2028", "x" * 500]


def some(kind: typing.Any, chance: random.Random) -> typing.Any:
    """A random value of a type: read from the annotations, so that a new field is met without a change here."""
    if isinstance(kind, types.UnionType):
        return some(chance.choice(typing.get_args(kind)), chance)
    if typing.get_origin(kind) is tuple:
        return tuple(some(typing.get_args(kind)[0], chance) for _ in range(chance.randrange(4)))
    if kind is types.NoneType:
        return None
    if hasattr(kind, "_field_defaults"):
        hints = typing.get_type_hints(kind)
        return kind(**{name: some(hints[name], chance) for name in kind._fields
                       if name not in kind._field_defaults or chance.random() < .7})
    if issubclass(kind, enum.Enum):
        return chance.choice(list(kind))
    if kind is dict:
        return {"a": [1, None, {"b": chance.random()}], "n": chance.randrange(9)}
    return {str: lambda: chance.choice(TEXTS), bool: lambda: chance.random() < .5,
            int: lambda: chance.choice([0, 1, -7, 2**53]), float: lambda: chance.choice([0.0, .1, 1e-9, 360.0])}[kind]()


@pytest.mark.parametrize("kind", [Job, JobRecord, Request, Landing, Result])
def test_values_go_to_json_and_back(kind: type) -> None:
    chance = random.Random(kind.__name__)
    for _ in range(300):
        value = some(kind, chance)
        back = from_json(kind, json.loads(json.dumps(to_json(value))))
        assert back == value and type(back) is kind


def test_the_form_on_disk_is_the_one_written_down() -> None:
    """Journals outlive versions: what a job looks like on disk must not change unseen."""
    edit = Request(prompt="p", model="m", images=(SentPicture("inputs/0.png", "image/png", 16, 32, "style"),))
    job = Job(id="1", kind="texture", prompt="w", request=edit, service=Service(ServiceKind.COMPATIBLE, "http://x/v1"),
              landing=Landing(place=Place.NODE, targets=(Target("Material", "M", 7, "Image"),)))
    assert to_json(job) == {
        "id": "1", "kind": "texture", "prompt": "w",
        "request": {"prompt": "p", "model": "m", "images": [
            {"path": "inputs/0.png", "mime": "image/png", "width_px": 16, "height_px": 32, "role": "style"}]},
        "service": {"kind": "compatible", "base_url": "http://x/v1"},
        "landing": {"place": "node", "targets": [
            {"id_type": "Material", "name": "M", "session_uid": 7, "detail": "Image"}]},
    }


def test_values_are_frozen_and_compare() -> None:
    request = Request(prompt="p", model="m")
    assert request == Request(prompt="p", model="m") != Request(prompt="q", model="m")
    with pytest.raises(AttributeError):
        request.prompt = "x"  # type: ignore[misc]
    assert hash(request) == hash(Request(prompt="p", model="m"))


def job_facts() -> dict[str, typing.Any]:
    return {"id": "1", "kind": "texture", "prompt": "w", "request": {"prompt": "p", "model": "m"},
            "service": {"kind": "practice"}, "landing": {"place": "image", "targets": [
                {"id_type": "Object", "name": "A"}, {"id_type": "Object", "name": "B"}]}}


def put(facts: dict[str, typing.Any], path: str, value: object) -> dict[str, typing.Any]:
    *way, last = [int(p) if p.isdigit() else p for p in path.split("/")]
    inner: typing.Any = facts
    for step in way:
        inner = inner[step]
    inner[last] = value
    return facts


@pytest.mark.parametrize(("path", "value", "field"), [
    ("extra", 1, "extra"), ("request/seed", 1, "request.seed"),
    ("landing/targets/1/colour", 1, "landing.targets[1].colour"),
    ("service/key", "sk", "service.key"), ("id", 7, "id"), ("prompt", None, "prompt"),
    ("deadline_s", "long", "deadline_s"),
    ("deadline_s", True, "deadline_s"), ("request", None, "request"), ("request", [], "request"),
    ("request/kind", "edit", "request.kind"), ("request/mask", [], "request.mask"),
    ("request/n", "2", "request.n"), ("request/n", 2.0, "request.n"), ("request/n", True, "request.n"),
    ("request/prompt", ["p"], "request.prompt"), ("request/output_compression", "9", "request.output_compression"),
    ("landing/place", "moon", "landing.place"), ("landing/place", [], "landing.place"),
    ("landing/targets", {}, "landing.targets"),
    ("landing/targets", "A", "landing.targets"), ("landing/targets/0", "A", "landing.targets[0]"),
    ("landing/targets/0/name", 3, "landing.targets[0].name"), ("landing/faces", 1, "landing.faces"),
    ("service", "practice", "service"), ("estimate_usd", "free", "estimate_usd"),
])
def test_what_does_not_fit_is_told_by_its_path(path: str, value: object, field: str) -> None:
    with pytest.raises(InputError) as told:
        from_json(Job, put(job_facts(), path, value))
    assert told.value.field == field


@pytest.mark.parametrize("path",
    ["id", "kind", "prompt", "request", "service", "landing", "request/prompt", "request/model",
                                  "landing/place", "landing/targets/0/name"])
def test_what_is_missing_is_told_by_its_path(path: str) -> None:
    facts = job_facts()
    *way, last = [int(p) if p.isdigit() else p for p in path.split("/")]
    inner: typing.Any = facts
    for step in way:
        inner = inner[step]
    if path == "service":
        assert from_json(Job, {**facts, "service": {}}).service == Service()
    del inner[last]
    with pytest.raises(InputError) as told:
        from_json(Job, facts)
    assert told.value.field == path.replace("/0", "[0]").replace("/", ".")


@pytest.mark.parametrize(("field", "value"),
    [("error", []), ("error", "x"), ("result", 1), ("state", 3), ("partials", 7)])
def test_a_torn_record_is_told(field: str, value: object) -> None:
    with pytest.raises(InputError) as told:
        from_json(JobRecord, {"job_id": "1", field: value})
    assert told.value.field == field


@pytest.mark.parametrize("facts", [None, [], "x", 7, True])
def test_no_object_is_told(facts: object) -> None:
    with pytest.raises(InputError):
        from_json(Job, facts)


@pytest.mark.parametrize(("text", "size"), [("1024x640", (1024, 640)), ("1x1", (1, 1)), ("512X256", (512, 256))])
def test_sizes_are_read(text: str, size: tuple[int, int]) -> None:
    assert parse_size(text) == size


# --- Steps ------------------------------------------------------------------------------------------------

Q, S, R, F, D, X, C, U = (
    JobState.QUEUED, JobState.SENDING, JobState.RECEIVING, JobState.FINISHING, JobState.DONE, JobState.FAILED,
    JobState.CANCELLED, JobState.UNCERTAIN,
)
# A picture that is paid is finished: FINISHING leads to no cancellation. What was never sent is never uncertain.
STEPS = {Q: {S, F, C, X}, S: {R, F, X, C, U}, R: {F, X, C, U}, F: {D, X}, D: set(), X: set(), C: set(), U: set()}


@pytest.mark.parametrize("before", JobState.__members__.values())
@pytest.mark.parametrize("after", JobState.__members__.values())
def test_steps(before: JobState, after: JobState) -> None:
    record = JobRecord(job_id="1", state=before, attempts=2)
    if after is before or after in STEPS[before]:
        moved = record.moved(after, note="x")
        assert (moved.state, moved.note, moved.attempts) == (after, "x", 2) and record.note == ""
    else:
        with pytest.raises(ValueError, match=f"{before} to {after}"):
            record.moved(after)


def test_final_states_are_those_that_lead_nowhere() -> None:
    assert {s for s in JobState if s.is_final} == {s for s, steps in STEPS.items() if not steps} == {D, X, C, U}


@pytest.mark.parametrize(("state", "sent_at", "unsent"), [
    (Q, 0.0, True), (S, 0.0, True), (S, 5.0, False), (R, 5.0, False), (F, 5.0, False), (D, 5.0, False), (X, 0.0, False),
    (C, 0.0, False), (U, 5.0, False),
])
def test_only_what_cannot_have_left_may_be_sent(state: JobState, sent_at: float, unsent: bool) -> None:
    assert JobRecord(job_id="1", state=state, sent_at=sent_at).is_unsent is unsent
