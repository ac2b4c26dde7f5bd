# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The form of a surface: a height guessed from its color, normals of a height and back, how open to the sky it lies.

Rows run down the picture, Y of normals up. `wrap` is (x, y): the axes on which the picture goes on at the other side;
on the others it is mirrored. All filters work at the picture's own size and with the same steps at each pixel, so what
is made of a rolled picture is what was made of the picture, rolled.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..core.errors import InputError
from .color import LUMINANCE_LINEAR, linear_from_display

__all__ = (
    "Surface", "Wrap", "ambient_occlusion", "binomial", "decode_normal", "derive_height", "encode_normal", "gradients",
    "height_from_normal", "linear_channel", "linear_of", "luminance", "map_float", "normal_from_height", "padded", "rgb_of", "slopes_of",
    "surface_of",
)

Wrap = tuple[bool, bool]

_FULL = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}
_LINES = 64                 # at a time: few enough to stay in the cache


# --- Arrays -----------------------------------------------------------------------------------------------

def rgb_of(rgb_display: np.ndarray) -> np.ndarray:
    """The picture as it is. InputError if it is no uint8, uint16 or float32 (h, w, 3 or 4)."""
    if rgb_display.ndim != 3 or rgb_display.shape[2] not in (3, 4) or 0 in rgb_display.shape:
        raise InputError("A color map must be a picture with three or four channels", field="rgb",
                         hint="Convert the picture to RGB or RGBA")
    if rgb_display.dtype not in _FULL and rgb_display.dtype != np.float32:
        raise InputError(f"A color map cannot hold {rgb_display.dtype} values", field="rgb",
                         hint="Use 8 bits, 16 bits or 32-bit floats")
    return rgb_display


def map_float(values: np.ndarray) -> np.ndarray:
    """float32 0..1 of uint8 or uint16; floats as they are."""
    full = _FULL.get(values.dtype)
    return values.astype(np.float32, copy=False) if full is None else values * np.float32(1 / full)


def linear_channel(rgb_display: np.ndarray, channel: int) -> np.ndarray:
    """float32 (h, w) linear 0..1 of one channel of a display-referred picture."""
    return linear_of(rgb_display[..., channel])


def linear_of(values_display: np.ndarray) -> np.ndarray:
    """float32 linear 0..1 of display values of any shape: uint8, uint16 or float32."""
    full = _FULL.get(values_display.dtype)
    if full is None:
        values = np.clip(np.nan_to_num(values_display, posinf=1.0, neginf=0.0), 0, 1)
        return linear_from_display(values[..., None])[..., 0]
    out = np.empty(values_display.shape, np.float32)
    table = _linear_table(full)
    for start in range(0, len(out), _LINES):
        out[start:start + _LINES] = table.take(values_display[start:start + _LINES], mode="clip")
    return out


def _linear_table(full: int) -> np.ndarray:
    return linear_from_display(np.arange(full + 1, dtype=np.float32)[:, None] / np.float32(full))[:, 0]


def luminance(rgb_display: np.ndarray) -> np.ndarray:
    """float32 (h, w): linear Rec.709 luminance, 0..1, of a display-referred picture."""
    full = _FULL.get(rgb_display.dtype)
    tables = None if full is None else [_linear_table(full) * weight for weight in LUMINANCE_LINEAR]
    out = np.empty(rgb_display.shape[:2], np.float32)
    for start in range(0, len(out), _LINES):
        part = rgb_display[start:start + _LINES]
        red, green, blue = (
            linear_channel(part, channel) * LUMINANCE_LINEAR[channel] if tables is None else tables[channel].take(part[..., channel], mode="clip")
            for channel in range(3))
        red += green
        np.add(red, blue, out=out[start:start + _LINES])
    return out


