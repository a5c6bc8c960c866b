"""Stream Analytics: starts and stops jobs, and moves the running ones with the clock.

Source: https://learn.microsoft.com/rest/api/streamanalytics/streaming-jobs/start
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from azure_sandbox.context import Sandbox
from azure_sandbox.directory import Principal
from azure_sandbox.envelope import not_found
from azure_sandbox.errors import AzureError
from azure_sandbox.ids import normal
from azure_sandbox_storage.blobs import Blobs

from azure_sandbox_streaming.event_log import EventLog
from azure_sandbox_streaming.metrics import Monitor
from azure_sandbox_streaming.stream_plan import plan_of
from azure_sandbox_streaming.stream_run import TABLE, Run

JOBS = "microsoft.streamanalytics/streamingjobs"
RUNNING = ("Running", "Degraded")
METRICS = (
    "InputEvents", "InputEventBytes", "LateInputEvents", "EarlyInputEvents", "DroppedOrAdjustedEvents",
    "DeserializationError", "ConversionErrors", "OutputEvents", "OutputWatermarkDelaySeconds", "Errors",
)  # fmt: skip
Answer = tuple[int, Any, dict[str, str]]


def install(sandbox: Sandbox, blobs: Blobs, log: EventLog, monitor: Monitor) -> None:
    service = StreamAnalytics(sandbox, blobs, log, monitor)
    monitor.known[JOBS] = METRICS
    sandbox.manager.on_action(JOBS, "start", service.start)
    sandbox.manager.on_action(JOBS, "stop", service.stop)
    sandbox.manager.after_delete(JOBS, service.deleted)
    sandbox.manager.collection(f"{JOBS}/transformations", service.transformation)
    sandbox.clock.listen(service.step)
    sandbox.status["streams"] = service.status


class StreamAnalytics:
    def __init__(self, sandbox: Sandbox, blobs: Blobs, log: EventLog, monitor: Monitor) -> None:
        self._sandbox, self._blobs, self._log, self._monitor = sandbox, blobs, log, monitor
        sandbox.store.execute(TABLE)
        self._runs: dict[str, Run] = {}
        for job in sandbox.store.resources(kind=JOBS):
            if job["properties"].get("jobState") in RUNNING:
                self._runs[normal(job["id"])] = run = self._run(job, starting=False)
                run.resume(*(self._record(job) or (b"", None)))

    async def start(self, job: dict[str, Any], body: Any, _: Principal) -> Answer:
        """Modes: JobStartTime (now), CustomTime (`outputStartTime`), LastOutputEventTime (where the job stopped)."""
        if job["properties"].get("jobState") in RUNNING:
            message = f"The streaming job '{job['name']}' is in the state 'Running' and must be stopped first."
            raise AzureError(409, "Conflict", message)
        mode = (body or {}).get("outputStartMode") or job["properties"].get("outputStartMode") or "JobStartTime"
        run = self._run(job)
        start = self._begin(run, job, mode, (body or {}).get("outputStartTime"))
        self._runs[normal(job["id"])] = run
        values = {"jobState": "Running", "outputStartMode": mode, "outputStartTime": _iso(start), "etag": None}
        self._note(job, {key: value for key, value in values.items() if value})
        return 202, None, {}

    async def transformation(
        self, method: str, path: str, query: Mapping[str, str], body: Any, who: Principal
    ) -> tuple[Any, ...]:
        """A job is stored with its query: /transformations/NAME reads and writes that part of it.
        learn.microsoft.com/rest/api/streamanalytics/transformations"""
        job_id, _, name = path.rpartition("/transformations/")
        found = (self._sandbox.manager.get(job_id)["properties"].get("transformation") or {}) if job_id else {}
        if str(found.get("name", name)).lower() != name.lower() or (method == "GET" and not found):
            raise not_found(path)
        if method in ("PUT", "PATCH"):
            new = {"name": found.get("name", name), "properties": (body or {}).get("properties") or {}}
            change = {"properties": {"transformation": new}}
            status, answer, headers = await self._sandbox.manager.handle("PATCH", job_id, query, change, who)
            if status >= 400:
                return status, answer, headers
            found = self._sandbox.manager.get(job_id)["properties"]["transformation"]
        elif method != "GET":
            raise AzureError(405, "HttpMethodNotAllowed", f"The method {method} is not allowed on '{path}'.")
        kind = "Microsoft.StreamAnalytics/streamingjobs/transformations"
        shown = {key: found["properties"][key] for key in ("query", "streamingUnits") if key in found["properties"]}
        return 200, {"id": path, "name": found["name"], "type": kind, "properties": shown}

    def _begin(self, run: Run, job: dict[str, Any], mode: str, custom: str | None) -> datetime:
        """Returns the time from which on rows are written. Reading goes back by the tolerance: late events count."""
        now, late = self._sandbox.clock.now(), run.plan.policy.late
        if mode == "CustomTime":
            if not custom:
                raise AzureError(
                    422, "UnprocessableEntity", "The output start mode CustomTime needs 'outputStartTime'."
                )
            start = datetime.fromisoformat(custom).astimezone(UTC)
            run.begin(start, read_from=start - late)
            return start
        if mode == "LastOutputEventTime":
            record, last = self._record(job), job["properties"].get("lastOutputEventTime")
            if record is None or not last:
                message = "The output start mode LastOutputEventTime needs a job that has written output before."
                raise AzureError(422, "UnprocessableEntity", message)
            start = datetime.fromisoformat(last)
            try:
                run.resume(*record)
            except ValueError:  # the query has changed since
                run.begin(start, read_from=start - late, exclusive=True)
            return start
        run.begin(now, read_from=now)
        return now

    async def stop(self, job: dict[str, Any], _: Any, __: Principal) -> Answer:
        """What was read is written before the job counts as stopped."""
        run = self._runs.pop(normal(job["id"]), None)
        if run is not None:
            await self._step(run, self._sandbox.clock.now(), final=True)
            self._note(job, {"jobState": "Stopped"})
        return 202, None, {}

    async def deleted(self, job: dict[str, Any]) -> None:
        self._runs.pop(normal(job["id"]), None)
        self._sandbox.store.execute("DELETE FROM streams WHERE job = ?", (normal(job["id"]),))
        self._monitor.forget(job["id"])

    async def step(self, now: datetime) -> None:
        for run in list(self._runs.values()):
            await self._step(run, now)

    async def _step(self, run: Run, now: datetime, *, final: bool = False) -> None:
        before = (run.last_output, run.problem)
        found = await run.step(now, final=final)
        values = found.get("values", [])
        if "delay" in found:
            values.append(("OutputWatermarkDelaySeconds", "", found["delay"]))
        if run.problem and run.problem != before[1]:
            values.append(("Errors", "", 1))
            self._log_problem(run, now)
        self._monitor.add(run.plan.job_id, now, values)
        job = self._sandbox.store.resource(run.plan.job_id)
        if job and (run.last_output, run.problem) != before and not final:
            last = {"lastOutputEventTime": _iso(run.last_output)} if run.last_output else {}
            self._note(job, last | {"jobState": "Degraded" if run.problem else "Running"})

    def _log_problem(self, run: Run, now: datetime) -> None:
        error = AzureError(403, "StreamProblem", run.problem)
        place = {"method": "STREAM", "host": "", "path": run.plan.job_id}
        self._sandbox.note(error, who=run.plan.principal_id, request_id=f"{run.plan.guid}-{now.timestamp()}", **place)

    def _run(self, job: dict[str, Any], *, starting: bool = True) -> Run:
        return Run(self._sandbox, self._log, self._blobs, plan_of(self._sandbox, job, starting=starting))

    def _record(self, job: dict[str, Any]) -> tuple[bytes, bytes | None] | None:
        rows = self._sandbox.store.execute("SELECT record, files FROM streams WHERE job = ?", (normal(job["id"]),))
        return (rows[0][0], rows[0][1]) if rows else None

    def _note(self, job: dict[str, Any], values: dict[str, Any]) -> None:
        current = self._sandbox.store.resource(job["id"])
        if current is not None:
            current["properties"] |= values
            self._sandbox.store.put_resource(job["id"], current)

    def status(self) -> dict[str, str]:
        shown = {}
        for job in self._sandbox.store.resources(kind=JOBS):
            run, properties = self._runs.get(normal(job["id"])), job["properties"]
            last = properties.get("lastOutputEventTime", "never")
            shown[job["name"]] = f"{properties.get('jobState', 'Created')}, last output {last}"
            if run and run.problem:
                shown[job["name"]] += f", {run.problem}"
        return shown


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
