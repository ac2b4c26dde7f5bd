# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the area of a picture to the window that is sent, and back.

Pixel coordinates have their origin at the picture's top left corner; pixel (0, 0) covers 0 to 1 on both axes, and
boxes are half open. A window is a crop of whole picture pixels, enlarged or reduced by one factor to a size the
service makes: its shape is the request's shape exactly, so nothing is ever stretched.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from . import catalog, pricing
from .errors import InputError

__all__ = (
    "Box", "CONTEXT", "FREE_RULES", "MINIMUM_PX", "OPENAI_RULES", "SizeRules", "Window", "crop", "edit_cost",
    "empty_area_error", "plan_window", "plan_windows", "reflect", "restore", "union",
)

CONTEXT = 0.125         # of the area's diagonal, on each side
MINIMUM_PX = 64         # the models shift a picture by up to 28 pixels; undoing that needs some to look at

# USD of an edit whose picture and answer have this width and height.
Cost = Callable[[int, int], float]


class Box(NamedTuple):
    """Columns x0 to x1 and rows y0 to y1 of a picture, the last ones excluded."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def width(self) -> int:
        return self.x1 - self.x0

    @property
    def height(self) -> int:
        return self.y1 - self.y0

    @property
    def slices(self) -> tuple[slice, slice]:
        """What picks the box out of an array (rows, columns). It must lie inside."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)


class SizeRules(NamedTuple):
    """Which sizes a service makes."""

    step_px: int
    max_edge_px: int
    min_pixels: int
    max_pixels: int
    max_ratio: float

    def allows(self, width: int, height: int) -> bool:
        return (
            width % self.step_px == 0 and height % self.step_px == 0 and 0 < min(width, height)
            and max(width, height) <= self.max_edge_px and self.min_pixels <= width * height <= self.max_pixels
            and max(width, height) <= self.max_ratio * min(width, height)
        )


OPENAI_RULES = SizeRules(
    catalog.EDGE_STEP_PX, catalog.MAX_EDGE_PX, catalog.MIN_PIXELS, catalog.MAX_PIXELS, catalog.MAX_RATIO)
# Compatible servers take any size. Below 512x512 the local models fall apart; 16 is what their patches divide by.
FREE_RULES = SizeRules(16, catalog.MAX_EDGE_PX, 512 * 512, catalog.MAX_PIXELS, catalog.MAX_EDGE_PX / 16)


class Window(NamedTuple):
    """A crop of a picture and the size it is sent in.

    `box` is in picture pixels and may reach beyond the picture: there the picture is mirrored. The request is
    `width_px` by `height_px`; width_px / box.width equals height_px / box.height exactly.
    """

    box: Box
    width_px: int
    height_px: int
    picture_width_px: int
    picture_height_px: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the request."""
        return self.width_px, self.height_px

    @property
    def scale(self) -> float:
        """Request pixels per picture pixel, on both axes."""
        return self.width_px / self.box.width

    @property
    def is_native(self) -> bool:
        return self.width_px == self.box.width

    @property
    def offset(self) -> tuple[int, int]:
        """Where the request's top left corner is in the picture, in picture pixels."""
        return self.box.x0, self.box.y0

    @property
    def visible(self) -> Box:
        """The part of the box that is really picture, in picture pixels."""
        box = self.box
        return Box(max(box.x0, 0), max(box.y0, 0),
                   min(box.x1, self.picture_width_px), min(box.y1, self.picture_height_px))

    @property
    def visible_in_crop(self) -> Box:
        """The same part in pixels of the crop."""
        (x, y), seen = self.offset, self.visible
        return Box(seen.x0 - x, seen.y0 - y, seen.x1 - x, seen.y1 - y)

    def to_request(self, x: float, y: float) -> tuple[float, float]:
        """A point of the picture as a point of the request. Arrays work as well as numbers."""
        return (x - self.box.x0) * self.width_px / self.box.width, (y - self.box.y0) * self.height_px / self.box.height

    def to_picture(self, x: float, y: float) -> tuple[float, float]:
        """A point of the request as a point of the picture. Arrays work as well as numbers."""
        return x * self.box.width / self.width_px + self.box.x0, y * self.box.height / self.height_px + self.box.y0


# --- Planning ---------------------------------------------------------------------------------------------

