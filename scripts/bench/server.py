# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A practice service that answers every request with one picture, until stdin closes: server.py PICTURE LATENCY_S"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import common  # noqa: F401  (puts the checkout on the module path)

from gptimage_addon.worker.practice import PracticeServer


def main() -> None:
    picture = Path(sys.argv[1]).read_bytes()
    # "none" is what the worker sends where it has no key.
    with PracticeServer(token="none", latency_s=float(sys.argv[2]), picture=picture) as server:
        print(json.dumps(server.base_url), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
