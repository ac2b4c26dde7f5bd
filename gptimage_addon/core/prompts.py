# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is sent for what the artist wrote, and names made from it."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

__all__ = (
    "MAP_VALUES", "map_prompt", "COARSE_ROLES", "CONTINUED", "FIRST", "ROLES", "VIEWS", "backdrop_of", "decal_on_backdrop_prompt",
    "decal_prompt", "edit_texture_prompt", "extend_prompt", "final_prompt", "heal_prompt", "is_named", "lettered_prompt", "markup_prompt",
    "name_from_prompt", "reference_prompt", "sheet_prompt", "texture_prompt", "tile_prompt", "touch_up_prompt", "vary_texture_prompt",
    "view_prompt",
)

_TEXTURE = (
    "A flat texture map of {words}. Seen straight on from above, orthographic, no perspective and no tilt. "
    "Even, diffuse, shadowless light with no highlights and no vignette. The surface fills the whole frame from "
    "edge to edge at one scale, with no border, no background, no objects in front of it and no lettering."
)
_KEEP = "Everything outside the marked area stays exactly as it is, in the same place, at the same size and in the same colors."
_TOUCH_UP = (
    "In the marked area of the first picture: {words}. It belongs to the scene: same light, perspective, focus and grain. " + _KEEP
)
_REMOVE = (
    "Remove what is in the marked area of the first picture and show what lies behind it, as if it had never been there. " + _KEEP
)
_MARKUP = (
    "Change the first picture as the lines and notes drawn over it say{words}. The drawn lines and notes themselves are not in the "
    "result. All that they do not speak of stays exactly as it is, in the same place, at the same size and in the same colors."
)
_EXTEND = (
    "Continue the first picture into the marked area at its sides{words}. It is one picture without any border: same scene, light, "
    "perspective, scale, focus and grain go on, and nothing is mirrored or repeated. " + _KEEP
)
_FINAL = (
    "The first picture is a draft. Make the finished picture of it: the same composition, layout, shapes, scale, colors and light, every "
    "part in its place, worked out in full detail, sharp and clean. What it shows: "
)
_HEAL = (
    "The first picture is a flat texture map{words}. In the marked cross its parts do not fit together: draw the surface on there, so "
    "that no seam is left. Same material, scale, light and colors as around it, nothing blurred, mirrored or repeated. " + _KEEP
)
_EDIT_TEXTURE = (
    "The first picture is a flat texture map, seen straight on and evenly lit. In its marked area: {words}. It lies in the surface at the "
    "same scale and in the same light, with no shadow cast and no lettering. " + _KEEP
)
_CLEAR_TEXTURE = (
    "The first picture is a flat texture map. Remove what is in its marked area and let the surface around it go on there, at the same scale "
    "and in the same light, nothing blurred, mirrored or repeated. " + _KEEP
)
_VARY_TEXTURE = (
    "Draw the flat texture map in the first picture once more, changed in this: {words}. All that this does not speak of stays: material, "
    "layout, scale and colors. Seen straight on, evenly lit, without shadows and highlights; it fills the whole frame, with no border and no "
    "lettering."
)
# What a model is asked to draw instead of the colors; normals and occlusion follow from the height.
MAP_VALUES = {
    "height": "as grey values: white is what stands highest, black what lies deepest, with all steps between; slopes are even, whatever their color is",
    "roughness": "as grey values: black mirrors, white is wholly matt; only how rough the surface is counts, not how bright",
    "metallic": "in black and white: white is bare metal, black is everything else, also rust, paint and dirt on metal",
    "emission": "in color: what glows by itself in its own color, everything else pure black",
}
_MAP = (
    "The first picture is a flat texture map{words}. Draw the {kind} map of this surface, {values}. Every shape lies exactly where it lies in the "
    "first picture, at the same size, from edge to edge. It is data for a renderer, no photograph: no light, no shadow, no border and no lettering."
)
# Blender's views by their names, in words that leave no side open: a subject that looks along -Y faces left in the right view.
VIEWS = {
    "front": "seen from the front", "right": "seen from the side, facing left", "back": "seen from behind",
    "left": "seen from the other side, facing right", "top": "seen from above, facing down the picture",
}
_PLAIN = (
    "Orthographic, no perspective. The whole subject upright in a neutral pose, arms a little away from the body where it has any. "
    "Plain light gray background, even light, no shadow on the ground, no lettering, no frame."
)
_SHEET = (
    "A turnaround sheet of {words}: the same subject {count} times side by side in equal columns, from left to right {views}. "
    "Every view at the same size, standing on the same line, centered in its column, with clear space between them. " + _PLAIN
)
_VIEW = "One orthographic view of {words}: {view}. The subject fills most of the height and is centered. " + _PLAIN
_DECAL = (
    "A decal of {words}. It stands alone in the middle of the frame, whole, with a margin on all sides, seen straight on, in even, "
    "diffuse light, without a shadow or a glow of its own and without a surface around it. "
)
_TRANSPARENT = "All around it, and in its holes, the picture is transparent."
_BACKDROP = (
    "All around it, and in its holes, the picture is one flat, uniform, pure {name} ({code}) without gradient, pattern, shadow or "
    "reflection; nothing in it has that color or is tinted by it."
)
# Backdrops, and the words that speak of something in their hue.
_BACKDROPS = {
    ("magenta", "#FF00FF"): {"magenta", "fuchsia", "pink", "rose", "purple", "violet", "lilac", "lavender", "orchid", "plum", "mauve", "berry",
                             "neon", "cherry", "blossom", "amethyst", "flower", "flowers"},
    ("green", "#00FF00"): {"green", "lime", "olive", "emerald", "jade", "mint", "moss", "mossy", "grass", "leaf", "leaves", "ivy", "vine",
                           "vines", "plant", "plants", "tree", "fern", "foliage", "lichen", "algae", "cactus", "clover", "slime", "toxic"},
    ("blue", "#0000FF"): {"blue", "navy", "azure", "cobalt", "indigo", "sky", "water", "sea", "ocean", "sapphire", "denim", "ink"},
}
_LETTERING = (
    "The picture bears this lettering, spelled exactly so, letter for letter, and no other text: {lines}. It stands where the picture of the "
    "lettering shows it, at that size, and belongs to what bears it: same material, light and perspective."
)
_GIVEN = "The pictures given are, in order: {roles}."
# What a picture is sent for, by the name the artist knows, and how the model is told.
ROLES = {
    "style": "the style: take over its medium, rendering, light and mood, not what it shows",
    "palette": "the palette: use its colors, not what it shows",
    "subject": "the subject: the very same one, keep its identity, shape, proportions and markings",
    "material": "the material: the surface is made of what this shows, not in its shape",
    "composition": "the composition: frame and arrange the picture like this one, not with what it shows",
    "depth": "a depth map: light is near, dark is far. Keep this layout in space; do not show the map itself",
    "lettering": "the lettering, black on white: these very letters, spelled so, at this place and size",
    "layout": "the layout: what is where, how large and from which side. Keep it; look and material are only placeholders",
}
# Of what continues a result: the first picture of the series goes along each time, so that nothing drifts away from it.
FIRST, CONTINUED = "first", "continued"
_SERIES = {
    FIRST: "the first picture of this series: whoever and whatever it shows keeps its identity, shape, proportions, markings and style",
    CONTINUED: "the latest picture of this series, to go on from: it stays as it is but for what is asked",
}
COARSE_ROLES = frozenset({"palette"})           # for these no detail is looked at


