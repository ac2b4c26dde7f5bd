# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest

from gptimage_addon.blender import images
from gptimage_addon.core.errors import InputError
from tests.support.pictures import decode, encode, quarters, write
from tests.support.scenes import pixels_of

# Blender and Pillow may use different JPEG decoders, which round differently.
TOLERANCE = {"PNG": 0, "WEBP": 0, "JPEG": 2}


def assert_shows(image: bpy.types.Image, data: bytes, tolerance: int = 0) -> None:
    """The image's pixels are the file's, as Pillow reads it."""
    expected = decode(data)
    found = np.rint(pixels_of(image) * 255).astype(int)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= tolerance


def save_and_reload(path: Path) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(path), check_existing=False)
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.ops.wm.open_mainfile(filepath=str(path))


@pytest.mark.parametrize(("kind", "suffix"), [("PNG", "png"), ("JPEG", "jpg"), ("WEBP", "webp")])
def test_a_picture_has_the_files_pixels_before_and_after_save_and_reload(
    tmp_path: Path, kind: str, suffix: str,
) -> None:
    path = write(tmp_path / "data" / f"0.{suffix}", kind=kind)
    data = path.read_bytes()
    image = images.adopt_picture(path, "Red Brick")
    image.use_fake_user = True
    assert image.name == "Red Brick"
    assert image.colorspace_settings.name == "sRGB"
    assert image.source == 'FILE' and bytes(image.packed_file.data) == data
    assert_shows(image, data, TOLERANCE[kind])

    path.unlink()
    save_and_reload(tmp_path / "scene.blend")
    reloaded = bpy.data.images["Red Brick"]
    assert bytes(reloaded.packed_file.data) == data
    assert reloaded.colorspace_settings.name == "sRGB"
    assert_shows(reloaded, data, TOLERANCE[kind])
    assert str(tmp_path).encode() not in (tmp_path / "scene.blend").read_bytes().replace(
        str(tmp_path / "scene.blend").encode(), b""), "a path of this machine is in the file"


def test_alpha_is_straight(tmp_path: Path) -> None:
    rows = np.zeros((8, 8, 4), np.uint8)
    rows[...] = (200, 100, 50, 128)
    rows[:4, :, 3] = 0                  # color under full transparency counts too
    image = images.adopt_picture(write(tmp_path / "0.png", rows), "Leaf")
    assert image.alpha_mode == 'STRAIGHT'
    assert_shows(image, encode(rows))


def test_beside_the_file_the_picture_has_its_own_name_and_survives_reload(tmp_path: Path) -> None:
    blend = tmp_path / "project" / "scene.blend"
    blend.parent.mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(blend), check_existing=False)
    first_rows, second_rows = quarters(), quarters()[::-1].copy()
    source = write(tmp_path / "data" / "0.png", first_rows)
    first = images.adopt_picture(source, "Brick", pack=False)
    # The artist renames the first: the next one's file must not replace its file.
    first.name = "Old Brick"
    write(source, second_rows)
    second = images.adopt_picture(source, "Brick", pack=False)
    for image in (first, second):
        image.use_fake_user = True
    source.unlink()
    save_and_reload(blend)
    for name, rows in (("Old Brick", first_rows), ("Brick", second_rows)):
        image = bpy.data.images[name]
        assert image.packed_file is None
        assert image.filepath.startswith("//")
        assert Path(bpy.path.abspath(image.filepath)).parent == blend.parent / "textures"
        assert_shows(image, encode(rows))
    assert str(tmp_path / "data").encode() not in blend.read_bytes()


def test_in_an_unsaved_file_the_picture_is_packed(tmp_path: Path) -> None:
    assert images.adopt_picture(write(tmp_path / "0.png"), "Brick", pack=False).packed_file is not None


def test_same_names_stay_apart(tmp_path: Path) -> None:
    path = write(tmp_path / "0.png")
    names = {images.adopt_picture(path, "Brick").name for _ in range(3)}
    assert len(names) == 3 and all(name.startswith("Brick") for name in names)


@pytest.mark.parametrize("pack", [True, False])
def test_an_unreadable_picture_leaves_no_image_behind(tmp_path: Path, pack: bool) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"), check_existing=False)
    before = set(bpy.data.images.keys())
    with pytest.raises(OSError):
        images.adopt_picture(tmp_path / "gone.png", "Brick", pack=pack)
    assert set(bpy.data.images.keys()) == before


def test_provenance_survives_reload(tmp_path: Path) -> None:
    image = images.adopt_picture(write(tmp_path / "0.png"), "Brick")
    facts = {"job_id": "20261122-101010-abcd", "prompt": "rotes Ziegelmauerwerk äöü", "cost_usd": 0.0132, "variant": 2}
    images.set_provenance(image, facts)
    image.use_fake_user = True
    save_and_reload(tmp_path / "scene.blend")
    assert dict(images.provenance(bpy.data.images["Brick"]).items()) == facts
    assert images.provenance(bpy.data.images.new("other", 8, 8)) == {}
    assert images.provenance(None) == {}


# --- pictures to send -------------------------------------------------------------------------------------

