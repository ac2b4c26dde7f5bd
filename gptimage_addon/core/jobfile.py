# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""JOBS.json: what a headless run is asked to do, read strictly. Unknown fields are errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from .catalog import DEFAULT_MODEL
from .errors import InputError
from .presets import SHIPPED, Preset, find_preset
from .regions import CONTEXT
from .request import MapKind, Request, Surface
from .values import from_json
from .sets import NAME_RULE

__all__ = (
    "DecalSpec", "EditTextureSpec", "GridSpec", "JOBFILE_VERSION", "JobSpec", "KINDS", "LetteringSpec", "MaskSpec", "ReferenceJobSpec",
    "ReferenceSpec", "TextureSpec",
    "TouchUpSpec", "read_jobfile",
)

JOBFILE_VERSION = 1


@dataclass(frozen=True, slots=True)
class ReferenceSpec:
    """A picture to send along: a file's path, an image's name, or a view of the scene, and its role.

    Views are "camera", "clay", "selected", "depth", "normal", "ids" and "uv:OBJECT"; without a role they tell what they are.
    """

    path: str = ""
    image: str = ""
    role: str = ""
    view: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Common:
    id: str
    kind: str
    prompt: str
    model: str = DEFAULT_MODEL
    size: str = "1024x1024"
    quality: str = "medium"
    background: str = "auto"
    output_format: str = "png"
    output_compression: int | None = None
    moderation: str = "auto"
    input_fidelity: str = ""
    n: int = 1
    batch: bool = False
    references: tuple[ReferenceSpec, ...] = ()
    continue_from: str = ""
    style_sheet: str = ""
    style: str = ""
    save: str = ""

    @property
    def words(self) -> Request:
        """The request, its prompt still the artist's words."""
        shared = Request._fields
        return Request(**{f.name: getattr(self, f.name) for f in fields(_Common) if f.name in shared})


@dataclass(frozen=True, slots=True, kw_only=True)
class DecalSpec:
    """A mesh of its own that lies on an object: where that is nearest to a `location` of the world, or on its selected faces.

    It faces along `normal`, by default away from the surface, is `width_m` metres wide, and follows the surface if it is to `conform`.
    """

    object: str
    width_m: float = 0.5
    location: tuple[float, ...] = ()
    normal: tuple[float, ...] = ()
    conform: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class TextureSpec(_Common):
    """A texture: on which objects, or on none for the image alone; `faces` for their selected faces only.

    `seamless` names the axes that tile ("x", "y" or "xy"; true is both), `even` and `delight` 0..1 how much of slow gradients
    and of baked light is taken out; `maps` are made beside the color, for a surface `relief_m` metres deep, whose height moves the mesh if
    `displace`; `maps_from` tells whether they are "derived" from it or drawn by the "model". The model also draws anew what lies about the
    seams of the axes `heal`. `preset` names a recipe for all that the job does not say itself. All of it can be done to an `image` that is
    there (a name, or a file) instead of one that is made; its words then only help to heal it. A `decal` is cut out of its background
    instead. With `udim` one is made for each tile that the objects' UV maps use.
    """

    prompt: str = ""
    image: str = ""
    heal: str = ""
    objects: tuple[str, ...] = ()
    faces: bool = False
    scale_m: float = 0.0
    asset: bool = False
    alpha: str = "blend"
    preset: str = ""
    seamless: str = ""
    even: float = 0.5
    delight: float = 0.0
    maps: tuple[MapKind, ...] = ()
    relief_m: float = 0.02
    maps_from: str = "derived"
    displace: bool = False
    decal: DecalSpec | None = None
    udim: bool = False

    @property
    def asked(self) -> tuple[MapKind, ...]:
        """The maps that the model draws."""
        return self.maps if self.maps_from == "model" else ()

    @property
    def surface(self) -> Surface | None:
        """The pixel work that is asked for, or None."""
        if self.decal:
            return Surface(cut_out=True)
        if not (self.seamless or self.delight or self.maps):
            return None
        even = self.even if self.seamless else 0.0
        maps = () if self.asked else self.maps
        return Surface(self.seamless, even, self.delight, maps, self.scale_m or 1.0, self.relief_m, displace=self.displace)


