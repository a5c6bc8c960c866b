"""Azure Resource Manager: one strict store of resources, its rules, and hooks for the services behind it."""

import copy
import re
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from azure_sandbox import identities, listings, soft_delete
from azure_sandbox.access import Access
from azure_sandbox.clock import Clock
from azure_sandbox.directory import Directory, Principal
from azure_sandbox.envelope import Answer, action_type, answered, check_envelope, is_item, merged, not_found, settled
from azure_sandbox.errors import AzureError
from azure_sandbox.ids import (
    GROUP,
    SUBSCRIPTION,
    group_of,
    kind_of,
    name_of,
    normal,
    parent_of,
    subscription_of,
    type_of,
)
from azure_sandbox.long_running import Operations
from azure_sandbox.rules import TYPES
from azure_sandbox.rules.types import (
    Body,
    Type,
    World,
    check_body,
    check_fixed,
    check_name,
    dig,
    fill_defaults,
)
from azure_sandbox.store import Store

Handler = Callable[..., Awaitable[tuple[Any, ...]]]
Hook = Callable[..., Any]
VERSION = re.compile(r"20\d\d-\d\d-\d\d(-(preview|privatepreview|beta))?|\d{4}-\d\d-\d\d-dataplanepreview")


class ResourceManager:
    """Answers every request to management.azure.com, on behalf of a principal whose token was checked before."""

    def __init__(self, store: Store, clock: Clock, directory: Directory, access: Access) -> None:
        self.world = World(store=store, clock=clock, directory=directory, access=access)
        self._operations = Operations(store)
        self._actions: dict[tuple[str, str], Handler] = {}
        self._collections: dict[str, Handler] = {}
        self._hooks: dict[tuple[str, str], list[Hook]] = {}

    # What the services behind Resource Manager hang in here. Kinds and verbs in any case.

    def on_action(self, kind: str, verb: str, handler: Handler) -> None:
        """POST `id/verb`: async (resource, body, principal) → (status, body[, headers]). A 202 without a Location gets
        one, with polling that ends by itself."""
        self._actions[kind.lower(), verb.lower()] = handler

    def collection(self, kind: str, handler: Handler) -> None:
        """Resources that are not stored here, such as jobs: async (method, path, query, body, principal) →
        (status, body[, headers]) answers the collection, its items and their actions; access was checked."""
        self._collections[kind.lower()] = handler

    def before_put(self, kind: str, hook: Hook) -> None:
        """(id, new, old) → None; may be async, may raise AzureError, may change `new`."""
        self._hooks.setdefault(("before_put", kind.lower()), []).append(hook)

    def after_put(self, kind: str, hook: Hook) -> None:
        """async (resource, old) → None; an AzureError undoes the PUT."""
        self._hooks.setdefault(("after_put", kind.lower()), []).append(hook)

    def before_delete(self, kind: str, hook: Hook) -> None:
        """(resource) → None; may be async, may raise AzureError; also for what goes with a resource above."""
        self._hooks.setdefault(("before_delete", kind.lower()), []).append(hook)

    def after_delete(self, kind: str, hook: Hook) -> None:
        """async (resource) → None; also for what went with a resource above it, the innermost first."""
        self._hooks.setdefault(("after_delete", kind.lower()), []).append(hook)

    # Requests

    async def handle(self, method: str, path: str, query: Mapping[str, str], body: Any, principal: Principal) -> Answer:
        """Never raises for what a caller did: refusals are answers. Each request is logged with its id."""
        request_id, code, message = str(uuid.uuid4()), None, None
        path = "/" + path.strip("/")
        try:
            status, answer, headers = await self._route(method.upper(), path, query, body, principal)
        except AzureError as refusal:
            status, answer, headers = refusal.status, refusal.body(), dict(refusal.headers)
            code, message = refusal.code, refusal.message
        entry = {"id": request_id, "at": self.world.clock.stamp(), "principal": principal.object_id, "method": method}
        entry |= {"host": "management.azure.com", "path": path, "status": status, "code": code, "message": message}
        self.world.store.record(entry)
        headers |= {"x-ms-request-id": request_id, "x-ms-correlation-request-id": request_id}
        if code:
            headers["x-ms-failure-cause"] = "gateway" if status in (401, 403) else "service"
        return status, answer, headers

    async def _route(self, method: str, path: str, query: Mapping[str, str], body: Any, who: Principal) -> Answer:
        version = query.get("api-version", "")
        if not version:
            text = "The api-version query parameter (?api-version=) is required for all requests."
            raise AzureError(400, "MissingApiVersionParameter", text)
        if not VERSION.fullmatch(version):
            text = f"The api-version '{version}' is invalid. The format is yyyy-MM-dd or yyyy-MM-dd-preview."
            raise AzureError(400, "InvalidApiVersionParameter", text)
        polled = self._operations.answer(path, version)
        if polled:
            return polled
        answer = listings.special(self.world, method, path, query, who) or await soft_delete.purge(
            self.world, method, path, who
        )
        if answer:
            return answer
        kind = kind_of(path)
        for outside, handler in self._collections.items():
            if kind == outside or kind.startswith(outside + "/"):
                return await self._outside(handler, method, path, query, body, who)
        item = is_item(path)
        if method == "GET" and not item:
            return listings.collection(self.world, path, query, who, self._shown)
        if method == "POST":
            return await self._post(path, body, who, version)
        if not item:
            raise AzureError(405, "HttpMethodNotAllowed", f"The method {method} is not allowed on '{path}'.")
        rule = self._rule(path, version)
        if method in ("GET", "HEAD"):
            self._require(who, f"{action_type(rule)}/read", path)
            return 200, self._shown(self.get(path)), {}
        if method in ("PUT", "PATCH"):
            self._require(who, f"{action_type(rule)}/write", path)
            return await self._put(rule, method, path, body, who, version)
        if method == "DELETE":
            self._require(who, f"{action_type(rule)}/delete", path)
            return await self._delete(rule, path, query, version)
        raise AzureError(405, "HttpMethodNotAllowed", f"The method {method} is not allowed on '{path}'.")

    def get(self, path: str) -> Body:
        """The resource; raises AzureError 404 as Azure does when it, its parent or its group is missing."""
        found = self.world.store.resource(path)
        if found is not None:
            return found
        self._check_parents(path, "read")
        rule = TYPES.get(kind_of(path))
        if rule and rule.implicit and re.fullmatch(rule.names, name_of(path)):
            empty: Body = {"id": path, "name": name_of(path), "type": rule.name, "properties": {}}
            fill_defaults(rule, empty)
            return empty
        raise not_found(path)

    # Writing

    async def _put(self, rule: Type, method: str, path: str, body: Any, who: Principal, version: str) -> Answer:
        if not isinstance(body, dict):
            text = "The request content was invalid and could not be deserialized: a JSON object is expected."
            raise AzureError(400, "InvalidRequestContent", text)
        old = self.world.store.resource(path)
        if method == "PATCH":
            body = merged(self.get(path), body)
        self._check_parents(path, "write")
        if old is None:
            check_name(rule, path)
        new = self._prepared(rule, path, body, old)
        for hook in self._hooks.get(("before_put", rule.kind), ()):
            await settled(hook(new["id"], new, old))
        identities.check(self.world, new, who)
        soft_delete.check(self.world, rule, new)
        made = [new, *self._followers(rule, new, old)]
        identities.settle(self.world, new, old)
        try:
            for resource in made:
                before = self.world.store.resource(resource["id"])
                self.world.store.put_resource(resource["id"], resource)
                for hook in self._hooks.get(("after_put", kind_of(resource["id"])), ()):
                    await settled(hook(resource, before))
        except AzureError:
            self._undo(made, old)
            raise
        status = 200 if old else 201
        stored = self.world.store.resource(path) or new
        if not rule.slow:
            return status, self._shown(stored), {}
        kind = "write" if old else "create"
        headers = self._operations.begin(path, kind, str(stored.get("location", "")), rule.slow, version)
        return (202, None, headers) if rule.slow == "location" else (status, self._shown(stored), headers)

    def _prepared(self, rule: Type, path: str, body: Body, old: Body | None) -> Body:
        """The resource as it will be stored, after every check that needs nobody else."""
        new = {k: copy.deepcopy(v) for k, v in body.items() if k not in ("id", "name", "type", "systemData", "etag")}
        check_envelope(rule, path, new, old)
        new.setdefault("properties", {})
        if not isinstance(new["properties"], dict):
            raise AzureError(400, "InvalidRequestContent", "The property 'properties' must be a JSON object.")
        fill_defaults(rule, new)
        check_body(self.world, rule, new)
        resource_id = old["id"] if old else path
        if old:
            check_fixed(rule, new, old)
        elif rule.unique:
            self._check_unique(rule, path)
        new |= {"id": resource_id, "name": name_of(resource_id), "type": rule.name}
        if rule.check:
            rule.check(self.world, resource_id, new, old)
        for where in rule.kept:
            if old and dig(old, where) is not None:
                new["properties"][where.removeprefix("properties.")] = dig(old, where)
        if rule.fill:
            new["properties"] |= rule.fill(self.world, resource_id, new, old)
        for where in rule.secret:
            new["properties"].pop(where.removeprefix("properties."), None)
        stamp = self.world.clock.stamp()
        new["systemData"] = {
            "createdAt": dig(old, "systemData.createdAt") or stamp,
            "lastModifiedAt": stamp,
        }
        return new

    def _followers(self, rule: Type, new: Body, old: Body | None) -> list[Body]:
        """What Azure makes along with it; an existing resource is only replaced by what counts, such as a container."""
        found: list[Body] = []
        for body in rule.follow(self.world, new["id"], new) if rule.follow else ():
            there = self.world.store.resource(body["id"])
            if there and body.get("properties") == there.get("properties"):
                continue
            if old and there is None:
                continue  # somebody removed it since
            if there and "name" not in body:
                continue
            place = TYPES[kind_of(body["id"])]
            found.append(self._prepared(place, body["id"], body, there))
        return found

    def _undo(self, made: list[Body], old: Body | None) -> None:
        new = made[0]
        if old:
            self.world.store.put_resource(old["id"], old)
            return
        for resource in reversed(made):
            self.world.store.delete_resource(resource["id"])
        identities.forget(self.world, [new])

    async def _delete(self, rule: Type, path: str, query: Mapping[str, str], version: str) -> Answer:
        found = self.world.store.resource(path)
        if found is None:
            purged = soft_delete.purge_at_once(self.world, path, query)
            if purged:
                return 200, None, {}
            group = group_of(path)
            if group and normal(group) != normal(path) and self.world.store.resource(group) is None:
                raise AzureError(404, "ResourceGroupNotFound", f"Resource group '{name_of(group)}' could not be found.")
            if rule.kind == GROUP:
                raise not_found(path)
            return 204, None, {}
        if rule.in_use:
            rule.in_use(self.world, found)
        gone = [*self.world.store.resources(path), found]
        gone.sort(key=lambda resource: -resource["id"].count("/"))
        for resource in gone:
            for hook in self._hooks.get(("before_delete", kind_of(resource["id"])), ()):
                await settled(hook(resource))
        soft_delete.keep(self.world, gone, query)
        self.world.store.delete_resource(path)
        identities.forget(self.world, gone)
        for resource in gone:
            for hook in self._hooks.get(("after_delete", kind_of(resource["id"])), ()):
                await settled(hook(resource))
        if rule.slow == "operation" or rule.kind == GROUP:
            return (
                202,
                None,
                self._operations.begin(path, "delete", str(found.get("location", "")), "location", version),
            )
        return 200, self._shown(found) if rule.kind.startswith("microsoft.authorization/") else None, {}

    # Actions and what is not stored here

    async def _post(self, path: str, body: Any, who: Principal, version: str) -> Answer:
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
        if rule:
            if subscription_of(path) and subscription_of(path).lower() != self.world.directory.subscription_id.lower():
                others = [s.lower() for s in self.world.store.value("subscriptions", [])]
                if subscription_of(path).lower() not in others:
                    text = f"The subscription '{subscription_of(path)}' could not be found."
                    raise AzureError(404, "SubscriptionNotFound", text)
            return rule
        namespace, _, kind = type_of(path).partition("/")
        if not any(known.startswith(namespace.lower() + "/") for known in TYPES):
            raise AzureError(404, "InvalidResourceNamespace", f"The resource namespace '{namespace}' is invalid.")
        text = (
            f"The resource type '{kind}' could not be found in the namespace '{namespace}' for api version '{version}'."
        )
        raise AzureError(404, "InvalidResourceType", text)

    def _check_parents(self, path: str, verb: str) -> None:
        group, parent = group_of(path), parent_of(path)
        if group and normal(group) != normal(path) and self.world.store.resource(group) is None:
            raise AzureError(404, "ResourceGroupNotFound", f"Resource group '{name_of(group)}' could not be found.")
        if not parent or kind_of(parent) in (SUBSCRIPTION, GROUP) or self.world.store.resource(parent) is not None:
            return None
        if verb == "write" and TYPES[kind_of(path)].brings:
            return self._check_parents(parent, verb)
        rule = TYPES.get(kind_of(parent))
        if rule and rule.implicit and re.fullmatch(rule.names, name_of(parent)):
            return self._check_parents(parent, verb)
        if parent_of(parent) and kind_of(parent_of(parent)) not in (SUBSCRIPTION, GROUP):
            self._check_parents(parent, verb)
        text = (
            f"Failed to perform '{verb}' on resource(s) of type '{type_of(path).partition('/')[2]}', "
            "because the parent "
            f"resource '{parent}' could not be found."
        )
        raise AzureError(404, "ParentResourceNotFound", text)

    def _check_unique(self, rule: Type, path: str) -> None:
        """Names that are part of a host name belong to one resource in all of Azure."""
        name = name_of(path)
        if rule.unique and any(r["name"].lower() == name.lower() for r in self.world.store.resources(kind=rule.kind)):
            status, code, message = rule.unique
            raise AzureError(status, code, message.format(name=name))

    def _shown(self, resource: Body) -> Body:
        rule = TYPES[kind_of(resource["id"])]
        if rule.kind.startswith("microsoft.authorization/"):
            return resource
        shown = {**resource, "properties": dict(resource.get("properties") or {})}
        shown["properties"]["provisioningState"] = self._operations.state(resource["id"])
        return shown
