# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prices against api.md's tables, as literals: the calculator for what comes out, measurements for what goes in."""

from __future__ import annotations

import random

import pytest

from gptimage_addon.core.pricing import Usage, account, estimate, input_image_tokens, output_tokens, picture_usd, sent_size, text_tokens
from gptimage_addon.core.request import Request, SentPicture, ServiceKind

# size: (tokens, USD) for 2.5's low, medium, high (2's medium), xhigh, max (2's high)
TABLE = {
    "1024x1024": ((196, .0059), (439, .0132), (1756, .0527), (3122, .0937), (7024, .2107)),
    "1536x1024": ((158, .0047), (343, .0103), (1372, .0412), (2459, .0738), (5488, .1646)),
    "1024x1536": ((158, .0047), (343, .0103), (1372, .0412), (2459, .0738), (5488, .1646)),
    "1024x640": ((107, .0032), (239, .0072), (956, .0287), (1700, .0510), (3824, .1147)),
    "1280x720": ((106, .0032), (246, .0074), (947, .0284), (1683, .0505), (3787, .1136)),
    "1920x1088": ((148, .0044), (344, .0103), (1325, .0398), (2356, .0707), (5300, .1590)),
    "2048x2048": ((397, .0119), (892, .0268), (3568, .1070), (6343, .1903), (14272, .4282)),
    "2560x1440": ((205, .0062), (478, .0143), (1843, .0553), (3276, .0983), (7370, .2211)),
    "2880x2880": ((659, .0198), (1483, .0445), (5930, .1779), (10542, .3163), (23719, .7116)),
    "3840x2160": ((371, .0111), (865, .0260), (3336, .1001), (5930, .1779), (13342, .4003)),
}
COLUMNS = ("low", "medium", "high", "xhigh", "max")
OF_TWO = {"low": 0, "medium": 2, "high": 4}
PROMPT = "red brick"
OPENAI = ServiceKind.OPENAI


def asked(model: str, quality: str, size: str, **more: object) -> Request:
    return Request(**{"prompt": PROMPT, "model": model, "quality": quality, "size": size, **more})


@pytest.mark.parametrize("size", TABLE)
def test_output_tokens_and_prices(size: str) -> None:
    words = text_tokens(PROMPT) * 5e-6
    rows = [(model, q, TABLE[size][i]) for model in ("gpt-image-2.5-flare", "gpt-image-2.5-sunburst",
                                                    "gpt-image-2.5-flare-2026-09-08") for i, q in enumerate(COLUMNS)]
    rows += [("gpt-image-2", q, TABLE[size][i]) for q, i in OF_TWO.items()]
    for model, quality, (tokens, usd) in rows:
        assert output_tokens(model, quality, size) == tokens
        price = estimate(asked(model, quality, size), OPENAI)
        assert price.usage.image_out == tokens and price.exact and price.known
        assert price.usd - words == pytest.approx(usd, abs=.0000501)       # the table has four decimals


@pytest.mark.parametrize("size", TABLE)
def test_prices_of_2_6_are_estimates(size: str) -> None:
    for i, quality in enumerate(COLUMNS):
        price = estimate(asked("gpt-image-2.6-flare", quality, size), OPENAI)
        factor = 4 if quality in ("low", "medium") else 1
        assert price.usage.image_out == factor * TABLE[size][i][0]
        assert not price.exact and price.known


def test_the_estimate_of_2_6_covers_what_was_observed() -> None:
    """A reseller's live tests: 1536x1024 low 664, high 1353; 3840x2160 high about 3337."""
    for quality, size, tokens in (("low", "1536x1024", 664), ("high", "1536x1024", 1353), ("high", "3840x2160", 3337)):
        assert output_tokens("gpt-image-2.6-flare", quality, size) == pytest.approx(tokens, rel=.06)


def test_variants_and_partial_pictures_are_added() -> None:
    base = asked("gpt-image-2.5-flare", "medium", "1024x1024")
    tokens = {(n, p): estimate(base._replace(n=n, partial_images=p), OPENAI).usage.image_out for n, p in
              ((1, 0), (10, 0), (1, 1), (1, 3))}
    assert tokens == {(1, 0): 439, (10, 0): 4390, (1, 1): 539, (1, 3): 739}
    more = estimate(base._replace(partial_images=1), OPENAI).usd - estimate(base, OPENAI).usd
    assert more == pytest.approx(.003)


def test_partial_pictures_that_are_not_streamed_are_not_charged() -> None:
    """Several variants are asked for plainly: no partial pictures come, and none are billed."""
    base = asked("gpt-image-2.5-flare", "medium", "1024x1024", n=2)
    assert estimate(base._replace(partial_images=3), OPENAI) == estimate(base, OPENAI)


def test_a_batch_is_half() -> None:
    request = asked("gpt-image-2", "high", "2048x2048", n=3)
    assert estimate(request._replace(batch=True), OPENAI).usd == estimate(request, OPENAI).usd / 2
    usage = {"input_tokens": 1000, "input_tokens_details": {"text_tokens": 1000}, "output_tokens": 1000}
    assert account(usage, batch=True) == (Usage(1000, 0, 1000), pytest.approx(.0175))


