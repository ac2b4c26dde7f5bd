# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Areas from what is drawn and selected in editors, and from images: against closed forms and Blender's own projections."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import bmesh
import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Matrix, Vector
from PIL import Image

from gptimage_addon.blender import compat
from gptimage_addon.blender.masks import image_channels, uv_faces_mask
from gptimage_addon.blender.view import annotation_strokes, camera_frame, view_strokes
from gptimage_addon.core.errors import InputError
from gptimage_addon.imaging import masks

Stroke = list[tuple[float, float, float]]
Annotate = Callable[..., bpy.types.ID | SimpleNamespace]


def refused(function: object, *given: object) -> str:
    with pytest.raises(InputError) as told:
        function(*given)
    assert told.value.field == "mask" and told.value.hint
    return told.value.message


@pytest.fixture
def camera() -> bpy.types.Object:
    """A camera that looks somewhere, with a scale, as one with a parent may have."""
    camera = bpy.context.scene.camera
    camera.matrix_world = Matrix.LocRotScale((4, -3, 5), Vector((-4, 3, -5)).to_track_quat('-Z', 'Y'), (2, 2, 2))
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = 1600, 1000, 50
    bpy.context.view_layer.update()
    return camera


def look(camera: bpy.types.Object, name: str) -> None:
    lens, render = camera.data, bpy.context.scene.render
    if name == "orthographic":
        lens.type, lens.ortho_scale = 'ORTHO', 7
    elif name == "shift":
        lens.shift_x, lens.shift_y = 0.3, -0.15
    elif name == "portrait":
        render.resolution_x, render.resolution_y = 700, 1000
        lens.shift_x = 0.1
    elif name == "pixel aspect":
        render.pixel_aspect_y = 1.8
        lens.shift_y = 0.2
    elif name == "vertical sensor":
        lens.sensor_fit = 'VERTICAL'
        lens.shift_x, lens.shift_y = 0.2, 0.1


LOOKS = ("perspective", "orthographic", "shift", "portrait", "pixel aspect", "vertical sensor")


# --- the camera's frame in a 3D Viewport ------------------------------------------------------------------


def viewport(camera: bpy.types.Object, frame: tuple[float, ...]) -> tuple[SimpleNamespace, SimpleNamespace]:
    """(region, region_3d) of a 3D Viewport that looks through the camera and shows its frame there: Blender's matrices."""
    region = SimpleNamespace(width=900, height=700)
    render = bpy.context.scene.render
    projection = camera.calc_matrix_camera(
        bpy.context.evaluated_depsgraph_get(), x=render.resolution_x, y=render.resolution_y,
        scale_x=render.pixel_aspect_x, scale_y=render.pixel_aspect_y)
    x0, y0, x1, y1 = frame
    # From the picture's -1 to 1 to the region's.
    zoom = Matrix.Diagonal(((x1 - x0) / region.width, (y1 - y0) / region.height, 1, 1))
    place = Matrix.Translation(((x0 + x1) / region.width - 1, (y0 + y1) / region.height - 1, 0))
    seen = place @ zoom @ projection @ camera.matrix_world.normalized().inverted()
    return region, SimpleNamespace(perspective_matrix=seen, view_perspective='CAMERA')


@pytest.mark.parametrize("name", LOOKS)
def test_the_camera_s_frame_is_found_in_a_viewport(camera: bpy.types.Object, name: str) -> None:
    look(camera, name)
    for frame in ((100.5, 50.25, 700.5, 425.25), (-300.0, -80.0, 1900.0, 900.0)):
        assert camera_frame(bpy.context.scene, *viewport(camera, frame)) == pytest.approx(frame, abs=0.05)


def test_a_viewport_that_looks_elsewhere_has_no_frame(camera: bpy.types.Object) -> None:
    region, region_3d = viewport(camera, (0, 0, 90, 70))
    bpy.context.scene.camera = None
    assert "camera" in refused(camera_frame, bpy.context.scene, region, region_3d)
    bpy.context.scene.camera = camera
    region_3d.view_perspective = 'PERSP'
    assert "camera" in refused(camera_frame, bpy.context.scene, region, region_3d)


# --- strokes ----------------------------------------------------------------------------------------------


COLOR = (0.25, 0.5, 0.75)


class Points(list):
    """Points as Blender keeps them, for the Blenders in which only the mouse makes strokes. They do not tell their place."""

    def foreach_get(self, name: str, flat: np.ndarray) -> None:
        assert name == "co"
        flat[:] = np.ravel(self)


