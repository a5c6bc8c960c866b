"""batch-scoring score"""

from pathlib import Path
from typing import Annotated

import typer

from operations import jobs, problem, scoring_run
from operations.clock import clock
from operations.commands.options import DEFAULT_STACK, Outputs, StackName, err, out
from operations.errors import OperationError
from operations.failures import failure
from operations.prepare import ROWS_A_FILE
from operations.stack import Stack, load
from operations.windows import Window, window


def score(
    start: Annotated[str | None, typer.Option("--from", help="First hour, as 2026-01-05T00:00Z.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="The hour after the last one.")] = None,
    stack: StackName = DEFAULT_STACK,
    outputs: Outputs = None,
    deployment: Annotated[str | None, typer.Option(help="Deployment to run. Default: the stack's.")] = None,
    rows_a_file: Annotated[int, typer.Option(min=1, help="At most this many rows in an input file.")] = ROWS_A_FILE,
    allow_missing: Annotated[bool, typer.Option(help="Leave out hours without features.")] = False,
    again: Annotated[bool, typer.Option(help="Score even if this deployment has scored the same rows.")] = False,
    local: Annotated[
        bool, typer.Option("--local", help="Run a scoring folder on this machine, as the service would.")
    ] = False,
    code: Annotated[Path | None, typer.Option(help="--local: folder with the entry script.")] = None,
    script: Annotated[str | None, typer.Option(help="--local: the entry script in it.")] = None,
    model: Annotated[Path | None, typer.Option(help="--local: folder of the model.")] = None,
    input: Annotated[Path | None, typer.Option(help="--local: folder of input files (or one file).")] = None,
    output: Annotated[Path | None, typer.Option(help="--local: folder for outputs.")] = None,
    logs: Annotated[Path | None, typer.Option(help="--local: folder for logs. Default: beside the output.")] = None,
    settings: Annotated[Path | None, typer.Option(help="--local: deployment.yml of the Azure ML CLI.")] = None,
    python: Annotated[
        str | None, typer.Option(help="--local: interpreter. Default: scoring/.venv, else this one.")
    ] = None,
) -> None:
    """Score the hours of features from --from to --to by a batch job, or with --local any scoring folder on files."""
    if local:
        from operations.local import Folder, run

        given = {"--code": code, "--script": script, "--model": model, "--input": input, "--output": output}
        missing = [name for name, value in given.items() if value is None]
        if missing:
            raise OperationError(f"score --local: {', '.join(missing)} is missing.")
        folder = Folder(**{name.removeprefix("--"): value for name, value in given.items()}, logs=logs)
        out.print(run(folder, settings=settings, python=python, tell=err.print))
        return
    if start is None or end is None:
        raise OperationError("score: --from and --to are needed (or --local for files on this machine).")
    hours = window(start, end)
    chosen = load(stack, outputs)
    if chosen.ingestion != "streaming":
        where = "in a table" if chosen.staticSource == "table" else "as files"
        also = "also " if chosen.ingestion == "both" else ""
        raise OperationError(
            f"score: rows of problem {chosen.problem!r} come {also}{where}, which the pipeline `score` of Data Factory "
            "prepares and scores, on schedule; batch-scoring rerun scores a window again."
        )
    _score(chosen, hours, deployment or chosen.deployment, rows_a_file, allow_missing, again)


def _score(stack: Stack, hours: Window, deployment: str, rows_a_file: int, allow_missing: bool, again: bool) -> None:
    runner = scoring_run.serving(stack, deployment)
    _complete(stack, hours)
    contract = problem.contract(stack.problem)
    prepared = scoring_run.read(stack, hours, contract, rows_a_file=rows_a_file, allow_missing=allow_missing)
    files, left_out = len(prepared.files), prepared.duplicates
    err.print(f"{hours.name}: {prepared.rows:,} rows in {files} files; {left_out:,} left out as duplicates")
    if not again and (done := scoring_run.already(stack, hours, deployment, prepared)):
        out.print(
            f"{hours.name}: these rows were scored by {deployment} in job {done['job']} already; --again repeats it"
        )
        return
    this = scoring_run.attempt(stack, hours)
    facts = {"problem": stack.problem, "from": hours.start.isoformat(), "to": hours.end.isoformat()}
    manifest = scoring_run.upload(stack, prepared, this, **facts)
    err.print(f"attempt {this.number}: input uploaded, starting deployment {deployment}")
    told: set[tuple[str, int]] = set()

    def status(job: jobs.Job, seconds: float) -> None:
        """Tells every change, and once a minute that it goes on."""
        if (now := (job.status, int(seconds // 60))) not in told:
            told.add(now)
            err.print(f"job {job.name}: {job.status} after {seconds:.0f} s")

    try:
        record = scoring_run.score(stack, runner, this, manifest, status)
    except scoring_run.JobFailed as error:
        raise OperationError(f"{error}\n{failure(stack, error.job.name)}") from error
    out.print(
        f"{hours.name}: {record['rows']:,} rows in = {record['scored']:,} scored + {record['rejected']:,} rejected, "
        f"job {record['job']}, {record['seconds']} s"
    )


def _complete(stack: Stack, hours: Window) -> None:
    """A partial hour is never scored: the stream's results must have passed the last one."""
    from operations import monitor

    watermark = monitor.stream(stack, clock().now()).watermark
    if watermark is None:
        err.print(f"stream job {stack.streamJob}: no watermark yet; whether the hours are complete is not known")
    elif watermark < hours.end:
        raise OperationError(
            f"{hours.name}: not complete: stream job {stack.streamJob} has written what came to "
            f"{watermark:%Y-%m-%d %H:%M}Z; expected {hours.end:%Y-%m-%d %H:%M}Z or later (batch-scoring status)."
        )
