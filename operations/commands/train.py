"""batch-scoring train, register, compare, models"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from operations import problem as problems
from operations.clock import clock
from operations.commands.options import DEFAULT_PROBLEM, DEFAULT_STACK, Outputs, Problem, StackName, err, out
from operations.history import History, Measured
from operations.stack import Stack, load

Trained = Annotated[
    str | None, typer.Option("--stack", "-s", help="Train on this stack's cluster and register there. Default: here.")
]
Source = Annotated[
    Path | None, typer.Option(help="Measured data of a problem without events. Default: what its source.py names.")
]
Devices = Annotated[int, typer.Option(min=1, help="Simulated devices.")]
Sensors = Annotated[int, typer.Option(min=1, help="Simulated sensors of each device.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same simulated plant as send.")]
Day = datetime | None
DATES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%MZ"]
WEEK = 7


def train(
    problem: Problem = None,
    stack: Trained = None,
    outputs: Outputs = None,
    days: Annotated[int | None, typer.Option(min=1, help="Days of history. Default: 7; all of measured data.")] = None,
    until: Annotated[
        Day,
        typer.Option(
            formats=DATES, help="End of the history. Default: today, 00:00 UTC; of measured data what source.py says."
        ),
    ] = None,
    source: Source = None,
    devices: Devices = 3,
    sensors: Sensors = 5,
    seed: Seed = 7,
) -> None:
    """Train the problem's models into build/models, or with --stack by a job on its cluster, which registers them.

    Nothing is done when nothing has changed. What is trained serves only when the stack's config names it.
    """
    from operations import training

    chosen = None if stack is None and outputs is None else load(stack or DEFAULT_STACK, outputs)
    name = chosen.problem if chosen else problem or DEFAULT_PROBLEM
    size = {"devices": devices, "sensors": sensors, "seed": seed}
    history = _history(name, days, until and until.replace(tzinfo=UTC), source, size)
    if chosen is None:
        training.train(name, history, err.print)
        out.print(f"{problems.models_folder(name)}: model {training.model_digest(problems.models_folder(name))}")
        return
    from operations import training_job

    folder = training.make_history(name, history, err.print)
    record = training_job.train(chosen, folder, history.facts(), err.print)
    state = "registered" if record["new"] else "was registered already"
    out.print(f"{chosen.workspace}: model {name}:{record['version']} {state}, trained by job {record['job']}")
    _promotion(chosen, record["version"])


def register(stack: StackName = DEFAULT_STACK, outputs: Outputs = None) -> None:
    """Upload build/models/<problem> and register it as a model version, by its digest, for stacks that name one."""
    from operations.registration import lineage, register

    chosen = load(stack, outputs)
    folder = problems.models_folder(chosen.problem)
    version, new = register(chosen, folder, lineage(folder, chosen.problem), err.print)
    state = "registered" if new else "was registered already"
    out.print(f"{chosen.workspace}: model {chosen.problem}:{version} {state}")
    _promotion(chosen, version)


def compare(
    candidate: Annotated[
        str | None, typer.Option(help="Folder or registered version. Default: build/models/<problem>.")
    ] = None,
    promoted: Annotated[
        str | None, typer.Option(help="Folder or registered version. Default: the one that serves.")
    ] = None,
    problem: Problem = None,
    stack: Annotated[str | None, typer.Option("--stack", "-s", help="Stack whose models are meant.")] = None,
    outputs: Outputs = None,
    start: Annotated[
        Day, typer.Option("--from", formats=DATES, help="Held-back rows: from. Default: after both trainings.")
    ] = None,
    end: Annotated[
        Day, typer.Option("--to", formats=DATES, help="Until. Default: a day later; the end of measured data.")
    ] = None,
    source: Source = None,
    devices: Devices = 3,
    sensors: Sensors = 5,
    seed: Seed = 7,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for comparison.json. Default: build/compare/…")
    ] = None,
) -> None:
    """Judge a candidate beside the promoted model on rows that neither was trained on; nothing is promoted by it."""
    from operations import comparison, history, models

    chosen = None if stack is None and outputs is None else load(stack or DEFAULT_STACK, outputs)
    name = chosen.problem if chosen else problem or DEFAULT_PROBLEM
    before = models.folder(name, chosen, promoted)
    after = models.folder(name, chosen, candidate or str(problems.models_folder(name)))
    first = (
        start.replace(tzinfo=UTC) if start else history.day(max(models.trained_until(one) for one in (before, after)))
    )
    last = end.replace(tzinfo=UTC) if end else None
    if history.is_static(name):
        rows: History | Measured = Measured(source=history.source_file(name, source), first=first, until=last)
    else:
        last = last or first + timedelta(days=1)
        size = {"devices": devices, "sensors": sensors, "seed": seed}
        rows = History(until=history.day(last), days=max((history.day(last) - first).days, 1), **size)
    found = comparison.compare(name, before, after, rows, output or Path("build/compare") / name, err.print)
    _show(found, before, after)


def models(stack: StackName = DEFAULT_STACK, outputs: Outputs = None) -> None:
    """List the registered versions of the stack's model, what each was made from, and which one serves."""
    from operations import models

    chosen = load(stack, outputs)
    found = models.versions(chosen)
    nothing = f"{chosen.workspace}: no versions of model {chosen.problem}"
    out.print("\n\n".join(map(models.described, found)) or nothing)
    err.print("to promote one, or to go back: pulumi config set modelVersion VERSION, then pulumi up")


def _history(
    name: str, days: int | None, until: datetime | None, source: Path | None, size: dict[str, int]
) -> History | Measured:
    from operations import history

    problems.contract(name)
    if history.is_static(name):
        last: datetime = until or problems.source(name).UNTIL
        first = last - timedelta(days=days) if days else None
        return Measured(source=history.source_file(name, source), until=last, first=first)
    midnight = clock().now().replace(hour=0, minute=0, second=0, microsecond=0)
    return History(until=until or midnight, days=days or WEEK, **size)


def _promotion(stack: Stack, version: str) -> None:
    out.print(f"to compare it: batch-scoring compare --stack {stack.name} --candidate {version}")
    out.print(f"to use it: pulumi config set modelVersion {version} --stack {stack.name}")


def _show(found: dict[str, Any], promoted: Path, candidate: Path) -> None:
    metrics = found["metrics"]
    table = Table("on held-back rows", "promoted", "candidate", box=None)
    table.add_row("model", *(found["models"][name] for name in ("promoted", "candidate")))
    for name, value in metrics["promoted"].items():
        table.add_row(name, *(f"{number:,.4g}" for number in (value, metrics["candidate"][name])))
    out.print(table)
    out.print(f"{metrics['rows']:,} rows, {found['from'][:16]} to {found['to'][:16]}: {found['reason']}")
