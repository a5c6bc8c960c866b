"""Runs a pipeline as the service would."""

import asyncio
import copy
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from factory_engine import records
from factory_engine.checks import check_pipeline
from factory_engine.checks.problems import DefinitionError
from factory_engine.definitions import Factory, activities_of, find, properties
from factory_engine.execution import Execution, Outcome
from factory_engine.expressions import Scope
from factory_engine.parameters import bind, initial_variables
from factory_engine.records import Invocation, Record, RecordKind
from factory_engine.world import Clock, World

OnChange = Callable[[RecordKind, Record], None]


def _ignore(kind: RecordKind, record: Record) -> None:
    """Nobody listens."""


class PipelineRun:
    """One run: queued when made, then `execute()`d once; `cancel()` may be called at any time from the same loop.

    Each change of a record goes to `on_change(kind, record)` as a copy, in a deterministic order: what becomes ready at
    the same time starts in the order of definition. Raises DefinitionError for a pipeline that cannot run here and
    ParameterError for parameters that do not fit, before anything runs.
    """

    def __init__(
        self,
        *,
        factory: Factory,
        pipeline: str,
        world: World,
        clock: Clock,
        parameters: Mapping[str, Any] | None = None,
        invocation: Invocation | None = None,
        on_change: OnChange = _ignore,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
        run_id: str | None = None,
    ) -> None:
        found = find(factory.pipelines, pipeline)
        problems = check_pipeline(pipeline, found[1] if found else None, factory)
        if problems or found is None:
            raise DefinitionError(problems)
        self.factory, self.pipeline, self.world, self.clock = factory, found[0], world, clock
        self._definition = properties(found[1])
        self.invocation = invocation or Invocation()
        self.new_id = new_id
        self.parameters = bind(self._definition.get("parameters") or {}, parameters or {}, f"the pipeline '{found[0]}'")
        self.variables = initial_variables(self._definition.get("variables") or {})
        self.activities: dict[str, dict[str, Any]] = {}
        self.abandoned = False
        self._on_change = on_change
        self._work: asyncio.Task[Outcome] | None = None
        self._canceled = False
        self.record = records.pipeline_run(
            run_id=run_id or new_id(),
            pipeline=self.pipeline,
            parameters=self._shown_parameters(),
            invocation=self.invocation,
            annotations=self._definition.get("annotations") or (),
        )
        self._changed()

    @property
    def run_id(self) -> str:
        return self.record["runId"]

    async def execute(self) -> Record:
        """Runs to the end and returns the run's record: Succeeded, Failed (with `message`) or Cancelled.

        When the caller's own task is cancelled, records stay as they are (`mark_lost` ends them at a restart).
        """
        if self._canceled or self.record["status"] != "Queued":
            return self.record
        self._started: datetime = self.clock.now()
        self.record["runStart"], self.record["status"] = records.timestamp(self._started), "InProgress"
        self._changed()
        self._work = asyncio.ensure_future(Execution(self).run(activities_of(self._definition)))
        try:
            await asyncio.wait({self._work})
        except asyncio.CancelledError:
            self.abandoned = True
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)
            raise
        self._end()
        return self.record

    def cancel(self) -> None:
        """Cancels the run and all that is in progress; a run that has ended stays as it is."""
        if self.record["status"] == "Queued":
            self._canceled = True
            self._finish("Cancelled", "")
        elif self.record["status"] == "InProgress" and self._work is not None:
            self._canceled = True
            self.record["status"] = "Canceling"
            self._changed()
            self._work.cancel()

    def scope(self) -> Scope:
        """What expressions of activities see now."""
        return Scope(
            now=self.clock.now,
            new_id=self.new_id,
            references={"pipeline": self._system_variables()},
            activities=self.activities,
            variables=self.variables,
        )

    def variable_type(self, name: str) -> str:
        return str(self._definition["variables"][name]["type"])

    def emit(self, record: Record) -> None:
        """Hands a changed record of an activity to the caller."""
        self._on_change("activityRun", copy.deepcopy(record))

    def _system_variables(self) -> dict[str, Any]:
        return {
            "DataFactory": self.factory.name,
            "Pipeline": self.pipeline,
            "RunId": self.run_id,
            "TriggerType": self.invocation.kind,
            "TriggerId": self.invocation.id,
            "TriggerName": self.invocation.name,
            "TriggerTime": records.timestamp(self._started),
            "parameters": self.parameters,
            "globalParameters": {name: each.get("value") for name, each in self.factory.global_parameters.items()},
        }

    def _end(self) -> None:
        work = self._work
        if work is None or work.cancelled():
            self._finish("Cancelled", "")
            return
        outcome = work.result()
        reasons = [f"Operation on target {name} failed: {error.message}" for name, error in outcome.errors.items()]
        self._finish("Failed" if reasons else "Succeeded", "\n".join(reasons))

    def _finish(self, status: str, message: str) -> None:
        records.end(self.record, "pipelineRun", status, self.clock.now())
        self.record["message"] = message
        self._changed()

    def _changed(self) -> None:
        self.record["lastUpdated"] = records.timestamp(self.clock.now())
        self._on_change("pipelineRun", copy.deepcopy(self.record))

    def _shown_parameters(self) -> dict[str, Any]:
        declared = self._definition.get("parameters") or {}
        secret = {name for name, each in declared.items() if str(each.get("type")).lower() == "securestring"}
        return {name: "********" if name in secret else value for name, value in self.parameters.items()}
