# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Areas of a picture as masks: float32 arrays (height, width), 1 = change, 0 = keep, between = partly.

The first row is the top one, and points are in pixels from the top left corner, pixel (0, 0) covering 0 to 1. Only
`from_border` and `from_fractions` take Blender's fractions, whose origin is at the bottom left. `size` is (width,
height). What is above 0 belongs to the area. No function writes into its arguments.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core.errors import InputError
from ..core.regions import Box, empty_area_error
from .color import LUMINANCE_LINEAR

__all__ = (
    "add", "bounds", "feather", "from_alpha", "from_border", "from_fractions", "from_image",
    "from_polygon", "from_strokes", "from_triangles", "grow", "intersect", "invert", "islands", "label", "pixels",
    "require_bounds", "share", "subtract", "to_alpha_mask",
)

_LINES = 16             # scan lines a pixel row in a polygon; along a line the coverage is exact
_TOUCH = 1e-3            # pixels that count for nothing: coordinates are not exact
_LINES_AT_ONCE = 1 << 20


# --- Making -----------------------------------------------------------------------------------------------


def from_border(x0: float, y0: float, x1: float, y1: float, size: tuple[int, int]) -> np.ndarray:
    """The mask of a render border: fractions of the picture, origin bottom left, as in the scene's render settings.

    Whole pixels, exactly those that Blender renders: it multiplies in single precision and cuts off the rest.
    A border thinner than a pixel can therefore be empty.
    """
    width, height = size
    left, bottom, right, top = (
        int(np.float32(min(max(edge, 0.0), 1.0)) * np.float32(length))
        for edge, length in ((x0, width), (y0, height), (x1, width), (y1, height))
    )
    mask = np.zeros((height, width), np.float32)
    mask[height - max(bottom, top):height - min(bottom, top), min(left, right):max(left, right)] = 1
    return mask


