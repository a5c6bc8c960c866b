"""Replay: what the stream made of events, made again from its archive, row for row."""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from stream_engine import Event, TimePolicy, compile_query, run

from operations import archive, azure, problem, replay
from operations.errors import OperationError
from operations.prepare import parquet
from operations.stack import Stack
from operations.windows import HOUR, Window, folder
from scoring.contract import arrow_schema, raw_row
from scoring.sensors.contract import CONTRACT
from scoring.sensors.simulator import day
from tests.operations.rows import DAY, feature, feature_file, features

QUERY = compile_query(problem.query("sensors").read_text("utf-8"))
MINUTES = timedelta(minutes=1)
POLICY = TimePolicy(late=5 * MINUTES, out_of_order=5 * MINUTES, action="Drop")
STREAM = replay.Stream(query=QUERY, policy=POLICY, flush=MINUTES)
HOURS = Window(start=DAY, end=DAY + 2 * HOUR)


def sent(*, hours: int = 2) -> list[Event]:
    """Two series of the simulated plant, each on its partition; beside one of them a sensor whose clock runs ahead."""
    ahead = {"EventId": "x", "DeviceId": "pump-001", "SensorId": "ahead", "Value": 1.0}
    found = []
    keys: list[str] = []
    for moment, key, body in day(DAY, length=hours * HOUR, devices=2, sensors=1).deliveries():
        keys += [key] if key not in keys else []
        found.append(Event(body=body, enqueued=moment, partition=keys.index(key)))
        if moment.second == 0:  # four minutes ahead: what follows on its partition may be out of order
            time = f"{moment + 4 * MINUTES:%Y-%m-%dT%H:%M:%SZ}"
            found.append(Event(body={**ahead, "EventTime": time}, enqueued=moment, partition=1))
    return found


def archived(rows: list[Any], *, life: str = "a", number: int = 1) -> dict[str, bytes]:
    table = pa.Table.from_pylist([dict(row) for row in rows], schema=arrow_schema(raw_row(CONTRACT)))
    return {f"2026/01/05/00/1_{life}_{number}.parquet": parquet(table)}


def stack(**known: str) -> Stack:
    names = [field.name for field in fields(Stack) if field.name != "name"]
    return Stack.of("plant", dict.fromkeys(names, "") | known, "")


def bodies(files: dict[str, bytes]) -> list[dict[str, Any]]:
    return [dict(event.body) for event in archive.events(files, CONTRACT) if isinstance(event.body, Mapping)]


def one(**changes: Any) -> dict[str, Any]:
    usual = {"ArrivalTime": DAY, "PartitionId": 0, "EventId": "e", "EventTime": "t", "DeviceId": "d", "SensorId": "s"}
    return {**usual, "Value": "2.5", **changes}


def test_the_archive_gives_the_rows_that_the_stream_wrote_bit_by_bit():
    events = sent()
    streamed = run(QUERY, {"events": events, "arrivals": events}, policy=POLICY)
    assert streamed.metrics_by_input["events"]["LateInputEvents"]
    assert streamed.metrics_by_input["events"]["DroppedOrAdjustedEvents"]
    raw = streamed.outputs["raw"]
    parts = [raw[first : first + 90] for first in range(0, len(raw), 90)]
    files = {name: data for n, part in enumerate(parts, start=1) for name, data in archived(part, number=n).items()}
    made = replay.rebuilt(STREAM, files, HOURS, CONTRACT)
    schema = arrow_schema(CONTRACT.feature)
    for hour in HOURS.hours:
        rows = [dict(row) for row in streamed.outputs["features"] if row.timestamp.replace(minute=0) == hour]
        wanted = pa.Table.from_pylist(rows, schema=schema).sort_by(
            [(name, "ascending") for name in CONTRACT.feature.key]
        )
        assert parquet(made[hour]) == parquet(wanted), folder(hour)


def test_without_its_partition_an_event_would_be_judged_by_the_clocks_of_others():
    events = sent()
    raw = run(QUERY, {"events": events, "arrivals": events}, policy=POLICY).outputs["raw"]
    whole = replay.rebuilt(STREAM, archived(raw), HOURS, CONTRACT)
    mixed = replay.rebuilt(STREAM, archived([{**row, "PartitionId": 0} for row in raw]), HOURS, CONTRACT)
    assert whole[DAY] != mixed[DAY]


def test_a_row_that_a_restart_wrote_again_counts_once_and_copies_that_were_sent_stay():
    before = archived([one()]) | archived([one()], number=2)
    after = archived([one(), one(EventId="f")], life="b")
    assert sorted(body["EventId"] for body in bodies(before | after)) == ["e", "e", "f"]


@pytest.mark.parametrize(
    ("text", "value"),
    [("-1E-07", -1e-07), ("2.5", 2.5), ("21", 21), ("NaN", "NaN"), ("broken", "broken"), ("true", "true")],
)
def test_a_number_comes_back_from_its_text_and_other_text_stays(text, value):
    assert [body["Value"] for body in bodies(archived([one(Value=text)]))] == [value]


def test_what_an_event_lacked_is_lacking_again():
    (body,) = bodies(archived([one(Value=None, SensorId=None)]))
    assert sorted(body) == ["DeviceId", "EventId", "EventTime"]


