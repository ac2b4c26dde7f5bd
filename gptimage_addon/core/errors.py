# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that can go wrong, in words an artist understands.

GptImageError
├── InputError            a setting or a file is unusable; names the field
├── OnlineAccessError     Blender may not go online
├── KeyMissingError       no key, or one the service does not accept
├── AccessError           the account may not use this model or this service
├── RefusedError          the content policy said no
├── QuotaError            no credit, or a spending limit is reached; retrying never helps
├── RateLimitError        too many requests; waiting helps
├── TransientError        the service or the network failed before anything was made
├── UncertainError        the request was sent and its answer never came: it may have been paid
├── AnswerError           an answer came that is no usable picture; its bytes are kept
├── CancelledError        the artist stopped it
├── WorkerError           our own helper process cannot do its work
└── TargetGoneError       the object, node or file the picture was meant for is gone

Each carries `message` (what happened), `hint` (what to do), `retryable` (sending the same again may help)
and `repair` (the button that helps, if there is one). They cross the process border as plain dicts.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = (
    "AccessError", "AnswerError", "CancelledError", "GptImageError", "InputError", "KeyMissingError",
    "OnlineAccessError", "QuotaError", "RateLimitError", "RefusedError", "Repair", "TargetGoneError",
    "TransientError", "UncertainError", "WorkerError", "error_from_answer", "error_from_dict", "error_text",
)

VERIFICATION_URL = "https://platform.openai.com/settings/organization/general"
BILLING_URL = "https://platform.openai.com/settings/organization/billing/overview"


class Repair(StrEnum):
    """The button that helps against an error."""

    NONE = ""
    OPEN_KEY_SETTINGS = "OPEN_KEY_SETTINGS"
    OPEN_VERIFICATION = "OPEN_VERIFICATION"
    OPEN_BILLING = "OPEN_BILLING"
    ALLOW_ONLINE = "ALLOW_ONLINE"
    RESTART_WORKER = "RESTART_WORKER"
    RAISE_BUDGET = "RAISE_BUDGET"