def state_of(image: bpy.types.Image) -> tuple[object, ...]:
    return (image.is_dirty, image.filepath, image.filepath_raw, image.users, image.source, image.file_format,
            image.packed_file is None, image.use_fake_user, image.colorspace_settings.name, tuple(image.size))


def sent(image: bpy.types.Image) -> bytes:
    """The bytes to send, after a check that asking for them changed nothing."""
    tuple(image.size)                   # loads the pixels: what is asked below does so as well
    before, names = state_of(image), set(bpy.data.images.keys())
    data, mime = images.picture_bytes(image)
    assert state_of(image) == before
    assert set(bpy.data.images.keys()) == names
    assert data.startswith({"image/png": b"\x89PNG", "image/jpeg": b"\xff\xd8\xff", "image/webp": b"RIFF"}[mime])
    return data


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("packed", [True, False])
def test_an_unchanged_file_is_sent_byte_for_byte(tmp_path: Path, kind: str, packed: bool) -> None:
    path = write(tmp_path / f"a.{kind.lower()}", kind=kind)
    data = path.read_bytes()
    image = bpy.data.images.load(str(path))
    if packed:
        image.pack()
        path.unlink()
    assert sent(image) == data


def paint(image: bpy.types.Image, color: tuple[float, ...]) -> None:
    image.pixels.foreach_set(np.tile(np.float32(color), image.size[0] * image.size[1]))


def test_a_painted_image_is_sent_as_painted_not_as_in_its_file(tmp_path: Path) -> None:
    image = bpy.data.images.load(str(write(tmp_path / "a.png")))
    paint(image, (0.2, 0.4, 0.6, 1.0))
    assert image.is_dirty
    assert (decode(sent(image)) == (51, 102, 153, 255)).all()
    assert decode((tmp_path / "a.png").read_bytes()).shape == (16, 32, 4)


def test_a_painted_generated_image_keeps_its_transparency() -> None:
    image = bpy.data.images.new("Paint", 8, 4, alpha=True)
    paint(image, (0.2, 0.4, 0.6, 0.2))
    found = decode(sent(image))
    assert found.shape == (4, 8, 4) and (found == (51, 102, 153, 51)).all()


def test_a_generated_image_is_sent_in_its_color() -> None:
    image = bpy.data.images.new("Plain", 8, 8, alpha=True)
    image.generated_color = (1.0, 0.0, 1.0, 1.0)
    assert (decode(sent(image)) == (255, 0, 255, 255)).all()


@pytest.mark.parametrize(("linear", "alpha", "display"), [
    (0.5, 1.0, 188),                    # the sRGB curve: 1.055 * 0.5 ** (1 / 2.4) - 0.055 = 0.7354
    (0.18, 1.0, 118), (0.002, 1.0, 7), (4.0, 1.0, 255),
    (0.25, 0.5, 188),                   # float pixels hold color times alpha
])
def test_a_float_image_is_sent_in_display_colors(linear: float, alpha: float, display: int) -> None:
    image = bpy.data.images.new("Linear", 4, 4, alpha=True, float_buffer=True)
    paint(image, (linear, linear, linear, alpha))
    found = decode(sent(image))
    assert np.abs(found[..., :3].astype(int) - display).max() <= 1
    assert np.abs(found[..., 3].astype(int) - round(alpha * 255)).max() <= 1


def test_a_float_image_of_data_is_sent_as_its_numbers() -> None:
    image = bpy.data.images.new("Height", 4, 4, alpha=True, float_buffer=True, is_data=True)
    paint(image, (0.5, 0.5, 0.5, 1.0))
    assert np.abs(decode(sent(image))[..., :3].astype(int) - 128).max() <= 1


@pytest.mark.parametrize("kind", ["BMP", "TIFF"])
def test_another_format_is_sent_as_png(tmp_path: Path, kind: str) -> None:
    image = bpy.data.images.load(str(write(tmp_path / f"a.{kind.lower()}", kind=kind)))
    assert (decode(sent(image), "RGB") == quarters()).all()


def test_a_grey_picture_is_sent_grey(tmp_path: Path) -> None:
    image = bpy.data.images.load(str(write(tmp_path / "a.tif", np.full((4, 4), 77, np.uint8), "TIFF")))
    assert (decode(sent(image)) == (77, 77, 77, 255)).all()


def test_a_missing_file_is_refused_with_the_field(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png")
    image = bpy.data.images.load(str(path))
    path.unlink()
    with pytest.raises(InputError) as refused:
        images.picture_bytes(image, field="jobs[0].references[1]")
    assert refused.value.field == "jobs[0].references[1]"
    assert image.name in refused.value.message
    with pytest.raises(InputError):
        images.picture_bytes(path)


def test_a_file_that_is_no_picture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.png"
    path.write_text("not a picture")
    with pytest.raises(InputError, match="no PNG, JPEG or WebP"):
        images.picture_bytes(path)
    image = bpy.data.images.new("x", 8, 8)
    image.filepath_raw, image.source = str(path), 'FILE'
    with pytest.raises(InputError):
        images.picture_bytes(image)


def test_a_too_large_file_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png")
    with open(path, "r+b") as file:
        file.truncate(50_000_001)       # the service takes less than 50 MB
    with pytest.raises(InputError, match="50 MB"):
        images.picture_bytes(path)
