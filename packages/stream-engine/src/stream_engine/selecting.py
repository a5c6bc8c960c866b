"""One SELECT: its columns, its WHERE, and what GROUP BY makes of it."""

from __future__ import annotations

from .aggregates import aggregates, count_distinct
from .analytic import IsFirst
from .errors import Refused
from .expressions import ExpressionCompiler
from .grouping import Grouped, Measure, WindowGrouping
from .scope import Compiled, Evaluate, Scope
from .stages import Projection, Stage, projection
from .syntax import Call, Column, Expression, Field, Select, Star, walk
from .windows import Window, duration, unit_of, window_of

_one = Compiled(type="bigint", evaluate=lambda _: 1)


class Selecting:
    """The compiled parts of a SELECT over `scope`. Raises Refused.

    `functions` are its analytic functions, `where` its condition, `columns` its columns by lower-case name (None when
    SELECT * leaves them to the data), `stage()` what turns its rows into records.
    """

    def __init__(self, select: Select, scope: Scope) -> None:
        self._select, self._scope = select, scope
        self.functions: list[IsFirst] = []
        self._slots: dict[Expression, Compiled] = {}
        plain = ExpressionCompiler(scope)
        for node in (found for part in _parts(select) for found in walk(part)):
            if isinstance(node, Call) and node.name.upper() == "ISFIRST" and node not in self._slots:
                self._slots[node] = _slot(len(self.functions), "bigint")
                self.functions.append(_is_first(node, plain))
        self._rows = ExpressionCompiler(scope, self._slots.get)
        self.where = self._rows.condition(select.where) if select.where is not None else None
        self._measures: list[Measure] = []
        self._keys: list[Evaluate] = []
        self._windows: list[Window] = []
        self._grouped = self._group() if select.group else None
        if self._grouped is None and select.having is not None:
            raise Refused("HAVING needs GROUP BY", select.having.at)
        if self._grouped is None:
            self._no_aggregates()
        self.columns: dict[str, tuple[str, str | None]] | None = {}
        self._parts = self._project()

    def stage(self) -> Stage:
        """A fresh stage, to be fed with the rows that pass WHERE."""
        if self._grouped is None:
            return Projection(projection(self._parts))
        having = self._grouped.condition(self._select.having) if self._select.having is not None else None
        grouped = Grouped(
            keys=tuple(self._keys),
            measures=tuple(self._measures),
            having=having,
            project=projection(self._parts),
            scope=self._scope,
        )
        return WindowGrouping(grouped, tuple(self._windows))

    def _no_aggregates(self) -> None:
        for item in self._select.items:
            for node in walk(item.value):
                if isinstance(node, Call) and node.name.upper() in aggregates and node.over is None:
                    raise Refused(f"{node.name} needs GROUP BY with a window", node.at)

    def _group(self) -> ExpressionCompiler:
        """Split GROUP BY into windows and keys; the compiler that it returns sees groups, not rows."""
        slots: dict[object, Compiled] = {}
        for node in self._select.group:
            window = window_of(node)
            if window is not None:
                if self._windows:
                    raise Refused("GROUP BY has one window; several stand in Windows(Window('id', …), …)", node.at)
                self._windows.append(window)
                continue
            compiled = self._rows.compile(node)
            slots[self._identity(node)] = _slot(len(self._keys), compiled.type)
            self._keys.append(compiled.evaluate)
        if not self._windows:
            raise Refused("GROUP BY needs a window: TumblingWindow(…), System.Timestamp() …", self._select.group[0].at)

        def special(node: Expression) -> Compiled | None:
            if isinstance(node, Call) and node.name.upper() in aggregates and node.over is None:
                return self._measure(node)
            found = slots.get(self._identity(node))
            if found is None and isinstance(node, Column):
                raise Refused(f"{'.'.join(node.parts)} is neither in GROUP BY nor in an aggregate", node.at)
            return found

        return ExpressionCompiler(self._scope, special)

    def _identity(self, node: Expression) -> object:
        """What makes two expressions the same: columns by source and path, in any case."""
        if isinstance(node, Column):
            index, path = self._scope.resolve(node)
            return index, tuple(part.lower() for part in path)
        return node

    def _measure(self, node: Call) -> Compiled:
        aggregate = aggregates[node.name.upper()]
        if len(node.arguments) != 1:
            raise Refused(f"{node.name} takes one argument, found {len(node.arguments)}", node.at)
        argument = node.arguments[0]
        if isinstance(argument, Star):
            if aggregate.name != "COUNT" or node.distinct:
                raise Refused(f"only COUNT takes *, not {node.name}", argument.at)
            compiled = _one
        else:
            compiled = self._rows.compile(argument)
        if node.distinct and aggregate.name != "COUNT":
            raise Refused(f"{node.name}(DISTINCT …) is not supported, only COUNT(DISTINCT …)", node.at)
        measure = Measure(
            aggregate=count_distinct if node.distinct else aggregate, argument=compiled.evaluate, at=node.at
        )
        self._measures.append(measure)
        return _slot(len(self._keys) + len(self._measures) - 1, aggregate.returns(compiled.type))

    def _project(self) -> list[tuple[str | None, Evaluate]]:
        """Name and function of each column; the columns' types go to `columns`."""
        compiler = self._grouped or self._rows
        parts: list[tuple[str | None, Evaluate]] = []
        for item in self._select.items:
            if isinstance(item.value, Star):
                parts += self._star(item.value)
                continue
            name = item.alias or _name(item.value)
            compiled = compiler.compile(item.value)
            self._column(name, compiled.type, item.at)
            parts.append((name, compiled.evaluate))
        return parts

    def _column(self, name: str, kind: str | None, at: int) -> None:
        if self.columns is None:
            return
        if name.lower() in self.columns:
            raise Refused(f"there are two columns {name}", at)
        self.columns[name.lower()] = (name, kind)

    def _star(self, star: Star) -> list[tuple[str | None, Evaluate]]:
        if self._grouped is not None:
            raise Refused("SELECT * cannot be grouped: name the columns", star.at)
        index = 0 if star.source is None else self._scope.source(star.source)
        if index is None:
            raise Refused(f"there is no source {star.source}", star.at)
        if star.source is None and len(self._scope.relations) > 1:
            raise Refused("SELECT * has no meaning in a JOIN: write source.* or name the columns", star.at)
        known = self._scope.relations[index].columns
        if known is None:
            self.columns = None
            return [(None, lambda frame: frame.records[index])]
        parts: list[tuple[str | None, Evaluate]] = []
        for name, kind in known.values():
            self._column(name, kind, star.at)
            parts.append((name, self._scope.column(Column(parts=(self._alias(index), name), at=star.at)).evaluate))
        return parts

    def _alias(self, index: int) -> str:
        return self._scope.relations[index].alias


