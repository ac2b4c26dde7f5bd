# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the headless run tells of a line of its job file, and the files that it leaves."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

import bpy

from ..blender import images
from ..blender.host import JobView, Landed, host
from ..core.jobfile import JobSpec, TextureSpec
from ..core.request import JobState, ServiceKind
from .asked_maps import KIND as MAP_KIND
from .plan import PlannedJob

__all__ = ("landed_before", "planned_line", "save_files", "say", "told_line")


def say(text: str) -> None:
    """A diagnostic for a person: on stderr, for stdout is the lines'."""
    print(f"gptimage: {text}", file=sys.stderr, flush=True)


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


def save_files(spec: JobSpec, views: list[JobView]) -> list[str]:
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
    sheets = {number for number, (view, _) in enumerate(pictures, 1) if view.job.sheet}       # of their own kind
    saved = []
    for kind, number, path in files:
        variant = f"-{number}" if len(pictures) > 1 else ""
        if isinstance(spec, TextureSpec) and spec.udim:
            variant = f".{tiles[number - 1]}"
        own = target.with_name(f"{target.stem}{variant}{kind}{path.suffix if kind or number in sheets else target.suffix}")
        try:
            own.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, own)
        except OSError as error:
            say(f"{spec.id}: {own} cannot be written: {error.strerror}. The picture is {path}")
            return []
        saved.append(str(own))
    return saved


def told_line(spec: JobSpec, views: list[JobView], best: list[JobView], files: list[str]) -> dict[str, object]:
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


def planned_line(spec: JobSpec, planned: Sequence[PlannedJob], there: Collection[str] = ()) -> dict[str, object]:
    """What a line of the job file will cost; nothing for the jobs whose results are `there` from earlier."""
    jobs = [each.job for each in planned]
    practice = jobs[0].service.kind is ServiceKind.PRACTICE
    new = [job for job in jobs if job.id not in there]
    prices = [job.shown_usd for job in new]
    estimate = None if None in prices else sum(prices)
    report = {"practice": practice, "estimate_usd": estimate, "estimate_exact": all(job.estimate_exact for job in jobs),
              "reused": len(new) < len(jobs)}
    return {"id": spec.id, "state": "planned", "images": [], "files": [],
            "cost_usd": 0.0 if practice else estimate, "usage": None, "report": report, "error": None}


def landed_before(view: JobView) -> Landed | None:
    """What of an earlier result is in the file already, in a run that goes on with its file."""
    every = ((image.name, images.provenance(image)) for image in bpy.data.images)
    names = tuple(name for name, facts in every if facts.get("asked_by" if "map_of" in facts else "job_id") == view.job.id)
    return Landed(names, "It is in the file already") if names else None
