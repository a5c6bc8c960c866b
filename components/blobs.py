"""Files to and from the workspace's account, by the deployer's Entra identity: `storage.Blob` would need a key."""

import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from components import arm

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient


def container(account: str, name: str) -> "ContainerClient":
    """A client of one container of an account."""
    from azure.storage.blob import ContainerClient

    return ContainerClient(f"https://{account}.blob.core.windows.net", name, credential=arm.credential())


def upload(account: str, name: str, folder: str, files: Mapping[str, bytes]) -> int:
    """Puts files below a folder of a container; how many had to be sent.

    What is there already with the same length and MD5 is not sent again. Waits while the role assignment that allows
    it is still on its way. Raises RuntimeError when Azure holds something else afterwards.
    """
    client = container(account, name)

    def send(item: tuple[str, bytes]) -> bool:
        file, data = item
        return _upload(client, f"{folder}/{file}", data)

    def all_of_them() -> int:
        with ThreadPoolExecutor(max_workers=8) as pool:
            return sum(pool.map(send, files.items()))

    with client:
        return arm.patiently(all_of_them, f"uploading to {account}/{name}/{folder}")


def read(account: str, name: str, blob: str) -> bytes:
    """The bytes of a blob; azure.core's ResourceNotFoundError when there is none."""
    with container(account, name) as client:
        return client.download_blob(blob).readall()


def below(account: str, name: str, folder: str) -> list[str]:
    """Names of the blobs below a folder."""
    with container(account, name) as client:
        return [blob.name for blob in client.list_blobs(name_starts_with=f"{folder}/")]


def _upload(client: "ContainerClient", path: str, data: bytes) -> bool:
    from azure.storage.blob import ContentSettings

    md5 = hashlib.md5(data, usedforsecurity=False).digest()  # what Azure keeps of a blob's content
    if _held(client, path) == (len(data), md5):
        return False
    client.upload_blob(path, data, overwrite=True, content_settings=ContentSettings(content_md5=bytearray(md5)))
    held = _held(client, path)
    if held != (len(data), md5):
        raise RuntimeError(f"{client.url}/{path}: sent {len(data)} bytes, Azure holds {held[0] if held else 'nothing'}")
    return True


def _held(client: "ContainerClient", path: str) -> tuple[int, bytes] | None:
    from azure.core.exceptions import ResourceNotFoundError

    try:
        found = client.get_blob_client(path).get_blob_properties()
    except ResourceNotFoundError:
        return None
    return found.size, bytes(found.content_settings.content_md5 or b"")
