# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From words to a material on the object, against the bare download of the same answer and one decode.

Ours: plan, journal, worker, answer, result, image, material; the worker is warm. Bare: http.client, json, base64,
Pillow. Both from the same practice service, in a process of its own, without latency.
"""

from __future__ import annotations

import base64
import http.client
import io
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import common

ROUNDS = 25
GOAL = 1.2
WORDS = "weathered red brick wall with moss"


def main() -> None:
    common.in_environment()
    data = common.sample_png(1024, 1024)
    with tempfile.TemporaryDirectory(prefix="gptimage-bench-") as folder:
        picture = Path(folder, "picture.png")
        picture.write_bytes(data)
        with common.server(picture) as base_url, common.session(4) as host:
            _bench(base_url, host, data)


def _bench(base_url: str, host: object, data: bytes) -> None:
    import bpy

    from gptimage_addon.core.prompts import texture_prompt
    from gptimage_addon.core.request import Landing, Place, Request, Service, ServiceKind
    from gptimage_addon.operators.texture import plan_texture, texture_targets

    service = Service(ServiceKind.COMPATIBLE, base_url)
    words = Request(prompt=WORDS, model="gpt-image-2.5-flare", size="1024x1024", quality="medium")
    obj = bpy.data.objects.new("Cube", bpy.data.meshes.new("Cube"))
    bpy.context.scene.collection.objects.link(obj)
    stages: dict[str, list[float]] = {}
    address = urlsplit(base_url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port or 80)

    def ours() -> float:
        started = time.perf_counter()
        landing = Landing(place=Place.REPLACE_SLOT, targets=texture_targets([obj]))
        planned = plan_texture(words, service, landing)
        planned_at = time.perf_counter()
        view = host.submit(planned.job, planned.inputs)
        submitted_at = time.perf_counter()
        assert host.wait(60.0) and view.landed and view.landed.images, view.record
        ended = time.perf_counter()
        assert obj.active_material and obj.active_material.name.startswith("Weathered Red Brick")
        image = bpy.data.images[view.landed.images[0]]
        decode_s = common.timed(lambda: tuple(image.size) == (1024, 1024) or 1 / 0)
        wall = time.time() - time.perf_counter()            # the record's clock against ours
        record, result = view.record, view.record.result
        for name, value in (
            ("plan", planned_at - started), ("journal: request written", submitted_at - planned_at),
            ("worker heard it and sent", record.sent_at - wall - submitted_at),
            ("answer asked, received and synced", result.seconds),
            ("result checked and written", record.ended_at - wall - (record.sent_at - wall) - result.seconds),
            ("record synced, host heard it, adopted, material", ended - (record.ended_at - wall)),
            ("(not counted: Blender's decode at first draw)", decode_s),
        ):
            stages.setdefault(name, []).append(value)
        host.jobs.clear()
        bpy.data.materials.remove(obj.active_material)
        bpy.data.images.remove(image)
        return ended - started

    def bare(stream: bool) -> float:
        started = time.perf_counter()
        body = {"model": words.model, "prompt": texture_prompt(WORDS), "size": words.size, "quality": words.quality,
                "output_format": "png", **({"stream": True} if stream else {})}
        connection.request("POST", f"{address.path}/images/generations", json.dumps(body),
                           {"content-type": "application/json", "authorization": "Bearer none"})
        raw = connection.getresponse().read()
        if stream:
            found = json.loads(raw.partition(b"data: ")[2])["b64_json"]
        else:
            found = json.loads(raw)["data"][0]["b64_json"]
        _decode(base64.b64decode(found))
        return time.perf_counter() - started

    bare(False)                                  # what Pillow loads at first use
    times_s, plain, streamed = common.in_turns(ROUNDS, ours, lambda: bare(False), lambda: bare(True))
    connection.close()
    print(f"Words to material, 1024x1024 PNG of {len(data) / 1e6:.1f} MB, {ROUNDS} rounds")
    common.compare(("words to material", times_s), ("bare download, one decode", plain), GOAL)
    print(f"  bare download as a stream, one decode    {common.told(streamed)}")
    decoded = [common.timed(lambda: _decode(data)) for _ in range(9)]
    print(f"  a bare decode alone                      {common.told(decoded)}")
    with tempfile.TemporaryDirectory(dir=host.data_dir) as folder:
        synced = [_sync(Path(folder), data) for _ in range(9)]
        print(f"  one fsync of these bytes in the folder   {common.told(synced)}")
    print("  Where ours goes:")
    for name, values in stages.items():
        print(f"    {name:50} {common.told(values[1:])}")
    counted = sum(statistics.median(values[1:]) for name, values in stages.items() if not name.startswith("("))
    print(f"    {'sum of the medians':50} {counted * 1000:9.2f} ms")


def _decode(data: bytes) -> None:
    from PIL import Image

    with Image.open(io.BytesIO(data)) as picture:
        picture.load()


def _sync(folder: Path, data: bytes) -> float:
    with open(folder / "bytes", "wb") as file:
        file.write(data)
        file.flush()
        return common.timed(lambda: os.fsync(file.fileno()))


if __name__ == "__main__":
    main()
