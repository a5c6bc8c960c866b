"""Registered versions of a problem's model: what each was made from, and which one serves."""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from operations import azure, jobs, lake, registration, scoring_run
from operations.errors import OperationError
from operations.registration import ASSETS, prefix
from operations.stack import Stack
from scoring.code import digest, model_files

METRIC = "metric."


@dataclass(frozen=True, kw_only=True)
class Version:
    """A model version; `made_from` holds what registration told of it, under its names."""

    version: str
    serves: bool
    created: str
    made_from: Mapping[str, str]

    @property
    def metrics(self) -> dict[str, str]:
        return {name.removeprefix(METRIC): value for name, value in self.made_from.items() if name.startswith(METRIC)}


def versions(stack: Stack) -> list[Version]:
    """Every version, the newest first. What a version does not carry itself is read from its manifest."""
    serving = scoring_run.serving(stack, stack.deployment).model if stack.deployment else ""
    url = f"{stack.workspace_id}/models/{stack.problem}/versions"
    found = azure.send(azure.resource_manager(), "GET", url, params={"api-version": jobs.VERSION}, accept=(404,))
    if found.status_code == 404:
        return []
    every = [_version(stack, body, serving) for body in azure.pages(azure.resource_manager(), url, jobs.VERSION)]
    return sorted(every, key=lambda one: (one.created, one.version), reverse=True)


def described(one: Version) -> str:
    """A version for people, with its lineage: what is not known of it is left out."""
    told = one.made_from
    lines = [f"{one.version}{'  serves' if one.serves else ''}", f"  registered {one.created.replace('T', ' ')}Z"]
    if "trainedFrom" in told:
        span = f"{told['trainedFrom'][:16]} to {told['trainedTo'][:16]}"
        lines.append(f"  trained on {span}, rows: {told.get('trainedRows', 'unknown')}")
    names = {"job": "job", "trainingCode": "code", "environment": "environment", "history": "history"}
    if lineage := [f"{word} {told[name]}" for name, word in names.items() if name in told]:
        lines.append(f"  by {', '.join(lineage)}")
    if one.metrics:
        lines.append("  metrics: " + ", ".join(f"{name} {value}" for name, value in one.metrics.items()))
    return "\n".join(lines)


def folder(problem: str, stack: Stack | None, named: str | None) -> Path:
    """A model folder on this machine: the named one, or a registered version's (None: the one that serves), fetched.

    Raises OperationError when there is neither, and when what was fetched is not what its digest says.
    """
    if named is not None and Path(named).is_dir():
        return Path(named)
    if stack is None:
        what = "--promoted FOLDER is missing" if named is None else f"{named}: no such folder"
        raise OperationError(f"compare: {what}; registered versions are found with --stack.")
    version = named or scoring_run.serving(stack, stack.deployment).model
    target = Path("build") / "registered" / problem / version
    if not target.is_dir():
        _fetch(stack, version, target)
    return target


def trained_until(folder: Path) -> datetime:
    """The end of the history that the model in the folder was trained on."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
        return datetime.fromisoformat(manifest["training"]["to"])
    except (FileNotFoundError, ValueError, KeyError) as error:
        raise OperationError(f"{folder}: no manifest.json that tells the training's end: not a model folder") from error


def _fetch(stack: Stack, version: str, target: Path) -> None:
    container = azure.container(stack.workspaceAccount, ASSETS)
    below = f"{prefix(stack.problem, version)}/"
    files = lake.download(container, lake.names(container, below))
    if not files:
        raise OperationError(f"{container.url}/{below}: no model there; batch-scoring models lists the versions.")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".") as temporary:
        new = Path(temporary, "model")
        for name, data in files.items():
            path = new / name.removeprefix(below)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        if (found := digest(model_files(new))) != version:
            raise OperationError(f"{container.url}/{below}: the files' digest is {found}, expected {version}")
        new.rename(target)


def _version(stack: Stack, body: Mapping[str, Any], serving: str) -> Version:
    properties = body.get("properties") or {}
    told = {**(properties.get("tags") or {}), **(properties.get("properties") or {})}
    if "trainedFrom" not in told:
        told = {**told, **_manifest(stack, body["name"])}
    return Version(
        version=body["name"],
        serves=body["name"] == serving,
        created=str((body.get("systemData") or {}).get("createdAt") or "")[:16],
        made_from=told,
    )


def _manifest(stack: Stack, version: str) -> dict[str, str]:
    """What the model's own manifest tells; nothing when its files are elsewhere."""
    container = azure.container(stack.workspaceAccount, ASSETS)
    path = f"{prefix(stack.problem, version)}/manifest.json"
    if path not in lake.names(container, path):
        return {}
    return registration.described(json.loads(lake.download(container, [path])[path]))
