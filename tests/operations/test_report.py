"""Figures of a run: events accounted for, rows counted, anomalies against the truth."""

import io
import json

import pytest

from operations.accounting import balance, feature_rows, whole_hours
from operations.errors import OperationError
from operations.page.columns import parts
from operations.page.render import render
from operations.prepare import parquet
from operations.quality import compare, flagged, injected, three_sigma
from operations.report import Report, facts, judge, page
from operations.scoring_run import count
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
    assert flagged(rows, PARTS) & injected(truth(5, 10), PARTS) == injected(truth(5), PARTS)


def test_the_three_sigma_rule_knows_each_series_history_and_nothing_else():
    history = features(*(feature(5 * n, mean=10.0 + n % 2) for n in range(1, 50)))
    rows = predictions(prediction(5, Mean=10.5), prediction(10, Mean=99.0), prediction(15, Mean=99.0, SensorId="new"))
    assert three_sigma(rows, history, PARTS) == injected(truth(10), PARTS)


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
    found, rule = judge(rows, PARTS, sent, history)
    account = balance(37, features(feature(5), feature(10), feature(15)), 1, METRICS)
    made = Report(
        problem="sensors", parts=PARTS, rows=rows, runs=[RUN], sent=sent, account=account, found=found, rule=rule
    )
    told = json.loads(json.dumps(facts(made)))
    assert told["events"]["balance"] == 0
    assert told["rows"] == {"rows": 3, "scored": 3, "rejected": 0}
    assert (told["quality"]["f1"], told["anomalies"]) == (1.0, 1)
    text = render(page(made))
    for shown in ("37", "3 scored + 0 rejected", "drift", "sensors-12345678", "5 January 2026", "equals"):
        assert shown in text


def test_an_empty_table_of_predictions_still_makes_a_page():
    made = Report(problem="sensors", parts=PARTS, rows=predictions(), runs=[RUN])
    assert "0 windows of 0 series" in render(page(made))
    assert io.StringIO(json.dumps(facts(made)))