# What a window loses, added up; the one that loses least is taken. Each is a natural logarithm or a share.
_SCALE_LOSS = 2.0           # per factor e away from native scale: detail is what the artist looks at
_RESAMPLING_LOSS = 0.1      # for leaving native scale at all: mirroring a few percent at the edges is better
_MIRROR_LOSS = 2.0          # per factor e of pixels that are mirrored and not picture
_MIRRORING_LOSS = 0.05      # for mirroring at all
_EXCESS_LOSS = 0.5          # per factor e of picture that was not asked for: it costs tokens
_SHAPE_LOSS = 0.3           # per factor e away from the shape asked for

_NEARLY_ALL = 0.95          # of a picture's width or height: more context than that is not insisted on

# An area of up to a tenth of a large picture costs at most a third of sending all of it. The box of an ellipse of a
# tenth covers 0.127 of the picture. From there on the limit rises with the area.
_CHEAP_SHARE = 0.13
_CHEAP_PRICE = 1 / 3
# In a picture of fewer than this many of the smallest requests, no window could keep that promise.
_LARGE_PICTURE = 10


@lru_cache(maxsize=32)
def edit_cost(model_id: str, quality: str) -> Cost:
    """What an edit of one picture costs by its size: the answer and the picture sent, words left out."""
    @lru_cache(maxsize=None)        # as many as there are sizes, asked for again whenever the area changes
    def cost(width: int, height: int) -> float:
        image_in = pricing.input_image_tokens(width, height, model_id)
        return pricing.Usage(0, image_in, pricing.output_tokens(model_id, quality, f"{width}x{height}")).usd

    return cost


def plan_window(
    bounds: Box, picture_size: tuple[int, int], *, context: float = CONTEXT, minimum_px: int = MINIMUM_PX,
    whole: bool = False, rules: SizeRules = OPENAI_RULES, cost: Cost | None = None,
) -> Window:
    """The window to send so that what is in `bounds` can be changed.

    It holds `bounds` and around it `context` (a share of the diagonal of `bounds`, at least `minimum_px`) as far as
    the picture goes; with `whole` all of the picture. It is extended into the picture to a legal size, at the
    picture's own scale wherever that is legal. Where the picture is too small for that, it is mirrored at its borders
    if a little is missing, else enlarged; what is larger than the service makes is reduced.

    With `cost`, a small area of a large picture is also given another shape or reduced, as little as is needed for
    it to cost at most a third of the whole. Quality, not size, sets how many tokens the service spends on a picture,
    so this loses less detail than the scale tells. Without `cost` only what is too large is reduced.
    """
    width, height = picture_size
    area = _inside(bounds, picture_size)
    if whole:
        need = Box(0, 0, width, height)
    else:
        pad = max(math.ceil(context * math.hypot(area.width, area.height)), minimum_px)
        (x0, x1), (y0, y1) = _padded(area.x0, area.x1, pad, width), _padded(area.y0, area.y1, pad, height)
        need = Box(x0, y0, x1, y1)
    shapes = _native_shapes(need, picture_size, rules)
    if not len(shapes):
        shapes = _shapes(need, picture_size, rules)
    shape = shapes[np.argmin(_loss(shapes, need, picture_size, rules))]
    factor = _CHEAP_PRICE * max(1.0, area.width * area.height / (width * height) / _CHEAP_SHARE)
    if cost is not None and not whole and factor < 1 and width * height >= _LARGE_PICTURE * rules.min_pixels:
        full = plan_window(area, picture_size, whole=True, rules=rules)
        limit = factor * cost(full.width_px, full.height_px)
        if cost(*shape[:2].tolist()) > limit:
            shape = _best_within(limit, cost, need, picture_size, rules, otherwise=shape)
    return _window(shape, area, need, picture_size)


