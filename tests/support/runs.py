# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Headless runs of a job file, as a studio calls them."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from gptimage_addon.operators import headless

__all__ = ("Run", "job_file", "run_here", "run_process")

KEYS = {"id", "state", "images", "files", "cost_usd", "usage", "report", "error"}
SMALL = {"size": "1024x640", "quality": "low"}


def job_file(tmp_path: Path, *jobs: dict[str, object], **document: object) -> Path:
    path = tmp_path / "jobs.json"
    path.write_text(json.dumps({"version": 1, "defaults": SMALL, "jobs": list(jobs), **document}))
    return path


class Run:
    """What a run gave: exit status, the lines by the job's id, what it said on stderr."""

    def __init__(self, status: int, stdout: str, stderr: str) -> None:
        self.status, self.stdout, self.stderr = status, stdout, stderr
        lines = [json.loads(line) for line in stdout.splitlines()]
        assert all(set(line) == KEYS for line in lines)
        self.lines = {line["id"]: line for line in lines}
        assert len(self.lines) == len(lines)


def run_process(checkout: Path, *arguments: object, **env: str) -> Run:
    """The real thing, as a studio calls it."""
    clean = {name: value for name, value in os.environ.items() if name != "OPENAI_API_KEY"}
    done = subprocess.run([sys.executable, "-m", "gptimage_addon", "run", *map(str, arguments)], cwd=checkout,
                          env=clean | env, capture_output=True, text=True, timeout=120)
    return Run(done.returncode, done.stdout, done.stderr)


@contextlib.contextmanager
def stdout_in(path: Path) -> Iterator[None]:
    """File descriptor 1 in a file: the run redirects it for good."""
    sys.stdout.flush()
    kept = os.dup(1)
    with open(path, "wb") as file:
        os.dup2(file.fileno(), 1)
        try:
            yield
        finally:
            os.dup2(kept, 1)
            os.close(kept)


def run_here(tmp_path: Path, *arguments: object) -> Run:
    """The same in this process, which saves Blender's start."""
    told = io.StringIO()
    with stdout_in(tmp_path / "stdout"), contextlib.redirect_stderr(told):
        status = headless.main(["run", *map(str, arguments)])
    return Run(status, (tmp_path / "stdout").read_text(), told.getvalue())
