"""The soft sensor on the real plant's data: what it finds, what it makes of missing values, and that it scores."""

import json
import shutil

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import roc_auc_score

from scoring import model_folder
from scoring.code import digest, model_files, stage
from scoring.contract import arrow_schema
from scoring.plant import model, source, train
from scoring.plant.contract import CONTRACT, NUMBER_TAGS, TEXT_TAGS
from scoring.training import TrainingError, feature_table, read_history


@pytest.fixture(scope="module")
def after(measured) -> pa.Table:
    """The rows that training never saw: 2018, with the fault."""
    return source.held_back(measured)


@pytest.fixture(scope="module")
def found(soft_sensor, after) -> pd.DataFrame:
    checked = model_folder.verify(soft_sensor, problem="plant", expected_digest=None)
    predicted = model.load(checked).predict(after).to_pandas()
    faulty = source.truth(after)["WindowEnd"].to_pandas()
    return predicted.assign(Faulty=predicted["WindowEnd"].isin(faulty))


@pytest.fixture
def history(measured) -> pd.DataFrame:
    return source.history(measured).to_pandas()


def test_the_known_fault_is_37_measurements_of_one_morning(after):
    faulty = source.truth(after)["WindowEnd"].to_pylist()
    assert len(faulty) == 37
    assert (faulty[0].isoformat(), faulty[-1].isoformat()) == ("2018-01-02T06:00:00+00:00", "2018-01-02T09:00:00+00:00")


def test_the_residual_tells_the_fault_from_the_rest(found):
    assert len(found) == 865
    assert roc_auc_score(found["Faulty"], found["Score"]) > 0.9


def test_half_of_the_fault_raises_alarms_and_hardly_anything_else_does(found):
    shares = found.groupby("Faulty")["Anomaly"].mean()
    assert shares[True] > 0.45
    assert shares[False] < 0.01


def test_a_three_sigma_rule_on_the_tag_itself_misses_the_fault(found, history):
    usual = history["tag100"]
    rule = (found["Mean"] - usual.mean()).abs() / usual.std()
    assert (rule[found["Faulty"]] > 3).mean() < 0.05
    assert roc_auc_score(found["Faulty"], rule) < roc_auc_score(found["Faulty"], found["Score"]) - 0.1


def test_every_row_is_scored_although_texts_stand_in_five_tags(found, after):
    assert {name for name in after.column_names if after[name].null_count} <= set(TEXT_TAGS)
    assert after["tag70"].null_count > 0
    assert np.isfinite(found[["Expected", "Score"]]).all().all()
    assert ((found["Score"] > 1) == (found["Anomaly"] == 1)).all()


def test_the_same_history_gives_the_same_bytes_in_another_order(soft_sensor, history, tmp_path):
    shuffled = pd.concat([history.sample(frac=1, random_state=3), history.head(50)])
    pq.write_table(feature_table(shuffled, CONTRACT), tmp_path / "h.parquet")
    again = train.train(read_history(tmp_path / "h.parquet", CONTRACT), tmp_path / "model")
    assert again == digest(model_files(soft_sensor))


def test_the_model_folder_is_small_and_says_what_it_was_trained_on(soft_sensor):
    assert sum(path.stat().st_size for path in model_files(soft_sensor).values()) < 600_000
    manifest = json.loads((soft_sensor / "manifest.json").read_text())
    assert manifest["training"] == {
        "from": "2017-12-24T12:00:00Z",
        "to": "2017-12-31T23:55:00Z",
        "rows": 2160,
        "fittedShare": 0.75,
    }
    assert manifest["heldOut"]["rows"] == 540
    assert set(manifest["columns"]) == set(CONTRACT.feature.names)


def test_golden_rows_are_of_the_contract_and_hold_an_anomaly(soft_sensor):
    golden = pq.read_table(soft_sensor / "golden/input.parquet")
    assert golden.schema.equals(arrow_schema(CONTRACT.feature))
    assert 0 < sum(pq.read_table(soft_sensor / "golden/expected.parquet")["Anomaly"].to_pylist()) < golden.num_rows


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda h: h.head(575), "575 usable rows, at least 576 are needed"),
        (lambda h: h.head(0), "0 usable rows"),
        (lambda h: h.assign(tag100=1.0), "tag100 does not vary: 1.0"),
    ],
)
def test_a_history_that_does_not_allow_training_is_refused_and_leaves_no_folder(history, tmp_path, change, message):
    with pytest.raises(TrainingError, match=message):
        train.train(change(history), tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.fixture
def plant_job(soft_sensor, job, monkeypatch, tmp_path):
    """The generic entry script with this problem's model: nothing in it knows of `plant`."""
    monkeypatch.setenv("PROBLEM", "plant")
    monkeypatch.setenv("AZUREML_MODEL_DIR", str(shutil.copytree(soft_sensor, tmp_path / "plant" / "1")))
    return job


def test_the_entry_script_scores_a_day_and_rejects_what_it_cannot(plant_job, after):
    rows = after.slice(0, 288)
    for place, name, value in (
        (3, "tag102", None),
        (4, "tag2", None),
        (5, "tag2", np.inf),
        (6, "DeviceId", "elsewhere"),
        (7, NUMBER_TAGS[0], 1e300),
    ):
        rows = put(rows, name, place, value)
    plant_job.start()
    (line,) = plant_job.run([plant_job.file("a.parquet", rows)])
    assert line == "a.parquet: in=288 scored=285 rejected=3"
    rejected = plant_job.table("a.rejected.parquet")
    assert rejected[["Row", "Reason"]].values.tolist() == [
        [3, "tag102 is null"],
        [5, "tag2 is infinite"],
        [6, "no model for device elsewhere, sensor tag100"],
    ]
    scored = pq.read_table(plant_job.output / "a.scored.parquet")
    assert scored.schema.equals(arrow_schema(CONTRACT.prediction))


def test_golden_rows_are_scored_as_at_training_by_the_staged_folder(plant_job, soft_sensor, tmp_path):
    written = stage("plant", tmp_path / "code")
    assert "scoring/plant/model.py" in written
    assert not [name for name in written if "sensors" in name or "source" in name or "train" in name]
    plant_job.start()
    plant_job.run([soft_sensor / "golden/input.parquet"])
    expected = pq.read_table(soft_sensor / "golden/expected.parquet")
    assert (
        pq.read_table(plant_job.output / "input.scored.parquet")
        .select(expected.column_names)
        .equals(
            expected.cast(pa.schema([arrow_schema(CONTRACT.prediction).field(name) for name in expected.column_names]))
        )
    )


def put(table: pa.Table, name: str, position: int, value) -> pa.Table:
    """The table with one value changed; the column may then hold nothing there."""
    values = table[name].to_pylist()
    values[position] = value
    return table.set_column(table.column_names.index(name), name, pa.array(values, table.schema.field(name).type))
