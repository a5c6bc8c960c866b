"""What the activities of Data Factory do to the sandbox's world: each as an identity of the factory, through the doors.

Errors have the codes of learn.microsoft.com/azure/data-factory/data-factory-troubleshoot-guide.
"""

import asyncio
import contextlib
import functools
import json
import ssl
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import httpx
from azure_sandbox.context import Sandbox
from azure_sandbox.errors import AzureError
from azure_sandbox.proxy import door_of
from azure_sandbox_storage.blobs import Blobs, Place
from factory_engine import ActivityError, CopyRequest, DeleteRequest, MetadataRequest, ScriptRequest, WebRequest
from factory_engine.outputs import delete_output, metadata_output, script_output, web_output
from sql_engine import SqlError

from azure_sandbox_conducting.factory_clock import FactoryClock
from azure_sandbox_conducting.factory_copy import Copying
from azure_sandbox_conducting.factory_files import chosen
from azure_sandbox_conducting.factory_stores import Files, Stores, refusal, sql_error, storage_error
from azure_sandbox_conducting.sql import Sql

METADATA = ("exists", "itemName", "itemType", "size", "childItems")
Output = dict[str, Any]


class FactoryWorld:
    """The world of one factory, of this resource id."""

    def __init__(self, sandbox: Sandbox, blobs: Blobs, sql: Sql, clock: FactoryClock, factory: str) -> None:
        self._sandbox, self._blobs, self._sql, self._clock = sandbox, blobs, sql, clock
        self._stores = Stores(sandbox, sql, factory)
        self._copying = Copying(sandbox, blobs, sql, self._stores)

    async def copy(self, request: CopyRequest) -> Output:
        with self._clock.real():
            return await self._copying.copy(request)

    # Web

    async def web(self, request: WebRequest) -> Output:
        with self._clock.real():
            response = await self._follow(request, await self._send(request, request.method, request.url, request.body))
        return web_output(request.url, response.status_code, response.headers, response.content)

    async def _follow(self, request: WebRequest, response: httpx.Response) -> httpx.Response:
        """A 202 with a Location is asked there until it is none: control-flow-web-activity, turnOffAsync."""
        ask = 0
        while response.status_code == 202 and "location" in response.headers and not request.turn_off_async:
            await asyncio.sleep(min(0.05 * 2**ask, 1))
            ask += 1
            if ask > 600:
                raise ActivityError("2108", f"Error calling the endpoint '{request.url}': it never ended.")
            response = await self._send(request, "GET", response.headers["location"], None)
        return response

    async def _send(self, request: WebRequest, method: str, url: str, body: Any) -> httpx.Response:
        parts = urlsplit(url)
        door = door_of(parts.hostname or "") if parts.scheme == "https" and parts.port in (None, 443) else None
        if door is None:
            text = f"Error calling the endpoint '{url}'. azure-sandbox: it is no Azure host that this sandbox serves; "
            raise ActivityError("2108", f"{text}nothing is forwarded")
        headers = {"host": parts.hostname or "", **request.headers}
        token = self._token(request)
        headers |= {"authorization": token} if token else {}
        content = body.encode() if isinstance(body, str) else None if body is None else json.dumps(body).encode()
        if content and not any(name.lower() == "content-type" for name in headers):
            headers["content-type"] = "application/json"
        there = f"https://127.0.0.1:{self._sandbox.ports[door]}{parts.path or '/'}"
        context = _trusted(str(self._sandbox.state / "certificates" / "bundle.pem"))
        async with httpx.AsyncClient(verify=context, trust_env=False, timeout=request.timeout) as client:
            try:
                return await client.request(
                    method,
                    f"{there}?{parts.query}" if parts.query else there,
                    headers=headers,
                    content=content,
                    extensions={"sni_hostname": parts.hostname or ""},
                )
            except httpx.HTTPError as error:
                text = f"Error calling the endpoint '{url}'. {type(error).__name__}: {error}"
                raise ActivityError("2108", text, "SystemError") from None

    def _token(self, request: WebRequest) -> str:
        given = request.authentication
        if not given:
            return ""
        kind = str(given.get("type"))
        if kind not in ("MSI", "UserAssignedManagedIdentity"):
            raise refusal(f"the authentication type '{kind}' of a Web activity")
        if not given.get("resource"):
            raise ActivityError("2105", "The authentication of the Web activity needs the property 'resource'.")
        who = self._stores.identity(given.get("credential"))
        return self._sandbox.tokens.bearer(who, str(given["resource"]).rstrip("/"))

    # SQL

    async def script(self, request: ScriptRequest) -> Output:
        sets: list[list[Output]] = []
        affected = 0
        with self._clock.real(), _sql():
            who, target = self._stores.database(request.linked_service)
            for script in request.scripts:
                given = script.get("parameters") or ()
                if any(each.get("direction", "Input") != "Input" for each in given):
                    raise refusal("output parameters of a Script activity")
                values = {str(each["name"]).lstrip("@"): each.get("value") for each in given}
                found = await self._sql.execute(who, target, str(script["text"]), values)
                affected += sum(result.affected or 0 for result in found)
                if script.get("type", "Query") == "Query":
                    sets += [[shown(row) for row in result.dicts()] for result in found if result.columns]
        return script_output(sets, records_affected=affected)

    # Files

    async def get_metadata(self, request: MetadataRequest) -> Output:
        unknown = [name for name in request.fields if name not in METADATA]
        if unknown:
            raise refusal(f"the field '{unknown[0]}' of Get Metadata ({', '.join(METADATA)} are)")
        files = self._stores.files(request.dataset)
        with self._clock.real(), _storage(files):
            listed = [(n, size) async for n, size in self._blobs.list(files.who, files.place) if _within(n, files)]
        return metadata_output(request.fields, self._described(files, listed))

    def _described(self, files: Files, listed: list[tuple[str, int]]) -> Output | None:
        if not listed:
            return None
        name = (files.name or files.folder.path.rpartition("/")[2]) or files.folder.container
        found: Output = {"itemName": name}
        if files.name:
            return found | {"itemType": "File", "size": listed[0][1]}
        start = len(files.folder.path) + 1 if files.folder.path else 0
        inside = [blob[start:].partition("/") for blob, _ in listed]
        children = {head: "Folder" if slash else "File" for head, slash, _ in sorted(inside)}
        items = [{"name": head, "type": kind} for head, kind in children.items()]
        return found | {"itemType": "Folder", "childItems": items}

    async def delete(self, request: DeleteRequest) -> Output:
        files, count = self._stores.files(request.dataset), 0
        with self._clock.real(), _storage(files):
            settings = {"recursive": request.recursive, **request.store_settings}
            for name, _, _ in await chosen(self._blobs, files, settings):
                await self._blobs.delete(files.who, _at(files, name))
                count += 1
        return delete_output(request.dataset.name, files_deleted=count, recursive=request.recursive)


@functools.cache
def _trusted(bundle: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=bundle)


def _at(files: Files, path: str) -> Place:
    return Place(account=files.folder.account, container=files.folder.container, path=path)


def _within(name: str, files: Files) -> bool:
    return name == files.place.path if files.name else name.startswith(f"{files.folder.path}/".lstrip("/"))


@contextlib.contextmanager
def _sql() -> Iterator[None]:
    try:
        yield
    except SqlError as error:
        raise sql_error(error, copying=False) from None


@contextlib.contextmanager
def _storage(files: Files) -> Iterator[None]:
    try:
        yield
    except AzureError as error:
        raise storage_error(error, files) from None


def shown(row: Output) -> Output:
    """A row as JSON: moments as text, decimals as numbers."""
    return {name: _value(value) for name, value in row.items()}


def _value(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    return value.hex() if isinstance(value, bytes) else value
