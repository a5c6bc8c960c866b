"""A parsed query to a graph of stages, with every name, window and function checked on the way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

from .analytic import Analytics
from .errors import Refused
from .expressions import ExpressionCompiler
from .scope import Relation, Scope
from .selecting import Selecting
from .stages import Filter, Output, Stage
from .syntax import Call, Query, Script, Select, Source, Union, walk
from .watermark import Reader, TimePolicy

S = TypeVar("S", bound=Stage)
Columns = dict[str, tuple[str, str | None]]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a run adds to a query."""

    policy: TimePolicy = field(default_factory=TimePolicy)
    partitions: int = 1
    first: int = -(2**63)
    exclusive: bool = False


@dataclass(kw_only=True)
class Graph:
    """The stages of one run. `columns` of an output are None when SELECT * leaves them to the data."""

    readers: list[Reader] = field(default_factory=list)
    stages: list[Stage] = field(default_factory=list)
    outputs: dict[str, Output] = field(default_factory=dict)
    columns: dict[str, Columns | None] = field(default_factory=dict)


def plan(script: Script, text: str, name: str, settings: Settings) -> Graph:
    """The graph of a query. Raises Refused."""
    return _Planner(script, text, name, settings).graph


class _Planner:
    def __init__(self, script: Script, text: str, name: str, settings: Settings) -> None:
        self._text, self._name, self._settings = text, name, settings
        self.graph = Graph()
        self._steps: dict[str, tuple[Stage, Columns | None]] = {}
        self._readers: dict[tuple[object, ...], Reader] = {}
        if script.tables:
            raise Refused("CREATE TABLE is not supported: CAST or TRY_CAST the columns", script.tables[0].at)
        for step in script.steps:
            if step.name.lower() in self._steps:
                raise Refused(f"there are two steps {step.name}", step.at)
            self._steps[step.name.lower()] = self._query(step.query)
        for query in script.outputs:
            self._output(query)

    def _output(self, query: Query) -> None:
        selects = query.selects if isinstance(query, Union) else (query,)
        name = selects[0].into or "output"
        for select in selects[1:]:
            if select.into is not None:
                raise Refused("INTO stands in the first SELECT of a UNION", select.at)
        if name.lower() in (known.lower() for known in self.graph.outputs):
            raise Refused(f"two SELECT write to the output {name}: join them by UNION", query.at)
        stage, columns = self._query(query, output=True)
        output = self._add(Output(self._settings.first, self._settings.exclusive))
        stage.then(output)
        self.graph.outputs[name] = output
        self.graph.columns[name] = columns

    def _add(self, stage: S) -> S:
        self.graph.stages.append(stage)
        return stage

    def _query(self, query: Query, *, output: bool = False) -> tuple[Stage, Columns | None]:
        if isinstance(query, Union):
            raise Refused("UNION is not supported", query.at)
        if query.into is not None and not output:
            raise Refused("INTO stands in the last SELECT, not in a step", query.at)
        return self._select(query)

    def _select(self, select: Select) -> tuple[Stage, Columns | None]:
        if select.joins:
            raise Refused("JOIN is not supported", select.joins[0].at)
        if select.applies:
            raise Refused(
                f"{'OUTER' if select.applies[0].outer else 'CROSS'} APPLY is not supported", select.applies[0].at
            )
        stage, relation = self._source(select.source)
        scope = Scope(relations=(relation,), text=self._text, name=self._name)
        selecting = Selecting(select, scope)
        if selecting.functions:
            stage = stage.then(self._add(Analytics(selecting.functions)))
        if selecting.where is not None:
            stage = stage.then(self._add(Filter(selecting.where)))
        return stage.then(self._add(selecting.stage())), selecting.columns

    def _source(self, source: Source) -> tuple[Stage, Relation]:
        if source.query is not None:
            stage, columns = self._query(source.query)
            return stage, Relation(alias=source.alias, columns=columns)
        step = self._steps.get(source.name.lower())
        if step is not None:
            if source.timestamp is not None:
                raise Refused("TIMESTAMP BY stands where an input is read, not after a step", source.timestamp.at)
            return step[0], Relation(alias=source.alias, columns=step[1])
        if source.over is not None:
            raise Refused("TIMESTAMP BY … OVER (substreams) is not supported", source.over.at)
        if source.partition is not None:
            raise Refused("PARTITION BY is not supported", source.partition.at)
        return self._reader(source), Relation(alias=source.alias, columns=None)

    def _reader(self, source: Source) -> Reader:
        """One reader for each distinct way an input is read; the input keeps the spelling it has first."""
        key = (source.name.lower(), source.timestamp)
        reader = self._readers.get(key)
        if reader is None:
            alias = next((r.alias for r in self.graph.readers if r.alias.lower() == source.name.lower()), source.name)
            timestamp = None
            if source.timestamp is not None:
                _no_functions_of_time(source.timestamp)
                relation = Relation(alias=source.alias, columns=None)
                scope = Scope(relations=(relation,), text=self._text, name=self._name)
                compiled = ExpressionCompiler(scope).compile(source.timestamp)
                if compiled.type not in ("datetime", "nvarchar(max)", None):
                    raise Refused(f"TIMESTAMP BY takes a datetime, this is a {compiled.type}", source.timestamp.at)
                timestamp = compiled.evaluate
            reader = Reader(alias, timestamp, self._settings.policy, self._settings.partitions)
            self._readers[key] = self._add(reader)
            self.graph.readers.append(reader)
        return reader


def _no_functions_of_time(timestamp: object) -> None:
    for node in walk(timestamp):  # type: ignore[arg-type]
        if isinstance(node, Call) and node.name.upper() == "SYSTEM.TIMESTAMP":
            raise Refused("System.Timestamp() has no value inside TIMESTAMP BY", node.at)
