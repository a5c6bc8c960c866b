"""Runs one batch scoring job on this machine, from the input files to the output and the logs."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from batch_runner.accounting import JobError, JobFailed, JobResult, Progress, Tally
from batch_runner.explain import explain
from batch_runner.logs import Logs
from batch_runner.outputs import AppendedRows, OutputExistsError
from batch_runner.plan import Plan, failed, find_input, make_plan
from batch_runner.settings import Settings
from batch_runner.supervisor import Supervisor

NO_RESULT = "No succeeded mini batch item returned from run(). Please check the response of 'run()'."


def run_job(
    *,
    code: Path,
    script: str,
    model: Path,
    inputs: Sequence[Path],
    output: Path,
    logs: Path,
    settings: Settings,
    python: str = sys.executable,
    environment: Mapping[str, str] = {},
    on_progress: Callable[[Progress], None] | None = None,
    stop: threading.Event | None = None,
) -> JobResult:
    """Runs the entry script `code/script` over the input files as an Azure Machine Learning batch deployment does.

    `model` is the folder that AZUREML_MODEL_DIR names, `inputs` files and folders, `output` what
    AZUREML_BI_OUTPUT_PATH names, `logs` the folder that Azure calls `logs`. Workers run under `python`; `environment`
    adds variables of the job, such as AZUREML_RUN_ID. `on_progress` is called in this thread after every step;
    what it raises ends the job and is raised here. `stop`, once set, cancels.

    A job that cannot start, or fails, returns a result with status Failed, exit code 42 and the cause. When this
    function is left by an exception (KeyboardInterrupt), no worker is left and no output file is half-written.
    """
    began = time.monotonic()
    log = Logs(Path(logs).absolute())
    tally = Tally()

    def changed() -> None:
        progress = tally.progress(time.monotonic() - began)
        log.progress(str(progress))
        if on_progress is not None:
            try:
                on_progress(progress)
            except Exception as error:
                raise _CallbackFailed from error

    try:
        found = find_input(inputs, log)
        plan = make_plan(code, script, model, Path(output).absolute(), settings, python, environment, found)
        tally = Tally(plan.mini_batches)
        log.progress(f"{tally.mini_batches} mini-batches of {tally.items} files")
        _score(plan, log, tally, changed, stop)
    except JobFailed as error:
        result = tally.result(time.monotonic() - began, JobError(code=error.code, message=str(error)))
    except BaseException as error:
        cause = error.__cause__ if isinstance(error, _CallbackFailed) else error
        log.result(f"Interrupted by {type(cause).__name__}; no output file was written.")
        raise cause or error from None
    else:
        result = tally.result(time.monotonic() - began)
    said = f"{result.status}: {tally.progress(result.seconds)}"
    with contextlib.suppress(OSError):  # a job that failed on a full disk is told by its result at least
        log.result(f"{said}\n{result.error.code}: {result.error.message}" if result.error else said)
    return result


class _CallbackFailed(Exception):
    """Carries what on_progress raised past the handlers of the job's own errors."""


def _score(plan: Plan, log: Logs, tally: Tally, changed: Callable[[], None], stop: threading.Event | None) -> None:
    settings = plan.settings
    try:
        with contextlib.ExitStack() as stack:
            rows = None
            if settings.output_action == "AppendRow":
                rows = stack.enter_context(AppendedRows(plan.output, settings.output_file_name))
            keep = rows.add if rows else _keep_nothing
            Supervisor(plan=plan, logs=log, tally=tally, keep_rows=keep, changed=changed, stop=stop).run()
            if tally.rows == 0:
                raise JobFailed("NoResultToAppend", _no_result(tally))
            if rows:
                log.progress(f"wrote {tally.rows} rows to {rows.commit()}")
    except OutputExistsError as error:
        raise failed("OutputAlreadyExists", error) from error
    except OSError as error:  # such as a full disk
        raise JobFailed("OutputFailed", f"the output or the logs could not be written: {error}") from error


def _keep_nothing(mini_batch: int, rows: str) -> None:
    """SummaryOnly: the script writes its own files."""


def _no_result(tally: Tally) -> str:
    last = f"\nThe last failure:\n{tally.failures[-1]}" if tally.failures else ""
    return f"{NO_RESULT}\nWhat to do: {explain(NO_RESULT)}{last}"
