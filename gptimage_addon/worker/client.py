# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Talking to a service: one request out, its answer's bytes in, and errors in our own words.

The only place that knows the openai SDK. Its own retries are off: they would send a paid request twice.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

import httpx2
import openai

from ..core.addresses import is_loopback, is_web_address
from ..core.errors import (
    AnswerError, GptImageError, InputError, OnlineAccessError, QuotaError, RefusedError, TransientError,
    UncertainError, error_from_answer,
)
from ..core.protocol import ModelInfo
from ..core.request import MaskStyle, Request, SentPicture, Service
from ..library.journal import AnswerHead
from .answer import is_stream

__all__ = ("Client",)

CONNECT_TIMEOUT_S = 20.0
MAX_PICTURE_BYTES = 200_000_000
LATEST_BATCHES = 1000                   # so many of a service's are looked through for one
MAX_ANSWER_BYTES = 1_000_000_000
# A gateway that gave up waiting: what it waited for may well have been made, and billed.
_GATEWAY_GAVE_UP = (504, 524)
_NAME = "gptimage"                      # under which a batch's own name is kept with the service
_STREAM_FIELDS = ("", "stream", "partial_images")


@dataclass(frozen=True, slots=True)
class OpenAnswer:
    """An answer whose head has come: its pieces are still to be read."""

    head: AnswerHead
    chunks: AsyncIterator[bytes]

    @property
    def streams(self) -> bool:
        return is_stream(self.head.content_type)


class BatchState(NamedTuple):
    """How far a batch is: the service's word for it, how many requests it has done, the files of what came, and what it says against it."""

    status: str
    done: int
    output_file_id: str = ""
    error_file_id: str = ""
    error: str = ""


class _MaskImageSdk(openai.AsyncOpenAI):
    """The SDK for servers that take the mask in a field of another name."""

    async def _prepare_options(self, options: Any) -> Any:
        options = await super()._prepare_options(options)
        if options.files:
            options = options.model_copy(update={"files": [
                ("mask_image" if name == "mask" else name, file) for name, file in options.files]})
        return options


