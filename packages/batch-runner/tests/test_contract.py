"""What a scoring script meets: processes, mini-batches, paths, variables, arguments, and what run() may return."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest


def test_every_process_calls_init_once_before_its_mini_batches_and_shutdown_at_its_end(job):
    job.script("""
        import os, time
        calls = []

        def init():
            calls.append("init")

        def run(mini_batch):
            calls.append("run")
            time.sleep(0.15)
            return mini_batch

        def shutdown():
            with open(os.environ["AZUREML_BI_OUTPUT_PATH"] + f"/{os.getpid()}", "w") as file:
                file.write(" ".join(calls))
    """)
    job.files(*(f"{n}.txt" for n in range(8)))
    result = job.run(instance_count=2, max_concurrency_per_instance=2, output_action="SummaryOnly")
    assert (result.status, result.mini_batches_done, result.items_succeeded) == ("Completed", 8, 8)
    calls = [path.read_text().split() for path in job.output.iterdir()]
    assert len(calls) == 4
    assert all(made[0] == "init" and set(made[1:]) == {"run"} for made in calls)
    assert sum(len(made) - 1 for made in calls) == 8


def test_mini_batches_count_files_in_order_of_name_and_do_not_look_into_nested_folders(job):
    job.script("""
        import os
        def init(): pass
        def run(mini_batch):
            assert type(mini_batch) is list and all(os.path.isabs(file) for file in mini_batch)
            names = "+".join(os.path.basename(file) for file in mini_batch)
            return [names] * len(mini_batch)
    """)
    job.files("c", "a", "e", "b", "d")
    (job.input / "nested").mkdir()
    (job.input / "nested" / "unseen").write_text("")
    result = job.run(mini_batch_size=2)
    assert job.rows() == ["a+b", "a+b", "c+d", "c+d", "e"]
    assert (result.mini_batches_total, result.items_total, result.items_succeeded) == (3, 5, 5)
    assert "nested is not explored" in job.log("job_progress_overview.txt")


def test_a_zero_byte_file_is_given_to_the_script(job):
    (job.input / "empty").write_bytes(b"")
    assert job.run().items_succeeded == 1
    assert job.rows() == ["empty "]


def test_the_script_finds_what_the_service_gives(job, monkeypatch):
    monkeypatch.setenv("ONLY_ON_THIS_MACHINE", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    (job.code / "helper.py").write_text("VALUE = 'from the helper'")
    job.script("""
        import json, os, sys
        import helper
        def init(): pass
        def run(mini_batch):
            names = ["AZUREML_MODEL_DIR", "AZUREML_BI_OUTPUT_PATH", "AZUREML_RUN_ID", "MINE", "ONLY_ON_THIS_MACHINE"]
            names += ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]
            values = {name: os.environ.get(name) for name in names}
            return [json.dumps({**values, "cwd": os.getcwd(), "helper": helper.VALUE, "path": sys.path[0]})]
    """)
    job.files("a")
    job.run(environment={"AZUREML_RUN_ID": "run-1"}, environment_variables={"MINE": "yes", "MKL_NUM_THREADS": "3"})
    assert json.loads(job.rows()[0]) == {
        "AZUREML_MODEL_DIR": str(job.model),
        "AZUREML_BI_OUTPUT_PATH": str(job.output),
        "AZUREML_RUN_ID": "run-1",
        "MINE": "yes",
        "ONLY_ON_THIS_MACHINE": None,
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "3",
        "cwd": str(job.code),
        "path": str(job.code),
        "helper": "from the helper",
    }


def test_a_script_that_parses_known_arguments_gets_the_logging_level(job):
    job.script("""
        import argparse, logging
        parser = argparse.ArgumentParser()
        parser.add_argument("--logging_level", type=str)
        args, unknown = parser.parse_known_args()
        logger = logging.getLogger(__name__)
        def init():
            logger.setLevel(args.logging_level.upper())
            logger.debug("seen in stdout")
        def run(mini_batch):
            return [f"{args.logging_level} {len(unknown) > 0} {__name__}"]
    """)
    job.files("a")
    assert job.run(logging_level="debug").status == "Completed"
    assert job.rows() == ["DEBUG True score"]
    assert "seen in stdout" in job.log("user/stdout/node0/process000.stdout.txt")


def test_a_script_that_parses_all_arguments_strictly_fails_and_is_told_why(job):
    job.script("""
        import argparse
        def init(): argparse.ArgumentParser().parse_args()
        def run(mini_batch): return mini_batch
    """)
    job.files("a")
    result = job.run()
    assert result.error.code == "InitFailed"
    assert "use parse_known_args() instead of parse_args()" in result.error.message


def test_entry_script_is_importable_as_on_the_cluster(job):
    job.script("""
        from pathlib import Path
        from azureml_user.parallel_run import EntryScript

        def init():
            EntryScript().logger.info("hello from init")

        def run(mini_batch):
            entry = EntryScript()
            assert entry is EntryScript()
            (Path(entry.output_dir) / "side.txt").write_text("x")
            return [f"{entry.agent_name} {entry.node_id} {entry.working_dir} {Path(entry.log_dir).name}"]
    """)
    job.files("a")
    assert job.run().status == "Completed"
    assert job.rows() == [f"process000 node0 {job.code} node0"]
    assert "hello from init" in job.log("user/entry_script_log/node0/process000.log.txt")
    assert job.written() == ["predictions.csv", "side.txt"]


@pytest.mark.parametrize(
    ("returned", "found"),
    [
        ("None", "NoneType"),
        ("(name for name in mini_batch)", "generator"),
        ("tuple(mini_batch)", "tuple"),
        ("dict.fromkeys(mini_batch)", "dict"),
        ("'text'", "str"),
    ],
)
def test_run_may_return_a_list_or_a_dataframe_only(job, returned, found):
    job.script(f"def init(): pass\ndef run(mini_batch): return {returned}")
    job.files("a")
    result = job.run(max_retries=1)
    assert (result.status, result.exit_code, result.items_failed) == ("Failed", 42, 1)
    assert result.error.code == "NoResultToAppend"
    assert "No succeeded mini batch item returned from run()" in result.error.message
    assert "should return a list or a pandas DataFrame" in result.error.message
    assert f"The actual type of output is {found}." in result.error.message
    assert "attempt 2 of 2" in result.error.message
    assert "mini-batch 0 (1 file: a)" in result.error.message
    assert job.written() == []


def test_fewer_elements_than_files_count_as_failed_files_and_their_rows_stay(job):
    job.script("""
        def init(): pass
        def run(mini_batch): return ["row"] if mini_batch[0].endswith("a") else mini_batch
    """)
    job.files("a", "b", "c", "d", "e")
    result = job.run(mini_batch_size=3, max_retries=3)
    assert (result.status, result.items_succeeded, result.items_failed, result.rows) == ("Completed", 3, 2, 3)
    assert (result.mini_batches_done, result.mini_batches_failed, result.retries) == (1, 1, 0)
    assert "run() returned 1 elements for 3 files: 2 files count as failed" in str(result.failures[0])
    assert job.rows() == ["row", str(job.input / "d"), str(job.input / "e")]


def test_more_elements_than_files_do_not_make_up_for_the_failures_of_others(job):
    job.script("""
        def init(): pass
        def run(mini_batch): return list(range(9)) if mini_batch[0].endswith("a") else []
    """)
    job.files("a", "b")
    result = job.run(error_threshold=1)
    assert (result.items_succeeded, result.items_failed, result.rows) == (1, 1, 9)


def test_the_scripts_output_never_disturbs_the_protocol(job):
    job.script("""
        import os, subprocess, sys
        def init(): os.write(1, b"raw\\n" * 1000)
        def run(mini_batch):
            subprocess.run([sys.executable, "-c", "print('from a child')"], check=True)
            print("printed", file=sys.stderr)
            return ["é \\ud800 ok"]
    """)
    job.files("a")
    assert job.run().status == "Completed"
    assert job.rows() == ["é \\ud800 ok"]
    assert "from a child" in job.log("user/stdout/node0/process000.stdout.txt")
    assert "printed" in job.log("user/stderr/node0/process000.stderr.txt")


def test_exit_handlers_of_the_script_are_waited_for(job):
    job.script("""
        import atexit, os, time
        def init(): atexit.register(finish)
        def run(mini_batch): return mini_batch
        def finish():
            time.sleep(1.2)
            open(os.path.join(os.environ["AZUREML_BI_OUTPUT_PATH"], "finished"), "w").close()
    """)
    job.files("a")
    job.run()
    assert job.written() == ["finished", "predictions.csv"]


def test_workers_run_under_another_interpreter_that_has_no_batch_runner(job, tmp_path):
    python = tmp_path / "other-python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    python.chmod(0o755)
    job.script("""
        import importlib.util, sys
        def init(): pass
        def run(mini_batch):
            found = [name for name in ("batch_runner", "settings", "yaml") if importlib.util.find_spec(name)]
            return [f"{sys.flags.no_site} {found}"]
    """)
    job.files("a")
    assert job.run(python=str(python)).status == "Completed"
    assert job.rows() == ["1 []"]
    job.output.joinpath("predictions.csv").unlink()
    assert job.run(python=os.path.relpath(python, Path.cwd())).status == "Completed"


def test_a_missing_interpreter_is_named(job):
    job.files("a")
    result = job.run(python="/nowhere/python")
    assert (result.status, result.error.code) == ("Failed", "JobCannotStart")
    assert "/nowhere/python: no such Python interpreter" in result.error.message


def test_pickles_of_the_scripts_own_classes_load(job):
    job.script("""
        import pickle
        class Model:
            def predict(self, text): return text.upper()
        def init():
            global model
            model = pickle.loads(pickle.dumps(Model()))
        def run(mini_batch): return [model.predict("x") for file in mini_batch]
    """)
    job.files("a")
    assert job.run().status == "Completed"
    assert job.rows() == ["X"]
