"""Runs one batch scoring job on this machine, from the input files to the output and the logs."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from batch_runner.accounting import JobError, JobFailed, JobResult, Progress, Tally
from batch_runner.environment import worker_environment
from batch_runner.explain import explain
from batch_runner.inputs import Files, InputError, cut, list_files
from batch_runner.logs import Logs
from batch_runner.outputs import AppendedRows, OutputExistsError, refuse_existing
from batch_runner.process import interpreter
from batch_runner.settings import Settings
from batch_runner.supervisor import Plan, Supervisor

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
            on_progress(progress)

    try:
        found = _input_files(inputs, log)
        plan = _plan(code, script, model, Path(output).absolute(), settings, python, environment, found)
        tally = Tally(plan.mini_batches)
        log.progress(f"{tally.mini_batches} mini-batches of {tally.items} files")
        _score(plan, log, tally, changed, stop)
    except JobFailed as failed:
        result = tally.result(time.monotonic() - began, JobError(code=failed.code, message=str(failed)))
    except BaseException as error:
        log.result(f"Interrupted by {type(error).__name__}; no output file was written.")
        raise
    else:
        result = tally.result(time.monotonic() - began)
    counts = str(tally.progress(result.seconds))
    log.result(
        f"{result.status}: {counts}" + (f"\n{result.error.code}: {result.error.message}" if result.error else "")
    )
    return result


def _input_files(inputs: Sequence[Path], log: Logs) -> Files:
    try:
        found = list_files(inputs)
    except InputError as error:
        raise _failed("InputNotFound", error) from error
    for folder in found.nested:
        log.progress(f"{folder} is not explored: batch endpoints read the files directly inside the input folder")
    return found


def _plan(
    code: Path,
    script: str,
    model: Path,
    output: Path,
    settings: Settings,
    python: str,
    environment: Mapping[str, str],
    found: Files,
) -> Plan:
    """Checks all that can be checked before a process starts. Raises JobFailed."""
    entry, model = Path(code).absolute() / script, Path(model).absolute()
    if not entry.is_file():
        raise JobFailed("EntryScriptNotFound", f"entry script {entry} does not exist: expected a Python file")
    if not model.is_dir():
        raise JobFailed(
            "ModelNotFound", f"model folder {model} does not exist: expected the folder of the model's files"
        )
    try:
        refuse_existing(output, settings.output_file_name)
        executable = interpreter(python)
        output.mkdir(parents=True, exist_ok=True)
    except OutputExistsError as error:
        raise _failed("OutputAlreadyExists", error) from error
    except OSError as error:
        raise _failed("JobCannotStart", error) from error
    return Plan(
        script=entry,
        python=executable,
        output=output,
        environment=worker_environment(settings, model=model, output=output, environment=environment),
        settings=settings,
        mini_batches=cut(found.files, settings.mini_batch_size),
    )


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
        raise _failed("OutputAlreadyExists", error) from error
    except OSError as error:  # such as a full disk
        raise JobFailed("OutputFailed", f"the output or the logs could not be written: {error}") from error


def _keep_nothing(mini_batch: int, rows: str) -> None:
    """SummaryOnly: the script writes its own files."""


def _no_result(tally: Tally) -> str:
    last = f"\nThe last failure:\n{tally.failures[-1]}" if tally.failures else ""
    return f"{NO_RESULT}\nWhat to do: {explain(NO_RESULT)}{last}"


def _failed(code: str, error: Exception) -> JobFailed:
    advice = explain(str(error))
    return JobFailed(code, f"{error}\nWhat to do: {advice}" if advice else str(error))
