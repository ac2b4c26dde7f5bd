# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pictures that are sent along: what the service really gets for each kind of source, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import bpy
import numpy as np
import pytest

from gptimage_addon.blender import images, sources
from gptimage_addon.blender.assets import preview_of
from gptimage_addon.blender.host import host
from gptimage_addon.core.errors import InputError
from gptimage_addon.core.prompts import ROLES
from gptimage_addon.core.request import JobState, Landing, Place, Service, ServiceKind
from gptimage_addon.operators import references
from gptimage_addon.operators.reference import plan_reference
from gptimage_addon.operators.references import add_image, read_references, shown_references
from gptimage_addon.operators.settings import read_settings
from gptimage_addon.operators.touch_up import Framing, plan_touch_up, split
from gptimage_addon.ui import status
from gptimage_addon.ui.sheet import GPTIMAGE_OT_show_sent
from gptimage_addon.worker.practice import PracticeServer
from tests.support.layout import Layout
from tests.support.pictures import decode, encode, quarters, write
from tests.support.scenes import WORDS, compatible, editor, image_of

Color = tuple[int, int, int]


def plain(path: Path, color: Color, size: tuple[int, int] = (64, 48), kind: str = "PNG") -> bpy.types.Image:
    return bpy.data.images.load(str(write(path, np.full((*size[::-1], 3), color, np.uint8), kind)))


def painted(name: str, color: tuple[float, ...], *, size: tuple[int, int] = (64, 48), **how: object) -> bpy.types.Image:
    image = bpy.data.images.new(name, *size, alpha=True, **how)
    image.pixels.foreach_set(np.tile(np.float32(color), size[0] * size[1]))
    return image


def sequence(folder: Path, colors: dict[int, Color]) -> bpy.types.Image:
    for frame, color in colors.items():
        write(folder / f"frame_{frame:03d}.png", np.full((48, 64, 3), color, np.uint8))
    image = bpy.data.images.load(str(folder / f"frame_{min(colors):03d}.png"))
    image.source = 'SEQUENCE'
    return image


def send(server: PracticeServer, **words: object) -> tuple[str, list[np.ndarray]]:
    """(prompt, pictures as RGB) that the service got for a reference made with the list as it is."""
    planned = plan_reference(WORDS._replace(**words), compatible(server), Landing(place=Place.IMAGE), read_references(bpy.context.scene))
    view = host.submit(planned.job, planned.inputs)
    assert host.wait(60)
    assert view.record.state is JobState.DONE, view.record.error
    request = server.requests[-1]
    return str(request.fields["prompt"]), [decode(file.data, "RGB") for file in request.files]


