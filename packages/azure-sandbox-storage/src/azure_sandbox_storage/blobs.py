"""The blob client of the sandbox's own services: through the door like everybody's, as the principal it is given."""

import asyncio
import base64
import contextlib
import functools
import hashlib
import hmac
import ssl
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import httpx
from azure_sandbox.context import Sandbox
from azure_sandbox.directory import Principal
from azure_sandbox.errors import AzureError

from azure_sandbox_storage.azurite import Azurite
from azure_sandbox_storage.blob_access import AUDIENCE

VERSION = "2021-12-02"
HOST = ".blob.core.windows.net"
TRIES, AGAIN = 6, (429, 500, 503)


@dataclass(frozen=True, kw_only=True)
class Place:
    """A path in a container; `path` without a slash at its ends, '' for the container itself."""

    account: str
    container: str
    path: str = ""

    @property
    def url(self) -> str:
        return f"https://{self.account}{HOST}/{'/'.join(filter(None, (self.container, quote(self.path))))}"

    def below(self, name: str) -> "Place":
        return Place(account=self.account, container=self.container, path="/".join(filter(None, (self.path, name))))


def place_of(url: str) -> Place:
    """The place behind a blob or dfs URL, https or abfss."""
    parts = urlsplit(url)
    if parts.scheme == "abfss":
        account = (parts.hostname or "").split(".")[0]
        return Place(account=account, container=parts.username or "", path=parts.path.strip("/"))
    container, _, path = parts.path.lstrip("/").partition("/")
    if not (parts.hostname or "").endswith((HOST, HOST.replace("blob", "dfs"))):
        raise AzureError(400, "InvalidUri", f"'{url}' is no URL of a blob.")
    return Place(account=(parts.hostname or "").split(".")[0], container=container, path=path.strip("/"))


