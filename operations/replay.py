"""Hours of features made again from the raw archive, by the query and the time policy of the stack's own stream job."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from operations import archive, azure, lake
from operations.accounting import EVENT_INPUT
from operations.errors import OperationError
from operations.monitor import JOB_VERSION
from operations.prepare import distinct, parquet, read
from operations.stack import Stack
from operations.windows import HOUR, Window, folder
from scoring.contract import Contract, arrow_schema

if TYPE_CHECKING:
    from stream_engine import Query, TimePolicy

FEATURES, RAW = "features", "raw"


@dataclass(frozen=True, kw_only=True)
class Stream:
    """What the stack's stream job does with events; `flush` is how long it keeps a file open at most."""

    query: "Query"
    policy: "TimePolicy"
    flush: timedelta


@dataclass(frozen=True, kw_only=True)
class Hour:
    """What is in the lake (`files`, of which `broken` cannot be read) beside what the archive gives: `rows`."""

    hour: datetime
    rows: pa.Table
    files: tuple[str, ...]
    broken: tuple[str, ...]
    equal: int
    changed: int
    new: int
    gone: int

    @property
    def path(self) -> str:
        """Where the rows belong: named by what they are, so that the same hour is the same file."""
        data = hashlib.sha256(parquet(self.rows)).hexdigest()[:16]
        return f"{folder(self.hour)}/replayed-{data}.parquet"

    @property
    def differs(self) -> bool:
        """Whether the hour has to be written: not when all rows are there, but also when a replay broke off."""
        half = self.path in self.files and len(self.files) > 1
        return bool(self.changed or self.new or self.gone or self.broken or half)


def declared(stack: Stack) -> Stream:
    """Query, policy and outputs of the stream job as it is in Azure, whatever this checkout holds.

    Raises OperationError when the stack has no stream, or its query is not one that stream_engine runs.
    """
    from stream_engine import QueryError, TimePolicy, compile_query

    if not stack.streamJob:
        raise OperationError(f"stack {stack.name!r}: rows come in files alone: there is no archive to replay.")
    asked = {"$expand": "transformation,outputs"}
    job = azure.get(azure.resource_manager(), stack.stream_job_id, JOB_VERSION, **asked)["properties"]
    text = ((job.get("transformation") or {}).get("properties") or {}).get("query")
    if not text:
        raise OperationError(f"stream job {stack.streamJob}: has no transformation; expected its query.")
    try:
        query = compile_query(text, name=f"stream job {stack.streamJob}")
    except QueryError as error:
        raise OperationError(str(error)) from error
    policy = TimePolicy(
        late=timedelta(seconds=job["eventsLateArrivalMaxDelayInSeconds"]),
        out_of_order=timedelta(seconds=job["eventsOutOfOrderMaxDelayInSeconds"]),
        action=job["eventsOutOfOrderPolicy"],
    )
    flushes = [_duration((out["properties"] or {}).get("timeWindow")) for out in job.get("outputs") or []]
    return Stream(query=query, policy=policy, flush=max(flushes, default=timedelta(minutes=1)))


def rebuilt(stream: Stream, files: Mapping[str, bytes], hours: Window, contract: Contract) -> dict[datetime, pa.Table]:
    """Feature rows of each hour from archived `files` by path, sorted by key. Pure.

    Events that came too late for the stream, too far out of order or ahead of their arrival are left out as it did.
    Raises OperationError when the query meets a value that it cannot handle.
    """
    from stream_engine import StreamError, run

    events = archive.events(files, contract)
    inputs = {alias: events if alias == EVENT_INPUT else [] for alias in stream.query.inputs}
    try:
        found = run(stream.query, inputs, policy=stream.policy).outputs[FEATURES]
    except StreamError as error:
        raise OperationError(str(error)) from error
    of: dict[datetime, list[dict[str, Any]]] = {hour: [] for hour in hours.hours}
    for row in found:
        hour = row.timestamp.replace(minute=0, second=0, microsecond=0)
        if hour in of:
            of[hour].append(dict(row))
    schema = arrow_schema(contract.feature)
    return {
        hour: pa.Table.from_pylist(rows, schema=schema).sort_by([(name, "ascending") for name in contract.feature.key])
        for hour, rows in of.items()
    }