@dataclass(frozen=True, slots=True, kw_only=True)
class LetteringSpec:
    """What is to be read on the picture, as `request.Lettering` has it; `font` is a file's path or the name of a font of the .blend."""

    lines: tuple[str, ...]
    font: str = ""
    align: str = "center"
    box: tuple[float, ...] = (0.1, 0.4, 0.9, 0.6)
    color: tuple[float, ...] = (0.0, 0.0, 0.0)
    overlay: bool = False
    blend: str = "normal"


@dataclass(frozen=True, slots=True, kw_only=True)
class GridSpec:
    """What a grid compares; the prompt's choices come first, and what is not named is the job's own."""

    models: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    qualities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceJobSpec(_Common):
    """A reference picture: where it goes, and the camera whose view is sent along; `match_camera` gives it that camera's exact shape.

    `turnaround` names the sides (keys of prompts.VIEWS) from which one subject of `height_m` metres is shown, on `one_sheet` that is cut
    or in a picture each; they stand on the axes, or are images alone where `place` is "image". `grid` makes a picture of every
    combination, `prompts` one of each, named by `name_rule` (then `prompt` is the set's name); both end with a contact sheet.
    """

    place: str = ""
    from_view: str = ""
    match_camera: bool = False
    turnaround: tuple[str, ...] = ()
    one_sheet: bool = True
    height_m: float = 1.8
    grid: GridSpec | None = None
    prompts: tuple[str, ...] = ()
    name_rule: str = NAME_RULE
    lettering: LetteringSpec | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskSpec:
    """What to change, in one of these ways.

    A `border` (x0, y0, x1, y1) or a `polygon` in fractions of the picture from its bottom left; what the scene's camera
    sees of `objects`, of the selected `faces` of an object, of a `material`, of a `vertex_group` (object, group) or at a
    `depth` (from, to, in metres); an `image` (file or name) whose white is changed; the picture's own `alpha`; all of it.
    The faces of a picture that is no render are those of its UV map.
    """

    border: tuple[float, ...] = ()
    polygon: tuple[tuple[float, ...], ...] = ()
    objects: tuple[str, ...] = ()
    faces: str = ""
    material: str = ""
    vertex_group: tuple[str, ...] = ()
    depth: tuple[float, ...] = ()
    image: str = ""
    alpha: bool = False
    whole: bool = False


MASK_WAYS = tuple(f.name for f in fields(MaskSpec))


@dataclass(frozen=True, slots=True, kw_only=True)
class TouchUpSpec(_Common):
    """A touch-up of an image ("Render Result", a name, or a file). No words: what is in the mask is removed.

    `grow` and `feather` are in pixels, `context` is the share of the mask's diagonal that is sent around it; `separate`
    asks for each island of the mask by itself. Instead of a mask, `extend` adds pixels (left, top, right, bottom).
    """

    prompt: str = ""
    size: str = ""              # follows from the mask
    image: str
    mask: MaskSpec = MaskSpec()
    grow: float = 0.0
    feather: float = 0.0
    context: float = CONTEXT
    separate: bool = False
    extend: tuple[int, ...] = ()
    layer: str = "image"


@dataclass(frozen=True, slots=True, kw_only=True)
class EditTextureSpec(_Common):
    """A change of the texture of an `object`'s active material, or of a named `image`: where the selected faces show it, else all of it.

    `place` is "instead", in all materials that show it, or "image". Without words what the faces show is removed.
    """

    prompt: str = ""
    size: str = ""              # follows from the faces
    object: str = ""
    image: str = ""
    place: str = "instead"


JobSpec = TextureSpec | ReferenceJobSpec | TouchUpSpec | EditTextureSpec
KINDS: dict[str, type[JobSpec]] = {
    "texture": TextureSpec, "reference": ReferenceJobSpec, "touch_up": TouchUpSpec, "edit_texture": EditTextureSpec,
}
_EDITS = (TouchUpSpec, EditTextureSpec)
PLACES = ("image", "empty", "camera", "plane", "axes")
MAPS_FROM = ("derived", "model")
EDIT_PLACES = ("instead", "image")
LAYERS = ("image", "compositor")


