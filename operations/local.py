"""A scoring folder on this machine, run as a batch deployment would run it."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from operations.errors import OperationError
from operations.problem import ROOT


@dataclass(frozen=True, kw_only=True)
class Folder:
    """The parts of a batch scoring folder; `logs` is by default `<output>-logs`."""

    code: Path
    script: str
    model: Path
    input: Path
    output: Path
    logs: Path | None = None


def run(folder: Folder, *, settings: Path | None, python: str | None, tell: Callable[[str], None]) -> str:
    """The summary of the job, for people. Raises OperationError with the cause when it fails; its logs stay."""
    from batch_runner import Settings, SettingsError, run_job
    from batch_runner.cli import summary

    logs = folder.logs or folder.output.with_name(f"{folder.output.name}-logs")
    try:
        chosen = Settings() if settings is None else Settings.from_yaml(settings)
    except SettingsError as error:
        raise OperationError(f"--settings {settings}: {error}") from error
    result = run_job(
        code=folder.code,
        script=folder.script,
        model=folder.model,
        inputs=[folder.input],
        output=folder.output,
        logs=logs,
        settings=chosen,
        python=python or interpreter(),
        on_progress=lambda progress: tell(str(progress)),
    )
    told = f"{summary(result, chosen, folder.output)}\nlogs: {logs}"
    if result.error:
        raise OperationError(f"score --local: {result.error.code}: {result.error.message}\n{told}")
    return told


def scoring_python() -> Path:
    return ROOT / "scoring" / ".venv" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def interpreter() -> str:
    """The interpreter of the locked scoring environment where it has been made, else this one."""
    return str(scoring_python()) if scoring_python().exists() else sys.executable
