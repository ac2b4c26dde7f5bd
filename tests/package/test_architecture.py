# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules of the house, checked on the syntax trees of the package: who may import whom, and what nobody does.

Each rule is a function from one file to its violations. Beside it stand sources that it must refuse and sources that
it must let pass, so that no rule can go blind unseen.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = "gptimage_addon"

# The rooms of ours that each room may import, beside itself. The files at the package's top may import all.
ROOMS: dict[str, frozenset[str]] = {
    "core": frozenset(),
    "imaging": frozenset({"core"}),
    "library": frozenset({"core"}),
    "worker": frozenset({"core", "imaging", "library"}),
    "blender": frozenset({"core", "imaging", "library"}),
    "operators": frozenset({"core", "imaging", "library", "blender"}),
    "ui": frozenset({"core", "blender", "operators"}),
}
TOP_FILES = frozenset({"__init__", "__main__", "late", "registration"})
FOR_ALL = frozenset({"late"})               # which every room may import

BLENDER_MODULES = frozenset({
    "bpy", "bmesh", "mathutils", "gpu", "blf", "idprop", "imbuf", "bpy_extras", "bl_ui", "addon_utils", "gpu_extras",
})
# The modules of others, beside the standard library, that each room may import.
OTHERS: dict[str, frozenset[str]] = {
    "core": frozenset({"numpy"}),
    "imaging": frozenset({"numpy"}),
    "library": frozenset(),
    "worker": frozenset({"numpy", "openai", "PIL", "keyring", "platformdirs", "httpx2"}),
    "blender": BLENDER_MODULES | {"numpy"},
    "operators": BLENDER_MODULES | {"numpy"},
    "ui": BLENDER_MODULES,
    "": BLENDER_MODULES,
}
INPUT_OUTPUT = (
    "os", "io", "pathlib", "subprocess", "socket", "sqlite3", "shutil", "tempfile", "glob", "fileinput", "mmap", "ssl",
    "http", "urllib.request", "asyncio", "select", "selectors", "signal", "threading", "multiprocessing", "concurrent",
)
# Blender's process has no thread and no network client of ours.
WORKER_ONLY = (
    "threading", "_thread", "concurrent.futures", "multiprocessing", "urllib.request", "http", "socket", "requests",
)
# Here an unforeseen error is logged and the rest goes on: the worker's message loop, the timer pump, unregistering.
BORDERS = frozenset({"worker/session.py", "blender/host.py", "registration.py", "__init__.py"})


class Source(NamedTuple):
    """One file: its path inside the package, with forward slashes, and its syntax tree."""

    path: str
    tree: ast.Module

    @property
    def room(self) -> str:
        """The folder of the file; empty at the package's top."""
        return self.path.rpartition("/")[0].partition("/")[0]


class Violation(NamedTuple):
    """Where a rule is broken, and how."""

    line: int
    text: str


Rule = Callable[[Source], Iterator[Violation]]


class Import(NamedTuple):
    """One imported name, absolute and dotted: `from a.b import c` gives a.b.c."""

    line: int
    name: str

    def is_in(self, *modules: str) -> bool:
        """Whether the name is one of the modules or inside one."""
        return any(self.name == module or self.name.startswith(f"{module}.") for module in modules)

    @property
    def room(self) -> str | None:
        """Which room, or file at the top, of ours this reaches; None outside our package, empty for its attributes."""
        parts = self.name.split(".")
        if parts[0] != PACKAGE:
            return None
        return parts[1] if len(parts) > 1 and (parts[1] in ROOMS or parts[1] in TOP_FILES) else ""


