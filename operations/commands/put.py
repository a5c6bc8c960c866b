"""batch-scoring put"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from operations import problem, static
from operations import put as putting
from operations.commands.options import DEFAULT_STACK, Outputs, StackName, err, out, progress
from operations.stack import Stack, load
from scoring import preparation

MOST_WINDOWS = 31


def put(
    files: Annotated[list[Path], typer.Argument(help="CSV and Parquet files, or folders with subfolders yyyy/MM/dd.")],
    stack: StackName = DEFAULT_STACK,
    outputs: Outputs = None,
    date: Annotated[
        list[datetime] | None,
        typer.Option(formats=["%Y-%m-%d"], help="Only this day of the folders; the day of a file outside of such."),
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace files that have other content.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, upload nothing.")] = False,
) -> None:
    """Put measured files into the lake, in the folder of their day, from where windows are scored.

    All files are checked before the first one is uploaded. Files that are there already are left alone.
    """
    chosen = load(stack, outputs)
    contract = problem.contract(chosen.problem)
    file = preparation.file_of(ingestion=chosen.ingestion, table=chosen.staticSource == "table")
    shape = static.layout(contract, preparation.text(chosen.problem, file), file=file)
    found = static.find(files, [each.date() for each in date or ()])
    deliveries = static.check(found, contract, shape)
    plan = putting.plan(chosen.lakeAccount, deliveries, shape, replace=replace)
    if not dry_run:
        with progress(len(plan.new) + len(plan.replaced)) as show:
            putting.upload(chosen.lakeAccount, plan, show)
    _tell(chosen, deliveries, plan, dry_run)


def _tell(stack: Stack, deliveries: Sequence[static.Delivery], plan: putting.Plan, dry_run: bool) -> None:
    place = f"{stack.lakeAccount}/{static.CONTAINER}"
    counts = {"new": len(plan.new), "replaced": len(plan.replaced), "there already": len(plan.same)}
    told = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    verb = "would go" if dry_run else "went"
    out.print(f"{_count(len(deliveries), 'file')} {verb} to {place}: {told}")
    if plan.empty:
        out.print(f"  and {len(plan.empty)} without rows, since every day needs each kind: {', '.join(plan.empty)}")
    untimed = sum(delivery.hours.get(None, 0) for delivery in deliveries)
    lacking = Counter[str]()
    for delivery in deliveries:
        lacking.update(delivery.lacking)
    for column, count in lacking.items():
        err.print(f"column {column}: {_count(count, 'row')} without a number, to be rejected with the reason")
    if untimed:
        err.print(f"{_count(untimed, 'row')} without a readable time, with the day's first window, to be rejected")
    windows = putting.windows(deliveries, stack.windowHours)
    for window, rows in list(windows.items())[:MOST_WINDOWS]:
        out.print(f"  window {window.name}: {_count(rows, 'row')}")
    if len(windows) > MOST_WINDOWS:
        out.print(f"  … and {len(windows) - MOST_WINDOWS} more windows")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
