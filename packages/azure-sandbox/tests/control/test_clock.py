import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from azure_sandbox.clock import Clock
from azure_sandbox.store import Store


def test_a_stopped_clock_stands_still_and_advances_by_exactly_what_was_asked(clock: Clock) -> None:
    before = clock.now()
    asyncio.run(clock.advance(timedelta(hours=25)))
    assert clock.now() - before == timedelta(hours=25)


def test_every_listener_has_seen_the_new_time_in_order_before_advance_returns(clock: Clock) -> None:
    seen: list[tuple[str, datetime]] = []

    async def slow(now: datetime) -> None:
        await asyncio.sleep(0.01)
        seen.append(("slow", now))

    async def quick(now: datetime) -> None:
        seen.append(("quick", now))

    clock.listen(slow)
    clock.listen(quick)
    asyncio.run(clock.advance(timedelta(minutes=1)))
    assert seen == [("slow", clock.now()), ("quick", clock.now())]


def test_sleepers_wake_at_their_own_time_on_the_way(clock: Clock) -> None:
    woken: list[tuple[int, datetime]] = []
    start = clock.now()

    async def sleeper(minutes: int) -> None:
        await clock.sleep_until(start + timedelta(minutes=minutes))
        woken.append((minutes, clock.now()))

    async def main() -> None:
        sleepers = [asyncio.create_task(sleeper(minutes)) for minutes in (30, 10, 90)]
        await asyncio.sleep(0)
        await clock.advance(timedelta(hours=1))
        await asyncio.sleep(0)
        sleepers[-1].cancel()

    asyncio.run(main())
    assert woken == [(10, start + timedelta(minutes=10)), (30, start + timedelta(minutes=30))]


def test_the_clock_never_goes_back(clock: Clock) -> None:
    with pytest.raises(ValueError, match="cannot go back"):
        asyncio.run(clock.to(clock.now() - timedelta(seconds=1)))
    with pytest.raises(ValueError, match="cannot go back"):
        asyncio.run(clock.advance(timedelta(seconds=-1)))
    with pytest.raises(ValueError, match="speed must be 0 or more, not -1"):
        clock.set_speed(-1)


def test_a_running_clock_calls_its_listeners(clock: Clock) -> None:
    seen: list[datetime] = []

    async def listener(now: datetime) -> None:
        seen.append(now)

    async def main() -> None:
        clock.listen(listener)
        clock.set_speed(3600)
        clock.start()
        await clock.sleep_until(clock.now() + timedelta(minutes=10))
        await clock.stop()

    asyncio.run(main())
    assert seen
    assert seen == sorted(seen)


def test_a_killed_sandbox_resumes_no_earlier_than_its_last_moment(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.db")
    clock = Clock(store)
    clock.set_speed(86400)
    last = clock.now()
    store.close()  # nobody said goodbye to the clock
    again = Clock(Store(tmp_path / "state.db"))
    assert again.now() >= last
    assert again.speed == 86400
