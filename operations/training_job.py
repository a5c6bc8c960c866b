"""Training as a command job on the stack's cluster: history by datastore path, code and environment by version."""

import hashlib
import tempfile
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from operations import azure, jobs, lake
from operations.errors import OperationError
from operations.registration import described, register, register_code
from operations.scoring_run import INPUT, INPUT_STORE, OUTPUT, OUTPUT_STORE
from operations.stack import Stack

COMMAND = (
    "python -m scoring.{problem}.train --features ${{{{inputs.features}}}} --output model "
    "&& cp -r model/. ${{{{outputs.model}}}}"
)
"""Trained beside the mount and copied into it: a model folder appears by a rename, which no mount can do."""


def train(stack: Stack, history: Path, facts: Mapping[str, Any], tell: Callable[[str], None]) -> dict[str, Any]:
    """Runs the job to its end and registers its model with what it was made from; version, job, and whether it is new.

    Raises OperationError with the cause when the job fails: then nothing is registered.
    """
    code, code_digest = register_code(stack, tell)
    data, path = _upload_history(stack, history, tell)
    name = f"train-{stack.problem}-{uuid.uuid4().hex[:8]}"
    url = f"{stack.workspace_id}/jobs/{name}"
    environment = _environment(stack)
    body = job(stack, name, code=code, environment=environment, features=path)
    azure.send(azure.resource_manager(), "PUT", url, params={"api-version": jobs.VERSION}, json={"properties": body})
    told: set[str] = set()

    def status(job: jobs.Job, seconds: float) -> None:
        if job.status not in told:
            told.add(job.status)
            tell(f"job {job.name}: {job.status} after {seconds:.0f} s")

    ended = jobs.follow(stack, jobs.get(stack, name), status)
    if ended.status != "Completed":
        from operations.failures import failure

        raise OperationError(f"job {name}: {ended.status}\n{failure(stack, name)}")
    made_from = {
        "job": name,
        "trainingCode": code_digest,
        "environment": environment.rsplit("/", 1)[-1],
        "history": data,
        "historyPath": path,
        **{f"history.{key}": str(value) for key, value in facts.items() if value is not None},
    }
    with tempfile.TemporaryDirectory() as temporary:
        folder = _download(stack, name, Path(temporary))
        made_from |= described(_manifest(folder))
        version, new = register(stack, folder, made_from, tell)
    return {"version": version, "new": new, "job": name, **made_from}


def job(stack: Stack, name: str, *, code: str, environment: str, features: str) -> dict[str, Any]:
    """Properties of the job's resource. https://learn.microsoft.com/rest/api/azureml/jobs/create-or-update"""
    return {
        "jobType": "Command",
        "displayName": name,
        "experimentName": f"train-{stack.problem}",
        "description": f"Training of problem {stack.problem}",
        "computeId": f"{stack.workspace_id}/computes/{stack.cluster}",
        "codeId": code,
        "environmentId": environment,
        "command": COMMAND.format(problem=stack.problem),
        "inputs": {
            "features": {
                "jobInputType": "uri_folder",
                "mode": "ReadOnlyMount",
                "uri": f"azureml://datastores/{INPUT_STORE}/paths/{features}/",
            }
        },
        "outputs": {
            "model": {
                "jobOutputType": "uri_folder",
                "mode": "ReadWriteMount",
                "uri": f"azureml://datastores/{OUTPUT_STORE}/paths/{_output(stack, name)}/",
            }
        },
        "resources": {"instanceCount": 1},
    }


def _upload_history(stack: Stack, history: Path, tell: Callable[[str], None]) -> tuple[str, str]:
    """Digest of the history's files, and their folder in scoring-input, which the digest names: sent once."""
    files = {file.name: file.read_bytes() for file in sorted(history.glob("*.parquet"))}
    total = hashlib.sha256()
    for name, data in files.items():
        total.update(f"{name}\n{len(data)}\n".encode() + data)
    digest = total.hexdigest()[:16]
    path = f"training/{stack.problem}/{digest}"
    container = azure.container(stack.workspaceAccount, INPUT)
    there = set(lake.names(container, f"{path}/"))
    missing = {f"{path}/{name}": data for name, data in files.items() if f"{path}/{name}" not in there}
    tell(f"{container.url}/{path}: {len(missing)} of {len(files)} files to upload")
    lake.upload(container, missing)
    return digest, path


def _environment(stack: Stack) -> str:
    """The environment that serves, else the newest version there is: `up` registers it."""
    if stack.deployment and (found := jobs.deployment(stack, stack.deployment).get("environmentId")):
        return str(found)
    url = f"{stack.workspace_id}/environments/{stack.problem}/versions"
    every = azure.pages(azure.resource_manager(), url, jobs.VERSION)
    if not every:
        raise OperationError(f"{url}: no version; `pulumi up` registers it with the first deployment.")
    return max(every, key=lambda one: str((one.get("systemData") or {}).get("createdAt")))["id"]


def _download(stack: Stack, name: str, folder: Path) -> Path:
    container = azure.container(stack.workspaceAccount, OUTPUT)
    below = f"{_output(stack, name)}/"
    files = lake.download(container, lake.names(container, below))
    if f"{below}manifest.json" not in files:
        found = ", ".join(files) or "nothing"
        raise OperationError(f"{container.url}/{below}: expected a model with its manifest.json, found {found}.")
    for path, data in files.items():
        target = folder / path.removeprefix(below)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return folder


def _manifest(folder: Path) -> dict[str, Any]:
    import json

    return json.loads((folder / "manifest.json").read_text("utf-8"))


def _output(stack: Stack, name: str) -> str:
    return f"training/{stack.problem}/{name}"
