"""The HTTPS listener for everything but blobs: the host name decides which service answers."""

import asyncio
import json
import re
import traceback
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from azure_sandbox.context import Sandbox
from azure_sandbox.directory import Principal
from azure_sandbox.errors import AzureError
from azure_sandbox.tokens import ARM

Handler = Callable[[Request], Awaitable[Response]]
ArmHandler = Callable[[str, Any, Principal], Awaitable[Any]]
METHODS = ["GET", "PUT", "POST", "PATCH", "DELETE", "HEAD"]


class XmlError(AzureError):
    """A refusal of a service that answers in XML."""

    def __init__(self, error: AzureError, text: str) -> None:
        super().__init__(error.status, error.code, error.message, error.headers, error.details)
        self.text = text


class Web:
    """`hosts`: suffix of a host name → handler. A handler refuses by AzureError, which is shaped and logged here."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.hosts: dict[str, Handler] = {
            "management.azure.com": self._resource_manager,
            "login.microsoftonline.com": sandbox.tokens.login,
        }
        self.outside: list[
            tuple[re.Pattern[str], ArmHandler]
        ] = []  # addresses of Resource Manager that are no resources
        self.app = Starlette(routes=[Route("/{path:path}", self._answer, methods=METHODS)])

    async def _answer(self, request: Request) -> Response:
        host = request.headers.get("host", "").split(":")[0].lower()
        request_id = str(uuid.uuid4())
        handler = next((h for suffix, h in self.hosts.items() if host == suffix or host.endswith("." + suffix)), None)
        fault = self._sandbox.faults.draw(host, request.method, request.url.path)
        try:
            if handler is None:
                raise AzureError(404, "HostNotServed", f"This sandbox serves nothing at '{host}'.")
            if fault and fault.cut != "after":
                raise fault.error
            response = await handler(request)
            if fault:
                raise fault.error
        except AzureError as error:
            self._note(request, request_id, host, error)
            response = _refusal(error)
        except Exception as defect:  # of this sandbox: said, logged, and the next request is answered
            traceback.print_exc()
            message = f"azure-sandbox: {type(defect).__name__}: {defect}; see server.log in the state folder"
            error = AzureError(500, "InternalServerError", message)
            self._note(request, request_id, host, error)
            response = _refusal(error)
        response.headers.setdefault("x-ms-request-id", request_id)
        return _Cut() if fault and fault.cut else response

    def _note(self, request: Request, request_id: str, host: str, error: AzureError) -> None:
        principal = getattr(request.state, "principal", None)
        who = principal.name if principal else None
        place = {"method": request.method, "host": host, "path": request.url.path}
        self._sandbox.note(error, who=who, request_id=request_id, **place)

    async def _resource_manager(self, request: Request) -> Response:
        principal = identify(self._sandbox, request, ARM)
        body = await json_body(request)
        query = dict(request.query_params)
        path = request.url.path
        for pattern, handler in self.outside:
            if request.method == "POST" and pattern.fullmatch(path):
                answer = await handler(path, body or {}, principal)
                return Response(status_code=200) if answer is None else JSONResponse(answer)
        status, answer, headers = await self._sandbox.manager.handle(request.method, path, query, body, principal)
        if answer is None or request.method == "HEAD":
            return Response(status_code=status, headers=headers)
        return JSONResponse(answer, status, headers=headers)


class _Cut(Response):
    """No answer: the connection is closed."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        while hasattr(send, "__closure__") and send.__closure__:  # starlette's wrapper around the server's own function
            send = next(c.cell_contents for c in send.__closure__ if getattr(c.cell_contents, "__name__", "") == "send")
        send.__self__.transport.abort()  # type: ignore[attr-defined]  # ASGI itself has no word for it
        await asyncio.sleep(0)


def _refusal(error: AzureError) -> Response:
    headers = error.headers | {"x-ms-error-code": error.code}
    if isinstance(error, XmlError):
        return Response(error.text, error.status, headers, media_type="application/xml")
    return JSONResponse(error.body(), error.status, headers)


def identify(sandbox: Sandbox, request: Request, audiences: "frozenset[str]") -> Principal:
    """The caller, by the bearer token; remembered on the request for the log."""
    request.state.principal = sandbox.tokens.principal_of(request.headers.get("authorization", ""), audiences)
    return request.state.principal


async def json_body(request: Request) -> Any:
    raw = await request.body()
    if not raw:
        return None
    try:
        return json.loads(raw)
    except ValueError as error:
        message = f"The request content was invalid and could not be deserialized: '{error}'."
        raise AzureError(400, "InvalidRequestContent", message) from None