def test_sixteen_pictures_of_mixed_sources_arrive_in_order(tmp_path: Path, server: PracticeServer) -> None:
    scene, settings = bpy.context.scene, bpy.context.scene.gptimage
    scene.render.engine, scene.cycles.samples = 'CYCLES', 1
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = 96, 64, 50
    scene.view_settings.view_transform = 'Standard'
    scene.world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.0, 1.0, 0.0, 1.0)
    for obj in scene.objects:
        obj.hide_render = obj.type != 'CAMERA'
    bpy.ops.render.render()
    scene.frame_set(3)
    packed = plain(tmp_path / "packed.png", (20, 10, 200))
    packed.pack()
    (tmp_path / "packed.png").unlink()
    touched = plain(tmp_path / "touched.png", (1, 2, 3))
    touched.pixels.foreach_set(np.tile(np.float32((0.2, 0.4, 0.6, 1.0)), 64 * 48))
    cut = np.zeros((48, 64, 4), np.uint8)
    cut[:, :32] = (200, 100, 0, 255)                            # and red, but clear, on the right
    cut[:, 32:] = (255, 0, 0, 0)
    generated = bpy.data.images.new("Generated", 64, 48)
    generated.generated_color = (1.0, 0.0, 1.0, 1.0)
    viewed = painted("Viewed", (0.5, 0.5, 0.5, 1.0), float_buffer=True)
    viewed.use_view_as_render = True
    scene.view_settings.exposure = -1.0
    # (the image, its color where it stands, how near): literals, or by the sRGB curve 1.055 * x ** (1 / 2.4) - 0.055.
    given = [
        (plain(tmp_path / "a.png", (10, 200, 30)), (10, 200, 30), 0),
        (plain(tmp_path / "b.jpg", (200, 40, 40), kind="JPEG"), (200, 40, 40), 2),
        (plain(tmp_path / "c.webp", (9, 8, 7), kind="WEBP"), (9, 8, 7), 0),
        (plain(tmp_path / "d.tif", (70, 80, 90), kind="TIFF"), (70, 80, 90), 0),
        (plain(tmp_path / "e.bmp", (90, 80, 70), kind="BMP"), (90, 80, 70), 0),
        (packed, (20, 10, 200), 0), (touched, (51, 102, 153), 0), (generated, (255, 0, 255), 0),
        (painted("Linear", (0.18, 0.002, 4.0, 1.0), float_buffer=True), (118, 7, 255), 1),
        (painted("Height", (0.5, 0.25, 0.0, 1.0), float_buffer=True, is_data=True), (128, 64, 0), 1),
        (viewed, (137, 137, 137), 1),                           # half of 0.5 is shown
        (sequence(tmp_path / "frames", {2: (2, 2, 2), 3: (3, 130, 3), 4: (4, 4, 4)}), (3, 130, 3), 0),
        (bpy.data.images.load(str(write(tmp_path / "cut.png", cut))), (200, 100, 0), 0),
        (plain(tmp_path / "large.png", (5, 60, 250), (3840, 2160)), (5, 60, 250), 0),
        (painted("Half Clear", (0.0, 0.0, 0.0, 0.5)), (128, 128, 128), 1),
        (bpy.data.images["Render Result"], (0, 188, 0), 1),     # half as bright by the exposure
    ]
    roles = ([*ROLES] * 3)[:16]
    for (image, _, _), role in zip(given, roles, strict=True):
        add_image(settings, image, role)
    settings.references[2].words = "its thick outlines"
    settings.references[4].role, settings.references[4].words = "words", "the sign above the door"
    assert len(shown_references(settings)) == 16
    before = [tuple(image.pixels[:4]) for image, _, _ in given if image.type != 'RENDER_RESULT']
    prompt, sent = send(server)

    assert len(sent) == 16
    for (image, color, near), rows in zip(given, sent, strict=True):
        assert np.abs(rows[5, 5].astype(int) - color).max() <= near, (image.name, rows[5, 5])
    assert (sent[12][5, 60] == 255).all()                       # clear is white, whatever color lies under it
    assert sent[13].shape == (928, 1649, 3)                     # 1508 patches, as the service would make of it: api.md, section 2
    assert sent[15].shape == (32, 48, 3) and all(rows.shape == (48, 64, 3) for i, rows in enumerate(sent) if i not in (13, 15))
    told = re.findall(r"(\d+)\. (.*?)(?=; \d+\. |\.$)", prompt.rpartition("in order: ")[2])
    words = {**{i: ROLES[role] for i, role in enumerate(roles, 1)}, 5: "the sign above the door"}
    words[3] += ". In particular: its thick outlines"
    assert {int(number): text for number, text in told} == words
    assert [tuple(image.pixels[:4]) for image, _, _ in given if image.type != 'RENDER_RESULT'] == before


