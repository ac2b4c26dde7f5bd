# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading an answer's bytes, however they are cut into pieces."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterable

import pytest

from gptimage_addon.core.errors import AnswerError, GptImageError, QuotaError, RefusedError
from gptimage_addon.worker.answer import Event, EventReader, decode_base64, is_stream, read_answer


def facts(events: Iterable[Event]) -> list[dict[str, object]]:
    """What the events say, those left out that say nothing."""
    return [event.facts for event in events if event.facts is not None]


PICTURE = bytes(range(256)) * 3
TEXT = base64.b64encode(PICTURE).decode()
STREAM = (
    b": a comment\n\n"
    b"event: image_generation.partial_image\ndata: {\"type\": \"image_generation.partial_image\",\n"
    b"data: \"b64_json\": \"QUJD\", \"partial_image_index\": 0}\n\n"
    b"data:{\"type\": \"keepalive\"}\r\n\r\n"
    b"id: 7\r\nevent: image_generation.completed\r\n"
    b"data: {\"b64_json\": \"%s\", \"usage\": {\"output_tokens\": 196}}\r\n\r\n"
    b"data: [DONE]\n\n" % TEXT.encode()
)
EVENTS = [
    {"type": "image_generation.partial_image", "b64_json": "QUJD", "partial_image_index": 0},
    {"type": "keepalive"},
    {"b64_json": TEXT, "usage": {"output_tokens": 196}, "type": "image_generation.completed"},
]


def test_events_are_the_same_byte_by_byte() -> None:
    reader = EventReader()
    assert facts(event for i in range(len(STREAM)) for event in reader.feed(STREAM[i:i + 1])) == EVENTS


def test_events_are_the_same_in_any_pieces() -> None:
    chance = random.Random(2)
    for _ in range(300):
        cuts = sorted(chance.randrange(len(STREAM)) for _ in range(chance.randrange(12)))
        reader = EventReader()
        pieces = [STREAM[a:b] for a, b in zip([0, *cuts], [*cuts, len(STREAM)], strict=True)]
        assert facts(event for piece in pieces for event in reader.feed(piece)) == EVENTS


def test_an_event_is_told_as_soon_as_it_is_whole() -> None:
    reader = EventReader()
    assert reader.feed(b'data: {"a": 1}\n') == []
    assert facts(reader.feed(b'\ndata: {"a": 2}')) == [{"a": 1, "type": ""}]
    assert facts(reader.feed(b"\n\n")) == [{"a": 2, "type": ""}]


def test_a_large_event_in_many_pieces_takes_time_in_proportion() -> None:
    """16 MB in 8 KB pieces: searching all of it again for each piece would take minutes."""
    import time

    data = b'data: {"b64_json": "' + b"A" * 16_000_000 + b'"}\n\n'
    reader = EventReader()
    started = time.process_time()
    events = [event for i in range(0, len(data), 8192) for event in reader.feed(data[i:i + 8192])]
    assert time.process_time() - started < 3 and len(events[0].facts["b64_json"]) == 16_000_000


@pytest.mark.parametrize(("kind", "streams"), [
    ("text/event-stream", True), ("Text/Event-Stream; charset=utf-8", True), ("application/json", False), ("", False),
])
def test_a_stream_is_known_by_its_type(kind: str, streams: bool) -> None:
    assert is_stream(kind) == streams


@pytest.mark.parametrize("text",
    [TEXT, f"data:image/png;base64,{TEXT}", f"data:;base64,{TEXT}", TEXT[:40] + "\n" + TEXT[40:]])
def test_base64_is_read_with_and_without_its_prefix(text: str) -> None:
    assert decode_base64(text) == PICTURE


@pytest.mark.parametrize("text", ["abcde", "größe", "data:image/png;base64,abcde"])
def test_broken_base64_is_told(text: str) -> None:
    with pytest.raises(AnswerError):
        decode_base64(text)


# --- Whole answers ----------------------------------------------------------------------------------------

def read(facts: object) -> tuple[list[bytes | str], dict | None]:
    answer = read_answer(json.dumps(facts).encode(), "application/json")
    return answer.pictures, answer.usage


@pytest.mark.parametrize(("facts", "pictures", "usage"), [
    ({"data": [{"b64_json": TEXT}]}, [PICTURE], None),
    ({"data": [{"b64_json": TEXT}, {"url": "/a.png"}], "usage": {"x": 1}}, [PICTURE, "/a.png"], {"x": 1}),
    ({"data": [{"url": f"data:image/png;base64,{TEXT}", "b64_json": None}]}, [PICTURE], None),
    ({"data": [{"b64_json": "", "url": "http://x/y"}], "usage": None}, ["http://x/y"], None),
    ({"data": [{"b64_json": TEXT}], "error": None}, [PICTURE], None),
    ({"b64_json": TEXT}, [PICTURE], None),
])
def test_a_plain_answer(facts: object, pictures: list[bytes | str], usage: dict | None) -> None:
    assert read(facts) == (pictures, usage)


def test_a_streams_partial_pictures_are_not_results() -> None:
    answer = read_answer(STREAM, "text/event-stream")
    assert answer.pictures == [PICTURE] and answer.usage == {"output_tokens": 196}


def test_a_stream_needs_no_empty_line_at_its_end() -> None:
    assert read_answer(STREAM[:STREAM.index(b"\r\n\r\ndata: [DONE]")], "text/event-stream").pictures == [PICTURE]


def test_the_usage_of_several_pictures_of_a_stream_is_added_up() -> None:
    def completed(**usage: object) -> bytes:
        return b"data: " + json.dumps({"type": "image_edit.completed", "b64_json": TEXT,
            "usage": usage}).encode() + b"\n\n"

    raw = completed(output_tokens=196, input_tokens_details={"text_tokens": 7}) \
        + completed(output_tokens=10, input_tokens_details={"text_tokens": 5, "image_tokens": 3}, note="x")
    answer = read_answer(raw, "text/event-stream")
    assert len(answer.pictures) == 2
    assert answer.usage == {"output_tokens": 206, "input_tokens_details": {"text_tokens": 12, "image_tokens": 3}}


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff\xfe", b"null", b"[]", b"{}", b'{"data": []}', b'{"data": {}}'])
def test_an_answer_without_a_picture_is_told(raw: bytes) -> None:
    with pytest.raises(AnswerError) as told:
        read_answer(raw, "application/json", request_id="req_1")
    assert told.value.request_id == "req_1"


@pytest.mark.parametrize(("error", "kind"), [
    ({"code": "moderation_blocked", "message": "No"}, RefusedError), ({"code": "insufficient_quota"}, QuotaError),
    ("overloaded", GptImageError), ({"message": "?"}, GptImageError),
])
def test_an_error_inside_a_good_status_is_an_error(error: object, kind: type[GptImageError]) -> None:
    for raw, content_type in (
        (json.dumps({"error": error}).encode(), "application/json"),
        (b"event: error\ndata: " + json.dumps({"error": error}).encode() + b"\n\n", "text/event-stream"),
        (STREAM[:STREAM.index(b"id: 7")] + b"data: " + json.dumps({"type": "error", "error": error}).encode(),
            "text/event-stream"),
    ):
        with pytest.raises(GptImageError) as told:
            read_answer(raw, content_type)
        assert type(told.value) is kind


def test_an_error_event_without_an_inner_object_is_an_error() -> None:
    with pytest.raises(RefusedError):
        read_answer(b'event: error\ndata: {"code": "moderation_blocked", "message": "No"}\n\n', "text/event-stream")
