"""Starts and stops a Stream Analytics job: Azure has no resource for that, and refuses changes to a running job."""

from collections.abc import Mapping
from typing import Any

from components import arm

_API = arm.STREAM_ANALYTICS_API
_AT_WORK = {"Starting", "Stopping", "Scaling", "Restarting"}
_IDLE = {"Created", "Stopped", "Failed"}
_WAIT_SECONDS = 900


def start(acts_on: Mapping[str, Any], before: Mapping[str, Any] | None) -> None:
    """Starts the job, once all that it reads and writes is there; a running job is left alone.

    `acts_on`: `job`, its id; `parts`, the ids of its inputs and outputs. A job that has written before goes on at its
    last output, so that no event is lost or counted twice; a new one starts now.
    """
    import pulumi

    job_id = acts_on["job"]
    missing = [part for part in acts_on["parts"] if arm.find(part, api=_API) is None]
    if missing:
        # A PUT of the job may drop its children; nothing but a refresh tells Pulumi.
        names = ", ".join("/".join(part.split("/")[-2:]) for part in missing)
        raise RuntimeError(f"the job {_name(job_id)} has lost {names}; `pulumi up --refresh` makes them again")
    job = _settled(job_id)
    if job["properties"]["jobState"] not in _IDLE:
        return
    ran = bool(job["properties"].get("lastOutputEventTime"))
    mode = "LastOutputEventTime" if ran else "JobStartTime"
    pulumi.log.info(f"starting the job {_name(job_id)} at {mode}")
    arm.call("POST", f"{job_id}/start", api=_API, body={"outputStartMode": mode})
    job = _settled(job_id)
    if job["properties"]["jobState"] in _IDLE:
        raise RuntimeError(
            f"the job {_name(job_id)} did not start, it is {job['properties']['jobState']}; see its activity log"
        )


def resume(resource_id: str) -> None:
    """Starts the job that a resource is or belongs to again, after a change that was refused."""
    start({"job": _job(resource_id), "parts": []}, None)


def stop(resource_id: str) -> None:
    """Stops the job that a resource is or belongs to, when it runs: Azure changes nothing of a running job."""
    import pulumi

    job_id = _job(resource_id)
    if arm.find(job_id, api=_API) is None or _settled(job_id)["properties"]["jobState"] in _IDLE:
        return
    pulumi.log.info(f"stopping the job {_name(job_id)} for a change")
    arm.call("POST", f"{job_id}/stop", api=_API)
    state = _settled(job_id)["properties"]["jobState"]
    if state not in _IDLE:
        raise RuntimeError(f"the job {_name(job_id)} did not stop, it is {state}")


def _settled(job_id: str) -> dict[str, Any]:
    """The job once it is neither starting nor stopping."""
    return arm.until(
        lambda: arm.call("GET", job_id, api=_API),
        lambda job: job["properties"]["jobState"] not in _AT_WORK,
        seconds=_WAIT_SECONDS,
        late=lambda job: f"the job {_name(job_id)} is still {job['properties']['jobState']} after {_WAIT_SECONDS} s",
        longest=1,
    )


def _job(resource_id: str) -> str:
    """The job that a resource is or belongs to."""
    return "/".join(resource_id.split("/")[:9])


def _name(resource_id: str) -> str:
    return resource_id.rpartition("/")[2]
