# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What goes into the zip: the stage, the lock, the manifest, judged by Blender's own tool where it has a judgment."""

from __future__ import annotations

import email.parser
import hashlib
import json
import re
import subprocess
import tomllib
import zipfile
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from packaging.requirements import Requirement

# Named here once more, on purpose: the promise of the issue, not what the script believes.
PLATFORMS = ["windows-x64", "windows-arm64", "macos-x64", "macos-arm64", "linux-x64"]
PYTHONS = [(platform, python) for platform in PLATFORMS for python in ((3, 11), (3, 13))] + [("linux-x64", (3, 14))]
NEVER = {"numpy", "requests", "urllib3", "certifi", "charset-normalizer", "zstandard"}
# What the worker imports; all else is in the lock because these need it.
WANTED = {"openai", "pillow", "keyring", "platformdirs"}


@pytest.fixture(scope="module")
def lock(checkout: Path) -> list[dict[str, str]]:
    text = (checkout / "scripts" / "wheels.lock").read_text(encoding="utf-8")
    wheels: list[dict[str, str]] = json.loads(text)["wheels"]
    return wheels


@pytest.fixture(scope="module")
def manifest(checkout: Path) -> dict[str, Any]:
    return tomllib.loads((checkout / "blender_manifest.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def zip_manifest(built_zip: Path) -> dict[str, Any]:
    with zipfile.ZipFile(built_zip) as archive:
        return tomllib.loads(archive.read("blender_manifest.toml").decode())


def is_accepted(build_script: ModuleType, tool: Path, path: Path) -> bool:
    """What Blender's own tool says of a zip or a folder."""
    done = subprocess.run(build_script.tool_command(tool, "validate", str(path)), capture_output=True, check=False)
    return done.returncode == 0


def test_manifest_keeps_the_promises(manifest: dict[str, Any]) -> None:
    assert (manifest["id"], manifest["name"]) == ("gptimage_addon", "GPT Image")
    assert manifest["blender_version_min"] == "4.2.0"
    assert manifest["license"] == ["SPDX:GPL-3.0-or-later"]
    assert manifest["platforms"] == PLATFORMS
    assert set(manifest["permissions"]) == {"network", "files"}
    assert "wheels" not in manifest, "the build writes the wheels"
    assert "build" not in manifest, "[build] paths, wheels and split platforms crash Blender's tool together"


def test_blender_accepts_the_zip(build_script: ModuleType, built_zip: Path, extension_tool: Path) -> None:
    assert is_accepted(build_script, extension_tool, built_zip)


@pytest.mark.parametrize(("line", "broken"), [
    ('version = "0.1.0"', 'version = "first"'),
    ('tags = ["Material"', 'tags = ["No Such Tag"'),
    ('network = "Send prompts', 'network = "' + "x" * 65),
])
def test_blender_refuses_a_broken_manifest(
    line: str, broken: str, checkout: Path, build_script: ModuleType, extension_tool: Path, tmp_path: Path
) -> None:
    text = (checkout / "blender_manifest.toml").read_text(encoding="utf-8")
    assert line in text
    (tmp_path / "__init__.py").touch()
    (tmp_path / "blender_manifest.toml").write_text(text, encoding="utf-8")
    assert is_accepted(build_script, extension_tool, tmp_path)
    (tmp_path / "blender_manifest.toml").write_text(text.replace(line, broken), encoding="utf-8")
    assert not is_accepted(build_script, extension_tool, tmp_path)


def test_zip_is_the_package_and_nothing_else(built_zip: Path, checkout: Path) -> None:
    with zipfile.ZipFile(built_zip) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
        package = checkout / "gptimage_addon"
        sources = {path.relative_to(package).as_posix(): path for path in package.rglob("*.py")}
        rest = {name for name in names - set(sources) if not name.startswith("wheels/")}
        assert set(sources) <= names
        assert {"blender_manifest.toml", "LICENSE"} <= rest
        unexpected = {name for name in rest if not (package / name).is_file()}
        assert unexpected <= {"blender_manifest.toml", "LICENSE", "README.md"}
        assert not [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".blend1", ".zip"))]
        assert not [name for name, path in sources.items() if archive.read(name) != path.read_bytes()]


