# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole way from words to a rendered room, on this machine, without a key and without money.

    python3 scripts/demo.py [--out DIR]

Makes its environment on first use, builds a bare room, lets the headless run make its textures on the practice
service, and renders it. Leaves the .blend, the render, the textures and a contact sheet in DIR.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import environment

SCRIPTS: Final = Path(__file__).resolve().parent
PICTURE: Final = "picture"              # the job whose picture is hung on the wall

# The job file as the headless run reads it; paths are relative to the .blend.
JOBS: Final[dict[str, Any]] = {
    "version": 1,
    "defaults": {"kind": "texture", "size": "1024x1024", "quality": "medium"},
    "jobs": [
        {"id": "wall", "prompt": "weathered red brick wall", "objects": ["Wall"], "scale_m": 2.0, "seamless": True,
         "maps": ["height", "roughness", "ao"], "relief_m": 0.012,
         "quality": "high", "save": "//textures/wall.png"},
        {"id": "floor", "prompt": "oak floor planks", "objects": ["Floor"], "quality": "high",
         "save": "//textures/floor.png"},
        {"id": "plinth", "prompt": "white marble with gray veins", "objects": ["Plinth"],
         "save": "//textures/plinth.png"},
        {"id": "ball", "prompt": "brushed copper", "objects": ["Ball"], "save": "//textures/ball.png"},
        {"id": "pouf", "prompt": "teal linen fabric", "objects": ["Pouf"], "save": "//textures/pouf.png"},
        {"id": "vase", "prompt": "turquoise mosaic tiles", "objects": ["Vase"], "save": "//textures/vase.png"},
        {"id": PICTURE, "kind": "reference", "prompt": "a lighthouse on a cliff at dusk, gouache", "size": "1536x1024",
         "save": "//textures/picture.png"},
    ],
}


class DemoError(Exception):
    """A step failed; the text says which and what to do."""


def main() -> int:
    """0 when all is there, 1 when a step failed, 2 where no environment can be made."""
    parser = argparse.ArgumentParser(description="Texture and render a small room on the practice service.")
    parser.add_argument("--out", type=Path, default=Path("demo_out"), metavar="DIR", help="default: ./demo_out")
    parser.add_argument("--bpy", metavar="X.Y", help=f"Blender to use: {', '.join(environment.BLENDERS)}")
    options = parser.parse_args()
    try:
        python = environment.python_for(options.bpy)
        run(python, options.out.resolve())
    except environment.UnfitError as error:
        print(error, file=sys.stderr)
        return 2
    except DemoError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    return 0


def run(python: Path, out: Path) -> None:
    """Everything after the environment. Raises DemoError."""
    started = time.monotonic()
    (out / "textures").mkdir(parents=True, exist_ok=True)
    bare, room, jobs, facts = (out / name for name in ("bare.blend", "room.blend", "jobs.json", "run.jsonl"))
    room.unlink(missing_ok=True)                # Blender would keep the earlier run's as room.blend1
    jobs.write_text(json.dumps(JOBS, indent=1), encoding="utf-8")
    with tempfile.TemporaryDirectory(prefix="gptimage-demo-") as home:
        variables = _variables(Path(home))
        _say("Building the room")
        _call([python, SCRIPTS / "demo_scene.py", "build", bare], variables, Path(home, "build.log"))
        _say(f"Making {len(JOBS['jobs'])} pictures on the practice service")
        lines = _headless([
            python, "-m", "gptimage_addon", "run", jobs, "--blend", bare, "--save", room,
            "--service", "practice", "--data", Path(home, "jobs"),
        ], variables, Path(home, "run.log"))
        facts.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        _say("Rendering with Cycles")
        names = next((line["images"] for line in lines if line["id"] == PICTURE), [])
        _call([python, SCRIPTS / "demo_scene.py", "render", room, out / "render.png", "--picture", *(names or [""])],
              variables, Path(home, "render.log"))
        _call([python, SCRIPTS / "demo_sheet.py", out], variables, Path(home, "sheet.log"))
    _tell(out, lines, time.monotonic() - started)


def _variables(home: Path) -> dict[str, str]:
    """The caller's environment without what is meant for another Python; Blender's own files go to `home`."""
    kept = {key: value for key, value in os.environ.items() if key not in {"PYTHONPATH", "PYTHONHOME"}}
    return kept | {"BLENDER_USER_RESOURCES": str(home), "PYTHONDONTWRITEBYTECODE": "1"}


def _call(command: list[object], variables: dict[str, str], log: Path) -> None:
    """Run a step; what it prints is shown only if it fails."""
    with open(log, "wb") as file:
        done = subprocess.run([str(word) for word in command], cwd=environment.CHECKOUT, env=variables,
                              stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        print(log.read_text(encoding="utf-8", errors="replace"), file=sys.stderr)
        raise DemoError(f"{Path(str(command[1])).name} ended with status {done.returncode}, its words stand above. "
                        "If Blender misses a system library: README.md lists them")


def _headless(command: list[object], variables: dict[str, str], log: Path) -> list[dict[str, Any]]:
    """The facts of all jobs, shown as they come. Raises DemoError if a job failed."""
    lines: list[dict[str, Any]] = []
    with open(log, "wb") as errors, subprocess.Popen(
        [str(word) for word in command], cwd=environment.CHECKOUT, env=variables, text=True, encoding="utf-8",
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors,
    ) as process:
        assert process.stdout is not None
        for text in process.stdout:
            line = json.loads(text)
            lines.append(line)
            error = (line["error"] or {}).get("message", "")
            seconds = line["report"].get("seconds")
            told = f"{seconds:.1f} s" if seconds is not None else ""
            _say(f"  {line['id']:8} {line['state']:8} {told:>7}  {error or line['report'].get('message', '')}")
    if process.returncode:
        print(log.read_text(encoding="utf-8", errors="replace"), file=sys.stderr)
        raise DemoError(f"the headless run ended with status {process.returncode}")
    return lines


def _tell(out: Path, lines: list[dict[str, Any]], seconds: float) -> None:
    cost = sum(line["report"]["would_have_cost_usd"] for line in lines)
    shown = (
        ("Contact sheet", "contact_sheet.png"), ("Render", "render.png"), ("Scene", "room.blend"),
        ("Bare scene", "bare.blend"), ("Textures", "textures"), ("Job file", "jobs.json"), ("Job results", "run.jsonl"),
    )
    print(f"\nDone in {seconds:.0f} s. {len(lines)} pictures by the practice service, drawn on this machine, free.")
    print(f"With OpenAI the same run would have cost ${cost:.4f}.\n")
    for what, name in shown:
        print(f"  {what + ':':14} {out / name}")


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
