import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest

from scoring.contract import event_problems
from scoring.sensors.contract import EVENT
from scoring.sensors.plant import KINDS
from scoring.sensors.simulator import CLASSES, Simulation, day, history, write_json_lines
from tests.scoring import brute_force

START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    return day(START)


@pytest.fixture(scope="module")
def deliveries(simulation):
    return list(simulation.deliveries())


def values(simulation: Simulation) -> dict[tuple[str, str], np.ndarray]:
    return {(one.device, one.sensor): one.values for one in simulation.series}


def test_the_same_seed_sends_the_same_bytes_and_another_seed_others(deliveries):
    assert list(day(START).deliveries()) == deliveries
    assert list(day(START, seed=8).deliveries()) != deliveries


def test_another_day_has_other_readings_and_other_faults(simulation):
    other = day(START + timedelta(days=1))
    assert not np.array_equal(other.series[0].values, simulation.series[0].values)
    assert not other.truth.equals(simulation.truth)


def test_more_devices_and_sensors_leave_the_others_as_they_were(simulation):
    few, many = values(simulation), values(day(START, devices=5, sensors=7))
    assert len(many) == 35
    assert all(np.array_equal(many[series], few[series]) for series in few)


def test_every_sensor_reads_each_30_seconds_all_day(simulation):
    for series in simulation.series:
        assert len(series.values) == 2880
        assert np.allclose(np.diff(series.seconds), 30)
        assert series.seconds[0] > 0
        assert series.seconds[-1] <= 86400


def test_readings_of_a_minute_are_sent_at_its_end_unless_held_back(deliveries):
    for sent, _, body in deliveries:
        event = brute_force.read(body)
        time = brute_force.moment(event["EventTime"]) if event else None
        if time is not None:
            assert sent.second == 0
            age = sent - time
            assert age < timedelta(minutes=4) or age > timedelta(minutes=6)
            assert age >= timedelta(0) or age < -timedelta(minutes=6)


def test_deliveries_come_in_order_of_sending_and_end_with_the_day(simulation, deliveries):
    sent = [moment for moment, _, _ in deliveries]
    assert sent == sorted(sent)
    assert sent[0] == START + timedelta(minutes=1)
    assert sent[-1] == simulation.end == START + timedelta(days=1)


def test_every_delivery_belongs_to_one_class_as_counted_by_the_rules_of_the_stream(simulation, deliveries):
    counts, _ = brute_force.classify(deliveries)
    assert counts == simulation.counts
    assert tuple(simulation.counts) == CLASSES
    assert all(simulation.counts.values())
    assert sum(simulation.counts.values()) == len(deliveries)
    assert simulation.delayed > 500


def test_delayed_readings_are_out_of_order(deliveries):
    times = [brute_force.moment(event["EventTime"]) for _, _, body in deliveries if (event := brute_force.read(body))]
    known = [time for time in times if time is not None]
    assert any(later < earlier - timedelta(minutes=1) for earlier, later in pairwise(known))


def test_regular_events_are_as_the_contract_says(deliveries):
    problems = [event_problems(EVENT, e) for _, _, body in deliveries if (e := brute_force.read(body))]
    assert sum(not found for found in problems) > 0.99 * len(deliveries)
    assert {found[0].split(":")[1] for found in problems if found} == {" column Value", " column EventTime"}


def test_bodies_are_text_of_one_line(deliveries):
    assert all(body.decode("ascii").isprintable() for _, _, body in deliveries)


def test_without_imperfections_every_reading_is_sent_once():
    counts = day(START, imperfections=False).counts
    assert counts == dict.fromkeys(CLASSES, 0) | {"regular": 15 * 2880}


def test_faults_change_only_readings_of_windows_that_the_truth_names(simulation):
    sound = values(day(START, faults=False))
    named = {(row.WindowEnd, row.DeviceId, row.SensorId) for row in simulation.truth.itertuples()}
    changed = set()
    for series in simulation.series:
        for position in np.flatnonzero(series.values != sound[series.device, series.sensor]):
            time = START + timedelta(seconds=float(series.seconds[position]))
            changed.add((brute_force.window_end(time), series.device, series.sensor))
    # A stuck sensor may stand where it would have read anyway, so not every window need differ.
    assert changed <= named
    assert len(changed) > 0.99 * len(named)


def test_the_truth_has_every_kind_of_fault_once_per_window(simulation):
    truth = simulation.truth
    assert set(truth["Kind"]) == set(KINDS)
    assert not truth.duplicated(["WindowEnd", "DeviceId", "SensorId"]).any()
    assert set(simulation.faults["Kind"]) == set(KINDS)
    assert (simulation.faults["Start"] <= simulation.faults["End"]).all()


def test_a_stuck_sensor_repeats_its_last_reading(simulation):
    for series in simulation.series:
        for fault in series.faults:
            if fault.kind == "stuck":
                assert len(set(series.values[fault.first - 1 : fault.last + 1])) == 1


def test_without_faults_there_is_no_truth():
    assert day(START, faults=False, length=HOUR).truth.empty


def test_history_is_the_days_before_oldest_first():
    days = history(START, days=2, devices=1, sensors=1)
    assert [one.start for one in days] == [START - timedelta(days=2), START - timedelta(days=1)]


def test_json_lines_hold_every_delivery_and_the_arrival_of_what_can_be_read(tmp_path):
    simulation = day(START, length=HOUR)
    count = write_json_lines(simulation, tmp_path / "folder" / "events.json")
    lines = (tmp_path / "folder" / "events.json").read_bytes().splitlines()
    assert len(lines) == count == sum(simulation.counts.values())
    for line, (sent, _, body) in zip(lines, simulation.deliveries(), strict=True):
        event = brute_force.read(body)
        if event is None:
            assert line == body
        else:
            assert json.loads(line) == event | {"EventEnqueuedUtcTime": f"{sent:%Y-%m-%dT%H:%M:%SZ}"}
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["events.json"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"start": datetime(2026, 3, 2)}, "has no time zone"),
        ({"start": START + timedelta(minutes=1)}, "not on a five-minute boundary"),
        ({"start": START, "length": timedelta(minutes=7)}, "not a number of five-minute windows"),
        ({"start": START, "devices": 0}, "0 devices with 5 sensors"),
    ],
)
def test_a_day_that_cannot_be_cut_into_windows_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        day(**arguments)
