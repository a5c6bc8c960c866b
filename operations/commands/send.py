"""batch-scoring send"""

import shutil
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from operations import problem as problems
from operations import send as sending
from operations.clock import clock, next_midnight
from operations.commands.options import (
    DEFAULT_PROBLEM,
    DEFAULT_STACK,
    Outputs,
    Problem,
    StackName,
    err,
    out,
)
from operations.commands.options import (
    progress as bar,
)
from operations.errors import OperationError
from operations.stack import load
from operations.windows import moment


def send(
    stack: StackName = DEFAULT_STACK,
    outputs: Outputs = None,
    problem: Problem = None,
    to: Annotated[
        str | None, typer.Option(help="A file (JSON lines), or - for stdout, instead of the stack's hub.")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option("--from", help="First moment, as 2026-01-04T23:55Z. Default: the next midnight of the clock."),
    ] = None,
    hours: Annotated[float, typer.Option(min=0.1, help="How long to send, in hours.")] = 24.0,
    devices: Annotated[int, typer.Option(min=1, help="Number of devices.")] = 3,
    sensors: Annotated[int, typer.Option(min=1, help="Sensors of each device.")] = 5,
    seed: Annotated[int, typer.Option(help="The same seed gives the same events.")] = 7,
    record: Annotated[Path | None, typer.Option(help="Write counts and injected faults to this JSON file.")] = None,
    force: Annotated[bool, typer.Option(help="Overwrite the file that --to names.")] = False,
) -> None:
    """Play the problem's simulated plant into the event hub, or into a file.

    Into a hub, every event is sent at its time: by this machine's clock, from the next full five minutes on; or, where
    AZURE_SANDBOX_CLOCK names a clock, as fast as the stream follows. Events go as whoever azure-identity finds.
    """
    plant: dict[str, Any] = {"devices": devices, "sensors": sensors, "seed": seed, "length": timedelta(hours=hours)}
    first = None if start is None else sending.boundary(moment(start, "--from"))
    if to is None:
        _to_hub(stack, outputs, first, plant, record)
    else:
        _to_file(to, problem or DEFAULT_PROBLEM, first, plant, record, force)


def _to_hub(
    name: str, outputs: Path | None, first: datetime | None, plant: dict[str, Any], record: Path | None
) -> None:
    from operations.hub import Hub

    stack = load(name, outputs)
    pace = clock()
    start = sending.first_start(pace, first, next_midnight(pace.now()))
    simulation = _simulate(stack.problem, start, plant)
    total = sum(simulation.counts.values())
    err.print(f"{total:,} events to {stack.eventHubNamespace}/{stack.eventHub}, from {start:%Y-%m-%d %H:%M}Z")
    hub = Hub(stack.eventHubNamespace, stack.eventHub)
    with bar(total) as show:
        progress = sending.play(
            simulation, hub.send, pace, lambda now: show(now.sent, f"{now.moment:%H:%M} {now.rate:,.0f} events/s")
        )
    hub.close()
    _tell(simulation, progress, record, {"stack": name, "problem": stack.problem} | plant)


def _to_file(
    to: str, problem: str, first: datetime | None, plant: dict[str, Any], record: Path | None, force: bool
) -> None:
    start = first or next_midnight(clock().now())
    simulation = _simulate(problem, start, plant)
    began = time.monotonic()
    write = problems.simulator(problem).write_json_lines
    if to == "-":
        with tempfile.TemporaryDirectory() as folder:
            count = write(simulation, Path(folder, "events.jsonl"))
            with Path(folder, "events.jsonl").open("rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
    else:
        path = Path(to)
        if path.exists() and not force:
            raise OperationError(f"{path}: exists; name another file, or overwrite it with --force.")
        count = write(simulation, path)
    seconds = time.monotonic() - began
    progress = sending.Progress(sent=count, total=count, moment=simulation.end, seconds=seconds)
    _tell(simulation, progress, record, {"problem": problem} | plant, to_stderr=to == "-")


def _simulate(problem: str, start: datetime, plant: dict[str, Any]) -> Any:
    try:
        return problems.simulator(problem).day(start, **plant)
    except ValueError as error:
        raise OperationError(f"simulator of {problem!r}: {error}") from error


def _tell(
    simulation: Any, progress: sending.Progress, record: Path | None, facts: dict[str, Any], *, to_stderr: bool = False
) -> None:
    if record is not None:
        facts = facts | {"length": facts["length"].total_seconds()}
        sending.write_json(record, sending.record(simulation, progress, **facts))
    kinds = " + ".join(f"{count:,} {kind}" for kind, count in simulation.counts.items())
    console = err if to_stderr else out
    console.print(f"{progress.sent:,} sent = {kinds}, in {progress.seconds:.1f} s ({progress.rate:,.0f} events/s)")
