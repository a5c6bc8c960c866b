"""The command as a user meets it: what it writes, and how it says what is wrong."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from operations.cli import app
from operations.errors import OperationError

SCRIPT = """
import os
def init(): pass
def run(mini_batch): return [os.path.basename(path) for path in mini_batch]
"""


def run(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def refusal(*arguments: object) -> str:
    result = run(*arguments)
    assert isinstance(result.exception, OperationError), result.output
    return str(result.exception)


def test_a_day_in_a_file_has_all_events_and_their_record(tmp_path):
    events, record = tmp_path / "events.jsonl", tmp_path / "sent.json"
    result = run("send", "--to", events, "--from", "2026-01-05", "--hours", 1, "--record", record)
    assert result.exit_code == 0
    told = json.loads(record.read_text())
    assert len(events.read_bytes().splitlines()) == told["sent"] == sum(told["counts"].values())
    assert f"{told['sent']:,} sent = {told['counts']['regular']:,} regular" in result.output


def test_a_file_that_exists_is_left_alone_unless_forced(tmp_path):
    events = tmp_path / "events.jsonl"
    events.write_text("mine")
    assert refusal("send", "--to", events, "--hours", 1).startswith(f"{events}: exists")
    assert events.read_text() == "mine"
    assert run("send", "--to", events, "--hours", 1, "--force").exit_code == 0
    assert events.read_text() != "mine"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, file, text in (("code", "script.py", SCRIPT), ("model", "m.txt", "m"), ("in", "a.txt", "a")):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).write_text(text)
    return tmp_path


def local(folder: Path, *more: object, script: str = "script.py") -> tuple:
    places = (
        "--code",
        folder / "code",
        "--model",
        folder / "model",
        "--input",
        folder / "in",
        "--output",
        folder / "out",
    )
    return ("score", "--local", "--script", script, *places, *more)


def test_a_scoring_folder_runs_on_this_machine(folder):
    result = run(*local(folder))
    assert result.exit_code == 0, result.output
    assert (folder / "out" / "predictions.csv").read_text() == "a.txt\n"
    assert "1 succeeded + 0 failed" in result.output


def test_a_scoring_folder_that_fails_says_why_and_what_it_means(folder):
    (folder / "code" / "script.py").write_text("def init(): pass\ndef run(mini_batch): return None\n")
    found = refusal(*local(folder))
    assert "run()" in found
    assert "list or a pandas DataFrame" in found
    assert not (folder / "out" / "predictions.csv").exists()


QUERY = """
SELECT CAST(Device AS nvarchar(max)) AS Device, CAST(COUNT(*) AS bigint) AS Events
INTO counts
FROM readings TIMESTAMP BY Time
GROUP BY Device, TumblingWindow(minute, 1)
"""


def queried(folder: Path, query: str) -> tuple:
    (folder / "query.asaql").write_text(query)
    seconds = (1, 2, 61)
    lines = [json.dumps({"Device": "a", "Time": f"2026-01-05T00:0{s // 60}:{s % 60:02d}Z"}) for s in seconds]
    (folder / "readings.jsonl").write_text("\n".join(lines) + "\n")
    inputs = ("--input", f"readings={folder / 'readings.jsonl'}")
    return ("stream", "run", "--query", folder / "query.asaql", *inputs, "--output", folder / "out")


def test_a_query_runs_over_files(tmp_path):
    result = run(*queried(tmp_path, QUERY))
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in (tmp_path / "out" / "counts.jsonl").read_text().splitlines()]
    assert [row["Events"] for row in rows] == [2, 1]
    assert "counts.jsonl: 2 rows" in result.output


def test_a_query_that_cannot_run_is_refused_with_its_place_and_nothing_is_written(tmp_path):
    found = refusal(*queried(tmp_path, QUERY.replace("COUNT(*)", "MEDIAN(Value)")))
    assert str(tmp_path / "query.asaql") in found
    assert "MEDIAN" in found
    assert not (tmp_path / "out").exists()


OUTPUTS = {
    "problem": "sensors",
    "subscriptionId": "s",
    "resourceGroup": "g",
    "location": "westeurope",
    "eventHubNamespace": "n",
}


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (
            ("send", "--to", "x.jsonl", "--problem", "nix"),
            "problem 'nix': no folder scoring/nix; there are: plant, sensors",
        ),
        (("send", "--to", "x.jsonl", "--hours", "0.15"), "length 0:09:00 is not a number of five-minute windows"),
        (("score",), "score: --from and --to are needed"),
        (("score", "--local", "--script", "s.py"), "score --local: --code, --model, --input, --output is missing"),
        (("score", "--from", "2026-01-05", "--to", "2026-01-05"), "nothing lies between them"),
        (("send", "--outputs", "nix.json"), "nix.json: no such file; expected the JSON of `pulumi stack output"),
        (
            ("status", "--outputs", "part.json"),
            "part.json .*: without eventHub, streamJob, .*Deploy it first: pulumi up",
        ),
        (("status", "--outputs", "none.json"), "none.json .*: no outputs at all. Deploy it first"),
        (("status", "--outputs", "bad.json"), "bad.json: not JSON"),
        (("stream", "run", "--query", "q", "--input", "x", "--output", "o"), "--input x: expected ALIAS=FILE"),
        (("train", "--problem", "nix"), "problem 'nix': no folder"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(arguments, found, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("part.json").write_text(json.dumps(OUTPUTS))
    Path("none.json").write_text("{}")
    Path("bad.json").write_text("{")
    with pytest.raises(OperationError, match=found):
        raise OperationError(refusal(*arguments))
    assert not Path("x.jsonl").exists()


def pulumi(folder: Path, monkeypatch, script: str) -> None:
    """A `pulumi` on PATH that answers as the real one does."""
    command = folder / "bin" / "pulumi"
    command.parent.mkdir()
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(command.parent), prepend=":")


def test_a_stack_that_pulumi_does_not_know_is_named(tmp_path, monkeypatch):
    pulumi(tmp_path, monkeypatch, "echo 'error: no stack named nix found' >&2; exit 255")
    for command in ("status", "teardown"):
        found = refusal(command, "--stack", "nix")
        assert "--stack nix`" in found
        assert "error: no stack named nix found" in found


PROTECTED = """
case "$1" in
  stack) echo '{"deployment": {"resources": [{"type": "pulumi:pulumi:Stack"}]}}' ;;
  config) echo '{"batch-scoring:protect": {"value": "true"}}' ;;
  *) echo called >> "$CALLED" ;;
esac
"""


def test_a_protected_stack_is_not_destroyed_unless_told(tmp_path, monkeypatch):
    monkeypatch.setenv("CALLED", str(tmp_path / "called"))
    pulumi(tmp_path, monkeypatch, PROTECTED)
    assert "stack 'prod' is protected: not destroyed. If that is meant, say --unprotect." in refusal(
        "teardown", "--stack", "prod"
    )
    assert not (tmp_path / "called").exists()