@pytest.mark.parametrize(("size", "tokens"), [
    ((1024, 1024), 1024), ((1536, 1024), 1536), ((1280, 720), 920), ((341, 512), 704), ((1179, 2556), 1482),
    ((2048, 2048), 1521), ((3840, 2160), 1508),
])
def test_input_tokens_are_those_measured(size: tuple[int, int], tokens: int) -> None:
    assert input_image_tokens(*size, "gpt-image-2.5-flare") == tokens
    request = Request(prompt=PROMPT, model="gpt-image-2.5-flare", images=(SentPicture("a", "image/png", *size),) * 2)
    price = estimate(request, OPENAI)
    assert price.usage.image_in == 2 * tokens
    assert price.usd == pytest.approx(439 * 30e-6 + 2 * tokens * 8e-6 + text_tokens(PROMPT) * 5e-6)


def test_input_tokens_have_bounds() -> None:
    """At most 1536 whatever is sent; gpt-image-2 enlarges a small picture twice at most."""
    for width in range(1, 4000, 61):
        for height in range(1, 4000, 67):
            assert 1 <= input_image_tokens(width, height) <= 1536
    assert input_image_tokens(256, 256, "gpt-image-2") == 16 * 16
    assert input_image_tokens(256, 256, "gpt-image-2.5-flare") == 32 * 32


def test_words_cost_next_to_nothing() -> None:
    assert 7 <= text_tokens("red brick") <= 12
    assert text_tokens("x" * 32_000) * 5e-6 < .05


def test_a_compatible_servers_price_is_unknown() -> None:
    price = estimate(asked("gpt-image-2", "high", "2048x2048"), ServiceKind.COMPATIBLE)
    assert (price.usd, price.exact, price.known) == (0.0, False, False)
    assert not estimate(asked("sdxl", "high", "1024x1024"), OPENAI).known


# --- What it did cost -------------------------------------------------------------------------------------

@pytest.mark.parametrize(("usage", "found", "usd"), [
    ({"input_tokens": 1034, "input_tokens_details": {"text_tokens": 10, "image_tokens": 1024}, "output_tokens": 439,
      "total_tokens": 1473}, Usage(10, 1024, 439), .021412),
    ({"output_tokens": 196}, Usage(0, 0, 196), .00588),
    # Not told apart: counted as pictures, the dearer kind.
    ({"input_tokens": 100, "output_tokens": 196}, Usage(0, 100, 196), .00668),
    ({"input_tokens": 100, "input_tokens_details": {"text_tokens": 40}, "output_tokens": 0}, Usage(40, 60, 0), .00068),
    # Text that comes out is not billed.
    ({"output_tokens": 300, "output_tokens_details": {"image_tokens": 196, "text_tokens": 104}}, Usage(0, 0, 196),
        .00588),
    ({"output_tokens": 10, "output_tokens_details": {"text_tokens": 50}, "input_tokens": 1}, Usage(0, 1, 0), 8e-6),
    ({"input_tokens_details": {"text_tokens": 7}}, Usage(7, 0, 0), .000035),
    ({"output_tokens": 196.0}, Usage(0, 0, 196), .00588),
])
def test_what_an_answer_cost(usage: dict[str, object], found: Usage, usd: float) -> None:
    assert account(usage) == (found, pytest.approx(usd))


@pytest.mark.parametrize("usage", [
    None, {}, [], "free", 7, True, {"input_tokens": 0, "output_tokens": 0},
    {"input_tokens": None, "output_tokens": None},
    {"output_tokens": "439"}, {"output_tokens": [439]}, {"output_tokens": float("nan")},
    {"output_tokens": float("inf")},
    {"output_tokens": -5}, {"output_tokens": True}, {"input_tokens_details": [1], "output_tokens_details": "x"},
    {"input_tokens": -3, "input_tokens_details": {"text_tokens": -3}},
])
def test_usage_that_tells_nothing_is_no_price(usage: object) -> None:
    assert account(usage) is None


# What larger pictures cost was measured on 2.5 (api.md, section 2): the size they are sent at must cost the same.
@pytest.mark.parametrize(("size", "tokens"), [
    ((2048, 2048), 1521), ((3840, 2160), 1508), ((1179, 2556), 1482), ((1536, 1024), 1536), ((1280, 720), 920), ((341, 512), 704),
])
def test_the_size_sent_costs_what_the_picture_costs(size: tuple[int, int], tokens: int) -> None:
    sent = sent_size(*size)
    assert input_image_tokens(*sent) == input_image_tokens(*size) == tokens
    assert picture_usd(*sent, "gpt-image-2.5-flare") == pytest.approx(tokens * 8e-6)
    assert sent == size or sent[0] * sent[1] <= 1536 * 32 * 32
    assert sent[0] / sent[1] == pytest.approx(size[0] / size[1], rel=0.002)


def test_no_size_sent_costs_more_is_larger_or_of_another_shape() -> None:
    chance = random.Random(5)
    for _ in range(3000):
        width, height = chance.randint(1, 9000), chance.randint(1, 9000)
        for coarse in (False, True):
            sent = sent_size(width, height, coarse=coarse)
            assert 1 <= sent[0] <= width and 1 <= sent[1] <= height
            assert input_image_tokens(*sent) <= input_image_tokens(width, height)
            assert abs(sent[0] - width * sent[1] / height) <= max(1.0, width / height)
            assert not coarse or max(sent) <= 1024
            assert sent_size(*sent, coarse=coarse) == sent
