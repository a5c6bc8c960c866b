"""Files that come in as such: what the problem's preparation reads of them, and whether a file is what it reads.

`prepare.sql` binds columns by name and forgives: a column that a file lacks is NULL, nobody reads a row of another day.
So what would go wrong silently, or only when the window is scored, is found here before a file is in the lake.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv as arrow_csv

from operations.errors import OperationError
from scoring import preparation
from scoring.contract import Contract

CONTAINER = "static"
_BULK = re.compile(r"BULK\s+'[^']*\.dfs\.core\.windows\.net/([a-z0-9-]+)/([^']+)'", re.IGNORECASE)
_CAST = re.compile(r"TRY_CAST\((\w+) AS \w+(?:\(\d+\))?\)(?: AS \w+(?:\(\d+\))?\))? AS (\w+)", re.IGNORECASE)
_WIDTH = re.compile(r"\b(\w+) N?VARCHAR\((\d+)\)", re.IGNORECASE)
_ARROW = {"string": pa.string(), "double": pa.float64(), "int64": pa.int64()}


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What prepare.sql reads in the folder of a day, `yyyy/MM/dd`.

    `sources`: suffix of the files → column → type, as the contract names types. `becomes`: column of the files → column
    of the feature row. `time` is the files' column that says when; `width` the longest text of a column.
    """

    sources: Mapping[str, Mapping[str, str]]
    becomes: Mapping[str, str]
    time: str
    width: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A file that fits: where it goes, its rows' times (None: cannot be read), and values that a row cannot do without.

    `lacking` is column → rows without a readable value: they will be rejected, each with its reason.
    """

    path: Path
    day: date
    moments: Sequence[datetime | None]
    lacking: Mapping[str, int]

    @property
    def target(self) -> str:
        return f"{self.day:%Y/%m/%d}/{self.path.name}"


def layout(contract: Contract, template: str) -> Layout:
    """Raises OperationError when the problem's rows come from elsewhere, or not by folders of a day."""
    place = f"scoring/{contract.problem}/{preparation.FILE}"
    bare = "\n".join(line for line in template.splitlines() if not line.lstrip().startswith("--"))
    bulks = _BULK.findall(bare)
    containers = sorted({container for container, _ in bulks})
    if containers != [CONTAINER]:
        raise OperationError(
            f"{place}: reads {', '.join(containers) or 'no files'} and not the container {CONTAINER}: problem "
            f"{contract.problem!r} takes no files; its rows come from events (batch-scoring send)."
        )
    sources = {}
    for (_, path), columns in zip(bulks, preparation.sources(template), strict=True):
        found = re.fullmatch(r"\{date\}/\*(\.\w+)", path)
        if not found:
            raise OperationError(f"{place}: reads {path}; expected {{date}}/*.csv or the like: a folder for each day.")
        sources[found[1]] = {column.name: column.type or "string" for column in columns}
    names = {name for columns in sources.values() for name in columns}
    becomes = {name: name for name in names if name in contract.feature.names} | dict(_CAST.findall(bare))
    times = [name for name, to in becomes.items() if name in names and _type(contract, to) == "timestamp"]
    if not times:
        raise OperationError(f"{place}: casts no column of the files to a timestamp of the contract's row feature.")
    width = {name: int(number) for name, number in _WIDTH.findall(bare) if name in names}
    return Layout(sources=sources, becomes=becomes, time=times[0], width=width)


