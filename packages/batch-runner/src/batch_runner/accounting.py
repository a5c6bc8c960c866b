"""What a job counts: mini-batches, and files as the service counts items: failed = files given - len(run())."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from batch_runner.explain import explain
from batch_runner.inputs import MiniBatch

LAST_LINES = 8


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why files of a mini-batch failed: `error` in one line, `details` the traceback or the last lines of stderr."""

    mini_batch: MiniBatch
    attempts: int
    max_attempts: int
    files_failed: int
    error: str
    details: str = ""

    def __str__(self) -> str:
        what = f"{self.mini_batch}: attempt {self.attempts} of {self.max_attempts}: {self.error}"
        advice = explain(self.error)
        if len(self.mini_batch.files) > 1 and self.files_failed == len(self.mini_batch.files):
            advice = f"{advice or ''} To find the file, run with mini_batch_size 1.".strip()
        return with_advice(what, self.details, advice)


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a job is. Items are input files; `rows` the elements that run() returned; `seconds` since the start."""

    mini_batches_total: int
    mini_batches_done: int
    mini_batches_failed: int
    items_total: int
    items_succeeded: int
    items_failed: int
    rows: int
    retries: int
    seconds: float

    def __str__(self) -> str:
        settled = self.mini_batches_done + self.mini_batches_failed
        return (
            f"mini-batches {settled}/{self.mini_batches_total} ({self.mini_batches_failed} failed) · "
            f"files {self.items_total} = {self.items_succeeded} succeeded + {self.items_failed} failed + "
            f"{self.items_total - self.items_succeeded - self.items_failed} not processed · "
            f"{self.rows} rows · {self.retries} retries · {self.seconds:.1f} s"
        )


@dataclass(frozen=True, kw_only=True)
class JobError:
    """Why a job failed: a stable code, and a message that says what, where, and what to do."""

    code: str
    message: str


@dataclass(frozen=True, kw_only=True)
class JobResult:
    """The end of a job. `exit_code` is 0, or 42 as the service's driver.

    A mini-batch is done when run() returned at least one element per file, failed otherwise. Items are input files:
    succeeded + failed is `items_total` unless the job ended early. `failures` has one entry per failed mini-batch.
    """

    status: Literal["Completed", "Failed", "Canceled"]
    exit_code: int
    error: JobError | None
    mini_batches_total: int
    mini_batches_done: int
    mini_batches_failed: int
    items_total: int
    items_succeeded: int
    items_failed: int
    rows: int
    retries: int
    seconds: float
    failures: tuple[Failure, ...]


class JobFailed(Exception):
    """Ends a job; `code` as in JobError."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Tally:
    """The counts of a running job."""

    def __init__(self, mini_batches: Sequence[MiniBatch] = ()) -> None:
        self.mini_batches = len(mini_batches)
        self.items = sum(len(mini_batch.files) for mini_batch in mini_batches)
        self.done = self.succeeded = self.failed = self.rows = self.retries = 0
        self.failures: list[Failure] = []

    @property
    def settled(self) -> bool:
        """Every mini-batch is done or has failed for good."""
        return self.done + len(self.failures) == self.mini_batches

    def returned(self, mini_batch: MiniBatch, count: int) -> None:
        """run() returned `count` elements. More elements than files make up for no other mini-batch's failures."""
        self.rows += count
        self.succeeded += min(count, len(mini_batch.files))

    def fail(self, failure: Failure) -> None:
        """A mini-batch has failed for good, in whole or in part."""
        self.failed += failure.files_failed
        self.failures.append(failure)

    def progress(self, seconds: float) -> Progress:
        return Progress(
            mini_batches_total=self.mini_batches,
            mini_batches_done=self.done,
            mini_batches_failed=len(self.failures),
            items_total=self.items,
            items_succeeded=self.succeeded,
            items_failed=self.failed,
            rows=self.rows,
            retries=self.retries,
            seconds=seconds,
        )

    def result(self, seconds: float, error: JobError | None = None) -> JobResult:
        status = "Completed" if error is None else "Canceled" if error.code == "Canceled" else "Failed"
        return JobResult(
            status=status,
            exit_code=0 if error is None else 42,
            error=error,
            failures=tuple(self.failures),
            **vars(self.progress(seconds)),
        )


def with_advice(what: str, details: str, advice: str | None) -> str:
    """A message for people: what happened, the last lines of its details, what to do about it."""
    lines = [line for line in details.rstrip().splitlines()[-LAST_LINES:] if line.strip()]
    parts = [what, *(f"    {line}" for line in lines)]
    return "\n".join([*parts, f"What to do: {advice}"] if advice else parts)
