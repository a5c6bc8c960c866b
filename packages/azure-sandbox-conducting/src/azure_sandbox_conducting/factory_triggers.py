"""Triggers of Data Factory on the sandbox's clock: windows that are due, their runs, retries and reruns.

learn.microsoft.com/azure/data-factory/how-to-create-tumbling-window-trigger: windows run once each, also those that
passed while the trigger was stopped or lay before its creation; a retry and a rerun take the window again.
"""

import asyncio
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from azure_sandbox.context import Sandbox
from azure_sandbox.directory import Principal
from azure_sandbox.errors import AzureError
from azure_sandbox.ids import parent_of
from factory_engine import Invocation
from factory_engine.triggers import (
    TumblingWindow,
    Window,
    due,
    next_due,
    read_trigger,
    retry_at,
    trigger_run,
    utc,
    window_at,
    window_parameters,
)

from azure_sandbox_conducting.factory_clock import FactoryClock
from azure_sandbox_conducting.factory_records import Record, Records

TRIGGERS = "microsoft.datafactory/factories/triggers"
Launch = Callable[..., str]


class Triggers:
    """A window's record: `run`, as the service shows it; `failures`, so far; `retry`, when it is run again or ''."""

    def __init__(self, sandbox: Sandbox, records: Records, clock: FactoryClock, launch: Launch) -> None:
        self._sandbox, self._records, self._clock, self._launch = sandbox, records, clock, launch
        self._alarms: dict[datetime, asyncio.Task[None]] = {}

    # Resource Manager

    async def start(self, trigger: Record, _: Any, __: Principal) -> tuple[int, Any]:
        from factory_engine import check_trigger

        from azure_sandbox_conducting.rules.factories import factory_of

        world = self._sandbox.manager.world
        problems = check_trigger(trigger["name"], trigger, factory_of(world, trigger["id"]))
        if problems:
            raise AzureError(400, "BadRequest", "\n".join(map(str, problems)))
        self._state(trigger, "Started")
        await self.step(self._clock.now())
        return 200, None

    async def stop(self, trigger: Record, _: Any, __: Principal) -> tuple[int, Any]:
        self._state(trigger, "Stopped")
        return 200, None

    async def deleted(self, trigger: Record) -> None:
        self._records.forget_windows(trigger["id"])

    def _state(self, trigger: Record, state: str) -> None:
        trigger["properties"]["runtimeState"] = state
        self._sandbox.store.put_resource(trigger["id"], trigger)

    def runs(self, factory: str) -> list[Record]:
        found = self._sandbox.store.resources(factory, TRIGGERS)
        return [record["run"] for trigger in found for record in self._records.windows(trigger["id"])]

    def pipeline_runs(self, trigger: str, run_id: str) -> list[str]:
        return list(self._found(trigger, run_id)["run"]["triggeredPipelines"].values())

    def rerun(self, trigger_id: str, run_id: str) -> None:
        """Takes a window that has ended again, as a trigger run of its own."""
        start = self._found(trigger_id, run_id)["run"]["properties"]["windowStartTime"]
        resource = self._sandbox.manager.get(trigger_id)
        if self._latest(trigger_id)[start]["run"]["status"] == "Inprogress":
            raise AzureError(400, "BadRequest", f"The window that begins at {start} is in progress.")
        trigger = _read(resource)
        self._fire(resource, trigger, window_at(trigger, utc(start)), None)

    def _found(self, trigger_id: str, run_id: str) -> Record:
        for record in self._records.windows(trigger_id):
            if record["run"]["triggerRunId"] == run_id:
                return record
        raise AzureError(404, "TriggerRunNotFound", f"The trigger run '{run_id}' could not be found.")

    # The clock

    async def step(self, now: datetime) -> None:
        for resource in self._started():
            self._windows(resource, _read(resource), now)
        self.arm()

    def arm(self) -> None:
        """Lets a jump of the clock stop where the next thing is to be done."""
        now = self._clock.now()
        for when in [when for when, alarm in self._alarms.items() if alarm.done()]:
            del self._alarms[when]
        for resource in self._started():
            waiting = [record["retry"] for record in self._latest(resource["id"]).values()]
            for when in (next_due(_read(resource), now), *(datetime.fromisoformat(one) for one in waiting if one)):
                if when is not None and when > now and when not in self._alarms:
                    self._alarms[when] = asyncio.get_running_loop().create_task(self._sandbox.clock.sleep_until(when))

    def _started(self) -> list[Record]:
        found = self._sandbox.store.resources(kind=TRIGGERS)
        return [trigger for trigger in found if trigger["properties"].get("runtimeState") == "Started"]

    def _latest(self, trigger: str) -> dict[str, Record]:
        """The last trigger run of each window, by the window's start."""
        return {r["run"]["properties"]["windowStartTime"]: r for r in self._records.windows(trigger)}

    def _windows(self, resource: Record, trigger: TumblingWindow, now: datetime) -> None:
        latest = self._latest(resource["id"])
        for start, record in latest.items():
            if record["retry"] and datetime.fromisoformat(record["retry"]) <= now:
                self._fire(resource, trigger, window_at(trigger, utc(start)), record)
        running = [utc(start) for start, record in latest.items() if record["run"]["status"] == "Inprogress"]
        done = [utc(start) for start, record in latest.items() if record["run"]["status"] != "Inprogress"]
        for window in due(trigger, now, done, running):
            self._fire(resource, trigger, window, None)

    def _fire(self, resource: Record, trigger: TumblingWindow, window: Window, again: Record | None) -> None:
        """Runs the pipeline for a window: anew, or once more for a retry."""
        run_id = again["run"]["triggerRunId"] if again else str(uuid.uuid4())
        failures, problem, started = again["failures"] if again else 0, "", ""
        invocation = Invocation(kind="TumblingWindowTrigger", id=run_id, name=trigger.name)
        try:
            values = window_parameters(trigger, window, self._clock.now, lambda: str(uuid.uuid4()))
            started = self._launch(parent_of(resource["id"]), trigger.pipeline, values, invocation)
        except AzureError as error:
            problem = error.message
        status = "Failed" if problem else "Inprogress"
        run = trigger_run(
            run_id=run_id, trigger=trigger, window=window, now=self._clock.now(), pipeline_run_id=started, status=status
        )
        record = {"id": run_id, "run": run | {"message": problem}, "failures": failures, "retry": ""}
        self._records.save_window(resource["id"], run["properties"]["windowStartTime"], record)

    def ended(self, factory: str, run: Record) -> None:
        """A pipeline run has ended: the window of it too, or it waits for its retry; the next one may have room."""
        if run["invokedBy"]["invokedByType"] != "TumblingWindowTrigger":
            return
        resource = self._sandbox.store.resource(f"{factory}/triggers/{run['invokedBy']['name']}")
        if resource is None:
            return
        trigger, now = _read(resource), self._clock.now()
        for record in self._records.windows(resource["id"]):
            if run["runId"] not in record["run"]["triggeredPipelines"].values():
                continue
            failed = run["status"] == "Failed"
            record["failures"] += failed
            again = retry_at(trigger, record["failures"], now) if failed else None
            record["retry"] = again.isoformat() if again else ""
            record["run"]["status"] = "Inprogress" if again else run["status"]
            record["run"]["message"] = run["message"]
            self._records.save_window(resource["id"], record["run"]["properties"]["windowStartTime"], record)
        if resource["properties"].get("runtimeState") == "Started":
            self._windows(resource, trigger, now)
            self.arm()


def _read(resource: Record) -> TumblingWindow:
    """Only these are let in by Resource Manager's rules."""
    trigger = read_trigger(resource["name"], resource)
    assert isinstance(trigger, TumblingWindow)  # noqa: S101
    return trigger
