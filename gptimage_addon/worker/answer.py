# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a service's answer, live or from the journal: JSON, or a stream of events."""

from __future__ import annotations

import binascii
import json
import re
from dataclasses import dataclass, field

from ..core.errors import AnswerError, GptImageError, error_from_answer

__all__ = ("Answer", "EventReader", "decode_base64", "is_stream", "read_answer")


@dataclass(slots=True)
class Answer:
    """What an answer holds. A picture is its file's bytes, or the address where it lies."""

    pictures: list[bytes | str] = field(default_factory=list)
    usage: dict | None = None


_EVENT_END = re.compile(rb"\r?\n\r?\n")


class EventReader:
    """Server-sent events out of a byte stream that comes in pieces of any size."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._searched = 0

    def feed(self, chunk: bytes) -> list[dict]:
        """The events that are whole with this piece. What is no JSON object (such as [DONE]) is left out."""
        self._rest += chunk
        events = []
        while end := _EVENT_END.search(self._rest, max(0, self._searched - 3)):
            start, after = end.span()
            del end                             # it holds the buffer, which could not shrink
            event = self._event(bytes(self._rest[:start]))
            del self._rest[:after]
            self._searched = 0
            if event is not None:
                events.append(event)
        self._searched = len(self._rest)
        return events

    @staticmethod
    def _event(block: bytes) -> dict | None:
        name, data = "", []
        for line in block.splitlines():
            key, _, value = line.partition(b":")
            if key == b"event":
                name = value.strip().decode("utf-8", "replace")
            elif key == b"data":
                data.append(value.removeprefix(b" "))
        try:
            facts = json.loads(b"\n".join(data)) if data else None
        except ValueError:
            return None
        if not isinstance(facts, dict):
            return None
        if name == "error" and "error" not in facts:
            facts = {"error": facts}
        facts.setdefault("type", name)
        return facts


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
    """The pictures and the usage in an answer's bytes.

    Raises the error that the answer tells of, or AnswerError when it holds no picture, for example because a
    stream ended before its last event.
    """
    if is_stream(content_type):
        events = EventReader().feed(raw + b"\n\n")
    else:
        try:
            events = [json.loads(raw)]
        except ValueError as error:
            raise AnswerError("The service's answer is not readable, or was cut off", request_id=request_id) from error
    answer = Answer()
    for event in events:
        if not isinstance(event, dict):
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
