"""Runs of Data Factory as they are stored, and the filters of the service's queries.

learn.microsoft.com/rest/api/datafactory: pipeline-runs, activity-runs and trigger-runs, query.
"""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from azure_sandbox.errors import AzureError
from azure_sandbox.ids import normal
from azure_sandbox.store import Store

TABLES = (
    "CREATE TABLE IF NOT EXISTS factory_runs (id TEXT PRIMARY KEY, factory TEXT, record TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS factory_activities (id TEXT PRIMARY KEY, run TEXT, record TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS factory_activities_by_run ON factory_activities (run)",
    "CREATE TABLE IF NOT EXISTS factory_windows (id TEXT PRIMARY KEY, trigger TEXT, start TEXT, record TEXT NOT NULL)",
)
ENDED = ("Succeeded", "Failed", "Cancelled")
Record = dict[str, Any]
# Operand of a filter → key of the record.
OPERANDS = {
    "PipelineName": "pipelineName",
    "Status": "status",
    "RunStart": "runStart",
    "RunEnd": "runEnd",
    "RunGroupId": "runGroupId",
    "ActivityName": "activityName",
    "ActivityType": "activityType",
    "ActivityRunStart": "activityRunStart",
    "ActivityRunEnd": "activityRunEnd",
    "TriggerName": "triggerName",
    "TriggerRunTimestamp": "triggerRunTimestamp",
}


class Records:
    def __init__(self, store: Store) -> None:
        self._store = store
        for table in TABLES:
            store.execute(table)

    def save(self, factory: str, kind: str, record: Record) -> None:
        """A changed record of a pipeline run or of an activity run."""
        table, owner = ("factory_runs", "factory") if kind == "pipelineRun" else ("factory_activities", "run")
        statement = (
            f"INSERT INTO {table} (id, {owner}, record) VALUES (?, ?, ?) "  # noqa: S608
            "ON CONFLICT DO UPDATE SET record = excluded.record"
        )
        above = normal(factory) if kind == "pipelineRun" else record["pipelineRunId"]
        self._store.execute(statement, (record["id"], above, json.dumps(record)))

    def run(self, factory: str, run_id: str) -> Record | None:
        query = "SELECT record FROM factory_runs WHERE id = ? AND factory = ?"
        rows = self._store.execute(query, (run_id, normal(factory)))
        return json.loads(rows[0][0]) if rows else None

    def runs(self, factory: str) -> list[Record]:
        return self._read("SELECT record FROM factory_runs WHERE factory = ? ORDER BY rowid", normal(factory))

    def activities(self, run_id: str) -> list[Record]:
        return self._read("SELECT record FROM factory_activities WHERE run = ? ORDER BY rowid", run_id)

    def unfinished(self) -> list[tuple[str, Record]]:
        """(factory, run) of every run that has not ended."""
        rows = self._store.execute("SELECT factory, record FROM factory_runs ORDER BY rowid")
        found = [(factory, json.loads(record)) for factory, record in rows]
        return [(factory, record) for factory, record in found if record["status"] not in ENDED]

    def forget(self, factory: str) -> None:
        of = "SELECT id FROM factory_runs WHERE factory = ?"
        self._store.execute(f"DELETE FROM factory_activities WHERE run IN ({of})", (normal(factory),))  # noqa: S608
        self._store.execute("DELETE FROM factory_runs WHERE factory = ?", (normal(factory),))

    # Windows of tumbling-window triggers: a row a trigger run, the last one of a window counts.

    def save_window(self, trigger: str, start: str, record: Record) -> None:
        statement = (
            "INSERT INTO factory_windows (id, trigger, start, record) VALUES (?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE SET record = excluded.record"
        )
        self._store.execute(statement, (record["run"]["triggerRunId"], normal(trigger), start, json.dumps(record)))

    def windows(self, trigger: str) -> list[Record]:
        return self._read("SELECT record FROM factory_windows WHERE trigger = ? ORDER BY rowid", normal(trigger))

    def forget_windows(self, trigger: str) -> None:
        self._store.execute("DELETE FROM factory_windows WHERE trigger = ?", (normal(trigger),))

    def _read(self, query: str, value: str) -> list[Record]:
        return [json.loads(record) for (record,) in self._store.execute(query, (value,))]


def queried(records: Iterable[Record], asked: Record, moment: str) -> Record:
    """The answer to a query: those changed between lastUpdatedAfter and lastUpdatedBefore that pass every filter;
    `moment` is the key of the record by which "updated" is judged."""
    bounds = []
    for name in ("lastUpdatedAfter", "lastUpdatedBefore"):
        try:
            bounds.append(datetime.fromisoformat(str(asked.get(name))))
        except ValueError:
            text = f"The property '{name}' must be a time such as 2026-01-01T00:00:00Z, not '{asked.get(name)}'."
            raise AzureError(400, "BadRequest", text) from None
    found = [r for r in records if r.get(moment) and bounds[0] <= datetime.fromisoformat(r[moment]) <= bounds[1]]
    for one in asked.get("filters") or ():
        found = [record for record in found if _passes(record, one)]
    for order in reversed(asked.get("orderBy") or ()):
        key = _key(str(order.get("orderBy")))
        found.sort(key=lambda r: str(r.get(key)), reverse=str(order.get("order")).upper() == "DESC")
    return {"value": found}


def _key(operand: str) -> str:
    if operand not in OPERANDS:
        raise AzureError(400, "BadRequest", f"The operand '{operand}' is none of {', '.join(OPERANDS)}.")
    return OPERANDS[operand]


def _passes(record: Record, one: Record) -> bool:
    operator, values = one.get("operator"), one.get("values") or []
    if one.get("operand") == "LatestOnly":
        return True  # a rerun here is a run of its own group
    if operator not in ("Equals", "In", "NotEquals", "NotIn"):
        raise AzureError(400, "BadRequest", f"The operator '{operator}' is none of Equals, NotEquals, In, NotIn.")
    return (record.get(_key(str(one.get("operand")))) in values) == (operator in ("Equals", "In"))
