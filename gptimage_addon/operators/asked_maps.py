# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Maps of a texture that are asked of the model, one edit each; and what follows a texture as soon as it has landed.

Each map is a job of its own: it is paid, cancelled and sent again by itself. Normals and ambient occlusion are not asked for: they follow
from the height on this machine, so that the three tell of one surface, the normals have length 1 and no direction can be the wrong one.

No postponed annotations here: Blender reads those of the operators as properties.
"""

from collections.abc import Collection
from pathlib import Path

import bpy
from bpy.props import EnumProperty

from .. import blender
from ..blender import images, materials, targets
from ..blender.host import Landed, host
from ..blender.preferences import read_preferences, read_service
from ..core.errors import InputError
from ..core.prompts import map_prompt
from ..core.regions import Box
from ..core.request import (
    Finish, FollowUp, Job, JobRecord, Landing, MapKind, PixelKind, Place, Request, Service, ServiceKind, Surface,
)
from .asking import AskOperator
from .plan import MAP_LABELS, PlannedJob, maps_key, maps_of, plan_job, price
from .report import push_undo
from .settings import RequestSettings, read_settings
from .surface import float_error, image_words, instead_of, plan_healing, price_healing
from .touch_up import Framing, touch_up_windows, touch_up_words
from .variants import shown_image

__all__ = ("KIND", "asked_maps", "land_map", "plan_follow_ups", "plan_maps", "price_follow_up", "shown_map")

KIND = "texture_map"
_OF_HEIGHT = (MapKind.HEIGHT, MapKind.NORMAL, MapKind.AO)


# --- planning ---------------------------------------------------------------------------------------------

def asked_maps(wanted: Collection[MapKind]) -> dict[MapKind, tuple[MapKind, ...]]:
    """The maps that the model is asked for, and what of the wanted ones each gives."""
    of_height = tuple(kind for kind in _OF_HEIGHT if kind in wanted)
    others = {kind: (kind,) for kind in MapKind if kind in wanted and kind not in _OF_HEIGHT}
    return ({MapKind.HEIGHT: of_height} if of_height else {}) | others


def _map_request(kind: MapKind, words: Request, service: Service, name: str, size: tuple[int, int]) -> tuple[Request, Finish]:
    """What is sent to have that map drawn of a picture of that size."""
    window, = touch_up_windows((Box(0, 0, *size),), size, words, service, Framing(whole=True))
    finish = Finish("", "", tuple(window.box), size, name, whole=True)
    plain = words._replace(prompt=f"{kind}: {words.prompt}", n=1, partial_images=0, style="", prefix="", suffix="")     # it is data, in no style
    return touch_up_words(plain, window), finish


def plan_maps(
    image: bpy.types.Image, wanted: Collection[MapKind], words: Request, service: Service, surface: Surface, *, pack: bool = True,
) -> list[PlannedJob]:
    """The jobs that have the model draw an image's maps, for a surface of that size. The words may say what it shows.

    Raises InputError, OnlineAccessError.
    """
    source = blender.sources.image_source(image)
    if source.pixels is not PixelKind.DISPLAY:
        raise float_error(image)
    if not wanted:
        raise InputError("No maps are chosen", field="maps", hint="Choose them")
    tiles = str(images.provenance(image).get("tiles", ""))
    landing = instead_of(image, Landing(place=Place.IMAGE, pack=pack))._replace(place=Place.IMAGE)
    jobs = []
    for kind, given in asked_maps(wanted).items():
        request, finish = _map_request(kind, words, service, image.name, source.size)
        finish = finish._replace(source=f"inputs/source{source.suffix}", pixels=source.pixels, has_alpha=source.has_alpha)
        given_of = Surface(maps=given, width_m=surface.width_m, relief_m=surface.relief_m, displace=surface.displace, wraps=tiles, asked=str(kind))
        planned = plan_job(KIND, request, map_prompt, service, landing, finish=finish, surface=given_of)
        planned.inputs[finish.source] = source.data
        jobs.append(planned._replace(job=planned.job._replace(prompt=f"{kind.title()} map of {words.prompt.strip() or image.name}")))
    return jobs


def shown_map(settings: bpy.types.PropertyGroup, image: bpy.types.Image, kind: MapKind) -> tuple[Request, Finish]:
    """What is sent for a map of the image that is shown, with the template `map_prompt`. Cheap; a panel may call it. Raises InputError."""
    return _map_request(kind, _map_words(settings, image), read_service(), image.name, tuple(image.size))


def _map_words(settings: bpy.types.PropertyGroup, image: bpy.types.Image, operator: bpy.types.Operator | None = None) -> Request:
    """The panel's settings, with the words that the image was made from: the prompt may be on something else by now."""
    words = read_settings(settings, operator)
    own = operator is not None and operator.properties.is_property_set("prompt")
    return words if own else image_words(words._replace(prompt=""), image)


# --- what follows a texture -------------------------------------------------------------------------------

def price_follow_up(words: Request, service: Service, size: tuple[int, int], heal: str, maps: Collection[MapKind]) -> FollowUp | None:
    """What is to follow a texture of these words and that size, and what it costs for each of its variants; None for nothing.

    Raises InputError.
    """
    again = Request(words.prompt, words.model, quality=words.quality, moderation=words.moderation)       # at once, also after a batch
    found = [price_healing(again, service, size, heal)] if heal else []
    for kind in asked_maps(maps):
        request, finish = _map_request(kind, again, service, "", size)
        found.append(price(request, map_prompt, service, finish=finish))
    if not found:
        return None
    return FollowUp(again, service, heal, tuple(maps), sum(each.usd for each in found) * words.n if all(each.known for each in found) else None)