def compared(hour: datetime, rows: pa.Table, files: Mapping[str, bytes], contract: Contract) -> Hour:
    """The hour's rebuilt rows beside those in its `files`, key by key. Pure."""
    tables, broken = [], []
    for path, data in files.items():
        try:
            tables.append(read(path, data, contract.feature))
        except OperationError:
            broken.append(path)
    written = pa.concat_tables(tables) if tables else arrow_schema(contract.feature).empty_table()
    there, made = _by_key(distinct(written, contract.feature), contract), _by_key(rows, contract)
    both = made.keys() & there.keys()
    equal = sum(1 for key in both if made[key] == there[key])
    return Hour(
        hour=hour,
        rows=rows,
        files=tuple(files),
        broken=tuple(broken),
        equal=equal,
        changed=len(both) - equal,
        new=len(made.keys() - there.keys()),
        gone=len(there.keys() - made.keys()),
    )


def hours(stack: Stack, stream: Stream, asked: Window, contract: Contract, lookback: int) -> list[Hour]:
    """Every hour that was asked for, made again and compared. Reads the archive from `lookback` hours earlier on."""
    late = max(stream.policy.late, timedelta(minutes=5))
    last = (asked.end + late).replace(minute=0, second=0, microsecond=0)
    span = Window(start=asked.start - lookback * HOUR, end=last + HOUR)
    raw = {path: data for hour in span.hours for path, data in _files(stack, RAW, hour).items()}
    made = rebuilt(stream, raw, asked, contract)
    return [compared(hour, rows, _files(stack, FEATURES, hour), contract) for hour, rows in made.items()]


def refuse_losses(found: list[Hour]) -> None:
    """Raises OperationError for hours of which rows are in the lake that the archive does not give."""
    lost = [f"{folder(one.hour)}: {one.gone:,} of {one.gone + one.equal + one.changed:,}" for one in found if one.gone]
    if lost:
        raise OperationError(
            f"rows would be lost that the archive does not give: {'; '.join(lost)}. Nothing was written. Is the "
            "archive gone (rawDays), were these rows put there by hand, do windows reach further back (--lookback)? "
            "--allow-losses goes by the archive."
        )


def write(stack: Stack, hour: Hour, tell: Callable[[str], None]) -> None:
    """Puts the hour's rows into one file, then takes the old files away: no reader finds the hour without its rows.

    While both are there a reader takes each row once, by its key. Broken off anywhere, it is mended by the next replay.
    """
    container = azure.container(stack.lakeAccount, FEATURES)
    if hour.rows.num_rows and hour.path not in hour.files:
        lake.upload(container, {hour.path: parquet(hour.rows)})
    old = [path for path in hour.files if path != hour.path]
    for path in old:
        with lake.explained(container, path):
            container.delete_blob(path)
    tell(f"{FEATURES}/{folder(hour.hour)}: {hour.rows.num_rows:,} rows in one file, in place of {len(old)}")


def windows(hours: Iterable[datetime], size: int) -> list[Window]:
    """The windows of `size` hours, of which a day is a multiple, that hold the hours: each once, in order."""
    starts = sorted({hour - (hour.hour % size) * HOUR for hour in hours})
    return [Window(start=start, end=start + size * HOUR) for start in starts]


def _files(stack: Stack, name: str, hour: datetime) -> dict[str, bytes]:
    container = azure.container(stack.lakeAccount, name)
    paths = [path for path in lake.names(container, f"{folder(hour)}/") if path.endswith(".parquet")]
    return lake.download(container, paths)


def _by_key(table: pa.Table, contract: Contract) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    row = contract.feature
    columns = {name: table[name].to_pylist() for name in row.names}
    keys = zip(*(columns[name] for name in row.key), strict=True)
    return dict(zip(keys, zip(*columns.values(), strict=True), strict=True))


def _duration(text: str | None) -> timedelta:
    """hh:mm:ss, as outputs state how long a file stays open."""
    parts = [int(part) for part in (text or "00:01:00").split(":")]
    return timedelta(hours=parts[0], minutes=parts[1], seconds=parts[2])
