"""Figures of a run: events accounted for, rows counted, anomalies against the truth."""

import io
import json
import re
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from operations.accounting import balance, feature_rows, whole_hours
from operations.errors import OperationError
from operations.page.columns import parts
from operations.page.render import render
from operations.prepare import parquet
from operations.quality import compare, faults, flagged, injected, judge, three_sigma, told
from operations.report import Report, facts, gaps, latest, page
from operations.scoring_run import count
from scoring.contract import arrow_schema
from scoring.plant.contract import CONTRACT as PLANT
from scoring.sensors.contract import CONTRACT
from tests.operations.rows import DAY, feature, feature_file, features, prediction, predictions

PARTS = parts(CONTRACT)
METRICS = {"LateInputEvents": 3, "EarlyInputEvents": 2, "DeserializationError": 1}
RUN = {
    "window": "20260105T00-20260106T01",
    "attempt": "001-abcdef",
    "job": "job-1",
    "deployment": "sensors-12345678",
    "from": "2026-01-05T00:00:00+00:00",
    "to": "2026-01-06T01:00:00+00:00",
    "rows": 3,
    "scored": 3,
    "rejected": 0,
}


def truth(*minutes: int) -> list[dict]:
    ends = (prediction(m)["WindowEnd"].isoformat() for m in minutes)
    return [{"WindowEnd": end, "DeviceId": "pump-001", "SensorId": "flow", "Kind": "drift"} for end in ends]


@pytest.mark.parametrize(("sent", "left"), [(31, 0), (32, 1), (30, -1)])
def test_every_event_is_in_one_line_or_the_balance_shows_how_many_are_not(sent, left):
    table = features(feature(5, events=10), feature(10, events=14) | {"Duplicates": 1})
    account = balance(sent, table, 0, METRICS)
    assert account.balance == left
    assert account.counts() == {
        "in windows": 24,
        "duplicates": 1,
        "diverted": 0,
        "late": 3,
        "early": 2,
        "undeserialisable": 1,
    }
    assert account.windows == 2


def test_features_count_once_and_only_those_of_the_time_that_was_sent():
    day_end = 24 * 60
    files = {
        "a": feature_file(feature(0), feature(5), feature(day_end)),
        "b": feature_file(feature(5), feature(day_end + 5)),
    }
    rows = feature_rows(files, CONTRACT, DAY, DAY.replace(day=6))
    assert [row["WindowEnd"] for row in rows.to_pylist()] == [feature(5)["WindowEnd"], feature(day_end)["WindowEnd"]]


def test_the_last_window_of_a_day_lies_in_the_first_folder_of_the_next():
    hours = whole_hours(DAY, DAY.replace(day=6, minute=1)).hours
    assert (len(hours), hours[-1]) == (25, DAY.replace(day=6))


def test_recall_precision_and_f1_are_of_windows():
    found = compare({1, 2, 3, 4}, {3, 4, 5, 6, 7})
    assert (found.hits, found.false_alarms, found.misses) == (2, 2, 3)
    assert (found.recall, found.precision, round(found.f1, 3)) == (0.4, 0.5, 0.444)
    assert compare(set(), set()).f1 == 0.0


def test_anomalies_meet_the_injected_truth_by_their_key():
    rows = predictions(prediction(5, anomaly=1, score=2.0), prediction(10), prediction(15, anomaly=1, score=3.0))
    assert flagged(rows, PARTS) & injected(truth(5, 10), PARTS).keys() == injected(truth(5), PARTS).keys()


def test_the_three_sigma_rule_knows_each_series_history_and_nothing_else():
    history = features(*(feature(5 * n, mean=10.0 + n % 2) for n in range(1, 50)))
    rows = predictions(prediction(5, Mean=10.5), prediction(10, Mean=99.0), prediction(15, Mean=99.0, SensorId="new"))
    assert three_sigma(rows, history, PARTS) == injected(truth(10), PARTS).keys()


def test_the_three_sigma_rule_finds_the_value_under_the_name_of_the_series_too():
    past = pa.table({"DeviceId": ["plant"] * 50, "SensorId": ["tag"] * 50, "tag": [10.0 + n % 2 for n in range(50)]})
    rows = predictions(*(prediction(n, Mean=mean, DeviceId="plant", SensorId="tag") for n, mean in ((5, 10), (10, 99))))
    assert [key[0] for key in three_sigma(rows, past, PARTS)] == [prediction(10)["WindowEnd"]]
    assert three_sigma(rows, past.rename_columns(["DeviceId", "SensorId", "other"]), PARTS) == set()


