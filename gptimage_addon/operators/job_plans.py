# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the lines of a job file to jobs: what they name in the .blend and on disk is looked up and read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np

from ..blender import coverage, decals, images, materials, sources
from ..blender.camera import read_frame
from ..blender.capture import capture_camera
from ..blender.masks import image_channels, uv_faces_mask
from ..core.errors import InputError
from ..core.framing import concept_sizes
from ..core.jobfile import DecalSpec, EditTextureSpec, JobSpec, LetteringSpec, ReferenceJobSpec, ReferenceSpec, TextureSpec, TouchUpSpec
from ..core.request import Landing, Lettering, PixelKind, Place, Service, parse_size
from ..core.sets import grid, set_of
from ..core.styles import style_words
from ..imaging import masks
from .asked_maps import plan_maps, price_follow_up
from .captures import take
from .decal import plan_decal
from .edit_texture import faces_mask, object_texture, plan_edit
from .extend import plan_extension
from .job_lines import say
from .lettering import FONT_FILE, check_lettering, font_file, read_font
from .plan import PlannedJob, Reference, chain_of
from .reference import camera_target, plan_reference
from .references import load_reference, read_series
from .sets import plan_set
from .style_sheets import find_sheet, read_sheet
from .surface import image_words, plan_healing, plan_surface
from .texture import plan_texture, texture_targets
from .touch_up import Framing, plan_touch_up, split
from .turnaround import plan_turnaround
from .udim import landing_for, plan_tiles

__all__ = ("plan_line", "styled")


def styled(spec: JobSpec, said: dict[str, object]) -> JobSpec:
    """The job with the look of its style sheet. What the job says itself counts before the sheet."""
    if not spec.style_sheet:
        return spec
    sheet = read_sheet(find_sheet(spec.style_sheet))
    preferred = {name: value for name in ("model", "quality") if (value := getattr(sheet, name)) and name not in said}
    style = " ".join(filter(None, (spec.style, style_words(sheet.words, sheet.forbidden, sheet.colors))))
    own = tuple(ReferenceSpec(image=picture.file, role=picture.role) for picture in sheet.pictures)
    return replace(spec, style=style, references=(*spec.references, *own), **preferred)


def plan_line(spec: JobSpec, service: Service) -> list[PlannedJob]:
    match_camera = isinstance(spec, ReferenceJobSpec) and spec.match_camera
    references = [_load_reference(r, f"references[{i}]", match_camera) for i, r in enumerate(spec.references)]
    if spec.continue_from:
        if spec.continue_from not in bpy.data.images:
            raise InputError(f"There is no image {spec.continue_from!r}", field="continue_from", hint="Check the name in the .blend file")
        references[:0] = read_series(bpy.data.images[spec.continue_from], bpy.context.scene)
    if isinstance(spec, TextureSpec) and spec.image:
        return _plan_on_image(spec, service)
    if isinstance(spec, TextureSpec) and spec.udim:
        if references:
            raise InputError("Tiles have no references, and this style sheet has some", field="style_sheet",
                             hint="Leave the field out, and write its words into style")
        landing = landing_for([_object(name) for name in spec.objects], spec.words)
        return plan_tiles(spec.words, service, landing, landing.tile.wanted)
    if isinstance(spec, TextureSpec) and spec.decal:
        return [_plan_decal(spec, spec.decal, service, references)]
    if isinstance(spec, TextureSpec):
        objects = [_object(name) for name in spec.objects]
        landing = Landing(
            place=Place.REPLACE_SLOT if objects else Place.IMAGE, faces=spec.faces, scale_m=spec.scale_m,
            asset=spec.asset, alpha=spec.alpha, targets=texture_targets(objects, spec.faces) if objects else ())
        return [plan_texture(spec.words, service, landing, references, spec.surface, spec.heal, spec.asked)]
    if isinstance(spec, TouchUpSpec):
        return _plan_touch_up(spec, service, references)
    if isinstance(spec, EditTextureSpec):
        obj = _object(spec.object, "object") if spec.object else None
        image = object_texture(obj, spec.image)
        return [plan_edit(spec.words, service, image, faces_mask(obj, image), Landing(place=Place(spec.place)), references=references)]
    camera = bpy.data.objects.get(spec.from_view) if spec.from_view else None
    if spec.from_view and (camera is None or camera.type != 'CAMERA'):
        raise InputError(f"There is no camera {spec.from_view!r}", field="from_view")
    frame_px: tuple[int, ...] = ()
    if spec.match_camera:
        concept = concept_sizes(read_frame(bpy.context.scene, camera))
        spec, frame_px = replace(spec, size=concept.size), (concept.frame_width_px, concept.frame_height_px)
    if camera:
        width, height = parse_size(spec.size)
        data = capture_camera(bpy.context.scene, camera, width, height)
        references.insert(0, Reference(camera.name, width, height, "layout: this is the view of the scene", data))
    if spec.turnaround:
        landing = Landing(place=Place.IMAGE if spec.place == "image" else Place.AXES, scale_m=spec.height_m)
        return plan_turnaround(spec.words, service, landing, spec.turnaround, one_sheet=spec.one_sheet, references=references)
    if spec.grid or spec.prompts:
        wanted = grid(spec.words, models=spec.grid.models, sizes=spec.grid.sizes, qualities=spec.grid.qualities) if spec.grid else set_of(
            [(prompt, "") for prompt in spec.prompts], spec.words, rule=spec.name_rule, title=spec.prompt)
        return plan_set(wanted, service, "Grid" if spec.grid else spec.prompt, references)
    place = Place(spec.place or "image")
    landing = Landing(place=place, targets=camera_target(bpy.context.scene) if place in (Place.CAMERA, Place.PLANE) else ())
    lettering, font = _lettering(spec.lettering) if spec.lettering else (None, b"")
    return [plan_reference(spec.words, service, landing, references, lettering, font, frame_px)]


