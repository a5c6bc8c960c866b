"""JSON-lines files as a table of DuckDB: which fields are read, and what is known of the lines that are no events."""

# ruff: noqa: S608 - the SQL is made of the query's quoted names and runs in a database of its own
from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .events import Undeserializable, records
from .sqltext import NotInSql, Sql, name, stop, text_literal

_sampled = 200
# DuckDB's buffers are as large as twice the longest line: no event of a hub is longer than this.
_longest = 1 << 20


@dataclass(kw_only=True)
class Files:
    """The files of one input. `spellings` are the field names of the first lines, by their lower case.

    `asked` counts how often the query names a field; one of `texts` is read as its text, which is quicker: a number
    and a text of the same digits are then the same.
    """

    alias: str
    paths: Sequence[Path]
    spellings: dict[str, set[str]]
    fields: dict[str, str] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    texts: set[str] = field(default_factory=set)

    def column(self, wanted: str) -> Sql:
        """A field as JSON text, entered among those read. Raises NotInSql when it is spelled in several ways."""
        found = self.spellings.get(wanted.lower(), {wanted})
        if len(found) > 1:
            raise NotInSql(f"{wanted} is spelled in several ways")
        self.fields[wanted.lower()] = next(iter(found))
        self.asked[wanted.lower()] += 1
        return Sql(text=name(self.fields[wanted.lower()]), type="json")

    def raw(self) -> str:
        """The fields that are read, as JSON text; a line that is no object gives NULL everywhere."""
        paths = ", ".join(text_literal(str(path)) for path in self.paths)
        kinds = {each: "VARCHAR" if folded in self.texts else "JSON" for folded, each in self.fields.items()}
        columns = ", ".join(f"{text_literal(each)}: '{kind}'" for each, kind in kinds.items())
        options = f"format='newline_delimited', ignore_errors=true, maximum_object_size={_longest}"
        read = f"read_json([{paths}], {options}, columns={{{columns}}})"
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
