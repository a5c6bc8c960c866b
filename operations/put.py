"""Files of the lake's container `static`: which are there already, which are new, which would replace another."""

import hashlib
import io
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from operations import azure, lake
from operations.errors import OperationError
from operations.static import CONTAINER, Delivery, Layout
from operations.windows import HOUR, Window
from scoring.contract import ColumnType

if TYPE_CHECKING:
    from azure.storage.blob import BlobProperties, ContainerClient

NO_ROWS = "no-rows"
_CHUNK = 4 * 1024 * 1024
_ARROW: Mapping[str, pa.DataType] = {
    "string": pa.string(),
    "double": pa.float64(),
    "int64": pa.int64(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """By path in the container: files that are new, that replace another, that are there already, or have no rows.

    `empty` are for days that have files of one kind only: the preparation reads each kind, and fails without any.
    """

    new: Mapping[str, Path]
    replaced: Mapping[str, Path]
    same: Sequence[str]
    empty: Mapping[str, bytes]


def plan(account: str, deliveries: Sequence[Delivery], shape: Layout, *, replace: bool = False) -> Plan:
    """Raises OperationError that lists the files whose place holds other content, unless they may be replaced."""
    container = azure.container(account, CONTAINER)
    days = sorted({delivery.target.rpartition("/")[0] for delivery in deliveries})
    there = {blob.name: blob for day in days for blob in _blobs(container, f"{day}/")}
    paths = {delivery.target: delivery.path for delivery in deliveries}
    same = [name for name, path in paths.items() if name in there and _holds(container, there[name], path)]
    other = {name: path for name, path in paths.items() if name in there and name not in same}
    if other and not replace:
        lines = [f"{path}: {container.url}/{name} has other content" for name, path in other.items()]
        more = f"\n… and {len(lines) - 10} more" if len(lines) > 10 else ""
        raise OperationError(
            "\n".join(["nothing was uploaded:", *lines[:10]]) + f"{more}\nName them differently, or --replace them."
        )
    names = [*there, *paths]
    empty = {
        f"{day}/{NO_ROWS}{suffix}": _without_rows(suffix, columns)
        for day in days
        for suffix, columns in shape.sources.items()
        if not any(name.startswith(f"{day}/") and name.endswith(suffix) for name in names)
    }
    new = {name: path for name, path in paths.items() if name not in there}
    return Plan(new=new, replaced=other, same=same, empty=empty)


def upload(account: str, chosen: Plan, show: Callable[[int, str], None]) -> None:
    """Files without rows first: a day that is half here can be prepared, and a second `put` goes on."""
    container = azure.container(account, CONTAINER)
    lake.upload(container, chosen.empty)
    files = {**dict.fromkeys(chosen.new, False), **dict.fromkeys(chosen.replaced, True)}
    paths = {**chosen.new, **chosen.replaced}

    def one(name: str) -> str:
        from azure.storage.blob import ContentSettings

        # Of a file that goes in blocks the service keeps no digest by itself.
        settings = ContentSettings(content_md5=bytearray(_md5(paths[name])))
        with lake.explained(container, name), paths[name].open("rb") as file:
            container.upload_blob(name, file, overwrite=files[name], content_settings=settings)
        return name

    with ThreadPoolExecutor(lake.AT_ONCE) as pool:
        for done, name in enumerate(pool.map(one, sorted(files)), start=1):
            show(done, name)


def windows(deliveries: Sequence[Delivery], hours: int) -> dict[Window, int]:
    """Windows of so many hours, from midnight on → rows of the files; rows without a time go with a day's first."""
    length, found = timedelta(hours=hours), Counter[datetime]()
    for delivery in deliveries:
        for moment, rows in delivery.hours.items():
            hour = 0 if moment is None else moment.hour - moment.hour % hours
            found[_midnight(delivery) + hour * HOUR] += rows
    return {Window(start=start, end=start + length): found[start] for start in sorted(found)}


def _midnight(delivery: Delivery) -> datetime:
    return datetime.combine(delivery.day, time(), UTC)


def _blobs(container: "ContainerClient", prefix: str) -> list["BlobProperties"]:
    with lake.explained(container):
        found = container.list_blobs(name_starts_with=prefix, include=["metadata"])
        return [blob for blob in found if (blob.metadata or {}).get("hdi_isfolder") != "true"]


def _holds(container: "ContainerClient", blob: "BlobProperties", path: Path) -> bool:
    """Whether the blob is this file, by its digest; where the service has none, by its bytes."""
    if blob.size != path.stat().st_size:
        return False
    if kept := blob.content_settings.content_md5:
        return bytes(kept) == _md5(path)
    with lake.explained(container, blob.name):
        there = hashlib.md5(usedforsecurity=False)
        for chunk in container.download_blob(blob.name).chunks():
            there.update(chunk)
    return there.digest() == _md5(path)


def _md5(path: Path) -> bytes:
    total = hashlib.md5(usedforsecurity=False)  # the digest that Blob Storage keeps
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            total.update(chunk)
    return total.digest()


def _without_rows(suffix: str, columns: Mapping[str, ColumnType | str]) -> bytes:
    if suffix == ".csv":
        return (",".join(columns) + "\n").encode()
    sink = io.BytesIO()
    pq.write_table(pa.schema([(name, _ARROW[kind]) for name, kind in columns.items()]).empty_table(), sink)
    return sink.getvalue()
