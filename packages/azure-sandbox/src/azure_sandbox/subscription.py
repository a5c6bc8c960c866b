"""What a subscription says about itself: its regions, its resource providers, and which names are still free."""

import re
from typing import Any

from azure_sandbox import soft_delete
from azure_sandbox.directory import Principal
from azure_sandbox.envelope import LOCATIONS
from azure_sandbox.errors import AzureError
from azure_sandbox.ids import GROUP, type_of
from azure_sandbox.rules import TYPES
from azure_sandbox.rules.types import Body, Type, World, refuse

Answer = tuple[int, Any, dict[str, str]]
ADDRESS = re.compile(r"/subscriptions/([^/]+)(/.*)?", re.IGNORECASE)
PROVIDER = re.compile(r"/providers(?:/([^/]+)(?:/(register|checknameavailability))?)?", re.IGNORECASE)

REGIONS = """Australia East, Brazil South, Canada Central, Central India, Central US, East Asia, East US, East US 2,
France Central, Germany West Central, Italy North, Japan East, Korea Central, North Central US, North Europe,
Norway East, Poland Central, South Africa North, South Central US, Southeast Asia, Spain Central, Sweden Central,
Switzerland North, UAE North, UK South, UK West, West Central US, West Europe, West US, West US 2, West US 3"""

VERSION = "2024-01-01"  # that is named; any well-formed one is taken


def answer(world: World, method: str, path: str, body: Any, who: Principal) -> Answer | None:
    """None when the path means something else."""
    if method == "GET" and path.lower() == "/tenants":
        tenant = world.directory.tenant_id
        return 200, {"value": [{"id": f"/tenants/{tenant}", "tenantId": tenant, "displayName": "Sandbox"}]}, {}
    if method == "GET" and path.lower() == "/subscriptions":
        return 200, {"value": [_shown(world, one) for one in known(world)]}, {}
    found = ADDRESS.fullmatch(path)
    subscription, rest = (found[1], found[2] or "") if found else ("", path)
    asked = PROVIDER.fullmatch(rest)
    if rest and rest.lower() != "/locations" and not asked:
        return None
    missing = subscription and subscription.lower() not in [one.lower() for one in known(world)]
    refuse(missing, f"The subscription '{subscription}' could not be found.", "SubscriptionNotFound", 404)
    if method == "GET" and not asked:
        return 200, _shown(world, subscription) if not rest else {"value": _regions(subscription)}, {}
    return _providers(world, method, subscription, asked, body, who) if asked else None


def known(world: World) -> list[str]:
    return list(dict.fromkeys([world.directory.subscription_id, *world.store.value("subscriptions", [])]))


def unknown_type(path: str, version: str) -> AzureError:
    """Which part of a type there is not.
    learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-not-found"""
    namespace, _, kind = type_of(path).partition("/")
    if namespace.lower() not in _spaces():
        return AzureError(404, "InvalidResourceNamespace", f"The resource namespace '{namespace}' is invalid.")
    if not kind:
        return AzureError(404, "NotFound", f"The sandbox does not offer this operation of '{namespace}'.")
    text = f"The resource type '{kind}' could not be found in the namespace '{namespace}' for api version '{version}'."
    return AzureError(404, "InvalidResourceType", text)


def _spaces() -> list[str]:
    return sorted({rule.kind.partition("/")[0] for rule in TYPES.values()})


def _providers(
    world: World, method: str, subscription: str, asked: re.Match[str], body: Any, who: Principal
) -> Answer | None:
    """learn.microsoft.com/azure/azure-resource-manager/management/resource-providers-and-types"""
    namespace, verb = asked[1], (asked[2] or "").lower()
    if not namespace:
        return (200, {"value": [_provider(subscription, one) for one in _spaces()]}, {}) if method == "GET" else None
    text = f"The resource namespace '{namespace}' is invalid."
    refuse(namespace.lower() not in _spaces(), text, "InvalidResourceNamespace", 404)
    if method == "POST" and verb == "register":
        world.access.require(who.object_id, f"{namespace}/register/action", f"/subscriptions/{subscription}")
        return 200, _provider(subscription, namespace.lower()), {}
    if method == "POST" and verb == "checknameavailability":
        return 200, _availability(world, subscription, namespace, body or {}, who), {}
    return (200, _provider(subscription, namespace.lower()), {}) if method == "GET" and not verb else None