def test_a_movie_is_sent_at_the_present_frame(tmp_path: Path, server: PracticeServer) -> None:
    scene = bpy.context.scene
    render = scene.render
    render.engine, scene.cycles.samples = 'CYCLES', 1
    render.resolution_x, render.resolution_y, render.resolution_percentage = 64, 48, 100
    scene.view_settings.view_transform = 'Standard'
    color = scene.world.node_tree.nodes["Background"].inputs["Color"]
    for obj in scene.objects:
        obj.hide_render = obj.type != 'CAMERA'
    for frame, grey in ((1, 0.0), (2, 0.25), (3, 1.0)):
        color.default_value = (grey, grey, grey, 1.0)
        color.keyframe_insert("default_value", frame=frame)
    scene.frame_start, scene.frame_end, render.filepath = 1, 3, str(tmp_path / "movie.avi")
    if "media_type" in render.image_settings.bl_rna.properties:
        render.image_settings.media_type = 'VIDEO'
    render.image_settings.file_format = 'FFMPEG'
    render.ffmpeg.format, render.ffmpeg.codec = 'AVI', 'PNG'
    bpy.ops.render.render(animation=True)
    movie = bpy.data.images.load(str(tmp_path / "movie.avi"))
    add_image(scene.gptimage, movie)
    for frame, level in ((2, 137), (3, 255), (1, 0), (9, 255)):         # 1.055 * 0.25 ** (1 / 2.4) - 0.055; the last one stays
        scene.frame_set(frame)
        _, (rows,) = send(server)
        assert abs(rows.mean() - level) <= 1, (frame, rows[0, 0])   # FFmpeg is not exact to the last bit
    textures = len(bpy.data.textures)
    (tmp_path / "movie.avi").unlink()
    with pytest.raises(InputError, match="there is no file .*movie.avi"):
        read_references(scene)
    assert len(bpy.data.textures) == textures


def test_what_is_off_is_not_sent_and_order_counts(tmp_path: Path, server: PracticeServer) -> None:
    settings = bpy.context.scene.gptimage
    colors = [(250, 0, 0), (0, 250, 0), (0, 0, 250)]
    for number, color in enumerate(colors):
        add_image(settings, plain(tmp_path / f"{number}.png", color))
    settings.references[1].use = False
    settings.reference_index = 2
    assert bpy.ops.gptimage.move_reference(step=-1) == bpy.ops.gptimage.move_reference(step=-1) == {'FINISHED'}
    assert settings.reference_index == 0
    prompt, sent = send(server)
    assert [tuple(rows[0, 0]) for rows in sent] == [colors[2], colors[0]] and "2. the style" in prompt and "3." not in prompt
    settings.use_references = False
    prompt, sent = send(server)
    assert not sent and prompt == WORDS.prompt
    assert server.requests[-1].path.endswith("/generations")
    settings.reference_index = 1
    assert bpy.ops.gptimage.remove_reference() == {'FINISHED'}
    assert [item.image.name for item in settings.references] == ["2.png", "1.png"] and settings.reference_index == 1


def test_a_missing_file_is_refused_by_its_name(tmp_path: Path, unsent: None) -> None:
    settings = bpy.context.scene.gptimage
    image = plain(tmp_path / "gone.png", (1, 1, 1))
    add_image(settings, image)
    assert shown_references(settings)[0].path == str(tmp_path / "gone.png")
    (tmp_path / "gone.png").unlink()
    image.buffers_free()
    with pytest.raises(RuntimeError, match="gone.png: there is no file .*Find Missing Files"):
        bpy.ops.gptimage.generate_reference(prompt="a castle", reference_place="image")
    bpy.ops.gptimage.read_references()
    with pytest.raises(InputError, match="gone.png has no pixels: .*gone.png"):
        shown_references(settings)
    assert not host.jobs


def test_what_has_changed_since_it_was_shown_is_not_sent(tmp_path: Path, unsent: None) -> None:
    settings = bpy.context.scene.gptimage
    image = plain(tmp_path / "a.png", (1, 1, 1))
    add_image(settings, image)
    write(tmp_path / "a.png", quarters(128, 32))
    with pytest.raises(RuntimeError, match="has 128 x 32 px now.*press the button again"):
        bpy.ops.gptimage.generate_reference(prompt="a castle", reference_place="image")
    assert bpy.ops.gptimage.generate_reference(prompt="a castle", reference_place="image") == {'FINISHED'}
    (view,) = host.jobs.values()
    (sent,) = view.job.request.images
    assert (sent.width_px, sent.height_px) == (128, 32)


