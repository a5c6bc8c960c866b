"""One SELECT: its columns, its WHERE, and what GROUP BY makes of it."""

from __future__ import annotations

from dataclasses import fields

from .analytic import History, IsFirst, compile_analytic, is_analytic
from .errors import Refused
from .expressions import ExpressionCompiler
from .grouping import Grouped, WindowGrouping
from .measures import Measure, is_measure, measure_of
from .merging import Merge
from .scope import Compiled, Evaluate, Scope
from .session import SessionGrouping
from .sliding import SlidingGrouping
from .stages import Projection, Stage, projection
from .syntax import Call, Column, Expression, Field, Node, Select, Star, walk
from .windows import Window, windows_of


class Selecting:
    """The compiled parts of a SELECT over `scope`. Raises Refused.

    `functions` are its analytic functions, `where` its condition, `columns` its columns by lower-case name (None when
    SELECT * leaves them to the data), `stages()` what turns its rows into records.
    """

    def __init__(self, select: Select, scope: Scope) -> None:
        self._select, self._scope = select, scope
        self.functions: list[IsFirst | History] = []
        self._slots: dict[Expression, Compiled] = {}
        self._analytics()
        self._rows = ExpressionCompiler(scope, self._slots.get)
        self.where = self._rows.condition(select.where) if select.where is not None else None
        self._measures: list[Measure] = []
        self._keys: list[Evaluate] = []
        self._windows: tuple[Window, ...] = ()
        self._grouped = self._group() if select.group else None
        if self._grouped is None:
            self._no_groups()
        self.columns: dict[str, tuple[str, str | None]] | None = {}
        self._parts = self._project()

    def stages(self) -> tuple[list[Stage], Stage]:
        """Fresh stages that each take every row that passes WHERE, and the one that hands on the records."""
        if self._grouped is None:
            stage: Stage = Projection(projection(self._parts))
            return [stage], stage
        having = self._grouped.condition(self._select.having) if self._select.having is not None else None
        grouped = Grouped(
            keys=tuple(self._keys),
            measures=tuple(self._measures),
            having=having,
            project=projection(self._parts),
            scope=self._scope,
        )
        if all(window.aligned for window in self._windows):
            stage = WindowGrouping(grouped, self._windows)
            return [stage], stage
        stages = [self._grouping(grouped, window) for window in self._windows]
        if len(stages) == 1:
            return stages, stages[0]
        merge = Merge(len(stages))
        for each, port in zip(stages, merge.ports, strict=True):
            each.then(port)
        return stages, merge

    def _grouping(self, grouped: Grouped, window: Window) -> Stage:
        if window.kind == "sliding":
            return SlidingGrouping(grouped, window)
        if window.kind == "session":
            partition = tuple(self._rows.compile(key).evaluate for key in window.partition)
            return SessionGrouping(grouped, window, partition)
        return WindowGrouping(grouped, (window,))

    def _analytics(self) -> None:
        plain = ExpressionCompiler(self._scope)
        for node in (found for part in _parts(self._select) for found in walk(part)):
            if isinstance(node, Call) and is_analytic(node) and node not in self._slots:
                function, kind = compile_analytic(node, plain)
                self._slots[node] = _slot(len(self.functions), kind)
                self.functions.append(function)

    def _no_groups(self) -> None:
        if self._select.having is not None:
            raise Refused("HAVING needs GROUP BY", self._select.having.at)
        for item in self._select.items:
            for node in walk(item.value):
                if isinstance(node, Call) and is_measure(node) and node not in self._slots:
                    raise Refused(f"{node.name} needs GROUP BY with a window", node.at)

    def _group(self) -> ExpressionCompiler:
        """Split GROUP BY into windows and keys; the compiler that it returns sees groups, not rows."""
        slots: dict[object, Compiled] = {}
        for node in self._select.group:
            windows = windows_of(node)
            if windows is not None:
                if self._windows:
                    raise Refused("GROUP BY has one window; several stand in Windows(Window('id', …), …)", node.at)
                self._windows = windows
                continue
            compiled = self._rows.compile(node)
            slots[self._identity(node)] = _slot(len(self._keys), compiled.type)
            self._keys.append(compiled.evaluate)
        if not self._windows:
            raise Refused("GROUP BY needs a window: TumblingWindow(…), System.Timestamp() …", self._select.group[0].at)

        def special(node: Expression) -> Compiled | None:
            if isinstance(node, Call) and is_measure(node) and node not in self._slots:
                measure = measure_of(node, self._rows)
                self._measures.append(measure)
                return _slot(len(self._keys) + len(self._measures) - 1, measure.returns)
            if isinstance(node, Call) and node.name.upper() == "SYSTEM.WINDOW":
                return Compiled(type="record", evaluate=lambda frame: {"Id": frame.window.id})
            if _is_window_id(node):
                return Compiled(type="nvarchar(max)", evaluate=lambda frame: frame.window.id)
            found = slots.get(self._identity(node))
            if found is None and isinstance(node, Column):
                self._scope.resolve(node)
            if found is None and (isinstance(node, Column) or node in self._slots):
                name = ".".join(node.parts) if isinstance(node, Column) else getattr(node, "name", "this")
                raise Refused(f"{name} is neither in GROUP BY nor in an aggregate", node.at)
            return found

        return ExpressionCompiler(self._scope, special)

    def _identity(self, node: object) -> object:
        """What makes two expressions the same: columns by source and path, functions by name, all in any case."""
        if isinstance(node, Column):
            try:
                index, path = self._scope.resolve(node)
            except Refused:
                # A unit of time, or a name that is refused where the expression is compiled.
                return tuple(part.lower() for part in node.parts)
            return index, tuple(part.lower() for part in path)
        if isinstance(node, Node):
            parts = {item.name: self._identity(getattr(node, item.name)) for item in fields(node) if item.compare}
            return type(node), tuple({**parts, "name": str(parts.get("name")).lower()}.items())
        return tuple(self._identity(each) for each in node) if isinstance(node, tuple) else (type(node), node)

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
        relations = self._scope.relations
        if self._grouped is not None:
            raise Refused("SELECT * cannot be grouped: name the columns", star.at)
        index = 0 if not star.parts else self._scope.source(star.parts[0])
        if not star.parts and len(relations) > 1:
            raise Refused("SELECT * has no meaning in a JOIN: write source.* or name the columns", star.at)
        if index is None or len(star.parts) > 1:
            record = self._scope.column(Column(parts=star.parts, at=star.at))
            self.columns = None
            return [(None, record.evaluate)]
        known = relations[index].columns
        if known is None:
            self.columns = None
            return [(None, lambda frame: frame.records[index])]
        parts: list[tuple[str | None, Evaluate]] = []
        for name, kind in known.values():
            self._column(name, kind, star.at)
            column = Column(parts=(relations[index].alias, name), at=star.at)
            parts.append((name, self._scope.column(column).evaluate))
        return parts


def _parts(select: Select) -> list[Expression]:
    """The expressions of a SELECT in which an analytic function may stand."""
    parts = [item.value for item in select.items if not isinstance(item.value, Star)]
    return [*parts, *([select.where] if select.where is not None else []), *select.group]


def _slot(index: int, kind: str | None) -> Compiled:
    return Compiled(type=kind, evaluate=lambda frame: frame.values[index])


def _is_window_id(node: Expression) -> bool:
    return (
        isinstance(node, Field)
        and isinstance(node.operand, Call)
        and node.operand.name.upper() == "SYSTEM.WINDOW"
        and node.name.upper() == "ID"
    )


def _name(value: Expression) -> str:
    """The name of a column without AS. Raises Refused where there is none."""
    if isinstance(value, Column):
        return value.parts[-1]
    if isinstance(value, Field):
        return value.name
    if isinstance(value, Call):
        return value.name.rpartition(".")[2]
    raise Refused("this column needs a name: write … AS name", value.at)
