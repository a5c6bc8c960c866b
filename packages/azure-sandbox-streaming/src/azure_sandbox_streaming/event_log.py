"""The log of every hub: events by partition and sequence number, with the time at which they were enqueued."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from azure_sandbox.ids import normal
from azure_sandbox.store import Store

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TABLES = (
    "CREATE TABLE IF NOT EXISTS hubs (log INTEGER PRIMARY KEY AUTOINCREMENT, hub TEXT NOT NULL UNIQUE)",
    """CREATE TABLE IF NOT EXISTS events (log INTEGER, partition INTEGER, sequence INTEGER, enqueued INTEGER NOT NULL,
       body BLOB NOT NULL, PRIMARY KEY (log, partition, sequence)) WITHOUT ROWID""",
)


@dataclass(frozen=True, slots=True)
class Stored:
    """`enqueued` on the sandbox's clock."""

    partition: int
    sequence: int
    enqueued: datetime
    body: bytes


class EventLog:
    def __init__(self, store: Store) -> None:
        self._store = store
        for table in TABLES:
            store.execute(table)
        self._next: dict[tuple[int, int], int] = {}
        self._logs: dict[str, int] = {}
        self._turn = itertools.count()

    def append(self, hub_id: str, partition: int, enqueued: datetime, bodies: Sequence[bytes]) -> None:
        """All of the bodies or none, in their order."""
        log, at = self._log(hub_id), _micros(enqueued)
        first = self._next.get((log, partition))
        if first is None:
            query = "SELECT COALESCE(MAX(sequence), -1) + 1 FROM events WHERE log = ? AND partition = ?"
            first = self._store.execute(query, (log, partition))[0][0]
        rows = [(log, partition, first + n, at, body) for n, body in enumerate(bodies)]
        self._store.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?)", rows)
        self._next[log, partition] = first + len(rows)

    def next_partition(self, partitions: int) -> int:
        """Events without a key go round."""
        return next(self._turn) % partitions

    def read(self, hub_id: str, after: dict[int, int], until: datetime, limit: int = 20_000) -> list[Stored]:
        """Events of each partition beyond the sequence numbers in `after`, enqueued up to `until`, in order of time."""
        query = """SELECT partition, sequence, enqueued, body FROM events
                   WHERE log = ? AND partition = ? AND sequence > ? AND enqueued <= ? ORDER BY sequence LIMIT ?"""
        log, at = self._log(hub_id), _micros(until)
        partitions: Iterable[tuple[int, int]] = after.items()
        rows = [r for p, s in partitions for r in self._store.execute(query, (log, p, s, at, limit))]
        rows.sort(key=lambda row: (row[2], row[0], row[1]))
        return [Stored(p, s, EPOCH + timedelta(microseconds=e), body) for p, s, e, body in rows]

    def position(self, hub_id: str, partition: int, before: datetime) -> int:
        """The last sequence number enqueued before a moment, -1 when there is none."""
        query = "SELECT COALESCE(MAX(sequence), -1) FROM events WHERE log = ? AND partition = ? AND enqueued < ?"
        return int(self._store.execute(query, (self._log(hub_id), partition, _micros(before)))[0][0])

    def count(self, hub_id: str) -> int:
        return int(self._store.execute("SELECT COUNT(*) FROM events WHERE log = ?", (self._log(hub_id),))[0][0])

    def expire(self, hub_id: str, before: datetime) -> None:
        """Drops what is older than the hub's retention; the newest event of a partition stays, for the numbering."""
        newest = "SELECT MAX(sequence) FROM events AS e WHERE e.log = events.log AND e.partition = events.partition"
        statement = f"DELETE FROM events WHERE log = ? AND enqueued < ? AND sequence < ({newest})"  # noqa: S608
        self._store.execute(statement, (self._log(hub_id), _micros(before)))

    def forget(self, hub_id: str) -> None:
        log = self._logs.pop(normal(hub_id), None) or self._log(hub_id)
        self._store.execute("DELETE FROM events WHERE log = ?", (log,))
        self._store.execute("DELETE FROM hubs WHERE log = ?", (log,))
        self._logs.pop(normal(hub_id), None)

    def _log(self, hub_id: str) -> int:
        key = normal(hub_id)
        if key not in self._logs:
            self._store.execute("INSERT OR IGNORE INTO hubs (hub) VALUES (?)", (key,))
            self._logs[key] = self._store.execute("SELECT log FROM hubs WHERE hub = ?", (key,))[0][0]
        return self._logs[key]


def _micros(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)
