"""The main job, once, under the real engine: from nothing to scored results, again without change, and away."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.xdist_group("demo")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


def demo(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs tools/demo.py with a sandbox of its own."""
    environment = os.environ | {"AZURE_SANDBOX_STATE": str(place / "sandbox")}
    command = [sys.executable, "tools/demo.py", "--output", str(place / "out"), *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def ours(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command of an operator in the demo's sandbox."""
    environment = os.environ | {"AZURE_SANDBOX_STATE": str(place / "sandbox")}
    outputs = ("--outputs", str(place / "out" / "outputs.json"))
    command = ["azure-sandbox", "run", "--", "batch-scoring", *arguments, *outputs]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def sandbox(place: Path, *arguments: str) -> None:
    command = ["azure-sandbox", "--state", str(place / "sandbox"), *arguments]
    subprocess.run(command, capture_output=True, check=True)


def changed() -> str:
    """What the main job could leave in the checkout: salts in stack files, a state folder that git does not ignore."""
    command = [
        "git",
        "status",
        "--short",
        "--",
        "Pulumi*.yaml",
        "build",
        ".sandbox",
        ".pulumi",
        "uv.lock",
        "scoring/uv.lock",
    ]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def first(place: Path):
    before = changed()
    ran = demo(place)
    yield ran
    if (place / "sandbox").exists():
        demo(place, "--clean")
    assert changed() == before


def summary(place: Path) -> dict:
    return json.loads((place / "out" / "summary.json").read_text())


def test_the_main_job_accounts_for_every_event_and_row_and_finds_the_faults(place, first):
    assert first.returncode == 0, first.stdout + first.stderr
    found = summary(place)
    assert found["events"]["balance"] == 0
    assert found["events"]["sent"] == sum(found["injected"].values()) > 40_000
    assert found["rows"]["rows"] == found["rows"]["scored"] + found["rows"]["rejected"] == found["windows"]
    assert found["quality"]["recall"] >= 0.8
    assert found["quality"]["precision"] >= 0.6
    assert found["quality"]["f1"] > found["three_sigma"]["f1"]
    assert set(found["resources"]["changes"]) == {"create"}
    page = (place / "out" / "results.html").read_text()
    assert page.count('class="chart"') == 15
    assert "equals" in page


def test_a_second_run_changes_nothing(place, first):
    before = summary(place)
    again = demo(place)
    assert again.returncode == 0, again.stdout + again.stderr
    after = summary(place)
    for words in ("nothing changed", "was sent before", "was scored before"):
        assert words in again.stdout + again.stderr
    assert set(after["resources"]["changes"]) == {"same"}
    assert {name: after[name] for name in ("events", "rows", "runs", "quality", "day")} == {
        name: before[name] for name in ("events", "rows", "runs", "quality", "day")
    }


def test_a_window_that_is_run_again_by_the_trigger_gives_the_same_results(place, first):
    (run,) = summary(place)["runs"]
    before = ours(place, "results", "--format", "csv")
    sandbox(place, "clock", "speed", "120")  # the demo leaves it at ours, at which a node takes minutes to start
    again = ours(place, "rerun", run["window"])
    assert again.returncode == 0, again.stderr
    assert f"{run['rows']:,} rows in = {run['scored']:,} scored + {run['rejected']:,} rejected" in again.stdout
    (line,) = [line for line in ours(place, "windows").stdout.splitlines() if line.startswith(f" {run['window']}")]
    assert line.split()[1:4] == ["scored", "2", "hours-24h"]
    assert without_job(ours(place, "results", "--format", "csv").stdout) == without_job(before.stdout)
    assert "trigger hours-24h: Started; 1 window," in ours(place, "status").stdout


def without_job(text: str) -> list[dict[str, str]]:
    return [{key: value for key, value in row.items() if key != "Job"} for row in csv.DictReader(text.splitlines())]


def test_who_is_no_sensor_is_refused_by_the_hub_in_words(place, first):
    """The deployer owns the subscription, and has no data role on the hub."""
    ran = ours(place, "send")
    assert ran.returncode == 1
    assert "servicebus.windows.net/sensors-events/messages" in ran.stderr
    assert "401" in ran.stderr
    assert "Send" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_cleaning_leaves_nothing(place, first):
    cleaned = demo(place, "--clean")
    assert cleaned.returncode == 0, cleaned.stdout + cleaned.stderr
    for nothing in ("resource groups: none", "resources: none", "soft-deleted vaults: none"):
        assert nothing in cleaned.stdout
    assert not (place / "sandbox").exists()