def test_files_are_read_in_the_order_in_which_the_service_numbered_them():
    files = archived([one(EventId="2")], number=10) | archived([one(EventId="1")], number=9)
    assert [body["EventId"] for body in bodies(files)] == ["1", "2"]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"half", r"raw-1\.parquet: not a Parquet file"),
        (feature_file(feature(5)), r"raw-1\.parquet: column ArrivalTime, PartitionId, EventId, .* is missing; found"),
    ],
)
def test_an_archive_that_cannot_be_read_is_told_by_file_and_column(data, told):
    with pytest.raises(OperationError, match=told):
        archive.events({"raw-1.parquet": data}, CONTRACT)


@pytest.mark.parametrize(
    ("files", "counts"),
    [
        ({}, (0, 0, 2, 0)),
        ({"a": feature_file(feature(5), feature(10))}, (2, 0, 0, 0)),
        ({"a": feature_file(feature(5)), "b": feature_file(feature(5), feature(10))}, (2, 0, 0, 0)),
        ({"a": feature_file(feature(5, mean=7.0), feature(10))}, (1, 1, 0, 0)),
        ({"a": feature_file(feature(5), feature(15))}, (1, 0, 1, 1)),
        ({"a": b"garbled", "b": feature_file(feature(5))}, (1, 0, 1, 0)),
    ],
    ids=["nothing there", "as it should be", "twice", "another value", "another window", "garbled"],
)
def test_an_hour_is_compared_row_by_row(files, counts):
    found = replay.compared(DAY, features(feature(5), feature(10)), files, CONTRACT)
    assert (found.equal, found.changed, found.new, found.gone) == counts
    assert found.differs == (counts != (2, 0, 0, 0))
    assert found.broken == tuple(name for name, data in files.items() if data == b"garbled")


def test_rows_that_the_archive_does_not_give_are_not_lost_unasked():
    found = replay.compared(DAY, features(feature(5)), {"a": feature_file(feature(5), feature(10))}, CONTRACT)
    with pytest.raises(OperationError, match=r"2026/01/05/00: 1 of 2\. Nothing was written"):
        replay.refuse_losses([found])
    replay.refuse_losses([replay.compared(DAY, features(feature(5)), {}, CONTRACT)])


class Lake:
    """A container that keeps what every reader could have seen."""

    url = "https://lake/features"

    def __init__(self, files: dict[str, bytes]):
        self.files, self.seen = dict(files), []

    def upload_blob(self, path: str, data: bytes, *, overwrite: bool) -> None:
        assert not overwrite
        self.files[path] = data
        self.seen.append(sorted(self.files))

    def delete_blob(self, path: str) -> None:
        del self.files[path]
        self.seen.append(sorted(self.files))


@contextmanager
def lake(monkeypatch: pytest.MonkeyPatch, files: dict[str, bytes]) -> Iterator[Lake]:
    made = Lake(files)
    monkeypatch.setattr(azure, "container", lambda account, name: made)
    yield made


def test_a_reader_finds_rows_at_every_moment_of_a_replay(monkeypatch):
    old = {"2026/01/05/00/a.parquet": feature_file(feature(5)), "2026/01/05/00/b.parquet": b"garbled"}
    hour = replay.compared(DAY, features(feature(5), feature(10)), old, CONTRACT)
    with lake(monkeypatch, old) as container:
        replay.write(stack(), hour, lambda _: None)
        assert container.seen == [sorted([*old, hour.path]), ["2026/01/05/00/b.parquet", hour.path], [hour.path]]
        assert pq.read_table(io.BytesIO(container.files[hour.path])).num_rows == 2


def test_a_replay_that_broke_off_is_ended_by_the_next(monkeypatch):
    old = {"2026/01/05/00/a.parquet": feature_file(feature(5))}
    rows = features(feature(5), feature(10))
    new = replay.compared(DAY, rows, old, CONTRACT).path
    again = replay.compared(DAY, rows, old | {new: parquet(rows)}, CONTRACT)
    assert again.differs
    with lake(monkeypatch, old | {new: parquet(rows)}) as container:
        replay.write(stack(), again, lambda _: None)
        assert sorted(container.files) == [new]
    assert not replay.compared(DAY, rows, {new: parquet(rows)}, CONTRACT).differs


def test_a_stack_without_a_stream_has_nothing_to_replay():
    with pytest.raises(OperationError, match="stack 'plant': rows come in files alone"):
        replay.declared(stack())


@pytest.mark.parametrize(
    ("hours", "size", "windows"),
    [
        ([0, 1], 1, ["20260105T00-20260105T01", "20260105T01-20260105T02"]),
        ([3, 5], 4, ["20260105T00-20260105T04", "20260105T04-20260105T08"]),
        ([3, 23, 24], 24, ["20260105T00-20260106T00", "20260106T00-20260107T00"]),
    ],
)
def test_hours_belong_to_windows_of_the_stacks_size(hours, size, windows):
    moments = [datetime(2026, 1, 5, tzinfo=UTC) + hour * HOUR for hour in hours]
    assert [one.name for one in replay.windows(moments, size)] == windows
