# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From settings to a job, and from its result to images: the steps every kind of work shares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import bpy

from .. import library
from ..blender import images, online
from ..blender.host import SESSION, Landed
from ..blender.preferences import read_preferences
from ..core import catalog, pricing
from ..core.pictures import read_head
from ..core.fingerprint import fingerprint
from ..core.prompts import COARSE_ROLES, CONTINUED, name_from_prompt
from ..core.request import (
    Finish, FollowUp, Job, JobRecord, Landing, Lettering, MapKind, PixelKind, Place, Request, Result, SentPicture, Service, ServiceKind, Surface,
    parse_size,
)
from .report import push_undo

__all__ = (
    "MAP_LABELS", "PlannedJob", "Reference", "adopt_results", "asked", "chain_of", "job_name", "make_request", "maps_key", "maps_of", "parents_of",
    "plan_job", "price", "settle_images",
)


class Reference(NamedTuple):
    """A picture to send along, and the role the model is told: see `prompts.ROLES`.

    `data` is its file, as `blender.sources` gives it, and b"" where it is only to be shown or priced; `path` is the file
    outside the .blend that it is read from, if it is. With `of` it is the first result of the job of that name, which is not
    made yet; what is `drawn` the worker draws from the job's own values. The `chain` of an earlier result are the history's entries
    of those it continues, and its own.
    """

    name: str
    width_px: int
    height_px: int
    role: str = ""
    data: bytes = b""
    suffix: str = ".png"
    pixels: PixelKind = PixelKind.DISPLAY
    has_alpha: bool = True
    path: str = ""
    of: str = ""
    chain: tuple[str, ...] = ()
    drawn: bool = False

    def sent(self, number: int) -> SentPicture:
        """What is sent of it. A file that is what the model wants to see goes as it is, else the worker makes one of it."""
        if self.of:
            return SentPicture(f"prepared/{number}{self.suffix}", f"image/{self.suffix[1:]}", self.width_px, self.height_px, self.role, of=self.of)
        if self.drawn:
            return SentPicture(f"prepared/{self.name.lower()}.png", "image/png", self.width_px, self.height_px, self.role, name=self.name)
        size = pricing.sent_size(self.width_px, self.height_px, coarse=self.role.partition(":")[0].strip() in COARSE_ROLES)
        source = f"inputs/{number}{self.suffix}"
        head = read_head(self.data)
        if head and head.is_plain and not (head.may_be_clear and self.has_alpha) and size == (head.width_px, head.height_px):
            return SentPicture(source, head.mime, *size, self.role, name=self.name)
        return SentPicture(f"prepared/{number}.png", "image/png", *size, self.role, source, self.pixels, self.has_alpha, self.name)


class PlannedJob(NamedTuple):
    """A job and the input files that belong into its folder."""

    job: Job
    inputs: dict[str, bytes]


Template = Callable[..., str]
PRACTICE = " (Practice)"
UNFINISHED = " (Unfinished)"


def make_request(
    words: Request, template: Template, references: Sequence[Reference], finish: Finish | None,
) -> tuple[Request, dict[str, bytes]]:
    """What is sent for the artist's words and pictures, and the pictures' files: for the job, its price and the sheet that tells of it.

    A touch-up sends its window first; the worker cuts it out of the source, and makes the mask or the marks beside it.
    """
    roles = tuple(reference.role for reference in references)
    if finish and references:
        roles = ("the picture to change", *roles)
    asked_for = words.prompt
    if asked_for.strip():                       # without words something is removed, and no others belong there
        asked_for = " ".join(filter(None, (words.prefix, asked_for.strip(), words.suffix)))
    prompt = template(asked_for, roles=roles)
    request = words._replace(prompt=f"{prompt}\n{words.style}" if prompt and words.style else prompt)
    if not references and not finish:
        return request._replace(input_fidelity=""), {}
    sent = [reference.sent(i) for i, reference in enumerate(references)]
    files = {picture.source or picture.path: reference.data for picture, reference in zip(sent, references, strict=True)
             if not (picture.of or reference.drawn)}
    overlay = {}
    if finish:
        size = parse_size(request.size)
        sent.insert(0, SentPicture("prepared/window.png", "image/png", *size, name=finish.parent))
        if not finish.whole:
            name = "markup" if finish.marks else "mask"
            overlay[name] = SentPicture(f"prepared/{name}.png", "image/png", *size)
    return request._replace(images=tuple(sent), **overlay), files


