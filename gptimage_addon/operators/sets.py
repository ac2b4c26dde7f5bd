# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several reference pictures at once, with a contact sheet: a list of prompts, or a grid of settings to compare.

No postponed annotations here: Blender reads those of the operators as properties.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import bpy
from bpy.props import EnumProperty, IntProperty, PointerProperty, StringProperty

from .. import library
from ..blender import images, view
from ..blender.host import SESSION, Landed, host
from ..blender.images import provenance
from ..blender.preferences import read_preferences
from ..core import catalog, pricing
from ..core.errors import GptImageError, InputError
from ..core.prompts import reference_prompt
from ..core.request import Cell, Job, JobRecord, Landing, Place, Request, Service, Sheet
from ..core.sets import NAME_RULE, Wanted, expand, grid, read_prompts, set_of
from .asking import AskOperator
from .plan import PlannedJob, Reference, adopt_results, price, settle_images
from .pointing import PointingOperator
from .reference import plan_reference
from .references import read_references, shown_references
from .report import report
from .settings import QUALITY_LABELS, RequestSettings, read_settings, write_settings

__all__ = ("GridChoices", "cell_key", "plan_set", "priced", "shown_cells", "shown_grid", "shown_list")

KIND = "sheet"
MODELS = [(model.id, model.label, f"Ask {model.label}") for model in catalog.MODELS.values()]


class GridSettings:
    """Properties of a grid, beside those of every request. A mixin like RequestSettings."""

    grid_models: EnumProperty(
        name="Models", description="The models to compare. None is the one chosen above", options={'ENUM_FLAG'}, default=set(),
        items=[(*item, 1 << index) for index, item in enumerate(MODELS)])
    grid_qualities: EnumProperty(
        name="Qualities", description="The qualities to compare. None is the one chosen above", options={'ENUM_FLAG'},
        default={"low", "medium", "high"},
        items=[(quality, QUALITY_LABELS[quality], f"Make the picture at {quality} quality", 1 << index)
               for index, quality in enumerate(catalog.QUALITIES)])
    grid_sizes: EnumProperty(
        name="Sizes", description="The sizes to compare. None is the one chosen above", options={'ENUM_FLAG'}, default=set(),
        items=[(size, label, size.replace("x", " x "), 1 << index) for index, (label, size) in enumerate(catalog.SIZE_PRESETS.values())])


class GridChoices(GridSettings):
    """The panel's: with the cells that were switched off."""

    grid_left_out: StringProperty(name="Left Out", description="The grid's cells that are not asked for", options={'HIDDEN'})
    set_text: PointerProperty(
        name="List", description="A Text datablock with one prompt a line, or a CSV table with the columns prompt and name", type=bpy.types.Text)
    name_rule: StringProperty(
        name="Names", description="What each picture is called. {number}, {words} and {set} stand for its own", default=NAME_RULE)


def plan_set(
    wanted: Sequence[Wanted], service: Service, title: str, references: Sequence[Reference] = (), *, pack: bool = True,
) -> list[PlannedJob]:
    """The jobs for several pictures and, last, for the contact sheet that shows them. Raises InputError, OnlineAccessError."""
    planned = [plan_reference(each.words, service, Landing(Place.IMAGE, name=each.name, pack=pack), references) for each in wanted]
    cells = tuple(Cell(made.job.id, each.caption) for made, each in zip(planned, wanted, strict=True))
    columns = min(len(cells), max(1, round((len(cells) * 1.4) ** 0.5)))
    sheet = Job(
        id=library.journal.new_job_id(), kind=KIND, prompt=title, request=Request(title, wanted[0].words.model, wanted[0].words.size),
        service=service,
        landing=Landing(Place.EDITOR, pack=pack, name=f"{title} Sheet", session=SESSION, blend=bpy.data.filepath),
        sheet=Sheet(cells, columns, title), created=datetime.now(UTC).isoformat(timespec="seconds"), estimate_usd=0.0)
    return [*planned, PlannedJob(sheet, {})]


# --- what is on the panel ---------------------------------------------------------------------------------

@lru_cache(maxsize=8)
def _priced(
    wanted: tuple[Wanted, ...], service: Service, references: tuple[Reference, ...],
) -> tuple[tuple[Wanted, pricing.Price | None, str], ...]:
    """Each picture with its price, or None and why it cannot be asked for."""
    found = []
    for each in wanted:
        try:
            found.append((each, price(each.words, reference_prompt, service, references), ""))
        except InputError as error:
            found.append((each, None, error.message))
    return tuple(found)


