"""The measured data of `plant` as a data lake would hold it, and as feature rows for training.

    python -m scoring.plant.source --csv real_process_data.csv --output DIR    # files of the lake, all days
    python -m scoring.plant.source --csv … --output DIR --as history           # feature rows to train on: before 2018
    python -m scoring.plant.source --csv … --output DIR --as held-back         # feature rows after that
    python -m scoring.plant.source --csv … --output DIR --as truth             # keys of those in the known fault

The lake's files hold every tag as the text that the plant's historian wrote, in a folder per day, `yyyy/MM/dd`:

- `HHmm.csv`: small files of the day's first half, `rows_a_file` measurements each;
- `day.parquet`: one large file of the rest. Its first two hours were delivered in small files already.

A day always has both kinds, if need be without rows: OPENROWSET fails for a path that means no file.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyarrow import csv as arrow_csv

from scoring.contract import arrow_schema
from scoring.plant.contract import CONTRACT, DEVICE, SENSOR

PACKAGE = ("bibmon", "real_process_data.csv")
"""The distribution that ships the data, and the name of its file."""
ATTRIBUTION = "Measured data: Petrobras, by the package bibmon 1.2.0, CC BY 4.0"
"""What the licence asks to be told where the data is shown."""
FILE_COLUMNS = ("Time", *(f"tag{number}" for number in range(108)))
"""Columns of the lake's files, all text. In the package's file the first has no name."""
FIRST = datetime(2017, 12, 24, 12, tzinfo=UTC)
"""The first half day is left out of training, as in the package's notebook."""
UNTIL = datetime(2018, 1, 1, tzinfo=UTC)
"""Training ends before this; what follows is held back, and holds the fault."""
FAULT = (datetime(2018, 1, 2, 6, tzinfo=UTC), datetime(2018, 1, 2, 9, tzinfo=UTC))
"""First and last measurement of the one known fault. It is told by the package's notebook, not by the data."""
ROWS_A_FILE = 12
_SMALL, _TWICE = timedelta(hours=12), timedelta(hours=2)


class SourceError(Exception):
    """The data, or the place for it, is not as expected; the message names it."""


def read(csv: Path) -> pa.Table:
    """The measurements as they were written: FILE_COLUMNS, all text. SourceError when the file is another one."""
    try:
        with csv.open(encoding="utf-8") as file:
            names = file.readline().rstrip("\r\n").split(",")
        as_text = arrow_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False)
        table = arrow_csv.read_csv(csv, convert_options=as_text)
    except (OSError, ValueError) as error:
        raise SourceError(f"{csv}: cannot be read as CSV: {error}") from error
    if names[1:] != list(FILE_COLUMNS[1:]):
        found = f"{len(names)} columns, {', '.join(names[:4])} …"
        raise SourceError(f"{csv}: found {found}; expected a column of times, then tag0 to tag107")
    return table.rename_columns(list(FILE_COLUMNS))


def features(measured: pa.Table, first: datetime | None = None, until: datetime | None = None) -> pa.Table:
    """Feature rows of the measurements from `first` on and before `until`; what prepare.sql makes of the lake's files.

    Text that is no number is a missing value.
    """
    frame = measured.to_pandas()
    columns: dict[str, pa.Array] = {
        "WindowEnd": pa.array(_times(measured), pa.timestamp("us", tz="UTC")),
        "DeviceId": pa.array([DEVICE] * len(frame)),
        "SensorId": pa.array([SENSOR] * len(frame)),
    }
    for column in CONTRACT.feature.columns[len(columns) :]:
        numbers = np.asarray(pd.to_numeric(frame[column.name], errors="coerce"), np.float64)
        columns[column.name] = pa.array(numbers, from_pandas=True)
    table = pa.table(columns).cast(arrow_schema(CONTRACT.feature))
    times = table["WindowEnd"].to_numpy()
    kept = np.ones(len(times), np.bool_)
    if first is not None:
        kept &= times >= _moment(first)
    if until is not None:
        kept &= times < _moment(until)
    return table.filter(pa.array(kept))


def truth(rows: pa.Table) -> pa.Table:
    """The keys of the rows that lie in the known fault."""
    times = rows["WindowEnd"].to_numpy()
    faulty = (times >= _moment(FAULT[0])) & (times <= _moment(FAULT[1]))
    return rows.filter(pa.array(faulty)).select(list(CONTRACT.feature.key))


def history(measured: pa.Table) -> pa.Table:
    """The feature rows to train on."""
    return features(measured, FIRST, UNTIL)


def held_back(measured: pa.Table) -> pa.Table:
    """The feature rows that training does not see."""
    return features(measured, UNTIL)


def write_lake(measured: pa.Table, folder: Path, *, rows_a_file: int = ROWS_A_FILE) -> int:
    """Write the files of every day below a new folder, whole or not at all; how many there are."""
    return _whole(folder, (part for day in _days(measured) for part in _day_files(*day, rows_a_file)))


def _days(measured: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """Path of each day's folder, and its measurements."""
    times = _times(measured).astype("datetime64[D]")
    for day in np.unique(times):
        yield str(day).replace("-", "/"), measured.filter(pa.array(times == day))


def _day_files(day: str, rows: pa.Table, rows_a_file: int) -> Iterator[tuple[str, pa.Table]]:
    of_day = _times(rows) - _times(rows).astype("datetime64[D]")
    small = rows.filter(pa.array(of_day < np.timedelta64(_SMALL)))
    large = rows.filter(pa.array(of_day >= np.timedelta64(_SMALL - _TWICE)))
    for start in range(0, max(small.num_rows, 1), rows_a_file):
        part = small.slice(start, rows_a_file)
        name = part["Time"][0].as_py()[11:16].replace(":", "") if part.num_rows else "0000"
        yield f"{day}/{name}.csv", part
    yield f"{day}/day.parquet", large


def _whole(folder: Path, files: Iterator[tuple[str, pa.Table]]) -> int:
    """Write all files below `folder`, which must not be there yet: they appear together."""
    if folder.exists():
        raise SourceError(f"{folder}: is there already; expected a new folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as temporary:
        built = Path(temporary, "files")
        for name, table in files:
            path = built / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".csv":
                arrow_csv.write_csv(table, path, arrow_csv.WriteOptions(quoting_style="needed", quoting_header="none"))
            else:
                pq.write_table(table, path)
            count += 1
        built.rename(folder)
    return count


def _times(measured: pa.Table) -> NDArray[np.datetime64]:
    return np.array(measured["Time"].to_pylist(), "datetime64[us]")


def _moment(moment: datetime) -> np.datetime64:
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "us")


_KINDS = {"history": history, "held-back": held_back, "truth": lambda measured: truth(held_back(measured))}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scoring.plant.source", description="The measured data of plant")
    parser.add_argument("--csv", type=Path, required=True, help="real_process_data.csv of the package bibmon")
    parser.add_argument("--output", type=Path, required=True, help="folder to make")
    parser.add_argument("--as", dest="kind", choices=("lake", *_KINDS), default="lake")
    parser.add_argument("--rows-a-file", type=int, default=ROWS_A_FILE, help="measurements in a small file of the lake")
    options = parser.parse_args(arguments)
    try:
        measured = read(options.csv)
        if options.kind == "lake":
            count = write_lake(measured, options.output, rows_a_file=options.rows_a_file)
        else:
            rows = _KINDS[options.kind](measured)
            count = _whole(options.output, iter([(f"{options.kind}.parquet", rows)]))
    except SourceError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{count} files: {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