class Client:
    """One service with one key. Use it from one event loop; cancelling a task closes its connection.

    Raises InputError(field="service") for a `base_url` that is no address.
    """

    def __init__(self, service: Service, base_url: str, key: str) -> None:
        if not is_web_address(base_url):
            raise InputError(f"{base_url!r} is not the address of a server", field="service",
                             hint="Write it like http://localhost:8000/v1 in Preferences")
        self.base_url = base_url
        self._streaming_refused = False
        # Without a key the SDK refuses to start; servers that need none take any word.
        # No read timeout: a picture may take minutes, and the job has its own total deadline.
        # What stays on this machine does not go through the environment's proxy, which could not reach it.
        sdk = _MaskImageSdk if service.mask is MaskStyle.MASK_IMAGE else openai.AsyncOpenAI
        self._sdk = sdk(
            api_key=key or "none", base_url=base_url, max_retries=0,
            timeout=httpx2.Timeout(None, connect=CONNECT_TIMEOUT_S),
            http_client=openai.DefaultAsyncHttpxClient(trust_env=not is_loopback(base_url)),
        )
        self._key = key

    async def close(self) -> None:
        await self._sdk.close()

    def require_online(self, online: bool) -> None:
        """Raise OnlineAccessError if the service is off this machine and Blender may not go there."""
        if not online and not is_loopback(self.base_url):
            raise OnlineAccessError(f"Blender may not go online, and the service is on {urlsplit(self.base_url).hostname}")

    @asynccontextmanager
    async def send(self, request: Request, folder: Path) -> AsyncIterator[OpenAnswer]:
        """Send the request; inside the context its answer can be read.

        Asks for a stream where one picture is wanted, and for a plain answer where the service refuses to
        stream. Raises TransientError only where nothing can have been made, UncertainError where the
        connection was lost after the request left, and what the service said otherwise.
        """
        streams = request.n == 1 and not self._streaming_refused
        async with self._open(request, folder, streams) as answer:
            if answer is not None:
                yield answer
                return
        self._streaming_refused = True
        async with self._open(request, folder, False) as answer:
            assert answer is not None
            yield answer

    @asynccontextmanager
    async def _open(self, request: Request, folder: Path, streams: bool) -> AsyncIterator[OpenAnswer | None]:
        """The open answer; None when the service takes the request but not as a stream."""
        images = self._sdk.images.with_streaming_response
        method = images.edit if request.is_edit else images.generate
        try:
            fields = request_fields(request, folder, streams)
        except OSError as error:
            raise InputError(f"A picture to send cannot be read: {error}", field="images",
                             hint="Nothing was sent. Start the job anew") from error
        try:
            async with method(**fields) as response:
                head = AnswerHead(response.status_code, response.headers.get("content-type", ""),
                                  response.headers.get("x-request-id", ""))
                yield OpenAnswer(head, _bounded(response.iter_bytes(), MAX_ANSWER_BYTES))
        except openai.APIStatusError as error:
            trouble = _status_error(error, request.model)
            if streams and _refuses_stream(error, trouble):
                yield None
                return
            raise trouble from error
        except (openai.APIConnectionError, httpx2.HTTPError) as error:
            raise _connection_error(error) from error

    async def models(self) -> list[ModelInfo]:
        """The models the key may use, with the shutdown dates the service tells."""
        try:
            page = await self._sdk.models.list(timeout=CONNECT_TIMEOUT_S)
        except openai.APIStatusError as error:
            raise _status_error(error, "") from error
        except (openai.APIConnectionError, httpx2.HTTPError) as error:
            raise TransientError("The service cannot be reached",
                                 hint="Check the network and the base URL in Preferences") from error
        return [ModelInfo(str(m.id), str(getattr(m, "shutdown_date", None) or "")) for m in page.data]

    # --- batches ------------------------------------------------------------------------------------------

    async def upload(self, name: str, data: bytes, mime: str, *, purpose: str) -> str:
        """The id of a file that the service keeps. Raises TransientError where nothing can have been made of it."""
        async with self._told():
            return _id_of(await self._sdk.files.create(file=(name, data, mime), purpose=purpose))

    async def create_batch(self, file_id: str, endpoint: str, name: str) -> str:
        """The service's id of a batch of the requests in a file. `name` is kept with it. Raises UncertainError if the connection is lost."""
        async with self._told():
            return _id_of(await self._sdk.batches.create(
                input_file_id=file_id, endpoint=endpoint, completion_window="24h", metadata={_NAME: name}))

    async def find_batch(self, name: str) -> str:
        """The id of the batch of that name among the service's latest, or ""."""
        async with self._told():
            seen = 0
            async for each in self._sdk.batches.list(limit=100):
                if (each.metadata or {}).get(_NAME) == name:
                    return _id_of(each)
                if (seen := seen + 1) == LATEST_BATCHES:
                    break
        return ""

    async def batch(self, batch_id: str) -> BatchState:
        async with self._told():
            found = await self._sdk.batches.retrieve(batch_id)
            counts = found.request_counts
            errors = found.errors.data if found.errors and found.errors.data else []
            return BatchState(found.status, (counts.completed + counts.failed) if counts else 0, found.output_file_id or "",
                              found.error_file_id or "", str(errors[0].message or "") if errors else "")

    async def cancel_batch(self, batch_id: str) -> None:
        async with self._told():
            await self._sdk.batches.cancel(batch_id)

    async def download(self, file_id: str, path: Path, limit: int) -> None:
        """A file of the service, whole or not at all. Raises AnswerError for one of more than `limit` bytes."""
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            async with self._told(), self._sdk.files.with_streaming_response.content(file_id) as response:
                if "html" in response.headers.get("content-type", ""):
                    raise ValueError("a page")
                with open(part, "wb") as file:
                    async for chunk in _bounded(response.iter_bytes(), limit):
                        file.write(chunk)
                    file.flush()
                    os.fsync(file.fileno())
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)

    @asynccontextmanager
    async def _told(self) -> AsyncIterator[None]:
        """What the service or the connection says against a call, as an error of ours."""
        try:
            yield
        except openai.APIStatusError as error:
            raise _status_error(error, "") from error
        except (openai.APIConnectionError, httpx2.HTTPError) as error:
            raise _connection_error(error) from error
        except (openai.APIError, ValueError, TypeError, AttributeError) as error:
            # The SDK takes whatever came: it may be a page of something on the way.
            raise UncertainError("The service's answer cannot be understood") from error

    async def fetch(self, address: str, *, online: bool) -> bytes:
        """The picture at an address an answer gave, absolute or relative to the service.

        The key goes along only to the service's own host. Raises AnswerError: the answer itself is kept.
        """
        try:
            url = urljoin(self.base_url.rstrip("/") + "/", address)
        except ValueError:                      # broken brackets
            url = ""
        if not is_web_address(url):
            raise AnswerError("The service gave an address for its picture that cannot be fetched")
        if not online and not is_loopback(url):
            raise OnlineAccessError(f"The picture lies on {urlsplit(url).hostname}, and online access is off")
        own = _origin(url) == _origin(self.base_url)
        headers = {"Authorization": f"Bearer {self._key}"} if own and self._key else {}
        try:
            # A redirect may lead off this machine, and is followed only where that is allowed.
            async with httpx2.AsyncClient(timeout=CONNECT_TIMEOUT_S, follow_redirects=online,
                                          trust_env=not is_loopback(url)) as http, \
                    http.stream("GET", url, headers=headers) as response:
                response.raise_for_status()
                return b"".join([chunk async for chunk in _bounded(response.aiter_bytes(), MAX_PICTURE_BYTES)])
        except httpx2.HTTPError as error:
            raise AnswerError("The picture was made, but cannot be fetched from the address the service gave",
                              hint="Its address is kept in the job's folder. Retry asks, and pays, again") from error


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or {"http": 80, "https": 443}.get(parts.scheme)


