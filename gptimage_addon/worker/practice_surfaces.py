# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The practice service's surfaces: brick, wood, stone and so on, each a function of the frame and the words."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .practice_noise import (
    RGB,
    Frame,
    Look,
    Plane,
    Surface,
    cells,
    darker,
    fbm,
    grain,
    lines,
    mix,
    resize,
    ridges,
    step,
    times,
    tint,
    vary,
)

__all__ = ("SURFACES", "abstract", "moss", "rust")


def _grid(
    frame: Frame, wide: float, high: float, shift: float, wobble: float,
) -> tuple[Plane, Plane, np.ndarray, int]:
    """A bond of pieces `wide` by `high` units, whole ones across the frame; every second row shifted by `shift`.

    Gives each pixel's distance to its piece's vertical and horizontal borders in units, the piece's number, and
    how many there are.
    """
    unit = frame.unit
    columns = max(1, round(frame.width_px / (wide * unit)))
    rows = max(2, 2 * round(frame.height_px / (high * unit) / 2))
    wide_px, high_px = frame.width_px / columns, frame.height_px / rows
    y = frame.y / high_px + fbm(frame, 60, 3) * (wobble * unit / high_px)
    row = np.floor(y)
    x = frame.x / wide_px + np.mod(row, 2) * shift + fbm(frame, 60, 3) * (wobble * unit / wide_px)
    column = np.floor(x)
    x -= column
    y -= row
    edge_x = np.minimum(x, 1 - x) * (wide_px / unit)
    edge_y = np.minimum(y, 1 - y) * (high_px / unit)
    number = np.mod(row, rows).astype(np.int32) * (columns + 2) + np.mod(column, columns).astype(np.int32)
    return edge_x, edge_y, number, rows * (columns + 2)


def _rounded(edge_x: Plane, edge_y: Plane, joint: float, radius: float) -> Plane:
    """Distance in units to the outline of a piece with round corners: positive inside, up to `radius`."""
    inner = joint + radius
    return radius - np.hypot(np.maximum(inner - edge_x, 0), np.maximum(inner - edge_y, 0))


def brick(frame: Frame, look: Look) -> Surface:
    edge_x, edge_y, number, count = _grid(frame, 200, 76, 0.5, 0.7)
    rough, fine, speck = fbm(frame, 60, 5), fbm(frame, 9, 3, 0.8), grain(frame)
    inside = _rounded(edge_x + fine * 0.9, edge_y + fine * 0.9, 5.0, 9.0)
    body = step(inside, -1.5, 2.0)
    color = look.color((0.62, 0.29, 0.215))
    rgb = times(tint(color, 1 + rough * 0.07 + fine * 0.06 + speck * 0.035), vary(frame, count, number, 0.10, 0.06))
    burnt = np.take((frame.rng.random(count) < 0.1).astype(np.float32), number) * step(rough, -1.5, 0.8)
    rgb = mix(rgb, darker(color, 0.5), burnt * 0.7)
    pits = step(fine + speck * 0.4, 1.7, 2.3) * body
    rgb = times(rgb, 1 - 0.3 * pits)
    rgb = times(rgb, 0.86 + 0.14 * step(inside, 0.0, 9.0))
    mortar_color = look.color((0.69, 0.66, 0.60), 1)
    mortar = times(tint(mortar_color, 0.95 + fine * 0.05 + speck * 0.06 + rough * 0.03), 1 - 0.3 * step(inside, -4, 0))
    height = body * (0.6 + 0.3 * step(inside, 0, 9)) + fine * 0.05 + speck * 0.02 - pits * 0.15
    return Surface(mix(mortar, rgb, body), height, 0.45)


