"""Records of pipeline and activity runs in the shape of the service's REST API, plain JSON.

https://learn.microsoft.com/rest/api/datafactory/pipeline-runs/get and activity-runs/query-by-pipeline-run.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from factory_engine.expressions.dotnet_format import format_moment
from factory_engine.expressions.moment import SECOND, Moment, parse_moment
from factory_engine.world import ActivityError

Record = dict[str, Any]
RecordKind = Literal["pipelineRun", "activityRun"]
LOST = "The run was lost: what ran it stopped before it had ended"


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """What started a run. `kind` is Manual, TumblingWindowTrigger or ScheduleTrigger."""

    kind: str = "Manual"
    id: str = "Sandbox"
    name: str = "Manual"


def timestamp(when: datetime) -> str:
    return format_moment(Moment.of(when), "o")


def pipeline_run(
    *, run_id: str, pipeline: str, parameters: Mapping[str, Any], invocation: Invocation, annotations: Sequence[Any]
) -> Record:
    """The record of a run that is queued. Values of parameters are strings, as the service shows them."""
    return {
        "id": run_id,
        "runId": run_id,
        "runGroupId": run_id,
        "isLatest": True,
        "pipelineName": pipeline,
        "parameters": {name: _shown(value) for name, value in parameters.items()},
        "invokedBy": {"id": invocation.id, "name": invocation.name, "invokedByType": invocation.kind},
        "runStart": None,
        "runEnd": None,
        "durationInMs": None,
        "status": "Queued",
        "message": "",
        "lastUpdated": None,
        "annotations": list(annotations),
        "runDimension": {},
    }


def activity_run(
    *,
    activity_run_id: str,
    activity: Mapping[str, Any],
    pipeline: str,
    run_id: str,
    attempt: int,
    iteration: str,
    now: datetime,
) -> Record:
    """The record of an attempt that begins. `attempt` counts from 0, where the service shows null."""
    return {
        "id": activity_run_id,
        "activityRunId": activity_run_id,
        "activityName": activity["name"],
        "activityType": activity["type"],
        "pipelineName": pipeline,
        "pipelineRunId": run_id,
        "linkedServiceName": (activity.get("linkedServiceName") or {}).get("referenceName", ""),
        "status": "InProgress",
        "activityRunStart": timestamp(now),
        "activityRunEnd": None,
        "durationInMs": None,
        "retryAttempt": attempt or None,
        "iterationHash": iteration,
        "input": {},
        "output": {},
        "error": error_of(str(activity["name"]), None),
        "userProperties": {each["name"]: each["value"] for each in activity.get("userProperties") or ()},
    }


def error_of(target: str, error: ActivityError | None) -> Record:
    return {
        "errorCode": error.code if error else "",
        "message": error.message if error else "",
        "failureType": error.failure_type if error else "",
        "target": target,
        "details": "",
    }


def end(record: Record, kind: RecordKind, status: str, now: datetime) -> None:
    """Writes the end of a run into its record."""
    first, last = ("runStart", "runEnd") if kind == "pipelineRun" else ("activityRunStart", "activityRunEnd")
    record["status"], record[last] = status, timestamp(now)
    started = record[first] or record[last]
    record["durationInMs"] = (parse_moment(record[last]).ticks - parse_moment(started).ticks) // (SECOND // 1000)


def iteration_hash(activity_run_id: str, iteration: int) -> str:
    """The hash that tells iterations of a loop apart; the service's own formula is not published."""
    return hashlib.sha256(f"{activity_run_id}:{iteration}".encode()).hexdigest()[:32]


def mark_lost(record: Record, kind: RecordKind, now: datetime) -> Record:
    """A copy of a record that had not ended, failed as lost, for a restart after a crash; others as they are."""
    if record["status"] not in ("Queued", "InProgress", "Canceling"):
        return record
    lost = dict(record)
    end(lost, kind, "Failed", now)
    if kind == "pipelineRun":
        lost["message"], lost["lastUpdated"] = LOST, timestamp(now)
    else:
        lost["error"] = error_of(record["activityName"], ActivityError("RunLost", LOST, "SystemError"))
    return lost


def startable(records: Sequence[Record], concurrency: int | None) -> list[str]:
    """Ids of the queued runs of one pipeline that may start now, in the order given, under its `concurrency`."""
    queued = [str(record["runId"]) for record in records if record["status"] == "Queued"]
    if concurrency is None:
        return queued
    running = sum(record["status"] in ("InProgress", "Canceling") for record in records)
    return queued[: max(concurrency - running, 0)]


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
