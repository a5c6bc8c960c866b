"""A server is a folder, a database a DuckDB file in it: durable, and whole after a kill at any moment."""

from __future__ import annotations

import datetime
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from .catalog import Catalog
from .environment import parameters
from .errors import Fault, SqlError, located
from .lexer import tokens
from .parse_statements import Statements
from .script import parse_query, parse_script
from .security import Principal, Security, sid_of
from .session import ResultSet, Session, fault_of
from .upserting import INTERIM, load, merge_script, unload

if TYPE_CHECKING:
    import pyarrow as pa

    from .upserting import Rows

_MEMORY = "1GB"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\- ]{0,127}")


def _utc_now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


class Server:
    """The databases in `folder`. `admins` are the client or object ids of the server's Entra admin (one, or a group).

    `now` is the clock behind SYSUTCDATETIME(). One process at a time may hold a folder; threads may share a Server:
    statements of one database run one after the other.
    """

    def __init__(
        self, folder: Path, *, admins: Iterable[str] = (), now: Callable[[], datetime.datetime] = _utc_now
    ) -> None:
        self.folder = folder
        self.admins = tuple(sid_of(admin) for admin in admins)
        self._now = now
        self._open: dict[str, duckdb.DuckDBPyConnection] = {}
        self._locks: dict[str, threading.RLock] = {}
        self._lock = threading.RLock()

    def create_database(self, name: str) -> None:
        """Makes an empty database; nothing when it is there. ValueError for a name that cannot be a file's."""
        if not _NAME.fullmatch(name):
            raise ValueError(f"database name {name!r}; expected letters, digits, blanks and . _ - only")
        with self._lock:
            self.folder.mkdir(parents=True, exist_ok=True)
            Catalog(self._connection(name)).create()

    def databases(self) -> list[str]:
        """The names of the databases, sorted."""
        return sorted(path.stem for path in self.folder.glob("*.duckdb"))

    def drop_database(self, name: str) -> None:
        """Removes a database with its rows; nothing when there is none."""
        with self._lock:
            connection = self._open.pop(name.lower(), None)
            if connection is not None:
                connection.close()
            for path in self.folder.glob("*.duckdb*"):
                if path.name.lower().split(".duckdb")[0] == name.lower():
                    path.unlink()

    def close(self) -> None:
        """Lets go of the files."""
        with self._lock:
            for connection in self._open.values():
                connection.close()
            self._open.clear()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def execute(
        self, database: str, script: str, *, principal: Principal, parameters: Mapping[str, Any] | None = None
    ) -> list[ResultSet]:
        """Runs a script: one transaction per batch (batches are split at GO), one ResultSet per statement.

        SqlError 18456 when the caller is no user of the database; number 0, before anything runs, for what the engine
        does not know; else SQL Server's numbers, with the batch undone.
        """
        with self._session(database, principal, parameters) as session:
            try:
                batches = parse_script(script)
            except Fault as fault:
                raise located(fault, script, (0, len(script))) from fault
            return [result for batch in batches for result in session.batch(batch, script)]

    def read(
        self, database: str, query: str, *, principal: Principal, parameters: Mapping[str, Any] | None = None
    ) -> pa.Table:
        """Runs one SELECT and gives its rows as a pyarrow table, as the source of a Copy reads them."""
        with self._session(database, principal, parameters) as session, _locating(query):
            compiled = session.compiler().query(parse_query(query), None, top_level=True)
            table = session.connection.sql(compiled.sql).to_arrow_table()
            return table.rename_columns([name or f"Column{i}" for i, (name, _) in enumerate(compiled.columns, 1)])

    def upsert(
        self,
        database: str,
        table: str,
        keys: Sequence[str] | None,
        rows: Rows,
        *,
        principal: Principal,
        interim_schema: str | None = None,
    ) -> int:
        """What Data Factory's Copy does with writeBehavior upsert: rows into an interim table, then one MERGE.

        `table` is [schema.]name, `keys` the columns that identify a row (None: the primary key), `rows` a pyarrow table
        or reader, or Parquet files. Columns go by name. The caller needs SELECT, INSERT and UPDATE on the table; with
        `interim_schema` (useTempDB false) also CREATE TABLE in the database and ALTER on that schema; the default, a
        temporary table, needs nothing more. All or nothing, also when the process is killed. Returns the rows written.
        """
        with self._session(database, principal, None) as session, _locating(table):
            relation = session.writable(Statements(tokens(table), table).table_ref(aliased=False), interim_schema)
            incoming = load(session.connection, rows)
            try:
                script = merge_script(relation, keys, incoming)
                session.extra[INTERIM.lower()] = incoming
                (batch,) = parse_script(script)
                return sum(result.affected or 0 for result in session.batch(batch, script))
            finally:
                unload(session.connection)

    @contextmanager
    def _session(self, database: str, principal: Principal, values: Mapping[str, Any] | None) -> Iterator[Session]:
        known = {name.lower(): name for name in self.databases()}
        name = known.get(database.lower())
        if name is None:
            raise SqlError(4060, f'Cannot open database "{database}" requested by the login. The login failed.')
        with self._lock:
            connection = self._connection(name)
            lock = self._locks.setdefault(name.lower(), threading.RLock())
        with lock:
            try:
                security = Security(connection, name, principal, self.admins)
            except Fault as fault:
                raise SqlError(fault.number, fault.message) from fault
            now = self._now().astimezone(datetime.UTC).replace(tzinfo=None)
            yield Session(connection, name, security, now, parameters(values))

    def _connection(self, name: str) -> duckdb.DuckDBPyConnection:
        connection = self._open.get(name.lower())
        if connection is None:
            connection = duckdb.connect(self.folder / f"{name}.duckdb", config={"memory_limit": _MEMORY})
            self._open[name.lower()] = connection
        return connection


@contextmanager
def _locating(text: str) -> Iterator[None]:
    try:
        yield
    except SqlError:
        raise
    except (Fault, duckdb.Error) as error:
        fault = fault_of(error, 0)
        assert fault is not None  # noqa: S101 - both kinds have one
        raise located(fault, text, (0, len(text))) from error
