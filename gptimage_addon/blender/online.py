# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether Blender may go online, and what to say when it may not."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

import bpy

from ..core.errors import InputError, OnlineAccessError, Repair
from ..core.request import Service, ServiceKind

__all__ = ("check_online", "is_local")


def is_local(service: Service) -> bool:
    """Whether the service is on this machine, so that no online access is needed."""
    if service.kind is not ServiceKind.COMPATIBLE:
        return service.kind is ServiceKind.PRACTICE
    host = urlsplit(service.base_url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_online(service: Service) -> None:
    """Raise OnlineAccessError if the service is off this machine and Blender may not go there, InputError for no URL."""
    if service.kind is ServiceKind.COMPATIBLE:
        parts = urlsplit(service.base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(f"{service.base_url!r} is not the address of a server", field="service",
                             hint="Enter its base URL in Preferences, for example http://127.0.0.1:8080/v1",
                             repair=Repair.OPEN_KEY_SETTINGS)
    if is_local(service) or bpy.app.online_access:
        return
    if bpy.app.online_access_override or bpy.app.background:
        raise OnlineAccessError("Blender was started without online access",
                                hint="Start it with --online-mode, or use the practice service", repair=Repair.NONE)
    raise OnlineAccessError("Online access is off")