def wood(frame: Frame, look: Look) -> Surface:
    """Planks lying along x, each drawn by itself: rings bent around knots, pores, fibers."""
    width, height, unit, rng = frame.width_px, frame.height_px, frame.unit, frame.rng
    color = look.color((0.67, 0.485, 0.315))
    slow, fiber = fbm(frame, 45, 4, 0.6, stretch_x=9), fbm(frame, 5, 3, 0.8, stretch_x=26)
    speck = grain(frame)
    shade = np.empty((height, width), np.float32)
    warm = np.empty((height, width), np.float32)
    deep = np.ones((height, width), np.float32)
    rows = max(3, round(height / (168 * unit)))
    for row in range(rows):
        top, bottom = row * height // rows, (row + 1) * height // rows
        joint = int(rng.uniform(0.1, 0.9) * width)
        for left, right in ((0, joint), (joint, width)):
            if right <= left:
                continue
            y = ((np.arange(bottom - top, dtype=np.float32) + 0.5) / unit)[:, None]
            x = ((np.arange(right - left, dtype=np.float32) + 0.5) / unit)[None, :]
            turn = slice(None, None, -1) if rng.random() < 0.5 else slice(None)
            bend = slow[top:bottom, left:right][turn]
            long, tall = (right - left) / unit, (bottom - top) / unit
            center = rng.uniform(-0.6, 1.6) * tall
            apex = rng.uniform(-0.3, 1.3) * long
            radius = np.sqrt((y - center) ** 2 + ((x - apex) * 0.085) ** 2 + 60)
            for _ in range(rng.choice((0, 0, 1, 1, 2))):
                knot_x, knot_y = rng.uniform(0.05, 0.95) * long, rng.uniform(0.2, 0.8) * tall
                away = np.sqrt(((x - knot_x) * 0.55) ** 2 + (y - knot_y) ** 2)
                size = rng.uniform(9, 17)
                pull = np.exp(-away / (size * 1.6))
                radius = radius * (1 - pull) + (size * 6 - away * 0.8) * pull
                deep[top:bottom, left:right] -= 0.55 * step(size + bend * 1.5 - away, 0, size * 0.8) * deep[
                    top:bottom, left:right]
            ring = radius / rng.uniform(11, 17) + bend * 0.55
            ring -= np.floor(ring)
            late = ring * ring * ring * step(1 - ring, 0, 0.14)
            shade[top:bottom, left:right] = rng.uniform(0.86, 1.1) - late * 0.42 + bend * 0.035
            warm[top:bottom, left:right] = rng.uniform(-0.05, 0.06) - late * 0.1
            edge = np.minimum(np.minimum(y, tall - y), np.minimum(x, long - x) if joint else x)
            deep[top:bottom, left:right] *= 0.25 + 0.75 * step(edge + 0 * x, 0.8, 4.0)
    pores = step(fiber, 1.25, 2.1)
    value = (shade + fiber * 0.035 + speck * 0.012 - pores * 0.13) * deep
    rgb = [value * np.float32(c) * (1 + warm * k) for c, k in zip(color, (0.5, 0.0, -1.2), strict=True)]
    return Surface(rgb, deep * 0.8 + shade * 0.15 - pores * 0.1 + fiber * 0.02, 0.3)


def stone(frame: Frame, look: Look) -> Surface:
    round_ones = look.has("cobble", "cobblestone", "cobblestones", "pebble", "pebbles")
    cell = 45 if look.has("pebble", "pebbles") else 105 if round_ones else 175
    _, border, number, count = cells(frame, cell, 0.75, 0.045 * cell, aspect=1.0 if round_ones else 1.5)
    rough, fine, speck = fbm(frame, 90, 6, 0.6), fbm(frame, 12, 4, 0.75), grain(frame)
    edge = border - cell * 0.04 + fine * 0.45
    body = step(edge, 0, 3.5)
    dome = np.sqrt(np.clip(edge / (cell * (0.4 if round_ones else 0.16)), 0, 1))
    color = look.color((0.53, 0.52, 0.50))
    rgb = times(tint(color, 0.98 + rough * 0.09 + fine * 0.07 + speck * 0.04), vary(frame, count, number, 0.13, 0.05))
    rgb = times(rgb, 0.62 + 0.38 * dome)
    rgb = times(rgb, 1 - 0.22 * ridges(rough + 0.4, 0.05))
    joint = tint((0.33, 0.30, 0.265), 0.9 + fine * 0.14 + speck * 0.09)
    return Surface(mix(joint, rgb, body), body * 0.4 + dome * 0.5 + fine * 0.06 + rough * 0.04, 0.55)


def rock(frame: Frame, look: Look) -> Surface:
    wide, mid, speck = fbm(frame, 300, 7, 0.6), fbm(frame, 120, 6, 0.62, stretch_x=1.8), grain(frame)
    creases = ridges(mid, 0.22) ** 2
    height = 0.5 + wide * 0.14 + np.abs(mid) * 0.16 - creases * 0.2
    rgb = tint(look.color((0.47, 0.45, 0.42)), 0.92 + wide * 0.11 + np.abs(mid) * 0.08 + speck * 0.035)
    rgb = mix(rgb, (0.55, 0.47, 0.36), step(fbm(frame, 220, 4), 0.6, 2.2) * 0.4)
    return Surface(times(rgb, 1 - 0.45 * creases), height, 1.0)


