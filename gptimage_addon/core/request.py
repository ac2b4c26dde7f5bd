# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The values a job is made of.

A Job holds all that its result depends on: what is asked (Request), of whom (Service), what is done with the answer (Finish,
Surface), and where the pictures go (Landing). It is frozen, compares by value, and goes to JSON and back without loss
(values.py), so it can be stored, priced, replayed and compared. They are named tuples: Python takes a millisecond to make a
dataclass, and these are imported when Blender starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from .addresses import is_loopback
from .errors import InputError

__all__ = (
    "Cell", "Decal", "Finish", "FollowUp", "Job", "JobRecord", "JobState", "Landing", "Lettering", "MapKind", "Mark", "MaskStyle",
    "Neighbor", "PixelKind", "Place", "Request", "Result", "ResultPicture", "SentPicture", "Service", "ServiceKind", "Sheet", "Surface",
    "Target", "Tile", "parse_size",
)


class JobState(StrEnum):
    """Where a job is. The last four are final; UNCERTAIN means sent, perhaps paid, and no answer seen."""

    QUEUED = "queued"
    SENDING = "sending"
    RECEIVING = "receiving"
    FINISHING = "finishing"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNCERTAIN = "uncertain"

    @property
    def is_final(self) -> bool:
        return self in _FINAL


_FINAL = frozenset((JobState.DONE, JobState.FAILED, JobState.CANCELLED, JobState.UNCERTAIN))


class ServiceKind(StrEnum):
    """Who answers."""

    PRACTICE = "practice"
    OPENAI = "openai"
    COMPATIBLE = "compatible"


class MaskStyle(StrEnum):
    """How a server wants to be told the area of a touch-up."""

    ALPHA = "alpha"                     # field mask: transparent = edit, as OpenAI has it; white there too, for those who look
    WHITE = "white"                     # field mask: white = edit, black = keep, without alpha
    MASK_IMAGE = "mask_image"           # the same in a field of that name


