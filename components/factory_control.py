"""Runs and starts what Data Factory has no resource for: the schema's pipeline, the trigger of the windows."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from components import arm, schema

_API = arm.DATA_FACTORY_API
_ENDED = {"Succeeded", "Failed", "Cancelled"}
_WAIT_SECONDS = 1800
_FRESH = 600  # seconds in which a refused sign-in may be an identity or a role on its way
_REFUSED = ("Login failed", "18456", "not authorized", "AuthorizationFailed")


class SchemaRefused(RuntimeError):
    """A change of deployed tables that the step does not make."""


def apply_schema(acts_on: Mapping[str, Any], before: Mapping[str, Any] | None, *, script: str) -> None:
    """Runs the pipeline `schema` with the script, to its end. The work of a step.

    `acts_on`: `factory`, its id; `columns`, what the script declares. Raises SchemaRefused, before anything runs, where
    a deployed column would be renamed, dropped or retyped, and RuntimeError with the activity's own error.
    """
    import pulumi

    problems = schema.refused((before or {}).get("columns") or {}, acts_on["columns"])
    if problems:
        raise SchemaRefused("\n  - ".join(["the tables stay as they are:", *problems]))
    factory = acts_on["factory"]
    identity = f"{factory}/providers/Microsoft.ManagedIdentity/identities/default"
    client_id = arm.call("GET", identity, api=arm.IDENTITY_API)["properties"]["clientId"]
    text = schema.filled(script, factory=factory.rpartition("/")[2], client_id=client_id)
    began = time.monotonic()
    while True:
        run = arm.call("POST", f"{factory}/pipelines/schema/createRun", api=_API, body={"script": text})["runId"]
        status = _ended(factory, run)
        if status == "Succeeded":
            pulumi.log.info("the schema is applied")
            return
        cause = _cause(factory, run)
        if not (any(word in cause for word in _REFUSED) and time.monotonic() - began < _FRESH):
            raise RuntimeError(f"the pipeline schema {status.lower()} (run {run}): {cause}")
        time.sleep(15)


def schedule(acts_on: Mapping[str, Any], before: Mapping[str, Any] | None) -> None:
    """Starts the trigger, or stops it where it is not to run. The work of a step."""
    import pulumi

    trigger = acts_on["trigger"]
    if not acts_on["runs"]:
        stop(trigger)
    elif _state(trigger) != "Started":
        pulumi.log.info(f"starting the trigger {trigger.rpartition('/')[2]}")
        arm.call("POST", f"{trigger}/start", api=_API)


def stop(trigger: str) -> None:
    """Stops a trigger that runs; one that does not, or is not there, is left alone."""
    if _state(trigger) == "Started":
        arm.call("POST", f"{trigger}/stop", api=_API)


def stop_all(factory: str) -> None:
    """Stops every trigger of a factory that is there."""
    if arm.find(factory, api=_API) is not None:
        for trigger in arm.call("GET", f"{factory}/triggers", api=_API).get("value", []):
            stop(trigger["id"])


def next_window(created: str, hours: int) -> str:
    """The start of the first whole window after the factory's creation: windows are counted from midnight UTC."""
    moment = datetime.fromisoformat(created).astimezone(UTC)
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    passed = (moment - midnight) // timedelta(hours=hours) + 1
    return f"{midnight + passed * timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}"


def _state(trigger: str) -> str:
    found = arm.find(trigger, api=_API)
    return (found or {}).get("properties", {}).get("runtimeState", "")


def _ended(factory: str, run: str) -> str:
    """The run's status once it has ended. Raises RuntimeError when it has not in time."""
    return arm.until(
        lambda: arm.call("GET", f"{factory}/pipelineruns/{run}", api=_API)["status"],
        lambda status: status in _ENDED,
        seconds=_WAIT_SECONDS,
        late=lambda status: f"the pipeline schema (run {run}) is {status} after {_WAIT_SECONDS} s",
    )


def _cause(factory: str, run: str) -> str:
    """The errors of the activities that failed."""
    now = datetime.now(UTC)
    span = {"lastUpdatedAfter": f"{now - timedelta(days=3650):%Y-%m-%dT%H:%M:%SZ}"}
    span["lastUpdatedBefore"] = f"{now + timedelta(days=3650):%Y-%m-%dT%H:%M:%SZ}"
    found = arm.call("POST", f"{factory}/pipelineruns/{run}/queryActivityruns", api=_API, body=span).get("value", [])
    errors = [each["error"]["message"] for each in found if (each.get("error") or {}).get("message")]
    return "; ".join(dict.fromkeys(errors)) or "Azure keeps no error with the run"
