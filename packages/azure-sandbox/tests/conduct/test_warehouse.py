"""Rules of Azure SQL, Synapse and Data Factory at Resource Manager, and what becomes of the files behind them."""

from typing import Any

import pytest
from conduct_world import AZURE, Conduct, script
from sandbox_world import PLACE  # pyright: ignore[reportMissingImports]

RULE = {"startIpAddress": "10.0.0.1", "endIpAddress": "10.0.0.9"}
LAKE = {"accountUrl": "https://conductlake1.dfs.core.windows.net", "filesystem": "raw"}
REFUSED: list[tuple[str, Any, str, str]] = [
    ("Sql/servers/-bad", {}, "InvalidServerName", "'-bad' is not a valid server name"),
    ("Sql/servers/new", {}, "InvalidParameterValue", "Invalid value given for parameter Login."),
    (
        "Sql/servers/new",
        {"administrators": {"azureADOnlyAuthentication": True, "login": "x", "sid": "x"}},
        "InvalidParameterValue",
        "parameter administrators.principalType",
    ),
    (
        "Sql/servers/conduct-sql",
        {"administratorLogin": "sa", "administratorLoginPassword": "p"},
        "AadOnlyAuthenticationIsEnabled",
        "no password",
    ),
    (
        "Sql/servers/conduct-sql",
        {"administratorLoginPassword": "p"},
        "AadOnlyAuthenticationIsEnabled",
        "no password of an administrator can be set",
    ),
    (
        "Sql/servers/conduct-sql",
        {"administrators": {"login": "somebody else"}},
        "InvalidParameterValue",
        "'administrators.login' can only be used at server create time",
    ),
    ("Sql/servers/conduct-sql/databases/a%3Ab", {}, "InvalidDatabaseName", "is not a valid database name"),
    (
        "Sql/servers/conduct-sql/databases/x",
        {"autoPauseDelay": 5},
        "InvalidParameterValue",
        "must be -1 or 15 to 10080 minutes, not 5",
    ),
    (
        "Sql/servers/conduct-sql/firewallRules/x",
        {**RULE, "endIpAddress": "10.0.0.0"},
        "InvalidParameterValue",
        "greater",
    ),
    ("Sql/servers/conduct-sql/firewallRules/x", {**RULE, "endIpAddress": "host"}, "InvalidParameterValue", "no IPv4"),
    ("Synapse/workspaces/x-ondemand", {}, "InvalidWorkspaceName", "no '-ondemand'"),
    ("Synapse/workspaces/new", {"defaultDataLakeStorage": LAKE}, "ValidationFailed", "azureADOnlyAuthentication"),
    (
        "Synapse/workspaces/conduct-syn",
        {"defaultDataLakeStorage": LAKE},
        "PropertyChangeNotAllowed",
        "properties.azureADOnlyAuthentication",
    ),
    ("DataFactory/factories/a--b", {}, "InvalidName", "'a--b' is invalid"),
    (
        "DataFactory/factories/conduct-adf/triggers/t",
        {"type": "ScheduleTrigger", "typeProperties": {}},
        "BadRequest",
        "TumblingWindowTrigger",
    ),
    (
        "DataFactory/factories/conduct-adf/datasets/d",
        {"type": "Parquet", "linkedServiceName": {"type": "LinkedServiceReference", "referenceName": "gone"}},
        "BadRequest",
        "invalid reference 'gone'",
    ),
]


@pytest.mark.parametrize(("short", "properties", "code", "told"), REFUSED)
def test_a_put_is_refused_in_azures_words(conduct: Conduct, short: str, properties: Any, code: str, told: str) -> None:
    tracked = short.count("/") == 2 or "/databases/" in short
    body = {"properties": properties, **({"location": PLACE} if tracked else {})}
    body |= {"identity": {"type": "SystemAssigned"}} if short.startswith("Synapse") and tracked else {}
    answer = conduct.world.arm("PUT", f"{conduct.providers}/Microsoft.{short}", body)
    error = answer.json()["error"]
    assert (error["code"], told in error["message"]) == (code, True), error


def test_a_factory_keeps_the_kind_of_its_identity(conduct: Conduct) -> None:
    body = {"location": PLACE, "identity": {"type": "SystemAssigned"}}
    answer = conduct.world.arm("PUT", conduct.factory, body)
    assert (answer.status_code, "identity type" in answer.json()["error"]["message"]) == (400, True)
    shown = conduct.world.put(conduct.factory, {"location": PLACE})
    assert shown["identity"]["principalId"] == conduct.principal


