"""What an earlier, ephemeral stack of the same name may have left: a softly deleted vault, a softly deleted workspace.

Azure keeps both for days after their deletion, and their names with them. A lasting stack wants that: its vault can be
brought back. An ephemeral one is made, deleted and made again, so it purges what is in its way.
"""

from collections.abc import Callable

from pulumi import ResourceHookBinding

from components import arm, steps
from components.place import Place

_VAULT_API = "2023-07-01"


def hooks(name: str, place: Place, purge: Callable[[Place], None]) -> ResourceHookBinding | None:
    """Purges before a creation, in an ephemeral stack only."""
    if not place.ephemeral:
        return None

    def work(_: steps.Values) -> None:
        purge(place)

    return steps.before_create(f"{name}-leftover", work)


def purge_vault(place: Place) -> None:
    """Ends the soft deletion of the vault of the stack's name, if there is one."""
    vault = f"locations/{place.location}/deletedVaults/{place.names.vault}"
    deleted = f"/subscriptions/{place.subscription_id}/providers/Microsoft.KeyVault/{vault}"
    if arm.find(deleted, api=_VAULT_API) is not None:
        arm.call("POST", f"{deleted}/purge", api=_VAULT_API)


def purge_workspace(place: Place) -> None:
    """Ends the soft deletion of the workspace of the stack's name, if there is one; never touches a live one."""
    workspace = place.id_of(f"Microsoft.MachineLearningServices/workspaces/{place.names.workspace}")
    if arm.find(workspace, api=arm.MACHINE_LEARNING_API) is None:
        # Azure has no list of softly deleted workspaces; deleting again, with this flag, purges.
        # https://learn.microsoft.com/azure/machine-learning/concept-soft-delete
        arm.call("DELETE", f"{workspace}?forceToPurge=true", api=arm.MACHINE_LEARNING_API, accept=(404,))
