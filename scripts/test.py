# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the tests in an environment of its own, made on first use.

    python3 scripts/test.py                          all tests, newest Blender for this Python
    python3 scripts/test.py --bpy 4.2                with another Blender
    python3 scripts/test.py tests/core -k pricing    everything else goes to pytest; paths start at the checkout
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

import environment

# What the tests need beside Blender and the worker's wheels.
TOOLS = ("pytest==9.2.0", "PyYAML==6.0.3", "jsonschema==4.26.0", "scipy==1.17.1", "scikit-image==0.26.0",
         "pyflakes==4.1.0", "pytest-xdist==3.8.0", "dukpy==0.6.0")
# All tests at once run in two processes, each file whole in one of them, in the order of tests/conftest.py; a part of them as it is asked for.
TWO_PROCESSES = ("--numprocesses=2", "--dist=loadfile", "--no-loadscope-reorder")


def main() -> int:
    """The exit status of pytest, or 2 where no environment can be made."""
    parser = argparse.ArgumentParser(
        description="Run the tests. All other arguments go to pytest.", allow_abbrev=False
    )
    parser.add_argument("--bpy", metavar="X.Y", help=f"Blender to test with: {', '.join(environment.BLENDERS)}")
    options, passed_on = parser.parse_known_args()
    try:
        python = environment.python_for(options.bpy, TOOLS)
    except environment.UnfitError as error:
        print(error, file=sys.stderr)
        return 2
    # Blender and pip must not be led astray by what the caller's shell sets for another Python.
    variables = {key: value for key, value in os.environ.items() if key not in {"PYTHONPATH", "PYTHONHOME"}}
    is_part = any((environment.CHECKOUT / word.partition("::")[0]).exists() for word in passed_on if not word.startswith("-"))
    command = [str(python), "-m", "pytest", "-c", "tests/pytest.ini", "--rootdir", ".", *(() if is_part else TWO_PROCESSES), *passed_on]
    return subprocess.run(command, cwd=environment.CHECKOUT, env=variables, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