def granite(frame: Frame, look: Look) -> Surface:
    speck, fine = fbm(frame, 5, 2, 0.9), fbm(frame, 8, 3, 0.8)
    rgb = tint(look.color((0.62, 0.58, 0.56)), 1 + fine * 0.06)
    rgb = mix(rgb, (0.16, 0.15, 0.16), step(fbm(frame, 9, 3, 0.8), 0.9, 1.2))
    rgb = mix(rgb, (0.88, 0.85, 0.82), step(speck, 1.0, 1.3) * 0.8)
    return Surface(rgb, 0.5 + fine * 0.02, 0.05, joints=False)


def marble(frame: Frame, look: Look) -> Surface:
    base = look.color((0.92, 0.91, 0.89))
    bend, soft, fine = fbm(frame, 520, 3, 0.45), fbm(frame, 430, 4, 0.5), fbm(frame, 90, 4, 0.55)
    slant = (frame.x * 0.75 + frame.y) / (frame.unit * 400)
    way = slant + bend * 0.22 + fine * 0.022
    main = np.sin(way * np.float32(np.pi))
    branch = np.sin((way * 1.7 + soft * 0.35 - 0.6 * frame.x / (frame.unit * 900)) * np.float32(np.pi))
    strength = step(fbm(frame, 260, 4), -1.2, 1.4)
    veins = lines(frame, main, 5.5) * strength + lines(frame, branch, 2.6) * (1 - strength) * 0.7
    thin = lines(frame, soft + fine * 0.12 + slant * 0.25 - 0.7, 1.7) * 0.35 * strength
    halo = ridges(main, 0.42) ** 2 * strength + ridges(branch, 0.3) ** 2 * 0.4
    rgb = tint(base, 1.0 + soft * 0.02 + fine * 0.014)
    vein_color = look.color(darker(base, 0.42), 1) if sum(base) > 1.2 else look.color((0.86, 0.84, 0.80), 1)
    rgb = mix(rgb, vein_color, np.clip(halo * (0.3 + fine * 0.08), 0, 1))
    return Surface(mix(rgb, vein_color, np.clip(veins * 0.7 + thin, 0, 0.95)), 0.5 + soft * 0.003, 0.02, joints=False)


def tiles(frame: Frame, look: Look) -> Surface:
    small = look.has("mosaic", "small")
    fine, rough, speck = fbm(frame, 14, 3, 0.7), fbm(frame, 120, 4), grain(frame)
    if look.has("hexagonal", "hexagon", "hex"):
        edge, number, count = _hexagons(frame, 60 if small else 130)
        inside = edge - 3.0
    else:
        wide = 62 if small else 166
        subway = look.has("subway", "metro")
        edge_x, edge_y, number, count = _grid(frame, wide, wide / 2 if subway else wide, 0.5 if subway else 0.0, 0.15)
        inside = _rounded(edge_x, edge_y, 2.6, 5.0)
    body = step(inside, -0.8, 0.8)
    if look.has("marble"):
        filled = marble(frame, look).rgb
    elif look.has("terracotta", "clay"):
        filled = tint(look.color((0.72, 0.41, 0.28)), 0.96 + rough * 0.06 + fine * 0.04 + speck * 0.02)
    elif look.has("stone", "slate"):
        filled = tint(look.color((0.47, 0.48, 0.49)), 0.95 + rough * 0.09 + fine * 0.06 + speck * 0.03)
    else:
        filled = tint(look.color((0.80, 0.83, 0.82)), 1.0 + rough * 0.03 + fine * 0.008)
    factors = vary(frame, count, number, 0.13 if small else 0.045, 0.06 if small else 0.02)
    if len(look.colors) > 1 and look.has("checkered", "checker", "chequered", "checkerboard", "and"):
        second = np.take((frame.rng.random(count) < 0.5).astype(np.float32), number)
        filled = mix(filled, tint(look.colors[1], 1.0 + rough * 0.03), second)
    glaze = 0.93 + 0.07 * step(inside, 0, 7)
    grout = tint((0.62, 0.61, 0.58), 0.93 + fine * 0.06 + speck * 0.05)
    rgb = mix(grout, times(times(filled, factors), glaze), body)
    return Surface(rgb, body * (0.7 + 0.2 * step(inside, 0, 7)) + speck * 0.01 * (1 - body), 0.35)