def read_jobfile(document: object, presets: Sequence[Preset] = SHIPPED) -> tuple[JobSpec, ...]:
    """The jobs of a decoded JOBS.json. Raises InputError naming the field, such as "jobs[2].size".

    A texture's own fields count before those of its preset, and these before the defaults.
    """
    if not isinstance(document, dict):
        raise InputError("The job file is no JSON object", field="", hint='Begin with {"version": 1, "jobs": […]}')
    for name in document:
        if name not in ("version", "defaults", "jobs"):
            raise InputError(f"There is no field {name!r}", field=name, hint="Known are: version, defaults, jobs")
    if document.get("version") is True or document.get("version") != JOBFILE_VERSION:       # true equals 1
        raise InputError(f"The job file's version {document.get('version')!r} is not known", field="version",
                         hint=f"Write {JOBFILE_VERSION}")
    defaults, entries = document.get("defaults", {}), document.get("jobs")
    if not isinstance(defaults, dict):
        raise InputError("The defaults are no JSON object", field="defaults")
    if not isinstance(entries, list) or not entries:
        raise InputError("There are no jobs", field="jobs", hint="List at least one")
    for name in defaults:
        if not any(name in (f.name for f in fields(kind)) for kind in KINDS.values()):
            raise InputError(f"There is no field {name!r}", field=f"defaults.{name}")
    specs = tuple(_read_job(entry, defaults, f"jobs[{i}]", presets) for i, entry in enumerate(entries))
    seen: set[str] = set()
    for i, spec in enumerate(specs):
        if spec.id in seen:
            raise InputError(f"The id {spec.id!r} is there twice", field=f"jobs[{i}].id", hint="Give each job its own")
        seen.add(spec.id)
    return specs


def _read_job(entry: object, defaults: dict[str, object], where: str, presets: Sequence[Preset]) -> JobSpec:
    if not isinstance(entry, dict):
        raise InputError("The job is no JSON object", field=where)
    kind = entry.get("kind", defaults.get("kind"))
    if not isinstance(kind, str) or kind not in KINDS:
        raise InputError(f"There is no kind {kind!r}", field=f"{where}.kind", hint=f"Use {' or '.join(KINDS)}")
    spec_type = KINDS[kind]
    # A default that this kind does not know is meant for the others.
    known = {f.name for f in fields(spec_type)}
    if spec_type in _EDITS:
        known -= {"size", "output_format", "output_compression", "background", "continue_from"}
    facts = {**{name: value for name, value in defaults.items() if name in known}, **entry}
    if spec_type is TextureSpec and isinstance(facts.get("preset"), str) and facts["preset"]:
        try:
            preset = find_preset(facts["preset"], presets)
        except InputError as error:
            error.field = f"{where}.preset"
            raise
        recipe = {name: value for name, value in preset._asdict().items() if name != "name" and value != ""}
        facts = {**facts, **recipe, **entry}
    for name in ("seamless", "heal"):
        if isinstance(facts.get(name), bool):
            facts[name] = "xy" if facts[name] else ""
    spec = from_json(spec_type, facts, where)
    for i, reference in enumerate(spec.references):
        if sum(map(bool, (reference.path, reference.image, reference.view))) != 1:
            raise InputError("A reference is a path, an image or a view", field=f"{where}.references[{i}]",
                             hint="Give one of the three")
    if isinstance(spec, ReferenceJobSpec):
        _check_reference(spec, where)
    if isinstance(spec, TextureSpec):
        _check_texture(spec, entry, where)
    if isinstance(spec, _EDITS):
        _check_edit(entry, where)
    if isinstance(spec, TouchUpSpec):
        _check_touch_up(spec, where)
    if isinstance(spec, EditTextureSpec):
        _check_edit_texture(spec, where)
    endings = {"jpeg": (".jpg", ".jpeg")}.get(spec.output_format, (f".{spec.output_format}",))
    if isinstance(spec, TouchUpSpec):
        endings = (".png", ".exr")          # by the picture's own kind
    elif isinstance(spec, EditTextureSpec):
        endings = (".png",)
    elif isinstance(spec, TextureSpec) and (spec.heal or (spec.surface and spec.surface.changes_color)):
        endings = (".png",)                 # what was worked on is not squeezed again
    if spec.save and not spec.save.lower().endswith(endings):
        raise InputError(f"{spec.save!r} does not end like a {spec.output_format} file", field=f"{where}.save",
                         hint=f"End it with {' or '.join(endings)}")
    return spec


