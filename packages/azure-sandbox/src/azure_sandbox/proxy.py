"""The CONNECT proxy that brings Azure's host names to this process. What is not Azure's is refused, never forwarded."""

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Callable

EXACT = frozenset({"management.azure.com", "login.microsoftonline.com"})
WEB = (".servicebus.windows.net", ".dfs.core.windows.net", ".inference.ml.azure.com", ".api.azureml.ms")
BLOB = ".blob.core.windows.net"
CHUNK = 1 << 18
QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)  # Linux only


def door_of(host: str) -> str | None:
    """Which listener serves a host name: `blob`, `web`, or None for what is not served."""
    host = host.lower().rstrip(".")
    if host.endswith(BLOB) and host.count(".") == BLOB.count("."):
        return "blob"
    return "web" if host in EXACT or host.endswith(WEB) else None


class Proxy:
    """`ports`: the loopback port of each door. `refused(method, target, message)` is told about every refusal."""

    def __init__(self, ports: dict[str, int], refused: Callable[[str, str, str], None]) -> None:
        self._ports, self._refused = ports, refused

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ssl.SSLError):
            head = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n", 1)[0].decode("latin-1").split()
            method, target = [*head, "", ""][:2]
            host, _, port = target.rpartition(":")
            door = door_of(host) if method == "CONNECT" and port == "443" else None
            if door not in self._ports:
                await self._refuse(writer, method, target)
            else:
                await self._tunnel(reader, writer, self._ports[door])
        writer.close()

    async def _refuse(self, writer: asyncio.StreamWriter, method: str, target: str) -> None:
        message = (
            f"azure-sandbox: {target} is not an Azure host that this sandbox serves; nothing is forwarded"
            if method == "CONNECT"
            else f"azure-sandbox: {method} {target} is plain HTTP; Azure is reached over HTTPS and nothing is forwarded"
        )
        self._refused(method, target, message)
        body = message.encode() + b"\n"
        writer.write(
            f"HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
            "Connection: close\r\n\r\n".encode()
            + body
        )
        await writer.drain()

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with _duplicate(writer) as client:
            await asyncio.gather(pipe(reader, there_writer, client), pipe(there_reader, writer))


async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, hasty: socket.socket | None = None) -> None:
    """Copies bytes until one end closes, then closes the other. What comes from `hasty` is acknowledged at once:
    urllib3 sends head and body apart and, to a proxy, waits for an acknowledgement between them (40 ms if delayed)."""
    try:
        while data := await reader.read(CHUNK):
            if hasty is not None and QUICKACK is not None:
                hasty.setsockopt(socket.IPPROTO_TCP, QUICKACK, 1)
            writer.write(data)
            await writer.drain()
    except (ConnectionError, ssl.SSLError):
        pass
    finally:
        writer.close()


def _duplicate(writer: asyncio.StreamWriter) -> socket.socket:
    """A socket object of our own for the connection: the event loop's takes no options."""
    return socket.socket(fileno=os.dup(writer.get_extra_info("socket").fileno()))
