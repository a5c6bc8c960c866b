"""batch-scoring status, logs"""

from typing import Annotated

import typer
from rich.table import Table

from operations import factory_runs, jobs, monitor
from operations.clock import clock
from operations.commands.options import DEFAULT_STACK, Outputs, StackName, out
from operations.failures import failure
from operations.stack import Stack, load


def status(
    stack: StackName = DEFAULT_STACK,
    outputs: Outputs = None,
    most: Annotated[int, typer.Option("--jobs", min=1, help="At most this many jobs, newest first.")] = 10,
) -> None:
    """Show the stream job with its watermark, the trigger with its windows, the cluster's nodes and the batch jobs."""
    chosen = load(stack, outputs)
    if chosen.streamJob:
        _stream(chosen)
    _windows(chosen)
    count, states = jobs.nodes(chosen)
    busy = ", ".join(f"{value} {key.removesuffix('NodeCount')}" for key, value in states.items() if value)
    out.print(f"cluster {chosen.cluster}: {count} nodes{f' ({busy})' if busy else ''}")
    _jobs(sorted(jobs.recent(chosen), key=lambda job: job.created, reverse=True)[:most])


def _stream(stack: Stack) -> None:
    now = clock().now()
    stream = monitor.stream(stack, now)
    out.print(f"stream job {stream.name}: {stream.state} at {now:%Y-%m-%d %H:%M}Z")
    if stream.watermark is not None and stream.delay is not None:
        seconds = stream.delay.total_seconds()
        out.print(f"  results up to {stream.watermark:%Y-%m-%d %H:%M:%S}Z, watermark delay {seconds:.0f} s")
    else:
        out.print("  no watermark in the last 30 minutes")
    for name, total in stream.metrics.items():
        out.print(f"  {name:<24}{total:>12,}  in the last two days")


def _windows(stack: Stack) -> None:
    found = factory_runs.standings(stack, [])
    count = f"{len(found)} window{'' if len(found) == 1 else 's'}"
    last = f"{count}, the last {found[-1].window.name}: {found[-1].state}" if found else "no windows yet"
    out.print(f"trigger {factory_runs.trigger(stack)}: {factory_runs.runtime_state(stack)}; {last}")
    if failed := sum(one.failed for one in found):
        out.print(f"  {failed} failed: batch-scoring windows --failed --stack {stack.name}")


def logs(job: str, stack: StackName = DEFAULT_STACK, outputs: Outputs = None) -> None:
    """Show a job's logs, and what its failure means."""
    chosen = load(stack, outputs)
    found = jobs.get(chosen, job)
    for name, text in jobs.logs(chosen, job).items():
        out.print(f"=== {name}")
        out.print(text.rstrip())
    out.print(f"=== job {job}: {found.status}")
    if found.status == "Failed":
        out.print(failure(chosen, job))


def _jobs(found: list[jobs.Job]) -> None:
    table = Table("job", "state", "created (UTC)", box=None)
    for job in found:
        table.add_row(job.name, job.status, job.created)
    out.print(table if found else "no jobs")
