"""What every problem's training does alike: read the history, pick golden rows' form, run as a command."""

from __future__ import annotations

import argparse
import io
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from scoring import rows
from scoring.contract import Contract, arrow_schema


class TrainingError(Exception):
    """The history does not allow training; the message says where."""


def read_history(features: Path, contract: Contract) -> pd.DataFrame:
    """Usable feature rows of a Parquet file, or of all below a folder: sorted by key, one row per key.

    A row without a value in a column that is not nullable is left out. TrainingError for no files, BadFile for one that
    is not as the contract says.
    """
    files = sorted(features.rglob("*.parquet")) if features.is_dir() else [features]
    if not files:
        raise TrainingError(f"{features}: no Parquet files there or below")
    row = contract.feature
    table = pa.concat_tables([rows.read(path, row) for path in files])
    needed = tuple(column.name for column in row.columns if not column.nullable)
    usable = rows.without_reason(rows.unusable(table, needed))
    frame = table.filter(pa.array(usable)).to_pandas()
    # All columns decide the order, so that which of two rows of a key stays does not depend on the files' names.
    frame = frame.sort_values(list(dict.fromkeys((*row.key, *row.names))))
    return frame.drop_duplicates(list(row.key), keep="last").reset_index(drop=True)


def feature_table(frame: pd.DataFrame, contract: Contract) -> pa.Table:
    """Feature rows of a data frame as Arrow has them."""
    # Not Table.from_pandas: pyarrow 23 takes times with a zone from pandas 3.1 in a way that pandas is giving up.
    ends = pa.array(frame["WindowEnd"].dt.tz_convert(None).to_numpy(), pa.timestamp("us"))
    columns = {name: pa.array(frame[name], from_pandas=True) for name in contract.feature.names if name != "WindowEnd"}
    return pa.table({"WindowEnd": ends, **columns}).cast(arrow_schema(contract.feature))


def extent(history: pd.DataFrame, fitted: float) -> dict[str, object]:
    """What a manifest says of the history: its first and last row, their number, and the share of time fitted on."""
    ends = history["WindowEnd"].to_list()
    return {"from": _iso(min(ends)), "to": _iso(max(ends)), "rows": len(ends), "fittedShare": round(fitted, 4)}


def parquet(table: pa.Table) -> bytes:
    """The same bytes for the same rows."""
    buffer = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(None), buffer)
    return buffer.getvalue()


def command(contract: Contract, train: Callable[[pd.DataFrame, Path], str], arguments: list[str] | None = None) -> int:
    """`python -m scoring.<problem>.train`: 0, or 1 with the reason on stderr and no folder written."""
    problem = contract.problem
    parser = argparse.ArgumentParser(
        prog=f"python -m scoring.{problem}.train", description=f"Train the models of problem {problem}"
    )
    parser.add_argument(
        "--features", type=Path, required=True, help="Parquet file of feature rows, or a folder of them"
    )
    parser.add_argument("--output", type=Path, required=True, help="model folder to write; what is there is replaced")
    options = parser.parse_args(arguments)
    started = time.perf_counter()
    try:
        history = read_history(options.features, contract)
        digest = train(history, options.output)
    except (TrainingError, rows.BadFile) as error:
        print(f"training failed: {error}", file=sys.stderr)
        return 1
    print(f"model {digest} from {len(history)} windows in {time.perf_counter() - started:.1f} s: {options.output}")
    return 0


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
