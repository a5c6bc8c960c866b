"""Command jobs of Azure Machine Learning: a command line on the cluster, in its environment, on data by URI.

learn.microsoft.com/azure/machine-learning/reference-yaml-job-command; identities: how-to-identity-based-service-
authentication. Data is read and written as the compute's identity, or with UserIdentity as who submitted the job.
Distribution, MLTables, services and sweeps are refused; the process itself is given no token.
"""

import asyncio
import os
import re
import shlex
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from azure_sandbox.directory import Principal
from azure_sandbox.errors import AzureError
from azure_sandbox.ids import normal
from azure_sandbox.rules.types import dig
from azure_sandbox.store import Store

from azure_sandbox_learning.data import DATASTORE, JobData, JobFailed

Record = dict[str, Any]
INPUTS = ("literal", "uri_folder", "uri_file", "custom_model")
LATER = ("description", "displayName", "tags", "isArchived", "properties")  # what a PUT of an existing job may change
REFUSED = ("distribution", "queueSettings", "autologgerSettings")
JOB_EXISTS = (
    "A job with this name already exists. If you are trying to create a new job, use a different name. If you are "
    "trying to update an existing job, only description, displayName, tags, and isArchived can be updated."
)
LOG = "user_logs/std_log.txt"
OPTIONAL = re.compile(r"\$\[\[(.*?)\]\]", re.DOTALL)
VALUE = re.compile(r"\$\{\{\s*(inputs|outputs)\.([A-Za-z0-9_]+)\s*\}\}")


def checked(properties: Record) -> Record:
    """The job's definition, complete; AzureError for what Azure or this sandbox does not take."""
    kind = properties.get("jobType")
    refuse(str(kind).lower() != "command", f"The sandbox runs jobs of the type Command, not '{kind}'.")
    for key in ("command", "environmentId", "computeId"):
        refuse(not properties.get(key), f"The property 'properties.{key}' of a command job is required.")
    for key in REFUSED:
        refuse(properties.get(key), f"'{key}' of a command job is not offered by this sandbox.")
    inputs, outputs = properties.get("inputs") or {}, properties.get("outputs") or {}
    for name, each in inputs.items():
        kind = str(each.get("jobInputType")).lower()
        refuse(kind not in INPUTS, f"The input '{name}' is '{kind}': this sandbox takes {', '.join(INPUTS)}.")
    for name, each in outputs.items():
        kind, uri = str(each.get("jobOutputType")).lower(), str(each.get("uri") or "")
        refuse(kind not in ("uri_folder", "uri_file", "custom_model"), f"The output '{name}' is '{kind}'.")
        refuse(uri and not DATASTORE.fullmatch(uri), f"The output '{name}' is no path of a datastore: '{uri}'.")
    for text in (properties["command"], *(properties.get("environmentVariables") or {}).values()):
        for kind, name in VALUE.findall(str(text)):
            known = inputs if kind == "inputs" else outputs
            missing = name not in known and not _optional(str(text), name)
            refuse(missing, f"The command refers to '{kind}.{name}', which the job does not have.")
        left = re.search(r"\$\{\{(?!\s*(inputs|outputs)\.)[^}]*\}\}", str(text))
        refuse(left, f"'{left and left[0]}' in a command is not offered by this sandbox.")
    identity = str(dig(properties, "identity.identityType") or "AMLToken")
    refuse(
        identity.lower() not in ("amltoken", "managed", "useridentity"), f"The identity type '{identity}' is unknown."
    )
    count = dig(properties, "resources.instanceCount") or 1
    refuse(count != 1, f"A command job runs on one node here, not on {count}.")
    return {"experimentName": "Default", "isArchived": False, **properties, "jobType": "Command"}


def _optional(text: str, name: str) -> bool:
    return any(f"inputs.{name}" in part for part in OPTIONAL.findall(text))


def refuse(when: Any, message: str) -> None:
    if when:
        raise AzureError(400, "UserError", message)


def check_assets(store: Store, job: Record) -> None:
    for key in ("environmentId", "codeId"):
        reference = str(job.get(key) or "").removeprefix("azureml:")
        if reference and store.resource(reference) is None:
            raise AzureError(404, "ResourceNotFound", f"The {key} '{reference}' could not be found.")


def record(workspace: str, name: str, job: Record, who: Principal, now: str) -> Record:
    return {
        "name": name, "child": name, "workspace": workspace, "endpoint": "", "deployment": "", "attempt": 1,
        "command": job, "compute": job["computeId"], "instances": 1, "invoker": who.object_id,
        "experiment": job["experimentName"], "by": who.name, "status": "NotStarted", "created": now, "error": None,
        "history": [], "logFiles": {},
    }  # fmt: skip


def describe(old: Record, new: Record) -> None:
    """What a PUT of an existing job may do."""
    refuse("command" not in old or not same_job(old["command"], new), JOB_EXISTS)
    old["command"] |= {key: new[key] for key in LATER if key in new}


