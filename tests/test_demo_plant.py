"""The second problem, once, under the real engine: files into the lake, scored by Data Factory's trigger, and away."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SMALL = "2018/01/02/0600.csv"
pytestmark = pytest.mark.xdist_group("demo-plant")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo-plant")


def run(place: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs a command with a sandbox of its own."""
    environment = os.environ | {"AZURE_SANDBOX_STATE": str(place / "sandbox")}
    return subprocess.run(
        [*map(str, command)], cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300
    )


def demo(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(place, sys.executable, "tools/demo_plant.py", "--output", place / "out", *arguments)


def ours(place: Path, *arguments: str | Path, who: str = "deployer") -> subprocess.CompletedProcess[str]:
    outputs = ("--stack", "plant", "--outputs", place / "out" / "outputs.json")
    return run(place, "azure-sandbox", "run", "--as", who, "--", "batch-scoring", *arguments, *outputs)


@pytest.fixture(scope="module")
def first(place: Path):
    yield demo(place)
    if (place / "sandbox").exists():
        demo(place, "--clean")


def summary(place: Path) -> dict:
    return json.loads((place / "out" / "summary.json").read_text())


def test_measured_days_are_scored_on_schedule_and_the_known_fault_is_found(place, first):
    assert first.returncode == 0, first.stdout + first.stderr
    found = summary(place)
    assert len(found["runs"]) == 3
    assert found["rows"] == {"rows": 864, "scored": 864, "rejected": 0}
    assert (found["faults"]["known"], found["faults"]["found"]) == (1, 1)
    assert found["quality"]["f1"] > found["three_sigma"]["f1"]
    page = (place / "out" / "results.html").read_text()
    assert "known fault, 2 Jan 06:00 to 09:00" in page
    assert page.count('class="chart"') == 2


def test_a_second_run_changes_nothing(place, first):
    before = summary(place)
    again = demo(place)
    assert again.returncode == 0, again.stdout + again.stderr
    for words in ("nothing changed", "39 there already"):
        assert words in again.stdout + again.stderr
    assert {**summary(place), "seconds": 0} == {**before, "seconds": 0}


@pytest.mark.parametrize("kind", ["csv", "parquet", "table"])
def test_results_come_in_every_form(place, first, kind):
    ran = ours(place, "results", "--format", kind, "-o", place / f"rows.{kind}")
    assert ran.returncode == 0, ran.stderr
    assert (place / f"rows.{kind}").stat().st_size > 1000


def test_a_file_with_other_content_is_replaced_only_when_that_is_said(place, first):
    folder = place / "other"
    changed, original = folder / SMALL, place / "out" / "files" / SMALL
    changed.parent.mkdir(parents=True)
    shutil.copy(original, changed)
    assert "1 there already" in ours(place, "put", folder).stdout
    changed.write_text(original.read_text().replace("2018-01-02 06:00:00", "2018-01-02 06:00:01"))
    refused = ours(place, "put", folder)
    assert refused.returncode == 1
    assert f"static/{SMALL} has other content" in refused.stderr
    assert "nothing was uploaded" in refused.stderr
    assert "1 replaced" in ours(place, "put", folder, "--replace").stdout
    assert "1 replaced" in ours(place, "put", original, "--replace").stdout


def test_a_day_with_files_of_one_kind_gets_one_without_rows_of_the_other(place, first):
    folder = place / "one-kind"
    path = folder / "2018/01/04/0000.csv"
    path.parent.mkdir(parents=True)
    shutil.copy(place / "out" / "files" / "2018/01/04/0000.csv", path)
    ran = ours(place, "put", folder)
    assert "2018/01/04/no-rows.parquet" in ran.stdout, ran.stderr
    assert "window 20180104T00-20180105T00: 1 row" in ran.stdout


def test_who_is_no_operator_is_refused_by_the_lake_in_words(place, first):
    refused = ours(place, "put", place / "out" / "files", "--date", "2018-01-01", who="user:stranger")
    assert refused.returncode == 1
    assert "/static: 403 AuthorizationPermissionMismatch" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_cleaning_leaves_nothing(place, first):
    cleaned = demo(place, "--clean")
    assert cleaned.returncode == 0, cleaned.stdout + cleaned.stderr
    for nothing in ("resource groups: none", "resources: none", "soft-deleted vaults: none"):
        assert nothing in cleaned.stdout
    assert not (place / "sandbox").exists()
