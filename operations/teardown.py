"""Takes a stack down to what its kind leaves: nothing, or a vault that can be recovered."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from operations import azure
from operations.errors import OperationError

VAULT, WORKSPACE = "azure-native:keyvault:Vault", "azure-native:machinelearningservices:Workspace"
VAULT_VERSION, WORKSPACE_VERSION = "2023-07-01", "2024-04-01"


@dataclass(frozen=True, kw_only=True)
class Item:
    """A resource whose deletion Azure can take back."""

    id: str
    location: str


@dataclass(frozen=True, kw_only=True)
class State:
    """What the stack holds, read from its state: a stack whose `up` failed has no outputs to go by."""

    name: str
    ephemeral: bool
    protected: bool
    vaults: tuple[Item, ...]
    workspaces: tuple[Item, ...]


def state(stack: str) -> State:
    """Raises OperationError when Pulumi knows no such stack."""
    deployment = json.loads(_pulumi("stack", "export", "--stack", stack, capture=True)).get("deployment") or {}
    settings = json.loads(_pulumi("config", "--json", "--stack", stack, capture=True))
    resources = deployment.get("resources") or []
    return State(
        name=stack,
        ephemeral=_true(settings, "ephemeral"),
        protected=_true(settings, "protect") or any(resource.get("protect") for resource in resources),
        vaults=_items(resources, VAULT),
        workspaces=_items(resources, WORKSPACE),
    )


def destroy(state: State, *, unprotect: bool, tell: Callable[[str], None]) -> None:
    """Raises OperationError for a protected stack unless `unprotect`, and when Pulumi cannot delete everything."""
    if state.protected:
        if not unprotect:
            raise OperationError(
                f"stack {state.name!r} is protected: not destroyed. If that is meant, say --unprotect."
            )
        _pulumi("state", "unprotect", "--all", "--yes", "--stack", state.name)
    tell(f"pulumi destroy --stack {state.name}")
    _pulumi("destroy", "--yes", "--skip-preview", "--stack", state.name)


def purge(state: State, tell: Callable[[str], None]) -> None:
    """Ends the soft deletion of the stack's vault and workspace, so that their names are free and nothing stays."""
    manager = azure.resource_manager()
    for vault in state.vaults:
        subscription, name = vault.id.split("/")[2], vault.id.rsplit("/", 1)[-1]
        place = f"/subscriptions/{subscription}/providers/Microsoft.KeyVault/locations/{vault.location}"
        url = f"{place}/deletedVaults/{name}/purge"
        found = azure.send(manager, "POST", url, params={"api-version": VAULT_VERSION}, accept=(404,))
        tell(f"vault {name}: {'was not soft-deleted' if found.status_code == 404 else 'purged'}")
    for workspace in state.workspaces:
        # A workspace is purged by deleting it again with forceToPurge, also when it is soft-deleted already.
        # https://learn.microsoft.com/azure/machine-learning/concept-soft-delete
        asked = {"api-version": WORKSPACE_VERSION, "forceToPurge": "true"}
        found = azure.send(manager, "DELETE", workspace.id, params=asked, accept=(404,))
        gone = found.status_code in (204, 404)
        tell(f"workspace {workspace.id.rsplit('/', 1)[-1]}: {'was not soft-deleted' if gone else 'purged'}")


def forget(stack: str) -> None:
    """Removes the empty stack; its configuration file stays, which is the project's."""
    _pulumi("stack", "rm", "--yes", "--preserve-config", stack)


def _items(resources: list[dict[str, Any]], kind: str) -> tuple[Item, ...]:
    found = [resource for resource in resources if resource.get("type") == kind and resource.get("id")]
    return tuple(Item(id=one["id"], location=str(one.get("outputs", {}).get("location", ""))) for one in found)


def _true(settings: dict[str, Any], key: str) -> bool:
    return str((settings.get(f"batch-scoring:{key}") or {}).get("value", "false")).lower() == "true"


def _pulumi(*arguments: str, capture: bool = False) -> str:
    command = ["pulumi", *arguments]
    try:
        run = subprocess.run(command, capture_output=capture, text=True, check=False)
    except FileNotFoundError:
        raise OperationError("pulumi: no such command on PATH; it keeps and destroys the stack.") from None
    if run.returncode:
        reason = f": {run.stderr.strip()}" if capture else "; what is left is still in the stack: run it again"
        raise OperationError(f"`{' '.join(command)}`: exit code {run.returncode}{reason}")
    return run.stdout or ""
