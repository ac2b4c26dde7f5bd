# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's contact sheet: the render, every picture and what it was asked and priced. Run by scripts/demo.py.

    python demo_sheet.py FOLDER        reads jobs.json, run.jsonl and render.png there
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont, ImageOps

WIDTH, EDGE, GAP, COLUMNS = 1600, 48, 28, 4
CELL = (WIDTH - 2 * EDGE - (COLUMNS - 1) * GAP) // COLUMNS
PAPER, INK, SOFT, ACCENT = (24, 25, 28), (238, 236, 230), (158, 160, 166), (232, 150, 88)


def font(size: int, weight: int = 400) -> ImageFont.FreeTypeFont:
    """Blender's own interface font, or Pillow's built-in one where it cannot be read."""
    spec = importlib.util.find_spec("bpy")
    for path in Path(spec.origin).parent.glob("*/datafiles/fonts/Inter.woff2") if spec and spec.origin else ():
        try:
            found = ImageFont.truetype(str(path), size)
            axes = found.get_variation_axes()
        except OSError:
            continue
        found.set_variation_by_axes([weight if axis["maximum"] >= 700 else size for axis in axes])
        return found
    return ImageFont.load_default(size)


def wrapped(text: str, face: ImageFont.FreeTypeFont, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and face.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def draw_sheet(folder: Path) -> Image.Image:
    """The sheet as a picture."""
    document = json.loads((folder / "jobs.json").read_text(encoding="utf-8"))
    asked = {job["id"]: {**document["defaults"], **job} for job in document["jobs"]}
    lines = (folder / "run.jsonl").read_text(encoding="utf-8").splitlines()
    told = {line["id"]: line for line in map(json.loads, lines)}
    jobs = [(asked[name], told[name]) for name in asked if name in told]

    with Image.open(folder / "render.png") as picture:
        render = picture.convert("RGB")
    inner = WIDTH - 2 * EDGE
    shown = render.resize((inner, inner * render.height // render.width), Image.Resampling.LANCZOS)
    head, caption, foot = 128, 128, 64
    rows = -(-(len(jobs) + 1) // COLUMNS)       # one cell more for the sum
    top = head + shown.height + GAP + 12
    sheet = Image.new("RGB", (WIDTH, top + rows * (CELL + caption) + foot), PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((EDGE, 38), "GPT Image for Blender", INK, font(42, 700))
    pen.text((EDGE, 90), "Words to materials: one headless run, one Cycles render", SOFT, font(21))
    badge = "Practice service: pictures drawn on this machine, free"
    face = font(19, 600)
    pen.text((WIDTH - EDGE - face.getlength(badge), 92), badge, ACCENT, face)
    sheet.paste(shown, (EDGE, head))

    for index in range(len(jobs) + 1):
        x = EDGE + index % COLUMNS * (CELL + GAP)
        y = top + index // COLUMNS * (CELL + caption)
        if index < len(jobs):
            _draw_cell(sheet, pen, x, y, *jobs[index])
        else:
            _draw_sum(pen, x, y, [line for _, line in jobs])
    return sheet


def _draw_cell(
    sheet: Image.Image, pen: ImageDraw.ImageDraw, x: int, y: int, job: dict[str, Any], line: dict[str, Any],
) -> None:
    if line["files"]:
        with Image.open(line["files"][0]) as picture:
            small = ImageOps.contain(picture.convert("RGB"), (CELL, CELL), Image.Resampling.LANCZOS)
        if small.height < CELL:
            pen.rectangle((x, y, x + CELL - 1, y + CELL - 1), (33, 34, 38))
        sheet.paste(small, (x, y + (CELL - small.height) // 2))
    y += CELL + 14
    face = font(20, 600)
    for text in wrapped(job["prompt"], face, CELL)[:2]:
        pen.text((x, y), text, INK, face)
        y += 26
    where = ", ".join(job["objects"]) if job.get("objects") else "Reference"
    pen.text((x, y), f"{where} · {job['size'].replace('x', ' × ')} · {job['quality']}", SOFT, font(17))
    report = line["report"]
    price = f"would have cost ${report['would_have_cost_usd']:.4f}" if report.get("would_have_cost_usd") is not None \
        else str(line["state"])
    pen.text((x, y + 24), f"{report.get('seconds', 0.0):.1f} s · {price}", SOFT, font(17))


def _draw_sum(pen: ImageDraw.ImageDraw, x: int, y: int, lines: list[dict[str, Any]]) -> None:
    pen.rectangle((x, y, x + CELL - 1, y + CELL - 1), (33, 34, 38))
    cost = sum(line["report"].get("would_have_cost_usd") or 0.0 for line in lines)
    pen.text((x + 26, y + 34), "Paid", SOFT, font(20))
    pen.text((x + 26, y + 60), "$0.00", INK, font(54, 700))
    pen.text((x + 26, y + 160), "With OpenAI, this run", SOFT, font(20))
    pen.text((x + 26, y + 186), "would have cost", SOFT, font(20))
    pen.text((x + 26, y + 214), f"${cost:.4f}", ACCENT, font(54, 700))
    pen.text((x + 26, y + CELL - 48), f"{len(lines)} pictures", SOFT, font(20))


def main() -> None:
    folder = Path(sys.argv[1])
    draw_sheet(folder).save(folder / "contact_sheet.png", optimize=False)


if __name__ == "__main__":
    main()
