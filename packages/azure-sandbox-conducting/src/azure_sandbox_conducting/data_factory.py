"""Data Factory: runs the declared pipelines with factory_engine, as the factory's own identities.

learn.microsoft.com/rest/api/datafactory, version 2018-06-01. Runs are stored; those that a killed sandbox left behind
are failed as lost when it starts again, and a trigger's window is retried as its policy says.
"""

import asyncio
import re
import time
from collections.abc import Mapping
from typing import Any

from azure_sandbox.context import Sandbox
from azure_sandbox.directory import Principal
from azure_sandbox.errors import AzureError
from azure_sandbox.ids import name_of, normal, parent_of
from azure_sandbox_learning.jobs import Jobs
from azure_sandbox_storage.blobs import Blobs
from factory_engine import (
    DefinitionError,
    ExpressionError,
    Invocation,
    ParameterError,
    PipelineRun,
    mark_lost,
    startable,
)

from azure_sandbox_conducting.factory_clock import FactoryClock
from azure_sandbox_conducting.factory_records import ENDED, Record, Records, queried
from azure_sandbox_conducting.factory_triggers import Triggers
from azure_sandbox_conducting.factory_world import FactoryWorld
from azure_sandbox_conducting.rules.factories import factory_of
from azure_sandbox_conducting.sql import Sql

FACTORIES = "microsoft.datafactory/factories"
PIPELINES, TRIGGERS = f"{FACTORIES}/pipelines", f"{FACTORIES}/triggers"
RUN = re.compile(r"(.+)/pipelineruns/([^/]+)(?:/([^/]+))?", re.IGNORECASE)
TRIGGER_RUN = re.compile(r"(.+)/triggerruns/([^/]+)/(rerun|cancel)", re.IGNORECASE)
PATIENCE = 100.0  # seconds of real time that a jump of the clock waits for work that is under way
Answer = tuple[int, Any]