class Service(NamedTuple):
    """Where requests go. `base_url` and another `mask` style are for a compatible server only. Never holds a key."""

    kind: ServiceKind = ServiceKind.PRACTICE
    base_url: str = ""
    mask: MaskStyle = MaskStyle.ALPHA

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine, so that no online access is needed."""
        return self.kind is ServiceKind.PRACTICE or (self.kind is ServiceKind.COMPATIBLE and is_loopback(self.base_url))


class PixelKind(StrEnum):
    """What the numbers of a picture mean."""

    DISPLAY = "display"                 # 8 bits a channel as they are shown, straight alpha
    LINEAR = "linear"                   # floats, scene-linear Rec.709, premultiplied alpha
    DATA = "data"                       # floats that are no color: shown as they are


class SentPicture(NamedTuple):
    """One picture that is uploaded: `path` is relative to the job's folder, `role` one of `prompts.ROLES` or words.

    With `source`, a file of the job too, the worker makes it: that file's picture of these `pixels` at this size, on white
    where it is clear and has coverage. `name` is what the artist knows it by.
    With `of` it is the first result of the job of that name, which the worker puts there when it is done.
    """

    path: str
    mime: str
    width_px: int
    height_px: int
    role: str = ""
    source: str = ""
    pixels: PixelKind = PixelKind.DISPLAY
    has_alpha: bool = True
    name: str = ""
    of: str = ""


class Request(NamedTuple):
    """What is asked: words, and for an edit `images`. `prompt` is the full text that is sent.

    `style` is what a style sheet adds to the prompt, `prefix` and `suffix` are the project's words around the artist's. `size` is
    "WIDTHxHEIGHT" in pixels; `n` the number of variants; `partial_images` how many unfinished pictures the service streams on the
    way (each is paid). In a `batch` it is made within a day, at half price. The mask and the markup belong to the first image.
    """

    prompt: str
    model: str
    size: str = "1024x1024"
    quality: str = "medium"
    n: int = 1
    background: str = "auto"
    output_format: str = "png"
    output_compression: int | None = None
    moderation: str = "auto"
    complexity: str = ""
    partial_images: int = 0
    images: tuple[SentPicture, ...] = ()
    mask: SentPicture | None = None
    markup: SentPicture | None = None
    input_fidelity: str = ""
    style: str = ""
    prefix: str = ""
    suffix: str = ""
    batch: bool = False

    @property
    def is_edit(self) -> bool:
        """Whether pictures are sent along: that goes to an endpoint of its own."""
        return bool(self.images)


class Mark(NamedTuple):
    """An instruction drawn on a picture: a line, or, with `text`, a note that begins at its first point.

    `points` are in pixels of the picture from the top left, `color` is display RGB, 0..1.
    """

    points: tuple[tuple[float, ...], ...]
    color: tuple[float, ...]
    text: str = ""


class Neighbor(NamedTuple):
    """A UDIM tile beside the one that is made: so many columns to its right and rows above it (-1 to 1).

    `path` is its file in the job's folder; with `of` it is the first result of the job of that name, put there when that is done.
    """

    column: int
    row: int
    path: str
    of: str = ""


class Finish(NamedTuple):
    """The pixel work of a touch-up: an answer becomes the window of a picture in which only the mask has changed.

    `source` and `mask` are files in the job's folder: the whole picture (PNG, JPEG or WebP, or a NumPy array of RGBA,
    uint8 or float32, as `pixels` says), and the mask as a NumPy array of its size (uint8, 255 = change). `box` is the
    window in pixels of the picture (x0, y0, x1, y1 from the top left; it may reach beyond), `picture_px` the picture's
    width and height; the request's size is the window's. `parent` is the name of the image that is touched up.
    Without `has_alpha` its fourth channel, if there is one, is no coverage and only kept.

    `extend` are pixels (left, top, right, bottom) that are added around the source: the picture is that much larger.
    `marks` are drawn over the window and sent instead of the mask. `beside` names the jobs of the same touch-up's other
    islands, whose areas are taken over as far as they are done. `layered` asks for the patch of a compositor layer. On
    the axes `rolled` ("x", "y", "xy") the source is made to tile and rolled by half, so that its seams lie in the middle, and the
    result back. By the `offset` (x, y) in pixels the source is rolled as it is; the mask is that of the rolled picture. A `whole` picture
    has no mask. Where the source tiles, the result of one that `keeps_tiling` does too: on the axes `tiles`, or on those that it is seen to.

    With neighbors `around` there is neither source nor mask: the picture is put together of them around the box `tile`, which alone is
    kept of the result.
    """

    source: str
    mask: str
    box: tuple[int, ...]
    picture_px: tuple[int, ...]
    parent: str = ""
    pixels: PixelKind = PixelKind.DISPLAY
    has_alpha: bool = True
    extend: tuple[int, ...] = ()
    marks: tuple[Mark, ...] = ()
    beside: tuple[str, ...] = ()
    layered: bool = False
    rolled: str = ""
    offset: tuple[int, ...] = ()
    whole: bool = False
    keeps_tiling: bool = False
    tiles: str = ""
    around: tuple[Neighbor, ...] = ()
    tile: tuple[int, ...] = ()


class MapKind(StrEnum):
    """What a material has beside its color."""

    NORMAL = "normal"
    ROUGHNESS = "roughness"
    HEIGHT = "height"
    AO = "ao"
    METALLIC = "metallic"
    EMISSION = "emission"


class Surface(NamedTuple):
    """The pixel work of a texture, done on this machine and free: colors that tile, and maps that are made of them.

    The picture's edges are to meet on the `axes` ("", "x", "y" or "xy"); `even` 0..1 is how much of its slow gradients goes
    for that, `delight` 0..1 how much of its baked shading. It is `width_m` metres wide and `relief_m` from its lowest to its
    highest point. `source` is a file in the job's folder that is worked on instead of an answer: then nothing is sent. On
    the axes `wraps` it tiles already.

    `given` are files of maps, by kind, that belong to the source: then all are checked, and nothing is made but, where `mend`
    names a finding ("normal flipped_green"), that picture without it. With `directx` a normal map that is given is meant to have
    its green downwards. Where `export` names how other programs want their normals ("opengl", "directx"), files for them are made instead.
    `displace` lets the height move the mesh. With `cut_out` what is around the subject goes: the transparent or else the flat
    background, and the frame beyond. Where `asked` names a map, the answer is that map of the finish's source, and `maps` are made of it.
    """

    axes: str = ""
    even: float = 0.0
    delight: float = 0.0
    maps: tuple[MapKind, ...] = ()
    width_m: float = 1.0
    relief_m: float = 0.02
    source: str = ""
    wraps: str = ""
    given: dict | None = None
    directx: bool = False
    mend: str = ""
    export: str = ""
    displace: bool = False
    cut_out: bool = False
    asked: str = ""

    @property
    def changes_color(self) -> bool:
        return bool(self.axes or self.delight or self.cut_out)


class FollowUp(NamedTuple):
    """What is asked for about a texture's pictures as soon as they have landed: edits, each a job of its own.

    First the seams are healed on the axes `heal`, then the model draws `maps`. `words` are the artist's with the model and its
    settings, and `service` is who is asked: a job that is done on this machine has neither. `estimate_usd` is what all of it
    costs, as it was shown (None where that is not known).
    """

    words: Request
    service: Service
    heal: str = ""
    maps: tuple[MapKind, ...] = ()
    estimate_usd: float | None = 0.0


class Lettering(NamedTuple):
    """Text that must be exact: set by us where it belongs, sent as a picture, and with `overlay` laid over the result.

    `box` is where it stands, (x0, y0, x1, y1) in fractions of the picture from its bottom left; `font` a file in the job's folder, ""
    for one that comes along; `align` "left", "center" or "right"; `color` display RGB, 0..1; `blend` "normal", "multiply" or "screen".
    """

    lines: tuple[str, ...]
    box: tuple[float, ...] = (0.1, 0.4, 0.9, 0.6)
    font: str = ""
    align: str = "center"
    color: tuple[float, ...] = (0.0, 0.0, 0.0)
    overlay: bool = False
    blend: str = "normal"


class Cell(NamedTuple):
    """One picture of a contact sheet: the first result of a job, and what is written below it, line by line."""

    job_id: str
    caption: tuple[str, ...] = ()


class Sheet(NamedTuple):
    """A contact sheet, drawn on this machine when all its jobs have ended; what a job cost and took is added to its caption."""

    cells: tuple[Cell, ...]
    columns: int
    title: str = ""


class Target(NamedTuple):
    """A datablock of the scene, found again by `session_uid` in the same Blender session, else by name in the same file.

    `detail` tells which part of it: a node's name.
    """

    id_type: str
    name: str
    session_uid: int = 0
    detail: str = ""


class Place(StrEnum):
    """Where a job's pictures go."""

    IMAGE = "image"                    # only the datablock
    REPLACE_SLOT = "replace_slot"      # a new material in the active slot
    APPEND_SLOT = "append_slot"        # a new material in a new slot
    WORLD = "world"                    # the background of a new world
    LIGHT = "light"                    # what a spot or an area light throws
    BRUSH = "brush"                    # the texture of the brush for painting
    STENCIL = "stencil"                # the same, as a stencil
    NODE = "node"                      # the image of one Image Texture node
    EDITOR = "editor"                  # shown in an open Image Editor
    EMPTY = "empty"                    # on an image empty
    CAMERA = "camera"                  # background of the camera
    PLANE = "plane"                    # on a plane that fills the camera's frame
    AXES = "axes"                      # on image empties on the axes, each view on its own
    COMPOSITOR = "compositor"          # a layer over the render in the scene's compositor
    INSTEAD = "instead"                # in the materials that show the image it was made from
    FOLDER = "folder"                  # files in a folder of the artist's
    DECAL = "decal"                    # on a mesh of its own that lies on an object
    TILE = "tile"                      # a tile of a UDIM image


