"""The statement that prepares a window's rows, `scoring/<problem>/prepare*.sql`: filled in, and held to the contract.

The text has placeholders in braces. `statement` fills them in on this machine, `factory_expression` makes Data Factory
do it when the pipeline runs; both give the same statement. Only the standard library is needed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from scoring.contract import Contract, Row, output_problems

FILE = "prepare.sql"
BOTH_FILE = "prepare_both.sql"
"""The same where rows come from a stream and from files: `ingestion: both`."""
TABLE_FILE = "prepare_table.sql"
"""The same where rows lie in a table of Azure SQL, `staticSource: table`: no lake, but for the rest as FILE."""
LONGEST_EXPRESSION = 8192
"""Characters of a Data Factory expression.
https://learn.microsoft.com/azure/azure-resource-manager/management/azure-subscription-service-limits"""

_START, _END = "pipeline().parameters.windowStart", "pipeline().parameters.windowEnd"
EXPRESSIONS: Mapping[str, str] = {
    "date": f"formatDateTime({_START}, 'yyyy/MM/dd')",
    "first_hour": f"formatDateTime({_START}, 'HH')",
    "last_hour": f"addSeconds({_END}, -1, 'HH')",
    "window_start": f"formatDateTime({_START}, 'yyyy-MM-ddTHH:mm:ss')",
    "window_end": f"formatDateTime({_END}, 'yyyy-MM-ddTHH:mm:ss')",
}
"""Placeholder → what Data Factory puts there, in a pipeline with the parameters windowStart and windowEnd (UTC)."""
PLACEHOLDERS = ("lake", *EXPRESSIONS)

# https://learn.microsoft.com/sql/t-sql/data-types/data-types-transact-sql
_TYPES = {"FLOAT": "double", "BIGINT": "int64", "DATETIME2": "timestamp", "VARCHAR": "string", "NVARCHAR": "string"}


@dataclass(frozen=True, kw_only=True)
class PreparedColumn:
    """A column; its type as the contract names types, as written when that has no name for it, None without CAST."""

    name: str
    type: str | None


def file_of(*, ingestion: str, table: bool) -> str:
    """The name of a stack's statement in the folder of its problem."""
    return TABLE_FILE if table else BOTH_FILE if ingestion == "both" else FILE


def text(problem: str, file: str = FILE) -> str:
    """The problem's statement with its placeholders. FileNotFoundError when the problem has none."""
    return (Path(__file__).parent / problem / file).read_text("utf-8").replace("\r\n", "\n")


def statement(template: str, *, lake: str, start: datetime, end: datetime) -> str:
    """The statement for the window from `start` (included) to `end` (not included), both aware.

    ValueError when the window is not whole hours of one day (UTC), for a lake that is no account's name, and for a
    placeholder that is not one of PLACEHOLDERS.
    """
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    whole = all((moment.minute, moment.second, moment.microsecond) == (0, 0, 0) for moment in (start, end))
    last = end - timedelta(seconds=1)
    if not whole or not start < end or last.date() != start.date():
        raise ValueError(
            f"window {start:%Y-%m-%dT%H:%M:%SZ} to {end:%Y-%m-%dT%H:%M:%SZ}: expected whole hours of a day"
        )
    # The name goes into a quoted text of the statement.
    if not re.fullmatch(r"[a-z0-9]{3,24}", lake):
        raise ValueError(f"lake {lake!r}: expected a storage account's name, 3 to 24 lower-case letters and digits")
    values = {
        "lake": lake,
        "date": f"{start:%Y/%m/%d}",
        "first_hour": f"{start:%H}",
        "last_hour": f"{last:%H}",
        "window_start": f"{start:%Y-%m-%dT%H:%M:%S}",
        "window_end": f"{end:%Y-%m-%dT%H:%M:%S}",
    }
    _check_placeholders(template)
    filled = _bare(template)
    for name, value in values.items():
        filled = filled.replace(f"{{{name}}}", value)
    return filled


def factory_expression(template: str, *, lake: str) -> str:
    """The same as one Data Factory expression; `lake` is a literal. ValueError when it is too long for the service."""
    _check_placeholders(template)
    bare = _bare(template).replace("{lake}", lake)
    expression = "'" + bare.replace("'", "''") + "'"
    for name, value in EXPRESSIONS.items():
        if f"{{{name}}}" in bare:
            expression = f"replace({expression}, '{{{name}}}', {value})"
    if len(expression) + 1 > LONGEST_EXPRESSION:
        raise ValueError(f"{FILE}: {len(expression) + 1} characters as an expression, at most {LONGEST_EXPRESSION}")
    return "@" + expression


