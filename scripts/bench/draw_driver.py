# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside Blender's window, started by draw.py through the lab's launcher: times every draw of our panels."""

import importlib
import json
import statistics
import time
from pathlib import Path

import bpy
import lab

REDRAWS = int(lab.ARGS[0])
PACKAGE = next(name for name in bpy.context.preferences.addons.keys() if name.endswith("gptimage_addon"))
# Each with the type of its editor; the first is shown without, the second with the camera view's touch-ups.
EDITORS = {
    "3D Viewport": "VIEW_3D", "camera view": "VIEW_3D", "Image Editor": "IMAGE_EDITOR", "Shader Editor": "ShaderNodeTree",
}
times: dict[str, list[float]] = {}
items: dict[str, int] = {}              # how many labels, buttons and fields a panel has


def _empty(space: str) -> type:
    """A panel that draws nothing, in the same tab: what the timing itself costs."""
    return type(f"LAB_PT_empty_{space.lower()}", (bpy.types.Panel,), {
        "bl_label": "Empty", "bl_category": "GPT Image", "bl_region_type": 'UI', "bl_space_type": space,
        "draw": lambda self, context: None,
    })


class _Counting:
    """A panel or a layout that passes everything on, and counts what is put into the layout."""

    def __init__(self, to: object, name: str) -> None:
        self.__dict__.update(to=to, name=name)

    def __getattr__(self, attribute: str):
        found = getattr(self.to, attribute)
        if isinstance(found, bpy.types.UILayout):
            return _Counting(found, self.name)
        return self._counted(found) if isinstance(self.to, bpy.types.UILayout) and callable(found) else found

    def __setattr__(self, attribute: str, value: object) -> None:
        setattr(self.to, attribute, value)

    def _counted(self, method):
        def call(*args, **named):
            made = method(*args, **named)
            if isinstance(made, bpy.types.UILayout):
                return _Counting(made, self.name)
            items[self.name] += 1
            return made

        return call


def _time(cls: type, name: str) -> None:
    draw = cls.draw

    def timed(self, context):
        if name not in items:
            items[name] = 0
            return draw(_Counting(self, name), context)
        started = time.perf_counter()
        draw(self, context)
        times.setdefault(name, []).append((time.perf_counter() - started) * 1e6)

    cls.draw = timed


def _module(name: str):
    return importlib.import_module(f"{PACKAGE}.{name}")


def _fill_queue(count: int) -> None:
    """Jobs in all states, as the queue shows them after some hours; nothing runs."""
    request, host = _module("core.request"), _module("blender.host")
    states = list(request.JobState)
    now = time.time()
    host.host.jobs.clear()
    for number in range(count):
        state = states[number % len(states)]
        job = request.Job(
            id=f"job-{number}", kind="texture", prompt=f"weathered red brick wall number {number}",
            request=request.Request(prompt="brick", model="gpt-image-2.5-flare"), service=request.Service(),
            landing=request.Landing(place=request.Place.IMAGE), estimate_usd=0.0132)
        record = request.JobRecord(job_id=job.id, state=state, sent_at=now)
        landed = None
        if state is request.JobState.DONE:
            result = request.Result(pictures=(), cost_usd=0.0132, seconds=9.0)
            record, landed = record._replace(result=result), host.Landed(("Brick",), "Brick is ready")
        elif state.is_final:
            error = _module("core.errors").GptImageError("The service refused this", hint="Change the prompt")
            record = record._replace(error=error.to_dict())
        host.host.jobs[job.id] = host.JobView(job, record, landed)


def _panels() -> tuple[type, ...]:
    return (*_module("ui.touch_up").classes, *_module("ui.panels").classes)


