"""Linked services and datasets of Data Factory: which account, folder or database they mean, and as whom.

Credentials: learn.microsoft.com/azure/data-factory/credentials. By default the factory's system-assigned identity, else
the user-assigned one of the credential, which must be one of the factory's own.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from azure_sandbox.context import Sandbox
from azure_sandbox.directory import Principal
from azure_sandbox.errors import AzureError
from azure_sandbox.ids import normal
from azure_sandbox_storage.blobs import Place
from factory_engine import ActivityError, Dataset, LinkedService
from sql_engine import SqlError

from azure_sandbox_conducting.private_link import admit
from azure_sandbox_conducting.sql import Sql, Target

STORES = {"AzureBlobStorage": "serviceEndpoint", "AzureBlobFS": "url"}
DATABASES = ("AzureSqlDatabase", "AzureSqlDW")
SECRETS = ("accountKey", "sasUri", "sasToken", "servicePrincipalKey", "password", "encryptedCredential")


@dataclass(frozen=True, kw_only=True)
class Files:
    """What a dataset of files means: a folder, and a file in it or ''."""

    who: Principal
    folder: Place
    name: str

    @property
    def place(self) -> Place:
        return self.folder.below(self.name)


class Stores:
    def __init__(self, sandbox: Sandbox, sql: Sql, factory: str) -> None:
        self._sandbox, self._sql, self._factory = sandbox, sql, factory

    def files(self, dataset: Dataset) -> Files:
        linked, location = dataset.linked_service, dataset.properties.get("location") or {}
        key = STORES.get(linked.type)
        if key is None:
            raise refusal(f"the linked service type '{linked.type}' for files ({', '.join(STORES)} are)")
        account = (urlsplit(str(linked.properties.get(key) or "")).hostname or "").split(".")[0]
        if not account:
            raise ActivityError("2200", f"The linked service '{linked.name}' names no account: '{key}' is missing.")
        container = str(location.get("container") or location.get("fileSystem") or "")
        folder = str(location.get("folderPath") or "").strip("/")
        place = Place(account=account, container=container, path=folder)
        return Files(who=self.principal(linked), folder=place, name=str(location.get("fileName") or ""))

    def database(self, linked: LinkedService) -> tuple[Principal, Target]:
        """Raises SqlError when there is no such server, or when it does not let the factory's machines in."""
        if linked.type not in DATABASES:
            raise refusal(f"the linked service type '{linked.type}' for tables ({', '.join(DATABASES)} are)")
        given = {**_connection(str(linked.properties.get("connectionString") or "")), **linked.properties}
        target = self._sql.target(str(given.get("server") or ""), str(given.get("database") or ""))
        admit(self._sandbox.store, factory=self._factory, runtime=linked.connect_via, server=target.id)
        return self.principal(linked), target

    def principal(self, linked: LinkedService) -> Principal:
        used = [name for name in SECRETS if linked.properties.get(name)]
        if used:
            raise refusal(f"'{used[0]}' of the linked service '{linked.name}': sign in by managed identity")
        kind = str(linked.properties.get("authenticationType") or "")
        if kind and "ManagedIdentity" not in kind:
            raise refusal(f"the authentication type '{kind}' of the linked service '{linked.name}'")
        return self.identity(linked.properties.get("credential"))

    def identity(self, credential: Mapping[str, Any] | None) -> Principal:
        """The factory's identity, or the one behind a reference to a credential."""
        directory, store = self._sandbox.directory, self._sandbox.store
        factory = store.resource(self._factory) or {}
        identity = factory.get("identity") or {}
        if not credential:
            found = directory.find(identity.get("principalId"))
            if found is None:
                raise ActivityError("2200", "The factory has no system-assigned managed identity to sign in with.")
            return found
        name = credential.get("referenceName")
        resource = store.resource(f"{self._factory}/credentials/{name}") or {"properties": {}}
        wanted = str((resource["properties"].get("typeProperties") or {}).get("resourceId") or "")
        attached = {normal(user) for user in identity.get("userAssignedIdentities") or {}}
        found = directory.find(wanted) if normal(wanted) in attached else None
        if found is None:
            text = f"The credential '{name}' is no user-assigned managed identity of the factory: '{wanted}'."
            raise ActivityError("2200", text)
        return found


def _connection(text: str) -> dict[str, str]:
    """Server and database of a connection string."""
    found = re.findall(r"\s*([^=;]+?)\s*=\s*([^;]*)", text)
    parts = {key.lower(): value.strip() for key, value in found}
    server = parts.get("server") or parts.get("data source") or ""
    database = parts.get("database") or parts.get("initial catalog") or ""
    return {key: value for key, value in (("server", server), ("database", database)) if value}


def refusal(what: str) -> ActivityError:
    return ActivityError("NotOffered", f"azure-sandbox: Data Factory here does not offer {what}.")


def storage_error(error: AzureError, files: Files) -> ActivityError:
    """learn.microsoft.com/azure/data-factory/connector-troubleshoot-azure-data-lake, connector-troubleshoot-azure-blob-
    storage."""
    reasons = "; ".join([error.message, *(d["message"] for d in error.details if "message" in d)])
    code = "AdlsGen2ForbiddenError" if error.status == 403 else "AzureStorageOperationFailed"
    code = "UserErrorSourceBlobNotExist" if error.status == 404 else code
    text = f"ErrorCode={code}, '{error.code}' at {files.place.url} as {files.who.name}: {reasons}"
    return ActivityError("2200", text, "UserError" if error.status < 500 else "SystemError")


def sql_error(error: SqlError, *, copying: bool) -> ActivityError:
    where = f" (line {error.line}, column {error.column})" if error.line else ""
    text = f"Sql error number: {error.number}. Error Message: {error.message}{where}"
    if copying:
        return ActivityError("2200", f"ErrorCode=SqlOperationFailed, A database operation failed. {text}")
    return ActivityError("2011", f"Execution fail against sql server. {text}")