def test_neighbouring_faulty_rows_of_one_series_and_kind_are_one_fault():
    every = [(minute, series) for series in ("a", "b") for minute in range(6)]
    kinds = {(1, "a"): "drift", (2, "a"): "drift", (4, "a"): "drift", (5, "a"): "stuck", (0, "b"): "stuck"}
    found = faults(every, kinds, found={(2, "a"), (3, "a"), (0, "b")})
    assert [(fault.series, fault.kind, fault.start, fault.end, fault.alarm) for fault in found] == [
        (("a",), "drift", 1, 2, 2),
        (("a",), "drift", 4, 4, None),
        (("a",), "stuck", 5, 5, None),
        (("b",), "stuck", 0, 0, 0),
    ]


def test_rows_in_are_rows_scored_and_rejected():
    manifest = {"files": [{"name": "rows-00000.parquet", "rows": 3}, {"name": "rows-00001.parquet", "rows": 1}]}
    one, two = parquet(predictions(prediction(5), prediction(10))), parquet(predictions(prediction(15)))
    outputs = {
        "rows-00000.scored.parquet": one,
        "rows-00000.rejected.parquet": two,
        "rows-00001.scored.parquet": two,
    }
    assert count(outputs, manifest, "here") == {"scored": 3, "rejected": 1}


@pytest.mark.parametrize(
    ("outputs", "found"),
    [
        ({}, "rows-00000.parquet: 1 rows in, 0 out"),
        ({"rows-00000.scored.parquet": 2}, "rows-00000.parquet: 1 rows in, 2 out"),
        ({"rows-00000.scored.parquet": 1, "other.scored.parquet": 1}, "other: belongs to no input file"),
    ],
)
def test_lost_doubled_and_foreign_rows_are_named_and_nothing_is_committed(outputs, found):
    manifest = {"files": [{"name": "rows-00000.parquet", "rows": 1}]}
    files = {name: parquet(predictions(*[prediction(5)] * rows)) for name, rows in outputs.items()}
    with pytest.raises(OperationError, match=f"here: rows in are not rows scored.*{found}.*Not committed"):
        count(files, manifest, "here")


def test_the_report_is_the_same_on_the_page_and_as_json():
    rows = predictions(prediction(5, anomaly=1, score=2.0), prediction(10), prediction(15))
    fault = {
        "Start": DAY.isoformat(),
        "End": DAY.isoformat(),
        "DeviceId": "pump-001",
        "SensorId": "flow",
        "Kind": "drift",
    }
    times = {"start": DAY.isoformat(), "end": DAY.replace(day=6).isoformat()}
    sent = {"sent": 37, "rate": 100, "truth": truth(5), "faults": [fault], **times}
    history = features(*(feature(5 * n, mean=10.0 + n % 2) for n in range(1, 50)))
    judged = judge(rows, PARTS, injected(sent["truth"], PARTS), history)
    account = balance(37, features(feature(5), feature(10), feature(15)), 1, METRICS)
    made = Report(problem="sensors", parts=PARTS, rows=rows, runs=[RUN], sent=sent, account=account, judged=judged)
    told = json.loads(json.dumps(facts(made)))
    assert told["events"]["balance"] == 0
    assert told["rows"] == {"rows": 3, "scored": 3, "rejected": 0}
    assert (told["quality"]["f1"], told["anomalies"]) == (1.0, 1)
    assert told["faults"] == {"known": 1, "found": 1, "first_alarm_seconds": 0.0}
    text = render(page(made))
    for shown in ("37", "3 scored + 0 rejected", "drift", "sensors-12345678", "5 January 2026", "equals", "1 of 1"):
        assert shown in text


def test_an_empty_table_of_predictions_still_makes_a_page():
    made = Report(problem="sensors", parts=PARTS, rows=predictions(), runs=[RUN])
    assert "0 windows of 0 series" in render(page(made))
    assert io.StringIO(json.dumps(facts(made)))


