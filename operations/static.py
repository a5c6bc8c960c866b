"""Files that come in as such: what the problem's preparation reads of them, and whether a file is what it reads.

The statement binds columns by name and forgives: a column that a file lacks is NULL, nobody reads a row of another day.
So what would go wrong silently, or only when the window is scored, is found here before a file is in the lake.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from operations.errors import OperationError
from operations.scan import Scan, scan
from scoring import preparation
from scoring.contract import Contract

CONTAINER = "static"
_BULK = re.compile(r"BULK\s+'[^']*\.dfs\.core\.windows\.net/([a-z0-9-]+)/([^']+)'", re.IGNORECASE)
_CAST = re.compile(r"TRY_CAST\((\w+) AS \w+(?:\(\d+\))?\)(?: AS \w+(?:\(\d+\))?\))? AS (\w+)", re.IGNORECASE)
_WIDTH = re.compile(r"\b(\w+) N?VARCHAR\((\d+)\)", re.IGNORECASE)


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
    """A file that fits: where it goes, its rows by hour (None: their time cannot be read), and what they lack.

    `lacking` is column → rows without a number that the model needs: they will be rejected, each with its reason.
    """

    path: Path
    day: date
    hours: Mapping[datetime | None, int]
    lacking: Mapping[str, int]

    @property
    def target(self) -> str:
        return f"{self.day:%Y/%m/%d}/{self.path.name}"


def layout(contract: Contract, template: str, *, file: str = preparation.FILE) -> Layout:
    """What the statement `template`, the text of `file`, reads of the container.

    Raises OperationError when the stack's rows come from elsewhere, or not by folders of a day.
    """
    place = f"scoring/{contract.problem}/{file}"
    bare = "\n".join(line for line in template.splitlines() if not line.lstrip().startswith("--"))
    bulks = _BULK.findall(bare)
    containers = sorted({container for container, _ in bulks})
    if CONTAINER not in containers:
        elsewhere = "events (batch-scoring send)" if contract.event else "a table, which its owner fills"
        raise OperationError(
            f"{place}: reads {', '.join(containers) or 'no files'} and not the container {CONTAINER}: the stack "
            f"takes no files; its rows come from {elsewhere}."
        )
    sources = {}
    for (container, path), columns in zip(bulks, preparation.sources(template), strict=True):
        if container != CONTAINER:
            continue
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
    needed = [name for name, to in shape.becomes.items() if name in columns and _needed(contract, to)]
    found = scan(path, columns, time=shape.time, numbers=needed)
    for name, most in shape.width.items():
        if (longest := found.longest.get(name, 0)) > most:
            raise OperationError(f"{path}: column {name}: found a text of {longest} bytes; expected at most {most}.")
    if found.rows and set(found.hours) == {None}:
        raise OperationError(_unreadable(path, shape.time, found, "times, as 2018-01-02 06:00:00"))
    for name in needed:
        if found.rows and not found.numbers[name]:
            raise OperationError(_unreadable(path, name, found, "numbers, as 1.5"))
    lacking = {name: found.rows - found.numbers[name] for name in needed}
    return Delivery(
        path=path,
        day=_day(path, day, shape.time, found),
        hours=found.hours,
        lacking={name: count for name, count in lacking.items() if count},
    )


def _unreadable(path: Path, column: str, found: Scan, expected: str) -> str:
    sample = repr(found.sample[column]) if column in found.sample else "nothing"
    return f"{path}: column {column}: found {sample} in {found.rows} rows; expected {expected}."


def _needed(contract: Contract, name: str) -> bool:
    return _type(contract, name) == "double" and not contract.feature.column(name).nullable


def _day(path: Path, day: date | None, time: str, found: Scan) -> date:
    """The one day of the rows, which is the folder's. Rows of another day would be in a folder that nobody asks."""
    rows = Counter[date]()
    for hour, count in found.hours.items():
        if hour is not None:
            rows[hour.date()] += count
    if day is None and not rows:
        raise OperationError(f"{path}: no rows tell its day; expected --date, or a folder yyyy/MM/dd.")
    own = day or min(rows)
    wrong = sorted(each for each in rows if each != own)
    if wrong:
        raise OperationError(
            f"{path}: column {time}: found {sum(rows[each] for each in wrong)} rows of {_span(wrong)}; expected {own} "
            "alone: rows count on their own day, and are looked for in its folder only."
        )
    return own


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


def _type(contract: Contract, name: str) -> str:
    return contract.feature.column(name).type if name in contract.feature.names else ""


def _span(days: Sequence[date]) -> str:
    return f"{days[0]}" if len(days) == 1 else f"{days[0]} to {days[-1]}"
