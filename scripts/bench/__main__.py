# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All benches that need no window, one after the other: python3 scripts/bench

draw.py and ticks.py need a real Blender with its window: python3 scripts/bench/draw.py --lab PATH/TO/gui
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

BENCHES = ("registration", "start", "adopt", "material", "throughput", "finish", "tile", "maps", "history", "chaos")


def main() -> int:
    status = 0
    for name in BENCHES:
        print(f"== {name} ==", flush=True)
        status |= subprocess.run([sys.executable, str(Path(__file__).with_name(f"{name}.py"))], check=False).returncode
        print(flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