class Decal(NamedTuple):
    """Where a decal lies: its middle and the direction it faces, in the object's own space, and its width in metres.

    With `conform` it follows the surface, else it is flat.
    """

    location: tuple[float, ...]
    normal: tuple[float, ...]
    width_m: float
    conform: bool = True


class Tile(NamedTuple):
    """A tile of a UDIM image: its number, the name of the set of tiles, and the numbers of all that belong to it."""

    number: int
    of: str
    wanted: tuple[int, ...]


class Landing(NamedTuple):
    """Where the pictures go and how they are kept.

    `faces` assigns the new slot to the selected faces only, `fit` lays the picture once over them; `share_material` gives all
    targets one material; `scale_m` is the width of one repeat in metres, 0 to leave the UV map's own scale, and on the axes the
    subject's height; `alpha` is how a material shows a transparent color, "blend" or "clip"; `pack` keeps the picture inside the
    .blend, else it is put in a folder beside it. `folder` is where files go that are exported, over those of the same name if
    `overwrite`. `name` is what the images are called, if not by the words. `variants_of` names the job whose waiting variants
    these are more of; `only` is the number of the one picture that is wanted, None for all. `decal` says where on the object a
    decal lies, `tile` which one of a UDIM image it is. `session` names the Blender session that made the landing and `blend` the
    path of its file: the targets mean something only there.
    """

    place: Place
    targets: tuple[Target, ...] = ()
    faces: bool = False
    share_material: bool = True
    scale_m: float = 0.0
    asset: bool = False
    alpha: str = "blend"
    fit: bool = False
    pack: bool = True
    variants_of: str = ""
    only: int | None = None
    name: str = ""
    folder: str = ""
    overwrite: bool = False
    session: str = ""
    blend: str = ""
    decal: Decal | None = None
    tile: Tile | None = None


