# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What it costs the main thread to adopt a finished picture, against writing its pixels into a bare new image.

The other routes, which decided for the one that was taken, follow.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import common

ROUNDS = 9
GOAL = 1.3
SIZES = ((1024, 1024), (3840, 2160))


def main() -> None:
    common.in_environment()
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    with tempfile.TemporaryDirectory(prefix="gptimage-bench-") as folder:
        for width_px, height_px in SIZES:
            path = Path(folder, "picture.png")
            path.write_bytes(common.sample_png(width_px, height_px))
            _bench(path, width_px, height_px)


def _bench(path: Path, width_px: int, height_px: int) -> None:
    import bpy
    import numpy as np

    from gptimage_addon.blender.images import adopt_picture

    loaded = bpy.data.images.load(str(path))
    rgba = np.empty(width_px * height_px * 4, np.float32)
    loaded.pixels.foreach_get(rgba)
    bpy.data.images.remove(loaded)

    def decode(image: bpy.types.Image) -> bpy.types.Image:
        assert tuple(image.size) == (width_px, height_px)
        return image

    def bare() -> bpy.types.Image:
        image = bpy.data.images.new("bare", width_px, height_px)
        image.pixels.foreach_set(rgba)
        return image

    def bare_packed() -> bpy.types.Image:
        image = bare()
        image.pack()
        return image

    def load_packed() -> bpy.types.Image:
        image = bpy.data.images.load(str(path))
        image.pack()
        return image

    def new_packed() -> bpy.types.Image:
        image = bpy.data.images.new("new", width_px, height_px)
        data = path.read_bytes()
        image.pack(data=data, data_len=len(data))
        image.source = 'FILE'
        return image

    def adopt() -> bpy.types.Image:
        return adopt_picture(path, "adopted")

    routes: tuple[tuple[str, Callable[[], bpy.types.Image]], ...] = (
        ("adopt_picture", adopt),
        ("bare new + foreach_set", bare),
        ("adopt_picture + decode by Blender", lambda: decode(adopt())),
        ("images.load + pack()", load_packed),
        ("images.load + pack() + decode by Blender", lambda: decode(load_packed())),
        ("images.new in full size + pack(data)", new_packed),
        ("new + foreach_set + pack()", bare_packed),
    )

    def step(make: Callable[[], bpy.types.Image]) -> float:
        made: list[bpy.types.Image] = []
        seconds = common.timed(lambda: made.append(make()))
        assert tuple(made[0].size) == (width_px, height_px)
        bpy.data.images.remove(made[0])
        return seconds

    found = common.in_turns(ROUNDS, *(lambda make=make: step(make) for _, make in routes))
    print(f"\nAdopting {width_px}x{height_px}, PNG of {path.stat().st_size / 1e6:.1f} MB, {ROUNDS} rounds")
    common.compare((routes[0][0], found[0]), (routes[1][0], found[1]), GOAL)
    print("  Other routes:")
    for (label, _), times_s in zip(routes[2:], found[2:], strict=True):
        print(f"  {label:42} {common.told(times_s)}")


if __name__ == "__main__":
    main()
