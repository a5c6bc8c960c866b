"""What Resource Manager says about a subscription: regions, providers, free names, and what its lists filter."""

from typing import Any

import pytest
from azure_sandbox.envelope import LOCATIONS
from azure_sandbox.rules import TYPES
from sandbox_world import PLACE, World

FILTERED = "filtered"
OTHER = "filtered-too"
LOST = "Microsoft.Storage/storageAccounts/lost"


@pytest.fixture
def there(world: World) -> World:
    """Two groups with tags and a few resources of two types."""
    identities, logs = "Microsoft.ManagedIdentity/userAssignedIdentities", "Microsoft.OperationalInsights/workspaces"
    world.put(f"{world.subscription}/resourceGroups/{FILTERED}", {"location": PLACE, "tags": {"Team": "Data"}})
    world.put(f"{world.subscription}/resourceGroups/{OTHER}", {"location": PLACE, "tags": {"team": "web"}})
    for place, name, location, tags in (
        (f"{FILTERED}/providers/{identities}", "filtered-one", "West Europe", {"Team": "Data"}),
        (f"{FILTERED}/providers/{logs}", "filtered-logs", "West Europe", {"team": "Data", "Tier": "1"}),
        (f"{OTHER}/providers/{logs}", "other-logs", "northeurope", {"teamwork": "x"}),
    ):
        world.put(f"{world.subscription}/resourceGroups/{place}/{name}", {"location": location, "tags": tags})
    return world


def listed(world: World, text: str, group: str = "", kind: str = "resources") -> list[dict[str, Any]]:
    place = f"{world.subscription}/resourceGroups/{group}" if group else world.subscription
    answer = world.arm("GET", f"{place}/{kind}", **{"$filter": text})
    assert answer.status_code == 200, answer.text
    return answer.json()["value"]


LOGS = "resourceType eq 'Microsoft.OperationalInsights/workspaces'"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (f"{LOGS} and location eq 'North Europe'", {"other-logs"}),
        (f"{LOGS} and location ne 'northeurope'", {"filtered-logs"}),
        (f"{LOGS.lower()} or name eq 'filtered-one'", {"filtered-logs", "filtered-one", "other-logs"}),
        (f"name eq 'Filtered-One' or {LOGS} and resourceGroup eq '{OTHER}'", {"filtered-one", "other-logs"}),
        ("name eq 'it''s none'", set()),
        (f"resourceGroup eq '{FILTERED}' and substringof('logs', name)", {"filtered-logs"}),
        ("startswith(tagName, 'TEAM')", {"filtered-logs", "filtered-one", "other-logs"}),
        ("substringof('FILTERED-', name)", {"filtered-logs", "filtered-one"}),
        ("tagName eq 'TEAM'", {"filtered-logs", "filtered-one"}),
        ("tagname eq 'team' and tagvalue eq 'Data'", {"filtered-logs", "filtered-one"}),
        ("tagName eq 'team' and tagValue eq 'data'", set()),
    ],
)
def test_resources_are_found_by_what_is_documented(there: World, text: str, names: set[str]) -> None:
    found = {resource["name"] for resource in listed(there, text)}
    assert found & {"filtered-one", "filtered-logs", "other-logs"} == names  # other tests have resources too


def test_resources_are_found_in_a_group_and_show_no_properties(there: World) -> None:
    (found,) = listed(there, LOGS, FILTERED)
    assert found["location"] == "West Europe"
    assert set(found) == {"id", "location", "name", "tags", "type"}
    (found,) = listed(there, "tagName eq 'Tier'", FILTERED)
    assert "tags" not in found  # "the original tags for each resource will not be returned"
    asked = {"$filter": "name eq 'filtered-one'", "$expand": "createdTime,provisioningState"}
    (more,) = there.arm("GET", f"{there.subscription}/resources", **asked).json()["value"]
    assert (more["provisioningState"], more["createdTime"][:10]) == ("Succeeded", "2026-03-01")


