"""The Copy activity: files to files, tables to files, files to tables; in bytes where both sides are Binary.

learn.microsoft.com/azure/data-factory/copy-activity-overview, connector-azure-sql-database.
"""

import asyncio
import tempfile
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
from azure_sandbox.context import Sandbox
from azure_sandbox.errors import AzureError
from azure_sandbox_storage.blobs import Blobs, Place
from factory_engine import ActivityError, CopyRequest, Dataset
from factory_engine.outputs import copy_output
from sql_engine import SqlError

from azure_sandbox_conducting.factory_files import FORMATS, chosen, mapped, read, widened, write
from azure_sandbox_conducting.factory_offer import TABLES, check
from azure_sandbox_conducting.factory_stores import Files, Stores, refusal, sql_error, storage_error
from azure_sandbox_conducting.sql import Sql


@dataclass(kw_only=True)
class Work:
    """One Copy under way: its scratch folder and what it counted."""

    folder: Path
    counts: dict[str, int] = field(default_factory=lambda: {"data_read": 0, "data_written": 0})

    def add(self, **counts: int) -> None:
        for name, count in counts.items():
            self.counts[name] = self.counts.get(name, 0) + count


class Copying:
    def __init__(self, sandbox: Sandbox, blobs: Blobs, sql: Sql, stores: Stores) -> None:
        self._sandbox, self._blobs, self._sql, self._stores = sandbox, blobs, sql, stores

    async def copy(self, request: CopyRequest) -> dict[str, Any]:
        check(request)
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="azure-sandbox-") as folder:
            work = Work(folder=Path(folder))
            try:
                if request.output.type in TABLES:
                    await self._to_table(request, work)
                elif request.input.type in TABLES:
                    await self._from_query(request, work)
                else:
                    await self._files(request, work)
            except SqlError as error:
                raise sql_error(error, copying=True) from None
        return copy_output(seconds=time.monotonic() - began, **work.counts)

    # To files

    async def _files(self, request: CopyRequest, work: Work) -> None:
        found, sink = await self._fetched(request, work), self._stores.files(request.output)
        behavior = (request.sink.get("storeSettings") or {}).get("copyBehavior")
        if sink.name and len(found) > 1 and behavior != "MergeFiles":
            text = f"ErrorCode=UserErrorFileNameConflict, {len(found)} files cannot be copied to one, '{sink.name}'."
            raise ActivityError("2200", text)
        extension = FORMATS[request.output.type] if request.output.type != request.input.type else ""
        if request.output.type == "Binary":
            for relative, path in found:
                flat = behavior == "FlattenHierarchy"
                await self._send(sink, sink.name or (_auto(Path(relative).suffix) if flat else relative), path, work)
            return
        tables = [(relative, self._rows(request, relative, path, work)) for relative, path in found]
        if behavior == "MergeFiles":
            tables = [(sink.name or _auto(FORMATS[request.output.type]), _together([t for _, t in tables]))]
        for relative, table in tables:
            name = str(Path(relative).with_suffix(extension)) if extension else relative
            name = _auto(FORMATS[request.output.type]) if behavior == "FlattenHierarchy" else sink.name or name
            await self._put(request.output, sink, name, table, work)

    async def _from_query(self, request: CopyRequest, work: Work) -> None:
        """In files of at most maxRowsPerFile rows: `<fileNamePrefix>_00000.<extension>`; one file without it."""
        settings = request.sink.get("formatSettings") or {}
        most, sink = settings.get("maxRowsPerFile"), self._stores.files(request.output)
        if most and sink.name:
            raise ActivityError("2200", "ErrorCode=InvalidParameter, maxRowsPerFile needs a dataset without fileName.")
        extension = str(settings.get("fileExtension") or FORMATS[request.output.type])
        prefix = settings.get("fileNamePrefix") or f"data_{uuid.uuid4()}_{request.context.activity_run_id}"
        who, target = self._stores.database(request.input.linked_service)
        batches: list[pa.RecordBatch] = []
        waiting = numbered = 0
        loop = asyncio.get_running_loop()

        def flush(rows: int) -> None:
            """Called in the reading thread; the file is sent before more is read."""
            nonlocal batches, waiting, numbered
            table = pa.Table.from_batches(batches, schema=batches[0].schema)
            left = table.slice(rows)
            batches, waiting = left.to_batches() or [], left.num_rows
            name = sink.name or (f"{prefix}_{numbered:05}{extension}" if most else f"{prefix}{extension}")
            numbered += 1
            part = mapped(table.slice(0, rows), request.translator)
            asyncio.run_coroutine_threadsafe(self._put(request.output, sink, name, part, work), loop).result()

        def take(batch: pa.RecordBatch) -> None:
            nonlocal waiting
            batches.append(batch)
            waiting += batch.num_rows
            work.add(rows_read=batch.num_rows, data_read=batch.nbytes)
            while most and waiting >= most:
                flush(int(most))

        await self._sql.read(who, target, _query(request), take)
        if batches and (waiting or not numbered):
            await asyncio.to_thread(flush, waiting)

    async def _put(self, dataset: Dataset, sink: Files, name: str, table: pa.Table, work: Work) -> None:
        path = work.folder / uuid.uuid4().hex
        await asyncio.to_thread(write, dataset, table, path)
        work.add(rows_copied=table.num_rows)
        await self._send(sink, name, path, work)

    async def _send(self, sink: Files, name: str, path: Path, work: Work) -> None:
        try:
            await self._blobs.upload(sink.who, sink.folder.below(name), path)
        except AzureError as error:
            raise storage_error(error, sink) from None
        work.add(files_written=1, data_written=path.stat().st_size)
        path.unlink()

    # From files

    async def _fetched(self, request: CopyRequest, work: Work) -> list[tuple[str, Path]]:
        """(path relative to the source's folder, local copy) of each file."""
        files, local = self._stores.files(request.input), []
        try:
            found = await chosen(self._blobs, files, request.source.get("storeSettings") or {})
            if not found:
                raise AzureError(404, "BlobNotFound", "The required Blob is missing.")
            for name, relative, size in found:
                path = work.folder / uuid.uuid4().hex
                place = Place(account=files.folder.account, container=files.folder.container, path=name)
                await self._blobs.download(files.who, place, path)
                local.append((relative, path))
                work.add(files_read=1, data_read=size)
        except AzureError as error:
            raise storage_error(error, files) from None
        return local

    def _rows(self, request: CopyRequest, relative: str, path: Path, work: Work) -> pa.Table:
        try:
            table = read(request.input, path)
        except (pa.ArrowException, OSError) as error:
            code = "ParquetInvalidFile" if request.input.type == "Parquet" else "DelimitedTextMoreColumnsThanDefined"
            raise ActivityError("2200", f"ErrorCode={code}, {error}") from None
        work.add(rows_read=table.num_rows)
        path.unlink()
        return mapped(widened(table, request.source.get("additionalColumns"), relative), request.translator)

    # To tables

    async def _to_table(self, request: CopyRequest, work: Work) -> None:
        who, target = self._stores.database(request.output.linked_service)
        if request.input.type in TABLES or request.input.type == "Binary":
            raise refusal(f"a Copy from '{request.input.type}' to a table")
        rows = _together([self._rows(request, *found, work) for found in await self._fetched(request, work)])
        sink, table = request.sink, _table(request.output)
        if sink.get("preCopyScript"):
            await self._sql.execute(who, target, str(sink["preCopyScript"]))
        if str(sink.get("writeBehavior") or "insert").lower() == "upsert":
            upsert = sink.get("upsertSettings") or {}
            schema = None if upsert.get("useTempDB", True) else str(upsert.get("interimSchemaName") or "dbo")
            keys = [str(key) for key in upsert.get("keys") or ()] or None
            count = await self._sql.upsert(who, target, table, keys, rows, schema)
        else:
            count = await self._sql.insert(who, target, table, rows)
        work.add(rows_copied=count, data_written=rows.nbytes)


def _table(dataset: Dataset) -> str:
    given: Mapping[str, Any] = dataset.properties
    if given.get("table"):
        return f"{given.get('schema') or 'dbo'}.{given['table']}"
    if given.get("tableName"):
        return str(given["tableName"])
    raise ActivityError("2200", f"ErrorCode=InvalidParameter, the dataset '{dataset.name}' names no table.")


def _query(request: CopyRequest) -> str:
    text = request.source.get("sqlReaderQuery")
    return str(text) if text else f"SELECT * FROM {_table(request.input)}"  # noqa: S608  T-SQL for the engine


def _together(tables: list[pa.Table]) -> pa.Table:
    return pa.concat_tables(tables, promote_options="permissive")


def _auto(extension: str) -> str:
    return f"data_{uuid.uuid4()}{extension}"
