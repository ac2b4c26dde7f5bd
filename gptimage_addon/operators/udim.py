# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A texture over the UDIM tiles of a UV map: tile by tile, each with those beside it as context.

No postponed annotations here: Blender reads those of the operators as properties.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import bpy
from bpy.props import BoolProperty, StringProperty

from .. import blender, library
from ..blender import images, materials, targets
from ..blender.host import Landed, host
from ..blender.preferences import read_preferences, read_service
from ..core import pricing
from ..core.errors import GptImageError, InputError
from ..core.prompts import name_from_prompt, texture_prompt, tile_prompt
from ..core.request import Finish, Job, JobRecord, Landing, Neighbor, Place, Request, Service, ServiceKind, Tile, parse_size
from ..core.udim import SIDES, canvas_of, neighbors
from .asking import AskOperator
from .plan import PRACTICE, PlannedJob, Reference, Template, plan_job, price, settle_images
from .references import sends_pictures
from .report import report
from .settings import RequestSettings, read_settings
from .touch_up import Framing, touch_up_windows, touch_up_words

__all__ = ("landing_for", "missing_tiles", "plan_tiles", "shown_tiles", "tiled_image")

KIND = "udim"
SAME = "another part of the same surface: the same material, scale, light and colors"


def _plain(words: Request) -> Request:
    """What every tile has: one picture, in the format that loses nothing."""
    return words._replace(n=1, output_format="png", output_compression=None, background="auto", partial_images=0)


def _request(words: Request, service: Service, sides: frozenset[tuple[int, int]]) -> tuple[Request, Template, Finish | None]:
    """What is sent for a tile with neighbors on these sides: words, template, and what is done with the answer but for the neighbors."""
    if not sides:
        return _plain(words), texture_prompt, None
    canvas = canvas_of(parse_size(words.size), sides)
    size = canvas.width_px, canvas.height_px
    (window,) = touch_up_windows([canvas.box], size, words, service, Framing(whole=True))
    finish = Finish("", "", tuple(window.box), size, has_alpha=False, tile=tuple(canvas.box))
    return touch_up_words(_plain(words), window), tile_prompt, finish


def _sides(around: Mapping[tuple[int, int], object]) -> frozenset[tuple[int, int]]:
    return frozenset(place for place in around if place in SIDES)


@lru_cache(maxsize=8)
def shown_tiles(words: Request, service: Service, numbers: tuple[int, ...], there: tuple[int, ...] = ()) -> pricing.Price:
    """What these tiles cost where others are there already. Cached. Raises InputError."""
    done, prices = list(there), []
    for number in numbers:
        around = neighbors(number, done)
        request, template, finish = _request(words, service, _sides(around))
        example = [Reference("", *parse_size(words.size), SAME)] if done and not finish else []
        prices.append(price(request, template, service, example, finish))
        done.append(number)
    return pricing.together(prices)


def plan_tiles(
    words: Request, service: Service, landing: Landing, numbers: Sequence[int], there: Mapping[int, bytes] | None = None,
) -> list[PlannedJob]:
    """The jobs for these tiles, in the order of rows: each is made after those beside it, and with them.

    One that has none beside it is told to look like the first. `there` are the files of tiles that are there already; `landing.tile`
    says what belongs to the set, and the set's name, which it gets if it has none. Raises InputError, OnlineAccessError.
    """
    there = there or {}
    assert landing.tile is not None
    planned: dict[int, PlannedJob] = {}
    for number in sorted(numbers):
        done = [*there, *planned]
        around = neighbors(number, done)
        request, template, finish = _request(words, service, _sides(around))
        inputs, references = {}, []
        if finish:
            beside = []
            for (column, row), tile in around.items():
                path = f"inputs/tile-{tile}.png"
                if tile in there:
                    inputs[path] = there[tile]
                else:
                    path = f"prepared/tile-{tile}.png"
                beside.append(Neighbor(column, row, path, "" if tile in there else planned[tile].job.id))
            finish = finish._replace(around=tuple(beside))
        elif done:
            first = done[0]
            references = [Reference(f"Tile {first}", *parse_size(words.size), SAME, there[first]) if first in there
                          else Reference(f"Tile {first}", *parse_size(words.size), SAME, of=planned[first].job.id)]
        job, files = plan_job(KIND, request, template, service, landing._replace(tile=landing.tile._replace(number=number)), references, finish)
        planned[number] = PlannedJob(job, files | inputs)
    name = landing.tile.of or library.journal.new_job_id()
    return [each._replace(job=each.job._replace(landing=each.job.landing._replace(tile=each.job.landing.tile._replace(of=name))))
            for each in planned.values()]


