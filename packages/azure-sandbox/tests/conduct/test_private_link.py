"""Who reaches a SQL server: nobody, Azure's own machines, or a factory's managed network that was let in."""

from collections.abc import Iterator

import pytest
from conduct_world import Body, Conduct, script

ADMIN = {"credential": {"type": "CredentialReference", "referenceName": "admin"}}
MANAGED = {"type": "ManagedVirtualNetworkReference", "referenceName": "default"}
NETWORK = "managedVirtualNetworks/default"
ENDPOINT = f"{NETWORK}/managedPrivateEndpoints/to-sql"


@pytest.fixture
def shut(conduct: Conduct) -> Iterator[Conduct]:
    """The server without a public door; afterwards it has one again."""
    _door(conduct, "Disabled")
    yield conduct
    _door(conduct, "Enabled")


def _door(conduct: Conduct, access: str) -> None:
    conduct.world.put(conduct.server, {"location": "westeurope", "properties": {"publicNetworkAccess": access}})


def _asks(conduct: Conduct, via: str | None) -> tuple[str, str]:
    """Status and message of a script at the database, run by this integration runtime."""
    properties = {"server": "conduct-sql.database.windows.net", "database": "scores"}
    properties |= {"authenticationType": "UserAssignedManagedIdentity"} | ADMIN
    service: Body = {"type": "AzureSqlDatabase", "typeProperties": properties}
    if via:
        service["connectVia"] = {"type": "IntegrationRuntimeReference", "referenceName": via}
    conduct.put("linkedservices/through", service)
    run, activity = conduct.run("asks", script("S", "SELECT 1 AS One", "through"))
    return run["status"], activity["error"]["message"]


def _linked(conduct: Conduct) -> None:
    conduct.put(NETWORK, {})
    conduct.put("integrationRuntimes/managed", {"type": "Managed", "managedVirtualNetwork": MANAGED})
    conduct.put(ENDPOINT, {"privateLinkResourceId": conduct.server, "groupId": "sqlServer"})


def _connection(conduct: Conduct) -> Body:
    found = conduct.world.arm("GET", f"{conduct.server}/privateEndpointConnections").json()["value"]
    return found[-1]


def _answer(conduct: Conduct, status: str) -> None:
    state = {"status": status, "description": "by the owner"}
    conduct.world.put(_connection(conduct)["id"], {"properties": {"privateLinkServiceConnectionState": state}})


def test_azures_machines_come_in_by_the_rule_that_names_them_alone(conduct: Conduct) -> None:
    rule = f"{conduct.server}/firewallRules/azure"
    properties = conduct.world.arm("GET", rule).json()["properties"]
    assert _asks(conduct, None) == ("Succeeded", "")
    assert conduct.world.arm("DELETE", rule).status_code == 200
    status, told = _asks(conduct, None)
    conduct.world.put(rule, {"properties": properties})
    assert (status, "40615" in told, "is not allowed to access the server" in told) == ("Failed", True, True)


def test_a_shut_door_lets_in_an_approved_endpoint_alone(shut: Conduct) -> None:
    assert "47073" in _asks(shut, None)[1]
    _linked(shut)
    assert "47073" in _asks(shut, "managed")[1], "its endpoint waits for approval"
    assert shut.world.arm("GET", f"{shut.factory}/{ENDPOINT}").json()["properties"]["connectionState"] == {
        "status": "Pending"
    }
    _answer(shut, "Approved")
    assert _asks(shut, "managed") == ("Succeeded", "")
    assert "47073" in _asks(shut, None)[1], "Data Factory's other machines stay outside"
    shown = shut.world.arm("GET", f"{shut.factory}/{ENDPOINT}").json()["properties"]
    assert shown["connectionState"] == {"status": "Approved"}
    assert _connection(shut)["properties"]["privateEndpoint"]["id"].endswith("/conduct-adf.to-sql")


def test_a_rejected_endpoint_stays_outside_and_goes_with_its_connection(shut: Conduct) -> None:
    _linked(shut)
    _answer(shut, "Rejected")
    assert "47073" in _asks(shut, "managed")[1]
    state = {"privateLinkServiceConnectionState": {"status": "Approved"}}
    assert "that is Rejected cannot become Approved" in shut.refused("PUT", _connection(shut)["id"], state)[2]
    assert shut.world.arm("DELETE", f"{shut.factory}/{ENDPOINT}").status_code == 200
    assert shut.world.arm("GET", f"{shut.server}/privateEndpointConnections").json()["value"] == []


def test_no_firewall_rule_changes_behind_a_shut_door(shut: Conduct) -> None:
    rule = f"{shut.server}/firewallRules/azure"
    for method, body in (("PUT", {"startIpAddress": "10.0.0.1", "endIpAddress": "10.0.0.1"}), ("DELETE", None)):
        _, code, told = shut.refused(method, rule, body)
        assert (code, told[:26]) == ("DenyPublicEndpointEnabled", "Unable to create or modify")


REFUSED = [
    ("managedVirtualNetworks/second", {}, "InvalidResourceRequest", "a factory has one, 'default'"),
    (f"{NETWORK}/managedPrivateEndpoints/to", {"groupId": "sqlServer"}, "BadRequest", "privateLinkResourceId"),
    ("integrationRuntimes/own", {"type": "SelfHosted"}, "BadRequest", "Allowed values are: Managed"),
    (
        "integrationRuntimes/lost",
        {"type": "Managed", "managedVirtualNetwork": MANAGED | {"referenceName": "gone"}},
        "BadRequest",
        "invalid reference 'gone'",
    ),
    ("integrationRuntimes/managed", {"type": "Managed"}, "BadRequest", "can't switch to"),
    (
        "linkedservices/through",
        {
            "type": "AzureBlobFS",
            "typeProperties": {"url": "https://x.dfs.core.windows.net"},
            "connectVia": {"type": "IntegrationRuntimeReference", "referenceName": "gone"},
        },
        "BadRequest",
        "invalid reference 'gone'",
    ),
]


@pytest.mark.parametrize(("short", "properties", "code", "told"), REFUSED)
def test_what_is_no_managed_network_is_refused(
    conduct: Conduct, short: str, properties: Body, code: str, told: str
) -> None:
    conduct.put(NETWORK, {})
    conduct.put("integrationRuntimes/managed", {"type": "Managed", "managedVirtualNetwork": MANAGED})
    _, found, message = conduct.refused("PUT", f"{conduct.factory}/{short}", properties)
    assert found == code, message
    assert told in message


def test_a_managed_network_goes_with_its_factory_only(conduct: Conduct) -> None:
    conduct.put(NETWORK, {})
    assert conduct.refused("DELETE", f"{conduct.factory}/{NETWORK}")[:2] == (405, "HttpMethodNotAllowed")


def test_a_connection_is_asked_for_by_an_endpoint_never_made_by_hand(conduct: Conduct) -> None:
    state = {"privateLinkServiceConnectionState": {"status": "Approved"}}
    refused = conduct.refused("PUT", f"{conduct.server}/privateEndpointConnections/mine", state)
    assert refused[:2] == (404, "PrivateEndpointConnectionNotFound")
