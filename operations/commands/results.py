"""batch-scoring results"""

import io
import json
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import pyarrow as pa
import typer
from rich.console import Console
from rich.table import Table

from operations import predictions, problem, quality, rejections, report
from operations.accounting import account
from operations.clock import clock
from operations.commands.options import DEFAULT_STACK, Outputs, StackName, err, out
from operations.errors import OperationError
from operations.page.columns import Parts, parts
from operations.send import write_json
from operations.stack import Stack, load
from operations.windows import moment

MOST_ROWS, WIDTH = 50, 120


def results(
    stack: StackName = DEFAULT_STACK,
    outputs: Outputs = None,
    start: Annotated[str | None, typer.Option("--from", help="Windows that end at this time or later.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Windows that end at this time or earlier.")] = None,
    format: Annotated[
        Literal["table", "csv", "parquet", "page"], typer.Option(help="page is one HTML file; table shows anomalies.")
    ] = "table",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file. Default: stdout.")] = None,
    sent: Annotated[
        Path | None, typer.Option(help="The record of send: adds the injected faults and the account.")
    ] = None,
    history: Annotated[
        Path | None, typer.Option(help="Training history for the three-sigma rule. Default: build/history/<problem>.")
    ] = None,
    summary: Annotated[Path | None, typer.Option(help="Also write the figures of the page as JSON.")] = None,
) -> None:
    """Show what committed runs scored: of each window and series the newest score."""
    chosen = load(stack, outputs)
    first = None if start is None else moment(start, "--from")
    last = None if end is None else moment(end, "--to")
    made = _report(chosen, first, last, sent, history, full=format == "page" or summary is not None)
    if summary is not None:
        write_json(summary, report.facts(made))
    if format == "table" and output is None:
        _show(made, out)
        return
    _write(_render(made, format), output)


def _report(
    stack: Stack, start: datetime | None, end: datetime | None, sent: Path | None, history: Path | None, *, full: bool
) -> report.Report:
    contract = problem.contract(stack.problem)
    columns = parts(contract)
    every = predictions.chosen(stack, start, end)
    runs = report.latest(every)
    rows = predictions.between(predictions.table(stack, runs, contract), columns.time, start, end)
    common: dict[str, Any] = {
        "problem": stack.problem,
        "parts": columns,
        "rows": rows,
        "runs": runs,
        "replaced": len(every) - len(runs),
    }
    if contract.event is None:
        common["noun"] = "measurements"
    if not full:
        return report.Report(**common)
    common["refused"] = rejections.rejected(stack, runs)
    past = quality.history(history or problem.history_folder(stack.problem))
    if contract.event is None:
        if sent is not None:
            raise OperationError(
                f"--sent {sent}: problem {stack.problem!r} has no events; its faults are in source.py."
            )
        source = problem.source(stack.problem)
        judged = quality.judge(rows, columns, quality.told(source.truth(rows), columns), past)
        credit = getattr(source, "ATTRIBUTION", "") if judged else ""
        return report.Report(**common, judged=judged, credit=credit)
    if sent is None:
        return report.Report(**common)
    record = _sent(sent)
    judged = quality.judge(rows, columns, quality.injected(record["truth"], columns), past)
    where = account(stack, contract, record, clock().now())
    return report.Report(**common, sent=record, account=where, judged=judged)


def _sent(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise OperationError(f"--sent {path}: no such file; `batch-scoring send --record {path}` writes it.") from None
    except ValueError as error:
        raise OperationError(f"--sent {path}: not the record of batch-scoring send: {error}") from None


def _render(made: report.Report, format: str) -> bytes:
    if format == "page":
        from operations.page.render import render

        return render(report.page(made)).encode()
    if format == "parquet":
        from operations.prepare import parquet

        return parquet(made.rows)
    if format == "table":
        text = io.StringIO()
        _show(made, Console(file=text, width=WIDTH, highlight=False, soft_wrap=True, markup=False))
        return text.getvalue().encode()
    from pyarrow import csv

    sink = io.BytesIO()
    csv.write_csv(_readable(made.rows, made.parts), sink)
    return sink.getvalue()


def _readable(rows: pa.Table, columns: Parts) -> pa.Table:
    """Times as ISO 8601 with their offset, which every reader of CSV understands."""
    times = [f"{time:%Y-%m-%dT%H:%M:%SZ}" for time in rows.column(columns.time).to_pylist()]
    return rows.set_column(rows.column_names.index(columns.time), columns.time, pa.array(times, pa.string()))


def _write(data: bytes, output: Path | None) -> None:
    if output is None:
        sys.stdout.buffer.write(data)
        return
    output.parent.mkdir(parents=True, exist_ok=True)
    temporary = output.with_name(f".{output.name}.part")
    temporary.write_bytes(data)
    os.replace(temporary, output)
    err.print(f"{output}: {len(data):,} bytes")


def _show(made: report.Report, console: Console) -> None:
    columns = made.parts
    names = (columns.time, *columns.series, columns.value, columns.expected, columns.score)
    anomalies = [row for row in made.rows.to_pylist() if row[columns.anomaly]]
    anomalies.sort(key=lambda row: row[columns.score], reverse=True)
    table = Table(*names, box=None)
    for row in anomalies[:MOST_ROWS]:
        table.add_row(*(_cell(row[name]) for name in names))
    console.print(table)
    left = f", the {MOST_ROWS} highest scores of them above" if len(anomalies) > MOST_ROWS else ""
    console.print(f"{made.rows.num_rows:,} {made.noun}, {len(anomalies):,} anomalies{left}; runs: {len(made.runs)}")


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
