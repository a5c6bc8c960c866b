"""batch-scoring teardown"""

import subprocess
from typing import Annotated

import typer

from operations.commands.options import DEFAULT_STACK, Outputs, StackName, err, out
from operations.errors import OperationError
from operations.stack import Stack, load

VAULT_VERSION = "2023-07-01"
WORKSPACE_VERSION = "2024-04-01"


def teardown(
    stack: StackName = DEFAULT_STACK,
    outputs: Outputs = None,
    prod: Annotated[bool, typer.Option("--prod", help="Yes, also a stack that is protected.")] = False,
    keep_stack: Annotated[bool, typer.Option(help="Keep the empty stack and its history.")] = False,
) -> None:
    """Destroy a stack. Of an ephemeral one nothing stays, not even soft-deleted; of others the vault does, by name."""
    chosen = load(stack, outputs)
    if stack == "prod" and not prod:
        raise OperationError(f"stack {stack!r}: not destroyed; if that is meant, say --prod.")
    _pulumi("destroy", "--yes", "--stack", stack, "--skip-preview")
    if chosen.ephemeral:
        purge(chosen)
    else:
        out.print(f"vault {chosen.vault} stays soft-deleted for its retention; a new stack of this name recovers it.")
    if not keep_stack:
        _pulumi("stack", "rm", "--yes", "--stack", stack, "--preserve-config")
    out.print(f"stack {stack}: destroyed")


def purge(stack: Stack) -> None:
    """Ends the soft deletion of the stack's vault and workspace, so that their names are free and nothing is billed."""
    from operations import azure

    manager = azure.resource_manager()
    vault = (
        f"/subscriptions/{stack.subscriptionId}/providers/Microsoft.KeyVault/locations/{stack.location}"
        f"/deletedVaults/{stack.vault}/purge"
    )
    found = azure.send(manager, "POST", vault, params={"api-version": VAULT_VERSION}, accept=(404,))
    err.print(f"vault {stack.vault}: {'was not soft-deleted' if found.status_code == 404 else 'purged'}")
    # A workspace is purged by deleting it again with forceToPurge, even when it is soft-deleted already.
    # https://learn.microsoft.com/azure/machine-learning/concept-soft-delete
    asked = {"api-version": WORKSPACE_VERSION, "forceToPurge": "true"}
    found = azure.send(manager, "DELETE", stack.workspace_id, params=asked, accept=(404, 204))
    err.print(f"workspace {stack.workspace}: {'was not soft-deleted' if found.status_code in (204, 404) else 'purged'}")


def _pulumi(*arguments: str) -> None:
    command = ["pulumi", *arguments]
    try:
        code = subprocess.run(command, check=False).returncode
    except FileNotFoundError:
        raise OperationError("pulumi: no such command on PATH; it destroys the stack.") from None
    if code:
        raise OperationError(
            f"`{' '.join(command)}`: exit code {code}; what is left is still in the stack, run it again."
        )
