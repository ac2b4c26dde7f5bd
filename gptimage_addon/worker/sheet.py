# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Contact sheets: the pictures of several jobs on one, each with what it was asked for, what it cost and how long it took."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from ..core.errors import InputError
from ..core.request import Cell, JobState, ResultPicture, ServiceKind, Sheet
from ..library.journal import Journal, write_atomic

__all__ = ("write_sheet",)

CELL_PX, GAP_PX, LINE_PX, FONT_PX, TITLE_PX = 384, 24, 22, 17, 30
MAX_SIDE_PX = 8192                      # what every graphics card shows
BACK, PAPER, INK, FAINT = (38, 38, 38), (28, 28, 28), (230, 230, 230), (150, 150, 150)


def write_sheet(sheet: Sheet, folder: Path, journal: Journal) -> ResultPicture:
    """Draw the sheet into the job's results folder: one cell for each job, in order, row by row.

    The report's `cells` are where the pictures lie, (x0, y0, x1, y1) in pixels from the top left, and `jobs` whose they are.
    A job that gave no picture has an empty cell that says why.
    """
    lines = max(len(cell.caption) for cell in sheet.cells) + 1
    rows = -(-len(sheet.cells) // sheet.columns)
    cell_px = min(CELL_PX, (MAX_SIDE_PX - GAP_PX) // sheet.columns - GAP_PX,
                  (MAX_SIDE_PX - GAP_PX - TITLE_PX * 2) // rows - GAP_PX * 2 - lines * LINE_PX)
    if cell_px < 32:
        raise InputError(f"{len(sheet.cells)} pictures do not fit on one sheet", field="sheet", hint="Ask for fewer at once")
    head = TITLE_PX * 2 if sheet.title else 0
    step_x, step_y = cell_px + GAP_PX, cell_px + lines * LINE_PX + 2 * GAP_PX
    paper = Image.new("RGB", (sheet.columns * step_x + GAP_PX, rows * step_y + head + GAP_PX), BACK)
    draw = ImageDraw.Draw(paper)
    font = ImageFont.load_default(FONT_PX)
    if sheet.title:
        draw.text((GAP_PX, GAP_PX), _fitted(draw, sheet.title, ImageFont.load_default(TITLE_PX), paper.width - 2 * GAP_PX), INK,
                  ImageFont.load_default(TITLE_PX))
    boxes = []
    for index, cell in enumerate(sheet.cells):
        x, y = GAP_PX + index % sheet.columns * step_x, head + GAP_PX + index // sheet.columns * step_y
        boxes.append([x, y, x + cell_px, y + cell_px])
        picture, told = _read_cell(cell, journal)
        draw.rectangle((x, y, x + cell_px - 1, y + cell_px - 1), PAPER)
        if picture is not None:
            picture.thumbnail((cell_px, cell_px), Image.Resampling.LANCZOS)
            at = x + (cell_px - picture.width) // 2, y + (cell_px - picture.height) // 2
            paper.paste(picture, at, picture if picture.mode == "RGBA" else None)
        for number, text in enumerate((*cell.caption, told)):
            color = FAINT if number == len(cell.caption) else INK
            draw.text((x, y + cell_px + GAP_PX // 3 + number * LINE_PX), _fitted(draw, text, font, cell_px), color, font)
    out = io.BytesIO()
    paper.save(out, "PNG", compress_level=1)
    path = folder / "results" / "0.png"
    path.parent.mkdir(exist_ok=True)
    write_atomic(path, out.getvalue())
    return ResultPicture("results/0.png", "image/png", paper.width, paper.height,
                         {"cells": boxes, "jobs": [cell.job_id for cell in sheet.cells]})


def _read_cell(cell: Cell, journal: Journal) -> tuple[Image.Image | None, str]:
    """The job's first picture, or None, and what it cost and took, or why there is none."""
    try:
        job, record = journal.read_job(cell.job_id), journal.read_record(cell.job_id)
        if record.state is not JobState.DONE or record.result is None:
            return None, str((record.error or {}).get("message") or record.state)
        with Image.open(journal.folder(cell.job_id) / record.result.pictures[0].path) as picture:
            picture.load()
    except (OSError, ValueError, InputError) as error:
        return None, f"Cannot be read: {error}"
    result = record.result
    cost = "price not told" if result.cost_usd is None else f"${result.cost_usd:.4f}"
    if job.service.kind is ServiceKind.PRACTICE and result.cost_usd is not None:
        cost = f"practice, would cost {cost}"
    return picture if picture.mode in ("RGB", "RGBA") else picture.convert("RGBA"), f"{result.seconds:.1f} s, {cost}"


def _fitted(draw: ImageDraw.ImageDraw, text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width_px: int) -> str:
    """The text, cut with an ellipsis where it is wider than that."""
    if draw.textlength(text, font) <= width_px:
        return text
    while text and draw.textlength(f"{text}…", font) > width_px:
        text = text[:-1]
    return f"{text.rstrip()}…"
