"""batch-scoring stream"""

from pathlib import Path
from typing import Annotated, Literal

import typer

from operations.commands.options import out
from operations.errors import OperationError

app = typer.Typer(help="Run Stream Analytics queries over files.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def stream() -> None:
    """Run Stream Analytics queries over files."""


@app.command("run")
def run(
    query: Annotated[Path, typer.Option(help="The query, a .asaql file.")],
    input: Annotated[list[str], typer.Option(help="ALIAS=FILE of JSON lines; once for each input of the query.")],
    output: Annotated[Path, typer.Option(help="Folder for one JSON-lines file per output of the query.")],
    late: Annotated[float, typer.Option(min=0, help="Tolerance for late arrival, in seconds.")] = 5,
    out_of_order: Annotated[float, typer.Option(min=0, help="Tolerance for events out of order, in seconds.")] = 0,
    policy: Annotated[Literal["Drop", "Adjust"], typer.Option(help="What happens beyond them.")] = "Adjust",
) -> None:
    """Run a query over files of events, by the engine that also runs the sandbox's jobs."""
    from datetime import timedelta

    from stream_engine import QueryError, TimePolicy
    from stream_engine.files import FileError, run_files

    policy_ = TimePolicy(late=timedelta(seconds=late), out_of_order=timedelta(seconds=out_of_order), action=policy)
    try:
        result = run_files(query, inputs=_inputs(input), output=output, policy=policy_)
    except (QueryError, FileError) as error:
        raise OperationError(str(error)) from error
    for alias, path in result.files.items():
        out.print(f"{path}: {result.rows[alias]:,} rows")


def _inputs(given: list[str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for text in given:
        alias, equals, file = text.partition("=")
        if not (alias and equals and file):
            raise OperationError(f"--input {text}: expected ALIAS=FILE, as events=events.jsonl.")
        if alias in found:
            raise OperationError(f"--input {text}: input {alias} is given twice.")
        found[alias] = Path(file)
    return found
