# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The headless run: the same plans and landings as the buttons, from a job file, one JSON line a job."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import bpy

from .. import library
from ..blender.host import JobView, host
from ..blender.online import check_online
from ..blender.preferences import read_preferences
from ..core.errors import GptImageError, InputError, KeyMissingError, OnlineAccessError, QuotaError, WorkerError
from ..core.jobfile import JobSpec, ReferenceJobSpec, TextureSpec, read_jobfile
from ..core.jobtable import read_table
from ..core.request import JobState, Service, ServiceKind
from .asked_maps import KIND as MAP_KIND
from .job_lines import landed_before, planned_line, save_files, say, told_line
from .job_plans import plan_line, styled
from .plan import PlannedJob
from .report import sentence
from .spending import export_spending, spending

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
        say(f"{error.field}: {sentence(error)}" if error.field else sentence(error))
        return UNUSABLE
    except (OnlineAccessError, KeyMissingError) as error:
        say(sentence(error))
        return NOT_ALLOWED
    except GptImageError as error:
        say(sentence(error))
        return FAILED
    finally:
        worker = host.stop()
        host.reuses, host.concurrency, host.budget.run_usd = False, None, None
        if worker:
            worker.wait(10.0)
        os.close(lines)


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
    chosen = [(number, spec) for number, spec in enumerate(specs, 1) if options.only is None or number in options.only]
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
            planned = plan_line(styled(spec, document["jobs"][number - 1]), service)
            if spec.batch and any(each.job.follow_up for each in planned):
                raise InputError("What comes from a batch is followed by no other request", field="heal" if spec.heal else "maps_from",
                                 hint="Ask for that when the picture is collected, by image")
            if options.batch and (field := next((name for name in ("turnaround", "udim") if getattr(spec, name, None)), "")) \
                    and any(each.job.after and not each.job.is_local for each in planned):
                raise InputError("Its pictures are made one after another, each from those before", field=field,
                                 hint="Leave the job out of --batch with --only, and run it by itself")
            tasks.append(_Task(spec, planned))
        except InputError as error:
            error.field = f"{f'line {number + 1}' if is_table else f'jobs[{number - 1}]'}.{error.field}"
            raise
    if options.dry_run:
        every = [planned for task in tasks for planned in task.planned]
        found = zip(every, [] if options.again else host.find_earlier(every), strict=False)
        there = {planned.job.id for planned, earlier in found if earlier and host.journal.has_result(earlier[1])}
        for task in tasks:
            emit(planned_line(task.spec, task.planned, there))
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
        if options.collect and not all(found or planned.job.is_local
                                       for planned, found in zip(task.planned, host.find_earlier(task.planned), strict=True)):
            error = InputError("It was not sent in a batch", field="--collect", hint="Run it with --batch first")
            emit(planned_line(task.spec, task.planned) | {"state": "failed", "cost_usd": 0.0, "error": error.to_dict()})
            failed.append(error)
            continue
        try:
            task.views = tuple(host.submit_all(task.planned))
            for view in task.views:
                if options.resume:
                    _go_on(view)
        except QuotaError as error:         # what costs less may still fit
            emit(planned_line(task.spec, task.planned) | {"state": "failed", "cost_usd": 0.0, "error": error.to_dict()})
            failed.append(error)
    waiting = [task for task in tasks if task.views]
    if options.batch:
        while any(view.is_active and not view.record.batch for task in tasks for view in task.views if not view.job.is_local):
            host.wait(0.05)
        for task in [task for task in waiting if any(view.is_active for view in task.views)]:
            waiting.remove(task)
            emit(told_line(task.spec, _views(task), _best(task), []))
    while waiting:
        host.wait(0.05)
        for task in [task for task in waiting if not any(view.is_active for view in _views(task))]:
            waiting.remove(task)
            views, best = _views(task), _best(task)
            files = save_files(task.spec, best)
            emit(told_line(task.spec, views, best, files))
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


# --- output -----------------------------------------------------------------------------------------------


def _go_on(view: JobView) -> None:
    """What is in the file already is not landed again, nor is what has followed it."""
    if view.reused and view.record.state is JobState.DONE:
        view.landed = landed_before(view)
        if view.landed:
            host.follow(view)
            for other in view.followed:
                _go_on(other)


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
        numbers = range(_count(first), _count(last or first) + 1)
        if not numbers:
            raise argparse.ArgumentTypeError(f"{part!r} is no range. Write the smaller number first, such as 1-3")
        found.update(numbers)
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