def test_names_are_taken_everywhere(conduct: Conduct) -> None:
    subscription = conduct.world.subscription
    for namespace, kind, name in (
        ("Sql", "Microsoft.Sql/servers", "conduct-sql"),
        ("Synapse", "Microsoft.Synapse/workspaces", "conduct-syn"),
    ):
        path = f"{subscription}/providers/Microsoft.{namespace}/checkNameAvailability"
        asked = {"name": name, "type": kind}
        assert conduct.world.arm("POST", path, asked).json()["available"] is False
        assert conduct.world.arm("POST", path, asked | {"name": "free-name"}).json()["available"] is True
    # Data Factory offers no such question; who takes a name twice is refused.
    twin = f"{conduct.world.group('elsewhere')}/Microsoft.DataFactory/factories/conduct-adf"
    answer = conduct.world.arm("PUT", twin, {"location": PLACE})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "DataFactoryNameInUse")


def test_azure_tells_where_things_answer(conduct: Conduct) -> None:
    get = conduct.world.arm
    server = get("GET", conduct.server).json()["properties"]
    assert server["fullyQualifiedDomainName"] == "conduct-sql.database.windows.net"
    assert server["administrators"]["azureADOnlyAuthentication"] is True
    assert get("GET", f"{conduct.server}/azureADOnlyAuthentications/Default").json()["properties"] == {
        "azureADOnlyAuthentication": True, "provisioningState": "Succeeded"}  # fmt: skip
    endpoints = get("GET", conduct.synapse).json()["properties"]["connectivityEndpoints"]
    assert endpoints["sqlOnDemand"] == "conduct-syn-ondemand.sql.azuresynapse.net"
    assert endpoints["dev"] == "https://conduct-syn.dev.azuresynapse.net"
    assert get("GET", f"{conduct.server}/databases/scores").json()["properties"]["autoPauseDelay"] == 60
    status, code, _ = conduct.refused("DELETE", f"{conduct.server}/databases/master")
    assert (status, code) == (409, "OperationNotAllowed")
    assert conduct.refused("DELETE", f"{conduct.server}/administrators/ActiveDirectory")[1] == (
        "AadOnlyAuthenticationIsEnabled")  # fmt: skip


def test_a_database_goes_with_its_rows_and_a_server_with_its_files(conduct: Conduct) -> None:
    admin = {"login": "w", "sid": conduct.warehouse["properties"]["clientId"], "principalType": "Application"}
    server = f"{conduct.providers}/Microsoft.Sql/servers/passing"
    body = {"location": PLACE, "properties": {"administrators": admin | {"azureADOnlyAuthentication": True}}}
    for _ in range(2):
        conduct.world.put(server, body)
        conduct.world.put(f"{server}/firewallRules/azure", {"properties": AZURE})
        conduct.world.put(f"{server}/databases/d", {"location": PLACE})
        own = {"server": "passing.database.windows.net", "database": "d", "credential": {
            "type": "CredentialReference", "referenceName": "admin"}}  # fmt: skip
        conduct.put("linkedservices/passing", {"type": "AzureSqlDatabase", "typeProperties": own})
        assert conduct.sql("CREATE TABLE dbo.a (A INT)", "passing") == [], "a new server holds nothing"
        assert (conduct.world.state / "sql" / "passing" / "d.duckdb").exists()
        assert conduct.world.arm("DELETE", server).status_code < 300
        assert not (conduct.world.state / "sql" / "passing").exists()
    run, _ = conduct.run("gone", script("S", "SELECT 1 AS a", "passing"))
    assert "no server 'passing.database.windows.net' exists" in run["message"]
    text = "The document cannot be deleted since it is referenced by gone."
    assert conduct.refused("DELETE", f"{conduct.factory}/linkedservices/passing")[2] == text


def test_only_an_admin_of_the_workspace_makes_logins(conduct: Conduct) -> None:
    for text, link, told in (
        ("CREATE LOGIN [x] FROM EXTERNAL PROVIDER", "serverless", "15247"),
        ("CREATE LOGIN [nobody-is-called-so] FROM EXTERNAL PROVIDER", "serverless_admin", "33134"),
        ("GRANT ADMINISTER BULK OPERATIONS TO [nobody]", "serverless_admin", "15151"),
        ("CREATE TABLE dbo.t (A INT)", "serverless_admin", "Sql error number: 0"),
    ):
        run, _ = conduct.run("logins", script("S", text, link))
        assert told in run["message"], text
    guarded = "IF SUSER_ID(N'warehouse') IS NULL CREATE LOGIN [warehouse] FROM EXTERNAL PROVIDER"
    for _ in range(2):
        assert conduct.sql(guarded, "serverless_admin") == []