def test_stage_leaves_out_what_python_and_blender_leave_behind(
    build_script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = tmp_path / "package"
    for name in ("__init__.py", "core/__pycache__/a.cpython-311.pyc", "core/a.py", "core/.hidden"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).touch()
    monkeypatch.setattr(build_script, "PACKAGE", package)
    stage = tmp_path / "stage"
    build_script.stage("linux-x64", [], tmp_path, stage)
    staged = {path.relative_to(stage).as_posix() for path in stage.rglob("*") if path.is_file()}
    assert staged - {"README.md"} == {"__init__.py", "core/a.py", "LICENSE", "blender_manifest.toml"}


def test_zip_holds_the_locked_wheels_unchanged(
    built_zip: Path, zip_manifest: dict[str, Any], lock: list[dict[str, str]]
) -> None:
    digests = {wheel["file"]: wheel["sha256"] for wheel in lock}
    with zipfile.ZipFile(built_zip) as archive:
        inside = {name: archive.read(name) for name in archive.namelist() if name.endswith(".whl")}
    assert {f"./{name}" for name in inside} == set(zip_manifest["wheels"])
    assert set(zip_manifest["wheels"]) == set(zip_manifest["build"]["generated"]["wheels"])
    for name, content in inside.items():
        assert hashlib.sha256(content).hexdigest() == digests[name.removeprefix("wheels/")], name


def test_zip_is_for_its_platform_only(zip_manifest: dict[str, Any]) -> None:
    assert zip_manifest["platforms"] == ["linux-x64"]
    assert zip_manifest["build"]["generated"]["platforms"] == ["linux-x64"]
    platforms = {name.removesuffix(".whl").rpartition("-")[2] for name in zip_manifest["wheels"]}
    assert all(platform == "any" or re.fullmatch(r"(manylinux\w+_x86_64\.?)+", platform) for platform in platforms)
    assert not [name for name in zip_manifest["wheels"] if "pywin32" in name]


def test_index_lists_the_zip_with_its_pythons(built_zip: Path) -> None:
    index = json.loads((built_zip.parent / "index.json").read_text(encoding="utf-8"))
    (entry,) = index["data"]
    assert entry["archive_hash"] == "sha256:" + hashlib.sha256(built_zip.read_bytes()).hexdigest()
    assert entry["platforms"] == ["linux-x64"]
    assert {"3.11", "3.13", "3.14"} <= set(entry["python_versions"])


def test_lock_is_well_formed(lock: list[dict[str, str]]) -> None:
    for wheel in lock:
        assert set(wheel) - {"marker"} == {"name", "version", "file", "sha256"}
        assert re.fullmatch(r"[0-9a-f]{64}", wheel["sha256"]), wheel["file"]
        assert re.fullmatch(r"[\w.]+-[\w.]+-[\w.]+-[\w.]+-[\w.]+\.whl", wheel["file"])
    assert len({wheel["file"] for wheel in lock}) == len(lock)


def test_lock_has_no_package_that_blender_brings(lock: list[dict[str, str]]) -> None:
    assert not NEVER & {re.sub(r"[-_.]+", "-", wheel["name"]).lower() for wheel in lock}


def test_lock_covers_every_platform_and_python(build_script: ModuleType, manifest: dict[str, Any]) -> None:
    assert sorted(build_script.targets(manifest["platforms"])) == sorted(PYTHONS)
    build_script.check_coverage(build_script.read_lock(), manifest["platforms"])


def test_a_wheel_less_fails_the_build(build_script: ModuleType) -> None:
    wheels = build_script.read_lock()
    for wheel in wheels:
        with pytest.raises(build_script.BuildError, match="needs exactly one wheel"):
            build_script.check_coverage([other for other in wheels if other != wheel], PLATFORMS)


def test_a_wheel_too_many_fails_the_build(build_script: ModuleType) -> None:
    wheels = build_script.read_lock()
    with pytest.raises(build_script.BuildError, match="needs exactly one wheel"):
        build_script.check_coverage([*wheels, wheels[0]._replace(file="openai-1-py3-none-any.whl")], PLATFORMS)
    unneeded = build_script.Wheel("numpy", "1", "numpy-1-py3-none-any.whl", "")
    with pytest.raises(build_script.BuildError, match="No declared platform needs"):
        build_script.check_coverage([*wheels, unneeded], PLATFORMS)


def test_an_altered_wheel_fails_the_build(
    build_script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def download(requirements: Sequence[str], target: object, folder: Path) -> None:
        for wheel in build_script.read_lock():
            (folder / wheel.file).write_bytes(b"something else")

    monkeypatch.setattr(build_script, "_pip_download", download)
    with pytest.raises(build_script.BuildError, match="sha256"):
        build_script.fetch(build_script.read_lock(), ["linux-x64"], tmp_path)


def marker_environment(platform: str, python: tuple[int, int]) -> dict[str, str]:
    """What PEP 508 markers see inside Blender on that platform."""
    system, machine = platform.split("-")
    dotted = ".".join(map(str, python))
    return {
        "extra": "",
        "python_version": dotted,
        "python_full_version": f"{dotted}.9",
        "sys_platform": {"windows": "win32", "macos": "darwin", "linux": "linux"}[system],
        "platform_system": {"windows": "Windows", "macos": "Darwin", "linux": "Linux"}[system],
        "os_name": "nt" if system == "windows" else "posix",
        "platform_machine": {"x64": "AMD64" if system == "windows" else "x86_64", "arm64": "arm64"}[machine],
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }


@pytest.mark.parametrize(("platform", "python"), PYTHONS)
def test_pins_are_what_the_wheels_need(
    platform: str, python: tuple[int, int], build_script: ModuleType, built_zip: Path
) -> None:
    """The wheels' own words against the hand-kept pins: none missing, none too old, none for nothing.

    The words are read from the wheels for Linux, which are the same for all platforms; what only Windows has needs
    nothing.
    """
    needs: dict[str, list[Requirement]] = {}
    with zipfile.ZipFile(built_zip) as archive:
        for name in (name for name in archive.namelist() if name.endswith(".whl")):
            with archive.open(name) as file, zipfile.ZipFile(file) as wheel:
                (path,) = (inner for inner in wheel.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", inner))
                words = email.parser.BytesParser().parsebytes(wheel.read(path))
            wanted = words.get_all("Requires-Dist", [])
            needs[build_script.canonical(words["Name"])] = [Requirement(text) for text in wanted]
    target = build_script.Target(platform, python)
    pins = {build_script.canonical(pin.name): pin.version for pin in build_script.PINS if pin.is_for(target)}
    variables = marker_environment(platform, python)
    reached: set[str] = set()
    waiting = set(WANTED)
    while waiting:
        reached.add(package := waiting.pop())
        assert package in pins
        for need in needs.get(package, []):
            if need.marker is None or need.marker.evaluate(variables):
                name = build_script.canonical(need.name)
                assert name in pins, f"{package} needs {need}"
                assert need.specifier.contains(pins[name]), f"{package} needs {need}, pinned is {pins[name]}"
                waiting |= {name} - reached
    assert set(pins) == reached
