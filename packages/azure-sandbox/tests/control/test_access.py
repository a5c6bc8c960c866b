import asyncio
from datetime import timedelta

import pytest
from azure_sandbox.access import Access, assignment_body
from azure_sandbox.clock import Clock
from azure_sandbox.directory import Directory
from azure_sandbox.errors import AzureError
from azure_sandbox.roles import BY_NAME
from azure_sandbox.store import Store

GROUP = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/g"
ACCOUNT = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/lake"
CONTAINER = f"{ACCOUNT}/blobServices/default/containers/raw"
WORKSPACE = f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/w"
BLOB = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
ML = "Microsoft.MachineLearningServices/workspaces"


def assign(store: Store, clock: Clock, principal_id: str, role: str, scope: str) -> None:
    body = assignment_body(scope, f"a{len(store.resources())}", principal_id, BY_NAME[role].id, "User", clock.now())
    store.put_resource(body["id"], body)


TABLE = [
    # role, scope of the assignment, action, scope of the request, data, allowed
    ("storage blob data contributor", CONTAINER, f"{BLOB}/write", CONTAINER, True, True),
    ("storage blob data contributor", CONTAINER, f"{BLOB}/write", CONTAINER + "2", True, False),
    ("storage blob data contributor", ACCOUNT, f"{BLOB}/write", CONTAINER, True, True),
    ("storage blob data contributor", GROUP.upper(), f"{BLOB}/write", CONTAINER, True, True),
    ("storage blob data contributor", CONTAINER, f"{BLOB}/read", ACCOUNT, True, False),
    ("storage blob data reader", ACCOUNT, f"{BLOB}/read", CONTAINER, True, True),
    ("storage blob data reader", ACCOUNT, f"{BLOB}/write", CONTAINER, True, False),
    ("owner", GROUP, f"{BLOB}/read", CONTAINER, True, False),
    ("owner", GROUP, f"{ML}/write", WORKSPACE, False, True),
    ("contributor", GROUP, "Microsoft.Authorization/roleAssignments/write", GROUP, False, False),
    ("contributor", GROUP, "Microsoft.Authorization/roleAssignments/read", GROUP, False, True),
    ("reader", GROUP, f"{ML}/models/versions/read", WORKSPACE, False, True),
    ("reader", GROUP, f"{ML}/listKeys/action", WORKSPACE, False, False),
    ("azureml data scientist", WORKSPACE, f"{ML}/batchEndpoints/deployments/jobs/write", WORKSPACE, False, True),
    ("azureml data scientist", WORKSPACE, f"{ML}/read", WORKSPACE, False, True),
    ("azureml data scientist", WORKSPACE, f"{ML}/write", WORKSPACE, False, False),
    ("azureml data scientist", WORKSPACE, f"{ML}/computes/write", WORKSPACE, False, False),
    ("azureml data scientist", WORKSPACE, f"{ML}/computes/read", WORKSPACE, False, True),
    ("azureml compute operator", WORKSPACE, f"{ML}/computes/write", WORKSPACE, False, True),
    ("azure event hubs data sender", GROUP, "Microsoft.EventHub/namespaces/messages/send/action", GROUP, True, True),
    ("azure event hubs data receiver", GROUP, "Microsoft.EventHub/namespaces/messages/send/action", GROUP, True, False),
    ("acrpull", GROUP, "Microsoft.ContainerRegistry/registries/pull/read", GROUP, False, True),
]


@pytest.mark.parametrize(("role", "at", "action", "scope", "data", "expected"), TABLE)
def test_a_role_grants_its_actions_at_its_scope_and_below(
    store: Store,
    clock: Clock,
    access: Access,
    directory: Directory,
    role: str,
    at: str,
    action: str,
    scope: str,
    data: bool,
    expected: bool,
) -> None:
    store.set_value("propagation", 0)
    someone = directory.user("ada").object_id
    assign(store, clock, someone, role, at)
    assert access.allows(someone, action, scope, data=data) is expected


def test_an_assignment_takes_effect_after_propagation(
    store: Store, clock: Clock, access: Access, directory: Directory
) -> None:
    someone = directory.user("ada").object_id
    assign(store, clock, someone, "storage blob data reader", CONTAINER)
    asyncio.run(clock.advance(timedelta(seconds=119)))
    assert not access.allows(someone, f"{BLOB}/read", CONTAINER, data=True)
    assert "takes effect in 1 s" in access.explain(someone, f"{BLOB}/read", CONTAINER, data=True)
    asyncio.run(clock.advance(timedelta(seconds=1)))
    assert access.allows(someone, f"{BLOB}/read", CONTAINER, data=True)
    store.delete_resource(CONTAINER + "/providers/Microsoft.Authorization/roleAssignments/a1")
    assert not access.allows(someone, f"{BLOB}/read", CONTAINER, data=True)


def test_the_deployer_owns_the_subscription_from_the_start_but_reads_no_data(
    access: Access, directory: Directory
) -> None:
    deployer = directory.deployer.object_id
    access.require(deployer, f"{ML}/write", WORKSPACE)
    assert not access.allows(deployer, f"{BLOB}/read", CONTAINER, data=True)


def test_a_group_hands_its_roles_to_members_of_members(
    store: Store, clock: Clock, access: Access, directory: Directory
) -> None:
    store.set_value("propagation", 0)
    ada = directory.user("ada").object_id
    inner = directory.group("readers", ada)
    outer = directory.group("everybody", inner.object_id)
    assign(store, clock, outer.object_id, "storage blob data reader", CONTAINER)
    assert access.allows(ada, f"{BLOB}/read", CONTAINER, data=True)


def test_a_declared_role_counts(store: Store, clock: Clock, access: Access, directory: Directory) -> None:
    store.set_value("propagation", 0)
    guid = "aaaaaaaa-0000-4000-8000-000000000000"
    definition = f"{GROUP}/providers/Microsoft.Authorization/roleDefinitions/{guid}"
    permissions = [{"actions": [f"{ML}/*/read"], "notActions": [f"{ML}/models/*"]}]
    body = {"id": definition, "name": guid, "properties": {"roleName": "Invoker", "permissions": permissions}}
    store.put_resource(definition, body)
    ada = directory.user("ada").object_id
    body = assignment_body(GROUP, "b", ada, guid, "User", clock.now())
    store.put_resource(body["id"], body)
    assert access.allows(ada, f"{ML}/jobs/read", WORKSPACE)
    assert not access.allows(ada, f"{ML}/models/read", WORKSPACE)


def test_a_refusal_names_principal_action_and_scope(access: Access, directory: Directory) -> None:
    ada = directory.user("ada")
    with pytest.raises(AzureError) as refusal:
        access.require(ada.object_id, f"{ML}/write", WORKSPACE)
    assert (refusal.value.status, refusal.value.code) == (403, "AuthorizationFailed")
    for part in ("'ada'", ada.object_id, f"'{ML}/write'", f"'{WORKSPACE}'"):
        assert part in refusal.value.message


def test_principals_are_found_by_whatever_names_them(directory: Directory) -> None:
    identity = directory.create("sensors", "ServicePrincipal", resource_id="/subscriptions/S/x/Sensors")
    for text in ("sensors", identity.object_id, identity.client_id, "/subscriptions/s/X/sensors"):
        assert directory.find(text) == identity
    assert directory.find("user:ada") == directory.user("ada")
    assert directory.find("nobody") is None
    directory.remove(identity.object_id)
    assert directory.find("sensors") is None