def find(places: Iterable[Path], days: Sequence[date]) -> list[tuple[Path, date | None]]:
    """The files, with the day of the folder `yyyy/MM/dd` in which each lies, or else None.

    With `days` only the files of these; a file outside of such a folder belongs to the one day that is given. Raises
    OperationError for a place that is not there, and for several days of a file that lies in no folder of a day.
    """
    found: list[tuple[Path, date | None]] = []
    for place in places:
        if not place.exists():
            raise OperationError(f"{place}: no such file or folder.")
        # Serverless SQL passes over such names as well.
        inside = [path for path in sorted(place.rglob("*")) if path.is_file() and path.name[0] not in "._"]
        if place.is_dir() and not inside:
            raise OperationError(f"{place}: a folder without files; expected files in folders yyyy/MM/dd.")
        for path in inside if place.is_dir() else [place]:
            found.append((path, _folder_day(path)))
    loose = next((path for path, day in found if day is None), None)
    if loose and len(days) > 1:
        raise OperationError(f"{loose}: lies in no folder yyyy/MM/dd; --date can name one day for it, not {len(days)}.")
    chosen = [(path, day or (days[0] if days else None)) for path, day in found if not (day and days) or day in days]
    if not chosen:
        there = sorted({f"{day}" for _, day in found})
        raise OperationError(f"no files of {', '.join(map(str, days))}; there are files of {', '.join(there)}.")
    return chosen


def check(files: Sequence[tuple[Path, date | None]], contract: Contract, shape: Layout) -> list[Delivery]:
    """The files, all of which fit. Raises OperationError with file, column, found and expected of those that do not."""
    fits, problems = [], []
    for path, day in files:
        try:
            fits.append(_delivery(path, day, contract, shape))
        except OperationError as error:
            problems.append(str(error))
    twice = [name for name, count in Counter(delivery.target for delivery in fits).items() if count > 1]
    for name in twice:
        same = ", ".join(str(delivery.path) for delivery in fits if delivery.target == name)
        problems.append(f"{same}: would all become {name}; expected one file of that name")
    if problems:
        more = f"\n… and {len(problems) - 10} more" if len(problems) > 10 else ""
        raise OperationError("\n".join(["nothing was uploaded:", *problems[:10]]) + more)
    return fits


def _delivery(path: Path, day: date | None, contract: Contract, shape: Layout) -> Delivery:
    columns = shape.sources.get(path.suffix)
    if columns is None:
        raise OperationError(f"{path}: found {path.suffix or 'no suffix'}; expected {' or '.join(shape.sources)}.")
    table = _csv(path, columns) if path.suffix == ".csv" else _parquet(path, columns)
    for name, most in shape.width.items():
        longest = max((len(text.encode()) for text in _values(table, name) if isinstance(text, str)), default=0)
        if longest > most:
            raise OperationError(f"{path}: column {name}: found a text of {longest} bytes; expected at most {most}.")
    moments = [_moment(value) for value in _values(table, shape.time)]
    _complain_if_none(path, shape.time, _values(table, shape.time), moments, "times, as 2018-01-02 06:00:00")
    return Delivery(
        path=path,
        day=_day(path, day, shape.time, [moment for moment in moments if moment]),
        moments=moments,
        lacking=_lacking(path, table, contract, shape),
    )


