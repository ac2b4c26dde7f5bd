# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a service's answer, live or from the journal: JSON, or a stream of events."""

from __future__ import annotations

import binascii
import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..core.errors import AnswerError, GptImageError, error_from_answer

__all__ = ("Answer", "Event", "EventReader", "decode_base64", "is_stream", "read_answer", "read_events")


@dataclass(slots=True)
class Answer:
    """What an answer holds. A picture is its file's bytes, or the address where it lies."""

    pictures: list[bytes | str] = field(default_factory=list)
    usage: dict | None = None


class Event:
    """One server-sent event. Its data is read only when asked for: it can be a picture of some megabytes."""

    __slots__ = ("_data", "_facts", "_name")

    def __init__(self, name: str, data: bytes) -> None:
        self._name = name
        self._data = data
        self._facts: dict | None = None

    @property
    def name(self) -> str:
        """The event's name, or its data's type where a server leaves the name out."""
        return self._name or str((self.facts or {}).get("type", ""))

    @property
    def facts(self) -> dict | None:
        """The event's data; None where it is no JSON object, such as [DONE]."""
        if self._facts is None:
            try:
                facts = json.loads(self._data)
            except ValueError:
                return None
            if not isinstance(facts, dict):
                return None
            if self._name == "error" and "error" not in facts:
                facts = {"error": facts}
            facts.setdefault("type", self._name)
            self._facts = facts
        return self._facts


class EventReader:
    """Server-sent events out of a byte stream that comes in pieces of any size."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._searched = 0
        self._name = ""
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that are whole with this piece."""
        self._rest += chunk
        events, start = [], 0
        # Line by line: one byte is found thirty times faster than two, and a line can have megabytes.
        while (end := self._rest.find(b"\n", max(start, self._searched))) >= 0:
            line = bytes(self._rest[start:end]).removesuffix(b"\r")
            start = self._searched = end + 1
            if line.startswith(b"event:"):
                self._name = line[6:].strip().decode("utf-8", "replace")
            elif line.startswith(b"data:"):
                self._data.append(line[5:])         # JSON does not mind the space before it
            elif not line and self._data:
                events.append(Event(self._name, b"\n".join(self._data)))
                self._name, self._data = "", []
        del self._rest[:start]
        self._searched = len(self._rest)
        return events


def is_stream(content_type: str) -> bool:
    return content_type.lower().startswith("text/event-stream")


def decode_base64(text: str) -> bytes:
    """The bytes of base64 text, with or without a "data:image/png;base64," in front. Raises AnswerError."""
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return binascii.a2b_base64(text)
    except (binascii.Error, ValueError) as error:
        raise AnswerError("The service's picture is not readable (broken base64)") from error


def read_answer(raw: bytes, content_type: str, *, request_id: str = "", model: str = "") -> Answer:
    """The pictures and the usage in an answer's bytes. Raises as `read_events` does."""
    if is_stream(content_type):
        reader = EventReader()
        return read_events((*reader.feed(raw), *reader.feed(b"\n\n")), request_id=request_id, model=model)
    event = Event("", raw)
    if event.facts is None:
        raise AnswerError("The service's answer is not readable, or was cut off", request_id=request_id)
    return read_events((event,), request_id=request_id, model=model)


def read_events(events: Iterable[Event], *, request_id: str = "", model: str = "") -> Answer:
    """The pictures and the usage that events tell of.

    Raises the error that one tells of, or AnswerError when none holds a picture, for example because a stream
    ended before its last event.
    """
    answer = Answer()
    for event in (event.facts for event in events):
        if event is None:
            continue
        if event.get("error"):
            raise _told(event, request_id, model)
        if str(event.get("type", "")).endswith("partial_image"):
            continue
        if isinstance(event.get("usage"), dict):
            answer.usage = _added(answer.usage, event["usage"])
        items = event.get("data") if isinstance(event.get("data"), list) else [event]
        for item in items:
            if isinstance(item, dict) and isinstance(item.get("b64_json"), str) and item["b64_json"]:
                answer.pictures.append(decode_base64(item["b64_json"]))
            elif isinstance(item, dict) and isinstance(item.get("url"), str) and item["url"]:
                url = item["url"]
                answer.pictures.append(decode_base64(url) if url.startswith("data:") else url)
    if not answer.pictures:
        raise AnswerError("The service's answer holds no picture", request_id=request_id)
    return answer


def _told(event: dict, request_id: str, model: str) -> GptImageError:
    return error_from_answer(0, event, request_id=request_id, model=model)


def _added(usage: dict | None, more: dict) -> dict:
    """Two usage objects as one: a stream of several pictures tells of each apart."""
    if usage is None:
        return more
    total = dict(usage)
    for name, value in more.items():
        if isinstance(value, dict):
            known = total.get(name)
            total[name] = _added(known if isinstance(known, dict) else None, value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            known = total.get(name)
            total[name] = value + (known if isinstance(known, int | float) else 0)
    return total
