# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the camera sees of an area: against closed forms under an upright camera, and against Blender's own renders."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import addon_utils
import bpy
import numpy as np
import pytest

from gptimage_addon.blender import mask_scene
from gptimage_addon.blender.coverage import (
    depth_coverage, faces_coverage, material_coverage, objects_coverage, vertex_group_coverage,
)
from gptimage_addon.core.errors import InputError

SIZE = (100, 100)
CLOSE = 0.003           # of a mean coverage: edges at pixel borders, few samples


@pytest.fixture
def scene() -> bpy.types.Scene:
    """An empty scene with a camera 10 m above, 10 m wide: a square of 1 m is 0.01 of a square picture."""
    scene = bpy.context.scene
    for obj in list(scene.objects):
        bpy.data.objects.remove(obj)
    bpy.ops.object.camera_add(location=(0, 0, 10))
    scene.camera = bpy.context.object
    scene.camera.data.type, scene.camera.data.ortho_scale = 'ORTHO', 10
    return scene


def plane(
    size: float, x: float = 0, y: float = 0, z: float = 0, material: bpy.types.Material | None = None,
) -> bpy.types.Object:
    bpy.ops.mesh.primitive_plane_add(size=size, location=(x, y, z))
    if material:
        bpy.context.object.data.materials.append(material)
    return bpy.context.object


def material(name: str, *, opacity: float = 1, volume: bool = False) -> bpy.types.Material:
    made = bpy.data.materials.new(name)
    if bpy.app.version < (5, 0, 0):
        made.use_nodes = True
    nodes, links = made.node_tree.nodes, made.node_tree.links
    output, shader = nodes["Material Output"], nodes["Principled BSDF"]
    shader.inputs["Alpha"].default_value = opacity
    if volume:
        links.remove(output.inputs["Surface"].links[0])
        fog = nodes.new("ShaderNodeVolumePrincipled")
        fog.inputs["Density"].default_value = 0.2
        links.new(fog.outputs[0], output.inputs["Volume"])
    return made


def collection(name: str, *objects: bpy.types.Object) -> bpy.types.Collection:
    """A collection of the scene, with the objects taken out of all others."""
    made = bpy.data.collections.new(name)
    bpy.context.scene.collection.children.link(made)
    for obj in objects:
        for other in list(obj.users_collection):
            other.objects.unlink(obj)
        made.objects.link(obj)
    return made


def rendered_alpha(scene: bpy.types.Scene, *seen: bpy.types.Object, width: int = 100, height: int = 100) -> np.ndarray:
    """The alpha of an ordinary render of the scene, these objects only: rows from the top."""
    path = Path(bpy.app.tempdir, "oracle.png")
    render, image = scene.render, scene.render.image_settings
    hidden = {obj: obj.hide_render for obj in scene.objects}
    for obj in hidden:
        obj.hide_render = obj.hide_render or obj not in seen
    render.engine, render.film_transparent, render.filepath = 'CYCLES', True, str(path)
    render.resolution_x, render.resolution_y, render.resolution_percentage, render.use_border = width, height, 100, False
    scene.cycles.samples, scene.cycles.use_adaptive_sampling, scene.cycles.use_denoising = 64, False, False
    image.file_format, image.color_mode, image.color_depth = 'PNG', 'RGBA', '16'
    bpy.ops.render.render(write_still=True)
    for obj, was in hidden.items():
        obj.hide_render = was
    picture = bpy.data.images.load(str(path))
    alpha = np.array(picture.pixels).reshape(height, width, 4)[::-1, :, 3]
    bpy.data.images.remove(picture)
    return alpha


def assert_same(mask: np.ndarray, alpha: np.ndarray) -> None:
    """The same up to the noise of 16 samples at the edges."""
    assert mask.shape == alpha.shape and 0 < alpha.mean() < 1
    assert np.abs(mask - alpha).mean() < 0.006 and np.abs(mask - alpha).max() < 0.5
    assert mask.mean() == pytest.approx(alpha.mean(), abs=0.002)


def refused(coverage: Callable[..., np.ndarray], *given: object) -> str:
    with pytest.raises(InputError) as told:
        coverage(*given, *SIZE)
    assert told.value.field == "mask" and told.value.hint
    return told.value.message


# --- objects ----------------------------------------------------------------------------------------------


def test_what_is_in_front_is_taken_off(scene: bpy.types.Scene) -> None:
    wanted, other = plane(4), plane(2, z=1)
    mask = objects_coverage(scene, [wanted], *SIZE)
    assert mask.dtype == np.float32 and mask.shape == SIZE and 0 <= mask.min() and mask.max() <= 1
    assert mask.mean() == pytest.approx(0.16 - 0.04, abs=CLOSE)
    assert mask[50, 35] == 1 and mask[50, 50] == 0 and mask[5, 5] == 0
    assert objects_coverage(scene, [wanted, other], *SIZE).mean() == pytest.approx(0.16, abs=CLOSE)


def test_rows_count_from_the_top(scene: bpy.types.Scene) -> None:
    mask = objects_coverage(scene, [plane(2, x=-3, y=4)], *SIZE)
    assert mask[10, 20] == 1 and mask.mean() == pytest.approx(0.04, abs=CLOSE)


def test_modifiers_count_as_in_a_render(scene: bpy.types.Scene) -> None:
    row, half = plane(1, x=-4, y=3), plane(2, x=1)
    array = row.modifiers.new("", 'ARRAY')
    array.count, array.relative_offset_displace = 3, (2, 0, 0)
    half.modifiers.new("", 'MIRROR').mirror_object = scene.camera
    assert objects_coverage(scene, [row], *SIZE).mean() == pytest.approx(0.03, abs=CLOSE)
    assert objects_coverage(scene, [half], *SIZE).mean() == pytest.approx(0.08, abs=CLOSE)
    array.show_viewport = False
    assert objects_coverage(scene, [row], *SIZE).mean() == pytest.approx(0.03, abs=CLOSE)
    bpy.ops.mesh.primitive_cube_add(size=4)
    cube = bpy.context.object
    levels = cube.modifiers.new("", 'SUBSURF')
    levels.levels, levels.render_levels = 0, 3
    assert_same(objects_coverage(scene, [cube], *SIZE), rendered_alpha(scene, cube))


