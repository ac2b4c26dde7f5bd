# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The headless run: the same plans and landings as the buttons, from a job file, one JSON line a job."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import bpy
import numpy as np

from .. import library
from ..blender import coverage, decals, images, materials, sources
from ..blender.camera import read_frame
from ..blender.capture import capture_camera
from ..blender.earlier import find_earlier
from ..blender.host import JobView, Landed, host
from ..blender.masks import image_channels, uv_faces_mask
from ..blender.online import check_online
from ..blender.preferences import read_preferences
from ..core.errors import GptImageError, InputError, KeyMissingError, OnlineAccessError, QuotaError, WorkerError
from ..core.framing import concept_sizes
from ..core.jobfile import DecalSpec, EditTextureSpec, JobSpec, LetteringSpec, ReferenceJobSpec, ReferenceSpec, TextureSpec, TouchUpSpec, read_jobfile
from ..core.jobtable import read_table
from ..core.request import JobState, Landing, Lettering, PixelKind, Place, Service, ServiceKind, parse_size
from ..core.sets import grid, set_of
from ..core.styles import style_words
from ..imaging import masks
from .asked_maps import KIND as MAP_KIND
from .asked_maps import plan_maps, price_follow_up
from .captures import take
from .decal import plan_decal
from .edit_texture import faces_mask, object_texture, plan_edit
from .extend import plan_extension
from .lettering import FONT_FILE, check_lettering, font_file, read_font
from .plan import PlannedJob, Reference, chain_of
from .reference import camera_target, plan_reference
from .references import load_reference, read_series
from .report import sentence
from .spending import export_spending, spending
from .surface import image_words, plan_healing, plan_surface
from .sets import plan_set
from .style_sheets import find_sheet, read_sheet
from .texture import plan_texture, texture_targets
from .touch_up import Framing, plan_touch_up, split
from .udim import landing_for, plan_tiles
from .turnaround import plan_turnaround

__all__ = ("main",)

RECOVERY_S = 600.0
DONE, FAILED, UNUSABLE, NOT_ALLOWED = 0, 1, 2, 3


def main(arguments: Sequence[str], lines: int | None = None) -> int:
    """Run a job file, or tell what was spent. Gives back the exit status: 0 all done, 1 a job failed, 2 unusable input, 3 no key or not online.

    The JSON lines go to `lines`, or to stdout. What Blender and its libraries print there then goes to stderr, from now on
    to the end of the process: they may hold it back until then.
    """
    options = _options(arguments)
    if isinstance(options, int):
        return options
    if lines is None:
        sys.stdout.flush()
        lines = os.dup(1)
        os.dup2(2, 1)
    try:
        with open(lines, "w", encoding="utf-8", closefd=False) as out:
            work = _tell_spending if options.command == "spending" else _run
            return work(options, lambda facts: print(json.dumps(facts), file=out, flush=True))
    except InputError as error:
        _say(f"{error.field}: {sentence(error)}" if error.field else sentence(error))
        return UNUSABLE
    except (OnlineAccessError, KeyMissingError) as error:
        _say(sentence(error))
        return NOT_ALLOWED
    except GptImageError as error:
        _say(sentence(error))
        return FAILED
    finally:
        worker = host.stop()
        host.reuses, host.concurrency, host.budget.run_usd = False, None, None
        if worker:
            worker.wait(10.0)
        os.close(lines)


def _say(text: str) -> None:
    print(f"gptimage: {text}", file=sys.stderr, flush=True)


