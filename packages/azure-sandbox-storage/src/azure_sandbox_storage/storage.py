"""Storage accounts and their containers: what Resource Manager declares becomes real in Azurite."""

from typing import Any

from azure_sandbox.context import Sandbox
from azure_sandbox.directory import Principal

from azure_sandbox_storage.blob_access import ACCOUNTS
from azure_sandbox_storage.blobs import Blobs

CONTAINERS = f"{ACCOUNTS}/blobservices/containers"
Answer = tuple[int, Any, dict[str, str]]


def install(sandbox: Sandbox, blobs: Blobs) -> None:
    async def account_put(resource: dict[str, Any], old: dict[str, Any] | None) -> None:
        blobs.azurite.declare(resource["name"])
        if old is None:
            await _empty(blobs, resource["name"])

    async def account_deleted(resource: dict[str, Any]) -> None:
        await _empty(blobs, resource["name"])

    async def container_put(resource: dict[str, Any], _: dict[str, Any] | None) -> None:
        await blobs.make_container(account_of(resource["id"]), resource["name"])

    async def container_deleted(resource: dict[str, Any]) -> None:
        await blobs.remove_container(account_of(resource["id"]), resource["name"])

    async def list_keys(resource: dict[str, Any], _: Any, __: Principal) -> Answer:
        key = blobs.azurite.key(resource["name"])
        return 200, {"keys": [{"keyName": n, "value": key, "permissions": "FULL"} for n in ("key1", "key2")]}, {}

    manager = sandbox.manager
    manager.after_put(ACCOUNTS, account_put)
    manager.after_delete(ACCOUNTS, account_deleted)
    manager.after_put(CONTAINERS, container_put)
    manager.after_delete(CONTAINERS, container_deleted)
    manager.on_action(ACCOUNTS, "listKeys", list_keys)


def account_of(container_id: str) -> str:
    return container_id.split("/")[8]


async def _empty(blobs: Blobs, account: str) -> None:
    """An account begins without containers, whatever one of the same name held before."""
    for container in await blobs.containers(account):
        await blobs.remove_container(account, container)