def imports(source: Source, nodes: Iterator[ast.AST] | None = None) -> Iterator[Import]:
    """All imports of a file, wherever they stand."""
    package = [PACKAGE, *source.path.split("/")[:-1]]
    for node in nodes if nodes is not None else ast.walk(source.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            prefix = [*base, *(node.module.split(".") if node.module else [])]
            for alias in node.names:
                yield Import(node.lineno, ".".join([*prefix, alias.name]))


def import_time(node: ast.AST) -> Iterator[ast.AST]:
    """What runs when a module is imported: everything outside functions."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from import_time(child)


def dotted(node: ast.AST) -> str:
    """The source of a chain of attributes, such as `bpy.app.version`; empty for anything else."""
    if isinstance(node, ast.Attribute):
        return f"{head}.{node.attr}" if (head := dotted(node.value)) else ""
    return node.id if isinstance(node, ast.Name) else ""


def calls_of(source: Source, *names: str) -> Iterator[Violation]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
            yield Violation(node.lineno, f"calls {node.func.id}")


def rooms_import_downward_only(source: Source) -> Iterator[Violation]:
    """core <- imaging <- worker; core <- library; core, library <- blender <- operators <- ui."""
    if not source.room:
        return
    for found in imports(source):
        if found.room and found.room != source.room and found.room not in ROOMS.get(source.room, frozenset()) | FOR_ALL:
            yield Violation(found.line, f"{source.room} may not import {found.room} ({found.name})")


def every_file_is_in_a_known_room(source: Source) -> Iterator[Violation]:
    """A folder or a file at the top that the design does not name has no rules, so it may not be."""
    if source.room not in ROOMS and source.path.removesuffix(".py") not in TOP_FILES:
        yield Violation(1, "no room of the design")


def libraries_stay_in_their_rooms(source: Source) -> Iterator[Violation]:
    """Only the worker imports openai, PIL, keyring, platformdirs and httpx2; only Blender's rooms import bpy."""
    for found in imports(source):
        root = found.name.partition(".")[0]
        if root in sys.stdlib_module_names or root == PACKAGE:
            continue
        if root not in OTHERS.get(source.room, frozenset()):
            yield Violation(found.line, f"{source.room or 'the top'} may not import {root}")


def core_reads_and_writes_nothing(source: Source) -> Iterator[Violation]:
    """Decisions need no files, processes or sockets."""
    if source.room == "core":
        yield from (Violation(found.line, f"imports {found.name}") for found in imports(source)
                    if found.is_in(*INPUT_OUTPUT))
        yield from calls_of(source, "open", "print", "input")


def no_threads_or_network_outside_the_worker(source: Source) -> Iterator[Violation]:
    """Threads that outlive a script crash Blender; requests go out from the worker alone."""
    if source.room != "worker":
        yield from (Violation(found.line, f"imports {found.name}") for found in imports(source)
                    if found.is_in(*WORKER_ONLY))


def only_compat_asks_for_the_blender_version(source: Source) -> Iterator[Violation]:
    """What differs between Blenders has one place."""
    if source.path == "blender/compat.py":
        return
    for found in imports(source):
        if found.name.startswith("bpy.app.version"):
            yield Violation(found.line, f"imports {found.name}")
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and node.attr.startswith("version"):
            if dotted(node.value).split(".")[-1] == "app":
                yield Violation(node.lineno, f"reads {dotted(node)}")


def package_imports_without_blender(source: Source) -> Iterator[Violation]:
    """The worker, which has no bpy, imports the package's __init__: neither bpy nor a module of ours that has it."""
    if source.path == "__init__.py":
        for found in imports(source, import_time(source.tree)):
            if found.is_in(*BLENDER_MODULES) or found.room is not None:
                yield Violation(found.line, f"imports {found.name} at import time")


def nobody_changes_the_module_path(source: Source) -> Iterator[Violation]:
    """Blender shows a policy violation for it, and another extension's modules would change under it."""
    for found in imports(source):
        if found.is_in("sys.path", "site"):
            yield Violation(found.line, f"imports {found.name}")
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if dotted(node.func.value) == "sys.path" and node.func.attr not in {"copy", "index", "count"}:
                yield Violation(node.lineno, f"calls {dotted(node.func)}")
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign | ast.Delete):
            targets = node.targets
        elif isinstance(node, ast.AugAssign | ast.AnnAssign):
            targets = [node.target]
        for target in targets:
            for part in target.elts if isinstance(target, ast.Tuple | ast.List) else [target]:
                if dotted(part.value if isinstance(part, ast.Subscript) else part) == "sys.path":
                    yield Violation(node.lineno, "assigns to sys.path")


def nothing_runs_code_from_data(source: Source) -> Iterator[Violation]:
    """Stored values are JSON; a file from somewhere else must not be able to run."""
    for found in imports(source):
        if found.is_in("pickle", "marshal", "shelve", "dill", "builtins.eval", "builtins.exec"):
            yield Violation(found.line, f"imports {found.name}")
    yield from calls_of(source, "eval", "exec")