class DataFactory:
    def __init__(self, sandbox: Sandbox, blobs: Blobs, sql: Sql, jobs: Jobs) -> None:
        self._sandbox, self._blobs, self._sql, self._jobs = sandbox, blobs, sql, jobs
        self.clock = FactoryClock(sandbox.clock)
        self.records = Records(sandbox.store)
        self.triggers = Triggers(sandbox, self.records, self.clock, self.launch)
        self._running: dict[str, tuple[str, PipelineRun]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._begun: set[str] = set()
        self._closing = False

    def install(self) -> None:
        manager = self._sandbox.manager
        parameters = ("referencePipelineRunId", "isRecovery", "startActivityName", "startFromFailure")
        manager.on_action(PIPELINES, "createRun", self.create_run, refused=parameters)
        manager.on_action(FACTORIES, "queryPipelineRuns", self.query_runs)
        manager.on_action(FACTORIES, "queryTriggerRuns", self.query_trigger_runs)
        manager.on_action(TRIGGERS, "start", self.triggers.start)
        manager.on_action(TRIGGERS, "stop", self.triggers.stop)
        manager.collection(f"{FACTORIES}/pipelineruns", self.run_resources)
        manager.collection(f"{TRIGGERS}/triggerruns", self.trigger_run_resources)
        manager.after_delete(FACTORIES, self.factory_deleted)
        manager.after_delete(TRIGGERS, self.triggers.deleted)
        self._sandbox.clock.listen(self.triggers.step)
        self._sandbox.clock.hold(self.settle)
        self._sandbox.status["pipelines"] = self.status

    def start(self) -> None:
        """Ends what an earlier life of the sandbox left under way."""
        now = self._sandbox.clock.now()
        for factory, run in self.records.unfinished():
            for activity in self.records.activities(run["runId"]):
                self.records.save(factory, "activityRun", mark_lost(activity, "activityRun", now))
            lost = mark_lost(run, "pipelineRun", now)
            self.records.save(factory, "pipelineRun", lost)
            self.triggers.ended(factory, lost)
        self.triggers.arm()

    async def close(self) -> None:
        self._closing = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # Runs

    def launch(
        self, factory: str, pipeline: str, parameters: Mapping[str, Any], invocation: Invocation | None = None
    ) -> str:
        """The id of a new run. AzureError when it cannot begin: definition, parameters."""
        resource = self._sandbox.store.resource(factory) or {"id": factory}
        definitions = factory_of(self._sandbox.manager.world, resource["id"])
        try:
            run = PipelineRun(
                factory=definitions,
                pipeline=pipeline,
                world=FactoryWorld(self._sandbox, self._blobs, self._sql, self.clock, resource["id"]),
                clock=self.clock,
                parameters=parameters,
                invocation=invocation or Invocation(),
                on_change=lambda kind, record: self._save(factory, kind, record),
            )
        except (DefinitionError, ParameterError, ExpressionError) as error:
            raise AzureError(400, "BadRequest", str(error)) from None
        self._running[run.run_id] = (normal(factory), run)
        self._begin(normal(factory), pipeline)
        return run.run_id

    def _save(self, factory: str, kind: str, record: Record) -> None:
        if self._sandbox.store.resource(factory):  # a factory takes its runs along
            self.records.save(factory, kind, record)

    def _begin(self, factory: str, pipeline: str) -> None:
        """Starts what waits, as far as the pipeline's `concurrency` allows."""
        found = self._sandbox.store.resource(f"{factory}/pipelines/{pipeline}") or {"properties": {}}
        mine = [r.record for f, r in self._running.values() if f == factory and r.pipeline.lower() == pipeline.lower()]
        for run_id in startable(mine, found["properties"].get("concurrency")):
            run = self._running[run_id][1]
            if run_id not in self._begun:
                self._begun.add(run_id)
                task = asyncio.get_running_loop().create_task(self._execute(factory, run))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _execute(self, factory: str, run: PipelineRun) -> None:
        try:
            record = await run.execute()
        except asyncio.CancelledError:
            if self._closing:
                return
            raise
        except Exception as defect:  # a defect of this sandbox fails the run that met it, and is said there
            record = mark_lost(run.record, "pipelineRun", self._sandbox.clock.now())
            record["message"] = f"azure-sandbox: {type(defect).__name__}: {defect}"
            self._save(factory, "pipelineRun", record)
        finally:
            self._running.pop(run.run_id, None)
            self._begun.discard(run.run_id)
        self._begin(factory, run.pipeline)
        self.triggers.ended(factory, record)

    async def settle(self) -> None:
        """Returns when every run waits for the clock: a jump passes through a run as time itself would. A job of Azure
        Machine Learning that computes is waited for as well, as computing takes real time only."""
        until = time.monotonic() + PATIENCE
        quiet = 0
        while self._running and quiet < 50 and time.monotonic() < until:
            busy = self.clock.working or self._jobs.computing
            quiet = 0 if busy else quiet + 1
            await asyncio.sleep(0.01 if busy else 0)

    # Resource Manager

    async def create_run(self, pipeline: Record, body: Any, _: Principal) -> Answer:
        return 200, {"runId": self.launch(parent_of(pipeline["id"]), pipeline["name"], body or {})}

    async def query_runs(self, factory: Record, body: Any, _: Principal) -> Answer:
        return 200, queried(map(_shown, self.records.runs(factory["id"])), body, "lastUpdated")

    async def query_trigger_runs(self, factory: Record, body: Any, _: Principal) -> Answer:
        return 200, queried(self.triggers.runs(factory["id"]), body, "triggerRunTimestamp")

    async def run_resources(self, method: str, path: str, _: Any, body: Any, __: Principal) -> Answer:
        """GET pipelineruns/ID; POST …/queryActivityruns, …/cancel."""
        found = RUN.fullmatch(path)
        factory, run_id, verb = (found[1], found[2], (found[3] or "").lower()) if found else (path, "", "")
        record = self.records.run(factory, run_id)
        if record is None:
            raise AzureError(404, "PipelineRunNotFound", f"The pipeline run '{run_id}' could not be found.")
        if method == "GET" and not verb:
            return 200, _shown(record)
        if method == "POST" and verb == "queryactivityruns":
            return 200, queried(self.records.activities(run_id), body or {}, "activityRunStart")
        if method == "POST" and verb == "cancel":
            if record["status"] in ENDED:
                raise AzureError(400, "BadRequest", f"The pipeline run '{run_id}' has ended: {record['status']}.")
            self._running[run_id][1].cancel()
            return 200, None
        raise AzureError(405, "HttpMethodNotAllowed", f"The method {method} is not allowed on '{path}'.")

    async def trigger_run_resources(self, method: str, path: str, _: Any, __: Any, ___: Principal) -> Answer:
        """POST triggers/T/triggerRuns/ID/rerun and /cancel."""
        found = TRIGGER_RUN.fullmatch(path)
        if found is None or method != "POST":
            raise AzureError(405, "HttpMethodNotAllowed", f"The method {method} is not allowed on '{path}'.")
        if found[3].lower() == "rerun":
            self.triggers.rerun(found[1], found[2])
            return 200, None
        for run_id in self.triggers.pipeline_runs(found[1], found[2]):
            if run_id in self._running:
                self._running[run_id][1].cancel()
        return 200, None

    async def factory_deleted(self, factory: Record) -> None:
        for owner, run in list(self._running.values()):
            if owner == normal(factory["id"]):
                run.cancel()
        self.records.forget(factory["id"])

    def status(self) -> dict[str, str]:
        """What runs, and how the latest runs of each factory ended."""
        shown: dict[str, str] = {}
        for factory in self._sandbox.store.resources(kind=FACTORIES):
            for run in self.records.runs(factory["id"])[-10:]:
                shown[run["runId"]] = (
                    f"{name_of(factory['id'])}/{run['pipelineName']}: {run['status']} {run['message']}"
                )
        return shown


def _shown(record: Record) -> Record:
    return {**record, "id": record["runId"]}
