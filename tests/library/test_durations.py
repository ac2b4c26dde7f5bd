# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long pictures took: a median of the newest, for each kind of request, that nothing can break."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gptimage_addon.core.request import Service, ServiceKind
from gptimage_addon.library.durations import KEPT, MAX_KINDS, Durations
from tests.support.worker_process import make_job

JOB = make_job(Service(ServiceKind.OPENAI))


def test_the_time_is_the_median_of_the_newest(tmp_path: Path) -> None:
    durations = Durations(tmp_path)
    assert durations.expected_s(JOB) == 0.0
    for seconds in (500.0, *range(KEPT)):           # the oldest is forgotten
        durations.add(JOB, seconds)
    durations.save()
    assert durations.expected_s(JOB) == Durations(tmp_path).expected_s(JOB) == (KEPT - 1) / 2


def test_what_two_workers_add_is_kept(tmp_path: Path) -> None:
    here, there = Durations(tmp_path), Durations(tmp_path)
    for each, seconds in ((here, 4.0), (there, 8.0)):
        each.add(JOB, seconds)
        each.save()
    assert there.expected_s(JOB) == Durations(tmp_path).expected_s(JOB) == 6.0
    written = (tmp_path / "durations.json").stat().st_mtime_ns
    here.save()
    assert (tmp_path / "durations.json").stat().st_mtime_ns == written, "nothing was added since"


@pytest.mark.parametrize("change", [{"model": "gpt-image-2"}, {"size": "1536x1024"}, {"quality": "high"}, {"n": 2}])
def test_each_kind_of_request_has_its_own(tmp_path: Path, change: dict[str, object]) -> None:
    durations = Durations(tmp_path)
    durations.add(JOB, 8.0)
    other = JOB._replace(request=JOB.request._replace(**change))
    assert durations.expected_s(other) == 0.0
    durations.add(other, 20.0)
    assert (durations.expected_s(JOB), durations.expected_s(other)) == (8.0, 20.0)
    assert durations.expected_s(JOB._replace(service=Service())) == 0.0


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"x": "y", "z": [1, null], "a": [-1]}', b"\xff"])
def test_a_broken_file_is_done_without(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "durations.json").write_bytes(content)
    durations = Durations(tmp_path)
    assert durations.expected_s(JOB) == 0.0
    durations.add(JOB, 3.0)
    durations.save()
    assert durations.expected_s(JOB) == Durations(tmp_path).expected_s(JOB) == 3.0


def test_a_folder_that_is_gone_is_no_error(tmp_path: Path) -> None:
    durations = Durations(tmp_path / "gone")
    durations.add(JOB, 3.0)
    durations.save()
    assert not (tmp_path / "gone").exists()


def test_the_kinds_least_used_are_forgotten(tmp_path: Path) -> None:
    durations = Durations(tmp_path)
    for number in range(MAX_KINDS + 5):
        durations.add(JOB._replace(request=JOB.request._replace(size=f"{number}x16")), 1.0)
    durations.save()
    assert len(json.loads((tmp_path / "durations.json").read_bytes())) == MAX_KINDS


def test_what_a_helper_left_when_it_died_is_cleared(tmp_path: Path) -> None:
    durations = Durations(tmp_path)
    durations.add(JOB, 3.0)
    durations.save()
    (tmp_path / "durations.json.4711.part").write_bytes(b"{")
    (tmp_path / "wallet.sqlite.part").write_bytes(b"x")
    assert Durations(tmp_path).expected_s(JOB) == 3.0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["durations.json", "wallet.sqlite.part"]
