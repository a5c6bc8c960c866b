"""Data Lake's own host name, <account>.dfs.core.windows.net: its calls as calls of the blob service.

Azurite has no hierarchical namespace, so a folder is an empty blob marked hdi_isfolder, a rename is copies and
deletions (not atomic, as it is in Azure), and access control lists are refused. Every call goes through the blob door
with the caller's own token. Source: https://learn.microsoft.com/rest/api/storageservices/data-lake-storage-gen2
"""

import base64
import xml.etree.ElementTree as ElementTree
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
from azure_sandbox.errors import AzureError
from azure_sandbox.web import Web
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azure_sandbox_storage.blobs import Blobs, Place, listed

KEPT = ("etag", "last-modified", "content-length", "content-type", "content-range", "x-ms-creation-time")
FOLDER = {"x-ms-meta-hdi_isfolder": "true"}
OPEN = {"x-ms-owner": "$superuser", "x-ms-group": "$superuser", "x-ms-permissions": "rwxr-x---"}


def install(blobs: Blobs, web: Web) -> None:
    async def handle(request: Request) -> Response:
        path = unquote(request.url.path).strip("/")
        container, _, inner = path.partition("/")
        place = Place(account=request.headers.get("host", "").split(".")[0], container=container, path=inner)
        return await Call(blobs, request, place).answer(await request.body())

    web.hosts["dfs.core.windows.net"] = handle


