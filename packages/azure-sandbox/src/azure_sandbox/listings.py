"""Collections, and the few addresses that are no resources: subscriptions, tenants, role definitions."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from azure_sandbox.directory import Principal
from azure_sandbox.errors import AzureError
from azure_sandbox.ids import GROUP, SUBSCRIPTION, group_of, kind_of, name_of, normal, parent_of, type_of
from azure_sandbox.roles import BUILT_IN, BY_ID
from azure_sandbox.rules import TYPES
from azure_sandbox.rules.types import Body, World, dig

Answer = tuple[int, Any, dict[str, str]]
ROLE_DEFINITIONS = re.compile(r"(.*)/providers/microsoft\.authorization/roledefinitions(?:/([^/]+))?", re.IGNORECASE)
FILTER = re.compile(r"(\w+)(?:\(\)|\s+eq\s+'([^']*)'|\('([^']*)'\))?", re.IGNORECASE)


SYSTEM_IDENTITY = "/providers/microsoft.managedidentity/identities/default"


def special(world: World, method: str, path: str, query: Mapping[str, str], body: Any, who: Principal) -> Answer | None:
    lower, directory = path.lower(), world.directory
    if method == "POST" and lower.endswith("/checknameavailability"):
        return 200, _availability(world, path, body or {}), {}
    if method != "GET":
        return None
    if lower == "/tenants":
        tenant = {"id": f"/tenants/{directory.tenant_id}", "tenantId": directory.tenant_id, "displayName": "Sandbox"}
        return 200, {"value": [tenant]}, {}
    subscriptions = [directory.subscription_id, *world.store.value("subscriptions", [])]
    if lower == "/subscriptions":
        return 200, {"value": [_subscription(world, s) for s in dict.fromkeys(subscriptions)]}, {}
    if kind_of(path) == SUBSCRIPTION and lower.count("/") == 2:
        if name_of(lower) not in [s.lower() for s in subscriptions]:
            raise AzureError(404, "SubscriptionNotFound", f"The subscription '{name_of(path)}' could not be found.")
        return 200, _subscription(world, name_of(path)), {}
    if re.fullmatch(r"/subscriptions/[^/]+/providers/[^/]+", lower):
        return 200, {"namespace": name_of(path), "registrationState": "Registered", "resourceTypes": []}, {}
    if lower.endswith(SYSTEM_IDENTITY):
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
    if kind_of(above) in (SUBSCRIPTION, GROUP) and kind.startswith("microsoft.authorization/"):
        world.access.require(who.object_id, f"{type_of(path + '/-')}/read", above)
    if path.lower().endswith("/resources") and "/providers/" not in path.lower():
        above = path.rsplit("/", 1)[0]
        found = [
            r for r in world.store.resources(above) if _top(r) and not kind_of(r["id"]).startswith("microsoft.auth")
        ]
    elif path.lower().endswith("/resourcegroups"):
        above, found = path.rsplit("/", 1)[0], world.store.resources(path.rsplit("/", 1)[0], GROUP)
    else:
        if kind not in TYPES:
            raise AzureError(
                404, "InvalidResourceType", f"The resource type '{type_of(path + '/-')}' could not be found."
            )
        found = _below(world, kind, above, path)
    if group_of(path) and world.store.resource(group_of(path)) is None:
        raise AzureError(
            404, "ResourceGroupNotFound", f"Resource group '{name_of(group_of(path))}' could not be found."
        )
    if kind_of(above) in (SUBSCRIPTION, GROUP):
        may = [r for r in found if world.access.allows(who.object_id, f"{_action(r)}/read", r["id"])]
    else:
        world.access.require(who.object_id, f"{TYPES[kind].name}/read", above)
        may = found
    return 200, {"value": [show(resource) for resource in _asked(may, above, query)]}, {}


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
        inherited = [
            r for r in world.store.resources(kind=kind) if normal(above).startswith(normal(parent_of(r["id"])))
        ]
        return [*found, *(r for r in inherited if r not in found)]  # at the scope, below it, and what it inherits
    if kind_of(above) not in (SUBSCRIPTION, GROUP):
        if world.find(above) is None and not TYPES[kind_of(above)].implicit:
            raise AzureError(404, "ParentResourceNotFound", f"The parent resource '{above}' could not be found.")
        return [r for r in found if normal(parent_of(r["id"])) == normal(above)]
    return found


def _asked(found: list[Body], above: str, query: Mapping[str, str]) -> list[Body]:
    """The filters that clients use: hash, isDefault, $filter (assignments), $orderBy createdtime, $top."""
    if query.get("hash"):
        found = [
            r
            for r in found
            if query["hash"] in (dig(r, "properties.properties.hash_sha256"), dig(r, "properties.properties.hash"))
        ]
    if query.get("isDefault"):
        found = [r for r in found if str(dig(r, "properties.isDefault")).lower() == query["isDefault"].lower()]
    for name, equal, of in FILTER.findall(query.get("$filter", "")):
        value = (equal or of).lower()
        if name.lower() in ("principalid", "assignedto") and value:
            found = [r for r in found if str(dig(r, "properties.principalId")).lower() == value]
    if "atscope()" in query.get("$filter", "").lower():
        found = [r for r in found if normal(above).startswith(normal(parent_of(r["id"])))]
    if "createdtime desc" in query.get("$orderBy", query.get("orderBy", "")).lower():
        found = sorted(found, key=lambda r: str(dig(r, "systemData.createdAt")), reverse=True)
    return found[: int(query["$top"])] if query.get("$top", "").isdigit() else found


def _availability(world: World, path: str, body: Body) -> Body:
    """Names that are part of a host name; some services send the type, the others have one such type only."""
    namespace, name = path.split("/")[-2].lower(), str(body.get("name", ""))
    rules = [rule for rule in TYPES.values() if rule.unique and rule.kind.startswith(namespace + "/")]
    rule = next((rule for rule in rules if rule.kind == str(body.get("type", rule.kind)).lower()), None)
    if rule is None:
        raise AzureError(400, "BadRequest", f"No name of '{body.get('type')}' is checked in '{namespace}'.")
    if not re.fullmatch(rule.names, name):
        text = rule.bad_name[1].format(name=name, rule=rule.names)
        return {"nameAvailable": False, "reason": "AccountNameInvalid", "message": text}
    if rule.unique and any(r["name"].lower() == name.lower() for r in world.store.resources(kind=rule.kind)):
        return {"nameAvailable": False, "reason": "AlreadyExists", "message": rule.unique[2].format(name=name)}
    return {"nameAvailable": True}


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
    wanted = re.search(r"roleName\s+eq\s+'([^']*)'", query.get("$filter", ""), re.IGNORECASE)
    if wanted:
        found = [d for d in found if d["properties"]["roleName"].lower() == wanted[1].lower()]
    return 200, {"value": found}, {}


def _subscription(world: World, subscription_id: str) -> Body:
    return {
        "id": f"/subscriptions/{subscription_id}",
        "subscriptionId": subscription_id,
        "tenantId": world.directory.tenant_id,
        "displayName": "Sandbox",
        "state": "Enabled",
        "authorizationSource": "RoleBased",
    }


def _top(resource: Body) -> bool:
    """Directly in its group: `.../providers/A.B/c/name`."""
    return len(normal(resource["id"]).split("/")) == 9


def _action(resource: Body) -> str:
    kind = type_of(resource["id"])
    return "Microsoft.Resources/subscriptions/resourceGroups" if kind.lower() == GROUP else kind
