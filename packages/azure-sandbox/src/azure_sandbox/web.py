"""The HTTPS listener for everything but blobs: the host name decides which service answers."""

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
        try:
            if handler is None:
                raise AzureError(404, "HostNotServed", f"This sandbox serves nothing at '{host}'.")
            response = await handler(request)
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
        return response

    def _note(self, request: Request, request_id: str, host: str, error: AzureError) -> None:
        principal = getattr(request.state, "principal", None)
        entry = {
            "id": request_id,
            "at": self._sandbox.clock.stamp(),
            "principal": principal.name if principal else None,
            "method": request.method,
            "host": host,
            "path": request.url.path,
            "status": error.status,
            "code": error.code,
            "message": "; ".join([error.message, *(d["message"] for d in error.details if "message" in d)]),
        }
        self._sandbox.store.record(entry)

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
