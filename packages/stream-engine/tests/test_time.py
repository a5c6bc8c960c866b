"""Late, early and out-of-order events, watermarks, and a job that is killed and goes on."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta

import pytest
from stream_engine import Event, StreamJob, TimePolicy, run

midnight = datetime(2026, 1, 1, tzinfo=UTC)
stamps = "SELECT id, System.Timestamp() AS at FROM i TIMESTAMP BY t"
counts = "SELECT System.Timestamp() AS ends, COUNT(*) AS n FROM i TIMESTAMP BY t GROUP BY TumblingWindow(minute, 5)"


def clock(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-01-01T{text}").replace(tzinfo=UTC)


def event(time: str, arrival: str, partition: int = 0, **record: object) -> Event:
    body = json.dumps({"t": f"2026-01-01T{time}Z", **record}).encode()
    return Event(body=body, enqueued=clock(arrival), partition=partition)


def policy(late: float = 0, out_of_order: float = 0, action: str = "Adjust") -> TimePolicy:
    return TimePolicy(
        late=timedelta(seconds=late),
        out_of_order=timedelta(seconds=out_of_order),
        action=action,  # type: ignore[arg-type]
    )


# Microsoft Learn, "Configuring event ordering policies for Azure Stream Analytics": late 15 s, out of order 5 s.
documented = [
    ("00:10:00", "00:10:40", "00:10:25"),
    ("00:10:30", "00:10:41", "00:10:30"),
    ("00:10:42", "00:10:42", "00:10:42"),
    ("00:10:38", "00:10:43", "00:10:38"),
    ("00:10:35", "00:10:45", "00:10:37"),
]
# Microsoft, "Azure Stream Analytics event order considerations": late 10 min, out of order 3 min.
considered = [
    ("00:00:00", "00:10:01", "00:00:01"),
    ("00:00:01", "00:10:01", "00:00:01"),
    ("00:10:00", "00:10:02", "00:10:00"),
    ("00:09:00", "00:10:03", "00:09:00"),
    ("00:06:00", "00:10:04", "00:07:00"),
]


@pytest.mark.parametrize(("table", "limits"), [(documented, (15, 5)), (considered, (600, 180))])
def test_events_are_adjusted_as_in_microsofts_own_examples(
    table: list[tuple[str, str, str]], limits: tuple[float, float]
) -> None:
    events = [event(time, arrival, id=number) for number, (time, arrival, _) in enumerate(table)]
    result = run(stamps, {"i": events}, policy=policy(*limits))
    found = {row["id"]: row["at"] for row in result.outputs["output"]}
    assert found == {number: clock(expected) for number, (_, _, expected) in enumerate(table)}
    assert result.metrics["LateInputEvents"] == 1
    assert result.metrics["DroppedOrAdjustedEvents"] == 1


@pytest.mark.parametrize(("late", "out_of_order"), [(21 * 86400, 0), (-1, 0), (0, 600), (0, -1)])
def test_tolerances_are_those_that_azure_takes(late: float, out_of_order: float) -> None:
    assert policy(21 * 86400 - 1, 599).late == timedelta(days=20, hours=23, minutes=59, seconds=59)
    with pytest.raises(ValueError, match=r"TimePolicy\.(late|out_of_order): expected 0 to"):
        policy(late, out_of_order)


def test_the_same_events_are_dropped_when_the_action_is_drop() -> None:
    events = [event(time, arrival, id=number) for number, (time, arrival, _) in enumerate(documented)]
    result = run(stamps, {"i": events}, policy=policy(15, 5, "Drop"))
    assert [row["id"] for row in result.outputs["output"]] == [1, 3, 2]
    assert result.metrics["LateInputEvents"] == 1
    assert result.metrics["DroppedOrAdjustedEvents"] == 1


def test_an_event_exactly_at_a_tolerance_is_kept_as_it_is() -> None:
    events = [event("00:09:45", "00:10:00", id="late"), event("00:15:00", "00:10:00", id="early")]
    result = run(stamps, {"i": events}, policy=policy(15, 0))
    assert {row["id"]: row["at"] for row in result.outputs["output"]} == {
        "late": clock("00:09:45"),
        "early": clock("00:15:00"),
    }
    assert result.metrics["LateInputEvents"] == result.metrics["EarlyInputEvents"] == 0


def test_an_event_more_than_five_minutes_ahead_is_dropped_whatever_the_action() -> None:
    result = run(stamps, {"i": [event("00:15:00.001", "00:10:00", id=1)]}, policy=policy(5))
    assert result.outputs["output"] == []
    assert result.metrics["EarlyInputEvents"] == 1


def test_an_event_whose_time_cannot_be_read_is_counted_and_dropped() -> None:
    events = [Event(body=body, enqueued=midnight) for body in (b'{"t": "soon"}', b"{}", b'{"t": 5}')]
    result = run(stamps, {"i": events})
    assert result.outputs["output"] == []
    assert result.metrics["ConversionErrors"] == 3


def test_malformed_bodies_are_counted_and_never_stop_the_rest() -> None:
    bodies = [
        b"{",
        b"",
        b"\xff\xfe",
        b"5",
        b'{"x": NaN}',
        b'{"x": 9223372036854775808}',
        b'[{"id": 1}, 2]',
        b"[" * 100_000,
    ]
    good = [b'{"id": 1}', b'[{"id": 2}, {"id": 3}]', b'\xef\xbb\xbf{"id": 4}', b'{"id": 5}\n{"id": 6}\r\n']
    events = [Event(body=body, enqueued=midnight) for body in bodies + good]
    result = run("SELECT id FROM i", {"i": events})
    assert [row["id"] for row in result.outputs["output"]] == [1, 2, 3, 4, 5, 6]
    assert result.metrics["DeserializationError"] == len(bodies)
    assert result.metrics["InputEvents"] == 6
    assert result.metrics["InputEventBytes"] == sum(map(len, bodies + good))


def test_a_window_closes_once_the_watermark_has_passed_its_end() -> None:
    job = StreamJob(counts, start=midnight, policy=policy(60))
    assert job.push("i", [event("00:04:00", "00:04:01")])["output"] == []
    assert (
        job.advance(clock("00:06:00"))["output"] == []
    )  # the watermark is 00:05:00: an event of 00:05:00 may still come
    assert job.watermark == clock("00:05:00")
    assert job.push("i", [event("00:05:00", "00:06:00")])["output"] == []
    assert job.advance(clock("00:06:00.001"))["output"] == [{"ends": clock("00:05:00"), "n": 2}]


def test_time_waits_for_the_slowest_partition_until_the_arrival_clock_moves() -> None:
    job = StreamJob(counts, start=midnight, policy=policy(60), partitions=2)
    assert job.push("i", [event("00:06:00", "00:06:00", partition=0)])["output"] == []
    assert job.push("i", [event("00:04:59", "00:05:30", partition=1)])["output"] == []
    assert job.push("i", [event("00:05:31", "00:05:31", partition=1)])["output"] == [
        {"ends": clock("00:05:00"), "n": 1}
    ]
    assert job.metrics["LateInputEvents"] == job.metrics["DroppedOrAdjustedEvents"] == 0


def test_arrival_time_needs_no_policy_and_is_the_timestamp() -> None:
    job = StreamJob(
        "SELECT id, System.Timestamp() AS at, EventEnqueuedUtcTime AS e, PartitionId AS p FROM i", start=midnight
    )
    rows = job.push(
        "i", [event("23:00:00", "00:00:01", id=1, partition=3), event("00:00:00", "00:00:02", id=2, partition=3)]
    )
    assert rows["output"] == []  # partition 0 may be behind
    rows = job.advance(clock("00:00:03"))["output"]
    assert rows == [
        {"id": 1, "at": clock("00:00:01"), "e": clock("00:00:01"), "p": 3},
        {"id": 2, "at": clock("00:00:02"), "e": clock("00:00:02"), "p": 3},
    ]
    assert rows[0].timestamp == clock("00:00:01")


def test_rows_before_the_start_are_not_written_and_a_restart_doubles_none() -> None:
    events = [event(f"00:0{minute}:00", f"00:0{minute}:01") for minute in (1, 5, 6)]
    for start, exclusive, expected in (("00:05:00", False, [2, 1]), ("00:05:00", True, [1]), ("00:05:01", False, [1])):
        job = StreamJob(counts, start=clock(start), exclusive=exclusive)
        rows = job.push("i", events)["output"] + job.finish()["output"]
        assert [row["n"] for row in rows] == expected


def _plant(seed: int, count: int) -> list[Event]:
    """Events of two partitions with late, early, out-of-order, double and malformed ones, in order of arrival."""
    random_ = random.Random(seed)
    events = []
    for number in range(count):
        arrival = midnight + timedelta(seconds=number * 2 + random_.random())
        time = arrival - timedelta(seconds=random_.choice((0, 1, 5, 30, 90, -400)) * random_.random())
        body = json.dumps(
            {"id": random_.randrange(count), "d": random_.choice("abc"), "t": time.isoformat(), "x": number}
        )
        if random_.random() < 0.02:
            body = body[:-2]
        events.append(Event(body=body.encode(), enqueued=arrival, partition=random_.randrange(2)))
    return events


mixed = """
    WITH once AS (
        SELECT id, d, COUNT(*) AS copies, MAX(x) AS x FROM i TIMESTAMP BY t GROUP BY id, d, System.Timestamp()
    )
    SELECT System.Timestamp() AS ends, d, COUNT(*) AS n, SUM(copies) AS c, STDEV(x) AS s, COUNT(DISTINCT id) AS ids
    INTO features FROM once GROUP BY d, TumblingWindow(minute, 1)
    SELECT id, ISFIRST(minute, 2) OVER (PARTITION BY d) AS first, System.Timestamp() AS at INTO raw FROM i
