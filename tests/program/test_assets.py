"""What is uploaded and registered: named by content, pinned, proved on golden rows."""

import subprocess
from pathlib import Path

import pyarrow as pa
import pytest

from components import job_report, smoke
from components.assets import REQUIREMENTS, conda_file
from components.place import fingerprint

ROOT = Path(__file__).parents[2]


def test_requirements_are_what_the_scoring_environment_is_locked_to() -> None:
    uv = pytest.importorskip("uv").find_uv_bin()
    command = [uv, "export", "--project", "scoring", "--frozen", "--no-dev", "--no-hashes", "--no-emit-project"]
    fresh = subprocess.run(
        [*command, "--no-annotate", "--no-header"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    kept = [line for line in (ROOT / REQUIREMENTS).read_text().splitlines() if not line.startswith("#")]
    assert kept == fresh.stdout.splitlines(), "run: uv export … -o scoring/requirements.txt (the file's first lines)"


def test_the_conda_file_holds_python_and_every_requirement() -> None:
    text = conda_file("sensors", "# made by uv\nnumpy==2.3\n\npandas==3.0 ; python_version < '3.14'\n")
    assert text.startswith(
        "name: sensors\nchannels:\n  - conda-forge\ndependencies:\n  - python=3.11\n  - pip\n  - pip:\n"
    )
    assert text.endswith('      - "numpy==2.3"\n      - "pandas==3.0 ; python_version < \'3.14\'"\n')


def test_a_fingerprint_is_of_values_not_of_their_order() -> None:
    assert fingerprint({"a": 1, "b": [1, 2]}) == fingerprint({"b": [1, 2], "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})


def test_a_fingerprint_refuses_what_is_not_known_before_the_deployment() -> None:
    import pulumi

    with pytest.raises(TypeError, match="an Output has no digest before the deployment"):
        fingerprint({"a": pulumi.Output.from_input("x")})


GOLDEN = pa.table({"Sensor": ["a", "b"], "Score": [0.5, 1.5], "Anomaly": [0, 1]})


def test_predictions_in_any_order_and_with_more_columns_are_golden() -> None:
    found = pa.table({"Job": ["j", "j"], "Anomaly": [1, 0], "Score": [1.5, 0.5 + 5e-10], "Sensor": ["b", "a"]})
    smoke.compare(GOLDEN, found)


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (
            {"Sensor": ["a", "b"], "Score": [0.5, 1.5001], "Anomaly": [0, 1]},
            r"\(b, 1\): Score is 1\.5001, expected 1\.5",
        ),
        ({"Sensor": ["a", "b"], "Score": [0.5, 1.5], "Anomaly": [1, 1]}, "Anomaly is 1, expected 0"),
        ({"Sensor": ["a"], "Score": [0.5], "Anomaly": [0]}, "found 1 predictions for golden rows, expected 2"),
        ({"Sensor": ["a", "b"], "Anomaly": [0, 1]}, "predictions lack the column Score; found Sensor, Anomaly"),
        ({"Sensor": ["a", "b"], "Score": [0.5, None], "Anomaly": [0, 1]}, "Score is None, expected 1.5"),
    ],
)
def test_predictions_that_differ_are_refused_by_row_and_column(found: dict[str, list[object]], says: str) -> None:
    with pytest.raises(smoke.SmokeError, match=says):
        smoke.compare(GOLDEN, pa.table(found))


def test_a_refused_access_is_told_from_a_broken_script() -> None:
    assert job_report.is_refusal("ScriptExecution.StreamAccess.Authentication: no")
    assert job_report.is_refusal("FailedPullingImage: Unable to pull docker image cr.azurecr.io/e: unauthorized: no")
    assert not job_report.is_refusal("UserError: SystemExit: 42")