def _hexagons(frame: Frame, across: float) -> tuple[Plane, np.ndarray, int]:
    """Distance to the border of regular hexagons `across` units wide, their numbers and how many numbers there are."""
    size = across * frame.unit
    tall = size * np.float32(np.sqrt(3))
    found = []
    for shift in (0.0, 0.5):
        column = np.floor(frame.x / size + shift)
        row = np.floor(frame.y / tall + shift)
        away_x = np.abs(frame.x / size + shift - column - 0.5)
        away_y = np.abs(frame.y / tall + shift - row - 0.5) * np.float32(np.sqrt(3))
        reach = np.maximum(away_x, away_x * 0.5 + away_y * np.float32(np.sqrt(0.75)))
        found.append((reach, (row * 101 + column * 2 + shift * 2).astype(np.int32) % 9973))
    (first, number), (second, other) = found
    return (0.5 - np.minimum(first, second)) * across, np.where(first < second, number, other), 9973


def metal(frame: Frame, look: Look) -> Surface:
    rough, speck = fbm(frame, 260, 4), grain(frame)
    usual: RGB = (0.66, 0.665, 0.675)
    for word, color in (("copper", (0.76, 0.47, 0.34)), ("brass", (0.77, 0.64, 0.35)), ("gold", (0.86, 0.69, 0.32)),
                        ("bronze", (0.58, 0.43, 0.27)), ("iron", (0.42, 0.41, 0.41))):
        if look.has(word):
            usual = color
    streaks = fbm(frame, 3, 2, 0.8, stretch_x=150)
    long = fbm(frame, 30, 3, 0.6, stretch_x=30)
    if look.has("painted", "paint"):
        value = 0.97 + rough * 0.025 + speck * 0.012
    else:
        value = 0.97 + streaks * 0.05 + long * 0.022 + rough * 0.02 + speck * 0.012
        scratch = step(fbm(frame, 2.2, 1, stretch_x=70), 2.7, 3.1)
        value += scratch * 0.12
    height = 0.6 + streaks * 0.02
    return Surface(tint(look.color(usual), value), height, 0.12, joints=False)


def rust(frame: Frame, look: Look, under: Surface | None = None, amount: float = 0.15) -> Surface:
    """Rust eating into `under`: the more, the larger `amount` (0 is about half of the face)."""
    spread, mid, fine, speck = fbm(frame, 330, 7, 0.62), fbm(frame, 60, 5, 0.7), fbm(frame, 8, 3, 0.8), grain(frame)
    rusty = tint((0.47, 0.235, 0.115), 0.95 + mid * 0.16 + fine * 0.12 + speck * 0.07)
    rusty = mix(rusty, (0.72, 0.40, 0.16), step(mid + fine * 0.4, 0.6, 1.8) * 0.65)
    rusty = mix(rusty, (0.23, 0.13, 0.09), step(-mid - fine * 0.4, 0.8, 1.9) * 0.75)
    crust = 0.45 + mid * 0.07 + fine * 0.1 + speck * 0.02
    if under is None:
        return Surface(rusty, crust, 0.5, joints=False)
    eaten = spread + mid * 0.18 + amount
    mask = step(eaten, -0.05, 0.12)
    stain = step(eaten, -0.9, 0.0) * 0.4
    rgb = mix(times(under.rgb, 1 - 0.25 * stain), (0.5, 0.3, 0.17), stain * 0.5)
    return Surface(mix(rgb, rusty, mask), under.height * (1 - mask) + crust * mask, 0.4, joints=False)