def _parts(select: Select) -> list[Expression]:
    """The expressions of a SELECT in which an analytic function may stand."""
    parts = [item.value for item in select.items if not isinstance(item.value, Star)]
    return [*parts, *([select.where] if select.where is not None else []), *select.group]


def _slot(index: int, kind: str | None) -> Compiled:
    return Compiled(type=kind, evaluate=lambda frame: frame.values[index])


def _is_first(node: Call, compiler: ExpressionCompiler) -> IsFirst:
    if len(node.arguments) != 2:
        raise Refused("ISFIRST takes (unit, n)", node.at)
    unit_of(node.arguments[0])
    size = duration(node)
    over = node.over
    if over is not None and (over.order or over.limit):
        raise Refused("ISFIRST takes OVER (PARTITION BY … WHEN …) only", over.at)
    partition = tuple(compiler.compile(part).evaluate for part in over.partition) if over else ()
    when = compiler.condition(over.when) if over and over.when is not None else None
    return IsFirst(Window(kind="tumbling", size=size, hop=size), partition, when)


def _name(value: Expression) -> str:
    """The name of a column without AS. Raises Refused where there is none."""
    if isinstance(value, Column):
        return value.parts[-1]
    if isinstance(value, Field):
        return value.name
    if isinstance(value, Call):
        return value.name.rpartition(".")[2]
    raise Refused("this column needs a name: write … AS name", value.at)
