"""What a job leaves behind: the output file to the byte, the log tree, the accounting."""

from __future__ import annotations

import csv

import pytest
from batch_runner import run_job
from batch_runner.settings import Settings


def test_append_row_writes_a_dataframe_without_header_separated_by_spaces(job):
    job.script("""
        import os
        import pandas as pd
        def init(): pass
        def run(mini_batch):
            names = [os.path.basename(file) for file in mini_batch]
            return pd.DataFrame({"file": names, "score": [0.5] * len(names), "label": ["two words"] * len(names)})
    """)
    job.files("b", "a", "c")
    result = job.run(mini_batch_size=2, output_file_name="scores.csv")
    assert (job.output / "scores.csv").read_bytes() == b'a 0.5 "two words"\nb 0.5 "two words"\nc 0.5 "two words"\n'
    assert (result.rows, result.items_succeeded) == (3, 3)
    assert job.written() == ["scores.csv"]


def test_append_row_writes_list_elements_as_text_one_a_line(job):
    job.script("def init(): pass\ndef run(mini_batch): return ['text', 1, 2.5, {'a': 1}, None, ('x', 'y')]")
    job.files("a")
    job.run()
    assert (job.output / "predictions.csv").read_bytes() == b"text\n1\n2.5\n{'a': 1}\nNone\n('x', 'y')\n"


def test_rows_stand_in_order_of_mini_batches_whoever_finishes_first(job):
    job.script("""
        import os, time
        def init(): pass
        def run(mini_batch):
            time.sleep(0.4 if mini_batch[0].endswith("a") else 0)
            return [os.path.basename(file) for file in mini_batch]
    """)
    job.files("a", "b", "c", "d")
    job.run(max_concurrency_per_instance=2)
    assert job.rows() == ["a", "b", "c", "d"]


@pytest.mark.parametrize("action", ["AppendRow", "SummaryOnly"])
def test_an_existing_output_file_is_refused_before_anything_runs(job, action):
    job.files("a")
    job.output.mkdir()
    (job.output / "predictions.csv").write_text("of an earlier job")
    result = job.run(output_action=action)
    assert (result.status, result.exit_code, result.error.code) == ("Failed", 42, "OutputAlreadyExists")
    assert f"Output already exists: {job.output / 'predictions.csv'}" in result.error.message
    assert job.rows() == ["of an earlier job"]
    assert not (job.logs / "user/stdout").exists()


def test_summary_only_leaves_the_writing_to_the_script(job):
    job.script("""
        import os
        from pathlib import Path
        def init(): pass
        def run(mini_batch):
            for file in mini_batch:
                (Path(os.environ["AZUREML_BI_OUTPUT_PATH"]) / f"{Path(file).stem}.out").write_text("scored")
            return mini_batch
    """)
    job.files("a.csv", "b.csv")
    result = job.run(output_action="SummaryOnly")
    assert (result.status, result.items_succeeded, result.rows) == ("Completed", 2, 2)
    assert job.written() == ["a.out", "b.out"]


@pytest.mark.parametrize("action", ["AppendRow", "SummaryOnly"])
def test_no_success_at_all_fails_the_job_even_when_errors_are_ignored(job, action):
    job.script("def init(): pass\ndef run(mini_batch): return []")
    job.files("a", "b")
    result = job.run(error_threshold=-1, output_action=action)
    assert (result.status, result.error.code, result.items_failed) == ("Failed", "NoResultToAppend", 2)
    assert job.written() == []


