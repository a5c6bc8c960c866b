"""Two models on the same held-back rows: the verdict, its reasons, and what cannot be compared."""

import json

import numpy as np
import pyarrow as pa
import pytest

from scoring import model_folder
from scoring.evaluate import Comparison, compare, main
from scoring.plant import source
from scoring.plant.contract import CONTRACT as PLANT
from scoring.sensors.contract import CONTRACT as SENSORS
from scoring.sensors.train import train as train_sensors
from scoring.training import feature_table, parquet


@pytest.fixture(scope="module")
def held_back(measured) -> pa.Table:
    return source.held_back(measured)


@pytest.fixture(scope="module")
def numb(soft_sensor, tmp_path_factory):
    """The same model with a threshold at which it alarms at nothing."""
    return with_threshold(soft_sensor, tmp_path_factory.mktemp("numb") / "plant", 100.0)


def with_threshold(folder, to, factor: float):
    checked = model_folder.verify(folder, problem="plant", expected_digest=None)
    manifest = {**checked.manifest, "threshold": checked.manifest["threshold"] * factor}
    model_folder.write(to, manifest=manifest, files=checked.files)
    return to


def test_a_model_is_like_itself(soft_sensor, held_back):
    found = compare(soft_sensor, soft_sensor, held_back, PLANT, source.truth(held_back))
    assert found.verdict == "alike"
    assert found.metrics["both"]["alarmsInCommon"] == 1.0
    assert found.metrics["both"]["rankCorrelation"] == pytest.approx(1.0)
    assert found.metrics["promoted"] == found.metrics["candidate"]
    assert found.metrics["promoted"]["auc"] > 0.9


def test_with_truth_the_model_that_finds_the_fault_is_better(soft_sensor, numb, held_back):
    truth = source.truth(held_back)
    better = compare(numb, soft_sensor, held_back, PLANT, truth)
    assert better.verdict == "better"
    assert better.reason.startswith("better: auc ")
    assert "recall 0.000 → 0.5" in better.reason
    assert compare(soft_sensor, numb, held_back, PLANT, truth).verdict == "worse"


def test_without_truth_a_model_with_other_alarms_is_different_and_never_better(soft_sensor, numb, held_back):
    for one, other in ((numb, soft_sensor), (soft_sensor, numb)):
        found = compare(one, other, held_back, PLANT)
        assert found.verdict == "different"
        assert "without truth neither is shown to be better" in found.reason
        assert "auc" not in found.metrics["promoted"]


def test_a_candidate_that_leaves_series_unscored_is_worse_however_well_it_does_on_the_rest(plant, trained, tmp_path):
    train_sensors(plant.history[plant.history["SensorId"] != "flow"], tmp_path / "fewer")
    rows = feature_table(plant.day, SENSORS)
    faulty = plant.day.merge(plant.truth[list(SENSORS.feature.key)], on=list(SENSORS.feature.key))
    for truth in (None, feature_table(faulty, SENSORS)):
        found = compare(trained, tmp_path / "fewer", rows, SENSORS, truth)
        assert found.verdict == "worse"
        flow = int((plant.day["SensorId"] == "flow").sum())
        assert f"leaves {flow} rows without a score" in found.reason


def test_rows_that_neither_can_score_are_left_out(soft_sensor, held_back):
    values = held_back["tag102"].to_numpy().copy()
    values[:10] = np.nan
    broken = held_back.set_column(held_back.column_names.index("tag102"), "tag102", pa.array(values))
    found = compare(soft_sensor, soft_sensor, broken, PLANT)
    assert (found.metrics["rows"], found.metrics["both"]["scored"]) == (865, 855)


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        (lambda rows: rows.slice(0, 0).select(list(PLANT.feature.key)), "0 of the 865 held-back rows are faulty"),
        (lambda rows: rows.select(list(PLANT.feature.key)), "865 of the 865"),
        (lambda rows: rows.select(["WindowEnd"]), "truth: column DeviceId, SensorId is missing; it has WindowEnd"),
    ],
)
def test_truth_that_says_nothing_is_refused(soft_sensor, held_back, truth, message):
    with pytest.raises(ValueError, match=message):
        compare(soft_sensor, soft_sensor, held_back, PLANT, truth(held_back))


def test_models_without_rows_are_not_compared(soft_sensor, held_back):
    with pytest.raises(ValueError, match="there are none"):
        compare(soft_sensor, soft_sensor, held_back.slice(0, 0), PLANT)


def test_the_command_writes_the_comparison_as_json(soft_sensor, numb, held_back, tmp_path, capsys):
    (tmp_path / "rows.parquet").write_bytes(parquet(held_back))
    (tmp_path / "truth.parquet").write_bytes(parquet(source.truth(held_back)))
    arguments = ["--problem", "plant", "--promoted", str(numb), "--candidate", str(soft_sensor)]
    arguments += ["--features", str(tmp_path / "rows.parquet"), "--output", str(tmp_path / "out")]
    assert main([*arguments, "--truth", str(tmp_path / "truth.parquet")]) == 0
    found = Comparison(**json.loads((tmp_path / "out" / "comparison.json").read_text()))
    assert found.verdict == "better"
    assert capsys.readouterr().out.strip() == found.reason
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["comparison.json"]


def test_a_tampered_model_is_not_compared_and_nothing_is_written(soft_sensor, numb, held_back, tmp_path, capsys):
    (tmp_path / "rows.parquet").write_bytes(parquet(held_back))
    broken = with_threshold(soft_sensor, tmp_path / "broken", 1.0)
    (broken / "estimators.joblib").write_bytes(b"x")
    arguments = ["--problem", "plant", "--promoted", str(numb), "--candidate", str(broken)]
    assert main([*arguments, "--features", str(tmp_path / "rows.parquet"), "--output", str(tmp_path / "out")]) == 1
    assert "cannot be compared" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