class Call:
    def __init__(self, blobs: Blobs, request: Request, place: Place) -> None:
        self._blobs, self._request, self._place = blobs, request, place
        self._query = {key.lower(): value for key, value in request.query_params.items()}

    async def answer(self, body: bytes) -> Response:
        method, query, place = self._request.method, self._query, self._place
        if not place.path:
            return await self._file_system(method)
        if query.get("action") in ("setAccessControl", "setAccessControlRecursive"):
            raise AzureError(400, "UnsupportedOperation", "Access control lists are not offered by this sandbox.")
        if method == "PUT":
            return await (self._rename() if "x-ms-rename-source" in self._request.headers else self._create())
        if method == "PATCH":
            return await self._write(query.get("action", ""), int(query.get("position", 0)), body)
        if method == "DELETE":
            return await self._delete()
        return _passed(await self._send(method, place, headers=_only(self._request, "range", "x-ms-range")), OPEN)

    async def _file_system(self, method: str) -> Response:
        if method == "GET" and self._place.container:
            return JSONResponse({"paths": await self._paths()})
        if not self._place.container:
            message = "This sandbox lists file systems at the blob host only, as the SDK does."
            raise AzureError(400, "UnsupportedOperation", message)
        return _passed(await self._send(method, self._place, query={"restype": "container"}))

    async def _create(self) -> Response:
        folder = FOLDER if self._query.get("resource") == "directory" else {}
        headers = {"x-ms-blob-type": "BlockBlob", **folder, **_only(self._request, "if-none-match")}
        return _passed(await self._send("PUT", self._place, headers=headers))

    async def _write(self, action: str, position: int, body: bytes) -> Response:
        """append: a block named by its position; flush: the blocks in the order of their positions."""
        if action == "append":
            name = base64.b64encode(b"%020d" % position).decode()
            await self._send("PUT", self._place, query={"comp": "block", "blockid": name}, content=body)
            if self._query.get("flush") != "true":
                return Response(status_code=202)
        listed = await self._send("GET", self._place, query={"comp": "blocklist", "blocklisttype": "all"})
        names = sorted({name.text or "" for name in ElementTree.fromstring(listed.content).iter("Name")})  # noqa: S314
        content = "".join(f"<Latest>{name}</Latest>" for name in names)
        body = f"<?xml version='1.0' encoding='utf-8'?><BlockList>{content}</BlockList>".encode()
        answer = await self._send("PUT", self._place, query={"comp": "blocklist"}, content=body)
        return Response(status_code=200, headers={key: value for key, value in answer.headers.items() if key in KEPT})

    async def _rename(self) -> Response:
        origin = unquote(urlsplit(self._request.headers["x-ms-rename-source"]).path).strip("/")
        container, _, path = origin.partition("/")
        source = Place(account=self._place.account, container=container, path=path)
        for name in await self._at(source):
            old = Place(account=source.account, container=container, path=name)
            moved = self._place.path + name[len(path) :]
            new = Place(account=source.account, container=self._place.container, path=moved)
            content = await self._send("GET", old)
            metadata = {key: value for key, value in content.headers.items() if key.startswith("x-ms-meta-")}
            await self._send("PUT", new, headers={"x-ms-blob-type": "BlockBlob", **metadata}, content=content.content)
            await self._send("DELETE", old)
        return Response(status_code=201)

    async def _delete(self) -> Response:
        names = await self._at(self._place)
        if names != [self._place.path] and self._query.get("recursive", "false").lower() != "true":
            raise AzureError(409, "DirectoryNotEmpty", "The recursive query parameter value must be true to delete it.")
        for name in reversed(names):
            place = Place(account=self._place.account, container=self._place.container, path=name)
            await self._send("DELETE", place)
        return Response(status_code=200)

    async def _paths(self) -> list[dict[str, Any]]:
        """Every file, and every folder that is marked or implied by a name."""
        directory = self._query.get("directory", "").strip("/")
        start = f"{directory}/" if directory else ""
        container = Place(account=self._place.account, container=self._place.container)
        found: dict[str, dict[str, Any]] = {}
        for blob in await self._blobs_at(container, start):
            name = blob.findtext("Name") or ""
            parts = name[len(start) :].split("/")
            implied = [start + "/".join(parts[:n]) for n in range(1, len(parts))]
            for folder in [*implied, *([name] if blob.findtext("./Metadata/hdi_isfolder") == "true" else [])]:
                found[folder] = {"name": folder, "isDirectory": "true", "contentLength": "0"}
            size, changed = blob.findtext("./Properties/Content-Length"), blob.findtext("./Properties/Last-Modified")
            found.setdefault(name, {"name": name, "contentLength": size})
            for one in {*implied, name}:
                found[one] = {"lastModified": changed, "etag": blob.findtext("./Properties/Etag")} | found[one]
        if directory and not found and not await self._at(container.below(directory)):
            raise AzureError(404, "PathNotFound", "The specified path does not exist.")
        deep = self._query.get("recursive", "false").lower() == "true"
        return [found[name] for name in sorted(found) if deep or "/" not in name[len(start) :]]

    async def _at(self, place: Place) -> list[str]:
        """The blob at a path and all below it."""
        names = [blob.findtext("Name") or "" for blob in await self._blobs_at(place, place.path)]
        kept = [name for name in names if name == place.path or name.startswith(place.path + "/")]
        if not kept:
            raise AzureError(404, "PathNotFound", "The specified path does not exist.")
        return kept

    async def _blobs_at(self, place: Place, prefix: str) -> list[ElementTree.Element]:
        start = Place(account=place.account, container=place.container, path=prefix)
        return [blob async for blob in listed(self._send, start)]

    async def _send(self, method: str, place: Place, **more: Any) -> httpx.Response:
        authorization = self._request.headers.get("authorization", "")
        answer = await self._blobs.forward(authorization, method, place, **more)
        if answer.status_code >= 400:
            found = str(answer.headers.get("x-ms-error-code", "InternalError"))
            code = {"BlobNotFound": "PathNotFound", "BlobAlreadyExists": "PathAlreadyExists"}.get(found, found)
            told = {name: value for name, value in answer.headers.items() if name == "www-authenticate"}
            raise AzureError(answer.status_code, code, f"The request was refused by the blob service: {code}.", told)
        return answer


def _only(request: Request, *names: str) -> dict[str, str]:
    return {name: request.headers[name] for name in names if name in request.headers}


def _passed(answer: httpx.Response, more: dict[str, str] | None = None) -> Response:
    headers = {key: value for key, value in answer.headers.items() if key in KEPT} | (more or {})
    folder = answer.headers.get("x-ms-meta-hdi_isfolder") == "true"
    headers["x-ms-resource-type"] = "directory" if folder else "file"
    if answer.request.method != "HEAD":
        headers.pop("content-length", None)
    return Response(answer.content, answer.status_code, headers)
