# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every row of api.md's error table, and the four shapes servers write errors in."""

from __future__ import annotations

import json

import pytest

from gptimage_addon.core import errors
from gptimage_addon.core.errors import (
    AccessError, AnswerError, CancelledError, GptImageError, InputError, KeyMissingError, OnlineAccessError, QuotaError,
    RateLimitError, RefusedError, Repair, TargetGoneError, TransientError, UncertainError, WorkerError,
    error_from_answer, error_from_dict, error_text,
)

BODIES = {
    "moderation": (400, "moderation_blocked", "image_generation_user_error", "Your request was rejected"),
    "billing limit": (400, "billing_hard_limit_reached", "billing_limit_user_error",
        "Billing hard limit has been reached"),
    "billing limit without code": (400, None, "billing_limit_user_error", "Billing hard limit has been reached"),
    "mask": (400, "invalid_mask_image_format", "image_generation_user_error", "mask size does not match image size"),
    "mimetype": (400, "unsupported_file_mimetype", "invalid_request_error", "unsupported mimetype"),
    "transparency": (400, None, "image_generation_user_error",
        "Transparent background is not supported for this model."),
    "parameter": (400, "invalid_value", "invalid_request_error", "Invalid size"),
    "key": (401, "invalid_api_key", "invalid_request_error", "Incorrect API key provided"),
    "membership": (401, None, None, "You must be a member of an organization to use the API"),
    "address": (401, "ip_not_authorized", None, "Your IP is not allowed"),
    "verification": (403, None, None, "Your organization must be verified to use the model `gpt-image-2`."),
    "verification with code": (403, "unsupported_model", None, "Your organization must be verified to use the model"),
    "country": (403, "unsupported_country_region_territory", "request_forbidden", "Country not supported"),
    "other permission": (403, None, None, "Missing scopes: images.write"),
    "model": (404, "model_not_found", "invalid_request_error", "The model 'x' does not exist"),
    "path": (404, None, None, "Not Found"),
    "timeout": (408, None, None, "Request timeout"),
    "conflict": (409, None, None, "Conflict"),
    "too large": (413, None, None, "Payload too large"),
    "rate limit": (429, "rate_limit_exceeded", "requests", "Rate limit reached for requests"),
    "rate limit of tokens": (429, "rate_limit_exceeded", "tokens", "Rate limit reached for tokens"),
    "slow down": (429, "slow_down", "rate_limit_error", "Slow down"),
    "credit": (429, "credit_balance_exhausted", None, "No credit"),
    "organization spend": (429, "organization_spend_limit_exceeded", None, "Limit"),
    "project spend": (429, "project_spend_limit_exceeded", None, "Limit"),
    "organization usage": (429, "organization_usage_limit_exceeded", None, "Limit"),
    "old quota": (429, "insufficient_quota", "insufficient_quota", "You exceeded your current quota"),
    "old quota by type": (429, None, "insufficient_quota", "You exceeded your current quota"),
    "server": (500, None, "server_error", "The server had an error"),
    "gateway": (502, None, "server_error", "Bad gateway"),
    "service's timeout": (504, None, "server_error", "Timed out"),
    "overloaded": (503, "server_is_overloaded", "service_unavailable_error", "Overloaded"),
}
# row: (type, retryable, repair, a word of the hint)
MEANING = {
    "moderation": (RefusedError, False, "", "wording"),
    "billing limit": (QuotaError, False, "OPEN_BILLING", "billing"),
    "billing limit without code": (QuotaError, False, "OPEN_BILLING", "billing"),
    "mask": (InputError, False, "", "alpha"),
    "mimetype": (InputError, False, "", "PNG"),
    "transparency": (InputError, False, "", "setting"),
    "parameter": (InputError, False, "", "setting"),
    "key": (KeyMissingError, False, "OPEN_KEY_SETTINGS", "preferences"),
    "membership": (KeyMissingError, False, "OPEN_KEY_SETTINGS", "preferences"),
    "address": (KeyMissingError, False, "OPEN_KEY_SETTINGS", "preferences"),
    "verification": (AccessError, False, "OPEN_VERIFICATION", "15 minutes"),
    "verification with code": (AccessError, False, "OPEN_VERIFICATION", "15 minutes"),
    "country": (AccessError, False, "", "compatible server"),
    "other permission": (AccessError, False, "OPEN_KEY_SETTINGS", "permissions"),
    "model": (AccessError, False, "", "another model"),
    "path": (AccessError, False, "OPEN_KEY_SETTINGS", "base URL"),
    "timeout": (TransientError, True, "", "retry"),
    "conflict": (TransientError, True, "", "retry"),
    "too large": (InputError, False, "", "smaller"),
    "rate limit": (RateLimitError, True, "", "retry"),
    "rate limit of tokens": (RateLimitError, True, "", "retry"),
    "slow down": (RateLimitError, True, "", "retry"),
    "credit": (QuotaError, False, "OPEN_BILLING", "credit"),
    "organization spend": (QuotaError, False, "OPEN_BILLING", "credit"),
    "project spend": (QuotaError, False, "OPEN_BILLING", "credit"),
    "organization usage": (QuotaError, False, "OPEN_BILLING", "credit"),
    "old quota": (QuotaError, False, "OPEN_BILLING", "credit"),
    "old quota by type": (QuotaError, False, "OPEN_BILLING", "credit"),
    "server": (TransientError, True, "", "Retry"),
    "gateway": (TransientError, True, "", "Retry"),
    "service's timeout": (TransientError, True, "", "Retry"),
    "overloaded": (TransientError, True, "", "minute"),
}


