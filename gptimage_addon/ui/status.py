# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The price line, the button and the errors: shared by the panels of all editors. Reads state only."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

import bpy

from ..blender.host import host
from ..blender.online import check_online
from ..blender.preferences import read_preferences, read_service
from ..core import pricing
from ..core.catalog import find_model, shutdown_notice
from ..core.errors import GptImageError, InputError, Repair
from ..core.request import Finish, Request, Service, ServiceKind, Surface
from ..operators.plan import Reference, Template, asked, price
from ..operators.references import shown_references
from ..operators.report import REFUSAL, sentence
from ..operators.settings import PanelSettings, read_settings

__all__ = (
    "Asked", "destination", "dollars", "draw_ask", "draw_button", "draw_error", "draw_limits", "draw_price", "draw_refusal",
    "draw_sheet_button", "draw_wrapped", "find_price", "price_text", "priced", "settings_column", "sidebar_px",
)

LETTER_PX = 6.4                 # of the interface font at scale 1, on average
MARGIN_PX = 80                  # tabs, icon and borders of a sidebar
REPAIR_LABELS = {
    Repair.OPEN_KEY_SETTINGS: "Open Key Settings", Repair.OPEN_VERIFICATION: "Open Verification Page",
    Repair.OPEN_BILLING: "Open Billing Page", Repair.ALLOW_ONLINE: "Open Online Access Setting",
    Repair.RESTART_WORKER: "Restart Helper", Repair.RAISE_BUDGET: "Open Budget Settings",
}
PERIODS = {"day": "for today", "month": "for this month", "file": "for this file"}
# What the panels have priced last, by where that is drawn: the sheet of what will be sent shows the same. Values only, replaced at each drawing.
priced: dict[str, tuple[tuple["Asked", ...], Service]] = {}
SERVICES = {ServiceKind.PRACTICE: "made locally", ServiceKind.OPENAI: "sent to OpenAI"}


class Asked(NamedTuple):
    """A request that a button would send now: the artist's words, what becomes of the answer, the prompt's template, the references."""

    words: Request
    finish: Finish | None
    template: Template
    references: tuple[Reference, ...] = ()


def sidebar_px() -> float:
    """Width of the region that is drawn, at an interface scale of 1."""
    return bpy.context.region.width / bpy.context.preferences.system.ui_scale


def settings_column(layout: bpy.types.UILayout, *, align: bool = False) -> bpy.types.UILayout:
    """A column of settings with their names at the left, and nothing to animate them with."""
    column = layout.column(align=align)
    column.use_property_split = True
    column.use_property_decorate = False
    return column


def draw_wrapped(layout: bpy.types.UILayout, text: str, icon: str = 'NONE', *, fits: int = 0) -> None:
    """A text of more than one line, each of at most `fits` letters, or as many as the region holds: labels do not wrap by themselves."""
    fits = fits or max(20, int((sidebar_px() - MARGIN_PX) / LETTER_PX))
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
    words: Request, template: Template, service: Service, references: tuple[Reference, ...], finish: Finish | None,
) -> pricing.Price | InputError:
    try:
        return price(words, template, service, references, finish)
    except InputError as error:
        return error


def dollars(usd: float) -> str:
    return f"${usd:.4f}" if 0.00005 <= usd < 0.1 else f"${usd:.2f}"


Requests = Sequence[tuple[Request, Finish | None]]


def find_price(
    requests: Requests, template: Template, service: Service, references: tuple[Reference, ...] = (),
) -> pricing.Price:
    """What the requests cost together. Cached; a panel may call it. Raises InputError for what cannot be sent."""
    found = [_price_or_error(words, template, service, references, finish) for words, finish in requests]
    for each in found:
        if isinstance(each, InputError):
            raise each
    return pricing.together(found)


def price_text(found: pricing.Price, service: Service) -> str:
    """The price as the artist reads it."""
    if not found.known:
        return "Price: see your server"
    amount = ("" if found.exact else "about ") + dollars(found.usd) + ("" if found.exact else " (estimate)")
    return f"Free. Would have cost {amount}" if service.kind is ServiceKind.PRACTICE else f"Price: {amount}"


def draw_price(
    layout: bpy.types.UILayout, panel: PanelSettings, template: Template, touch_up: Requests = (), *, alone: bool = False,
    own: tuple[Reference, ...] = (), words: Request | None = None, sheet: bool = True,
) -> str:
    """What the next request costs and where it goes, or why it cannot be sent: then that is returned, else "".

    A touch-up's requests have words and sizes of their own, which its panel tells. `alone` is for what takes no references,
    `own` are those that it has beside the list's, `words` those that are asked instead of the panel's. Without `sheet` there is no
    button that shows all of it.
    """
    service = read_service()
    column = layout.column(align=True)
    try:
        requests = touch_up or [(words or read_settings(panel), None)]
        references = (() if alone else shown_references(panel, touch_up=bool(touch_up))) + own
        found = find_price(requests, template, service, references)
    except InputError as error:
        return draw_refusal(column, error, panel)
    row = column.row()
    row.label(text=price_text(found, service), translate=False)
    if sheet:
        asked = [Asked(each, finish, template, references) for each, finish in requests]
        draw_sheet_button(row, getattr(template, "func", template).__name__, asked, service)
    words, _ = requests[0]
    many = f"{words.n} x " if words.n > 1 else ""
    where = destination(words, service)
    if not touch_up:
        where = f"{many}{words.size.replace('x', ' x ')} px, {where}"
    column.label(text=where[0].upper() + where[1:], translate=False)
    if references:
        _draw_references(column, references, words.model)
    if panel.continued and not touch_up:
        row = column.row()
        row.label(text=f"Continues {panel.continued.name}", icon='LINKED', translate=False)
        row.operator("gptimage.continue_result", text="", icon='X', emboss=False).stop = True
    return draw_limits(column, [words.model], service, found)