def measured(*flags: int) -> pa.Table:
    """Three days of the plant's predictions, one an hour, of which `flags` are anomalies."""
    hours = [datetime(2018, 1, 2, tzinfo=UTC) + timedelta(hours=n) for n in range(72)]
    columns = {
        "WindowEnd": hours,
        "DeviceId": ["plant"] * 72,
        "SensorId": ["tag100"] * 72,
        "Mean": [0.0] * 72,
        "Expected": [0.0] * 72,
        "Score": [2.0 if n in flags else 0.1 for n in range(72)],
        "Anomaly": [int(n in flags) for n in range(72)],
        "ModelDigest": ["m"] * 72,
        "CodeDigest": ["c"] * 72,
        "Job": ["job-1"] * 72,
    }
    return pa.table(columns, schema=arrow_schema(PLANT.prediction))


def test_measured_data_is_judged_by_the_fault_that_came_with_it():
    from scoring.plant import source

    rows, columns = measured(7, 50), parts(PLANT)
    judged = judge(rows, columns, told(source.truth(rows), columns), None)
    assert judged is not None
    assert [(fault.start.hour, fault.end.hour, fault.delay) for fault in judged.faults] == [(6, 9, timedelta(hours=1))]
    assert (judged.found.hits, judged.found.misses, judged.found.false_alarms) == (1, 3, 1)
    run = RUN | {"from": "2018-01-02T00:00:00Z", "to": "2018-01-05T00:00:00Z"}
    made = Report(problem="plant", parts=columns, rows=rows, runs=[run], noun="measurements", judged=judged)
    text = render(page(made))
    for shown in (
        "Plant, 2 January to 4 January 2018",
        "72 measurements of plant / tag100",
        "first alarm after 1 h",
        "1 of 4 faulty measurements flagged",
        "1.5% of 68 sound measurements",
        "known fault, 2 Jan 06:00 to 09:00",
        "2 Jan 00:00 to 5 Jan 00:00",
    ):
        assert shown in text
    assert "injected" not in text


def test_without_a_known_fault_in_the_rows_nothing_is_judged():
    from scoring.plant import source

    rows, columns = measured(7).slice(24), parts(PLANT)
    assert judge(rows, columns, told(source.truth(rows), columns), None) is None


def test_what_could_not_be_scored_is_told_by_reason():
    times = [DAY + timedelta(minutes=5 * n) for n in range(3)]
    refused = pa.table({"WindowEnd": [*times, None], "Reason": ["Mean is null", "Mean is null", "too hot", "no time"]})
    made = Report(problem="sensors", parts=PARTS, rows=predictions(), runs=[RUN | {"rejected": 4}], refused=refused)
    assert facts(made)["reasons"] == {"Mean is null": 2, "no time": 1, "too hot": 1}
    cells = re.findall(
        r'<th scope="row">([^<]+)</th><td class="count">(\d)</td><td class="soft">([^<]+)<', render(page(made))
    )
    assert cells == [
        ("Mean is null", "2", "5 Jan 00:00 to 00:05"),
        ("no time", "1", "no time"),
        ("too hot", "1", "5 Jan 00:10"),
    ]


def test_of_the_runs_of_one_window_the_last_counts():
    runs = [RUN | {"job": f"job-{n}", "window": window} for n, window in enumerate(("a", "b", "a"))]
    assert [run["job"] for run in latest(runs)] == ["job-1", "job-2"]
    text = render(page(Report(problem="sensors", parts=PARTS, rows=predictions(), runs=latest(runs), replaced=1)))
    assert "Left out: 1 that a later run of the same window has replaced." in text


def test_spans_that_no_run_covers_are_told():
    days = [
        ("2018-01-05T00:00:00Z", "2018-01-06T00:00:00Z"),
        ("2018-01-01T00:00:00+00:00", "2018-01-03T00:00:00+00:00"),
    ]
    runs = [
        RUN | {"from": start, "to": end} for start, end in (*days, ("2018-01-01T00:00:00Z", "2018-01-02T00:00:00Z"))
    ]
    assert gaps(runs) == ["3 Jan 00:00 to 5 Jan 00:00"]
    assert gaps(runs[1:]) == []
    text = render(page(Report(problem="sensors", parts=PARTS, rows=predictions(), runs=runs)))
    assert "No committed run covers 3 Jan 00:00 to 5 Jan 00:00." in text