def _options(arguments: Sequence[str]) -> argparse.Namespace | int:
    parser = argparse.ArgumentParser(prog="gptimage", description="Make the pictures of a job file.")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="do all jobs of the file")
    run.add_argument("jobs", type=Path, metavar="JOBS.json", help="or a table, JOBS.csv")
    run.add_argument("--only", type=_numbers, metavar="1-3,7", help="only these jobs of the file, the first is 1")
    run.add_argument("--blend", type=Path, metavar="IN.blend", help="open this file first")
    run.add_argument("--save", type=Path, metavar="OUT.blend", help="save the scene here at the end")
    run.add_argument("--service", default="practice", help="practice, openai, or the base URL of a compatible server")
    run.add_argument("--data", type=Path, metavar="DIR", help="folder of the jobs")
    run.add_argument("--budget", type=_dollars, metavar="USD", help="what this run may cost; what does not fit is not sent")
    run.add_argument("--concurrency", type=_count, metavar="N", help="how many requests may be at the service at once")
    run.add_argument("--resume", action="store_true", help="go on with OUT.blend where an earlier run has written it")
    run.add_argument("--batch", action="store_true", help="send all in batches, within a day at half price, and end; --collect brings the pictures")
    run.add_argument("--collect", action="store_true", help="wait for what --batch has sent; nothing new is sent")
    run.add_argument("--again", action="store_true", help="ask again for what was asked before, and pay again")
    run.add_argument("--dry-run", action="store_true", help="check and price the jobs, send nothing")
    run.add_argument("--online-mode", action="store_true", help="allow services that are not on this machine")
    spent = commands.add_parser("spending", help="tell what was spent")
    spent.add_argument("--csv", type=Path, metavar="OUT.csv", help="write every request into this table")
    spent.add_argument("--data", type=Path, metavar="DIR", help="folder of the jobs")
    try:
        return parser.parse_args(list(arguments))
    except SystemExit as end:
        return int(end.code or 0)


def _service(text: str) -> Service:
    if text in ("practice", "openai"):
        return Service(ServiceKind(text))
    return Service(ServiceKind.COMPATIBLE, text.rstrip("/"))


@dataclass(slots=True)
class _Task:
    """One line of the job file; a touch-up may need several requests."""

    spec: JobSpec
    planned: list[PlannedJob]
    views: tuple[JobView, ...] = ()


def _tell_spending(options: argparse.Namespace, emit: Callable[[dict[str, object]], None]) -> int:
    data_dir = (options.data or read_preferences().jobs_dir).resolve()
    facts = spending(data_dir)
    if options.csv:
        facts["rows"] = export_spending(data_dir, options.csv)
    emit(facts)
    return DONE


def _run(options: argparse.Namespace, emit: Callable[[dict[str, object]], None]) -> int:
    document = _read_document(options.jobs)
    is_table = options.jobs.suffix.lower() == ".csv"
    try:
        specs = read_jobfile(document, library.presets.all_presets(options.data or read_preferences().jobs_dir))
    except InputError as error:
        if is_table:                        # the first line is that of the names
            error.field = re.sub(r"^jobs\[(\d+)\]", lambda found: f"line {int(found[1]) + 2}", error.field)
        raise
    chosen = [(number, spec) for number, spec in enumerate(specs, 1) if not options.only or number in options.only]
    if not chosen:
        raise InputError(f"The file has {len(specs)} jobs, none of these", field="--only")
    if options.online_mode:
        bpy.context.preferences.system.use_online_access = True
    if options.data:
        host.data_dir = options.data.resolve()
    if options.resume and options.save and options.save.is_file():
        options.blend = options.save
    if options.blend:
        if not options.blend.is_file():
            raise InputError(f"{options.blend} does not exist", field="--blend")
        try:
            bpy.ops.wm.open_mainfile(filepath=str(options.blend.resolve()))
        except RuntimeError as error:
            raise InputError(f"{options.blend} cannot be opened: {error}", field="--blend") from error
    service = _service(options.service)
    check_online(service)
    host.practice_latency_s = 0.0
    host.budget.run_usd, host.concurrency = options.budget, options.concurrency

    tasks = []
    if options.batch and options.collect:
        raise InputError("Batches are sent or collected", field="--collect", hint="Use --batch first, then --collect")
    for number, spec in chosen:
        spec = replace(spec, batch=spec.batch or options.batch or options.collect)
        try:
            planned = _plan(_styled(spec, document["jobs"][number - 1]), service)
            if spec.batch and any(each.job.follow_up for each in planned):
                raise InputError("What comes from a batch is followed by no other request", field="heal" if spec.heal else "maps_from",
                                 hint="Ask for that when the picture is collected, by image")
            tasks.append(_Task(spec, planned))
        except InputError as error:
            error.field = f"{f'line {number + 1}' if is_table else f'jobs[{number - 1}]'}.{error.field}"
            raise
    if options.dry_run:
        for task in tasks:
            emit(_planned_line(task, options.again))
        return DONE
    if options.save:
        try:
            options.save.resolve().parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:            # now, not when all is paid
            raise InputError(f"{options.save} cannot be written: {error.strerror}", field="--save") from error
    _require_key(service)

    if not options.again:
        host.reuses = True
        host.recover()                      # finishes what a run that was killed has received
        host.wait(RECOVERY_S)
    failed: list[GptImageError] = []
    for task in tasks:
        if options.collect and not all(host.was_sent(planned.job, planned.inputs) for planned in task.planned if not planned.job.is_local):
            error = InputError("It was not sent in a batch", field="--collect", hint="Run it with --batch first")
            emit(_planned_line(task) | {"state": "failed", "cost_usd": 0.0, "error": error.to_dict()})
            failed.append(error)
            continue
        try:
            task.views = tuple(host.submit_all(task.planned))
            for view in task.views:
                if options.resume:
                    _go_on(view)
        except QuotaError as error:         # what costs less may still fit
            emit(_planned_line(task) | {"state": "failed", "cost_usd": 0.0, "error": error.to_dict()})
            failed.append(error)
    waiting = [task for task in tasks if task.views]
    if options.batch:
        while any(view.is_active and not view.record.batch for task in tasks for view in task.views if not view.job.is_local):
            host.wait(0.05)
        for task in [task for task in waiting if any(view.is_active for view in task.views)]:
            waiting.remove(task)
            emit(_line(task.spec, _views(task), _best(task), []))
    while waiting:
        host.wait(0.05)
        for task in [task for task in waiting if not any(view.is_active for view in _views(task))]:
            waiting.remove(task)
            views, best = _views(task), _best(task)
            files = _save_files(task.spec, best)
            emit(_line(task.spec, views, best, files))
            errors = [view.error for view in views if view.error]
            if errors or not files or not all(view.landed and view.landed.images for view in best):
                failed.append(errors[0] if errors else InputError("no files", field="save"))
    if options.save:
        try:
            bpy.ops.wm.save_as_mainfile(filepath=str(options.save.resolve()), check_existing=False)
        except RuntimeError as error:
            raise WorkerError(f"{options.save} cannot be written: {error}",
                              hint="The pictures are in the data folder") from error
    if any(isinstance(error, KeyMissingError | OnlineAccessError) for error in failed):
        return NOT_ALLOWED
    return FAILED if failed else DONE


