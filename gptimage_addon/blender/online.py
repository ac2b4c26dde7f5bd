# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether Blender may go online, and what to say when it may not."""

from __future__ import annotations

import bpy

from ..core.addresses import is_web_address
from ..core.errors import InputError, OnlineAccessError, Repair
from ..core.request import Service, ServiceKind

__all__ = ("check_online",)


def check_online(service: Service) -> None:
    """Raise OnlineAccessError if the service is off this machine and Blender may not go there, InputError for no URL."""
    if service.kind is ServiceKind.COMPATIBLE and not is_web_address(service.base_url):
        raise InputError(f"{service.base_url!r} is not the address of a server", field="service",
                         hint="Enter its base URL in Preferences, for example http://127.0.0.1:8080/v1",
                         repair=Repair.OPEN_KEY_SETTINGS)
    if service.is_local or bpy.app.online_access:
        return
    if bpy.app.online_access_override or bpy.app.background:
        raise OnlineAccessError("Blender was started without online access",
                                hint="Start it with --online-mode, or use the practice service", repair=Repair.NONE)
    raise OnlineAccessError("Online access is off")
