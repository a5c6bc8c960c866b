"""The sandbox's clock as factory_engine knows it, and who works in real time at the moment."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from azure_sandbox.clock import Clock


class FactoryClock:
    """`working` counts what waits for something real: a jump of the clock lets it end first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.working = 0

    def now(self) -> datetime:
        return self._clock.now()

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep_until(self._clock.now() + timedelta(seconds=seconds))

    @contextmanager
    def real(self) -> Iterator[None]:
        self.working += 1
        try:
            yield
        finally:
            self.working -= 1
