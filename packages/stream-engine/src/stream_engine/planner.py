"""A parsed query to a graph of stages, with every name, window and function checked on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from .analytic import Analytics
from .applying import compile_apply
from .bounds import compile_on, has_time
from .errors import Refused
from .expressions import ExpressionCompiler
from .joining import ReferenceJoin, StreamJoin
from .merging import Merge
from .reading import Shape, compile_reader
from .scope import Columns, Functions, Relation, Scope
from .selecting import Selecting
from .stages import Filter, Output, Stage
from .syntax import Column, Join, Query, Script, Select, Source, Table, Union
from .watermark import Reader, TimePolicy

S = TypeVar("S", bound=Stage)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a run adds to a query: outputs before `first` (or at it, if `exclusive`) are not written."""

    policy: TimePolicy = field(default_factory=TimePolicy)
    partitions: int = 1
    first: int = -(2**63)
    exclusive: bool = False
    reference: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)


@dataclass(kw_only=True)
class Graph:
    """The stages of one run. `columns` of an output are None when SELECT * leaves them to the data."""

    readers: list[Reader] = field(default_factory=list)
    references: list[str] = field(default_factory=list)
    stages: list[Stage] = field(default_factory=list)
    outputs: dict[str, Output] = field(default_factory=dict)
    columns: dict[str, Columns | None] = field(default_factory=dict)


def plan(script: Script, text: str, name: str, settings: Settings, functions: Functions) -> Graph:
    """The graph of a query. Raises Refused."""
    return _Planner(script, Scope(relations=(), text=text, name=name, functions=functions), settings).graph


