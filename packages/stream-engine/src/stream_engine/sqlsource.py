"""JSON-lines files as a table of DuckDB: which fields are read, and what is known of the lines that are no events."""

# ruff: noqa: S608 - the SQL is made of the query's quoted names and runs in a database of its own
from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .events import Undeserializable, records
from .sqltext import NotInSql, Sql, name, stop, text_literal

_chunk = 1 << 20
_sampled = 200


@dataclass(kw_only=True)
class Files:
    """The files of one input. `spellings` are the field names of the first lines, by their lower case."""

    alias: str
    paths: Sequence[Path]
    spellings: dict[str, set[str]]
    fields: dict[str, str] = field(default_factory=dict)

    def column(self, wanted: str) -> Sql:
        """A field as JSON text, entered among those read. Raises NotInSql when it is spelled in several ways."""
        found = self.spellings.get(wanted.lower(), {wanted})
        if len(found) > 1:
            raise NotInSql(f"{wanted} is spelled in several ways")
        self.fields[wanted.lower()] = next(iter(found))
        return Sql(text=name(self.fields[wanted.lower()]), type="json")

    def raw(self) -> str:
        """The fields that are read, as JSON text; a line that is no object gives NULL everywhere."""
        paths = ", ".join(text_literal(str(path)) for path in self.paths)
        columns = ", ".join(f"{text_literal(each)}: 'JSON'" for each in self.fields.values())
        read = f"read_json([{paths}], format='newline_delimited', ignore_errors=true, columns={{{columns}}})"
        listed = ", ".join(f"{name(each)}::VARCHAR AS {name(each)}" for each in self.fields.values())
        return f"SELECT {listed} FROM {read}"

    def strict(self, *, filtered: bool) -> str:
        """As `raw`, but a missing field ends the SQL: it may be spelled otherwise, or its line be no event."""
        # DuckDB may apply another condition first, and not see the row; the quicker check is for queries without.
        if filtered:
            checked = ", ".join(
                f"COALESCE({name(f)}, {stop('json', 'missing')}) AS {name(f)}" for f in self.fields.values()
            )
            return f"SELECT {checked} FROM ({self.raw()})"
        missing = " OR ".join(f"{name(each)} IS NULL" for each in self.fields.values())
        return f"SELECT * FROM ({self.raw()}) WHERE CASE WHEN {missing} THEN {stop('bit', 'missing')} ELSE TRUE END"

    def objects(self) -> str:
        """As `raw`, but slower, and with no row for a line that is no object: for events read in arrival time."""
        fields = self.fields.values()
        listed = ", ".join(f"{_extract(each)}::VARCHAR AS {name(each)}" for each in fields)
        return f"SELECT {listed} FROM ({self._lines()}) WHERE valid IS NOT NULL AND starts_with(ltrim(line), '{{')"

    def odd_lines(self) -> str:
        """The lines in which a field that is read is missing, with a row for each."""
        missing = " OR ".join(f"{_extract(each)} IS NULL" for each in self.fields.values())
        return f"SELECT line FROM ({self._lines()}) WHERE trim(line) <> '' AND (valid IS NULL OR {missing})"

    def _lines(self) -> str:
        """All lines as text; `valid` is NULL where a line is no JSON."""
        paths = ", ".join(text_literal(str(path)) for path in self.paths)
        lines = (
            f"read_csv([{paths}], columns={{'line': 'VARCHAR'}}, delim='\x01', quote='', escape='', header=false,"
            " auto_detect=false, max_line_size=16777216)"
        )
        return f"SELECT line, CASE WHEN json_valid(line) THEN line END AS valid FROM {lines}"


def _extract(written: str) -> str:
    """A field of a valid line, as JSON text; JSON's null is NULL."""
    return f"nullif(json_extract(valid, {text_literal('$.' + json.dumps(written))})::VARCHAR, 'null')"


def open_files(alias: str, paths: Sequence[Path]) -> Files:
    """The files of an input, after a look at their first lines. Raises NotInSql for what is not lines of objects."""
    spellings: dict[str, set[str]] = {}
    for path in paths:
        with path.open("rb") as lines:
            for number, line in enumerate(lines):
                if number >= _sampled:
                    break
                if number == 0 and not line.lstrip().startswith(b"{"):
                    raise NotInSql("no lines of objects")
                try:
                    found = records(line) if line.strip() else []
                except Undeserializable:
                    continue
                for each in found[0] if found else ():
                    spellings.setdefault(each.lower(), set()).add(each)
    if "eventenqueuedutctime" in spellings:
        raise NotInSql("events with an arrival time: the time policy needs their order")
    return Files(alias=alias, paths=paths, spellings=spellings)


def malformed(lines: Sequence[str], files: Files) -> int:
    """How many of the odd lines are no events. Raises NotInSql when one holds what the SQL has not seen."""
    count = 0
    for line in lines:
        try:
            found = records(line)
        except Undeserializable:
            count += 1
            continue
        if len(found) != 1 or not line.lstrip().startswith("{"):
            raise NotInSql("a line of several events")
        for each in found[0]:
            wanted = files.fields.get(each.lower())
            if each.lower() == "eventenqueuedutctime" or (wanted is not None and wanted != each):
                raise NotInSql(f"{each} is spelled in several ways")
    return count


def count_lines(path: Path) -> tuple[int, int]:
    """The lines of a file that are not blank, and their bytes without line ends."""
    try:
        import numpy
    except ImportError:
        return _count_slowly(path)
    ends = size = 0
    last = 10
    with path.open("rb") as file:
        while chunk := file.read(_chunk):
            codes = numpy.frombuffer(chunk, numpy.uint8)
            found = numpy.flatnonzero(codes == 10)
            starts = codes[found[:-1] + 1] if found.size and found[-1] == len(chunk) - 1 else codes[found + 1]
            # White space at the start of a line may be all of it; so may be the CR before a line's end.
            if (starts <= 32).any() or (last == 10 and chunk[0] <= 32) or b"\r" in chunk:
                return _count_slowly(path)
            ends, size, last = ends + int(found.size), size + len(chunk), chunk[-1]
    return ends + (last != 10), size - ends


def _count_slowly(path: Path) -> tuple[int, int]:
    lines = size = 0
    with path.open("rb") as file:
        for line in file:
            if line.strip():
                lines, size = lines + 1, size + len(line.rstrip(b"\r\n"))
    return lines, size