def test_every_button_sends_them(cube: bpy.types.Object, tmp_path: Path, unsent: None) -> None:
    scene = bpy.context.scene
    add_image(scene.gptimage, plain(tmp_path / "a.png", (1, 1, 1)), "palette")
    bpy.ops.gptimage.generate_reference(prompt="a castle", reference_place="image")
    bpy.ops.gptimage.generate_texture(prompt="brick")
    wall = painted("Wall", (0.5, 0.5, 0.5, 1.0), size=(1024, 1024))
    with editor('IMAGE_EDITOR', image=wall):
        scene.gptimage.area = "whole"
        bpy.ops.gptimage.touch_up(prompt="ivy")
        bpy.ops.gptimage.extend_frame(prompt="ivy", extend_left=64)
        bpy.ops.gptimage.heal_seams(prompt="brick")
        bpy.ops.gptimage.vary_texture(prompt="older")
    bpy.context.view_layer.objects.active = cube
    bpy.ops.gptimage.generate_decal(prompt="a sticker")
    roles = [[picture.role for picture in view.job.request.images] for view in host.jobs.values()]
    assert roles == [["palette"], ["palette"], ["", "palette"], ["", "palette"], [""], ["", "palette"], ["palette"]]
    touched = list(host.jobs.values())[2].job.request
    assert f"1. the picture to change; 2. {ROLES['palette']}" in touched.prompt


def test_files_and_images_are_added_and_the_list_has_an_end(tmp_path: Path) -> None:
    settings = bpy.context.scene.gptimage
    for name in ("a", "b"):
        write(tmp_path / f"{name}.png")
    files = [{"name": "a.png"}, {"name": "b.png"}]
    assert bpy.ops.gptimage.add_reference(source="file", directory=str(tmp_path), files=files) == {'FINISHED'}
    assert bpy.ops.gptimage.add_reference(source="image", image="a.png", role="subject") == {'FINISHED'}
    assert [(item.image.name, item.role) for item in settings.references] == [("a.png", "style"), ("b.png", "style"), ("a.png", "subject")]
    for source, why in (("clipboard", "clipboard"), ("shown", "No image is shown")):
        with pytest.raises(RuntimeError, match=why):
            bpy.ops.gptimage.add_reference(source=source)
    with pytest.raises(RuntimeError, match="There is no image 'Nobody'"):
        bpy.ops.gptimage.add_reference(source="image", image="Nobody")
    (tmp_path / "c.png").write_text("no picture")
    for _ in range(13):
        bpy.ops.gptimage.add_reference(source="image", image="b.png")
    with pytest.raises(RuntimeError, match="At most 16"):
        bpy.ops.gptimage.add_reference(source="image", image="b.png")
    settings.references[3].image = None
    with pytest.raises(RuntimeError, match="has no picture. Choose its image"):
        bpy.ops.gptimage.generate_reference(prompt="a castle")


def test_an_opened_file_makes_nobody_read_what_lies_outside_it(tmp_path: Path) -> None:
    """A stranger's .blend may name any file of this machine."""
    secret = write(tmp_path / "secret" / "private.png")
    settings = bpy.context.scene.gptimage
    add_image(settings, bpy.data.images.load(str(secret)))
    references._read_files.clear()                              # as in a new session
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"), check_existing=False)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    settings = bpy.context.scene.gptimage
    image = settings.references[0].image
    with pytest.raises(InputError, match=f"not been read yet: {re.escape(str(secret))}$"):
        shown_references(settings)
    with pytest.raises(RuntimeError, match="Press Read Pictures"):
        bpy.ops.gptimage.generate_reference(prompt="a castle", reference_place="image")
    assert not host.jobs and not image.has_data
    assert bpy.ops.gptimage.read_references() == {'FINISHED'}
    assert shown_references(settings)[0].path == str(secret)


PANELS = {"texture": "GPTIMAGE_PT_texture", "reference": "GPTIMAGE_PT_reference", "touch_up": "GPTIMAGE_PT_touch_up",
          "extend": "GPTIMAGE_PT_extend", "heal": "GPTIMAGE_PT_image_surface", "vary": "GPTIMAGE_PT_image_change", "maps": "GPTIMAGE_PT_image_maps",
          "decal": "GPTIMAGE_PT_decal"}


