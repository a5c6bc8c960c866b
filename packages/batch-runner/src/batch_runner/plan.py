"""A job ready to run: everything that can be checked before a process starts has been checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from batch_runner.accounting import JobFailed
from batch_runner.environment import worker_environment
from batch_runner.explain import explain
from batch_runner.inputs import Files, InputError, MiniBatch, cut, list_files
from batch_runner.logs import Logs
from batch_runner.outputs import OutputExistsError, refuse_existing
from batch_runner.process import interpreter
from batch_runner.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A job ready to run: absolute paths, the workers' environment, the mini-batches in input order."""

    script: Path
    python: str
    output: Path
    environment: dict[str, str]
    settings: Settings
    mini_batches: tuple[MiniBatch, ...]


@dataclass(kw_only=True)
class Attempt:
    """One try of a mini-batch; `number` counts from 1. `deadline` (monotonic) goes once run() has returned."""

    mini_batch: MiniBatch
    number: int = 1
    timeouts: int = 0
    picked: str = ""
    began: float = 0.0
    deadline: float | None = None


def find_input(inputs: Sequence[Path], log: Logs) -> Files:
    """The input files; says which nested folders are not explored. Raises JobFailed."""
    try:
        found = list_files(inputs)
    except InputError as error:
        raise failed("InputNotFound", error) from error
    for folder in found.nested:
        log.progress(f"{folder} is not explored: batch endpoints read the files directly inside the input folder")
    return found


def make_plan(
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
        raise failed("OutputAlreadyExists", error) from error
    except OSError as error:
        raise failed("JobCannotStart", error) from error
    return Plan(
        script=entry,
        python=executable,
        output=output,
        environment=worker_environment(settings, model=model, output=output, environment=environment),
        settings=settings,
        mini_batches=cut(found.files, settings.mini_batch_size),
    )


def failed(code: str, error: Exception) -> JobFailed:
    """The error as the end of the job, with what is known about it."""
    advice = explain(str(error))
    return JobFailed(code, f"{error}\nWhat to do: {advice}" if advice else str(error))
