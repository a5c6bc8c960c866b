"""Azure SQL databases and Synapse serverless SQL on sql_engine, as their callers may use them.

learn.microsoft.com/azure/azure-sql/database/authentication-aad-configure: the server's Entra admin is dbo everywhere,
anybody else a contained user by SID. Auto-pause is not simulated: a database always answers. Who reaches a server at
all: private_link.py.
"""

import asyncio
import contextlib
import datetime
import hashlib
import shutil
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import pyarrow as pa
from azure_sandbox.context import Sandbox
from azure_sandbox.directory import Principal
from azure_sandbox.errors import AzureError
from azure_sandbox.ids import name_of, parent_of
from azure_sandbox_storage.blobs import Blobs, Place
from sql_engine import Principal as Caller
from sql_engine import ResultSet, Server, SqlError, query, sid_of

from azure_sandbox_conducting import synapse

SERVERS = "microsoft.sql/servers"
DATABASES = f"{SERVERS}/databases"
AZURE_SQL = ".database.windows.net"
SERVERLESS = "-ondemand.sql.azuresynapse.net"
WILD = ("*", "?", "[")


@dataclass(frozen=True, kw_only=True)
class Target:
    """A database behind a host name: of the server or workspace with this id."""

    id: str
    database: str
    serverless: bool


