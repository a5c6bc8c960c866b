"""Leaves nothing: destroys a demo's stack, shows by listing that the sandbox is empty, removes its state."""

import os
import sys

from sandbox import STACK, batch_scoring, in_sandbox, run, sandbox, state_folder

LISTED = {
    "resource groups": ("resourcegroups", "2024-03-01"),
    "resources": ("resources", "2024-03-01"),
    "role assignments of stacks": ("providers/Microsoft.Authorization/roleAssignments", "2022-04-01"),
    "soft-deleted vaults": ("providers/Microsoft.KeyVault/deletedVaults", "2023-07-01"),
}


def clean(stack: str = STACK) -> None:
    if not (state_folder() / "sandbox.db").exists():
        print("no sandbox is here: nothing to clean")
        run("azure-sandbox", "reset")
        return
    sandbox("up")
    stacks = in_sandbox("pulumi", "stack", "ls", "--json", capture=True)
    if f'"{stack}"' in stacks:
        batch_scoring("teardown", "--stack", stack)
    in_sandbox(sys.executable, __file__)
    sandbox("reset")


def list_all() -> None:
    """Prints what Resource Manager still lists in the subscription; exits with 1 when there is anything."""
    from operations import azure

    subscription = os.environ["ARM_SUBSCRIPTION_ID"]
    left = 0
    for name, (path, version) in LISTED.items():
        found = azure.pages(azure.resource_manager(), f"/subscriptions/{subscription}/{path}", version)
        if path.endswith("roleAssignments"):  # the deployer's own, on the subscription, comes with the sandbox
            found = [one for one in found if "/resourcegroups/" in one["properties"]["scope"].lower()]
        left += len(found)
        print(f"   {name}: {', '.join(one['name'] for one in found) or 'none'}")
    sys.exit("demo: the sandbox is not empty" if left else 0)


if __name__ == "__main__":
    list_all()