def padded(values: np.ndarray, reach: int | tuple[int, int], wrap: Wrap, *, odd: bool = False) -> np.ndarray:
    """The picture with so many pixels more on each side (rows, columns): wrapped, or mirrored about the outermost pixel.

    With `odd` what is mirrored is turned upside down as well, so that a ramp goes on as a ramp.
    """
    rows, columns = (reach, reach) if isinstance(reach, int) else reach
    out = np.empty((values.shape[0] + 2 * rows, values.shape[1] + 2 * columns), values.dtype)
    height, width = values.shape
    out[rows:rows + height, columns:columns + width] = values
    for side, count, cyclic, lines in ((rows, height, wrap[1], out[:, columns:columns + width]),
                                       (columns, width, wrap[0], out.T)):
        if side:
            beyond = np.concatenate((np.arange(-side, 0), np.arange(count, count + side)))
            inner = lines[side:side + count]
            period = 2 * (count - 1) or 1
            near = beyond % count if cyclic else np.abs((beyond + count - 1) % period - (count - 1))
            found = inner[near]
            if odd and not cyclic:
                edge = np.where(beyond[:, None] < 0, inner[:1], inner[-1:])
                found = 2 * edge - found
            lines[:side], lines[side + count:] = found[:side], found[side:]
    return out


def binomial(values: np.ndarray, holes: tuple[int, ...], wrap: Wrap) -> np.ndarray:
    """Smoothed by weights 1 2 1, so many pixels apart, on both axes, one hole after the other. float32 (h, w).

    Holes of 1, 2, 4 .. n together are the triangle of half width 2 n.
    """
    reach = sum(holes)
    wide = padded(values, reach, wrap)
    out = np.empty(values.shape, np.float32)
    for start in range(0, len(out), _LINES):
        part = wide[start:start + _LINES + 2 * reach]
        for hole in holes:
            for _ in (0, 1):
                part = part[:-hole] + part[hole:]
            for _ in (0, 1):
                part = part[:, :-hole] + part[:, hole:]
        np.multiply(part, np.float32(16.0 ** -len(holes)), out=out[start:start + _LINES])
    return out


# --- Height -----------------------------------------------------------------------------------------------

_DARKEST = 0.03             # linear: what is darker is as deep as that
_WIDEST = 64                # the longer side to the radius of the largest forms that are told from light and albedo
_GROWTH = 0.5               # the power of its width that a form's height grows with
_BRIGHT = 0.5               # how much a bright speck says of height, against a dark crack of depth
_CUT = 0.004                # of the pixels at each end, beyond which height is clipped
_MARGIN = 0.01              # of the range on each side, so that a flat top is not at its very end
_LEAST = 0.03               # in log luminance: what spans less is not blown up to the whole range


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """What is read from the color once: float32 (h, w) height 0..1, and the range of log luminance around a pixel."""

    height: np.ndarray
    grain: np.ndarray


def derive_height(rgb: np.ndarray, *, wrap: Wrap) -> np.ndarray:
    """Height 0..1, float32 (h, w), of a display-referred color map (h, w, 3 or 4), uint8, uint16 or float32.

    Dark is deep, but only against what lies near: closings and openings of the log luminance at growing radii fill dark
    and cut bright forms that are narrower, and leave slow light and the steps between two albedos as they are. What they
    changed, radius by radius, is summed from coarse to fine, smoothed and weighted by size. At most 0.4 % of the pixels are
    clipped at each end.

    Sources: Glencross and others, "A perceptually validated model for surface depth hallucination", 2008 (dark is deep,
    by scale); Serra, "Image analysis and mathematical morphology", 1982 (top hats).
    """
    return surface_of(rgb, wrap=wrap).height