class Blobs:
    """Every method raises AzureError as the blob service answered."""

    def __init__(self, sandbox: Sandbox, azurite: Azurite) -> None:
        self._sandbox, self.azurite = sandbox, azurite
        bundle = str(sandbox.state / "certificates" / "bundle.pem")
        self._client = httpx.AsyncClient(verify=ssl.create_default_context(cafile=bundle), trust_env=False, timeout=60)
        self._direct = httpx.AsyncClient(verify=False, trust_env=False, timeout=60)  # noqa: S501  loopback only
        self._tokens: dict[str, tuple[float, str]] = {}

    async def put(self, who: Principal, place: Place, content: bytes) -> None:
        await self._send(who, "PUT", place, headers={"x-ms-blob-type": "BlockBlob"}, content=content)

    async def get(self, who: Principal, place: Place) -> bytes:
        return (await self._send(who, "GET", place)).content

    async def delete(self, who: Principal, place: Place) -> None:
        await self._send(who, "DELETE", place)

    async def download(self, who: Principal, place: Place, target: Path) -> None:
        """Streams into `target`, which appears under its name when it is whole."""
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(target.name + ".part")
        request = self._request(who, "GET", place)
        response = await self._answer(request, stream=True)
        try:
            if response.status_code >= 400:
                await response.aread()
                raise _error(response)
            with open(partial, "wb") as file:
                async for data in response.aiter_bytes(1 << 20):
                    file.write(data)
        finally:
            await response.aclose()
        partial.replace(target)

    async def upload(self, who: Principal, place: Place, source: Path) -> None:
        await self._send(who, "PUT", place, headers={"x-ms-blob-type": "BlockBlob"}, content=source.read_bytes())

    async def list(self, who: Principal, place: Place) -> AsyncIterator[tuple[str, int]]:
        """(path, size) of each blob whose path starts with the place's; markers of folders are left out."""
        async for blob in listed(functools.partial(self._send, who), place):
            if (blob.findtext("./Metadata/hdi_isfolder") or "").lower() != "true":
                yield blob.findtext("Name") or "", int(blob.findtext("./Properties/Content-Length") or 0)

    async def link(self, who: Principal, place: Place, permissions: str, days: float = 1) -> str:
        """A URL with a user delegation SAS of this principal: it can do no more than the principal may.

        Source: https://learn.microsoft.com/rest/api/storageservices/create-user-delegation-sas
        """
        start, end = datetime.now(UTC) - timedelta(minutes=15), datetime.now(UTC) + timedelta(days=days)
        signed = {"st": start.strftime("%Y-%m-%dT%H:%M:%SZ"), "se": end.strftime("%Y-%m-%dT%H:%M:%SZ")}
        key = await self._delegation_key(who, place.account, signed)
        query = {
            "sp": permissions, **signed, "skoid": key["SignedOid"], "sktid": key["SignedTid"],
            "skt": key["SignedStart"], "ske": key["SignedExpiry"], "sks": key["SignedService"],
            "skv": key["SignedVersion"], "spr": "https", "sv": VERSION, "sr": "b" if place.path else "c",
        }  # fmt: skip
        resource = "/".join(filter(None, (f"/blob/{place.account}", place.container, place.path)))
        ordered = (
            "sp", "st", "se", "=", "skoid", "sktid", "skt", "ske", "sks", "skv", "saoid", "suoid", "scid", "sip", "spr",
            "sv", "sr", "snapshot", "ses", "rscc", "rscd", "rsce", "rscl", "rsct",
        )  # fmt: skip
        text = "\n".join(resource if name == "=" else query.get(name, "") for name in ordered)
        digest = hmac.new(base64.b64decode(key["Value"]), text.encode(), hashlib.sha256).digest()
        return f"{place.url}?{urlencode(query | {'sig': base64.b64encode(digest).decode()})}"

    async def _delegation_key(self, who: Principal, account: str, signed: Mapping[str, str]) -> dict[str, str]:
        body = f"<KeyInfo><Start>{signed['st']}</Start><Expiry>{signed['se']}</Expiry></KeyInfo>"
        query = {"restype": "service", "comp": "userdelegationkey"}
        service = Place(account=account, container="")
        answer = await self._send(who, "POST", service, query=query, content=body.encode())
        return {element.tag: element.text or "" for element in ElementTree.fromstring(answer.content)}  # noqa: S314

    async def forward(self, authorization: str, method: str, place: Place, **more: Any) -> httpx.Response:
        """A request of somebody else's, with the header that says who; the answer as it came, refusals included."""
        headers = {"authorization": authorization, **more.pop("headers", {})}
        request = self._request(self._sandbox.directory.deployer, method, place, headers=headers, **more)
        return await self._answer(request)

    # Behind the door, for what Resource Manager does itself

    async def make_container(self, account: str, container: str) -> None:
        await self._behind("PUT", account, f"/{container}?restype=container", {409})

    async def remove_container(self, account: str, container: str) -> None:
        await self._behind("DELETE", account, f"/{container}?restype=container", {404})

    async def containers(self, account: str) -> "list[str]":
        answer = await self._behind("GET", account, "/?comp=list", set())
        listed = ElementTree.fromstring(answer.content)  # noqa: S314
        return [name.text or "" for name in listed.iterfind("./Containers/Container/Name")]

    async def _behind(self, method: str, account: str, target: str, expected: set[int]) -> httpx.Response:
        port = await self.azurite.ready()
        headers = self._headers(self._sandbox.directory.deployer, account)
        response = await self._direct.request(method, f"https://127.0.0.1:{port}{target}", headers=headers)
        if response.status_code >= 400 and response.status_code not in expected:
            raise _error(response)
        return response

    async def _send(self, who: Principal, method: str, place: Place, **more: Any) -> httpx.Response:
        response = await self._answer(self._request(who, method, place, **more))
        if response.status_code >= 400:
            raise _error(response)
        return response

    async def _answer(self, request: httpx.Request, *, stream: bool = False) -> httpx.Response:
        """What Azure's services do among themselves: a busy, failing or cut answer is asked for again."""
        for attempt in range(TRIES):
            last = attempt == TRIES - 1
            with contextlib.suppress(*(() if last else (httpx.TransportError,))):
                response = await self._client.send(request, stream=stream)
                if last or response.status_code not in AGAIN:
                    return response
                await response.aclose()
            await asyncio.sleep(0.1 * 2**attempt)
        raise AssertionError

    def _request(
        self, who: Principal, method: str, place: Place, *, query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None, content: bytes | None = None,
    ) -> httpx.Request:  # fmt: skip
        path = "/".join(filter(None, (place.container, quote(place.path))))
        return self._client.build_request(
            method,
            f"https://127.0.0.1:{self._sandbox.ports['blob']}/{path}",
            params=query,
            headers=self._headers(who, place.account) | dict(headers or {}),
            content=content if content is not None or method in ("GET", "DELETE") else b"",
            extensions={"sni_hostname": place.account + HOST},
        )

    def _headers(self, who: Principal, account: str) -> dict[str, str]:
        end, token = self._tokens.get(who.object_id, (0.0, ""))
        if end < time.time():
            token = self._sandbox.tokens.bearer(who, AUDIENCE)
            self._tokens[who.object_id] = (time.time() + 1800, token)
        return {"host": account + HOST, "authorization": token, "x-ms-version": VERSION}


async def listed(send: Callable[..., Awaitable[httpx.Response]], place: Place) -> AsyncIterator[ElementTree.Element]:
    """The entry of each blob whose path starts with the place's; `send`: (method, place, query=…)."""
    query = {"restype": "container", "comp": "list", "include": "metadata", "prefix": place.path}
    container, more = Place(account=place.account, container=place.container), {}
    while more is not None:
        answer = ElementTree.fromstring((await send("GET", container, query=query | more)).content)  # noqa: S314
        for blob in answer.iterfind("./Blobs/Blob"):
            yield blob
        marker = answer.findtext("NextMarker")
        more = {"marker": marker} if marker else None


def _error(response: httpx.Response) -> AzureError:
    text = response.content.decode("utf-8-sig", errors="replace")
    try:
        parsed = ElementTree.fromstring(text)  # noqa: S314
        code, message = parsed.findtext("Code"), (parsed.findtext("Message") or "").split("\n")[0]
    except ElementTree.ParseError:
        code, message = response.headers.get("x-ms-error-code"), text[:300] or response.reason_phrase
    return AzureError(response.status_code, code or "StorageError", message)
