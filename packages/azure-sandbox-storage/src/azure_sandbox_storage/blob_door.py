"""The door in front of Azurite: each request is judged on its own, then passed on as it came.

One client connection is one connection to Azurite. Request heads are parsed; bodies and answers are only passed on,
since HTTP/1.1 clients do not pipeline.
"""

import asyncio
import contextlib
import ssl
import uuid
from collections.abc import AsyncIterator
from xml.sax.saxutils import escape

from azure_sandbox.context import Sandbox
from azure_sandbox.errors import AzureError
from azure_sandbox.proxy import CHUNK, pipe

from azure_sandbox_storage.azurite import Azurite
from azure_sandbox_storage.blob_access import BlobAccess, Call

LOOPBACK = ssl.create_default_context()
LOOPBACK.check_hostname = False  # Azurite listens on loopback with a certificate of this sandbox
LOOPBACK.verify_mode = ssl.CERT_NONE


class BlobDoor:
    def __init__(self, sandbox: Sandbox, azurite: Azurite) -> None:
        self._sandbox, self._azurite = sandbox, azurite
        self.access = BlobAccess(sandbox)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        azurite: asyncio.StreamWriter | None = None
        back: asyncio.Task[None] | None = None
        with contextlib.suppress(asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError, ssl.SSLError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                call = parse(head)
                fault = self._sandbox.faults.draw(call.host, call.method, call.target)
                if fault and fault.cut:  # storage's cuts come before the work: a put that is repeated does no harm
                    self._note(call, fault.error, str(uuid.uuid4()))
                    break
                refusal = fault.error if fault else self._refusal(call)
                if refusal is None and azurite is None:
                    port = await self._azurite.ready()
                    answers, azurite = await asyncio.open_connection("127.0.0.1", port, ssl=LOOPBACK, limit=1 << 20)
                    back = asyncio.create_task(pipe(answers, writer))
                if refusal is None and azurite is not None:
                    azurite.write(head)
                    async for data in _body(reader, call):
                        azurite.write(data)
                        await azurite.drain()
                elif refusal is not None:
                    await self._refuse(reader, writer, call, refusal)
        writer.close()
        if azurite is not None:
            azurite.close()
        if back is not None:
            back.cancel()

    def _refusal(self, call: Call) -> AzureError | None:
        try:
            self.access.judge(call)
        except AzureError as error:
            return error
        return None

    async def _refuse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, call: Call, error: AzureError
    ) -> None:
        """The body is read before the answer: a client that still sends would see a broken pipe and try again."""
        if "expect" not in call.headers:
            async for _ in _body(reader, call):
                pass
        request_id = str(uuid.uuid4())
        self._note(call, error, request_id)
        body = _xml(error, request_id, self._sandbox.clock.stamp())
        headers = {
            "Server": "Windows-Azure-Blob/1.0 Microsoft-HTTPAPI/2.0",
            "x-ms-error-code": error.code,
            "x-ms-request-id": request_id,
            "Content-Type": "application/xml",
            "Content-Length": str(len(body)),
            **error.headers,
        }
        lines = [f"HTTP/1.1 {error.status} {error.code}", *(f"{name}: {value}" for name, value in headers.items())]
        writer.write("\r\n".join([*lines, "", ""]).encode() + (b"" if call.method == "HEAD" else body))
        await writer.drain()

    def _note(self, call: Call, error: AzureError, request_id: str) -> None:
        who = call.query.get("skoid")
        with contextlib.suppress(AzureError):
            who = self._sandbox.tokens.principal_of(call.headers.get("authorization", ""), AnyAudience()).name
        place = {"method": call.method, "host": call.host, "path": call.target.partition("?")[0]}
        self._sandbox.note(error, who=who, request_id=request_id, **place)


class AnyAudience(frozenset[str]):
    """For the log: who it was, whatever the token was meant for."""

    def __contains__(self, _: object) -> bool:
        return True


def parse(head: bytes) -> Call:
    line, *lines = head[:-4].decode("latin-1").split("\r\n")
    method, target, _ = line.split(" ")
    headers = {}
    for text in lines:
        name, _, value = text.partition(":")
        headers[name.strip().lower()] = value.strip()
    account = headers.get("host", "").split(".")[0].lower()
    return Call(method=method, account=account, target=target, headers=headers)


async def _body(reader: asyncio.StreamReader, call: Call) -> AsyncIterator[bytes]:
    """The request's body in pieces, chunk sizes included when it comes in chunks."""
    if "chunked" in call.headers.get("transfer-encoding", "").lower():
        while True:
            size = await reader.readline()
            length = int(size.split(b";")[0], 16)
            yield size + await reader.readexactly(length + 2)
            if length == 0:
                return
    left = int(call.headers.get("content-length") or 0)
    while left:
        data = await reader.read(min(left, CHUNK))
        if not data:
            raise asyncio.IncompleteReadError(b"", left)
        left -= len(data)
        yield data


def _xml(error: AzureError, request_id: str, time: str) -> bytes:
    """As the service writes it, byte order mark included."""
    return (
        f'\ufeff<?xml version="1.0" encoding="utf-8"?><Error><Code>{error.code}</Code>'
        f"<Message>{escape(error.message)}\nRequestId:{request_id}\nTime:{time}</Message></Error>"
    ).encode()
