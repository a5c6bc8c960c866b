"""batch-scoring windows, rerun"""

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from operations import factory_runs, scoring_run
from operations.commands.options import DEFAULT_STACK, Outputs, StackName, err, out
from operations.errors import OperationError
from operations.factory_runs import Run, Standing
from operations.failures import failure
from operations.stack import Stack, load
from operations.windows import Window, moment, named

WIDTH = 160
Start = Annotated[str | None, typer.Option("--from", help="Windows that end after this time.")]
End = Annotated[str | None, typer.Option("--to", help="Windows that begin before this time.")]


def windows(
    start: Start = None,
    end: End = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only windows whose last run failed.")] = False,
    stack: StackName = DEFAULT_STACK,
    outputs: Outputs = None,
) -> None:
    """List the windows that Data Factory ran: how each stands, what it scored, and why it failed."""
    chosen = load(stack, outputs)
    out.print(f"trigger {factory_runs.trigger(chosen)}: {factory_runs.runtime_state(chosen)}")
    found = [one for one in _between(chosen, start, end) if one.failed or not failed]
    if not found:
        out.print("no failed windows" if failed else "no windows yet")
        return
    table = Table(*("window", "state", "runs", "by", "rows", "scored", "rejected", "job"), box=None)
    for one in found:
        record = one.record or {}
        counts = (f"{record[name]:,}" if name in record else "" for name in ("rows", "scored", "rejected"))
        table.add_row(one.window.name, one.state, f"{len(one.runs)}", one.last.by, *counts, record.get("job", ""))
    # Names are there to be copied: none is cut short, however narrow the terminal.
    Console(width=max(out.width, WIDTH)).print(table)
    for one in found:
        if one.failed:
            out.print(f"{one.window.name}: {factory_runs.cause(chosen, one.last)}")
            out.print(f"  to run it again: batch-scoring rerun {one.window.name} --stack {chosen.name}")


def rerun(
    names: Annotated[list[str] | None, typer.Argument(metavar="[WINDOW]...", help="As `windows` names them.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Every window whose last run failed.")] = False,
    deployment: Annotated[
        str | None, typer.Option(help="Score by this deployment, beside the scores that are there.")
    ] = None,
    stack: StackName = DEFAULT_STACK,
    outputs: Outputs = None,
) -> None:
    """Run windows once more, one after the other, oldest first; fails at the first that fails again."""
    if bool(names) == failed:
        raise OperationError("rerun: name windows as `batch-scoring windows` does, or give --failed.")
    chosen = load(stack, outputs)
    if deployment:
        scoring_run.serving(chosen, deployment)
    picked = [named(name) for name in names or []]
    if failed:
        picked = [one.window for one in _between(chosen, None, None) if one.failed]
        if not picked:
            out.print("no failed windows")
    score_again(chosen, sorted(picked, key=lambda window: window.start), deployment)


def score_again(stack: Stack, picked: list[Window], deployment: str | None = None) -> None:
    """Runs the windows by Data Factory and tells what became of each. Ends the program with 1 when one fails."""
    for window in picked:
        run = factory_runs.follow(stack, factory_runs.again(stack, window, deployment), err.print)
        if run.status != "Succeeded":
            out.print(f"{window.name}: {run.status}: {factory_runs.cause(stack, run)}")
            _explain(stack, run)
            sys.exit(1)
        record = next((one for one in scoring_run.runs(stack, window.name) if one["attempt"] == run.id), None)
        if record is None:
            raise OperationError(
                f"{window.name}: run {run.id} of the pipeline score succeeded, but left no record under "
                f"{stack.lakeAccount}/predictions/{stack.problem}: was the pipeline changed?"
            )
        counts = f"{record['rows']:,} rows in = {record['scored']:,} scored + {record['rejected']:,} rejected"
        out.print(f"{window.name}: {counts}, job {record['job']}")


def _explain(stack: Stack, run: Run) -> None:
    """The job's own words, where the run has come to a job."""
    if job := factory_runs.job(stack, run):
        out.print(failure(stack, job))


def _between(stack: Stack, start: str | None, end: str | None) -> list[Standing]:
    first = None if start is None else moment(start, "--from")
    last = None if end is None else moment(end, "--to")
    return [
        one
        for one in factory_runs.standings(stack, scoring_run.runs(stack))
        if (first is None or one.window.end > first) and (last is None or one.window.start < last)
    ]
