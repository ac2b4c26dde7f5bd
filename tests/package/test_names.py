# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""No file uses a name that is not there, or imports one that it does not use. Modules that load late would hide such slips."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from pyflakes.checker import Checker

CHECKOUT = Path(__file__).resolve().parents[2]


class _Properties(ast.NodeTransformer):
    """Blender's properties are calls that stand as annotations; their texts are no types."""

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if isinstance(node.annotation, ast.Call):
            return ast.copy_location(ast.Assign([node.target], node.annotation), node)
        return node


def findings(text: str) -> list[str]:
    lines = text.splitlines()
    checker = Checker(_Properties().visit(ast.parse(text)))
    return [f"{found.lineno}: {found.message % found.message_args}" for found in checker.messages
            if "noqa" not in lines[found.lineno - 1]]


@pytest.mark.parametrize("folder", ["gptimage_addon", "scripts", "tests"])
def test_all_names_are_there_and_used(folder: str) -> None:
    told = {path.relative_to(CHECKOUT).as_posix(): findings(path.read_text(encoding="utf-8"))
            for path in sorted((CHECKOUT / folder).rglob("*.py"))}
    assert told and not {path: found for path, found in told.items() if found}


def test_what_is_wrong_is_found() -> None:
    assert findings("def f():\n    return masks.grow\n") == ["2: undefined name 'masks'"]
    assert findings("import os\n") == ["1: 'os' imported but unused"]
    assert findings("class A:\n    x: BoolProperty(name='No Type')\n") == ["2: undefined name 'BoolProperty'"]
