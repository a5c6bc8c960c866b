"""Data Lake's host name, with azure-storage-file-datalake."""

from collections.abc import Iterator

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.identity import ManagedIdentityCredential
from azure.storage.filedatalake import DataLakeServiceClient, FileSystemClient
from sandbox_world import World


@pytest.fixture
def lake(world: World) -> Iterator[FileSystemClient]:
    account = f"{world.subscription}/resourceGroups/dfs/providers/Microsoft.Storage/storageAccounts/dfsaccount1"
    if world.arm("GET", account).status_code == 404:
        world.account(world.group("dfs"), "dfsaccount1", "ours", "theirs", isHnsEnabled=True)
        ours = f"{account}/blobServices/default/containers/ours"
        world.grant(ours, "Storage Blob Data Contributor", world.identity("deployer")["objectId"])
        world.clock(advance=121)
    url = "https://dfsaccount1.dfs.core.windows.net"
    with DataLakeServiceClient(url, credential=ManagedIdentityCredential()) as service:
        yield service.get_file_system_client("ours")


def test_files_are_written_listed_read_renamed_and_deleted(lake: FileSystemClient) -> None:
    lake.create_directory("day/hour")
    lake.get_file_client("day/hour/a.txt").upload_data(b"hello " * 1000, overwrite=True)
    file = lake.get_file_client("day/hour/b.txt")
    file.create_file()
    file.append_data(b"ab", 0)
    file.append_data(b"cd", 2)
    file.flush_data(4)
    assert file.download_file().readall() == b"abcd"
    assert file.get_file_properties().size == 4
    found = {path.name: path.is_directory for path in lake.get_paths("day")}
    assert found == {"day/hour": True, "day/hour/a.txt": False, "day/hour/b.txt": False}
    assert [path.name for path in lake.get_paths("day", recursive=False)] == ["day/hour"]
    lake.get_directory_client("day/hour").rename_directory("ours/day/moved")
    assert lake.get_file_client("day/moved/b.txt").download_file().readall() == b"abcd"
    assert not lake.get_file_client("day/hour/b.txt").exists()
    lake.get_directory_client("day").delete_directory()
    with pytest.raises(ResourceNotFoundError):
        list(lake.get_paths("day"))


def test_a_role_on_one_file_system_is_none_on_another(lake: FileSystemClient) -> None:
    url = "https://dfsaccount1.dfs.core.windows.net"
    with DataLakeServiceClient(url, credential=ManagedIdentityCredential()) as service:
        theirs = service.get_file_system_client("theirs")
        with pytest.raises(HttpResponseError, match="AuthorizationPermissionMismatch") as refused:
            theirs.get_file_client("x").upload_data(b"x", overwrite=True)
    assert refused.value.status_code == 403


def test_access_control_lists_are_refused_by_name(lake: FileSystemClient) -> None:
    lake.get_file_client("acl.txt").upload_data(b"x", overwrite=True)
    with pytest.raises(HttpResponseError, match="Access control lists are not offered"):
        lake.get_file_client("acl.txt").set_access_control(permissions="rwxrwxrwx")
