# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The models: what each can do, and which requests the API would refuse. Data, as of 2026-11-22.

A request is checked here before any money is spent; each refusal names the field and the nearest legal value.
A compatible server has its own models and sizes: for it only what no server takes is refused.
"""

from __future__ import annotations

import math
from datetime import date
from typing import NamedTuple

from .errors import InputError
from .request import Request, ServiceKind, parse_size

__all__ = (
    "BACKGROUNDS", "COMPLEXITIES", "DEFAULT_MODEL", "FORMATS", "MAX_IMAGES", "MAX_N", "MAX_PROMPT_CHARS", "MODELS",
    "MODERATIONS", "Model", "QUALITIES", "RETIRED", "SIZE_PRESETS", "check_request", "deadline_s", "find_model",
    "nearest_legal_size", "shutdown_notice",
)

QUALITIES = ("low", "medium", "high", "xhigh", "max")
FORMATS = ("png", "jpeg", "webp")
INPUT_MIMES = ("image/png", "image/jpeg", "image/webp")
BACKGROUNDS = ("auto", "opaque", "transparent")
MODERATIONS = ("auto", "low")
COMPLEXITIES = ("low", "medium", "high")
MAX_N = 10
MAX_IMAGES = 16
MAX_IMAGE_BYTES = 50_000_000
MAX_MASK_BYTES = 4_000_000          # stated as 4 MB in one place and 50 MB in another: the smaller is safe
MAX_PROMPT_CHARS = 32_000

# Size rules of gpt-image-2 and later.
EDGE_STEP_PX = 16
MAX_EDGE_PX = 3840
MIN_PIXELS = 655_360
MAX_PIXELS = 8_294_400
MAX_RATIO = 3.0
EXPERIMENTAL_PIXELS = 2560 * 1440   # above this the API calls a size experimental, and answers take longest

SIZE_PRESETS = {
    "SQUARE": ("Square", "1024x1024"),
    "LANDSCAPE": ("Landscape", "1536x1024"),
    "PORTRAIT": ("Portrait", "1024x1536"),
    "SQUARE_2K": ("Square 2K", "2048x2048"),
    "WIDE_2K": ("Wide 2K", "2560x1440"),
    "WIDE_4K": ("Wide 4K", "3840x2160"),
    "PANORAMA": ("Panorama 2:1", "2048x1024"),
}


class Model(NamedTuple):
    """What one model can do.

    `token_bases` maps a quality to the base of the output-token formula (see pricing.py); `price_factor`
    multiplies its result where only an observed ratio is known, and `price_known` says whether the formula is
    the model's own. `shutdown` is the day it stops answering, `successor` what to use then.
    """

    id: str
    label: str
    token_bases: dict[str, int]
    snapshots: tuple[str, ...] = ()
    transparent: bool = True
    markup: bool = False
    complexity: bool = False
    input_fidelity: tuple[str, ...] = ()
    price_known: bool = True
    price_factor: dict[str, float] | None = None
    shutdown: date | None = None
    successor: str = ""

    @property
    def qualities(self) -> tuple[str, ...]:
        return tuple(self.token_bases)


_BASES_2 = {"low": 16, "medium": 48, "high": 96}
_BASES_25 = {"low": 16, "medium": 24, "high": 48, "xhigh": 64, "max": 96}
# 2.6's own token formula is not published. Observed: low and medium use three to four times 2.5's tokens, the
# others the same. The larger figure is shown, marked as an estimate; the answer's usage tells the truth.
_FACTOR_26 = {"low": 4.0, "medium": 4.0}

MODELS = {model.id: model for model in (
    Model("gpt-image-2.5-flare", "GPT Image 2.5 Flare", _BASES_25, ("gpt-image-2.5-flare-2026-09-08",), markup=True),
    Model("gpt-image-2.5-sunburst", "GPT Image 2.5 Sunburst", _BASES_25, ("gpt-image-2.5-sunburst-2026-09-08",),
          markup=True),
    Model("gpt-image-2.6-flare", "GPT Image 2.6 Flare", _BASES_25, markup=True, complexity=True,
          price_known=False, price_factor=_FACTOR_26),
    Model("gpt-image-2.6-sunburst", "GPT Image 2.6 Sunburst", _BASES_25, markup=True, complexity=True,
          price_known=False, price_factor=_FACTOR_26),
    # Its transparent background was closed on 2026-09-30.
    Model("gpt-image-2", "GPT Image 2", _BASES_2, ("gpt-image-2-2026-04-21",), transparent=False),
)}

# The newest family whose price can be told exactly before sending. 2.6 becomes the default when its token
# formula is known: nothing is sent that was not shown, and the price is part of that.
DEFAULT_MODEL = "gpt-image-2.5-flare"

_LAST_DAY = date(2026, 12, 1)
# Names OpenAI has closed or is about to, with their shutdown date. They still work on a compatible server.
RETIRED = {
    "gpt-image-1.5": _LAST_DAY, "gpt-image-1-mini": _LAST_DAY, "chatgpt-image-latest": _LAST_DAY,
    "gpt-image-1": date(2026, 10, 23), "dall-e-3": date(2026, 5, 12), "dall-e-2": date(2026, 5, 12),
}
_SUCCESSOR = DEFAULT_MODEL


def find_model(name: str) -> Model | None:
    """The catalogue's entry for a model or snapshot name, or None."""
    model = MODELS.get(name)
    if model is None:
        model = next((m for m in MODELS.values() if name in m.snapshots), None)
    return model


