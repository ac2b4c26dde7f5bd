# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures that the practice service answers with: made from the words of a prompt, always the same for the same.

Good enough to judge a workflow by, and to see an edit's drift: whole frames shift, zoom and change in tone a
little, as the real models' do. All pictures are uint8 display sRGB.
"""

from __future__ import annotations

import hashlib
import io
import math
import re

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from .practice_noise import RGB, Frame, Look, Surface, cells, fbm, mix, resize, step
from .practice_surfaces import SURFACES, abstract, moss, rust
from .practice_views import draw_views, read_views

__all__ = ("encode_picture", "make_picture", "redraw")

# The artist's words inside core/prompts.py's texture template, whose own words say nothing about the material.
_TEMPLATE = re.compile(
    r"flat texture map of (.+?)\. Seen straight on|marked area of the first picture: (.+?)\. It belongs to the scene"
    r"|drawn over it say(?:: (.+?))?\. The drawn lines|marked area at its sides(?:: (.+?))?\. It is one picture"
    r"|In its marked area: (.+?)\. It lies in the surface"
    r"|^A decal of (.+?)\. It stands alone", re.DOTALL)
_BACKDROP = re.compile(r"one flat, uniform, pure \w+ \(#(\w\w)(\w\w)(\w\w)\)")       # of core/prompts.py's decals
_MAP = re.compile(r"flat texture map(?: of (.+?))?\. Draw the (\w+) map of this surface", re.DOTALL)
_CHANGE = re.compile(r"texture map in the first picture once more, changed in this: (.+?)\. All that this does not", re.DOTALL)
_ROLES = re.compile(r"\n(?:The pictures given are, in order:|Style: |Palette: |Nowhere in the picture: ).*", re.DOTALL)
_COLORS: dict[str, RGB] = {
    "red": (0.68, 0.18, 0.15), "crimson": (0.62, 0.09, 0.17), "orange": (0.85, 0.46, 0.16),
    "yellow": (0.88, 0.76, 0.25), "ochre": (0.76, 0.56, 0.24), "golden": (0.84, 0.66, 0.28),
    "green": (0.27, 0.50, 0.25), "lime": (0.62, 0.78, 0.25), "olive": (0.42, 0.43, 0.21),
    "teal": (0.11, 0.46, 0.46), "turquoise": (0.22, 0.68, 0.68), "cyan": (0.30, 0.75, 0.82),
    "blue": (0.19, 0.34, 0.62), "navy": (0.11, 0.17, 0.35), "indigo": (0.25, 0.22, 0.50),
    "purple": (0.45, 0.24, 0.53), "violet": (0.50, 0.33, 0.68), "magenta": (0.73, 0.19, 0.52),
    "pink": (0.88, 0.56, 0.65), "brown": (0.43, 0.28, 0.18), "beige": (0.82, 0.75, 0.62),
    "cream": (0.93, 0.89, 0.78), "tan": (0.74, 0.60, 0.43), "white": (0.93, 0.93, 0.92),
    "black": (0.13, 0.13, 0.14), "gray": (0.52, 0.52, 0.52), "grey": (0.52, 0.52, 0.52),
    "silver": (0.74, 0.75, 0.77), "terracotta": (0.71, 0.40, 0.27), "charcoal": (0.21, 0.21, 0.23),
}
_SURFACE_WORDS = frozenset(("texture", "material", "surface", "pattern", "seamless", "tileable", "wall", "floor"))
_SCENE_WORDS = frozenset((
    "landscape", "lighthouse", "castle", "house", "cottage", "cabin", "village", "city", "street", "tower", "mountain",
    "mountains", "hills", "valley", "island", "beach", "dusk", "dawn", "sunset", "sunrise", "night", "character",
    "portrait", "person", "man", "woman", "girl", "boy", "knight", "robot", "creature", "animal", "dog", "cat", "horse",
    "tree", "trees", "ship", "boat", "car", "spaceship", "room", "interior", "concept", "scene", "view",
))
_MAX_DRAWN_PIXELS = 4_200_000        # larger pictures are enlarged from this, to keep 4K within three seconds
_REMOVAL = re.compile(r"\b(remove|erase|delete|take away|get rid of|clean up)\b|^\s*(nothing|empty)\b")


# --- Words ------------------------------------------------------------------------------------------------

def read_words(prompt: str) -> tuple[str, bool]:
    """What the artist wrote, lower case, and whether it stood in one of our templates."""
    found = _TEMPLATE.search(prompt)
    text = "".join(part or "" for part in found.groups()) if found else _ROLES.sub("", prompt)
    return text.lower(), found is not None


def _stem(word: str) -> str:
    """The singular, where a surface is known by it."""
    for stem in (word, word.removesuffix("s"), word.removesuffix("es")):
        if stem in SURFACES:
            return stem
    return word


def _find_material(text: str) -> str:
    """The word that names the material: the last one of the first phrase that has any ("stone tiles with moss")."""
    for phrase in re.split(r"\b(?:with|on|in|and|over|under|by|near|beside|covered)\b|[,;.:]", text):
        found = [stem for stem in map(_stem, re.findall(r"[a-z]+", phrase)) if stem in SURFACES]
        if found:
            return found[-1]
    return ""


def _seed_of(*facts: object) -> int:
    return int.from_bytes(hashlib.sha256(repr(facts).encode()).digest()[:8], "little")


# --- Pictures ---------------------------------------------------------------------------------------------

def make_picture(
    prompt: str, width_px: int, height_px: int, seed: int, *, transparent: bool = False,
) -> np.ndarray:
    """A picture of the words: uint8 (h, w, 3) display sRGB; (h, w, 4) with a cut-out if `transparent`.

    Where the words ask for a flat background it has one, not quite as flat, as the models' have.
    """
    if width_px * height_px > _MAX_DRAWN_PIXELS:
        shrink = math.sqrt(_MAX_DRAWN_PIXELS / (width_px * height_px))
        small = make_picture(prompt, int(width_px * shrink), int(height_px * shrink), seed, transparent=transparent)
        return np.array(Image.fromarray(small).resize((width_px, height_px), Image.Resampling.BICUBIC))
    if views := read_views(prompt):
        text, sides = views
        color = Look(frozenset(), tuple(_COLORS[word] for word in re.findall(r"[a-z]+", text) if word in _COLORS), _seed_of(text))
        return draw_views(sides, width_px, height_px, color.color((0.36, 0.47, 0.62)), np.random.default_rng(_seed_of(text)))
    text, is_texture = read_words(prompt)
    words = frozenset(re.findall(r"[a-z]+", text))
    colors = tuple(_COLORS[word] for word in re.findall(r"[a-z]+", text) if word in _COLORS)
    frame = Frame(width_px, height_px, np.random.default_rng(_seed_of(text, width_px, height_px, seed)))
    look = Look(words, colors, _seed_of(text))
    material = _find_material(text)
    is_texture = is_texture or not words.isdisjoint(_SURFACE_WORDS)
    if not is_texture and (not material or words & _SCENE_WORDS):
        rgb_display = _draw_scene(frame, look)
    else:
        surface = SURFACES.get(material, abstract)(frame, look)
        rgb_display = _to_bytes(_light(_weather(frame, look, surface, material)))
    if transparent:
        return np.dstack((rgb_display, _cut_out(frame)))
    if asked := _BACKDROP.search(prompt):
        return _on_backdrop(frame, rgb_display, [int(part, 16) for part in asked.groups()])
    return rgb_display


def _on_backdrop(frame: Frame, rgb_display: np.ndarray, color: list[int]) -> np.ndarray:
    share = _cut_out(frame).astype(np.float32)[..., None] / 255
    corners = ((frame.x / frame.width_px - 0.5) ** 2 + (frame.y / frame.height_px - 0.5) ** 2)[..., None]
    backdrop = np.array(color, np.float32) * (1 - 0.04 * corners) + frame.rng.normal(0, 1.2, (*rgb_display.shape[:2], 1))
    return np.clip(backdrop + (rgb_display - backdrop) * share + 0.5, 0, 255).astype(np.uint8)


def _weather(frame: Frame, look: Look, surface: Surface, material: str) -> Surface:
    """What the adjectives do to any surface."""
    rgb, height = surface.rgb, surface.height
    if look.has("rusty", "rusted", "rust", "corroded") and material != "rust":
        amount = 0.2 if look.has("heavily", "very", "old") else -0.35
        surface = rust(frame, look, Surface(rgb, height, surface.relief, surface.joints), amount)
        rgb, height = surface.rgb, surface.height
    if look.has("cracked", "cracks", "crackled", "broken", "crumbling"):
        _, border, _, _ = cells(frame, 190, 0.95, 34)
        crack = step(1.8 + np.minimum(fbm(frame, 130, 3), 0.9) - border, 0.0, 1.1)
        rgb = [plane * (1 - 0.78 * crack) for plane in rgb]
        height = height - crack * 0.4
    if look.has("weathered", "worn", "old", "aged", "dirty", "grimy", "ancient", "antique", "dusty", "faded"):
        rough = fbm(frame, 330, 7, 0.62)
        streaks = fbm(frame, 26, 4, 0.6, stretch_y=12)
        gray = (rgb[0] + rgb[1] + rgb[2]) * np.float32(1 / 3)
        faded = step(rough, -0.2, 1.4) * 0.38
        grime = step(-rough + streaks * 0.2, 0.0, 2.4) * 0.36
        rgb = [(plane + (gray * tone - plane) * faded) * (1 - grime * dirt)
               for plane, tone, dirt in zip(rgb, (1.10, 1.07, 1.0), (0.85, 0.95, 1.1), strict=True)]
    if look.has("mossy", "moss", "overgrown", "lichen") and material not in ("moss", "lichen"):
        spread = fbm(frame, 230, 6, 0.6) + (0.5 - height) * (2.2 if surface.joints else 0.6)
        mask = step(spread, 0.35, 0.95)
        green = moss(frame, Look(frozenset()))
        rgb = mix(rgb, green.rgb, mask)
        height = height + mask * (green.height * 0.5 - 0.1)
    if look.has("snowy", "frosty", "frozen"):
        rgb = mix(rgb, (0.93, 0.95, 0.98), step(fbm(frame, 240, 6) + height, 0.6, 1.5) * 0.9)
    if look.has("wet", "damp", "rainy"):
        soaked = 0.75 + 0.25 * step(fbm(frame, 280, 4) - height, -1.4, 0.2)
        puddle = step(fbm(frame, 260, 4) - height * 1.5, -0.3, -0.1)
        rgb = [plane ** 1.25 * (1 - 0.24 * soaked) + 0.05 * puddle * cool
               for plane, cool in zip([np.maximum(plane, 0) for plane in rgb], (0.7, 0.9, 1.1), strict=True)]
        height = np.maximum(height, puddle * 0.35)
    gain = (0.62 if look.has("dark") else 1.0) * (1.18 if look.has("light", "pale", "bright") else 1.0)
    if gain != 1.0:
        rgb = [plane * np.float32(gain) for plane in rgb]
    return Surface(rgb, height, surface.relief * (0.7 if look.has("clean", "smooth", "polished", "new") else 1.0))


def _light(surface: Surface) -> list[np.ndarray]:
    """The faint light from above that even a flat texture shows: slopes of the height, a pixel apart."""
    height = surface.height
    slope = np.zeros_like(height)
    slope[1:, 1:] = height[1:, 1:] - height[:-1, :-1]
    light = 1 + np.clip(slope * surface.relief, -0.22, 0.2)
    return [plane * light for plane in surface.rgb]


def _to_bytes(rgb: list[np.ndarray]) -> np.ndarray:
    picture = np.empty((*rgb[0].shape, 3), np.uint8)
    for channel, plane in enumerate(rgb):
        picture[:, :, channel] = np.clip(plane * 255 + 0.5, 0, 255)
    return picture


def _cut_out(frame: Frame) -> np.ndarray:
    """Alpha of a soft-edged island in the middle, uint8 (h, w)."""
    away = np.hypot((frame.x / frame.width_px - 0.5) * 2.3, (frame.y / frame.height_px - 0.5) * 2.3)
    island = 0.86 - away + 0.09 * fbm(frame, 300, 5)
    return (step(island, 0.0, 0.012) * 255 + 0.5).astype(np.uint8)


# --- Scenes -----------------------------------------------------------------------------------------------

_SKIES: tuple[tuple[tuple[str, ...], RGB, RGB, RGB], ...] = (       # words, top, horizon, sun
    (("dusk", "sunset", "sunrise", "dawn", "evening"), (0.20, 0.22, 0.42), (0.96, 0.62, 0.40), (1.0, 0.86, 0.62)),
    (("night", "midnight", "moon", "moonlit", "stars"), (0.03, 0.05, 0.13), (0.16, 0.22, 0.38), (0.92, 0.94, 1.0)),
    (("storm", "stormy", "rain", "fog", "foggy", "misty"), (0.40, 0.44, 0.48), (0.70, 0.72, 0.73), (0.85, 0.86, 0.86)),
    ((), (0.30, 0.53, 0.82), (0.80, 0.88, 0.93), (1.0, 0.97, 0.86)),
)


def _draw_scene(frame: Frame, look: Look) -> np.ndarray:
    """An illustration: sky, sun, hills one behind another or a sea, and a plain figure of the subject."""
    width, height, rng = frame.width_px, frame.height_px, frame.rng
    top, low, sun = next(sky[1:] for sky in _SKIES if not sky[0] or look.has(*sky[0]))
    horizon = height * 0.60
    t = np.clip(frame.y / horizon, 0, 1) ** 1.3
    rgb = [a + (b - a) * t + np.zeros_like(frame.x) for a, b in zip(top, low, strict=True)]
    puffs = step(fbm(frame, 380, 6, 0.55, stretch_x=2.6), 0.3, 2.4) * (1 - t * 0.5) * 0.5
    rgb = mix(rgb, [0.5 * (a + 1) + np.float32(0) for a in low], puffs)
    sun_x, sun_y, radius = rng.uniform(0.2, 0.8) * width, rng.uniform(0.25, 0.5) * height, 46 * frame.unit
    away = np.hypot(frame.x - sun_x, frame.y - sun_y)
    rgb = mix(rgb, sun, np.exp(-away / (radius * 3.2)) * 0.55)
    rgb = mix(rgb, sun, step(radius - away, -1, 1.5))
    has_sea = look.has("sea", "ocean", "lighthouse", "lake", "water", "beach", "island", "ship", "boat", "coast")
    base = look.color((0.27, 0.38, 0.30))
    layers = 5
    for layer in range(layers):
        near = (layer + 1) / layers
        if has_sea and layer == 2:
            rgb = _draw_sea(frame, rgb, horizon, sun_x, top, low, sun)
        cell = (520 - 260 * near) * frame.unit
        points = rng.standard_normal(int(width / cell) + 4).astype(np.float32)
        xs = frame.x[0] / cell
        i = xs.astype(np.int32)
        f = xs - i
        f = f * f * (3 - 2 * f)
        rise = points[i] * (1 - f) + points[i + 1] * f
        rise = rise + 0.06 * resize(rng.standard_normal((1, max(8, width // 12)), dtype=np.float32), width, 1)[0]
        line = horizon + (near - 0.32) * height * (0.40 if not has_sea or layer < 2 else 0.52) - rise * height * 0.035
        color = [a * near * 0.9 + b * (1 - near * 0.9) for a, b in zip(np.multiply(base, 0.75), low, strict=True)]
        mask = step(frame.y - line[None, :], -0.8, 0.8)
        texture = fbm(frame, 50, 4) * 0.05 * near if layer == layers - 1 else np.float32(0)
        rgb = mix(rgb, [c * (1 + texture) for c in color], mask)
    dither = rng.normal(0, 0.004, (height, width)).astype(np.float32)        # else the sky shows bands
    picture = Image.fromarray(_to_bytes([plane + dither for plane in rgb]))
    _draw_subject(picture, look, low)
    return np.array(picture)


def _draw_sea(
    frame: Frame, rgb: list[np.ndarray], horizon: float, sun_x: float, top: RGB, low: RGB, sun: RGB,
) -> list[np.ndarray]:
    depth = np.clip((frame.y - horizon) / (frame.height_px - horizon), 0, 1)
    waves = fbm(frame, 16, 3, 0.7, stretch_x=9)
    sea = [(b * 0.75 + (a * 0.75 - b * 0.75) * np.sqrt(depth)) * (1 + 0.07 * waves)
           for a, b in zip(top, low, strict=True)]
    path = np.exp(-np.abs(frame.x - sun_x) / ((40 + 180 * depth) * frame.unit)) * step(waves, -0.3, 1.2)
    return mix(rgb, mix(sea, sun, path * 0.7), step(frame.y - horizon, -0.8, 0.8))


def _draw_subject(picture: Image.Image, look: Look, glow: RGB) -> None:
    """A silhouette in the middle: tower, house, tree, figure, or a plain ball. Drawn at three times the size."""
    width, height = picture.size
    unit = min(width, height) / 1000
    fine = 3
    body_color = look.color((0.24, 0.22, 0.25))
    dark, light = [tuple(int(255 * c * k) for c in body_color) for k in (0.75, 1.15)]
    shine = tuple(int(255 * min(1.0, c * 1.15)) for c in glow)
    span = int(720 * unit)
    left, top = width // 2 - span // 2, int(height * 0.86) - span
    layer = Image.new("RGBA", (span * fine, span * fine))
    draw = ImageDraw.Draw(layer)

    def at(*points: float) -> list[tuple[float, float]]:
        """Points given in thousandths of the span, origin at the foot's middle, y up."""
        return [((500 + x) * span * fine / 1000, (1000 - y) * span * fine / 1000)
                for x, y in zip(points[::2], points[1::2], strict=True)]

    if look.has("lighthouse", "tower", "castle", "church", "city"):
        draw.polygon(at(-95, 0, -60, 640, 60, 640, 95, 0), light)
        for foot in (110, 330, 550):
            draw.polygon(at(-93 + foot * 0.05, foot, -88 + foot * 0.05, foot + 90, 88 - foot * 0.05, foot + 90,
                            93 - foot * 0.05, foot), dark)
        draw.polygon(at(-80, 640, -80, 665, 80, 665, 80, 640), dark)
        draw.polygon(at(-45, 665, -45, 750, 45, 750, 45, 665), shine)
        draw.polygon(at(-62, 750, 0, 830, 62, 750), dark)
    elif look.has("house", "cottage", "cabin", "village", "room", "barn", "street"):
        draw.polygon(at(-260, 0, -260, 260, 260, 260, 260, 0), light)
        draw.polygon(at(-310, 250, -170, 470, 170, 470, 310, 250), dark)
        for x in (-180, 90):
            draw.polygon(at(x, 110, x, 200, x + 90, 200, x + 90, 110), shine)
        draw.polygon(at(-40, 0, -40, 170, 40, 170, 40, 0), dark)
    elif look.has("tree", "trees", "forest", "plant"):
        draw.polygon(at(-35, 0, -18, 420, 18, 420, 35, 0), dark)
        for x, y, r in ((0, 560, 190), (-130, 470, 130), (130, 480, 140), (0, 700, 120)):
            draw.ellipse((*at(x - r, y + r)[0], *at(x + r, y - r)[0]), light if y > 500 else dark)
    elif look.has("character", "portrait", "person", "man", "woman", "girl", "boy", "knight", "robot", "figure"):
        draw.polygon(at(-150, 0, -190, 470, -110, 560, 110, 560, 190, 470, 150, 0), light)
        draw.polygon(at(-20, 0, -12, 230, 12, 230, 20, 0), dark)
        draw.ellipse((*at(-105, 790)[0], *at(105, 560)[0]), light)
        draw.pieslice((*at(-115, 810)[0], *at(115, 580)[0]), 180, 360, dark)
    else:
        draw.ellipse((*at(-210, 420)[0], *at(210, 0)[0]), dark)
        draw.ellipse((*at(-190, 415)[0], *at(150, 75)[0]), light)
        draw.ellipse((*at(-110, 370)[0], *at(-10, 270)[0]), shine)
    small = layer.resize((span, span), Image.Resampling.BOX)
    picture.paste(small, (left, top), small)


