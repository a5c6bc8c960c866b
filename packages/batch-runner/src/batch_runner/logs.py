"""The log tree of a job, at the places where Azure puts it."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from batch_runner.process import Slot

README = """Layout of these logs, as Azure Machine Learning lays them out:

job_progress_overview.txt                   how many mini-batches are done; at the end the result of the job
job_result.txt                              the result of the job, with the cause when it failed
user/error.txt                              a summary of the errors of the entry script
user/error/<node>/<process>.txt             their full tracebacks
user/stdout/<node>/<process>.stdout.txt     what the script printed or logged
user/stderr/<node>/<process>.stderr.txt     what it wrote to stderr, and where native code crashed
user/entry_script_log/<node>/               what it logged through EntryScript().logger
sys/master_role.txt                         what the orchestrator did
sys/node/<node>/<process>.txt               what each worker process did
sys/job_report/processed_mini-batches.csv   every attempt at a mini-batch, with items and seconds
perf/<node>/processes_resource_usage.csv    CPU seconds and memory of the worker processes

A worker process that ended abnormally is replaced by one with the next number.
"""
REPORT_COLUMNS = (
    "Mini-batch Id",
    "Picked Count",
    "Process",
    "Process Start Time",
    "Total",
    "Succeeded",
    "Failed",
    "Elapsed Seconds",
    "Process Seconds",
    "Run Method Seconds",
    "Status",
    "Error Message",
)
RESOURCE_COLUMNS = ("Utc Time", "Process", "Pid", "Mini-batch Id", "CPU Seconds", "Max RSS (MB)")
_OF_EARLIER_JOBS = (
    "job_*.txt",
    "readme.txt",
    "user/error.txt",
    "user/error/*/process*.txt",
    "user/stdout/*/process*.stdout.txt",
    "user/stderr/*/process*.stderr.txt",
    "user/entry_script_log/*/process*.txt",
    "sys/master_role.txt",
    "sys/node/*/process*.txt",
    "sys/job_report/processed_mini-batches.csv",
    "perf/*/processes_resource_usage.csv",
)


class Logs:
    """Writes the log tree below `root`, the folder that Azure calls `logs`; the files of an earlier job go first."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for pattern in _OF_EARLIER_JOBS:
            for file in root.glob(pattern):
                file.unlink()
        self._write("readme.txt", README)
        self._write("user/error.txt", "")

    def progress(self, text: str) -> None:
        """One line of job_progress_overview.txt, repeated in master_role.txt."""
        self._line("job_progress_overview.txt", text)
        self.master(text)

    def master(self, text: str) -> None:
        """One line of what the orchestrator did."""
        self._line("sys/master_role.txt", text)

    def node(self, slot: Slot, text: str) -> None:
        """One line of what a worker process did."""
        self._line(f"sys/node/{slot.node}/{slot.name}.txt", text)

    def error(self, slot: Slot, summary: str, details: str) -> None:
        """An error of the entry script: its summary in error.txt, all of it in error/<node>/<process>.txt."""
        self._line("user/error.txt", f"{slot}: {summary}")
        self._line(f"user/error/{slot.node}/{slot.name}.txt", f"{summary}\n{details.rstrip()}")

    def result(self, text: str) -> None:
        """The result of the job."""
        self._write("job_result.txt", text + "\n")
        self.progress(text)

    def attempt(self, values: Sequence[object]) -> None:
        """One attempt at a mini-batch, as REPORT_COLUMNS."""
        self._row("sys/job_report/processed_mini-batches.csv", REPORT_COLUMNS, values)

    def resources(self, slot: Slot, values: Sequence[object]) -> None:
        """What a worker process has used, as RESOURCE_COLUMNS."""
        self._row(f"perf/{slot.node}/processes_resource_usage.csv", RESOURCE_COLUMNS, values)

    def stdout(self, slot: Slot) -> Path:
        return self._place(f"user/stdout/{slot.node}/{slot.name}.stdout.txt")

    def stderr(self, slot: Slot) -> Path:
        return self._place(f"user/stderr/{slot.node}/{slot.name}.stderr.txt")

    def error_file(self, slot: Slot) -> Path:
        return self.root / f"user/error/{slot.node}/{slot.name}.txt"

    def entry_script_folder(self, slot: Slot) -> Path:
        return self.root / "user/entry_script_log" / slot.node

    def _line(self, name: str, text: str) -> None:
        with self._place(name).open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"{utc_now()} {text}\n")

    def _row(self, name: str, columns: Sequence[str], values: Sequence[object]) -> None:
        path = self._place(name)
        head = not path.exists()
        with path.open("a", encoding="utf-8", errors="backslashreplace", newline="") as file:
            writer = csv.writer(file)
            if head:
                writer.writerow(columns)
            writer.writerow(values)

    def _write(self, name: str, text: str) -> None:
        self._place(name).write_text(text, encoding="utf-8", errors="backslashreplace")

    def _place(self, name: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def utc_now() -> str:
    """Now, as the logs write it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def tail(path: Path, lines: int) -> str:
    """The last lines of a log file, or nothing when it was never written."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 16_384))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
    return "\n".join(text.rstrip().splitlines()[-lines:])