def price(
    words: Request, template: Template, service: Service, references: Sequence[Reference] = (),
    finish: Finish | None = None,
) -> pricing.Price:
    """What the job would cost. Raises InputError for what the service would refuse. Cheap; a panel may call it."""
    request, _ = make_request(words, template, references, finish)
    catalog.check_request(request, service.kind)
    return pricing.estimate(request, service.kind)


def asked(words: Request, template: Template, service: Service, surface: Surface | None = None) -> str:
    """The fingerprint of the job for these words alone. Cheap; a panel may call it."""
    request, _ = make_request(words, template, (), None)
    return fingerprint(Job("", "", "", request, service, Landing(Place.IMAGE), surface=surface), {})


def plan_job(
    kind: str, words: Request, template: Template, service: Service, landing: Landing,
    references: Sequence[Reference] = (), finish: Finish | None = None, surface: Surface | None = None, follow_up: FollowUp | None = None,
    views: tuple[str, ...] = (), lettering: Lettering | None = None, frame_px: tuple[int, ...] = (),
) -> PlannedJob:
    """The job for the artist's words, checked and priced. Nothing is sent or written.

    The files that `finish` names are the caller's to add. Raises InputError for what the service would refuse,
    OnlineAccessError where Blender may not go.
    """
    request, inputs = make_request(words, template, references, finish)
    catalog.check_request(request, service.kind)
    online.check_online(service)
    found = pricing.estimate(request, service.kind)
    scene = bpy.context.scene
    job = Job(
        id=library.journal.new_job_id(), kind=kind, prompt=words.prompt.strip(), request=request, service=service,
        landing=landing._replace(session=SESSION, blend=bpy.data.filepath), finish=finish, surface=surface, views=views, lettering=lettering,
        frame_px=frame_px,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        estimate_usd=found.usd if found.known else None, estimate_exact=found.exact,
        deadline_s=catalog.deadline_s(request.size), follow_up=follow_up,
        parents=parents_of(landing, finish, references), chain=_chain(finish, references),
        camera=scene.camera.name if scene.camera else "", frame=scene.frame_current,
        label_files=read_preferences().label_files,
    )
    return PlannedJob(job, inputs)


def parents_of(landing: Landing, finish: Finish | None = None, references: Sequence[Reference] = ()) -> tuple[str, ...]:
    """The history's entries of the images that a job changes, whose place its result takes, or that go along."""
    names = [target.name for target in landing.targets if target.id_type == "Image"] + ([finish.parent] if finish else [])
    entries = [images.history_entry(bpy.data.images.get(name)) for name in names] + [each.chain[-1] for each in references if each.chain]
    return tuple(dict.fromkeys(entry for entry in entries if entry))


def chain_of(image: bpy.types.Image | None) -> tuple[str, ...]:
    """The history's entries of the results that the image continues, from the first, and its own; () if it is none of ours."""
    entry = images.history_entry(image)
    return (*str(images.provenance(image).get("chain", "")).split(), entry) if entry else ()


def _chain(finish: Finish | None, references: Sequence[Reference]) -> tuple[str, ...]:
    if finish:
        return chain_of(bpy.data.images.get(finish.parent))
    return next((reference.chain for reference in references if reference.role.partition(":")[0] == CONTINUED), ())


def job_name(job: Job) -> str:
    """What a job and its pictures are called, unless it was given a name.

    A touch-up bears the name of its picture, and so does what takes its place.
    """
    if job.landing.name:
        return job.landing.name
    if job.landing.place is Place.INSTEAD or (job.finish and job.surface):
        return job.landing.targets[0].name
    if job.finish:
        return f"{job.finish.parent} Touch-Up"
    return name_from_prompt(job.prompt)


def adopt_results(job: Job, record: JobRecord, folder: Path) -> list[bpy.types.Image]:
    """The finished pictures of a job as images that know where they come from."""
    assert record.result is not None
    name = job_name(job)
    if job.service.kind is ServiceKind.PRACTICE and PRACTICE not in name:
        name += PRACTICE
    if record.stopped:
        name += UNFINISHED
    made = []
    for index, picture in enumerate(record.result.pictures):
        if job.landing.only not in (None, index):
            continue
        view = f" {job.views[index % len(job.views)].title()}" if job.views else ""
        image = images.adopt_picture(folder / picture.path, name + view, pack=job.landing.pack)
        images.set_provenance(image, _origin(job, record.result, index) | ({"unfinished": True} if record.stopped else {}))
        made.append(image)
        for kind, path in (picture.maps or {}).items():
            data = images.adopt_picture(folder / path, f"{name} {MAP_LABELS.get(kind) or kind.title()}", pack=job.landing.pack,
                                        is_data=kind != MapKind.EMISSION)
            images.set_provenance(data, {"map": kind, "map_of": job.id, "variant": index + 1})
            data.use_fake_user = True           # it belongs to its picture, whatever material shows that
    return made