def test_instances_of_a_collection_belong_to_the_empty(scene: bpy.types.Scene) -> None:
    hidden = collection("Parts", plane(1), plane(1, x=2))
    bpy.context.view_layer.layer_collection.children["Parts"].exclude = True
    bpy.ops.object.collection_instance_add(collection=hidden.name, location=(-2, 2, 0))
    instancer = bpy.context.object
    assert objects_coverage(scene, [instancer], *SIZE).mean() == pytest.approx(0.02, abs=CLOSE)
    above = plane(1, x=-2, y=2, z=1)
    assert objects_coverage(scene, [instancer], *SIZE).mean() == pytest.approx(0.01, abs=CLOSE)
    bpy.data.objects.remove(above)
    below = plane(4, x=-2, y=2, z=-1)
    # Only half of one of the two is above it.
    assert objects_coverage(scene, [below], *SIZE).mean() == pytest.approx(0.16 - 0.015, abs=CLOSE)


def scatter(obj: bpy.types.Object, instance: bpy.types.Object, *, keep: bool) -> None:
    """A geometry nodes modifier that puts an object on the points of a mesh."""
    tree = bpy.data.node_groups.new("Scatter", "GeometryNodeTree")
    for direction in ('INPUT', 'OUTPUT'):
        tree.interface.new_socket("Geometry", in_out=direction, socket_type="NodeSocketGeometry")
    names = ("NodeGroupInput", "GeometryNodeInstanceOnPoints", "GeometryNodeObjectInfo", "GeometryNodeJoinGeometry",
             "NodeGroupOutput")
    start, place, info, join, end = (tree.nodes.new(name) for name in names)
    info.inputs["Object"].default_value = instance
    tree.links.new(start.outputs[0], place.inputs["Points"])
    tree.links.new(info.outputs["Geometry"], place.inputs["Instance"])
    tree.links.new(place.outputs[0], join.inputs[0])
    if keep:
        tree.links.new(start.outputs[0], join.inputs[0])
    tree.links.new(join.outputs[0], end.inputs[0])
    obj.modifiers.new("Scatter", 'NODES').node_group = tree


def test_instances_of_geometry_nodes_belong_to_the_object(scene: bpy.types.Scene) -> None:
    ground, leaf = plane(6), plane(1, z=3)
    leaf.hide_render = True
    scatter(ground, leaf, keep=False)
    assert objects_coverage(scene, [ground], *SIZE).mean() == pytest.approx(0.04, abs=CLOSE)


def test_particles_and_hair_belong_to_the_object(scene: bpy.types.Scene) -> None:
    ground = plane(4)
    ground.modifiers.new("Fur", 'PARTICLE_SYSTEM')
    settings = ground.particle_systems[0].settings
    settings.type, settings.count, settings.hair_length = 'HAIR', 200, 3
    settings.root_radius, settings.tip_radius = 5, 5
    ground.rotation_euler = (math.radians(80), 0, 0)
    alone = rendered_alpha(scene, ground)
    assert alone.mean() > 0.05, "no hair was rendered"
    assert_same(objects_coverage(scene, [ground], *SIZE), alone)
    below = plane(8, z=-5)
    mask = objects_coverage(scene, [below], *SIZE)
    assert np.abs(mask - rendered_alpha(scene, below) * (1 - alone)).mean() < 0.006


def test_hair_curves_count(scene: bpy.types.Scene) -> None:
    curves = bpy.data.hair_curves.new("Hair")
    curves.add_curves([2] * 4)
    root = np.stack((np.linspace(-3, 3, 4), np.full(4, -3), np.zeros(4)), axis=1)
    ends = np.stack((root, root + (0, 6, 0)), axis=1)
    curves.attributes["position"].data.foreach_set("vector", ends.ravel().astype(np.float32))
    curves.attributes.new("radius", 'FLOAT', 'POINT').data.foreach_set("value", np.full(8, 0.5, np.float32))
    hair = bpy.data.objects.new("Hair", curves)
    scene.collection.objects.link(hair)
    mask = objects_coverage(scene, [hair], *SIZE)
    assert mask.mean() == pytest.approx(4 * 6 * 1 / 100, rel=0.05)
    assert_same(mask, rendered_alpha(scene, hair))


def test_what_is_seen_through_counts_in_part(scene: bpy.types.Scene) -> None:
    glass, wall = plane(2, z=1, material=material("Half", opacity=0.25)), plane(4)
    assert objects_coverage(scene, [glass], *SIZE).mean() == pytest.approx(0.04 * 0.25, abs=CLOSE)
    mask = objects_coverage(scene, [wall], *SIZE)
    assert mask.mean() == pytest.approx(0.12 + 0.04 * 0.75, abs=CLOSE) and mask[50, 50] == pytest.approx(0.75, abs=0.01)


def test_fog_hides_nothing(scene: bpy.types.Scene) -> None:
    wall = plane(4)
    bpy.ops.mesh.primitive_cube_add(size=15)
    bpy.context.object.data.materials.append(material("Fog", volume=True))
    assert objects_coverage(scene, [wall], *SIZE).mean() == pytest.approx(0.16, abs=CLOSE)
    assert vertex_group_coverage(scene, weighted(wall), "All", *SIZE).mean() == pytest.approx(0.16, abs=CLOSE)
    assert depth_coverage(scene, 0, 30, *SIZE).mean() == pytest.approx(0.16, abs=CLOSE)