def _lettering(given: LetteringSpec) -> tuple[Lettering, bytes]:
    """The lettering, and its font's file. Raises InputError."""
    is_ours = not given.font or given.font in bpy.data.fonts
    data = font_file(given.font) if is_ours else read_font(Path(bpy.path.abspath(given.font)))
    lettering = Lettering(given.lines, given.box, FONT_FILE if data else "", given.align, given.color, given.overlay, given.blend)
    check_lettering(lettering)
    return lettering, data


def _plan_on_image(spec: TextureSpec, service: Service) -> list[PlannedJob]:
    """A texture's work on a picture that is there."""
    image = _load_image(spec.image)
    landing = Landing(place=Place.INSTEAD, scale_m=spec.scale_m)
    words = image_words(spec.words._replace(n=1), image)
    if spec.asked and not (spec.heal or spec.seamless or spec.delight):
        return plan_maps(image, spec.asked, words, service, spec.surface)
    after = price_follow_up(words, service, tuple(image.size), "", spec.asked)
    if spec.heal:
        return [plan_healing(image, words, service, spec.heal, spec.surface, landing, after)]
    return [plan_surface(image, spec.surface, landing, after)]


def _load_image(image: str) -> bpy.types.Image:
    """The image of that name, or a new one of that file. Raises InputError."""
    if image in bpy.data.images:
        return bpy.data.images[image]
    path = Path(bpy.path.abspath(image)).resolve()
    if not path.is_file():
        raise InputError(f"There is no image {image!r}", field="image", hint="Name an image of the file, or a path")
    return bpy.data.images.load(str(path))


def _plan_decal(spec: TextureSpec, decal: DecalSpec, service: Service, references: list[Reference]) -> PlannedJob:
    obj = _object(decal.object, "decal.object")
    if obj.type != 'MESH':
        raise InputError(f"{obj.name} is no mesh", field="decal.object", hint="Name the mesh that the decal is for")
    faces = materials.selected_faces(obj)
    if not decal.location and not faces:
        raise InputError(f"{obj.name} has no selected faces", field="decal.location", hint="Give a location, or select faces in the file")
    spot = decals.spot_near(obj, decal.location, decal.normal) if decal.location else decals.spot_on_faces(obj, faces)
    return plan_decal(spec.words, service, obj, spot._replace(width_m=decal.width_m, conform=decal.conform), references)


def _plan_touch_up(spec: TouchUpSpec, service: Service, references: list[Reference]) -> list[PlannedJob]:
    source = _load_source(spec.image)
    if spec.save and spec.save.lower().endswith(".exr") != (source.pixels is not PixelKind.DISPLAY):
        ending = ".png" if source.pixels is PixelKind.DISPLAY else ".exr"
        raise InputError(f"The result for {source.name} is a {ending[1:].upper()} file", field="save", hint=f"End it with {ending}")
    landing = Landing(place=Place.COMPOSITOR if spec.layer == "compositor" else Place.IMAGE)
    framing = Framing(spec.context, spec.mask.whole, spec.separate)
    if spec.extend:
        return plan_extension(spec.words, service, source, spec.extend, landing, framing, references=references)
    pieces = split(_mask(spec, source), spec.words, service, framing)
    return plan_touch_up(spec.words, service, source, pieces, landing, references=references)


