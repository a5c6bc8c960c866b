"""Histories, registered models and training jobs: what is told of them, and what is refused with its place."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from operations import comparison, history, models, training_job
from operations.errors import OperationError
from operations.history import Measured
from operations.models import Version
from operations.stack import Stack

MADE_FROM = {
    "trainedFrom": "2026-03-01T00:00:00Z",
    "trainedTo": "2026-03-08T00:00:00Z",
    "trainedRows": "2016",
    "job": "train-sensors-1",
    "trainingCode": "c0de",
    "metric.recall": "0.9",
}


@pytest.mark.parametrize(
    ("moment", "midnight"),
    [
        ("2026-03-02T00:00:00+00:00", "2026-03-02"),
        ("2026-03-02T00:00:01+00:00", "2026-03-03"),
        ("2026-03-02T00:30:00+02:00", "2026-03-02"),
    ],
)
def test_a_history_ends_at_the_first_midnight_that_is_not_before_its_moment(moment: str, midnight: str):
    assert history.day(datetime.fromisoformat(moment)) == datetime.fromisoformat(f"{midnight}T00:00:00+00:00")


def test_a_time_without_measured_rows_is_refused_with_the_span_that_there_is():
    file = history.source_file("plant", None)
    with pytest.raises(OperationError, match=r"no rows of that time; it has rows from \d{4}-\d\d-\d\d \d\d:\d\dZ to"):
        history.measured("plant", Measured(source=file, until=datetime(1999, 1, 1, tzinfo=UTC)))


def test_a_file_that_is_not_the_problems_is_refused_by_its_name(tmp_path: Path):
    file = tmp_path / "other.csv"
    file.write_text("a,b\n1,2\n")
    with pytest.raises(OperationError, match=r"other\.csv"):
        history.measured("plant", Measured(source=file, until=None))


@pytest.mark.parametrize(
    ("made_from", "lines"),
    [
        (
            MADE_FROM,
            [
                "v1  serves",
                "  registered 2026-03-09 10:00Z",
                "  trained on 2026-03-01T00:00 to 2026-03-08T00:00, rows: 2016",
                "  by job train-sensors-1, code c0de",
                "  metrics: recall 0.9",
            ],
        ),
        ({}, ["v1  serves", "  registered 2026-03-09 10:00Z"]),
    ],
    ids=["everything", "nothing"],
)
def test_a_version_tells_what_is_known_of_it_and_no_more(made_from: dict[str, str], lines: list[str]):
    one = Version(version="v1", serves=True, created="2026-03-09T10:00", made_from=made_from)
    assert models.described(one).splitlines() == lines


@pytest.mark.parametrize(
    ("named", "told"),
    [(None, "--promoted FOLDER is missing"), ("no/such", "no/such: no such folder")],
    ids=["not named", "not there"],
)
def test_a_model_that_is_nowhere_on_this_machine_is_looked_for_with_a_stack(named: str | None, told: str):
    with pytest.raises(OperationError, match=re.escape(told) + ".*--stack"):
        models.folder("sensors", None, named)


@pytest.mark.parametrize("text", [None, "{", "{}", '{"training": {"to": "yesterday"}}'])
def test_a_folder_without_the_end_of_its_training_is_no_model_folder(tmp_path: Path, text: str | None):
    if text is not None:
        (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(OperationError, match=f"{re.escape(str(tmp_path))}.*not a model folder"):
        models.trained_until(tmp_path)


@pytest.mark.parametrize("lacking", ["promoted", "candidate"])
def test_what_is_compared_are_model_folders(lacking: str, tmp_path: Path):
    folders = {name: tmp_path / name for name in ("promoted", "candidate")}
    for name, folder in folders.items():
        folder.mkdir()
        if name != lacking:
            (folder / "manifest.json").write_text('{"digest": "1"}')
    held_back = Measured(source=tmp_path / "none", until=None)
    with pytest.raises(OperationError, match=f"--{lacking} .*holds no manifest.json"):
        comparison.compare("plant", **folders, held_back=held_back, output=tmp_path, tell=print)


def test_a_training_job_runs_the_problems_code_on_the_stacks_cluster_from_history_to_model():
    outputs = dict.fromkeys(Stack.__dataclass_fields__, "x") | {"problem": "plant", "cluster": "nodes"}
    stack = Stack.of("dev", outputs, "here")
    job = training_job.job(stack, "train-1", code="code:1", environment="env:1", features="training/plant/0f")
    assert job["computeId"].endswith("/computes/nodes")
    assert job["command"].startswith("python -m scoring.plant.train --features ${{inputs.features}} ")
    assert job["inputs"]["features"]["uri"] == "azureml://datastores/scoring_input/paths/training/plant/0f/"
    assert job["outputs"]["model"]["uri"] == "azureml://datastores/scoring_output/paths/training/plant/train-1/"
    assert (job["codeId"], job["environmentId"]) == ("code:1", "env:1")
