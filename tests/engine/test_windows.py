"""Windows as their operator meets them: scored, listed, failed and run again; lost hours come back from the archive."""

import csv
import io
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scoring.contract import arrow_schema
from scoring.sensors.contract import CONTRACT

from .cloud import Cloud
from .trial import Trial

# Feature rows of the day by hour, each in a canonical order.
ROWS = """
import io, pyarrow.parquet as pq
lake = blobs.container(outputs["lakeAccount"], "features")
answer = {}
for name in sorted(blob.name for blob in lake.list_blobs() if blob.name.endswith(".parquet")):
    rows = pq.read_table(io.BytesIO(lake.download_blob(name).readall())).to_pylist()
    answer.setdefault(name[:13], []).extend([name, *map(str, row.values())] for row in rows)
answer = {hour: sorted(row[1:] for row in rows) for hour, rows in answer.items()}
"""
FILES = """
lake = blobs.container(outputs["lakeAccount"], "features")
names = sorted(blob.name for blob in lake.list_blobs() if blob.name.endswith(".parquet"))
first, second = sorted({name[:13] for name in names})[:2]
"""
HARM = (
    FILES
    + """
for name in names:
    if name.startswith(first):
        lake.delete_blob(name)
    if name.startswith(second):
        lake.upload_blob(name, b"garbled", overwrite=True)
answer = [first, second]
"""
)


@pytest.fixture(scope="module")
def trial(cloud: Cloud) -> Trial:
    """Both hours scored, by hand: nothing has run them yet."""
    made = Trial(cloud, "windows")
    said = made.tells("rerun", *names(made))
    assert "22 rows in = 22 scored + 0 rejected" in said
    assert "24 rows in = 24 scored + 0 rejected" in said
    return made


def names(trial: Trial) -> list[str]:
    return [name(trial.day + timedelta(hours=hour)) for hour in range(2)]


def name(start: datetime) -> str:
    return f"{start:%Y%m%dT%H}-{start + timedelta(hours=1):%Y%m%dT%H}"


def features(trial: Trial) -> dict[str, Any]:
    return trial.look(ROWS, identity=trial.outputs["streamJob"])


def results(trial: Trial) -> list[dict[str, str]]:
    """Scored rows, without the job that scored them."""
    rows = list(csv.DictReader(io.StringIO(trial.tells("results", "--format", "csv"))))
    return [{key: value for key, value in row.items() if key != "Job"} for row in rows]


def listed(trial: Trial) -> list[str]:
    """The lines of windows that were scored, in order of time."""
    return [line for line in trial.tells("windows").splitlines() if line.split()[1:2] == ["scored"]]


def test_windows_lists_what_was_scored_and_results_shows_it(trial: Trial) -> None:
    assert trial.tells("windows").startswith("trigger hours-1h: Stopped\n")
    for line, window, rows in zip(listed(trial), names(trial), ("22", "24"), strict=True):
        assert line.split()[:7] == [window, "scored", "1", "Manual", rows, rows, "0"]
    assert len(results(trial)) == 46


def test_a_window_that_fails_is_listed_explained_and_run_again(trial: Trial) -> None:
    before, lost = results(trial), trial.day - timedelta(hours=3)
    for command in (("rerun", name(lost)), ("rerun", "--failed")):
        ended = trial.ours(*command)
        assert ended.returncode == 1
        assert f"there is no folder features/{lost:%Y/%m/%d/%H} in the lake" in ended.stdout
    (window,) = [line for line in trial.tells("windows", "--failed").splitlines() if line.startswith(f" {name(lost)}")]
    assert window.split()[:3] == [name(lost), "failed", "2"]
    assert f"batch-scoring rerun {name(lost)}" in trial.tells("windows", "--failed")
    status = trial.tells("status")
    assert f"trigger hours-1h: Stopped; 3 windows, the last {names(trial)[1]}: scored\n" in status
    assert "1 failed: batch-scoring windows --failed" in status
    assert results(trial) == before


def test_a_deployment_that_is_not_there_is_refused_before_anything_runs(trial: Trial) -> None:
    ended = trial.ours("rerun", names(trial)[0], "--deployment", "nobody")
    assert ended.returncode == 1
    assert "no deployment 'nobody'; there are: sensors-" in ended.stderr


def test_a_replay_of_what_is_there_changes_nothing(trial: Trial) -> None:
    before = features(trial)
    assert sum(map(len, before.values())) == 48
    said = trial.tells("replay", *trial.span, "--dry-run")
    assert "0 of 2 hours differ" in said
    assert features(trial) == before


def test_a_lost_hour_and_a_garbled_one_come_back_row_for_row_and_are_scored_again(trial: Trial) -> None:
    before, scored = features(trial), results(trial)
    trial.look(HARM, identity=trial.outputs["streamJob"])
    assert "2 of 2 hours differ" in trial.tells("replay", *trial.span, "--dry-run")
    said = trial.tells("replay", *trial.span)
    assert "2 of 2 hours rebuilt" in said
    assert said.count(" rejected, job ") == 2
    assert features(trial) == before
    assert results(trial) == scored
    assert [line.split()[:3] for line in listed(trial)[:2]] == [[window, "scored", "2"] for window in names(trial)]
    assert "0 of 2 hours differ" in trial.tells("replay", *trial.span)


def test_rows_that_come_as_files_are_scored_with_those_of_the_stream(trial: Trial) -> None:
    before = results(trial)
    trial.up(ingestion="both")
    assert "there is no folder static/" in trial.ours("rerun", names(trial)[0]).stdout
    # The stream's first window began before the first event: two rows that it could not have.
    missed = {"WindowEnd": trial.day, "Events": 60, "Duplicates": 0, "Mean": 20.0, "Minimum": 19.0, "Maximum": 21.0}
    series = sorted({(row["DeviceId"], row["SensorId"]) for row in before})
    rows = [{**missed, "Deviation": 0.5, "DeviceId": device, "SensorId": sensor} for device, sensor in series]
    path = trial.cloud.project / f"beside/{trial.day:%Y/%m/%d}/by-hand.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=arrow_schema(CONTRACT.feature)), path)
    assert "1 file went to" in trial.tells("put", "beside")
    assert "24 rows in = 24 scored + 0 rejected" in trial.tells("rerun", names(trial)[0])
    after = results(trial)
    assert [row for row in after if row in before] == before
    added = [row for row in after if row not in before]
    assert {(row["DeviceId"], row["SensorId"]) for row in added} == set(series)
    assert "rows of problem 'sensors' come also as files" in trial.ours("score", *trial.span).stderr