class Job(NamedTuple):
    """One thing an artist asked for.

    `prompt` is what the artist wrote; `request.prompt` what the template made of it. `views` name the columns that the answer is
    cut into: a sheet of one subject from several sides, or the one side that it shows; to `frame_px` (width, height) it is cut
    about its middle. `created` is an ISO 8601 time in UTC, `estimate_usd` the price that was shown (None where the service's
    prices are not known). `parents` are the history's entries of the pictures it is made from, `chain` those of the results that
    it continues, from the first to the last; `camera` and `frame` are the scene's at the time.
    """

    id: str
    kind: str
    prompt: str
    request: Request
    service: Service
    landing: Landing
    finish: Finish | None = None
    surface: Surface | None = None
    sheet: Sheet | None = None
    views: tuple[str, ...] = ()
    frame_px: tuple[int, ...] = ()
    lettering: Lettering | None = None
    created: str = ""
    estimate_usd: float | None = None
    estimate_exact: bool = True
    deadline_s: float = 360.0
    follow_up: FollowUp | None = None
    parents: tuple[str, ...] = ()
    chain: tuple[str, ...] = ()
    camera: str = ""
    frame: int | None = None
    label_files: bool = False

    @property
    def shown_usd(self) -> float | None:
        """The price that was shown: the job's, and that of what follows it."""
        if self.follow_up is None or self.estimate_usd is None:
            return self.estimate_usd
        return None if self.follow_up.estimate_usd is None else self.estimate_usd + self.follow_up.estimate_usd

    @property
    def is_local(self) -> bool:
        """Whether it is worked on here only: nothing is sent, nothing is paid."""
        return self.sheet is not None or (self.surface is not None and bool(self.surface.source))

    @property
    def after(self) -> tuple[str, ...]:
        """The jobs whose results this one is made from: it waits for them."""
        cells, around = self.sheet.cells if self.sheet else (), self.finish.around if self.finish else ()
        return tuple(dict.fromkeys([each.of for each in (*self.request.images, *around) if each.of] + [cell.job_id for cell in cells]))

    def with_others(self, renamed: Mapping[str, str]) -> Job:
        """The job with other jobs in the place of those that it names: `renamed` maps the old ids to the new."""
        def new(job_id: str) -> str:
            return renamed.get(job_id, job_id)

        finish, sheet = self.finish, self.sheet
        if finish:
            finish = finish._replace(beside=tuple(map(new, finish.beside)), around=tuple(tile._replace(of=new(tile.of)) for tile in finish.around))
        if sheet:
            sheet = sheet._replace(cells=tuple(cell._replace(job_id=new(cell.job_id)) for cell in sheet.cells))
        request = self.request._replace(images=tuple(picture._replace(of=new(picture.of)) for picture in self.request.images))
        return self._replace(request=request, finish=finish, sheet=sheet, landing=self.landing._replace(variants_of=new(self.landing.variants_of)))