def plan_follow_ups(job: Job, landed: Landed) -> list[PlannedJob]:
    """The edits that a landed texture asked for, of each of its variants. Raises InputError, OnlineAccessError."""
    follow_up, surface = job.follow_up, job.surface or Surface()
    assert follow_up is not None
    words, service = follow_up.words, follow_up.service
    found = [image for name in landed.images if (image := bpy.data.images.get(name))]
    jobs: list[PlannedJob] = []
    for image in found:
        if follow_up.heal:
            landing = Landing(place=Place.INSTEAD, scale_m=job.landing.scale_m, pack=job.landing.pack)
            after = price_follow_up(words, service, tuple(image.size), "", follow_up.maps)
            jobs.append(plan_healing(image, words, service, follow_up.heal, surface, landing, after))
        else:
            jobs += plan_maps(image, follow_up.maps, words, service, surface, pack=job.landing.pack)
    return jobs


# --- the result -------------------------------------------------------------------------------------------

def land_map(job: Job, record: JobRecord, folder: Path) -> Landed:
    """Make the maps images that belong to their color, and show them wherever that is shown. One undo step.

    What was there of the same kinds stays in the file. Without the color the maps are kept all the same.
    """
    assert record.result is not None and job.finish is not None
    picture, = record.result.pictures
    color = targets.find_target(job.landing.targets[0], job.landing)
    before = maps_of(color) if color else {}
    key = maps_key(color, job.id) if color else (job.id, 1)
    made = {}
    for kind, path in (picture.maps or {}).items():
        name = f"{color.name if color else job.finish.parent} {MAP_LABELS.get(kind) or kind.title()}"
        image = made[kind] = images.adopt_picture(folder / path, name, pack=job.landing.pack, is_data=kind != MapKind.EMISSION)
        paid = job.service.kind is not ServiceKind.PRACTICE and record.result.cost_usd is not None
        images.set_provenance(image, {
            "map": kind, "map_of": key[0], "variant": key[1], "asked_by": job.id, "prompt": job.prompt, "model": job.request.model,
            "quality": job.request.quality, "cost_usd": record.result.cost_usd if paid else 0.0, "service": str(job.service.kind),
            "date": job.created, "relief_m": job.surface.relief_m, "width_m": job.surface.width_m,
            "findings": {f"{found['map']} {found['problem']}": found["message"] for found in (picture.report or {})["findings"]}})
        image.use_fake_user = True
        if kind in before:
            before[kind][images.PROVENANCE]["replaced"] = True
    where = _show(job, color, set(made)) if color else f". {job.finish.parent} is gone: kept as images"
    names = ", ".join(image.name for image in made.values())
    aligned = bool((picture.report or {}).get("aligned"))
    if not aligned:
        where += f". Not brought into the color's place: {picture.report['why']}"
    push_undo(f"GPT Image: {names}")
    return Landed(tuple(image.name for image in made.values()), f"{names} {'is' if len(made) == 1 else 'are'} ready{where}",
                  color is not None and aligned)


def _show(job: Job, color: bpy.types.Image, made: set[str]) -> str:
    """Show the color's maps in the materials that show it."""
    shown = 0
    for material in bpy.data.materials:
        node = materials.picture_node(material)
        if node and node.image == color:
            try:
                materials.swap_pictures(material, color, maps_of(color), relief_m=job.surface.relief_m, displace=job.surface.displace)
                shown += 1
            except InputError:                  # its nodes are others now
                continue
    return f" in {shown} material{'s' * (shown > 1)}" if shown else ""


# --- the operator -----------------------------------------------------------------------------------------

class GPTIMAGE_OT_ask_maps(AskOperator, RequestSettings, bpy.types.Operator):
    bl_idname = "gptimage.ask_maps"
    bl_label = "Ask for Maps"
    bl_description = "Have the model draw the chosen maps of the texture that is shown, one edit each. Normals and occlusion follow from the height"

    maps: EnumProperty(
        name="Maps", description="What is asked for; as the panel says if a script does not tell", options={'ENUM_FLAG', 'SKIP_SAVE'}, default=set(),
        items=[(str(kind), kind.title(), "", 'NONE', 1 << number) for number, kind in enumerate(MapKind)])

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if shown_image(context) is None:
            cls.poll_message_set("No texture is shown here. Select an object whose material has one, or open it in the Image Editor")
            return False
        return super().poll(context)

    def plan(self, context: bpy.types.Context) -> list[PlannedJob]:
        panel, preferences, image = context.scene.gptimage, read_preferences(), shown_image(context)
        assert image is not None                # by the poll
        wanted = self.maps if self.properties.is_property_set("maps") else panel.maps
        size = Surface(width_m=panel.scale_m or images.provenance(image).get("width_m", 1.0), relief_m=panel.relief_m, displace=panel.displace)
        return plan_maps(
            image, [kind for kind in MapKind if str(kind) in wanted], _map_words(panel, image, self), preferences.service, size,
            pack=preferences.pack)


classes = (GPTIMAGE_OT_ask_maps,)


def register() -> None:
    host.landings[KIND] = land_map


def unregister() -> None:
    host.landings.pop(KIND, None)
