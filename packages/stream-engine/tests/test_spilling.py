"""More data than memory holds: sorted on disk, and handed on in order of time."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest
from stream_engine import Event, StreamJob, run
from stream_engine.spilling import Sorted, forever


@pytest.mark.parametrize("count", [0, 1, 5, 60])
@pytest.mark.parametrize("times", [1, 7, 1000])
def test_entries_come_in_order_in_steps_that_hold_few_of_them(
    count: int, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, few in (("_most", 5), ("_block", 2), ("_ahead", 3)):
        monkeypatch.setattr(f"stream_engine.spilling.{name}", few)
    rng = random.Random(count * times)
    entries = [(rng.randrange(times), number, {"x": number}) for number in range(count)]
    found = Sorted()
    for entry in entries:
        found.add(entry)
    taken: list[tuple[int, int, dict[str, int]]] = []
    until = 0
    while until < forever:
        until = found.horizon()
        step = list(found.take(until))
        assert len({time for time, _, _ in step}) <= 6
        taken += step
    assert taken == sorted(entries, key=lambda entry: entry[:2])
    with pytest.raises(ValueError, match="nothing can be added"):
        found.add((0, 0, {}))


def test_rows_of_data_at_rest_become_final_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream_engine.spilling._ahead", 10)
    query = """SELECT a.id AS id, COUNT(*) AS n FROM i a TIMESTAMP BY t JOIN i b TIMESTAMP BY t
               ON DATEDIFF(second, a, b) BETWEEN 0 AND 1 GROUP BY a.id, System.Timestamp()"""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    job = StreamJob(query, start=start)
    rested = [{"id": second, "t": f"2026-01-01T00:{second // 60:02d}:{second % 60:02d}Z"} for second in range(300)]
    assert job.rest("i", reversed(rested), arrival=start) == 300
    pieces = [len(rows["output"]) for rows in job.drain()]
    assert sum(pieces) == 599
    assert max(pieces) <= 40


def test_events_with_and_without_an_arrival_time_do_not_mix() -> None:
    arrived = Event(body={"id": 1}, enqueued=datetime(2026, 1, 1, tzinfo=UTC))
    for other in ({"id": 2}, b'{"id": 2}'):
        with pytest.raises(ValueError, match="'i': 1 of 2 events have an arrival time: all or none must"):
            run("SELECT id FROM i", {"i": [arrived, other]})
    assert run("SELECT id FROM i", {"i": [arrived, b"{"]}).metrics["DeserializationError"] == 1


def test_a_job_over_data_at_rest_keeps_no_state() -> None:
    job = StreamJob("SELECT id FROM i", start=datetime(2026, 1, 1, tzinfo=UTC))
    job.rest("i", [{"id": 1}], arrival=datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(ValueError, match="run it again"):
        job.state()