class ResultPicture(NamedTuple):
    """One finished picture: `path` is relative to the job's folder, `report` what the pixel work found and did.

    `patch` is the file of a compositor layer: the picture's pixels where they may have changed, transparent elsewhere.
    `maps` are the files of a texture's maps by their kinds.
    """

    path: str
    mime: str
    width_px: int
    height_px: int
    report: dict | None = None
    patch: str = ""
    maps: dict | None = None


class Result(NamedTuple):
    """What a job gave: the pictures and the facts about them.

    `usage` is the service's own object, `cost_usd` what it means in money (None where the service does not
    tell), `seconds` from sending to the last byte. For the practice service the cost is what it would have been.
    """

    pictures: tuple[ResultPicture, ...]
    usage: dict | None = None
    cost_usd: float | None = None
    request_id: str = ""
    seconds: float = 0.0


class JobRecord(NamedTuple):
    """How far a job has come: what the journal stores beside the job, and what the host is told.

    Times are seconds since the epoch, 0 when not reached. `worker` names the process that has the job, `attempts` counts the
    requests sent, `partials` are files of unfinished pictures, `stopped` tells that the last of them is the result, as the artist
    wanted it. `expected_s` is how long such jobs took from sending on, 0 where none is known. `batch` names the batch
    (`library.batches`) that it is in, once that is sent. `error` is `GptImageError.to_dict()`. `note` is a sentence for the
    artist, such as why the job waits.
    """

    job_id: str
    state: JobState = JobState.QUEUED
    worker: str = ""
    attempts: int = 0
    sent_at: float = 0.0
    ended_at: float = 0.0
    partials: tuple[str, ...] = ()
    note: str = ""
    error: dict | None = None
    result: Result | None = None
    stopped: bool = False
    expected_s: float = 0.0
    batch: str = ""

    @property
    def is_unsent(self) -> bool:
        """Whether nothing of the job can have reached the service, so that it may be sent."""
        waits = self.state is JobState.SENDING and not self.sent_at         # between two attempts
        return waits or self.state is JobState.QUEUED

    def moved(self, state: JobState, **facts: object) -> JobRecord:
        """The record after a step. Raises ValueError for a step that must never be: states only go forward."""
        if state is not self.state and state not in _STEPS[self.state]:
            raise ValueError(f"a job cannot go from {self.state} to {state}")
        return self._replace(state=state, **facts)  # type: ignore[arg-type]


_STEPS = {
    JobState.QUEUED: {JobState.SENDING, JobState.FINISHING, JobState.CANCELLED, JobState.FAILED},
    # A refused stream and a rate limit lead back from SENDING to SENDING: nothing was made.
    JobState.SENDING: {JobState.RECEIVING, JobState.FINISHING, JobState.FAILED, JobState.CANCELLED, JobState.UNCERTAIN},
    JobState.RECEIVING: {JobState.FINISHING, JobState.FAILED, JobState.CANCELLED, JobState.UNCERTAIN},
    JobState.FINISHING: {JobState.DONE, JobState.FAILED},
    JobState.DONE: set(), JobState.FAILED: set(), JobState.CANCELLED: set(), JobState.UNCERTAIN: set(),
}


def parse_size(size: str) -> tuple[int, int]:
    """(width, height) in pixels of "WIDTHxHEIGHT". Raises InputError(field="size")."""
    width, x, height = size.strip().lower().partition("x")
    if x and len(size) < 30 and width.isascii() and width.isdigit() and height.isascii() and height.isdigit():
        found = int(width), int(height)
        if min(found) > 0:
            return found
    raise InputError(f"{size!r} is not a size", field="size", hint='Write it as WIDTHxHEIGHT, for example "1024x1024"')
