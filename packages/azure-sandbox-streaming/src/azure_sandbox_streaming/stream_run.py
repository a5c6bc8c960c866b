"""One running stream job: reads its hubs, runs the query, writes what became final, and survives `kill -9`.

State, read positions, waiting rows and the files to be written are stored as one row before a file is written. After a
kill those files are written again under the same names, and what was read since then is read again: no file came of it.
So nothing is lost and nothing is doubled.
"""

import asyncio
import math
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
from azure_sandbox.context import Sandbox
from azure_sandbox.errors import AzureError
from azure_sandbox_storage.blobs import Blobs

from azure_sandbox_streaming.event_log import EventLog
from azure_sandbox_streaming.stream_output import Batches, File, Target

TABLE = "CREATE TABLE IF NOT EXISTS streams (job TEXT PRIMARY KEY, record BLOB NOT NULL, files BLOB)"
STEP = timedelta(minutes=1)  # a jump of the clock is walked through, so that files are cut as they would have been
MOST_STEPS = 240
UNSAVED = timedelta(minutes=10)  # of the clock: how much may have to be read again after a kill
LIMIT = 20_000  # events of a partition read at once
RECEIVE = "Microsoft.EventHub/namespaces/messages/receive/action"


@dataclass(frozen=True, kw_only=True)
class Source:
    """A declared input: the hub's id, and how many partitions it has."""

    alias: str
    hub_id: str
    partitions: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A job as it was declared when it was started, validated."""

    job_id: str
    guid: str
    principal_id: str
    query: Any
    policy: Any
    sources: tuple[Source, ...]
    targets: tuple[Target, ...]


class Run:
    """`problem` says why the job cannot read or write at the moment; it tries again at every step of the clock."""

    def __init__(self, sandbox: Sandbox, log: EventLog, blobs: Blobs, plan: Plan) -> None:
        self._sandbox, self._log, self._blobs, self.plan = sandbox, log, blobs, plan
        self._batches = Batches(plan.targets, plan.query.outputs)
        self._files: list[File] = []
        self._saved: datetime | None = None
        self._reported: dict[str, int] = {}
        self._moving = asyncio.Lock()
        self.positions: dict[str, dict[int, int]] = {}
        self.last_output: datetime | None = None
        self.moved: datetime | None = None
        self.problem = ""

    def begin(self, start: datetime, *, read_from: datetime, exclusive: bool = False) -> None:
        """A new life that writes rows stamped from `start` on and reads events enqueued from `read_from` on."""
        from stream_engine import StreamJob

        for source in self.plan.sources:
            self.positions[source.alias] = {
                p: self._log.position(source.hub_id, p, read_from) for p in range(source.partitions)
            }
        partitions = max(source.partitions for source in self.plan.sources)
        self.engine = StreamJob(
            self.plan.query, policy=self.plan.policy, start=start, partitions=partitions, exclusive=exclusive
        )
        self._reported = {}
        self._save()

    def resume(self, record: bytes, files: bytes | None) -> None:
        """Goes on exactly where the stored record ends. ValueError when it belongs to another query."""
        from stream_engine import StreamJob

        found = pickle.loads(record)  # noqa: S301  written by this sandbox alone
        self.engine = StreamJob.restore(self.plan.query, found["engine"], policy=self.plan.policy)
        self.positions, self._batches.state = found["positions"], found["batches"]
        self.last_output, self.moved = found["last_output"], found["moved"]
        self._files = pickle.loads(files) if files else []  # noqa: S301
        self._reported = self._sandbox.store.value(f"reported:{self.plan.job_id}", {})

    async def step(self, now: datetime, *, final: bool = False) -> dict[str, Any]:
        """Everything up to `now`; with `final` also what waits for its file. Returns the metrics of the step."""
        async with self._moving:
            for moment in moments(self.moved, now):
                await self._write()
                if self._files:  # what was due before is not written yet: reading on would only pile up
                    break
                await asyncio.to_thread(self._compute, moment, final and moment == now)
            await self._write()
            return self._metrics(now)

    def _compute(self, now: datetime, final: bool) -> None:
        from stream_engine import Event

        if not all(self._may_read(source) for source in self.plan.sources):
            return
        self.moved = now
        for source in self.plan.sources:
            positions = self.positions[source.alias]
            more = True
            while more:
                found = self._log.read(source.hub_id, positions, now, LIMIT)
                more = len(found) >= LIMIT
                events = [
                    Event(body=e.body, enqueued=e.enqueued, partition=e.partition, sequence=e.sequence) for e in found
                ]
                self._take(self.engine.push(source.alias, events), now)
                positions.update({e.partition: e.sequence for e in found})
        self._take(self.engine.advance(now), now)
        self._files = self._batches.due(now, everything=final)
        if self._files or final or self._saved is None or now - self._saved >= UNSAVED:
            self._save()

    def _take(self, rows: Mapping[str, Any], now: datetime) -> None:
        for alias, found in rows.items():
            if found:
                self._batches.add(alias, found, now)
                self.last_output = max(
                    [row.timestamp for row in found] + ([self.last_output] if self.last_output else [])
                )

    def _may_read(self, source: Source) -> bool:
        reason = self._sandbox.access.explain(self.plan.principal_id, RECEIVE, source.hub_id, data=True)
        if reason:
            self.problem = f"Input '{source.alias}': access to the Event Hub is not authorized: {reason}"
        elif self.problem.startswith(f"Input '{source.alias}'"):
            self.problem = ""
        return not reason

    async def _write(self) -> None:
        """What cannot be written stays and is tried again."""
        if not self._files:
            return
        principal = self._sandbox.directory.find(self.plan.principal_id)
        if principal is None:
            self.problem = "Output: the job's identity no longer exists"
            return
        puts = [self._blobs.put(principal, file.place, file.content) for file in self._files]
        done = await asyncio.gather(*puts, return_exceptions=True)
        left = [(file, error) for file, error in zip(self._files, done, strict=True) if error]
        unexpected = [error for _, error in left if not isinstance(error, AzureError | httpx.HTTPError)]
        if unexpected:
            raise unexpected[0]
        self._files = [file for file, _ in left]
        if left:
            self.problem = f"Output {left[0][0].place.url}: {left[0][1]}"
            return
        if self.problem.startswith("Output"):
            self.problem = ""
        self._sandbox.store.execute("UPDATE streams SET files = NULL WHERE job = ?", (self.plan.job_id,))

    def _save(self) -> None:
        record = {
            "engine": self.engine.state(),
            "positions": self.positions,
            "batches": self._batches.state,
            "last_output": self.last_output,
            "moved": self.moved,
        }
        row = (self.plan.job_id, pickle.dumps(record), pickle.dumps(self._files) if self._files else None)
        self._sandbox.store.execute("INSERT OR REPLACE INTO streams VALUES (?, ?, ?)", row)
        self._saved = self.moved

    def _metrics(self, now: datetime) -> dict[str, Any]:
        """What the counters gained since they were last reported; a step that is gone through again adds nothing."""
        counts = {f"{n}/{a}": c for a, each in self.engine.metrics_by_input.items() for n, c in each.items()}
        counts |= {f"OutputEvents/{alias}": count for alias, count in self.engine.metrics_by_output.items()}
        gained = {key: count - self._reported.get(key, 0) for key, count in counts.items()}
        values = [(*key.split("/", 1), more) for key, more in gained.items() if more > 0]
        if values:
            self._reported = {key: max(count, self._reported.get(key, 0)) for key, count in counts.items()}
            self._sandbox.store.set_value(f"reported:{self.plan.job_id}", self._reported)
        return {"values": values, "delay": max(0.0, (now - self.engine.watermark) / timedelta(seconds=1))}


def moments(last: datetime | None, now: datetime) -> list[datetime]:
    """The moments from `last`, which was seen, up to `now`."""
    if last is None or now - last <= STEP:
        return [now]
    step = max(STEP, (now - last) / MOST_STEPS)
    return [last + n * step for n in range(1, math.ceil((now - last) / step))] + [now]
