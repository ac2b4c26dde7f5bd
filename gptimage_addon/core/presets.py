# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recipes for textures: words, size, tiling and maps under one name. Those that come along, and their form as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import NamedTuple

from .errors import InputError
from .request import MapKind
from .values import from_json, to_json

__all__ = ("SHIPPED", "Preset", "find_preset", "presets_from_json", "presets_to_json")

VERSION = 1
_PBR = (MapKind.NORMAL, MapKind.ROUGHNESS, MapKind.HEIGHT, MapKind.AO)


class Preset(NamedTuple):
    """A recipe. `prompt` replaces the artist's words; an empty model, size or quality leaves what is set.

    `seamless`, `even`, `delight`, `maps`, `scale_m` and `relief_m` are those of a texture in the job file.
    """

    name: str
    prompt: str = ""
    model: str = ""
    size: str = ""
    quality: str = ""
    seamless: str = "xy"
    even: float = 0.5
    delight: float = 0.0
    maps: tuple[MapKind, ...] = _PBR
    scale_m: float = 0.0
    relief_m: float = 0.02


# Widths and depths are those of the real thing: what one picture of the surface would show, and how deep its joints go.
SHIPPED: tuple[Preset, ...] = (
    Preset("Asphalt", "worn asphalt road surface, fine aggregate, a few hairline cracks", scale_m=2.0, relief_m=0.008),
    Preset("Bark", "rough oak bark with deep vertical furrows", scale_m=0.6, relief_m=0.03, delight=0.4),
    Preset("Brick Wall", "weathered red brick wall in running bond with grey mortar", scale_m=1.6, relief_m=0.012),
    Preset("Cobblestone", "rounded granite cobblestones with moss in the joints", scale_m=2.0, relief_m=0.04, delight=0.3),
    Preset("Concrete", "cast concrete with small air holes and faint form marks", scale_m=2.5, relief_m=0.004),
    Preset("Corrugated Metal", "corrugated steel sheet, galvanized, a little rust at the ribs", scale_m=1.2, relief_m=0.02,
           maps=(*_PBR, MapKind.METALLIC)),
    Preset("Denim", "blue denim fabric, diagonal twill weave, seen close", scale_m=0.1, relief_m=0.0006),
    Preset("Fabric Linen", "natural linen cloth, plain weave with slubs", scale_m=0.15, relief_m=0.0008),
    Preset("Forest Floor", "forest floor with fallen leaves, twigs and pine needles", scale_m=2.0, relief_m=0.05, delight=0.4),
    Preset("Grass", "short meadow grass with a few clover leaves, from above", scale_m=1.5, relief_m=0.05, delight=0.4),
    Preset("Gravel", "grey crushed gravel, stones of one to three centimetres", scale_m=1.0, relief_m=0.02, delight=0.3),
    Preset("Leather", "brown full-grain leather with fine wrinkles", scale_m=0.3, relief_m=0.0008),
    Preset("Marble", "polished white marble with thin grey veins", scale_m=1.5, relief_m=0.0002, maps=(MapKind.ROUGHNESS,)),
    Preset("Parquet", "oak parquet in a herringbone pattern, oiled", scale_m=1.5, relief_m=0.002),
    Preset("Plaster", "rough white lime plaster with trowel marks", scale_m=2.0, relief_m=0.005),
    Preset("Roof Tiles", "old terracotta roof tiles in rows, lichen here and there", scale_m=2.0, relief_m=0.06, delight=0.3),
    Preset("Rusty Iron", "rusty iron plate with flaking paint", scale_m=1.0, relief_m=0.002, maps=(*_PBR, MapKind.METALLIC)),
    Preset("Sand", "fine dry sand with wind ripples", scale_m=1.5, relief_m=0.015, delight=0.3),
    Preset("Slate Floor", "irregular dark slate flagstones with narrow joints", scale_m=2.5, relief_m=0.01),
    Preset("Snow", "fresh snow with a slightly crusted surface", scale_m=2.0, relief_m=0.02, delight=0.3),
    Preset("Tiles", "square glazed ceramic wall tiles, off-white, with light grey grout", scale_m=1.2, relief_m=0.003),
    Preset("Wood Planks", "weathered pine planks with visible grain and nail holes", scale_m=1.6, relief_m=0.006),
    Preset("Panorama Sky", "clear evening sky over a flat horizon, equirectangular panorama", size="2048x1024", seamless="x",
           even=0.0, maps=()),
)


def find_preset(name: str, presets: Iterable[Preset] = SHIPPED) -> Preset:
    """The preset of that name, whatever its case. Raises InputError(field="preset")."""
    presets = tuple(presets)
    for preset in presets:
        if preset.name.casefold() == name.strip().casefold():
            return preset
    raise InputError(f"There is no preset {name!r}", field="preset", hint=f"Known are: {', '.join(preset.name for preset in presets)}")


def presets_to_json(presets: Iterable[Preset]) -> str:
    """The text of a file of presets."""
    return json.dumps({"version": VERSION, "presets": [to_json(preset) for preset in presets]}, indent=1, ensure_ascii=False)


def presets_from_json(text: str) -> tuple[Preset, ...]:
    """The presets of such a file. Raises InputError naming what does not fit, such as "presets[2].maps"."""
    try:
        facts = json.loads(text)
    except ValueError as error:
        raise InputError(f"The presets are no JSON: {error}", field="presets", hint="Use a file that Export Presets has written") from error
    if not isinstance(facts, dict) or facts.get("version") != VERSION or not isinstance(facts.get("presets"), list):
        raise InputError("The file holds no presets of this version", field="version", hint="Use a file that Export Presets has written")
    found = tuple(from_json(Preset, entry, f"presets[{i}]") for i, entry in enumerate(facts["presets"]))
    for i, preset in enumerate(found):
        if not preset.name.strip():
            raise InputError("The preset has no name", field=f"presets[{i}].name", hint="Give it one")
        if preset.seamless not in ("", "x", "y", "xy"):
            raise InputError(f"{preset.seamless!r} names no axes", field=f"presets[{i}].seamless", hint='Write "xy", "x", "y" or ""')
    return found
