# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One subject from several sides, on image empties along the axes, ready to be modelled from.

No postponed annotations here: Blender reads those of the operator as properties.
"""

from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, StringProperty

from .. import blender
from ..blender.host import Landed, host
from ..blender.preferences import read_preferences
from ..core import catalog, pricing
from ..core.errors import InputError
from ..core.prompts import VIEWS, sheet_prompt, view_prompt
from ..core.request import Job, JobRecord, Landing, Place, Request, Service, parse_size
from .asking import AskOperator
from .plan import PlannedJob, Reference, Template, adopt_results, job_name, plan_job, price, settle_images
from .references import read_references
from .settings import RequestSettings, read_settings

__all__ = ("TurnaroundSettings", "ordered_views", "plan_turnaround", "shown_turnaround", "turnaround_requests")

KIND = "turnaround"
FIRST = "the first view of the same subject: keep its shape, proportions, colors and every detail"
_ORDER = tuple(VIEWS)


class TurnaroundSettings:
    """Properties of a turnaround, beside those of every request. A mixin like RequestSettings."""

    views: EnumProperty(
        name="Views", description="From which sides the subject is shown", options={'ENUM_FLAG'}, default={"front", "right", "back"},
        items=[(view, view.title(), f"The subject {words}", 1 << index) for index, (view, words) in enumerate(VIEWS.items())])
    one_sheet: BoolProperty(
        name="One Sheet", description="Ask for all views on one picture and cut it apart: the cheapest, and the views agree. "
        "Without it each view is a picture of its own, made after the first and with it as reference, in full size", default=True)
    height_m: FloatProperty(
        name="Height", description="How tall the subject is", default=1.8, min=0.001, soft_max=100.0, subtype='DISTANCE', unit='LENGTH')


def ordered_views(views: Sequence[str]) -> tuple[str, ...]:
    """The views in the order in which they are asked for. Raises InputError for none, or one that there is not."""
    for view in views:
        if view not in VIEWS:
            raise InputError(f"There is no view {view!r}", field="views", hint=f"Use {', '.join(VIEWS)}")
    if not views:
        raise InputError("No view is chosen", field="views", hint="Choose at least one side")
    return tuple(view for view in _ORDER if view in views)


@lru_cache(maxsize=8)
def shown_turnaround(
    words: Request, views: frozenset[str], one_sheet: bool, service: Service, references: tuple[Reference, ...] = (),
) -> tuple[pricing.Price, int]:
    """What a turnaround costs, and with how many requests. Cached; a panel may call it. Raises InputError."""
    asked = turnaround_requests(words, tuple(views), one_sheet)
    return pricing.together([price(each, template, service, (*own, *references)) for each, template, own in asked]), len(asked)


def turnaround_requests(words: Request, views: Sequence[str], one_sheet: bool) -> list[tuple[Request, Template, tuple[Reference, ...]]]:
    """What is asked for, request by request: the words, their template and the pictures sent along. A sheet is as wide as its views need."""
    chosen = ordered_views(views)
    words = words._replace(n=1)
    if one_sheet and len(chosen) > 1:
        width, height = parse_size(words.size)
        size = catalog.nearest_legal_size(min(width * len(chosen), 3 * height), height)
        return [(words._replace(size="{}x{}".format(*size)), partial(sheet_prompt, views=chosen), ())]
    first = Reference("first", *parse_size(words.size), FIRST, suffix=f".{words.output_format}", of="first")
    return [(words, partial(view_prompt, view=view), () if view == chosen[0] else (first,)) for view in chosen]


def plan_turnaround(
    words: Request, service: Service, landing: Landing, views: Sequence[str], *, one_sheet: bool = True, references: Sequence[Reference] = (),
) -> list[PlannedJob]:
    """The jobs for a turnaround: one for a sheet, or one for each view, all but the first made after it and with it.

    `landing.scale_m` is the subject's height in metres. Raises InputError, OnlineAccessError.
    """
    jobs: list[PlannedJob] = []
    chosen = ordered_views(views)
    for index, (asked, template, own) in enumerate(turnaround_requests(words, views, one_sheet)):
        first = [reference._replace(of=jobs[0].job.id) for reference in own]
        sides = chosen if one_sheet else (chosen[index],)
        jobs.append(plan_job(KIND, asked, template, service, landing, [*first, *references], views=sides))
    return jobs


# --- the result -------------------------------------------------------------------------------------------

def land_turnaround(job: Job, record: JobRecord, folder: Path) -> Landed:
    """Make the views images and, where that is wanted, stand them on the axes. One undo step."""
    made = adopt_results(job, record, folder)
    where = ""
    if job.landing.place is Place.AXES:
        group = job.after[0] if job.after else job.id
        collection = blender.turnaround.place_views(bpy.context.scene, made, f"{job_name(job)} Turnaround", group, job.landing.scale_m)
        where = f" in the collection {collection.name}"
    return settle_images(made, job, where)


class GPTIMAGE_OT_generate_turnaround(AskOperator, RequestSettings, TurnaroundSettings, bpy.types.Operator):
    bl_idname = "gptimage.generate_turnaround"
    bl_label = "Generate Turnaround"
    bl_description = "Make pictures of one subject from several sides and stand them on the axes. Blender stays usable meanwhile"

    size: StringProperty(name="Size", description="Size of one view, as WIDTHxHEIGHT", options={'SKIP_SAVE'})

    def plan(self, context: bpy.types.Context) -> list[PlannedJob]:
        panel, preferences = context.scene.gptimage, read_preferences()
        own = self.properties.is_property_set
        views, one_sheet, height_m = (getattr(self if own(name) else panel, name) for name in TurnaroundSettings.__annotations__)
        landing = Landing(place=Place.AXES, scale_m=height_m, pack=preferences.pack)
        return plan_turnaround(read_settings(panel, self), preferences.service, landing, tuple(views), one_sheet=one_sheet,
                               references=read_references(context.scene))


classes = (GPTIMAGE_OT_generate_turnaround,)


def register() -> None:
    host.landings[KIND] = land_turnaround


def unregister() -> None:
    host.landings.pop(KIND, None)
