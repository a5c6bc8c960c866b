"""Each kind of mistake that Azure refuses is refused, with Azure's status and code, in words that name the place."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
import refusals
from arm_world import HERE, Arm, guid
from azure_sandbox.access import Access
from azure_sandbox.resource_manager import ResourceManager

CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
WS = "ml/ws-1"
END = f"{WS}/batchEndpoints/end"
JOB = "asa/job1"
HUB = "eh/hubs-1/eventhubs/h"

# What is PUT, the change to its valid body (`sku__name` for sku.name, ... removes), status, code, part of the message.
PUTS: list[tuple[str, dict[str, Any], int, str, str]] = [
    # required, enums, bounds
    ("st/new1", {"location": ...}, 400, "LocationRequired", "location property is required"),
    ("st/new1", {"location": "atlantis"}, 400, "LocationNotAvailableForResourceType", "'atlantis'"),
    ("st/new1", {"sku": {}}, 400, "InvalidValuesForRequestParameters", "'sku.name' is missing"),
    ("st/new1", {"sku__name": "Gold"}, 400, "InvalidValuesForRequestParameters", "'Gold' of property 'sku.name'"),
    ("st/new1", {"access_tier": "Hot"}, 400, "InvalidRequestContent", "Could not find member 'access_tier'"),
    ("st/new1", {"tags": {"owner": None}}, 400, "InvalidRequestContent", "'tags.owner'"),
    ("st/new1", {"tags": {f"t{n}": "x" for n in range(51)}}, 400, "InvalidTags", "allowed - '50'"),
    ("st/new1", {"tags": {"a/b": "x", "c<": "x"}}, 400, "InvalidTagNameCharacters", "The tag names 'a/b, c<' have"),
    ("kv/kv-2", {"properties__enablePurgeProtection": False}, 400, "BadRequest", "cannot be set to false"),
    ("kv/kv-2", {"properties__softDeleteRetentionInDays": 5}, 400, "BadRequest", "out of range: 7 to 90"),
    ("kv/kv-2", {"properties__tenantId": guid(9)}, 400, "BadRequest", "tenant"),
    ("cr/cr54321", {"properties": {"publicNetworkAccess": "Disabled"}}, 400, "SkuNotSupported", "Premium"),
    ("eh/hubs-2", {"sku__name": "Gold"}, 400, "BadRequest", "Basic, Standard, Premium"),
    ("eh/hubs-2", {"properties": {"isAutoInflateEnabled": True}}, 400, "BadRequest", "between 1 and 40"),
    ("eh/hubs-1/eventhubs/h2", {"properties__partitionCount": 33}, 400, "BadRequest", "between 1 and 32"),
    ("eh/hubs-1/eventhubs/h2", {"properties__messageRetentionInDays": 8}, 400, "BadRequest", "at most 7 days"),
    ("asa/job2", {"properties__sku": ...}, 422, "UnprocessableEntity", "'properties.sku.name' is missing"),
    ("asa/job2", {"properties__compatibilityLevel": "2.0"}, 422, "UnprocessableEntity", "1.0, 1.1, 1.2"),
    ("asa/job2", {"properties__outputStartMode": "JobStartTime"}, 422, "UnprocessableEntity", "at least one input"),
    (f"{JOB}/outputs/two", {"properties__timeWindow": ...}, 422, "UnprocessableEntity", "'timeWindow'"),
    (f"{WS}/computes/two", {"properties__properties__vmSize": ...}, 400, "UserError", "vmSize"),
    (f"{WS}/computes/two", {"properties__properties__scaleSettings": {}}, 400, "UserError", "maxNodeCount"),
    (f"{END}/deployments/two", {"properties__miniBatchSize": 0}, 400, "UserError", "'properties.miniBatchSize'"),
    (f"{END}/deployments/two", {"properties__outputAction": "Append"}, 400, "UserError", "AppendRow, SummaryOnly"),
    (f"{END}/deployments/two", {"properties__retrySettings": {"timeout": "5m"}}, 400, "UserError", "ISO 8601"),
    (f"{WS}/batchEndpoints/two", {"properties__authMode": "Key"}, 400, "UserError", "AADToken only"),
    (f"{WS}/batchEndpoints/two", {"tags": {"owner": ""}}, 400, "UserError", "Tag values must not be null or empty"),
    # what does not exist
    ("Nowhere/x/y", {}, 404, "InvalidResourceNamespace", "'Nowhere'"),
    ("Microsoft.Storage/teapots/x", {}, 404, "InvalidResourceType", "'teapots'"),
    ("st/nolake/blobServices/default/containers/raw", {}, 404, "ParentResourceNotFound", "storageAccounts/nolake'"),
    ("eh/nohubs/eventhubs/h", {}, 404, "ParentResourceNotFound", "namespaces/nohubs'"),
    ("ai/two", {"properties__WorkspaceResourceId": "/x/y"}, 400, "BadRequest", "WorkspaceResourceId"),
    (f"{END}/deployments/two", {"properties__model__assetId": "azureml:m:7"}, 404, "ResourceNotFound", "azureml:m:7"),
    (f"{END}/deployments/two", {"properties__environmentId": "azureml:e:7"}, 404, "ResourceNotFound", "azureml:e:7"),
    (END, {"properties__defaults": {"deploymentName": "none"}}, 400, "BadRequest", "'none' does not exist"),
    (f"{JOB}/outputs/two", {"properties__datasource__properties__container": "no"}, 400, "BadRequest", "'no'"),
    # immutables
    ("st/lake", {"properties__isHnsEnabled": False}, 409, "PropertyChangeNotAllowed", "'properties.isHnsEnabled'"),
    ("st/lake", {"location": "northeurope"}, 409, "InvalidResourceLocation", "already exists in location 'westeurope'"),
    (HUB, {"properties__partitionCount": 4}, 400, "BadRequest", "from 2 to 4"),
    (f"{WS}/computes/cpu", {"properties__properties__vmSize": "Big"}, 409, "PropertyChangeNotAllowed", "vmSize"),
    (f"{WS}/models/m/versions/1", {"properties__modelUri": "https://assets.example/2"}, 409, "Conflict", "immutable"),
    (f"{WS}/codes/c/versions/1", {"properties__codeUri": "https://assets.example/2"}, 409, "Conflict", "immutable"),
    # contradictions
    (WS.replace("1", "2"), {"properties__storageAccount": "HNS"}, 400, "BadRequest", "HNS enabled"),
    (WS.replace("1", "2"), {"identity": ...}, 400, "BadRequest", "needs an identity"),
    ("st/new1", {"properties": {"isHnsEnabled": True}, "sku__name": "Premium_LRS"}, 400, "HnsNotSupported", "Premium"),
]
LIKE = {
    "st": "st/work",
    "kv": "kv/kv-1",
    "cr": "cr/cr12345",
    "eh": "eh/hubs-1",
    "asa": JOB,
    "ai": "ai/insights",
    "eventhubs": HUB,
    "outputs": f"{JOB}/outputs/raw",
    "computes": f"{WS}/computes/cpu",
    "deployments": f"{END}/deployments/first",
    "batchEndpoints": END,
}


def model_of(arm: Arm, short: str) -> str | None:
    """The resource whose valid body a new one begins with."""
    parts = short.split("/")
    if short in arm.bodies():
        return short
    return LIKE.get(parts[-2]) or (WS if parts[0] == "ml" and len(parts) == 2 else None)


@pytest.fixture(scope="module")
def seen() -> Iterator[list[str]]:
    """The rows of docs/refusals.md that this run saw."""
    rows: list[str] = []
    yield rows
    if os.environ.get("REFUSALS") == "write":
        refusals.FILE.write_text(refusals.document(rows), "utf-8")


@pytest.mark.parametrize(("short", "change", "status", "code", "part"), PUTS)
def test_a_wrong_put_is_refused(
    arm: Arm, short: str, change: dict[str, Any], status: int, code: str, part: str, seen: list[str]
) -> None:
    like = model_of(arm, short)
    change = {k: arm.id("st/lake") if v == "HNS" else v for k, v in change.items()}
    before = arm.call("GET", short)[:2]
    body = arm.body(like, **change) if like else dict(change)
    found = arm.refused("PUT", short, body)
    assert found[:2] == (status, code), found
    assert part in found[2]
    seen.append(refusals.row(arm.id(short), change, *found[:3]))
    if os.environ.get("REFUSALS") != "write":
        stale = "docs/refusals.md is stale: REFUSALS=write pytest packages/azure-sandbox/tests/control/test_refusals.py"
        assert seen[-1] in refusals.FILE.read_text("utf-8").splitlines(), stale
    assert arm.call("GET", short)[:2] == before, "a refusal leaves nothing half-written"


def test_the_document_says_what_the_rules_say() -> None:
    if os.environ.get("REFUSALS") == "write":
        pytest.skip("it is being written")
    written = refusals.FILE.read_text("utf-8")
    bodies = written.partition("## Bodies")[2].partition("\n## Names")[0].strip().splitlines()[2:]
    assert len(bodies) == len(PUTS)
    assert written == refusals.document(bodies)


def test_names_are_taken_in_all_of_azure(arm: Arm) -> None:
    taken = {
        "st/lake": "StorageAccountAlreadyTaken",
        "kv/kv-1": "VaultAlreadyExists",
        "cr/cr12345": "AlreadyInUse",
        "eh/hubs-1": "BadRequest",
    }
    bodies = {short: arm.body(short) for short in taken}
    other = Arm(manager=arm.manager, who=arm.who, group="other")
    other.ok("PUT", "", HERE)
    for short, code in taken.items():
        status, found, message = other.refused("PUT", short, bodies[short])
        assert (status, found) == (400 if code == "BadRequest" else 409, code)
        assert f"{short.split('/')[1]}" in message


def test_names_are_taken_in_other_subscriptions_too(arm: Arm) -> None:
    world, second = arm.manager.world, guid(77)
    world.store.set_value("subscriptions", [second])
    access = Access(world.store, world.clock, world.directory)
    other = Arm(manager=ResourceManager(world.store, world.clock, world.directory, access), who=arm.who)
    group = f"/subscriptions/{second}/resourceGroups/g"
    other.ok("PUT", group, HERE)
    account = f"{group}/providers/Microsoft.Storage/storageAccounts/lake"
    assert other.refused("PUT", account, arm.body("st/lake"))[1] == "StorageAccountAlreadyTaken"
    assert arm.refused("PUT", f"/subscriptions/{guid(78)}/resourceGroups/g", HERE)[1] == "SubscriptionNotFound"


def test_an_endpoints_name_is_taken_in_its_region(arm: Arm) -> None:
    arm.ok("PUT", "ml/ws-2", arm.body(WS))
    body = arm.body(END)
    assert arm.refused("PUT", "ml/ws-2/batchEndpoints/end", body)[:2] == (409, "Conflict")
    arm.ok("PUT", "ml/ws-3", arm.body(WS, location="northeurope"))
    arm.ok("PUT", "ml/ws-3/batchEndpoints/end", body)


def test_what_is_in_use_is_not_deleted(arm: Arm) -> None:
    arm.ok("PUT", END, arm.body(END, properties__defaults={"deploymentName": "first"}))
    for short, part in {
        f"{END}/deployments/first": "is the default",
        f"{WS}/models/m/versions/1": "used by the deployment 'first'",
        f"{WS}/codes/c/versions/1": "used by the deployment 'first'",
        f"{WS}/environments/e": "used by the deployment 'first'",
    }.items():
        status, code, message = arm.refused("DELETE", short)
        assert (status, code) == (409, "Conflict")
        assert part in message
    arm.ok("PUT", END, arm.body(END))  # a PUT without defaults has none
    assert arm.get(END)["properties"]["defaults"] == {"deploymentName": None}
    arm.ok("DELETE", f"{END}/deployments/first")
    arm.ok("DELETE", f"{WS}/models/m/versions/1")


def test_a_running_job_is_not_changed(arm: Arm) -> None:
    job = arm.manager.world.store.resource(arm.id(JOB)) or {}
    job["properties"]["jobState"] = "Running"
    arm.manager.world.store.put_resource(arm.id(JOB), job)
    for method, short in {"PUT": JOB, "DELETE": f"{JOB}/inputs/events"}.items():
        status, code, message = arm.refused(method, short, arm.bodies().get(short))
        assert (status, code) == (409, "Conflict")
        assert "'Running'" in message
    assert arm.refused("PUT", f"{JOB}/outputs/raw", arm.body(f"{JOB}/outputs/raw"))[0] == 409


@pytest.mark.parametrize("part", ["inputs", "outputs", "transformation query"])
def test_a_job_starts_only_with_all_its_parts(arm: Arm, part: str) -> None:
    gone = {"inputs": f"{JOB}/inputs/events", "outputs": f"{JOB}/outputs/raw"}
    if part in gone:
        arm.ok("DELETE", gone[part])
    else:
        job = arm.manager.world.store.resource(arm.id(JOB)) or {}
        job["properties"]["transformation"]["properties"].pop("query")
        arm.manager.world.store.put_resource(arm.id(JOB), job)
    status, _, message = arm.refused("POST", f"{JOB}/start", {})
    assert status == 422
    assert f"has no {part}" in message


@pytest.mark.parametrize("mode", ["CustomTime", "LastOutputEventTime", "Now"])
def test_a_start_mode_that_does_not_fit_is_refused(arm: Arm, mode: str) -> None:
    assert mode.split("Time")[0][:3] in arm.refused("POST", f"{JOB}/start", {"outputStartMode": mode})[2]


def test_an_output_is_refused_until_the_job_may_write(arm: Arm) -> None:
    arm.ok("DELETE", f"{arm.id('st/lake/blobServices/default/containers/raw')}{ROLE}/{guid(2)}")
    status, code, message = arm.refused("PUT", f"{JOB}/outputs/raw", arm.body(f"{JOB}/outputs/raw"))
    assert (status, code) == (401, "Unauthorized")
    assert "containers/blobs/write" in message
    assert "no role assignment of job1" in message


ROLE = "/providers/Microsoft.Authorization/roleAssignments"


def test_role_assignments_are_checked(arm: Arm) -> None:
    scope = arm.id("st/lake")
    fresh = arm.get("id/cluster")["properties"]["principalId"]
    good = arm.assignment(fresh, READER)
    wrong: list[tuple[dict[str, Any], str, str]] = [
        ({"principalId": guid(8), "principalType": "User"}, "PrincipalNotFound", "does not exist in the directory"),
        ({"principalId": "me"}, "InvalidPrincipalId", "'me'"),
        ({"principalType": "User"}, "UnmatchedPrincipalType", "'ServicePrincipal'"),
        ({"principalType": None}, "PrincipalNotFound", "replication delay"),
        ({"roleDefinitionId": f"/x/{guid(7)}"}, "RoleDefinitionDoesNotExist", guid(7)),
        ({"principalType": "Robot"}, "InvalidCreateRoleAssignmentRequest", "'Robot'"),
    ]
    for change, code, part in wrong:
        status, found, message = arm.refused("PUT", f"{scope}{ROLE}/{guid(5)}", {"properties": {**good, **change}})
        assert (status, found) == (400, code)
        assert part in message
    assert arm.refused("PUT", f"{scope}{ROLE}/mine", {"properties": good})[1] == "InvalidRoleAssignmentId"
    for _ in range(2):  # a template is deployed again and again
        arm.ok("PUT", f"{scope}{ROLE}/{guid(5)}", {"properties": good})
    other = {**good, "roleDefinitionId": f"/x/{CONTRIBUTOR}"}
    found = arm.refused("PUT", f"{scope}{ROLE}/{guid(5)}", {"properties": other})
    assert found[:2] == (400, "RoleAssignmentUpdateNotPermitted")
    found = arm.refused("PUT", f"{scope}{ROLE}/{guid(6)}", {"properties": good})
    assert found[:2] == (409, "RoleAssignmentExists")
    assert guid(5).replace("-", "") in found[2]


def test_a_request_needs_a_version_and_an_object(arm: Arm) -> None:
    assert arm.refused("GET", "st/lake", **{"api-version": ""})[1] == "MissingApiVersionParameter"
    assert arm.refused("GET", "st/lake", **{"api-version": "latest"})[1] == "InvalidApiVersionParameter"
    assert arm.refused("PUT", "st/lake", [1])[1] == "InvalidRequestContent"
    assert arm.refused("PUT", "st/lake", {"properties": 1, **arm.body("st/work")} | {"properties": 1})[0] == 400


def leaves(value: Any, path: str = "") -> list[str]:
    if not isinstance(value, dict) or not value:
        return [path]
    return [leaf for key, inner in value.items() for leaf in leaves(inner, f"{path}__{key}".removeprefix("__"))]


def test_no_body_is_bad_enough_to_break_anything(arm: Arm) -> None:
    for short, body in arm.bodies().items():
        for path in leaves(body):
            for value in (7, "x", [], {}, [{}], None, True):
                status, answer, _ = arm.call("PUT", short, arm.body(short, **{path: value}) if path else value)
                assert status < 500, (short, path, value, answer)


def test_a_value_of_the_wrong_type_is_refused(arm: Arm) -> None:
    for short, path, value, expected in [
        ("st/work", "properties__allowBlobPublicAccess", "no", "expected true or false"),
        ("eh/hubs-1", "sku__capacity", "1", "expected a number"),
        (WS, "properties__description", 7, "expected a string"),
        (JOB, "properties__eventsLateArrivalMaxDelayInSeconds", True, "expected a number"),
    ]:
        assert expected in arm.refused("PUT", short, arm.body(short, **{path: value}))[2]


def test_missing_things_are_named(arm: Arm) -> None:
    assert arm.refused("GET", "st/none")[:2] == (404, "ResourceNotFound")
    assert arm.refused("GET", f"{arm.root}/resourceGroups/none")[:2] == (404, "ResourceGroupNotFound")
    lost = f"{arm.root}/resourceGroups/none/providers/Microsoft.Storage/storageAccounts/lake"
    assert arm.refused("PUT", lost, arm.body("st/work"))[:2] == (404, "ResourceGroupNotFound")
    stranger = f"/subscriptions/{guid(1)}/resourceGroups/g"
    assert arm.refused("PUT", stranger, HERE)[0] in (403, 404)


def test_who_may_not_is_told_which_action_is_missing(arm: Arm) -> None:
    ada = Arm(manager=arm.manager, who=arm.manager.world.directory.user("ada"))
    for method, short, action in [
        ("PUT", "st/lake", "Microsoft.Storage/storageAccounts/write"),
        ("GET", WS, "Microsoft.MachineLearningServices/workspaces/read"),
        ("DELETE", HUB, "Microsoft.EventHub/namespaces/eventhubs/delete"),
        ("POST", f"{JOB}/start", "Microsoft.StreamAnalytics/streamingjobs/start/action"),
        ("PUT", "", "Microsoft.Resources/subscriptions/resourceGroups/write"),
    ]:
        status, code, message = ada.refused(method, short, HERE)
        assert (status, code) == (403, "AuthorizationFailed")
        assert f"'{action}'" in message
        assert ada.who.object_id in message
    assert ada.ok("GET", f"{ada.root}/resourceGroups") == {"value": []}, "a list shows what one may read"


def test_a_refusal_is_logged_with_its_reason(arm: Arm) -> None:
    _, _, headers = arm.call("GET", "st/none")
    entry = arm.manager.world.store.requests(headers["x-ms-request-id"])[0]
    assert (entry["status"], entry["code"]) == (404, "ResourceNotFound")
    assert entry["path"] == arm.id("st/none")
    assert entry["principal"] == arm.who.object_id
