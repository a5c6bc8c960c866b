"""How a job ends before its time: Ctrl-C, SIGTERM, a killed parent, a cancellation, a full disk."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import pytest

SLEEPER = """
    import os, subprocess, sys, time
    def init(): pass
    def run(mini_batch):
        if mini_batch[0].endswith("a"):
            return ["quick"]
        child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
        with open(os.environ["PIDS"] + ".tmp", "w") as file:
            file.write(f"{os.getpid()} {child.pid}")
        os.rename(os.environ["PIDS"] + ".tmp", os.environ["PIDS"])
        time.sleep(600)
"""


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)],
    ids=["ctrl-c", "sigterm", "parent-killed"],
)
def test_no_process_and_no_output_is_left_when_the_job_is_ended(job, gone, number, code):
    job.script(SLEEPER)
    job.files("a", "b")
    pids = job.root / "pids"
    folders = [f"--{name}={job.root / name}" for name in ("code", "model", "input", "output", "logs")]
    settings = job.root / "deployment.yml"
    settings.write_text("settings: {mini_batch_size: 1, retry_settings: {timeout: 600}}")
    command = [sys.executable, "-m", "batch_runner", "--script=score.py", f"--env=PIDS={pids}", *folders]
    with subprocess.Popen([*command, f"--settings={settings}"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as p:
        limit = time.monotonic() + 10
        while not pids.exists() and time.monotonic() < limit:
            time.sleep(0.02)
        workers = [int(pid) for pid in pids.read_text().split()]
        p.send_signal(number)
        assert p.wait(5) == code
    assert all(gone(pid) for pid in workers)
    assert job.written() == []


def test_an_output_file_that_cannot_be_completed_is_not_left_under_its_temporary_name(job, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("batch_runner.outputs.os.fsync", full)
    job.files("a")
    result = job.run()
    assert (result.status, result.exit_code, result.error.code) == ("Failed", 42, "OutputFailed")
    assert job.written() == []


def test_a_job_can_be_cancelled(job):
    job.script(SLEEPER)
    job.files("a", "b")
    stop = threading.Event()
    result = job.run(
        timeout=600,
        environment_variables={"PIDS": str(job.root / "pids")},
        stop=stop,
        on=lambda progress: stop.set() if progress.mini_batches_done else None,
    )
    assert (result.status, result.error.code, result.items_succeeded) == ("Canceled", "Canceled", 1)
    assert job.written() == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, BrokenPipeError, ValueError])
def test_what_the_progress_callback_raises_ends_the_job_and_reaches_the_caller(job, error):
    job.files("a", "b")

    def refuse(progress):
        raise error

    with pytest.raises(error):
        job.run(on=refuse)
    assert job.written() == []
    assert f"Interrupted by {error.__name__}" in job.log("job_result.txt")


def test_a_disk_that_takes_no_more_fails_the_job_and_leaves_no_torn_file(job):
    """A limit on file sizes stands for the full disk: the operating system refuses the write."""
    job.script("def init(): pass\ndef run(mini_batch): return ['x' * 1000] * 1000")
    job.files("a")
    folders = [f"--{name}={job.root / name}" for name in ("code", "model", "input", "output", "logs")]
    command = [sys.executable, "-m", "batch_runner", "--script=score.py", *folders]
    limited = ["sh", "-c", 'ulimit -f 200; exec "$@"', "sh", *command]
    done = subprocess.run(limited, capture_output=True, text=True, check=False)
    assert done.returncode == 42
    assert "OutputFailed: the output or the logs could not be written: [Errno 27] File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert job.written() == []