def landing_for(objects: Sequence[bpy.types.Object], words: Request, *, pack: bool = True) -> Landing:
    """Where the tiles of these objects go: a new image in a new material in their active slots. Raises InputError."""
    found = [obj for obj in objects if obj.type == 'MESH']
    if not found:
        raise InputError("No selected object is a mesh", field="objects", hint="Select meshes whose UV islands lie on tiles")
    tile = Tile(0, "", blender.udim.tiles_of(found))
    return Landing(Place.TILE, tuple(targets.note_target("Object", obj) for obj in found), pack=pack, name=name_from_prompt(words.prompt), tile=tile)


# --- the result -------------------------------------------------------------------------------------------

def land_tile(job: Job, record: JobRecord, folder: Path) -> Landed:
    """Put the tile into its image; for the first one make that, and a material on the objects. One undo step."""
    tile, result = job.landing.tile, record.result
    assert tile is not None and result is not None
    data = (folder / result.pictures[0].path).read_bytes()
    practice = job.service.kind is ServiceKind.PRACTICE
    before = blender.udim.find_image(tile.of)
    image = blender.udim.set_tile(
        before, tile.number, data, name=job.landing.name + PRACTICE * practice, pack=job.landing.pack)
    paid = 0.0 if practice or result.cost_usd is None else round(result.cost_usd, 6)
    facts = dict(images.provenance(image))
    if before is None:
        facts = {"udim": tile.of, "job_id": job.id, "kind": job.kind, "prompt": job.prompt, "model": job.request.model, "parent": "",
                 "size": f"{result.pictures[0].width_px}x{result.pictures[0].height_px}", "quality": job.request.quality, "cost_usd": 0.0,
                 "date": job.created,
                 "service": str(job.service.kind), "variant": 1, "variants": 1}
    images.set_provenance(image, facts | {"wanted": list(tile.wanted), "cost_usd": facts["cost_usd"] + paid})
    missing = _show_on_objects(job, image) if before is None else []
    image.use_fake_user = False                 # whether it needs one is found out anew
    left = len(missing_tiles(image))
    where = f": tile {tile.number}" + (f", {left} to come" if left else "")
    if missing:
        where += f". Kept as an image for what is gone: {', '.join(missing)}"
    return settle_images([image], job, where, complete=not missing)


def _show_on_objects(job: Job, image: bpy.types.Image) -> list[str]:
    """Give the objects one material with the image. The names of those that are gone."""
    missing, material = [], materials.make_material(job.landing.name, image)
    for target in job.landing.targets:
        obj = targets.find_target(target, job.landing)
        try:
            if obj is None:
                raise RuntimeError(target.name)
            materials.assign(obj, material, append=False)
        except RuntimeError as error:
            missing.append(str(error))
    if not material.users:
        bpy.data.materials.remove(material)
    return missing


# --- what is on the panel ---------------------------------------------------------------------------------

def tiled_image(obj: bpy.types.Object | None) -> bpy.types.Image | None:
    """The UDIM image of ours that the active object's active material shows, or None. Cheap; a panel may call it."""
    node = materials.picture_node(obj.active_material) if obj else None
    image = node.image if node else None
    return image if image and "udim" in images.provenance(image) else None


