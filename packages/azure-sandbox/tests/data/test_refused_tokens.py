"""Every door refuses a token that is missing, spoilt, old, of another tenant or for another service, as Azure does.

Azure SQL and Synapse are reached by Data Factory alone here, which carries no token: no door of theirs is tried.
"""

import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jwt
import pytest
import requests
from azure.identity import ManagedIdentityCredential
from sandbox_world import ARM, PLACE, World

OTHER = str(uuid.uuid4())


@dataclass(frozen=True, kw_only=True)
class Door:
    """Where a token is shown. `codes`: what is said of a token that is missing, spoilt, old, foreign, for another;
    `challenge`: the WWW-Authenticate header, where it is documented."""

    url: str
    audience: str
    method: str = "GET"
    codes: tuple[str, ...]
    challenge: str = ""


UNAUTHENTICATED = ("InvalidAuthenticationInfo",) * 4
STORAGE = r"Bearer authorization_uri=https://login.microsoftonline.com/{tenant}/oauth2/authorize "
STORAGE += "resource_id=https://storage.azure.com"
MANAGER = (
    r'Bearer authorization_uri="https://login.windows.net/{tenant}", error="invalid_token", error_description=".+"'
)
ARM_CODES = (
    "InvalidAuthenticationToken",
    "ExpiredAuthenticationToken",
    "InvalidAuthenticationTokenTenant",
    "InvalidAuthenticationTokenAudience",
)
DOORS = {
    "Batch endpoint": Door(
        url="https://tokenend.westeurope.inference.ml.azure.com/jobs",
        audience="https://ml.azure.com",
        method="POST",
        codes=("Unauthorized",) * 5,
    ),
    "Blob": Door(
        url="https://tokenlake1.blob.core.windows.net/raw/a",
        audience="https://storage.azure.com",
        codes=("PublicAccessNotPermitted", *UNAUTHENTICATED),
        challenge=STORAGE,
    ),
    "Data Lake": Door(
        url="https://tokenlake1.dfs.core.windows.net/raw/a",
        audience="https://storage.azure.com",
        codes=("PublicAccessNotPermitted", *UNAUTHENTICATED),
        challenge=STORAGE,
    ),
    "Event Hubs": Door(
        url="https://tokenhubs1.servicebus.windows.net/events/messages",
        audience="https://eventhubs.azure.net",
        method="POST",
        codes=("40100", "40103", "40103", "40103", "40104"),
    ),
    "Resource Manager": Door(
        url=f"{ARM}/subscriptions?api-version=2022-12-01",
        audience=ARM,
        codes=("AuthenticationFailed", *ARM_CODES),
        challenge=MANAGER,
    ),
    "Run history": Door(
        url="https://westeurope.api.azureml.ms/history/v1.0/x",
        audience="https://ml.azure.com",
        codes=("AuthenticationFailed", *ARM_CODES),
    ),
}
SPOILT: list[Callable[[str], str]] = [
    lambda token: "no-token",
    lambda token: "a.b.c",
    lambda token: token[:-20] + "A" * 20,
    lambda token: ".".join([token.split(".")[0], token.split(".")[1][:-8] + "AAAAAAAA", token.split(".")[2]]),
    lambda token: jwt.encode(claims_of(token), "guessed" * 8, "HS256"),
    lambda token: jwt.encode(claims_of(token), "", "none"),
]