def is_named(role: str) -> bool:
    """Whether a role has a name, and is not only told in somebody's own words."""
    return role.partition(":")[0].strip() in {*ROLES, *_SERIES}


def role_words(role: str) -> str:
    """How the model is told a role: "style", words of one's own, or "style: more words"."""
    name, _, more = role.partition(":")
    words = ROLES.get(name.strip()) or _SERIES.get(name.strip())
    if words is None:
        return role or "reference"
    return f"{words}. In particular: {more.strip()}" if more.strip() else words


def _with_roles(text: str, roles: tuple[str, ...]) -> str:
    if not any(roles):
        return text
    told = "; ".join(f"{i}. {role_words(role)}" for i, role in enumerate(roles, 1))
    return f"{text}\n{_GIVEN.format(roles=told)}"


def texture_prompt(words: str, *, roles: tuple[str, ...] = ()) -> str:
    """The prompt for a texture: flat light, straight on, no perspective. `roles` names the pictures sent, in order."""
    return _with_roles(_TEXTURE.format(words=words.strip().rstrip(".")), roles) if words.strip() else ""


def backdrop_of(words: str) -> tuple[str, str]:
    """(name, "#RRGGBB") of a flat background whose hue is not in what the words describe."""
    found = set(re.findall(r"[a-z]+", words.lower()))
    return min(_BACKDROPS, key=lambda backdrop: len(found & _BACKDROPS[backdrop]))


def decal_prompt(words: str, *, roles: tuple[str, ...] = ()) -> str:
    """The prompt for a decal, of a model that makes transparency."""
    return _with_roles((_DECAL + _TRANSPARENT).format(words=words.strip().rstrip(".")), roles) if words.strip() else ""


def decal_on_backdrop_prompt(words: str, *, roles: tuple[str, ...] = ()) -> str:
    """The same, of a model that makes none: on a flat background that can be told from the decal."""
    name, code = backdrop_of(words)
    return _with_roles((_DECAL + _BACKDROP).format(words=words.strip().rstrip("."), name=name, code=code), roles) if words.strip() else ""


