# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a request will cost, and what it did cost, in USD.

The output formula is the one of OpenAI's own price calculator, confirmed against billed usage for gpt-image-2
and 2.5. The input-image formula is unpublished and measured (2 and 2.5). For 2.6 neither is known: its prices
are estimates and say so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from .catalog import find_model
from .errors import QuotaError, Repair
from .request import Request, ServiceKind, parse_size

__all__ = (
    "Limits", "Price", "Spending", "Usage", "account", "check_limits", "estimate", "input_image_tokens", "output_tokens", "picture_usd",
    "sent_size", "text_tokens", "together",
)

# USD per token, Standard rates. The same for gpt-image-2, 2.5 and 2.6.
TEXT_IN_USD = 5e-6
IMAGE_IN_USD = 8e-6
IMAGE_OUT_USD = 30e-6
PARTIAL_IMAGE_TOKENS = 100
BATCH_FACTOR = 0.5
PATCH_PX = 32
MAX_PATCHES = 1536
LEAST_SIDE_PX = 1024            # smaller pictures are looked at as if their longer side had this many pixels


class Usage(NamedTuple):
    """Tokens of one request, as estimated or as the service billed them."""

    text_in: int = 0
    image_in: int = 0
    image_out: int = 0

    @property
    def usd(self) -> float:
        return self.text_in * TEXT_IN_USD + self.image_in * IMAGE_IN_USD + self.image_out * IMAGE_OUT_USD


class Price(NamedTuple):
    """What a request will cost. `exact` is False where the model's formula is not known.

    `known` is False for a compatible server: its prices are its own, and `usd` is 0.
    """

    usd: float
    usage: Usage
    exact: bool
    known: bool = True


def together(prices: Sequence[Price]) -> Price:
    """What several requests cost together."""
    usages = [each.usage for each in prices]
    return Price(sum(each.usd for each in prices), Usage(*map(sum, zip(*usages, strict=True))), all(each.exact for each in prices),
                 all(each.known for each in prices))


class Spending(NamedTuple):
    """What was spent and is in flight, in USD, without practice: today, this month, for one .blend file, in one session."""

    day_usd: float = 0.0
    month_usd: float = 0.0
    blend_usd: float = 0.0
    session_usd: float = 0.0


class Limits(NamedTuple):
    """What may be spent, in USD; None is no limit. `session_usd` is that of one headless run."""

    day_usd: float | None = None
    month_usd: float | None = None
    blend_usd: float | None = None
    session_usd: float | None = None

    def left(self, spending: Spending) -> list[tuple[str, float, float]]:
        """(whose budget, its limit, what is left of it) for each that is set, in USD; less than nothing where it is exceeded."""
        limits = zip(("day", "month", "file", "run"), self, spending, strict=True)
        return [(name, limit, limit - spent) for name, limit, spent in limits if limit is not None]


def output_tokens(model_id: str, quality: str, size: str) -> int:
    """Image-output tokens of one picture, by the calculator's formula; for 2.6 times the observed factor."""
    model = find_model(model_id)
    if model is None:
        raise KeyError(model_id)
    width, height = parse_size(size)
    base = model.token_bases[quality]
    short = round(base / (max(width, height) / min(width, height)))      # Python rounds half to even, as it must
    tokens = math.ceil(base * short * (2_000_000 + width * height) / 4_000_000)
    return math.ceil(tokens * (model.price_factor or {}).get(quality, 1.0))


def input_image_tokens(width_px: int, height_px: int, model_id: str = "") -> int:
    """Tokens of one picture sent: 32-pixel patches, at most 1536 (measured on 2 and 2.5)."""
    width, height = float(width_px), float(height_px)
    longest = max(width, height)
    if longest < LEAST_SIDE_PX:
        scale = LEAST_SIDE_PX / longest
        if model_id.startswith("gpt-image-2") and not model_id.startswith("gpt-image-2."):
            scale = min(scale, 2.0)
        width, height = width * scale, height * scale
    width, height = min(width, 3 * height), min(height, 3 * width)
    patches = math.ceil(width / PATCH_PX) * math.ceil(height / PATCH_PX)
    if patches > MAX_PATCHES:
        across, down = _most_patches(width, height)
        patches = across * down
    return patches