# --- Edits ------------------------------------------------------------------------------------------------

def redraw(
    picture: np.ndarray, prompt: str, mask_alpha: np.ndarray | None, seed: int, *,
    size: tuple[int, int] | None = None, transparent: bool = False,
) -> np.ndarray:
    """What an edit answers: `picture` (uint8 (h, w, 3 or 4) display sRGB) drawn again as a whole, hence drifted a
    little, with what the prompt asks for where `mask_alpha` (uint8 (h, w)) is 0; without mask half over everything.
    `size` is the (width, height) of the result, the picture's own if None.
    """
    width, height = size or (picture.shape[1], picture.shape[0])
    rng = np.random.default_rng(_seed_of("redraw", prompt, width, height, seed))
    source = np.ascontiguousarray(picture[:, :, :3])
    if source.shape[1::-1] != (width, height):
        source = np.asarray(Image.fromarray(source).resize((width, height), Image.Resampling.LANCZOS))
    if mask_alpha is None:
        share = np.full((height, width), 1.0 if read_views(prompt) else 0.5, np.float32)
    else:
        soft = Image.fromarray(255 - mask_alpha).resize((width, height), Image.Resampling.BILINEAR)
        soft = soft.filter(ImageFilter.GaussianBlur(3.0 * min(width, height) / 1000))
        share = np.asarray(soft, np.float32) / 255
    words, _ = read_words(prompt)
    if asked := _MAP.search(prompt):
        content, share = _map_of(source, asked[2], asked[1] or ""), np.ones_like(share)
    elif change := _CHANGE.search(prompt):
        content, share = _changed(source, change[1].lower(), rng), np.ones_like(share)
    elif not words or _REMOVAL.search(words):             # nothing is asked for: what is around goes on
        content = _fill_from_around(source, share)
        if mask_alpha is None:
            share = share * 0
    else:
        content = make_picture(prompt, width, height, seed)
    mixed = source + (content.astype(np.float32) - source) * share[:, :, None]
    drawn = _drift(mixed, rng)
    if not transparent:
        return drawn
    return np.dstack((drawn, _cut_out(Frame(width, height, rng))))


