"""The blob door: every request judged by the caller's roles on that container, with Azure's codes."""

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.identity import ManagedIdentityCredential
from azure.storage.blob import BlobSasPermissions, BlobServiceClient, generate_blob_sas
from azure_sandbox_storage.blob_access import need_of
from sandbox_world import World

URL = "https://dooraccount1.blob.core.windows.net"
CREDENTIALS: Any = {
    "key": "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=",
    "anonymous": None,
    "sas": "sv=2021-12-02&sp=r&sr=c&sig=abc",
}


@pytest.fixture(scope="module")
def lake(running: World) -> dict[str, str]:
    """An account with two containers, of which the deployer writes one, and a person reads one."""
    return {"account": ""}


@pytest.fixture
def account(world: World, lake: dict[str, str]) -> World:
    if not lake["account"]:
        lake["account"] = account = world.account(world.group("blobs"), "dooraccount1", "ours", "theirs")
        ours = f"{account}/blobServices/default/containers/ours"
        world.grant(ours, "Storage Blob Data Contributor", world.identity("deployer")["objectId"])
        world.grant(ours, "Storage Blob Data Reader", world.identity("user:reader")["objectId"], "User")
        with service() as client, pytest.raises(HttpResponseError, match="not authorized"):  # not yet in effect
            client.get_blob_client("ours", "early").upload_blob(b"")
        world.clock(advance=121)
    return world


def service(credential: Any = ...) -> BlobServiceClient:
    return BlobServiceClient(URL, credential=ManagedIdentityCredential() if credential is ... else credential)


def code_of(action: Callable[[BlobServiceClient], Any], credential: Any = ...) -> tuple[int | None, str]:
    with service(credential) as client, pytest.raises(HttpResponseError) as refused:
        action(client)
    code = getattr(refused.value, "error_code", "")
    return refused.value.status_code, str(getattr(code, "value", code))


def listed(client: BlobServiceClient) -> Any:
    return list(client.get_container_client("ours").list_blobs())


@pytest.mark.parametrize(
    ("who", "status", "code"),
    [
        ("key", 403, "KeyBasedAuthenticationNotPermitted"),
        ("sas", 403, "KeyBasedAuthenticationNotPermitted"),
        ("anonymous", 409, "PublicAccessNotPermitted"),
    ],
)
def test_an_account_without_shared_keys_takes_tokens_only(account: World, who: str, status: int, code: str) -> None:
    assert code_of(listed, CREDENTIALS[who]) == (status, code)


@pytest.mark.parametrize(
    "action",
    [
        lambda client: list(client.get_container_client("theirs").list_blobs()),
        lambda client: client.get_blob_client("theirs", "x").upload_blob(b"x"),
        lambda client: client.get_blob_client("theirs", "x").upload_blob(bytes(6 << 20)),
        lambda client: client.get_blob_client("theirs", "x").exists(),
        lambda client: client.get_blob_client("ours", "copy").start_copy_from_url(f"{URL}/theirs/x"),
    ],
    ids=["list", "write", "write much", "exists", "copy from there"],
)
def test_a_role_on_one_container_is_none_on_another(account: World, action: Callable[[BlobServiceClient], Any]) -> None:
    status, code = code_of(action)
    assert status == 403
    assert code in ("AuthorizationPermissionMismatch", "CannotVerifyCopySource")


def test_a_refusal_can_be_looked_up_by_its_request_id(account: World) -> None:
    with service() as client, pytest.raises(HttpResponseError) as refused:
        client.get_blob_client("theirs", "x").upload_blob(b"x")
    answer: Any = refused.value.response
    request_id = answer.headers["x-ms-request-id"]
    entry = next(entry for entry in account.status()["refusals"] if entry["id"] == request_id)
    assert entry["principal"] == "deployer"
    assert "blobs/write at" in entry["message"]
    assert "/containers/theirs" in entry["message"]


def test_a_reader_of_a_container_does_nothing_else(account: World, as_: Callable[[str], World]) -> None:
    with service() as client:
        client.get_blob_client("ours", "read me").upload_blob(b"1", overwrite=True)
    as_("user:reader")
    with service() as client:
        assert client.get_blob_client("ours", "read me").download_blob().readall() == b"1"
    now = datetime.now(UTC)
    for action in (
        lambda client: client.get_blob_client("ours", "x").upload_blob(b""),
        lambda client: client.create_container("another"),
        lambda client: list(client.list_containers()),
        lambda client: client.get_user_delegation_key(now, now + timedelta(hours=1)),
    ):
        assert code_of(action) == (403, "AuthorizationPermissionMismatch")


def test_a_token_for_another_service_is_refused(account: World) -> None:
    class Wrong:
        def get_token(self, *_: str, **__: Any) -> Any:
            return ManagedIdentityCredential().get_token("https://management.azure.com/.default")

    assert code_of(listed, Wrong()) == (401, "InvalidAuthenticationInfo")


