"""Runs lists of activities: dependencies, parallel branches, attempts, timeouts."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from factory_engine import control, records, requests
from factory_engine.activity_types import ACTIVITY_TYPES
from factory_engine.definitions import Json, own_properties, seconds_of
from factory_engine.expressions import ExpressionError, evaluate
from factory_engine.graph import decide, failed
from factory_engine.records import Record
from factory_engine.timing import cancel_all, within
from factory_engine.world import ActivityError, Output

if TYPE_CHECKING:
    from factory_engine.pipeline import PipelineRun

_log = logging.getLogger(__name__)

# https://learn.microsoft.com/azure/data-factory/concepts-pipelines-activities, Activity policy
DEFAULT_TIMEOUT = 12 * 3600.0
DEFAULT_RETRY_INTERVAL = 30


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a list of activities came to: the errors for which it failed, by activity in the order of definition."""

    errors: dict[str, ActivityError] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One attempt of an activity, with its record."""

    run: "PipelineRun"
    activity: Json
    record: Record
    number: int
    secure_input: bool

    def asked(self, what: Any) -> None:
        """Writes the evaluated input into the record, unless it is secure."""
        if not self.secure_input:
            self.record["input"] = what
        self.run.emit(self.record)


class Execution:
    """Runs lists of activities of one run; `iteration` is the hash of the loop's iteration they belong to."""

    def __init__(self, run: "PipelineRun", iteration: str = "") -> None:
        self.pipeline_run = run
        self.iteration = iteration
        self._errors: dict[str, ActivityError] = {}

    async def run(self, activities: Sequence[Json]) -> Outcome:
        """Runs the activities until each has ended or is skipped. Cancelled, it cancels what is in progress."""
        statuses: dict[str, str] = {}
        tasks: dict[str, asyncio.Task[str]] = {}
        try:
            while len(statuses) < len(activities):
                self._advance(activities, statuses, tasks)
                if tasks:
                    await asyncio.wait(tasks.values(), return_when=asyncio.FIRST_COMPLETED)
                for name in [name for name, task in tasks.items() if task.done()]:
                    statuses[name] = tasks.pop(name).result()
        finally:
            await cancel_all(tasks.values())
        return Outcome(errors={name: self._errors[name] for name in failed(activities, statuses)})

    def _advance(self, activities: Sequence[Json], statuses: dict[str, str], tasks: dict[str, Any]) -> None:
        """Starts and skips, in the order of definition, all that can be decided."""
        decided = True
        while decided:
            decided = False
            for activity in activities:
                name = str(activity["name"])
                if name in statuses or name in tasks:
                    continue
                decision = decide(activity, statuses)
                decided |= decision == "skip"
                if decision == "skip":
                    statuses[name] = "Skipped"
                    self.pipeline_run.activities[name] = {"status": "Skipped"}
                elif decision == "run":
                    tasks[name] = asyncio.ensure_future(self._activity(activity))

    async def _activity(self, activity: Json) -> str:
        """Runs one activity, all its attempts, and returns its final status."""
        name, number, policy = str(activity["name"]), 0, dict(activity.get("policy") or {})
        while True:
            error = await self._attempt(activity, number, policy)
            if error is None:
                return "Succeeded"
            if number >= int(policy.get("retry", 0)) or error.code == "InvalidTemplate":
                self._errors[name] = error
                return "Failed"
            number += 1
            await self.pipeline_run.clock.sleep(float(policy.get("retryIntervalInSeconds", DEFAULT_RETRY_INTERVAL)))

    def inner(self, iteration: str | None = None) -> "Execution":
        """The execution of a container's activities, in the same iteration unless told another."""
        return Execution(self.pipeline_run, self.iteration if iteration is None else iteration)

    async def _attempt(self, activity: Json, number: int, policy: dict[str, Any]) -> ActivityError | None:
        run, name = self.pipeline_run, str(activity["name"])
        record = records.activity_run(
            activity_run_id=run.new_id(),
            activity=activity,
            pipeline=run.pipeline,
            run_id=run.run_id,
            attempt=number,
            iteration=self.iteration,
            now=run.clock.now(),
        )
        attempt = Attempt(
            run=run, activity=activity, record=record, number=number, secure_input=bool(policy.get("secureInput"))
        )
        try:
            output, error = await self._perform(attempt, policy), None
        except ActivityError as failure:
            output, error = failure.output, failure
        except asyncio.CancelledError:
            if not run.abandoned:
                records.end(record, "activityRun", "Cancelled", run.clock.now())
                run.emit(record)
            raise
        except Exception as bug:
            _log.exception("The activity %s of %s met an error of the world", name, run.pipeline)
            output = None
            error = ActivityError("InternalServerError", f"{type(bug).__name__}: {bug}", "SystemError")
        self._end(record, name, output, error, secure=bool(policy.get("secureOutput")))
        return error

    def _end(
        self, record: Record, name: str, output: Output | None, error: ActivityError | None, *, secure: bool
    ) -> None:
        status = "Failed" if error else "Succeeded"
        record["error"] = records.error_of(name, error)
        record["output"] = {} if secure else output or {}
        records.end(record, "activityRun", status, self.pipeline_run.clock.now())
        seen: dict[str, Any] = {"status": status}
        if output is not None:
            seen["output"] = output
        if error:
            seen["error"] = {key: value for key, value in record["error"].items() if key != "details"}
        self.pipeline_run.activities[name] = seen
        self.pipeline_run.emit(record)

    async def _perform(self, attempt: Attempt, policy: dict[str, Any]) -> Output:
        """The activity's output. Whatever an expression or a reference lacks becomes an ActivityError."""
        activity = attempt.activity
        try:
            if ACTIVITY_TYPES[str(activity["type"])].kind == "control":
                return await control.perform(self, attempt)
            inputs = evaluate(own_properties(activity), self.pipeline_run.scope())
            request = requests.build(attempt, inputs)
            timeout = evaluate(policy.get("timeout"), self.pipeline_run.scope())
            seconds = DEFAULT_TIMEOUT if timeout is None else seconds_of(timeout)
        except ExpressionError as error:
            raise ActivityError("InvalidTemplate", str(error)) from None
        except ValueError as error:
            raise ActivityError("BadRequest", str(error)) from None
        attempt.asked(inputs)
        return await within(
            self.pipeline_run.clock, seconds, requests.send(self.pipeline_run.world, request), str(activity["name"])
        )