class _Planner:
    def __init__(self, script: Script, place: Scope, settings: Settings) -> None:
        self._place, self._settings = place, settings
        self.graph = Graph()
        self._steps: dict[str, tuple[Stage, Columns | None]] = {}
        self._readers: dict[tuple[object, ...], Reader] = {}
        self._tables: dict[str, Table] = {table.name.lower(): table for table in script.tables}
        for step in script.steps:
            if step.name.lower() in self._steps:
                raise Refused(f"there are two steps {step.name}", step.at)
            self._steps[step.name.lower()] = self._query(step.query)
        for query in script.outputs:
            self._output(query)

    def _output(self, query: Query) -> None:
        selects = query.selects if isinstance(query, Union) else (query,)
        name = next((select.into for select in selects if select.into), "output")
        if name.lower() in (known.lower() for known in self.graph.outputs):
            raise Refused(f"two SELECT write to the output {name}: join them by UNION", query.at)
        stage, columns = self._query(query, output=name)
        self.graph.outputs[name] = stage.then(self._add(Output(self._settings.first, self._settings.exclusive)))
        self.graph.columns[name] = columns

    def _add(self, stage: S) -> S:
        self.graph.stages.append(stage)
        return stage

    def _query(self, query: Query, *, output: str | None = None) -> tuple[Stage, Columns | None]:
        selects = query.selects if isinstance(query, Union) else (query,)
        for select in selects:
            if select.into is not None and select.into != output:
                raise Refused("INTO stands in a SELECT that writes to one output, not in a step", select.at)
        results = [self._select(select) for select in selects]
        if len(results) == 1:
            return results[0]
        merge = self._add(Merge(len(results)))
        for (stage, _), port in zip(results, merge.ports, strict=True):
            stage.then(port)
        return merge, _union([columns for _, columns in results], selects)

    def _select(self, select: Select) -> tuple[Stage, Columns | None]:
        stage, relation = self._source(select.source)
        relations = [relation]
        span = 0
        for join in select.joins:
            stage, relation, reach = self._join(stage, join, relations, span)
            relations.append(relation)
            span += reach
        for apply in select.applies:
            applying, relation = compile_apply(apply, ExpressionCompiler(self._scope(relations)))
            stage = stage.then(self._add(applying))
            relations.append(relation)
        scope = self._scope(relations)
        if select.source.partition is not None:
            _keyed_by(select, scope)
        selecting = Selecting(select, scope)
        if selecting.functions:
            stage = stage.then(self._add(Analytics(selecting.functions)))
        if selecting.where is not None:
            stage = stage.then(self._add(Filter(selecting.where)))
        entries, last = selecting.stages()
        for entry in entries:
            stage.then(self._add(entry))
        return last if last in entries else self._add(last), selecting.columns

    def _scope(self, relations: Sequence[Relation]) -> Scope:
        return self._place.of(*relations)

    def _join(self, left: Stage, join: Join, relations: list[Relation], span: int) -> tuple[Stage, Relation, int]:
        """The joined stream, its new source, and by how much its rows' times can be later than their sources'."""
        source = join.source
        right: Stage | None = None
        if has_time(join):
            right, relation = self._source(source)
        elif source.query is None and source.timestamp is None and source.name.lower() not in self._steps:
            relation = Relation(alias=source.alias, columns=None)
        else:
            raise Refused("a JOIN of streams needs DATEDIFF(unit, left, right) BETWEEN … AND … in ON", join.on.at)
        on = compile_on(join, self._scope([*relations, relation]), span)
        if right is None or on.bounds is None:
            if source.name not in self.graph.references:
                self.graph.references.append(source.name)
            rows = self._settings.reference.get(source.name.lower(), ())
            stage = left.then(self._add(ReferenceJoin(on.matching, [dict(row) for row in rows])))
            return stage, relation, 0
        stage = self._add(StreamJoin(on.matching, on.bounds))
        left.then(stage.ports[0])
        right.then(stage.ports[1])
        return stage, relation, max(abs(on.bounds.least), abs(on.bounds.most))

    def _source(self, source: Source) -> tuple[Stage, Relation]:
        if source.query is not None:
            stage, columns = self._query(source.query)
            return stage, Relation(alias=source.alias, columns=columns)
        step = self._steps.get(source.name.lower())
        if step is not None:
            if source.timestamp is not None:
                raise Refused("TIMESTAMP BY stands where an input is read, not after a step", source.timestamp.at)
            return step[0], Relation(alias=source.alias, columns=step[1])
        shape = Shape(table=self._tables.get(source.name.lower()), place=self._place)
        return self._reader(source, shape), shape.relation(source.alias)

    def _reader(self, source: Source, shape: Shape) -> Reader:
        """One reader for each distinct way an input is read; the input keeps the spelling it has first."""
        key = (source.name.lower(), source.timestamp, source.over)
        if key not in self._readers:
            known = (reader.alias for reader in self.graph.readers if reader.alias.lower() == source.name.lower())
            alias = next(known, source.name)
            reader = compile_reader(alias, source, shape, self._settings.policy, self._settings.partitions)
            self._readers[key] = self._add(reader)
            self.graph.readers.append(reader)
        return self._readers[key]


def _keyed_by(select: Select, scope: Scope) -> None:
    """PARTITION BY makes each partition its own stream: grouping must keep them apart. Raises Refused."""
    keys = [scope.resolve(node) for node in select.group if isinstance(node, Column)]
    for partition in select.source.partition or ():
        if not isinstance(partition, Column):
            raise Refused("PARTITION BY takes columns", partition.at)
        if select.group and scope.resolve(partition) not in keys:
            raise Refused("a source with PARTITION BY is grouped by its partition key too", select.group[0].at)


def _union(all_columns: list[Columns | None], selects: Sequence[Select]) -> Columns | None:
    """The columns of a UNION: the same names everywhere; a type only where all agree. Raises Refused."""
    first = all_columns[0]
    for columns, select in zip(all_columns[1:], selects[1:], strict=True):
        if first is not None and columns is not None and list(first) != list(columns):
            names = ", ".join(name for name, _ in first.values())
            raise Refused(f"the columns of a UNION have the same names in the same order: {names}", select.at)
    if first is None or any(columns is None for columns in all_columns):
        return None
    merged: Columns = {}
    for folded, (name, kind) in first.items():
        kinds = {columns[folded][1] for columns in all_columns if columns is not None}
        merged[folded] = (name, kind if len(kinds) == 1 else "float" if kinds == {"bigint", "float"} else None)
    return merged