async def _bounded(chunks: AsyncIterator[bytes], limit: int) -> AsyncIterator[bytes]:
    total = 0
    async for chunk in chunks:
        total += len(chunk)
        if total > limit:
            raise AnswerError(f"The service sent more than {limit // 1_000_000} MB")
        yield chunk


def request_fields(request: Request, folder: Path, streams: bool) -> dict[str, Any]:
    """The SDK's arguments for a request. Only fields that say something are sent: servers differ in what they know."""
    fields: dict[str, Any] = {
        "model": request.model, "prompt": request.prompt, "size": request.size, "quality": request.quality,
        "output_format": request.output_format,
    }
    extra: dict[str, Any] = {}
    if request.n != 1:
        fields["n"] = request.n
    if request.background != "auto":
        fields["background"] = request.background
    if request.output_compression is not None:
        fields["output_compression"] = request.output_compression
    if request.complexity:
        extra["complexity"] = request.complexity
    if streams:
        fields["stream"] = True
        if request.partial_images:
            fields["partial_images"] = request.partial_images

    if request.is_edit:
        fields["image"] = [_upload(picture, folder) for picture in request.images]
        if request.mask:
            fields["mask"] = _upload(request.mask, folder)
        if request.markup:
            fields["markup"] = _upload(request.markup, folder)
        if request.input_fidelity:
            fields["input_fidelity"] = request.input_fidelity
        if request.moderation != "auto":        # the SDK's edit has no such argument, the API takes it
            extra["moderation"] = request.moderation
    elif request.moderation != "auto":
        fields["moderation"] = request.moderation
    if extra:
        fields["extra_body"] = extra
    return fields


def _upload(picture: SentPicture, folder: Path) -> tuple[str, bytes, str]:
    """(name, bytes, MIME type): bytes alone would go out as application/octet-stream, which is refused."""
    path = folder / picture.path
    return path.name, path.read_bytes(), picture.mime


def _status_error(error: openai.APIStatusError, model: str) -> GptImageError:
    response = error.response
    said = error.body if isinstance(error.body, dict) else _json_or_text(response)
    if response.status_code in _GATEWAY_GAVE_UP and not isinstance(said, dict):
        return UncertainError(f"A gateway gave up waiting for the service (HTTP {response.status_code})",
                              status=response.status_code)
    return error_from_answer(
        response.status_code, said, request_id=response.headers.get("x-request-id", ""),
        retry_after_s=_retry_after_s(response.headers.get), model=model)


def _refuses_stream(error: openai.APIStatusError, trouble: GptImageError) -> bool:
    """Whether the service refused the stream and not the request, whose own words may speak of streams."""
    if isinstance(trouble, RefusedError | QuotaError) or trouble.field not in _STREAM_FIELDS:
        return False
    return error.status_code in (400, 405, 422) and "stream" in error.response.text.lower()


def _id_of(found: Any) -> str:
    if not isinstance(found.id, str):
        raise TypeError("no id")
    return found.id


def _json_or_text(response: Any) -> object:
    try:
        return response.json()
    except ValueError:
        return response.text


def _retry_after_s(header: Callable[[str], str | None]) -> float | None:
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            return max(0.0, float(header(name) or "") * unit_s)
        except ValueError:
            continue                            # absent, or a date: our own delay then
    return None


def _connection_error(error: Exception) -> GptImageError:
    cause = error.__cause__ or error
    if isinstance(cause, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout | httpx2.ProxyError):
        return TransientError("The service cannot be reached",
                              hint="Check the network and, for your own server, its base URL in Preferences")
    return UncertainError("The connection was lost after the request had been sent")
