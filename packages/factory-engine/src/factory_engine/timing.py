"""Work with a time limit on the caller's clock."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

from factory_engine.world import ActivityError, Clock

T = TypeVar("T")


async def within(clock: Clock, seconds: float, work: Coroutine[Any, Any, T], name: str) -> T:
    """The result of `work`, or ActivityError ActionTimedOut after `seconds` on the clock, when `work` is cancelled.

    Work that ends in the same moment wins.
    """
    task, timer = asyncio.ensure_future(work), asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({task, timer}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        timer.result()
    finally:
        await cancel_all((task, timer))
    msg = f"The activity '{name}' did not end within {seconds:g} seconds"
    raise ActivityError("ActionTimedOut", msg)


async def cancel_all(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancels the tasks and waits until each has ended."""
    ending = list(tasks)
    for task in ending:
        task.cancel()
    if ending:
        await asyncio.gather(*ending, return_exceptions=True)