def test_the_log_tree_lies_where_the_service_puts_it(job):
    job.script("""
        import os
        print("importing")
        def init(): print("in init")
        def run(mini_batch):
            if mini_batch[0].endswith("bad"):
                raise ValueError("cannot read it")
            return mini_batch
    """)
    job.files("a", "bad")
    job.run(max_retries=1)
    found = sorted(str(path.relative_to(job.logs)) for path in job.logs.rglob("*") if path.is_file())
    assert found == [
        "job_progress_overview.txt",
        "job_result.txt",
        "perf/node0/processes_resource_usage.csv",
        "readme.txt",
        "sys/job_report/processed_mini-batches.csv",
        "sys/master_role.txt",
        "sys/node/node0/process000.txt",
        "user/error.txt",
        "user/error/node0/process000.txt",
        "user/stderr/node0/process000.stderr.txt",
        "user/stdout/node0/process000.stdout.txt",
    ]
    assert job.log("user/stdout/node0/process000.stdout.txt") == "importing\nin init\n"
    assert "process000 on node0: mini-batch 1 (1 file: bad): attempt 2 of 2: ValueError" in job.log("user/error.txt")
    trace = job.log("user/error/node0/process000.txt")
    assert 'raise ValueError("cannot read it")' in trace
    assert "worker.py" not in trace
    with (job.logs / "sys/job_report/processed_mini-batches.csv").open(newline="") as file:
        report = [(row["Mini-batch Id"], row["Picked Count"], row["Status"]) for row in csv.DictReader(file)]
    assert sorted(report) == [("0", "1", "RUN_DONE"), ("1", "1", "RUN_EXCEPTION"), ("1", "2", "RUN_EXCEPTION")]
    with (job.logs / "perf/node0/processes_resource_usage.csv").open(newline="") as file:
        assert float(next(csv.DictReader(file))["Max RSS (MB)"]) > 1
    assert "files 2 = 1 succeeded + 1 failed + 0 not processed · 1 rows · 1 retries" in job.log("job_result.txt")


def test_the_logs_of_an_earlier_job_do_not_mix_with_the_next(job):
    job.script("def init(): pass\ndef run(mini_batch): raise ValueError('old trouble')")
    job.files("a")
    job.run()
    (job.logs / "mine.txt").write_text("stays")
    job.script("def init(): pass\ndef run(mini_batch): return mini_batch")
    job.run()
    assert all("old trouble" not in path.read_text() for path in job.logs.rglob("*") if path.is_file())
    assert (job.logs / "mine.txt").exists()


def test_progress_is_told_after_every_step_and_accounts_for_every_file(job):
    job.files("a", "b", "c")
    seen = []
    result = job.run(mini_batch_size=2, on=seen.append)
    assert [progress.mini_batches_done for progress in seen] == [0, 1, 2]
    assert seen[-1].items_succeeded == result.items_succeeded == result.items_total == 3
    assert str(seen[1]).startswith("mini-batches 1/2 (0 failed) · files 3 = 2 succeeded + 0 failed + 1 not processed")


@pytest.mark.parametrize("there", ["nothing", "only nested"])
def test_an_input_without_files_is_an_error(job, there):
    if there == "only nested":
        (job.input / "2024").mkdir()
        (job.input / "2024" / "a").write_text("")
    result = job.run()
    assert (result.status, result.exit_code, result.error.code) == ("Failed", 42, "InputNotFound")
    assert f"no input file found in {job.input}" in result.error.message
    assert "does not look into nested folders" in result.error.message
    assert ("2024" in result.error.message) == (there == "only nested")


@pytest.mark.parametrize(
    ("part", "code"), [("script", "EntryScriptNotFound"), ("model", "ModelNotFound"), ("input", "InputNotFound")]
)
def test_what_is_missing_is_named(job, part, code):
    job.files("a")
    missing = job.root / "missing"
    result = run_job(
        code=job.code,
        script="missing.py" if part == "script" else "score.py",
        model=missing if part == "model" else job.model,
        inputs=[missing if part == "input" else job.input],
        output=job.output,
        logs=job.logs,
        settings=Settings(),
    )
    assert result.error is not None
    assert (result.status, result.error.code) == ("Failed", code)
    assert "missing" in result.error.message
    assert not job.output.exists()