def _map_of(source: np.ndarray, kind: str, text: str) -> np.ndarray:
    """A map of a texture as one would paint it who sees only its colors, uint8 (h, w, 3)."""
    gray = Image.fromarray(source).convert("L")
    unit = min(source.shape[:2]) / 1000
    fine, slow = (np.asarray(gray.filter(ImageFilter.GaussianBlur(radius * unit)), np.float32) for radius in (1.2, 40))
    form = fine - slow                          # what is brighter than around it
    form *= np.float32(1 / (float(form.std()) + 1e-3))
    if kind == "emission":
        glows = np.asarray(gray, np.float32)[:, :, None] > 215
        return np.where(glows, source, np.uint8(0))
    if kind == "metallic":
        plane = np.full(form.shape, 0.94 if re.search(r"\b(metal|metallic|steel|iron|copper|brass|gold|chrome)\b", text.lower()) else 0.02)
    elif kind == "roughness":
        plane = 0.72 - 0.09 * form
    else:
        plane = 0.52 + 0.17 * np.tanh(form * 0.9) * (1 + 0.3 * np.tanh(form))
    return np.repeat(np.clip(plane * 255 + 0.5, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


def _changed(source: np.ndarray, text: str, rng: np.random.Generator) -> np.ndarray:
    """The surface drawn once more, weathered and colored as the words say; uint8 (h, w, 3)."""
    look = Look(frozenset(re.findall(r"[a-z]+", text)), tuple(_COLORS[word] for word in re.findall(r"[a-z]+", text) if word in _COLORS), 0)
    planes = [np.ascontiguousarray(source[:, :, channel], np.float32) * np.float32(1 / 255) for channel in range(3)]
    gray = sum(planes) * np.float32(1 / 3)
    if look.colors:
        planes = [plane + (gray * np.float32(tone * 2) - plane) * np.float32(0.6) for plane, tone in zip(planes, look.colors[0], strict=True)]
    surface = Surface(planes, gray / max(float(gray.max()), 1e-3), 0.0, True)
    return _to_bytes(_weather(Frame(source.shape[1], source.shape[0], rng), look, surface, "").rgb)


def _drift(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The frame moved by up to 4 px, zoomed by up to 1.5 %, with another gain, gamma and some noise; as uint8.

    `rgb` is float32 (h, w, 3), 0..255.
    """
    height, width = rgb.shape[:2]
    shift_x, shift_y = rng.uniform(-4, 4, 2)
    zoom = 1 + rng.uniform(-0.015, 0.015)
    # Pillow asks for the way back: where in the old frame a pixel of the new one lies.
    back = (1 / zoom, 0.0, width / 2 - (width / 2 + shift_x) / zoom,
            0.0, 1 / zoom, height / 2 - (height / 2 + shift_y) / zoom)
    margin = 48                                   # beyond the frame's edge its border goes on
    frame = np.clip(rgb + 0.5, 0, 255).astype(np.uint8)
    padded = np.pad(frame, ((margin, margin), (margin, margin), (0, 0)), "reflect")
    back = (back[0], 0.0, back[2] + margin, 0.0, back[4], back[5] + margin)
    moved = Image.fromarray(padded).transform((width, height), Image.Transform.AFFINE, back, Image.Resampling.BICUBIC)
    gain, gamma = 1 + rng.uniform(-0.04, 0.04), rng.uniform(0.97, 1.03)
    curve = 255 * np.clip(gain * (np.arange(256) / 255) ** gamma, 0, 1)
    drawn = curve.astype(np.float32)[np.asarray(moved)]
    drawn += rng.standard_normal((height, width, 1), dtype=np.float32) * 1.3
    return np.clip(drawn + 0.5, 0, 255).astype(np.uint8)


def _fill_from_around(source: np.ndarray, share: np.ndarray) -> np.ndarray:
    """`source` with the share's inside filled smoothly from its surroundings, uint8.

    Known pixels are averaged into ever smaller pictures, then holes filled from coarse to fine.
    """
    known = 1 - np.clip(share * 4, 0, 1)
    levels = [(source.astype(np.float32) * known[:, :, None], known)]
    while min(levels[-1][1].shape) > 2:
        color, weight = levels[-1]
        width, height = (weight.shape[1] + 1) // 2, (weight.shape[0] + 1) // 2
        half = [resize(np.ascontiguousarray(color[:, :, c]), width, height, Image.Resampling.BOX) for c in range(3)]
        levels.append((np.dstack(half), resize(weight, width, height, Image.Resampling.BOX)))
    color, weight = levels.pop()
    filled = color / np.maximum(weight, 1e-4)[:, :, None]
    for color, weight in reversed(levels):
        height, width = weight.shape
        coarse = [resize(np.ascontiguousarray(filled[:, :, c]), width, height, Image.Resampling.BILINEAR)
                  for c in range(3)]
        filled = color + np.dstack(coarse) * (1 - np.clip(weight, 0, 1))[:, :, None]
    return np.clip(filled + 0.5, 0, 255).astype(np.uint8)


# --- Files ------------------------------------------------------------------------------------------------

def encode_picture(picture: np.ndarray, output_format: str, output_compression: int | None = None) -> bytes:
    """The bytes of a "png", "jpeg" or "webp" file. `output_compression` 0..100 is the quality of the last two."""
    image, file = Image.fromarray(picture), io.BytesIO()
    quality = 100 if output_compression is None else output_compression
    if output_format == "png":
        image.save(file, "PNG", compress_level=1)
    elif output_format == "jpeg":
        image.convert("RGB").save(file, "JPEG", quality=min(95, max(1, quality)))
    else:
        image.save(file, "WEBP", quality=min(95, quality), method=1)
    return file.getvalue()
