"""batch-scoring stream"""

from pathlib import Path
from typing import Annotated, Literal

import typer

from operations.commands.options import err, out
from operations.errors import OperationError

app = typer.Typer(help="Run Stream Analytics queries over files.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def stream() -> None:
    """Run Stream Analytics queries over files."""


@app.command("run")
def run(
    query: Annotated[Path, typer.Option(help="The query, a .asaql file.")],
    input: Annotated[list[str], typer.Option(help="ALIAS=FILE of JSON lines, for each input of the query.")],
    output: Annotated[Path, typer.Option(help="Folder for one JSON-lines file per output of the query.")],
    late: Annotated[float, typer.Option(min=0, help="Tolerance for late arrival, in seconds.")] = 5,
    out_of_order: Annotated[float, typer.Option(min=0, help="Tolerance for events out of order, in seconds.")] = 0,
    policy: Annotated[Literal["Drop", "Adjust"], typer.Option(help="What happens beyond them.")] = "Adjust",
) -> None:
    """Run a query over files of events, by the engine that also runs the sandbox's jobs."""
    files = _inputs(input)

    from datetime import timedelta

    from stream_engine import QueryError, StreamError, TimePolicy
    from stream_engine.files import run_files

    times = TimePolicy(late=timedelta(seconds=late), out_of_order=timedelta(seconds=out_of_order), action=policy)
    try:
        result = run_files(query, files, output, times)
    except (QueryError, StreamError, ValueError, OSError) as error:
        raise OperationError(str(error)) from error
    for alias, counts in result.metrics_by_input.items():
        told = ", ".join(f"{name} {count:,}" for name, count in counts.items() if count)
        err.print(f"input {alias}: {told or 'no events'}")
    for alias, rows in result.outputs.items():
        out.print(f"{output / alias}.jsonl: {len(rows):,} rows")


def _inputs(given: list[str]) -> dict[str, list[Path]]:
    """The files of each input; several are read one after the other."""
    found: dict[str, list[Path]] = {}
    for text in given:
        alias, equals, file = text.partition("=")
        if not (alias and equals and file):
            raise OperationError(f"--input {text}: expected ALIAS=FILE, as events=events.jsonl.")
        found.setdefault(alias, []).append(Path(file))
    return found
