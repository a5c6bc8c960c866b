"""Runs a query over files, one output file of JSON lines for each output."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from .query import compile_query
from .run import Result, run
from .stages import Row
from .values import as_text
from .watermark import TimePolicy


def run_files(
    query_file: Path,
    inputs: Mapping[str, Path | Sequence[Path]],
    output_dir: Path,
    policy: TimePolicy | None = None,
) -> Result:
    """Run the query over JSON files and write `<output>.jsonl` for each output into `output_dir`, made when missing.

    Lines with EventEnqueuedUtcTime arrived then, and the time policy applies to them; without it they are data at
    rest (see `run`). The same files give the same bytes. Nothing is written when anything fails. Raises QueryError,
    StreamError, OSError, ValueError.
    """
    query = compile_query(query_file.read_text(encoding="utf-8-sig"), name=str(query_file))
    result = run(query, {alias: _bodies(paths) for alias, paths in inputs.items()}, policy=policy)
    output_dir.mkdir(parents=True, exist_ok=True)
    written = [_write(output_dir / f"{name}.jsonl", rows) for name, rows in result.outputs.items()]
    for partial, final in written:
        os.replace(partial, final)
    return result


def _bodies(paths: Path | Sequence[Path]) -> Iterator[bytes]:
    for path in [paths] if isinstance(paths, Path) else paths:
        with path.open("rb") as lines:
            for line in lines:
                if line.strip():
                    yield line.rstrip(b"\r\n")


def _write(path: Path, rows: Iterable[Row]) -> tuple[Path, Path]:
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(json_line(row))
    return partial, path


def json_line(row: Row) -> str:
    """A row as the service writes it to JSON: datetimes in ISO 8601 with seven digits, one line."""
    return json.dumps(row, default=as_text, ensure_ascii=False) + "\n"
