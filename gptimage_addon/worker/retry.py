# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a request may be sent again by itself: only when nothing can have been billed for it."""

from __future__ import annotations

import random

from ..core.errors import GptImageError, RateLimitError, TransientError

__all__ = ("MAX_ATTEMPTS", "retry_delay_s")

MAX_ATTEMPTS = 5
FIRST_DELAY_S = 0.5
MAX_DELAY_S = 20.0


def retry_delay_s(error: GptImageError, attempt: int, left_s: float, chance: float | None = None) -> float | None:
    """Seconds to wait before attempt number `attempt` + 1, or None to give up.

    Only RateLimitError and TransientError are tried again: the service refused before it worked, or never got
    the request. A service that asks for a pause is asked as often as the job's deadline lets (`left_s`), since a long queue meets
    its limit again and again; one that fails is not. The service's own Retry-After is obeyed, unless it is past the deadline.
    `chance` in 0..1 spreads clients out; random if not given.
    """
    if not isinstance(error, RateLimitError | TransientError):
        return None
    if isinstance(error, TransientError) and attempt >= MAX_ATTEMPTS:
        return None
    if error.retry_after_s is not None:
        delay = error.retry_after_s
    else:
        spread = random.random() if chance is None else chance
        delay = min(FIRST_DELAY_S * 2 ** min(attempt - 1, 10), MAX_DELAY_S) * (1.0 - 0.25 * spread)
    return delay if delay < left_s else None
