# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds the extension: one zip a platform and the repository index, in `dist/`.

    python3 scripts/build.py                          all platforms of the manifest
    python3 scripts/build.py --platform linux-x64     only some; may be given again
    python3 scripts/build.py --lock                   rewrites scripts/wheels.lock from the pins below

Standard library only. Blender's own extension tool builds and validates; this script prepares what the tool wants,
since it can neither build a package in a subfolder nor combine `[build] paths` with wheels and split platforms (it
fails with an AssertionError, in 4.2 to 5.2): `build/stage/` holds the package's content, the manifest with the wheels
of one platform, and those wheels.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import environment
from environment import CHECKOUT, LOCK

PACKAGE: Final = CHECKOUT / "gptimage_addon"
MANIFEST: Final = CHECKOUT / "blender_manifest.toml"
BUILD: Final = CHECKOUT / "build"
DIST: Final = CHECKOUT / "dist"

# Blender up to 5.0 runs Python 3.11, from 5.1 on 3.13; distributions build Blender for Linux with their own, newer one.
PYTHONS: Final = ((3, 11), (3, 13))
EXTRA_PYTHONS: Final = {"linux-x64": ((3, 14),)}

# What pip calls our platforms, best first. The oldest systems that Blender 4.2 runs on set the limit: its Linux build
# needs glibc 2.28, its macOS builds 10.15 and 11.0.
PIP_PLATFORMS: Final = {
    "windows-x64": ("win_amd64",),
    "windows-arm64": ("win_arm64",),
    "macos-x64": ("macosx_10_15_x86_64",),
    "macos-arm64": ("macosx_11_0_arm64",),
    "linux-x64": (
        "manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64",
    ),
}
SYSTEMS: Final = {"windows": "win32", "macos": "darwin", "linux": "linux"}

# Blender brings these itself. A wheel of ours would replace Blender's for every extension of the user.
FORBIDDEN: Final = frozenset({"numpy", "requests", "urllib3", "certifi", "charset-normalizer", "zstandard"})


class BuildError(Exception):
    """The extension cannot be built; the text says why."""


class Target(NamedTuple):
    """One Blender platform with one Python."""

    platform: str
    python: tuple[int, int]


class Pin(NamedTuple):
    """A package the worker needs at run time. Its limits stand here: pip would judge them by this machine."""

    name: str
    version: str
    system: str | None = None
    python_below: tuple[int, int] | None = None

    def is_for(self, target: Target) -> bool:
        """Whether the worker needs the package there."""
        return (self.system is None or self.system == SYSTEMS[target.platform.partition("-")[0]]) and (
            self.python_below is None or target.python < self.python_below
        )

    @property
    def marker(self) -> str | None:
        """The same limits in the words of a requirement, for installing on this machine."""
        parts = [f'sys_platform == "{self.system}"'] if self.system else []
        if self.python_below:
            parts.append(f'python_version < "{self.python_below[0]}.{self.python_below[1]}"')
        return " and ".join(parts) or None


# Every package by name: nothing is resolved while building. tests/package/test_build.py compares the list with what
# the wheels say they need.
PINS: Final = (
    Pin("openai", "3.54.0"),
    Pin("annotated-types", "0.8.0"),
    Pin("anyio", "4.16.0"),
    Pin("h11", "0.16.0"),
    Pin("httpcore2", "2.16.2"),
    Pin("httpx2", "2.16.2"),
    Pin("idna", "3.20"),
    Pin("jiter", "0.19.0"),
    Pin("pydantic", "2.14.3"),
    Pin("pydantic-core", "2.50.4"),
    Pin("sniffio", "1.3.1"),
    Pin("truststore", "0.10.5"),
    Pin("typing-extensions", "4.16.0"),
    Pin("typing-inspection", "0.4.5"),
    Pin("pillow", "13.0.0"),
    Pin("platformdirs", "4.14.7"),
    Pin("keyring", "25.7.0"),
    Pin("jaraco.classes", "3.4.0"),
    Pin("jaraco.context", "6.1.2"),
    Pin("jaraco.functools", "4.6.0"),
    Pin("more-itertools", "11.2.1"),
    Pin("importlib-metadata", "10.2.0", python_below=(3, 12)),
    Pin("zipp", "4.1.2", python_below=(3, 12)),
    Pin("lazy-importer", "0.1.0", python_below=(3, 12)),
    Pin("backports.tarfile", "1.2.0", python_below=(3, 12)),
    Pin("SecretStorage", "3.5.0", system="linux"),
    Pin("jeepney", "0.9.0", system="linux"),
    Pin("cryptography", "50.0.2", system="linux"),
    Pin("cffi", "2.1.1", system="linux"),
    Pin("pycparser", "3.12", system="linux"),
    Pin("pywin32-ctypes", "0.2.3", system="win32"),
)