def _open_panels(space: str) -> None:
    """All of them unfolded. Blender keeps that per region, so the closed ones are registered anew as open."""
    for cls in _panels():
        if cls.bl_space_type == space and 'DEFAULT_CLOSED' in getattr(cls, "bl_options", set()):
            bpy.utils.unregister_class(cls)
            cls.bl_options = cls.bl_options - {'DEFAULT_CLOSED'}
            bpy.utils.register_class(cls)


def _time_blenders_own() -> None:
    """The panels of Properties > Output, in Python as ours are: the measure of what drawing costs on this machine."""
    for cls in bpy.types.Panel.__subclasses__():
        if (getattr(cls, "bl_space_type", ""), getattr(cls, "bl_context", "")) == ('PROPERTIES', "output") and "draw" in vars(cls):
            _time(cls, cls.__name__)


def _redraw(area: bpy.types.Area, region: bpy.types.Region, mark: str):
    """Redraw until the panel of that name has been drawn often enough."""
    times.clear()
    items.clear()
    for _ in range(REDRAWS * 3):
        region.tag_redraw()
        yield 0.01
        if len(times.get(mark, ())) >= REDRAWS:
            break


def _told() -> dict[str, object]:
    return {name: (statistics.median(values), max(values), len(values), items[name]) for name, values in times.items()}


def _make_scene() -> bpy.types.Image:
    """A picture of ours on the cube, in the active node, and in the Image Editor: every row has something to show."""
    image = bpy.data.images.new("Brick (Practice)", 64, 64)
    image["gptimage"] = {"job_id": "x", "prompt": "weathered red brick", "model": "gpt-image-2.5-flare",
                         "size": "64x64", "quality": "medium", "cost_usd": 0.0,
                         "service": "practice", "variant": 1, "variants": 3}
    material = _module("blender.materials").make_material("Brick", image)
    cube = bpy.context.view_layer.objects.active
    cube.data.materials.clear()
    cube.data.materials.append(material)
    material.node_tree.nodes.active = _module("blender.materials").picture_node(material)
    bpy.context.scene.gptimage.prompt = "weathered red brick"
    return image


def steps():
    registered = _panels()
    for cls in registered:
        _time(cls, cls.__name__)
    for space in {cls.bl_space_type for cls in registered}:
        empty = _empty(space)
        _time(empty, "empty panel")
        bpy.utils.register_class(empty)
        _open_panels(space)
    image = _make_scene()
    found: dict[str, dict[str, object]] = {}
    area = lab.area("VIEW_3D")
    for count in (0, 50):
        _fill_queue(count)
        for editor, ui in EDITORS.items():
            area.ui_type = ui
            space = area.type
            yield 0.5
            if space == 'IMAGE_EDITOR':
                area.spaces.active.image = image
            if space == 'VIEW_3D':
                area.spaces.active.region_3d.view_perspective = 'CAMERA' if editor == "camera view" else 'PERSP'
            # Blender draws only what is in sight: the region is scrolled nowhere, so it must be high enough.
            yield from lab.open_tab(space, "GPT Image")
            with bpy.context.temp_override(window=lab.window(), area=area):
                if not lab.window().screen.show_fullscreen:
                    bpy.ops.screen.screen_full_area(use_hide_panels=False)
            yield 1.0
            area = lab.area(space)
            yield from _redraw(area, lab.region(area, "UI"), "empty panel")
            lab.shot(f"draw_{editor.lower().replace(' ', '_')}_{count}")
            found.setdefault(str(count), {})[editor] = _told()
    _time_blenders_own()
    area.ui_type = 'PROPERTIES'
    yield 0.5
    area.spaces.active.context = 'OUTPUT'
    yield 1.0
    area = lab.area('PROPERTIES')
    yield from _redraw(area, lab.region(area, "WINDOW"), "RENDER_PT_format")
    lab.shot("draw_properties")
    Path(lab.OUT, "facts.json").write_text(json.dumps({
        "blender": bpy.app.version_string, "panels": [cls.__name__ for cls in registered], "times_us": found, "own_us": _told()}))


lab.run(steps())