def _views(task: _Task) -> list[JobView]:
    """The task's jobs, each before those that follow it."""
    found = list(task.views)
    for view in found:                      # it grows meanwhile
        found += view.followed
    return found


def _best(task: _Task) -> list[JobView]:
    """The jobs whose pictures count: of islands the last one done has them all; what follows a texture betters it, one job a variant."""
    views = list(task.views)
    if isinstance(task.spec, ReferenceJobSpec) or (isinstance(task.spec, TextureSpec) and task.spec.udim):
        return views
    if all(view.job.kind == MAP_KIND for view in views):
        return views
    best = max(views, key=lambda view: (view.record.state is JobState.DONE, view.record.ended_at))
    healed = [view for view in best.followed if view.job.kind != MAP_KIND]
    return healed if healed and all(view.landed for view in healed) else [best]


def _require_key(service: Service) -> None:
    """Raise KeyMissingError before anything is written or sent."""
    if service.kind is not ServiceKind.OPENAI:
        return
    host.ask_key(service)
    host.wait(60.0)
    state = host.keys.get(service)
    if host.trouble:
        raise host.trouble
    if state is None or not state.source:
        raise KeyMissingError("There is no API key", hint="Set OPENAI_API_KEY, or enter the key in Blender's preferences")


def _styled(spec: JobSpec, said: dict[str, object]) -> JobSpec:
    """The job with the look of its style sheet. What the job says itself counts before the sheet."""
    if not spec.style_sheet:
        return spec
    sheet = read_sheet(find_sheet(spec.style_sheet))
    preferred = {name: value for name in ("model", "quality") if (value := getattr(sheet, name)) and name not in said}
    style = " ".join(filter(None, (spec.style, style_words(sheet.words, sheet.forbidden, sheet.colors))))
    own = tuple(ReferenceSpec(image=picture.file, role=picture.role) for picture in sheet.pictures)
    return replace(spec, style=style, references=(*spec.references, *own), **preferred)