def _csv(path: Path, columns: Mapping[str, str]) -> pa.Table:
    """The columns as text, as they were written."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            names = next(csv.reader(file), [])
        _names(path, names, columns)
        as_text = arrow_csv.ConvertOptions(
            include_columns=list(columns), column_types=dict.fromkeys(columns, pa.string()), strings_can_be_null=False
        )
        return arrow_csv.read_csv(path, convert_options=as_text)
    except (OSError, ValueError) as error:  # of Arrow's errors and of decoding too
        raise OperationError(f"{path}: found what is not CSV in UTF-8 with a header: {error}") from error


def _parquet(path: Path, columns: Mapping[str, str]) -> pa.Table:
    try:
        file = pq.ParquetFile(path)
        _names(path, file.schema_arrow.names, columns)
        for name, expected in columns.items():
            found = file.schema_arrow.field(name).type
            fits = pa.types.is_timestamp(found) if expected == "timestamp" else found == _ARROW[expected]
            if not fits and not (expected == "string" and pa.types.is_large_string(found)):
                raise OperationError(f"{path}: column {name}: found {found}, expected {expected}.")
        return file.read(columns=list(columns))
    except (OSError, pa.ArrowInvalid) as error:
        raise OperationError(f"{path}: found what is not Parquet: {error}") from error


def _names(path: Path, names: Sequence[str], columns: Mapping[str, str]) -> None:
    missing = [name for name in columns if name not in names]
    twice = [name for name, count in Counter(names).items() if count > 1 and name in columns]
    if missing:
        found = ", ".join(names[:6]) + (f", … ({len(names)} columns)" if len(names) > 6 else "")
        raise OperationError(f"{path}: column {', '.join(missing)}: not there; found {found or 'no header'}.")
    if twice:
        raise OperationError(f"{path}: column {', '.join(twice)}: found more than once, expected once.")


def _lacking(path: Path, table: pa.Table, contract: Contract, shape: Layout) -> dict[str, int]:
    """Columns in which a row must hold a number → rows where it does not. A column of a file without any is refused."""
    found = {}
    for name, to in shape.becomes.items():
        if name in table.column_names and _type(contract, to) == "double" and not contract.feature.column(to).nullable:
            values = _values(table, name)
            numbers = [_number(value) for value in values]
            _complain_if_none(path, name, values, numbers, "numbers, as 1.5")
            if count := sum(number is None for number in numbers):
                found[name] = count
    return found


def _complain_if_none(
    path: Path, column: str, values: Sequence[object], read: Sequence[object | None], expected: str
) -> None:
    if values and all(value is None for value in read):
        sample = next((repr(value) for value in values if value), "nothing")
        raise OperationError(f"{path}: column {column}: found {sample} in {len(values)} rows; expected {expected}.")


def _day(path: Path, day: date | None, time: str, moments: Sequence[datetime]) -> date:
    """The one day of the rows, which is the folder's. Rows of another day would be in a folder that nobody asks."""
    days = sorted({moment.date() for moment in moments})
    if day is None and not days:
        raise OperationError(f"{path}: no rows tell its day; expected --date, or a folder yyyy/MM/dd.")
    wrong = [each for each in days if each != (day or days[0])]
    if wrong:
        count = sum(moment.date() in wrong for moment in moments)
        raise OperationError(
            f"{path}: column {time}: found {count} rows of {_span(wrong)}; expected {day or days[0]} alone: rows count "
            "on their own day, and are looked for in its folder only."
        )
    return day or days[0]


def _folder_day(path: Path) -> date | None:
    """The day of the folder; OperationError for a file below it, which prepare.sql does not reach."""
    parts = path.absolute().parent.parts
    for end in range(len(parts), 2, -1):
        text = "/".join(parts[end - 3 : end])
        if re.fullmatch(r"\d{4}/\d{2}/\d{2}", text):
            if end < len(parts):
                raise OperationError(f"{path}: lies below the day's folder {text}; expected in it: deeper is not read.")
            try:
                return date.fromisoformat(text.replace("/", "-"))
            except ValueError:
                raise OperationError(f"{path}: folder {text}: not a day; expected yyyy/MM/dd.") from None
    return None


def _values(table: pa.Table, name: str) -> list:
    return table.column(name).to_pylist() if name in table.column_names else []


def _type(contract: Contract, name: str) -> str:
    return contract.feature.column(name).type if name in contract.feature.names else ""


def _moment(value: object) -> datetime | None:
    """As TRY_CAST reads a time; one without an offset is UTC."""
    try:
        found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _number(value: object) -> float | None:
    """As TRY_CAST reads a number: words such as nan and inf are none."""
    text = str(value).strip()
    try:
        return float(text) if re.fullmatch(r"[-+.\deE]+", text) else None
    except ValueError:
        return None


def _span(days: Sequence[date]) -> str:
    return f"{days[0]}" if len(days) == 1 else f"{days[0]} to {days[-1]}"