def test_an_account_that_is_not_declared_is_not_there(world: World) -> None:
    with (
        BlobServiceClient(
            "https://nosuchaccount1.blob.core.windows.net", credential=ManagedIdentityCredential()
        ) as client,
        pytest.raises(HttpResponseError, match="No storage account 'nosuchaccount1' exists"),
    ):
        listed(client)


def test_blobs_go_in_and_out_whole(account: World) -> None:
    big = bytes(range(256)) * 4 * 20_000  # 20 MB, in blocks
    with service() as client:
        container = client.get_container_client("ours")
        container.upload_blob("a b/ü.bin", big, overwrite=True, max_concurrency=4)
        assert container.download_blob("a b/ü.bin", max_concurrency=4).readall() == big
        container.delete_blobs("a b/ü.bin")
        assert "a b/ü.bin" not in container.list_blob_names()


def test_a_user_delegation_sas_can_do_what_its_signer_may(account: World) -> None:
    now = datetime.now(UTC)
    with service() as client:
        client.get_blob_client("ours", "linked").upload_blob(b"1", overwrite=True)
    path = account.subscription + "/resourceGroups/blobs/providers/Microsoft.Storage/storageAccounts/dooraccount1"
    grant = account.grant(path, "Storage Blob Data Reader", account.identity("deployer")["objectId"])
    account.clock(advance=121)
    with service() as client:
        key = client.get_user_delegation_key(now - timedelta(minutes=5), now + timedelta(hours=1))
    sign: dict[str, Any] = {"user_delegation_key": key, "expiry": now + timedelta(hours=1)}
    rights = BlobSasPermissions(read=True, write=True, create=True)
    ours, theirs = (
        generate_blob_sas("dooraccount1", c, "linked", permission=rights, **sign) for c in ("ours", "theirs")
    )
    with service(ours) as client:
        assert client.get_blob_client("ours", "linked").download_blob().readall() == b"1"
    with service(theirs) as client, pytest.raises(HttpResponseError, match="not authorized"):
        client.get_blob_client("theirs", "linked").upload_blob(
            b"2"
        )  # the SAS says write, its signer may only read there
    assert account.arm("DELETE", grant).status_code == 200


def test_adlfs_works_in_a_command_that_runs_inside(account: World) -> None:
    script = """
from adlfs import AzureBlobFileSystem
from azure.identity.aio import DefaultAzureCredential
files = AzureBlobFileSystem(account_name="dooraccount1", credential=DefaultAzureCredential())
files.pipe("ours/fs/x.txt", b"1")
files.pipe("ours/fs/deep/y.txt", b"2")
assert sorted(files.find("ours/fs")) == ["ours/fs/deep/y.txt", "ours/fs/x.txt"]
files.mv("ours/fs/x.txt", "ours/fs/z.txt")
assert files.cat("ours/fs/z.txt") == b"1"
files.rm("ours/fs", recursive=True)
assert not files.exists("ours/fs/z.txt")
"""
    command = [
        sys.executable,
        "-m",
        "azure_sandbox",
        "--state",
        str(account.state),
        "run",
        "--",
        sys.executable,
        "-c",
        script,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("method", "target", "query", "action", "container"),
    [
        ("GET", "/c/b", {}, "containers/blobs/read", "c"),
        ("PUT", "/c/b", {}, "containers/blobs/write", "c"),
        ("PUT", "/c/b", {"comp": "block"}, "containers/blobs/write", "c"),
        ("DELETE", "/c/b", {}, "containers/blobs/delete", "c"),
        ("GET", "/c", {"restype": "container", "comp": "list"}, "containers/blobs/read", "c"),
        ("PUT", "/c", {"restype": "container"}, "containers/write", "c"),
        ("DELETE", "/c", {"restype": "container"}, "containers/delete", "c"),
        ("HEAD", "/c", {"restype": "container"}, "containers/read", "c"),
        ("GET", "/", {"comp": "list"}, "containers/read", ""),
        ("POST", "/", {"restype": "service", "comp": "userdelegationkey"}, "generateUserDelegationKey/action", ""),
        ("PUT", "/", {"restype": "service", "comp": "properties"}, "write", ""),
        ("GET", "/c/b", {"comp": "tags"}, "containers/blobs/tags/read", "c"),
    ],
)
def test_each_operation_asks_for_its_documented_action(
    method: str, target: str, query: dict[str, str], action: str, container: str
) -> None:
    need = need_of(method, target, query)
    assert need.action == f"Microsoft.Storage/storageAccounts/blobServices/{action}"
    assert need.container == container
    assert need.data == ("/blobs/" in action)