def _most_patches(width: float, height: float) -> tuple[int, int]:
    """Patches, across and down, that are left of a larger picture."""
    shrink = math.sqrt(MAX_PATCHES / (width * height))       # in patches a pixel
    return math.floor(width * shrink), math.floor(height * shrink)


def sent_size(width_px: int, height_px: int, *, coarse: bool = False) -> tuple[int, int]:
    """The size to send a picture at, its shape kept: all that the model looks at and no pixel more. Never larger than it is.

    `coarse` is for what has no detail to look at, such as a palette: then it costs least.
    """
    factor = 1.0
    if math.ceil(width_px / PATCH_PX) * math.ceil(height_px / PATCH_PX) > MAX_PATCHES:
        width, height = min(width_px, 3 * height_px), min(height_px, 3 * width_px)      # beyond 3:1 it is squeezed
        across, down = _most_patches(width, height)
        factor = min(across * PATCH_PX / width, down * PATCH_PX / height)
    if coarse:
        factor = min(factor, LEAST_SIDE_PX / max(width_px, height_px))
    if factor >= 1.0:
        return width_px, height_px
    return max(1, math.floor(width_px * factor + 1e-9)), max(1, math.floor(height_px * factor + 1e-9))


def picture_usd(width_px: int, height_px: int, model_id: str) -> float:
    """What one picture costs that is sent at that size."""
    return input_image_tokens(width_px, height_px, model_id) * IMAGE_IN_USD


def text_tokens(prompt: str) -> int:
    """Roughly the prompt's tokens: four UTF-8 bytes each and six around them. Words cost next to nothing."""
    return math.ceil(len(prompt.encode()) / 4) + 6


def estimate(request: Request, service: ServiceKind) -> Price:
    """What the request will cost. It must have passed `check_request`."""
    model = find_model(request.model)
    if service is ServiceKind.COMPATIBLE or model is None:
        return Price(0.0, Usage(), exact=False, known=False)
    per_picture = output_tokens(model.id, request.quality, request.size)
    if request.n == 1 and not request.batch:    # several variants and batches are not streamed: no partial images come
        per_picture += PARTIAL_IMAGE_TOKENS * request.partial_images
    image_in = 0
    if request.is_edit:
        image_in = sum(input_image_tokens(p.width_px, p.height_px, model.id) for p in request.images)
    usage = Usage(text_tokens(request.prompt), image_in, per_picture * request.n)
    return Price(usage.usd * (BATCH_FACTOR if request.batch else 1.0), usage, model.price_known)


def account(usage: object, *, batch: bool = False) -> tuple[Usage, float] | None:
    """The tokens and the price of an answer's `usage` object, or None if it has none or only zeros.

    Servers leave out the details or the whole; what is not told apart counts as the dearer kind.
    """
    if not isinstance(usage, dict):
        return None

    def count(facts: object, name: str) -> int:
        value = facts.get(name) if isinstance(facts, dict) else None
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return 0
        return max(0, int(value))

    details = usage.get("input_tokens_details")
    text_in, image_in = count(details, "text_tokens"), count(details, "image_tokens")
    image_in += max(0, count(usage, "input_tokens") - text_in - image_in)
    image_out = count(usage, "output_tokens")
    # Text output is not billed.
    image_out -= min(image_out, count(usage.get("output_tokens_details"), "text_tokens"))
    found = Usage(text_in, image_in, image_out)
    if found == Usage():
        return None
    return found, found.usd * (BATCH_FACTOR if batch else 1.0)


def check_limits(limits: Limits, spending: Spending, cost_usd: float) -> None:
    """Raise QuotaError for a request of this price that would break a limit. What costs nothing always may be sent."""
    for name, limit, left in limits.left(spending):
        if cost_usd > max(0.0, left) + 1e-9:            # sums of decimal prices are not exact
            raise QuotaError(
                f"This would cost ${_amount(cost_usd)}, and of the {name}'s budget of ${limit:.2f} ${_amount(max(0.0, left))} is left",
                hint=f"Raise {'--budget' if name == 'run' else 'the budget in Preferences'}, or choose a lower quality or size",
                repair=Repair.RAISE_BUDGET)


def _amount(usd: float) -> str:
    return f"{usd:.4f}" if 0.00005 <= usd < 0.09995 else f"{usd:.2f}"