def from_fractions(points: Sequence[Sequence[float]] | np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Points as fractions of the picture, origin bottom left, in pixels from the top left: for the functions below."""
    found = _points(points)
    return np.stack((found[:, 0] * size[0], (1 - found[:, 1]) * size[1]), axis=1)


def from_polygon(points: Sequence[Sequence[float]] | np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The mask of a polygon or lasso, its edges smoothed; the last point is joined to the first.

    Where the outline crosses itself, all it goes around counts (the nonzero rule): a lasso has no holes by accident.
    """
    width, height = size
    mask = np.zeros((height, width), np.float32)
    start = _points(points)
    if len(start) < 3:
        return mask
    stop = np.roll(start, -1, axis=0)
    # Scan lines lie at (line + 0.5) / _LINES. Each edge crosses those from `first` up to `last`, excluded.
    lines = np.stack((start[:, 1], stop[:, 1]))
    top = np.clip(np.ceil(lines.min(axis=0) * _LINES - 0.5), 0, height * _LINES).astype(np.int64)
    bottom = np.clip(np.ceil(lines.max(axis=0) * _LINES - 0.5), 0, height * _LINES).astype(np.int64)
    counts = bottom - top
    if not counts.any():
        return mask
    edge = np.repeat(np.arange(len(start)), counts)
    line = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + top[edge]
    (ax, ay), (bx, by) = start[edge].T, stop[edge].T
    x = np.clip(ax + ((line + 0.5) / _LINES - ay) * (bx - ax) / (by - ay), 0, width)
    direction = np.where(by > ay, 1, -1)
    order = np.lexsort((x, line))
    x, row, direction = x[order], line[order] // _LINES, direction[order]
    # An outline that is closed crosses each line as often down as up: the sum is 0 again at each line's end.
    after = np.cumsum(direction)
    before = after - direction
    sign = np.where(before == 0, 1.0, 0.0) - np.where(after == 0, 1.0, 0.0)
    # What starts at x covers the rest of its own pixel and all pixels to the right; what ends takes that away.
    used = sign != 0
    x, row, sign = x[used], row[used], sign[used]
    column = x.astype(np.int64)
    part = x - column
    first, rows = int(row[0]), int(row[-1] - row[0]) + 1        # sorted by line
    flat = (row - first) * (width + 2) + column
    steps = np.bincount(flat, sign * (1 - part), rows * (width + 2))
    steps += np.bincount(flat + 1, sign * part, rows * (width + 2))
    covered = np.cumsum(steps.reshape(rows, width + 2), axis=1)[:, :width] / _LINES
    covered[covered < 1e-9] = 0                                 # left over from adding and taking away
    mask[first:first + rows] = np.minimum(covered, 1)
    return mask


def from_strokes(
    strokes: Sequence[Sequence[Sequence[float]] | np.ndarray], width_px: float, size: tuple[int, int],
) -> np.ndarray:
    """The mask of painted lines with round ends, smoothed at their edges. A stroke of one point is a dot."""
    width, height = size
    mask = np.zeros((height, width), np.float32)
    radius = width_px / 2
    for stroke in strokes:
        points = _points(stroke)
        for a, b in zip(points, points[1:] if len(points) > 1 else points, strict=False):
            # Short pieces: each looks only at the pixels of its own box.
            pieces = max(1, int(np.ceil(np.hypot(*(b - a)) / max(64.0, 2 * radius))))
            knots = a + (b - a) * np.linspace(0, 1, pieces + 1)[:, None]
            for start, stop in zip(knots, knots[1:], strict=False):
                _draw_piece(mask, start, stop, radius)
    return mask


def _draw_piece(mask: np.ndarray, start: np.ndarray, stop: np.ndarray, radius: float) -> None:
    height, width = mask.shape
    low = np.floor(np.minimum(start, stop) - radius - 1)
    high = np.ceil(np.maximum(start, stop) + radius + 1)
    (x0, x1), (y0, y1) = (
        np.clip((low[axis], high[axis]), 0, length).astype(int) for axis, length in ((0, width), (1, height)))
    if x0 >= x1 or y0 >= y1:
        return
    x, y = np.arange(x0, x1) + 0.5 - start[0], np.arange(y0, y1)[:, None] + 0.5 - start[1]
    dx, dy = stop - start
    along = np.clip((x * dx + y * dy) / max(dx * dx + dy * dy, 1e-12), 0, 1)
    covered = np.clip(radius + 0.5 - np.hypot(x - along * dx, y - along * dy), 0, 1)
    part = mask[y0:y1, x0:x1]
    np.maximum(part, covered, out=part, casting="same_kind")


def from_triangles(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The mask of all pixels that one of the triangles touches, whole ones: what a texture needs of its faces.

    `points` is (n, 3, 2). What lies beyond an edge of the picture comes in again at the other side, as textures
    repeat. A triangle without area touches the pixels that it lies on.
    """
    width, height = size
    corners = np.asarray(points, np.float64).reshape(-1, 3, 2)
    if not np.isfinite(corners).all():
        raise InputError("A triangle has no place", field="mask", hint="Unwrap the faces again")
    if _has_disc(corners, np.hypot(width, height)).any():
        return np.ones((height, width), np.float32)
    # Along each line of pixels that a triangle touches, what lies between its sides: one from its first corner to its
    # last, the other over the corner between them.
    corners = np.take_along_axis(corners, np.argsort(corners[..., 1], axis=1)[..., None], axis=1)
    (top_x, top_y), (middle_x, middle_y), (end_x, end_y) = corners.transpose(1, 2, 0)
    is_flat = top_y == end_y                    # then the two sides are the two ways along it
    top_x = np.where(is_flat, corners[..., 0].min(axis=1), top_x)
    middle_x = np.where(is_flat, corners[..., 0].max(axis=1), middle_x)
    first, last = _touched(top_y, end_y)
    shape = (top_x, top_y, middle_x, middle_y, end_y, _slope(end_x - top_x, end_y - top_y),
             _slope(middle_x - top_x, middle_y - top_y), _slope(end_x - middle_x, end_y - middle_y))
    steps = np.zeros((height, width + 1), np.int32)
    ends = np.cumsum(last - first)
    start = 0
    while start < len(corners):
        stop = max(start + 1, int(np.searchsorted(ends, (ends[start - 1] if start else 0) + _LINES_AT_ONCE)))
        part = slice(start, stop)
        lines = (last - first)[part]
        row = np.arange(lines.sum()) + np.repeat(first[part] - (np.cumsum(lines) - lines), lines)
        left, right = _touched(*_reach_in_lines(row, *(np.repeat(each[part], lines) for each in shape)))
        # A span that goes over the right edge goes on at the left one.
        right = np.minimum(right - left, width) + left % width
        left, row = left % width, row % height
        over = right > width
        np.add.at(steps, (row, left), 1)
        np.add.at(steps, (row, np.minimum(right, width)), -1)
        np.add.at(steps, (row[over], 0), 1)
        np.add.at(steps, (row[over], right[over] - width), -1)
        start = stop
    np.cumsum(steps, axis=1, out=steps)
    return (steps[:, :width] > 0).astype(np.float32)


def _touched(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first pixel of each stretch, and the one after its last. Touching a pixel's side does not count."""
    first, last = np.floor(low + _TOUCH), np.ceil(high - _TOUCH)
    first = np.where(last > first, first, np.floor((low + high) / 2))
    return first.astype(np.int64), np.maximum(last, first + 1).astype(np.int64)


def _has_disc(corners: np.ndarray, radius: float) -> np.ndarray:
    """Whether a disc fits into each triangle."""
    sides = corners - np.roll(corners, 1, axis=1)
    area = np.abs(sides[:, 0, 0] * sides[:, 1, 1] - sides[:, 0, 1] * sides[:, 1, 0]) / 2
    return 2 * area > radius * np.hypot(sides[..., 0], sides[..., 1]).sum(axis=1)


def _slope(run: np.ndarray, rise: np.ndarray) -> np.ndarray:
    return np.divide(run, rise, out=np.zeros_like(rise), where=rise > 0)


def _reach_in_lines(
    row: np.ndarray, top_x: np.ndarray, top_y: np.ndarray, middle_x: np.ndarray, middle_y: np.ndarray, end_y: np.ndarray,
    slope: np.ndarray, upper_slope: np.ndarray, lower_slope: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """The least and the largest x of each triangle between `row` and the next."""
    left = right = None
    for y in (np.maximum(row, top_y), np.minimum(row + 1, end_y)):
        straight = top_x + (y - top_y) * slope
        bent = np.where(y < middle_y, top_x + (y - top_y) * upper_slope, middle_x + (y - middle_y) * lower_slope)
        low, high = np.minimum(straight, bent), np.maximum(straight, bent)
        left, right = (low, high) if left is None else (np.minimum(left, low), np.maximum(right, high))
    has_corner = (middle_y > row) & (middle_y < row + 1)
    return np.minimum(left, middle_x, where=has_corner, out=left), np.maximum(right, middle_x, where=has_corner, out=right)


def from_image(image: np.ndarray) -> np.ndarray:
    """The mask of a picture, white = change, by its luma as it is displayed; alpha is not regarded.

    `image` is (h, w) or (h, w, 1 to 4): whole numbers of any depth, or floats from 0 to 1.
    """
    image = np.asarray(image)
    if image.ndim == 2:
        return _unit(image)
    if image.shape[2] < 3:
        return _unit(image[..., 0])
    # Each channel by itself: whole pictures are large.
    return np.minimum(sum(np.float32(part) * _unit(image[..., i]) for i, part in enumerate(LUMINANCE_LINEAR)), 1, dtype=np.float32)


def from_alpha(image: np.ndarray) -> np.ndarray:
    """The mask of a picture's alpha, opaque = change. `image` is (h, w, 2) or (h, w, 4), alpha last."""
    image = np.asarray(image)
    if image.ndim != 3 or image.shape[2] not in (2, 4):
        raise InputError("The picture has no alpha", field="mask", hint="Use a picture with alpha, or its brightness")
    return _unit(image[..., -1])


def _unit(channel: np.ndarray) -> np.ndarray:
    """A channel as float32 from 0 to 1."""
    if channel.dtype == bool:
        return channel.astype(np.float32)
    if np.issubdtype(channel.dtype, np.integer):
        return channel.astype(np.float32) / np.float32(np.iinfo(channel.dtype).max)
    return np.clip(np.nan_to_num(channel.astype(np.float32)), 0, 1)


def _points(points: Sequence[Sequence[float]] | np.ndarray) -> np.ndarray:
    found = np.asarray(points, np.float64)
    if found.size == 0:
        return np.zeros((0, 2))
    if found.ndim != 2 or found.shape[1] != 2 or not np.isfinite(found).all():
        raise InputError("The outline is not a list of points", field="mask", hint="Give each point as [x, y]")
    return found


# --- Combining --------------------------------------------------------------------------------------------


def add(mask: np.ndarray, other: np.ndarray) -> np.ndarray:
    """What is in one of the two."""
    _same_size(mask, other)
    return np.maximum(mask, other)


def subtract(mask: np.ndarray, other: np.ndarray) -> np.ndarray:
    """What is in the first and not in the second."""
    _same_size(mask, other)
    return np.minimum(mask, invert(other))


def intersect(mask: np.ndarray, other: np.ndarray) -> np.ndarray:
    """What is in both."""
    _same_size(mask, other)
    return np.minimum(mask, other)


def invert(mask: np.ndarray) -> np.ndarray:
    """What is not in the mask."""
    return np.float32(1) - mask


def _same_size(mask: np.ndarray, other: np.ndarray) -> None:
    if mask.shape != other.shape:
        (height, width), (other_height, other_width) = mask.shape, other.shape
        raise InputError(f"The masks have different sizes: {width}x{height} and {other_width}x{other_height} pixels",
                         field="mask", hint="Both must have the picture's size")


# --- Growing and feathering -------------------------------------------------------------------------------


def grow(mask: np.ndarray, px: float) -> np.ndarray:
    """The mask with all that lies within `px` of it (Euclidean, between pixel centers); with `px` below 0, shrunk.

    What is at least half covered counts as in; the new edge is sharp, and the old values stay where they are larger
    (smaller, if shrunk). At the picture's borders nothing shrinks: there is nothing outside to keep.
    """
    if px >= 0:
        return np.maximum(mask, _reach(mask >= 0.5, px))
    return np.minimum(mask, ~_reach(mask < 0.5, -px), dtype=np.float32)


def _reach(inside: np.ndarray, px: float) -> np.ndarray:
    """Where a pixel of `inside` lies within `px`, as bool."""
    found = np.zeros(inside.shape, bool)
    box = bounds(inside)
    if box is None:
        return found
    height, width = inside.shape
    radius = int(px)
    rows = slice(max(box.y0 - radius, 0), min(box.y1 + radius, height))
    columns = slice(max(box.x0 - radius, 0), min(box.x1 + radius, width))
    vertical = _vertical_distance(inside[rows, columns], radius)
    # A pixel whose column holds an inside pixel g rows away reaches sqrt(px² - g²) to both sides. The union of all
    # these spans of a row needs no loop over the radius: only the farthest end so far, from the left and the right.
    far = np.int32(-(1 << 20))
    squares = np.maximum(px * px - np.arange(radius + 1, dtype=np.float64) ** 2, 0)
    reach = np.append(np.floor(np.sqrt(squares)).astype(np.int32), far)[vertical]
    x = np.arange(reach.shape[1], dtype=np.int32)
    right = np.maximum.accumulate(x + reach, axis=1) >= x
    left = np.minimum.accumulate((x - reach)[:, ::-1], axis=1)[:, ::-1] <= x
    found[rows, columns] = right | left
    return found


def _vertical_distance(inside: np.ndarray, limit: int) -> np.ndarray:
    """Rows to the nearest inside pixel of the same column, from 0 to `limit`; `limit` + 1 where it is farther."""
    height = len(inside)
    distance = np.where(inside, np.int32(0), np.int32(limit + 1))
    for y in range(1, height):
        np.minimum(distance[y], distance[y - 1] + 1, out=distance[y])
    for y in range(height - 2, -1, -1):
        np.minimum(distance[y], distance[y + 1] + 1, out=distance[y])
    return distance


def feather(mask: np.ndarray, px: float) -> np.ndarray:
    """The mask with a soft edge of `px` pixels, all of it inside: values are lowered, and none becomes 0 or rises.

    The weight goes smoothly from 0 at the edge to 1 at `px` from it. At the picture's borders there is no edge.
    """
    box = bounds(mask)
    if px <= 0 or box is None:
        return mask.copy()
    radius = int(np.ceil(px + 0.5))
    height, width = mask.shape
    part = (slice(max(box.y0 - 1, 0), min(box.y1 + 1, height)), slice(max(box.x0 - 1, 0), min(box.x1 + 1, width)))
    squares = _squared_distance(mask[part] <= 0, radius)
    # By a table: there are few different squared distances. The edge is half a pixel before the first pixel center.
    depth = np.clip((np.sqrt(np.arange(int(squares.max()) + 1)) - 0.5) / px, 0, 1)
    weight = (depth * depth * (3 - 2 * depth)).astype(np.float32)
    feathered = mask.copy()
    feathered[part] *= weight[squares]
    return feathered


def _squared_distance(outside: np.ndarray, limit: int) -> np.ndarray:
    """The squared distance to the nearest outside pixel, exact up to `limit`, something larger beyond."""
    kind = np.uint16 if 2 * (limit + 1) ** 2 < 1 << 16 else np.int32
    squares = _vertical_distance(outside, limit).astype(kind)
    squares *= squares
    found = np.empty_like(squares)
    # A few rows at a time stay in the processor's cache during all the shifts.
    rows = max(1, 65536 // squares.shape[1])
    for y in range(0, len(squares), rows):
        block, best = squares[y:y + rows], found[y:y + rows]
        best[...] = block
        lowest = int(block.min())
        shifted = np.empty_like(block)
        for dx in range(1, min(limit, block.shape[1] - 1) + 1):
            if dx * dx + lowest >= best.max():
                break                   # no shift from here on can be nearer
            np.add(block, kind(dx * dx), out=shifted)
            np.minimum(best[:, dx:], shifted[:, :-dx], out=best[:, dx:])
            np.minimum(best[:, :-dx], shifted[:, dx:], out=best[:, :-dx])
    return found


# --- Measuring --------------------------------------------------------------------------------------------


def bounds(mask: np.ndarray) -> Box | None:
    """The box around all that is above 0, or None."""
    inside = mask > 0
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1) if len(rows) else None


def require_bounds(mask: np.ndarray) -> Box:
    """The box around all that is above 0. Raises InputError(field="mask") for an empty mask."""
    box = bounds(mask)
    if box is None:
        raise empty_area_error()
    return box


def pixels(mask: np.ndarray) -> int:
    """How many pixels may change."""
    return int(np.count_nonzero(mask > 0))


def share(mask: np.ndarray) -> float:
    """Which share of the picture may change, from 0 to 1."""
    return pixels(mask) / mask.size


def islands(mask: np.ndarray, gap_px: float = 0) -> list[Box]:
    """The boxes of the mask's islands, the topmost first. Pieces that touch, or lie within `gap_px`, are one."""
    return label(mask, gap_px)[1]


def label(mask: np.ndarray, gap_px: float = 0) -> tuple[np.ndarray, list[Box]]:
    """For each pixel the number of its island, from 1, or 0 outside (int32), and the islands' boxes in that order.

    Pixels touch at sides and corners. `gap_px` is met to a pixel.
    """
    inside = mask > 0
    joined = _reach(inside, gap_px / 2) if gap_px >= 2 else inside
    row, start, stop = _runs(joined)
    root = _join(len(row), *_touching(row, start, stop, mask.shape[1]))
    numbers = np.zeros(mask.shape, np.int32)
    _, number = np.unique(root, return_inverse=True)        # a root is its island's first run: topmost first
    numbers[joined] = np.repeat(number + 1, stop - start)
    if joined is not inside:
        numbers[~inside] = 0
        row, start, stop = _runs(inside)
    if not len(row):
        return numbers, []
    owner = numbers[row, start]
    order = np.argsort(owner, kind="stable")
    row, start, stop = row[order], start[order], stop[order]
    first = np.flatnonzero(np.diff(owner[order], prepend=0))
    edges = (np.minimum.reduceat(start, first), np.minimum.reduceat(row, first),
             np.maximum.reduceat(stop, first), np.maximum.reduceat(row, first) + 1)
    return numbers, [Box(*box) for box in np.stack(edges, axis=1).tolist()]


def _runs(inside: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row, first column and column after the last of all horizontal runs, in reading order."""
    height, width = inside.shape
    padded = np.zeros((height, width + 2), bool)
    padded[:, 1:-1] = inside
    change = np.flatnonzero(padded[:, 1:] != padded[:, :-1])
    row, start = np.divmod(change[::2], width + 1)
    return row, start, change[1::2] % (width + 1)


def _touching(row: np.ndarray, start: np.ndarray, stop: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of runs in rows one below the other that touch, also by a corner."""
    below = (row + 1) * (width + 2)
    first = np.searchsorted(row * (width + 2) + stop, below + start, side="left")
    counts = np.maximum(np.searchsorted(row * (width + 2) + start, below + stop, side="right") - first, 0)
    upper = np.repeat(np.arange(len(row)), counts)
    lower = np.arange(len(upper)) - np.repeat(np.cumsum(counts) - counts, counts) + first[upper]
    return upper, lower


def _join(count: int, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """For each of `count` things the smallest of those it is connected to by the pairs a, b."""
    root = np.arange(count)
    while len(a):
        low, high = np.minimum(root[a], root[b]), np.maximum(root[a], root[b])
        a, b = low[low != high], high[low != high]
        order = np.argsort(-a, kind="stable")       # of several values for one place the last, smallest, stays
        root[b[order]] = a[order]
        while (shorter := root[root] != root).any():
            root[shorter] = root[root[shorter]]
    return root


# --- Sending ----------------------------------------------------------------------------------------------


def to_alpha_mask(mask: np.ndarray) -> np.ndarray:
    """The mask as RGBA bytes (h, w, 4) that each service understands: edit = transparent white, keep = opaque black.

    OpenAI reads alpha (0 = edit), some compatible servers the brightness (white = edit). All that may change at
    all is given free: soft edges are the business of the blend. Raises InputError(field="mask") for an empty mask.
    """
    edit = mask > 0
    if not edit.any():
        raise empty_area_error()
    rgba = np.empty((*mask.shape, 4), np.uint8)
    rgba[..., :3] = np.where(edit, np.uint8(255), np.uint8(0))[..., None]
    rgba[..., 3] = np.where(edit, np.uint8(0), np.uint8(255))
    return rgba