class Wheel(NamedTuple):
    """One file of the lock."""

    name: str
    version: str
    file: str
    sha256: str

    def fits(self, target: Target) -> bool:
        """Whether the file's tags say that it runs there."""
        tags, abi, platforms = self.file.removesuffix(".whl").split("-")[-3:]
        return any(_python_fits(tag, abi, target.python) for tag in tags.split(".")) and any(
            _platform_fits(tag, target.platform) for tag in platforms.split(".")
        )


def _python_fits(tag: str, abi: str, python: tuple[int, int]) -> bool:
    if tag == "py3":
        return True
    if not (match := re.fullmatch(r"cp3(\d+)", tag)):
        return False
    built_for = (3, int(match[1]))
    return built_for == python or (abi == "abi3" and built_for < python)


def _platform_fits(tag: str, platform: str) -> bool:
    if tag == "any":
        return True
    system, machine = platform.split("-")
    heads = {"windows": "win", "macos": "macosx", "linux": "manylinux"}
    tails = {"x64": ("_amd64", "_x86_64", "_universal2"), "arm64": ("_arm64", "_universal2")}
    return tag.startswith(heads[system]) and tag.endswith(tails[machine])


def canonical(name: str) -> str:
    """A distribution's name as all its spellings share it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def manifest_values() -> dict[str, object]:
    """The manifest as it stands in the checkout."""
    return tomllib.loads(MANIFEST.read_text(encoding="utf-8"))


def declared_platforms() -> tuple[str, ...]:
    """The platforms that the manifest promises."""
    platforms = manifest_values()["platforms"]
    assert isinstance(platforms, list)
    return tuple(platforms)


def targets(platforms: Iterable[str]) -> Iterator[Target]:
    """All that a zip of each platform must serve."""
    for platform in platforms:
        for python in (*PYTHONS, *EXTRA_PYTHONS.get(platform, ())):
            yield Target(platform, python)


def read_lock() -> tuple[Wheel, ...]:
    """The locked files, in the order of the lock."""
    return tuple(Wheel(row["name"], row["version"], row["file"], row["sha256"]) for row in environment.locked())


def chosen(wheels: Sequence[Wheel], target: Target) -> list[Wheel]:
    """The one wheel of each package for a target; raises where there is none, or more than one."""
    result: list[Wheel] = []
    for pin in PINS:
        if not pin.is_for(target):
            continue
        fitting = [wheel for wheel in wheels if wheel[:2] == pin[:2] and wheel.fits(target)]
        if len(fitting) != 1:
            found = ", ".join(wheel.file for wheel in fitting) or "none"
            python = ".".join(map(str, target.python))
            raise BuildError(
                f"{pin.name} {pin.version} needs exactly one wheel for {target.platform} with Python {python}, "
                f"the lock has: {found}. Run scripts/build.py --lock after a change of the pins."
            )
        result += fitting
    return result


def check_coverage(wheels: Sequence[Wheel], platforms: Iterable[str]) -> None:
    """Raises where the lock leaves a target without a package, or holds a file that nobody needs or may ship."""
    needed = {wheel.file for target in targets(platforms) for wheel in chosen(wheels, target)}
    if surplus := sorted({wheel.file for wheel in wheels} - needed):
        raise BuildError(f"No declared platform needs these files of the lock: {', '.join(surplus)}")
    if banned := sorted(wheel.file for wheel in wheels if canonical(wheel.name) in FORBIDDEN):
        raise BuildError(f"Blender brings these packages itself: {', '.join(banned)}")


def wheels_of(wheels: Sequence[Wheel], platform: str) -> list[Wheel]:
    """All wheels in a platform's zip, each once."""
    return list(dict.fromkeys(wheel for target in targets([platform]) for wheel in chosen(wheels, target)))


