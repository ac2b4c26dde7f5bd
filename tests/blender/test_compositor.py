# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Touch-ups in the compositor, on real renders: seen again through the scene's view they are what was accepted, and
outside their area the render's floats are the same bits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import bpy
import numpy as np
import pytest

from gptimage_addon.blender import compat, images
from gptimage_addon.blender.compositor import GROUP_NAME, add_layer, layers, remove_layer
from gptimage_addon.blender.sources import render_source
from gptimage_addon.core.errors import InputError
from tests.support.pictures import decode, encode

WIDTH, HEIGHT = 96, 64
ROWS, COLUMNS = np.mgrid[0:HEIGHT, 0:WIDTH]
AREA = np.hypot((ROWS - 30) * 1.3, COLUMNS - 44) < 24          # rows from the top


class Picture(NamedTuple):
    """A finished render, rows from the top: what the artist sees, uint8 RGB, and float32 RGBA of scene-linear light."""

    seen: np.ndarray
    light: np.ndarray


def views() -> list[str]:
    """The view transforms of this Blender that a picture can be judged in."""
    settings, found = bpy.context.scene.view_settings, []
    before = settings.view_transform
    for view in ("Standard", "AgX", "Filmic", "Khronos PBR Neutral", "ACES 1.3", "ACES 2.0"):
        try:
            settings.view_transform = view
        except TypeError:               # the ACES views came with 5.0
            continue
        found.append(view)
    settings.view_transform = before
    return found


@pytest.fixture
def scene() -> bpy.types.Scene:
    """Shiny and dull things in saturated colors, lit by colored lamps up to far above display white."""
    scene = bpy.context.scene
    for obj in list(scene.objects):
        if obj.type != 'CAMERA':
            bpy.data.objects.remove(obj)
    scene.render.engine = 'CYCLES'
    cycles = scene.cycles
    cycles.samples, cycles.seed, cycles.use_denoising, cycles.use_adaptive_sampling = 4, 7, False, False
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = WIDTH, HEIGHT, 100
    scene.camera.location, scene.camera.rotation_euler = (0, -9, 2.5), (1.35, 0, 0)
    thing(scene, "Floor", (0, 0, -1), 12, (0.35, 0.3, 0.22))
    thing(scene, "Night", (0.8, 4, -1), 1.2, (0.002, 0.002, 0.003))
    for x, (color, strength) in enumerate((
        ((1, 0.02, 0.01), 60), ((0.02, 1, 0.05), 4), ((0.01, 0.05, 1), 15), ((1, 0.7, 0.3), 200), ((1, 1, 1), 1))):
        thing(scene, f"Lamp {x}", (1.5 * x - 3, 0.4 * x, 0.6 * (x % 3)), 0.5, color, strength)
    return scene


