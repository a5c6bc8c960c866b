"""What `$filter` means in the lists of resources, groups and roles; what is not documented is refused.

learn.microsoft.com/rest/api/resources/resources/list and resource-groups/list: tags, or terms about properties joined
by and/or, never both (azure-cli holds its users to that). Of the documented properties, `identity` and the plan's are
not offered. learn.microsoft.com/azure/role-based-access-control/role-assignments-list-rest, role-definitions-list.
"""

import re
from collections.abc import Callable

from azure_sandbox.errors import AzureError
from azure_sandbox.ids import group_of, kind_of, name_of, normal, parent_of, scopes_of
from azure_sandbox.rules.types import Body, World, dig

Test = Callable[[Body], bool]
TEXT = r"'((?:[^']|'')*)'"
TAG = re.compile(rf"tagName\s+eq\s+{TEXT}(?:\s+and\s+tagValue\s+eq\s+{TEXT})?", re.IGNORECASE)
PREFIX = re.compile(rf"startswith\(\s*tagName\s*,\s*{TEXT}\s*\)", re.IGNORECASE)
TERM = re.compile(rf"([\w/]+)\s+(eq|ne)\s+{TEXT}|substringof\(\s*{TEXT}\s*,\s*(\w+)\s*\)", re.IGNORECASE)
JOINT = re.compile(r"\s+(and|or)\s+", re.IGNORECASE)
PROPERTIES: dict[str, Callable[[Body], str]] = {
    "location": lambda r: str(r.get("location", "")).replace(" ", ""),
    "resourcetype": lambda r: kind_of(r["id"]),
    "name": lambda r: r["name"],
    "resourcegroup": lambda r: name_of(group_of(r["id"])),
    "identity/principalid": lambda r: str(dig(r, "identity.principalId") or ""),
}
ASSIGNED = re.compile(rf"|(atScope\(\))(?:\s+and\s+assignedTo\({TEXT}\))?|assignedTo\({TEXT}\)", re.IGNORECASE)
PRINCIPAL = re.compile(rf"principalId\s+eq\s+{TEXT}", re.IGNORECASE)
DEFINED = rf"(?:atScopeAndBelow\(\)|(roleName)\s+eq\s+{TEXT}|type\s+eq\s+'(BuiltInRole|CustomRole)')"
PARTS = ("name", "resourcegroup")  # of these `substringof` knows


def chosen(found: list[Body], text: str, *, groups: bool) -> list[Body]:
    """Those that the filter names. Groups are found by their tags only; resources found by a tag show none of theirs.

    Raises AzureError 400 InvalidFilterInQueryString (Azure/azure-sdk-for-net#18748, Azure/azure-sdk-for-go#2480).
    """
    if not text.strip():
        return found
    tagged = _tagged(text.strip(), groups=groups)
    test = tagged or (None if groups else _said(text.strip()))
    if test is None:
        message = f"Invalid $filter '{text}' specified in the query string."
        raise AzureError(400, "InvalidFilterInQueryString", message)
    kept = [resource for resource in found if test(resource)]
    return [{k: v for k, v in r.items() if k != "tags"} for r in kept] if tagged and not groups else kept


def assigned(world: World, found: list[Body], above: str, text: str) -> list[Body]:
    """Role assignments at or above the scope, of a principal, or of a principal and its groups.

    Raises AzureError 400 UnsupportedQuery (turbot/steampipe-plugin-azure, azure-rest-api-specs#28255).
    """
    one, other = PRINCIPAL.fullmatch(text.strip()), ASSIGNED.fullmatch(text.strip())
    if one is None and other is None:
        message = f"The filter '{text}' is not supported. Supported filters are either 'atScope()' or "
        message += "'principalId eq '{value}' or assignedTo('{value}')'."
        raise AzureError(400, "UnsupportedQuery", message)
    at_scope, of = (other[1], other[2] or other[3]) if other else (None, None)
    who = {one[1].lower()} if one else {of.lower(), *world.directory.groups_of(of.lower())} if of else None
    scopes = scopes_of(above)
    return [
        r
        for r in found
        if (who is None or str(dig(r, "properties.principalId")).lower() in who)
        and (not at_scope or normal(parent_of(r["id"])) in scopes)
    ]


def defined(found: list[Body], text: str) -> list[Body]:
    """Role definitions by name or kind; the sandbox's are all there at every scope. Raises as `assigned` does."""
    if text.strip() and not re.fullmatch(rf"{DEFINED}(?:\s+and\s+{DEFINED})*", text.strip(), re.IGNORECASE):
        message = (
            f"The filter '{text}' is not supported. Supported filters are either roleName eq '{{value}}' or type eq "
        )
        raise AzureError(400, "UnsupportedQuery", f"{message}'BuiltInRole|CustomRole'.")
    for asked in re.finditer(DEFINED, text, re.IGNORECASE):
        if asked[1]:
            found = [d for d in found if d["properties"]["roleName"].lower() == _plain(asked[2]).lower()]
        elif asked[3]:
            found = [d for d in found if str(d["properties"].get("type")).lower() == asked[3].lower()]
    return found


def _tagged(text: str, *, groups: bool) -> Test | None:
    """Names of tags are case-insensitive, their values are not.
    learn.microsoft.com/azure/azure-resource-manager/management/tag-resources"""
    start = PREFIX.fullmatch(text)
    if start and not groups:
        return lambda r: any(tag.startswith(_plain(start[1]).lower()) for tag in _tags(r))
    asked = TAG.fullmatch(text)
    if asked is None:
        return None
    name, value = _plain(asked[1]).lower(), None if asked[2] is None else _plain(asked[2])
    return lambda r: name in _tags(r) and value in (None, _tags(r)[name])


def _said(text: str) -> Test | None:
    """Terms about properties; `and` binds closer than `or`."""
    alternatives: list[list[Test]] = [[]]
    place = 0
    while found := TERM.match(text, place):
        test = _term(found)
        if test is None:
            return None
        alternatives[-1].append(test)
        if found.end() == len(text):
            return lambda r: any(all(test(r) for test in tests) for tests in alternatives)
        joint = JOINT.match(text, found.end())
        if joint is None:
            return None
        if joint[1].lower() == "or":
            alternatives.append([])
        place = joint.end()
    return None


def _term(found: re.Match[str]) -> Test | None:
    about, equal = (found[1] or found[5]).lower(), (found[2] or "eq").lower() == "eq"
    value = _plain(found[4] if found[1] is None else found[3]).lower()
    read = PROPERTIES.get(about)
    if read is None:
        return None
    if found[1] is None:
        return (lambda r: value in read(r).lower()) if about in PARTS else None
    wanted = value.replace(" ", "") if about == "location" else value
    return lambda r: (read(r).lower() == wanted) is equal


def _tags(resource: Body) -> dict[str, str]:
    return {name.lower(): value for name, value in (resource.get("tags") or {}).items()}


def _plain(text: str) -> str:
    return text.replace("''", "'")
