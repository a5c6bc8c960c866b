"""The sandbox's own interface, plain HTTP on loopback: health, the clock, who is who, and what is going on."""

import asyncio
import hmac
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from azure_sandbox import inside
from azure_sandbox.access import ASSIGNMENTS
from azure_sandbox.context import Sandbox

Endpoint = Callable[[Request], Awaitable[Response]]


def application(sandbox: Sandbox, key: str) -> Starlette:
    """`key`: the secret of the state folder that `/identity` asks for; the rest is open to this machine."""
    control = Control(sandbox, key)
    routes = [
        Route("/health", control.health),
        Route("/clock", control.show_clock, methods=["GET"]),
        Route("/clock", control.move_clock, methods=["POST"]),
        Route("/identity", control.identity, methods=["POST"]),
        Route("/status", control.show_status),
        Route("/", control.show_page),
        Route("/requests/{id}", control.show_request),
        Route("/faults", control.show_faults, methods=["GET"]),
        Route("/faults", control.set_faults, methods=["POST"]),
        Route("/msi/token", sandbox.tokens.identity_endpoint),
    ]
    return Starlette(routes=routes)


class Control:
    def __init__(self, sandbox: Sandbox, key: str) -> None:
        self._sandbox, self._key = sandbox, key

    async def health(self, _: Request) -> Response:
        return JSONResponse({"ok": True})

    async def show_clock(self, _: Request) -> Response:
        return JSONResponse(self._clock())

    async def move_clock(self, request: Request) -> Response:
        """`{"advance": seconds}`, `{"to": iso}` or `{"speed": x}`; answers when every service has seen the new time."""
        clock, body = self._sandbox.clock, await request.json()
        try:
            if "speed" in body:
                clock.set_speed(float(body["speed"]))
            if "advance" in body:
                await asyncio.shield(clock.advance(timedelta(seconds=float(body["advance"]))))
            if "to" in body:
                await asyncio.shield(clock.to(_moment(body["to"])))
        except (ValueError, TypeError) as error:
            return JSONResponse({"error": str(error)}, 400)
        return JSONResponse(self._clock())

    async def identity(self, request: Request) -> Response:
        """`{"as": name | object id | client id | resource id | user:NAME}` → what it takes to be that principal."""
        if not hmac.compare_digest(request.headers.get("x-sandbox-key", ""), self._key):
            return JSONResponse({"error": "the key of the state folder is missing"}, 403)
        directory, wanted = self._sandbox.directory, (await request.json()).get("as") or "deployer"
        found = directory.find(wanted)
        if found is None:
            known = ", ".join(sorted({p.name for p in directory.principals()}))
            return JSONResponse({"error": f"nobody is called '{wanted}'; there is: {known}, or user:NAME"}, 404)
        answer = {
            "name": found.name,
            "objectId": found.object_id,
            "clientId": found.client_id,
            "header": self._sandbox.tokens.identity_header(found),
            "clientSecret": self._sandbox.tokens.secret_of(found),
            "subscription": directory.subscription_id,
            "tenant": directory.tenant_id,
        }
        return JSONResponse(answer)

    async def show_status(self, _: Request) -> Response:
        sandbox = self._sandbox
        kinds = Counter(resource["type"] for resource in sandbox.store.resources())
        answer: dict[str, Any] = {
            "clock": self._clock(),
            "resources": dict(sorted(kinds.items())),
            "roleAssignments": len(sandbox.store.resources(kind=ASSIGNMENTS)),
            "refusals": self._refusals(),
        }
        return JSONResponse(answer | {name: read() for name, read in sandbox.status.items()})

    async def show_page(self, request: Request) -> Response:
        return HTMLResponse(inside.page(self._sandbox, refused="refused" in request.query_params))

    async def show_request(self, request: Request) -> Response:
        """The entry of the request log under an id that Azure's answer carried (x-ms-request-id)."""
        found = inside.found(self._sandbox, request.path_params["id"])
        if found is None:
            return JSONResponse({"error": f"no request '{request.path_params['id']}' is in the log"}, 404)
        return JSONResponse(found)

    async def show_faults(self, _: Request) -> Response:
        return JSONResponse(asdict(self._sandbox.faults.plan))

    async def set_faults(self, request: Request) -> Response:
        """The fields of a `faults.Plan`; `{}` ends all faults."""
        try:
            self._sandbox.faults.set(await request.json())
        except (ValueError, TypeError) as error:
            return JSONResponse({"error": str(error)}, 400)
        return await self.show_faults(request)

    def _refusals(self) -> list[dict[str, Any]]:
        """The newest ten; that something is not there (yet) is an answer, no refusal."""
        shown: list[dict[str, Any]] = []
        for entry in self._sandbox.store.requests(refused=True):
            if (entry["status"], entry["method"]) not in ((404, "GET"), (404, "HEAD")) and len(shown) < 10:
                shown.append(inside.named(self._sandbox, entry))
        return shown

    def _clock(self) -> dict[str, Any]:
        return {"now": self._sandbox.clock.now().isoformat(), "speed": self._sandbox.clock.speed}


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        message = f"'{text}' names no time zone; write it as 2026-01-31T12:00:00Z"
        raise ValueError(message)
    return moment
