# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same request in the panel once more: the earlier result is offered, and costs nothing."""

from __future__ import annotations

import shutil
import time
import types
from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np
import pytest

from gptimage_addon.blender.host import host
from gptimage_addon.blender.materials import shown_node
from gptimage_addon.core.catalog import SIZE_PRESETS
from gptimage_addon.core.request import Landing, Place, Service
from gptimage_addon.library.wallet import Entry, Wallet
from gptimage_addon.operators.asking import AskOperator
from gptimage_addon.operators.plan import PlannedJob
from gptimage_addon.operators.references import add_image, read_references
from gptimage_addon.operators.texture import plan_texture
from gptimage_addon.ui import panels, status
from tests.support.layout import Layout
from tests.support.pictures import encode, quarters
from tests.support.scenes import WORDS, editor, job_folders, pump_until

REUSE, ASK = "Use the Earlier Result", "Ask Again"


def shown(panel: type[bpy.types.Panel] = panels.GPTIMAGE_PT_texture) -> dict[str, object]:
    """The texture panel's buttons that start something, by their words."""
    found: dict[str, object] = {}
    layout, kept = Layout(), status.draw_button

    def note(layout: object, operator: str, refusal: str, **look: str) -> object:
        found[look["text"]] = kept(layout, operator, refusal, **look)
        return found[look["text"]]

    with pytest.MonkeyPatch.context() as patch, editor('VIEW_3D'):
        patch.setattr(status, "draw_button", note)
        host.budget._look()
        status.draw_ask(layout, "gptimage.generate_texture", "", bpy.context.scene.gptimage, panels.texture_prompt,
                        surface=panels.read_surface(bpy.context.scene.gptimage, bpy.context.scene.gptimage.scale_m), text="Generate", icon='NONE')
    return found


def test_the_earlier_result_is_offered_first(cube: bpy.types.Object, tmp_path: Path) -> None:
    settings = bpy.context.scene.gptimage
    settings.prompt, settings.quality, settings.maps = "red brick", "low", {"roughness"}
    assert list(shown()) == ["Generate"]
    assert bpy.ops.gptimage.generate_texture() == {'FINISHED'}
    assert host.wait(30.0)
    (first,) = host.jobs.values()
    assert list(shown()) == [REUSE, ASK] and shown()[REUSE].earlier and not hasattr(shown()[ASK], "earlier")

    for name, value in (("prompt", "red bricks"), ("quality", "high"), ("n", 2), ("tiling", "xy"), ("size_preset", list(SIZE_PRESETS)[1])):
        before = getattr(settings, name)
        setattr(settings, name, value)
        assert list(shown()) == ["Generate"], name
        setattr(settings, name, before)
    settings.share_material = not settings.share_material           # where it goes does not count
    assert list(shown()) == [REUSE, ASK]

    bpy.ops.mesh.primitive_cube_add()
    other = bpy.context.object
    host.reset()                                                     # as after a restart of Blender
    assert bpy.ops.gptimage.generate_texture(earlier=True) == {'FINISHED'}
    assert host.worker_pid is None                                   # nobody is needed for it
    pump_until(lambda: all(view.landed for view in host.jobs.values()))
    (view,) = host.jobs.values()
    assert view.reused and view.job.id == first.job.id and job_folders(tmp_path / "data") == [first.job.id]
    assert other.active_material and other.active_material != cube.active_material

    assert list(shown()) == [REUSE, ASK]
    shutil.rmtree(host.journal.folder(first.job.id) / "results")
    with pytest.raises(RuntimeError, match="The earlier result is gone"):
        bpy.ops.gptimage.generate_texture(earlier=True)
    assert job_folders(tmp_path / "data") == [first.job.id]
    assert list(shown()) == ["Generate"]