def thing(scene: bpy.types.Scene, name: str, place: tuple[float, ...], size: float, color: tuple[float, ...],
          strength: float = 0.0) -> None:
    """A cube, or for the floor a square."""
    corners = [(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in ((0,) if size > 10 else (-1, 1))]
    faces = [(0, 1, 3, 2)] if size > 10 else [
        (0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata([tuple(size * c for c in corner) for corner in corners], [], faces)
    obj = bpy.data.objects.new(name, mesh)
    obj.location = place
    material = bpy.data.materials.new(name)
    shader = compat.enable_nodes(material).nodes["Principled BSDF"].inputs
    shader["Base Color"].default_value = (*color, 1)
    shader["Emission Color"].default_value, shader["Emission Strength"].default_value = (*color, 1), strength
    mesh.materials.append(material)
    scene.collection.objects.link(obj)


def render(scene: bpy.types.Scene) -> Picture:
    """Rendered anew."""
    bpy.ops.render.render(scene=scene.name)
    seen = decode(render_source(scene).data, "RGB")
    settings = scene.render.image_settings
    before = settings.file_format, settings.color_mode, settings.color_depth
    settings.file_format, settings.color_mode, settings.color_depth = 'OPEN_EXR', 'RGBA', '32'
    path = Path(bpy.app.tempdir, "linear.exr")
    bpy.data.images["Render Result"].save_render(str(path), scene=scene)
    settings.file_format, settings.color_mode, settings.color_depth = before
    image = bpy.data.images.load(str(path))
    light = np.empty(image.size[0] * image.size[1] * 4, np.float32)
    image.pixels.foreach_get(light)
    width, height = image.size
    bpy.data.images.remove(image)
    return Picture(seen, light.reshape(height, width, 4)[::-1])


def other_colors(scene: bpy.types.Scene) -> np.ndarray:
    """What another render of the scene shows: plausible under its view, from dark to blown out."""
    moved = {obj: obj.location.copy() for obj in scene.objects}
    for obj, place in moved.items():
        if obj.name.startswith("Lamp"):
            obj.location = (-place.x, place.y - 2.0, place.z + 0.3)
    seen = render(scene).seen
    for obj, place in moved.items():
        obj.location = place
    return seen


def random_colors() -> np.ndarray:
    """Any sRGB colors, most of them far more saturated than what a view makes of light."""
    return np.random.default_rng(5).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def patch(colors: np.ndarray, tmp_path: Path, area: np.ndarray = AREA) -> bpy.types.Image:
    """The accepted colors as a file brings them: transparent, and in other colors, where nothing could change."""
    rows = np.dstack((np.where(area[..., None], colors, 99), area * 255)).astype(np.uint8)
    path = tmp_path / "patch.png"
    path.write_bytes(encode(rows))
    return images.adopt_picture(path, "Ivy")


def assert_landed(before: Picture, after: Picture, colors: np.ndarray, area: np.ndarray = AREA) -> None:
    assert (after.seen[~area] == before.seen[~area]).all()
    assert after.light[~area].tobytes() == before.light[~area].tobytes()
    difference = np.abs(after.seen[area].astype(int) - colors[area])
    assert difference.mean() <= 1.0


def same(one: Picture, other: Picture) -> bool:
    return one.light.tobytes() == other.light.tobytes() and one.seen.tobytes() == other.seen.tobytes()


def state(scene: bpy.types.Scene) -> tuple[object, ...]:
    """All that a landing could change in the file."""
    tree, settings = compat.compositor(scene), scene.render.image_settings      # before 5.0 a scene keeps its empty tree
    return (
        {kind: set(getattr(bpy.data, kind).keys()) for kind in ("images", "node_groups", "scenes", "materials")},
        [(owner.name, key, getattr(owner, key)) if hasattr(owner, "name") else (key, getattr(owner, key))
         for owner, key in compat.compositor_switches(scene)],
        nodes_and_links(tree) if tree and tree.nodes else None,
        [getattr(settings, key) for key in (*compat.STILL_MEDIA, "file_format", "color_mode", "color_depth", "compression",
                                            "exr_codec", "color_management")],
        scene.view_settings.view_transform, scene.view_settings.look, scene.render.dither_intensity,
    )


def nodes_and_links(tree: bpy.types.NodeTree) -> tuple[object, ...]:
    return ({node.name: (node.bl_idname, tuple(node.location), node.mute, node.parent and node.parent.name)
             for node in tree.nodes}, links(tree))


def links(tree: bpy.types.NodeTree) -> set[tuple[str, ...]]:
    return {(link.from_node.name, link.from_socket.identifier, link.to_node.name, link.to_socket.identifier, link.is_muted)
            for link in tree.links}


# --- the promise ----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("view", views())
def test_the_view_shows_what_was_accepted_and_all_else_is_the_renders_own(
    scene: bpy.types.Scene, tmp_path: Path, view: str,
) -> None:
    scene.view_settings.view_transform = view
    before, colors = render(scene), other_colors(scene)
    assert before.light.max() > 50 and np.ptp(colors[AREA]) > 200
    add_layer(scene, patch(colors, tmp_path), "Ivy")
    assert_landed(before, render(scene), colors)


@pytest.mark.parametrize("view", views())
def test_colors_that_the_view_cannot_show_are_refused_and_no_others(
    scene: bpy.types.Scene, tmp_path: Path, view: str,
) -> None:
    """AgX has no saturated colors near display white, so most random ones are none that it could show."""
    scene.view_settings.view_transform = view
    before, colors = render(scene), random_colors()
    if view == "AgX":
        image = patch(colors, tmp_path)
        untouched = state(scene)
        with pytest.raises(InputError, match="AgX cannot show these colors") as refused:
            add_layer(scene, image, "Ivy")
        assert refused.value.field == "layer" and "image" in refused.value.hint
        assert state(scene) == untouched
        assert not image.is_float and layers(scene) == []
        return
    add_layer(scene, patch(colors, tmp_path), "Ivy")
    assert_landed(before, render(scene), colors)


def look(name: str) -> Callable[[bpy.types.Scene], None]:
    def change(scene: bpy.types.Scene) -> None:
        scene.view_settings.look = name
    return change


def curves(scene: bpy.types.Scene) -> None:
    scene.view_settings.use_curve_mapping = True
    mapping = scene.view_settings.curve_mapping
    mapping.curves[3].points.new(0.25, 0.18)
    mapping.curves[0].points.new(0.5, 0.6)
    mapping.update()


def white_balance(scene: bpy.types.Scene) -> None:
    scene.view_settings.use_white_balance, scene.view_settings.white_balance_temperature = True, 4300


def exposure(scene: bpy.types.Scene) -> None:
    scene.view_settings.exposure = -4.0


def gamma(scene: bpy.types.Scene) -> None:
    scene.view_settings.gamma = 1.3


def wide_display(scene: bpy.types.Scene) -> None:
    scene.display_settings.display_device = 'Display P3'


ALTERED = {
    "punchy": ("AgX", look("AgX - Punchy")), "contrast": ("AgX", look("AgX - Very High Contrast")),
    "grey": ("AgX", look("AgX - Greyscale")), "low": ("Standard", look("Very Low Contrast")), "gamma": ("Filmic", gamma),
    "curves": ("AgX", curves), "exposure": ("AgX", exposure), "exposure-pbr": ("Khronos PBR Neutral", exposure),
    "p3": ("AgX", wide_display),
}
if hasattr(bpy.context.scene.view_settings, "use_white_balance"):       # came with 4.3
    ALTERED["white"] = "AgX", white_balance


@pytest.mark.parametrize(("view", "change"), ALTERED.values(), ids=ALTERED)
def test_what_the_view_does_besides_is_inverted_too(
    scene: bpy.types.Scene, tmp_path: Path, view: str, change: Callable[[bpy.types.Scene], None],
) -> None:
    scene.view_settings.view_transform = view
    plain = render(scene)
    change(scene)
    before, colors = render(scene), other_colors(scene)
    assert scene.view_settings.view_transform == view and (plain.seen != before.seen).any()
    add_layer(scene, patch(colors, tmp_path), "Ivy")
    assert_landed(before, render(scene), colors)


def test_a_view_without_inverse_is_refused_and_named(scene: bpy.types.Scene, tmp_path: Path) -> None:
    colors = other_colors(scene)
    for view, name, named in (("False Color", "None", "False Color"),
                              ("AgX", "AgX - Greyscale", "AgX with the look AgX - Greyscale")):
        scene.view_settings.view_transform, scene.view_settings.look = view, name
        image = patch(colors, tmp_path)
        untouched = state(scene)
        with pytest.raises(InputError, match=f"^{named} cannot show these colors") as refused:
            add_layer(scene, image, "Ivy")
        assert refused.value.field == "layer" and state(scene) == untouched and layers(scene) == []


def test_the_files_own_working_space_is_kept_to(scene: bpy.types.Scene, tmp_path: Path) -> None:
    if not hasattr(bpy.data, "colorspace"):
        pytest.skip("the working space can be chosen from Blender 5.0 on")
    assert bpy.ops.wm.set_working_color_space(working_space="ACEScg") == {'FINISHED'}
    before, colors = render(scene), other_colors(scene)
    add_layer(scene, patch(colors, tmp_path), "Ivy")
    assert_landed(before, render(scene), colors)


def test_the_outputs_own_settings_are_neither_used_nor_changed(scene: bpy.types.Scene, tmp_path: Path) -> None:
    before, colors = render(scene), other_colors(scene)
    image = patch(colors, tmp_path)
    settings = scene.render.image_settings
    for key, value in compat.STILL_MEDIA.items():
        setattr(settings, key, value.replace('IMAGE', 'VIDEO'))
    settings.file_format = 'FFMPEG'
    settings.color_management = 'OVERRIDE'
    settings.view_settings.view_transform = 'Raw'
    kept = [getattr(settings, key) for key in (*compat.STILL_MEDIA, "file_format", "color_mode", "color_management")]
    add_layer(scene, image, "Ivy")
    assert kept == [getattr(settings, key) for key in (*compat.STILL_MEDIA, "file_format", "color_mode", "color_management")]
    settings.color_management = 'FOLLOW_SCENE'
    for key, value in compat.STILL_MEDIA.items():
        setattr(settings, key, value)
    settings.file_format = 'PNG'
    assert_landed(before, render(scene), colors)


def test_a_transparent_render_keeps_its_alpha(scene: bpy.types.Scene, tmp_path: Path) -> None:
    def saved_alpha() -> np.ndarray:
        return decode(render_source(scene).data)[..., 3]

    bpy.data.objects.remove(scene.objects["Floor"])
    scene.render.film_transparent = True
    before, saved = render(scene), saved_alpha()
    alpha, colors = before.light[..., 3], other_colors(scene)
    soft = AREA & (alpha > 0) & (alpha < 1)
    assert (alpha[AREA] == 0).any() and soft.any() and (alpha[AREA] == 1).any() and (alpha[~AREA] == 0).any()
    layer = add_layer(scene, patch(colors, tmp_path), "Ivy")
    after = render(scene)
    assert after.light[..., 3].tobytes() == alpha.tobytes() and (saved_alpha() == saved).all()
    assert_landed(before, after, np.where((saved > 0)[..., None], colors, after.seen))
    assert np.abs(after.seen.astype(int) - colors)[soft & (saved > 60)].mean() <= 1.0
    assert not after.light[AREA & (alpha == 0)].any()
    # At half mix, halfway between the render and the touch-up, both as light that covers as much as the render does.
    layer.mix.default_value = 0.5
    np.testing.assert_allclose(render(scene).light, (before.light + after.light) / 2, rtol=1e-5, atol=1e-6)


def test_rendered_again_after_a_change_the_touch_up_is_the_same(scene: bpy.types.Scene, tmp_path: Path) -> None:
    colors = other_colors(scene)
    add_layer(scene, patch(colors, tmp_path), "Ivy")
    first = render(scene)
    scene.objects["Lamp 1"].location.x += 1.0
    second = render(scene)
    assert second.light[AREA].tobytes() == first.light[AREA].tobytes()
    assert (second.light[~AREA] != first.light[~AREA]).any()
    assert_landed(Picture(second.seen, second.light), second, colors)


def test_a_saved_file_keeps_it_without_a_path_of_this_machine(scene: bpy.types.Scene, tmp_path: Path) -> None:
    colors = other_colors(scene)
    add_layer(scene, patch(colors, tmp_path), "Ivy")
    before = render(scene)
    blend = tmp_path / "house.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(blend), check_existing=False)
    assert layers(scene)[0].image.filepath_raw == "//textures/Ivy.exr"
    written = blend.read_bytes()
    assert bpy.app.tempdir.encode() not in written and str(tmp_path / "patch.png").encode() not in written
    (tmp_path / "patch.png").unlink()
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.ops.wm.open_mainfile(filepath=str(blend))
    reopened = bpy.context.scene
    assert same(render(reopened), before)
    assert [layer.label for layer in layers(reopened)] == ["Ivy"]
    remove_layer(reopened, "Ivy")
    assert (render(reopened).seen[AREA] != before.seen[AREA]).any()


# --- layers ---------------------------------------------------------------------------------------------------

def test_a_layer_is_turned_off_and_mixed(scene: bpy.types.Scene, tmp_path: Path) -> None:
    plain = render(scene)
    layer = add_layer(scene, patch(other_colors(scene), tmp_path), "Ivy")
    full = render(scene)
    layer.node.mute = True
    assert same(render(scene), plain)
    layer.node.mute = False
    layer.mix.default_value = 0.0
    assert same(render(scene), plain)
    layer.mix.default_value = 0.5
    np.testing.assert_allclose(render(scene).light, (plain.light + full.light) / 2, rtol=1e-5)


def test_layers_lie_over_each_other_are_listed_moved_and_removed_one_by_one(scene: bpy.types.Scene, tmp_path: Path) -> None:
    plain, colors = render(scene), other_colors(scene)
    untouched = state(scene)[1:]
    right = COLUMNS > 40
    add_layer(scene, patch(colors, tmp_path), "Ivy")
    add_layer(scene, patch(colors[::-1], tmp_path, right), "Ivy")
    add_layer(scene, patch(colors, tmp_path, ROWS < 3), "Sky")
    assert [layer.label for layer in layers(scene)] == ["Ivy", "Ivy.001", "Sky"]
    assert len({layer.name for layer in layers(scene)}) == 3
    assert len(groups()) == 1

    def shows(rows: np.ndarray, wanted: np.ndarray) -> bool:
        return np.abs(render(scene).seen[rows].astype(int) - wanted[rows]).mean() <= 1.0

    assert shows(right & (ROWS >= 3), colors[::-1]) and shows(AREA & ~right, colors)
    layers(scene)[1].node.mute = True
    assert shows(AREA & (ROWS >= 3), colors)
    layers(scene)[1].node.mute = False
    remove_layer(scene, layers(scene)[0].name)
    assert [layer.label for layer in layers(scene)] == ["Ivy.001", "Sky"]
    assert shows(right & (ROWS >= 3), colors[::-1])
    for layer in layers(scene):
        remove_layer(scene, layer.name)
    assert layers(scene) == [] and groups() == [] and same(render(scene), plain)
    assert state(scene)[1:] == untouched


def groups() -> list[bpy.types.NodeTree]:
    return [tree for tree in bpy.data.node_groups if tree.name.startswith(GROUP_NAME)]


def test_the_picture_keeps_its_place_when_the_resolution_changes(scene: bpy.types.Scene, tmp_path: Path) -> None:
    layer = add_layer(scene, patch(other_colors(scene), tmp_path), "Ivy")
    scene.render.resolution_percentage = 200
    large = render(scene)
    layer.node.mute = True
    changed = (large.light != render(scene).light).any(axis=2)
    inside = np.repeat(np.repeat(AREA, 2, axis=0), 2, axis=1)
    assert changed[inside].mean() > 0.97 and changed[~inside].mean() < 0.03


def test_a_cropped_render_is_touched_up_in_its_crop(scene: bpy.types.Scene, tmp_path: Path) -> None:
    frame = scene.render
    frame.use_border = frame.use_crop_to_border = True
    frame.border_min_x, frame.border_max_x, frame.border_min_y, frame.border_max_y = 0.2, 0.81, 0.3, 0.9
    before, colors = render(scene), other_colors(scene)
    height, width = before.seen.shape[:2]
    area = AREA[:height, :width]
    assert (width, height) != (WIDTH, HEIGHT)
    add_layer(scene, patch(colors, tmp_path, area), "Ivy")
    assert_landed(before, render(scene), colors, area)


def test_a_layer_that_is_not_there_cannot_be_removed(scene: bpy.types.Scene, tmp_path: Path) -> None:
    untouched = state(scene)
    with pytest.raises(InputError, match="no layer 'Ivy'"):
        remove_layer(scene, "Ivy")
    assert state(scene) == untouched
    add_layer(scene, patch(other_colors(scene), tmp_path), "Sky")
    with pytest.raises(InputError, match="no layer 'Group Output'"):
        remove_layer(scene, "Group Output")


def test_a_patch_without_area_or_in_more_than_8_bits_is_refused(scene: bpy.types.Scene, tmp_path: Path) -> None:
    untouched = state(scene)[1:]
    with pytest.raises(InputError, match="touch-up is empty"):
        add_layer(scene, patch(random_colors(), tmp_path, ROWS < 0), "Ivy")
    deep = bpy.data.images.new("Deep", WIDTH, HEIGHT, alpha=True, float_buffer=True)
    with pytest.raises(InputError, match="Deep has more than 8 bits"):
        add_layer(scene, deep, "Ivy")
    assert state(scene)[1:] == untouched


def test_a_patch_of_another_shape_is_refused(scene: bpy.types.Scene, tmp_path: Path) -> None:
    image = patch(random_colors(), tmp_path)
    scene.render.resolution_x = 120
    with pytest.raises(InputError, match="96 x 64 pixels, the render 120 x 64"):
        add_layer(scene, image, "Ivy")
    scene.render.use_border = scene.render.use_crop_to_border = True
    scene.render.border_max_x = 0.5
    with pytest.raises(InputError, match="96 x 64 pixels, the render 60 x 64"):
        add_layer(scene, image, "Ivy")
    assert layers(scene) == []


# --- the artist's compositor ----------------------------------------------------------------------------------

def artists_tree(scene: bpy.types.Scene) -> bpy.types.NodeTree:
    """Render Layers, a glow that is muted, an exposure, the output; a viewer hangs on the exposure. All in a frame."""
    tree = compat.make_compositor(scene)
    compat.make_output(tree)
    frame = tree.nodes.new('NodeFrame')
    (result,), _ = compat.compositor_outputs(tree)
    source, glow, brighter, viewer = (
        tree.nodes.new(f"CompositorNode{kind}") for kind in ("RLayers", "Blur", "Exposure", "Viewer"))
    glow.mute = True
    brighter.inputs["Exposure"].default_value = 0.4
    for place, (one, other) in enumerate((
        (source.outputs[0], glow.inputs[0]), (glow.outputs[0], brighter.inputs[0]), (brighter.outputs[0], result),
        (brighter.outputs[0], viewer.inputs[0]))):
        tree.links.new(one, other)
        one.node.location = (200 * place, 30)
    result.node.location = (900, 0)
    result.node.parent = brighter.parent = frame
    return tree


def test_the_artists_nodes_and_links_stay_but_for_the_one_into_the_output(scene: bpy.types.Scene, tmp_path: Path) -> None:
    tree = artists_tree(scene)
    untouched, before, colors = state(scene)[1:], render(scene), other_colors(scene)
    nodes, old = nodes_and_links(tree)
    add_layer(scene, patch(colors, tmp_path), "Ivy")
    assert_landed(before, render(scene), colors)
    now, new = nodes_and_links(tree)
    (added,) = set(now) - set(nodes)
    assert {name: now[name] for name in nodes} == nodes
    assert len(old - new) == 1 and len(new - old) == 2
    assert all(added in link for link in new - old)
    remove_layer(scene, "Ivy")
    assert state(scene)[1:] == untouched and same(render(scene), before)


def test_the_group_is_found_whatever_the_artist_does_with_it(scene: bpy.types.Scene, tmp_path: Path) -> None:
    tree = artists_tree(scene)
    before, colors = render(scene), other_colors(scene)
    add_layer(scene, patch(colors, tmp_path), "Ivy")
    (group,) = groups()
    group.name = "Paintwork"
    node = next(node for node in tree.nodes if getattr(node, "node_tree", None) == group)
    node.name = node.label = "Mine"
    node.location = (0, 900)
    bpy.data.node_groups.new(GROUP_NAME, 'CompositorNodeTree')      # an artist's own by this name
    layers(scene)[0].node.label = "Wall"
    assert [layer.label for layer in layers(scene)] == ["Wall"]
    # Behind it comes another node, and then all is grouped.
    inverse = tree.nodes.new('CompositorNodeExposure')
    (link,) = node.outputs[0].links
    end = link.to_socket
    tree.links.new(inverse.outputs[0], end)
    tree.links.new(node.outputs[0], inverse.inputs[0])
    outer = bpy.data.node_groups.new("Finish", 'CompositorNodeTree')
    for in_out in ('INPUT', 'OUTPUT'):
        outer.interface.new_socket("Image", in_out=in_out, socket_type='NodeSocketColor')
    inner = outer.nodes.new('CompositorNodeGroup')
    inner.node_tree = group
    outer.links.new(outer.nodes.new('NodeGroupInput').outputs[0], inner.inputs[0])
    outer.links.new(inner.outputs[0], outer.nodes.new('NodeGroupOutput').inputs[0])
    source = node.inputs[0].links[0].from_socket
    tree.nodes.remove(node)
    finish = tree.nodes.new('CompositorNodeGroup')
    finish.node_tree = outer
    tree.links.new(source, finish.inputs[0])
    tree.links.new(finish.outputs[0], inverse.inputs[0])
    add_layer(scene, patch(colors[::-1], tmp_path, COLUMNS < 20), "Tree")
    assert [layer.label for layer in layers(scene)] == ["Wall", "Tree"]
    right, after = COLUMNS >= 20, render(scene)
    before_right, after_right = (Picture(*(part * right[..., None] for part in each)) for each in (before, after))
    assert_landed(before_right, after_right, colors, AREA & right)
    for layer in layers(scene):
        remove_layer(scene, layer.name)
    assert same(render(scene), before) and [tree.name for tree in groups()] == [GROUP_NAME]


def test_each_scene_has_its_own_group(scene: bpy.types.Scene, tmp_path: Path) -> None:
    colors = other_colors(scene)
    add_layer(scene, patch(colors, tmp_path), "Ivy")
    bpy.ops.scene.new(type='LINK_COPY')
    copy = next(each for each in bpy.data.scenes if each != scene)
    assert [layer.label for layer in layers(copy)] == ["Ivy"]
    empty = bpy.data.scenes.new("Other")
    assert layers(empty) == []
    before = render(scene)
    add_layer(copy, patch(random_colors() // 2 + 60, tmp_path, ROWS < 9), "Sky")
    assert [[layer.label for layer in layers(each)] for each in (scene, copy)] == [["Ivy"], ["Ivy", "Sky"]]
    assert same(render(scene), before)
    remove_layer(scene, "Ivy")
    assert [[layer.label for layer in layers(each)] for each in (scene, copy)] == [[], ["Ivy", "Sky"]]


def test_a_linked_group_is_copied_before_it_is_changed(scene: bpy.types.Scene, tmp_path: Path) -> None:
    add_layer(scene, patch(other_colors(scene), tmp_path), "Ivy")
    library = tmp_path / "library.blend"
    bpy.data.libraries.write(str(library), set(groups()))
    remove_layer(scene, "Ivy")
    with bpy.data.libraries.load(str(library), link=True) as (_, wanted):
        wanted.node_groups = [GROUP_NAME]
    (linked,) = groups()
    assert layers(scene) == []          # it is in the file, and not in this scene
    tree = artists_tree(scene)
    node = tree.nodes.new('CompositorNodeGroup')
    node.node_tree = linked
    (result,), _ = compat.compositor_outputs(tree)
    tree.links.new(result.links[0].from_socket, node.inputs[0])
    tree.links.new(node.outputs[0], result)
    assert [layer.label for layer in layers(scene)] == ["Ivy"]
    add_layer(scene, patch(other_colors(scene), tmp_path, ROWS < 5), "Sky")
    assert [layer.label for layer in layers(scene)] == ["Ivy", "Sky"]
    assert node.node_tree.library is None and linked.library is not None


@pytest.mark.parametrize("kind", ["no output", "nothing linked", "no nodes"])
def test_a_compositor_without_a_picture_gets_the_render(scene: bpy.types.Scene, tmp_path: Path, kind: str) -> None:
    before, colors = render(scene), other_colors(scene)
    tree = compat.make_compositor(scene)
    if kind == "nothing linked":
        compat.make_output(tree)
    if kind != "no nodes":
        tree.nodes.new('CompositorNodeRLayers')
    untouched = state(scene)[1:]
    add_layer(scene, patch(colors, tmp_path), "Ivy")
    assert_landed(before, render(scene), colors)
    remove_layer(scene, "Ivy")
    assert state(scene)[1:] == untouched


def test_every_output_that_may_be_the_active_one_is_touched_up(scene: bpy.types.Scene, tmp_path: Path) -> None:
    tree = artists_tree(scene)
    (result,), _ = compat.compositor_outputs(tree)
    second = tree.nodes.new(result.node.bl_idname)
    tree.links.new(result.links[0].from_socket, next(socket for socket in second.inputs if socket.type == 'RGBA'))
    before, colors, untouched = render(scene), other_colors(scene), state(scene)[1:]
    add_layer(scene, patch(colors, tmp_path), "Ivy")
    for active in (result.node, second):
        tree.nodes.active = active
        assert_landed(before, render(scene), colors)
    assert len(groups()) == 1
    remove_layer(scene, "Ivy")
    assert state(scene)[1:] == untouched


@pytest.mark.parametrize("key", [key for _, key in compat.compositor_switches(bpy.context.scene)])
def test_a_compositor_that_is_off_is_turned_on_where_that_changes_nothing_else(
    scene: bpy.types.Scene, tmp_path: Path, key: str,
) -> None:
    owner = next(owner for owner, each in compat.compositor_switches(scene) if each == key)
    setattr(owner, key, False)
    before, colors, untouched = render(scene), other_colors(scene), state(scene)[1:]
    add_layer(scene, patch(colors, tmp_path), "Ivy")
    assert getattr(owner, key)
    assert_landed(before, render(scene), colors)
    remove_layer(scene, "Ivy")
    assert state(scene)[1:] == untouched and same(render(scene), before)
    artists_tree(scene)
    setattr(owner, key, False)
    image, untouched = patch(colors, tmp_path), state(scene)
    with pytest.raises(InputError, match="compositor is off") as refused:
        add_layer(scene, image, "Ivy")
    assert refused.value.field == "layer" and state(scene) == untouched and same(render(scene), before)


def test_a_muted_output_is_refused_where_it_is_off(scene: bpy.types.Scene, tmp_path: Path) -> None:
    tree = artists_tree(scene)
    (result,), _ = compat.compositor_outputs(tree)
    composited = render(scene)
    result.node.mute = True
    before, colors, untouched = render(scene), other_colors(scene), state(scene)[1:]
    if same(before, composited):            # from 5.0 on a muted Group Output works as any
        add_layer(scene, patch(colors, tmp_path), "Ivy")
        assert_landed(before, render(scene), colors)
        return
    with pytest.raises(InputError, match="output is muted"):
        add_layer(scene, patch(colors, tmp_path), "Ivy")
    assert state(scene)[1:] == untouched


def test_a_compositor_of_several_scenes_is_refused(scene: bpy.types.Scene, tmp_path: Path) -> None:
    if not hasattr(scene, "compositing_node_group"):
        pytest.skip("scenes can share a compositor from Blender 5.0 on")
    artists_tree(scene)
    other = bpy.data.scenes.new("Dusk")
    other.compositing_node_group = scene.compositing_node_group
    with pytest.raises(InputError, match="scene Dusk has the same compositor"):
        add_layer(scene, patch(random_colors(), tmp_path), "Ivy")
    other.compositing_node_group = None
    library = tmp_path / "library.blend"
    name = scene.compositing_node_group.name
    bpy.data.libraries.write(str(library), {scene.compositing_node_group})
    with bpy.data.libraries.load(str(library), link=True) as (_, wanted):
        wanted.node_groups = [name]
    scene.compositing_node_group = next(tree for tree in bpy.data.node_groups if tree.library)
    with pytest.raises(InputError, match="linked from a library"):
        add_layer(scene, patch(random_colors(), tmp_path), "Ivy")


def test_a_render_of_the_sequencer_is_refused(scene: bpy.types.Scene, tmp_path: Path) -> None:
    editor = scene.sequence_editor_create()
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences
    sky = tmp_path / "sky.png"
    sky.write_bytes(encode(random_colors()))
    strips.new_image("Sky", str(sky), 1, 1)
    image = patch(other_colors(scene), tmp_path)
    with pytest.raises(InputError, match="sequencer"):
        add_layer(scene, image, "Ivy")
    scene.render.use_sequencer = False
    before, colors = render(scene), other_colors(scene)
    add_layer(scene, patch(colors, tmp_path), "Ivy")
    assert_landed(before, render(scene), colors)
