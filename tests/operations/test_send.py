"""The plant, played: at the pace of a clock, or into a file."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations import send as sending
from operations.clock import next_midnight
from operations.errors import OperationError
from operations.hub import batches
from scoring.sensors import simulator

DAY = datetime(2026, 1, 5, tzinfo=UTC)


class Standing:
    """A clock in lockstep: it stands still until it is moved."""

    lockstep = True

    def __init__(self, now: datetime) -> None:
        self.moment = now

    def now(self) -> datetime:
        return self.moment

    def reach(self, moment: datetime) -> None:
        self.moment = max(self.moment, moment)


class Running(Standing):
    lockstep = False


def play(length: timedelta):
    simulation = simulator.day(DAY, devices=2, sensors=2, length=length)
    clock, arrivals = Standing(DAY - timedelta(hours=2)), []
    progress = sending.play(
        simulation, lambda events: arrivals.extend((clock.now(), *event) for event in events), clock, lambda _: None
    )
    return simulation, clock, arrivals, progress


def test_every_event_is_sent_once_at_its_minute_and_the_clock_ends_at_the_end():
    simulation, clock, arrivals, progress = play(timedelta(hours=1))
    assert arrivals == list(simulation.deliveries())
    assert progress.sent == progress.total == sum(simulation.counts.values()) == len(arrivals)
    assert clock.now() == DAY + timedelta(hours=1)


def test_the_record_says_what_was_sent_and_the_truth_as_json(tmp_path):
    simulation, _, _, progress = play(timedelta(hours=24))
    sending.write_json(tmp_path / "deep" / "sent.json", sending.record(simulation, progress, stack="local"))
    record = json.loads((tmp_path / "deep" / "sent.json").read_text())
    assert record["sent"] == sum(record["counts"].values())
    assert len(record["truth"]) == len(simulation.truth)
    assert len(record["truth"]) > 0
    assert datetime.fromisoformat(record["truth"][0]["WindowEnd"]).tzinfo is not None
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["sent.json"]


@pytest.mark.parametrize(
    ("clock", "first", "start"),
    [
        (Standing(DAY - timedelta(hours=2)), None, DAY),
        (Standing(DAY), None, DAY),
        (Standing(DAY), DAY + timedelta(days=3), DAY + timedelta(days=3)),
        (Running(DAY + timedelta(minutes=7, seconds=1)), None, DAY + timedelta(minutes=10)),
        (Running(DAY + timedelta(minutes=10)), None, DAY + timedelta(minutes=10)),
    ],
)
def test_the_plant_starts_at_a_midnight_in_lockstep_and_at_the_next_five_minutes_in_real_time(clock, first, start):
    assert sending.first_start(clock, first, next_midnight(clock.now())) == start


@pytest.mark.parametrize(
    ("clock", "found"),
    [(Standing(DAY + timedelta(minutes=1)), "has passed"), (Running(DAY), "lies in the past goes into a file")],
)
def test_a_day_that_cannot_be_sent_any_more_is_refused(clock, found):
    with pytest.raises(OperationError, match=found):
        sending.first_start(clock, DAY, next_midnight(clock.now()))


def test_a_start_within_a_window_of_the_plant_is_refused():
    with pytest.raises(OperationError, match="expected a full five minutes"):
        sending.boundary(DAY + timedelta(minutes=3))
    assert sending.boundary(DAY - timedelta(minutes=5)) == DAY - timedelta(minutes=5)


@given(bodies=st.lists(st.text(max_size=40).map(str.encode)), limit=st.integers(2, 400))
def test_batches_hold_every_event_in_order_and_stay_below_the_limit(bodies, limit):
    found = list(batches("pump-001", bodies, limit))
    messages = [message for batch in found for message in json.loads(batch)]
    assert [message["Body"].encode() for message in messages] == bodies
    assert all(message["BrokerProperties"] == {"PartitionKey": "pump-001"} for message in messages)
    assert all(len(batch) <= limit or len(json.loads(batch)) == 1 for batch in found)
    assert all(found)