def claims_of(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


@pytest.fixture
def doors(world: World) -> World:
    """What lies behind the doors; the deployer may do everything there."""
    providers = world.group("tokens")
    lake = f"{providers}/Microsoft.Storage/storageAccounts/tokenlake1"
    if world.arm("GET", lake).status_code == 200:
        return world
    world.account(providers, "tokenlake1", "raw", isHnsEnabled=True)
    hubs = f"{providers}/Microsoft.EventHub/namespaces/tokenhubs1"
    world.put(hubs, {"location": PLACE, "sku": {"name": "Standard"}})
    world.put(f"{hubs}/eventhubs/events", {"properties": {"partitionCount": 1, "messageRetentionInDays": 1}})
    deployer = world.identity("deployer")
    world.grant(hubs, "Azure Event Hubs Data Sender", deployer["objectId"])
    world.clock(advance=121)
    vault = f"{providers}/Microsoft.KeyVault/vaults/tokenvault1"
    sku = {"sku": {"name": "standard", "family": "A"}, "enableRbacAuthorization": True}
    world.put(vault, {"location": PLACE, "properties": sku | {"tenantId": deployer["tenant"]}})
    parts = {"storageAccount": world.account(providers, "tokenwork1"), "keyVault": vault}
    space = f"{providers}/Microsoft.MachineLearningServices/workspaces/tokens"
    world.put(space, {"location": PLACE, "identity": {"type": "SystemAssigned"}, "properties": parts})
    world.put(f"{space}/batchEndpoints/tokenend", {"location": PLACE, "properties": {"authMode": "AADToken"}})
    return world


def signed(world: World, audience: str, **changes: Any) -> str:
    """A token as Entra would sign it, with some claims of its own."""
    key = (world.state / "keys" / "token-key.pem").read_bytes()
    good = claims_of(ManagedIdentityCredential().get_token(f"{audience}/.default").token)
    return jwt.encode(good | changes, key, "RS256")


def shown(door: Door, authorization: str) -> requests.Response:
    headers = {"x-ms-version": "2023-11-03"} | ({"Authorization": authorization} if authorization else {})
    return requests.request(door.method, door.url, headers=headers, timeout=30)


def code_of(answer: requests.Response) -> str:
    if "json" in answer.headers.get("content-type", ""):
        return answer.json()["error"]["code"]
    found = re.search(r"<Detail>(\d+):", answer.text) or re.search(r"<Code>(\w+)</Code>", answer.text)
    assert found, answer.text
    return found[1]


def refused(world: World, door: Door, authorization: str, code: str) -> None:
    answer = shown(door, authorization)
    assert (answer.status_code, code_of(answer)) == (409 if code.startswith("Public") else 401, code)
    if door.challenge and not code.startswith("Public"):
        challenge = door.challenge.replace("{tenant}", world.identity("deployer")["tenant"])
        assert re.fullmatch(challenge, answer.headers["WWW-Authenticate"])


@pytest.mark.parametrize("name", DOORS)
def test_a_door_opens_to_a_token_of_its_own(doors: World, name: str) -> None:
    door = DOORS[name]
    token = signed(doors, door.audience)
    assert shown(door, f"Bearer {token}").status_code not in (401, 409)
    assert shown(door, f"bearer {token}").status_code not in (401, 409)


@pytest.mark.parametrize("name", DOORS)
def test_a_token_that_is_missing_is_asked_for(doors: World, name: str) -> None:
    refused(doors, DOORS[name], "", DOORS[name].codes[0])


@pytest.mark.parametrize("name", DOORS)
@pytest.mark.parametrize("spoil", SPOILT)
def test_a_token_that_was_tampered_with_is_refused(doors: World, name: str, spoil: Callable[[str], str]) -> None:
    door = DOORS[name]
    refused(doors, door, f"Bearer {spoil(signed(doors, door.audience))}", door.codes[1])


@pytest.mark.parametrize("name", DOORS)
def test_a_token_is_refused_when_it_has_expired(doors: World, name: str) -> None:
    door, now = DOORS[name], int(time.time())
    token = signed(doors, door.audience, iat=now - 7200, nbf=now - 7200, exp=now - 60)
    refused(doors, door, f"Bearer {token}", door.codes[2])


@pytest.mark.parametrize("name", DOORS)
def test_a_token_of_another_tenant_is_refused(doors: World, name: str) -> None:
    door = DOORS[name]
    token = signed(doors, door.audience, tid=OTHER, iss=f"https://sts.windows.net/{OTHER}/")
    refused(doors, door, f"Bearer {token}", door.codes[3])


@pytest.mark.parametrize("name", DOORS)
def test_a_token_for_another_service_is_refused(doors: World, name: str) -> None:
    door = DOORS[name]
    refused(doors, door, f"Bearer {signed(doors, 'https://vault.azure.net')}", door.codes[4])


@pytest.mark.parametrize("name", DOORS)
def test_a_token_of_nobody_is_refused(doors: World, name: str) -> None:
    door = DOORS[name]
    refused(doors, door, f"Bearer {signed(doors, door.audience, oid=OTHER)}", door.codes[1])


@pytest.mark.parametrize("authorization", ["Basic dXNlcjpwYXNz", "Bearer", "Bearer ", "token"])
def test_resource_manager_takes_bearers_only(world: World, authorization: str) -> None:
    refused(world, DOORS["Resource Manager"], authorization, "AuthenticationFailedInvalidHeader")


def test_who_was_refused_learns_what_was_wrong(world: World) -> None:
    manager = DOORS["Resource Manager"]
    tenant = world.identity("deployer")["tenant"]
    told = shown(manager, f"Bearer {signed(world, ARM, tid=OTHER, iss=f'https://sts.windows.net/{OTHER}/')}").json()
    assert f"wrong issuer 'https://sts.windows.net/{OTHER}/'" in told["error"]["message"]
    assert f"'https://sts.windows.net/{tenant}/'" in told["error"]["message"]
    told = shown(manager, f"Bearer {signed(world, 'https://vault.azure.net')}").json()
    assert "wrong audience or resource 'https://vault.azure.net'" in told["error"]["message"]
    answer = shown(manager, "")
    assert answer.headers["WWW-Authenticate"].endswith(
        "error_description=\"The authentication failed because of missing 'Authorization' header.\""
    )
