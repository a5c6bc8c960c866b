"""Storage accounts, blobs and the Data Lake host, hooked into a sandbox."""

from azure_sandbox.certificates import secret
from azure_sandbox.services import Hooks

from azure_sandbox_storage import dfs, storage
from azure_sandbox_storage.azurite import Azurite
from azure_sandbox_storage.blob_door import BlobDoor
from azure_sandbox_storage.blobs import Blobs

AFTER = ()


def install(hooks: Hooks) -> list[Azurite]:
    """Offers `Blobs`; opens the door of blobs."""
    state = hooks.sandbox.state
    azurite = Azurite(state / "azurite", hooks.sandbox.certificates, secret(state / "keys" / "azurite"))
    blobs = Blobs(hooks.sandbox, azurite)
    storage.install(hooks.sandbox, blobs)
    dfs.install(blobs, hooks.web)
    hooks.doors["blob"] = BlobDoor(hooks.sandbox, azurite).handle
    hooks.offers[Blobs] = blobs
    return [azurite]