def test_fog_covers_what_it_veils(scene: bpy.types.Scene) -> None:
    """A cube of 4 m and a density of 0.2: as much light as exp(-0.8) comes through."""
    bpy.ops.mesh.primitive_cube_add(size=4)
    fog, front = bpy.context.object, plane(2, z=3)
    fog.data.materials.append(material("Fog", volume=True))
    mask = objects_coverage(scene, [fog], *SIZE)
    assert mask[42:58, 42:58].max() == 0 and mask[:28].max() == 0
    assert mask[33:38, 33:67].mean() == pytest.approx(1 - math.exp(-0.8), abs=0.03)
    assert front.name in scene.objects


def test_only_what_is_rendered_counts(scene: bpy.types.Scene) -> None:
    """Of six planes above the wanted one only two hide it: of those hidden, excluded or indirect nothing is seen."""
    wall = plane(12)
    names = ("hidden", "excluded", "indirect", "holdout", "in a hidden collection", "seen")
    planes = {name: plane(1, x=i - 2.5, z=1) for i, name in enumerate(names)}
    children = bpy.context.view_layer.layer_collection.children
    for name in names[1:]:
        collection(name, planes[name])
    planes["hidden"].hide_render = True
    children["excluded"].exclude = children["indirect"].indirect_only = children["holdout"].holdout = True
    children["in a hidden collection"].collection.hide_render = True
    assert objects_coverage(scene, [wall], *SIZE).mean() == pytest.approx(1 - 0.02, abs=CLOSE)
    for name in ("seen", "holdout"):
        assert objects_coverage(scene, [planes[name]], *SIZE).mean() == pytest.approx(0.01, abs=CLOSE)
    for name in ("hidden", "excluded", "indirect", "in a hidden collection"):
        assert "visible" in refused(objects_coverage, scene, [planes[name]])
    children["excluded"].exclude = False
    children["excluded"].collection.children.link(bpy.data.collections.new("below"))
    children["excluded"].collection.children["below"].objects.link(planes["hidden"])
    planes["hidden"].hide_render = False
    children["excluded"].exclude = True
    children["excluded"].children["below"].exclude = False       # Blender renders it all the same
    assert objects_coverage(scene, [planes["hidden"]], *SIZE).mean() == pytest.approx(0.01, abs=CLOSE)


def test_objects_of_all_view_layers_are_seen_together(scene: bpy.types.Scene) -> None:
    wall, figure, other = plane(4), plane(2, z=1), plane(10, z=2)
    for name, obj in (("Back", wall), ("Front", figure), ("Unused", other)):
        collection(name, obj)
    first = scene.view_layers[0]
    second, unused = scene.view_layers.new("Front"), scene.view_layers.new("Unused")
    unused.use = False
    for layer, own in ((first, "Back"), (second, "Front"), (unused, "Unused")):
        for child in layer.layer_collection.children:
            child.exclude = child.name != own
    assert objects_coverage(scene, [wall], *SIZE).mean() == pytest.approx(0.12, abs=CLOSE)
    assert objects_coverage(scene, [figure], *SIZE).mean() == pytest.approx(0.04, abs=CLOSE)
    assert "visible" in refused(objects_coverage, scene, [other])


def test_holdouts_and_shadow_catchers_cover_what_they_cut_out(scene: bpy.types.Scene) -> None:
    wall, front = plane(4), plane(2, z=1)
    for name in ("is_holdout", "is_shadow_catcher"):
        setattr(wall, name, True)
        assert objects_coverage(scene, [wall], *SIZE).mean() == pytest.approx(0.12, abs=CLOSE)
        setattr(wall, name, False)
        setattr(front, name, True)
        assert objects_coverage(scene, [wall], *SIZE).mean() == pytest.approx(0.12, abs=CLOSE)
        assert front.is_holdout or front.is_shadow_catcher
        setattr(front, name, False)


def random_scene(scene: bpy.types.Scene, seed: int) -> list[bpy.types.Object]:
    rng = np.random.default_rng(seed)
    for _ in range(6):
        bpy.ops.mesh.primitive_monkey_add(size=3, location=rng.uniform(-4, 4, 3), rotation=rng.uniform(-3, 3, 3))
    return [obj for obj in scene.objects if obj.type == 'MESH']


@pytest.mark.parametrize("look", ["orthographic", "perspective", "shift", "pixel aspect", "vertical sensor"])
def test_the_frame_is_the_camera_s(scene: bpy.types.Scene, look: str) -> None:
    objects = random_scene(scene, 5)
    lens, render = scene.camera.data, scene.render
    lens.type = 'ORTHO' if look == "orthographic" else 'PERSP'
    scene.camera.location.z = 14
    width, height = 160, 90
    if look == "shift":
        lens.shift_x, lens.shift_y = 0.2, -0.1
    elif look == "pixel aspect":
        render.pixel_aspect_x, render.pixel_aspect_y = 1, 1.7
    elif look == "vertical sensor":
        lens.sensor_fit, width, height = 'VERTICAL', 90, 160
    assert_same(objects_coverage(scene, objects, width, height), rendered_alpha(scene, *objects, width=width, height=height))