def _plan(spec: JobSpec, service: Service) -> list[PlannedJob]:
    references = [
        _load_reference(r, f"references[{i}]") for i, r in enumerate(spec.references)]
    if spec.continue_from:
        if spec.continue_from not in bpy.data.images:
            raise InputError(f"There is no image {spec.continue_from!r}", field="continue_from", hint="Check the name in the .blend file")
        references[:0] = read_series(bpy.data.images[spec.continue_from], bpy.context.scene)
    if isinstance(spec, TextureSpec) and spec.image:
        return _plan_on_image(spec, service)
    if isinstance(spec, TextureSpec) and spec.udim:
        landing = landing_for([_object(name) for name in spec.objects], spec.words)
        return plan_tiles(spec.words, service, landing, landing.tile.wanted)
    if isinstance(spec, TextureSpec) and spec.decal:
        return [_plan_decal(spec, spec.decal, service, references)]
    if isinstance(spec, TextureSpec):
        objects = [_object(name) for name in spec.objects]
        landing = Landing(
            place=Place.REPLACE_SLOT if objects else Place.IMAGE, faces=spec.faces, scale_m=spec.scale_m,
            asset=spec.asset, targets=texture_targets(objects, spec.faces) if objects else ())
        return [plan_texture(spec.words, service, landing, references, spec.surface, spec.heal, spec.asked)]
    if isinstance(spec, TouchUpSpec):
        return _plan_touch_up(spec, service, references)
    if isinstance(spec, EditTextureSpec):
        obj = _object(spec.object, "object") if spec.object else None
        image = object_texture(obj, spec.image)
        return [plan_edit(spec.words, service, image, faces_mask(obj, image), Landing(place=Place(spec.place)), references=references)]
    camera = bpy.data.objects.get(spec.from_view) if spec.from_view else None
    if spec.from_view and (camera is None or camera.type != 'CAMERA'):
        raise InputError(f"There is no camera {spec.from_view!r}", field="from_view")
    frame_px: tuple[int, ...] = ()
    if spec.match_camera:
        concept = concept_sizes(read_frame(bpy.context.scene, camera))
        spec, frame_px = replace(spec, size=concept.size), (concept.frame_width_px, concept.frame_height_px)
    if camera:
        width, height = parse_size(spec.size)
        data = capture_camera(bpy.context.scene, camera, width, height)
        references.insert(0, Reference(camera.name, width, height, "layout: this is the view of the scene", data))
    if spec.turnaround:
        landing = Landing(place=Place.IMAGE if spec.place == "image" else Place.AXES, scale_m=spec.height_m)
        return plan_turnaround(spec.words, service, landing, spec.turnaround, one_sheet=spec.one_sheet, references=references)
    if spec.grid or spec.prompts:
        wanted = grid(spec.words, models=spec.grid.models, sizes=spec.grid.sizes, qualities=spec.grid.qualities) if spec.grid else set_of(
            [(prompt, "") for prompt in spec.prompts], spec.words, rule=spec.name_rule, title=spec.prompt)
        return plan_set(wanted, service, "Grid" if spec.grid else spec.prompt, references)
    place = Place(spec.place or "image")
    landing = Landing(place=place, targets=camera_target(bpy.context.scene) if place in (Place.CAMERA, Place.PLANE) else ())
    lettering, font = _lettering(spec.lettering) if spec.lettering else (None, b"")
    return [plan_reference(spec.words, service, landing, references, lettering, font, frame_px)]


def _lettering(given: LetteringSpec) -> tuple[Lettering, bytes]:
    """The lettering, and its font's file. Raises InputError."""
    is_ours = not given.font or given.font in bpy.data.fonts
    data = font_file(given.font) if is_ours else read_font(Path(bpy.path.abspath(given.font)))
    lettering = Lettering(given.lines, given.box, FONT_FILE if data else "", given.align, given.color, given.overlay, given.blend)
    check_lettering(lettering)
    return lettering, data


def _plan_on_image(spec: TextureSpec, service: Service) -> list[PlannedJob]:
    """A texture's work on a picture that is there."""
    image = _load_image(spec.image)
    landing = Landing(place=Place.INSTEAD, scale_m=spec.scale_m)
    words = image_words(spec.words._replace(n=1), image)
    if spec.asked and not (spec.heal or spec.seamless or spec.delight):
        return plan_maps(image, spec.asked, words, service, spec.surface)
    after = price_follow_up(words, service, tuple(image.size), "", spec.asked)
    if spec.heal:
        return [plan_healing(image, words, service, spec.heal, spec.surface, landing, after)]
    return [plan_surface(image, spec.surface, landing, after)]