@lru_cache(maxsize=8)
def _grid(words: Request, models: frozenset[str], sizes: frozenset[str], qualities: frozenset[str]) -> tuple[Wanted, ...]:
    return grid(words, models=[model for model in catalog.MODELS if model in models],
                sizes=[size for _, size in catalog.SIZE_PRESETS.values() if size in sizes], qualities=tuple(qualities))


def shown_cells(panel: bpy.types.PropertyGroup, service: Service) -> tuple[tuple[Wanted, pricing.Price | None, str, bool], ...]:
    """The grid's cells: picture, price or None and why not, and whether it is chosen. Cheap; a panel may call it. Raises InputError."""
    wanted = _grid(read_settings(panel), frozenset(panel.grid_models), frozenset(panel.grid_sizes), frozenset(panel.grid_qualities))
    left_out = set(panel.grid_left_out.split("\n"))
    return tuple((each, found, why, found is not None and cell_key(each) not in left_out)
                 for each, found, why in _priced(wanted, service, shown_references(panel)))


def cell_key(wanted: Wanted) -> str:
    """What a cell is known by when it is left out."""
    words = wanted.words
    return f"{words.model} {words.size} {words.quality} {words.prompt}"


def shown_grid(panel: bpy.types.PropertyGroup, service: Service) -> list[Wanted]:
    """The cells that are chosen. Raises InputError where there are none."""
    chosen = [each for each, _, _, is_chosen in shown_cells(panel, service) if is_chosen]
    if not chosen:
        raise InputError("No cell of the grid is chosen", field="grid", hint="Switch at least one on")
    return chosen


@lru_cache(maxsize=2)
def _list(text: str, words: Request, rule: str, title: str) -> tuple[Wanted, ...]:
    return set_of([(each, name) for prompt, name in read_prompts(text) for each in expand(prompt)], words, rule=rule, title=title)


def shown_list(panel: bpy.types.PropertyGroup, operator: bpy.types.Operator | None = None) -> tuple[Wanted, ...]:
    """The pictures of the panel's list. What a script has set on the operator counts before the panel's settings.

    Cheap while the text stays; a panel may call it. Raises InputError.
    """
    if panel.set_text is None:
        raise InputError("No list is chosen", field="set_text", hint="Choose a Text datablock with one prompt a line")
    words = read_settings(panel, operator)._replace(prompt="")
    rule = operator.name_rule if operator else ""
    return _list(panel.set_text.as_string(), words, rule or panel.name_rule, panel.set_text.name)


def priced(wanted: Sequence[Wanted], service: Service, references: tuple[Reference, ...] = ()) -> pricing.Price:
    """What they cost together. Cached; a panel may call it. Raises InputError for the first that cannot be asked for."""
    found = _priced(tuple(wanted), service, references)
    for each, known, why in found:
        if known is None:
            raise InputError(f"{each.name or each.words.prompt}: {why}", field="prompt", hint="Change the settings")
    return pricing.together([known for _, known, _ in found if known])


# --- the result -------------------------------------------------------------------------------------------

def land_sheet(job: Job, record: JobRecord, folder: Path) -> Landed:
    """Show the contact sheet in the Image Editor. One undo step."""
    made = adopt_results(job, record, folder)
    where = images.show_in_editor(made[0]) if job.landing.place is Place.EDITOR else ""
    return settle_images(made, job, where)


# --- the operators ----------------------------------------------------------------------------------------

class GPTIMAGE_OT_generate_grid(AskOperator, RequestSettings, GridSettings, bpy.types.Operator):
    bl_idname = "gptimage.generate_grid"
    bl_label = "Generate Grid"
    bl_description = "Make a picture for each chosen cell, and a contact sheet that shows them with settings, seconds and price"

    size: StringProperty(name="Size", description="Size of the pictures where no sizes are compared", options={'SKIP_SAVE'})

    def plan(self, context: bpy.types.Context) -> list[PlannedJob]:
        panel, preferences = context.scene.gptimage, read_preferences()
        names = *RequestSettings.__annotations__, *GridSettings.__annotations__, "size"
        own = [name for name in names if self.properties.is_property_set(name)]
        if own:             # a script's grid is whole; the panel's cells are those that it shows
            models, qualities, sizes = (
                frozenset(getattr(self if name in own else panel, name)) for name in ("grid_models", "grid_qualities", "grid_sizes"))
            wanted: Sequence[Wanted] = _grid(read_settings(panel, self), models, sizes, qualities)
        else:
            wanted = shown_grid(panel, preferences.service)
        return plan_set(wanted, preferences.service, "Grid", read_references(context.scene), pack=preferences.pack)


