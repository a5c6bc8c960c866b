"""How a resource is written: every check in its order, then the store, then whoever waits for it."""

import copy
import re
from collections.abc import Callable, Mapping
from typing import Any

from azure_sandbox import identities, soft_delete
from azure_sandbox.directory import Principal
from azure_sandbox.envelope import Answer, check_envelope, merged, not_found, settled
from azure_sandbox.errors import AzureError
from azure_sandbox.ids import GROUP, SUBSCRIPTION, group_of, kind_of, name_of, normal, parent_of, type_of
from azure_sandbox.long_running import Operations
from azure_sandbox.rules import TYPES
from azure_sandbox.rules.types import (
    Body,
    Type,
    World,
    check_body,
    check_fixed,
    check_name,
    compute,
    dig,
    fill_defaults,
)

Hook = Callable[..., Any]
# What a body may have beside `properties`; Azure's newer clients send a dict of other names as it is, and are refused.
MEMBERS = {
    "id", "name", "type", "location", "tags", "plan", "sku", "kind", "managedby", "identity", "zones",
    "extendedlocation", "scale", "etag", "systemdata", "properties",
}  # fmt: skip


class Writer:
    """Reads, puts and deletes resources in the store, by the rules of their types."""

    def __init__(self, world: World, operations: Operations) -> None:
        self.world = world
        self._operations = operations
        self._hooks: dict[tuple[str, str], list[Hook]] = {}

    def hook(self, when: str, kind: str, hook: Hook) -> None:
        self._hooks.setdefault((when, kind.lower()), []).append(hook)

    async def _tell(self, when: str, kind: str, *values: Any) -> None:
        for hook in self._hooks.get((when, kind), ()):
            await settled(hook(*values))

    def get(self, path: str) -> Body:
        """The resource; raises AzureError 404 as Azure does when it, its parent or its group is missing."""
        found = self.world.store.resource(path)
        if found is not None:
            return found
        self.check_parents(path, "read")
        rule = TYPES.get(kind_of(path))
        if rule and rule.implicit and re.fullmatch(rule.names, name_of(path)):
            empty: Body = {"id": path, "name": name_of(path), "type": rule.name, "properties": {}}
            fill_defaults(rule, empty)
            return empty
        raise not_found(path)

    async def put(self, rule: Type, method: str, path: str, body: Any, who: Principal, version: str) -> Answer:
        if not isinstance(body, dict):
            text = "The request content was invalid and could not be deserialized: a JSON object is expected."
            raise AzureError(400, "InvalidRequestContent", text)
        unknown = sorted(key for key in body if key.lower() not in MEMBERS)
        if unknown:
            what = "ResourceGroupDefinition" if rule.kind == GROUP else "ResourceDefinition"
            text = f"Could not find member '{unknown[0]}' on object of type '{what}'. Path '{unknown[0]}'."
            text = f"The request content was invalid and could not be deserialized: '{text}'."
            raise AzureError(400, "InvalidRequestContent", text)
        old = self.world.store.resource(path)
        if method == "PATCH":
            body = merged(self.get(path), body)
        self.check_parents(path, "write")
        if old is None:
            check_name(rule, path)
        try:
            new = self._prepared(rule, path, body, old)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            # A rule met a string, say, where the service's schema has an object.
            text = f"The request content was invalid and could not be deserialized: {error!r}."
            raise AzureError(400, "InvalidRequestContent", text) from error
        await self._tell("before_put", rule.kind, new["id"], new, old)
        identities.check(self.world, new, who)
        soft_delete.check(self.world, rule, new)
        made = [new, *self._followers(rule, new, old)]
        identities.settle(self.world, new, old)
        before = {resource["id"]: self.world.store.resource(resource["id"]) for resource in made}
        self.world.store.put_resources({resource["id"]: resource for resource in made})
        try:
            for resource in made:
                await self._tell("after_put", kind_of(resource["id"]), resource, before[resource["id"]])
        except AzureError:
            self._undo(made, old)
            raise
        stored = self.world.store.resource(path) or new
        status = 200 if method == "PATCH" or rule.implicit else rule.answers[1 if old else 0]
        if not rule.slow or (method == "PATCH" and rule.slow == "location"):
            return status, self.shown(stored), {}
        kind = "write" if old else "create"
        headers = self._operations.begin(path, kind, str(stored.get("location", "")), rule.slow, version)
        return (202, None, headers) if rule.slow == "location" else (status, self.shown(stored), headers)

    def _prepared(self, rule: Type, path: str, body: Body, old: Body | None) -> Body:
        """The resource as it will be stored, after every check that needs nobody else."""
        new = {k: copy.deepcopy(v) for k, v in body.items() if k not in ("id", "name", "type", "systemData", "etag")}
        check_envelope(rule, path, new, old)
        new.setdefault("properties", {})
        if not isinstance(new["properties"], dict):
            raise AzureError(400, "InvalidRequestContent", "The property 'properties' must be a JSON object.")
        fill_defaults(rule, new)
        check_body(self.world, rule, new)
        # Whatever a caller writes (`az group create`: resourcegroups), a group has one spelling.
        first = "/resourceGroups/".join(path.rsplit("/", 2)[::2]) if rule.kind == GROUP else path
        resource_id = old["id"] if old else first
        if old:
            check_fixed(rule, new, old)
        elif rule.unique:
            self._check_unique(rule, path)
        new |= {"id": resource_id, "name": name_of(resource_id), "type": rule.name}
        if rule.check:
            rule.check(self.world, resource_id, new, old)
        compute(self.world, rule, new, old)
        if rule.fill:
            new["properties"] |= rule.fill(self.world, resource_id, new, old)
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

    async def delete(self, rule: Type, path: str, query: Mapping[str, str], version: str) -> Answer:
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
            await self._tell("before_delete", kind_of(resource["id"]), resource)
        soft_delete.keep(self.world, gone, query)
        self.world.store.delete_resource(path)
        identities.forget(self.world, gone)
        for resource in gone:
            await self._tell("after_delete", kind_of(resource["id"]), resource)
        if rule.slow == "operation" or rule.kind == GROUP:
            return (
                202,
                None,
                self._operations.begin(path, "delete", str(found.get("location", "")), "location", version),
            )
        return 200, self.shown(found) if rule.kind.startswith("microsoft.authorization/") else None, {}

    def check_parents(self, path: str, verb: str) -> None:
        group, parent = group_of(path), parent_of(path)
        if group and normal(group) != normal(path) and self.world.store.resource(group) is None:
            raise AzureError(404, "ResourceGroupNotFound", f"Resource group '{name_of(group)}' could not be found.")
        if not parent or kind_of(parent) in (SUBSCRIPTION, GROUP) or self.world.store.resource(parent) is not None:
            return None
        if verb == "write" and TYPES[kind_of(path)].brings:
            return self.check_parents(parent, verb)
        rule = TYPES.get(kind_of(parent))
        if rule and rule.implicit and re.fullmatch(rule.names, name_of(parent)):
            return self.check_parents(parent, verb)
        if parent_of(parent) and kind_of(parent_of(parent)) not in (SUBSCRIPTION, GROUP):
            self.check_parents(parent, verb)
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

    def shown(self, resource: Body) -> Body:
        rule = TYPES[kind_of(resource["id"])]
        if rule.kind.startswith("microsoft.authorization/"):
            return resource
        shown = {**resource, "properties": dict(resource.get("properties") or {})}
        shown["properties"]["provisioningState"] = self._operations.state(resource["id"])
        return shown