def _load_image(image: str) -> bpy.types.Image:
    """The image of that name, or a new one of that file. Raises InputError."""
    if image in bpy.data.images:
        return bpy.data.images[image]
    path = Path(bpy.path.abspath(image)).resolve()
    if not path.is_file():
        raise InputError(f"There is no image {image!r}", field="image", hint="Name an image of the file, or a path")
    return bpy.data.images.load(str(path))


def _plan_decal(spec: TextureSpec, decal: DecalSpec, service: Service, references: list[Reference]) -> PlannedJob:
    obj = _object(decal.object, "decal.object")
    if obj.type != 'MESH':
        raise InputError(f"{obj.name} is no mesh", field="decal.object", hint="Name the mesh that the decal is for")
    faces = materials.selected_faces(obj)
    if not decal.location and not faces:
        raise InputError(f"{obj.name} has no selected faces", field="decal.location", hint="Give a location, or select faces in the file")
    spot = decals.spot_near(obj, decal.location, decal.normal) if decal.location else decals.spot_on_faces(obj, faces)
    return plan_decal(spec.words, service, obj, spot._replace(width_m=decal.width_m, conform=decal.conform), references)


def _plan_touch_up(spec: TouchUpSpec, service: Service, references: list[Reference]) -> list[PlannedJob]:
    source = _load_source(spec.image)
    if spec.save and spec.save.lower().endswith(".exr") != (source.pixels is not PixelKind.DISPLAY):
        ending = ".png" if source.pixels is PixelKind.DISPLAY else ".exr"
        raise InputError(f"The result for {source.name} is a {ending[1:].upper()} file", field="save", hint=f"End it with {ending}")
    landing = Landing(place=Place.COMPOSITOR if spec.layer == "compositor" else Place.IMAGE)
    framing = Framing(spec.context, spec.mask.whole, spec.separate)
    if spec.extend:
        return plan_extension(spec.words, service, source, spec.extend, landing, framing, references=references)
    pieces = split(_mask(spec, source), spec.words, service, framing)
    return plan_touch_up(spec.words, service, source, pieces, landing, references=references)


def _render_source(scene: bpy.types.Scene) -> sources.Source:
    """The Render Result. One that a fresh background Blender does not have is rendered now."""
    try:
        return sources.render_source(scene)
    except InputError:
        _say("rendering the scene")
        bpy.ops.render.render()
        return sources.render_source(scene)


def _load_source(image: str) -> sources.Source:
    """The picture to touch up."""
    if image == images.RENDER_RESULT:
        return _render_source(bpy.context.scene)
    if image in bpy.data.images:
        return sources.image_source(bpy.data.images[image])
    return sources.file_source(Path(bpy.path.abspath(image)))


def _mask(spec: TouchUpSpec, source: sources.Source) -> np.ndarray:
    mask = _plain_mask(spec, source)
    if spec.mask.whole:
        return mask
    mask = masks.grow(mask, spec.grow) if spec.grow else mask
    return masks.feather(mask, spec.feather) if spec.feather else mask


def _plain_mask(spec: TouchUpSpec, source: sources.Source) -> np.ndarray:
    given, size, scene = spec.mask, source.size, bpy.context.scene
    if given.border:
        return masks.from_border(*given.border, size)
    if given.polygon:
        return masks.from_polygon(masks.from_fractions(given.polygon, size), size)
    if given.objects:
        return coverage.objects_coverage(scene, [_object(name) for name in given.objects], *size)
    if given.faces:
        obj = _object(given.faces)
        return coverage.faces_coverage(scene, [obj], *size) if source.is_render else uv_faces_mask(obj, *size)
    if given.material:
        material = bpy.data.materials.get(given.material)
        if material is None:
            raise InputError(f"There is no material {given.material!r}", field="mask.material", hint="Check the name in the .blend file")
        return coverage.material_coverage(scene, [material], *size)
    if given.vertex_group:
        name, group = given.vertex_group
        return coverage.vertex_group_coverage(scene, _object(name), group, *size)
    if given.depth:
        return coverage.depth_coverage(scene, *given.depth, *size)
    if given.alpha:
        if spec.image not in bpy.data.images or source.is_render:
            raise InputError("Only an image of the .blend file has an alpha that can be read here", field="mask.alpha",
                             hint="Load the picture into the file, or use a mask image")
        return masks.from_alpha(image_channels(bpy.data.images[spec.image]))
    if given.whole:
        return np.ones(size[::-1], np.float32)
    return _mask_image(given.image)


