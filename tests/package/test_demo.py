# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later

"""scripts/demo.py: the first thing anyone runs."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image, ImageStat

pytestmark = [pytest.mark.bpy, pytest.mark.slow]

LOOK = """
import json, sys
import bpy
bpy.ops.wm.open_mainfile(filepath=sys.argv[1])
found = {}
for name in ("Wall", "Floor", "Plinth", "Ball", "Pouf", "Vase"):
    node = bpy.data.objects[name].active_material.node_tree.nodes["GPT Image"]
    found[name] = [node.image.name, list(node.image.size), node.image.packed_file is not None, node.projection]
print("facts", json.dumps(found))
"""


@pytest.fixture(scope="module")
def demo(checkout: Path) -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(checkout / "scripts"))
        return importlib.import_module("demo")


def test_the_demo_leaves_a_textured_room_its_render_and_a_contact_sheet(
    demo: ModuleType, tmp_path: Path, capfd: pytest.CaptureFixture[str],
) -> None:
    """In this environment, so that none is made; everything else as the command does it."""
    out = tmp_path / "out"
    demo.run(Path(sys.executable), out)
    said = capfd.readouterr().out

    lines = [json.loads(text) for text in (out / "run.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {line["state"] for line in lines} == {"done"}
    # OpenAI's calculator for 2.5 (api.md): 1024x1024 high 1756 twice, medium 439 four times, 1536x1024 medium 343.
    assert sum(line["usage"]["output_tokens"] for line in lines) == 2 * 1756 + 4 * 439 + 343
    told = re.search(r"would have cost \$(\d+\.\d+)", said)
    # The pictures are 5611 tokens at 30 dollars a million; the prompts' own tokens come on top, less than a cent.
    assert told and 0.16833 < float(told[1]) < 0.178, said
    assert sum(line["cost_usd"] for line in lines) == 0

    sizes = {path.name: _size(path) for path in sorted((out / "textures").iterdir())}
    assert sizes.pop("picture.png") == (1536, 1024)
    assert sizes == {f"{name}.png": (1024, 1024) for name in (
        "ball", "floor", "plinth", "pouf", "vase", "wall", "wall-ao", "wall-height", "wall-roughness")}

    with Image.open(out / "render.png") as render, Image.open(out / "contact_sheet.png") as sheet:
        assert render.size == (960, 540)
        # Neither black nor burnt out nor one color: the wall's upper left is lit brick, redder than it is blue.
        wall = ImageStat.Stat(render.convert("RGB").crop((20, 20, 300, 260)))
        assert 30 < wall.mean[0] < 220 and wall.mean[0] > 1.5 * wall.mean[2], wall.mean
        assert max(ImageStat.Stat(render.convert("L")).stddev) > 20
        assert sheet.size[0] == 1600 and sheet.size[1] > 1600

    done = subprocess.run([sys.executable, "-I", "-c", LOOK, str(out / "room.blend")], capture_output=True, text=True,
                          timeout=60, check=False)
    facts_lines = [text for text in done.stdout.splitlines() if text.startswith("facts ")]
    assert len(facts_lines) == 1, done.stdout + done.stderr
    found = json.loads(facts_lines[0].removeprefix("facts "))
    assert {name: facts[1:] for name, facts in found.items()} == {
        "Wall": [[1024, 1024], True, "BOX"], "Plinth": [[1024, 1024], True, "BOX"],
        **{name: [[1024, 1024], True, "FLAT"] for name in ("Floor", "Ball", "Pouf", "Vase")},
    }
    assert all("(Practice)" in facts[0] for facts in found.values())
    assert not list(out.glob("*.blend1"))


def _size(path: Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


def test_the_demo_says_why_it_cannot_begin(
    demo: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["demo.py", "--bpy", "1.0", "--out", str(tmp_path / "out")])
    assert demo.main() == 2
    assert "Blender 1.0" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
