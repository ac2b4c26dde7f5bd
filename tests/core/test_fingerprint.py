# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes two requests the same, and what does not."""

from __future__ import annotations

import pytest

from gptimage_addon.core.fingerprint import content_digest, fingerprint, input_paths
from gptimage_addon.core.request import (
    Finish, FollowUp, Job, Landing, Lettering, MapKind, Neighbor, Place, Request, SentPicture, Service, ServiceKind, Surface, Target,
)

EDIT = Request("bricks", "m", images=(SentPicture("prepared/window.png", "image/png", 64, 64, name="A"),
                                      SentPicture("inputs/1.png", "image/png", 8, 8, "the style", name="B"),
                                      SentPicture("prepared/2.png", "image/png", 8, 8, source="inputs/2.npy")),
               mask=SentPicture("prepared/mask.png", "image/png", 64, 64))
FINISH = Finish("inputs/source.png", "inputs/mask.npy", (0, 0, 64, 64), (64, 64), parent="A", beside=("other",),
                around=(Neighbor(1, 0, "inputs/right.png"), Neighbor(0, 1, "inputs/above.png", of="another job")))
JOB = Job("id", "texture", "bricks", EDIT, Service(), Landing(Place.IMAGE), finish=FINISH, surface=Surface("xy"))
CONTENT = {"inputs/1.png": b"one", "inputs/2.npy": b"two", "inputs/source.png": b"source", "inputs/mask.npy": b"mask",
           "inputs/right.png": b"right"}


def of(job: Job, content: dict[str, bytes] = CONTENT) -> str:
    return fingerprint(job, {path: content_digest(data) for path, data in content.items()})


def test_the_files_that_count() -> None:
    assert set(input_paths(JOB)) == set(CONTENT)
    assert input_paths(JOB._replace(surface=Surface(source="inputs/painted.png")))[-1] == "inputs/painted.png"
    with pytest.raises(KeyError):
        fingerprint(JOB, {})


@pytest.mark.parametrize("other", [
    JOB._replace(id="other"), JOB._replace(prompt="what the artist wrote"), JOB._replace(created="2026-11-25"),
    JOB._replace(estimate_usd=.5, estimate_exact=False, deadline_s=1.0), JOB._replace(landing=Landing(Place.WORLD, (Target("OBJECT", "Cube"),))),
    JOB._replace(finish=FINISH._replace(parent="B", beside=())), JOB._replace(follow_up=FollowUp(Request("x", "m"), Service())),
    JOB._replace(request=EDIT._replace(images=(EDIT.images[0]._replace(name=""), *EDIT.images[1:]))),
    JOB._replace(request=EDIT._replace(batch=True)),
], ids=lambda job: next(name for name in Job._fields if getattr(job, name) != getattr(JOB, name)))
def test_what_does_not_count(other: Job) -> None:
    assert of(other) == of(JOB)


def test_names_of_files_do_not_count() -> None:
    renamed = SentPicture("inputs/renamed.png", "image/png", 8, 8, "the style", name="B")
    other = JOB._replace(request=EDIT._replace(images=(EDIT.images[0], renamed, EDIT.images[2])))
    assert of(other, {**CONTENT, "inputs/renamed.png": b"one"}) == of(JOB) != of(other, {**CONTENT, "inputs/renamed.png": b"two"})


@pytest.mark.parametrize("name", CONTENT)
def test_every_file_counts(name: str) -> None:
    assert of(JOB, {**CONTENT, name: b"else"}) != of(JOB)


def test_a_tile_s_neighbors_count_by_content_or_by_job() -> None:
    around = (Neighbor(-1, 0, "inputs/tile-1001.png"), Neighbor(0, -1, "prepared/tile-1002.png", "before"))
    tile = Job("id", "udim", "bricks", Request("bricks", "m"), Service(), Landing(Place.TILE),
               finish=Finish("", "", (0, 0, 80, 80), (80, 80), around=around, tile=(16, 0, 80, 64)))
    assert input_paths(tile) == ("inputs/tile-1001.png",)
    content = {"inputs/tile-1001.png": b"one"}
    renamed = tile._replace(finish=tile.finish._replace(around=(around[0]._replace(path="inputs/x.png"), around[1])))
    assert of(tile, content) == of(renamed, {"inputs/x.png": b"one"}) != of(tile, {"inputs/tile-1001.png": b"else"})
    other = tile._replace(finish=tile.finish._replace(around=(around[0], around[1]._replace(of="another"))))
    assert of(other, content) != of(tile, content)


def test_every_field_of_what_is_asked_counts() -> None:
    changes = {"prompt": "tiles", "model": "n", "size": "512x512", "quality": "high", "n": 2, "background": "opaque", "output_format": "webp",
               "output_compression": 5, "moderation": "low", "complexity": "x", "partial_images": 1, "images": EDIT.images[:2], "mask": None,
               "markup": SentPicture("prepared/markup.png", "image/png", 64, 64), "input_fidelity": "high", "style": "gouache", "prefix": "a", "suffix": "b"}
    assert set(changes) == set(Request._fields) - {"batch"}
    others = [JOB._replace(request=EDIT._replace(**{name: value})) for name, value in changes.items()]
    others += [JOB._replace(service=Service(ServiceKind.OPENAI)), JOB._replace(finish=FINISH._replace(box=(1, 0, 64, 64))),
               JOB._replace(surface=Surface("xy", maps=(MapKind.NORMAL,))), JOB._replace(surface=None), JOB._replace(views=("front",)),
               JOB._replace(lettering=Lettering(("Open",)))]
    assert len({of(job) for job in (JOB, *others)}) == len(others) + 1


def test_it_stays_the_same_from_version_to_version() -> None:
    """Else everything would be paid once more after an update. Fields that are added have a default, which is left out."""
    plain = Job("id", "texture", "bricks", Request("bricks", "gpt-image-2.5-flare"), Service(), Landing(Place.IMAGE))
    assert fingerprint(plain, {}) == "007e6aeffd947dd713b7dce783850b87"
