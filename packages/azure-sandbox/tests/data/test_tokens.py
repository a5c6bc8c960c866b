"""Who asks: tokens as Entra gives and refuses them, with azure-identity and without."""

from collections.abc import Callable
from typing import Any

import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ClientSecretCredential, DefaultAzureCredential, ManagedIdentityCredential
from sandbox_world import ARM, World, claims

AS = Callable[[str], World]
SCOPE = f"{ARM}/.default"


def arm(token: str) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return requests.get(f"{ARM}/subscriptions?api-version=2022-12-01", headers=headers, timeout=10)


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda token: "", "AuthenticationFailed"),
        (lambda token: "no-token", "InvalidAuthenticationToken"),
        (lambda token: token[:-20] + "A" * 20, "InvalidAuthenticationToken"),
    ],
)
def test_resource_manager_refuses_what_is_no_token(world: World, spoil: Callable[[str], str], code: str) -> None:
    refused = arm(spoil(ManagedIdentityCredential().get_token(SCOPE).token))
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, code)
    assert "Bearer" in refused.headers["WWW-Authenticate"]


def test_a_token_is_good_for_its_audience_only(world: World) -> None:
    refused = arm(ManagedIdentityCredential().get_token("https://storage.azure.com/.default").token)
    assert refused.json()["error"]["code"] == "InvalidAuthenticationTokenAudience"
    assert "https://management.azure.com" in refused.json()["error"]["message"]


def test_a_token_has_the_claims_that_entra_gives(world: World) -> None:
    found = claims(ManagedIdentityCredential().get_token(SCOPE).token)
    identity = world.identity("deployer")
    assert found["oid"] == identity["objectId"]
    assert found["appid"] == identity["clientId"]
    assert found["iss"] == f"https://sts.windows.net/{identity['tenant']}/"
    assert 23 * 3600 < found["exp"] - found["iat"] <= 24 * 3600 + 5


def test_a_person_signs_in_with_a_token_of_one_hour(as_: AS) -> None:
    as_("user:ada")
    found = claims(DefaultAzureCredential().get_token(SCOPE).token)
    assert (found["idtyp"], found["name"]) == ("user", "ada")
    assert found["exp"] - found["iat"] <= 3605


@pytest.mark.parametrize("key", ["client_id", "object_id", "resource_id"])
def test_the_deployer_picks_a_user_assigned_identity(world: World, key: str) -> None:
    made = world.user_identity(world.group("tokens"), "picked")
    wanted = {
        "client_id": {"client_id": made["properties"]["clientId"]},
        "object_id": {"identity_config": {"object_id": made["properties"]["principalId"]}},
        "resource_id": {"identity_config": {"resource_id": made["id"]}},
    }
    options: dict[str, Any] = wanted[key]
    token = ManagedIdentityCredential(**options).get_token(SCOPE).token
    assert claims(token)["oid"] == made["properties"]["principalId"]


def test_nobody_else_can_be_another(as_: AS) -> None:
    deployer = as_("deployer").identity("deployer")
    as_("user:eve")
    with pytest.raises(ClientAuthenticationError):
        ManagedIdentityCredential(client_id=deployer["clientId"]).get_token(SCOPE)


def test_a_command_runs_as_an_identity_by_its_resource_id(as_: AS) -> None:
    world = as_("deployer")
    made = world.user_identity(world.group("tokens"), "runner")
    as_(made["id"])
    assert claims(ManagedIdentityCredential().get_token(SCOPE).token)["oid"] == made["properties"]["principalId"]


def test_a_service_principal_logs_in_with_its_secret(world: World) -> None:
    identity = world.identity("deployer")
    tenant, client, secret = (identity[key] for key in ("tenant", "clientId", "clientSecret"))
    token = ClientSecretCredential(tenant, client, secret).get_token(SCOPE).token
    assert arm(token).status_code == 200
    for credential, code in (
        (ClientSecretCredential(tenant, client, "wrong"), "AADSTS7000215"),
        (ClientSecretCredential(tenant, tenant, secret), "AADSTS700016"),
    ):
        with pytest.raises(ClientAuthenticationError, match=code):
            credential.get_token(SCOPE)


def test_the_secrets_of_identities_are_for_who_owns_the_state_folder(world: World) -> None:
    with requests.Session() as session:
        session.trust_env = False
        url = f"http://127.0.0.1:{world.server['control']}/identity"
        assert session.post(url, json={"as": "deployer"}, timeout=10).status_code == 403
