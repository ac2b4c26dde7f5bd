# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A touch-up: an area of a picture, words for what belongs there, and only that changed.

No postponed annotations here: Blender reads those of the operators as properties.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import bpy
import numpy as np
from bpy.props import EnumProperty, StringProperty

from .. import blender
from ..blender import images
from ..blender.host import Landed, host
from ..blender.preferences import read_preferences, read_service
from ..core.catalog import find_model
from ..core.errors import InputError
from ..core.prompts import extend_prompt, markup_prompt, touch_up_prompt
from ..core.regions import CONTEXT, FREE_RULES, MINIMUM_PX, OPENAI_RULES, Box, Window, edit_cost, plan_window, plan_windows, union
from ..core.request import Finish, Job, JobRecord, Landing, Mark, Place, Request, Service, ServiceKind
from ..imaging import masks
from .areas import AreaChoice, AreaSettings, Shown, area_boxes, read_area, read_islands, shown_picture
from .asking import AskOperator
from .marks import read_marks
from .plan import PlannedJob, Reference, Template, adopt_results, plan_job, settle_images
from .references import read_references
from .settings import RequestSettings, read_settings
from .variants import add_to_compositor, job_images, number_variants, remove_staged, staged_variants

__all__ = (
    "Framing", "Piece", "TouchUpLandings", "framing_of", "land_touch_up", "plan_touch_up", "read_source", "shown_requests", "split",
    "touch_up_template", "touch_up_windows", "touch_up_words",
)

KIND = "touch_up"


class TouchUpLandings:
    """Where an accepted touch-up goes. A mixin for the scene's settings."""

    render_landing: EnumProperty(
        name="Accept As", description="Where an accepted touch-up of a render goes", default="image",
        items=[("image", "New Image", "An image of its own, as the scene's view showed it"),
               ("compositor", "Compositor Layer", "A layer over the render in the compositor. It stays when the scene is rendered again, "
                "and the image is kept too")])
    texture_landing: EnumProperty(
        name="Accept As", description="Where an accepted touch-up of an image goes", default="image",
        items=[("image", "New Image", "An image of its own"),
               ("everywhere", "Replace Everywhere", "The new image takes the old one's place wherever that is used"),
               ("node", "Active Node", "Only the active Image Texture node of the active object's material shows the new image")])


class Framing(NamedTuple):
    """How much is sent around an area: `context` as a share of its diagonal, or the `whole` picture; islands together or each."""

    context: float = CONTEXT
    whole: bool = False
    separate: bool = False


class Piece(NamedTuple):
    """What one request changes: a mask, float32 (h, w) of the picture, in a window of it."""

    mask: np.ndarray
    window: Window


# --- planning ---------------------------------------------------------------------------------------------

def touch_up_windows(
    boxes: Sequence[Box], picture_size: tuple[int, int], words: Request, service: Service, framing: Framing,
) -> tuple[Window, ...]:
    """What is sent of a picture to change what is in the boxes: one window, or one each. Cheap; a panel may call it."""
    return _windows(tuple(boxes), picture_size, words.model, words.quality, service.kind, framing)


@lru_cache(maxsize=16)          # planning takes some 20 ms
def _windows(
    boxes: tuple[Box, ...], picture_size: tuple[int, int], model: str, quality: str, kind: ServiceKind, framing: Framing,
) -> tuple[Window, ...]:
    own_rules = kind is ServiceKind.COMPATIBLE
    rules, cost = (FREE_RULES, None) if own_rules else (OPENAI_RULES, edit_cost(model, quality))
    if framing.whole:
        return (plan_window(union(boxes), picture_size, whole=True, rules=rules),)
    return tuple(plan_windows(boxes, picture_size, separate=framing.separate, context=framing.context, rules=rules, cost=cost))


def split(mask: np.ndarray, words: Request, service: Service, framing: Framing) -> list[Piece]:
    """A mask, float32 (h, w), as what each request changes of it. Raises InputError if it is empty."""
    islands = [mask]
    if framing.separate:
        numbers, boxes = masks.label(mask, MINIMUM_PX)
        islands = [np.where(numbers == i, mask, np.float32(0)) for i in range(1, len(boxes) + 1)] or islands
    return _pieces(islands, [masks.require_bounds(island) for island in islands], words, service, framing)