def same_job(old: Record, new: Record) -> bool:
    """Whether a PUT changes nothing that counts."""
    keys = (set(old) | set(new)) - {*LATER, "status", "services"}
    return all(normal(str(old.get(key))) == normal(str(new.get(key))) for key in keys if old.get(key) or new.get(key))


def shown(job: Record, services: Record) -> Record:
    """A command job as Resource Manager shows it."""
    properties = {**job["command"], "status": job["status"], "services": services}
    properties["outputs"] = {name: {"uri": where, **given} for name, (where, given) in outputs_of(job).items()}
    return {
        "id": f"{job['workspace']}/jobs/{job['name']}",
        "name": job["name"],
        "type": "Microsoft.MachineLearningServices/workspaces/jobs",
        "systemData": {"createdAt": job["created"], "createdBy": job["by"], "createdByType": "Application"},
        "properties": properties,
    }


def outputs_of(job: Record) -> dict[str, tuple[str, Record]]:
    """Where each output goes, by name: by default a folder of its own in the default datastore."""
    base = f"azureml://datastores/workspaceblobstore/paths/azureml/{job['name']}"
    given = job["command"].get("outputs") or {}
    return {name: (str(each.get("uri") or f"{base}/{name}/"), each) for name, each in given.items()}


async def run(record: Record, data: JobData, code: JobData | None, python: Path, work: Path) -> None:
    """Runs the command to its end and brings its outputs to their places. Raises JobFailed."""
    job, values = record["command"], {}
    folder = work / "code"
    folder.mkdir(parents=True, exist_ok=True)
    if code is not None:
        await code.fetch(code.asset("codes", job["codeId"])["codeUri"], folder, nested=True)
    for name, each in (job.get("inputs") or {}).items():
        values[f"inputs.{name}"] = await _input(data, name, each, work)
    outputs = outputs_of(record)
    for name, (uri, each) in outputs.items():
        place = work / "outputs" / name
        is_file = str(each.get("jobOutputType")).lower() == "uri_file"
        (place.parent if is_file else place).mkdir(parents=True, exist_ok=True)
        place = place / Path(uri).name if is_file else place
        place.parent.mkdir(parents=True, exist_ok=True)
        values[f"outputs.{name}"] = str(place)
    await _process(record, filled(str(job["command"]), values), values, python, work)
    for name, (uri, each) in outputs.items():
        is_file = str(each.get("jobOutputType")).lower() == "uri_file"
        target = data.place(uri.rsplit("/", 1)[0] if is_file else uri)
        await data.send(work / "outputs" / name, target)


async def _input(data: JobData, name: str, each: Mapping[str, Any], work: Path) -> str:
    kind = str(each["jobInputType"]).lower()
    if kind == "literal":
        return str(each.get("value"))
    uri, target = str(each.get("uri")), work / "inputs" / name
    files = await data.fetch(uri, target, nested=True)
    alone = kind == "uri_file" or (len(files) == 1 and data.place(uri).path.endswith(files[0].name))
    return str(files[0]) if alone else str(target)


def filled(command: str, values: Mapping[str, str]) -> str:
    """The command line with paths and values in it; `$[[…]]` stays only when its input is given."""

    def part(match: re.Match[str]) -> str:
        return match[1] if all(f"{a}.{b}" in values for a, b in VALUE.findall(match[1])) else ""

    return VALUE.sub(lambda match: values[f"{match[1]}.{match[2]}"], OPTIONAL.sub(part, command))


async def _process(record: Record, command: str, values: Mapping[str, str], python: Path, work: Path) -> None:
    log = work / "logs" / LOG
    log.parent.mkdir(parents=True, exist_ok=True)
    given = record["command"].get("environmentVariables") or {}
    environment = {
        "PATH": f"{python.parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(work),
        "LANG": "C.UTF-8",
        "AZUREML_RUN_ID": record["name"],
        "AZUREML_ROOT_RUN_ID": record["name"],
        "AZUREML_EXPERIMENT_NAME": record["experiment"],
        "AZUREML_ARM_WORKSPACE_NAME": record["workspace"].rsplit("/", 1)[-1],
        **{f"AZURE_ML_{key.partition('.')[0][:-1].upper()}_{key.partition('.')[2]}": v for key, v in values.items()},
        **{key: filled(str(value), values) for key, value in given.items()},
    }
    with open(log, "wb") as out:
        process = await asyncio.create_subprocess_exec(
            "/bin/bash", "-c", command, cwd=work / "code", env=environment, stdout=out, stderr=out,
            stdin=asyncio.subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        try:
            status = await process.wait()
        except asyncio.CancelledError:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            raise
    if status:
        tail = log.read_text(errors="replace")[-2000:]
        program = (shlex.split(command) or ["bash"])[0]
        text = (
            f"Execution failed. User process '{program}' exited with status code {status}. Please check log file "
            f"'{LOG}' for error details. Error: {tail}"
        )
        raise JobFailed("UserError", text)
