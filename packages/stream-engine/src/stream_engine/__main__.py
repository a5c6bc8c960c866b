"""The command `python -m stream_engine`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from . import support
from .errors import QueryError, StreamError
from .files import run_files
from .watermark import TimePolicy


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 when it did what was asked, 1 when query or data stand against it."""
    options = _parser().parse_args(arguments)
    if options.command == "table":
        print(support.table(), end="")
        return 0
    inputs: dict[str, list[Path]] = {}
    for alias, path in options.input:
        inputs.setdefault(alias, []).append(path)
    policy = TimePolicy(
        late=timedelta(seconds=options.late),
        out_of_order=timedelta(seconds=options.out_of_order),
        action=options.action,
    )
    try:
        result = run_files(options.query, inputs, options.output, policy, functions=dict(options.function))
    except (QueryError, StreamError, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    for alias, counts in result.metrics_by_input.items():
        told = ", ".join(f"{name} {count}" for name, count in counts.items() if count)
        print(f"input {alias}: {told or 'no events'}")
    for name, output in result.outputs.items():
        print(f"output {name}: {output.rows} rows in {output.path}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="stream_engine", description="Run an Azure Stream Analytics query over files."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    commands.add_parser("table", help="show what of the query language runs and what is refused")
    run = commands.add_parser("run", help="run a query over files: JSON, CSV, Avro, Parquet")
    run.add_argument("--query", type=Path, required=True, metavar="FILE")
    run.add_argument("--input", type=_input, action="append", default=[], metavar="ALIAS=FILE", help="may be repeated")
    functions = {"type": _input, "action": "append", "default": [], "metavar": "NAME=FILE.js"}
    run.add_argument("--function", **functions, help="a JavaScript function; may be repeated")
    run.add_argument("--output", type=Path, required=True, metavar="DIR")
    run.add_argument("--late", type=float, default=5, metavar="SECONDS", help="late arrival tolerance (5)")
    run.add_argument("--out-of-order", type=float, default=0, metavar="SECONDS", help="out-of-order tolerance (0)")
    run.add_argument("--action", choices=("Adjust", "Drop"), default="Adjust", help="for events beyond a tolerance")
    return parser


def _input(text: str) -> tuple[str, Path]:
    alias, separator, path = text.partition("=")
    if not alias or not separator or not path:
        raise argparse.ArgumentTypeError(f"expected NAME=FILE, found {text!r}")
    return alias, Path(path)


if __name__ == "__main__":
    sys.exit(main())