def _pieces(
    islands: Sequence[np.ndarray], boxes: Sequence[Box], words: Request, service: Service, framing: Framing,
) -> list[Piece]:
    size = islands[0].shape[::-1]
    windows = touch_up_windows(boxes, size, words, service, framing)
    if len(windows) < len(islands):
        islands = [np.maximum.reduce(list(islands))]
    return [Piece(island, window) for island, window in zip(islands, windows, strict=True)]


def touch_up_words(words: Request, window: Window) -> Request:
    """The words with the window's size, in the format that loses nothing, and without what would change more than the area."""
    model = find_model(words.model)
    return words._replace(size="{}x{}".format(*window.size), output_format="png", output_compression=None, background="auto",
                   complexity="low" if model and model.complexity else "")


def touch_up_template(*, marked: bool = False, extended: bool = False) -> Template:
    """The prompt's template for a kind of touch-up."""
    return extend_prompt if extended else markup_prompt if marked else touch_up_prompt


def plan_touch_up(
    words: Request, service: Service, source: "blender.sources.Source", pieces: Sequence[Piece], landing: Landing, *,
    references: Sequence[Reference] = (), marks: Sequence[Mark] = (), extend: tuple[int, ...] = (),
) -> list[PlannedJob]:
    """The jobs for a touch-up, one for each piece. The words' size is not used. Nothing is sent or written.

    `extend` are the pixels (left, top, right, bottom) that the pieces' picture has beyond the source. Raises InputError, for
    an empty mask too, and OnlineAccessError.
    """
    left, top, right, bottom = extend or (0, 0, 0, 0)
    size = (source.width_px + left + right, source.height_px + top + bottom)
    template = touch_up_template(marked=bool(marks), extended=bool(extend))
    jobs = []
    for mask, window in pieces:
        if mask.shape != size[::-1]:
            raise InputError(f"The mask has {mask.shape[1]}x{mask.shape[0]} pixels, the picture {size[0]}x{size[1]}", field="mask",
                             hint="Make the mask from this picture")
        area = np.round(mask * 255).astype(np.uint8)
        masks.require_bounds(area)
        finish = _finish(source.name, window, tuple(marks), extend)._replace(
            source=f"inputs/source{source.suffix}", pixels=source.pixels, has_alpha=source.has_alpha, layered=source.is_render)
        planned = plan_job(KIND, touch_up_words(words, window), template, service, landing, references, finish)
        planned.inputs[finish.source] = source.data
        planned.inputs[finish.mask] = blender.sources.npy_bytes(area)
        jobs.append(planned)
    ids = [planned.job.id for planned in jobs]
    return [planned._replace(job=planned.job._replace(finish=planned.job.finish._replace(
        beside=tuple(other for other in ids if other != planned.job.id)))) for planned in jobs]


def _finish(parent: str, window: Window, marks: tuple[Mark, ...], extend: tuple[int, ...]) -> Finish:
    return Finish("", "inputs/mask.npy", tuple(window.box), (window.picture_width_px, window.picture_height_px), parent,
                  marks=marks, extend=extend)


# --- the result -------------------------------------------------------------------------------------------

def land_touch_up(job: Job, record: JobRecord, folder: Path) -> Landed:
    """Make the finished pictures images beside the original, and show the first in its place. One undo step.

    What another island of the same touch-up has brought is in these pictures too: they take its pictures' place. What was
    asked for once more joins the variants that wait.
    """
    assert job.finish is not None
    made = adopt_results(job, record, folder)
    parent = bpy.data.images.get(job.finish.parent)
    for image in made:
        if parent and parent.name != images.RENDER_RESULT:
            image.colorspace_settings.name = parent.colorspace_settings.name
            image.alpha_mode = parent.alpha_mode
    islands = [image for other in job.finish.beside for image in job_images(other)]
    waiting = [image for image in staged_variants(job.landing.variants_of or job.id) if image not in made]
    number_variants([*waiting, *made])
    where, complete = "", True
    if job.landing.place is Place.EDITOR:
        shown_in = {job.finish.parent, *(image.name for image in (*islands, *waiting))}
        where = images.show_in_editor(made[0], shown_in)
        bpy.context.window_manager.gptimage.staged = made[0].name
    elif job.landing.place is Place.COMPOSITOR:
        where, complete = _land_in_compositor(made[0])
    landed = settle_images(made, job, where, complete=complete)
    remove_staged(islands)
    return landed


