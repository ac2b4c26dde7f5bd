# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The queue: what runs, what waits in which order, what came of the rest. Reads state only."""

from __future__ import annotations

import time

import bpy

from ..blender.host import JobView, host
from ..core.prompts import name_from_prompt
from ..core.request import JobState, ServiceKind
from .status import dollars, draw_error, draw_wrapped

__all__ = ("draw_queue", "draw_status", "progress")

JOBS_SHOWN = 8
JOB = "gptimage_job"            # under this name a row puts its job's id into the context, for its menu
STATES = {
    JobState.QUEUED: ("Waiting", 'SORTTIME'), JobState.SENDING: ("Sent", 'EXPORT'),
    JobState.RECEIVING: ("Receiving", 'IMPORT'), JobState.FINISHING: ("Finishing", 'SHADING_TEXTURE'),
    JobState.DONE: ("Done", 'CHECKMARK'), JobState.FAILED: ("Failed", 'ERROR'),
    JobState.CANCELLED: ("Cancelled", 'X'), JobState.UNCERTAIN: ("Uncertain", 'QUESTION'),
}


def draw_queue(layout: bpy.types.UILayout, window_manager: bpy.types.WindowManager) -> None:
    """The jobs: what runs, what waits in the order in which it will be sent, and what is settled, newest first."""
    if host.trouble:
        draw_error(layout.box(), host.trouble)
    if host.budget.trouble:
        draw_wrapped(layout.box(), host.budget.trouble, 'ERROR')
    running, waiting, settled = [], [], []
    for view in host.jobs.values():
        (settled if not view.is_active else waiting if view.record.is_unsent else running).append(view)
    views = [*running, *waiting, *reversed(settled)]
    if views:
        _draw_controls(layout, running, waiting, settled)
    else:
        layout.label(text="No jobs yet")
    first = min(window_manager.gptimage.first_job, max(0, len(views) - JOBS_SHOWN))
    for number, view in enumerate(views[first:first + JOBS_SHOWN], first - len(running) + 1):
        _draw_job(layout.box(), view, number)
    if len(views) > JOBS_SHOWN:
        layout.prop(window_manager.gptimage, "first_job", text=f"First of {len(views)}")
    layout.operator("gptimage.recover_results", icon='RECOVER_LAST')


def _draw_controls(
    layout: bpy.types.UILayout, running: list[JobView], waiting: list[JobView], settled: list[JobView],
) -> None:
    states = [view.record.state for view in settled]
    troubled, cancelled = states.count(JobState.FAILED) + states.count(JobState.UNCERTAIN), states.count(JobState.CANCELLED)
    counts = {"running": len(running), "waiting": len(waiting), "done": len(settled) - troubled - cancelled, "failed": troubled,
              "cancelled": cancelled}
    row = layout.row(align=True)
    row.label(text=", ".join(f"{count} {name}" for name, count in counts.items() if count), translate=False)
    row.menu("GPTIMAGE_MT_queue", text="", icon='DOWNARROW_HLT')
    if running or waiting or host.paused:
        row = layout.row(align=True)
        if host.paused:
            row.operator("gptimage.pause_queue", text="Resume", icon='PLAY').pause = False
        else:
            row.operator("gptimage.pause_queue", text="Pause", icon='PAUSE').pause = True
        row.operator("gptimage.cancel_all", icon='X')
    if host.paused and waiting:
        layout.label(text="Paused: nothing is sent", icon='PAUSE')
    elif waiting:
        _draw_pace(layout, {view.job.service for view in waiting})


def _draw_pace(layout: bpy.types.UILayout, services: set) -> None:
    """Why less is sent than the artist allows."""
    for service in services:
        allowed, until = host.paces.get(service, (0, 0.0))
        left = until - time.monotonic()
        if left > 0:
            layout.label(text=f"The service asks for a pause: {_duration(left)}", icon='TIME', translate=False)
        elif allowed:
            layout.label(text=f"{allowed} at once: the service asked for fewer", icon='INFO', translate=False)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _draw_job(box: bpy.types.UILayout, view: JobView, number: int) -> None:
    """One job. `number` is its place in the line, from 1, if it waits."""
    record, job = view.record, view.job
    column = box.column(align=True)
    row = column.row(align=True)
    label, icon = STATES[record.state]
    if view.is_waiting:
        icon = 'SORTTIME'
    row.label(text=name_from_prompt(job.prompt), icon=icon, translate=False)
    if view.is_active:
        if record.partials and record.state is JobState.RECEIVING:
            row.operator("gptimage.stop_job", text="", icon='SNAP_FACE', emboss=False).job_id = job.id
        row.operator("gptimage.cancel_job", text="", icon='X', emboss=False).job_id = job.id
    else:
        if record.state is JobState.DONE:
            row.operator("gptimage.apply_result", text="", icon='IMPORT', emboss=False).job_id = job.id
        else:
            row.operator("gptimage.retry_job", text="", icon='FILE_REFRESH', emboss=False).job_id = job.id
        row.operator("gptimage.dismiss_job", text="", icon='TRASH', emboss=False).job_id = job.id
    row.context_string_set(JOB, job.id)
    row.menu("GPTIMAGE_MT_job", text="", icon='DOWNARROW_HLT')

    if view.is_waiting:
        if record.note:
            draw_wrapped(column, record.note, 'BLANK1')
        elif not host.is_ready:
            column.label(text="Starting the helper", icon='BLANK1')
        else:
            column.label(text="Next" if number == 1 else f"Number {number} in the line", icon='BLANK1', translate=False)
    elif view.is_active:
        if icon := host.icons.get(job.id):
            column.template_icon(icon_value=icon, scale=5.0)
        _draw_progress(column, view, label)
        if record.note:
            draw_wrapped(column, record.note, 'ERROR')
    elif view.recovered:
        text = {JobState.DONE: "Made in an earlier session: apply or dismiss it",
                JobState.QUEUED: "Never sent: retry or dismiss it"}.get(record.state, "From an earlier session")
        draw_wrapped(column, text, 'RECOVER_LAST')
    elif record.state is JobState.DONE:
        column.label(text=_outcome(view), translate=False)
        if view.landed and not view.landed.complete:
            draw_wrapped(column, view.landed.message, 'ERROR')
    if error := view.error:
        draw_error(column, error)


