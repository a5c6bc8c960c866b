"""What an SQL statement selects from: an input's files, a step, or two of them joined. All have `__time` in µs."""

# ruff: noqa: S608 - the SQL is made of the query's quoted names and runs in a database of its own
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from .bounds import terms, time_bound
from .scope import Relation, Scope
from .sqlexpressions import SqlExpressions
from .sqlsource import Files
from .sqltext import NotInSql, Sql, key, moment, name, stop
from .syntax import Binary, Column, Expression, Join, walk

# By lower-case name: the name as written and its type.
SqlColumns = dict[str, tuple[str, str]]


class Table(Protocol):
    """`text` is asked for last: only then is known which fields of an input are read."""

    @property
    def alias(self) -> str: ...

    @property
    def columns(self) -> SqlColumns | None: ...

    def field(self, column: Column) -> Sql: ...

    def text(self) -> str: ...


def _parts(column: Column, alias: str) -> str:
    parts = column.parts[1:] if len(column.parts) > 1 and column.parts[0].lower() == alias.lower() else column.parts
    if len(parts) != 1:
        raise NotInSql("fields of records")
    return parts[0]


@dataclass(kw_only=True)
class StepTable:
    """The result of a step or a subquery."""

    alias: str
    columns: SqlColumns
    sql: str

    def field(self, column: Column) -> Sql:
        known = self.columns.get(_parts(column, self.alias).lower())
        if known is None:
            raise NotInSql("an unknown column")
        return Sql(text=name(known[0]), type=known[1])

    def text(self) -> str:
        return self.sql


@dataclass(kw_only=True)
class FileTable:
    """An input; `time` is the SQL of an event's time, `stamp` its field, if it is one. See `Files` for `strict`."""

    alias: str
    files: Files
    strict: bool
    filtered: bool
    time: str = ""
    stamp: str = ""
    columns: None = None

    def field(self, column: Column) -> Sql:
        return self.files.column(_parts(column, self.alias))

    def text(self) -> str:
        if not self.files.fields:
            raise NotInSql("an input of which no field is read")
        if self.strict:
            time = f"COALESCE({self._quick_time()}, {stop('bigint', 'no time')})"
            return f"SELECT *, {time} AS __time FROM ({self.files.strict(filtered=self.filtered)})"
        rows = self.files.objects() if self.time.isdigit() else self.files.raw()
        return f"SELECT * FROM (SELECT *, {self.time} AS __time FROM ({rows})) WHERE __time IS NOT NULL"

    def _quick_time(self) -> str:
        """The time; from plain text when nothing else asks for the field: no number looks like a datetime."""
        if self.files.asked[self.stamp] != 1:
            return self.time
        self.files.texts.add(self.stamp)
        return f"epoch_us({moment(name(self.files.fields[self.stamp]))})"


@dataclass(kw_only=True)
class JoinTable:
    """The inner JOIN of two streams: time is cut into buckets as long as its bounds, so that it too is an equality."""

    left: Table
    right: Table
    on: str
    bounds: tuple[int, int]
    used: dict[str, str] = field(default_factory=dict)
    alias: str = ""
    columns: None = None

    def field(self, column: Column) -> Sql:
        found, side = _side_of(column, self.left, self.right)
        slot = f"__{side}{found.text.strip(chr(34))}"
        self.used[slot] = f"{side}.{found.text}"
        return Sql(text=name(slot), type=found.type)

    def text(self) -> str:
        low, high = self.bounds
        width = max(high - low, 1_000_000)
        first, second, once = self._sides()
        left = f"SELECT *, __time // {width} AS __bucket FROM ({first})"
        buckets = f"range((__time - ({high})) // {width}, (__time - ({low})) // {width} + 1)"
        right = f"SELECT *, unnest({buckets}) AS __bucket FROM ({second})"
        listed = "".join(f"{text} AS {name(slot)}, " for slot, text in self.used.items())
        within = f"r.__time - l.__time BETWEEN {low} AND {high}"
        return (
            f"{once}SELECT {listed}greatest(l.__time, r.__time) AS __time FROM ({left}) l JOIN ({right}) r"
            f" ON l.__bucket = r.__bucket AND {within} AND {self.on}"
        )

    def _sides(self) -> tuple[str, str, str]:
        """Both sides, and what comes before: an input that joins itself is read once."""
        left, right = self.left, self.right
        if not isinstance(left, FileTable) or not isinstance(right, FileTable):
            return left.text(), right.text(), ""
        if left.files.alias != right.files.alias or left.time != right.time:
            return left.text(), right.text(), ""
        left.files.fields.update(right.files.fields)
        left.files.asked.update(right.files.asked)
        return "SELECT * FROM __both", "SELECT * FROM __both", f"WITH __both AS MATERIALIZED ({left.text()}) "


def _side_of(column: Column, left: Table, right: Table) -> tuple[Sql, str]:
    """A column of a JOIN and its side; it must be written with its source's alias."""
    for table, side in ((left, "l"), (right, "r")):
        if len(column.parts) > 1 and column.parts[0].lower() == table.alias.lower():
            return table.field(column), side
    raise NotInSql("a column of a JOIN without its source")


def join_tables(join: Join, left: Table, right: Table) -> JoinTable:
    """The inner JOIN of two tables. Raises NotInSql."""
    if join.left:
        raise NotInSql("LEFT JOIN")
    relations = tuple(Relation(alias=table.alias, columns=None) for table in (left, right))
    scope = Scope(relations=relations, text="", name="")
    low, high = -(2**62), 2**62
    conditions = []
    for term in terms(join.on):
        bound = time_bound(term, scope)
        if bound is not None:
            low, high = max(low, bound[1]), min(high, bound[2])
        else:
            conditions.append(_condition(term, left, right))
    if low <= -(2**62) or high >= 2**62 or high < low:
        raise NotInSql("a JOIN without bounds of time")
    return JoinTable(left=left, right=right, on=" AND ".join(conditions or ["TRUE"]), bounds=(low, high))


def _condition(term: Expression, left: Table, right: Table) -> str:
    def found(column: Column) -> Sql:
        sql, side = _side_of(column, left, right)
        return Sql(text=f"{side}.{sql.text}", type=sql.type)

    def sides_of(node: Expression) -> set[str]:
        return {_side_of(each, left, right)[1] for each in walk(node) if isinstance(each, Column)}

    rows = SqlExpressions(field=found)
    if isinstance(term, Binary) and term.operator == "=":
        sides = [sides_of(term.left), sides_of(term.right)]
        if sides in ([{"l"}, {"r"}], [{"r"}, {"l"}]):
            first, second = key(rows.compile(term.left)), key(rows.compile(term.right))
            if first.type != second.type:
                raise NotInSql("a JOIN of different types")
            return f"{first.text} = {second.text}"
    return rows.condition(term)
