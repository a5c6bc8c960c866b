"""Everything the sandbox remembers, in one SQLite file that survives `kill -9`."""

import json
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from azure_sandbox.ids import kind_of, normal

TABLES = """
CREATE TABLE IF NOT EXISTS resources (key TEXT PRIMARY KEY, kind TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS resources_by_kind ON resources (kind);
CREATE TABLE IF NOT EXISTS deleted (key TEXT PRIMARY KEY, kind TEXT NOT NULL, at TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS settings (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS requests (
  id TEXT PRIMARY KEY, at TEXT NOT NULL, principal TEXT, method TEXT NOT NULL, host TEXT, path TEXT NOT NULL,
  status INTEGER NOT NULL, code TEXT, message TEXT);
"""
REQUEST = ("id", "at", "principal", "method", "host", "path", "status", "code", "message")
KEPT = 50_000  # requests in the log


class Store:
    """Resources by id, settings by key, the request log, and tables of the services' own. Safe for threads."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.changes: Counter[str] = Counter()  # by kind: whoever caches what it read looks here
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, cached_statements=512)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(TABLES)

    def close(self) -> None:
        with self._lock:
            self._db.close()

    # Resources

    def resource(self, resource_id: str) -> dict[str, Any] | None:
        rows = self.execute("SELECT body FROM resources WHERE key = ?", (normal(resource_id),))
        return json.loads(rows[0][0]) if rows else None

    def put_resource(self, resource_id: str, body: dict[str, Any]) -> None:
        self.put_resources({resource_id: body})

    def put_resources(self, bodies: dict[str, dict[str, Any]]) -> None:
        """All of them or none, whatever happens to this process."""
        rows = [(normal(key), kind_of(key), json.dumps(body)) for key, body in bodies.items()]
        self.executemany("INSERT OR REPLACE INTO resources VALUES (?, ?, ?)", rows)
        self.changes.update(kind for _, kind, _ in rows)

    def delete_resource(self, resource_id: str) -> None:
        """Removes the resource and everything below it."""
        key = normal(resource_id)
        kinds = self.execute("SELECT DISTINCT kind FROM resources WHERE key = ? OR key > ? AND key < ?", _span(key))
        self.execute("DELETE FROM resources WHERE key = ? OR key > ? AND key < ?", _span(key))
        self.changes.update(kind for (kind,) in kinds)

    def resources(self, below: str = "", kind: str | None = None) -> list[dict[str, Any]]:
        """Everything at any depth below an id, ordered by id; `kind` as in `microsoft.eventhub/namespaces`."""
        where: list[str] = []
        values: list[str] = []
        if below:
            _, start, end = _span(normal(below))
            where.append("key > ? AND key < ?")
            values += [start, end]
        if kind:
            where.append("kind = ?")
            values.append(kind.lower())
        clause = f" WHERE {' AND '.join(where)}" if where else ""
        rows = self.execute(f"SELECT body FROM resources{clause} ORDER BY key", values)  # noqa: S608
        return [json.loads(body) for (body,) in rows]

    # What was deleted softly and can still be recovered or purged

    def put_deleted(self, resource_id: str, at: str, body: dict[str, Any]) -> None:
        values = (normal(resource_id), kind_of(resource_id), at, json.dumps(body))
        self.execute("INSERT OR REPLACE INTO deleted VALUES (?, ?, ?, ?)", values)

    def deleted(self, kind: str) -> list[tuple[str, str, dict[str, Any]]]:
        """(normalised id, time of deletion, body) of each."""
        rows = self.execute("SELECT key, at, body FROM deleted WHERE kind = ? ORDER BY key", (kind.lower(),))
        return [(key, at, json.loads(body)) for key, at, body in rows]

    def purge_deleted(self, resource_id: str) -> None:
        self.execute("DELETE FROM deleted WHERE key = ?", (normal(resource_id),))

    # Settings

    def value(self, key: str, default: Any = None) -> Any:
        rows = self.execute("SELECT value FROM settings WHERE key = ?", (key,))
        return json.loads(rows[0][0]) if rows else default

    def set_value(self, key: str, value: Any) -> None:
        self.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (key, json.dumps(value)))

    # The request log

    def record(self, entry: dict[str, Any]) -> None:
        """One request; its keys are those of REQUEST, a missing one is null."""
        places = ", ".join("?" * len(REQUEST))
        names = ", ".join(REQUEST)
        values = [entry.get(key) for key in REQUEST]
        self.execute(f"INSERT OR REPLACE INTO requests ({names}) VALUES ({places})", values)  # noqa: S608
        self.changes["requests"] += 1
        if self.changes["requests"] % 1000 == 0:
            self.execute("DELETE FROM requests WHERE rowid <= (SELECT max(rowid) FROM requests) - ?", (KEPT,))

    def requests(self, request_id: str | None = None, refused: bool = False, limit: int = 200) -> list[dict[str, Any]]:
        """The newest first."""
        where = ["id = ?"] if request_id else (["status >= 400"] if refused else ["1"])
        values = [request_id] if request_id else []
        query = f"SELECT {', '.join(REQUEST)} FROM requests WHERE {where[0]} ORDER BY rowid DESC LIMIT {int(limit)}"  # noqa: S608
        return [dict(zip(REQUEST, row, strict=True)) for row in self.execute(query, values)]

    # Tables of the services' own

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._db.execute(sql, parameters).fetchall()

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """All rows or none."""
        with self._lock:
            self._db.execute("BEGIN")
            try:
                self._db.executemany(sql, rows)
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")


def _span(key: str) -> tuple[str, str, str]:
    """The key, and the open range of all keys below it ('0' follows '/')."""
    return key, key + "/", key + "0"