def draw_refusal(column: bpy.types.UILayout, error: InputError, panel: PanelSettings) -> str:
    """Why there is no price, and the cure; that is returned, too."""
    # An empty prompt is no mistake yet, just the beginning.
    column.label(text="Write a prompt to see the price" if error.field == "prompt" and not panel.prompt
                 else error.message, icon='INFO', translate=False)
    if error.field == "references":
        column.operator("gptimage.read_references", icon='FILE_REFRESH')
    elif error.field != "prompt" and error.hint:
        column.label(text=error.hint, icon='BLANK1', translate=False)
    return sentence(error)


def destination(words: Request, service: Service) -> str:
    """Where a request goes, and when it comes back if that takes long."""
    where = SERVICES.get(service.kind) or f"sent to {urlsplit(service.base_url).netloc}"
    return f"{where} in a batch, within a day" if words.batch else where


def draw_limits(column: bpy.types.UILayout, models: Sequence[str], service: Service, found: pricing.Price) -> str:
    """What is left of the budget, which models end soon, or why nothing can be sent now: then that is returned, else ""."""
    try:
        check_online(service)
        if service.kind is not ServiceKind.PRACTICE:
            _draw_budget(column, found.usd)
    except GptImageError as error:
        draw_error(column, error)
        return sentence(error)
    for model in dict.fromkeys(models):
        if service.kind is ServiceKind.OPENAI and (notice := shutdown_notice(model, date.today())):
            draw_wrapped(column, notice, 'ERROR')
    return ""


def draw_sheet_button(row: bpy.types.UILayout, name: str, asked: Sequence[Asked], service: Service) -> None:
    """The button that opens the sheet of what will be sent. The name tells this price from the editor's others."""
    area = getattr(bpy.context, "area", None)
    place = f"{area.as_pointer() if area else 0} {name}"
    priced[place] = tuple(asked), service
    row.operator("gptimage.show_sent", text="", icon='ZOOM_SELECTED', emboss=False).place = place


def _draw_budget(column: bpy.types.UILayout, cost_usd: float) -> None:
    """What is left of the tightest budget. Raises QuotaError where the price does not fit and budgets are kept."""
    preferences = read_preferences()
    budgets = preferences.budgets.left(host.budget.spending)
    if not budgets:
        return
    if preferences.stop_at_budget:
        pricing.check_limits(preferences.budgets, host.budget.spending, cost_usd)
    name, limit, left = min(budgets, key=lambda budget: budget[2])
    warns = limit - left + cost_usd >= preferences.warn_share * limit
    text = f"{dollars(left)} left of {dollars(limit)}" if left >= 0 else f"{dollars(-left)} over {dollars(limit)}"
    column.label(text=f"{text} {PERIODS[name]}", icon='ERROR' if warns else 'NONE', translate=False)


def _draw_references(column: bpy.types.UILayout, references: Sequence[Reference], model: str) -> None:
    sent = [reference.sent(number) for number, reference in enumerate(references)]
    text = "1 reference" if len(sent) == 1 else f"{len(sent)} references"
    if find_model(model):
        text += f", {dollars(sum(pricing.picture_usd(each.width_px, each.height_px, model) for each in sent))} of it"
    column.label(text=text, icon='IMAGE_REFERENCE', translate=False)


def draw_button(layout: bpy.types.UILayout, operator: str, refusal: str, **look: str) -> bpy.types.OperatorProperties:
    """The button that starts a job; with a refusal it is disabled, and its tooltip tells the refusal."""
    row = layout.row()
    row.scale_y = 1.4
    row.context_string_set(REFUSAL, refusal)
    return row.operator(operator, **look)


@lru_cache(maxsize=64)
def _asked(words: Request, template: Template, service: Service, surface: Surface | None) -> str:
    return asked(words, template, service, surface)


def _answered_at(panel: PanelSettings, template: Template | None, surface: Surface | None) -> float | None:
    """When the same was answered before, or None. What goes along with pictures is not compared here."""
    if template is None or not host.budget.answered:
        return None
    try:
        words = read_settings(panel)
        if shown_references(panel):
            return None
    except InputError:
        return None
    found = host.budget.answered.get(_asked(words, template, read_service(), surface))
    return found[1] if found else None


def draw_ask(
    layout: bpy.types.UILayout, operator: str, refusal: str, panel: PanelSettings, template: Template | None, *, surface: Surface | None = None,
    text: str, icon: str,
) -> list[bpy.types.OperatorProperties]:
    """The button that starts a job; where the same was answered before, its result is offered first. Gives the buttons' settings.

    Without a `template` it is not known here what is sent: pictures are made of it.
    """
    at = _answered_at(panel, template, surface)
    if at is None:
        return [draw_button(layout, operator, refusal, text=text, icon=icon)]
    column = layout.column(align=True)
    column.label(text=time.strftime("Asked before, %Y-%m-%d %H:%M", time.localtime(at)), icon='INFO', translate=False)
    earlier = draw_button(column, operator, "", text="Use the Earlier Result", icon='RECOVER_LAST')
    earlier.earlier = True
    return [earlier, draw_button(column, operator, refusal, text="Ask Again", icon=icon)]