def final_prompt(words: str, *, draft: Callable[[str], str], roles: tuple[str, ...] = ()) -> str:
    """The prompt for the finished picture of a draft, which is sent along first; `draft` is the template that it was asked for with."""
    told = draft(words)
    return _with_roles(_FINAL + told, roles) if told else ""


def reference_prompt(words: str, *, roles: tuple[str, ...] = ()) -> str:
    """The prompt for a reference picture: the artist's own words."""
    return _with_roles(words.strip(), roles) if words.strip() else ""


def lettered_prompt(words: str, *, lines: tuple[str, ...], roles: tuple[str, ...] = ()) -> str:
    """The prompt for a reference picture that bears lettering, line by line; one of the pictures sent shows it."""
    told = " / ".join(f'"{line}"' for line in lines)
    return _with_roles(f"{words.strip()}\n{_LETTERING.format(lines=told)}", roles) if words.strip() else ""


def touch_up_prompt(words: str, *, roles: tuple[str, ...] = ()) -> str:
    """The prompt for a touch-up. Without words what is in the area is removed."""
    template = _TOUCH_UP if words.strip() else _REMOVE
    return _with_roles(template.format(words=words.strip().rstrip(".")), roles)


def markup_prompt(words: str, *, roles: tuple[str, ...] = ()) -> str:
    """The prompt where marks drawn over the picture say what to change; words may add to them."""
    return _with_roles(_MARKUP.format(words=_added(words)), roles)


def extend_prompt(words: str, *, roles: tuple[str, ...] = ()) -> str:
    """The prompt for more of a picture at its sides; words may say what is there."""
    return _with_roles(_EXTEND.format(words=_added(words)), roles)


def tile_prompt(words: str, *, roles: tuple[str, ...] = ()) -> str:
    """The prompt for a texture's UDIM tile that goes on from its neighbors."""
    surface = f"a flat texture map of {words.strip().rstrip('.')}, seen straight on, in even, shadowless light"
    return extend_prompt(surface, roles=roles) if words.strip() else ""


def heal_prompt(words: str, *, roles: tuple[str, ...] = ()) -> str:
    """The prompt for a texture's seams; words may say what it shows."""
    return _with_roles(_HEAL.format(words=f" of {words.strip().rstrip('.')}" if words.strip() else ""), roles)


def edit_texture_prompt(words: str, *, roles: tuple[str, ...] = ()) -> str:
    """The prompt for an area of a texture. Without words what is in it is removed."""
    template = _EDIT_TEXTURE if words.strip() else _CLEAR_TEXTURE
    return _with_roles(template.format(words=words.strip().rstrip(".")), roles)


def vary_texture_prompt(words: str, *, roles: tuple[str, ...] = ()) -> str:
    """The prompt for a texture drawn once more, with a change."""
    return _with_roles(_VARY_TEXTURE.format(words=words.strip().rstrip(".")), roles) if words.strip() else ""


def sheet_prompt(words: str, views: tuple[str, ...], *, roles: tuple[str, ...] = ()) -> str:
    """The prompt for several views of one subject on one sheet. `views` are keys of VIEWS, from left to right."""
    told = ", then ".join(VIEWS[view] for view in views)
    return _with_roles(_SHEET.format(words=words.strip().rstrip("."), count=len(views), views=told), roles) if words.strip() else ""


def view_prompt(words: str, view: str, *, roles: tuple[str, ...] = ()) -> str:
    """The prompt for one view of a subject. `view` is a key of VIEWS."""
    return _with_roles(_VIEW.format(words=words.strip().rstrip("."), view=VIEWS[view]), roles) if words.strip() else ""


def map_prompt(words: str, *, roles: tuple[str, ...] = ()) -> str:
    """The prompt for a map of a texture: the words name it, "height" or another key of MAP_VALUES, and after a colon what the texture shows."""
    kind, _, words = words.partition(":")
    of = f" of {words.strip().rstrip('.')}" if words.strip() else ""
    return _with_roles(_MAP.format(words=of, kind=kind, values=MAP_VALUES[kind]), roles)


def _added(words: str) -> str:
    words = words.strip().rstrip(".")
    return f": {words}" if words else ""


@lru_cache(maxsize=256)         # panels ask at every redraw
def name_from_prompt(words: str, limit: int = 40) -> str:
    """A datablock's name from the first words: "weathered red brick" -> "Weathered Red Brick". Never empty."""
    name = ""
    for word in re.findall(r"\w[\w'’-]*", words):
        longer = f"{name} {word[:1].upper()}{word[1:]}".strip()
        if len(longer.encode()) > limit:
            break
        name = longer
    return name or "GPT Image"
