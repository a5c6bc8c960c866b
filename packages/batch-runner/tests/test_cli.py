"""`python -m batch_runner` in a process of its own, and scripts in the style of Microsoft's samples."""

from __future__ import annotations

import subprocess
import sys

import pytest
from batch_runner.cli import main


def arguments(job, *more: str) -> list[str]:
    folders = [f"--{name}={job.root / name}" for name in ("code", "model", "input", "output")]
    return ["--script=score.py", *folders, *more]


def test_the_command_runs_a_deployment_yml_and_accounts_for_every_file(job):
    job.files("a", "b", "c")
    settings = job.root / "deployment.yml"
    settings.write_text("settings: {mini_batch_size: 2, output_file_name: scores.csv}")
    command = [sys.executable, "-m", "batch_runner", *arguments(job, f"--settings={settings}")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 mini-batches, 2 done, 0 failed, 0 retries" in done.stdout
    assert "files 3 = 3 succeeded + 0 failed + 0 not processed; run() returned 3 rows" in done.stdout
    assert job.rows("scores.csv") == ["a of a", "b of b", "c of c"]
    assert (job.root / "logs" / "readme.txt").exists()


def test_a_failed_job_exits_with_42_and_the_cause(job, capsys):
    job.script("def init(): pass\ndef run(mini_batch): raise ValueError('no such column: Mean')")
    job.files("a")
    assert main(arguments(job)) == 42
    error = capsys.readouterr().err
    assert "NoResultToAppend" in error
    assert "ValueError: no such column: Mean" in error
    assert "attempt 4 of 4" in error


def test_failures_that_error_threshold_lets_pass_are_shown(job, capsys):
    job.script("def init(): pass\ndef run(mini_batch): return [1 / len(open(mini_batch[0]).read())]")
    job.files("a")
    (job.input / "empty").write_text("")
    settings = job.root / "deployment.yml"
    settings.write_text("settings: {mini_batch_size: 1, retry_settings: {max_retries: 0}}")
    assert main(arguments(job, f"--settings={settings}")) == 0
    shown = capsys.readouterr().out
    assert "ignored by error_threshold -1: mini-batch 1 (1 file: empty): attempt 1 of 1: ZeroDivisionError" in shown


def test_wrong_settings_exit_with_2_before_anything_runs(job, capsys):
    settings = job.root / "deployment.yml"
    settings.write_text("settings: {mini_batch_size: 0}")
    assert main(arguments(job, f"--settings={settings}")) == 2
    assert "mini_batch_size: found 0" in capsys.readouterr().err
    assert not job.output.exists()


CUSTOM_OUTPUT = """
    import glob
    import os
    from pathlib import Path

    import pandas as pd


    def init():
        global model
        global output_path

        output_path = os.environ["AZUREML_BI_OUTPUT_PATH"]
        model_path = os.environ["AZUREML_MODEL_DIR"]
        model_file = glob.glob(f"{model_path}/*/*.txt")[-1]
        model = float(Path(model_file).read_text())


    def run(mini_batch):
        for file_path in mini_batch:
            data = pd.read_csv(file_path)
            data["prediction"] = data["value"] * model
            output_file_name = Path(file_path).stem
            output_file_path = os.path.join(output_path, output_file_name + ".csv")
            data.to_csv(output_file_path, index=False)

        return mini_batch
"""
ONE_ROW_PER_FILE = """
    import os
    from typing import List

    import pandas as pd


    def init():
        global model
        with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model", "factor.txt")) as file:
            model = float(file.read())


    def run(mini_batch: List[str]) -> pd.DataFrame:
        print(f"run method start: {__file__}, run({mini_batch})")
        results = []
        for image in mini_batch:
            results.append([os.path.basename(image), pd.read_csv(image)["value"].sum() * model])
        return pd.DataFrame(results, columns=["file", "prediction"])
"""


@pytest.mark.parametrize(
    ("script", "action", "written"),
    [
        (
            CUSTOM_OUTPUT,
            "summary_only",
            {"a.csv": "value,prediction\n1,2.0\n2,4.0\n", "b.csv": "value,prediction\n3,6.0\n"},
        ),
        (ONE_ROW_PER_FILE, "append_row", {"predictions.csv": "a.csv 6.0\nb.csv 6.0\n"}),
    ],
    ids=["custom output", "one row per file"],
)
def test_scripts_in_the_style_of_microsofts_samples_run_unchanged(job, script, action, written):
    job.script(script)
    (job.model / "model").mkdir()
    (job.model / "model" / "factor.txt").write_text("2")
    (job.input / "a.csv").write_text("value\n1\n2\n")
    (job.input / "b.csv").write_text("value\n3\n")
    settings = job.root / "deployment.yml"
    settings.write_text(f"output_action: {action}\nmini_batch_size: 10")
    assert main(arguments(job, f"--settings={settings}")) == 0
    assert {path.name: path.read_text() for path in job.output.iterdir()} == written
