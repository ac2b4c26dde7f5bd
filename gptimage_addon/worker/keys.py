# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The artist's keys: environment first, then the system's keychain, else a file only the user can read.

A key lives in this process alone. It is never written to the data folder, a log, an argument list or a scene.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from urllib.parse import urlsplit

import keyring
import keyring.errors
import platformdirs

from ..core.request import Service, ServiceKind
from ..library.journal import write_atomic

__all__ = ("find_key", "store_key")

_NAME = "gptimage_addon"
_VARIABLE = "OPENAI_API_KEY"


def _account(service: Service) -> str:
    return "openai" if service.kind is ServiceKind.OPENAI else urlsplit(service.base_url).netloc


def _file() -> Path:
    return platformdirs.user_config_path(_NAME, appauthor=False) / "keys.json"


def _file_keys() -> dict[str, str]:
    try:
        keys = json.loads(_file().read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return keys if isinstance(keys, dict) else {}


def find_key(service: Service) -> tuple[str, str]:
    """(key, where it was found: "environment", "keychain", "file" or ""). May ask the system to unlock its keychain."""
    key = os.environ.get(_VARIABLE, "").strip()
    if key:
        return key, "environment"
    try:
        key = keyring.get_password(_NAME, _account(service)) or ""
    except keyring.errors.KeyringError:         # no keychain on this system, or it stays locked
        key = ""
    if key:
        return key, "keychain"
    key = _file_keys().get(_account(service), "")
    return (key, "file") if key else ("", "")


def store_key(service: Service, key: str) -> str:
    """Keep the key for the service, or forget it if empty. Returns where it went. Raises OSError if nowhere takes it."""
    account = _account(service)
    where = ""
    try:
        if key:
            keyring.set_password(_NAME, account, key)
            if keyring.get_password(_NAME, account) == key:      # some keychains take everything and keep nothing
                where = "keychain"
        elif keyring.get_password(_NAME, account) is not None:
            keyring.delete_password(_NAME, account)
    except keyring.errors.KeyringError:
        pass                                    # no usable keychain: the file below
    keys = _file_keys()
    changed = keys.pop(account, None) is not None
    if key and not where:
        keys[account] = key
        where, changed = "file", True
    if changed:
        path = _file()
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomic(path, json.dumps(keys).encode(), mode=0o600)
    return where