def test_the_picture_s_size_counts_and_no_other_setting_of_it(scene: bpy.types.Scene) -> None:
    wall, _ = plane(4), plane(2, z=1)
    render = scene.render
    render.resolution_percentage = 25
    render.use_border = render.use_crop_to_border = True
    render.border_min_x, render.border_max_x, render.border_min_y, render.border_max_y = 0.4, 0.5, 0.4, 0.5
    render.film_transparent = False
    render.use_stamp = render.use_multiview = True
    scene.view_settings.exposure, scene.view_settings.gamma = 3, 0.5
    scene.cycles.time_limit, scene.cycles.samples, scene.cycles.sample_offset = 0.001, 1, 5000
    if bpy.app.version >= (5, 0, 0):
        scene.cycles.use_sample_subset, scene.cycles.sample_subset_length = True, 1
    assert objects_coverage(scene, [wall], *SIZE).mean() == pytest.approx(0.12, abs=CLOSE)


@pytest.mark.parametrize("engine", ["Workbench", "EEVEE"])
def test_any_render_engine_will_do(scene: bpy.types.Scene, engine: str) -> None:
    eevee = 'BLENDER_EEVEE' if bpy.app.version >= (5, 0, 0) else 'BLENDER_EEVEE_NEXT'
    scene.render.engine = eevee if engine == "EEVEE" else 'BLENDER_WORKBENCH'
    wall, _ = plane(4), plane(2, z=1)
    assert objects_coverage(scene, [wall], *SIZE).mean() == pytest.approx(0.12, abs=CLOSE)


def test_the_compositor_and_the_sequencer_do_not_matter(scene: bpy.types.Scene) -> None:
    wall, _ = plane(4, material=material("Wall")), plane(2, z=1)
    if bpy.app.version < (5, 0, 0):
        scene.use_nodes = True
        tree = scene.node_tree
        tree.nodes.clear()
        end = tree.nodes.new("CompositorNodeComposite")
    else:
        tree = scene.compositing_node_group = bpy.data.node_groups.new("Mine", "CompositorNodeTree")
        tree.interface.new_socket("Image", in_out='OUTPUT', socket_type="NodeSocketColor")
        end = tree.nodes.new("NodeGroupOutput")
    color = tree.nodes.new("CompositorNodeRGB")
    tree.links.new(color.outputs[0], end.inputs[0])
    editor = scene.sequence_editor_create()
    strips = editor.strips if bpy.app.version >= (4, 4, 0) else editor.sequences
    strips.new_effect("Red", 'COLOR', channel=1, frame_start=1, **(
        {"length": 20} if bpy.app.version >= (5, 0, 0) else {"frame_end": 20}))
    assert objects_coverage(scene, [wall], *SIZE).mean() == pytest.approx(0.12, abs=CLOSE)
    assert material_coverage(scene, [bpy.data.materials["Wall"]], *SIZE).mean() == pytest.approx(0.12, abs=CLOSE)
    assert len(tree.nodes) == 2 and len(strips) == 1


def test_the_frame_that_is_shown_counts(scene: bpy.types.Scene) -> None:
    moving, driven = plane(2, x=-4), plane(1, y=-4)
    moving.keyframe_insert("location", frame=1)
    moving.location.x = 6
    moving.keyframe_insert("location", frame=21)
    curve = driven.driver_add("scale", 0)
    curve.driver.expression = "frame / 10"
    scene.frame_set(11)
    found = objects_coverage(scene, [moving, driven], *SIZE)
    at = moving.matrix_world.translation.x
    assert abs(at - 1) < 0.01 and found[50, 60] == 1 and found[50, 10] == 0
    assert found.mean() == pytest.approx(0.04 + 0.011, abs=CLOSE)
    assert scene.frame_current == 11 and moving.matrix_world.translation.x == at
    scene.frame_set(11, subframe=0.5)
    assert objects_coverage(scene, [driven], *SIZE).mean() == pytest.approx(0.0115, abs=0.001)


def test_simulations_are_where_they_are_and_stay(scene: bpy.types.Scene) -> None:
    """A rigid body and a cloth, both 2 m wide, that have fallen below a shelf by this frame. Neither is baked."""
    bpy.ops.rigidbody.world_add()
    block = grid(2, 2, x=-2)
    block.location.z = 5
    block.modifiers.new("", 'SUBSURF').subdivision_type = 'SIMPLE'
    weighted(block)
    bpy.ops.rigidbody.object_add()
    cloth = plane(2, x=3, z=5)
    cloth.modifiers.new("Cloth", 'CLOTH')
    weighted(cloth)
    shelf = plane(10, z=1)
    for obj in (block, cloth):
        obj.data.polygons.foreach_set("select", np.ones(len(obj.data.polygons), bool))
    for frame in range(1, 41):
        scene.frame_set(frame)

    def heights() -> tuple[float, float]:
        depsgraph = bpy.context.evaluated_depsgraph_get()
        return (block.evaluated_get(depsgraph).matrix_world.translation.z,
                cloth.evaluated_get(depsgraph).data.vertices[0].co.z + 5)

    fallen = heights()
    assert max(fallen) < 1, f"nothing has fallen: {fallen}"
    functions = (
        lambda obj: objects_coverage(scene, [obj], *SIZE), lambda obj: faces_coverage(scene, [obj], *SIZE),
        lambda obj: vertex_group_coverage(scene, obj, "All", *SIZE),
    )
    for is_hidden in (False, True):
        shelf.hide_render = is_hidden
        for function in functions:
            for obj in (block, cloth):
                if is_hidden:
                    assert function(obj).mean() == pytest.approx(0.04, abs=CLOSE)
                else:
                    with pytest.raises(InputError, match="see"):
                        function(obj)
    # What the artist has played is still there, to be read and to be gone on with.
    assert heights() == fallen
    for cache in (scene.rigidbody_world.point_cache, cloth.modifiers[0].point_cache):
        assert not cache.is_outdated and cache.info.startswith("40 frames")
    scene.frame_set(20)
    scene.frame_set(40)
    assert heights() == fallen
    scene.frame_set(41)
    assert heights() < fallen


