"""What `init()` accepts as a model: nothing but what was trained, in the environment it was trained for."""

import hashlib
import json
import os
import pickle
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import sklearn

from scoring.code import code_files, digest, model_files
from scoring.model_folder import ModelRefused


class Payload:
    """A pickle that runs a command when it is loaded."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


def edit(folder: Path, change) -> None:
    """Change the manifest; the hashes that it holds of the files are made to fit."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files"] = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in manifest["files"]}
    change(manifest)
    path.write_text(json.dumps(manifest))


def test_a_trained_model_is_accepted_wherever_below_the_mount_it_lies(job, model):
    job.start()
    shutil.move(model, model.parent.parent / "deeper")
    shutil.move(model.parent.parent / "deeper", model.parent / "a" / "b")
    job.start()


@pytest.mark.parametrize("hashes_fit", [False, True], ids=["hashes as trained", "hashes made to fit"])
def test_a_tampered_pickle_is_refused_and_never_loaded(job, model, tmp_path, monkeypatch, hashes_fit):
    marker = tmp_path / "executed"
    trained = digest(model_files(model))
    (model / "estimators.joblib").write_bytes(pickle.dumps(Payload(marker)))
    if hashes_fit:
        # Only the deployment's digest, which is not in the folder, can tell.
        edit(model, lambda manifest: None)
        monkeypatch.setenv("MODEL_DIGEST", trained)
    with pytest.raises(ModelRefused, match="digest is" if hashes_fit else r"estimators\.joblib: SHA-256 is"):
        job.start()
    assert not marker.exists()
    pickle.loads(pickle.dumps(Payload(marker)))
    assert marker.exists(), "the payload does work when it is loaded"


def add_a_file(model):
    (model / "more.joblib").write_bytes(b"x")


def lose_a_file(model):
    (model / "estimators.joblib").unlink()


def change_golden_rows(model):
    path = model / "golden" / "input.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"x")


def link_a_file(model):
    (model / "estimators.joblib").rename(model.parent.parent / "elsewhere")
    (model / "estimators.joblib").symlink_to(model.parent.parent / "elsewhere")


def break_the_manifest(model):
    (model / "manifest.json").write_text("{")


def empty_the_manifest(model):
    (model / "manifest.json").write_text("[]")


def lose_the_manifest(model):
    (model / "manifest.json").unlink()


def mount_two_models(model):
    shutil.copytree(model, model.parent / "second")


def train_with_another_version(model):
    edit(model, lambda manifest: manifest["versions"].update(sklearn="0.19.2"))


def train_another_problem(model):
    edit(model, lambda manifest: manifest.update(problem="plant"))


def move_a_threshold(model):
    edit(model, lambda manifest: manifest["series"][0].update(threshold=1.0))


def swap_two_series(model):
    def swap(manifest):
        first, second = manifest["series"][:2]
        first["SensorId"], second["SensorId"] = second["SensorId"], first["SensorId"]

    edit(model, swap)


def lose_a_series(model):
    edit(model, lambda manifest: manifest["series"].pop())


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (add_a_file, r"more\.joblib is not listed"),
        (lose_a_file, r"estimators\.joblib is missing"),
        (change_golden_rows, r"golden/input\.parquet: SHA-256 is"),
        (link_a_file, r"estimators\.joblib is a link"),
        (break_the_manifest, r"manifest\.json: not JSON"),
        (empty_the_manifest, r"manifest\.json: no object 'files'"),
        (lose_the_manifest, r"found 0 files manifest\.json"),
        (mount_two_models, r"found 2 files manifest\.json"),
        (train_with_another_version, rf"scikit-learn 0\.19\.2, this environment has {sklearn.__version__}"),
        (train_another_problem, "problem is 'plant', expected 'sensors'"),
        (move_a_threshold, "golden rows do not come out as at training: column Score, row 0"),
        (swap_two_series, "golden rows do not come out as at training: column Expected, row 0"),
        (lose_a_series, "holds 15 series, the manifest 14"),
    ],
)
def test_a_model_folder_that_is_not_as_trained_is_refused_with_the_place(job, model, damage, message):
    damage(model)
    with pytest.raises(ModelRefused, match=message):
        job.start()


def test_rows_are_stamped_with_model_code_and_job(job, model, rows, monkeypatch):
    expected = digest(model_files(model))
    monkeypatch.setenv("MODEL_DIGEST", expected)
    monkeypatch.setenv("CODE_DIGEST", "0123456789abcdef")
    monkeypatch.setenv("AZUREML_ROOT_RUN_ID", "batchjob-1")
    job.start()
    job.run([job.file("a.parquet", rows)])
    stamps = job.table("a.scored.parquet")[["ModelDigest", "CodeDigest", "Job"]].drop_duplicates().values.tolist()
    assert stamps == [[expected, "0123456789abcdef", "batchjob-1"]]


def test_without_a_deployment_rows_are_stamped_with_the_digests_of_what_lies_there(job, model, rows):
    job.start()
    job.run([job.file("a.parquet", rows)])
    stamps = job.table("a.scored.parquet")[["ModelDigest", "CodeDigest", "Job"]].drop_duplicates().values.tolist()
    assert stamps == [[digest(model_files(model)), digest(code_files("sensors")), "local"]]


def test_golden_rows_as_input_give_the_golden_predictions(job, model):
    job.start()
    job.run([model / "golden" / "input.parquet"])
    expected = pq.read_table(model / "golden" / "expected.parquet")
    found = pq.read_table(job.output / "input.scored.parquet").select(expected.column_names)
    assert found.cast(expected.schema).equals(expected)
    assert 0 < sum(expected["Anomaly"].to_pylist()) < expected.num_rows


@pytest.mark.parametrize("name", ["AZUREML_MODEL_DIR", "AZUREML_BI_OUTPUT_PATH"])
def test_a_missing_variable_is_named(job, monkeypatch, name):
    monkeypatch.delenv(name)
    with pytest.raises(RuntimeError, match=f"environment variable {name} is not set"):
        job.start()


def test_an_unknown_problem_is_named(job, monkeypatch):
    monkeypatch.setenv("PROBLEM", "unheard")
    with pytest.raises(RuntimeError, match=r"PROBLEM='unheard': no module scoring\.unheard"):
        job.start()


def test_rows_are_not_scored_before_init(job, rows):
    with pytest.raises(RuntimeError, match="before init"):
        job.run([job.file("a.parquet", rows)])