@pytest.fixture
def measures(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sidebar of 300 pixels: without a screen its width is 1 and Blender's interface scale 0."""
    monkeypatch.setattr(status, "sidebar_px", lambda: 300.0)


def panel_of(kind: str) -> Layout:
    panel, layout = getattr(bpy.types, PANELS.get(kind, kind)), Layout()
    panel.draw(SimpleNamespace(layout=layout, **{name: getattr(panel, name) for name in dir(panel) if name.startswith("_draw_")}), bpy.context)
    return layout


def sheet(kind: str) -> Layout:
    """The sheet that the button beside the panel's price opens."""
    (button,) = [button for name, button in panel_of(kind).buttons if name == "gptimage.show_sent"]
    layout = Layout()
    GPTIMAGE_OT_show_sent.draw(SimpleNamespace(place=button.place, layout=layout, bl_label="What Will Be Sent"), bpy.context)
    return layout


@pytest.mark.parametrize("kind", PANELS)
def test_the_sheet_shows_what_is_then_sent(kind: str, tmp_path: Path, unsent: None, measures: None) -> None:
    settings = bpy.context.scene.gptimage
    settings.prompt, settings.quality, settings.area, settings.extend_left = "ivy; on a wall", "low", "whole", 64
    settings.maps = {"normal"}
    add_image(settings, plain(tmp_path / "a.png", (1, 1, 1), (3840, 2160)), "subject")
    add_image(settings, bpy.data.images.new("Inside", 64, 48), "palette").words = "only its greens"
    wall = painted("Wall", (0.5, 0.5, 0.5, 1.0), size=(1024, 1024))
    button = {"texture": bpy.ops.gptimage.generate_texture, "reference": bpy.ops.gptimage.generate_reference,
              "touch_up": bpy.ops.gptimage.touch_up, "extend": bpy.ops.gptimage.extend_frame, "heal": bpy.ops.gptimage.heal_seams, "vary": bpy.ops.gptimage.vary_texture,
              "maps": bpy.ops.gptimage.ask_maps, "decal": bpy.ops.gptimage.generate_decal}[kind]
    with editor('IMAGE_EDITOR', image=wall):
        shown = sheet(kind)
        assert button() == {'FINISHED'}
    (view,) = host.jobs.values()
    request = view.job.request
    assert " ".join(request.prompt.split()) in shown.text
    assert f"{request.model}, {request.size.replace('x', ' x ')} px, quality low, PNG" in shown.text
    assert "the practice service on this machine" in shown.text
    told = [text for text in shown.texts if re.match(r"\d+\. .*(Inside|a\.png|Wall)", text)]
    assert told == [f"{number}. {picture.name}" + f", {picture.role}" * bool(picture.role) for number, picture in enumerate(request.images, 1)]
    sizes = [text.partition(" px, $")[0] for text in shown.texts if " px, $" in text]
    assert sizes == [f"{picture.width_px} x {picture.height_px}" for picture in request.images]
    if kind not in ("heal", "maps"):
        assert "1649 x 928" in sizes and "64 x 48" in sizes             # 1508 and 768 patches at $8 a million
        assert "1649 x 928 px, $0.0121" in shown.texts and "64 x 48 px, $0.0061" in shown.texts
        assert str(tmp_path / "a.png") in shown.text and "In this .blend" in shown.texts
    assert ("With the mask" in shown.text) == (request.mask is not None)
    price = next(text for text in shown.texts if text.startswith("Free. Would have cost $"))
    assert float(price.rpartition("$")[2]) == pytest.approx(view.job.estimate_usd, abs=5e-5)


def test_sets_and_turnarounds_have_a_sheet_too(tmp_path: Path, unsent: None, measures: None) -> None:
    settings = bpy.context.scene.gptimage
    settings.prompt, settings.quality, settings.one_sheet, settings.views = "a robot", "low", False, {"front", "back"}
    settings.grid_qualities = {"low", "medium", "high"}
    add_image(settings, plain(tmp_path / "a.png", (1, 1, 1)), "style")
    for name, button in (("GPTIMAGE_PT_turnaround", bpy.ops.gptimage.generate_turnaround), ("GPTIMAGE_PT_playground", bpy.ops.gptimage.generate_grid)):
        before = set(host.jobs)
        with editor('IMAGE_EDITOR'):
            shown = sheet(name)
            assert button() == {'FINISHED'}
        requests = [view.job.request for key, view in host.jobs.items() if key not in before and view.job.kind != "sheet"]
        assert len(requests) == {"GPTIMAGE_PT_turnaround": 2, "GPTIMAGE_PT_playground": 3}[name]
        for request in requests:
            assert " ".join(request.prompt.split()) in shown.text and f"quality {request.quality}" in shown.text
        assert sum("a.png, style" in text for text in shown.texts) == len(requests)


def test_the_sheet_names_the_address_and_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, measures: None) -> None:
    settings = bpy.context.scene.gptimage
    settings.prompt = "a castle"
    for service, image, address in (
        (Service(ServiceKind.OPENAI), None, "https://api.openai.com/v1/images/generations, with your API key"),
        (Service(ServiceKind.COMPATIBLE, "http://10.0.0.7:8080/v1/"), "a.png", "http://10.0.0.7:8080/v1/images/edits, with your API key"),
    ):
        if image:
            add_image(settings, plain(tmp_path / image, (1, 1, 1)))
        monkeypatch.setattr(status, "read_service", lambda service=service: service)
        assert f"To: {address}" in sheet("reference").text
    settings.references[0].image = None
    refused = panel_of("reference")                             # what cannot be sent has no sheet: the panel says why
    assert "A reference has no picture" in refused.text and "gptimage.show_sent" not in dict(refused.buttons)