def fabric(frame: Frame, look: Look) -> Surface:
    denim = look.has("denim", "jeans")
    color = look.color((0.20, 0.29, 0.45) if denim else (0.72, 0.66, 0.56))
    rough, fine, speck = fbm(frame, 160, 4), fbm(frame, 12, 3, 0.8), grain(frame)
    count = 150 if denim else 66 if look.has("wool", "burlap", "knit", "jute") else 120
    across = round(count * frame.width_px / frame.unit / 1000)
    down = round(count * frame.height_px / frame.unit / 1000)
    x = frame.x * (across / frame.width_px) + fbm(frame, 120, 3, stretch_y=3) * 0.12
    y = frame.y * (down / frame.height_px) + fbm(frame, 120, 3, stretch_x=3) * 0.12
    column, row = np.floor(x), np.floor(y)
    along = np.mod(column + row, 3 if denim else 2) < 1          # where the weft lies on top: twill or plain weave
    pi = np.float32(np.pi)
    over_x, over_y = np.sin((x - column) * pi), np.sin((y - row) * pi)
    weft = over_y * (0.62 + 0.38 * over_x)
    warp = over_x * (0.62 + 0.38 * over_y)
    height = np.where(along, weft, warp)
    vary_warp = np.take(frame.rng.normal(0, 0.055, across * 2 + 64).astype(np.float32), column.astype(np.int32) + 16)
    vary_weft = np.take(frame.rng.normal(0, 0.055, down * 2 + 64).astype(np.float32), row.astype(np.int32) + 16)
    value = 0.48 + 0.56 * height + fine * 0.05 + speck * 0.055 + rough * 0.025 + np.where(along, vary_weft, vary_warp)
    rgb = tint(color, value)
    if denim:
        rgb = mix(rgb, tint((0.66, 0.69, 0.73), value), along * np.float32(0.62) * step(height, 0.35, 0.8))
    elif len(look.colors) > 1:                                     # a second color makes stripes
        stripes = np.mod(np.floor(frame.x / (frame.unit * 90)), 2) < 1
        rgb = mix(rgb, tint(look.colors[1], value), (stripes & ~along) * np.float32(0.95) + along * np.float32(0.4))
    return Surface(rgb, height * 0.5 + fine * 0.06, 0.3)


def leather(frame: Frame, look: Look) -> Surface:
    _, border, number, count = cells(frame, 12, 0.95, 1.2)
    rough, fold, speck = fbm(frame, 240, 4), fbm(frame, 220, 5, 0.55), grain(frame)
    bump = step(border, -1.0, 3.6)
    crease = lines(frame, fold, 3.0) * step(rough, -0.3, 1.2)
    rgb = times(tint(look.color((0.42, 0.255, 0.16)), 0.97 + rough * 0.07 + speck * 0.02),
                vary(frame, count, number, 0.025, 0.01))
    height = bump * 0.6 - crease * 0.3
    return Surface(times(rgb, (0.72 + 0.30 * bump) * (1 - 0.3 * crease)), height + 0.3, 0.4)


def grass(frame: Frame, look: Look) -> Surface:
    """Blades painted from back to front, on a canvas of about a megapixel whatever the size asked."""
    shrink = max(1.0, float(np.sqrt(frame.width_px * frame.height_px / 1.1e6)))
    small = Frame(max(64, round(frame.width_px / shrink)), max(64, round(frame.height_px / shrink)), frame.rng)
    width, height, unit, rng = small.width_px, small.height_px, small.unit, small.rng
    blades = int(20_000 * width * height / (unit * 1000) ** 2)
    steps = max(8, round(38 * unit))
    root_x = (rng.random(blades, dtype=np.float32) * 1.1 - 0.05) * width
    root_y = (rng.random(blades, dtype=np.float32) * 1.1 - 0.05) * height
    angle = rng.random(blades, dtype=np.float32) * np.float32(2 * np.pi)
    curl = rng.normal(0, 0.9, blades).astype(np.float32)
    long = rng.uniform(20, 58, blades).astype(np.float32) * unit
    depth = np.sort(rng.random(blades, dtype=np.float32))                   # painted in this order: later lies on top
    t = np.linspace(0, 1, steps, dtype=np.float32)[:, None]
    way = angle + curl * t
    x, y = root_x + np.cos(way) * long * t, root_y + np.sin(way) * long * t
    shade = (0.42 + 0.62 * depth) * (0.74 + 0.4 * t) * (1 + rng.normal(0, 0.1, blades).astype(np.float32))
    value = np.full(width * height, 0.2, np.float32)
    dry = np.zeros(width * height, np.float32)
    dryness = np.broadcast_to((rng.random(blades, dtype=np.float32) ** 5) * (0.4 + 0.6 * t), x.shape)
    upright = np.abs(np.sin(way)) > 0.7
    for side in (-1, 1, 0):                                                # three pixels wide, the middle one lightest
        column = (x + np.where(upright, side, 0)).astype(np.int32)
        line = (y + np.where(upright, 0, side)).astype(np.int32)
        seen = ((column >= 0) & (column < width) & (line >= 0) & (line < height) & ((side == 0) | (t < 0.6))).T
        where = (line * width + column).T[seen]
        value[where] = (shade * (1.0 if side == 0 else 0.84 - 0.1 * side)).T[seen]
        dry[where] = dryness.T[seen]
    value = resize(value.reshape(height, width), frame.width_px, frame.height_px)
    dry = resize(dry.reshape(height, width), frame.width_px, frame.height_px)
    patches, speck = fbm(frame, 260, 4), grain(frame)
    rgb = tint(look.color((0.40, 0.60, 0.20)), value * (1.05 + patches * 0.08) + speck * 0.015)
    rgb = mix(rgb, tint((0.78, 0.70, 0.38), value), np.clip(dry + step(patches, 1.2, 2.6) * 0.3, 0, 1))
    return Surface(rgb, value, 0.1)


