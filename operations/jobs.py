"""Batch jobs: start one on a named deployment, follow it, and find out why it failed. Azure's REST APIs, no SDK."""

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from operations import azure
from operations.errors import OperationError
from operations.stack import Stack

VERSION = "2024-04-01"
ENDED = {"Completed", "Failed", "Canceled"}
LOGS = ("logs/user/error.txt", "user_logs/std_log.txt", "logs/job_progress_overview.txt", "logs/sys/master_role.txt")
"""In the order in which they tell a cause (azure docs: troubleshooting batch endpoints), the second of command jobs."""


@dataclass(frozen=True, kw_only=True)
class Job:
    name: str
    status: str
    created: str
    properties: Mapping[str, Any]

    @property
    def ended(self) -> bool:
        return self.status in ENDED


def deployment(stack: Stack, name: str) -> Mapping[str, Any]:
    """Properties of a deployment of the stack's endpoint. Raises OperationError listing those that exist."""
    url = f"{stack.workspace_id}/batchEndpoints/{stack.endpoint}/deployments"
    found = azure.pages(azure.resource_manager(), url, VERSION)
    for entry in found:
        if entry["name"] == name:
            return entry["properties"]
    there = ", ".join(sorted(entry["name"] for entry in found)) or "none"
    raise OperationError(f"endpoint {stack.endpoint}: no deployment {name!r}; there are: {there}.")


def invoke(stack: Stack, deployment: str, *, source: str, target: str) -> Job:
    """Starts a job that reads the folder `source` and writes beside the file `target`, both azureml:// URIs.

    The deployment is always named: nothing depends on which one is the default. Not repeated by itself after an
    answer was lost, since every POST that arrives starts a job.
    """
    body = {
        "properties": {
            "InputData": {"input": {"JobInputType": "UriFolder", "Uri": source}},
            "OutputData": {"score": {"JobOutputType": "UriFile", "Uri": target}},
        }
    }
    headers = {"azureml-model-deployment": deployment, "repeatability_request-id": str(uuid.uuid4())}
    endpoint = azure.client(stack.scoringUri, azure.MACHINE_LEARNING, retries=0)
    return _job(azure.send(endpoint, "POST", stack.scoringUri, json=body, headers=headers).json())


def get(stack: Stack, name: str) -> Job:
    return _job(azure.get(azure.resource_manager(), f"{stack.workspace_id}/jobs/{name}", VERSION))


def recent(stack: Stack) -> list[Job]:
    return [_job(body) for body in azure.pages(azure.resource_manager(), f"{stack.workspace_id}/jobs", VERSION)]


def follow(stack: Stack, job: Job, on_status: Callable[[Job, float], None]) -> Job:
    """Asks until the job has ended; tells every answer with the seconds since it was started."""
    began = time.monotonic()
    while not job.ended:
        on_status(job, time.monotonic() - began)
        time.sleep(1 if time.monotonic() - began < 120 else 10)
        job = get(stack, job.name)
    on_status(job, time.monotonic() - began)
    return job


def error(stack: Stack, job: str) -> str:
    """The error that Azure keeps with the job's run, or "" when it keeps none."""
    found = (_details(stack, job).get("error") or {}).get("error") or {}
    return f"{found.get('code', '')}: {found.get('message', '')}".strip(": ")


def logs(stack: Stack, job: str) -> dict[str, str]:
    """Every log file of the job by name: its own, then those of the runs below it."""
    history = f"{_history(stack)}/runs"
    children = azure.send(_api(stack), "GET", f"{history}/{job}/children", accept=(404,))
    runs = [job]
    if children.status_code < 400:
        runs += [child["runId"] for child in children.json().get("value", []) if child["runId"] != job]
    found: dict[str, str] = {}
    for run in runs:
        for name, url in (_details(stack, run).get("logFiles") or {}).items():
            found.setdefault(name, _fetch(url))
    return found


def cause(files: Mapping[str, str]) -> tuple[str, str] | None:
    """The log that tells most about a failure, (name, text); None when all are empty."""
    names = [*LOGS, *sorted(name for name in files if name.startswith("logs/user/error/"))]
    return next(((name, files[name]) for name in names if files.get(name, "").strip()), None)


def nodes(stack: Stack) -> tuple[int, Mapping[str, Any]]:
    """How many nodes the cluster has now, and in which states."""
    url = f"{stack.workspace_id}/computes/{stack.cluster}"
    state = azure.get(azure.resource_manager(), url, VERSION)["properties"].get("properties") or {}
    return state.get("currentNodeCount") or 0, state.get("nodeStateCounts") or {}


def _job(body: Mapping[str, Any]) -> Job:
    properties = body.get("properties") or {}
    name = body.get("name") or str(body.get("id", "")).rsplit("/", 1)[-1]
    created = str((body.get("systemData") or {}).get("createdAt") or "")[:19]
    return Job(name=name, status=properties.get("status", "NotStarted"), created=created, properties=properties)


def _details(stack: Stack, run: str) -> dict[str, Any]:
    return azure.send(_api(stack), "GET", f"{_history(stack)}/runs/{run}/details").json()


def _history(stack: Stack) -> str:
    return f"https://{stack.location}.api.azureml.ms/history/v1.0{stack.workspace_id}"


def _api(stack: Stack) -> Any:
    return azure.client(f"https://{stack.location}.api.azureml.ms", azure.MACHINE_LEARNING)


def _fetch(url: str) -> str:
    """A log file by the link that the service gives, which carries its own access."""
    from azure.storage.blob import BlobClient

    from operations.lake import explained

    blob = BlobClient.from_blob_url(url, credential=None if "sig=" in url else azure.credential())
    with explained(blob):
        return blob.download_blob().readall().decode("utf-8", "replace")