def _render_source(scene: bpy.types.Scene) -> sources.Source:
    """The Render Result. One that a fresh background Blender does not have is rendered now."""
    try:
        return sources.render_source(scene)
    except InputError:
        say("rendering the scene")
        bpy.ops.render.render()
        return sources.render_source(scene)


def _load_source(image: str) -> sources.Source:
    """The picture to touch up."""
    if image == images.RENDER_RESULT:
        return _render_source(bpy.context.scene)
    if image in bpy.data.images:
        return sources.image_source(bpy.data.images[image])
    return sources.file_source(Path(bpy.path.abspath(image)))


def _mask(spec: TouchUpSpec, source: sources.Source) -> np.ndarray:
    mask = _plain_mask(spec, source)
    if spec.mask.whole:
        return mask
    mask = masks.grow(mask, spec.grow) if spec.grow else mask
    return masks.feather(mask, spec.feather) if spec.feather else mask


def _plain_mask(spec: TouchUpSpec, source: sources.Source) -> np.ndarray:
    given, size, scene = spec.mask, source.size, bpy.context.scene
    if given.border:
        return masks.from_border(*given.border, size)
    if given.polygon:
        return masks.from_polygon(masks.from_fractions(given.polygon, size), size)
    if given.objects:
        return coverage.objects_coverage(scene, [_object(name) for name in given.objects], *size)
    if given.faces:
        obj = _object(given.faces)
        return coverage.faces_coverage(scene, [obj], *size) if source.is_render else uv_faces_mask(obj, *size)
    if given.material:
        material = bpy.data.materials.get(given.material)
        if material is None:
            raise InputError(f"There is no material {given.material!r}", field="mask.material", hint="Check the name in the .blend file")
        return coverage.material_coverage(scene, [material], *size)
    if given.vertex_group:
        name, group = given.vertex_group
        return coverage.vertex_group_coverage(scene, _object(name), group, *size)
    if given.depth:
        return coverage.depth_coverage(scene, *given.depth, *size)
    if given.alpha:
        if spec.image not in bpy.data.images or source.is_render:
            raise InputError("Only an image of the .blend file has an alpha that can be read here", field="mask.alpha",
                             hint="Load the picture into the file, or use a mask image")
        return masks.from_alpha(image_channels(bpy.data.images[spec.image]))
    if given.whole:
        return np.ones(size[::-1], np.float32)
    return _mask_image(given.image)


def _mask_image(given: str) -> np.ndarray:
    if given in bpy.data.images:
        return masks.from_image(image_channels(bpy.data.images[given]))
    path = Path(bpy.path.abspath(given)).resolve()
    if not path.is_file():
        raise InputError(f"There is no image {given!r}", field="mask.image", hint="Name an image of the file, or a path")
    image = bpy.data.images.load(str(path))
    try:
        return masks.from_image(image_channels(image))
    finally:
        bpy.data.images.remove(image)


def _object(name: str, field: str = "objects") -> bpy.types.Object:
    found = bpy.data.objects.get(name)
    if found is None:
        raise InputError(f"There is no object {name!r}", field=field, hint="Check the name in the .blend file")
    return found


def _load_reference(given: ReferenceSpec, field: str, match_camera: bool) -> Reference:
    scene = bpy.context.scene
    if given.view:
        try:
            taken = take(bpy.context, given.view, match_camera)
        except InputError as error:
            error.field = f"{field}.view"
            raise
        return Reference(taken.name, taken.width_px, taken.height_px, given.role or taken.role, taken.data)
    if given.image == images.RENDER_RESULT:
        return load_reference(_render_source(scene), given.role)
    if given.image:
        image = bpy.data.images.get(given.image)
        if image is None:
            raise InputError(f"There is no image {given.image!r}", field=field)
        return load_reference(sources.present_source(image, scene, field=field), given.role, chain=chain_of(image))
    source = Path(bpy.path.abspath(given.path))
    return load_reference(sources.file_source(source, field=field), given.role, path=str(source))