def moss(frame: Frame, look: Look) -> Surface:
    clump, mid, fine, speck = fbm(frame, 150, 5, 0.6), fbm(frame, 26, 4, 0.75), fbm(frame, 5, 2, 0.9), grain(frame)
    height = 0.5 + clump * 0.12 + mid * 0.1 + fine * 0.06
    value = 0.82 + clump * 0.1 + mid * 0.14 + fine * 0.1 + speck * 0.07
    rgb = tint(look.color((0.33, 0.42, 0.13)), value)
    rgb = mix(rgb, (0.62, 0.66, 0.24), step(mid + fine * 0.6, 1.2, 2.8) * 0.6)
    return Surface(mix(rgb, (0.16, 0.15, 0.07), step(-clump - mid * 0.5, 1.1, 2.2) * 0.7), height, 0.7)


def ground(frame: Frame, look: Look) -> Surface:
    """Soil, dirt, gravel: earth with stones half sunk into it."""
    gravel = look.has("gravel", "pebbles", "pebble", "shingle")
    rough, mid, fine, speck = fbm(frame, 240, 6, 0.6), fbm(frame, 40, 5, 0.7), fbm(frame, 7, 3, 0.85), grain(frame)
    color = look.color((0.56, 0.54, 0.51) if gravel else (0.43, 0.325, 0.235))
    rgb = tint(color, (0.62 if gravel else 0.95) + rough * 0.08 + mid * 0.09 + fine * 0.1 + speck * 0.07)
    height = 0.25 + rough * 0.05 + mid * 0.07 + fine * 0.07
    for cell, share in ((38, 1.0 if gravel else 0.12), (20, 0.9 if gravel else 0.22)):
        center, border, number, count = cells(frame, cell, 0.9, cell * 0.08)
        there = np.take((frame.rng.random(count) < share).astype(np.float32), number)
        limit = np.take(frame.rng.uniform(0.24, 0.46, count).astype(np.float32) * cell, number)
        inside = np.minimum(limit - center + fine * 0.7, border - 0.6)
        body = step(inside, 0, 1.6) * there
        dome = np.sqrt(np.clip(inside / (cell * 0.3), 0, 1))
        pebble = times(tint((0.60, 0.57, 0.53) if not look.colors else color, 0.7 + 0.4 * dome + fine * 0.04),
                       vary(frame, count, number, 0.17, 0.09))
        rgb = mix(times(rgb, 1 - 0.35 * step(inside, -2.5, 0) * there), pebble, body)
        height = height * (1 - body) + (0.35 + dome * 0.5) * body
    return Surface(rgb, height, 0.55)


def sand(frame: Frame, look: Look) -> Surface:
    bend, rough, fine, speck = fbm(frame, 350, 4, 0.5), fbm(frame, 120, 5), fbm(frame, 5, 2, 0.9), grain(frame)
    wave = np.sin((frame.y + frame.x * 0.18) * np.float32(2 * np.pi / (62 * frame.unit)) + bend * 2.4)
    strength = step(rough, -1.8, 1.2) * 0.9
    height = 0.5 + wave * 0.16 * strength + rough * 0.03 + fine * 0.03 + speck * 0.02
    value = 0.96 + wave * strength * 0.05 + rough * 0.02 + fine * 0.045 + speck * 0.05
    rgb = tint(look.color((0.83, 0.71, 0.52)), value)
    return Surface(rgb, height, 0.5, joints=False)


