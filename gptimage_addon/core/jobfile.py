# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""JOBS.json: what a headless run is asked to do, read strictly. Unknown fields are errors."""

from __future__ import annotations

from dataclasses import dataclass, fields

from .catalog import DEFAULT_MODEL
from .errors import InputError
from .request import Generate, from_json

__all__ = ("JOBFILE_VERSION", "JobSpec", "ReferenceSpec", "read_jobfile")

JOBFILE_VERSION = 1


@dataclass(frozen=True, slots=True)
class ReferenceSpec:
    """A picture to send along: a file's path or an image's name, and its role in words."""

    path: str = ""
    image: str = ""
    role: str = ""


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
    n: int = 1
    references: tuple[ReferenceSpec, ...] = ()
    save: str = ""

    @property
    def words(self) -> Generate:
        """The request, its prompt still the artist's words."""
        shared = {f.name for f in fields(Generate)}
        return Generate(**{f.name: getattr(self, f.name) for f in fields(_Common) if f.name in shared})


@dataclass(frozen=True, slots=True, kw_only=True)
class TextureSpec(_Common):
    """A texture: on which objects, or on none for the image alone; `faces` for their selected faces only."""

    objects: tuple[str, ...] = ()
    faces: bool = False
    scale_m: float = 0.0
    asset: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceJobSpec(_Common):
    """A reference picture: where it goes, and the camera whose view is sent along."""

    place: str = "image"
    from_view: str = ""


JobSpec = TextureSpec | ReferenceJobSpec
_KINDS: dict[str, type[JobSpec]] = {"texture": TextureSpec, "reference": ReferenceJobSpec}
# Fields of the contract that this version cannot serve yet: refused by name, before anything is sent.
_LATER = {"seamless": "Seamless textures", "maps": "Material maps"}
_LATER_KINDS = ("touch_up", "edit_texture")
PLACES = ("image", "empty", "camera")


def read_jobfile(document: object) -> tuple[JobSpec, ...]:
    """The jobs of a decoded JOBS.json. Raises InputError naming the field, such as "jobs[2].size"."""
    if not isinstance(document, dict):
        raise InputError("The job file is no JSON object", field="", hint='Begin with {"version": 1, "jobs": […]}')
    for name in document:
        if name not in ("version", "defaults", "jobs"):
            raise InputError(f"There is no field {name!r}", field=name, hint="Known are: version, defaults, jobs")
    if document.get("version") != JOBFILE_VERSION:
        raise InputError(f"The job file's version {document.get('version')!r} is not known", field="version",
                         hint=f"Write {JOBFILE_VERSION}")
    defaults, entries = document.get("defaults", {}), document.get("jobs")
    if not isinstance(defaults, dict):
        raise InputError("The defaults are no JSON object", field="defaults")
    if not isinstance(entries, list) or not entries:
        raise InputError("There are no jobs", field="jobs", hint="List at least one")
    for name in defaults:
        if not any(name in (f.name for f in fields(kind)) for kind in _KINDS.values()) and name not in _LATER:
            raise InputError(f"There is no field {name!r}", field=f"defaults.{name}")
    specs = tuple(_read_job(entry, defaults, f"jobs[{i}]") for i, entry in enumerate(entries))
    seen: set[str] = set()
    for i, spec in enumerate(specs):
        if spec.id in seen:
            raise InputError(f"The id {spec.id!r} is there twice", field=f"jobs[{i}].id", hint="Give each job its own")
        seen.add(spec.id)
    return specs


def _read_job(entry: object, defaults: dict[str, object], where: str) -> JobSpec:
    if not isinstance(entry, dict):
        raise InputError("The job is no JSON object", field=where)
    kind = entry.get("kind", defaults.get("kind"))
    if kind in _LATER_KINDS:
        raise InputError(f"This version has no {kind} jobs yet", field=f"{where}.kind", hint="Use texture or reference")
    if kind not in _KINDS:
        raise InputError(f"There is no kind {kind!r}", field=f"{where}.kind", hint=f"Use {' or '.join(_KINDS)}")
    spec_type = _KINDS[kind]
    # A default that this kind does not know is meant for the others.
    known = {f.name for f in fields(spec_type)} | set(_LATER)
    facts = {**{name: value for name, value in defaults.items() if name in known}, **entry}
    for name, what in _LATER.items():
        if facts.pop(name, None):
            raise InputError(f"{what} are not made by this version yet", field=f"{where}.{name}",
                             hint="Leave the field out")
    spec = from_json(spec_type, facts, where)
    for i, reference in enumerate(spec.references):
        if bool(reference.path) == bool(reference.image):
            raise InputError("A reference is either a path or an image", field=f"{where}.references[{i}]",
                             hint="Give one of the two")
    if isinstance(spec, ReferenceJobSpec) and spec.place not in PLACES:
        raise InputError(f"There is no place {spec.place!r}", field=f"{where}.place", hint=f"Use {' or '.join(PLACES)}")
    if isinstance(spec, TextureSpec) and spec.faces and not spec.objects:
        raise InputError("No objects are named for the faces", field=f"{where}.objects", hint="Name the objects")
    endings = {"jpeg": (".jpg", ".jpeg")}.get(spec.output_format, (f".{spec.output_format}",))
    if spec.save and not spec.save.lower().endswith(endings):
        raise InputError(f"{spec.save!r} does not end like a {spec.output_format} file", field=f"{where}.save",
                         hint=f"End it with {' or '.join(endings)}, or set output_format")
    return spec
