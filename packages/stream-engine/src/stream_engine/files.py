"""Runs a query over files, one output file of JSON lines for each output."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .fast import copy_lines, run_fast
from .job import StreamJob
from .query import Query, compile_query
from .run import Reference, check, feed, tell, timeless
from .stages import Row
from .userdefined import Given
from .values import as_text
from .watermark import TimePolicy


@dataclass(frozen=True, kw_only=True)
class OutputFile:
    """A written file; its length is the number of its rows."""

    path: Path
    rows: int

    def __len__(self) -> int:
        return self.rows


@dataclass(frozen=True, kw_only=True)
class FilesResult:
    """The file of each output, and the metrics by Azure's names."""

    outputs: dict[str, OutputFile]
    metrics: dict[str, int]
    metrics_by_input: dict[str, dict[str, int]]


def run_files(
    query_file: Path,
    inputs: Mapping[str, Path | Sequence[Path]],
    output_dir: Path,
    policy: TimePolicy | None = None,
    *,
    reference: Reference | None = None,
    functions: Given | None = None,
) -> FilesResult:
    """Run the query over files (see `formats`) and write `<output>.jsonl` for each output into `output_dir`.

    Lines with EventEnqueuedUtcTime arrived then, and the time policy applies to them; without it they are data at rest
    (see `run`). The same files give the same bytes: rows are in order of time. Nothing is written when anything fails.
    Raises QueryError, StreamError, OSError, ValueError.
    """
    text = query_file.read_text(encoding="utf-8-sig")
    query = compile_query(text, name=str(query_file), functions=functions)
    files = {alias: [path] if isinstance(path, Path) else list(path) for alias, path in inputs.items()}
    check("inputs", query.inputs, files, query)
    check("reference data", query.references, reference or {}, query)
    output_dir.mkdir(parents=True, exist_ok=True)
    try:
        fast = None if reference else run_fast(query, files, timeless, copy_lines(output_dir))
        if fast is not None:
            counts: dict[str, int] = fast.outputs
            by_input, metrics = tell(query, fast.counts, sum(counts.values()))
        else:
            job, counts = _through_stages(query, files, output_dir, policy, reference)
            by_input, metrics = job.metrics_by_input, job.metrics
        outputs = {name: OutputFile(path=output_dir / f"{name}.jsonl", rows=count) for name, count in counts.items()}
        for name, output in outputs.items():
            os.replace(partial(output_dir, name), output.path)
    finally:
        for name in query.outputs:
            partial(output_dir, name).unlink(missing_ok=True)
    return FilesResult(outputs=outputs, metrics=metrics, metrics_by_input=by_input)


def partial(folder: Path, name: str) -> Path:
    """Where an output is written before it is complete."""
    return folder / f".{name}.jsonl.partial"


def _through_stages(
    query: Query, files: Mapping[str, list[Path]], folder: Path, policy: TimePolicy | None, reference: Reference | None
) -> tuple[StreamJob, dict[str, int]]:
    """Write each output's rows as they become final; the job, and the number of rows of each output."""
    counts = dict.fromkeys(query.outputs, 0)
    with ExitStack() as stack:
        paths = {name: partial(folder, name) for name in query.outputs}
        written = {
            name: stack.enter_context(path.open("w", encoding="utf-8", newline="\n")) for name, path in paths.items()
        }

        def take(name: str, rows: list[Row]) -> None:
            counts[name] += len(rows)
            written[name].writelines(map(json_line, rows))

        job = feed(query, files, take, policy=policy, reference=reference)
    return job, counts


def json_line(row: Mapping[str, Any]) -> str:
    """A row as the service writes it to JSON: datetimes in ISO 8601 with seven digits, one line."""
    return json.dumps(row, default=as_text, ensure_ascii=False, separators=(",", ":")) + "\n"
