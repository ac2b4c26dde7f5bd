# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be spent in this Blender, and what is left of it: read from the wallet now and then, never while drawing.

The last word has the worker, which checks and reserves in one step; here what cannot fit is refused before it is queued.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import bpy

from .. import library
from ..core.pricing import Limits, Spending, check_limits
from ..core.request import Job, ServiceKind
from . import notice
from .preferences import read_preferences

__all__ = ("Budget", "SESSION")

log = logging.getLogger(__name__)

# Names this Blender session: a session_uid of a datablock means nothing in another one.
SESSION = os.urandom(8).hex()
LOOK_S = 2.0
KNOWN = 500                             # requests that are recognized while drawing, the latest


class Budget:
    """One session's view of the wallet. `run_usd` limits this session alone, for the headless run.

    `spending` is as it was seen last, and so is `answered`: of what was asked before, by fingerprint, the job's id and the time.
    `trouble` is a sentence of the worker's about the wallet, "" while it is well.
    """

    def __init__(self, data_dir: Callable[[], Path]) -> None:
        self.run_usd: float | None = None
        self.spending = Spending()
        self.answered: dict[str, tuple[str, float]] = {}
        self.trouble = ""
        self._data_dir = data_dir
        self._seen: object = None

    @property
    def limits(self) -> Limits:
        """What must not be exceeded."""
        preferences = read_preferences()
        return (preferences.budgets if preferences.stop_at_budget else Limits())._replace(session_usd=self.run_usd)

    def check(self, jobs: Sequence[Job], waiting: Sequence[Job]) -> None:
        """Raise QuotaError when the jobs would cost more than is left beside those that wait for their turn."""
        cost = _paid_usd(jobs)
        limits = self.limits
        if not cost or limits == Limits():
            return
        blend = jobs[0].landing.blend
        spent = self._read(blend)
        if spent is None:
            return                              # the worker tells what is wrong
        ahead, same_file = _paid_usd(waiting), _paid_usd([job for job in waiting if job.landing.blend == blend])
        check_limits(limits, Spending(spent.day_usd + ahead, spent.month_usd + ahead, spent.blend_usd + same_file,
                                      spent.session_usd + ahead), cost)

    # --- for the panels -----------------------------------------------------------------------------------

    def watch(self) -> None:
        """Begin to look at the wallet now and then. In background mode nothing is shown."""
        if not bpy.app.background and not bpy.app.timers.is_registered(self._look):
            bpy.app.timers.register(self._look, first_interval=0.5, persistent=True)

    def unwatch(self) -> None:
        if bpy.app.timers.is_registered(self._look):
            bpy.app.timers.unregister(self._look)

    def _look(self) -> float:
        data_dir, blend = self._data_dir(), bpy.data.filepath
        seen = (data_dir, blend, time.localtime()[:3], _stamp(data_dir / "wallet.sqlite"))
        if seen != self._seen:
            found = self._read(blend)
            if found is not None:
                self._seen, self.spending = seen, found
                self.answered = self._read_answered()
                notice.redraw(all_regions=False)
        return LOOK_S

    def _read(self, blend: str) -> Spending | None:
        try:
            return library.wallet.Wallet(self._data_dir()).spending(blend, SESSION)
        except library.wallet.WalletError as error:
            log.warning("the wallet cannot be read: %s", error)
            return None

    def look_again(self) -> None:
        """Read anew at the next look, though the wallet may be as it was: results were deleted."""
        self._seen = None

    def _read_answered(self) -> dict[str, tuple[str, float]]:
        try:
            found = library.wallet.Wallet(self._data_dir()).answered(KNOWN)
        except library.wallet.WalletError as error:
            log.warning("the wallet cannot be read: %s", error)
            return {}
        jobs_dir = self._data_dir() / "jobs"
        return {asked: (job_id, at) for asked, (job_id, at) in found.items() if (jobs_dir / job_id / "results").is_dir()}


def _paid_usd(jobs: Sequence[Job]) -> float:
    return sum(job.shown_usd or 0.0 for job in jobs if job.service.kind is not ServiceKind.PRACTICE)


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size