def _provider(subscription: str, namespace: str) -> Body:
    """All are registered from the start; a type can be had in every region."""
    rules = [rule for rule in TYPES.values() if rule.kind.startswith(f"{namespace}/")]
    name = rules[0].name.partition("/")[0]
    root = f"/subscriptions/{subscription}" if subscription else ""
    shown: Body = {"id": f"{root}/providers/{name}", "namespace": name}
    if subscription:
        shown |= {"registrationState": "Registered", "registrationPolicy": "RegistrationRequired"}
    return shown | {"resourceTypes": [_type(rule) for rule in rules]}


def _type(rule: Type) -> Body:
    return {
        "resourceType": "resourceGroups" if rule.kind == GROUP else rule.name.partition("/")[2],
        "locations": _names() if rule.tracked else [],
        "apiVersions": [VERSION],
        "defaultApiVersion": VERSION,
        "capabilities": "SupportsTags, SupportsLocation" if rule.tracked else "None",
    }


def _regions(subscription: str) -> list[Body]:
    """learn.microsoft.com/rest/api/resources/subscriptions/list-locations"""
    found = [(name.lower().replace(" ", ""), name) for name in _names()]
    return [
        {
            "id": f"/subscriptions/{subscription}/locations/{short}",
            "name": short,
            "type": "Region",
            "displayName": name,
            "regionalDisplayName": name,
            "metadata": {"regionType": "Physical", "regionCategory": "Recommended"},
        }
        for short, name in found
        if short in LOCATIONS
    ]


def _names() -> list[str]:
    return [" ".join(name.split()) for name in REGIONS.split(",")]


def _availability(world: World, subscription: str, namespace: str, body: Body, who: Principal) -> Body:
    """Whether a name that becomes part of a host name is legal and free: `free` of its type."""
    rule = next((r for r in TYPES.values() if r.free and r.kind.startswith(f"{namespace.lower()}/")), None)
    if rule is None or rule.unique is None:
        raise unknown_type(f"/providers/{namespace}/checkNameAvailability/-", VERSION)
    how, name, kind = rule.free, str(body.get("name") or ""), str(body.get("type") or "")
    scope = f"/subscriptions/{subscription}"
    world.access.require(who.object_id, f"{namespace}/checkNameAvailability/{how['action']}", scope)
    refuse(not name, "The required property 'name' is missing.")
    text = f"The type '{kind}' is invalid: the names of '{rule.name}' are checked in '{namespace}'."
    refuse("untyped" not in how and kind.lower() != rule.kind, text)
    said: Body = {"name": name} if how["says"] == "available" else {}
    reason = "illegal" if not re.fullmatch(rule.names, name) else "taken" if _is_taken(world, rule, name) else ""
    if not reason:
        return said | {how["says"]: True} | ({"reason": "None", "message": ""} if "untyped" in how else {})
    text = rule.bad_name[1] if reason == "illegal" else rule.unique[2]
    return said | {how["says"]: False, "reason": how[reason], "message": text.format(name=name, rule=rule.names)}


def _is_taken(world: World, rule: Type, name: str) -> bool:
    """By a resource, or by a vault that was deleted and is not purged."""
    names = [resource["name"] for resource in world.store.resources(kind=rule.kind)]
    if rule.kind == soft_delete.VAULT:
        names += [body["name"] for _, _, body in soft_delete.remaining(world, rule.kind)]
    return name.lower() in (one.lower() for one in names)


def _shown(world: World, subscription: str) -> Body:
    return {
        "id": f"/subscriptions/{subscription}",
        "subscriptionId": subscription,
        "tenantId": world.directory.tenant_id,
        "displayName": "Sandbox",
        "state": "Enabled",
        "authorizationSource": "RoleBased",
    }