def _land_in_compositor(image: bpy.types.Image) -> tuple[str, bool]:
    try:
        add_to_compositor(bpy.context.scene, image)
    except InputError as error:
        return f". Kept as an image: {error.message}", False
    return " as a layer of the compositor", True


# --- what is on the panel ---------------------------------------------------------------------------------

def framing_of(choice: AreaChoice) -> Framing:
    """How much is sent around that area."""
    return Framing(choice.context, choice.send_whole or choice.area == "whole", choice.separate)


_SOME_MARKS = (Mark(((0.0, 0.0),), (0.0, 0.0, 0.0)),)       # what they are does not change the price, and reading them takes time


def shown_requests(
    settings: bpy.types.PropertyGroup, picture: Shown, boxes: Sequence[Box], choice: AreaChoice,
) -> list[tuple[Request, Finish]]:
    """The panel's words with the sizes that are sent, and what becomes of the answers: what `price` asks for.

    Cheap; a panel may call it. Raises InputError.
    """
    words = read_settings(settings)
    marks = _SOME_MARKS if choice.use_marks else ()
    windows = touch_up_windows(boxes, picture.size, words, read_service(), framing_of(choice))
    return [(touch_up_words(words, window), _finish(picture.name, window, marks, ())) for window in windows]


def read_source(context: bpy.types.Context, picture: Shown) -> "blender.sources.Source":
    """The picture that the editor shows. Raises InputError where it cannot be touched up, or is not the one that was shown."""
    image = getattr(context.space_data, "image", None)
    if context.space_data.type == 'VIEW_3D' or (image and image.type == 'RENDER_RESULT'):
        source = blender.sources.render_source(context.scene)
        if source.size != picture.size:
            raise InputError(f"The render has {source.width_px} x {source.height_px} px, the scene's resolution is "
                             f"{picture.size[0]} x {picture.size[1]}", field="image", hint="Render again, or set the resolution back")
        return source
    if image is None:
        raise InputError("No picture is shown", field="image", hint="Open the render or the image to change here")
    return blender.sources.image_source(image)


class GPTIMAGE_OT_touch_up(AskOperator, RequestSettings, AreaSettings, bpy.types.Operator):
    bl_idname = "gptimage.touch_up"
    bl_label = "Fill"
    bl_description = "Change the area of this picture, and nothing else. Without a prompt what is in it is removed"

    mask: StringProperty(name="Mask", description="Name of the mask's image", options={'SKIP_SAVE'})

    def plan(self, context: bpy.types.Context) -> list[PlannedJob]:
        settings, preferences = context.scene.gptimage, read_preferences()
        words, choice = read_settings(settings, self), read_area(settings, self)
        picture = shown_picture(context)
        if picture is None:
            raise InputError("No picture is shown", field="image", hint="Open the render or the image to change here")
        boxes = area_boxes(context.scene, picture, choice)
        marks = read_marks(context, picture) if choice.use_marks else ()
        if choice.use_marks and not marks:
            raise InputError("There are no marks on the picture", field="use_marks",
                             hint="Draw with the Annotate tool or add a note, or turn Send Marks off")
        source = read_source(context, picture)
        pieces = _pieces(read_islands(context.scene, picture, choice), boxes, words, preferences.service, framing_of(choice))
        landing = Landing(place=Place.EDITOR, pack=preferences.pack)
        references = read_references(context.scene, touch_up=True)
        return plan_touch_up(words, preferences.service, source, pieces, landing, references=references, marks=marks)


classes = (GPTIMAGE_OT_touch_up,)


def register() -> None:
    host.landings[KIND] = land_touch_up


def unregister() -> None:
    host.landings.pop(KIND, None)