def test_groups_are_found_by_their_tags_only(there: World) -> None:
    kind = "resourceGroups"
    assert [one["name"] for one in listed(there, "tagName eq 'team'", kind=kind)] == [FILTERED, OTHER]
    (found,) = listed(there, "tagname eq 'team' and tagvalue eq 'Data'", kind=kind)
    assert (found["name"], found["tags"]) == (FILTERED, {"Team": "Data"})
    answer = there.arm("GET", f"{there.subscription}/{kind}", **{"$filter": f"name eq '{FILTERED}'"})
    assert (answer.status_code, answer.json()["error"]) == (
        400,
        {
            "code": "InvalidFilterInQueryString",
            "message": f"Invalid $filter 'name eq '{FILTERED}'' specified in the query string.",
        },
    )


@pytest.mark.parametrize(
    "text",
    [
        "$filter=name eq 'a'",
        "(name eq 'a')",
        "colour eq 'a'",
        "name",
        "name eq 'a' and",
        "name eq 'a' and tagName eq 'team'",
        "name eq a",
        "name gt 'a'",
        "startswith(name, 'a')",
        "substringof('a', location)",
        "tagName ne 'team'",
        "tagValue eq 'Data'",
    ],
)
def test_a_filter_that_is_not_documented_is_refused(there: World, text: str) -> None:
    answer = there.arm("GET", f"{there.subscription}/resources", **{"$filter": text})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidFilterInQueryString")


def test_assignments_are_found_by_scope_and_by_who_has_them(world: World) -> None:
    near, far = (world.group(name).removesuffix("/providers") for name in ("roles", "roles-beside"))
    someone = world.user_identity(f"{near}/providers", "someone")["properties"]["principalId"]
    here, beside = (world.grant(place, "Storage Blob Data Reader", someone).rsplit("/", 1)[-1] for place in (near, far))

    def found(scope: str, text: str) -> set[str]:
        path = f"{scope}/providers/Microsoft.Authorization/roleAssignments"
        answer = world.arm("GET", path, **({"$filter": text} if text else {})).json()
        return {one["name"] for one in answer["value"]} & {here, beside}

    both, mine = {here, beside}, f"principalId eq '{someone}'"
    assert found(world.subscription, "") == found(world.subscription, mine) == both
    assert found(world.subscription, f"assignedTo('{someone.upper()}')") == both
    assert found(world.subscription, "atScope()") == set()  # "at or above"
    assert found(near, "atScope()") == {here}
    assert found(far, f"atScope() and assignedTo('{someone}')") == {beside}  # not what a name like it has
    assert found(near, f"assignedTo('{world.identity('deployer')['objectId']}')") == set()


def test_definitions_are_found_by_name_and_kind(world: World) -> None:
    path = f"{world.subscription}/providers/Microsoft.Authorization/roleDefinitions"

    def found(text: str) -> list[str]:
        return [one["properties"]["roleName"] for one in world.arm("GET", path, **{"$filter": text}).json()["value"]]

    assert found("roleName eq 'storage blob data reader'") == ["Storage Blob Data Reader"]
    assert found("roleName eq 'Reader and Data Access'") in ([], ["Reader and Data Access"])
    assert "Storage Blob Data Reader" in found("atScopeAndBelow() and type eq 'BuiltInRole'")
    assert "Storage Blob Data Reader" not in found("type eq 'CustomRole'")


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("roleAssignments", "atScope() and "),
        ("roleAssignments", "atScope() and principalId eq 'a'"),
        ("roleAssignments", "principalId"),
        ("roleAssignments", "principalId eq 'a' and roleDefinitionId eq 'b'"),
        ("roleDefinitions", "name eq 'Reader'"),
        ("roleDefinitions", "roleName eq 'Reader' or roleName eq 'Owner'"),
        ("roleDefinitions", "type eq 'Any'"),
    ],
)
def test_roles_are_found_by_what_is_documented_only(world: World, kind: str, text: str) -> None:
    answer = world.arm("GET", f"{world.subscription}/providers/Microsoft.Authorization/{kind}", **{"$filter": text})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "UnsupportedQuery")
    assert answer.json()["error"]["message"].startswith(f"The filter '{text}' is not supported. Supported filters are ")


