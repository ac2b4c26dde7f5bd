# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A table (CSV) as a job file: a line a job, a column a field. An empty cell is a field that is not given."""

from __future__ import annotations

import csv
import json
import typing

from .errors import InputError
from .jobfile import JOBFILE_VERSION, KINDS

__all__ = ("read_table",)


def read_table(text: str) -> dict[str, object]:
    """The document that `read_jobfile` takes. Raises InputError for what is no table, naming the line.

    Cells of numbers, truths and objects are read as JSON; lists as JSON or as words with ";" between them, a list of references as
    paths. Without an `id` a job is named by its line. Excel's ";" between the columns is understood.
    """
    lines = text.splitlines(keepends=True)
    head = lines[0] if lines else ""
    rows = csv.reader(lines, delimiter=";" if head.count(";") > head.count(",") else ",", strict=True)
    try:
        columns = [name.strip() for name in next(rows, [])]
        if "kind" not in columns or len(set(columns)) < len(columns):
            raise InputError("The first line does not name the columns", field="line 1",
                             hint="Write the fields' names, each once, for example: id,kind,prompt,objects,save")
        jobs = [_read_row(dict(zip(columns, row, strict=True)), number) for number, row in enumerate(rows, 2) if any(row)]
    except (csv.Error, ValueError) as error:            # ValueError: a line of another length than the first
        raise InputError(f"The table cannot be read: {error}", field=f"line {rows.line_num}",
                         hint='Give each line as many cells as the first, and put those with a "," in quotes') from error
    return {"version": JOBFILE_VERSION, "jobs": jobs}


def _read_row(cells: dict[str, str], number: int) -> dict[str, object]:
    kind = KINDS.get(cells["kind"])
    types = typing.get_type_hints(kind) if kind else {}
    job = {name: _read_cell(name, cell, types.get(name, str)) for name, cell in cells.items() if cell.strip()}
    return {"id": f"line-{number}"} | job


def _read_cell(name: str, cell: str, kind: object) -> object:
    if kind is str and (name != "seamless" or cell.lower() not in ("true", "false")):       # that may be a truth as well
        return cell
    try:
        return json.loads(cell.lower() if cell.lower() in ("true", "false") else cell)
    except ValueError:
        if typing.get_origin(kind) is not tuple:
            return cell                         # what it is not is told when the job is read
    words = [word.strip() for word in cell.split(";") if word.strip()]
    return [{"path": word} for word in words] if name == "references" else words