class GPTIMAGE_OT_generate_set(AskOperator, RequestSettings, bpy.types.Operator):
    bl_idname = "gptimage.generate_set"
    bl_label = "Generate Set"
    bl_description = "Make a picture for each prompt of the list, all with the same settings, and a contact sheet that shows them"

    size: StringProperty(name="Size", description="Size of the pictures, as WIDTHxHEIGHT", options={'SKIP_SAVE'})
    prompts: StringProperty(name="Prompts", description="The list itself, instead of the panel's Text: one prompt a line, or a CSV table",
                            options={'SKIP_SAVE'})
    name_rule: StringProperty(name="Names", description="What each picture is called", options={'SKIP_SAVE'})

    def plan(self, context: bpy.types.Context) -> list[PlannedJob]:
        panel, preferences = context.scene.gptimage, read_preferences()
        if self.prompts:
            words = read_settings(panel, self)._replace(prompt="")
            wanted = _list(self.prompts, words, self.name_rule or panel.name_rule, "Set")
            title = "Set"
        else:
            wanted, title = shown_list(panel, self), panel.set_text.name
        return plan_set(wanted, preferences.service, title, read_references(context.scene), pack=preferences.pack)


class GPTIMAGE_OT_toggle_cell(bpy.types.Operator):
    bl_idname = "gptimage.toggle_cell"
    bl_label = "Choose Cell"
    bl_description = "Ask for this cell of the grid, or leave it out"
    bl_options = {'INTERNAL', 'UNDO'}

    key: StringProperty(name="Cell", description="The cell's model, size, quality and prompt", options={'SKIP_SAVE'})

    def execute(self, context: bpy.types.Context) -> set[str]:
        panel = context.scene.gptimage
        left_out = [key for key in panel.grid_left_out.split("\n") if key and key != self.key]
        if len(left_out) == len([key for key in panel.grid_left_out.split("\n") if key]):
            left_out.append(self.key)
        panel.grid_left_out = "\n".join(left_out)
        return {'FINISHED'}


class GPTIMAGE_OT_take_cell(PointingOperator, bpy.types.Operator):
    bl_idname = "gptimage.take_cell"
    bl_label = "Take Cell Settings"
    bl_description = "Click a picture of the contact sheet to take over its prompt, model, size and quality"
    bl_options = {'REGISTER', 'UNDO'}
    hint = "Click the picture whose settings to take    Esc: Cancel"

    cell: IntProperty(name="Cell", description="Which cell, from 0, row by row", default=-1, options={'SKIP_SAVE'})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if "cells" not in provenance(getattr(context.space_data, "image", None)):
            cls.poll_message_set("No contact sheet is shown. Make a grid or a set first")
            return False
        return True

    def press(self, x: float, y: float, event: bpy.types.Event) -> None:
        self.point = x, y

    def drag(self, x: float, y: float) -> None:
        pass

    def release(self, context: bpy.types.Context, frame: view.Frame) -> set[str] | None:
        image = self.area.spaces.active.image
        x, y = frame.fraction(*self.point)
        x, y = x * image.size[0], (1 - y) * image.size[1]
        boxes = _boxes(image)
        self.cell = next((index for index, (x0, y0, x1, y1) in enumerate(boxes) if x0 <= x < x1 and y0 <= y < y1), -1)
        return self.take(context, image) if self.cell >= 0 else None

    def execute(self, context: bpy.types.Context) -> set[str]:
        return self.take(context, context.space_data.image)

    def take(self, context: bpy.types.Context, image: bpy.types.Image) -> set[str]:
        jobs = provenance(image)["jobs"].split()
        try:
            if not 0 <= self.cell < len(jobs):
                raise InputError("The sheet has no such cell", field="cell", hint=f"Use 0 to {len(jobs) - 1}")
            job = host.read_job(jobs[self.cell])
        except GptImageError as error:
            return report(self, error)
        write_settings(context.scene.gptimage, job.request._replace(prompt=job.prompt))
        self.report({'INFO'}, f"Took the settings of cell {self.cell + 1}: {job.request.quality}, {job.request.size}")
        return {'FINISHED'}


def _boxes(image: bpy.types.Image) -> list[tuple[float, ...]]:
    edges = list(provenance(image)["cells"])
    return [tuple(edges[index:index + 4]) for index in range(0, len(edges), 4)]


classes = (GPTIMAGE_OT_generate_grid, GPTIMAGE_OT_generate_set, GPTIMAGE_OT_toggle_cell, GPTIMAGE_OT_take_cell)


def register() -> None:
    host.landings[KIND] = land_sheet


def unregister() -> None:
    host.landings.pop(KIND, None)