def test_a_subscription_names_its_regions(world: World) -> None:
    found = world.arm("GET", f"{world.subscription}/locations").json()["value"]
    assert {"westeurope": "West Europe", "uaenorth": "UAE North"}.items() <= {
        one["name"]: one["displayName"] for one in found
    }.items()
    assert sorted(one["name"] for one in found) == sorted(set(LOCATIONS) - {"global"})
    assert found[0]["id"] == f"{world.subscription}/locations/{found[0]['name']}"


def test_every_provider_is_listed_with_its_types(world: World) -> None:
    found = {one["namespace"]: one for one in world.arm("GET", f"{world.subscription}/providers").json()["value"]}
    assert {name.partition("/")[0] for name in (rule.name for rule in TYPES.values())} == set(found)
    one = world.arm("GET", f"{world.subscription}/providers/microsoft.eventhub").json()
    assert one == found["Microsoft.EventHub"]
    assert one["registrationState"] == "Registered"
    types = {kind["resourceType"]: kind for kind in one["resourceTypes"]}
    assert {"namespaces", "namespaces/eventhubs", "namespaces/eventhubs/consumergroups"} <= set(types)
    assert "West Europe" in types["namespaces"]["locations"]
    tenants = world.arm("GET", "/providers").json()["value"]
    assert {one["namespace"] for one in tenants} == set(found)
    assert "registrationState" not in tenants[0]


def test_a_provider_is_registered_by_who_may(world: World, as_: Any) -> None:
    answer = world.arm("POST", f"{world.subscription}/providers/Microsoft.Synapse/register")
    assert (answer.status_code, answer.json()["registrationState"]) == (200, "Registered")
    as_("user:nobody")
    refused = world.arm("POST", f"{world.subscription}/providers/Microsoft.Synapse/register")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "AuthorizationFailed")
    assert "Microsoft.Synapse/register/action" in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/providers/Microsoft.Nothing", 404, "InvalidResourceNamespace"),
        ("POST", "/providers/Microsoft.Nothing/register", 404, "InvalidResourceNamespace"),
        ("GET", "/providers/Microsoft.Nothing/things", 404, "InvalidResourceNamespace"),
        ("GET", f"/resourceGroups/{FILTERED}/providers/Microsoft.Nothing/things/a", 404, "InvalidResourceNamespace"),
        ("GET", "/providers/Microsoft.Storage/things", 404, "InvalidResourceType"),
        ("GET", f"/resourceGroups/{FILTERED}/things", 404, "NotFound"),
        ("GET", "/resourceGroups/none/resources", 404, "ResourceGroupNotFound"),
        ("GET", "/tagNames", 404, "NotFound"),
        ("GET", f"/resourceGroups/{FILTERED}/providers/{LOST}/blobServices", 404, "ParentResourceNotFound"),
        (
            "GET",
            f"/resourceGroups/{FILTERED}/providers/{LOST}/blobServices/default/containers",
            404,
            "ParentResourceNotFound",
        ),
        ("POST", "/providers/Microsoft.Storage/unregister", 404, "NotFound"),
        ("PUT", "/things/a", 404, "NotFound"),
        ("PUT", f"/resourceGroups/{FILTERED}/things/a", 404, "NotFound"),
    ],
)
def test_what_there_is_not_is_not_found(there: World, method: str, path: str, status: int, code: str) -> None:
    answer = there.arm(method, there.subscription + path, {"location": PLACE} if method != "GET" else None)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


