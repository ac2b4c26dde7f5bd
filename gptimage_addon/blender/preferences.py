# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The add-on's preferences as a value, with their defaults where the add-on runs without being enabled."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import bpy

from ..core.pricing import Limits
from ..core.request import MaskStyle, Service, ServiceKind
from . import paths

__all__ = ("Preferences", "read_preferences", "read_service")


class Preferences(NamedTuple):
    service: Service = Service()
    data_dir: Path | None = None
    pack: bool = True
    concurrency: int = 4
    budgets: Limits = Limits()
    stop_at_budget: bool = True             # else they only warn
    warn_share: float = 0.8                 # of a budget, from which on there is a warning
    show_unfinished: bool = False
    label_files: bool = True
    keep_days: int = 180                    # what is older and has no star can be freed

    @property
    def jobs_dir(self) -> Path:
        return self.data_dir or paths.default_data_dir()


def read_preferences() -> Preferences:
    """What the artist has set. Cheap; a panel may call it."""
    stored = _stored()
    if stored is None:
        return Preferences()
    return Preferences(
        service=_service(stored), pack=stored.storage == "PACK", concurrency=stored.concurrency,
        budgets=Limits(*((usd or None) for usd in (stored.day_budget_usd, stored.month_budget_usd, stored.file_budget_usd))),
        stop_at_budget=stored.stop_at_budget, warn_share=stored.warn_share, show_unfinished=stored.show_unfinished,
        keep_days=stored.keep_days, label_files=stored.label_files,
        data_dir=Path(bpy.path.abspath(stored.data_dir)) if stored.data_dir else None,
    )


def read_service() -> Service:
    """Where requests go: the part of `read_preferences` that a redraw asks for in every panel."""
    stored = _stored()
    return Service() if stored is None else _service(stored)


def _stored() -> bpy.types.AddonPreferences | None:
    addon = bpy.context.preferences.addons.get(paths.ROOT)
    return addon.preferences if addon else None


def _service(stored: bpy.types.AddonPreferences) -> Service:
    kind = ServiceKind(stored.service.lower())
    if kind is ServiceKind.COMPATIBLE:
        return Service(kind, stored.base_url.strip().rstrip("/"), MaskStyle(stored.mask_style.lower()))
    return Service(kind)