def concrete(frame: Frame, look: Look) -> Surface:
    rough, mid, fine, speck = fbm(frame, 300, 6, 0.6), fbm(frame, 40, 4), fbm(frame, 8, 3, 0.8), grain(frame)
    holes = step(fbm(frame, 10, 2), 2.35, 2.7) + step(fbm(frame, 5, 1), 2.9, 3.3) * 0.7
    rgb = tint(look.color((0.66, 0.655, 0.64)), 1 + rough * 0.035 + mid * 0.018 + fine * 0.02 + speck * 0.022)
    rgb = mix(rgb, darker(look.color((0.66, 0.655, 0.64)), 0.55), np.clip(holes, 0, 1) * 0.75)
    return Surface(rgb, 0.5 + mid * 0.02 + fine * 0.03 - holes * 0.3, 0.35, joints=False)


def plaster(frame: Frame, look: Look) -> Surface:
    sweep = fbm(frame, 130, 5, 0.6, stretch_x=2.4)
    lift = fbm(frame, 170, 5, 0.6, stretch_y=1.6)
    fine, speck = fbm(frame, 7, 3, 0.8), grain(frame)
    edges = ridges(sweep - 0.2, 0.10) - ridges(lift + 0.3, 0.08)
    height = 0.5 + np.abs(sweep) * 0.08 + lift * 0.05 + edges * 0.05 + fine * 0.02
    rgb = tint(look.color((0.87, 0.845, 0.79)), 0.98 + sweep * 0.018 + lift * 0.015 + edges * 0.02 + speck * 0.012)
    return Surface(rgb, height, 0.75, joints=False)


def asphalt(frame: Frame, look: Look) -> Surface:
    center, border, number, count = cells(frame, 9, 0.95)
    rough, speck = fbm(frame, 300, 5), grain(frame)
    bump = np.clip(border / 2.5, 0, 1)
    value = (0.62 + 0.45 * bump) * (1 + rough * 0.06) + speck * 0.07
    rgb = times(tint(look.color((0.29, 0.29, 0.295)), value), vary(frame, count, number, 0.2, 0.03))
    return Surface(rgb, bump * 0.5 - center * 0.01 + 0.3, 0.4, joints=False)


def water(frame: Frame, look: Look) -> Surface:
    wide, a, b = fbm(frame, 400, 4), fbm(frame, 110, 4, 0.5, stretch_x=1.5), fbm(frame, 120, 4, 0.5, stretch_x=1.5)
    net = ridges(a + wide * 0.2, 0.32) ** 3 + ridges(b - wide * 0.2, 0.32) ** 3
    rgb = tint(look.color((0.10, 0.43, 0.52)), 0.9 + np.maximum(wide, -1.5) * 0.12 + a * 0.05)
    rgb = mix(rgb, (0.75, 0.93, 0.94), np.clip(net * 0.42 + step(a + b, 1.8, 4.0) * 0.35, 0, 0.85))
    return Surface(rgb, 0.5 + a * 0.12 + b * 0.1, 0.25, joints=False)


def clouds(frame: Frame, look: Look) -> Surface:
    puffs = fbm(frame, 420, 8, 0.55, stretch_x=1.5)
    t = frame.y / frame.height_px
    sky = [t * (low - top) + top + 0 * puffs for top, low in
           zip(darker(look.color((0.27, 0.49, 0.80)), 1.0), look.color((0.66, 0.80, 0.92), 1), strict=True)]
    cover = step(puffs, -0.15, 1.5)
    lit = 0.90 + 0.10 * step(puffs - np.roll(puffs, round(14 * frame.unit), axis=0), -0.4, 0.5)
    return Surface(mix(sky, [lit, lit * 0.99 + 0.005, lit * 0.98 + 0.02], cover * 0.95), puffs * 0.05 + 0.5, 0.05,
                   joints=False)


def paper(frame: Frame, look: Look) -> Surface:
    fiber = ridges(fbm(frame, 28, 3, 0.6, stretch_x=2.2), 0.10) + ridges(fbm(frame, 28, 3, 0.6, stretch_y=2.2), 0.10)
    rough, fine, speck = fbm(frame, 180, 5), fbm(frame, 7, 3, 0.8), grain(frame)
    rgb = tint(look.color((0.93, 0.905, 0.85)), 0.985 + rough * 0.01 + fine * 0.014 + speck * 0.012 - fiber * 0.02)
    return Surface(rgb, 0.5 + fine * 0.05 + fiber * 0.03, 0.25, joints=False)