@pytest.mark.parametrize("wrapped", [True, False], ids=["as sent", "as the SDK unwraps it"])
@pytest.mark.parametrize("row", BODIES)
def test_each_row_of_the_table(row: str, wrapped: bool) -> None:
    status, code, kind, message = BODIES[row]
    inner = {"message": message, "type": kind, "param": None, "code": code}
    error = error_from_answer(status, {"error": inner} if wrapped else inner, request_id="req_1", retry_after_s=2.5,
                              model="gpt-image-2")
    expected, retryable, repair, word = MEANING[row]
    assert type(error) is expected and error.retryable is retryable and str(error.repair) == repair
    assert word in error.hint and error.message
    assert (error.status, error.request_id, error.code) == (status, "req_1", code or kind or "")
    assert error.retry_after_s == (2.5 if retryable else None)


def test_the_messages_are_for_an_artist() -> None:
    """A sentence of ours, the service's own words behind it, no raw JSON."""
    for status, code, kind, message in BODIES.values():
        error = error_from_answer(status, {"error": {"message": message, "type": kind, "code": code}})
        assert error.message[0].isupper() and not error.message.endswith(".") or error.message.endswith(message)
        assert "{" not in error.message and "None" not in error.message
        assert error.hint and not error.hint.endswith(".")


@pytest.mark.parametrize(("details", "categories"), [
    ({"moderation_details": {"moderation_stage": "output", "categories": ["violence", "self-harm"]}},
        ("violence", "self-harm")),
    ({"safety_violations": ["sexual"]}, ("sexual",)), ({}, ()), ({"moderation_details": None}, ()),
    ({"moderation_details": {"categories": None}}, ()), ({"safety_violations": "sexual"}, ()),
])
@pytest.mark.parametrize("status", [400, 0])
def test_a_refusal_names_its_categories(details: dict[str, object], categories: tuple[str, ...], status: int) -> None:
    error = error_from_answer(status, {"error": {"code": "moderation_blocked", "message": "No.", **details}})
    assert type(error) is RefusedError and error.categories == categories
    assert all(category in error.message for category in categories)