def _mask_image(given: str) -> np.ndarray:
    if given in bpy.data.images:
        return masks.from_image(image_channels(bpy.data.images[given]))
    path = Path(bpy.path.abspath(given)).resolve()
    if not path.is_file():
        raise InputError(f"There is no image {given!r}", field="mask.image", hint="Name an image of the file, or a path")
    image = bpy.data.images.load(str(path))
    try:
        return masks.from_image(image_channels(image))
    finally:
        bpy.data.images.remove(image)


def _object(name: str, field: str = "objects") -> bpy.types.Object:
    found = bpy.data.objects.get(name)
    if found is None:
        raise InputError(f"There is no object {name!r}", field=field, hint="Check the name in the .blend file")
    return found


def _load_reference(given: ReferenceSpec, field: str) -> Reference:
    scene = bpy.context.scene
    if given.view:
        try:
            taken = take(bpy.context, given.view)
        except InputError as error:
            error.field = f"{field}.view"
            raise
        return Reference(taken.name, taken.width_px, taken.height_px, given.role or taken.role, taken.data)
    if given.image == images.RENDER_RESULT:
        return load_reference(_render_source(scene), given.role)
    if given.image:
        image = bpy.data.images.get(given.image)
        if image is None:
            raise InputError(f"There is no image {given.image!r}", field=field)
        return load_reference(sources.present_source(image, scene, field=field), given.role, chain=chain_of(image))
    source = Path(bpy.path.abspath(given.path))
    return load_reference(sources.file_source(source, field=field), given.role, path=str(source))


# --- output -----------------------------------------------------------------------------------------------

def _map_files(view: JobView, index: int = 0) -> dict[str, Path]:
    """The files of the maps of a job's picture, by kind: its own, and those that were asked for when it had landed."""
    folder, result = host.journal.folder(view.job.id), view.record.result
    if not view.landed or result is None:
        return {}
    found = {kind: folder / path for kind, path in (result.pictures[index].maps or {}).items()}
    for other in view.followed:
        if other.job.kind == MAP_KIND and other.job.landing.targets[0].name == view.landed.images[index]:
            found |= _map_files(other)
    return found


def _save_files(spec: JobSpec, views: list[JobView]) -> list[str]:
    """The pictures' files, and then those of their maps: copies where `save` says, or those in the jobs' folders."""
    pictures = [(view, index) for view in views if view.landed and view.record.result for index in range(len(view.record.result.pictures))]
    if all(view.job.kind == MAP_KIND for view in views):        # of one picture that is there
        files = [(f"-{kind}", 1, path) for view in views for kind, path in _map_files(view).items()]
        pictures = pictures[:1]
    else:
        files = [("", number, host.journal.folder(view.job.id) / view.record.result.pictures[index].path)
                 for number, (view, index) in enumerate(pictures, 1)]
        files += [(f"-{kind}", number, path) for number, (view, index) in enumerate(pictures, 1)
                  for kind, path in _map_files(view, index).items()]
    if not spec.save:
        return [str(path) for _, _, path in files]
    target = Path(bpy.path.abspath(spec.save)).resolve()
    tiles = [view.job.landing.tile.number for view in views if view.landed and view.job.landing.tile]
    saved = []
    for kind, number, path in files:
        variant = f"-{number}" if len(pictures) > 1 else ""
        if isinstance(spec, TextureSpec) and spec.udim:
            variant = f".{tiles[number - 1]}"
        own = target.with_name(f"{target.stem}{variant}{kind}{path.suffix if kind else target.suffix}")
        try:
            own.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, own)
        except OSError as error:
            _say(f"{spec.id}: {own} cannot be written: {error.strerror}. The picture is {path}")
            return []
        saved.append(str(own))
    return saved


