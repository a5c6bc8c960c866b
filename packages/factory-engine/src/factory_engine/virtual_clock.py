"""A clock that stands still until it is moved, for tests and simulations."""

import asyncio
import heapq
import itertools
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")


class VirtualClock:
    """Sleepers wake in the order of their times, those of equal times in the order in which they went to sleep.

    Before time moves, all that can run without it runs. Work that waits for something real (a file, a socket) says so
    with `working()`, and time stands still until it is over.
    """

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._order = itertools.count()
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._working = 0
        self._quiet = asyncio.Event()

    def now(self) -> datetime:
        return self._now

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + timedelta(seconds=seconds), next(self._order), future))
        await future

    @contextmanager
    def working(self) -> Iterator[None]:
        """Holds time still while the caller waits for something real. Do not sleep on this clock within."""
        self._working += 1
        self._quiet.clear()
        try:
            yield
        finally:
            self._working -= 1
            if not self._working:
                self._quiet.set()

    async def advance_to(self, when: datetime) -> None:
        """Moves time to `when`, waking on the way whoever sleeps, each at its own time."""
        await self._settle()
        while self._wake(when):
            await self._settle()
        self._now = max(self._now, when)

    async def drive(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`; whenever everything waits for time, it jumps to the earliest sleeper."""
        task = asyncio.ensure_future(work)
        await self._settle()
        while not task.done():
            if not self._wake(None):
                msg = "the work waits for something that is neither this clock nor declared by working()"
                task.cancel()
                raise RuntimeError(msg)
            await self._settle()
        return task.result()

    def _wake(self, limit: datetime | None) -> bool:
        while self._sleepers and (limit is None or self._sleepers[0][0] <= limit):
            when, _, future = heapq.heappop(self._sleepers)
            if not future.done():
                self._now = max(self._now, when)
                future.set_result(None)
                return True
        return False

    async def _settle(self) -> None:
        """Returns when nothing can run without time moving on."""
        while True:
            await _idle()
            if not self._working:
                return
            await self._quiet.wait()


async def _idle() -> None:
    # asyncio tells nobody whether its loop has anything left to run; its own queue is the only witness.
    loop: Any = asyncio.get_running_loop()
    await asyncio.sleep(0)
    while loop._ready:
        await asyncio.sleep(0)
