"""Resource ids, pulled apart. Ids are case-insensitive; kinds are always lower case."""

import re

GROUP = "microsoft.resources/resourcegroups"
SUBSCRIPTION = "microsoft.resources/subscriptions"
PROVIDERS = re.compile("/providers/", re.IGNORECASE)


def normal(resource_id: str) -> str:
    """Lower case, one leading slash, none at the end: the form in which ids are compared."""
    return "/" + resource_id.strip("/").lower()


def type_of(resource_id: str) -> str:
    """`.../providers/A.B/c/x/d/y` → `A.B/c/d`, in the spelling of the id."""
    head, *tails = PROVIDERS.split("/" + resource_id.strip("/"))
    if not tails:
        return "Microsoft.Resources/" + ("resourceGroups" if len(head.split("/")) > 3 else "subscriptions")
    parts = tails[-1].split("/")
    return "/".join([parts[0], *parts[1::2]])


def kind_of(resource_id: str) -> str:
    return type_of(resource_id).lower()


def name_of(resource_id: str) -> str:
    return resource_id.rstrip("/").rsplit("/", 1)[-1]


def parent_of(resource_id: str) -> str:
    """The id above: the parent resource, the resource an extension hangs on, the group, the subscription or ''."""
    parts = ("/" + resource_id.strip("/")).split("/")
    lower = [part.lower() for part in parts]
    if "providers" not in lower:
        return "/".join(parts[:-2])
    last = len(parts) - 1 - lower[::-1].index("providers")
    return "/".join(parts[:-2] if len(parts) - last > 4 else parts[:last])


def scopes_of(resource_id: str) -> list[str]:
    """The id itself and everything above it, normalised, up to the root scope `/`."""
    above, scope = [], normal(resource_id)
    while scope.strip("/"):
        above.append(scope)
        scope = parent_of(scope)
    return [*above, "/"]


def group_of(resource_id: str) -> str:
    """The resource group's id, or '' for what lies outside of one."""
    found = re.match(r"/subscriptions/[^/]+/resourcegroups/[^/]+", resource_id, re.IGNORECASE)
    return found[0] if found else ""


def subscription_of(resource_id: str) -> str:
    found = re.match(r"/subscriptions/([^/]+)", resource_id, re.IGNORECASE)
    return found[1] if found else ""
