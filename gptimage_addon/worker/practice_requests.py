# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads what is sent to the practice service, and refuses what OpenAI would refuse, with the same bodies.

Two steps: `read_body` takes the HTTP body apart, `understand` makes a checked Request of it.
Both raise RequestRefusedError.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import email
import email.policy
import io
import json
import re
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from PIL import Image, UnidentifiedImageError

from ..core import catalog, pricing
from ..core.errors import InputError
from ..core.request import Request, SentPicture, ServiceKind

__all__ = (
    "Asked", "ReceivedRequest", "RequestRefusedError", "SentFile", "list_models", "read_body", "read_line", "understand", "usage_of",
)

_MIMES = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}
_COMMON = ("prompt", "model", "size", "quality", "background", "output_format", "moderation", "complexity")
_NUMBERS = ("n", "output_compression", "partial_images")
_IGNORED = ("stream", "user", "safety_identifier")
_PICTURES = ("image", "mask", "markup")
_EXIF_ORIENTATION = 0x0112
_FORBIDDEN = re.compile(r"\bforbidden\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SentFile:
    """One file of a request, as it came. `field` is the form's name for it: "image", "image[]", "mask", "markup"."""

    field: str
    filename: str
    mime: str
    data: bytes


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """One HTTP request as it arrived. The token itself is not kept, only whether any was sent.

    `headers` has lower-case names. `fields` holds text (a list where a name came twice) for a form, JSON values
    for a JSON body; pictures of either are in `files`.
    """

    method: str
    path: str
    headers: dict[str, str]
    has_authorization: bool
    fields: dict[str, typing.Any] = dataclasses.field(default_factory=dict)
    files: tuple[SentFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that passed every check, with the bytes of the pictures it needs."""

    request: Request
    stream: bool
    picture: bytes = b""
    mask: bytes = b""
    markup: bytes = b""


class RequestRefusedError(Exception):
    """The answer to a request that is not fulfilled: an HTTP status and OpenAI's error object."""

    def __init__(
        self, message: str, *, param: str | None = None, code: str | None = None, kind: str = "invalid_request_error",
        status: int = 400, details: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"message": message, "type": kind, "param": param, "code": code, **(details or {})}}


# --- Taking the body apart --------------------------------------------------------------------------------

def read_body(content_type: str, body: bytes) -> tuple[dict[str, typing.Any], tuple[SentFile, ...]]:
    """The fields and the files of a JSON or a multipart body."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json":
        return _read_json(body)
    if kind == "multipart/form-data":
        return _read_form(content_type, body)
    raise RequestRefusedError(f"Unsupported content type: {kind or 'none'!r}.", code="unsupported_content_type")


def _read_form(content_type: str, body: bytes) -> tuple[dict[str, typing.Any], tuple[SentFile, ...]]:
    head = f"Content-Type: {content_type}\r\nMIME-Version: 1.0\r\n\r\n".encode("latin-1")
    message = email.message_from_bytes(head + body, policy=email.policy.HTTP)
    fields: dict[str, typing.Any] = {}
    files = []
    for part in message.iter_parts() if message.is_multipart() else ():
        disposition = part["content-disposition"]
        name = disposition.params.get("name", "") if disposition else ""
        data = part.get_payload(decode=True) or b""
        filename = part.get_filename()
        if filename is not None:
            files.append(SentFile(name, filename, part.get_content_type(), data))
            continue
        try:
            text = data.decode()
        except UnicodeDecodeError:
            raise RequestRefusedError(f"The field {name!r} is not text.", param=name) from None
        if name in fields:
            before = fields[name]
            fields[name] = [*(before if isinstance(before, list) else [before]), text]
        else:
            fields[name] = text
    return fields, tuple(files)


def _read_json(body: bytes) -> tuple[dict[str, typing.Any], tuple[SentFile, ...]]:
    try:
        facts = json.loads(body)
    except ValueError:
        facts = None
    if not isinstance(facts, dict):
        raise RequestRefusedError("We could not parse the JSON body of your request.")
    return facts, _pop_pictures(facts)


def read_line(line: bytes, endpoint: str, sent: Callable[[str, str], SentFile]) -> tuple[str, dict[str, typing.Any], tuple[SentFile, ...]]:
    """(the client's name for it, fields, files) of one request of a batch. `sent` gives an uploaded file, for a field, by its id."""
    try:
        facts = json.loads(line)
    except ValueError:
        facts = None
    if not isinstance(facts, dict) or not isinstance(facts.get("body"), dict) or not isinstance(facts.get("custom_id"), str):
        raise RequestRefusedError("This line is no request.", code="invalid_json_line")
    if facts.get("url") != endpoint:
        raise RequestRefusedError("The URL is not the batch's endpoint.", param="url", code="mismatched_url")
    body = facts["body"]
    if body.get("stream"):
        raise RequestRefusedError("A batch cannot stream.", param="stream", code="invalid_value")
    return facts["custom_id"], body, _pop_pictures(body, sent)


def _pop_pictures(facts: dict[str, typing.Any], sent: Callable[[str, str], SentFile] | None = None) -> tuple[SentFile, ...]:
    """The pictures of a JSON body, which are taken out of its fields."""
    images = facts.pop("images", None)
    files = [_read_reference("image[]", item, sent) for item in images] if isinstance(images, list) else []
    for name in ("mask", "markup"):
        if facts.get(name) is not None:
            files.append(_read_reference(name, facts.pop(name), sent))
    return tuple(files)


def _read_reference(name: str, item: object, sent: Callable[[str, str], SentFile] | None) -> SentFile:
    """The picture inside {"image_url": "data:..."}, or of {"file_id": ...} where uploaded files are at hand."""
    if sent and isinstance(item, dict) and set(item) == {"file_id"}:
        return sent(name, str(item["file_id"]))
    url = item.get("image_url") if isinstance(item, dict) else None
    found = re.fullmatch(r"data:([\w/+.-]+);base64,(.*)", url, re.DOTALL) if isinstance(url, str) else None
    if found is None:
        raise RequestRefusedError("The practice service takes pictures as data URLs only.", param=name.rstrip("[]"),
                                  code="invalid_value")
    try:
        data = base64.b64decode(found[2], validate=True)
    except binascii.Error:
        raise RequestRefusedError("Invalid base64 in a data URL.", param=name.rstrip("[]"),
                                  code="invalid_value") from None
    return SentFile(name, "", found[1], data)


# --- Understanding and checking it ------------------------------------------------------------------------

def understand(
    fields: dict[str, typing.Any], files: tuple[SentFile, ...], *, edit: bool, is_form: bool = False,
) -> Asked:
    """The request that the fields and files ask for, after all of OpenAI's checks. A form's numbers are text."""
    fields = {name: value for name, value in fields.items() if value is not None}
    known = (*_COMMON, *_NUMBERS, *_IGNORED, *(("input_fidelity",) if edit else ()))
    for name in (*fields, *(file.field.removesuffix("[]") for file in files)):
        if name not in known and not (edit and name in _PICTURES):
            raise RequestRefusedError(f"Unknown parameter: {name!r}.", param=name, code="unknown_parameter")
    for name in ("prompt", "model"):
        if name not in fields:
            raise RequestRefusedError(f"Missing required parameter: {name!r}.", param=name,
                                      code="missing_required_parameter")
    facts = {name: _text(fields, name) for name in (*_COMMON, "input_fidelity") if name in fields}
    facts.update({name: _number(fields, name, is_form) for name in _NUMBERS if name in fields})
    stream = str(fields.get("stream", "false")).lower() == "true"
    if not stream:
        facts.pop("partial_images", None)          # none are made, none are billed
    if edit:
        facts.update(_read_pictures(files))
        if not facts["images"]:
            raise RequestRefusedError("Missing required parameter: 'image'.", param="image", code="missing_required_parameter")
    if facts.get("quality") == "auto":             # the service chooses; so does this one
        facts.pop("quality")
    if facts.get("size") == "auto":
        facts.pop("size")
    request = Request(**facts)
    _check(request)
    if _FORBIDDEN.search(request.prompt):
        raise RequestRefusedError(
            "Your request was rejected by the safety system (the practice service refuses the word 'forbidden').",
            code="moderation_blocked", kind="image_generation_user_error",
            details={"moderation_details": {"moderation_stage": "input", "categories": ["violence"]}})
    data = {file.field.removesuffix("[]"): file.data for file in reversed(files)}     # the first picture wins
    return Asked(request, stream, data.get("image", b""), data.get("mask", b""), data.get("markup", b""))


def _text(fields: dict[str, typing.Any], name: str) -> str:
    if not isinstance(fields[name], str):
        raise RequestRefusedError(f"Invalid type for {name!r}: expected a string.", param=name, code="invalid_type")
    return fields[name]


def _number(fields: dict[str, typing.Any], name: str, is_form: bool) -> int:
    value = fields[name]
    if is_form and isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise RequestRefusedError(f"Invalid type for {name!r}: expected an integer.", param=name, code="invalid_type")
    return value


def _read_pictures(files: tuple[SentFile, ...]) -> dict[str, typing.Any]:
    images = tuple(_look_at(file) for file in files if file.field.removesuffix("[]") == "image")
    overlays = {file.field: _look_at(file) for file in files if file.field in ("mask", "markup")}
    return {"images": images, **overlays}


def _look_at(file: SentFile) -> SentPicture:
    """What one sent picture is, from its header. A mask must hold alpha, a markup also show through somewhere."""
    name = file.field.removesuffix("[]")
    if file.mime not in _MIMES:
        raise RequestRefusedError(
            f"Invalid file {name!r}: unsupported mimetype ({file.mime!r}). Supported file formats are 'image/jpeg', "
            "'image/png', and 'image/webp'.", param=name, code="unsupported_file_mimetype")
    limit = catalog.MAX_IMAGE_BYTES if name == "image" else catalog.MAX_MASK_BYTES
    if len(file.data) > limit:
        raise RequestRefusedError(f"Invalid file {name!r}: it has more than {limit} bytes.", param=name,
                                  code="image_file_too_large")
    try:
        with Image.open(io.BytesIO(file.data), formats=list(_MIMES.values())) as picture:
            width, height = picture.size
            if name == "image" and picture.getexif().get(_EXIF_ORIENTATION, 1) >= 5:
                width, height = height, width
            has_alpha = "A" in picture.getbands() or "transparency" in picture.info
            is_png = picture.format == "PNG"
            shows_through = name != "markup" or (has_alpha and picture.convert("RGBA").getextrema()[3][0] < 255)
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError):
        raise RequestRefusedError(f"Invalid image file or mode for {name!r}.", param=name, code="invalid_image_file",
                                  kind="image_generation_user_error") from None
    if name == "mask" and not (is_png and has_alpha):
        raise RequestRefusedError("Invalid mask image format - mask must be a PNG with an alpha channel.", param="mask",
                                  code="invalid_mask_image_format", kind="image_generation_user_error")
    if name == "markup" and not (is_png and shows_through):
        raise RequestRefusedError("Invalid markup image - it must be a PNG with transparent pixels.", param="markup",
                                  code="invalid_image_file", kind="image_generation_user_error")
    return SentPicture(file.filename, file.mime, width, height)


def _check(request: Request) -> None:
    """The catalogue's checks, told the way OpenAI tells them."""
    try:
        catalog.check_request(request, ServiceKind.OPENAI)
    except InputError as error:
        message = f"{error.message}. {error.hint}." if error.hint else f"{error.message}."
        if error.field == "model":
            raise RequestRefusedError(message, param="model", code="model_not_found", status=404) from None
        if error.field == "mask":
            raise RequestRefusedError(
                "Invalid mask image format - mask size does not match image size", param="mask",
                code="invalid_mask_image_format", kind="image_generation_user_error") from None
        if error.field == "background" and request.background == "transparent":
            raise RequestRefusedError("Transparent background is not supported for this model.", param="background",
                                      kind="image_generation_user_error") from None
        raise RequestRefusedError(message, param="image" if error.field == "images" else error.field,
                                  code="invalid_value") from None


# --- Facts for answers ------------------------------------------------------------------------------------

def usage_of(request: Request) -> dict[str, object]:
    """The usage object of an answer: the same numbers the price on the panel was made from."""
    usage = pricing.estimate(request, ServiceKind.OPENAI).usage
    return {
        "input_tokens": usage.text_in + usage.image_in,
        "output_tokens": usage.image_out,
        "total_tokens": usage.text_in + usage.image_in + usage.image_out,
        "input_tokens_details": {"text_tokens": usage.text_in, "image_tokens": usage.image_in},
        "output_tokens_details": {"image_tokens": usage.image_out, "text_tokens": 0},
    }


def list_models(today: date) -> list[dict[str, object]]:
    """The answer's `data` of GET /v1/models: the catalogue, and what is about to close but has not yet."""
    days = {model.id: model.shutdown for model in catalog.MODELS.values()}
    days.update({name: day for name, day in catalog.RETIRED.items() if day > today})
    return [{"id": name, "object": "model", "created": 0, "owned_by": "practice",
             "shutdown_date": day.isoformat() if day else None} for name, day in days.items()]