def _draw_progress(column: bpy.types.UILayout, view: JobView, label: str) -> None:
    record, job = view.record, view.job
    if job.is_local and record.state is JobState.FINISHING:
        draw_wrapped(column, "Working on this machine")
        return
    factor, text = progress(view)
    column.progress(factor=factor, type='BAR', text=f"Practice: {text}" if job.service.kind is ServiceKind.PRACTICE else text)


def progress(view: JobView) -> tuple[float, str]:
    """(share, sentence) of a job that was sent: what has come of it, and the time left as such jobs took it before."""
    record, job = view.record, view.job
    elapsed = view.seconds_since_sent
    stage = STATES[record.state][0]
    if record.state is JobState.FINISHING:
        return 1.0, "Received, finishing"
    if record.partials:
        stage = f"Preview {len(record.partials)} of {job.request.partial_images}"
    if not record.expected_s:
        return min(1.0, elapsed / job.deadline_s), f"{stage}, {elapsed:.0f} s"
    left = record.expected_s - elapsed
    time_left = f"about {_duration(left)} left" if left >= 1.0 else f"{elapsed:.0f} s, usually {_duration(record.expected_s)}"
    return min(0.95, elapsed / record.expected_s), f"{stage}, {time_left}"


def draw_status(self: bpy.types.Header, context: bpy.types.Context) -> None:
    """One line at the end of an editor's header while jobs run: how many, and how far the next to come is."""
    running = [view for view in host.jobs.values() if view.is_active and not view.is_waiting]
    waiting = sum(view.is_waiting for view in host.jobs.values())
    if not running and not waiting:
        return
    row = self.layout.row(align=True)
    counts = [f"{len(running)} running"] * bool(running) + [f"{waiting} {'paused' if host.paused else 'waiting'}"] * bool(waiting)
    if running:
        factor, _ = max(map(progress, running), key=lambda each: each[0])
        row.progress(factor=factor, type='RING', text="")
    row.label(text=f"GPT Image: {', '.join(counts)}", icon='PAUSE' if host.paused and not running else 'NONE', translate=False)


def _outcome(view: JobView) -> str:
    result, job = view.record.result, view.job
    if result is None:
        return ""
    if view.reused:
        return "Earlier result, free"
    cost = result.cost_usd
    if view.record.stopped and job.service.kind is ServiceKind.PRACTICE:
        return f"Practice, stopped after {result.seconds:.0f} s"
    if view.record.stopped:
        most = f", at most {dollars(job.estimate_usd)}" if job.estimate_usd is not None else ""
        return f"Stopped after {result.seconds:.0f} s: what was made is charged{most}"
    if job.is_local:
        return f"On this machine, {result.seconds:.0f} s, free"
    if job.service.kind is ServiceKind.PRACTICE:
        would = f", would have cost {dollars(cost)}" if cost is not None else ""
        return f"Practice, {result.seconds:.0f} s{would}"
    if cost is not None:
        paid = f"cost {dollars(cost)}"
    else:
        paid = f"about {dollars(job.estimate_usd)}" if job.estimate_usd is not None else "cost not told"
    return f"{result.seconds:.0f} s, {paid}"


class GPTIMAGE_MT_queue(bpy.types.Menu):
    bl_idname = "GPTIMAGE_MT_queue"
    bl_label = "Queue"

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.operator_context = 'INVOKE_DEFAULT'
        self.layout.operator("gptimage.send_overnight", icon='SORTTIME')
        self.layout.operator("gptimage.retry_all", icon='FILE_REFRESH')
        self.layout.operator("gptimage.dismiss_done", icon='TRASH')


class GPTIMAGE_MT_job(bpy.types.Menu):
    bl_idname = "GPTIMAGE_MT_job"
    bl_label = "Job"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.operator_context = 'INVOKE_DEFAULT'
        view = host.jobs.get(getattr(context, JOB, ""))
        if view is None:
            layout.label(text="This job is gone")
            return
        if view.is_waiting:
            for to, icon in (('FRONT', 'TRIA_UP_BAR'), ('UP', 'TRIA_UP'), ('DOWN', 'TRIA_DOWN'), ('BACK', 'TRIA_DOWN_BAR')):
                button = layout.operator("gptimage.move_job", text=MOVES[to], icon=icon)
                button.job_id, button.to = view.job.id, to
            layout.separator()
        layout.operator("gptimage.copy_job", icon='COPYDOWN').job_id = view.job.id


MOVES = {'FRONT': "Send Next", 'UP': "Move Earlier", 'DOWN': "Move Later", 'BACK': "Send Last"}

classes = (GPTIMAGE_MT_queue, GPTIMAGE_MT_job)
HEADERS = ("VIEW3D_HT_header", "IMAGE_HT_header")


def register() -> None:
    for name in HEADERS:
        getattr(bpy.types, name).append(draw_status)


def unregister() -> None:
    for name in HEADERS:
        getattr(bpy.types, name).remove(draw_status)
