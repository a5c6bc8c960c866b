"""The two storage accounts: the lake, and the workspace's own account beside it.

They are two because Azure ML refuses an account with a hierarchical namespace as the workspace's own, and batch jobs
write to Blob only; the lake wants the hierarchy.
"""

from components.place import Place
from components.storage import StorageAccount
from settings import Storage

# By how rows come in; `synapse` holds what the Synapse workspace keeps for itself.
LAKE = {
    "streaming": ("features", "raw", "rejected", "predictions", "synapse"),
    "static": ("features", "static", "predictions", "synapse"),
    "both": ("features", "raw", "rejected", "static", "predictions", "synapse"),
}
# Azure ML would make `azureml`, for job logs, by itself at the first job; declared, it can carry a role from the start.
WORKSPACE = ("assets", "scoring-input", "scoring-output", "azureml")


def lake(name: str, *, storage: Storage, ingestion: str, place: Place) -> StorageAccount:
    """The data lake: features, the raw archive, rejected events, files that come in as such, predictions."""
    containers = LAKE[ingestion]
    days = {"raw": storage.raw_days, "rejected": storage.raw_days, "static": storage.raw_days}
    days |= {"features": storage.feature_days, "predictions": storage.feature_days}
    return StorageAccount(
        name,
        account_name=place.names.lake_account,
        hierarchical=True,
        containers=containers,
        lifecycle={f"{container}/": kept for container, kept in days.items() if container in containers},
        replication=storage.replication,
        soft_delete_days=storage.soft_delete_days,
        place=place,
    )


def workspace_account(name: str, *, storage: Storage, place: Place) -> StorageAccount:
    """Azure ML's own account: what `up` uploads, what jobs read and write, their logs (container `azureml`)."""
    return StorageAccount(
        name,
        account_name=place.names.workspace_account,
        hierarchical=False,
        containers=WORKSPACE,
        lifecycle={
            "scoring-input/": storage.scratch_days,
            "scoring-output/": storage.scratch_days,
            "azureml/": storage.scratch_days,
        },
        replication=storage.replication,
        soft_delete_days=storage.soft_delete_days,
        place=place,
    )
