"""Options that several commands share, and how they speak."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

StackName = Annotated[str, typer.Option("--stack", "-s", help="Pulumi stack whose outputs name the resources.")]
Outputs = Annotated[
    Path | None, typer.Option("--outputs", help="Read the outputs from this file (pulumi stack output --json) instead.")
]
Problem = Annotated[
    str | None, typer.Option("--problem", help="A folder of scoring/. Default: the stack's, or sensors.")
]

DEFAULT_STACK = "local"
DEFAULT_PROBLEM = "sensors"

out = Console(highlight=False, soft_wrap=True, markup=False)
err = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)
"""Progress goes to stderr, so that what a command is asked for can be piped."""

LINES = 10


@contextmanager
def progress(total: int) -> Iterator[Callable[[int, str], None]]:
    """Yields show(done, words): a bar on a terminal; elsewhere a line at every tenth."""
    if err.is_terminal:
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
        with Progress(*columns, console=err, transient=True) as bar:
            task = bar.add_task("", total=total)
            yield lambda done, words: bar.update(task, completed=done, description=words)
        return
    told = 0

    def show(done: int, words: str) -> None:
        nonlocal told
        if done * LINES // max(total, 1) > told:
            told = done * LINES // max(total, 1)
            print(f"  {done / total:4.0%} {words}", file=sys.stderr, flush=True)

    yield show
