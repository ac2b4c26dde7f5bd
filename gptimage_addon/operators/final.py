# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draft, then final: of cheap variants one is chosen, and only that is asked for once more at a higher quality.

No postponed annotations here: Blender reads those of the operator as properties.
"""

from collections.abc import Mapping
from functools import lru_cache, partial
from pathlib import Path

import bpy
from bpy.props import EnumProperty

from ..blender.host import host
from ..blender.images import provenance
from ..blender.preferences import read_service
from ..core import catalog
from ..core.errors import InputError
from ..core.pricing import Price
from ..core.prompts import final_prompt, texture_prompt
from ..core.request import Lettering, Request, Service, parse_size
from .asking import AskOperator
from .lettering import lettered
from .plan import PlannedJob, Reference, Template, chain_of, plan_job, price
from .settings import RequestSettings
from .variants import variant_holder

__all__ = ("FINAL_QUALITY", "drafted_image", "final_price", "is_draft", "plan_final")

FINAL_QUALITY = "high"
_KINDS = ("texture", "reference")


def is_draft(image: bpy.types.Image | None, quality: str = FINAL_QUALITY) -> bool:
    """Whether the image is a texture or a reference of a lower quality. Cheap; a panel may call it."""
    facts, order = provenance(image), catalog.QUALITIES
    return facts.get("kind") in _KINDS and facts.get("quality") in order and order.index(facts["quality"]) < order.index(quality)


def drafted_image(context: bpy.types.Context, quality: str = FINAL_QUALITY) -> bpy.types.Image | None:
    """The variant shown here, if it is a draft. Reads state only."""
    holder = variant_holder(context)
    image = getattr(*holder) if holder else None
    return image if is_draft(image, quality) else None


def _asked_with(kind: str, lettering: Lettering | None, size: str) -> tuple[Template, tuple[Reference, ...]]:
    """The template of a draft of that kind, and the picture of its letters."""
    return (texture_prompt, ()) if kind == "texture" else lettered(lettering, size)


@lru_cache(maxsize=64)
def _prices(words: Request, kind: str, lines: tuple[str, ...], service: Service, quality: str, size_px: tuple[int, int]) -> tuple[Price, float]:
    template, letters = _asked_with(kind, Lettering(lines) if lines else None, words.size)
    final = words._replace(quality=quality, n=1)
    found = price(final, partial(final_prompt, draft=template), service, (Reference("", *size_px), *letters))
    drafts, all_final = (price(each, template, service, letters) for each in (words, words._replace(quality=quality)))
    return found, all_final.usd - drafts.usd - found.usd


def final_price(facts: Mapping[str, object], service: Service, quality: str = FINAL_QUALITY) -> tuple[Price, float]:
    """What the final of a draft costs, and what is saved in USD against as many pictures at that quality as there are drafts.

    Raises InputError for what cannot be sent. Cached; a panel may call it.
    """
    size = str(facts["size"])
    words = Request(str(facts["prompt"]), str(facts["model"]), str(facts.get("asked_size", size)), str(facts["quality"]), int(facts["variants"]),
                    **{name: str(facts.get(name, "")) for name in ("style", "prefix", "suffix")})
    lines = tuple(str(facts.get("lettering", "")).splitlines())
    return _prices(words, str(facts["kind"]), lines, service, quality, parse_size(size))


def plan_final(image: bpy.types.Image, service: Service, quality: str) -> PlannedJob:
    """The job that makes the finished picture of a draft: as it was asked for, with the draft sent along, to land where that did.

    Raises InputError, OnlineAccessError.
    """
    facts = provenance(image)
    try:
        draft, record = host.journal.read_job(facts["job_id"]), host.journal.read_record(facts["job_id"])
        picture = record.result.pictures[facts["result"]] if record.result else None
        data = (host.journal.folder(draft.id) / picture.path).read_bytes() if picture else b""
        font = {path: (host.journal.folder(draft.id) / path).read_bytes() for path in ([draft.lettering.font] if draft.lettering else []) if path}
    except (OSError, ValueError, IndexError) as error:
        raise InputError("The draft's folder is gone", field="image", hint="Generate it again, or send the picture along as a reference") from error
    if not picture or draft.is_local:
        raise InputError(f"{image.name} was not made by the model", field="image", hint="Show a draft that was")
    words = draft.request._replace(prompt=draft.prompt, quality=quality, n=1, images=(), mask=None, markup=None, input_fidelity="", partial_images=0,
                                   batch=False)
    template, letters = _asked_with(draft.kind, draft.lettering, draft.request.size)
    sent = Reference(image.name, picture.width_px, picture.height_px, "", data, Path(picture.path).suffix, chain=chain_of(image))
    planned = plan_job(draft.kind, words, partial(final_prompt, draft=template), service, draft.landing._replace(variants_of=""),
                       (sent, *letters), surface=draft.surface, lettering=draft.lettering, frame_px=draft.frame_px)
    return planned._replace(inputs=planned.inputs | font)


class GPTIMAGE_OT_make_final(AskOperator, bpy.types.Operator):
    bl_idname = "gptimage.make_final"
    bl_label = "Make Final"
    bl_description = "Ask for the shown draft once more at a higher quality. The draft is sent along, so that the picture stays what was chosen"

    quality: EnumProperty(
        name="Quality", description="Quality of the finished picture", default=FINAL_QUALITY, options={'SKIP_SAVE'},
        items=[item for item in RequestSettings.__annotations__["quality"].keywords["items"] if item[0] != "low"])

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if drafted_image(context, catalog.QUALITIES[-1]) is None:
            cls.poll_message_set("No draft is shown here: a texture or a reference made at a lower quality")
            return False
        return super().poll(context)

    def plan(self, context: bpy.types.Context) -> list[PlannedJob]:
        image = drafted_image(context, self.quality)
        if image is None:
            raise InputError("The shown picture has this quality already", field="quality", hint="Choose a higher one")
        return [plan_final(image, read_service(), self.quality)]


classes = (GPTIMAGE_OT_make_final,)