def surface_of(rgb: np.ndarray, *, wrap: Wrap, jointed: bool = False) -> Surface:
    """`derive_height` and what it finds on the way.

    With `jointed`, as of bricks and tiles, narrow forms are joints: where most of them are bright, bright ones are deep.
    """
    tone = luminance(rgb_of(rgb))
    tone += np.float32(_DARKEST)
    np.log(tone, out=tone)
    low, high = math.log(_DARKEST), math.log(1 + _DARKEST)
    tone -= np.float32(low)
    tone *= np.float32(65535 / (high - low))
    tone += np.float32(0.5)
    codes = tone.astype(np.uint16)
    del tone
    unit = (high - low) / 65535
    radii = [max(1, round(max(codes.shape) / _WIDEST))]
    while radii[0] >= 4:
        radii.insert(0, radii[0] // 4)
    bands = _bands(codes, radii, wrap)
    grain = np.add(*bands[0], dtype=np.float32)
    grain *= np.float32(unit)
    bright, dark = _BRIGHT, -1.0
    if jointed and np.less(*(sum(int(band[k].sum(dtype=np.int64)) for band in bands[1:] or bands) for k in (1, 0))):
        bright, dark = -1.0, -_BRIGHT
    total = np.zeros(codes.shape, np.float32)
    while bands:
        radius = radii[len(bands) - 1]
        weight = unit * (radius / radii[-1]) ** _GROWTH
        cut, filled = bands.pop()
        for start in range(0, len(total), _LINES):
            strip = slice(start, start + _LINES)
            for band, share in ((cut, bright), (filled, dark)):
                total[strip] += np.multiply(band[strip], np.float32(share * weight), dtype=np.float32)
        total = binomial(total, tuple(2 ** k for k in range(16, -1, -1) if radius / 32 < 2 ** k <= radius / 8), wrap)
    # Single pixels are noise, and a color that does not quite tile has its step between two.
    total = binomial(total, (1,), wrap)
    return Surface(_spanned(total), binomial(grain, (1, 2, 4), wrap))


def _bands(codes: np.ndarray, radii: list[int], wrap: Wrap) -> list[tuple[np.ndarray, np.ndarray]]:
    """Of each radius, fine to coarse: how much of what is bright it alone cuts off, and of what is dark it fills. uint16."""
    reach = 2 * radii[-1]
    largest = smallest = padded(codes, reach, wrap)
    closed = opened = codes
    bands = []
    before = 0
    for radius in radii:
        largest = _extreme(np.maximum, largest, radius - before)
        smallest = _extreme(np.minimum, smallest, radius - before)
        spare = reach - 2 * radius              # beyond what the second step needs
        inner = slice(spare, -spare or None)
        filled = _extreme(np.minimum, largest[inner, inner], radius)
        cut = _extreme(np.maximum, smallest[inner, inner], radius)
        bands.append((opened - cut, filled - closed))           # neither is ever negative
        closed, opened, before = filled, cut, radius
    return bands


def _extreme(of: np.ufunc, values: np.ndarray, radius: int) -> np.ndarray:
    """Largest or smallest of the square around each pixel that lies so far from the edge; by doubling."""
    out = np.empty((values.shape[0] - 2 * radius, values.shape[1] - 2 * radius), values.dtype)
    lines = max(_LINES, 2 * radius)
    for start in range(0, len(out), lines):
        part = values[start:start + lines + 2 * radius]
        for axis in (0, 1):
            have, wanted = 1, 2 * radius + 1
            while have < wanted:
                step = min(have, wanted - have)
                part = of(part[:-step], part[step:]) if axis == 0 else of(part[:, :-step], part[:, step:])
                have += step
        out[start:start + lines] = part
    return out


def _spanned(values: np.ndarray) -> np.ndarray:
    """In place: 0..1, at most `_CUT` of the pixels clipped at each end."""
    least, most = float(values.min()), float(values.max())
    if most - least < 1e-9:
        values[...] = 0.5
        return values
    values -= np.float32(least)
    counts = np.zeros(65536, np.intp)
    for start in range(0, len(values), _LINES):
        fine = values[start:start + _LINES] * np.float32(65535 / (most - least))
        counts += np.bincount(fine.astype(np.uint16).ravel(), minlength=65536)
    counts = counts.cumsum()
    low, high = (float(np.searchsorted(counts, share * values.size)) * (most - least) / 65535 for share in (_CUT, 1 - _CUT))
    span = max(high - low, _LEAST)
    middle = (low + high) / 2
    scale = (1 - 2 * _MARGIN) / span
    values *= np.float32(scale)
    values += np.float32(0.5 - middle * scale)
    return np.clip(values, 0, 1, out=values)


# --- Normals ----------------------------------------------------------------------------------------------

_SLOPE = (45 / 60, -9 / 60, 1 / 60)     # the derivative of order six: 0.2 % low at a wavelength of 8 pixels
_REACH = len(_SLOPE)
_FLATTEST = 1e-3                        # of a normal's Z: steeper ones are taken as that steep


def _steepness(height: np.ndarray, relief_m: float, width_m: float) -> float:
    """How many pixels high the whole relief is. InputError for what is no height or no size."""
    if height.ndim != 2 or 0 in height.shape:
        raise InputError("A height must be a picture with one channel", field="height", hint="Use one channel of it")
    if not (math.isfinite(relief_m) and relief_m >= 0):
        raise InputError("The relief must be zero or more metres", field="relief_m", hint="Enter the surface's depth")
    if not (math.isfinite(width_m) and width_m > 0):
        raise InputError("The width must be more than zero metres", field="width_m", hint="Enter the texture's real width")
    return relief_m * height.shape[1] / width_m


def _strip_gradients(wide: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """d/dx and d/drow, times `scale`, of the inside of rows with `_REACH` pixels more on each side."""
    inner = wide[_REACH:-_REACH]
    x = y = None
    for k, weight in enumerate(_SLOPE, 1):
        part_x = inner[:, _REACH + k:inner.shape[1] - _REACH + k] - inner[:, _REACH - k:-_REACH - k]
        part_y = (wide[_REACH + k:len(wide) - _REACH + k] - wide[_REACH - k:-_REACH - k])[:, _REACH:-_REACH]
        part_x *= np.float32(weight * scale)
        part_y = part_y * np.float32(weight * scale)
        x, y = (part_x, part_y) if x is None else (x.__iadd__(part_x), y.__iadd__(part_y))
    assert x is not None and y is not None
    return x, y


def gradients(values: np.ndarray, wrap: Wrap) -> tuple[np.ndarray, np.ndarray]:
    """d/dx and d/drow per pixel, float32 (h, w), by the stencil of the normals."""
    return _strip_gradients(padded(values.astype(np.float32, copy=False), _REACH, wrap, odd=True), 1.0)


def normal_from_height(height: np.ndarray, *, relief_m: float, width_m: float, wrap: Wrap) -> np.ndarray:
    """Unit normals, float32 (h, w, 3), OpenGL (+Y up), of a height 0..1 (h, w) that means 0..`relief_m` metres.

    The picture is `width_m` metres wide, its pixels are square. Slopes by central differences of order six; where the
    picture does not wrap it goes on as steep as it ends.
    """
    steep = _steepness(height, relief_m, width_m)
    wide = padded(height.astype(np.float32, copy=False), _REACH, wrap, odd=True)
    out = np.empty((*height.shape, 3), np.float32)
    for start in range(0, len(height), _LINES):
        stop = min(start + _LINES, len(height))
        _unit(*_strip_gradients(wide[start:stop + 2 * _REACH], steep), out[start:stop])
    return out


def _unit(x: np.ndarray, y: np.ndarray, out: np.ndarray) -> None:
    """Write the unit normals of slopes d/dx and d/drow."""
    z = x * x
    z += y * y
    z += 1
    np.sqrt(z, out=z)
    np.divide(1, z, out=z)
    np.multiply(x, z, out=x)
    np.multiply(y, z, out=y)
    np.negative(x, out=out[..., 0])
    out[..., 1] = y
    out[..., 2] = z


def encode_normal(normals: np.ndarray, *, directx: bool = False, dtype: type = np.uint8) -> np.ndarray:
    """Pixels (h, w, 3), uint8 or uint16, of unit normals: x * 0.5 + 0.5; green the other way round for DirectX."""
    full = _FULL.get(np.dtype(dtype))
    if full is None:
        raise InputError("Normals are written with 8 or 16 bits", field="dtype", hint="Use uint8 or uint16")
    half = np.float32(full / 2)
    out = np.empty(normals.shape, dtype)
    for start in range(0, len(normals), _LINES):
        part = normals[start:start + _LINES] * half
        part += half
        np.clip(part, 0, full, out=part)
        part += np.float32(0.5)
        out[start:start + _LINES] = part
    if directx:
        out[..., 1] = full - out[..., 1]
    return out


def decode_normal(pixels: np.ndarray) -> np.ndarray:
    """float32 (h, w, 3), -1..1, of uint8 or uint16 pixels, or floats 0..1: as encoded, neither flipped nor normalized."""
    out = map_float(pixels[..., :3]) * np.float32(2)
    out -= 1
    return out


def slopes_of(normals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """d/dx and d/drow, float32 (h, w), in heights per width of normals (h, w, 3), OpenGL."""
    z = np.maximum(normals[..., 2], np.float32(_FLATTEST))
    return -normals[..., 0] / z, normals[..., 1] / z


def height_from_normal(normals: np.ndarray, *, relief_m: float, width_m: float, wrap: Wrap) -> np.ndarray:
    """The height, float32 (h, w) in units of the relief, whose normals come nearest to these; its lowest point is 0.

    Source: Frankot and Chellappa, "A method for enforcing integrability in shape from shading", 1988: the least squares of
    both slopes, in the frequency domain. On axes that do not wrap the surface is mirrored.
    """
    steep = _steepness(normals[..., 0], relief_m, width_m)
    if steep == 0:
        raise InputError("A surface without relief has no height to find", field="relief_m",
                         hint="Enter the surface's depth")
    height, width = normals.shape[:2]
    x, y = slopes_of(normals)
    if not wrap[0]:
        x, y = np.concatenate((x, -x[:, ::-1]), 1), np.concatenate((y, y[:, ::-1]), 1)
    if not wrap[1]:
        x, y = np.concatenate((x, x[::-1])), np.concatenate((y, -y[::-1]))
    wave_x = 2 * np.pi * np.fft.rfftfreq(x.shape[1])
    wave_y = 2 * np.pi * np.fft.fftfreq(x.shape[0])[:, None]
    power = wave_x ** 2 + wave_y ** 2
    power[0, 0] = 1
    found = np.fft.rfft2(x)
    found *= -1j * wave_x
    found += np.fft.rfft2(y) * (-1j * wave_y)
    found /= power
    found[0, 0] = 0
    out = np.fft.irfft2(found, s=x.shape)[:height, :width] / steep
    return (out - out.min()).astype(np.float32)


# --- Openness ---------------------------------------------------------------------------------------------

_FARTHEST = 16              # the longer side to the farthest distance that is looked at
_NEAREST = 64               # pixels: no less than that
_SPARSE = 24                # pixels: farther away than that distances double
_CODES = 32767


def ambient_occlusion(height: np.ndarray, *, relief_m: float, width_m: float, wrap: Wrap) -> np.ndarray:
    """How much of the light of an even sky reaches each point, float32 (h, w): 1 on a plane, less in what is hollow.

    The height 0..1 means 0..`relief_m` metres, the picture is `width_m` metres wide. The horizon is found in eight
    directions at distances that grow by a third to a double, up to a sixteenth of the longer side; light is weighted by
    the cosine to the surface's own normal.

    Sources: Max, "Horizon mapping", 1988; Dozier and Frew, "Rapid calculation of terrain parameters for radiation modeling
    from digital elevation data", 1990, equation 7: the part of the sky below horizons H from the zenith, seen by a slope.
    """
    steep = _steepness(height, relief_m, width_m)
    farthest = max(_NEAREST, max(height.shape) // _FARTHEST)
    doublings = [k for k in range(16) if 2 ** k <= farthest]
    reach = max(2 ** doublings[-1], _SPARSE, _REACH)
    codes = padded(np.rint(height * np.float32(_CODES)).astype(np.int16), reach, wrap)
    thirds = codes // 3
    smooth = padded(height.astype(np.float32, copy=False), _REACH, wrap, odd=True)
    tables = {square: _sky_tables(steep / _CODES / math.sqrt(square)) for square in (1, 2)}
    out = np.empty(height.shape, np.float32)
    for start in range(0, len(height), _LINES):
        rows = min(_LINES, len(height) - start)
        # Divided by their distance before they are subtracted: once for all directions, and no less exact than the tables.
        levels = []
        for whole, times, farther in ((codes, 1, farthest), (thirds, 3, _SPARSE)):
            for k in doublings:
                if (distance := times * 2 ** k) <= farther:
                    top = start + reach - distance
                    levels.append((distance, whole[top:top + rows + 2 * distance] >> k))
        slopes = _strip_gradients(smooth[start:start + rows + 2 * _REACH], 1.0)
        out[start:start + rows] = _open_strip(levels, slopes, reach, steep, tables)
    return out


def _sky_tables(tangent: float) -> tuple[np.ndarray, np.ndarray]:
    """sin² H and H - sin H cos H of horizons H from the zenith, by the uint16 view of the int16 codes of their tangents."""
    t = np.arange(65536, dtype=np.uint16).view(np.int16) * tangent
    flat = 1 / (1 + t * t)
    return flat.astype(np.float32), (np.pi / 2 - np.arctan(t) - t * flat).astype(np.float32)


def _open_strip(
    levels: list[tuple[int, np.ndarray]], slopes: tuple[np.ndarray, np.ndarray], reach: int, steep: float,
    tables: dict[int, tuple[np.ndarray, np.ndarray]],
) -> np.ndarray:
    """Of distances with their codes, so many rows and `reach` columns more on each side, and of the slopes d/dx, d/drow."""
    slope_x, slope_y = slopes
    rows, columns = slope_x.shape
    wide = columns + 2 * reach
    # What lies so far away is one run of the memory, its lines' ends included, which nobody looks at: far faster.
    run = (rows - 1) * wide + columns
    best, rise = np.zeros((rows, wide), np.int16), np.empty(run, np.int16)
    best_run = best.reshape(-1)[:run]
    up = np.zeros((rows, columns), np.float32)              # what Z sees, and X, and the rows
    along_x, along_y = np.zeros_like(up), np.zeros_like(up)
    own_x, own_y = (slope * np.float32(_CODES) for slope in slopes)
    for toward, own in (((1, 0), own_x), ((0, 1), own_y), ((1, 1), own_x + own_y), ((1, -1), own_x - own_y)):
        own = np.clip(own, -_CODES, _CODES).astype(np.int16)
        flat, bent = tables[sum(map(abs, toward))]
        for sign in (1, -1):
            dx, dy = sign * toward[0], sign * toward[1]
            # Never below the surface's own plane, where it curves away.
            np.multiply(own, np.int16(sign), out=best[:, :columns])
            for distance, codes in levels:
                codes = codes.reshape(-1)
                start = distance * wide + reach
                there = start + distance * (dy * wide + dx)
                np.subtract(codes[there:there + run], codes[start:start + run], out=rise)
                np.maximum(best_run, rise, out=best_run)
            index = best[:, :columns].view(np.uint16).astype(np.intp)
            up += flat.take(index, mode="clip")
            seen = bent.take(index, mode="clip")
            if dx and dy:
                seen *= np.float32(math.sqrt(0.5))
            if dx:
                (np.add if dx > 0 else np.subtract)(along_x, seen, out=along_x)
            if dy:
                (np.add if dy > 0 else np.subtract)(along_y, seen, out=along_y)
    # The normal is (-d/dx, -d/drow, 1) over its length.
    along_x *= slope_x
    along_y *= slope_y
    along_x += along_y
    along_x *= np.float32(steep)
    up -= along_x
    length = slope_x * slope_x
    length += slope_y * slope_y
    length *= np.float32(steep * steep)
    length += 1
    np.sqrt(length, out=length)
    length *= 8
    up /= length
    return np.clip(up, 0, 1, out=up)