def snow(frame: Frame, look: Look) -> Surface:
    rough, mid, speck = fbm(frame, 380, 6, 0.5), fbm(frame, 60, 4), grain(frame)
    rgb = tint(look.color((0.90, 0.93, 0.97)), 0.98 + rough * 0.025 + mid * 0.012 + speck * 0.014)
    return Surface(mix(rgb, (1.0, 1.0, 1.0), step(speck, 2.6, 3.0)), 0.5 + rough * 0.15 + mid * 0.04, 0.7, joints=False)


def abstract(frame: Frame, look: Look) -> Surface:
    """For words nobody foresaw: bent bands of noise, colored from the words."""
    hues = np.random.default_rng(look.hue_seed)
    turn = hues.random()
    red, green, blue = (float(0.5 + 0.2 * np.cos(2 * np.pi * (turn + k / 3))) for k in range(3))
    first = look.color((red, green, blue))
    red, green, blue = (float(c * (1.25 + 0.12 * np.cos(2 * np.pi * (turn + k / 3)))) for k, c in enumerate(first))
    colors = (first, look.color(darker(first, 0.62), 1), look.color((red, green, blue), 2))
    bend, soft, fine, speck = fbm(frame, 380, 5), fbm(frame, 260, 5, 0.5), fbm(frame, 16, 4, 0.75), grain(frame)
    bands = np.sin(bend * 2.2 + soft * 0.7)
    rgb = tint(colors[0], 0.96 + fine * 0.05 + speck * 0.025)
    rgb = mix(rgb, tint(colors[1], 0.98 + fine * 0.05), step(bands + fine * 0.06, -0.1, 0.35))
    rgb = mix(rgb, tint(colors[2], 1.0 + fine * 0.04), step(soft + bands * 0.5 + fine * 0.05, 1.3, 1.6))
    rgb = times(rgb, 1 - 0.25 * ridges(soft + bands * 0.5 - 1.3, 0.08))
    return Surface(rgb, 0.5 + bands * 0.08 + fine * 0.05, 0.4, joints=False)


def _rusty_metal(frame: Frame, look: Look) -> Surface:
    return rust(frame, look, metal(frame, look))


# The word that names a material -> what draws it. The plural is found as well.
SURFACES: dict[str, Callable[[Frame, Look], Surface]] = {
    **dict.fromkeys(("brick", "brickwork", "masonry"), brick),
    **dict.fromkeys(("wood", "wooden", "plank", "timber", "oak", "pine", "walnut", "parquet", "floorboard", "board",
                     "bark", "mahogany", "birch"), wood),
    **dict.fromkeys(("stone", "cobble", "cobblestone", "flagstone", "paving", "pavement"), stone),
    **dict.fromkeys(("rock", "cliff", "slate", "boulder", "basalt"), rock),
    "granite": granite, "terrazzo": granite, "marble": marble,
    **dict.fromkeys(("tile", "tiled", "mosaic", "ceramic", "porcelain", "checkerboard"), tiles),
    **dict.fromkeys(("metal", "steel", "aluminum", "aluminium", "iron", "copper", "brass", "bronze", "tin", "chrome"),
                    metal),
    "rust": _rusty_metal,
    **dict.fromkeys(("fabric", "cloth", "denim", "jeans", "linen", "cotton", "wool", "canvas", "burlap", "knit",
                     "textile", "tweed", "felt", "carpet", "jute", "silk", "velvet"), fabric),
    "leather": leather, "grass": grass, "lawn": grass, "turf": grass, "meadow": grass,
    **dict.fromkeys(("moss", "lichen", "foliage", "hedge", "ivy", "leaf", "leaves", "vine", "bush"), moss),
    **dict.fromkeys(("ground", "soil", "dirt", "earth", "mud", "gravel", "pebble", "shingle", "forest"), ground),
    "sand": sand, "desert": sand, "dune": sand,
    "concrete": concrete, "cement": concrete, "plaster": plaster, "stucco": plaster,
    "asphalt": asphalt, "tarmac": asphalt,
    **dict.fromkeys(("water", "ocean", "sea", "pool", "lake"), water),
    **dict.fromkeys(("cloud", "cloudy", "sky"), clouds),
    "paper": paper, "cardboard": paper, "parchment": paper, "snow": snow, "ice": snow, "frost": snow,
}