@pytest.mark.parametrize("path", ["", "/locations", "/providers", "/resourceGroups", "/resources"])
def test_another_subscription_is_not_found(world: World, path: str) -> None:
    answer = world.arm("GET", f"/subscriptions/22222222-2222-4222-8222-222222222222{path}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "SubscriptionNotFound")


BAD, TAKEN, FREE = "_", "namesaretaken1", "nameisstillfree1"
STORAGE = {"location": PLACE, "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}


def vault(world: World) -> dict[str, Any]:
    properties = {"sku": {"name": "standard", "family": "A"}, "enableRbacAuthorization": True}
    return {"location": PLACE, "properties": properties | {"tenantId": world.identity("deployer")["tenant"]}}


NAMES = [
    ("Microsoft.ContainerRegistry/registries", "nameAvailable", "Invalid", "AlreadyExists"),
    ("Microsoft.EventHub/namespaces", "nameAvailable", "InvalidName", "NameInUse"),
    ("Microsoft.KeyVault/vaults", "nameAvailable", "AccountNameInvalid", "AlreadyExists"),
    ("Microsoft.Sql/servers", "available", "Invalid", "AlreadyExists"),
    ("Microsoft.Storage/storageAccounts", "nameAvailable", "AccountNameInvalid", "AlreadyExists"),
    ("Microsoft.Synapse/workspaces", "available", "Invalid", "AlreadyExists"),
]


@pytest.mark.parametrize(("kind", "key", "bad", "taken"), NAMES)
def test_a_name_is_free_taken_or_illegal_in_the_words_of_its_service(
    world: World, kind: str, key: str, bad: str, taken: str
) -> None:
    bodies: dict[str, dict[str, Any]] = {
        "Microsoft.ContainerRegistry/registries": {"location": PLACE, "sku": {"name": "Basic"}},
        "Microsoft.EventHub/namespaces": {"location": PLACE, "sku": {"name": "Standard"}},
        "Microsoft.KeyVault/vaults": vault(world),
        "Microsoft.Storage/storageAccounts": STORAGE,
    }
    asked = {"name": FREE} if "EventHub" in kind else {"name": FREE, "type": kind}
    path = f"{world.subscription}/providers/{kind.partition('/')[0]}/checkNameAvailability"
    free = world.arm("POST", path, asked).json()
    assert (free[key], free.get("reason", "None")) == (True, "None")
    assert ("reason" in free) == ("EventHub" in kind)
    illegal = world.arm("POST", path, asked | {"name": BAD}).json()
    assert (illegal[key], illegal["reason"]) == (False, bad)
    assert BAD in illegal["message"]
    if kind in bodies:
        world.put(f"{world.group('names')}/{kind}/{TAKEN}", bodies[kind])
        found = world.arm("POST", path, asked | {"name": TAKEN.upper() if "Storage" not in kind else TAKEN}).json()
        assert (found[key], found["reason"]) == (False, taken)


def test_the_name_of_a_deleted_vault_is_taken(world: World) -> None:
    path = f"{world.group('names')}/Microsoft.KeyVault/vaults/softlydeleted"
    world.put(path, vault(world))
    assert world.arm("DELETE", path).status_code == 200
    asked = {"name": "softlydeleted", "type": "Microsoft.KeyVault/vaults"}
    found = world.arm("POST", f"{world.subscription}/providers/Microsoft.KeyVault/checkNameAvailability", asked).json()
    assert (found["nameAvailable"], found["reason"]) == (False, "AlreadyExists")


@pytest.mark.parametrize(
    ("namespace", "body", "status", "code"),
    [
        ("Microsoft.DataFactory", {"name": FREE}, 404, "InvalidResourceType"),
        ("Microsoft.Nothing", {"name": FREE}, 404, "InvalidResourceNamespace"),
        ("Microsoft.Storage", {"name": FREE, "type": "Microsoft.KeyVault/vaults"}, 400, "BadRequest"),
        ("Microsoft.Storage", {"name": FREE}, 400, "BadRequest"),
        ("Microsoft.Storage", {}, 400, "BadRequest"),
    ],
)
def test_a_name_is_asked_of_its_own_service(
    world: World, namespace: str, body: dict[str, str], status: int, code: str
) -> None:
    answer = world.arm("POST", f"{world.subscription}/providers/{namespace}/checkNameAvailability", body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
