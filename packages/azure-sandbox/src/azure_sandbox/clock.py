"""The sandbox's one clock: it stands still, runs at any speed, or jumps, and never goes back."""

import asyncio
import contextlib
import heapq
import itertools
import math
import time
import traceback
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from azure_sandbox.store import Store

TICK = 0.2  # seconds of real time between two calls of the listeners while the clock runs
Listener = Callable[[datetime], Awaitable[None]]


class Clock:
    """Virtual time. `start()` within the event loop makes it tick; without it, it only moves by `advance` and `to`.

    What is stored is never behind what was told: a killed sandbox resumes at or after its last moment.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        saved = store.value("clock", {"now": datetime.now(UTC).isoformat(), "speed": 1.0})
        self._base = datetime.fromisoformat(saved["now"])
        self._real = time.monotonic()
        self._speed = float(saved["speed"])
        self._listeners: list[Listener] = []
        self._holders: list[Callable[[], Awaitable[None]]] = []
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._count = itertools.count()
        self._moving = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._save()

    @property
    def speed(self) -> float:
        return self._speed

    def now(self) -> datetime:
        return self._base + timedelta(seconds=(time.monotonic() - self._real) * self._speed)

    def stamp(self) -> str:
        """The time as Resource Manager writes it: `2026-01-31T12:00:00.000000Z`."""
        return self.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def set_speed(self, speed: float) -> None:
        """Virtual seconds per real second; 0 stops the clock."""
        if not 0 <= speed < math.inf:
            raise ValueError(f"the clock's speed must be 0 or more, not {speed}")
        self._rebase(self.now())
        self._speed = float(speed)
        self._save()

    async def advance(self, step: timedelta) -> None:
        """Moves on by `step`; returns when every listener has seen it."""
        if step < timedelta(0):
            raise ValueError(f"the clock cannot go back by {-step}")
        async with self._moving:
            await self._move(self.now() + step)

    async def to(self, moment: datetime) -> None:
        """Moves on to `moment` (with a time zone); refuses to go back."""
        async with self._moving:
            now = self.now()
            if moment < now:
                raise ValueError(f"the clock stands at {now.isoformat()} and cannot go back to {moment.isoformat()}")
            await self._move(moment)

    async def sleep_until(self, moment: datetime) -> None:
        if moment <= self.now():
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (moment, next(self._count), woken))
        await woken

    def listen(self, callback: Listener) -> None:
        """Listeners are awaited one after the other, in the order in which they came."""
        self._listeners.append(callback)

    def hold(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Awaited in a jump before time moves on: what is under way at a moment ends at that moment."""
        self._holders.append(callback)

    def start(self) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._tick())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        self._rebase(self.now())
        self._save(ahead=False)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            if self._speed and not self._moving.locked():
                async with self._moving:
                    try:
                        await self._tell()
                    except Exception:  # the clock goes on; who advances it is told
                        traceback.print_exc()
                    self._save()

    async def _move(self, target: datetime) -> None:
        """Stops at every moment somebody sleeps for, so that all wake at their own time."""
        await self._held()
        while (moment := self._next()) is not None and moment <= target:
            self._rebase(max(moment, self.now()))
            await self._tell()
            await self._held()
        self._rebase(max(target, self.now()))
        self._save()
        await self._tell()
        await self._held()

    def _next(self) -> datetime | None:
        """When the first sleeper wakes; those that gave up are forgotten."""
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None

    async def _held(self) -> None:
        for holder in self._holders:
            await holder()

    async def _tell(self) -> None:
        now = self.now()
        for listener in list(self._listeners):
            await listener(now)
        while self._sleepers and self._sleepers[0][0] <= now:
            _, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                woken.set_result(None)
        await asyncio.sleep(0)

    def _rebase(self, moment: datetime) -> None:
        self._base, self._real = moment, time.monotonic()

    def _save(self, ahead: bool = True) -> None:
        margin = timedelta(seconds=2 * TICK * self._speed if ahead else 0)
        self._store.set_value("clock", {"now": (self.now() + margin).isoformat(), "speed": self._speed})