def layer_of(strokes: Sequence[Stroke], frame: int = 1) -> SimpleNamespace:
    drawn = [SimpleNamespace(points=Points(points)) for points in strokes]
    return SimpleNamespace(annotation_hide=False, color=COLOR, frames=[SimpleNamespace(frame_number=frame, strokes=drawn)])


@pytest.fixture
def annotate(monkeypatch: pytest.MonkeyPatch) -> Annotate:
    """Makes a layer of annotation strokes, as drawn with the mouse; `mode` is where they lie."""
    def draw(owner: object, mode: str, *strokes: Stroke) -> bpy.types.ID | SimpleNamespace:
        if (4, 3, 0) <= bpy.app.version < (5, 2, 0):
            made = SimpleNamespace(layers=[layer_of(strokes)])
            monkeypatch.setattr(compat, "annotation", lambda asked: made if asked == owner else None)
            return made
        if bpy.app.version < (5, 0, 0):
            made = owner.grease_pencil = bpy.data.grease_pencils.new("Notes")
        else:
            made = owner.annotation = bpy.data.annotations.new("Notes")
        layer = made.layers.new("Note")
        layer.color = COLOR
        frame = layer.frames.new(1)
        for points in strokes:
            stroke = frame.strokes.new()
            stroke.display_mode = mode
            stroke.points.add(len(points))
            for point, co in zip(stroke.points, points, strict=True):
                point.co = co
        return made

    return draw


@pytest.mark.parametrize("name", LOOKS)
def test_strokes_in_the_scene_are_seen_from_the_camera(camera: bpy.types.Object, annotate: Annotate, name: str) -> None:
    look(camera, name)
    scene = bpy.context.scene
    points = [tuple(point) for point in np.random.default_rng(2).uniform(-1, 1, (12, 3))]
    annotate(scene, '3DSPACE', points)
    (found,) = view_strokes(scene)
    expected = [world_to_camera_view(scene, camera, Vector(point))[:2] for point in points]
    assert found.points == pytest.approx(np.array(expected), abs=1e-4)
    assert found.color == pytest.approx(COLOR)


@pytest.mark.parametrize("name", LOOKS)
def test_strokes_on_the_view_lie_in_the_frame_without_shift(
    camera: bpy.types.Object, annotate: Annotate, name: str,
) -> None:
    """A point of the scene, marked on the view where the camera without shift sees it: with shift it is still marked."""
    look(camera, name)
    scene, lens = bpy.context.scene, camera.data
    points = [Vector(point) for point in np.random.default_rng(2).uniform(-1, 1, (12, 3))]
    expected = [world_to_camera_view(scene, camera, point)[:2] for point in points]
    shift, lens.shift_x, lens.shift_y = (lens.shift_x, lens.shift_y), 0, 0
    unshifted = [world_to_camera_view(scene, camera, point) for point in points]
    lens.shift_x, lens.shift_y = shift
    mode = 'SCREEN' if bpy.app.version < (5, 0, 0) else '2DSPACE'
    annotate(scene, mode, [(x * 100, y * 100, 0) for x, y, _ in unshifted])
    (found,) = view_strokes(scene)
    assert found.points == pytest.approx(np.array(expected), abs=1e-4)
    assert found.color == pytest.approx(COLOR)


def test_strokes_that_are_not_shown_or_seen_do_not_count(camera: bpy.types.Object, annotate: Annotate) -> None:
    scene = bpy.context.scene
    assert view_strokes(scene) == []
    triangle = [(0, 0, 0), (1, 0, 0), (0, 1, 0)]
    behind = [tuple(camera.matrix_world @ Vector((x, y, 1))) for x, y in ((0, 0), (1, 0), (0, 1))]
    annotation = annotate(scene, '3DSPACE', triangle, triangle[:2], behind, [*triangle, behind[0]])
    assert [len(stroke.points) for stroke in view_strokes(scene)] == [3, 2, 3]
    if isinstance(annotation, SimpleNamespace):
        annotation.layers[0].frames += layer_of([triangle], frame=5).frames
    else:
        annotation.layers[0].frames.new(5).strokes.new().points.add(3)
    scene.frame_set(4)
    assert len(view_strokes(scene)) == 3
    scene.frame_set(7)
    assert len(view_strokes(scene)) == 1
    scene.frame_set(0)
    assert view_strokes(scene) == []
    scene.frame_set(1)
    annotation.layers[0].annotation_hide = True
    assert view_strokes(scene) == []
    scene.camera = None
    assert "camera" in refused(view_strokes, scene)