"""


def test_a_job_killed_at_any_moment_goes_on_as_if_nothing_had_happened() -> None:
    events = _plant(seed=7, count=400)
    limits = policy(60, 10)
    whole = run(mixed, {"i": events}, policy=limits)
    for every in (1, 37, 150):
        job = StreamJob(mixed, start=midnight - timedelta(hours=1), policy=limits, partitions=2)
        rows: dict[str, list[object]] = {"features": [], "raw": []}
        for first in range(0, len(events), every):
            for name, found in job.push("i", events[first : first + every]).items():
                rows[name] += found
            job = StreamJob.restore(mixed, job.state(), policy=limits)
        for name, found in job.finish().items():
            rows[name] += found
        assert rows == whole.outputs
        assert job.metrics == whole.metrics


def test_a_state_of_another_query_is_refused() -> None:
    state = StreamJob(stamps, start=midnight).state()
    with pytest.raises(ValueError, match="another query"):
        StreamJob.restore(counts, state)


@pytest.mark.parametrize(
    "column",
    [
        "LAG(id) OVER (PARTITION BY id LIMIT DURATION(minute, 1))",
        "ISFIRST(minute, 1) OVER (PARTITION BY id)",
        "COUNT(*) OVER (PARTITION BY id LIMIT DURATION(minute, 1))",
    ],
)
def test_memory_forgets_keys_that_are_not_seen_any_more(column: str) -> None:
    job = StreamJob(f"SELECT {column} AS c FROM i TIMESTAMP BY t", start=midnight)
    sizes = []
    for minute in range(60):
        moment = midnight + timedelta(minutes=minute)
        body = json.dumps({"t": moment.isoformat(), "id": minute}).encode()
        job.push("i", [Event(body=body, enqueued=moment)])
        sizes.append(len(job.state()))
    assert max(sizes) <= 2 * sizes[2]


def test_memory_holds_open_windows_only() -> None:
    job = StreamJob(counts, start=midnight, policy=policy(5))
    sizes = []
    for minute in range(0, 1000, 10):
        moment = midnight + timedelta(minutes=minute)
        body = json.dumps({"t": moment.isoformat()}).encode()
        job.push("i", [Event(body=body, enqueued=moment)] * 50)
        job.advance(moment + timedelta(minutes=9))
        sizes.append(len(job.state()))
    assert max(sizes) <= sizes[0] + 40
    assert job.metrics["OutputEvents"] == len(sizes)
