"""Collections with their filters, and the few addresses that are no resources: role definitions, own identities."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from azure_sandbox import filters, subscription
from azure_sandbox.access import ASSIGNMENTS
from azure_sandbox.directory import Principal
from azure_sandbox.errors import AzureError
from azure_sandbox.ids import (
    GROUP,
    SUBSCRIPTION,
    group_of,
    kind_of,
    name_of,
    normal,
    parent_of,
    scopes_of,
    subscription_of,
    type_of,
)
from azure_sandbox.roles import BUILT_IN, BY_ID
from azure_sandbox.rules import TYPES
from azure_sandbox.rules.types import Body, World, dig, refuse

Answer = tuple[int, Any, dict[str, str]]
ROLE_DEFINITIONS = re.compile(r"(.*)/providers/microsoft\.authorization/roledefinitions(?:/([^/]+))?", re.IGNORECASE)
SYSTEM_IDENTITY = "/providers/microsoft.managedidentity/identities/default"
# All that lies under a subscription without naming a provider; more is asked of a group by POST.
PLAIN = re.compile(r"/subscriptions/[^/]+(/resources|/resourcegroups(/[^/]+(/resources)?)?)?", re.IGNORECASE)
LISTED = ("id", "name", "type", "location", "tags", "kind", "sku", "identity", "plan", "managedBy", "zones")
MORE = {"createdTime": "createdAt", "changedTime": "lastModifiedAt"}


def special(world: World, method: str, path: str, query: Mapping[str, str], body: Any, who: Principal) -> Answer | None:
    found = subscription.answer(world, method, path, body, who)
    if found:
        return found
    place = subscription_of(path)
    unknown = place and place.lower() not in [one.lower() for one in subscription.known(world)]
    refuse(unknown, f"The subscription '{place}' could not be found.", "SubscriptionNotFound", 404)
    if method != "POST" and "/providers/" not in path.lower() and not PLAIN.fullmatch(path):
        raise AzureError(404, "NotFound", f"No HTTP resource was found that matches the request path '{path}'.")
    if method != "GET":
        return None
    if path.lower().endswith(SYSTEM_IDENTITY):
        return 200, _system_identity(world, path, who), {}
    match = ROLE_DEFINITIONS.fullmatch(path)
    if match:
        return _role_definitions(world, path, match[1], match[2], query, who)
    return None


def _system_identity(world: World, path: str, who: Principal) -> Body:
    """learn.microsoft.com/rest/api/managedidentity/system-assigned-identities/get-by-scope"""
    scope = path[: -len(SYSTEM_IDENTITY)]
    world.access.require(who.object_id, "Microsoft.ManagedIdentity/identities/read", scope)
    found = world.directory.find(scope)
    if found is None:
        raise AzureError(404, "ResourceNotFound", f"'{scope}' has no system-assigned identity.")
    properties = {"tenantId": world.directory.tenant_id, "principalId": found.object_id, "clientId": found.client_id}
    kind = "Microsoft.ManagedIdentity/identities"
    return {"id": path, "name": "default", "type": kind, "properties": properties}


def collection(
    world: World, path: str, query: Mapping[str, str], who: Principal, show: Callable[[Body], Body]
) -> Answer:
    """`{"value": [...]}`; directly below a subscription or group only what the caller may read, else a refusal."""
    kind, above = kind_of(path + "/-"), parent_of(path + "/-")
    if kind == GROUP:
        return 200, {"value": _resources(world, path, query, who, show)}, {}
    if kind_of(above) in (SUBSCRIPTION, GROUP) and kind.startswith("microsoft.authorization/"):
        world.access.require(who.object_id, f"{type_of(path + '/-')}/read", above)
    if kind not in TYPES:
        raise subscription.unknown_type(path + "/-", query.get("api-version", ""))
    found = _below(world, kind, above, path)
    _require_group(world, path)
    if kind == ASSIGNMENTS:
        found = filters.assigned(world, found, above, query.get("$filter", ""))
    if kind_of(above) in (SUBSCRIPTION, GROUP):
        found = _readable(world, found, who)
    else:
        world.access.require(who.object_id, f"{TYPES[kind].name}/read", above)
    return 200, {"value": [show(resource) for resource in _asked(found, query)]}, {}


def _resources(
    world: World, path: str, query: Mapping[str, str], who: Principal, show: Callable[[Body], Body]
) -> list[Body]:
    """The groups of a subscription; or what lies in it or in a group, of any type, without properties.
    learn.microsoft.com/rest/api/resources/resources/list"""
    above, _, last = path.rpartition("/")
    _require_group(world, above)
    groups = last.lower() == "resourcegroups"
    found = world.store.resources(above, GROUP) if groups else [r for r in world.store.resources(above) if _top(r)]
    found = _readable(world, filters.chosen(found, query.get("$filter", ""), groups=groups), who)
    found = found[: int(query["$top"])] if query.get("$top", "").isdigit() else found
    if groups:
        return [show(group) for group in found]
    wanted = query.get("$expand", "").split(",")
    shown = [{key: r[key] for key in LISTED if key in r} for r in found]
    for one, resource in zip(shown, found, strict=True):
        one |= {key: dig(resource, f"systemData.{MORE[key]}") for key in MORE if key in wanted}
        one |= {key: show(resource)["properties"][key] for key in ("provisioningState",) if key in wanted}
    return shown


def _require_group(world: World, path: str) -> None:
    if group_of(path) and world.store.resource(group_of(path)) is None:
        text = f"Resource group '{name_of(group_of(path))}' could not be found."
        raise AzureError(404, "ResourceGroupNotFound", text)


def _readable(world: World, found: list[Body], who: Principal) -> list[Body]:
    return [r for r in found if world.access.allows(who.object_id, f"{_action(r)}/read", r["id"])]


def expanded(world: World, resource: Body, query: Mapping[str, str], show: Callable[[Body], Body]) -> Body:
    """The resource, with the children that `$expand` names (Stream Analytics: inputs, outputs, functions)."""
    shown = show(resource)
    for name in query.get("$expand", "").split(","):
        kind = f"{kind_of(resource['id'])}/{name.strip().lower()}"
        if kind in TYPES:
            shown["properties"][name.strip()] = [show(child) for child in world.store.resources(resource["id"], kind)]
    return shown


def _below(world: World, kind: str, above: str, path: str) -> list[Body]:
    if kind.endswith("/codes/versions") and world.find(above) is None:
        # azure-ai-ml looks for code of the same hash under any name
        return world.store.resources(parent_of(above), kind)
    found = world.store.resources(above, kind)
    if kind.startswith("microsoft.authorization/"):
        scopes = scopes_of(above)
        inherited = [r for r in world.store.resources(kind=kind) if normal(parent_of(r["id"])) in scopes]
        return [*found, *(r for r in inherited if r not in found)]  # at the scope, below it, and what it inherits
    if kind_of(above) not in (SUBSCRIPTION, GROUP):
        _require_parent(world, above)
        return [r for r in found if normal(parent_of(r["id"])) == normal(above)]
    return found


def _require_parent(world: World, above: str) -> None:
    """What is implicit is there with what it lies in."""
    while world.find(above) is None and kind_of(above) not in (SUBSCRIPTION, GROUP):
        if not TYPES[kind_of(above)].implicit:
            text = (
                f"Can not perform requested operation on nested resource. Parent resource '{name_of(above)}' not found."
            )
            raise AzureError(404, "ParentResourceNotFound", text)
        above = parent_of(above)


def _asked(found: list[Body], query: Mapping[str, str]) -> list[Body]:
    """What clients ask lists for: hash, isDefault, $orderBy createdtime, $top."""
    if query.get("hash"):
        found = [
            r
            for r in found
            if query["hash"] in (dig(r, "properties.properties.hash_sha256"), dig(r, "properties.properties.hash"))
        ]
    if query.get("isDefault"):
        found = [r for r in found if str(dig(r, "properties.isDefault")).lower() == query["isDefault"].lower()]
    if "createdtime desc" in query.get("$orderBy", query.get("orderBy", "")).lower():
        found = sorted(found, key=lambda r: str(dig(r, "systemData.createdAt")), reverse=True)
    return found[: int(query["$top"])] if query.get("$top", "").isdigit() else found


def _role_definitions(
    world: World, path: str, scope: str, name: str | None, query: Mapping[str, str], who: Principal
) -> Answer | None:
    if name and name.lower() not in BY_ID:
        return None  # a declared one is a resource like any other
    world.access.require(who.object_id, "Microsoft.Authorization/roleDefinitions/read", scope or "/")
    if name:
        return 200, BY_ID[name.lower()].definition(scope), {}
    found = [role.definition(scope) for role in BUILT_IN]
    found += world.store.resources(kind="microsoft.authorization/roledefinitions")
    return 200, {"value": filters.defined(found, query.get("$filter", ""))}, {}


def _top(resource: Body) -> bool:
    """Directly in its group: `.../providers/A.B/c/name`; role assignments are no resources of a group."""
    kind = kind_of(resource["id"])
    return len(normal(resource["id"]).split("/")) == 9 and not kind.startswith("microsoft.authorization/")


def _action(resource: Body) -> str:
    kind = type_of(resource["id"])
    return "Microsoft.Resources/subscriptions/resourceGroups" if kind.lower() == GROUP else kind