@pytest.mark.parametrize("param", ["size", "quality", "mask", "output_format"])
def test_the_field_at_fault_is_named(param: str) -> None:
    error = error_from_answer(400, {"error": {"message": "Bad", "param": param, "code": "invalid_value"}})
    assert type(error) is InputError and error.field == param and param in error.message


# --- Shapes -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("body", "text"), [
    ({"error": {"message": "m", "type": "t", "param": "p", "code": "c"}}, ("m", "t", "p", "c")),
    ({"error": {"message": None, "code": 404}}, ("", "", "", "404")),
    ({"message": "m", "code": None}, ("m", "", "", "")),
    ({"error": "out of memory"}, ("out of memory", "", "", "")),
    ({"detail": "Not Found"}, ("Not Found", "", "", "")),
    ({"detail": [{"loc": ["body", "size"], "msg": "field required"}, {"msg": "too long"}, "odd"]},
     ("field required; too long; odd", "", "", "")),
    ({"error": None, "detail": "d"}, ("d", "", "", "")),
    ({}, ("", "", "", "")), ({"error": {}}, ("", "", "", "")), (None, ("", "", "", "")),
    ("plain words\n", ("plain words", "", "", "")), ("", ("", "", "", "")),
    ("<html><head><title>502</title></head></html>", ("", "", "", "")), ("  <!DOCTYPE html>", ("", "", "", "")),
    ("x" * 9000, ("x" * 500, "", "", "")),
])
def test_all_shapes_are_read(body: object, text: tuple[str, str, str, str]) -> None:
    assert error_text(body) == text


@pytest.mark.parametrize("body",
    [{"error": "No"}, {"detail": "No"}, "<html>No</html>", "No", None, [], 7, {"error": []},
                                  {"error": {"code": ["x"], "message": {"a": 1}}}])
@pytest.mark.parametrize("status", [0, 301, 400, 401, 402, 403, 404, 408, 409, 413, 418, 422, 429, 500, 502, 503, 524])
def test_any_body_with_any_status_is_an_error_of_ours(status: int, body: object) -> None:
    error = error_from_answer(status, body)
    assert isinstance(error, GptImageError) and error.message and error.hint
    assert error.retryable == (status in (408, 409, 429) or status >= 500)


# --- Across the process border ----------------------------------------------------------------------------

TYPES = [
    GptImageError, OnlineAccessError, KeyMissingError, AccessError, RefusedError, QuotaError, RateLimitError,
    TransientError,
    UncertainError, AnswerError, CancelledError, WorkerError, TargetGoneError,
]


@pytest.mark.parametrize("kind", [*TYPES, InputError], ids=lambda k: k.__name__)
@pytest.mark.parametrize("facts", [
    {}, {"hint": "Do this", "code": "c", "status": 429, "request_id": "req", "retry_after_s": 1.5},
    {"categories": ("a", "b"), "repair": Repair.RAISE_BUDGET, "hint": ""}, {"repair": Repair.NONE},
])
def test_errors_cross_as_dicts_without_loss(kind: type[GptImageError], facts: dict[str, object]) -> None:
    error = kind("What happened", field="size", **facts)  # type: ignore[arg-type]
    crossed = error_from_dict(json.loads(json.dumps(error.to_dict())))
    assert type(crossed) is kind and crossed.to_dict() == error.to_dict()
    assert crossed.retryable is error.retryable and str(crossed) == "What happened"


def test_all_error_types_are_met_here() -> None:
    public = {v for v in vars(errors).values() if isinstance(v, type) and issubclass(v, GptImageError)}
    assert public == {*TYPES, InputError}


@pytest.mark.parametrize("facts", [
    {}, {"type": "ErrorOfTheFuture", "message": "m"}, {"type": "QuotaError", "repair": "BUTTON_OF_THE_FUTURE"},
    {"type": "InputError", "message": "m", "categories": None, "status": None},
])
def test_an_error_of_another_version_is_still_one(facts: dict[str, object]) -> None:
    assert error_from_dict(facts).message == facts.get("message", "")