class GptImageError(Exception):
    """Something an artist can be told about.

    `field` is the setting or API parameter at fault, `request_id` what the service's support asks for,
    `categories` the policy categories of a refusal, `retry_after_s` how long the service asks to wait.
    """

    retryable = False
    repair = Repair.NONE
    hint = ""

    def __init__(
        self, message: str, *, hint: str | None = None, field: str = "", code: str = "", status: int = 0,
        request_id: str = "", categories: tuple[str, ...] = (), retry_after_s: float | None = None,
        repair: Repair | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        if hint is not None:
            self.hint = hint
        if repair is not None:
            self.repair = repair
        self.field = field
        self.code = code
        self.status = status
        self.request_id = request_id
        self.categories = tuple(categories)
        self.retry_after_s = retry_after_s

    def to_dict(self) -> dict[str, object]:
        """The error as JSON values; `error_from_dict` is its inverse."""
        return {
            "type": type(self).__name__, "message": self.message, "hint": self.hint, "field": self.field,
            "code": self.code, "status": self.status, "request_id": self.request_id,
            "categories": list(self.categories), "retry_after_s": self.retry_after_s,
            "retryable": self.retryable, "repair": str(self.repair),
        }


class InputError(GptImageError):
    """A setting or a file cannot be used. Nothing was sent."""

    def __init__(self, message: str, *, field: str, hint: str = "", **facts: object) -> None:
        super().__init__(message, field=field, hint=hint, **facts)  # type: ignore[arg-type]


class OnlineAccessError(GptImageError):
    """Blender's Allow Online Access is off, and the service is not on this machine."""

    hint = "Turn on Allow Online Access in Preferences, System, or use the practice service"
    repair = Repair.ALLOW_ONLINE


class KeyMissingError(GptImageError):
    """There is no key, or the service does not accept it."""

    hint = "Enter your API key in the add-on's preferences"
    repair = Repair.OPEN_KEY_SETTINGS


class AccessError(GptImageError):
    """The account may not use this model, or the service not from here."""


class RefusedError(GptImageError):
    """The service refused the words or the pictures."""

    hint = "Change the wording or the pictures. The prompt is kept"


class QuotaError(GptImageError):
    """No money left, by the service's account or its limits. Waiting does not help."""

    hint = "Add credit or raise the limit on the service's billing page, then retry"
    repair = Repair.OPEN_BILLING


class RateLimitError(GptImageError):
    """Too many requests at once. Nothing was made."""

    hint = "Wait a little, then retry. Fewer parallel requests help (Preferences)"
    retryable = True


class TransientError(GptImageError):
    """The network or the service failed before anything was made."""

    hint = "Check the network and retry"
    retryable = True


class UncertainError(GptImageError):
    """The request left this machine and no answer came back. It may have been paid."""

    hint = "It is never sent again by itself. Retry sends it again, and may cost a second time"


class AnswerError(GptImageError):
    """The answer holds no usable picture. Its bytes are kept in the job's folder."""

    hint = "The answer was kept in the job's folder. Retry asks, and pays, again"


class CancelledError(GptImageError):
    """The artist cancelled the job."""

    hint = "Retry starts it again"


class WorkerError(GptImageError):
    """Our helper process is missing a part, or died."""

    hint = "Restart the helper. If that does not help, restart Blender or reinstall the extension"
    repair = Repair.RESTART_WORKER


class TargetGoneError(GptImageError):
    """What the picture was made for is no longer there. The picture itself is kept."""

    hint = "The picture was kept as an image"


_TYPES = {kind.__name__: kind for kind in (
    GptImageError, InputError, OnlineAccessError, KeyMissingError, AccessError, RefusedError, QuotaError,
    RateLimitError, TransientError, UncertainError, AnswerError, CancelledError, WorkerError, TargetGoneError,
)}


def error_from_dict(facts: dict[str, object]) -> GptImageError:
    """The error that `to_dict` wrote. An unknown type becomes a plain GptImageError, an unknown repair none."""
    repair = str(facts.get("repair", ""))
    kind = _TYPES.get(str(facts.get("type")), GptImageError)
    return kind(
        str(facts.get("message", "")), hint=str(facts.get("hint", "")), field=str(facts.get("field", "")),
        code=str(facts.get("code", "")), status=int(facts.get("status") or 0),  # type: ignore[call-overload]
        request_id=str(facts.get("request_id", "")), categories=tuple(facts.get("categories") or ()),  # type: ignore[arg-type]
        retry_after_s=facts.get("retry_after_s"),  # type: ignore[arg-type]
        repair=Repair(repair) if repair in tuple(Repair) else Repair.NONE,
    )


# The billing codes that come as 429 or 400 and never go away by waiting (api.md, section 4).
_QUOTA_CODES = frozenset({
    "credit_balance_exhausted", "organization_spend_limit_exceeded", "project_spend_limit_exceeded",
    "organization_usage_limit_exceeded", "insufficient_quota", "billing_hard_limit_reached",
})
_REFUSAL_CODES = frozenset({"moderation_blocked", "content_policy_violation", "content_filter"})


def error_text(body: object) -> tuple[str, str, str, str]:
    """(message, type, param, code) of an error body.

    Reads the four shapes that servers use: {"error": {...}}, {"error": "text"}, {"detail": "text" or [...]},
    and text or HTML from a proxy. The SDK's unwrapped inner object is read as well.
    """
    if isinstance(body, dict):
        inner = body.get("error", body)
        if isinstance(inner, str):
            return inner, "", "", ""
        if isinstance(inner, dict) and ("message" in inner or "code" in inner):
            return (
                str(inner.get("message") or ""), str(inner.get("type") or ""),
                str(inner.get("param") or ""), str(inner.get("code") or ""),
            )
        detail = body.get("detail")
        if isinstance(detail, list):
            parts = [d.get("msg", str(d)) if isinstance(d, dict) else str(d) for d in detail]
            return "; ".join(map(str, parts)), "", "", ""
        if detail is not None:
            return str(detail), "", "", ""
        return "", "", "", ""
    text = str(body or "").strip()
    if text.startswith("<"):                     # a proxy's page; its markup helps nobody
        return "", "", "", ""
    return text[:500], "", "", ""


def _refusal_categories(body: object) -> tuple[str, ...]:
    inner = body.get("error", body) if isinstance(body, dict) else None
    if not isinstance(inner, dict):
        return ()
    details = inner.get("moderation_details")
    found = details.get("categories") if isinstance(details, dict) else inner.get("safety_violations")
    return tuple(map(str, found)) if isinstance(found, list) else ()


def error_from_answer(
    status: int, body: object, *, request_id: str = "", retry_after_s: float | None = None, model: str = "",
) -> GptImageError:
    """The error that an HTTP answer means, after the table in api.md, section 4.

    `status` is 0 for an error event inside a stream; `body` the decoded JSON, or text.
    """
    message, kind, param, code = error_text(body)
    said = f": {message}" if message else ""
    facts: dict[str, object] = {"status": status, "code": code or kind, "request_id": request_id, "field": param}

    def make(error: type[GptImageError], text: str, **more: object) -> GptImageError:
        return error(text, **{**facts, **more})  # type: ignore[arg-type]

    if code in _REFUSAL_CODES:
        categories = _refusal_categories(body)
        why = f" ({', '.join(categories)})" if categories else ""
        return make(RefusedError, f"The service refused this request{why}{said}", categories=categories)
    if code in _QUOTA_CODES or kind == "insufficient_quota" or kind == "billing_limit_user_error" or status == 402:
        return make(QuotaError, f"The account has no credit left or reached a spending limit{said}")
    if status == 401:
        return make(KeyMissingError, f"The service did not accept the API key{said}")
    if status == 403:
        if "verif" in message.lower():
            return make(
                AccessError, f"Your organization must be verified before it may use {model or 'this model'}",
                hint="Verify it on the service's page. It takes effect after up to 15 minutes; then retry",
                repair=Repair.OPEN_VERIFICATION)
        if code == "unsupported_country_region_territory":
            return make(AccessError, "The service is not offered in your country or region",
                        hint="Use a compatible server that is, or the practice service")
        return make(AccessError, f"The key may not be used for this{said}",
                    hint="Check the key's permissions and project, or use another key",
                    repair=Repair.OPEN_KEY_SETTINGS)
    if status == 404:
        if code == "model_not_found" or "model" in message.lower():
            return make(AccessError, f"The service does not know the model {model or 'asked for'}{said}",
                        hint="Choose another model. Test Connection in Preferences lists those you may use")
        return make(AccessError, f"The service has no such address{said}",
                    hint="Check the base URL in Preferences. It usually ends in /v1",
                    repair=Repair.OPEN_KEY_SETTINGS)
    if status == 408 or status == 409:
        return make(TransientError, f"The service gave up waiting{said}", retry_after_s=retry_after_s)
    if status == 413:
        return make(InputError, "The pictures sent are too large for the service", field=param or "images",
                    hint="Send fewer or smaller pictures")
    if status == 429:
        return make(RateLimitError, f"The service asks for a pause{said}", retry_after_s=retry_after_s)
    if status >= 500:
        if status == 503 or code == "server_is_overloaded":
            return make(TransientError, "The service is overloaded", retry_after_s=retry_after_s,
                        hint="Wait a minute, then retry")
        return make(TransientError, f"The service failed (HTTP {status}){said}", retry_after_s=retry_after_s,
                    hint="Retry. If it goes on, look at the service's status page")
    if code == "invalid_mask_image_format":
        return make(InputError, f"The service cannot read the mask{said}", field="mask",
                    hint="The mask must have the picture's size and an alpha channel")
    if code == "unsupported_file_mimetype":
        return make(InputError, f"The service cannot read a picture that was sent{said}", field=param or "images",
                    hint="Send PNG, JPEG or WebP pictures")
    if status in (400, 422):
        name = f" ({param})" if param else ""
        return make(InputError, f"The service does not accept this request{name}{said}", field=param,
                    hint="Change that setting, or choose another model")
    return make(GptImageError, f"The service answered with an error (HTTP {status or 'stream'}){said}",
                hint="Retry. If it goes on, look at the service's status page")