def no_bare_except(source: Source) -> Iterator[Violation]:
    """It would swallow the keyboard's interrupt and the interpreter's end."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            yield Violation(node.lineno, "except without a type")


def broad_except_only_at_the_borders(source: Source) -> Iterator[Violation]:
    """Elsewhere an error that nobody foresaw must come out."""
    if source.path in BORDERS:
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ExceptHandler) and node.type is not None:
            types = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            for name in (dotted(item).split(".")[-1] for item in types):
                if name in {"Exception", "BaseException"}:
                    yield Violation(node.lineno, f"except {name} outside the borders")


class Samples(NamedTuple):
    """Sources, as (path, text), that a rule must refuse and must let pass."""

    refused: tuple[tuple[str, str], ...]
    passed: tuple[tuple[str, str], ...]


RULES: dict[Rule, Samples] = {
    rooms_import_downward_only: Samples(
        refused=(
            ("core/a.py", "from ..library import journal"),
            ("core/a.py", "def f():\n    from .. import worker"),
            ("imaging/a.py", "from ..worker.codec import decode"),
            ("worker/a.py", "import gptimage_addon.blender.host"),
            ("blender/a.py", "from ..operators.texture import plan"),
            ("operators/a.py", "from ..ui import panels"),
            ("operators/deep/a.py", "from ...ui import panels"),
            ("ui/a.py", "from ..library.journal import Journal"),
            ("ui/a.py", "from ..registration import MODULES"),
        ),
        passed=(
            ("core/a.py", "from .errors import InputError\nfrom . import catalog"),
            ("worker/a.py", "from ..core.errors import GptImageError\nfrom ..library import journal"),
            ("ui/a.py", "from ..operators.settings import RequestSettings\nfrom .. import __package__ as root"),
            ("registration.py", "from .ui import panels"),
        ),
    ),
    every_file_is_in_a_known_room: Samples(
        refused=(("utils/a.py", ""), ("helpers.py", "")),
        passed=(("core/a.py", ""), ("__main__.py", "")),
    ),
    libraries_stay_in_their_rooms: Samples(
        refused=(
            ("worker/a.py", "import bpy"),
            ("core/a.py", "from mathutils import Vector"),
            ("library/a.py", "import numpy"),
            ("blender/a.py", "def f():\n    from PIL import Image"),
            ("operators/a.py", "import openai.types"),
            ("ui/a.py", "import keyring"),
            ("worker/a.py", "import requests"),
            ("__main__.py", "import platformdirs"),
        ),
        passed=(
            ("worker/a.py", "import openai, httpx2, keyring, platformdirs\nfrom PIL import Image\nimport json"),
            ("blender/a.py", "import bpy\nimport numpy as np\nfrom ..core import regions"),
            ("core/a.py", "import numpy as np\nfrom dataclasses import dataclass"),
        ),
    ),
    core_reads_and_writes_nothing: Samples(
        refused=(
            ("core/a.py", "import os.path"),
            ("core/a.py", "from pathlib import Path"),
            ("core/a.py", "import json, sqlite3"),
            ("core/a.py", "def f():\n    import subprocess"),
            ("core/a.py", "with open('a') as f:\n    pass"),
        ),
        passed=(("core/a.py", "import json, math, hashlib"), ("library/a.py", "import os\nopen('a')")),
    ),
    no_threads_or_network_outside_the_worker: Samples(
        refused=(
            ("blender/a.py", "import threading"),
            ("operators/a.py", "from concurrent import futures"),
            ("library/a.py", "from concurrent.futures import ThreadPoolExecutor"),
            ("blender/a.py", "import multiprocessing.connection"),
            ("ui/a.py", "from urllib.request import urlopen"),
            ("blender/a.py", "import http.client"),
            ("__main__.py", "import socket"),
        ),
        passed=(("worker/a.py", "import threading, socket"), ("blender/a.py", "from urllib.parse import urlsplit")),
    ),
    only_compat_asks_for_the_blender_version: Samples(
        refused=(
            ("blender/a.py", "import bpy\nif bpy.app.version >= (5, 0): pass"),
            ("ui/a.py", "from bpy import app\nold = app.version < (5, 0)"),
            ("operators/a.py", "from bpy.app import version"),
            ("registration.py", "print(bpy.app.version_string)"),
        ),
        passed=(("blender/compat.py", "old = bpy.app.version < (5, 0)"), ("blender/a.py", "manifest.version")),
    ),
    package_imports_without_blender: Samples(
        refused=(
            ("__init__.py", "import bpy"),
            ("__init__.py", "try:\n    import bpy\nexcept ImportError:\n    bpy = None"),
            ("__init__.py", "try:\n    x = 1\nexcept ImportError:\n    from bpy import ops"),
            ("__init__.py", "if True:\n    from . import registration"),
        ),
        passed=(
            ("__init__.py", "def register():\n    import bpy\n    from . import registration"),
            ("registration.py", "import bpy"),
        ),
    ),
    nobody_changes_the_module_path: Samples(
        refused=(
            ("worker/a.py", "import sys\nsys.path.insert(0, 'a')"),
            ("worker/a.py", "import sys\nsys.path.append('a')"),
            ("blender/a.py", "import sys\nsys.path = []"),
            ("blender/a.py", "import sys\nsys.path[:0] = ['a']"),
            ("blender/a.py", "import sys\nsys.path += ['a']"),
            ("blender/a.py", "import sys\ndel sys.path[0]"),
            ("blender/a.py", "import sys\na, sys.path = 1, []"),
            ("blender/a.py", "from sys import path"),
            ("blender/a.py", "import site"),
        ),
        passed=(("worker/a.py", "import sys\nfor place in sys.path:\n    pass\nroots = [*sys.path]"),),
    ),
    nothing_runs_code_from_data: Samples(
        refused=(
            ("library/a.py", "import pickle"),
            ("worker/a.py", "from marshal import loads"),
            ("core/a.py", "eval('1')"),
            ("operators/a.py", "exec('x = 1')"),
        ),
        passed=(("core/a.py", "import json\nmodel.eval()"),),
    ),
    no_bare_except: Samples(
        refused=(("registration.py", "try:\n    f()\nexcept:\n    pass"),),
        passed=(("core/a.py", "try:\n    f()\nexcept ValueError:\n    pass"),),
    ),
    broad_except_only_at_the_borders: Samples(
        refused=(
            ("worker/a.py", "try:\n    f()\nexcept Exception:\n    pass"),
            ("core/a.py", "try:\n    f()\nexcept (ValueError, BaseException) as error:\n    raise"),
            ("blender/a.py", "import builtins\ntry:\n    f()\nexcept builtins.Exception:\n    pass"),
            ("blender/a.py", "try:\n    f()\nexcept* Exception:\n    pass"),
        ),
        passed=(
            ("blender/host.py", "try:\n    f()\nexcept Exception:\n    pass"),
            ("core/a.py", "try:\n    f()\nexcept (ValueError, KeyError):\n    pass"),
        ),
    ),
}


@pytest.fixture(scope="module")
def sources(checkout: Path) -> list[Source]:
    """All files of the package."""
    root = checkout / PACKAGE
    found = [
        Source(path.relative_to(root).as_posix(), ast.parse(path.read_text(encoding="utf-8"), str(path)))
        for path in sorted(root.rglob("*.py"))
    ]
    assert found, f"no Python file below {root}"
    return found


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_package_keeps_the_rule(rule: Rule, sources: list[Source]) -> None:
    broken = [f"{PACKAGE}/{source.path}:{found.line}: {found.text}" for source in sources for found in rule(source)]
    assert not broken, f"{rule.__doc__}\n" + "\n".join(broken)


REFUSED = [(rule, *sample) for rule, samples in RULES.items() for sample in samples.refused]
PASSED = [(rule, *sample) for rule, samples in RULES.items() for sample in samples.passed]


@pytest.mark.parametrize(("rule", "path", "text"), REFUSED, ids=lambda value: getattr(value, "__name__", None))
def test_rule_refuses(rule: Rule, path: str, text: str) -> None:
    assert list(rule(Source(path, ast.parse(text))))


@pytest.mark.parametrize(("rule", "path", "text"), PASSED, ids=lambda value: getattr(value, "__name__", None))
def test_rule_lets_pass(rule: Rule, path: str, text: str) -> None:
    assert not list(rule(Source(path, ast.parse(text))))
