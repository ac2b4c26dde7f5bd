# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an address says about itself, without asking anyone."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

__all__ = ("OPENAI_URL", "is_loopback", "is_web_address")

OPENAI_URL = "https://api.openai.com/v1"


def is_web_address(url: str) -> bool:
    """Whether it is an http or https address with a host and a possible port."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:                          # broken brackets, or a port that is none
        return False


def is_loopback(url: str) -> bool:
    """Whether an address is on this machine, so that no online access is needed."""
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    return host == "::1" or re.fullmatch(r"127(\.\d{1,3}){3}", host) is not None
