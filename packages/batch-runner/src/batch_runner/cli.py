"""`python -m batch_runner`: runs a batch scoring folder on this machine as Azure Machine Learning would."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from batch_runner.accounting import JobResult, Progress
from batch_runner.job import run_job
from batch_runner.settings import Settings, SettingsError


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 0, 42 for a failed job as the service's driver, 2 for wrong settings, 130 after Ctrl-C."""
    options = _parser().parse_args(argv)
    try:
        settings = Settings.from_yaml(options.settings) if options.settings else Settings()
    except SettingsError as error:
        print(f"settings: {error}", file=sys.stderr)
        return 2
    logs = options.logs or options.output.absolute().parent / "logs"
    before = signal.signal(signal.SIGTERM, _terminated)
    try:
        result = run_job(
            code=options.code,
            script=options.script,
            model=options.model,
            inputs=options.input,
            output=options.output,
            logs=logs,
            settings=settings,
            python=options.python,
            environment=dict(options.env),
            on_progress=_show,
        )
    except KeyboardInterrupt:
        print("interrupted: the workers are gone, no output file was written", file=sys.stderr)
        return 130
    finally:
        signal.signal(signal.SIGTERM, before)
    print(summary(result, settings, options.output))
    if result.error:
        print(f"{result.error.code}: {result.error.message}\nexit code {result.exit_code}", file=sys.stderr)
    print(f"logs: {logs}")
    return result.exit_code


def summary(result: JobResult, settings: Settings, output: Path) -> str:
    """The end of a job for people: every file accounted for, and each failure that error_threshold let pass."""
    left = result.items_total - result.items_succeeded - result.items_failed
    lines = [
        f"{result.status} in {result.seconds:.1f} s: {result.mini_batches_total} mini-batches, "
        f"{result.mini_batches_done} done, {result.mini_batches_failed} failed, {result.retries} retries",
        f"files {result.items_total} = {result.items_succeeded} succeeded + {result.items_failed} failed"
        f" + {left} not processed; run() returned {result.rows} rows",
    ]
    if result.status == "Completed":
        if settings.output_action == "AppendRow":
            lines.append(f"output: {output / settings.output_file_name}")
        lines += [f"ignored by error_threshold {settings.error_threshold}: {failure}" for failure in result.failures]
    return "\n".join(lines)


def _show(progress: Progress) -> None:
    print(progress, flush=True)


def _terminated(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def _variable(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not name or not separator:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected NAME=VALUE")
    return name, value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m batch_runner", description=__doc__)
    parser.add_argument("--code", type=Path, required=True, help="the folder of the scoring code")
    parser.add_argument("--script", required=True, help="the entry script inside it, with init() and run()")
    parser.add_argument("--model", type=Path, required=True, help="the folder that AZUREML_MODEL_DIR names")
    parser.add_argument(
        "--input", type=Path, required=True, action="append", help="a folder of input files, or a file; may be repeated"
    )
    parser.add_argument("--output", type=Path, required=True, help="the folder that AZUREML_BI_OUTPUT_PATH names")
    parser.add_argument("--logs", type=Path, help="where the log tree goes (default: logs beside the output folder)")
    parser.add_argument("--settings", type=Path, help="a deployment.yml of `az ml batch-deployment create`")
    parser.add_argument("--python", default=sys.executable, help="the interpreter of the workers, as of another venv")
    parser.add_argument(
        "--env", type=_variable, action="append", default=[], metavar="NAME=VALUE", help="a variable; may be repeated"
    )
    return parser
