# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start of the worker process, by this file's path.

Python is started without this folder or its parents on the module path: beside an installed extension lie
others, and none of their files may be taken for one of ours. So our package is loaded by its place on disk.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

PACKAGE = "gptimage_addon"


def load_package() -> None:
    """Make `gptimage_addon` importable, whatever the folder is called."""
    root = Path(__file__).resolve().parent.parent
    spec = importlib.util.spec_from_file_location(PACKAGE, root / "__init__.py", submodule_search_locations=[str(root)])
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = module
    spec.loader.exec_module(module)


if __name__ == "__main__":
    if not __package__:
        load_package()
    from gptimage_addon.worker.main import main

    sys.exit(main())