def plan_windows(
    boxes: Sequence[Box], picture_size: tuple[int, int], *, separate: bool | None = None, context: float = CONTEXT,
    minimum_px: int = MINIMUM_PX, rules: SizeRules = OPENAI_RULES, cost: Cost | None = None,
) -> list[Window]:
    """One window around all the islands of an area, or one window for each box in their order.

    `separate` decides; with None the cheaper is taken, by `cost` or else by the number of pixels sent, and one
    request if both are the same.
    """
    if not boxes:
        raise empty_area_error()

    def plan(box: Box) -> Window:
        return plan_window(box, picture_size, context=context, minimum_px=minimum_px, rules=rules, cost=cost)

    def price(windows: Iterable[Window]) -> float:
        return sum((cost or operator.mul)(*window.size) for window in windows)

    together = [plan(union([_inside(box, picture_size) for box in boxes]))]
    if len(boxes) == 1 or separate is False:
        return together
    each = [plan(box) for box in boxes]
    return each if separate or price(each) < price(together) else together


def empty_area_error() -> InputError:
    """What to raise where an area is needed and there is none."""
    return InputError("The area is empty", field="mask",
                      hint="Select an area inside the picture: drag a border, draw a lasso or paint a mask")


def _inside(box: Box, picture_size: tuple[int, int]) -> Box:
    """The part of a box in the picture. Raises InputError(field="mask") if there is none."""
    x0, y0, x1, y1 = box
    found = Box(max(x0, 0), max(y0, 0), min(x1, picture_size[0]), min(y1, picture_size[1]))
    if found.width <= 0 or found.height <= 0:
        raise empty_area_error()
    return found


def _padded(start: int, stop: int, pad: int, picture: int) -> tuple[int, int]:
    """Start and stop with context, on one axis.

    Context that is nearly all of the picture gives up some of it: a window that must hold the last pixel column has
    hardly a size to choose from without mirroring.
    """
    before, after = min(pad, start), min(pad, picture - stop)
    spare = stop - start + before + after - max(stop - start, int(_NEARLY_ALL * picture))
    if spare > 0:
        cut = round(spare * before / (before + after))
        before, after = before - cut, after - (spare - cut)
    return start - before, stop + after


def union(boxes: Sequence[Box]) -> Box:
    return Box(min(b.x0 for b in boxes), min(b.y0 for b in boxes), max(b.x1 for b in boxes), max(b.y1 for b in boxes))