@pytest.mark.parametrize("blur", ["motion", "depth of field", "none"])
def test_blur_is_the_render_s(scene: bpy.types.Scene, blur: str) -> None:
    obj = plane(2)
    bpy.context.preferences.edit.keyframe_new_interpolation_type = 'LINEAR'
    for frame in (1, 2, 3):
        obj.location.x = 2 * frame - 4
        obj.keyframe_insert("location", frame=frame)
    scene.frame_set(2)
    scene.render.use_motion_blur = blur == "motion"
    lens = scene.camera.data
    lens.type, lens.lens, lens.sensor_width = 'PERSP', 36, 36
    lens.dof.use_dof, lens.dof.focus_distance, lens.dof.aperture_fstop = blur == "depth of field", 5, 0.02
    mask, alpha = objects_coverage(scene, [obj], *SIZE), rendered_alpha(scene, obj)
    soft = ((alpha > 0.1) & (alpha < 0.9)).mean()
    assert soft > 0.03 if blur != "none" else soft < 0.02
    assert np.abs(mask - alpha).mean() < 0.01 and mask.mean() == pytest.approx(alpha.mean(), abs=0.004)


def test_a_camera_need_not_be_in_the_scene(scene: bpy.types.Scene, tmp_path: Path) -> None:
    wall, _ = plane(4), plane(2, z=1)
    path = tmp_path / "rig.blend"
    bpy.data.libraries.write(str(path), {scene.camera})
    with bpy.data.libraries.load(str(path), link=True) as (given, wanted):
        wanted.objects = [scene.camera.name]
    linked = wanted.objects[0]
    assert linked.library
    scene.camera.hide_render = True
    for camera in (scene.camera, linked):
        scene.camera = camera
        assert objects_coverage(scene, [wall], *SIZE).mean() == pytest.approx(0.12, abs=CLOSE)
        assert depth_coverage(scene, 9.5, 11, *SIZE).mean() == pytest.approx(0.12, abs=CLOSE)


def test_a_viewport_s_own_camera_does_not_matter(scene: bpy.types.Scene) -> None:
    wall = plane(4)
    window = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type == 'VIEW_3D')
    bpy.ops.object.camera_add(location=(30, 0, 10))
    area.spaces.active.use_local_camera, area.spaces.active.camera = True, bpy.context.object
    with bpy.context.temp_override(window=window, area=area, region=area.regions[-1]):
        assert objects_coverage(scene, [wall], *SIZE).mean() == pytest.approx(0.16, abs=CLOSE)
        assert bpy.context.area == area


def test_edits_count_before_edit_mode_is_left(scene: bpy.types.Scene) -> None:
    import bmesh

    wall, _ = plane(4), plane(1, x=3)
    bpy.context.view_layer.objects.active = wall
    bpy.ops.object.mode_set(mode='EDIT')
    edited = bmesh.from_edit_mesh(wall.data)
    bmesh.ops.scale(edited, vec=(0.5, 0.5, 0.5), verts=edited.verts)
    for each in (lambda: objects_coverage(scene, [wall], *SIZE), lambda: faces_coverage(scene, [wall], *SIZE)):
        assert each().mean() == pytest.approx(0.04, abs=CLOSE)
    assert wall.mode == 'EDIT'


def test_what_has_no_coverage_is_refused(scene: bpy.types.Scene) -> None:
    wall, behind, beside = plane(4), plane(1, z=-1), plane(1, x=20)
    assert "visible" in refused(objects_coverage, scene, [])
    assert "visible" in refused(objects_coverage, scene, [scene.camera])
    for obj in (behind, beside):
        assert "not see" in refused(objects_coverage, scene, [obj])
    scene.camera = None
    for function, *given in ((objects_coverage, [wall]), (depth_coverage, 1, 20)):
        assert "camera" in refused(function, scene, *given)


def test_without_cycles_the_add_on_to_enable_is_named(scene: bpy.types.Scene) -> None:
    wall = plane(4)
    addon_utils.disable("cycles")
    try:
        with pytest.raises(InputError) as told:
            objects_coverage(scene, [wall], *SIZE)
        assert told.value.field == "mask" and "Cycles" in told.value.hint
    finally:
        addon_utils.enable("cycles")


@pytest.mark.parametrize("size", [(7, 5), (200, 9), (33, 400)])
def test_pictures_of_any_size(scene: bpy.types.Scene, size: tuple[int, int]) -> None:
    objects = random_scene(scene, 5)
    scene.camera.data.sensor_fit = 'VERTICAL' if size[0] > size[1] else 'HORIZONTAL'       # the shorter side is 10 m
    mask = objects_coverage(scene, objects, *size)
    assert mask.shape == size[::-1]
    assert np.abs(mask - rendered_alpha(scene, *objects, width=size[0], height=size[1])).max() < 0.5


# --- materials --------------------------------------------------------------------------------------------


