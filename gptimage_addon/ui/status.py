# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The price line, the queue and the errors: shared by the panels of all editors. Reads state only."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from urllib.parse import urlsplit

import bpy

from ..blender.host import JobView, host
from ..blender.online import check_online
from ..blender.preferences import read_preferences
from ..core import pricing
from ..core.catalog import shutdown_notice
from ..core.errors import GptImageError, InputError, Repair
from ..core.prompts import name_from_prompt
from ..core.request import Finish, JobState, Request, Service, ServiceKind
from ..operators.plan import Template, price
from ..operators.report import REFUSAL, sentence
from ..operators.settings import PanelSettings, read_settings

__all__ = ("dollars", "draw_button", "draw_error", "draw_price", "draw_queue", "draw_wrapped", "find_price", "price_text")

JOBS_SHOWN = 8
LETTER_PX = 6.4                 # of the interface font at scale 1, on average
MARGIN_PX = 80                  # tabs, icon and borders of a sidebar
STATES = {
    JobState.QUEUED: ("Waiting", 'SORTTIME'), JobState.SENDING: ("Sent", 'EXPORT'),
    JobState.RECEIVING: ("Receiving", 'IMPORT'), JobState.FINISHING: ("Finishing", 'SHADING_TEXTURE'),
    JobState.DONE: ("Done", 'CHECKMARK'), JobState.FAILED: ("Failed", 'ERROR'),
    JobState.CANCELLED: ("Cancelled", 'X'), JobState.UNCERTAIN: ("Uncertain", 'QUESTION'),
}
REPAIR_LABELS = {
    Repair.OPEN_KEY_SETTINGS: "Open Key Settings", Repair.OPEN_VERIFICATION: "Open Verification Page",
    Repair.OPEN_BILLING: "Open Billing Page", Repair.ALLOW_ONLINE: "Open Online Access Setting",
    Repair.RESTART_WORKER: "Restart Helper", Repair.RAISE_BUDGET: "Open Budget Settings",
}
SERVICES = {ServiceKind.PRACTICE: "made on this machine", ServiceKind.OPENAI: "sent to OpenAI"}


def draw_wrapped(layout: bpy.types.UILayout, text: str, icon: str = 'NONE') -> None:
    """A text of more than one line: labels do not wrap by themselves."""
    region = bpy.context.region
    fits = max(20, int((region.width / bpy.context.preferences.system.ui_scale - MARGIN_PX) / LETTER_PX))
    line = ""
    for word in text.split():
        if line and len(line) + len(word) >= fits:
            layout.label(text=line, icon=icon, translate=False)
            line, icon = "", 'BLANK1' if icon != 'NONE' else 'NONE'
        line = f"{line} {word}".strip()
    layout.label(text=line, icon=icon, translate=False)


def draw_error(layout: bpy.types.UILayout, error: GptImageError) -> None:
    """The error in words, its cure, and the button that repairs it."""
    column = layout.column(align=True)
    draw_wrapped(column, error.message, 'ERROR')
    if error.hint:
        draw_wrapped(column, error.hint, 'BLANK1')
    if error.request_id:
        column.label(text=f"Request {error.request_id}", icon='BLANK1', translate=False)
    if error.repair:
        column.operator("gptimage.repair", text=REPAIR_LABELS[error.repair]).action = error.repair


@lru_cache(maxsize=64)
def _price_or_error(
    words: Request, template: Template, service: Service, finish: Finish | None,
) -> pricing.Price | InputError:
    try:
        return price(words, template, service, finish=finish)
    except InputError as error:
        return error


def dollars(usd: float) -> str:
    return f"${usd:.4f}" if usd < 0.1 else f"${usd:.2f}"


Requests = Sequence[tuple[Request, Finish | None]]


def find_price(requests: Requests, template: Template, service: Service) -> pricing.Price:
    """What the requests cost together. Cached; a panel may call it. Raises InputError for what cannot be sent."""
    found = [_price_or_error(words, template, service, finish) for words, finish in requests]
    for each in found:
        if isinstance(each, InputError):
            raise each
    usages = [each.usage for each in found]
    return pricing.Price(sum(each.usd for each in found), pricing.Usage(*map(sum, zip(*usages, strict=True))),
                         all(each.exact for each in found), all(each.known for each in found))


def price_text(found: pricing.Price, service: Service) -> str:
    """The price as the artist reads it."""
    if not found.known:
        return "Price: see your server"
    amount = ("" if found.exact else "about ") + dollars(found.usd) + ("" if found.exact else " (estimate)")
    return f"Free. Would have cost {amount}" if service.kind is ServiceKind.PRACTICE else f"Price: {amount}"