def _check_reference(spec: ReferenceJobSpec, where: str) -> None:
    if spec.place and spec.place not in PLACES:
        raise InputError(f"There is no place {spec.place!r}", field=f"{where}.place", hint=f"Use {' or '.join(PLACES)}")
    if spec.match_camera and (spec.turnaround or spec.grid or spec.prompts):
        raise InputError("Only a single picture has the camera's shape", field=f"{where}.match_camera", hint="Leave the field out")
    if spec.match_camera and spec.output_format != "png":
        raise InputError("What is cut is written so that nothing is lost", field=f"{where}.output_format", hint="Leave the field out")
    if spec.turnaround and spec.place not in ("", "image", "axes"):
        raise InputError("A turnaround stands on the axes", field=f"{where}.place", hint="Use axes or image")
    if spec.place == "axes" and not spec.turnaround:
        raise InputError("Only a turnaround stands on the axes", field=f"{where}.place", hint="Name the views in turnaround")
    kinds = [name for name in ("turnaround", "grid", "prompts") if getattr(spec, name)]
    if len(kinds) > 1:
        raise InputError(f"{kinds[0]} and {kinds[1]} cannot be asked for in one", field=f"{where}.{kinds[1]}", hint="Write two jobs")
    if kinds and kinds != ["turnaround"] and (spec.place not in ("", "image") or spec.n > 1):
        raise InputError("Several pictures are images alone, one of each", field=f"{where}.{'n' if spec.n > 1 else 'place'}",
                         hint="Leave the field out")
    if spec.lettering and kinds:
        raise InputError(f"Lettering goes with one picture, not with {kinds[0]}", field=f"{where}.lettering", hint="Write a job of its own")
    if spec.lettering and spec.lettering.overlay and spec.output_format != "png":
        raise InputError("What letters are laid over is written so that nothing is lost", field=f"{where}.output_format", hint="Leave the field out")
    if not spec.height_m > 0:
        raise InputError("The height is not above 0", field=f"{where}.height_m", hint="Write it in metres, such as 1.8")
    if spec.turnaround and spec.n > 1:
        raise InputError("A turnaround has one picture of each view", field=f"{where}.n", hint="Leave n out, or write two jobs")
    if spec.turnaround and spec.one_sheet and spec.output_format != "png":
        raise InputError("A sheet is cut so that nothing is lost", field=f"{where}.output_format", hint="Leave the field out")


def _check_texture(spec: TextureSpec, entry: dict[str, object], where: str) -> None:
    if not spec.image and not spec.prompt.strip():
        raise InputError("The prompt is missing", field=f"{where}.prompt", hint="Say what the texture shows, or name an image")
    if spec.image:
        _check_no_generation(entry, where)
        if not spec.heal and spec.surface is None:
            raise InputError("Nothing is to be done to the image", field=f"{where}.image", hint="Set heal, seamless, delight or maps")
    if spec.faces and not spec.objects:
        raise InputError("No objects are named for the faces", field=f"{where}.objects", hint="Name the objects")
    for name in ("seamless", "heal"):
        if getattr(spec, name) not in ("", "x", "y", "xy"):
            raise InputError(f"{getattr(spec, name)!r} names no axes", field=f"{where}.{name}", hint='Write "xy", "x", "y", or true')
    if spec.alpha not in ("blend", "clip"):
        raise InputError(f"There is no alpha {spec.alpha!r}", field=f"{where}.alpha", hint="Use blend or clip")
    for name in ("even", "delight"):
        if not 0 <= getattr(spec, name) <= 1:
            raise InputError(f"{name} is a share", field=f"{where}.{name}", hint="Use 0 to 1")
    if spec.displace and MapKind.HEIGHT not in spec.maps:
        raise InputError("There is no height to displace by", field=f"{where}.displace", hint='Add "height" to the maps')
    if spec.udim:
        _check_tiles(spec, where)
    if spec.decal:
        _check_decal(spec, spec.decal, where)
    if spec.maps_from not in MAPS_FROM:
        raise InputError(f"There are no maps from {spec.maps_from!r}", field=f"{where}.maps_from", hint=f"Use {' or '.join(MAPS_FROM)}")
    if not spec.relief_m > 0:
        raise InputError("The relief is not above 0", field=f"{where}.relief_m", hint="Write its depth in metres, such as 0.02")


def _check_no_generation(entry: dict[str, object], where: str) -> None:
    """What only a picture that is made can have."""
    for name in ("size", "n", "objects", "faces", "asset", "references", "continue_from", "style_sheet", "style", "background", "output_format",
                 "output_compression"):
        if name in entry:
            raise InputError(f"An image that is there takes no {name}", field=f"{where}.{name}",
                             hint="Leave the field out. The result takes the image's place where that is shown")


