"""Training: the same bytes from the same history, and models that find faults."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scoring import model_folder
from scoring.code import digest, model_files
from scoring.rows import BadFile
from scoring.sensors import model, train
from scoring.sensors.contract import CONTRACT
from scoring.training import feature_table, read_history

ROOT = Path(__file__).parents[3]
KEY = ["WindowEnd", "DeviceId", "SensorId"]


def write(frame: pd.DataFrame, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(feature_table(frame, CONTRACT), path)
    return path


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "scoring.sensors.train", *map(str, arguments)]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)


def found(folder: Path, day: pd.DataFrame) -> Any:
    checked = model_folder.verify(folder, problem="sensors", expected_digest=None)
    return model.load(checked).predict(feature_table(day, CONTRACT)).to_pandas()


def quality(flagged: Any, truth: pd.DataFrame) -> tuple[float, float, float]:
    """Recall, precision and F1 of flagged windows against faulty ones."""
    hits = len(flagged[KEY].merge(truth[KEY]))
    recall, precision = hits / len(truth), hits / max(len(flagged), 1)
    return recall, precision, 2 * hits / (len(flagged) + len(truth))


def test_models_find_the_faults_of_the_default_plant_better_than_three_sigma(plant, trained):
    predictions = found(trained, plant.day)
    recall, precision, f1 = quality(predictions[predictions["Anomaly"] == 1], plant.truth)
    assert recall >= 0.8
    assert precision >= 0.6
    usual = plant.history.groupby(KEY[1:])["Mean"].agg(["mean", "std"]).reset_index()
    rule = plant.day.merge(usual, on=KEY[1:])
    _, _, of_the_rule = quality(rule[(rule["Mean"] - rule["mean"]).abs() > 3 * rule["std"]], plant.truth)
    assert f1 > of_the_rule


def test_every_kind_of_fault_is_found(plant, trained):
    predictions = found(trained, plant.day).merge(plant.truth, on=KEY)
    shares = predictions.groupby("Kind")["Anomaly"].mean()
    assert set(shares.index) == {"spike", "level shift", "stuck", "noise burst", "drift"}
    assert (shares > 0.5).all()


def test_a_score_above_one_is_an_anomaly(plant, trained):
    predictions = found(trained, plant.day)
    assert ((predictions["Score"] > 1) == (predictions["Anomaly"] == 1)).all()


def test_the_deviation_of_one_or_two_readings_is_no_anomaly(plant, trained):
    single = plant.day.head(15).copy()
    usual = found(trained, single)
    single["Events"], single["Deviation"] = 1, 0.0
    assert (found(trained, single)["Anomaly"] <= usual["Anomaly"]).all()


def test_the_same_history_gives_the_same_bytes_in_another_process_and_from_other_files(plant, trained, tmp_path):
    shuffled = pd.concat([plant.history, plant.history.head(100)]).sample(frac=1, random_state=1)
    for number, part in enumerate(np.array_split(np.arange(len(shuffled)), 3)):
        write(shuffled.iloc[part], tmp_path / "history" / str(number) / "part.parquet")
    ran = command("--features", tmp_path / "history", "--output", tmp_path / "model")
    assert ran.returncode == 0, ran.stderr
    ours, theirs = model_files(trained), model_files(tmp_path / "model")
    assert {name: path.read_bytes() for name, path in ours.items()} == {n: p.read_bytes() for n, p in theirs.items()}
    assert digest(ours) in ran.stdout


def test_another_history_gives_another_digest(plant, trained, tmp_path):
    assert train.train(plant.history.iloc[15:], tmp_path / "model") != digest(model_files(trained))


def test_the_manifest_says_what_was_trained_from_what(trained, plant):
    manifest = json.loads((trained / "manifest.json").read_text())
    assert manifest["problem"] == "sensors"
    assert manifest["training"]["from"] == "2026-03-02T00:05:00Z"
    assert manifest["training"]["to"] == "2026-03-09T00:00:00Z"
    assert manifest["training"]["rows"] == len(plant.history)
    assert len(manifest["series"]) == 15
    assert all(one["threshold"] > 0 for one in manifest["series"])
    assert set(manifest["files"]) == {"estimators.joblib", "golden/input.parquet", "golden/expected.parquet"}
    assert set(manifest["columns"]) <= set(CONTRACT.feature.names)


def test_the_model_folder_is_small(trained):
    assert sum(path.stat().st_size for path in model_files(trained).values()) < 5_000_000


def test_a_new_model_replaces_the_old_folder_whole(plant, trained, tmp_path):
    folder = Path(shutil.copytree(trained, tmp_path / "model"))
    (folder / "stray.bin").write_bytes(b"old")
    train.train(plant.history, folder)
    assert digest(model_files(folder)) == digest(model_files(trained))
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_series_that_cannot_be_trained_are_left_out_by_name_with_the_reason(plant, tmp_path):
    history = plant.history[plant.history["DeviceId"] == "pump-001"].copy()
    flat = history["SensorId"] == "flow"
    history.loc[flat, ["Mean", "Minimum", "Maximum"]] = 1.0
    short = (history["SensorId"] == "current") & (history.index > 5000)
    train.train(history[~short], tmp_path / "model")
    manifest = json.loads((tmp_path / "model" / "manifest.json").read_text())
    reasons = {one["SensorId"]: one["reason"] for one in manifest["skipped"]}
    assert set(reasons) == {"flow", "current"}
    assert reasons["flow"].startswith("Mean does not vary")
    assert "at least 576 are needed" in reasons["current"]
    assert len(manifest["series"]) == 3


def test_unusable_rows_of_the_history_are_left_out(plant, tmp_path):
    history = plant.history[plant.history["DeviceId"] == "pump-001"].copy()
    history.iloc[3, history.columns.get_loc("Mean")] = np.inf
    file = write(history, tmp_path / "history.parquet")
    assert len(read_history(file, CONTRACT)) == len(history) - 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder, _: folder / "nowhere", "nowhere: cannot be read as Parquet"),
        (lambda folder, _: folder, "no Parquet files there or below"),
        (
            lambda folder, f: write(f.head(10), folder / "a.parquet"),
            "no series can be trained: pump-001/current: 1 windows",
        ),
        (lambda folder, f: write(f.head(0), folder / "a.parquet"), "the history has no usable rows"),
    ],
)
def test_a_history_that_does_not_allow_training_is_refused_and_leaves_no_folder(plant, tmp_path, make, message):
    ran = command("--features", make(tmp_path, plant.history), "--output", tmp_path / "model")
    assert ran.returncode == 1
    assert message in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not (tmp_path / "model").exists()


def test_a_history_without_a_column_is_told_file_and_column(plant, tmp_path):
    pq.write_table(pa.table({"WindowEnd": [1]}), tmp_path / "h.parquet")
    with pytest.raises(
        BadFile, match=r"h\.parquet: column WindowEnd is int64, expected timestamp; column DeviceId is missing"
    ):
        read_history(tmp_path / "h.parquet", CONTRACT)
