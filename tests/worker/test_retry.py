# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a request may be sent again, and how long is waited: against closed forms."""

from __future__ import annotations

import pytest

from gptimage_addon.core import errors
from gptimage_addon.worker.retry import MAX_ATTEMPTS, retry_delay_s

NEVER = [
    errors.InputError("x", field="size"), errors.OnlineAccessError("x"), errors.KeyMissingError("x"),
    errors.AccessError("x"), errors.RefusedError("x"), errors.QuotaError("x"), errors.UncertainError("x"),
    errors.AnswerError("x"), errors.CancelledError("x"), errors.WorkerError("x"), errors.TargetGoneError("x"),
    errors.GptImageError("x"),
]


@pytest.mark.parametrize("error", NEVER, ids=lambda e: type(e).__name__)
def test_never_where_it_may_have_been_billed_or_cannot_help(error: errors.GptImageError) -> None:
    error.retry_after_s = 0.0                   # not even if the service invites to
    assert retry_delay_s(error, 1, 1000.0, 0.5) is None


@pytest.mark.parametrize("kind", [errors.RateLimitError, errors.TransientError])
def test_the_delay_doubles_from_half_a_second(kind: type[errors.GptImageError]) -> None:
    assert MAX_ATTEMPTS == 5
    assert [retry_delay_s(kind("x"), attempt, 1000.0, 0.0) for attempt in range(1, 5)] == [0.5, 1.0, 2.0, 4.0]
    # Clients are spread over the last quarter.
    assert [retry_delay_s(kind("x"), attempt, 1000.0, 1.0) for attempt in range(1, 5)] == [0.375, 0.75, 1.5, 3.0]


def test_what_fails_is_given_up_and_what_asks_for_a_pause_is_not() -> None:
    assert [retry_delay_s(errors.TransientError("x"), attempt, 1000.0, 0.0) for attempt in (5, 6)] == [None, None]
    assert [retry_delay_s(errors.RateLimitError("x"), attempt, 1000.0, 0.0) for attempt in (5, 6, 7, 5000)] == [8.0, 16.0, 20.0, 20.0]


def test_chance_stays_within_the_quarter() -> None:
    delays = {retry_delay_s(errors.TransientError("x"), 3, 1000.0) for _ in range(200)}
    assert all(d is not None and 1.5 <= d <= 2.0 for d in delays) and len(delays) > 100


@pytest.mark.parametrize(("after_s", "left_s", "delay_s"), [
    (0.0, 10.0, 0.0), (7.5, 10.0, 7.5), (119.0, 360.0, 119.0), (10.0, 10.0, None), (11.0, 10.0, None), (0.0, 0.0, None),
])
def test_the_services_own_pause_is_obeyed_up_to_the_deadline(
    after_s: float, left_s: float,
    delay_s: float | None,
) -> None:
    assert retry_delay_s(errors.RateLimitError("x", retry_after_s=after_s), 1, left_s) == delay_s


def test_no_delay_goes_past_the_deadline() -> None:
    assert retry_delay_s(errors.TransientError("x"), 4, 3.99, 0.0) is None
    assert retry_delay_s(errors.TransientError("x"), 4, 4.01, 0.0) == 4.0