def shutdown_notice(name: str, today: date, shutdown: date | None = None) -> str:
    """A sentence about a model's end, or "". `shutdown` is what the service itself said, if it did."""
    model = find_model(name)
    day = shutdown or (model.shutdown if model else RETIRED.get(name))
    if day is None:
        return ""
    successor = (model.successor if model else "") or _SUCCESSOR
    verb = "shut down" if day <= today else "shuts down"
    return f"{name} {verb} on {day.isoformat()}. Use {successor} instead"


def _legal(width: int, height: int) -> bool:
    return (
        width % EDGE_STEP_PX == 0 and height % EDGE_STEP_PX == 0 and max(width, height) <= MAX_EDGE_PX
        and MIN_PIXELS <= width * height <= MAX_PIXELS
        and max(width, height) <= MAX_RATIO * min(width, height)
    )


def nearest_legal_size(width_px: int, height_px: int) -> tuple[int, int]:
    """The legal size nearest to the one asked: same shape first, then same number of pixels. A legal one is itself."""
    if _legal(width_px, height_px):
        return width_px, height_px
    ratio = min(max(width_px / height_px, 1 / MAX_RATIO), MAX_RATIO)
    pixels = min(max(width_px * height_px, MIN_PIXELS), MAX_PIXELS)
    ideal_w = math.sqrt(pixels * ratio)
    ideal_h = ideal_w / ratio
    shrink = min(1.0, MAX_EDGE_PX / max(ideal_w, ideal_h))
    ideal_w, ideal_h = ideal_w * shrink, ideal_h * shrink

    def around(ideal: float) -> list[int]:
        first = int(ideal // EDGE_STEP_PX) - 2
        return [step * EDGE_STEP_PX for step in range(max(first, 1), first + 6)]

    candidates = [(w, h) for w in around(ideal_w) for h in around(ideal_h) if _legal(w, h)]
    return min(candidates, key=lambda wh: abs(math.log(wh[0] / ideal_w)) + abs(math.log(wh[1] / ideal_h)))


def deadline_s(size: str) -> float:
    """Seconds a whole job may take: 6 minutes, 10 for sizes the API calls experimental (2K answers took up to 5)."""
    width, height = parse_size(size)
    return 600.0 if width * height > EXPERIMENTAL_PIXELS else 360.0


def check_request(request: Request, service: ServiceKind, *, today: date | None = None) -> None:
    """Refuse what the service would refuse. Raises InputError with the field and the nearest legal value."""
    _check_everywhere(request)
    if service is not ServiceKind.COMPATIBLE:
        _check_openai(request, today)


def _choice(field: str, value: str, legal: tuple[str, ...], what: str) -> None:
    if value not in legal:
        raise InputError(f"{what} {value!r} does not exist", field=field, hint=f"Use {' or '.join(legal)}")


def _check_everywhere(request: Request) -> None:
    if not request.prompt.strip():
        raise InputError("The prompt is empty", field="prompt", hint="Say what the picture should show")
    if not request.model:
        raise InputError("No model is chosen", field="model", hint=f"Use {DEFAULT_MODEL}")
    parse_size(request.size)
    if not 1 <= request.n <= MAX_N:
        raise InputError(f"{request.n} variants cannot be asked for at once", field="n", hint=f"Use 1 to {MAX_N}")
    if not 0 <= request.partial_images <= 3:
        raise InputError(f"{request.partial_images} partial images cannot be streamed", field="partial_images",
                         hint="Use 0 to 3")
    if request.output_compression is not None and not 0 <= request.output_compression <= 100:
        raise InputError(f"Compression {request.output_compression} is out of range", field="output_compression",
                         hint="Use 0 to 100")
    if not request.is_edit:
        if request.mask or request.markup or request.input_fidelity:
            raise InputError("There is no picture to edit", field="images", hint="Add at least one picture")
    else:
        if request.mask and request.markup:
            raise InputError("A mask and a markup cannot be sent together", field="markup", hint="Use one of them")
        for name, overlay in (("mask", request.mask), ("markup", request.markup)):
            first = request.images[0]
            if overlay and (overlay.width_px, overlay.height_px) != (first.width_px, first.height_px):
                raise InputError(
                    f"The {name} has {overlay.width_px}x{overlay.height_px} pixels, the picture "
                    f"{first.width_px}x{first.height_px}", field=name, hint="Both must have the same size")


def _check_openai(request: Request, today: date | None) -> None:
    model = find_model(request.model)
    if model is None:
        if request.model in RETIRED:
            raise InputError(shutdown_notice(request.model, today or date.today()), field="model",
                             hint=f"Choose {_SUCCESSOR}. A compatible server that has the old model can still use it")
        raise InputError(f"The model {request.model!r} is not known", field="model",
                         hint=f"Use one of {', '.join(MODELS)}")
    if len(request.prompt) > MAX_PROMPT_CHARS:
        raise InputError(f"The prompt has {len(request.prompt)} characters", field="prompt",
                         hint=f"Use at most {MAX_PROMPT_CHARS}")
    # "auto" is refused: with it no price can be shown before sending.
    _choice("quality", request.quality, model.qualities, f"For {model.label}, quality")
    width, height = parse_size(request.size)
    if not _legal(width, height) or request.size != f"{width}x{height}":      # it is sent as it is written
        near = "x".join(map(str, nearest_legal_size(width, height)))
        raise InputError(f"{request.size} is not a size the service makes", field="size", hint=f"The nearest is {near}")
    _choice("output_format", request.output_format, FORMATS, "Format")
    _choice("background", request.background, BACKGROUNDS, "Background")
    _choice("moderation", request.moderation, MODERATIONS, "Moderation")
    if request.background == "transparent":
        if not model.transparent:
            raise InputError(f"{model.label} makes no transparent background", field="background",
                             hint=f"Use opaque, or {DEFAULT_MODEL}")
        if request.output_format == "jpeg":
            raise InputError("JPEG holds no transparency", field="output_format", hint="Use png or webp")
    if request.output_compression is not None and request.output_format == "png":
        raise InputError("PNG takes no compression setting", field="output_compression",
                         hint="Leave it out, or use jpeg or webp")
    if request.complexity:
        if not model.complexity:
            raise InputError(f"{model.label} has no complexity setting", field="complexity",
                             hint="Leave it out, or use gpt-image-2.6-flare")
        _choice("complexity", request.complexity, COMPLEXITIES, "Complexity")
    if request.is_edit:
        if len(request.images) > MAX_IMAGES:
            raise InputError(f"{len(request.images)} pictures cannot be sent at once", field="images",
                             hint=f"Use at most {MAX_IMAGES}")
        if any(picture.mime not in INPUT_MIMES for picture in request.images):
            raise InputError("A picture to send has a format the service cannot read", field="images",
                             hint="Use PNG, JPEG or WebP pictures")
        for name, overlay in (("mask", request.mask), ("markup", request.markup)):
            if overlay and overlay.mime != "image/png":
                raise InputError(f"The {name} is no PNG", field=name, hint="Use a PNG with transparency")
        if request.markup and not model.markup:
            raise InputError(f"{model.label} reads no markup", field="markup",
                             hint=f"Use a mask, or {DEFAULT_MODEL}")
        if request.input_fidelity and request.input_fidelity not in model.input_fidelity:
            raise InputError(f"{model.label} has no input fidelity setting", field="input_fidelity",
                             hint="Leave it out")