def _line(spec: JobSpec, views: list[JobView], best: list[JobView], files: list[str]) -> dict[str, object]:
    """What is told of a line of the job file, done in one or more requests. `best` are those whose pictures count."""
    job, landed = best[0].job, [view.landed for view in best if view.landed]
    practice = any(view.job.service.kind is ServiceKind.PRACTICE for view in views)
    asked = [view for view in views if not view.reused or view.collected]
    results = [view.record.result for view in asked if view.record.result]
    costs = [each.cost_usd for each in results if each.cost_usd is not None]
    cost = sum(costs) if costs or not asked else None
    report: dict[str, object] = {"job": job.id, "practice": practice, "reused": len(asked) < len(views)}
    if batches := list(dict.fromkeys(view.record.batch for view in views if view.record.batch)):
        report["batches"] = batches
    if len(views) > 1:
        report["jobs"] = [view.job.id for view in views]
    if practice:
        report["would_have_cost_usd"] = cost
    if chosen := [view.record.result for view in best if view.record.result]:
        report |= {"seconds": max(each.seconds for each in chosen), "request_id": chosen[0].request_id}
        # Of a touch-up changed_outside, shift_px, scale, gain, seam, of a texture tile, tiles, findings: and the same of every variant.
        reports = [picture.report for each in chosen for picture in each.pictures if picture.report]
        report |= (reports[0] if reports else {}) | ({"variants": reports} if len(reports) > 1 else {})
        # How the model had drawn the maps that it was asked for.
        asked = {view.job.surface.asked: picture.report for view in views if view.job.kind == MAP_KIND and view.record.result
                 for picture in view.record.result.pictures}
        report |= {"maps": asked} if asked else {}
    if landed:
        report |= {"message": landed[0].message, "complete": all(view.landed.complete for view in views if view.landed)}
    worst = next((view for view in views if view.error), best[0])
    error = worst.record.error
    if worst.record.state is JobState.UNCERTAIN:
        error = error | {"hint": "It is not sent again by itself. --again sends it once more, and may cost a second time"}
    usages = [each.usage for each in results if each.usage]
    return {
        "id": spec.id, "state": str(worst.record.state), "images": list(dict.fromkeys(name for each in landed for name in each.images)),
        "files": files, "cost_usd": 0.0 if practice else cost, "usage": usages[0] if len(usages) == 1 else usages or None,
        "report": report, "error": error,
    }


def _planned_line(task: _Task, again: bool = True) -> dict[str, object]:
    """What a line of the job file will cost; nothing for what is there from earlier, unless it is to be asked `again`."""
    jobs = [planned.job for planned in task.planned]
    practice = jobs[0].service.kind is ServiceKind.PRACTICE
    new = [planned.job for planned in task.planned if again or not any(
        host.journal.has_result(record) for _, record in find_earlier(host.journal, planned.job, planned.inputs))]
    prices = [job.shown_usd for job in new]
    estimate = None if None in prices else sum(prices)
    report = {"practice": practice, "estimate_usd": estimate, "estimate_exact": all(job.estimate_exact for job in jobs),
              "reused": len(new) < len(jobs)}
    return {"id": task.spec.id, "state": "planned", "images": [], "files": [],
            "cost_usd": 0.0 if practice else estimate, "usage": None, "report": report, "error": None}


def _go_on(view: JobView) -> None:
    """What is in the file already is not landed again, nor is what has followed it."""
    if view.reused and view.record.state is JobState.DONE:
        view.landed = _landed_before(view)
        if view.landed:
            host.follow(view)
            for other in view.followed:
                _go_on(other)


def _landed_before(view: JobView) -> Landed | None:
    """What of an earlier result is in the file already, in a run that goes on with its file."""
    every = ((image.name, images.provenance(image)) for image in bpy.data.images)
    names = tuple(name for name, facts in every if facts.get("asked_by" if "map_of" in facts else "job_id") == view.job.id)
    return Landed(names, "It is in the file already") if names else None


# --- what the options mean --------------------------------------------------------------------------------

def _dollars(text: str) -> float:
    try:
        usd = float(text)
    except ValueError:
        usd = -1.0
    if not 0 <= usd < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no amount. Write US dollars, such as 2.50")
    return usd


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no number. Write 1 or more")
    return int(text)


def _numbers(text: str) -> frozenset[int]:
    """The numbers of "1-3,7"."""
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        found.update(range(_count(first), _count(last or first) + 1))
    return frozenset(found)


def _read_document(path: Path) -> object:
    """The job file's content. Raises InputError where it is none."""
    is_table = path.suffix.lower() == ".csv"
    try:
        data = path.read_bytes()
        return read_table(data.decode("utf-8-sig")) if is_table else json.loads(data)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", field="JOBS.csv" if is_table else "JOBS.json") from error
    except ValueError as error:
        what = "text in UTF-8" if is_table else "JSON"
        raise InputError(f"{path} is no {what}: {error}", field="JOBS.csv" if is_table else "JOBS.json") from error
