# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenes and jobs for tests inside Blender."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import bpy

from gptimage_addon.blender.host import JobView, host
from gptimage_addon.core.request import JobState, Landing, Place, Request, Result, ResultPicture, Service, ServiceKind
from gptimage_addon.operators.plan import PlannedJob
from gptimage_addon.operators.texture import plan_texture
from gptimage_addon.worker.practice import PracticeServer

from .pictures import encode, quarters

__all__ = ("WORDS", "compatible", "done", "editor", "finished", "image_of", "job_folders", "pixels_of", "plan_for", "pump_until", "select")

WORDS = Request(prompt="weathered red brick", model="gpt-image-2.5-flare", quality="low", size="1024x640")


def compatible(server: PracticeServer) -> Service:
    """The server as an artist's own one: every request goes there, and it lists what came."""
    return Service(ServiceKind.COMPATIBLE, server.base_url)


def done(operator: str, **properties: object) -> JobView:
    """The job that the operator has started, once it has landed."""
    before = set(host.jobs)
    assert getattr(bpy.ops.gptimage, operator)(**properties) == {'FINISHED'}
    assert bpy.ops.gptimage.wait(timeout_s=120) == {'FINISHED'}
    (job_id,) = set(host.jobs) - before
    view = host.jobs[job_id]
    assert view.error is None and view.landed.complete, view.record
    return view


@contextlib.contextmanager
def editor(kind: str, **space: object) -> Iterator[None]:
    """The window's largest area as this editor, its sidebar as the region: Blender has both without showing them."""
    window = bpy.context.window_manager.windows[0]
    area = max(window.screen.areas, key=lambda each: each.width * each.height)
    area.ui_type = {'NODE_EDITOR': 'ShaderNodeTree'}.get(kind, kind)
    assert area.type == kind
    for name, value in space.items():
        setattr(area.spaces.active, name, value)
    region = next(each for each in area.regions if each.type == 'UI')
    with bpy.context.temp_override(window=window, area=area, region=region):
        yield


def select(*objects: bpy.types.Object) -> None:
    """Select these only, the first as the active one."""
    for obj in bpy.context.view_layer.objects:
        obj.select_set(obj in objects)
    bpy.context.view_layer.objects.active = objects[0] if objects else None


def plan_for(service: Service, landing: Landing | None = None, **words: object) -> PlannedJob:
    return plan_texture(WORDS._replace(**words), service, landing or Landing(place=Place.IMAGE))


def finished(planned: PlannedJob, pictures: Sequence[bytes] = ()) -> JobView:
    """The job as a worker leaves it when it is done, in the journal and the queue; not landed yet."""
    job = planned.job
    folder = host.journal.create(job, planned.inputs)
    (folder / "results").mkdir()
    made = []
    for index, data in enumerate(pictures or [encode(quarters())] * job.request.n):
        path = folder / "results" / f"{index}.png"
        path.write_bytes(data)
        made.append(ResultPicture(path.relative_to(folder).as_posix(), "image/png", 32, 16))
    view = JobView(job, host.journal.read_record(job.id)._replace(state=JobState.DONE, sent_at=time.time(),
                                result=Result(pictures=tuple(made), cost_usd=0.02)))
    host.jobs[job.id] = view
    return view


def image_of(view: JobView, index: int = 0) -> bpy.types.Image:
    assert view.landed is not None
    return bpy.data.images[view.landed.images[index]]


def pixels_of(image: bpy.types.Image) -> object:
    """float32 RGBA rows from the top, as Blender shows the picture."""
    import numpy as np

    width, height = image.size
    assert width and height, f"{image.name} has no pixels"
    found = np.empty(width * height * image.channels, np.float32)
    image.pixels.foreach_get(found)
    return found.reshape(height, width, image.channels)[::-1]


def pump_until(condition: Callable[[], object], timeout_s: float = 20.0) -> None:
    """Do the timer's work until the condition holds."""
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, f"it did not happen within {timeout_s:.0f} s: {states()}"
        host.pump()
        time.sleep(0.005)


def states() -> list[str]:
    return [str(view.record.state) for view in host.jobs.values()]


def job_folders(data_dir: Path) -> list[str]:
    jobs = data_dir / "jobs"
    return sorted(os.listdir(jobs)) if jobs.is_dir() else []