def test_udim_images_are_refused(tmp_path: Path) -> None:
    image = bpy.data.images.new("Tiles", 8, 8, tiled=True)
    with pytest.raises(InputError, match="Tiles is a UDIM image") as refused:
        sources.present_source(image, bpy.context.scene)
    assert refused.value.field == "references"


def test_a_file_that_is_what_is_wanted_goes_as_it_is(tmp_path: Path, server: PracticeServer) -> None:
    data = encode(quarters(1536, 1024), "JPEG")
    (tmp_path / "a.jpg").write_bytes(data)
    add_image(bpy.context.scene.gptimage, bpy.data.images.load(str(tmp_path / "a.jpg")))
    send(server)
    assert server.requests[-1].files[0].data == data and server.requests[-1].files[0].mime == "image/jpeg"


# --- series -----------------------------------------------------------------------------------------------

def made(server: PracticeServer, **words: object) -> bpy.types.Image:
    """The image of a reference that is made with the scene's pictures, landed."""
    planned = plan_reference(WORDS._replace(**words), compatible(server), Landing(place=Place.IMAGE), read_references(bpy.context.scene))
    host.submit(planned.job, planned.inputs)
    assert host.wait(60)
    return image_of(host.jobs[planned.job.id])


def test_a_series_is_continued_from_its_first_and_its_last_picture(tmp_path: Path, server: PracticeServer) -> None:
    scene = bpy.context.scene
    add_image(scene.gptimage, plain(tmp_path / "style.png", (1, 2, 3)))
    first = made(server, prompt="a robot")
    series = [first]
    for turn in ("from behind", "sitting", "asleep"):
        assert bpy.ops.gptimage.continue_result(image=series[-1].name) == {'FINISHED'}
        series.append(made(server, prompt=turn))
        sent = [decode(file.data, "RGB") for file in server.requests[-1].files]
        pictures = [decode(bytes(image.packed_file.data), "RGB") for image in ([first] if len(series) > 2 else []) + [series[-2]]]
        assert len(sent) == len(pictures) + 1
        assert all(np.array_equal(one, two) for one, two in zip(sent, pictures, strict=False)) and (sent[-1] == (1, 2, 3)).all()
        prompt = str(server.requests[-1].fields["prompt"])
        assert prompt.startswith(turn) and ("1. the first picture of this series" in prompt) == (len(series) > 2)
        assert f"{len(pictures)}. the latest picture of this series" in prompt and f"{len(sent)}. the style" in prompt
    entries = [images.history_entry(image) for image in series]
    assert [images.provenance(image)["chain"].split() for image in series] == [entries[:i] for i in range(4)]
    last = list(host.jobs.values())[-1].job
    assert last.parents == (entries[0], entries[2]) and last.chain == tuple(entries[:3])

    # The first is gone: the last goes along alone, and the series stays one.
    bpy.data.images.remove(first)
    assert bpy.ops.gptimage.continue_result(image=series[-1].name) == {'FINISHED'}
    assert [reference.role for reference in shown_references(scene.gptimage)] == ["continued", "style"]
    assert images.provenance(made(server, prompt="awake"))["chain"].split() == entries
    with pytest.raises(RuntimeError, match="no generated picture"):
        bpy.ops.gptimage.continue_result(image="style.png")
    assert scene.gptimage.continued == series[-1]               # what is refused changes nothing
    assert bpy.ops.gptimage.continue_result(stop=True) == {'FINISHED'}
    assert [reference.role for reference in shown_references(scene.gptimage)] == ["style"]
    with pytest.raises(RuntimeError, match="no generated picture"):
        bpy.ops.gptimage.continue_result(image="style.png")