def test_strokes_in_an_image_editor_are_fractions_of_the_picture(annotate: Annotate) -> None:
    space = SimpleNamespace(grease_pencil=None, annotation=None)
    assert annotation_strokes(space) == []
    annotate(space, '2DIMAGE', [(0.25, 0.5, 0), (0.5, 0.5, 0), (0.5, 0.75, 0)])
    (found,) = annotation_strokes(space)
    assert found.points.tolist() == [[0.25, 0.5], [0.5, 0.5], [0.5, 0.75]]


def test_strokes_that_do_not_tell_their_place(camera: bpy.types.Object, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the view they have no depth at all. From straight above, where a stroke on the floor has none, the tool decides."""
    scene = bpy.context.scene
    layer = layer_of([])
    monkeypatch.setattr(compat, "annotation", lambda owner: SimpleNamespace(layers=[layer]))

    def seen(points: Stroke) -> np.ndarray:
        layer.frames = layer_of([points]).frames
        (found,) = view_strokes(scene)
        return found.points

    def in_the_scene(points: Stroke) -> np.ndarray:
        expected = [world_to_camera_view(scene, camera, Vector(point))[:2] for point in points]
        return pytest.approx(np.array(expected), abs=1e-4)

    def on_the_view(points: Stroke) -> np.ndarray:
        return pytest.approx(np.array(points)[:, :2] / 100)

    raised, flat = [(0, 0, 0), (0.5, 0.2, 0.1), (0.1, 0.6, 0)], [(10, 20, 0), (60, 20, 0), (30, 80, 0)]
    for placement in ('CURSOR', 'VIEW'):
        scene.tool_settings.annotation_stroke_placement_view3d = placement
        assert seen(raised) == in_the_scene(raised) and seen(flat) == on_the_view(flat)
    camera.matrix_world = Matrix.Translation((0, 0, 10))
    assert seen(flat) == on_the_view(flat)
    scene.tool_settings.annotation_stroke_placement_view3d = 'SURFACE'
    assert seen(flat) == in_the_scene(flat)


# --- faces in UV space ------------------------------------------------------------------------------------


def unwrapped(cells: int = 4) -> bpy.types.Object:
    """A grid of faces whose UV map is the grid itself, from 0 to 1. Nothing selected."""
    bpy.ops.mesh.primitive_grid_add(x_subdivisions=cells, y_subdivisions=cells, calc_uvs=True)
    bpy.context.object.data.polygons.foreach_set("select", np.zeros(cells * cells, bool))
    return bpy.context.object


def test_selected_faces_are_where_their_uvs_are() -> None:
    grid = unwrapped()
    for face in (0, 6):                         # counted from the bottom left
        grid.data.polygons[face].select = True
    mask = uv_faces_mask(grid, 64, 32)
    expected = np.zeros((32, 64), np.float32)
    expected[24:32, 0:16] = expected[16:24, 32:48] = 1
    assert mask.dtype == np.float32 and np.array_equal(mask, expected)
    # Not on pixel borders: all of a pixel that is touched.
    assert masks.bounds(uv_faces_mask(grid, 10, 10)) == masks.Box(0, 5, 8, 10)


def test_faces_with_many_corners_and_the_active_uv_map_count() -> None:
    mesh = bpy.data.meshes.new("L")
    # A concave face: an L of three quarters.
    mesh.from_pydata([(x, y, 0) for x, y in ((0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2))], [], [range(6)])
    obj = bpy.data.objects.new("L", mesh)
    bpy.context.scene.collection.objects.link(obj)
    mesh.polygons[0].select = False
    assert "no UV map" in refused(uv_faces_mask, obj, 8, 8)
    for name, scale in (("First", 0.5), ("Second", 0.25)):
        layer = mesh.uv_layers.new(name=name)
        for loop in mesh.loops:
            layer.uv[loop.index].vector = mesh.vertices[loop.vertex_index].co.xy * scale
    assert "selected" in refused(uv_faces_mask, obj, 8, 8)
    mesh.polygons[0].select = True
    for name, length in (("First", 8), ("Second", 4)):
        mesh.uv_layers.active = mesh.uv_layers[name]
        mask = uv_faces_mask(obj, 8, 8)
        half = length // 2
        assert mask.sum() == length * length * 3 / 4 and mask[7, length - 1] == 1 and mask[8 - length, length - 1] == 0
        assert mask[8 - half - 1, half - 1] == 1
    assert "no mesh" in refused(uv_faces_mask, bpy.context.scene.camera, 8, 8)


def test_faces_beyond_the_texture_s_edge_come_in_again() -> None:
    grid = unwrapped(1)
    grid.data.polygons[0].select = True
    uvs = np.array([(0.75, -0.25), (1.25, -0.25), (0.75, 0.25), (1.25, 0.25)])
    for loop in grid.data.loops:
        grid.data.uv_layers.active.uv[loop.index].vector = uvs[loop.vertex_index]
    mask = uv_faces_mask(grid, 8, 8)
    expected = np.zeros((8, 8))
    expected[:2, :2] = expected[:2, -2:] = expected[-2:, :2] = expected[-2:, -2:] = 1
    assert np.array_equal(mask, expected)


def test_faces_are_found_in_edit_mode_as_they_are_now() -> None:
    grid = unwrapped()
    grid.data.polygons[0].select = True
    before = len(bpy.data.meshes)
    bpy.ops.object.mode_set(mode='EDIT')
    edited = bmesh.from_edit_mesh(grid.data)
    edited.faces.ensure_lookup_table()
    for face in edited.faces:
        face.select_set(False)
    edited.faces[15].select_set(True)
    for loop in edited.faces[15].loops:
        loop[edited.loops.layers.uv.active].uv *= 0.5
    assert masks.bounds(uv_faces_mask(grid, 64, 64)) == masks.Box(24, 32, 32, 40)
    assert grid.mode == 'EDIT' and len(bpy.data.meshes) == before


# --- images -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "ending", "has_alpha"), [
    ("RGBA", "png", True), ("LA", "png", True), ("RGB", "png", False), ("L", "png", False), ("I;16", "png", False),
    ("RGB", "jpg", False), ("RGBA", "webp", True), ("P", "png", False),
])
def test_a_picture_s_alpha_is_what_its_file_has(tmp_path: Path, mode: str, ending: str, has_alpha: bool) -> None:
    picture = Image.new(mode, (6, 4), {"RGBA": (200, 100, 50, 128), "LA": (200, 128), "RGB": (200, 100, 50)}.get(mode, 100))
    picture.save(tmp_path / f"a.{ending}", **({"lossless": True} if ending == "webp" else {}))
    image = bpy.data.images.load(str(tmp_path / f"a.{ending}"))
    pixels = image_channels(image)
    assert pixels.shape[:2] == (4, 6)
    if has_alpha:
        assert masks.from_alpha(pixels) == pytest.approx(128 / 255, abs=1e-3)
        image.alpha_mode = 'NONE'
        image.reload()
        assert "no alpha" in refused(masks.from_alpha, image_channels(image))
    else:
        assert "no alpha" in refused(masks.from_alpha, pixels)


@pytest.mark.parametrize("is_float", [False, True])
def test_the_alpha_of_generated_and_painted_images(is_float: bool) -> None:
    image = bpy.data.images.new("Drawn", 4, 2, alpha=True, float_buffer=is_float)
    drawn = np.zeros((2, 4, 4), np.float32)
    drawn[0, 1] = 0.5, 0.25, 0, 0.5             # rows from the bottom; premultiplied where it is float
    image.pixels.foreach_set(drawn.ravel())
    mask = masks.from_alpha(image_channels(image))
    assert mask[1, 1] == pytest.approx(0.5, abs=0.003) and mask.sum() == mask[1, 1]
    opaque = bpy.data.images.new("Opaque", 4, 2, float_buffer=is_float)
    assert "no alpha" in refused(masks.from_alpha, image_channels(opaque))


@pytest.mark.parametrize("color_mode", ['RGBA', 'RGB', 'BW'])
def test_the_alpha_of_an_openexr_file(tmp_path: Path, color_mode: str) -> None:
    made = bpy.data.images.new("Linear", 4, 2, alpha=True, float_buffer=True)
    made.pixels.foreach_set(np.full(32, 0.5, np.float32))
    settings = bpy.context.scene.render.image_settings
    settings.file_format, settings.color_mode = 'OPEN_EXR', color_mode
    made.save_render(str(tmp_path / "a.exr"), scene=bpy.context.scene)
    image = bpy.data.images.load(str(tmp_path / "a.exr"))
    if color_mode == 'RGBA':
        assert masks.from_alpha(image_channels(image)) == pytest.approx(0.5)
    else:
        assert "no alpha" in refused(masks.from_alpha, image_channels(image))
    missing = bpy.data.images.load(str(tmp_path / "a.exr"))
    (tmp_path / "a.exr").unlink()
    missing.reload()
    assert "no pixels" in refused(image_channels, missing)
