"""A running job: events of a log in, rows that became final out, state that survives a kill."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from . import state as states
from .events import Event, Undeserializable, arrived, records
from .frame import Record
from .planner import Settings
from .query import Query, compile_query
from .stages import Row, forever
from .userdefined import Given
from .values import from_micros, to_micros
from .watermark import TimePolicy, always

Rows = dict[str, list[Row]]
metric_names = (
    "InputEvents",
    "InputEventBytes",
    "LateInputEvents",
    "EarlyInputEvents",
    "DroppedOrAdjustedEvents",
    "DeserializationError",
    "ConversionErrors",
    "OutputEvents",
)


class StreamJob:
    """Runs a query over a log whose events are pushed as they arrive.

    Rows stamped before `start` are not written (nor those at `start` if `exclusive`: to go on after a last output).
    `partitions` is how many the log has: time waits for the slowest, until `advance` says that none is behind.
    Memory holds the events of the tolerance, and the running aggregates of open windows. `functions` are those of a
    query given as text.
    """

    def __init__(
        self,
        query: Query | str,
        *,
        policy: TimePolicy | None = None,
        start: datetime,
        partitions: int = 1,
        exclusive: bool = False,
        reference: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
        functions: Given | None = None,
    ) -> None:
        self.query = compile_query(query, functions=functions) if isinstance(query, str) else query
        self._policy = policy or TimePolicy()
        self._start, self._partitions, self._exclusive = start, partitions, exclusive
        settings = Settings(
            policy=self._policy,
            partitions=partitions,
            first=to_micros(start),
            exclusive=exclusive,
            reference={alias.lower(): rows for alias, rows in (reference or {}).items()},
        )
        self._graph = self.query.graph(settings)
        self._counts: dict[str, dict[str, int]] = {alias: dict.fromkeys(metric_names, 0) for alias in self.query.inputs}
        self._written: dict[str, int] = dict.fromkeys(self.query.outputs, 0)

    def push(self, alias: str, events: Sequence[Event]) -> Rows:
        """Take events in their order of arrival; return the rows that became final, by output.

        Raises KeyError for an input the query does not read, and StreamError when the query meets a value it cannot
        handle: the job has then failed, and goes on only from an earlier state.
        """
        alias = self._alias(alias)
        readers = [reader for reader in self._graph.readers if reader.alias == alias]
        for event in events:
            arrival = to_micros(event.enqueued)
            for record in self._records(alias, event.body):
                arrived(record, event)
                for reader in readers:
                    reader.accept(record, arrival, event.partition)
        for reader in readers:
            reader.release()
        return self._take()

    def rest(self, alias: str, bodies: Iterable[bytes | str | Mapping[str, Any]], *, arrival: datetime) -> int:
        """Take data at rest, which no time policy applies to; `arrival` is its time where there is no TIMESTAMP BY.

        Gives the number of events taken.
        """
        alias = self._alias(alias)
        readers = [reader for reader in self._graph.readers if reader.alias == alias]
        taken = 0
        for body in bodies:
            for record in self._records(alias, body):
                taken += 1
                for reader in readers:
                    reader.accept_at_rest(record, to_micros(arrival))
        return taken

    def _records(self, alias: str, body: bytes | str | Mapping[str, Any]) -> list[Record]:
        counts = self._counts[alias]
        if not isinstance(body, Mapping):
            counts["InputEventBytes"] += len(body)
        try:
            found = records(body)
        except Undeserializable:
            counts["DeserializationError"] += 1
            return []
        counts["InputEvents"] += len(found)
        return found

    def advance(self, now: datetime) -> Rows:
        """The arrival clock has reached `now` on all partitions of all inputs."""
        for reader in self._graph.readers:
            reader.arrive(to_micros(now))
            reader.release()
        return self._take()

    def drain(self) -> Iterator[Rows]:
        """No event will follow: hand on what waits, inputs side by side in order of time, and close every window."""
        readers, until = self._graph.readers, always
        while until < forever:
            until = min(reader.horizon() for reader in readers)
            for reader in readers:
                reader.finish(until)
            yield self._take()

    def finish(self) -> Rows:
        """As `drain`, with all rows at once."""
        rows: Rows = {name: [] for name in self._graph.outputs}
        for piece in self.drain():
            for name, found in piece.items():
                rows[name] += found
        return rows

    def widen(self, partitions: int) -> None:
        """The log turned out to have so many partitions."""
        self._partitions = max(self._partitions, partitions)
        for reader in self._graph.readers:
            reader.widen(partitions)

    @property
    def watermark(self) -> datetime:
        """Time has come this far on every input: all rows stamped before it are written."""
        reached = min(reader.watermark for reader in self._graph.readers)
        late = max((self._policy.late if reader.timed else timedelta(0)) for reader in self._graph.readers)
        return self._start - late if reached <= always else from_micros(min(reached, _last))

    @property
    def metrics_by_input(self) -> dict[str, dict[str, int]]:
        """Metrics of each input, by Azure's names; OutputEvents belongs to the job."""
        result = {}
        for alias, counts in self._counts.items():
            total = Counter(counts)
            for reader in self._graph.readers:
                if reader.alias == alias:
                    total.update(reader.counts)
            del total["OutputEvents"]
            result[alias] = {name: total[name] for name in metric_names if name != "OutputEvents"}
        return result

    @property
    def metrics(self) -> dict[str, int]:
        """Metrics of the job, by Azure's names."""
        inputs = self.metrics_by_input.values()
        totals = {name: sum(counts.get(name, 0) for counts in inputs) for name in metric_names}
        return {**totals, "OutputEvents": sum(self._written.values())}

    @property
    def metrics_by_output(self) -> dict[str, int]:
        """Rows written so far, by output."""
        return dict(self._written)

    def state(self) -> bytes:
        """Everything `restore` needs to go on exactly here; take it after the rows returned so far are stored."""
        return states.dump(
            {
                "query": self._identity,
                "job": [self._start, self._partitions, self._exclusive, self._counts, self._written],
                "stages": [stage.state for stage in self._graph.stages],
            }
        )

    @classmethod
    def restore(
        cls,
        query: Query | str,
        state: bytes,
        *,
        policy: TimePolicy | None = None,
        reference: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
        functions: Given | None = None,
    ) -> StreamJob:
        """The job as it was when `state()` was taken. Raises ValueError when the state is another query's."""
        found: dict[str, Any] = states.load(state)
        start, partitions, exclusive, counts, written = found["job"]
        compiled = compile_query(query, functions=functions) if isinstance(query, str) else query
        job = cls(compiled, policy=policy, start=start, partitions=partitions, exclusive=exclusive, reference=reference)
        if found["query"] != job._identity:
            message = "this state belongs to another query or other functions: start the job anew from its last output"
            raise ValueError(message)
        job._counts, job._written = counts, written
        for stage, value in zip(job._graph.stages, found["stages"], strict=True):
            stage.state = value
        return job

    @property
    def _identity(self) -> list[Any]:
        """What a state belongs to: the query and the scripts of its functions."""
        scripts = {alias: function.source.script for alias, function in self.query.functions.items()}
        return [self.query.text, scripts]

    def _alias(self, alias: str) -> str:
        for known in self.query.inputs:
            if known.lower() == alias.lower():
                return known
        message = f"{self.query.name} reads no input {alias!r}: it reads {', '.join(self.query.inputs)}"
        raise KeyError(message)

    def _take(self) -> Rows:
        rows = {name: output.take() for name, output in self._graph.outputs.items()}
        for name, found in rows.items():
            self._written[name] += len(found)
        return rows


_last = to_micros(datetime.max.replace(tzinfo=from_micros(0).tzinfo))
