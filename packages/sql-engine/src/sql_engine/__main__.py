"""python -m sql_engine run|query|forms: the engine by hand."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import duckdb

from .documentation import tables
from .errors import SqlError
from .folder import FolderStorage
from .security import Principal
from .server import Server
from .serverless import query

_NOBODY = "00000000-0000-0000-0000-000000000000"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; 0, or 1 after an error, which goes to stderr."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "run":
            _run(options)
        elif options.command == "query":
            _query(options)
        else:
            sys.stdout.write(tables())
    except (SqlError, duckdb.Error, OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sql_engine", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser(
        "run", help="run a script in a database, as the server's admin unless --as says otherwise"
    )
    run.add_argument("--folder", type=Path, required=True, help="the server: a folder of databases")
    run.add_argument("--database", required=True, help="made when it is not there")
    run.add_argument("--as", dest="caller", metavar="ID", help="client id of an identity or object id of a person")
    run.add_argument("script", type=Path)
    ask = commands.add_parser("query", help="run one SELECT over files, as Synapse serverless would")
    ask.add_argument("--files", type=Path, required=True, help="the lake: folder/account/container/path")
    ask.add_argument("script", type=Path)
    commands.add_parser("forms", help="the tables of the README")
    return parser


def _run(options: argparse.Namespace) -> None:
    principal = Principal(name="caller", id=options.caller or _NOBODY)
    with Server(options.folder, admins=[] if options.caller else [_NOBODY]) as server:
        server.create_database(options.database)
        for result in server.execute(options.database, options.script.read_text("utf-8"), principal=principal):
            if result.columns:
                _write(result.columns, result.rows)
            else:
                count = "" if result.affected is None else f", {result.affected} row(s)"
                sys.stdout.write(f"line {result.line}: {result.form}{' skipped' if result.skipped else ''}{count}\n")


def _query(options: argparse.Namespace) -> None:
    principal = Principal(name="caller", id=_NOBODY)
    reader = query(options.script.read_text("utf-8"), storage=FolderStorage(options.files), principal=principal)
    _write(reader.schema.names, (tuple(row.values()) for batch in reader for row in batch.to_pylist()))


def _write(columns: Iterable[str], rows: Iterable[tuple]) -> None:
    sys.stdout.write("\t".join(columns) + "\n")
    for row in rows:
        sys.stdout.write("\t".join("NULL" if value is None else str(value) for value in row) + "\n")


if __name__ == "__main__":
    sys.exit(main())
