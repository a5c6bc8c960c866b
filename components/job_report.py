"""Why a batch job failed: the error that Azure keeps with its run, and the end of the log that says most."""

import re
from typing import Any

from components import arm

# In the order in which they tell a cause (learn.microsoft.com: troubleshoot batch endpoints).
_LOGS = ("logs/user/error.txt", "logs/user/error/", "logs/job_progress_overview.txt", "logs/sys/master_role.txt")
_LINES = 15
_REFUSALS = (
    r"AuthorizationPermissionMismatch|StreamAccess\.Authentication|AuthorizationFailed"
    r"|pull docker image.*unauthorized"
)


def cause(workspace_id: str, job: str) -> str:
    """The job's error and the last lines of its most telling log, in one text."""
    runs = [job, *_children(workspace_id, job)]
    details = [_details(workspace_id, run) for run in runs]
    errors = [_error(detail) for detail in details]
    text = next((error for error in errors if error), "Azure keeps no error with the job")
    logs = {name: url for detail in details for name, url in (detail.get("logFiles") or {}).items()}
    for wanted in _LOGS:
        for name in sorted(logs):
            if name.startswith(wanted) and (tail := _tail(logs[name])):
                return f"{text}\n{name}:\n{tail}"
    return text


def is_refusal(text: str) -> bool:
    """Whether a cause is a missing right to data or images: passes by itself while a role assignment is on its way."""
    return bool(re.search(_REFUSALS, text))


def _history(workspace_id: str) -> str:
    location = arm.call("GET", workspace_id, api=arm.MACHINE_LEARNING_API)["location"]
    return f"https://{location}.api.azureml.ms/history/v1.0{workspace_id}/runs"


def _details(workspace_id: str, run: str) -> dict[str, Any]:
    return arm.call("GET", f"{_history(workspace_id)}/{run}/details", audience=arm.MACHINE_LEARNING)


def _children(workspace_id: str, job: str) -> list[str]:
    from azure.core.exceptions import ResourceNotFoundError

    try:
        found = arm.call("GET", f"{_history(workspace_id)}/{job}/children", audience=arm.MACHINE_LEARNING)
    except ResourceNotFoundError:
        return []
    return [child["runId"] for child in found.get("value", []) if child["runId"] != job]


def _error(detail: dict[str, Any]) -> str:
    found = (detail.get("error") or {}).get("error") or {}
    return f"{found.get('code', '')}: {found.get('message', '')}".strip(": ")


def _tail(url: str) -> str:
    """The end of a log, by the link that the service gives: it carries its own access."""
    from azure.core.exceptions import AzureError
    from azure.storage.blob import BlobClient

    try:
        with BlobClient.from_blob_url(url, credential=None if "sig=" in url else arm.credential()) as blob:
            text = blob.download_blob().readall().decode("utf-8", "replace")
    except AzureError as error:  # the log is a help, not the matter
        return f"(not readable: {type(error).__name__})"
    return "\n".join(text.strip().splitlines()[-_LINES:])
