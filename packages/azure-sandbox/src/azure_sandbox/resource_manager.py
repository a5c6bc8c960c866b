"""Azure Resource Manager: one strict store of resources, its rules, and hooks for the services behind it."""

import re
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from azure_sandbox import listings, soft_delete, subscription
from azure_sandbox.access import Access
from azure_sandbox.clock import Clock
from azure_sandbox.directory import Directory, Principal
from azure_sandbox.envelope import Answer, action_type, answered, is_item
from azure_sandbox.errors import AzureError
from azure_sandbox.ids import (
    kind_of,
    name_of,
    normal,
    parent_of,
    type_of,
)
from azure_sandbox.limits import Limits
from azure_sandbox.long_running import Operations
from azure_sandbox.rules import TYPES
from azure_sandbox.rules.types import (
    Body,
    Type,
    World,
    refuse,
)
from azure_sandbox.store import Store
from azure_sandbox.writing import Writer

Handler = Callable[..., Awaitable[tuple[Any, ...]]]
Hook = Callable[..., Any]
VERSION = re.compile(r"20\d\d-\d\d-\d\d(-(preview|privatepreview|beta))?|\d{4}-\d\d-\d\d-dataplanepreview")


class ResourceManager:
    """Answers every request to management.azure.com, on behalf of a principal whose token was checked before."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        directory: Directory,
        access: Access,
        slow: Callable[[str], float] = lambda _: 0.0,
    ) -> None:
        """`slow`: by how many seconds an operation on a resource takes longer than usual."""
        self.world = World(store=store, clock=clock, directory=directory, access=access)
        self._operations = Operations(store, slow)
        self._limits = Limits()
        self._actions: dict[tuple[str, str], Handler] = {}
        self._refused: dict[tuple[str, str], tuple[str, ...]] = {}
        self._collections: dict[str, Handler] = {}
        self._writer = Writer(self.world, self._operations)

    # What the services behind Resource Manager hang in here. Kinds and verbs in any case.

    def on_action(self, kind: str, verb: str, handler: Handler, *, refused: tuple[str, ...] = ()) -> None:
        """POST `id/verb`: async (resource, body, principal) → (status, body[, headers]). A 202 without a Location gets
        one, with polling that ends by itself. `refused`: parameters of Azure's that are not offered here."""
        self._actions[kind.lower(), verb.lower()] = handler
        self._refused[kind.lower(), verb.lower()] = refused

    def collection(self, kind: str, handler: Handler) -> None:
        """Resources that are not stored here, such as jobs: async (method, path, query, body, principal) →
        (status, body[, headers]) answers the collection, its items and their actions; access was checked."""
        self._collections[kind.lower()] = handler

    def before_put(self, kind: str, hook: Hook) -> None:
        """(id, new, old) → None; may be async, may raise AzureError, may change `new`."""
        self._writer.hook("before_put", kind, hook)

    def after_put(self, kind: str, hook: Hook) -> None:
        """async (resource, old) → None; an AzureError undoes the PUT."""
        self._writer.hook("after_put", kind, hook)

    def before_delete(self, kind: str, hook: Hook) -> None:
        """(resource) → None; may be async, may raise AzureError; also for what goes with a resource above."""
        self._writer.hook("before_delete", kind, hook)

    def after_delete(self, kind: str, hook: Hook) -> None:
        """async (resource) → None; also for what went with a resource above it, the innermost first."""
        self._writer.hook("after_delete", kind, hook)

    # Requests

    async def handle(self, method: str, path: str, query: Mapping[str, str], body: Any, principal: Principal) -> Answer:
        """Never raises for what a caller did: refusals are answers. Each request is logged with its id."""
        request_id, code, message = str(uuid.uuid4()), None, None
        path = "/" + re.sub("/+", "/", path).strip("/")  # `az resource show` doubles slashes, which Azure takes
        try:
            status, answer, headers = await self._route(method.upper(), path, query, body, principal)
        except AzureError as refusal:
            status, answer, headers = refusal.status, refusal.body(), dict(refusal.headers)
            code, message = refusal.code, refusal.message
        entry = {"id": request_id, "at": self.world.clock.stamp(), "principal": principal.object_id, "method": method}
        entry |= {"host": "management.azure.com", "path": path, "status": status, "code": code, "message": message}
        self.world.store.record(entry)
        headers |= self._limits.taken(principal.object_id, method, path)
        headers |= {"x-ms-request-id": request_id, "x-ms-correlation-request-id": request_id}
        if code:
            headers["x-ms-failure-cause"] = "gateway" if status in (401, 403) else "service"
        return status, answer, headers

    async def _route(self, method: str, path: str, query: Mapping[str, str], body: Any, who: Principal) -> Answer:
        version = query.get("api-version", "")
        text = "The api-version query parameter (?api-version=) is required for all requests."
        refuse(not version, text, "MissingApiVersionParameter")
        text = f"The api-version '{version}' is invalid. The format is yyyy-MM-dd or yyyy-MM-dd-preview."
        refuse(not VERSION.fullmatch(version), text, "InvalidApiVersionParameter")
        polled = self._operations.answer(path, version, self._writer.shown)
        if polled:
            return polled
        answer = listings.special(self.world, method, path, query, body, who)
        answer = answer or soft_delete.purge(self.world, method, path, who)
        if answer:
            return answer
        kind = kind_of(path)
        for outside, handler in self._collections.items():
            if kind == outside or kind.startswith(outside + "/"):
                return await self._outside(handler, method, path, query, body, who)
        item = is_item(path)
        if method == "GET" and not item:
            return listings.collection(self.world, path, query, who, self._writer.shown)
        if method == "POST":
            return await self._post(path, query, body, who, version)
        if not item:
            raise AzureError(405, "HttpMethodNotAllowed", f"The method {method} is not allowed on '{path}'.")
        rule = self._rule(path, version)
        if method in ("GET", "HEAD"):
            self._require(who, f"{action_type(rule)}/read", path)
            if method == "HEAD":  # only asks whether it is there
                return 204 if self.get(path) else 404, None, {}
            return 200, listings.expanded(self.world, self.get(path), query, self._writer.shown), {}
        if method in ("PUT", "PATCH"):
            self._require(who, f"{action_type(rule)}/write", path)
            return await self._writer.put(rule, method, path, body, who, version)
        if method == "DELETE":
            self._require(who, f"{action_type(rule)}/delete", path)
            return await self._writer.delete(rule, path, query, version)
        raise AzureError(405, "HttpMethodNotAllowed", f"The method {method} is not allowed on '{path}'.")

    def get(self, path: str) -> Body:
        """The resource; raises AzureError 404 as Azure does when it, its parent or its group is missing."""
        return self._writer.get(path)

    # Actions and what is not stored here

    async def _post(self, path: str, query: Mapping[str, str], body: Any, who: Principal, version: str) -> Answer:
        target, verb = path.rsplit("/", 1)
        rule = self._rule(target, version)
        self._require(who, f"{action_type(rule)}/{verb}/action", target)
        resource = self.get(target)
        check = {name.lower(): check for name, check in rule.verbs.items()}.get(verb.lower())
        if check:
            check(self.world, resource["id"], body or {}, resource)
        handler = self._actions.get((rule.kind, verb.lower()))
        if handler is None:
            raise AzureError(404, "NotFound", f"The sandbox does not offer the action '{verb}' of '{rule.name}'.")
        for name in self._refused[rule.kind, verb.lower()]:
            refuse(name in query, f"The sandbox does not offer the parameter '{name}' of '{verb}'.", "NotOffered")
        status, answer, headers = answered(await handler(resource, body or {}, who))
        if status == 202 and "Location" not in headers:
            headers |= self._operations.begin(target, "action", str(resource.get("location", "")), "location", version)
        return status, answer, headers

    async def _outside(
        self, handler: Handler, method: str, path: str, query: Mapping[str, str], body: Any, who: Principal
    ) -> Answer:
        one = path if is_item(path) else f"{path}/-"
        above = parent_of(one)
        while kind_of(above) not in TYPES:
            above = parent_of(above)
        self.get(above)
        verbs = {"GET": "read", "HEAD": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete"}
        action = f"{type_of(one)}/{verbs.get(method, 'write')}"
        if method == "POST" and one != path and normal(parent_of(one)) != normal(above):
            action = f"{type_of(path.rsplit('/', 1)[0])}/{name_of(path)}/action"
        self._require(who, action, path)
        return answered(await handler(method, path, query, body, who))

    # Checks

    def _require(self, who: Principal, action: str, scope: str) -> None:
        self.world.access.require(who.object_id, action, scope)

    def _rule(self, path: str, version: str) -> Type:
        rule = TYPES.get(kind_of(path))
        if rule is None:
            raise subscription.unknown_type(path, version)
        return rule