def _pip_download(requirements: Sequence[str], target: Target, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "-qq", "--no-input", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary=:all:", "--dest", str(folder), "--implementation", "cp"]
    command += ["--python-version", ".".join(map(str, target.python))]
    for name in PIP_PLATFORMS[target.platform]:
        command += ["--platform", name]
    done = subprocess.run([*command, *requirements], stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)
    if done.returncode:
        raise BuildError(f"pip could not download for {target.platform}: its messages stand above")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch(wheels: Sequence[Wheel], platforms: Iterable[str], folder: Path) -> None:
    """Brings the platforms' wheels into `folder`, each with the locked content; what is there already is kept."""
    for target in targets(platforms):
        wanted = chosen(wheels, target)
        missing = [f"{wheel.name}=={wheel.version}" for wheel in wanted if not _is_intact(folder, wheel)]
        if missing:
            _pip_download(missing, target, folder)
        if broken := [wheel.file for wheel in wanted if not _is_intact(folder, wheel)]:
            raise BuildError(f"Not what the lock names, by file name or sha256: {', '.join(broken)}")


def _is_intact(folder: Path, wheel: Wheel) -> bool:
    """Whether the file is there and as locked. Removes one that differs, or pip would take it for good."""
    path = folder / wheel.file
    if not path.exists():
        return False
    if _sha256(path) == wheel.sha256:
        return True
    path.unlink()
    return False


def lock() -> None:
    """Writes the lock anew: what pip finds for the pins on every target."""
    folder = BUILD / "lock"
    shutil.rmtree(folder, ignore_errors=True)
    for target in targets(declared_platforms()):
        _pip_download([f"{pin.name}=={pin.version}" for pin in PINS if pin.is_for(target)], target, folder)
    pins = {(canonical(pin.name), pin.version): pin for pin in PINS}
    rows: list[dict[str, str]] = []
    for path in sorted(folder.glob("*.whl"), key=lambda path: path.name.lower()):
        name, version = path.name.split("-")[:2]
        pin = pins[canonical(name), version]
        row = {"name": pin.name, "version": pin.version, "file": path.name, "sha256": _sha256(path)}
        rows.append(row | ({"marker": pin.marker} if pin.marker else {}))
    wheels = [Wheel(row["name"], row["version"], row["file"], row["sha256"]) for row in rows]
    check_coverage(wheels, declared_platforms())
    # One wheel a line: a change of the lock reads well.
    lines = ",\n".join("  " + json.dumps(row) for row in rows)
    LOCK.write_text(f'{{"wheels": [\n{lines}\n]}}\n', encoding="utf-8")
    cache = BUILD / "wheels"
    shutil.rmtree(cache, ignore_errors=True)
    folder.rename(cache)
    _say(f"{LOCK.relative_to(CHECKOUT)}: {len(rows)} wheels")


def staged_manifest(platform: str, wheels: Sequence[Wheel]) -> str:
    """The hand-kept manifest with one platform only, and the wheels before the first table."""
    source = MANIFEST.read_text(encoding="utf-8")
    text, changed = re.subn(r"^platforms = \[[^]]*\]", f'platforms = ["{platform}"]', source, flags=re.MULTILINE)
    table = re.search(r"^\[", text, re.MULTILINE)
    if changed != 1 or not table:
        raise BuildError("blender_manifest.toml must have one list of platforms and a table after it")
    files = "".join(f'    "./wheels/{wheel.file}",\n' for wheel in wheels)
    return f"{text[: table.start()]}wheels = [\n{files}]\n\n{text[table.start() :]}"


def stage(platform: str, wheels: Sequence[Wheel], cache: Path, folder: Path) -> None:
    """Lays out the root of the extension as Blender's tool wants it: manifest and `__init__.py` side by side."""
    if not (PACKAGE / "__init__.py").is_file():
        raise BuildError("gptimage_addon/__init__.py is missing: there is nothing to build")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(PACKAGE, folder, ignore=shutil.ignore_patterns("__pycache__", "*.py[cod]", ".*"))
    for extra in ("LICENSE", "README.md"):
        if (CHECKOUT / extra).is_file():
            shutil.copy2(CHECKOUT / extra, folder)
    (folder / "blender_manifest.toml").write_text(staged_manifest(platform, wheels), encoding="utf-8")
    (folder / "wheels").mkdir()
    for wheel in wheels:
        shutil.copyfile(cache / wheel.file, folder / "wheels" / wheel.file)


def tool_command(tool: Path, command: str, *arguments: str) -> list[str]:
    """How to start Blender's tool, judging tags as it does within Blender: on its own it knows none."""
    tags = tool.parents[3] / "modules" / "_bpy_internal" / "extensions" / "tags.py"
    judged = [f"--valid-tags={tags}"] if command in {"build", "validate"} and tags.is_file() else []
    return [sys.executable, str(tool), command, *judged, *arguments]


def _run_tool(tool: Path, *arguments: str) -> None:
    done = subprocess.run(
        tool_command(tool, *arguments),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )
    if done.returncode:
        raise BuildError(f"Blender's extension tool refused {arguments[0]}:\n{done.stdout}")


def build(platforms: Sequence[str], tool: Path, build_dir: Path = BUILD, dist: Path = DIST) -> list[Path]:
    """The zips of the platforms, validated, with the index of all zips in `dist` beside them."""
    if unknown := sorted(set(platforms) - set(declared_platforms())):
        raise BuildError(f"The manifest declares no platform {', '.join(unknown)}")
    wheels = read_lock()
    check_coverage(wheels, declared_platforms())
    cache = BUILD / "wheels"
    fetch(wheels, platforms, cache)
    dist.mkdir(parents=True, exist_ok=True)
    values = manifest_values()
    zips: list[Path] = []
    for platform in platforms:
        # A platform at a time: the tool alone would put each pure wheel, such as pywin32-ctypes, into every zip.
        stage(platform, wheels_of(wheels, platform), cache, build_dir / "stage")
        path = dist / f"{values['id']}-{values['version']}-{platform.replace('-', '_')}.zip"
        path.unlink(missing_ok=True)
        _run_tool(tool, "build", "--split-platforms", f"--source-dir={build_dir / 'stage'}", f"--output-dir={dist}")
        if not path.is_file():
            raise BuildError(f"Blender's extension tool made no {path.name}")
        _run_tool(tool, "validate", str(path))
        zips.append(path)
    _run_tool(tool, "server-generate", f"--repo-dir={dist}")
    return zips


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    """0 when all is built; 1 with the reason on stderr."""
    parser = argparse.ArgumentParser(description="Build the extension's zips and the repository index.")
    parser.add_argument("--platform", action="append", choices=sorted(PIP_PLATFORMS), help="only this one; repeatable")
    parser.add_argument("--tool", type=Path, help="another copy of Blender's blender_ext.py")
    parser.add_argument("--dist", type=Path, default=DIST, help="folder for the zips and the index (dist/)")
    parser.add_argument("--lock", action="store_true", help="rewrite scripts/wheels.lock from the pins, build nothing")
    options = parser.parse_args()
    try:
        if options.lock:
            lock()
            return 0
        tool = options.tool.resolve() if options.tool else environment.extension_tool()
        for path in build(options.platform or declared_platforms(), tool, dist=options.dist.resolve()):
            print(f"{path}  {path.stat().st_size / 1e6:.1f} MB")
    except (BuildError, environment.UnfitError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