MAP_LABELS = {MapKind.AO: "AO"}            # of those that are not called as their kinds are


def maps_of(image: bpy.types.Image) -> dict[str, bpy.types.Image]:
    """The maps that were made of an image, by their kinds."""
    key = _maps_key(image)
    found = ((images.provenance(other), other) for other in bpy.data.images)
    return {other["map"]: each for other, each in found
            if "map_of" in other and not other.get("replaced") and (other["map_of"], other["variant"]) == key}


def _maps_key(image: bpy.types.Image) -> tuple[str | None, int]:
    facts = images.provenance(image)
    return facts.get("job_id") or facts.get("maps_key"), facts.get("result", facts.get("variant", 1) - 1) + 1


def maps_key(image: bpy.types.Image, new: str) -> tuple[str | None, int]:
    """What an image's maps name it by. An image of the artist's own gets a name for that, made of `new`."""
    if _maps_key(image)[0] is None:
        images.set_provenance(image, {**dict(images.provenance(image).items()), "maps_key": f"own-{new}", "result": 0})
    return _maps_key(image)


def _origin(job: Job, result: Result, index: int) -> dict[str, object]:
    picture = result.pictures[index]
    paid = job.service.kind is not ServiceKind.PRACTICE and result.cost_usd is not None
    instead_of = job.landing.targets[0].name if job.landing.place is Place.INSTEAD and job.landing.targets else ""
    more: dict[str, object] = {"parent": instead_of, "chain": " ".join(job.chain)}
    more |= {name: text for name in ("prefix", "suffix", "style") if (text := getattr(job.request, name))}
    if job.lettering:
        more["lettering"] = "\n".join(job.lettering.lines)
    if job.frame_px:
        more["asked_size"] = job.request.size
    if job.finish:
        more |= {"parent": job.finish.parent, "of_render": job.finish.layered, "extend": list(job.finish.extend),
                    "variants_of": job.landing.variants_of or job.id, "estimate_usd": job.estimate_usd or 0.0}
    if job.surface:
        more |= {"width_m": job.surface.width_m, "relief_m": job.surface.relief_m}
    if picture.report and "tile" in picture.report:
        more |= {"tiles": picture.report["tiles"], "tile_score": round(picture.report["tile"]["score"], 1),
                     **{f"tile_{name}": round(picture.report["tile"][name], 3) for name in ("gradient", "repetition")},
                     "findings": {f"{found['map']} {found['problem']}": found["message"] for found in picture.report["findings"]}}
    if picture.report and "view" in picture.report:
        more |= {name: picture.report[name] for name in ("view", "subject")}
    if picture.report and "cells" in picture.report:        # what lies where on a contact sheet
        more |= {"cells": [edge for box in picture.report["cells"] for edge in box], "jobs": " ".join(picture.report["jobs"])}
    return more | {
        "job_id": job.id, "kind": job.kind, "prompt": job.prompt, "model": job.request.model,
        "size": f"{picture.width_px}x{picture.height_px}", "quality": job.request.quality,
        "cost_usd": round(result.cost_usd / len(result.pictures), 6) if paid else 0.0,
        "date": job.created, "service": str(job.service.kind),
        "result": index, "variant": index + 1, "variants": len(result.pictures),
    }


def settle_images(made: list[bpy.types.Image], job: Job, where: str, *, complete: bool = True) -> Landed:
    """The end of every landing: images nothing uses are kept, and it all becomes one undo step."""
    for image in made:
        image.use_fake_user = image.users == 0      # else it would be gone after saving and loading
    name = job_name(job)
    push_undo(f"GPT Image: {name}")
    ready = f"{made[0].name} is ready" if len(made) == 1 else f"{name}: {len(made)} variants are ready"
    return Landed(tuple(image.name for image in made), ready + where, complete)
