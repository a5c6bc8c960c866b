"""Who asks too often is told how long to wait, as each service tells it; and Azure's clients wait and go on."""

from collections.abc import Iterator

import pytest
import requests
from azure.core.exceptions import HttpResponseError
from azure.identity import ManagedIdentityCredential
from azure.mgmt.resource.resources import ResourceManagementClient
from azure_sandbox import lifecycle
from sandbox_world import ARM, PLACE, World

REMAINING = "x-ms-ratelimit-remaining"


@pytest.fixture
def busy(world: World) -> Iterator[World]:
    """Every request is one too many."""
    lifecycle.ask(world.state, "/faults", {"throttle": 1.0})
    yield world
    lifecycle.ask(world.state, "/faults", {})


@pytest.mark.parametrize(
    ("method", "kind"), [("DELETE", "deletes"), ("GET", "reads"), ("POST", "writes"), ("PUT", "writes")]
)
def test_resource_manager_says_how_many_requests_are_left(world: World, method: str, kind: str) -> None:
    path = f"{world.subscription}/resourceGroups/counted"
    left = [int(world.arm(method, path, {"location": PLACE}).headers[f"{REMAINING}-subscription-{kind}"]) for _ in "12"]
    assert 1 <= left[1] <= left[0] < {"reads": 250}.get(kind, 200)
    world.arm("DELETE", path)


def test_the_tenant_has_limits_of_its_own(world: World) -> None:
    assert int(world.arm("GET", "/tenants").headers[f"{REMAINING}-tenant-reads"]) < 250


@pytest.mark.parametrize(
    ("method", "path", "code", "header"),
    [
        ("DELETE", "{subscription}/resourceGroups/a", "SubscriptionRequestsThrottled", "subscription-deletes"),
        ("GET", "/tenants", "TenantRequestsThrottled", "tenant-reads"),
        ("GET", "{subscription}/resourceGroups/a", "SubscriptionRequestsThrottled", "subscription-reads"),
        ("PUT", "{subscription}/resourceGroups/a", "SubscriptionRequestsThrottled", "subscription-writes"),
    ],
)
def test_resource_manager_refuses_with_429_and_when_to_come_again(
    busy: World, method: str, path: str, code: str, header: str
) -> None:
    answer = busy.arm(method, path.format(subscription=busy.subscription), {"location": PLACE})
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, code)
    assert answer.headers[f"{REMAINING}-{header}"] == "0"
    assert answer.headers["Retry-After"] == "1"  # seconds
    assert "Please try again after '1' seconds" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("url", "status", "code"),
    [
        ("https://busyhubs1.servicebus.windows.net/h/messages", 503, "50002"),
        ("https://busylake1.blob.core.windows.net/raw/a", 503, "ServerBusy"),
        ("https://busylake1.dfs.core.windows.net/raw/a", 503, "ServerBusy"),
        ("https://ep.westeurope.inference.ml.azure.com/jobs", 429, "TooManyRequests"),
    ],
)
def test_data_planes_refuse_in_their_own_words(busy: World, url: str, status: int, code: str) -> None:
    answer = requests.get(url, timeout=30)
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (status, code)
    assert answer.headers["Retry-After"] == "1"


def test_a_client_waits_as_long_as_it_was_told_and_goes_on(world: World) -> None:
    lifecycle.ask(world.state, "/faults", {"seed": 4, "throttle": 0.4})
    try:
        subscription = world.subscription.rsplit("/", 1)[-1]
        with ManagedIdentityCredential() as credential, ResourceManagementClient(credential, subscription) as client:
            for number in range(3):
                assert client.resource_groups.create_or_update(f"patient{number}", {"location": PLACE}).name
    finally:
        lifecycle.ask(world.state, "/faults", {})
    met = [entry["code"] for entry in world.status()["refusals"] if "a fault of seed 4" in entry["message"]]
    assert met == ["SubscriptionRequestsThrottled"] * 2


def test_a_client_that_may_not_wait_says_why(busy: World) -> None:
    subscription = busy.subscription.rsplit("/", 1)[-1]
    with (
        ManagedIdentityCredential() as credential,
        ResourceManagementClient(credential, subscription, retry_total=0) as client,
        pytest.raises(HttpResponseError) as refused,
    ):
        client.resource_groups.get("any")
    assert (refused.value.status_code, refused.value.error and refused.value.error.code) == (
        429,
        "SubscriptionRequestsThrottled",
    )


def test_tokens_are_never_throttled(busy: World) -> None:
    assert ManagedIdentityCredential().get_token(f"{ARM}/.default").token