def test_a_touched_up_result_stays_in_its_series(server: PracticeServer) -> None:
    first = made(server, prompt="a robot")
    source = sources.image_source(first)
    mask = np.zeros((first.size[1], first.size[0]), np.float32)
    mask[100:300, 100:300] = 1
    service = compatible(server)
    bpy.ops.gptimage.continue_result(image=first.name)
    (planned,) = plan_touch_up(WORDS, service, source, split(mask, WORDS, service, Framing()), Landing(place=Place.IMAGE),
                               references=read_references(bpy.context.scene, touch_up=True))
    assert [picture.name for picture in planned.job.request.images] == [first.name]         # its own picture, no other
    assert planned.job.chain == (images.history_entry(first),)


def test_input_fidelity_is_for_models_that_have_it(tmp_path: Path, server: PracticeServer) -> None:
    settings = bpy.context.scene.gptimage
    settings.prompt, settings.input_fidelity = "a castle", "high"
    assert read_settings(settings).input_fidelity == ""                 # the panel offers it for a server's own models only
    settings.model, settings.custom_model = "CUSTOM", "gpt-image-1.5"
    words = read_settings(settings)
    assert words.input_fidelity == "high"
    add_image(settings, plain(tmp_path / "a.png", (1, 2, 3)))
    given = read_references(bpy.context.scene)
    for references_given, sent in ((given, "high"), ((), "")):          # without pictures it means nothing
        assert plan_reference(words, compatible(server), Landing(place=Place.IMAGE), references_given).job.request.input_fidelity == sent
    with pytest.raises(InputError, match="no input fidelity setting"):
        plan_reference(words._replace(model="gpt-image-2"), Service(), Landing(place=Place.IMAGE), given)


def test_an_asset_s_preview_is_read_and_one_that_is_not_chosen_is_refused() -> None:
    material = bpy.data.materials.new("Brass")
    material.asset_mark()
    material.preview_ensure().image_size = (4, 2)
    rows = [[(0.2, 0.4, 0.6, 1.0)] * 4, [(1.0, 0.0, 0.0, 0.5)] * 4]
    material.preview.image_pixels_float.foreach_set([part for row in rows for pixel in row for part in pixel])
    picture = preview_of(material)
    assert picture.shape == (2, 4, 4)
    assert picture[1, 0].tolist() == [51, 102, 153, 255] and picture[0, 0, :3].tolist() == [255, 0, 0]      # rows from the top
    with pytest.raises(RuntimeError, match="Open one and choose an asset there"):
        bpy.ops.gptimage.add_reference(source="asset")
    with pytest.raises(InputError, match="no preview"):
        preview_of(bpy.data.materials.new("Plain"))