def draw_price(
    layout: bpy.types.UILayout, panel: PanelSettings, template: Template, touch_up: Requests = (),
) -> str:
    """What the next request costs and where it goes, or why it cannot be sent: then that is returned, else "".

    A touch-up's requests have words and sizes of their own, which its panel tells.
    """
    service = read_preferences().service
    column = layout.column(align=True)
    try:
        requests = touch_up or [(read_settings(panel), None)]
        found = find_price(requests, template, service)
    except InputError as error:
        # An empty prompt is no mistake yet, just the beginning.
        column.label(text="Write a prompt to see the price" if error.field == "prompt" and not panel.prompt
                     else error.message, icon='INFO', translate=False)
        if error.field != "prompt" and error.hint:
            column.label(text=error.hint, icon='BLANK1', translate=False)
        return sentence(error)
    column.label(text=price_text(found, service), translate=False)
    words, _ = requests[0]
    many = f"{words.n} x " if words.n > 1 else ""
    where = SERVICES.get(service.kind) or f"sent to {urlsplit(service.base_url).netloc}"
    if not touch_up:
        where = f"{many}{words.size.replace('x', ' x ')} px, {where}"
    column.label(text=where[0].upper() + where[1:], translate=False)
    try:
        check_online(service)
    except GptImageError as error:
        draw_error(column, error)
        return sentence(error)
    if service.kind is ServiceKind.OPENAI and (notice := shutdown_notice(words.model, date.today())):
        draw_wrapped(column, notice, 'ERROR')
    return ""


def draw_button(layout: bpy.types.UILayout, operator: str, refusal: str, **look: str) -> bpy.types.OperatorProperties:
    """The button that starts a job; with a refusal it is disabled, and its tooltip tells the refusal."""
    row = layout.row()
    row.scale_y = 1.4
    row.context_string_set(REFUSAL, refusal)
    return row.operator(operator, **look)


def draw_queue(layout: bpy.types.UILayout, window_manager: bpy.types.WindowManager) -> None:
    """The jobs, newest first, with their state, progress and buttons."""
    if host.trouble:
        draw_error(layout.box(), host.trouble)
    views = list(reversed(host.jobs.values()))
    if not views:
        layout.label(text="No jobs yet")
    first = min(window_manager.gptimage.first_job, max(0, len(views) - JOBS_SHOWN))
    for view in views[first:first + JOBS_SHOWN]:
        _draw_job(layout.box(), view)
    if len(views) > JOBS_SHOWN:
        layout.prop(window_manager.gptimage, "first_job", text=f"First of {len(views)}")
    layout.operator("gptimage.recover_results", icon='RECOVER_LAST')


def _draw_job(box: bpy.types.UILayout, view: JobView) -> None:
    record, job = view.record, view.job
    column = box.column(align=True)
    row = column.row(align=True)
    label, icon = STATES[record.state]
    row.label(text=name_from_prompt(job.prompt), icon=icon, translate=False)
    if view.is_active:
        row.operator("gptimage.cancel_job", text="", icon='X', emboss=False).job_id = job.id
    else:
        if record.state is JobState.DONE:
            row.operator("gptimage.apply_result", text="", icon='IMPORT', emboss=False).job_id = job.id
        else:
            row.operator("gptimage.retry_job", text="", icon='FILE_REFRESH', emboss=False).job_id = job.id
        row.operator("gptimage.dismiss_job", text="", icon='TRASH', emboss=False).job_id = job.id

    if view.is_active:
        _draw_progress(column, view, label)
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
    if job.service.kind is ServiceKind.PRACTICE:
        label = f"Practice: {label}"
    if not record.sent_at:
        waiting = "Waiting for its turn" if host.is_ready else "Starting the helper"
        draw_wrapped(column, record.note or waiting)
        return
    # True progress only: partial pictures received, and the time against the deadline.
    elapsed = max(0.0, time.time() - record.sent_at)
    if job.request.partial_images:
        label += f", preview {len(record.partials)} of {job.request.partial_images}"
    column.progress(factor=min(1.0, elapsed / job.deadline_s), type='BAR',
                    text=f"{label}, {elapsed:.0f} s of at most {job.deadline_s:.0f} s")


def _outcome(view: JobView) -> str:
    result, job = view.record.result, view.job
    if result is None:
        return ""
    cost = result.cost_usd
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
