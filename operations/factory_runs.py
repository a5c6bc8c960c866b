"""Windows as Data Factory ran them: which there are, how each stands, why one failed; and one of them once more.

learn.microsoft.com/rest/api/datafactory, version 2018-06-01. Data Factory keeps its runs for 45 days.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from operations import azure
from operations.clock import clock
from operations.errors import OperationError
from operations.stack import Stack
from operations.windows import Window

VERSION = "2018-06-01"
KEPT = timedelta(days=45)
PIPELINE = "score"
_HOLDERS = ("IfCondition", "Until", "ForEach", "Switch")
ENDED = ("Succeeded", "Failed", "Cancelled")
_STATES = {"Queued": "waiting", "InProgress": "running", "Canceling": "running", "Succeeded": "scored"}
_APPEARS = 60.0  # seconds within which a window that is run again has its new run


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of the pipeline for one window. `by`: the trigger's name, or "Manual"."""

    id: str
    window: Window
    deployment: str
    by: str
    status: str
    began: datetime
    message: str

    @property
    def ended(self) -> bool:
        return self.status in ENDED


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A window and its runs, oldest first; `record` is that of the newest run that was committed, or None."""

    window: Window
    runs: tuple[Run, ...]
    record: Mapping[str, Any] | None

    @property
    def last(self) -> Run:
        return self.runs[-1]

    @property
    def failed(self) -> bool:
        return self.last.status in ("Failed", "Cancelled")

    @property
    def state(self) -> str:
        """waiting, running, scored, failed or cancelled: that of its last run."""
        return _STATES.get(self.last.status, self.last.status.lower())


def runs(stack: Stack) -> list[Run]:
    """Every run of the pipeline `score` that Data Factory still knows, oldest first."""
    condition = {"operand": "PipelineName", "operator": "Equals", "values": [PIPELINE]}
    found = [_run(record) for record in _queried(stack, "queryPipelineRuns", filters=[condition])]
    return sorted((run for run in found if run is not None), key=lambda run: run.began)


def standings(stack: Stack, records: Iterable[Mapping[str, Any]]) -> list[Standing]:
    """Windows in order of time; `records` are the committed runs, oldest first."""
    committed = {record["window"]: record for record in records}
    ordered = sorted(runs(stack), key=lambda run: (run.window.start, run.window.end, run.began))
    return [
        Standing(window=window, runs=tuple(group), record=committed.get(window.name))
        for window, group in groupby(ordered, key=lambda run: run.window)
    ]


def trigger(stack: Stack) -> str:
    """The trigger of the windows, whose length Azure fixes with it: another length is another trigger."""
    return f"hours-{stack.windowHours}h"


def runtime_state(stack: Stack) -> str:
    """Whether the trigger of the windows is Started or Stopped."""
    found = azure.get(azure.resource_manager(), f"{_factory(stack)}/triggers/{trigger(stack)}", VERSION)
    return found["properties"].get("runtimeState", "Stopped")


def cause(stack: Stack, run: Run) -> str:
    """Why a run failed: the activity that failed first, and what it said."""
    found = _queried(stack, f"pipelineruns/{run.id}/queryActivityruns")
    failed = [one for one in found if one["status"] == "Failed" and (one.get("error") or {}).get("message")]
    if not failed:
        return run.message or run.status
    # What holds other activities fails with them, and only repeats what they said.
    first = min(failed, key=lambda one: (one["activityType"] in _HOLDERS, one["activityRunEnd"] or ""))
    return f"{first['activityName']}: {first['error']['message']}"


def job(stack: Stack, run: Run) -> str | None:
    """The batch job that a run started, if it came so far."""
    found = _queried(stack, f"pipelineruns/{run.id}/queryActivityruns")
    return next((name for one in found if (name := _invoked(one))), None)


def _invoked(activity: Mapping[str, Any]) -> str | None:
    return (activity.get("output") or {}).get("name") if activity["activityName"] == "Invoke" else None


def again(stack: Stack, window: Window, deployment: str | None) -> Run:
    """Starts a window once more and returns its new run.

    The trigger's own window is the trigger's to run again, so that it shows as such in Data Factory. One that was run
    by hand, or is to be scored by another deployment, is a run by hand. Raises OperationError while it is running.
    """
    known = [run for run in runs(stack) if run.window == window]
    if open_ones := [run.id for run in known if not run.ended]:
        raise OperationError(
            f"{window.name}: is running already (run {', '.join(open_ones)}); wait until it has ended."
        )
    fired = None if deployment else _trigger_run(stack, window)
    if fired is None:
        return _by_hand(stack, window, deployment)
    _post(stack, f"triggers/{trigger(stack)}/triggerRuns/{fired}/rerun")
    before, until = {run.id for run in known}, time.monotonic() + _APPEARS
    while time.monotonic() < until:
        for run in runs(stack):
            if run.window == window and run.id not in before:
                return run
        time.sleep(0.5)
    raise OperationError(
        f"{window.name}: trigger {trigger(stack)} took it again, but no run of it has come within a minute."
    )


def follow(stack: Stack, run: Run, tell: Callable[[str], None]) -> Run:
    """Waits for the end of a run; tells each activity as it begins."""
    told: set[str] = set()
    while True:
        url = f"{_factory(stack)}/pipelineruns/{run.id}"
        now = _run(azure.get(azure.resource_manager(), url, VERSION)) or run
        for one in sorted(
            _queried(stack, f"pipelineruns/{run.id}/queryActivityruns"), key=lambda one: one["activityRunStart"] or ""
        ):
            if one["activityName"] not in told:
                told.add(one["activityName"])
                tell(f"{run.window.name}: {one['activityName']}")
        if now.ended:
            return now
        time.sleep(1)


def _by_hand(stack: Stack, window: Window, deployment: str | None) -> Run:
    body = {"windowStart": f"{window.start:%Y-%m-%dT%H:%M:%SZ}", "windowEnd": f"{window.end:%Y-%m-%dT%H:%M:%SZ}"}
    if deployment:
        body["deployment"] = deployment
    run = _post(stack, f"pipelines/{PIPELINE}/createRun", body)["runId"]
    now = clock().now()
    return Run(id=run, window=window, deployment=deployment or "", by="Manual", status="Queued", began=now, message="")


def _trigger_run(stack: Stack, window: Window) -> str | None:
    """The newest run of the trigger for the window."""
    found = [
        one
        for one in _queried(stack, "queryTriggerRuns")
        if one["triggerName"] == trigger(stack)
        and _moment((one.get("properties") or {}).get("windowStartTime")) == window.start
        and _moment((one.get("properties") or {}).get("windowEndTime")) in (window.end, None)
    ]
    return max(found, key=lambda one: one["triggerRunTimestamp"])["triggerRunId"] if found else None


def _run(record: Mapping[str, Any]) -> Run | None:
    """None for a run without a window, which somebody started with other parameters."""
    parameters = record.get("parameters") or {}
    start, end = (_moment(parameters.get(name)) for name in ("windowStart", "windowEnd"))
    if start is None or end is None:
        return None
    return Run(
        id=record["runId"],
        window=Window(start=start, end=end),
        deployment=parameters.get("deployment", ""),
        by=(record.get("invokedBy") or {}).get("name") or "Manual",
        status=record["status"],
        # A run that waits has not begun.
        began=_moment(record.get("runStart")) or clock().now(),
        message=record.get("message") or "",
    )


def _moment(text: str | None) -> datetime | None:
    """Data Factory writes seven decimals of a second, and times without an offset, which are UTC."""
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _queried(stack: Stack, path: str, **body: Any) -> list[dict[str, Any]]:
    """All `value` entries of a query, page by page."""
    now = clock().now()
    span = {"lastUpdatedAfter": f"{now - KEPT:%Y-%m-%dT%H:%M:%SZ}"}
    span["lastUpdatedBefore"] = f"{now + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
    answer = _post(stack, path, {**span, **body})
    found = list(answer.get("value", []))
    while token := answer.get("continuationToken"):
        answer = _post(stack, path, {**span, **body, "continuationToken": token})
        found += answer.get("value", [])
    return found


def _post(stack: Stack, path: str, body: Any = None) -> dict[str, Any]:
    url = f"{_factory(stack)}/{path}"
    answer = azure.send(azure.resource_manager(), "POST", url, params={"api-version": VERSION}, json=body or {})
    return answer.json() if answer.text() else {}


def _factory(stack: Stack) -> str:
    return f"{stack.group_id}/providers/Microsoft.DataFactory/factories/{stack.factory}"