def test_only_pictures_that_go_along_hide_the_offer(cube: bpy.types.Object) -> None:
    settings = bpy.context.scene.gptimage
    settings.prompt, settings.quality = "red brick", "low"
    assert bpy.ops.gptimage.generate_texture() == {'FINISHED'}
    assert host.wait(30.0)
    (view,) = host.jobs.values()
    pump_until(lambda: view.landed)
    made = bpy.data.images[view.landed.images[0]]
    item = add_image(settings, bpy.data.images.new("Look", 64, 64))
    assert list(shown()) == ["Generate"]
    item.use = False
    assert list(shown()) == [REUSE, ASK]
    item.use, settings.use_references = True, False
    assert list(shown()) == [REUSE, ASK]
    settings.continued = made                   # goes along without the list
    assert list(shown()) == ["Generate"]


def test_what_has_not_landed_yet_keeps_its_place(cube: bpy.types.Object) -> None:
    bpy.context.scene.gptimage.prompt = "red brick"
    assert bpy.ops.gptimage.generate_texture(size="1024x640", quality="low") == {'FINISHED'}
    (view,) = host.jobs.values()
    while not host.journal.has_result(host.journal.read_record(view.job.id)):
        time.sleep(0.05)                                            # done, and this Blender does not know yet
    with pytest.raises(RuntimeError, match="just being applied"):
        bpy.ops.gptimage.generate_texture(size="1024x640", quality="low", texture_place="image", earlier=True)
    assert host.wait(30.0) and list(host.jobs.values()) == [view] and cube.active_material.name == "Red Brick"
    assert bpy.ops.gptimage.generate_texture(size="1024x640", quality="low", texture_place="image", earlier=True) == {'FINISHED'}


class Pressed(AskOperator):
    """A button of Generate Texture with two variants: in background mode Blender presses none."""

    bl_idname = "gptimage.generate_texture"
    bl_description = "Make a texture"

    def __init__(self) -> None:
        self.earlier, self.n, self.menus = False, 2, []
        self.properties = types.SimpleNamespace(        # what Blender tells of an operator's
            bl_rna=bpy.ops.gptimage.generate_texture.get_rna_type(), is_property_set=lambda name: name in ("n", "rna_type"))

    def plan(self, context: bpy.types.Context) -> list[PlannedJob]:
        return [plan_texture(WORDS._replace(n=self.n), Service(), Landing(Place.IMAGE), read_references(context.scene))]

    def offer(self, context: bpy.types.Context) -> None:
        self.menus.append(Layout())
        self.draw_choice(types.SimpleNamespace(layout=self.menus[-1]), context)


def test_with_pictures_the_button_asks_which(tmp_path: Path) -> None:
    """What goes along is compared when the button is pressed."""
    path = tmp_path / "style.png"
    path.write_bytes(encode(quarters(64, 64)))
    add_image(bpy.context.scene.gptimage, bpy.data.images.load(str(path)))
    button = Pressed()
    assert button.invoke(bpy.context, None) == {'FINISHED'} and not button.menus        # nothing to offer yet
    assert host.wait(30.0)
    (first,) = job_folders(tmp_path / "data")
    assert button.invoke(bpy.context, None) == {'CANCELLED'} and job_folders(tmp_path / "data") == [first]
    (name, earlier), (_, again) = button.menus[0].buttons
    assert name == button.bl_idname and earlier.earlier and not again.earlier and earlier.n == again.n == 2
    assert "Nothing is sent" in Pressed.description(bpy.context, earlier) and Pressed.description(bpy.context, again) == Pressed.bl_description
    button.earlier = True
    assert button.execute(bpy.context) == {'FINISHED'} and job_folders(tmp_path / "data") == [first]
    button.earlier = False
    assert button.execute(bpy.context) == {'FINISHED'} and len(job_folders(tmp_path / "data")) == 2
    path.write_bytes(encode(quarters(64, 64)[::-1]))                                    # another picture of that name
    bpy.ops.gptimage.read_references()
    bpy.data.images["style.png"].reload()
    assert button.invoke(bpy.context, None) == {'FINISHED'} and len(button.menus) == 1
    assert host.wait(30.0)