@lru_cache(maxsize=8)
def _sizes(rules: SizeRules) -> np.ndarray:
    """All legal sizes, one a row: width, height, and the numbers of the reduced fraction width / height."""
    edges = np.arange(rules.step_px, rules.max_edge_px + 1, rules.step_px, dtype=np.int32)
    width, height = (grid.ravel() for grid in np.meshgrid(edges, edges))
    pixels = width * height
    legal = (
        (rules.min_pixels <= pixels) & (pixels <= rules.max_pixels)
        & (np.maximum(width, height) <= rules.max_ratio * np.minimum(width, height))
    )
    width, height = width[legal], height[legal]
    divisor = np.gcd(width, height)
    sizes = np.stack((width, height, width // divisor, height // divisor), axis=1)
    sizes.setflags(write=False)         # cached: whoever wrote into it would change the rules
    return sizes


def _native_shapes(need: Box, picture_size: tuple[int, int], rules: SizeRules) -> np.ndarray:
    """The windows that hold `need` at native scale and lie in the picture, as `_shapes` gives them."""
    sizes = _sizes(rules)[:, :2]
    found = sizes[((sizes >= (need.width, need.height)) & (sizes <= picture_size)).all(axis=1)]
    return np.hstack((found, found))


def _shapes(need: Box, picture_size: tuple[int, int], rules: SizeRules) -> np.ndarray:
    """All windows worth a look that hold `need`, one a row: request width and height, crop width and height.

    A crop of whole pixels has the request's shape exactly only if it is a multiple of the reduced fraction.
    """
    width, height, a, b = _sizes(rules).T
    native = width // a
    least = np.maximum(-(-need.width // a), -(-need.height // b))
    fitting = np.minimum(picture_size[0] // a, picture_size[1] // b)
    # At native scale, or reduced as little as will do; or, in a small picture, enlarged so that nothing is mirrored.
    times = np.maximum(least, native)
    smaller = np.maximum(least, np.minimum(native, fitting))
    other = smaller < times
    size, unit = _sizes(rules)[:, :2], _sizes(rules)[:, 2:]
    return np.concatenate((
        np.hstack((size, unit * times[:, None])), np.hstack((size[other], unit[other] * smaller[other, None]))))


def _loss(shapes: np.ndarray, need: Box, picture_size: tuple[int, int], rules: SizeRules) -> np.ndarray:
    """What each of `shapes` would lose; see the constants above."""
    width, height, crop_width, crop_height = shapes.T.astype(np.float64)
    scale = width / crop_width
    pixels = crop_width * crop_height
    mirrored = np.log(np.maximum(crop_width / picture_size[0], 1) * np.maximum(crop_height / picture_size[1], 1))
    excess = np.log(np.maximum(pixels / max(need.width * need.height, rules.min_pixels), 1))
    shape = np.abs(np.log(width / height * need.height / need.width))
    return (_SCALE_LOSS * np.abs(np.log(scale)) + _RESAMPLING_LOSS * (scale != 1)
            + _MIRROR_LOSS * mirrored + _MIRRORING_LOSS * (mirrored > 0)
            + _EXCESS_LOSS * excess + _SHAPE_LOSS * shape)


def _best_within(
    limit: float, cost: Cost, need: Box, picture_size: tuple[int, int], rules: SizeRules, otherwise: np.ndarray,
) -> np.ndarray:
    """The window that loses least among those that cost no more than `limit`."""
    shapes = _shapes(need, picture_size, rules)
    # A price takes microseconds, and there are tens of thousands of sizes: every second edge is near enough.
    shapes = shapes[(shapes[:, :2] % (2 * rules.step_px) == 0).all(axis=1)]
    ordered = shapes[np.argsort(_loss(shapes, need, picture_size, rules), kind="stable")]
    return next((shape for shape in ordered if cost(*shape[:2].tolist()) <= limit), otherwise)


def _window(shape: np.ndarray, area: Box, need: Box, picture_size: tuple[int, int]) -> Window:
    """The window of this shape around the area: in the middle of it as far as the picture's borders allow."""
    width, height, crop_width, crop_height = shape.tolist()
    x0 = _place(area.x0, area.x1, need.x0, need.x1, crop_width, picture_size[0])
    y0 = _place(area.y0, area.y1, need.y0, need.y1, crop_height, picture_size[1])
    return Window(Box(x0, y0, x0 + crop_width, y0 + crop_height), width, height, *picture_size)


def _place(area0: int, area1: int, need0: int, need1: int, length: int, picture: int) -> int:
    """Where a window of this length starts on one axis."""
    if length > picture:
        return -((length - picture) // 2)
    start = (area0 + area1 - length) // 2
    # All of what is needed, and nothing outside the picture.
    return min(max(start, need1 - length, 0), need0, picture - length)


# --- Pixels -----------------------------------------------------------------------------------------------


def reflect(start: int, stop: int, length: int) -> np.ndarray:
    """The indices of a picture's pixels that stand at start to stop when it is mirrored at its borders.

    The border is the pixel's outer edge, so that the outermost pixel is repeated: 1 0 0 1 2 2 1.
    """
    index = np.arange(start, stop) % (2 * length)
    return np.where(index < length, index, 2 * length - 1 - index)


def crop(picture: np.ndarray, window: Window) -> np.ndarray:
    """A copy of the window's pixels, (box.height, box.width, ...), mirrored outside the picture, at its own scale.

    `picture` is (h, w) or (h, w, channels) of any type, first row on top. It becomes the request by one resize to
    `window.size`.
    """
    _check_size(picture, window)
    box = window.box
    if window.visible == box:
        return picture[box.slices].copy()
    rows = picture[reflect(box.y0, box.y1, window.picture_height_px)]
    return np.ascontiguousarray(rows[:, reflect(box.x0, box.x1, window.picture_width_px)])


def restore(picture: np.ndarray, patch: np.ndarray, window: Window) -> np.ndarray:
    """A copy of the picture with the window's pixels put back; what is mirrored is left out.

    `patch` has the size of `crop(picture, window)`. No mask is regarded.
    """
    _check_size(picture, window)
    restored = picture.copy()
    restored[window.visible.slices] = patch[window.visible_in_crop.slices]
    return restored


def _check_size(picture: np.ndarray, window: Window) -> None:
    height, width = picture.shape[:2]
    if (width, height) != (window.picture_width_px, window.picture_height_px):
        raise ValueError(f"the window is for a picture of {window.picture_width_px}x{window.picture_height_px} pixels, "
                         f"this one has {width}x{height}")