def columns(template: str) -> list[PreparedColumn]:
    """The columns of the statement's last SELECT, which gives the rows."""
    bare = _bare(template)
    start = [found.end() for found in _at_top(bare, "SELECT")]
    if not start:
        return []
    end = next((found.start() for found in _at_top(bare, "FROM") if found.start() > start[-1]), len(bare))
    return [_column(item) for item in _items(bare[start[-1] : end])]


def sources(template: str) -> list[list[PreparedColumn]]:
    """The columns of the WITH of each OPENROWSET: what is read from files, by name."""
    bare = _bare(template)
    found = []
    for opening in re.finditer(r"\)\s*WITH\s*\(", bare, re.IGNORECASE):
        inside = bare[opening.end() : _closing(bare, opening.end())]
        pairs = [re.match(r"\[?(\w+)\]?\s+(\w+)", item) for item in _items(inside)]
        found.append([PreparedColumn(name=pair[1], type=_type(pair[2])) for pair in pairs if pair])
    return found


def preparation_problems(contract: Contract, template: str, *, file: str, source: Row | None = None) -> list[str]:
    """What keeps the statement from giving the contract's feature rows, by file and column; empty when nothing does.

    `source` are the rows in the files, for a problem with events the feature row: a column that a file lacks would be
    NULL, without an error. A problem without events reads any files; its columns are checked when `source` is given.
    """
    given = columns(template)
    problems = [f"{file}: {problem}" for problem in output_problems(contract.feature, given)]
    names = [column.name for column in given]
    if not problems and names != list(contract.feature.names):
        problems.append(f"{file}: columns are in another order than the contract's row feature")
    if source is None and contract.event is not None:
        source = contract.feature
    if source is None:
        return problems
    types = {column.name: column.type for column in source.columns}
    for number, read in enumerate(sources(template), start=1):
        for column in read:
            place, expected = f"{file}: source {number}: column {column.name}", types.get(column.name)
            if expected is None:
                problems.append(f"{place} is not in the files")
            elif column.type != expected:
                problems.append(f"{place} is {column.type}, expected {expected}")
    return problems


def _check_placeholders(template: str) -> None:
    bare = _bare(template)
    unknown = sorted(set(re.findall(r"\{([^{}]*)\}", bare)) - set(PLACEHOLDERS))
    if unknown:
        raise ValueError(f"{FILE}: placeholder {', '.join(unknown)} is not one of {', '.join(PLACEHOLDERS)}")
    if "@" in bare:
        # An expression reads @ as its own, and T-SQL as a variable's: there are none here.
        raise ValueError(f"{FILE}: found @, which Data Factory would read as an expression")


def _bare(template: str) -> str:
    """The text without comments, indentation and empty lines: a Data Factory expression has little room."""
    lines = (line.strip() for line in template.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("--"))


def _at_top(sql: str, word: str) -> Iterator[re.Match[str]]:
    """Where the word stands outside of parentheses and quoted text."""
    depth = 0
    for found in re.finditer(rf"'(?:[^']|'')*'|[()]|\b{word}\b", sql, re.IGNORECASE):
        if found[0] in "()":
            depth += 1 if found[0] == "(" else -1
        elif depth == 0 and not found[0].startswith("'"):
            yield found


def _items(sql: str) -> list[str]:
    """The parts of a list, cut at the commas outside of parentheses and quoted text."""
    parts, depth, start = [], 0, 0
    for found in re.finditer(r"'(?:[^']|'')*'|[(),]", sql):
        if found[0] == "," and depth == 0:
            parts.append(sql[start : found.start()])
            start = found.end()
        elif found[0] in "()":
            depth += 1 if found[0] == "(" else -1
    return [part.strip() for part in (*parts, sql[start:]) if part.strip()]


def _closing(sql: str, start: int) -> int:
    """Where the parenthesis closes that opened before `start`."""
    depth = 1
    for found in re.finditer(r"[()]", sql[start:]):
        depth += 1 if found[0] == "(" else -1
        if depth == 0:
            return start + found.start()
    return len(sql)


def _column(item: str) -> PreparedColumn:
    named = re.search(r"(?:\bAS\s+|\.|^)\[?(\w+)\]?$", item, re.IGNORECASE)
    cast = re.fullmatch(r"CAST\(.*\bAS\s+(\w+)(?:\([^()]*\))?\s*\)\s+AS\s+\[?\w+\]?", item, re.IGNORECASE | re.DOTALL)
    return PreparedColumn(name=named[1] if named else item, type=_type(cast[1]) if cast else None)


def _type(written: str) -> str:
    return _TYPES.get(written.upper(), written.lower())