def texture_of(cube: bpy.types.Object) -> bpy.types.Image:
    """A texture on the cube, alone in the session."""
    assert bpy.ops.gptimage.generate_texture(prompt="red brick", quality="low", size="1024x640") == {'FINISHED'}
    assert host.wait(30.0)
    host.jobs.clear()
    return shown_node(cube.active_material).image


def touch_up(cube: bpy.types.Object, **more: object) -> None:
    picture = bpy.data.images.get("Wall") or bpy.data.images.new("Wall", 1024, 320)
    mask = bpy.data.images.get("Two") or bpy.data.images.new("Two", 1024, 320)
    rows = np.zeros((320, 1024, 4), np.float32)
    rows[..., 3] = 1.0
    rows[100:220, 60:180, :3] = rows[100:220, 840:960, :3] = 1.0
    mask.pixels.foreach_set(rows.ravel())
    with editor('IMAGE_EDITOR', image=picture):
        assert bpy.ops.gptimage.touch_up(prompt="a door", area="mask", mask="Two", separate=True, quality="low", **more) == {'FINISHED'}


def extend(cube: bpy.types.Object, **more: object) -> None:
    picture = bpy.data.images.get("Wall") or bpy.data.images.new("Wall", 1024, 640)
    with editor('IMAGE_EDITOR', image=picture):
        assert bpy.ops.gptimage.extend_frame(prompt="more wall", extend_left=64, quality="low", **more) == {'FINISHED'}


def in_view(operator: str, **properties: object) -> Callable[..., None]:
    def ask(cube: bpy.types.Object, **more: object) -> None:
        with editor('VIEW_3D'):
            assert getattr(bpy.ops.gptimage, operator)(**{"quality": "low"} | properties | more) == {'FINISHED'}
    return ask


BUTTONS: dict[str, tuple[Callable[..., None], int]] = {
    "touch-up in islands": (touch_up, 2), "extended frame": (extend, 1),
    "decal": (in_view("generate_decal", prompt="a sticker", size="1024x640"), 1),
    "turnaround": (in_view("generate_turnaround", prompt="a knight", views={"front", "right"}, one_sheet=False), 2),
    "set": (in_view("generate_set", prompts="a red door\na red door\na blue door", size="1024x640"), 3),
    "tiles": (in_view("generate_tiles", prompt="red brick", size="1024x1024"), 1),
    "edit": (in_view("edit_texture", prompt="moss", place="image"), 1), "variation": (in_view("vary_texture", prompt="moss", place="image"), 1),
    "maps": (in_view("ask_maps", maps={"height", "roughness"}), 2), "seams": (in_view("heal_seams", tiling="xy"), 1),
    "final": (in_view("make_final", quality="high"), 1),
}


@pytest.mark.parametrize("name", BUTTONS)
def test_whatever_asks_can_take_what_was_made_before(name: str, cube: bpy.types.Object, tmp_path: Path) -> None:
    ask, sent = BUTTONS[name]
    image = texture_of(cube)
    before = len(spent(tmp_path))
    with pytest.raises(RuntimeError, match="The earlier result is gone. Ask again"):
        ask(cube, earlier=True)
    ask(cube)
    assert host.wait(120.0) and len(spent(tmp_path)) == before + sent
    assert all(view.landed.complete for view in host.jobs.values()), [view.landed for view in host.jobs.values()]
    made = {view.job.id for view in host.jobs.values() if not view.job.is_local}
    host.reset()
    if name in ("edit", "variation", "maps", "seams", "final"):       # they are of what is shown
        shown_node(cube.active_material).image = image
    ask(cube, earlier=True)
    assert host.wait(60.0) and len(spent(tmp_path)) == before + sent
    assert {view.job.id for view in host.jobs.values() if not view.job.is_local} == made
    assert all(view.landed.complete and (view.reused or view.job.is_local) for view in host.jobs.values())


def spent(tmp_path: Path) -> list[Entry]:
    return Wallet(tmp_path / "data").entries()
