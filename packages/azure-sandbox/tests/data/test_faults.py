"""Faults on demand: drawn from a seed, at the chosen service, and met by Azure's own clients."""

import gc
from collections.abc import Iterator
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.identity import ManagedIdentityCredential
from azure.mgmt.storage import StorageManagementClient
from azure.storage.blob import ContainerClient
from azure_sandbox import lifecycle
from azure_sandbox.faults import Faults, Plan
from azure_sandbox.store import Store
from sandbox_world import World

ARM = "management.azure.com"
# requests leaves the socket of a connection that was cut to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
PATH = "/subscriptions/1/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/a"


@pytest.fixture
def store(tmp_path) -> Iterator[Store]:
    made = Store(tmp_path / "s.db")
    yield made
    made.close()


def drawn(store: Store, **plan: float | str) -> list[str]:
    faults = Faults(store)
    faults.set(plan)
    found = [faults.draw(ARM, "PUT", PATH) for _ in range(200)]
    return [f"{fault.error.code} {fault.cut}".strip() if fault else "" for fault in found]


def test_a_seed_gives_the_same_faults_again_and_another_gives_others(store: Store) -> None:
    shares = {"throttle": 0.1, "conflict": 0.1, "error": 0.1, "cut": 0.1}
    first = drawn(store, seed=1, **shares)
    assert first == drawn(store, seed=1, **shares)
    assert first != drawn(store, seed=2, **shares)
    cuts = {"ConnectionCut before", "ConnectionCut after"}
    assert set(first) == {
        "",
        "SubscriptionRequestsThrottled",
        "AnotherOperationInProgress",
        "InternalServerError",
        *cuts,
    }
    assert 100 < first.count("") < 140


def test_faults_stay_with_the_sandbox_until_they_are_taken_off(store: Store) -> None:
    Faults(store).set({"error": 1.0})
    assert Faults(store).draw(ARM, "GET", PATH)
    Faults(store).set({})
    assert Faults(store).draw(ARM, "GET", PATH) is None


@pytest.mark.parametrize(
    ("service", "met"),
    [("arm", True), ("Microsoft.Storage", True), ("microsoft.storage", True), ("Microsoft.Web", False), ("ml", False)],
)
def test_only_the_chosen_service_fails(store: Store, service: str, met: bool) -> None:
    assert all(drawn(store, error=1.0, service=service)) is met
    assert Plan(slow=3, service=service).meets("arm", PATH) is met


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ({"throttle": 1.5}, "throttle is a share of the requests, 0 to 1, not 1.5"),
        ({"throttle": 0.6, "error": 0.6}, "the shares come to 1.2, more than 1"),
        ({"slow": -1}, "slow is a number of seconds"),
        ({"lag": 1}, "'lag' is no fault"),
        ({"error": 0.1, "service": "tables"}, "'tables' is no service; there is arm, blob, dfs, eventhubs, ml"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(plan: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Plan.of(plan)


@pytest.fixture
def failing(world: World) -> Iterator[World]:
    yield world
    lifecycle.ask(world.state, "/faults", {})
    gc.collect()


def faulty(world: World, **plan: float | str) -> None:
    lifecycle.ask(world.state, "/faults", plan)


def test_the_management_client_survives_throttling_errors_cuts_and_slow_provisioning(failing: World) -> None:
    failing.group("faults")
    faulty(failing, seed=5, throttle=0.15, error=0.1, cut=0.15, slow=1.0, service="arm")
    subscription = failing.identity("deployer")["subscription"]
    with StorageManagementClient(ManagedIdentityCredential(), subscription) as client:
        place: Any = {"location": "westeurope", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}
        for number in range(3):
            made = client.storage_accounts.begin_create("faults", f"faultaccount{number}", place).result()
            assert made.provisioning_state == "Succeeded"
        assert len(list(client.storage_accounts.list_by_resource_group("faults"))) == 3
    codes = {entry["code"] for entry in failing.status()["refusals"]}
    assert codes & {"SubscriptionRequestsThrottled", "InternalServerError", "ConnectionCut"}


def test_the_blob_client_survives_a_busy_and_failing_service(failing: World) -> None:
    container = failing.account(failing.group("faults"), "faultblobs", "ours") + "/blobServices/default/containers/ours"
    failing.grant(container, "Storage Blob Data Contributor", failing.identity("deployer")["objectId"])
    failing.clock(advance=121)
    faulty(failing, seed=5, throttle=0.1, error=0.1, cut=0.1, service="blob")
    url, content = "https://faultblobs.blob.core.windows.net", b"x" * 100_000
    with ContainerClient(
        url, "ours", ManagedIdentityCredential(), retry_total=6, initial_backoff=1, increment_base=1
    ) as client:
        for number in range(6):
            client.upload_blob(f"{number}", content, overwrite=True)
        assert all(client.download_blob(f"{n}").readall() == content for n in range(6))


def test_a_conflict_is_told_to_the_caller_with_the_fault_in_the_log(failing: World) -> None:
    faulty(failing, conflict=1.0)
    answer = failing.arm("PUT", f"{failing.subscription}/resourceGroups/never", {"location": "westeurope"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "AnotherOperationInProgress")
    assert "a fault of seed 0, request 1 to arm" in failing.status()["refusals"][0]["message"]


def test_a_client_that_gives_up_says_azures_code(failing: World) -> None:
    faulty(failing, error=1.0, service="blob")
    with (
        ContainerClient(
            "https://faultblobs.blob.core.windows.net", "ours", ManagedIdentityCredential(), retry_total=0
        ) as client,
        pytest.raises(HttpResponseError) as refused,
    ):
        client.get_container_properties()
    assert refused.value.status_code == 500
