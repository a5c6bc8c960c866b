"""Data of a batch job: which blobs a URI means, who may read them, and the way there and back.

Errors carry the codes of Azure ML's data runtime: ScriptExecution.StreamAccess.NotFound, .Authentication, .Validation.
"""

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from azure_sandbox.context import Sandbox
from azure_sandbox.directory import Principal
from azure_sandbox.errors import AzureError
from azure_sandbox_storage.blob_access import BLOBS
from azure_sandbox_storage.blobs import Blobs, Place, place_of
from azure_sandbox_storage.storage import CONTAINERS, account_of

DATASTORE = re.compile(r"azureml://(?:.*/)?datastores/([^/]+)/paths/?(.*)", re.IGNORECASE)
ACCESS = "ScriptExecution.StreamAccess"


class JobFailed(Exception):
    """Why a job failed, by Azure's code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


@dataclass(frozen=True, kw_only=True)
class JobData:
    """The data access of one job: everything is read and written as `compute`; inputs also need `invoker`."""

    sandbox: Sandbox
    blobs: Blobs
    workspace: str
    compute: Principal
    invoker: Principal

    def place(self, uri: str) -> Place:
        """Where a datastore path, an asset (`azureml:name:version` or its id) or a URL of a blob is."""
        found = DATASTORE.fullmatch(uri)
        if found:
            return datastore_place(self._datastore(found[1]), found[2])
        if uri.startswith(("https://", "abfss://")):
            return place_of(uri)
        properties = self.asset("data", uri)
        return self.place(properties["dataUri"])

    def asset(self, kind: str, reference: str) -> dict[str, Any]:
        """Properties of a version of `models`, `codes`, `environments` or `data`."""
        text = reference.removeprefix("azureml:")
        name, _, version = text.partition(":")
        path = text if text.startswith("/") else f"{self.workspace}/{kind}/{name}/versions/{version}"
        found = self.sandbox.store.resource(path)
        if found is None:
            raise JobFailed("UserError", f"The {kind.removesuffix('s')} '{reference}' could not be found.")
        return found["properties"]

    async def fetch(self, uri: str, target: Path, *, nested: bool, twice: bool = False) -> list[Path]:
        """Downloads a folder's files, or one file, into `target`; `twice` asks for the invoker's right as well."""
        place = self.place(uri)
        if twice:
            self._require_invoker(place)
        try:
            names = [name async for name, _ in self.blobs.list(self.compute, place)]
            wanted = [name for name in names if _belongs(name, place.path, nested)]
            if not wanted:
                raise JobFailed(
                    f"{ACCESS}.NotFound", f"The requested stream was not found: {uri} ({place.url}) holds no file."
                )
            files = []
            for name in wanted:
                inside = name[len(place.path) :].strip("/") or name.rsplit("/", 1)[-1]
                files.append(target / inside)
                blob = Place(account=place.account, container=place.container, path=name)
                await self.blobs.download(self.compute, blob, files[-1])
        except AzureError as error:
            raise self._failed(error, self.compute, place, "read") from None
        return files

    async def send(self, folder: Path, place: Place) -> int:
        """Uploads every file of a folder; the number of them."""
        files = await asyncio.to_thread(lambda: sorted(path for path in folder.rglob("*") if path.is_file()))
        try:
            for file in files:
                await self.blobs.upload(self.compute, place.below(file.relative_to(folder).as_posix()), file)
        except AzureError as error:
            raise self._failed(error, self.compute, place, "write") from None
        return len(files)

    async def exists(self, place: Place) -> bool:
        try:
            return any([name == place.path async for name, _ in self.blobs.list(self.compute, place)])
        except AzureError as error:
            raise self._failed(error, self.compute, place, "read") from None

    def _datastore(self, name: str) -> dict[str, Any]:
        found = self.sandbox.store.resource(f"{self.workspace}/datastores/{name}")
        if found is None:
            raise JobFailed(f"{ACCESS}.Validation", f"The datastore '{name}' does not exist in the workspace.")
        if (found["properties"].get("credentials") or {}).get("credentialsType", "None") != "None":
            message = f"The datastore '{name}' uses keys; in this sandbox jobs read and write by identity only."
            raise JobFailed(f"{ACCESS}.Validation", message)
        return found["properties"]

    def _require_invoker(self, place: Place) -> None:
        action, scope = f"{BLOBS}/read", self._scope(place)
        if reason := self.sandbox.access.explain(self.invoker.object_id, action, scope, data=True):
            message = (
                f"The invoker {self.invoker.name} may not read {place.url} (AuthorizationPermissionMismatch): {reason}"
            )
            raise JobFailed(f"{ACCESS}.Authentication", message)

    def _scope(self, place: Place) -> str:
        for container in self.sandbox.store.resources(kind=CONTAINERS):
            if (account_of(container["id"]), container["name"]) == (place.account, place.container):
                return container["id"]
        raise JobFailed(
            f"{ACCESS}.NotFound", f"The container '{place.container}' of account '{place.account}' does not exist."
        )

    def _failed(self, error: AzureError, who: Principal, place: Place, verb: str) -> JobFailed:
        if error.status in (401, 403):
            reason = self.sandbox.access.explain(who.object_id, f"{BLOBS}/{verb}", self._scope(place), data=True)
            message = f"The compute's identity {who.name} may not {verb} {place.url} ({error.code}): {reason}"
            return JobFailed(f"{ACCESS}.Authentication", message)
        code = "NotFound" if error.status == 404 else "Unknown"
        return JobFailed(f"{ACCESS}.{code}", f"{place.url}: {error}")


def datastore_place(properties: dict[str, Any], path: str) -> Place:
    container = properties.get("containerName") or properties.get("filesystem") or ""
    return Place(account=properties["accountName"], container=container, path=path.strip("/"))


def _belongs(name: str, path: str, nested: bool) -> bool:
    """Whether a blob is the path itself or lies in it: batch endpoints do not look into nested folders."""
    if name == path:
        return True
    inside = name[len(path) + 1 :] if path else name
    return name.startswith(f"{path}/" if path else "") and (nested or "/" not in inside)
