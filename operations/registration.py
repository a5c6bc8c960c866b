"""Registers a trained model: its files under a path named by their digest, then a model version of that name."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from operations import azure, lake
from operations.errors import OperationError
from operations.jobs import VERSION
from operations.stack import Stack
from scoring.code import content, digest, model_files, training_files

ASSETS = "assets"


def register(stack: Stack, folder: Path, made_from: Mapping[str, str], tell: Callable[[str], None]) -> tuple[str, bool]:
    """The model's version, which is its digest, and whether it is new; `made_from` is kept with it.

    Raises OperationError when the folder holds no model. Files that are there already are of the same content, since
    the path names it: an upload that broke off is completed by the next.
    """
    try:
        files = model_files(folder)
    except FileNotFoundError as error:
        raise OperationError(f"{error}; make it: batch-scoring train") from error
    version = digest(files)
    url = f"{stack.workspace_id}/models/{stack.problem}/versions/{version}"
    if _exists(url):
        return version, False
    path = prefix(stack.problem, version)
    upload(stack, path, files, tell)
    properties = {
        "modelType": "custom_model",
        "modelUri": f"azureml://subscriptions/{stack.subscriptionId}/resourceGroups/{stack.resourceGroup}"
        f"/workspaces/{stack.workspace}/datastores/{ASSETS}/paths/{path}",
        "description": f"Models of problem {stack.problem}",
        # Azure never changes properties again, tags it does; people see tags.
        "properties": {"digest": version, **made_from},
        "tags": {"problem": stack.problem, **made_from},
    }
    azure.send(azure.resource_manager(), "PUT", url, params={"api-version": VERSION}, json={"properties": properties})
    return version, True


def register_code(stack: Stack, tell: Callable[[str], None]) -> tuple[str, str]:
    """Id and digest of the code version with which the problem is trained; made when there is none of that content."""
    files = training_files(stack.problem)
    version, name = digest(files), f"{stack.problem}-train"
    url = f"{stack.workspace_id}/codes/{name}/versions/{version}"
    if not _exists(url):
        path = f"code/{name}/{version}"
        upload(stack, path, files, tell)
        properties = {
            "codeUri": f"https://{stack.workspaceAccount}.blob.core.windows.net/{ASSETS}/{path}",
            "description": f"Training code of problem {stack.problem}",
            "properties": {"digest": version},
        }
        asked = {"api-version": VERSION}
        azure.send(azure.resource_manager(), "PUT", url, params=asked, json={"properties": properties})
    return url, version


def lineage(folder: Path, problem: str) -> dict[str, str]:
    """What a model that was trained on this machine was made from; code as it is now. {} when there is no model."""
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        return {}
    return {**described(json.loads(manifest.read_text("utf-8"))), "trainingCode": digest(training_files(problem))}


def described(manifest: Mapping[str, Any]) -> dict[str, str]:
    """What a model's manifest tells of its training, as the texts that properties and tags are: window, rows, metrics.

    Metrics are the numbers that the manifest holds at its top or under heldOut, and how many series there are.
    """
    training = manifest.get("training") or {}
    names = {"trainedFrom": "from", "trainedTo": "to", "trainedRows": "rows"}
    found = {name: str(training[key]) for name, key in names.items() if key in training}
    numbers = {name: value for name, value in manifest.items() if isinstance(value, int | float)}
    numbers |= manifest.get("heldOut") or {}
    if isinstance(manifest.get("series"), list):
        numbers["series"] = len(manifest["series"])
    return found | {f"metric.{name}": f"{value:.6g}" for name, value in numbers.items()}


def prefix(problem: str, version: str) -> str:
    """Where a model's files lie in the container `assets`."""
    return f"models/{problem}/{version}"


def upload(stack: Stack, path: str, files: Mapping[str, Path], tell: Callable[[str], None]) -> None:
    """Adds what is missing below a path that its content names."""
    container = azure.container(stack.workspaceAccount, ASSETS)
    there = set(lake.names(container, f"{path}/"))
    missing = {f"{path}/{name}": content(name, file) for name, file in files.items() if f"{path}/{name}" not in there}
    tell(f"{container.url}/{path}: {len(missing)} of {len(files)} files to upload")
    lake.upload(container, missing)


def _exists(url: str) -> bool:
    found = azure.send(azure.resource_manager(), "GET", url, params={"api-version": VERSION}, accept=(404,))
    return found.status_code < 400
