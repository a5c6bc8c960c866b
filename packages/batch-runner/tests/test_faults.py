"""What is done to a job: workers killed, poison files, timeouts, failing init(), thresholds, Ctrl-C."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

import pytest

POISON = """
    import ctypes, os, signal, sys, time
    def init(): pass
    def run(mini_batch):
        if mini_batch[0].endswith("poison"):
            print("about to die")
            {death}
        return [os.path.basename(file) for file in mini_batch]
"""


@pytest.mark.parametrize(
    ("death", "words"),
    [
        ("os._exit(3)", ["ended with exit code 3", "raise an exception instead"]),
        ("os.kill(os.getpid(), signal.SIGKILL)", ["killed by SIGKILL", "ran out of memory"]),
        ("ctypes.string_at(0)", ["killed by SIGSEGV", "Native code crashed", "score.py"]),
        ("raise ValueError('bad bytes')", ["ValueError: bad bytes", "score.py", "raise ValueError"]),
        ("sys.exit(1)", ["SystemExit: 1"]),
    ],
    ids=["exit", "sigkill", "segfault", "raise", "sys.exit"],
)
def test_a_poison_file_fails_after_all_attempts_while_the_others_complete(job, death, words):
    job.script(POISON.format(death=death))
    job.files("a", "b", "c", "d", "poison")
    result = job.run(max_retries=1, max_concurrency_per_instance=2)
    assert (result.status, result.exit_code, result.items_succeeded, result.items_failed) == ("Completed", 0, 4, 1)
    assert (result.mini_batches_done, result.mini_batches_failed, result.retries) == (4, 1, 1)
    assert job.rows() == ["a", "b", "c", "d"]
    (failure,) = result.failures
    assert failure.attempts == 2
    assert "mini-batch 4 (1 file: poison): attempt 2 of 2" in str(failure)
    for word in words:
        assert word in str(failure)
    assert job.log("user/error.txt").count("poison") == 2


def test_a_worker_killed_from_outside_costs_one_attempt_and_no_row(job):
    job.script("""
        import os, time
        def init(): pass
        def run(mini_batch):
            open(os.environ["PIDS"], "a").write(f"{os.getpid()}\\n")
            time.sleep(0.1)
            return [os.path.basename(file) for file in mini_batch]
    """)
    names = [f"{n:02}" for n in range(12)]
    job.files(*names)
    pids = job.root / "pids"
    killed: set[int] = set()

    def kill_two(_):
        seen = [int(line) for line in pids.read_text().split()] if pids.exists() else []
        if seen and len(killed) < 2 and seen[-1] not in killed:
            with suppress(ProcessLookupError):
                os.kill(seen[-1], signal.SIGKILL)
                killed.add(seen[-1])

    result = job.run(
        max_retries=3, max_concurrency_per_instance=2, environment_variables={"PIDS": str(pids)}, on=kill_two
    )
    assert len(killed) == 2
    assert (result.status, result.items_succeeded, result.items_failed) == ("Completed", 12, 0)
    assert job.rows() == names
    assert "RUN_DONE" in job.log("sys/job_report/processed_mini-batches.csv")


def test_a_dead_worker_is_noticed_though_its_child_lives_on(job, gone):
    job.script("""
        import os, time
        def init(): pass
        def run(mini_batch):
            if child := os.fork():
                with open(os.environ["PIDS"], "w") as file:
                    file.write(str(child))
                os._exit(3)
            time.sleep(600)
    """)
    job.files("a")
    pids = job.root / "pids"
    result = job.run(timeout=20, environment_variables={"PIDS": str(pids)})
    assert "ended with exit code 3" in str(result.failures[0])
    assert gone(int(pids.read_text()))


def test_a_flaky_mini_batch_succeeds_when_tried_again_and_counts_once(job):
    job.script("""
        import os
        def init(): pass
        def run(mini_batch):
            marker = os.environ["MARKER"]
            if mini_batch[0].endswith("b") and not os.path.exists(marker):
                open(marker, "w").close()
                raise OSError("first time")
            return [os.path.basename(file) for file in mini_batch]
    """)
    job.files("a", "b", "c")
    result = job.run(max_retries=3, error_threshold=0, environment_variables={"MARKER": str(job.root / "marker")})
    assert (result.status, result.items_succeeded, result.retries) == ("Completed", 3, 1)
    assert job.rows() == ["a", "b", "c"]


def test_run_is_stopped_at_its_timeout_with_all_it_started_and_tried_again(job, gone):
    job.script("""
        import os, subprocess, sys, time
        def init(): pass
        def run(mini_batch):
            if mini_batch[0].endswith("slow"):
                child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
                open(os.environ["PIDS"], "a").write(f"{os.getpid()} {child.pid}\\n")
                print("still busy")
                time.sleep(600)
            return mini_batch
    """)
    job.files("a", "slow")
    pids = job.root / "pids"
    began = time.monotonic()
    result = job.run(timeout=0.6, max_retries=1, environment_variables={"PIDS": str(pids)})
    assert 1.2 <= time.monotonic() - began < 3.2  # two attempts of 0.6 s, each stopped within 1 s
    assert (result.status, result.items_succeeded, result.items_failed, result.retries) == ("Completed", 1, 1, 1)
    message = str(result.failures[0])
    assert "The run() function in the entry script had timeout for 2 times" in message
    assert "0.6 s" in message
    assert "still busy" in message
    assert "raise retry_settings.timeout, or lower mini_batch_size" in message
    assert all(gone(int(pid)) for pid in pids.read_text().split())


def test_the_timeout_covers_run_and_not_the_writing_of_its_rows(job):
    job.script("""
        import time
        class Row:
            def __str__(self):
                time.sleep(0.7)
                return "late"
        def init(): time.sleep(0.7)
        def run(mini_batch): return [Row()]
    """)
    job.files("a")
    assert job.run(timeout=0.5).status == "Completed"
    assert job.rows() == ["late"]


INIT_FAILURES = {
    "raises": ("def init(): raise KeyError('model.pkl')", "init() failed: KeyError: 'model.pkl'"),
    "dies": ("import os\ndef init(): os._exit(7)", "init(): the worker process ended with exit code 7"),
    "import": ("import not_installed_anywhere\ndef init(): pass", "could not be imported: ModuleNotFoundError"),
    "syntax": ("def init( pass", "could not be imported: SyntaxError"),
    "no init": ("x = 1", "must have a function init()"),
}


@pytest.mark.parametrize("name", INIT_FAILURES)
def test_a_failing_init_fails_the_job_with_its_cause_after_three_tries_per_process(job, name):
    text, words = INIT_FAILURES[name]
    job.script(f"{text}\n\ndef run(mini_batch): return mini_batch" if name != "no init" else text)
    job.files("a")
    result = job.run(max_retries=3)
    assert (result.status, result.exit_code, result.error.code) == ("Failed", 42, "InitFailed")
    assert words in result.error.message
    assert "score.py" in result.error.message
    assert "SystemExit: 42" not in result.error.message
    assert len(list((job.logs / "user/stdout/node0").iterdir())) == 3
    assert words in job.log("user/error.txt")
    assert "Traceback" in job.log("user/error/node0/process000.txt") or name in {"dies", "syntax", "no init"}
    assert result.error.message in job.log("job_result.txt")


def test_init_that_fails_once_is_tried_again(job):
    job.script("""
        import os
        def init():
            if not os.path.exists(os.environ["MARKER"]):
                open(os.environ["MARKER"], "w").close()
                raise OSError("not yet")
        def run(mini_batch): return ["ok"]
    """)
    job.files("a")
    assert job.run(environment_variables={"MARKER": str(job.root / "marker")}).status == "Completed"


def test_init_that_never_ends_in_any_process_fails_the_job(job, monkeypatch):
    job.script("import time\ndef init(): time.sleep(600)\ndef run(mini_batch): return mini_batch")
    job.files("a")
    monkeypatch.setattr("batch_runner.supervisor.STUCK_SECONDS", 0.1)
    result = job.run(timeout=0.1)
    assert result.error.code == "InitFailed"
    assert "every worker process has been in init() for more than 0.4 s" in result.error.message


@pytest.mark.parametrize(
    ("threshold", "status", "exit_code"),
    [(-1, "Completed", 0), (0, "Failed", 42), (1, "Failed", 42), (2, "Completed", 0)],
)
def test_error_threshold_counts_failed_files_over_the_whole_input(job, threshold, status, exit_code):
    job.script("""
        def init(): pass
        def run(mini_batch):
            if "bad" in mini_batch[0]:
                raise ValueError("no")
            return mini_batch
    """)
    job.files("1", "2-bad", "3", "4-bad", "5")
    result = job.run(error_threshold=threshold)
    assert (result.status, result.exit_code) == (status, exit_code)
    if status == "Failed":
        assert result.items_failed == threshold + 1
        assert result.items_succeeded < 3  # it ended early
        assert result.error.code == "ErrorThresholdExceeded"
        assert f"more than the error_threshold of {threshold} allows" in result.error.message
        assert "ValueError: no" in result.error.message
        assert job.written() == []
    else:
        assert (result.items_succeeded, result.items_failed, result.error) == (3, 2, None)
        assert len(job.rows()) == 3


def test_a_mini_batch_that_raises_fails_all_its_files(job):
    job.script("def init(): pass\ndef run(mini_batch): raise ValueError('no')")
    job.files("a", "b", "c", "d", "e")
    result = job.run(mini_batch_size=5, error_threshold=4)
    assert (result.error.code, result.items_failed) == ("ErrorThresholdExceeded", 5)
    assert "mini-batch 0 (5 files: a, b … e)" in result.error.message
    assert "To find the file, run with mini_batch_size 1." in result.error.message


def test_shutdown_that_fails_is_reported_and_does_not_fail_the_job(job):
    job.script("""
        def init(): pass
        def run(mini_batch): return mini_batch
        def shutdown(): raise OSError("cannot close")
    """)
    job.files("a")
    assert job.run().status == "Completed"
    assert "shutdown() failed: OSError: cannot close" in job.log("user/error.txt")


def test_soak_of_random_kills_loses_and_doubles_nothing(job):
    """Every worker dies with a chance of one in five in each run(), before or after its work."""
    job.script("""
        import os, random, signal
        def init(): random.seed()
        def run(mini_batch):
            if random.random() < 0.1: os.kill(os.getpid(), signal.SIGKILL)
            rows = [os.path.basename(file) for file in mini_batch]
            if random.random() < 0.1: os._exit(1)
            return rows
    """)
    names = [f"{n:03}" for n in range(120)]
    job.files(*names)
    result = job.run(mini_batch_size=2, max_retries=12, max_concurrency_per_instance=2)
    assert (result.status, result.items_succeeded) == ("Completed", 120)
    assert result.retries > 0
    assert job.rows() == names
