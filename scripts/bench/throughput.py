# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""64 jobs at a service that takes one second for each, 16 at a time, against the four seconds that cannot be beaten.

With small pictures the figure is our scheduling's. With real ones (2 MB each, 16 arriving in the same moment) it is
the processor's: what 16 bare connections reach on the same machine, only reading, stands beside it.
"""

from __future__ import annotations

import http.client
import json
import resource
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import common

ROUNDS = 3
GOAL = 0.95
JOBS, CONCURRENCY, LATENCY_S = 64, 16, 1.0
IDEAL_S = JOBS / CONCURRENCY * LATENCY_S


def main() -> None:
    common.in_environment()
    print(f"{JOBS} jobs of {LATENCY_S:.0f} s, {CONCURRENCY} at a time, {ROUNDS} rounds; ideal {IDEAL_S:.1f} s")
    for size, goal in (((64, 64), GOAL), ((1024, 1024), None)):
        data = common.sample_png(*size)
        print(f"\nPictures of {size[0]}x{size[1]}, {len(data) / 1000:.0f} kB")
        with tempfile.TemporaryDirectory(prefix="gptimage-bench-") as folder:
            picture = Path(folder, "picture.png")
            picture.write_bytes(data)
            with common.server(picture, LATENCY_S) as base_url, common.session(CONCURRENCY) as host:
                _round(base_url, host)          # warms up
                found = [(*_round(base_url, host), _bare(base_url)) for _ in range(ROUNDS)]
        landed, answered, used, bare = (list(values) for values in zip(*found, strict=True))
        _tell("until the last image is in Blender", landed, goal)
        _tell("until the last answer is on disk", answered)
        _tell("16 bare connections, answers only read", bare)
        print(f"  processor time of Blender's process a round: {statistics.median(used):.2f} s")


def _tell(label: str, seconds: list[float], goal: float | None = None) -> None:
    shares = [IDEAL_S / value for value in seconds]
    share = statistics.median(shares)
    aim = f", goal >= {goal:.0%}: {common.verdict(share >= goal)}" if goal else ""
    print(f"  {label:40} {statistics.median(seconds):6.2f} s ({min(seconds):.2f} .. {max(seconds):.2f}), "
          f"{share:.1%} of the ideal ({min(shares):.1%} .. {max(shares):.1%}){aim}")


def _bare(base_url: str) -> float:
    """Seconds that the same requests take from plain threads that throw the answers away."""
    address = urlsplit(base_url)
    body = json.dumps({"model": "gpt-image-2.5-flare", "prompt": "brick", "size": "1024x1024", "quality": "medium"})

    def ask(_: int) -> None:
        connection = http.client.HTTPConnection(address.hostname or "", address.port or 80)
        connection.request("POST", f"{address.path}/images/generations", body,
                           {"content-type": "application/json", "authorization": "Bearer none"})
        connection.getresponse().read()
        connection.close()

    with ThreadPoolExecutor(CONCURRENCY) as threads:
        return common.timed(lambda: list(threads.map(ask, range(JOBS))))


def _round(base_url: str, host: object) -> tuple[float, float, float]:
    import bpy

    from gptimage_addon.core.request import Landing, Place, Request, Service, ServiceKind
    from gptimage_addon.operators.texture import plan_texture

    service = Service(ServiceKind.COMPATIBLE, base_url)
    landing = Landing(place=Place.IMAGE)
    planned = [
        plan_texture(Request(prompt=f"brick {number}", model="gpt-image-2.5-flare"), service, landing)
        for number in range(JOBS)
    ]
    cpu = resource.getrusage(resource.RUSAGE_SELF)
    started, wall = time.perf_counter(), time.time()
    views = [host.submit(item.job, item.inputs) for item in planned]
    assert host.wait(120.0)
    seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_SELF)
    assert all(view.landed and view.landed.images for view in views), [view.record.error for view in views]
    answered = max(view.record.sent_at + view.record.result.seconds for view in views) - wall
    host.jobs.clear()
    for image in list(bpy.data.images):
        bpy.data.images.remove(image)
    used = after.ru_utime + after.ru_stime - cpu.ru_utime - cpu.ru_stime
    return seconds, answered, used


if __name__ == "__main__":
    main()
