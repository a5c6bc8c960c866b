"""Registers a trained model: its files under a path named by their digest, then a model version of that name."""

from collections.abc import Callable
from pathlib import Path

from operations import azure, lake
from operations.errors import OperationError
from operations.jobs import VERSION
from operations.stack import Stack
from scoring.code import content, digest, model_files

ASSETS = "assets"


def register(stack: Stack, folder: Path, tell: Callable[[str], None]) -> tuple[str, bool]:
    """The model's version, which is its digest, and whether it is new.

    Raises OperationError when the folder holds no model. Files that are there already are of the same content, since
    the path names it: an upload that broke off is completed by the next.
    """
    try:
        files = model_files(folder)
    except FileNotFoundError as error:
        raise OperationError(f"{error}; make it: batch-scoring train") from error
    version = digest(files)
    url = f"{stack.workspace_id}/models/{stack.problem}/versions/{version}"
    manager = azure.resource_manager()
    if azure.send(manager, "GET", url, params={"api-version": VERSION}, accept=(404,)).status_code < 400:
        return version, False
    container = azure.container(stack.workspaceAccount, ASSETS)
    prefix = f"models/{stack.problem}/{version}"
    there = set(lake.names(container, f"{prefix}/"))
    missing = {
        f"{prefix}/{name}": content(name, path) for name, path in files.items() if f"{prefix}/{name}" not in there
    }
    tell(f"{container.url}/{prefix}: {len(missing)} of {len(files)} files to upload")
    lake.upload(container, missing)
    properties = {
        "modelType": "custom_model",
        "modelUri": f"azureml://subscriptions/{stack.subscriptionId}/resourceGroups/{stack.resourceGroup}"
        f"/workspaces/{stack.workspace}/datastores/{ASSETS}/paths/{prefix}",
        "description": f"Models of problem {stack.problem}",
        "properties": {"digest": version},
    }
    azure.send(manager, "PUT", url, params={"api-version": VERSION}, json={"properties": properties})
    return version, True
