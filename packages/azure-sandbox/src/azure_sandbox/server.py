"""The one process of a sandbox. `python -m azure_sandbox.server --state DIR` serves until it is told to end."""

import argparse
import asyncio
import contextlib
import fcntl
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import uvicorn
import uvloop

from azure_sandbox import control
from azure_sandbox.access import Access
from azure_sandbox.certificates import Certificates, secret
from azure_sandbox.clock import Clock
from azure_sandbox.context import Sandbox
from azure_sandbox.directory import Directory
from azure_sandbox.errors import AzureError
from azure_sandbox.faults import Faults
from azure_sandbox.processes import free_port
from azure_sandbox.proxy import Proxy
from azure_sandbox.resource_manager import ResourceManager
from azure_sandbox.services import Hooks, install
from azure_sandbox.store import Store
from azure_sandbox.tokens import Tokens
from azure_sandbox.web import Web

LISTENERS = ("proxy", "web", "blob", "control")


def build(state: Path, *, clock: str | None = None, speed: float | None = None) -> tuple[Sandbox, Certificates]:
    """Everything but the listeners. `clock` and `speed` hold for a sandbox that is new."""
    store = Store(state / "sandbox.db")
    if store.value("clock") is None and (clock or speed is not None):
        now = clock or datetime.now().astimezone().isoformat()
        store.set_value(
            "clock", {"now": datetime.fromisoformat(now).isoformat(), "speed": 1.0 if speed is None else speed}
        )
    ticking = Clock(store)
    directory = Directory(store)
    access = Access(store, ticking, directory)
    faults = Faults(store)
    certificates = Certificates(state / "certificates")
    sandbox = Sandbox(
        state=state,
        store=store,
        clock=ticking,
        directory=directory,
        access=access,
        manager=ResourceManager(store, ticking, directory, access, slow=faults.slow),
        tokens=Tokens(state / "keys", store, directory),
        faults=faults,
        certificates=certificates,
    )
    return sandbox, certificates


async def serve(sandbox: Sandbox, certificates: Certificates, key: str) -> None:
    """Listens, says so in `server.json`, and serves until SIGTERM or SIGINT."""
    web = Web(sandbox)
    hooks = Hooks(sandbox=sandbox, web=web)
    services = install(hooks)
    sandbox.ports = _ports(sandbox.state)
    doors = {name: sandbox.ports[name] for name in ("web", *hooks.doors)}
    proxy = Proxy(doors, _recorder(sandbox))
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with contextlib.AsyncExitStack() as stack:
        context = certificates.server_context()
        await stack.enter_async_context(_application(web.app, sandbox.ports["web"], context))
        await stack.enter_async_context(_application(control.application(sandbox, key), sandbox.ports["control"]))
        listeners = [(handle, name, context) for name, handle in hooks.doors.items()]
        for handle, name, tls in (*listeners, (proxy.handle, "proxy", None)):
            port = sandbox.ports[name]
            listener = await asyncio.start_server(handle, "127.0.0.1", port, ssl=tls, limit=1 << 20, backlog=512)
            stack.callback(listener.close)
        sandbox.clock.start()
        for service in services:
            service.start()
        _announce(sandbox)
        watch = asyncio.create_task(_watch(sandbox.state, stopped))
        await stopped.wait()
        watch.cancel()
        for service in reversed(services):
            await service.close()
        await sandbox.clock.stop()
    sandbox.store.close()
    (sandbox.state / "server.json").unlink(missing_ok=True)


@contextlib.asynccontextmanager
async def _application(app: Any, port: int, context: Any = None) -> AsyncIterator[None]:
    config = uvicorn.Config(
        app, log_level="warning", lifespan="off", access_log=False, server_header=False, timeout_graceful_shutdown=1
    )
    config.load()
    config.ssl = context
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign]  # signals are handled above
    listener = socket.create_server(("127.0.0.1", port), backlog=512)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not task.done():
        await asyncio.sleep(0.005)
    try:
        yield
    finally:
        server.should_exit = True
        await task
        listener.close()


async def _watch(state: Path, stopped: asyncio.Event) -> None:
    """A process whose state folder was removed by hand must not stay behind."""
    while (state / "lock").exists():
        await asyncio.sleep(1)
    stopped.set()


def _ports(state: Path) -> dict[str, int]:
    """The ports of the last start as far as they are free: children of an earlier life still find the sandbox."""
    note = state / "ports.json"
    before = json.loads(note.read_text()) if note.exists() else {}
    ports: dict[str, int] = {}
    for name in LISTENERS:
        port = free_port(before.get(name, 0))
        ports[name] = port if port not in ports.values() else free_port()
    note.write_text(json.dumps(ports))
    return ports


def _announce(sandbox: Sandbox) -> None:
    note = sandbox.state / "server.json"
    temporary = note.with_suffix(".new")
    temporary.write_text(json.dumps({"pid": os.getpid()} | sandbox.ports))
    temporary.replace(note)


def _recorder(sandbox: Sandbox) -> Any:
    def refused(method: str, target: str, message: str) -> None:
        sandbox.note(AzureError(403, "HostNotAllowed", message), method=method, host=target, path="")

    return refused


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--clock")
    parser.add_argument("--speed", type=float)
    options = parser.parse_args()
    state: Path = options.state.resolve()
    state.mkdir(parents=True, exist_ok=True)
    with open(state / "lock", "w") as lock:  # held while this process lives, whatever ends it
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            sys.exit(f"another process serves the sandbox in {state}")
        sandbox, certificates = build(state, clock=options.clock, speed=options.speed)
        uvloop.run(serve(sandbox, certificates, secret(state / "keys" / "control")))


if __name__ == "__main__":
    main()