class Sql:
    """Everything raises SqlError with SQL Server's numbers. Work runs in threads; databases lock themselves."""

    def __init__(self, sandbox: Sandbox, blobs: Blobs) -> None:
        self._sandbox, self._blobs = sandbox, blobs
        self._folder = sandbox.state / "sql"
        self._servers: dict[str, Server] = {}
        self._logins = synapse.Logins(sandbox)

    def install(self) -> None:
        manager = self._sandbox.manager
        manager.after_put(DATABASES, self.database_put)
        manager.after_delete(DATABASES, self.database_deleted)
        manager.after_delete(SERVERS, self.server_deleted)
        manager.after_delete(synapse.WORKSPACES, self._logins.workspace_deleted)

    def start(self) -> None:
        """Files are opened when somebody asks."""

    async def close(self) -> None:
        for server in self._servers.values():
            server.close()
        self._servers.clear()

    # Resource Manager

    async def database_put(self, resource: dict[str, Any], _: Any) -> None:
        if resource["name"].lower() != "master":
            try:
                await asyncio.to_thread(self._server(parent_of(resource["id"])).create_database, resource["name"])
            except ValueError as error:
                raise AzureError(400, "InvalidDatabaseName", f"The sandbox cannot keep this: {error}.") from None

    async def database_deleted(self, resource: dict[str, Any]) -> None:
        await asyncio.to_thread(self._server(parent_of(resource["id"])).drop_database, resource["name"])

    async def server_deleted(self, resource: dict[str, Any]) -> None:
        server = self._servers.pop(resource["name"].lower(), None)
        if server is not None:
            server.close()
        shutil.rmtree(self._folder / resource["name"].lower(), ignore_errors=True)

    def _server(self, server_id: str) -> Server:
        name = name_of(server_id).lower()
        if name not in self._servers:
            self._servers[name] = Server(self._folder / name, now=self._sandbox.clock.now)
        admin = self._sandbox.store.resource(f"{server_id}/administrators/ActiveDirectory")
        sid = (admin or {}).get("properties", {}).get("sid")
        self._servers[name].admins = (sid_of(sid),) if sid else ()
        return self._servers[name]

    # What callers do

    def target(self, host: str, database: str) -> Target:
        """The declared database behind `server.database.windows.net` or `workspace-ondemand.sql.azuresynapse.net`."""
        host = host.lower().removeprefix("tcp:").split(",")[0].strip()
        for suffix, kind in ((AZURE_SQL, SERVERS), (SERVERLESS, synapse.WORKSPACES)):
            for found in self._sandbox.store.resources(kind=kind) if host.endswith(suffix) else ():
                if found["name"].lower() == host.removesuffix(suffix):
                    return Target(id=found["id"], database=database or "master", serverless=suffix == SERVERLESS)
        message = f"A network-related error occurred: no server '{host}' exists; in Azure its name does not resolve."
        raise SqlError(11001, message)

    async def execute(
        self, who: Principal, target: Target, script: str, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[ResultSet]:
        caller = self._caller(who)
        if not target.serverless:
            server = self._server(target.id)
            return await asyncio.to_thread(
                lambda: server.execute(target.database, script, principal=caller, parameters=parameters)
            )
        if self._logins.manages(target.id, who, caller, script):
            return []
        rows: list[Any] = []
        await self.read(who, target, script, lambda batch: rows.append(batch), parameters)
        names = rows[0].schema.names if rows else ()
        values = tuple(tuple(row.values()) for batch in rows for row in batch.to_pylist())
        return [ResultSet(form="SELECT", line=1, columns=tuple(names), rows=values)]

    async def read(
        self,
        who: Principal,
        target: Target,
        text: str,
        take: Callable[[pa.RecordBatch], None],
        parameters: Mapping[str, Any] | None = None,
    ) -> None:
        """Hands the rows of one SELECT to `take`, in the thread that reads them; at least one batch, maybe empty."""
        caller, loop = self._caller(who), asyncio.get_running_loop()
        if target.serverless:
            self._logins.require(target.id, who, caller)
            await asyncio.to_thread(self._read_lake, who, caller, text, take, parameters, loop)
        else:
            server = self._server(target.id)
            await asyncio.to_thread(
                lambda: _each(server.read(target.database, text, principal=caller, parameters=parameters), take)
            )

    async def upsert(
        self, who: Principal, target: Target, table: str, keys: Sequence[str] | None, rows: pa.Table, schema: str | None
    ) -> int:
        server, caller = self._writable(target), self._caller(who)
        return await asyncio.to_thread(
            lambda: server.upsert(target.database, table, keys, rows, principal=caller, interim_schema=schema)
        )

    async def insert(self, who: Principal, target: Target, table: str, rows: pa.Table) -> int:
        """All rows in one transaction, in statements of at most 1000 rows, as a table value constructor allows."""
        server, caller = self._writable(target), self._caller(who)
        script = "\n".join(inserts(table, rows))
        if script:
            await asyncio.to_thread(lambda: server.execute(target.database, script, principal=caller))
        return rows.num_rows

    def _writable(self, target: Target) -> Server:
        if target.serverless:
            raise SqlError(15871, "Serverless SQL pools keep no tables: nothing can be written there.")
        return self._server(target.id)

    def _caller(self, who: Principal) -> Caller:
        number = who.object_id if who.kind == "User" else who.client_id
        return Caller(name=who.name, id=number, groups=tuple(self._sandbox.directory.groups_of(who.object_id)))

    def _read_lake(
        self, who: Principal, caller: Caller, text: str, take: Callable[[pa.RecordBatch], None], values: Any, loop: Any
    ) -> None:
        with tempfile.TemporaryDirectory(prefix="azure-sandbox-") as scratch:
            lake = Lake(self._blobs, who, loop, Path(scratch), self._sandbox.clock.now())
            reader = query(text, storage=lake, principal=caller, values=values, now=self._sandbox.clock.now())
            with contextlib.closing(reader):
                _each(reader, take)


def _each(rows: Any, take: Callable[[pa.RecordBatch], None]) -> None:
    batches = rows.to_batches() if isinstance(rows, pa.Table) else rows
    count = 0
    for count, batch in enumerate(batches, 1):  # noqa: B007
        take(batch)
    if not count:
        take(pa.RecordBatch.from_pylist([], schema=rows.schema))


class Lake:
    """The lake as one caller sees it: each file through the blob door. learn.microsoft.com/azure/synapse-analytics/sql/
    develop-storage-files-storage-access-control: without a credential, the identity of the caller is passed through."""

    def __init__(self, blobs: Blobs, who: Principal, loop: Any, scratch: Path, now: datetime.datetime) -> None:
        self._blobs, self._who, self._loop, self._scratch, self._now = blobs, who, loop, scratch, now

    def list(self, url_pattern: str) -> Iterator[tuple[str, int, datetime.datetime]]:
        parts = urlsplit(url_pattern.replace("?", "%3F"))
        account, path = (parts.hostname or "").split(".")[0], unquote(parts.path).lstrip("/")
        container, _, inside = path.partition("/")
        end = min((inside.find(sign) for sign in WILD if sign in inside), default=len(inside))
        place = Place(account=account, container=container, path=inside[:end].rstrip("/"))
        try:
            found = self._wait(self._list(place))
        except FileNotFoundError:  # no such container: the engine says that the path means no file
            return
        for name, size in found:
            yield f"https://{parts.hostname}/{container}/{name}", size, self._now

    async def _list(self, place: Place) -> "list[tuple[str, int]]":
        return [entry async for entry in self._blobs.list(self._who, place)]

    def download(self, url: str) -> Path:
        parts = urlsplit(quote(url, safe=":/%"))
        container, _, path = unquote(parts.path).lstrip("/").partition("/")
        place = Place(account=(parts.hostname or "").split(".")[0], container=container, path=path)
        target = self._scratch / f"{hashlib.sha256(url.encode()).hexdigest()}{Path(path).suffix}"
        self._wait(self._blobs.download(self._who, place, target))
        return target

    def _wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        try:
            return asyncio.run_coroutine_threadsafe(work, self._loop).result()
        except AzureError as error:
            if error.status == 404:
                raise FileNotFoundError(error.message) from None
            raise PermissionError(error.message) from None


def inserts(table: str, rows: pa.Table) -> Iterator[str]:
    named = ".".join(f"[{part.strip('[]')}]" for part in table.split("."))
    columns = ", ".join(f"[{name.replace(']', ']]')}]" for name in rows.column_names)
    for start in range(0, rows.num_rows, 1000):
        values = (f"({', '.join(map(literal, row.values()))})" for row in rows.slice(start, 1000).to_pylist())
        yield f"INSERT INTO {named} ({columns}) VALUES {', '.join(values)};"  # noqa: S608  T-SQL for the engine


def literal(value: Any) -> str:
    """A value as T-SQL writes it."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, datetime.datetime):
        moment = value.astimezone(datetime.UTC).replace(tzinfo=None) if value.tzinfo else value
        return f"N'{moment.isoformat()}'"
    return "N'" + str(value).replace("'", "''") + "'"
