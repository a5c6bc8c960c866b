"""Azure Monitor's metrics: values per minute of the sandbox's clock, by resource, name and logical name.

Source: https://learn.microsoft.com/rest/api/monitor/metrics/list (2018-01-01)
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from azure_sandbox.context import Sandbox
from azure_sandbox.errors import AzureError
from azure_sandbox.ids import normal

TABLE = """CREATE TABLE IF NOT EXISTS metrics (resource TEXT, minute INTEGER, name TEXT, logical TEXT,
 total REAL, maximum REAL, count INTEGER, PRIMARY KEY (resource, minute, name, logical)) WITHOUT ROWID"""
ADD = """INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?, 1) ON CONFLICT DO UPDATE SET
 total = total + excluded.total, maximum = max(maximum, excluded.maximum), count = count + 1"""
METRICS = re.compile("/providers/microsoft.insights/metrics/?$", re.IGNORECASE)
INTERVAL = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?", re.IGNORECASE)
FILTER = re.compile(r"LogicalName\s+eq\s+'([^']*)'", re.IGNORECASE)
VALUES = {"total": "SUM(total)", "maximum": "MAX(maximum)", "average": "SUM(total) / SUM(count)", "count": "SUM(count)"}


def install(sandbox: Sandbox) -> "Monitor":
    monitor = Monitor(sandbox)

    async def answer(_: str, path: str, query: dict[str, str], __: Any, ___: Any) -> tuple[int, Any, dict[str, str]]:
        resource = sandbox.store.resource(METRICS.sub("", path))
        if resource is None:
            raise AzureError(404, "ResourceNotFound", f"The Resource '{METRICS.sub('', path)}' was not found.")
        return 200, monitor.list(resource, query), {}

    sandbox.manager.collection("microsoft.insights/metrics", answer)
    return monitor


class Monitor:
    """`known`: metric names that a kind of resource has, filled by the services."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._store, self._clock = sandbox.store, sandbox.clock
        self.known: dict[str, tuple[str, ...]] = {}
        self._store.execute(TABLE)

    def add(self, resource_id: str, at: datetime, values: Iterable[tuple[str, str, float]]) -> None:
        """Adds (name, logical name, value) to the minute of `at`."""
        key, minute = normal(resource_id), int(at.timestamp()) // 60
        self._store.executemany(ADD, [(key, minute, name, logical, value, value) for name, logical, value in values])

    def forget(self, resource_id: str) -> None:
        self._store.execute("DELETE FROM metrics WHERE resource = ?", (normal(resource_id),))

    def list(self, resource: dict[str, Any], query: dict[str, str]) -> dict[str, Any]:
        """The answer to `GET {resource}/providers/Microsoft.Insights/metrics`."""
        query = {key.lower(): value for key, value in query.items()}
        known = self.known.get(str(resource["type"]).lower(), ())
        names = [name.strip() for name in (query.get("metricnames") or ",".join(known)).split(",") if name.strip()]
        spelled = {name.lower(): name for name in known}
        unknown = [name for name in names if name.lower() not in spelled]
        if unknown:
            message = (
                f"Failed to find metric configuration for provider: {resource['type']}, metric: {', '.join(unknown)}. "
            )
            raise AzureError(400, "BadRequest", message + f"Valid metrics: {','.join(known)}")
        step = _step(query.get("interval", "PT1M"))
        start, end = _span(query.get("timespan"), self._clock.now())
        shown = {
            "resource": normal(resource["id"]), "step": step,
            "start": int(start.timestamp()) // 60, "end": -(-int(end.timestamp()) // 60),
            "logical": (FILTER.findall(query.get("$filter", "")) or [None])[0],
            "columns": [c for c in query.get("aggregation", "total,maximum").lower().split(",") if c in VALUES],
        }  # fmt: skip
        return {
            "cost": 0,
            "timespan": f"{_iso(start)}/{_iso(end)}",
            "interval": query.get("interval", "PT1M"),
            "namespace": resource["type"],
            "resourceregion": resource.get("location"),
            "value": [self._metric(resource, spelled[name.lower()], shown) for name in names],
        }

    def _metric(self, resource: dict[str, Any], name: str, shown: dict[str, Any]) -> dict[str, Any]:
        by_logical = shown["logical"] == "*"
        columns = ", ".join(VALUES[column] for column in shown["columns"])
        where = "resource = ? AND name = ? AND minute >= ? AND minute < ?"
        values: list[Any] = [shown["resource"], name, shown["start"], shown["end"]]
        if shown["logical"] and not by_logical:
            where, values = where + " AND logical = ?", [*values, shown["logical"]]
        kept = "logical" if by_logical else "''"
        statement = f"""SELECT {kept}, minute / {shown["step"]} * {shown["step"]}, {columns} FROM metrics
                        WHERE {where} GROUP BY 1, 2 ORDER BY 1, 2"""  # noqa: S608
        series: dict[str, list[dict[str, Any]]] = {} if by_logical else {"": []}
        for logical, minute, *numbers in self._store.execute(statement, values):
            entry = {"timeStamp": _iso(datetime.fromtimestamp(minute * 60, UTC))}
            series.setdefault(logical, []).append(entry | dict(zip(shown["columns"], numbers, strict=True)))
        return {
            "id": f"{resource['id']}/providers/Microsoft.Insights/metrics/{name}",
            "type": "Microsoft.Insights/metrics",
            "name": {"value": name, "localizedValue": name},
            "unit": "Seconds" if name.endswith("Seconds") else "Bytes" if name.endswith("Bytes") else "Count",
            "errorCode": "Success",
            "timeseries": [{"metadatavalues": _metadata(logical), "data": data} for logical, data in series.items()],
        }


def _metadata(logical: str) -> "list[dict[str, Any]]":
    return [{"name": {"value": "logicalname", "localizedValue": "logicalname"}, "value": logical}] if logical else []


def _step(interval: str) -> int:
    """Minutes."""
    found = INTERVAL.fullmatch(interval)
    days, hours, minutes = (int(part or 0) for part in (found.groups() if found else (0, 0, 0)))
    step = (days * 24 + hours) * 60 + minutes
    if step < 1:
        raise AzureError(400, "BadRequest", f"Detected invalid time grain input: {interval}. Valid: PT1M to P1D.")
    return step


def _span(text: str | None, now: datetime) -> tuple[datetime, datetime]:
    if not text:
        return now - timedelta(hours=1), now
    try:
        start, end = (datetime.fromisoformat(part.replace(" ", "+")) for part in text.split("/"))
    except ValueError:
        raise AzureError(
            400, "BadRequest", f"Invalid timespan '{text}': expected two ISO 8601 times with '/'."
        ) from None
    return start.astimezone(UTC), end.astimezone(UTC)


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
