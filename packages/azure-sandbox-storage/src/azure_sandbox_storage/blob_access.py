"""Whether a request to the blob service is allowed: which action it is, on which scope, and who asks.

Actions by operation: https://learn.microsoft.com/rest/api/storageservices/authorize-with-azure-active-directory
Refusals by code: https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes
"""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote

from azure_sandbox.context import Sandbox
from azure_sandbox.errors import AzureError

ACCOUNTS = "microsoft.storage/storageaccounts"
AUDIENCE = "https://storage.azure.com"
BLOB_SERVICE = "Microsoft.Storage/storageAccounts/blobServices"
CONTAINERS = f"{BLOB_SERVICE}/containers"
BLOBS = f"{CONTAINERS}/blobs"
MISMATCH = "This request is not authorized to perform this operation using this permission."
UNAUTHENTICATED = (
    "Server failed to authenticate the request. Please refer to the information in the www-authenticate header."
)
COPY_SOURCE = re.compile(r"https://([^./]+)\.(?:blob|dfs)\.core\.windows\.net/([^/?]+)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Need:
    """What an operation takes: an action, or a data action, on the account or on one of its containers."""

    action: str
    data: bool
    container: str = ""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request, as far as access depends on it; header names in lower case."""

    method: str
    account: str
    target: str
    headers: dict[str, str]

    @property
    def host(self) -> str:
        return f"{self.account}.blob.core.windows.net"

    @property
    def container(self) -> str:
        return unquote(self.target.partition("?")[0].strip("/").split("/")[0])

    @property
    def query(self) -> dict[str, str]:
        return {
            key: values[0] for key, values in parse_qs(self.target.partition("?")[2], keep_blank_values=True).items()
        }


class BlobAccess:
    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._accounts: dict[str, dict[str, Any]] = {}
        self._read = -1

    def account(self, name: str) -> dict[str, Any] | None:
        """The declared storage account of that name, in whatever group it is."""
        changes = self._sandbox.store.changes[ACCOUNTS]
        if changes != self._read:
            found = self._sandbox.store.resources(kind=ACCOUNTS)
            self._accounts, self._read = {a["name"].lower(): a for a in found}, changes
        return self._accounts.get(name)

    def judge(self, call: Call) -> None:
        """Raises AzureError when the caller may not do this. Signatures of a SAS or a key are Azurite's to check."""
        account = self.account(call.account)
        if account is None:
            message = f"No storage account '{call.account}' exists; in Azure its host name does not resolve."
            raise AzureError(404, "ResourceNotFound", message)
        authorization, query = call.headers.get("authorization", ""), call.query
        if authorization.lower().startswith("bearer "):
            principal_id = self._bearer(call, authorization)
        elif "skoid" in query:  # a user delegation SAS never allows more than its signer may do
            principal_id = query["skoid"]
        elif authorization or "sig" in query:
            return self._shared_key(account)
        else:
            raise AzureError(409, "PublicAccessNotPermitted", "Public access is not permitted on this storage account.")
        need = need_of(call.method, call.target.partition("?")[0], query)
        self._require(principal_id, need, account, "AuthorizationPermissionMismatch")
        self._judge_source(call, principal_id)

    def _bearer(self, call: Call, authorization: str) -> str:
        audiences = {AUDIENCE, *(f"https://{call.account}.{service}.core.windows.net" for service in ("blob", "dfs"))}
        try:
            return self._sandbox.tokens.principal_of(authorization, audiences).object_id
        except AzureError as error:
            tenant = self._sandbox.directory.tenant_id
            login = f"https://login.microsoftonline.com/{tenant}/oauth2/authorize"
            headers = {"WWW-Authenticate": f"Bearer authorization_uri={login} resource_id={AUDIENCE}"}
            code = "InvalidAuthenticationInfo"
            raise AzureError(401, code, UNAUTHENTICATED, headers, [{"message": error.message}]) from None

    def _shared_key(self, account: dict[str, Any]) -> None:
        if account["properties"].get("allowSharedKeyAccess") is False:
            message = "Key based authentication is not permitted on this storage account."
            raise AzureError(403, "KeyBasedAuthenticationNotPermitted", message)

    def _judge_source(self, call: Call, principal_id: str) -> None:
        """A copy also reads: its source must be readable by the caller, unless it carries a SAS of its own."""
        source = call.headers.get("x-ms-copy-source", "")
        found = COPY_SOURCE.match(source)
        account = self.account(found[1].lower()) if found and "sig=" not in source else None
        if found and account:
            need = Need(action=f"{BLOBS}/read", data=True, container=unquote(found[2]))
            self._require(principal_id, need, account, "CannotVerifyCopySource")

    def _require(self, principal_id: str, need: Need, account: dict[str, Any], code: str) -> None:
        scope = f"{account['id']}/blobServices/default/containers/{need.container}" if need.container else account["id"]
        if reason := self._sandbox.access.explain(principal_id, need.action, scope, data=need.data):
            raise AzureError(403, code, MISMATCH, details=[{"message": reason}])


def need_of(method: str, path: str, query: dict[str, str]) -> Need:
    parts = [unquote(part) for part in path.strip("/").split("/", 1)]
    container, blob = parts[0], parts[1] if len(parts) > 1 else ""
    comp, reads = query.get("comp", ""), method in ("GET", "HEAD")
    if not container:
        return _service_need(reads, comp)
    if not blob and query.get("restype") == "container":
        return _container_need(method, container, comp)
    if comp == "tags":
        return Need(action=f"{BLOBS}/tags/{'read' if reads else 'write'}", data=True, container=container)
    deletes = method == "DELETE" or comp == "batch"
    verb = "read" if reads else "delete" if deletes else "write"
    return Need(action=f"{BLOBS}/{verb}", data=True, container=container)


def _service_need(reads: bool, comp: str) -> Need:
    if comp == "userdelegationkey":
        return Need(action=f"{BLOB_SERVICE}/generateUserDelegationKey/action", data=False)
    if comp == "batch":
        return Need(action=f"{BLOBS}/delete", data=True)
    if comp == "list":
        return Need(action=f"{CONTAINERS}/read", data=False)
    if comp == "blobs":
        return Need(action=f"{BLOBS}/filter/action", data=True)
    return Need(action=f"{BLOB_SERVICE}/{'read' if reads else 'write'}", data=False)


def _container_need(method: str, container: str, comp: str) -> Need:
    if comp == "list":
        return Need(action=f"{BLOBS}/read", data=True, container=container)
    if comp == "batch":
        return Need(action=f"{BLOBS}/delete", data=True, container=container)
    verb = {"GET": "read", "HEAD": "read", "DELETE": "delete"}.get(method, "write")
    return Need(action=f"{CONTAINERS}/{verb}", data=False, container=container)