def _check_tiles(spec: TextureSpec, where: str) -> None:
    if not spec.objects:
        raise InputError("No objects are named for the tiles", field=f"{where}.objects", hint="Name the objects whose UV maps use them")
    for name in ("image", "heal", "decal", "faces", "seamless", "delight", "maps", "scale_m", "asset", "references", "continue_from"):
        if getattr(spec, name):
            raise InputError(f"Tiles have no {name}", field=f"{where}.{name}", hint="Leave the field out, or udim")
    if spec.n != 1 or spec.output_format != "png":
        raise InputError("Of each tile one PNG is made", field=f"{where}.{'n' if spec.n != 1 else 'output_format'}", hint="Leave the field out")


def _check_decal(spec: TextureSpec, decal: DecalSpec, where: str) -> None:
    for name in ("image", "heal", "objects", "faces", "seamless", "delight", "maps", "scale_m", "asset"):
        if getattr(spec, name):
            raise InputError(f"A decal has no {name}", field=f"{where}.{name}", hint="Leave the field out, or decal")
    for name in ("location", "normal"):
        if len(getattr(decal, name)) not in (0, 3):
            raise InputError(f"The {name} has three numbers", field=f"{where}.decal.{name}", hint="Write [x, y, z]")
    if decal.normal and (not decal.location or not any(decal.normal)):
        raise InputError("The normal has no location or no direction", field=f"{where}.decal.normal", hint="Write both, or leave it out")
    if not decal.width_m > 0:
        raise InputError("The width is not above 0", field=f"{where}.decal.width_m", hint="Write it in metres, such as 0.5")


def _check_edit(entry: dict[str, object], where: str) -> None:
    if entry.get("continue_from"):
        raise InputError("What is changed continues itself", field=f"{where}.continue_from", hint="Leave the field out")
    if "size" in entry:
        raise InputError("The size follows from what is changed", field=f"{where}.size", hint="Leave the field out")
    if entry.get("output_format", "png") != "png":
        raise InputError("What is changed is written so that nothing is lost", field=f"{where}.output_format", hint="Leave the field out")


def _check_edit_texture(spec: EditTextureSpec, where: str) -> None:
    if not spec.object and not spec.image:
        raise InputError("No texture is named", field=f"{where}.object", hint="Name an object, or an image")
    if spec.place not in EDIT_PLACES:
        raise InputError(f"There is no place {spec.place!r}", field=f"{where}.place", hint=f"Use {' or '.join(EDIT_PLACES)}")


def _check_touch_up(spec: TouchUpSpec, where: str) -> None:
    if spec.layer not in LAYERS:
        raise InputError(f"There is no layer {spec.layer!r}", field=f"{where}.layer", hint=f"Use {' or '.join(LAYERS)}")
    mask = spec.mask
    ways = [name for name in MASK_WAYS if getattr(mask, name)]
    if spec.extend:
        if len(spec.extend) != 4 or min(spec.extend) < 0 or not any(spec.extend):
            raise InputError("The picture is extended by four numbers of pixels", field=f"{where}.extend",
                             hint="Write [left, top, right, bottom], at least one above 0")
        if ways or spec.layer != "image":
            raise InputError("What extends a picture has no mask and no layer", field=f"{where}.extend",
                             hint="Leave mask and layer out, or extend")
    elif len(ways) != 1:
        raise InputError("The mask must be given in one way", field=f"{where}.mask", hint=f"Use one of {', '.join(MASK_WAYS)}")
    if mask.border and len(mask.border) != 4:
        raise InputError("A border has four numbers", field=f"{where}.mask.border", hint="Write [x0, y0, x1, y1]")
    if mask.vertex_group and len(mask.vertex_group) != 2:
        raise InputError("A vertex group is told by two names", field=f"{where}.mask.vertex_group", hint="Write [object, group]")
    if mask.depth and (len(mask.depth) != 2 or not 0 <= mask.depth[0] < mask.depth[1]):
        raise InputError("A depth is two distances in metres", field=f"{where}.mask.depth", hint="Write [from, to]")
    if mask.polygon and (len(mask.polygon) < 3 or any(len(point) != 2 for point in mask.polygon)):
        raise InputError("A polygon has at least three points of two numbers", field=f"{where}.mask.polygon",
                         hint="Write [[x, y], …]")
    for name in ("feather", "context"):
        if getattr(spec, name) < 0:
            raise InputError(f"The {name} is negative", field=f"{where}.{name}", hint="Use 0 or more")
