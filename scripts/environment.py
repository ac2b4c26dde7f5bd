# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Python environments of the checkout: Blender as a module, the worker's wheels, and what a script asks for besides.

Standard library only, Python 3.11 or 3.13. Everything is made below `.venv/` of the checkout, by pip as the machine
has it set up.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

__all__ = ("BLENDERS", "CHECKOUT", "LOCK", "UnfitError", "blender_series", "extension_tool", "locked", "python_for")

CHECKOUT: Final = Path(__file__).resolve().parent.parent
LOCK: Final = Path(__file__).resolve().parent / "wheels.lock"
ENVIRONMENTS: Final = CHECKOUT / ".venv"


class UnfitError(Exception):
    """An environment cannot be made; the text says why and what to do."""


class Blender(NamedTuple):
    """One release of the bpy module, and the only Python it runs on."""

    release: str
    python: tuple[int, int]
    # Beside what the bpy wheel itself asks for. Blender 4.x was built for numpy 1, its wheel does not say so.
    also: tuple[str, ...] = ()


# The one place that names them; oldest first.
BLENDERS: Final[dict[str, Blender]] = {
    "4.2": Blender("4.2.23", (3, 11), ("numpy==1.26.4",)),
    "4.5": Blender("4.5.15", (3, 11), ("numpy==1.26.4",)),
    "5.0": Blender("5.0.1", (3, 11)),
    "5.2": Blender("5.2.3", (3, 13)),
}


def locked() -> list[dict[str, str]]:
    """The wheels of the lock: name, version, file, sha256, and a marker where a package is not for all targets."""
    wheels: list[dict[str, str]] = json.loads(LOCK.read_text(encoding="utf-8"))["wheels"]
    return wheels


def blender_series(wanted: str | None = None) -> str:
    """The Blender series to use: `wanted`, or the newest that the running Python can load."""
    running = sys.version_info[:2]
    if wanted is None:
        for series in reversed(BLENDERS):
            if BLENDERS[series].python == running:
                return series
        raise UnfitError(f"No Blender module runs on Python {_dotted(running)}. {_choices()}")
    if wanted not in BLENDERS:
        raise UnfitError(f"Blender {wanted} is not in the table. {_choices()}")
    if (needed := BLENDERS[wanted].python) != running:
        raise UnfitError(
            f"Blender {wanted} runs on Python {_dotted(needed)} only, and this is {_dotted(running)}. {_choices()}"
        )
    return wanted


def python_for(series: str | None = None, extras: tuple[str, ...] = ()) -> Path:
    """The interpreter of an environment with Blender `series` as a module, the locked wheels, and `extras`.

    Makes or completes the environment where needed; a second call with the same wishes only reads a stamp.
    `extras` are requirements for pip; those of earlier calls stay installed.
    """
    series = blender_series(series)
    blender = BLENDERS[series]
    home = ENVIRONMENTS / f"bpy-{series}"
    python = _interpreter(home)
    stamp = home / "stamp.json"
    base = sorted({f"bpy=={blender.release}", *blender.also, *_worker_requirements()})
    have = _read_stamp(stamp) if python.exists() else {}
    same = have.get("python") == sys.version and have.get("base") == base
    if same and set(extras) <= set(have["extras"]):
        return python
    wishes = sorted({*extras, *(have["extras"] if same else ())})
    _say(f"Making {home.relative_to(CHECKOUT)}: Blender {blender.release} as a module takes about a minute and 1 GB")
    stamp.unlink(missing_ok=True)
    venv.EnvBuilder(clear=not same, with_pip=True, symlinks=os.name != "nt").create(home)
    command = [str(python), "-m", "pip", "install", "-qq", "--no-input", "--disable-pip-version-check"]
    # pip's own words go to stderr: what a script prints on stdout is its result.
    done = subprocess.run([*command, *base, *wishes], stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)
    if done.returncode:
        raise UnfitError(f"pip could not fill {home}: its messages stand above. Run the script again to resume.")
    stamp.write_text(json.dumps({"python": sys.version, "base": base, "extras": wishes}, indent=1), encoding="utf-8")
    return python


def extension_tool() -> Path:
    """Blender's own command-line tool for extensions: standard library only, so any Python may run it.

    Taken from the newest environment there is; where there is none, one is made.
    """
    for series in reversed(BLENDERS):
        for tool in _tools(ENVIRONMENTS / f"bpy-{series}"):
            return tool
    home = python_for().parent.parent
    for tool in _tools(home):
        return tool
    raise UnfitError(f"The bpy module in {home} has no bl_pkg/cli/blender_ext.py")


def _tools(home: Path) -> Iterator[Path]:
    if (home / "stamp.json").exists():
        yield from sorted(home.glob("**/site-packages/bpy/*/scripts/addons_core/bl_pkg/cli/blender_ext.py"))


def _worker_requirements() -> set[str]:
    """What the built extension brings, in the same versions; pip itself judges the markers."""
    return {
        f"{wheel['name']}=={wheel['version']}" + (f"; {wheel['marker']}" if "marker" in wheel else "")
        for wheel in locked()
    }


def _interpreter(home: Path) -> Path:
    return home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _read_stamp(stamp: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(stamp.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _choices() -> str:
    known = ", ".join(f"{series} on Python {_dotted(blender.python)}" for series, blender in BLENDERS.items())
    return f"Known: {known}. Start the script with the Python that fits, such as python3.11 or python3.13."


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