def test_a_material_is_found_by_its_exact_name(scene: bpy.types.Scene) -> None:
    names = ("Brick", "Brick.001", 'Old, "<wet>" brick', " <0.5> ", "Bríck ü", "x" * 63)
    planes = [plane(0.5 + i / 4, x=2 * (i % 3) - 2, y=2 * (i // 3) - 1, material=material(name))
              for i, name in enumerate(names)]
    plane(1, x=-2, y=-1, z=1)                     # hides all of the first but nothing else
    for name, obj in list(zip(names, planes, strict=True))[1:]:
        found = material_coverage(scene, [bpy.data.materials[name]], *SIZE)
        assert found.mean() == pytest.approx(obj.dimensions.x ** 2 / 100, abs=CLOSE), name
    both = material_coverage(scene, [bpy.data.materials[name] for name in names[1:3]], *SIZE)
    assert both.mean() == pytest.approx((0.75 ** 2 + 1) / 100, abs=CLOSE)
    assert "sees nothing of Brick" in refused(material_coverage, scene, [bpy.data.materials["Brick"]])
    assert "No material" in refused(material_coverage, scene, [])


def test_a_material_counts_face_by_face_and_on_instances(scene: bpy.types.Scene) -> None:
    bark, leaf = material("Bark"), material("Leaf", opacity=0.5)
    bpy.ops.mesh.primitive_grid_add(size=2, x_subdivisions=2, y_subdivisions=2)
    part = bpy.context.object
    part.data.materials.append(bark)
    part.data.materials.append(leaf)
    part.data.polygons[3].material_index = 1
    ground = plane(4, material=material("Ground"))
    scatter(ground, part, keep=True)
    hidden = collection("Tree", part)
    bpy.context.view_layer.layer_collection.children["Tree"].exclude = True
    bpy.ops.object.collection_instance_add(collection=hidden.name, location=(0, 0, 1))
    # Four on the ground's corners, each half beside the others; one above the middle.
    bark_area, leaf_area = 4 * 3 + 3, 4 + 1
    assert material_coverage(scene, [leaf], *SIZE).mean() == pytest.approx(leaf_area / 100 * 0.5, abs=CLOSE)
    assert material_coverage(scene, [bark], *SIZE).mean() == pytest.approx(bark_area / 100, abs=0.02)


def test_materials_of_the_same_name_are_told_apart(scene: bpy.types.Scene, tmp_path: Path) -> None:
    own = plane(2, x=-3, material=material("Brick"))
    path = tmp_path / "library.blend"
    bpy.data.libraries.write(str(path), {own.data.materials[0]})
    with bpy.data.libraries.load(str(path), link=True) as (given, wanted):
        wanted.materials = ["Brick"]
    linked = wanted.materials[0]
    plane(3, x=3, material=linked)
    assert linked.library and linked.name == own.data.materials[0].name
    assert material_coverage(scene, [own.data.materials[0]], *SIZE).mean() == pytest.approx(0.04, abs=CLOSE)
    assert material_coverage(scene, [linked], *SIZE).mean() == pytest.approx(0.09, abs=CLOSE)


# --- faces, weights, depth --------------------------------------------------------------------------------


def weighted(obj: bpy.types.Object) -> bpy.types.Object:
    """The object with a vertex group that has all of it."""
    obj.vertex_groups.new(name="All").add(range(len(obj.data.vertices)), 1.0, 'REPLACE')
    return obj


def select_faces(obj: bpy.types.Object, *faces: int) -> None:
    mesh = obj.data
    for elements in (mesh.vertices, mesh.edges):
        elements.foreach_set("select", np.zeros(len(elements), bool))
    mesh.polygons.foreach_set("select", np.isin(np.arange(len(mesh.polygons)), faces))


def grid(size: float, cells: int, x: float = 0, y: float = 0) -> bpy.types.Object:
    bpy.ops.mesh.primitive_grid_add(size=size, x_subdivisions=cells, y_subdivisions=cells, location=(x, y, 0))
    return bpy.context.object


def test_selected_faces_are_seen_with_what_hides_them(scene: bpy.types.Scene) -> None:
    wall, front = grid(4, 4), plane(1, x=-1.5, y=-1.5, z=1)
    select_faces(wall, 0, 1, 15)
    select_faces(front)
    mask = faces_coverage(scene, [wall, front], *SIZE)
    assert mask.mean() == pytest.approx(0.02, abs=CLOSE)
    assert mask[65, 35] == 0 and mask[65, 45] == 1 and mask[35, 65] == 1 and mask[50, 50] == 0
    assert "not see" in refused(lambda *given: (select_faces(wall, 0), faces_coverage(*given))[1], scene, [wall])
    select_faces(wall)
    assert "No face" in refused(faces_coverage, scene, [wall, scene.camera])


def test_modifiers_carry_the_selected_faces_along(scene: bpy.types.Scene) -> None:
    wall = grid(2, 2, x=-2, y=3)
    select_faces(wall, 0)
    array = wall.modifiers.new("", 'ARRAY')
    array.count, array.relative_offset_displace = 2, (1.5, 0, 0)
    assert faces_coverage(scene, [wall], *SIZE).mean() == pytest.approx(0.02, abs=CLOSE)
    wall.modifiers.new("", 'MIRROR').mirror_object = scene.camera
    wall.modifiers[-1].use_axis = (False, True, False)
    subdivision = wall.modifiers.new("", 'SUBSURF')
    subdivision.subdivision_type, subdivision.render_levels = 'SIMPLE', 2
    assert faces_coverage(scene, [wall], *SIZE).mean() == pytest.approx(0.04, abs=CLOSE)
    solid = grid(2, 2, x=-3, y=-3)
    select_faces(solid, 0)
    solid.modifiers.new("", 'SOLIDIFY').material_offset = 1
    assert faces_coverage(scene, [solid], *SIZE).mean() == pytest.approx(0.01, abs=CLOSE)


def test_selected_faces_keep_shapes_and_materials(scene: bpy.types.Scene) -> None:
    wall = grid(4, 2)
    wall.data.materials.append(material("Leaf", opacity=0.5))
    wall.shape_key_add(name="Basis")
    key = wall.shape_key_add(name="Small")
    key.value = 0.5
    for point in key.data:
        point.co *= 0.5
    select_faces(wall, 0, 1)
    assert faces_coverage(scene, [wall], *SIZE).mean() == pytest.approx(3 * 1.5 * 0.5 / 100, abs=CLOSE)


def test_what_grows_on_selected_faces_hides_them(scene: bpy.types.Scene) -> None:
    ground, leaf = grid(4, 2), plane(1, z=3)
    leaf.hide_render = True
    leaf.data.polygons[0].select = True
    scatter(ground, leaf, keep=True)
    select_faces(ground, 0)
    # Nine leaves; on the face lie a half of two, a quarter of two: (2 + 2) m² / 4 of its 4 m².
    assert faces_coverage(scene, [ground], *SIZE).mean() == pytest.approx((4 - 1) / 100, abs=CLOSE)


def test_faces_are_selected_in_edit_mode_too(scene: bpy.types.Scene) -> None:
    import bmesh

    wall = grid(4, 2)
    select_faces(wall, 0, 1, 2, 3)
    bpy.ops.object.mode_set(mode='EDIT')
    edited = bmesh.from_edit_mesh(wall.data)
    edited.faces.ensure_lookup_table()
    for face in edited.faces:
        face.select_set(False)
    edited.faces[3].select_set(True)
    mask = faces_coverage(scene, [wall], *SIZE)
    assert mask.mean() == pytest.approx(0.04, abs=CLOSE) and mask[40, 60] == 1 and mask[60, 40] == 0
    assert wall.mode == 'EDIT'


def test_weights_are_coverage(scene: bpy.types.Scene) -> None:
    wall, _ = grid(4, 1), plane(2, x=-1, z=1)
    group = wall.vertex_groups.new(name="Fade")
    for vertex in wall.data.vertices:
        group.add([vertex.index], 1.0 if vertex.co.x > 0 else 0.0, 'REPLACE')
    mask = vertex_group_coverage(scene, wall, "Fade", *SIZE)
    columns = (np.arange(100) + 0.5) / 10 - 5
    ramp = np.where(np.abs(columns) < 2, (columns + 2) / 4, 0)
    assert np.abs(mask[35] - ramp)[np.abs(np.abs(columns) - 2) > 0.2].max() < 0.02
    assert mask[50, 35] == 0
    doubled = wall.modifiers.new("", 'ARRAY')
    doubled.count, doubled.relative_offset_displace = 2, (0, 1, 0)
    assert vertex_group_coverage(scene, wall, "Fade", *SIZE)[10].max() > 0.9
    assert "no vertex group" in refused(vertex_group_coverage, scene, wall, "Fad")
    assert "no vertex group" in refused(vertex_group_coverage, scene, scene.camera, "Fade")
    group.remove(range(4))
    assert "nothing of the vertex group" in refused(vertex_group_coverage, scene, wall, "Fade")
    wall.hide_render = True
    assert "visible" in refused(vertex_group_coverage, scene, wall, "Fade")


@pytest.mark.parametrize("lens", ['ORTHO', 'PERSP'])
def test_depth_is_along_the_view(scene: bpy.types.Scene, lens: str) -> None:
    """A floor that rises to the right: where it is between two depths is a strip, also seen in perspective."""
    floor = plane(20)
    floor.rotation_euler.y = -math.pi / 4                      # z = x
    scene.camera.data.type, scene.camera.data.lens, scene.camera.data.sensor_width = lens, 36, 36
    mask = depth_coverage(scene, 9, 11, *SIZE)
    x = (np.arange(100) + 0.5) / 100 - 0.5                     # on a plane at a distance of 1 in perspective
    depth = 10 - 10 * x if lens == 'ORTHO' else 10 / (1 + x)
    inside = (depth > 9) & (depth < 11)
    edges = np.abs(np.diff(np.pad(inside, 2, mode="edge").astype(int)))
    sure = np.convolve(edges, np.ones(6), "same")[1:-2] == 0          # the edge of a column is up to two pixels wide
    assert sure.sum() > 80 and (mask[:, sure] == inside[sure]).all()
    assert mask.mean() == pytest.approx(inside.mean(), abs=0.006)


def test_what_is_nearer_hides_what_is_in_the_depth_range(scene: bpy.types.Scene) -> None:
    plane(4), plane(2, z=1), plane(1, x=-4, z=-5)
    for near, far, area in ((9.5, 10.5, 0.12), (0, 9.5, 0.04), (0.0, 11, 0.16), (9.5, 100, 0.13), (8, 9, 0.04)):
        assert depth_coverage(scene, near - 0.01 if near == 8 else near, far + 0.01 if near == 8 else far,
                              *SIZE).mean() == pytest.approx(area, abs=CLOSE)
    assert "nothing from 2 to 4" in refused(depth_coverage, scene, 2, 4)
    for near, far in ((4, 2), (-1, 3), (3, 3), (math.nan, 3)):
        assert "empty" in refused(depth_coverage, scene, near, far)


def test_depth_sees_through_transparent_material(scene: bpy.types.Scene) -> None:
    plane(4), plane(2, z=1, material=material("Half", opacity=0.25))
    assert depth_coverage(scene, 0, 9.5, *SIZE).mean() == pytest.approx(0.04 * 0.25, abs=CLOSE)
    assert depth_coverage(scene, 9.5, 11, *SIZE).mean() == pytest.approx(0.12 + 0.04 * 0.75, abs=CLOSE)


# --- nothing is changed -----------------------------------------------------------------------------------


def everything(scene: bpy.types.Scene) -> dict[object, object]:
    """What an artist, a save or an undo could notice: all simple settings, the members, links and users of all data."""
    def settings(owner: bpy.types.bpy_struct) -> dict[object, object]:
        of = owner.name if hasattr(owner, "name") else owner.rna_type.name
        return {(of, prop.identifier): repr(getattr(owner, prop.identifier)) for prop in owner.bl_rna.properties
                if prop.type not in {'COLLECTION'} and prop.identifier not in {"bl_rna", "rna_type", "use_nodes"}}

    # 4.2 counts a user too many of each collection in a copied scene. It counts anew when the file is loaded.
    miscounted = {"collections"} if bpy.app.version < (4, 5, 0) else set()
    found: dict[object, object] = {
        (kind, block.name): (kind in miscounted or block.users, block.session_uid) for kind in dir(bpy.data)
        if isinstance(getattr(bpy.data, kind), bpy.types.bpy_prop_collection) for block in getattr(bpy.data, kind)
        if hasattr(block, "session_uid")
    }
    for owner in (scene, scene.render, scene.cycles, scene.render.image_settings, scene.view_settings, *scene.objects,
                  *bpy.data.materials):
        found |= settings(owner)
    for obj in scene.objects:
        found[obj.name, "more"] = obj.select_get(), [modifier.name for modifier in obj.modifiers]
    for layer in scene.view_layers:
        children = layer.layer_collection.children
        found[layer.name, "children"] = [(child.name, child.exclude, child.holdout) for child in children]
    context = bpy.context
    found["context"] = context.scene.name, context.view_layer.name, context.object.name, context.mode
    return found


def changes(before: dict[object, object], after: dict[object, object]) -> dict[object, tuple[object, object]]:
    return {key: (before.get(key), after.get(key)) for key in before.keys() | after.keys()
            if before.get(key) != after.get(key)}


@pytest.fixture
def full_scene(scene: bpy.types.Scene) -> Iterator[list[Callable[[], np.ndarray]]]:
    """A scene with something of all, and the functions that make masks of it."""
    wall = grid(4, 2)
    wall.data.materials.append(material("Wall"))
    wall.vertex_groups.new(name="Group").add(range(4), 1.0, 'REPLACE')
    wall.shape_key_add(name="Basis")
    select_faces(wall, 0, 1)
    leaf = plane(0.5, z=1)
    scatter(wall, leaf, keep=True)
    wall.modifiers.new("Fur", 'PARTICLE_SYSTEM')
    leaf.is_holdout = True
    scene.render.engine, scene.cycles.samples = 'CYCLES', 1
    scene.keyframe_insert("gravity", frame=1)
    scene.timeline_markers.new("Shot", frame=1).camera = scene.camera
    if bpy.app.version < (5, 0, 0):
        scene.use_nodes = True
    scene.render.resolution_x = scene.render.resolution_y = 8
    bpy.ops.render.render()                 # makes the images that any composited render makes
    image = scene.render.image_settings
    if bpy.app.version >= (5, 0, 0):
        image.media_type = 'VIDEO'
    image.file_format = 'FFMPEG'
    return [
        lambda: objects_coverage(scene, [leaf, wall], *SIZE), lambda: faces_coverage(scene, [wall], *SIZE),
        lambda: material_coverage(scene, [bpy.data.materials["Wall"]], *SIZE),
        lambda: vertex_group_coverage(scene, wall, "Group", *SIZE), lambda: depth_coverage(scene, 5, 11, *SIZE),
    ]


def test_nothing_of_the_scene_is_changed(scene: bpy.types.Scene, full_scene: list[Callable[[], np.ndarray]]) -> None:
    for mode in ('OBJECT', 'EDIT'):
        bpy.context.view_layer.objects.active = bpy.data.objects["Grid"]
        bpy.ops.object.mode_set(mode=mode)
        before = everything(scene)
        for make in full_scene:
            assert make().any()
            assert not changes(before, everything(scene))


def test_nothing_of_the_scene_is_changed_by_a_failure(
    scene: bpy.types.Scene, full_scene: list[Callable[[], np.ndarray]], monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mask_scene, "scratch_file", lambda ending: (_ for _ in ()).throw(OSError("the disk is full")))
    before = everything(scene)
    for make in full_scene:
        with pytest.raises(OSError, match="full"):
            make()
        assert not changes(before, everything(scene))


def test_renders_that_are_kept_in_slots_survive(scene: bpy.types.Scene, tmp_path: Path) -> None:
    """Three pictures of different colors in three slots; the masks are made while each of them is shown."""
    wall = plane(4, material=material("Wall"))
    scene.render.engine = 'CYCLES'
    scene.cycles.samples = 1
    scene.render.resolution_x = scene.render.resolution_y = 16
    result = bpy.data.images["Render Result"]
    slots = result.render_slots

    def shown() -> list[object]:
        found = []
        active = slots.active_index
        for index in range(len(slots)):
            slots.active_index = index
            path = tmp_path / "slot.png"
            try:
                result.save_render(str(path), scene=scene)
                found.append(path.read_bytes())
            except RuntimeError:
                found.append(None)
        slots.active_index = active
        return found

    scene.world.color = (1, 0, 0)
    for index, size in ((0, 16), (3, 20), (1, 24)):
        slots.active_index = index
        scene.render.resolution_x = size
        bpy.ops.render.render()
    before = shown()
    assert [index for index, picture in enumerate(before) if picture] == [0, 1, 3] and len(set(before)) == 4
    for index in (1, 0, 2, 3):
        slots.active_index = index
        for make in (lambda: objects_coverage(scene, [wall], *SIZE),
                     lambda: material_coverage(scene, [bpy.data.materials["Wall"]], *SIZE)):
            assert make().mean() == pytest.approx(0.16, abs=CLOSE)
            assert slots.active_index == index and shown() == before


def test_a_large_picture_is_cropped_to_what_is_seen(scene: bpy.types.Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the objects are is found in a small render first; nothing of their edge is lost by it."""
    wall = plane(1, x=3, y=-2)
    wall.rotation_euler.z = 0.3
    monkeypatch.setattr(mask_scene, "MIN_SAMPLES", 16)
    near = objects_coverage(scene, [wall], 1010, 610)
    monkeypatch.setattr(mask_scene, "_set_border", lambda copy, box: None)
    assert np.array_equal(near, objects_coverage(scene, [wall], 1010, 610))

