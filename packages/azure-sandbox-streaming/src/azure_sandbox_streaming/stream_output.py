"""What a running stream job writes: rows gathered into Parquet files under the declared path pattern.

Source: https://learn.microsoft.com/azure/stream-analytics/blob-storage-azure-data-lake-gen2-output
"""

import io
import json
import uuid
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from azure_sandbox.errors import AzureError
from azure_sandbox_storage.blobs import Place

BLOB = "microsoft.storage/blob"


@dataclass(frozen=True, kw_only=True)
class Target:
    """A declared output. A file is written after `rows` rows of one folder, or `seconds` after the folder's first."""

    alias: str
    container: Place
    pattern: str
    date_format: str
    time_format: str
    rows: int
    seconds: float

    @classmethod
    def of(cls, output: Mapping[str, Any]) -> "Target":
        properties = output["properties"]
        source, serialization = properties["datasource"], properties.get("serialization") or {}
        kinds = str(source["type"]).lower(), serialization.get("type")
        if kinds != (BLOB, "Parquet"):
            message = f"Output '{output['name']}': {source['type']} as {kinds[1]} is not offered by this sandbox"
            raise AzureError(422, "UnprocessableEntity", f"{message}, only blobs as Parquet.")
        place = source["properties"]
        return cls(
            alias=output["name"],
            container=Place(account=place["storageAccounts"][0]["accountName"], container=place["container"]),
            pattern=place.get("pathPattern") or "",
            date_format=place.get("dateFormat") or "yyyy/MM/dd",
            time_format=place.get("timeFormat") or "HH",
            rows=int(float(properties.get("sizeWindow") or 2000)),
            seconds=_seconds(properties.get("timeWindow") or "00:01:00"),
        )


@dataclass(frozen=True, kw_only=True)
class File:
    place: Place
    content: bytes


class Batches:
    """Rows that wait for their file. `state` is what a new life of the job goes on with."""

    def __init__(self, targets: Sequence[Target], columns: Mapping[str, Any]) -> None:
        self._targets = {target.alias.lower(): target for target in targets}
        self._columns = columns
        self.state: dict[str, Any] = {"waiting": {}, "written": 0, "life": uuid.uuid4().hex}

    def add(self, alias: str, rows: Sequence[Any], now: datetime) -> None:
        from stream_engine.sink import PathPattern

        target = self._targets[alias.lower()]
        pattern = PathPattern(target.pattern, date_format=target.date_format, time_format=target.time_format)
        for row in rows:
            waiting = self.state["waiting"].setdefault((alias, pattern.folder(row.timestamp)), [now, []])
            waiting[1].append(dict(row))

    def due(self, now: datetime, *, everything: bool = False) -> list[File]:
        """The files that are ready; a name never repeats, and is the same when a killed life is gone through again."""
        files = []
        for (alias, folder), (since, rows) in sorted(self.state["waiting"].items()):
            target = self._targets[alias.lower()]
            if everything or len(rows) >= target.rows or now - since >= timedelta(seconds=target.seconds):
                self.state["written"] += 1
                columns = self._columns[alias]
                schema = zlib.crc32(json.dumps([(c.name, c.type) for c in columns]).encode())
                name = f"{schema}_{self.state['life']}_{self.state['written']}.parquet"
                place = target.container.below("/".join(filter(None, (folder.strip("/"), name))))
                files.append(File(place=place, content=_parquet(rows, columns)))
                del self.state["waiting"][alias, folder]
        return files


def _parquet(rows: "list[dict[str, Any]]", columns: Sequence[Any]) -> bytes:
    import pyarrow
    import pyarrow.parquet

    types = {
        "string": pyarrow.string(), "int64": pyarrow.int64(), "double": pyarrow.float64(), "boolean": pyarrow.bool_(),
        "timestamp": pyarrow.timestamp("us", tz="UTC"),
    }  # fmt: skip
    known = {column.name: types.get(column.type) for column in columns}
    names = list(known) or list(dict.fromkeys(name for row in rows for name in row))
    arrays = []
    for name in names:
        values = [
            json.dumps(v, default=str) if isinstance(v, dict | list) else v for v in (row.get(name) for row in rows)
        ]
        arrays.append(pyarrow.array(values, type=known.get(name)))
    sink = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(dict(zip(names, arrays, strict=True))), sink)
    return sink.getvalue()


def _seconds(text: str) -> float:
    hours, minutes, seconds = (float(part) for part in text.split(":"))
    return (hours * 60 + minutes) * 60 + seconds