def missing_tiles(image: bpy.types.Image) -> tuple[int, ...]:
    """The tiles that were asked for and are not there. Cheap; a panel may call it."""
    there = {tile.number for tile in image.tiles}
    return tuple(number for number in images.provenance(image).get("wanted", ()) if number not in there)


class GPTIMAGE_OT_generate_tiles(AskOperator, RequestSettings, bpy.types.Operator):
    bl_idname = "gptimage.generate_tiles"
    bl_label = "Generate Tiles"
    bl_description = ("Make a texture for each UDIM tile that the UV maps of the selected objects use, each tile going on from those beside it. "
                      "Tells the tiles and the price before anything is sent")

    size: StringProperty(name="Size", description="Size of each tile, as WIDTHxHEIGHT", options={'SKIP_SAVE'})
    only_missing: BoolProperty(
        name="Only Missing", description="Make only the tiles that the active object's image lacks, in its own words", options={'SKIP_SAVE'})

    def _read(self, context: bpy.types.Context) -> tuple[Request, Landing, tuple[int, ...], dict[int, bytes]]:
        """(words, landing, tiles to make, files of those that are there). Raises InputError."""
        words, pack = read_settings(context.scene.gptimage, self), read_preferences().pack
        if not self.only_missing:
            landing = landing_for(context.selected_objects, words, pack=pack)
            return words, landing, landing.tile.wanted, {}
        return _continued(tiled_image(context.object), words)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        try:
            words, landing, numbers, there = self._read(context)
            service = read_service()
            found = shown_tiles(words, service, numbers, tuple(there))
            planned = plan_tiles(words, service, landing, numbers, there)
        except GptImageError as error:
            return report(self, error)
        cost = "the price your server asks" if not found.known else f"{'' if found.exact else 'about '}${found.usd:.4f}"
        if service.kind is ServiceKind.PRACTICE:
            cost = f"nothing (it would have cost {cost})"
        if self.offers(planned):
            self.ask_again = f"Ask Again, for {cost}"
            self.offer(context)
            return {'CANCELLED'}
        left_out = ". The references are not sent along" if sends_pictures(context.scene.gptimage) else ""
        listed = ", ".join(map(str, numbers[:6])) + (f" … {numbers[-1]}" if len(numbers) > 6 else "")
        return context.window_manager.invoke_confirm(
            self, event, title=f"Generate {len(numbers)} Tile{'s' * (len(numbers) > 1)}?", confirm_text="Generate",
            message=f"{listed}, {words.size.replace('x', ' x ')} px each, for {cost}{left_out}")

    def plan(self, context: bpy.types.Context) -> list[PlannedJob]:
        words, landing, numbers, there = self._read(context)
        return plan_tiles(words, read_service(), landing, numbers, there)


def _continued(image: bpy.types.Image | None, words: Request) -> tuple[Request, Landing, tuple[int, ...], dict[int, bytes]]:
    """What makes the missing tiles of an image. Raises InputError."""
    if image is None:
        raise InputError("The active object shows no tiles that were generated", field="only_missing", hint="Use Generate Tiles")
    if image.is_dirty:
        raise InputError(f"{image.name} has been painted on", field="only_missing", hint="Save the image first, so that the new tiles fit it")
    facts, numbers = images.provenance(image), missing_tiles(image)
    if not numbers:
        raise InputError(f"{image.name} has all its tiles", field="only_missing", hint="Use Generate Tiles for a new texture")
    words = words._replace(prompt=str(facts["prompt"]), size=str(facts["size"]))
    tile = Tile(0, str(facts["udim"]), tuple(facts["wanted"]))
    landing = Landing(Place.TILE, name=name_from_prompt(words.prompt), pack=bool(image.packed_files), tile=tile)
    return words, landing, numbers, blender.udim.tile_files(image)


classes = (GPTIMAGE_OT_generate_tiles,)


def register() -> None:
    host.landings[KIND] = land_tile


def unregister() -> None:
    host.landings.pop(KIND, None)
