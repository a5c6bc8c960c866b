"""What the activities of `score` do, in one process: real statements on the real engines, folders for storage accounts.

Only the job is played: it writes what a job would write of its rows. Before and after every effect on the world, a
file, a statement or a request, something else may happen, such as the factory's end.
"""

import asyncio
import dataclasses
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
from azure_sandbox_conducting.factory_world import shown
from factory_engine import CopyRequest, DeleteRequest, MetadataRequest, ScriptRequest, WebRequest
from factory_engine.outputs import copy_output, metadata_output, script_output, web_output
from sql_engine import Principal, ResultSet, query
from sql_engine.folder import FolderStorage

from components.pipelines import DATABASE
from scoring.contract import Row, arrow_schema, rejected_row
from scoring.sensors.contract import CONTRACT

if TYPE_CHECKING:
    from .windows import Windows

FACTORY = Principal(name="adf", id="11111111-2222-3333-4444-555555555555")
LAKE, ACCOUNT = "lake1", "work1"
MODEL, CODE = "0123456789abcdef", "fedcba9876543210"


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A place in a run: this effect of the activity, counted from 0; just before it or just after it."""

    activity: str
    effect: int
    after: bool


class World:
    """What the activities do."""

    def __init__(self, windows: "Windows", at: Moment | None, then: Callable[[], bool]):
        self.windows, self.at, self.then = windows, at, then
        self.effects: list[str] = []
        self.job, self.asked = "", 0

    def effect(self, activity: str, work: Callable[[], Any]) -> Any:
        """Does the work; just before or after it `then`, if it is the moment: False ends the factory there."""
        here = Moment(activity=activity, effect=self.effects.count(activity), after=False)
        self.effects.append(activity)
        if here == self.at and not self.then():
            raise asyncio.CancelledError
        result = work()
        if dataclasses.replace(here, after=True) == self.at and not self.then():
            raise asyncio.CancelledError
        return result

    async def get_metadata(self, request: MetadataRequest) -> dict[str, Any]:
        folder = self._folder(request.dataset)
        inside = sorted(folder.iterdir()) if folder.exists() else []
        items = [{"name": path.name, "type": "Folder" if path.is_dir() else "File"} for path in inside]
        found = {"childItems": items} if inside else None
        return self.effect(request.context.activity, lambda: metadata_output(request.fields, found))

    async def script(self, request: ScriptRequest) -> dict[str, Any]:
        def one(text: str) -> list[ResultSet]:
            return self.windows.server.execute(DATABASE, text, principal=FACTORY)

        sets, affected = [], 0
        for each in request.scripts:
            done = self.effect(request.context.activity, lambda text=str(each["text"]): one(text))
            affected += sum(result.affected or 0 for result in done)
            if each["type"] == "Query":
                sets += [[shown(row) for row in result.dicts()] for result in done if result.columns]
        return script_output(sets, records_affected=affected)

    async def copy(self, request: CopyRequest) -> dict[str, Any]:
        if request.source["type"] == "AzureSqlSource":
            return self._prepare(request)
        pattern = request.source["storeSettings"]["wildcardFileName"]
        files = sorted(self._folder(request.input).glob(pattern))
        if request.sink["type"] == "BinarySink":
            for path in files:
                self._write(request, path.name, path.read_bytes())
            return copy_output(seconds=1, data_read=1, data_written=1, files_written=len(files))
        rows = pa.concat_tables(pq.read_table(path) for path in files)
        for column in request.source.get("additionalColumns") or ():
            rows = rows.append_column(column["name"], pa.array([column["value"]] * rows.num_rows))
        table, keys = request.output.properties["tableName"], request.sink["upsertSettings"]["keys"]
        upsert = lambda: self.windows.server.upsert(DATABASE, table, keys, rows, principal=FACTORY)  # noqa: E731
        count = self.effect(request.context.activity, upsert)
        return copy_output(seconds=1, data_read=1, data_written=1, rows_copied=count)

    def _prepare(self, request: CopyRequest) -> dict[str, Any]:
        storage = FolderStorage(self.windows.folder / "storage")
        rows = query(request.source["sqlReaderQuery"], storage=storage, principal=FACTORY).read_all()
        settings = request.sink["formatSettings"]
        most = settings["maxRowsPerFile"]
        for number, start in enumerate(range(0, rows.num_rows, most)):
            sink = pa.BufferOutputStream()
            pq.write_table(rows.slice(start, most), sink)
            self._write(request, f"{settings['fileNamePrefix']}_{number:05}.parquet", sink.getvalue().to_pybytes())
        files = -(-rows.num_rows // most)
        return copy_output(seconds=1, data_read=1, data_written=1, rows_copied=rows.num_rows, files_written=files)

    def _write(self, request: CopyRequest, name: str, content: bytes) -> None:
        path = self._folder(request.output) / name

        def work() -> None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

        self.effect(request.context.activity, work)

    def _folder(self, dataset: Any) -> Path:
        location, service = dataset.properties["location"], dataset.linked_service.properties
        account = (urlsplit(service.get("url") or service.get("serviceEndpoint")).hostname or "").split(".")[0]
        container = location.get("container") or location["fileSystem"]
        return self.windows.file(account, container, location["folderPath"])

    async def web(self, request: WebRequest) -> dict[str, Any]:
        answer = self.effect(request.context.activity, lambda: self._answer(request))
        return web_output(request.url, 200, {}, json.dumps(answer).encode())

    def _answer(self, request: WebRequest) -> dict[str, Any]:
        host = (urlsplit(request.url).hostname or "").split(".")
        if host[1:2] in (["blob"], ["dfs"]):
            container, _, path = urlsplit(request.url).path.lstrip("/").partition("/")
            target = self.windows.file(host[0], container, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(request.body or "")
            return {}
        if "metrics" in request.url:
            ends = re.search(r"timespan=([^&/]+)/([^&]+)", request.url)
            delay = self.windows.delay
            data = [] if delay is None else [{"maximum": float(delay)}] * 2
            timespan = f"{ends[1]}/{ends[2]}" if ends else ""
            return {"timespan": timespan, "value": [{"timeseries": [{"data": data}]}]}
        if request.method == "POST":
            self.windows.jobs += 1
            self.job = f"batchjob-{self.windows.jobs}"
            self._score(json.loads(request.body)["properties"])
            return {"name": self.job}
        if "/history/" in request.url:
            return {"error": {"error": {"code": "UserError", "message": self.windows.failure}}}
        self.asked += 1
        ended = "Failed" if self.windows.failure else "Completed"
        return {"properties": {"status": "Running" if self.asked == 1 else ended}}

    def _score(self, properties: dict[str, Any]) -> None:
        """What a job makes of its rows: one file for each, rows without a device rejected."""
        source, target = (
            re.sub(r"azureml://datastores/(\w+)_(\w+)/paths/", r"\1-\2/", uri)
            for uri in (properties["InputData"]["rows"]["Uri"], properties["OutputData"]["score"]["Uri"])
        )
        output = self.windows.file(ACCOUNT, target, "").parent
        output.mkdir(parents=True, exist_ok=True)
        for path in sorted(self.windows.file(ACCOUNT, source, "").glob("*.parquet")):
            rows = pq.read_table(path).to_pylist()
            scored = [self._prediction(row) for row in rows if row["DeviceId"] is not None][self.windows.loses :]
            _write(output / f"{path.stem}.scored.parquet", scored, CONTRACT.prediction)
            refused = [{**row, "File": path.name, "Row": n} for n, row in enumerate(rows) if row["DeviceId"] is None]
            if refused:
                told = [{**row, "Reason": "DeviceId is null"} for row in refused]
                _write(output / f"{path.stem}.rejected.parquet", told, rejected_row(CONTRACT))
        (output / "predictions.csv").write_text("")

    def _prediction(self, row: dict[str, Any]) -> dict[str, Any]:
        score = row["Mean"] / 40
        stamp = {"ModelDigest": MODEL, "CodeDigest": CODE, "Job": self.job}
        return {**row, "Expected": row["Mean"], "Score": score, "Anomaly": int(score > 1), **stamp}

    async def delete(self, request: DeleteRequest) -> dict[str, Any]:
        raise NotImplementedError(request)


def _write(path: Path, rows: list[dict[str, Any]], row: Row) -> None:
    table = pa.Table.from_pylist([{name: each[name] for name in row.names} for each in rows], arrow_schema(row))
    pq.write_table(table, path)
