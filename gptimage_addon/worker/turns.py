# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose request goes next, and how many are at a service at once."""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from ..core.protocol import Pace
from ..core.request import Service

__all__ = ("Gate", "Turns")

CALM_S = 0.5                            # in a long line there may always be somebody about to leave


class Turns:
    """The line of all jobs, in one order, before a gate for each service: a slow service holds up no other one's jobs.

    `limit` is how many requests may be at one service at once, `tell` hears when a service asks for less.
    """

    def __init__(self, limit: int, tell: Callable[[Pace], None] = lambda _: None) -> None:
        self.limit = max(1, limit)
        self.paused = False
        self.tell = tell
        self._ranks: dict[str, int] = {}
        self._coming: set[str] = set()          # jobs in the line that are still read from the disk: who stands behind them waits
        self._count = itertools.count()
        self._gates: dict[Service, Gate] = {}
        self._leaving: set[str] = set()         # jobs whose turn has come or will at once, until their request is on its way
        self._calm = asyncio.Event()
        self._calm.set()

    def resize(self, limit: int) -> None:
        self.limit = max(1, limit)
        for gate in self._gates.values():
            gate.resized()

    def pause(self, paused: bool) -> None:
        """Send nothing more, or go on, at once: what is at a service already stays there."""
        self.paused = paused
        for gate in self._gates.values():
            gate.open()

    def expect(self, job_id: str) -> bool:
        """Put a job at the end of the line, before it is known where it goes. False where it stands so far back that it will wait."""
        is_near = len(self._ranks) < self.limit
        self._coming.add(job_id)
        self.rank(job_id)
        if is_near:
            self.leaves(job_id)
        return is_near

    def arrived(self, job_id: str) -> None:
        """The job has been read."""
        if job_id in self._coming:
            self._coming.remove(job_id)
            for gate in self._gates.values():
                gate.wake()

    def rank(self, job_id: str) -> int:
        """The job's place in the line: the last, the first time it is asked for. A job keeps it from one attempt to the next."""
        return self._ranks.setdefault(job_id, next(self._count))

    def first_coming(self) -> float:
        """The place of the first job that has not arrived."""
        return min((self._ranks[job_id] for job_id in self._coming), default=math.inf)

    def step_aside(self, job_id: str) -> None:
        """The job needs no turn, or none for a long time: nobody need wait for it."""
        self.arrived(job_id)
        self.left(job_id)

    def forget(self, job_id: str) -> None:
        self.step_aside(job_id)
        self._ranks.pop(job_id, None)

    def arrange(self, job_ids: Sequence[str]) -> None:
        """Put these jobs in this order, in the places that they have together."""
        known = [job_id for job_id in dict.fromkeys(job_ids) if job_id in self._ranks]
        places = sorted(self._ranks[job_id] for job_id in known)
        self._ranks.update(zip(known, places, strict=True))

    def leaves(self, job_id: str) -> None:
        """The job's request is about to leave, as far as is known."""
        self._leaving.add(job_id)
        self._calm.clear()

    def left(self, job_id: str) -> None:
        """It is on its way, or does not leave."""
        self._leaving.discard(job_id)
        if not self._leaving:
            self._calm.set()

    async def calm(self) -> None:
        """Until no request is about to leave, or a moment has passed.

        A service must not stand idle for work that can as well be done while it is busy.
        """
        try:
            async with asyncio.timeout(CALM_S):
                await self._calm.wait()
        except TimeoutError:
            return

    def gate(self, service: Service) -> Gate:
        if service not in self._gates:
            self._gates[service] = Gate(self, service)
        return self._gates[service]


class Gate:
    """Lets as many requests to one service as it bears, one after the other in the line's order.

    When the service asks for a pause (HTTP 429), nobody goes before the pause is over, and half as many at once as before; each
    answer then lets a little more through, one more after a whole round. Source: additive increase, multiplicative decrease,
    as TCP has it (RFC 5681, section 3.1).
    """

    def __init__(self, turns: Turns, service: Service) -> None:
        self._turns = turns
        self._service = service
        self._allowed = float(turns.limit)
        self._busy = 0
        self._closed_until = 0.0            # of the loop's clock, which no change of the system's time moves
        self._slowed_at = -1.0
        self._waiting: dict[str, asyncio.Future[None]] = {}

    @asynccontextmanager
    async def turn(self, job_id: str) -> AsyncIterator[None]:
        """Held while a request of the job is at the service. Waits for the job's turn."""
        loop = asyncio.get_running_loop()
        self._turns.rank(job_id)
        mine = self._waiting[job_id] = loop.create_future()
        self._turns.arrived(job_id)
        self.wake()
        if not mine.done():
            self._turns.left(job_id)        # not yet
        try:
            await mine
        except asyncio.CancelledError:
            self._waiting.pop(job_id, None)
            if mine.done() and not mine.cancelled():
                self._leave(job_id)         # the turn had come in the same moment
            raise
        began = loop.time()
        try:
            yield
            self._answered(began)
        finally:
            self._leave(job_id)

    def slow(self, pause_s: float, sent_s: float) -> None:
        """The service asked for a pause, of a request that was sent `sent_s` seconds ago."""
        now = asyncio.get_running_loop().time()
        self._closed_until = max(self._closed_until, now + pause_s)
        if now - sent_s > self._slowed_at:      # requests that were on their way together count once
            self._slowed_at = now
            self._allowed = max(1.0, min(self._allowed, self._busy) / 2)
        self._tell()

    def resized(self) -> None:
        # An artist who changes the number wants to see it at work, even if the service asked for less.
        self._allowed = float(self._turns.limit)
        self.wake()

    def open(self) -> None:
        """End the pause that the service asked for: the artist wants it so."""
        self._closed_until = 0.0
        self.wake()

    def wake(self) -> None:
        """Let in who may go now."""
        if self._turns.paused or not self._waiting:
            return
        loop = asyncio.get_running_loop()
        if (left := self._closed_until - loop.time()) > 0:
            loop.call_later(left, self.wake)
            return
        behind = self._turns.first_coming()
        for job_id in sorted(self._waiting, key=self._turns.rank):
            if self._busy >= int(self._allowed) or self._turns.rank(job_id) > behind:
                return
            turn = self._waiting.pop(job_id)
            if not turn.done():
                self._busy += 1
                self._turns.leaves(job_id)
                turn.set_result(None)

    def _answered(self, began: float) -> None:
        before = int(self._allowed)
        if before < self._turns.limit and began > self._slowed_at:
            # A sum of such shares comes to one after as many answers as go at once.
            self._allowed = min(self._allowed + 1.0 / before, float(self._turns.limit))
            if int(self._allowed) > before:
                self._tell()

    def _leave(self, job_id: str) -> None:
        self._busy -= 1
        self._turns.left(job_id)
        self.wake()

    def _tell(self) -> None:
        left = self._closed_until - asyncio.get_running_loop().time()
        self._turns.tell(Pace(self._service, int(self._allowed), math.ceil(max(0.0, left) * 1000) / 1000))
